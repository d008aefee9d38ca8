//! Undo: taking back any set of commits at any later time, as a new commit.
//!
//! For each cell that the commits changed, from the newest to the oldest: where it still is as the commit left it, it
//! goes back to what it was before; where it is that already, it stays; else the values merge (base = after, left =
//! now, right = before), or stand as a *blocker* that names the later commit. Then the tree is checked. Redo is the
//! undo of the undo.
//!
//! Where the newest record of an object is one of the undone commits', nothing is compared or copied: the new record
//! only points back. So an import of any number of objects is taken back by reading its heads.

mod after;
mod blocker;
mod object;
mod plan;
mod preview;
mod vanish;

use std::sync::Arc;

use bough_core::security::Authority;
use bough_core::snapshot::ReadError;
use bough_core::{CellKey, Content, Oid, Tid};

use crate::commit::{CommitError, append_and_show, check_open, next_tid};
use crate::database::Database;
use crate::draft::Stage;
use crate::engine::StoreError;
use crate::format::body::FactsDisk;
use crate::history::HistoryError;
use crate::log::Log;
use crate::note::{Kind, Note};
use crate::version::reopening;
use crate::weave::{Conflict, Origin, Overlay, denials};

use plan::plan;

pub(crate) use after::After;
pub(crate) use blocker::BlockedCell;
pub use blocker::{Blocker, BlockerReason};
pub use preview::{CellDelta, PREVIEW_MAX, UndoPlan, UrlDelta};

/// What to do about blockers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoChoices {
    /// Cells that stay as they are.
    pub skip: Vec<(Oid, CellKey)>,
    /// Cells that get this content; none clears them.
    pub choose: Vec<(Oid, CellKey, Option<Content>)>,
    /// Whether objects may go away although others refer to them.
    pub allow_dangling: bool,
    /// Whether the undo of a merge gives the version back what it had merged, so that it can be merged again.
    pub reopen: bool,
}

impl UndoChoices {
    /// Whether something was chosen about that cell.
    pub(crate) fn decides(&self, oid: Oid, key: &CellKey) -> bool {
        self.skip.iter().any(|(of, skipped)| *of == oid && skipped == key)
            || self.choose.iter().any(|(of, chosen, _)| *of == oid && chosen == key)
    }
}

impl Default for UndoChoices {
    fn default() -> Self {
        Self { skip: Vec::new(), choose: Vec::new(), allow_dangling: false, reopen: true }
    }
}

/// Why an undo was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UndoError {
    /// Something stands against it. Nothing was changed.
    #[error("cannot undo: {} thing(s) stand against it", .blockers.len())]
    Blocked {
        /// What.
        blockers: Vec<Blocker>,
    },
    /// No commit was named.
    #[error("cannot undo: no commit was named")]
    Nothing,
    /// The making of the site cannot be taken back.
    #[error("cannot undo {0}: it made the site")]
    Creation(Tid),
    /// A commit changed what a version is, not what is in it: there are other ways to change that.
    #[error("cannot undo {tid}: {}", of_version_text(.word))]
    OfVersion {
        /// Which commit.
        tid: Tid,
        /// Its kind.
        word: &'static str,
    },
    /// A commit is not there or packed away.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The undo could not be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

fn of_version_text(word: &str) -> &'static str {
    match word {
        "open" => "it opened the version; discard that instead",
        "update" => "it brought the version up to its parent line, of which it cannot be taken away again",
        "merge" => "it is the merge of this version; undo it on the line into which it was merged",
        _ => "it changed the name, owner or status of the version; change those again instead",
    }
}

impl From<StoreError> for UndoError {
    fn from(error: StoreError) -> Self {
        Self::History(error.into())
    }
}

impl From<ReadError> for UndoError {
    fn from(error: ReadError) -> Self {
        StoreError::from(error).into()
    }
}

impl Database {
    /// Says what taking back these commits would do, and what stands against it.
    ///
    /// # Errors
    /// When a commit is not there or packed away, or the store cannot be read.
    pub fn undo_preview(&self, of: &[Tid], choices: &UndoChoices) -> Result<UndoPlan, UndoError> {
        self.undo_preview_under(of, choices, None)
    }

    /// The same, asking somebody whether it may be done.
    ///
    /// # Errors
    /// As [`Database::undo_preview`], and [`CommitError::Denied`].
    pub fn undo_preview_under(
        &self,
        of: &[Tid],
        choices: &UndoChoices,
        authority: Option<Arc<dyn Authority>>,
    ) -> Result<UndoPlan, UndoError> {
        let engine = &self.inner.engine;
        let snapshot = self.snapshot();
        let mut plan = plan(engine, &snapshot, of, choices)?;
        if plan.blockers.is_empty() {
            let mut overlay = Overlay::new(engine, self.line)?;
            let note = Note { authority, ..Note::edit("") };
            let mut stage = Stage::new(Arc::clone(engine));
            let origin = Origin::new(&mut stage, &note, (Tid::MAX, 0));
            if let Err(conflicts) = plan.weave(&mut overlay, origin)? {
                refuse_denied(&conflicts)?;
                plan.block(engine, &snapshot, conflicts)?;
            }
        }
        plan.preview(engine, &snapshot)
    }

    /// Takes back these commits, in one new commit. None if they left no trace that could be taken back.
    ///
    /// # Errors
    /// [`UndoError::Blocked`] with everything that stands against it, [`CommitError::VersionClosed`] in a version that is
    /// not open; nothing was changed.
    pub fn undo(&self, of: &[Tid], choices: &UndoChoices, note: Note) -> Result<Option<Tid>, UndoError> {
        let engine = &self.inner.engine;
        engine.index.wait_for_room().map_err(|error| CommitError::Index(Arc::new(error)))?;
        // Planned while nobody else commits: what is checked is what is done.
        let _lead = self.inner.committer.lead();
        check_open(engine, self.line)?;
        let snapshot = self.snapshot();
        let mut plan = plan(engine, &snapshot, of, choices)?;
        let note = Note { kind: Kind::Undo { of: plan.of.clone() }, ..note };
        let mut stage = Stage::new(Arc::clone(engine));
        if plan.blockers.is_empty() {
            for (_, content) in plan.merged.iter_mut().flat_map(|change| &mut change.cells) {
                stage.set_content_aside(content).map_err(CommitError::from)?;
            }
            let (tid, now) = next_tid(engine, engine.log.last_tid());
            let mut overlay = Overlay::new(engine, self.line)?;
            let mut own_stage = Stage::new(Arc::clone(engine));
            let reopened = match choices.reopen {
                true => {
                    let origin = (&note, (tid, now));
                    let after = After::new(engine, self.line, &plan);
                    reopening(engine, self.line, &plan.of, choices, origin, &mut own_stage, &after)?
                }
                false => Vec::new(),
            };
            let origin = Origin::new(&mut stage, &note, (tid, now));
            let origin = reopened.into_iter().fold(origin, Origin::together_with);
            match plan.weave(&mut overlay, origin)? {
                Ok(None) => return Ok(None),
                Ok(Some(woven)) => {
                    let shown = append_and_show(engine, vec![woven], &mut [own_stage, stage]);
                    return shown.map(|()| Some(tid)).map_err(|failure| failure.to_error().into());
                }
                Err(conflicts) => {
                    refuse_denied(&conflicts)?;
                    plan.block(engine, &snapshot, conflicts)?;
                }
            }
        }
        Err(UndoError::Blocked { blockers: plan.blockers })
    }
}

fn refuse_denied(conflicts: &[Conflict]) -> Result<(), CommitError> {
    denials(conflicts).map_or(Ok(()), |denials| Err(CommitError::Denied(denials)))
}

/// One undone commit's part in an object.
pub(crate) struct Touch {
    pub(crate) tid: Tid,
    pub(crate) facts: FactsDisk,
}
