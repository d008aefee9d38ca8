//! Private versions on the command line.

use crate::support::{Site, in_both_ways};

fn seed(site: &Site) {
    site.ok(&["mkdir", "-p", "/docs/old"]);
    for (path, title) in [("/docs/a", "A"), ("/docs/b", "B"), ("/docs/old/c", "C")] {
        site.ok(&["add", path, "--type", "page", "--set", &format!("title={title}")]);
    }
}

fn title(site: &Site, path: &str, version: &[&str]) -> String {
    site.ok(&[&["cat", path, "title"], version].concat())
}

const V: [&str; 2] = ["--version", "redesign"];

#[test]
fn a_version_goes_all_the_way_from_its_making_to_a_second_merge() {
    in_both_ways(|site| {
        seed(site);
        assert!(site.run(&["version", "list"]).err.contains("version create NAME"));
        let made = site.ok(&["version", "create", "redesign", "--title", "New look"]);
        assert!(made.contains("of the public site") && made.contains("--version redesign"), "{made}");

        let set = site.ok(&["set", "/docs/a", "title=mine", V[0], V[1]]);
        assert!(set.lines().last().unwrap().ends_with("--version redesign"), "undo there: {set}");
        site.ok(&["mv", "/docs/b", "/b", V[0], V[1]]);
        site.ok(&["set", "/docs/a", "title=theirs"]);
        site.ok(&["add", "/docs/new", "--type", "page"]);
        assert_eq!(
            (title(site, "/docs/a", &V), title(site, "/docs/a", &[])),
            ("mine".into(), "theirs".into())
        );

        let list = site.ok(&["version", "list"]);
        for part in ["redesign", "ana", "2 objects changed", "2 commits behind", "New look"] {
            assert!(list.contains(part), "{part} is not in: {list}");
        }
        let show = site.ok(&["version", "show", "redesign"]);
        for part in ["New look", "of ana", "2 commits behind", "both sides: /docs/a", "both changed `title`"]
        {
            assert!(show.contains(part), "{part} is not in: {show}");
        }
        let diff = site.ok(&["version", "diff", "redesign"]);
        assert!(diff.contains("title: \"A\" -> \"mine\"") && diff.contains("/docs/b -> /b"), "{diff}");

        let conflicts = site.rows(&["version", "conflicts", "redesign"]);
        let id = conflicts[0]["id"].as_str().unwrap();
        assert_eq!((&conflicts[0]["path"], &conflicts[0]["kind"]), (&"/docs/a".into(), &"cell".into()));
        assert_eq!(conflicts[0]["by_parent"]["principal"], "ana");
        let preview = site.ok(&["version", "update", "redesign", "--preview"]);
        assert!(preview.contains("1 conflict to settle first"), "{preview}");
        let error = site.fails(4, &["version", "update", "redesign"]);
        for part in ["nothing was changed", id, "both changed `title`", "by ana", "version resolve redesign"]
        {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
        let text = site.ok(&["version", "conflicts", "redesign"]);
        for part in ["before: \"A\"", "\"mine\"", "\"theirs\"", "--value TEXT", "Set title of /docs/a"] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
        let settled = site.ok(&["version", "resolve", "redesign", id, "--value", "ours"]);
        assert!(settled.contains("\"ours\"") && settled.contains("Nothing stands against"), "{settled}");
        assert!(site.ok(&["version", "update", "redesign"]).contains("brought in 2 commits"));
        assert_eq!(title(site, "/docs/a", &V), "ours");
        assert!(site.ls("/docs").contains("new"));

        let preview = site.ok(&["version", "merge", "redesign", "--preview"]);
        for part in ["2 objects on the public site", "\"theirs\" -> \"ours\"", "URL /docs/b -> /b"] {
            assert!(preview.contains(part), "{part} is not in: {preview}");
        }
        assert_eq!(title(site, "/docs/a", &[]), "theirs");
        let merged = site.ok(&["version", "merge", "redesign"]);
        let undo = merged.lines().find(|line| line.starts_with("undo with")).unwrap().split(' ').next_back();
        assert_eq!((title(site, "/docs/a", &[]), title(site, "/b", &[])), ("ours".into(), "B".into()));
        assert!(site.ok(&["log", "-n", "1"]).contains("merge   Merged version redesign"));

        let undone = site.run(&["undo", undo.unwrap()]);
        assert!(undone.err.contains("Version redesign holds again what was merged"), "{undone:?}");
        assert_eq!((title(site, "/docs/a", &[]), title(site, "/docs/b", &[])), ("theirs".into(), "B".into()));
        assert_eq!(site.rows(&["version", "diff", "redesign"]).len(), 2, "it holds what it merged again");
        site.ok(&["version", "merge", "redesign"]);
        assert_eq!((title(site, "/docs/a", &[]), title(site, "/b", &[])), ("ours".into(), "B".into()));
        assert!(site.ok(&["version", "merge", "redesign"]).contains("Nothing changed"));
        let merge = site.rows(&["log", "-n", "1"])[0]["tid"].as_str().unwrap().to_owned();
        site.ok(&["undo", &merge, "--for-good"]);
        assert_eq!(title(site, "/docs/a", &[]), "theirs");
        assert!(site.run(&["version", "diff", "redesign"]).err.contains("changed nothing"));
    });
}

#[test]
fn every_command_on_objects_works_in_a_version_and_leaves_the_site_alone() {
    in_both_ways(|site| {
        seed(site);
        site.write("tree/x.txt", "text");
        let tree = site.beside("tree");
        let before = site.ok(&["find", "/docs"]);
        site.ok(&["version", "create", "redesign"]);
        site.ok(&["mkdir", "/docs/m", V[0], V[1]]);
        site.ok(&["add", "/docs/m/p", "-t", "page", V[0], V[1]]);
        site.run_with(&["put", "/docs/m/f.txt", V[0], V[1]], b"bytes");
        site.ok(&["cp", "/docs/a", "/docs/m", V[0], V[1]]);
        site.ok(&["rm", "/docs/b", V[0], V[1]]);
        site.ok(&["import", tree.to_str().unwrap(), "/docs/tree", V[0], V[1]]);
        assert_eq!(site.ok(&["ls", "/docs/m", V[0], V[1]]), "p\nf.txt\na\n");
        assert_eq!(site.ok(&["--version", "redesign", "cat", "/docs/tree/x.txt"]), "text");
        assert_eq!(site.ok(&["find", "/docs", "--name", "b", V[0], V[1]]), "");
        assert_eq!(site.rows(&["du", "-s", "/docs", V[0], V[1]])[0]["objects"], 10);
        let blame = site.ok(&["blame", "/docs/a", V[0], V[1]]);
        assert!(blame.contains("[Added page /docs/a]"), "who wrote it before the version: {blame}");
        assert!(site.ok(&["acquire", "/docs/m/a", "title", V[0], V[1]]).contains("Copied /docs/a"));
        let log = site.ok(&["log", V[0], V[1]]);
        assert!(log.contains("Deleted /docs/b") && !log.contains("Added page /docs/a"), "{log}");
        let deleted =
            site.rows(&["log", "/docs/b", "-n", "1", V[0], V[1]])[0]["tid"].as_str().unwrap().to_owned();
        assert!(site.ok(&["show", &deleted, V[0], V[1]]).contains("deleted /docs/b"));
        let exported = site.beside("out");
        site.ok(&["export", "/docs/m", exported.to_str().unwrap(), V[0], V[1]]);
        assert_eq!(std::fs::read(exported.join("f.txt")).unwrap(), b"bytes");
        site.ok(&["undo", &deleted, V[0], V[1]]);
        assert_eq!(title(site, "/docs/b", &V), "B");
        assert_eq!(site.ok(&["find", "/docs"]), before, "nobody else sees that");
    });
}

#[test]
fn a_part_is_merged_and_another_thrown_away() {
    in_both_ways(|site| {
        seed(site);
        site.ok(&["version", "create", "redesign"]);
        site.ok(&["set", "/docs/a", "title=mine", "body=text", V[0], V[1]]);
        site.ok(&["set", "/docs/old/c", "title=mine", V[0], V[1]]);
        site.ok(&["mkdir", "/docs/m", V[0], V[1]]);
        site.ok(&["add", "/docs/m/p", "-t", "page", V[0], V[1]]);
        site.ok(&["rm", "/docs/b", V[0], V[1]]);

        let merged = site.ok(&["version", "merge", "redesign", "--only", "/docs/a:body", "/docs/m/p"]);
        assert!(merged.contains("/docs/m comes along"), "{merged}");
        assert_eq!((title(site, "/docs/a", &[]), site.ok(&["cat", "/docs/a"])), ("A".into(), "text".into()));
        assert_eq!(site.ls("/docs"), "old/ a b m/");
        site.ok(&["version", "merge", "redesign", "--only", "/docs/b"]);
        assert_eq!(site.ls("/docs"), "old/ a m/", "what it deleted is named by where it was");

        let refused = site.fails(2, &["version", "discard", "redesign", "--only", "/docs/old"]);
        assert!(refused.contains("changed of 1 object") && refused.contains("--yes"), "{refused}");
        let preview = site.ok(&["version", "discard", "redesign", "--only", "/docs/old", "--preview"]);
        assert!(preview.contains("/docs/old/c") && preview.contains("Nothing was thrown away"), "{preview}");
        assert_eq!(title(site, "/docs/old/c", &V), "mine");
        let gone = site.tid(&["version", "discard", "redesign", "--only", "/docs/old", "--yes"]);
        assert_eq!(title(site, "/docs/old/c", &V), "C");
        site.ok(&["undo", &gone, V[0], V[1]]);
        assert_eq!(title(site, "/docs/old/c", &V), "mine");

        assert!(
            site.fails(2, &["version", "merge", "redesign", "--only", "/index"])
                .contains("changed nothing of /index")
        );
        site.fails(3, &["version", "merge", "redesign", "--only", "/nowhere"]);
        site.ok(&["version", "merge", "redesign", "--close"]);
        assert_eq!(
            (title(site, "/docs/a", &[]), title(site, "/docs/old/c", &[])),
            ("mine".into(), "mine".into())
        );
        assert!(site.ok(&["version", "list", "--all"]).contains("closed"));
    });
}

#[test]
fn a_closed_version_is_read_and_not_written_until_it_is_opened_again() {
    in_both_ways(|site| {
        seed(site);
        site.ok(&["version", "create", "redesign"]);
        site.ok(&["set", "/docs/a", "title=mine", V[0], V[1]]);
        let closed = site.ok(&["version", "close", "redesign"]);
        assert!(
            closed.contains("1 changed object that are not merged") || closed.contains("not merged"),
            "{closed}"
        );
        assert_eq!(title(site, "/docs/a", &V), "mine");
        let error = site.fails(1, &["set", "/docs/a", "title=x", V[0], V[1]]);
        assert!(error.contains("it is closed") && error.contains("version reopen redesign"), "{error}");
        assert!(site.fails(1, &["version", "merge", "redesign"]).contains("it is closed"));
        assert!(site.run(&["version", "list"]).err.contains("1 closed or discarded one with --all"));
        assert!(site.ok(&["version", "show", "redesign"]).contains("version reopen redesign"));
        site.ok(&["version", "reopen", "redesign"]);
        site.ok(&["set", "/docs/a", "title=x", V[0], V[1]]);

        let unsure = site.fails(2, &["version", "discard", "redesign"]);
        assert!(unsure.contains("what it changed of 1 object"), "{unsure}");
        assert!(site.ok(&["version", "discard", "redesign", "--yes"]).contains("version reopen redesign"));
        assert!(site.fails(1, &["set", "/docs/a", "title=y", V[0], V[1]]).contains("it is discarded"));
        site.ok(&["version", "reopen", "redesign"]);
        assert_eq!(title(site, "/docs/a", &V), "x");
    });
}

#[test]
fn versions_lie_on_versions_are_renamed_and_given_away() {
    in_both_ways(|site| {
        seed(site);
        let then = site.rows(&["log", "-n", "1"])[0]["tid"].as_str().unwrap().to_owned();
        site.ok(&["set", "/docs/a", "title=later"]);
        site.ok(&["version", "create", "early", "--at", &then, "--owner", "ben"]);
        assert_eq!(title(site, "/docs/a", &["--version", "early"]), "A");
        site.ok(&["version", "create", "on-it", "--from", "early"]);
        site.ok(&["set", "/docs/b", "title=mine", "--version", "on-it"]);
        assert!(site.ok(&["version", "list"]).contains("on-it                of early"));
        let with = site.ok(&["version", "diff", "on-it", "--with", "trunk"]);
        assert!(with.contains("\"later\" -> \"A\"") && with.contains("\"B\" -> \"mine\""), "{with}");
        assert!(
            site.run(&["version", "diff", "early", "--with", &format!("trunk@{then}")]).err.contains("is as")
        );
        assert!(site.fails(1, &["version", "discard", "early", "--yes"]).contains("--despite-others"));
        let merged = site.ok(&["version", "merge", "on-it"]);
        assert!(merged.contains("into version early") && merged.contains("--version early"), "{merged}");
        assert_eq!(title(site, "/docs/b", &["--version", "early"]), "mine");

        site.ok(&["version", "rename", "early", "late", "--title", "Later"]);
        site.ok(&["version", "transfer", "late", "cid"]);
        let row = &site.rows(&["version", "show", "late"])[0]["version"];
        assert_eq!((&row["title"], &row["owner"]), (&"Later".into(), &"cid".into()));
    });
}

#[test]
fn conflicts_of_every_kind_are_settled_as_they_say() {
    in_both_ways(|site| {
        seed(site);
        let long = |word: &str| format!("body=one\ntwo {word}\nthree\n");
        site.ok(&["set", "/docs/b", &long("")]);
        site.ok(&["version", "create", "redesign"]);
        site.ok(&["rm", "/docs/old", V[0], V[1]]);
        site.ok(&["add", "/docs/new", "-t", "page", V[0], V[1]]);
        site.ok(&["set", "/docs/b", &long("mine"), V[0], V[1]]);
        site.ok(&["set", "/docs/a", "title=mine", V[0], V[1]]);
        site.ok(&["set", "/docs/old/c", "title=theirs"]);
        site.ok(&["add", "/docs/new", "-t", "page", "--set", "title=theirs"]);
        site.ok(&["set", "/docs/b", &long("theirs")]);
        site.ok(&["set", "/docs/a", "title=theirs"]);

        let text = site.ok(&["version", "conflicts", "redesign"]);
        for part in ["the version deleted it", "edited /docs/old/c (title)", "would both be called `new`"] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
        for part in ["@ line 2", "+ two mine", "+ two theirs", "--rename new-2", "--rescue"] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
        let rows = site.rows(&["version", "conflicts", "redesign"]);
        assert_eq!(rows.len(), 4);
        let id = |path: &str| {
            rows.iter().find(|row| row["path"] == path).unwrap()["id"].as_str().unwrap().to_owned()
        };
        let resolve = |path: &str, choice: &[&str]| {
            let id = id(path);
            site.ok(&[&["version", "resolve", "redesign", &id], choice].concat())
        };
        let error = site.fails(2, &["version", "resolve", "redesign", &id("/docs/a"), "--same"]);
        assert!(error.contains("does not settle") && error.contains("--value TEXT"), "{error}");
        resolve("/docs/old", &["--rescue", "/docs/old/c=/docs"]);
        resolve("/docs/new", &["--rename"]);
        let file = site.write("body.html", "one\ntwo together\n");
        resolve("/docs/b", &["--value-file", file.to_str().unwrap()]);
        resolve("/docs/a", &["--parent"]);
        let of_kind = ["version", "resolve", "redesign", "--all", "--kind", "name", "--forget"];
        assert!(site.ok(&of_kind).contains("1 conflict is left"));
        assert!(site.ok(&["version", "resolve", "redesign", "--all", "--rename"]).contains("/docs/new"));
        let below = |path| site.ok(&["version", "resolve", "redesign", "--all", "--below", path, "--forget"]);
        assert!(below("/docs/nothing").contains("Nothing stands against"));
        let forgotten = below("/docs/a");
        assert!(forgotten.contains("1 conflict is left"), "{forgotten}");
        let all = site.ok(&["version", "resolve", "redesign", "--all", "--version"]);
        assert!(all.contains("as in the version") && all.contains("Nothing stands against"), "{all}");

        let merged = site.ok(&["version", "merge", "redesign"]);
        assert_eq!(merged.matches("settled ").count(), 4, "{merged}");
        assert_eq!(title(site, "/docs/a", &[]), "mine");
        assert_eq!(title(site, "/docs/c", &[]), "theirs");
        assert_eq!(site.ok(&["cat", "/docs/b"]), "one\ntwo together\n");
        assert!(site.ls("/docs").contains("new-2"));
        site.fails(3, &["version", "resolve", "redesign", "0badc0de", "--version"]);
    });
}

#[test]
fn a_merge_names_the_references_that_lead_nowhere_after_it() {
    in_both_ways(|site| {
        seed(site);
        site.ok(&["version", "create", "redesign"]);
        site.ok(&["rm", "/docs/b", V[0], V[1]]);
        site.ok(&["set", "/docs/a", "see:reference=/docs/b"]);
        let merged = site.ok(&["version", "merge", "redesign"]);
        assert!(merged.contains("/docs/a refers to /docs/b, which goes away"), "{merged}");
    });
}

#[test]
fn wrong_names_and_uses_are_refused_with_what_to_do() {
    in_both_ways(|site| {
        seed(site);
        assert!(site.fails(3, &["version", "show", "redesign"]).contains("version create NAME"));
        site.ok(&["version", "create", "redesign"]);
        let error = site.fails(3, &["ls", "/", "--version", "redsign"]);
        assert!(error.contains("there is redesign") && error.contains("version list"), "{error}");
        assert!(site.fails(2, &["version", "create", "Re Design"]).contains("lower-case letters"));
        assert!(site.fails(1, &["version", "create", "redesign"]).contains("already"));
        assert!(site.fails(2, &["version", "resolve", "redesign", "--all"]).contains("--parent"));
        assert!(site.fails(2, &["--version", "redesign", "check"]).contains("reads or writes objects"));
        assert!(site.fails(2, &["--version", "ls"]).contains("`--version ls` goes with a command"));
        let error = site.fails(3, &["cat", "/nowhere", V[0], V[1]]);
        assert!(error.contains("ls / --version redesign"), "{error}");
        let before = site.rows(&["log", "-n", "1"])[0]["tid"].as_str().unwrap().to_owned();
        let error = site.fails(3, &["ls", "/", "--at", &before, V[0], V[1]]);
        assert!(error.contains("it was opened later"), "{error}");
        let update = site.tid(&["version", "rename", "redesign", "--title", "T"]);
        assert!(site.fails(1, &["undo", &update, V[0], V[1]]).contains("cannot undo"));
        assert!(site.run(&["version", "diff", "redesign"]).err.contains("changed nothing"));
    });
    let site = Site::new();
    for asks in ["-V", "--version"] {
        assert_eq!(site.ok(&[asks]), format!("bough {}\n", env!("CARGO_PKG_VERSION")));
    }
    site.fails(5, &["set", "/index", "title=x", V[0], V[1]]);
}

#[test]
fn a_version_that_holds_back_pack_is_named_and_can_be_detached() {
    in_both_ways(|site| {
        seed(site);
        site.ok(&["version", "create", "redesign"]);
        site.ok(&["set", "/docs/a", "title=mine", V[0], V[1]]);
        for title in ["one", "two", "three"] {
            site.ok(&["set", "/docs/b", &format!("title={title}")]);
        }
        let packed = site.ok(&["pack", "--before", "now", "--dry-run"]);
        for part in ["version redesign needs everything from", "version detach redesign"] {
            assert!(packed.contains(part), "{part} is not in: {packed}");
        }
        assert_eq!(title(site, "/docs/b", &V), "B");
        site.ok(&["version", "detach", "redesign"]);
        assert_eq!((title(site, "/docs/a", &V), title(site, "/docs/b", &V)), ("mine".into(), "three".into()));
    });
}

/// Case 38 of the required outcomes.
#[test]
fn case_38_a_second_import_into_a_version_changes_what_the_first_one_brought() {
    in_both_ways(|site| {
        seed(site);
        site.ok(&["version", "create", "redesign"]);
        site.write("pages/one.txt", "one");
        site.write("pages/two.txt", "two");
        let folder = site.beside("pages");
        let import = ["import", folder.to_str().unwrap(), "/docs/pages", V[0], V[1]];
        site.ok(&import);
        let first = site.rows(&["find", "/docs/pages", V[0], V[1]]);
        site.write("pages/two.txt", "two, again");
        let again = site.ok(&import);
        assert!(again.contains("0 objects added, 1 changed"), "{again}");
        assert_eq!(site.rows(&["find", "/docs/pages", V[0], V[1]]).len(), first.len());
        assert_eq!(site.ok(&["cat", "/docs/pages/two.txt", V[0], V[1]]), "two, again");
        assert!(site.run(&["ls", "/docs/pages"]).code != 0, "nothing of it is on the public site");
        site.ok(&["version", "merge", "redesign"]);
        assert_eq!(site.ok(&["cat", "/docs/pages/two.txt"]), "two, again");
        let after = site.ok(&import);
        assert!(after.contains("Nothing changed"), "{after}");
    });
}

#[test]
fn the_status_says_the_last_commit_of_the_public_site_also_after_one_in_a_version() {
    let site = Site::new();
    let made = site.tid(&["mkdir", "/a"]);
    site.ok(&["version", "create", "draft"]);
    site.ok(&["mkdir", "/b", "--version", "draft"]);
    assert_eq!(site.rows(&["status"])[0]["last"]["tid"], made.as_str());
}

#[test]
fn editions_that_cannot_be_brought_to_one_are_told_and_settled() {
    in_both_ways(|site| {
        seed(site);
        site.ok(&["version", "create", "redesign"]);
        site.ok(&["set", "/docs/a", "title=mine", V[0], V[1]]);
        site.ok(&["set", "/docs/a", "_edition:int=9"]);
        let text = site.ok(&["version", "conflicts", "redesign"]);
        let told = "it is of edition 1 in the version and 9 there, which cannot be brought to one";
        assert!(text.contains(told) && text.contains("newer than this program knows"), "{text}");
        let row = &site.rows(&["version", "conflicts", "redesign"])[0];
        assert_eq!(row["kind"], "edition");
        site.ok(&["version", "resolve", "redesign", row["id"].as_str().unwrap(), "--version"]);
        site.ok(&["version", "merge", "redesign"]);
        assert_eq!(title(site, "/docs/a", &[]), "mine");
        site.fails(3, &["cat", "/docs/a", "_edition"]);
    });
}

#[test]
fn a_version_is_given_to_users_only() {
    let site = Site::new();
    seed(&site);
    site.ok(&["version", "create", "redesign"]);
    site.ok(&["version", "transfer", "redesign", "ben"]);
    site.ok(&["user", "add", "ann", "--role", "Editor"]);
    let refused = site.fails(3, &["version", "transfer", "redesign", "nobodyhere"]);
    assert!(refused.contains("There is no user nobodyhere") && refused.contains("user list"), "{refused}");
    let refused = site.fails(3, &["version", "create", "other", "--owner", "nobodyhere"]);
    assert!(refused.contains("There is no user nobodyhere"), "{refused}");
    site.ok(&["version", "transfer", "redesign", "ann"]);
    assert_eq!(site.rows(&["version", "list"])[0]["owner"], "ann");
    site.ok(&["version", "create", "other", "--owner", "ann"]);
}

#[test]
fn versions_of_one_name_are_told_apart_by_their_numbers() {
    let site = Site::new();
    seed(&site);
    for title in ["First", "Second"] {
        site.ok(&["version", "create", "z", "--title", title]);
        site.ok(&["version", "close", "z"]);
    }
    let rows = site.rows(&["version", "list", "--all"]);
    let keys = [0, 1].map(|nth: usize| rows[nth]["key"].as_str().unwrap().to_owned());
    assert_eq!(keys[0], format!("z~{}", rows[0]["number"]));
    let list = site.ok(&["version", "list", "--all"]);
    assert!(keys.iter().all(|key| list.contains(key.as_str())), "{list}");
    let which = site.fails(4, &["version", "reopen", "z"]);
    assert!(keys.iter().all(|key| which.contains(&format!("version reopen {key}"))), "{which}");
    assert!(site.ok(&["version", "show", &keys[0]]).contains("First"));
    site.ok(&["version", "reopen", &keys[0]]);
    assert_eq!(site.rows(&["version", "list"])[0]["title"], "First");
    let open = site.fails(4, &["version", "reopen", "z"]);
    assert!(open.contains("version z is open") && open.contains(&keys[1]), "{open}");
    let taken = site.fails(1, &["version", "reopen", &keys[1]]);
    assert!(taken.contains(&format!("version rename {} NEWNAME", keys[1])), "{taken}");
    site.ok(&["version", "rename", &keys[1], "y"]);
    site.ok(&["version", "reopen", "y"]);
    assert!(site.fails(3, &["version", "show", "z~99"]).contains("there is no version `z~99`"));
}

#[test]
fn a_merge_that_only_closes_the_version_says_so() {
    let site = Site::new();
    site.ok(&["version", "create", "redesign"]);
    let closed = site.ok(&["version", "merge", "redesign", "--close"]);
    assert!(
        closed.contains("Closed version redesign") && closed.contains("version reopen redesign"),
        "{closed}"
    );
    assert!(!closed.contains("Nothing changed"), "{closed}");
    let again = site.ok(&["version", "close", "redesign"]);
    assert!(again.contains("Nothing changed: version redesign is closed already"), "{again}");
}

#[test]
fn a_part_that_is_not_there_is_named() {
    let site = Site::new();
    seed(&site);
    site.ok(&["version", "create", "redesign"]);
    site.ok(&["set", "/docs/a", "title=mine", V[0], V[1]]);
    for command in ["merge", "discard"] {
        let refused = site.fails(2, &["version", command, "redesign", "--only", "/docs/a:nope"]);
        assert!(refused.contains("changed nothing of /docs/a:nope"), "{command}: {refused}");
        assert!(refused.contains("version diff redesign"), "{command}: {refused}");
    }
    let refused = site.fails(2, &["version", "merge", "redesign", "--only", "/docs/a", "/docs/b"]);
    assert!(refused.contains("changed nothing of /docs/b"), "{refused}");
}

#[test]
fn no_moment_lies_ahead_or_before_the_site() {
    let site = Site::new();
    seed(&site);
    for (at, why) in [("2999-01-01", "lies ahead"), ("1980-01-01", "begins with")] {
        for command in [
            &["version", "create", "fut"][..],
            &["ls", "/"],
            &["restore", "/docs"],
            &["cat", "/docs/a", "title"],
        ] {
            let refused = site.run(&[command, &["--at", at]].concat());
            assert!(refused.code != 0 && refused.err.contains(why), "{command:?} --at {at}: {refused:?}");
        }
    }
    assert!(site.run(&["version", "list"]).err.contains("There are no versions"));
}

#[test]
fn what_a_version_holds_is_not_lost_by_closing_detaching_or_packing() {
    let site = Site::new();
    seed(&site);
    site.ok(&["mkdir", "/x"]);
    site.ok(&["mkdir", "/y"]);
    site.ok(&["version", "create", "redesign"]);
    site.ok(&["mv", "/x", "/y/x", V[0], V[1]]);
    site.ok(&["mv", "/y", "/x/y"]);
    let refused = site.fails(4, &["version", "detach", "redesign"]);
    assert!(
        refused.contains("would contain each other") && refused.contains("update it instead"),
        "{refused}"
    );
    site.ok(&["version", "create", "upper", "--from", "redesign"]);
    let refused = site.fails(1, &["version", "close", "redesign"]);
    assert!(refused.contains("version show upper"), "{refused}");
    site.ok(&["version", "discard", "upper", "--yes"]);
    site.ok(&["version", "close", "redesign"]);
    site.ok(&["set", "/docs/a", "title=later"]);
    let packed = site.ok(&["pack", "--before", "now"]);
    assert!(packed.contains("version redesign needs everything from"), "{packed}");
    assert!(packed.contains("version discard redesign"), "{packed}");
    assert!(site.ok(&["version", "diff", "redesign"]).contains("/y/x"));
    site.ok(&["version", "discard", "redesign", "--yes"]);
    site.ok(&["pack", "--before", "now"]);
    let gone = site.fails(3, &["version", "show", "redesign"]);
    assert!(gone.contains("what it held is packed away") && gone.contains("version list --all"), "{gone}");
}
