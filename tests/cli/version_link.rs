//! Preview links from the command line, and what a server shows by them.

use bough::store::Note;
use bough::store::version::NewVersion;

use crate::support::Site;

/// A site with a version, made while nobody else has the folder.
fn with_version() -> Site {
    let site = Site::new();
    site.ok(&["mkdir", "/news"]);
    site.ok(&["add", "/news/a", "--type", "page"]);
    site.ok(&["set", "/news/a", "body=public"]);
    let open = bough::Site::open(site.data()).unwrap();
    let new = NewVersion { name: "draft".into(), ..NewVersion::default() };
    let version = open.database().open_version(&new, Note::edit("test")).unwrap();
    bough::Site::over(version).write("Edit", |tx| tx.set("/news/a", "body", "private")).unwrap();
    open.close().unwrap();
    site
}

#[test]
fn a_link_made_without_a_server_works_with_the_next_one_until_it_is_taken_back() {
    let site = with_version();
    let made = &site.rows(&["version", "link", "draft", "--path", "/news", "--label", "for Bo"])[0];
    let url = made["url"].as_str().unwrap();
    let token = url.strip_prefix("http://draft.v.localhost:8080").unwrap_or_else(|| panic!("{url}"));

    let server = site.serve();
    let far = [("Host", "draft.v.localhost"), ("X-Forwarded-For", "192.0.2.1")];
    let (status, head, _) = server.ask(token, &far);
    assert!(status == 303 && head.contains("location: /news/\r\n"), "{head}");
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let with_cookie = [far[0], far[1], ("Cookie", cookie.split(';').next().unwrap())];
    assert!(server.ask("/news/a", &with_cookie).2.contains("private"));
    assert!(server.ask("/news/a", &[("Host", "localhost")]).2.contains("public"));
    assert!(server.ask("/@v/draft/news/a", &[("Host", "localhost")]).2.contains("private"));

    let listed = &site.rows(&["version", "links", "draft"])[0];
    assert_eq!(
        (&listed["label"], &listed["path"], &listed["made_by"]),
        (&"for Bo".into(), &"/news".into(), &"ana".into())
    );
    assert!(listed.get("url").is_none(), "a link is shown to whoever makes it");
    let id = listed["id"].as_str().unwrap();
    site.ok(&["version", "unlink", "draft", id]);
    assert_eq!(server.ask("/news/a", &with_cookie).0, 410);
    assert!(site.fails(3, &["version", "unlink", "draft", id]).contains("has no link"));

    let port = server.address.rsplit(':').next().unwrap();
    let out = site.ok(&["version", "link", "draft"]);
    assert!(out.starts_with(&format!("http://draft.v.localhost:{port}/@@preview/")), "{out}");
}

#[test]
fn a_link_is_made_only_to_what_a_version_shows() {
    let site = with_version();
    assert!(site.fails(3, &["version", "link", "nosuch"]).contains("there is draft"));
    assert!(site.fails(3, &["version", "link", "draft", "--path", "/gone"]).contains("nothing at `/gone`"));
    assert!(site.fails(2, &["version", "link", "draft", "--expires", "5y"]).contains("at most 366 days"));
    assert!(site.fails(2, &["serve", "--version-host", "v.example.org"]).contains("*.v.example.org"));
}
