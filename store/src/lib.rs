//! Bough's store: the commit log is the database, an index over it finds things.
//!
//! Reading order: `disk` (what bytes lie on), `log` (frames in order), `index` (where things are), then the
//! modules that give them meaning.

pub mod disk;
pub mod index;
pub mod log;
