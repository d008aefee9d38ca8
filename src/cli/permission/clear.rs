//! `permission clear`.

use bough::Site;
use bough::core::CellKey;
use serde::{Deserialize, Serialize};

use crate::cli::asker::Asker;
use crate::cli::failure::{Failure, quoted};
use crate::cli::request::SiteCommand;
use crate::cli::rights::permission_name;

/// Say nothing about a permission at an object any more, so that those have it who have it above
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Clear {
    /// Path of the object
    path: String,
    /// The permission
    permission: String,
}

impl SiteCommand for Clear {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let permission = permission_name(site, &self.permission)?;
        let object = site.get(&self.path)?;
        if object.object().cell(&CellKey::Permission(permission.clone())).is_none() {
            let message = format!("`{}` itself says nothing about permission {permission}", self.path);
            let advice = format!("bough permission show {}", quoted(&self.path));
            return Err(Failure::not_found(message).advise(advice));
        }
        let sentence = format!("Cleared permission {permission} of {}", self.path);
        let written = site.write_noted(asker.note(&sentence), |tx| {
            tx.set_permission(&self.path, permission.as_str(), None)
        })?;
        asker.wrote(written.tid, sentence)
    }
}
