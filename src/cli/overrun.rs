//! What a commit took away although others had written it meanwhile, as `rm` and `show` tell it.

use bough::Site;
use bough::core::Tid;
use bough::store::HistoryError;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::log::{CommitRow, commit_line, row};
use super::screen::{Screen, grouped};

/// Everything that a commit overran; told in one row, as it is bounded.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OverrunRow {
    /// The commit that took it away.
    pub(crate) tid: String,
    /// How many there are.
    total: u64,
    /// The first of them, newest first.
    named: Vec<OneRow>,
}

/// What one commit had written in one object.
#[derive(Debug, Serialize, Deserialize)]
struct OneRow {
    oid: String,
    /// Where it was just before.
    path: String,
    by: CommitRow,
}

/// What the commit overran; none if nothing.
pub(crate) fn overrun_row(site: &Site, tid: Tid) -> Result<Option<OverrunRow>, HistoryError> {
    let overruns = site.database().overrun(tid)?;
    let one = |one: &bough::store::Overrun| OneRow {
        oid: one.oid.to_string(),
        path: one.path.to_string(),
        by: row(site, &one.by),
    };
    let named = overruns.named.iter().map(one).collect();
    Ok((overruns.total > 0).then(|| OverrunRow { tid: tid.to_string(), total: overruns.total, named }))
}

pub(crate) fn print_overrun(row: &OverrunRow, screen: &mut Screen) -> Result<(), Failure> {
    screen.line("written meanwhile, and taken away with it:")?;
    for one in &row.named {
        screen.line(&format!("  {}", one.path))?;
        screen.line(&format!("    {}", commit_line(&one.by)))?;
    }
    match row.total.saturating_sub(row.named.len() as u64) {
        0 => Ok(()),
        more => screen.line(&format!("  ... and {} more", grouped(more))),
    }
}
