//! Bits that flip and files that end early: an error or a report says so, nothing panics, the rest is there.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use bough_core::snapshot::{ChildrenPage, attribute};
use bough_core::{Oid, Snapshot as _, Tid, Value};
use bough_store::disk::{CrashMode, Disk, FaultyDisk};
use bough_store::testing::{name, path, small_options};
use bough_store::{Body, Database, Note, OpenReport, Options};

use crate::chance::{Chance, is_full, seed};
use crate::picture::{full_text, must, picture};
use crate::writer;

const PAGES: usize = 24;

/// What a page must hold, so that each can be looked at by itself.
fn text(page: usize) -> String {
    format!("page {page} ").repeat(if page % 5 == 4 { 600 } else { 3 })
}

/// A site in which each page is a commit of its own, in several segments.
struct Site {
    disk: FaultyDisk,
    options: Options,
}

impl Site {
    fn new() -> Self {
        let mut options = small_options();
        options.log.segment_bytes = 8 << 10;
        let site = Self { disk: FaultyDisk::new(), options };
        let database = site.open(&site.disk).unwrap().0;
        for page in 0..PAGES {
            let mut draft = database.begin();
            let attributes = [(name("text"), Value::from(text(page)))];
            draft.add(Oid::ROOT, &name(&format!("p{page}")), &name("page"), attributes).unwrap();
            database.commit(draft, Note::edit(format!("Added {page}"))).unwrap();
        }
        database.close().unwrap();
        site
    }

    fn copy(&self) -> FaultyDisk {
        self.disk.after_crash(0, CrashMode::KeepAll)
    }

    fn open(&self, disk: &FaultyDisk) -> Result<(Database, OpenReport), bough_store::OpenError> {
        Database::on_disk(Arc::new(disk.clone()), self.options.clone())
    }

    /// The files of the log, with how many bytes each has up to the last that is not zero.
    fn files(&self) -> Vec<(String, u64)> {
        let names = self.disk.list("log").unwrap().into_iter();
        names.map(|name| format!("log/{name}")).map(|path| (path.clone(), self.used(&path))).collect()
    }

    fn used(&self, path: &str) -> u64 {
        let file = self.disk.open(path).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_at(&mut bytes, 0).unwrap();
        bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
    }
}

/// What of a damaged site can be read: each page is as it was written or not there, or reading it is an error.
fn readable_pages(database: &Database, when: &str) -> usize {
    let snapshot = database.snapshot();
    let mut readable = 0;
    for page in 0..PAGES {
        let Ok(Some(oid)) = snapshot.child(Oid::ROOT, &format!("p{page}")) else { continue };
        let Ok(Some(object)) = snapshot.object(oid) else { continue };
        if let Ok(found) = attribute(&snapshot, &object, "text") {
            assert_eq!(found, Some(text(page).into()), "{when}: page {page}");
            readable += 1;
        }
    }
    readable
}

/// Does everything once that a user might do with a damaged site. Errors are fine.
fn use_all(database: &Database) {
    let _ = picture(&database.snapshot());
    let _ = database.check(&mut bough_store::unwatched);
    let commits = database.commits(None, 1_000).unwrap_or_default();
    for commit in &commits {
        let _ = database.changes(commit.tid, 0, 1_000);
        let _ = database.snapshot_at(commit.tid).map(|snapshot| picture(&snapshot));
        let _ = database.undo_preview(&[commit.tid], &Default::default());
    }
    let children =
        database.snapshot().children(Oid::ROOT, &ChildrenPage::first(usize::MAX)).unwrap_or_default();
    for child in children {
        let _ = database.snapshot().former_child(Oid::ROOT, child.name.as_str());
        let _ = database.commits_of(child.oid, None, 100);
    }
}

fn without_panic<T>(when: &str, act: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| panic!("{when}: it panicked, see above"))
}

#[test]
fn a_flipped_bit_in_a_log_is_reported_and_costs_one_commit_at_most() {
    let site = Site::new();
    let mut chance = Chance::new(seed());
    let files = site.files();
    assert!(files.len() > 4, "{files:?}");
    let step = if is_full() { 3 } else { 41 };
    let mut shown = 0;
    for (file, used) in files {
        for at in (0..used).step_by(step) {
            let at = (at + chance.below(step) as u64).min(used - 1);
            let bit = chance.below(8);
            let when = format!("seed {}: bit {bit} of byte {at} of {file}", seed());
            let disk = site.copy();
            disk.damage(&file, at, 1 << bit);
            let (database, report) = match without_panic(&when, || site.open(&disk)) {
                Ok(opened) => opened,
                Err(error) => {
                    assert!(file.ends_with("manifest"), "{when}: {}", full_text(error));
                    continue;
                }
            };
            shown += usize::from(!report.damage.is_empty());
            let readable = without_panic(&when, || readable_pages(&database, &when));
            // A page whose large text was hit is listed without it.
            assert!(readable >= PAGES - 1, "{when}: {readable} of {PAGES} pages are left");
            assert!(
                readable == PAGES || !report.damage.is_empty(),
                "{when}: a page is lost, and nothing said"
            );
            without_panic(&when, || use_all(&database));
            let added = without_panic(&when, || database.add_text("/later"));
            drop(database);
            let again = must(site.open(&disk), &when).0;
            assert_eq!((again.head(), again.exists("/later")), (added, true), "{when}: what came later");
        }
    }
    assert!(shown > 20, "only {shown} flips were reported");
}

#[test]
fn a_log_that_ends_early_says_so_and_keeps_what_is_before() {
    let site = Site::new();
    for (file, used) in site.files() {
        for left in (0..used).step_by(if is_full() { 7 } else { 97 }) {
            let when = format!("{left} of {used} bytes of {file} left");
            let disk = site.copy();
            disk.truncate(&file, left);
            let (database, report) = match without_panic(&when, || site.open(&disk)) {
                Ok(opened) => opened,
                Err(error) => {
                    assert!(file.ends_with("manifest"), "{when}: {}", full_text(error));
                    continue;
                }
            };
            let readable = without_panic(&when, || readable_pages(&database, &when));
            assert!(
                readable == PAGES || !report.damage.is_empty(),
                "{when}: {readable} pages, and nothing said"
            );
            assert!(readable >= PAGES / 2, "{when}: {readable} of {PAGES} pages are left");
            without_panic(&when, || use_all(&database));
        }
    }
}

#[test]
fn a_log_without_one_of_its_files_does_not_open_and_says_which() {
    let site = Site::new();
    for (file, _) in site.files() {
        let disk = site.copy();
        disk.remove(&file).unwrap();
        let error = without_panic(&file, || site.open(&disk).map(drop)).unwrap_err();
        let said = full_text(error);
        assert!(said.contains(&file), "{file}: {said}");
    }
}

/// As long as the site was not closed, the end of its log may be unfinished: what is bad there is no damage.
#[test]
fn a_flipped_bit_behind_a_crash_leaves_a_prefix_or_is_reported() {
    let site = Site::new();
    let crashed = site.copy();
    let database = must(site.open(&crashed), "opening").0;
    for page in 0..8 {
        database.set(&format!("/p{page}"), "more", format!("more {page}"));
    }
    drop(database);
    let head = crashed.list("log").unwrap().into_iter().rfind(|name| name.ends_with(".seg")).unwrap();
    let head = format!("log/{head}");
    for at in (0..3_000).step_by(if is_full() { 1 } else { 23 }) {
        let when = format!("byte {at} of {head}");
        let disk = crashed.after_crash(0, CrashMode::KeepAll);
        disk.damage(&head, at, 4);
        let (database, report) = must(without_panic(&when, || site.open(&disk)), &when);
        let snapshot = database.snapshot();
        let has_more = |page: &usize| {
            let oid = snapshot.child(Oid::ROOT, &format!("p{page}")).unwrap().unwrap();
            let object = snapshot.object(oid).unwrap().unwrap();
            object.text("more").is_some_and(|more| more == format!("more {page}"))
        };
        let found: Vec<usize> = (0..8).filter(has_more).collect();
        let is_prefix = found.iter().copied().eq(0..found.len());
        let newest_only = found.len() >= 7 && is_prefix;
        assert!(newest_only || !report.damage.is_empty(), "{when}: {found:?}, and nothing said");
        without_panic(&when, || use_all(&database));
    }
}

#[test]
fn a_blob_that_is_gone_or_cut_is_a_clear_error_and_a_changed_one_is_found_by_a_check() {
    let folder = tempfile::tempdir().unwrap();
    let (database, _) = must(Database::open(folder.path(), writer::options()), "opening");
    let bytes: Vec<u8> = (0..(1 << 20) + 9).map(|at| (at % 251) as u8).collect();
    let mut draft = database.begin();
    let value = draft.bytes(&bytes).unwrap();
    draft.add(Oid::ROOT, &name("film"), &name("page"), [(name("data"), value.clone())]).unwrap();
    draft.add(Oid::ROOT, &name("other"), &name("page"), [(name("title"), "Other".into())]).unwrap();
    must(database.commit(draft, Note::edit("Added")), "adding");
    let Value::Blob(blob) = value else { panic!("{value:?}") };
    let file = blob_file(&folder.path().join("blobs"), &blob.digest.to_string());

    let read = || {
        let snapshot = database.snapshot();
        let object = snapshot.object(database.oid_at("/film")).unwrap().unwrap();
        match snapshot.bytes(object.value("data").unwrap()) {
            Ok(Body::File(file)) => {
                let mut found = vec![0; file.len() as usize];
                file.read_at(&mut found, 0).map(|()| found).map_err(|error| error.to_string())
            }
            Ok(Body::Bytes(_)) => panic!("a blob of more than 1 MiB is a file"),
            Err(error) => Err(full_text(error)),
        }
    };
    let is_sound = || must(database.check(&mut bough_store::unwatched), "checking").is_sound();
    assert!(read().as_ref() == Ok(&bytes) && is_sound());

    fs::File::options().write(true).open(&file).unwrap().set_len(1_000).unwrap();
    let error = read().unwrap_err();
    assert!(error.contains("1000 bytes") && error.contains(&blob.digest.to_string()), "{error}");
    assert!(!is_sound(), "cut");
    assert!(database.exists("/other") && database.set("/other", "title", "still") > Tid::ZERO);

    fs::remove_file(&file).unwrap();
    assert!(read().unwrap_err().contains(&blob.digest.to_string()));
    assert!(!is_sound(), "gone");

    // Storing the same bytes again heals it.
    let mut draft = database.begin();
    let again = draft.bytes(&bytes).unwrap();
    let film = draft.at(&path("/film")).unwrap();
    draft.set(film, &name("copy"), Some(again)).unwrap();
    must(database.commit(draft, Note::edit("Again")), "again");
    assert!(read().as_ref() == Ok(&bytes) && is_sound());

    // A reader who streams a file cannot compare its digest before it has all of it: only the check finds this.
    let mut changed = bytes.clone();
    changed[500_000] ^= 1;
    fs::write(&file, &changed).unwrap();
    assert!(read().is_ok() && !is_sound(), "changed");
}

fn blob_file(blobs: &Path, digest: &str) -> std::path::PathBuf {
    let found = fs::read_dir(blobs).unwrap().map(|entry| entry.unwrap().path().join(digest));
    found.into_iter().find(|path| path.exists()).unwrap()
}
