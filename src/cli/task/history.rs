//! `task history`.

use bough::Site;
use serde::{Deserialize, Serialize};

use super::{RunRow, failed, task_at};
use crate::cli::asker::Asker;
use crate::cli::failure::{Failure, quoted};
use crate::cli::protocol::Reply;
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::Screen;

/// Show the last runs of a task, the newest first
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct History {
    /// Path of the task
    path: String,
}

impl SiteCommand for History {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let (oid, path) = task_at(site, &self.path)?;
        let status = site.tasks().status(oid).map_err(|error| failed(&path, &error))?;
        let (runs, zone) = status.map(|status| (status.runs, status.zone)).unwrap_or_default();
        if runs.is_empty() {
            let path = quoted(&path.to_string());
            return asker.send(Reply::Remark(format!("{path} never ran\n  try: bough task run {path}")));
        }
        runs.iter().try_for_each(|run| asker.row(&RunRow::of(run, &zone)))
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        screen.line(&typed::<RunRow>(row)?.text())
    }
}
