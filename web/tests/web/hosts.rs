//! Hosts: which part of the tree they show, and who is believed about them.

use bough_core::ObjectPath;
use bough_web::{Config, Host, HostTable, UnknownHost};

use crate::site::TestSite;

fn host(subtree: &str, base_url: Option<&str>, prefix: &str) -> Host {
    Host {
        subtree: ObjectPath::parse(subtree).unwrap(),
        base_url: base_url.map(Into::into),
        prefix: prefix.to_owned(),
    }
}

fn site() -> TestSite {
    let hosts = HostTable::new(UnknownHost::Refuse)
        .with("main.example", host("/", None, ""))
        .and_then(|table| table.with("*.news.example", host("/news", Some("https://news.example"), "/n")))
        .and_then(|table| table.with("gone.example", host("/gone", None, "")))
        .unwrap();
    let config = Config { hosts, trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..Config::default() };
    let site = TestSite::with_config(config);
    site.put(
        "/layout.html",
        "template",
        &[("source", "above: {% block content %}{{ content }}{% endblock %}")],
    );
    site.put("/secret", "page", &[("body", "outside")]);
    site.put("/news", "folder", &[]);
    site.put("/news/sub", "folder", &[]);
    site.put("/news/sub/index", "page", &[("body", "inside")]);
    site
}

#[tokio::test]
async fn a_host_shows_its_subtree_which_still_acquires_from_above() {
    let site = site();
    let news = [("host", "www.NEWS.example:8080")];
    let answer = site.get_with("/sub/", &news).await;
    assert_eq!(answer.text(), "above: inside");
    assert_eq!(answer.header("link"), "<https://news.example/n/sub/>; rel=\"canonical\"");
    assert_eq!(site.get_with("/sub", &news).await.outcome(), (308, "/n/sub/"));
}

#[tokio::test]
async fn nothing_outside_of_the_subtree_has_a_url_there() {
    let site = site();
    let news = [("host", "a.news.example")];
    for uri in ["/secret", "/news/", "/layout.html", "/%2e%2e/secret", "/@at/t1/secret"] {
        let answer = site.get_with(uri, &news).await;
        assert!(answer.status.is_client_error(), "{uri}: {}", answer.status);
        assert!(!answer.text().contains("outside"), "{uri}");
    }
    site.put("/news/leaving", "page", &[]);
    site.rename("/news/leaving", "/left");
    assert_eq!(site.get_with("/leaving", &news).await.status, 404, "it moved out of what this host shows");
    assert_eq!(site.get_with("/news/leaving", &[("host", "main.example")]).await.outcome(), (308, "/left"));
}

#[tokio::test]
async fn unknown_hosts_and_what_is_no_host_are_refused_where_the_table_says_so() {
    let site = site();
    for host in ["other.example", "news.example", "", "a b", "main.example.evil", "[::1"] {
        assert_eq!(site.get_with("/", &[("host", host)]).await.status, 421, "{host}");
    }
    assert_eq!(site.get_with("/secret", &[("host", "main.example")]).await.status, 200);
    assert_eq!(site.get_with("/", &[("host", "gone.example")]).await.status, 404);
    assert_eq!(TestSite::new().get_with("/", &[("host", "anything")]).await.status, 200);
}

#[tokio::test]
async fn a_request_names_one_host_and_that_is_one() {
    let main = ("host", "main.example");
    for (uri, headers, status) in [
        ("/secret", &[main, main][..], 400),
        ("/secret", &[main, ("host", "other.example")], 400),
        ("http://main.example/secret", &[], 200),
        ("http://main.example/secret", &[("host", "MAIN.example")], 200),
        ("http://main.example/secret", &[("host", "a.news.example")], 400),
        ("http://a.news.example/secret", &[main], 400),
        ("http://user@main.example/secret", &[], 421),
        ("http://main.example:80:80/secret", &[], 421),
        ("/secret", &[("host", "user@main.example")], 421),
        ("/secret", &[("host", "main.example:x")], 421),
        ("/secret", &[("host", "main.example/")], 421),
        ("/secret", &[("host", "main.example, other.example")], 421),
        ("/secret", &[("host", "main.example.")], 421),
        ("/secret", &[("host", "\u{e9}.example")], 421),
    ] {
        let Ok(_) = uri.parse::<axum::http::Uri>() else { continue };
        let answer = site().get_with(uri, headers).await;
        assert_eq!(answer.status, status, "{uri} {headers:?}");
        assert_eq!(answer.text().contains("outside"), status == 200, "{uri} {headers:?}");
    }
    // What is no host is refused also where every host is shown the whole site.
    for host in ["a b", "user@a", "a/b", "?"] {
        assert_eq!(TestSite::new().get_with("/", &[("host", host)]).await.status, 421, "{host}");
    }
}

#[tokio::test]
async fn the_host_that_a_proxy_names_counts_only_from_a_trusted_address() {
    let site = site();
    let headers = [("host", "main.example"), ("x-forwarded-host", "a.news.example")];
    assert_eq!(site.ask_from("10.1.1.1:1", "GET", "/sub/", &headers).await.status, 200);
    assert_eq!(site.ask_from("192.0.2.9:1", "GET", "/sub/", &headers).await.status, 404);
}

#[tokio::test]
async fn a_site_below_a_route_of_an_application_writes_links_that_begin_with_it() {
    let hosts = HostTable::default().otherwise(host("/", None, "/wiki")).unwrap();
    let mut site = TestSite::with_config(Config { hosts, ..Config::default() });
    site.put("/news", "folder", &[]);
    site.put("/news/a", "page", &[]);
    site.router = axum::Router::new().nest_service("/wiki", site.router);
    assert_eq!(site.get("/wiki/news").await.outcome(), (308, "/wiki/news/"));
    let listing = site.get("/wiki/news/").await.text();
    assert!(listing.contains("href=\"/wiki/news/a\""), "{listing}");
    assert_eq!(site.get("/news/a").await.status, 404);
}
