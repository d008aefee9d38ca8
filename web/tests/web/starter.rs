//! The starter site.

use bough_web::starter::plant;

use crate::site::TestSite;

fn site() -> TestSite {
    let site = TestSite::new();
    site.change(plant);
    site
}

#[tokio::test]
async fn every_address_of_the_starter_site_answers() {
    let site = site();
    for (uri, status, part) in [
        ("/", 200, "bough undo TID --preview"),
        ("/index", 200, "<h1>It grows</h1>"),
        ("/about", 200, "<title>About &middot; My site</title>"),
        ("/about/print", 200, "<footer>My site"),
        ("/style.css", 200, "prefers-color-scheme: dark"),
        ("/missing", 404, "<h1>Not found</h1>"),
        ("/about/missing", 404, "To the start page"),
        ("/@@manage", 404, "Not found"),
    ] {
        let answer = site.get(uri).await;
        assert_eq!(answer.status, status, "{uri}: {}", answer.text());
        assert!(answer.text().contains(part), "{uri}: {}", answer.text());
    }
}

#[tokio::test]
async fn every_link_of_the_starter_site_leads_somewhere_also_at_a_moment() {
    let site = site();
    let at = format!("/@at/{}", site.database.head());
    for base in ["", &at] {
        let (mut waiting, mut seen) = (vec![format!("{base}/")], std::collections::BTreeSet::new());
        while let Some(uri) = waiting.pop() {
            if !seen.insert(uri.clone()) {
                continue;
            }
            let answer = site.get(&uri).await;
            assert_eq!(answer.status, 200, "{uri}");
            let text = answer.text();
            for link in text.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
                let link = if link.starts_with('/') {
                    link.to_owned()
                } else if link.starts_with('#') {
                    continue;
                } else {
                    format!("{}/{link}", uri.rsplit_once('/').unwrap().0)
                };
                assert!(link.starts_with(base), "{uri} leads out to {link}");
                waiting.push(link);
            }
        }
        assert!(seen.len() >= 4, "{seen:?}");
    }
}

#[tokio::test]
async fn the_starter_sites_layout_also_holds_listings() {
    let site = site();
    site.put("/files", "folder", &[("title", "Files")]);
    let text = site.get("/files/").await.text();
    assert!(text.contains("nothing in this folder yet") && text.contains("class=\"crumbs\""), "{text}");
}
