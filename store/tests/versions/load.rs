//! Many writers on the trunk and in versions, with updates and merges going on: no line shows what is another's.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bough_core::snapshot::ChildrenPage;
use bough_core::{Oid, Snapshot as _, Value};
use bough_store::testing::{StepError, name, path, small_types};
use bough_store::version::MergeChoice;
use bough_store::{Database, Note, Options, Snapshot};

use crate::chance::{Chance, is_full, seed};
use crate::fork::{assert_sound, version};

const WRITERS: usize = 8;

fn number(snapshot: &Snapshot, at: &str) -> Option<i64> {
    let oid = bough_core::snapshot::find(snapshot, &path(at)).unwrap()?;
    match snapshot.object(oid).unwrap()?.value("n") {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    }
}

fn names(snapshot: &Snapshot, at: &str) -> Vec<String> {
    let oid = bough_core::snapshot::find(snapshot, &path(at)).unwrap().unwrap();
    let children = snapshot.children(oid, &ChildrenPage::first(usize::MAX)).unwrap();
    children.into_iter().map(|child| child.name.to_string()).collect()
}

/// One commit: the writer's page goes on by one, and gets a note in the folder that all write to.
fn write(line: &Database, page: &str, round: usize, mark: &str) -> bool {
    let note = Note::edit(format!("{mark} {round}"));
    let written = line.write::<_, StepError>(note, |draft| {
        let oid = draft.at(&path(page))?;
        draft.set(oid, &name("n"), Some(Value::Int(round as i64)))?;
        let notes = draft.at(&path("/notes"))?;
        draft.add(notes, &name(&format!("{mark}-{round}")), &name("page"), [])?;
        Ok(())
    });
    written.is_ok()
}

/// Eight pages each for the trunk's writers and those of the versions; each version has a page of its own, and one
/// that only the trunk writes to, which it shows as at its base.
#[test]
fn no_line_shows_another_lines_changes_while_all_are_written_merged_and_updated() {
    let time = Duration::from_secs(if is_full() { 60 } else { 5 });
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(small_types());
    options.cache_bytes = 256 << 10;
    options.log.segment_bytes = 1 << 20;
    options.tail.freeze_bytes = 8 << 10;
    options.tail.confirm_every = Duration::from_millis(10);
    let trunk = Database::open(folder.path(), options).unwrap().0;
    trunk.doing(|draft| {
        draft.add(Oid::ROOT, &name("notes"), &name("folder"), [])?;
        for writer in 0..WRITERS {
            for side in ["t", "v"] {
                let own = name(&format!("{side}{writer}"));
                draft.add(Oid::ROOT, &own, &name("page"), [(name("n"), Value::Int(0))])?;
            }
        }
        Ok(())
    });
    let versions: Vec<Database> = (0..WRITERS).map(|nth| version(&trunk, &format!("v{nth}"))).collect();
    let (ended, commits, looks, merges) =
        (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for (writer, v) in versions.iter().enumerate() {
            let trunk = &trunk;
            let (ended, commits, looks, merges) = (&ended, &commits, &looks, &merges);
            threads.push(scope.spawn(move || {
                for round in 1.. {
                    if ended.load(Ordering::SeqCst) {
                        break;
                    }
                    assert!(
                        write(trunk, &format!("/t{writer}"), round, &format!("t{writer}")),
                        "on the trunk"
                    );
                    commits.fetch_add(1, Ordering::SeqCst);
                }
            }));
            // The odd versions are updated and merged now and then, the even ones stay apart.
            threads.push(scope.spawn(move || {
                let mut chance = Chance::new(seed() + writer as u64);
                for round in 1.. {
                    if ended.load(Ordering::SeqCst) {
                        break;
                    }
                    assert!(write(v, &format!("/v{writer}"), round, &format!("v{writer}")), "in a version");
                    commits.fetch_add(1, Ordering::SeqCst);
                    if writer % 2 == 1 && chance.below(20) == 0 {
                        match chance.below(2) {
                            0 => drop(v.update(None, Note::edit("Updated")).unwrap()),
                            _ => drop(v.merge(&MergeChoice::default(), Note::edit("Merged")).unwrap()),
                        }
                        merges.fetch_add(1, Ordering::SeqCst);
                        let snapshot = v.snapshot();
                        assert_eq!(number(&snapshot, &format!("/v{writer}")), Some(round as i64));
                    }
                }
            }));
            threads.push(scope.spawn(move || {
                while !ended.load(Ordering::SeqCst) {
                    look(trunk, v, writer);
                    looks.fetch_add(1, Ordering::SeqCst);
                }
            }));
        }
        let begun = Instant::now();
        while begun.elapsed() < time && threads.iter().all(|thread| !thread.is_finished()) {
            thread::sleep(Duration::from_millis(20));
        }
        ended.store(true, Ordering::SeqCst);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let [commits, looks, merges] = [commits, looks, merges].map(|count| count.load(Ordering::SeqCst));
    eprintln!("{commits} commits, {looks} looks, {merges} updates and merges");
    assert!(commits > WRITERS && looks > WRITERS);
    for (writer, v) in versions.iter().enumerate() {
        look(&trunk, v, writer);
        let mine = number(&v.snapshot(), &format!("/v{writer}"));
        v.merge(&MergeChoice::default(), Note::edit("Merged")).unwrap();
        assert_eq!(number(&trunk.snapshot(), &format!("/v{writer}")), mine);
    }
    assert_sound(&trunk);
}

fn look(trunk: &Database, v: &Database, writer: usize) {
    let on_trunk = trunk.snapshot();
    let in_version = v.snapshot();
    let noted = names(&in_version, "/notes");
    let mine = format!("v{writer}-");
    // Its own notes are as many as its page says, those of the trunk as many as that page says: whole commits only.
    for (page, mark) in (0..WRITERS)
        .flat_map(|nth| [(format!("/t{nth}"), format!("t{nth}-")), (format!("/v{nth}"), format!("v{nth}-"))])
    {
        for (snapshot, noted) in [(&in_version, &noted), (&on_trunk, &names(&on_trunk, "/notes"))] {
            let count = noted.iter().filter(|own| own.starts_with(&mark)).count() as i64;
            assert_eq!(
                number(snapshot, &page),
                Some(count),
                "{page} on line {:?} as of {}",
                snapshot.line(),
                snapshot.tid()
            );
        }
    }
    if writer.is_multiple_of(2) {
        let others = noted.iter().filter(|own| !own.starts_with(&mine)).count();
        assert_eq!(others, 0, "a version that is never updated shows what is not its own");
        assert!(!names(&on_trunk, "/notes").iter().any(|own| own.starts_with(&mine)));
    }
}
