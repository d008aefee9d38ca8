//! What is refused, and what programs are told then.

use serde_json::json;

use super::{ACCEPT, JSON};
use crate::site::TestSite;

#[tokio::test]
async fn every_refusal_is_a_problem_with_a_code() {
    let site = TestSite::new();
    site.put("/p", "page", &[]);
    let page = json!({ "type": "page", "name": "x" });
    for (method, uri, body, expected) in [
        ("POST", "/none/", page.clone(), (404, "not-found")),
        ("PUT", "/none/x", json!({ "type": "page" }), (404, "not-found")),
        ("POST", "/p", page.clone(), (422, "not-taken")),
        ("POST", "/", json!({ "type": "nonsense", "name": "x" }), (422, "unknown-type")),
        ("POST", "/", json!({ "type": "page", "name": "a/b" }), (422, "name")),
        ("POST", "/", json!({ "type": "page", "name": "x", "colour": 1 }), (400, "json")),
        ("POST", "/", json!({ "name": "x" }), (400, "json")),
        ("PATCH", "/p", json!({ "attributes": { "t": { "kind": "int", "value": 1.5 } } }), (422, "value")),
        ("PATCH", "/p", json!({ "attributes": { "t": { "a": 1 } } }), (422, "value")),
        ("PATCH", "/p", json!({ "attributes": { "": "x" } }), (422, "name")),
        ("PATCH", "/p", json!({ "title": "x" }), (400, "json")),
        ("PATCH", "/p", json!([]), (400, "json")),
        ("PUT", "/@@children", json!({}), (405, "method")),
        ("POST", "/p/@@none", json!({}), (404, "not-found")),
        ("POST", "/p/@@move", json!({ "to": "/none" }), (404, "not-found")),
        ("POST", "/p/@@move", json!({ "to": "p" }), (422, "name")),
        ("POST", "/@@move", json!({ "name": "x" }), (409, "place")),
        ("POST", "/p/@@order", json!({}), (400, "argument")),
        ("POST", "/p/@@order", json!({ "after": "none" }), (404, "not-found")),
        ("POST", "/@@undo", json!({ "commits": [] }), (400, "argument")),
        ("POST", "/@@undo", json!({ "commits": ["x"] }), (400, "argument")),
        ("POST", "/@@undo", json!({ "commits": ["t1"] }), (404, "not-found")),
        ("PUT", "/_x", json!({ "type": "page" }), (422, "name")),
        ("PUT", "/a%2Fb", json!({ "type": "page" }), (400, "path")),
    ] {
        let answer = site.tell(method, uri, body.clone()).await;
        assert_eq!(
            answer.problem(),
            (expected.0, expected.1.to_owned()),
            "{method} {uri} {body}: {}",
            answer.text()
        );
        let problem = answer.json();
        assert_eq!(problem["status"], expected.0);
        assert_eq!(problem["type"], format!("urn:bough:problem:{}", expected.1));
        assert!(problem["title"].is_string() && problem["detail"].is_string() && problem["id"].is_string());
    }
    let odd = site.send("PATCH", "/p", &[("content-type", "text/plain")], "{}").await;
    assert_eq!(odd.problem(), (415, "media-type".into()));
    let odd = site.send("PUT", "/p", &[("content-type", "image/png")], "x").await;
    assert_eq!(odd.problem(), (415, "media-type".into()));
    let odd = site.send("PUT", "/p", &[("content-type", "text/html")], vec![0xff]).await;
    assert_eq!(odd.problem(), (422, "value".into()));
    let odd = site.send("GET", "/@@children?limit=-1", &[ACCEPT], "").await;
    assert_eq!(odd.problem(), (400, "argument".into()));
    let missing = site.send("GET", "/none", &[ACCEPT], "").await;
    assert_eq!(missing.problem(), (404, "not-found".into()));
    let page = site.send("DELETE", "/none", &[("accept", "text/html")], "").await;
    assert!(page.text().contains("<h1>Not found</h1>"), "who asks for a page gets one");
}

#[tokio::test]
async fn hostile_json_is_refused_with_its_place() {
    let site = TestSite::new();
    site.put("/p", "page", &[]);
    let deep = "[".repeat(100_000);
    let deep_value = format!("{{\"attributes\":{{\"a\":{}1{}}}}}", "[".repeat(60), "]".repeat(60));
    for (body, status) in [
        (&b"{\"attributes\": {\"a\": 1, \"a\": 2}}"[..], 400),
        (b"{\"attributes\": {\"a\": NaN}}", 400),
        (b"{\"attributes\": {\"a\": 1e999}}", 400),
        (b"{\"attributes\": {\"a\": 18446744073709551615}}", 422),
        (b"{\"attributes\": {\"a\": \"\xff\"}}", 400),
        (b"{\"attributes\": {\"\\ud800\": 1}}", 400),
        (b"{\"attributes\": ", 400),
        (b"", 400),
        (deep.as_bytes(), 400),
        (deep_value.as_bytes(), 422),
    ] {
        let answer = site.send("PATCH", "/p", &[JSON], body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(answer.problem().0, status, "{shown}: {}", answer.text());
        if status == 400 {
            assert!(answer.json()["line"].is_u64() && answer.json()["column"].is_u64(), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let site = TestSite::new();
    let body = json!({ "type": "page", "name": "x" }).to_string();
    for header in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")] {
        let answer = site.send("POST", "/", &[JSON, header], body.clone()).await;
        assert_eq!(answer.problem(), (403, "origin".into()), "{header:?}");
    }
    for header in [("sec-fetch-site", "same-origin"), ("origin", "http://localhost")] {
        assert!(site.send("POST", "/", &[JSON, header], body.clone()).await.status != 403, "{header:?}");
    }
}

#[tokio::test]
async fn who_may_not_write_is_refused_and_changes_nothing() {
    let site = TestSite::new();
    site.put("/p", "page", &[("title", "A"), ("_secret", "x")]);
    site.put("/t.html", "template", &[("source", "{{ 1 }}")]);
    let head = site.database.head();
    for (method, uri) in [
        ("PUT", "/p"),
        ("PATCH", "/p"),
        ("DELETE", "/p"),
        ("POST", "/"),
        ("POST", "/p/@@move"),
        ("POST", "/@@undo"),
        ("GET", "/p/@@history"),
        ("GET", "/p/@@blame"),
        ("GET", "/@@versions"),
        ("POST", "/@@versions"),
        ("POST", "/@@restore"),
    ] {
        let body = match (method, uri) {
            ("PATCH", _) => json!({ "attributes": { "title": "B" } }),
            ("POST", "/") => json!({ "type": "page", "name": "x" }),
            ("POST", "/p/@@move") => json!({ "name": "q" }),
            _ => json!({ "type": "page", "attributes": { "title": "B" } }),
        };
        let answer = site.send_far(method, uri, &[JSON, ACCEPT], body.to_string()).await;
        assert_eq!(answer.problem(), (401, "log-in".into()), "{method} {uri}: {}", answer.text());
    }
    assert_eq!(site.database.head(), head);
    let seen = site.send_far("GET", "/p", &[ACCEPT], "").await.json();
    assert_eq!(
        seen["attributes"],
        json!({ "title": { "kind": "text", "value": "A" } }),
        "settings are not for all"
    );
    assert_eq!(site.send_far("GET", "/t.html", &[ACCEPT], "").await.json()["attributes"], json!({}));
    let found = site.send_far("GET", "/@@find?text=1", &[ACCEPT], "").await.json();
    assert_eq!(found["items"], json!([]), "nor is what programs are made of");
}
