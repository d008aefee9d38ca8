//! Accounts of users: what proves who they are, for those who manage users, and what happened to accounts.

use bough_core::Oid;
use bough_core::security::USER;

use super::call::{Answer, Call};
use super::dto_account::{
    AccountEvent, AccountEvents, Changed, Credentials, NewPassword, SessionShown, TokenShown,
};
use super::value::rfc3339;
use crate::auth::{AccountError, EVENTS_MAX, Event, Recorded};
use crate::error::PublishError;
use crate::problem::{Code, Problem};

/// The user that is addressed.
fn addressed(call: &Call<'_>) -> Result<Oid, PublishError> {
    match call.object.is_a(USER) {
        true => Ok(call.object.oid()),
        false => Err(Problem::new(Code::Value, "only users have credentials").into()),
    }
}

/// `GET @@credentials`.
pub(super) fn get(call: &Call<'_>) -> Result<Answer, PublishError> {
    let user = addressed(call)?;
    let sessions = call.publisher.accounts.sessions(user)?.into_iter().map(|session| SessionShown {
        id: session.id.clone(),
        made: rfc3339(session.made_micros),
        seen: rfc3339(session.seen_micros),
        agent: session.agent.clone(),
        address: session.address.map(|address| address.to_string()),
    });
    let tokens = call.publisher.accounts.tokens(user)?.into_iter().map(|token| TokenShown {
        id: token.id.clone(),
        name: token.about.name.clone(),
        subtree: token.about.subtree.map(|oid| oid.to_string()),
        permissions: token.about.permissions.map(|all| all.into_iter().collect()),
        expires: token.about.expires_micros.map(rfc3339),
        made: rfc3339(token.made_micros),
        used: token.used_micros.map(rfc3339),
    });
    Answer::ok(&Credentials {
        has_password: call.publisher.accounts.has_password(user)?,
        sessions: sessions.collect(),
        tokens: tokens.collect(),
    })
}

/// `PUT @@credentials/password`: also ends the sessions of the password before.
pub(super) fn set_password(call: &Call<'_>) -> Result<Answer, PublishError> {
    let user = addressed(call)?;
    let wanted: NewPassword = call.json()?;
    match call.publisher.accounts.set_password(user, &wanted.password) {
        Err(error @ (AccountError::PasswordShort | AccountError::PasswordLong)) => {
            Err(Problem::new(Code::Value, error.to_string()).into())
        }
        done => {
            done?;
            Answer::ok(&Changed { changed: true })
        }
    }
}

/// `DELETE @@credentials/password`.
pub(super) fn remove_password(call: &Call<'_>) -> Result<Answer, PublishError> {
    let user = addressed(call)?;
    let changed = call.publisher.accounts.has_password(user)?;
    call.publisher.accounts.remove_password(user)?;
    Answer::ok(&Changed { changed })
}

/// `DELETE @@credentials/sessions/ID`.
pub(super) fn end_session(call: &Call<'_>) -> Result<Answer, PublishError> {
    gone(call.publisher.accounts.revoke_session(addressed(call)?, call.steps[0])?)
}

/// `DELETE @@credentials/tokens/ID`.
pub(super) fn revoke_token(call: &Call<'_>) -> Result<Answer, PublishError> {
    gone(call.publisher.accounts.revoke_token(addressed(call)?, call.steps[0])?)
}

fn gone(was_there: bool) -> Result<Answer, PublishError> {
    match was_there {
        true => Answer::ok(&Changed { changed: true }),
        false => Err(Problem::new(Code::NotFound, "the user has none of that id").into()),
    }
}

/// `GET /@@audit`.
pub(super) fn audit(call: &Call<'_>) -> Result<Answer, PublishError> {
    let limit = call.number("limit", 100, EVENTS_MAX)?.max(1);
    let events = call.publisher.accounts.events(None, limit)?;
    Answer::ok(&AccountEvents { items: events.iter().map(shown).collect() })
}

fn shown(found: &Recorded) -> AccountEvent {
    let (event, name, count) = match &found.event {
        Event::LogIn => ("log-in", None, None),
        Event::Failed { name } => ("failed", Some(name), None),
        Event::MoreFailed { count } => ("more-failed", None, Some(*count)),
        Event::LockedOut { name } => ("locked-out", Some(name), None),
        Event::LogOut => ("log-out", None, None),
        Event::SessionsRevoked { count } => ("sessions-revoked", None, Some(*count)),
        Event::PasswordSet => ("password-set", None, None),
        Event::PasswordRemoved => ("password-removed", None, None),
        Event::TokenMade { name } => ("token-made", Some(name), None),
        Event::TokenRevoked { name } => ("token-revoked", Some(name), None),
        Event::InviteMade => ("invite-made", None, None),
        Event::InviteUsed => ("invite-used", None, None),
    };
    AccountEvent {
        time: rfc3339(found.micros),
        event,
        user: found.user.map(|oid| oid.to_string()),
        name: name.cloned(),
        count,
        address: found.address.map(|address| address.to_string()),
    }
}
