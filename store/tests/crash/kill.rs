//! Kills a writing process again and again, and looks whether everything that it acknowledged is there.

use std::path::Path;

use bough_core::snapshot::{ChildrenPage, attribute};
use bough_core::{Snapshot as _, Value};
use bough_store::{Body, Database, Snapshot};

use crate::chance::{Chance, is_full, seed};
use crate::picture::{assert_sound, must, picture};
use crate::writer::{Acknowledged, Process, Work, counted, expected, options, own_name, prepare, sentence};

const WRITERS: usize = 4;
/// A folder is used for so many rounds: long enough for a history, short enough to be looked at whole.
const ROUNDS_EACH: usize = 20;

#[test]
fn what_a_killed_process_acknowledged_is_there() {
    let rounds = if is_full() { 200 } else { 15 };
    let mut chance = Chance::new(seed());
    let (mut rebuilt, mut commits) = (0, 0);
    for begin in (0..rounds).step_by(ROUNDS_EACH) {
        let folder = tempfile::tempdir().unwrap();
        let (database, _) = must(Database::open(folder.path(), options()), "opening");
        prepare(&database, WRITERS);
        drop(database);
        let mut all = Vec::new();
        for round in begin..rounds.min(begin + ROUNDS_EACH) {
            let acknowledged = killed_while_writing(folder.path(), round, &mut chance);
            let when = format!("seed {}, round {round}", seed());
            let (database, report) = must(Database::open(folder.path(), options()), &when);
            assert_eq!(report.damage, [], "{when}");
            rebuilt += usize::from(report.index_rebuilt.is_some());
            commits += acknowledged.len();
            assert_all_there(&database, round, &acknowledged, &when);
            assert_sound(&database, &when);
            all.push((round, acknowledged));
            if chance.below(3) == 0 {
                must(database.close(), &when);
            }
        }
        let (database, _) = must(Database::open(folder.path(), options()), "at last");
        all.iter()
            .for_each(|(round, acknowledged)| assert_all_there(&database, *round, acknowledged, "at last"));
        picture(&database.snapshot()).unwrap();
    }
    eprintln!("{rounds} rounds, {commits} commits, index rebuilt {rebuilt} times");
    assert!(commits > rounds * 20, "hardly anything was written");
    assert!(rebuilt * 4 <= rounds, "the index had to be rebuilt {rebuilt} times in {rounds} rounds");
}

/// Lets a process write for some time, kills it, and answers what it had acknowledged.
fn killed_while_writing(folder: &Path, round: usize, chance: &mut Chance) -> Vec<Acknowledged> {
    let mut process = Process::start(Work { folder, round, writers: WRITERS, commits: usize::MAX });
    process.wait_for_open();
    // Now and then while it opens the database.
    let wanted = if chance.below(8) == 0 { 0 } else { 1 + chance.below(300) };
    let mut acknowledged: Vec<Acknowledged> = (0..wanted).map_while(|_| process.next()).collect();
    process.child.kill().unwrap();
    acknowledged.extend(std::iter::from_fn(|| process.next()));
    let status = process.child.wait().unwrap();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(9),
        "it ended by itself: {status}"
    );
    acknowledged
}

fn assert_all_there(database: &Database, round: usize, acknowledged: &[Acknowledged], when: &str) {
    let snapshot = database.snapshot();
    for commit in acknowledged {
        let Acknowledged { writer, number, tid } = *commit;
        let found = found(database, &snapshot, round, writer, number);
        assert!(
            found == Some(expected(round, writer, number)),
            "{when}: {commit:?} is not as it was written"
        );
        let record = must(database.commit_record(tid), when);
        assert_eq!(record.sentence, sentence(round, writer, number), "{when}");
    }
    for writer in 0..WRITERS {
        let last =
            acknowledged.iter().filter(|commit| commit.writer == writer).map(|commit| commit.number).max();
        let parent = database.oid_at(&format!("/w{writer}"));
        let children = must(snapshot.children(parent, &ChildrenPage::first(usize::MAX)), when);
        let prefix = format!("r{round}-");
        let count = children.iter().filter(|child| child.name.as_str().starts_with(&prefix)).count();
        // Each writer waits for its answers, so that one commit at most is there without having been acknowledged.
        let acknowledged = last.map_or(0, |last| last + 1);
        assert!((acknowledged..=acknowledged + 1).contains(&count), "{when}: {count}, not {acknowledged}");
    }
    for writer in 0..WRITERS {
        let parent = database.oid_at(&format!("/w{writer}"));
        let total = must(snapshot.children(parent, &ChildrenPage::first(usize::MAX)), when).len();
        for counter in ["/a", "/b"] {
            let object = must(snapshot.object(database.oid_at(counter)), when).unwrap();
            let count = counted(object.value(&format!("count{writer}")));
            assert_eq!(count, total as i64, "{when}: {counter}, writer {writer}");
        }
    }
}

/// The bytes that a commit wrote.
fn found(
    database: &Database,
    snapshot: &Snapshot,
    round: usize,
    writer: usize,
    number: usize,
) -> Option<Vec<u8>> {
    let parent = database.oid_at(&format!("/w{writer}"));
    let oid = snapshot.child(parent, &own_name(round, number)).unwrap()?;
    let object = snapshot.object(oid).unwrap()?;
    let value: Value = attribute(snapshot, &object, "value").unwrap()?;
    Some(match snapshot.bytes(&value).unwrap() {
        Body::Bytes(bytes) => bytes.to_vec(),
        Body::File(file) => {
            let mut bytes = vec![0; file.len() as usize];
            file.read_at(&mut bytes, 0).unwrap();
            bytes
        }
    })
}
