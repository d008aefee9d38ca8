//! What a newcomer does first.

use crate::support::{Site, in_both_ways};

#[test]
fn a_first_tour_works_from_an_empty_folder() {
    in_both_ways(|site| {
        site.ok(&["mkdir", "/news"]);
        site.ok(&["add", "/news/first", "--type", "page", "--set", "title=First"]);
        let renamed = site.tid(&["set", "/news/first", "title=The very first"]);
        assert_eq!(site.ok(&["cat", "/news/first", "title"]), "The very first");
        assert_eq!(site.ls("/news"), "first");

        site.ok(&["set", "/news/first", "body=<p>Hello"]);
        site.ok(&["undo", &renamed]);

        assert_eq!(site.ok(&["cat", "/news/first", "title"]), "First");
        assert_eq!(site.ok(&["cat", "/news/first"]), "<p>Hello", "what was written later stays");
        let log = site.ok(&["log", "/news/first"]);
        assert!(log.lines().next().unwrap().contains("Undid: Set title of /news/first"), "{log}");
    });
}

#[test]
fn a_new_site_begins_with_pages_that_the_server_shows() {
    let site = Site::new();
    let server = site.serve();
    let (status, page) = server.get("/");
    assert!(status == 200 && page.contains("Welcome"), "{status} {page}");
    site.ok(&["set", "/index", "title=Changed"]);
    assert!(server.get("/").1.contains("Changed"));
    assert_eq!(server.stop(), Some(0));

    let server = site.serve();
    assert!(server.get("/").1.contains("Changed"), "the starter site is planted once");
}

#[test]
fn every_writing_command_says_how_to_take_it_back_and_that_works() {
    in_both_ways(|site| {
        let file = site.write("note.txt", "text");
        let (file, folder) = (file.to_str().unwrap(), site.write("tree/a.txt", "x"));
        let folder = folder.parent().unwrap().to_str().unwrap();
        site.ok(&["mkdir", "-p", "/a/b"]);
        site.ok(&["add", "/a/page", "--type", "page", "--set", "title=P"]);
        let commands: [&[&str]; 9] = [
            &["mkdir", "/a/c"],
            &["add", "/a/link", "--type", "link", "--set", "target=/a"],
            &["put", "/a/note.txt", file],
            &["set", "/a/page", "title=Q", "views:int=3"],
            &["cp", "/a/page", "/a/b"],
            &["mv", "/a/page", "/a/b/moved"],
            &["rm", "/a/page", "/a/b"],
            &["import", folder, "/a/tree"],
            &["add", "/a/n", "-t", "page", file],
        ];
        for command in commands {
            let before = state(site);
            let out = site.ok(command);
            assert_ne!(state(site), before, "{command:?} changed nothing");
            let undo = out.lines().last().unwrap().split(" undo ").last().unwrap().to_owned();
            assert!(out.contains("undo with: bough"), "{command:?}: {out}");
            site.ok(&["undo", &undo]);
            assert_eq!(state(site), before, "{command:?} taken back");
        }
    });
}

/// All of `/a`, as text.
fn state(site: &Site) -> String {
    let paths = site.ok(&["find", "/a"]);
    paths
        .lines()
        .map(|path| site.ok(&["cat", "--json", path]).split("\"tid\"").next().unwrap().to_owned())
        .collect()
}

#[test]
fn help_names_every_command_the_exit_codes_and_a_tour() {
    let site = Site::new();
    let help = site.ok(&["--help"]);
    let commands = "serve import export ls cat find du add put mkdir set cp mv rm log show blame diff undo restore \
        acquire version status pack check backup restore-backup";
    for command in commands.split(' ') {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is not in the help");
        assert!(site.ok(&[command, "--help"]).contains("Usage: bough"), "{command}");
    }
    for part in ["Exit codes", "A first tour", "BOUGH_DATA", "./bough-data"] {
        assert!(help.contains(part), "{part} is not in the help");
    }
}
