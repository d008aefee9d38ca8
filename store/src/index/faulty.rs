//! An index that fails on purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Entry, Index, IndexError, Key, Value, Visit};

/// Hands everything to another index, until it is told to fail.
pub struct FaultyIndex {
    inner: Arc<dyn Index>,
    /// How many more writes succeed.
    writes_left: AtomicU64,
    /// How many more reads succeed.
    reads_left: AtomicU64,
    /// 1: a failure is a panic.
    panics: AtomicU64,
}

impl FaultyIndex {
    /// An index that does what `inner` does, as yet.
    pub fn over(inner: Arc<dyn Index>) -> FaultyIndex {
        FaultyIndex {
            inner,
            writes_left: AtomicU64::new(u64::MAX),
            reads_left: AtomicU64::new(u64::MAX),
            panics: AtomicU64::new(0),
        }
    }

    /// Fails every `apply` and `confirm` after the next `writes`.
    pub fn stop_writes_after(&self, writes: u64) {
        self.writes_left.store(writes, Ordering::SeqCst);
    }

    /// Fails every read after the next `reads`.
    pub fn stop_reads_after(&self, reads: u64) {
        self.reads_left.store(reads, Ordering::SeqCst);
    }

    /// Panics from now on where it would have returned an error.
    pub fn panic_instead(&self) {
        self.panics.store(1, Ordering::SeqCst);
    }

    fn count_down(&self, left: &AtomicU64, attempt: &'static str) -> Result<(), IndexError> {
        let spent = left.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
            u64::MAX => Some(u64::MAX),
            left => left.checked_sub(1),
        });
        if spent.is_ok() {
            return Ok(());
        }
        assert!(self.panics.load(Ordering::SeqCst) == 0, "{attempt}: panic on purpose");
        Err(IndexError::Engine { attempt, reason: "failure on purpose".into() })
    }
}

impl Index for FaultyIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, IndexError> {
        self.count_down(&self.reads_left, "get")?;
        self.inner.get(key)
    }

    fn first(&self, from: &[u8], below: &[u8]) -> Result<Option<(Key, Value)>, IndexError> {
        self.count_down(&self.reads_left, "find the first entry")?;
        self.inner.first(from, below)
    }

    fn last(&self, from: &[u8], below: &[u8]) -> Result<Option<(Key, Value)>, IndexError> {
        self.count_down(&self.reads_left, "find the last entry")?;
        self.inner.last(from, below)
    }

    fn scan(&self, from: &[u8], below: &[u8], visit: Visit<'_>) -> Result<(), IndexError> {
        self.count_down(&self.reads_left, "scan")?;
        self.inner.scan(from, below, visit)
    }

    fn scan_back(&self, from: &[u8], below: &[u8], visit: Visit<'_>) -> Result<(), IndexError> {
        self.count_down(&self.reads_left, "scan back")?;
        self.inner.scan_back(from, below, visit)
    }

    fn apply(&self, entries: &[Entry], covered: Option<&[u8]>) -> Result<(), IndexError> {
        self.count_down(&self.writes_left, "apply a batch")?;
        self.inner.apply(entries, covered)
    }

    fn confirm(&self) -> Result<(), IndexError> {
        self.count_down(&self.writes_left, "confirm")?;
        self.inner.confirm()
    }

    fn confirmed(&self) -> Option<Box<[u8]>> {
        self.inner.confirmed()
    }

    fn bytes_on_disk(&self) -> u64 {
        self.inner.bytes_on_disk()
    }
}
