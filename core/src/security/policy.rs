//! The decision: may somebody use a permission on an object?
//!
//! It is answered at the object as it is shown and, where that is a version or the past, at the trunk's head, too:
//! there rights are narrowed, never widened. What has no place at the head counts where it stood last, with what the
//! head says there.

use std::sync::Arc;

use super::permission::{ANONYMOUS, AUTHENTICATED, OWNER};
use super::principal::{Actor, Principal, User};
use super::scope::{DEPTH_MAX, Scope};
use super::{Roles, Subject};
use crate::acquisition::containers;
use crate::object_type::TypeRegistry;
use crate::snapshot::{Chain, ReadError, Snapshot, chain};
use crate::{CellKey, Object, Oid, Place};

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
    /// The container of the template: they count in it and below, where whoever gave them has them himself.
    pub(super) folder: Oid,
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

/// Where an object stands, or stood last.
pub(super) struct Standing {
    /// The object and its containers as far as no path leads to them, each as it is now.
    pub(super) gone: Vec<Arc<Object>>,
    /// The first container that still stands; none where that is not known.
    pub(super) container: Option<Oid>,
}

impl Standing {
    /// The standing of an object in `snapshot`; what that knows nothing of stands as `other` has it.
    pub(super) fn of(
        snapshot: &dyn Snapshot,
        other: Option<&dyn Snapshot>,
        oid: Oid,
    ) -> Result<Self, ReadError> {
        let mut gone = Vec::new();
        let mut at = oid;
        while gone.len() <= DEPTH_MAX {
            let last = match chain(snapshot, at)? {
                Chain::Live(_) => return Ok(Self { gone, container: Some(at) }),
                Chain::Deleted(chain) => {
                    gone.extend(chain);
                    gone.last().map_or(at, |last: &Arc<Object>| last.oid())
                }
                Chain::Absent => {
                    gone.push(Arc::new(Object::new(at, snapshot.tid(), Vec::new())));
                    at
                }
                Chain::Orphan { .. } | Chain::Cycle(_) => {
                    gone.extend(snapshot.object(at)?);
                    break;
                }
            };
            match last_place(snapshot, other, last)? {
                Some(place) => at = place.parent,
                None => break,
            }
        }
        Ok(Self { gone, container: None })
    }

    /// The object and its containers, up to the root where they reach it.
    pub(super) fn chain(self, snapshot: &dyn Snapshot) -> Result<Vec<Arc<Object>>, ReadError> {
        let mut chain = self.gone;
        if let Some(container) = self.container {
            chain.extend(containers(snapshot, container)?);
        }
        Ok(chain)
    }
}

fn last_place(
    snapshot: &dyn Snapshot,
    other: Option<&dyn Snapshot>,
    oid: Oid,
) -> Result<Option<Place>, ReadError> {
    for snapshot in [Some(snapshot), other].into_iter().flatten() {
        let now = snapshot.object(oid)?.and_then(|object| object.place().cloned());
        let place = if now.is_some() { now } else { snapshot.last_place(oid)? };
        if place.is_some() {
            return Ok(place);
        }
    }
    Ok(None)
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

    /// The same where it stood last, if no path leads to it.
    pub(super) fn last(
        snapshot: &dyn Snapshot,
        other: Option<&dyn Snapshot>,
        oid: Oid,
    ) -> Result<Self, ReadError> {
        let standing = Standing::of(snapshot, other, oid)?;
        if standing.gone.is_empty()
            && let Some(object) = snapshot.object(oid)?
        {
            return Self::of(snapshot, &object);
        }
        let mut scope = match standing.container {
            Some(container) => snapshot.scope(container)?,
            None => Arc::new(Scope::outside()),
        };
        for object in standing.gone.iter().rev() {
            scope = Arc::new(scope.inside(object));
        }
        Ok(Self { scope, oid, owner: None })
    }

    fn contains(&self, container: Oid) -> bool {
        let is_outside = !self.scope.is_live() && container == Oid::ROOT;
        is_outside || container == self.oid || self.scope.containers().contains(&container)
    }

    fn everybody(&self, types: &TypeRegistry, permission: &str) -> bool {
        self.gives(types, permission, ANONYMOUS)
    }

    /// Whether a role has the permission here.
    pub(super) fn gives(&self, types: &TypeRegistry, permission: &str, role: &str) -> bool {
        self.scope.any_role(types.permissions(), permission, |roles| roles.contains(role))
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

    /// Whether the user has all these roles here, whatever for.
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
        if self.needs_no_right() {
            return Ok(true);
        }
        self.allows_at(&Spot::of(self.here, object)?, permission, object.oid())
    }

    /// The same for changing it, which also what was deleted can be: where it stood last.
    pub(super) fn allows_change(&self, permission: &str, oid: Oid) -> Result<bool, ReadError> {
        if self.needs_no_right() {
            return Ok(true);
        }
        self.allows_at(&Spot::last(self.here, None, oid)?, permission, oid)
    }

    fn needs_no_right(&self) -> bool {
        matches!(self.actor.who, Principal::System | Principal::Emergency(_))
            && self.actor.within.is_none()
            && self.limits.is_empty()
            && self.proxy.is_none()
    }

    fn allows_at(&self, here: &Spot, permission: &str, oid: Oid) -> Result<bool, ReadError> {
        if !self.permits(here, permission) {
            return Ok(false);
        }
        match self.head {
            Some(head) => Ok(self.permits(&Spot::last(head, Some(self.here), oid)?, permission)),
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
            let table = self.types.permissions();
            return at.contains(proxy.folder)
                && at.scope.any_role(table, permission, |roles| roles.meets(&proxy.roles));
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
