//! Merging again and in parts, taking a merge back, and what is undone below a version.

use bough_core::CellKey;
use bough_core::merge::plan::{ConflictKind, Side};
use bough_store::testing::{name, seed, seeded};
use bough_store::version::{MergeChoice, Pick, VersionError};
use bough_store::{BlockerReason, Database, LineStatus, Note, UndoChoices, UndoError};

use crate::fork::{
    assert_merges, assert_sound, merge, merged, only_conflict, settle, the_parents, the_versions, undo,
    update, version,
};

fn merged_part(v: &Database, picks: &[Pick]) -> bough_store::version::Merged {
    let choice = MergeChoice { only: Some(picks.to_vec()), close: false };
    v.merge(&choice, Note::edit("Merged a part")).unwrap()
}

#[test]
fn case_23_a_version_that_stays_open_merges_only_what_is_new() {
    let trunk = seeded("/a title=one\n/b title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    let first = merged(&v);
    assert_eq!(v.version_info().unwrap().base, first, "it lies on the merge now");
    assert!(v.own_changes(0, 9).unwrap().objects.is_empty());
    assert_eq!(merge(&v).unwrap().tid, None);
    assert_eq!((trunk.head(), v.head()), (first, first), "merging nothing makes no commit");
    // What the trunk does to what was merged is nobody's conflict.
    trunk.set("/a", "title", "later");
    v.set("/b", "title", "mine");
    let plan = v.merge_preview(&MergeChoice::default()).unwrap();
    assert_eq!((plan.objects, plan.conflicts.len()), (1, 0));
    merged(&v);
    assert_eq!(trunk.text(), "/a title=later\n/b title=mine\n");
    assert_eq!(v.text(), trunk.text());
}

#[test]
fn case_24_a_part_is_merged_and_then_the_rest() {
    let trunk = seeded("/a title=one\n/b title=one\n/c title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    seed(&v, "/new\n/new/inner\n/new/inner/page title=n\n");
    v.move_path("/b", "/new/b");
    let shown = v.text();
    let choice = MergeChoice { only: Some(vec![Pick::Object(v.oid_at("/new/b"))]), close: false };
    let plan = v.merge_preview(&choice).unwrap();
    assert_eq!(plan.along, [v.oid_at("/new")], "what it stands in comes along, and this is said before");
    assert_eq!(trunk.text(), "/a title=one\n/b title=one\n/c title=one\n");
    merged_part(&v, &[Pick::Object(v.oid_at("/new/b"))]);
    assert_eq!(trunk.text(), "/a title=one\n/c title=one\n/new\n/new/b title=one\n");
    assert_eq!(v.text(), shown, "the version shows what it showed");
    trunk.set("/new/b", "title", "later");
    assert_eq!(v.text(), shown);
    merged_part(&v, &[Pick::Below(v.oid_at("/new/inner"))]);
    assert_eq!(
        trunk.text(),
        "/a title=one\n/c title=one\n/new\n/new/b title=later\n/new/inner\n/new/inner/page title=n\n"
    );
    assert_eq!(v.text(), shown);
    assert_merges(
        &trunk,
        &v,
        "/a title=mine\n/c title=one\n/new\n/new/b title=later\n/new/inner\n/new/inner/page title=n\n",
    );
}

#[test]
fn case_24_single_cells_are_merged() {
    let trunk = seeded("/a body=one title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    v.set("/a", "body", "mine");
    let title = Pick::Cell(v.oid_at("/a"), CellKey::Attribute(name("title")));
    merged_part(&v, &[title]);
    assert_eq!(trunk.text(), "/a body=one title=mine\n");
    // Changed again on both sides, it is compared with what was merged.
    v.set("/a", "title", "again");
    let body = Pick::Cell(v.oid_at("/a"), CellKey::Attribute(name("body")));
    merged_part(&v, &[body]);
    assert_eq!(trunk.text(), "/a body=mine title=mine\n");
    trunk.set("/a", "title", "later");
    let conflict = only_conflict(&v);
    let ConflictKind::Cell { base, .. } = &conflict.conflict.kind else { panic!("{conflict:?}") };
    assert_eq!(format!("{base:?}"), "Some(Value(Text(\"mine\")))");
    settle(&v, the_versions);
    assert_merges(&trunk, &v, "/a body=mine title=again\n");
}

#[test]
fn case_24_the_undo_of_a_partial_merge_lets_it_be_merged_again() {
    let trunk = seeded("/a title=one\n/b title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    v.set("/b", "title", "mine");
    seed(&v, "/new title=n\n");
    let picks = [Pick::Object(v.oid_at("/a")), Pick::Object(v.oid_at("/new"))];
    let shown = v.text();
    let tid = merged_part(&v, &picks).tid.unwrap();
    undo(&trunk, tid);
    assert_eq!((trunk.text().as_str(), v.text()), ("/a title=one\n/b title=one\n", shown.clone()));
    update(&v).unwrap();
    assert_eq!(v.text(), shown, "an update does not take it from the version");
    merged_part(&v, &picks);
    assert_eq!(trunk.text(), "/a title=mine\n/b title=one\n/new title=n\n");
    assert_merges(&trunk, &v, "/a title=mine\n/b title=mine\n/new title=n\n");
}

#[test]
fn case_24_what_was_decided_for_the_trunk_is_not_asked_or_merged_again() {
    let trunk = seeded("/a title=one\n/b title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    v.set("/b", "title", "mine");
    trunk.set("/a", "title", "theirs");
    settle(&v, the_parents);
    merged_part(&v, &[Pick::Object(v.oid_at("/a")), Pick::Object(v.oid_at("/b"))]);
    assert_eq!(trunk.text(), "/a title=theirs\n/b title=mine\n");
    assert_eq!(merge(&v).unwrap().tid, None, "there is nothing more to merge");
    assert_eq!(v.text(), trunk.text());
    assert_eq!(trunk.text(), "/a title=theirs\n/b title=mine\n");
}

#[test]
fn case_25_a_version_that_went_on_has_both_after_the_undo_of_its_merge() {
    let trunk = seeded("/a body=one title=one\n/b title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    v.set("/a", "body", "mine");
    v.move_path("/b", "/c");
    let tid = merged(&v);
    v.set("/a", "title", "again");
    v.delete("/c");
    let shown = v.text();
    undo(&trunk, tid);
    assert_eq!(trunk.text(), "/a body=one title=one\n/b title=one\n");
    assert_eq!(v.text(), shown, "what it did later lies over what it got back");
    assert_eq!(v.version_info().unwrap().status, LineStatus::Open);
    assert_merges(&trunk, &v, "/a body=mine title=again\n");
}

#[test]
fn case_25_the_undo_of_a_merge_opens_the_version_that_it_closed() {
    let trunk = seeded("/a title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    let choice = MergeChoice { only: None, close: true };
    let tid = v.merge(&choice, Note::edit("Merged")).unwrap().tid.unwrap();
    assert_eq!(v.version_info().unwrap().status, LineStatus::Closed);
    undo(&trunk, tid);
    assert_eq!(v.version_info().unwrap().status, LineStatus::Open);
    assert_merges(&trunk, &v, "/a title=mine\n");
}

#[test]
fn case_25_the_undo_can_leave_the_version_as_it_is() {
    let trunk = seeded("/a title=one\n/b title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    let choice = MergeChoice { only: None, close: true };
    let tid = v.merge(&choice, Note::edit("Merged")).unwrap().tid.unwrap();
    let choices = UndoChoices { reopen: false, ..UndoChoices::default() };
    trunk.undo(&[tid], &choices, Note::edit("Undid")).unwrap().unwrap();
    assert_eq!(trunk.text(), "/a title=one\n/b title=one\n");
    assert_eq!(v.version_info().unwrap().status, LineStatus::Closed);
    assert!(v.own_changes(0, 9).unwrap().objects.is_empty());
    assert_sound(&trunk);
}

#[test]
fn case_25_new_objects_and_folders_come_back_after_undo_and_update() {
    let trunk = seeded("/a title=one\n/box\n/box/x title=x\n");
    let v = version(&trunk, "v");
    seed(&v, "/new\n/new/page title=n\n");
    v.move_path("/box/x", "/new/x");
    v.move_path("/a", "/box/a");
    v.delete("/box/a");
    assert_merges(&trunk, &v, "/box\n/new\n/new/page title=n\n/new/x title=x\n");
}

#[test]
fn case_25_an_update_to_before_the_undo_is_refused_and_loses_nothing() {
    let trunk = seeded("/a title=one\n/b title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    let tid = merged(&v);
    let between = trunk.set("/b", "title", "later");
    undo(&trunk, tid);
    let refused = v.update(Some(between), Note::edit("Updated"));
    assert!(matches!(refused, Err(VersionError::TooOld { asked, .. }) if asked == between), "{refused:?}");
    assert_eq!(v.text(), "/a title=mine\n/b title=one\n", "nothing happened");
    update(&v).unwrap();
    assert_eq!(v.text(), "/a title=mine\n/b title=later\n");
    merged(&v);
    assert_eq!(trunk.text(), "/a title=mine\n/b title=later\n");
}

#[test]
fn case_24_an_update_to_before_the_partial_merge_is_refused_and_loses_nothing() {
    let trunk = seeded("/a title=one\n/b title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    let between = trunk.set("/b", "title", "later");
    merged_part(&v, &[Pick::Object(v.oid_at("/a"))]);
    let refused = v.update(Some(between), Note::edit("Updated"));
    assert!(matches!(refused, Err(VersionError::TooOld { asked, .. }) if asked == between), "{refused:?}");
    assert_eq!(v.text(), "/a title=mine\n/b title=one\n", "nothing happened");
    update(&v).unwrap();
    assert_eq!((v.text(), trunk.text()), ("/a title=mine\n/b title=later\n".into(), v.text()));
}

#[test]
fn case_26_a_merge_under_later_edits_is_undone_as_far_as_it_goes() {
    let trunk = seeded("/a title=one\n/b title=one\n/c title=one\n");
    let v = version(&trunk, "v");
    for at in ["/a", "/b"] {
        v.set(at, "title", "mine");
    }
    v.move_path("/c", "/d");
    let tid = merged(&v);
    let later = trunk.set("/a", "title", "later");
    let refused = trunk.undo(&[tid], &UndoChoices::default(), Note::edit("Undid")).unwrap_err();
    let UndoError::Blocked { blockers } = refused else { panic!("{refused}") };
    let title = CellKey::Attribute(name("title"));
    let a = trunk.oid_at("/a");
    assert!(
        matches!(&blockers[..], [one] if one.oid == a
            && matches!(&one.reason, BlockerReason::Cell(cell) if cell.cell == title)
            && one.later.as_ref().is_some_and(|record| record.tid == later)),
        "{blockers:?}"
    );
    let before = v.text();
    assert_eq!(before, "/a title=mine\n/b title=mine\n/d title=one\n", "a refused undo changes no line");
    let choices = UndoChoices { skip: vec![(a, title)], ..UndoChoices::default() };
    trunk.undo(&[tid], &choices, Note::edit("Undid")).unwrap().unwrap();
    assert_eq!(trunk.text(), "/a title=later\n/b title=one\n/c title=one\n");
    assert_eq!(v.text(), before);
    assert_sound(&trunk);
    let plan = v.merge_preview(&MergeChoice::default()).unwrap();
    assert!(plan.conflicts.is_empty(), "what was not undone is no conflict: {:?}", plan.conflicts);
    merged(&v);
    assert_eq!(trunk.text(), "/a title=later\n/b title=mine\n/d title=one\n");
}

#[test]
fn case_26_a_merge_and_the_later_edit_are_undone_together() {
    let trunk = seeded("/a title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    let tid = merged(&v);
    let later = trunk.set("/a", "title", "later");
    trunk.undo(&[tid, later], &UndoChoices::default(), Note::edit("Undid")).unwrap().unwrap();
    assert_eq!((trunk.text().as_str(), v.text().as_str()), ("/a title=one\n", "/a title=mine\n"));
    assert_merges(&trunk, &v, "/a title=mine\n");
}

#[test]
fn case_27_what_is_undone_on_the_trunk_below_a_version_stays_in_its_view() {
    let trunk = seeded("/a title=one\n/b title=one\n");
    let set = trunk.set("/a", "title", "two");
    let added = trunk.add_text("/new title=n");
    let v = version(&trunk, "v");
    v.set("/b", "title", "mine");
    let shown = v.text();
    undo(&trunk, set);
    undo(&trunk, added);
    assert_eq!(v.text(), shown);
    let preview = v.update_preview(None).unwrap();
    assert!(preview.conflicts.is_empty());
    update(&v).unwrap();
    assert_eq!(v.text(), "/a title=one\n/b title=mine\n", "what it did not touch follows");
    assert_merges(&trunk, &v, "/a title=one\n/b title=mine\n");
}

#[test]
fn case_27_an_edit_of_what_was_made_by_an_undone_commit_is_asked_about() {
    let fork = || {
        let trunk = seeded("/b title=one\n");
        let added = trunk.add_text("/new title=n");
        let v = version(&trunk, "v");
        v.set("/new", "title", "mine");
        let undone = undo(&trunk, added);
        (trunk, v, undone)
    };
    let (trunk, v, undone) = fork();
    let conflict = only_conflict(&v);
    assert!(
        matches!(&conflict.conflict.kind, ConflictKind::Deleted { by: Side::Parent, .. }),
        "{conflict:?}"
    );
    assert_eq!(conflict.parent.as_ref().map(|made| made.tid), Some(undone), "it says who undid it");
    settle(&v, the_versions);
    assert_merges(&trunk, &v, "/b title=one\n/new title=mine\n");
    let (trunk, v, _) = fork();
    settle(&v, the_parents);
    assert_eq!(merge(&v).unwrap().tid, None);
    assert_eq!(trunk.text(), "/b title=one\n");
}

#[test]
fn case_27_a_value_edited_over_an_undone_one_is_asked_about() {
    let trunk = seeded("/a title=one\n");
    let set = trunk.set("/a", "title", "two");
    let v = version(&trunk, "v");
    v.set("/a", "title", "two and a half");
    undo(&trunk, set);
    let conflict = only_conflict(&v);
    assert!(matches!(&conflict.conflict.kind, ConflictKind::Cell { .. }));
    settle(&v, the_versions);
    assert_merges(&trunk, &v, "/a title=two and a half\n");
}

#[test]
fn two_versions_merged_in_either_order_give_the_same() {
    let both = |first: usize| {
        let trunk = seeded("/a body=b title=one\n/f\n/f/x\n");
        let versions = [version(&trunk, "v"), version(&trunk, "w")];
        versions[0].set("/a", "title", "v");
        versions[0].move_path("/f/x", "/x");
        versions[1].set("/a", "body", "w");
        seed(&versions[1], "/f/new title=w\n");
        merged(&versions[first]);
        merged(&versions[1 - first]);
        trunk.text()
    };
    assert_eq!(both(0), both(1));
    assert_eq!(both(0), "/a body=w title=v\n/f\n/f/new title=w\n/x\n");
}

#[test]
fn a_merge_that_closes_the_version_closes_it_also_where_there_is_nothing_to_merge() {
    let trunk = seeded("/a title=one\n");
    let v = version(&trunk, "v");
    let choice = MergeChoice { only: None, close: true };
    v.merge(&choice, Note::edit("Merged")).unwrap();
    assert_eq!(v.version_info().unwrap().status, LineStatus::Closed);
}

#[test]
fn a_decision_that_leaves_nothing_to_write_is_done_with_the_merge() {
    let trunk = seeded("/a title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    trunk.set("/a", "title", "theirs");
    settle(&v, the_parents);
    merge(&v).unwrap();
    assert!(v.conflicts().unwrap().is_empty(), "what was merged is no conflict any more");
    assert_eq!(v.text(), trunk.text());
}

#[test]
fn nothing_selected_is_refused() {
    let trunk = seeded("/a title=one\n/b\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    let choice = MergeChoice { only: Some(vec![Pick::Object(v.oid_at("/b"))]), close: false };
    assert!(matches!(v.merge(&choice, Note::edit("Merged")), Err(VersionError::NothingSelected)));
}
