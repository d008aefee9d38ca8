//! Versions: what they show and where, and that no line shows through another.

use bough_store::version::{Management, NewVersion};
use bough_store::{Database, LineStatus, Note};
use bough_web::{Config, Host, HostTable, Limits};

use crate::site::{Answer, TestSite};

/// One who sits at the machine.
const LOCAL: &str = "127.0.0.1:4000";
/// One who does not.
const FOREIGN: &str = "192.0.2.1:4000";
const HOST: (&str, &str) = ("host", "draft.v.localhost:8080");
const PUBLIC: (&str, &str) = ("host", "localhost:8080");
const SELECTED: (&str, &str) = ("bough-version", "draft");

/// Opens a version and answers a site whose changes go there.
pub(crate) fn open(site: &TestSite, name: &str) -> TestSite {
    let new = NewVersion { name: name.into(), ..NewVersion::default() };
    let database = site.database.open_version(&new, Note::edit("test")).unwrap();
    TestSite { database, router: site.router.clone() }
}

pub(crate) fn set_status(version: &Database, status: LineStatus) {
    let change = Management { status: Some(status), ..Management::default() };
    version.manage_version(&change, Note::edit("test")).unwrap();
}

/// A site, and a version of it in which each thing is different.
fn site_and_draft() -> (TestSite, TestSite) {
    let site = TestSite::new();
    site.put(
        "/layout.html",
        "template",
        &[(
            "source",
            "{{ words }} {% block content %}{{ content }}{% endblock %} <a href='{{ site.url }}'>home</a>",
        )],
    );
    site.set("/", "words", "public");
    site.put("/page", "page", &[("body", "body")]);
    site.put_file("/small.txt", b"public small");
    site.put_file("/large.txt", &b"public large ".repeat(1_000));
    site.put("/news", "folder", &[]);
    site.put("/news/a", "page", &[]);
    let draft = open(&site, "draft");
    draft.set("/", "words", "private");
    for (path, data) in
        [("/small.txt", &b"private small"[..]), ("/large.txt", &b"private large ".repeat(1_000))]
    {
        draft.change(|tx| {
            let oid = tx.at(&crate::site::path(path))?;
            let data = tx.bytes(data).unwrap();
            tx.set(oid, &crate::site::name("data"), Some(data))
        });
    }
    draft.put("/news/b", "page", &[]);
    (site, draft)
}

async fn local(site: &TestSite, uri: &str, headers: &[(&str, &str)]) -> Answer {
    site.ask_from(LOCAL, "GET", uri, headers).await
}

/// The three ways to ask for a path of the version.
fn ways(path: &str) -> [(String, Vec<(&'static str, &'static str)>); 3] {
    [
        (path.to_owned(), vec![HOST]),
        (format!("/@v/draft{path}"), vec![PUBLIC]),
        (path.to_owned(), vec![PUBLIC, SELECTED]),
    ]
}

#[tokio::test]
async fn a_path_shows_the_version_in_each_of_three_ways_and_the_public_site_otherwise() {
    let (site, _) = site_and_draft();
    for path in ["/page", "/small.txt", "/large.txt"] {
        let public = local(&site, path, &[PUBLIC]).await;
        assert!(public.text().starts_with("public"), "{path}: {}", public.text());
        assert!(
            !public.headers.contains_key("bough-version") && !public.headers.contains_key("x-robots-tag")
        );
        for (uri, headers) in ways(path) {
            for method in ["GET", "HEAD"] {
                let answer = site.ask_from(LOCAL, method, &uri, &headers).await;
                assert_eq!(answer.status, 200, "{uri}");
                assert_eq!(answer.text().starts_with("private"), method == "GET", "{uri}: {}", answer.text());
                assert_eq!(answer.header("bough-version"), "draft", "{uri}");
                assert_eq!(answer.header("cache-control"), "private, no-store", "{uri}");
                assert_eq!(answer.header("x-robots-tag"), "noindex", "{uri}");
                assert_ne!(answer.header("etag"), public.header("etag"), "{uri}");
            }
        }
    }
}

#[tokio::test]
async fn no_tag_of_one_line_is_taken_for_another() {
    let (site, draft) = site_and_draft();
    let other = open(&site, "other");
    other.set("/", "words", "another");
    // Only the media type differs, not a byte of the content.
    site.put_file("/same.txt", &b"the same ".repeat(1_000));
    draft.database.update(None, Note::edit("test")).unwrap();
    draft.set("/same.txt", "content_type", "text/x-private");
    for path in ["/page", "/small.txt", "/large.txt", "/same.txt", "/news/"] {
        let mut seen: Vec<(Vec<(&str, &str)>, Answer)> = Vec::new();
        let other_host = vec![("host", "other.v.localhost")];
        let asked = [vec![PUBLIC], vec![HOST], vec![PUBLIC, SELECTED], other_host];
        for headers in asked {
            if path == "/same.txt" && headers[0].1.starts_with("other") {
                continue;
            }
            let answer = local(&site, path, &headers).await;
            seen.push((headers, answer));
        }
        for (headers, own) in &seen {
            for (_, other) in &seen {
                let condition = ("if-none-match", other.header("etag"));
                let again = local(&site, path, &[&headers[..], &[condition]].concat()).await;
                if own.header("bough-version") == other.header("bough-version") {
                    assert_eq!(again.status, 304, "{path} {headers:?}");
                } else {
                    assert_eq!(again.status, 200, "{path} {headers:?}");
                    assert_eq!(again.text(), own.text(), "{path} {headers:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_compressed_file_of_one_line_is_never_sent_for_another() {
    let (site, _) = site_and_draft();
    let gzip = ("accept-encoding", "gzip");
    let public = local(&site, "/large.txt", &[PUBLIC, gzip]).await;
    let private = local(&site, "/large.txt", &[HOST, gzip]).await;
    assert_eq!((public.header("content-encoding"), private.header("content-encoding")), ("gzip", "gzip"));
    assert_ne!(public.body, private.body);
    assert_eq!(local(&site, "/large.txt", &[PUBLIC, gzip]).await.body, public.body);
}

#[tokio::test]
async fn a_version_may_not_be_kept_also_as_it_was_at_a_commit() {
    let (site, draft) = site_and_draft();
    let at = format!("/@at/{}", draft.database.head());
    for (uri, headers) in ways(&format!("{at}/page")) {
        let answer = local(&site, &uri, &headers).await;
        assert!(answer.text().starts_with("private"), "{uri}: {}", answer.text());
        assert_eq!(answer.header("cache-control"), "private, no-store", "{uri}");
        let known = [&headers[..], &[("if-none-match", answer.header("etag"))]].concat();
        let again = local(&site, &uri, &known).await;
        assert_eq!((again.status.as_u16(), again.header("cache-control")), (304, "private, no-store"));
    }
    let public = local(&site, &format!("{at}/page"), &[PUBLIC]).await;
    assert!(public.text().starts_with("public"), "{}", public.text());
    assert!(public.header("cache-control").starts_with("public"));
}

#[tokio::test]
async fn case_37_every_answer_of_a_host_with_several_lines_says_that_the_header_counts() {
    let (site, _) = site_and_draft();
    let varies = |answer: &Answer| {
        let all = answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap());
        all.collect::<Vec<_>>().join(", ").contains("bough-version")
    };
    for uri in ["/page", "/news", "/missing", "/large.txt", "/@v/draft/page"] {
        assert!(varies(&local(&site, uri, &[PUBLIC]).await), "{uri}");
        assert!(varies(&local(&site, uri, &[PUBLIC, SELECTED]).await), "{uri}");
        assert!(varies(&site.ask_from(FOREIGN, "GET", uri, &[PUBLIC, SELECTED]).await), "{uri}");
    }
    let tag = site.get("/large.txt").await.header("etag").to_owned();
    let fresh = site.get_with("/large.txt", &[("if-none-match", &tag)]).await;
    assert!(fresh.status == 304 && varies(&fresh));
}

#[tokio::test]
async fn on_its_host_links_redirects_and_error_pages_are_the_versions() {
    let (site, draft) = site_and_draft();
    draft.put("/error.html", "template", &[("source", "{{ words }} {{ status }} {{ site.url }}")]);
    draft.rename("/news/a", "/news/c");
    let listing = local(&site, "/news/", &[HOST]).await.text();
    assert!(listing.contains("href=\"/news/b\"") && listing.contains("href=\"/news/c\""), "{listing}");
    assert!(!listing.contains("@v"), "{listing}");
    assert_eq!(local(&site, "/news?x", &[HOST]).await.outcome(), (308, "/news/?x"));
    assert_eq!(local(&site, "/news/a", &[HOST]).await.outcome(), (308, "/news/c"));
    assert_eq!(local(&site, "/news/a", &[PUBLIC]).await.status, 200, "the public site's is where it was");
    let missing = local(&site, "/missing", &[HOST]).await;
    assert_eq!((missing.status.as_u16(), missing.text().as_str()), (404, "private 404 /"));
    let answer = site.ask_from(LOCAL, "OPTIONS", "/page", &[HOST]).await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET, HEAD"));
}

#[tokio::test]
async fn below_its_path_whatever_bough_links_stays_there() {
    let (site, draft) = site_and_draft();
    draft.rename("/news/a", "/news/c");
    draft.put("/go", "link", &[("target", "/news/")]);
    draft.put("/news/index", "page", &[]);
    let at = format!("/@v/draft/@at/{}", draft.database.head());
    for before in ["/@v/draft", &at] {
        let get = async |path: &str| local(&site, &format!("{before}{path}"), &[PUBLIC]).await;
        assert_eq!(get("").await.outcome(), (308, &*format!("{before}/")));
        assert_eq!(get("/news").await.outcome(), (308, &*format!("{before}/news/")));
        assert_eq!(get("//news//b").await.outcome(), (308, &*format!("{before}/news/b")));
        assert_eq!(get("/news/a").await.outcome(), (308, &*format!("{before}/news/c")));
        assert_eq!(get("/go").await.outcome(), (302, &*format!("{before}/news/")));
        let page = get("/page").await.text();
        assert!(page.contains(&format!("<a href='{before}/'>")), "{page}");
        let canonical = get("/news/index").await;
        assert_eq!(canonical.header("link"), format!("<{before}/news/>; rel=\"canonical\""));
    }
    draft.delete("/news/index");
    let listing = local(&site, "/@v/draft/news/", &[PUBLIC]).await.text();
    assert!(listing.contains("href=\"/@v/draft/news/b\""), "{listing}");
    let missing = local(&site, "/@v/draft/missing", &[PUBLIC]).await;
    assert!(missing.status == 404 && missing.text().contains("href=\"/@v/draft/\""), "{}", missing.text());
    let selected = local(&site, "/news", &[PUBLIC, SELECTED]).await;
    assert_eq!(selected.outcome(), (308, "/news/"), "who selects by the header goes on doing so");
}

#[tokio::test]
async fn a_version_is_shown_as_it_was_and_not_before_it_was_opened() {
    let (site, draft) = site_and_draft();
    let before = draft.database.head();
    draft.set("/", "words", "changed");
    let then = local(&site, &format!("/@at/{before}/page"), &[HOST]).await.text();
    assert!(then.starts_with("private") && then.contains(&format!("/@at/{before}/")), "{then}");
    assert!(local(&site, "/page", &[HOST]).await.text().starts_with("changed"));
    let opened = draft.database.version_info().unwrap().opened;
    for moment in [format!("t{:x}", opened.as_micros() - 1), "1999-01-01".into()] {
        let answer = local(&site, &format!("/@at/{moment}/page"), &[HOST]).await;
        assert_eq!(answer.status, 404, "{moment}");
        assert!(answer.text().contains(&format!("opened with {opened}")), "{}", answer.text());
    }
}

#[tokio::test]
async fn to_foreigners_a_version_looks_like_a_page_that_is_not_there() {
    let config = Config { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], ..Config::default() };
    let site = TestSite::with_config(config);
    site.put("/page", "page", &[("body", "public")]);
    let draft = open(&site, "draft");
    draft.put("/error.html", "template", &[("source", "private error")]);
    draft.set("/page", "body", "private");
    let nameless = |answer: &Answer| {
        let id = answer.header("x-request-id");
        let mut headers = answer.headers.clone();
        headers.remove("x-request-id");
        (answer.status, headers, answer.text().replace(id, "ID"))
    };
    let forwarded = ("x-forwarded-for", "192.0.2.7");
    let cookie = ("cookie", "bough-preview=draft; bough-version=draft; version=draft");
    for (peer, more) in [
        (FOREIGN, vec![PUBLIC]),
        (FOREIGN, vec![PUBLIC, cookie]),
        (LOCAL, vec![PUBLIC, forwarded]),
        (LOCAL, vec![("host", "evil.example")]),
    ] {
        let ask = async |uri: &str, header: (&'static str, &'static str)| {
            site.ask_from(peer, "GET", uri, &[&more[..], &[header]].concat()).await
        };
        let none = ("x-nothing", "");
        let missing = nameless(&ask("/missing", none).await);
        assert_eq!(missing.0, 404);
        for uri in ["/@v/draft/page", "/@v/draft/", "/@v/nosuch/", "/@v/Bad name/", "/@v/draft/@at/t1/"] {
            assert_eq!(nameless(&ask(&uri.replace(' ', "%20"), none).await), missing, "{peer} {uri}");
        }
        for name in ["draft", "nosuch", "", "a b"] {
            assert_eq!(nameless(&ask("/page", ("bough-version", name)).await), missing, "{peer} {name}");
        }
        assert!(ask("/page", none).await.text().contains("public"), "{peer}");
    }
    for headers in [vec![], vec![cookie], vec![("bough-version", "draft")]] {
        let of = async |host: &'static str, uri: &str| {
            let headers = [&headers[..], &[("host", host)]].concat();
            nameless(&site.ask_from(FOREIGN, "GET", uri, &headers).await)
        };
        let none = of("nosuch.v.localhost", "/").await;
        assert_eq!(none.0, 404);
        for uri in ["/", "/page", "/missing", "/@@preview/x", "/@v/draft/", "/@at/t1/"] {
            assert_eq!(of("draft.v.localhost", uri).await, none, "{uri}");
        }
    }
}

#[tokio::test]
async fn the_host_of_a_version_leads_people_who_are_not_known_to_where_they_can_log_in() {
    let site = TestSite::new();
    site.put("/page", "page", &[("body", "public")]);
    open(&site, "draft").set("/page", "body", "private");
    let page = ("accept", "text/html,*/*;q=0.8");
    let of = async |host: &str, uri: &str| site.ask_from(FOREIGN, "GET", uri, &[("host", host), page]).await;
    // Every name leads on alike: nobody learns which versions there are.
    for name in ["draft", "nosuch"] {
        let host = format!("{name}.v.localhost:8080");
        for (uri, path) in [
            ("/page?x=1", format!("/@v/{name}/page?x=1")),
            ("/", format!("/@v/{name}/")),
            ("/page/@@login", format!("/@v/{name}/page")),
            ("/@at/t1/page", format!("/@v/{name}/@at/t1/page")),
        ] {
            let led = of(&host, uri).await;
            assert_eq!(led.outcome(), (303, format!("http://localhost:8080{path}").as_str()), "{uri}");
        }
        let asked = of("localhost:8080", &format!("/@v/{name}/page")).await;
        assert_eq!(asked.status, 303);
        assert!(asked.header("location").starts_with("/page/@@login?next="), "{}", asked.header("location"));
        // What is no page, as an image in one, is just not there.
        let image = site.ask_from(FOREIGN, "GET", "/page", &[("host", &host), ("accept", "image/*")]).await;
        assert_eq!(image.status, 404);
    }
    // Where the site's own host is not known, nobody is sent anywhere.
    let hosts = HostTable::default().with_versions("*.v.example.org".parse().unwrap());
    let site = TestSite::with_config(Config { hosts, ..Config::default() });
    let answer = site.ask_from(FOREIGN, "GET", "/", &[("host", "draft.v.example.org"), page]).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn case_37_no_cookie_chooses_what_the_public_site_shows() {
    let (site, _) = site_and_draft();
    let plain = local(&site, "/page", &[PUBLIC]).await;
    for cookie in ["bough-version=draft", "Bough-Version=draft", "version=draft; bough-preview=draft"] {
        let answer = local(&site, "/page", &[PUBLIC, ("cookie", cookie)]).await;
        assert_eq!((answer.text(), answer.header("etag")), (plain.text(), plain.header("etag")), "{cookie}");
    }
}

#[tokio::test]
async fn a_version_that_is_not_there_is_said_to_those_who_may_know() {
    let (site, draft) = site_and_draft();
    for (uri, headers) in [
        ("/", vec![("host", "nosuch.v.localhost")]),
        ("/", vec![("host", "a.draft.v.localhost")]),
        ("/@v/Nosuch/", vec![PUBLIC]),
        ("/@v/%3Cb%3E/page", vec![PUBLIC]),
        ("/page", vec![PUBLIC, ("bough-version", "nosuch")]),
        ("/page", vec![PUBLIC, ("bough-version", "")]),
    ] {
        let answer = local(&site, uri, &headers).await;
        assert_eq!(answer.status, 404, "{uri} {headers:?}");
        assert!(answer.text().contains("There is no version `"), "{}", answer.text());
        assert!(answer.text().contains("These are open: draft."), "{}", answer.text());
        assert!(!answer.text().contains("<b>"), "{}", answer.text());
    }
    set_status(&draft.database, LineStatus::Closed);
    assert_eq!(local(&site, "/page", &[HOST]).await.status, 200, "a closed one can be looked at");
    draft.database.discard(true, Note::edit("test")).ok();
    set_status(&draft.database, LineStatus::Discarded);
    let answer = local(&site, "/page", &[HOST]).await;
    assert!(answer.status == 410 && answer.text().contains("thrown away"), "{}", answer.text());
}

#[tokio::test]
async fn one_version_inside_of_another_is_refused() {
    let (site, _) = site_and_draft();
    open(&site, "other");
    for (uri, headers) in [
        ("/@v/other/page", vec![HOST]),
        ("/@v/draft/page", vec![HOST]),
        ("/page", vec![HOST, ("bough-version", "other")]),
        ("/@v/other/page", vec![PUBLIC, SELECTED]),
    ] {
        assert_eq!(local(&site, uri, &headers).await.status, 400, "{uri} {headers:?}");
    }
    assert_eq!(local(&site, "/@v/draft/@v/other/page", &[PUBLIC]).await.status, 404);
    assert_eq!(local(&site, "/page", &[HOST, SELECTED]).await.status, 200, "the same twice is one");
    assert_eq!(local(&site, "/@v/draft/page", &[PUBLIC, SELECTED]).await.status, 200);
}

#[tokio::test]
async fn a_host_that_the_table_names_is_no_versions_and_prefixes_count_in_versions_too() {
    let news = Host { subtree: crate::site::path("/news"), ..Host::default() };
    let all =
        Host { prefix: "/p".into(), base_url: Some("https://public.example".into()), ..Host::default() };
    let hosts = HostTable::default().with("taken.v.localhost", news).and_then(|table| table.otherwise(all));
    let site = TestSite::with_config(Config { hosts: hosts.unwrap(), ..Config::default() });
    site.put("/news", "folder", &[]);
    site.put("/news/a", "page", &[("body", "public")]);
    site.put("/news/index", "page", &[]);
    let taken = open(&site, "taken");
    taken.set("/news/a", "body", "private");
    assert!(local(&site, "/a", &[("host", "taken.v.localhost")]).await.text().contains("public"));
    assert!(local(&site, "/@v/taken/news/a", &[PUBLIC]).await.text().contains("private"));
    assert_eq!(local(&site, "/@v/taken/news", &[PUBLIC]).await.outcome(), (308, "/p/@v/taken/news/"));
    open(&site, "free");
    let free = [("host", "free.v.localhost")];
    assert_eq!(local(&site, "/news", &free).await.outcome(), (308, "/p/news/"));
    let canonical = local(&site, "/news/index", &free).await;
    assert_eq!(canonical.header("link"), "</p/news/>; rel=\"canonical\"", "nothing leads to the public site");
}

#[tokio::test]
async fn a_version_is_shown_within_the_same_bounds() {
    let limits = Limits { path_bytes_max: 100, ..Limits::default() };
    let site = TestSite::with_config(Config { limits, ..Config::default() });
    open(&site, "draft");
    let long = format!("/{}", "a".repeat(200));
    assert_eq!(local(&site, &long, &[HOST]).await.status, 414);
    assert_eq!(local(&site, "/%00", &[HOST]).await.status, 400);
}
