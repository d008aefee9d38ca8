//! Warrants: whether somebody may make the changes that he proposes.
//!
//! Edits, undos and merges are judged alike: cell by cell, by what held before any of them. So nobody gives himself a
//! right in the change that needs it, and nobody undoes a restriction that he could not lift.

use std::collections::HashMap;
use std::sync::Arc;

use super::permission::{PERMISSIONS, POLICY, PROPERTIES, TAKE_OWNERSHIP};
use super::policy::{Policy, Spot};
use super::principal::{Actor, Principal, user, user_folder};
use crate::object_type::TypeRegistry;
use crate::snapshot::{Chain, ChildrenPage, ReadError, Snapshot, chain};
use crate::transaction::ObjectChange;
use crate::{CellKey, Content, Name, Object, Oid, Place};

/// The attributes that say what content may do in a browser.
const POLICY_ATTRIBUTES: [&str; 2] = ["_content_policy", "_csp"];
/// How many objects of a moved subtree are looked at for settings of their own before it counts as having some.
const MOVED_MAX: usize = 1_000;

/// A change that somebody may not make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The object that it is about.
    pub oid: Oid,
    /// The cell.
    pub key: CellKey,
    /// What it takes.
    pub permission: &'static str,
    /// The object at which that is needed.
    pub at: Oid,
}

/// Says which changes may not be made. The store asks it with what a commit changes in the end.
pub trait Authority: Send + Sync {
    /// What of `changes` may not be done, judged by the state `before` them; `head` is the trunk's head, where that is
    /// another line.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn refuses(
        &self,
        before: &dyn Snapshot,
        head: Option<&dyn Snapshot>,
        changes: &[ObjectChange],
    ) -> Result<Vec<Denial>, ReadError>;
}

/// Somebody's right to change what the tree lets him change.
#[derive(Clone, Debug)]
pub struct Warrant {
    actor: Actor,
    types: Arc<TypeRegistry>,
}

impl Warrant {
    /// The warrant of somebody.
    pub fn new(actor: Actor, types: Arc<TypeRegistry>) -> Self {
        Self { actor, types }
    }
}

impl Authority for Warrant {
    fn refuses(
        &self,
        before: &dyn Snapshot,
        head: Option<&dyn Snapshot>,
        changes: &[ObjectChange],
    ) -> Result<Vec<Denial>, ReadError> {
        // Who he is may have changed since he asked.
        let who = match &self.actor.who {
            Principal::User(asks) => match user(head.unwrap_or(before), asks.oid)? {
                Some(user) => Principal::User(Arc::new(user)),
                None => Principal::Anonymous,
            },
            other => other.clone(),
        };
        let actor = Actor { who, within: self.actor.within.clone() };
        judge(&self.types, &actor, before, head, changes)
    }
}

/// What of `changes` somebody may not do, judged by the state `before` them.
///
/// # Errors
/// When the store cannot be read.
pub fn judge(
    types: &TypeRegistry,
    actor: &Actor,
    before: &dyn Snapshot,
    head: Option<&dyn Snapshot>,
    changes: &[ObjectChange],
) -> Result<Vec<Denial>, ReadError> {
    if matches!(actor.who, Principal::System | Principal::Emergency(_)) && actor.within.is_none() {
        return Ok(Vec::new());
    }
    let policy = Policy { types, actor, here: before, head, limits: &[], proxy: None };
    let by_oid = changes.iter().map(|change| (change.oid, change)).collect();
    let mut judge = Judge { policy, changes: by_oid, denials: Vec::new() };
    for change in changes {
        judge.object(change)?;
    }
    Ok(judge.denials)
}

struct Judge<'a> {
    policy: Policy<'a>,
    changes: HashMap<Oid, &'a ObjectChange>,
    denials: Vec<Denial>,
}

impl Judge<'_> {
    fn object(&mut self, change: &ObjectChange) -> Result<(), ReadError> {
        let here = self.policy.here;
        let was = here.object(change.oid)?;
        let is_live = change.oid == Oid::ROOT || was.as_ref().is_some_and(|object| object.place().is_some());
        match was {
            Some(object) if is_live => {
                for (key, content) in &change.cells {
                    self.cell(change, &object, key, content.as_ref())?;
                }
            }
            _ => self.new_object(change, was.as_deref())?,
        }
        Ok(())
    }

    fn need(
        &mut self,
        change: Oid,
        key: &CellKey,
        permission: &'static str,
        at: &Object,
    ) -> Result<(), ReadError> {
        if !self.policy.allows(permission, at)? {
            self.denials.push(Denial { oid: change, key: key.clone(), permission, at: at.oid() });
        }
        Ok(())
    }

    /// An object that had no place before: made, or brought back.
    fn new_object(&mut self, change: &ObjectChange, was: Option<&Object>) -> Result<(), ReadError> {
        let place = change.cells.iter().find_map(|(key, content)| match (key, content) {
            (CellKey::Place, Some(Content::Place(place))) => Some(place),
            _ => None,
        });
        let Some(container) = self.standing_container(place.map(|place| place.parent))? else {
            // It stays where nobody finds it, and what is done to it there is nobody's but the machine's owner's.
            if let Some((key, _)) = change.cells.first() {
                let at = self.policy.here.object(Oid::ROOT)?;
                if let Some(root) = at {
                    self.need(change.oid, key, PERMISSIONS, &root)?;
                }
            }
            return Ok(());
        };
        let type_name = change.cells.iter().find_map(|(_, content)| match content {
            Some(Content::Type(name)) => Some(name),
            _ => None,
        });
        let type_name = type_name.or_else(|| was.and_then(Object::type_name));
        let add = self.policy.types.guards(type_name).add;
        self.need(change.oid, &CellKey::Place, add, &container)?;
        for (key, content) in &change.cells {
            let permission = match (key, content) {
                (CellKey::Owner, Some(Content::Owner(owner))) if self.is_self(*owner) => None,
                (
                    CellKey::Owner | CellKey::ProxyRoles | CellKey::Permission(_) | CellKey::LocalRoles(_),
                    _,
                ) => Some(PERMISSIONS),
                (CellKey::Attribute(name), _) => special(name),
                _ => None,
            };
            if let Some(permission) = permission {
                self.need(change.oid, key, permission, &container)?;
            }
        }
        Ok(())
    }

    /// The nearest container that stood somewhere before the changes.
    fn standing_container(&self, parent: Option<Oid>) -> Result<Option<Arc<Object>>, ReadError> {
        let mut at = parent;
        // Each step goes to another new object, so there are no more steps than changes.
        for _ in 0..=self.changes.len() {
            let Some(oid) = at else { return Ok(None) };
            if let Some(object) = self.policy.here.object(oid)?
                && (oid == Oid::ROOT || object.place().is_some())
            {
                return Ok(Some(object));
            }
            at = self.changes.get(&oid).and_then(|change| {
                change.cells.iter().find_map(|(_, content)| match content {
                    Some(Content::Place(place)) => Some(place.parent),
                    _ => None,
                })
            });
        }
        Ok(None)
    }

    fn is_self(&self, owner: Oid) -> bool {
        self.policy.actor.user().is_some_and(|user| user.oid == owner)
    }

    fn cell(
        &mut self,
        change: &ObjectChange,
        object: &Object,
        key: &CellKey,
        content: Option<&Content>,
    ) -> Result<(), ReadError> {
        let oid = change.oid;
        let guards = self.policy.types.guards(object.type_name());
        match (key, content) {
            (CellKey::Place, Some(Content::Place(place))) => self.place(object, place)?,
            (CellKey::Place, _) => self.need(oid, key, guards.delete, object)?,
            (CellKey::Type, content) => {
                self.need(oid, key, PROPERTIES, object)?;
                self.need(oid, key, guards.edit, object)?;
                if let Some(Content::Type(to)) = content {
                    self.need(oid, key, self.policy.types.guards(Some(to)).edit, object)?;
                }
            }
            (CellKey::Attribute(name), _) => {
                self.need(oid, key, special(name).unwrap_or(guards.edit), object)?;
                self.proxy_roles(oid, key, object, object.content(&CellKey::ProxyRoles))?;
            }
            (CellKey::Owner, Some(Content::Owner(owner))) if self.is_self(*owner) => {
                self.need(oid, key, TAKE_OWNERSHIP, object)?;
            }
            (CellKey::ProxyRoles, content) => {
                self.need(oid, key, PERMISSIONS, object)?;
                self.need(oid, key, guards.edit, object)?;
                self.proxy_roles(oid, key, object, content)?;
            }
            (CellKey::Owner | CellKey::Permission(_) | CellKey::LocalRoles(_), _) => {
                self.need(oid, key, PERMISSIONS, object)?;
            }
        }
        Ok(())
    }

    /// Who writes a template that runs with roles must have these roles himself.
    fn proxy_roles(
        &mut self,
        oid: Oid,
        key: &CellKey,
        object: &Object,
        roles: Option<&Content>,
    ) -> Result<(), ReadError> {
        let Some(Content::Roles(roles)) = roles else { return Ok(()) };
        let spot = Spot::of(self.policy.here, object)?;
        if !self.policy.actor.user().is_some_and(|user| spot.has_all_roles(user, roles)) {
            self.denials.push(Denial { oid, key: key.clone(), permission: PERMISSIONS, at: oid });
        }
        Ok(())
    }

    /// Another place for an object that has one.
    fn place(&mut self, object: &Object, to: &Place) -> Result<(), ReadError> {
        let (oid, key) = (object.oid(), &CellKey::Place);
        let Some(from) = object.place() else { return Ok(()) };
        let guards = self.policy.types.guards(object.type_name());
        let Some(container) = self.standing_container(Some(to.parent))? else { return Ok(()) };
        if from.parent != to.parent {
            self.need(oid, key, guards.delete, object)?;
            self.need(oid, key, guards.add, &container)?;
            if self.changes_rights(object, from.parent, container.oid())? {
                self.need(oid, key, PERMISSIONS, object)?;
            }
        } else if from.name != to.name {
            self.need(oid, key, guards.edit, object)?;
            self.need(oid, key, guards.add, &container)?;
        } else {
            let edit = self.policy.types.guards(container.type_name()).edit;
            self.need(oid, key, edit, &container)?;
        }
        Ok(())
    }

    /// Whether a move from one container to another may give somebody rights at something in the object.
    fn changes_rights(&self, object: &Object, from: Oid, to: Oid) -> Result<bool, ReadError> {
        let here = self.policy.here;
        let of = |oid| match chain(here, oid)? {
            Chain::Live(chain) => Ok(chain),
            _ => Ok(Vec::new()),
        };
        let (from, to): (Vec<_>, Vec<_>) = (of(from)?, of(to)?);
        let is_common =
            |other: &[Arc<Object>], at: &Object| other.iter().any(|found| found.oid() == at.oid());
        let only_left = from.iter().filter(|at| !is_common(&to, at));
        let only_right = to.iter().filter(|at| !is_common(&from, at));
        let mut owners_differ = false;
        for container in only_left.chain(only_right) {
            for (key, _) in container.security() {
                match key {
                    CellKey::Owner => owners_differ = true,
                    _ => return Ok(true),
                }
            }
            if user_folder(here, container.oid())?.is_some() {
                return Ok(true);
            }
        }
        if owners_differ { self.says_something(object.oid()) } else { Ok(false) }
    }

    /// Whether something in a subtree says who may do what, or there is too much in it to look.
    fn says_something(&self, top: Oid) -> Result<bool, ReadError> {
        let here = self.policy.here;
        let (mut waiting, mut seen) = (vec![top], 0);
        while let Some(oid) = waiting.pop() {
            let Some(object) = here.object(oid)? else { continue };
            if object.security().iter().any(|(key, _)| *key != CellKey::Owner) {
                return Ok(true);
            }
            let children = here.children(oid, &ChildrenPage::first(MOVED_MAX))?;
            seen += children.len();
            if seen >= MOVED_MAX {
                return Ok(true);
            }
            waiting.extend(children.into_iter().map(|child| child.oid));
        }
        Ok(false)
    }
}

/// What an attribute takes that is more than content.
fn special(name: &Name) -> Option<&'static str> {
    if POLICY_ATTRIBUTES.contains(&name.as_str()) {
        return Some(POLICY);
    }
    name.is_private().then_some(PROPERTIES)
}
