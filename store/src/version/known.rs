//! The conflicts of versions that were looked at last, so that a page of them does not plan the merge again.
//!
//! # Invariants
//! - What is kept is what a plan would find: it counts only for the newest commits of both lines and for the decisions
//!   that it was planned with.
//!
//! The simple version: plan whenever somebody asks. With tens of thousands of changes that takes seconds, for every
//! page of the list and for every conflict.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bough_core::Tid;
use bough_core::merge::plan::{Plan, Resolution};
use parking_lot::Mutex;

use crate::database::Database;
use crate::engine::{Engine, StoreError};
use crate::line::LineId;
use crate::version::own_cells::ThreeSides;
use crate::version::{VersionConflict, VersionError};

/// Of how many versions they are kept.
const VERSIONS_MAX: usize = 4;
/// Of a version with more than these none are kept.
const CONFLICTS_MAX: usize = 50_000;

/// For what the conflicts of a version are right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    line: LineId,
    /// Its newest commit: an update, which gives it another base, is one, too.
    newest: Tid,
    parent: LineId,
    newest_in_parent: Tid,
    /// How often anything was decided, of any version, before what was decided was read.
    decided: u64,
}

impl Known {
    /// As of the heads of these lines. To be asked before the decisions are read.
    pub(crate) fn of(engine: &Engine, sides: &ThreeSides<'_>) -> Result<Self, StoreError> {
        let (version, parent) = (&sides.version, &sides.parent);
        Ok(Self {
            line: version.line(),
            newest: engine.newest_commit(version.line(), bough_core::Snapshot::tid(version))?,
            parent: parent.line(),
            newest_in_parent: engine.newest_commit(parent.line(), bough_core::Snapshot::tid(parent))?,
            decided: engine.known.decided.load(Ordering::SeqCst),
        })
    }

    /// The same after the decision of that number; none where something else was decided meanwhile.
    pub(crate) fn after(self, decided: u64) -> Option<Self> {
        (decided == self.decided + 1).then_some(Self { decided, ..self })
    }
}

/// The conflicts that are known, of the versions that were asked for last.
#[derive(Default)]
pub(crate) struct KnownConflicts {
    kept: Mutex<Vec<(Known, Arc<[VersionConflict]>)>>,
    decided: AtomicU64,
    /// How many merges were planned: so tests see that it is few.
    pub(crate) plans: AtomicU64,
}

impl KnownConflicts {
    /// Takes note that something was decided; answers the how manieth time.
    pub(crate) fn decided(&self) -> u64 {
        self.decided.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn find(&self, known: &Known) -> Option<Arc<[VersionConflict]>> {
        let kept = self.kept.lock();
        kept.iter().find(|(of, _)| of == known).map(|(_, found)| Arc::clone(found))
    }

    fn keep(&self, known: Known, found: &Arc<[VersionConflict]>) {
        if found.len() > CONFLICTS_MAX {
            return;
        }
        let mut kept = self.kept.lock();
        kept.retain(|(of, _)| of.line != known.line);
        kept.insert(0, (known, Arc::clone(found)));
        kept.truncate(VERSIONS_MAX);
    }
}

impl Database {
    /// What stands against a merge of this version now, and what was settled of that.
    ///
    /// # Errors
    /// [`VersionError::Trunk`] on the trunk.
    pub fn conflicts(&self) -> Result<Vec<VersionConflict>, VersionError> {
        Ok(self.known_conflicts()?.to_vec())
    }

    /// How many conflicts stand open, where that is known, or cheap to find: no more than `objects_max` objects that
    /// the version ever wrote to, and `commits_max` commits of the parent line since its base. None elsewhere.
    ///
    /// # Errors
    /// [`VersionError::Trunk`] on the trunk.
    pub fn open_conflicts(
        &self,
        objects_max: usize,
        commits_max: usize,
    ) -> Result<Option<usize>, VersionError> {
        let engine = &self.inner.engine;
        let sides = ThreeSides::without_own(engine, self.line, None)?;
        let found = match engine.known.find(&Known::of(engine, &sides)?) {
            Some(found) => found,
            None => {
                let touched = engine.lines.get(self.line, &engine.index)?;
                let is_small = touched.touched_after(None, objects_max + 1).len() <= objects_max;
                if !is_small || self.commits_behind(commits_max + 1)? > commits_max {
                    return Ok(None);
                }
                self.known_conflicts()?
            }
        };
        Ok(Some(found.iter().filter(|conflict| conflict.resolution.is_none()).count()))
    }

    fn known_conflicts(&self) -> Result<Arc<[VersionConflict]>, VersionError> {
        let engine = &self.inner.engine;
        let sides = ThreeSides::without_own(engine, self.line, None)?;
        if let Some(found) = engine.known.find(&Known::of(engine, &sides)?) {
            return Ok(found);
        }
        let sides = ThreeSides::new(engine, self.line, None)?;
        let known = Known::of(engine, &sides)?;
        let plan = sides.plan(&sides.cells, &self.resolutions()?)?;
        engine.know_conflicts(&sides, &plan, known)
    }

    /// How many merges were planned since it was opened.
    #[cfg(any(test, feature = "testing"))]
    pub fn plans(&self) -> u64 {
        self.inner.engine.known.plans.load(Ordering::SeqCst)
    }
}

impl Engine {
    /// The conflicts of a plan, with who made them; kept as what is known.
    pub(crate) fn know_conflicts(
        &self,
        sides: &ThreeSides<'_>,
        plan: &Plan,
        known: Known,
    ) -> Result<Arc<[VersionConflict]>, VersionError> {
        let explained =
            |conflict, by: Option<&Resolution>| self.explain_conflict(sides, conflict, by.cloned());
        let open = plan.conflicts.iter().map(|conflict| explained(conflict, None));
        let settled = plan.settled.iter().map(|(conflict, by)| explained(conflict, Some(by)));
        let found: Arc<[VersionConflict]> = open.chain(settled).collect::<Result<Vec<_>, _>>()?.into();
        self.known.keep(known, &found);
        Ok(found)
    }
}
