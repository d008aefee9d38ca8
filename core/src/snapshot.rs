//! The read seam: one line of the site as of one commit.
//!
//! Everything that looks at the tree looks through [`Snapshot`]: the store's snapshots, a transaction with its
//! changes on top, the committer's view of the head. The functions here are what all of them share.
//!
//! # Invariants
//! - A snapshot never changes: asking twice gives the same answer. (A transaction's changes when it is written to.)
//! - `object` answers for deleted objects, too; only a chain that reaches the root makes an object *live*.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use crate::object::{Content, Large, Object};
use crate::security::Scope;
use crate::value::Value;
use crate::{Name, ObjectPath, Oid, OrderKey, Place, Tid};

/// Why the store could not answer. Not "not there", which is an answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot read {what}")]
pub struct ReadError {
    what: String,
    source: Arc<dyn std::error::Error + Send + Sync>,
}

impl ReadError {
    /// Reading `what` failed because of `source`.
    pub fn new(what: impl Into<String>, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { what: what.into(), source: Arc::new(source) }
    }
}

/// One child in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Who it is.
    pub oid: Oid,
    /// What it is called.
    pub name: Name,
    /// Its standing, where the listing goes by it or knows it.
    pub order: OrderKey,
}

/// In which order children are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChildOrder {
    /// By their order keys, then by name: the order that people gave them.
    #[default]
    Place,
    /// By name, byte by byte.
    Name,
}

impl ChildOrder {
    /// Which of two children of one container comes first.
    pub fn compare(self, a: &Child, b: &Child) -> Ordering {
        match self {
            Self::Place => (&a.order, &a.name).cmp(&(&b.order, &b.name)),
            Self::Name => a.name.cmp(&b.name),
        }
    }
}

/// Which part of a folder's children is wanted.
#[derive(Clone, Debug, Default)]
pub struct ChildrenPage {
    /// In which order.
    pub by: ChildOrder,
    /// Only what comes after this child; from the beginning where it is none. Need not exist any more.
    pub after: Option<(OrderKey, Name)>,
    /// At most so many.
    pub limit: usize,
}

impl ChildrenPage {
    /// The first `limit` children in the order of their places.
    pub fn first(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// The page that follows `child`.
    #[must_use]
    pub fn following(&self, child: &Child) -> Self {
        Self { after: Some((child.order.clone(), child.name.clone())), ..self.clone() }
    }
}

/// Everything on one line as of one commit.
pub trait Snapshot {
    /// The commit whose state this is.
    fn tid(&self) -> Tid;

    /// The object as it was then, deleted or not; none if there was no such object.
    ///
    /// # Errors
    /// When the store cannot read it.
    fn object(&self, oid: Oid) -> Result<Option<Arc<Object>>, ReadError>;

    /// The child of that name.
    ///
    /// # Errors
    /// When the store cannot read it.
    fn child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError>;

    /// A page of children.
    ///
    /// # Errors
    /// When the store cannot read it.
    fn children(&self, parent: Oid, page: &ChildrenPage) -> Result<Vec<Child>, ReadError>;

    /// The object that last stood under that name before the present one or none did.
    ///
    /// # Errors
    /// When the store cannot read it.
    fn former_child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError>;

    /// Where an object that has no place, or is not there any more, stood last; none where that is not known.
    ///
    /// # Errors
    /// When the store cannot read it.
    fn last_place(&self, oid: Oid) -> Result<Option<Place>, ReadError> {
        let _ = oid;
        Ok(None)
    }

    /// The value that is kept aside.
    ///
    /// # Errors
    /// When the store cannot read it.
    fn large(&self, large: &Large) -> Result<Value, ReadError>;

    /// What holds at an object for who may do what.
    ///
    /// # Errors
    /// When the store cannot read it.
    fn scope(&self, oid: Oid) -> Result<Arc<Scope>, ReadError> {
        match self.known_scope(oid) {
            Some(scope) => Ok(scope),
            None => Scope::read(self, oid),
        }
    }

    /// The same where it was kept.
    fn known_scope(&self, oid: Oid) -> Option<Arc<Scope>> {
        let _ = oid;
        None
    }

    /// Keeps a scope, where the snapshot can.
    fn keep_scope(&self, oid: Oid, scope: &Arc<Scope>) {
        let _ = (oid, scope);
    }
}

impl<S: Snapshot + ?Sized> Snapshot for &S {
    fn tid(&self) -> Tid {
        (**self).tid()
    }
    fn object(&self, oid: Oid) -> Result<Option<Arc<Object>>, ReadError> {
        (**self).object(oid)
    }
    fn child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        (**self).child(parent, name)
    }
    fn children(&self, parent: Oid, page: &ChildrenPage) -> Result<Vec<Child>, ReadError> {
        (**self).children(parent, page)
    }
    fn former_child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        (**self).former_child(parent, name)
    }
    fn last_place(&self, oid: Oid) -> Result<Option<Place>, ReadError> {
        (**self).last_place(oid)
    }
    fn large(&self, large: &Large) -> Result<Value, ReadError> {
        (**self).large(large)
    }
    fn known_scope(&self, oid: Oid) -> Option<Arc<Scope>> {
        (**self).known_scope(oid)
    }
    fn keep_scope(&self, oid: Oid, scope: &Arc<Scope>) {
        (**self).keep_scope(oid, scope);
    }
}

/// The object's attribute, fetched from aside where it is large.
///
/// # Errors
/// When the store cannot read it.
pub fn attribute(
    snapshot: &(impl Snapshot + ?Sized),
    object: &Object,
    name: &str,
) -> Result<Option<Value>, ReadError> {
    match object.attribute(name).map(|cell| &cell.content) {
        Some(Content::Value(value)) => Ok(Some(value.clone())),
        Some(Content::Large(large)) => snapshot.large(large).map(Some),
        _ => Ok(None),
    }
}

/// How a walk from an object to the root ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chain {
    /// It reached the root: the object, its container ... the root.
    Live(Vec<Arc<Object>>),
    /// It ended at an object that was deleted: from the object to that one.
    Deleted(Vec<Arc<Object>>),
    /// A container on the way does not exist: a broken tree.
    Orphan {
        /// Who says that it stands in it.
        child: Oid,
        /// The container that is not there.
        missing: Oid,
    },
    /// The containers contain each other: a broken tree.
    Cycle(Vec<Oid>),
    /// There is no such object.
    Absent,
}

/// Walks from an object to the root.
///
/// # Errors
/// When the store cannot read a container.
pub fn chain(snapshot: &(impl Snapshot + ?Sized), oid: Oid) -> Result<Chain, ReadError> {
    let mut walked: Vec<Arc<Object>> = Vec::new();
    let mut seen = HashSet::new();
    let mut at = oid;
    loop {
        let Some(object) = snapshot.object(at)? else {
            return Ok(match walked.last() {
                None => Chain::Absent,
                Some(child) => Chain::Orphan { child: child.oid(), missing: at },
            });
        };
        let parent = object.place().map(|place| place.parent);
        walked.push(object);
        // Short chains, which is to say all real ones, are compared in place; the set is for hostile depth.
        let again = if walked.len() <= 16 {
            walked[..walked.len() - 1].iter().any(|earlier| earlier.oid() == at)
        } else {
            if seen.is_empty() {
                seen.extend(walked[..walked.len() - 1].iter().map(|earlier| earlier.oid()));
            }
            !seen.insert(at)
        };
        if again {
            return Ok(Chain::Cycle(walked.iter().map(|object| object.oid()).collect()));
        }
        match parent {
            _ if at == Oid::ROOT => return Ok(Chain::Live(walked)),
            None => return Ok(Chain::Deleted(walked)),
            Some(parent) => at = parent,
        }
    }
}

/// Whether a path leads to the object.
///
/// # Errors
/// When the store cannot read a container.
pub fn is_live(snapshot: &(impl Snapshot + ?Sized), oid: Oid) -> Result<bool, ReadError> {
    Ok(matches!(chain(snapshot, oid)?, Chain::Live(_)))
}

/// The path of a live object.
///
/// # Errors
/// When the store cannot read a container.
pub fn path_of(snapshot: &(impl Snapshot + ?Sized), oid: Oid) -> Result<Option<ObjectPath>, ReadError> {
    match chain(snapshot, oid)? {
        Chain::Live(chain) => Ok(Some(chain_path(&chain))),
        _ => Ok(None),
    }
}

/// The path that a chain from an object towards the root spells.
pub fn chain_path(chain: &[Arc<Object>]) -> ObjectPath {
    let names: Vec<Name> =
        chain.iter().rev().filter_map(|object| object.place()).map(|place| place.name.clone()).collect();
    ObjectPath::from(names)
}

/// The object at a path.
///
/// # Errors
/// When the store cannot read it.
pub fn find(snapshot: &(impl Snapshot + ?Sized), path: &ObjectPath) -> Result<Option<Oid>, ReadError> {
    let mut at = Oid::ROOT;
    for name in path.names() {
        match snapshot.child(at, name.as_str())? {
            Some(child) => at = child,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

#[cfg(test)]
mod tests;
