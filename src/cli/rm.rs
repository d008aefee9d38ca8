//! `rm`: deletes.

use bough::Site;
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::request::SiteCommand;

/// Delete objects with everything in them, in one commit; `bough undo` brings them back
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Rm {
    /// What to delete
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
}

impl SiteCommand for Rm {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let sentence = format!("Deleted {}", self.paths.join(", "));
        let written = site.write_noted(asker.note(&sentence), |tx| {
            self.paths.iter().try_for_each(|path| tx.delete(path))
        })?;
        asker.wrote(written.tid, sentence)
    }

    fn writes(&self) -> bool {
        true
    }
}
