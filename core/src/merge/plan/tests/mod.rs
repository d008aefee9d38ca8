//! Plans on trees in memory: what the cases say, what was recorded, and laws on random trees.

mod recorded;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::Tid;
use crate::object::differing_cells;
use crate::testing::{CountingIds, MemoryTree, name, oid_at};
use crate::transaction::{ChangeSet, Transaction};

/// A site, its parent line and a version, as they come out of one base.
struct Fork {
    base: MemoryTree,
    parent: MemoryTree,
    version: MemoryTree,
    ids: Arc<CountingIds>,
    types: Arc<TypeRegistry>,
}

impl Fork {
    fn of(base: MemoryTree) -> Self {
        let ids = Arc::new(CountingIds::after(1_000));
        let (parent, version) = (base.clone(), base.clone());
        Self { base, parent, version, ids, types: Arc::new(TypeRegistry::default()) }
    }

    /// One more commit on one side.
    fn work(&mut self, side: Side, edit: impl FnOnce(&mut Transaction)) {
        let (ids, types) = (Arc::clone(&self.ids) as _, Arc::clone(&self.types));
        let tree = match side {
            Side::Version => &mut self.version,
            Side::Parent => &mut self.parent,
        };
        let tid = Tid::from_micros(tree.tid().as_micros() + 1);
        let moment = tid.as_micros() * 2 + u64::from(side == Side::Version);
        let mut work = Transaction::new(Arc::new(tree.clone()), types, ids, moment);
        edit(&mut work);
        tree.apply(&work.finish().unwrap(), tid);
    }

    fn plan(&self, resolutions: &Resolutions) -> Plan {
        let own = own_cells(&self.base, &self.version);
        plan_of(&self.base, &self.parent, &self.version, &self.types, &own, resolutions)
    }

    fn merged(&self, plan: &Plan) -> MemoryTree {
        let mut tree = self.parent.clone();
        apply(&mut tree, plan);
        tree
    }
}

fn plan_of(
    base: &dyn Snapshot,
    parent: &MemoryTree,
    version: &dyn Snapshot,
    types: &TypeRegistry,
    own: &[OwnCell],
    resolutions: &Resolutions,
) -> Plan {
    let changed = || Ok(parent.objects().map(|object| object.oid()).collect());
    plan(&Sides { base, parent, version, types, changed_in_parent: &changed }, own, resolutions).unwrap()
}

/// The cells in which a version differs from what it began with.
fn own_cells(base: &MemoryTree, version: &MemoryTree) -> Vec<OwnCell> {
    let mut own = Vec::new();
    for object in version.objects() {
        let was = base.object(object.oid()).unwrap();
        for (key, base, version) in differing_cells(was.as_deref(), Some(object)) {
            let (base, version) = (base.cloned(), version.cloned());
            own.push(OwnCell { oid: object.oid(), key: key.clone(), base, version });
        }
    }
    own
}

fn apply(tree: &mut MemoryTree, plan: &Plan) {
    let tid = Tid::from_micros(tree.tid().as_micros() + 1);
    let changes = ChangeSet { base: tree.tid(), objects: plan.writes.clone(), unchanged: Vec::new() };
    tree.apply(&changes, tid);
}
