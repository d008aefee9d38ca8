//! What is remembered of tasks: side records, which no undo and no version touches.

use bough_core::{Oid, Tid};
use bough_store::side_space::TASKS;
use bough_store::{CommitError, Database, SideWrite, StoreError};
use serde::{Deserialize, Serialize};

/// How many runs of a task are kept.
pub(super) const RUNS_KEPT: usize = 20;
/// Longest kept text of what went wrong, in characters.
const WHY_CHARS_MAX: usize = 500;

/// How a task stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// Up to when its times are seen to, in microseconds since 1970.
    pub(super) covered: u64,
    /// The run of a due time that was begun and has not ended, as far as is known.
    pub(super) begun: Option<Begun>,
    /// When it is tried again, after it failed.
    pub(super) retry: Option<Retry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) due: u64,
    pub(super) started: u64,
    /// The trunk's head before: what the run commits comes after.
    pub(super) head: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Retry {
    pub(super) due: u64,
    pub(super) at: u64,
    /// How often it failed.
    pub(super) failures: u32,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did its work; in this commit, in microseconds since 1970 as its tid is. None where nothing was to be changed.
    Done {
        /// The commit.
        commit: Option<u64>,
    },
    /// It did nothing.
    Failed {
        /// Why, for people.
        why: String,
        /// Whether it is tried again.
        again: bool,
    },
}

/// A run of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When it began, in microseconds since 1970.
    pub started_micros: u64,
    /// How long it took, in microseconds.
    pub took_micros: u64,
    /// The time at which it was due; none where somebody asked for it.
    pub due_micros: Option<u64>,
    /// Who asked for it; empty where nobody did.
    pub by: String,
    /// What came of it.
    pub outcome: Outcome,
}

impl Run {
    /// The commit that it made.
    pub fn tid(&self) -> Option<Tid> {
        match self.outcome {
            Outcome::Done { commit } => commit.map(Tid::from_micros),
            Outcome::Failed { .. } => None,
        }
    }
}

fn run_key(oid: Oid, started: u64) -> Vec<u8> {
    [&oid.to_bytes()[..], b"r", &(u64::MAX - started).to_be_bytes()].concat()
}

fn run_prefix(oid: Oid) -> Vec<u8> {
    [&oid.to_bytes()[..], b"r"].concat()
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|error| unreachable!("BUG: plain data: {error}"))
}

/// How a task stands; as one that never ran where nothing is remembered, or nothing that can be read.
pub(super) fn standing(database: &Database, oid: Oid) -> Result<Standing, StoreError> {
    let bytes = database.side(TASKS, &oid.to_bytes())?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

/// The last runs, the newest first.
pub(super) fn runs(database: &Database, oid: Oid) -> Result<Vec<Run>, StoreError> {
    let mut runs = Vec::new();
    for key in database.side_keys(TASKS, &run_prefix(oid), RUNS_KEPT)? {
        let bytes = database.side(TASKS, &key)?;
        runs.extend(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()));
    }
    Ok(runs)
}

/// Remembers how a task stands, and a run that ended, both or neither.
pub(super) fn remember(
    database: &Database,
    oid: Oid,
    standing: Option<&Standing>,
    run: Option<Run>,
) -> Result<(), CommitError> {
    let write = |key: Vec<u8>, value| SideWrite { space: TASKS, key, value, expires_micros: 0 };
    let mut writes = Vec::new();
    if let Some(standing) = standing {
        writes.push(write(oid.to_bytes().to_vec(), Some(json(standing))));
    }
    if let Some(mut run) = run {
        if let Outcome::Failed { why, .. } = &mut run.outcome {
            *why = why.chars().take(WHY_CHARS_MAX).collect();
        }
        let kept = database.side_keys(TASKS, &run_prefix(oid), 2 * RUNS_KEPT);
        let kept = kept.map_err(|error| CommitError::Store(error.into()))?;
        writes.extend(kept.into_iter().skip(RUNS_KEPT - 1).map(|key| write(key, None)));
        writes.push(write(run_key(oid, run.started_micros), Some(json(&run))));
    }
    database.write_side(&writes)
}
