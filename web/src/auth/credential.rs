//! Passwords: how they are kept, and whether one is right.
//!
//! Kept is a PHC string of argon2id in a side record. Passwords that came from Zope (`{SSHA}`, `{SHA}`) are taken as
//! they are and hashed anew when they are first right.
//!
//! # Invariants
//! - Whether there is such a user, and how his password is kept, cannot be told from the work: a wrong password costs
//!   one hash in any case.
//! - A new hash of the old password never replaces a password that was set meanwhile.
//!
//! Not here: how often one may try (`throttle`), on which thread (`hashing`). One-time codes and passkeys will be
//! further fields of the same record, asked after the password.

use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bough_core::Oid;
use bough_store::side_space::CREDENTIALS;
use bough_store::{Database, SideWrite};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};

use super::AccountError;
use super::secret::random;

/// Longest password in bytes.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// Shortest new password in characters.
pub const PASSWORD_CHARS_MIN: usize = 8;

/// What hashing one password costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory in KiB, at least 8.
    pub memory_kib: u32,
    /// How often the memory is gone through, at least once.
    pub passes: u32,
}

impl Default for PasswordCost {
    fn default() -> Self {
        Self { memory_kib: Params::DEFAULT_M_COST, passes: Params::DEFAULT_T_COST }
    }
}

/// Which password was right: one that was set later has another stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(blake3::Hash);

/// What is written of a user.
#[derive(Serialize, Deserialize)]
struct CredentialDisk {
    /// A PHC string, or what Zope wrote.
    password: String,
    set_micros: u64,
}

impl CredentialDisk {
    fn stamp(&self) -> Stamp {
        Stamp(blake3::hash(self.password.as_bytes()))
    }
}

/// The passwords of all users.
pub(crate) struct Credentials {
    database: Database,
    argon2: Argon2<'static>,
    /// Hashed against where there is nothing else.
    nobodys: String,
    /// How many hashes were made.
    hashes: AtomicU64,
    /// Held from reading a record to writing it.
    writing: Mutex<()>,
}

impl Credentials {
    /// The passwords in a store. What costs less than is possible costs the least that is.
    pub(crate) fn new(database: Database, cost: PasswordCost) -> Self {
        let params = Params::new(cost.memory_kib.max(Params::MIN_M_COST), cost.passes.max(1), 1, None);
        let params = params.unwrap_or_else(|_| Params::default());
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobodys = hash_with(&argon2, &random::<32>());
        Self { database, argon2, nobodys, hashes: AtomicU64::new(0), writing: Mutex::new(()) }
    }

    /// Whether this is the user's password; then says which. `None` stands for a user who is not there.
    ///
    /// # Errors
    /// When the store cannot be read or a new hash not be written.
    pub(crate) fn verify(&self, user: Option<Oid>, password: &str) -> Result<Option<Stamp>, AccountError> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Ok(None);
        }
        let kept = user.map(|user| Ok::<_, AccountError>(self.read(user)?.map(|kept| (user, kept))));
        let Some((user, kept)) = kept.transpose()?.flatten() else {
            self.check(password, &self.nobodys);
            return Ok(None);
        };
        if is_zopes(&kept.password) {
            if !is_right_in_zope(&kept.password, password) {
                self.check(password, &self.nobodys);
                return Ok(None);
            }
        } else if !self.check(password, &kept.password) {
            return Ok(None);
        } else if self.is_current(&kept.password) {
            return Ok(Some(kept.stamp()));
        }
        self.renew(user, &kept, password).map(Some)
    }

    /// Whether this password still counts.
    pub(crate) fn is_still(&self, user: Oid, stamp: Stamp) -> Result<bool, AccountError> {
        Ok(self.read(user)?.is_some_and(|kept| kept.stamp() == stamp))
    }

    /// Whether the user has a password.
    pub(crate) fn has_password(&self, user: Oid) -> Result<bool, AccountError> {
        Ok(self.read(user)?.is_some())
    }

    /// What has to be written so that this is the user's password.
    ///
    /// # Errors
    /// When the password is too short or too long.
    pub(crate) fn to_set(&self, user: Oid, password: &str) -> Result<SideWrite, AccountError> {
        if password.chars().count() < PASSWORD_CHARS_MIN {
            return Err(AccountError::PasswordShort);
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(AccountError::PasswordLong);
        }
        Ok(self.to_write(user, self.hash(password)))
    }

    /// Takes over a password as Zope kept it: `{SSHA}` or `{SHA}` and base64.
    ///
    /// # Errors
    /// When it has another form or cannot be written.
    pub(crate) fn import(&self, user: Oid, password: &str) -> Result<(), AccountError> {
        if zope_digest(password).is_none() {
            return Err(AccountError::PasswordForm);
        }
        self.write(&[self.to_write(user, password.to_owned())])
    }

    /// Writes passwords, with whatever else has to come with them: all or nothing.
    pub(crate) fn write(&self, writes: &[SideWrite]) -> Result<(), AccountError> {
        let _writing = self.writing.lock();
        Ok(self.database.write_side(writes)?)
    }

    /// What has to be written so that no password is the user's.
    pub(crate) fn to_remove(user: Oid) -> SideWrite {
        SideWrite { space: CREDENTIALS, key: user.to_bytes().to_vec(), value: None, expires_micros: 0 }
    }

    fn renew(&self, user: Oid, old: &CredentialDisk, password: &str) -> Result<Stamp, AccountError> {
        let write = self.to_write(user, self.hash(password));
        let _writing = self.writing.lock();
        match self.read(user)? {
            Some(now) if now.password == old.password => {}
            _ => return Ok(old.stamp()),
        }
        self.database.write_side(&[write])?;
        Ok(self.read(user)?.map_or_else(|| old.stamp(), |new| new.stamp()))
    }

    fn to_write(&self, user: Oid, password: String) -> SideWrite {
        let disk = CredentialDisk { password, set_micros: self.database.now_micros() };
        let value =
            serde_json::to_vec(&disk).unwrap_or_else(|error| unreachable!("BUG: plain data: {error}"));
        SideWrite { space: CREDENTIALS, key: user.to_bytes().to_vec(), value: Some(value), expires_micros: 0 }
    }

    fn read(&self, user: Oid) -> Result<Option<CredentialDisk>, AccountError> {
        let Some(bytes) = self.database.side(CREDENTIALS, &user.to_bytes())? else { return Ok(None) };
        let kept = serde_json::from_slice(&bytes).ok();
        if kept.is_none() {
            tracing::error!(%user, "the record of a password cannot be read: it counts as removed");
        }
        Ok(kept)
    }

    fn hash(&self, password: &str) -> String {
        self.hashes.fetch_add(1, Ordering::Relaxed);
        hash_with(&self.argon2, password.as_bytes())
    }

    fn check(&self, password: &str, kept: &str) -> bool {
        self.hashes.fetch_add(1, Ordering::Relaxed);
        let Ok(kept) = PasswordHash::new(kept) else { return false };
        self.argon2.verify_password(password.as_bytes(), &kept).is_ok()
    }

    /// Whether it was hashed at today's cost.
    fn is_current(&self, kept: &str) -> bool {
        let kept = PasswordHash::new(kept).ok().and_then(|kept| Params::try_from(&kept).ok());
        let now = self.argon2.params();
        kept.is_some_and(|kept| (kept.m_cost(), kept.t_cost()) == (now.m_cost(), now.t_cost()))
    }

    #[cfg(test)]
    pub(super) fn hashes(&self) -> u64 {
        self.hashes.load(Ordering::Relaxed)
    }
}

fn hash_with(argon2: &Argon2<'_>, password: &[u8]) -> String {
    let hash: PasswordHash = argon2
        .hash_password_with_salt(password, &random::<16>())
        .unwrap_or_else(|error| unreachable!("BUG: the parameters and lengths are fixed: {error}"));
    hash.to_string()
}

fn is_zopes(kept: &str) -> bool {
    kept.starts_with('{')
}

/// The SHA-1 digest that Zope kept, and the salt.
fn zope_digest(kept: &str) -> Option<([u8; 20], Vec<u8>)> {
    let (is_salted, text) = match (kept.strip_prefix("{SSHA}"), kept.strip_prefix("{SHA}")) {
        (Some(text), _) => (true, text),
        (_, Some(text)) => (false, text),
        _ => return None,
    };
    // Some releases wrote the letters that are safe in URLs.
    let text = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    let bytes = STANDARD_NO_PAD.decode(text).ok()?;
    let (digest, salt) = bytes.split_first_chunk::<20>()?;
    (is_salted != salt.is_empty()).then(|| (*digest, salt.to_vec()))
}

fn is_right_in_zope(kept: &str, password: &str) -> bool {
    let Some((digest, salt)) = zope_digest(kept) else { return false };
    let found = Sha1::new().chain_update(password.as_bytes()).chain_update(&salt).finalize();
    // Hashed once more only because this comparison takes the same time wherever the two differ.
    blake3::hash(&found) == blake3::hash(&digest)
}

#[cfg(test)]
mod tests {
    use bough_store::Options;

    use super::*;
    use crate::types::built_in_types;

    const ANA: Oid = Oid::from_u128(1);
    const BO: Oid = Oid::from_u128(2);
    const CHEAP: PasswordCost = PasswordCost { memory_kib: 8, passes: 1 };

    fn credentials() -> Credentials {
        Credentials::new(Database::in_memory(Options::new(built_in_types())).unwrap(), CHEAP)
    }

    fn set(credentials: &Credentials, user: Oid, password: &str) {
        let write = credentials.to_set(user, password).unwrap();
        credentials.write(&[write]).unwrap();
    }

    fn is_right(credentials: &Credentials, user: Oid, password: &str) -> bool {
        credentials.verify(Some(user), password).unwrap().is_some()
    }

    fn kept(credentials: &Credentials, user: Oid) -> String {
        credentials.read(user).unwrap().unwrap().password
    }

    #[test]
    fn the_password_that_was_set_last_is_right_and_no_other() {
        let all = credentials();
        set(&all, ANA, "correct horse");
        assert!(is_right(&all, ANA, "correct horse"));
        for wrong in ["", "correct hors", "correct horse ", "Correct horse"] {
            assert!(!is_right(&all, ANA, wrong), "{wrong}");
        }
        assert!(!is_right(&all, BO, "correct horse"));
        set(&all, ANA, "battery staple");
        assert!(is_right(&all, ANA, "battery staple") && !is_right(&all, ANA, "correct horse"));
        all.write(&[Credentials::to_remove(ANA)]).unwrap();
        assert!(!is_right(&all, ANA, "battery staple"));
    }

    #[test]
    fn what_is_kept_is_argon2id_with_a_salt_of_its_own() {
        let all = credentials();
        set(&all, ANA, "correct horse");
        set(&all, BO, "correct horse");
        assert!(kept(&all, ANA).starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{}", kept(&all, ANA));
        assert_ne!(kept(&all, ANA), kept(&all, BO));
        let costly = Credentials::new(all.database.clone(), PasswordCost::default());
        assert!(costly.nobodys.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", costly.nobodys);
    }

    #[test]
    fn a_wrong_password_costs_as_much_as_a_user_who_is_not_there() {
        let all = credentials();
        set(&all, ANA, "correct horse");
        all.import(BO, &zope("{SSHA}", "correct horse", b"salt")).unwrap();
        for user in [None, Some(Oid::from_u128(9)), Some(ANA), Some(BO)] {
            let before = all.hashes();
            assert_eq!(all.verify(user, "wrong").unwrap(), None);
            assert_eq!(all.hashes() - before, 1, "{user:?}");
        }
    }

    #[test]
    fn new_passwords_have_a_least_and_a_greatest_length() {
        let all = credentials();
        let outcome = |password: &str| all.to_set(ANA, password).map(drop);
        assert!(matches!(outcome("1234567"), Err(AccountError::PasswordShort)));
        assert!(
            matches!(outcome("ééééééé"), Err(AccountError::PasswordShort)),
            "characters count, not bytes"
        );
        assert!(outcome("éééééééé").is_ok());
        assert!(outcome(&"x".repeat(1_024)).is_ok());
        assert!(matches!(outcome(&"x".repeat(1_025)), Err(AccountError::PasswordLong)));
        let before = all.hashes();
        assert_eq!(all.verify(Some(ANA), &"x".repeat(1_025)).unwrap(), None);
        assert_eq!(all.hashes(), before, "what is too long is not hashed");
    }

    fn zope(scheme: &str, password: &str, salt: &[u8]) -> String {
        let digest = Sha1::new().chain_update(password.as_bytes()).chain_update(salt).finalize();
        let padded = base64::engine::general_purpose::STANDARD.encode([&digest[..], salt].concat());
        format!("{scheme}{padded}")
    }

    #[test]
    fn a_password_from_zope_is_taken_and_hashed_anew_when_it_is_first_right() {
        let salted = zope("{SSHA}", "old", b"12345678");
        for old in [&salted, &salted.replace('+', "-").replace('/', "_"), &zope("{SHA}", "old", b"")] {
            let all = credentials();
            all.import(ANA, old).unwrap();
            assert!(!is_right(&all, ANA, "Old"));
            assert_eq!(&kept(&all, ANA), old, "a wrong one changes nothing");
            assert!(is_right(&all, ANA, "old"));
            assert!(kept(&all, ANA).starts_with("$argon2id$"), "{}", kept(&all, ANA));
            assert!(is_right(&all, ANA, "old") && !is_right(&all, ANA, "Old"));
        }
        // `printf secret | openssl sha1 -binary | base64`
        let all = credentials();
        all.import(ANA, "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=").unwrap();
        assert!(is_right(&all, ANA, "secret"));
    }

    #[test]
    fn what_zope_did_not_write_is_not_imported() {
        let short = format!("{{SHA}}{}", STANDARD_NO_PAD.encode([0; 19]));
        let unsalted = format!("{{SSHA}}{}", STANDARD_NO_PAD.encode([0; 20]));
        let salted = format!("{{SHA}}{}", STANDARD_NO_PAD.encode([0; 24]));
        for wrong in
            ["", "plain", "{SHA}", "{SHA}!", "{CRYPT}ab", "$argon2id$v=19$", &short, &unsalted, &salted]
        {
            assert!(matches!(credentials().import(ANA, wrong), Err(AccountError::PasswordForm)), "{wrong}");
        }
    }

    #[test]
    fn a_hash_of_another_cost_is_made_anew_when_the_password_is_right() {
        let all = credentials();
        set(&all, ANA, "correct horse");
        let now = Credentials::new(all.database.clone(), PasswordCost { memory_kib: 16, passes: 1 });
        assert!(!is_right(&now, ANA, "wrong") && kept(&now, ANA).contains("m=8,"));
        assert!(is_right(&now, ANA, "correct horse"));
        assert!(kept(&now, ANA).contains("m=16,"), "{}", kept(&now, ANA));
    }

    /// The old password was being hashed anew while somebody set another one: that one has to stay.
    #[test]
    fn a_new_hash_of_an_old_password_does_not_bring_it_back() {
        let all = credentials();
        all.import(ANA, &zope("{SSHA}", "old", b"salt")).unwrap();
        let old = all.read(ANA).unwrap().unwrap();
        set(&all, ANA, "battery staple");
        let stamp = all.renew(ANA, &old, "old").unwrap();
        assert!(is_right(&all, ANA, "battery staple") && !is_right(&all, ANA, "old"));
        assert!(!all.is_still(ANA, stamp).unwrap());
    }

    #[test]
    fn a_stamp_is_right_until_another_password_is_set() {
        let all = credentials();
        set(&all, ANA, "correct horse");
        let stamp = all.verify(Some(ANA), "correct horse").unwrap().unwrap();
        assert!(all.is_still(ANA, stamp).unwrap() && !all.is_still(BO, stamp).unwrap());
        set(&all, ANA, "correct horse");
        assert!(!all.is_still(ANA, stamp).unwrap(), "also where it is the same again");
    }

    #[test]
    fn a_record_that_cannot_be_read_is_no_password() {
        let all = credentials();
        let key = ANA.to_bytes().to_vec();
        let value = Some(b"{}".to_vec());
        all.write(&[SideWrite { space: CREDENTIALS, key, value, expires_micros: 0 }]).unwrap();
        assert!(!is_right(&all, ANA, "") && !all.has_password(ANA).unwrap());
    }
}
