//! The index that the store uses: what was committed lately, in memory, over a base that is filled behind.
//!
//! The committer inserts, and publishes once the log has it. What is published collects in the active layer; now and
//! then that is frozen, and a thread moves it to the base in batches, with the covered position in the last, and
//! drops it there after. Readers ask the layers, newest first, then the base.
//!
//! # Invariants
//! - Readers ask the layers *before* the base, piece by piece: what leaves the layers is in the base by then. The other
//!   way round an entry that moves in between would be missed.
//! - A read sees at least what was published when it began. Of a later commit it may see a part, a delete without the put
//!   that came with it: readers bounded by a tid never look at those.
//! - The base sees entries in the order of their commits, layer by layer, and none that is not published.
//! - Once the base failed nothing moves any more; what is in memory stays readable, and writers are refused.
//!
//! Locks: `control` may be held when `layers` is taken, never the other way round. No lock is held while the base or a
//! visitor runs.

use std::error::Error;
use std::iter::Peekable;
use std::ops::ControlFlow::{self, Break, Continue};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, RwLock};

use super::layers::{End, Held, Layer, Layers, PIECE_ENTRIES};
use super::{
    BATCH_ENTRIES_MAX, COVERED_BYTES_MAX, Entry, Index, IndexError, Key, Value, Visit, after, panic_text,
};

/// Entries that a scan first copies out of the layers: few, as most scans end early.
const SCAN_PIECE_FIRST: usize = 4;

/// Entries that a long scan copies at once.
const SCAN_PIECE_MAX: usize = 256;

/// How a [`TailedIndex`] behaves.
#[derive(Clone, Copy, Debug)]
pub struct TailOptions {
    /// Bytes of entries in memory from which commits wait.
    pub bytes_max: u64,
    /// Bytes of published entries from which they begin to move to the base.
    pub freeze_bytes: u64,
    /// How often what was moved is made durable.
    pub confirm_every: Duration,
    /// Entries moved to the base at once, up to [`BATCH_ENTRIES_MAX`]. Readers of sled wait for a whole batch: at 250,000
    /// entries about 2 ms for 250, 12 ms for 1,000, 90 ms for 10,000; several times that at millions.
    pub batch_entries: usize,
}

impl Default for TailOptions {
    fn default() -> TailOptions {
        TailOptions {
            bytes_max: 128 << 20,
            freeze_bytes: 8 << 20,
            confirm_every: Duration::from_secs(3),
            batch_entries: 250,
        }
    }
}

/// What a [`TailedIndex`] holds and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TailStats {
    /// Entries in memory.
    pub entries: u64,
    /// Those of them not published.
    pub unpublished_entries: u64,
    /// Bytes that they take, about.
    pub bytes: u64,
    /// Entries moved to the base since the start.
    pub moved_entries_total: u64,
    /// Confirmations of the base since the start.
    pub confirms_total: u64,
}

/// Ordered maps in memory over a base index.
pub struct TailedIndex {
    shared: Arc<Shared>,
    mover: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread and the callers have in common.
struct Shared {
    base: Arc<dyn Index>,
    options: TailOptions,
    layers: RwLock<Layers>,
    control: Mutex<Control>,
    /// Tells the thread of work.
    wake: Condvar,
    /// Tells callers that something moved, or never will.
    progress: Condvar,
    moved_entries: AtomicU64,
    confirms: AtomicU64,
}

/// What callers want of the thread, and what became of it.
#[derive(Default)]
struct Control {
    stop: bool,
    settles_asked: u64,
    settles_done: u64,
    room_wanted: bool,
    failure: Option<String>,
}

impl Control {
    /// Refuses what needs the thread once it does not run.
    fn check(&self) -> Result<(), IndexError> {
        match &self.failure {
            Some(reason) => Err(IndexError::Failed { reason: reason.clone() }),
            None if self.stop => Err(IndexError::Closed),
            None => Ok(()),
        }
    }
}

impl TailedIndex {
    /// An index over `base`, with a thread of its own, named `bough-index`, that moves entries there.
    pub fn new(base: Arc<dyn Index>, options: TailOptions) -> Arc<TailedIndex> {
        let shared = Arc::new(Shared {
            base,
            options,
            layers: RwLock::default(),
            control: Mutex::default(),
            wake: Condvar::new(),
            progress: Condvar::new(),
            moved_entries: AtomicU64::new(0),
            confirms: AtomicU64::new(0),
        });
        let mover = Mover { shared: shared.clone(), moved_at: None };
        let mover = match thread::Builder::new().name("bough-index".into()).spawn(move || mover.run()) {
            Ok(mover) => Some(mover),
            Err(error) => {
                shared.control.lock().failure = Some(format!("cannot start its thread: {error}"));
                None
            }
        };
        Arc::new(TailedIndex { shared, mover: Mutex::new(mover) })
    }

    /// Adds the entries of a commit, which readers see at once; of two with one key the later wins. They stay in memory
    /// until [`publish`](Self::publish). Only the one committer inserts and publishes.
    ///
    /// # Errors
    /// [`IndexError::Entry`] if one is outside the limits; then none was added.
    pub fn insert(&self, entries: Vec<Entry>) -> Result<(), IndexError> {
        entries.iter().try_for_each(Entry::check)?;
        if entries.len() <= PIECE_ENTRIES {
            let mut layers = self.shared.layers.write();
            for Entry { key, value } in entries {
                layers.pending.insert(key, value);
            }
            return Ok(());
        }
        self.insert_many(entries);
        Ok(())
    }

    /// Sorts before it takes the lock, which it then holds in short pieces.
    fn insert_many(&self, entries: Vec<Entry>) {
        let mut many = Layer::collect(entries);
        while !self.shared.layers.write().pending.take_piece(&mut many) {}
    }

    /// Says that everything inserted so far is durable in the log, up to the position `covered`: it may move.
    ///
    /// # Panics
    /// If `covered` is longer than [`COVERED_BYTES_MAX`].
    pub fn publish(&self, covered: &[u8]) {
        assert!(covered.len() <= COVERED_BYTES_MAX, "BUG: a log position of {} bytes", covered.len());
        let now = Instant::now();
        let wake = loop {
            let mut layers = self.shared.layers.write();
            if !layers.publish_piece() {
                continue;
            }
            let began = layers.cover(covered, now);
            let due = layers.is_due(self.shared.options.freeze_bytes, now);
            let froze = due && layers.freeze();
            break began || froze;
        };
        if wake {
            let _control = self.shared.control.lock();
            self.shared.wake.notify_one();
        }
    }

    /// Drops what was inserted and not published: of a commit that did not come about.
    pub fn forget_unpublished(&self) {
        let forgotten = std::mem::take(&mut self.shared.layers.write().pending);
        drop(forgotten);
    }

    /// Waits while the tail is full and something can move out of it. Called before a commit.
    ///
    /// # Errors
    /// [`IndexError::Failed`] once the base has failed, [`IndexError::Closed`] after [`close`](Self::close).
    pub fn wait_for_room(&self) -> Result<(), IndexError> {
        let mut control = self.shared.control.lock();
        loop {
            control.check()?;
            let layers = self.shared.layers.read();
            if layers.bytes() < self.shared.options.bytes_max || layers.is_stuck() {
                return Ok(());
            }
            drop(layers);
            control.room_wanted = true;
            self.shared.wake.notify_one();
            self.shared.progress.wait(&mut control);
        }
    }

    /// Returns the value at `key`.
    ///
    /// # Errors
    /// Those of the base, if the tail does not know the key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Value>, IndexError> {
        if let Some(held) = self.shared.layers.read().get(key) {
            return Ok(held.clone());
        }
        self.shared.base.get(key)
    }

    /// Returns the first entry in `[from, below)`.
    ///
    /// # Errors
    /// Those of the base, unless the tail has an entry at `from` itself.
    pub fn first(&self, from: &[u8], below: &[u8]) -> Result<Option<(Key, Value)>, IndexError> {
        self.one(from, below, End::First)
    }

    /// Returns the last entry in `[from, below)`.
    ///
    /// # Errors
    /// Those of the base.
    pub fn last(&self, from: &[u8], below: &[u8]) -> Result<Option<(Key, Value)>, IndexError> {
        self.one(from, below, End::Last)
    }

    /// Visits the entries of `[from, below)`, ascending, until the visitor breaks.
    ///
    /// # Errors
    /// Those of the base; some entries may have been visited then.
    pub fn scan(&self, from: &[u8], below: &[u8], visit: Visit<'_>) -> Result<(), IndexError> {
        self.walk(from, below, End::First, SCAN_PIECE_FIRST, visit)
    }

    /// Visits the entries of `[from, below)`, descending, until the visitor breaks.
    ///
    /// # Errors
    /// Those of the base; some entries may have been visited then.
    pub fn scan_back(&self, from: &[u8], below: &[u8], visit: Visit<'_>) -> Result<(), IndexError> {
        self.walk(from, below, End::Last, SCAN_PIECE_FIRST, visit)
    }

    /// Moves everything published before the call to the base and confirms it: for close, pack, benches.
    ///
    /// # Errors
    /// [`IndexError::Failed`] once the base has failed, [`IndexError::Closed`] after [`close`](Self::close).
    pub fn settle(&self) -> Result<(), IndexError> {
        let mut control = self.shared.control.lock();
        control.check()?;
        control.settles_asked += 1;
        let ticket = control.settles_asked;
        self.shared.wake.notify_one();
        while control.settles_done < ticket {
            control.check()?;
            self.shared.progress.wait(&mut control);
        }
        Ok(())
    }

    /// Settles and ends the thread; the second call does nothing. Dropping without this loses nothing either: the log
    /// has it all.
    ///
    /// # Errors
    /// As [`settle`](Self::settle); the thread has ended all the same.
    pub fn close(&self) -> Result<(), IndexError> {
        let settled = self.settle();
        self.stop();
        match settled {
            Err(IndexError::Closed) => Ok(()),
            settled => settled,
        }
    }

    /// Returns what it holds and did.
    pub fn stats(&self) -> TailStats {
        let layers = self.shared.layers.read();
        TailStats {
            entries: layers.len() as u64,
            unpublished_entries: layers.pending.len() as u64,
            bytes: layers.bytes(),
            moved_entries_total: self.shared.moved_entries.load(Ordering::Relaxed),
            confirms_total: self.shared.confirms.load(Ordering::Relaxed),
        }
    }

    /// Returns why nothing moves any more, if the base failed.
    pub fn failure(&self) -> Option<String> {
        self.shared.control.lock().failure.clone()
    }

    /// Returns what is wrong with the base's medium, for people to read.
    pub fn faults(&self) -> Result<Vec<String>, IndexError> {
        self.shared.base.faults()
    }

    /// A layer is frozen.
    #[cfg(test)]
    pub(super) fn is_being_moved(&self) -> bool {
        self.shared.layers.read().frozen.is_some()
    }

    fn stop(&self) {
        self.shared.control.lock().stop = true;
        self.shared.wake.notify_one();
        self.shared.progress.notify_all();
        if let Some(mover) = self.mover.lock().take() {
            let ended = mover.join();
            assert!(ended.is_ok(), "BUG: the thread of the index catches its panics");
        }
    }

    fn one(&self, from: &[u8], below: &[u8], end: End) -> Result<Option<(Key, Value)>, IndexError> {
        let mut found = None;
        self.walk(from, below, end, 1, &mut |key, value| {
            found = Some((key.into(), value.into()));
            Break(())
        })?;
        Ok(found)
    }

    /// Copies a piece of the layers, then visits it together with what the base has in the same range; and so on.
    fn walk(
        &self,
        from: &[u8],
        below: &[u8],
        end: End,
        piece: usize,
        visit: Visit<'_>,
    ) -> Result<(), IndexError> {
        let (mut from, mut below) = (Key::from(from), Key::from(below));
        let mut count = piece;
        while from < below {
            let held = self.shared.layers.read().piece(&from, &below, end, count);
            let last = held.last().filter(|_| held.len() == count).map(|(key, _)| key.clone());
            let (base_from, base_below) = match (&last, end) {
                (Some(last), End::First) => (from.clone(), after(last)),
                (Some(last), End::Last) => (last.clone(), below.clone()),
                (None, _) => (from.clone(), below.clone()),
            };
            if self.visit_piece(held, &base_from, &base_below, end, visit)?.is_break() || last.is_none() {
                return Ok(());
            }
            match end {
                End::First => from = base_below,
                End::Last => below = base_from,
            }
            count = (count * 4).min(SCAN_PIECE_MAX);
        }
        Ok(())
    }

    /// Visits `held` and the base's entries of `[from, below)` in one order; where both have a key, `held` counts.
    fn visit_piece(
        &self,
        held: Vec<Held>,
        from: &[u8],
        below: &[u8],
        end: End,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, IndexError> {
        let mut flow = Continue(());
        let is_all_held = held.first().is_some_and(|(key, _)| **key == *from && *after(key) == *below);
        let mut held = held.into_iter().peekable();
        if !is_all_held {
            let mut merged = |key: &[u8], value: &[u8]| {
                flow = visit_merged(&mut held, key, value, end, visit);
                flow
            };
            match end {
                End::First => self.shared.base.scan(from, below, &mut merged)?,
                End::Last => self.shared.base.scan_back(from, below, &mut merged)?,
            }
        }
        if flow.is_continue() {
            flow = held.try_for_each(|held| visit_held(&held, visit));
        }
        Ok(flow)
    }
}

/// Visits what is held before `key`, then `key` itself: as held, or else as the base has it.
fn visit_merged(
    held: &mut Peekable<impl Iterator<Item = Held>>,
    key: &[u8],
    value: &[u8],
    end: End,
    visit: Visit<'_>,
) -> ControlFlow<()> {
    let before = |other: &[u8]| if end == End::First { other < key } else { other > key };
    while let Some(earlier) = held.next_if(|(other, _)| before(other)) {
        visit_held(&earlier, visit)?;
    }
    match held.next_if(|(other, _)| **other == *key) {
        Some(newer) => visit_held(&newer, visit),
        None => visit(key, value),
    }
}

fn visit_held((key, value): &Held, visit: Visit<'_>) -> ControlFlow<()> {
    match value {
        Some(value) => visit(key, value),
        None => Continue(()),
    }
}

impl Drop for TailedIndex {
    /// Ends the thread after the batch at hand.
    fn drop(&mut self) {
        self.stop();
    }
}

/// The thread that moves frozen layers to the base and confirms it.
struct Mover {
    shared: Arc<Shared>,
    /// When something was first moved that is not confirmed.
    moved_at: Option<Instant>,
}

/// What the thread does next.
enum Work {
    Settle(u64),
    Move,
    Confirm,
    Stop,
}

/// Why the thread ends.
enum Ended {
    Stopped,
    Failed(IndexError),
}

impl From<IndexError> for Ended {
    fn from(error: IndexError) -> Ended {
        Ended::Failed(error)
    }
}

impl Mover {
    fn run(mut self) {
        let reason = match catch_unwind(AssertUnwindSafe(|| self.work())) {
            Ok(Ended::Stopped) => return,
            Ok(Ended::Failed(error)) => with_causes(&error),
            Err(panic) => format!("its thread panicked: {}", panic_text(&*panic)),
        };
        tracing::error!(%reason, "the index failed; writes are refused until it is opened anew");
        self.shared.control.lock().failure = Some(reason);
        self.shared.progress.notify_all();
    }

    fn work(&mut self) -> Ended {
        loop {
            let done = match self.next_work() {
                Work::Settle(ticket) => self.settle(ticket),
                Work::Move => self.move_frozen(),
                Work::Confirm => self.confirm(),
                Work::Stop => return Ended::Stopped,
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// Waits until there is something to do.
    fn next_work(&self) -> Work {
        let shared = &self.shared;
        let mut control = shared.control.lock();
        loop {
            let now = Instant::now();
            let confirm_at = self.moved_at.map(|moved_at| moved_at + shared.options.confirm_every);
            if control.stop {
                return Work::Stop;
            }
            if control.settles_asked > control.settles_done {
                return Work::Settle(control.settles_asked);
            }
            if confirm_at.is_some_and(|at| at <= now) {
                return Work::Confirm;
            }
            let mut layers = shared.layers.write();
            if layers.is_due(shared.options.freeze_bytes, now) || control.room_wanted {
                layers.freeze();
            }
            control.room_wanted = false;
            if layers.frozen.is_some() {
                return Work::Move;
            }
            let freeze_at = layers.freeze_at();
            drop(layers);
            match [confirm_at, freeze_at].into_iter().flatten().min() {
                Some(at) => drop(shared.wake.wait_until(&mut control, at)),
                None => shared.wake.wait(&mut control),
            }
        }
    }

    /// Whatever was published when the ticket was issued is in `frozen` or `active`.
    fn settle(&mut self, ticket: u64) -> Result<(), Ended> {
        self.move_frozen()?;
        self.shared.layers.write().freeze();
        self.move_frozen()?;
        self.confirm()?;
        self.shared.control.lock().settles_done = ticket;
        self.shared.progress.notify_all();
        Ok(())
    }

    fn move_frozen(&mut self) -> Result<(), Ended> {
        let Some(frozen) = self.shared.layers.read().frozen.clone() else { return Ok(()) };
        let batch_entries = self.shared.options.batch_entries.clamp(1, BATCH_ENTRIES_MAX);
        let mut rest = frozen.iter().peekable();
        loop {
            let batch: Vec<Entry> = rest
                .by_ref()
                .take(batch_entries)
                .map(|(key, value)| Entry { key: key.clone(), value: value.clone() })
                .collect();
            let covered = frozen.covered.as_deref().filter(|_| rest.peek().is_none());
            let begin = Instant::now();
            self.shared.base.apply(&batch, covered)?;
            self.moved_at.get_or_insert_with(Instant::now);
            self.shared.moved_entries.fetch_add(batch.len() as u64, Ordering::Relaxed);
            if rest.peek().is_none() {
                break;
            }
            if self.shared.control.lock().stop {
                return Err(Ended::Stopped);
            }
            self.leave_room(begin.elapsed());
        }
        drop(rest);
        // All of it is in the base now, so readers find it there.
        self.shared.layers.write().frozen = None;
        let _control = self.shared.control.lock();
        self.shared.progress.notify_all();
        Ok(())
    }

    /// Leaves the base to its readers for as long as a batch kept them out of it, unless somebody waits for the end or
    /// the tail fills up.
    fn leave_room(&self, took: Duration) {
        let is_crowded = self.shared.layers.read().bytes() > self.shared.options.bytes_max / 2;
        let mut control = self.shared.control.lock();
        let is_awaited = control.stop || control.room_wanted || control.settles_asked > control.settles_done;
        if !is_crowded && !is_awaited {
            self.shared.wake.wait_for(&mut control, took);
        }
    }

    fn confirm(&mut self) -> Result<(), Ended> {
        self.shared.base.confirm()?;
        self.shared.confirms.fetch_add(1, Ordering::Relaxed);
        self.moved_at = None;
        Ok(())
    }
}

/// The text of an error and of what caused it.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
