//! What attributes hold: merged by kind, or asked about.

use std::sync::Arc;

use bough_core::merge::plan::{ConflictKey, ConflictKind, Resolution};
use bough_core::migration::{Attributes, EDITION, MigrationError, migrated};
use bough_core::object_type::{AttributeSpec, ObjectType, PlainType, TypeSchema};
use bough_core::{CellKey, Content, Oid, Value};
use bough_store::testing::{StepError, name, path, seed, small_options, small_types};
use bough_store::version::{MergeChoice, Pick};
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

/// People: edition 2 has `first` and `last` instead of `name`.
struct Person(TypeSchema);

impl ObjectType for Person {
    fn schema(&self) -> &TypeSchema {
        &self.0
    }

    fn migrate(&self, _: u32, attributes: &Attributes) -> Result<Attributes, MigrationError> {
        let mut attributes = attributes.clone();
        let Some(whole) = attributes.remove("name") else { return Ok(attributes) };
        let parts = whole.as_text().and_then(|whole| whole.split_once('-'));
        let (first, last) = parts.ok_or_else(|| MigrationError::Refused("it has no two parts".into()))?;
        attributes.extend([(name("first"), first.into()), (name("last"), last.into())]);
        Ok(attributes)
    }
}

/// A site with somebody of edition 1, as a program shows it that knows edition 2.
fn people() -> (Database, Database) {
    let mut types = small_types();
    let schema = TypeSchema::new("person", "Person").unwrap();
    types.register(Person(TypeSchema { edition: 2, ..schema }));
    let trunk = Database::in_memory(Options { types: Arc::new(types), ..small_options() }).unwrap();
    trunk.doing(|draft| {
        let attributes = [(name("name"), "ann-lee".into()), (name(EDITION), 1.into())];
        draft.add(Oid::ROOT, &name("p"), &name("person"), attributes).map(drop)
    });
    let v = version(&trunk, "v");
    (trunk, v)
}

fn migrate(line: &Database) {
    line.doing(|draft| {
        let oid = draft.at(&path("/p"))?;
        let object = bough_core::Snapshot::object(&**draft, oid)?.unwrap();
        let types = Arc::clone(draft.types());
        let cells =
            migrated(&object, &types, &|large| bough_core::Snapshot::large(&**draft, large))?.unwrap();
        cells.into_iter().try_for_each(|cell| match cell {
            (CellKey::Attribute(name), Some(Content::Value(value))) => draft.set(oid, &name, Some(value)),
            (CellKey::Attribute(name), _) => draft.set(oid, &name, None),
            other => panic!("{other:?} is no migration"),
        })
    });
}

/// Name, first and last, and the edition.
fn person(line: &Database) -> [Option<Value>; 4] {
    ["name", "first", "last", EDITION].map(|attribute| value(line, "/p", attribute))
}

fn of_edition_2(first: &str, last: &str) -> [Option<Value>; 4] {
    [None, Some(first.into()), Some(last.into()), Some(2.into())]
}

#[test]
fn case_18_an_edit_and_a_migration_go_together_whichever_line_migrates() {
    let edit: fn(&Database) = |line| _ = line.set("/p", "name", "eve-ray");
    for (in_version, on_trunk) in [(edit, migrate as fn(&Database)), (migrate, edit)] {
        for updates_first in [false, true] {
            let (trunk, v) = people();
            in_version(&v);
            on_trunk(&trunk);
            let before = person(&trunk);
            if updates_first {
                update(&v).unwrap();
                assert_eq!(person(&v), of_edition_2("eve", "ray"));
                assert_eq!(person(&trunk), before);
            }
            let tid = merged(&v);
            assert_eq!(
                (person(&trunk), person(&v)),
                (of_edition_2("eve", "ray"), of_edition_2("eve", "ray"))
            );
            assert_eq!(merge(&v).unwrap().tid, None, "nothing is left to merge");
            undo(&trunk, tid);
            assert_eq!(person(&trunk), before);
            assert_eq!(person(&v), of_edition_2("eve", "ray"), "the version has back what it merged");
            merged(&v);
            assert_eq!(person(&trunk), of_edition_2("eve", "ray"));
        }
    }
}

#[test]
fn case_18_both_lines_migrated_and_each_edited_another_part() {
    let (trunk, v) = people();
    for (line, part) in [(&v, "first"), (&trunk, "last")] {
        migrate(line);
        line.set("/p", part, "may");
    }
    merged(&v);
    assert_eq!((person(&trunk), person(&v)), (of_edition_2("may", "may"), of_edition_2("may", "may")));
}

#[test]
fn case_18_what_cannot_be_migrated_is_asked_about_as_a_whole() {
    let answers = [the_versions as fn(&Database, &_) -> Resolution, the_parents];
    for (choose, updates_first) in answers.into_iter().flat_map(|choose| [(choose, false), (choose, true)]) {
        let (trunk, v) = people();
        v.set("/p", "name", "whole");
        migrate(&trunk);
        let conflict = only_conflict(&v);
        assert_eq!(conflict.conflict.key, ConflictKey::Type(trunk.oid_at("/p")));
        let ConflictKind::Edition { parent, version, why } = &conflict.conflict.kind else {
            panic!("{conflict:?}")
        };
        assert_eq!((*parent, *version, why.as_str()), (Some(2), Some(1), "it has no two parts"));
        assert!(merge(&v).is_err());
        settle(&v, choose);
        let expected = match choose(&v, &conflict) {
            Resolution::Version => person(&v),
            _ => of_edition_2("ann", "lee"),
        };
        if updates_first {
            update(&v).unwrap();
            assert_eq!(person(&v), expected);
        }
        merge(&v).unwrap();
        assert_eq!((person(&trunk), person(&v)), (expected.clone(), expected));
    }
}

/// A part of what was migrated would be in no edition.
#[test]
fn case_18_of_what_the_version_migrated_all_is_merged_or_nothing() {
    let (trunk, v) = people();
    migrate(&v);
    v.set("/p", "last", "may");
    let only = Some(vec![Pick::Cell(v.oid_at("/p"), CellKey::Attribute(name("last")))]);
    v.merge(&MergeChoice { only, close: false }, Note::edit("Merged")).unwrap();
    assert_eq!((person(&trunk), person(&v)), (of_edition_2("ann", "may"), of_edition_2("ann", "may")));
}

/// The version shows what it did in its own edition until it is updated.
#[test]
fn case_18_a_part_that_was_merged_over_a_migration_stays_whole_in_the_version() {
    let (trunk, v) = people();
    v.set("/p", "name", "eve-ray");
    let held = person(&v);
    migrate(&trunk);
    let only = Some(vec![Pick::Cell(v.oid_at("/p"), CellKey::Attribute(name("name")))]);
    v.merge(&MergeChoice { only, close: false }, Note::edit("Merged")).unwrap();
    assert_eq!((person(&trunk), person(&v)), (of_edition_2("eve", "ray"), held));
    update(&v).unwrap();
    assert_eq!((person(&v), merge(&v).unwrap().tid), (of_edition_2("eve", "ray"), None));
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
