//! API tokens: what programs log in with.
//!
//! `bough_<id>_<secret>`, where the id is the user's oid and a number. Kept is the secret's digest. A token does what
//! its user may, or less: within a subtree, with some permissions, until some day.
//!
//! # Invariants
//! - A token is shown once, when it is made.
//! - What was revoked is not found any more, and nothing brings it back.

use std::collections::BTreeSet;

use bough_core::Oid;
use bough_store::side_space::TOKENS;
use bough_store::{Database, SideWrite};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::AccountError;
use super::secret::{Secret, from_hex, random, to_hex};

/// Most tokens of one user.
pub const TOKENS_MAX: usize = 100;
/// Longest name of a token in characters.
pub const TOKEN_NAME_CHARS_MAX: usize = 100;
/// Most permissions that a token names.
const PERMISSIONS_MAX: usize = 200;
/// Longest name of a permission in bytes.
const PERMISSION_BYTES_MAX: usize = 200;
const START: &str = "bough_";
/// How exactly it is kept when a token was last used, in microseconds: an hour.
const USED_STEP: u64 = 3_600_000_000;

/// A token that is to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewToken {
    /// What its user calls it.
    pub name: String,
    /// The object outside of which it does nothing; none for everywhere.
    pub subtree: Option<Oid>,
    /// The only permissions that it gives; none for all that the user has.
    pub permissions: Option<BTreeSet<String>>,
    /// Until when, in microseconds since 1970; none for until it is revoked.
    pub expires_micros: Option<u64>,
}

/// A token that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Whose.
    pub user: Oid,
    /// What it is called when it is to be revoked.
    pub id: String,
    /// What it is, as it was made.
    pub about: NewToken,
    /// When it was made, in microseconds since 1970.
    pub made_micros: u64,
    /// When it was last used, in microseconds since 1970, to the hour; none where it never was.
    pub used_micros: Option<u64>,
}

/// What is written of a token.
#[derive(Clone, Serialize, Deserialize)]
struct TokenDisk {
    digest: String,
    name: String,
    subtree: Option<String>,
    permissions: Option<BTreeSet<String>>,
    expires_micros: Option<u64>,
    made_micros: u64,
    used_micros: Option<u64>,
}

impl TokenDisk {
    fn write(&self, key: &[u8; 24]) -> SideWrite {
        let value = serde_json::to_vec(self).unwrap_or_else(|error| unreachable!("BUG: plain data: {error}"));
        SideWrite {
            space: TOKENS,
            key: key.to_vec(),
            value: Some(value),
            expires_micros: self.expires_micros.unwrap_or(0),
        }
    }

    /// None where it cannot be read: a token whose bounds are unknown gives nothing.
    fn read(self, key: &[u8; 24]) -> Option<Token> {
        let subtree = self.subtree.map(|subtree| subtree.parse()).transpose().ok()?;
        let (user, id) = key.split_first_chunk::<16>()?;
        Some(Token {
            user: Oid::from_bytes(*user),
            id: to_hex(id),
            about: NewToken {
                name: self.name,
                subtree,
                permissions: self.permissions,
                expires_micros: self.expires_micros,
            },
            made_micros: self.made_micros,
            used_micros: self.used_micros,
        })
    }
}

/// The tokens of all users.
pub(crate) struct Tokens {
    database: Database,
    /// Held from reading a record to writing it, so that what was revoked is not written again.
    writing: Mutex<()>,
}

impl Tokens {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, writing: Mutex::new(()) }
    }

    /// Makes a token. Answers it with the text that its user is shown once.
    ///
    /// # Errors
    /// When it has no usable name, would be expired, or there are too many, or the store cannot be read or written.
    pub(crate) fn make(&self, user: Oid, new: NewToken) -> Result<(Token, String), AccountError> {
        let name: String = new.name.trim().to_owned();
        if name.is_empty()
            || name.chars().count() > TOKEN_NAME_CHARS_MAX
            || name.chars().any(char::is_control)
        {
            return Err(AccountError::TokenName);
        }
        let now = self.database.now_micros();
        if new.expires_micros.is_some_and(|expires| expires <= now) {
            return Err(AccountError::TokenExpired);
        }
        let permissions = new.permissions.iter().flatten();
        if new.permissions.as_ref().is_some_and(|all| all.len() > PERMISSIONS_MAX)
            || permissions.into_iter().any(|one| one.len() > PERMISSION_BYTES_MAX)
        {
            return Err(AccountError::TokenPermissions);
        }
        let _writing = self.writing.lock();
        let taken = self.database.side_keys(TOKENS, &user.to_bytes(), TOKENS_MAX)?;
        if taken.len() >= TOKENS_MAX {
            return Err(AccountError::TooManyTokens);
        }
        let key = loop {
            let key = side_key(user, &random());
            if !taken.iter().any(|taken| taken[..] == key) {
                break key;
            }
        };
        let secret = Secret::random();
        let disk = TokenDisk {
            digest: secret.digest().to_hex().to_string(),
            name,
            subtree: new.subtree.map(|subtree| subtree.to_string()),
            permissions: new.permissions,
            expires_micros: new.expires_micros,
            made_micros: now,
            used_micros: None,
        };
        self.database.write_side(&[disk.write(&key)])?;
        let token =
            disk.read(&key).unwrap_or_else(|| unreachable!("BUG: an oid reads back as it was written"));
        Ok((token, format!("{START}{}_{}", to_hex(&key), secret.to_text())))
    }

    /// The token with this text, if it stands.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn find(&self, text: &str) -> Result<Option<Token>, AccountError> {
        let parts = text.strip_prefix(START).and_then(|rest| rest.split_once('_'));
        let parts = parts.and_then(|(key, secret)| Some((from_hex::<24>(key)?, Secret::parse(secret)?)));
        let Some((key, secret)) = parts else { return Ok(None) };
        let Some(disk) = self.read(&key)? else { return Ok(None) };
        // This comparison takes the same time wherever the two differ.
        let is_right = blake3::Hash::from_hex(&disk.digest).is_ok_and(|digest| digest == secret.digest());
        Ok(if is_right { disk.read(&key) } else { None })
    }

    /// Whether it is time to record that a token was used ([`Tokens::touch`]).
    pub(crate) fn is_to_touch(&self, token: &Token) -> bool {
        let now = self.database.now_micros();
        token.used_micros.is_none_or(|used| now >= used + USED_STEP)
    }

    /// Records that a token was used, if nobody did meanwhile.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(crate) fn touch(&self, token: &Token) -> Result<(), AccountError> {
        let Some(id) = from_hex(&token.id) else { return Ok(()) };
        let key = side_key(token.user, &id);
        let _writing = self.writing.lock();
        let now = self.database.now_micros();
        match self.read(&key)? {
            Some(disk) if disk.used_micros.is_none_or(|used| now >= used + USED_STEP) => {
                let used = TokenDisk { used_micros: Some(now), ..disk };
                Ok(self.database.write_side(&[used.write(&key)])?)
            }
            _ => Ok(()),
        }
    }

    /// A user's tokens, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn list(&self, user: Oid) -> Result<Vec<Token>, AccountError> {
        let mut tokens = Vec::new();
        for key in self.database.side_keys(TOKENS, &user.to_bytes(), TOKENS_MAX)? {
            let Ok(key) = <[u8; 24]>::try_from(key) else { continue };
            tokens.extend(self.read(&key)?.and_then(|disk| disk.read(&key)));
        }
        tokens.sort_by_key(|token| std::cmp::Reverse(token.made_micros));
        Ok(tokens)
    }

    /// Takes a user's token back. Answers it; none where there is no such token.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(crate) fn revoke(&self, user: Oid, id: &str) -> Result<Option<Token>, AccountError> {
        let Some(key) = from_hex(id).map(|id| side_key(user, &id)) else { return Ok(None) };
        let _writing = self.writing.lock();
        let token = self.read(&key)?.and_then(|disk| disk.read(&key));
        if token.is_some() {
            let gone = SideWrite { space: TOKENS, key: key.to_vec(), value: None, expires_micros: 0 };
            self.database.write_side(&[gone])?;
        }
        Ok(token)
    }

    fn read(&self, key: &[u8; 24]) -> Result<Option<TokenDisk>, AccountError> {
        let Some(bytes) = self.database.side(TOKENS, key)? else { return Ok(None) };
        let disk = serde_json::from_slice(&bytes).ok();
        if disk.is_none() {
            tracing::error!("the record of a token cannot be read: it counts as revoked");
        }
        Ok(disk)
    }
}

fn side_key(user: Oid, id: &[u8; 8]) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(&user.to_bytes());
    key[16..].copy_from_slice(id);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{Time, store};

    const ANA: Oid = Oid::from_u128(1);
    const BO: Oid = Oid::from_u128(2);

    fn tokens() -> (Tokens, Time) {
        let (database, time) = store();
        (Tokens::new(database), time)
    }

    fn named(name: &str) -> NewToken {
        NewToken { name: name.into(), ..NewToken::default() }
    }

    #[test]
    fn a_token_stands_as_it_was_made_until_it_is_revoked() {
        let (all, _) = tokens();
        let new = NewToken {
            name: " nightly build ".into(),
            subtree: Some(Oid::from_u128(7)),
            permissions: Some(["View".to_owned()].into()),
            expires_micros: None,
        };
        let (token, text) = all.make(ANA, new).unwrap();
        assert!(text.starts_with("bough_") && text.len() == 6 + 48 + 1 + 64, "{text}");
        assert_eq!(all.find(&text).unwrap(), Some(token.clone()));
        assert_eq!((token.user, token.about.name.as_str()), (ANA, "nightly build"));
        assert_eq!(token.about.permissions, Some(["View".to_owned()].into()));
        assert_eq!(all.list(ANA).unwrap(), std::slice::from_ref(&token));
        assert!(all.list(BO).unwrap().is_empty());
        assert_eq!(all.revoke(BO, &token.id).unwrap(), None, "that is Ana's");
        assert_eq!(all.revoke(ANA, &token.id).unwrap(), Some(token.clone()));
        assert_eq!(all.revoke(ANA, &token.id).unwrap(), None);
        assert_eq!(all.find(&text).unwrap(), None);
        all.touch(&token).unwrap();
        assert_eq!(all.find(&text).unwrap(), None, "a request under way does not bring it back");
    }

    #[test]
    fn whatever_is_changed_in_a_token_it_is_none() {
        let (all, _) = tokens();
        let (_, text) = all.make(ANA, named("a")).unwrap();
        for nth in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[nth] = if other[nth] == b'0' { b'1' } else { b'0' };
            assert_eq!(all.find(&String::from_utf8(other).unwrap()).unwrap(), None, "{nth}");
        }
        for wrong in ["", "bough_", "bough__", &text[1..], &format!("{text}0"), &text.to_uppercase()] {
            assert_eq!(all.find(wrong).unwrap(), None, "{wrong}");
        }
    }

    #[test]
    fn no_secret_is_kept() {
        let (all, _) = tokens();
        let (_, text) = all.make(ANA, named("a")).unwrap();
        let (start, secret) = text.rsplit_once('_').unwrap();
        let key: [u8; 24] = from_hex(start.strip_prefix("bough_").unwrap()).unwrap();
        let kept = String::from_utf8(all.database.side(TOKENS, &key).unwrap().unwrap()).unwrap();
        assert!(!kept.contains(secret), "{kept}");
    }

    #[test]
    fn a_token_ends_when_it_expires() {
        let (all, time) = tokens();
        let expires_micros = Some(all.database.now_micros() + 10);
        let (_, text) = all.make(ANA, NewToken { expires_micros, ..named("a") }).unwrap();
        time.pass(9);
        assert!(all.find(&text).unwrap().is_some());
        time.pass(1);
        assert!(all.find(&text).unwrap().is_none() && all.list(ANA).unwrap().is_empty());
        let late = all.make(ANA, NewToken { expires_micros, ..named("a") });
        assert!(matches!(late, Err(AccountError::TokenExpired)));
    }

    #[test]
    fn that_a_token_was_used_is_written_once_an_hour() {
        let (all, time) = tokens();
        let (token, text) = all.make(ANA, named("a")).unwrap();
        let used = || all.find(&text).unwrap().unwrap();
        assert!(all.is_to_touch(&token) && token.used_micros.is_none());
        all.touch(&token).unwrap();
        let first = used();
        assert_eq!(first.used_micros, Some(all.database.now_micros()));
        time.pass(USED_STEP - 1);
        assert!(!all.is_to_touch(&first));
        time.pass(1);
        assert!(all.is_to_touch(&first));
        all.touch(&first).unwrap();
        assert_eq!(used().used_micros, Some(all.database.now_micros()));
    }

    #[test]
    fn a_user_has_so_many_tokens_each_with_a_name() {
        let (all, _) = tokens();
        for wrong in ["", "  ", "a\nb", &"x".repeat(TOKEN_NAME_CHARS_MAX + 1)] {
            assert!(matches!(all.make(ANA, named(wrong)), Err(AccountError::TokenName)), "{wrong}");
        }
        let many = Some((0..=PERMISSIONS_MAX).map(|nth| nth.to_string()).collect());
        let many = all.make(ANA, NewToken { permissions: many, ..named("a") });
        assert!(matches!(many, Err(AccountError::TokenPermissions)));
        for nth in 0..TOKENS_MAX {
            all.make(ANA, named(&nth.to_string())).unwrap();
        }
        assert!(matches!(all.make(ANA, named("one more")), Err(AccountError::TooManyTokens)));
        assert!(all.make(BO, named("another's")).is_ok());
    }
}
