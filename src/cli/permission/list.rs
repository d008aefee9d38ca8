//! `permission list`.

use bough::Site;
use serde::{Deserialize, Serialize};

use crate::cli::account::{listed, names};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::Screen;

/// List the permissions, what they are for, and who has them where nothing is said
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct List {}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    permission: String,
    purpose: String,
    /// Who has it where nothing is said.
    roles: Vec<String>,
}

impl SiteCommand for List {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        for (name, spec) in site.database().types().permissions().iter() {
            let (permission, purpose) = (name.to_string(), spec.purpose.to_owned());
            asker.row(&Row { permission, purpose, roles: names(&spec.roles) })?;
        }
        Ok(())
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let Row { permission, purpose, roles } = typed(row)?;
        screen.line(&format!("{permission:<28} {:<24} {purpose}", listed(&roles)))
    }
}
