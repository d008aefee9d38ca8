//! Bough's object model. No I/O, no async, no clock, no randomness.

pub mod acquisition;
pub mod clock;
pub mod merge;
pub mod migration;
pub mod name;
pub mod object;
pub mod object_type;
pub mod oid;
pub mod order;
pub mod outside;
mod overlay;
pub mod rank;
pub mod reads;
pub mod security;
pub mod snapshot;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tid;
pub mod transaction;
pub mod traversal;
pub mod value;

pub use name::{Name, ObjectPath};
pub use object::{CellKey, Content, Object, Place};
pub use oid::Oid;
pub use order::OrderKey;
pub use snapshot::Snapshot;
pub use tid::Tid;
pub use value::Value;
