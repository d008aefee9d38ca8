//! `user roles`.

use bough::{AccountKind, Site};
use serde::{Deserialize, Serialize};

use crate::cli::account::{Named, change_roles};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::request::SiteCommand;

/// Give a user roles, or take some away: bough user roles ann --add Manager --remove Editor
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Roles {
    #[command(flatten)]
    user: Named,
    /// A role to give; may be given several times
    #[arg(long, value_name = "ROLE", value_delimiter = ',', required_unless_present = "remove")]
    add: Vec<String>,
    /// A role to take away; may be given several times
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    remove: Vec<String>,
}

impl SiteCommand for Roles {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let user = self.user.find(&site.now(), AccountKind::User)?;
        change_roles(site, &user, &self.add, &self.remove, asker)
    }
}
