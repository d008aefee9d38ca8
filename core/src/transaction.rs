//! Transactions: reads and writes over a snapshot, which end as a change set.
//!
//! A transaction is private to its maker. It reads its snapshot with its own writes on top; nothing it does is seen
//! by anybody until the store commits its [`ChangeSet`]. Only the net effect counts: a cell that is set and set back
//! is not in the change set, nor is an object that was made and deleted again.
//!
//! # Invariants
//! - Between two calls the tree as this transaction sees it is sound: names are unique, every place leads to the root
//!   or to an object that is deleted.
//! - A refused call changes nothing.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use crate::clock::IdSource;
use crate::name::NameError;
use crate::object::{CellChange, Large, differing_cells};
use crate::object_type::TypeRegistry;
use crate::snapshot::{self, Chain, Child, ChildOrder, ChildrenPage, ReadError, Snapshot};
use crate::value::{Value, ValueError};
use crate::{CellKey, Content, Name, Object, ObjectPath, Oid, OrderKey, Place, Tid};

/// Most cells that one object may have.
pub const CELLS_MAX: usize = 4_096;
/// Deepest place at which an object may be put, in steps from the root.
pub const DEPTH_MAX: usize = 512;
/// How many children are read at a time where all are wanted.
const CHILDREN_BATCH: usize = 256;

/// A snapshot that a transaction can hold.
pub type SharedSnapshot = Arc<dyn Snapshot + Send + Sync>;

/// Why a change was refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// No path leads to the object.
    #[error("there is no object {0}")]
    NoSuchObject(Oid),
    /// Nothing is at the path.
    #[error("there is nothing at `{0}`")]
    NoSuchPath(ObjectPath),
    /// The name is taken.
    #[error("`{parent}` already has a child `{name}`")]
    NameTaken {
        /// The container's path.
        parent: ObjectPath,
        /// The name.
        name: Name,
    },
    /// The container's type takes no such children.
    #[error("`{parent}` is a {parent_type} and cannot contain a {child_type}")]
    NotAllowedHere {
        /// The container's path.
        parent: ObjectPath,
        /// Its type.
        parent_type: Name,
        /// The type of the child.
        child_type: Name,
    },
    /// An object would contain itself.
    #[error("`{0}` cannot be moved into itself")]
    IntoItself(ObjectPath),
    /// The root was to be moved, renamed or deleted.
    #[error("the root cannot be moved, renamed or deleted")]
    Root,
    /// Deeper than [`DEPTH_MAX`].
    #[error("`{0}` is too deep in the tree to hold children: at most {DEPTH_MAX} steps")]
    TooDeep(ObjectPath),
    /// More than [`CELLS_MAX`].
    #[error("an object has at most {CELLS_MAX} attributes")]
    TooManyCells,
    /// A value that no attribute can hold.
    #[error("cannot set `{attribute}`: {source}")]
    Value {
        /// The attribute.
        attribute: Name,
        /// Why.
        source: ValueError,
    },
    /// A name that none can have.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The snapshot could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The net effect of a transaction on one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectChange {
    /// Which object.
    pub oid: Oid,
    /// The cells that differ from the snapshot, by key.
    pub cells: Vec<CellChange>,
}

/// The net effect of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSet {
    /// The commit that the maker was looking at.
    pub base: Tid,
    /// What changed, by oid.
    pub objects: Vec<ObjectChange>,
    /// Cells that must still be what the maker saw.
    pub unchanged: Vec<(Oid, CellKey)>,
}

/// A point within a transaction to fall back to.
#[derive(Clone, Copy, Debug)]
pub struct Savepoint(usize);

struct Edited {
    before: Option<Arc<Object>>,
    now: Arc<Object>,
}

/// What a call replaced, so that a savepoint can bring it back.
enum Step {
    Object(Oid, Option<Arc<Object>>),
    Name((Oid, Name), Option<Option<Oid>>),
    Order((Oid, OrderKey, Name), Option<Option<Oid>>),
    Unchanged,
}

/// Work in progress over a snapshot.
pub struct Transaction {
    base: SharedSnapshot,
    types: Arc<TypeRegistry>,
    ids: Arc<dyn IdSource>,
    now_micros: u64,
    added: u64,
    edited: HashMap<Oid, Edited>,
    names: BTreeMap<(Oid, Name), Option<Oid>>,
    orders: BTreeMap<(Oid, OrderKey, Name), Option<Oid>>,
    unchanged: Vec<(Oid, CellKey)>,
    journal: Vec<Step>,
}

impl Transaction {
    /// Begins a transaction over `base`, at the moment `now_micros` (microseconds since 1970).
    pub fn new(
        base: SharedSnapshot,
        types: Arc<TypeRegistry>,
        ids: Arc<dyn IdSource>,
        now_micros: u64,
    ) -> Self {
        Self {
            base,
            types,
            ids,
            now_micros,
            added: 0,
            edited: HashMap::new(),
            names: BTreeMap::new(),
            orders: BTreeMap::new(),
            unchanged: Vec::new(),
            journal: Vec::new(),
        }
    }

    /// The snapshot below the changes.
    pub fn base(&self) -> &SharedSnapshot {
        &self.base
    }

    /// The types that rule which children an object takes.
    pub fn types(&self) -> &Arc<TypeRegistry> {
        &self.types
    }

    /// The object at a path, with the changes made so far.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn at(&self, path: &ObjectPath) -> Result<Oid, TransactionError> {
        snapshot::find(self, path)?.ok_or_else(|| TransactionError::NoSuchPath(path.clone()))
    }

    /// Adds an object of this type as the last child of `parent`.
    ///
    /// # Errors
    /// When the container is not there or does not take it, the name is taken, or a value cannot be stored.
    pub fn add(
        &mut self,
        parent: Oid,
        name: &Name,
        type_name: &Name,
        attributes: impl IntoIterator<Item = (Name, Value)>,
    ) -> Result<Oid, TransactionError> {
        self.require_room(parent, name, type_name, None)?;
        let mut cells: Vec<CellChange> = vec![(CellKey::Type, Some(Content::Type(type_name.clone())))];
        for (attribute, value) in attributes {
            check_value(&attribute, &value)?;
            cells.push((CellKey::Attribute(attribute), Some(Content::Value(value))));
        }
        if cells.len() > CELLS_MAX {
            return Err(TransactionError::TooManyCells);
        }
        let oid = self.ids.next_oid();
        let order = self.next_order();
        self.write(oid, &cells)?;
        self.put(oid, Some(Place { parent, name: name.clone(), order }))?;
        Ok(oid)
    }

    /// Sets an attribute, or clears it.
    ///
    /// # Errors
    /// When the object is not there or the value cannot be stored.
    pub fn set(&mut self, oid: Oid, attribute: &Name, value: Option<Value>) -> Result<(), TransactionError> {
        let object = self.require_live(oid)?;
        if let Some(value) = &value {
            check_value(attribute, value)?;
        }
        if object.cells().len() >= CELLS_MAX && object.attribute(attribute.as_str()).is_none() {
            return Err(TransactionError::TooManyCells);
        }
        self.write(oid, &[(CellKey::Attribute(attribute.clone()), value.map(Content::Value))])
    }

    /// Makes the object one of another type; its attributes stay.
    ///
    /// # Errors
    /// When the object is not there.
    pub fn set_type(&mut self, oid: Oid, type_name: &Name) -> Result<(), TransactionError> {
        self.require_live(oid)?;
        self.write(oid, &[(CellKey::Type, Some(Content::Type(type_name.clone())))])
    }

    /// Puts the object under `name` into `parent`: a move, a renaming or both. Within its container it keeps its
    /// standing; in another it becomes the last child.
    ///
    /// # Errors
    /// When either is not there, the name is taken, the container does not take it, or would be inside it.
    pub fn move_to(&mut self, oid: Oid, parent: Oid, name: &Name) -> Result<(), TransactionError> {
        let object = self.require_live(oid)?;
        let old = object.place().ok_or(TransactionError::Root)?;
        let type_name = self.type_of(&object)?;
        self.require_room(parent, name, &type_name, Some(oid))?;
        let order = if old.parent == parent { old.order.clone() } else { self.next_order() };
        self.put(oid, Some(Place { parent, name: name.clone(), order }))
    }

    /// Gives the object another standing among its siblings.
    ///
    /// # Errors
    /// When it is not there or is the root.
    pub fn reorder(&mut self, oid: Oid, order: OrderKey) -> Result<(), TransactionError> {
        let place = self.require_live(oid)?.place().cloned().ok_or(TransactionError::Root)?;
        self.put(oid, Some(Place { order, ..place }))
    }

    /// Deletes the object, and so everything in it: one cell, however much that is.
    ///
    /// # Errors
    /// When it is not there or is the root.
    pub fn delete(&mut self, oid: Oid) -> Result<(), TransactionError> {
        self.require_live(oid)?.place().ok_or(TransactionError::Root)?;
        self.put(oid, None)
    }

    /// Brings back an object as it was at an earlier time, at this place: the same object, not a copy.
    ///
    /// # Errors
    /// When the container is not there or does not take it, or the name is taken.
    pub fn restore(&mut self, was: &Object, parent: Oid, name: &Name) -> Result<(), TransactionError> {
        if was.oid() == Oid::ROOT {
            return Err(TransactionError::Root);
        }
        let type_name = self.type_of(was)?;
        self.require_room(parent, name, &type_name, Some(was.oid()))?;
        let now = self.object(was.oid())?;
        let order = match was.place() {
            Some(place) if place.parent == parent => place.order.clone(),
            _ => self.next_order(),
        };
        let differing = differing_cells(now.as_deref(), Some(was));
        let cells: Vec<CellChange> = differing
            .into_iter()
            .filter(|(key, ..)| **key != CellKey::Place)
            .map(|(key, _, then)| (key.clone(), then.cloned()))
            .collect();
        self.write(was.oid(), &cells)?;
        self.put(was.oid(), Some(Place { parent, name: name.clone(), order }))
    }

    /// Copies the object and everything in it to a new place; answers the copy and how many objects it has.
    ///
    /// # Errors
    /// When either place is not there, or the name is taken.
    pub fn copy(&mut self, oid: Oid, parent: Oid, name: &Name) -> Result<(Oid, u64), TransactionError> {
        let source = self.require_live(oid)?;
        let type_name = self.type_of(&source)?;
        self.require_room(parent, name, &type_name, None)?;
        let top = self.ids.next_oid();
        let mut count = 0;
        let mut waiting = vec![(source, top, parent, name.clone())];
        while let Some((source, copy, parent, name)) = waiting.pop() {
            let cells: Vec<CellChange> = source
                .cells()
                .iter()
                .filter(|(key, _)| *key != CellKey::Place)
                .map(|(key, cell)| (key.clone(), Some(cell.content.clone())))
                .collect();
            self.write(copy, &cells)?;
            let order = if copy == top {
                self.next_order()
            } else {
                source.place().map(|place| place.order.clone()).unwrap_or_default()
            };
            self.put(copy, Some(Place { parent, name, order }))?;
            count += 1;
            let mut page = ChildrenPage::first(CHILDREN_BATCH);
            loop {
                let children = self.children(source.oid(), &page)?;
                for child in &children {
                    // A folder copied into itself is copied as it was: without the copy.
                    if child.oid != top
                        && let Some(object) = self.object(child.oid)?
                    {
                        waiting.push((object, self.ids.next_oid(), copy, child.name.clone()));
                    }
                }
                match children.last() {
                    Some(last) if children.len() == page.limit => page = page.following(last),
                    _ => break,
                }
            }
        }
        Ok((top, count))
    }

    /// Lets the commit fail if anybody changes this cell meanwhile, although this transaction only read it.
    pub fn require_unchanged(&mut self, oid: Oid, cell: CellKey) {
        self.unchanged.push((oid, cell));
        self.journal.push(Step::Unchanged);
    }

    /// Marks a point to fall back to.
    pub fn savepoint(&self) -> Savepoint {
        Savepoint(self.journal.len())
    }

    /// Takes back everything done since the savepoint. Later savepoints are gone with it.
    pub fn roll_back(&mut self, to: Savepoint) {
        while self.journal.len() > to.0 {
            match self.journal.pop() {
                Some(Step::Object(oid, None)) => {
                    self.edited.remove(&oid);
                }
                Some(Step::Object(oid, Some(now))) => {
                    if let Some(edited) = self.edited.get_mut(&oid) {
                        edited.now = now;
                    }
                }
                Some(Step::Name(key, previous)) => put_back(&mut self.names, key, previous),
                Some(Step::Order(key, previous)) => put_back(&mut self.orders, key, previous),
                Some(Step::Unchanged) => {
                    self.unchanged.pop();
                }
                None => break,
            }
        }
    }

    /// Whether nothing was changed so far, in the net.
    pub fn is_unchanged(&self) -> bool {
        self.edited.values().all(|edited| edited.before.as_ref() == Some(&edited.now))
    }

    /// Ends the transaction: what it changed in the net.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn finish(mut self) -> Result<ChangeSet, ReadError> {
        self.drop_what_came_and_went()?;
        let mut objects: Vec<ObjectChange> = self
            .edited
            .iter()
            .map(|(&oid, edited)| {
                let differing = differing_cells(edited.before.as_deref(), Some(&edited.now));
                let cells = differing.into_iter().map(|(key, _, now)| (key.clone(), now.cloned()));
                ObjectChange { oid, cells: cells.collect() }
            })
            .filter(|change| !change.cells.is_empty())
            .collect();
        objects.sort_by_key(|change| change.oid);
        Ok(ChangeSet { base: self.base.tid(), objects, unchanged: self.unchanged })
    }

    /// Forgets objects that were made here and deleted again; what was moved into them is deleted with them.
    fn drop_what_came_and_went(&mut self) -> Result<(), ReadError> {
        let mut dead = Vec::new();
        for (&oid, edited) in &self.edited {
            if edited.before.is_none() && !snapshot::is_live(self, oid)? {
                dead.push(oid);
            }
        }
        if dead.is_empty() {
            return Ok(());
        }
        let mut lost = Vec::new();
        for (&oid, edited) in &self.edited {
            let within = edited.now.place().is_some_and(|place| dead.contains(&place.parent));
            if edited.before.is_some() && within {
                lost.push(oid);
            }
        }
        for oid in lost {
            self.write_unchecked(oid, &[(CellKey::Place, None)])?;
        }
        for oid in dead {
            self.edited.remove(&oid);
        }
        Ok(())
    }

    fn next_order(&mut self) -> OrderKey {
        self.added += 1;
        OrderKey::at(self.now_micros, self.added)
    }

    fn type_of(&self, object: &Object) -> Result<Name, TransactionError> {
        match object.type_name() {
            Some(name) => Ok(name.clone()),
            None => Ok(Name::new("unknown")?),
        }
    }

    fn require_live(&self, oid: Oid) -> Result<Arc<Object>, TransactionError> {
        match snapshot::chain(self, oid)? {
            Chain::Live(mut chain) => Ok(chain.swap_remove(0)),
            _ => Err(TransactionError::NoSuchObject(oid)),
        }
    }

    /// Refuses a place that is taken, not for this type, too deep, or inside the object that shall go there.
    fn require_room(
        &self,
        parent: Oid,
        name: &Name,
        child_type: &Name,
        moved: Option<Oid>,
    ) -> Result<(), TransactionError> {
        let Chain::Live(chain) = snapshot::chain(self, parent)? else {
            return Err(TransactionError::NoSuchObject(parent));
        };
        let path = || snapshot::chain_path(&chain);
        if moved.is_some_and(|oid| chain.iter().any(|container| container.oid() == oid)) {
            return Err(TransactionError::IntoItself(path()));
        }
        if chain.len() > DEPTH_MAX {
            return Err(TransactionError::TooDeep(path()));
        }
        if let Some(parent_type) = chain[0].type_name()
            && let Some(schema) = self.types.schema(parent_type.as_str())
            && !schema.takes(child_type)
        {
            return Err(TransactionError::NotAllowedHere {
                parent: path(),
                parent_type: parent_type.clone(),
                child_type: child_type.clone(),
            });
        }
        match self.child(parent, name.as_str())? {
            Some(other) if Some(other) != moved => {
                Err(TransactionError::NameTaken { parent: path(), name: name.clone() })
            }
            _ => Ok(()),
        }
    }

    fn write(&mut self, oid: Oid, changes: &[CellChange]) -> Result<(), TransactionError> {
        self.write_unchecked(oid, changes).map_err(TransactionError::from)
    }

    fn write_unchecked(&mut self, oid: Oid, changes: &[CellChange]) -> Result<(), ReadError> {
        if let Some(edited) = self.edited.get_mut(&oid) {
            let now = Arc::new(edited.now.with(changes, Tid::MAX));
            let previous = std::mem::replace(&mut edited.now, now);
            self.journal.push(Step::Object(oid, Some(previous)));
            return Ok(());
        }
        let before = self.base.object(oid)?;
        let now = match &before {
            Some(object) => object.with(changes, Tid::MAX),
            None => Object::new(oid, Tid::MAX, Vec::new()).with(changes, Tid::MAX),
        };
        self.edited.insert(oid, Edited { before, now: Arc::new(now) });
        self.journal.push(Step::Object(oid, None));
        Ok(())
    }

    /// Writes the place and keeps the two ways of finding children in step with it.
    fn put(&mut self, oid: Oid, place: Option<Place>) -> Result<(), TransactionError> {
        let old = self.object(oid)?.and_then(|object| object.place().cloned());
        self.write(oid, &[(CellKey::Place, place.clone().map(Content::Place))])?;
        if let Some(old) = old {
            self.index(old, None);
        }
        if let Some(place) = place {
            self.index(place, Some(oid));
        }
        Ok(())
    }

    fn index(&mut self, place: Place, child: Option<Oid>) {
        let by_name = (place.parent, place.name.clone());
        let previous = self.names.insert(by_name.clone(), child);
        self.journal.push(Step::Name(by_name, previous));
        let by_order = (place.parent, place.order, place.name);
        let previous = self.orders.insert(by_order.clone(), child);
        self.journal.push(Step::Order(by_order, previous));
    }

    /// This transaction's own children after `page.after`, up to and including `until`; `None` hides one below.
    fn own_children(
        &self,
        parent: Oid,
        page: &ChildrenPage,
        after: Option<&(OrderKey, Name)>,
        until: Option<&Child>,
    ) -> Vec<(OrderKey, Name, Option<Oid>)> {
        let is_past = |order: &OrderKey, name: &Name| {
            until.is_some_and(|last| match page.by {
                ChildOrder::Place => (order, name) > (&last.order, &last.name),
                ChildOrder::Name => name > &last.name,
            })
        };
        let order_of = |oid: &Option<Oid>| {
            let object = oid.and_then(|oid| self.edited.get(&oid));
            object.and_then(|edited| edited.now.place()).map(|place| place.order.clone()).unwrap_or_default()
        };
        match page.by {
            ChildOrder::Place => {
                let from = match after {
                    Some((order, name)) => Bound::Excluded((parent, order.clone(), name.clone())),
                    None => Bound::Unbounded,
                };
                let entries = self.orders.range((from, Bound::Unbounded));
                entries
                    .skip_while(|(key, _)| key.0 < parent)
                    .take_while(|(key, _)| key.0 == parent && !is_past(&key.1, &key.2))
                    .map(|((_, order, name), oid)| (order.clone(), name.clone(), *oid))
                    .collect()
            }
            ChildOrder::Name => {
                let from = match after {
                    Some((_, name)) => Bound::Excluded((parent, name.clone())),
                    None => Bound::Unbounded,
                };
                let entries = self.names.range((from, Bound::Unbounded));
                entries
                    .skip_while(|(key, _)| key.0 < parent)
                    .take_while(|((of, name), _)| *of == parent && !is_past(&OrderKey::default(), name))
                    .map(|((_, name), oid)| (order_of(oid), name.clone(), *oid))
                    .collect()
            }
        }
    }
}

fn put_back<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, previous: Option<V>) {
    match previous {
        Some(value) => {
            map.insert(key, value);
        }
        None => {
            map.remove(&key);
        }
    }
}

fn check_value(attribute: &Name, value: &Value) -> Result<(), TransactionError> {
    value.check().map_err(|source| TransactionError::Value { attribute: attribute.clone(), source })
}

impl Snapshot for Transaction {
    fn tid(&self) -> Tid {
        self.base.tid()
    }

    fn object(&self, oid: Oid) -> Result<Option<Arc<Object>>, ReadError> {
        match self.edited.get(&oid) {
            Some(edited) => Ok(Some(Arc::clone(&edited.now))),
            None => self.base.object(oid),
        }
    }

    fn child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        if self.names.is_empty() {
            return self.base.child(parent, name);
        }
        let Ok(key) = Name::new(name) else { return Ok(None) };
        match self.names.get(&(parent, key)) {
            Some(child) => Ok(*child),
            None => self.base.child(parent, name),
        }
    }

    fn children(&self, parent: Oid, page: &ChildrenPage) -> Result<Vec<Child>, ReadError> {
        if self.names.is_empty() {
            return self.base.children(parent, page);
        }
        let mut listed: Vec<Child> = Vec::new();
        let mut below = page.clone();
        loop {
            let found = self.base.children(parent, &below)?;
            let last = (found.len() >= below.limit).then(|| found.last().cloned()).flatten();
            let own = self.own_children(parent, page, below.after.as_ref(), last.as_ref());
            let is_own = |child: &Child| match page.by {
                ChildOrder::Place => {
                    self.orders.contains_key(&(parent, child.order.clone(), child.name.clone()))
                }
                ChildOrder::Name => self.names.contains_key(&(parent, child.name.clone())),
            };
            let mut part: Vec<Child> = found.into_iter().filter(|child| !is_own(child)).collect();
            part.extend(
                own.into_iter().filter_map(|(order, name, oid)| Some(Child { oid: oid?, name, order })),
            );
            match page.by {
                ChildOrder::Place => part.sort_by(|a, b| (&a.order, &a.name).cmp(&(&b.order, &b.name))),
                ChildOrder::Name => part.sort_by(|a, b| a.name.cmp(&b.name)),
            }
            listed.append(&mut part);
            match last {
                Some(last) if listed.len() < page.limit => below = page.following(&last),
                _ => break,
            }
        }
        listed.truncate(page.limit);
        Ok(listed)
    }

    fn former_child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        self.base.former_child(parent, name)
    }

    fn large(&self, large: &Large) -> Result<Value, ReadError> {
        self.base.large(large)
    }
}
