//! The committer: change sets become commits, many with one sync.
//!
//! Writers put what they have into a queue. One of them leads: it takes all that wait, weaves each over the head,
//! appends the frames, syncs once, tells the index and the cache, shows the new head and answers all. Then it hands
//! the lead to one who came meanwhile. So a lone writer pays for no other thread, and many share each sync.
//!
//! # Invariants
//! - One leader at a time: tids are issued, frames appended and heads shown in one order.
//! - Nobody is answered before the sync that covers his frames; no reader sees a tid before it.
//! - After a failed append or sync the head stays where it was, and the log refuses what comes.

use std::collections::HashMap;
use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bough_core::Tid;
use bough_core::security::Denial;
use bough_core::transaction::ChangeSet;
use parking_lot::{Condvar, Mutex};

use crate::draft::{BlobError, Stage};
use crate::engine::{Engine, StoreError};
use crate::format::FormatError;
use crate::format::body::{EntryDisk, Head, HeadAt};
use crate::index::{Entry, IndexError};
use crate::keys;
use crate::line::{LineId, LineStatus};
use crate::log::{AppendError, Log, LogError};
use crate::note::Note;
use crate::view::Shelf;
use crate::weave::{Conflict, Origin, Overlay, Weaving, Woven, denials};

/// How many change sets are woven and appended before one sync: bounds how long the first waits for the last.
const BATCH_MAX: usize = 1_000;
/// How many bytes of frames go into one append.
const BATCH_BYTES_MAX: usize = 48 << 20;

/// Why a change set did not become a commit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Others changed meanwhile what this changes, and no merge could settle it. Nothing was written; done again over
    /// the new head, it may fit.
    #[error("cannot commit: {} thing(s) changed after {base}", .conflicts.len())]
    Conflict {
        /// What the maker was looking at.
        base: Tid,
        /// Everything that stands against it.
        conflicts: Vec<Conflict>,
    },
    /// Whoever asks for it may not change all of that. Nothing was written.
    #[error("not allowed to change {} thing(s)", .0.len())]
    Denied(Vec<Denial>),
    /// The version is not open. Nothing was written.
    #[error("cannot write to version `{name}`: it is {}", .status.word())]
    VersionClosed {
        /// Its name.
        name: String,
        /// How it stands.
        status: LineStatus,
    },
    /// Nothing was written.
    #[error("cannot commit")]
    Refused(#[source] Arc<AppendError>),
    /// The disk failed while it was written: whether it survives a crash is unknown. Writes stop until a reopen.
    #[error("the commit may not be durable")]
    Uncertain(#[source] Arc<LogError>),
    /// The index fell behind and cannot be written. Nothing was written.
    #[error("cannot commit: the index cannot be written")]
    Index(#[source] Arc<IndexError>),
    /// What it brings could not be put aside. Nothing was written.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The files it brings could not be made durable. Nothing was written.
    #[error("cannot make the files of the commit durable")]
    Files(#[source] std::io::Error),
    /// The store could not be read. Nothing was written.
    #[error("cannot commit")]
    Store(#[source] Arc<StoreError>),
}

impl CommitError {
    /// What stands against a change set that was made looking at `base`.
    pub(crate) fn of(base: Tid, conflicts: Vec<Conflict>) -> Self {
        match denials(&conflicts) {
            Some(denials) => Self::Denied(denials),
            None => Self::Conflict { base, conflicts },
        }
    }

    /// Whether the same work, done again over the new head, may succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }
}

/// What waits to be committed.
struct Request {
    line: LineId,
    changes: ChangeSet,
    stage: Stage,
    note: Note,
}

enum State {
    Waiting,
    /// It is this writer's turn to lead.
    Leads,
    Done(Result<Option<Tid>, CommitError>),
}

struct Pending {
    /// Taken by the leader; none for one who only wants to lead.
    request: Mutex<Option<Request>>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Pending {
    fn new(request: Option<Request>) -> Arc<Self> {
        Arc::new(Self {
            request: Mutex::new(request),
            state: Mutex::new(State::Waiting),
            changed: Condvar::new(),
        })
    }

    fn set(&self, state: State) {
        *self.state.lock() = state;
        self.changed.notify_one();
    }

    /// Waits for the answer, or, with none, for the lead.
    fn wait(&self) -> Option<Result<Option<Tid>, CommitError>> {
        let mut state = self.state.lock();
        loop {
            match std::mem::replace(&mut *state, State::Waiting) {
                State::Done(result) => return Some(result),
                State::Leads => return None,
                State::Waiting => self.changed.wait(&mut state),
            }
        }
    }
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Arc<Pending>>,
    is_led: bool,
}

/// Makes commits, one batch at a time.
#[derive(Default)]
pub(crate) struct Committer {
    queue: Mutex<Queue>,
}

/// The right to commit, held by one at a time; dropped, it goes to the next.
pub(crate) struct Lead<'a> {
    committer: &'a Committer,
}

/// Answers those who wait if their leader falls over a bug, so that one broken request does not hang the others.
struct Unanswered(Vec<Arc<Pending>>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        for pending in &self.0 {
            let error =
                StoreError::Missing { what: "the answer of the thread that committed for this one".into() };
            pending.set(State::Done(Err(CommitError::Store(Arc::new(error)))));
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut queue = self.committer.queue.lock();
        match queue.waiting.first() {
            Some(next) => next.set(State::Leads),
            None => queue.is_led = false,
        }
    }
}

impl Committer {
    /// Commits a change set, together with what others have ready.
    pub(crate) fn commit(
        &self,
        engine: &Engine,
        line: LineId,
        changes: ChangeSet,
        mut stage: Stage,
        note: Note,
    ) -> Result<Option<Tid>, CommitError> {
        stage.keep_files().map_err(CommitError::Files)?;
        engine.index.wait_for_room().map_err(|error| CommitError::Index(Arc::new(error)))?;
        let own = Pending::new(Some(Request { line, changes, stage, note }));
        let lead = match self.queue_up(&own) {
            Ok(lead) => lead,
            Err(result) => return result,
        };
        let batch = self.take(None);
        let mut result = Ok(None);
        let mut requests: Vec<(&Arc<Pending>, Request)> = Vec::with_capacity(batch.len());
        for pending in &batch {
            if let Some(request) = pending.request.lock().take() {
                requests.push((pending, request));
            }
        }
        let mut unanswered = Unanswered(batch.clone());
        let outcomes = commit_batch(engine, requests);
        unanswered.0.clear();
        for (pending, outcome) in outcomes {
            if Arc::ptr_eq(pending, &own) {
                result = outcome;
            } else {
                pending.set(State::Done(outcome));
            }
        }
        drop(lead);
        result
    }

    /// Waits until nobody commits and nobody else can: for what must be planned over the very head.
    pub(crate) fn lead(&self) -> Lead<'_> {
        let own = Pending::new(None);
        match self.queue_up(&own) {
            Ok(lead) => {
                self.take(Some(&own));
                lead
            }
            Err(_) => unreachable!("BUG: a writer without a request was answered"),
        }
    }

    fn queue_up(&self, own: &Arc<Pending>) -> Result<Lead<'_>, Result<Option<Tid>, CommitError>> {
        let mut queue = self.queue.lock();
        queue.waiting.push(Arc::clone(own));
        if queue.is_led {
            drop(queue);
            if let Some(result) = own.wait() {
                return Err(result);
            }
        } else {
            queue.is_led = true;
        }
        Ok(Lead { committer: self })
    }

    /// Takes what waits out of the queue: only `own`, or all with a request, up to a batch.
    fn take(&self, own: Option<&Arc<Pending>>) -> Vec<Arc<Pending>> {
        let mut queue = self.queue.lock();
        let mut taken = Vec::new();
        queue.waiting.retain(|pending| {
            let takes = match own {
                Some(own) => Arc::ptr_eq(own, pending),
                None => taken.len() < BATCH_MAX && pending.request.lock().is_some(),
            };
            if takes {
                taken.push(Arc::clone(pending));
            }
            !takes
        });
        taken
    }
}

type Outcome = Result<Option<Tid>, CommitError>;

/// Weaves, appends, syncs and shows a batch; one outcome for each request, in their order.
fn commit_batch<'a>(
    engine: &Engine,
    requests: Vec<(&'a Arc<Pending>, Request)>,
) -> Vec<(&'a Arc<Pending>, Outcome)> {
    let mut outcomes = Vec::with_capacity(requests.len());
    let mut rest = requests.into_iter().peekable();
    while rest.peek().is_some() {
        let mut overlays: HashMap<LineId, Overlay<'_>> = HashMap::new();
        let mut last = engine.log.last_tid();
        let mut bytes = 0;
        let mut woven: Vec<(usize, Woven, Stage)> = Vec::new();
        while bytes < BATCH_BYTES_MAX
            && let Some((pending, mut request)) = rest.next()
        {
            let (tid, now) = next_tid(engine, last);
            let origin = Origin::new(&mut request.stage, &request.note, (tid, now));
            let outcome = match weave(engine, &mut overlays, request.line, &request.changes, origin) {
                Ok(Ok(Some(commit))) => {
                    bytes += commit.frames.iter().map(|(frame, _)| frame.body.len()).sum::<usize>();
                    last = tid;
                    woven.push((outcomes.len(), commit, request.stage));
                    Ok(Some(tid))
                }
                Ok(Ok(None)) => Ok(None),
                Ok(Err(conflicts)) => Err(CommitError::of(request.changes.base, conflicts)),
                Err(error) => Err(error),
            };
            outcomes.push((pending, outcome));
        }
        let (mut places, mut commits, mut stages) = (Vec::new(), Vec::new(), Vec::new());
        for (place, commit, stage) in woven {
            places.push(place);
            commits.push(commit);
            stages.push(stage);
        }
        if let Err(failure) = append_and_show(engine, commits, &mut stages) {
            for at in places {
                outcomes[at].1 = Err(failure.to_error());
            }
        }
    }
    outcomes
}

fn weave<'a>(
    engine: &'a Engine,
    overlays: &mut HashMap<LineId, Overlay<'a>>,
    line: LineId,
    changes: &ChangeSet,
    origin: Origin<'_>,
) -> Result<Weaving, CommitError> {
    let store = |error| CommitError::Store(Arc::new(error));
    check_open(engine, line)?;
    let overlay = match overlays.entry(line) {
        Occupied(found) => found.into_mut(),
        Vacant(place) => place.insert(Overlay::new(engine, line).map_err(store)?),
    };
    overlay.weave(changes, origin).map_err(store)
}

/// Refuses to write to a version that is closed. Only the leader may ask.
pub(crate) fn check_open(engine: &Engine, line: LineId) -> Result<(), CommitError> {
    let epoch = engine.lines.known(line).and_then(|found| found.epoch_at(Tid::MAX));
    match epoch {
        Some(epoch) if epoch.state.status != LineStatus::Open => {
            Err(CommitError::VersionClosed { name: epoch.state.name.clone(), status: epoch.state.status })
        }
        _ => Ok(()),
    }
}

/// The next tid and the time that it is made at.
pub(crate) fn next_tid(engine: &Engine, last: Tid) -> (Tid, u64) {
    let now = engine.clock.now_micros();
    (Tid::from_micros(now.max(last.as_micros() + 1)), now)
}

/// Why a batch failed, in a form that every writer of it can be given.
#[derive(Clone, Debug)]
pub(crate) enum BatchFailure {
    Refused(Arc<AppendError>),
    Uncertain(Arc<LogError>),
    Index(Arc<IndexError>),
    Store(Arc<StoreError>),
}

impl BatchFailure {
    pub(crate) fn to_error(&self) -> CommitError {
        match self {
            Self::Refused(error) => CommitError::Refused(Arc::clone(error)),
            Self::Uncertain(error) => CommitError::Uncertain(Arc::clone(error)),
            Self::Index(error) => CommitError::Index(Arc::clone(error)),
            Self::Store(error) => CommitError::Store(Arc::clone(error)),
        }
    }
}

/// Appends commits, makes them durable and shows them to readers. Only the leader may. `stages` hold what they brought.
pub(crate) fn append_and_show(
    engine: &Engine,
    commits: Vec<Woven>,
    stages: &mut [Stage],
) -> Result<(), BatchFailure> {
    let Some(newest) = commits.last().map(|commit| commit.tid) else { return Ok(()) };
    let mut heads: Vec<(LineId, Tid, u32, Head)> = Vec::new();
    let (mut frames, mut written) = (Vec::new(), Vec::new());
    // The newest of those that change what holds somewhere, to be known before any is shown.
    let changes_rights = commits.iter().rev().find(|commit| commit.changes_rights).map(|commit| commit.tid);
    for commit in commits {
        let count = commit.frames.len();
        written.extend(commit.written);
        for (nth, (frame, head)) in commit.frames.into_iter().enumerate() {
            // The closing frame is number 0, so that it is found without knowing how many there are.
            let part = if nth + 1 == count { 0 } else { nth as u32 + 1 };
            heads.push((LineId(frame.line), commit.tid, part, head));
            frames.push(frame);
        }
    }
    let mut entries = Vec::new();
    for (_, tid, _, head) in heads.iter().filter(|(_, _, _, head)| !head.disk.lines.is_empty()) {
        keys::line_entries(*tid, head, &mut entries);
    }
    // What the index cannot hold must not get into the log, which could not be read in again. All other entries are of
    // bounded parts.
    let fits = entries.drain(..).try_for_each(|entry: Entry| entry.check());
    fits.map_err(|error| BatchFailure::Index(Arc::new(error)))?;
    let log = &engine.log;
    let appended = log.append(&frames, log.last_tid());
    let bodies = appended.map_err(|error| BatchFailure::Refused(Arc::new(error)))?;
    log.sync().map_err(|error| BatchFailure::Uncertain(Arc::new(error)))?;
    for (digest, location) in stages.iter().flat_map(|stage| stage.in_log()) {
        entries.push(Entry::put(keys::item(digest), location.to_bytes()));
    }
    for ((line, tid, part, head), body_at) in heads.iter().zip(&bodies) {
        let indexed = index_frame(*line, *tid, *part, head, head.location(*body_at), &mut entries);
        indexed.map_err(|error| BatchFailure::Store(Arc::new(error.into())))?;
    }
    engine.index.insert(entries).map_err(|error| BatchFailure::Index(Arc::new(error)))?;
    let mut written = written.into_iter().peekable();
    for (line, tid, part, head) in &heads {
        let shelf = touch_line(engine, *line, head);
        close_cache(engine, shelf, *tid, head);
        // In the order of the commits, so that one closes what another of this batch opened.
        while let Some(object) = written.next_if(|object| *part == 0 && object.revision() == *tid) {
            let witness = engine.cache.witness_object(shelf, object.oid());
            engine.cache.keep_object(shelf, object.oid(), *tid, Some(object), witness);
        }
        engine.lines.take_in(*tid, &head.disk.lines);
    }
    if let Some(tid) = changes_rights {
        engine.scopes.change(tid);
    }
    engine.head.store(newest.as_micros(), Ordering::SeqCst);
    stages.iter_mut().for_each(Stage::is_indexed);
    engine.index.publish(&engine.indexed_up_to().to_bytes());
    Ok(())
}

/// Everything that the index holds because of one frame.
pub(crate) fn index_frame(
    line: LineId,
    tid: Tid,
    part: u32,
    head: &Head,
    at: HeadAt,
    into: &mut Vec<Entry>,
) -> Result<(), FormatError> {
    keys::item_entries(at.head, head, into);
    for entry in &head.disk.entries {
        keys::object_entries(line, tid, entry, at.head, into)?;
    }
    keys::side_entries(tid, at.head, head, into);
    keys::line_entries(tid, head, into);
    if head.meta.is_some() || !head.disk.entries.is_empty() {
        // A commit on two lines has who and when in the last frame on each: there it is found as number 0.
        let part = if head.meta.is_some() { 0 } else { part };
        keys::commit_entries(line, tid, part, at, head, into);
    }
    Ok(())
}

/// Tells a version what a frame touched, before anybody can see it. Answers where the cache keeps what is on the line.
fn touch_line(engine: &Engine, line: LineId, head: &Head) -> Shelf {
    let Some(found) = engine.lines.known(line) else { return Shelf::TRUNK };
    let kept = head.disk.entries.iter().filter_map(|entry| match entry {
        EntryDisk::Kept { facts, .. } => Some(facts),
        _ => None,
    });
    found.touch(kept.flat_map(keys::touches));
    found.epoch_at(Tid::MAX).map_or(Shelf::TRUNK, |epoch| Shelf::of(line, epoch.number))
}

fn close_cache(engine: &Engine, shelf: Shelf, tid: Tid, head: &Head) {
    for entry in &head.disk.entries {
        let EntryDisk::Kept { facts, .. } = entry else { continue };
        engine.cache.close_object(shelf, facts.oid(), tid);
        let Ok((before, after)) = facts.places() else { continue };
        for place in before.iter().chain(&after) {
            engine.cache.close_name(shelf, place.parent, place.name.as_str(), tid);
        }
    }
}
