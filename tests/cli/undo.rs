//! Taking back, and what stands against it.

use bough::store::Note;

use crate::support::{Site, in_both_ways};

#[test]
fn a_preview_names_the_cells_and_changes_nothing() {
    in_both_ways(|site| {
        site.ok(&["add", "/p", "--type", "page", "--set", "title=A"]);
        let set = site.tid(&["set", "/p", "title=B"]);
        let preview = site.ok(&["undo", &set, "--preview"]);
        assert!(preview.contains("1 object") && preview.contains("title: \"B\" -> \"A\""), "{preview}");
        assert_eq!(site.ok(&["cat", "/p", "title"]), "B");
        let undone = site.tid(&["undo", &set]);
        assert!(site.ok(&["undo", &undone, "--preview"]).contains("would change"));
        assert_eq!(site.ok(&["cat", "/p", "title"]), "A");
        let redone = site.ok(&["undo", &undone]);
        assert!(redone.contains("Redid: Set title of /p"), "{redone}");
        assert!(redone.contains("undo with: ") && !redone.contains("redo with"), "{redone}");
        assert_eq!(site.ok(&["cat", "/p", "title"]), "B");
    });
}

#[test]
fn what_stands_against_an_undo_is_named_with_the_ways_out() {
    in_both_ways(|site| {
        site.ok(&["add", "/p", "--type", "page", "--set", "title=A"]);
        let first = site.tid(&["set", "/p", "title=B", "body=1"]);
        let later = site.tid(&["set", "/p", "title=C"]);
        let error = site.fails(4, &["undo", &first]);
        for part in [later.as_str(), "by ana", "Set title of /p", "--also-blockers", "--skip /p:title"] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
        assert_eq!(site.ok(&["cat", "/p", "title"]), "C", "nothing was changed");

        let skipped = site.tid(&["undo", &first, "--skip", "/p:title"]);
        assert_eq!(
            (site.ok(&["cat", "/p", "title"]), site.ok(&["cat", "/p", "body"])),
            ("C".into(), String::new())
        );
        site.ok(&["undo", &skipped]);
        site.ok(&["undo", &first, "--also-blockers"]);
        assert_eq!(site.ok(&["cat", "/p", "title"]), "A");
    });
}

#[test]
fn an_import_is_taken_back_as_one_and_brought_again() {
    in_both_ways(|site| {
        for nth in 0..50 {
            site.write(&format!("tree/{}/{nth}.txt", nth % 5), format!("{nth}"));
        }
        site.ok(&["mkdir", "/other"]);
        let before = site.ls("/");
        let imported = site.tid(&["import", site.beside("tree").to_str().unwrap(), "/tree"]);
        assert!(site.ok(&["show", &imported, "-n", "3"]).contains("... and 53 objects more"));
        let undone = site.tid(&["undo", &imported]);
        assert_eq!(site.ls("/"), before);
        site.ok(&["undo", &undone]);
        assert_eq!(site.ok(&["cat", "/tree/2/7.txt"]), "7");
    });
}

#[test]
fn wrong_tids_and_cells_are_refused() {
    in_both_ways(|site| {
        let made = site.tid(&["mkdir", "/a"]);
        assert!(site.fails(2, &["undo", "yesterday"]).contains("is not a transaction id"));
        assert!(site.fails(3, &["undo", "t1f"]).contains("no commit"));
        assert!(site.fails(2, &["undo", &made, "--skip", "title"]).contains("PATH:CELL"));
        let created = site.rows(&["log"]).last().unwrap()["tid"].as_str().unwrap().to_owned();
        assert!(site.fails(1, &["undo", &created]).contains("it made the site"));
    });
}

/// A delete went over the work of others without a word.
#[test]
fn what_a_delete_went_over_is_shown_with_the_way_back() {
    let site = Site::new();
    let opened = bough::Site::open(site.data()).unwrap();
    opened.write("Made", |tx| tx.add("/docs", "folder").and_then(|_| tx.add("/docs/a", "page"))).unwrap();
    let mut draft = opened.database().begin();
    draft.delete(opened.get("/docs").unwrap().oid()).unwrap();
    let edit = Note::edit("Set title of /docs/a").by("ben");
    let edited = opened.write_noted(edit, |tx| tx.set("/docs/a", "title", "B")).unwrap().tid.unwrap();
    let deleted = opened.database().commit(draft, Note::edit("Deleted /docs")).unwrap().unwrap();
    assert_eq!(opened.overrun(deleted).unwrap().total, 1);
    opened.close().unwrap();
    drop(opened);

    let (edited, deleted) = (edited.to_string(), deleted.to_string());
    let shown = site.ok(&["show", &deleted]);
    for part in ["taken away with it", "/docs/a\n", "ben", "Set title of /docs/a", &edited] {
        assert!(shown.contains(part), "{part} is not in: {shown}");
    }
    assert!(shown.ends_with(&format!("undo {deleted}\n")), "{shown}");
    let rows = site.rows(&["show", &deleted]);
    let row = &rows.last().unwrap()["overrun"];
    assert_eq!((&row["total"], &row["named"][0]["by"]["tid"]), (&1.into(), &edited.as_str().into()));
    assert!(!site.ok(&["show", &edited]).contains("taken away"), "others overran nothing");

    site.ok(&["undo", &deleted]);
    assert_eq!(site.ok(&["cat", "/docs/a", "title"]), "B");
}
