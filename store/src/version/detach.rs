//! Detaching: letting a version that nobody brings up to date stop holding back pack.
//!
//! The version gets a later base without being merged with what came between. It keeps what its own cells are compared
//! with, and the containers that these need, so that nothing it changed is lost or looks settled; but where it changed
//! nothing it shows the parent line as it is at the new base. So what it shows changes, which is for its people to
//! decide.

use std::collections::{BTreeMap, HashSet};

use bough_core::merge::structure::{Checker, Places, Standing, Violation};
use bough_core::snapshot::{ReadError, is_live};
use bough_core::{CellKey, Content, Oid, Place, Snapshot as _, Tid};

use crate::commit::check_open;
use crate::database::Database;
use crate::line::LineState;
use crate::note::{Kind, Note};
use crate::own::{Own, OwnBase, OwnCell};
use crate::snapshot::Snapshot;
use crate::version::VersionError;
use crate::version::own_cells::ThreeSides;
use crate::weave::{Conflict, ConflictReason};

impl Database {
    /// Gives this version a later base without merging: `to` is a commit of the parent line, none for its head. From
    /// then on it needs nothing of what was before. None if it stands there already.
    ///
    /// # Errors
    /// When `to` lies before its base; [`VersionError::DoesNotFit`] when what the version holds does not make a tree with
    /// what the new base has.
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
        for (oid, (_, own)) in &sides.own {
            let now = owns.entry(*oid).or_default();
            for (key, cell) in own.cells() {
                let base = sides.base_over(*oid, key, cell)?;
                now.put(key.clone(), OwnCell { base, ..cell.clone() });
            }
        }
        for (oid, place) in lost_containers(&sides.version, &sides.parent, &owns)? {
            let place = Some(Content::Place(place));
            let cell = OwnCell { tid: Tid::MAX, base: OwnBase::Kept(place.clone()), content: place };
            owns.entry(oid).or_default().put(CellKey::Place, cell);
        }
        check_tree(&sides, &owns)?;
        owns.retain(|oid, own| sides.own.get(oid).is_none_or(|(_, held)| held != own));
        let state = LineState { parent, base: to, ..LineState::clone(&sides.state) };
        let note = note.of_kind(Kind::Update { to });
        engine.commit_own(self.line, owns.into_iter().collect(), Some(state), &note).map(Some)
    }
}

/// Refuses what would be no tree: moves that go round in a circle, and two children of one name.
fn check_tree(sides: &ThreeSides<'_>, owns: &BTreeMap<Oid, Own>) -> Result<(), VersionError> {
    let places = Detached { parent: &sides.parent, owns };
    let mut checker = Checker::default();
    let mut conflicts = Vec::new();
    for (&oid, own) in owns {
        let Some(place) = own_place(own) else { continue };
        let is_broken = checker.check(&places, oid)?;
        if matches!(is_broken, Some(Violation::BelowDeleted { .. })) {
            // As the version has it already: what it moved into something that it deleted is deleted.
            continue;
        }
        let other = match place {
            Some(place) => sides.parent.child(place.parent, place.name.as_str())?.zip(Some(place)),
            None => None,
        };
        let clash = other
            .filter(|(other, _)| *other != oid && owns.get(other).is_none_or(|own| own_place(own).is_none()));
        let clash = clash.map(|(other, place)| Violation::NameTaken {
            oid,
            parent: place.parent,
            name: place.name.clone(),
            other,
        });
        conflicts.extend(is_broken.into_iter().chain(clash).map(|violation| Conflict {
            oid,
            reason: ConflictReason::Structure(violation),
            since: None,
        }));
    }
    if conflicts.is_empty() { Ok(()) } else { Err(VersionError::DoesNotFit(conflicts)) }
}

/// Where a version itself has an object; none if it says nothing of that, and none in it if it says deleted.
fn own_place(own: &Own) -> Option<Option<&Place>> {
    let cell = own.cell(&CellKey::Place)?;
    Some(cell.content.as_ref().and_then(|content| match content {
        Content::Place(place) => Some(place),
        _ => None,
    }))
}

/// The places of a version over its new base.
struct Detached<'a> {
    parent: &'a Snapshot,
    owns: &'a BTreeMap<Oid, Own>,
}

impl Places for Detached<'_> {
    fn standing(&self, oid: Oid) -> Result<Standing, ReadError> {
        match self.owns.get(&oid).and_then(own_place) {
            Some(Some(place)) => Ok(Standing::At(place.clone())),
            Some(None) => Ok(Standing::Deleted),
            None => Places::standing(self.parent, oid),
        }
    }
}

/// The containers that what the version holds stands in, and which the parent line has deleted.
fn lost_containers(
    version: &Snapshot,
    parent: &Snapshot,
    owns: &BTreeMap<Oid, Own>,
) -> Result<Vec<(Oid, Place)>, VersionError> {
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
