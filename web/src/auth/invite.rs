//! One-time links: who opens one makes the first administrator, or sets a password.
//!
//! # Invariants
//! - A link works once, within seven days. What it is for is written together with that it was used, or neither is.
//! - Kept is the digest of its secret.

use bough_core::Oid;
use bough_store::side_space::INVITES;
use bough_store::{Database, SideWrite};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::AccountError;
use super::secret::Secret;

/// How long a link works, in microseconds: seven days.
pub(crate) const LASTS: u64 = 7 * 24 * 3_600_000_000;
/// Most links that stand at the same time.
const INVITES_MAX: usize = 10_000;

/// What a one-time link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invite {
    /// Making the first user who may do everything.
    FirstAdministrator,
    /// Setting the password of this user.
    SetPassword(Oid),
}

/// What is written of a link.
#[derive(Serialize, Deserialize)]
struct InviteDisk {
    /// The user whose password is to be set; none for the first administrator.
    user: Option<String>,
}

pub(crate) struct Invites {
    database: Database,
    /// Held from finding a link to taking it away.
    using: Mutex<()>,
}

impl Invites {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, using: Mutex::new(()) }
    }

    /// Makes a link. Earlier ones for the same end work no more.
    ///
    /// # Errors
    /// When there are too many, or the store cannot be read or written.
    pub(crate) fn make(&self, invite: Invite) -> Result<Secret, AccountError> {
        let _using = self.using.lock();
        let standing = self.database.side_keys(INVITES, b"", INVITES_MAX)?;
        let mut writes = Vec::new();
        for key in &standing {
            if self.read(key)? == Some(invite) {
                writes.push(SideWrite { space: INVITES, key: key.clone(), value: None, expires_micros: 0 });
            }
        }
        if standing.len() - writes.len() >= INVITES_MAX {
            return Err(AccountError::TooManyInvites);
        }
        let secret = Secret::random();
        let disk = InviteDisk {
            user: match invite {
                Invite::FirstAdministrator => None,
                Invite::SetPassword(user) => Some(user.to_string()),
            },
        };
        let value =
            serde_json::to_vec(&disk).unwrap_or_else(|error| unreachable!("BUG: plain data: {error}"));
        let expires_micros = self.database.now_micros() + LASTS;
        writes.push(SideWrite { space: INVITES, key: key(&secret), value: Some(value), expires_micros });
        self.database.write_side(&writes)?;
        Ok(secret)
    }

    /// What a link is for, if it still works.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn find(&self, secret: &Secret) -> Result<Option<Invite>, AccountError> {
        self.read(&key(secret))
    }

    /// Uses a link: `work` is given what has to be written for that, and writes it with whatever else there is. When it
    /// fails the link still works.
    ///
    /// # Errors
    /// When the link does not work, or `work` fails.
    pub(crate) fn redeem<T>(
        &self,
        secret: &Secret,
        work: impl FnOnce(Invite, SideWrite) -> Result<T, AccountError>,
    ) -> Result<T, AccountError> {
        let _using = self.using.lock();
        let key = key(secret);
        let invite = self.read(&key)?.ok_or(AccountError::InviteGone)?;
        work(invite, SideWrite { space: INVITES, key, value: None, expires_micros: 0 })
    }

    fn read(&self, key: &[u8]) -> Result<Option<Invite>, AccountError> {
        let Some(bytes) = self.database.side(INVITES, key)? else { return Ok(None) };
        let invite = serde_json::from_slice::<InviteDisk>(&bytes).ok().and_then(|disk| match disk.user {
            None => Some(Invite::FirstAdministrator),
            Some(user) => user.parse().ok().map(Invite::SetPassword),
        });
        if invite.is_none() {
            tracing::error!("the record of a one-time link cannot be read: it counts as used");
        }
        Ok(invite)
    }
}

fn key(secret: &Secret) -> Vec<u8> {
    secret.digest().as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::store;

    const ANA: Oid = Oid::from_u128(1);

    #[test]
    fn a_link_works_once() {
        let (database, _) = store();
        let all = Invites::new(database.clone());
        let secret = all.make(Invite::SetPassword(ANA)).unwrap();
        assert_eq!(all.find(&secret).unwrap(), Some(Invite::SetPassword(ANA)));
        assert_eq!(all.find(&Secret::random()).unwrap(), None);
        let failed = all.redeem(&secret, |_, _| Err::<(), _>(AccountError::PasswordShort));
        assert!(matches!(failed, Err(AccountError::PasswordShort)));
        assert!(all.find(&secret).unwrap().is_some(), "what failed did not use it up");
        let used = |invite, gone| {
            assert_eq!(invite, Invite::SetPassword(ANA));
            Ok(database.write_side(&[gone])?)
        };
        all.redeem(&secret, used).unwrap();
        assert_eq!(all.find(&secret).unwrap(), None);
        assert!(matches!(all.redeem(&secret, used), Err(AccountError::InviteGone)));
    }

    #[test]
    fn a_link_works_for_seven_days() {
        let (database, time) = store();
        let all = Invites::new(database);
        let secret = all.make(Invite::FirstAdministrator).unwrap();
        time.pass(LASTS - 1);
        assert_eq!(all.find(&secret).unwrap(), Some(Invite::FirstAdministrator));
        time.pass(1);
        assert_eq!(all.find(&secret).unwrap(), None);
        assert!(matches!(all.redeem(&secret, |_, _| Ok(())), Err(AccountError::InviteGone)));
    }

    #[test]
    fn only_the_last_link_for_one_end_works() {
        let (database, _) = store();
        let all = Invites::new(database);
        let first = all.make(Invite::FirstAdministrator).unwrap();
        let password = all.make(Invite::SetPassword(ANA)).unwrap();
        let last = all.make(Invite::FirstAdministrator).unwrap();
        let works = |secret| all.find(secret).unwrap().is_some();
        assert_eq!([works(&first), works(&password), works(&last)], [false, true, true]);
    }
}
