//! Children of one container that were changed over a snapshot: found by name and listed like the rest.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use crate::snapshot::{Child, ChildOrder, ChildrenPage, ReadError, Snapshot};
use crate::{Name, Oid, OrderKey, Place};

/// A child's entry by name or by standing before it was replaced; none where there was none.
pub(crate) type Entry = Option<Option<Child>>;

/// What was done to the children of one container. `None` hides a child of the snapshot.
#[derive(Default)]
pub(crate) struct OwnChildren {
    by_name: BTreeMap<Name, Option<Child>>,
    by_order: BTreeMap<(OrderKey, Name), Option<Child>>,
}

impl OwnChildren {
    /// Says who stands at a place in this container. Answers the entries that this replaces, by name and by standing.
    pub(crate) fn put(&mut self, place: &Place, oid: Option<Oid>) -> (Entry, Entry) {
        let child = oid.map(|oid| Child { oid, name: place.name.clone(), order: place.order.clone() });
        let by_name = self.by_name.insert(place.name.clone(), child.clone());
        let by_order = self.by_order.insert((place.order.clone(), place.name.clone()), child);
        (by_name, by_order)
    }

    /// Brings back an entry by name that `put` replaced.
    pub(crate) fn put_back_name(&mut self, name: Name, entry: Entry) {
        put_back(&mut self.by_name, name, entry);
    }

    /// Brings back an entry by standing that `put` replaced.
    pub(crate) fn put_back_order(&mut self, standing: (OrderKey, Name), entry: Entry) {
        put_back(&mut self.by_order, standing, entry);
    }

    /// The child of that name, if it is decided here who that is.
    #[expect(clippy::option_option, reason = "hidden and not mentioned are two things")]
    pub(crate) fn named(&self, name: &str) -> Option<Option<&Child>> {
        self.by_name.get(name).map(Option::as_ref)
    }

    /// A page of the children of `parent`, these over those of the snapshot.
    pub(crate) fn over(
        &self,
        snapshot: &(impl Snapshot + ?Sized),
        parent: Oid,
        page: &ChildrenPage,
    ) -> Result<Vec<Child>, ReadError> {
        let mut listed: Vec<Child> = Vec::new();
        let mut below = page.clone();
        loop {
            let found = snapshot.children(parent, &below)?;
            let last = found.last().filter(|_| found.len() >= below.limit).cloned();
            let mut part = self.between(page.by, below.after.as_ref(), last.as_ref());
            part.extend(found.into_iter().filter(|child| !self.covers(page.by, child)));
            part.sort_by(|a, b| page.by.compare(a, b));
            listed.append(&mut part);
            match last {
                Some(last) if listed.len() < page.limit => below = page.following(&last),
                _ => break,
            }
        }
        listed.truncate(page.limit);
        Ok(listed)
    }

    /// Who last stood under a name before the present one: a child of the snapshot that no longer does, did.
    pub(crate) fn former_over(
        &self,
        snapshot: &(impl Snapshot + ?Sized),
        parent: Oid,
        name: &str,
    ) -> Result<Option<Oid>, ReadError> {
        let before = snapshot.child(parent, name)?;
        match self.named(name) {
            Some(now) if before.is_some() && before != now.map(|child| child.oid) => Ok(before),
            _ => snapshot.former_child(parent, name),
        }
    }

    /// Whether it is decided here about this child of the snapshot.
    fn covers(&self, by: ChildOrder, child: &Child) -> bool {
        match by {
            ChildOrder::Place => self.by_order.contains_key(&(child.order.clone(), child.name.clone())),
            ChildOrder::Name => self.by_name.contains_key(&child.name),
        }
    }

    /// The own children after one standing, up to and including a child.
    fn between(&self, by: ChildOrder, after: Option<&(OrderKey, Name)>, until: Option<&Child>) -> Vec<Child> {
        let own: Box<dyn Iterator<Item = &Option<Child>>> = match by {
            ChildOrder::Place => {
                let from = after.map_or(Unbounded, Excluded);
                Box::new(self.by_order.range((from, Unbounded)).map(|entry| entry.1))
            }
            ChildOrder::Name => {
                let from = after.map_or(Unbounded, |(_, name)| Excluded(name));
                Box::new(self.by_name.range::<Name, _>((from, Unbounded)).map(|entry| entry.1))
            }
        };
        let is_past = |child: &Child| until.is_some_and(|last| by.compare(child, last).is_gt());
        own.flatten().take_while(|child| !is_past(child)).cloned().collect()
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
