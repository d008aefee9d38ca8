//! Log-in sessions: which browser is whose.
//!
//! A browser holds the user's oid and a secret; kept is the secret's digest with what its owner should recognise it by.
//! Each log-in makes a new secret, so one that somebody else put into a browser before is never logged in.
//!
//! # Invariants
//! - A session ends 30 days after it was made, or 14 days after it was last used, or when it is revoked.
//! - When a revocation returns, no look-up in this process finds the session, and nothing brings it back.
//! - A look-up of a session that is in use reads nothing from the store.
//!
//! Not here: the names and marks of cookies (`cookie`), whether the user is still there (`bough_core::security`).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bough_core::Oid;
use bough_store::side_space::SESSIONS;
use bough_store::{Database, SideWrite};
use parking_lot::{Mutex, RwLock};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

use super::AccountError;
use super::secret::{Secret, from_hex, to_hex};

/// Microseconds of an hour and of a day.
const HOUR: u64 = 3_600_000_000;
const DAY: u64 = 24 * HOUR;
/// How long a session lasts at most.
pub(crate) const LASTS: u64 = 30 * DAY;
/// How long it lasts without being used.
const IDLE: u64 = 14 * DAY;
/// How exactly it is kept when it was last used.
const SEEN_STEP: u64 = HOUR;
/// Most sessions of one user; the one that was used least recently ends when there are more.
pub(crate) const SESSIONS_MAX: usize = 100;
/// Most sessions that are kept in memory.
const CACHED_MAX: usize = 20_000;
/// How much is kept of what a browser calls itself, in characters.
const AGENT_CHARS_MAX: usize = 200;

/// What a browser holds: `oid` and secret in one text of hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionKey {
    pub(crate) user: Oid,
    pub(crate) secret: Secret,
}

impl SessionKey {
    /// What its session is called in lists.
    pub(crate) fn id(&self) -> String {
        id_of(self.secret.digest().as_bytes())
    }

    pub(crate) fn to_text(&self) -> String {
        to_hex(&self.user.to_bytes()) + &self.secret.to_text()
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (user, secret) = text.split_at_checked(32)?;
        Some(Self { user: Oid::from_bytes(from_hex(user)?), secret: Secret::parse(secret)? })
    }
}

/// From where somebody logs in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    pub(crate) agent: String,
    pub(crate) address: Option<IpAddr>,
}

/// A session that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub user: Oid,
    /// What it is called when it is to be revoked. Says nothing of the secret.
    pub id: String,
    /// When it began, in microseconds since 1970.
    pub made_micros: u64,
    /// When it was last used, in microseconds since 1970, to the hour.
    pub seen_micros: u64,
    /// What the browser called itself, cut.
    pub agent: String,
    /// From where it began, where that is known.
    pub address: Option<IpAddr>,
    digest: [u8; 32],
}

impl Session {
    /// What people would call the browser, as in `Firefox on Linux`.
    pub fn browser(&self) -> String {
        super::pages::browser_name(&self.agent)
    }
}

/// What is written of a session.
#[derive(Clone, Serialize, Deserialize)]
struct SessionDisk {
    made_micros: u64,
    seen_micros: u64,
    agent: String,
    address: Option<IpAddr>,
}

impl SessionDisk {
    fn ends_micros(&self) -> u64 {
        ends(self.made_micros, self.seen_micros)
    }

    fn write(&self, key: Vec<u8>) -> SideWrite {
        let value = serde_json::to_vec(self).unwrap_or_else(|error| unreachable!("BUG: plain data: {error}"));
        SideWrite { space: SESSIONS, key, value: Some(value), expires_micros: self.ends_micros() }
    }
}

fn ends(made_micros: u64, seen_micros: u64) -> u64 {
    (made_micros + LASTS).min(seen_micros + IDLE)
}

/// A session in memory.
struct Warm {
    made_micros: u64,
    seen_micros: AtomicU64,
}

/// The sessions of all users.
pub(crate) struct Sessions {
    database: Database,
    warm: Cache<[u8; 48], Arc<Warm>>,
    /// Held shared from reading a record to keeping it in memory, and alone while one is taken out of memory.
    filling: RwLock<()>,
    /// Held from reading a record to writing it, so that what was revoked is not written again.
    writing: Mutex<()>,
    reads: AtomicU64,
}

/// A session that was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Whether it is time to record that it was used ([`Sessions::touch`]).
    pub(crate) is_to_touch: bool,
}

impl Sessions {
    pub(crate) fn new(database: Database) -> Self {
        Self {
            database,
            warm: Cache::new(CACHED_MAX),
            filling: RwLock::new(()),
            writing: Mutex::new(()),
            reads: AtomicU64::new(0),
        }
    }

    /// Begins a session, and ends those that the same browser had.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(crate) fn begin(
        &self,
        user: Oid,
        browser: &Browser,
        before: &[SessionKey],
    ) -> Result<SessionKey, AccountError> {
        let key = SessionKey { user, secret: Secret::random() };
        let now = self.database.now_micros();
        let disk = SessionDisk {
            made_micros: now,
            seen_micros: now,
            agent: browser.agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect(),
            address: browser.address,
        };
        let _writing = self.writing.lock();
        let mut standing = self.of(user)?;
        standing.sort_by_key(|session| std::cmp::Reverse(session.seen_micros));
        let mut gone: Vec<_> = standing.iter().skip(SESSIONS_MAX - 1).map(side_key_of).collect();
        gone.extend(before.iter().map(side_key));
        let mut writes = removals(&gone);
        writes.push(disk.write(side_key(&key).to_vec()));
        self.database.write_side(&writes)?;
        self.forget(&gone);
        Ok(key)
    }

    /// Looks for the session of a browser.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn find(&self, key: &SessionKey) -> Result<Option<Found>, AccountError> {
        let id = side_key(key);
        let now = self.database.now_micros();
        let warm = match self.warm.get(&id) {
            Some(warm) => warm,
            None => {
                let _filling = self.filling.read();
                let Some(disk) = self.read(&id)? else { return Ok(None) };
                let seen_micros = AtomicU64::new(disk.seen_micros);
                let warm = Arc::new(Warm { made_micros: disk.made_micros, seen_micros });
                self.warm.insert(id, Arc::clone(&warm));
                warm
            }
        };
        let seen = warm.seen_micros.load(Ordering::Relaxed);
        if now >= ends(warm.made_micros, seen) {
            return Ok(None);
        }
        // One of those who come at the same time is to write.
        let is_to_touch = now >= seen + SEEN_STEP
            && warm.seen_micros.compare_exchange(seen, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        Ok(Some(Found { is_to_touch }))
    }

    /// Records that a session was used.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(crate) fn touch(&self, key: &SessionKey) -> Result<(), AccountError> {
        let id = side_key(key);
        let _writing = self.writing.lock();
        let Some(disk) = self.read(&id)? else { return Ok(()) };
        let seen = SessionDisk { seen_micros: self.database.now_micros(), ..disk };
        Ok(self.database.write_side(&[seen.write(id.to_vec())])?)
    }

    /// A user's sessions, the last used first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn list(&self, user: Oid) -> Result<Vec<Session>, AccountError> {
        let mut sessions = self.of(user)?;
        sessions.sort_by_key(|session| std::cmp::Reverse((session.seen_micros, session.made_micros)));
        Ok(sessions)
    }

    /// Ends the session of a browser. False where there is none.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(crate) fn end(&self, key: &SessionKey) -> Result<bool, AccountError> {
        let _writing = self.writing.lock();
        let id = side_key(key);
        let is_there = self.read(&id)?.is_some();
        if is_there {
            self.remove(&[id])?;
        }
        Ok(is_there)
    }

    /// Ends the session of a user that is called so. False where there is none.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(crate) fn revoke(&self, user: Oid, id: &str) -> Result<bool, AccountError> {
        let _writing = self.writing.lock();
        let gone: Vec<_> =
            self.of(user)?.iter().filter(|session| session.id == id).map(side_key_of).collect();
        self.remove(&gone)?;
        Ok(!gone.is_empty())
    }

    /// Ends all sessions of a user but one, with whatever else has to be written for that: all or nothing. Says how
    /// many ended.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(crate) fn revoke_others(
        &self,
        user: Oid,
        but: Option<&SessionKey>,
        write: impl FnOnce(Vec<SideWrite>) -> Result<(), AccountError>,
    ) -> Result<usize, AccountError> {
        let _writing = self.writing.lock();
        let but = but.map(side_key);
        let all = self.of(user)?;
        let gone: Vec<_> = all.iter().map(side_key_of).filter(|id| Some(*id) != but).collect();
        write(removals(&gone))?;
        self.forget(&gone);
        Ok(gone.len())
    }

    fn remove(&self, gone: &[[u8; 48]]) -> Result<(), AccountError> {
        if !gone.is_empty() {
            self.database.write_side(&removals(gone))?;
            self.forget(gone);
        }
        Ok(())
    }

    /// Takes out of memory what is no longer in the store.
    fn forget(&self, gone: &[[u8; 48]]) {
        let _alone = self.filling.write();
        for id in gone {
            self.warm.remove(id);
        }
    }

    fn of(&self, user: Oid) -> Result<Vec<Session>, AccountError> {
        let mut sessions = Vec::new();
        // More than the bound, in case an earlier release had a higher one.
        for id in self.database.side_keys(SESSIONS, &user.to_bytes(), 10 * SESSIONS_MAX)? {
            let Ok(id) = <[u8; 48]>::try_from(id) else { continue };
            let Some(disk) = self.read(&id)? else { continue };
            let digest = id.last_chunk::<32>().copied().unwrap_or_default();
            sessions.push(Session {
                user,
                id: id_of(&digest),
                digest,
                made_micros: disk.made_micros,
                seen_micros: disk.seen_micros,
                agent: disk.agent,
                address: disk.address,
            });
        }
        Ok(sessions)
    }

    fn read(&self, id: &[u8; 48]) -> Result<Option<SessionDisk>, AccountError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let Some(bytes) = self.database.side(SESSIONS, id)? else { return Ok(None) };
        let disk = serde_json::from_slice(&bytes).ok();
        if disk.is_none() {
            tracing::error!("the record of a session cannot be read: it counts as ended");
        }
        Ok(disk)
    }
}

fn id_of(digest: &[u8; 32]) -> String {
    to_hex(&digest[..8])
}

fn side_key(key: &SessionKey) -> [u8; 48] {
    join(key.user, key.secret.digest().as_bytes())
}

fn side_key_of(session: &Session) -> [u8; 48] {
    join(session.user, &session.digest)
}

fn join(user: Oid, digest: &[u8; 32]) -> [u8; 48] {
    let mut id = [0; 48];
    id[..16].copy_from_slice(&user.to_bytes());
    id[16..].copy_from_slice(digest);
    id
}

fn removals(gone: &[[u8; 48]]) -> Vec<SideWrite> {
    let remove =
        |id: &[u8; 48]| SideWrite { space: SESSIONS, key: id.to_vec(), value: None, expires_micros: 0 };
    gone.iter().map(remove).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::auth::testing::{Time, store};

    const ANA: Oid = Oid::from_u128(1);
    const BO: Oid = Oid::from_u128(2);

    /// A session of a browser that calls itself so.
    pub(crate) fn session(agent: &str) -> Session {
        let (all, _) = sessions();
        begin(&all, ANA);
        Session { agent: agent.into(), ..all.list(ANA).unwrap().remove(0) }
    }

    fn sessions() -> (Sessions, Time) {
        let (database, time) = store();
        (Sessions::new(database), time)
    }

    fn begin(sessions: &Sessions, user: Oid) -> SessionKey {
        sessions.begin(user, &Browser::default(), &[]).unwrap()
    }

    fn stands(sessions: &Sessions, key: &SessionKey) -> bool {
        let cold = Sessions::new(sessions.database.clone());
        let warm = sessions.find(key).unwrap().is_some();
        assert_eq!(cold.find(key).unwrap().is_some(), warm, "in memory and in the store");
        warm
    }

    #[test]
    fn a_key_reads_back_as_it_was_written_and_in_no_other_form() {
        let key = SessionKey { user: ANA, secret: Secret::random() };
        let text = key.to_text();
        assert_eq!(SessionKey::parse(&text), Some(key));
        for wrong in ["", &text[1..], &format!("{text}0"), &text.to_uppercase(), &"é".repeat(48)] {
            assert_eq!(SessionKey::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_session_stands_for_its_user_with_its_secret_only() {
        let (all, _) = sessions();
        let key = begin(&all, ANA);
        assert!(stands(&all, &key));
        assert!(!stands(&all, &SessionKey { user: BO, ..key.clone() }), "another user");
        assert!(!stands(&all, &SessionKey { secret: Secret::random(), ..key }));
    }

    #[test]
    fn no_secret_is_kept() {
        let (all, _) = sessions();
        let key = begin(&all, ANA);
        let id = side_key(&key);
        let secret = key.secret.to_text();
        let value = all.database.side(SESSIONS, &id).unwrap().unwrap();
        assert!(!String::from_utf8(value).unwrap().contains(&secret) && !to_hex(&id).contains(&secret));
    }

    /// Fixation: somebody puts a session of his own into another's browser, and waits for the log-in.
    #[test]
    fn a_log_in_makes_a_new_secret_and_ends_the_session_that_the_browser_had() {
        let (all, _) = sessions();
        let planted = begin(&all, BO);
        let key = all.begin(ANA, &Browser::default(), std::slice::from_ref(&planted)).unwrap();
        assert_ne!(key.secret, planted.secret);
        assert!(stands(&all, &key) && !stands(&all, &planted));
        let made_up = SessionKey { user: ANA, secret: Secret::random() };
        all.begin(ANA, &Browser::default(), std::slice::from_ref(&made_up)).unwrap();
        assert!(!stands(&all, &made_up), "what was never made here is not made by logging in with it");
    }

    #[test]
    fn a_session_that_was_ended_stays_so() {
        let (all, time) = sessions();
        let (key, other) = (begin(&all, ANA), begin(&all, ANA));
        assert!(stands(&all, &key));
        assert!(all.end(&key).unwrap());
        assert!(!stands(&all, &key) && stands(&all, &other));
        assert!(!all.end(&key).unwrap());
        // A request that found the session just before may still want to record its use.
        time.pass(HOUR);
        all.touch(&key).unwrap();
        assert!(!stands(&all, &key));
    }

    #[test]
    fn one_session_or_all_others_can_be_revoked_by_the_user_whose_they_are() {
        let (all, _) = sessions();
        let keys = [begin(&all, ANA), begin(&all, ANA), begin(&all, ANA), begin(&all, BO)];
        for key in &keys {
            assert!(stands(&all, key));
        }
        let id = keys[0].id();
        assert!(!all.revoke(BO, &id).unwrap(), "that is Ana's");
        assert!(all.revoke(ANA, &id).unwrap() && !all.revoke(ANA, &id).unwrap());
        assert_eq!(keys.each_ref().map(|key| stands(&all, key)), [false, true, true, true]);
        let write = |writes: Vec<SideWrite>| Ok(all.database.write_side(&writes)?);
        assert_eq!(all.revoke_others(ANA, Some(&keys[1]), write).unwrap(), 1);
        assert_eq!(keys.each_ref().map(|key| stands(&all, key)), [false, true, false, true]);
        let write = |_| Err(AccountError::Busy);
        all.revoke_others(ANA, None, write).unwrap_err();
        assert!(stands(&all, &keys[1]), "all or nothing");
    }

    #[test]
    fn a_session_ends_when_it_is_old_or_was_not_used_for_long() {
        let (all, time) = sessions();
        let (used, idle) = (begin(&all, ANA), begin(&all, ANA));
        time.pass(IDLE - 1);
        assert!(all.find(&used).unwrap().unwrap().is_to_touch);
        all.touch(&used).unwrap();
        time.pass(1);
        assert!(stands(&all, &used) && !stands(&all, &idle));
        time.pass(IDLE - 2);
        all.find(&used).unwrap();
        all.touch(&used).unwrap();
        time.pass(2 * DAY);
        assert!(stands(&all, &used));
        time.pass(1);
        assert!(stands(&all, &used));
        time.pass(1);
        assert!(!stands(&all, &used), "however often it was used");
        assert!(all.list(ANA).unwrap().is_empty());
    }

    #[test]
    fn that_a_session_was_used_is_to_be_written_once_an_hour() {
        let (all, time) = sessions();
        let key = begin(&all, ANA);
        let is_to_touch = || all.find(&key).unwrap().unwrap().is_to_touch;
        assert!(!is_to_touch());
        time.pass(HOUR - 1);
        assert!(!is_to_touch());
        time.pass(1);
        assert!(is_to_touch() && !is_to_touch(), "once, also where many come");
        all.touch(&key).unwrap();
        time.pass(HOUR);
        assert!(is_to_touch());
    }

    #[test]
    fn a_session_in_use_is_found_without_reading_the_store() {
        let (all, _) = sessions();
        let key = begin(&all, ANA);
        assert!(all.find(&key).unwrap().is_some());
        let reads = all.reads.load(Ordering::Relaxed);
        assert!(all.find(&key).unwrap().is_some());
        assert_eq!(all.reads.load(Ordering::Relaxed), reads);
    }

    #[test]
    fn sessions_are_listed_with_what_their_user_knows_them_by() {
        let (all, time) = sessions();
        let address = Some("192.0.2.7".parse().unwrap());
        let browser = Browser { agent: format!("Fox\u{1b}[31m{}", "x".repeat(300)), address };
        all.begin(ANA, &browser, &[]).unwrap();
        time.pass(1);
        begin(&all, ANA);
        let listed = all.list(ANA).unwrap();
        assert_eq!(listed.len(), 2);
        assert!(listed[0].agent.is_empty(), "the last used first");
        assert_eq!((listed[1].agent.chars().count(), listed[1].address), (200, address));
        assert!(listed[1].agent.starts_with("Fox[31mx"), "no control characters");
    }

    #[test]
    fn a_user_has_so_many_sessions_and_then_the_least_used_ends() {
        let (all, time) = sessions();
        let first = begin(&all, ANA);
        let others = begin(&all, BO);
        for _ in 1..SESSIONS_MAX {
            time.pass(1);
            begin(&all, ANA);
        }
        assert!(stands(&all, &first));
        begin(&all, ANA);
        assert!(!stands(&all, &first) && stands(&all, &others));
        assert_eq!(all.list(ANA).unwrap().len(), SESSIONS_MAX);
    }
}
