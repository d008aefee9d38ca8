//! Objects whose making is undone: nothing may be left of them, in them, or that refers to them.

use std::collections::HashSet;

use bough_core::{CellKey, Name, Object, Oid, Tid};

use super::blocker::{BLOCKERS_MAX, BlockedCell, BlockerReason};
use super::object::net_references;
use super::plan::Planner;
use super::{Touch, UndoError};
use crate::engine::{Engine, StoreError};
use crate::keys;
use crate::weave::GoBack;

impl Planner<'_> {
    /// The making of an object is undone, and it was changed since: fine if nothing of that is left.
    pub(super) fn vanish(
        &mut self,
        oid: Oid,
        now: Option<&Object>,
        working: &Object,
        touches: &[Touch],
    ) -> Result<(), UndoError> {
        for (key, cell) in working.cells() {
            let left = BlockedCell {
                cell: key.clone(),
                now: Some(cell.content.clone()),
                undone: None,
                before: None,
            };
            // What an earlier step of this undo brought back was written by no commit yet.
            let later = if cell.tid == Tid::MAX { self.newest_commit_of(oid)? } else { Some(cell.tid) };
            self.block(oid, BlockerReason::Cell(Box::new(left)), later)?;
        }
        if let Some(now) = now
            && working.cells().is_empty()
        {
            let (references_dropped, references_added) = net_references(touches);
            self.plan.back.push(GoBack {
                oid,
                replaces: now.revision(),
                to: None,
                place_before: now.place().cloned(),
                place_after: None,
                references_dropped,
                references_added,
            });
        }
        Ok(())
    }

    /// What goes away must not leave children or references behind.
    pub(super) fn check_vanishing(&mut self, are_newest: bool) -> Result<(), UndoError> {
        let engine = self.engine;
        let gone = self.plan.back.iter().filter(|back| back.to.is_none()).map(|back| back.oid);
        let own_gone = self.plan.own.iter().filter(|back| back.then.is_none()).map(|back| back.oid);
        let vanishing: HashSet<Oid> = gone.chain(own_gone).collect();
        if vanishing.is_empty() {
            return Ok(());
        }
        let moved = self.plan.back.iter().filter(|back| back.moves()).map(|back| back.oid);
        let own_moved = self.plan.own.iter().filter(|back| back.moves()).map(|back| back.oid);
        let moved: HashSet<Oid> = moved.chain(own_moved).collect();
        let moved_by_merge = |oid: Oid| {
            let change = self.plan.merged.iter().find(|change| change.oid == oid);
            change.is_some_and(|change| change.cells.iter().any(|(key, _)| *key == CellKey::Place))
        };
        // Nothing was committed since: then only what these commits placed can stand in what they made.
        let parents: HashSet<Oid> = if are_newest && self.plan.own.is_empty() {
            let places = self.plan.back.iter().flat_map(|back| back.place_before.iter());
            places.map(|place| place.parent).filter(|parent| vanishing.contains(parent)).collect()
        } else {
            vanishing.clone()
        };
        let mut left = Vec::new();
        for &parent in &parents {
            if let Some((name, oid)) =
                self.first_child(parent, &|oid| moved.contains(&oid) || moved_by_merge(oid))?
            {
                left.push((parent, name, oid));
            }
        }
        for (parent, name, oid) in left {
            let later = self.newest_commit_of(oid)?;
            self.block(parent, BlockerReason::Child { name, oid }, later)?;
        }
        if self.choices.allow_dangling || !engine.has_references()? {
            return Ok(());
        }
        let mut referring = Vec::new();
        for &target in &vanishing {
            for source in engine.referring(self.snapshot.view(), target, BLOCKERS_MAX)? {
                if !vanishing.contains(&source) && bough_core::snapshot::is_live(self.snapshot, source)? {
                    referring.push((target, source));
                }
            }
        }
        for (target, by) in referring {
            let later = self.newest_commit_of(by)?;
            self.block(target, BlockerReason::Referenced { by }, later)?;
        }
        Ok(())
    }

    /// A child of `parent` that the undo leaves where it is.
    fn first_child(
        &self,
        parent: Oid,
        leaves: &dyn Fn(Oid) -> bool,
    ) -> Result<Option<(Name, Oid)>, UndoError> {
        let mut page = bough_core::snapshot::ChildrenPage::first(1_000);
        loop {
            let children = bough_core::Snapshot::children(self.snapshot, parent, &page)?;
            if let Some(child) = children.iter().find(|child| !leaves(child.oid)) {
                return Ok(Some((child.name.clone(), child.oid)));
            }
            match children.last() {
                Some(last) if children.len() == page.limit => page = page.following(last),
                _ => return Ok(None),
            }
        }
    }
}

impl Engine {
    /// Whether any object ever referred to another.
    fn has_references(&self) -> Result<bool, StoreError> {
        let (from, below) = keys::all_references();
        Ok(self.index.first(&from, &below)?.is_some())
    }
}
