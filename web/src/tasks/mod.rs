//! Tasks: objects that run a method at their times, with the rights of their owner.
//!
//! A task names a method (`run`), the object that it is called on (`on`; its container where it says none), what it is
//! called with (`arguments`) and when (`when`, in the time zone `zone`). A run is one commit, which can be undone.
//! Besides the methods that types have, every object knows `set` (its attributes become the arguments) and `delete`.
//!
//! Code map: `when` (times, without any clock), `task` (a task as the tree has it), `runs` (what is remembered of it),
//! `run` (one run), `list` (which tasks there are), `scheduler` (the thread that runs what is due), `status` (what people see).
//!
//! # Invariants
//! - Everything here reads and writes the trunk. What a version holds does nothing before it is merged.
//! - Each due time makes one commit, also when the server stops in the midst of it: a commit says which run it is of
//!   ([`CommitRecord::request`](bough_store::CommitRecord)), and a run that had begun is looked for before it is done again.
//!   What a method does outside of the site may happen twice.
//! - Times that went by while no server ran are made up for by one run.
//! - A task is run once at a time, with the rights that its owner has then.

mod list;
mod run;
mod runs;
mod scheduler;
mod status;
mod task;
mod when;

use std::collections::BTreeMap;
use std::sync::Arc;

use bough_core::Oid;
use bough_core::name::NameError;
use bough_core::object_type::{AttributeSpec, Effect, Guards, Input, MethodSpec, PlainType, TypeSchema};
use bough_core::security::permission::TASKS;
use bough_core::{Name, Value};
use bough_store::{Database, LineId};
use parking_lot::Mutex;

use self::list::List;
pub use self::run::{Obstacles, TaskError, obstacles};
pub use self::runs::{Outcome, Run};
pub use self::scheduler::Scheduler;
pub use self::status::{Next, TaskStatus};

/// The type of tasks.
pub const TASK: &str = "task";
/// The method that runs one at once.
pub const RUN: &str = "run";

/// Why a task could not know its times if this attribute had this value; none where it can.
pub fn times_problem(attribute: &str, value: &Value) -> Option<String> {
    let read = match attribute {
        "when" => value.as_text().map(|text| when::When::parse(text).map(drop)),
        "zone" => value.as_text().map(|text| when::zone(text).map(drop)),
        _ => None,
    };
    read?.err().map(|error| error.to_string())
}

/// The tasks of a site. Clones know of each other's runs; all at work on one site must be clones of one another.
#[derive(Clone)]
pub struct Tasks {
    inner: Arc<Inner>,
}

struct Inner {
    /// The trunk.
    database: Database,
    /// What is being run, and since when in microseconds since 1970.
    running: Mutex<BTreeMap<Oid, u64>>,
    list: Mutex<List>,
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks").finish_non_exhaustive()
    }
}

impl Tasks {
    /// The tasks of the site in a database, whichever of its lines the handle is on.
    pub fn new(database: &Database) -> Self {
        let trunk = match database.on(LineId::TRUNK) {
            Ok(trunk) => trunk,
            Err(error) => unreachable!("BUG: there is no trunk: {error}"),
        };
        let inner = Inner { database: trunk, running: Mutex::default(), list: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    fn database(&self) -> &Database {
        &self.inner.database
    }
}

pub(crate) fn task_type() -> Result<PlainType, NameError> {
    let labelled = |name: &str, kind: &'static str, label: &str| {
        Ok::<_, NameError>(AttributeSpec { label: label.to_owned(), ..AttributeSpec::new(name, kind)? })
    };
    Ok(PlainType(TypeSchema {
        attributes: vec![
            labelled("title", "text", "Title")?,
            labelled("run", "text", "Method that it runs; every object knows “set” and “delete”")?.required(),
            labelled("on", "reference", "Object that the method is called on; the task's folder if none")?,
            labelled("arguments", "map", "What the method is called with")?,
            labelled(
                "when",
                "text",
                "When: “at 08:00”, “every 10m”, “once 2026-12-01T08:00”, “cron 0 8 * * 1”, or nothing",
            )?,
            labelled("zone", "text", "Time zone, as in Europe/Berlin; UTC if none")?,
            labelled("paused", "bool", "Paused")?.with_default(Value::Bool(false)).asked(Input::ByKind),
        ],
        methods: vec![MethodSpec { name: Name::new(RUN)?, effect: Effect::Writes, permission: TASKS }],
        // A task is nothing to be looked at.
        guards: Guards::all(TASKS),
        acts_as_owner: true,
        ..TypeSchema::new(TASK, "Task")?
    }))
}

#[cfg(test)]
mod tests;
