//! `audit`: what happened to accounts.

use bough::Site;
use bough::web::auth::{EVENTS_MAX, Event, Recorded};
use serde::{Deserialize, Serialize};

use super::account::InFolder;
use super::asker::Asker;
use super::failure::Failure;
use super::moment::{local, rfc3339};
use super::request::{SiteCommand, typed};
use super::screen::{Screen, counted};
use super::value::{account_text, last_paths};

const ABOUT: &str = "\
Log-ins and failed ones, passwords, sessions, tokens and one-time links are kept for 400 days. What was done to the site,
and to users as objects of it, is in `bough log`.";

/// List what happened to accounts, newest first: log-ins, failures, passwords, sessions, tokens
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = ABOUT)]
pub(crate) struct Audit {
    /// Only of this user, by name or path
    user: Option<String>,
    #[command(flatten)]
    folder: InFolder,
    /// At most so many
    #[arg(short = 'n', long, default_value_t = 50)]
    limit: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    time: String,
    user: Option<String>,
    event: String,
    text: String,
    address: Option<String>,
}

impl SiteCommand for Audit {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let view = site.now();
        let only = self.user.as_ref().map(|user| view.account(user, &self.folder.folder)).transpose()?;
        let paths = last_paths(site, view.snapshot());
        let (mut before, mut left) = (None, self.limit);
        while left > 0 {
            let limit = if only.is_some() { EVENTS_MAX } else { left.min(EVENTS_MAX) };
            let events = site.accounts().events(before, limit)?;
            let Some(last) = events.last() else { break };
            before = Some(last.place);
            for found in events {
                if left > 0 && only.as_ref().is_none_or(|only| found.user == Some(only.oid)) {
                    asker.row(&row(&found, &|oid| account_text(oid, &paths)))?;
                    left -= 1;
                }
            }
        }
        Ok(())
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let row: Row = typed(row)?;
        let user = row.user.as_deref().unwrap_or("-");
        let address = row.address.map_or_else(String::new, |address| format!("  from {address}"));
        screen.line(&format!("{}  {user:<12} {}{address}", local(&row.time), row.text))
    }
}

fn row(found: &Recorded, name_of: &dyn Fn(bough::core::Oid) -> String) -> Row {
    let (event, text) = match &found.event {
        Event::LogIn => ("log_in", "logged in".to_owned()),
        Event::Failed { name } => ("failed", format!("failed to log in as `{name}`")),
        Event::MoreFailed { count } => {
            ("more_failed", format!("{} more to log in", counted(*count, "failure", "failures")))
        }
        Event::LockedOut { name } => ("locked_out", format!("tried `{name}` too often")),
        Event::LogOut => ("log_out", "logged out".to_owned()),
        Event::SessionsRevoked { count } => {
            ("sessions_revoked", format!("{} ended", counted(*count, "session", "sessions")))
        }
        Event::PasswordSet => ("password_set", "password set".to_owned()),
        Event::PasswordRemoved => ("password_removed", "password removed".to_owned()),
        Event::TokenMade { name } => ("token_made", format!("token `{name}` made")),
        Event::TokenRevoked { name } => ("token_revoked", format!("token `{name}` taken back")),
        Event::InviteMade => ("invite_made", "one-time link made".to_owned()),
        Event::InviteUsed => ("invite_used", "one-time link used".to_owned()),
        other => ("other", format!("{other:?}")),
    };
    Row {
        time: rfc3339(found.micros),
        user: found.user.map(name_of),
        event: event.to_owned(),
        text,
        address: found.address.map(|address| address.to_string()),
    }
}
