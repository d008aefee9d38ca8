//! How one object goes back: by a pointer to an earlier record where nothing came since, else cell by cell.

use std::collections::HashMap;

use bough_core::merge::{Merge, merge_contents};
use bough_core::object::{CellChange, differing_cells};
use bough_core::transaction::ObjectChange;
use bough_core::{CellKey, Content, Object, Oid, Tid};

use super::blocker::{BlockedCell, BlockerReason};
use super::plan::Planner;
use super::{Touch, UndoError};
use crate::engine::{BACK_DEPTH_MAX, StoreError, read_error};
use crate::format::body::ChangeDisk;
use crate::keys::RevisionAt;
use crate::weave::GoBack;

impl Planner<'_> {
    /// The way back without comparing, where the newest records of the object are the undone commits' own.
    pub(super) fn pointing_back(&self, oid: Oid, touches: &[Touch]) -> Result<Option<GoBack>, UndoError> {
        if !self.are_newest(oid, touches)? {
            return Ok(None);
        }
        let line = self.snapshot.line();
        let (Some(first), Some(last)) = (touches.first(), touches.last()) else { return Ok(None) };
        let depth = match first.facts.change {
            ChangeDisk::BackTo { depth, .. } => depth + 1,
            _ => 1,
        };
        if depth > BACK_DEPTH_MAX {
            return Ok(None);
        }
        let to = match last.facts.replaces() {
            None => None,
            Some(before) => match self.engine.revision_by(line, oid, before)? {
                Some(state) => match state.at {
                    RevisionAt::Record(_) => Some((before, depth)),
                    RevisionAt::BackTo { tid, .. } => Some((tid, depth)),
                    RevisionAt::Gone => None,
                },
                None => return Ok(None),
            },
        };
        let mut moves = touches.iter().filter(|touch| touch.facts.place.is_some());
        let (newest_move, oldest_move) = (moves.clone().next(), moves.next_back());
        let place_before =
            newest_move.map(|touch| touch.facts.places()).transpose().map_err(StoreError::from)?;
        let place_after =
            oldest_move.map(|touch| touch.facts.places()).transpose().map_err(StoreError::from)?;
        let (references_dropped, references_added) = net_references(touches);
        Ok(Some(GoBack {
            oid,
            replaces: first.tid,
            to,
            place_before: place_before.and_then(|(_, after)| after),
            place_after: place_after.and_then(|(before, _)| before),
            references_dropped,
            references_added,
        }))
    }

    /// Whether the newest records of the object are the undone commits' own, and they or nobody took its place away.
    fn are_newest(&self, oid: Oid, touches: &[Touch]) -> Result<bool, UndoError> {
        let Some(first) = touches.first() else { return Ok(false) };
        let unbroken = touches.windows(2).all(|pair| pair[0].facts.replaces() == Some(pair[1].tid));
        // What the newest commit of all wrote need not be looked up.
        let head = bough_core::Snapshot::tid(self.snapshot);
        if !unbroken || !(first.tid == head || self.is_newest(oid, first.tid)?) {
            return Ok(false);
        }
        let moves = touches.iter().any(|touch| touch.facts.place.is_some());
        Ok(moves || self.stands(oid)?)
    }

    /// Whether the object was last written by that commit.
    fn is_newest(&self, oid: Oid, tid: Tid) -> Result<bool, UndoError> {
        let (line, head) = (self.snapshot.line(), bough_core::Snapshot::tid(self.snapshot));
        Ok(self.engine.revision(line, oid, head)?.is_some_and(|newest| newest.tid == tid))
    }

    /// Whether the object has a place of its own.
    fn stands(&self, oid: Oid) -> Result<bool, UndoError> {
        let object = bough_core::Snapshot::object(self.snapshot, oid)?;
        Ok(oid == Oid::ROOT || object.is_some_and(|object| object.place().is_some()))
    }

    pub(super) fn changes(&self, back: &GoBack) -> Result<bool, UndoError> {
        let now = bough_core::Snapshot::object(self.snapshot, back.oid)?;
        let then = match back.to {
            Some((tid, _)) => self.engine.object(self.snapshot.line(), back.oid, tid)?,
            None => None,
        };
        let differ = !differing_cells(now.as_deref(), then.as_deref()).is_empty();
        Ok(differ || now.is_some() != then.is_some())
    }

    /// The way back cell by cell.
    pub(super) fn merging(&mut self, oid: Oid, touches: &[Touch]) -> Result<(), UndoError> {
        let now = bough_core::Snapshot::object(self.snapshot, oid)?;
        let absent = Object::new(oid, Tid::MAX, Vec::new());
        let mut working = now.as_deref().cloned().unwrap_or(absent);
        let mut made_here = false;
        // Whether something changes that nobody sees, as the object was deleted later.
        let mut hidden = false;
        let is_placed = |object: &Object| oid == Oid::ROOT || object.place().is_some();
        for touch in touches {
            let was_hidden = !is_placed(&working) && touch.facts.place.is_none();
            let delta = self.engine.delta(self.snapshot.line(), oid, touch.tid, touch.facts.replaces())?;
            // It went away later, and not by one of the commits that are taken back.
            if working.cells().is_empty() && delta.before.is_some() && delta.after.is_some() {
                self.block(oid, BlockerReason::Deleted, self.newest_commit_of(oid)?)?;
                return Ok(());
            }
            made_here = delta.before.is_none();
            for (key, before, after) in differing_cells(delta.before.as_deref(), delta.after.as_deref()) {
                if let Some(content) = self.back(oid, &working, key, before, after)? {
                    working = working.with(&[(key.clone(), content)], Tid::MAX);
                    hidden |= was_hidden;
                }
            }
        }
        for (of, key, content) in &self.choices.choose {
            if *of == oid {
                working = working.with(&[(key.clone(), content.clone())], Tid::MAX);
                hidden |= !is_placed(&working);
            }
        }
        let cells: Vec<CellChange> = differing_cells(now.as_deref(), Some(&working))
            .into_iter()
            .map(|(key, _, to)| (key.clone(), to.cloned()))
            .collect();
        if cells.is_empty() {
            return Ok(());
        }
        if hidden && !self.are_newest(oid, touches)? {
            let place = now.as_ref().and_then(|object| object.cell(&CellKey::Place));
            let deleted_by = place.map(|cell| cell.tid);
            let later = if deleted_by.is_some() { deleted_by } else { self.newest_commit_of(oid)? };
            return self.block(oid, BlockerReason::Deleted, later);
        }
        if made_here && working.type_name().is_none() {
            return self.vanish(oid, now.as_deref(), &working, touches);
        }
        self.plan.merged.push(ObjectChange { oid, cells });
        Ok(())
    }

    /// What a cell shall hold, if the undo changes it.
    #[expect(clippy::option_option, reason = "an absent cell is a content like any other")]
    fn back(
        &mut self,
        oid: Oid,
        working: &Object,
        key: &CellKey,
        before: Option<&Content>,
        after: Option<&Content>,
    ) -> Result<Option<Option<Content>>, UndoError> {
        let decided = self.choices.skip.iter().any(|(of, skipped)| *of == oid && skipped == key)
            || self.choices.choose.iter().any(|(of, chosen, _)| *of == oid && chosen == key);
        if decided {
            return Ok(None);
        }
        let now = working.content(key);
        if now == before {
            // Taken back already: also a counter is not counted down twice.
            return Ok(None);
        }
        let fetch = |large: &_| self.engine.large(large).map_err(read_error("a large value"));
        let policy = self.engine.types.merge_policy(working.type_name(), key);
        match merge_contents(policy, after, now, before, &fetch)? {
            Merge::Settled(content) if content.as_ref() == now => Ok(None),
            Merge::Settled(content) => Ok(Some(content)),
            Merge::Conflict => {
                let later = working.cell(key).map(|cell| cell.tid).filter(|tid| *tid != Tid::MAX);
                let later = if later.is_some() { later } else { self.newest_commit_of(oid)? };
                let cell = BlockedCell {
                    cell: key.clone(),
                    now: now.cloned(),
                    undone: after.cloned(),
                    before: before.cloned(),
                };
                self.block(oid, BlockerReason::Cell(Box::new(cell)), later)?;
                Ok(None)
            }
        }
    }
}

impl GoBack {
    pub(super) fn moves(&self) -> bool {
        self.place_before != self.place_after
    }
}

/// The references that taking back all touches, newest first, drops and adds.
pub(super) fn net_references(touches: &[Touch]) -> (Vec<[u8; 16]>, Vec<[u8; 16]>) {
    // Whether the newest and the oldest touch that mentions a target added it.
    let mut mentioned: HashMap<[u8; 16], (bool, bool)> = HashMap::new();
    for touch in touches {
        let added = touch.facts.references_added.iter().map(|target| (*target, true));
        let dropped = touch.facts.references_dropped.iter().map(|target| (*target, false));
        for (target, was_added) in added.chain(dropped) {
            mentioned
                .entry(target)
                .and_modify(|(_, oldest)| *oldest = was_added)
                .or_insert((was_added, was_added));
        }
    }
    let pick = |wanted: bool| {
        let alike = mentioned.iter().filter(|(_, ends)| **ends == (wanted, wanted));
        alike.map(|(target, _)| *target).collect()
    };
    (pick(true), pick(false))
}
