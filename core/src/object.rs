//! The object and its cells: plain data.
//!
//! A cell is the smallest thing that is changed, merged, undone and blamed. An object is its cells, each with the
//! tid that last wrote it. Where an object stands is one of its own cells; a folder holds no list of children.
//!
//! # Invariants
//! - The cells of an object are sorted by key and hold a key at most once.
//! - An object without a place is deleted: its cells stay readable, no path leads to it. Only the root needs none.

use std::sync::Arc;

use crate::reads::{Fact, Reads, fact_of};
use crate::security::{Roles, Setting, Subject};
use crate::value::{Digest, Value};
use crate::{Name, Oid, OrderKey, Tid};

/// Which cell of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CellKey {
    /// What kind of object it is.
    Type,
    /// Where it stands.
    Place,
    /// Whose it is.
    Owner,
    /// The roles that it runs with instead of its caller's, where it is a template.
    ProxyRoles,
    /// Which roles have one permission here and below.
    Permission(Name),
    /// The roles that somebody has here and below.
    LocalRoles(Subject),
    /// One attribute.
    Attribute(Name),
}

impl CellKey {
    /// Whether it says who may do what.
    pub fn is_security(&self) -> bool {
        matches!(self, Self::Owner | Self::ProxyRoles | Self::Permission(_) | Self::LocalRoles(_))
    }
}

impl std::fmt::Display for CellKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Type => f.write_str("type"),
            Self::Place => f.write_str("place"),
            Self::Owner => f.write_str("owner"),
            Self::ProxyRoles => f.write_str("proxy roles"),
            Self::Permission(permission) => write!(f, "permission {permission}"),
            Self::LocalRoles(subject) => write!(f, "roles of {subject}"),
            Self::Attribute(name) => write!(f, "{name}"),
        }
    }
}

/// Where an object stands: in which container, under which name, and where among its siblings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The container.
    pub parent: Oid,
    /// The name there, unique among the siblings.
    pub name: Name,
    /// The standing among the siblings.
    pub order: OrderKey,
}

/// A value that the store keeps aside because of its size, found by its digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Large {
    /// The digest of the value as the store encodes it: equal values have equal digests.
    pub digest: Digest,
    /// The length of that encoding, in bytes.
    pub bytes: u32,
    /// The blobs that the value names, so that they are kept as long as it is.
    pub blobs: Arc<[crate::value::BlobRef]>,
    /// The objects that the value refers to.
    pub references: Arc<[Oid]>,
}

/// What a cell holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// The name of a type.
    Type(Name),
    /// A place.
    Place(Place),
    /// The value of an attribute.
    Value(Value),
    /// The value of an attribute, kept aside.
    Large(Large),
    /// A user.
    Owner(Oid),
    /// Roles.
    Roles(Roles),
    /// Who has a permission.
    Setting(Setting),
}

impl Content {
    /// Calls `visit` with every object that the content refers to; places and owners do not count.
    pub fn references(&self, visit: &mut dyn FnMut(Oid)) {
        match self {
            Self::Value(value) => value.references(visit),
            Self::Large(large) => large.references.iter().copied().for_each(visit),
            Self::Type(_) | Self::Place(_) | Self::Owner(_) | Self::Roles(_) | Self::Setting(_) => {}
        }
    }
}

/// A cell as it stands: what it holds, and which commit wrote that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The commit that last wrote it.
    pub tid: Tid,
    /// What it holds.
    pub content: Content,
}

/// A change of one cell: what it shall hold, or that it shall be gone.
pub type CellChange = (CellKey, Option<Content>);

/// One object as of one commit.
#[derive(Clone)]
pub struct Object {
    oid: Oid,
    revision: Tid,
    cells: Arc<[(CellKey, Cell)]>,
    /// On which list it is noted what is read of it.
    reads: Option<Reads>,
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        (self.oid, self.revision, &self.cells) == (other.oid, other.revision, &other.cells)
    }
}

impl Eq for Object {}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Object");
        shown.field("oid", &self.oid).field("revision", &self.revision).field("cells", &self.cells).finish()
    }
}

impl Object {
    /// An object with these cells, as the commit `revision` left it.
    pub fn new(oid: Oid, revision: Tid, mut cells: Vec<(CellKey, Cell)>) -> Self {
        cells.sort_by(|a, b| a.0.cmp(&b.0));
        cells.dedup_by(|later, earlier| later.0 == earlier.0);
        Self { oid, revision, cells: cells.into(), reads: None }
    }

    /// The same; what is read of it is noted on a list.
    #[must_use]
    pub fn noting(&self, reads: &Reads) -> Self {
        Self { reads: Some(reads.clone()), ..self.clone() }
    }

    fn note(&self, fact: Fact<'_>) {
        if let Some(reads) = &self.reads {
            reads.note(fact);
        }
    }

    /// Who it is.
    pub fn oid(&self) -> Oid {
        self.oid
    }

    /// The commit that last wrote any of its cells.
    pub fn revision(&self) -> Tid {
        self.note(Fact::Object(self.oid));
        self.revision
    }

    /// All cells, in the order of their keys.
    pub fn cells(&self) -> &[(CellKey, Cell)] {
        self.note(Fact::Object(self.oid));
        &self.cells
    }

    /// One cell.
    pub fn cell(&self, key: &CellKey) -> Option<&Cell> {
        self.note(fact_of(self.oid, key));
        self.cells.binary_search_by(|cell| cell.0.cmp(key)).ok().map(|at| &self.cells[at].1)
    }

    /// What one cell holds.
    pub fn content(&self, key: &CellKey) -> Option<&Content> {
        self.cell(key).map(|cell| &cell.content)
    }

    /// The name of its type; `None` only for a record that lost it.
    pub fn type_name(&self) -> Option<&Name> {
        match self.content(&CellKey::Type) {
            Some(Content::Type(name)) => Some(name),
            _ => None,
        }
    }

    /// Whether it is of the type with this name.
    pub fn is_a(&self, type_name: &str) -> bool {
        self.type_name().is_some_and(|name| name == type_name)
    }

    /// Where it stands; none where it was deleted, and for the root.
    pub fn place(&self) -> Option<&Place> {
        match self.content(&CellKey::Place) {
            Some(Content::Place(place)) => Some(place),
            _ => None,
        }
    }

    /// The user whose it is.
    pub fn owner(&self) -> Option<Oid> {
        match self.content(&CellKey::Owner) {
            Some(Content::Owner(owner)) => Some(*owner),
            _ => None,
        }
    }

    /// The cells that say who may do what.
    pub fn security(&self) -> &[(CellKey, Cell)] {
        self.note(Fact::Security(self.oid));
        let from = self.cells.partition_point(|(key, _)| *key < CellKey::Owner);
        let count = self.cells[from..].iter().take_while(|(key, _)| key.is_security()).count();
        &self.cells[from..from + count]
    }

    /// The attribute's cell, looked up without making a key.
    pub fn attribute(&self, name: &str) -> Option<&Cell> {
        self.note(Fact::Attribute(self.oid, name));
        let found = self.cells.binary_search_by(|(key, _)| match key {
            CellKey::Attribute(other) => other.as_str().cmp(name),
            _ => std::cmp::Ordering::Less,
        });
        found.ok().map(|at| &self.cells[at].1)
    }

    /// The attribute's value, where it is small enough to lie in the record.
    pub fn value(&self, name: &str) -> Option<&Value> {
        match self.attribute(name).map(|cell| &cell.content) {
            Some(Content::Value(value)) => Some(value),
            _ => None,
        }
    }

    /// The text of a short attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(Value::as_text)
    }

    /// Whether an attribute is set to true.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.value(name), Some(Value::Bool(true)))
    }

    /// The names of all attributes with their cells, sorted.
    pub fn attributes(&self) -> impl Iterator<Item = (&Name, &Cell)> {
        self.note(Fact::Object(self.oid));
        self.cells.iter().filter_map(|(key, cell)| match key {
            CellKey::Attribute(name) => Some((name, cell)),
            _ => None,
        })
    }

    /// The object after `changes`, written by the commit `tid`. A cell that keeps its content keeps its tid.
    #[must_use]
    pub fn with(&self, changes: &[CellChange], tid: Tid) -> Self {
        let mut cells = self.cells().to_vec();
        for (key, content) in changes {
            let at = cells.binary_search_by(|cell| cell.0.cmp(key));
            match (at, content) {
                (Ok(at), Some(content)) if cells[at].1.content == *content => {}
                (Ok(at), Some(content)) => cells[at].1 = Cell { tid, content: content.clone() },
                (Ok(at), None) => {
                    cells.remove(at);
                }
                (Err(at), Some(content)) => {
                    cells.insert(at, (key.clone(), Cell { tid, content: content.clone() }));
                }
                (Err(_), None) => {}
            }
        }
        Self { oid: self.oid, revision: tid, cells: cells.into(), reads: None }
    }

    /// About how many bytes it takes in memory.
    pub fn weight(&self) -> usize {
        let cell = |(key, cell): &(CellKey, Cell)| {
            let name = if let CellKey::Attribute(name) = key { name.as_str().len() + 16 } else { 0 };
            let content = match &cell.content {
                Content::Type(_) | Content::Place(_) | Content::Owner(_) => 64,
                Content::Roles(roles) | Content::Setting(Setting { roles, .. }) => 64 + roles.len() * 32,
                Content::Value(value) => weigh(value),
                Content::Large(large) => 64 + large.blobs.len() * 40 + large.references.len() * 16,
            };
            size_of::<(CellKey, Cell)>() + name + content
        };
        size_of::<Self>() + self.cells.iter().map(cell).sum::<usize>()
    }
}

fn weigh(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len() + 16,
        Value::Bytes(bytes) => bytes.len() + 16,
        Value::List(items) => items.iter().map(|item| weigh(item) + 40).sum(),
        Value::Set(items) => items.iter().map(|item| weigh(item) + 60).sum(),
        Value::Map(map) => map.iter().map(|(key, item)| key.len() + weigh(item) + 80).sum(),
        _ => 0,
    }
}

/// The cells in which `left` and `right` differ, with what each side holds there.
pub fn differing_cells<'a>(
    left: Option<&'a Object>,
    right: Option<&'a Object>,
) -> Vec<(&'a CellKey, Option<&'a Content>, Option<&'a Content>)> {
    let left = left.map_or(&[][..], Object::cells);
    let right = right.map_or(&[][..], Object::cells);
    let (mut l, mut r) = (0, 0);
    let mut differing = Vec::new();
    while l < left.len() || r < right.len() {
        let order = match (left.get(l), right.get(r)) {
            (Some(a), Some(b)) => a.0.cmp(&b.0),
            (Some(_), None) => std::cmp::Ordering::Less,
            _ => std::cmp::Ordering::Greater,
        };
        match order {
            std::cmp::Ordering::Less => {
                differing.push((&left[l].0, Some(&left[l].1.content), None));
                l += 1;
            }
            std::cmp::Ordering::Greater => {
                differing.push((&right[r].0, None, Some(&right[r].1.content)));
                r += 1;
            }
            std::cmp::Ordering::Equal => {
                let (a, b) = (&left[l].1.content, &right[r].1.content);
                if a != b {
                    differing.push((&left[l].0, Some(a), Some(b)));
                }
                l += 1;
                r += 1;
            }
        }
    }
    differing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: &str, value: &str) -> CellChange {
        (CellKey::Attribute(Name::new(name).unwrap()), Some(Content::Value(value.into())))
    }

    #[test]
    fn a_change_writes_only_the_cells_that_differ() {
        let (first, second) = (Tid::from_micros(1), Tid::from_micros(2));
        let object = Object::new(Oid::ROOT, Tid::ZERO, Vec::new());
        let object = object.with(&[attribute("title", "A"), attribute("body", "x")], first);
        let object = object.with(&[attribute("title", "A"), attribute("body", "y")], second);

        assert_eq!(object.attribute("title").map(|cell| cell.tid), Some(first));
        assert_eq!(object.attribute("body").map(|cell| cell.tid), Some(second));
        assert_eq!((object.text("title"), object.text("none"), object.revision()), (Some("A"), None, second));
        let gone = object.with(&[(CellKey::Attribute(Name::new("body").unwrap()), None)], second);
        assert!(gone.attribute("body").is_none());
    }

    #[test]
    fn differing_cells_are_exactly_those_that_one_side_lacks_or_holds_otherwise() {
        let empty = Object::new(Oid::ROOT, Tid::ZERO, Vec::new());
        let left = empty.with(&[attribute("a", "1"), attribute("b", "1"), attribute("c", "1")], Tid::ZERO);
        let right = empty.with(&[attribute("b", "2"), attribute("c", "1"), attribute("d", "1")], Tid::ZERO);
        let keys = |cells: Vec<(&CellKey, _, _)>| cells.iter().map(|c| c.0.to_string()).collect::<String>();
        assert_eq!(keys(differing_cells(Some(&left), Some(&right))), "abd");
        assert_eq!(keys(differing_cells(None, Some(&right))), "bcd");
        assert!(differing_cells(Some(&left), Some(&left)).is_empty());
    }
}
