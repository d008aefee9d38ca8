//! A walk through everything below an object, in the order of paths, that can be broken off and taken up again.

use bough_core::object_type::TypeRegistry;
use bough_core::snapshot::{Child, ChildOrder, ChildrenPage, ReadError};
use bough_core::{Name, Oid, OrderKey, Snapshot as _};
use bough_store::Snapshot;

use crate::publisher::links::is_container;
use crate::publisher::path::push_step;

/// How many children are read at a time.
const BATCH: usize = 256;

/// Something that has a URL.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    pub(super) oid: Oid,
    pub(super) url: String,
    /// The names from where the walk began.
    pub(super) names: Vec<Name>,
}

/// A container under way.
struct Open {
    oid: Oid,
    url: String,
    page: ChildrenPage,
    batch: std::vec::IntoIter<Child>,
    is_last: bool,
}

impl Open {
    fn new(oid: Oid, url: String, after: Option<Name>) -> Self {
        let after = after.map(|name| (OrderKey::default(), name));
        let page = ChildrenPage { by: ChildOrder::Name, after, limit: BATCH };
        Self { oid, url, page, batch: Vec::new().into_iter(), is_last: false }
    }

    fn next(&mut self, state: &Snapshot) -> Result<Option<Child>, ReadError> {
        loop {
            if let Some(child) = self.batch.next() {
                return Ok(Some(child));
            }
            if self.is_last {
                return Ok(None);
            }
            let children = state.children(self.oid, &self.page)?;
            self.is_last = children.len() < BATCH;
            if let Some(last) = children.last() {
                self.page = self.page.following(last);
            }
            self.batch = children.into_iter();
        }
    }
}

/// The walk.
pub(super) struct Walk {
    /// From where it began to where it is.
    open: Vec<Open>,
    names: Vec<Name>,
    /// The beginning, as long as it is still to come.
    first: Option<Stop>,
}

impl Walk {
    /// Begins at an object with this URL.
    pub(super) fn from(oid: Oid, url: String) -> Self {
        Self { open: Vec::new(), names: Vec::new(), first: Some(Stop { oid, url, names: Vec::new() }) }
    }

    /// Begins behind the object of these names below `oid`, whether that is there still or not.
    pub(super) fn behind(
        state: &Snapshot,
        types: &TypeRegistry,
        oid: Oid,
        url: String,
        names: &[Name],
    ) -> Result<Self, ReadError> {
        let mut walk = Self { open: Vec::new(), names: Vec::new(), first: None };
        let (mut at, mut at_url) = (oid, url);
        for name in names {
            walk.open.push(Open::new(at, at_url.clone(), Some(name.clone())));
            let Some(child) = state.child(at, name.as_str())? else { return Ok(walk) };
            walk.names.push(name.clone());
            (at_url, at) = (url_below(&at_url, name), child);
            if is_above(state, types, at)? {
                at_url.push('/');
            }
        }
        walk.open.push(Open::new(at, at_url, None));
        Ok(walk)
    }

    /// The next object; none at the end.
    pub(super) fn next(&mut self, state: &Snapshot, types: &TypeRegistry) -> Result<Option<Stop>, ReadError> {
        if let Some(first) = self.first.take() {
            self.open.push(Open::new(first.oid, first.url.clone(), None));
            return Ok(Some(first));
        }
        while let Some(open) = self.open.last_mut() {
            let Some(child) = open.next(state)? else {
                self.open.pop();
                self.names.pop();
                continue;
            };
            let mut url = url_below(&open.url, &child.name);
            self.names.push(child.name);
            if is_above(state, types, child.oid)? {
                url.push('/');
            }
            let stop = Stop { oid: child.oid, url: url.clone(), names: self.names.clone() };
            // Whatever its type says, there may be something in it.
            self.open.push(Open::new(child.oid, url, None));
            return Ok(Some(stop));
        }
        Ok(None)
    }

    /// Leaves out what is in the object that came last.
    pub(super) fn skip_inside(&mut self) {
        if self.open.pop().is_some() {
            self.names.pop();
        }
    }
}

fn url_below(url: &str, name: &Name) -> String {
    let mut below = url.trim_end_matches('/').to_owned();
    push_step(&mut below, name.as_str());
    below
}

fn is_above(state: &Snapshot, types: &TypeRegistry, oid: Oid) -> Result<bool, ReadError> {
    match state.object(oid)? {
        Some(object) => is_container(state, types, &object),
        None => Ok(false),
    }
}
