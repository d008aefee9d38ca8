//! `permission`: which roles may do what, and where.

mod clear;
mod list;
mod set;
mod show;

use serde::{Deserialize, Serialize};

use super::in_version::In;
use super::request::{SiteCommand, acts, commands};

const AFTER_HELP: &str = "\
A setting says which roles have a permission at an object and below. It adds to what is said above (--acquire), or it
counts alone (--exactly), so that only those roles have it there.
  bough permission show /docs                          what holds at /docs, and where it is said
  bough permission set /docs/staff View --roles Manager,Editor
  bough permission set /docs 'Edit content' --roles Reviewer --acquire
  bough permission clear /docs/staff View              as above again
  bough permission list                                what permissions there are, and who has them

Names with spaces are quoted. To give one user something, give a role there: bough role grant /docs ann Editor";

/// Show and say who may do what
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Permission {
    #[command(subcommand)]
    action: Action,
}

commands! {
    /// What is done with permissions.
    Action:
    /// Show what holds at an object, and where, by whom and when it was said
    Show(In<show::Show>),
    /// Say which roles have a permission at an object and below
    Set(In<set::Set>),
    /// Say nothing about a permission at an object any more
    Clear(In<clear::Clear>),
    /// List the permissions, what they are for, and who has them where nothing is said
    List(list::List),
}

acts!(Permission);
