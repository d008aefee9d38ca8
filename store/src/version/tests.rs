//! Versions as their users see them.

use bough_core::merge::plan::Resolution;
use bough_core::{Oid, Snapshot as _, Tid};

use crate::testing::{open_on, path, seed, seeded};
use crate::version::{Management, MergeChoice, Merged, NewVersion, Pick, VersionError};
use crate::{CommitError, Database, LineStatus, Note, UndoChoices, UndoError};

fn version(database: &Database, name: &str) -> Database {
    let new = NewVersion { name: name.into(), ..NewVersion::default() };
    database.open_version(&new, Note::edit("Opened a version")).unwrap()
}

fn merge(version: &Database) -> Result<Merged, VersionError> {
    version.merge(&MergeChoice::default(), Note::edit("Merged"))
}

fn update(version: &Database) -> Result<Merged, VersionError> {
    version.update(None, Note::edit("Updated"))
}

fn undo(database: &Database, tid: Tid) {
    database.undo(&[tid], &UndoChoices::default(), Note::edit("Undid")).unwrap().expect("something to undo");
}

fn oid(database: &Database, at: &str) -> Oid {
    database.oid_at(at)
}

#[test]
fn a_version_shows_its_own_changes_over_a_base_that_stands_still() {
    let trunk = seeded("/a\n/a/x title=one\n/a/y title=two\n/b\n");
    let v = version(&trunk, "v");
    trunk.set("/a/y", "title", "later");
    v.set("/a/x", "title", "mine");
    v.move_path("/a/x", "/b/z");
    seed(&v, "/a/new title=n");
    assert_eq!(v.text(), "/a\n/a/new title=n\n/a/y title=two\n/b\n/b/z title=mine\n");
    assert_eq!(trunk.text(), "/a\n/a/x title=one\n/a/y title=later\n/b\n");
    v.delete("/a");
    assert_eq!(v.text(), "/b\n/b/z title=mine\n");
    assert_eq!(trunk.text(), "/a\n/a/x title=one\n/a/y title=later\n/b\n");
}

#[test]
fn a_merge_brings_everything_once_and_the_version_goes_on_from_there() {
    let trunk = seeded("/a\n/a/x title=one\n/b\n");
    let v = version(&trunk, "v");
    v.set("/a/x", "title", "mine");
    v.move_path("/a/x", "/b/z");
    seed(&trunk, "/c title=c");
    let tid = merge(&v).unwrap().tid.expect("something to merge");
    let merged = "/a\n/b\n/b/z title=mine\n/c title=c\n";
    assert_eq!((trunk.text(), v.text()), (merged.into(), merged.into()));
    assert_eq!(trunk.head(), tid);
    assert!(merge(&v).unwrap().tid.is_none(), "there is nothing more to merge");
    trunk.set("/c", "title", "d");
    assert_eq!(v.text(), merged, "it stands on the merge");
    v.set("/b/z", "title", "again");
    merge(&v).unwrap().tid.expect("something to merge");
    assert_eq!(trunk.text(), "/a\n/b\n/b/z title=again\n/c title=d\n");
}

#[test]
fn an_update_lets_the_parent_line_through_and_keeps_the_own_changes() {
    let trunk = seeded("/a title=one body=x\n/b\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    v.move_path("/a", "/z");
    trunk.set("/a", "body", "y");
    seed(&trunk, "/c\n");
    trunk.delete("/b");
    let before = v.head();
    assert!(update(&v).unwrap().tid.is_some());
    assert_eq!(v.text(), "/c\n/z body=y title=mine\n");
    let was = v.snapshot_at(before).unwrap();
    assert_eq!(crate::testing::site_text(&was), "/b\n/z body=x title=mine\n", "as it was");
    assert!(update(&v).unwrap().tid.is_none(), "it is up to date");
    merge(&v).unwrap().tid.unwrap();
    assert_eq!(trunk.text(), "/c\n/z body=y title=mine\n");
}

#[test]
fn names_that_the_parent_line_gives_up_and_takes_are_right_after_an_update() {
    let trunk = seeded("/x title=x\n");
    let v = version(&trunk, "v");
    v.move_path("/x", "/y");
    trunk.move_path("/x", "/q");
    // On the version `x` was given up, on the trunk another takes it.
    seed(&trunk, "/x title=other\n");
    let conflicts = v.conflicts().unwrap();
    assert_eq!(conflicts.len(), 1, "both renamed it");
    v.resolve(&conflicts[0].id, Some(Resolution::Version), "ann").unwrap();
    update(&v).unwrap().tid.unwrap();
    assert_eq!(v.text(), "/x title=other\n/y title=x\n");
    merge(&v).unwrap().tid.unwrap();
    assert_eq!(trunk.text(), "/x title=other\n/y title=x\n");
}

#[test]
fn a_version_is_not_shown_as_of_a_time_before_it_was_opened() {
    let trunk = seeded("/a title=one\n");
    let before = trunk.head();
    let v = version(&trunk, "v");
    let opened = v.version_info().unwrap().opened;
    assert!(v.snapshot_at(opened).is_ok());
    let refused = v.snapshot_at(before).unwrap_err();
    assert!(matches!(refused, crate::HistoryError::NotOpened { .. }), "{refused:?}");
}

#[test]
fn of_objects_that_would_contain_each_other_each_move_is_told_with_who_made_it() {
    let trunk = seeded("/a\n/a/x\n/b\n/b/y\n");
    let v = version(&trunk, "v");
    let on_v = v.move_path("/a", "/b/a");
    let on_trunk = trunk.move_path("/b", "/a/b");
    let conflicts = v.conflicts().unwrap();
    let tids = (
        conflicts[0].version.as_ref().map(|made| made.tid),
        conflicts[0].parent.as_ref().map(|made| made.tid),
    );
    assert_eq!(tids, (Some(on_v), Some(on_trunk)));
}

#[test]
fn the_undo_of_a_merge_gives_the_version_back_what_it_merged() {
    let trunk = seeded("/a title=one\n/b\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    seed(&v, "/b/new title=n\n");
    let with = v.text();
    let tid = merge(&v).unwrap().tid.unwrap();
    undo(&trunk, tid);
    assert_eq!(trunk.text(), "/a title=one\n/b\n");
    assert_eq!(v.text(), with, "what the version shows does not change");
    assert_eq!(v.own_changes(0, 10).unwrap().total, 2, "they are the version's changes again");
    trunk.set("/b", "title", "b");
    merge(&v).unwrap().tid.expect("the same changes again");
    assert_eq!(trunk.text(), "/a title=mine\n/b title=b\n/b/new title=n\n");
}

#[test]
fn what_a_version_got_back_is_found_by_its_name_after_an_update() {
    let trunk = seeded("/a title=one\n/b\n/b/x\n");
    let v = version(&trunk, "v");
    v.move_path("/a", "/b/a");
    v.move_path("/b/x", "/x");
    let tid = merge(&v).unwrap().tid.unwrap();
    undo(&trunk, tid);
    update(&v).unwrap().tid.unwrap();
    assert_eq!(v.text(), "/b\n/b/a title=one\n/x\n");
}

#[test]
fn what_the_parent_line_moved_elsewhere_is_not_listed_there_over_an_own_place() {
    let trunk = seeded("/f\n/f/x\n/g\n/h\n");
    let v = version(&trunk, "v");
    v.move_path("/f/x", "/g/x");
    trunk.move_path("/f/x", "/h/x");
    let conflicts = v.conflicts().unwrap();
    v.resolve(&conflicts[0].id, Some(Resolution::Version), "ann").unwrap();
    update(&v).unwrap().tid.unwrap();
    assert_eq!(v.text(), "/f\n/g\n/g/x\n/h\n");
    assert!(!v.exists("/h/x"));
}

#[test]
fn undo_in_a_version_goes_back_to_what_nobody_touched() {
    let trunk = seeded("/a title=one\n/b\n");
    let v = version(&trunk, "v");
    let set = v.set("/a", "title", "mine");
    let moved = v.move_path("/a", "/b/a");
    undo(&v, set);
    assert_eq!(v.text(), "/b\n/b/a title=one\n");
    undo(&v, moved);
    assert_eq!(v.text(), "/a title=one\n/b\n");
    assert!(v.own_changes(0, 10).unwrap().objects.is_empty());
    trunk.set("/a", "title", "two");
    update(&v).unwrap();
    assert_eq!(v.text(), trunk.text());
    assert!(merge(&v).unwrap().tid.is_none());
}

#[test]
fn part_of_a_version_is_merged_and_the_rest_later() {
    let trunk = seeded("/a title=one\n/b title=two\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "A");
    v.set("/b", "title", "B");
    seed(&v, "/new\n/new/page title=n\n");
    let only = Some(vec![Pick::Object(oid(&v, "/a")), Pick::Object(oid(&v, "/new/page"))]);
    let merged = v.merge(&MergeChoice { only, close: false }, Note::edit("Merged a part")).unwrap();
    assert_eq!(merged.plan.along, [oid(&v, "/new")], "what the page stands in comes along");
    assert_eq!(trunk.text(), "/a title=A\n/b title=two\n/new\n/new/page title=n\n");
    assert_eq!(v.own_changes(0, 10).unwrap().objects.len(), 1, "what was merged is no change any more");
    trunk.set("/a", "title", "later");
    merge(&v).unwrap().tid.unwrap();
    assert_eq!(trunk.text(), "/a title=later\n/b title=B\n/new\n/new/page title=n\n");
}

#[test]
fn versions_lie_on_versions() {
    let trunk = seeded("/a title=one\n/b\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "v");
    let w = version(&v, "w");
    seed(&w, "/b/w title=w\n");
    v.set("/a", "title", "later");
    assert_eq!(w.text(), "/a title=v\n/b\n/b/w title=w\n");
    merge(&w).unwrap().tid.unwrap();
    assert_eq!(v.text(), "/a title=later\n/b\n/b/w title=w\n");
    assert_eq!(trunk.text(), "/a title=one\n/b\n");
    merge(&v).unwrap().tid.unwrap();
    assert_eq!(trunk.text(), "/a title=later\n/b\n/b/w title=w\n");
    let info = w.version_info().unwrap();
    assert_eq!((info.parent_name.as_deref(), info.status), (Some("v"), LineStatus::Open));
}

#[test]
fn a_version_is_the_same_after_the_log_was_read_again() {
    let disk = crate::disk::MemoryDisk::new();
    let trunk = open_on(std::sync::Arc::new(disk.clone()));
    seed(&trunk, "/a title=one\n/b\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    v.move_path("/a", "/b/z");
    let tid = merge(&v).unwrap().tid.unwrap();
    undo(&trunk, tid);
    trunk.set("/a", "title", "two");
    let (on_v, on_trunk) = (v.text(), trunk.text());
    drop((trunk, v));
    let trunk = open_on(std::sync::Arc::new(disk));
    let v = trunk.version("v").unwrap();
    assert_eq!((v.text(), trunk.text()), (on_v, on_trunk));
    assert!(trunk.check(&mut crate::unwatched).unwrap().is_sound());
    assert!(matches!(merge(&v), Err(VersionError::Conflicts(plan)) if plan.conflicts.len() == 1));
}

#[test]
fn part_of_a_version_is_thrown_away_with_what_cannot_stay() {
    let trunk = seeded("/a title=one\n/b\n");
    let v = version(&trunk, "v");
    seed(&v, "/new\n/new/page title=n\n");
    v.move_path("/a", "/new/a");
    let gone = v.discard_part(&[Pick::Object(oid(&v, "/new"))], false, Note::edit("Discarded")).unwrap();
    assert_eq!(gone.along.len(), 2);
    assert_eq!(v.text(), "/a title=one\n/b\n");
    let rename = v.move_path("/a", "/z");
    seed(&v, "/a title=another\n");
    let gone = v.discard_part(&[Pick::Object(oid(&v, "/z"))], false, Note::edit("Discarded")).unwrap();
    assert!(rename < gone.tid.unwrap());
    assert_eq!(v.text(), "/a title=one\n/b\n", "what took its name goes, too");
}

#[test]
fn a_discarded_version_is_there_until_pack_and_closed_for_writing() {
    let trunk = seeded("/a title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    v.discard(false, Note::edit("Discarded")).unwrap();
    let refused = v.write::<_, crate::testing::StepError>(Note::edit("Wrote"), |draft| {
        let at = draft.at(&path("/a"))?;
        Ok(draft.delete(at)?)
    });
    assert!(refused.unwrap_err().to_string().contains("cannot write to version `v`: it is discarded"));
    assert_eq!(v.text(), "/a title=mine\n");
    let again = Management { status: Some(LineStatus::Open), ..Management::default() };
    v.manage_version(&again, Note::edit("Opened again")).unwrap();
    merge(&v).unwrap().tid.unwrap();
    assert_eq!(trunk.text(), "/a title=mine\n");
}

#[test]
fn pack_keeps_what_a_version_needs_until_that_is_detached() {
    let trunk = seeded("/a\n/a/x title=x body=b\n/b title=b\n");
    let v = version(&trunk, "v");
    v.set("/a/x", "title", "mine");
    for round in 0..5 {
        trunk.set("/a/x", "title", format!("trunk {round}"));
        trunk.set("/b", "title", format!("b {round}"));
    }
    let before = v.text();
    let packed = trunk.pack(trunk.head(), false, &mut crate::unwatched).unwrap();
    let needed = v.version_info().unwrap().needs;
    assert_eq!(packed.held_by, [("v".to_owned(), needed)]);
    assert!(packed.horizon <= needed);
    assert_eq!(v.text(), before);
    let conflict = |v: &Database| {
        let conflicts = v.conflicts().unwrap();
        assert_eq!(conflicts.len(), 1, "{conflicts:?}");
        conflicts[0].conflict.clone()
    };
    let met = conflict(&v);
    trunk.delete("/b");
    v.detach(None, Note::edit("Detached")).unwrap().expect("there is something to detach from");
    assert_eq!(v.text(), "/a\n/a/x body=b title=mine\n", "elsewhere it shows the trunk as it is");
    let needed = v.version_info().unwrap().needs;
    let packed = trunk.pack(needed, false, &mut crate::unwatched).unwrap();
    assert!(packed.held_by.is_empty() && packed.records_dropped > 0, "{packed:?}");
    assert_eq!(conflict(&v), met, "what it stands against is not forgotten");
    assert!(trunk.check(&mut crate::unwatched).unwrap().is_sound());
}

#[test]
fn a_detached_version_keeps_what_stands_in_something_that_was_deleted() {
    let trunk = seeded("/a\n/a/x title=x\n/b\n");
    let v = version(&trunk, "v");
    v.set("/a/x", "title", "mine");
    trunk.delete("/a");
    v.detach(None, Note::edit("Detached")).unwrap().unwrap();
    assert_eq!(v.text(), "/a\n/a/x title=mine\n/b\n");
    let conflicts = v.conflicts().unwrap();
    assert_eq!(conflicts.len(), 1, "the trunk deleted what the version works on");
    v.resolve(&conflicts[0].id, Some(Resolution::Version), "ann").unwrap();
    merge(&v).unwrap().tid.unwrap();
    assert_eq!(trunk.text(), "/a\n/a/x title=mine\n/b\n");
}

#[test]
fn the_history_of_an_object_goes_on_below_the_version() {
    let trunk = seeded("/a title=one\n");
    let on_trunk = trunk.set("/a", "title", "two");
    let v = version(&trunk, "v");
    let on_v = v.set("/a", "title", "mine");
    trunk.set("/a", "title", "three");
    let tids: Vec<Tid> =
        v.commits_of(oid(&v, "/a"), None, 2).unwrap().into_iter().map(|record| record.tid).collect();
    assert_eq!(tids, [on_v, on_trunk], "what the version does not show is not in it");
    assert_eq!(v.commit_record(on_trunk).unwrap().sentence, "Did");
    assert!(trunk.commit_record(on_v).is_err(), "a version's commits are nobody else's");
}

#[test]
fn nothing_is_undone_in_a_version_that_is_not_open() {
    let trunk = seeded("/a title=one\n");
    let v = version(&trunk, "v");
    let set = v.set("/a", "title", "mine");
    let closed = Management { status: Some(LineStatus::Closed), ..Management::default() };
    v.manage_version(&closed, Note::edit("Closed")).unwrap();
    let refused = v.undo(&[set], &UndoChoices::default(), Note::edit("Undid"));
    assert!(matches!(refused, Err(UndoError::Commit(CommitError::VersionClosed { .. }))), "{refused:?}");
    assert_eq!(v.text(), "/a title=mine\n");
}

/// The cache held it as an object without cells, the disk as none: what went along with a merge of parts depended on
/// which of them was asked.
#[test]
fn what_was_unmade_in_a_version_is_not_there_whether_the_cache_or_the_disk_is_asked() {
    let trunk = seeded("/a\n");
    let v = version(&trunk, "v");
    let made = v.add_text("/a/x title=one");
    let x = oid(&v, "/a/x");
    undo(&v, made);
    assert_eq!(v.snapshot().object(x).unwrap(), None);
    v.add_text("/a/y");
    let y = oid(&v, "/a/y");
    v.discard_part(&[Pick::Object(y)], false, Note::edit("Discarded")).unwrap();
    assert_eq!(v.snapshot().object(y).unwrap(), None);
}

#[test]
fn an_object_never_has_two_states_at_one_revision_of_one_shelf() {
    let trunk = seeded("/a title=one body=x\n");
    let v = version(&trunk, "v");
    let set = v.set("/a", "title", "mine");
    trunk.set("/a", "body", "y");
    update(&v).unwrap().tid.unwrap();
    let a = oid(&v, "/a");
    let state = || {
        let snapshot = v.snapshot();
        let object = snapshot.object(a).unwrap().unwrap();
        (snapshot.shelf(), object.revision(), object.text("title").map(str::to_owned))
    };
    let (shelf, revision, title) = state();
    undo(&v, set);
    let (shelf_after, revision_after, title_after) = state();
    assert_ne!(title, title_after);
    assert!((shelf, revision) < (shelf_after, revision_after), "{revision} {revision_after}");
}

#[test]
fn a_version_is_brought_to_no_commit_that_is_still_to_come_nor_to_one_before_its_base() {
    let trunk = seeded("/a title=one\n");
    let old = trunk.head();
    trunk.set("/a", "title", "two");
    let v = version(&trunk, "v");
    let (text, head) = (v.text(), trunk.head());
    let future = Tid::from_micros(trunk.head().as_micros() + 1_000);
    for (to, says) in [(future, "cannot show"), (old, "goes with the parent line from")] {
        let refused = [
            v.update(Some(to), Note::edit("Updated")).map(|_| ()),
            v.detach(Some(to), Note::edit("Detached")).map(|_| ()),
        ];
        for refused in refused {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
    assert_eq!((v.text(), trunk.head()), (text, head), "nothing was written");
}

#[test]
fn what_a_version_changed_is_told_in_parts_that_cost_by_what_is_asked_for() {
    let trunk = seeded("/a title=one\n/b\n/c\n/d\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    v.delete("/b");
    seed(&v, "/new title=n");
    v.set("/d", "title", "to be taken back");
    let back = v.head();
    undo(&v, back);
    let all = v.own_changes(0, 10).unwrap().objects;
    let (mut found, mut after, mut parts) = (Vec::new(), None, 0);
    loop {
        let part = v.own_part(after, 1).unwrap();
        assert!(part.objects.len() <= 1, "no more are looked at than were asked for");
        found.extend(part.objects.iter().map(|delta| delta.oid));
        parts += 1;
        match part.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, all.iter().map(|delta| delta.oid).collect::<Vec<_>>());
    assert_eq!((found.len(), parts), (3, 4), "what it holds nothing of was looked at, too");
    assert!(v.own_part(None, 4).unwrap().next.is_none(), "there is nothing more");
    assert!(matches!(trunk.own_part(None, 1), Err(VersionError::Trunk)));
}
