//! The outbox of a mail host, as people see it.

mod common;

use std::sync::Arc;

use bough_core::Oid;
use bough_store::version::{MergeChoice, NewVersion};
use bough_store::{Database, Note};
use bough_web::mail::{Deliveries, Message, Outgoing, SendError, State, Transport, queue, state};

use common::{Failed, TestSite, path};

const OUTBOX: &str = "/mail/@@manage/outbox";

fn site() -> TestSite {
    let site = TestSite::new();
    site.put("/mail", "mail_host", &[("server", "localhost"), ("from", "site@example.org")]);
    site
}

fn write_to(database: &Database, subject: &str) -> Oid {
    let message = Message {
        to: "ann@example.org".into(),
        subject: subject.into(),
        text: "Hello".into(),
        ..Message::default()
    };
    let written = database.write(Note::edit("Asked Ann").by("ed"), |draft| {
        let host = draft.at(&path("/mail"))?;
        Ok::<_, Failed>(queue(draft, host, &message).expect("it can be queued"))
    });
    written.unwrap().0
}

fn version(site: &TestSite) -> Database {
    site.database.open_version(&NewVersion::named("spring"), Note::edit("Opened")).unwrap()
}

#[tokio::test]
async fn case_33_a_version_shows_its_outbox_and_a_merged_message_is_sent_by_a_button() {
    let site = site();
    let draft = version(&site);
    let oid = write_to(&draft, "Come <soon>");
    let mut browser = site.logged_in("admin").await;
    let page = browser.page("/@v/spring/mail/@@manage/outbox").await;
    assert!(page.says("Nothing is sent from a version. 1 message stays here"), "{}", page.words());
    assert!(
        page.says("Come &lt;soon&gt; ann@example.org ed")
            || page.says("Come &#60;soon&#62; ann@example.org ed"),
        "{}",
        page.words()
    );
    assert!(!page.text().contains("name=\"send\""), "nothing can be sent from there");

    draft.merge(&MergeChoice::default(), Note::edit("Merged")).unwrap();
    let page = browser.page(OUTBOX).await;
    assert!(page.says("held it came by a merge"), "{}", page.words());
    let said = browser.submit(OUTBOX, OUTBOX, &[("send", &oid.to_string())]).await;
    let page = browser.page(said.location()).await;
    assert!(page.says("It will be sent in a moment."), "{}", page.words());
    assert!(page.says("waiting") && !page.text().contains("name=\"send\""), "{}", page.words());
    assert!(matches!(state(&site.database, oid).unwrap(), State::Waiting { next_micros: Some(_), .. }));
}

#[tokio::test]
async fn a_message_is_deleted_by_a_change_that_can_be_undone() {
    let site = site();
    let oid = write_to(&site.database, "One");
    let mut browser = site.logged_in("admin").await;
    let page = browser.page(OUTBOX).await;
    assert!(page.says("One ann@example.org ed") && page.says("waiting"), "{}", page.words());
    let done = browser.submit(OUTBOX, OUTBOX, &[("delete", &oid.to_string())]).await;
    let page = browser.page(done.location()).await;
    assert!(page.text().contains("Deleted the message") && page.text().contains("Undo"), "{}", page.text());
    assert!(page.says("There are no messages here."));
}

#[tokio::test]
async fn the_outbox_is_for_those_who_may_use_the_mail_host_and_for_its_own_messages() {
    let site = site();
    site.add_user("ed", &["Editor"]);
    let oid = write_to(&site.database, "One");
    site.put("/elsewhere", "mail_host", &[]);
    site.put("/page", "page", &[]);
    let mut editor = site.logged_in("ed").await;
    assert!([403, 404].contains(&editor.get(OUTBOX).await.status.as_u16()));
    let mut admin = site.logged_in("admin").await;
    assert_eq!(admin.get("/page/@@manage/outbox").await.status, 404);
    let elsewhere = "/elsewhere/@@manage/outbox";
    let answer = admin.submit(OUTBOX, elsewhere, &[("delete", &oid.to_string())]).await;
    assert_eq!(answer.status, 404, "it is in another mail host");
}

/// A mail server that is not there today.
struct Away;

impl Transport for Away {
    fn send(&self, _: &Outgoing) -> Result<(), SendError> {
        Err(SendError { reason: "nobody answers at localhost".into(), is_permanent: false })
    }
}

#[tokio::test]
async fn a_message_says_on_its_own_page_how_it_stands_and_is_tried_now() {
    let site = site();
    let oid = write_to(&site.database, "One");
    let mut deliveries = Deliveries::new(&site.database, Arc::new(Away)).unwrap();
    deliveries.round(&|| false).unwrap();
    let mut admin = site.logged_in("admin").await;
    let all = admin.page(OUTBOX).await;
    assert!(all.says("waiting next try") && all.says("tried 1 time: nobody answers"), "{}", all.words());
    let (_, link) = all
        .text()
        .split_once("<th scope=\"row\"><a href=\"")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let own = link.split_once('"').unwrap().0.to_owned();
    let page = admin.page(&own).await;
    assert!(
        page.says("State waiting next try") && page.says("nobody answers at localhost"),
        "{}",
        page.words()
    );
    assert!(page.says("Try now"));
    let next = |state: State| match state {
        State::Waiting { next_micros, tries, .. } => (next_micros.unwrap(), tries),
        other => panic!("{other:?}"),
    };
    let before = next(state(&site.database, oid).unwrap());
    let said = admin.submit(&own, &own, &[]).await;
    assert!(admin.follow(said).await.says("It will be sent in a moment."));
    let now = next(state(&site.database, oid).unwrap());
    assert!(
        now.0 < before.0 && now.1 == before.1,
        "the wait is over, and what was tried counts: {before:?} {now:?}"
    );
    // A message that was never tried, and one of nobody's business, have no such button.
    site.add_user("ed", &["Editor"]);
    assert!([403, 404].contains(&site.logged_in("ed").await.get(&own).await.status.as_u16()));
}
