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

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::IdSource;
use crate::migration::edition_cell;
use crate::name::NameError;
use crate::object::{CellChange, Large, differing_cells};
use crate::object_type::{TypeRegistry, TypeSchema};
use crate::overlay::{self, OwnChildren};
use crate::security::{GROUP, Roles, Setting, Subject, USER, USERS};
use crate::snapshot::{self, Chain, Child, ChildrenPage, ReadError, Snapshot};
use crate::value::{Value, ValueError};
use crate::{CellKey, Content, Name, Object, ObjectPath, Oid, OrderKey, Place, Tid};

/// Most cells that one object may have.
pub const CELLS_MAX: usize = 4_096;
/// Deepest place at which an object may be put, in steps from the root. What lies in a moved object is not looked
/// at, so that a move costs the same whatever is in it.
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

/// A point within a transaction to fall back to: the number of the last step before it.
#[derive(Clone, Copy, Debug)]
pub struct Savepoint(u64);

struct Edited {
    before: Option<Arc<Object>>,
    now: Arc<Object>,
}

impl Edited {
    fn changes(&self) -> Vec<CellChange> {
        changes_between(self.before.as_deref(), &self.now)
    }
}

fn changes_between(before: Option<&Object>, now: &Object) -> Vec<CellChange> {
    let differing = differing_cells(before, Some(now));
    differing.into_iter().map(|(key, _, now)| (key.clone(), now.cloned())).collect()
}

/// What a call replaced, so that a savepoint can bring it back.
enum Step {
    Object(Oid, Option<Arc<Object>>),
    Name(Oid, Name, overlay::Entry),
    Order(Oid, (OrderKey, Name), overlay::Entry),
    Unchanged,
}

/// Work in progress over a snapshot.
pub struct Transaction {
    base: SharedSnapshot,
    types: Arc<TypeRegistry>,
    ids: Arc<dyn IdSource>,
    now_micros: u64,
    added: u64,
    maker: Option<Oid>,
    edited: HashMap<Oid, Edited>,
    children: HashMap<Oid, OwnChildren>,
    unchanged: Vec<(Oid, CellKey)>,
    /// Each step with its number. No number is given twice, so that a savepoint that is gone is not mistaken.
    journal: Vec<(u64, Step)>,
    steps: u64,
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
            maker: None,
            edited: HashMap::new(),
            children: HashMap::new(),
            unchanged: Vec::new(),
            journal: Vec::new(),
            steps: 0,
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
        cells.extend(self.owner_of_new(type_name));
        for (attribute, value) in attributes {
            check_value(&attribute, &value)?;
            cells.push((CellKey::Attribute(attribute), Some(Content::Value(value))));
        }
        if let Some(edition) = self.edition_of_new(type_name)
            && edition.1.is_some()
            && !cells.iter().any(|(key, _)| *key == edition.0)
        {
            cells.push(edition);
        }
        // The place is a cell, too.
        if cells.len() >= CELLS_MAX {
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
            if object.cells().len() >= CELLS_MAX && object.attribute(attribute.as_str()).is_none() {
                return Err(TransactionError::TooManyCells);
            }
        }
        self.write(oid, &[(CellKey::Attribute(attribute.clone()), value.map(Content::Value))])
    }

    /// Says who has a permission here and below, or nothing about it.
    ///
    /// # Errors
    /// When the object is not there or has too many cells.
    pub fn set_permission(
        &mut self,
        oid: Oid,
        permission: &Name,
        setting: Option<Setting>,
    ) -> Result<(), TransactionError> {
        self.set_cell(oid, CellKey::Permission(permission.clone()), setting.map(Content::Setting))
    }

    /// Says which roles somebody has here and below; none takes them away.
    ///
    /// # Errors
    /// When the object is not there or has too many cells.
    pub fn set_local_roles(
        &mut self,
        oid: Oid,
        whose: Subject,
        roles: Roles,
    ) -> Result<(), TransactionError> {
        let roles = Some(roles).filter(|roles| !roles.is_empty());
        self.set_cell(oid, CellKey::LocalRoles(whose), roles.map(Content::Roles))
    }

    /// Says whose the object is.
    ///
    /// # Errors
    /// When the object is not there or has too many cells.
    pub fn set_owner(&mut self, oid: Oid, owner: Option<Oid>) -> Result<(), TransactionError> {
        self.set_cell(oid, CellKey::Owner, owner.map(Content::Owner))
    }

    /// Says with which roles the template runs instead of its caller's.
    ///
    /// # Errors
    /// When the object is not there or has too many cells.
    pub fn set_proxy_roles(&mut self, oid: Oid, roles: Option<Roles>) -> Result<(), TransactionError> {
        self.set_cell(oid, CellKey::ProxyRoles, roles.map(Content::Roles))
    }

    /// Whose the objects shall be that are added and copied from now on; users and groups are nobody's.
    pub fn set_maker(&mut self, maker: Option<Oid>) {
        self.maker = maker;
    }

    fn set_cell(&mut self, oid: Oid, key: CellKey, content: Option<Content>) -> Result<(), TransactionError> {
        let object = self.require_live(oid)?;
        if content.is_some() && object.cells().len() >= CELLS_MAX && object.cell(&key).is_none() {
            return Err(TransactionError::TooManyCells);
        }
        self.write(oid, &[(key, content)])
    }

    /// The owner of a new object of this type.
    fn owner_of_new(&self, type_name: &Name) -> Option<CellChange> {
        let is_somebody = [USERS, USER, GROUP].iter().any(|of| *type_name == *of);
        let owner = self.maker.filter(|_| !is_somebody)?;
        Some((CellKey::Owner, Some(Content::Owner(owner))))
    }

    /// The edition of what is made or turned into an object of this type.
    fn edition_of_new(&self, type_name: &Name) -> Option<CellChange> {
        edition_cell(self.types.schema(type_name.as_str()).map_or(1, |schema| schema.edition))
    }

    /// Makes the object one of another type; its attributes stay, and count as of that type's edition.
    ///
    /// # Errors
    /// When the object is not there, its container takes none of that type, or that type takes not all of its children.
    pub fn set_type(&mut self, oid: Oid, type_name: &Name) -> Result<(), TransactionError> {
        let Chain::Live(chain) = snapshot::chain(self, oid)? else {
            return Err(TransactionError::NoSuchObject(oid));
        };
        if chain.len() > 1 {
            self.require_taken(&chain[1..], type_name)?;
        }
        self.require_children_taken(oid, type_name, || Ok(snapshot::chain_path(&chain)))?;
        if chain[0].is_a(type_name.as_str()) {
            return Ok(());
        }
        let mut cells = vec![(CellKey::Type, Some(Content::Type(type_name.clone())))];
        cells.extend(self.edition_of_new(type_name));
        self.write(oid, &cells)
    }

    /// Puts the object under `name` into `parent`: a move, a renaming or both. Within its container, and back in the
    /// one where the transaction found it, it keeps its standing; in another it becomes the last child.
    ///
    /// # Errors
    /// When either is not there, the name is taken, the container does not take it, or would be inside it.
    pub fn move_to(&mut self, oid: Oid, parent: Oid, name: &Name) -> Result<(), TransactionError> {
        let object = self.require_live(oid)?;
        let old = object.place().ok_or(TransactionError::Root)?;
        let type_name = self.type_of(&object)?;
        self.require_room(parent, name, &type_name, Some(oid))?;
        let before = self.base.object(oid)?;
        let order = [Some(old), before.as_ref().and_then(|object| object.place())]
            .into_iter()
            .flatten()
            .find(|place| place.parent == parent)
            .map(|place| place.order.clone());
        let order = order.unwrap_or_else(|| self.next_order());
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
    /// When the container is not there or does not take it, the name is taken, or it has children by now that its type
    /// of then does not take.
    pub fn restore(&mut self, was: &Object, parent: Oid, name: &Name) -> Result<(), TransactionError> {
        if was.oid() == Oid::ROOT {
            return Err(TransactionError::Root);
        }
        let type_name = self.type_of(was)?;
        self.require_room(parent, name, &type_name, Some(was.oid()))?;
        self.require_children_taken(was.oid(), &type_name, || Ok(self.path_of(parent)?.join(name)))?;
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
    /// When either place is not there, the copy would be too deep, or the name is taken.
    pub fn copy(&mut self, oid: Oid, parent: Oid, name: &Name) -> Result<(Oid, u64), TransactionError> {
        let source = self.require_live(oid)?;
        let type_name = self.type_of(&source)?;
        let depth = self.require_room(parent, name, &type_name, None)?;
        let start = self.savepoint();
        let top = self.ids.next_oid();
        let place = Place { parent, name: name.clone(), order: self.next_order() };
        let copied = self.copy_all(source, top, place, depth);
        if copied.is_err() {
            self.roll_back(start);
        }
        Ok((top, copied?))
    }

    /// Copies `source` as `top` and what is in it below; `depth` is that of `place`. Stops halfway where it fails.
    fn copy_all(
        &mut self,
        source: Arc<Object>,
        top: Oid,
        place: Place,
        depth: usize,
    ) -> Result<u64, TransactionError> {
        let mut count = 0;
        let mut waiting = vec![(source, top, place, depth)];
        while let Some((source, copy, place, depth)) = waiting.pop() {
            if depth > DEPTH_MAX {
                return Err(TransactionError::TooDeep(self.path_of(place.parent)?));
            }
            // Who may see it goes with a copy; whose it is, and who has roles at it, does not.
            let goes_along =
                |key: &CellKey| matches!(key, CellKey::Type | CellKey::Attribute(_) | CellKey::Permission(_));
            let mut cells: Vec<CellChange> = source
                .cells()
                .iter()
                .filter(|(key, _)| goes_along(key))
                .map(|(key, cell)| (key.clone(), Some(cell.content.clone())))
                .collect();
            cells.extend(source.type_name().and_then(|of| self.owner_of_new(of)));
            self.write(copy, &cells)?;
            self.put(copy, Some(place))?;
            count += 1;
            let mut page = ChildrenPage::first(CHILDREN_BATCH);
            loop {
                let children = self.children(source.oid(), &page)?;
                let last = children.last().filter(|_| children.len() == page.limit).cloned();
                for Child { oid, name, order } in children {
                    // A folder copied into itself is copied as it was: without the copy.
                    if oid != top
                        && let Some(object) = self.object(oid)?
                    {
                        let place = Place { parent: copy, name, order };
                        waiting.push((object, self.ids.next_oid(), place, depth + 1));
                    }
                }
                match last {
                    Some(last) => page = page.following(&last),
                    None => break,
                }
            }
        }
        Ok(count)
    }

    /// Lets the commit fail if anybody changes this cell meanwhile, although this transaction only read it.
    pub fn require_unchanged(&mut self, oid: Oid, cell: CellKey) {
        self.unchanged.push((oid, cell));
        self.log(Step::Unchanged);
    }

    /// Marks a point to fall back to.
    pub fn savepoint(&self) -> Savepoint {
        Savepoint(self.journal.last().map_or(0, |(number, _)| *number))
    }

    /// Takes back everything done since the savepoint. Later savepoints are gone with it: falling back to one of
    /// those then means falling back to this one.
    pub fn roll_back(&mut self, to: Savepoint) {
        while let Some((_, step)) = self.journal.pop_if(|(number, _)| *number > to.0) {
            match step {
                Step::Object(oid, None) => {
                    self.edited.remove(&oid);
                }
                Step::Object(oid, Some(now)) => {
                    if let Some(edited) = self.edited.get_mut(&oid) {
                        edited.now = now;
                    }
                }
                Step::Name(parent, key, previous) => {
                    self.children.entry(parent).or_default().put_back_name(key, previous);
                }
                Step::Order(parent, key, previous) => {
                    self.children.entry(parent).or_default().put_back_order(key, previous);
                }
                Step::Unchanged => {
                    self.unchanged.pop();
                }
            }
        }
    }

    /// Whether nothing was changed so far, in the net. (Where the store cannot be read to say so, `finish` tells.)
    pub fn is_unchanged(&self) -> bool {
        self.net_changes().is_ok_and(|changes| changes.is_empty())
    }

    /// Ends the transaction: what it changed in the net.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn finish(self) -> Result<ChangeSet, ReadError> {
        let mut objects = self.net_changes()?;
        objects.sort_by_key(|change| change.oid);
        Ok(ChangeSet { base: self.base.tid(), objects, unchanged: self.unchanged })
    }

    fn net_changes(&self) -> Result<Vec<ObjectChange>, ReadError> {
        let is_deleted = |edited: &Edited| edited.now.place().is_none() && edited.now.oid() != Oid::ROOT;
        let any_deleted = self.edited.values().any(is_deleted);
        let mut changes = Vec::new();
        for edited in self.edited.values() {
            // Only what was deleted here can have hidden what was written here: writing needs a live object.
            let is_live = !any_deleted || snapshot::is_live(self, edited.now.oid())?;
            let cells = if is_live { Some(edited.changes()) } else { self.changes_of_the_dead(edited)? };
            if let Some(cells) = cells.filter(|cells| !cells.is_empty()) {
                changes.push(ObjectChange { oid: edited.now.oid(), cells });
            }
        }
        Ok(changes)
    }

    /// What remains to be said of an object to which no path leads any more.
    ///
    /// What was made here and deleted again leaves no trace. What was changed and then deleted by deleting one of its
    /// containers is as it was, so that it comes back unharmed with the container. What was moved in there from a
    /// place that still stands is deleted itself: no change leaves an object standing below a deleted one.
    fn changes_of_the_dead(&self, edited: &Edited) -> Result<Option<Vec<CellChange>>, ReadError> {
        let Some(before) = &edited.before else { return Ok(None) };
        if edited.now.place().is_none() {
            return Ok(Some(edited.changes()));
        }
        let moved_in = match before.place() {
            Some(place) => snapshot::is_live(self, place.parent)?,
            None => false,
        };
        let deleted = || edited.now.with(&[(CellKey::Place, None)], Tid::MAX);
        Ok(moved_in.then(|| changes_between(Some(before), &deleted())))
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

    fn path_of(&self, oid: Oid) -> Result<ObjectPath, TransactionError> {
        snapshot::path_of(self, oid)?.ok_or(TransactionError::NoSuchObject(oid))
    }

    /// Refuses a place that is taken, not for this type, too deep, or inside the object that shall go there; answers
    /// how deep the place is.
    fn require_room(
        &self,
        parent: Oid,
        name: &Name,
        child_type: &Name,
        moved: Option<Oid>,
    ) -> Result<usize, TransactionError> {
        let Chain::Live(chain) = snapshot::chain(self, parent)? else {
            return Err(TransactionError::NoSuchObject(parent));
        };
        let path = || snapshot::chain_path(&chain);
        if let Some(at) = chain.iter().position(|container| Some(container.oid()) == moved) {
            return Err(TransactionError::IntoItself(snapshot::chain_path(&chain[at..])));
        }
        if chain.len() > DEPTH_MAX {
            return Err(TransactionError::TooDeep(path()));
        }
        self.require_taken(&chain, child_type)?;
        match self.child(parent, name.as_str())? {
            Some(other) if Some(other) != moved => {
                Err(TransactionError::NameTaken { parent: path(), name: name.clone() })
            }
            _ => Ok(chain.len()),
        }
    }

    /// Refuses a child whose type the container at the beginning of the chain does not take.
    fn require_taken(&self, chain: &[Arc<Object>], child_type: &Name) -> Result<(), TransactionError> {
        match chain[0].type_name() {
            Some(of) => self.require_type_takes(of, child_type, || Ok(snapshot::chain_path(chain))),
            None => Ok(()),
        }
    }

    /// The same as if the container were of the type `of`.
    fn require_type_takes(
        &self,
        of: &Name,
        child_type: &Name,
        path: impl FnOnce() -> Result<ObjectPath, TransactionError>,
    ) -> Result<(), TransactionError> {
        match self.types.schema(of.as_str()) {
            Some(schema) if !schema.takes(child_type) => Err(TransactionError::NotAllowedHere {
                parent: path()?,
                parent_type: of.clone(),
                child_type: child_type.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Refuses a type that does not take the children which the object has. Looks at them only if it does not take all.
    fn require_children_taken(
        &self,
        oid: Oid,
        of: &Name,
        path: impl Fn() -> Result<ObjectPath, TransactionError>,
    ) -> Result<(), TransactionError> {
        let takes_all = |schema: &TypeSchema| schema.container && schema.children.is_none();
        if self.types.schema(of.as_str()).is_none_or(takes_all) {
            return Ok(());
        }
        let mut page = ChildrenPage::first(CHILDREN_BATCH);
        loop {
            let children = self.children(oid, &page)?;
            for child in &children {
                if let Some(object) = self.object(child.oid)? {
                    self.require_type_takes(of, &self.type_of(&object)?, &path)?;
                }
            }
            match children.last().filter(|_| children.len() == page.limit) {
                Some(last) => page = page.following(last),
                None => return Ok(()),
            }
        }
    }

    fn log(&mut self, step: Step) {
        self.steps += 1;
        self.journal.push((self.steps, step));
    }

    fn write(&mut self, oid: Oid, changes: &[CellChange]) -> Result<(), TransactionError> {
        if let Some(edited) = self.edited.get_mut(&oid) {
            let now = Arc::new(edited.now.with(changes, Tid::MAX));
            let previous = std::mem::replace(&mut edited.now, now);
            self.log(Step::Object(oid, Some(previous)));
            return Ok(());
        }
        let before = self.base.object(oid)?;
        let now = match &before {
            Some(object) => object.with(changes, Tid::MAX),
            None => Object::new(oid, Tid::MAX, Vec::new()).with(changes, Tid::MAX),
        };
        self.edited.insert(oid, Edited { before, now: Arc::new(now) });
        self.log(Step::Object(oid, None));
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

    fn index(&mut self, place: Place, oid: Option<Oid>) {
        let (by_name, by_order) = self.children.entry(place.parent).or_default().put(&place, oid);
        let Place { parent, name, order } = place;
        self.log(Step::Name(parent, name.clone(), by_name));
        self.log(Step::Order(parent, (order, name), by_order));
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
        match self.children.get(&parent).and_then(|own| own.named(name)) {
            Some(child) => Ok(child.map(|child| child.oid)),
            None => self.base.child(parent, name),
        }
    }

    fn children(&self, parent: Oid, page: &ChildrenPage) -> Result<Vec<Child>, ReadError> {
        match self.children.get(&parent) {
            Some(own) => own.over(&*self.base, parent, page),
            None => self.base.children(parent, page),
        }
    }

    fn former_child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        match self.children.get(&parent) {
            Some(own) => own.former_over(&*self.base, parent, name),
            None => self.base.former_child(parent, name),
        }
    }

    fn last_place(&self, oid: Oid) -> Result<Option<Place>, ReadError> {
        match self.base.object(oid)?.and_then(|object| object.place().cloned()) {
            Some(place) => Ok(Some(place)),
            None => self.base.last_place(oid),
        }
    }

    fn large(&self, large: &Large) -> Result<Value, ReadError> {
        self.base.large(large)
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
