//! `group rm`.

use bough::{AccountKind, Site};
use serde::{Deserialize, Serialize};

use crate::cli::account::{Named, remove};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::request::SiteCommand;

/// Delete a group: its members stay, without what they had through it; `bough undo` brings it back
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Rm {
    #[command(flatten)]
    group: Named,
}

impl SiteCommand for Rm {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let group = self.group.find(&site.now(), AccountKind::Group)?;
        remove(site, &group, asker)
    }
}
