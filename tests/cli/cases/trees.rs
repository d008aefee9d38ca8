//! Names, moves and circles.

use serde_json::json;

use super::fork::Fork;

#[test]
fn case_01_a_rename_in_the_version_and_an_edit_on_the_public_site_go_together() {
    let fork = Fork::of(&["/a One"]);
    fork.cli("mv /a /b --version v");
    fork.retitle("/a", "Theirs");
    fork.shows(&[("/a", "Theirs"), ("/b", "404")], &[("/b", "One"), ("/a", "-> /@v/v/b")]);
    let preview = fork.cli("version merge v --preview");
    assert!(preview.contains("URL /a -> /b") && !preview.contains("conflict"), "{preview}");
    fork.merge_over_http();
    fork.shows(&[("/a", "-> /b"), ("/b", "Theirs")], &[("/b", "Theirs")]);
}

#[test]
fn case_02_a_folder_moved_in_the_version_takes_along_what_is_done_in_it_meanwhile() {
    let fork = Fork::of(&["/box", "/box/p One", "/in"]);
    fork.rest("POST /@v/v/box/@@move", &json!({ "to": "/in" }));
    fork.cli("set /box/p title=Theirs");
    fork.cli("add /box/q --type page --set title=New");
    fork.shows(&[("/box/q", "New")], &[("/in/box/p", "One"), ("/in/box/q", "404")]);
    fork.cli("version merge v");
    fork.shows(&[("/in/box/p", "Theirs"), ("/in/box/q", "New"), ("/box/q", "-> /in/box/q")], &[]);
}

#[test]
fn case_03_two_new_names_are_asked_about_and_either_can_stand() {
    for (choice, kept, given_up) in [("version", "/mine", "/theirs"), ("parent", "/theirs", "/mine")] {
        let fork = Fork::of(&["/a One"]);
        fork.cli("mv /a /mine --version v");
        fork.rest("POST /a/@@move", &json!({ "name": "theirs" }));
        let conflict = fork.conflict("v");
        assert!(conflict.text.contains("both moved or renamed it"), "{}", conflict.text);
        fork.shows(&[("/theirs", "One")], &[("/mine", "One"), ("/theirs", "404")]);
        fork.settle_over_http(&conflict, &json!({ "choice": choice }));
        fork.site.ok(&["version", "merge", "v"]);
        fork.shows(&[(kept, "One"), ("/a", &format!("-> {kept}"))], &[(kept, "One")]);
        assert_ne!(fork.found(given_up), "One");
    }
}

#[test]
fn case_11_two_new_pages_of_one_name_are_asked_about_and_both_can_stay() {
    let fork = Fork::of(&[]);
    fork.cli("add /new --type page --set title=Mine --version v");
    let body = json!({ "type": "page", "name": "new", "attributes": { "title": "Theirs" } });
    fork.rest("POST /", &body);
    let conflict = fork.conflict("v");
    assert!(conflict.text.contains("would both be called `new`"), "{}", conflict.text);
    assert_eq!(conflict.json["suggested"], "new-2");
    fork.settle(&conflict, "--rename");
    fork.merge_over_http();
    fork.shows(&[("/new", "Theirs"), ("/new-2", "Mine")], &[("/new", "Theirs"), ("/new-2", "Mine")]);
}

#[test]
fn case_13_two_folders_moved_into_each_other_are_one_question_with_both_moves() {
    for (choice, p, q) in [("--version", "/y/x/p", "/y/q"), ("--parent", "/x/p", "/x/y/q")] {
        let fork = Fork::of(&["/x", "/y", "/x/p One", "/y/q Two"]);
        fork.rest("POST /@v/v/x/@@move", &json!({ "to": "/y" }));
        fork.cli("mv /y /x");
        fork.shows(&[("/x/y/q", "Two")], &[("/y/x/p", "One")]);
        let conflict = fork.conflict("v");
        assert_eq!(conflict.json["kind"], "cycle");
        assert!(conflict.text.contains("they would contain each other"), "{}", conflict.text);
        fork.settle(&conflict, choice);
        fork.rest("POST /@@versions/v/merge", &json!({}));
        fork.shows(&[(p, "One"), (q, "Two")], &[(p, "One"), (q, "Two")]);
    }
}
