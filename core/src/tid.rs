//! Transaction ids: identity and order of what was committed.

use std::fmt;
use std::str::FromStr;

/// Identifies a committed transaction; a later commit has a greater tid.
///
/// The number is the commit's time in microseconds since 1970, moved up by one where two commits would share it or
/// the clock stands behind. Only the commit step of a store issues tids, so there is no arithmetic here. In keys it
/// is big-endian, so that keys sort as the tids do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tid(u64);

impl Tid {
    /// Before every commit: the tid of the empty site.
    pub const ZERO: Self = Self(0);
    /// After every commit that can ever be made.
    pub const MAX: Self = Self(u64::MAX);

    /// The tid that stands for this moment, in microseconds since 1970.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970 that this tid stands for.
    pub const fn as_micros(self) -> u64 {
        self.0
    }
}

/// Prints as `t1f`; an oid prints as `o1f`, so the two cannot be mistaken in a log.
impl fmt::Display for Tid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{:x}", self.0)
    }
}

/// A text that should have been a tid and is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a transaction id: expected `t` and up to 16 hexadecimal digits, as in `t652a7c1f9d3e0`"
)]
pub struct ParseTidError(String);

impl FromStr for Tid {
    type Err = ParseTidError;

    fn from_str(text: &str) -> Result<Self, ParseTidError> {
        parse_hex(text, 't', 16)
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .map(Self)
            .ok_or_else(|| ParseTidError(text.chars().take(40).collect()))
    }
}

/// The digits of `text` after its one-letter mark, if there are 1 to `max` of them and nothing else.
pub(crate) fn parse_hex(text: &str, mark: char, max: usize) -> Option<&str> {
    let digits = text.strip_prefix(mark)?;
    let all_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (!digits.is_empty() && digits.len() <= max && all_hex).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tid_reads_back_as_it_prints_and_nothing_else_is_one() {
        for micros in [0, 0x1f, 1_795_000_000_000_000, u64::MAX] {
            let tid = Tid::from_micros(micros);
            assert_eq!(tid.to_string().parse(), Ok(tid));
        }
        for wrong in ["", "t", "1f", "o1f", "t+1", "t 1", "t1ffffffffffffffff", "tg"] {
            assert!(wrong.parse::<Tid>().is_err(), "`{wrong}` was taken for a tid");
        }
    }
}
