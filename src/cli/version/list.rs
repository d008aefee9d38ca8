//! `version list`.

use bough::Site;
use bough::store::LineStatus;
use serde::{Deserialize, Serialize};

use super::row::{BEHIND_MAX, VersionRow};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::protocol::Reply;
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::{Screen, counted, grouped};

const ADVICE: &str = "\n  try: bough version create NAME";

/// List the open versions
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct List {
    /// Also closed and discarded ones
    #[arg(short, long)]
    all: bool,
}

impl SiteCommand for List {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let versions = site.versions()?;
        let (mut shown, mut hidden) = (0, 0_u64);
        for info in &versions {
            if self.all || info.status == LineStatus::Open {
                asker.row(&VersionRow::of(site, info, &versions)?)?;
                shown += 1;
            } else {
                hidden += 1;
            }
        }
        let remark = match (shown, hidden) {
            (0, 0) => format!("There are no versions. Make one{ADVICE}"),
            (_, 0) => return Ok(()),
            (0, _) => format!(
                "There are no open versions; {} with --all. Make one{ADVICE}",
                counted(hidden, "closed or discarded one", "closed or discarded ones")
            ),
            _ => format!(
                "{} with --all",
                counted(hidden, "closed or discarded one", "closed or discarded ones")
            ),
        };
        asker.send(Reply::Remark(remark))
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let row: VersionRow = typed(row)?;
        let owner = if row.owner.is_empty() { "-" } else { &row.owner };
        let status = if row.status == "open" { String::new() } else { format!(" {}", row.status) };
        let of = row.parent.as_ref().map_or_else(String::new, |parent| format!(" of {parent}"));
        let title = if row.title.is_empty() { String::new() } else { format!("  {}", row.title) };
        screen.line(&format!(
            "{:<20}{status}{of}  {owner:<8}  {}, {}{title}",
            row.key,
            row.objects_text("object changed", "objects changed"),
            behind_text(row.behind),
        ))
    }
}

pub(super) fn behind_text(behind: u64) -> String {
    match behind {
        0 => "up to date".to_owned(),
        many if many >= BEHIND_MAX as u64 => format!("{} commits or more behind", grouped(many)),
        few => format!("{} behind", counted(few, "commit", "commits")),
    }
}
