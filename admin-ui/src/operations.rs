//! What only the program that serves a site can do for its management pages.

use std::fmt::Debug;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use bough_core::security::Authority;
use bough_core::{Oid, Tid};
use bough_web::ContentPolicy;

use crate::tasks::Progress;

/// What only the program can do: it knows where the site lives, and how files become objects. Where there is none, as for
/// a site in memory, the pages offer nothing that takes it.
pub trait Operations: Debug + Send + Sync {
    /// The folder that the site lives in.
    fn data_folder(&self) -> &Path;

    /// Imports a ZIP archive, as one commit. Stops without having changed anything where `progress` breaks off.
    ///
    /// # Errors
    /// When it cannot be imported as asked: then nothing was changed.
    fn import_archive(&self, import: ArchiveImport, progress: &Progress) -> Result<Imported, OperationError>;
}

/// An archive to be imported, and how.
pub struct ArchiveImport {
    /// The archive: a file that is this import's own.
    pub archive: File,
    /// What it is called.
    pub name: String,
    /// The version into which; none is the public site.
    pub version: Option<String>,
    /// The path of the folder into which: one that is there, or a new one in one that is there.
    pub into: String,
    /// What is said about how far it is trusted.
    pub policy: Option<ContentPolicy>,
    /// Whether what is there and not in the archive is deleted.
    pub delete: bool,
    /// Whether what cannot be imported is left out, in place of importing nothing.
    pub skip_bad: bool,
    /// Who imports, for the commit.
    pub principal: String,
    /// What he may.
    pub authority: Arc<dyn Authority>,
    /// The user to whom belongs what is added.
    pub maker: Option<Oid>,
}

/// What an import did.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// The commit; none if nothing changed.
    pub commit: Option<Tid>,
    /// What the commit says.
    pub sentence: String,
    /// Objects that are new.
    pub added: u64,
    /// Objects that were changed.
    pub changed: u64,
    /// Objects that were deleted, with what was in them.
    pub deleted: u64,
    /// Objects that were as in the archive already.
    pub left: u64,
    /// How far its HTML is trusted there.
    pub policy: ContentPolicy,
    /// What of the archive cannot be imported, and why.
    pub left_out: Vec<String>,
}

/// Why an operation could not be done, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct OperationError {
    /// What was attempted and why it did not succeed.
    pub message: String,
    /// What stands in the way, one by one.
    pub causes: Vec<String>,
}
