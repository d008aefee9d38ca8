//! What may be seen of an object, in any state: one answer for all pages.

use bough_core::security::Access;
use bough_core::security::permission::{EDIT, PROPERTIES};
use bough_core::{Object, Oid, Snapshot as _};
use bough_store::Snapshot;
use bough_web::pages::PageError;

/// Whether an object may be seen as it is in the state that `access` is for; one that is not there may not.
pub(crate) fn may_see(access: &Access, snapshot: &Snapshot, oid: Oid) -> Result<bool, PageError> {
    match snapshot.object(oid)? {
        Some(object) if object.type_name().is_some() => Ok(access.may_view(&object)?),
        _ => Ok(false),
    }
}

/// Whether an attribute of an object that may be seen may be read as it is: settings, and what programs are made of, are
/// for those who may change them.
pub(crate) fn may_read(access: &Access, object: &Object, attribute: &str) -> Result<bool, PageError> {
    if attribute.starts_with('_') && !access.allows(PROPERTIES, object)? {
        return Ok(false);
    }
    let guards = access.types().guards(object.type_name());
    Ok(guards.edit == EDIT || access.allows(guards.edit, object)?)
}
