//! Many writers and readers on one database: nobody sees half a commit, and nothing is lost.

mod chance;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use bough_core::order::ORDER_KEY_BYTES_MAX;
use bough_core::snapshot::{ChildOrder, ChildrenPage};
use bough_core::{Object, Oid, OrderKey, Snapshot as _, Tid, Value};
use bough_store::testing::{StepError, name, path, small_types};
use bough_store::{Database, Draft, Note, Options, Snapshot};

use chance::{Chance, is_full, seed};

const WRITERS: usize = 8;
const READERS: usize = 4;
/// What wanders between two folders.
const WANDERERS: usize = 12;

/// On a real folder, with an index so busy that every read meets it in motion.
fn open(folder: &std::path::Path) -> Database {
    let mut options = Options::new(small_types());
    options.cache_bytes = 256 << 10;
    options.index_cache_bytes = 4 << 20;
    options.log.segment_bytes = 1 << 20;
    options.tail.freeze_bytes = 8 << 10;
    options.tail.confirm_every = Duration::from_millis(10);
    Database::open(folder, options).unwrap().0
}

fn number(object: &Object, attribute: &str) -> i64 {
    if let Some(Value::Int(number)) = object.value(attribute) { *number } else { 0 }
}

/// Two accounts whose sum stays, a pair that is always equal, and children that wander between two folders.
fn prepare(database: &Database) {
    for folder in ["/left", "/right", "/notes"] {
        database.add_text(folder);
    }
    database.doing(|draft| {
        for writer in 0..WRITERS {
            for pair in ["a", "b"] {
                let attributes = [(name("n"), Value::Int(0)), (name("money"), Value::Int(100))];
                draft.add(Oid::ROOT, &name(&format!("{pair}{writer}")), &name("page"), attributes)?;
            }
        }
        let left = draft.at(&path("/left"))?;
        for wanderer in 0..WANDERERS {
            draft.add(left, &name(&format!("w{wanderer}")), &name("page"), [])?;
        }
        Ok(())
    });
}

/// One commit of a writer: his pair goes on by one, money goes from one account to the other, a child wanders.
fn write(
    database: &Database,
    writer: usize,
    round: usize,
    chance: &mut Chance,
) -> Result<Option<Tid>, StepError> {
    let wanderer = chance.below(WANDERERS);
    let amount = chance.below(50) as i64;
    let text = format!("{writer} {round}\n").repeat(if round % 16 == 5 { 1_000 } else { 1 });
    let note = Note::edit(format!("Wrote {round}")).by(format!("w{writer}"));
    let written = database.write::<_, StepError>(note, |draft| {
        for (pair, amount) in [("a", amount), ("b", -amount)] {
            let oid = draft.at(&path(&format!("/{pair}{writer}")))?;
            let object = draft.object(oid).unwrap().unwrap();
            draft.set(oid, &name("n"), Some(Value::Int(number(&object, "n") + 1)))?;
            draft.set(oid, &name("money"), Some(Value::Int(number(&object, "money") + amount)))?;
        }
        let notes = draft.at(&path("/notes"))?;
        draft.add(
            notes,
            &name(&format!("{writer}-{round}")),
            &name("page"),
            [(name("text"), text.as_str().into())],
        )?;
        wander(draft, wanderer)
    });
    written.map(|(_, tid)| tid)
}

fn wander(draft: &mut Draft, wanderer: usize) -> Result<(), StepError> {
    let own = name(&format!("w{wanderer}"));
    let (left, right) = (draft.at(&path("/left"))?, draft.at(&path("/right"))?);
    let (from, to) =
        if draft.child(left, own.as_str()).unwrap().is_some() { (left, right) } else { (right, left) };
    let oid = draft.child(from, own.as_str()).unwrap().unwrap();
    Ok(draft.move_to(oid, to, &own)?)
}

/// Looks at everything that holds in each commit.
fn assert_consistent(snapshot: &Snapshot, chance: &mut Chance) -> i64 {
    let mut total = 0;
    for writer in 0..WRITERS {
        let [a, b] = ["a", "b"].map(|pair| {
            let oid = snapshot.child(Oid::ROOT, &format!("{pair}{writer}")).unwrap().unwrap();
            snapshot.object(oid).unwrap().unwrap()
        });
        assert_eq!(number(&a, "n"), number(&b, "n"), "as of {}: writer {writer}", snapshot.tid());
        assert_eq!(number(&a, "money") + number(&b, "money"), 200, "as of {}", snapshot.tid());
        total += number(&a, "n");
    }
    let mut wanderers = Vec::new();
    for folder in ["left", "right"] {
        let oid = snapshot.child(Oid::ROOT, folder).unwrap().unwrap();
        wanderers.extend(children(snapshot, oid, chance));
    }
    wanderers.sort();
    wanderers.dedup();
    assert_eq!(wanderers.len(), WANDERERS, "as of {}: {wanderers:?}", snapshot.tid());
    let notes = snapshot.child(Oid::ROOT, "notes").unwrap().unwrap();
    assert_eq!(children(snapshot, notes, chance).len() as i64, total, "as of {}: the notes", snapshot.tid());
    total
}

fn children(snapshot: &Snapshot, parent: Oid, chance: &mut Chance) -> Vec<String> {
    let by = if chance.below(2) == 0 { ChildOrder::Place } else { ChildOrder::Name };
    let mut page = ChildrenPage { by, after: None, limit: 1 + chance.below(50) };
    let mut all = Vec::new();
    loop {
        let found = snapshot.children(parent, &page).unwrap();
        let Some(last) = found.last() else { return all };
        page = page.following(last);
        all.extend(found.iter().map(|child| child.name.to_string()));
    }
}

#[test]
fn readers_see_whole_commits_in_their_order_while_many_write() {
    let rounds = if is_full() { 1_000 } else { 60 };
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    prepare(&database);
    let (looks, written) = (AtomicUsize::new(0), AtomicBool::new(false));
    let conflicts: usize = thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|reader| {
                let (database, looks, written) = (&database, &looks, &written);
                scope.spawn(move || read(database, reader, looks, written))
            })
            .collect();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let database = &database;
                scope.spawn(move || {
                    let mut chance = Chance::new(seed() + writer as u64);
                    // A wanderer may be met by others again and again; then the writer goes on with another.
                    let refused = |round: &usize| write(database, writer, *round, &mut chance).is_err();
                    (0..rounds).filter(refused).count()
                })
            })
            .collect();
        let conflicts = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        written.store(true, Ordering::SeqCst);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        conflicts
    });
    let mut chance = Chance::new(seed());
    let total = assert_consistent(&database.snapshot(), &mut chance);
    assert_eq!(total as usize + conflicts, WRITERS * rounds, "a commit was lost or came twice");
    eprintln!("{total} commits, {conflicts} given up, {} looks", looks.load(Ordering::SeqCst));
    assert!(looks.load(Ordering::SeqCst) >= READERS && conflicts < WRITERS * rounds / 2);
    assert!(database.check(&mut bough_store::unwatched).unwrap().is_sound());
    drop(database);
    let again = open(folder.path());
    assert_eq!(assert_consistent(&again.snapshot(), &mut chance), total, "after opening again");
}

/// Reads until all is written, and once more.
fn read(database: &Database, reader: usize, looks: &AtomicUsize, written: &AtomicBool) {
    let mut chance = Chance::new(seed() + 100 + reader as u64);
    let mut kept: Option<(Snapshot, i64)> = None;
    let (mut last_tid, mut last_total) = (Tid::ZERO, 0);
    loop {
        let is_last = written.load(Ordering::SeqCst);
        let snapshot = database.snapshot();
        assert!(snapshot.tid() >= last_tid, "the head went back");
        let total = assert_consistent(&snapshot, &mut chance);
        assert!(total >= last_total, "what was seen once is gone");
        (last_tid, last_total) = (snapshot.tid(), total);
        if let Some((kept, then)) = &kept {
            assert_eq!(assert_consistent(kept, &mut chance), *then, "a snapshot changed");
        }
        if chance.below(4) == 0 {
            kept = Some((snapshot, total));
        }
        looks.fetch_add(1, Ordering::SeqCst);
        if is_last {
            return;
        }
    }
}

#[test]
fn two_hundred_who_add_to_one_folder_at_once_do_not_conflict() {
    const ADDERS: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    database.add_text("/box");
    let parent = database.oid_at("/box");
    let each = if is_full() { 20 } else { 3 };
    // All drafts look at the same commit, and none is done again.
    let drafts: Vec<Vec<Draft>> =
        (0..ADDERS).map(|_| (0..each).map(|_| database.begin()).collect()).collect();
    let tids: Vec<Tid> = thread::scope(|scope| {
        let adders: Vec<_> = drafts
            .into_iter()
            .enumerate()
            .map(|(adder, drafts)| {
                let database = &database;
                scope.spawn(move || {
                    let add = |(nth, mut draft): (usize, Draft)| {
                        let own = name(&format!("{adder}-{nth}"));
                        draft
                            .add(parent, &own, &name("page"), [(name("by"), Value::Int(adder as i64))])
                            .unwrap();
                        database.commit(draft, Note::edit("Added")).unwrap().unwrap()
                    };
                    drafts.into_iter().enumerate().map(add).collect::<Vec<Tid>>()
                })
            })
            .collect();
        adders.into_iter().flat_map(|adder| adder.join().unwrap()).collect()
    });
    let mut distinct = tids.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), ADDERS * each, "two commits have one tid");
    drop(database);
    let database = open(folder.path());
    let snapshot = database.snapshot();
    let page = ChildrenPage::first(usize::MAX);
    let children = snapshot.children(parent, &page).unwrap();
    assert_eq!(children.len(), ADDERS * each);
    for child in children {
        let object = snapshot.object(child.oid).unwrap().unwrap();
        let adder = child.name.as_str().split_once('-').unwrap().0.parse();
        assert_eq!(Ok(number(&object, "by")), adder, "{}", child.name);
    }
}

/// A standing takes more room the more often children are put in front of each other, and a name may be long, too:
/// what the index cannot take must never reach the log.
#[test]
fn the_longest_name_with_the_longest_standing_can_be_committed_and_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    let long = name(&"x".repeat(255));
    let order = OrderKey::parse(&"V".repeat(ORDER_KEY_BYTES_MAX)).unwrap();
    database.doing(|draft| {
        let oid = draft.add(Oid::ROOT, &long, &name("page"), [])?;
        draft.reorder(oid, order.clone())
    });
    drop(database);
    let database = open(folder.path());
    assert!(database.snapshot().child(Oid::ROOT, long.as_str()).unwrap().is_some());
}
