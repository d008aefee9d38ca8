//! `can`: what somebody may do, and where that changes.

use bough::core::security::Roles;
use bough::{Scoped, Site};
use serde::{Deserialize, Serialize};

use super::account::{listed, names};
use super::asker::Asker;
use super::failure::{Failure, quoted};
use super::moment::At;
use super::protocol::Reply;
use super::request::{SiteCommand, typed};
use super::rights::Asks;
use super::screen::Screen;

const EXAMPLES: &str = "\
  bough can ann                     in the whole site
  bough can anonymous /docs
  bough can ann / --at '2 days ago'

Only objects where it is other than around them are listed.";

/// List what somebody may do, and where that changes
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Can {
    /// The user, by name or path; `anonymous` for somebody who did not log in
    user: String,
    /// Where to begin
    #[arg(default_value = "/")]
    path: String,
    /// How many objects below that to list
    #[arg(short = 'n', long, default_value_t = 50)]
    limit: usize,
    /// How many of them to leave out first
    #[arg(long, default_value_t = 0)]
    skip: usize,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Scope {
        user: String,
        path: String,
        may: Vec<String>,
        /// What he may there and not around it.
        gained: Vec<String>,
        /// What he may around it and not there.
        lost: Vec<String>,
    },
    More {
        /// The number to skip next.
        skip: usize,
    },
}

impl SiteCommand for Can {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let top = self.at.view(site)?.get(&self.path)?;
        let asks = Asks::typed(site, &self.user, &top)?;
        let found = site.what_can(asks.actor.clone(), &top, self.skip, self.limit)?;
        for Scoped { path, may, gained, lost } in &found.scopes {
            let list = |roles: &Roles| names(roles);
            asker.row(&Row::Scope {
                user: asks.name(),
                path: path.to_string(),
                may: list(may),
                gained: list(gained),
                lost: list(lost),
            })?;
        }
        if found.cut {
            let remark = "There are too many objects to look at all of them\n  try: a path further down";
            asker.send(Reply::Remark(remark.into()))?;
        }
        if found.more { asker.row(&Row::More { skip: self.skip + self.limit }) } else { Ok(()) }
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row)? {
            Row::Scope { path, may, gained, lost, .. } if gained.is_empty() && lost.is_empty() => {
                screen.line(&format!("{path}  {}", listed(&may)))
            }
            Row::Scope { path, gained, lost, .. } => {
                let also = (!gained.is_empty()).then(|| format!("also {}", gained.join(", ")));
                let not = (!lost.is_empty()).then(|| format!("not {}", lost.join(", ")));
                let text = also.into_iter().chain(not).collect::<Vec<_>>().join("; ");
                screen.line(&format!("{path}  {text}"))
            }
            Row::More { skip } => {
                let (user, path) = (quoted(&self.user), quoted(&self.path));
                let more = screen.command(&format!("can {user} {path} --skip {skip}"));
                screen.line(&format!("more with: {more}"))
            }
        }
    }
}
