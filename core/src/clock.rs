//! Where time and new oids come from: outside.

use crate::Oid;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Microseconds since 1970.
    fn now_micros(&self) -> u64;
}

/// Gives each new object its oid.
pub trait IdSource: Send + Sync {
    /// An oid that nobody has.
    fn next_oid(&self) -> Oid;
}
