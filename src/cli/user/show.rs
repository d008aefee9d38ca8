//! `user show`.

use bough::{AccountKind, Site};
use serde::{Deserialize, Serialize};

use crate::cli::account::{AccountRow, Named, listed};
use crate::cli::asker::Asker;
use crate::cli::failure::{Failure, quoted};
use crate::cli::log::{CommitRow, commit_line, row};
use crate::cli::next::{Next, next, print_next};
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::Screen;

/// How many commits are shown.
const COMMITS_SHOWN: usize = 5;

/// Show a user, with roles, groups and history
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Show {
    #[command(flatten)]
    user: Named,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    User {
        #[serde(flatten)]
        user: AccountRow,
        /// The roles that come with the groups.
        of_groups: Vec<String>,
    },
    Commit(CommitRow),
    Next(Vec<Next>),
}

impl SiteCommand for Show {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let view = site.now();
        let account = self.user.find(&view, AccountKind::User)?;
        let actor = site.actor(account.oid)?;
        let of_groups = actor.user().map_or_else(Vec::new, |user| {
            let others = user.roles.iter().filter(|role| !account.roles.contains(role.as_str()));
            others.map(ToString::to_string).collect()
        });
        asker.row(&Row::User { user: AccountRow::of(&account, &view), of_groups })?;
        for commit in site.database().commits_of(account.oid, None, COMMITS_SHOWN)? {
            asker.row(&Row::Commit(row(site, &commit)))?;
        }
        let (path, folder) = (quoted(&account.path.to_string()), quoted(&account.folder.to_string()));
        asker.row(&Row::Next(vec![next("what this user may do", format!("can {path} {folder}"))]))
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row)? {
            Row::User { user, of_groups } => {
                let state = if user.disabled { " (disabled)" } else { "" };
                screen.line(&format!("user {}{state}", user.name))?;
                let counts = format!("{} and below", user.folder);
                let of_groups = if of_groups.is_empty() {
                    String::new()
                } else {
                    format!("; through groups {}", of_groups.join(", "))
                };
                let roles = format!("{}{of_groups}", listed(&user.roles));
                let lines = [
                    ("counts in", &counts),
                    ("roles", &roles),
                    ("groups", &listed(&user.groups)),
                    ("full name", &user.title),
                    ("e-mail", &user.email),
                    ("object", &format!("{} ({})", user.path, user.oid)),
                ];
                for (what, text) in lines.into_iter().filter(|(_, text)| !text.is_empty()) {
                    screen.line(&format!("  {what:<10} {text}"))?;
                }
                Ok(())
            }
            Row::Commit(row) => screen.line(&format!("  {}", commit_line(&row))),
            Row::Next(all) => print_next(&all, screen),
        }
    }
}
