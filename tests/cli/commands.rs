//! Each command's way and its main errors.

use crate::support::{Site, in_both_ways};

fn seed(site: &Site) {
    site.ok(&["mkdir", "-p", "/docs/old"]);
    site.ok(&["set", "/docs", "title=Docs"]);
    site.ok(&["add", "/docs/a.html", "--type", "page", "--set", "title=A", "--set", "body=About trees"]);
    site.run_with(&["put", "/docs/b.txt"], b"bee\n");
}

#[test]
fn reading_commands_answer_in_text_and_in_json() {
    in_both_ways(|site| {
        seed(site);
        assert_eq!(site.ls("/docs"), "old/ a.html b.txt");
        assert_eq!(site.ok(&["ls", "--by-name", "/docs"]), "a.html\nb.txt\nold/\n");
        let long = site.ok(&["ls", "-l", "/docs/b.txt"]);
        assert!(long.starts_with("file") && long.contains("4 B"), "{long}");
        let rows = site.rows(&["ls", "/docs"]);
        assert_eq!(
            (&rows[1]["path"], &rows[1]["type"], &rows[1]["title"]),
            (&"/docs/a.html".into(), &"page".into(), &"A".into())
        );
        assert_eq!(site.ok(&["cat", "/docs/b.txt"]), "bee\n");
        assert_eq!(site.rows(&["cat", "/docs/a.html"])[0]["attributes"]["body"], "About trees");
        assert_eq!(site.ok(&["find", "/docs", "--name", "*.html"]), "/docs/a.html\n");
        assert_eq!(site.ok(&["find", "/docs", "--text", "TREES"]), "/docs/a.html\n");
        assert_eq!(site.ok(&["find", "/docs", "--with", "title=A"]), "/docs/a.html\n");
        assert_eq!(site.ok(&["find", "/", "--type", "file", "--name", "b*"]), "/docs/b.txt\n");
        assert_eq!(site.rows(&["du", "-s", "/docs"])[0]["objects"], 4);
        assert_eq!(site.rows(&["status"])[0]["failure"], serde_json::Value::Null);
    });
}

#[test]
fn any_moment_of_the_past_can_be_read() {
    in_both_ways(|site| {
        seed(site);
        let then = site.rows(&["log", "-n", "1"])[0]["tid"].as_str().unwrap().to_owned();
        site.ok(&["set", "/docs/a.html", "body=new"]);
        site.ok(&["rm", "/docs/b.txt"]);
        assert_eq!(site.ok(&["cat", "/docs/a.html", "--at", &then]), "About trees");
        assert_eq!(site.ok(&["cat", "/docs/b.txt", "--at", &then]), "bee\n");
        assert!(site.ok(&["ls", "/docs", "--at", &then]).contains("b.txt"));
        assert_eq!(site.ls("/docs"), "old/ a.html");
        assert!(site.fails(2, &["ls", "--at", "whenever"]).contains("2h ago"));
        assert!(
            site.fails(3, &["cat", "/docs/a.html", "--at", "tffffffffffffff"]).contains("the last commit is")
        );
    });
}

#[test]
fn history_says_who_changed_which_cell_when_and_from_what() {
    in_both_ways(|site| {
        seed(site);
        let first = site.rows(&["log", "-n", "1"])[0]["tid"].as_str().unwrap().to_owned();
        let set = site.tid(&["set", "/docs/a.html", "title=B"]);
        let show = site.ok(&["show", &set]);
        assert!(
            show.contains("Set title of /docs/a.html") && show.contains("title: \"A\" -> \"B\""),
            "{show}"
        );
        assert!(show.contains("ana"), "{show}");
        let blame = site.ok(&["blame", "/docs/a.html"]);
        let title = blame.lines().find(|line| line.contains(" title ")).unwrap();
        assert!(title.starts_with(&set) && title.contains("ana") && title.contains("\"B\""), "{title}");
        let diff = site.ok(&["diff", &first, &set]);
        assert!(diff.contains("changed /docs/a.html") && diff.contains("\"A\" -> \"B\""), "{diff}");
        assert!(site.ok(&["diff", &set, &first]).contains("\"B\" -> \"A\""), "and the other way round");
        site.ok(&["rm", "/docs/a.html"]);
        assert!(
            site.ok(&["log", "/docs/a.html"]).contains("Deleted /docs/a.html"),
            "what is gone has a history"
        );
    });
}

#[test]
fn acquire_says_where_a_value_comes_from_what_it_hides_and_where_the_search_ends() {
    in_both_ways(|site| {
        seed(site);
        site.ok(&["set", "/", "colour=green"]);
        let from_root = site.ok(&["acquire", "/docs/a.html", "colour"]);
        assert!(
            from_root.contains("colour = \"green\"") && from_root.contains("of / (2 containers up)"),
            "{from_root}"
        );
        assert!(from_root.contains("set by ana"), "{from_root}");
        site.ok(&["set", "/docs", "colour=blue"]);
        let hiding = site.ok(&["acquire", "/docs/a.html", "colour"]);
        assert!(hiding.contains("colour = \"blue\"") && hiding.contains("hides \"green\""), "{hiding}");
        site.ok(&["set", "/docs", "colour:block="]);
        let error = site.fails(3, &["acquire", "/docs/a.html", "colour"]);
        assert!(error.contains("`/docs` blocks the search"), "{error}");
    });
}

#[test]
fn set_takes_every_kind_of_value_and_clears() {
    in_both_ways(|site| {
        seed(site);
        site.ok(&[
            "set",
            "/docs",
            "n:int=-3",
            "f:float=1.5",
            "t:time=1970-01-01T00:00:01Z",
            "r:reference=/docs/b.txt",
            "l:json=[1,\"x\"]",
            "_mark=true",
        ]);
        let attributes = &site.rows(&["cat", "/docs"])[0]["attributes"];
        let expected = serde_json::json!({
            "n": -3, "f": {"float": 1.5}, "t": {"time": 1_000_000}, "r": {"reference": "/docs/b.txt"}, "l": [1, "x"],
            "_mark": true, "title": "Docs"
        });
        assert_eq!(*attributes, expected);
        site.ok(&["set", "/docs", "--unset", "n", "--unset", "title"]);
        assert_eq!(site.rows(&["cat", "/docs"])[0]["attributes"]["n"], serde_json::Value::Null);
        for (wrong, says) in [
            ("n:int=many", "a whole number"),
            ("n:colour=red", "no kind of value"),
            ("noequals", "NAME=VALUE"),
            ("@x=1", "reserved"),
            ("b:bool=maybe", "`true` or `false`"),
            ("j:json={", "JSON"),
        ] {
            let error = site.fails(2, &["set", "/docs", wrong]);
            assert!(error.contains(says), "{wrong}: {error}");
        }
        assert!(site.fails(3, &["set", "/docs", "r:reference=/nowhere"]).contains("/nowhere"));
    });
}

#[test]
fn what_was_deleted_comes_back_with_everything_in_it_also_elsewhere() {
    in_both_ways(|site| {
        seed(site);
        site.ok(&["cp", "/docs/a.html", "/docs/old"]);
        let then = site.rows(&["log", "-n", "1"])[0]["tid"].as_str().unwrap().to_owned();
        site.ok(&["set", "/docs/old/a.html", "title=Spoilt"]);
        site.ok(&["rm", "/docs/old"]);
        site.ok(&["restore", "/docs/old", "--at", &then]);
        assert_eq!(site.ok(&["cat", "/docs/old/a.html", "title"]), "A");
        site.ok(&["rm", "/docs"]);
        let error = site.fails(3, &["restore", "/docs/b.txt", "--at", &then]);
        assert!(error.contains("--to ANOTHER-PLACE"), "{error}");
        site.ok(&["restore", "/docs/b.txt", "--at", &then, "--to", "/b.txt"]);
        assert_eq!(site.ok(&["cat", "/b.txt"]), "bee\n");
    });
}

#[test]
fn errors_say_what_was_found_and_what_to_type_next() {
    in_both_ways(|site| {
        seed(site);
        let cases: [(i32, &[&str], &str); 17] = [
            (3, &["cat", "/docs/x/y"], "`/docs` has no child `x`"),
            (3, &["cat", "/docs/a.html", "nix"], "no attribute `nix`"),
            (1, &["cat", "/docs"], "a folder without content"),
            (2, &["cat", "docs"], "expected it to begin with `/`"),
            (2, &["ls", "/../etc"], "means a place in a path"),
            (1, &["mkdir", "/docs"], "already has a child `docs`"),
            (3, &["mkdir", "/x/y"], "`/` has no child `x`"),
            (1, &["mkdir", "/docs/a.html/b"], "cannot contain"),
            (2, &["add", "/p", "--type", "pgae"], "expected one of"),
            (1, &["mv", "/docs", "/docs/old"], "cannot be moved into itself"),
            (1, &["mv", "/docs/a.html", "/docs/b.txt"], "already has a child"),
            (1, &["rm", "/"], "the root cannot be"),
            (3, &["rm", "/docs/b.txt", "/nowhere"], "nothing at `/nowhere`"),
            (3, &["show", "t1f"], "no commit t1f"),
            (2, &["show", "o1f"], "is not a transaction id"),
            (3, &["put", "/no/where"], "`/` has no child `no`"),
            (2, &["frobnicate"], "unrecognized subcommand"),
        ];
        for (code, arguments, says) in cases {
            let error = site.fails(code, arguments);
            assert!(error.contains(says), "{arguments:?}: {error}");
        }
        assert_eq!(site.ls("/docs"), "old/ a.html b.txt", "and nothing was changed");
        let error = site.fails(3, &["--json", "cat", "/nowhere"]);
        let row: serde_json::Value = serde_json::from_str(error.trim()).unwrap();
        assert_eq!(row["error"]["code"], "not_found");
    });
}

#[test]
fn text_of_the_site_cannot_steer_the_terminal() {
    let site = Site::new();
    site.ok(&["mkdir", "/a"]);
    site.ok(&["set", "/a", "title=\u{1b}[2Jgone"]);
    for command in [&["ls", "-l", "/"][..], &["blame", "/a"], &["acquire", "/a", "title"], &["log"]] {
        assert!(!site.ok(command).contains('\u{1b}'), "{command:?}");
    }
    assert_eq!(
        site.ok(&["cat", "/a", "title"]),
        "\u{1b}[2Jgone",
        "bytes that were asked for go out as they are"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let site = Site::new();
    site.write("big/x", vec![b'x'; 3 << 20]);
    site.ok(&["import", site.beside("big").to_str().unwrap(), "/big"]);
    let mut child = site
        .command(&["cat", "/big/x"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn reading_makes_no_data_folder() {
    let site = Site::new();
    let error = site.fails(5, &["ls"]);
    assert!(error.contains("there is no data folder") && error.contains(" serve"), "{error}");
    assert!(!site.data().exists());
}

/// The program's own types have one edition each, so only what is of none or of a later one is there to be told.
#[test]
fn a_migration_names_what_it_cannot_bring_up() {
    in_both_ways(|site| {
        site.ok(&["mkdir", "/docs"]);
        site.ok(&["add", "/docs/a", "--type", "page"]);
        let nothing = "Everything is of the present edition of its type";
        assert!(site.ok(&["migrate"]).contains(nothing));
        site.ok(&["set", "/docs/a", "_edition:int=9"]);
        for preview in [&["migrate", "/docs"][..], &["migrate", "--type", "page", "--preview"]] {
            let ran = site.run(preview);
            let why = "/docs/a: edition 9 is newer than this program knows: that is 1";
            assert!(ran.out.contains(why), "{}{}", ran.out, ran.err);
            assert!(ran.err.contains("1 object stays as it is"), "{}", ran.err);
        }
        site.fails(1, &["migrate"]);
        assert!(site.ok(&["migrate", "--type", "folder"]).contains(nothing));
        site.fails(3, &["migrate", "/nowhere"]);
    });
}
