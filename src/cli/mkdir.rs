//! `mkdir`: a folder.

use bough::Site;
use bough::core::ObjectPath;
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::request::SiteCommand;

/// Make a folder
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Mkdir {
    /// Path of the new folder
    path: String,
    /// Also make the folders on the way; one that is there already is fine
    #[arg(short, long)]
    parents: bool,
}

impl SiteCommand for Mkdir {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let sentence = format!("Made folder {}", self.path);
        let path = ObjectPath::parse(&self.path).map_err(bough::Error::from)?;
        let written = site.write_noted(asker.note(&sentence), |tx| {
            if !self.parents {
                return tx.add(&self.path, "folder").map(|_| ());
            }
            let mut at = ObjectPath::ROOT;
            for name in path.names() {
                at = at.join(name);
                if !tx.exists(&at.to_string())? {
                    tx.add(&at.to_string(), "folder")?;
                }
            }
            Ok(())
        })?;
        asker.wrote(written.tid, sentence)
    }

    fn writes(&self) -> bool {
        true
    }
}
