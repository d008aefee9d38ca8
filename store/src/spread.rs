//! Hashing of oids: fast, as it takes most of a warm look-up.
//!
//! Oids are made by the store and not by those who ask, so nobody can choose many that fall together; a seed of the
//! process keeps those who know some oids from guessing where they fall.

use std::hash::{BuildHasher, Hasher, RandomState};

/// An odd number without a pattern: the golden ratio in 64 bits.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Makes hashers for oids, and for keys that are folded into one number.
#[derive(Clone)]
pub(crate) struct Spread(u64);

impl Default for Spread {
    fn default() -> Self {
        Self(RandomState::new().hash_one(FACTOR))
    }
}

impl BuildHasher for Spread {
    type Hasher = SpreadHasher;

    fn build_hasher(&self) -> SpreadHasher {
        SpreadHasher(self.0)
    }
}

/// Mixes whole numbers by multiplication.
pub(crate) struct SpreadHasher(u64);

impl SpreadHasher {
    fn mix(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number) * u128::from(FACTOR);
        self.0 = (product as u64) ^ (product >> 64) as u64;
    }
}

impl Hasher for SpreadHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut number = [0; 8];
            number[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(number));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    fn write_u128(&mut self, number: u128) {
        self.mix(number as u64 ^ ((number >> 64) as u64).rotate_left(32));
    }

    fn finish(&self) -> u64 {
        // The upper bits choose a place in a table, the lowest ones tell entries apart there.
        self.0 ^ (self.0 >> 32)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use bough_core::Oid;

    #[test]
    fn neighbouring_oids_fall_apart() {
        let spread = Spread::default();
        for step in [1u128, 1 << 8, 1 << 16, 1 << 64, 1 << 80] {
            let hashes = (0..4_096u128).map(|n| spread.hash_one(Oid::from_u128(n * step)));
            let hashes: Vec<u64> = hashes.collect();
            assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), 4_096, "step {step}");
            for bits in [0, 24, 57] {
                let places: HashSet<u64> = hashes.iter().map(|hash| hash >> bits & 0x7f).collect();
                assert!(places.len() > 120, "step {step}: {} of 128 places from bit {bits}", places.len());
            }
        }
    }
}
