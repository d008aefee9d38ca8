//! The first start, the site's own pages and the work in the background, as those who run a site use them.

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use bough_admin_ui::{AdminUi, ArchiveImport, Imported, OperationError, Operations, Progress};
use bough_core::Snapshot as _;
use bough_core::clock::Clock;
use bough_store::version::NewVersion;
use bough_store::{Note, Options};
use bough_web::built_in_types;
use common::{Answer, Browser, TestSite};

/// A program that has a folder; it fails with what it was to import.
#[derive(Debug)]
struct Program(tempfile::TempDir);

impl Operations for Program {
    fn data_folder(&self) -> &Path {
        self.0.path()
    }

    fn import_archive(&self, import: ArchiveImport, _: &Progress) -> Result<Imported, OperationError> {
        let message =
            format!("{} to {} as {:?} for {}", import.name, import.into, import.policy, import.principal);
        Err(OperationError { message, causes: vec!["<b>hostile</b>".into()] })
    }
}

fn served() -> (TestSite, Arc<Program>) {
    let program = Arc::new(Program(tempfile::tempdir().unwrap()));
    let site = TestSite::with(AdminUi::new(program.clone()));
    site.add_user("admin", &["Manager"]);
    (site, program)
}

/// Waits at the page of a task until it has ended.
async fn ended(browser: &mut Browser<'_>, begun: Answer) -> Answer {
    let url = begun.location().to_owned();
    let path = url.split('?').next().unwrap().to_owned();
    for _ in 0..2_000 {
        let state = browser.page(&format!("{path}?json=1")).await.text();
        if state.contains("\"running\":false") {
            return browser.page(&path).await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{url} never ended");
}

#[tokio::test]
async fn whoever_sits_at_the_machine_of_a_new_site_becomes_its_administrator() {
    let site = TestSite::with(AdminUi::default());
    let mut remote = site.browser();
    let refused = remote.get("/@@manage/contents").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.says("opens the link that the server printed"), "{}", refused.text());
    assert!(!refused.text().contains("key="), "{}", refused.text());

    let mut local = site.browser().at_the_machine();
    let elsewhere = local.get_from_elsewhere("/@@manage").await;
    assert!(elsewhere.says("Set the site up") && !elsewhere.text().contains("key="), "{}", elsewhere.text());
    let link = local.get("/any/where/@@manage").await.location().to_owned();
    let (_, key) = link.split_once("/@@welcome?key=").expect("a link to become the administrator");
    let fields = [("key", key), ("name", "ana"), ("password", common::PASSWORD), ("again", common::PASSWORD)];
    let made = local.submit(&link, "/@@welcome", &fields).await;
    assert_eq!(made.location(), "/@@manage/start");
    let start = local.page("/@@manage/start").await;
    assert!(start.says("Welcome, ana") && start.says("Start with these"), "{}", start.text());
    assert!(!start.text().contains("multipart"), "a site without a folder takes no archives");
    // And now it is a site like any other.
    let sent = remote.get("/@@manage").await;
    assert!(sent.location().contains("@@login?next="), "{}", sent.location());
}

#[tokio::test]
async fn the_site_is_checked_in_the_background() {
    let site = TestSite::new();
    site.add_user("ed", &["Editor"]);
    let mut browser = site.logged_in("admin").await;
    let page = browser.page("/@@manage/site").await;
    for said in
        ["How it stands", "everything from the beginning", "Check everything", "None since the server"]
    {
        assert!(page.says(said), "{said}: {}", page.words());
    }
    let begun = browser.submit("/@@manage/site", "/@@manage/site/check", &[]).await;
    let task = begun.location().to_owned();
    let checked = ended(&mut browser, begun).await;
    assert!(checked.says("Everything is as it must be."), "{}", checked.words());
    assert!(browser.page("/@@manage/site").await.says("Check of the site done"));

    let mut editor = site.logged_in("ed").await;
    for url in ["/@@manage/site", &task, "/@@manage/site/errors", "/@@manage/start", "/@@manage/site/import"]
    {
        assert_eq!(editor.get(url).await.status, StatusCode::FORBIDDEN, "{url}");
    }
    assert_eq!(
        browser.post("/@@manage/site/check", &[]).await.status,
        StatusCode::FORBIDDEN,
        "without the code"
    );
    assert_eq!(browser.get("/@@manage/site/check").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/@@manage/site/tasks/none").await.status, StatusCode::NOT_FOUND);
}

/// A clock that stands until it is set, in days since 1970.
#[derive(Clone, Default)]
struct Days(Arc<AtomicU64>);

impl Clock for Days {
    fn now_micros(&self) -> u64 {
        self.0.load(Ordering::Relaxed) * 86_400_000_000 + 43_200_000_000
    }
}

#[tokio::test]
async fn history_is_forgotten_only_as_it_was_shown_before() {
    let days = Days::default();
    days.0.store(20_000, Ordering::Relaxed);
    let options = Options { clock: Arc::new(days.clone()), ..Options::new(built_in_types()) };
    let site = TestSite::opened(AdminUi::default(), options);
    site.add_user("admin", &["Manager"]);
    site.put("/page", "page", &[("title", "first")]);
    let first = site.set("/page", "title", "second");
    site.set("/page", "title", "third");
    let note = Note::edit("Made a version");
    site.database.open_version(&NewVersion::named("draft"), note).unwrap();
    let (base, day_of_base) = (site.database.head(), "2024-10-04");
    days.0.store(20_005, Ordering::Relaxed);
    site.set("/page", "title", "fourth");
    let last = site.set("/page", "title", "fifth");
    days.0.store(20_010, Ordering::Relaxed);
    let mut browser = site.logged_in("admin").await;
    let (page, look) = ("/@@manage/site", "/@@manage/site/pack");
    for wrong in ["2999-01-01", "soon"] {
        let refused = browser.submit(page, look, &[("before", wrong)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text().contains(&format!("value=\"{wrong}\"")) && refused.says("Choose a day"));
    }
    let begun = browser.submit(page, look, &[("before", "2024-10-03")]).await;
    let nothing = ended(&mut browser, begun).await;
    assert!(
        nothing.says("There is nothing to forget.") && !nothing.says("Forget it?"),
        "{}",
        nothing.words()
    );

    let begun = browser.submit(page, look, &[("before", "2024-10-13")]).await;
    let task = begun.location().to_owned();
    let shown = ended(&mut browser, begun).await;
    assert!(shown.says("draft needs everything since 2024-10-04 12:00"), "{}", shown.words());
    assert!(shown.says(&format!("earlier than {day_of_base} 12:00 UTC")), "{}", shown.words());
    assert!(shown.says("This cannot be undone."), "{}", shown.words());
    assert!(site.database.snapshot_at(first).is_ok(), "looking forgets nothing");

    // What holds it back goes: still no more is forgotten than was shown.
    site.database.version("draft").unwrap().discard(false, Note::edit("Discarded")).unwrap();
    let confirm = "/@@manage/site/pack/do";
    let refused = browser.submit(page, confirm, &[("task", "none")]).await;
    assert!(refused.says("look first at what would be forgotten"), "{}", refused.words());
    let begun = browser.submit(page, confirm, &[("task", task.rsplit('/').next().unwrap())]).await;
    let done = ended(&mut browser, begun).await;
    assert!(done.says("It freed"), "{}", done.words());
    assert!(site.database.snapshot_at(first).is_err());
    assert!(site.database.snapshot_at(base).is_ok() && site.database.snapshot_at(last).is_ok());
    assert!(browser.page(page).await.says(&format!("everything since {day_of_base} 12:00")));
}

#[tokio::test]
async fn a_backup_goes_beside_the_site_and_nowhere_else() {
    let (site, program) = served();
    let mut browser = site.logged_in("admin").await;
    let (page, url) = ("/@@manage/site", "/@@manage/site/backup");
    for wrong in ["../evil", "/tmp/evil", "..", "a/b", ""] {
        let refused = browser.submit(page, url, &[("name", wrong)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(refused.says("A backup is called by a word"), "{}", refused.words());
    }
    assert_eq!(std::fs::read_dir(program.data_folder()).unwrap().count(), 0, "nothing was made");
    let begun = browser.submit(page, url, &[("name", "weekly")]).await;
    let done = ended(&mut browser, begun).await;
    assert!(done.says("“weekly” holds the site as it was"), "{}", done.words());
    let backup = program.data_folder().join("backups/weekly");
    assert!(browser.page(page).await.says("weekly"), "it is listed");
    let restored = tempfile::tempdir().unwrap();
    bough_store::restore_backup(&backup, restored.path(), &mut bough_store::unwatched).unwrap();
}

#[tokio::test]
async fn an_archive_is_taken_only_where_it_can_go_and_nothing_typed_is_lost() {
    let (site, _program) = served();
    site.put("/docs", "folder", &[]);
    site.put("/docs/page", "page", &[]);
    let mut browser = site.logged_in("admin").await;
    let (page, url) = ("/@@manage/site/import?into=/docs", "/@@manage/site/import");
    assert!(browser.page(page).await.text().contains("value=\"/docs\""));
    let zip: (&str, &str, &str, &[u8]) = ("archive", "a.zip", "application/zip", b"PK\x03\x04 and so on");
    let wrong: [(&[(&str, &str)], _, &str); 6] = [
        (
            &[("into", "/docs")],
            ("archive", "a.txt", "text/plain", &b"text"[..]),
            "`a.txt` is no ZIP archive.",
        ),
        (&[("into", "/no/where")], zip, "There is no /no to put it in."),
        (&[("into", "/docs/page")], zip, "What is there is no folder."),
        (&[("into", "/docs/page/x")], zip, "Nothing can be put in what is there."),
        (&[("into", "a/../b")], zip, "That is no path"),
        (&[("into", "/"), ("delete", "1")], zip, "The whole site, with its users, would be replaced."),
    ];
    for (fields, file, said) in wrong {
        let fields = [fields, &[("policy", "sandbox"), ("skip_bad", "1"), ("from", "site")]].concat();
        let refused = browser.upload(page, url, &fields, &[file]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{said}");
        let text = refused.text();
        assert!(refused.says(said), "{said}: {}", refused.words());
        assert!(
            text.contains("value=\"sandbox\" checked")
                && text.contains("name=\"skip_bad\" value=\"1\" checked")
        );
        assert!(text.contains(&format!("name=\"into\" value=\"{}\"", fields[0].1)), "{text}");
    }
    let from_start = [("into", "/no/where"), ("policy", "clean"), ("from", "start")];
    let refused = browser.upload("/@@manage/start", url, &from_start, &[zip]).await;
    assert!(refused.says("Welcome, admin") && refused.says("There is no /no"), "{}", refused.words());

    let fields = [("into", "/docs/new"), ("policy", "trusted"), ("from", "site")];
    let begun = browser.upload(page, url, &fields, &[zip]).await;
    let failed = ended(&mut browser, begun).await;
    assert!(failed.says("a.zip to /docs/new as Some(Trusted) for admin"), "{}", failed.words());
    assert!(failed.says("failed") && !failed.text().contains("<b>hostile"), "{}", failed.text());
    assert_eq!(site.database.snapshot().tid(), site.database.head());
}
