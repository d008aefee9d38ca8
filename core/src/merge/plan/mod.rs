//! The plan of a merge: everything that it would write, and everything that stands against it.
//!
//! A version is brought together with its parent line first cell by cell (`cells`); then at the tree that
//! comes of it, for objects that would contain each other (`cycles`), for what one side deleted and the other worked
//! on (`deleted`) and for names that two would have (`names`). Whoever merges settles a conflict by a
//! [`Resolution`]; what nobody settled is taken provisionally, so that the merged tree can be looked at in any case:
//! a cell as the parent line has it, a deletion as done, moves in a cycle as not done, a name with a number behind it.
//!
//! A merge writes the plan on the parent line. An update makes it the version's own cells over the parent line as it
//! is now. The merged tree is the same.
//!
//! # Invariants
//! - The parent line with the writes over it is a tree: one container each, unique names, nothing placed below what is
//!   deleted. That holds whatever the resolutions say.
//! - A resolution counts only for the conflict that it was made for: that key, and the same values on all sides.
//! - The same sides and resolutions give the same plan.
//! - It costs as much as the version's own cells; where the version deleted something, also as the parent line's
//!   changes since the base.
//!
//! # Why it ends
//! A look that finds something either uses up a resolution or puts an object back to where the parent line has it.
//! Each resolution is used once for what it is about; an object that is where the parent line has it needs no look.
//!
//! Not here: who changed what and when, who may (the store and the policy know).

mod cells;
mod cycles;
mod deleted;
mod editions;
mod fingerprint;
mod names;
mod planned;
mod tree;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use crate::object_type::TypeRegistry;
use crate::snapshot::{ReadError, Snapshot};
use crate::transaction::ObjectChange;
use crate::{CellKey, Content, Name, Oid, Place};

use fingerprint::Fingerprint;
use tree::{Fate, Fates, Tree};

pub use names::suggested_name;
pub use planned::Planned;

/// A cell that a version holds as its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCell {
    /// Whose cell.
    pub oid: Oid,
    /// Which.
    pub key: CellKey,
    /// What the parent line held there at the cell's base; none where it was absent.
    pub base: Option<Content>,
    /// What the version holds there; none where it cleared it, or deleted the object.
    pub version: Option<Content>,
}

impl OwnCell {
    /// Whether it is something else than what it is compared with.
    pub fn is_change(&self) -> bool {
        self.base != self.version
    }
}

/// What is brought together.
pub struct Sides<'a> {
    /// The parent line at the version's base.
    pub base: &'a dyn Snapshot,
    /// The parent line as it is now.
    pub parent: &'a dyn Snapshot,
    /// The version as its people see it.
    pub version: &'a dyn Snapshot,
    /// The types, which say how values merge.
    pub types: &'a TypeRegistry,
    /// The objects that the parent line changed since the base, in any order; more than those do no harm. Asked at
    /// most once, and only where the version deleted something.
    pub changed_in_parent: &'a dyn Fn() -> Result<Vec<Oid>, ReadError>,
}

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The private line.
    Version,
    /// The line that it came from.
    Parent,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Version => Self::Parent,
            Self::Parent => Self::Version,
        }
    }
}

/// Which conflict: the same in two plans as long as it is about the same thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConflictKey {
    /// Both sides changed this cell.
    Cell(Oid, CellKey),
    /// One side deleted this object, the topmost one, and the other worked on it or below it.
    Deleted(Oid),
    /// An object of the version would have a name that another has.
    Name {
        /// The container.
        parent: Oid,
        /// The name.
        name: Name,
        /// The version's object.
        oid: Oid,
    },
    /// These objects were moved, and would contain each other. By oid.
    Cycle(Vec<Oid>),
    /// One side changed the type of this object, the other attributes that the new type does not have; or both worked on
    /// it in editions that cannot be brought to one.
    Type(Oid),
}

/// What the other side did in something that one side deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// Changed attributes.
    Edited,
    /// Made the object.
    Added,
    /// Moved it in from elsewhere.
    MovedIn,
    /// Moved it within what is deleted or out of it, or renamed it.
    Moved,
}

/// An object at or below a deleted one that is lost where the deletion stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inner {
    /// Which.
    pub oid: Oid,
    /// On which side it is to be seen: the one that did not delete, but for what the version put into something that
    /// the parent line moved below what the version deleted.
    pub side: Side,
    /// What that side did.
    pub deed: Deed,
    /// The cells that it changed.
    pub cells: Vec<CellKey>,
}

/// What the two sides made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConflictKind {
    /// Both changed the cell in ways that exclude each other. Resolutions: either side, a value.
    Cell {
        /// What both started from.
        base: Option<Content>,
        /// What the parent line holds.
        parent: Option<Content>,
        /// What the version holds.
        version: Option<Content>,
    },
    /// Deleted by one side, worked on by the other. Resolutions: the deleting side, so that the deletion stands; the
    /// other, so that it is undone; a rescue.
    Deleted {
        /// Who deleted it.
        by: Side,
        /// What the other side did there, by oid.
        inner: Vec<Inner>,
        /// The nearest container above it that is still there.
        container: Oid,
    },
    /// Two objects of one name. Resolutions: either side, both, the same.
    Name {
        /// The version's object.
        version: Oid,
        /// The one that has the name on the parent line, or was put there by another resolution.
        other: Oid,
        /// Which of the two is better renamed where both are kept.
        rename: Side,
        /// A name that is free.
        suggested: Name,
    },
    /// Objects that would contain each other. Resolutions: either side's moves.
    Cycle {
        /// What the version moved.
        version_moves: Vec<Oid>,
        /// What the parent line moved.
        parent_moves: Vec<Oid>,
    },
    /// The type changed, and attributes that it does not have were edited. Resolutions: either side, for all of the
    /// object's cells but its place.
    Type {
        /// The type that both started from.
        base: Option<Name>,
        /// The parent line's type.
        parent: Option<Name>,
        /// The version's type.
        version: Option<Name>,
        /// The edited attributes that do not fit.
        attributes: Vec<Name>,
    },
    /// Both sides changed attributes, in editions of its type that cannot be brought to one. Resolutions: either side,
    /// for all of the object's cells but its place.
    Edition {
        /// The parent line's edition; none where it is none.
        parent: Option<u32>,
        /// The version's.
        version: Option<u32>,
        /// Why they cannot, in words.
        why: String,
    },
}

impl ConflictKind {
    /// What kinds there are, in one word each.
    pub const WORDS: [&'static str; 6] = ["cell", "deleted", "name", "cycle", "type", "edition"];

    /// The kind in one word, for programs.
    pub fn word(&self) -> &'static str {
        let [cell, deleted, name, cycle, type_, edition] = Self::WORDS;
        match self {
            Self::Cell { .. } => cell,
            Self::Deleted { .. } => deleted,
            Self::Name { .. } => name,
            Self::Cycle { .. } => cycle,
            Self::Type { .. } => type_,
            Self::Edition { .. } => edition,
        }
    }
}

/// Something about which the sides do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Which conflict it is.
    pub key: ConflictKey,
    /// What the sides made of it.
    pub kind: ConflictKind,
    /// Stands for the values of all sides, on every machine and in every release: another one is another conflict.
    pub fingerprint: u128,
}

impl Conflict {
    /// Whether the sides differ about nothing but the standing of an object among its siblings.
    pub fn is_about_standing(&self) -> bool {
        let ConflictKind::Cell { parent, version, .. } = &self.kind else { return false };
        match (cells::as_place(parent.as_ref()), cells::as_place(version.as_ref())) {
            (Some(parent), Some(version)) => (parent.parent, &parent.name) == (version.parent, &version.name),
            _ => false,
        }
    }
}

/// What a person chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// What the version has.
    Version,
    /// What the parent line has.
    Parent,
    /// For a cell: this instead.
    Value(Option<Content>),
    /// For a name: keep both objects, and call one of them so.
    Both {
        /// Whose object is renamed.
        rename: Side,
        /// Its new name.
        to: Name,
    },
    /// For a name: both are the same thing. The version's object goes into the other one: its attributes are merged
    /// with those of the other, what it contains moves over. Only where their types and editions are equal.
    Same,
    /// For a deletion: it stands, but each of these objects goes into the container beside it, with what is in it.
    Rescue(Vec<(Oid, Oid)>),
}

/// What people chose, with the fingerprint of the conflict that they saw.
pub type Resolutions = BTreeMap<ConflictKey, (u128, Resolution)>;

/// Worth knowing, but nothing to decide about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// One side deleted the container; the object survives because the other side had moved it out.
    Survived {
        /// The object.
        oid: Oid,
        /// What is deleted.
        deleted: Oid,
        /// Who deleted that.
        by: Side,
    },
    /// Both sides gave the object another standing among its siblings, where their order does not matter: it has the
    /// parent line's.
    OrderOfParent(Oid),
}

/// What a merge would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What to write over the parent line, by oid: only cells that differ from what is there.
    pub writes: Vec<ObjectChange>,
    /// What nobody has settled yet, by key. While there is any, the writes show what is provisional.
    pub conflicts: Vec<Conflict>,
    /// What a resolution settled, by key.
    pub settled: Vec<(Conflict, Resolution)>,
    /// What is worth knowing.
    pub notices: Vec<Notice>,
}

/// Plans the merge of a version into its parent line, or its update from there.
///
/// A resolution that does not fit its conflict, or would make a new one of the same kind, leaves it unsettled.
///
/// # Errors
/// When a side cannot be read.
pub fn plan(sides: &Sides<'_>, own: &[OwnCell], resolutions: &Resolutions) -> Result<Plan, ReadError> {
    let mut planner = Planner::new(sides, own, resolutions)?;
    planner.merge_cells()?;
    while planner.settle_cycles()? || planner.settle_deleted()? || planner.settle_names()? {}
    planner.name_provisionally()?;
    planner.finish()
}

/// A changed cell of the version.
struct Change {
    key: CellKey,
    base: Option<Content>,
    version: Option<Content>,
}

/// A conflict that was met, and how it was settled.
struct Found {
    conflict: Conflict,
    settled: Option<Resolution>,
}

/// The work in progress: the tree as it is planned so far, and what was met on the way.
struct Planner<'a> {
    sides: &'a Sides<'a>,
    resolutions: &'a Resolutions,
    /// What each cell of the version was compared with when it was made or merged last.
    bases: BTreeMap<(Oid, &'a CellKey), Option<&'a Content>>,
    /// What the version changed in the net, by object.
    changes: BTreeMap<Oid, Vec<Change>>,
    tree: Tree<'a>,
    in_version: Fates,
    in_parent: Fates,
    changed_in_parent: Option<Rc<[Oid]>>,
    found: BTreeMap<ConflictKey, Found>,
    /// Losses that are part of a conflict, with the side that did what is lost.
    listed: HashSet<(Side, Oid)>,
    /// Deletions that were undone: once each.
    restored: HashSet<Oid>,
    /// Objects that a resolution put somewhere, so that a conflict about their place is no longer one.
    placed: HashSet<Oid>,
    /// Objects that went away because of a resolution about their name: what is lost in there is so on purpose.
    discarded: HashSet<Oid>,
    /// Objects that went into another one of the same name.
    absorbed: HashSet<Oid>,
    /// Names that were suggested, by container: none twice.
    suggested: HashSet<(Oid, Name)>,
    notices: BTreeSet<Notice>,
}

impl<'a> Planner<'a> {
    fn new(
        sides: &'a Sides<'a>,
        own: &'a [OwnCell],
        resolutions: &'a Resolutions,
    ) -> Result<Self, ReadError> {
        let mut planner = Self {
            sides,
            resolutions,
            bases: own.iter().map(|cell| ((cell.oid, &cell.key), cell.base.as_ref())).collect(),
            changes: BTreeMap::new(),
            tree: Tree::over(sides.parent),
            in_version: Fates::default(),
            in_parent: Fates::default(),
            changed_in_parent: None,
            found: BTreeMap::new(),
            listed: HashSet::new(),
            restored: HashSet::new(),
            placed: HashSet::new(),
            discarded: HashSet::new(),
            absorbed: HashSet::new(),
            suggested: HashSet::new(),
            notices: BTreeSet::new(),
        };
        planner.changes = planner.net_changes(own)?;
        Ok(planner)
    }

    fn is_live_in_version(&self, oid: Oid) -> Result<bool, ReadError> {
        Ok(self.in_version.of(self.sides.version, oid)? == Fate::Live)
    }

    fn is_in_circle_in_version(&self, oid: Oid) -> Result<bool, ReadError> {
        Ok(matches!(self.in_version.of(self.sides.version, oid)?, Fate::Cycle(_)))
    }

    fn is_live_in_parent(&self, oid: Oid) -> Result<bool, ReadError> {
        Ok(self.in_parent.of(self.sides.parent, oid)? == Fate::Live)
    }

    fn place_in_version(&self, oid: Oid) -> Result<Option<Place>, ReadError> {
        Ok(self.sides.version.object(oid)?.and_then(|object| object.place().cloned()))
    }

    fn place_in_parent(&self, oid: Oid) -> Result<Option<Place>, ReadError> {
        Ok(self.sides.parent.object(oid)?.and_then(|object| object.place().cloned()))
    }

    /// Takes note of a conflict; answers the resolution that people made for it. Where it was met before, what was
    /// then done about it did not help: it is not settled.
    fn meet(&mut self, key: ConflictKey, kind: ConflictKind, fingerprint: Fingerprint) -> Option<Resolution> {
        if let Some(found) = self.found.get_mut(&key) {
            found.settled = None;
            return None;
        }
        let fingerprint = fingerprint.finish();
        let chosen = self.resolutions.get(&key).filter(|(of, _)| *of == fingerprint);
        let chosen = chosen.map(|(_, resolution)| resolution.clone());
        let conflict = Conflict { key: key.clone(), kind, fingerprint };
        self.found.insert(key, Found { conflict, settled: None });
        chosen
    }

    fn settled(&mut self, key: &ConflictKey, resolution: Resolution) {
        if let Some(found) = self.found.get_mut(key) {
            found.settled = Some(resolution);
        }
    }

    /// Puts an object back to where the parent line has it. Answers whether that changed anything.
    fn put_back(&mut self, oid: Oid) -> Result<bool, ReadError> {
        let place = self.place_in_parent(oid)?;
        self.tree.put(oid, place)
    }

    fn finish(mut self) -> Result<Plan, ReadError> {
        self.note_survivors()?;
        let mut plan = Plan { writes: self.tree.writes()?, ..Plan::default() };
        for (key, found) in std::mem::take(&mut self.found) {
            if !self.still_counts(&key)? {
                continue;
            }
            match found.settled {
                Some(resolution) => plan.settled.push((found.conflict, resolution)),
                None => plan.conflicts.push(found.conflict),
            }
        }
        plan.notices = self.notices.into_iter().collect();
        Ok(plan)
    }

    /// A conflict about a cell of an object that is not there in the end, or was put elsewhere, is none.
    fn still_counts(&self, key: &ConflictKey) -> Result<bool, ReadError> {
        match key {
            ConflictKey::Cell(oid, CellKey::Place) if self.placed.contains(oid) => Ok(false),
            ConflictKey::Cell(oid, _) | ConflictKey::Type(oid) => self.tree.is_live(*oid),
            _ => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests;
