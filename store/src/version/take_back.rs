//! Undo where versions are concerned: inside one, and of the merge of one.
//!
//! Inside a version a cell that goes back to what nobody had touched is dropped, so that it follows the parent line
//! again; but where the parent line has it from the version by now, the version holds what was there before. An object
//! that gets its place back gets everything back that the version held of it. The undo of a merge gives the version back what it had merged, compared from now on with what the parent
//! line holds after the undo: merged again, it brings the same changes, and nothing has to be settled twice.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bough_core::merge::{Merge, merge_contents};
use bough_core::object::differing_cells;
use bough_core::{CellKey, Content, Object, Oid, Tid};

use crate::engine::{Engine, StoreError, read_error};
use crate::line::{LineId, LineState, LineStatus};
use crate::note::{Kind, Note};
use crate::own::{Own, OwnBase, OwnCell};
use crate::undo::{After, BlockedCell, BlockerReason, Touch, UndoChoices, UndoError};
use crate::version::VersionError;
use crate::view::View;
use crate::weave::{Origin, Woven};

/// What a version shall hold of one object after an undo in it.
pub(crate) struct OwnBack {
    pub(crate) oid: Oid,
    pub(crate) own: Own,
    /// Whether that is something else than now.
    pub(crate) changes: bool,
    /// The object as the version shows it now.
    pub(crate) now: Option<Arc<Object>>,
    /// The object as it would show it then.
    pub(crate) then: Option<Object>,
    /// The cells that are blocked.
    pub(crate) blocked: Vec<(BlockerReason, Option<Tid>)>,
}

impl OwnBack {
    /// Whether the object stands somewhere else then.
    pub(crate) fn moves(&self) -> bool {
        self.now.as_ref().and_then(|object| object.place()) != self.then.as_ref().and_then(Object::place)
    }
}

/// Takes back, in a version, what these commits did to one object; newest first.
pub(crate) fn own_back(
    engine: &Engine,
    view: &View,
    oid: Oid,
    touches: &[Touch],
    choices: &UndoChoices,
) -> Result<OwnBack, UndoError> {
    let (_, mut own) = engine.own(view, oid)?.unwrap_or_default();
    let below = match view.below() {
        Some(below) => engine.seen(&below, oid)?,
        None => None,
    };
    let mut blocked = Vec::new();
    for touch in touches {
        let after = engine.view(view.line, touch.tid)?;
        let before = engine.view(view.line, Tid::from_micros(touch.tid.as_micros().saturating_sub(1)))?;
        let (own_before, own_after) = (engine.own(&before, oid)?, engine.own(&after, oid)?);
        let (own_before, own_after) = (own_before.unwrap_or_default().1, own_after.unwrap_or_default().1);
        let (object_before, object_after) = (engine.seen(&before, oid)?, engine.seen(&after, oid)?);
        let stood = own.over(oid, below.as_deref(), Tid::MAX).is_some_and(|object| object.place().is_some());
        let mut keys: Vec<&CellKey> =
            own_before.cells().iter().chain(own_after.cells()).map(|(key, _)| key).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let (was, became) = (own_before.cell(key), own_after.cell(key));
            let same = was.map(|cell| &cell.content) == became.map(|cell| &cell.content);
            if same || choices.decides(oid, key) {
                continue;
            }
            let content = |object: &Option<Arc<Object>>| {
                object.as_ref().and_then(|object| object.content(key)).cloned()
            };
            let now_object = own.over(oid, below.as_deref(), Tid::MAX);
            let now = now_object.as_ref().and_then(|object| object.content(key));
            let (before, after) = (content(&object_before), content(&object_after));
            // With what it is compared now: what it was compared with then may have been merged since.
            let base = own.cell(key).map_or(OwnBase::Line, |cell| cell.base.clone());
            let follows = match &base {
                OwnBase::Line => true,
                OwnBase::At(tid) => view.below().is_none_or(|below| *tid <= below.tid),
                OwnBase::Kept(_) => false,
            };
            // What this commit wrote and the version holds still was never merged.
            let is_as_written = own.cell(key).is_some_and(|cell| cell.tid == touch.tid);
            let shines = below.as_ref().and_then(|object| object.content(key));
            let mut put = |content: Option<Content>| {
                own.put(key.clone(), OwnCell { tid: Tid::MAX, base: base.clone(), content });
            };
            match (now == after.as_ref(), was) {
                (true, None) if follows && (is_as_written || shines == before.as_ref()) => own.drop_cell(key),
                // It was merged since, or the undo of a merge gave it back.
                (true, None) => put(before.clone()),
                (true, Some(was)) => put(was.content.clone()),
                (false, _) if now == before.as_ref() => {}
                (false, _) => {
                    let fetch = |large: &_| engine.large(large).map_err(read_error("a large value"));
                    let type_name = now_object.as_ref().and_then(Object::type_name);
                    let policy = engine.types.merge_policy(type_name, key);
                    match merge_contents(policy, after.as_ref(), now, before.as_ref(), &fetch)? {
                        Merge::Settled(content) => put(content),
                        Merge::Conflict => {
                            let later =
                                now_object.as_ref().and_then(|object| object.cell(key)).map(|cell| cell.tid);
                            let cell =
                                BlockedCell { cell: key.clone(), now: now.cloned(), undone: after, before };
                            blocked.push((BlockerReason::Cell(Box::new(cell)), later));
                        }
                    }
                }
            }
        }
        let stands = own.over(oid, below.as_deref(), Tid::MAX).is_some_and(|object| object.place().is_some());
        if stands && !stood {
            // A merge brings nothing of what is deleted, and takes it out of the version.
            for (key, cell) in own_before.cells() {
                let shines = below.as_ref().and_then(|object| object.content(key));
                if own.cell(key).is_none() && shines != cell.content.as_ref() {
                    let content = cell.content.clone();
                    own.put(key.clone(), OwnCell { tid: Tid::MAX, base: OwnBase::Line, content });
                }
            }
        }
    }
    for (of, key, content) in &choices.choose {
        if *of == oid {
            let base = own.cell(key).map_or(OwnBase::Line, |cell| cell.base.clone());
            own.put(key.clone(), OwnCell { tid: Tid::MAX, base, content: content.clone() });
        }
    }
    let now = engine.seen(view, oid)?;
    let held = engine.own(view, oid)?.unwrap_or_default().1;
    let then = own.over(oid, below.as_deref(), Tid::MAX);
    Ok(OwnBack { oid, changes: held != own, own, now, then, blocked })
}

/// For each version that one of these commits merged, the frames that give it back what an undo takes away. `after` is
/// what that leaves on this line.
pub(crate) fn reopening(
    engine: &Arc<Engine>,
    line: LineId,
    of: &[Tid],
    choices: &UndoChoices,
    origin: (&Note, (Tid, u64)),
    stage: &mut crate::draft::Stage,
    after: &After<'_>,
) -> Result<Vec<Woven>, UndoError> {
    let (note, moment) = origin;
    let mut given_back: BTreeMap<LineId, HashMap<Oid, Own>> = BTreeMap::new();
    for &tid in of {
        let Kind::Merge { line: version, .. } = engine.commit_record(line, tid)?.kind else { continue };
        if version == line {
            continue;
        }
        let view = engine.view(version, engine.head())?;
        let lies_on_it = view.below().is_some_and(|below| below.line == line);
        let owns = given_back.entry(version).or_default();
        engine.heads_of(line, tid, &mut |head| {
            for entry in &head.entries {
                let crate::format::body::EntryDisk::Kept { facts, .. } = entry else { continue };
                let oid = facts.oid();
                let delta = engine.delta(line, oid, tid, facts.replaces())?;
                let seen = engine.seen(&view, oid)?;
                let own = match owns.entry(oid) {
                    std::collections::hash_map::Entry::Occupied(found) => found.into_mut(),
                    std::collections::hash_map::Entry::Vacant(place) => {
                        place.insert(engine.own(&view, oid)?.unwrap_or_default().1)
                    }
                };
                let now = engine.object(line, oid, engine.head())?;
                for (key, was, merged) in differing_cells(delta.before.as_deref(), delta.after.as_deref()) {
                    if choices.decides(oid, key) {
                        continue;
                    }
                    let held = own.cell(key);
                    let content = match held {
                        Some(held) => held.content.clone(),
                        None => seen.as_ref().and_then(|object| object.content(key)).cloned(),
                    };
                    let written = held.map_or(moment.0, |held| held.tid);
                    // Where others changed it since, the undo leaves something else than there was before the merge.
                    // And the version may lie on another line than that into which it was merged.
                    let now = now.as_ref().and_then(|object| object.content(key));
                    let base = match (now == merged, lies_on_it) {
                        (true, true) => OwnBase::At(moment.0),
                        (true, false) => OwnBase::Kept(after.content(oid, key, now)?),
                        (false, _) => OwnBase::Kept(was.cloned()),
                    };
                    let cell = OwnCell { tid: written, base, content };
                    own.put(key.clone(), cell);
                }
            }
            Ok(())
        })?;
    }
    let (mut frames, mut given) = (Vec::new(), Vec::new());
    for (version, owns) in given_back {
        let Some(epoch) = engine.lines.known(version).and_then(|found| found.epoch_at(engine.head())) else {
            continue;
        };
        let ground = engine.view(version, engine.head())?.ground;
        if epoch.state.status != LineStatus::Open && ground < engine.horizon() {
            // What it lay on is packed away: it cannot be opened again.
            continue;
        }
        // Another version may have its name by now.
        let name = match epoch.state.status {
            LineStatus::Open => epoch.state.name.clone(),
            _ => engine.free_name(&epoch.state.name, &given),
        };
        given.push(name.clone());
        let reopened = LineState { name, status: LineStatus::Open, ..LineState::clone(&epoch.state) };
        let state = (reopened != *epoch.state).then_some(reopened);
        let mut owns: Vec<(Oid, Own)> = owns.into_iter().collect();
        owns.sort_by_key(|(oid, _)| *oid);
        let origin = Origin::new(stage, note, moment).unjudged().planned();
        match engine.weave_own(version, owns, state, origin) {
            Ok(woven) => frames.push(woven),
            Err(VersionError::History(error)) => return Err(error.into()),
            Err(VersionError::Commit(error)) => return Err(error.into()),
            Err(other) => {
                let what = format!("what version number {} gets back: {other}", version.0);
                return Err(StoreError::Missing { what }.into());
            }
        }
    }
    Ok(frames)
}
