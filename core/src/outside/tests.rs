//! The rule about connections, case by case.

use std::collections::BTreeMap;

use super::*;
use crate::object_type::{PlainType, TypeSchema};
use crate::testing::{MemoryTree, name, oid_at};
use crate::transaction::{ChangeSet, ObjectChange};
use crate::{CellKey, Content, Tid};

fn types() -> TypeRegistry {
    let mut types = TypeRegistry::default();
    for (name, connection) in [("http", true), ("sql", true), ("page", false), ("folder", false)] {
        types.register(PlainType(TypeSchema { connection, ..TypeSchema::new(name, name).unwrap() }));
    }
    types
}

const PLACES: &str = "/api :http\n/test :http\n/sql :sql\n/page :page\n/gone :http";

/// A connection at `/api` with these attributes, beside others that it may name.
fn tree(attributes: &[(&str, Value)]) -> MemoryTree {
    let mut tree = MemoryTree::seeded(PLACES);
    let (api, gone) = (oid_at(&tree, "/api"), oid_at(&tree, "/gone"));
    let set =
        |(key, value): &(&str, Value)| (CellKey::Attribute(name(key)), Some(Content::Value(value.clone())));
    let objects = vec![
        ObjectChange { oid: api, cells: attributes.iter().map(set).collect() },
        ObjectChange { oid: gone, cells: vec![(CellKey::Place, None)] },
    ];
    let changes = ChangeSet { base: tree.tid(), objects, unchanged: Vec::new() };
    tree.apply(&changes, Tid::from_micros(2));
    tree
}

/// What is set for all versions, what is used instead, what is set for single ones; what comes of reading and of writing.
type Case = (&'static str, [Option<Value>; 3], [Result<&'static str, Because>; 2]);

/// What comes of reading and of writing: the path of the connection that is used, or why none.
fn check(tree: &MemoryTree, from: Origin<'_>, expected: [Result<&str, Because>; 2], what: &str) {
    for (intent, expected) in [Intent::Read, Intent::Write].into_iter().zip(expected) {
        let decided = decide(&types(), tree, from, oid_at(tree, "/api"), intent).unwrap();
        let decided = decided.map(|object| object.oid()).map_err(|blocked| blocked.because);
        assert_eq!(decided, expected.map(|path| oid_at(tree, path)), "{intent:?} {what}");
    }
}

const DRAFT: Origin<'static> = draft_of(Tid::ZERO);

const fn draft_of(opened: Tid) -> Origin<'static> {
    Origin { version: Some(VersionOrigin { name: "draft", opened }), is_past: false }
}

#[test]
fn case_33_a_connection_does_in_versions_what_the_trunk_says_and_nothing_where_it_is_not_understood() {
    let text = |text: &str| Value::text(text);
    let to = |path: &str| Value::Reference(oid_at(&MemoryTree::seeded(PLACES), path));
    let single = |rule: Value| Value::Map(BTreeMap::from([("draft".into(), rule)]));
    let blocked = |because| [Err(because), Err(because)];
    let block = blocked(Because::Rule);
    let unclear = blocked(Because::NotUnderstood);
    let nothing = blocked(Because::NoOther);
    let reading = [Ok("/api"), Err(Because::ReadOnly)];
    let instead = [Ok("/test"), Ok("/test")];
    let table: [Case; 27] = [
        ("nothing said", [None, None, None], block),
        ("cleared", [Some(Value::Null), None, Some(Value::Null)], block),
        ("empty", [Some(text("")), None, None], block),
        ("block", [Some(text("block")), Some(to("/test")), None], block),
        ("read-only", [Some(text("read-only")), None, None], reading),
        ("a use without `other`", [None, Some(to("/test")), None], block),
        ("other", [Some(text("other")), Some(to("/test")), None], instead),
        ("other without a use", [Some(text("other")), None, None], nothing),
        ("other named by a text", [Some(text("other")), Some(text("/test")), None], nothing),
        ("other is deleted", [Some(text("other")), Some(to("/gone")), None], nothing),
        ("other never was", [Some(text("other")), Some(Value::Reference(Oid::from_u128(99))), None], nothing),
        ("other is of another type", [Some(text("other")), Some(to("/sql")), None], nothing),
        ("other is no connection", [Some(text("other")), Some(to("/page")), None], nothing),
        ("other is the same", [Some(text("other")), Some(to("/api")), None], nothing),
        ("a word that is none", [Some(text("allow")), None, None], unclear),
        ("a word in capitals", [Some(text("Read-Only")), None, None], unclear),
        ("no text", [Some(Value::Bool(true)), None, None], unclear),
        ("this one may read", [None, None, Some(single(text("read-only")))], reading),
        ("this one is blocked", [Some(text("read-only")), None, Some(single(text("block")))], block),
        ("this one uses a path", [None, None, Some(single(text("/test")))], instead),
        ("this one uses a reference", [None, None, Some(single(to("/test")))], instead),
        ("this one uses nothing", [Some(text("read-only")), None, Some(single(text("/none")))], nothing),
        ("this one uses what is gone", [None, None, Some(single(to("/gone")))], nothing),
        ("this one is unclear", [Some(text("read-only")), None, Some(single(text("yes")))], unclear),
        ("this one is a number", [Some(text("read-only")), None, Some(single(Value::Int(1)))], unclear),
        ("no map", [Some(text("read-only")), None, Some(text("draft"))], unclear),
        (
            "another one",
            [
                Some(text("read-only")),
                None,
                Some(Value::Map(BTreeMap::from([("other".into(), to("/test"))]))),
            ],
            reading,
        ),
    ];
    for (what, said, expected) in table {
        let keys = [IN_VERSIONS, IN_VERSIONS_USE, IN_VERSION];
        let said: Vec<_> = keys.into_iter().zip(said).filter_map(|(key, said)| Some((key, said?))).collect();
        let tree = tree(&said);
        check(&tree, DRAFT, expected, what);
        check(&tree, Origin::TRUNK, [Ok("/api"), Ok("/api")], &format!("on the trunk: {what}"));
        let past = Origin { is_past: true, ..Origin::TRUNK };
        check(&tree, past, [Ok("/api"), Err(Because::Past)], &format!("in the past: {what}"));
        let past = Origin { is_past: true, ..DRAFT };
        check(&tree, past, [expected[0], Err(Because::Past)], &format!("in the version's past: {what}"));
    }
}

/// A rule for `draft` counted for each later version of that name, whoever opened it.
#[test]
fn case_33_what_is_said_for_one_version_does_not_count_for_a_later_one_of_its_name() {
    let rule = Value::Map(BTreeMap::from([("draft".into(), "/test".into())]));
    let reading = [Ok("/api"), Err(Because::ReadOnly)];
    for (in_versions, expected) in [(READ_ONLY, reading), (BLOCK, [Err(Because::Rule), Err(Because::Rule)])] {
        let tree = tree(&[(IN_VERSIONS, in_versions.into()), (IN_VERSION, rule.clone())]);
        let before = draft_of(Tid::from_micros(1));
        check(&tree, before, [Ok("/test"), Ok("/test")], "opened before the rule was written");
        for opened in [2, 3] {
            check(&tree, draft_of(Tid::from_micros(opened)), expected, "opened after it");
        }
    }
}

#[test]
fn case_33_what_is_used_instead_is_judged_no_further() {
    let mut tree = tree(&[(IN_VERSIONS, "other".into())]);
    let (api, test, sql) = (oid_at(&tree, "/api"), oid_at(&tree, "/test"), oid_at(&tree, "/sql"));
    let set = |oid, key: &str, value: Value| ObjectChange {
        oid,
        cells: vec![(CellKey::Attribute(name(key)), Some(Content::Value(value)))],
    };
    let objects = vec![
        set(api, IN_VERSIONS_USE, Value::Reference(test)),
        set(test, IN_VERSIONS, "other".into()),
        set(test, IN_VERSIONS_USE, Value::Reference(sql)),
    ];
    let changes = ChangeSet { base: tree.tid(), objects, unchanged: Vec::new() };
    tree.apply(&changes, Tid::from_micros(3));
    check(&tree, DRAFT, [Ok("/test"), Ok("/test")], "with a rule of its own");
}

#[test]
fn case_33_what_is_no_connection_at_the_head_leads_nowhere() {
    let tree = tree(&[]);
    for from in [Origin::TRUNK, DRAFT] {
        for connection in [oid_at(&tree, "/page"), Oid::from_u128(99), Oid::ROOT] {
            let decided = decide(&types(), &tree, from, connection, Intent::Read).unwrap();
            assert_eq!(decided.unwrap_err().because, Because::NotOnTrunk, "{connection}");
        }
    }
}

#[test]
fn what_is_blocked_says_what_on_what_from_where_why_and_what_to_do() {
    let tree = tree(&[(IN_VERSIONS, READ_ONLY.into())]);
    let decided = decide(&types(), &tree, DRAFT, oid_at(&tree, "/api"), Intent::Write).unwrap();
    let blocked = decided.unwrap_err();
    assert_eq!(
        blocked.to_string(),
        "cannot write through /api from the version `draft`: its `in_versions` says that it is only read from there"
    );
    assert_eq!(
        blocked.advice(),
        "do it after the merge, or have `in_versions` of /api changed on the public site by those with the \
         permission `Change connections`"
    );
}
