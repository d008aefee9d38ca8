//! The content policy: what objects may do in a browser, as the folder that they are in says.
//!
//! It is acquired on purpose under a private name, so that no page shows it and no template finds it by accident.

use std::fmt;
use std::str::FromStr;

use axum::http::HeaderValue;
use bough_core::acquisition::{Found, acquire};
use bough_core::object_type::TypeRegistry;
use bough_core::snapshot::ReadError;
use bough_core::{Content, Oid, Snapshot, Value};

/// The attribute that holds the content policy of an object and of what is in it.
pub const CONTENT_POLICY: &str = "_content_policy";
/// The attribute that holds the `Content-Security-Policy` of trusted content.
pub const CONTENT_SECURITY_POLICY: &str = "_csp";
/// Longest policy of one's own, in bytes.
const OWN_BYTES_MAX: usize = 4 << 10;

/// What objects that people wrote may do in a browser. The stricter comes later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContentPolicy {
    /// All that the site itself may: their scripts run with the rights of whoever looks.
    Trusted,
    /// Their scripts run, but in an origin of their own, which shares nothing with the site.
    Sandbox,
    /// No scripts: the HTML of pages is sanitised, and files that could act are shown without being able to.
    #[default]
    Clean,
}

/// A text that should have been a content policy and is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a content policy: expected `clean`, `sandbox` or `trusted`")]
pub struct ParseContentPolicyError(String);

impl FromStr for ContentPolicy {
    type Err = ParseContentPolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "trusted" => Ok(Self::Trusted),
            "sandbox" => Ok(Self::Sandbox),
            "clean" => Ok(Self::Clean),
            other => Err(ParseContentPolicyError(other.chars().take(60).collect())),
        }
    }
}

impl fmt::Display for ContentPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trusted => "trusted",
            Self::Sandbox => "sandbox",
            Self::Clean => "clean",
        })
    }
}

impl ContentPolicy {
    /// The policy that holds for an object. What nobody can understand is as strict as what nobody said.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(
        snapshot: &(impl Snapshot + ?Sized),
        types: &TypeRegistry,
        oid: Oid,
    ) -> Result<Self, ReadError> {
        let said = said(snapshot, types, oid, CONTENT_POLICY)?;
        Ok(said.as_ref().and_then(Value::as_text).and_then(|text| text.parse().ok()).unwrap_or_default())
    }
}

/// What holds for an object: its policy and, where that is trusted, the headers of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) policy: ContentPolicy,
    pub(crate) own: Option<HeaderValue>,
}

impl Allowed {
    /// What holds for an object as it is shown; `now`: the site as it is, where another moment is shown.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn of<S: Snapshot + ?Sized>(
        shown: &S,
        now: Option<&S>,
        types: &TypeRegistry,
        oid: Oid,
    ) -> Result<Self, ReadError> {
        let mut policy = ContentPolicy::of(shown, types, oid)?;
        if let Some(now) = now {
            policy = policy.max(ContentPolicy::of(now, types, oid)?);
        }
        if policy != ContentPolicy::Trusted {
            return Ok(Self { policy, own: None });
        }
        // The newer one: whoever tightened it meant what was written before, too.
        Ok(match said(now.unwrap_or(shown), types, oid, CONTENT_SECURITY_POLICY)? {
            None => Self { policy, own: None },
            Some(value) => match own(&value) {
                Some(own) => Self { policy, own: Some(own) },
                None => Self { policy: ContentPolicy::Clean, own: None },
            },
        })
    }
}

/// The attribute that is acquired under a name, if it is one.
fn said(
    snapshot: &(impl Snapshot + ?Sized),
    types: &TypeRegistry,
    oid: Oid,
    name: &str,
) -> Result<Option<Value>, ReadError> {
    Ok(match acquire(snapshot, types, oid, name)?.map(|acquired| acquired.found) {
        Some(Found::Attribute { content: Content::Value(value), .. } | Found::Default(value)) => Some(value),
        // Too long, or no value at all: nothing that can be understood.
        Some(_) => Some(Value::Null),
        None => None,
    })
}

fn own(value: &Value) -> Option<HeaderValue> {
    let text = value.as_text().filter(|text| !text.trim().is_empty() && text.len() <= OWN_BYTES_MAX)?;
    HeaderValue::from_str(text).ok()
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn policies_are_read_as_they_are_written_and_ordered_by_strictness() {
        for policy in [ContentPolicy::Trusted, ContentPolicy::Sandbox, ContentPolicy::Clean] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        for wrong in ["", "Trusted", "trusted ", "none"] {
            assert!(wrong.parse::<ContentPolicy>().is_err(), "{wrong}");
        }
        assert!(
            ContentPolicy::Trusted < ContentPolicy::Sandbox && ContentPolicy::Sandbox < ContentPolicy::Clean
        );
    }

    #[test]
    fn a_policy_of_ones_own_is_one_legal_header_value() {
        let long = "a".repeat(OWN_BYTES_MAX + 1);
        for (text, is_legal) in [
            ("default-src 'self'", true),
            ("script-src a; img-src *", true),
            ("", false),
            ("  ", false),
            ("a\r\nX: y", false),
            ("a\nb", false),
            ("a\0", false),
            (&long, false),
        ] {
            assert_eq!(own(&Value::text(text)).is_some(), is_legal, "{text:.30}");
        }
        assert_eq!(own(&Value::Int(1)), None);
    }
}
