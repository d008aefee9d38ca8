//! A plan seen as a site: the parent line with the plan's writes over it.

use std::collections::HashMap;
use std::sync::Arc;

use super::Plan;
use crate::object::Large;
use crate::overlay::OwnChildren;
use crate::snapshot::{Child, ChildrenPage, ReadError, Snapshot};
use crate::transaction::ObjectChange;
use crate::{Object, Oid, Place, Tid, Value};

/// What the parent line would be after a merge, or the version after an update. What is written has [`Tid::MAX`].
pub struct Planned<S> {
    parent: S,
    objects: HashMap<Oid, Arc<Object>>,
    children: HashMap<Oid, OwnChildren>,
}

impl<S: Snapshot> Planned<S> {
    /// The writes of `plan` over `parent`, the line that it was made for.
    ///
    /// # Errors
    /// When the parent line cannot be read.
    pub fn new(parent: S, plan: &Plan) -> Result<Self, ReadError> {
        let mut objects = HashMap::with_capacity(plan.writes.len());
        let mut children: HashMap<Oid, OwnChildren> = HashMap::new();
        let mut places: Vec<(Oid, Place)> = Vec::new();
        for ObjectChange { oid, cells } in &plan.writes {
            let was = parent.object(*oid)?;
            let now = match &was {
                Some(object) => object.with(cells, Tid::MAX),
                None => Object::new(*oid, Tid::MAX, Vec::new()).with(cells, Tid::MAX),
            };
            let was = was.as_ref().and_then(|object| object.place());
            if was != now.place() {
                // All old places first, so that objects can exchange theirs.
                if let Some(place) = was {
                    children.entry(place.parent).or_default().put(place, None);
                }
                places.extend(now.place().map(|place| (*oid, place.clone())));
            }
            objects.insert(*oid, Arc::new(now));
        }
        for (oid, place) in places {
            children.entry(place.parent).or_default().put(&place, Some(oid));
        }
        Ok(Self { parent, objects, children })
    }
}

impl<S: Snapshot> Snapshot for Planned<S> {
    fn tid(&self) -> Tid {
        self.parent.tid()
    }

    fn object(&self, oid: Oid) -> Result<Option<Arc<Object>>, ReadError> {
        match self.objects.get(&oid) {
            Some(object) => Ok(Some(Arc::clone(object))),
            None => self.parent.object(oid),
        }
    }

    fn child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        match self.children.get(&parent).and_then(|own| own.named(name)) {
            Some(child) => Ok(child.map(|child| child.oid)),
            None => self.parent.child(parent, name),
        }
    }

    fn children(&self, parent: Oid, page: &ChildrenPage) -> Result<Vec<Child>, ReadError> {
        match self.children.get(&parent) {
            Some(own) => own.over(&self.parent, parent, page),
            None => self.parent.children(parent, page),
        }
    }

    fn former_child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        match self.children.get(&parent) {
            Some(own) => own.former_over(&self.parent, parent, name),
            None => self.parent.former_child(parent, name),
        }
    }

    fn last_place(&self, oid: Oid) -> Result<Option<Place>, ReadError> {
        match self.parent.object(oid)?.and_then(|object| object.place().cloned()) {
            Some(place) => Ok(Some(place)),
            None => self.parent.last_place(oid),
        }
    }

    fn large(&self, large: &Large) -> Result<Value, ReadError> {
        self.parent.large(large)
    }
}
