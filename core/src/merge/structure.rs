//! Structure checks: whether a changed tree is still a tree.
//!
//! Cells merge one by one; only together do they make a tree. So after every merge each object that was touched is
//! looked at in the result: its whole chain reaches the root, and it is the one that its name leads to.
//!
//! # Invariants
//! - A tree in which every touched object passes and that was sound before is sound: a cycle or a lost container can
//!   only come from a touched place, and every object on a new cycle's moved edge is touched.

use std::collections::HashSet;

use crate::snapshot::{ReadError, Snapshot};
use crate::{Name, Oid, Place};

/// How a touched object breaks the tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// It stands below an object that is deleted.
    #[error("{oid} stands below {deleted}, which is deleted")]
    BelowDeleted {
        /// The touched object.
        oid: Oid,
        /// The deleted container.
        deleted: Oid,
    },
    /// A container on its way to the root does not exist.
    #[error("{oid} stands in {missing}, which does not exist")]
    Orphan {
        /// The object whose container is missing.
        oid: Oid,
        /// The container.
        missing: Oid,
    },
    /// Its containers contain each other.
    #[error("{} objects would contain each other", .0.len())]
    Cycle(Vec<Oid>),
    /// Another object has its name.
    #[error("`{name}` in {parent} is taken by {other}")]
    NameTaken {
        /// The touched object.
        oid: Oid,
        /// The container.
        parent: Oid,
        /// The name that both want.
        name: Name,
        /// Who has it.
        other: Oid,
    },
    /// The root would get a place or go away.
    #[error("the root cannot be moved, renamed or deleted")]
    Root,
}

/// What a structure check has to know of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is no such object.
    Absent,
    /// It is deleted.
    Deleted,
    /// It stands here. (The root is `At` nowhere: it is never asked for.)
    At(Place),
}

/// The places of a tree that is to be checked.
pub trait Places {
    /// Where an object stands.
    ///
    /// # Errors
    /// When the tree cannot be read.
    fn standing(&self, oid: Oid) -> Result<Standing, ReadError>;
}

impl<S: Snapshot + ?Sized> Places for S {
    fn standing(&self, oid: Oid) -> Result<Standing, ReadError> {
        let object = self.object(oid)?;
        Ok(match object {
            None => Standing::Absent,
            Some(object) => object.place().map_or(Standing::Deleted, |place| Standing::At(place.clone())),
        })
    }
}

/// Checks the touched objects of one change, remembering which containers it saw to be live.
#[derive(Default)]
pub struct Checker {
    live: HashSet<Oid>,
}

impl Checker {
    /// Looks at one touched object. A deleted or absent one breaks nothing by itself.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn check(
        &mut self,
        places: &(impl Places + ?Sized),
        oid: Oid,
    ) -> Result<Option<Violation>, ReadError> {
        let mut walked = Vec::new();
        let mut seen = HashSet::new();
        let mut at = oid;
        while at != Oid::ROOT && !self.live.contains(&at) {
            if !seen.insert(at) {
                return Ok(Some(Violation::Cycle(walked)));
            }
            match places.standing(at)? {
                Standing::At(place) => {
                    walked.push(at);
                    at = place.parent;
                }
                Standing::Absent | Standing::Deleted if at == oid => return Ok(None),
                Standing::Deleted => return Ok(Some(Violation::BelowDeleted { oid, deleted: at })),
                Standing::Absent => {
                    let child = walked.last().copied().unwrap_or(oid);
                    return Ok(Some(Violation::Orphan { oid: child, missing: at }));
                }
            }
        }
        self.live.extend(walked);
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OrderKey;
    use std::collections::BTreeMap;

    struct Tree(BTreeMap<u128, Option<u128>>);

    impl Places for Tree {
        fn standing(&self, oid: Oid) -> Result<Standing, ReadError> {
            let found = self.0.iter().find(|(number, _)| Oid::from_u128(**number) == oid);
            Ok(match found {
                None => Standing::Absent,
                Some((_, None)) => Standing::Deleted,
                Some((_, Some(parent))) => Standing::At(Place {
                    parent: Oid::from_u128(*parent),
                    name: Name::new("x").unwrap(),
                    order: OrderKey::default(),
                }),
            })
        }
    }

    #[test]
    fn an_object_stands_right_when_its_whole_chain_reaches_the_root() {
        let tree = Tree(BTreeMap::from([
            (1, Some(0)),
            (2, Some(1)),
            (3, None),
            (4, Some(3)),
            (5, Some(9)),
            (6, Some(7)),
            (7, Some(6)),
            (8, Some(4)),
        ]));
        let oid = Oid::from_u128;
        let mut checker = Checker::default();
        for (touched, expected) in [
            (2, None),
            (1, None),
            (3, None),
            (99, None),
            (4, Some(Violation::BelowDeleted { oid: oid(4), deleted: oid(3) })),
            (8, Some(Violation::BelowDeleted { oid: oid(8), deleted: oid(3) })),
            (5, Some(Violation::Orphan { oid: oid(5), missing: oid(9) })),
            (6, Some(Violation::Cycle(vec![oid(6), oid(7)]))),
        ] {
            assert_eq!(checker.check(&tree, oid(touched)).unwrap(), expected, "{touched}");
        }
    }
}
