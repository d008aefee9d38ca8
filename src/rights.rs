//! Who may do what: settings by path, and answers with their reasons.
//!
//! Who exists, and with which roles, is always asked of the public site as it is now; what is said at an object, of
//! what a view shows. In a version and at a past time nobody may more than the public site lets him now.

use std::sync::Arc;

use bough_core::acquisition::containers;
use bough_core::security::{
    Access, Actor, Explanation, Granted, Held, HeldBy, Principal, Roles, Setting, Subject, explain, user,
};
use bough_core::snapshot::ChildrenPage;
use bough_core::transaction::SharedSnapshot;
use bough_core::{CellKey, Content, Name, Object, ObjectPath, Oid, Snapshot as _};
use bough_store::LineId;

use crate::users::{Account, AccountKind};
use crate::{Error, Handle, Site, Tx, View};

/// How many objects below one are looked at, to say what somebody may do there.
const LOOKED_AT_MAX: usize = 200_000;
const CHILDREN_BATCH: usize = 256;

/// Who may use a permission on an object.
#[derive(Clone, Debug)]
pub struct WhoCan {
    /// The roles that have it there, and where that is said.
    pub granted: Vec<Granted>,
    /// Whether everybody has it, without logging in.
    pub everybody: bool,
    /// Users and groups that count there and have it, those of the nearest folder first.
    pub accounts: Vec<Entitled>,
    /// Whether there are more than were asked for.
    pub more: bool,
}

/// A user or a group, and by what it has a permission.
#[derive(Clone, Debug)]
pub struct Entitled {
    /// Who.
    pub account: Account,
    /// The roles by which it has the permission, and where they are from.
    pub by: Vec<Held>,
}

/// What somebody may do at an object, where that is other than in its container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scoped {
    /// The object.
    pub path: ObjectPath,
    /// All permissions that he has there.
    pub may: Roles,
    /// Those that he has there and not in its container.
    pub gained: Roles,
    /// Those that he has in its container and not there.
    pub lost: Roles,
}

/// One page of what somebody may do at an object and below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhatCan {
    /// The object itself first, then what differs from its container, in the order of the tree.
    pub scopes: Vec<Scoped>,
    /// Whether there are more than were asked for.
    pub more: bool,
    /// Whether the tree was too large to be looked at as a whole.
    pub cut: bool,
}

impl Site {
    /// What somebody may do with the site as it is now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn access(&self, actor: Actor) -> Result<Access, Error> {
        self.access_in(&self.now(), actor)
    }

    /// What somebody may do with what a view shows.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn access_in(&self, view: &View, actor: Actor) -> Result<Access, Error> {
        let here: SharedSnapshot = Arc::new(view.snapshot().clone());
        let head = self.head()?;
        let is_head = view.snapshot().line() == LineId::TRUNK && head.tid() == view.tid();
        let head = (!is_head).then(|| Arc::new(head.snapshot().clone()) as SharedSnapshot);
        Ok(Access::new(actor, Arc::clone(view.types()), here, head))
    }

    /// The public site as it is now: who exists is asked there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn head(&self) -> Result<View, Error> {
        let trunk = self.database().on(LineId::TRUNK).map_err(bough_store::version::VersionError::from)?;
        Ok(self.on_line(trunk).now())
    }

    /// The user as who somebody would ask: nobody in particular where he is disabled or no user.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn actor(&self, oid: Oid) -> Result<Actor, Error> {
        let user = user(self.head()?.snapshot(), oid)?;
        Ok(Actor::new(user.map_or(Principal::Anonymous, |user| Principal::User(Arc::new(user)))))
    }

    /// Why somebody may or may not use a permission on an object.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn why(&self, actor: Actor, permission: &str, object: &Handle) -> Result<Explanation, Error> {
        Ok(explain(&self.access_in(object.view(), actor)?, permission, object.object())?)
    }

    /// Who may use a permission on an object: `limit` of them, after `skip` others.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn who_can(
        &self,
        permission: &str,
        object: &Handle,
        skip: usize,
        limit: usize,
    ) -> Result<WhoCan, Error> {
        let nobody = self.why(Actor::anonymous(), permission, object)?;
        let head = self.head()?;
        let mut found =
            WhoCan { everybody: nobody.allowed, granted: nobody.granted, accounts: Vec::new(), more: false };
        let mut skipped = 0;
        for folder in folders_around(object)? {
            let Some(folder) = head.by_oid(folder)? else { continue };
            for account in head.accounts(&folder.path().to_string())? {
                let by = self.entitles(permission, object, &account, &found.granted)?;
                if by.is_empty() {
                    continue;
                }
                if skipped < skip {
                    skipped += 1;
                } else if found.accounts.len() == limit {
                    found.more = true;
                    return Ok(found);
                } else {
                    found.accounts.push(Entitled { account, by });
                }
            }
        }
        Ok(found)
    }

    /// By which roles an account has a permission; none if it has not.
    fn entitles(
        &self,
        permission: &str,
        object: &Handle,
        account: &Account,
        granted: &[Granted],
    ) -> Result<Vec<Held>, Error> {
        let counts = |held: &Held| granted.iter().any(|granted| granted.role == held.role);
        if account.kind == AccountKind::Group {
            return Ok(held_by_group(object, account)?.into_iter().filter(counts).collect());
        }
        let actor = self.actor(account.oid)?;
        if actor.user().is_none() {
            return Ok(Vec::new());
        }
        let why = self.why(actor, permission, object)?;
        if !why.allowed {
            return Ok(Vec::new());
        }
        Ok(why.held.into_iter().filter(counts).collect())
    }

    /// What somebody may do with an object, and with what is in it where that is other than around it: `limit` places,
    /// after `skip` others. Only objects that say something about rights are told.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn what_can(
        &self,
        actor: Actor,
        below: &Handle,
        skip: usize,
        limit: usize,
    ) -> Result<WhatCan, Error> {
        let view = below.view();
        let walk = Walk {
            access: self.access_in(view, actor)?,
            view,
            skip,
            limit,
            looked_at: 0,
            found: WhatCan { scopes: Vec::new(), more: false, cut: false },
        };
        walk.from(below)
    }
}

/// The objects around an object, and itself, as its view and now the public site have them.
fn folders_around(object: &Handle) -> Result<Vec<Oid>, Error> {
    let around = containers(object.view().snapshot(), object.oid())?;
    Ok(around.iter().map(|container| container.oid()).collect())
}

/// The roles of a group at an object.
fn held_by_group(object: &Handle, group: &Account) -> Result<Vec<Held>, Error> {
    let own = group.roles.iter().map(|role| Held { role: role.clone(), by: HeldBy::User(group.oid) });
    let mut held: Vec<Held> = own.collect();
    for container in containers(object.view().snapshot(), object.oid())? {
        for (key, cell) in container.security() {
            if let (CellKey::LocalRoles(Subject::Principal(oid)), Content::Roles(roles)) =
                (key, &cell.content)
                && *oid == group.oid
            {
                let at = bough_core::security::CellAt {
                    oid: container.oid(),
                    key: key.clone(),
                    tid: Some(cell.tid),
                };
                let local = |role: &Name| Held { role: role.clone(), by: HeldBy::Local(at.clone()) };
                held.extend(roles.iter().map(local));
            }
        }
    }
    Ok(held)
}

struct Walk<'a> {
    access: Access,
    view: &'a View,
    skip: usize,
    limit: usize,
    looked_at: usize,
    found: WhatCan,
}

impl Walk<'_> {
    fn from(mut self, top: &Handle) -> Result<WhatCan, Error> {
        let may = self.may(top.object())?;
        let none = Roles::default();
        self.found.scopes.push(Scoped {
            path: top.path().clone(),
            may: may.clone(),
            gained: none.clone(),
            lost: none,
        });
        self.below(top.oid(), top.path(), &may)?;
        Ok(self.found)
    }

    /// As deep as the tree, which is bounded.
    fn below(&mut self, container: Oid, path: &ObjectPath, around: &Roles) -> Result<(), Error> {
        let mut page = ChildrenPage::first(CHILDREN_BATCH);
        loop {
            let children = self.view.snapshot().children(container, &page)?;
            for child in &children {
                self.looked_at += 1;
                self.found.cut |= self.looked_at > LOOKED_AT_MAX;
                if self.found.more || self.found.cut {
                    return Ok(());
                }
                let Some(object) = self.view.snapshot().object(child.oid)? else { continue };
                let path = path.join(&child.name);
                let may = match self.says_something(&object)? {
                    true => self.differs(&object, &path, around)?,
                    false => around.clone(),
                };
                self.below(child.oid, &path, &may)?;
            }
            match children.last().filter(|_| children.len() == page.limit) {
                Some(last) => page = page.following(last),
                None => return Ok(()),
            }
        }
    }

    /// Whether rights at the object can be others than around it, here or on the public site.
    fn says_something(&self, object: &Object) -> Result<bool, Error> {
        if !object.security().is_empty() || Arc::ptr_eq(self.access.here(), self.access.head()) {
            return Ok(!object.security().is_empty());
        }
        let parent = |object: &Object| object.place().map(|place| place.parent);
        let at_head = self.access.head().object(object.oid())?;
        Ok(at_head.is_some_and(|head| !head.security().is_empty() || parent(&head) != parent(object)))
    }

    /// What he may do at an object that says something; told if that is other than around it.
    fn differs(&mut self, object: &Object, path: &ObjectPath, around: &Roles) -> Result<Roles, Error> {
        let may = self.may(object)?;
        if may == *around {
            return Ok(may);
        }
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.found.scopes.len() > self.limit {
            self.found.more = true;
        } else {
            let only = |these: &Roles, others: &Roles| {
                Roles::new(these.iter().filter(|name| !others.contains(name.as_str())).cloned())
            };
            self.found.scopes.push(Scoped {
                path: path.clone(),
                gained: only(&may, around),
                lost: only(around, &may),
                may: may.clone(),
            });
        }
        Ok(may)
    }

    fn may(&self, object: &Object) -> Result<Roles, Error> {
        let types = Arc::clone(self.access.types());
        let mut may = Vec::new();
        for (permission, _) in types.permissions().iter() {
            if self.access.allows(permission.as_str(), object)? {
                may.push(permission.clone());
            }
        }
        Ok(Roles::new(may))
    }
}

impl Tx<'_> {
    /// Says which roles have a permission at an object and below, or nothing about it.
    ///
    /// # Errors
    /// When nothing is at the path, or the permission is no name.
    pub fn set_permission(
        &mut self,
        path: &str,
        permission: &str,
        setting: Option<Setting>,
    ) -> Result<(), Error> {
        let oid = self.find(path)?;
        Ok((**self).set_permission(oid, &Name::new(permission)?, setting)?)
    }

    /// Gives somebody exactly these roles at an object and below; none takes them away. [`Tx::subject`] finds whom.
    ///
    /// # Errors
    /// When nothing is at the path.
    pub fn set_local_roles(&mut self, path: &str, whose: Subject, roles: Roles) -> Result<(), Error> {
        let oid = self.find(path)?;
        Ok((**self).set_local_roles(oid, whose, roles)?)
    }

    /// The roles that somebody was given at an object itself.
    ///
    /// # Errors
    /// When nothing is at the path.
    pub fn local_roles(&self, path: &str, whose: &Subject) -> Result<Roles, Error> {
        let object = bough_core::Snapshot::object(&***self, self.find(path)?)?;
        let key = CellKey::LocalRoles(whose.clone());
        Ok(match object.as_ref().and_then(|object| object.content(&key)) {
            Some(Content::Roles(roles)) => roles.clone(),
            _ => Roles::default(),
        })
    }

    /// Says whose an object is.
    ///
    /// # Errors
    /// When nothing is at the path.
    pub fn set_owner(&mut self, path: &str, owner: Option<Oid>) -> Result<(), Error> {
        let oid = self.find(path)?;
        Ok((**self).set_owner(oid, owner)?)
    }

    /// Says with which roles a template runs instead of its caller's.
    ///
    /// # Errors
    /// When nothing is at the path.
    pub fn set_proxy_roles(&mut self, path: &str, roles: Option<Roles>) -> Result<(), Error> {
        let oid = self.find(path)?;
        Ok((**self).set_proxy_roles(oid, roles)?)
    }
}

#[cfg(test)]
#[path = "rights_tests.rs"]
mod tests;
