//! Acquisition: what an object finds in the places it lives in.
//!
//! A lookup asks the object, then its container, then that one's container, up to the root. At each place an
//! attribute comes first, then a method or default of the type, then a child of that name. The path by which a
//! request came plays no part: a longer URL finds and grants nothing.
//!
//! Three operations, never one magic: [`own`] asks one object; [`get`] is what an object sees by itself;
//! [`acquire`] is asked for by name and also finds what `get` keeps back.
//!
//! # Invariants
//! - A chain belongs to one snapshot and holds an oid at most once.
//! - [`get`] never acquires a name that begins with `_`, nor anything for an *explicit* object; what lies inside an
//!   explicit object acquires through it.
//! - A value [`Value::Block`] ends the search: nothing is found from there upwards.
//!
//! Not here: walking a path (`traversal`), deciding access (`security`).
//!
//! Idea: Gil and Lorenz, "Environmental Acquisition", OOPSLA 1996; search order as in Zope.

use std::sync::Arc;

use crate::object::{Content, Object};
use crate::object_type::TypeRegistry;
use crate::snapshot::{Chain, ReadError, Snapshot, chain};
use crate::value::Value;
use crate::{Name, Oid, Tid};

/// The attribute that, set to true, keeps an object from acquiring unless asked.
pub const EXPLICIT: &str = "_explicit";

/// What stood under a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// An attribute, and the commit that set it.
    Attribute {
        /// What it holds.
        content: Content,
        /// Who set it, as a commit.
        tid: Tid,
    },
    /// The type's default.
    Default(Value),
    /// A method of the type.
    Method(Name),
    /// A child.
    Child(Oid),
}

impl Found {
    fn blocks(&self) -> bool {
        matches!(
            self,
            Self::Attribute { content: Content::Value(Value::Block), .. } | Self::Default(Value::Block)
        )
    }
}

/// A lookup's answer and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Acquired {
    /// What was found.
    pub found: Found,
    /// The object that holds it.
    pub at: Oid,
    /// How many containers up that is; 0 for the object itself.
    pub steps: usize,
}

/// Everything that bears on a lookup, for people who ask "where does this come from?".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// What is seen, if anything.
    pub answer: Option<Acquired>,
    /// What is hidden by it, nearest first: without the answer, the first of them would be seen.
    pub hidden: Vec<Acquired>,
    /// The object whose blocking value ended the search.
    pub blocked_at: Option<Oid>,
    /// Whether only asking goes beyond the object itself: it is explicit, or the name begins with `_`.
    pub only_when_asked: bool,
}

/// What the object itself has under `name`: attribute, method or default of its type, child, in that order.
///
/// # Errors
/// When the store cannot be read.
pub fn own(
    snapshot: &(impl Snapshot + ?Sized),
    types: &TypeRegistry,
    object: &Object,
    name: &str,
) -> Result<Option<Found>, ReadError> {
    if let Some(cell) = object.attribute(name) {
        return Ok(Some(Found::Attribute { content: cell.content.clone(), tid: cell.tid }));
    }
    if let Some(schema) = object.type_name().and_then(|of| types.schema(of.as_str())) {
        if let Some(method) = schema.method(name) {
            return Ok(Some(Found::Method(method.name.clone())));
        }
        if let Some(default) = schema.attribute(name).and_then(|spec| spec.default.clone()) {
            return Ok(Some(Found::Default(default)));
        }
    }
    Ok(snapshot.child(object.oid(), name)?.map(Found::Child))
}

/// What the object sees under `name` by itself.
///
/// # Errors
/// When the store cannot be read.
pub fn get(
    snapshot: &(impl Snapshot + ?Sized),
    types: &TypeRegistry,
    oid: Oid,
    name: &str,
) -> Result<Option<Acquired>, ReadError> {
    let explained = search(snapshot, types, oid, name, Depth::First)?;
    Ok(explained.answer.filter(|acquired| acquired.steps == 0 || !explained.only_when_asked))
}

/// What is found when `name` is asked for on purpose: also private names, also for explicit objects.
///
/// # Errors
/// When the store cannot be read.
pub fn acquire(
    snapshot: &(impl Snapshot + ?Sized),
    types: &TypeRegistry,
    oid: Oid,
    name: &str,
) -> Result<Option<Acquired>, ReadError> {
    Ok(search(snapshot, types, oid, name, Depth::First)?.answer)
}

/// The same with everything that lost and why the search ended.
///
/// # Errors
/// When the store cannot be read.
pub fn explain(
    snapshot: &(impl Snapshot + ?Sized),
    types: &TypeRegistry,
    oid: Oid,
    name: &str,
) -> Result<Explanation, ReadError> {
    search(snapshot, types, oid, name, Depth::All)
}

enum Depth {
    First,
    All,
}

fn search(
    snapshot: &(impl Snapshot + ?Sized),
    types: &TypeRegistry,
    oid: Oid,
    name: &str,
    depth: Depth,
) -> Result<Explanation, ReadError> {
    let mut explanation = Explanation { only_when_asked: name.starts_with('_'), ..Explanation::default() };
    for (steps, object) in containers(snapshot, oid)?.iter().enumerate() {
        explanation.only_when_asked |= steps == 0 && object.flag(EXPLICIT);
        let Some(found) = own(snapshot, types, object, name)? else { continue };
        if found.blocks() {
            explanation.blocked_at = Some(object.oid());
            break;
        }
        let acquired = Acquired { found, at: object.oid(), steps };
        match (&explanation.answer, &depth) {
            (None, Depth::First) => {
                explanation.answer = Some(acquired);
                break;
            }
            (None, Depth::All) => explanation.answer = Some(acquired),
            (Some(_), _) => explanation.hidden.push(acquired),
        }
    }
    Ok(explanation)
}

/// The object and its containers up to the root, or as far as they go for an object that was deleted.
///
/// # Errors
/// When the store cannot be read.
pub fn containers(snapshot: &(impl Snapshot + ?Sized), oid: Oid) -> Result<Vec<Arc<Object>>, ReadError> {
    Ok(match chain(snapshot, oid)? {
        Chain::Live(chain) | Chain::Deleted(chain) => chain,
        Chain::Orphan { .. } | Chain::Cycle(_) | Chain::Absent => snapshot.object(oid)?.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests;
