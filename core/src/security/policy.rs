//! The decision: may somebody use a permission on an object?
//!
//! It is answered at the object as it is shown and, where that is a version or the past, at the trunk's head, too:
//! there rights are narrowed, never widened. For what has no place at the head, that asks the containers that still
//! have one, and what the head says of the others.

use std::sync::Arc;

use super::permission::{ANONYMOUS, AUTHENTICATED, OWNER};
use super::principal::{Actor, Principal, User};
use super::scope::Scope;
use super::{Roles, Subject};
use crate::acquisition::containers;
use crate::object_type::TypeRegistry;
use crate::snapshot::{ReadError, Snapshot, is_live};
use crate::{CellKey, Object, Oid};

/// A template that runs limits what is seen, as if its owner looked, too.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    /// The owner; none where that is no user any more, and so may what everybody may.
    pub(super) owner: Option<User>,
}

/// The roles that a template runs with.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    pub(super) roles: Roles,
    /// Where they count; none for everywhere.
    pub(super) folder: Option<Oid>,
}

/// Everything that a decision depends on but the object.
#[derive(Clone, Copy)]
pub(super) struct Policy<'a> {
    pub(super) types: &'a TypeRegistry,
    pub(super) actor: &'a Actor,
    pub(super) here: &'a dyn Snapshot,
    /// The trunk's head, where something else is shown.
    pub(super) head: Option<&'a dyn Snapshot>,
    pub(super) limits: &'a [Limit],
    pub(super) proxy: Option<&'a Proxy>,
}

/// An object and what holds there.
pub(super) struct Spot {
    pub(super) scope: Arc<Scope>,
    oid: Oid,
    owner: Option<Oid>,
}

impl Spot {
    /// The spot of an object. Objects that say nothing themselves share the scope of their container.
    pub(super) fn of(snapshot: &dyn Snapshot, object: &Object) -> Result<Self, ReadError> {
        let says = object.security().iter().any(|(key, _)| *key != CellKey::Owner);
        let at = match object.place() {
            Some(place) if !says => place.parent,
            _ => object.oid(),
        };
        let owner = object.owner();
        Ok(Self { scope: snapshot.scope(at)?, oid: object.oid(), owner })
    }

    /// What the head says of an object that is shown elsewhere.
    fn at_head(head: &dyn Snapshot, here: &dyn Snapshot, object: &Object) -> Result<Self, ReadError> {
        if is_live(head, object.oid())?
            && let Some(object) = head.object(object.oid())?
        {
            return Self::of(head, &object);
        }
        let mut gone = Vec::new();
        let mut scope = Arc::new(Scope::above_root());
        for container in containers(here, object.oid())? {
            if is_live(head, container.oid())? {
                scope = head.scope(container.oid())?;
                break;
            }
            gone.push(container);
        }
        // From the outermost one in: what the head still says of it, or at least that it is on the way.
        for container in gone.iter().rev() {
            let said = head.object(container.oid())?;
            let nothing = || Arc::new(Object::new(container.oid(), head.tid(), Vec::new()));
            scope = Arc::new(scope.inside(&said.unwrap_or_else(nothing)));
        }
        Ok(Self { scope, oid: object.oid(), owner: None })
    }

    fn contains(&self, container: Oid) -> bool {
        let is_outside = !self.scope.is_live() && container == Oid::ROOT;
        is_outside || container == self.oid || self.scope.containers().contains(&container)
    }

    fn everybody(&self, types: &TypeRegistry, permission: &str) -> bool {
        self.scope.any_role(types.permissions(), permission, |roles| roles.contains(ANONYMOUS))
    }

    fn has(&self, types: &TypeRegistry, permission: &str, user: &User) -> bool {
        self.contains(user.folder)
            && self.scope.any_role(types.permissions(), permission, |roles| {
                roles.contains(AUTHENTICATED)
                    || roles.meets(&user.roles)
                    || self.has_local(user, roles)
                    || (self.owner == Some(user.oid) && roles.contains(OWNER))
            })
    }

    fn has_local(&self, user: &User, wanted: &Roles) -> bool {
        let given = |subject: &Subject| self.scope.local(subject).is_some_and(|roles| roles.meets(wanted));
        given(&Subject::Principal(user.oid))
            || given(&Subject::Name(user.name.clone()))
            || user.groups.iter().any(|group| given(&Subject::Principal(*group)))
    }

    /// Whether the user has one of these roles here, whatever for.
    pub(super) fn has_all_roles(&self, user: &User, wanted: &Roles) -> bool {
        self.contains(user.folder)
            && wanted.iter().all(|role| {
                let role = Roles::new([role.clone()]);
                role.meets(&user.roles)
                    || role.contains(AUTHENTICATED)
                    || role.contains(ANONYMOUS)
                    || self.has_local(user, &role)
                    || (self.owner == Some(user.oid) && role.contains(OWNER))
            })
    }
}

impl Policy<'_> {
    /// Whether the permission may be used on an object that `here` shows.
    pub(super) fn allows(&self, permission: &str, object: &Object) -> Result<bool, ReadError> {
        if matches!(self.actor.who, Principal::System | Principal::Emergency(_))
            && self.actor.within.is_none()
            && self.limits.is_empty()
            && self.proxy.is_none()
        {
            return Ok(true);
        }
        let spot = Spot::of(self.here, object)?;
        if !self.permits(&spot, permission) {
            return Ok(false);
        }
        match self.head {
            Some(head) => Ok(self.permits(&Spot::at_head(head, self.here, object)?, permission)),
            None => Ok(true),
        }
    }

    fn permits(&self, at: &Spot, permission: &str) -> bool {
        let limited = self.limits.iter().any(|limit| match &limit.owner {
            Some(owner) => !at.everybody(self.types, permission) && !at.has(self.types, permission, owner),
            None => !at.everybody(self.types, permission),
        });
        if limited {
            return false;
        }
        at.everybody(self.types, permission)
            || (self.reaches(at, permission) && self.is_entitled(at, permission))
    }

    fn is_entitled(&self, at: &Spot, permission: &str) -> bool {
        if let Some(proxy) = self.proxy {
            let counts = proxy.folder.is_none_or(|folder| at.contains(folder));
            let table = self.types.permissions();
            return counts && at.scope.any_role(table, permission, |roles| roles.meets(&proxy.roles));
        }
        match &self.actor.who {
            Principal::Anonymous => false,
            Principal::User(user) => at.has(self.types, permission, user),
            Principal::Emergency(_) | Principal::System => true,
        }
    }

    fn reaches(&self, at: &Spot, permission: &str) -> bool {
        self.actor.within.as_ref().is_none_or(|within| {
            within.subtree.is_none_or(|subtree| at.contains(subtree))
                && within.permissions.as_ref().is_none_or(|permissions| permissions.contains(permission))
        })
    }
}
