//! `group add`.

use bough::Site;
use serde::{Deserialize, Serialize};

use crate::cli::account::InFolder;
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::request::SiteCommand;
use crate::cli::rights::{role_names, roles_text};

/// Add a group: bough group add staff --role Editor
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Add {
    /// The name
    name: String,
    #[command(flatten)]
    folder: InFolder,
    /// A role that all members have; may be given several times
    #[arg(long = "role", value_name = "ROLE", value_delimiter = ',')]
    roles: Vec<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
}

impl SiteCommand for Add {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let folder = &self.folder.folder;
        let roles = role_names(&self.roles)?;
        site.get(folder)?;
        let place = if folder == "/" { String::new() } else { format!(" in {folder}") };
        let with = if roles.is_empty() { String::new() } else { format!(", with {}", roles_text(&roles)) };
        let sentence = format!("Added group {}{place}{with}", self.name);
        let written = site.write_noted(asker.note(&sentence), |tx| {
            tx.add_group(folder, &self.name, roles.iter().map(bough::core::Name::as_str))?;
            let path = bough::users_path(folder)?.join(&bough::core::Name::new(&self.name)?).to_string();
            self.title.as_ref().map_or(Ok(()), |title| tx.set(&path, "title", title.as_str()))
        })?;
        asker.wrote(written.tid, sentence)
    }

    fn writes(&self) -> bool {
        true
    }
}
