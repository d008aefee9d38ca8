//! `diff`: what changed between two commits.

use bough::Site;
use bough::core::Snapshot as _;
use bough::store::Snapshot;
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::log::tid;
use super::request::{SiteCommand, typed};
use super::screen::Screen;
use super::show::{DeltaRow, delta_row, print_delta};

/// How many objects are read at a time. Each time all of them are compared: few large steps are better than many.
const BATCH: usize = 10_000;

/// Show what changed between two commits: only the net effect
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Diff {
    /// The state before
    #[arg(value_name = "TID")]
    from: String,
    /// The state after; may be earlier
    #[arg(value_name = "TID")]
    to: String,
}

impl SiteCommand for Diff {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let database = site.database();
        let (from, to) = (tid(&self.from)?, tid(&self.to)?);
        // Both must be there to be shown.
        database.commit_record(from)?;
        database.commit_record(to)?;
        let states = (database.snapshot_at(from)?, database.snapshot_at(to)?);
        send_differences(site, &states.0, &states.1, asker).map(|_| ())
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        print_delta(&typed::<DeltaRow>(row)?, screen)
    }
}

/// Sends what differs from one state to another, and answers how many objects that are.
pub(crate) fn send_differences(
    site: &Site,
    from: &Snapshot,
    to: &Snapshot,
    asker: &mut dyn Asker,
) -> Result<usize, Failure> {
    let later = if from.tid() > to.tid() { from } else { to };
    let mut sent = 0;
    loop {
        let found = site.database().differences(from, to, sent, BATCH)?;
        for delta in &found.objects {
            asker.row(&delta_row(delta, later))?;
        }
        sent += found.objects.len();
        if found.objects.is_empty() || sent >= found.total {
            return Ok(sent);
        }
    }
}
