//! One run of a task: a method called with the rights of the task's owner, in one commit.

use std::collections::btree_map::Entry;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bough_core::object_type::{Call, Effect, MethodError, MethodSpec, ObjectType, Site};
use bough_core::security::permission::VIEW;
use bough_core::security::{Access, Actor, Principal, Warrant, user};
use bough_core::snapshot::{Chain, chain};
use bough_core::snapshot::{ReadError, Snapshot as _, chain_path, path_of};
use bough_core::transaction::{SharedSnapshot, TransactionError};
use bough_core::{Name, Object, ObjectPath, Oid, Tid, Value};
use bough_store::{CommitError, Database, Draft, HistoryError, Note, Snapshot, StoreError};

use super::runs::{Begun, Outcome, Retry, Run, Standing, remember, standing};
use super::task::Task;
use super::{TASK, Tasks};
use crate::outside::Way;

/// How long is waited before the first, the second ... further try, in seconds.
const RETRIES_SECS: [u64; 3] = [60, 5 * 60, 30 * 60];
/// How many commits are looked through for one that a server made just before it stopped.
const LOOKED_THROUGH: usize = 200;
/// What every object knows.
const SET: &str = "set";
const DELETE: &str = "delete";

/// Why a task did not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// There is no task.
    #[error("there is no task there")]
    NoTask,
    /// It is being run already.
    #[error("it is running already")]
    Running,
    /// The time for which it was to be run is seen to, or not its time any more.
    #[error("it is not due")]
    NotDue,
    /// Nobody's rights are there to run it with.
    #[error("it is nobody's: a task runs with the rights of its owner")]
    Unowned,
    /// The owner was deleted or may not log in.
    #[error("its owner is no user any more, or may not log in")]
    OwnerGone,
    /// What it is to be called on is not there.
    #[error("the object that `{0}` is to be called on is not there")]
    NoObject(String),
    /// The object knows no such method.
    #[error("{on} has no method `{method}`")]
    NoMethod {
        /// The object.
        on: ObjectPath,
        /// What it was to run.
        method: String,
    },
    /// The method changes nothing.
    #[error("`{0}` only reads: a task runs what changes the site")]
    OnlyReads(String),
    /// What it is called with does not suit the method.
    #[error("`{method}` {problem}")]
    Arguments {
        /// The method.
        method: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// Its owner may not do that.
    #[error("its owner may not: {permission} at {at}")]
    Denied {
        /// What it takes.
        permission: String,
        /// Where.
        at: String,
    },
    /// The method refused or failed.
    #[error(transparent)]
    Method(#[from] MethodError),
    /// The method ended in a fault of the program.
    #[error("a fault of the program: {0}")]
    Fault(String),
    /// The change was not possible.
    #[error(transparent)]
    Change(#[from] TransactionError),
    /// The commit was not possible.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The past could not be read.
    #[error(transparent)]
    History(#[from] HistoryError),
}

impl TaskError {
    /// Whether the same run may succeed some time later, without anybody changing what the task says.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Method(error) => {
                matches!(error, MethodError::Refused(_) | MethodError::Read(_) | MethodError::Write(_))
            }
            Self::Fault(_) | Self::Commit(_) | Self::Read(_) | Self::Store(_) | Self::History(_) => true,
            _ => false,
        }
    }
}

/// Why it is run.
pub(super) enum Cause<'a> {
    /// This time has come.
    Due(u64),
    /// Somebody asks for it.
    Asked(&'a str),
}

/// As long as it is there, nobody else runs the task.
struct Running<'a> {
    tasks: &'a Tasks,
    oid: Oid,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.tasks.inner.running.lock().remove(&self.oid);
    }
}

impl Tasks {
    /// Runs a task of the trunk at once, with the rights of its owner, and remembers what came of it. `by`: who asks.
    ///
    /// # Errors
    /// When it is no task, or is running. That the run itself failed is no error: the answer says so.
    pub fn run_now(&self, oid: Oid, by: &str) -> Result<Run, TaskError> {
        self.run(oid, &Cause::Asked(by))
    }

    pub(super) fn run(&self, oid: Oid, cause: &Cause<'_>) -> Result<Run, TaskError> {
        let database = self.database();
        let snapshot = database.snapshot();
        let object = snapshot.object(oid)?.ok_or(TaskError::NoTask)?;
        let path = match chain(&snapshot, oid)? {
            Chain::Live(chain) if object.is_a(TASK) => chain_path(&chain),
            _ => return Err(TaskError::NoTask),
        };
        let started = database.now_micros();
        match self.inner.running.lock().entry(oid) {
            Entry::Occupied(_) => return Err(TaskError::Running),
            Entry::Vacant(free) => _ = free.insert(started),
        }
        let _running = Running { tasks: self, oid };
        let mut standing = standing(database, oid)?;
        let due = match cause {
            Cause::Due(due) => Some(*due),
            Cause::Asked(_) => None,
        };
        if let Some(due) = due {
            let task = Task::with_past(database, &snapshot, &object)?.ok_or(TaskError::NoTask)?;
            if task.due(standing.covered) != Some(due) {
                return Err(TaskError::NotDue);
            }
            standing.begun = Some(Begun { due, started, head: database.head().as_micros() });
            remember(database, oid, Some(&standing), None)?;
        }
        let key = key(oid, due.unwrap_or(started));
        let done = self.carry_out(&snapshot, &object, &path, &key);
        let outcome = match &done {
            Ok(tid) => Outcome::Done { commit: tid.map(|tid| tid.as_micros()) },
            Err(error) => {
                tracing::warn!(task = %path, "a task failed: {}", in_full(error));
                Outcome::Failed { why: in_full(error), again: false }
            }
        };
        let again = done.as_ref().err().is_some_and(TaskError::is_transient);
        let by = if let Cause::Asked(by) = cause { *by } else { "" };
        let run = Run {
            started_micros: started,
            took_micros: database.now_micros().saturating_sub(started),
            due_micros: due,
            by: by.to_owned(),
            outcome,
        };
        self.end(oid, due.map(|due| (due, standing)), run, again)
    }

    /// Remembers what came of a run; of one that was due, also when there is the next.
    fn end(
        &self,
        oid: Oid,
        due: Option<(u64, Standing)>,
        mut run: Run,
        may_succeed: bool,
    ) -> Result<Run, TaskError> {
        let database = self.database();
        let standing = due.map(|(due, mut standing)| {
            let failures =
                standing.retry.take().filter(|retry| retry.due == due).map_or(0, |retry| retry.failures);
            let pause = RETRIES_SECS.get(failures as usize).filter(|_| may_succeed);
            standing.begun = None;
            match (pause, &mut run.outcome) {
                (Some(secs), Outcome::Failed { again, .. }) => {
                    *again = true;
                    let at = database.now_micros() + secs * 1_000_000;
                    standing.retry = Some(Retry { due, at, failures: failures + 1 });
                }
                // Whatever else went by meanwhile is made up for by this run.
                _ => standing.covered = run.started_micros.max(due),
            }
            standing
        });
        remember(database, oid, standing.as_ref(), Some(run.clone()))?;
        Ok(run)
    }

    /// Ends the run that a server had begun when it stopped: whether it was committed, the commit itself says. Answers
    /// whether there was one that was not.
    pub(super) fn recover(&self, oid: Oid) -> Result<bool, TaskError> {
        let database = self.database();
        let standing = standing(database, oid)?;
        let Some(begun) = standing.begun.clone() else { return Ok(false) };
        let (key, mut before) = (key(oid, begun.due), None);
        loop {
            let commits = database.commits(before, LOOKED_THROUGH)?;
            let later = commits.iter().take_while(|commit| commit.tid.as_micros() > begun.head);
            if let Some(commit) = later.clone().find(|commit| commit.request == key) {
                let run = Run {
                    started_micros: begun.started,
                    took_micros: commit.time_micros.saturating_sub(begun.started),
                    due_micros: Some(begun.due),
                    by: String::new(),
                    outcome: Outcome::Done { commit: Some(commit.tid.as_micros()) },
                };
                self.end(oid, Some((begun.due, standing)), run, false)?;
                return Ok(false);
            }
            if later.count() < LOOKED_THROUGH {
                return Ok(true);
            }
            before = commits.last().map(|commit| commit.tid);
        }
    }

    fn carry_out(
        &self,
        snapshot: &Snapshot,
        object: &Object,
        path: &ObjectPath,
        key: &str,
    ) -> Result<Option<Tid>, TaskError> {
        let database = self.database();
        let task = Task::of(snapshot, object)?.ok_or(TaskError::NoTask)?;
        let owner = user(snapshot, task.owner.ok_or(TaskError::Unowned)?)?.ok_or(TaskError::OwnerGone)?;
        let owner_oid = owner.oid;
        let actor = Actor::new(Principal::User(Arc::new(owner)));
        let here: SharedSnapshot = Arc::new(snapshot.clone());
        let access = Access::new(actor.clone(), Arc::clone(database.types()), here, None);
        let work = Work::of(database, snapshot, &access, &task)?;
        let sentence = format!("Ran {path} ({} on {})", task.method, work.on_path);
        let warrant = Warrant::new(actor.clone(), Arc::clone(database.types()));
        let note = Note::edit(sentence).by(actor.name()).under(Arc::new(warrant));
        let note = Note { request: key.to_owned(), ..note };
        let way_out = Way::of_owner(&access);
        let written = catch_unwind(AssertUnwindSafe(|| {
            database.write(note, |draft: &mut Draft| {
                way_out.begin_try();
                draft.set_maker(Some(owner_oid));
                work.call(draft, &task, (&actor, &way_out), database.now_micros())
            })
        }));
        match written {
            Ok(Ok(((), tid))) => Ok(tid),
            Ok(Err(TaskError::Commit(CommitError::Denied(denials)))) => {
                let first = denials.into_iter().next();
                let (permission, at) =
                    first.map_or(("View", Oid::ROOT), |denial| (denial.permission, denial.at));
                let at = path_of(snapshot, at)?.map_or_else(|| at.to_string(), |path| path.to_string());
                Err(TaskError::Denied { permission: permission.to_owned(), at })
            }
            Ok(Err(error)) => Err(error),
            Err(panic) => Err(TaskError::Fault(crate::publisher::panic_text(&*panic))),
        }
    }
}

/// What a run is called in its commit.
fn key(oid: Oid, moment: u64) -> String {
    format!("task {oid} {moment}")
}

/// An error with its causes.
fn in_full(error: &TaskError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// What keeps a task from running whenever it is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Obstacles {
    /// Whether nobody owns it, with whose rights it would run.
    pub is_nobodys: bool,
    /// What is wrong with what it shall do.
    pub problem: Option<String>,
}

/// What keeps an object of a line from running, as it is now; nothing where it is no task.
///
/// # Errors
/// When the store cannot be read.
pub fn obstacles(line: &Database, oid: Oid) -> Result<Obstacles, ReadError> {
    let snapshot = line.snapshot();
    let Some(object) = snapshot.object(oid)? else { return Ok(Obstacles::default()) };
    let Some(task) = Task::of(&snapshot, &object)? else { return Ok(Obstacles::default()) };
    let here: SharedSnapshot = Arc::new(snapshot.clone());
    // Rights are the owner's, and looked at when it runs.
    let access = Access::new(Actor::system(), Arc::clone(line.types()), here, None);
    let problem = match Work::of(line, &snapshot, &access, &task) {
        Ok(_) => None,
        Err(TaskError::Read(error)) => return Err(error),
        Err(error) => Some(error.to_string()),
    };
    Ok(Obstacles { is_nobodys: task.owner.is_none(), problem })
}

/// What a task is to do, as far as that is there and its owner may.
struct Work {
    on_path: ObjectPath,
    how: How,
}

enum How {
    Method(Arc<dyn ObjectType>, MethodSpec),
    Set,
    Delete,
}

impl Work {
    fn of(database: &Database, snapshot: &Snapshot, access: &Access, task: &Task) -> Result<Self, TaskError> {
        let missing = || TaskError::NoObject(task.method.clone());
        let on = snapshot.object(task.on)?.ok_or_else(missing)?;
        let on_path = path_of(snapshot, task.on)?.ok_or_else(missing)?;
        let of = on.type_name().and_then(|name| database.types().get(name.as_str()));
        let spec = of.and_then(|of| Some((of, of.schema().method(&task.method)?.clone())));
        let how = match (spec, task.method.as_str()) {
            (Some((_, spec)), _) if spec.effect == Effect::Reads => {
                return Err(TaskError::OnlyReads(task.method.clone()));
            }
            (Some((of, spec)), _) => {
                let permission = if spec.permission.is_empty() { VIEW } else { spec.permission };
                // What may not be seen is called by nobody.
                for permission in [VIEW, permission] {
                    if !access.allows(permission, &on)? {
                        let at = on_path.to_string();
                        return Err(TaskError::Denied { permission: permission.to_owned(), at });
                    }
                }
                How::Method(Arc::clone(of), spec)
            }
            (None, SET) if task.arguments.is_empty() => {
                return Err(TaskError::Arguments {
                    method: SET,
                    problem: "needs arguments: the attributes to be set",
                });
            }
            (None, SET) => How::Set,
            (None, DELETE) if !task.names_object => {
                return Err(TaskError::Arguments {
                    method: DELETE,
                    problem: "needs to be told on which object",
                });
            }
            (None, DELETE) => How::Delete,
            (None, _) => return Err(TaskError::NoMethod { on: on_path, method: task.method.clone() }),
        };
        Ok(Self { on_path, how })
    }

    fn call(
        &self,
        draft: &mut Draft,
        task: &Task,
        (actor, way_out): (&Actor, &Way),
        now_micros: u64,
    ) -> Result<(), TaskError> {
        match &self.how {
            How::Method(of, spec) => {
                let site = Site::Transaction(draft);
                let arguments = &task.arguments;
                let mut call = Call { object: task.on, site, arguments, now_micros, actor, way_out };
                of.call(&spec.name, &mut call).map(drop)?;
            }
            How::Set => {
                for (name, value) in &task.arguments {
                    let name = Name::new(name).map_err(|_| TaskError::Arguments {
                        method: SET,
                        problem: "was given something that cannot be the name of an attribute",
                    })?;
                    draft.set(task.on, &name, Some(value.clone()).filter(|value| *value != Value::Null))?;
                }
            }
            How::Delete => draft.delete(task.on)?,
        }
        Ok(())
    }
}
