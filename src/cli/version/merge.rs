//! `version merge`.

use bough::store::version::VersionError;
use bough::{MergeChoice, Site, Version};
use serde::{Deserialize, Serialize};

use super::conflict::{conflict_rows, refused};
use super::plan::{print, send_done, send_preview, send_remarkable};
use super::row::{Done, Places, closed_key, line_text, next, on_line, only_text, picks};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::request::SiteCommand;
use crate::cli::screen::{Screen, counted};

/// Merge a version, or a part of it, into its parent line, in one commit; an undo of that gives it all back
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Merge {
    /// The version
    name: String,
    /// Only show what would be done and what stands against it
    #[arg(long)]
    preview: bool,
    /// Only what it changed of these objects and in them, or of one cell (PATH:CELL)
    #[arg(long, value_name = "PATH", num_args = 1..)]
    only: Vec<String>,
    /// Close the version by that
    #[arg(long)]
    close: bool,
}

impl SiteCommand for Merge {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let version = site.version(&self.name)?;
        let only = match self.only.is_empty() {
            true => None,
            false => Some(picks(&version, &self.only)?),
        };
        let choice = MergeChoice { only, close: self.close };
        let (name, what) = (&self.name, only_text(&self.only));
        if self.preview {
            let plan = version.merge_preview_with(&choice)?;
            let close = if self.close { " --close" } else { "" };
            let after = match plan.conflicts.is_empty() {
                true => vec![
                    next("see every page that changes with", format!("version pages {name}{what}")),
                    next("do it with", format!("version merge {name}{close}{what}")),
                ],
                false => vec![next("see what stands against it with", format!("version conflicts {name}"))],
            };
            return send_preview(&version, "merge", &plan, after, asker);
        }
        let sentence = match self.only.is_empty() {
            true => format!("Merged version {name}"),
            false => format!("Merged {} of version {name}", self.only.join(", ")),
        };
        // Afterwards the version may lie on another line.
        let parent = version.info()?.parent_name;
        let places = Places::of(&version)?;
        match version.database().merge(&choice, asker.note(&sentence)) {
            Ok(merged) => {
                send_remarkable(&version, &places, &merged.plan, asker)?;
                send_done(self.done(&version, &merged, sentence, parent.as_deref())?, asker)
            }
            Err(VersionError::Conflicts(plan)) => {
                let rows = conflict_rows(&version, &places, &plan.conflicts)?;
                Err(refused(&format!("merge {name}"), &rows))
            }
            Err(VersionError::NothingSelected) => {
                Err(Failure::from(VersionError::NothingSelected).advise(format!("bough version diff {name}")))
            }
            Err(error) => Err(places.in_words(error.into())),
        }
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        print(row, screen)
    }
}

impl Merge {
    fn done(
        &self,
        version: &Version,
        merged: &bough::store::version::Merged,
        sentence: String,
        parent: Option<&str>,
    ) -> Result<Done, Failure> {
        let (name, into) = (&self.name, line_text(parent));
        let Some(tid) = merged.tid else {
            let nothing = match self.only.is_empty() {
                true => format!("{name} has nothing that {into} does not have"),
                false => format!("{into} has all of that already"),
            };
            return Ok(match self.close {
                true => {
                    let key = closed_key(version)?;
                    let done = Done::new(None, format!("Closed version {name}: {nothing}"));
                    done.next("open it again with", format!("version reopen {key}"))
                }
                false => Done::new(None, format!("Nothing changed: {nothing}")),
            });
        };
        let objects = counted(merged.plan.objects, "object", "objects");
        let sentence = format!("{sentence} into {into}: {objects}");
        let done = Done::new(Some(tid), sentence).next("undo with", format!("undo {tid}{}", on_line(parent)));
        let left = version.database().own_changes(0, 0)?.total;
        Ok(match (self.close, left) {
            (true, _) => done,
            (false, 0) => done.next("close the version with", format!("version close {name}")),
            (false, _) => done.next("see what it still holds with", format!("version diff {name}")),
        })
    }
}
