//! Mail: what is sent, what is held, and that nothing leaves a version. The mail server is a real listener.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use bough_core::clock::Clock;
use bough_core::testing::FixedClock;
use bough_core::{Oid, Tid, Value};
use bough_store::disk::{CrashMode, FaultyDisk};
use bough_store::version::MergeChoice;
use bough_store::{Database, Kind, Note, Options, UndoChoices};
use bough_web::mail::{
    Deliveries, Held, Message, Outgoing, SendError, Smtp, State, Transport, deliver, queue, release, state,
};
use bough_web::{Config, app, built_in_types};

use crate::outside::{MANAGER, with_manager};
use crate::site::{Failed, TestSite, name, path};
use crate::versions::open;

/// Where the clock of these tests begins, in microseconds since 1970.
const START: u64 = 1_700_000_000_000_000;
const MINUTE: u64 = 60_000_000;

/// Takes what it is given, or says what it was told to.
#[derive(Default)]
struct Recorder {
    sent: Mutex<Vec<Outgoing>>,
    fails: Mutex<Option<SendError>>,
    /// The subject of a message on which it panics.
    panics_on: Mutex<Option<&'static str>>,
    /// Whether nothing can be written from the moment on at which it takes something.
    stops_disk: Mutex<Option<FaultyDisk>>,
}

impl Transport for Recorder {
    fn send(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        let panics_on = *self.panics_on.lock().unwrap();
        assert!(panics_on.is_none_or(|subject| subject_of(outgoing) != subject), "it was told to");
        match self.fails.lock().unwrap().clone() {
            Some(error) => Err(error),
            None => {
                self.sent.lock().unwrap().push(outgoing.clone());
                if let Some(disk) = self.stops_disk.lock().unwrap().as_ref() {
                    disk.stop_after(0);
                }
                Ok(())
            }
        }
    }
}

impl Recorder {
    fn fail(&self, reason: &str, is_permanent: bool) {
        *self.fails.lock().unwrap() = Some(SendError { reason: reason.into(), is_permanent });
    }

    fn subjects(&self) -> Vec<String> {
        self.sent.lock().unwrap().iter().map(subject_of).collect()
    }
}

fn subject_of(outgoing: &Outgoing) -> String {
    let text = String::from_utf8_lossy(&outgoing.bytes).into_owned();
    text.split("Subject: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned()
}

struct Post {
    site: TestSite,
    clock: Arc<FixedClock>,
    recorder: Arc<Recorder>,
    deliveries: Deliveries,
    disk: FaultyDisk,
}

fn options(clock: &Arc<FixedClock>) -> Options {
    Options { clock: Arc::clone(clock) as Arc<dyn Clock>, ..Options::new(built_in_types()) }
}

impl Post {
    fn new() -> Self {
        let clock = Arc::new(FixedClock::at(START));
        let disk = FaultyDisk::new();
        let (database, _) = Database::on_disk(Arc::new(disk.clone()), options(&clock)).unwrap();
        let site = TestSite { router: app(database.clone(), Config::default()), database };
        site.put("/mail", "mail_host", &[("server", "localhost"), ("from", "Site <site@example.org>")]);
        let recorder = Arc::new(Recorder::default());
        let deliveries =
            Deliveries::new(&site.database, Arc::clone(&recorder) as Arc<dyn Transport>).unwrap();
        let mut post = Self { site, clock, recorder, deliveries, disk };
        post.round();
        post
    }

    /// The same as after a restart.
    fn restart(&mut self) {
        let transport = Arc::clone(&self.recorder) as Arc<dyn Transport>;
        self.deliveries = Deliveries::new(&self.site.database, transport).unwrap();
    }

    fn round(&mut self) {
        self.deliveries.round(&|| false).unwrap();
    }

    fn state(&self, oid: Oid) -> State {
        state(&self.site.database, oid).unwrap()
    }
}

/// Queues a message, and writes a page in the same commit.
fn write_to(site: &TestSite, subject: &str) -> (Oid, Tid) {
    let message = Message {
        to: "ann@example.org".into(),
        subject: subject.into(),
        text: "Hello".into(),
        ..Message::default()
    };
    let (oid, tid) = site
        .database
        .write(Note::edit("Answered"), |draft| {
            let host = draft.at(&path("/mail"))?;
            draft.add(Oid::ROOT, &name(subject), &name("page"), [])?;
            Ok::<_, Failed>(queue(draft, host, &message).expect("it can be queued"))
        })
        .unwrap();
    (oid, tid.unwrap())
}

fn merge(draft: &TestSite) -> Tid {
    draft
        .database
        .merge(&MergeChoice::default(), Note::edit("Merged"))
        .unwrap()
        .tid
        .expect("it changes something")
}

fn undo(database: &Database, tid: Tid) -> Tid {
    database.undo(&[tid], &UndoChoices::default(), Note::edit("Undone")).unwrap().unwrap()
}

#[test]
fn a_queued_message_is_sent_once_after_its_commit() {
    let mut post = Post::new();
    let (oid, _) = write_to(&post.site, "one");
    assert!(matches!(post.state(oid), State::Waiting { next_micros: None, .. }));
    post.round();
    assert_eq!(post.state(oid), State::Sent { at_micros: START });
    post.clock.advance(1_000 * MINUTE);
    post.round();
    post.restart();
    post.round();
    assert_eq!(post.recorder.subjects(), ["one"]);
    let sent = post.recorder.sent.lock().unwrap()[0].clone();
    assert_eq!((sent.from.as_str(), &sent.to[..]), ("site@example.org", &["ann@example.org".to_owned()][..]));
    assert!(String::from_utf8(sent.bytes).unwrap().contains(&format!("<{oid}@example.org>")));
}

#[test]
fn case_33_a_message_of_a_version_stays_there_and_is_held_after_the_merge_until_somebody_says_send() {
    let mut post = Post::new();
    let draft = open(&post.site, "draft");
    let (oid, _) = write_to(&draft, "one");
    post.round();
    assert_eq!(state(&draft.database, oid).unwrap(), State::InVersion);
    assert!(release(&draft.database, oid).is_err(), "nobody can say it from within");
    assert!(release(&post.site.database, oid).is_err());
    post.round();
    assert!(post.recorder.subjects().is_empty());

    merge(&draft);
    post.round();
    post.restart();
    post.round();
    assert_eq!(post.state(oid), State::Held(Held::Merged));
    assert!(post.recorder.subjects().is_empty(), "a merge sends nothing by itself");

    release(&post.site.database, oid).unwrap();
    post.round();
    assert_eq!(post.recorder.subjects(), ["one"]);
    assert!(release(&post.site.database, oid).is_err(), "it was sent");
}

#[test]
fn case_33_a_waiting_message_that_a_version_changed_is_held() {
    let mut post = Post::new();
    post.recorder.fail("not now", false);
    let (oid, _) = write_to(&post.site, "one");
    post.round();
    let draft = open(&post.site, "draft");
    draft.change(|tx| tx.set(oid, &name("subject"), Some(Value::text("two"))));
    merge(&draft);
    *post.recorder.fails.lock().unwrap() = None;
    post.clock.advance(2 * MINUTE);
    post.round();
    assert_eq!(post.state(oid), State::Held(Held::Merged));
    assert!(post.recorder.subjects().is_empty());
}

#[test]
fn a_message_that_was_undone_or_deleted_before_it_went_is_never_sent() {
    let mut post = Post::new();
    post.recorder.fail("not now", false);
    let (undone, tid) = write_to(&post.site, "undone");
    let (deleted, _) = write_to(&post.site, "deleted");
    post.round();
    let undo_tid = undo(&post.site.database, tid);
    let delete_tid = post.site.change(|tx| tx.delete(deleted));
    *post.recorder.fails.lock().unwrap() = None;
    post.clock.advance(5 * MINUTE);
    post.round();
    // Bringing them back does not send them either.
    undo(&post.site.database, undo_tid);
    undo(&post.site.database, delete_tid);
    post.clock.advance(5 * MINUTE);
    post.round();
    post.restart();
    post.round();
    assert!(post.recorder.subjects().is_empty());
    for oid in [undone, deleted] {
        assert_eq!(post.state(oid), State::Held(Held::BroughtBack));
    }
}

#[test]
fn what_was_not_queued_is_held() {
    let mut post = Post::new();
    let (oid, _) = write_to(&post.site, "one");
    post.round();
    post.site.put(
        "/mail/by-hand",
        "message",
        &[("to", "ann@example.org"), ("text", "x"), ("subject", "hand")],
    );
    post.site.change(|tx| {
        let root = Oid::ROOT;
        let host = tx.at(&path("/mail"))?;
        tx.copy(host, root, &name("mail2")).map(drop)
    });
    let imported = {
        let host = post.site.oid("/mail");
        let message = Message { to: "a@b.example".into(), text: "x".into(), ..Message::default() };
        let note = Note::edit("Imported").of_kind(Kind::Import);
        let written =
            post.site.database.write(note, |draft| Ok::<_, Failed>(queue(draft, host, &message).unwrap()));
        written.unwrap().0
    };
    post.round();
    assert_eq!(post.recorder.subjects(), ["one"]);
    assert_eq!(post.state(post.site.oid("/mail/by-hand")), State::Held(Held::NotQueued));
    assert_eq!(post.state(imported), State::Held(Held::Imported));
    let copied = post.site.database.snapshot();
    let copied = bough_web::mail::messages_in(&post.site.database, post.site.oid("/mail2"), 0, 9)
        .map(|it| (it, copied));
    let ((copies, _), _) = copied.unwrap();
    let copy = copies.iter().find(|copy| copy.text("subject") == Some("one")).unwrap();
    assert_ne!(copy.oid(), oid);
    assert_eq!(post.state(copy.oid()), State::Held(Held::NotQueued));
}

#[test]
fn a_failed_try_is_made_again_later_also_after_a_restart_and_not_for_ever() {
    let mut post = Post::new();
    post.recorder.fail("mailbox busy", false);
    let (oid, _) = write_to(&post.site, "one");
    post.round();
    let State::Waiting { next_micros: Some(next), tries: 1, reason } = post.state(oid) else { panic!() };
    assert!((START + MINUTE..START + 2 * MINUTE).contains(&next) && reason == "mailbox busy");
    post.round();
    assert!(matches!(post.state(oid), State::Waiting { tries: 1, .. }), "it is not due yet");
    post.restart();
    for tries in 2..8 {
        post.clock.advance(24 * 60 * MINUTE);
        post.round();
        assert!(matches!(post.state(oid), State::Waiting { tries: now, .. } if now == tries), "{tries}");
    }
    post.clock.advance(24 * 60 * MINUTE);
    post.round();
    assert!(matches!(post.state(oid), State::Failed { reason, .. } if reason == "mailbox busy"));

    *post.recorder.fails.lock().unwrap() = None;
    release(&post.site.database, oid).unwrap();
    post.round();
    assert_eq!(post.recorder.subjects(), ["one"]);
}

#[test]
fn what_a_server_refuses_for_good_is_not_tried_again() {
    let mut post = Post::new();
    post.recorder.fail("no such user", true);
    let (oid, _) = write_to(&post.site, "one");
    post.round();
    assert!(matches!(post.state(oid), State::Failed { reason, .. } if reason == "no such user"));
}

/// It went again each second, to everybody who was written to, for as long as the disk was full.
#[test]
fn while_nothing_can_be_written_a_message_goes_once_and_no_other_goes() {
    let mut post = Post::new();
    let oids = ["one", "two"].map(|subject| write_to(&post.site, subject).0);
    *post.recorder.stops_disk.lock().unwrap() = Some(post.disk.clone());
    for _ in 0..5 {
        assert!(post.deliveries.round(&|| false).is_err());
        post.clock.advance(24 * 60 * MINUTE);
    }
    let first = post.recorder.subjects();
    assert_eq!(first.len(), 1);

    // What came of it is lost with the crash: it is repeated once, and the other goes.
    *post.recorder.stops_disk.lock().unwrap() = None;
    let disk = post.disk.after_crash(1, CrashMode::LoseUnsynced);
    post.site.database = Database::on_disk(Arc::new(disk), options(&post.clock)).unwrap().0;
    post.restart();
    for _ in 0..3 {
        post.round();
        post.clock.advance(24 * 60 * MINUTE);
    }
    let subjects = post.recorder.subjects();
    assert_eq!(subjects.len(), 3, "{subjects:?}");
    assert_eq!(subjects.iter().filter(|subject| **subject == first[0]).count(), 2, "{subjects:?}");
    assert!(oids.iter().all(|oid| matches!(post.state(*oid), State::Sent { .. })));
}

#[test]
fn a_message_on_which_a_try_breaks_keeps_no_other_from_going_and_is_tried_later() {
    let mut post = Post::new();
    *post.recorder.panics_on.lock().unwrap() = Some("two");
    let oids = ["one", "two", "three"].map(|subject| write_to(&post.site, subject).0);
    post.round();
    let mut subjects = post.recorder.subjects();
    subjects.sort();
    assert_eq!(subjects, ["one", "three"]);
    let broken = post.state(oids[1]);
    assert!(
        matches!(&broken, State::Waiting { next_micros: Some(next), tries: 1, reason }
            if *next >= START + MINUTE && reason.contains("inside of this server")),
        "{broken:?}"
    );

    *post.recorder.panics_on.lock().unwrap() = None;
    post.clock.advance(2 * MINUTE);
    post.round();
    assert!(matches!(post.state(oids[1]), State::Sent { .. }));
}

#[test]
fn a_restart_goes_on_with_what_was_queued_while_nothing_ran() {
    let mut post = Post::new();
    write_to(&post.site, "one");
    post.site.put("/between", "page", &[]);
    write_to(&post.site, "two");
    post.restart();
    post.round();
    assert_eq!(post.recorder.subjects(), ["one", "two"]);
}

/// A mail server that takes everything, in its own few lines; answers with what it took, as soon as one is through.
fn smtp_server() -> (u16, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = tell.send(talk(stream.unwrap()));
        }
    });
    (port, told)
}

fn talk(mut stream: TcpStream) -> String {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut heard = String::new();
    let mut in_data = false;
    stream.write_all(b"220 test\r\n").unwrap();
    while let Some(Ok(line)) = lines.next() {
        heard.push_str(&line);
        heard.push('\n');
        let reply: &[u8] = match line.as_str() {
            "." if in_data => {
                in_data = false;
                b"250 taken\r\n"
            }
            _ if in_data => continue,
            "DATA" => {
                in_data = true;
                b"354 go on\r\n"
            }
            "QUIT" => {
                let _ = stream.write_all(b"221 bye\r\n");
                break;
            }
            _ => b"250 test\r\n",
        };
        stream.write_all(reply).unwrap();
    }
    heard
}

#[tokio::test]
async fn what_a_form_sends_reaches_a_mail_server_and_nothing_from_a_version_does() {
    let (port, told) = smtp_server();
    let site = TestSite::with_config(with_manager());
    site.put(
        "/mail",
        "mail_host",
        &[("server", "127.0.0.1"), ("from", "site@example.org"), ("security", "none")],
    );
    site.set("/mail", "port", Value::Int(port.into()));
    open(&site, "draft");
    let anybody = [("content-type", "application/x-www-form-urlencoded")];
    let form = [MANAGER, anybody[0]];
    let private = "to=ann%40example.org&subject=Private&text=Hello";
    let sent = site.send("POST", "/@v/draft/mail/send", &form, private).await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    let public = "to=ann%40example.org&subject=Public&text=.%0D%0ARCPT+TO:<x%40evil.example>";
    let sent = site.send("POST", "/mail/send", &form, public).await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    let injected = "to=ann%40example.org&subject=a%0D%0ABcc:+x%40evil.example&text=x";
    assert_eq!(site.send("POST", "/mail/send", &form, injected).await.status, 400);
    assert!(
        [401, 403].contains(&site.send_far("POST", "/mail/send", &anybody, public).await.status.as_u16())
    );

    let deliverer = deliver(&site.database, Arc::new(Smtp)).unwrap();
    let heard = told.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
    deliverer.stop();
    assert!(heard.contains("MAIL FROM:<site@example.org>") && heard.contains("Subject: Public"), "{heard}");
    assert_eq!(heard.matches("RCPT TO:<ann@example.org>").count(), 1, "{heard}");
    assert!(heard.contains("\n..\n"), "a line with a dot alone does not end the message: {heard}");
    assert!(told.try_recv().is_err(), "nothing else was sent");
}
