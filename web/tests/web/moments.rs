//! The site as it was.

use crate::site::TestSite;

#[tokio::test]
async fn a_commits_state_is_shown_below_its_prefix_and_never_changes() {
    let site = TestSite::new();
    site.put("/news", "folder", &[]);
    let first = site.put("/news/a", "page", &[("body", "one")]);
    site.set("/news/a", "body", "two");
    let at = format!("/@at/{first}");

    let then = site.get(&format!("{at}/news/a")).await;
    assert!(then.text().contains("one"));
    assert_eq!(then.header("cache-control"), "public, max-age=31536000, immutable");
    assert!(site.get("/news/a").await.text().contains("two"));
    assert_eq!(site.get("/news/a").await.header("cache-control"), "no-cache");

    assert_eq!(site.get(&at).await.outcome(), (308, &*format!("{at}/")));
    assert_eq!(site.get(&format!("{at}/news")).await.outcome(), (308, &*format!("{at}/news/")));
    let listing = site.get(&format!("{at}/news/")).await.text();
    assert!(listing.contains(&format!("href=\"{at}/news/a\"")), "{listing}");
    assert!(listing.contains(&format!("href=\"{at}/\"")), "breadcrumbs stay there, too: {listing}");
}

#[tokio::test]
async fn links_within_a_moment_stay_there_for_moved_objects_and_canonical_urls_too() {
    let site = TestSite::new();
    site.put("/a", "page", &[]);
    site.put("/docs", "folder", &[]);
    site.put("/docs/index", "page", &[]);
    let moved = site.rename("/a", "/b");
    let at = format!("/@at/{moved}");
    assert_eq!(site.get(&format!("{at}/a?x")).await.outcome(), (308, &*format!("{at}/b?x")));
    let canonical = site.get(&format!("{at}/docs/index")).await;
    assert_eq!(canonical.header("link"), format!("<{at}/docs/>; rel=\"canonical\""));
}

#[tokio::test]
async fn times_name_the_last_commit_before_them() {
    let site = TestSite::new();
    let tid = site.put("/a", "page", &[("body", "one")]);
    let time = jiff_time(tid.as_micros());
    let answer = site.get(&format!("/@at/{time}/a")).await;
    assert!(answer.text().contains("one"), "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-cache", "a time may still get other commits");
    assert_eq!(site.get("/@at/2999-01-01/a").await.status, 200);
    assert_eq!(site.get("/@at/1999-01-01/a").await.status, 404);
}

fn jiff_time(micros: u64) -> String {
    jiff::Timestamp::from_microsecond(i64::try_from(micros).unwrap()).unwrap().to_string()
}

#[tokio::test]
async fn what_is_no_moment_is_refused_with_the_forms_that_are_understood() {
    let site = TestSite::new();
    for (uri, status) in
        [("/@at/yesterday/", 400), ("/@at/2026-13-45/", 400), ("/@at", 400), ("/@at/tfffffffffffffff/", 404)]
    {
        let answer = site.get(uri).await;
        assert_eq!(answer.status, status, "{uri}");
        assert!(answer.text().contains("2026-11-22T10:30:00+01:00"), "{uri}: {}", answer.text());
    }
}
