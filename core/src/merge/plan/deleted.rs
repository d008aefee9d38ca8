//! What one side deleted and the other worked on.
//!
//! Something is *lost* if one side changed it and has it, and it is not in the planned tree. Losses that go back to
//! the same deletion are one conflict, at the topmost object that went away with them.

use std::collections::BTreeMap;

use super::cells::{as_place, is_change};
use super::{ConflictKey, ConflictKind, Deed, Fate, Fingerprint, Inner, Planner, Resolution, Side};
use crate::snapshot::{Chain, ReadError, Snapshot, chain};
use crate::{CellKey, Oid, Place};

/// What was lost, by the topmost deleted object; with the container that this stood in.
type Losses = BTreeMap<Oid, (Oid, Vec<Inner>)>;

impl Planner<'_> {
    /// Looks for losses. Answers whether the tree is another one now.
    pub(super) fn settle_deleted(&mut self) -> Result<bool, ReadError> {
        let mut by_version = Losses::new();
        let by_parent = self.losses_of_version(&mut by_version)?;
        let mut moved = false;
        for (top, (container, inner)) in by_parent {
            moved |= self.settle_deletion(Side::Parent, top, container, inner)?;
        }
        if moved {
            return Ok(true);
        }
        moved = self.losses_of_parent(&mut by_version)?;
        for (top, (container, inner)) in by_version {
            moved |= self.settle_deletion(Side::Version, top, container, inner)?;
        }
        Ok(moved || self.lift_the_dead()?)
    }

    /// What the version did in places that the parent line deleted. What it did in places that the parent line moved
    /// below something that the version deleted goes to `by_version`.
    fn losses_of_version(&mut self, by_version: &mut Losses) -> Result<Losses, ReadError> {
        let mut losses = Losses::new();
        let mut in_vain = Vec::new();
        for (oid, changes) in &self.changes {
            let changed = || changes.iter().filter(|c| is_change(c.base.as_ref(), c.version.as_ref()));
            let Fate::Dead(end) = self.tree.fate(*oid)? else { continue };
            if self.listed.contains(&(Side::Version, *oid))
                || changed().next().is_none()
                || !self.is_live_in_version(*oid)?
            {
                continue;
            }
            if [end, *oid].iter().any(|oid| self.discarded.contains(oid)) || self.absorbed.contains(&end) {
                in_vain.push(*oid);
                continue;
            }
            let deleted_here = self.tree.is_deleted_here(end) && self.is_live_in_parent(end)?;
            let (of, side) = if deleted_here { (end, Side::Parent) } else { (*oid, Side::Version) };
            let Some((top, container)) = self.topmost_dead(side, of)? else { continue };
            let cells = changed().map(|change| change.key.clone()).collect();
            let deed = self.deed(Side::Version, *oid, top)?;
            let inner = Inner { oid: *oid, side: Side::Version, deed, cells };
            let losses = if deleted_here { &mut *by_version } else { &mut losses };
            losses.entry(top).or_insert_with(|| (container, Vec::new())).1.push(inner);
        }
        for oid in in_vain {
            self.listed.insert((Side::Version, oid));
        }
        Ok(losses)
    }

    /// What the parent line did in places that the version deleted. Answers whether anything was moved on the way.
    fn losses_of_parent(&mut self, losses: &mut Losses) -> Result<bool, ReadError> {
        let mut moved = false;
        if !self.tree.deletes() {
            return Ok(moved);
        }
        if self.changed_in_parent.is_none() {
            let mut changed = (self.sides.changed_in_parent)()?;
            changed.sort();
            changed.dedup();
            self.changed_in_parent = Some(changed.into());
        }
        for oid in self.changed_in_parent.clone().iter().flat_map(|changed| changed.iter().copied()) {
            let Fate::Dead(end) = self.tree.fate(oid)? else { continue };
            if self.listed.contains(&(Side::Parent, oid))
                || !self.is_live_in_parent(oid)?
                || !self.is_live_in_parent(end)?
            {
                continue;
            }
            let cells = self.parent_deeds(oid)?;
            if cells.is_empty() {
                continue;
            }
            if self.discarded.contains(&end) || self.absorbed.contains(&end) {
                self.listed.insert((Side::Parent, oid));
                moved |= self.return_to_version(oid, end)?;
                continue;
            }
            let Some((top, container)) = self.topmost_dead(Side::Parent, end)? else { continue };
            let deed = self.deed(Side::Parent, oid, top)?;
            let inner = Inner { oid, side: Side::Parent, deed, cells };
            losses.entry(top).or_insert_with(|| (container, Vec::new())).1.push(inner);
        }
        Ok(moved)
    }

    /// What the parent line had moved into something of its own that people then did without goes back.
    fn return_to_version(&mut self, oid: Oid, end: Oid) -> Result<bool, ReadError> {
        if self.discarded.contains(&end)
            && self.is_live_in_version(oid)?
            && let Some(place) = self.place_in_version(oid)?
            && self.tree.takes(place.parent, oid)?
        {
            return self.tree.put(oid, Some(place));
        }
        Ok(false)
    }

    /// What went away so that one side's object did: the one nearest to the root on the way there on that side which
    /// is not in the planned tree, not where that side has it, and best deleted by the other side, not only moved
    /// below something deleted. With the nearest container above it that is still there.
    fn topmost_dead(&self, side: Side, oid: Oid) -> Result<Option<(Oid, Oid)>, ReadError> {
        let Chain::Live(walked) = chain(self.snapshot(side), oid)? else { return Ok(None) };
        let (mut container, mut top) = (Oid::ROOT, None);
        for object in walked.iter().rev() {
            let oid = object.oid();
            match self.tree.fate(oid)? {
                Fate::Live => container = oid,
                Fate::Dead(_)
                    if container_of(self.tree.place(oid)?.as_ref()) != container_of(object.place()) =>
                {
                    if !self.is_live_in(side.other(), oid)? {
                        return Ok(Some((oid, container)));
                    }
                    top = top.or(Some((oid, container)));
                }
                Fate::Dead(_) | Fate::Cycle(_) => {}
            }
        }
        Ok(top)
    }

    fn snapshot(&self, side: Side) -> &dyn Snapshot {
        match side {
            Side::Version => self.sides.version,
            Side::Parent => self.sides.parent,
        }
    }

    fn place_in(&self, side: Side, oid: Oid) -> Result<Option<Place>, ReadError> {
        Ok(self.snapshot(side).object(oid)?.and_then(|object| object.place().cloned()))
    }

    /// What a side did with an object in something that is deleted.
    fn deed(&self, side: Side, oid: Oid, top: Oid) -> Result<Deed, ReadError> {
        let walked = match chain(self.sides.base, oid)? {
            Chain::Live(walked) => walked,
            _ => return Ok(Deed::Added),
        };
        let was = walked.first().and_then(|object| object.content(&CellKey::Place));
        let now = self.place_in(side, oid)?.map(crate::Content::Place);
        Ok(if !is_change(was, now.as_ref()) {
            Deed::Edited
        } else if walked.iter().any(|container| container.oid() == top) {
            Deed::Moved
        } else {
            Deed::MovedIn
        })
    }

    /// Does what people said about a deletion. Where more losses come to light later, it is another conflict.
    fn settle_deletion(
        &mut self,
        by: Side,
        top: Oid,
        container: Oid,
        mut inner: Vec<Inner>,
    ) -> Result<bool, ReadError> {
        let key = ConflictKey::Deleted(top);
        inner.extend(self.inner_of(top).iter().cloned());
        inner.sort_by_key(|inner| (inner.oid, inner.side));
        inner.dedup_by_key(|inner| (inner.oid, inner.side));
        if !self.restored.contains(&top) {
            self.found.remove(&key);
        }
        let print = self.print_deletion(by, &inner)?;
        let kind = ConflictKind::Deleted { by, inner: inner.clone(), container };
        let stands = if by == Side::Version { Resolution::Version } else { Resolution::Parent };
        match self.meet(key.clone(), kind, print) {
            Some(chosen) if chosen == stands => {
                self.settled(&key, chosen);
                self.let_it_stand(&inner)
            }
            Some(chosen @ (Resolution::Version | Resolution::Parent)) => {
                self.restore(by, top, &inner)?;
                self.settled(&key, chosen);
                Ok(true)
            }
            Some(Resolution::Rescue(rescued)) if self.rescue(by, top, &rescued)? => {
                self.settled(&key, Resolution::Rescue(rescued));
                self.let_it_stand(&inner)?;
                Ok(true)
            }
            _ => self.let_it_stand(&inner),
        }
    }

    fn print_deletion(&self, by: Side, inner: &[Inner]) -> Result<Fingerprint, ReadError> {
        let mut print = Fingerprint::new();
        print.text(if by == Side::Version { "by the version" } else { "by the parent line" });
        for Inner { oid, side, cells, .. } in inner {
            print.oid(*oid);
            let object = self.snapshot(*side).object(*oid)?;
            for cell in cells {
                print.cell(cell).content(object.as_ref().and_then(|object| object.content(cell)));
            }
        }
        Ok(print)
    }

    /// What the version put into what is gone is where the parent line has it, if anywhere.
    fn let_it_stand(&mut self, inner: &[Inner]) -> Result<bool, ReadError> {
        let mut moved = false;
        for Inner { oid, side, .. } in inner {
            if self.tree.is_live(*oid)? {
                continue;
            }
            self.listed.insert((*side, *oid));
            if *side == Side::Version && self.tree.place(*oid)?.is_some() {
                moved |= self.put_back(*oid)?;
            }
        }
        Ok(moved)
    }

    /// Undoes a deletion. What the version had put in there and was put back before goes there after all.
    fn restore(&mut self, by: Side, top: Oid, inner: &[Inner]) -> Result<(), ReadError> {
        self.restored.insert(top);
        match by {
            Side::Version => self.put_back(top).map(drop)?,
            Side::Parent => {
                let place = self.place_in_version(top)?;
                self.bring(Side::Version, top, place)?;
            }
        }
        for Inner { oid, side, .. } in inner {
            if self.listed.remove(&(*side, *oid))
                && *side == Side::Version
                && !self.tree.is_touched(*oid)
                && let Some(place) = self.place_in_version(*oid)?
                && self.tree.takes(place.parent, *oid)?
            {
                self.tree.put(*oid, Some(place))?;
            }
        }
        Ok(())
    }

    /// Puts a lost object somewhere, as a side has it.
    fn bring(&mut self, side: Side, oid: Oid, place: Option<Place>) -> Result<(), ReadError> {
        self.placed.insert(oid);
        self.tree.put(oid, place)?;
        if side == Side::Version { self.revive(oid) } else { Ok(()) }
    }

    /// Where not only the place is gone from the parent line but the whole object, as its making was undone, it comes
    /// back with all its cells, and so does what is in it.
    fn revive(&mut self, oid: Oid) -> Result<(), ReadError> {
        let mut waiting = vec![oid];
        while let Some(oid) = waiting.pop() {
            let is_gone = !self.tree.contents(oid)?.contains_key(&CellKey::Type);
            if !is_gone || self.sides.version.object(oid)?.is_none_or(|object| object.type_name().is_none()) {
                continue;
            }
            self.take_all(oid)?;
            if !self.tree.is_touched(oid) {
                let place = self.place_in_version(oid)?;
                self.tree.put(oid, place)?;
            }
            super::tree::for_each_child(self.sides.version, oid, &mut |child| waiting.push(child))?;
        }
        Ok(())
    }

    /// Puts objects that went away with `top` elsewhere, all or none of them.
    fn rescue(&mut self, by: Side, top: Oid, rescued: &[(Oid, Oid)]) -> Result<bool, ReadError> {
        let lost_by = by.other();
        let mut moves = Vec::new();
        for (oid, container) in rescued {
            let mut side = lost_by;
            if !self.is_live_in(side, *oid)? {
                side = Side::Version;
            }
            let Chain::Live(walked) = chain(self.snapshot(side), *oid)? else { return Ok(false) };
            let is_in_there = walked.iter().any(|object| object.oid() == top)
                || self.inner_of(top).iter().any(|inner| inner.oid == *oid);
            let Some(place) = as_place(walked.first().and_then(|object| object.content(&CellKey::Place)))
            else {
                return Ok(false);
            };
            if !is_in_there || self.tree.is_live(*oid)? || !self.tree.is_live(*container)? {
                return Ok(false);
            }
            moves.push((side, *oid, Place { parent: *container, ..place.clone() }));
        }
        for (side, oid, place) in moves {
            self.bring(side, oid, Some(place))?;
        }
        Ok(true)
    }

    fn is_live_in(&self, side: Side, oid: Oid) -> Result<bool, ReadError> {
        match side {
            Side::Version => self.is_live_in_version(oid),
            Side::Parent => self.is_live_in_parent(oid),
        }
    }

    fn inner_of(&self, top: Oid) -> &[Inner] {
        match self.found.get(&ConflictKey::Deleted(top)).map(|found| &found.conflict.kind) {
            Some(ConflictKind::Deleted { inner, .. }) => inner,
            _ => &[],
        }
    }

    /// Whatever else was put below something that is gone goes back.
    fn lift_the_dead(&mut self) -> Result<bool, ReadError> {
        let mut dead = Vec::new();
        for oid in self.tree.touched() {
            if matches!(self.tree.fate(oid)?, Fate::Dead(_)) {
                dead.push(oid);
            }
        }
        let mut moved = false;
        for oid in dead {
            moved |= self.put_back(oid)?;
        }
        Ok(moved)
    }
}

fn container_of(place: Option<&Place>) -> Option<Oid> {
    place.map(|place| place.parent)
}
