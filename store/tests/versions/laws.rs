//! Laws of update and merge, on sites that were edited at random on both sides.

use bough_core::{Oid, Snapshot as _, Tid, Value};
use bough_store::testing::{StepError, name, seeded};
use bough_store::version::{MergeChoice, VersionError};
use bough_store::{Database, Draft, Note, UndoChoices};

use crate::chance::{Chance, is_full, seed};
use crate::fork::{assert_sound, merge, update, version};

const SITE: &str = "/a\n/a/x title=x\n/a/y title=y\n/a/d\n/a/d/z title=z\n/b\n/b/x title=x\n/c title=c\n";

fn rounds() -> u64 {
    if is_full() { 2_000 } else { 60 }
}

/// Some edits on a line; what is not allowed is left out.
fn work(line: &Database, chance: &mut Chance, edits: usize) {
    for _ in 0..edits {
        let (kind, first, second, own) =
            (chance.below(10), chance.below(100), chance.below(100), chance.below(6));
        let own = name(["x", "y", "z", "a", "new", "other"][own]);
        let written = line.write::<_, StepError>(Note::edit("Worked"), |draft| {
            let all = objects(draft);
            let (oid, into) = (all[first % all.len()], all[second % all.len()]);
            // Refused, it changes nothing.
            let _ = match kind {
                0..4 => draft.set(oid, &name("title"), Some(Value::Int(second as i64))),
                4..6 => draft.add(into, &own, &name("folder"), []).map(drop),
                6..9 => draft.move_to(oid, into, &own),
                _ => draft.delete(oid),
            };
            Ok(())
        });
        written.unwrap();
    }
}

fn objects(draft: &Draft) -> Vec<Oid> {
    let mut all = vec![Oid::ROOT];
    let mut at = 0;
    while let Some(parent) = all.get(at).copied() {
        let page = bough_core::snapshot::ChildrenPage::first(usize::MAX);
        all.extend(draft.children(parent, &page).unwrap().iter().map(|child| child.oid));
        at += 1;
    }
    all
}

/// A trunk and a version that went apart.
fn apart(round: u64) -> (Database, Database, Chance) {
    let mut chance = Chance::new(seed() * 1_000_000 + round);
    let trunk = seeded(SITE);
    let v = version(&trunk, "v");
    let (mine, theirs) = (1 + chance.below(6), chance.below(6));
    work(&v, &mut chance, mine);
    work(&trunk, &mut chance, theirs);
    (trunk, v, chance)
}

fn picture(line: &Database) -> (Tid, String) {
    (line.head(), line.text())
}

#[test]
fn an_untouched_version_merges_to_nothing_and_updates_to_the_trunk() {
    for round in 0..rounds() {
        let trunk = seeded(SITE);
        let v = version(&trunk, "v");
        let mut chance = Chance::new(seed() * 1_000_000 + round);
        work(&trunk, &mut chance, 5);
        let before = picture(&trunk);
        assert_eq!(merge(&v).unwrap().tid, None);
        assert_eq!((picture(&trunk), v.text().as_str()), (before, seeded(SITE).text().as_str()));
        update(&v).unwrap();
        assert_eq!(v.text(), trunk.text(), "round {round}");
    }
}

#[test]
fn a_merge_over_an_untouched_trunk_gives_what_the_version_shows() {
    for round in 0..rounds() {
        let trunk = seeded(SITE);
        let v = version(&trunk, "v");
        let mut chance = Chance::new(seed() * 1_000_000 + round);
        work(&v, &mut chance, 8);
        let shown = v.text();
        merge(&v).unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert_eq!((trunk.text(), v.text()), (shown.clone(), shown), "round {round}");
        assert_sound(&trunk);
    }
}

#[test]
fn a_refused_merge_or_update_changes_nothing_and_one_that_is_done_can_be_taken_back_and_done_again() {
    let (mut refused, mut undone) = (0, 0);
    for round in 0..rounds() {
        let (trunk, v, _) = apart(round);
        let before = (picture(&trunk), v.text());
        let bytes = trunk.status().log_bytes;
        match merge(&v) {
            Err(VersionError::Conflicts(plan)) => {
                assert!(!plan.conflicts.is_empty());
                assert!(matches!(update(&v), Err(VersionError::Conflicts(_))));
                assert_eq!(((picture(&trunk), v.text()), trunk.status().log_bytes), (before, bytes));
                refused += 1;
            }
            Err(error) => panic!("round {round}: {error}"),
            Ok(done) => {
                let Some(tid) = done.tid else { continue };
                let merged = trunk.text();
                assert_eq!(v.text(), merged);
                assert_sound(&trunk);
                let undo = trunk.undo(&[tid], &UndoChoices::default(), Note::edit("Undid"));
                // What the trunk deleted meanwhile may be where something would go back to.
                let Ok(undo) = undo else { continue };
                undo.unwrap();
                assert_eq!((trunk.text(), v.text()), (before.0.1, merged.clone()), "round {round}");
                if round % 2 == 0 {
                    update(&v).unwrap();
                    assert_eq!(v.text(), merged, "round {round}");
                }
                merge(&v).unwrap_or_else(|error| panic!("round {round}: {error}"));
                assert_eq!((trunk.text(), v.text()), (merged.clone(), merged), "round {round}");
                assert_sound(&trunk);
                undone += 1;
            }
        }
    }
    assert!(refused > 5 && undone > 5, "{refused} refused, {undone} undone");
}

#[test]
fn an_update_and_then_a_merge_give_what_the_merge_gives() {
    for round in 0..rounds() {
        let ((one, direct, _), (two, updated, _)) = (apart(round), apart(round));
        if merge(&direct).is_err() {
            continue;
        }
        update(&updated).unwrap();
        assert_eq!(updated.text(), one.text(), "round {round}: the update shows what the merge gives");
        merge(&updated).unwrap();
        assert_eq!(two.text(), one.text(), "round {round}");
    }
}

#[test]
fn an_update_in_two_steps_is_one() {
    for round in 0..rounds() {
        let (_, once, _) = apart(round);
        let (trunk, twice, _) = apart(round);
        let base = twice.version_info().unwrap().base;
        let commits = trunk.commits(None, 100).unwrap();
        let between = commits.iter().map(|record| record.tid).find(|tid| *tid > base && *tid < trunk.head());
        let Some(between) = between else { continue };
        if update(&once).is_err() || twice.update(Some(between), Note::edit("Updated")).is_err() {
            continue;
        }
        if update(&twice).is_ok() {
            assert_eq!(twice.text(), once.text(), "round {round}");
        }
    }
}

#[test]
fn two_versions_that_do_not_meet_can_be_merged_in_either_order() {
    let mut both = 0;
    for round in 0..rounds() {
        let merged = |first: usize| {
            let mut chance = Chance::new(seed() * 1_000_000 + round);
            let trunk = seeded(SITE);
            let versions = [version(&trunk, "v"), version(&trunk, "w")];
            for v in &versions {
                work(v, &mut chance, 3);
            }
            let done = [first, 1 - first].map(|nth| merge(&versions[nth]).is_ok());
            assert_sound(&trunk);
            (done == [true, true]).then(|| trunk.text())
        };
        let (one, other) = (merged(0), merged(1));
        if let (Some(one), Some(other)) = (one, other) {
            assert_eq!(one, other, "round {round}");
            both += 1;
        }
    }
    assert!(both > 5);
}

#[test]
fn an_undo_of_everything_in_a_version_leaves_nothing_of_it() {
    for round in 0..rounds() {
        let trunk = seeded(SITE);
        let v = version(&trunk, "v");
        let mut chance = Chance::new(seed() * 1_000_000 + round);
        let base = v.text();
        let opened = v.head();
        work(&v, &mut chance, 8);
        let tids: Vec<Tid> = v.commits(None, 100).unwrap().iter().map(|record| record.tid).collect();
        let tids: Vec<Tid> = tids.into_iter().filter(|tid| *tid > opened).collect();
        if tids.is_empty() {
            continue;
        }
        v.undo(&tids, &UndoChoices::default(), Note::edit("Undid")).unwrap();
        assert_eq!(v.text(), base, "round {round}");
        assert!(v.own_changes(0, 9).unwrap().objects.is_empty(), "round {round}");
        let preview = v.merge_preview(&MergeChoice::default()).unwrap();
        assert_eq!(preview.objects, 0);
    }
}
