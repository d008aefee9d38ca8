//! Check, pack and backup, as those who run a site see them.

use std::ops::ControlFlow;
use std::sync::Arc;

use bough_core::{Oid, Snapshot as _, Tid};

use crate::disk::{CrashMode, FaultyDisk, MemoryDisk};
use crate::log::LogOptions;
use crate::testing::{name, open_on, path, seed, seeded, site_text, small_options};
use crate::{CheckReport, Database, HistoryError, Note, Options, PackReport, UndoChoices, UndoError};

fn check(database: &Database) -> CheckReport {
    database.check(&mut crate::unwatched).unwrap()
}

fn assert_sound(database: &Database, when: &str) {
    let report = check(database);
    assert!(report.is_sound(), "{when}: {:?}", report.faults);
}

fn pack(database: &Database, before: Tid) -> PackReport {
    database.pack(before, false, &mut crate::unwatched).unwrap()
}

fn long(letter: char) -> String {
    format!("{}\n", letter.to_string().repeat(99)).repeat(200)
}

/// A site with a past: edits, moves, a deletion, an undo, large texts that come and go.
fn with_a_past(database: &Database) {
    seed(database, "/a\n/a/p title=1\n/b\n/gone\n/gone/deep title=x\n");
    for letter in ['m', 'n', 'o'] {
        database.set("/a/p", "body", long(letter));
    }
    database.set("/gone/deep", "body", long('g'));
    database.move_path("/a/p", "/b/q");
    let deleted = database.delete("/gone");
    let undo = database.undo(&[deleted], &UndoChoices::default(), Note::edit("Undid")).unwrap().unwrap();
    database.undo(&[undo], &UndoChoices::default(), Note::edit("Redid")).unwrap();
    database.set("/b/q", "title", "2");
}

#[test]
fn a_sound_database_is_found_sound() {
    let database = seeded("");
    with_a_past(&database);
    let report = check(&database);
    assert!(report.is_sound(), "{:?}", report.faults);
    assert_eq!(report.objects, 3);
    assert_eq!(report.commits, database.commits(None, 100).unwrap().len() as u64);
}

#[test]
fn a_folder_that_something_was_moved_into_is_packed_away_with_it() {
    let disk = MemoryDisk::new();
    let database = open_on(Arc::new(disk.clone()));
    seed(&database, "/f\n/x title=x\n/b\n");
    database.move_path("/x", "/f/x");
    database.delete("/f");
    database.set("/b", "title", "later");
    assert_eq!(pack(&database, Tid::MAX).objects_dropped, 2);
    drop(database);
    assert_sound(&open_on(Arc::new(disk)), "packed");
}

/// Each byte of the log in turn is damaged; what was there is reported, or the tail of the log is cut.
#[test]
fn damage_in_the_log_is_seen_wherever_it_is() {
    let disk = FaultyDisk::new();
    let database = open_on(Arc::new(disk.clone()));
    seed(&database, "/page title=unmistakable\n");
    database.set("/page", "title", "later");
    let bytes = database.status().log_bytes;
    database.close().unwrap();
    drop(database);
    let mut named = 0;
    for offset in (128..bytes).step_by(7) {
        let disk = disk.after_crash(0, CrashMode::KeepAll);
        disk.damage("log/00000001.seg", offset, 0x10);
        let Ok((database, _)) = Database::on_disk(Arc::new(disk), small_options()) else { continue };
        let report = check(&database);
        assert!(!report.is_sound(), "damage at {offset} was not seen");
        named += usize::from(report.faults.iter().any(|fault| !fault.paths.is_empty()));
    }
    assert!(named > 0, "no damage was named by a path");
}

#[test]
fn a_pack_keeps_the_present_and_forgets_the_past() {
    let disk = MemoryDisk::new();
    let database = open_on(Arc::new(disk.clone()));
    with_a_past(&database);
    let (text, head, commits) = (database.text(), database.head(), database.commits(None, 100).unwrap());
    let first = commits[commits.len() - 2].tid;
    let dry = database.pack(head, true, &mut crate::unwatched).unwrap();
    assert_eq!(database.status().horizon, Tid::ZERO, "a dry run changes nothing");
    let packed = pack(&database, head);
    assert_eq!(packed.bytes_freed, dry.bytes_freed, "{packed:?} {dry:?}");
    assert_eq!((packed.objects_dropped, packed.contents_dropped), (2, 3), "{packed:?}");
    assert!(packed.bytes_freed > 55_000, "{packed:?}");

    for when in ["after the pack", "after reopening"] {
        let database =
            if when == "after the pack" { database.clone() } else { open_on(Arc::new(disk.clone())) };
        assert_eq!(database.text(), text, "{when}");
        assert_sound(&database, when);
        assert_eq!(database.commits(None, 100).unwrap(), commits, "{when}: who did what is kept");
        let past = database.snapshot_at(first);
        assert!(matches!(past, Err(HistoryError::Packed { .. })), "{when}: {past:?}");
        let undo = database.undo(&[first], &UndoChoices::default(), Note::edit("Undid"));
        assert!(matches!(undo, Err(UndoError::History(HistoryError::Packed { .. }))), "{when}: {undo:?}");
        let a = database.oid_at("/a");
        assert_eq!(
            database.snapshot().former_child(a, "p").unwrap(),
            Some(database.oid_at("/b/q")),
            "{when}"
        );
    }
}

#[test]
fn what_came_after_the_horizon_can_still_be_undone_and_shown() {
    let database = seeded("/page title=1");
    database.set("/page", "title", "2");
    let horizon = database.set("/page", "title", "3");
    let then = database.text();
    let after = database.set("/page", "title", "4");
    let deleted = database.delete("/page");
    pack(&database, horizon);
    assert_eq!(site_text(&database.snapshot_at(horizon).unwrap()), then);
    database.undo(&[deleted], &UndoChoices::default(), Note::edit("Undid")).unwrap();
    database.undo(&[after], &UndoChoices::default(), Note::edit("Undid")).unwrap();
    assert_eq!(database.text(), "/page title=3\n");
    assert_sound(&database, "after pack and undo");
}

#[test]
fn an_open_snapshot_holds_the_horizon_back() {
    let database = seeded("/page title=1");
    let snapshot = database.snapshot();
    let then = site_text(&snapshot);
    database.set("/page", "title", "2");
    database.set("/page", "title", "3");
    assert_eq!(pack(&database, Tid::MAX).horizon, snapshot.tid());
    assert_eq!(site_text(&snapshot), then);
    drop(snapshot);
    assert_eq!(pack(&database, Tid::MAX).horizon, database.head());
}

#[test]
fn a_content_that_a_draft_counts_on_survives_a_pack() {
    let database = seeded("/page");
    database.set("/page", "body", long('x'));
    database.set("/page", "body", "short");
    let mut draft = database.begin();
    let bytes = vec![7u8; 10_000];
    let value = draft.bytes(&bytes).unwrap();
    draft.add(Oid::ROOT, &name("new"), &name("page"), [(name("data"), value)]).unwrap();
    drop(draft);
    // A draft that was given up leaves its bytes; the next one finds them, or brings them again.
    let mut draft = database.begin();
    let value = draft.bytes(&bytes).unwrap();
    draft.add(Oid::ROOT, &name("new"), &name("page"), [(name("data"), value)]).unwrap();
    pack(&database, Tid::MAX);
    database.commit(draft, Note::edit("Added")).unwrap();
    assert_sound(&database, "after committing over a pack");
}

#[test]
fn packs_and_edits_at_once_lose_nothing() {
    let options =
        Options { log: LogOptions { segment_bytes: 64 << 10, ..LogOptions::default() }, ..small_options() };
    let database = Database::in_memory(options).unwrap();
    seed(&database, "/a\n/b\n/c\n/d\n");
    std::thread::scope(|scope| {
        for page in ["/a", "/b", "/c"] {
            let database = &database;
            scope.spawn(move || {
                for nth in 0..60 {
                    database.set(page, "body", format!("{nth}\n{}", long('z')));
                    let object = database.snapshot().object(database.oid_at(page)).unwrap().unwrap();
                    let body = database.attribute(&object, "body").unwrap().unwrap();
                    assert!(body.as_text().unwrap().starts_with(&format!("{nth}\n")));
                }
            });
        }
        for _ in 0..10 {
            database.pack(database.head(), false, &mut crate::unwatched).unwrap();
        }
    });
    pack(&database, Tid::MAX);
    assert_sound(&database, "after packs under load");
    assert!(database.status().log_bytes < 1 << 20, "{}", database.status().log_bytes);
}

/// The disk stops after 0, 1, 2 ... operations of a pack.
#[test]
fn a_pack_is_safe_wherever_it_stops() {
    let build = || {
        let disk = FaultyDisk::new();
        let database = open_on(Arc::new(disk.clone()));
        with_a_past(&database);
        (disk, database)
    };
    let (disk, database) = build();
    let text = database.text();
    let begin = disk.operations();
    pack(&database, Tid::MAX);
    let total = disk.operations() - begin;
    for stop in 0..=total {
        for (seed, mode) in
            [(0, CrashMode::LoseUnsynced), (0, CrashMode::KeepAll), (stop, CrashMode::Arbitrary)]
        {
            let (disk, database) = build();
            disk.stop_after(disk.operations() + stop);
            let _ = database.pack(Tid::MAX, false, &mut crate::unwatched);
            let disk = disk.after_crash(seed, mode);
            let database = open_on(Arc::new(disk));
            assert_eq!(database.text(), text, "stopped after {stop}, {mode:?}");
            assert_sound(&database, &format!("stopped after {stop}, {mode:?}"));
            pack(&database, Tid::MAX);
            assert_eq!(database.text(), text, "packed again after {stop}, {mode:?}");
            assert_sound(&database, &format!("packed again after {stop}, {mode:?}"));
        }
    }
}

#[test]
fn a_backup_restores_to_the_commit_it_was_made_at_and_the_next_copies_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let (data, backup) = (folder.path().join("data"), folder.path().join("backup"));
    let (database, _) = Database::open(&data, small_options()).unwrap();
    with_a_past(&database);
    let mut draft = database.begin();
    let value = draft.bytes(&vec![9u8; 2 << 20]).unwrap();
    draft.add(Oid::ROOT, &name("big"), &name("page"), [(name("data"), value)]).unwrap();
    database.commit(draft, Note::edit("Big")).unwrap();
    let back_up = || {
        let mut target = crate::BackupFolder::open(&backup).unwrap();
        database.backup(&mut target, &mut crate::unwatched).unwrap()
    };
    let first = back_up();
    assert_eq!(first.head, database.head());
    let text = database.text();
    database.set("/b/q", "title", "after the backup");
    let restored = |name: &str| {
        let to = folder.path().join(name);
        crate::restore_backup(&backup, &to, &mut crate::unwatched).unwrap();
        let (database, _) = Database::open(&to, small_options()).unwrap();
        assert_sound(&database, name);
        database.text()
    };
    assert_eq!(restored("one"), text);
    let second = back_up();
    assert!(second.bytes_copied < 10_000 && second.files_kept >= 2, "{second:?}");
    assert_eq!(restored("two"), database.text());
    pack(&database, Tid::MAX);
    back_up();
    assert_eq!(restored("three"), database.text());

    let error = crate::restore_backup(&backup, &data, &mut crate::unwatched).unwrap_err();
    assert!(matches!(error, crate::BackupError::NotEmpty(_)), "{error}");
    let error =
        crate::restore_backup(folder.path(), &folder.path().join("x"), &mut crate::unwatched).unwrap_err();
    assert!(matches!(error, crate::BackupError::NoBackup(_)), "{error}");
    let error = crate::BackupFolder::open(&data).err().unwrap();
    assert!(matches!(error, crate::BackupError::DataFolder(_)), "{error}");
    assert!(database.exists(path("/b/q").to_string().as_str()));
}

/// The contents of what was deleted lay in segments of their own, and its few records among many that stay: the contents
/// went, the records did not, and `check` found records that named what was not there.
#[test]
fn a_record_goes_before_the_contents_that_it_names() {
    let database = seeded("/kept\n/gone\n");
    let mut draft = database.begin();
    let (kept, gone) = (draft.at(&path("/kept")).unwrap(), draft.at(&path("/gone")).unwrap());
    for number in 0..400 {
        let note = [(name("note"), "n".repeat(3_000).into())];
        draft.add(kept, &name(&format!("p{number}")), &name("page"), note).unwrap();
    }
    for number in 0..7u8 {
        let data = draft.bytes(&vec![number; 600_000]).unwrap();
        draft.add(gone, &name(&format!("p{number}")), &name("page"), [(name("data"), data)]).unwrap();
    }
    database.commit(draft, Note::edit("Filled")).unwrap();
    database.delete("/gone");
    let packed = pack(&database, Tid::MAX);
    assert_eq!((packed.objects_dropped, packed.contents_dropped), (8, 7));
    assert_sound(&database, "after the pack");
}

#[test]
fn long_work_stops_where_whoever_watches_it_says_so_and_can_be_done_again() {
    let disk = MemoryDisk::new();
    let database = open_on(Arc::new(disk));
    with_a_past(&database);
    let before = site_text(&database.snapshot());
    let folder = tempfile::tempdir().unwrap();
    // After ever more steps, until it comes to its end in fewer; how often it was stopped.
    let stopped = |work: &dyn Fn(&mut crate::Watch<'_>) -> Result<(), String>| {
        for times in 0_usize.. {
            let mut left = (1 << times) - 1;
            let done = work(&mut |_, _| {
                left -= 1;
                if left < 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert_sound(&database, "after it was stopped");
            assert_eq!(site_text(&database.snapshot()), before);
            match done {
                Ok(()) => return times,
                Err(error) => assert_eq!(error, "it was stopped"),
            }
        }
        unreachable!("it never ends")
    };
    let text = |error: &dyn std::error::Error| error.to_string();
    let checks = stopped(&|watch| database.check(watch).map(drop).map_err(|error| text(&error)));
    let backup = |watch: &mut crate::Watch<'_>| {
        let mut to = crate::BackupFolder::open(&folder.path().join("backup")).unwrap();
        database.backup(&mut to, watch).map(drop).map_err(|error| text(&error))
    };
    let backups = stopped(&backup);
    let packs =
        stopped(&|watch| database.pack(Tid::MAX, false, watch).map(drop).map_err(|error| text(&error)));
    assert!(checks > 3 && backups > 1 && packs > 3, "{checks}, {backups}, {packs}");
    crate::restore_backup(&folder.path().join("backup"), &folder.path().join("to"), &mut crate::unwatched)
        .unwrap();
    let (restored, _) = Database::open(&folder.path().join("to"), small_options()).unwrap();
    assert_eq!(site_text(&restored.snapshot()), before);
}
