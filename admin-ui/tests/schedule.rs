//! Tasks in the browser.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;
use bough_core::clock::Clock;
use bough_core::{Oid, Value};
use bough_store::version::NewVersion;
use bough_store::{Database, Note, Options};
use bough_web::built_in_types;
use common::{TestSite, name};

/// A clock that stands at 08:00 on 15 January 2027, in UTC, but for the microsecond that each look takes.
struct Standing(AtomicU64);

impl Clock for Standing {
    fn now_micros(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// The page `/p`, and the task `/t` of the administrator that gives it the title "After" at nine.
fn site() -> TestSite {
    let clock = Arc::new(Standing(AtomicU64::new(1_800_000_000_000_000)));
    let site =
        TestSite::on(Database::in_memory(Options { clock, ..Options::new(built_in_types()) }).unwrap());
    let (admin, page) = (site.oid("/_users/admin"), site.put("/p", "page", &[("title", "Before")]));
    site.change(|draft| {
        draft.set_maker(Some(admin));
        let arguments = Value::Map([("title".into(), "After".into())].into());
        let says = [
            ("run", "set".into()),
            ("on", Value::Reference(page)),
            ("arguments", arguments),
            ("when", "at 09:00".into()),
        ];
        draft.add(Oid::ROOT, &name("t"), &name("task"), says.map(|(key, value)| (name(key), value))).map(drop)
    });
    site
}

const PAGE: &str = "/t/@@manage/schedule";

#[tokio::test]
async fn a_task_is_run_undone_paused_and_let_go_on_from_its_page() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let page = admin.page(PAGE).await;
    for said in [
        "set on /p",
        "With the rights of admin",
        "at 09:00 UTC",
        "Next 2027-01-15 09:00 UTC",
        "It never ran.",
    ] {
        assert!(page.says(said), "{said} is not in: {}", page.words());
    }
    let ran = admin.submit(PAGE, "/t/@@manage/schedule/run", &[]).await;
    let page = admin.follow(ran).await;
    for said in ["The task ran.", "Ran /t (set on /p)", "admin", "Undo"] {
        assert!(page.says(said), "{said} is not in: {}", page.words());
    }
    let public = admin.page("/p").await.text();
    assert!(public.contains("After") && !public.contains("Before"), "{public}");
    let commit = site.database.head().to_string();
    let undone = admin.submit(PAGE, "/t/@@manage/undo", &[("commit", &commit), ("back", PAGE)]).await;
    let page = admin.follow(undone).await;
    assert!(
        page.says("undone since") && admin.page("/p").await.text().contains("Before"),
        "{}",
        page.words()
    );

    let paused = admin.submit(PAGE, "/t/@@manage/schedule/pause", &[("to", "paused")]).await;
    let page = admin.follow(paused).await;
    assert!(page.says("Paused the task /t") && page.says("not as long as it is paused"), "{}", page.words());
    let going = admin.submit(PAGE, "/t/@@manage/schedule/pause", &[("to", "going")]).await;
    assert!(admin.follow(going).await.says("Next 2027-01-15 09:00 UTC"));

    site.set("/t", "run", "fly");
    let ran = admin.submit(PAGE, "/t/@@manage/schedule/run", &[]).await;
    let page = admin.follow(ran).await;
    assert!(page.says("The task failed.") && page.says("/p has no method `fly`"), "{}", page.words());
    let list = admin.page("/@@manage/schedule").await;
    assert!(list.says("/t fly admin 2027-01-15 09:00 UTC 2027-01-15 08:00 failed"), "{}", list.words());
}

#[tokio::test]
async fn who_may_not_run_tasks_sees_none_and_a_form_of_another_page_runs_none() {
    let site = site();
    site.add_user("ed", &["Editor"]);
    let mut ed = site.logged_in("ed").await;
    for page in [PAGE, "/@@manage/schedule"] {
        let status = ed.get(page).await.status;
        assert!(matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND), "{page}: {status}");
    }
    let contents = ed.page("/@@manage/contents").await.text();
    assert!(contents.contains("/p/@@manage") && !contents.contains("/t/@@manage"), "{contents}");
    assert!(!contents.contains("/schedule"), "no link leads there");
    let head = site.database.head();
    let refused = ed.submit("/p/@@manage/edit", "/t/@@manage/schedule/run", &[]).await;
    assert!(matches!(refused.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND), "{}", refused.status);
    let mut admin = site.logged_in("admin").await;
    assert_ne!(
        admin.post("/t/@@manage/schedule/run", &[("code", "guessed")]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(site.database.head(), head);
}

/// Case 33 of the required outcomes, for those who look at it.
#[tokio::test]
async fn a_version_says_that_its_tasks_do_not_run() {
    let site = site();
    let version = site.database.open_version(&NewVersion::named("v"), Note::edit("Opened")).unwrap();
    TestSite::change_on(&version, |draft| draft.add(Oid::ROOT, &name("new"), &name("task"), []).map(drop));
    let mut admin = site.logged_in("admin").await;
    for task in ["t", "new"] {
        let page = admin.page(&format!("/@v/v/{task}/@@manage/schedule")).await;
        assert!(page.says("Tasks do not run from a version.") && !page.says("Run now"), "{}", page.words());
        let head = site.database.head();
        let url = format!("/@v/v/{task}/@@manage/schedule/run");
        let refused = admin.submit("/@v/v/p/@@manage/edit", &url, &[]).await;
        assert!(refused.says("merge the version first"), "{}", refused.words());
        assert_eq!(site.database.head(), head);
    }
}
