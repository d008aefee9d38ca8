//! Every name that an object may find something under, in order, however many children its containers have.

use std::collections::VecDeque;
use std::sync::Arc;

use bough_core::acquisition::containers;
use bough_core::snapshot::{ChildOrder, ChildrenPage};
use bough_core::{Name, Object, Oid, OrderKey, Snapshot as _};
use bough_web::pages::{PageError, PageRequest};

/// How many children of one container are read at a time.
const BATCH: usize = 128;

/// Goes through the names, a part at a time.
pub(super) struct Names {
    containers: Vec<Arc<Object>>,
    /// All that are before this one, and it, were given.
    after: Option<Name>,
    ready: VecDeque<Name>,
    is_at_end: bool,
}

impl Names {
    /// The names that come after one, or all.
    pub(super) fn new(request: &PageRequest, oid: Oid, after: Option<Name>) -> Result<Self, PageError> {
        let containers = containers(request.snapshot(), oid)?;
        Ok(Self { containers, after, ready: VecDeque::new(), is_at_end: false })
    }

    pub(super) fn next(&mut self, request: &PageRequest) -> Result<Option<Name>, PageError> {
        while self.ready.is_empty() && !self.is_at_end {
            request.check_time()?;
            self.read(request)?;
        }
        Ok(self.ready.pop_front())
    }

    fn read(&mut self, request: &PageRequest) -> Result<(), PageError> {
        let mut names = Vec::new();
        // Up to here all names are known: where some container has more children, up to the last that was read.
        let mut known_to: Option<Name> = None;
        for container in &self.containers {
            let after = self.after.clone().map(|name| (OrderKey::default(), name));
            let page = ChildrenPage { by: ChildOrder::Name, after, limit: BATCH };
            let children = request.snapshot().children(container.oid(), &page)?;
            if let Some(last) = children.last().filter(|_| children.len() == BATCH) {
                let is_nearer = known_to.as_ref().is_none_or(|known| last.name < *known);
                known_to = if is_nearer { Some(last.name.clone()) } else { known_to };
            }
            names.extend(children.into_iter().map(|child| child.name));
            names.extend(container.attributes().map(|(name, _)| name.clone()));
            let schema = container.type_name().and_then(|name| request.types().schema(name.as_str()));
            if let Some(schema) = schema {
                names.extend(schema.methods.iter().map(|method| method.name.clone()));
                let defaults = schema.attributes.iter().filter(|spec| spec.default.is_some());
                names.extend(defaults.map(|spec| spec.name.clone()));
            }
        }
        names.retain(|name| {
            self.after.as_ref().is_none_or(|after| name > after)
                && known_to.as_ref().is_none_or(|known| name <= known)
        });
        names.sort_unstable();
        names.dedup();
        self.is_at_end = known_to.is_none();
        self.after = known_to;
        self.ready = names.into();
        Ok(())
    }
}
