//! What attributes hold: merged by kind, or asked about.

use std::sync::Arc;

use bough_core::merge::plan::{ConflictKey, ConflictKind, Resolution};
use bough_core::object_type::{AttributeSpec, PlainType, TypeSchema};
use bough_core::{CellKey, Content, Value};
use bough_store::testing::{StepError, name, path, seed, small_options, small_types};
use bough_store::{Database, LineId, Note, Options, SideWrite};

use crate::fork::{
    Fork, assert_merges, clear, merge, merged, only_conflict, settle, the_parents, the_versions, undo,
    update, value, version,
};

/// A site with two types: an article has a body, a note has none.
fn typed() -> Database {
    let mut types = small_types();
    for (own, attributes) in [("article", &["title", "body"][..]), ("note", &["title"])] {
        let schema = TypeSchema::new(own, own).unwrap();
        let attributes = attributes.iter().map(|key| AttributeSpec::new(key, "text").unwrap()).collect();
        types.register(PlainType(TypeSchema { attributes, ..schema }));
    }
    let trunk = Database::in_memory(Options { types: Arc::new(types), ..small_options() }).unwrap();
    seed(&trunk, "/a article body=b title=one\n");
    trunk
}

fn set_type(line: &Database, at: &str, to: &str) {
    line.doing(|draft| {
        let oid = draft.at(&path(at))?;
        draft.set_type(oid, &name(to))
    });
}

fn type_of(line: &Database, at: &str) -> String {
    use bough_core::Snapshot as _;
    let object = line.snapshot().object(line.oid_at(at)).unwrap().unwrap();
    object.type_name().unwrap().to_string()
}

#[test]
fn case_18_an_edit_that_fits_the_new_type_goes_with_it() {
    let trunk = typed();
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    set_type(&trunk, "/a", "note");
    let before = type_of(&trunk, "/a");
    let tid = merged(&v);
    assert_eq!((type_of(&v, "/a"), value(&v, "/a", "title")), ("note".into(), Some("mine".into())));
    undo(&trunk, tid);
    assert_eq!((type_of(&trunk, "/a"), value(&trunk, "/a", "title")), (before, Some("one".into())));
}

#[test]
fn case_18_an_edit_that_the_new_type_has_no_place_for_is_asked_about() {
    let fork = || {
        let trunk = typed();
        let v = version(&trunk, "v");
        v.set("/a", "body", "mine");
        v.set("/a", "title", "mine");
        set_type(&trunk, "/a", "note");
        (trunk, v)
    };
    let (trunk, v) = fork();
    let conflict = only_conflict(&v);
    assert_eq!(conflict.conflict.key, ConflictKey::Type(trunk.oid_at("/a")));
    let ConflictKind::Type { attributes, .. } = &conflict.conflict.kind else { panic!("{conflict:?}") };
    assert_eq!(attributes, &[name("body")]);
    settle(&v, the_versions);
    merged(&v);
    assert_eq!(type_of(&trunk, "/a"), "article");
    assert_eq!(
        (value(&trunk, "/a", "body"), value(&trunk, "/a", "title")),
        (Some("mine".into()), Some("mine".into()))
    );
    let (trunk, v) = fork();
    settle(&v, the_parents);
    assert_eq!(merge(&v).unwrap().tid, None);
    assert_eq!((type_of(&trunk, "/a"), value(&trunk, "/a", "title")), ("note".into(), Some("one".into())));
}

#[test]
fn case_19_a_cleared_attribute_meets_an_edited_one() {
    let fork = Fork {
        site: "/a body=b title=one\n",
        version: |v| _ = clear(v, "/a", "title"),
        trunk: |trunk| _ = trunk.set("/a", "title", "two"),
    };
    let conflict = fork.conflict();
    assert!(
        matches!(&conflict.conflict.kind, ConflictKind::Cell { parent: Some(_), version: None, .. }),
        "{conflict:?}"
    );
    fork.settles(the_versions, "/a body=b\n");
    let third = |_: &Database, _: &_| Resolution::Value(Some(Content::Value("third".into())));
    fork.settles(third, "/a body=b title=third\n");
    fork.settles(|_, _| Resolution::Value(None), "/a body=b\n");
    let mirrored = Fork { version: fork.trunk, trunk: fork.version, ..fork };
    mirrored.settles(the_versions, "/a body=b title=two\n");
    mirrored.settles(third, "/a body=b title=third\n");
    let clear_it: fn(&Database) = |line| _ = clear(line, "/a", "title");
    Fork { version: clear_it, trunk: clear_it, ..fork }.converges("/a body=b\n");
}

#[test]
fn case_19_different_attributes_of_one_object_do_not_meet() {
    let fork = Fork {
        site: "/a body=b title=one\n",
        version: |v| _ = clear(v, "/a", "body"),
        trunk: |trunk| _ = trunk.set("/a", "title", "two"),
    };
    fork.merges_to("/a title=two\n");
}

/// A blob so large that it becomes a file.
fn film(line: &Database, number: u8) {
    let written = line.write::<_, StepError>(Note::edit("Put a film"), |draft| {
        let data = draft.bytes(&vec![number; (1 << 20) + 7]).unwrap();
        let oid = draft.at(&path("/a"))?;
        draft.set(oid, &name("film"), Some(data))?;
        Ok(())
    });
    written.unwrap();
}

#[test]
fn case_20_a_file_replaced_on_both_sides_is_asked_about_unless_it_is_the_same() {
    let fork = Fork { site: "/a title=one\n", version: |v| film(v, 1), trunk: |trunk| film(trunk, 2) };
    let (trunk, v) = fork.make();
    let (mine, theirs) = (value(&v, "/a", "film"), value(&trunk, "/a", "film"));
    assert_ne!(mine, theirs);
    settle(&v, the_versions);
    let tid = merged(&v);
    assert_eq!(value(&trunk, "/a", "film"), mine);
    undo(&trunk, tid);
    assert_eq!(value(&trunk, "/a", "film"), theirs);
    merged(&v);
    assert_eq!(value(&trunk, "/a", "film"), mine);
    let same = Fork { trunk: |trunk| film(trunk, 1), ..fork };
    let (_, v) = same.make();
    assert_eq!(merge(&v).unwrap().tid, None);
}

fn count(line: &Database, more: i64) {
    let Some(Value::Counter(now)) = value(line, "/a", "count") else { panic!("no counter") };
    line.set("/a", "count", Value::Counter(now + more));
}

fn counted() -> (Database, Database) {
    let trunk = bough_store::testing::seeded("/a title=one\n/b\n");
    trunk.set("/a", "count", Value::Counter(10));
    let v = version(&trunk, "v");
    (trunk, v)
}

#[test]
fn case_21_counters_add_up_what_both_counted() {
    let (trunk, v) = counted();
    count(&v, 5);
    count(&trunk, 2);
    let is = |line: &Database| value(line, "/a", "count");
    let tid = merged(&v);
    assert_eq!((is(&trunk), is(&v)), (Some(Value::Counter(17)), Some(Value::Counter(17))));
    undo(&trunk, tid);
    assert_eq!(is(&trunk), Some(Value::Counter(12)));
    count(&trunk, 100);
    merged(&v);
    assert_eq!((is(&trunk), is(&v)), (Some(Value::Counter(117)), Some(Value::Counter(117))));
    count(&v, 1);
    update(&v).unwrap();
    count(&trunk, 1);
    merged(&v);
    assert_eq!(is(&trunk), Some(Value::Counter(119)));
}

#[test]
fn case_21_what_was_counted_once_is_counted_once_after_parts_updates_and_undos() {
    let (trunk, v) = counted();
    count(&v, 5);
    v.set("/b", "title", "mine");
    let is = |line: &Database| value(line, "/a", "count");
    let a = trunk.oid_at("/a");
    let part = || {
        let only = Some(vec![bough_store::version::Pick::Object(a)]);
        let choice = bough_store::version::MergeChoice { only, close: false };
        v.merge(&choice, Note::edit("Merged a part")).unwrap().tid.unwrap()
    };
    let tid = part();
    assert_eq!(is(&trunk), Some(Value::Counter(15)));
    count(&trunk, 100);
    undo(&trunk, tid);
    assert_eq!(is(&trunk), Some(Value::Counter(110)));
    count(&v, 1);
    part();
    assert_eq!(is(&trunk), Some(Value::Counter(116)));
    count(&v, 1);
    update(&v).unwrap();
    assert_eq!(is(&v), Some(Value::Counter(117)));
    merged(&v);
    assert_eq!((is(&trunk), is(&v)), (Some(Value::Counter(117)), Some(Value::Counter(117))));
}

#[test]
fn case_22_side_records_are_on_no_line_and_are_not_merged() {
    let trunk = bough_store::testing::seeded("/a title=one\n");
    let v = version(&trunk, "v");
    let write = SideWrite { space: 7, key: b"last".to_vec(), value: Some(b"3".to_vec()), expires_micros: 0 };
    v.write_side(&[write]).unwrap();
    assert_eq!(trunk.side(7, b"last").unwrap().as_deref(), Some(&b"3"[..]));
    assert_eq!(merge(&v).unwrap().tid, None);
    assert!(v.own_changes(0, 9).unwrap().objects.is_empty());
    assert_eq!(v.on(LineId::TRUNK).unwrap().side(7, b"last").unwrap().as_deref(), Some(&b"3"[..]));
}

#[test]
fn texts_with_lines_and_sets_merge_by_line_and_element() {
    let fork = Fork {
        site: "/a title=one\n",
        version: |v| _ = v.set("/a", "body", "1\n2\n3\n4 mine\n"),
        trunk: |trunk| _ = trunk.set("/a", "body", "1 theirs\n2\n3\n4\n"),
    };
    let trunk = bough_store::testing::seeded(fork.site);
    trunk.set("/a", "body", "1\n2\n3\n4\n");
    let v = version(&trunk, "v");
    (fork.version)(&v);
    (fork.trunk)(&trunk);
    assert_merges(&trunk, &v, "/a body=1 theirs\n2\n3\n4 mine\n title=one\n");
    let touching = |v: &Database| v.set("/a", "body", "1 mine\n2\n3\n4\n");
    let trunk = bough_store::testing::seeded(fork.site);
    trunk.set("/a", "body", "1\n2\n3\n4\n");
    let v = version(&trunk, "v");
    touching(&v);
    (fork.trunk)(&trunk);
    let conflict = only_conflict(&v);
    assert!(matches!(conflict.conflict.key, ConflictKey::Cell(_, CellKey::Attribute(_))));
}
