//! Kept pages: rendered for nobody in particular, and sent again for as long as nothing that they were made from is
//! otherwise.
//!
//! Each page is kept with the facts that it was made from. What commits changed is kept beside, by fact, with the commit
//! that did. A page stands as long as none of its facts changed since it was made; so a commit takes away precisely the
//! pages that it touches, when somebody asks for them.
//!
//! # Invariants
//! - Only what anybody would get is kept: made for nobody known, of the public line as it is, asked without a query.
//! - Whoever asks is asked about his rights each time, before anything that is kept is looked for.
//! - What is not known to have stayed the same counts as changed.
//! - Changes are known from point to point: what was changed in between and changed back does not show. So a page is kept
//!   only if it was made at such a point.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::HeaderValue;
use bough_core::reads::{FactId, Reads, differing_facts};
use bough_core::{Snapshot as _, Tid};
use bough_store::{Database, Snapshot};
use bytes::Bytes;
use parking_lot::RwLock;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::conditional::Etag;

/// With more objects changed between two requests than this, it is quicker to make the pages again.
const OBJECTS_MAX: usize = 500;
/// Of how many facts it is known when they changed last.
const FACTS_MAX: usize = 200_000;
/// How long a page with what it was made from may be thought to be, in bytes.
const PAGE_BYTES_EXPECTED: u64 = 8 << 10;

/// Stands for all that decides about a page besides the site itself.
pub(crate) type Key = [u8; 32];

/// A page, and what it was made from.
pub(crate) struct Page {
    facts: Box<[FactId]>,
    made: Tid,
    pub(crate) body: Bytes,
    pub(crate) media_type: HeaderValue,
    pub(crate) etag: Etag,
}

impl Page {
    /// A page as it is in `state`, and what was read for it.
    pub(crate) fn new(
        state: &Snapshot,
        reads: &Reads,
        body: Bytes,
        media_type: HeaderValue,
        mark: &[u8],
    ) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(media_type.as_bytes()).update(&[0]).update(mark).update(&[0]).update(&body);
        let etag = Etag::of_bytes(&hash.finalize().as_bytes()[..16]);
        Self { facts: reads.facts(), made: state.tid(), body, media_type, etag }
    }
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Key, Arc<Page>> for ByBytes {
    fn weight(&self, _: &Key, page: &Arc<Page>) -> u64 {
        (page.body.len() + page.facts.len() * size_of::<FactId>() + 256) as u64
    }
}

/// The pages that are kept.
pub(crate) struct Kept {
    pages: Cache<Key, Arc<Page>, ByBytes>,
    changes: RwLock<Changes>,
}

/// When which facts became otherwise.
struct Changes {
    /// Before this nothing is known.
    floor: Tid,
    /// Up to here everything is.
    upto: Tid,
    /// By fact, a commit that is not earlier than the last one that changed it.
    changed: HashMap<FactId, Tid>,
}

impl Kept {
    /// None yet; of all together there will be at most so many bytes. `head` is the newest commit.
    pub(crate) fn new(bytes_max: u64, head: Tid) -> Self {
        let count = (bytes_max / PAGE_BYTES_EXPECTED).max(16) as usize;
        let changes = Changes { floor: head, upto: head, changed: HashMap::new() };
        Self { pages: Cache::with_weighter(count, bytes_max, ByBytes), changes: RwLock::new(changes) }
    }

    /// The page, if it was made before and would be the same in `now`, the head of the public line.
    pub(crate) fn find(&self, key: &Key, database: &Database, now: &Snapshot) -> Option<Arc<Page>> {
        let page = self.pages.get(key)?;
        let changes = self.changes.read();
        if changes.upto >= now.tid() {
            return changes.leave(&page).then_some(page);
        }
        drop(changes);
        let mut changes = self.changes.write();
        changes.catch_up(database, now);
        changes.leave(&page).then_some(page)
    }

    /// Keeps a page that was made of `state`, unless others looked at a later one meanwhile.
    pub(crate) fn keep(&self, key: Key, page: Arc<Page>, database: &Database, state: &Snapshot) {
        let mut changes = self.changes.write();
        changes.catch_up(database, state);
        if changes.upto == page.made {
            self.pages.insert(key, page);
        }
    }
}

impl Changes {
    /// Whether the page is as it would be now.
    fn leave(&self, page: &Page) -> bool {
        let is_same = |fact: &FactId| self.changed.get(fact).is_none_or(|changed| *changed <= page.made);
        page.made >= self.floor && page.facts.iter().all(is_same)
    }

    /// Takes in what was committed since the last time.
    fn catch_up(&mut self, database: &Database, now: &Snapshot) {
        let tid = now.tid();
        if self.upto >= tid {
            return;
        }
        if self.take_in(database, now).is_none() || self.changed.len() > FACTS_MAX {
            self.changed.clear();
            self.floor = tid;
        }
        self.upto = tid;
    }

    /// None where it is too much, or cannot be found out.
    fn take_in(&mut self, database: &Database, now: &Snapshot) -> Option<()> {
        let before = database.snapshot_at(self.upto).ok()?;
        let tid = now.tid();
        let oids = database.touched(self.upto, tid, OBJECTS_MAX).ok()??;
        let changed = &mut self.changed;
        differing_facts(&before, now, oids, &mut |fact, _| changed.extend([(fact, tid)])).ok()
    }
}
