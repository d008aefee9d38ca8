//! The description of the interface, and the interface.

use serde_json::{Value as Json, json};

use super::ACCEPT;
use crate::site::TestSite;

/// Everything that is referred to, anywhere in a document.
fn references(json: &Json, found: &mut Vec<String>) {
    match json {
        Json::Object(members) => {
            for (name, value) in members {
                match value {
                    Json::String(text) if name == "$ref" => found.push(text.clone()),
                    value => references(value, found),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_description_is_whole_and_for_everybody() {
    let site = TestSite::new();
    let answer = site.get("/@@openapi.json").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{reference} leads nowhere");
    }
}

#[tokio::test]
async fn every_operation_of_the_description_is_answered() {
    let site = TestSite::new();
    let document = site.get("/@@openapi.json").await.json();
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            site.put("/folder", "folder", &[]);
            site.put("/folder/p", "page", &[]);
            let uri = path
                .replace("{path}", "folder/p")
                .replace("{version}", "none")
                .replace("{tid}", "t1")
                .replace("{conflict}", "x")
                .replace("{link}", "x");
            let headers = [ACCEPT, ("content-type", "application/json")];
            let answer = site.send(&method.to_uppercase(), &uri, &headers, "{").await;
            let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
            assert!(code != "method" && answer.status != 500, "{method} {uri}: {}", answer.text());
            let is_answered =
                answer.status.is_success() || matches!(code.as_str(), "json" | "argument" | "not-found");
            // A page has no password.
            let is_refused = code == "value" && uri.contains("@@credentials");
            assert!(is_answered || is_refused, "{method} {uri}: {}", answer.text());
            let id = operation["operationId"].as_str().unwrap();
            if code == "not-found" {
                assert!(uri.contains("none") || uri.contains("t1"), "{id} is nowhere");
            }
            asked += 1;
            site.delete("/folder");
        }
    }
    assert!(asked > 35, "{asked}");
}

#[tokio::test]
async fn an_address_says_what_can_be_done_there() {
    let site = TestSite::new();
    let answer = site.send("PUT", "/@@versions/none", &[ACCEPT], "{}").await;
    assert_eq!(answer.problem(), (405, "method".into()));
    assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS, PATCH");
    assert_eq!(
        site.send("GET", "/@@versions/a/b/c/d", &[ACCEPT], "").await.problem(),
        (404, "not-found".into())
    );
    assert_eq!(site.read("/@@children").await, json!({ "items": [], "next": null }));
}
