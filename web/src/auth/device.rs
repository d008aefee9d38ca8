//! Browsers that a user has logged in with before.
//!
//! Such a browser holds a cookie that says so, with a code that only this store can make. It lets nobody in: it only
//! gives the browser tries of its own (`throttle`).

use bough_core::Oid;
use bough_store::Database;
use bough_store::side_space::DEVICES;

use super::AccountError;
use super::secret::{Secret, from_hex, kept_secret, random, to_hex};

/// How long a browser counts as known, in microseconds: a year.
pub(crate) const LASTS: u64 = 365 * 24 * 3_600_000_000;
const PURPOSE: &str = "bough device 1";

pub(crate) struct Devices {
    database: Database,
}

impl Devices {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// What a browser is given that a user has logged in with. Keeps the browser's number where it had one.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(crate) fn make(&self, user: Oid, known: Option<[u8; 16]>) -> Result<String, AccountError> {
        let device = known.unwrap_or_else(random);
        let expires = self.database.now_micros() + LASTS;
        let code = self.secret()?.code(PURPOSE, &said(user, &device, expires));
        Ok(format!("{}-{}-{}", to_hex(&device), to_hex(&expires.to_be_bytes()), code.to_hex()))
    }

    /// Which browser this is, if the user has logged in with it.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(crate) fn find(&self, user: Oid, text: &str) -> Result<Option<[u8; 16]>, AccountError> {
        let mut parts = text.split('-');
        let (device, expires, code) = (parts.next(), parts.next(), parts.next());
        let device = device.and_then(from_hex::<16>);
        let expires = expires.and_then(from_hex).map(u64::from_be_bytes);
        let code = code.filter(|_| parts.next().is_none()).and_then(from_hex).map(blake3::Hash::from_bytes);
        let (Some(device), Some(expires), Some(code)) = (device, expires, code) else { return Ok(None) };
        let is_ours = code == self.secret()?.code(PURPOSE, &said(user, &device, expires));
        Ok((is_ours && expires > self.database.now_micros()).then_some(device))
    }

    /// The name of the cookie: one for each user of a browser.
    pub(crate) fn cookie_name(user: Oid) -> String {
        let digest = blake3::hash(&user.to_bytes());
        format!("bough-known-{}", to_hex(&digest.as_bytes()[..6]))
    }

    fn secret(&self) -> Result<Secret, AccountError> {
        kept_secret(&self.database, DEVICES, b"secret")
    }
}

fn said(user: Oid, device: &[u8; 16], expires: u64) -> Vec<u8> {
    [&user.to_bytes()[..], device, &expires.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::store;

    const ANA: Oid = Oid::from_u128(1);
    const BO: Oid = Oid::from_u128(2);

    #[test]
    fn a_browser_is_known_for_its_user_for_a_year() {
        let (database, time) = store();
        let devices = Devices::new(database.clone());
        let text = devices.make(ANA, None).unwrap();
        let device = devices.find(ANA, &text).unwrap().unwrap();
        assert_eq!(devices.find(BO, &text).unwrap(), None, "not for another user");
        let again = Devices::new(database);
        assert_eq!(again.find(ANA, &text).unwrap(), Some(device), "also after a restart");
        time.pass(LASTS / 2);
        let renewed = devices.make(ANA, Some(device)).unwrap();
        time.pass(LASTS / 2);
        assert_eq!(devices.find(ANA, &text).unwrap(), None);
        assert_eq!(devices.find(ANA, &renewed).unwrap(), Some(device));
        let (other, _) = store();
        assert_eq!(Devices::new(other).find(ANA, &renewed).unwrap(), None, "each store has its own secret");
    }

    #[test]
    fn whatever_is_changed_the_browser_is_not_known() {
        let (database, _) = store();
        let devices = Devices::new(database);
        let text = devices.make(ANA, None).unwrap();
        for nth in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[nth] = if other[nth] == b'0' { b'1' } else { b'0' };
            assert_eq!(devices.find(ANA, &String::from_utf8(other).unwrap()).unwrap(), None, "{nth}");
        }
        for wrong in ["", "-", "--", &format!("{text}-"), &text[1..]] {
            assert_eq!(devices.find(ANA, wrong).unwrap(), None, "{wrong}");
        }
    }
}
