//! Stops the disk at every operation of a history, takes the power away, and looks at what is there.

use std::error::Error;
use std::sync::Arc;

use bough_core::{Oid, OrderKey, Snapshot as _, Tid, Value};
use bough_store::disk::{CrashMode, FaultyDisk};
use bough_store::testing::{FixedClock, name, path, small_options};
use bough_store::{Database, Draft, Note, OpenReport, Options};

use crate::chance::is_full;
use crate::picture::{assert_sound, full_text, must, picture, whole_blobs};

type Change = fn(&Play, &mut Draft) -> Result<(), Box<dyn Error>>;

enum Step {
    Commit(&'static str, Change),
    Close,
    /// Ends the process without closing and opens again.
    Reopen,
}

/// Commits of every kind. Frames are so small that larger ones come in parts, segments so small that the log rolls.
const HISTORY: &[Step] = &[
    Step::Commit("Added two pages", |_, draft| {
        let docs = add(draft, "/", "docs", &[])?;
        for (page, title) in [("a", "A"), ("b", "B")] {
            draft.add(docs, &name(page), &name("page"), [(name("title"), title.into())])?;
        }
        Ok(())
    }),
    Step::Commit("Edited", |_, draft| set(draft, "/docs/a", "title", "A again")),
    Step::Commit("Wrote a large text", |_, draft| set(draft, "/docs/b", "body", long_text(1))),
    Step::Commit("Added a film", |_, draft| film(draft, "/docs", "film", 1)),
    Step::Commit("Moved", |_, draft| {
        let news = add(draft, "/", "news", &[("title", "News")])?;
        let page = draft.at(&path("/docs/a"))?;
        Ok(draft.move_to(page, news, &name("a"))?)
    }),
    Step::Close,
    Step::Reopen,
    Step::Commit("Renamed", |_, draft| {
        let (docs, page) = (draft.at(&path("/docs"))?, draft.at(&path("/docs/b"))?);
        Ok(draft.move_to(page, docs, &name("c"))?)
    }),
    Step::Commit("Added many, in parts", |_, draft| {
        add(draft, "/", "many", &[])?;
        for page in 0..40 {
            add(draft, "/many", &format!("p{page}"), &[("body", &"x".repeat(3_000 + page))])?;
        }
        Ok(())
    }),
    Step::Commit("Deleted", |_, draft| {
        let docs = draft.at(&path("/docs"))?;
        Ok(draft.delete(docs)?)
    }),
    Step::Reopen,
    Step::Commit("Brought one back", |play, draft| {
        let (written, _) = play.acknowledged[2];
        let then = play.database().snapshot_at(written)?;
        let was = bough_core::snapshot::find(&then, &path("/docs/b"))?.ok_or("it was there")?;
        let was = then.object(was)?.ok_or("it was there")?;
        let news = draft.at(&path("/news"))?;
        Ok(draft.restore(&was, news, &name("b"))?)
    }),
    Step::Commit("Wrote another large text", |_, draft| set(draft, "/news/b", "body", long_text(2))),
    Step::Commit("Copied", |_, draft| {
        let many = draft.at(&path("/many"))?;
        draft.copy(many, Oid::ROOT, &name("copy"))?;
        Ok(())
    }),
    Step::Commit("Put first", |_, draft| {
        let many = draft.at(&path("/many"))?;
        Ok(draft.reorder(many, OrderKey::between(None, Some(&OrderKey::at(1, 0))))?)
    }),
    Step::Commit("Added the same film and another", |_, draft| {
        film(draft, "/news", "same", 1)?;
        film(draft, "/news", "other", 2)
    }),
    Step::Close,
    Step::Commit("Edited after closing and opening", |_, draft| set(draft, "/news/a", "title", "A third")),
    Step::Commit("Exchanged names", |_, draft| {
        let news = draft.at(&path("/news"))?;
        let (a, b) = (draft.at(&path("/news/a"))?, draft.at(&path("/news/b"))?);
        draft.move_to(a, news, &name("x"))?;
        draft.move_to(b, news, &name("a"))?;
        Ok(draft.move_to(a, news, &name("b"))?)
    }),
];

fn add(
    draft: &mut Draft,
    above: &str,
    own: &str,
    attributes: &[(&str, &str)],
) -> Result<Oid, Box<dyn Error>> {
    let parent = draft.at(&path(above))?;
    let attributes = attributes.iter().map(|(key, value)| (name(key), Value::from(*value)));
    Ok(draft.add(parent, &name(own), &name("folder"), attributes)?)
}

fn set(draft: &mut Draft, at: &str, key: &str, value: impl Into<Value>) -> Result<(), Box<dyn Error>> {
    let oid = draft.at(&path(at))?;
    Ok(draft.set(oid, &name(key), Some(value.into()))?)
}

/// A blob of a little more than 1 MiB, which becomes a file.
fn film(draft: &mut Draft, above: &str, own: &str, number: usize) -> Result<(), Box<dyn Error>> {
    let bytes: Vec<u8> = (0..(1 << 20) + number).map(|at| (at * number % 251) as u8).collect();
    let value = draft.bytes(&bytes)?;
    let parent = draft.at(&path(above))?;
    draft.add(parent, &name(own), &name("page"), [(name("data"), value)])?;
    Ok(())
}

fn long_text(number: usize) -> String {
    (0..400).map(|line| format!("line {line} of text {number}\n")).collect()
}

/// Plays the history.
struct Play {
    disk: FaultyDisk,
    clock: Arc<FixedClock>,
    options: Options,
    database: Option<Database>,
    /// The tids that were acknowledged, each with how many commits there were by then.
    acknowledged: Vec<(Tid, usize)>,
    /// How many commits were begun.
    tried: usize,
    /// The state after so many commits.
    pictures: Vec<String>,
}

impl Play {
    fn on(disk: FaultyDisk) -> Self {
        let clock = Arc::new(FixedClock::default());
        let mut options = Options { clock: clock.clone(), ..small_options() };
        options.log.segment_bytes = 128 << 10;
        options.log.frame_bytes_max = 64 << 10;
        let (acknowledged, pictures) = (Vec::new(), vec![String::new()]);
        Self { disk, clock, options, database: None, acknowledged, tried: 0, pictures }
    }

    /// What a disk without failures makes of the history.
    fn undisturbed() -> Self {
        let mut play = Self::on(FaultyDisk::new());
        play.reopen().unwrap();
        for step in HISTORY {
            play.step(step).unwrap();
            if let Step::Commit(what, _) = step {
                let now = picture(&play.database().snapshot()).unwrap();
                assert_ne!(play.pictures.last(), Some(&now), "{what} changes nothing that is seen");
                play.pictures.push(now);
            }
        }
        play
    }

    fn database(&self) -> &Database {
        self.database.as_ref().expect("it is open")
    }

    /// Goes on until something fails; says whether nothing did.
    fn until_the_disk_fails(&mut self) -> bool {
        self.reopen().is_ok() && HISTORY.iter().all(|step| self.step(step).is_ok())
    }

    fn step(&mut self, step: &Step) -> Result<(), Box<dyn Error>> {
        match step {
            Step::Commit(what, change) => {
                self.tried = self.acknowledged.len() + 1;
                self.commit(what, *change)
            }
            Step::Close => {
                self.database().close()?;
                self.reopen().map(drop)
            }
            Step::Reopen => self.reopen().map(drop),
        }
    }

    fn commit(&mut self, what: &str, change: Change) -> Result<(), Box<dyn Error>> {
        self.clock.set(self.tried as u64 * 1_000);
        let mut draft = self.database().begin();
        change(self, &mut draft)?;
        let tid = self.database().commit(draft, Note::edit(what))?.ok_or("it changed something")?;
        self.acknowledged.push((tid, self.tried));
        Ok(())
    }

    fn reopen(&mut self) -> Result<OpenReport, Box<dyn Error>> {
        self.database = None;
        let (database, report) = Database::on_disk(Arc::new(self.disk.clone()), self.options.clone())?;
        self.database = Some(database);
        Ok(report)
    }

    /// Goes on after each failure as an administrator would: tries again, then opens again.
    fn in_spite_of_failures(&mut self, pictures: &[String], when: &str) {
        self.reopen().or_else(|_| self.reopen()).unwrap_or_else(|error| panic!("{when}: {error}"));
        for step in HISTORY {
            if self.step(step).is_ok() {
                continue;
            }
            let Step::Commit(what, change) = step else {
                self.reopen().unwrap_or_else(|error| panic!("{when}: {error}"));
                continue;
            };
            // What nobody may rely on must not be seen either.
            let seen = picture(&self.database().snapshot()).unwrap();
            assert_eq!(seen, pictures[self.tried - 1], "{when}: after `{what}` failed");
            if self.commit(what, *change).is_ok() {
                continue;
            }
            self.reopen().unwrap_or_else(|error| panic!("{when}: {error}"));
            if picture(&self.database().snapshot()).unwrap() == pictures[self.tried] {
                self.acknowledged.push((self.database().head(), self.tried));
            } else {
                self.commit(what, *change).unwrap_or_else(|error| panic!("{when}: {what}: {error}"));
            }
        }
    }

    /// Opens what is left: a prefix of the history with all that was acknowledged. Goes on writing, and looks again.
    fn assert_whole_and_usable(&self, left: &FaultyDisk, seed: u64, pictures: &[String], when: &str) {
        let (database, now) = self.assert_whole(left, pictures, when);
        for (tid, commits) in &self.acknowledged[self.acknowledged.len().saturating_sub(2 + seed as usize)..]
        {
            let then = must(database.snapshot_at(*tid), when);
            assert_eq!(picture(&then).as_ref(), Ok(&pictures[*commits]), "{when}: as of {tid}");
        }
        assert_sound(&database, when);
        whole_blobs(&database.snapshot()).unwrap_or_else(|problem| panic!("{when}: {problem}"));
        let again = left.after_crash(seed, CrashMode::LoseUnsynced);
        assert_eq!(self.assert_whole(&again, pictures, when).1, now, "{when}: what was read once is lost");
        let added = database.add_text("/later title=x");
        drop(database);
        let (database, report) = self.open(&left.after_crash(seed, CrashMode::Arbitrary), when);
        assert_eq!((database.head(), report.damage), (added, Vec::new()), "{when}: the later commit");
        let later = picture(&database.snapshot()).unwrap_or_else(|problem| panic!("{when}: {problem}"));
        assert!(later.len() > now.len() && later.contains("/later "), "{when}: {later}");
    }

    fn assert_whole(&self, left: &FaultyDisk, pictures: &[String], when: &str) -> (Database, String) {
        let (database, report) = self.open(left, when);
        assert_eq!(report.damage, [], "{when}");
        let now = picture(&database.snapshot()).unwrap_or_else(|problem| panic!("{when}: {problem}"));
        let commits = pictures.iter().position(|picture| *picture == now);
        let commits = commits.unwrap_or_else(|| panic!("{when}: no state of the history: {now}"));
        let acknowledged = self.acknowledged.len();
        assert!(acknowledged <= commits && commits <= self.tried, "{when}: {acknowledged} became {commits}");
        (database, now)
    }

    fn open(&self, left: &FaultyDisk, when: &str) -> (Database, OpenReport) {
        let opened = Database::on_disk(Arc::new(left.clone()), self.options.clone());
        opened.unwrap_or_else(|error| panic!("{when}: {}", full_text(error)))
    }

    fn assert_survives_every_crash(&self, operations: u64, pictures: &[String], when: &str) {
        let arbitrary = if is_full() { 12 } else { 2 };
        for (mode, seeds) in
            [(CrashMode::LoseUnsynced, 1), (CrashMode::KeepAll, 1), (CrashMode::Arbitrary, arbitrary)]
        {
            for seed in 0..seeds {
                let when = format!("{when}, {mode:?}, seed {seed}");
                let left = self.disk.after_crash(seed + operations, mode);
                self.assert_whole_and_usable(&left, seed, pictures, &when);
            }
        }
    }
}

#[test]
fn every_acknowledged_commit_survives_a_crash_at_every_operation() {
    let pictures = Play::undisturbed().pictures;
    for operations in 0.. {
        let disk = FaultyDisk::new();
        disk.stop_after(operations);
        let mut play = Play::on(disk);
        let finished = play.until_the_disk_fails();
        play.database = None;
        let when = format!("stopped after {operations} operations");
        play.assert_survives_every_crash(operations, &pictures, &when);
        if finished {
            assert!(operations > 100, "the history is too short: {operations} operations");
            break;
        }
    }
}

#[test]
fn every_acknowledged_commit_survives_a_failure_of_any_single_operation() {
    let pictures = Play::undisturbed().pictures;
    for operations in 0.. {
        let disk = FaultyDisk::new();
        disk.fail_once_after(operations);
        let mut play = Play::on(disk);
        let when = format!("failed once after {operations} operations");
        play.in_spite_of_failures(&pictures, &when);
        play.database = None;
        assert_eq!(play.acknowledged.len(), pictures.len() - 1, "{when}");
        play.assert_survives_every_crash(operations, &pictures, &when);
        if play.disk.operations() <= operations {
            break;
        }
    }
}

/// A crash, and another one at some operation of the opening that follows it.
#[test]
fn a_crash_while_opening_after_a_crash_loses_nothing() {
    let pictures = Play::undisturbed().pictures;
    for operations in (0..).step_by(if is_full() { 3 } else { 17 }) {
        let disk = FaultyDisk::new();
        disk.stop_after(operations);
        let mut play = Play::on(disk);
        let finished = play.until_the_disk_fails();
        play.database = None;
        let left = play.disk.after_crash(operations, CrashMode::Arbitrary);
        for more in 0..20 {
            let disk = left.after_crash(0, CrashMode::KeepAll);
            disk.stop_after(more);
            let opened = Database::on_disk(Arc::new(disk.clone()), play.options.clone()).is_ok();
            let again = disk.after_crash(more, CrashMode::Arbitrary);
            let when = format!("stopped after {operations} and {more} operations");
            play.assert_whole_and_usable(&again, 0, &pictures, &when);
            if opened {
                break;
            }
        }
        if finished {
            break;
        }
    }
}
