//! Versions: made, written to, compared, merged, thrown away.

use std::collections::BTreeSet;

use bough_core::Oid;
use bough_store::Note;
use serde_json::json;

use super::{ACCEPT, JSON};
use crate::site::{Failed, TestSite, name};

const IN_DRAFT: (&str, &str) = ("bough-version", "draft");

async fn site() -> TestSite {
    let site = TestSite::new();
    site.put("/p", "page", &[("title", "public")]);
    let made = site.tell("POST", "/@@versions", json!({ "name": "draft", "title": "Draft" })).await;
    assert_eq!((made.status.as_u16(), made.header("location")), (201, "/@@versions/draft"));
    site
}

#[tokio::test]
async fn a_version_is_written_to_in_its_own_address_and_nobody_else_sees_it() {
    let site = site().await;
    let body = json!({ "attributes": { "title": "private" } });
    let written = site.done("PATCH", "/@v/draft/p", body).await;
    assert_eq!(written["object"]["url"], "/@v/draft/p");
    assert_eq!(site.read("/p").await["attributes"]["title"]["value"], "public");
    assert_eq!(site.read("/@v/draft/p").await["attributes"]["title"]["value"], "private");
    let headers = [JSON, IN_DRAFT];
    let body = json!({ "type": "page", "name": "q" }).to_string();
    assert_eq!(site.send("POST", "/", &headers, body).await.header("location"), "/@v/draft/q");
    assert_eq!(site.send("GET", "/q", &[ACCEPT, IN_DRAFT], "").await.status, 200);
    assert_eq!(site.send("GET", "/q", &[ACCEPT], "").await.status, 404);
    let diff = site.read("/@@versions/draft/diff").await;
    assert_eq!(diff["items"].as_array().unwrap().len(), 2, "the page and the new one");
    let undo = written["undo"].clone();
    assert_eq!(undo["href"], "/@v/draft/@@undo");
    site.done("POST", "/@v/draft/@@undo", undo["body"].clone()).await;
    assert_eq!(site.read("/@v/draft/p").await["attributes"]["title"]["value"], "public");
}

#[tokio::test]
async fn conflicts_are_shown_with_all_sides_settled_and_merged() {
    let site = site().await;
    site.done("PATCH", "/@v/draft/p", json!({ "attributes": { "title": "mine" } })).await;
    site.done("PATCH", "/p", json!({ "attributes": { "title": "theirs" } })).await;
    let preview = site.done("POST", "/@@versions/draft/merge", json!({ "preview": true })).await;
    assert_eq!(preview["conflicts"].as_array().unwrap().len(), 1);
    let refused = site.tell("POST", "/@@versions/draft/merge", json!({})).await;
    assert_eq!(refused.problem(), (409, "unsettled".into()));
    let conflict = refused.json()["conflicts"][0].clone();
    assert_eq!((&conflict["kind"], &conflict["cell"]), (&json!("cell"), &json!("title")));
    let sides = ["base", "version", "parent"].map(|side| conflict[side]["value"].clone());
    assert_eq!(sides, ["public", "mine", "theirs"]);

    let uri = format!("/@@versions/draft/conflicts/{}", conflict["id"].as_str().unwrap());
    let settled = site.done("PUT", &uri, json!({ "choice": "value", "value": "ours" })).await;
    assert_eq!(settled["items"][0]["resolution"], "value");
    site.send("DELETE", &uri, &[], "").await;
    assert_eq!(site.read("/@@versions/draft/conflicts").await["items"][0]["resolution"], json!(null));
    let wrong = site.tell("PUT", &uri, json!({ "choice": "same" })).await;
    assert_eq!(wrong.problem(), (422, "choice".into()));
    site.done("PUT", &uri, json!({ "choice": "version" })).await;
    let merged = site.done("POST", "/@@versions/draft/merge", json!({})).await;
    assert_eq!(merged["sentence"], "Merged version draft");
    assert_eq!(site.read("/p").await["attributes"]["title"]["value"], "mine");
    site.done("POST", "/@@undo", merged["undo"]["body"].clone()).await;
    assert_eq!(site.read("/p").await["attributes"]["title"]["value"], "theirs");
}

#[tokio::test]
async fn a_conflict_about_the_order_says_where_each_side_has_the_object() {
    let site = site().await;
    site.done("POST", "/", json!({ "type": "folder", "name": "f", "attributes": { "_ordered": true } }))
        .await;
    for name in ["a", "b", "c"] {
        site.done("POST", "/f/", json!({ "type": "page", "name": name })).await;
    }
    site.done("POST", "/@@versions/draft/update", json!({})).await;
    for (root, to) in [("/@v/draft", json!({ "after": null })), ("", json!({ "before": null }))] {
        site.done("POST", &format!("{root}/f/b/@@order"), to).await;
    }
    let conflict = site.read("/@@versions/draft/conflicts").await["items"][0].clone();
    assert_eq!((&conflict["cell"], &conflict["path"]), (&json!("(place)"), &json!("/f/b")));
    let standings = json!({ "base": "second, after a", "version": "first", "parent": "third, after c" });
    assert_eq!(conflict["standings"], standings);
}

#[tokio::test]
async fn many_conflicts_are_settled_alike_all_or_none() {
    let site = site().await;
    for (line, title) in [("/@v/draft", "mine"), ("", "theirs")] {
        site.done("PATCH", &format!("{line}/p"), json!({ "attributes": { "title": title } })).await;
        site.done("POST", &format!("{line}/"), json!({ "type": "page", "name": "fresh" })).await;
    }
    let uri = "/@@versions/draft/conflicts";
    let open = async || {
        let all = site.read(uri).await;
        all["items"].as_array().unwrap().iter().filter(|item| item["resolution"].is_null()).count()
    };
    assert_eq!(open().await, 2);
    let would = site.done("POST", uri, json!({ "choice": "version", "preview": true })).await;
    assert_eq!((would["settled"].as_array().unwrap().len(), &would["open"]), (2, &json!(0)));
    assert_eq!(open().await, 2, "a preview keeps nothing");
    let refused = site.tell("POST", uri, json!({ "choice": "same" })).await;
    assert_eq!(refused.problem(), (422, "choice".into()));
    let refused = refused.json();
    assert_eq!(refused["not_settled"][0]["why"], "that cannot be chosen for it");
    assert_eq!(open().await, 2, "all of them or none");
    let none = site.tell("POST", uri, json!({ "choice": "version", "conflicts": ["0badc0de"] })).await;
    assert_eq!(none.status.as_u16(), 404);
    let done = site.done("POST", uri, json!({ "choice": "rename", "kind": "name" })).await;
    assert_eq!((done["settled"].as_array().unwrap().len(), &done["open"]), (1, &json!(1)));
    let none = site.done("POST", uri, json!({ "choice": "parent", "below": "/fresh" })).await;
    assert_eq!(none["settled"], json!([]), "what is there is settled");
    site.done("POST", uri, json!({ "choice": "parent", "below": "/p" })).await;
    site.done("POST", "/@@versions/draft/merge", json!({})).await;
    assert_eq!(site.read("/p").await["attributes"]["title"]["value"], "theirs");
}

#[tokio::test]
async fn a_part_is_merged_or_thrown_away() {
    let site = site().await;
    site.done("POST", "/@v/draft/", json!({ "type": "page", "name": "a" })).await;
    site.done("POST", "/@v/draft/", json!({ "type": "page", "name": "b" })).await;
    site.done("POST", "/@@versions/draft/merge", json!({ "only": [{ "path": "/a" }] })).await;
    assert_eq!((site.get("/a").await.status.as_u16(), site.get("/b").await.status.as_u16()), (200, 404));
    let preview = site.done(
        "POST",
        "/@@versions/draft/discard",
        json!({ "only": [{ "path": "/b" }], "preview": true }),
    );
    assert_eq!(preview.await["commit"], json!(null));
    let gone = site.done("POST", "/@@versions/draft/discard", json!({ "only": [{ "path": "/b" }] })).await;
    assert_eq!(gone["objects"][0]["oid"].as_str().unwrap().chars().next(), Some('o'));
    assert_eq!(site.send("GET", "/@v/draft/b", &[ACCEPT], "").await.status, 404);
}

#[tokio::test]
async fn a_version_is_updated_closed_opened_again_renamed_and_discarded() {
    let site = site().await;
    site.put("/later", "page", &[]);
    assert_eq!(site.send("GET", "/@v/draft/later", &[ACCEPT], "").await.status, 404);
    let updated = site.send("POST", "/@@versions/draft/update", &[], "").await;
    assert_eq!(updated.json()["sentence"], "Updated version draft", "{}", updated.text());
    assert_eq!(site.send("GET", "/@v/draft/later", &[ACCEPT], "").await.status, 200);
    site.done("PATCH", "/@@versions/draft", json!({ "name": "other", "owner": "ben" })).await;
    assert_eq!(site.read("/@@versions/other").await["owner"], "ben");
    site.send("POST", "/@@versions/other/close", &[], "").await;
    let closed = site.tell("POST", "/@v/other/", json!({ "type": "page", "name": "x" })).await;
    assert_eq!(closed.problem(), (409, "version-status".into()));
    assert_eq!(site.read("/@@versions").await["items"], json!([]));
    site.send("POST", "/@@versions/other/reopen", &[], "").await;
    assert_eq!(site.read("/@@versions").await["items"][0]["status"], "open");
    site.done("POST", "/@@versions/other/discard", json!({})).await;
    assert_eq!(site.read("/@@versions?all=true").await["items"][0]["status"], "discarded");
    let missing = site.send("GET", "/@@versions/none", &[ACCEPT], "").await;
    assert_eq!(missing.problem(), (404, "not-found".into()));
}

#[tokio::test]
async fn a_preview_link_is_made_listed_and_taken_back() {
    let site = site().await;
    let made =
        site.done("POST", "/@@versions/draft/links", json!({ "path": "/p", "expires_secs": 60 })).await;
    assert!(made["url"].as_str().unwrap().contains("/@@preview/"), "{made}");
    let listed = site.read("/@@versions/draft/links").await["items"][0].clone();
    assert_eq!((&listed["path"], &listed["url"]), (&json!("/p"), &json!(null)));
    let uri = format!("/@@versions/draft/links/{}", listed["id"].as_str().unwrap());
    assert_eq!(site.send("DELETE", &uri, &[], "").await.status, 200);
    assert_eq!(site.send("DELETE", &uri, &[], "").await.problem(), (404, "not-found".into()));
    let endless = site.tell("POST", "/@@versions/draft/links", json!({ "expires_secs": u64::MAX })).await;
    assert_eq!(endless.problem(), (400, "argument".into()));
}

#[tokio::test]
async fn what_is_written_by_the_header_is_undone_where_the_answer_says() {
    let site = site().await;
    let body = json!({ "attributes": { "title": "private" } }).to_string();
    let written = site.send("PATCH", "/p", &[JSON, IN_DRAFT], body).await.json();
    assert_eq!(written["object"]["url"], "/@v/draft/p");
    let href = written["undo"]["href"].as_str().unwrap().to_owned();
    assert_eq!(href, "/@v/draft/@@undo");
    site.done("POST", &href, written["undo"]["body"].clone()).await;
    assert_eq!(site.read("/@v/draft/p").await["attributes"]["title"]["value"], "public");
    let children = site.send("GET", "/@@children", &[ACCEPT, IN_DRAFT], "").await.json();
    assert_eq!(children["items"][0]["url"], "/@v/draft/p");
}

#[tokio::test]
async fn an_answer_says_what_became_of_a_version_and_nothing_else() {
    let site = site().await;
    let uri = "/@@versions/draft";
    let nothing = site.tell("PATCH", uri, json!({})).await;
    assert_eq!(nothing.problem(), (400, "argument".into()), "{}", nothing.text());
    for (body, sentence) in [
        (json!({ "name": "draft", "title": "Draft" }), "Nothing changed: version draft is so already"),
        (json!({ "name": "draft", "title": "New" }), "Changed the title of version draft"),
        (
            json!({ "title": "Newer", "owner": "ben" }),
            "Changed the title of version draft and gave it to ben",
        ),
        (json!({ "owner": "ann" }), "Gave version draft to ann"),
        (
            json!({ "name": "spring", "title": "Spring", "owner": "ben" }),
            "Renamed version draft to spring, changed its title and gave it to ben",
        ),
    ] {
        let done = site.done("PATCH", uri, body.clone()).await;
        assert_eq!(done["sentence"], sentence, "{body}");
        assert_eq!(done["commit"].is_null(), sentence.starts_with("Nothing"), "{body}");
    }
    let closed = site.done("POST", "/@@versions/spring/close", json!({})).await;
    assert_eq!(closed["sentence"], "Closed version spring");
    let again = site.done("POST", "/@@versions/spring/close", json!({})).await;
    assert_eq!(again["sentence"], "Nothing changed: version spring is closed already");
}

#[tokio::test]
async fn what_was_sent_wrongly_is_refused_with_what_to_send() {
    let site = site().await;
    let wrong = site.tell("POST", "/@@versions/draft/merge", json!({ "only": ["/p"] })).await;
    assert_eq!(wrong.problem(), (400, "json".into()));
    let detail = wrong.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(r#"expected an object as in {"path": "/about"}"#), "{detail}");
    let wrong = site.tell("POST", "/@@versions", json!("draft")).await;
    let detail = wrong.json()["detail"].as_str().unwrap().to_owned();
    assert!(!detail.contains("struct") && detail.contains("expected an object"), "{detail}");
}

#[tokio::test]
async fn a_merge_that_only_closes_the_version_says_so() {
    let site = site().await;
    let closed = site.done("POST", "/@@versions/draft/merge", json!({ "close": true })).await;
    assert_eq!(closed["sentence"], "Closed version draft: there was nothing to merge");
    assert_eq!(closed["commit"], json!(null));
    assert_eq!(site.read("/@@versions/draft").await["status"], "closed");
    site.done("POST", "/@@versions/draft/reopen", json!({})).await;
    let nothing = site.done("POST", "/@@versions/draft/merge", json!({})).await;
    assert_eq!(nothing["sentence"], "Nothing changed: there was nothing to merge");
}

#[tokio::test]
async fn versions_of_one_name_are_told_apart_by_their_numbers() {
    let site = site().await;
    site.send("POST", "/@@versions/draft/close", &[], "").await;
    site.done("POST", "/@@versions", json!({ "name": "draft", "title": "The second" })).await;
    site.send("POST", "/@@versions/draft/close", &[], "").await;
    let listed = site.read("/@@versions?all=true").await["items"].clone();
    let hrefs = [0, 1].map(|nth: usize| listed[nth]["href"].as_str().unwrap().to_owned());
    assert_ne!(hrefs[0], hrefs[1]);
    assert_eq!(hrefs[0], format!("/@@versions/draft~{}", listed[0]["number"]));
    assert_eq!(site.read(&hrefs[0]).await["title"], "Draft");
    assert_eq!(site.read(&hrefs[1]).await["title"], "The second");
    let which = site.send("POST", "/@@versions/draft/reopen", &[], "").await;
    assert_eq!(which.problem(), (409, "version-status".into()), "{}", which.text());
    let detail = which.json()["detail"].as_str().unwrap().to_owned();
    assert!(hrefs.iter().all(|href| detail.contains(href.rsplit('/').next().unwrap())), "{detail}");
    let opened = site.send("POST", &format!("{}/reopen", hrefs[0]), &[], "").await;
    assert_eq!(opened.status, 200, "{}", opened.text());
    assert_eq!(site.read("/@@versions/draft").await["title"], "Draft");
    assert_eq!(site.send("GET", "/@@versions/draft~99", &[ACCEPT], "").await.status, 404);
    assert_eq!(site.send("GET", &hrefs[0].replace("draft", "other"), &[ACCEPT], "").await.status, 404);
}

#[tokio::test]
async fn no_version_begins_in_the_future_or_before_the_site() {
    let site = site().await;
    for (at, word) in [("2999-01-01", "lies ahead"), ("1980-01-01", "begins with")] {
        let refused = site.tell("POST", "/@@versions", json!({ "name": "other", "at": at })).await;
        assert_eq!(refused.status.as_u16() / 100, 4, "{at}: {}", refused.text());
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(word), "{at}: {detail}");
    }
}

#[tokio::test]
async fn what_is_long_about_a_version_comes_in_parts() {
    let site = site().await;
    let version = site.database.version("draft").unwrap();
    let many = version.write(Note::edit("many"), |draft| {
        for nth in 0..1_005 {
            draft.add(Oid::ROOT, &name(&format!("n{nth}")), &name("page"), [])?;
        }
        Ok::<_, Failed>(())
    });
    many.unwrap();
    let listed = site.read("/@@versions").await["items"][0].clone();
    assert_eq!((&listed["objects"], &listed["has_more_objects"]), (&json!(1_000), &json!(true)));

    for nth in 0..120 {
        site.put(&format!("/n{nth}"), "page", &[]);
    }
    let parts = async |uri: &str, key: &str| {
        let (mut next, mut found, mut parts) = (Some(uri.to_owned()), BTreeSet::new(), Vec::new());
        while let Some(uri) = next {
            let part = site.read(&uri).await;
            let items = part["items"].as_array().unwrap();
            found.extend(items.iter().map(|item| item[key].as_str().unwrap().to_owned()));
            parts.push(items.len());
            next = part["next"].as_str().map(str::to_owned);
        }
        (found.len(), parts)
    };
    assert_eq!(parts("/@@versions/draft/diff?limit=400", "oid").await, (1_005, vec![400, 400, 205]));
    assert_eq!(parts("/@@versions/draft/conflicts?limit=50", "id").await, (120, vec![50, 50, 20]));
    let plan = site.done("POST", "/@@versions/draft/merge", json!({ "preview": true })).await;
    assert_eq!((plan["conflicts"].as_array().unwrap().len(), &plan["conflicts_total"]), (100, &json!(120)));
    let refused = site.tell("POST", "/@@versions/draft/merge", json!({})).await.json();
    assert_eq!(refused["conflicts"].as_array().unwrap().len(), 100);
    assert!(refused["detail"].as_str().unwrap().starts_with("120 conflict"), "{}", refused["detail"]);
    let gone = site.send("GET", "/@@versions/draft/conflicts?after=0badc0de", &[ACCEPT], "").await;
    assert_eq!(gone.problem(), (400, "argument".into()));
}
