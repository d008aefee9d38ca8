//! What the version changed, and what comes of it cell by cell.

use std::collections::BTreeMap;

use super::editions::Editions;
use super::{
    Change, ConflictKey, ConflictKind, Fate, Fingerprint, Notice, OwnCell, Planner, Resolution, Side,
};
use crate::merge::{Merge, merge_contents};
use crate::migration::EDITION;
use crate::object::{Content, Large};
use crate::snapshot::ReadError;
use crate::{CellKey, Name, Object, Oid, Place};

/// Two changes of one cell.
pub(super) struct Pair<'c> {
    pub(super) oid: Oid,
    pub(super) key: &'c CellKey,
    pub(super) base: Option<&'c Content>,
    pub(super) parent: Option<&'c Content>,
    pub(super) version: Option<&'c Content>,
}

impl Planner<'_> {
    /// What the version changed in the net.
    ///
    /// Of what it deleted, only the deletion counts; what it made and deleted again leaves no trace; what it moved
    /// from a place that still stands into something that it deleted is deleted itself.
    pub(super) fn net_changes(&self, own: &[OwnCell]) -> Result<BTreeMap<Oid, Vec<Change>>, ReadError> {
        let mut changes: BTreeMap<Oid, Vec<Change>> = BTreeMap::new();
        for cell in own {
            let mut version = cell.version.clone();
            if !self.is_live_in_version(cell.oid)? {
                let CellKey::Place = cell.key else { continue };
                if !self.deletes_itself(cell)? {
                    continue;
                }
                version = None;
            }
            let is_root = cell.oid == Oid::ROOT && cell.key == CellKey::Place;
            if !is_root && cell.base != version {
                let change = Change { key: cell.key.clone(), base: cell.base.clone(), version };
                changes.entry(cell.oid).or_default().push(change);
            }
        }
        changes.values_mut().for_each(|changes| changes.sort_by(|a, b| a.key.cmp(&b.key)));
        Ok(changes)
    }

    /// Whether the place of an object that is not there in the version says that it is deleted, not only what it is in.
    fn deletes_itself(&self, place: &OwnCell) -> Result<bool, ReadError> {
        match (&place.base, &place.version) {
            (Some(Content::Place(_)), None) => Ok(true),
            // What goes round in a circle says nothing of itself: it is not the version's wish that it goes.
            (Some(Content::Place(was)), Some(_)) if !self.is_in_circle_in_version(place.oid)? => {
                self.is_live_in_version(was.parent)
            }
            _ => Ok(false),
        }
    }

    /// Merges the version's cells into the tree, one by one.
    pub(super) fn merge_cells(&mut self) -> Result<(), ReadError> {
        let oids: Vec<Oid> = self.changes.keys().copied().collect();
        for oid in oids {
            let changes = self.changes.remove(&oid).unwrap_or_default();
            self.merge_object(oid, &changes)?;
            self.changes.insert(oid, changes);
        }
        Ok(())
    }

    fn merge_object(&mut self, oid: Oid, changes: &[Change]) -> Result<(), ReadError> {
        let now = self.sides.parent.object(oid)?;
        for change in changes.iter().filter(|change| change.key == CellKey::Place) {
            self.merge_place(oid, now.as_deref(), change)?;
        }
        let is_made = |object: Option<&Object>| object.is_some_and(|object| object.type_name().is_some());
        if !is_made(now.as_deref()) && is_made(self.sides.base.object(oid)?.as_deref()) {
            // Its making was undone: that is a deletion, no matter of cells.
            return Ok(());
        }
        let editions = self.editions(oid, now.as_deref(), changes)?;
        if let Editions::Uneven(kind) = editions {
            return self.merge_uneven(oid, *kind);
        }
        if let Editions::Brought(brought) = &editions {
            self.merge_brought(oid, now.as_deref(), brought)?;
        }
        let is_done = |key: &CellKey| {
            *key == CellKey::Place
                || matches!((&editions, key), (Editions::Brought(_), CellKey::Attribute(_)))
        };
        let (mut of, mut kept) = (now.as_ref().and_then(|object| object.type_name().cloned()), Vec::new());
        for change in changes.iter().filter(|change| !is_done(&change.key)) {
            let parent = now.as_ref().and_then(|object| object.content(&change.key));
            let (base, version) = (change.base.as_ref(), change.version.as_ref());
            let content =
                self.merge_cell(of.as_ref(), &Pair { oid, key: &change.key, base, parent, version })?;
            if let (CellKey::Type, Some(Content::Type(merged))) = (&change.key, &content) {
                of = Some(merged.clone());
            }
            kept.push((change.key.clone(), content));
        }
        if self.fits_type(oid, now.as_deref(), changes, of.as_ref())? {
            kept.into_iter().for_each(|(key, content)| self.tree.set(oid, key, content));
        }
        Ok(())
    }

    /// What becomes of a cell of an object of this type. What cannot be merged stays as the parent line has it.
    pub(super) fn merge_cell(
        &mut self,
        of: Option<&Name>,
        pair: &Pair<'_>,
    ) -> Result<Option<Content>, ReadError> {
        let policy = self.sides.types.merge_policy(of, pair.key);
        let fetch = |large: &Large| self.sides.version.large(large);
        match merge_contents(policy, pair.base, pair.parent, pair.version, &fetch)? {
            Merge::Settled(content) => Ok(content),
            Merge::Conflict => Ok(match self.meet_cell(pair) {
                Some(Resolution::Version) => self.settle_cell(pair, Resolution::Version, pair.version),
                Some(Resolution::Value(content)) if fits(pair.key, content.as_ref()) => {
                    self.settle_cell(pair, Resolution::Value(content.clone()), content.as_ref())
                }
                Some(Resolution::Parent) => self.settle_cell(pair, Resolution::Parent, pair.parent),
                _ => pair.parent.cloned(),
            }),
        }
    }

    fn meet_cell(&mut self, pair: &Pair<'_>) -> Option<Resolution> {
        let mut print = Fingerprint::new();
        print.content(pair.base).content(pair.parent).content(pair.version);
        let kind = ConflictKind::Cell {
            base: pair.base.cloned(),
            parent: pair.parent.cloned(),
            version: pair.version.cloned(),
        };
        self.meet(pair.conflict(), kind, print)
    }

    fn settle_cell(&mut self, pair: &Pair<'_>, by: Resolution, content: Option<&Content>) -> Option<Content> {
        self.settled(&pair.conflict(), by);
        content.cloned()
    }

    /// Where one side deleted the object, the deletion counts for now; [`super::deleted`] looks at it.
    fn merge_place(&mut self, oid: Oid, now: Option<&Object>, change: &Change) -> Result<(), ReadError> {
        let (base, version) = (as_place(change.base.as_ref()), as_place(change.version.as_ref()));
        let parent = self.standing_place(oid, now, base)?;
        match (base, parent, version) {
            (_, _, None) => self.tree.put(oid, None).map(drop),
            (Some(_), None, Some(_)) => Ok(()),
            (Some(base), Some(parent), Some(version)) => {
                let contents = [base, parent, version].map(|place| Content::Place(place.clone()));
                let [base, parent, version] = contents.each_ref().map(Some);
                let place =
                    self.merge_three_places(&Pair { oid, key: &CellKey::Place, base, parent, version })?;
                self.tree.put(oid, as_place(place.as_ref()).cloned()).map(drop)
            }
            (None, parent, Some(version)) => {
                let [parent, version] =
                    [parent, Some(version)].map(|place| place.cloned().map(Content::Place));
                let place = self.merge_cell(
                    None,
                    &Pair {
                        oid,
                        key: &CellKey::Place,
                        base: None,
                        parent: parent.as_ref(),
                        version: version.as_ref(),
                    },
                )?;
                self.tree.put(oid, as_place(place.as_ref()).cloned()).map(drop)
            }
        }
    }

    /// Where the parent line has an object. One that it moved from a place that still stands into something that it
    /// deleted is deleted itself; within what it deleted, it may have moved it as it liked.
    fn standing_place<'p>(
        &self,
        oid: Oid,
        now: Option<&'p Object>,
        base: Option<&'p Place>,
    ) -> Result<Option<&'p Place>, ReadError> {
        let place = now.and_then(Object::place);
        let Some(base) = base.filter(|base| Some(*base) != place) else { return Ok(place) };
        if place.is_none() || self.is_live_in_parent(oid)? {
            return Ok(place);
        }
        Ok((!self.is_live_in_parent(base.parent)?).then_some(base))
    }

    /// Container, name and standing each for itself: a resolution decides only about what both sides changed.
    fn merge_three_places(&mut self, pair: &Pair<'_>) -> Result<Option<Content>, ReadError> {
        let policy = Default::default();
        let never = |large: &Large| self.sides.version.large(large);
        let (Some(base), Some(parent), Some(version)) =
            (as_place(pair.base), as_place(pair.parent), as_place(pair.version))
        else {
            return Ok(pair.parent.cloned());
        };
        let ordered_twice = parent.parent == version.parent
            && parent.order != version.order
            && [&parent.order, &version.order].iter().all(|order| **order != base.order);
        if let Merge::Settled(place) = merge_contents(policy, pair.base, pair.parent, pair.version, &never)? {
            // What came in from elsewhere stands where it happened to.
            if !(ordered_twice && base.parent == parent.parent && self.keeps_order(parent.parent)?) {
                self.notices.extend(ordered_twice.then_some(Notice::OrderOfParent(pair.oid)));
                return Ok(place);
            }
        }
        let chosen = self.meet_cell(pair);
        let mixed = |prefer: &Place, other: &Place| {
            let moved = if prefer.parent == base.parent { other } else { prefer };
            let named = if prefer.name == base.name { other } else { prefer };
            let ordered = match prefer.parent == other.parent {
                true if prefer.order == base.order => other,
                true => prefer,
                false => moved,
            };
            Content::Place(Place {
                parent: moved.parent,
                name: named.name.clone(),
                order: ordered.order.clone(),
            })
        };
        match chosen {
            Some(Resolution::Version) => {
                Ok(self.settle_cell(pair, Resolution::Version, Some(&mixed(version, parent))))
            }
            Some(Resolution::Parent) => {
                Ok(self.settle_cell(pair, Resolution::Parent, Some(&mixed(parent, version))))
            }
            Some(Resolution::Value(Some(Content::Place(place))))
                if self.is_live_in_parent(place.parent)? && self.is_live_in_version(place.parent)? =>
            {
                let place = Content::Place(place);
                Ok(self.settle_cell(pair, Resolution::Value(Some(place.clone())), Some(&place)))
            }
            _ => Ok(Some(mixed(parent, version))),
        }
    }

    /// Whether the order in a container matters on either side: who asks once too often takes a click from somebody, who
    /// does not ask takes his work. It does not count in which order the cells are merged, either.
    fn keeps_order(&self, container: Oid) -> Result<bool, ReadError> {
        for side in [self.sides.parent, self.sides.version] {
            if side.object(container)?.is_some_and(|container| self.sides.types.keeps_order(&container)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether what either side edited fits the type that the object has in the end. Where it does not, one side's
    /// cells are taken as they are.
    fn fits_type(
        &mut self,
        oid: Oid,
        now: Option<&Object>,
        changes: &[Change],
        of: Option<&Name>,
    ) -> Result<bool, ReadError> {
        let version = self.sides.version.object(oid)?;
        let type_of = |object: Option<&Object>| object.and_then(Object::type_name).cloned();
        let (of_parent, of_version) = (type_of(now), type_of(version.as_deref()));
        let mut attributes: Vec<Name> = Vec::new();
        let mut look = |before: Option<&Name>, key: &CellKey, content: Option<&Content>| {
            if let CellKey::Attribute(name) = key
                && before != of
                && !self.still_declared(before, of, name, content)
            {
                attributes.push(name.clone());
            }
        };
        for change in changes {
            look(of_version.as_ref(), &change.key, change.version.as_ref());
        }
        if of_parent.as_ref() != of && of_parent.is_some() {
            for key in self.parent_changes(oid)? {
                look(of_parent.as_ref(), &key, now.and_then(|object| object.content(&key)));
            }
        }
        if attributes.is_empty() {
            return Ok(true);
        }
        attributes.sort();
        attributes.dedup();
        let mut print = Fingerprint::new();
        for object in [now, version.as_deref()] {
            print.content(object.and_then(|object| object.content(&CellKey::Type)));
            for name in &attributes {
                let cell = object.and_then(|object| object.attribute(name.as_str()));
                print.text(name.as_str()).content(cell.map(|cell| &cell.content));
            }
        }
        let base = type_of(self.sides.base.object(oid)?.as_deref());
        let kind = ConflictKind::Type { base, parent: of_parent, version: of_version, attributes };
        self.settle_whole(oid, kind, print)?;
        Ok(false)
    }

    /// Takes one side's cells of an object, all of them but the place.
    pub(super) fn settle_whole(
        &mut self,
        oid: Oid,
        kind: ConflictKind,
        print: Fingerprint,
    ) -> Result<(), ReadError> {
        let key = ConflictKey::Type(oid);
        match self.meet(key.clone(), kind, print) {
            Some(Resolution::Parent) => self.settled(&key, Resolution::Parent),
            Some(Resolution::Version) => {
                self.settled(&key, Resolution::Version);
                self.take_all(oid)?;
            }
            _ => {}
        }
        // Its cells are no conflicts beside this one.
        self.found.retain(
            |key, _| !matches!(key, ConflictKey::Cell(of, cell) if *of == oid && *cell != CellKey::Place),
        );
        Ok(())
    }

    /// Whether an attribute that was edited under one type means the same under another. Types that nobody registered
    /// say nothing against it.
    fn still_declared(
        &self,
        before: Option<&Name>,
        after: Option<&Name>,
        name: &Name,
        content: Option<&Content>,
    ) -> bool {
        // An edition is one of its type.
        if *name == EDITION {
            return false;
        }
        let schema = |of: Option<&Name>| of.and_then(|of| self.sides.types.schema(of.as_str()));
        let (before, Some(after)) = (schema(before), schema(after)) else { return true };
        let before = before.and_then(|schema| schema.attribute(name.as_str())).map(|spec| spec.kind);
        let kind = match content {
            Some(Content::Value(value)) => before.or(Some(value.kind())),
            _ => before,
        };
        match after.attribute(name.as_str()) {
            Some(spec) => kind.is_none_or(|kind| kind == spec.kind),
            None => before.is_none(),
        }
    }

    /// Gives the object every cell of the version's but the place.
    pub(super) fn take_all(&mut self, oid: Oid) -> Result<(), ReadError> {
        for key in self.tree.contents(oid)?.into_keys() {
            self.tree.set(oid, key, None);
        }
        if let Some(object) = self.sides.version.object(oid)? {
            for (key, cell) in object.cells().iter().filter(|(key, _)| *key != CellKey::Place) {
                self.tree.set(oid, key.clone(), Some(cell.content.clone()));
            }
        }
        Ok(())
    }

    /// Puts the attributes of one object into another, as if both sides had added the same thing.
    pub(super) fn merge_into(&mut self, oid: Oid, other: Oid) -> Result<(), ReadError> {
        let (from, into) = (self.tree.contents(oid)?, self.tree.contents(other)?);
        let of = match into.get(&CellKey::Type) {
            Some(Content::Type(name)) => Some(name.clone()),
            _ => None,
        };
        for (key, version) in &from {
            let (parent, version) = (into.get(key), Some(version));
            let pair = Pair { oid: other, key, base: None, parent, version };
            let content = self.merge_cell(of.as_ref(), &pair)?;
            self.tree.set(other, key.clone(), content);
        }
        Ok(())
    }

    /// The cells of an object that the parent line changed since the version looked at them. Another standing among
    /// its siblings is none.
    pub(super) fn parent_changes(&self, oid: Oid) -> Result<Vec<CellKey>, ReadError> {
        let (was, now) = (self.sides.base.object(oid)?, self.sides.parent.object(oid)?);
        let keys = |object: &Option<std::sync::Arc<Object>>| {
            let cells = object.iter().flat_map(|object| object.cells());
            cells.map(|(key, _)| key.clone()).collect::<Vec<_>>()
        };
        let mut keys = [keys(&was), keys(&now)].concat();
        keys.sort();
        keys.dedup();
        keys.retain(|key| {
            let was = was.as_ref().and_then(|object| object.content(key));
            let base = self.bases.get(&(oid, key)).copied().unwrap_or(was);
            is_change(base, now.as_ref().and_then(|object| object.content(key)))
        });
        Ok(keys)
    }

    /// Takes note of what one side deleted in vain, as the other had moved it out.
    pub(super) fn note_survivors(&mut self) -> Result<(), ReadError> {
        for (oid, changes) in &self.changes {
            let Some(change) = changes.iter().find(|change| change.key == CellKey::Place) else { continue };
            let was = as_place(change.base.as_ref());
            if let Some(deleted) = self.left_behind(*oid, was)?
                && !self.tree.is_deleted_here(deleted)
            {
                self.notices.insert(Notice::Survived { oid: *oid, deleted, by: Side::Parent });
            }
        }
        for oid in self.changed_in_parent.clone().iter().flat_map(|changed| changed.iter()) {
            let was = self.sides.base.object(*oid)?;
            let was = was.as_ref().and_then(|object| object.place());
            if was.is_some()
                && self.parent_changes(*oid)?.contains(&CellKey::Place)
                && let Some(deleted) = self.left_behind(*oid, was)?
                && self.tree.is_deleted_here(deleted)
            {
                self.notices.insert(Notice::Survived { oid: *oid, deleted, by: Side::Version });
            }
        }
        Ok(())
    }

    /// What the object would have gone with, had it stayed where it was.
    fn left_behind(&self, oid: Oid, was: Option<&Place>) -> Result<Option<Oid>, ReadError> {
        let Some(was) = was else { return Ok(None) };
        match (self.tree.fate(oid)?, self.tree.fate(was.parent)?) {
            (Fate::Live, Fate::Dead(deleted)) => Ok(Some(deleted)),
            _ => Ok(None),
        }
    }
}

impl Pair<'_> {
    fn conflict(&self) -> ConflictKey {
        ConflictKey::Cell(self.oid, self.key.clone())
    }
}

pub(super) fn as_place(content: Option<&Content>) -> Option<&Place> {
    if let Some(Content::Place(place)) = content { Some(place) } else { None }
}

/// Whether it is more than another standing among the same siblings.
pub(super) fn is_change(base: Option<&Content>, now: Option<&Content>) -> bool {
    match (as_place(base), as_place(now)) {
        (Some(base), Some(now)) => (base.parent, &base.name) != (now.parent, &now.name),
        _ => base != now,
    }
}

/// Whether the cell can hold it.
fn fits(key: &CellKey, content: Option<&Content>) -> bool {
    match (key, content) {
        (CellKey::Attribute(_), Some(Content::Value(value))) => value.check().is_ok(),
        (CellKey::Attribute(_), Some(Content::Large(_)) | None) => true,
        (CellKey::Type, Some(Content::Type(_))) => true,
        (CellKey::Owner, Some(Content::Owner(_)) | None) => true,
        (CellKey::ProxyRoles | CellKey::LocalRoles(_), Some(Content::Roles(_)) | None) => true,
        (CellKey::Permission(_), Some(Content::Setting(_)) | None) => true,
        _ => false,
    }
}
