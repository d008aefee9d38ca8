//! Opening the data folder, and what a new one begins with.

use std::path::Path;

use bough::store::index::IndexError;
use bough::store::{Database, Note, OpenError, OpenReport, Options, ProgressSink};
use bough::{Error, Site};

use super::failure::{Failure, from_open};
use super::screen::{counted, remark};

/// Opens the site in a folder.
pub(crate) fn open(data: &Path, progress: Option<ProgressSink>) -> Result<(Site, OpenReport), Error> {
    let options = Options { progress, ..Options::new(bough::web::built_in_types()) };
    let (database, report) = Database::open(data, options)?;
    Ok((Site::over(database), report))
}

/// Whether another process has the folder, or is just giving it free: the lock goes before the index is closed.
pub(crate) fn is_held(error: &Error) -> bool {
    matches!(error, Error::Open(OpenError::Locked { .. } | OpenError::Index(IndexError::InUse { .. })))
}

/// Why the folder could not be opened, for people.
pub(crate) fn refused(data: &Path, error: Error) -> Failure {
    let failure = Failure::of(&error);
    let (message, mut causes) = (failure.message, failure.causes);
    causes.insert(0, message);
    let message = format!("cannot open the site in `{}`", data.display());
    let failure = Failure { causes, ..Failure::refused(message) };
    match &error {
        Error::Open(error) => from_open(failure, error),
        _ => failure.with_code(super::failure::Code::Folder),
    }
}

/// Why the folder could not be opened because another process has it.
pub(crate) fn locked(data: &Path, holder: Option<u32>) -> Failure {
    refused(data, OpenError::Locked { folder: data.to_owned(), holder }.into())
}

/// Plants the starter site into a new folder, and says what was found in an old one that was not in order.
pub(crate) fn welcome(data: &Path, site: &Site, report: &OpenReport) -> Result<(), Failure> {
    if report.is_new {
        site.write_noted(Note::edit("Planted the starter site"), |tx| Ok(bough::web::starter::plant(tx)?))?;
        remark(&format!("Made a new site in {}", data.display()));
    }
    if let Some(reason) = &report.index_rebuilt {
        let commits = counted(report.commits_replayed, "commit", "commits");
        remark(&format!("The index was built anew from the log ({commits}): {reason}"));
    }
    for damage in &report.damage {
        remark(&format!("warning: the log is damaged: {damage:?}"));
    }
    if report.clock_behind_micros > 86_400_000_000 {
        let hours = report.clock_behind_micros / 3_600_000_000;
        remark(&format!("warning: the clock is {hours} hours behind the last commit"));
    }
    Ok(())
}
