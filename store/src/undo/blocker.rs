//! What stands against an undo, and the later commits that are the cause.

use bough_core::merge::structure::Violation;
use bough_core::snapshot::{Chain, ReadError, chain, chain_path, path_of};
use bough_core::{CellKey, Content, Name, ObjectPath, Oid, Tid};

use super::UndoError;
use super::plan::Plan;
use crate::engine::{Engine, StoreError, read_error};
use crate::history::HistoryError;
use crate::note::CommitRecord;
use crate::snapshot::Snapshot;
use crate::weave::{Conflict, ConflictReason};

/// How many blockers are named one by one.
pub(super) const BLOCKERS_MAX: usize = 1_000;

/// Something that stands against an undo.
#[derive(Clone, Debug)]
pub struct Blocker {
    /// The object in question.
    pub oid: Oid,
    /// Where it is, or was last.
    pub path: Option<ObjectPath>,
    /// What stands against it.
    pub reason: BlockerReason,
    /// The later commit that is the cause, where one is: undoing that, too, removes the blocker.
    pub later: Option<CommitRecord>,
}

/// What stands against an undo.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockerReason {
    /// A cell was changed again later.
    #[error("`{}` was changed again later", .0.cell)]
    Cell(Box<BlockedCell>),
    /// The object was deleted later.
    #[error("it was deleted later")]
    Deleted,
    /// The container to which it would go back is not there.
    #[error("the place to which it would go back is not there any more")]
    ParentGone,
    /// The name to which it would go back is taken.
    #[error("the name `{name}` is taken by another object")]
    NameTaken {
        /// The name.
        name: Name,
        /// Who has it.
        by: Oid,
    },
    /// It would go away and others stand in it.
    #[error("`{name}` stands in it, which would have no place any more")]
    Child {
        /// One of them.
        name: Name,
        /// The same.
        oid: Oid,
    },
    /// It would go away and another refers to it.
    #[error("{by} refers to it")]
    Referenced {
        /// Who.
        by: Oid,
    },
    /// Objects would contain each other.
    #[error("objects would contain each other")]
    Cycle,
}

/// A cell that was changed again after the undone commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockedCell {
    /// Which.
    pub cell: CellKey,
    /// What it holds now.
    pub now: Option<Content>,
    /// What the undone commit made it.
    pub undone: Option<Content>,
    /// What it was before that.
    pub before: Option<Content>,
}

impl Plan {
    pub(super) fn block_one(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        oid: Oid,
        reason: BlockerReason,
        later: Option<Tid>,
    ) -> Result<(), UndoError> {
        if self.blockers.len() < BLOCKERS_MAX {
            let later = match later {
                Some(tid) => match engine.shown_record(snapshot.view(), tid) {
                    Ok((_, record)) => Some(record),
                    Err(HistoryError::NoSuchCommit(_)) => None,
                    Err(error) => return Err(error.into()),
                },
                None => None,
            };
            self.blockers.push(Blocker { oid, path: last_path(snapshot, oid)?, reason, later });
        }
        Ok(())
    }

    /// Turns what the structure check found into blockers.
    pub(super) fn block(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        conflicts: Vec<Conflict>,
    ) -> Result<(), UndoError> {
        for conflict in conflicts {
            let newest = |oid| engine.revisions(snapshot.line(), oid, None, 1);
            let (reason, cause) = match conflict.reason {
                ConflictReason::Structure(Violation::NameTaken { name, other, .. }) => {
                    (BlockerReason::NameTaken { name, by: other }, Some(other))
                }
                ConflictReason::Structure(Violation::BelowDeleted { deleted, .. }) => {
                    (BlockerReason::ParentGone, Some(deleted))
                }
                ConflictReason::Structure(Violation::Orphan { missing, .. }) => {
                    (BlockerReason::ParentGone, Some(missing))
                }
                ConflictReason::Structure(Violation::Cycle(_)) => (BlockerReason::Cycle, None),
                _ => (BlockerReason::Deleted, None),
            };
            let later = match cause {
                Some(cause) => newest(cause)?.first().copied(),
                None => None,
            };
            self.block_one(engine, snapshot, conflict.oid, reason, later)?;
        }
        Ok(())
    }
}

/// The path of a live object, or the last one of a deleted one as far as its containers tell.
fn last_path(snapshot: &Snapshot, oid: Oid) -> Result<Option<ObjectPath>, ReadError> {
    Ok(match chain(snapshot, oid)? {
        Chain::Live(chain) => Some(chain_path(&chain)),
        _ => former_place(snapshot, oid)?,
    })
}

/// The path that a deleted object had, by its last place and where that container is now.
fn former_place(snapshot: &Snapshot, oid: Oid) -> Result<Option<ObjectPath>, ReadError> {
    let engine = snapshot.engine();
    let error = |error: StoreError| read_error(format!("the history of {oid}"))(error);
    for tid in engine.revisions(snapshot.line(), oid, None, 20).map_err(error)? {
        let was = engine.object(snapshot.line(), oid, tid).map_err(error)?;
        if let Some(place) = was.as_ref().and_then(|object| object.place())
            && let Some(above) = path_of(snapshot, place.parent)?
        {
            return Ok(Some(above.join(&place.name)));
        }
    }
    Ok(None)
}
