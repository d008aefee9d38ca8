//! Reads: what an answer was made from, and what a change makes different.
//!
//! An answer is a pure function of what was read for it, *and of what was looked for and not found*. Both are noted
//! here, as numbers: one for each cell, name and listing that was asked for. What a change makes different has numbers
//! of the same kind. Where the two have none in common, the answer would be the same after the change.
//!
//! # Invariants
//! - Two facts may by chance have one number. So an answer may be taken for touched that is not, never the other way.
//! - What is noted does not depend on whether the reader could have known less: no fact is left out.
//!
//! Not here: who keeps what was noted, and for how long.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::object::differing_cells;
use crate::snapshot::{ReadError, Snapshot};
use crate::{CellKey, Content, Object, Oid};

/// The number of a fact.
pub type FactId = u64;

/// Something that can be read of a site, and can become something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fact<'a> {
    /// What one cell other than those below holds, or that the object has none.
    Cell(Oid, &'a CellKey),
    /// What one attribute holds, or that the object has none.
    Attribute(Oid, &'a str),
    /// What the object itself says about who may do what.
    Security(Oid),
    /// Everything about the object, and whether it exists.
    Object(Oid),
    /// Who stands under a name in a container, who stood there before, or that nobody does.
    Child(Oid, &'a str),
    /// Who stands in a container, in which order.
    Children(Oid),
}

impl Fact<'_> {
    /// Its number: the same in every run of the same program.
    pub fn id(&self) -> FactId {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

#[derive(Debug, Default)]
struct Noted {
    facts: HashSet<FactId>,
    /// Containers of which all was noted that bears on rights.
    scopes: HashSet<Oid>,
}

/// A list of what is read for one answer. Clones write on the same list.
#[derive(Clone, Debug, Default)]
pub struct Reads(Arc<Mutex<Noted>>);

impl Reads {
    /// Notes that something was read.
    pub fn note(&self, fact: Fact<'_>) {
        self.noted().facts.insert(fact.id());
    }

    /// What was read, sorted.
    pub fn facts(&self) -> Box<[FactId]> {
        let mut facts: Vec<FactId> = self.noted().facts.iter().copied().collect();
        facts.sort_unstable();
        facts.into()
    }

    /// Whether all was noted that bears on rights at this container.
    pub fn knows_scope(&self, oid: Oid) -> bool {
        self.noted().scopes.contains(&oid)
    }

    /// From now on it is.
    pub fn note_scope(&self, oid: Oid) {
        self.noted().scopes.insert(oid);
    }

    /// Notes that an object was asked for. What is read of it is noted as it is read.
    pub fn object(&self, oid: Oid, found: Option<Arc<Object>>) -> Option<Arc<Object>> {
        match found {
            Some(object) => Some(Arc::new(object.noting(self))),
            None => {
                self.note(Fact::Object(oid));
                None
            }
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        // Whoever panicked while noting left a list that holds at least what it held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names every fact that differs between two states of a site, of which at most the objects `oids` differ, each with the
/// object whose change that is.
///
/// # Errors
/// When either state cannot be read.
pub fn differing_facts(
    before: &(impl Snapshot + ?Sized),
    after: &(impl Snapshot + ?Sized),
    oids: impl IntoIterator<Item = Oid>,
    differs: &mut dyn FnMut(FactId, Oid),
) -> Result<(), ReadError> {
    for oid in oids {
        let (was, is) = (before.object(oid)?, after.object(oid)?);
        let cells = differing_cells(was.as_deref(), is.as_deref());
        // A cell that was changed and changed back since is the same, and yet the object is a later one.
        let revision = |object: &Option<Arc<Object>>| object.as_ref().map(|object| object.revision());
        if revision(&was) != revision(&is) || !cells.is_empty() {
            differs(Fact::Object(oid).id(), oid);
        }
        for (key, was, is) in cells {
            differs(fact_of(oid, key).id(), oid);
            for place in [was, is].into_iter().flatten() {
                if let Content::Place(place) = place {
                    differs(Fact::Child(place.parent, place.name.as_str()).id(), oid);
                    differs(Fact::Children(place.parent).id(), oid);
                }
            }
        }
    }
    Ok(())
}

/// The fact that a cell is.
pub(crate) fn fact_of(oid: Oid, key: &CellKey) -> Fact<'_> {
    match key {
        CellKey::Attribute(name) => Fact::Attribute(oid, name.as_str()),
        key if key.is_security() => Fact::Security(oid),
        key => Fact::Cell(oid, key),
    }
}

#[cfg(test)]
mod tests;
