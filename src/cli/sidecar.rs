//! What an exported folder holds that plain files cannot say: `.bough.json`, one a folder, only where it is needed.
//!
//! Without one, a folder is an object of type `folder` without attributes, its files are files and images by their
//! extension, and everything stands in the order of its name. What differs from that is in here, so that importing an
//! export gives the same types, attributes, order and rights; passwords are no part of the tree and not in here. Bytes of other attributes than a file's `data` lie beside it as
//! `.bough.DIGEST.blob`.

use std::collections::BTreeMap;

use bough::core::security::{Roles, Setting, Subject};
use bough::core::{CellKey, Content, Name, Object, Oid};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::value::ANY_USER;

/// The file's name.
pub(crate) const NAME: &str = ".bough.json";
/// The format that is written, and the newest that is read.
const FORMAT: u32 = 1;
/// Longest file that is read.
pub(crate) const BYTES_MAX: u64 = 256 << 20;

/// What the file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sidecar {
    /// The format's number.
    bough: u32,
    /// The folder itself, where it is not a plain one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<Described>,
    /// The names of all children in their order, where that is not the order of the names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<Vec<String>>,
    /// The children that are no plain files and no containers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) children: BTreeMap<String, Described>,
}

/// An object's type and attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Described {
    #[serde(rename = "type")]
    pub(crate) type_name: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) attributes: BTreeMap<String, Json>,
    /// Whether the attribute `data` is the plain file of that name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) file: bool,
    /// What it says about rights, where it says something. Without it, what stands in the site stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rights: Option<Rights>,
}

/// What an object says about who may do what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rights {
    /// By permission.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) permissions: BTreeMap<String, Allowed>,
    /// By user or group, as references are written; or `any user NAME`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) roles: BTreeMap<String, Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proxy_roles: Option<Vec<String>>,
}

/// The roles that have a permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allowed {
    pub(crate) roles: Vec<String>,
    /// Whether those that have it in the containers have it, too.
    pub(crate) acquire: bool,
}

impl Rights {
    /// What an object says; none where it says nothing. `reference` writes users and groups.
    pub(crate) fn of(object: &Object, reference: &dyn Fn(Oid) -> String) -> Option<Self> {
        let names = |roles: &Roles| roles.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut rights = Self::default();
        for (key, cell) in object.security() {
            match (key, &cell.content) {
                (CellKey::Permission(permission), Content::Setting(setting)) => {
                    let allowed = Allowed { roles: names(&setting.roles), acquire: setting.acquire };
                    rights.permissions.insert(permission.to_string(), allowed);
                }
                (CellKey::LocalRoles(whose), Content::Roles(roles)) => {
                    let whose = match whose {
                        Subject::Principal(oid) => reference(*oid),
                        Subject::Name(name) => format!("{ANY_USER}{name}"),
                    };
                    rights.roles.insert(whose, names(roles));
                }
                (CellKey::Owner, Content::Owner(owner)) => rights.owner = Some(reference(*owner)),
                (CellKey::ProxyRoles, Content::Roles(roles)) => rights.proxy_roles = Some(names(roles)),
                _ => {}
            }
        }
        (rights != Self::default()).then_some(rights)
    }

    /// The cells that say it. `find` finds users and groups.
    pub(crate) fn cells(
        &self,
        find: &dyn Fn(&str) -> Option<Oid>,
    ) -> Result<BTreeMap<CellKey, Content>, String> {
        let name = |text: &str| Name::new(text).map_err(|error| error.to_string());
        let roles = |names: &[String]| -> Result<Roles, String> {
            Ok(Roles::new(names.iter().map(|role| name(role)).collect::<Result<Vec<_>, _>>()?))
        };
        let somebody =
            |text: &str| find(text).ok_or_else(|| format!("there is no user or group at `{text}`"));
        let mut cells = BTreeMap::new();
        for (permission, Allowed { roles: allowed, acquire }) in &self.permissions {
            let setting = Setting { roles: roles(allowed)?, acquire: *acquire };
            cells.insert(CellKey::Permission(name(permission)?), Content::Setting(setting));
        }
        for (whose, given) in &self.roles {
            let whose = match whose.strip_prefix(ANY_USER) {
                Some(text) => Subject::Name(name(text)?),
                None => Subject::Principal(somebody(whose)?),
            };
            cells.insert(CellKey::LocalRoles(whose), Content::Roles(roles(given)?));
        }
        if let Some(owner) = &self.owner {
            cells.insert(CellKey::Owner, Content::Owner(somebody(owner)?));
        }
        if let Some(proxy) = &self.proxy_roles {
            cells.insert(CellKey::ProxyRoles, Content::Roles(roles(proxy)?));
        }
        Ok(cells)
    }
}

impl Default for Sidecar {
    fn default() -> Self {
        Self { bough: FORMAT, folder: None, order: None, children: BTreeMap::new() }
    }
}

impl Sidecar {
    /// Whether plain files say it all.
    pub(crate) fn is_needless(&self) -> bool {
        *self == Self::default()
    }

    /// Reads the file.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Format {
            bough: u32,
        }
        let Format { bough } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if bough > FORMAT {
            return Err(format!("it is of format {bough}: this program reads up to {FORMAT}"));
        }
        let parsed: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        for name in parsed.children.keys().chain(parsed.order.iter().flatten()) {
            Name::check(name).map_err(|error| error.to_string())?;
        }
        Ok(parsed)
    }

    /// The file's bytes: the same for the same folder.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// The name of the file that holds a blob.
pub(crate) fn blob_name(digest: &str) -> String {
    format!(".bough.{digest}.blob")
}

/// The digest of the blob that a file of this name holds, if it holds one.
pub(crate) fn blob_digest(name: &str) -> Option<&str> {
    let digest = name.strip_prefix(".bough.")?.strip_suffix(".blob")?;
    (digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(digest)
}

/// Whether a plain file of this name would be taken for something else.
pub(crate) fn is_reserved(name: &str) -> bool {
    name == NAME || blob_digest(name).is_some()
}

/// Whether the value names objects, which can be found only when all are there.
pub(crate) fn has_reference(json: &Json) -> bool {
    match json {
        Json::Object(map) => map.contains_key("reference") || map.values().any(has_reference),
        Json::Array(items) => items.iter().any(has_reference),
        _ => false,
    }
}

/// An object that shall get a value once everything is there.
#[derive(Debug)]
pub(crate) struct Deferred {
    pub(crate) oid: Oid,
    pub(crate) path: String,
    pub(crate) attribute: Name,
    pub(crate) json: Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_format_and_hostile_names_are_refused() {
        assert!(Sidecar::parse(br#"{"bough": 1, "order": ["a"]}"#).is_ok());
        for bad in [
            "",
            "{}",
            r#"{"bough": 2}"#,
            r#"{"bough": 1, "order": ["../a"]}"#,
            r#"{"bough": 1, "children": {"@a": {"type": "page"}}}"#,
            r#"{"bough": 1, "other": 1}"#,
        ] {
            assert!(Sidecar::parse(bad.as_bytes()).is_err(), "{bad} was taken");
        }
    }
}
