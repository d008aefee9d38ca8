//! Kept pages: never old, and the same for as long as nothing that they show changes.

use bough_core::Value;
use bough_store::Database;
use bough_web::{Config, Limits, app};

use crate::site::{TestSite, name, path};
use crate::survey::{Chance, urls, work};

/// The same site, published anew.
fn anew(site: &TestSite, limits: Limits) -> TestSite {
    let database: Database = site.database.clone();
    let router = app(database.clone(), Config { limits, ..Config::default() });
    TestSite { database, router }
}

#[tokio::test]
async fn what_was_kept_is_what_would_be_made_now() {
    let full = std::env::var("BOUGH_TEST_SCALE").is_ok_and(|scale| scale == "full");
    let (rounds, commits) = if full { (200, 60) } else { (6, 25) };
    let (mut same, mut others) = (0, 0);
    for round in 0..rounds {
        let mut chance = Chance(round + 7);
        let site = TestSite::new();
        site.set("/", "words", "w");
        (0..12).for_each(|_| work(&site, &mut chance));
        let mut tags: std::collections::HashMap<String, String> = std::collections::HashMap::new();
        for commit in 0..commits {
            work(&site, &mut chance);
            let fresh = anew(&site, Limits { kept_bytes_max: 0, ..Limits::default() });
            for url in urls(&site) {
                let (kept, made) = (site.get(&url).await, fresh.get(&url).await);
                let at = format!("{url} in round {round} after commit {commit}");
                assert_eq!(kept.outcome(), made.outcome(), "{at}");
                if kept.status.is_success() {
                    assert_eq!(kept.text(), made.text(), "{at}");
                    let tag = kept.header("etag").to_owned();
                    assert_eq!(site.get_with(&url, &[("if-none-match", &tag)]).await.status, 304, "{at}");
                    match tags.insert(url, tag.clone()) {
                        Some(before) if before == tag => same += 1,
                        _ => others += 1,
                    }
                }
            }
        }
    }
    assert!(same > others && others > 0, "{same} pages kept their tag, {others} did not");
}

#[tokio::test]
async fn a_page_keeps_its_tag_until_something_changes_that_it_shows() {
    let site = TestSite::new();
    site.put("/layout.html", "template", &[("source", "{{ motto }} {{ content }}")]);
    site.set("/", "motto", "hello");
    site.put("/news", "folder", &[]);
    site.put("/news/one", "page", &[("body", "1")]);
    let tag = site.get("/news/one").await.header("etag").to_owned();
    site.put("/news/two", "page", &[("body", "2")]);
    site.set("/", "unread", "x");
    site.set("/news", "title", "News");
    assert_eq!(site.get_with("/news/one", &[("if-none-match", &tag)]).await.status, 304);
    // What was looked for and not found counts as well.
    site.set("/news", "motto", "near");
    let near = site.get_with("/news/one", &[("if-none-match", &tag)]).await;
    assert_eq!((near.status.as_u16(), near.text().as_str()), (200, "near 1"));
    // And back: the very same page.
    site.change(|tx| {
        let news = tx.at(&path("/news"))?;
        tx.set(news, &name("motto"), None::<Value>)
    });
    assert_eq!(site.get_with("/news/one", &[("if-none-match", &tag)]).await.status, 304);
}

#[tokio::test]
async fn a_page_that_shows_what_was_asked_is_not_sent_to_others() {
    let site = TestSite::new();
    let source = "{{ request.host }} {{ request.path }} {{ request.query.q }} {{ request.method }}";
    site.put("/page", "page", &[]);
    site.put("/layout.html", "template", &[("source", &source.replace("{{ request.query.q }}", ""))]);
    for host in ["a.example", "b.example", "a.example"] {
        let page = site.get_with("/page", &[("host", host)]).await;
        assert_eq!(page.text(), format!("{host} /page  GET"));
    }
    site.set("/layout.html", "source", source);
    for q in ["1", "2", "1"] {
        assert!(site.get(&format!("/page?q={q}")).await.text().contains(&format!(" {q} ")), "{q}");
    }
}

#[tokio::test]
async fn nobody_gets_a_page_that_was_kept_when_others_might_see_it() {
    let site = TestSite::new();
    site.put("/page", "page", &[("body", "for everybody")]);
    assert_eq!(site.get("/page").await.status, 200);
    let view = bough_core::security::Setting {
        roles: bough_core::security::Roles::named(["Manager"]),
        acquire: false,
    };
    let tid = site.change(|tx| {
        let page = tx.at(&path("/page"))?;
        tx.set_permission(page, &name("View"), Some(view.clone()))
    });
    assert!(site.get("/page").await.status.is_client_error(), "hidden");
    let undo = bough_store::UndoChoices::default();
    site.database.undo(&[tid], &undo, bough_store::Note::edit("test")).unwrap();
    assert_eq!(site.get("/page").await.status, 200);
}

/// A page that is made for the first time between a change and its undo, as another page was looked at before both.
#[tokio::test]
async fn what_was_taken_back_is_not_shown_from_what_was_kept_in_between() {
    let site = TestSite::new();
    site.put("/layout.html", "template", &[("source", "{{ motto }} {{ content }}")]);
    site.set("/", "motto", "before");
    for page in ["/a", "/b"] {
        site.put(page, "page", &[]);
    }
    site.get("/a").await;
    assert_eq!(site.get("/a").await.text().trim(), "before");
    let secret = site.set("/", "motto", "secret");
    assert_eq!(site.get("/b").await.text().trim(), "secret");
    let undo = bough_store::UndoChoices::default();
    site.database.undo(&[secret], &undo, bough_store::Note::edit("test")).unwrap();
    for page in ["/b", "/a", "/b"] {
        assert_eq!(site.get(page).await.text().trim(), "before", "{page}");
    }
}

/// Whoever asks after a commit was answered sees it, however many ask and write at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_page_is_never_older_than_the_last_commit_before_it_was_asked_for() {
    let site = TestSite::new();
    site.put("/layout.html", "template", &[("source", "{{ count }}")]);
    site.set("/", "count", Value::Int(0));
    site.put("/page", "page", &[]);
    let reader = |router: axum::Router, database: Database| async move {
        let site = TestSite { database, router };
        for _ in 0..200 {
            let snapshot = site.database.snapshot();
            let root = bough_core::Snapshot::object(&snapshot, bough_core::Oid::ROOT).unwrap().unwrap();
            let Some(Value::Int(least)) = root.value("count").cloned() else { panic!("no count") };
            let seen: i64 = site.get("/page").await.text().trim().parse().unwrap();
            assert!(seen >= least, "{seen} was shown after {least}");
        }
    };
    let readers: Vec<_> =
        (0..3).map(|_| tokio::spawn(reader(site.router.clone(), site.database.clone()))).collect();
    for count in 1..=200 {
        site.set("/", "count", Value::Int(count));
        tokio::task::yield_now().await;
    }
    for reader in readers {
        reader.await.unwrap();
    }
}
