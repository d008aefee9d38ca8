//! `blame`: who wrote each cell.

use std::collections::HashMap;

use bough::Site;
use bough::core::CellKey;
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::log::{CommitRow, row};
use super::moment::{At, local};
use super::request::{SiteCommand, typed};
use super::screen::Screen;
use super::value::{cell_text, content_text, last_paths};

/// Say of each cell of an object who wrote it, when, and in which commit
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Blame {
    /// Path of the object
    path: String,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    cell: String,
    value: String,
    tid: String,
    /// None where the commit's record is packed away.
    commit: Option<CommitRow>,
}

impl SiteCommand for Blame {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let object = self.at.view(site)?.get(&self.path)?;
        let paths = last_paths(site, object.view().snapshot());
        let mut commits = HashMap::new();
        for (key, cell) in object.object().cells() {
            let commit = commits.entry(cell.tid).or_insert_with(|| {
                site.database().commit_record(cell.tid).ok().map(|commit| row(site, &commit))
            });
            let name = match key {
                CellKey::Attribute(name) => name.to_string(),
                other => format!("({})", cell_text(other, &paths)),
            };
            asker.row(&Row {
                cell: name,
                value: content_text(Some(&cell.content), &paths),
                tid: cell.tid.to_string(),
                commit: commit.clone(),
            })?;
        }
        Ok(())
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let row: Row = typed(row)?;
        let (time, who, sentence) = match &row.commit {
            Some(commit) => (local(&commit.time), commit.principal.as_str(), commit.sentence.as_str()),
            None => (String::new(), "", "(packed away)"),
        };
        let who = if who.is_empty() { "-" } else { who };
        screen.line(&format!("{}  {time}  {who:<8} {:<12} {}  [{sentence}]", row.tid, row.cell, row.value))
    }
}
