//! Logging in and out, one's own account, and one-time links, as a browser does it.

use axum::body::Body;
use axum::http::{Method, Request};
use bough_core::{Oid, Value};
use bough_web::auth::{Accounts, Event, Invite, PasswordCost};
use bough_web::{AccessLog, Config, built_in_types};

use crate::site::{Answer, TestSite, name};

pub(crate) const CHEAP: PasswordCost = PasswordCost { memory_kib: 8, passes: 1 };

pub(crate) struct Browser<'a> {
    site: &'a TestSite,
    cookies: Vec<(String, String)>,
}

fn site() -> TestSite {
    TestSite::with(built_in_types(), Config { password_cost: CHEAP, ..Config::default() })
}

/// Adds a user to the users of a folder.
pub(crate) fn add_user(site: &TestSite, folder: &str, user: &str, roles: &[&str], password: &str) -> Oid {
    let roles: Vec<Value> = roles.iter().map(|role| Value::text(*role)).collect();
    let folder = site.oid(folder);
    site.change(|draft| {
        use bough_core::Snapshot as _;
        let users = match draft.child(folder, "_users")? {
            Some(users) => users,
            None => draft.add(folder, &name("_users"), &name("users"), [])?,
        };
        let roles = Value::Set(roles.iter().cloned().collect());
        draft.add(users, &name(user), &name("user"), [(name("roles"), roles)]).map(drop)
    });
    let snapshot = site.database.snapshot();
    let user = bough_core::security::users_named(&snapshot, folder, user).unwrap().remove(0);
    Accounts::new(&site.database, CHEAP).set_password(user.oid, password).unwrap();
    user.oid
}

impl<'a> Browser<'a> {
    pub(crate) fn new(site: &'a TestSite) -> Self {
        Self { site, cookies: Vec::new() }
    }

    pub(crate) async fn send(&mut self, method: Method, url: &str, form: &[(&str, &str)]) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let form: Vec<_> = form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header("host", "example.org")
            .header("origin", "http://example.org")
            .header("cookie", cookies.join("; "))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("user-agent", "Firefox/140.0 Linux")
            .body(Body::from(form.join("&")))
            .unwrap();
        let answer = self.site.send_request(request).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(held, _)| held != name);
            if !value.is_empty() {
                self.cookies.push((name.into(), value.into()));
            }
        }
        answer
    }

    pub(crate) async fn get(&mut self, url: &str) -> Answer {
        self.send(Method::GET, url, &[]).await
    }

    /// Opens a page, fills in its form and sends it, with all that the form held before.
    pub(crate) async fn submit(&mut self, url: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.get(url).await.text();
        let hidden: Vec<_> = ["code", "next", "key"]
            .into_iter()
            .filter_map(|field| Some((field, value_of(&page, field)?)))
            .filter(|(field, _)| !fields.iter().any(|(filled, _)| filled == field))
            .collect();
        let all: Vec<_> = hidden
            .iter()
            .map(|(field, value)| (*field, value.as_str()))
            .chain(fields.iter().copied())
            .collect();
        self.send(Method::POST, url, &all).await
    }

    async fn log_in(&mut self, at: &str, user: &str, password: &str) -> Answer {
        self.submit(at, &[("name", user), ("password", password)]).await
    }

    /// The name under which the browser is logged in, as its account says.
    async fn who(&mut self) -> Option<String> {
        let answer = self.get("/@@account").await;
        let page = answer.text();
        let (_, rest) = page.split_once("logged in as <strong>")?;
        Some(rest.split_once('<')?.0.to_owned())
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// The value of the first hidden field of this name.
fn value_of(page: &str, field: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("name=\"{field}\" value=\""))?;
    Some(rest.split_once('"')?.0.replace("&#38;", "&"))
}

#[tokio::test]
async fn somebody_logs_in_looks_at_the_account_and_logs_out() {
    let site = site();
    add_user(&site, "/", "ana", &["Manager"], "correct horse");
    let mut browser = Browser::new(&site);
    assert_eq!(browser.get("/@@account").await.outcome(), (303, "/@@login?next=%2F%40%40account"));
    let wrong = browser.log_in("/@@login?next=/@@account", "ana", "wrong").await;
    assert_eq!(wrong.status, 403);
    assert!(wrong.text().contains("Nobody with this name") && wrong.text().contains("value=\"ana\""));
    assert!(!wrong.text().contains("wrong\""), "the password is not shown again: {}", wrong.text());
    let right = browser.log_in("/@@login?next=/@@account", "ana", "correct horse").await;
    assert_eq!(right.outcome(), (303, "/@@account"));
    assert_eq!(right.header("cache-control"), "no-store");
    let page = browser.get("/@@account").await;
    assert!(
        page.text().contains("Firefox on Linux") && page.text().contains("this browser"),
        "{}",
        page.text()
    );
    assert_eq!(page.header("cache-control"), "no-store");
    let stolen = browser.cookies.clone();
    assert_eq!(browser.submit("/@@logout", &[]).await.outcome(), (303, "/@@login?done=logged-out"));
    assert!(browser.get("/@@login?done=logged-out").await.text().contains("You are logged out."));
    assert_eq!(browser.who().await, None);
    let mut thief = Browser { site: &site, cookies: stolen };
    assert_eq!(thief.who().await, None);
}

#[tokio::test]
async fn opening_a_page_logs_nobody_out_and_nobody_in() {
    let site = site();
    add_user(&site, "/", "ana", &[], "correct horse");
    let mut browser = Browser::new(&site);
    browser.get("/@@login?name=ana&password=correct+horse").await;
    assert_eq!(browser.who().await, None);
    browser.log_in("/@@login", "ana", "correct horse").await;
    browser.get("/@@logout").await;
    assert_eq!(browser.who().await, Some("ana".into()));
}

#[tokio::test]
async fn forms_that_this_site_did_not_show_do_nothing() {
    let site = site();
    add_user(&site, "/", "ana", &[], "correct horse");
    let mut browser = Browser::new(&site);
    let right = [("name", "ana"), ("password", "correct horse")];
    let without = browser.send(Method::POST, "/@@login", &right).await;
    assert_eq!(without.status, 403);
    assert!(without.text().contains("Please try again"), "{}", without.text());
    assert_eq!(browser.who().await, None);
    browser.log_in("/@@login", "ana", "correct horse").await;
    for code in ["", "0", &"0".repeat(64)] {
        browser.send(Method::POST, "/@@logout", &[("code", code)]).await;
        let token = [("code", code), ("do", "make-token"), ("name", "x")];
        assert_eq!(browser.send(Method::POST, "/@@account", &token).await.status, 403);
    }
    let page = browser.get("/@@account").await.text();
    assert!(page.contains("logged in as <strong>ana") && !page.contains("revoke-token"), "{page}");
    let other_type = Request::post("/@@login")
        .header("host", "example.org")
        .header("origin", "http://example.org")
        .body(Body::from("{}"))
        .unwrap();
    assert_eq!(site.send_request(other_type).await.status, 400);
}

#[tokio::test]
async fn a_log_in_leads_to_this_site_and_nowhere_else() {
    let site = site();
    add_user(&site, "/", "ana", &[], "correct horse");
    site.put("/docs", "folder", &[]);
    for (next, leads_to) in [
        ("/docs/", "/docs/"),
        ("/docs/?a=b&c=/d", "/docs/?a=b&c=/d"),
        ("", "/docs/"),
        ("https://evil.example/", "/docs/"),
        ("//evil.example/", "/docs/"),
        ("/\\evil.example/", "/docs/"),
        ("\\\\evil.example", "/docs/"),
        ("/\t/evil.example", "/docs/"),
        ("javascript:alert(1)", "/docs/"),
        ("/a\r\nSet-Cookie: a=b", "/docs/"),
    ] {
        let mut browser = Browser::new(&site);
        let by_form = [("name", "ana"), ("password", "correct horse"), ("next", next)];
        let answer = browser.submit("/docs/@@login", &by_form).await;
        assert_eq!(answer.outcome(), (303, leads_to), "{next:?} in the form");
        let mut browser = Browser::new(&site);
        let url = format!("/docs/@@login?next={}", encoded(next));
        let answer = browser.log_in(&url, "ana", "correct horse").await;
        assert_eq!(answer.outcome(), (303, leads_to), "{next:?} in the address");
    }
}

#[tokio::test]
async fn users_log_in_where_they_count_and_nearer_ones_are_asked_first() {
    let site = site();
    for folder in ["/docs", "/shop"] {
        site.put(folder, "folder", &[]);
    }
    let above = add_user(&site, "/", "ana", &[], "correct horse");
    let within = add_user(&site, "/docs", "ana", &[], "battery staple");
    let logs_in = async |at: &str, password: &str| {
        let mut browser = Browser::new(&site);
        let answer = browser.log_in(at, "ana", password).await;
        (answer.status == 303).then(|| {
            let sessions = |oid| Accounts::new(&site.database, CHEAP).sessions(oid).unwrap().len();
            let found = if sessions(within) > 0 {
                "within"
            } else if sessions(above) > 0 {
                "above"
            } else {
                "?"
            };
            let accounts = Accounts::new(&site.database, CHEAP);
            accounts.revoke_sessions(above).unwrap();
            accounts.revoke_sessions(within).unwrap();
            found
        })
    };
    assert_eq!(logs_in("/docs/@@login", "battery staple").await, Some("within"));
    assert_eq!(logs_in("/docs/@@login", "correct horse").await, Some("above"));
    assert_eq!(logs_in("/shop/@@login", "correct horse").await, Some("above"));
    assert_eq!(logs_in("/shop/@@login", "battery staple").await, None);
    assert_eq!(logs_in("/@@login", "battery staple").await, None);
}

#[tokio::test]
async fn the_views_tell_nobody_what_there_is() {
    let site = site();
    site.put("/docs", "folder", &[]);
    site.put("/docs/page", "page", &[]);
    let mut browser = Browser::new(&site);
    for at in ["/@@login", "/docs/@@login", "/docs/page/@@login", "/docs/nothing/@@login", "/_users/@@login"]
    {
        assert_eq!(browser.get(at).await.status, 200, "{at}");
    }
    assert_eq!(browser.get("/docs/@@other").await.status, 404);
    assert_eq!(browser.send(Method::PUT, "/@@login", &[]).await.status, 405);
    assert_eq!(browser.get("/@at/t1/@@login").await.status, 404, "not in the past");
}

#[tokio::test]
async fn too_many_tries_are_told_when_to_come_again() {
    let site = site();
    add_user(&site, "/", "ana", &[], "correct horse");
    let mut browser = Browser::new(&site);
    for _ in 0..10 {
        assert_eq!(browser.log_in("/@@login", "ana", "wrong").await.status, 403);
    }
    let refused = browser.log_in("/@@login", "ana", "correct horse").await;
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert!(refused.text().contains("Please wait"), "{}", refused.text());
    assert_eq!(browser.log_in("/@@login", "bo", "wrong").await.status, 403, "another name");
}

#[tokio::test]
async fn a_user_ends_sessions_changes_the_password_and_makes_tokens() {
    let site = site();
    add_user(&site, "/", "ana", &["Manager"], "correct horse");
    site.put("/docs", "folder", &[]);
    let (mut here, mut there, mut third) = (Browser::new(&site), Browser::new(&site), Browser::new(&site));
    for browser in [&mut here, &mut there, &mut third] {
        browser.log_in("/@@login", "ana", "correct horse").await;
    }
    let page = here.get("/@@account").await.text();
    let id = value_of(&page, "id").unwrap();
    let ended = here.submit("/@@account", &[("do", "revoke-session"), ("id", &id)]).await;
    assert_eq!(ended.outcome(), (303, "/@@account?done=sessions"));
    assert_eq!(here.who().await, Some("ana".into()));
    assert_eq!([there.who().await, third.who().await].iter().flatten().count(), 1);

    let change = [("do", "set-password"), ("old", "correct horse"), ("new", "battery staple")];
    let differ = here.submit("/@@account", &[&change[..], &[("again", "battery")]].concat()).await;
    assert_eq!(differ.status, 422);
    let changed = here.submit("/@@account", &[&change[..], &[("again", "battery staple")]].concat()).await;
    assert_eq!(changed.outcome(), (303, "/@@account?done=password"));
    assert_eq!((here.who().await.is_some(), there.who().await, third.who().await), (true, None, None));
    let again = here.submit("/@@account", &[&change[..], &[("again", "battery staple")]].concat()).await;
    assert_eq!(again.status, 403, "that is not the old password any more");

    let token = [("do", "make-token"), ("name", "nightly"), ("days", "30"), ("may", "look"), ("in", "/docs")];
    let made = here.submit("/@@account", &token).await.text();
    assert!(made.contains("bough_") && made.contains("nightly") && made.contains("only in /docs/"), "{made}");
    let page = here.get("/@@account").await.text();
    assert!(!page.contains("bough_") && page.contains("nightly"), "it is shown once: {page}");
    let nowhere = here.submit("/@@account", &[("do", "make-token"), ("name", "x"), ("in", "/nowhere")]).await;
    assert_eq!(nowhere.status, 422);
    let (_, rows) = page.split_once("nightly").unwrap();
    let id = value_of(rows, "id").unwrap();
    here.submit("/@@account", &[("do", "revoke-token"), ("id", &id)]).await;
    assert!(!here.get("/@@account").await.text().contains("nightly"));
}

#[tokio::test]
async fn a_one_time_link_makes_the_first_administrator() {
    let site = site();
    let accounts = Accounts::new(&site.database, CHEAP);
    let link = accounts.invite(Invite::FirstAdministrator).unwrap();
    let mut browser = Browser::new(&site);
    let fields = |again| [("name", "ana"), ("password", "correct horse"), ("again", again)];
    assert_eq!(browser.submit(&link, &fields("other")).await.status, 422);
    let hidden = [("name", "_users"), ("password", "correct horse"), ("again", "correct horse")];
    assert_eq!(browser.submit(&link, &hidden).await.status, 422);
    assert_eq!(browser.submit(&link, &fields("correct horse")).await.outcome(), (303, "/"));
    assert_eq!(browser.who().await, Some("ana".into()));
    let used = browser.get(&link).await;
    assert_eq!(used.status, 410);
    assert!(used.text().contains("was used already"), "{}", used.text());
    let events: Vec<_> = accounts.events(None, 3).unwrap().into_iter().map(|one| one.event).collect();
    assert_eq!(events, [Event::LogIn, Event::InviteUsed, Event::PasswordSet]);
}

#[tokio::test]
async fn the_secret_of_a_one_time_link_is_not_logged() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let access_log = AccessLog::Combined(Box::new(log.reopen().unwrap()));
    let site =
        TestSite::with(built_in_types(), Config { password_cost: CHEAP, access_log, ..Config::default() });
    let link = Accounts::new(&site.database, CHEAP).invite(Invite::FirstAdministrator).unwrap();
    for link in [link.clone(), link.replace("@@", "%40%40"), format!("/a{link}")] {
        Browser::new(&site).get(&link).await;
    }
    drop(site);
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert_eq!(log.matches("\"GET /@@welcome?key=... HTTP/1.1\" 200").count(), 3, "{log}");
    assert!(!log.contains(link.rsplit('=').next().unwrap()), "{log}");
}

#[tokio::test]
async fn a_one_time_link_lets_a_user_choose_a_password() {
    let site = site();
    let ana = add_user(&site, "/", "ana", &[], "correct horse");
    let link = Accounts::new(&site.database, CHEAP).invite(Invite::SetPassword(ana)).unwrap();
    let mut browser = Browser::new(&site);
    let page = browser.get(&link).await.text();
    assert!(page.contains("log in as <strong>ana"), "{page}");
    let fields = [("password", "battery staple"), ("again", "battery staple")];
    assert_eq!(browser.submit(&link, &fields).await.outcome(), (303, "/"));
    assert_eq!(browser.who().await, Some("ana".into()));
    assert_eq!(browser.get("/@@welcome?key=nothing").await.status, 410);
    let gone = Accounts::new(&site.database, CHEAP).invite(Invite::SetPassword(site.oid("/"))).unwrap();
    assert_eq!(browser.get(&gone).await.status, 410, "that is no user");
}

#[tokio::test]
async fn the_style_sheet_is_kept_by_browsers() {
    let site = site();
    let mut browser = Browser::new(&site);
    let page = browser.get("/@@login").await.text();
    let (_, rest) = page.split_once("href=\"").unwrap();
    let url = rest.split_once('"').unwrap().0;
    let sheet = browser.get(url).await;
    assert_eq!((sheet.status.as_u16(), sheet.header("content-type")), (200, "text/css; charset=utf-8"));
    assert_eq!(sheet.header("cache-control"), "public, max-age=31536000, immutable");
}

/// A page that only managers may see, in a folder whose contents everybody may list.
fn private_site() -> (TestSite, Oid) {
    let site = site();
    let ana = add_user(&site, "/", "ana", &["Manager"], "correct horse");
    add_user(&site, "/", "bo", &[], "correct horse");
    site.put("/plans", "page", &[("title", "Plans"), ("body", "secret plans")]);
    site.put("/open", "page", &[("title", "Open"), ("body", "open to all")]);
    let plans = site.oid("/plans");
    site.change(|draft| {
        let roles = bough_core::security::Roles::named(["Manager"]);
        let setting = bough_core::security::Setting { roles, acquire: false };
        draft.set_permission(plans, &name("View"), Some(setting))
    });
    (site, ana)
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

#[tokio::test]
async fn people_are_led_to_the_form_and_back_and_programs_are_told() {
    let (site, _) = private_site();
    let page = [("accept", "text/html,*/*"), ("host", "example.org")];
    let led = site.get_with("/plans?a=b&c=d", &page).await;
    assert_eq!(led.outcome(), (303, "/plans/@@login?next=%2Fplans%3Fa%3Db%26c%3Dd"));
    assert_eq!(led.header("cache-control"), "no-store");
    let told = site.get("/plans").await;
    assert_eq!(told.status, 401);
    assert!(told.header("www-authenticate").starts_with("Basic realm="), "{:?}", told.headers);
    let mut browser = Browser::new(&site);
    let url = led.header("location").to_owned();
    assert_eq!(browser.log_in(&url, "ana", "correct horse").await.outcome(), (303, "/plans?a=b&c=d"));
    let shown = browser.get("/plans").await;
    assert!(shown.text().contains("secret plans"));
    assert_eq!(shown.header("cache-control"), "private, no-cache");
    let mut other = Browser::new(&site);
    let refused = other.log_in(&url, "bo", "correct horse").await;
    assert_eq!(refused.status, 403, "his password, but not for this page");
    assert_eq!(other.log_in("/@@login", "bo", "correct horse").await.status, 303);
    assert_eq!(other.get("/plans").await.status, 403);
}

#[tokio::test]
async fn programs_show_a_name_and_a_password_or_a_token() {
    let (site, ana) = private_site();
    let as_who = async |url: &str, header: &str| {
        site.get_with(url, &[("authorization", header), ("host", "example.org")]).await
    };
    assert!(as_who("/plans", &basic("ana", "correct horse")).await.text().contains("secret plans"));
    assert_eq!(as_who("/plans", &basic("ana", "wrong")).await.status, 401);
    assert_eq!(as_who("/plans", &basic("bo", "correct horse")).await.status, 401);
    assert_eq!(
        as_who("/open", &basic("ana", "wrong")).await.status,
        200,
        "where everybody may, nothing is wrong"
    );
    assert_eq!(as_who("/open", "Bearer nonsense").await.status, 200);
    assert_eq!(as_who("/plans", "Bearer nonsense").await.status, 401);
    let accounts = Accounts::new(&site.database, CHEAP);
    let token = |subtree| {
        let new = bough_web::auth::NewToken { name: "x".into(), subtree, ..Default::default() };
        accounts.make_token(ana, new).unwrap().1
    };
    let (all, within) = (token(None), token(Some(site.oid("/open"))));
    assert_eq!(as_who("/plans", &format!("Bearer {all}")).await.status, 200);
    assert_eq!(as_who("/plans", &format!("Bearer {within}")).await.status, 403);
    assert_eq!(as_who("/open", &format!("Bearer {within}")).await.status, 200);
}

#[tokio::test]
async fn a_program_that_tries_too_often_waits_and_still_gets_what_is_for_everybody() {
    let (site, _) = private_site();
    let ask = async |url: &str, password: &str| {
        site.get_with(url, &[("authorization", &basic("ana", password)), ("host", "example.org")]).await
    };
    for nth in 0..10 {
        assert_eq!(ask("/plans", &nth.to_string()).await.status, 401);
    }
    let refused = ask("/plans", "another").await;
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 20);
    assert_eq!(ask("/open", "another").await.status, 200);
}

#[tokio::test]
async fn a_user_who_is_disabled_is_nobody_at_once() {
    let (site, ana) = private_site();
    let mut browser = Browser::new(&site);
    browser.log_in("/@@login", "ana", "correct horse").await;
    assert_eq!(browser.get("/plans").await.status, 200);
    site.change(|draft| draft.set(ana, &name("disabled"), Some(Value::Bool(true))));
    assert_eq!(browser.get("/plans").await.status, 401);
    assert_eq!(browser.who().await, None);
    assert_eq!(browser.log_in("/@@login", "ana", "correct horse").await.status, 403);
}
