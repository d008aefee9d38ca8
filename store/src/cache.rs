//! What was read lately, kept decoded: objects, names and items.
//!
//! An object or name in the cache carries the interval of tids in which it is the right answer. A snapshot hits when
//! its tid lies inside; a commit closes the interval of what it replaced before its tid is shown to anybody. So there
//! is nothing to invalidate and no protocol by which a reader could miss an invalidation.
//!
//! The newest revision has one entry. Earlier ones have an entry for each tid at which they were read: who looks at the
//! past looks at one tid for long, and what was at a tid that was shown never changes.
//!
//! # Invariants
//! - An open interval is entered only by a reader that proved it: it read the newest entry of the index, and no commit
//!   touched that object or name between the beginning of the reading and the opening of the interval. The witness is
//!   a *slot*, a number that every commit changes for what it touches, after the index and before the cache.
//! - An entry is not seen before its interval is proved; until then it is *pending*. One that a commit finds pending is
//!   *dead*: whether it was right up to that commit nobody knows, as others may have come before it.
//! - An entry for one tid is right for this tid alone, and from the start. Nobody asks for a tid before it is shown.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bough_core::object::Object;
use bough_core::value::Digest;
use bough_core::{Oid, Tid};
use bytes::Bytes;
use quick_cache::sync::{Cache as QuickCache, DefaultLifecycle};
use quick_cache::{Equivalent, Weighter};

use crate::spread::Spread;
use crate::view::Shelf;

/// How many slots there are: two objects that share one only cost each other a second reading.
const SLOTS: usize = 1 << 16;
/// The end of an interval that is not proved yet.
const PENDING: u64 = 0;
/// The end of an interval that cannot be proved any more.
const DEAD: u64 = 1;
const OPEN: u64 = u64::MAX;

/// The tid in the key of what is newest.
const NEWEST: Tid = Tid::MAX;

/// What the cache says.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer<T> {
    /// It was so at that tid.
    Known(T),
    /// What it was is not known, but something newer is there.
    Replaced,
    Unknown,
}

/// An answer and the tids for which it is right: `from <= tid < until`.
struct Held<T> {
    from: Tid,
    until: AtomicU64,
    value: T,
}

impl<T> Held<T> {
    fn pending(from: Tid, value: T) -> Arc<Self> {
        Arc::new(Self { from, until: AtomicU64::new(PENDING), value })
    }

    /// What was at a tid that was shown.
    fn only_at(tid: Tid, value: T) -> Arc<Self> {
        Arc::new(Self { from: tid, until: AtomicU64::new(tid.as_micros() + 1), value })
    }

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

#[derive(Clone, PartialEq, Eq)]
struct ObjectKey {
    shelf: Shelf,
    oid: Oid,
    at: Tid,
}

#[derive(Clone, PartialEq, Eq)]
struct NameKey {
    shelf: Shelf,
    parent: Oid,
    name: Box<str>,
    at: Tid,
}

struct NameQuery<'a> {
    shelf: Shelf,
    parent: Oid,
    name: &'a str,
    at: Tid,
}

/// One number for three, as hashing takes most of a warm look-up. Nobody chooses oids.
fn fold(shelf: Shelf, oid: Oid, at: Tid) -> u64 {
    let [a, b, c, d, e, f, g, h, low @ ..] = oid.to_bytes();
    let high = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    high ^ u64::from_le_bytes(low) ^ shelf.number().rotate_left(20) ^ at.as_micros().rotate_left(40)
}

impl Hash for ObjectKey {
    fn hash<H: Hasher>(&self, into: &mut H) {
        into.write_u64(fold(self.shelf, self.oid, self.at));
    }
}

impl Hash for NameKey {
    fn hash<H: Hasher>(&self, into: &mut H) {
        let Self { shelf, parent, name, at } = self;
        NameQuery { shelf: *shelf, parent: *parent, name, at: *at }.hash(into);
    }
}

impl Hash for NameQuery<'_> {
    fn hash<H: Hasher>(&self, into: &mut H) {
        into.write_u64(fold(self.shelf, self.parent, self.at));
        self.name.hash(into);
    }
}

impl NameQuery<'_> {
    fn to_key(&self) -> NameKey {
        NameKey { shelf: self.shelf, parent: self.parent, name: self.name.into(), at: self.at }
    }
}

impl Equivalent<NameKey> for NameQuery<'_> {
    fn equivalent(&self, key: &NameKey) -> bool {
        self.parent == key.parent && self.shelf == key.shelf && self.at == key.at && *self.name == *key.name
    }
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<ObjectKey, Object_> for ByBytes {
    fn weight(&self, _: &ObjectKey, held: &Object_) -> u64 {
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
    objects: QuickCache<ObjectKey, Object_, ByBytes, Spread>,
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
            objects: QuickCache::with(
                room(part(3), 700),
                part(3),
                ByBytes,
                Spread::default(),
                DefaultLifecycle::default(),
            ),
            names: QuickCache::with_weighter(room(part(1), 200), part(1), ByBytes),
            items: QuickCache::with_weighter(room(part(4), 8_000), part(4), ByBytes),
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            hasher: std::hash::RandomState::new(),
        }
    }

    /// The object as of `tid`; `Known(None)` is "no such object".
    pub(crate) fn object(&self, shelf: Shelf, oid: Oid, tid: Tid) -> Answer<Option<Arc<Object>>> {
        answer(tid, |at| self.objects.get(&ObjectKey { shelf, oid, at }))
    }

    /// The child of that name as of `tid`; `Known(None)` is "no such child".
    pub(crate) fn name(&self, shelf: Shelf, parent: Oid, name: &str, tid: Tid) -> Answer<Option<Oid>> {
        answer(tid, |at| self.names.get(&NameQuery { shelf, parent, name, at }))
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
    pub(crate) fn witness_object(&self, shelf: Shelf, oid: Oid) -> Witness {
        self.witness(self.slot(&ObjectKey { shelf, oid, at: NEWEST }))
    }

    /// To be taken before a name is read from the index.
    pub(crate) fn witness_name(&self, shelf: Shelf, parent: Oid, name: &str) -> Witness {
        self.witness(self.slot(&NameQuery { shelf, parent, name, at: NEWEST }))
    }

    /// Keeps the newest revision of an object, which a commit at `from` wrote.
    pub(crate) fn keep_object(
        &self,
        shelf: Shelf,
        oid: Oid,
        from: Tid,
        object: Option<Arc<Object>>,
        witness: Witness,
    ) {
        let held = Held::pending(from, object);
        self.objects.insert(ObjectKey { shelf, oid, at: NEWEST }, Arc::clone(&held));
        self.prove(&held, witness);
    }

    /// Keeps an object as it was at a tid that is shown, when there is a newer revision.
    pub(crate) fn keep_past_object(&self, shelf: Shelf, oid: Oid, tid: Tid, object: Option<Arc<Object>>) {
        self.objects.insert(ObjectKey { shelf, oid, at: tid }, Held::only_at(tid, object));
    }

    /// Keeps what the name leads to since `from`.
    pub(crate) fn keep_name(
        &self,
        shelf: Shelf,
        parent: Oid,
        name: &str,
        from: Tid,
        child: Option<Oid>,
        witness: Witness,
    ) {
        let held = Held::pending(from, child);
        let query = NameQuery { shelf, parent, name, at: NEWEST };
        self.names.insert(query.to_key(), Arc::clone(&held));
        self.prove(&held, witness);
    }

    /// Keeps what the name led to at a tid that is shown, when it leads elsewhere by now.
    pub(crate) fn keep_past_name(&self, shelf: Shelf, parent: Oid, name: &str, tid: Tid, child: Option<Oid>) {
        let query = NameQuery { shelf, parent, name, at: tid };
        self.names.insert(query.to_key(), Held::only_at(tid, child));
    }

    /// To be called by the commit at `tid` for every object that it wrote, after the index knows it and before any
    /// reader can ask for `tid`.
    pub(crate) fn close_object(&self, shelf: Shelf, oid: Oid, tid: Tid) {
        let key = ObjectKey { shelf, oid, at: NEWEST };
        self.slots[self.slot(&key)].store(tid.as_micros(), Ordering::SeqCst);
        if let Some(held) = self.objects.peek(&key) {
            held.close(tid);
        }
    }

    /// The same for every name that it gave or took away.
    pub(crate) fn close_name(&self, shelf: Shelf, parent: Oid, name: &str, tid: Tid) {
        let query = NameQuery { shelf, parent, name, at: NEWEST };
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

/// Asks the newest, then what was kept for that very tid.
fn answer<T: Clone>(tid: Tid, held_at: impl Fn(Tid) -> Option<Arc<Held<T>>>) -> Answer<T> {
    let mut is_replaced = false;
    for at in [NEWEST, tid] {
        let Some(held) = held_at(at) else { continue };
        if held.is_right_at(tid) {
            return Answer::Known(held.value.clone());
        }
        is_replaced |= held.from > tid;
    }
    if is_replaced { Answer::Replaced } else { Answer::Unknown }
}

#[cfg(test)]
mod tests {
    use super::Answer::{Known, Replaced, Unknown};
    use super::*;
    use crate::line::LineId;

    const LINE: Shelf = Shelf::TRUNK;
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
        assert_eq!(cache.object(LINE, OID, tid(4)), Replaced);
        assert_eq!(cache.object(LINE, OID, tid(5)), Known(object(5)));
        assert_eq!(cache.object(LINE, OID, tid(99)), Known(object(5)));
        cache.close_object(LINE, OID, tid(9));
        assert_eq!(cache.object(LINE, OID, tid(8)), Known(object(5)));
        assert_eq!(cache.object(LINE, OID, tid(9)), Unknown);
        cache.close_object(LINE, OID, tid(12));
        assert_eq!(cache.object(LINE, OID, tid(9)), Unknown);
    }

    /// A reader was slow: it read the index before a commit and entered the cache after it. Its answer must not be
    /// taken for the commit's.
    #[test]
    fn a_reader_that_a_commit_overtook_opens_no_interval() {
        let cache = Cache::new(1 << 20);
        let witness = cache.witness_object(LINE, OID);
        cache.close_object(LINE, OID, tid(9));
        cache.keep_object(LINE, OID, tid(5), object(5), witness);
        assert_eq!(cache.object(LINE, OID, tid(9)), Unknown);
        // The next commit does not know that the entry was wrong before it.
        cache.close_object(LINE, OID, tid(12));
        assert_eq!(cache.object(LINE, OID, tid(9)), Unknown);

        let witness = cache.witness_name(LINE, OID, "a");
        cache.close_name(LINE, OID, "a", tid(9));
        cache.keep_name(LINE, OID, "a", tid(5), Some(OID), witness);
        assert_eq!(cache.name(LINE, OID, "a", tid(9)), Unknown);
    }

    #[test]
    fn an_absent_name_is_an_answer_too() {
        let cache = Cache::new(1 << 20);
        cache.keep_name(LINE, OID, "a", Tid::ZERO, None, cache.witness_name(LINE, OID, "a"));
        assert_eq!(cache.name(LINE, OID, "a", tid(3)), Known(None));
        assert_eq!(cache.name(LINE, OID, "b", tid(3)), Unknown);
        cache.close_name(LINE, OID, "a", tid(3));
        assert_eq!(cache.name(LINE, OID, "a", tid(3)), Unknown);
    }

    #[test]
    fn the_past_is_kept_beside_the_newest_for_each_tid_that_was_asked_for() {
        let cache = Cache::new(1 << 20);
        cache.keep_past_object(LINE, OID, tid(6), object(5));
        cache.keep_object(LINE, OID, tid(9), object(9), cache.witness_object(LINE, OID));
        cache.keep_past_object(LINE, OID, tid(4), None);
        assert_eq!(cache.object(LINE, OID, tid(4)), Known(None));
        assert_eq!(cache.object(LINE, OID, tid(5)), Replaced);
        assert_eq!(cache.object(LINE, OID, tid(6)), Known(object(5)));
        assert_eq!(cache.object(LINE, OID, tid(7)), Replaced);
        assert_eq!(cache.object(LINE, OID, tid(9)), Known(object(9)));
        cache.close_object(LINE, OID, tid(12));
        assert_eq!(cache.object(LINE, OID, tid(6)), Known(object(5)));
        assert_eq!(cache.object(LINE, OID, tid(12)), Unknown);
        assert_eq!(cache.object(Shelf::of(LineId(1), 1), OID, tid(6)), Unknown);

        cache.keep_past_name(LINE, OID, "a", tid(6), Some(OID));
        cache.keep_name(LINE, OID, "a", tid(9), None, cache.witness_name(LINE, OID, "a"));
        assert_eq!(cache.name(LINE, OID, "a", tid(6)), Known(Some(OID)));
        assert_eq!(cache.name(LINE, OID, "a", tid(7)), Replaced);
        assert_eq!(cache.name(LINE, OID, "a", tid(9)), Known(None));
        assert_eq!(cache.name(LINE, OID, "b", tid(6)), Unknown);
    }

    /// Commits write ever greater revisions, at even tids, while readers fill and ask the cache at the head and before
    /// it: an answer at a tid is always the newest revision up to it.
    #[test]
    fn readers_never_see_a_stale_object_while_commits_run() {
        const ROUNDS: u64 = 20_000;
        let cache = Cache::new(1 << 20);
        let (index, head) = (AtomicU64::new(16), AtomicU64::new(16));
        // Every second reader goes back, over and over, so that it comes to the same tids again.
        let read = |back: u64| {
            let shown = head.load(Ordering::SeqCst);
            let at = shown - back;
            let was = object(at & !1);
            let witness = cache.witness_object(LINE, OID);
            match cache.object(LINE, OID, tid(at)) {
                Known(found) => assert_eq!(found, was, "stale at {at}, head {shown}"),
                Replaced => cache.keep_past_object(LINE, OID, tid(at), was),
                Unknown => {
                    let newest = index.load(Ordering::SeqCst);
                    std::thread::yield_now();
                    if newest > at {
                        cache.keep_past_object(LINE, OID, tid(at), was);
                    } else {
                        cache.keep_object(LINE, OID, tid(newest), object(newest), witness);
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            let spawn = |reader: u64| {
                let read = &read;
                scope.spawn(move || (0..ROUNDS).for_each(|round| read((reader % 2) * (round % 8))))
            };
            let readers: Vec<_> = (0..4).map(spawn).collect();
            for revision in (18..).step_by(2) {
                index.store(revision, Ordering::SeqCst);
                cache.close_object(LINE, OID, tid(revision));
                head.store(revision, Ordering::SeqCst);
                if readers.iter().all(|reader| reader.is_finished()) {
                    break;
                }
                // Lets the readers see this head for a while.
                std::thread::yield_now();
            }
        });
    }
}
