//! Links into versions: what is pasted while one works in a version leads there, and to nothing for visitors.

use bough_core::traversal::VERSION;
use bough_core::{CellKey, Content, Name, Oid, Snapshot as _, Value};
use bough_store::version::{MergePlan, VERSION_NAME_BYTES_MAX};
use bough_store::{Database, Snapshot, StoreError};

use crate::hosts::{HostTable, host_name};

/// How many bytes of a text are looked at.
const TEXT_BYTES_MAX: u32 = 4 << 20;

/// An attribute that a merge would publish with a link into a version in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionLink {
    /// The object.
    pub oid: Oid,
    /// The attribute.
    pub attribute: Name,
    /// The first such link, as far as it says which version it leads into.
    pub link: String,
}

/// The texts that a merge or an update would write and that link into versions, by their paths or their hosts.
///
/// # Errors
/// When the store cannot be read.
pub fn links_into_versions(
    version: &Database,
    plan: &MergePlan,
    hosts: &HostTable,
) -> Result<Vec<VersionLink>, StoreError> {
    let snapshot = version.snapshot();
    let mut found = Vec::new();
    for delta in &plan.cells {
        let (CellKey::Attribute(name), Some(content)) = (&delta.cell, &delta.after) else { continue };
        let Some(text) = text(&snapshot, content)? else { continue };
        if let Some(link) = first_link(&text, hosts) {
            found.push(VersionLink { oid: delta.oid, attribute: name.clone(), link });
        }
    }
    Ok(found)
}

fn text(snapshot: &Snapshot, content: &Content) -> Result<Option<String>, StoreError> {
    let value = match content {
        Content::Value(value) => value.clone(),
        Content::Large(large) if large.bytes <= TEXT_BYTES_MAX => snapshot.large(large)?,
        _ => return Ok(None),
    };
    Ok(match value {
        Value::Text(text) => Some(text.to_string()),
        _ => None,
    })
}

/// Longest name of a host with its port, in bytes: 253, a colon and five digits.
const AUTHORITY_BYTES_MAX: usize = 259;

/// The first address in a text that leads into a version.
fn first_link(text: &str, hosts: &HostTable) -> Option<String> {
    let is_end = |c: char| c.is_whitespace() || "/\"'<>()[]?#\\`,;".contains(c);
    let step = format!("/{VERSION}/");
    let by_path = text.match_indices(&step).find_map(|(at, _)| {
        let is_other = |c: char| !matches!(c, 'a'..='z' | '0'..='9' | '-');
        let name = text[at + step.len()..].split(is_other).next()?;
        (1..=VERSION_NAME_BYTES_MAX).contains(&name.len()).then(|| format!("{step}{name}"))
    });
    let by_host = || {
        text.match_indices("//").find_map(|(at, _)| {
            let authority = text[at + 2..].split(is_end).next()?;
            let host = host_name(authority)?.to_ascii_lowercase();
            let is_host = authority.len() <= AUTHORITY_BYTES_MAX;
            hosts.version(&host).filter(|_| is_host).map(|_| authority.to_owned())
        })
    };
    by_path.or_else(by_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_by_path_and_by_host_are_found_and_others_are_not() {
        let hosts = HostTable::default();
        for (text, link) in [
            ("<a href=\"/@v/redesign/about\">", Some("/@v/redesign")),
            ("see [it](http://localhost:8080/@v/spring).", Some("/@v/spring")),
            ("<img src='http://redesign.v.localhost:8080/logo.png'>", Some("redesign.v.localhost:8080")),
            ("<a href='//redesign.v.localhost'>", Some("redesign.v.localhost")),
            ("<a href='/about'> and https://example.org/v/x", None),
            ("/@v/", None),
            ("// a comment", None),
        ] {
            let found = first_link(text, &hosts);
            assert_eq!(found.as_deref(), link, "{text}");
        }
    }
}
