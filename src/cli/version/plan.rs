//! What an update or a merge does, as a person reads it.

use bough::Version;
use bough::core::ObjectPath;
use bough::core::merge::plan::{Notice, Side};
use bough::store::version::MergePlan;
use bough::store::{LineId, PREVIEW_MAX};
use bough::web::{HostTable, links_into_versions};
use serde::{Deserialize, Serialize};

use super::conflict::{ConflictRow, conflict_rows, print_conflict};
use super::row::{Done, Next, Places, line_name, line_text, print_next};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::request::typed;
use crate::cli::screen::{Screen, counted};
use crate::cli::show::{CellRow, cell_row, print_cell};
use crate::cli::value::{content_text, paths_in};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Plan(PlanRow),
    Cell {
        path: String,
        #[serde(flatten)]
        cell: CellRow,
    },
    Url {
        before: Option<String>,
        after: Option<String>,
    },
    Conflict(Box<ConflictRow>),
    Settled(Box<ConflictRow>),
    Notice {
        path: String,
        text: String,
    },
    Dangling {
        from: String,
        to: String,
    },
    Along {
        path: String,
    },
    Next(Vec<Next>),
    #[serde(untagged)]
    Done(Done),
}

#[derive(Debug, Serialize, Deserialize)]
struct PlanRow {
    /// `update` or `merge`.
    what: String,
    /// The version that is written to; none for the public site.
    into: Option<String>,
    /// The commit of the parent line that it was planned over.
    over: String,
    objects: u64,
    conflicts: u64,
}

/// Sends what would be done: every cell and URL, what stands against it, and what to type next.
pub(super) fn send_preview(
    version: &Version,
    what: &str,
    plan: &MergePlan,
    next: Vec<Next>,
    asker: &mut dyn Asker,
) -> Result<(), Failure> {
    asker.row(&Row::Plan(PlanRow {
        what: what.to_owned(),
        into: line_name(version, plan.into)?,
        over: plan.over.to_string(),
        objects: plan.objects,
        conflicts: plan.conflicts.len() as u64,
    }))?;
    let places = Places::of(version)?;
    let in_version = paths_in(places.version());
    for delta in &plan.cells {
        let path = delta.path.as_ref().map_or_else(|| places.path(delta.oid), ToString::to_string);
        let mut cell = cell_row(&delta.cell, delta.before.as_ref(), delta.after.as_ref(), places.parent());
        // Where it goes is known to the version, where a container may be new.
        cell.after = delta.after.as_ref().map(|after| content_text(Some(after), &in_version));
        asker.row(&Row::Cell { path, cell })?;
    }
    for url in plan.urls.iter().filter(|url| url.before != url.after) {
        let text = |path: &Option<ObjectPath>| path.as_ref().map(ToString::to_string);
        asker.row(&Row::Url { before: text(&url.before), after: text(&url.after) })?;
    }
    for row in conflict_rows(version, &places, &plan.conflicts)? {
        asker.row(&Row::Conflict(Box::new(row)))?;
    }
    send_remarkable(version, &places, plan, asker)?;
    asker.row(&Row::Next(next))
}

/// Sends what is worth knowing of what is done: what was settled, came along, survived or dangles. `places` are those
/// of before.
pub(super) fn send_remarkable(
    version: &Version,
    places: &Places,
    plan: &MergePlan,
    asker: &mut dyn Asker,
) -> Result<(), Failure> {
    for row in conflict_rows(version, places, &plan.settled)? {
        asker.row(&Row::Settled(Box::new(row)))?;
    }
    for oid in &plan.along {
        asker.row(&Row::Along { path: places.path(*oid) })?;
    }
    for notice in &plan.notices {
        let (oid, text) = match notice {
            Notice::Survived { oid, deleted, by } => {
                let by = if *by == Side::Version { "the version" } else { "the parent line" };
                (oid, format!("stays, although {by} deleted {}: it was moved out", places.path(*deleted)))
            }
            Notice::OrderOfParent(oid) => {
                (oid, "both gave it another standing: it has the parent line's".to_owned())
            }
        };
        asker.row(&Row::Notice { path: places.path(*oid), text })?;
    }
    if plan.into == LineId::TRUNK {
        // Which other hosts versions have is known to the server alone.
        let links = links_into_versions(version.database(), plan, &HostTable::default());
        for link in links.map_err(|error| Failure::refused(error.to_string()))? {
            let text =
                format!("its `{}` leads to {}, which visitors cannot follow", link.attribute, link.link);
            asker.row(&Row::Notice { path: places.path(link.oid), text })?;
        }
    }
    for (from, to) in &plan.dangling {
        asker.row(&Row::Dangling { from: places.path(*from), to: places.path(*to) })?;
    }
    Ok(())
}

/// Sends what was done, as the last row.
pub(super) fn send_done(done: Done, asker: &mut dyn Asker) -> Result<(), Failure> {
    asker.row(&Row::Done(done))
}

pub(super) fn print(row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
    match typed(row)? {
        Row::Plan(row) => {
            let objects = counted(row.objects, "object", "objects");
            let against = match row.conflicts {
                0 => "nothing stands against it".to_owned(),
                many => format!("{} to settle first", counted(many, "conflict", "conflicts")),
            };
            let into = line_text(row.into.as_deref());
            match row.what.as_str() {
                "merge" => screen.line(&format!("The merge would change {objects} on {into}; {against}"))?,
                _ => screen.line(&format!(
                    "The update brings {into} to {} of its parent line; it then differs from that in {objects}; {against}",
                    row.over
                ))?,
            }
            match row.objects > PREVIEW_MAX as u64 {
                true => screen.line(&format!("the first {PREVIEW_MAX} are:")),
                false => Ok(()),
            }
        }
        Row::Cell { path, cell } => {
            screen.line(&format!("  {path}"))?;
            print_cell(&cell, screen)
        }
        Row::Url { before, after } => {
            let none = || "(none)".to_owned();
            let (before, after) = (before.unwrap_or_else(none), after.unwrap_or_else(none));
            screen.line(&format!("  URL {before} -> {after}"))
        }
        Row::Conflict(row) => {
            screen.line("conflict")?;
            print_conflict(&row, screen)
        }
        Row::Settled(row) => {
            let resolution = row.resolution.as_deref().unwrap_or("");
            screen.line(&format!("settled {}  {}: {resolution}", row.id, row.path))
        }
        Row::Notice { path, text } => screen.line(&format!("note: {path} {text}")),
        Row::Dangling { from, to } => screen.line(&format!("note: {from} refers to {to}, which goes away")),
        Row::Along { path } => {
            screen.line(&format!("note: {path} comes along: what was selected stands in it"))
        }
        Row::Next(all) => print_next(&all, screen),
        Row::Done(done) => done.print(screen),
    }
}
