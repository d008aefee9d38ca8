//! The JSON of accounts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What proves who a user is, without the secrets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Credentials {
    pub(super) has_password: bool,
    /// Where the user is logged in.
    pub(super) sessions: Vec<SessionShown>,
    pub(super) tokens: Vec<TokenShown>,
}

/// A browser that a user is logged in with.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionShown {
    pub(super) id: String,
    pub(super) made: String,
    /// To the hour.
    pub(super) seen: String,
    /// What the browser calls itself.
    pub(super) agent: String,
    pub(super) address: Option<String>,
}

/// A token for a program.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenShown {
    pub(super) id: String,
    pub(super) name: String,
    /// The object outside of which it does nothing.
    pub(super) subtree: Option<String>,
    /// The only permissions that it gives.
    pub(super) permissions: Option<Vec<String>>,
    pub(super) expires: Option<String>,
    pub(super) made: String,
    /// To the hour; none where it never was.
    pub(super) used: Option<String>,
}

/// A password that a user shall have.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// At least 8 characters, at most 1,024 bytes.
    pub(super) password: String,
}

/// Whether something was changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Changed {
    pub(super) changed: bool,
}

/// What happened to accounts, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccountEvents {
    pub(super) items: Vec<AccountEvent>,
}

/// Something that happened to an account.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccountEvent {
    pub(super) time: String,
    /// `log-in`, `failed`, `more-failed`, `locked-out`, `log-out`, `sessions-revoked`, `password-set`,
    /// `password-removed`, `token-made`, `token-revoked`, `invite-made` or `invite-used`.
    pub(super) event: &'static str,
    /// The oid of the user, where that is known.
    pub(super) user: Option<String>,
    /// The name that was typed, or what the token is called.
    pub(super) name: Option<String>,
    pub(super) count: Option<u64>,
    pub(super) address: Option<String>,
}
