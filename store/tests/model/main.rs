//! The store against a plain model: random steps on both must agree, at the head, in every snapshot and at any tid.
//!
//! `BOUGH_TEST_SEED` sets the seed; a failure names the seed with which its steps come first.

#[path = "../chance/mod.rs"]
mod chance;
mod compare;
mod plain;
mod play;
#[path = "../chance/security.rs"]
mod security;
