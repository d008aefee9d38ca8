//! How a task stands, for people.

use bough_core::snapshot::{Chain, Snapshot as _, chain, chain_path, is_live, path_of};
use bough_core::{ObjectPath, Oid};

use super::Tasks;
use super::run::TaskError;
use super::runs::{Run, runs, standing};
use super::scheduler::next;
use super::task::Task;

/// When a task runs next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is running, since this moment.
    Running(u64),
    /// At this moment, in microseconds since 1970.
    At(u64),
    /// At this moment again, as it failed.
    Again(u64),
    /// Only when somebody says so.
    OnDemand,
    /// Not as long as it is paused.
    Paused,
    /// Never again: its time is over.
    Over,
    /// Never, as its times cannot be understood: why.
    Unclear(String),
}

/// A task, and what is remembered of it.
#[derive(Clone, Debug)]
pub struct TaskStatus {
    /// Which.
    pub oid: Oid,
    /// Where it stands.
    pub path: ObjectPath,
    /// The method that it runs.
    pub method: String,
    /// What that is called on; none where that is not there.
    pub on: Option<ObjectPath>,
    /// The same, to be looked up.
    pub on_oid: Oid,
    /// Its times, as they are written.
    pub when: String,
    /// Their time zone; empty for UTC.
    pub zone: String,
    /// Whether it is paused.
    pub is_paused: bool,
    /// Whose it is.
    pub owner: Option<Oid>,
    /// When it runs next.
    pub next: Next,
    /// Its last runs, the newest first.
    pub runs: Vec<Run>,
}

impl Tasks {
    /// How a task of the trunk stands; none where there is no task.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn status(&self, oid: Oid) -> Result<Option<TaskStatus>, TaskError> {
        let database = self.database();
        let snapshot = database.snapshot();
        let Chain::Live(chain) = chain(&snapshot, oid)? else { return Ok(None) };
        let Some(object) = snapshot.object(oid)? else { return Ok(None) };
        let Some(task) = Task::with_past(database, &snapshot, &object)? else { return Ok(None) };
        let running = self.inner.running.lock().get(&oid).copied();
        let standing = standing(database, oid)?;
        let next = match (running, task.times(), next(&task, &standing)) {
            (Some(since), ..) => Next::Running(since),
            (_, Err(error), _) => Next::Unclear(error.to_string()),
            _ if task.is_paused => Next::Paused,
            (_, _, Some((at, due))) if at != due => Next::Again(at),
            (_, _, Some((at, _))) => Next::At(at),
            _ if task.when.is_empty() => Next::OnDemand,
            _ => Next::Over,
        };
        Ok(Some(TaskStatus {
            oid,
            path: chain_path(&chain),
            on: path_of(&snapshot, task.on)?,
            on_oid: task.on,
            method: task.method,
            when: task.when,
            zone: task.zone,
            is_paused: task.is_paused,
            owner: task.owner,
            next,
            runs: runs(database, oid)?,
        }))
    }

    /// The tasks of the trunk that stand somewhere. The first time, the whole site is walked for them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn all(&self) -> Result<Vec<Oid>, TaskError> {
        let snapshot = self.database().snapshot();
        let mut live = Vec::new();
        for oid in self.listed()? {
            if is_live(&snapshot, oid)? {
                live.push(oid);
            }
        }
        Ok(live)
    }
}
