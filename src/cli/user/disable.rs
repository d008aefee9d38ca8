//! `user disable` and `user enable`.

use bough::{AccountKind, Site};
use serde::{Deserialize, Serialize};

use crate::cli::account::{Named, account_name};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::request::SiteCommand;

/// Let a user log in no more; what he did, has and owns stays
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Disable {
    #[command(flatten)]
    user: Named,
}

/// Let a disabled user log in again
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Enable {
    #[command(flatten)]
    user: Named,
}

impl SiteCommand for Disable {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        set_disabled(site, &self.user, true, asker)
    }
}

impl SiteCommand for Enable {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        set_disabled(site, &self.user, false, asker)
    }
}

fn set_disabled(site: &Site, user: &Named, disabled: bool, asker: &mut dyn Asker) -> Result<(), Failure> {
    let user = user.find(&site.now(), AccountKind::User)?;
    let verb = if disabled { "Disabled" } else { "Enabled" };
    let sentence = format!("{verb} user {}", account_name(&user));
    let path = user.path.to_string();
    let written = site.write_noted(asker.note(&sentence), |tx| tx.set_disabled(&path, disabled))?;
    asker.wrote(written.tid, sentence)
}
