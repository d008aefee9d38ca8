//! Objects: shown, made, changed, listed, moved, deleted.

use bough_core::Value;
use serde_json::json;

use super::{ACCEPT, JSON};
use crate::site::TestSite;

fn site() -> TestSite {
    let site = TestSite::new();
    site.put("/news", "folder", &[("title", "News")]);
    site.put("/news/a", "page", &[("title", "A"), ("body", "one")]);
    site
}

#[tokio::test]
async fn an_object_is_json_for_those_who_ask_and_a_page_for_people() {
    let site = site();
    site.set("/news/a", "see", Value::Reference(site.oid("/news")));
    let answer = site.send("GET", "/news/a", &[ACCEPT], "").await;
    let object = answer.json();
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("etag"), format!("\"{}\"", object["revision"].as_str().unwrap()));
    assert!(answer.headers.get_all("vary").iter().any(|value| value == "accept"));
    assert_eq!(object["oid"], site.oid("/news/a").to_string());
    assert_eq!((&object["path"], &object["url"]), (&json!("/news/a"), &json!("/news/a")));
    assert_eq!((&object["type"], &object["name"]), (&json!("page"), &json!("a")));
    assert_eq!(object["container"]["url"], "/news/");
    assert_eq!(object["attributes"]["title"], json!({ "kind": "text", "value": "A" }));
    assert_eq!(object["attributes"]["see"]["path"], "/news");
    assert_eq!(object["children"], json!(null));
    assert_eq!(site.read("/news/").await["children"], "/news/@@children");
    assert_eq!(site.send("GET", "/news", &[ACCEPT], "").await.outcome(), (308, "/news/"));
    assert_eq!(site.send("HEAD", "/news/a", &[ACCEPT], "").await.body, b"");
    let browser = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let page = site.send("GET", "/news/a", &[browser], "").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
}

#[tokio::test]
async fn what_is_read_can_be_put_back_and_changes_nothing() {
    let site = site();
    site.put_file("/news/f.bin", &vec![9; 10_000]);
    site.set("/news/a", "when", Value::Time(1));
    site.set("/news/a", "count", Value::Counter(3));
    site.set("/news/a", "tags", Value::Set(["x".into(), "y".into()].into()));
    for uri in ["/news/a", "/news/f.bin", "/news/"] {
        let object = site.read(uri).await;
        let head = site.database.head();
        let written = site.done("PUT", uri, object.clone()).await;
        assert_eq!((&written["commit"], &written["undo"]), (&json!(null), &json!(null)), "{uri}");
        assert_eq!(site.database.head(), head, "{uri}");
        assert_eq!(site.read(uri).await, object, "{uri}");
    }
}

#[tokio::test]
async fn an_object_is_made_once_and_replaced_as_a_whole_afterwards() {
    let site = site();
    let wanted = json!({ "type": "page", "attributes": { "title": "B", "body": "text", "extra": 1 } });
    let made = site.tell("PUT", "/news/b", wanted.clone()).await;
    assert_eq!((made.status.as_u16(), made.header("location")), (201, "/news/b"));
    assert_eq!(made.json()["sentence"], "Added page /news/b");
    assert_eq!(made.json()["object"]["etag"], made.header("etag"));
    let again = site.tell("PUT", "/news/b", wanted).await;
    assert_eq!((again.status.as_u16(), &again.json()["commit"]), (200, &json!(null)));
    assert_eq!(again.header("etag"), made.header("etag"));

    site.done("PUT", "/news/b", json!({ "type": "page", "attributes": { "title": "C" } })).await;
    let attributes = site.read("/news/b").await["attributes"].clone();
    assert_eq!(attributes, json!({ "title": { "kind": "text", "value": "C" } }));

    let only_new = [JSON, ("if-none-match", "*")];
    let body = json!({ "type": "page" }).to_string();
    let refused = site.send("PUT", "/news/b", &only_new, body.clone()).await;
    assert_eq!(refused.problem(), (412, "precondition".into()));
    assert_eq!(site.send("PUT", "/news/c", &only_new, body).await.status, 201);
    assert_eq!(site.send("GET", "/news/b", &[], "").await.status, 200);
}

#[tokio::test]
async fn contents_become_objects_by_their_media_types() {
    let site = site();
    for (uri, media_type, body, type_name) in [
        ("/news/p", "text/markdown; charset=utf-8", "# hello", "page"),
        ("/news/h", "text/html", "<p>hello", "page"),
        ("/news/s.css", "text/css", "a{}", "file"),
        ("/news/i", "image/png", "png", "image"),
        ("/news/j.jpg", "", "jpg", "image"),
        ("/news/x.html", "", "<p>", "file"),
        ("/news/t?type=template", "text/plain", "{{ 1 }}", "template"),
    ] {
        let answer = site.send("PUT", uri, &[("content-type", media_type)], body).await;
        assert_eq!(answer.status, 201, "{uri}: {}", answer.text());
        let object = site.read(uri.split('?').next().unwrap()).await;
        assert_eq!(object["type"], type_name, "{uri}");
    }
    assert!(site.get("/news/p").await.text().contains("<h1>hello</h1>"));
    assert_eq!(site.get("/news/i").await.header("content-type"), "image/png");
    assert_eq!(site.get("/news/s.css").await.text(), "a{}");

    let first = site.get("/news/s.css").await;
    let put = |tag: &'static str, body: &'static str| {
        let headers = [("content-type", "text/css"), ("if-match", tag)];
        let site = &site;
        async move { site.send("PUT", "/news/s.css", &headers, body).await }
    };
    assert_eq!(put("\"other\"", "b{}").await.problem(), (412, "precondition".into()));
    let tag: &'static str = Box::leak(first.header("etag").to_owned().into_boxed_str());
    assert_eq!(put(tag, "b{}").await.status, 200, "the tag of the bytes counts, too");
    assert_eq!(site.get("/news/s.css").await.text(), "b{}");
    assert_eq!(put(tag, "c{}").await.status, 412);

    let long = vec![7_u8; 3 << 20];
    let answer = site.send("PUT", "/news/long.bin", &[], long.clone()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert!(site.get("/news/long.bin").await.body == long);
    let attributes = site.read("/news/long.bin").await["attributes"].clone();
    assert_eq!(attributes["data"]["value"]["bytes"], 3 << 20);
    assert_eq!(attributes["data"]["value"]["href"], "/news/long.bin");
}

#[tokio::test]
async fn attributes_are_changed_one_by_one() {
    let site = site();
    let patch = json!({ "attributes": {
        "title": null, "body": "two", "n": { "kind": "counter", "value": 4 }, "home": { "kind": "reference", "value": "/news" },
    } });
    let headers = [("content-type", "application/merge-patch+json")];
    let answer = site.send("PATCH", "/news/a", &headers, patch.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["sentence"], "Set body, home, n, title of /news/a");
    let attributes = site.read("/news/a").await["attributes"].clone();
    assert_eq!(attributes["title"], json!(null));
    assert_eq!(attributes["body"]["value"], "two");
    assert_eq!(attributes["n"], json!({ "kind": "counter", "value": 4 }));
    assert_eq!(attributes["home"]["value"], site.oid("/news").to_string());

    let tag = answer.header("etag").to_owned();
    site.set("/news/a", "body", "three");
    let headers = [JSON, ("if-match", tag.as_str())];
    let body = json!({ "attributes": { "body": "mine" } }).to_string();
    let refused = site.send("PATCH", "/news/a", &headers, body.clone()).await;
    assert_eq!(refused.problem(), (412, "precondition".into()));
    let current = refused.json()["etag"].as_str().unwrap().to_owned();
    let headers = [JSON, ("if-match", current.as_str())];
    assert_eq!(site.send("PATCH", "/news/a", &headers, body).await.status, 200);
}

#[tokio::test]
async fn children_are_added_and_listed_by_parts() {
    let site = site();
    for name in ["c", "b", "ü x"] {
        let made = site.tell("POST", "/news/", json!({ "type": "page", "name": name })).await;
        assert_eq!(made.status, 201, "{}", made.text());
    }
    let again = site.tell("POST", "/news/", json!({ "type": "page", "name": "c" })).await;
    assert_eq!(again.problem(), (409, "name-taken".into()));
    for (by, expected) in [("place", ["a", "c", "b", "ü x"]), ("name", ["a", "b", "c", "ü x"])] {
        let mut names = Vec::new();
        let mut next = Some(format!("/news/@@children?by={by}&limit=1"));
        while let Some(uri) = next {
            let part = site.read(&uri).await;
            let items = part["items"].as_array().unwrap().clone();
            assert_eq!(items.len(), 1);
            assert_eq!(site.get(items[0]["url"].as_str().unwrap()).await.status, 200);
            names.push(items[0]["name"].as_str().unwrap().to_owned());
            next = part["next"].as_str().map(str::to_owned);
        }
        assert_eq!(names, expected, "{by}");
    }
}

#[tokio::test]
async fn several_files_are_uploaded_in_one_commit() {
    let site = site();
    let part = |name: &str, text: &str| {
        format!("--X\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let form = ("content-type", "multipart/form-data; boundary=X");
    let body = part("one.txt", "1") + &part("two.html", "<p>2") + "--X--\r\n";
    let answer = site.send("POST", "/news/", &[form], body.clone()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["objects"].as_array().unwrap().len(), 2);
    assert_eq!(site.get("/news/two.html").await.text(), "<p>2");
    assert_eq!(
        site.send("POST", "/news/", &[form], body.clone()).await.problem(),
        (409, "name-taken".into())
    );
    let body = body.replace("<p>2", "<p>3");
    assert!(site.send("POST", "/news/?replace=true", &[form], body).await.status.is_success());
    assert_eq!(site.get("/news/two.html").await.text(), "<p>3");
    let one = part("../../etc/passwd", "x") + "--X--";
    let answer = site.send("POST", "/news/", &[form], one).await;
    assert_eq!(answer.header("location"), "/news/passwd", "only the last step of a name counts");
}

#[tokio::test]
async fn objects_are_moved_copied_ordered_and_made_another_type() {
    let site = site();
    site.put("/old", "folder", &[]);
    let moved = site.done("POST", "/news/a/@@move", json!({ "to": "/old", "name": "b" })).await;
    assert_eq!(moved["sentence"], "Moved /news/a to /old/b");
    assert_eq!(site.get("/news/a").await.outcome(), (308, "/old/b"));
    let renamed = site.done("POST", "/old/b/@@move", json!({ "name": "c" })).await;
    assert_eq!(
        (&renamed["sentence"], &renamed["object"]["url"]),
        (&json!("Renamed /old/b to c"), &json!("/old/c"))
    );

    let copied = site.tell("POST", "/old/@@copy", json!({ "to": "/", "name": "new" })).await;
    assert_eq!((copied.status.as_u16(), copied.header("location")), (201, "/new/"));
    assert_eq!(copied.json()["sentence"], "Copied /old to /new: 2 objects");

    for name in ["x", "y", "z"] {
        site.put(&format!("/old/{name}"), "page", &[]);
    }
    let names = || async {
        let listing = site.read("/old/@@children").await;
        let names =
            listing["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned());
        names.collect::<String>()
    };
    for (name, body, expected) in [
        ("z", json!({ "before": "x" }), "czxy"),
        ("c", json!({ "after": "x" }), "zxcy"),
        ("z", json!({ "before": null }), "xcyz"),
        ("y", json!({ "after": null }), "yxcz"),
        ("x", json!({ "before": "z" }), "ycxz"),
    ] {
        site.done("POST", &format!("/old/{name}/@@order"), body.clone()).await;
        assert_eq!(names().await, expected, "{name} {body}");
    }
    site.put("/old/last", "page", &[]);
    assert_eq!(names().await, "ycxzlast");

    site.done("POST", "/old/x/@@type", json!({ "type": "link" })).await;
    assert_eq!(site.read("/old/x").await["type"], "link");
    let refused = site.tell("POST", "/old/@@type", json!({ "type": "page" })).await;
    assert_eq!(refused.problem(), (422, "not-taken".into()), "it has children");
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_comes_back_by_the_link_in_the_answer() {
    let site = site();
    let tag = site.send("GET", "/news/", &[ACCEPT], "").await.header("etag").to_owned();
    let refused = site.send("DELETE", "/news/", &[("if-match", "\"t1\"")], "").await;
    assert_eq!(refused.problem(), (412, "precondition".into()));
    let deleted = site.send("DELETE", "/news/", &[("if-match", &tag)], "").await;
    assert_eq!((deleted.status.as_u16(), &deleted.json()["sentence"]), (200, &json!("Deleted /news")));
    assert_eq!(site.get("/news/a").await.status, 404);
    let undo = deleted.json()["undo"].clone();
    let undone =
        site.done(undo["method"].as_str().unwrap(), undo["href"].as_str().unwrap(), undo["body"].clone());
    assert_eq!(undone.await["sentence"], "Undid: Deleted /news");
    assert_eq!(site.get("/news/a").await.status, 200);
    assert_eq!(site.send("DELETE", "/", &[], "").await.problem(), (409, "place".into()));
}

#[tokio::test]
async fn one_attribute_is_text_or_bytes_that_no_browser_runs() {
    let site = site();
    site.set("/news/a", "body", "<script>alert(1)</script>");
    let answer = site.send("GET", "/news/a/@@attribute?name=body", &[], "").await;
    assert_eq!(answer.text(), "<script>alert(1)</script>");
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.header("content-disposition"), "attachment");
    let missing = site.send("GET", "/news/a/@@attribute?name=none", &[], "").await;
    assert_eq!(missing.problem(), (404, "not-found".into()));
}

#[tokio::test]
async fn what_an_object_acquires_is_told_with_where_it_is() {
    let site = site();
    site.set("/", "color", "red");
    site.set("/news", "color", "blue");
    let found = site.read("/news/a/@@acquire?name=color").await;
    assert_eq!(found["answer"]["at"]["path"], "/news");
    assert_eq!((&found["answer"]["steps"], &found["answer"]["value"]["value"]), (&json!(1), &json!("blue")));
    assert_eq!(found["hidden"][0]["value"]["value"], "red");
    assert_eq!(found["answer"]["commit"]["sentence"], "test");
}

#[tokio::test]
async fn objects_are_found_by_parts_in_the_order_of_the_tree() {
    let site = site();
    site.put("/news/deep", "folder", &[]);
    for name in ["x.md", "y.md", "z.txt"] {
        site.put(
            &format!("/news/deep/{name}"),
            "page",
            &[("body", "Needle in here"), ("format", "markdown")],
        );
    }
    site.put("/other.md", "page", &[]);
    let find = |query: &'static str| {
        let site = &site;
        async move {
            let mut paths = Vec::new();
            let mut next = Some(format!("/@@find?limit=1&{query}"));
            while let Some(uri) = next {
                let part = site.read(&uri).await;
                for item in part["items"].as_array().unwrap() {
                    paths.push(item["path"].as_str().unwrap().to_owned());
                }
                next = part["next"].as_str().map(str::to_owned);
            }
            paths.join(" ")
        }
    };
    assert_eq!(find("name=*.md").await, "/news/deep/x.md /news/deep/y.md /other.md");
    assert_eq!(find("text=needle&name=z*").await, "/news/deep/z.txt");
    assert_eq!(find("type=folder").await, "/ /news /news/deep");
    assert_eq!(find("with=format=markdown&name=x*").await, "/news/deep/x.md");
    assert_eq!(find("with=format=html").await, "/news/a /other.md", "the default counts");
}

#[tokio::test]
async fn a_task_is_given_only_times_that_it_can_have() {
    let site = TestSite::new();
    let task = |when: &str, zone: &str| json!({ "type": "task", "name": "t", "attributes": { "when": when, "zone": zone } });
    for (when, zone, why) in [
        ("every 5x", "", "is no time for a task"),
        ("cron 99 * * * *", "", "minute 0-59"),
        ("at 20:00", "Nowhere/City", "there is no time zone"),
    ] {
        let refused = site.tell("POST", "/", task(when, zone)).await;
        assert_eq!(refused.problem(), (422, "value".into()), "{when} {zone}: {}", refused.text());
        assert!(refused.text().contains(why), "{}", refused.text());
    }
    site.done("POST", "/", task("at 20:00", "Europe/Berlin")).await;
}
