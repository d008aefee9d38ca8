//! `group`: users who have roles together.

mod add;
mod list;
mod members;
mod rm;
mod roles;

use serde::{Deserialize, Serialize};

use super::request::{SiteCommand, acts, commands};

const AFTER_HELP: &str = "\
  bough group add staff --role Editor
  bough group members staff --add ann --add ben
  bough role grant /docs staff Manager           a role in one part of the site, for all of them

A group counts for users of its own folder and of the folders below.";

/// Add, list and change groups of users
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Group {
    #[command(subcommand)]
    action: Action,
}

commands! {
    /// What is done with a group.
    Action:
    /// Add a group
    Add(add::Add),
    /// List groups, with their roles
    List(list::List),
    /// List the members of a group, or take some in or out
    Members(members::Members),
    /// Give a group roles, or take some away
    Roles(roles::Roles),
    /// Delete a group (it can be undone)
    Rm(rm::Rm),
}

acts!(Group);
