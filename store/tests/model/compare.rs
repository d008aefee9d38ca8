//! Whether a snapshot shows what the model says.

use bough_core::snapshot::{Chain, Child, ChildOrder, ChildrenPage, chain};
use bough_core::{Content, Name, Object, Oid, Snapshot as _};
use bough_store::{Database, Snapshot};

use crate::chance::Chance;
use crate::plain::{Cells, Commit, Tree};
use crate::security::assert_scope;

/// Looks at everything that is reachable, in both orders, page by page, and at some of what is not.
pub(crate) fn assert_same(snapshot: &Snapshot, tree: &Tree, chance: &mut Chance) {
    let mut live = tree.live().len();
    let mut waiting = vec![Oid::ROOT];
    while let Some(parent) = waiting.pop() {
        live -= 1;
        let object = snapshot.object(parent).unwrap();
        assert_cells(snapshot, object.as_deref(), parent, tree);
        assert_scope(snapshot, parent);
        assert!(matches!(chain(snapshot, parent).unwrap(), Chain::Live(_)), "{parent} is not live");
        let mut expected = tree.children(parent);
        let by_place = children(snapshot, parent, ChildOrder::Place, 1 + chance.below(7));
        let found: Vec<_> = by_place.iter().map(|c| (c.order.clone(), c.name.clone(), c.oid)).collect();
        assert_eq!(found, expected, "the children of {parent} by place");
        expected.sort_by(|a, b| a.1.cmp(&b.1));
        let by_name = children(snapshot, parent, ChildOrder::Name, 1 + chance.below(7));
        let found: Vec<_> = by_name.iter().map(|c| (&c.name, c.oid)).collect();
        let expected: Vec<_> = expected.iter().map(|(_, name, oid)| (name, *oid)).collect();
        assert_eq!(found, expected, "the children of {parent} by name");
        for child in by_name {
            assert_eq!(snapshot.child(parent, child.name.as_str()).unwrap(), Some(child.oid));
            waiting.push(child.oid);
        }
    }
    assert_eq!(live, 0, "so many live objects are not reached");
    for (oid, _) in tree.0.iter().skip(chance.below(tree.0.len())).take(3) {
        assert_cells(snapshot, snapshot.object(*oid).unwrap().as_deref(), *oid, tree);
        assert_scope(snapshot, *oid);
    }
}

fn children(snapshot: &Snapshot, parent: Oid, by: ChildOrder, limit: usize) -> Vec<Child> {
    let mut all: Vec<Child> = Vec::new();
    let mut page = ChildrenPage { by, after: None, limit };
    loop {
        let found = snapshot.children(parent, &page).unwrap();
        assert!(found.len() <= limit);
        let Some(last) = found.last() else { return all };
        page = page.following(last);
        all.extend(found);
    }
}

fn assert_cells(snapshot: &Snapshot, object: Option<&Object>, oid: Oid, tree: &Tree) {
    let content = |content: &Content| match content {
        Content::Large(large) => Content::Value(snapshot.large(large).unwrap()),
        content => content.clone(),
    };
    let cells = |object: &Object| -> Cells {
        object.cells().iter().map(|(key, cell)| (key.clone(), (cell.tid, content(&cell.content)))).collect()
    };
    assert_eq!(object.map(cells).as_ref(), tree.0.get(&oid).map(|cells| &**cells), "the cells of {oid}");
}

/// Looks at the history: what the last commit says of itself, what it changed, and who last had some names.
pub(crate) fn assert_history(database: &Database, history: &[Commit], names: &[Name], chance: &mut Chance) {
    let Some([before, last]) = history.last_chunk::<2>() else { return };
    let found = database.commits(None, 3).unwrap();
    let newest = history.iter().rev().take(3).map(|commit| (commit.tid, commit.sentence.as_str()));
    assert!(found.iter().map(|record| (record.tid, record.sentence.as_str())).eq(newest), "{found:?}");
    let deltas = database.changes(last.tid, 0, usize::MAX).unwrap();
    for oid in before.tree.differing(&last.tree) {
        let delta = deltas.iter().find(|delta| delta.oid == oid);
        let delta = delta.unwrap_or_else(|| panic!("{oid} changed, and the commit does not say so"));
        let snapshot = database.snapshot();
        assert_cells(&snapshot, delta.before.as_deref(), oid, &before.tree);
        assert_cells(&snapshot, delta.after.as_deref(), oid, &last.tree);
        assert_eq!(database.commits_of(oid, None, 1).unwrap()[0].tid, last.tid, "the last commit of {oid}");
    }
    let live = last.tree.live();
    for _ in 0..3 {
        let (parent, name) = (live[chance.below(live.len())], &names[chance.below(names.len())]);
        let until = chance.below(history.len());
        let snapshot = database.snapshot_at(history[until].tid).unwrap();
        let found = snapshot.former_child(parent, name.as_str()).unwrap();
        let key = (parent, name.clone());
        let now = history[until].names.get(&key);
        let holders = history[..=until].iter().rev().filter_map(|commit| commit.names.get(&key));
        let former = holders.copied().find(|holder| Some(holder) != now);
        assert_eq!(found, former, "who was {name} in {parent} before, as of {}", history[until].tid);
    }
}
