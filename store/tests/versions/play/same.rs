//! What the store shows and what the model says, compared.

use bough_core::merge::plan::Plan;
use bough_core::object::differing_cells;
use bough_core::snapshot::{ChildOrder, ChildrenPage, Snapshot as _};
use bough_core::{CellKey, Content, Oid};
use bough_store::version::MergePlan;
use bough_store::{Database, Snapshot};

use crate::chance::Chance;
use crate::plain::{Tree, Version};
use crate::security::assert_scope;

pub(super) fn assert_plan(found: &MergePlan, plan: &Plan) {
    let conflicts: Vec<_> = found.conflicts.iter().map(|one| &one.conflict).collect();
    let settled: Vec<_> = found.settled.iter().map(|one| (&one.conflict, one.resolution.as_ref())).collect();
    assert_eq!(conflicts, plan.conflicts.iter().collect::<Vec<_>>());
    assert_eq!(settled, plan.settled.iter().map(|(one, by)| (one, Some(by))).collect::<Vec<_>>());
    assert_eq!(found.notices, plan.notices);
    assert_eq!(found.objects, plan.writes.len() as u64, "{:?}, {:?}", found.cells, plan.writes);
}

/// Looks at everything that is reachable, in both orders, page by page, and at some of what is not.
pub(super) fn assert_same(snapshot: &Snapshot, tree: &Tree, chance: &mut Chance) {
    let mut live = tree.live().len();
    let mut waiting = vec![Oid::ROOT];
    while let Some(parent) = waiting.pop() {
        live -= 1;
        assert_cells(snapshot, parent, tree);
        assert_scope(snapshot, parent);
        for by in [ChildOrder::Place, ChildOrder::Name] {
            let mut page = ChildrenPage { by, after: None, limit: 1 + chance.below(5) };
            let mut found = Vec::new();
            loop {
                let children = snapshot.children(parent, &page).unwrap();
                assert!(children.len() <= page.limit);
                let Some(last) = children.last() else { break };
                page = page.following(last);
                found.extend(children.into_iter().map(|child| (child.name, child.oid)));
            }
            let all = ChildrenPage { by, after: None, limit: usize::MAX };
            let expected = bough_core::Snapshot::children(tree, parent, &all).unwrap();
            let expected: Vec<_> = expected.into_iter().map(|child| (child.name, child.oid)).collect();
            assert_eq!(found, expected, "the children of {parent} {by:?}");
            if by == ChildOrder::Name {
                for (name, oid) in found {
                    assert_eq!(snapshot.child(parent, name.as_str()).unwrap(), Some(oid));
                    waiting.push(oid);
                }
            }
        }
        for name in ["a", "b", "c", "d", "a-2"] {
            assert_eq!(snapshot.child(parent, name).unwrap(), tree.child(parent, name), "{name} in {parent}");
        }
    }
    assert_eq!(live, 0, "so many live objects are not reached");
    for oid in tree.0.keys().skip(chance.below(tree.0.len())).take(3) {
        assert_cells(snapshot, *oid, tree);
        assert_scope(snapshot, *oid);
    }
}

/// What the version has changed, each cell against what it is compared with.
pub(super) fn assert_holds(database: &Database, version: &Version) {
    let found: Vec<_> = database
        .own_changes(0, usize::MAX)
        .unwrap()
        .objects
        .iter()
        .flat_map(|delta| {
            let cells = differing_cells(delta.before.as_deref(), delta.after.as_deref()).into_iter();
            let held = |(key, before, after): (&CellKey, Option<&Content>, Option<&Content>)| {
                (delta.oid, key.clone(), before.cloned(), after.cloned())
            };
            cells.map(held).collect::<Vec<_>>()
        })
        .collect();
    let compared = version.compared_with();
    let changes = compared.changes_to(&version.tree()).into_iter();
    let expected: Vec<_> = changes
        .map(|(oid, key, after)| (oid, key.clone(), compared.content(oid, &key).cloned(), after))
        .collect();
    assert_eq!(found, expected);
}

fn assert_cells(snapshot: &Snapshot, oid: Oid, tree: &Tree) {
    let object = snapshot.object(oid).unwrap();
    let found = object
        .as_ref()
        .map(|object| object.cells().iter().map(|(key, cell)| (key, &cell.content)).collect::<Vec<_>>());
    if found.is_none() && !tree.is_live(oid) {
        // It may be packed away.
        return;
    }
    let expected = tree.0.get(&oid).map(|cells| cells.iter().collect::<Vec<_>>());
    assert_eq!(found.unwrap_or_default(), expected.unwrap_or_default(), "the cells of {oid}");
}
