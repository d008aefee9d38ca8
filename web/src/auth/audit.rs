//! What happened to accounts, for those who look after the site.
//!
//! # Invariants
//! - Events are kept for 400 days and listed with the newest first.
//! - Failed log-ins, which anybody can make, write a bounded number of records a minute; further ones are counted, and
//!   the count is written as one record when the next event comes, or somebody lists them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use bough_core::Oid;
use bough_store::side_space::AUDIT;
use bough_store::{Database, SideWrite};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::AccountError;

/// How long events are kept, in microseconds: 400 days.
const KEPT: u64 = 400 * 24 * 3_600_000_000;
const MINUTE: u64 = 60_000_000;
/// How many failed log-ins of a minute have a record of their own.
const FAILURES_MAX: u64 = 10;
/// How much is kept of a name that somebody typed, in characters.
const NAME_CHARS_MAX: usize = 60;
/// Most events of a page.
pub const EVENTS_MAX: usize = 1_000;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum Event {
    /// A user logged in with a browser.
    LogIn,
    /// Somebody did not.
    Failed {
        /// The name that was typed, cut.
        name: String,
    },
    /// More failed than have records of their own.
    MoreFailed {
        /// How many.
        count: u64,
    },
    /// Tries were refused because there were too many.
    LockedOut {
        /// The name that was typed, cut.
        name: String,
    },
    /// A user logged out.
    LogOut,
    /// Sessions were ended from elsewhere.
    SessionsRevoked {
        /// How many.
        count: u64,
    },
    /// A password was set.
    PasswordSet,
    /// A password was removed.
    PasswordRemoved,
    /// A token was made.
    TokenMade {
        /// What its user calls it.
        name: String,
    },
    /// A token was revoked.
    TokenRevoked {
        /// What its user called it.
        name: String,
    },
    /// A one-time link was made.
    InviteMade,
    /// A one-time link was used.
    InviteUsed,
}

/// An event with when, who and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// In microseconds since 1970.
    pub micros: u64,
    /// What happened.
    pub event: Event,
    /// Whose account it is, where that is known.
    pub user: Option<Oid>,
    /// From where, where that is known.
    pub address: Option<IpAddr>,
    /// Where the events before this one are to be listed from.
    pub place: EventPlace,
}

/// A place in the list of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPlace([u8; 10]);

/// As in `00064f...`: for addresses.
impl fmt::Display for EventPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that names no place in the list of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 20 hexadecimal digits")]
pub struct ParseEventPlaceError;

impl FromStr for EventPlace {
    type Err = ParseEventPlaceError;

    fn from_str(text: &str) -> Result<Self, ParseEventPlaceError> {
        if text.len() != 20 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ParseEventPlaceError);
        }
        let mut place = [0; 10];
        for (at, byte) in place.iter_mut().enumerate() {
            let digits = &text[2 * at..2 * at + 2];
            *byte = u8::from_str_radix(digits, 16).map_err(|_| ParseEventPlaceError)?;
        }
        Ok(Self(place))
    }
}

/// What is written of an event.
#[derive(Serialize, Deserialize)]
struct EventDisk {
    #[serde(flatten)]
    event: Event,
    user: Option<String>,
    address: Option<IpAddr>,
}

/// The failures of a minute.
#[derive(Default)]
struct Failures {
    since_micros: u64,
    count: u64,
}

pub(crate) struct Audit {
    database: Database,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last_key: [u8; 10],
    failures: Failures,
}

impl Audit {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, state: Mutex::default() }
    }

    /// Records an event, within the bound for failures.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub(crate) fn record(
        &self,
        event: Event,
        user: Option<Oid>,
        address: Option<IpAddr>,
    ) -> Result<(), AccountError> {
        let mut state = self.state.lock();
        let now = self.database.now_micros();
        let mut events = Vec::new();
        events.extend(state.failures.uncounted(now));
        let is_failure = matches!(event, Event::Failed { .. } | Event::LockedOut { .. });
        if !is_failure || state.failures.may_record(now) {
            events.push((event.cut(), user, address));
        }
        self.write(&mut state, now, events)
    }

    /// Events, the newest first, at most `limit` (and [`EVENTS_MAX`]); those before `before`, or all.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(crate) fn list(
        &self,
        before: Option<EventPlace>,
        limit: usize,
    ) -> Result<Vec<Recorded>, AccountError> {
        {
            let mut state = self.state.lock();
            let now = self.database.now_micros();
            let events = state.failures.uncounted(now).into_iter().collect();
            self.write(&mut state, now, events)?;
        }
        let limit = limit.min(EVENTS_MAX);
        let first = before.map_or([0; 10], |place| place.0);
        let mut found = Vec::new();
        for key in self.database.side_keys_from(AUDIT, &first, limit + 1)? {
            let Ok(key) = <[u8; 10]>::try_from(key) else { continue };
            if before != Some(EventPlace(key)) {
                found.extend(self.read(key)?);
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    fn write(
        &self,
        state: &mut State,
        now: u64,
        events: Vec<(Event, Option<Oid>, Option<IpAddr>)>,
    ) -> Result<(), AccountError> {
        let mut writes = Vec::new();
        for (event, user, address) in events {
            let disk = EventDisk { event, user: user.map(|user| user.to_string()), address };
            let value =
                serde_json::to_vec(&disk).unwrap_or_else(|error| unreachable!("BUG: plain data: {error}"));
            state.last_key = self.free_key(state.last_key, now)?;
            let key = state.last_key.to_vec();
            writes.push(SideWrite { space: AUDIT, key, value: Some(value), expires_micros: now + KEPT });
        }
        if !writes.is_empty() {
            self.database.write_side(&writes)?;
        }
        Ok(())
    }

    /// The key of an event of now: the lower, the newer. The number is for events of one microsecond, and of a clock
    /// that was put back to one in which there were some.
    fn free_key(&self, [time @ .., high, low]: [u8; 10], now: u64) -> Result<[u8; 10], AccountError> {
        let now = (u64::MAX - now).to_be_bytes();
        let last = if time == now { u16::from_be_bytes([high, low]) } else { u16::MAX };
        for number in (0..last).rev() {
            let mut key = [0; 10];
            key[..8].copy_from_slice(&now);
            key[8..].copy_from_slice(&number.to_be_bytes());
            if self.database.side(AUDIT, &key)?.is_none() {
                return Ok(key);
            }
        }
        Err(AccountError::Busy)
    }

    fn read(&self, key: [u8; 10]) -> Result<Option<Recorded>, AccountError> {
        let Some(bytes) = self.database.side(AUDIT, &key)? else { return Ok(None) };
        let Ok(disk) = serde_json::from_slice::<EventDisk>(&bytes) else { return Ok(None) };
        let [time @ .., _, _] = key;
        Ok(Some(Recorded {
            micros: u64::MAX - u64::from_be_bytes(time),
            event: disk.event,
            user: disk.user.and_then(|user| user.parse().ok()),
            address: disk.address,
            place: EventPlace(key),
        }))
    }
}

impl Failures {
    /// Counts one; whether it has a record of its own.
    fn may_record(&mut self, now: u64) -> bool {
        if now.abs_diff(self.since_micros) >= MINUTE {
            *self = Self { since_micros: now, count: 0 };
        }
        self.count += 1;
        self.count <= FAILURES_MAX
    }

    /// What is to be recorded of a minute that is over.
    fn uncounted(&mut self, now: u64) -> Option<(Event, Option<Oid>, Option<IpAddr>)> {
        let count = self.count.saturating_sub(FAILURES_MAX);
        if count == 0 || now.abs_diff(self.since_micros) < MINUTE {
            return None;
        }
        *self = Self::default();
        Some((Event::MoreFailed { count }, None, None))
    }
}

impl Event {
    /// What people typed is cut and made printable.
    fn cut(self) -> Self {
        let cut = |name: String| name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
        match self {
            Self::Failed { name } => Self::Failed { name: cut(name) },
            Self::LockedOut { name } => Self::LockedOut { name: cut(name) },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{Time, store};

    const ANA: Oid = Oid::from_u128(1);

    fn audit() -> (Audit, Time) {
        let (database, time) = store();
        (Audit::new(database), time)
    }

    fn events(audit: &Audit) -> Vec<Event> {
        audit.list(None, 1_000).unwrap().into_iter().map(|recorded| recorded.event).collect()
    }

    fn fail(audit: &Audit, name: &str) {
        audit.record(Event::Failed { name: name.into() }, None, None).unwrap();
    }

    #[test]
    fn events_are_listed_by_pages_with_the_newest_first() {
        let (audit, time) = audit();
        let address = "192.0.2.1".parse().ok();
        audit.record(Event::LogIn, Some(ANA), address).unwrap();
        let made = audit.database.now_micros();
        audit.record(Event::PasswordSet, Some(ANA), None).unwrap();
        time.pass(1);
        audit.record(Event::LogOut, Some(ANA), None).unwrap();
        assert_eq!(
            events(&audit),
            [Event::LogOut, Event::PasswordSet, Event::LogIn],
            "also in one microsecond"
        );
        let first = audit.list(None, 2).unwrap();
        assert_eq!(first.len(), 2);
        let named: EventPlace = first[1].place.to_string().parse().unwrap();
        assert_eq!((named, first[1].place.to_string().len()), (first[1].place, 20));
        for wrong in ["", "0", "+0000000000000000000", &"é".repeat(10), &"0".repeat(22)] {
            assert_eq!(wrong.parse::<EventPlace>(), Err(ParseEventPlaceError), "{wrong}");
        }
        let second = audit.list(Some(named), 2).unwrap();
        let [last] = &second[..] else { panic!("{second:?}") };
        assert_eq!((&last.event, last.user, last.address), (&Event::LogIn, Some(ANA), address));
        assert_eq!(last.micros, made);
        assert!(audit.list(Some(last.place), 2).unwrap().is_empty());
        let after_restart = Audit::new(audit.database.clone());
        after_restart.record(Event::LogIn, Some(ANA), None).unwrap();
        assert_eq!(events(&after_restart).len(), 4);
    }

    #[test]
    fn events_are_kept_for_four_hundred_days() {
        let (audit, time) = audit();
        audit.record(Event::LogIn, Some(ANA), None).unwrap();
        time.pass(KEPT - 1);
        assert_eq!(events(&audit), [Event::LogIn]);
        time.pass(1);
        assert!(events(&audit).is_empty());
    }

    #[test]
    fn a_flood_of_failures_is_counted_and_not_kept_one_by_one() {
        let (audit, time) = audit();
        for nth in 0..500 {
            fail(&audit, &nth.to_string());
        }
        assert_eq!(events(&audit).len(), 10);
        audit.record(Event::LogIn, Some(ANA), None).unwrap();
        assert_eq!(events(&audit)[0], Event::LogIn, "what is no failure is always recorded");
        time.pass(MINUTE);
        assert_eq!(events(&audit)[0], Event::MoreFailed { count: 490 });
        fail(&audit, "again");
        assert_eq!(events(&audit)[0], Event::Failed { name: "again".into() });
        assert_eq!(events(&audit).len(), 13);
    }

    #[test]
    fn a_name_that_was_typed_is_cut_and_made_printable() {
        let (audit, _) = audit();
        fail(&audit, &format!("ana\r\n\u{1b}[31m{}", "x".repeat(10_000)));
        let [Event::Failed { name }] = &events(&audit)[..] else { panic!() };
        assert_eq!(name.chars().count(), NAME_CHARS_MAX);
        assert!(name.starts_with("ana[31mxx"), "{name}");
    }
}
