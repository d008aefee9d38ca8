//! Entitlement: who asks, and how an answer looks that he may not have.
//!
//! What somebody may not see looks like something that is not there, unless he may see that there is something: those
//! who may list the container are asked to log in, or told that their rights do not suffice.
//!
//! # Invariants
//! - Nothing is said of an object, not even by a redirect to its URL, before it is known that it may be seen.
//! - A denied object and a missing one get the same answer, made at the same place.

use std::sync::Arc;

use bough_core::security::permission::{LIST, VIEW};
use bough_core::security::{Access, Actor, user_folder};
use bough_core::snapshot::{ChildrenPage, ReadError};
use bough_core::traversal::Target;
use bough_core::{Object, Oid, Snapshot as _};

use super::visit::{Asked, Visit};
use super::{Failure, Publisher};
use crate::error::PublishError;

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
        let head = self.database.snapshot();
        let Some(users) = user_folder(&head, Oid::ROOT)? else { return Ok(true) };
        Ok(head.children(users, &ChildrenPage::first(1))?.is_empty())
    }
}

/// What a path leads to, where that may be seen; what it leads to otherwise is missing.
pub(crate) fn permitted(visit: &Visit, target: Target) -> Result<Target, Failure> {
    let at = match &target {
        Target::Object(object) | Target::View { object, .. } => require(visit, object, None)?,
        Target::Method { object, .. } => {
            // What it takes is for the method to say; but where nobody may see the object, there is no such method.
            let _ = object;
            true
        }
        Target::Applied { object, template } => {
            require(visit, object, None)?;
            require(visit, template, None)?
        }
        Target::Moved(oid) => visit.access.allows_at(VIEW, *oid)?,
        Target::Missing { .. } => true,
    };
    match at {
        true => Ok(target),
        false => Err(missing(visit, visit.entry())),
    }
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
        Ok(PublishError::NotFound) => missing(visit, object),
        Ok(error) => Failure::at(error, visit, &shown_near(visit, object)),
        Err(error) => error.into(),
    }
}

/// What somebody is told who may not do something with an object.
pub(crate) fn refusal(access: &Access, object: &Object, permission: &str) -> Result<PublishError, ReadError> {
    let container = object.place().map_or(object.oid(), |place| place.parent);
    let may_know = access.may_view(object)? || access.allows_at(LIST, container)?;
    Ok(match (may_know, access.actor().is_known()) {
        (false, _) => PublishError::NotFound,
        (true, false) => PublishError::LogIn,
        (true, true) => PublishError::Forbidden(permission.to_owned()),
    })
}

/// The answer to who asks for what is not there, or not for him.
pub(crate) fn missing(visit: &Visit, reached: &Arc<Object>) -> Failure {
    Failure::at(PublishError::NotFound, visit, &shown_near(visit, reached))
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
