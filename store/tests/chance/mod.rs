//! Chance that follows from a seed, and how much a test shall do.

use std::env;

/// Numbers that look random and follow from a seed (xorshift64*).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        // Zero would stay zero; neighbouring seeds shall not begin alike.
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize) % end
    }
}

/// The seed of this run: `BOUGH_TEST_SEED`, or always the same.
pub(crate) fn seed() -> u64 {
    env::var("BOUGH_TEST_SEED").map_or(1, |seed| seed.parse().expect("BOUGH_TEST_SEED is a number"))
}

/// Whether `BOUGH_TEST_SCALE` asks for everything.
pub(crate) fn is_full() -> bool {
    env::var("BOUGH_TEST_SCALE").is_ok_and(|scale| scale == "full")
}
