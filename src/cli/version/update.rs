//! `version update`.

use bough::Site;
use bough::store::version::VersionError;
use serde::{Deserialize, Serialize};

use super::conflict::{conflict_rows, refused};
use super::plan::{print, send_done, send_preview, send_remarkable};
use super::row::{Done, Places, VersionRow, next};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::request::SiteCommand;
use crate::cli::screen::{Screen, counted};

/// Bring a version up to its parent line: from then on it shows that where it changed nothing
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Update {
    /// The version
    name: String,
    /// Only show what would be done and what stands against it
    #[arg(long)]
    preview: bool,
}

impl SiteCommand for Update {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let version = site.version(&self.name)?;
        let name = &self.name;
        if self.preview {
            let plan = version.update_preview()?;
            let after = match plan.conflicts.is_empty() {
                true => vec![next("do it with", format!("version update {name}"))],
                false => vec![next("see what stands against it with", format!("version conflicts {name}"))],
            };
            return send_preview(&version, "update", &plan, after, asker);
        }
        let row = VersionRow::of(site, &version.info()?, &site.versions()?)?;
        let commits = counted(row.behind, "commit", "commits");
        let sentence = format!("Updated version {name}");
        let places = Places::of(&version)?;
        match version.database().update(None, asker.note(&sentence)) {
            Ok(updated) => {
                send_remarkable(&version, &places, &updated.plan, asker)?;
                let parent = row.parent_text();
                let done = match updated.tid {
                    Some(_) => {
                        Done::new(updated.tid, format!("{sentence}: brought in {commits} of {parent}"))
                            .next("look at it with", format!("version show {name}"))
                    }
                    None => Done::new(None, format!("Nothing changed: {name} is up to date with {parent}")),
                };
                send_done(done, asker)
            }
            Err(VersionError::Conflicts(plan)) => {
                let rows = conflict_rows(&version, &places, &plan.conflicts)?;
                Err(refused(&format!("update {name}"), &rows))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        print(row, screen)
    }
}
