//! `pack`: forget history that nothing needs.

use bough::Site;
use bough::core::Tid;
use bough::store::version::VersionInfo;
use bough::store::{LineStatus, PackReport};
use bough::web::version_key;
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::moment::{When, parse_past};
use super::progress::Told;
use super::request::{SiteCommand, typed};
use super::screen::{Screen, counted, size_text};

/// Forget what only states before a moment need: earlier contents, and objects deleted before it
///
/// Who did what and when is kept for ever, and so are redirects from former addresses. States before the moment can
/// no longer be shown, and commits before it no longer undone.
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Pack {
    /// Keep everything since then: a TID, a time ("2026-11-22 10:30"), or how long ago ("30d ago", "now")
    #[arg(long, value_name = "TID|TIME", value_parser = parse_past)]
    before: When,
    /// Only say what would go, exactly
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    dry_run: bool,
    horizon: String,
    bytes_before: u64,
    bytes_freed: u64,
    records_dropped: u64,
    objects_dropped: u64,
    contents_dropped: u64,
    /// The versions that need what lies before, and from which commit on.
    held_by: Vec<Held>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Held {
    version: String,
    is_open: bool,
    needs: String,
}

impl SiteCommand for Pack {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let database = site.database();
        let before = match self.before {
            When::Tid(micros) => Tid::from_micros(micros),
            When::Micros(micros) => database.tid_at(micros)?,
        };
        let mut told = Told::new("looked at segments", asker);
        let packed = database.pack(before, self.dry_run, &mut |done, total| told.tell(done, total));
        let report = packed.map_err(|error| Failure::because("cannot pack the site", &error))?;
        let held_by = held_by(&report, &database.versions()?);
        asker.row(&row(&report, held_by, self.dry_run))
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let row: Row = typed(row)?;
        let (verb, would) = if row.dry_run { ("Would forget", "would free") } else { ("Forgot", "freed") };
        let records = counted(row.records_dropped, "earlier state", "earlier states");
        let objects = counted(row.objects_dropped, "deleted object", "deleted objects");
        let contents = counted(row.contents_dropped, "content", "contents");
        screen.line(&format!("{verb} {records} ({objects}, {contents})"))?;
        let (freed, before) = (size_text(row.bytes_freed), size_text(row.bytes_before));
        screen.line(&format!("{would} {freed} of {before}; the earliest state kept is {}", row.horizon))?;
        for Held { version, needs, .. } in &row.held_by {
            screen.line(&format!("version {version} needs everything from {needs} on"))?;
        }
        if let Some(held) = row.held_by.first() {
            let [update, detach, reopen, discard] = ["update", "detach", "reopen", "discard"]
                .map(|verb| screen.command(&format!("version {verb} {}", held.version)));
            screen.line(&match held.is_open {
                true => format!("let it need less with: {update} or {detach}"),
                false => format!(
                    "it is closed and not merged: go on with {reopen}, or throw it away with {discard}"
                ),
            })?;
        }
        Ok(())
    }
}

/// The versions that hold pack back, each by what names it for certain.
fn held_by(report: &PackReport, all: &[VersionInfo]) -> Vec<Held> {
    let held = report.held_by.iter().map(|(name, needs)| {
        let info = all
            .iter()
            .find(|info| info.name == *name && info.needs == *needs && info.status != LineStatus::Discarded);
        Held {
            version: info.map_or_else(|| name.clone(), |info| version_key(all, info)),
            is_open: info.is_none_or(|info| info.status == LineStatus::Open),
            needs: needs.to_string(),
        }
    });
    held.collect()
}

fn row(report: &PackReport, held_by: Vec<Held>, dry_run: bool) -> Row {
    Row {
        dry_run,
        horizon: report.horizon.to_string(),
        bytes_before: report.bytes_before,
        bytes_freed: report.bytes_freed,
        records_dropped: report.records_dropped,
        objects_dropped: report.objects_dropped,
        contents_dropped: report.contents_dropped,
        held_by,
    }
}
