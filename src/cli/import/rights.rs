//! Rights, and how far what was imported is trusted.

use std::sync::Arc;

use bough::core::Snapshot as _;
use bough::core::security::Roles;
use bough::core::traversal::FILES;
use bough::core::{CellKey, Content, Name, Oid, Value};
use bough::web::{CONTENT_POLICY, ContentPolicy};

use super::described::join;
use super::{Importer, PolicyFrom};
use crate::cli::failure::Failure;
use crate::cli::value;

impl Importer<'_> {
    /// Says about rights exactly what is described, now that all users are there.
    pub(super) fn set_rights(&mut self) -> Result<(), Failure> {
        for (oid, path, rights) in std::mem::take(&mut self.rights) {
            let (top, draft) = (&self.top, &self.draft);
            let find = |text: &str| match text.strip_prefix('.') {
                Some(below) => value::find(&**draft, &join(top, below)),
                None => value::find(&**draft, text),
            };
            let mut wanted = match rights.cells(&find) {
                Ok(cells) => cells,
                Err(problem) => {
                    self.problem(&path, &format!("its rights: {problem}"));
                    continue;
                }
            };
            let Some(object) = self.draft.object(oid)? else { continue };
            let others = object.security().iter().filter(|(key, _)| !wanted.contains_key(key));
            let others: Vec<_> = others.map(|(key, _)| (key.clone(), None)).collect();
            wanted.retain(|key, content| object.content(key) != Some(content));
            let cells = wanted.into_iter().map(|(key, content)| (key, Some(content)));
            for (key, content) in others.into_iter().chain(cells) {
                self.set_right(oid, key, content)?;
            }
        }
        Ok(())
    }

    fn set_right(&mut self, oid: Oid, key: CellKey, content: Option<Content>) -> Result<(), Failure> {
        match (key, content) {
            (CellKey::Permission(name), Some(Content::Setting(setting))) => {
                self.draft.set_permission(oid, &name, Some(setting))?;
            }
            (CellKey::Permission(name), _) => self.draft.set_permission(oid, &name, None)?,
            (CellKey::LocalRoles(whose), Some(Content::Roles(roles))) => {
                self.draft.set_local_roles(oid, whose, roles)?;
            }
            (CellKey::LocalRoles(whose), _) => self.draft.set_local_roles(oid, whose, Roles::default())?,
            (CellKey::Owner, Some(Content::Owner(owner))) => self.draft.set_owner(oid, Some(owner))?,
            (CellKey::Owner, _) => self.draft.set_owner(oid, None)?,
            (CellKey::ProxyRoles, Some(Content::Roles(roles))) => {
                self.draft.set_proxy_roles(oid, Some(roles))?;
            }
            (CellKey::ProxyRoles, _) => self.draft.set_proxy_roles(oid, None)?,
            _ => {}
        }
        Ok(())
    }

    /// Lets names that begin with `_` have URLs below the top, unless the source itself says what the top is. The
    /// root is left alone: it is a site, not a folder of files.
    pub(super) fn mark_files(&mut self) -> Result<(), Failure> {
        let Some(oid) = self.unmarked.take() else { return Ok(()) };
        let is_changed = self.set(oid, &Name::new(FILES)?, Value::Bool(true), false)?;
        self.summary.changed += u64::from(is_changed);
        Ok(())
    }

    /// Says how far everything is trusted, where that was asked for; a new folder is never trusted because one above it
    /// is. What the source says of itself counts unless something else was asked for.
    pub(super) fn set_policy(&mut self) -> Result<(), Failure> {
        let Some((oid, is_new)) = self.into else { return Ok(()) };
        let types = Arc::clone(self.draft.types());
        let held = self.draft.object(oid)?.is_some_and(|object| object.attribute(CONTENT_POLICY).is_some());
        let (wanted, from) = match self.command.policy.chosen() {
            Some(policy) => (Some(policy), PolicyFrom::Flag),
            None if is_new && !held => (Some(ContentPolicy::default()), PolicyFrom::Default),
            None => (None, PolicyFrom::Site),
        };
        let now = ContentPolicy::of(&*self.draft, &types, oid)?;
        if let Some(policy) = wanted
            && (policy != now || (held && from == PolicyFrom::Flag))
        {
            let value = Value::text(policy.to_string());
            let is_changed = self.set(oid, &Name::new(CONTENT_POLICY)?, value, false)?;
            self.summary.changed += u64::from(is_changed && !is_new);
        }
        self.summary.policy = wanted.unwrap_or(now).to_string();
        self.summary.policy_from = from;
        Ok(())
    }
}
