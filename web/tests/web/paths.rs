//! Which URL answers with what.

use crate::site::TestSite;

fn site() -> TestSite {
    let site = TestSite::new();
    site.put("/news", "folder", &[("title", "News")]);
    site.put("/news/first", "page", &[("body", "one")]);
    site.put("/a b", "page", &[("body", "spaced")]);
    site.put("/back\\slash", "page", &[("body", "data")]);
    site
}

#[tokio::test]
async fn a_containers_url_ends_in_a_slash_and_a_leafs_does_not() {
    let site = site();
    for (uri, outcome) in [
        ("/", (200, "")),
        ("/news/", (200, "")),
        ("/news", (308, "/news/")),
        ("/news?a=b&c", (308, "/news/?a=b&c")),
        ("/news/first", (200, "")),
        ("/news/first/", (308, "/news/first")),
        ("/news/first/?q", (308, "/news/first?q")),
        ("/a%20b", (200, "")),
        ("/a%20b/", (308, "/a%20b")),
        ("/back%5Cslash", (200, "")),
    ] {
        assert_eq!(site.get(uri).await.outcome(), outcome, "{uri}");
    }
}

#[tokio::test]
async fn hostile_paths_are_answered_with_a_page_that_says_why() {
    let site = site();
    let long = format!("/{}", "a".repeat(9_000));
    let deep = "/a".repeat(600);
    for (uri, status, part) in [
        ("/%2e%2e/etc/passwd", 400, "step `.` or `..`"),
        ("/news/../first", 400, "step `.` or `..`"),
        ("/news%2Ffirst", 400, "encoded slash"),
        ("/%00", 400, "control character"),
        ("/a%0d%0aX-Evil:%20yes", 400, "control character"),
        ("/%ff", 400, "UTF-8"),
        ("/%zz", 400, "hexadecimal"),
        (&long, 414, "at most 8192"),
        (&deep, 414, "at most 512"),
        ("/news/@@manage", 404, "nothing at this address"),
        ("/@@manage", 404, "nothing at this address"),
        ("/@v/draft/news/", 404, "nothing at this address"),
        ("/@x", 404, "nothing at this address"),
        ("/news/@at/t1", 404, "nothing at this address"),
        ("/missing", 404, "nothing at this address"),
    ] {
        let answer = site.get(uri).await;
        assert_eq!(answer.status, status, "{uri:.80}");
        assert!(answer.text().contains(part), "{uri:.80}: {}", answer.text());
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn two_slashes_in_a_row_lead_to_the_path_without_them_and_never_to_another_host() {
    let site = site();
    for (uri, location) in [
        ("/news//first", "/news/first"),
        ("//evil.example/", "/evil.example/"),
        ("//%5Cevil.example", "/%5Cevil.example"),
        ("/news//?q=1", "/news/?q=1"),
    ] {
        let uri: axum::http::Uri = axum::http::uri::Builder::new().path_and_query(uri).build().unwrap();
        assert_eq!(site.get(&uri.to_string()).await.outcome(), (308, location), "{uri}");
    }
}

#[tokio::test]
async fn private_names_have_no_url_unless_their_folder_holds_imported_files() {
    let site = site();
    site.put("/_private", "page", &[("body", "x")]);
    site.put("/files", "folder", &[]);
    site.put_file("/files/_static", b"x");
    assert_eq!(site.get("/_private").await.status, 404);
    assert_eq!(site.get("/files/_static").await.status, 404);
    site.set("/files", "_files", true);
    assert_eq!(site.get("/files/_static").await.status, 200);
    assert!(site.get("/files/").await.text().contains("_static"));
    assert!(!site.get("/").await.text().contains("_private"));
}

#[tokio::test]
async fn a_former_url_leads_to_where_the_object_is_now() {
    let site = site();
    site.put("/archive", "folder", &[]);
    site.rename("/news", "/archive/old");
    for (uri, outcome) in [
        ("/news", (308, "/archive/old/")),
        ("/news/?a=b", (308, "/archive/old/?a=b")),
        ("/news/first", (308, "/archive/old/first")),
        ("/news/none", (404, "")),
    ] {
        assert_eq!(site.get(uri).await.outcome(), outcome, "{uri}");
    }
    assert_eq!(site.get("/news").await.header("cache-control"), "no-cache");
    site.put("/news", "page", &[("body", "new")]);
    assert_eq!(site.get("/news").await.status, 200);
    site.delete("/archive/old");
    site.delete("/news");
    assert_eq!(site.get("/news").await.status, 404);
}

#[tokio::test]
async fn what_nobody_knows_how_to_do_is_refused_with_what_is_allowed() {
    let site = site();
    let allowed = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";
    for method in ["PROPFIND", "TRACE"] {
        let answer = site.ask(method, "/news/first", &[]).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, allowed), "{method}");
    }
    let answer = site.ask("OPTIONS", "/news/", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (204, allowed));
    let answer = site.ask("GET", "/", &[("content-length", "99999999")]).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn head_answers_as_get_does_without_the_body() {
    let site = site();
    site.put_file("/f.txt", b"four");
    for uri in ["/", "/news/first", "/f.txt", "/missing", "/news"] {
        let (get, head) = (site.get(uri).await, site.ask("HEAD", uri, &[]).await);
        assert_eq!(get.status, head.status, "{uri}");
        for name in ["content-length", "content-type", "etag", "location", "last-modified"] {
            assert_eq!(get.header(name), head.header(name), "{uri}: {name}");
        }
        assert!(head.body.is_empty(), "{uri}");
        assert_eq!(head.header("content-length"), get.body.len().to_string(), "{uri}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let site = site();
    site.put_file("/f.txt", b"x");
    for uri in ["/", "/news", "/missing", "/%00", "/f.txt"] {
        let answer = site.get(uri).await;
        let is_page = uri != "/f.txt";
        assert_eq!(answer.header("content-security-policy").contains("script-src 'self'"), is_page, "{uri}");
        assert_eq!(answer.header("cross-origin-opener-policy") == "same-origin", is_page, "{uri}");
        assert!(answer.header("permissions-policy").contains("camera=()"), "{uri}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{uri}");
        assert_eq!(answer.header("x-frame-options"), "SAMEORIGIN", "{uri}");
        assert_eq!(answer.header("referrer-policy"), "strict-origin-when-cross-origin", "{uri}");
        assert!(!answer.headers.contains_key("strict-transport-security"));
    }
}
