//! `version show`: what a version is, how it stands to its parent line, and what to do next.

use bough::core::Snapshot as _;
use bough::core::object::differing_cells;
use bough::store::LineStatus;
use bough::{Site, Version};
use serde::{Deserialize, Serialize};

use super::conflict::{ConflictRow, conflict_rows, print_conflict};
use super::list::behind_text;
use super::row::{Next, Places, VersionRow, next, print_next};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::moment::local;
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::{Screen, counted};
use crate::cli::value::cell_text;

/// How many objects that both sides changed are named.
const OVERLAP_SHOWN: usize = 50;

/// Show what a version is, how it stands to its parent line, and what to do next
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Show {
    /// The version
    name: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Version(Box<VersionRow>),
    /// An object that both sides changed since the base.
    Overlap {
        path: String,
        version: Vec<String>,
        parent: Vec<String>,
    },
    MoreOverlap {
        more: u64,
    },
    Conflict(Box<ConflictRow>),
    Next(Vec<Next>),
}

impl SiteCommand for Show {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let version = site.version(&self.name)?;
        let info = version.info()?;
        let row = VersionRow::of(site, &info, &site.versions()?)?;
        asker.row(&Row::Version(Box::new(row.clone())))?;
        if info.status != LineStatus::Open {
            let reopen = next("open it again with", format!("version reopen {}", row.key));
            return asker.row(&Row::Next(vec![reopen]));
        }
        let places = Places::of(&version)?;
        overlap(&version, &places, asker)?;
        let conflicts = version.conflicts()?;
        let unsettled = conflicts.iter().filter(|conflict| conflict.resolution.is_none()).count();
        for row in conflict_rows(&version, &places, &conflicts)? {
            asker.row(&Row::Conflict(Box::new(row)))?;
        }
        asker.row(&Row::Next(what_next(&row, unsettled)))
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row)? {
            Row::Version(row) => print_version(&row, screen),
            Row::Overlap { path, version, parent } => {
                let (version, parent) = (version.join(", "), parent.join(", "));
                screen.line(&format!("changed on both sides: {path} (here {version}; there {parent})"))
            }
            Row::MoreOverlap { more } => {
                screen.line(&format!("... and {} more", counted(more, "object", "objects")))
            }
            Row::Conflict(row) => {
                screen.line(if row.resolution.is_some() { "conflict, settled" } else { "conflict" })?;
                print_conflict(&row, screen)
            }
            Row::Next(all) => print_next(&all, screen),
        }
    }
}

/// Sends the objects that both sides changed.
fn overlap(version: &Version, places: &Places, asker: &mut dyn Asker) -> Result<(), Failure> {
    let mut found = 0_usize;
    for delta in version.changes()? {
        let there = places.parent().object(delta.oid)?;
        let parent = differing_cells(delta.before.as_deref(), there.as_deref());
        if parent.is_empty() {
            continue;
        }
        found += 1;
        if found <= OVERLAP_SHOWN {
            let ours = differing_cells(delta.before.as_deref(), delta.after.as_deref());
            let names = |cells: &[(&bough::core::CellKey, _, _)]| {
                cells.iter().map(|(key, ..)| cell_text(key, &|oid| places.path(oid))).collect::<Vec<_>>()
            };
            asker.row(&Row::Overlap {
                path: places.path(delta.oid),
                version: names(&ours),
                parent: names(&parent),
            })?;
        }
    }
    match found.saturating_sub(OVERLAP_SHOWN) as u64 {
        0 => Ok(()),
        more => asker.row(&Row::MoreOverlap { more }),
    }
}

fn what_next(row: &VersionRow, unsettled: usize) -> Vec<Next> {
    let name = &row.name;
    if row.objects == 0 && !row.has_more_objects {
        let mut all = vec![next("change things in it with", format!("set PATH NAME=VALUE --version {name}"))];
        if row.behind > 0 {
            all.push(next("bring it up to date with", format!("version update {name}")));
        }
        return all;
    }
    let mut all = vec![next("see what it changed with", format!("version diff {name}"))];
    if unsettled > 0 {
        all.push(next("settle a conflict with", format!("version resolve {name} ID --version | --parent")));
        return all;
    }
    if row.behind > 0 {
        all.push(next("bring it up to date with", format!("version update {name}")));
    }
    all.push(next("see what a merge would do with", format!("version merge {name} --preview")));
    all
}

fn print_version(row: &VersionRow, screen: &mut Screen) -> Result<(), Failure> {
    let title = if row.title.is_empty() { String::new() } else { format!(": {}", row.title) };
    let owner = if row.owner.is_empty() { String::new() } else { format!(", of {}", row.owner) };
    screen.line(&format!("version {}{title} ({}{owner})", row.key, row.status))?;
    let opened = row.opened.as_ref().map_or_else(|| "(packed away)".to_owned(), |made| made.text());
    screen.line(&format!("  opened        {opened}"))?;
    if let Some(changed) =
        row.changed.as_ref().filter(|made| row.opened.as_ref().map(|o| &o.tid) != Some(&made.tid))
    {
        screen.line(&format!("  last commit   {}", changed.text()))?;
    }
    let base_time = local(&row.base_time);
    screen.line(&format!("  base          {} ({base_time}) of {}", row.base, row.parent_text()))?;
    screen.line(&format!("  that is       {}", behind_text(row.behind)))?;
    screen.line(&format!("  it changed    {}", row.objects_text("object", "objects")))
}
