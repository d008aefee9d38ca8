//! `version rename`, `transfer`, `close`, `reopen`: what a version is called, whose it is, and whether it is open.

use bough::store::LineStatus;
use bough::{Management, Site};
use serde::{Deserialize, Serialize};

use super::row::{Done, print_done};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::request::SiteCommand;
use crate::cli::screen::{Screen, counted};

/// Give a version another name or title
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Rename {
    /// The version
    name: String,
    /// Its new name
    #[arg(value_name = "NEWNAME", required_unless_present = "title")]
    to: Option<String>,
    /// Its new title
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
}

/// Give a version to another owner
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Transfer {
    /// The version
    name: String,
    /// Who is answerable for it from now on
    owner: String,
}

/// Close a version: it can be looked at, and opened again
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Close {
    /// The version
    name: String,
}

/// Open a closed or discarded version again
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Reopen {
    /// The version
    name: String,
}

impl SiteCommand for Rename {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let change = Management { name: self.to.clone(), title: self.title.clone(), ..Management::default() };
        let sentence = match (&self.to, &self.title) {
            (Some(to), _) => format!("Renamed version {} to {to}", self.name),
            (None, _) => format!("Changed the title of version {}", self.name),
        };
        let back = match &self.to {
            Some(to) => format!("version rename {to} {}", self.name),
            None => format!("version rename {} --title TEXT", self.name),
        };
        manage(site, &self.name, &change, sentence, ("change it back with", back), asker)
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        print_done(row, screen)
    }
}

impl SiteCommand for Transfer {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let change = Management { owner: Some(self.owner.clone()), ..Management::default() };
        let sentence = format!("Gave version {} to {}", self.name, self.owner);
        let show = ("look at it with", format!("version show {}", self.name));
        manage(site, &self.name, &change, sentence, show, asker)
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        print_done(row, screen)
    }
}

impl SiteCommand for Close {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let change = Management { status: Some(LineStatus::Closed), ..Management::default() };
        let changed = site.version(&self.name)?.database().own_changes(0, 0)?.total as u64;
        let left = match changed {
            0 => String::new(),
            _ => {
                format!(" with {} that are not merged", counted(changed, "changed object", "changed objects"))
            }
        };
        let sentence = format!("Closed version {}{left}", self.name);
        let back = ("open it again with", format!("version reopen {}", self.name));
        manage(site, &self.name, &change, sentence, back, asker)
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        print_done(row, screen)
    }
}

impl SiteCommand for Reopen {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let change = Management { status: Some(LineStatus::Open), ..Management::default() };
        let sentence = format!("Opened version {} again", self.name);
        let show = ("look at it with", format!("version show {}", self.name));
        manage(site, &self.name, &change, sentence, show, asker)
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        print_done(row, screen)
    }
}

fn manage(
    site: &Site,
    name: &str,
    change: &Management,
    sentence: String,
    (what_for, command): (&str, String),
    asker: &mut dyn Asker,
) -> Result<(), Failure> {
    let tid = site.version(name)?.database().manage_version(change, asker.note(&sentence))?;
    let done = match tid {
        Some(_) => Done::new(tid, sentence).next(what_for, command),
        None => Done::new(None, format!("Nothing changed: version {name} is so already")),
    };
    asker.row(&done)
}
