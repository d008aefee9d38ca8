//! `version`: private versions of the site, a file for each thing that one does with them.
//!
//! Code map: `row` (a version, who made something, what was done), `conflict` (one conflict as a person reads it),
//! `plan` (what an update or a merge does); the others are commands.

mod changes;
mod conflict;
mod create;
mod detach;
mod discard;
mod link;
mod list;
mod manage;
mod merge;
mod pages;
mod plan;
mod resolve;
mod row;
mod show;
mod update;

use serde::{Deserialize, Serialize};

use super::request::{SiteCommand, acts, commands};

/// What the public site is called where a version could be named.
const TRUNK: &str = bough::store::version::TRUNK_NAME;

const AFTER_HELP: &str = "\
A version shows the whole site as it was when the version was made, with what is changed in it. Nobody else sees that.
  bough version create redesign                  make one
  bough set /index title=New --version redesign  every command on objects takes --version
  bough version diff redesign                    what it changed
  bough version update redesign                  bring in what others did meanwhile
  bough version merge redesign --preview         what publishing it would do
  bough version pages redesign                   every page that publishing it changes
  bough version merge redesign                   publish it, in one commit that can be undone

docs/versions.md is a walk through all of it.";

/// Make private versions of the site; compare, update, merge and discard them
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Version {
    #[command(subcommand)]
    action: Action,
}

commands! {
    /// What is done with a version.
    Action:
    /// Make a version of the site, or of another version
    Create(create::Create),
    /// List the open versions
    List(list::List),
    /// Show what a version is, how it stands to its parent line, and what to do next
    Show(show::Show),
    /// Show what a version changed, cell by cell; or what differs between any two lines
    Diff(changes::Diff),
    /// Bring a version up to its parent line
    Update(update::Update),
    /// Show what both a version and its parent line changed, and how to settle it
    Conflicts(conflict::Conflicts),
    /// Settle a conflict
    Resolve(resolve::Resolve),
    /// Merge a version, or a part of it, into its parent line, in one commit
    Merge(merge::Merge),
    /// Show which pages merging a version makes different, also those that only show what it changes
    Pages(pages::Pages),
    /// Throw a version away, or a part of what it changed
    Discard(discard::Discard),
    /// Give a version another name or title
    Rename(manage::Rename),
    /// Give a version to another owner
    Transfer(manage::Transfer),
    /// Close a version: it can be looked at, and opened again
    Close(manage::Close),
    /// Open a closed or discarded version again
    Reopen(manage::Reopen),
    /// Let a version lie on its parent line as it is now, without merging, so that it holds back no pack
    Detach(detach::Detach),
    /// Make a link by which anybody can look at a version, or a part of it, for a while
    Link(link::Link),
    /// List the links to a version that stand
    Links(link::Links),
    /// Take a link back: from then on it shows nothing
    Unlink(link::Unlink),
}

acts!(Version);
