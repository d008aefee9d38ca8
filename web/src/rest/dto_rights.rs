//! The JSON of who may do what.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dto::Link;

/// Who may do what at an object: what is said there and in its containers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rights {
    pub(super) object: Link,
    /// Settings, those of the object first, then those of its containers from the nearest.
    pub(super) settings: Vec<SettingShown>,
    /// Who has roles there and below, in the same order.
    pub(super) local_roles: Vec<LocalRoles>,
    /// Whose the object and its containers are, in the same order; an owner has the role Owner there and below.
    pub(super) owners: Vec<OwnerShown>,
    /// The roles that the object runs with, where it is a template.
    pub(super) proxy_roles: Option<Vec<String>>,
    /// All declared permissions, and who has them where nothing is said.
    pub(super) permissions: Vec<Permission>,
}

/// Who has a permission at an object and below.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SettingShown {
    pub(super) permission: String,
    pub(super) roles: Vec<String>,
    /// Whether those that have it in the containers have it here, too.
    pub(super) acquire: bool,
    /// The object that says so.
    pub(super) at: Link,
    /// The commit that said so.
    pub(super) commit: String,
}

/// Somebody's roles at an object and below.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LocalRoles {
    /// Who: the oid of a user or group, or a log-in name, whichever folder the user is defined in.
    pub(super) who: String,
    /// What the user or group is called.
    pub(super) name: String,
    pub(super) roles: Vec<String>,
    pub(super) at: Link,
    pub(super) commit: String,
}

/// Whose an object is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OwnerShown {
    /// The oid of the user.
    pub(super) owner: String,
    /// The log-in name; none where it is no user any more.
    pub(super) name: Option<String>,
    pub(super) at: Link,
    pub(super) commit: String,
}

/// A permission.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Permission {
    pub(super) name: String,
    pub(super) purpose: String,
    /// The roles that have it where nothing is said.
    pub(super) roles: Vec<String>,
}

/// Who shall have a permission at an object and below.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSetting {
    pub(super) roles: Vec<String>,
    /// Whether those that have it in the containers shall have it here, too.
    pub(super) acquire: bool,
}

/// The roles that somebody shall have at an object and below.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRoles {
    pub(super) roles: Vec<String>,
}

/// Whose an object shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOwner {
    /// The oid of a user; null for nobody.
    pub(super) owner: Option<String>,
}

/// Why somebody may or may not do something.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Why {
    pub(super) allowed: bool,
    /// One sentence.
    pub(super) reason: String,
    /// The roles that have the permission, and where that is said; by default where nothing is named.
    pub(super) granted: Vec<GrantedShown>,
    /// The roles that he has there, and where from.
    pub(super) held: Vec<HeldShown>,
    /// The cells that make it so. All of them changed, the answer is the other one.
    pub(super) because: Vec<CellShown>,
}

/// A role that has the permission.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GrantedShown {
    pub(super) role: String,
    pub(super) by: Option<CellShown>,
}

/// A role that somebody has.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeldShown {
    pub(super) role: String,
    /// `everybody`, `user`, `local` or `owner`.
    pub(super) by: &'static str,
    pub(super) cell: Option<CellShown>,
}

/// A cell of an object.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CellShown {
    pub(super) at: Link,
    pub(super) cell: String,
    /// The commit that wrote it; none where it is not there.
    pub(super) commit: Option<String>,
    /// Who made that commit.
    pub(super) principal: Option<String>,
}
