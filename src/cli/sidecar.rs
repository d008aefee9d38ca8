//! What an exported folder holds that plain files cannot say: `.bough.json`, one a folder, only where it is needed.
//!
//! Without one, a folder is an object of type `folder` without attributes, its files are files and images by their
//! extension, and everything stands in the order of its name. What differs from that is in here, so that importing an
//! export gives the same types, attributes and order. Bytes of other attributes than a file's `data` lie beside it as
//! `.bough.DIGEST.blob`.

use std::collections::BTreeMap;

use bough::core::{Name, Oid};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Described {
    #[serde(rename = "type")]
    pub(crate) type_name: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) attributes: BTreeMap<String, Json>,
    /// Whether the attribute `data` is the plain file of that name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) file: bool,
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
