//! `log`: the commits.

use bough::core::{Oid, Snapshot, Tid};
use bough::store::{CommitRecord, Kind};
use bough::{Error, Site};
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::moment::{local, rfc3339};
use super::request::{SiteCommand, typed};
use super::screen::{Screen, counted};
use super::value::paths_in;

/// How many commits are read at a time.
const BATCH: usize = 200;

/// List commits, newest first
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Log {
    /// Only commits that wrote the object that is, or was last, at this path
    path: Option<String>,
    /// At most so many
    #[arg(short = 'n', long, default_value_t = 50)]
    limit: usize,
    /// Only commits before this one
    #[arg(long, value_name = "TID")]
    before: Option<String>,
}

/// A commit, as every command shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CommitRow {
    pub(crate) tid: String,
    pub(crate) time: String,
    pub(crate) kind: String,
    pub(crate) principal: String,
    pub(crate) sentence: String,
    pub(crate) objects: u64,
    pub(crate) container: String,
    /// The commits that it takes back.
    pub(crate) of: Vec<String>,
}

impl SiteCommand for Log {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let database = site.database();
        let oid = self.path.as_deref().map(|path| now_or_last(site, path)).transpose()?;
        let mut before = self.before.as_deref().map(tid).transpose()?;
        let mut left = self.limit;
        while left > 0 {
            let limit = left.min(BATCH);
            let commits = match oid {
                Some(oid) => database.commits_of(oid, before, limit)?,
                None => database.commits(before, limit)?,
            };
            let Some(last) = commits.last() else { break };
            before = Some(last.tid);
            left -= commits.len();
            commits.iter().try_for_each(|commit| asker.row(&row(site, commit)))?;
        }
        Ok(())
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        screen.line(&commit_line(&typed(row)?))
    }
}

/// A commit on one line.
pub(crate) fn commit_line(row: &CommitRow) -> String {
    let objects = counted(row.objects, "object", "objects");
    let who = if row.principal.is_empty() { "-" } else { &row.principal };
    format!("{}  {}  {who:<8} {:<7} {}  ({objects})", row.tid, local(&row.time), row.kind, row.sentence)
}

pub(crate) fn row(site: &Site, commit: &CommitRecord) -> CommitRow {
    let of = match &commit.kind {
        Kind::Undo { of } => of.iter().map(Tid::to_string).collect(),
        Kind::Restore { from } => vec![from.to_string()],
        _ => Vec::new(),
    };
    CommitRow {
        tid: commit.tid.to_string(),
        time: rfc3339(commit.time_micros),
        kind: commit.kind.word().to_owned(),
        principal: commit.principal.clone(),
        sentence: commit.sentence.clone(),
        objects: commit.objects,
        container: paths_in(&site.database().snapshot())(commit.container),
        of,
    }
}

/// Reads a TID that was typed.
pub(crate) fn tid(text: &str) -> Result<Tid, Failure> {
    text.parse().map_err(|error| Failure::usage(format!("{error}")).advise("bough log"))
}

/// The object at a path, or the one that was there last.
pub(crate) fn now_or_last(site: &Site, path: &str) -> Result<Oid, Failure> {
    let missing = match site.get(path) {
        Ok(object) => return Ok(object.oid()),
        Err(error) => error,
    };
    let Error::NothingAt { path, .. } = &missing else { return Err(missing.into()) };
    let snapshot = site.database().snapshot();
    let mut at = Oid::ROOT;
    for name in path.names() {
        let here = snapshot.child(at, name.as_str())?;
        match here.map_or_else(|| snapshot.former_child(at, name.as_str()), |oid| Ok(Some(oid)))? {
            Some(oid) => at = oid,
            None => return Err(missing.into()),
        }
    }
    Ok(at)
}
