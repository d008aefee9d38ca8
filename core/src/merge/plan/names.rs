//! Names that two objects would have.

use std::collections::BTreeSet;

use super::{ConflictKey, ConflictKind, Fingerprint, Found, Planner, Resolution, Side};
use crate::migration::EDITION;
use crate::name::NAME_BYTES_MAX;
use crate::snapshot::ReadError;
use crate::{CellKey, Name, Oid, Place};

/// What comes after the last point of a name is an ending up to so many bytes, else part of the name.
const ENDING_BYTES_MAX: usize = 16;

/// Two objects of one name.
struct Clash {
    oid: Oid,
    other: Oid,
    place: Place,
}

impl Clash {
    fn key(&self) -> ConflictKey {
        ConflictKey::Name { parent: self.place.parent, name: self.place.name.clone(), oid: self.oid }
    }
}

impl Planner<'_> {
    /// Looks for names that two have, and settles what people decided. Answers whether the tree is another one now.
    pub(super) fn settle_names(&mut self) -> Result<bool, ReadError> {
        let mut moved = false;
        for clash in self.clashes()? {
            // What was done about another one may have settled it.
            if self.tree.place(clash.oid)?.as_ref() != Some(&clash.place)
                || !self.tree.named(clash.place.parent, &clash.place.name)?.contains(&clash.other)
            {
                continue;
            }
            if let Some(chosen) = self.meet_name(&clash)?
                && self.settle_name(&clash, &chosen)?
            {
                self.settled(&clash.key(), chosen);
                moved = true;
            }
        }
        Ok(moved)
    }

    /// Everything that has a name which is another's, by oid, and that other.
    fn clashes(&self) -> Result<Vec<Clash>, ReadError> {
        let mut clashes = Vec::new();
        for oid in self.tree.touched() {
            let Some(place) = self.tree.place(oid)? else { continue };
            let named = self.tree.named(place.parent, &place.name)?;
            if named.len() > 1
                && let Some(other) = self.rightful(&named, &place)?
                && other != oid
            {
                clashes.push(Clash { oid, other, place });
            }
        }
        Ok(clashes)
    }

    /// Whose name it is: the one that the parent line has there, else the version has there.
    fn rightful(&self, named: &BTreeSet<Oid>, place: &Place) -> Result<Option<Oid>, ReadError> {
        let is_there = |there: Option<Place>| {
            there.is_some_and(|there| (there.parent, &there.name) == (place.parent, &place.name))
        };
        for oid in named {
            if is_there(self.place_in_parent(*oid)?) {
                return Ok(Some(*oid));
            }
        }
        for oid in named {
            if is_there(self.place_in_version(*oid)?) {
                return Ok(Some(*oid));
            }
        }
        Ok(named.first().copied())
    }

    fn meet_name(&mut self, clash: &Clash) -> Result<Option<Resolution>, ReadError> {
        let suggested = self.suggest(clash)?;
        // What was deleted and came back makes way.
        let came_back = self.found.contains_key(&ConflictKey::Deleted(clash.other));
        let kind = ConflictKind::Name {
            version: clash.oid,
            other: clash.other,
            rename: if came_back { Side::Parent } else { Side::Version },
            suggested,
        };
        let mut print = Fingerprint::new();
        print.oid(clash.oid).oid(clash.other);
        Ok(self.meet(clash.key(), kind, print))
    }

    /// Does what was chosen. Answers whether it fits.
    fn settle_name(&mut self, clash: &Clash, chosen: &Resolution) -> Result<bool, ReadError> {
        match chosen {
            Resolution::Parent => {
                if !self.is_live_in_parent(clash.oid)? {
                    self.discarded.insert(clash.oid);
                }
                self.put_back(clash.oid)
            }
            Resolution::Version => self.send_away(clash),
            Resolution::Both { rename, to } => {
                let free = self.tree.named(clash.place.parent, to)?.is_empty();
                let oid = if *rename == Side::Version { clash.oid } else { clash.other };
                if free {
                    self.rename(oid, to)?;
                }
                Ok(free)
            }
            Resolution::Same => self.unite(clash),
            Resolution::Value(_) | Resolution::Rescue(_) => Ok(false),
        }
    }

    fn rename(&mut self, oid: Oid, to: &Name) -> Result<(), ReadError> {
        if let Some(place) = self.tree.place(oid)? {
            self.tree.put(oid, Some(Place { name: to.clone(), ..place }))?;
        }
        Ok(())
    }

    /// The other object goes back to where the version has it; where it has it nowhere, away.
    fn send_away(&mut self, clash: &Clash) -> Result<bool, ReadError> {
        let other = clash.other;
        if !self.is_live_in_version(other)? {
            self.discarded.insert(other);
            return self.tree.put(other, None);
        }
        match self.place_in_version(other)? {
            Some(place)
                if (place.parent, &place.name) != (clash.place.parent, &clash.place.name)
                    && self.tree.takes(place.parent, other)? =>
            {
                self.tree.put(other, Some(place))
            }
            _ => Ok(false),
        }
    }

    /// The version's object goes into the other one.
    fn unite(&mut self, clash: &Clash) -> Result<bool, ReadError> {
        let Clash { oid, other, .. } = *clash;
        let type_of = |contents: std::collections::BTreeMap<CellKey, crate::Content>| {
            let edition =
                contents.iter().find(|(key, _)| is_edition(key)).map(|(_, edition)| edition.clone());
            (contents.get(&CellKey::Type).cloned(), edition)
        };
        let is_open = self.found.iter().any(|(key, found)| {
            matches!(key, ConflictKey::Cell(of, _) | ConflictKey::Type(of) if *of == oid)
                && found.settled.is_none()
        });
        if is_open || type_of(self.tree.contents(oid)?) != type_of(self.tree.contents(other)?) {
            return Ok(false);
        }
        self.merge_into(oid, other)?;
        for child in self.tree.children(oid)? {
            if let Some(place) = self.tree.place(child)? {
                self.tree.put(child, Some(Place { parent: other, ..place }))?;
            }
        }
        self.absorbed.insert(oid);
        self.tree.put(oid, None)
    }

    /// The name that was suggested before, if it still is free, or another.
    fn suggest(&mut self, clash: &Clash) -> Result<Name, ReadError> {
        let Place { parent, name, .. } = &clash.place;
        let is_free = |name: &Name| Ok(self.tree.named(*parent, name)?.is_empty());
        if let Some(Found { conflict, .. }) = self.found.get(&clash.key())
            && let ConflictKind::Name { suggested, .. } = &conflict.kind
            && is_free(suggested)?
        {
            return Ok(suggested.clone());
        }
        let is_new = |name: &Name| Ok(!self.suggested.contains(&(*parent, name.clone())) && is_free(name)?);
        let suggested = suggested_name(name, is_new)?;
        self.suggested.insert((*parent, suggested.clone()));
        Ok(suggested)
    }

    /// Gives each object whose name nobody decided about one that is free.
    pub(super) fn name_provisionally(&mut self) -> Result<(), ReadError> {
        for clash in self.clashes()? {
            let free = self.suggest(&clash)?;
            self.rename(clash.oid, &free)?;
        }
        Ok(())
    }
}

fn is_edition(key: &CellKey) -> bool {
    matches!(key, CellKey::Attribute(name) if *name == EDITION)
}

/// A name like `page-2` or `photo-2.jpg` that is free.
///
/// # Errors
/// When `is_free` cannot say.
pub fn suggested_name(
    name: &Name,
    is_free: impl Fn(&Name) -> Result<bool, ReadError>,
) -> Result<Name, ReadError> {
    let (stem, ending) = match name.as_str().rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && (1..=ENDING_BYTES_MAX).contains(&ending.len()) => {
            (stem, format!(".{ending}"))
        }
        _ => (name.as_str(), String::new()),
    };
    let mut tried = 2;
    loop {
        let behind = format!("-{tried}{ending}");
        let mut room = NAME_BYTES_MAX.saturating_sub(behind.len()).min(stem.len());
        while !stem.is_char_boundary(room) {
            room -= 1;
        }
        if let Ok(name) = Name::new(&format!("{}{behind}", &stem[..room]))
            && is_free(&name)?
        {
            return Ok(name);
        }
        tried += 1;
    }
}
