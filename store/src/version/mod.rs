//! Versions: private lines of the whole site, which are compared, updated, merged and thrown away.
//!
//! A version costs nothing to make and locks nobody out: it holds only what was changed in it. Reading order: `open`
//! (making one, finding it, what it is), `own_cells` (what it holds), `reconcile` (update and merge), `discard`,
//! `compare` (what differs between two lines at any two times), `resolutions` (what people decided about conflicts),
//! `known` (the conflicts that were found last).

mod compare;
mod detach;
mod discard;
mod known;
mod open;
mod own_cells;
mod reconcile;
mod resolutions;
mod take_back;

#[cfg(test)]
mod edges_tests;
#[cfg(test)]
mod resolutions_tests;
#[cfg(test)]
mod tests;

use bough_core::merge::plan::{Conflict, ConflictKey, Notice, Resolution};
use bough_core::security::Denial;
use bough_core::snapshot::ReadError;
use bough_core::{CellKey, ObjectPath, Oid, Tid};

use crate::commit::CommitError;
use crate::draft::BlobError;
use crate::engine::StoreError;
use crate::history::HistoryError;
use crate::line::{LineId, LineStatus};
use crate::snapshot::Snapshot;
use crate::undo::{CellDelta, UrlDelta};
use crate::weave;

pub use compare::{Differences, OwnPart};
pub use discard::Discarded;
pub(crate) use known::KnownConflicts;
pub use open::Management;
pub use open::{DEPTH_MAX, NewVersion, TRUNK_NAME, VERSION_NAME_BYTES_MAX, VERSION_TEXT_BYTES_MAX};
pub use reconcile::MergeChoice;
pub use resolutions::{Decided, NotSettled, Resolved, WhyNot, conflict_id};
pub(crate) use take_back::{OwnBack, own_back, reopening};

/// What a version is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionInfo {
    /// Its number, which no other version ever has.
    pub line: LineId,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub title: String,
    /// Who is answerable for it.
    pub owner: String,
    /// The line that it is merged into: the one that it was made on, or, where that is closed, the one below.
    pub parent: LineId,
    /// The name of that line, if it is a version.
    pub parent_name: Option<String>,
    /// The commit of the line below that it shows where it changed nothing.
    pub base: Tid,
    /// What can be done with it.
    pub status: LineStatus,
    /// When it was opened.
    pub opened: Tid,
    /// The last commit on it.
    pub changed: Tid,
    /// The oldest commit of the trunk that it needs: pack keeps everything from there on.
    pub needs: Tid,
}

/// Why something could not be done with a version.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VersionError {
    /// There is no version of that name.
    #[error("there is no version `{name}`{}", similar_text(.similar))]
    NoSuchVersion {
        /// The name.
        name: String,
        /// Names that are like it.
        similar: Vec<String>,
    },
    /// Such a name cannot be had.
    #[error(
        "`{0}` cannot be the name of a version: expected 1 to 40 lower-case letters, digits and hyphens, beginning and ending with a letter or digit, and not `trunk`, which stands for the public site"
    )]
    BadName(String),
    /// Another open version has that name.
    #[error("there is an open version `{0}` already")]
    NameTaken(String),
    /// Too many versions would lie on each other.
    #[error(
        "cannot open a version on `{parent}`: {DEPTH_MAX} versions lie on each other there, and no more can"
    )]
    TooDeep {
        /// The version below.
        parent: String,
    },
    /// The trunk is no version.
    #[error("this is the public site, not a version")]
    Trunk,
    /// It is not open, or open and should not be.
    #[error("version `{name}` is {}", .status.word())]
    Status {
        /// Its name.
        name: String,
        /// How it stands.
        status: LineStatus,
    },
    /// A title or an owner is too long to be kept.
    #[error("the {what} of a version has at most {} bytes, not {bytes}", VERSION_TEXT_BYTES_MAX)]
    TooLong {
        /// Which text.
        what: &'static str,
        /// How long it is.
        bytes: usize,
    },
    /// Other versions lie on it, and what it holds is not merged.
    #[error("other versions lie on it, and would be merged past what it holds: {}", .0.join(", "))]
    HasVersions(Vec<String>),
    /// Nothing is left of what it held.
    #[error("version `{name}` is {}, and what it held is packed away", .status.word())]
    PackedAway {
        /// Its name.
        name: String,
        /// How it stands.
        status: LineStatus,
    },
    /// Over a later base the version would show no tree. Nothing was changed.
    #[error(
        "over what the parent line has by now, {} thing(s) of the version would not stand where it has them: \
         update it instead, which settles that",
        .0.len()
    )]
    DoesNotFit(Vec<weave::Conflict>),
    /// A version does not go back on its parent line.
    #[error("cannot bring the version to {asked}: it goes with the parent line from {oldest} on")]
    TooOld {
        /// The commit that was asked for.
        asked: Tid,
        /// The oldest one that it can be brought to.
        oldest: Tid,
    },
    /// Something stands against it. Nothing was changed.
    #[error("{} conflict(s) have to be settled first", .0.conflicts.len())]
    Conflicts(Box<MergePlan>),
    /// There is no such conflict, or not any more.
    #[error("there is no conflict {0}")]
    NoSuchConflict(String),
    /// Decisions do not go with their conflicts, or make new ones. Nothing was kept.
    #[error("that does not settle {}", not_settled_text(.0))]
    DoesNotSettle(Vec<NotSettled>),
    /// The selected changes do not go together by themselves. Nothing was changed.
    #[error("what was selected does not go together by itself: {} thing(s) stand against it", .0.len())]
    Incomplete(Vec<weave::Conflict>),
    /// The version holds nothing of what was selected.
    #[error("the version changed nothing of what was selected")]
    NothingSelected,
    /// The past did not answer.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// It could not be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

fn similar_text(similar: &[String]) -> String {
    if similar.is_empty() { String::new() } else { format!(" (there is {})", similar.join(", ")) }
}

fn not_settled_text(refused: &[NotSettled]) -> String {
    match refused {
        [one] => format!("the conflict {}: {}", one.id, one.why.text()),
        many => format!("{} conflicts", many.len()),
    }
}

impl VersionError {
    /// What stands against a merge that is planned.
    fn of(conflicts: Vec<weave::Conflict>) -> Self {
        match weave::denials(&conflicts) {
            Some(denials) => CommitError::Denied(denials).into(),
            None => Self::Incomplete(conflicts),
        }
    }
}

impl From<StoreError> for VersionError {
    fn from(error: StoreError) -> Self {
        Self::History(error.into())
    }
}

impl From<ReadError> for VersionError {
    fn from(error: ReadError) -> Self {
        StoreError::from(error).into()
    }
}

impl From<BlobError> for VersionError {
    fn from(error: BlobError) -> Self {
        Self::Commit(error.into())
    }
}

/// A part of what a version changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Everything of this object.
    Object(Oid),
    /// Everything of this object and of all that stands in it.
    Below(Oid),
    /// One cell.
    Cell(Oid, CellKey),
}

/// Who made something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The commit.
    pub tid: Tid,
    /// On which line.
    pub line: LineId,
    /// When, by the clock, in microseconds since 1970.
    pub time_micros: u64,
    /// Who; empty for nobody in particular.
    pub principal: String,
    /// What was done.
    pub sentence: String,
}

/// A conflict of a version with its parent line, and who made both sides.
#[derive(Clone, Debug)]
pub struct VersionConflict {
    /// A short text that stands for it.
    pub id: String,
    /// Which it is and what the sides made of it.
    pub conflict: Conflict,
    /// The object in question, in the version, else on the parent line.
    pub path: Option<ObjectPath>,
    /// The last commit of the version that had a part in it.
    pub version: Option<Made>,
    /// The last commit of the parent line that had a part in it.
    pub parent: Option<Made>,
    /// What was decided about it.
    pub resolution: Option<Resolution>,
}

/// What a merge or an update would do.
#[derive(Clone, Debug)]
pub struct MergePlan {
    /// The line that is written to.
    pub into: LineId,
    /// The commit of the parent line that it was planned over.
    pub over: Tid,
    /// How many objects change on the parent line, or differ from it.
    pub objects: u64,
    /// The cells of the parent line that change, the first [`crate::PREVIEW_MAX`] of them.
    pub cells: Vec<CellDelta>,
    /// The URLs of the objects that change, the first [`crate::PREVIEW_MAX`] of them.
    pub urls: Vec<UrlDelta>,
    /// What nobody has settled yet; with any, nothing is done.
    pub conflicts: Vec<VersionConflict>,
    /// What was settled.
    pub settled: Vec<VersionConflict>,
    /// What is worth knowing.
    pub notices: Vec<Notice>,
    /// Objects that others go on referring to, although they go away: who refers, and to whom.
    pub dangling: Vec<(Oid, Oid)>,
    /// Objects that come along although they were not selected, as what was selected stands in them.
    pub along: Vec<Oid>,
    /// What is worth knowing of who may do what, of the first [`crate::PREVIEW_MAX`] objects.
    pub rights: Vec<RightsNotice>,
    /// What whoever asks may not do; with any, nothing is done. Empty where nobody was asked about it.
    pub denied: Vec<Denial>,
}

/// A merge that is planned, and what it would make of the parent line.
pub struct MergeOutlook {
    /// What it would do.
    pub plan: MergePlan,
    /// The parent line as it is.
    pub before: Snapshot,
    /// The parent line as it would be. What is read of it must not be kept for longer than it is.
    pub after: Snapshot,
    /// The objects in which the two differ, in no order.
    pub changed: Vec<Oid>,
}

/// Something about who may do what that a merge does not decide and people may not expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RightsNotice {
    /// The parent line changed who may do what in the container since the version's base: that holds for what the
    /// version adds there, too.
    Changed {
        /// What the version adds.
        oid: Oid,
        /// The container.
        container: Oid,
    },
    /// The owner is no user any more, so that nobody has an owner's rights.
    Unowned {
        /// Whose owner.
        oid: Oid,
        /// Who it was.
        owner: Oid,
    },
}

/// What a merge or an update did.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The commit; none if there was nothing to do, also where a merge left the parent line as it was.
    pub tid: Option<Tid>,
    /// What it did.
    pub plan: MergePlan,
}

/// A name of which a conflict is about.
pub(crate) fn conflict_object(key: &ConflictKey) -> Option<Oid> {
    match key {
        ConflictKey::Cell(oid, _) | ConflictKey::Deleted(oid) | ConflictKey::Type(oid) => Some(*oid),
        ConflictKey::Name { oid, .. } => Some(*oid),
        ConflictKey::Cycle(oids) => oids.first().copied(),
    }
}
