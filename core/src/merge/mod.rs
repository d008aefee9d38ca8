//! The merge algebra: `merge(base, left, right)` per cell, then structure checks on the result.
//!
//! One engine, four uses: a commit whose cells changed under it (base = its snapshot, left = the head), an undo
//! (base = after, left = now, right = before), a merge of a version and an update of one.
//!
//! # Laws
//! - What only one side changed is taken as is; what both changed alike is taken once,
//!   but for counters, which add up.
//! - Everything else is a matter of the value's kind ([`value`]); what that cannot settle is a conflict, a value.
//!
//! Not here: who made the sides and when (the store knows), what to do about a conflict (people decide).

pub mod plan;
pub mod structure;
pub mod value;

use crate::object::{CellChange, CellKey, Content, Large, Object};
use crate::snapshot::ReadError;
use crate::value::Value;

pub use value::merge_contents;

/// How two changes of one attribute come together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MergePolicy {
    /// By the kind of the value: counters by delta, sets and maps by element, text with lines by line, lists by
    /// element; the rest as a whole.
    #[default]
    ByKind,
    /// Only as a whole: any two different changes are a conflict.
    Whole,
}

/// The outcome of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merge<T> {
    /// Both sides are in it.
    Settled(T),
    /// The sides exclude each other.
    Conflict,
}

/// A cell that two sides changed in ways that exclude each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellConflict {
    /// Which cell.
    pub cell: CellKey,
    /// What both sides started from.
    pub base: Option<Content>,
    /// What the left side made of it: the one that is already there.
    pub left: Option<Content>,
    /// What the right side made of it: the one that comes.
    pub right: Option<Content>,
}

/// Fetches a value that is kept aside.
pub type FetchLarge<'a> = &'a dyn Fn(&Large) -> Result<Value, ReadError>;

/// Merges one object's changes over what it has become meanwhile.
///
/// `changes` were made looking at `base`; `left` is the object now. Answers what to write over `left`, without
/// cells that are already so, or the cells in conflict.
///
/// # Errors
/// When a value that is kept aside cannot be fetched.
pub fn merge_changes(
    policy: &dyn Fn(&CellKey) -> MergePolicy,
    base: Option<&Object>,
    left: Option<&Object>,
    changes: &[CellChange],
    fetch: FetchLarge<'_>,
) -> Result<Result<Vec<CellChange>, Vec<CellConflict>>, ReadError> {
    let mut merged = Vec::with_capacity(changes.len());
    let mut conflicts = Vec::new();
    for (key, right) in changes {
        let base = base.and_then(|object| object.content(key));
        let left = left.and_then(|object| object.content(key));
        match merge_contents(policy(key), base, left, right.as_ref(), fetch)? {
            Merge::Settled(content) if content.as_ref() == left => {}
            Merge::Settled(content) => merged.push((key.clone(), content)),
            Merge::Conflict => conflicts.push(CellConflict {
                cell: key.clone(),
                base: base.cloned(),
                left: left.cloned(),
                right: right.clone(),
            }),
        }
    }
    Ok(if conflicts.is_empty() { Ok(merged) } else { Err(conflicts) })
}
