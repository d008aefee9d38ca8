//! Undo in a version, parts thrown away, versions of versions, and versions of people who are gone.

use serde_json::{Value as Json, json};

use super::fork::Fork;

#[test]
fn case_28_undo_in_a_version_reaches_only_that_and_lets_it_follow_again() {
    let fork = Fork::of(&["/a One"]);
    let set = fork.tid("set /a title=Mine --version v");
    let (status, _) = fork.tell(None, "POST", "/@@undo", &json!({ "commits": [set] }));
    assert_ne!(status, 200, "the public site has no such commit");
    fork.rest("POST /@v/v/@@undo", &json!({ "commits": [set] }));
    fork.shows(&[("/a", "One")], &[("/a", "One")]);
    assert!(fork.site.run(&["version", "diff", "v"]).err.contains("changed nothing"));
    fork.retitle("/a", "Two");
    fork.shows(&[("/a", "Two")], &[("/a", "One")]);
    fork.cli("version update v");
    fork.shows(&[], &[("/a", "Two")]);
}

#[test]
fn case_29_a_part_is_thrown_away_with_what_cannot_stay_and_that_is_said_before() {
    let fork = Fork::of(&["/a One"]);
    fork.cli("set /a title=Mine --version v");
    fork.cli("mkdir /new --version v");
    fork.cli("add /new/p --type page --set title=New --version v");
    let part = json!({ "only": [{ "path": "/new" }], "preview": true });
    let preview = fork.rest("POST /@@versions/v/discard", &part);
    let gone = |path: &str| preview["objects"].as_array().unwrap().iter().any(|one| one["path"] == path);
    assert!(gone("/new") && gone("/new/p") && !gone("/a"), "{preview}");
    fork.shows(&[], &[("/new/p", "New"), ("/a", "Mine")]);
    fork.cli("version discard v --only /new --yes");
    fork.shows(&[("/a", "One"), ("/new/p", "404")], &[("/a", "Mine"), ("/new/p", "404")]);
    fork.merge_over_http();
    fork.shows(&[("/a", "Mine"), ("/new/p", "404")], &[]);
}

#[test]
fn case_30_a_version_of_a_version_is_merged_into_that_and_stays_when_it_goes() {
    let fork = Fork::of(&["/a One", "/b One"]);
    fork.cli("set /a title=V --version v");
    fork.rest("POST /@v/v/@@versions", &json!({ "name": "w" }));
    fork.retitle("/@v/w/b", "W");
    assert_eq!((fork.found("/@v/w/a"), fork.found("/@v/w/b")), ("V".into(), "W".into()));
    assert!(fork.site.fails(1, &["version", "discard", "v", "--yes"]).contains("--despite-others"));
    let merged = fork.cli("version merge w");
    assert!(merged.contains("into version v"), "{merged}");
    fork.shows(&[("/a", "One"), ("/b", "One")], &[("/a", "V"), ("/b", "W")]);
    fork.retitle("/@v/w/b", "More");
    fork.rest("POST /@@versions/v/merge", &json!({ "close": true }));
    fork.shows(&[("/a", "V"), ("/b", "W")], &[]);
    let upper = fork.rest("GET /@@versions/w", &Json::Null);
    assert_eq!((&upper["parent"], &upper["status"]), (&Json::Null, &json!("open")), "{upper}");
    fork.cli("version merge w");
    fork.shows(&[("/a", "V"), ("/b", "More")], &[]);
}

#[test]
fn case_35_a_version_of_a_user_who_is_gone_stays_and_another_merges_it() {
    let fork = Fork::of(&["/a One"]);
    fork.add_user("mia", "Manager");
    fork.add_user("ann", "Editor");
    fork.site.ok(&["permission", "set", "/", "Use versions", "--roles", "Manager,Editor"]);
    let (status, made) = fork.tell(Some("ann"), "POST", "/@@versions", &json!({ "name": "w" }));
    assert_eq!((status, &made["owner"]), (201, &json!("ann")), "{made}");
    let title = json!({ "attributes": { "title": "Mine" } });
    assert_eq!(fork.tell(Some("ann"), "PATCH", "/@v/w/a", &title).0, 200);
    fork.cli("user rm ann");
    assert_ne!(fork.tell(Some("ann"), "POST", "/@@versions/w/merge", &json!({})).0, 200);
    assert_eq!(fork.found("/a"), "One");
    let list = fork.cli("version list");
    assert!(list.contains("w ") && list.contains("1 object changed"), "{list}");
    fork.cli("version transfer w mia");
    let (status, merged) = fork.tell(Some("mia"), "POST", "/@@versions/w/merge", &json!({}));
    assert_eq!((status, &merged["sentence"]), (200, &json!("Merged version w")), "{merged}");
    assert_eq!(fork.found("/a"), "Mine");
}

/// As far as it is about tasks. That no time comes in a version is tested where the clock can be moved.
#[test]
fn case_33_a_task_in_a_version_is_refused_until_it_is_merged() {
    let fork = Fork::of(&["/a One"]);
    fork.add_user("mia", "Manager");
    fork.cli("add /t --type task --set run=set --set on:reference=/a --version v");
    fork.cli("set /t arguments={\"map\":{\"title\":\"Ran\"}} --version v");
    fork.cli("owner /t mia --version v");
    let (status, refused) = fork.post("mia", "/@v/v/t/run");
    assert!(status == 400 && refused.contains("merge the version first"), "{status} {refused}");
    assert_eq!((fork.post("mia", "/t/run").0, fork.found("/a")), (404, "One".into()));
    assert!(fork.site.run(&["task", "list"]).err.contains("no tasks"));
    fork.cli("version merge v");
    let (status, said) = fork.post("mia", "/t/run");
    assert!(status == 200 && said.starts_with("Ran /t (set on /a) (t"), "{status} {said}");
    assert_eq!(fork.found("/a"), "Ran");
    assert!(fork.cli("task list").contains("/t  set on /a, of mia: on demand"));
}
