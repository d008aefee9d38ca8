//! Rights, users and acquisition as people see and change them.

mod common;

use axum::http::StatusCode;
use bough_core::security::{Roles, Setting, Subject};
use bough_core::{Oid, Snapshot as _, Value};
use common::{Browser, TestSite, name, path};

const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'&";

/// A folder that only managers see, another one, an editor, and somebody without roles.
fn site() -> TestSite {
    let site = TestSite::new();
    site.add_user("ed", &["Editor"]);
    site.add_user("ann", &[]);
    site.put("/club", "folder", &[("title", "Club")]);
    site.put("/club/minutes", "page", &[("title", "Minutes"), ("body", "in private")]);
    site.put("/open", "folder", &[]);
    site.change(|draft| {
        let club = draft.at(&path("/club"))?;
        let only = Setting { roles: Roles::named(["Manager"]), acquire: false };
        draft.set_permission(club, &name("View"), Some(only))
    });
    site
}

fn setting(site: &TestSite, at: &str, permission: &str) -> Option<Setting> {
    let object = site.database.snapshot().object(site.oid(at)).unwrap().unwrap();
    let key = bough_core::CellKey::Permission(name(permission));
    match object.content(&key) {
        Some(bough_core::Content::Setting(setting)) => Some(setting.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn a_colleague_gets_rights_in_one_folder_and_there_only() {
    let site = site();
    let mut ann = site.logged_in("ann").await;
    assert_ne!(ann.get("/club/minutes").await.status, StatusCode::OK);
    let mut admin = site.logged_in("admin").await;
    let found = admin.page("/club/@@manage/security?who=an").await;
    assert!(found.says("ann"), "{}", found.words());
    let oid = site.oid("/_users/ann").to_string();
    let fields = [("do", "give"), ("whose", oid.as_str()), ("role", "Manager"), ("others", "Reader")];
    let page = "/club/@@manage/security";
    let sent = admin.submit(page, page, &fields).await;
    let told = admin.follow(sent).await;
    assert!(told.says("Gave ann the roles Manager, Reader at /club."), "{}", told.words());
    assert!(told.says("Undo") && told.says("Manager, Reader here"), "{}", told.words());
    assert_eq!(ann.get("/club/minutes").await.status, StatusCode::OK);
    assert_eq!(ann.get("/club/@@manage/security").await.status, StatusCode::OK);
    assert_eq!(ann.get("/open/@@manage/security").await.status, StatusCode::FORBIDDEN);
    assert_eq!(ann.get("/@@manage/users").await.status, StatusCode::FORBIDDEN);
    // Below, it is told where the role is from, and changed there.
    let below = admin.page("/club/minutes/@@manage/security").await;
    assert!(below.says("Manager, Reader /club"), "{}", below.words());
    assert!(below.text().contains("href=\"/club/@@manage/security\""));
    let taken = admin.submit(page, page, &[("do", "take"), ("whose", &oid)]).await;
    assert!(admin.follow(taken).await.says("Took the roles of ann at /club."));
    assert_ne!(ann.get("/club/minutes").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_permission_is_changed_after_it_was_said_who_gains_and_loses() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let url = "/club/@@manage/security/permission/View";
    let before = site.database.head();
    let preview = admin.page(&format!("{url}?way=only&role=Editor&others=Reviewer")).await;
    for text in [
        "The roles Editor, Reviewer gain it.",
        "The role Manager loses it.",
        "Of the users here, ed gains it.",
        "Of the users here, admin loses it.",
        "You are among those who lose it.",
    ] {
        assert!(preview.says(text), "{text}: {}", preview.words());
    }
    assert_eq!(site.database.head(), before, "looking changes nothing");
    let page = admin.page(&format!("{url}?way=only&role=Editor&role=Manager")).await.text();
    let base = page.split_once("name=\"base\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    let fields = [("way", "only"), ("role", "Editor"), ("role", "Manager"), ("base", &base)];
    let done = admin.submit("/club/@@manage/security", url, &fields).await;
    let told = admin.follow(done).await;
    assert!(told.says("Gave \"View\" at /club to exactly Editor, Manager."), "{}", told.words());
    assert!(told.says("View See an object. Editor, Manager said here"), "{}", told.words());
    let mut ed = site.logged_in("ed").await;
    assert_eq!(ed.get("/club/minutes").await.status, StatusCode::OK);
    // The same form once more: somebody was quicker.
    let late = admin.submit("/club/@@manage/security", url, &[("way", "above"), ("base", &base)]).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.says("Somebody else changed this meanwhile") && setting(&site, "/club", "View").is_some());
}

#[tokio::test]
async fn nobody_locks_himself_out_unasked() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let url = "/club/@@manage/security/permission/Change%20permissions";
    let fields = [("way", "only"), ("role", "Nobody"), ("base", "none")];
    let asked = admin.submit("/club/@@manage/security", url, &fields).await;
    assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(asked.says("you could not change permissions here yourself any more"), "{}", asked.words());
    assert!(setting(&site, "/club", "Change permissions").is_none());
    let fields = [("way", "only"), ("role", "Nobody"), ("base", "none"), ("sure", "yes")];
    let done = admin.submit("/club/@@manage/security", url, &fields).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(admin.get("/club/@@manage/security").await.status, StatusCode::FORBIDDEN);
    // The same with oneself as a user.
    let me = "/@@manage/users/user/admin";
    let base = base_of(&mut admin, me).await;
    let asked =
        admin.submit(me, me, &[("do", "save"), ("base", &base), ("role", "Editor"), ("title", "x")]).await;
    assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(asked.says("you could not manage users here yourself any more"), "{}", asked.words());
    assert!(asked.text().contains("value=\"x\""), "what was typed is there");
}

async fn base_of(browser: &mut Browser<'_>, page: &str) -> String {
    let page = browser.page(page).await.text();
    page.split_once("name=\"base\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn it_is_said_why_somebody_may_or_may_not() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let why = "/club/minutes/@@manage/security/why";
    let denied = admin.page(&format!("{why}?who=ed&permission=View")).await;
    assert!(denied.says("No View at /club/minutes"), "{}", denied.words());
    assert!(denied.says("ed may not: only Manager may, and ed has no such role here."), "{}", denied.words());
    assert!(denied.says("\"View\": only Manager /club"), "{}", denied.words());
    assert!(denied.says("Give ed the role Manager here"));
    // The way out that is shown leads to what it says.
    let link = denied.text();
    let link = link.split("<li><a href=\"").find(|rest| rest.contains("have it at /club")).unwrap();
    let link = link.split_once('"').unwrap().0.replace("&#38;", "&");
    let preview = admin.page(&link).await;
    assert!(preview.says("Of the users here, ed gains it."), "{link}: {}", preview.words());
    let allowed = admin.page(&format!("{why}?who=admin&permission=View")).await;
    assert!(allowed.says("Yes View") && allowed.says("admin has the role Manager, which may"));
    let nobody = admin.page(&format!("{why}?who=anonymous&permission=View")).await;
    assert!(nobody.says("who is not logged in has no role"), "{}", nobody.words());
    let can = admin.page(&format!("{why}?who=ed")).await;
    assert!(can.says("What ed can do at /club/minutes"), "{}", can.words());
    let who = admin.page(&format!("{why}?permission=View")).await;
    assert!(
        who.says("admin Manager Why?") && !who.says("ed Editor") && who.says("1 in all"),
        "{}",
        who.words()
    );
    let missing = admin.page(&format!("{why}?who=zed&permission=View")).await;
    assert!(missing.says("Nobody who counts at /club/minutes is called"), "{}", missing.words());
    site.set("/_users/ann", "disabled", true);
    let disabled = admin.page(&format!("{why}?who=ann&permission=Edit%20content")).await;
    assert!(disabled.says("ann may not log in") && disabled.says("Let ann log in again"));
}

#[tokio::test]
async fn who_may_not_say_who_may_what_gets_no_page_but_may_ask_about_himself() {
    let site = site();
    let mut ed = site.logged_in("ed").await;
    for page in
        ["security", "security/permission/View", "security/people?q=a", "security/why?who=ann", "users"]
    {
        let answer = ed.get(&format!("/open/@@manage/{page}")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{page}");
        assert!(!answer.says("Ann"), "{page}");
    }
    let own = ed.page("/open/@@manage/security/why?who=ed&permission=Change%20permissions").await;
    assert!(own.says("ed may not: only Manager may"), "{}", own.words());
    let hidden = ed.get("/club/@@manage/security/why?who=ed&permission=View").await;
    assert_eq!(hidden.status, StatusCode::FORBIDDEN, "what he may not see he may not ask about");
    // The forms are no way round.
    let code = ed.code("/@@account").await;
    let sent = ed.post("/open/@@manage/security", &[("code", &code), ("do", "own-myself")]).await;
    assert_eq!(sent.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_user_is_added_with_a_link_found_changed_and_deleted() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let add = "/@@manage/users/add";
    let taken = admin.submit(add, add, &[("name", "ed"), ("title", "Eddy"), ("way", "link")]).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    assert!(taken.says("There is a user or group of this name already.") && taken.text().contains("Eddy"));
    let short = [("name", "cay"), ("way", "password"), ("password", "short")];
    let short = admin.submit(add, add, &short).await;
    assert!(short.says("too short") && site.find("/_users/cay").is_none(), "{}", short.words());
    let fields = [("name", "cay"), ("title", "Cay Example"), ("role", "Editor"), ("way", "link")];
    let added = admin.submit(add, add, &fields).await;
    assert_eq!(added.status, StatusCode::OK);
    assert!(added.says("Added user cay.") && added.says("Undo") && added.says("/@@welcome?key="));
    let list = admin.page("/@@manage/users?q=cay%20ex").await;
    assert!(list.says("cay no password yet Cay Example Editor") && !list.says("ann"), "{}", list.words());
    // The link works.
    let link = added
        .text()
        .split_once("data-whole-address=\"/@@welcome")
        .unwrap()
        .1
        .split_once('"')
        .unwrap()
        .0
        .to_owned();
    let link = format!("/@@welcome{link}");
    let mut cay = site.browser();
    let password = common::PASSWORD;
    let key = link.split_once("key=").unwrap().1.to_owned();
    let fields = [("key", key.as_str()), ("password", password), ("again", password), ("name", "cay")];
    let begun = cay.submit(&link, "/@@welcome", &fields).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.words());
    assert_eq!(cay.get("/open/@@manage/acquisition").await.status, StatusCode::OK);
    // Logged out from elsewhere.
    let page = "/@@manage/users/user/cay";
    assert!(admin.page(page).await.says("Firefox on Linux"));
    let ended = admin.submit(page, page, &[("do", "end-all")]).await;
    assert!(admin.follow(ended).await.says("cay is not logged in anywhere"));
    assert_ne!(cay.get("/open/@@manage/acquisition").await.status, StatusCode::OK);
    // Two who change him.
    let base = base_of(&mut admin, page).await;
    site.set("/_users/cay", "email", "c@example.org");
    let stale = [("do", "save"), ("base", &base), ("title", "Cay Second"), ("role", "Editor")];
    let stale = admin.submit(page, page, &stale).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    assert!(stale.text().contains("Cay Second"));
    let delete = "/@@manage/users/user/cay/delete";
    assert!(admin.page(delete).await.says("Owns nothing and was given no roles in folders."));
    let gone = admin.submit(delete, delete, &[]).await;
    assert!(admin.follow(gone).await.says("Deleted user cay."));
    assert!(site.find("/_users/cay").is_none());
    let log = admin.page("/@@manage/users/log").await;
    assert!(log.says("Used the one-time link cay deleted") && log.says("Logged in"), "{}", log.words());
}

#[tokio::test]
async fn a_group_gives_its_members_roles_and_a_folder_has_users_of_its_own() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let add = "/@@manage/users/groups/add";
    let added = admin.submit(add, add, &[("name", "staff"), ("role", "Manager")]).await;
    assert!(admin.follow(added).await.says("Added group staff, with the role Manager."));
    let page = "/@@manage/users/group/staff";
    let ann = site.oid("/_users/ann").to_string();
    assert!(admin.page(&format!("{page}?who=an")).await.says("Take in ann"));
    let joined = admin.submit(page, page, &[("do", "join"), ("member", &ann)]).await;
    assert!(admin.follow(joined).await.says("Took ann into group staff."));
    let mut browser = site.logged_in("ann").await;
    assert_eq!(browser.get("/club/minutes").await.status, StatusCode::OK);
    let why = browser.page("/club/@@manage/security/why?who=ann&permission=View").await;
    assert!(why.says("Manager may through the group staff"), "{}", why.words());
    let left = admin.submit(page, page, &[("do", "leave"), ("member", &ann)]).await;
    assert!(admin.follow(left).await.says("Took ann out of group staff."));
    assert_ne!(browser.get("/club/minutes").await.status, StatusCode::OK);
    let add = "/club/@@manage/users/add";
    let fields = [("name", "kim"), ("role", "Manager"), ("way", "none")];
    let added = admin.submit(add, add, &fields).await;
    let told = admin.follow(added).await;
    assert!(told.says("Added user kim in /club, with the role Manager."), "{}", told.words());
    let elsewhere = admin.page("/@@manage/users/elsewhere").await;
    assert!(elsewhere.text().contains("href=\"/club/@@manage/users\""), "{}", elsewhere.words());
    let outside = admin
        .page(&format!(
            "/open/@@manage/security/why?who={}&permission=Edit%20content",
            site.oid("/club/_users/kim")
        ))
        .await;
    assert!(outside.says("kim is a user of /club and counts only there and below"), "{}", outside.words());
}

#[tokio::test]
async fn it_is_shown_where_a_name_comes_from_and_what_it_hides() {
    let site = site();
    site.set("/", "colour", "green");
    site.set("/open", "colour", "blue");
    site.put("/open/page", "page", &[]);
    site.set("/", "wide", Value::Bool(true));
    site.set("/open", "wide", Value::Block);
    site.put("/colour-chart", "page", &[("title", "Chart")]);
    let mut ed = site.logged_in("ed").await;
    let all = ed.page("/open/page/@@manage/acquisition").await;
    for text in
        ["colour blue /open 1 more green at /", "colour-chart Chart (page) object /", "wide blocked /open"]
    {
        assert!(all.says(text), "{text}: {}", all.words());
    }
    assert!(!all.says("_users") && !all.says("club"), "what he may not see has no name: {}", all.words());
    let one = "/open/page/@@manage/acquisition/colour";
    let shown = ed.page(one).await;
    assert!(shown.says("/open/page sees blue From /open 1 container up"), "{}", shown.words());
    assert!(shown.says("Hidden by it") && shown.says("green at /"));
    let base = base_of(&mut ed, one).await;
    let set = [("do", "set"), ("kind", "text"), ("value", HOSTILE), ("base", &base)];
    let set = ed.submit(one, one, &set).await;
    let told = ed.follow(set).await;
    assert!(told.says("Set colour of /open/page.") && told.says("From here"), "{}", told.words());
    assert!(!told.text().contains("<img") && told.says("sees blue from /open instead"), "{}", told.words());
    let late = ed.submit(one, one, &[("do", "remove"), ("base", &base)]).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    let base = base_of(&mut ed, one).await;
    let removed = ed.submit(one, one, &[("do", "remove"), ("base", &base)]).await;
    assert!(ed.follow(removed).await.says("sees blue From /open"));
    let blocked = ed.submit(one, one, &[("do", "block"), ("base", "none")]).await;
    assert!(ed.follow(blocked).await.says("finds nothing under this name: the search is stopped here"));
    let values = ed.page("/open/page/@@manage/acquisition?kind=objects&q=COLOUR").await;
    assert!(values.says("colour-chart") && !values.says("blue"), "{}", values.words());
    let mut ann = site.logged_in("ann").await;
    assert_eq!(ann.get(one).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn names_are_gone_through_by_pages_without_loss() {
    let site = site();
    site.change(|draft| {
        let open = draft.at(&path("/open"))?;
        for nth in 0..350 {
            draft.add(open, &name(&format!("n{nth:03}")), &name("page"), [])?;
            if nth % 7 == 0 {
                draft.set(Oid::ROOT, &name(&format!("n{nth:03}a")), Some(Value::Int(nth)))?;
            }
        }
        Ok(())
    });
    let mut ed = site.logged_in("ed").await;
    // With few that fit, a page goes over several reads.
    for (search, first, count) in [("n", "n", 400), ("a", "n", 50)] {
        let row = "<th scope=\"row\"><a href=\"/open/@@manage/acquisition/";
        let seen = all_rows(&mut ed, &format!("/open/@@manage/acquisition?q={search}"), row).await;
        assert!(seen.is_sorted_by(|a, b| a < b), "each once, in order: {seen:?}");
        assert_eq!(seen.iter().filter(|name| name.starts_with(first)).count(), count, "{search}");
    }
}

/// What follows a mark up to the next quote, on a page and all that follow it.
async fn all_rows(browser: &mut Browser<'_>, first: &str, mark: &str) -> Vec<String> {
    let (mut url, mut seen) = (first.to_owned(), Vec::new());
    for _ in 0..20 {
        let page = browser.page(&url).await.text();
        seen.extend(page.split(mark).skip(1).map(|rest| rest.split_once('"').unwrap().0.to_owned()));
        let next = page.split_once("\">Next page</a>").or_else(|| page.split_once("\">Continue</a>"));
        let Some((before, _)) = next else { return seen };
        url = before.rsplit_once("href=\"").unwrap().1.replace("&#38;", "&");
    }
    panic!("the pages of {first} do not end");
}

#[tokio::test]
async fn many_users_are_listed_by_pages_and_many_objects_looked_through_for_their_own() {
    let site = site();
    site.change(|draft| {
        let users = draft.at(&path("/_users"))?;
        for nth in 0..230 {
            draft.add(users, &name(&format!("u{nth:03}")), &name("user"), [])?;
            draft.add(users, &name(&format!("u{nth:03}-group")), &name("group"), [])?;
        }
        let open = draft.at(&path("/open"))?;
        for nth in 0..300 {
            let folder = draft.add(open, &name(&format!("f{nth:03}")), &name("folder"), [])?;
            if nth % 2 == 0 {
                let users = draft.add(folder, &name("_users"), &name("users"), [])?;
                draft.add(users, &name("own"), &name("user"), [])?;
            }
        }
        Ok(())
    });
    let mut admin = site.logged_in("admin").await;
    for (first, row, count) in [
        ("/@@manage/users?q=u", "<th scope=\"row\"><a href=\"/@@manage/users/user/u", 230),
        ("/@@manage/users/groups", "<th scope=\"row\"><a href=\"/@@manage/users/group/u", 230),
        ("/@@manage/users/elsewhere", "<td><a href=\"/open/f", 150),
    ] {
        let seen = all_rows(&mut admin, first, row).await;
        assert_eq!(seen.len(), count, "{first}");
        assert!(seen.is_sorted_by(|a, b| a < b), "each once, in order: {first}");
    }
}

#[tokio::test]
async fn what_people_call_themselves_is_text() {
    let site = site();
    let hostile = "<script>alert(1)";
    site.add_user(hostile, &[HOSTILE]);
    site.set(&format!("/_users/{hostile}"), "full_name", HOSTILE);
    site.set(&format!("/_users/{hostile}"), "email", HOSTILE);
    site.change(|draft| {
        let users = draft.at(&path("/_users"))?;
        draft.add(users, &name("<b>group"), &name("group"), [(name("title"), Value::text(HOSTILE))]).map(drop)
    });
    let oid = site.oid(&format!("/_users/{hostile}"));
    site.change(|draft| {
        let club = draft.at(&path("/club"))?;
        draft.set_owner(club, Some(oid))?;
        draft.set_local_roles(club, Subject::Principal(oid), Roles::named([HOSTILE, "<i>"]))?;
        draft.set_local_roles(club, Subject::Name(name("<u>")), Roles::named(["Reader"]))?;
        let only = Setting { roles: Roles::named(["Manager", "<s>"]), acquire: true };
        draft.set_permission(club, &name("<q>permission"), Some(only))?;
        draft.set(club, &name("<em>"), Some(Value::text(HOSTILE)))
    });
    let mut admin = site.logged_in("admin").await;
    let user = "%3Cscript%3Ealert(1)";
    for url in [
        "/club/@@manage/security".to_owned(),
        "/club/@@manage/security?who=%3Cs".into(),
        "/club/@@manage/security?who=%3Cimg+src%3Dx%3E".into(),
        "/club/@@manage/security/permission/%3Cq%3Epermission?way=only&role=%3Cs%3E&others=%3Cs%3E".into(),
        "/club/@@manage/security/permission/View?way=only&others=%3Cimg%3E/".into(),
        format!("/club/minutes/@@manage/security/why?who={oid}&permission=View"),
        format!("/club/minutes/@@manage/security/why?who={oid}"),
        "/club/@@manage/security/why?who=%3Cimg+src%3Dx%3E&permission=%3Cq%3Epermission".into(),
        "/club/@@manage/security/why?permission=%3Cq%3Epermission".into(),
        "/@@manage/users".into(),
        "/@@manage/users?q=%3Cs".into(),
        "/@@manage/users/groups".into(),
        format!("/@@manage/users/user/{user}"),
        format!("/@@manage/users/user/{user}/delete"),
        "/@@manage/users/group/%3Cb%3Egroup?who=%3Cs".into(),
        "/@@manage/users/add".into(),
        "/@@manage/users/elsewhere?path=%3Cimg+src%3Dx%3E".into(),
        "/@@manage/users/log".into(),
        "/club/minutes/@@manage/acquisition".into(),
        "/club/minutes/@@manage/acquisition?q=%3Cimg%3E".into(),
        "/club/minutes/@@manage/acquisition/%3Cem%3E".into(),
    ] {
        let answer = admin.get(&url).await;
        assert!(answer.status.is_success() || answer.status == StatusCode::UNPROCESSABLE_ENTITY, "{url}");
        let page = answer.text();
        for tag in ["<script>", "<img", "<b>", "<i>", "<s>", "<u>", "<q>p", "<em>"] {
            assert!(!page.contains(tag), "{tag} in {url}: {}", answer.words());
        }
    }
}

#[tokio::test]
async fn what_a_user_leaves_behind_is_said_once() {
    let site = TestSite::new();
    let ann = site.add_user("ann", &["Editor"]);
    site.change(|draft| {
        draft.set_maker(Some(ann));
        draft.add(bough_core::Oid::ROOT, &name("hers"), &name("page"), []).map(drop)
    });
    let mut admin = site.logged_in("admin").await;
    let asked = admin.page("/@@manage/users/user/ann/delete").await;
    assert!(asked.says("Owns 1 object, which stays with an owner who is gone."), "{}", asked.words());
    assert_eq!(asked.words().matches("Owns 1 object").count(), 1, "{}", asked.words());
}
