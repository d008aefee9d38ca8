//! Disks that are full or fail: a clear error, reads go on, and nothing that was acknowledged is lost.

use std::sync::Arc;

use bough_core::Value;
use bough_core::{Oid, Tid};
use bough_store::disk::{CrashMode, FaultyDisk};
use bough_store::log::{AppendError, LogError};
use bough_store::testing::{name, path, small_options};
use bough_store::{BlobError, CommitError, Database, Note, Options};

use crate::picture::{full_text, must, picture};

fn options() -> Options {
    let mut options = small_options();
    options.log.segment_bytes = 16 << 10;
    options
}

fn open(disk: &FaultyDisk) -> Database {
    must(Database::on_disk(Arc::new(disk.clone()), options()), "opening").0
}

/// Adds a page of some hundred bytes.
fn add(database: &Database, nth: usize) -> Result<Option<Tid>, CommitError> {
    let mut draft = database.begin();
    let text = Value::from(format!("{nth} ").repeat(100));
    must(draft.add(Oid::ROOT, &name(&format!("p{nth}")), &name("page"), [(name("text"), text)]), "adding");
    database.commit(draft, Note::edit("Added"))
}

#[test]
fn a_full_disk_refuses_commits_until_there_is_room_again() {
    for room in [0, 1_000, 20_000, 40_000, 100_000] {
        let disk = FaultyDisk::new();
        let database = open(&disk);
        disk.disk_full_after(room);
        let mut nth = 0;
        let refused = loop {
            match add(&database, nth) {
                Ok(_) => nth += 1,
                Err(error) => break error,
            }
        };
        let when = format!("room for {room} bytes, {nth} commits");
        let full = matches!(&refused, CommitError::Refused(source) if matches!(**source, AppendError::DiskFull { .. }));
        assert!(full, "{when}: {}", full_text(refused));
        let seen = picture(&database.snapshot()).unwrap();
        assert_eq!(seen.lines().count(), nth, "{when}: reads do not go on");
        let refused = add(&database, nth).unwrap_err();
        assert!(full_text(refused).contains("no space left"), "{when}");

        disk.disk_full_after(u64::MAX);
        must(add(&database, nth), &when);
        let seen = picture(&database.snapshot()).unwrap();
        drop(database);
        for mode in [CrashMode::LoseUnsynced, CrashMode::KeepAll, CrashMode::Arbitrary] {
            let left = open(&disk.after_crash(room, mode));
            assert_eq!(picture(&left.snapshot()).as_ref(), Ok(&seen), "{when}, {mode:?}");
        }
    }
}

#[test]
fn a_full_disk_refuses_a_blob_and_leaves_nothing_behind() {
    let disk = FaultyDisk::new();
    let database = open(&disk);
    must(add(&database, 0), "before");
    disk.disk_full_after(500_000);
    let bytes = vec![7; 2 << 20];
    let mut draft = database.begin();
    let refused = draft.bytes(&bytes).unwrap_err();
    assert!(matches!(refused, BlobError::Write { .. }), "{}", full_text(refused));
    drop(draft);
    must(add(&database, 1), "while there is no room for the blob");

    disk.disk_full_after(u64::MAX);
    let mut draft = database.begin();
    let value = must(draft.bytes(&bytes), "with room");
    must(draft.add(Oid::ROOT, &name("film"), &name("page"), [(name("data"), value)]), "with room");
    must(database.commit(draft, Note::edit("Film")), "with room");
    let left = open(&disk.after_crash(0, CrashMode::LoseUnsynced));
    assert_eq!(crate::picture::whole_blobs(&left.snapshot()), Ok(1));
}

#[test]
fn after_a_failed_sync_nothing_is_written_until_the_database_is_opened_again() {
    let disk = FaultyDisk::new();
    let database = open(&disk);
    must(add(&database, 0), "before");
    let (head, seen) = (database.head(), picture(&database.snapshot()).unwrap());
    disk.fail_syncs(true);
    let uncertain = add(&database, 1).unwrap_err();
    assert!(matches!(uncertain, CommitError::Uncertain(_)), "{}", full_text(uncertain));
    disk.fail_syncs(false);

    // The disk is said to be well again. Who believed that would lose what the failed sync left behind.
    for nth in 2..5 {
        let refused = add(&database, nth).unwrap_err();
        let latched = matches!(&refused, CommitError::Refused(source) if matches!(**source, AppendError::Latched { .. }));
        assert!(latched, "{}", full_text(refused));
    }
    assert_eq!((database.head(), picture(&database.snapshot()).as_ref()), (head, Ok(&seen)), "reads go on");
    let failure = database.status().failure;
    assert!(failure.as_ref().is_some_and(|reason| reason.contains("sync")), "the status says {failure:?}");
    let mut draft = database.begin();
    let refused = draft.bytes(&[1; 900_000]).map(drop).and_then(|()| draft.bytes(&[2; 900_000]).map(drop));
    assert!(refused.is_ok(), "what is not yet written may wait");
    drop((draft, database));

    let lost = open(&disk.after_crash(0, CrashMode::LoseUnsynced));
    assert_eq!(picture(&lost.snapshot()).as_ref(), Ok(&seen), "after a loss of power");
    let again = open(&disk);
    must(add(&again, 9), "after opening again");
    let seen = picture(&again.snapshot()).unwrap();
    let left = open(&disk.after_crash(0, CrashMode::LoseUnsynced));
    assert_eq!(picture(&left.snapshot()), Ok(seen), "what was written then");
}

#[test]
fn a_failed_write_is_a_clear_error_and_nothing_acknowledged_is_lost() {
    for operation in 0..12 {
        let disk = FaultyDisk::new();
        let database = open(&disk);
        let mut acknowledged = 0;
        disk.fail_once_after(operation);
        let mut failed = None;
        for nth in 0..12 {
            match add(&database, nth) {
                Ok(_) => acknowledged += 1,
                Err(error) => _ = failed.get_or_insert(error),
            }
        }
        let when = format!("operation {operation}");
        let failed = failed.unwrap_or_else(|| panic!("{when}: nothing failed"));
        let said = matches!(&failed, CommitError::Uncertain(source) if matches!(**source, LogError::Disk { .. }))
            || matches!(&failed, CommitError::Refused(source) if matches!(**source, AppendError::Disk { .. }));
        assert!(said, "{when}: {}", full_text(failed));
        assert_eq!(picture(&database.snapshot()).unwrap().lines().count(), acknowledged, "{when}");
        drop(database);
        let left = open(&disk.after_crash(operation, CrashMode::LoseUnsynced));
        assert_eq!(picture(&left.snapshot()).unwrap().lines().count(), acknowledged, "{when}");
    }
}

#[test]
fn a_closed_database_takes_nothing_more_and_goes_on_to_be_read() {
    let disk = FaultyDisk::new();
    let database = open(&disk);
    must(add(&database, 0), "before");
    let seen = picture(&database.snapshot()).unwrap();
    let mut draft = database.begin();
    must(database.close(), "closing");
    let operations = disk.operations();
    add(&database, 1).unwrap_err();
    let mut refused = false;
    for part in 0..8u8 {
        refused |= draft.bytes(&[part; 1 << 20]).is_err();
    }
    assert!(refused, "it takes bytes");
    assert_eq!(disk.operations(), operations, "something was written after closing");
    assert_eq!(picture(&database.snapshot()), Ok(seen));
    assert!(draft.at(&path("/p0")).is_ok());
}

/// Writers who come while the database is closed: whoever got an answer finds his commit there.
#[test]
fn closing_under_writers_loses_nothing_that_was_acknowledged() {
    for round in 0..20u64 {
        let disk = FaultyDisk::new();
        let database = open(&disk);
        let acknowledged: usize = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|writer| {
                    let database = &database;
                    scope.spawn(move || {
                        (0..).take_while(|nth| add(database, writer * 100_000 + nth).is_ok()).count()
                    })
                })
                .collect();
            // The clock stands still, so that each commit moves the head by one.
            while database.head().as_micros() < 1_001 + round * 2 {
                std::thread::yield_now();
            }
            must(database.close(), "closing");
            let operations = disk.operations();
            let counts = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
            assert_eq!(disk.operations(), operations, "round {round}: something was written after closing");
            counts
        });
        let (left, report) = must(
            Database::on_disk(Arc::new(disk.after_crash(round, CrashMode::LoseUnsynced)), options()),
            "opening",
        );
        assert_eq!(picture(&left.snapshot()).unwrap().lines().count(), acknowledged, "round {round}");
        assert!(report.was_closed, "round {round}");
    }
}
