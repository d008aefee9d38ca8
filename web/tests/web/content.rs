//! What content that people wrote may do in a browser, and who may ask for changes.

use bough_core::Value;
use bough_web::built_in_types;

use crate::site::TestSite;

const EVIL: &str = "<p>text</p><script>evil()</script><a href=\"javascript:evil()\">link</a>";

/// Pages and files that try to act.
fn site() -> TestSite {
    let site = TestSite::new();
    site.put("/layout.html", "template", &[("source", "{{ content }}")]);
    site.put("/f", "folder", &[]);
    site.put("/f/page", "page", &[("body", EVIL)]);
    site.put("/f/mark", "page", &[("body", &format!("# M\n\n{EVIL}")), ("format", "markdown")]);
    site.put("/f/list", "folder", &[]);
    for name in ["doc.html", "pic.svg", "feed.xml", "doc.pdf", "pic.png", "style.css", "thing.zip", "noname"]
    {
        site.put_file(&format!("/f/{name}"), EVIL.as_bytes());
    }
    site
}

#[tokio::test]
async fn what_people_wrote_runs_nothing_unless_somebody_says_so() {
    let site = site();
    for wrong in [None, Some(Value::text("Trusted")), Some(Value::Int(1)), Some(Value::Block)] {
        if let Some(wrong) = &wrong {
            site.set("/f", "_content_policy", wrong.clone());
        }
        for uri in ["/f/page", "/f/mark"] {
            let answer = site.get(uri).await;
            let text = answer.text();
            assert!(text.contains("<p>text</p>") && !text.contains("evil"), "{uri} {wrong:?}: {text}");
            assert!(answer.header("content-security-policy").contains("frame-ancestors 'self'"), "{uri}");
        }
        for uri in ["/f/doc.html", "/f/pic.svg", "/f/feed.xml"] {
            let answer = site.get(uri).await;
            assert!(
                answer.header("content-security-policy").starts_with("sandbox; default-src 'none'"),
                "{uri}"
            );
            assert_eq!(answer.header("content-disposition"), "", "{uri}");
            assert_eq!(answer.text(), EVIL, "files are sent as they are");
        }
        for uri in ["/f/doc.pdf", "/f/pic.png", "/f/style.css"] {
            let answer = site.get(uri).await;
            assert_eq!(answer.header("content-security-policy"), "", "{uri}");
            assert_eq!(answer.header("content-disposition"), "", "{uri}");
        }
        for uri in ["/f/thing.zip", "/f/noname"] {
            assert_eq!(site.get(uri).await.header("content-disposition"), "attachment", "{uri}");
        }
    }
}

#[tokio::test]
async fn what_is_trusted_is_shown_as_it_is_within_a_policy_of_its_own() {
    let site = site();
    site.set("/f", "_content_policy", "trusted");
    for uri in ["/f/page", "/f/mark", "/f/doc.html", "/f/pic.svg", "/f/noname"] {
        let answer = site.get(uri).await;
        assert!(answer.text().contains("<script>evil()</script>"), "{uri}");
        for header in ["content-security-policy", "x-frame-options", "content-disposition"] {
            assert_eq!(answer.header(header), "", "{uri}");
        }
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{uri}");
    }
    site.set("/f", "_csp", "script-src 'none'");
    for uri in ["/f/page", "/f/doc.html"] {
        assert_eq!(site.get(uri).await.header("content-security-policy"), "script-src 'none'", "{uri}");
    }
    for wrong in [Value::text("a\r\nx-evil: y"), Value::text(""), Value::Int(1)] {
        site.set("/f", "_csp", wrong.clone());
        let answer = site.get("/f/doc.html").await;
        assert!(answer.header("content-security-policy").starts_with("sandbox"), "{wrong:?}");
        assert!(!site.get("/f/page").await.text().contains("evil"), "{wrong:?}");
    }
}

#[tokio::test]
async fn what_is_in_the_sandbox_is_shown_as_it_is_in_an_origin_of_its_own() {
    let site = site();
    site.set("/f", "_content_policy", "sandbox");
    for uri in ["/f/page", "/f/doc.html", "/f/pic.svg", "/f/thing.zip"] {
        let answer = site.get(uri).await;
        assert!(answer.text().contains("<script>evil()</script>"), "{uri}");
        let policy = answer.header("content-security-policy");
        assert_eq!(policy, "sandbox allow-scripts allow-forms allow-popups", "{uri}");
        // Browsers show no page that wants an origin for itself and has none.
        assert_eq!(answer.header("cross-origin-opener-policy"), "", "{uri}");
    }
    assert_eq!(site.get("/f/doc.pdf").await.header("content-security-policy"), "");
}

#[tokio::test]
async fn the_nearest_policy_holds_and_no_name_in_a_listing_or_a_template_shows_it() {
    let site = site();
    site.set("/", "_content_policy", "trusted");
    assert!(site.get("/f/page").await.text().contains("evil"));
    site.set("/f", "_content_policy", "clean");
    assert!(!site.get("/f/page").await.text().contains("evil"));
    site.set("/f/page", "_content_policy", "trusted");
    assert!(site.get("/f/page").await.text().contains("evil"));
    assert!(!site.get("/f/mark").await.text().contains("evil"));
    // A child of that name says nothing.
    site.put("/f/list/_content_policy", "page", &[("body", "trusted")]);
    site.put("/f/list/page", "page", &[("body", EVIL)]);
    assert!(!site.get("/f/list/page").await.text().contains("evil"));
}

#[tokio::test]
async fn what_was_trusted_at_a_past_time_is_trusted_there_only_as_far_as_it_is_now() {
    let site = site();
    let before = site.database.head();
    let trusted = site.set("/f", "_content_policy", "trusted");
    let then = |tid, path: &str| format!("/@at/{tid}/f/{path}");
    assert!(site.get(&then(trusted, "page")).await.text().contains("evil"));
    assert!(!site.get(&then(before, "page")).await.text().contains("evil"), "it was not trusted then");
    let kept = site.get(&then(trusted, "doc.html")).await;
    assert_eq!(kept.header("cache-control"), "no-cache", "it may be less trusted tomorrow");

    site.set("/f", "_content_policy", "clean");
    for uri in [then(trusted, "page"), then(trusted, "doc.html")] {
        let answer = site.get(&uri).await;
        assert!(answer.header("content-security-policy").contains("frame-ancestors"), "{uri}");
        assert!(uri.ends_with("html") || !answer.text().contains("evil"), "{uri}");
        assert!(answer.header("cache-control").contains("immutable"), "it is as strict as can be");
    }
    let again = site.get_with(&then(trusted, "doc.html"), &[("if-none-match", kept.header("etag"))]).await;
    assert_eq!(again.status, 200, "what was kept was allowed more");
}

#[tokio::test]
async fn an_answer_that_is_there_already_says_the_same_about_what_it_may_do() {
    let site = site();
    for uri in ["/f/page", "/f/doc.html", "/f/thing.zip"] {
        let first = site.get(uri).await;
        let second = site.get_with(uri, &[("if-none-match", first.header("etag"))]).await;
        assert_eq!(second.status, 304, "{uri}");
        for header in ["content-security-policy", "content-disposition", "x-frame-options"] {
            assert_eq!(first.header(header), second.header(header), "{uri} {header}");
        }
        site.set("/f", "_content_policy", "trusted");
        let third = site.get_with(uri, &[("if-none-match", first.header("etag"))]).await;
        assert_eq!(third.status, 200, "{uri}");
        site.set("/f", "_content_policy", "clean");
    }
}

#[tokio::test]
async fn a_page_that_changes_is_sanitised_anew() {
    let site = site();
    assert!(site.get("/f/page").await.text().contains("text"));
    site.set("/f/page", "body", "<b onclick=evil()>new</b>");
    assert_eq!(site.get("/f/page").await.text(), "<b>new</b>");
    site.set("/f/page", "format", "markdown");
    site.set("/f/page", "body", "*new*<script>evil()</script>");
    assert_eq!(site.get("/f/page").await.text(), "<p><em>new</em></p>\n");
    site.set("/f/page", "format", "html");
    assert_eq!(site.get("/f/page").await.text(), "*new*");
}

#[tokio::test]
async fn nobody_else_s_page_makes_a_browser_change_something_here() {
    let site = TestSite::with(built_in_types(), bough_web::Config::default());
    for (headers, is_refused) in [
        (&[][..], false),
        (&[("sec-fetch-site", "same-origin"), ("cookie", "a=b")][..], false),
        (&[("origin", "http://here.example"), ("cookie", "a=b")], false),
        (&[("sec-fetch-site", "cross-site")], true),
        (&[("sec-fetch-site", "same-site"), ("origin", "http://here.example")], true),
        (&[("origin", "https://here.example")], true),
        (&[("origin", "null")], true),
        (&[("cookie", "a=b")], true),
    ] {
        let headers: Vec<_> = [&[("host", "here.example")], headers].concat();
        for method in ["POST", "PUT", "PATCH", "DELETE", "PROPPATCH"] {
            let answer = site.ask(method, "/", &headers).await;
            let says_so = answer.text().contains("of another site");
            assert_eq!((answer.status == 403, says_so), (is_refused, is_refused), "{method} {headers:?}");
        }
        assert_eq!(site.ask("GET", "/", &headers).await.status, 200, "reading changes nothing: {headers:?}");
    }
}
