//! Warrants: whether somebody may make the changes that he proposes.
//!
//! Edits, undos and merges are judged alike: cell by cell, by what held before any of them. So nobody gives himself a
//! right in the change that needs it, and nobody undoes a restriction that he could not lift. What was deleted is
//! judged where it stood last: bringing it back is a move from there.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::permission::{ADD, EDIT, OWNER, PERMISSIONS, POLICY, PROPERTIES, SITE, TAKE_OWNERSHIP};
use super::policy::{Policy, Spot, Standing};
use super::principal::{Actor, Principal, user, user_folder};
use crate::migration::EDITION;
use crate::object_type::{Guards, TypeRegistry};
use crate::snapshot::{ChildrenPage, ReadError, Snapshot};
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

/// Where something comes to stand.
struct Landing {
    /// The nearest container that is there already.
    container: Oid,
    /// Those between, which the same changes make, say who may do what.
    says: bool,
    /// Whose those are.
    owners: Vec<Oid>,
}

fn cell_of<'c>(change: &'c ObjectChange, key: &CellKey) -> Option<&'c Option<Content>> {
    change.cells.iter().find(|(of, _)| of == key).map(|(_, content)| content)
}

fn place_of(change: &ObjectChange) -> Option<&Place> {
    match cell_of(change, &CellKey::Place) {
        Some(Some(Content::Place(place))) => Some(place),
        _ => None,
    }
}

fn type_of(change: &ObjectChange) -> Option<&Name> {
    match cell_of(change, &CellKey::Type) {
        Some(Some(Content::Type(name))) => Some(name),
        _ => None,
    }
}

impl Judge<'_> {
    fn object(&mut self, change: &ObjectChange) -> Result<(), ReadError> {
        let Some(object) = self.policy.here.object(change.oid)? else { return self.new_object(change) };
        // Its making is taken back: whatever else it says goes with it.
        let is_none = |(_, content): &(CellKey, Option<Content>)| content.is_none();
        if change.cells.len() == object.cells().len() && change.cells.iter().all(is_none) {
            let delete = self.policy.types.guards(object.type_name()).delete;
            return self.need(change.oid, &CellKey::Place, delete, object.oid());
        }
        self.acting(change, Some(&object))?;
        change.cells.iter().try_for_each(|(key, content)| self.cell(change, &object, key, content.as_ref()))
    }

    fn need(
        &mut self,
        change: Oid,
        key: &CellKey,
        permission: &'static str,
        at: Oid,
    ) -> Result<(), ReadError> {
        let denial = Denial { oid: change, key: key.clone(), permission, at };
        if !self.denials.contains(&denial) && !self.policy.allows_change(permission, at)? {
            self.denials.push(denial);
        }
        Ok(())
    }

    fn new_object(&mut self, change: &ObjectChange) -> Result<(), ReadError> {
        let place = place_of(change);
        let landing = place.map_or(Ok(None), |place| self.landing(place.parent))?;
        let (Some(place), Some(Landing { container, .. })) = (place, landing) else {
            // It comes to stand where nobody finds it.
            let Some((key, _)) = change.cells.first() else { return Ok(()) };
            return self.need(change.oid, key, PERMISSIONS, Oid::ROOT);
        };
        let Guards { add, delete, .. } = self.policy.types.guards(type_of(change));
        self.need(change.oid, &CellKey::Place, add, container)?;
        self.acting(change, None)?;
        // It was there before its making was taken back.
        if self.policy.here.last_place(change.oid)?.is_some_and(|last| last.parent != place.parent) {
            self.need(change.oid, &CellKey::Place, delete, change.oid)?;
            self.need(change.oid, &CellKey::Place, PERMISSIONS, change.oid)?;
        }
        for (key, content) in &change.cells {
            let permission = match (key, content) {
                // What anybody may make, he may make for others, as who merges their work does.
                (CellKey::Owner, Some(Content::Owner(owner))) if self.is_self(*owner) || add == ADD => None,
                (
                    CellKey::Owner | CellKey::ProxyRoles | CellKey::Permission(_) | CellKey::LocalRoles(_),
                    _,
                ) => Some(PERMISSIONS),
                (CellKey::Attribute(name), _) => special(name),
                _ => None,
            };
            if let Some(permission) = permission {
                self.need(change.oid, key, permission, container)?;
            }
            if *key == CellKey::ProxyRoles {
                self.proxy_roles(change.oid, key, content.as_ref(), container)?;
            }
        }
        Ok(())
    }

    /// What acts with its owner's rights is told by him what to do, in person, or by those who run the site. Else whoever
    /// may change it could do whatever its owner may.
    fn acting(&mut self, change: &ObjectChange, before: Option<&Object>) -> Result<(), ReadError> {
        let type_name = type_of(change).or(before.and_then(Object::type_name));
        let schema = type_name.and_then(|name| self.policy.types.schema(name.as_str()));
        let says = |(key, content): &&(CellKey, Option<Content>)| match (key, content) {
            (CellKey::Attribute(_) | CellKey::Owner | CellKey::Type, _) => true,
            // It does its work again when it comes back, and elsewhere it may do it to something else.
            (CellKey::Place, Some(Content::Place(to))) => {
                before.is_some_and(|before| before.place().is_none_or(|from| from.parent != to.parent))
            }
            _ => false,
        };
        let said = change.cells.iter().find(says).map(|(key, _)| key);
        let Some(key) = said.filter(|_| schema.is_some_and(|schema| schema.acts_as_owner)) else {
            return Ok(());
        };
        let owner = match cell_of(change, &CellKey::Owner) {
            Some(Some(Content::Owner(owner))) => Some(*owner),
            Some(_) => None,
            None => before.and_then(Object::owner),
        };
        let is_in_person = self.policy.actor.within.is_none();
        match owner {
            Some(owner) if !(is_in_person && self.is_self(owner)) => {
                self.need(change.oid, key, SITE, Oid::ROOT)
            }
            _ => Ok(()),
        }
    }

    /// Where something lands that is put into `parent`; none where that leads nowhere.
    fn landing(&self, parent: Oid) -> Result<Option<Landing>, ReadError> {
        let mut landing = Landing { container: parent, says: false, owners: Vec::new() };
        // Each step goes to another new object, so there are no more steps than changes.
        for _ in 0..=self.changes.len() {
            if self.policy.here.object(landing.container)?.is_some() {
                return Ok(Some(landing));
            }
            let Some(change) = self.changes.get(&landing.container) else { return Ok(None) };
            for (key, content) in &change.cells {
                match content {
                    Some(Content::Owner(owner)) => landing.owners.push(*owner),
                    _ => landing.says |= key.is_security(),
                }
            }
            let Some(place) = place_of(change) else { return Ok(None) };
            landing.container = place.parent;
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
        let proxy_roles = object.content(&CellKey::ProxyRoles);
        let stands_in = object.place().map_or(oid, |place| place.parent);
        match (key, content) {
            (CellKey::Place, Some(Content::Place(place))) => self.place(change, object, place)?,
            (CellKey::Place, _) => self.need(oid, key, guards.delete, oid)?,
            (CellKey::Type, content) => {
                self.need(oid, key, PROPERTIES, oid)?;
                self.need(oid, key, guards.edit, oid)?;
                if let Some(Content::Type(to)) = content {
                    self.need(oid, key, self.policy.types.guards(Some(to)).edit, oid)?;
                }
                self.proxy_roles(oid, key, proxy_roles, stands_in)?;
            }
            (CellKey::Attribute(name), _) => {
                for permission in to_set(&guards, name) {
                    self.need(oid, key, permission, oid)?;
                }
                self.proxy_roles(oid, key, proxy_roles, stands_in)?;
            }
            (CellKey::Owner, Some(Content::Owner(owner))) if self.is_self(*owner) => {
                self.need(oid, key, TAKE_OWNERSHIP, oid)?;
            }
            (CellKey::ProxyRoles, content) => {
                self.need(oid, key, PERMISSIONS, oid)?;
                self.need(oid, key, guards.edit, oid)?;
                self.proxy_roles(oid, key, content, stands_in)?;
            }
            (CellKey::Owner | CellKey::Permission(_) | CellKey::LocalRoles(_), _) => {
                self.need(oid, key, PERMISSIONS, oid)?;
            }
        }
        Ok(())
    }

    /// Who writes a template that runs with roles must have these roles himself where they count.
    fn proxy_roles(
        &mut self,
        oid: Oid,
        key: &CellKey,
        roles: Option<&Content>,
        container: Oid,
    ) -> Result<(), ReadError> {
        let Some(Content::Roles(roles)) = roles else { return Ok(()) };
        let Policy { actor, here, head, .. } = self.policy;
        let has = |spot: Spot| actor.user().is_some_and(|user| spot.has_all_roles(user, roles));
        let has_here = has(Spot::last(here, None, container)?);
        let has_all = match head {
            Some(head) => has_here && has(Spot::last(head, Some(here), container)?),
            None => has_here,
        };
        if !has_all {
            self.denials.push(Denial { oid, key: key.clone(), permission: PERMISSIONS, at: container });
        }
        Ok(())
    }

    /// Another place for an object, or a place for one that was deleted.
    fn place(&mut self, change: &ObjectChange, object: &Object, to: &Place) -> Result<(), ReadError> {
        let (oid, key) = (object.oid(), &CellKey::Place);
        let guards = self.policy.types.guards(object.type_name());
        let add = self.policy.types.guards(type_of(change).or(object.type_name())).add;
        let Some(landing) = self.landing(to.parent)? else {
            // It comes to stand where nobody finds it, until something is brought back there.
            self.need(oid, key, guards.delete, oid)?;
            return self.need(oid, key, PERMISSIONS, oid);
        };
        let from = match object.place() {
            Some(place) => Some(place.clone()),
            None => self.policy.here.last_place(oid)?,
        };
        let container = landing.container;
        match from {
            Some(from) if from.parent == to.parent => {
                if object.place().is_none() {
                    self.need(oid, key, add, container)?;
                } else if from.name != to.name {
                    self.need(oid, key, guards.edit, oid)?;
                    self.need(oid, key, add, container)?;
                } else {
                    let of = self.policy.here.object(container)?;
                    let of = of.as_ref().and_then(|object| object.type_name());
                    self.need(oid, key, self.policy.types.guards(of).edit, container)?;
                }
            }
            from => {
                self.need(oid, key, guards.delete, oid)?;
                self.need(oid, key, add, container)?;
                let parent = from.map(|place| place.parent);
                if self.changes_rights(object, parent, &landing)? {
                    self.need(oid, key, PERMISSIONS, oid)?;
                }
                self.proxy_roles(oid, key, object.content(&CellKey::ProxyRoles), container)?;
            }
        }
        Ok(())
    }

    /// Whether a move from one container to another may give somebody rights at something in the object.
    fn changes_rights(&self, object: &Object, from: Option<Oid>, to: &Landing) -> Result<bool, ReadError> {
        let here = self.policy.here;
        let Some(from) = from else { return Ok(true) };
        if to.says {
            return Ok(true);
        }
        let from = Standing::of(here, None, from)?.chain(here)?;
        let into = Standing::of(here, None, to.container)?.chain(here)?;
        let is_in = |chain: &[Arc<Object>], at: &Object| chain.iter().any(|other| other.oid() == at.oid());
        for container in from.iter().chain(&into) {
            if is_in(&from, container) && is_in(&into, container) {
                continue;
            }
            let says = container.security().iter().any(|(key, _)| *key != CellKey::Owner);
            if says || user_folder(here, container.oid())?.is_some() {
                return Ok(true);
            }
        }
        let owners = |chain: &[Arc<Object>]| -> BTreeSet<Oid> {
            chain.iter().filter_map(|container| container.owner()).collect()
        };
        let (had, mut have) = (owners(&from), owners(&into));
        have.extend(&to.owners);
        if had == have {
            return Ok(false);
        }
        if !have.is_subset(&had) && self.gives_owners_more(object)? {
            return Ok(true);
        }
        self.says_something(object.oid())
    }

    /// Whether owners may something with an object that whoever asks may not.
    fn gives_owners_more(&self, object: &Object) -> Result<bool, ReadError> {
        let Policy { types, here, .. } = self.policy;
        let spot = Spot::last(here, None, object.oid())?;
        let known = types.permissions().iter().map(|(permission, _)| permission);
        for permission in known.chain(spot.scope.permissions()) {
            if spot.gives(types, permission.as_str(), OWNER)
                && !self.policy.allows_change(permission.as_str(), object.oid())?
            {
                return Ok(true);
            }
        }
        Ok(false)
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

/// What it takes to set an attribute of an object with these guards.
pub fn to_set(guards: &Guards, name: &Name) -> impl Iterator<Item = &'static str> {
    let special = special(name);
    // Settings are no content, but a type that keeps its content for few keeps these for them, too.
    let edit = (special.is_none() || guards.edit != EDIT).then_some(guards.edit);
    edit.into_iter().chain(special)
}

/// What an attribute takes that is more than content.
fn special(name: &Name) -> Option<&'static str> {
    if POLICY_ATTRIBUTES.contains(&name.as_str()) {
        return Some(POLICY);
    }
    // Whoever may change what an object holds may say in which form that is.
    (name.is_private() && *name != EDITION).then_some(PROPERTIES)
}
