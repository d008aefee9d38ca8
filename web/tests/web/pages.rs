//! Pages that an application adds, behind a view of their own.

use std::io::Read as _;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use bough_core::Value;
use bough_core::security::permission::{EDIT, VIEW};
use bough_core::security::{Roles, Setting};
use bough_web::pages::{PageAnswer, PageError, PagePlace, PageRequest, Pages};
use bough_web::{Config, built_in_types};

use crate::accounts::{Browser, CHEAP, add_user};
use crate::site::{TestSite, name};

/// Pages that tell what they were asked.
#[derive(Debug)]
struct Probe;

impl Pages for Probe {
    fn view(&self) -> &str {
        "probe"
    }

    fn answer(&self, request: &PageRequest) -> Result<PageAnswer, PageError> {
        if request.is_post() {
            let form = request.form()?;
            if form.get("do") == "title" {
                let oid = request.object()?.oid();
                let title = form.get("title").to_owned();
                let (_, tid) = request.write(format!("Titled {title}"), |draft| {
                    Ok(draft.set(oid, &name("title"), Some(Value::text(title.as_str())))?)
                })?;
                return Ok(PageAnswer::SeeOther(format!(
                    "{}?did={}",
                    request.page_url(oid, &["done"])?,
                    tid.unwrap()
                )));
            }
            let mut told =
                format!("{:?}", form.fields().iter().filter(|(name, _)| name != "code").collect::<Vec<_>>());
            for file in form.files() {
                let mut text = String::new();
                file.reader().read_to_string(&mut text).unwrap();
                told += &format!(" {}={}:{}:{text}", file.field(), file.name(), file.len());
            }
            return Ok(PageAnswer::html(told));
        }
        match request.behind().iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["asset"] => Ok(PageAnswer::Asset { media_type: "text/css", bytes: "a {}".into() }),
            ["private"] => {
                request.require(request.object()?, EDIT)?;
                Ok(PageAnswer::html("for editors".into()))
            }
            ref behind => {
                let place = match request.place() {
                    PagePlace::Object(object) => format!("object {}", request.path_text(object.oid())?),
                    PagePlace::Moved(oid) => format!("moved to {}", request.path_text(*oid)?),
                    PagePlace::Missing(reached) => {
                        format!("missing below {}", request.path_text(reached.oid())?)
                    }
                    PagePlace::Refused(error) => format!("refused {}", error.status().as_u16()),
                };
                let version = request.version_name().unwrap_or("trunk");
                let url = request.page_url(request.top().oid(), &["a b"])?;
                Ok(PageAnswer::html(format!(
                    "{place}; behind {behind:?}; on {version}; {url}; <input name=\"code\" value=\"{}\">",
                    request.form_code()
                )))
            }
        }
    }
}

fn site() -> TestSite {
    let config = Config { password_cost: CHEAP, pages: vec![Arc::new(Probe)], ..Config::default() };
    let site = TestSite::with(built_in_types(), config);
    site.put("/news", "folder", &[]);
    site.put("/news/autumn", "page", &[("title", "Autumn")]);
    site
}

#[tokio::test]
async fn a_page_is_about_the_object_before_its_view() {
    let site = site();
    site.rename("/news/autumn", "/news/winter");
    site.put("/hidden", "folder", &[]);
    site.change(|draft| {
        let hidden = draft.at(&crate::site::path("/hidden"))?;
        let managers = Setting { roles: Roles::named(["Manager"]), acquire: false };
        draft.set_permission(hidden, &name(VIEW), Some(managers))
    });
    for (url, expected) in [
        ("/@@probe", "object /; behind []"),
        ("/news/@@probe/a/b%20c", "object /news; behind [\"a\", \"b c\"]"),
        ("/news/winter/@@probe", "object /news/winter; behind []"),
        ("/news/autumn/@@probe/x", "moved to /news/winter"),
        ("/news/none/@@probe", "missing below /news"),
        ("/hidden/@@probe", "refused 401"),
        ("/hidden/below/@@probe", "refused 401"),
    ] {
        let answer = site.get(url).await;
        assert!(answer.text().starts_with(expected), "{url}: {}", answer.text());
    }
    assert!(site.get("/@@probe").await.text().contains("; on trunk; /@@probe/a%20b"));
    assert_eq!(site.get("/news/@@other").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_was_has_no_pages_and_no_other_methods_do() {
    let site = site();
    let tid = site.set("/news/autumn", "title", "Fall");
    assert_eq!(site.get(&format!("/@at/{tid}/news/@@probe")).await.status, StatusCode::NOT_FOUND);
    for method in ["PUT", "DELETE", "PATCH"] {
        let answer = site.send(method, "/news/@@probe", &[], "").await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
}

#[tokio::test]
async fn no_page_may_run_a_script_that_is_no_file_and_none_is_kept() {
    let site = site();
    let (one, two) = (site.get("/@@probe").await, site.get("/@@probe").await);
    let policy = one.header("content-security-policy");
    assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{policy}");
    assert_ne!(policy, two.header("content-security-policy"), "a nonce counts once");
    assert_eq!(one.header("cache-control"), "no-store");
    let asset = site.get("/@@probe/asset").await;
    assert_eq!((asset.header("content-type"), asset.text().as_str()), ("text/css", "a {}"));
    assert!(asset.header("cache-control").contains("immutable"));
}

#[tokio::test]
async fn a_form_counts_with_the_code_of_its_browser_only() {
    let site = site();
    add_user(&site, "/", "ann", &["Manager"], "ann's password");
    let mut ann = Browser::new(&site);
    ann.submit("/@@login", &[("name", "ann"), ("password", "ann's password")]).await;
    let title = &[("do", "title"), ("title", "Fall")];
    let refused = ann.send(Method::POST, "/news/autumn/@@probe", title).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let mut other = Browser::new(&site);
    let theirs = other.get("/news/autumn/@@probe").await.text();
    let theirs = theirs.split("value=\"").nth(1).unwrap().trim_end_matches("\">").to_owned();
    let refused =
        ann.send(Method::POST, "/news/autumn/@@probe", &[title[0], title[1], ("code", &theirs)]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(site.get("/news/autumn").await.text().contains("Autumn"), "nothing was changed");

    let done = ann.submit("/news/autumn/@@probe", title).await;
    let (status, url) = done.outcome();
    assert!(status == 303 && url.starts_with("/news/autumn/@@probe/done?did=t"), "{status} {url}");
    let tid = url.split("did=").nth(1).unwrap().parse().unwrap();
    let record = site.database.commit_record(tid).unwrap();
    assert_eq!((record.principal.as_str(), record.sentence.as_str()), ("ann", "Titled Fall"));
}

#[tokio::test]
async fn a_form_changes_no_more_than_whoever_sends_it_may() {
    let site = site();
    add_user(&site, "/", "ann", &["Manager"], "ann's password");
    add_user(&site, "/", "bob", &[], "bob's password");
    let mut bob = Browser::new(&site);
    let before = site.database.head();
    let private = bob.get("/news/@@probe/private").await;
    assert_eq!(private.status, StatusCode::UNAUTHORIZED);
    bob.submit("/@@login", &[("name", "bob"), ("password", "bob's password")]).await;
    assert_eq!(bob.get("/news/@@probe/private").await.status, StatusCode::FORBIDDEN);
    let refused = bob.submit("/news/autumn/@@probe", &[("do", "title"), ("title", "Mine")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text());
    assert_eq!(site.database.head(), before);
}

#[tokio::test]
async fn files_of_a_form_are_read_from_where_they_lie() {
    let site = site();
    let page = site.get("/@@probe").await;
    let cookie = page.header("set-cookie").split(';').next().unwrap().to_owned();
    let code = page.text().split("value=\"").nth(1).unwrap().trim_end_matches("\">").to_owned();
    let long = "x".repeat(200_000);
    let body = format!(
        "--b\r\ncontent-disposition: form-data; name=\"code\"\r\n\r\n{code}\r\n\
         --b\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
         --b\r\ncontent-disposition: form-data; name=\"f\"; filename=\"C:\\dir\\a.txt\"\r\n\r\n{long}\r\n\
         --b\r\ncontent-disposition: form-data; name=\"none\"; filename=\"\"\r\n\r\n\r\n--b--\r\n"
    );
    let request = Request::post("/@@probe")
        .header("host", "example.org")
        .header("origin", "http://example.org")
        .header("cookie", cookie)
        .header("content-type", "multipart/form-data; boundary=b")
        .body(Body::from(body))
        .unwrap();
    let answer = site.send_request(request).await;
    let expected = format!("[(\"a\", \"1\")] f=a.txt:200000:{long}");
    assert!(answer.text() == expected, "{} {:.300}", answer.status, answer.text());
}

#[tokio::test]
async fn a_form_from_another_site_is_refused() {
    let site = site();
    let request = Request::post("/@@probe")
        .header("host", "example.org")
        .header("origin", "http://evil.example")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from("do=title"))
        .unwrap();
    assert_eq!(site.send_request(request).await.status, StatusCode::FORBIDDEN);
}
