//! `user rm`.

use bough::{AccountKind, Site};
use serde::{Deserialize, Serialize};

use crate::cli::account::{Named, remove};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::request::SiteCommand;

/// Delete a user; `bough undo` brings the same user back, with all rights
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Rm {
    #[command(flatten)]
    user: Named,
}

impl SiteCommand for Rm {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let user = self.user.find(&site.now(), AccountKind::User)?;
        remove(site, &user, asker)
    }
}
