//! The thread that runs what is due.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bough_core::Oid;
use bough_core::snapshot::{Snapshot as _, is_live};
use parking_lot::{Condvar, Mutex};

use super::Tasks;
use super::run::{Cause, TaskError};
use super::runs::{Standing, standing};
use super::task::Task;

/// How often is looked for what is due, and for what was committed: how late a run can be.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many tasks are run at the same time.
const AT_ONCE_MAX: usize = 2;
/// A run that takes longer is told of: a thread cannot be stopped from outside.
const RUN_MAX: Duration = Duration::from_secs(600);
/// How long is waited for runs that are under way when the server stops. One that has not ended then is done again by
/// the next server, unless it is committed.
const STOP_MAX: Duration = Duration::from_secs(10);

/// What is due when.
#[derive(Default)]
pub(super) struct Planner {
    /// When each is to be run, and which due time that is for.
    next: BTreeMap<Oid, (u64, u64)>,
    /// What is to be planned anew.
    waiting: BTreeSet<Oid>,
}

impl Planner {
    /// Takes in what was committed, and answers what is due now with its due time, the longest due first.
    pub(super) fn due(&mut self, tasks: &Tasks) -> Result<Vec<(Oid, u64)>, TaskError> {
        self.waiting.extend(tasks.changed()?);
        for oid in std::mem::take(&mut self.waiting) {
            // One that cannot be read keeps no other from its work.
            if let Err(error) = guarded(|| self.plan(tasks, oid)) {
                tracing::error!(task = %oid, "cannot find out when a task is due: {error}");
                self.waiting.insert(oid);
            }
        }
        let now = tasks.database().now_micros();
        let mut due: Vec<(u64, Oid, u64)> = self
            .next
            .iter()
            .filter(|(_, (at, _))| *at <= now)
            .map(|(oid, (at, due))| (*at, *oid, *due))
            .collect();
        due.sort_unstable();
        let snapshot = tasks.database().snapshot();
        let running = tasks.inner.running.lock().clone();
        let mut live = Vec::new();
        // What somebody runs just now is looked at again when that has ended.
        for (_, oid, due) in due.into_iter().filter(|(_, oid, _)| !running.contains_key(oid)) {
            match is_live(&snapshot, oid) {
                Ok(true) => live.push((oid, due)),
                // It comes back with its folder.
                Ok(false) => _ = self.next.remove(&oid),
                Err(error) => tracing::error!(task = %oid, "cannot find a task: {error}"),
            }
        }
        Ok(live)
    }

    /// Finds out when a task is due next.
    pub(super) fn plan(&mut self, tasks: &Tasks, oid: Oid) -> Result<(), TaskError> {
        self.next.remove(&oid);
        let snapshot = tasks.database().snapshot();
        let Some(object) = snapshot.object(oid)? else { return Ok(()) };
        let Some(task) = Task::with_past(tasks.database(), &snapshot, &object)? else { return Ok(()) };
        let is_running = tasks.inner.running.lock().contains_key(&oid);
        if !is_running {
            tasks.recover(oid)?;
        }
        self.next.extend(next(&task, &standing(tasks.database(), oid)?).map(|next| (oid, next)));
        Ok(())
    }
}

/// When a task is to be run next, and which due time that is for.
pub(super) fn next(task: &Task, standing: &Standing) -> Option<(u64, u64)> {
    let due = task.due(standing.covered)?;
    match &standing.retry {
        // As long as it says the same times, and was due then.
        Some(retry) if retry.due == due => Some((retry.at, due)),
        _ => Some((due, due)),
    }
}

/// What both sides know.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    is_stopping: bool,
    /// What is run by this scheduler.
    running: BTreeMap<Oid, (Instant, bool)>,
    /// What was run, and is to be planned anew.
    ended: Vec<Oid>,
    /// Whether one of these did its work, so that another may have its place at once.
    is_free: bool,
}

/// Runs the tasks of a site as long as it is there.
pub struct Scheduler {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Tasks {
    /// Begins to run what is due. One scheduler a site.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(&self) -> std::io::Result<Scheduler> {
        let shared = Arc::new(Shared::default());
        let (tasks, theirs) = (self.clone(), Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("tasks".into()).spawn(move || work(&tasks, &theirs))?;
        Ok(Scheduler { shared, thread: Some(thread) })
    }
}

impl Scheduler {
    /// Begins no more runs, and waits for those under way, for a while.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        let until = Instant::now() + STOP_MAX;
        let mut state = self.shared.state.lock();
        state.is_stopping = true;
        self.shared.wake.notify_all();
        while !state.running.is_empty() {
            if self.shared.wake.wait_until(&mut state, until).timed_out() {
                tracing::warn!("{} runs of tasks did not end in time", state.running.len());
                return;
            }
        }
        drop(state);
        // A walk over the site may still be under way: it is left to itself.
        if thread.is_finished() {
            let _ = thread.join();
        }
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.end();
    }
}

fn work(tasks: &Tasks, shared: &Arc<Shared>) {
    let mut planner = Planner::default();
    loop {
        {
            let mut state = shared.state.lock();
            if state.is_stopping {
                return;
            }
            state.is_free = false;
            planner.waiting.extend(state.ended.drain(..));
        }
        match guarded(|| planner.due(tasks)) {
            Ok(due) => due.into_iter().for_each(|(oid, due)| begin(tasks, shared, oid, due)),
            Err(error) => tracing::error!("cannot look for tasks: {error}"),
        }
        let mut state = shared.state.lock();
        warn_of_long_runs(&mut state);
        // What could not be run just now is no reason to hurry: it would be tried without a pause.
        shared.wake.wait_while_for(&mut state, |state| !state.is_stopping && !state.is_free, LOOK_EVERY);
    }
}

/// Runs a task on a thread of its own, unless it is running, or enough others are.
fn begin(tasks: &Tasks, shared: &Arc<Shared>, oid: Oid, due: u64) {
    let mut state = shared.state.lock();
    if state.is_stopping || state.running.len() >= AT_ONCE_MAX || state.running.contains_key(&oid) {
        return;
    }
    state.running.insert(oid, (Instant::now(), false));
    drop(state);
    let tasks = tasks.clone();
    let place = InUse { shared: Arc::clone(shared), oid, is_done: false };
    // Where there is no thread, the work is dropped, and its place with it.
    let spawned = std::thread::Builder::new().name("task".into()).spawn(move || {
        let mut place = place;
        match guarded(|| tasks.run(oid, &Cause::Due(due))) {
            Ok(_) => place.is_done = true,
            // Somebody runs it just now, or changed its times a moment ago.
            Err(TaskError::Running | TaskError::NotDue) => {}
            Err(error) => tracing::warn!(task = %oid, "a task could not be run: {error}"),
        }
    });
    if let Err(error) = spawned {
        tracing::error!("no thread for a task: {error}");
    }
}

/// One of the places for tasks that run at the same time. It is free again when this goes, however the run ended.
struct InUse {
    shared: Arc<Shared>,
    oid: Oid,
    is_done: bool,
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.running.remove(&self.oid);
        state.ended.push(self.oid);
        state.is_free |= self.is_done;
        self.shared.wake.notify_all();
    }
}

/// Makes a panic an error, so that it ends only this piece of work.
fn guarded<T>(work: impl FnOnce() -> Result<T, TaskError>) -> Result<T, TaskError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(TaskError::Fault(crate::publisher::panic_text(&*panic))))
}

fn warn_of_long_runs(state: &mut State) {
    for (oid, (since, is_told)) in &mut state.running {
        if since.elapsed() > RUN_MAX && !*is_told {
            *is_told = true;
            tracing::warn!(task = %oid, "a task runs longer than {} s, and cannot be stopped", RUN_MAX.as_secs());
        }
    }
}
