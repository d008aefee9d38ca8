//! Object ids: who an object is, for life.

use std::fmt;
use std::str::FromStr;

use crate::tid::parse_hex;

/// Identifies an object, wherever it is moved and whatever it is called. A UUID v7, or [`Oid::ROOT`].
///
/// In keys it is big-endian, so that objects made one after the other lie side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(u128);

impl Oid {
    /// The root of the tree, the only object without a container.
    pub const ROOT: Self = Self(0);

    /// The oid with these 128 bits.
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// The oid whose big-endian bytes these are.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The bytes of a key: big-endian.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

/// Prints as `o1f`; a tid prints as `t1f`.
impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "o{:x}", self.0)
    }
}

/// A text that should have been an oid and is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an object id: expected `o` and up to 32 hexadecimal digits")]
pub struct ParseOidError(String);

impl FromStr for Oid {
    type Err = ParseOidError;

    fn from_str(text: &str) -> Result<Self, ParseOidError> {
        parse_hex(text, 'o', 32)
            .and_then(|digits| u128::from_str_radix(digits, 16).ok())
            .map(Self)
            .ok_or_else(|| ParseOidError(text.chars().take(60).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_oid_reads_back_as_it_prints_and_sorts_as_its_bytes() {
        let (low, high) = (Oid::from_u128(0x1f), Oid::from_u128(u128::MAX));
        for oid in [Oid::ROOT, low, high] {
            assert_eq!(oid.to_string().parse(), Ok(oid));
            assert_eq!(Oid::from_bytes(oid.to_bytes()), oid);
        }
        assert_eq!(low.to_string(), "o1f");
        assert!(low < high && low.to_bytes() < high.to_bytes());
        assert!("t1f".parse::<Oid>().is_err());
    }
}
