//! Sides of different editions, brought to one before they are compared.

use std::collections::BTreeSet;

use super::cells::{Pair, is_change};
use super::{Change, ConflictKind, Fingerprint, Planner};
use crate::migration::{EDITION, MigrationError, brought_to, edition_of};
use crate::object::{Large, differing_cells};
use crate::snapshot::{ReadError, Snapshot};
use crate::{CellKey, Object, Oid};

/// An object on all sides, in one edition.
pub(super) struct Brought {
    base: Object,
    parent: Object,
    version: Object,
}

/// What of an object has to do with editions.
pub(super) enum Editions {
    /// They are the same, or only one side changed any attribute: each cell is merged as it is.
    Even,
    /// They were different.
    Brought(Box<Brought>),
    /// They are, and no function makes them one.
    Uneven(Box<ConflictKind>),
}

impl Planner<'_> {
    /// Brings the sides of an object to the latest edition of them all.
    ///
    /// A side that went back behind what both began with cannot be compared: nothing leads from a later edition to an
    /// earlier one, and bringing it up would do again what somebody took back.
    pub(super) fn editions(
        &self,
        oid: Oid,
        now: Option<&Object>,
        changes: &[Change],
    ) -> Result<Editions, ReadError> {
        let changes_attributes = changes.iter().any(|change| is_attribute(&change.key));
        let (Some(parent), Some(base), Some(version)) =
            (now, self.compared(oid)?, self.sides.version.object(oid)?)
        else {
            return Ok(Editions::Even);
        };
        let sides = [&base, parent, &*version];
        let edition = |object: &Object| object.attribute(EDITION).map(|cell| cell.content.clone());
        let is_even = sides.iter().all(|side| edition(side) == edition(&base));
        let one_type = sides.iter().all(|side| side.type_name() == base.type_name());
        let parent_too = differing_cells(Some(&base), now).iter().any(|(key, ..)| is_attribute(key));
        if is_even || !one_type || !changes_attributes || !parent_too {
            return Ok(Editions::Even);
        }
        let found = match self.brought(&base, parent, &version)? {
            Ok(brought) => return Ok(Editions::Brought(Box::new(brought))),
            Err(found) => found,
        };
        let [parent, version] = [parent, &version].map(|side| edition_of(side).ok());
        Ok(Editions::Uneven(Box::new(ConflictKind::Edition { parent, version, why: found.to_string() })))
    }

    fn brought(
        &self,
        base: &Object,
        parent: &Object,
        version: &Object,
    ) -> Result<Result<Brought, MigrationError>, ReadError> {
        let editions = [base, parent, version].map(edition_of);
        let [Ok(from), Ok(p), Ok(v)] = editions else {
            let wrong = editions.into_iter().find_map(Result::err);
            return Ok(Err(wrong.unwrap_or(MigrationError::NoEdition)));
        };
        if let Some(to) = [p, v].into_iter().find(|to| *to < from) {
            return Ok(Err(MigrationError::Back { from, to }));
        }
        let latest = p.max(v);
        let sides = self.sides;
        let [base, parent, version] = [
            self.bring_up(base, sides.base, latest)?,
            self.bring_up(parent, sides.parent, latest)?,
            self.bring_up(version, sides.version, latest)?,
        ];
        Ok((|| Ok(Brought { base: base?, parent: parent?, version: version? }))())
    }

    fn bring_up(
        &self,
        object: &Object,
        snapshot: &dyn Snapshot,
        edition: u32,
    ) -> Result<Result<Object, MigrationError>, ReadError> {
        let fetch = |large: &Large| snapshot.large(large);
        let changes = brought_to(edition, object, self.sides.types, &fetch)?;
        Ok(changes.map(|changes| object.with(&changes, object.revision())))
    }

    /// The object as it was when the version looked at it, each cell as it is compared.
    fn compared(&self, oid: Oid) -> Result<Option<Object>, ReadError> {
        let Some(was) = self.sides.base.object(oid)? else { return Ok(None) };
        let compared = self.bases.range((oid, &CellKey::Type)..).take_while(|((of, _), _)| *of == oid);
        let cells: Vec<_> = compared.map(|((_, key), base)| ((*key).clone(), base.cloned())).collect();
        Ok(Some(was.with(&cells, was.revision())))
    }

    /// Merges the sides in one edition. Where the parent line is of an earlier one, it is brought up by that.
    pub(super) fn merge_brought(
        &mut self,
        oid: Oid,
        now: Option<&Object>,
        brought: &Brought,
    ) -> Result<(), ReadError> {
        let Brought { base, parent, version } = brought;
        for (key, _, content) in differing_cells(now, Some(parent)) {
            self.tree.set(oid, key.clone(), content.cloned());
        }
        let sides = [base, parent, version].into_iter();
        let keys: BTreeSet<&CellKey> =
            sides.flat_map(|side| side.cells()).map(|(key, _)| key).filter(|key| is_attribute(key)).collect();
        for key in keys {
            let [base, parent, version] = [base, parent, version].map(|side| side.content(key));
            let content =
                self.merge_cell(brought.parent.type_name(), &Pair { oid, key, base, parent, version })?;
            self.tree.set(oid, key.clone(), content);
        }
        Ok(())
    }

    /// The same as [`Planner::parent_changes`], but for what only brought the object to a later edition: that is nothing
    /// that could be lost.
    pub(super) fn parent_deeds(&self, oid: Oid) -> Result<Vec<CellKey>, ReadError> {
        let (Some(was), Some(now)) = (self.compared(oid)?, self.sides.parent.object(oid)?) else {
            return self.parent_changes(oid);
        };
        let later = match (edition_of(&was), edition_of(&now)) {
            (Ok(from), Ok(to)) if from < to && was.type_name() == now.type_name() => to,
            _ => return self.parent_changes(oid),
        };
        match self.bring_up(&was, self.sides.base, later)? {
            Ok(was) => {
                let differing = differing_cells(Some(&was), Some(&now)).into_iter();
                let changed = differing.filter(|(_, was, now)| is_change(*was, *now));
                Ok(changed.map(|(key, ..)| key.clone()).collect())
            }
            Err(_) => self.parent_changes(oid),
        }
    }

    /// Settles an object whose sides cannot be brought to one edition, as a whole.
    pub(super) fn merge_uneven(&mut self, oid: Oid, kind: ConflictKind) -> Result<(), ReadError> {
        let mut print = Fingerprint::new();
        for side in [self.sides.parent, self.sides.version] {
            let object = side.object(oid)?;
            for (key, cell) in object.iter().flat_map(|object| object.cells()) {
                if *key != CellKey::Place {
                    print.cell(key).content(Some(&cell.content));
                }
            }
            print.text("end");
        }
        self.settle_whole(oid, kind, print)
    }
}

fn is_attribute(key: &CellKey) -> bool {
    matches!(key, CellKey::Attribute(_))
}
