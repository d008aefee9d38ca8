//! Objects that the moves of both sides would put into each other.

use std::collections::BTreeSet;

use super::{ConflictKey, ConflictKind, Fate, Fingerprint, Planner, Resolution};
use crate::snapshot::ReadError;
use crate::{CellKey, Oid};

impl Planner<'_> {
    /// Looks for circles. Answers whether the tree is another one now.
    pub(super) fn settle_cycles(&mut self) -> Result<bool, ReadError> {
        let mut starts = BTreeSet::new();
        for oid in self.tree.touched() {
            if let Fate::Cycle(at) = self.tree.fate(oid)? {
                starts.insert(at);
            }
        }
        let mut moved = false;
        for start in starts {
            moved |= self.settle_cycle(start)?;
        }
        Ok(moved)
    }

    fn settle_cycle(&mut self, start: Oid) -> Result<bool, ReadError> {
        let (mut version_moves, mut added, mut parent_moves) = (Vec::new(), Vec::new(), Vec::new());
        let mut at = start;
        while let Some(place) = self.tree.place(at)? {
            let of_version = self.place_in_version(at)?.map(|place| place.parent);
            if !self.tree.is_touched(at) {
                if of_version != Some(place.parent) {
                    parent_moves.push(at);
                }
            } else if self.is_live_in_parent(at)? {
                if self.place_in_parent(at)?.map(|place| place.parent) != Some(place.parent) {
                    version_moves.push(at);
                }
            } else {
                added.push(at);
            }
            at = place.parent;
            if at == start {
                break;
            }
        }
        if version_moves.is_empty() {
            // Only what the parent line does not have can be in the way.
            version_moves = added;
        }
        version_moves.sort();
        parent_moves.sort();
        let mut all = [version_moves.clone(), parent_moves.clone()].concat();
        all.sort();
        let mut print = Fingerprint::new();
        for oid in &all {
            for snapshot in [self.sides.base, self.sides.parent, self.sides.version] {
                let object = snapshot.object(*oid)?;
                print.oid(*oid).content(object.as_ref().and_then(|object| object.content(&CellKey::Place)));
            }
        }
        let key = ConflictKey::Cycle(all);
        let kind =
            ConflictKind::Cycle { version_moves: version_moves.clone(), parent_moves: parent_moves.clone() };
        match self.meet(key.clone(), kind, print) {
            Some(Resolution::Version) if self.take_back(&parent_moves)? => {
                self.settled(&key, Resolution::Version);
                return Ok(true);
            }
            Some(Resolution::Parent) => self.settled(&key, Resolution::Parent),
            _ => {}
        }
        let mut moved = false;
        for oid in version_moves {
            moved |= self.put_back(oid)?;
        }
        Ok(moved)
    }

    /// Puts what the parent line moved back to where the version has it, all or none.
    fn take_back(&mut self, moves: &[Oid]) -> Result<bool, ReadError> {
        for oid in moves {
            if !self.is_live_in_version(*oid)? {
                return Ok(false);
            }
        }
        for oid in moves {
            self.placed.insert(*oid);
            let place = self.place_in_version(*oid)?;
            self.tree.put(*oid, place)?;
        }
        Ok(!moves.is_empty())
    }
}
