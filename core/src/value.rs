//! What an attribute may hold.
//!
//! Values describe themselves, so that an object whose type's code is gone still shows, exports, moves and merges.
//!
//! # Invariants
//! - Values have a total order (floats by IEEE 754 `totalOrder`), so any of them may be in a set.
//! - Nothing here is read or written by a disk: the format of the store has types of its own.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::Oid;

/// How deep lists, sets and maps may be nested: deeper than any form needs, far from the end of a stack.
pub const VALUE_DEPTH_MAX: usize = 32;
/// How large one value may be in memory, in bytes. Larger things are blobs.
pub const VALUE_BYTES_MAX: usize = 1 << 20;

/// A BLAKE3 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Bytes kept aside by the store, found by what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobRef {
    /// The digest of the bytes.
    pub digest: Digest,
    /// How many bytes.
    pub bytes: u64,
}

/// What an attribute holds.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing, on purpose.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text; merges by line where it has lines.
    Text(Arc<str>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A moment, in microseconds since 1970.
    Time(i64),
    /// Values in an order.
    List(Vec<Value>),
    /// Values by key; merges key by key.
    Map(BTreeMap<Arc<str>, Value>),
    /// Values without order or repetition; merges element by element.
    Set(BTreeSet<Value>),
    /// A number that merges by what each side added.
    Counter(i64),
    /// Another object.
    Reference(Oid),
    /// Bytes kept aside.
    Blob(BlobRef),
    /// Stops acquisition: the name is not to be had from here upwards.
    Block,
}

/// Why a value cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// Nested deeper than [`VALUE_DEPTH_MAX`].
    #[error("the value is nested deeper than {VALUE_DEPTH_MAX} levels")]
    TooDeep,
    /// Larger than [`VALUE_BYTES_MAX`].
    #[error("the value takes more than {VALUE_BYTES_MAX} bytes: store it as a blob")]
    TooLarge,
}

impl Value {
    /// A text value.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The kind of value, as a word that people read.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Time(_) => "time",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Set(_) => "set",
            Self::Counter(_) => "counter",
            Self::Reference(_) => "reference",
            Self::Blob(_) => "blob",
            Self::Block => "block",
        }
    }

    /// Refuses what a store must not be given.
    ///
    /// # Errors
    /// When it is nested too deep or too large.
    pub fn check(&self) -> Result<(), ValueError> {
        let mut bytes = 0;
        self.measure(0, &mut bytes)
    }

    fn measure(&self, depth: usize, bytes: &mut usize) -> Result<(), ValueError> {
        if depth > VALUE_DEPTH_MAX {
            return Err(ValueError::TooDeep);
        }
        *bytes += match self {
            Self::Text(text) => text.len(),
            Self::Bytes(all) => all.len(),
            Self::Map(map) => map.keys().map(|key| key.len()).sum(),
            _ => 0,
        } + size_of::<Self>();
        if *bytes > VALUE_BYTES_MAX + size_of::<Self>() {
            return Err(ValueError::TooLarge);
        }
        match self {
            Self::List(items) => items.iter().try_for_each(|item| item.measure(depth + 1, bytes)),
            Self::Set(items) => items.iter().try_for_each(|item| item.measure(depth + 1, bytes)),
            Self::Map(map) => map.values().try_for_each(|item| item.measure(depth + 1, bytes)),
            _ => Ok(()),
        }
    }

    /// Calls `visit` with every object that the value refers to, at any depth.
    pub fn references(&self, visit: &mut dyn FnMut(Oid)) {
        match self {
            Self::Reference(oid) => visit(*oid),
            Self::List(items) => items.iter().for_each(|item| item.references(visit)),
            Self::Set(items) => items.iter().for_each(|item| item.references(visit)),
            Self::Map(map) => map.values().for_each(|item| item.references(visit)),
            _ => {}
        }
    }

    /// Calls `visit` with every blob that the value names, at any depth.
    pub fn blobs(&self, visit: &mut dyn FnMut(BlobRef)) {
        match self {
            Self::Blob(blob) => visit(*blob),
            Self::List(items) => items.iter().for_each(|item| item.blobs(visit)),
            Self::Set(items) => items.iter().for_each(|item| item.blobs(visit)),
            Self::Map(map) => map.values().for_each(|item| item.blobs(visit)),
            _ => {}
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) => 2,
            Self::Float(_) => 3,
            Self::Text(_) => 4,
            Self::Bytes(_) => 5,
            Self::Time(_) => 6,
            Self::List(_) => 7,
            Self::Map(_) => 8,
            Self::Set(_) => 9,
            Self::Counter(_) => 10,
            Self::Reference(_) => 11,
            Self::Blob(_) => 12,
            Self::Block => 13,
        }
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b))
            | (Self::Time(a), Self::Time(b))
            | (Self::Counter(a), Self::Counter(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => a.cmp(b),
            (Self::Map(a), Self::Map(b)) => a.cmp(b),
            (Self::Set(a), Self::Set(b)) => a.cmp(b),
            (Self::Reference(a), Self::Reference(b)) => a.cmp(b),
            (Self::Blob(a), Self::Blob(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_nested_too_deep_or_too_large_is_refused() {
        let nested = |depth| (0..depth).fold(Value::Null, |inner, _| Value::List(vec![inner]));
        assert_eq!(nested(VALUE_DEPTH_MAX).check(), Ok(()));
        assert_eq!(nested(VALUE_DEPTH_MAX + 1).check(), Err(ValueError::TooDeep));
        assert_eq!(Value::from("x".repeat(VALUE_BYTES_MAX)).check(), Ok(()));
        assert_eq!(Value::from("x".repeat(VALUE_BYTES_MAX + 1)).check(), Err(ValueError::TooLarge));
        assert_eq!(Value::List(vec![Value::Null; VALUE_BYTES_MAX]).check(), Err(ValueError::TooLarge));
    }

    #[test]
    fn not_a_number_equals_itself_so_that_it_can_be_merged_and_kept_in_sets() {
        let nan = Value::Float(f64::NAN);
        assert_eq!(nan, nan.clone());
        assert_ne!(Value::Float(0.0), Value::Float(-0.0));
        assert_ne!(Value::Int(1), Value::Counter(1));
    }
}
