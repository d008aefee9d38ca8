use super::structure::{Checker, Violation};
use super::*;
use crate::object_type::TypeRegistry;
use crate::snapshot::{ChildOrder, ChildrenPage, Snapshot, path_of};
use crate::testing::{CountingIds, FOLDER, MemoryTree, name, oid_at, show};
use crate::transaction::{ChangeSet, ObjectChange, Transaction};
use crate::{Oid, Tid};
use serde_json::Value as Json;
use std::sync::Arc;

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json[key].as_str().unwrap()
}

/// A node and what is in it, as lines of the text form.
fn write_tree(node: &Json, path: &str, lines: &mut Vec<String>) {
    let attributes = node["attrs"].as_object().unwrap().iter().map(|(attribute, value)| {
        format!(" {attribute}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    });
    let line = format!("{}{}", if path.is_empty() { "/" } else { path }, attributes.collect::<String>());
    lines.push(line);
    for child in node["children"].as_array().unwrap() {
        write_tree(child, &format!("{path}/{}", text(child, "name")), lines);
    }
}

fn perform(side: &mut Transaction, op: &Json) {
    let value = |json: &Json| json.as_str().map_or_else(|| json.as_i64().unwrap().into(), Value::from);
    let at = |side: &Transaction, key| oid_at(side, text(op, key));
    let place = |side: &Transaction, key| {
        let place = side.object(at(side, key)).unwrap().unwrap().place().unwrap().clone();
        (place.parent, place.name)
    };
    let done = match text(op, "op") {
        "set" => side.set(at(side, "path"), &name(text(op, "attr")), Some(value(&op["value"]))),
        "del" => side.set(at(side, "path"), &name(text(op, "attr")), None),
        "delete" => side.delete(at(side, "path")),
        "rename" => side.move_to(at(side, "path"), place(side, "path").0, &name(text(op, "name"))),
        "move" => side.move_to(at(side, "path"), at(side, "to"), &place(side, "path").1),
        "add" => {
            let attributes =
                op["attrs"].as_object().unwrap().iter().map(|(key, json)| (name(key), value(json)));
            side.add(at(side, "parent"), &name(text(op, "name")), &name(FOLDER), attributes).map(drop)
        }
        other => panic!("`{other}` is no operation"),
    };
    done.unwrap_or_else(|error| panic!("{op}: {error}"));
}

fn changes(base: &MemoryTree, ids: &Arc<CountingIds>, ops: &Json, now_micros: u64) -> ChangeSet {
    let ids = Arc::clone(ids) as Arc<dyn crate::clock::IdSource>;
    let mut side =
        Transaction::new(Arc::new(base.clone()), Arc::new(TypeRegistry::default()), ids, now_micros);
    ops.as_array().unwrap().iter().for_each(|op| perform(&mut side, op));
    side.finish().unwrap()
}

/// As in `attribute /a title` or `move /a`.
fn printed(base: &MemoryTree, oid: Oid, conflict: &CellConflict) -> Vec<String> {
    let path = path_of(base, oid).unwrap().unwrap();
    match (&conflict.cell, &conflict.base, &conflict.left, &conflict.right) {
        (CellKey::Attribute(attribute), ..) => vec![format!("attribute {path} {attribute}")],
        (_, Some(Content::Place(b)), Some(Content::Place(l)), Some(Content::Place(r))) => {
            let moved = b.parent != l.parent && b.parent != r.parent && l.parent != r.parent;
            let renamed = b.name != l.name && b.name != r.name && l.name != r.name;
            let kinds = [(moved, "move"), (renamed, "rename")].into_iter().filter(|kind| kind.0);
            kinds.map(|(_, kind)| format!("{kind} {path}")).collect()
        }
        _ => panic!("unexpected {conflict:?}"),
    }
}

/// Merges the changes cell by cell over `left`; answers the outcome and the conflicts.
fn merged(base: &MemoryTree, left: &MemoryTree, changes: &ChangeSet) -> (MemoryTree, Vec<String>) {
    let never = |_: &Large| -> Result<Value, ReadError> { unreachable!("nothing is large here") };
    let (mut objects, mut conflicts) = (Vec::new(), Vec::new());
    for ObjectChange { oid, cells } in &changes.objects {
        let (was, is) = (base.object(*oid).unwrap(), left.object(*oid).unwrap());
        match merge_changes(&|_| MergePolicy::ByKind, was.as_deref(), is.as_deref(), cells, &never).unwrap() {
            Ok(cells) => objects.push(ObjectChange { oid: *oid, cells }),
            Err(found) => conflicts.extend(found.iter().flat_map(|conflict| printed(base, *oid, conflict))),
        }
    }
    let mut tree = left.clone();
    let changes = ChangeSet { base: base.tid(), objects, unchanged: Vec::new() };
    tree.apply(&changes, Tid::from_micros(left.tid().as_micros() + 1));
    (tree, conflicts)
}

/// As in `cycle` and `name /a/b`.
fn structure_conflicts(tree: &MemoryTree, touched: &[&ChangeSet]) -> Vec<String> {
    let mut found = Vec::new();
    for change in touched.iter().flat_map(|changes| &changes.objects) {
        match Checker::default().check(tree, change.oid).unwrap() {
            None => {}
            Some(Violation::Cycle(_)) => return vec!["cycle".into()],
            Some(other) => found.push(other.to_string()),
        }
    }
    let all = ChildrenPage { by: ChildOrder::Name, after: None, limit: usize::MAX };
    for object in tree.objects() {
        let Some(path) = path_of(tree, object.oid()).unwrap() else { continue };
        let children = tree.children(object.oid(), &all).unwrap();
        let twins = children.windows(2).filter(|pair| pair[0].name == pair[1].name);
        found.extend(twins.map(|pair| format!("name {}", path.join(&pair[0].name))));
    }
    found
}

/// What a model of merging answered. Left out are only conflicts of a deletion with a change, which are no matter of
/// one cell.
#[test]
fn cells_merge_as_recorded() {
    let recorded: Json = serde_json::from_str(include_str!("../../tests/fixtures/merge_model.json")).unwrap();
    let mut merges = 0;
    for case in recorded["cases"].as_array().unwrap() {
        let expected = &case["expected"];
        let conflicts: &[Json] = expected["conflicts"].as_array().map_or(&[], |conflicts| conflicts);
        if conflicts.iter().any(|conflict| conflict["kind"] == "delete") {
            continue;
        }
        merges += 1;
        let mut lines = Vec::new();
        write_tree(&case["base"], "", &mut lines);
        let (base, ids) = (MemoryTree::seeded(&lines.join("\n")), Arc::new(CountingIds::after(1_000)));
        let trunk = changes(&base, &ids, &case["trunk_ops"], 10);
        let version = changes(&base, &ids, &case["version_ops"], 20);
        let mut left = base.clone();
        left.apply(&trunk, Tid::from_micros(2));

        let (tree, mut found) = merged(&base, &left, &version);
        if !found.iter().any(|conflict| conflict.starts_with("move") || conflict.starts_with("rename")) {
            found.extend(structure_conflicts(&tree, &[&trunk, &version]));
        }

        let mut wanted: Vec<String> = conflicts
            .iter()
            .map(|conflict| match text(conflict, "kind") {
                "attribute" => format!("attribute {} {}", text(conflict, "path"), text(conflict, "attr")),
                "cycle" => "cycle".into(),
                kind => format!("{kind} {}", text(conflict, "path")),
            })
            .collect();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{}", case["id"]);
        if conflicts.is_empty() {
            let mut lines = Vec::new();
            write_tree(&expected["merged"], "", &mut lines);
            let sorted = |text: &str| {
                let mut lines: Vec<String> =
                    text.lines().filter(|line| *line != "/").map(str::to_owned).collect();
                lines.sort();
                lines
            };
            assert_eq!(sorted(&show(&tree).unwrap()), sorted(&lines.join("\n")), "{}", case["id"]);
        }
    }
    assert!(merges > 35, "only {merges} merges were found in the recording");
}
