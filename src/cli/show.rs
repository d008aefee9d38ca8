//! `show`: what a commit changed.

use bough::Site;
use bough::core::object::{Content, Object, differing_cells};
use bough::core::{CellKey, Oid};
use bough::store::{ObjectDelta, Snapshot};
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::excerpt::excerpt_of;
use super::failure::Failure;
use super::log::{CommitRow, commit_line, row, tid};
use super::overrun::{OverrunRow, overrun_row, print_overrun};
use super::request::{SiteCommand, typed};
use super::screen::{Screen, counted};
use super::value::{cell_text, content_text, paths_in};

/// How many objects are read at a time.
const BATCH: usize = 256;

/// Show what a commit changed, cell by cell
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Show {
    /// The commit
    tid: String,
    /// How many objects to show
    #[arg(short = 'n', long, default_value_t = 50)]
    limit: usize,
}

/// One object before and after.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DeltaRow {
    pub(crate) oid: String,
    /// Where it is now, or was.
    pub(crate) path: String,
    pub(crate) change: String,
    pub(crate) cells: Vec<CellRow>,
}

/// One cell before and after, as people read it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CellRow {
    pub(crate) cell: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    /// For long texts, what differs, line by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) lines: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Commit(CommitRow),
    Object(DeltaRow),
    More { more: u64 },
    Overrun(OverrunRow),
}

impl SiteCommand for Show {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let database = site.database();
        let tid = tid(&self.tid)?;
        let commit = database.commit_record(tid)?;
        asker.row(&Row::Commit(row(site, &commit)))?;
        let then = database.snapshot_at(tid)?;
        let mut shown = 0;
        while shown < self.limit {
            let deltas = database.changes(tid, shown, BATCH.min(self.limit - shown))?;
            if deltas.is_empty() {
                break;
            }
            shown += deltas.len();
            for delta in &deltas {
                asker.row(&Row::Object(delta_row(delta, &then)))?;
            }
        }
        match commit.objects.saturating_sub(shown as u64) {
            0 => {}
            more => asker.row(&Row::More { more })?,
        }
        overrun_row(site, tid)?.map_or(Ok(()), |row| asker.row(&Row::Overrun(row)))
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row)? {
            Row::Commit(row) => {
                screen.line(&commit_line(&row))?;
                let of = row.of.join(", ");
                if of.is_empty() { Ok(()) } else { screen.line(&format!("of: {of}")) }
            }
            Row::Object(row) => print_delta(&row, screen),
            Row::More { more } => {
                screen.line(&format!("... and {} more", counted(more, "object", "objects")))
            }
            Row::Overrun(row) => {
                print_overrun(&row, screen)?;
                let undo = screen.command(&format!("undo {}", row.tid));
                screen.line(&format!("bring all of it back with: {undo}"))
            }
        }
    }
}

/// One object before and after; its path as of then, else what it was called.
pub(crate) fn delta_row(delta: &ObjectDelta, snapshot: &Snapshot) -> DeltaRow {
    let paths = paths_in(snapshot);
    let (oid, before, after) = (delta.oid, delta.before.as_deref(), delta.after.as_deref());
    let stands = |object: Option<&Object>| {
        object.is_some_and(|object| object.place().is_some() || object.oid() == Oid::ROOT)
    };
    let place = |object: Option<&Object>| object.and_then(|object| object.content(&CellKey::Place)).cloned();
    let path = match place(after).or_else(|| place(before)) {
        Some(place) if oid != Oid::ROOT => content_text(Some(&place), &paths),
        _ => paths(oid),
    };
    let change = match (stands(before), stands(after)) {
        (false, true) => "added",
        (true, false) => "deleted",
        _ => "changed",
    };
    let differing = differing_cells(before, after);
    let cells =
        differing.into_iter().map(|(key, before, after)| cell_row(key, before, after, snapshot)).collect();
    DeltaRow { oid: oid.to_string(), path, change: change.to_owned(), cells }
}

pub(crate) fn cell_row(
    key: &CellKey,
    before: Option<&Content>,
    after: Option<&Content>,
    snapshot: &Snapshot,
) -> CellRow {
    let paths = paths_in(snapshot);
    let text = |content: Option<&Content>| content.map(|content| content_text(Some(content), &paths));
    let lines = excerpt_of(before, after, snapshot);
    CellRow { cell: cell_text(key, &paths), before: text(before), after: text(after), lines }
}

pub(crate) fn print_delta(row: &DeltaRow, screen: &mut Screen) -> Result<(), Failure> {
    screen.line(&format!("{} {}", row.change, row.path))?;
    row.cells.iter().try_for_each(|cell| print_cell(cell, screen))
}

pub(crate) fn print_cell(cell: &CellRow, screen: &mut Screen) -> Result<(), Failure> {
    // A long text that came or went whole needs no lines.
    if let (Some(_), Some(_), false) = (&cell.before, &cell.after, cell.lines.is_empty()) {
        screen.line(&format!("    {}:", cell.cell))?;
        return cell.lines.iter().try_for_each(|line| screen.line(&format!("        {line}")));
    }
    let none = || "(none)".to_owned();
    let (before, after) = (cell.before.clone().unwrap_or_else(none), cell.after.clone().unwrap_or_else(none));
    screen.line(&format!("    {}: {before} -> {after}", cell.cell))
}
