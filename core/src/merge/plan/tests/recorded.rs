//! Merges as a reference model recorded them.

use serde_json::Value as Json;

use super::*;
use crate::Value;

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

/// As in `attribute /a title`, `delete /a by version` or `name /a/b`.
fn printed(fork: &Fork, merged: &MemoryTree, conflict: &Conflict) -> Vec<String> {
    let path = |oid| path_of(&fork.base, oid).unwrap().map_or_else(|| "?".into(), |path| path.to_string());
    match (&conflict.key, &conflict.kind) {
        (ConflictKey::Cell(oid, CellKey::Attribute(attribute)), _) => {
            vec![format!("attribute {} {attribute}", path(*oid))]
        }
        (ConflictKey::Cell(oid, _), ConflictKind::Cell { base, parent, version }) => {
            let [Some(b), Some(p), Some(v)] = [base, parent, version].map(|place| match place {
                Some(Content::Place(place)) => Some(place),
                _ => None,
            }) else {
                panic!("unexpected {conflict:?}")
            };
            let moved = b.parent != p.parent && b.parent != v.parent && p.parent != v.parent;
            let renamed = b.name != p.name && b.name != v.name && p.name != v.name;
            let kinds = [(moved, "move"), (renamed, "rename")].into_iter().filter(|kind| kind.0);
            kinds.map(|(_, kind)| format!("{kind} {}", path(*oid))).collect()
        }
        (ConflictKey::Deleted(oid), ConflictKind::Deleted { by, .. }) => {
            let by = if *by == Side::Version { "version" } else { "trunk" };
            vec![format!("delete {} by {by}", path(*oid))]
        }
        (ConflictKey::Name { parent, name, .. }, _) => {
            vec![format!("name {}", path_of(merged, *parent).unwrap().unwrap().join(name))]
        }
        (_, ConflictKind::Cycle { version_moves, parent_moves }) => {
            let mut moved: Vec<String> =
                version_moves.iter().chain(parent_moves).map(|oid| path(*oid)).collect();
            moved.sort();
            vec![format!("cycle {}", moved.join(" "))]
        }
        _ => panic!("unexpected {conflict:?}"),
    }
}

fn wanted(conflict: &Json) -> String {
    match text(conflict, "kind") {
        "attribute" => format!("attribute {} {}", text(conflict, "path"), text(conflict, "attr")),
        "delete" => format!("delete {} by {}", text(conflict, "path"), text(conflict, "deleted_by")),
        "cycle" => {
            let mut moved: Vec<&str> =
                conflict["moved"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
            moved.sort();
            format!("cycle {}", moved.join(" "))
        }
        kind => format!("{kind} {}", text(conflict, "path")),
    }
}

/// What a conflict about a deletion lists, by path on the side that did it.
fn lost(fork: &Fork, conflict: &Conflict) -> BTreeSet<String> {
    let ConflictKind::Deleted { inner, .. } = &conflict.kind else { return BTreeSet::new() };
    let path = |inner: &Inner| path_of(fork.side(inner.side), inner.oid).unwrap().unwrap().to_string();
    inner.iter().map(path).collect()
}

#[test]
fn versions_merge_as_recorded() {
    let recorded: Json =
        serde_json::from_str(include_str!("../../../../tests/fixtures/merge_model.json")).unwrap();
    let mut failures = Vec::new();
    for case in recorded["cases"].as_array().unwrap() {
        let id = text(case, "id");
        let mut lines = Vec::new();
        write_tree(&case["base"], "", &mut lines);
        let mut fork = Fork::of(MemoryTree::seeded(&lines.join("\n")));
        for (side, ops) in [(Side::Parent, "trunk_ops"), (Side::Version, "version_ops")] {
            for op in case[ops].as_array().unwrap() {
                fork.work(side, |side| perform(side, op));
            }
        }
        let plan = fork.plan(&Resolutions::new());
        let merged = fork.merged(&plan);
        let mut found: Vec<String> =
            plan.conflicts.iter().flat_map(|conflict| printed(&fork, &merged, conflict)).collect();
        let conflicts = case["expected"]["conflicts"].as_array().cloned().unwrap_or_default();
        let lost: BTreeSet<String> =
            plan.conflicts.iter().flat_map(|conflict| lost(&fork, conflict)).collect();
        for changed in conflicts.iter().filter_map(|conflict| conflict["changed"].as_array()).flatten() {
            if !lost.contains(changed.as_str().unwrap()) {
                failures.push(format!("{id}: {changed} is lost, listed is {lost:?}"));
            }
        }
        let mut wanted: Vec<String> = conflicts.iter().map(wanted).collect();
        found.sort();
        wanted.sort();
        if case["expected"]["complete"] == false {
            // The model did not look at everything.
            found.retain(|conflict| wanted.contains(conflict));
        }
        if found != wanted {
            failures.push(format!("{id}: found {found:?}, wanted {wanted:?}"));
        }
        if conflicts.is_empty() {
            let mut lines = Vec::new();
            write_tree(&case["expected"]["merged"], "", &mut lines);
            let sorted = |text: &str| {
                text.lines().filter(|line| *line != "/").map(str::to_owned).collect::<BTreeSet<String>>()
            };
            let (is, should) = (sorted(&show(&merged).unwrap()), sorted(&lines.join("\n")));
            if is != should {
                failures.push(format!("{id}: merged {is:?}, wanted {should:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
