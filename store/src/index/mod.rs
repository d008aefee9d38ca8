//! The index: where things are. It finds what the log holds, and can be thrown away and rebuilt from it.
//!
//! Two layers: ordered maps in memory for what was committed lately ([`TailedIndex`], what the store uses), over a
//! base that is filled behind the log ([`SledIndex`], or [`MemoryIndex`] where nothing needs to last).
//! Keys and values are opaque byte strings here; what they mean is said where they are made.
//!
//! # Invariants
//! - What commits write carries an inverted tid in its key, so that a reader bounded by a tid never sees a newer
//!   entry. Neither layer keeps snapshots of its own: a scan is no snapshot, and need not be one.
//! - An entry reaches the base only after its commit was published, that is, durable in the log.
//! - Applying the same entries again, in log order, changes nothing: replay is idempotent.
//!
//! Not here: what is in the log (`log`), the layout of the keys, the replay at open.

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;

#[cfg(any(test, feature = "testing"))]
pub mod contract;
#[cfg(any(test, feature = "testing"))]
mod faulty;
mod folder;
mod layers;
mod memory;
mod sled;
#[cfg(test)]
mod sled_tests;
mod tail;
#[cfg(test)]
mod tail_tests;

#[cfg(any(test, feature = "testing"))]
pub use faulty::FaultyIndex;
pub use memory::MemoryIndex;
pub use sled::{Identity, Opened, SledIndex, SledOptions};
pub use tail::{TailOptions, TailStats, TailedIndex};

/// Greatest number of entries in one [`Index::apply`]: the engine holds one lock for the whole process meanwhile.
pub const BATCH_ENTRIES_MAX: usize = 10_000;

/// Greatest length of a key. sled never syncs a node above 128 KiB; one of its inner nodes has up to 256 keys, and takes
/// in one of 64 when they merge.
pub const KEY_BYTES_MAX: usize = 384;

/// Greatest length of a value: a leaf of sled has up to 17 entries, 21 when two merge.
pub const VALUE_BYTES_MAX: usize = 4096;

/// Greatest length of a covered position.
pub const COVERED_BYTES_MAX: usize = 32;

/// Keys begin with a byte below this one; the rest of the key space belongs to the index itself. So
/// `&[FIRST_BYTE_RESERVED]` is the `below` of a scan to the very end.
pub const FIRST_BYTE_RESERVED: u8 = 0xff;

/// A key of the index.
pub type Key = Box<[u8]>;

/// A value of the index.
pub type Value = Box<[u8]>;

/// What a scan calls with each key and value.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// One change to the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub key: Key,
    /// What stands there from now on; `None` deletes.
    pub value: Option<Value>,
}

impl Entry {
    /// Puts `value` at `key`.
    pub fn put(key: impl Into<Key>, value: impl Into<Value>) -> Entry {
        Entry { key: key.into(), value: Some(value.into()) }
    }

    /// Deletes what is at `key`, if anything is.
    pub fn delete(key: impl Into<Key>) -> Entry {
        Entry { key: key.into(), value: None }
    }

    /// Tells whether an index may hold this.
    ///
    /// # Errors
    /// [`IndexError::Entry`] if key or value are longer than [`KEY_BYTES_MAX`] and [`VALUE_BYTES_MAX`], or the key is
    /// empty or reserved.
    pub fn check(&self) -> Result<(), IndexError> {
        let value_bytes = self.value.as_ref().map_or(0, |value| value.len());
        let reserved = self.key.first().is_none_or(|first| *first == FIRST_BYTE_RESERVED);
        if reserved || self.key.len() > KEY_BYTES_MAX || value_bytes > VALUE_BYTES_MAX {
            let key_start = self.key.iter().take(32).copied().collect();
            return Err(IndexError::Entry {
                key_start: Hex(key_start),
                key_bytes: self.key.len(),
                value_bytes,
            });
        }
        Ok(())
    }
}

/// The base index: entries in the order of their keys, on some medium that may be lost.
///
/// Single calls are linearizable; a scan is not a snapshot, and may or may not see what is applied during it. A visitor
/// may call the index again. A range whose `from` is not less than its `below` is empty.
///
/// An implementation is right when it passes `contract::index_contract` (feature `testing`).
pub trait Index: Send + Sync {
    /// Returns the value at `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Value>, IndexError>;

    /// Returns the first entry in `[from, below)`.
    fn first(&self, from: &[u8], below: &[u8]) -> Result<Option<(Key, Value)>, IndexError>;

    /// Returns the last entry in `[from, below)`.
    fn last(&self, from: &[u8], below: &[u8]) -> Result<Option<(Key, Value)>, IndexError>;

    /// Visits the entries of `[from, below)`, ascending, until the visitor breaks.
    fn scan(&self, from: &[u8], below: &[u8], visit: Visit<'_>) -> Result<(), IndexError>;

    /// Visits the entries of `[from, below)`, descending, until the visitor breaks.
    fn scan_back(&self, from: &[u8], below: &[u8], visit: Visit<'_>) -> Result<(), IndexError>;

    /// Applies all entries or none, after a crash, too; of two with one key the later wins. `covered` is the log
    /// position up to which the index is complete once this batch is in. Not yet durable: a crash may lose the newest
    /// batches, never an earlier one without the later.
    ///
    /// # Errors
    /// Nothing was applied if the batch is refused ([`IndexError::Entry`], [`IndexError::Batch`],
    /// [`IndexError::Covered`]); after any other error that is unknown, and the index refuses further writes.
    fn apply(&self, entries: &[Entry], covered: Option<&[u8]>) -> Result<(), IndexError>;

    /// Makes everything applied before the call durable, then records the covered position as confirmed.
    fn confirm(&self) -> Result<(), IndexError>;

    /// Returns the position from which to replay the log when the index is opened; `None` is its beginning.
    fn confirmed(&self) -> Option<Box<[u8]>>;

    /// Returns how many bytes the index takes on its medium.
    fn bytes_on_disk(&self) -> u64;

    /// Returns what is wrong with the medium although reading and writing work, for people to read.
    fn faults(&self) -> Result<Vec<String>, IndexError> {
        Ok(Vec::new())
    }
}

/// Why the index did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The caller's entry is outside the limits; nothing was done.
    #[error(
        "cannot index an entry of {key_bytes} key bytes and {value_bytes} value bytes (key begins {key_start}): a key \
         has 1 to {KEY_BYTES_MAX} bytes and begins below ff, a value has at most {VALUE_BYTES_MAX}"
    )]
    Entry {
        /// The first bytes of the key.
        key_start: Hex,
        /// Length of the key.
        key_bytes: usize,
        /// Length of the value.
        value_bytes: usize,
    },

    /// The batch is too long; nothing was done.
    #[error("cannot apply {entries} entries at once: at most {BATCH_ENTRIES_MAX}")]
    Batch {
        /// How many entries it has.
        entries: usize,
    },

    /// The covered position is too long; nothing was done.
    #[error("cannot record a covered position of {bytes} bytes: at most {COVERED_BYTES_MAX}")]
    Covered {
        /// Length of the position.
        bytes: usize,
    },

    /// Another process has the index open.
    #[error("cannot open index {}: in use by {}", .dir.display(), .holder.as_deref().unwrap_or("another process"))]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// Who probably holds it.
        holder: Option<String>,
    },

    /// The file system refused.
    #[error("cannot {attempt} {}", .path.display())]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },

    /// The engine failed or panicked during this call. What a write did is unknown; the index is refused from now on.
    #[error("cannot {attempt}: the index engine failed: {reason}")]
    Engine {
        /// What was attempted.
        attempt: &'static str,
        /// What the engine said.
        reason: String,
    },

    /// The index failed earlier, and answers nothing more until it is opened anew.
    #[error("the index failed earlier: {reason}")]
    Failed {
        /// What happened then.
        reason: String,
    },

    /// The index was closed.
    #[error("the index is closed")]
    Closed,
}

/// Bytes that print in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hex(pub Box<[u8]>);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Refuses a batch that no index may take.
fn check_batch(entries: &[Entry], covered: Option<&[u8]>) -> Result<(), IndexError> {
    if entries.len() > BATCH_ENTRIES_MAX {
        return Err(IndexError::Batch { entries: entries.len() });
    }
    check_covered(covered.unwrap_or_default())?;
    entries.iter().try_for_each(Entry::check)
}

/// Refuses a position that no index may record.
fn check_covered(covered: &[u8]) -> Result<(), IndexError> {
    if covered.len() > COVERED_BYTES_MAX {
        return Err(IndexError::Covered { bytes: covered.len() });
    }
    Ok(())
}

/// Returns the least key above `key`.
fn after(key: &[u8]) -> Key {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next.into_boxed_slice()
}

/// What a panic said.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text").into()
}
