//! HTTP Basic: a name and a password with every request (RFC 7617).
//!
//! A password that was right is remembered for a minute, or a program that fetches a hundred files would have a hundred
//! passwords hashed. What is remembered is a hash of the header and the user, keyed with a secret of this process.
//!
//! # Invariants
//! - No password and no header is kept.
//! - When a password is set or removed in this process, nothing is remembered any more.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bough_core::Oid;
use quick_cache::sync::Cache;

use super::credential::PASSWORD_BYTES_MAX;
use super::secret::Secret;

/// How long a password that was right is remembered, in microseconds: a minute.
const REMEMBERED: u64 = 60_000_000;
/// How many are.
const REMEMBERED_MAX: usize = 10_000;
/// Longest log-in name in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 255;
/// Longest header: base64 takes four bytes for three.
const HEADER_BYTES_MAX: usize = (NAME_BYTES_MAX + 1 + PASSWORD_BYTES_MAX) * 4 / 3 + 16;

/// What such a header says.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Basic {
    pub(crate) name: String,
    pub(crate) password: String,
}

/// Never prints the password.
impl std::fmt::Debug for Basic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Basic({:?})", self.name)
    }
}

/// How a request says who asks, other than by a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Authorization {
    /// No such header.
    None,
    Basic(Basic),
    /// The text of a token.
    Bearer(String),
    /// A header that says nothing that is understood here.
    Unknown,
}

/// Reads the header `Authorization`.
pub(crate) fn authorization(headers: &HeaderMap) -> Authorization {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Authorization::None };
    if values.next().is_some() || value.len() > HEADER_BYTES_MAX {
        return Authorization::Unknown;
    }
    let Ok(value) = value.to_str() else { return Authorization::Unknown };
    let Some((scheme, rest)) = value.split_once(' ') else { return Authorization::Unknown };
    let rest = rest.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") {
        return Authorization::Bearer(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Authorization::Unknown;
    }
    let text = STANDARD.decode(rest).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match text.as_deref().and_then(|text| text.split_once(':')) {
        Some((name, password)) if !name.is_empty() && name.len() <= NAME_BYTES_MAX => {
            Authorization::Basic(Basic { name: name.to_owned(), password: password.to_owned() })
        }
        _ => Authorization::Unknown,
    }
}

/// The passwords that were right a moment ago.
pub(crate) struct Remembered {
    key: Secret,
    /// Until when, and in which age.
    until: Cache<[u8; 32], (u64, Age)>,
    /// How often everything was forgotten.
    forgotten: AtomicU64,
}

/// A time in which nothing was forgotten.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Age(u64);

impl Remembered {
    pub(crate) fn new() -> Self {
        Self { key: Secret::random(), until: Cache::new(REMEMBERED_MAX), forgotten: AtomicU64::new(0) }
    }

    /// Whether this was the user's password less than a minute ago.
    pub(crate) fn knows(&self, user: Oid, basic: &Basic, now: u64) -> bool {
        let found = self.until.get(&self.hash(user, basic));
        found.is_some_and(|(until, age)| now < until && age == self.age())
    }

    /// To be asked before a password is verified.
    pub(crate) fn age(&self) -> Age {
        Age(self.forgotten.load(Ordering::SeqCst))
    }

    /// Remembers that this is the user's password, as it was verified in this age.
    pub(crate) fn remember(&self, user: Oid, basic: &Basic, now: u64, age: Age) {
        self.until.insert(self.hash(user, basic), (now + REMEMBERED, age));
    }

    /// Forgets all of them.
    pub(crate) fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.until.clear();
    }

    fn hash(&self, user: Oid, basic: &Basic) -> [u8; 32] {
        let name = basic.name.as_bytes();
        let said =
            [&user.to_bytes(), &(name.len() as u64).to_be_bytes()[..], name, basic.password.as_bytes()];
        *self.key.code("basic", &said.concat()).as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const ANA: Oid = Oid::from_u128(1);
    const BO: Oid = Oid::from_u128(2);

    fn read(values: &[&str]) -> Authorization {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        authorization(&headers)
    }

    fn basic(name: &str, password: &str) -> Basic {
        Basic { name: name.into(), password: password.into() }
    }

    #[test]
    fn a_header_says_a_name_and_a_password_or_a_token() {
        for (value, expected) in [
            ("Basic YW5hOnNlY3JldA==", basic("ana", "secret")),
            ("basic  YW5hOnNlY3JldA== ", basic("ana", "secret")),
            ("Basic YW5hOmE6Yjo=", basic("ana", "a:b:")),
            ("Basic YW5hOg==", basic("ana", "")),
            ("Basic w6k6w6k=", basic("é", "é")),
        ] {
            assert_eq!(read(&[value]), Authorization::Basic(expected), "{value}");
        }
        assert_eq!(read(&["Bearer bough_1_2"]), Authorization::Bearer("bough_1_2".into()));
        assert_eq!(read(&[]), Authorization::None);
    }

    #[test]
    fn what_is_not_understood_is_nobody() {
        let long = format!("Basic {}", STANDARD.encode(format!("{}:x", "n".repeat(NAME_BYTES_MAX + 1))));
        let longest = format!("Basic {}", "A".repeat(9_000));
        for value in
            ["", "Basic", "Basic ", "Basic !", "Basic YW5h", "Basic OnNlY3JldA==", "Basic /w==", "Digest a"]
        {
            assert_eq!(read(&[value]), Authorization::Unknown, "{value}");
        }
        assert_eq!(read(&[&long]), Authorization::Unknown);
        assert_eq!(read(&[&longest]), Authorization::Unknown);
        assert_eq!(read(&["Basic YW5hOnNlY3JldA==", "Bearer x"]), Authorization::Unknown, "two at once");
        assert_eq!(format!("{:?}", basic("ana", "secret")), "Basic(\"ana\")", "no password is printed");
    }

    #[test]
    fn a_password_that_was_right_is_remembered_for_a_minute() {
        let all = Remembered::new();
        let right = basic("ana", "secret");
        assert!(!all.knows(ANA, &right, 0));
        all.remember(ANA, &right, 0, all.age());
        assert!(all.knows(ANA, &right, REMEMBERED - 1) && !all.knows(ANA, &right, REMEMBERED));
        assert!(!all.knows(BO, &right, 0), "for its user");
        assert!(!all.knows(ANA, &basic("ana", "Secret"), 0) && !all.knows(ANA, &basic("anas", "ecret"), 0));
    }

    #[test]
    fn nothing_is_remembered_of_the_time_before_a_password_was_set() {
        let all = Remembered::new();
        let old = basic("ana", "secret");
        all.remember(ANA, &old, 0, all.age());
        let age = all.age();
        all.forget();
        assert!(!all.knows(ANA, &old, 0));
        all.remember(ANA, &old, 0, age);
        assert!(!all.knows(ANA, &old, 0), "it was verified while the password was set");
    }
}
