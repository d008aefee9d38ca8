//! `who`: everybody who may do something.

use bough::{Entitled, Site};
use serde::{Deserialize, Serialize};

use super::account::{account_name, word};
use super::asker::Asker;
use super::failure::{Failure, quoted};
use super::moment::At;
use super::request::{SiteCommand, typed};
use super::rights::{HeldRow, SaidRow, argument, permission_name};
use super::screen::Screen;

const EXAMPLES: &str = "\
  bough who View /docs/staff
  bough who 'Change permissions' / --at '2 days ago'";

/// List everybody who may do something: users, groups and roles, each with the reason
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Who {
    /// The permission, as `bough permission list` names it
    permission: String,
    /// Path of the object
    path: String,
    /// How many users and groups to list
    #[arg(short = 'n', long, default_value_t = 100)]
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
    Everybody {
        permission: String,
        path: String,
    },
    Role {
        role: String,
        /// Where that is said; none for what holds by default.
        said: Option<SaidRow>,
    },
    Account {
        name: String,
        kind: String,
        path: String,
        by: Vec<HeldRow>,
    },
    More {
        /// The number to skip next.
        skip: usize,
    },
}

impl SiteCommand for Who {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let object = self.at.view(site)?.get(&self.path)?;
        let permission = permission_name(site, &self.permission)?;
        let found = site.who_can(permission.as_str(), &object, self.skip, self.limit)?;
        if found.everybody {
            asker.row(&Row::Everybody { permission: permission.to_string(), path: self.path.clone() })?;
        }
        if self.skip == 0 {
            for granted in &found.granted {
                let said = granted.by.as_ref().map(|at| SaidRow::of(site, object.view(), at));
                asker.row(&Row::Role { role: granted.role.to_string(), said })?;
            }
        }
        for Entitled { account, by } in &found.accounts {
            let by = by.iter().map(|held| HeldRow::of(site, object.view(), held, account));
            asker.row(&Row::Account {
                name: account_name(account),
                kind: word(account.kind).to_owned(),
                path: account.path.to_string(),
                by: by.collect::<Result<_, _>>()?,
            })?;
        }
        if found.more { asker.row(&Row::More { skip: self.skip + self.limit }) } else { Ok(()) }
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row)? {
            Row::Everybody { permission, path } => {
                screen.line(&format!("Everybody has `{permission}` at {path}, without logging in"))
            }
            Row::Role { role, said } => {
                let said = said.map_or_else(|| "by default".to_owned(), |said| said.text());
                screen.line(&format!("role  {role:<24} {said}"))
            }
            Row::Account { name, kind, by, .. } => {
                let by: Vec<String> = by.iter().map(|held| held.text(&name)).collect();
                screen.line(&format!("{kind:<5} {name:<24} {}", by.join(", ")))
            }
            Row::More { skip } => {
                let (name, path) = (argument(&self.permission), quoted(&self.path));
                let more = screen.command(&format!("who {name} {path} --skip {skip}"));
                screen.line(&format!("more with: {more}"))
            }
        }
    }
}
