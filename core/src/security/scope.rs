//! Scopes: everything that is said, at an object and in its containers, about who may do what there.
//!
//! A scope is read once for each container and shared by all that is in it and says nothing itself. It depends on
//! cells alone, so it is right for as long as none of those changes.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::permission::{MANAGER, OWNER};
use super::{PermissionTable, Roles, Setting, Subject};
use crate::snapshot::{ReadError, Snapshot};
use crate::{CellKey, Content, Name, Object, Oid};

/// Deeper than any place in a tree may be: past it, containers contain each other.
pub(super) const DEPTH_MAX: usize = 4_096;

/// The roles that have a permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Those that were named.
    pub roles: Roles,
    /// Whether a setting on the way stopped acquiring, so that what holds by default does not count.
    pub stops: bool,
}

/// What holds at an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The object and its containers.
    containers: Box<[Oid]>,
    /// Whether the containers reach the root.
    is_live: bool,
    /// By permission, sorted.
    settings: Arc<[(Name, Effective)]>,
    local: Arc<HashMap<Subject, Roles>>,
}

static MANAGERS: LazyLock<Roles> = LazyLock::new(|| Roles::named([MANAGER]));
static OWNERS: LazyLock<Roles> = LazyLock::new(|| Roles::named([OWNER]));

impl Scope {
    /// The scope of an object, put together from what it and its containers say. Containers are asked of `snapshot`,
    /// which may know theirs.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn read(snapshot: &(impl Snapshot + ?Sized), oid: Oid) -> Result<Arc<Self>, ReadError> {
        let mut below = Vec::new();
        let mut at = oid;
        // What is not there may be made at any time, and that shall change nothing that is kept.
        let mut is_absent = false;
        let mut scope = loop {
            let Some(object) = snapshot.object(at)? else {
                is_absent = true;
                break Arc::new(Self::outside());
            };
            let parent = object.place().map(|place| place.parent);
            below.push(object);
            match parent {
                _ if at == Oid::ROOT => break Arc::new(Self::above_root()),
                Some(_) if below.len() > DEPTH_MAX => break Arc::new(Self::outside()),
                None => break Arc::new(Self::outside()),
                Some(parent) => match snapshot.known_scope(parent) {
                    Some(scope) => break scope,
                    None => at = parent,
                },
            }
        };
        for object in below.iter().rev() {
            scope = Arc::new(scope.inside(object));
            if !is_absent {
                snapshot.keep_scope(object.oid(), &scope);
            }
        }
        Ok(scope)
    }

    /// What holds above the root: nothing is said there.
    pub(super) fn above_root() -> Self {
        Self { is_live: true, ..Self::outside() }
    }

    /// What holds for what was deleted.
    pub(super) fn outside() -> Self {
        Self { containers: [].into(), is_live: false, settings: [].into(), local: Arc::default() }
    }

    /// The scope of an object that stands in what this is the scope of.
    #[must_use]
    pub fn inside(&self, object: &Object) -> Self {
        let mut containers = Vec::with_capacity(self.containers.len() + 1);
        containers.push(object.oid());
        containers.extend_from_slice(&self.containers);
        let mut scope = Self { containers: containers.into(), ..self.clone() };
        let security = object.security();
        if security.is_empty() {
            return scope;
        }
        let mut settings = self.settings.to_vec();
        for (key, cell) in security {
            match (key, &cell.content) {
                (CellKey::Permission(permission), Content::Setting(setting)) => {
                    set(&mut settings, permission, setting);
                }
                (CellKey::LocalRoles(subject), Content::Roles(roles)) => scope.give(subject.clone(), roles),
                (CellKey::Owner, Content::Owner(owner)) => scope.give(Subject::Principal(*owner), &OWNERS),
                _ => {}
            }
        }
        scope.settings = settings.into();
        scope
    }

    fn give(&mut self, subject: Subject, roles: &Roles) {
        let had = Arc::make_mut(&mut self.local).entry(subject).or_default();
        *had = had.with(roles);
    }

    /// The object and its containers, up to the root.
    pub fn containers(&self) -> &[Oid] {
        &self.containers
    }

    /// Whether the containers reach the root.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// What was said about a permission; none where nothing was.
    pub fn effective(&self, permission: &str) -> Option<&Effective> {
        let found = self.settings.binary_search_by(|(name, _)| name.as_str().cmp(permission));
        found.ok().map(|at| &self.settings[at].1)
    }

    /// The permissions of which something was said.
    pub fn permissions(&self) -> impl Iterator<Item = &Name> {
        self.settings.iter().map(|(permission, _)| permission)
    }

    /// Whether the same is said here as there, wherever that is.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.is_live == other.is_live && self.settings == other.settings && self.local == other.local
    }

    /// The roles that somebody has here.
    pub fn local(&self, subject: &Subject) -> Option<&Roles> {
        self.local.get(subject)
    }

    /// Everybody who has roles here.
    pub fn all_local(&self) -> impl Iterator<Item = (&Subject, &Roles)> {
        self.local.iter()
    }

    /// Whether one of `accepts` answers for the roles that have the permission here.
    pub(super) fn any_role(
        &self,
        table: &PermissionTable,
        permission: &str,
        mut accepts: impl FnMut(&Roles) -> bool,
    ) -> bool {
        // What was deleted lies nowhere, so that nothing that was said elsewhere holds for it.
        if !self.is_live {
            return accepts(&MANAGERS);
        }
        match self.effective(permission) {
            Some(Effective { roles, stops: true }) => accepts(roles),
            Some(Effective { roles, stops: false }) => accepts(roles) || accepts(table.defaults(permission)),
            None => accepts(table.defaults(permission)),
        }
    }

    /// About how many bytes it takes in memory by itself.
    pub fn weight(&self) -> usize {
        let roles = |roles: &Roles| roles.len() * 24;
        let settings: usize = self.settings.iter().map(|(_, effective)| 64 + roles(&effective.roles)).sum();
        let local: usize = self.local.values().map(|given| 80 + roles(given)).sum();
        size_of::<Self>() + self.containers.len() * size_of::<Oid>() + settings + local
    }
}

fn set(settings: &mut Vec<(Name, Effective)>, permission: &Name, setting: &Setting) {
    let at = settings.binary_search_by(|(name, _)| name.cmp(permission));
    let effective = match (setting.acquire, at) {
        (true, Ok(at)) => {
            let above = &settings[at].1;
            Effective { roles: above.roles.with(&setting.roles), stops: above.stops }
        }
        (acquire, _) => Effective { roles: setting.roles.clone(), stops: !acquire },
    };
    match at {
        Ok(at) => settings[at].1 = effective,
        Err(at) => settings.insert(at, (permission.clone(), effective)),
    }
}
