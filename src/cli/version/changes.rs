//! `version diff`: what a version changed, and what differs between any two lines.

use bough::Site;
use bough::store::Snapshot;
use serde::{Deserialize, Serialize};

use super::TRUNK;
use crate::cli::asker::Asker;
use crate::cli::diff::send_differences;
use crate::cli::failure::Failure;
use crate::cli::log::tid;
use crate::cli::protocol::Reply;
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::Screen;
use crate::cli::show::{DeltaRow, delta_row, print_delta};

/// How many objects are read at a time.
const BATCH: usize = 10_000;

/// Show what a version changed against its base, cell by cell; or what differs from another line to it
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Diff {
    /// The version; with --with also as it was
    #[arg(value_name = "NAME[@TID]")]
    name: String,
    /// Compare with this version as it is, or was, instead; `trunk` is the public site
    #[arg(long = "with", value_name = "OTHER[@TID]")]
    with: Option<String>,
}

impl SiteCommand for Diff {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let sent = match (&self.with, self.name.contains('@')) {
            (Some(other), _) => {
                let (from, to) = (state(site, other)?, state(site, &self.name)?);
                send_differences(site, &from, &to, asker)?
            }
            (None, true) => {
                let version = site.version(self.name.split('@').next().unwrap_or_default())?;
                let to = state(site, &self.name)?;
                send_differences(site, &version.database().base_snapshot()?, &to, asker)?
            }
            (None, false) => self.own(site, asker)?,
        };
        match (sent, &self.with) {
            (0, Some(other)) => asker.send(Reply::Remark(format!("{} is as {other}", self.name))),
            (0, None) => asker.send(Reply::Remark(format!(
                "{} changed nothing\n  try: bough set PATH NAME=VALUE --version {}",
                self.name, self.name
            ))),
            _ => Ok(()),
        }
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        print_delta(&typed::<DeltaRow>(row)?, screen)
    }
}

impl Diff {
    fn own(&self, site: &Site, asker: &mut dyn Asker) -> Result<usize, Failure> {
        let version = site.version(&self.name)?;
        let snapshot = version.database().snapshot();
        let mut sent = 0;
        let mut after = None;
        loop {
            let found = version.database().own_part(after, BATCH)?;
            for delta in &found.objects {
                asker.row(&delta_row(delta, &snapshot))?;
            }
            sent += found.objects.len();
            if found.next.is_none() {
                return Ok(sent);
            }
            after = found.next;
        }
    }
}

/// The state that a text names: a line, and where it says so a commit of it.
fn state(site: &Site, text: &str) -> Result<Snapshot, Failure> {
    let (name, at) = text.split_once('@').map_or((text, None), |(name, at)| (name, Some(at)));
    let trunk = || site.database().on(bough::store::LineId::TRUNK);
    let database = match name {
        TRUNK => trunk().map_err(bough::store::version::VersionError::from)?,
        name => site.version(name)?.database().clone(),
    };
    match at {
        Some(at) => Ok(database.snapshot_at(tid(at)?)?),
        None => Ok(database.snapshot()),
    }
}
