//! Who may settle what becomes of a version as such, who may throw away what others did in it, and who can own one.
//!
//! The management pages and the interface for programs ask here; the command line is the machine's owner's.

use std::collections::HashSet;
use std::sync::Arc;

use bough_core::object::differing_cells;
use bough_core::security::permission::SITE;
use bough_core::security::{Access, Authority as _, Warrant, user_folder, users_named};
use bough_core::snapshot::{ChildrenPage, ReadError, is_live};
use bough_core::transaction::{ObjectChange, SharedSnapshot};
use bough_core::{Oid, Snapshot as _};
use bough_store::version::{Pick, VersionError, VersionInfo};
use bough_store::{Database, Kind, LineId, Note, Snapshot};

use crate::error::PublishError;
use crate::problem::{Code, Problem};

/// Whether somebody may rename, give away, close, discard and reopen a version: its owner may, and who manages the
/// site.
///
/// # Errors
/// When the store cannot be read.
pub fn may_manage_version(access: &Access, info: &VersionInfo) -> Result<bool, ReadError> {
    let actor = access.actor();
    let is_owner = actor.is_known() && actor.name() == info.owner;
    Ok(is_owner || access.allows_at(SITE, Oid::ROOT)?)
}

/// Who may, in a sentence for people.
pub fn version_managers(info: &VersionInfo) -> String {
    let who = match info.owner.as_str() {
        "" => "Only who manages the site".into(),
        owner => format!("Only its owner, {owner}, or who manages the site"),
    };
    format!("{who} may rename this version, give it away, close or discard it.")
}

/// Refuses whoever may not.
pub(crate) fn require_management(access: &Access, info: &VersionInfo) -> Result<(), PublishError> {
    match may_manage_version(access, info)? {
        true => Ok(()),
        false => Err(Problem::new(Code::Denied, version_managers(info)).into()),
    }
}

/// Refuses to throw away what others did in a version to what one may not see or not change there. Who may settle what
/// becomes of the version may throw away all of it.
pub(crate) fn require_discard(
    access: &Access,
    version: &Database,
    picks: &[Pick],
) -> Result<(), PublishError> {
    if may_manage_version(access, &version.version_info()?)? {
        return Ok(());
    }
    let goes = match version.discard_part(picks, true, Note::edit("").of_kind(Kind::Discard)) {
        Ok(goes) => goes,
        // What does not go by itself is refused for that.
        Err(VersionError::NothingSelected | VersionError::Incomplete(_) | VersionError::Status { .. }) => {
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let goes: HashSet<Oid> = goes.objects.into_iter().collect();
    let (now, base) = (version.snapshot(), version.base_snapshot()?);
    let accesses = [access_to(access, &now), access_to(access, &base)];
    let mut changes = Vec::new();
    for delta in version.own_changes(0, usize::MAX)?.objects {
        if !goes.contains(&delta.oid) {
            continue;
        }
        let stands = if is_live(&now, delta.oid)? { &accesses[0] } else { &accesses[1] };
        let object = stands.here().object(delta.oid)?;
        if !object.map(|object| stands.may_view(&object)).transpose()?.unwrap_or(false) {
            return Err(PublishError::NotFound);
        }
        let back = differing_cells(delta.after.as_deref(), delta.before.as_deref()).into_iter();
        let cells = back.map(|(key, _, to)| (key.clone(), to.cloned())).collect();
        changes.push(ObjectChange { oid: delta.oid, cells });
    }
    // To throw a change away is to change the version back.
    let warrant = Warrant::new(access.actor().clone(), Arc::clone(version.types()));
    let head = version.on(LineId::TRUNK)?.snapshot();
    let denied = warrant.refuses(&now, Some(&head), &changes)?;
    if denied.is_empty() { Ok(()) } else { Err(PublishError::Denied(denied)) }
}

fn access_to(access: &Access, snapshot: &Snapshot) -> Access {
    let here: SharedSnapshot = Arc::new(snapshot.clone());
    let head = Some(Arc::clone(access.head()));
    Access::new(access.actor().clone(), Arc::clone(access.types()), here, head)
}

/// Why nobody of that name can be answerable for a version, in a sentence; none if somebody can. Where nobody can log
/// in yet, any name does.
///
/// # Errors
/// When the store cannot be read.
pub fn no_version_owner(site: &Database, name: &str) -> Result<Option<String>, ReadError> {
    if name.is_empty() {
        return Ok(Some("Say who is answerable for the version from now on.".into()));
    }
    let head = site.on(LineId::TRUNK).map_or_else(|_| site.snapshot(), |trunk| trunk.snapshot());
    if has_no_users(&head)? || !users_named(&head, Oid::ROOT, name)?.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!("There is no user {name} of the whole site.")))
}

/// Whether nobody can log in yet.
pub(crate) fn has_no_users(head: &Snapshot) -> Result<bool, ReadError> {
    let Some(users) = user_folder(head, Oid::ROOT)? else { return Ok(true) };
    Ok(head.children(users, &ChildrenPage::first(1))?.is_empty())
}
