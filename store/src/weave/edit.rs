//! What a commit does to one object, and what its frame says of that.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use bough_core::object::Object;
use bough_core::{Name, Oid, Place, Tid};

use crate::format::body::{ChangeDisk, FactsDisk, PlaceChangeDisk};
use crate::own::Own;

/// A new state for one object, as undo finds it: an earlier one, or none.
#[derive(Clone, Debug)]
pub(crate) struct GoBack {
    pub(crate) oid: Oid,
    /// The head record that it replaces.
    pub(crate) replaces: Tid,
    /// The commit whose record of its own holds the state, and how deep that is; none makes the object gone.
    pub(crate) to: Option<(Tid, u8)>,
    pub(crate) place_before: Option<Place>,
    pub(crate) place_after: Option<Place>,
    pub(crate) references_dropped: Vec<[u8; 16]>,
    pub(crate) references_added: Vec<[u8; 16]>,
}

/// One object before and after.
pub(super) struct Edit {
    pub(super) replaces: Option<Tid>,
    pub(super) before: Option<Arc<Object>>,
    pub(super) after: Arc<Object>,
    /// On a version: what that holds of it itself.
    pub(super) own: Option<Own>,
    /// Whether the version comes to hold the place, and so has to name it there, also where it was seen there before.
    pub(super) takes_name: bool,
}

/// How the place of an object changes.
pub(super) struct Move<'a> {
    pub(super) oid: Oid,
    pub(super) before: Option<&'a Place>,
    pub(super) after: Option<&'a Place>,
}

impl Edit {
    pub(super) fn places(&self) -> [Option<&Place>; 2] {
        [self.before.as_ref().and_then(|object| object.place()), self.after.place()]
    }

    pub(super) fn as_move(&self) -> Option<Move<'_>> {
        let [before, after] = self.places();
        let oid = self.after.oid();
        match before == after {
            true => self.takes_name.then_some(Move { oid, before: None, after }),
            false => Some(Move { oid, before, after }),
        }
    }

    /// Whether it may change who may do what at something that was there before.
    pub(super) fn changes_rights(&self) -> bool {
        // Of what was not there nothing is kept; of what is unmade now, nothing may be left when it is made again.
        let Some(before) = &self.before else { return false };
        if self.after.cells().is_empty() {
            return true;
        }
        let says = |object: &Object| -> Vec<_> {
            object.security().iter().map(|(key, cell)| (key.clone(), cell.content.clone())).collect()
        };
        if says(before) != says(&self.after) {
            return true;
        }
        let parent = |place: Option<&Place>| place.map(|place| place.parent);
        let [from, to] = self.places();
        parent(from) != parent(to)
    }

    pub(super) fn facts(&self, change: ChangeDisk, taken: &Taken<'_>) -> FactsDisk {
        let (before, after) = (references(self.before.as_deref()), references(Some(&self.after)));
        FactsDisk {
            oid: self.after.oid().to_bytes(),
            replaces: self.replaces.map_or(0, Tid::as_micros),
            change,
            place: self.as_move().map(|change| taken.place_change(&change)),
            references_dropped: before.difference(&after).map(|oid| oid.to_bytes()).collect(),
            references_added: after.difference(&before).map(|oid| oid.to_bytes()).collect(),
        }
    }
}

impl GoBack {
    pub(super) fn as_move(&self) -> Option<Move<'_>> {
        let (before, after) = (self.place_before.as_ref(), self.place_after.as_ref());
        (before != after).then_some(Move { oid: self.oid, before, after })
    }

    pub(super) fn facts(&self, taken: &Taken<'_>) -> FactsDisk {
        FactsDisk {
            oid: self.oid.to_bytes(),
            replaces: self.replaces.as_micros(),
            change: match self.to {
                Some((tid, depth)) => ChangeDisk::BackTo { tid: tid.as_micros(), depth },
                None => ChangeDisk::Gone,
            },
            place: self.as_move().map(|change| taken.place_change(&change)),
            references_dropped: self.references_dropped.clone(),
            references_added: self.references_added.clone(),
        }
    }
}

pub(super) fn references(object: Option<&Object>) -> BTreeSet<Oid> {
    let mut found = BTreeSet::new();
    for (_, cell) in object.map_or(&[][..], Object::cells) {
        cell.content.references(&mut |oid| {
            found.insert(oid);
        });
    }
    found
}

/// The names and standings that a commit gives away, to tell which given-up ones are taken again at once.
pub(super) struct Taken<'a> {
    pub(super) names: HashSet<(Oid, &'a Name)>,
    pub(super) standings: HashSet<&'a Place>,
}

impl<'a> Taken<'a> {
    pub(super) fn by(moves: &[Move<'a>]) -> Self {
        let after = moves.iter().filter_map(|change| change.after);
        Self {
            names: after.clone().map(|place| (place.parent, &place.name)).collect(),
            standings: after.collect(),
        }
    }

    pub(super) fn place_change(&self, change: &Move<'_>) -> PlaceChangeDisk {
        let own_name = |before: &Place| {
            change.after.is_some_and(|after| after.parent == before.parent && after.name == before.name)
        };
        let name_taken = change
            .before
            .is_some_and(|before| !own_name(before) && self.names.contains(&(before.parent, &before.name)));
        let order_taken = change
            .before
            .is_some_and(|before| change.after != Some(before) && self.standings.contains(before));
        PlaceChangeDisk {
            before: change.before.map(Into::into),
            name_taken,
            order_taken,
            after: change.after.map(Into::into),
        }
    }
}
