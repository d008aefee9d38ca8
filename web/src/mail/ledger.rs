//! What came of each message: side records by the message's oid, on no line.
//!
//! A record says *waiting*, *sent* or *failed*; a message without one was not taken up, and is held. Beside the record of
//! one that waits there is a key with the moment of its next try, so that what is due is found without the rest.

use std::sync::Arc;

use bough_core::snapshot::{ChildrenPage, is_live};
use bough_core::{Object, Oid, Snapshot as _, Tid};
use bough_store::side_space::MAIL;
use bough_store::{Database, LineId, SideWrite};
use serde::{Deserialize, Serialize};

use super::standing::{Standing, standing};
use super::{MESSAGE, MailError};

const RECORD: u8 = b'm';
const DUE: u8 = b'd';
/// The key under which it is kept which commits were looked at.
const SEEN: &[u8] = b"seen";
/// How much of what a server said is kept, in characters.
const REASON_CHARS_MAX: usize = 500;

/// How a message stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It will be sent.
    Waiting {
        /// When it is tried next, in microseconds since 1970; none where it was not looked at yet.
        next_micros: Option<u64>,
        /// How often it was tried.
        tries: u32,
        /// What came of the last try; empty where there was none.
        reason: String,
    },
    /// A mail server took it.
    Sent {
        /// When, in microseconds since 1970.
        at_micros: u64,
    },
    /// It is not tried any more.
    Failed {
        /// When that was decided, in microseconds since 1970.
        at_micros: u64,
        /// Why.
        reason: String,
    },
    /// It is not sent until somebody says so.
    Held(Held),
    /// It is in a private version only, from which nothing is sent.
    InVersion,
}

/// Why a message is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Held {
    /// It came by the merge of a version.
    Merged,
    /// It came back by an undo or a restore.
    BroughtBack,
    /// It was imported.
    Imported,
    /// It was not queued, but made by hand, or it is a copy.
    NotQueued,
    /// It is in no mail host.
    NotInHost,
    /// How it came cannot be told.
    Unknown,
}

impl Held {
    /// Why, in words for people that go on after "Held".
    pub fn words(self) -> &'static str {
        match self {
            Self::Merged => "it came by a merge",
            Self::BroughtBack => "it was brought back by an undo or a restore",
            Self::Imported => "it was imported",
            Self::NotQueued => "it was made by hand, or is a copy",
            Self::NotInHost => "it is in no mail host",
            Self::Unknown => "how it came here cannot be told",
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) is: Is,
    /// When it is tried next, was sent, or failed, in microseconds since 1970.
    pub(super) at: u64,
    pub(super) tries: u32,
    pub(super) reason: String,
    /// The commit as of which somebody said that it shall be sent, as microseconds.
    pub(super) said: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Is {
    Waiting,
    Sent,
    Failed,
}

impl Record {
    pub(super) fn waiting(at: u64) -> Self {
        Self { is: Is::Waiting, at, tries: 0, reason: String::new(), said: None }
    }

    pub(super) fn said(&self) -> Option<Tid> {
        self.said.map(Tid::from_micros)
    }
}

fn record_key(oid: Oid) -> Vec<u8> {
    [&[RECORD][..], &oid.to_bytes()].concat()
}

fn due_key(at: u64, oid: Oid) -> Vec<u8> {
    [&[DUE][..], &at.to_be_bytes(), &oid.to_bytes()].concat()
}

/// The writes that put one record in the place of another.
pub(super) fn put(oid: Oid, old: Option<&Record>, new: Option<&Record>) -> Vec<SideWrite> {
    let write = |key, value| SideWrite { space: MAIL, key, value, expires_micros: 0 };
    let mut writes = Vec::new();
    if let Some(old) = old.filter(|old| old.is == Is::Waiting) {
        writes.push(write(due_key(old.at, oid), None));
    }
    let value = new.map(|new| {
        let mut new = new.clone();
        new.reason = new.reason.chars().take(REASON_CHARS_MAX).collect();
        serde_json::to_vec(&new).unwrap_or_else(|error| unreachable!("BUG: plain data: {error}"))
    });
    writes.push(write(record_key(oid), value));
    if let Some(new) = new.filter(|new| new.is == Is::Waiting) {
        writes.push(write(due_key(new.at, oid), Some(Vec::new())));
    }
    writes
}

/// The write that takes away the key of a moment at which nothing is due any more.
pub(super) fn forget_due(at: u64, oid: Oid) -> SideWrite {
    SideWrite { space: MAIL, key: due_key(at, oid), value: None, expires_micros: 0 }
}

pub(super) fn record(database: &Database, oid: Oid) -> Result<Option<Record>, MailError> {
    let bytes = database.side(MAIL, &record_key(oid))?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// What is tried next, the earliest first: when, and which message.
pub(super) fn due(database: &Database, limit: usize) -> Result<Vec<(u64, Oid)>, MailError> {
    let keys = database.side_keys(MAIL, &[DUE], limit)?;
    let parse = |key: Vec<u8>| {
        let (at, oid) = key.get(1..)?.split_first_chunk::<8>()?;
        Some((u64::from_be_bytes(*at), Oid::from_bytes(oid.try_into().ok()?)))
    };
    Ok(keys.into_iter().filter_map(parse).collect())
}

/// The last commit that was looked at for messages; none where none ever was.
pub(super) fn seen(database: &Database) -> Result<Option<Tid>, MailError> {
    let bytes = database.side(MAIL, SEEN)?;
    Ok(bytes.and_then(|bytes| Some(Tid::from_micros(u64::from_be_bytes(bytes[..].try_into().ok()?)))))
}

pub(super) fn put_seen(tid: Tid) -> SideWrite {
    let value = Some(tid.as_micros().to_be_bytes().to_vec());
    SideWrite { space: MAIL, key: SEEN.to_vec(), value, expires_micros: 0 }
}

/// How a message stands, on whatever line this is a handle of.
///
/// # Errors
/// When the store cannot be read.
pub fn state(database: &Database, oid: Oid) -> Result<State, MailError> {
    let trunk = database.on(LineId::TRUNK)?;
    let head = trunk.snapshot();
    if database.line() != LineId::TRUNK && !is_live(&head, oid)? {
        return Ok(State::InVersion);
    }
    if let Some(Record { is, at, tries, reason, .. }) = record(database, oid)? {
        return Ok(match is {
            Is::Waiting => State::Waiting { next_micros: Some(at), tries, reason },
            Is::Sent => State::Sent { at_micros: at },
            Is::Failed => State::Failed { at_micros: at, reason },
        });
    }
    Ok(match standing(&trunk, &head, oid, None)? {
        Standing::Held(held) => State::Held(held),
        Standing::Gone => State::Held(Held::NotInHost),
        Standing::Ready { message, .. } => {
            let is_new = seen(database)?.is_none_or(|seen| seen < message.revision());
            match is_new {
                true => State::Waiting { next_micros: None, tries: 0, reason: String::new() },
                false => State::Held(Held::Unknown),
            }
        }
    })
}

/// Says that a message which is held or failed shall be sent, or that one that waits for its next try is tried now.
///
/// # Errors
/// When it is in no such state, or only in a version, or that cannot be written.
pub fn release(database: &Database, oid: Oid) -> Result<(), MailError> {
    let trunk = database.on(LineId::TRUNK)?;
    let not_now = |why: &str| Err(MailError::NotNow(why.to_owned()));
    match state(database, oid)? {
        State::Held(Held::NotInHost) => not_now("is in no mail host that could send it"),
        State::Held(_) | State::Failed { .. } => {
            if database.line() != LineId::TRUNK {
                return not_now("is sent from the public site, not from a version");
            }
            let old = record(&trunk, oid)?;
            let said = Some(trunk.head().as_micros());
            let new = Record { said, ..Record::waiting(trunk.now_micros()) };
            Ok(trunk.write_side(&put(oid, old.as_ref(), Some(&new)))?)
        }
        State::Waiting { tries: 0, .. } => not_now("waits to be sent already"),
        State::Waiting { .. } => {
            let Some(old) = record(&trunk, oid)? else { return not_now("waits to be sent already") };
            let new = Record { at: trunk.now_micros(), ..old.clone() };
            Ok(trunk.write_side(&put(oid, Some(&old), Some(&new)))?)
        }
        State::Sent { .. } => not_now("was sent already"),
        State::InVersion => not_now("is in a version only, and nothing is sent from there: merge it first"),
    }
}

/// The messages in a mail host, the newest first, at most `limit` of those after the first `skip`; and whether there are
/// more.
///
/// # Errors
/// When the store cannot be read.
pub fn messages_in(
    database: &Database,
    host: Oid,
    skip: usize,
    limit: usize,
) -> Result<(Vec<Arc<Object>>, bool), MailError> {
    let snapshot = database.snapshot();
    let mut children = snapshot.children(host, &ChildrenPage::first(CHILDREN_MAX + 1))?;
    let is_cut = children.len() > CHILDREN_MAX;
    children.truncate(CHILDREN_MAX);
    let mut found = Vec::new();
    let mut skipped = 0;
    for child in children.iter().rev() {
        let Some(object) = snapshot.object(child.oid)?.filter(|object| object.is_a(MESSAGE)) else {
            continue;
        };
        if skipped < skip {
            skipped += 1;
        } else if found.len() < limit {
            found.push(object);
        } else {
            return Ok((found, true));
        }
    }
    Ok((found, is_cut))
}

/// How many children of a mail host are looked at.
const CHILDREN_MAX: usize = 20_000;
