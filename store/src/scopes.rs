//! Scopes that were read: what holds at a container for who may do what.
//!
//! A scope is right from the commit at which it was read until the next one that changes, for an object that was there
//! before, what it says about rights or where it stands. Such commits are rare, so one number serves for all: the *guard*,
//! the last of them on any line. What was kept under another guard does not count, and snapshots that are older than the
//! guard keep nothing.
//!
//! # Invariants
//! - Nothing is kept of objects that are not there, nor of what stands in such: a new object changes nothing that is kept.
//! - The guard moves before the commit is shown, so that no snapshot shows it and still reads a scope from before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bough_core::security::Scope;
use bough_core::{Oid, Tid};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::spread::Spread;
use crate::view::Shelf;

/// How much memory scopes take, in bytes.
const SCOPES_BYTES_MAX: u64 = 32 << 20;
/// How many scopes there are room for, as a first guess.
const SCOPES_EXPECTED: usize = 10_000;

#[derive(Clone)]
struct Kept {
    guard: Tid,
    scope: Arc<Scope>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<(u64, Oid), Kept> for ByBytes {
    fn weight(&self, _: &(u64, Oid), kept: &Kept) -> u64 {
        96 + kept.scope.weight() as u64
    }
}

/// The scopes of all lines.
pub(crate) struct Scopes {
    guard: AtomicU64,
    kept: Cache<(u64, Oid), Kept, ByBytes, Spread>,
}

impl Scopes {
    /// None yet; `head` is the newest commit.
    pub(crate) fn new(head: Tid) -> Self {
        let kept =
            Cache::with(SCOPES_EXPECTED, SCOPES_BYTES_MAX, ByBytes, Spread::default(), Default::default());
        Self { guard: AtomicU64::new(head.as_micros()), kept }
    }

    /// Takes note that `tid` changes what holds somewhere; to be called before it is shown.
    pub(crate) fn change(&self, tid: Tid) {
        self.guard.fetch_max(tid.as_micros(), Ordering::SeqCst);
    }

    /// Since when everything is as it is, where that is also so at `tid`.
    fn guard(&self, tid: Tid) -> Option<Tid> {
        let guard = Tid::from_micros(self.guard.load(Ordering::SeqCst));
        (guard <= tid).then_some(guard)
    }

    /// The scope of an object, as a snapshot at `tid` sees it.
    pub(crate) fn get(&self, shelf: Shelf, oid: Oid, tid: Tid) -> Option<Arc<Scope>> {
        let guard = self.guard(tid)?;
        let kept = self.kept.get(&(shelf.number(), oid))?;
        (kept.guard == guard).then_some(kept.scope)
    }

    /// Keeps what a snapshot at `tid` found.
    pub(crate) fn keep(&self, shelf: Shelf, oid: Oid, tid: Tid, scope: &Arc<Scope>) {
        // A commit that comes right now moves the guard, and what is kept here under the old one does not count.
        if let Some(guard) = self.guard(tid) {
            self.kept.insert((shelf.number(), oid), Kept { guard, scope: Arc::clone(scope) });
        }
    }
}
