//! Entitlement: who asks, and how an answer looks that he may not have.
//!
//! What somebody may not see looks like something that is not there, unless he may see that there is something: those
//! who may list the container are asked to log in, or told that their rights do not suffice. That goes for everything
//! below what is hidden, too, be it there or not.
//!
//! # Invariants
//! - Nothing is said of an object, not even by a redirect to its URL, before it is known that it may be seen.
//! - A denied object and a missing one get the same answer, made at the same place.

use std::sync::Arc;

use bough_core::acquisition::containers;
use bough_core::security::permission::{LIST, VIEW};
use bough_core::security::{Access, Actor, USERS_NAME};
use bough_core::snapshot::ReadError;
use bough_core::traversal::Target;
use bough_core::{Object, Oid, Snapshot as _};

use super::visit::{Asked, Visit};
use super::{Failure, Publisher};
use crate::error::PublishError;
use crate::version_rights::has_no_users;

impl Publisher {
    /// Who asks.
    pub(super) fn actor(&self, asked: &Asked) -> Actor {
        asked.actor.get().cloned().unwrap_or_else(Actor::anonymous)
    }

    /// Whether nobody can log in yet, so that whoever sits at this machine is taken for its owner.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn has_no_users(&self) -> Result<bool, ReadError> {
        has_no_users(&self.database.snapshot())
    }
}

/// What a path leads to, where that may be seen; what it leads to otherwise is missing.
pub(crate) fn permitted(visit: &Visit, target: Target, steps: &[String]) -> Result<Target, Failure> {
    let at = match &target {
        Target::Object(object) | Target::View { object, .. } => require(visit, object, None)?,
        Target::Applied { object, template } => {
            require(visit, object, None)?;
            require(visit, template, None)?
        }
        Target::Moved(oid) => visit.access.allows_at(VIEW, *oid)?,
        // A method says itself what it takes.
        Target::Method { .. } | Target::Missing { .. } => true,
    };
    match at {
        true => Ok(target),
        // As if it had never been there.
        false => Err(missing(visit, &nearest(visit, steps)?)),
    }
}

/// How far a path leads.
fn nearest(visit: &Visit, steps: &[String]) -> Result<Arc<Object>, ReadError> {
    let mut at = Arc::clone(visit.entry());
    for step in steps {
        let child = visit.snapshot.child(at.oid(), step)?;
        match child.map(|oid| visit.snapshot.object(oid)).transpose()?.flatten() {
            Some(object) => at = object,
            None => break,
        }
    }
    Ok(at)
}

/// Refuses what may not be done with an object: to see it, where no permission is named.
pub(crate) fn require(
    visit: &Visit,
    object: &Arc<Object>,
    permission: Option<&str>,
) -> Result<bool, Failure> {
    let may = match permission {
        None => visit.access.may_view(object)?,
        Some(permission) => visit.access.allows(permission, object)?,
    };
    if may { Ok(true) } else { Err(denied(visit, object, permission.unwrap_or(VIEW))) }
}

/// The answer to somebody who may not do something with an object.
pub(super) fn denied(visit: &Visit, object: &Arc<Object>, permission: &str) -> Failure {
    match refusal(&visit.access, object, permission) {
        Ok(error) => Failure::at(error, visit, &shown_near(visit, object)),
        Err(error) => error.into(),
    }
}

/// The answer to who asks for what is not there, or not for him. `reached` is how far the path led: below what is hidden
/// there is no telling what is missing.
pub(crate) fn missing(visit: &Visit, reached: &Arc<Object>) -> Failure {
    let error = match outermost_hidden(&visit.access, reached) {
        Ok(Some(hidden)) => refusal_at(&visit.access, &hidden, VIEW),
        Ok(None) => Ok(PublishError::NotFound),
        Err(error) => Err(error),
    };
    match error {
        Ok(error) => Failure::at(error, visit, &shown_near(visit, reached)),
        Err(error) => error.into(),
    }
}

/// What somebody is told who may not do something with an object.
pub(crate) fn refusal(access: &Access, object: &Object, permission: &str) -> Result<PublishError, ReadError> {
    match outermost_hidden(access, object)? {
        Some(hidden) => refusal_at(access, &hidden, VIEW),
        None => Ok(known(access, permission)),
    }
}

/// The same at an object that may not be seen, in containers that may.
fn refusal_at(access: &Access, hidden: &Object, permission: &str) -> Result<PublishError, ReadError> {
    let may_know = match hidden.place() {
        // That there are users is listed nowhere.
        Some(place) => place.name != USERS_NAME && access.allows_at(LIST, place.parent)?,
        None => hidden.oid() == Oid::ROOT,
    };
    Ok(if may_know { known(access, permission) } else { PublishError::NotFound })
}

fn known(access: &Access, permission: &str) -> PublishError {
    match access.actor().is_known() {
        false => PublishError::LogIn,
        true => PublishError::Forbidden(permission.to_owned()),
    }
}

/// The first on the way from the root to an object that may not be seen.
fn outermost_hidden(access: &Access, object: &Object) -> Result<Option<Arc<Object>>, ReadError> {
    for container in containers(&**access.here(), object.oid())?.into_iter().rev() {
        if !access.may_view(&container)? {
            return Ok(Some(container));
        }
    }
    Ok(None)
}

/// The nearest container that may be seen: there error pages are acquired.
fn shown_near(visit: &Visit, object: &Arc<Object>) -> Arc<Object> {
    let mut at = Arc::clone(object);
    loop {
        if at.oid() == visit.entry().oid() || visit.access.may_view(&at).unwrap_or(false) {
            return at;
        }
        let parent = at.place().map(|place| visit.snapshot.object(place.parent));
        match parent {
            Some(Ok(Some(parent))) => at = parent,
            _ => return Arc::clone(visit.entry()),
        }
    }
}
