//! The tree as it is planned: the parent line with other places and cells over it.
//!
//! While a merge is planned it may be no tree at all: objects below deleted ones, in each other, two of one name.
//!
//! # Invariants
//! - An object is *touched* if its place is not the parent line's. Only touched objects can be wrong.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::merge::structure::{Places, Standing};
use crate::object::CellChange;
use crate::snapshot::{ChildrenPage, ReadError, Snapshot};
use crate::transaction::ObjectChange;
use crate::{CellKey, Content, Name, Object, Oid, Place};

/// How many children are read at a time where all are wanted.
const CHILDREN_BATCH: usize = 256;

/// Where the walk from an object to the root ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// At the root.
    Live,
    /// At this object, which is deleted or never was.
    Dead(Oid),
    /// In a circle, at this object of it.
    Cycle(Oid),
}

/// The fates of objects of one tree, each walked once.
#[derive(Default)]
pub(super) struct Fates(RefCell<HashMap<Oid, Fate>>);

impl Fates {
    pub(super) fn of(&self, places: &(impl Places + ?Sized), oid: Oid) -> Result<Fate, ReadError> {
        let mut known = self.0.borrow_mut();
        let mut walked = Vec::new();
        let mut at = oid;
        let fate = loop {
            if at == Oid::ROOT {
                break Fate::Live;
            }
            if let Some(fate) = known.get(&at) {
                break *fate;
            }
            // Seen as a circle until the walk says otherwise.
            known.insert(at, Fate::Cycle(at));
            walked.push(at);
            match places.standing(at)? {
                Standing::At(place) => at = place.parent,
                Standing::Absent | Standing::Deleted => break Fate::Dead(at),
            }
        };
        for oid in walked {
            known.insert(oid, fate);
        }
        Ok(fate)
    }
}

/// The parent line with what is planned over it.
pub(super) struct Tree<'a> {
    parent: &'a dyn Snapshot,
    /// Where touched objects stand.
    places: BTreeMap<Oid, Option<Place>>,
    /// Touched objects by where they stand.
    names: HashMap<Oid, BTreeMap<Name, BTreeSet<Oid>>>,
    /// Types and attributes.
    cells: BTreeMap<Oid, BTreeMap<CellKey, Option<Content>>>,
    fates: Fates,
}

impl Places for Tree<'_> {
    fn standing(&self, oid: Oid) -> Result<Standing, ReadError> {
        match self.places.get(&oid) {
            Some(place) => Ok(place.clone().map_or(Standing::Deleted, Standing::At)),
            None => self.parent.standing(oid),
        }
    }
}

impl<'a> Tree<'a> {
    pub(super) fn over(parent: &'a dyn Snapshot) -> Self {
        Self {
            parent,
            places: BTreeMap::new(),
            names: HashMap::new(),
            cells: BTreeMap::new(),
            fates: Fates::default(),
        }
    }

    pub(super) fn fate(&self, oid: Oid) -> Result<Fate, ReadError> {
        self.fates.of(self, oid)
    }

    pub(super) fn is_live(&self, oid: Oid) -> Result<bool, ReadError> {
        Ok(self.fate(oid)? == Fate::Live)
    }

    pub(super) fn place(&self, oid: Oid) -> Result<Option<Place>, ReadError> {
        match self.standing(oid)? {
            Standing::At(place) => Ok(Some(place)),
            Standing::Absent | Standing::Deleted => Ok(None),
        }
    }

    /// Whether `oid` could be put into `container`: that is there, and not inside it.
    pub(super) fn takes(&self, container: Oid, oid: Oid) -> Result<bool, ReadError> {
        if !self.is_live(container)? {
            return Ok(false);
        }
        let mut at = container;
        while at != Oid::ROOT && at != oid {
            match self.place(at)? {
                Some(place) => at = place.parent,
                None => return Ok(false),
            }
        }
        Ok(at != oid)
    }

    /// Whether the object stands where the parent line does not have it.
    pub(super) fn is_touched(&self, oid: Oid) -> bool {
        self.places.contains_key(&oid)
    }

    /// All touched objects that stand somewhere, by oid.
    pub(super) fn touched(&self) -> Vec<Oid> {
        self.places.iter().filter(|(_, place)| place.is_some()).map(|(oid, _)| *oid).collect()
    }

    /// Whether anything is deleted that the parent line has.
    pub(super) fn deletes(&self) -> bool {
        self.places.values().any(Option::is_none)
    }

    /// Whether the object is deleted here and not on the parent line.
    pub(super) fn is_deleted_here(&self, oid: Oid) -> bool {
        matches!(self.places.get(&oid), Some(None))
    }

    /// Puts the object somewhere, or nowhere. Answers whether that changed anything.
    pub(super) fn put(&mut self, oid: Oid, place: Option<Place>) -> Result<bool, ReadError> {
        let old = self.place(oid)?;
        if oid == Oid::ROOT || old == place {
            return Ok(false);
        }
        if self.is_touched(oid)
            && let Some(old) = &old
            && let Some(named) = self.names.get_mut(&old.parent).and_then(|names| names.get_mut(&old.name))
        {
            named.remove(&oid);
        }
        self.fates = Fates::default();
        self.places.remove(&oid);
        if self.place(oid)? == place {
            return Ok(true);
        }
        if let Some(place) = &place {
            let names = self.names.entry(place.parent).or_default();
            names.entry(place.name.clone()).or_default().insert(oid);
        }
        self.places.insert(oid, place);
        Ok(true)
    }

    /// All objects of that name in the container, by oid.
    pub(super) fn named(&self, parent: Oid, name: &Name) -> Result<BTreeSet<Oid>, ReadError> {
        let touched = self.names.get(&parent).and_then(|names| names.get(name));
        let mut named = touched.cloned().unwrap_or_default();
        named.extend(self.parent.child(parent, name.as_str())?.filter(|child| !self.is_touched(*child)));
        Ok(named)
    }

    /// Everything in the container.
    pub(super) fn children(&self, parent: Oid) -> Result<Vec<Oid>, ReadError> {
        let touched = self.names.get(&parent).into_iter().flat_map(BTreeMap::values).flatten();
        let mut children: Vec<Oid> = touched.copied().collect();
        for_each_child(self.parent, parent, &mut |child| {
            if !self.is_touched(child) {
                children.push(child);
            }
        })?;
        Ok(children)
    }

    pub(super) fn set(&mut self, oid: Oid, key: CellKey, content: Option<Content>) {
        self.cells.entry(oid).or_default().insert(key, content);
    }

    /// Every cell of the object but its place.
    pub(super) fn contents(&self, oid: Oid) -> Result<BTreeMap<CellKey, Content>, ReadError> {
        let object = self.parent.object(oid)?;
        let cells = object.iter().flat_map(|object| object.cells());
        let mut contents: BTreeMap<CellKey, Content> =
            cells.map(|(key, cell)| (key.clone(), cell.content.clone())).collect();
        for (key, content) in self.cells.get(&oid).into_iter().flatten() {
            match content {
                Some(content) => contents.insert(key.clone(), content.clone()),
                None => contents.remove(key),
            };
        }
        contents.remove(&CellKey::Place);
        Ok(contents)
    }

    /// What to write over the parent line: what is there in the end, and what is deleted.
    pub(super) fn writes(&self) -> Result<Vec<ObjectChange>, ReadError> {
        let oids: BTreeSet<Oid> = self.places.keys().chain(self.cells.keys()).copied().collect();
        let mut writes = Vec::new();
        for oid in oids {
            let was = self.parent.object(oid)?;
            let was = |key: &CellKey| was.as_deref().and_then(|object: &Object| object.content(key));
            let place = self.places.get(&oid).map(|place| place.clone().map(Content::Place));
            let mut cells: Vec<CellChange> = place.map(|place| (CellKey::Place, place)).into_iter().collect();
            if self.is_live(oid)? {
                let planned = self.cells.get(&oid).into_iter().flatten();
                cells.extend(planned.map(|(key, content)| (key.clone(), content.clone())));
            }
            cells.retain(|(key, content)| was(key) != content.as_ref());
            cells.sort_by(|a, b| a.0.cmp(&b.0));
            if !cells.is_empty() {
                writes.push(ObjectChange { oid, cells });
            }
        }
        Ok(writes)
    }
}

/// Calls `visit` with every child, read in batches.
pub(super) fn for_each_child(
    snapshot: &dyn Snapshot,
    parent: Oid,
    visit: &mut dyn FnMut(Oid),
) -> Result<(), ReadError> {
    let mut page = ChildrenPage::first(CHILDREN_BATCH);
    loop {
        let children = snapshot.children(parent, &page)?;
        children.iter().for_each(|child| visit(child.oid));
        match children.last().filter(|_| children.len() == page.limit) {
            Some(last) => page = page.following(last),
            None => return Ok(()),
        }
    }
}
