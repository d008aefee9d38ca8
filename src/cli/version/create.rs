//! `version create`.

use bough::core::Tid;
use bough::{Moment, NewVersion, Site};
use serde::{Deserialize, Serialize};

use super::row::{Done, check_owner, line_text, print_done};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::moment::{When, parse_past};
use crate::cli::request::SiteCommand;
use crate::cli::screen::Screen;

/// Make a version of the site, or of another version; it takes the same time whatever the size of the site
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Create {
    /// What it is called: 1 to 40 lower-case letters, digits and hyphens
    name: String,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "")]
    title: String,
    /// Who is answerable for it; you if nobody is named
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Make it of this version, not of the public site; it is then merged into that
    #[arg(long, value_name = "VERSION")]
    from: Option<String>,
    /// Let it show the site as it was: a TID, a time ("2026-11-22 10:30"), or how long ago ("2h ago")
    #[arg(long, value_name = "TID|TIME", value_parser = parse_past)]
    at: Option<When>,
}

impl SiteCommand for Create {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let below = match &self.from {
            Some(name) => Site::clone(&*site.version(name)?),
            None => site.clone(),
        };
        let at: Option<Tid> = match self.at.map(When::moment) {
            None => None,
            Some(Moment::Tid(tid)) => Some(tid),
            Some(Moment::Micros(micros)) => Some(below.database().state_at(micros)?),
        };
        if let Some(owner) = &self.owner {
            check_owner(site, owner)?;
        }
        let owner = self.owner.clone().unwrap_or_else(|| asker.principal().to_owned());
        let new = NewVersion { name: self.name.clone(), title: self.title.clone(), owner, at };
        let sentence = format!("Opened version {}", self.name);
        let made = below.database().open_version(&new, asker.note(&sentence))?;
        let info = made.version_info()?;
        let name = &self.name;
        let of = line_text(self.from.as_deref());
        let sentence = format!("Opened version {name} of {of} as of {}", info.base);
        let done = Done::new(Some(info.opened), sentence)
            .next("change things in it with", format!("set PATH NAME=VALUE --version {name}"))
            .next("see what it changed with", format!("version diff {name}"));
        asker.row(&done)
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        print_done(row, screen)
    }

    fn writes(&self) -> bool {
        true
    }
}
