//! `cp`: copies.

use bough::Site;
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::mv::destination;
use super::request::SiteCommand;
use super::screen::counted;

/// Copy an object and everything in it
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Cp {
    /// What to copy
    from: String,
    /// Path of the copy, or a folder to put it into
    to: String,
}

impl SiteCommand for Cp {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let to = destination(site, &self.from, &self.to)?;
        let sentence = format!("Copied {} to {to}", self.from);
        let written = site.write_noted(asker.note(&sentence), |tx| tx.copy(&self.from, &to))?;
        let objects = counted(written.value, "object", "objects");
        asker.wrote(written.tid, format!("{sentence}: {objects}"))
    }

    fn writes(&self) -> bool {
        true
    }
}
