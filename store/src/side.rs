//! Side records: what the store keeps for the program rather than for the site.
//!
//! Credentials, log-in sessions, sequences, the outbox: a space, a key and a value, of which the last write counts.
//! They are durable like commits and on no line: never undone, exported or shown as of an earlier time.

use std::ops::ControlFlow;
use std::sync::Arc;

use bough_core::Tid;

use crate::commit::{CommitError, next_tid};
use crate::database::Database;
use crate::engine::{Engine, StoreError};
use crate::format::body::BodyBuilder;
use crate::index::Entry;
use crate::keys;
use crate::log::{FrameKind, Location, Log, NewFrame};

/// The space of the store itself.
pub(crate) const OWN_SPACE: u8 = 0;
/// Up to where the history is packed, as eight big-endian bytes of a tid.
const HORIZON_KEY: &[u8] = b"horizon";

/// The spaces that are in use, all in one place so that no two uses share one. Applications take those from 128 on.
pub mod side_space {
    /// Preview links of versions: key `secret`, and `link` with the id of each.
    pub const PREVIEW: u8 = 1;
    /// How the site was last published: key `version-hosts`.
    pub const PUBLISHED: u8 = 2;
    /// How users prove who they are: key the user's oid.
    pub const CREDENTIALS: u8 = 3;
    /// Browsers that are logged in: key the user's oid (16 bytes) and the digest of the secret (32).
    pub const SESSIONS: u8 = 4;
    /// API tokens: key the user's oid (16 bytes) and the token's id (8).
    pub const TOKENS: u8 = 5;
    /// One-time links: key the digest of the secret.
    pub const INVITES: u8 = 6;
    /// What happened to accounts, the newest first: key `u64::MAX` less the microseconds since 1970 (8 bytes,
    /// big-endian) and a number (2).
    pub const AUDIT: u8 = 7;
    /// Browsers that a user has logged in with before: key `secret`.
    pub const DEVICES: u8 = 8;
    /// What came of messages: key `m` and the oid, `d` with the moment of the next try (8 bytes, big-endian) and the oid, and
    /// `seen`.
    pub const MAIL: u8 = 10;
    /// Tasks: key the task's oid (16 bytes) for how it stands, and behind that `r` and `u64::MAX` less the microseconds
    /// since 1970 at which a run began (8, big-endian).
    pub const TASKS: u8 = 20;
}

/// Longest key in bytes.
pub const SIDE_KEY_BYTES_MAX: usize = 256;

/// A write of a side record.
#[derive(Clone, Debug)]
pub struct SideWrite {
    /// Which kind of record: 1 to 255; 0 is the store's own.
    pub space: u8,
    /// Which record, at most [`SIDE_KEY_BYTES_MAX`] bytes.
    pub key: Vec<u8>,
    /// What it holds; none deletes it.
    pub value: Option<Vec<u8>>,
    /// When it stops to count, in microseconds since 1970; 0 for never.
    pub expires_micros: u64,
}

impl Database {
    /// Writes side records, all or none; durable when this returns.
    ///
    /// # Errors
    /// As for a commit.
    pub fn write_side(&self, writes: &[SideWrite]) -> Result<(), CommitError> {
        let _lead = self.inner.committer.lead();
        write(&self.inner.engine, writes)
    }

    /// What a side record holds, unless it expired.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn side(&self, space: u8, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        read(&self.inner.engine, space, key)
    }

    /// The keys of a space that begin with `prefix`, in order, at most `limit`; expired ones are left out.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn side_keys(&self, space: u8, prefix: &[u8], limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let from = keys::side(space, prefix);
        self.side_keys_between(&from, &keys::behind(&from), limit)
    }

    /// The keys of a space from `first` on, in order, at most `limit`; expired ones are left out.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn side_keys_from(&self, space: u8, first: &[u8], limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        self.side_keys_between(&keys::side(space, first), &keys::behind(&keys::side(space, b"")), limit)
    }

    fn side_keys_between(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let engine = &self.inner.engine;
        let now = engine.clock.now_micros();
        let mut found = Vec::new();
        let mut visit = |key: &[u8], value: &[u8]| {
            if parse(value).is_some_and(|(expires, _)| expires == 0 || expires > now) {
                found.push(key[2..].to_vec());
            }
            if found.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        engine.index.scan(from, end, &mut visit)?;
        Ok(found)
    }
}

/// Writes side records. Only the leader may.
pub(crate) fn write(engine: &Engine, writes: &[SideWrite]) -> Result<(), CommitError> {
    let mut body = BodyBuilder::default();
    for write in writes {
        assert!(write.key.len() <= SIDE_KEY_BYTES_MAX, "BUG: a side key of {} bytes", write.key.len());
        body.push_side(write.space, &write.key, write.value.as_deref(), write.expires_micros);
    }
    let (body, content, head) = body.finish(None);
    let log = &engine.log;
    let after = log.last_tid();
    let (tid, _) = next_tid(engine, after);
    let frame = NewFrame { kind: FrameKind::Side, tid, line: 0, content, body };
    let appended = log.append(&[frame], after).map_err(|error| CommitError::Refused(Arc::new(error)))?;
    log.sync().map_err(|error| CommitError::Uncertain(Arc::new(error)))?;
    let mut entries: Vec<Entry> = Vec::new();
    keys::side_entries(tid, head.location(appended[0]).head, &head, &mut entries);
    engine.index.insert(entries).map_err(|error| CommitError::Index(Arc::new(error)))?;
    engine.index.publish(&engine.indexed_up_to().to_bytes());
    Ok(())
}

fn read(engine: &Engine, space: u8, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(value) = engine.index.get(&keys::side(space, key))? else { return Ok(None) };
    let Some((expires, location)) = parse(&value) else {
        return Err(StoreError::Missing { what: format!("the side record {space}") });
    };
    if expires != 0 && expires <= engine.clock.now_micros() {
        return Ok(None);
    }
    Ok(Some(engine.log.read(location)?.to_vec()))
}

/// When a record expires and where its value lies.
pub(crate) fn parse(value: &[u8]) -> Option<(u64, Location)> {
    let (_, rest) = value.split_first_chunk::<8>()?;
    let (expires, location) = rest.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*expires), Location::from_bytes(location.try_into().ok()?)))
}

/// Up to where the history is packed, as it was last recorded.
pub(crate) fn horizon(engine: &Engine) -> Result<Tid, StoreError> {
    let bytes = read(engine, OWN_SPACE, HORIZON_KEY)?;
    let micros = bytes.and_then(|bytes| Some(u64::from_be_bytes(bytes[..].try_into().ok()?)));
    Ok(Tid::from_micros(micros.unwrap_or(0)))
}

/// Records up to where the history is packed. Only the leader may.
pub(crate) fn set_horizon(engine: &Engine, horizon: Tid) -> Result<(), CommitError> {
    let value = Some(horizon.as_micros().to_be_bytes().to_vec());
    write(engine, &[SideWrite { space: OWN_SPACE, key: HORIZON_KEY.to_vec(), value, expires_micros: 0 }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemoryDisk;
    use crate::testing::{open_on, seeded};

    fn put(key: &str, value: Option<&str>, expires_micros: u64) -> SideWrite {
        SideWrite { space: 7, key: key.into(), value: value.map(|v| v.as_bytes().to_vec()), expires_micros }
    }

    #[test]
    fn the_last_write_counts_also_after_reopening() {
        let disk = MemoryDisk::new();
        let database = open_on(std::sync::Arc::new(disk.clone()));
        database.write_side(&[put("a", Some("1"), 0), put("b", Some("2"), 0)]).unwrap();
        database.write_side(&[put("a", Some("3"), 0), put("b", None, 0)]).unwrap();
        let head = database.head();
        drop(database);
        let database = open_on(std::sync::Arc::new(disk));
        assert_eq!(database.head(), head, "a side record is no commit");
        assert_eq!(database.side(7, b"a").unwrap(), Some(b"3".to_vec()));
        assert_eq!(database.side(7, b"b").unwrap(), None);
        assert_eq!(database.side_keys(7, b"", 10).unwrap(), [b"a".to_vec()]);
        database.add_text("/page");
        assert_eq!(database.text(), "/page\n");
    }

    #[test]
    fn an_expired_record_is_not_there() {
        let database = seeded("");
        database.write_side(&[put("old", Some("1"), 1), put("young", Some("2"), u64::MAX)]).unwrap();
        assert_eq!(database.side(7, b"old").unwrap(), None);
        assert_eq!(database.side_keys(7, b"", 10).unwrap(), [b"young".to_vec()]);
    }

    #[test]
    fn keys_are_listed_from_any_of_them_on_and_no_further_than_their_space() {
        let database = seeded("");
        database.write_side(&["a", "b", "c"].map(|key| put(key, Some("1"), 0))).unwrap();
        database.write_side(&[SideWrite { space: 8, ..put("d", Some("1"), 0) }]).unwrap();
        assert_eq!(database.side_keys_from(7, b"b", 10).unwrap(), [b"b".to_vec(), b"c".to_vec()]);
        assert_eq!(database.side_keys_from(7, b"aa", 1).unwrap(), [b"b".to_vec()]);
    }
}
