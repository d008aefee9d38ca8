//! Access: who asks, and what he looks at.

use std::sync::Arc;

use super::policy::{Limit, Policy, Proxy};
use super::principal::{Actor, Principal, user};
use crate::acquisition::containers;
use crate::object_type::TypeRegistry;
use crate::snapshot::ReadError;
use crate::transaction::SharedSnapshot;
use crate::{CellKey, Content, Object, Oid};

/// What somebody may do with what he is shown.
#[derive(Clone)]
pub struct Access {
    actor: Actor,
    types: Arc<TypeRegistry>,
    here: SharedSnapshot,
    head: Option<SharedSnapshot>,
    limits: Arc<[Limit]>,
    proxy: Option<Arc<Proxy>>,
}

impl Access {
    /// What `actor` may do with what `here` shows; `head` is the trunk's head, where that is something else.
    pub fn new(
        actor: Actor,
        types: Arc<TypeRegistry>,
        here: SharedSnapshot,
        head: Option<SharedSnapshot>,
    ) -> Self {
        Self { actor, types, here, head, limits: [].into(), proxy: None }
    }

    /// Who asks.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The types, and the permissions of the site.
    pub fn types(&self) -> &Arc<TypeRegistry> {
        &self.types
    }

    /// What is shown.
    pub fn here(&self) -> &SharedSnapshot {
        &self.here
    }

    /// The trunk's head: who exists, and more than what nobody may.
    pub fn head(&self) -> &SharedSnapshot {
        self.head.as_ref().unwrap_or(&self.here)
    }

    /// Whether the permission may be used on an object that is shown. Takes no memory where the scopes are known.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn allows(&self, permission: &str, object: &Object) -> Result<bool, ReadError> {
        self.policy().allows(permission, object)
    }

    /// The same for the object of that oid; nobody may anything with one that is not there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn allows_at(&self, permission: &str, oid: Oid) -> Result<bool, ReadError> {
        match self.here.object(oid)? {
            Some(object) => self.allows(permission, &object),
            None => Ok(false),
        }
    }

    /// Whether the object may be seen, by what its type asks for that.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn may_view(&self, object: &Object) -> Result<bool, ReadError> {
        self.allows(self.types.guards(object.type_name()).view, object)
    }

    /// The same while a template runs: what its owner may not, it may not for anybody. Where it has proxy roles, those
    /// stand for the roles of whoever asks, in the template's container and below; where it has none, neither has it
    /// those of a template that called it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn running(&self, template: &Object) -> Result<Self, ReadError> {
        let proxy = match template.content(&CellKey::ProxyRoles) {
            Some(Content::Roles(roles)) => {
                let folder = template.place().map_or(template.oid(), |place| place.parent);
                Some(Arc::new(Proxy { roles: roles.clone(), folder }))
            }
            _ => None,
        };
        Self { proxy, ..self.clone() }.limited_by(template)
    }

    /// The same while another template contributes to what is shown: what its owner may not, nobody may through it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn limited_by(&self, template: &Object) -> Result<Self, ReadError> {
        let Some(owner) = self.owner_of(template)? else { return Ok(self.clone()) };
        // Nobody is limited by himself, but the roles of a template are.
        if let (Some(owner), Principal::User(asks), None) = (&owner, &self.actor.who, &self.proxy)
            && owner.oid == asks.oid
        {
            return Ok(self.clone());
        }
        let limits = self.limits.iter().cloned().chain([Limit { owner }]).collect();
        Ok(Self { limits, ..self.clone() })
    }

    /// The owner of an object, its own or its containers': none where nobody is, an empty one where it is no user now.
    fn owner_of(&self, object: &Object) -> Result<Option<Option<super::User>>, ReadError> {
        for container in containers(&*self.here, object.oid())? {
            if let Some(owner) = container.owner() {
                return Ok(Some(user(&**self.head(), owner)?));
            }
        }
        Ok(None)
    }

    pub(super) fn policy(&self) -> Policy<'_> {
        Policy {
            types: &self.types,
            actor: &self.actor,
            here: &*self.here,
            head: self.head.as_ref().map(|head| &**head as _),
            limits: &self.limits,
            proxy: self.proxy.as_deref(),
        }
    }
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access")
            .field("actor", &self.actor)
            .field("tid", &self.here.tid())
            .finish_non_exhaustive()
    }
}
