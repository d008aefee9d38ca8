//! Names, places and standings: what both sides renamed, moved or put in order.

use bough_core::merge::plan::{ConflictKey, ConflictKind, Notice, Resolution, Side};
use bough_core::order::ORDERED;
use bough_core::{CellKey, Content, OrderKey};
use bough_store::Database;
use bough_store::testing::{name, path};

use crate::fork::{
    Fork, as_suggested, assert_merges, former, listed, merge, only_conflict, settle, the_parents,
    the_versions, undo,
};

#[test]
fn case_01_a_rename_in_the_version_and_an_edit_on_the_trunk_go_together() {
    let fork = Fork {
        site: "/a title=one body=x\n",
        version: |v| _ = v.move_path("/a", "/b"),
        trunk: |trunk| _ = trunk.set("/a", "title", "two"),
    };
    fork.merges_to("/b body=x title=two\n");
    let (trunk, v) = fork.make();
    let oid = trunk.oid_at("/a");
    merge(&v).unwrap();
    assert_eq!((former(&trunk, "a"), former(&v, "a")), (Some(oid), Some(oid)), "the old name leads on");
}

#[test]
fn case_02_what_the_trunk_does_in_a_folder_follows_where_the_version_moves_it() {
    let fork = Fork {
        site: "/a\n/a/x title=one\n/b\n",
        version: |v| _ = v.move_path("/a", "/b/a"),
        trunk: |trunk| {
            trunk.set("/a/x", "title", "two");
            trunk.add_text("/a/new title=n");
        },
    };
    fork.merges_to("/b\n/b/a\n/b/a/new title=n\n/b/a/x title=two\n");
    let mirrored = Fork { version: fork.trunk, trunk: fork.version, ..fork };
    mirrored.merges_to("/b\n/b/a\n/b/a/new title=n\n/b/a/x title=two\n");
}

#[test]
fn case_03_two_different_new_names_are_asked_about() {
    let fork = Fork {
        site: "/a title=one\n",
        version: |v| _ = v.move_path("/a", "/mine"),
        trunk: |trunk| _ = trunk.move_path("/a", "/theirs"),
    };
    let conflict = fork.conflict();
    assert!(matches!(&conflict.conflict.key, ConflictKey::Cell(_, CellKey::Place)));
    let ConflictKind::Cell { base, parent, version } = &conflict.conflict.kind else {
        panic!("{conflict:?}")
    };
    let called = |content: &Option<Content>| match content {
        Some(Content::Place(place)) => place.name.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!([base, parent, version].map(called), ["a", "theirs", "mine"]);
    let by = |made: &Option<bough_store::version::Made>| made.as_ref().map(|made| made.principal.clone());
    assert_eq!((by(&conflict.version), by(&conflict.parent)), (Some("tess".into()), Some("tess".into())));
    fork.settles(the_versions, "/mine title=one\n");
    // The version's name is given up: there is nothing to write.
    let (trunk, v) = fork.make();
    settle(&v, the_parents);
    assert_eq!(merge(&v).unwrap().tid, None);
    assert_eq!(trunk.text(), "/theirs title=one\n");
    let another = |_: &Database, conflict: &bough_store::version::VersionConflict| {
        let ConflictKind::Cell { parent: Some(Content::Place(place)), .. } = &conflict.conflict.kind else {
            panic!("{conflict:?}")
        };
        let place = bough_core::Place { name: name("third"), ..place.clone() };
        Resolution::Value(Some(Content::Place(place)))
    };
    fork.settles(another, "/third title=one\n");
}

#[test]
fn case_03_a_rename_on_one_side_and_a_move_on_the_other_go_together() {
    let fork = Fork {
        site: "/a title=one\n/box\n",
        version: |v| _ = v.move_path("/a", "/mine"),
        trunk: |trunk| _ = trunk.move_path("/a", "/box/a"),
    };
    fork.merges_to("/box\n/box/mine title=one\n");
}

#[test]
fn case_04_the_same_rename_or_move_on_both_sides_is_one() {
    let rename: fn(&Database) = |line| _ = line.move_path("/a", "/b");
    Fork { site: "/a title=one\n", version: rename, trunk: rename }.converges("/b title=one\n");
    let move_it: fn(&Database) = |line| _ = line.move_path("/a", "/box/a");
    Fork { site: "/a title=one\n/box\n", version: move_it, trunk: move_it }
        .converges("/box\n/box/a title=one\n");
}

#[test]
fn case_10_what_takes_the_name_of_a_deleted_object_keeps_it() {
    let fork = Fork {
        site: "/a title=one\n",
        version: |v| {
            v.delete("/a");
            v.add_text("/a title=new");
        },
        trunk: |trunk| _ = trunk.set("/a", "title", "two"),
    };
    fork.settles(the_versions, "/a title=new\n");
    let (trunk, v) = fork.make();
    settle(&v, the_parents);
    let conflict = only_conflict(&v);
    let ConflictKind::Name { rename, suggested, .. } = &conflict.conflict.kind else {
        panic!("{conflict:?}")
    };
    assert_eq!((*rename, suggested.as_str()), (Side::Parent, "a-2"), "what came back makes way");
    settle(&v, as_suggested);
    assert_merges(&trunk, &v, "/a title=new\n/a-2 title=two\n");
}

#[test]
fn case_10_an_unedited_object_makes_way_without_a_question() {
    let fork = Fork {
        site: "/a title=one\n/b\n",
        version: |v| {
            v.delete("/a");
            v.add_text("/a title=new");
        },
        trunk: |trunk| _ = trunk.set("/b", "title", "two"),
    };
    fork.merges_to("/a title=new\n/b title=two\n");
}

const ADDED_TWICE: Fork = Fork {
    site: "/box\n",
    version: |v| {
        v.add_text("/box/a folder title=mine own=1");
        v.add_text("/box/a/x title=x");
    },
    trunk: |trunk| {
        trunk.add_text("/box/a folder title=theirs other=2");
        trunk.add_text("/box/a/y title=y");
    },
};

#[test]
fn case_11_two_new_objects_of_one_name_are_asked_about() {
    let conflict = ADDED_TWICE.conflict();
    assert!(matches!(&conflict.conflict.key, ConflictKey::Name { name, .. } if *name == "a"), "{conflict:?}");
    let own = |at: &str| format!("/box/{at} own=1 title=mine\n/box/{at}/x title=x\n");
    let other = |at: &str| format!("/box/{at} other=2 title=theirs\n/box/{at}/y title=y\n");
    ADDED_TWICE.settles(as_suggested, &format!("/box\n{}{}", other("a"), own("a-2")));
    let rename = |rename: Side| move |_: &Database, _: &_| Resolution::Both { rename, to: name("b") };
    ADDED_TWICE.settles(rename(Side::Version), &format!("/box\n{}{}", other("a"), own("b")));
    ADDED_TWICE.settles(rename(Side::Parent), &format!("/box\n{}{}", own("a"), other("b")));
    ADDED_TWICE.settles(the_versions, &format!("/box\n{}", own("a")));
}

#[test]
fn case_11_the_versions_object_can_be_given_up() {
    let (trunk, v) = ADDED_TWICE.make();
    settle(&v, the_parents);
    assert_eq!(merge(&v).unwrap().tid, None, "there is nothing to write");
    assert_eq!(trunk.text(), "/box\n/box/a other=2 title=theirs\n/box/a/y title=y\n");
}

#[test]
fn case_11_the_same_thing_added_twice_becomes_one_by_its_cells() {
    let (trunk, v) = ADDED_TWICE.make();
    let same = |_: &Database, _: &_| Resolution::Same;
    settle(&v, same);
    let conflict = only_conflict(&v);
    assert!(
        matches!(&conflict.conflict.key, ConflictKey::Cell(_, CellKey::Attribute(title)) if *title == "title"),
        "only the title is not the same: {conflict:?}"
    );
    settle(&v, the_versions);
    assert_merges(&trunk, &v, "/box\n/box/a other=2 own=1 title=mine\n/box/a/x title=x\n/box/a/y title=y\n");
}

/// An update that gave the version's object a name for the first time was refused: the name seemed to be taken by the
/// object that the same update moved out of the way.
#[test]
fn what_both_sides_bring_to_one_name_is_asked_about_also_where_each_did_half() {
    let fork = Fork {
        site: "/a title=a\n/box\n/q title=q\n",
        version: |v| _ = v.move_path("/a", "/box/a"),
        trunk: |trunk| {
            trunk.move_path("/a", "/d");
            trunk.move_path("/q", "/box/d");
        },
    };
    let rename = |rename: Side| move |_: &Database, _: &_| Resolution::Both { rename, to: name("d-2") };
    fork.settles(rename(Side::Parent), "/box\n/box/d title=a\n/box/d-2 title=q\n");
    fork.settles(rename(Side::Version), "/box\n/box/d title=q\n/box/d-2 title=a\n");
    fork.settles(the_versions, "/box\n/box/d title=a\n/q title=q\n");
    let added = Fork {
        site: "/a title=a\n/box\n",
        trunk: |trunk| {
            trunk.move_path("/a", "/d");
            trunk.add_text("/box/d title=new");
        },
        ..fork
    };
    added.settles(rename(Side::Parent), "/box\n/box/d title=a\n/box/d-2 title=new\n");
    added.settles(the_versions, "/box\n/box/d title=a\n");
}

#[test]
fn case_13_two_folders_moved_into_each_other_are_asked_about() {
    let fork = Fork {
        site: "/x\n/x/in title=x\n/y\n",
        version: |v| _ = v.move_path("/x", "/y/x"),
        trunk: |trunk| _ = trunk.move_path("/y", "/x/y"),
    };
    let (trunk, _) = fork.make();
    let (x, y) = (trunk.oid_at("/x"), trunk.oid_at("/x/y"));
    let conflict = fork.conflict();
    let ConflictKind::Cycle { version_moves, parent_moves } = &conflict.conflict.kind else {
        panic!("{conflict:?}")
    };
    assert_eq!((version_moves.as_slice(), parent_moves.as_slice()), (&[x][..], &[y][..]));
    fork.settles(the_versions, "/y\n/y/x\n/y/x/in title=x\n");
    let (trunk, v) = fork.make();
    settle(&v, the_parents);
    assert_eq!(merge(&v).unwrap().tid, None);
    assert_eq!(trunk.text(), "/x\n/x/in title=x\n/x/y\n");
}

#[test]
fn case_13_a_longer_circle_shows_the_moves_that_make_it() {
    let fork = Fork {
        site: "/a\n/b\n/c\n/d title=d\n",
        version: |v| {
            v.move_path("/a", "/b/a");
            v.set("/d", "title", "mine");
        },
        trunk: |trunk| {
            trunk.move_path("/c", "/a/c");
            trunk.move_path("/b", "/a/c/b");
        },
    };
    let (trunk, _) = fork.make();
    let [a, b, c] = ["/a", "/a/c/b", "/a/c"].map(|at| trunk.oid_at(at));
    let conflict = fork.conflict();
    let ConflictKind::Cycle { version_moves, parent_moves } = &conflict.conflict.kind else {
        panic!("{conflict:?}")
    };
    assert_eq!(version_moves, &[a]);
    assert!(parent_moves.contains(&b) && parent_moves.iter().all(|oid| [b, c].contains(oid)));
    fork.settles(the_parents, "/a\n/a/c\n/a/c/b\n/d title=mine\n");
    let (trunk, v) = fork.make();
    settle(&v, the_versions);
    merge(&v).unwrap().tid.unwrap();
    assert!(trunk.exists("/b/a") && trunk.text().contains("/d title=mine"), "{}", trunk.text());
}

fn put_first(line: &Database, at: &str) {
    put(line, at, |orders| OrderKey::between(None, orders.first()));
}

fn put_last(line: &Database, at: &str) {
    put(line, at, |orders| OrderKey::between(orders.last(), None));
}

fn put(line: &Database, at: &str, order: fn(&[OrderKey]) -> OrderKey) {
    use bough_core::Snapshot as _;
    let oid = line.oid_at(at);
    let snapshot = line.snapshot();
    let parent = snapshot.object(oid).unwrap().unwrap().place().unwrap().parent;
    let page = bough_core::snapshot::ChildrenPage::first(usize::MAX);
    let orders: Vec<OrderKey> =
        snapshot.children(parent, &page).unwrap().into_iter().map(|child| child.order).collect();
    line.doing(|draft| {
        let oid = draft.at(&path(at))?;
        draft.reorder(oid, order(&orders))
    });
}

#[test]
fn case_14_different_children_put_elsewhere_stand_where_each_side_put_them() {
    let fork = Fork {
        site: "/f\n/f/a\n/f/b\n/f/c\n/f/d\n",
        version: |v| put_first(v, "/f/d"),
        trunk: |trunk| put_last(trunk, "/f/a"),
    };
    let (trunk, v) = fork.make();
    assert_eq!((listed(&v, "/f"), listed(&trunk, "/f")), (names("dabc"), names("bcda")));
    merge(&v).unwrap().tid.unwrap();
    assert_eq!((listed(&v, "/f"), listed(&trunk, "/f")), (names("dbca"), names("dbca")));
}

fn names(letters: &str) -> Vec<String> {
    letters.chars().map(String::from).collect()
}

#[test]
fn case_14_the_same_child_put_elsewhere_by_both_stands_where_the_trunk_has_it() {
    let fork = Fork {
        site: "/f\n/f/a\n/f/b\n/f/c\n/f/d\n",
        version: |v| {
            put_first(v, "/f/c");
            v.set("/f/c", "title", "mine");
        },
        trunk: |trunk| put_last(trunk, "/f/c"),
    };
    let (trunk, v) = fork.make();
    let done = merge(&v).unwrap();
    assert_eq!(done.plan.notices, [Notice::OrderOfParent(trunk.oid_at("/f/c"))]);
    assert_eq!((listed(&v, "/f"), listed(&trunk, "/f")), (names("abdc"), names("abdc")));
    assert_eq!(trunk.text(), "/f\n/f/a\n/f/b\n/f/c title=mine\n/f/d\n");
}

#[test]
fn case_14_the_same_child_put_elsewhere_by_both_is_asked_about_where_the_order_matters() {
    let fork = Fork {
        site: "/f\n/f/a\n/f/b\n/f/c\n/f/d\n",
        version: |v| put_first(v, "/f/c"),
        trunk: |trunk| {
            trunk.doing(|draft| {
                let folder = draft.at(&path("/f"))?;
                draft.set(folder, &name(ORDERED), Some(true.into()))
            });
            put_last(trunk, "/f/c");
        },
    };
    for (choose, order) in [(the_versions as fn(&Database, &_) -> _, "cabd"), (the_parents, "abdc")] {
        let (trunk, v) = fork.make();
        let conflict = only_conflict(&v);
        let c = trunk.oid_at("/f/c");
        assert_eq!(conflict.conflict.key, ConflictKey::Cell(c, CellKey::Place));
        assert!(conflict.conflict.is_about_standing());
        assert!(merge(&v).is_err());
        settle(&v, choose);
        let merged = merge(&v).unwrap().tid;
        assert_eq!((listed(&v, "/f"), listed(&trunk, "/f")), (names(order), names(order)));
        assert_eq!(merged.is_some(), order == "cabd");
        if let Some(tid) = merged {
            undo(&trunk, tid);
            assert_eq!(listed(&trunk, "/f"), names("abdc"));
        }
    }
    // An update asks alike, and what was settled then stays so.
    let (trunk, v) = fork.make();
    assert!(crate::fork::update(&v).is_err());
    settle(&v, the_versions);
    crate::fork::update(&v).unwrap();
    merge(&v).unwrap().tid.unwrap();
    assert_eq!(listed(&trunk, "/f"), names("cabd"));
}

#[test]
fn what_the_trunk_moved_elsewhere_is_not_listed_there_in_a_version_that_holds_its_place() {
    let fork = Fork {
        site: "/f\n/f/x title=x\n/g\n/h\n/h/y\n",
        version: |v| _ = v.move_path("/f/x", "/g/x"),
        trunk: |trunk| _ = trunk.move_path("/f/x", "/h/x"),
    };
    let (trunk, v) = fork.make();
    settle(&v, the_versions);
    crate::fork::update(&v).unwrap();
    assert_eq!(v.text(), "/f\n/g\n/g/x title=x\n/h\n/h/y\n");
    assert_eq!((listed(&v, "/h"), v.exists("/h/x")), (vec!["y".to_owned()], false));
    let w = crate::fork::version(&v, "w");
    assert_eq!((listed(&w, "/h"), w.exists("/h/x"), w.text()), (vec!["y".to_owned()], false, v.text()));
    assert_merges(&trunk, &v, "/f\n/g\n/g/x title=x\n/h\n/h/y\n");
}
