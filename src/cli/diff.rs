//! `diff`: what changed between two commits.

use std::collections::BTreeSet;

use bough::Site;
use bough::core::object::differing_cells;
use bough::core::{Oid, Tid};
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::log::tid;
use super::request::{SiteCommand, typed};
use super::screen::Screen;
use super::show::{DeltaRow, delta_row, print_delta};

/// How much is read at a time.
const BATCH: usize = 256;
/// How many objects are compared: what is between two commits is kept in memory.
const OBJECTS_MAX: usize = 1_000_000;

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
        for oid in touched(site, from.min(to), from.max(to))? {
            let before = database.object_at(oid, from)?;
            let after = database.object_at(oid, to)?;
            if !differing_cells(before.as_deref(), after.as_deref()).is_empty() {
                asker.row(&delta_row(site, oid, from.max(to), before.as_deref(), after.as_deref())?)?;
            }
        }
        Ok(())
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        print_delta(&typed::<DeltaRow>(row)?, screen)
    }
}

/// The objects that the commits after `from` up to `to` wrote.
fn touched(site: &Site, from: Tid, to: Tid) -> Result<BTreeSet<Oid>, Failure> {
    let database = site.database();
    let mut oids = BTreeSet::new();
    let mut before = Some(Tid::from_micros(to.as_micros() + 1));
    loop {
        let commits = database.commits(before, BATCH)?;
        for commit in &commits {
            if commit.tid <= from {
                return Ok(oids);
            }
            let mut seen = 0;
            loop {
                let deltas = database.changes(commit.tid, seen, BATCH)?;
                if deltas.is_empty() {
                    break;
                }
                seen += deltas.len();
                oids.extend(deltas.iter().map(|delta| delta.oid));
                if oids.len() > OBJECTS_MAX {
                    let message =
                        format!("cannot compare: more than {OBJECTS_MAX} objects changed in between");
                    return Err(Failure::refused(message).advise("bough show TID for one commit"));
                }
            }
        }
        match commits.last() {
            Some(last) => before = Some(last.tid),
            None => return Ok(oids),
        }
    }
}
