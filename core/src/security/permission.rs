//! Permissions: the things that one may do, and who may do them where the tree says nothing.

use std::collections::BTreeMap;

use super::Roles;
use crate::Name;

/// To see an object.
pub const VIEW: &str = "View";
/// To see what is in a container.
pub const LIST: &str = "Access contents information";
/// To see who changed what and when, and how it was.
pub const HISTORY: &str = "View history";
/// To put objects into a container.
pub const ADD: &str = "Add objects";
/// To change the attributes and the order of objects.
pub const EDIT: &str = "Edit content";
/// To change the attributes that begin with `_`, and the types of objects.
pub const PROPERTIES: &str = "Manage properties";
/// To make and change templates, which are programs.
pub const TEMPLATES: &str = "Change templates";
/// To delete objects, and to move them away.
pub const DELETE: &str = "Delete objects";
/// To say who may do what.
pub const PERMISSIONS: &str = "Change permissions";
/// To make oneself the owner of an object.
pub const TAKE_OWNERSHIP: &str = "Take ownership";
/// To see, make and change users and groups.
pub const USERS: &str = "Manage users";
/// To take back commits.
pub const UNDO: &str = "Undo changes";
/// To see, make, update and merge versions.
pub const VERSIONS: &str = "Use versions";
/// To say what content may do in a browser.
pub const POLICY: &str = "Change content policy";
/// To see and run tasks, and to make and change them.
pub const TASKS: &str = "Run tasks";
/// To pack, check, back up and configure the site.
pub const SITE: &str = "Manage site";
/// To see the management pages.
pub const MANAGE: &str = "View management screens";

/// Everybody.
pub const ANONYMOUS: &str = "Anonymous";
/// Everybody who logged in.
pub const AUTHENTICATED: &str = "Authenticated";
/// Those who may do everything where nothing else is said.
pub const MANAGER: &str = "Manager";
/// Those who write the site.
pub const EDITOR: &str = "Editor";
/// The one whose an object is.
pub const OWNER: &str = "Owner";

/// One permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionSpec {
    /// What it is for, in one sentence.
    pub purpose: &'static str,
    /// Who has it where neither the object nor any container says so.
    pub roles: Roles,
}

/// The permissions of a site. Any other name is a permission, too, and only managers have it.
#[derive(Clone, Debug)]
pub struct PermissionTable {
    known: BTreeMap<Name, PermissionSpec>,
    others: Roles,
}

const PUBLIC: &[&str] = &[ANONYMOUS, MANAGER];
const EDITING: &[&str] = &[MANAGER, EDITOR, OWNER];
const WRITING: &[&str] = &[MANAGER, EDITOR];
const MANAGING: &[&str] = &[MANAGER];

const BUILT_IN: [(&str, &str, &[&str]); 17] = [
    (VIEW, "See an object.", PUBLIC),
    (LIST, "See what is in a folder.", PUBLIC),
    (HISTORY, "See who changed what and when, and how it was before.", EDITING),
    (ADD, "Put objects into a folder.", WRITING),
    (EDIT, "Change the content and the order of objects.", EDITING),
    (DELETE, "Delete objects, and move them away.", EDITING),
    (UNDO, "Take back changes.", WRITING),
    (VERSIONS, "Work in private versions of the site.", WRITING),
    (MANAGE, "See the management pages.", WRITING),
    (PROPERTIES, "Change settings of folders, and the types of objects.", MANAGING),
    (TEMPLATES, "Make and change templates, which are programs.", MANAGING),
    (PERMISSIONS, "Say who may do what.", MANAGING),
    (TAKE_OWNERSHIP, "Become the owner of an object.", MANAGING),
    (USERS, "See, make and change users and groups.", MANAGING),
    (POLICY, "Say what content may do in a browser.", MANAGING),
    (TASKS, "See and run tasks, make and change them.", MANAGING),
    (SITE, "Pack, check, back up and configure the site.", MANAGING),
];

impl Default for PermissionTable {
    fn default() -> Self {
        let mut table = Self { known: BTreeMap::new(), others: Roles::named([MANAGER]) };
        for (name, purpose, roles) in BUILT_IN {
            table.declare(name, purpose, roles.iter().copied());
        }
        table
    }
}

impl PermissionTable {
    /// Declares a permission, or who has a declared one. A text that is no name is left out.
    pub fn declare<'a>(
        &mut self,
        name: &str,
        purpose: &'static str,
        roles: impl IntoIterator<Item = &'a str>,
    ) {
        if let Ok(name) = Name::new(name) {
            self.known.insert(name, PermissionSpec { purpose, roles: Roles::named(roles) });
        }
    }

    /// Who has the permission where the tree says nothing.
    pub fn defaults(&self, permission: &str) -> &Roles {
        self.known.get(permission).map_or(&self.others, |spec| &spec.roles)
    }

    /// The declared permissions, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &PermissionSpec)> {
        self.known.iter()
    }
}
