//! `user password`.

use bough::{AccountKind, Site};
use serde::{Deserialize, Serialize};

use super::add::{InviteRow, print_invite};
use crate::cli::account::{Named, account_name};
use crate::cli::asker::{Asker, Wrote};
use crate::cli::failure::Failure;
use crate::cli::password::NewPassword;
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::Screen;

const EXAMPLES: &str = "\
  bough user password ann                          asks for it
  bough user password ann --password-stdin < file
  bough user password ann --invite                 makes a link for ann to set it
  bough user password ann --remove                 nobody can log in as ann any more

Passwords are no part of the site: they are not undone, exported or shown. A new one ends all sessions of the user.";

/// Set a user's password, and end all sessions of that user
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Password {
    #[command(flatten)]
    user: Named,
    #[command(flatten)]
    new: NewPassword,
    /// Remove the password
    #[arg(long, conflicts_with_all = ["password_stdin", "invite"])]
    remove: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Invite(InviteRow),
    #[serde(untagged)]
    Wrote(Wrote),
}

impl SiteCommand for Password {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let user = self.user.find(&site.now(), AccountKind::User)?;
        let name = account_name(&user);
        if self.remove {
            site.accounts().remove_password(user.oid)?;
            return asker.wrote(None, format!("Removed the password of {name}"));
        }
        match self.new.set(site, user.oid)? {
            Some(path) => asker.row(&Row::Invite(InviteRow { user: name, path })),
            None => asker.wrote(None, format!("Set the password of {name}")),
        }
    }

    fn prepare(&mut self) -> Result<(), Failure> {
        if self.remove {
            return Ok(());
        }
        self.new.read(&self.user.name)?;
        if self.new.is_left_open() {
            let failure = Failure::usage("cannot ask for the password: the standard input is no terminal");
            return Err(failure.advise("the same with --password-stdin or --invite"));
        }
        Ok(())
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row)? {
            Row::Invite(row) => print_invite(&row, screen),
            Row::Wrote(wrote) => screen.line(&wrote.sentence),
        }
    }
}
