//! Ranks: where a child stands among its siblings, as people say it. Order keys are nothing to show to anybody.

use std::fmt;

use crate::Oid;
use crate::snapshot::{Child, ChildrenPage, ReadError, Snapshot};

/// Children that stand behind so many others are not counted: that would take as long as there are siblings.
pub const RANK_MAX: usize = 200;

/// What numbers up to this are written as.
const ORDINALS: [&str; 10] =
    ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];

/// Where a child stands. Prints as `third, after intro`.
///
/// Whoever shows it to people takes out the sibling that they may not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rank {
    /// How many stand before it; none for more than [`RANK_MAX`].
    pub before: Option<usize>,
    /// The sibling that it stands behind; of one that was not counted, the one that stands behind it.
    pub sibling: Option<Child>,
}

impl Rank {
    /// Where the object stands in its container; none where it stands nowhere.
    ///
    /// # Errors
    /// When the snapshot cannot be read.
    pub fn of(snapshot: &dyn Snapshot, oid: Oid) -> Result<Option<Self>, ReadError> {
        let Some(object) = snapshot.object(oid)? else { return Ok(None) };
        let Some(place) = object.place() else { return Ok(None) };
        let first = snapshot.children(place.parent, &ChildrenPage::first(RANK_MAX + 1))?;
        if let Some(at) = first.iter().position(|child| child.oid == oid) {
            let sibling = at.checked_sub(1).map(|at| first[at].clone());
            return Ok(Some(Self { before: Some(at), sibling }));
        }
        let itself = Child { oid, name: place.name.clone(), order: place.order.clone() };
        let behind = snapshot.children(place.parent, &ChildrenPage::first(1).following(&itself))?;
        Ok(Some(Self { before: None, sibling: behind.into_iter().next() }))
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.before {
            Some(before) => match ORDINALS.get(before) {
                Some(word) => f.write_str(word).map(|()| "after"),
                None => write!(f, "number {}", before + 1).map(|()| "after"),
            },
            None => write!(f, "behind the first {RANK_MAX}").map(|()| "before"),
        }?;
        self.sibling.as_ref().map_or(Ok(()), |sibling| write!(f, ", {word} {}", sibling.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MemoryTree, oid_at};

    fn told(tree: &MemoryTree, path: &str) -> String {
        Rank::of(tree, oid_at(tree, path)).unwrap().map_or_else(|| "nowhere".into(), |rank| rank.to_string())
    }

    #[test]
    fn a_rank_is_told_by_number_and_neighbour() {
        let children: String = (0..RANK_MAX + 3).map(|nth| format!("/f/c{nth}\n")).collect();
        let tree = MemoryTree::seeded(&children);
        for (path, text) in [
            ("/f/c0", "first"),
            ("/f/c2", "third, after c1"),
            ("/f/c11", "number 12, after c10"),
            ("/f/c201", "behind the first 200, before c202"),
            ("/f/c202", "behind the first 200"),
            ("/", "nowhere"),
        ] {
            assert_eq!(told(&tree, path), text, "{path}");
        }
    }
}
