//! Random cells that say who may do what, and whether what is kept of them is what they say.

use std::sync::Arc;

use bough_core::object_type::TypeRegistry;
use bough_core::security::{Roles, Setting, Subject};
use bough_core::transaction::{Transaction, TransactionError};
use bough_core::{CellKey, Content, Oid, Snapshot as _};
use bough_store::testing::{CountingIds, name};
use bough_store::{Draft, Snapshot};

use crate::chance::Chance;

/// A cell and what it shall hold.
pub(crate) fn random_cell(chance: &mut Chance) -> (CellKey, Option<Content>) {
    let roles = |bits: usize| {
        let all = ["Anonymous", "Editor", "Manager"];
        Roles::named(
            all.into_iter().enumerate().filter(|(nth, _)| bits & (1 << nth) != 0).map(|(_, role)| role),
        )
    };
    let (bits, acquire) = (chance.below(8), chance.below(2) == 0);
    let somebody = |chance: &mut Chance| Oid::from_u128(900 + chance.below(3) as u128);
    let given = Some(Content::Roles(roles(bits))).filter(|_| bits != 0);
    let (key, content) = match chance.below(6) {
        0..3 => {
            let permission = name(["View", "Read"][chance.below(2)]);
            (CellKey::Permission(permission), Some(Content::Setting(Setting { roles: roles(bits), acquire })))
        }
        3 => (CellKey::LocalRoles(Subject::Principal(somebody(chance))), given),
        4 => (CellKey::LocalRoles(Subject::Name(name("ann"))), given),
        _ => (CellKey::Owner, Some(Content::Owner(somebody(chance)))),
    };
    (key, content.filter(|_| chance.below(6) > 0))
}

/// Writes the cell.
pub(crate) fn write_cell(
    draft: &mut Draft,
    oid: Oid,
    key: &CellKey,
    content: Option<&Content>,
) -> Result<(), TransactionError> {
    match (key, content) {
        (CellKey::Permission(permission), Some(Content::Setting(setting))) => {
            draft.set_permission(oid, permission, Some(setting.clone()))
        }
        (CellKey::Permission(permission), _) => draft.set_permission(oid, permission, None),
        (CellKey::LocalRoles(subject), content) => {
            let roles = match content {
                Some(Content::Roles(roles)) => roles.clone(),
                _ => Roles::default(),
            };
            draft.set_local_roles(oid, subject.clone(), roles)
        }
        (CellKey::Owner, Some(Content::Owner(owner))) => draft.set_owner(oid, Some(*owner)),
        (CellKey::Owner, _) => draft.set_owner(oid, None),
        (key, _) => panic!("{key} is not written here"),
    }
}

/// Whether what the snapshot says of an object's rights, kept or not, is what its cells say.
pub(crate) fn assert_scope(snapshot: &Snapshot, oid: Oid) {
    // What was packed away says nothing any more, and nobody asks.
    if snapshot.object(oid).unwrap().is_none() {
        return;
    }
    // A transaction keeps nothing of that, and begins with nothing.
    let types = Arc::<TypeRegistry>::default();
    let forgetful = Transaction::new(Arc::new(snapshot.clone()), types, Arc::new(CountingIds::default()), 0);
    let (kept, fresh) = (snapshot.scope(oid).unwrap(), forgetful.scope(oid).unwrap());
    if !kept.is_live() && !fresh.is_live() {
        // Only managers may anything there, and how far the containers of what is deleted still go depends on pack.
        return;
    }
    assert_eq!(kept, fresh, "the rights at {oid} as of {}", snapshot.tid());
}
