//! Bough's store: the commit log is the database, an index over it finds things.
//!
//! Reading order: `disk` (what bytes lie on), `log` (frames in order), `index` (where things are), `format`, `keys` and
//! `frames` (what is in them), `engine` (how they work together), then what gives them meaning: `snapshot` (reading), `draft`,
//! `weave` and `commit` (writing), `history`, `former`, `overrun` and `undo`. `database` is the face.
//!
//! `FORMAT.md` beside this crate says byte by byte what lies on the disk.

mod backup;
mod blob;
mod cache;
mod check;
mod commit;
mod database;
pub mod disk;
mod draft;
mod engine;
mod format;
mod former;
mod frames;
mod history;
pub mod index;
mod keys;
mod line;
pub mod log;
mod note;
mod overrun;
mod own;
mod pack;
mod replay;
mod restore;
mod scopes;
mod side;
mod snapshot;
mod spread;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod undo;
pub mod version;
mod view;
mod weave;

#[cfg(test)]
mod database_tests;
#[cfg(test)]
mod rights_tests;
#[cfg(test)]
mod undo_tests;
#[cfg(test)]
mod upkeep_tests;

pub use backup::{BackupError, BackupFolder, BackupReport, BackupTarget, restore_backup};
pub use check::{CheckReport, Fault, Watch, unwatched};
pub use commit::CommitError;
pub use database::{Database, OpenError, OpenReport, Options, Status, SystemClock, UuidSource};
pub use draft::{BlobError, Draft};
pub use engine::StoreError;
pub use format::FormatError;
pub use former::DeletedChildren;
pub use history::{HistoryError, ObjectDelta};
pub use line::{LineId, LineStatus};
pub use note::{CommitRecord, Kind, Note, SENTENCE_BYTES_MAX};
pub use overrun::{OVERRUNS_MAX, Overrun, Overruns};
pub use pack::{PackError, PackReport};
pub use replay::{Progress, ProgressSink};
pub use restore::VisitStanding;
pub use side::{SIDE_KEY_BYTES_MAX, SideWrite, side_space};
pub use snapshot::{BlobFile, Body, Snapshot};
pub use undo::{Blocker, BlockerReason, CellDelta, PREVIEW_MAX, UndoChoices, UndoError, UndoPlan, UrlDelta};
pub use weave::{Conflict, ConflictReason};
