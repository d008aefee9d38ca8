//! `version detach`: so that a version which nobody brings up to date holds back no `pack`.

use bough::Site;
use bough::core::Tid;
use serde::{Deserialize, Serialize};

use super::row::{Done, print_done};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::request::SiteCommand;
use crate::cli::screen::Screen;

/// Let a version lie on the parent line as it is now, without merging, so that `pack` can forget what was before
///
/// Nothing that the version changed is lost, nor what stands against it. But where it changed nothing it shows the
/// parent line as it is now. Where that is wanted and nothing stands against it, `version update` is the better way.
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Detach {
    /// The version
    name: String,
    /// As of this commit of the parent line instead of now
    #[arg(long, value_name = "TID")]
    to: Option<String>,
}

impl SiteCommand for Detach {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let to: Option<Tid> = self
            .to
            .as_ref()
            .map(|to| to.parse())
            .transpose()
            .map_err(|error: bough::core::tid::ParseTidError| Failure::usage(error.to_string()))?;
        let version = site.version(&self.name)?;
        let sentence = format!("Detached version {} from what was before", self.name);
        let tid = version.database().detach(to, asker.note(&sentence))?;
        let done = match tid {
            Some(_) => Done::new(tid, sentence)
                .next("look at it with", format!("version show {}", self.name))
                .next("forget what nothing needs any more with", "pack --before now --dry-run".into()),
            None => Done::new(None, format!("Nothing changed: version {} lies there already", self.name)),
        };
        asker.row(&done)
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        print_done(row, screen)
    }
}
