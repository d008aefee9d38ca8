//! Merging again, in parts, and taking a merge back.

use serde_json::{Value as Json, json};

use super::fork::Fork;

#[test]
fn case_23_a_second_merge_brings_only_what_is_new_and_a_third_says_so() {
    let fork = Fork::of(&["/a One", "/b One"]);
    fork.cli("set /a title=Mine --version v");
    fork.merge_over_http();
    fork.retitle("/a", "Later");
    fork.retitle("/@v/v/b", "Mine");
    let preview = fork.cli("version merge v --preview");
    assert!(preview.contains("1 object on the public site"), "{preview}");
    fork.cli("version merge v");
    fork.shows(&[("/a", "Later"), ("/b", "Mine")], &[("/a", "Later"), ("/b", "Mine")]);
    let last = fork.site.rows(&["log", "-n", "1"]);
    assert_eq!(fork.rest("POST /@@versions/v/merge", &json!({}))["commit"], Json::Null);
    assert!(fork.cli("version merge v").contains("Nothing changed"));
    assert_eq!(fork.site.rows(&["log", "-n", "1"]), last, "merging nothing is no commit");
}

#[test]
fn case_24_a_part_is_merged_with_the_folder_that_it_stands_in_and_then_the_rest() {
    let fork = Fork::of(&["/a One"]);
    fork.cli("set /a title=Mine --version v");
    fork.cli("mkdir /new --version v");
    fork.cli("add /new/p --type page --set title=New --version v");
    let only = json!({ "only": [{ "path": "/new/p" }] });
    let preview = fork.rest("POST /@@versions/v/merge", &json!({ "only": only["only"], "preview": true }));
    assert_eq!(preview["objects"], 2, "the folder comes along, and that is said before: {preview}");
    fork.shows(&[("/new/p", "404")], &[("/new/p", "New")]);
    fork.rest("POST /@@versions/v/merge", &only);
    fork.shows(&[("/a", "One"), ("/new/p", "New")], &[("/a", "Mine"), ("/new/p", "New")]);
    let rest = fork.cli("version diff v");
    assert!(rest.contains("/a") && !rest.contains("/new"), "{rest}");
    fork.cli("version merge v");
    fork.shows(&[("/a", "Mine"), ("/new/p", "New")], &[]);
}

#[test]
fn case_25_a_merge_that_is_undone_can_be_merged_again() {
    for over_http in [true, false] {
        let fork = Fork::of(&["/a One"]);
        fork.cli("set /a title=Mine --version v");
        fork.cli("add /new --type page --set title=New --version v");
        let merged = fork.tid("version merge v --close");
        fork.shows(&[("/a", "Mine"), ("/new", "New")], &[]);
        match over_http {
            true => drop(fork.rest("POST /@@undo", &json!({ "commits": [merged] }))),
            false => drop(fork.cli(&format!("undo {merged}"))),
        }
        fork.shows(&[("/a", "One"), ("/new", "404")], &[("/a", "Mine"), ("/new", "New")]);
        assert_eq!(
            fork.rest("GET /@@versions/v", &Json::Null)["status"],
            "open",
            "it was closed by the merge"
        );
        fork.merge_over_http();
        fork.shows(&[("/a", "Mine"), ("/new", "New")], &[]);
    }
}

#[test]
fn case_26_the_undo_of_a_merge_names_the_later_edit_and_can_leave_it() {
    let fork = Fork::of(&["/a One", "/b One"]);
    fork.cli("set /a title=Mine --version v");
    fork.cli("set /b title=Mine --version v");
    let merged = fork.merge_over_http();
    let later = fork.tid("set /a title=Later");
    let undo = json!({ "commits": [merged] });
    let (status, refused) = fork.tell(None, "POST", "/@@undo", &undo);
    assert_eq!((status, &refused["code"]), (409, &json!("blocked")));
    assert_eq!(refused["blockers"][0]["cell"], "title");
    let error = fork.site.fails(4, &["undo", &merged]);
    assert!(error.contains(&later) && error.contains("--skip /a:title"), "{error}");
    fork.shows(&[("/a", "Later"), ("/b", "Mine")], &[]);
    fork.cli(&format!("undo {merged} --skip /a:title"));
    fork.shows(&[("/a", "Later"), ("/b", "One")], &[("/b", "Mine")]);
    fork.merge_over_http();
    fork.shows(&[("/a", "Later"), ("/b", "Mine")], &[]);
}

#[test]
fn case_34_every_page_that_a_template_of_the_version_makes_otherwise_is_named_before_the_merge() {
    let fork = Fork::of(&["/a One", "/b One"]);
    fork.cli("set /layout.html source=new:{{title}} --version v");
    let pages = fork.cli("version pages v");
    for page in ["  /a  looks different  (by /layout.html)", "  /b  looks different  (by /layout.html)"] {
        assert!(pages.lines().any(|line| line == page), "{pages}");
    }
    let told = fork.rest("GET /@@versions/v/pages", &Json::Null);
    let page = |url: &str| told["items"].as_array().unwrap().iter().find(|page| page["url"] == url).cloned();
    assert_eq!(page("/a").unwrap()["because"], json!(["/layout.html"]));
    assert!(page("/style.css").is_none(), "{told}");
    fork.merge_over_http();
    assert_eq!(fork.found("/a"), "new:One");
    assert!(fork.cli("version pages v").contains("none of them becomes different"));
}
