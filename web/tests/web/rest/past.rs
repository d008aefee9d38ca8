//! The past: who did what, how it was, and taking it back.

use serde_json::{Value as Json, json};

use crate::site::TestSite;

fn texts(items: &Json, member: &str) -> Vec<String> {
    items.as_array().unwrap().iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_history_is_read_by_parts_of_an_object_or_of_all_in_it() {
    let site = TestSite::new();
    site.put("/a", "folder", &[]);
    site.put("/a/x", "page", &[("title", "1")]);
    site.put("/b", "page", &[]);
    site.set("/a/x", "title", "2");
    site.delete("/a/x");
    let own = site.read("/a/@@history").await;
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
    let mut seen = 0;
    let mut next = Some("/a/@@history?of=subtree&limit=2".to_owned());
    while let Some(uri) = next {
        let part = site.read(&uri).await;
        seen += part["items"].as_array().unwrap().len();
        next = part["next"].as_str().map(str::to_owned);
    }
    assert_eq!(seen, 4, "what happened to /b is not here");
}

#[tokio::test]
async fn each_cell_says_who_wrote_it_and_each_commit_what_it_did() {
    let site = TestSite::new();
    let made = site.put("/p", "page", &[("title", "1")]);
    let set = site.set("/p", "title", "2");
    let blame = site.read("/p/@@blame").await;
    let tid = |cell: &str| {
        let cells = blame["cells"].as_array().unwrap();
        cells.iter().find(|found| found["cell"] == cell).unwrap()["tid"].as_str().unwrap().to_owned()
    };
    assert_eq!((tid("title"), tid("(type)")), (set.to_string(), made.to_string()));
    let commit = site.read(&format!("/@@commits/{set}")).await;
    assert_eq!(commit["commit"]["kind"], "edit");
    assert_eq!(
        (&commit["items"][0]["path"], &commit["items"][0]["change"]),
        (&json!("/p"), &json!("changed"))
    );
    let cell = &commit["items"][0]["cells"][0];
    assert_eq!((&cell["before"]["value"], &cell["after"]["value"]), (&json!("1"), &json!("2")));
    let diff = site.read(&format!("/@@diff?from={made}&to={set}")).await;
    assert_eq!(diff["items"], commit["items"]);
    assert_eq!(site.read(&format!("/@at/{made}/p")).await["attributes"]["title"]["value"], "1");
}

#[tokio::test]
async fn an_undo_is_looked_at_before_and_says_what_stands_against_it() {
    let site = TestSite::new();
    site.put("/p", "page", &[("title", "1")]);
    let set = site.set("/p", "title", "2");
    let body = |preview: bool| json!({ "commits": [set.to_string()], "preview": preview });
    let plan = site.done("POST", "/@@undo", body(true)).await;
    assert_eq!(plan["cells"][0]["after"]["value"], "1");
    assert_eq!(site.read("/p").await["attributes"]["title"]["value"], "2");

    let later = site.set("/p", "title", "3");
    let blocked = site.tell("POST", "/@@undo", body(false)).await;
    assert_eq!(blocked.problem(), (409, "blocked".into()));
    let blocker = blocked.json()["blockers"][0].clone();
    assert_eq!((&blocker["cell"], &blocker["later"]["tid"]), (&json!("title"), &json!(later.to_string())));
    let both = json!({ "commits": [set.to_string(), later.to_string()] });
    let undone = site.done("POST", "/@@undo", both).await;
    assert_eq!(site.read("/p").await["attributes"]["title"]["value"], "1");
    let redone = site.done("POST", "/@@undo", undone["undo"]["body"].clone()).await;
    assert!(redone["sentence"].as_str().unwrap().starts_with("Undid"), "{redone}");
    assert_eq!(site.read("/p").await["attributes"]["title"]["value"], "3");

    let choices =
        json!({ "choose": [{ "oid": site.oid("/p").to_string(), "cell": "title", "value": "mine" }] });
    let chosen = json!({ "commits": [set.to_string()], "choices": choices });
    site.done("POST", "/@@undo", chosen).await;
    assert_eq!(site.read("/p").await["attributes"]["title"]["value"], "mine");
}

#[tokio::test]
async fn what_was_is_brought_back_with_what_was_in_it() {
    let site = TestSite::new();
    site.put("/a", "folder", &[]);
    let then = site.put("/a/x", "page", &[("title", "1")]);
    let oid = site.oid("/a/x");
    site.set("/a/x", "title", "2");
    site.delete("/a");
    let restored = site.done("POST", "/@@restore", json!({ "path": "/a", "at": then.to_string() })).await;
    assert_eq!(restored["sentence"], format!("Restored /a as of {then}"));
    assert_eq!(site.read("/a/x").await["attributes"]["title"]["value"], "1");
    assert_eq!(site.oid("/a/x"), oid, "it is the same object");
    let history = site.read("/a/@@history").await;
    assert_eq!(texts(&history["items"], "kind")[0], "restore");
    let missing = site.tell("POST", "/@@restore", json!({ "path": "/none", "at": then.to_string() })).await;
    assert_eq!(missing.problem(), (404, "not-found".into()));
}

#[tokio::test]
async fn what_was_cannot_be_changed() {
    let site = TestSite::new();
    let tid = site.put("/p", "page", &[]);
    let uri = format!("/@at/{tid}/p");
    let answer = site.tell("PATCH", &uri, json!({ "attributes": { "title": "x" } })).await;
    assert_eq!(answer.problem(), (405, "method".into()));
}
