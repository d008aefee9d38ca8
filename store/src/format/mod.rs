//! The disk layout in code: what the bodies of frames say. `FORMAT.md` says the same byte by byte.
//!
//! Everything that is written is a type of this folder, encoded by one codec with one set of options; a core type is
//! never written, so that a renamed field cannot change a database.
//!
//! # Invariants
//! - Enums only grow at their end: a variant in the middle would read old bytes as something else *without an error*.
//! - Decoding bytes from anywhere ends in a value or a [`FormatError`], whatever they are: sizes are bounded by the
//!   bytes that are there, depth by [`value::DISK_DEPTH_MAX`].

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) mod body;
pub(crate) mod own;
pub(crate) mod record;
pub(crate) mod resolution;
pub(crate) mod value;

/// No encoded thing is larger than this: the largest frame.
const ENCODED_BYTES_MAX: u64 = 64 << 20;

/// Bytes that do not say what they should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The codec cannot make it of these bytes.
    #[error("cannot decode {what}")]
    Codec {
        /// What was expected.
        what: &'static str,
        /// What the codec says.
        source: Box<bincode::ErrorKind>,
    },
    /// Well encoded, but breaking a rule.
    #[error("cannot decode {what}: {problem}")]
    Rule {
        /// What was expected.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },
}

fn options() -> impl Options {
    bincode::DefaultOptions::new().with_limit(ENCODED_BYTES_MAX)
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let encoded = options().serialize(value);
    assert!(encoded.is_ok(), "BUG: a disk type within its limits always encodes: {:?}", encoded.err());
    encoded.unwrap_or_default()
}

pub(crate) fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, FormatError> {
    options().deserialize(bytes).map_err(|source| FormatError::Codec { what, source })
}

pub(crate) fn rule(what: &'static str, problem: impl std::fmt::Display) -> FormatError {
    FormatError::Rule { what, problem: problem.to_string() }
}
