//! Update and merge: a version and its parent line brought together.
//!
//! Both make the same plan: the version's own cells over the parent line as it is now. A merge writes it on the parent
//! line, and takes what is merged out of the version, in one commit on both lines. An update makes it the version's
//! own cells over a new base. While anything is unsettled neither does anything: what people decided about conflicts
//! is kept, and counts as long as they are the same conflicts.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bough_core::merge::plan::{
    Conflict, ConflictKey, ConflictKind, OwnCell as PlanCell, Plan, Planned, Resolution, Side,
};
use bough_core::migration::EDITION;
use bough_core::object::differing_cells;
use bough_core::security::{Authority, Denial, user};
use bough_core::snapshot::{is_live, path_of};
use bough_core::transaction::ObjectChange;
use bough_core::{CellKey, Content, Object, Oid, Snapshot as _, Tid};

use crate::commit::{CommitError, append_and_show, check_open, next_tid};
use crate::database::Database;
use crate::draft::Stage;
use crate::engine::{Engine, StoreError};
use crate::history::HistoryError;
use crate::line::{LineId, LineState, LineStatus};
use crate::log::Log;
use crate::note::{Kind, Note};
use crate::own::{Own, OwnBase, OwnCell};
use crate::snapshot::Snapshot;
use crate::undo::{CellDelta, PREVIEW_MAX, UrlDelta};
use crate::version::own_cells::ThreeSides;
use crate::version::{
    Made, MergeOutlook, MergePlan, Merged, Pick, RightsNotice, VersionConflict, VersionError, conflict_id,
    conflict_object,
};
use crate::weave::{Origin, Overlay};

/// How many references to objects that go away are named.
const DANGLING_MAX: usize = 100;

/// What is to be merged.
#[derive(Clone, Debug, Default)]
pub struct MergeChoice {
    /// Only these changes, and what they cannot do without; all if none.
    pub only: Option<Vec<Pick>>,
    /// Whether the version is closed by that.
    pub close: bool,
}

impl Database {
    /// What merging this version into its parent line would do, and what stands against it.
    ///
    /// # Errors
    /// [`VersionError::Trunk`] on the trunk; when the store cannot be read.
    pub fn merge_preview(&self, choice: &MergeChoice) -> Result<MergePlan, VersionError> {
        self.merge_preview_under(choice, None)
    }

    /// The same, asking somebody whether it may be done.
    ///
    /// # Errors
    /// As [`Database::merge_preview`].
    pub fn merge_preview_under(
        &self,
        choice: &MergeChoice,
        authority: Option<&dyn Authority>,
    ) -> Result<MergePlan, VersionError> {
        let engine = &self.inner.engine;
        let sides = ThreeSides::new(engine, self.line, None)?;
        let (cells, along) = selected(engine, &sides, choice)?;
        let plan = sides.plan(&cells, &self.resolutions()?)?;
        let explained = engine.explain(&sides, &plan, sides.parent.line(), along)?;
        let denied = match authority {
            Some(authority) => refused(authority, &sides.parent, &plan.writes)?,
            None => Vec::new(),
        };
        Ok(MergePlan { denied, ..explained })
    }

    /// The same, with the parent line as it is and as it would be. Where something stands against the merge, that is as
    /// the parent line has it.
    ///
    /// # Errors
    /// As [`Database::merge_preview`].
    pub fn merge_outlook(&self, choice: &MergeChoice) -> Result<MergeOutlook, VersionError> {
        let engine = &self.inner.engine;
        let sides = ThreeSides::new(engine, self.line, None)?;
        let (cells, along) = selected(engine, &sides, choice)?;
        let plan = sides.plan(&cells, &self.resolutions()?)?;
        let explained = engine.explain(&sides, &plan, sides.parent.line(), along)?;
        let after = sides.parent.after(&plan)?;
        let changed = plan.writes.iter().map(|change| change.oid).collect();
        Ok(MergeOutlook { plan: explained, before: sides.parent, after, changed })
    }

    /// Merges this version into its parent line, in one commit on both. It stays open unless it is told to close: then
    /// it shows the parent line as it is after the merge, and what is changed from then on is merged the next time.
    ///
    /// # Errors
    /// [`VersionError::Conflicts`] with everything that stands against it; nothing was changed.
    pub fn merge(&self, choice: &MergeChoice, note: Note) -> Result<Merged, VersionError> {
        let engine = &self.inner.engine;
        engine.wait_for_index()?;
        // Planned while nobody else commits: what is checked is what is done.
        let _lead = self.inner.committer.lead();
        let sides = ThreeSides::new(engine, self.line, None)?;
        check_open(engine, self.line)?;
        check_open(engine, sides.parent.line())?;
        let (cells, along) = selected(engine, &sides, choice)?;
        let resolutions = self.resolutions()?;
        let mut plan = sides.plan(&cells, &resolutions)?;
        let explained = engine.explain(&sides, &plan, sides.parent.line(), along)?;
        if !explained.conflicts.is_empty() {
            return Err(VersionError::Conflicts(Box::new(explained)));
        }
        if let (true, Some(_)) = (choice.close, &choice.only) {
            let merged: HashSet<(Oid, &CellKey)> = cells.iter().map(|cell| (cell.oid, &cell.key)).collect();
            let stays = |cell: &PlanCell| cell.is_change() && !merged.contains(&(cell.oid, &cell.key));
            if sides.cells.iter().any(stays) {
                engine.check_nothing_lies_on(self.line)?;
            }
        }
        if plan.writes.is_empty() {
            let status = if choice.close { LineStatus::Closed } else { sides.state.status };
            let is_held = choice.only.is_none() && sides.own.values().any(|(_, own)| !own.cells().is_empty());
            if is_held {
                // What the parent line has already, or was decided for it, is no change of the version any more.
                self.rebase(&sides, &plan, status, note)?;
            } else if status != sides.state.status {
                let state = LineState { status, ..LineState::clone(&sides.state) };
                engine.commit_own(self.line, Vec::new(), Some(state), &note.of_kind(Kind::Manage))?;
            }
            return Ok(Merged { tid: None, plan: explained });
        }
        let (tid, now) = next_tid(engine, engine.log.last_tid());
        let through = engine.newest_commit(self.line, engine.head())?;
        let is_whole = choice.only.is_none();
        let note = note.of_kind(Kind::Merge { line: self.line, through, is_whole });
        let (own, mut state) = if is_whole {
            (Vec::new(), sides.state.merged(sides.parent.line(), tid))
        } else {
            (sides.merged_at(&cells, &plan, tid)?, LineState::clone(&sides.state))
        };
        if choice.close {
            state.status = LineStatus::Closed;
        }
        let mut own_stage = Stage::new(Arc::clone(engine));
        let state = (state != *sides.state).then_some(state);
        let origin = Origin::new(&mut own_stage, &note, (tid, now)).unjudged().planned();
        let on_version = engine.weave_own(self.line, own, state, origin)?;
        let mut stage = Stage::new(Arc::clone(engine));
        for (_, content) in plan.writes.iter_mut().flat_map(|change| &mut change.cells) {
            stage.set_content_aside(content)?;
        }
        let mut overlay = Overlay::new(engine, sides.parent.line())?;
        let origin = Origin::new(&mut stage, &note, (tid, now)).planned().together_with(on_version);
        let woven = overlay.weave_back(&[], &plan.writes, origin)?.map_err(VersionError::of)?;
        let woven = woven.ok_or_else(|| StoreError::Missing { what: "what to merge".into() })?;
        let mut stages = [own_stage, stage];
        append_and_show(engine, vec![woven], &mut stages).map_err(|failure| failure.to_error())?;
        if is_whole {
            self.forget_resolutions();
        }
        Ok(Merged { tid: Some(tid), plan: explained })
    }

    /// What bringing this version up to its parent line would do: what it would hold over that, and what stands
    /// against it. `to` is a commit of the parent line, none for its head.
    ///
    /// # Errors
    /// As [`Database::merge_preview`].
    pub fn update_preview(&self, to: Option<Tid>) -> Result<MergePlan, VersionError> {
        let engine = &self.inner.engine;
        let sides = ThreeSides::new(engine, self.line, to)?;
        let plan = sides.plan(&sides.cells, &self.resolutions()?)?;
        engine.explain(&sides, &plan, self.line, Vec::new())
    }

    /// Brings this version up to its parent line: from then on it shows that where it changed nothing.
    ///
    /// # Errors
    /// [`VersionError::Conflicts`] with everything that stands against it; nothing was changed, and the version goes on
    /// over the base that it has. [`CommitError::Denied`] for values that settle conflicts and that whoever updates may
    /// not write. [`VersionError::TooOld`] for what lies before that base, or before a merge of parts.
    pub fn update(&self, to: Option<Tid>, note: Note) -> Result<Merged, VersionError> {
        let engine = &self.inner.engine;
        engine.wait_for_index()?;
        let _lead = self.inner.committer.lead();
        let sides = ThreeSides::new(engine, self.line, to)?;
        check_open(engine, self.line)?;
        let to = sides.parent.tid();
        let parent = sides.parent.line();
        if to < sides.oldest_update() {
            return Err(VersionError::TooOld { asked: to, oldest: sides.oldest_update() });
        }
        let plan = sides.plan(&sides.cells, &self.resolutions()?)?;
        let explained = engine.explain(&sides, &plan, self.line, Vec::new())?;
        if !explained.conflicts.is_empty() {
            return Err(VersionError::Conflicts(Box::new(explained)));
        }
        // What either line has was judged when it got there; what was put in its stead to settle a conflict was not.
        let instead = plan.settled.iter().filter_map(|(conflict, by)| match (&conflict.key, by) {
            (ConflictKey::Cell(oid, key), Resolution::Value(content)) => {
                Some(ObjectChange { oid: *oid, cells: vec![(key.clone(), content.clone())] })
            }
            _ => None,
        });
        if let Some(authority) = &note.authority {
            let denied = refused(&**authority, &sides.version, &instead.collect::<Vec<_>>())?;
            if !denied.is_empty() {
                return Err(CommitError::Denied(denied).into());
            }
        }
        let moved = !engine.touched_between(sides.base.view(), sides.parent.view())?.is_empty();
        if !moved && parent == sides.state.parent {
            return Ok(Merged { tid: None, plan: explained });
        }
        let tid = self.rebase(&sides, &plan, sides.state.status, note)?;
        Ok(Merged { tid: Some(tid), plan: explained })
    }

    /// Puts the version on its parent line as that is in `sides`, with what the plan leaves of its own.
    fn rebase(
        &self,
        sides: &ThreeSides<'_>,
        plan: &Plan,
        status: LineStatus,
        note: Note,
    ) -> Result<Tid, VersionError> {
        let engine = &self.inner.engine;
        let moment = next_tid(engine, engine.log.last_tid());
        let mut stage = Stage::new(Arc::clone(engine));
        let own = sides.updated(plan, moment.0, &mut stage)?;
        let (parent, base) = (sides.parent.line(), sides.parent.tid());
        let state = LineState { parent, base, status, ..LineState::clone(&sides.state) };
        let note = note.of_kind(Kind::Update { to: base });
        let origin = Origin::new(&mut stage, &note, moment).unjudged().planned();
        let woven = engine.weave_own(self.line, own, Some(state), origin)?;
        append_and_show(engine, vec![woven], &mut [stage]).map_err(|failure| failure.to_error())?;
        if engine.touched_between(sides.parent.view(), &engine.view(parent, engine.head())?)?.is_empty() {
            // Otherwise there may be conflicts with what came later, and what was decided about them counts.
            self.forget_resolutions();
        }
        Ok(moment.0)
    }
}

impl LineState {
    /// The version after all of it was merged into `parent` by `tid`.
    fn merged(&self, parent: LineId, tid: Tid) -> Self {
        Self { parent, base: tid, floor: tid, ..self.clone() }
    }
}

impl ThreeSides<'_> {
    /// The oldest commit of the parent line that the version can be brought to: what was merged or taken back there
    /// is in it.
    pub(super) fn oldest_update(&self) -> Tid {
        let cells = self.own.values().flat_map(|(_, own)| own.cells());
        let at =
            cells.filter_map(|(_, cell)| if let OwnBase::At(tid) = cell.base { Some(tid) } else { None });
        at.max().unwrap_or_default().max(self.state.base)
    }

    /// What each merged cell holds on the parent line after the merge.
    fn results<'p>(&self, plan: &'p Plan) -> HashMap<(Oid, &'p CellKey), &'p Option<Content>> {
        let writes = plan.writes.iter();
        writes.flat_map(|change| change.cells.iter().map(|(key, to)| ((change.oid, key), to))).collect()
    }

    /// What the version holds of the objects of which these cells were merged by `tid`: they stay, as they were
    /// merged, and count as unchanged from there on.
    fn merged_at(&self, cells: &[PlanCell], plan: &Plan, tid: Tid) -> Result<Vec<(Oid, Own)>, VersionError> {
        let planned = Planned::new(&self.parent, plan)?;
        let mut owns: HashMap<Oid, Own> = HashMap::new();
        for cell in cells {
            let Some((_, own)) = self.own.get(&cell.oid) else { continue };
            let own = owns.entry(cell.oid).or_insert_with(|| own.clone());
            let Some(was) = own.cell(&cell.key) else { continue };
            if cell.key != CellKey::Place && is_of_other_edition(&planned, &self.version, cell.oid)? {
                continue;
            }
            let there = planned.object(cell.oid)?;
            let there = there.as_ref().and_then(|object| object.content(&cell.key)).cloned();
            // What it did to objects that are gone was not merged.
            let is_merged = cell.key == CellKey::Place || is_live(&planned, cell.oid)?;
            let merged = if is_merged { there.clone() } else { cell.version.clone() };
            let written = if merged == was.content { was.tid } else { tid };
            // Merged past lines that are closed, it was not merged into the line that the base is on.
            let is_past = self.parent.line() != self.state.parent;
            let base = if is_past { OwnBase::Kept(there) } else { OwnBase::At(tid) };
            own.put(cell.key.clone(), OwnCell { tid: written, base, content: merged });
        }
        Ok(owns.into_iter().collect())
    }

    /// What the version holds after an update by `tid`.
    fn updated(&self, plan: &Plan, tid: Tid, stage: &mut Stage) -> Result<Vec<(Oid, Own)>, VersionError> {
        let results = self.results(plan);
        let mut owns: HashMap<Oid, Own> = HashMap::new();
        for (oid, (_, own)) in &self.own {
            let mut now = own.clone();
            for (key, cell) in own.cells() {
                match results.get(&(*oid, key)) {
                    // Of what it deleted nothing is merged; but it is there again when that is undone.
                    None if *key != CellKey::Place && !is_live(&self.version, *oid)? => {
                        let base = self.base_over(*oid, key, cell)?;
                        now.put(key.clone(), OwnCell { base, ..cell.clone() });
                    }
                    // As the parent line has it: it need not be held.
                    None => now.drop_cell(key),
                    Some(to) if **to == cell.content && cell.base == OwnBase::Line => {}
                    Some(to) => {
                        let written = if **to == cell.content { cell.tid } else { tid };
                        let mut content = (*to).clone();
                        stage.set_content_aside(&mut content)?;
                        now.put(key.clone(), OwnCell { tid: written, base: OwnBase::Line, content });
                    }
                }
            }
            if now != *own {
                owns.insert(*oid, now);
            }
        }
        // What settling conflicts changed of the parent line's own.
        for change in &plan.writes {
            let held = self.own.get(&change.oid).map(|(_, own)| own);
            for (key, to) in &change.cells {
                if held.is_some_and(|own| own.cell(key).is_some()) {
                    continue;
                }
                let now = owns.entry(change.oid).or_insert_with(|| held.cloned().unwrap_or_default());
                let mut content = to.clone();
                stage.set_content_aside(&mut content)?;
                now.put(key.clone(), OwnCell { tid, base: OwnBase::Line, content });
            }
        }
        Ok(owns.into_iter().collect())
    }
}

/// Whether an object is there on both sides, in different editions of its type. Then it stays in the version as it is: a
/// part of it would be in none, and an update finds the rest merged.
fn is_of_other_edition(
    planned: &impl bough_core::Snapshot,
    version: &Snapshot,
    oid: Oid,
) -> Result<bool, VersionError> {
    let (Some(there), Some(here)) = (planned.object(oid)?, version.object(oid)?) else { return Ok(false) };
    let edition = |object: &Object| object.attribute(EDITION).map(|cell| cell.content.clone());
    Ok(edition(&there) != edition(&here))
}

/// What of `changes` to a line as it is in `before` somebody refuses.
fn refused(
    authority: &dyn Authority,
    before: &Snapshot,
    changes: &[ObjectChange],
) -> Result<Vec<Denial>, VersionError> {
    let head = match before.line() {
        LineId::TRUNK => None,
        _ => Some(Snapshot::at_head(before.engine(), LineId::TRUNK)?),
    };
    let head = head.as_ref().map(|head| head as &dyn bough_core::Snapshot);
    Ok(authority.refuses(before, head, changes)?)
}

/// The cells that are to be merged, and the objects that come along although nobody selected them.
fn selected(
    engine: &Arc<Engine>,
    sides: &ThreeSides<'_>,
    choice: &MergeChoice,
) -> Result<(Vec<PlanCell>, Vec<Oid>), VersionError> {
    let Some(picks) = &choice.only else { return Ok((sides.cells.clone(), Vec::new())) };
    let _ = engine;
    let mut whole: HashSet<Oid> = HashSet::new();
    let mut single: HashSet<(Oid, CellKey)> = HashSet::new();
    for pick in picks {
        match pick {
            Pick::Object(oid) => drop(whole.insert(*oid)),
            Pick::Below(top) => {
                for oid in sides.own.keys() {
                    if stands_below(&sides.version, *oid, *top)? || stands_below(&sides.base, *oid, *top)? {
                        whole.insert(*oid);
                    }
                }
            }
            Pick::Cell(oid, key) => drop(single.insert((*oid, key.clone()))),
        }
    }
    let picked: Vec<Oid> = sides
        .own
        .keys()
        .copied()
        .filter(|oid| whole.contains(oid) || single.iter().any(|(of, _)| of == oid))
        .collect();
    if picked.is_empty() {
        return Err(VersionError::NothingSelected);
    }
    // A part of what was brought to another edition of its type would be in none.
    let is_edition = |key: &CellKey| matches!(key, CellKey::Attribute(name) if *name == EDITION);
    for oid in &picked {
        if sides.own.get(oid).is_some_and(|(_, own)| own.cells().iter().any(|(key, _)| is_edition(key))) {
            whole.insert(*oid);
        }
    }
    // What an object made in the version stands in has to be there, too; and of such an object, all of it.
    let mut along = BTreeSet::new();
    let mut waiting = picked;
    while let Some(oid) = waiting.pop() {
        if sides.parent.object(oid)?.is_none() && !whole.contains(&oid) {
            whole.insert(oid);
        }
        let goes_along = whole.contains(&oid) || single.contains(&(oid, CellKey::Place));
        let place = sides.version.object(oid)?.and_then(|object| object.place().cloned());
        if let Some(place) = place.filter(|_| goes_along)
            && sides.parent.object(place.parent)?.is_none()
            && whole.insert(place.parent)
        {
            along.insert(place.parent);
            waiting.push(place.parent);
        }
    }
    let is_in =
        |cell: &&PlanCell| whole.contains(&cell.oid) || single.contains(&(cell.oid, cell.key.clone()));
    Ok((sides.cells.iter().filter(is_in).cloned().collect(), along.into_iter().collect()))
}

/// Whether an object is `top` or stands in it, deleted or not.
pub(crate) fn stands_below(snapshot: &Snapshot, oid: Oid, top: Oid) -> Result<bool, VersionError> {
    let mut seen = HashSet::new();
    let mut at = oid;
    loop {
        if at == top {
            return Ok(true);
        }
        let object = if seen.insert(at) { snapshot.object(at)? } else { None };
        match object.as_ref().and_then(|object| object.place()) {
            Some(place) => at = place.parent,
            None => return Ok(false),
        }
    }
}

impl Engine {
    /// A plan in words that a person understands: paths, URLs, who and when.
    fn explain(
        &self,
        sides: &ThreeSides<'_>,
        plan: &Plan,
        into: LineId,
        along: Vec<Oid>,
    ) -> Result<MergePlan, VersionError> {
        let planned = Planned::new(&sides.parent, plan)?;
        let (mut cells, mut urls, mut rights) = (Vec::new(), Vec::new(), Vec::new());
        let mut gone = Vec::new();
        let trunk = Snapshot::at_head(sides.engine, LineId::TRUNK)?;
        for change in &plan.writes {
            let deletes = change.cells.iter().any(|(key, to)| *key == CellKey::Place && to.is_none());
            if deletes && gone.len() < DANGLING_MAX {
                gone.push(change.oid);
            }
            if urls.len() >= PREVIEW_MAX {
                continue;
            }
            let url = UrlDelta {
                oid: change.oid,
                before: path_of(&sides.parent, change.oid)?,
                after: path_of(&planned, change.oid)?,
            };
            let (before, after) = (sides.parent.object(change.oid)?, planned.object(change.oid)?);
            for (key, before, after) in differing_cells(before.as_deref(), after.as_deref()) {
                if cells.len() < PREVIEW_MAX {
                    cells.push(CellDelta {
                        oid: change.oid,
                        path: url.before.clone().or_else(|| url.after.clone()),
                        cell: key.clone(),
                        before: before.cloned(),
                        after: after.cloned(),
                    });
                }
            }
            note_rights(sides, &trunk, (before.as_deref(), after.as_deref()), &mut rights)?;
            urls.push(url);
        }
        let mut dangling = Vec::new();
        for target in gone {
            for source in self.referring(sides.parent.view(), target, DANGLING_MAX)? {
                let refers = planned.object(source)?.is_some_and(|object| refers_to(&object, target));
                if refers && dangling.len() < DANGLING_MAX && is_live(&planned, source)? {
                    dangling.push((source, target));
                }
            }
        }
        let explained = |conflict: &Conflict, resolution| self.explain_conflict(sides, conflict, resolution);
        let conflicts = plan.conflicts.iter().map(|conflict| explained(conflict, None));
        let settled = plan.settled.iter().map(|(conflict, by)| explained(conflict, Some(by.clone())));
        Ok(MergePlan {
            into,
            over: sides.parent.tid(),
            objects: plan.writes.len() as u64,
            cells,
            urls,
            conflicts: conflicts.collect::<Result<_, _>>()?,
            settled: settled.collect::<Result<_, _>>()?,
            notices: plan.notices.clone(),
            dangling,
            along,
            rights,
            denied: Vec::new(),
        })
    }

    pub(crate) fn explain_conflict(
        &self,
        sides: &ThreeSides<'_>,
        conflict: &Conflict,
        resolution: Option<Resolution>,
    ) -> Result<VersionConflict, VersionError> {
        let oid = conflict_object(&conflict.key);
        let mut path = None;
        for snapshot in [&sides.version, &sides.parent, &sides.base] {
            if let (None, Some(oid)) = (&path, oid) {
                path = path_of(snapshot, oid)?;
            }
        }
        let key = match &conflict.key {
            ConflictKey::Cell(_, key) => Some(key.clone()),
            ConflictKey::Type(_) => Some(CellKey::Type),
            _ => Some(CellKey::Place),
        };
        let made_on = |snapshot: &Snapshot, oid: Option<Oid>| match oid {
            Some(oid) => self.made(snapshot, oid, key.as_ref(), sides.base.tid()),
            None => Ok(None),
        };
        let other = match &conflict.kind {
            ConflictKind::Name { other, .. } => Some(*other),
            ConflictKind::Deleted { inner, by, .. } => {
                let found = inner.iter().find(|inner| inner.side != *by).map(|inner| inner.oid);
                found.or(oid)
            }
            _ => oid,
        };
        let (in_version, in_parent) = match &conflict.kind {
            ConflictKind::Deleted { by: Side::Parent, .. } => (other, oid),
            ConflictKind::Cycle { version_moves, parent_moves } => {
                (version_moves.first().copied(), parent_moves.first().copied())
            }
            _ => (oid, other),
        };
        Ok(VersionConflict {
            id: conflict_id(&conflict.key),
            conflict: conflict.clone(),
            path,
            version: made_on(&sides.version, in_version)?,
            parent: made_on(&sides.parent, in_parent)?,
            resolution,
        })
    }

    /// Who wrote the cell last on that line, or anything of the object where the cell tells nothing.
    fn made(
        &self,
        snapshot: &Snapshot,
        oid: Oid,
        key: Option<&CellKey>,
        since: Tid,
    ) -> Result<Option<Made>, VersionError> {
        let (line, head) = (snapshot.line(), snapshot.tid());
        let object = snapshot.object(oid)?;
        let cell = key.and_then(|key| object.as_ref()?.cell(key)).map(|cell| cell.tid);
        let newest = self.revisions(line, oid, None, 1)?.first().copied().filter(|tid| *tid <= head);
        let cell = cell.filter(|tid| *tid > since || newest.is_none());
        let Some(tid) = cell.or(newest) else { return Ok(None) };
        match self.shown_record(snapshot.view(), tid) {
            Ok((line, record)) => Ok(Some(Made {
                tid,
                line,
                time_micros: record.time_micros,
                principal: record.principal,
                sentence: record.sentence,
            })),
            Err(HistoryError::NoSuchCommit(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn refers_to(object: &bough_core::Object, target: Oid) -> bool {
    let mut refers = false;
    for (_, cell) in object.cells() {
        cell.content.references(&mut |oid| refers |= oid == target);
    }
    refers
}

/// What is worth knowing of who may do what at an object that the version adds, or to which it gives an owner.
fn note_rights(
    sides: &ThreeSides<'_>,
    trunk: &Snapshot,
    (before, after): (Option<&Object>, Option<&Object>),
    notices: &mut Vec<RightsNotice>,
) -> Result<(), VersionError> {
    let Some(after) = after else { return Ok(()) };
    let place = after.place().filter(|_| before.is_none_or(|before| before.place().is_none()));
    if let Some(container) = place.map(|place| place.parent)
        && sides.parent.object(container)?.is_some()
        && sides.base.object(container)?.is_some()
        && !sides.base.scope(container)?.says_the_same(&*sides.parent.scope(container)?)
    {
        notices.push(RightsNotice::Changed { oid: after.oid(), container });
    }
    let owner = after.owner().filter(|owner| before.and_then(Object::owner) != Some(*owner));
    if let Some(owner) = owner {
        notices
            .extend(user(trunk, owner)?.is_none().then(|| RightsNotice::Unowned { oid: after.oid(), owner }));
    }
    Ok(())
}
