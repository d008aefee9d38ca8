//! `restore-backup`: a backup becomes a data folder again.

use std::ops::ControlFlow;
use std::path::PathBuf;

use bough::store::restore_backup;

use super::failure::{Code, Failure, quoted};
use super::opening;
use super::progress;
use super::screen::{Screen, counted, size_text};

/// Restore a backup into a new data folder, and check it
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RestoreBackup {
    /// The backup
    backup: PathBuf,
    /// The data folder to make: not there, or empty
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl RestoreBackup {
    pub(crate) fn run(&self, screen: &mut Screen) -> Result<(), Failure> {
        let message = || format!("cannot restore `{}` to `{}`", self.backup.display(), self.folder.display());
        let bar = progress::count("Copying");
        let mut watch = |done, _| {
            bar.set_position(done);
            ControlFlow::Continue(())
        };
        let report = restore_backup(&self.backup, &self.folder, &mut watch)
            .map_err(|error| Failure::because(message(), &error).with_code(Code::Folder))?;
        bar.finish_and_clear();
        let files = counted(report.files_copied, "file", "files");
        screen.remark(&format!("{files} copied ({}); checking", size_text(report.bytes_copied)));
        let (site, _) =
            opening::open(&self.folder, None).map_err(|error| opening::refused(&self.folder, error))?;
        let database = site.database();
        let checked = database
            .check(&mut bough::store::unwatched)
            .map_err(|error| Failure::because(message(), &error))?;
        let head = database.head();
        database.close().map_err(|error| Failure::because(message(), &error))?;
        if !checked.is_sound() {
            let faults = counted(checked.faults_total, "thing is", "things are");
            return Err(Failure::new(Code::Folder, format!("restored, but {faults} not as it must be"))
                .advise(format!("bough --data {} check", quoted(&self.folder.display().to_string()))));
        }
        let objects = counted(checked.objects, "object", "objects");
        screen.line(&format!("Restored the site as of {head}: {objects}, all sound"))?;
        screen.line(&format!(
            "serve it with: bough --data {} serve",
            quoted(&self.folder.display().to_string())
        ))
    }
}
