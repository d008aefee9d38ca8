//! An index in memory: for tests, for throw-away sites, and the measure of the others.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included};
use std::ops::ControlFlow;

use parking_lot::RwLock;

use super::{Entry, Index, IndexError, Key, Value, Visit, after, check_batch};

/// How many entries a scan copies under one lock, so that a visitor may call the index again.
const PIECE_ENTRIES: usize = 64;

/// Entries in a `BTreeMap`. Durable only in name: what is confirmed is gone with the value itself.
#[derive(Default)]
pub struct MemoryIndex {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<Key, Value>,
    covered: Option<Box<[u8]>>,
    confirmed: Option<Box<[u8]>>,
}

impl MemoryIndex {
    /// An empty index.
    pub fn new() -> MemoryIndex {
        MemoryIndex::default()
    }
}

impl State {
    /// The entries of `[from, below)`, from either end.
    fn range(&self, from: &[u8], below: &[u8]) -> impl DoubleEndedIterator<Item = (Key, Value)> + '_ {
        let nothing_past = below.max(from);
        self.entries
            .range::<[u8], _>((Included(from), Excluded(nothing_past)))
            .map(|(key, value)| (key.clone(), value.clone()))
    }
}

impl Index for MemoryIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, IndexError> {
        Ok(self.state.read().entries.get(key).cloned())
    }

    fn first(&self, from: &[u8], below: &[u8]) -> Result<Option<(Key, Value)>, IndexError> {
        if from >= below {
            return Ok(None);
        }
        Ok(self.state.read().range(from, below).next())
    }

    fn last(&self, from: &[u8], below: &[u8]) -> Result<Option<(Key, Value)>, IndexError> {
        if from >= below {
            return Ok(None);
        }
        Ok(self.state.read().range(from, below).next_back())
    }

    fn scan(&self, from: &[u8], below: &[u8], visit: Visit<'_>) -> Result<(), IndexError> {
        let mut from = Key::from(from);
        while *from < *below {
            let piece: Vec<_> = self.state.read().range(&from, below).take(PIECE_ENTRIES).collect();
            let Some((key, _)) = piece.last() else { break };
            from = after(key);
            if visit_all(&piece, visit).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn scan_back(&self, from: &[u8], below: &[u8], visit: Visit<'_>) -> Result<(), IndexError> {
        let mut below = Key::from(below);
        while *from < *below {
            let piece: Vec<_> = self.state.read().range(from, &below).rev().take(PIECE_ENTRIES).collect();
            let Some((key, _)) = piece.last() else { break };
            below = key.clone();
            if visit_all(&piece, visit).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn apply(&self, entries: &[Entry], covered: Option<&[u8]>) -> Result<(), IndexError> {
        check_batch(entries, covered)?;
        let mut state = self.state.write();
        for Entry { key, value } in entries {
            match value {
                Some(value) => state.entries.insert(key.clone(), value.clone()),
                None => state.entries.remove(key),
            };
        }
        if let Some(covered) = covered {
            state.covered = Some(covered.into());
        }
        Ok(())
    }

    fn confirm(&self) -> Result<(), IndexError> {
        let mut state = self.state.write();
        state.confirmed = state.covered.clone();
        Ok(())
    }

    fn confirmed(&self) -> Option<Box<[u8]>> {
        self.state.read().confirmed.clone()
    }

    fn bytes_on_disk(&self) -> u64 {
        0
    }
}

fn visit_all(piece: &[(Key, Value)], visit: Visit<'_>) -> ControlFlow<()> {
    piece.iter().try_for_each(|(key, value)| visit(key, value))
}
