//! All objects below one, in the order of the tree, a part at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use bough_core::object_type::TypeRegistry;
use bough_core::snapshot::{Chain, Child, ChildrenPage, chain};
use bough_core::{Object, Oid, Snapshot};
use bough_web::pages::PageError;

const BATCH: usize = 256;

struct Level {
    container: Oid,
    page: ChildrenPage,
    read: VecDeque<Child>,
    is_all_read: bool,
}

impl Level {
    fn new(container: Oid) -> Self {
        Self { container, page: ChildrenPage::first(BATCH), read: VecDeque::new(), is_all_read: false }
    }

    fn after(container: Oid, child: &Child) -> Self {
        Self { page: ChildrenPage::first(BATCH).following(child), ..Self::new(container) }
    }

    fn next(&mut self, snapshot: &dyn Snapshot) -> Result<Option<Child>, PageError> {
        if self.read.is_empty() && !self.is_all_read {
            let children = snapshot.children(self.container, &self.page)?;
            self.is_all_read = children.len() < BATCH;
            if let Some(last) = children.last() {
                self.page = self.page.following(last);
            }
            self.read = children.into();
        }
        Ok(self.read.pop_front())
    }
}

/// A walk that can be taken up again after any object.
pub(super) struct Tree {
    levels: Vec<Level>,
}

impl Tree {
    /// All that is below `top`.
    pub(super) fn below(top: Oid) -> Self {
        Self { levels: vec![Level::new(top)] }
    }

    /// What comes after an object below `top`; from the beginning where it is there no more.
    pub(super) fn after(snapshot: &dyn Snapshot, top: Oid, last: Oid) -> Result<Self, PageError> {
        let Chain::Live(way) = chain(snapshot, last)? else { return Ok(Self::below(top)) };
        let Some(depth) = way.iter().position(|object| object.oid() == top) else {
            return Ok(Self::below(top));
        };
        let mut levels = Vec::new();
        for object in way[..depth].iter().rev() {
            if let Some(place) = object.place() {
                let child = Child { oid: object.oid(), name: place.name.clone(), order: place.order.clone() };
                levels.push(Level::after(place.parent, &child));
            }
        }
        levels.push(Level::new(last));
        Ok(Self { levels })
    }

    /// The next object; one that cannot be read is left out. Nothing is looked for in what can contain nothing.
    pub(super) fn next(
        &mut self,
        snapshot: &dyn Snapshot,
        types: &TypeRegistry,
    ) -> Result<Option<Arc<Object>>, PageError> {
        while let Some(level) = self.levels.last_mut() {
            let Some(child) = level.next(snapshot)? else {
                self.levels.pop();
                continue;
            };
            let Ok(Some(object)) = snapshot.object(child.oid) else { continue };
            if may_contain(types, &object) {
                self.levels.push(Level::new(child.oid));
            }
            return Ok(Some(object));
        }
        Ok(None)
    }
}

/// Whether something may be in an object. Of what nobody registered the type anything may be so.
pub(super) fn may_contain(types: &TypeRegistry, object: &Object) -> bool {
    let schema = object.type_name().and_then(|name| types.schema(name.as_str()));
    object.oid() == Oid::ROOT || schema.is_none_or(|schema| schema.container)
}
