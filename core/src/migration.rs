//! Migrations: what was made for an earlier form of its type, brought to a later one.
//!
//! A type counts its forms as *editions*, from 1. The edition that an object's attributes are in is one of them
//! ([`EDITION`]; absent stands for 1), so a migration is an ordinary change: it has a commit, is undone, merged and
//! blamed. Nothing is rewritten by being read. What an edition becomes in the next is a function of the attributes
//! alone, so that a merge can bring all its sides to one edition before it compares them.
//!
//! # Invariants
//! - An object is whole in one edition: it is brought to another in all its attributes or not at all.

use std::collections::BTreeMap;

use crate::merge::FetchLarge;
use crate::object::{CellChange, Content};
use crate::object_type::TypeRegistry;
use crate::snapshot::ReadError;
use crate::transaction::CELLS_MAX;
use crate::value::{Value, ValueError};
use crate::{CellKey, Name, Object};

/// Names the attribute that says in which edition of its type an object is.
pub const EDITION: &str = "_edition";
/// An object is brought up by so many editions at once: more than a type lives to see.
pub const STEPS_MAX: u32 = 1_000;

/// The attributes of an object, without its edition.
pub type Attributes = BTreeMap<Name, Value>;

/// Why an object cannot be brought to another edition. It stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// What its type says.
    #[error("{0}")]
    Refused(String),
    /// Its edition is none.
    #[error("its edition is no whole number from 1 on")]
    NoEdition,
    /// Its edition, or the one that it should be brought to, is later than its type.
    #[error("edition {found} is newer than this program knows: that is {known}")]
    Newer {
        /// The edition.
        found: u32,
        /// That of the type.
        known: u32,
    },
    /// It is more than [`STEPS_MAX`] editions behind.
    #[error("edition {0} is too far back")]
    TooFar(u32),
    /// A side of a merge has an earlier edition than both sides began with.
    #[error("it was taken back from edition {from} to {to}")]
    Back {
        /// What both began with.
        from: u32,
        /// What the side has.
        to: u32,
    },
    /// What came of it cannot be stored.
    #[error("attribute `{attribute}` cannot be stored")]
    Value {
        /// Which attribute.
        attribute: Name,
        /// Why.
        source: ValueError,
    },
    /// The same.
    #[error("it would have more than {CELLS_MAX} attributes")]
    TooMany,
}

/// The edition that the object is in.
///
/// # Errors
/// When what it says is none.
pub fn edition_of(object: &Object) -> Result<u32, MigrationError> {
    match object.attribute(EDITION).map(|cell| &cell.content) {
        None => Ok(1),
        Some(Content::Value(Value::Int(number))) => {
            u32::try_from(*number).ok().filter(|edition| *edition > 0).ok_or(MigrationError::NoEdition)
        }
        Some(_) => Err(MigrationError::NoEdition),
    }
}

/// What brings the object to the edition of its type as it is now: nothing where it is there, or nobody registered
/// the type.
///
/// # Errors
/// When it cannot be brought there; when a value that is kept aside cannot be read.
pub fn migrated(
    object: &Object,
    types: &TypeRegistry,
    fetch: FetchLarge<'_>,
) -> Result<Result<Vec<CellChange>, MigrationError>, ReadError> {
    match object.type_name().and_then(|of| types.schema(of.as_str())) {
        Some(schema) => brought_to(schema.edition, object, types, fetch),
        None => Ok(Ok(Vec::new())),
    }
}

/// What brings the object to that edition.
///
/// # Errors
/// When it cannot be brought there; when a value that is kept aside cannot be read.
pub(crate) fn brought_to(
    edition: u32,
    object: &Object,
    types: &TypeRegistry,
    fetch: FetchLarge<'_>,
) -> Result<Result<Vec<CellChange>, MigrationError>, ReadError> {
    let found = match edition_of(object) {
        Ok(found) if found == edition => return Ok(Ok(Vec::new())),
        Ok(found) => found,
        Err(error) => return Ok(Err(error)),
    };
    let mut before = Attributes::new();
    for (name, cell) in object.attributes().filter(|(name, _)| **name != EDITION) {
        let value = match &cell.content {
            Content::Value(value) => value.clone(),
            Content::Large(large) => fetch(large)?,
            _ => continue,
        };
        before.insert(name.clone(), value);
    }
    Ok(steps(found, edition, object, types, &before).map(|after| changes(&before, after, edition)))
}

/// The attributes after each step from one edition to the other.
fn steps(
    from: u32,
    to: u32,
    object: &Object,
    types: &TypeRegistry,
    before: &Attributes,
) -> Result<Attributes, MigrationError> {
    let of = object.type_name().and_then(|of| types.get(of.as_str()));
    let known = of.map_or(1, |of| of.schema().edition);
    let of = of.filter(|_| from.max(to) <= known);
    let of = of.ok_or(MigrationError::Newer { found: from.max(to), known })?;
    if to.saturating_sub(from) > STEPS_MAX {
        return Err(MigrationError::TooFar(from));
    }
    let mut after = before.clone();
    for edition in from..to {
        after = of.migrate(edition, &after)?;
    }
    after.retain(|name, _| name != EDITION);
    for (name, value) in &after {
        value.check().map_err(|source| MigrationError::Value { attribute: name.clone(), source })?;
    }
    // The edition is a cell, too.
    let others = object.cells().len().saturating_sub(before.len());
    if after.len() + others >= CELLS_MAX { Err(MigrationError::TooMany) } else { Ok(after) }
}

fn changes(before: &Attributes, after: Attributes, edition: u32) -> Vec<CellChange> {
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let mut changes: Vec<CellChange> = gone.map(|name| (CellKey::Attribute(name.clone()), None)).collect();
    let changed = after.into_iter().filter(|(name, value)| before.get(name) != Some(value));
    changes.extend(changed.map(|(name, value)| (CellKey::Attribute(name), Some(Content::Value(value)))));
    changes.extend(edition_cell(edition));
    changes.sort_by(|a, b| a.0.cmp(&b.0));
    changes
}

/// The cell that says the edition; absent for the first.
pub(crate) fn edition_cell(edition: u32) -> Option<CellChange> {
    let name = Name::new(EDITION).ok()?;
    let content = (edition > 1).then(|| Content::Value(Value::Int(edition.into())));
    Some((CellKey::Attribute(name), content))
}

#[cfg(test)]
pub(crate) mod tests;
