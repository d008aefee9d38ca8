//! Bough's object model. No I/O, no async, no clock, no randomness.

pub mod oid;
pub mod tid;

pub use oid::Oid;
pub use tid::Tid;
