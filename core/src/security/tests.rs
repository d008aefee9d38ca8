//! What one may, why, and what one may change: tables first, then laws on random sites.

mod acting;
mod attacks;
mod decide;
mod explained;
mod laws;
mod templates;
mod warrants;

use std::sync::Arc;

use super::permission::{TEMPLATES, USERS as MANAGE_USERS};
use super::{
    Access, Actor, Authority as _, Denial, GROUP, GROUPS, Principal, ROLES, Roles, Setting, Subject, USER,
    USERS, USERS_NAME, Warrant, Within, user,
};
use crate::object_type::{Guards, PlainType, TypeRegistry, TypeSchema};
use crate::snapshot::path_of;
use crate::testing::{CountingIds, FOLDER, MemoryTree, name, oid_at};
use crate::transaction::{Transaction, TransactionError};
use crate::{Oid, Snapshot as _, Tid, Value};

/// A site that tests change as whoever owns the machine, and then let others try.
#[derive(Clone)]
struct Site {
    tree: MemoryTree,
    types: Arc<TypeRegistry>,
    /// Differs between a version and its head.
    line: u64,
}

fn types() -> Arc<TypeRegistry> {
    let mut types = TypeRegistry::default();
    let kinds = [
        (FOLDER, true, Guards::default()),
        ("page", false, Guards::default()),
        ("template", false, Guards::changes(TEMPLATES)),
        (USERS, true, Guards::all(MANAGE_USERS)),
        (USER, false, Guards::all(MANAGE_USERS)),
        (GROUP, false, Guards::all(MANAGE_USERS)),
    ];
    for (of, container, guards) in kinds {
        types.register(PlainType(TypeSchema { container, guards, ..TypeSchema::new(of, of).unwrap() }));
    }
    let robot = TypeSchema::new("robot", "robot").unwrap();
    types.register(PlainType(TypeSchema { acts_as_owner: true, ..robot }));
    Arc::new(types)
}

fn roles(text: &str) -> Roles {
    Roles::named(text.split_whitespace())
}

impl Site {
    fn new(text: &str) -> Self {
        Self { tree: MemoryTree::seeded(text), types: types(), line: 0 }
    }

    fn oid(&self, path: &str) -> Oid {
        oid_at(&self.tree, path)
    }

    fn draft(&self) -> Transaction {
        // No two drafts that are both applied make an object of the same oid.
        let ids = CountingIds::after(self.line * 1_000_000 + self.tree.tid().as_micros() * 1_000);
        Transaction::new(Arc::new(self.tree.clone()), Arc::clone(&self.types), Arc::new(ids), 1)
    }

    fn change(&mut self, work: impl FnOnce(&mut Transaction) -> Result<(), TransactionError>) -> &mut Self {
        let mut draft = self.draft();
        work(&mut draft).unwrap();
        let tid = Tid::from_micros(self.tree.tid().as_micros() + 1);
        self.tree.apply(&draft.finish().unwrap(), tid);
        self
    }

    /// Adds a user or a group, and the folder for it where there is none.
    fn add_somebody(&mut self, folder: &str, login: &str, of: &str, has: &str, groups: &[Oid]) -> Oid {
        let at = self.oid(folder);
        let users = self.tree.child(at, USERS_NAME).unwrap();
        let has = Value::Set(has.split_whitespace().map(Value::from).collect());
        let groups = Value::Set(groups.iter().map(|oid| Value::Reference(*oid)).collect());
        let mut added = Oid::ROOT;
        self.change(|draft| {
            let users = match users {
                Some(users) => users,
                None => draft.add(at, &name(USERS_NAME), &name(USERS), [])?,
            };
            let attributes = [(name(ROLES), has), (name(GROUPS), groups)];
            added = draft.add(users, &name(login), &name(of), attributes)?;
            Ok(())
        });
        added
    }

    fn user(&mut self, folder: &str, login: &str, has: &str) -> Oid {
        self.add_somebody(folder, login, USER, has, &[])
    }

    /// Says which roles have a permission; with a `!` behind them, and nobody else.
    fn say(&mut self, path: &str, permission: &str, who: &str) -> &mut Self {
        let oid = self.oid(path);
        let setting = Setting { roles: roles(who.trim_end_matches('!')), acquire: !who.ends_with('!') };
        self.change(|draft| draft.set_permission(oid, &name(permission), Some(setting)))
    }

    fn give(&mut self, path: &str, whose: Subject, has: &str) -> &mut Self {
        let oid = self.oid(path);
        self.change(|draft| draft.set_local_roles(oid, whose, roles(has)))
    }

    fn own(&mut self, path: &str, owner: Oid) -> &mut Self {
        let oid = self.oid(path);
        self.change(|draft| draft.set_owner(oid, Some(owner)))
    }

    fn delete(&mut self, path: &str) -> &mut Self {
        let oid = self.oid(path);
        self.change(|draft| draft.delete(oid))
    }

    fn move_to(&mut self, from: &str, folder: &str, to: &str) -> &mut Self {
        let (oid, parent) = (self.oid(from), self.oid(folder));
        self.change(|draft| draft.move_to(oid, parent, &name(to)))
    }

    fn actor(&self, who: Oid) -> Actor {
        let user = user(&self.tree, who).unwrap();
        Actor::new(user.map_or(Principal::Anonymous, |user| Principal::User(Arc::new(user))))
    }

    fn access(&self, actor: &Actor) -> Access {
        Access::new(actor.clone(), Arc::clone(&self.types), Arc::new(self.tree.clone()), None)
    }

    /// What `actor` may where this is the trunk's head and `shown` is looked at.
    fn access_to(&self, shown: &MemoryTree, actor: &Actor) -> Access {
        let head: Arc<MemoryTree> = Arc::new(self.tree.clone());
        Access::new(actor.clone(), Arc::clone(&self.types), Arc::new(shown.clone()), Some(head))
    }

    fn may(&self, actor: &Actor, permission: &str, path: &str) -> bool {
        self.access(actor).allows_at(permission, self.oid(path)).unwrap()
    }

    /// What of a change `actor` is refused, as in `Edit content at /a`, sorted.
    fn refused(
        &self,
        actor: &Actor,
        work: impl FnOnce(&mut Transaction) -> Result<(), TransactionError>,
    ) -> Vec<String> {
        let mut draft = self.draft();
        draft.set_maker(actor.user().map(|user| user.oid));
        work(&mut draft).unwrap();
        let changes = draft.finish().unwrap();
        let warrant = Warrant::new(actor.clone(), Arc::clone(&self.types));
        self.told(&warrant.refuses(&self.tree, None, &changes.objects).unwrap())
    }

    fn told(&self, denials: &[Denial]) -> Vec<String> {
        let told = |denial: &Denial| {
            let path = path_of(&self.tree, denial.at).unwrap();
            let at = path.map_or_else(|| denial.at.to_string(), |path| path.to_string());
            format!("{} at {at}", denial.permission)
        };
        let mut told: Vec<String> = denials.iter().map(told).collect();
        told.sort_unstable();
        told.dedup();
        told
    }
}
