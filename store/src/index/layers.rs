//! The ordered maps of the tail: newest first `pending`, `active`, `frozen`.
//!
//! # Invariants
//! - `pending` holds exactly what was inserted and not yet published; it never moves to the base.
//! - `frozen` does not change: it is in here until all of it is in the base, so that no reader finds a gap.
//! - A newer layer hides the older ones and the base, with a delete, too.

use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::iter::Peekable;
use std::ops::Bound::{Excluded, Included};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Entry, Key, Value};

/// What a map entry takes beside the bytes of key and value, about: two fat pointers in a B-tree node that is two
/// thirds full, and the allocator's share of two small allocations.
const ENTRY_OVERHEAD_BYTES: u64 = 96;

/// Entries handled under one hold of the lock, so that readers wait for less than a millisecond.
pub(super) const PIECE_ENTRIES: usize = 1_000;

/// How long published entries stay in the active layer, when few come.
pub(super) const FREEZE_AGE: Duration = Duration::from_secs(1);

/// Which end a walk begins at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    First,
    Last,
}

/// A key, and the value or the delete that stands there.
pub(super) type Held = (Key, Option<Value>);

/// One ordered map.
#[derive(Default)]
pub(super) struct Layer {
    entries: BTreeMap<Key, Option<Value>>,
    bytes: u64,
    /// The log is covered up to here once this layer is in the base.
    pub(super) covered: Option<Box<[u8]>>,
    /// When its first entry was published.
    since: Option<Instant>,
}

impl Layer {
    /// A layer of these entries; of two with one key the later wins.
    pub(super) fn collect(entries: Vec<Entry>) -> Layer {
        let entries: BTreeMap<_, _> = entries.into_iter().map(|Entry { key, value }| (key, value)).collect();
        let bytes = entries.iter().map(|(key, value)| entry_bytes(key, value)).sum();
        Layer { entries, bytes, ..Layer::default() }
    }

    pub(super) fn insert(&mut self, key: Key, value: Option<Value>) {
        let key_bytes = key.len() as u64;
        self.bytes += entry_bytes(&key, &value);
        if let Some(replaced) = self.entries.insert(key, value) {
            self.bytes -= key_bytes + replaced.map_or(0, |value| value.len() as u64) + ENTRY_OVERHEAD_BYTES;
        }
    }

    /// Takes over up to [`PIECE_ENTRIES`] of a newer layer, all of them where that costs nothing. True when none is left.
    pub(super) fn take_piece(&mut self, newer: &mut Layer) -> bool {
        if self.is_empty() {
            std::mem::swap(&mut self.entries, &mut newer.entries);
            std::mem::swap(&mut self.bytes, &mut newer.bytes);
        }
        for _ in 0..PIECE_ENTRIES {
            let Some((key, value)) = newer.pop_first() else { break };
            self.insert(key, value);
        }
        newer.is_empty()
    }

    fn pop_first(&mut self) -> Option<Held> {
        let (key, value) = self.entries.pop_first()?;
        self.bytes -= entry_bytes(&key, &value);
        Some((key, value))
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Nothing in it is worth a move.
    fn is_idle(&self) -> bool {
        self.entries.is_empty() && self.covered.is_none()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Option<Value>)> {
        self.entries.iter()
    }

    fn range(&self, from: &[u8], below: &[u8]) -> Range<'_, Key, Option<Value>> {
        self.entries.range::<[u8], _>((Included(from), Excluded(below)))
    }
}

fn entry_bytes(key: &Key, value: &Option<Value>) -> u64 {
    key.len() as u64 + value.as_ref().map_or(0, |value| value.len() as u64) + ENTRY_OVERHEAD_BYTES
}

/// The three layers.
#[derive(Default)]
pub(super) struct Layers {
    pub(super) pending: Layer,
    pub(super) active: Layer,
    pub(super) frozen: Option<Arc<Layer>>,
}

impl Layers {
    fn newest_first(&self) -> impl Iterator<Item = &Layer> {
        [&self.pending, &self.active].into_iter().chain(self.frozen.as_deref())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.newest_first().map(Layer::bytes).sum()
    }

    pub(super) fn len(&self) -> usize {
        self.newest_first().map(Layer::len).sum()
    }

    /// What the tail says of `key`: `Some(None)` is a delete, `None` that the base decides.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Option<Value>> {
        self.newest_first().find_map(|layer| layer.entries.get(key))
    }

    /// Copies the first, or last, `count` entries of `[from, below)`. Fewer means that there are no more.
    ///
    /// # Panics
    /// If `from` is greater than `below`.
    pub(super) fn piece(&self, from: &[u8], below: &[u8], end: End, count: usize) -> Vec<Held> {
        let ranges =
            self.newest_first().filter(|layer| !layer.is_empty()).map(|layer| layer.range(from, below));
        match end {
            End::First => merge(ranges.map(Iterator::peekable), |a, b| a < b, count),
            End::Last => merge(ranges.map(|range| range.rev().peekable()), |a, b| a > b, count),
        }
    }

    /// Moves a piece of `pending` to `active`, all at once where that costs nothing. True when none is left.
    pub(super) fn publish_piece(&mut self) -> bool {
        if self.pending.len() > PIECE_ENTRIES {
            self.freeze();
        }
        self.active.take_piece(&mut self.pending)
    }

    /// Says that `active` is complete up to `covered`. True if there was nothing to move before.
    pub(super) fn cover(&mut self, covered: &[u8], now: Instant) -> bool {
        self.active.covered = Some(covered.into());
        let began = self.active.since.is_none();
        self.active.since.get_or_insert(now);
        began
    }

    /// When `active` is to be frozen although it is small.
    pub(super) fn freeze_at(&self) -> Option<Instant> {
        self.active.since.map(|since| since + FREEZE_AGE)
    }

    pub(super) fn is_due(&self, freeze_bytes: u64, now: Instant) -> bool {
        self.active.bytes >= freeze_bytes || self.freeze_at().is_some_and(|at| at <= now)
    }

    /// Makes `active` the frozen layer, unless there is one or nothing to freeze. True if it did.
    pub(super) fn freeze(&mut self) -> bool {
        if self.frozen.is_some() || self.active.is_idle() {
            return false;
        }
        self.frozen = Some(Arc::new(std::mem::take(&mut self.active)));
        true
    }

    /// Nothing can move to the base.
    pub(super) fn is_stuck(&self) -> bool {
        self.frozen.is_none() && self.active.is_idle()
    }
}

/// Copies the first `count` of the merged layers, given newest first; of equal keys the newest.
fn merge<'a, I>(
    layers: impl Iterator<Item = Peekable<I>>,
    before: fn(&[u8], &[u8]) -> bool,
    count: usize,
) -> Vec<Held>
where
    I: Iterator<Item = (&'a Key, &'a Option<Value>)>,
{
    let mut layers: Vec<Peekable<I>> = layers.collect();
    let mut merged = Vec::new();
    while merged.len() < count {
        let mut next: Option<(&Key, &Option<Value>)> = None;
        for layer in &mut layers {
            let Some(&head) = layer.peek() else { continue };
            if next.is_none_or(|(key, _)| before(head.0, key)) {
                next = Some(head);
            }
        }
        let Some((key, value)) = next else { break };
        for layer in &mut layers {
            layer.next_if(|(other, _)| *other == key);
        }
        merged.push((key.clone(), value.clone()));
    }
    merged
}
