//! Versions in time: undone within, thrown away, laid on each other, packed under, restored, and written by many.

use std::sync::Arc;

use bough_core::merge::plan::{ConflictKind, Resolution};
use bough_core::{CellKey, Oid, Snapshot as _, Tid, Value};
use bough_store::disk::MemoryDisk;
use bough_store::testing::{name, open_on, path, seed, seeded, small_options};
use bough_store::version::{Management, MergeChoice, Pick, VersionError};
use bough_store::{
    BackupFolder, Database, HistoryError, LineStatus, Note, UndoChoices, UndoError, restore_backup,
};

use crate::fork::{
    assert_merges, assert_sound, merge, merged, only_conflict, settle, the_versions, undo, update, value,
    version,
};

#[test]
fn case_28_undo_in_a_version_reaches_only_that_and_frees_what_goes_back_to_the_base() {
    let trunk = seeded("/a title=one\n/b\n");
    let v = version(&trunk, "v");
    let first = v.set("/a", "title", "mine");
    let second = v.set("/a", "title", "again");
    let deleted = v.delete("/b");
    let refused = v.undo(&[first], &UndoChoices::default(), Note::edit("Undid")).unwrap_err();
    assert!(matches!(refused, UndoError::Blocked { .. }), "{refused}");
    undo(&v, second);
    assert_eq!(v.text(), "/a title=mine\n");
    let back = undo(&v, first);
    undo(&v, deleted);
    assert_eq!((v.text().as_str(), trunk.text().as_str()), ("/a title=one\n/b\n", "/a title=one\n/b\n"));
    assert!(v.own_changes(0, 9).unwrap().objects.is_empty());
    assert_eq!(merge(&v).unwrap().tid, None);
    trunk.set("/a", "title", "two");
    update(&v).unwrap();
    assert_eq!(v.text(), "/a title=two\n/b\n", "it follows the trunk again");
    // Redo.
    let refused = v.undo(&[back], &UndoChoices::default(), Note::edit("Redid"));
    assert!(
        matches!(&refused, Err(UndoError::Blocked { .. })),
        "the trunk changed it meanwhile: {refused:?}"
    );
    assert!(trunk.commit_record(first).is_err(), "the commits of a version are on no other line");
    assert_sound(&trunk);
}

#[test]
fn case_28_what_was_made_in_a_version_is_gone_after_the_undo() {
    let trunk = seeded("/b\n");
    let v = version(&trunk, "v");
    let made = v.add_text("/b/new title=n");
    let renamed = v.move_path("/b", "/c");
    undo(&v, made);
    assert_eq!(v.text(), "/c\n");
    let redo = undo(&v, renamed);
    assert!(v.own_changes(0, 9).unwrap().objects.is_empty());
    undo(&v, redo);
    assert_eq!(v.text(), "/c\n");
    assert_merges(&trunk, &v, "/c\n");
}

#[test]
fn case_28_undo_in_a_version_after_the_undo_of_its_merge_leaves_what_it_got_back() {
    let trunk = seeded("/a title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    let tid = merged(&v);
    let again = v.set("/a", "title", "again");
    undo(&trunk, tid);
    undo(&v, again);
    assert_eq!(v.text(), "/a title=mine\n");
    assert_merges(&trunk, &v, "/a title=mine\n");
}

#[test]
fn case_28_undo_in_a_version_of_what_was_merged_since_is_a_change_of_its_own() {
    let trunk = seeded("/a title=one\n");
    trunk.set("/a", "count", Value::Counter(10));
    let v = version(&trunk, "v");
    v.set("/a", "count", Value::Counter(15));
    let only = Some(vec![Pick::Object(v.oid_at("/a"))]);
    let part = v.merge(&MergeChoice { only, close: false }, Note::edit("Merged a part")).unwrap();
    trunk.set("/a", "count", Value::Counter(115));
    undo(&trunk, part.tid.unwrap());
    let later = v.set("/a", "count", Value::Counter(20));
    merged(&v);
    assert_eq!(value(&trunk, "/a", "count"), Some(Value::Counter(120)));
    undo(&v, later);
    assert_eq!(value(&v, "/a", "count"), Some(Value::Counter(115)));
    merged(&v);
    assert_eq!(value(&trunk, "/a", "count"), Some(Value::Counter(115)));
}

/// What was given back was compared with what there was before the merge, although the trunk had it by then: merged
/// again, it was counted twice.
#[test]
fn case_30_a_merge_into_a_version_is_undone_there_although_it_was_merged_further() {
    let trunk = seeded("/a\n");
    trunk.set("/a", "count", Value::Counter(0));
    let v = version(&trunk, "v");
    let w = version(&v, "w");
    w.set("/a", "count", Value::Counter(1));
    let into_v = merged(&w);
    merged(&v);
    let status = |status| Management { status: Some(status), ..Management::default() };
    v.manage_version(&status(LineStatus::Closed), Note::edit("Closed")).unwrap();
    update(&w).unwrap();
    v.manage_version(&status(LineStatus::Open), Note::edit("Opened again")).unwrap();
    undo(&v, into_v);
    assert_eq!(value(&v, "/a", "count"), Some(Value::Counter(0)), "as it was before that merge");
    assert_eq!(value(&trunk, "/a", "count"), Some(Value::Counter(1)));
    merged(&w);
    merged(&v);
    assert_eq!(
        value(&trunk, "/a", "count"),
        Some(Value::Counter(1)),
        "v takes back its one, w brings its own"
    );
}

#[test]
fn case_29_part_of_a_version_is_thrown_away_with_what_cannot_stay() {
    let trunk = seeded("/a title=one\n/b title=one\n");
    let v = version(&trunk, "v");
    seed(&v, "/new\n/new/page title=n\n");
    v.move_path("/a", "/new/a");
    v.set("/new/a", "title", "mine");
    v.set("/b", "title", "mine");
    let shown = v.text();
    let picks = [Pick::Object(v.oid_at("/new"))];
    let (page, a) = (v.oid_at("/new/page"), v.oid_at("/new/a"));
    let dry = v.discard_part(&picks, true, Note::edit("Discarded")).unwrap();
    let mut along = dry.along.clone();
    along.sort();
    let mut expected = [page, a];
    expected.sort();
    assert_eq!((along.as_slice(), dry.tid, v.text()), (&expected[..], None, shown));
    let done = v.discard_part(&picks, false, Note::edit("Discarded")).unwrap();
    assert_eq!(done.along, dry.along, "it does what it said");
    assert_eq!(v.text(), "/a title=mine\n/b title=mine\n", "only the place of the moved object had to go");
    v.discard_part(&[Pick::Cell(a, CellKey::Attribute(name("title")))], false, Note::edit("Discarded"))
        .unwrap();
    assert_eq!(v.text(), "/a title=one\n/b title=mine\n");
    let undone = undo(&v, done.tid.unwrap());
    assert_eq!(v.text(), "/b title=mine\n/new\n/new/a title=one\n/new/page title=n\n");
    undo(&v, undone);
    assert_merges(&trunk, &v, "/a title=one\n/b title=mine\n");
}

#[test]
fn case_29_exchanged_names_go_back_together() {
    let trunk = seeded("/a title=a\n/b title=b\n/c title=c\n");
    let v = version(&trunk, "v");
    v.move_path("/a", "/x");
    v.move_path("/b", "/a");
    v.move_path("/c", "/b");
    v.move_path("/x", "/c");
    assert_eq!(v.text(), "/a title=b\n/b title=c\n/c title=a\n");
    v.discard_part(&[Pick::Object(v.oid_at("/a"))], false, Note::edit("Discarded")).unwrap();
    assert_eq!(v.text(), "/a title=a\n/b title=b\n/c title=c\n");
    assert_sound(&trunk);
}

#[test]
fn case_29_what_a_discard_brings_back_has_its_folder() {
    let trunk = seeded("/f\n/f/x title=x\n/g\n");
    let v = version(&trunk, "v");
    v.move_path("/f/x", "/g/x");
    v.delete("/f");
    let (f, x) = (trunk.oid_at("/f"), v.oid_at("/g/x"));
    let done = v.discard_part(&[Pick::Object(x)], false, Note::edit("Discarded")).unwrap();
    assert_eq!(done.along, [f]);
    assert_eq!(v.text(), "/f\n/f/x title=x\n/g\n");
    assert_sound(&trunk);
}

#[test]
fn case_30_a_version_on_a_version_is_merged_into_that_first() {
    let trunk = seeded("/a title=one\n/b\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "v");
    let w = version(&v, "w");
    w.move_path("/a", "/b/a");
    merged(&w);
    assert_eq!((v.text().as_str(), trunk.text().as_str()), ("/b\n/b/a title=v\n", "/a title=one\n/b\n"));
    assert_merges(&trunk, &v, "/b\n/b/a title=v\n");
}

#[test]
fn case_30_a_version_on_a_merged_one_is_merged_into_the_trunk() {
    let trunk = seeded("/a title=one\n/b title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "v");
    let w = version(&v, "w");
    w.set("/b", "title", "w");
    let shown = w.text();
    let choice = MergeChoice { only: None, close: true };
    v.merge(&choice, Note::edit("Merged")).unwrap().tid.unwrap();
    assert_eq!(w.text(), shown, "what lies on it stays");
    let info = w.version_info().unwrap();
    assert_eq!(
        (info.parent_name, info.status),
        (None, LineStatus::Open),
        "it is to be merged into the trunk"
    );
    trunk.set("/a", "title", "later");
    let plan = w.merge_preview(&MergeChoice::default()).unwrap();
    assert!(plan.conflicts.is_empty(), "{:?}", plan.conflicts);
    update(&w).unwrap();
    assert_eq!(w.text(), "/a title=later\n/b title=w\n");
    assert_merges(&trunk, &w, "/a title=later\n/b title=w\n");
}

#[test]
fn case_30_a_version_with_others_on_it_is_thrown_away_only_on_purpose() {
    let trunk = seeded("/a title=one\n/b title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "v");
    seed(&v, "/new title=v\n");
    let w = version(&v, "w");
    w.set("/a", "title", "w");
    w.set("/b", "title", "w");
    let refused = v.discard(false, Note::edit("Discarded")).unwrap_err();
    assert!(matches!(&refused, VersionError::HasVersions(names) if *names == ["w"]), "{refused}");
    let shown = w.text();
    v.discard(true, Note::edit("Discarded")).unwrap();
    assert_eq!((w.text(), w.version_info().unwrap().parent_name), (shown, None));
    // What `v` made of the title is not the trunk's, nor what `w` began with.
    let conflict = only_conflict(&w);
    assert!(matches!(&conflict.conflict.kind, ConflictKind::Cell { .. }), "{conflict:?}");
    settle(&w, the_versions);
    assert_merges(&trunk, &w, "/a title=w\n/b title=w\n");
}

/// After a part was merged past a discarded version, the rest is compared with what the trunk held then.
#[test]
fn case_30_parts_of_a_version_on_a_discarded_one_count_once() {
    let trunk = seeded("/a title=one\n/b title=one\n");
    trunk.set("/a", "count", Value::Counter(10));
    let v = version(&trunk, "v");
    v.set("/b", "title", "v");
    let w = version(&v, "w");
    w.set("/a", "count", Value::Counter(15));
    w.set("/a", "title", "w");
    v.discard(true, Note::edit("Discarded")).unwrap();
    let choice = MergeChoice { only: Some(vec![Pick::Object(w.oid_at("/a"))]), close: false };
    w.merge(&choice, Note::edit("Merged a part")).unwrap().tid.unwrap();
    assert_eq!(value(&trunk, "/a", "count"), Some(Value::Counter(15)));
    trunk.set("/a", "title", "later");
    let plan = w.merge_preview(&MergeChoice::default()).unwrap();
    assert!(plan.conflicts.is_empty(), "the title was merged: {:?}", plan.conflicts);
    merge(&w).unwrap();
    assert_eq!(value(&trunk, "/a", "count"), Some(Value::Counter(15)));
    assert_eq!(value(&trunk, "/a", "title"), Some("later".into()));
}

#[test]
fn case_30_the_undo_of_a_merge_between_versions_gives_the_upper_one_back() {
    let trunk = seeded("/a title=one\n/b\n");
    let v = version(&trunk, "v");
    v.set("/b", "title", "v");
    let w = version(&v, "w");
    w.set("/a", "title", "w");
    seed(&w, "/b/new title=w\n");
    assert_merges(&v, &w, "/a title=w\n/b title=v\n/b/new title=w\n");
    assert_eq!(trunk.text(), "/a title=one\n/b\n");
    assert_merges(&trunk, &v, "/a title=w\n/b title=v\n/b/new title=w\n");
}

#[test]
fn case_29_what_would_go_back_into_itself_takes_the_other_move_along() {
    let trunk = seeded("/x\n/x/y folder title=y\n");
    let v = version(&trunk, "v");
    v.move_path("/x/y", "/y");
    v.move_path("/x", "/y/x");
    v.discard_part(&[Pick::Object(v.oid_at("/y"))], false, Note::edit("Discarded")).unwrap();
    assert_eq!(v.text(), "/x\n/x/y title=y\n");
    assert_sound(&trunk);
}

#[test]
fn case_29_what_was_rescued_from_a_deleted_folder_can_be_thrown_away() {
    let trunk = seeded("/f\n/f/x title=one\n/home\n");
    let v = version(&trunk, "v");
    v.set("/f/x", "title", "mine");
    let (x, home) = (v.oid_at("/f/x"), v.oid_at("/home"));
    trunk.delete("/f");
    settle(&v, move |_, _| Resolution::Rescue(vec![(x, home)]));
    update(&v).unwrap();
    assert_eq!(v.text(), "/home\n/home/x title=mine\n");
    v.discard_part(&[Pick::Object(x)], false, Note::edit("Discarded")).unwrap();
    assert_eq!(v.text(), "/home\n");
    assert_sound(&trunk);
}

/// Everything that can be read of a line, also what is not reachable by names.
fn image(line: &Database, oids: &[Oid]) -> String {
    let snapshot = line.snapshot();
    let objects: Vec<_> = oids.iter().map(|oid| snapshot.object(*oid).unwrap()).collect();
    format!("{}{objects:?}", line.text())
}

#[test]
fn case_31_a_pack_leaves_what_an_open_version_shows_byte_by_byte() {
    let trunk = seeded("/a title=one\n/b title=one\n/f\n/f/x title=x\n/g\n");
    trunk.set("/a", "title", "two");
    let v = version(&trunk, "v");
    v.set("/b", "title", "mine");
    v.move_path("/f/x", "/g/x");
    seed(&v, "/g/new title=n\n");
    let mut oids: Vec<Oid> = ["/a", "/b", "/f", "/g", "/g/x", "/g/new"].map(|at| v.oid_at(at)).into();
    oids.push(Oid::ROOT);
    let big = "x".repeat(5_000);
    for round in 0..20 {
        trunk.set("/a", "title", format!("{round}{big}"));
        trunk.set("/b", "title", format!("{round}"));
    }
    trunk.delete("/f");
    let before = image(&v, &oids);
    let needs = v.version_info().unwrap().needs;
    let report = trunk.pack(Tid::MAX, false, &mut bough_store::unwatched).unwrap();
    assert_eq!(report.held_by, [("v".to_owned(), needs)]);
    assert!(report.horizon <= needs, "{report:?}");
    assert_eq!(image(&v, &oids), before);
    assert_sound(&trunk);
    // Not held any more, the history goes, and the trunk is as it was.
    v.discard(false, Note::edit("Discarded")).unwrap();
    let on_trunk = trunk.text();
    let report = trunk.pack(Tid::MAX, false, &mut bough_store::unwatched).unwrap();
    assert_eq!(report.held_by, []);
    assert!(report.horizon > needs && report.records_dropped >= 20, "{report:?}");
    assert_eq!(trunk.text(), on_trunk);
    assert_sound(&trunk);
}

#[test]
fn case_31_a_version_is_merged_undone_and_merged_after_a_pack() {
    let disk = MemoryDisk::new();
    let trunk = open_on(Arc::new(disk.clone()));
    seed(&trunk, "/a title=one\n/b title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    let tid = merged(&v);
    undo(&trunk, tid);
    trunk.set("/b", "title", "two");
    trunk.pack(Tid::MAX, false, &mut bough_store::unwatched).unwrap();
    let shown = (v.text(), trunk.text());
    assert_sound(&trunk);
    drop((trunk, v));
    let trunk = open_on(Arc::new(disk));
    let v = trunk.version("v").unwrap();
    assert_eq!((v.text(), trunk.text()), shown);
    assert_merges(&trunk, &v, "/a title=mine\n/b title=two\n");
}

#[test]
fn case_31_a_pack_leaves_what_lies_on_a_discarded_version() {
    let disk = MemoryDisk::new();
    let trunk = open_on(Arc::new(disk.clone()));
    seed(&trunk, "/a title=one\n/b title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "v");
    seed(&v, "/new title=v\n");
    let w = version(&v, "w");
    w.set("/b", "title", "w");
    v.discard(true, Note::edit("Discarded")).unwrap();
    trunk.set("/a", "title", "two");
    let shown = w.text();
    for _ in 0..2 {
        trunk.pack(Tid::MAX, false, &mut bough_store::unwatched).unwrap();
        trunk.set("/b", "title", "later");
        trunk.set("/b", "title", "two");
    }
    drop((trunk, v, w));
    let trunk = open_on(Arc::new(disk));
    assert_eq!(trunk.version("w").unwrap().text(), shown);
    assert_sound(&trunk);
}

#[test]
fn case_31_a_pack_keeps_what_a_deleted_object_that_is_written_again_stands_in() {
    let disk = MemoryDisk::new();
    let trunk = open_on(Arc::new(disk.clone()));
    seed(&trunk, "/f\n/f/g\n/f/g/x title=x\n/b\n");
    let v = version(&trunk, "v");
    let w = version(&trunk, "w");
    v.delete("/f/g/x");
    let set = w.set("/f/g/x", "title", "w");
    undo(&w, set);
    trunk.delete("/f");
    // It keeps the horizon between the deletion of the folder and that of what is in it.
    update(&w).unwrap();
    merged(&v);
    v.discard(false, Note::edit("Discarded")).unwrap();
    trunk.pack(Tid::MAX, false, &mut bough_store::unwatched).unwrap();
    drop((trunk, v, w));
    assert_sound(&open_on(Arc::new(disk)));
}

#[test]
fn case_31_a_discarded_version_that_was_packed_under_cannot_be_opened_again() {
    let disk = MemoryDisk::new();
    let trunk = open_on(Arc::new(disk.clone()));
    seed(&trunk, "/a title=one\n/b title=one\n");
    let v = version(&trunk, "v");
    v.set("/b", "title", "mine");
    v.discard(false, Note::edit("Discarded")).unwrap();
    let (shown, line) = (v.text(), v.line());
    trunk.set("/a", "title", "two");
    trunk.delete("/b");
    trunk.pack(Tid::MAX, false, &mut bough_store::unwatched).unwrap();
    drop((trunk, v));
    let trunk = open_on(Arc::new(disk));
    let again = Management { status: Some(LineStatus::Open), ..Management::default() };
    assert!(matches!(trunk.version("v"), Err(VersionError::PackedAway { .. })));
    let refused = trunk.on(line).unwrap().manage_version(&again, Note::edit("Opened"));
    assert!(
        matches!(refused, Err(VersionError::History(HistoryError::Packed { .. }))),
        "what it shows without its base is not {shown}: {refused:?}"
    );
}

#[test]
fn case_31_an_update_lets_the_horizon_go_on() {
    let trunk = seeded("/a title=one\n/b title=one\n");
    let v = version(&trunk, "v");
    v.set("/b", "title", "mine");
    let first = v.version_info().unwrap().needs;
    trunk.set("/a", "title", "two");
    update(&v).unwrap();
    let needs = v.version_info().unwrap().needs;
    assert!(needs > first);
    trunk.set("/a", "title", "three");
    let report = trunk.pack(Tid::MAX, false, &mut bough_store::unwatched).unwrap();
    assert_eq!((report.horizon, report.held_by), (needs, vec![("v".into(), needs)]));
    assert_eq!(v.text(), "/a title=two\n/b title=mine\n");
    assert_merges(&trunk, &v, "/a title=three\n/b title=mine\n");
}

#[test]
fn case_32_an_open_version_is_in_the_backup_with_its_base() {
    let folder = tempfile::tempdir().unwrap();
    let (backup, restored) = (folder.path().join("backup"), folder.path().join("restored"));
    let trunk = Database::open(&folder.path().join("data"), small_options()).unwrap().0;
    seed(&trunk, "/a title=one\n/b title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    v.move_path("/b", "/c");
    let w = version(&v, "w");
    seed(&w, "/new title=w\n");
    trunk.set("/a", "title", "two");
    trunk.backup(&mut BackupFolder::open(&backup).unwrap(), &mut bough_store::unwatched).unwrap();
    let shown = [&trunk, &v, &w].map(Database::text);
    v.set("/c", "title", "after the backup");
    trunk.set("/b", "title", "after the backup");
    restore_backup(&backup, &restored, &mut bough_store::unwatched).unwrap();
    let trunk = Database::open(&restored, small_options()).unwrap().0;
    let (v, w) = (trunk.version("v").unwrap(), trunk.version("w").unwrap());
    assert_eq!([&trunk, &v, &w].map(Database::text), shown);
    assert_sound(&trunk);
    settle(&v, the_versions);
    assert_merges(&trunk, &v, "/a title=mine\n/c title=one\n");
    merged(&w);
    assert_eq!(v.text(), "/a title=mine\n/c title=one\n/new title=w\n");
}

#[test]
fn case_36_two_people_in_one_version_merge_by_cell() {
    let trunk = seeded("/a body=b title=one\n/f\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    let (mut ann, mut bob) = (v.begin(), v.begin());
    let a = v.oid_at("/a");
    ann.set(a, &name("title"), Some("ann".into())).unwrap();
    bob.set(a, &name("body"), Some("bob".into())).unwrap();
    let f = bob.at(&path("/f")).unwrap();
    bob.add(f, &name("new"), &name("page"), []).unwrap();
    ann.add(f, &name("other"), &name("page"), []).unwrap();
    v.commit(ann, Note::edit("Ann")).unwrap().unwrap();
    v.commit(bob, Note::edit("Bob")).unwrap().unwrap();
    assert_eq!(v.text(), "/a body=bob title=ann\n/f\n/f/new\n/f/other\n");
    let (mut ann, mut bob) = (v.begin(), v.begin());
    ann.set(a, &name("title"), Some("x".into())).unwrap();
    bob.set(a, &name("title"), Some("y".into())).unwrap();
    v.commit(ann, Note::edit("Ann")).unwrap().unwrap();
    assert!(v.commit(bob, Note::edit("Bob")).is_err(), "the same cell");
    assert_merges(&trunk, &v, "/a body=bob title=x\n/f\n/f/new\n/f/other\n");
}

#[test]
fn case_36_a_draft_in_a_version_goes_on_over_an_update_and_a_merge() {
    let trunk = seeded("/a body=b title=one\n/b title=one\n");
    let v = version(&trunk, "v");
    v.set("/b", "title", "mine");
    let mut draft = v.begin();
    let a = v.oid_at("/a");
    draft.set(a, &name("title"), Some("drafted".into())).unwrap();
    trunk.set("/a", "body", "later");
    update(&v).unwrap();
    v.commit(draft, Note::edit("Drafted")).unwrap().unwrap();
    assert_eq!(v.text(), "/a body=later title=drafted\n/b title=mine\n");
    let mut draft = v.begin();
    draft.set(a, &name("title"), Some("drafted again".into())).unwrap();
    merged(&v);
    v.commit(draft, Note::edit("Drafted")).unwrap().unwrap();
    assert_merges(&trunk, &v, "/a body=later title=drafted again\n/b title=mine\n");
    let mut draft = v.begin();
    draft.set(a, &name("title"), Some("too late".into())).unwrap();
    trunk.set("/a", "title", "trunk");
    update(&v).unwrap();
    assert!(v.commit(draft, Note::edit("Drafted")).is_err(), "the update brought another title");
}

/// Whoever writes a second time by paths changes what is there.
#[test]
fn case_38_what_is_written_again_by_its_path_is_changed_not_doubled() {
    let trunk = seeded("/f\n");
    let v = version(&trunk, "v");
    let import = |title: &str| {
        v.doing(|draft| {
            let f = draft.at(&path("/f"))?;
            let page = match draft.child(f, "page").unwrap() {
                Some(page) => page,
                None => draft.add(f, &name("page"), &name("page"), [])?,
            };
            draft.set(page, &name("title"), Some(title.into()))
        })
    };
    import("first");
    let page = v.oid_at("/f/page");
    import("second");
    assert_eq!((v.oid_at("/f/page"), v.text().as_str()), (page, "/f\n/f/page title=second\n"));
    merged(&v);
    import("third");
    assert_eq!(v.oid_at("/f/page"), page);
    assert_merges(&trunk, &v, "/f\n/f/page title=third\n");
    assert_eq!(trunk.oid_at("/f/page"), page);
}

#[test]
fn names_of_versions_are_given_once_at_a_time() {
    let trunk = seeded("/a\n");
    let v = version(&trunk, "v");
    let again = bough_store::version::NewVersion { name: "v".into(), ..Default::default() };
    assert!(matches!(trunk.open_version(&again, Note::edit("Opened")), Err(VersionError::NameTaken(_))));
    v.discard(false, Note::edit("Discarded")).unwrap();
    let other = trunk.open_version(&again, Note::edit("Opened")).unwrap();
    assert_ne!(other.line(), v.line());
    assert_eq!(trunk.version("v").unwrap().line(), other.line());
    let open = Management { status: Some(LineStatus::Open), ..Management::default() };
    assert!(matches!(v.manage_version(&open, Note::edit("Opened")), Err(VersionError::NameTaken(_))));
}
