//! Versions and parts of them as people and programs name them.
//!
//! A version that is closed or discarded leaves its name to others: `NAME~NUMBER` names it for certain.

use std::collections::HashSet;

use bough_core::Oid;
use bough_core::object::differing_cells;
use bough_core::snapshot::{Chain, chain};
use bough_store::version::{Pick, VersionError, VersionInfo};
use bough_store::{Database, LineStatus, Snapshot};

/// What stands between the name and the number of a version.
const BETWEEN: char = '~';

/// The version that `NAME` names, an open one, else the newest that had the name; or the one of that `NAME~NUMBER`.
///
/// # Errors
/// When there is none.
pub fn version_of_key(site: &Database, key: &str) -> Result<Database, VersionError> {
    let Some((name, number)) = key.split_once(BETWEEN) else { return site.version(key) };
    let named = site.versions()?.into_iter().filter(|info| info.name == name);
    match named.into_iter().find(|info| info.line.0.to_string() == number) {
        Some(info) => site.numbered_version(info.line),
        None => {
            Err(VersionError::NoSuchVersion { name: key.chars().take(60).collect(), similar: Vec::new() })
        }
    }
}

/// What names a version for certain: its name if it is open or the only one that has it, else `NAME~NUMBER`. `all` are
/// the versions that there are.
pub fn version_key(all: &[VersionInfo], info: &VersionInfo) -> String {
    let is_other = |other: &&VersionInfo| other.name == info.name && other.line != info.line;
    match info.status == LineStatus::Open || !all.iter().any(|other| is_other(&other)) {
        true => info.name.clone(),
        false => version_key_with_number(info),
    }
}

/// The name of a version with its number.
pub fn version_key_with_number(info: &VersionInfo) -> String {
    format!("{}{BETWEEN}{}", info.name, info.line.0)
}

/// The versions that somebody may mean who wants to open `key` again, where those are several: all that are not open
/// and have that name. Empty where it is clear which.
///
/// # Errors
/// When the store cannot be read.
pub fn versions_to_reopen(site: &Database, key: &str) -> Result<Vec<VersionInfo>, VersionError> {
    let named: Vec<VersionInfo> = site.versions()?.into_iter().filter(|info| info.name == key).collect();
    if named.len() < 2 {
        return Ok(Vec::new());
    }
    Ok(named.into_iter().filter(|info| info.status != LineStatus::Open).collect())
}

/// The first of several parts of which a version changed nothing, by its index.
///
/// # Errors
/// When the store cannot be read.
pub fn first_unchanged(version: &Database, picks: &[Pick]) -> Result<Option<usize>, VersionError> {
    let (now, base) = (version.snapshot(), version.base_snapshot()?);
    let changes = version.own_changes(0, usize::MAX)?.objects;
    let changed: HashSet<Oid> = changes.iter().map(|delta| delta.oid).collect();
    // Every object in which something changed.
    let mut above: HashSet<Oid> = HashSet::new();
    for delta in &changes {
        for state in [&now, &base] {
            above.extend(containers(state, delta.oid)?);
        }
    }
    for (nth, pick) in picks.iter().enumerate() {
        let has_changed = match pick {
            Pick::Object(oid) => changed.contains(oid),
            Pick::Below(oid) => above.contains(oid),
            Pick::Cell(oid, key) => changes.iter().filter(|delta| delta.oid == *oid).any(|delta| {
                let cells = differing_cells(delta.before.as_deref(), delta.after.as_deref());
                cells.iter().any(|(changed, ..)| *changed == key)
            }),
        };
        if !has_changed {
            return Ok(Some(nth));
        }
    }
    Ok(None)
}

/// An object and what it stands in, or stood in when it was deleted.
fn containers(state: &Snapshot, oid: Oid) -> Result<Vec<Oid>, VersionError> {
    Ok(match chain(state, oid)? {
        Chain::Live(chain) | Chain::Deleted(chain) => chain.iter().map(|object| object.oid()).collect(),
        _ => vec![oid],
    })
}
