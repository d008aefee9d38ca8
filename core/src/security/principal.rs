//! Who asks: users, who are objects of the tree, and the few others.
//!
//! A folder's users are in its child `_users`. A user counts in that folder and below it, and nowhere else. Who exists
//! and with which roles is always asked of the trunk's head, whatever line or moment is looked at.

use std::sync::Arc;

use super::Roles;
use crate::acquisition::containers;
use crate::snapshot::{Chain, ReadError, Snapshot, attribute, chain};
use crate::{Content, Name, Object, Oid, Value};

/// What the folder with the users is called.
pub const USERS_NAME: &str = "_users";
/// The type of that folder.
pub const USERS: &str = "users";
/// The type of a user.
pub const USER: &str = "user";
/// The type of a group.
pub const GROUP: &str = "group";
/// The attribute of users and groups that holds their roles: a set or list of texts.
pub const ROLES: &str = "roles";
/// The attribute of users that holds their groups: a set or list of references.
pub const GROUPS: &str = "groups";
const DISABLED: &str = "disabled";
/// Groups beyond this many do not count: what is looked up with each decision stays bounded.
const GROUPS_MAX: usize = 64;

/// A user, as the trunk's head has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Who it is.
    pub oid: Oid,
    /// The log-in name.
    pub name: Name,
    /// The folder in which the user counts: the one that holds the `_users`.
    pub folder: Oid,
    /// The roles, with those of the groups.
    pub roles: Roles,
    /// The groups.
    pub groups: Vec<Oid>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Nobody said who it is.
    Anonymous,
    /// A user.
    User(Arc<User>),
    /// The emergency user of the command line, who may everything and owns nothing.
    Emergency(Name),
    /// Whoever the machine belongs to: may everything.
    System,
}

/// What a token or a link is good for: beyond what everybody may, only this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Within {
    /// This object and what is in it; none for all.
    pub subtree: Option<Oid>,
    /// These permissions; none for all.
    pub permissions: Option<Roles>,
}

/// Who asks, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub who: Principal,
    /// Where he shall have his rights, where that is not everywhere.
    pub within: Option<Arc<Within>>,
}

impl Actor {
    /// Somebody who came without a token.
    pub fn new(who: Principal) -> Self {
        Self { who, within: None }
    }

    /// Nobody in particular.
    pub fn anonymous() -> Self {
        Self::new(Principal::Anonymous)
    }

    /// Whoever the machine belongs to.
    pub fn system() -> Self {
        Self::new(Principal::System)
    }

    /// The user, where it is one.
    pub fn user(&self) -> Option<&Arc<User>> {
        match &self.who {
            Principal::User(user) => Some(user),
            _ => None,
        }
    }

    /// Whether somebody said who it is.
    pub fn is_known(&self) -> bool {
        self.who != Principal::Anonymous
    }

    /// The name under which commits are noted; empty for nobody.
    pub fn name(&self) -> &str {
        match &self.who {
            Principal::Anonymous => "",
            Principal::User(user) => user.name.as_str(),
            Principal::Emergency(name) => name.as_str(),
            Principal::System => "system",
        }
    }
}

/// The user of that oid, where it is one and may log in.
///
/// # Errors
/// When the store cannot be read.
pub fn user(head: &(impl Snapshot + ?Sized), oid: Oid) -> Result<Option<User>, ReadError> {
    let Chain::Live(chain) = chain(head, oid)? else { return Ok(None) };
    let [user, users, folder, ..] = &chain[..] else { return Ok(None) };
    if !is_user_folder(users) || !user.is_a(USER) || is_disabled(user) {
        return Ok(None);
    }
    let Some(place) = user.place() else { return Ok(None) };
    let mut roles = texts(head, user, ROLES)?;
    let mut groups = Vec::new();
    for group in references(head, user, GROUPS)? {
        // A group counts for the users of its own folder and of those below.
        if let Chain::Live(of_group) = self::chain(head, group)?
            && let [group, users, in_folder, ..] = &of_group[..]
            && group.is_a(GROUP)
            && is_user_folder(users)
            && chain[2..].iter().any(|container| container.oid() == in_folder.oid())
        {
            roles.extend(texts(head, group, ROLES)?);
            groups.push(group.oid());
        }
    }
    Ok(Some(User { oid, name: place.name.clone(), folder: folder.oid(), roles: Roles::new(roles), groups }))
}

/// The users of that name who count at an object: those of the nearest folder first.
///
/// # Errors
/// When the store cannot be read.
pub fn users_named(head: &(impl Snapshot + ?Sized), object: Oid, name: &str) -> Result<Vec<User>, ReadError> {
    let mut found = Vec::new();
    for container in containers(head, object)? {
        if let Some(users) = user_folder(head, container.oid())?
            && let Some(oid) = head.child(users, name)?
        {
            found.extend(user(head, oid)?);
        }
    }
    Ok(found)
}

/// The `_users` of a folder.
///
/// # Errors
/// When the store cannot be read.
pub fn user_folder(head: &(impl Snapshot + ?Sized), folder: Oid) -> Result<Option<Oid>, ReadError> {
    let Some(oid) = head.child(folder, USERS_NAME)? else { return Ok(None) };
    Ok(head.object(oid)?.filter(|users| users.is_a(USERS)).map(|users| users.oid()))
}

fn is_user_folder(object: &Object) -> bool {
    object.is_a(USERS) && object.place().is_some_and(|place| place.name == USERS_NAME)
}

/// Whatever is set there but `false` disables, so that nobody gets in by a slip of the pen.
fn is_disabled(user: &Object) -> bool {
    let flag = user.attribute(DISABLED).map(|cell| &cell.content);
    !matches!(flag, None | Some(Content::Value(Value::Bool(false) | Value::Null)))
}

fn items(
    head: &(impl Snapshot + ?Sized),
    object: &Object,
    name: &str,
    take: &mut dyn FnMut(&Value),
) -> Result<(), ReadError> {
    match attribute(head, object, name)? {
        Some(Value::Set(items)) => items.iter().for_each(take),
        Some(Value::List(items)) => items.iter().for_each(take),
        _ => {}
    }
    Ok(())
}

fn texts(head: &(impl Snapshot + ?Sized), object: &Object, name: &str) -> Result<Vec<Name>, ReadError> {
    let mut found = Vec::new();
    items(head, object, name, &mut |item| {
        found.extend(item.as_text().and_then(|text| Name::new(text).ok()));
    })?;
    Ok(found)
}

fn references(head: &(impl Snapshot + ?Sized), object: &Object, name: &str) -> Result<Vec<Oid>, ReadError> {
    let mut found = Vec::new();
    items(head, object, name, &mut |item| {
        if let Value::Reference(oid) = item
            && found.len() < GROUPS_MAX
        {
            found.push(*oid);
        }
    })?;
    Ok(found)
}
