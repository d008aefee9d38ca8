//! Background work: what takes longer than an answer may, with its progress, a way to stop it, and what came of it.
//!
//! Tasks are of this run of the server, in memory; what they did is in the site.
//!
//! # Invariants
//! - Work that panics is a task that failed.
//! - The store looks after itself one at a time: of check, pack and backup at most one is under way.

mod page;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bough_core::Tid;
use bough_store::PackReport;

pub(crate) use self::page::{answer, begun};

/// How many tasks are kept, of which those that ended go first.
const KEPT_MAX: usize = 40;
/// How many may be under way.
const RUNNING_MAX: usize = 8;

/// In what the progress of a task is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Bytes,
    /// Of these things.
    Things(&'static str),
}

/// How far work is, and whether it is to go on.
#[derive(Debug)]
pub struct Progress {
    unit: Unit,
    done: AtomicU64,
    total: AtomicU64,
    is_cancelled: AtomicBool,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new(Unit::Bytes)
    }
}

impl Progress {
    fn new(unit: Unit) -> Self {
        Self { unit, done: AtomicU64::new(0), total: AtomicU64::new(0), is_cancelled: AtomicBool::new(false) }
    }

    /// Says how much is done, and how much there is. Breaks off where the work is to stop.
    pub fn tell(&self, done: u64, total: u64) -> ControlFlow<()> {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
        if self.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Whether somebody wants it to stop.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> (u64, u64) {
        let total = self.total.load(Ordering::Relaxed);
        (self.done.load(Ordering::Relaxed).min(total), total)
    }
}

/// What a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    Check,
    /// What a pack would do.
    LookAtPack,
    Pack,
    BackUp,
    Import,
}

impl Job {
    /// Whether the store does it only when it does none of the others.
    fn is_upkeep(self) -> bool {
        self != Self::Import
    }

    fn unit(self) -> Unit {
        match self {
            Self::Check | Self::Import => Unit::Bytes,
            Self::LookAtPack | Self::Pack => Unit::Things("parts of the log"),
            Self::BackUp => Unit::Things("files"),
        }
    }
}

/// What a task is, and whose.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) job: Job,
    /// What it does, as in "Check the site".
    pub(crate) title: String,
    pub(crate) who: String,
    /// The version in which it works.
    pub(crate) version: Option<String>,
}

/// What came of a task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// In one sentence.
    pub(crate) sentence: String,
    /// Whether that is bad news.
    pub(crate) is_bad: bool,
    pub(crate) facts: Vec<(&'static str, String)>,
    /// What was found to be wrong, or left out; the first of it.
    pub(crate) list: Vec<String>,
    pub(crate) commit: Option<Tid>,
    /// Where what it made stands.
    pub(crate) path: Option<String>,
    /// What a pack would do, or did.
    pub(crate) packed: Option<Packed>,
}

/// What a pack would do, or did.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    /// The earliest state that was to be kept.
    pub(crate) before: Tid,
    pub(crate) report: PackReport,
}

/// Why a task came to nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failed {
    pub(crate) message: String,
    pub(crate) causes: Vec<String>,
}

impl Failed {
    /// With an error and what caused it.
    pub(crate) fn because(message: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        let causes = std::iter::successors(Some(error), |error| error.source());
        Self { message: message.into(), causes: causes.map(ToString::to_string).collect() }
    }
}

/// How a task ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Done(Outcome),
    Failed(Failed),
    Cancelled,
}

/// Work in the background.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) about: About,
    pub(crate) started_micros: u64,
    pub(crate) progress: Progress,
    /// How it ended and when, in microseconds since 1970.
    end: OnceLock<(End, u64)>,
}

impl Task {
    pub(crate) fn end(&self) -> Option<&End> {
        self.end.get().map(|(end, _)| end)
    }

    pub(crate) fn ended_micros(&self) -> Option<u64> {
        self.end.get().map(|(_, micros)| *micros)
    }

    /// The state in a word, and its mood.
    pub(crate) fn state(&self) -> (&'static str, &'static str) {
        match self.end() {
            None if self.progress.is_cancelled() => ("stopping", "warn"),
            None => ("under way", ""),
            Some(End::Done(outcome)) if outcome.is_bad => ("done", "bad"),
            Some(End::Done(_)) => ("done", "good"),
            Some(End::Failed(_)) => ("failed", "bad"),
            Some(End::Cancelled) => ("stopped", "warn"),
        }
    }

    /// How far it is, in words; none before that is known.
    pub(crate) fn says(&self) -> Option<String> {
        let (done, total) = self.progress.counts();
        (total > 0).then(|| match self.progress.unit {
            Unit::Bytes => format!("{} of {}", crate::text::bytes(done), crate::text::bytes(total)),
            Unit::Things(things) => {
                format!("{} of {} {things}", crate::text::grouped(done), crate::text::grouped(total))
            }
        })
    }
}

/// Why a task was not begun.
#[derive(Debug)]
pub(crate) enum Busy {
    /// This one has to end first.
    With(Arc<Task>),
    /// There are too many.
    TooMany,
}

/// All tasks of this run of the server, the newest first.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<VecDeque<Arc<Task>>>);

impl Tasks {
    fn all_mut(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Task>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest first.
    pub(crate) fn all(&self) -> Vec<Arc<Task>> {
        self.all_mut().iter().cloned().collect()
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Task>> {
        self.all_mut().iter().find(|task| task.id == id).cloned()
    }

    /// Begins work on a thread of its own. `clock`: the time in microseconds since 1970.
    pub(crate) fn start(
        &self,
        about: About,
        clock: impl Fn() -> u64 + Send + 'static,
        work: impl FnOnce(&Progress) -> Result<Outcome, Failed> + Send + 'static,
    ) -> Result<Arc<Task>, Busy> {
        let mut all = self.all_mut();
        let running: Vec<&Arc<Task>> = all.iter().filter(|task| task.end().is_none()).collect();
        if about.job.is_upkeep()
            && let Some(other) = running.iter().find(|task| task.about.job.is_upkeep())
        {
            return Err(Busy::With(Arc::clone(other)));
        }
        if running.len() >= RUNNING_MAX {
            return Err(Busy::TooMany);
        }
        let now = clock();
        // Ids of an earlier run of the server name nothing.
        let last = all.front().and_then(|task| u64::from_str_radix(&task.id, 36).ok()).unwrap_or(0);
        let task = Arc::new(Task {
            id: base36(now.max(last + 1)),
            progress: Progress::new(about.job.unit()),
            about,
            started_micros: now,
            end: OnceLock::new(),
        });
        let theirs = Arc::clone(&task);
        let spawned = std::thread::Builder::new().name("task".into()).spawn(move || {
            let worked = catch_unwind(AssertUnwindSafe(|| work(&theirs.progress)));
            let end = match worked {
                Ok(Ok(outcome)) => End::Done(outcome),
                Ok(Err(_)) if theirs.progress.is_cancelled() => End::Cancelled,
                Ok(Err(failed)) => End::Failed(failed),
                Err(_) => End::Failed(Failed {
                    message: "Something in the server is wrong: its log says where.".into(),
                    causes: Vec::new(),
                }),
            };
            if let End::Failed(failed) = &end {
                tracing::error!(
                    task = theirs.about.title,
                    message = failed.message,
                    causes = ?failed.causes,
                    "a task failed"
                );
            }
            let _ = theirs.end.set((end, clock()));
        });
        if let Err(error) = spawned {
            let _ = task.end.set((End::Failed(Failed::because("It could not be begun.", &error)), now));
        }
        all.push_front(Arc::clone(&task));
        while all.len() > KEPT_MAX
            && let Some(oldest) = all.iter().rposition(|task| task.end().is_some())
        {
            all.remove(oldest);
        }
        Ok(task)
    }

    /// Asks all of them to stop.
    pub(crate) fn cancel_all(&self) {
        self.all_mut().iter().for_each(|task| task.progress.cancel());
    }
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    while number > 0 {
        digits.push(char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
    }
    digits.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    use super::*;

    fn about(job: Job) -> About {
        About { job, title: "Test".into(), who: "ana".into(), version: None }
    }

    fn wait(task: &Task) -> &End {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            match task.end() {
                Some(end) => return end,
                None => assert!(Instant::now() < until, "the task never ended"),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_task_that_panics_or_fails_has_failed_and_one_that_is_stopped_was_stopped() {
        let tasks = Tasks::default();
        let panics = tasks.start(about(Job::Import), || 5, |_| panic!("on purpose")).unwrap();
        assert!(matches!(wait(&panics), End::Failed(_)));
        let failing = |_: &Progress| Err(Failed { message: "no".into(), causes: Vec::new() });
        let fails = tasks.start(about(Job::Import), || 5, failing).unwrap();
        assert!(matches!(wait(&fails), End::Failed(failed) if failed.message == "no"));
        assert_ne!(panics.id, fails.id, "also when no time passed");
        let (begun, has_begun) = channel();
        let stops = tasks.start(
            about(Job::Check),
            || 5,
            move |progress| {
                while progress.tell(1, 2).is_continue() {
                    let _ = begun.send(());
                }
                Err(Failed::default())
            },
        );
        let stops = stops.unwrap();
        has_begun.recv().unwrap();
        assert_eq!((stops.says().as_deref(), stops.state().0), (Some("1 byte of 2 bytes"), "under way"));
        let other = tasks.start(about(Job::Pack), || 5, |_| Ok(Outcome::default()));
        assert!(matches!(other, Err(Busy::With(task)) if task.id == stops.id), "one upkeep at a time");
        tasks.cancel_all();
        assert!(matches!(wait(&stops), End::Cancelled));
    }

    #[test]
    fn only_so_many_are_kept_and_those_under_way_in_any_case() {
        let tasks = Tasks::default();
        let first = tasks.start(
            about(Job::Check),
            || 7,
            |progress| {
                while progress.tell(0, 0).is_continue() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Ok(Outcome::default())
            },
        );
        let first = first.unwrap();
        for _ in 0..KEPT_MAX + 5 {
            wait(&tasks.start(about(Job::Import), || 7, |_| Ok(Outcome::default())).unwrap());
        }
        assert_eq!(tasks.all().len(), KEPT_MAX);
        assert!(tasks.find(&first.id).is_some());
        tasks.cancel_all();
        assert!(matches!(wait(&first), End::Done(_)), "it came to its end all the same");
    }
}
