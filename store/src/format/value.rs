//! Values on disk.

use std::cell::Cell;
use std::sync::Arc;

use bough_core::value::{BlobRef, Digest, Value};
use bough_core::{Name, Oid, OrderKey, Place};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{FormatError, rule};

/// How deep values may be nested on disk. The core allows less; the codec itself knows no limit and would end the
/// process on hostile bytes.
pub(crate) const DISK_DEPTH_MAX: usize = 40;

/// An attribute's value. Variants are only added at the end.
#[derive(Serialize, Deserialize)]
pub(crate) enum ValueDisk {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(BytesDisk),
    Time(i64),
    List(Nested<Vec<ValueDisk>>),
    Map(Nested<Vec<(String, ValueDisk)>>),
    Set(Nested<Vec<ValueDisk>>),
    Counter(i64),
    Reference([u8; 16]),
    Blob([u8; 32], u64),
    Block,
}

/// Bytes, encoded as a length and the bytes, not one by one.
pub(crate) struct BytesDisk(pub(crate) Vec<u8>);

impl Serialize for BytesDisk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for BytesDisk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = BytesDisk;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<BytesDisk, E> {
                Ok(BytesDisk(bytes.to_vec()))
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<BytesDisk, E> {
                Ok(BytesDisk(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

/// Something that may hold itself: counts how deep the decoder is in it.
pub(crate) struct Nested<T>(pub(crate) T);

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

struct Level;

impl Level {
    fn enter() -> Option<Self> {
        let depth = DEPTH.get();
        (depth < DISK_DEPTH_MAX).then(|| {
            DEPTH.set(depth + 1);
            Self
        })
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

impl<T: Serialize> Serialize for Nested<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Nested<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let too_deep = || serde::de::Error::custom("a value is nested too deep");
        let _level = Level::enter().ok_or_else(too_deep)?;
        T::deserialize(deserializer).map(Nested)
    }
}

impl From<&Value> for ValueDisk {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Int(number) => Self::Int(*number),
            Value::Float(number) => Self::Float(*number),
            Value::Text(text) => Self::Text(text.to_string()),
            Value::Bytes(bytes) => Self::Bytes(BytesDisk(bytes.to_vec())),
            Value::Time(micros) => Self::Time(*micros),
            Value::List(items) => Self::List(Nested(items.iter().map(Self::from).collect())),
            Value::Map(map) => {
                Self::Map(Nested(map.iter().map(|(key, item)| (key.to_string(), item.into())).collect()))
            }
            Value::Set(items) => Self::Set(Nested(items.iter().map(Self::from).collect())),
            Value::Counter(number) => Self::Counter(*number),
            Value::Reference(oid) => Self::Reference(oid.to_bytes()),
            Value::Blob(blob) => Self::Blob(blob.digest.0, blob.bytes),
            Value::Block => Self::Block,
        }
    }
}

impl From<ValueDisk> for Value {
    fn from(disk: ValueDisk) -> Self {
        match disk {
            ValueDisk::Null => Self::Null,
            ValueDisk::Bool(truth) => Self::Bool(truth),
            ValueDisk::Int(number) => Self::Int(number),
            ValueDisk::Float(number) => Self::Float(number),
            ValueDisk::Text(text) => Self::Text(text.into()),
            ValueDisk::Bytes(bytes) => Self::Bytes(bytes.0.into()),
            ValueDisk::Time(micros) => Self::Time(micros),
            ValueDisk::List(items) => Self::List(items.0.into_iter().map(Self::from).collect()),
            ValueDisk::Map(map) => {
                Self::Map(map.0.into_iter().map(|(key, item)| (Arc::from(key), item.into())).collect())
            }
            ValueDisk::Set(items) => Self::Set(items.0.into_iter().map(Self::from).collect()),
            ValueDisk::Counter(number) => Self::Counter(number),
            ValueDisk::Reference(oid) => Self::Reference(Oid::from_bytes(oid)),
            ValueDisk::Blob(digest, bytes) => Self::Blob(BlobRef { digest: Digest(digest), bytes }),
            ValueDisk::Block => Self::Block,
        }
    }
}

/// A value as the bytes of an item: equal values give equal bytes.
pub(crate) fn encode_value(value: &Value) -> Vec<u8> {
    super::encode(&ValueDisk::from(value))
}

/// The value that [`encode_value`] made these bytes of.
pub(crate) fn decode_value(bytes: &[u8]) -> Result<Value, FormatError> {
    super::decode::<ValueDisk>("a value", bytes).map(Value::from)
}

/// Where an object stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlaceDisk {
    pub(crate) parent: [u8; 16],
    name: String,
    order: String,
}

impl PlaceDisk {
    pub(crate) fn bytes_estimated(&self) -> usize {
        24 + self.name.len() + self.order.len()
    }
}

impl From<&Place> for PlaceDisk {
    fn from(place: &Place) -> Self {
        Self {
            parent: place.parent.to_bytes(),
            name: place.name.to_string(),
            order: place.order.as_str().to_owned(),
        }
    }
}

impl TryFrom<PlaceDisk> for Place {
    type Error = FormatError;

    fn try_from(disk: PlaceDisk) -> Result<Self, FormatError> {
        let order = OrderKey::parse(&disk.order).ok_or_else(|| {
            rule("a place", format_args!("`{}` is no order key", disk.order.escape_debug()))
        })?;
        let name = Name::new(&disk.name).map_err(|error| rule("a place", error))?;
        Ok(Self { parent: Oid::from_bytes(disk.parent), name, order })
    }
}
