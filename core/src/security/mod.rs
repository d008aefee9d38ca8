//! Security: who may do what, cascading down the tree.
//!
//! Every object may say which roles have a permission ([`Setting`]), and who has which roles ([`Subject`]), there and
//! below. A setting adds to what the containers say, or replaces it. Users are objects in the `_users` of any folder,
//! and count only in that folder and below it. Decisions are pure functions over the cells of a snapshot.
//!
//! # Invariants
//! - Acquisition can only add roles; to take some away, a setting must stop acquiring and name all who remain.
//! - A role counts for a user only inside the folder that the user is defined in. What everybody may, everybody may.
//! - Inside a version and at a past time nobody may more than the trunk's head lets him ([`Access`]).
//! - What has no place counts where it stood last: for the head that narrows, and for those who change it.
//!
//! Not here: passwords, sessions and tokens, which are no part of the tree.
//!
//! Idea: Zope's AccessControl, with its recorded decisions as tests; without its exceptions for objects that are
//! not in the tree.

mod access;
mod explain;
pub mod permission;
mod policy;
mod principal;
mod scope;
mod warrant;

use std::fmt;
use std::sync::Arc;

use crate::{Name, Oid};

pub use access::Access;
pub use explain::{Because, CellAt, Explanation, Granted, Held, HeldBy, Reason, explain};
pub use permission::{PermissionSpec, PermissionTable};
pub use principal::{
    Actor, GROUP, GROUPS, Principal, ROLES, USER, USERS, USERS_NAME, User, Within, user, user_folder,
    users_named,
};
pub use scope::{Effective, Scope};
pub use warrant::{Authority, Denial, Warrant, judge, to_set};

/// A set of roles, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Roles(Arc<[Name]>);

impl Roles {
    /// These roles, each once.
    pub fn new(roles: impl IntoIterator<Item = Name>) -> Self {
        let mut roles: Vec<Name> = roles.into_iter().collect();
        roles.sort_unstable();
        roles.dedup();
        Self(roles.into())
    }

    /// The roles of these names; a text that is no name is left out.
    pub fn named<'a>(roles: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(roles.into_iter().filter_map(|role| Name::new(role).ok()))
    }

    /// Whether the role is among them.
    pub fn contains(&self, role: &str) -> bool {
        self.0.binary_search_by(|other| other.as_str().cmp(role)).is_ok()
    }

    /// Whether any of them is also in `other`.
    pub fn meets(&self, other: &Self) -> bool {
        self.0.iter().any(|role| other.contains(role.as_str()))
    }

    /// All of them, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Name> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These and those of `other`.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        Self::new(self.iter().chain(other.iter()).cloned())
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nobody");
        }
        for (nth, role) in self.iter().enumerate() {
            write!(f, "{}{role}", if nth == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// Which roles have a permission at an object and below.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Setting {
    /// The roles.
    pub roles: Roles,
    /// Whether those that have it in the containers have it here, too.
    pub acquire: bool,
}

/// Who has a local role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// One user, or the members of one group.
    Principal(Oid),
    /// The users of this name, whichever folder they are defined in.
    Name(Name),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal(oid) => write!(f, "{oid}"),
            Self::Name(name) => write!(f, "{name}"),
        }
    }
}

#[cfg(test)]
mod recorded;
#[cfg(test)]
mod tests;
