//! What every index does: the suite that an implementation has to pass.
//!
//! Rules are shown on a small table of keys, then by random batches against a `BTreeMap`. A failure prints its seed.

use std::collections::BTreeMap;
use std::ops::ControlFlow::{Break, Continue};
use std::sync::Arc;

use super::{
    BATCH_ENTRIES_MAX, COVERED_BYTES_MAX, Entry, FIRST_BYTE_RESERVED, Index, IndexError, KEY_BYTES_MAX, Key,
    VALUE_BYTES_MAX, Value,
};

/// Everything that commits can write lies in here.
pub(super) const ALL: (&[u8], &[u8]) = (b"", &[FIRST_BYTE_RESERVED]);

/// Panics unless every index that `make` returns, a fresh and empty one each time, is a right one.
pub fn index_contract(make: &dyn Fn() -> Arc<dyn Index>) {
    a_fresh_index_is_empty(&*make());
    a_later_entry_replaces_an_earlier_one(&*make());
    every_range_has_its_first_its_last_and_its_order(&*make());
    a_scan_ends_where_the_visitor_breaks(&*make());
    a_visitor_may_use_the_index(&*make());
    what_is_outside_the_limits_is_refused_whole(&*make());
    what_is_just_inside_the_limits_is_kept(&*make());
    only_a_confirmed_position_counts(&*make());
    for seed in 0..8 {
        random_batches_agree_with_a_map(&*make(), seed);
    }
}

fn a_fresh_index_is_empty(index: &dyn Index) {
    assert_eq!(entries(index), []);
    assert_eq!(index.get(b"a").unwrap(), None);
    assert_eq!(index.first(ALL.0, ALL.1).unwrap(), None);
    assert_eq!(index.last(ALL.0, ALL.1).unwrap(), None);
    assert_eq!(index.confirmed(), None);
}

fn a_later_entry_replaces_an_earlier_one(index: &dyn Index) {
    index.apply(&[put("a", "1"), put("b", "1"), put("a", "2")], None).unwrap();
    assert_eq!(entries(index), [pair("a", "2"), pair("b", "1")], "within a batch");

    index.apply(&[put("a", "3"), Entry::delete(*b"b"), Entry::delete(*b"absent")], None).unwrap();
    assert_eq!(entries(index), [pair("a", "3")], "in a later batch");

    index.apply(&[put("c", "1"), Entry::delete(*b"c"), Entry::delete(*b"a"), put("a", "")], None).unwrap();
    assert_eq!(entries(index), [pair("a", "")], "an empty value is a value");
}

fn every_range_has_its_first_its_last_and_its_order(index: &dyn Index) {
    let keys: [&[u8]; 7] = [b"\0", b"a", b"a\0", b"a\0\0", b"ab", b"b", b"\xfe\xff\xff"];
    let bounds: [&[u8]; 11] =
        [b"", b"\0", b"\0\0", b"a", b"a\0", b"a\0\0", b"aa", b"b", b"\xfe", b"\xff", b"\xff\xff\xff"];
    let batch: Vec<Entry> = keys.iter().map(|key| Entry::put(*key, *key)).collect();
    index.apply(&batch, Some(b"somewhere")).unwrap();
    let map: BTreeMap<Key, Value> = keys.iter().map(|key| (Key::from(*key), Value::from(*key))).collect();
    for from in bounds {
        for below in bounds {
            assert_range(index, &map, from, below, "table");
        }
    }
}

fn a_scan_ends_where_the_visitor_breaks(index: &dyn Index) {
    index.apply(&[put("a", ""), put("b", ""), put("c", "")], None).unwrap();
    for visits in 1..=3 {
        assert_eq!(taken(index, ALL, visits, false).len(), visits);
        assert_eq!(taken(index, ALL, visits, true).len(), visits);
    }
}

fn a_visitor_may_use_the_index(index: &dyn Index) {
    index.apply(&(0..200_u8).map(|n| Entry::put([b'k', n], [n])).collect::<Vec<_>>(), None).unwrap();
    let mut visited = 0;
    index
        .scan(b"k", b"l", &mut |key, value| {
            assert_eq!(index.get(key).unwrap().as_deref(), Some(value));
            index.apply(&[Entry::put([b"seen", key].concat(), value)], None).unwrap();
            visited += 1;
            Continue(())
        })
        .unwrap();
    assert_eq!(visited, 200);
    assert_eq!(taken(index, (b"seen", b"seeo"), usize::MAX, false).len(), 200);
}

fn what_is_outside_the_limits_is_refused_whole(index: &dyn Index) {
    let bad = [
        Entry::put([], *b"empty key"),
        Entry::put([FIRST_BYTE_RESERVED], *b"reserved key"),
        Entry::put([1; KEY_BYTES_MAX + 1], *b"long key"),
        Entry::put(*b"long value", [1; VALUE_BYTES_MAX + 1]),
        Entry::delete([FIRST_BYTE_RESERVED, b'p']),
    ];
    for entry in bad {
        let refused = index.apply(&[put("a", "1"), entry.clone()], Some(b"here"));
        assert!(matches!(refused, Err(IndexError::Entry { .. })), "{entry:?}: {refused:?}");
    }
    let too_many = vec![put("a", "1"); BATCH_ENTRIES_MAX + 1];
    assert!(matches!(index.apply(&too_many, Some(b"here")), Err(IndexError::Batch { .. })));
    let far = [1; COVERED_BYTES_MAX + 1];
    assert!(matches!(index.apply(&[put("a", "1")], Some(&far)), Err(IndexError::Covered { .. })));

    index.confirm().unwrap();
    assert_eq!((entries(index), index.confirmed()), (vec![], None), "a refused batch leaves nothing");
}

fn what_is_just_inside_the_limits_is_kept(index: &dyn Index) {
    let key = |n: usize| [vec![1; KEY_BYTES_MAX - 2], (n as u16).to_be_bytes().to_vec()].concat();
    let longest: Vec<Entry> = (0..64).map(|n| Entry::put(key(n), vec![n as u8; VALUE_BYTES_MAX])).collect();
    index.apply(&longest, Some(&[7; COVERED_BYTES_MAX])).unwrap();
    let many: Vec<Entry> = (0..BATCH_ENTRIES_MAX as u32).map(|n| Entry::put(n.to_be_bytes(), [])).collect();
    index.apply(&many, None).unwrap();
    index.confirm().unwrap();

    assert_eq!(entries(index).len(), longest.len() + many.len());
    for Entry { key, value } in longest {
        assert_eq!(index.get(&key).unwrap(), value);
    }
    assert_eq!(index.confirmed().as_deref(), Some(&[7; COVERED_BYTES_MAX][..]));
}

fn only_a_confirmed_position_counts(index: &dyn Index) {
    index.confirm().unwrap();
    assert_eq!(index.confirmed(), None, "there was nothing to confirm");
    index.apply(&[put("a", "1")], None).unwrap();
    index.confirm().unwrap();
    assert_eq!(index.confirmed(), None, "the batch named no position");

    index.apply(&[put("b", "1")], Some(b"one")).unwrap();
    assert_eq!(index.confirmed(), None, "not confirmed yet");
    index.confirm().unwrap();
    assert_eq!(index.confirmed().as_deref(), Some(&b"one"[..]));

    index.apply(&[], Some(b"two")).unwrap();
    index.apply(&[put("c", "1")], None).unwrap();
    assert_eq!(index.confirmed().as_deref(), Some(&b"one"[..]));
    index.confirm().unwrap();
    assert_eq!(index.confirmed().as_deref(), Some(&b"two"[..]));
}

fn random_batches_agree_with_a_map(index: &dyn Index, seed: u64) {
    let mut seeded = Seeded::new(seed);
    let mut map = BTreeMap::new();
    for step in 0..100 {
        let batch: Vec<Entry> = (0..seeded.below(40)).map(|_| seeded.entry()).collect();
        index.apply(&batch, None).unwrap();
        apply_to_map(&mut map, &batch);
        let (from, below) = (seeded.key(), seeded.key());
        assert_range(index, &map, &from, &below, &format!("seed {seed}, step {step}"));
    }
    assert_eq!(entries(index), Vec::from_iter(map), "seed {seed}");
}

fn assert_range(index: &dyn Index, map: &BTreeMap<Key, Value>, from: &[u8], below: &[u8], when: &str) {
    let what = format!("{when}: {from:?}..{below:?}");
    let mut expected = in_map(map, from, below);
    assert_eq!(index.first(from, below).unwrap(), expected.first().cloned(), "{what}");
    assert_eq!(index.last(from, below).unwrap(), expected.last().cloned(), "{what}");
    assert_eq!(taken(index, (from, below), usize::MAX, false), expected, "{what}");
    expected.reverse();
    assert_eq!(taken(index, (from, below), usize::MAX, true), expected, "{what} back");
    for key in [from, below].into_iter().filter(|key| !key.is_empty()) {
        assert_eq!(index.get(key).unwrap().as_ref(), map.get(key), "{what}: {key:?}");
    }
}

/// The entries of `[from, below)`.
pub(super) fn in_map(map: &BTreeMap<Key, Value>, from: &[u8], below: &[u8]) -> Vec<(Key, Value)> {
    let inside = map.iter().filter(|(key, _)| from <= &***key && &***key < below);
    inside.map(|(key, value)| (key.clone(), value.clone())).collect()
}

pub(super) fn apply_to_map(map: &mut BTreeMap<Key, Value>, batch: &[Entry]) {
    for Entry { key, value } in batch {
        match value {
            Some(value) => map.insert(key.clone(), value.clone()),
            None => map.remove(key),
        };
    }
}

/// All entries of an index.
pub(super) fn entries(index: &dyn Index) -> Vec<(Key, Value)> {
    taken(index, ALL, usize::MAX, false)
}

fn taken(index: &dyn Index, range: (&[u8], &[u8]), count: usize, back: bool) -> Vec<(Key, Value)> {
    let mut taken = Vec::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        taken.push((key.into(), value.into()));
        if taken.len() < count { Continue(()) } else { Break(()) }
    };
    match back {
        false => index.scan(range.0, range.1, &mut visit).unwrap(),
        true => index.scan_back(range.0, range.1, &mut visit).unwrap(),
    }
    taken
}

pub(super) fn put(key: &str, value: &str) -> Entry {
    Entry::put(key.as_bytes(), value.as_bytes())
}

fn pair(key: &str, value: &str) -> (Key, Value) {
    (key.as_bytes().into(), value.as_bytes().into())
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
pub(super) struct Seeded(u64);

impl Seeded {
    pub(super) fn new(seed: u64) -> Seeded {
        Seeded(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A key of one to four bytes from a small alphabet, so that keys meet often.
    pub(super) fn key(&mut self) -> Key {
        let len = 1 + self.below(4);
        (0..len).map(|_| b"\0ab\xfe"[self.below(4) as usize]).collect()
    }

    /// A put, or, one time in four, a delete.
    pub(super) fn entry(&mut self) -> Entry {
        let value = self.next().to_be_bytes();
        let deletes = self.below(4) == 0;
        Entry { key: self.key(), value: (!deletes).then(|| value.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FaultyIndex, MemoryIndex};
    use super::*;

    #[test]
    fn an_index_in_memory_keeps_the_contract() {
        index_contract(&|| Arc::new(MemoryIndex::new()));
    }

    #[test]
    fn a_faulty_index_keeps_the_contract_until_told() {
        index_contract(&|| Arc::new(FaultyIndex::over(Arc::new(MemoryIndex::new()))));
    }
}
