//! The emergency user: who may everything while the server runs that was started with him, and is in no tree.

use bough_core::Name;

use super::secret::random;
use super::{AccountError, credential};

/// A user whom whoever starts the server names, for the day when nobody else can get in. He owns nothing, and his
/// password is nowhere but in the server's memory, as a digest.
#[derive(Clone)]
pub struct EmergencyUser {
    name: Name,
    /// Of this run alone, so that the digest is worth nothing elsewhere.
    key: [u8; 32],
    digest: blake3::Hash,
}

impl EmergencyUser {
    /// An emergency user with this name and password.
    ///
    /// # Errors
    /// When the name is none, or the password is too short or too long.
    pub fn new(name: &str, password: &str) -> Result<Self, AccountError> {
        credential::check_new(password)?;
        let name = super::administrator::user_name(name)?;
        let key = random();
        let digest = blake3::keyed_hash(&key, password.as_bytes());
        Ok(Self { name, key, digest })
    }

    /// Who it is, if the name and the password are right. To be asked only after the throttle.
    pub(crate) fn is_meant(&self, name: &str, password: &str) -> Option<Name> {
        // Digests are compared in a time that says nothing.
        let is_right = blake3::keyed_hash(&self.key, password.as_bytes()) == self.digest;
        (is_right && self.name == *name).then(|| self.name.clone())
    }
}

impl std::fmt::Debug for EmergencyUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmergencyUser").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_name_with_the_right_password_is_the_emergency_user() {
        let user = EmergencyUser::new("rescue", "correct horse").unwrap();
        assert!(user.is_meant("rescue", "correct horse").is_some());
        for (name, password) in [("rescue", "correct hors"), ("rescuer", "correct horse"), ("", "")] {
            assert!(user.is_meant(name, password).is_none(), "{name}, {password}");
        }
        assert!(EmergencyUser::new("rescue", "short").is_err());
        assert!(EmergencyUser::new("_rescue", "correct horse").is_err());
        assert!(!format!("{user:?}").contains("horse"));
    }
}
