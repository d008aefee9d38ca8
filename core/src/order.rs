//! Order keys: where a child stands among its siblings.
//!
//! A key is a text of base-62 digits, read as a fraction, so that between any two there is room for another, and
//! moving one child writes one cell. New children get the moment of their making, so that they stand at the end in
//! the order in which they were made, without anybody reading or writing a shared counter. Two children may have the
//! same key; then their names decide.

use std::fmt;
use std::sync::Arc;

/// Names the attribute by which a container says that the order of what is in it matters: two changed standings of one
/// child are then never put together unseen. Counts for what stands in that container itself; it is not acquired.
pub const ORDERED: &str = "_ordered";

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE: u8 = 62;
/// Longest key in bytes: a key of the store's index has room for it and the longest name. Reached only by putting
/// children in front of each other some hundred times over.
pub const ORDER_KEY_BYTES_MAX: usize = 96;

/// A child's standing among its siblings. Sorts as its bytes; never ends in `0`, so something fits before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey(Arc<str>);

impl OrderKey {
    /// The key of the `nth` child made at this moment, in microseconds since 1970.
    pub fn at(micros: u64, nth: u64) -> Self {
        let mut digits = [b'0'; 14];
        digits[13] = DIGITS[usize::from(BASE / 2)];
        fill(&mut digits[..9], micros);
        fill(&mut digits[9..13], nth);
        Self::from_digits(&digits)
    }

    /// Reads a key that was printed.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() <= ORDER_KEY_BYTES_MAX && text.bytes().all(|b| b.is_ascii_alphanumeric());
        (fits && !text.ends_with('0')).then(|| Self(text.into()))
    }

    /// A key after `low` and before `high`; none stands for the end on that side.
    ///
    /// Without an end above, the key comes so shortly after `low` that children made later stand behind it. So it
    /// does where the two leave no room because they are equal or the wrong way round. A key that would be too long
    /// is `low` itself: the names then decide.
    pub fn between(low: Option<&Self>, high: Option<&Self>) -> Self {
        let low = low.map_or(&b""[..], |key| key.0.as_bytes());
        let mut high = high.map(|key| key.0.as_bytes()).filter(|&high| low < high);
        if high.is_none() {
            return Self::shortly_after(low);
        }
        let mut digits = Vec::with_capacity(low.len() + 1);
        loop {
            let at = digits.len();
            let below = low.get(at).map_or(0, |&b| rank(b));
            let above = high.map_or(BASE, |high| high.get(at).map_or(0, |&b| rank(b)));
            if above > below + 1 {
                digits.push(DIGITS[usize::from(below + (above - below) / 2)]);
                break;
            }
            digits.push(DIGITS[usize::from(below)]);
            if above > below {
                high = None;
            }
        }
        if digits.len() > ORDER_KEY_BYTES_MAX { Self::from_digits(low) } else { Self::from_digits(&digits) }
    }

    fn shortly_after(low: &[u8]) -> Self {
        let next = low.last().map(|&last| rank(last) + 1).filter(|&next| next < BASE);
        let digits = match (next, low) {
            (Some(next), [start @ .., _]) => [start, &[DIGITS[usize::from(next)]]].concat(),
            _ if low.len() < ORDER_KEY_BYTES_MAX => [low, b"1"].concat(),
            _ => low.to_vec(),
        };
        Self::from_digits(&digits)
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn from_digits(digits: &[u8]) -> Self {
        Self(digits.iter().map(|&digit| char::from(digit)).collect::<String>().into())
    }
}

fn fill(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number % u64::from(BASE)) as usize];
        number /= u64::from(BASE);
    }
}

fn rank(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'A'..=b'Z' => digit - b'A' + 10,
        _ => digit - b'a' + 36,
    }
}

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn children_stand_in_the_order_in_which_they_were_made() {
        let keys = [OrderKey::at(1, 0), OrderKey::at(1, 1), OrderKey::at(1, 9_999_999), OrderKey::at(2, 0)];
        assert!(keys.is_sorted() && keys[0] < keys[1]);
        assert!(OrderKey::at(1_795_000_000_000_000, 0) < OrderKey::at(1_795_000_000_000_001, 0));
    }

    proptest! {
        #[test]
        fn between_any_two_different_keys_there_is_room(steps in prop::collection::vec(any::<prop::sample::Index>(), 1..60)) {
            let mut keys = vec![OrderKey::at(5, 0)];
            for step in steps {
                let at = step.index(keys.len() + 1);
                let low = at.checked_sub(1).map(|below| keys[below].clone());
                let key = OrderKey::between(low.as_ref(), keys.get(at));
                prop_assert!(OrderKey::parse(key.as_str()).is_some(), "{key} is no key");
                keys.insert(at, key);
                prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
            }
        }
    }

    /// A child that was put at the end used to stay behind all that were made afterwards.
    #[test]
    fn what_is_put_at_the_end_stands_before_what_is_made_later() {
        assert!(OrderKey::between(None, None) < OrderKey::at(1_000_000_000_000_000, 0));
        let mut last = OrderKey::at(1_795_000_000_000_000, 1);
        for nth in 2..2_000 {
            let next = OrderKey::between(Some(&last), None);
            assert!(next > last, "{next} after {last}");
            last = next;
            assert!(last < OrderKey::at(1_795_000_000_000_000, 2), "the {nth}th");
        }
    }

    #[test]
    fn keys_without_room_between_them_still_give_a_key() {
        let key = OrderKey::at(1, 1);
        assert!(OrderKey::between(Some(&key), Some(&key)) > key);
        let mut first = key;
        for _ in 0..2_000 {
            first = OrderKey::between(None, Some(&first));
        }
        assert!(first.as_str().len() <= ORDER_KEY_BYTES_MAX);
    }
}
