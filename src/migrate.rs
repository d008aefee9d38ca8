//! Migrations of a site: what is below a path brought to the present editions of its types.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use bough_core::migration::{MigrationError, migrated};
use bough_core::object::Large;
use bough_core::snapshot::is_live;
use bough_core::{CellKey, Content, Name, ObjectPath, Oid, Snapshot as _, Tid};
use bough_store::{Draft, Note};

use crate::tx::known_type;
use crate::{Error, Handle, Site};

/// How many objects are changed by one commit: few enough to be quick, many enough to be few commits.
const BATCH: usize = 1_000;
/// How many of those that stay as they are, are named.
const FAILURES_MAX: usize = 1_000;

/// What is to be migrated, and how.
#[derive(Clone)]
pub struct Migration {
    /// Everything from here downwards.
    pub path: String,
    /// Only objects of this type; of every type if none.
    pub type_name: Option<String>,
    /// Whether to say only what would be done.
    pub is_preview: bool,
    /// Who makes the commits, and under which authority; their sentences are made here.
    pub note: Note,
}

impl Default for Migration {
    fn default() -> Self {
        Self { path: "/".to_owned(), type_name: None, is_preview: false, note: Note::edit("") }
    }
}

/// What was migrated, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// How many objects, by their type and the edition that they were brought to.
    pub objects: BTreeMap<(Name, u32), u64>,
    /// The commits, oldest first; [`Site::undo`] takes them back.
    pub commits: Vec<Tid>,
    /// What stays as it is, and why: the first 1,000 of them.
    pub failures: Vec<(ObjectPath, MigrationError)>,
    /// How many stay as they are.
    pub failed: u64,
}

impl Site {
    /// Brings objects of earlier editions to the present ones of their types, in commits of at most 1,000 objects. What
    /// is done is done: whatever stops it, the next call goes on from there. What its type refuses stays as it is and
    /// is named. `watch` is told how many objects were looked at, and may end it.
    ///
    /// # Errors
    /// When nothing is at the path, nobody registered the type, or a commit fails; the commits before it stay.
    pub fn migrate(
        &self,
        wanted: &Migration,
        watch: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Migrated, Error> {
        if let Some(name) = &wanted.type_name {
            known_type(self.database().types(), name)?;
        }
        let top = self.get(&wanted.path)?;
        let mut work = Work { site: self, wanted, done: Migrated::default(), waiting: BTreeMap::new() };
        work.look(&top)?;
        let mut looked = 1;
        // One open listing for each container on the way: as deep as the tree, which is bounded.
        let mut open = vec![top.children()];
        while let Some(listing) = open.last_mut()
            && watch(looked).is_continue()
        {
            match listing.next() {
                Some(child) => {
                    let child = child?;
                    work.look(&child)?;
                    looked += 1;
                    open.push(child.children());
                }
                None => drop(open.pop()),
            }
        }
        for (to, oids) in std::mem::take(&mut work.waiting) {
            work.commit(&to, &oids)?;
        }
        Ok(work.done)
    }
}

/// A migration under way.
struct Work<'a> {
    site: &'a Site,
    wanted: &'a Migration,
    done: Migrated,
    /// What the next commits migrate, by type and edition.
    waiting: BTreeMap<(Name, u32), Vec<Oid>>,
}

impl Work<'_> {
    /// Looks at one object, and commits when there are enough.
    fn look(&mut self, handle: &Handle) -> Result<(), Error> {
        let (object, view) = (handle.object(), handle.view());
        let schema = object.type_name().and_then(|of| view.types().schema(of.as_str()));
        let is_meant = |of: &Name| self.wanted.type_name.as_deref().is_none_or(|wanted| *of == *wanted);
        let Some(schema) = schema.filter(|schema| is_meant(&schema.name)) else { return Ok(()) };
        match migrated(object, view.types(), &|large: &Large| view.snapshot().large(large))? {
            Ok(cells) if cells.is_empty() => return Ok(()),
            Ok(_) => {}
            Err(error) => {
                self.done.failed += 1;
                if self.done.failures.len() < FAILURES_MAX {
                    self.done.failures.push((handle.path().clone(), error));
                }
                return Ok(());
            }
        }
        let to = (schema.name.clone(), schema.edition);
        if self.wanted.is_preview {
            *self.done.objects.entry(to).or_default() += 1;
            return Ok(());
        }
        let waiting = self.waiting.entry(to.clone()).or_default();
        waiting.push(object.oid());
        if waiting.len() < BATCH {
            return Ok(());
        }
        let full = std::mem::take(waiting);
        self.commit(&to, &full)
    }

    fn commit(&mut self, to: &(Name, u32), oids: &[Oid]) -> Result<(), Error> {
        if oids.is_empty() {
            return Ok(());
        }
        let objects = if oids.len() == 1 { "object" } else { "objects" };
        let sentence = format!("Migrated {} {objects} of type {} to edition {}", oids.len(), to.0, to.1);
        let note = Note { sentence, ..self.wanted.note.clone() };
        let written = self.site.write_noted(note, |tx| {
            let mut count = 0;
            for oid in oids {
                count += u64::from(migrate(tx, *oid, &to.0)?);
            }
            Ok(count)
        })?;
        *self.done.objects.entry(to.clone()).or_default() += written.value;
        self.done.commits.extend(written.tid);
        Ok(())
    }
}

/// Migrates one object as it is now. Whether there was anything to do: others may have been at it since it was looked at.
fn migrate(draft: &mut Draft, oid: Oid, of: &Name) -> Result<bool, Error> {
    let object = draft.object(oid)?.filter(|object| object.is_a(of.as_str()));
    let Some(object) = object else { return Ok(false) };
    if !is_live(&**draft, oid)? {
        return Ok(false);
    }
    let types = Arc::clone(draft.types());
    let Ok(cells) = migrated(&object, &types, &|large: &Large| draft.large(large))? else { return Ok(false) };
    let is_any = !cells.is_empty();
    for (key, content) in cells {
        let CellKey::Attribute(name) = key else { continue };
        let value = if let Some(Content::Value(value)) = content { Some(value) } else { None };
        draft.set(oid, &name, value)?;
    }
    Ok(is_any)
}

#[cfg(test)]
#[path = "migrate_tests.rs"]
mod tests;
