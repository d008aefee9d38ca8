//! What one side deleted and the other worked on.

use bough_core::merge::plan::{ConflictKey, ConflictKind, Deed, Notice, Resolution, Side};
use bough_core::{CellKey, Oid};
use bough_store::version::VersionConflict;
use bough_store::{BlockerReason, Database, Note, UndoChoices, UndoError};

use bough_store::testing::name;
use bough_store::version::Pick;

use crate::fork::{Fork, assert_merges, merge, settle, the_parents, the_versions, update};

fn inner(conflict: &VersionConflict) -> (Side, Vec<(Oid, Deed)>) {
    match &conflict.conflict.kind {
        ConflictKind::Deleted { by, inner, .. } => {
            (*by, inner.iter().map(|inner| (inner.oid, inner.deed)).collect())
        }
        other => panic!("{other:?}"),
    }
}

/// Nothing is to be written, as the trunk has it already.
fn settles_to_what_is_there(fork: &Fork, answer: fn(&Database, &VersionConflict) -> Resolution) {
    let (trunk, v) = fork.make();
    let before = trunk.text();
    settle(&v, answer);
    assert_eq!(merge(&v).unwrap().tid, None);
    assert_eq!(trunk.text(), before);
}

#[test]
fn case_05_a_deletion_meets_an_edit() {
    let fork = Fork {
        site: "/a title=one\n/b\n",
        version: |v| _ = v.delete("/a"),
        trunk: |trunk| _ = trunk.set("/a", "title", "two"),
    };
    let (trunk, _) = fork.make();
    let conflict = fork.conflict();
    assert_eq!(conflict.conflict.key, ConflictKey::Deleted(trunk.oid_at("/a")));
    assert_eq!(inner(&conflict), (Side::Version, vec![(trunk.oid_at("/a"), Deed::Edited)]));
    fork.settles(the_versions, "/b\n");
    settles_to_what_is_there(&fork, the_parents);
}

#[test]
fn case_05_an_edit_meets_a_deletion() {
    let fork = Fork {
        site: "/a title=one\n/b\n",
        version: |v| _ = v.set("/a", "title", "two"),
        trunk: |trunk| _ = trunk.delete("/a"),
    };
    assert_eq!(inner(&fork.conflict()).0, Side::Parent);
    fork.settles(the_versions, "/a title=two\n/b\n");
    settles_to_what_is_there(&fork, the_parents);
}

const EDITED_DEEP_INSIDE: Fork = Fork {
    site: "/f\n/f/g\n/f/g/x title=one\n/f/g/y title=one\n/f/z title=one\n/home\n",
    version: |v| _ = v.delete("/f"),
    trunk: |trunk| {
        trunk.set("/f/g/x", "title", "two");
        trunk.set("/f/g/y", "title", "two");
    },
};

#[test]
fn case_06_edits_deep_inside_what_was_deleted_are_one_question() {
    let (trunk, _) = EDITED_DEEP_INSIDE.make();
    let conflict = EDITED_DEEP_INSIDE.conflict();
    assert_eq!(conflict.conflict.key, ConflictKey::Deleted(trunk.oid_at("/f")));
    let edited = ["/f/g/x", "/f/g/y"].map(|at| (trunk.oid_at(at), Deed::Edited));
    assert_eq!(inner(&conflict), (Side::Version, edited.to_vec()));
    EDITED_DEEP_INSIDE.settles(the_versions, "/home\n");
    settles_to_what_is_there(&EDITED_DEEP_INSIDE, the_parents);
}

#[test]
fn case_06_single_objects_are_rescued_from_what_was_deleted() {
    let (trunk, v) = EDITED_DEEP_INSIDE.make();
    let (x, home) = (trunk.oid_at("/f/g/x"), trunk.oid_at("/home"));
    settle(&v, move |_, _| Resolution::Rescue(vec![(x, home)]));
    assert_merges(&trunk, &v, "/home\n/home/x title=two\n");
}

#[test]
fn case_07_an_object_moved_out_before_the_delete_survives() {
    let fork = Fork {
        site: "/f\n/f/x title=one\n/f/y\n/home\n",
        version: |v| _ = v.delete("/f"),
        trunk: |trunk| _ = trunk.move_path("/f/x", "/home/x"),
    };
    fork.merges_to("/home\n/home/x title=one\n");
    let (trunk, v) = fork.make();
    let (f, x) = (trunk.oid_at("/f"), trunk.oid_at("/home/x"));
    let notices = merge(&v).unwrap().plan.notices;
    assert_eq!(notices, [Notice::Survived { oid: x, deleted: f, by: Side::Version }]);
    let (trunk, v) = Fork { version: fork.trunk, trunk: fork.version, ..fork }.make();
    let tid = merge(&v).unwrap().tid.unwrap();
    assert_eq!((trunk.text(), v.text()), ("/home\n/home/x title=one\n".into(), trunk.text()));
    // Where it would go back to is deleted, and not by the merge.
    let refused = trunk.undo(&[tid], &UndoChoices::default(), Note::edit("Undid"));
    assert!(
        matches!(&refused, Err(UndoError::Blocked { blockers }) if blockers[0].reason == BlockerReason::ParentGone),
        "{refused:?}"
    );
}

const MOVED_IN: Fork = Fork {
    site: "/f\n/f/old\n/x title=x\n",
    version: |v| _ = v.delete("/f"),
    trunk: |trunk| {
        trunk.move_path("/x", "/f/x");
        trunk.add_text("/f/new title=n");
    },
};

#[test]
fn case_08_newcomers_in_what_was_deleted_are_asked_about() {
    let (trunk, v) = MOVED_IN.make();
    let [x, new] = ["/f/x", "/f/new"].map(|at| trunk.oid_at(at));
    let conflict = crate::fork::only_conflict(&v);
    let (by, mut inner) = inner(&conflict);
    inner.sort();
    let mut expected = vec![(x, Deed::MovedIn), (new, Deed::Added)];
    expected.sort();
    assert_eq!((by, inner), (Side::Version, expected));
    settles_to_what_is_there(&MOVED_IN, the_parents);
    let ConflictKind::Deleted { container, .. } = conflict.conflict.kind else { panic!("{conflict:?}") };
    settle(&v, move |_, _| Resolution::Rescue(vec![(x, container), (new, container)]));
    assert_merges(&trunk, &v, "/new title=n\n/x title=x\n");
}

#[test]
fn case_08_the_newcomers_can_go_with_the_folder() {
    MOVED_IN.settles(the_versions, "");
}

#[test]
fn case_09_a_deletion_on_both_sides_is_one() {
    let delete: fn(&Database) = |line| _ = line.delete("/f");
    Fork { site: "/f\n/f/x\n/b\n", version: delete, trunk: delete }.converges("/b\n");
}

#[test]
fn case_09_a_folder_and_what_is_in_it_deleted_by_one_each_are_gone() {
    let fork = Fork {
        site: "/f\n/f/x\n/b\n",
        version: |v| _ = v.delete("/f"),
        trunk: |trunk| _ = trunk.delete("/f/x"),
    };
    fork.merges_to("/b\n");
    let (trunk, v) = Fork { version: fork.trunk, trunk: fork.version, ..fork }.make();
    merge(&v).unwrap();
    assert_eq!((trunk.text().as_str(), v.text().as_str()), ("/b\n", "/b\n"));
}

#[test]
fn case_12_what_the_version_adds_in_a_folder_that_the_trunk_deleted_is_asked_about() {
    let fork = Fork {
        site: "/f\n/f/old\n/home\n",
        version: |v| _ = v.add_text("/f/new title=n"),
        trunk: |trunk| _ = trunk.delete("/f"),
    };
    let (trunk, v) = fork.make();
    let (new, home) = (v.oid_at("/f/new"), trunk.oid_at("/home"));
    let conflict = fork.conflict();
    assert_eq!(inner(&conflict).0, Side::Parent);
    assert_eq!(inner(&conflict).1.len(), 1);
    fork.settles(the_versions, "/f\n/f/new title=n\n/f/old\n/home\n");
    settles_to_what_is_there(&fork, the_parents);
    settle(&v, move |_, _| Resolution::Rescue(vec![(new, home)]));
    assert_merges(&trunk, &v, "/home\n/home/new title=n\n");
}

#[test]
fn case_12_what_the_version_moves_into_a_folder_that_the_trunk_deleted_is_asked_about() {
    let fork = Fork {
        site: "/f\n/x title=x\n",
        version: |v| _ = v.move_path("/x", "/f/x"),
        trunk: |trunk| _ = trunk.delete("/f"),
    };
    fork.settles(the_versions, "/f\n/f/x title=x\n");
    settles_to_what_is_there(&fork, the_parents);
}

#[test]
fn what_was_edited_and_then_deleted_with_its_folder_does_not_stop_an_update() {
    let fork = Fork {
        site: "/f\n/f/x title=one\n/f/h\n/b\n",
        version: |v| {
            v.set("/f/x", "title", "mine");
            v.move_path("/f/x", "/f/h/x");
            v.delete("/f");
        },
        trunk: |trunk| _ = trunk.set("/b", "title", "two"),
    };
    let (trunk, v) = fork.make();
    update(&v).unwrap();
    assert_eq!(v.text(), "/b title=two\n");
    assert_merges(&trunk, &v, "/b title=two\n");
    // Thrown away, what was edited does not bring its folder back.
    let (_, v) = fork.make();
    let x = CellKey::Attribute(name("title"));
    let pick = Pick::Cell(v.own_changes(0, 9).unwrap().objects[1].oid, x);
    let done = v.discard_part(&[pick], false, Note::edit("Discarded")).unwrap();
    assert_eq!((done.along.len(), v.text().as_str()), (0, "/b\n"));
}

#[test]
fn an_edit_given_up_below_what_the_trunk_deleted_does_not_stop_an_update() {
    let fork =
        Fork { version: EDITED_DEEP_INSIDE.trunk, trunk: EDITED_DEEP_INSIDE.version, ..EDITED_DEEP_INSIDE };
    let (trunk, v) = fork.make();
    settle(&v, the_parents);
    update(&v).unwrap();
    assert_eq!((v.text().as_str(), trunk.text().as_str()), ("/home\n", "/home\n"));
    settles_to_what_is_there(&fork, the_parents);
    fork.settles(the_versions, "/f\n/f/g\n/f/g/x title=two\n/f/g/y title=two\n/f/z title=one\n/home\n");
}
