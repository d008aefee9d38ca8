//! The tail over a base: against a map, over a base that fails, and with readers while everything moves.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow::{Break, Continue};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use uuid::Uuid;

use super::contract::{ALL, Seeded, apply_to_map, entries, in_map, put};
use super::{
    Entry, FaultyIndex, Identity, Index, IndexError, Key, MemoryIndex, SledIndex, SledOptions, TailOptions,
    TailStats, TailedIndex, VALUE_BYTES_MAX, Value,
};

type Map = BTreeMap<Key, Value>;

const NEVER: Duration = Duration::from_secs(1_000_000);

/// Moves only when asked to.
const STILL: TailOptions =
    TailOptions { bytes_max: u64::MAX, freeze_bytes: u64::MAX, confirm_every: NEVER, batch_entries: 1_000 };

fn sled(place: &TempDir) -> Arc<SledIndex> {
    let identity = Identity { store: Uuid::from_u128(1), format: 1 };
    let opened = SledIndex::open(&place.path().join("index"), SledOptions { identity, cache_bytes: 8 << 20 });
    Arc::new(opened.unwrap().into_index())
}

/// Compares everything that readers can ask.
fn assert_reads(tail: &TailedIndex, map: &Map, seeded: &mut Seeded, when: &str) {
    let (from, below) = (seeded.key(), seeded.key());
    let count = 1 + seeded.below(40) as usize;
    for (from, below) in [(&*from, &*below), ALL] {
        let what = format!("{when}: {from:?}..{below:?}");
        let mut expected = in_map(map, from, below);
        assert_eq!(tail.first(from, below).unwrap(), expected.first().cloned(), "{what}");
        assert_eq!(tail.last(from, below).unwrap(), expected.last().cloned(), "{what}");
        assert_eq!(taken(tail, from, below, count, false), expected[..count.min(expected.len())], "{what}");
        expected.reverse();
        assert_eq!(
            taken(tail, from, below, count, true),
            expected[..count.min(expected.len())],
            "{what} back"
        );
    }
    assert_eq!(tail.get(&from).unwrap().as_ref(), map.get(&from), "{when}: {from:?}");
}

fn taken(tail: &TailedIndex, from: &[u8], below: &[u8], count: usize, back: bool) -> Vec<(Key, Value)> {
    let mut taken = Vec::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        taken.push((key.into(), value.into()));
        if taken.len() < count { Continue(()) } else { Break(()) }
    };
    match back {
        false => tail.scan(from, below, &mut visit).unwrap(),
        true => tail.scan_back(from, below, &mut visit).unwrap(),
    }
    taken
}

/// Random commits, some of which do not come about, while the thread moves what it likes.
fn check_model(base: Arc<dyn Index>, seed: u64, steps: usize) {
    let mut seeded = Seeded::new(seed);
    let options = TailOptions {
        freeze_bytes: 1 + seeded.below(20_000),
        batch_entries: 1 + seeded.below(50) as usize,
        confirm_every: Duration::from_millis(seeded.below(3)),
        ..STILL
    };
    let tail = TailedIndex::new(base.clone(), options);
    let (mut published, mut visible) = (Map::new(), Map::new());
    let mut ever_published: BTreeSet<(Key, Value)> = BTreeSet::new();
    for step in 0..steps {
        let when = format!("seed {seed}, step {step}");
        match seeded.below(16) {
            0..=8 => {
                let count = if seeded.below(12) == 0 { 1_500 } else { seeded.below(30) };
                let commit: Vec<Entry> = (0..count).map(|_| seeded.entry()).collect();
                apply_to_map(&mut visible, &commit);
                tail.insert(commit).unwrap();
            }
            9 => {
                tail.forget_unpublished();
                visible = published.clone();
            }
            10 => {
                tail.settle().unwrap();
                assert_eq!(entries(&*base), Vec::from_iter(published.clone()), "{when}: settled");
            }
            _ => {
                published = visible.clone();
                ever_published.extend(published.clone());
                tail.publish(&(step as u64).to_be_bytes());
            }
        }
        assert_reads(&tail, &visible, &mut seeded, &when);
        let stray = entries(&*base).into_iter().find(|entry| !ever_published.contains(entry));
        assert_eq!(stray, None, "{when}: in the base and never published");
    }
    tail.publish(b"the end");
    tail.close().unwrap();
    assert_eq!(entries(&*base), Vec::from_iter(visible), "seed {seed}");
    assert_eq!(base.confirmed().as_deref(), Some(&b"the end"[..]), "seed {seed}");
}

#[test]
fn a_tail_over_memory_agrees_with_a_map() {
    for seed in 0..60 {
        check_model(Arc::new(MemoryIndex::new()), seed, 150);
    }
}

#[test]
fn a_tail_over_sled_agrees_with_a_map() {
    for seed in 0..3 {
        let place = TempDir::new().unwrap();
        check_model(sled(&place), seed, 100);
    }
}

/// Three entries of one key, each in another layer, seen through the others as they go.
#[test]
fn the_newest_layer_wins_and_a_delete_hides_what_is_below() {
    for (newest, expected) in [(put("k", "new"), Some("new")), (Entry::delete(*b"k"), None)] {
        let base = Arc::new(MemoryIndex::new());
        base.apply(&[put("j", "below"), put("k", "old"), put("l", "below")], None).unwrap();
        let tail = TailedIndex::new(base, STILL);
        let check = |when: &str| {
            let found = tail.get(b"k").unwrap();
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{when}");
            let around = taken(&tail, b"j", b"m", 9, false).len();
            assert_eq!(around, if expected.is_some() { 3 } else { 2 }, "{when}");
            let first = tail.first(b"k", b"m").unwrap().unwrap().0;
            assert_eq!(&*first, if expected.is_some() { b"k" } else { b"l" }, "{when}");
            let last = tail.last(b"j", b"l").unwrap().unwrap().0;
            assert_eq!(&*last, if expected.is_some() { b"k" } else { b"j" }, "{when}");
        };
        tail.insert(vec![put("k", "middle")]).unwrap();
        tail.publish(b"1");
        tail.insert(vec![newest]).unwrap();
        check("inserted");
        tail.publish(b"2");
        check("published");
        tail.settle().unwrap();
        check("moved");
    }
}

#[test]
fn what_is_not_published_is_seen_and_never_moves() {
    let base = Arc::new(MemoryIndex::new());
    let tail = TailedIndex::new(base.clone(), STILL);
    tail.insert(vec![put("a", "1")]).unwrap();
    tail.publish(b"one");
    tail.insert(vec![put("b", "1")]).unwrap();

    tail.settle().unwrap();
    assert_eq!(entries(&*base).len(), 1, "only what was published moves");
    assert_eq!(base.confirmed().as_deref(), Some(&b"one"[..]));
    assert_eq!(tail.get(b"b").unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(tail.stats().unpublished_entries, 1);

    tail.forget_unpublished();
    assert_eq!(tail.get(b"b").unwrap(), None);
    assert_eq!(tail.stats(), TailStats { moved_entries_total: 1, confirms_total: 1, ..TailStats::default() });
}

#[test]
fn a_position_without_entries_is_covered_too() {
    let base = Arc::new(MemoryIndex::new());
    let tail = TailedIndex::new(base.clone(), STILL);
    tail.publish(b"one");
    tail.settle().unwrap();
    assert_eq!(base.confirmed().as_deref(), Some(&b"one"[..]));
}

#[test]
fn a_commit_with_one_bad_entry_is_refused_whole() {
    let tail = TailedIndex::new(Arc::new(MemoryIndex::new()), STILL);
    let refused = tail.insert(vec![put("a", "1"), Entry::put(*b"b", [0; VALUE_BYTES_MAX + 1])]);
    assert!(matches!(refused, Err(IndexError::Entry { .. })), "{refused:?}");
    assert_eq!(tail.stats(), TailStats::default());
}

#[test]
fn the_bytes_held_are_those_of_the_entries() {
    let tail = TailedIndex::new(Arc::new(MemoryIndex::new()), STILL);
    let mut seeded = Seeded::new(5);
    for _ in 0..50 {
        let many = (0..seeded.below(1_200)).map(|_| seeded.entry()).collect();
        tail.insert(many).unwrap();
        if seeded.below(2) == 0 {
            tail.publish(b"here");
        }
    }
    tail.insert((0..256_u16).map(|n| Entry::put([b'z', n as u8], [0; 100])).collect()).unwrap();
    let before = tail.stats();
    tail.insert((0..256_u16).map(|n| Entry::put([b'z', n as u8], [0; 50])).collect()).unwrap();
    let after = tail.stats();
    assert_eq!(
        (before.entries, before.bytes - 256 * 50),
        (after.entries, after.bytes),
        "replaced, not added"
    );
    tail.publish(b"there");
    tail.settle().unwrap();
    assert_eq!((tail.stats().entries, tail.stats().bytes), (0, 0));
}

/// A base that lets nothing through until told.
struct GatedIndex {
    inner: MemoryIndex,
    open: AtomicBool,
}

impl GatedIndex {
    fn closed() -> Arc<GatedIndex> {
        Arc::new(GatedIndex { inner: MemoryIndex::new(), open: AtomicBool::new(false) })
    }
}

impl Index for GatedIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, IndexError> {
        self.inner.get(key)
    }
    fn first(&self, from: &[u8], below: &[u8]) -> Result<Option<(Key, Value)>, IndexError> {
        self.inner.first(from, below)
    }
    fn last(&self, from: &[u8], below: &[u8]) -> Result<Option<(Key, Value)>, IndexError> {
        self.inner.last(from, below)
    }
    fn scan(&self, from: &[u8], below: &[u8], visit: super::Visit<'_>) -> Result<(), IndexError> {
        self.inner.scan(from, below, visit)
    }
    fn scan_back(&self, from: &[u8], below: &[u8], visit: super::Visit<'_>) -> Result<(), IndexError> {
        self.inner.scan_back(from, below, visit)
    }
    fn apply(&self, entries: &[Entry], covered: Option<&[u8]>) -> Result<(), IndexError> {
        while !self.open.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        self.inner.apply(entries, covered)
    }
    fn confirm(&self) -> Result<(), IndexError> {
        self.inner.confirm()
    }
    fn confirmed(&self) -> Option<Box<[u8]>> {
        self.inner.confirmed()
    }
    fn bytes_on_disk(&self) -> u64 {
        0
    }
}

#[test]
fn commits_wait_while_the_tail_is_full_and_go_on_when_it_moved() {
    let base = GatedIndex::closed();
    let tail = TailedIndex::new(base.clone(), TailOptions { bytes_max: 1_000, ..STILL });
    tail.wait_for_room().unwrap();
    tail.insert((0..100_u8).map(|n| Entry::put([n], [n])).collect()).unwrap();
    tail.wait_for_room().expect("nothing that is not published can move, so there is nothing to wait for");
    tail.publish(b"here");

    let waiter = thread::spawn({
        let tail = tail.clone();
        move || tail.wait_for_room()
    });
    while !tail.is_being_moved() {
        thread::yield_now();
    }
    assert!(!waiter.is_finished(), "the tail is full");
    assert_eq!(taken(&tail, ALL.0, ALL.1, 1_000, false).len(), 100, "readers do not wait");
    base.open.store(true, Ordering::SeqCst);
    waiter.join().unwrap().unwrap();
    assert_eq!(tail.stats().bytes, 0);
}

#[test]
fn small_commits_move_by_themselves_and_are_confirmed() {
    let base = Arc::new(MemoryIndex::new());
    let tail = TailedIndex::new(
        base.clone(),
        TailOptions { freeze_bytes: 1, confirm_every: Duration::ZERO, ..STILL },
    );
    for n in 0..100_u8 {
        tail.insert(vec![Entry::put([n], [n])]).unwrap();
        tail.publish(&[n]);
    }
    while base.confirmed().as_deref() != Some(&[99]) {
        thread::yield_now();
    }
    assert_eq!(entries(&*base).len(), 100);
}

/// Fails the base after 0, 1, 2 ... writes, by an error and by a panic.
#[test]
fn a_base_that_fails_makes_writes_refused_and_reads_of_the_tail_go_on() {
    for (panics, writes) in
        [false, true].into_iter().flat_map(|panics| (0..6).map(move |writes| (panics, writes)))
    {
        let when = format!("after {writes} writes, panics {panics}");
        let inner = Arc::new(MemoryIndex::new());
        let base = Arc::new(FaultyIndex::over(inner.clone()));
        base.stop_writes_after(writes);
        if panics {
            base.panic_instead();
        }
        let tail = TailedIndex::new(base.clone(), TailOptions { batch_entries: 20, ..STILL });
        tail.insert((0..100_u8).map(|n| Entry::put([n], [n])).collect()).unwrap();
        tail.publish(b"here");

        let failed = tail.settle().unwrap_err();
        assert!(matches!(failed, IndexError::Failed { .. }), "{when}: {failed:?}");
        let reason = tail.failure().expect("a reason");
        assert!(reason.contains("on purpose"), "{when}: {reason}");
        assert!(tail.wait_for_room().unwrap_err().to_string().contains(&reason), "{when}");

        assert_eq!(taken(&tail, ALL.0, ALL.1, 1_000, false).len(), 100, "{when}");
        assert_eq!(base.confirmed(), None, "{when}: nothing is confirmed");
        inner.confirm().unwrap();
        assert_eq!(inner.confirmed().is_some(), writes >= 5, "{when}: the last of five batches covers");
        base.stop_reads_after(0);
        if writes < 5 {
            for n in 0..100_u8 {
                assert_eq!(tail.get(&[n]).unwrap().as_deref(), Some(&[n][..]), "{when}: the tail has it");
                assert!(tail.first(&[n], &[n, 1]).is_ok(), "{when}: the tail proves it");
            }
        }
        if !panics {
            assert!(
                matches!(tail.get(b"absent"), Err(IndexError::Engine { .. })),
                "{when}: the base reports"
            );
            assert!(tail.scan(ALL.0, ALL.1, &mut |_, _| Continue(())).is_err(), "{when}: the base reports");
        }
        tail.insert(vec![put("x", "1")]).unwrap();
        tail.publish(b"there");
        assert!(matches!(tail.close(), Err(IndexError::Failed { .. })), "{when}");
    }
}

#[test]
fn a_closed_tail_has_settled_and_takes_no_commits() {
    let base = Arc::new(MemoryIndex::new());
    let tail = TailedIndex::new(base.clone(), STILL);
    tail.insert(vec![put("a", "1")]).unwrap();
    tail.publish(b"here");
    tail.close().unwrap();
    tail.close().expect("the second time does nothing");
    assert_eq!(base.confirmed().as_deref(), Some(&b"here"[..]));
    assert!(matches!(tail.wait_for_room(), Err(IndexError::Closed)));
    assert!(matches!(tail.settle(), Err(IndexError::Closed)));
    assert_eq!(tail.get(b"a").unwrap().as_deref(), Some(&b"1"[..]), "reads go on");
}

#[test]
fn a_dropped_tail_leaves_the_base_to_whoever_has_it() {
    let base = Arc::new(MemoryIndex::new());
    let tail = TailedIndex::new(base.clone(), STILL);
    tail.insert(vec![put("a", "1")]).unwrap();
    tail.publish(b"here");
    drop(tail);
    assert_eq!(Arc::strong_count(&base), 1, "the thread has ended");
    assert_eq!((entries(&*base), base.confirmed()), (vec![], None), "as after a crash");
}

/// One committer writes numbered entries, rewrites a head and deletes behind itself; readers look for what they know to
/// be published, by every kind of read.
fn check_readers_while_moving(base: Arc<dyn Index>, commits: u64) {
    let options =
        TailOptions { freeze_bytes: 3_000, batch_entries: 7, confirm_every: Duration::ZERO, ..STILL };
    let tail = TailedIndex::new(base, TailOptions { bytes_max: 60_000, ..options });
    let (published, reads) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for seed in 0..3 {
            let (tail, published, reads) = (&tail, &published, &reads);
            scope.spawn(move || {
                let mut seeded = Seeded::new(seed);
                while published.load(Ordering::SeqCst) < commits {
                    read_once(tail, published.load(Ordering::SeqCst), &mut seeded);
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for number in 1..=commits {
            tail.wait_for_room().unwrap();
            tail.insert(vec![
                Entry::put([b"n", &number.to_be_bytes()[..]].concat(), number.to_be_bytes()),
                Entry::put(*b"head", number.to_be_bytes()),
                Entry::put([b"t", &number.to_be_bytes()[..]].concat(), []),
                Entry::delete([b"t", &(number - 1).to_be_bytes()[..]].concat()),
            ])
            .unwrap();
            tail.publish(&number.to_be_bytes());
            published.store(number, Ordering::SeqCst);
        }
    });
    assert!(reads.into_inner() > 100, "readers got to read");
}

fn read_once(tail: &TailedIndex, published: u64, seeded: &mut Seeded) {
    if published == 0 {
        return;
    }
    let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().expect("eight bytes"));
    let key = |number: u64| [b"n", &number.to_be_bytes()[..]].concat();
    // Mostly what was published a moment ago, as that is about to move.
    let back_max = if seeded.below(4) == 0 { published } else { published.min(200) };
    let at = published - seeded.below(back_max);
    match seeded.below(7) {
        0 => assert_eq!(tail.get(&key(at)).unwrap().as_deref().map(number), Some(at), "get"),
        1 => assert_eq!(
            tail.first(&key(at), b"o").unwrap().map(|(_, value)| number(&value)),
            Some(at),
            "first"
        ),
        2 => assert_eq!(
            tail.last(b"n", &key(at + 1)).unwrap().map(|(_, value)| number(&value)),
            Some(at),
            "last"
        ),
        3 => assert!(
            number(&tail.get(b"head").unwrap().expect("a head")) >= published,
            "a head never goes back"
        ),
        4 => {
            let mut next = at;
            tail.scan(&key(at), b"o", &mut |_, value| {
                assert_eq!(number(value), next, "a scan from {at} misses none");
                next += 1;
                Continue(())
            })
            .unwrap();
            assert!(next > published, "a scan reaches {published}, and not only {next}");
        }
        5 => {
            let from = at.saturating_sub(seeded.below(600)).max(1);
            let mut next = at;
            tail.scan_back(&key(from), &key(at + 1), &mut |_, value| {
                assert_eq!(number(value), next, "a scan back from {at} misses none");
                next -= 1;
                Continue(())
            })
            .unwrap();
            assert_eq!(next, from - 1, "a scan back reaches its end");
        }
        _ => {
            let newest = tail.last(b"t", b"u").unwrap();
            assert!(
                newest.is_some_and(|(key, _)| number(&key[1..]) >= published),
                "the last one was not deleted"
            );
            let earlier = [b"t", &(published - 1).to_be_bytes()[..]].concat();
            assert_eq!(tail.get(&earlier).unwrap(), None, "a delete never goes back");
        }
    }
}

#[test]
fn readers_miss_nothing_while_it_moves_to_memory() {
    check_readers_while_moving(Arc::new(MemoryIndex::new()), 30_000);
}

#[test]
fn readers_miss_nothing_while_it_moves_to_sled() {
    let place = TempDir::new().unwrap();
    check_readers_while_moving(sled(&place), 1_500);
}
