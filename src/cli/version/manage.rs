//! `version rename`, `transfer`, `close`, `reopen`: what a version is called, whose it is, and whether it is open.

use bough::store::LineStatus;
use bough::web::{version_key_with_number, versions_to_reopen};
use bough::{Management, Site, VersionInfo};
use serde::{Deserialize, Serialize};

use super::row::{Done, check_owner, closed_key, print_done};
use crate::cli::asker::Asker;
use crate::cli::failure::{Code, Failure};
use crate::cli::request::SiteCommand;
use crate::cli::screen::{Screen, counted};

/// How many versions of one name are told.
const KEYS_MAX: usize = 20;

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
            Some(to) => format!("version rename {to} {}", site.version(&self.name)?.info()?.name),
            None => format!("version rename {} --title TEXT", self.name),
        };
        manage(site, &self.name, &change, sentence, ("change it back with", back), "so", asker)
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        print_done(row, screen)
    }
}

impl SiteCommand for Transfer {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        check_owner(site, &self.owner)?;
        let change = Management { owner: Some(self.owner.clone()), ..Management::default() };
        let sentence = format!("Gave version {} to {}", self.name, self.owner);
        let show = ("look at it with", format!("version show {}", self.name));
        manage(site, &self.name, &change, sentence, show, "so", asker)
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        print_done(row, screen)
    }
}

impl SiteCommand for Close {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let change = Management { status: Some(LineStatus::Closed), ..Management::default() };
        let version = site.version(&self.name)?;
        let changed = version.database().own_changes(0, 0)?.total as u64;
        let left = match changed {
            0 => String::new(),
            _ => {
                format!(" with {} that are not merged", counted(changed, "changed object", "changed objects"))
            }
        };
        let sentence = format!("Closed version {}{left}", self.name);
        let back = ("open it again with", format!("version reopen {}", closed_key(&version)?));
        manage(site, &self.name, &change, sentence, back, "closed", asker)
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        print_done(row, screen)
    }
}

impl SiteCommand for Reopen {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let change = Management { status: Some(LineStatus::Open), ..Management::default() };
        let closed = versions_to_reopen(site.database(), &self.name)?;
        if !closed.is_empty() {
            return Err(self.which(site, &closed)?);
        }
        let info = site.version(&self.name)?.info()?;
        let sentence = format!("Opened version {} again", self.name);
        let show = ("look at it with", format!("version show {}", info.name));
        manage(site, &self.name, &change, sentence, show, "open", asker).map_err(|mut failure| {
            if site.version(&info.name).is_ok_and(|other| other.database().line() != info.line) {
                failure.advice = vec![format!("bough version rename {} NEWNAME", self.name)];
            }
            failure
        })
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        print_done(row, screen)
    }
}

impl Reopen {
    /// What to say where several versions have the name.
    fn which(&self, site: &Site, closed: &[VersionInfo]) -> Result<Failure, Failure> {
        let is_open = site.version(&self.name)?.info()?.status == LineStatus::Open;
        let keys = closed.iter().take(KEYS_MAX).map(version_key_with_number);
        let told = keys.clone().zip(closed).map(|(key, info)| format!("{key} ({})", info.status.word()));
        let told = told.collect::<Vec<_>>().join(", ");
        let message = match is_open {
            true => format!("version {} is open; of those that had its name, there are {told}", self.name),
            false => format!("several versions have the name {}: {told}", self.name),
        };
        let failure = Failure::new(Code::Conflict, message);
        Ok(keys.fold(failure, |failure, key| failure.advise(format!("bough version reopen {key}"))))
    }
}

/// `so` is how the version is where nothing changes.
fn manage(
    site: &Site,
    name: &str,
    change: &Management,
    sentence: String,
    (what_for, command): (&str, String),
    so: &str,
    asker: &mut dyn Asker,
) -> Result<(), Failure> {
    let tid = site.version(name)?.database().manage_version(change, asker.note(&sentence))?;
    let done = match tid {
        Some(_) => Done::new(tid, sentence).next(what_for, command),
        None => Done::new(None, format!("Nothing changed: version {name} is {so} already")),
    };
    asker.row(&done)
}
