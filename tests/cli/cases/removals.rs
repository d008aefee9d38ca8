//! What one side deletes and the other works on.

use serde_json::json;

use super::fork::Fork;

#[test]
fn case_05_a_deletion_and_an_edit_are_asked_about_with_the_edit_shown() {
    for (choice, left) in [("--parent", "Theirs"), ("--version", "404")] {
        let fork = Fork::of(&["/a One"]);
        fork.rest("DELETE /@v/v/a", &json!(null));
        fork.cli("set /a title=Theirs");
        fork.shows(&[("/a", "Theirs")], &[("/a", "404")]);
        let conflict = fork.conflict("v");
        assert_eq!(conflict.json["inner"][0]["cells"], json!(["title"]));
        for part in ["the version deleted it", "edited /a (title)"] {
            assert!(conflict.text.contains(part), "{part} is not in: {}", conflict.text);
        }
        fork.settle(&conflict, choice);
        fork.site.run(&["version", "merge", "v"]);
        fork.shows(&[("/a", left)], &[("/a", left)]);
    }
}

#[test]
fn case_06_an_edit_deep_inside_what_was_deleted_is_one_question_and_can_be_rescued() {
    let fork = Fork::of(&["/box", "/box/in", "/box/in/x One", "/box/in/y Two"]);
    fork.cli("rm /box --version v");
    fork.retitle("/box/in/x", "Theirs");
    let conflict = fork.conflict("v");
    assert_eq!((&conflict.json["path"], &conflict.json["kind"]), (&json!("/box"), &json!("deleted")));
    assert_eq!(conflict.json["inner"].as_array().unwrap().len(), 1);
    assert!(conflict.text.contains("edited /box/in/x (title)"), "{}", conflict.text);
    fork.settle(&conflict, "--rescue /box/in/x=/");
    fork.shows(&[("/box/in/x", "Theirs"), ("/box/in/y", "Two")], &[("/box/in/x", "404")]);
    fork.merge_over_http();
    fork.shows(&[("/x", "Theirs"), ("/box/in/x", "-> /x"), ("/box/in/y", "404")], &[("/x", "Theirs")]);
}

#[test]
fn case_08_a_newcomer_in_what_was_deleted_is_asked_about_and_can_go_elsewhere() {
    let fork = Fork::of(&["/box", "/box/p One"]);
    fork.cli("rm /box --version v");
    let new = json!({ "type": "page", "name": "new", "attributes": { "title": "New" } });
    let new = fork.rest("POST /box/", &new)["object"]["oid"].clone();
    let root = fork.rest("GET /", &json!(null))["oid"].clone();
    let conflict = fork.conflict("v");
    assert_eq!(conflict.json["inner"][0]["deed"], "added");
    assert!(conflict.text.contains("added /box/new"), "{}", conflict.text);
    let rescue = json!({ "choice": "rescue", "moves": [{ "oid": new, "to": root }] });
    fork.settle_over_http(&conflict, &rescue);
    let merged = fork.cli("version merge v");
    assert!(merged.contains("/box: deleted, but /box/new goes into /"), "{merged}");
    fork.shows(&[("/new", "New"), ("/box/p", "404")], &[("/new", "New")]);
}
