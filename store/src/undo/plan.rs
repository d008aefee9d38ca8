//! What is to be done about each object that the undone commits touched.

use std::collections::{BTreeSet, HashMap};

use bough_core::transaction::ObjectChange;
use bough_core::{Oid, Tid};

use super::blocker::{Blocker, BlockerReason};
use super::{Touch, UndoChoices, UndoError};
use crate::engine::{Engine, StoreError};
use crate::format::body::EntryDisk;
use crate::history::HistoryError;
use crate::line::LineId;
use crate::note::Kind;
use crate::snapshot::Snapshot;
use crate::version::{OwnBack, own_back};
use crate::weave::{GoBack, Origin, Overlay, Weaving};

/// What is to be done, and what stands against it.
pub(super) struct Plan {
    pub(super) of: Vec<Tid>,
    pub(super) back: Vec<GoBack>,
    pub(super) merged: Vec<ObjectChange>,
    /// The same in a version.
    pub(super) own: Vec<OwnBack>,
    pub(super) blockers: Vec<Blocker>,
}

impl Plan {
    pub(super) fn weave(&self, overlay: &mut Overlay<'_>, origin: Origin<'_>) -> Result<Weaving, StoreError> {
        if self.own.is_empty() {
            return overlay.weave_back(&self.back, &self.merged, origin);
        }
        let own = self.own.iter().map(|back| (back.oid, back.own.clone())).collect();
        overlay.weave_own(own, None, origin)
    }
}

pub(super) fn plan(
    engine: &Engine,
    snapshot: &Snapshot,
    of: &[Tid],
    choices: &UndoChoices,
) -> Result<Plan, UndoError> {
    let of: BTreeSet<Tid> = of.iter().copied().collect();
    let of: Vec<Tid> = of.into_iter().rev().collect();
    if of.is_empty() {
        return Err(UndoError::Nothing);
    }
    let mut order = Vec::new();
    let mut touches: HashMap<Oid, Vec<Touch>> = HashMap::new();
    for &tid in &of {
        let kind = engine.commit_record(snapshot.line(), tid)?.kind;
        match &kind {
            Kind::Create => return Err(UndoError::Creation(tid)),
            Kind::Merge { line, .. } if *line != snapshot.line() => {}
            Kind::Open { .. } | Kind::Update { .. } | Kind::Merge { .. } | Kind::Manage => {
                return Err(UndoError::OfVersion { tid, word: kind.word() });
            }
            _ => {}
        }
        engine.check_undoable(tid)?;
        engine.heads_of(snapshot.line(), tid, &mut |head| {
            for entry in head.entries {
                let EntryDisk::Kept { facts, .. } = entry else {
                    return Err(HistoryError::Packed { asked: tid, horizon: engine.horizon() });
                };
                let of_object = touches.entry(facts.oid()).or_insert_with(|| {
                    order.push(facts.oid());
                    Vec::new()
                });
                of_object.push(Touch { tid, facts });
            }
            Ok(())
        })?;
    }
    let mut planner = Planner {
        engine,
        snapshot,
        choices,
        plan: Plan { of, back: Vec::new(), merged: Vec::new(), own: Vec::new(), blockers: Vec::new() },
    };
    for oid in order {
        if let Some(touches) = touches.get(&oid) {
            planner.object(oid, touches)?;
        }
    }
    // All of them: what came between them and is not taken back may stand in what they made.
    let newest = engine.commits(snapshot.line(), None, planner.plan.of.len())?;
    let are_newest = newest.iter().map(|record| record.tid).eq(planner.plan.of.iter().copied());
    planner.check_vanishing(are_newest)?;
    Ok(planner.plan)
}

pub(super) struct Planner<'a> {
    pub(super) engine: &'a Engine,
    pub(super) snapshot: &'a Snapshot,
    pub(super) choices: &'a UndoChoices,
    pub(super) plan: Plan,
}

impl Planner<'_> {
    fn object(&mut self, oid: Oid, touches: &[Touch]) -> Result<(), UndoError> {
        if self.snapshot.line() != LineId::TRUNK {
            return self.own(oid, touches);
        }
        let chosen = self.choices.skip.iter().any(|(of, _)| *of == oid)
            || self.choices.choose.iter().any(|(of, ..)| *of == oid);
        if !chosen && let Some(back) = self.pointing_back(oid, touches)? {
            // A commit together with the undo of it may leave the object as it is.
            if touches.len() == 1 || self.changes(&back)? {
                self.plan.back.push(back);
            }
            return Ok(());
        }
        self.merging(oid, touches)
    }

    /// In a version: what that held of the object before.
    fn own(&mut self, oid: Oid, touches: &[Touch]) -> Result<(), UndoError> {
        let back = own_back(self.engine, self.snapshot.view(), oid, touches, self.choices)?;
        for (reason, later) in &back.blocked {
            let later = later.filter(|tid| *tid != Tid::MAX);
            let later = if later.is_some() { later } else { self.newest_commit_of(oid)? };
            self.block(oid, reason.clone(), later)?;
        }
        if back.changes {
            self.plan.own.push(back);
        }
        Ok(())
    }

    pub(super) fn newest_commit_of(&self, oid: Oid) -> Result<Option<Tid>, UndoError> {
        Ok(self.engine.revisions(self.snapshot.line(), oid, None, 1)?.first().copied())
    }

    pub(super) fn block(
        &mut self,
        oid: Oid,
        reason: BlockerReason,
        later: Option<Tid>,
    ) -> Result<(), UndoError> {
        self.plan.block_one(self.engine, self.snapshot, oid, reason, later)
    }
}
