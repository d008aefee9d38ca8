//! Taking out, and bringing in again: the same tree.

use crate::support::{Site, files, in_both_ways};

/// Everything that plain files cannot say: types, attributes, order, references, large values, unknown types.
fn seed(site: &Site) {
    let large = "a long line of text\n".repeat(1_000);
    site.write("seed/.bough.json", serde_json::json!({
        "bough": 1,
        "folder": { "type": "folder", "attributes": { "title": "Seed", "n": 3, "home": { "reference": "./z/page" } } },
        "order": ["z", "poll", "b.txt", "a.txt", "to"],
        "children": {
            "a.txt": { "type": "file", "file": true, "attributes": { "title": "An A", "content_type": "text/x-a" } },
            "poll": { "type": "poll", "attributes": { "votes": { "counter": 7 }, "text": large } },
            "to": { "type": "link", "attributes": { "target": { "reference": "./a.txt" }, "up": { "reference": "." } } }
        }
    }).to_string());
    site.write("seed/a.txt", "a");
    site.write("seed/b.txt", "b");
    site.write("seed/z/.bough.json", serde_json::json!({
        "bough": 1,
        "children": { "page": { "type": "page", "attributes": { "title": "P", "set": { "set": [1, 2] }, "f": { "float": 1.5 } } } }
    }).to_string());
    site.write("seed/z/pic.png", vec![9; 50_000]);
    site.ok(&["import", "seed", "/seed"]);
}

#[test]
fn what_was_exported_imports_to_the_same_tree() {
    in_both_ways(|site| {
        seed(site);
        assert_eq!(site.ls("/seed"), "z/ poll b.txt a.txt to");
        site.ok(&["export", "/seed", "out"]);
        site.ok(&["import", "out", "/again"]);
        site.ok(&["export", "/again", "out2"]);
        assert_eq!(files(&site.beside("out")), files(&site.beside("out2")));
        assert_eq!(site.ls("/again"), site.ls("/seed"), "the order is kept");
        let link = &site.rows(&["cat", "/again/to"])[0]["attributes"];
        assert_eq!(link["target"]["reference"], "/again/a.txt", "references lead into the new tree");
        assert_eq!(link["up"]["reference"], "/again");
        assert_eq!(site.rows(&["cat", "/again/poll"])[0]["type"], "poll");
        assert!(site.ok(&["import", "out", "/seed"]).contains("Nothing changed"));
        assert!(site.ok(&["import", "out2", "/again", "--delete"]).contains("Nothing changed"));
    });
}

#[test]
fn the_whole_site_and_a_single_object_come_back_too() {
    let (site, other) = (Site::new(), Site::new());
    seed(&site);
    site.ok(&["export", "/", "all"]);
    other.ok(&["import", site.beside("all").to_str().unwrap(), "/", "--delete"]);
    other.ok(&["export", "/", "all"]);
    assert_eq!(files(&site.beside("all")), files(&other.beside("all")));

    site.ok(&["export", "/seed/poll", "one"]);
    site.ok(&["import", "one", "/one"]);
    assert_eq!(site.rows(&["cat", "/one/poll"])[0]["attributes"]["votes"]["counter"], 7);
}

#[test]
fn plain_files_come_out_as_they_went_in_and_nothing_else() {
    let site = Site::new();
    site.write("html/index.html", "<h1>");
    site.write("html/sub/_x.css", vec![b' '; 10_000]);
    site.ok(&["import", "html", "/docs"]);
    site.ok(&["export", "/docs", "out"]);
    assert_eq!(files(&site.beside("html")), files(&site.beside("out")));
}

#[test]
fn blobs_in_any_attribute_and_reserved_names_survive() {
    let site = Site::new();
    site.ok(&["mkdir", "/x"]);
    let body: Vec<u8> = (0..20_000_u32).map(|nth| (nth % 251) as u8).collect();
    assert_eq!(site.run_with(&["put", "/x/.bough.json"], &body).code, 0);
    site.ok(&["export", "/x", "out"]);
    site.ok(&["import", "out", "/y"]);
    let output = site.command(&["cat", "/y/.bough.json"]).output().unwrap();
    assert!(output.stdout == body, "a file with a reserved name came back otherwise");
}

#[test]
fn a_moment_of_the_past_can_be_exported() {
    let site = Site::new();
    site.ok(&["mkdir", "/x"]);
    site.run_with(&["put", "/x/a"], b"then");
    let then = site.rows(&["log", "-n", "1"])[0]["tid"].as_str().unwrap().to_owned();
    site.run_with(&["put", "/x/a"], b"now");
    site.ok(&["export", "/x", "out", "--at", &then]);
    assert_eq!(std::fs::read(site.beside("out/a")).unwrap(), b"then");
}

#[test]
fn nothing_is_overwritten() {
    let site = Site::new();
    site.ok(&["mkdir", "/x"]);
    site.write("out/mine", "mine");
    assert!(site.fails(1, &["export", "/x", "out"]).contains("expected an empty folder"));
    assert!(site.fails(3, &["export", "/nowhere", "other"]).contains("/nowhere"));
    assert_eq!(files(&site.beside("out")).len(), 1);
}

#[test]
fn a_description_that_cannot_be_read_is_refused() {
    let site = Site::new();
    site.ok(&["mkdir", "/x"]);
    for (bad, says) in [
        ("{", "describes no folder"),
        (r#"{"bough": 9}"#, "reads up to"),
        (
            r#"{"bough": 1, "children": {"a": {"type": "page", "attributes": {"x": {"reference": "/no"}}}}}"#,
            "/no",
        ),
        (
            r#"{"bough": 1, "children": {"a": {"type": "page", "attributes": {"x": {"blob": "00"}}}}}"#,
            "are not there",
        ),
    ] {
        site.write("bad/.bough.json", bad);
        let error = site.fails(1, &["import", "bad", "/bad"]);
        assert!(error.contains(says), "{bad}: {error}");
    }
    assert!(!site.ls("/").contains("bad"));
}
