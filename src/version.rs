//! A private version of the site: the same object API, and what brings it together with the line that it came from.

use std::ops::Deref;

use bough_core::merge::plan::Resolution;
use bough_core::{ObjectPath, Tid};
use bough_store::version::{
    Discarded, Management, MergeChoice, MergePlan, Merged, NewVersion, Pick, VersionConflict, VersionInfo,
};
use bough_store::{LineStatus, Note, ObjectDelta};
use bough_web::survey::Survey;

use crate::read::resolve;
use crate::{Error, Site};

/// A private version of the site. It is used like the [`Site`] that it is a version of: what is read through it is
/// what the version shows, and what is written stays in the version until it is merged.
///
/// ```
/// use bough::prelude::*;
/// use bough::Resolution;
///
/// # fn main() -> Result<(), bough::Error> {
/// let site = Site::in_memory()?;
/// site.write("Make a page", |tx| tx.add_with("/hello", "page", [("title", "Hello".into())]))?;
///
/// let redesign = site.create_version("redesign")?;
/// redesign.write("Say it louder", |tx| tx.set("/hello", "title", "HELLO"))?;
/// site.write("Say it politely", |tx| tx.set("/hello", "title", "Good day"))?;
/// assert_eq!(redesign.get("/hello")?.title()?, "HELLO");
/// assert_eq!(site.get("/hello")?.title()?, "Good day");
///
/// // Both changed the title: somebody has to choose.
/// let conflict = redesign.conflicts()?.remove(0);
/// redesign.resolve(&conflict.id, Resolution::Version)?;
/// let merged = redesign.merge()?;
/// assert_eq!(site.get("/hello")?.title()?, "HELLO");
///
/// // A merge is taken back like any commit; the version then holds again what it merged.
/// site.undo(merged.tid)?;
/// assert_eq!(site.get("/hello")?.title()?, "Good day");
/// assert_eq!(redesign.changes()?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Version {
    site: Site,
    principal: String,
}

impl Deref for Version {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl Site {
    /// The version of that name: an open one, else the newest that had it. `NAME~NUMBER` names one for certain.
    ///
    /// # Errors
    /// When there is none.
    pub fn version(&self, name: &str) -> Result<Version, Error> {
        let database = bough_web::version_of_key(self.database(), name)?;
        Ok(Version { site: self.on_line(database), principal: String::new() })
    }

    /// Makes a version of the site, or of the version that this is: by its name alone, or by a [`NewVersion`] with a
    /// title, an owner or the commit that it shall show.
    ///
    /// ```
    /// # use bough::{NewVersion, Site};
    /// # fn main() -> Result<(), bough::Error> {
    /// # let site = Site::in_memory()?;
    /// let autumn = site.create_version(NewVersion::named("autumn").titled("Autumn look").owned_by("ann"))?;
    /// let draft = autumn.create_version("autumn-draft")?;
    /// assert_eq!(draft.info()?.parent_name.as_deref(), Some("autumn"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the name cannot be had, or the state that it shall show is packed away or in the future.
    pub fn create_version(&self, new: impl Into<NewVersion>) -> Result<Version, Error> {
        let new = new.into();
        let note = Note::edit(format!("Opened version {}", new.name)).by(&new.owner);
        let database = self.database().open_version(&new, note)?;
        Ok(Version { site: self.on_line(database), principal: new.owner })
    }

    /// All versions that there are, oldest first, also closed and discarded ones.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn versions(&self) -> Result<Vec<VersionInfo>, Error> {
        Ok(self.database().versions()?)
    }
}

impl Version {
    /// The same, with somebody who answers for what is done: goes into commits and decisions.
    #[must_use]
    pub fn by(self, principal: impl Into<String>) -> Self {
        Self { principal: principal.into(), ..self }
    }

    /// Who answers for what is done; empty for nobody in particular.
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// What it is: its name, owner, parent line, base and status.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn info(&self) -> Result<VersionInfo, Error> {
        Ok(self.database().version_info()?)
    }

    /// Everything that it changed against its base, by oid. For one page of many take
    /// [`own_changes`](bough_store::Database::own_changes) of the database.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn changes(&self) -> Result<Vec<ObjectDelta>, Error> {
        Ok(self.database().own_changes(0, usize::MAX)?.objects)
    }

    /// What stands against a merge now, and what was settled of that: those have a `resolution`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn conflicts(&self) -> Result<Vec<VersionConflict>, Error> {
        Ok(self.database().conflicts()?)
    }

    /// Settles a conflict, by its id; `None` takes the decision back. It counts as long as the conflict is the same.
    ///
    /// # Errors
    /// When there is no such conflict (any more), or that does not settle it.
    pub fn resolve(&self, id: &str, resolution: impl Into<Option<Resolution>>) -> Result<(), Error> {
        Ok(self.database().resolve(id, resolution.into(), &self.principal)?)
    }

    /// What an update would do, and what stands against it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn update_preview(&self) -> Result<MergePlan, Error> {
        Ok(self.database().update_preview(None)?)
    }

    /// Brings it up to its parent line: from then on it shows that where it changed nothing.
    ///
    /// # Errors
    /// When anything is unsettled: it is named, and nothing was changed.
    pub fn update(&self) -> Result<Merged, Error> {
        Ok(self.database().update(None, self.note("Updated")?)?)
    }

    /// What a merge would do, and what stands against it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn merge_preview(&self) -> Result<MergePlan, Error> {
        self.merge_preview_with(&MergeChoice::default())
    }

    /// What a merge of a part would do, and what stands against it.
    ///
    /// # Errors
    /// When the version changed nothing of that, or the store cannot be read.
    pub fn merge_preview_with(&self, choice: &MergeChoice) -> Result<MergePlan, Error> {
        Ok(self.database().merge_preview(choice)?)
    }

    /// Which pages of its parent line a merge makes different, also those that only show what it changes: to be looked
    /// for step by step.
    ///
    /// # Errors
    /// When the version changed nothing of what is to be merged, or the store cannot be read.
    pub fn merge_survey(&self, choice: &MergeChoice) -> Result<Survey, Error> {
        Ok(Survey::of_merge(self.database(), choice)?)
    }

    /// Merges all that it changed into its parent line, as one commit, which [`Site::undo`] takes back there. It
    /// stays open, and shows the parent line as it is after the merge.
    ///
    /// # Errors
    /// When anything is unsettled: it is named, and nothing was changed.
    pub fn merge(&self) -> Result<Merged, Error> {
        self.merge_with(&MergeChoice::default())
    }

    /// Merges a part of it, or closes it by that. What was selected brings along what it cannot do without.
    ///
    /// # Errors
    /// As [`Version::merge`]; when the version changed nothing of that.
    pub fn merge_with(&self, choice: &MergeChoice) -> Result<Merged, Error> {
        Ok(self.database().merge(choice, self.note("Merged")?)?)
    }

    /// Everything that it changed of the object at a path and in it; the path is one in the version, or, for what it
    /// deleted, one of its base.
    ///
    /// # Errors
    /// When nothing is there, nor was.
    pub fn part(&self, path: &str) -> Result<Pick, Error> {
        let path = ObjectPath::parse(path)?;
        let missing = match resolve(&self.database().snapshot(), &path) {
            Ok(oid) => return Ok(Pick::Below(oid)),
            Err(error) => error,
        };
        let base = self.database().base_snapshot()?;
        resolve(&base, &path).map(Pick::Below).map_err(|_| missing)
    }

    /// Throws it away. It can be opened again by [`Version::manage`] until pack takes what it held.
    ///
    /// # Errors
    /// When other versions lie on it, or it is discarded already.
    pub fn discard(&self) -> Result<Tid, Error> {
        Ok(self.database().discard(false, self.note("Discarded")?)?)
    }

    /// Throws away some of what it changed, and what cannot stay without that.
    ///
    /// # Errors
    /// When it changed nothing of that.
    pub fn discard_part(&self, picks: &[Pick]) -> Result<Discarded, Error> {
        Ok(self.database().discard_part(picks, false, self.note("Discarded a part of")?)?)
    }

    /// Changes its name, title, owner or status. None if it is so already.
    ///
    /// # Errors
    /// When the name cannot be had.
    pub fn manage(&self, change: &Management) -> Result<Option<Tid>, Error> {
        let verb = match change.status {
            Some(LineStatus::Closed) => "Closed",
            Some(LineStatus::Open) => "Opened again",
            _ => "Changed the particulars of",
        };
        Ok(self.database().manage_version(change, self.note(verb)?)?)
    }

    fn note(&self, verb: &str) -> Result<Note, Error> {
        Ok(Note::edit(format!("{verb} version {}", self.info()?.name)).by(&self.principal))
    }
}

#[cfg(test)]
#[path = "version_tests.rs"]
mod tests;
