//! Explanations: why somebody may or may not do something, down to the cells that make it so.
//!
//! The decision is made by [`super::Access::allows`]; what is said here is found by another way, along the containers,
//! and tests hold the two together.

use std::sync::Arc;

use super::permission::{ANONYMOUS, AUTHENTICATED, MANAGER, OWNER};
use super::principal::{Principal, User};
use super::{Access, Roles, Setting, Subject};
use crate::acquisition::containers;
use crate::snapshot::{ReadError, is_live};
use crate::{CellKey, Content, Name, Object, Oid, Tid};

/// A cell that bears on a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellAt {
    /// The object.
    pub oid: Oid,
    /// Which of its cells.
    pub key: CellKey,
    /// The commit that wrote it; none for a cell that is not there.
    pub tid: Option<Tid>,
}

/// A role that has the permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The role.
    pub role: Name,
    /// The setting that says so; none where it has it because nothing else is said.
    pub by: Option<CellAt>,
}

/// Where somebody has a role from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldBy {
    /// Everybody has it, or everybody who logged in.
    Everybody,
    /// The user has it wherever he counts, by himself or through a group.
    User(Oid),
    /// Given at an object, to the user, his name or his group.
    Local(CellAt),
    /// As owner of an object.
    Owner(CellAt),
}

/// A role that somebody has at an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The role.
    pub role: Name,
    /// Where from.
    pub by: HeldBy,
}

/// Why a decision is as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Everybody may.
    Everybody,
    /// Somebody who needs no right.
    Omnipotent,
    /// By a role.
    Role,
    /// Nobody at all may: the setting names no role.
    Private,
    /// He did not log in.
    NotLoggedIn,
    /// The object lies outside the folder in which the user counts.
    Outside {
        /// That folder.
        folder: Oid,
    },
    /// None of his roles has the permission.
    NoRole,
    /// His token or link is not good for it.
    Within,
    /// The object is deleted, so only managers of the whole site may.
    Deleted,
    /// Where it is shown he might, but not at the trunk's head.
    AtHead(Box<Explanation>),
}

/// A cell to change for the other answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// The cell.
    pub cell: CellAt,
    /// What to put there.
    pub instead: Option<Content>,
}

/// Why somebody may or may not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The decision.
    pub allowed: bool,
    /// Why.
    pub reason: Reason,
    /// The roles that have the permission, nearest setting first.
    pub granted: Vec<Granted>,
    /// The setting past which nothing is acquired, if there is one.
    pub stopped_by: Option<CellAt>,
    /// The roles that he has there.
    pub held: Vec<Held>,
    /// The cells that make it so: all of them changed as said, the answer is the other one. Empty where no setting can
    /// change it.
    pub because: Vec<Because>,
}

/// Why the actor of `access` may or may not use a permission on an object that it shows.
///
/// # Errors
/// When the store cannot be read.
pub fn explain(access: &Access, permission: &str, object: &Object) -> Result<Explanation, ReadError> {
    let here = &**access.here();
    let chain = containers(here, object.oid())?;
    let is_deleted = !is_live(here, object.oid())?;
    let shown = Case { access, permission, chain: &chain, is_deleted }.explain()?;
    if !shown.allowed || Arc::ptr_eq(access.head(), access.here()) {
        return Ok(shown);
    }
    let head = &**access.head();
    let mut said = Vec::new();
    let mut rest = chain.iter();
    if is_live(head, object.oid())? {
        said = containers(head, object.oid())?;
    } else {
        for container in rest.by_ref() {
            if is_live(head, container.oid())? {
                said.extend(containers(head, container.oid())?);
                break;
            }
            let nothing = || Arc::new(Object::new(container.oid(), head.tid(), Vec::new()));
            said.push(head.object(container.oid())?.unwrap_or_else(nothing));
        }
    }
    let at_head = Case { access, permission, chain: &said, is_deleted: false }.explain()?;
    Ok(match at_head.allowed {
        true => shown,
        false => {
            let because = at_head.because.clone();
            Explanation { allowed: false, reason: Reason::AtHead(Box::new(at_head)), because, ..shown }
        }
    })
}

struct Case<'a> {
    access: &'a Access,
    permission: &'a str,
    /// The object and its containers.
    chain: &'a [Arc<Object>],
    is_deleted: bool,
}

impl Case<'_> {
    fn explain(&self) -> Result<Explanation, ReadError> {
        let (granted, stopped_by) = self.granted();
        let user = self.access.actor().user();
        let held = user.map_or_else(Vec::new, |user| self.held(user));
        let has = |role: &Name| held.iter().any(|held| held.role == *role);
        let is_public = granted.iter().any(|granted| granted.role == ANONYMOUS);
        let is_within = self.is_within();
        let by_role = is_within && granted.iter().any(|granted| has(&granted.role));
        let (allowed, reason) = match &self.access.actor().who {
            _ if is_public => (true, Reason::Everybody),
            _ if !is_within => (false, Reason::Within),
            Principal::System | Principal::Emergency(_) => (true, Reason::Omnipotent),
            _ if by_role => (true, Reason::Role),
            _ if self.is_deleted => (false, Reason::Deleted),
            _ if granted.is_empty() => (false, Reason::Private),
            Principal::Anonymous => (false, Reason::NotLoggedIn),
            Principal::User(user) if !self.contains(user.folder) => {
                (false, Reason::Outside { folder: user.folder })
            }
            Principal::User(_) => (false, Reason::NoRole),
        };
        let mut explanation = Explanation { allowed, reason, granted, stopped_by, held, because: Vec::new() };
        explanation.because = match &explanation.reason {
            Reason::Omnipotent | Reason::Within | Reason::Deleted | Reason::AtHead(_) => Vec::new(),
            _ if allowed => self.lose(&explanation),
            _ => self.gain(&explanation),
        };
        Ok(explanation)
    }

    fn granted(&self) -> (Vec<Granted>, Option<CellAt>) {
        let name = |role: &str| Name::new(role).ok();
        if self.is_deleted {
            return (name(MANAGER).map(|role| Granted { role, by: None }).into_iter().collect(), None);
        }
        let mut granted = Vec::new();
        for object in self.chain {
            let Some((cell, setting)) = self.setting(object) else { continue };
            let by = |role: &Name| Granted { role: role.clone(), by: Some(cell.clone()) };
            granted.extend(setting.roles.iter().map(by));
            if !setting.acquire {
                return (granted, Some(cell));
            }
        }
        let types = self.access.types();
        let defaults = types.permissions().defaults(self.permission);
        granted.extend(defaults.iter().map(|role| Granted { role: role.clone(), by: None }));
        (granted, None)
    }

    fn setting<'o>(&self, object: &'o Object) -> Option<(CellAt, &'o Setting)> {
        object.security().iter().find_map(|(key, cell)| match (key, &cell.content) {
            (CellKey::Permission(name), Content::Setting(setting)) if *name == *self.permission => {
                Some((CellAt { oid: object.oid(), key: key.clone(), tid: Some(cell.tid) }, setting))
            }
            _ => None,
        })
    }

    fn contains(&self, folder: Oid) -> bool {
        (self.is_deleted && folder == Oid::ROOT) || self.chain.iter().any(|object| object.oid() == folder)
    }

    fn is_within(&self) -> bool {
        self.access.actor().within.as_ref().is_none_or(|within| {
            within.subtree.is_none_or(|subtree| self.contains(subtree))
                && within.permissions.as_ref().is_none_or(|only| only.contains(self.permission))
        })
    }

    fn held(&self, user: &User) -> Vec<Held> {
        if !self.contains(user.folder) {
            return Vec::new();
        }
        let everybody = [ANONYMOUS, AUTHENTICATED].into_iter().filter_map(|role| Name::new(role).ok());
        let mut held: Vec<Held> = everybody.map(|role| Held { role, by: HeldBy::Everybody }).collect();
        held.extend(user.roles.iter().map(|role| Held { role: role.clone(), by: HeldBy::User(user.oid) }));
        for object in self.chain {
            for (key, cell) in object.security() {
                let at = || CellAt { oid: object.oid(), key: key.clone(), tid: Some(cell.tid) };
                match (key, &cell.content) {
                    (CellKey::LocalRoles(subject), Content::Roles(roles)) if is(user, subject) => {
                        let local = |role: &Name| Held { role: role.clone(), by: HeldBy::Local(at()) };
                        held.extend(roles.iter().map(local));
                    }
                    (CellKey::Owner, Content::Owner(owner)) if *owner == user.oid => {
                        let owner = Name::new(OWNER).ok();
                        held.extend(owner.map(|role| Held { role, by: HeldBy::Owner(at()) }));
                    }
                    _ => {}
                }
            }
        }
        held
    }

    /// What to change so that he may no longer.
    fn lose(&self, now: &Explanation) -> Vec<Because> {
        let counts = |granted: &&Granted| {
            granted.role == ANONYMOUS || now.held.iter().any(|held| held.role == granted.role)
        };
        let by: Vec<&Granted> = now.granted.iter().filter(counts).collect();
        let without = |setting: &Setting| {
            let others = setting.roles.iter().filter(|role| !by.iter().any(|granted| granted.role == **role));
            Some(Content::Setting(Setting { roles: Roles::new(others.cloned()), acquire: setting.acquire }))
        };
        if by.iter().all(|granted| granted.by.is_some()) {
            let cited = self.chain.iter().filter_map(|object| self.setting(object));
            let cited = cited.filter(|(cell, _)| by.iter().any(|granted| granted.by.as_ref() == Some(cell)));
            return cited.map(|(cell, setting)| Because { cell, instead: without(setting) }).collect();
        }
        // By default: only a setting of its own can take it away.
        let all = Roles::new(now.granted.iter().map(|granted| granted.role.clone()));
        self.of_its_own(|_| without(&Setting { roles: all.clone(), acquire: false }))
    }

    /// What to change so that he may.
    fn gain(&self, now: &Explanation) -> Vec<Because> {
        let role = now.held.iter().find(|held| held.role != ANONYMOUS).map(|held| held.role.clone());
        let Some(role) = role.or_else(|| Name::new(ANONYMOUS).ok()) else { return Vec::new() };
        let with = |setting: &Setting| {
            let roles = setting.roles.with(&Roles::new([role.clone()]));
            Some(Content::Setting(Setting { roles, acquire: setting.acquire }))
        };
        if let Some(stopped) = &now.stopped_by {
            let object = self.chain.iter().find(|object| object.oid() == stopped.oid);
            if let Some((cell, setting)) = object.and_then(|object| self.setting(object)) {
                return vec![Because { cell, instead: with(setting) }];
            }
        }
        self.of_its_own(|own| with(own.unwrap_or(&Setting { roles: Roles::default(), acquire: true })))
    }

    fn of_its_own(&self, instead: impl FnOnce(Option<&Setting>) -> Option<Content>) -> Vec<Because> {
        let Some(object) = self.chain.first() else { return Vec::new() };
        let Ok(permission) = Name::new(self.permission) else { return Vec::new() };
        let (cell, instead) = match self.setting(object) {
            Some((cell, setting)) => (cell, instead(Some(setting))),
            None => {
                let key = CellKey::Permission(permission);
                (CellAt { oid: object.oid(), key, tid: None }, instead(None))
            }
        };
        vec![Because { cell, instead }]
    }
}

fn is(user: &User, subject: &Subject) -> bool {
    match subject {
        Subject::Principal(oid) => *oid == user.oid || user.groups.contains(oid),
        Subject::Name(name) => *name == user.name,
    }
}
