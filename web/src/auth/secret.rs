//! Secrets: how they are made, written down and told apart.
//!
//! What a browser or a program holds is a secret; what is kept here is its digest. So whoever reads the store, or a
//! backup of it, holds nothing with which to log in.
//!
//! # Invariants
//! - All chance comes from the system.
//! - Digests and codes are compared in constant time ([`blake3::Hash`] sees to that).

use std::fmt;

use bough_store::{Database, SideWrite};
use parking_lot::Mutex;

use super::AccountError;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// 32 bytes of chance that only their holder knows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret([u8; 32]);

/// Never prints the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// One that nobody had before.
    pub(crate) fn random() -> Self {
        Self(random())
    }

    /// As it is handed out: 64 hexadecimal digits.
    pub(crate) fn to_text(&self) -> String {
        to_hex(&self.0)
    }

    /// Reads what [`Secret::to_text`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }

    /// What is kept of it.
    pub(crate) fn digest(&self) -> blake3::Hash {
        blake3::hash(&self.0)
    }

    /// The code of `said` for this purpose. Whoever sees it learns nothing of the secret.
    pub(crate) fn code(&self, purpose: &str, said: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&(purpose.len() as u64).to_be_bytes());
        hasher.update(purpose.as_bytes());
        hasher.update(said);
        hasher.finalize()
    }
}

/// So many bytes of chance.
///
/// # Panics
/// When the system has none to give. Nothing that is to stay secret can be made then.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap_or_else(|error| panic!("the system gives no random bytes: {error}"));
    bytes
}

/// The secret that a store keeps under this key, made when it is first asked for.
///
/// # Errors
/// When the store cannot be read or written.
pub(crate) fn kept_secret(database: &Database, space: u8, key: &[u8]) -> Result<Secret, AccountError> {
    static MAKING: Mutex<()> = Mutex::new(());
    let read = || Ok::<_, AccountError>(database.side(space, key)?.and_then(|kept| kept.try_into().ok()));
    if let Some(kept) = read()? {
        return Ok(Secret(kept));
    }
    let _making = MAKING.lock();
    if let Some(kept) = read()? {
        return Ok(Secret(kept));
    }
    let secret = Secret::random();
    let value = Some(secret.0.to_vec());
    database.write_side(&[SideWrite { space, key: key.to_vec(), value, expires_micros: 0 }])?;
    Ok(secret)
}

/// Two lower-case digits a byte.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
}

/// Reads exactly so many bytes. Upper-case digits are not taken: each secret has one way to be written.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let digit = |byte: u8| HEX.iter().position(|&digit| digit == byte).map(|value| value as u8);
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use bough_store::Options;

    use super::*;
    use crate::types::built_in_types;

    #[test]
    fn a_secret_reads_back_as_it_was_handed_out_and_in_no_other_form() {
        let secret = Secret::random();
        let text = secret.to_text();
        assert_eq!(Secret::parse(&text), Some(secret.clone()));
        assert_ne!(secret, Secret::random());
        for wrong in ["", &text[1..], &format!("{text}0"), &text.replace(|_| true, "g"), &"é".repeat(32)] {
            assert_eq!(Secret::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Secret::parse(&"AB".repeat(32)), None);
        assert_eq!(format!("{secret:?}"), "Secret");
    }

    #[test]
    fn a_code_is_right_for_one_secret_one_purpose_and_one_saying() {
        let (secret, other) = (Secret::random(), Secret::random());
        let code = secret.code("form", b"x");
        assert_eq!(code, secret.code("form", b"x"));
        let others = [secret.code("form", b"y"), secret.code("for", b"mx"), other.code("form", b"x")];
        assert!(!others.contains(&code) && code != secret.digest());
    }

    #[test]
    fn a_store_keeps_the_secret_that_it_made_first() {
        let store = || Database::in_memory(Options::new(built_in_types())).unwrap();
        let (one, two) = (store(), store());
        let made = kept_secret(&one, 8, b"secret").unwrap();
        assert_eq!(kept_secret(&one, 8, b"secret").unwrap(), made);
        assert_ne!(kept_secret(&two, 8, b"secret").unwrap(), made);
    }
}
