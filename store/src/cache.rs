//! What was read lately, kept decoded: objects, names and items.
//!
//! An object or name in the cache carries the interval of tids in which it is the right answer. A snapshot hits when
//! its tid lies inside; a commit closes the interval of what it replaced before its tid is shown to anybody. So there
//! is nothing to invalidate and no protocol by which a reader could miss an invalidation.
//!
//! # Invariants
//! - An open interval is entered only by a reader that proved it: it read the newest entry of the index, and no commit
//!   touched that object or name between the beginning of the reading and the opening of the interval. The witness is
//!   a *slot*, a number that every commit changes for what it touches, after the index and before the cache.
//! - An entry is not seen before its interval is proved; until then it is *pending*. One that a commit finds pending is
//!   *dead*: whether it was right up to that commit nobody knows, as others may have come before it.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bough_core::object::Object;
use bough_core::value::Digest;
use bough_core::{Oid, Tid};
use bytes::Bytes;
use quick_cache::sync::Cache as QuickCache;
use quick_cache::{Equivalent, Weighter};

use crate::view::Shelf as LineId;

/// How many slots there are: two objects that share one only cost each other a second reading.
const SLOTS: usize = 1 << 16;
/// The end of an interval that is not proved yet.
const PENDING: u64 = 0;
/// The end of an interval that cannot be proved any more.
const DEAD: u64 = 1;
const OPEN: u64 = u64::MAX;

/// An answer and the tids for which it is right: `from <= tid < until`.
struct Held<T> {
    from: Tid,
    until: AtomicU64,
    value: T,
}

impl<T> Held<T> {
    fn is_right_at(&self, tid: Tid) -> bool {
        let until = self.until.load(Ordering::SeqCst);
        until > DEAD && self.from <= tid && tid.as_micros() < until
    }

    fn close(&self, at: Tid) {
        let end = at.as_micros();
        let close = |until: u64| match until {
            PENDING => Some(DEAD),
            until => (until > end).then_some(end),
        };
        let _ = self.until.fetch_update(Ordering::SeqCst, Ordering::SeqCst, close);
    }
}

type Object_ = Arc<Held<Option<Arc<Object>>>>;
type Name_ = Arc<Held<Option<Oid>>>;

#[derive(Clone, PartialEq, Eq, Hash)]
struct NameKey {
    line: LineId,
    parent: Oid,
    name: Box<str>,
}

#[derive(Hash)]
struct NameQuery<'a> {
    line: LineId,
    parent: Oid,
    name: &'a str,
}

impl Equivalent<NameKey> for NameQuery<'_> {
    fn equivalent(&self, key: &NameKey) -> bool {
        self.parent == key.parent && self.line == key.line && *self.name == *key.name
    }
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<(LineId, Oid), Object_> for ByBytes {
    fn weight(&self, _: &(LineId, Oid), held: &Object_) -> u64 {
        128 + held.value.as_ref().map_or(0, |object| object.weight() as u64)
    }
}

impl Weighter<NameKey, Name_> for ByBytes {
    fn weight(&self, key: &NameKey, _: &Name_) -> u64 {
        160 + key.name.len() as u64
    }
}

impl Weighter<Digest, Bytes> for ByBytes {
    fn weight(&self, _: &Digest, bytes: &Bytes) -> u64 {
        128 + bytes.len() as u64
    }
}

/// What a reader saw before it read: proves, if it is still so afterwards, that no commit came between.
#[derive(Clone, Copy)]
pub(crate) struct Witness {
    slot: usize,
    seen: u64,
}

/// The cache of one database.
pub(crate) struct Cache {
    objects: QuickCache<(LineId, Oid), Object_, ByBytes>,
    names: QuickCache<NameKey, Name_, ByBytes>,
    items: QuickCache<Digest, Bytes, ByBytes>,
    slots: Box<[AtomicU64]>,
    hasher: std::hash::RandomState,
}

impl Cache {
    /// A cache that takes about `bytes` of memory when full.
    pub(crate) fn new(bytes: usize) -> Self {
        let part = |share: u64| (bytes as u64) * share / 8;
        let room = |bytes: u64, each: u64| (bytes / each).clamp(16, 1 << 22) as usize;
        Self {
            objects: QuickCache::with_weighter(room(part(3), 700), part(3), ByBytes),
            names: QuickCache::with_weighter(room(part(1), 200), part(1), ByBytes),
            items: QuickCache::with_weighter(room(part(4), 8_000), part(4), ByBytes),
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            hasher: std::hash::RandomState::new(),
        }
    }

    /// The object as of `tid`, if the cache knows it; `Some(None)` is "no such object".
    pub(crate) fn object(&self, line: LineId, oid: Oid, tid: Tid) -> Option<Option<Arc<Object>>> {
        let held = self.objects.get(&(line, oid))?;
        held.is_right_at(tid).then(|| held.value.clone())
    }

    /// The child of that name as of `tid`, if the cache knows it; `Some(None)` is "no such child".
    pub(crate) fn name(&self, line: LineId, parent: Oid, name: &str, tid: Tid) -> Option<Option<Oid>> {
        let held = self.names.get(&NameQuery { line, parent, name })?;
        held.is_right_at(tid).then_some(held.value)
    }

    /// The bytes with this digest, if the cache has them.
    pub(crate) fn item(&self, digest: &Digest) -> Option<Bytes> {
        self.items.get(digest)
    }

    /// Keeps bytes by their digest.
    pub(crate) fn keep_item(&self, digest: Digest, bytes: Bytes) {
        self.items.insert(digest, bytes);
    }

    /// Forgets bytes that are to be had no more.
    pub(crate) fn forget_item(&self, digest: &Digest) {
        self.items.remove(digest);
    }

    /// To be taken before an object is read from the index.
    pub(crate) fn witness_object(&self, line: LineId, oid: Oid) -> Witness {
        self.witness(self.slot(&(line, oid)))
    }

    /// To be taken before a name is read from the index.
    pub(crate) fn witness_name(&self, line: LineId, parent: Oid, name: &str) -> Witness {
        self.witness(self.slot(&NameQuery { line, parent, name }))
    }

    /// Keeps the newest revision of an object, which a commit at `from` wrote.
    pub(crate) fn keep_object(
        &self,
        line: LineId,
        oid: Oid,
        from: Tid,
        object: Option<Arc<Object>>,
        witness: Witness,
    ) {
        let held = Arc::new(Held { from, until: AtomicU64::new(PENDING), value: object });
        self.objects.insert((line, oid), Arc::clone(&held));
        self.prove(&held, witness);
    }

    /// Keeps what the name leads to since `from`.
    pub(crate) fn keep_name(
        &self,
        line: LineId,
        parent: Oid,
        name: &str,
        from: Tid,
        child: Option<Oid>,
        witness: Witness,
    ) {
        let held = Arc::new(Held { from, until: AtomicU64::new(PENDING), value: child });
        self.names.insert(NameKey { line, parent, name: name.into() }, Arc::clone(&held));
        self.prove(&held, witness);
    }

    /// To be called by the commit at `tid` for every object that it wrote, after the index knows it and before any
    /// reader can ask for `tid`.
    pub(crate) fn close_object(&self, line: LineId, oid: Oid, tid: Tid) {
        self.slots[self.slot(&(line, oid))].store(tid.as_micros(), Ordering::SeqCst);
        if let Some(held) = self.objects.peek(&(line, oid)) {
            held.close(tid);
        }
    }

    /// The same for every name that it gave or took away.
    pub(crate) fn close_name(&self, line: LineId, parent: Oid, name: &str, tid: Tid) {
        let query = NameQuery { line, parent, name };
        self.slots[self.slot(&query)].store(tid.as_micros(), Ordering::SeqCst);
        if let Some(held) = self.names.peek(&query) {
            held.close(tid);
        }
    }

    /// About how many bytes are in use.
    pub(crate) fn bytes(&self) -> u64 {
        self.objects.weight() + self.names.weight() + self.items.weight()
    }

    fn prove<T>(&self, held: &Held<T>, witness: Witness) {
        if self.slots[witness.slot].load(Ordering::SeqCst) == witness.seen {
            let _ = held.until.compare_exchange(PENDING, OPEN, Ordering::SeqCst, Ordering::SeqCst);
        }
    }

    fn witness(&self, slot: usize) -> Witness {
        Witness { slot, seen: self.slots[slot].load(Ordering::SeqCst) }
    }

    fn slot(&self, of: &impl Hash) -> usize {
        (self.hasher.hash_one(of) as usize) % SLOTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: LineId = LineId::TRUNK;
    const OID: Oid = Oid::from_u128(7);

    fn tid(micros: u64) -> Tid {
        Tid::from_micros(micros)
    }

    fn object(revision: u64) -> Option<Arc<Object>> {
        Some(Arc::new(Object::new(OID, tid(revision), Vec::new())))
    }

    #[test]
    fn an_object_is_answered_from_its_commit_until_the_next() {
        let cache = Cache::new(1 << 20);
        cache.keep_object(LINE, OID, tid(5), object(5), cache.witness_object(LINE, OID));
        assert_eq!(cache.object(LINE, OID, tid(4)), None);
        assert_eq!(cache.object(LINE, OID, tid(5)), Some(object(5)));
        assert_eq!(cache.object(LINE, OID, tid(99)), Some(object(5)));
        cache.close_object(LINE, OID, tid(9));
        assert_eq!(cache.object(LINE, OID, tid(8)), Some(object(5)));
        assert_eq!(cache.object(LINE, OID, tid(9)), None);
        cache.close_object(LINE, OID, tid(12));
        assert_eq!(cache.object(LINE, OID, tid(9)), None);
    }

    /// A reader was slow: it read the index before a commit and entered the cache after it. Its answer must not be
    /// taken for the commit's.
    #[test]
    fn a_reader_that_a_commit_overtook_opens_no_interval() {
        let cache = Cache::new(1 << 20);
        let witness = cache.witness_object(LINE, OID);
        cache.close_object(LINE, OID, tid(9));
        cache.keep_object(LINE, OID, tid(5), object(5), witness);
        assert_eq!(cache.object(LINE, OID, tid(9)), None);
        // The next commit does not know that the entry was wrong before it.
        cache.close_object(LINE, OID, tid(12));
        assert_eq!(cache.object(LINE, OID, tid(9)), None);

        let witness = cache.witness_name(LINE, OID, "a");
        cache.close_name(LINE, OID, "a", tid(9));
        cache.keep_name(LINE, OID, "a", tid(5), Some(OID), witness);
        assert_eq!(cache.name(LINE, OID, "a", tid(9)), None);
    }

    #[test]
    fn an_absent_name_is_an_answer_too() {
        let cache = Cache::new(1 << 20);
        cache.keep_name(LINE, OID, "a", Tid::ZERO, None, cache.witness_name(LINE, OID, "a"));
        assert_eq!(cache.name(LINE, OID, "a", tid(3)), Some(None));
        assert_eq!(cache.name(LINE, OID, "b", tid(3)), None);
        cache.close_name(LINE, OID, "a", tid(3));
        assert_eq!(cache.name(LINE, OID, "a", tid(3)), None);
    }

    /// Commits write ever greater revisions while readers fill and ask the cache: an answer at a tid is always the
    /// newest revision up to it.
    #[test]
    fn readers_never_see_a_stale_object_while_commits_run() {
        let cache = Cache::new(1 << 20);
        let index = AtomicU64::new(1);
        let head = AtomicU64::new(1);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    loop {
                        let at = head.load(Ordering::SeqCst);
                        match cache.object(LINE, OID, tid(at)) {
                            Some(found) => {
                                assert_eq!(found.map(|o| o.revision()), Some(tid(at)), "stale at {at}")
                            }
                            None => {
                                let witness = cache.witness_object(LINE, OID);
                                let newest = index.load(Ordering::SeqCst);
                                std::thread::yield_now();
                                cache.keep_object(LINE, OID, tid(newest), object(newest), witness);
                            }
                        }
                        if at >= 20_000 {
                            break;
                        }
                    }
                });
            }
            for revision in 2..=20_000u64 {
                index.store(revision, Ordering::SeqCst);
                cache.close_object(LINE, OID, tid(revision));
                head.store(revision, Ordering::SeqCst);
            }
        });
    }
}
