//! The tricky cases of merging, by their numbers in the table of what must come of each.

use super::*;
use crate::Value;
use crate::object_type::{AttributeSpec, PlainType, TypeSchema};
use crate::order::ORDERED;
use crate::value::{BlobRef, Digest};

fn version(_: &Conflict) -> Resolution {
    Resolution::Version
}

fn parent(_: &Conflict) -> Resolution {
    Resolution::Parent
}

/// Each object goes where it is told by paths of the parent line.
fn rescue(fork: &Fork, moves: &[(&str, &str)]) -> Resolution {
    let at = |path: &str| {
        let path = ObjectPath::parse(path).unwrap();
        let found = [&fork.parent, &fork.version, &fork.base].map(|tree| crate::snapshot::find(tree, &path));
        found.into_iter().find_map(Result::unwrap).unwrap()
    };
    Resolution::Rescue(moves.iter().map(|(oid, to)| (at(oid), at(to))).collect())
}

/// What is renamed goes by the name that was suggested.
fn both(conflict: &Conflict) -> Resolution {
    match &conflict.kind {
        ConflictKind::Name { rename, suggested, .. } => {
            Resolution::Both { rename: *rename, to: suggested.clone() }
        }
        _ => panic!("{conflict:?} is not about a name"),
    }
}

#[test]
fn case_01_rename_on_one_side_and_edit_on_the_other() {
    for (v, p) in [("move /a /b", "set /a title B"), ("set /a title B", "move /a /b")] {
        Fork::after("/a title=A", v, p).check("", "/b title=B");
    }
}

#[test]
fn case_02_move_on_one_side_and_work_inside_on_the_other() {
    let base = "/f/x n=1\n/g";
    for (v, p) in [("move /f /g/f", "set /f/x n 2; add /f/y"), ("set /f/x n 2; add /f/y", "move /f /g/f")] {
        Fork::after(base, v, p).check("", "/g\n/g/f\n/g/f/x n=2\n/g/f/y");
    }
}

#[test]
fn case_03_rename_to_different_names_on_both_sides() {
    let fork = Fork::after("/a title=A", "move /a /b", "move /a /c");
    fork.check("cell /c place", "/c title=A");
    fork.check_settled(version, "/b title=A");
    fork.check_settled(parent, "/c title=A");
    let value = |fork: &Fork, path: &str, to: Oid| {
        let place = fork.parent.object(oid_at(&fork.parent, path)).unwrap().unwrap();
        let place = Place { parent: to, name: name("d"), ..place.place().unwrap().clone() };
        Resolution::Value(Some(Content::Place(place)))
    };
    fork.check_settled(|_| value(&fork, "/c", Oid::ROOT), "/d title=A");
    let itself = oid_at(&fork.parent, "/c");
    fork.check_refused(value(&fork, "/c", Oid::from_u128(u128::MAX)));
    fork.check_refused(Resolution::Value(None));
    fork.check_refused(Resolution::Rescue(vec![(itself, Oid::ROOT)]));
}

/// A choice decides only about that in which the two sides differ.
#[test]
fn case_03_moves_to_different_places_and_a_rename_on_one_side() {
    let fork = Fork::after("/a\n/f\n/g", "move /a /f/a", "move /a /g/b");
    fork.check("cell /g/b place", "/f\n/g\n/g/b");
    fork.check_settled(version, "/f\n/f/b\n/g");
    fork.check_settled(parent, "/f\n/g\n/g/b");
    Fork::after("/a\n/f", "move /a /f/b", "move /a /c").check("cell /c place", "/f\n/f/c");
}

#[test]
fn case_04_the_same_rename_or_move_on_both_sides() {
    Fork::after("/a\n/f", "move /a /b", "move /a /b").check("", "/b\n/f");
    Fork::after("/a\n/f", "move /a /f/a", "move /a /f/a").check("", "/f\n/f/a");
}

#[test]
fn case_05_delete_in_the_version_and_edit_on_the_parent_line() {
    let fork = Fork::after("/a title=A\n/g", "delete /a", "set /a title B");
    fork.check("deleted /a by version: /a edited", "/g");
    fork.check_settled(version, "/g");
    fork.check_settled(parent, "/a title=B\n/g");
    fork.check_settled(|_| rescue(&fork, &[("/a", "/g")]), "/g\n/g/a title=B");
    for nonsense in [
        rescue(&fork, &[("/a", "/a")]),
        rescue(&fork, &[("/g", "/")]),
        Resolution::Same,
        Resolution::Value(None),
        Resolution::Both { rename: Side::Version, to: name("b") },
    ] {
        fork.check_refused(nonsense);
    }
}

#[test]
fn case_05_delete_on_the_parent_line_and_edit_in_the_version() {
    let fork = Fork::after("/a title=A k=1\n/g", "set /a title B", "set /a k 2; delete /a");
    fork.check("deleted /a by parent: /a edited", "/g");
    fork.check_settled(parent, "/g");
    fork.check_settled(version, "/a k=2 title=B\n/g");
    fork.check_settled(|_| rescue(&fork, &[("/a", "/g")]), "/g\n/g/a k=2 title=B");
    for moved in ["move /a /b", "move /a /g/a"] {
        let fork = Fork::after("/a title=A\n/g", moved, "delete /a");
        fork.check(&format!("deleted /{} by parent: /{} moved", &moved[9..], &moved[9..]), "/g");
        fork.check_settled(parent, "/g");
    }
}

#[test]
fn case_06_delete_of_a_subtree_and_edits_deep_inside() {
    let base = "/f/x/y t=1\n/f/z t=1\n/f/still\n/g";
    let fork = Fork::after(base, "delete /f", "set /f/x/y t 2; set /f/z t 2");
    fork.check("deleted /f by version: /f/x/y edited, /f/z edited", "/g");
    fork.check_settled(version, "/g");
    fork.check_settled(parent, "/f\n/f/x\n/f/x/y t=2\n/f/z t=2\n/f/still\n/g");
    fork.check_settled(|_| rescue(&fork, &[("/f/x/y", "/g"), ("/f/z", "/")]), "/z t=2\n/g\n/g/y t=2");
    fork.check_settled(|_| rescue(&fork, &[("/f/x", "/g")]), "/g\n/g/x\n/g/x/y t=2");

    let fork = Fork::after(base, "set /f/x/y t 2; set /f/z t 2", "delete /f");
    fork.check("deleted /f by parent: /f/x/y edited, /f/z edited", "/g");
    fork.check_settled(parent, "/g");
    fork.check_settled(version, "/f\n/f/x\n/f/x/y t=2\n/f/z t=2\n/f/still\n/g");
    fork.check_settled(|_| rescue(&fork, &[("/f/z", "/g")]), "/g\n/g/z t=2");
}

/// Undoing the outer deletion does not undo the one inside.
#[test]
fn case_06_deletions_inside_each_other_are_settled_one_after_the_other() {
    let base = "/f/x/y t=1\n/g";
    let fork = Fork::after(base, "delete /f/x; delete /f", "set /f/x/y t 2");
    fork.check("deleted /f by version: /f/x/y edited", "/g");
    fork.check_settled(parent, "/f\n/f/x\n/f/x/y t=2\n/g");
    let outer_only = |conflict: &Conflict| match conflict.key {
        ConflictKey::Deleted(oid) if oid == oid_at(&fork.base, "/f") => Resolution::Parent,
        _ => Resolution::Version,
    };
    fork.check_settled(outer_only, "/f\n/g");
}

#[test]
fn case_07_what_was_moved_out_before_survives_the_deletion() {
    let base = "/f/x t=1\n/f/z";
    for (v, p, survivor) in [
        ("delete /f", "move /f/x /x; set /x t 2", "/x version"),
        ("move /f/x /x; set /x t 2", "delete /f", "/x parent"),
    ] {
        let fork = Fork::after(base, v, p);
        fork.check("", "/x t=2");
        assert_eq!(fork.survivors(), [survivor]);
    }
    let fork = Fork::after(base, "move /f/x /x; delete /f", "");
    fork.check("", "/x t=1");
    assert!(fork.survivors().is_empty(), "the version's own moves are no news");
}

#[test]
fn case_08_something_was_moved_or_added_into_what_the_version_deleted() {
    let fork = Fork::after("/f/z\n/m t=1", "delete /f", "move /m /f/m; add /f/n");
    fork.check("deleted /f by version: /f/m movedin, /f/n added", "");
    fork.check_settled(parent, "/f\n/f/z\n/f/m t=1\n/f/n");
    fork.check_settled(version, "");
    let newcomers = |conflict: &Conflict| match &conflict.kind {
        ConflictKind::Deleted { inner, container, .. } => {
            Resolution::Rescue(inner.iter().map(|inner| (inner.oid, *container)).collect())
        }
        _ => both(conflict),
    };
    fork.check_settled(newcomers, "/m t=1\n/n");
    let fork = Fork::after("/f/z\n/m t=1", "delete /f; add /m2; add /n", "move /m /f/m; add /f/n");
    fork.check_settled(newcomers, "/m t=1\n/n-2\n/m2\n/n");
}

#[test]
fn case_09_deleted_on_both_sides() {
    for (v, p) in [
        ("delete /f", "delete /f"),
        ("set /f/x t 2; delete /f", "delete /f"),
        ("delete /f/x", "delete /f"),
        ("delete /f", "delete /f/x; set /g t 2; delete /f"),
    ] {
        let fork = Fork::after("/f/x t=1\n/g t=1", v, p);
        assert!(fork.plan(&Resolutions::new()).conflicts.is_empty(), "{v} / {p}");
        fork.check("", if p.contains("/g") { "/g t=2" } else { "/g t=1" });
    }
}

#[test]
fn case_10_deleted_and_made_anew_in_the_version_and_edited_on_the_parent_line() {
    let fork = Fork::after("/a t=1", "delete /a; add /a; set /a t 2", "set /a t 3");
    fork.check("deleted /a by version: /a edited", "/a t=2");
    fork.check_settled(version, "/a t=2");
    let restored = |conflict: &Conflict| match conflict.kind {
        ConflictKind::Name { .. } => both(conflict),
        _ => Resolution::Parent,
    };
    fork.check_settled(restored, "/a-2 t=3\n/a t=2");
}

#[test]
fn case_11_two_objects_of_one_name() {
    let fork = Fork::after("/f", "add /f/n; set /f/n v 1; add /f/n/x", "add /f/n; set /f/n p 1; add /f/n/y");
    fork.check("name /f/n", "/f\n/f/n p=1\n/f/n/y\n/f/n-2 v=1\n/f/n-2/x");
    fork.check_settled(both, "/f\n/f/n p=1\n/f/n/y\n/f/n-2 v=1\n/f/n-2/x");
    fork.check_settled(
        |_| Resolution::Both { rename: Side::Parent, to: name("old") },
        "/f\n/f/old p=1\n/f/old/y\n/f/n v=1\n/f/n/x",
    );
    // One answer is enough: what goes away with the one that is not kept is no news.
    assert_eq!(fork.check_settled(version, "/f\n/f/n v=1\n/f/n/x"), 1);
    assert_eq!(fork.check_settled(parent, "/f\n/f/n p=1\n/f/n/y"), 1);
    assert_eq!(fork.check_settled(|_| Resolution::Same, "/f\n/f/n p=1 v=1\n/f/n/y\n/f/n/x"), 1);
    fork.check_refused(Resolution::Both { rename: Side::Version, to: name("n") });
}

#[test]
fn case_11_the_same_thing_merges_cell_by_cell_and_child_by_child() {
    let fork = Fork::after(
        "/f",
        "add /n; set /n t 1; set /n same 1; add /n/x; set /n/x t 1",
        "add /n; set /n t 2; set /n same 1; add /n/x",
    );
    let same = |conflict: &Conflict| match conflict.kind {
        ConflictKind::Name { .. } => Resolution::Same,
        _ => Resolution::Version,
    };
    fork.check_settled(same, "/f\n/n same=1 t=1\n/n/x t=1");
    let fork = Fork::after("/f", "add /n :page", "add /n");
    fork.check("name /n", "/f\n/n\n/n-2 :page");
    fork.check_refused(Resolution::Same);
    // What is to be united has to be agreed upon.
    let fork = Fork::after("/a t=1", "move /a /n; set /n t 2", "set /a t 3; add /n");
    fork.check("cell /a t\nname /n", "/n-2 t=3\n/n");
    let open = fork.plan(&Resolutions::new()).conflicts;
    let resolve = |conflict: &Conflict, by| (conflict.key.clone(), (conflict.fingerprint, by));
    let (cell, united) = (resolve(&open[0], Resolution::Version), resolve(&open[1], Resolution::Same));
    assert_eq!(fork.plan(&Resolutions::from([united.clone()])).conflicts, open);
    let plan = fork.plan(&Resolutions::from([cell, united]));
    assert_eq!(show(&fork.merged(&plan)).unwrap(), "/n t=2\n");
}

#[test]
fn case_11_a_name_that_was_taken_by_moving_there() {
    let base = "/a t=1\n/b t=2";
    let fork = Fork::after(base, "move /a /n", "move /b /n");
    fork.check("name /n", "/n-2 t=1\n/n t=2");
    fork.check_settled(parent, "/a t=1\n/n t=2");
    fork.check_settled(version, "/n t=1\n/b t=2");
    let fork = Fork::after("/f/x\n/b t=2", "add /n; move /f/x /n/x", "move /b /n");
    fork.check_settled(parent, "/f\n/f/x\n/n t=2");
    fork.check_settled(version, "/f\n/b t=2\n/n\n/n/x");
    let fork = Fork::after("/f/x\n/b t=2", "move /b /n", "add /n; move /f/x /n/x; set /n/x t 3");
    fork.check_settled(version, "/f\n/f/x t=3\n/n t=2");
    // There is no way back to what the other side deleted.
    let fork = Fork::after("/b/a t=1\n/b/c t=2\n/d", "move /b/c /d/c", "move /b/a /d/c; delete /b");
    fork.check("name /d/c", "/d\n/d/c t=1\n/d/c-2 t=2");
    fork.check_refused(Resolution::Version);
    assert_eq!(fork.check_settled(parent, "/d\n/d/c t=1"), 1);
}

#[test]
fn case_12_added_in_the_version_below_what_the_parent_line_deleted() {
    let fork = Fork::after("/f/z\n/m t=1", "add /f/n; move /m /f/m", "delete /f");
    fork.check("deleted /f by parent: /f/m movedin, /f/n added", "/m t=1");
    fork.check_settled(version, "/f\n/f/z\n/f/n\n/f/m t=1");
    fork.check_settled(parent, "/m t=1");
    fork.check_settled(|_| rescue(&fork, &[("/f/n", "/")]), "/m t=1\n/n");
}

#[test]
fn case_13_moves_that_make_a_circle() {
    let fork = Fork::after("/x\n/y", "move /x /y/x", "move /y /x/y");
    fork.check("cycle: /x against /x/y", "/x\n/x/y");
    fork.check_settled(parent, "/x\n/x/y");
    fork.check_settled(version, "/y\n/y/x");
    fork.check_refused(Resolution::Same);
}

#[test]
fn case_13_a_longer_circle_shows_only_what_was_moved() {
    let fork = Fork::after(
        "/a/b\n/c/d\n/e/f\n/g",
        "move /a /d2; move /d2 /c/d/a; move /e /g/e; move /g/e /a2",
        "move /c /a/b/c",
    );
    fork.check("cycle: /a against /a/b/c", "/a\n/a/b\n/a/b/c\n/a/b/c/d\n/g\n/a2\n/a2/f");
    let fork = Fork::after("/a\n/b\n/c", "move /a /b/a; move /c /b/a/c", "move /b /c/b");
    fork.check("cycle: /a /c against /c/b", "/a\n/c\n/c/b");
    fork.check_settled(version, "/b\n/b/a\n/b/a/c");
}

#[test]
fn case_14_both_sides_order_the_children() {
    let base = "/f/a\n/f/b\n/f/c\n/f/d";
    let fork = Fork::after(base, "first /f/c", "first /f/d");
    assert!(fork.plan(&Resolutions::new()).notices.is_empty());
    let ordered = show(&fork.merged(&fork.plan(&Resolutions::new()))).unwrap();
    assert!(ordered.ends_with("/f/a\n/f/b\n"), "{ordered}");

    let fork = Fork::after(base, "first /f/c; first /f/b; first /f/c", "first /f/c; first /f/a");
    fork.check("", "/f\n/f/a\n/f/b\n/f/c\n/f/d");
    assert_eq!(fork.plan(&Resolutions::new()).notices, [Notice::OrderOfParent(oid_at(&fork.base, "/f/c"))]);
    Fork::after(base, "delete /f", "first /f/c").check("", "");
}

/// The children of a folder of the tree, in their order.
fn listed(tree: &MemoryTree, folder: &str) -> String {
    let page = crate::snapshot::ChildrenPage::first(usize::MAX);
    let children = tree.children(oid_at(tree, folder), &page).unwrap();
    children.iter().map(|child| child.name.as_str()).collect()
}

#[test]
fn case_14_a_child_that_both_put_elsewhere_is_asked_about_where_the_order_matters() {
    let (v, p) = ("first /f/d; first /f/a; first /f/c", "first /f/c; first /f/b");
    let base = |marks: &str| format!("{marks}\n/f/a\n/f/b\n/f/c\n/f/d");
    let marked = [
        (base("/f _ordered=true"), v.to_owned(), p.to_owned()),
        (base("/f"), format!("set /f _ordered true; {v}"), p.to_owned()),
        (base("/f"), v.to_owned(), format!("{p}; set /f _ordered true")),
    ];
    for (base, v, p) in marked {
        let fork = Fork::after(&base, &v, &p);
        let in_f = |settled: &Resolutions| {
            let plan = fork.plan(settled);
            let planned = listed(&fork.merged(&plan), "/f");
            (planned, plan.conflicts.iter().map(|found| fork.print(found)).collect::<Vec<_>>())
        };
        let open = fork.plan(&Resolutions::new());
        assert!(open.conflicts[0].is_about_standing() && open.notices.is_empty(), "{open:?}");
        assert_eq!(in_f(&Resolutions::new()), ("abcd".into(), vec!["cell /f/c place".into()]));
        for (chosen, order) in [(Resolution::Version, "cabd"), (Resolution::Parent, "abcd")] {
            let found = &open.conflicts[0];
            let settled = Resolutions::from([(found.key.clone(), (found.fingerprint, chosen))]);
            assert_eq!(in_f(&settled), (order.into(), vec![]));
        }
    }
    // The mark counts for its own container alone, and only where it says so.
    for unmarked in ["/ _ordered=true\n/f", "/f _ordered=false", "/f _ordered=text"] {
        let plan = Fork::after(&base(unmarked), v, p).plan(&Resolutions::new());
        assert!(plan.conflicts.is_empty() && plan.notices.len() == 1, "{unmarked}: {plan:?}");
    }
}

#[test]
fn case_14_a_type_may_say_that_the_order_matters() {
    let base = "/f :tour\n/f/a\n/f/b\n/f/c\n/f/d\n/g :tour _ordered=false\n/g/a\n/g/b";
    let work = |side: &str| format!("{side}; first /g/b");
    let mut fork = Fork::of(MemoryTree::seeded(base));
    let ordered = AttributeSpec::new(ORDERED, "bool").unwrap().with_default(true);
    let mut types = TypeRegistry::default();
    let tour = TypeSchema::new("tour", "Tour").unwrap();
    types.register(PlainType(TypeSchema { container: true, attributes: vec![ordered], ..tour }));
    fork.types = Arc::new(types);
    for (side, steps) in
        [(Side::Version, work("first /f/a; first /f/c")), (Side::Parent, work("first /f/c; first /g/a"))]
    {
        steps.split("; ").for_each(|step| fork.work(side, |work| perform(work, step)));
    }
    let open = fork.plan(&Resolutions::new());
    let found: Vec<String> = open.conflicts.iter().map(|found| fork.print(found)).collect();
    assert_eq!(
        (found, open.notices),
        (vec!["cell /f/c place".into()], vec![Notice::OrderOfParent(oid_at(&fork.base, "/g/b"))])
    );
}

/// What came in from elsewhere stands where it happened to; and what two moved elsewhere has no order in common.
#[test]
fn case_14_only_a_standing_that_was_changed_where_the_child_stays_is_asked_about() {
    let base = "/x\n/f _ordered=true\n/f/a\n/f/b\n/f/c";
    Fork::after(base, "move /x /f/x", "move /x /f/x").check("", "/f _ordered=true\n/f/a\n/f/b\n/f/c\n/f/x");
    let fork = Fork::after(base, "first /f/c; first /f/b; move /f/b /f/y", "first /f/b; move /f/b /f/z");
    let found = fork.plan(&Resolutions::new()).conflicts;
    assert_eq!(found.len(), 1, "one decision for name and standing");
    assert!(!found[0].is_about_standing());
    fork.check_settled(version, "/x\n/f _ordered=true\n/f/y\n/f/c\n/f/a");
    fork.check_settled(parent, "/x\n/f _ordered=true\n/f/c\n/f/z\n/f/a");
}

#[test]
fn case_14_the_standing_goes_with_the_container() {
    for (v, p) in [("move /x /f/x", "first /x"), ("first /x", "move /x /f/x")] {
        Fork::after("/f/a\n/f/b\n/y\n/x", v, p).check("", "/f\n/f/a\n/f/b\n/f/x\n/y");
    }
}

#[test]
fn case_18_edits_of_attributes_that_the_new_type_does_not_have() {
    let mut fork = Fork::of(MemoryTree::seeded("/a :note body=1 free=1"));
    let mut types = TypeRegistry::default();
    for (of, kind) in [("note", "text"), ("memo", "text"), ("sum", "int")] {
        let mut schema = TypeSchema::new(of, of).unwrap();
        schema.attributes = vec![AttributeSpec::new("body", kind).unwrap()];
        types.register(PlainType(schema));
    }
    types.register(PlainType(TypeSchema::new("empty", "empty").unwrap()));
    fork.types = Arc::new(types);
    let on = |version: &[&str], parent: &[&str]| {
        let (base, types) = (fork.base.clone(), Arc::clone(&fork.types));
        let mut fork = Fork { types, ..Fork::of(base) };
        version.iter().for_each(|step| fork.work(Side::Version, |work| perform(work, step)));
        parent.iter().for_each(|step| fork.work(Side::Parent, |work| perform(work, step)));
        fork
    };
    let (edit, free) = (["set /a body b"], ["set /a free 2"]);
    for of in ["memo", "unheard-of"] {
        let retype = format!("type /a {of}");
        let merged = format!("/a :{of} body=b free=1");
        on(&edit, &[&retype]).check("", &merged);
        on(&[&retype], &edit).check("", &merged);
    }
    on(&free, &["type /a sum"]).check("", "/a :sum body=1 free=2");
    for of in ["sum", "empty"] {
        let retype = format!("type /a {of}");
        let (retyped, edited) = (format!("/a :{of} body=1 free=1"), "/a :note body=b free=1");
        let fork = on(&edit, &[&retype]);
        fork.check("type /a: [\"body\"]", &retyped);
        fork.check_settled(parent, &retyped);
        fork.check_settled(version, edited);
        let fork = on(&[&retype], &edit);
        fork.check("type /a: [\"body\"]", edited);
        fork.check_settled(parent, edited);
        fork.check_settled(version, &retyped);
    }
}

#[test]
fn case_19_an_attribute_deleted_on_one_side_and_edited_on_the_other() {
    for (v, p, left) in [("clear /a t", "set /a t 2", "/a t=2"), ("set /a t 2", "clear /a t", "/a")] {
        let fork = Fork::after("/a t=1", v, p);
        fork.check("cell /a t", left);
        let value = |text: &str| Resolution::Value(Some(Content::Value(parse_value(text))));
        fork.check_settled(|_| value("3"), "/a t=3");
        fork.check_settled(|_| Resolution::Value(None), "/a");
        fork.check_settled(version, if left == "/a" { "/a t=2" } else { "/a" });
        fork.check_settled(parent, left);
        fork.check_refused(Resolution::Value(Some(Content::Type(name("page")))));
        fork.check_refused(Resolution::Same);
    }
}

/// One value, which each side may set to another.
fn values(base: Value, version: Option<Value>, parent: Option<Value>) -> Fork {
    let mut fork = Fork::of(MemoryTree::seeded("/a"));
    let set = |work: &mut Transaction, value| work.set(oid_at(work, "/a"), &name("v"), Some(value)).unwrap();
    fork.work(Side::Parent, |work| set(work, base));
    let mut fork = Fork { base: fork.parent.clone(), ..Fork::of(fork.parent) };
    for (side, value) in [(Side::Version, version), (Side::Parent, parent)] {
        if let Some(value) = value {
            fork.work(side, |work| set(work, value));
        }
    }
    fork
}

fn merged_value(fork: &Fork, plan: &Plan) -> Option<Value> {
    let merged = fork.merged(plan);
    merged.object(oid_at(&merged, "/a")).unwrap().unwrap().value("v").cloned()
}

#[test]
fn case_20_a_blob_replaced_on_both_sides() {
    let blob = |byte| Value::Blob(BlobRef { digest: Digest([byte; 32]), bytes: 9 });
    let fork = values(blob(1), Some(blob(2)), Some(blob(3)));
    let plan = fork.plan(&Resolutions::new());
    assert_eq!(plan.conflicts.len(), 1);
    assert_eq!(merged_value(&fork, &plan), Some(blob(3)));
    let fork = values(blob(1), Some(blob(2)), Some(blob(2)));
    assert_eq!(fork.plan(&Resolutions::new()), Plan::default());
}

#[test]
fn case_21_counters_add_up() {
    let fork = values(Value::Counter(5), Some(Value::Counter(7)), Some(Value::Counter(6)));
    let plan = fork.plan(&Resolutions::new());
    assert_eq!((merged_value(&fork, &plan), plan.conflicts.len()), (Some(Value::Counter(8)), 0));
    let fork = values(Value::Counter(5), Some(Value::Counter(6)), Some(Value::Counter(6)));
    let plan = fork.plan(&Resolutions::new());
    assert_eq!(merged_value(&fork, &plan), Some(Value::Counter(7)));
}

#[test]
fn case_23_merging_again_brings_only_what_is_new() {
    let mut fork = Fork::after("/a t=1", "set /a t 2; add /b", "set /a p 1");
    let merged = fork.merged(&fork.plan(&Resolutions::new()));
    let again = plan_of(&merged, &merged, &merged, &fork.types, &[], &Resolutions::new());
    assert_eq!(again, Plan::default());
    // Also where the merged cells stay in the version.
    fork.parent = merged;
    assert_eq!(fork.plan(&Resolutions::new()), Plan::default());
}

/// Of a merged part of the version, the parent line's change is the version's own.
#[test]
fn case_24_what_was_merged_before_is_not_the_parent_lines_work() {
    let fork = Fork::after("/f/x t=1\n/g", "set /f/x t 2; delete /f", "set /f/x t 2");
    let mut own = own_cells(&fork.base, &fork.version);
    let plan = |own: &[OwnCell]| {
        plan_of(&fork.base, &fork.parent, &fork.version, &fork.types, own, &Resolutions::new())
    };
    assert_eq!(plan(&own).conflicts.len(), 1, "the parent line edited by itself");
    for cell in own.iter_mut().filter(|cell| cell.key != CellKey::Place) {
        cell.base = cell.version.clone();
    }
    assert!(plan(&own).conflicts.is_empty());
}

/// The parent line undid the making of these objects: nothing is left of them.
fn unmake(fork: &mut Fork, paths: &[&str]) {
    let objects: Vec<ObjectChange> = paths
        .iter()
        .map(|path| {
            let object = fork.parent.object(oid_at(&fork.parent, path)).unwrap().unwrap();
            let cells = object.cells().iter().map(|(key, _)| (key.clone(), None)).collect();
            ObjectChange { oid: object.oid(), cells }
        })
        .collect();
    apply(&mut fork.parent, &Plan { writes: objects, ..Plan::default() });
}

#[test]
fn case_27_the_parent_line_undid_what_the_version_works_on() {
    let mut fork = Fork::after("/f title=F\n/f/x t=1\n/f/x/y k=1\n/g", "set /f/x t 2; add /f/x/n", "");
    unmake(&mut fork, &["/f", "/f/x", "/f/x/y"]);
    fork.check("deleted /f by parent: /f/x edited, /f/x/n added", "/g");
    fork.check_settled(parent, "/g");
    fork.check_settled(version, "/f title=F\n/f/x t=2\n/f/x/y k=1\n/f/x/n\n/g");
    fork.check_settled(|_| rescue(&fork, &[("/f/x", "/g")]), "/g\n/g/x t=2\n/g/x/y k=1\n/g/x/n");

    let mut fork = Fork::after("/f/x t=1\n/g", "delete /f/x; move /f /h", "");
    unmake(&mut fork, &["/f/x", "/f"]);
    fork.check("deleted /h by parent: /h moved", "/g");
    fork.check_settled(version, "/h\n/g");
    let mut fork = Fork::after("/f/x t=1\n/g", "", "");
    unmake(&mut fork, &["/f/x", "/f"]);
    fork.check("", "/g");
}

/// The version put something into a container that the parent line moved below what the version deleted.
#[test]
fn what_is_lost_on_both_sides_is_one_conflict() {
    let fork = Fork::after("/e\n/g\n/x t=1", "move /x /g/x; delete /e", "move /g /e/g");
    fork.check("deleted /e by version: /e/g movedin, /g/x movedin", "/x t=1");
    fork.check_settled(parent, "/e\n/e/g\n/e/g/x t=1");
    fork.check_settled(version, "/x t=1");
    fork.check_settled(|_| rescue(&fork, &[("/e/g", "/")]), "/g\n/g/x t=1");
    let fork = Fork::after("/e\n/g\n", "add /g/n; delete /e", "move /g /e/g");
    fork.check("deleted /e by version: /e/g movedin, /g/n added", "");
    fork.check_settled(|_| rescue(&fork, &[("/g/n", "/")]), "/n");
}

/// Where it went is a question only as long as it is nowhere else.
#[test]
fn what_is_rescued_is_no_longer_moved_two_ways() {
    let fork = Fork::after("/e\n/g\n/h\n/x t=1", "move /x /h/x; delete /e", "move /x /g/x; move /g /e/g");
    fork.check("deleted /e by version: /e/g movedin, /h/x movedin, /e/g/x movedin", "/h");
    assert_eq!(fork.check_settled(|_| rescue(&fork, &[("/e/g/x", "/")]), "/h\n/x t=1"), 1);
    let choose = |conflict: &Conflict| match conflict.kind {
        ConflictKind::Cell { .. } => Resolution::Version,
        _ => Resolution::Parent,
    };
    assert_eq!(fork.check_settled(choose, "/e\n/e/g\n/h\n/h/x t=1"), 2);
}

/// The parent line moved something into a place of its own and deleted that.
#[test]
fn what_was_moved_and_then_deleted_with_its_container_is_deleted() {
    let fork = Fork::after("/q\n/l\n/x t=1", "move /x /l/x", "move /x /q/x; delete /q");
    fork.check("deleted /l/x by parent: /l/x moved", "/l");
    fork.check_settled(version, "/l\n/l/x t=1");
    fork.check_settled(parent, "/l");
    let fork = Fork::after("/q/a/x t=1\n/q/b\n/l", "move /q/a/x /l/x", "move /q/a/x /q/b/x; delete /q");
    fork.check("", "/l\n/l/x t=1");
}

/// Because of a name something goes back into what is deleted: what was decided about the deletion was about less.
#[test]
fn a_deletion_is_settled_anew_when_more_goes_with_it() {
    let fork = Fork::after("/d/x\n/d/a t=1\n/b", "move /d/x /n; delete /d", "set /d/a t 2; move /b /n");
    fork.check("deleted /d by version: /d/a edited\nname /n", "/n\n/n-2");
    let choose = |conflict: &Conflict| match conflict.kind {
        ConflictKind::Name { .. } => Resolution::Parent,
        _ => Resolution::Version,
    };
    let open = fork.plan(&Resolutions::new()).conflicts;
    let said = open.iter().map(|found| (found.key.clone(), (found.fingerprint, choose(found)))).collect();
    let open: Vec<String> = fork.plan(&said).conflicts.iter().map(|found| fork.print(found)).collect();
    assert_eq!(open, ["deleted /d by version: /n moved, /d/a edited"]);
    fork.check_settled(choose, "/n");
    fork.check_settled(parent, "/d\n/d/x\n/d/a t=2\n/n");
}

#[test]
fn a_circle_below_what_is_deleted_goes_with_it() {
    let fork = Fork::after("/d/y\n/d/a t=1\n/z", "move /d/y /z/y; delete /d", "set /d/a t 2; move /z /d/y/z");
    fork.check(
        "deleted /d by version: /z/y moved, /d/a edited, /d/y/z movedin\ncycle: /d/y against /d/y/z",
        "",
    );
    let restored = |conflict: &Conflict| match conflict.kind {
        ConflictKind::Cycle { .. } => Resolution::Version,
        _ => Resolution::Parent,
    };
    fork.check_settled(parent, "/d\n/d/y\n/d/y/z\n/d/a t=2");
    fork.check_settled(restored, "/d\n/d/a t=2\n/z\n/z/y");
    let gone = |conflict: &Conflict| match conflict.kind {
        ConflictKind::Cycle { .. } => Resolution::Parent,
        _ => Resolution::Version,
    };
    assert_eq!(fork.check_settled(gone, ""), 2);
}

/// A resolution counts for what its maker saw.
#[test]
fn a_resolution_is_void_once_a_side_changed() {
    let mut fork = Fork::after("/a t=1", "set /a t 2", "set /a t 3");
    let conflict = fork.plan(&Resolutions::new()).conflicts.remove(0);
    let resolutions = Resolutions::from([(conflict.key, (conflict.fingerprint, Resolution::Version))]);
    assert!(fork.plan(&resolutions).conflicts.is_empty());
    fork.work(Side::Parent, |work| perform(work, "set /a p 1"));
    assert!(fork.plan(&resolutions).conflicts.is_empty(), "that is another cell");
    fork.work(Side::Parent, |work| perform(work, "set /a t 4"));
    assert_eq!(fork.plan(&resolutions).conflicts.len(), 1);
}

/// Two newcomers of one name to one place are not offered the same name.
#[test]
fn no_name_is_suggested_twice() {
    let base = "/f\n/g\n/n\n/h";
    let fork = Fork::after(base, "delete /f; delete /g", "add /f/n; set /f/n t 1; add /g/n; set /g/n t 2");
    let choose = |conflict: &Conflict| match &conflict.kind {
        ConflictKind::Deleted { inner, .. } => Resolution::Rescue(vec![(inner[0].oid, Oid::ROOT)]),
        _ => both(conflict),
    };
    fork.check_settled(choose, "/n\n/h\n/n-2 t=1\n/n-3 t=2");
    let open = fork.plan(&Resolutions::new()).conflicts;
    let rescued = open.iter().map(|found| (found.key.clone(), (found.fingerprint, choose(found)))).collect();
    let said: Vec<Resolution> = fork.plan(&rescued).conflicts.iter().map(both).collect();
    assert_eq!(said.len(), 2);
    assert_ne!(said[0], said[1]);
}

/// A site of which it is counted how many objects were read.
struct Counted<'a>(&'a MemoryTree, std::cell::Cell<usize>);

impl Snapshot for Counted<'_> {
    fn tid(&self) -> Tid {
        self.0.tid()
    }
    fn object(&self, oid: Oid) -> Result<Option<Arc<crate::Object>>, ReadError> {
        self.1.set(self.1.get() + 1);
        self.0.object(oid)
    }
    fn child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        self.1.set(self.1.get() + 1);
        self.0.child(parent, name)
    }
    fn children(
        &self,
        _: Oid,
        _: &crate::snapshot::ChildrenPage,
    ) -> Result<Vec<crate::snapshot::Child>, ReadError> {
        panic!("nobody should list the children")
    }
    fn former_child(&self, _: Oid, _: &str) -> Result<Option<Oid>, ReadError> {
        panic!("nobody should ask for the past")
    }
    fn large(&self, large: &crate::object::Large) -> Result<Value, ReadError> {
        self.0.large(large)
    }
}

#[test]
fn a_plan_costs_what_was_changed_not_what_is_there() {
    let site: String = (0..300).map(|nth| format!("/f{nth}/x t=1\n")).collect();
    let asked = std::cell::Cell::new(0);
    for (v, p, times) in [
        ("set /f7/x t 2; move /f9/x /f8/y; add /f1/n", "set /f7/x t 2; set /f3/x t 2; delete /f2", 0),
        ("delete /f7; delete /f8", "set /f7/x t 2; move /f8/x /f1/y", 1),
    ] {
        let fork = Fork::after(&site, v, p);
        let sides = [&fork.base, &fork.parent, &fork.version].map(|tree| Counted(tree, Default::default()));
        asked.set(0);
        let own = own_cells(&fork.base, &fork.version);
        let changed = || {
            asked.set(asked.get() + 1);
            Ok(own_cells(&fork.base, &fork.parent).into_iter().map(|cell| cell.oid).collect())
        };
        let [base, parent, version] = &sides;
        let sides = Sides { base, parent, version, types: &fork.types, changed_in_parent: &changed };
        let plan = plan(&sides, &own, &Resolutions::new()).unwrap();
        assert_eq!(plan, fork.plan(&Resolutions::new()));
        let reads: usize = [base, parent, version].iter().map(|side| side.1.get()).sum();
        assert!(reads < 100, "{reads} reads for a few changes");
        assert_eq!(asked.get(), times, "what the parent line changed matters to deletions only");
    }
}

#[test]
fn a_plan_shows_as_a_site_with_its_past() {
    let fork = Fork::after("/a\n/b", "delete /a; move /b /a", "set /b t 1");
    let plan = fork.plan(&Resolutions::new());
    let planned = Planned::new(&fork.parent, &plan).unwrap();
    assert_eq!(show(&planned).unwrap(), "/a t=1\n");
    let (a, b) = (oid_at(&fork.base, "/a"), oid_at(&fork.base, "/b"));
    let former = |name| planned.former_child(Oid::ROOT, name).unwrap();
    assert_eq!(
        (former("a"), former("b"), planned.child(Oid::ROOT, "a").unwrap()),
        (Some(a), Some(b), Some(b))
    );
    assert_eq!(planned.tid(), fork.parent.tid());
}

#[test]
fn a_suggested_name_is_free_and_legal() {
    let long = "x".repeat(255);
    let ending = format!("a.{}", "x".repeat(253));
    for (taken, suggested) in [
        (vec!["page"], "page-2"),
        (vec!["page", "page-2", "page-3"], "page-4"),
        (vec!["photo.jpg"], "photo-2.jpg"),
        (vec![".hidden"], ".hidden-2"),
        (vec!["end."], "end.-2"),
        (vec![&long], &format!("{}-2", "x".repeat(253))),
        (vec![&ending], &format!("a.{}-2", "x".repeat(251))),
    ] {
        let free = suggested_name(&name(taken[0]), |name| Ok(!taken.contains(&name.as_str()))).unwrap();
        assert_eq!(free.as_str(), suggested);
    }
}
