//! Detaching: letting a version that nobody brings up to date stop holding back pack.
//!
//! The version gets a later base without being merged with what came between. It keeps what its own cells are compared
//! with, and the containers that these need, so that nothing it changed is lost or looks settled; but where it changed
//! nothing it shows the parent line as it is at the new base. So what it shows changes, which is for its people to
//! decide.

use std::collections::{BTreeMap, HashSet};

use bough_core::snapshot::is_live;
use bough_core::{CellKey, Content, Oid, Snapshot as _, Tid};

use crate::commit::check_open;
use crate::database::Database;
use crate::line::LineState;
use crate::note::{Kind, Note};
use crate::own::{Own, OwnBase, OwnCell};
use crate::snapshot::Snapshot;
use crate::version::VersionError;
use crate::version::own_cells::ThreeSides;

impl Database {
    /// Gives this version a later base without merging: `to` is a commit of the parent line, none for its head. From
    /// then on it needs nothing of what was before. None if it stands there already.
    ///
    /// # Errors
    /// When `to` lies before its base, or what the version holds has no place over the new base.
    pub fn detach(&self, to: Option<Tid>, note: Note) -> Result<Option<Tid>, VersionError> {
        let engine = &self.inner.engine;
        engine.wait_for_index()?;
        let _lead = self.inner.committer.lead();
        check_open(engine, self.line)?;
        let sides = ThreeSides::new(engine, self.line, to)?;
        let (to, parent) = (sides.parent.tid(), sides.parent.line());
        if to < sides.oldest_update() {
            return Err(VersionError::TooOld { asked: to, oldest: sides.oldest_update() });
        }
        if to == sides.state.base && parent == sides.state.parent {
            return Ok(None);
        }
        let mut owns: BTreeMap<Oid, Own> =
            sides.own.iter().map(|(oid, (_, own))| (*oid, own.clone())).collect();
        for cell in &sides.cells {
            let now = sides.parent.object(cell.oid)?;
            let now = now.as_ref().and_then(|object| object.content(&cell.key));
            let base =
                if now == cell.base.as_ref() { OwnBase::Line } else { OwnBase::Kept(cell.base.clone()) };
            if let Some((own, held)) =
                owns.get_mut(&cell.oid).and_then(|own| Some((own.cell(&cell.key)?.clone(), own)))
            {
                held.put(cell.key.clone(), OwnCell { base, ..own });
            }
        }
        for (oid, place) in lost_containers(&sides.version, &sides.parent, &owns)? {
            let place = Some(Content::Place(place));
            let cell = OwnCell { tid: Tid::MAX, base: OwnBase::Kept(place.clone()), content: place };
            owns.entry(oid).or_default().put(CellKey::Place, cell);
        }
        owns.retain(|oid, own| sides.own.get(oid).is_none_or(|(_, held)| held != own));
        let state = LineState { parent, base: to, ..LineState::clone(&sides.state) };
        let note = note.of_kind(Kind::Update { to });
        engine.commit_own(self.line, owns.into_iter().collect(), Some(state), &note).map(Some)
    }
}

/// The containers that what the version holds stands in, and which the parent line has deleted.
fn lost_containers(
    version: &Snapshot,
    parent: &Snapshot,
    owns: &BTreeMap<Oid, Own>,
) -> Result<Vec<(Oid, bough_core::Place)>, VersionError> {
    let mut lost = Vec::new();
    let mut seen = HashSet::new();
    for &oid in owns.keys() {
        if !is_live(version, oid)? {
            continue;
        }
        let mut at = oid;
        while at != Oid::ROOT && seen.insert(at) {
            let Some(place) = version.object(at)?.and_then(|object| object.place().cloned()) else { break };
            let holds = owns.get(&at).is_some_and(|own| own.cell(&CellKey::Place).is_some());
            let stands = parent.object(at)?.is_some_and(|object| object.place().is_some());
            if !holds && !stands {
                lost.push((at, place.clone()));
            }
            at = place.parent;
        }
    }
    Ok(lost)
}
