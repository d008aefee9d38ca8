//! Preview links: what they show, to whom, and for how long.

use axum::http::StatusCode;
use bough_store::LineStatus;
use bough_web::{
    AccessLog, Config, HostTable, NewPreviewLink, PreviewLink, make_preview_link, revoke_preview_link,
};

use crate::site::{Answer, TestSite};
use crate::versions::{open, set_status};

const FOREIGN: &str = "192.0.2.1:4000";
const PROXY: &str = "127.0.0.1:4000";
const HOUR: u64 = 3_600_000_000;
const HOST: &str = "draft.v.example.org";

fn config() -> Config {
    Config {
        hosts: HostTable::default().with_versions("*.v.example.org".parse().unwrap()),
        trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
        ..Config::default()
    }
}

/// A site with a version in which `/news` is different.
fn site_and_draft() -> (TestSite, TestSite) {
    let site = TestSite::with_config(config());
    site.put(
        "/layout.html",
        "template",
        &[("source", "{{ words }} {% block content %}{{ content }}{% endblock %}")],
    );
    site.set("/", "words", "plain");
    site.put("/outside", "page", &[("body", "outside")]);
    site.put("/leaving", "page", &[("body", "outside")]);
    site.put("/news", "folder", &[("title", "News")]);
    site.put("/news/a", "page", &[("body", "public")]);
    site.put("/news/b", "page", &[]);
    let draft = open(&site, "draft");
    draft.set("/", "words", "acquired");
    draft.set("/news/a", "body", "private");
    draft.rename("/news/b", "/elsewhere");
    draft.rename("/leaving", "/news/come");
    (site, draft)
}

fn make(version: &TestSite, at: &str) -> (PreviewLink, String) {
    let new = NewPreviewLink {
        subtree: version.oid(at),
        expires_micros: version.database.now_micros() + HOUR,
        made_by: "ana".into(),
        maker: None,
        label: "for Bo".into(),
    };
    make_preview_link(&version.database, &new).unwrap()
}

async fn ask(site: &TestSite, method: &str, host: &str, uri: &str, cookie: &str) -> Answer {
    let headers = [("host", host), ("cookie", cookie)];
    site.ask_from(FOREIGN, method, uri, if cookie.is_empty() { &headers[..1] } else { &headers }).await
}

/// Opens a link and answers the cookie.
async fn follow(site: &TestSite, host: &str, link: &str) -> String {
    let answer = ask(site, "GET", host, link, "").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_link_lets_its_holder_see_what_it_is_for_and_nothing_else() {
    let (site, draft) = site_and_draft();
    let (_, link) = make(&draft, "/news");
    let opened = ask(&site, "GET", HOST, &link, "").await;
    assert_eq!(opened.outcome(), (303, "/news/"));
    assert_eq!(opened.header("cache-control"), "private, no-store");
    let set = opened.header("set-cookie");
    let (cookie, attributes) = set.split_once("; ").unwrap();
    assert!(attributes.starts_with("Path=/; Max-Age=3"), "{set}");
    assert!(attributes.ends_with("; HttpOnly; SameSite=Lax"), "{set}");

    let page = ask(&site, "GET", HOST, "/news/a", cookie).await;
    assert_eq!((page.status.as_u16(), page.text().as_str()), (200, "acquired private"));
    assert_eq!((page.header("bough-version"), page.header("x-robots-tag")), ("draft", "noindex"));
    assert_eq!(page.header("cache-control"), "private, no-store");
    let head = ask(&site, "HEAD", HOST, "/news/a", cookie).await;
    assert_eq!((head.status.as_u16(), head.header("content-length")), (200, "16"));
    assert!(ask(&site, "GET", HOST, "/news/come", cookie).await.status == 200, "it was moved in");
    assert_eq!(ask(&site, "GET", HOST, "/news", cookie).await.outcome(), (308, "/news/"));

    let at = format!("/@at/{}/news/a", draft.database.head());
    for uri in ["/", "/outside", "/layout.html", "/elsewhere", "/news/b", "/leaving/x", &at, "/@at/t1/"] {
        let answer = ask(&site, "GET", HOST, uri, cookie).await;
        assert_eq!(answer.outcome(), (404, ""), "{uri}");
        assert!(!answer.text().contains("outside"), "{uri}: {}", answer.text());
    }
    assert_eq!(ask(&site, "GET", HOST, "/leaving", cookie).await.outcome(), (308, "/news/come"));
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let own = [("host", HOST), ("cookie", cookie), ("sec-fetch-site", "same-origin")];
        assert_eq!(site.ask_from(FOREIGN, method, "/news/a", &own).await.status, 405, "{method}");
    }
}

#[tokio::test]
async fn a_page_that_a_link_shows_is_dressed_as_in_the_version_and_nothing_unpublished_comes_with_it() {
    let (site, draft) = site_and_draft();
    let hide = |at: &str| {
        site.change(|tx| {
            let oid = tx.at(&crate::site::path(at))?;
            let roles = bough_core::security::Roles::named(["Manager"]);
            let setting = bough_core::security::Setting { roles, acquire: false };
            tx.set_permission(oid, &crate::site::name("View"), Some(setting))
        });
    };
    site.put("/assets", "folder", &[]);
    site.put("/hidden", "folder", &[]);
    for at in [
        "/style.css",
        "/assets/font.woff2",
        "/assets/logo.png",
        "/assets/moved.png",
        "/secret.css",
        "/hidden/x.css",
        "/assets/new-look.png",
        "/paper.html",
        "/prices.txt",
    ] {
        site.put_file(at, b"public");
    }
    hide("/secret.css");
    hide("/hidden");
    // The version is as old as the public site now, but for what is done in it.
    draft.database.update(None, bough_store::Note::edit("test")).unwrap();
    let data = |at: &str, bytes: &'static [u8]| {
        draft.change(|tx| {
            let oid = tx.at(&crate::site::path(at))?;
            let data = tx.bytes(bytes).unwrap();
            tx.set(oid, &crate::site::name("data"), Some(data))
        });
    };
    data("/style.css", b"new design");
    data("/assets/new-look.png", b"unpublished");
    draft.put_file("/assets/product.png", b"unpublished");
    draft.rename("/assets/moved.png", "/assets/elsewhere.png");
    let cookie = follow(&site, HOST, &make(&draft, "/news").1).await;
    for (uri, shown) in
        [("/style.css", "new design"), ("/assets/font.woff2", "public"), ("/assets/logo.png", "public")]
    {
        let answer = ask(&site, "GET", HOST, uri, &cookie).await;
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, shown), "{uri}");
        assert_eq!(answer.header("cache-control"), "private, no-store");
        assert_eq!(ask(&site, "GET", HOST, uri, "").await.status, 404, "only for who has the link");
        let json = [("host", HOST), ("cookie", &cookie), ("accept", "application/json")];
        assert_eq!(site.ask_from(FOREIGN, "GET", uri, &json).await.status, 404, "{uri} as an object");
    }
    for uri in [
        "/secret.css",
        "/hidden/x.css",
        "/assets/new-look.png",
        "/assets/product.png",
        "/assets/elsewhere.png",
        "/paper.html",
        "/prices.txt",
        "/outside",
        "/assets/",
        "/",
    ] {
        let answer = ask(&site, "GET", HOST, uri, &cookie).await;
        assert_eq!(answer.status, 404, "{uri}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_link_to_the_root_shows_the_whole_version() {
    let (site, draft) = site_and_draft();
    let cookie = follow(&site, HOST, &make(&draft, "/").1).await;
    for uri in ["/", "/outside", "/news/a"] {
        assert_eq!(ask(&site, "GET", HOST, uri, &cookie).await.status, 200, "{uri}");
    }
}

#[tokio::test]
async fn a_link_counts_on_its_versions_host_only() {
    let (site, draft) = site_and_draft();
    open(&site, "other");
    let (_, link) = make(&draft, "/news");
    let cookie = follow(&site, HOST, &link).await;
    for host in ["example.org", "localhost", "v.example.org", "draft.example.org"] {
        assert_eq!(ask(&site, "GET", host, &link, "").await.status, 404, "{host}");
        let public = ask(&site, "GET", host, "/news/a", &cookie).await;
        assert!(public.text().contains("public") && !public.headers.contains_key("bough-version"), "{host}");
        assert_eq!(ask(&site, "GET", host, "/@v/draft/news/a", &cookie).await.status, 404, "{host}");
    }
    for uri in [&*link, "/news/a"] {
        let answer = ask(&site, "GET", "other.v.example.org", uri, &cookie).await;
        assert_eq!(answer.status, 410, "{uri}");
        assert!(!answer.text().contains("public") && !answer.text().contains("private"));
    }
    assert_eq!(ask(&site, "GET", "draft.v.localhost", "/news/a", &cookie).await.status, 200);
}

#[tokio::test]
async fn a_link_that_was_taken_back_shows_nothing_from_then_on() {
    let (site, draft) = site_and_draft();
    let (link, url) = make(&draft, "/news");
    let (_, other) = make(&draft, "/outside");
    let cookie = follow(&site, HOST, &url).await;
    let other = follow(&site, HOST, &other).await;
    assert!(revoke_preview_link(&draft.database, &link.id).unwrap());
    for uri in ["/news/a", "/", &url] {
        let answer = ask(&site, "GET", HOST, uri, &cookie).await;
        assert_eq!(answer.status, 410, "{uri}");
        assert!(answer.text().contains("ask whoever gave it to you for a new one"), "{}", answer.text());
        assert!(!answer.headers.contains_key("bough-version") && !answer.headers.contains_key("set-cookie"));
    }
    let both = format!("{cookie}; a=b; {other}");
    assert_eq!(ask(&site, "GET", HOST, "/outside", &both).await.status, 200, "one that stands is enough");
}

#[tokio::test]
async fn a_link_ends_with_its_version() {
    for status in [LineStatus::Closed, LineStatus::Discarded] {
        let (site, draft) = site_and_draft();
        let (_, url) = make(&draft, "/news");
        let cookie = follow(&site, HOST, &url).await;
        set_status(&draft.database, status);
        for uri in ["/news/a", &url] {
            assert_eq!(ask(&site, "GET", HOST, uri, &cookie).await.status, 410, "{status:?} {uri}");
        }
        let again = open(&site, "draft");
        let answer = ask(&site, "GET", HOST, "/news/a", &cookie).await;
        assert_eq!(answer.status, 410, "another version has the name now");
        let cookie = follow(&site, HOST, &make(&again, "/news").1).await;
        assert!(ask(&site, "GET", HOST, "/news/a", &cookie).await.text().contains("public"));
    }
}

#[tokio::test]
async fn an_invented_token_is_worth_nothing() {
    let (site, draft) = site_and_draft();
    let (_, url) = make(&draft, "/news");
    let forged = format!("{}0", &url[..url.len() - 1]);
    let forged = if forged == url { format!("{}1", &url[..url.len() - 1]) } else { forged };
    for token in [&forged[..], "/@@preview/x", "/@@preview/", "/@@preview", "/@@preview/a/b"] {
        let answer = ask(&site, "GET", HOST, token, "").await;
        assert_eq!(answer.status, 404, "{token}");
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    let cookie = forged.replace("/@@preview/", "bough-preview=");
    assert_eq!(ask(&site, "GET", HOST, "/news/a", &cookie).await.status, 404);
}

#[tokio::test]
async fn the_cookie_is_for_tls_only_where_the_client_came_by_it() {
    let (site, draft) = site_and_draft();
    let (_, url) = make(&draft, "/news");
    let by = async |proto: &'static str| {
        let headers = [("host", HOST), ("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", proto)];
        site.ask_from(PROXY, "GET", &url, &headers).await.header("set-cookie").contains("; Secure")
    };
    assert!(by("https").await && !by("http").await);
    let hosts = HostTable::default().with_versions("https://*.v.example.org".parse().unwrap());
    let site = TestSite::with_config(Config { hosts, ..Config::default() });
    let (_, url) = make(&open(&site, "draft"), "/");
    assert!(ask(&site, "GET", HOST, &url, "").await.header("set-cookie").contains("; Secure"));
}

#[tokio::test]
async fn a_link_whose_object_is_gone_leads_nowhere() {
    let (site, draft) = site_and_draft();
    let (_, url) = make(&draft, "/news");
    let cookie = follow(&site, HOST, &url).await;
    draft.delete("/news");
    for uri in ["/news/a", "/news/", "/", &url] {
        let answer = ask(&site, "GET", HOST, uri, &cookie).await;
        assert_eq!(answer.status, 404, "{uri}");
    }
}

#[tokio::test]
async fn no_token_gets_into_the_access_log() {
    let log = crate::server::Sink::default();
    let access_log = AccessLog::Combined(Box::new(log.clone()));
    let site = TestSite::with_config(Config { access_log, ..config() });
    let draft = open(&site, "draft");
    let (_, url) = make(&draft, "/");
    follow(&site, HOST, &url).await;
    drop((site, draft));
    let log = log.text();
    assert!(log.contains("\"GET /@@preview/... HTTP/1.1\" 303"), "{log}");
    assert!(!log.contains(url.rsplit('-').next().unwrap()), "{log}");
}
