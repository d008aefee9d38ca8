//! How a version stands: how much it changed, how far it is behind, and who worked on the same things.

use bough_core::object::differing_cells;
use bough_core::{Object, Snapshot as _};
use bough_store::version::VersionInfo;
use bough_store::{Database, Snapshot};
use bough_web::pages::PageError;

use crate::text;

/// How a version stands, counted up to a bound.
pub(crate) struct Standing {
    /// Objects that it changed.
    pub(crate) changes: usize,
    /// Those of them that were changed on the parent line since.
    pub(crate) overlap: usize,
    /// Whether not all that it touched was looked at.
    pub(crate) is_part: bool,
    /// Commits on the parent line since its base.
    pub(crate) behind: usize,
    /// Whether there are more of them.
    pub(crate) is_further_behind: bool,
}

impl Standing {
    /// Looks at no more than `objects_max` objects of the version and `commits_max` commits of its parent line. It costs
    /// nothing by how much happened there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn of(
        database: &Database,
        info: &VersionInfo,
        objects_max: usize,
        commits_max: usize,
    ) -> Result<Self, PageError> {
        let part = database.own_part(None, objects_max)?;
        let parent = database.on(info.parent)?.snapshot();
        let mut overlap = 0;
        for delta in &part.objects {
            overlap += usize::from(is_changed_there(&parent, delta.oid, delta.before.as_deref())?);
        }
        let behind = database.commits_behind(commits_max + 1)?;
        Ok(Self {
            changes: part.objects.len(),
            overlap,
            is_part: part.next.is_some(),
            behind: behind.min(commits_max),
            is_further_behind: behind > commits_max,
        })
    }

    /// "12 objects changed".
    pub(crate) fn changes_text(&self) -> String {
        match (self.changes, self.is_part) {
            (0, false) => "nothing changed yet".into(),
            (changes, is_part) => {
                format!("{}{} changed", at_least(is_part), text::counted(changes as u64, "object", "objects"))
            }
        }
    }

    /// "3 changes behind".
    pub(crate) fn behind_text(&self) -> String {
        match self.behind {
            0 => "up to date".into(),
            behind => {
                let more = at_least(self.is_further_behind);
                format!("{more}{} behind", text::counted(behind as u64, "change", "changes"))
            }
        }
    }

    /// "2 of them also changed on the public site since"; empty where there are none.
    pub(crate) fn overlap_text(&self, parent: &str) -> String {
        match self.overlap {
            0 => String::new(),
            overlap => {
                let more = at_least(self.is_part);
                format!("{more}{} of them also changed on {parent}", text::grouped(overlap as u64))
            }
        }
    }
}

fn at_least(is_more: bool) -> &'static str {
    if is_more { "at least " } else { "" }
}

/// Whether an object is on the parent line not as the version was compared with it.
pub(super) fn is_changed_there(
    parent: &Snapshot,
    oid: bough_core::Oid,
    before: Option<&Object>,
) -> Result<bool, PageError> {
    let there = parent.object(oid)?;
    Ok(!differing_cells(before, there.as_deref()).is_empty())
}

/// With so many objects of the version at most, and commits of its parent line, conflicts are counted where they are not
/// known yet.
const CONFLICT_OBJECTS_MAX: usize = 200;
const CONFLICT_COMMITS_MAX: usize = 500;

/// How many conflicts stand open, where that is known or soon found; none elsewhere.
pub(crate) fn open_conflicts(database: &Database) -> Result<Option<usize>, PageError> {
    Ok(database.open_conflicts(CONFLICT_OBJECTS_MAX, CONFLICT_COMMITS_MAX)?)
}

/// The line that a version is merged into, for people.
pub(crate) fn parent_text(info: &VersionInfo) -> String {
    match &info.parent_name {
        Some(name) => format!("version {name}"),
        None => "the public site".into(),
    }
}
