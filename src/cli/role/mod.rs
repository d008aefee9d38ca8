//! `role`: roles in one part of the site.

mod grant;
mod list;

use serde::{Deserialize, Serialize};

use super::in_version::In;
use super::request::{SiteCommand, acts, commands};

const AFTER_HELP: &str = "\
A role given at an object counts there and below. WHO is a user or a group: by name, looked for in the `_users` of PATH
and of the folders around it, or by path.
  bough role grant /docs ann Editor               ann edits /docs, and nothing else by that
  bough role grant /docs /docs/_users/ben Manager
  bough role list /docs                           who has which roles there, and since when
  bough role revoke /docs ann Editor

Roles that count everywhere are given with: bough user roles ann --add Editor";

/// Give a user or a group a role in one part of the site
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Role {
    #[command(subcommand)]
    action: Action,
}

commands! {
    /// What is done with local roles.
    Action:
    /// Give somebody roles at an object and below
    Grant(In<grant::Grant>),
    /// Take roles away that somebody was given at an object
    Revoke(In<grant::Revoke>),
    /// List who was given roles at an object and around it
    List(In<list::List>),
}

acts!(Role);
