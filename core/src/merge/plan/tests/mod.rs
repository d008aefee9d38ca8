//! Plans on trees in memory: what the cases say, what was recorded, and laws on random trees.

mod cases;
mod editions;
mod laws;
mod recorded;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::migration::migrated;
use crate::object::differing_cells;
use crate::snapshot::path_of;
use crate::testing::{CountingIds, FOLDER, MemoryTree, name, oid_at, parse_value, show};
use crate::transaction::{ChangeSet, Transaction};
use crate::{ObjectPath, OrderKey, Tid};

/// How often a person is asked before a test gives up.
const ROUNDS_MAX: usize = 8;

/// A site, its parent line and a version, as they come out of one base.
struct Fork {
    base: MemoryTree,
    parent: MemoryTree,
    version: MemoryTree,
    ids: Arc<CountingIds>,
    types: Arc<TypeRegistry>,
}

impl Fork {
    /// A site as text, and what is done in the version and on the parent line: `set /a title B`, `clear /a title`,
    /// `add /a/b`, `add /a/b :page`, `delete /a`, `move /a /b/c`, `first /a`, `type /a page`, one commit each.
    fn after(base: &str, version: &str, parent: &str) -> Self {
        Self::with_types(TypeRegistry::default(), base, version, parent)
    }

    fn with_types(types: TypeRegistry, base: &str, version: &str, parent: &str) -> Self {
        let mut fork = Self { types: Arc::new(types), ..Self::of(MemoryTree::seeded(base)) };
        for (side, steps) in [(Side::Version, version), (Side::Parent, parent)] {
            for step in steps.split(';').map(str::trim).filter(|step| !step.is_empty()) {
                fork.work(side, |work| perform(work, step));
            }
        }
        fork
    }

    fn of(base: MemoryTree) -> Self {
        // They come after those of the base and are easily told from them.
        let last = base.objects().map(|object| u128::from_be_bytes(object.oid().to_bytes())).max().unwrap();
        let ids = Arc::new(CountingIds::after((last as u64).next_multiple_of(1_000)));
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

    fn side(&self, side: Side) -> &MemoryTree {
        if side == Side::Version { &self.version } else { &self.parent }
    }

    /// Merges without asking anybody: what is then open, and the tree that would come of it.
    fn check(&self, conflicts: &str, merged: &str) {
        let plan = self.plan(&Resolutions::new());
        let found: Vec<String> = plan.conflicts.iter().map(|conflict| self.print(conflict)).collect();
        assert_eq!(found.join("\n"), lines(conflicts).join("\n"));
        assert_eq!(show(&self.merged(&plan)).unwrap().lines().collect::<Vec<_>>(), lines(merged));
    }

    /// Merges, and settles each conflict that comes up by `choose`; answers how many came up.
    fn check_settled(&self, choose: impl Fn(&Conflict) -> Resolution, merged: &str) -> usize {
        let mut resolutions = Resolutions::new();
        for _ in 0..ROUNDS_MAX {
            let plan = self.plan(&resolutions);
            if plan.conflicts.is_empty() {
                let shown = show(&self.merged(&plan)).unwrap();
                assert_eq!(shown.lines().collect::<Vec<_>>(), lines(merged), "after {resolutions:?}");
                let settled: BTreeSet<&ConflictKey> = plan.settled.iter().map(|(c, _)| &c.key).collect();
                assert!(!settled.is_empty(), "nothing was settled");
                return resolutions.len();
            }
            for conflict in &plan.conflicts {
                let chosen = (conflict.fingerprint, choose(conflict));
                let before = resolutions.insert(conflict.key.clone(), chosen.clone());
                assert_ne!(before, Some(chosen), "it does not settle {}", self.print(conflict));
            }
        }
        panic!("there is no end of it");
    }

    /// Tries a resolution that does not fit the first conflict: everything is as without it.
    fn check_refused(&self, resolution: Resolution) {
        let open = self.plan(&Resolutions::new());
        let conflict = &open.conflicts[0];
        let resolutions =
            Resolutions::from([(conflict.key.clone(), (conflict.fingerprint, resolution.clone()))]);
        assert_eq!(self.plan(&resolutions), open, "{resolution:?}");
    }

    /// The paths of what survives a deletion, with who deleted.
    fn survivors(&self) -> Vec<String> {
        let plan = self.plan(&Resolutions::new());
        let merged = self.merged(&plan);
        let survivor = |notice: &Notice| match notice {
            Notice::Survived { oid, by, .. } => {
                Some(format!("{} {}", path_of(&merged, *oid).unwrap().unwrap(), who(*by)))
            }
            Notice::OrderOfParent(_) => None,
        };
        plan.notices.iter().filter_map(survivor).collect()
    }

    /// The object's path where it is to be seen.
    fn path(&self, oid: Oid) -> String {
        let paths = [&self.parent, &self.version, &self.base].map(|tree| path_of(tree, oid).unwrap());
        paths.into_iter().flatten().next().map_or_else(|| oid.to_string(), |path| path.to_string())
    }

    /// As in `cell /a title`, `deleted /f by version: /f/x edited`, `name /a`, `cycle: /a against /b`.
    fn print(&self, conflict: &Conflict) -> String {
        let paths = |oids: &[Oid]| oids.iter().map(|oid| self.path(*oid)).collect::<Vec<_>>().join(" ");
        match (&conflict.key, &conflict.kind) {
            (ConflictKey::Cell(oid, key), _) => format!("cell {} {key}", self.path(*oid)),
            (ConflictKey::Deleted(oid), ConflictKind::Deleted { by, inner, .. }) => {
                let deed = |inner: &Inner| {
                    let path = path_of(self.side(inner.side), inner.oid).unwrap().unwrap();
                    format!("{path} {}", format!("{:?}", inner.deed).to_lowercase())
                };
                let deeds: Vec<String> = inner.iter().map(deed).collect();
                format!("deleted {} by {}: {}", self.path(*oid), who(*by), deeds.join(", "))
            }
            (ConflictKey::Name { name, parent, .. }, _) => {
                let parent = self.path(*parent);
                format!("name {}/{name}", if parent == "/" { "" } else { &parent })
            }
            (_, ConflictKind::Cycle { version_moves, parent_moves }) => {
                format!("cycle: {} against {}", paths(version_moves), paths(parent_moves))
            }
            (ConflictKey::Type(oid), ConflictKind::Type { attributes, .. }) => {
                format!("type {}: {attributes:?}", self.path(*oid))
            }
            (ConflictKey::Type(oid), ConflictKind::Edition { parent, version, why }) => {
                let edition = |of: &Option<u32>| of.map_or("none".into(), |of| of.to_string());
                format!(
                    "edition {}: {} against {}: {why}",
                    self.path(*oid),
                    edition(version),
                    edition(parent)
                )
            }
            other => panic!("{other:?} does not go together"),
        }
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

fn who(side: Side) -> &'static str {
    if side == Side::Version { "version" } else { "parent" }
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

fn perform(work: &mut Transaction, step: &str) {
    let words: Vec<&str> = step.split_whitespace().collect();
    let split = |work: &Transaction, path: &str| {
        let path = ObjectPath::parse(path).unwrap();
        let (above, name) = path.split_last().unwrap();
        (work.at(&above).unwrap(), name.clone())
    };
    let done = match words[..] {
        ["set", path, attribute, value] => {
            work.set(oid_at(work, path), &name(attribute), Some(parse_value(value)))
        }
        ["clear", path, attribute] => work.set(oid_at(work, path), &name(attribute), None),
        ["add", path, ref rest @ ..] => {
            let (parent, name) = split(work, path);
            let of = rest.first().map_or(FOLDER, |of| &of[1..]);
            work.add(parent, &name, &self::name(of), []).map(drop)
        }
        ["delete", path] => work.delete(oid_at(work, path)),
        ["move", from, to] => {
            let (parent, name) = split(work, to);
            work.move_to(oid_at(work, from), parent, &name)
        }
        ["first", path] => {
            let (parent, _) = split(work, path);
            let first = work.children(parent, &crate::snapshot::ChildrenPage::first(1)).unwrap();
            work.reorder(oid_at(work, path), OrderKey::between(None, Some(&first[0].order)))
        }
        ["migrate", path] => {
            let object = work.object(oid_at(work, path)).unwrap().unwrap();
            let cells =
                migrated(&object, &Arc::clone(work.types()), &|large| work.large(large)).unwrap().unwrap();
            cells.into_iter().try_for_each(|(key, content)| match (key, content) {
                (CellKey::Attribute(name), Some(Content::Value(value))) => {
                    work.set(object.oid(), &name, Some(value))
                }
                (CellKey::Attribute(name), None) => work.set(object.oid(), &name, None),
                other => panic!("{other:?} is no migration"),
            })
        }
        ["type", path, of] => work.set_type(oid_at(work, path), &name(of)),
        _ => panic!("`{step}` says nothing"),
    };
    done.unwrap_or_else(|error| panic!("`{step}`: {error}"));
}
