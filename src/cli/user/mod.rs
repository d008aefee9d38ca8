//! `user`: those who may log in.

mod add;
mod disable;
mod list;
mod password;
mod rm;
mod roles;
mod sessions;
mod show;
mod tokens;

use serde::{Deserialize, Serialize};

use super::request::{SiteCommand, acts, commands};

const AFTER_HELP: &str = "\
Users are objects in the `_users` of a folder. They count in that folder and below it, and nowhere else.
  bough user add ann --role Editor --full-name 'Ann Example'
  bough user add ben --in /docs --role Manager   who manages /docs and nothing else
  bough user roles ann --add Manager
  bough user disable ann                         may not log in; what ann did and owns stays
  bough why ann 'Edit content' /docs             why ann may do something, or not

What is done to a user is a commit like any other, and is undone with `bough undo`; passwords, sessions and tokens are no
part of the site. docs/security.md is a walk through
all of it.";

/// Add, list and change users
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct User {
    #[command(subcommand)]
    action: Action,
}

commands! {
    /// What is done with a user.
    Action:
    /// Add a user
    Add(add::Add),
    /// List users
    List(list::List),
    /// Show a user, with roles, groups and history
    Show(show::Show),
    /// Give a user roles, or take some away
    Roles(roles::Roles),
    /// Let a user log in no more; what he did and owns stays
    Disable(disable::Disable),
    /// Let a disabled user log in again
    Enable(disable::Enable),
    /// Set or remove a user's password
    Password(password::Password),
    /// List where a user is logged in, or end sessions
    Sessions(sessions::Sessions),
    /// List a user's API tokens, or take one back
    Tokens(tokens::Tokens),
    /// Delete a user (it can be undone)
    Rm(rm::Rm),
}

acts!(User);
