//! `migrate`: objects of earlier editions brought to the present ones of their types.

use std::ops::ControlFlow;

use bough::{Migration, Site};
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::protocol::Reply;
use super::request::{SiteCommand, typed};
use super::screen::{Screen, counted};

/// After so many objects it is told how far the work is.
const TOLD_EVERY: u64 = 10_000;

const EDITIONS_HELP: &str = "\
A type counts the forms of what its objects hold as editions. Objects stay as they were made until this command
brings them to the present edition, in commits of at most 1000 objects that are undone like all others. What is done
is done: stopped, it goes on with the next call.";

/// Bring objects of earlier editions to the present ones of their types
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = EDITIONS_HELP)]
pub(crate) struct Migrate {
    /// Where to begin
    #[arg(default_value = "/")]
    path: String,
    /// Only objects of this type
    #[arg(long = "type", value_name = "TYPE")]
    type_name: Option<String>,
    /// Say only what would be done
    #[arg(long)]
    preview: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    /// What stays as it is.
    Failed { path: String, why: String },
    /// What was migrated, or would be.
    Migrated {
        #[serde(rename = "type")]
        type_name: String,
        edition: u32,
        objects: u64,
        preview: bool,
    },
    /// The commits, oldest first.
    Commits(Vec<String>),
    /// There was nothing to do.
    Nothing,
}

impl SiteCommand for Migrate {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let wanted = Migration {
            path: self.path.clone(),
            type_name: self.type_name.clone(),
            is_preview: self.preview,
            note: asker.note(""),
        };
        let mut watch = |looked: u64| {
            if looked.is_multiple_of(TOLD_EVERY) {
                // One who went away is told nothing; the work is safe at every point.
                let _ = asker.send(Reply::Remark(format!("looked at {looked} objects")));
            }
            ControlFlow::Continue(())
        };
        let done = site.migrate(&wanted, &mut watch)?;
        for (path, why) in &done.failures {
            asker.row(&Row::Failed { path: path.to_string(), why: why.to_string() })?;
        }
        for ((type_name, edition), objects) in &done.objects {
            asker.row(&Row::Migrated {
                type_name: type_name.to_string(),
                edition: *edition,
                objects: *objects,
                preview: self.preview,
            })?;
        }
        if !done.commits.is_empty() {
            asker.row(&Row::Commits(done.commits.iter().map(ToString::to_string).collect()))?;
        }
        if done.failed > 0 {
            let stay = counted(done.failed, "object stays as it is", "objects stay as they are");
            return Err(Failure::refused(format!("{stay}: see above why")));
        }
        if done.objects.is_empty() { asker.row(&Row::Nothing) } else { Ok(()) }
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row)? {
            Row::Failed { path, why } => screen.line(&format!("{path}: {why}")),
            Row::Migrated { type_name, edition, objects, preview } => {
                let verb = if preview { "Would migrate" } else { "Migrated" };
                let objects = counted(objects, "object", "objects");
                screen.line(&format!("{verb} {objects} of type {type_name} to edition {edition}"))
            }
            Row::Commits(tids) => {
                let undo = screen.command(&format!("undo {}", tids.join(" ")));
                screen.line(&format!("undo with: {undo}"))
            }
            Row::Nothing => screen.line("Everything is of the present edition of its type"),
        }
    }

    fn writes(&self) -> bool {
        true
    }
}
