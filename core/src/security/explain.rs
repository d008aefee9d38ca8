//! Explanations: why somebody may or may not do something, down to the cells that make it so.
//!
//! The decision is made by [`super::Access::allows`]; what is said here is found by another way, along the containers,
//! and tests hold the two together.

use std::sync::Arc;

use super::permission::{ANONYMOUS, AUTHENTICATED, MANAGER, OWNER};
use super::policy::{Policy, Standing};
use super::principal::{Actor, Principal, User};
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
    /// By the roles that the template runs with: they have the permission, or have not.
    ProxyRoles,
    /// The template that runs may show no more than its owner may see, who may not; or he is no user any more.
    Limited(Box<Explanation>),
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
    /// Whether it is to be changed at the trunk's head, and not in what is shown.
    pub at_head: bool,
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
    /// The cells that make it so: all of them changed as said, and no fewer, the answer is the other one. Empty where
    /// no setting of what still stands can change it.
    pub because: Vec<Because>,
}

/// Why the actor of `access` may or may not use a permission on an object that it shows.
///
/// # Errors
/// When the store cannot be read.
pub fn explain(access: &Access, permission: &str, object: &Object) -> Result<Explanation, ReadError> {
    let policy = access.policy();
    let here = policy.here;
    let chain = containers(here, object.oid())?;
    let is_live = is_live(here, object.oid())?;
    let standing = if is_live { 0 } else { chain.len() };
    let case = Case { policy, permission, chain: &chain, standing, is_live, at_head: false };
    let shown = case.explain();
    let Some(head) = policy.head else { return Ok(shown) };
    let found = Standing::of(head, Some(here), object.oid())?;
    let (standing, is_live) = (found.gone.len(), found.container.is_some());
    let chain = found.chain(head)?;
    let at_head = Case { policy, permission, chain: &chain, standing, is_live, at_head: true }.explain();
    if at_head.allowed {
        return Ok(shown);
    }
    let because = match shown.allowed {
        true => at_head.because.clone(),
        // Both have to be changed, so both have to be such as can be.
        false if shown.because.is_empty() || at_head.because.is_empty() => Vec::new(),
        false => shown.because.iter().chain(&at_head.because).cloned().collect(),
    };
    Ok(match shown.allowed {
        true => Explanation { allowed: false, reason: Reason::AtHead(Box::new(at_head)), because, ..shown },
        false => Explanation { because, ..shown },
    })
}

#[derive(Clone, Copy)]
struct Case<'a> {
    policy: Policy<'a>,
    permission: &'a str,
    /// The object and its containers.
    chain: &'a [Arc<Object>],
    /// How many of them do not stand any more, so that nothing can be set there.
    standing: usize,
    /// Whether the chain reaches the root.
    is_live: bool,
    at_head: bool,
}

impl Case<'_> {
    fn explain(&self) -> Explanation {
        let (granted, stopped_by) = self.granted();
        let held = self.policy.actor.user().map_or_else(Vec::new, |user| self.held(user));
        let mut explanation = Explanation {
            allowed: false,
            reason: Reason::NoRole,
            granted,
            stopped_by,
            held,
            because: Vec::new(),
        };
        (explanation.allowed, explanation.reason) = self.decide(&explanation);
        explanation.because = match &explanation.reason {
            Reason::Everybody | Reason::Role => self.lose(&explanation),
            Reason::Private | Reason::NotLoggedIn | Reason::Outside { .. } | Reason::NoRole => {
                self.gain(&explanation)
            }
            _ => Vec::new(),
        };
        explanation
    }

    fn decide(&self, found: &Explanation) -> (bool, Reason) {
        for limit in self.policy.limits {
            let who = match &limit.owner {
                Some(owner) => Principal::User(Arc::new(owner.clone())),
                None => Principal::Anonymous,
            };
            let actor = Actor::new(who);
            let policy = Policy { actor: &actor, limits: &[], proxy: None, ..self.policy };
            let of_owner = Case { policy, ..*self }.explain();
            if !of_owner.allowed {
                return (false, Reason::Limited(Box::new(of_owner)));
            }
        }
        let Policy { actor, proxy, .. } = self.policy;
        let is_granted = |role: &str| found.granted.iter().any(|granted| granted.role == *role);
        if matches!(actor.who, Principal::System | Principal::Emergency(_))
            && actor.within.is_none()
            && proxy.is_none()
        {
            return (true, Reason::Omnipotent);
        }
        if is_granted(ANONYMOUS) {
            return (true, Reason::Everybody);
        }
        if !self.is_within() {
            return (false, Reason::Within);
        }
        if let Some(proxy) = proxy {
            let has = proxy.roles.iter().any(|role| is_granted(role.as_str()));
            return (has && self.contains(proxy.folder), Reason::ProxyRoles);
        }
        match &actor.who {
            Principal::System | Principal::Emergency(_) => (true, Reason::Omnipotent),
            _ if found.held.iter().any(|held| is_granted(held.role.as_str())) => (true, Reason::Role),
            _ if !self.is_live => (false, Reason::Deleted),
            _ if found.granted.is_empty() => (false, Reason::Private),
            Principal::Anonymous => (false, Reason::NotLoggedIn),
            Principal::User(user) if !self.contains(user.folder) => {
                (false, Reason::Outside { folder: user.folder })
            }
            Principal::User(_) => (false, Reason::NoRole),
        }
    }

    fn granted(&self) -> (Vec<Granted>, Option<CellAt>) {
        let name = |role: &str| Name::new(role).ok();
        if !self.is_live {
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
        let defaults = self.policy.types.permissions().defaults(self.permission);
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
        (!self.is_live && folder == Oid::ROOT) || self.chain.iter().any(|object| object.oid() == folder)
    }

    fn is_within(&self) -> bool {
        self.policy.actor.within.as_ref().is_none_or(|within| {
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
        if !self.is_live {
            return Vec::new();
        }
        let is_within = self.is_within();
        let counts = |granted: &&Granted| {
            let is_held = || now.held.iter().any(|held| held.role == granted.role);
            granted.role == ANONYMOUS || (is_within && is_held())
        };
        let by: Vec<&Granted> = now.granted.iter().filter(counts).collect();
        let without = |setting: &Setting| {
            let others = setting.roles.iter().filter(|role| !by.iter().any(|granted| granted.role == **role));
            Some(Content::Setting(Setting { roles: Roles::new(others.cloned()), acquire: setting.acquire }))
        };
        if by.iter().all(|granted| granted.by.is_some()) {
            let cited = self.chain.iter().filter_map(|object| self.setting(object));
            let cited = cited.filter(|(cell, _)| by.iter().any(|granted| granted.by.as_ref() == Some(cell)));
            return cited.map(|(cell, setting)| self.because(cell, without(setting))).collect();
        }
        // By default: only a setting of its own can take it away.
        let all = Roles::new(now.granted.iter().map(|granted| granted.role.clone()));
        self.of_its_own(|_| without(&Setting { roles: all.clone(), acquire: false }))
    }

    /// What to change so that he may.
    fn gain(&self, now: &Explanation) -> Vec<Because> {
        // A role of his own rather than one that everybody has.
        let held = || now.held.iter().rev().map(|held| held.role.clone());
        let role = held().find(|role| *role != ANONYMOUS && *role != AUTHENTICATED);
        let role = role.or_else(|| held().next()).or_else(|| Name::new(ANONYMOUS).ok());
        let Some(role) = role else { return Vec::new() };
        let with = |setting: &Setting| {
            let roles = setting.roles.with(&Roles::new([role.clone()]));
            Some(Content::Setting(Setting { roles, acquire: setting.acquire }))
        };
        if let Some(stopped) = &now.stopped_by {
            let mut standing = self.chain.iter().skip(self.standing);
            let object = standing.find(|object| object.oid() == stopped.oid);
            let found = object.and_then(|object| self.setting(object));
            return found.map(|(cell, setting)| self.because(cell, with(setting))).into_iter().collect();
        }
        self.of_its_own(|own| with(own.unwrap_or(&Setting { roles: Roles::default(), acquire: true })))
    }

    /// What to set at the object itself, or the nearest container where something can be.
    fn of_its_own(&self, instead: impl FnOnce(Option<&Setting>) -> Option<Content>) -> Vec<Because> {
        let Some(object) = self.chain.get(self.standing) else { return Vec::new() };
        let Ok(permission) = Name::new(self.permission) else { return Vec::new() };
        let (cell, instead) = match self.setting(object) {
            Some((cell, setting)) => (cell, instead(Some(setting))),
            None => {
                let key = CellKey::Permission(permission);
                (CellAt { oid: object.oid(), key, tid: None }, instead(None))
            }
        };
        vec![self.because(cell, instead)]
    }

    fn because(&self, cell: CellAt, instead: Option<Content>) -> Because {
        Because { cell, instead, at_head: self.at_head }
    }
}

fn is(user: &User, subject: &Subject) -> bool {
    match subject {
        Subject::Principal(oid) => *oid == user.oid || user.groups.contains(oid),
        Subject::Name(name) => *name == user.name,
    }
}
