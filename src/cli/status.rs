//! `status`: how the data folder stands.

use bough::Site;
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::log::{CommitRow, commit_line, row};
use super::request::{SiteCommand, typed};
use super::screen::{Screen, counted, grouped, size_text};

/// Say how the data folder stands: who has it open, the last commit, sizes
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Status {}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    /// The process that has the folder open.
    pid: u32,
    version: String,
    head: String,
    last: CommitRow,
    horizon: String,
    log_bytes: u64,
    cache_bytes: u64,
    tail_entries: u64,
    tail_bytes: u64,
    open_snapshots: usize,
    failure: Option<String>,
}

impl SiteCommand for Status {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let database = site.database();
        let status = database.status();
        // The newest commit of all may be one of a version.
        let last = site.history(1)?.pop();
        let last = last.ok_or_else(|| Failure::refused("BUG: the site has no commit"))?;
        asker.row(&Row {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            head: status.head.to_string(),
            last: row(site, &last),
            horizon: status.horizon.to_string(),
            log_bytes: status.log_bytes,
            cache_bytes: status.cache_bytes,
            tail_entries: status.tail_entries,
            tail_bytes: status.tail_bytes,
            open_snapshots: status.open_snapshots,
            failure: status.failure,
        })
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let row: Row = typed(row)?;
        let server = match row.pid == std::process::id() {
            true => "none: commands open the folder themselves".to_owned(),
            false => format!("process {} (bough {})", row.pid, row.version),
        };
        screen.line(&format!("server       {server}"))?;
        screen.line(&format!("last commit  {}", commit_line(&row.last)))?;
        screen.line(&format!("log          {}", size_text(row.log_bytes)))?;
        let tail = counted(row.tail_entries, "entry", "entries");
        screen.line(&format!("index        {tail} in memory ({})", size_text(row.tail_bytes)))?;
        screen.line(&format!("cache        {}", size_text(row.cache_bytes)))?;
        screen.line(&format!("snapshots    {} open", grouped(row.open_snapshots as u64)))?;
        match &row.failure {
            Some(failure) => screen.line(&format!("FAILED       nothing can be written: {failure}")),
            None => Ok(()),
        }
    }
}
