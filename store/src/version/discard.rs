//! Throwing away what a version changed: all of it, or some.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bough_core::merge::structure::Violation;
use bough_core::{CellKey, Oid, Snapshot as _, Tid};

use crate::commit::{append_and_show, check_open, next_tid};
use crate::database::Database;
use crate::draft::Stage;
use crate::line::{LineState, LineStatus};
use crate::log::Log;
use crate::note::{Kind, Note};
use crate::own::Own;
use crate::version::own_cells::ThreeSides;
use crate::version::reconcile::stands_below;
use crate::version::{Pick, VersionError};
use crate::weave::{Conflict, ConflictReason, Origin};

/// What a discard did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discarded {
    /// The commit; none if it was only asked for.
    pub tid: Option<Tid>,
    /// The objects of which something goes.
    pub objects: Vec<Oid>,
    /// Those of them that nobody selected, but which cannot stay without what was.
    pub along: Vec<Oid>,
}

impl Database {
    /// Throws this version away. It can be opened again until pack takes what it held.
    ///
    /// # Errors
    /// [`VersionError::HasVersions`] where others lie on it, unless `despite_others`: those stay as they are, and are
    /// merged into the line below.
    pub fn discard(&self, despite_others: bool, note: Note) -> Result<Tid, VersionError> {
        let engine = &self.inner.engine;
        engine.wait_for_index()?;
        let _lead = self.inner.committer.lead();
        let state = engine.epoch(self.line)?.state;
        if state.status == LineStatus::Discarded {
            return Err(VersionError::Status { name: state.name.clone(), status: state.status });
        }
        let on_it = engine.lying_on(self.line);
        if !on_it.is_empty() && !despite_others {
            return Err(VersionError::HasVersions(on_it));
        }
        let state = LineState { status: LineStatus::Discarded, ..LineState::clone(&state) };
        engine.commit_own(self.line, Vec::new(), Some(state), &note.of_kind(Kind::Discard))
    }

    /// Throws away some of what this version changed, and what cannot stay without it. With `dry_run` it only says
    /// what would go.
    ///
    /// # Errors
    /// [`VersionError::NothingSelected`] where the version changed nothing of that.
    pub fn discard_part(&self, picks: &[Pick], dry_run: bool, note: Note) -> Result<Discarded, VersionError> {
        let engine = &self.inner.engine;
        engine.wait_for_index()?;
        // Whoever only asks keeps nobody from writing meanwhile.
        let _lead = (!dry_run).then(|| self.inner.committer.lead());
        check_open(engine, self.line)?;
        let sides = ThreeSides::new(engine, self.line, None)?;
        let mut goes = Going { sides: &sides, standing: standing_in(&sides)?, cells: BTreeMap::new() };
        for pick in picks {
            goes.pick(pick)?;
        }
        if goes.cells.is_empty() {
            return Err(VersionError::NothingSelected);
        }
        let selected: BTreeSet<Oid> = goes.cells.keys().copied().collect();
        let note = note.of_kind(Kind::Discard);
        let mut stays_dead = false;
        loop {
            goes.close_over()?;
            let own = goes.left();
            let objects: Vec<Oid> = goes.cells.keys().copied().collect();
            let along = objects.iter().copied().filter(|oid| !selected.contains(oid)).collect();
            let moment = next_tid(engine, engine.log.last_tid());
            let mut stage = Stage::new(Arc::clone(engine));
            let origin = Origin::new(&mut stage, &note, moment).unjudged();
            let origin = if stays_dead { origin.planned() } else { origin };
            match engine.weave_own(self.line, own, None, origin) {
                Ok(_) if dry_run => return Ok(Discarded { tid: None, objects, along }),
                Ok(woven) => {
                    let shown = append_and_show(engine, vec![woven], &mut [stage]);
                    shown.map_err(|failure| failure.to_error())?;
                    return Ok(Discarded { tid: Some(moment.0), objects, along });
                }
                // Where it goes back to may be deleted or moved by now, and its name another's: that has to go back, too.
                Err(VersionError::Incomplete(conflicts)) => {
                    let mut grows = false;
                    for conflict in &conflicts {
                        let ConflictReason::Structure(violation) = &conflict.reason else { continue };
                        let in_the_way = match violation {
                            Violation::NameTaken { oid, other, .. } => vec![*oid, *other],
                            Violation::BelowDeleted { deleted, .. } => vec![*deleted],
                            Violation::Cycle(oids) => oids.clone(),
                            _ => Vec::new(),
                        };
                        for oid in in_the_way {
                            grows |= goes.place_of(oid);
                        }
                    }
                    // What the parent line has below something deleted is deleted then.
                    let is_dead = !stays_dead && conflicts.iter().all(Conflict::is_below_deleted);
                    if !grows && !is_dead {
                        return Err(VersionError::Incomplete(conflicts));
                    }
                    stays_dead |= !grows;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// What a version holds something of, by the container in which it shows that.
fn standing_in(sides: &ThreeSides<'_>) -> Result<HashMap<Oid, Vec<Oid>>, VersionError> {
    let mut standing: HashMap<Oid, Vec<Oid>> = HashMap::new();
    for &oid in sides.own.keys() {
        if let Some(place) = sides.version.object(oid)?.and_then(|object| object.place().cloned()) {
            standing.entry(place.parent).or_default().push(oid);
        }
    }
    Ok(standing)
}

/// The cells that go.
struct Going<'a> {
    sides: &'a ThreeSides<'a>,
    /// What the version holds something of, by the container in which the version shows it.
    standing: HashMap<Oid, Vec<Oid>>,
    cells: BTreeMap<Oid, BTreeSet<CellKey>>,
}

impl Going<'_> {
    fn pick(&mut self, pick: &Pick) -> Result<(), VersionError> {
        match pick {
            Pick::Object(oid) => self.whole(*oid),
            Pick::Cell(oid, key) => {
                let own = self.sides.own.get(oid);
                if own.is_some_and(|(_, own)| own.cell(key).is_some()) {
                    self.cells.entry(*oid).or_default().insert(key.clone());
                }
            }
            Pick::Below(top) => {
                for oid in self.sides.own.keys().copied().collect::<Vec<_>>() {
                    if stands_below(&self.sides.version, oid, *top)?
                        || stands_below(&self.sides.base, oid, *top)?
                    {
                        self.whole(oid);
                    }
                }
            }
        }
        Ok(())
    }

    fn whole(&mut self, oid: Oid) {
        if let Some((_, own)) = self.sides.own.get(&oid) {
            let keys = own.cells().iter().map(|(key, _)| key.clone());
            self.cells.entry(oid).or_default().extend(keys);
        }
    }

    /// Lets the place of an object go, if the version holds it. Whether that is new.
    fn place_of(&mut self, oid: Oid) -> bool {
        let holds = self.sides.own.get(&oid).is_some_and(|(_, own)| own.cell(&CellKey::Place).is_some());
        if !holds {
            return false;
        }
        let is_new = self.cells.entry(oid).or_default().insert(CellKey::Place);
        if is_new && self.is_made_here(oid) {
            self.whole(oid);
        }
        is_new
    }

    fn is_made_here(&self, oid: Oid) -> bool {
        matches!(self.sides.base.object(oid), Ok(None))
    }

    /// Takes in what cannot stay: what was made here goes as a whole, and with it what stands in it.
    fn close_over(&mut self) -> Result<(), VersionError> {
        let mut gone: Vec<Oid> = Vec::new();
        for (oid, keys) in &self.cells {
            let made_here = self.is_made_here(*oid);
            if made_here && (keys.contains(&CellKey::Place) || keys.contains(&CellKey::Type)) {
                gone.push(*oid);
            }
        }
        while let Some(top) = gone.pop() {
            self.whole(top);
            for oid in self.standing.get(&top).cloned().unwrap_or_default() {
                if self.place_of(oid) && self.is_made_here(oid) {
                    gone.push(oid);
                }
            }
        }
        Ok(())
    }

    /// What the version holds afterwards, of the objects of which something goes.
    fn left(&self) -> Vec<(Oid, Own)> {
        let mut left = Vec::new();
        for (oid, keys) in &self.cells {
            let Some((_, own)) = self.sides.own.get(oid) else { continue };
            let mut own = own.clone();
            keys.iter().for_each(|key| own.drop_cell(key));
            left.push((*oid, own));
        }
        left
    }
}
