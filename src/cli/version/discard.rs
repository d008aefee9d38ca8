//! `version discard`.

use bough::store::version::VersionError;
use bough::{Site, Version};
use serde::{Deserialize, Serialize};

use super::row::{Done, Places, on_line, only_text, picks};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::{Screen, counted};

/// Throw a version away, or a part of what it changed, with what cannot stay without that
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Discard {
    /// The version
    name: String,
    /// Only what it changed of these objects and in them, or of one cell (PATH:CELL)
    #[arg(long, value_name = "PATH", num_args = 1..)]
    only: Vec<String>,
    /// Do it
    #[arg(long)]
    yes: bool,
    /// Only show what would go
    #[arg(long, conflicts_with = "yes")]
    preview: bool,
    /// Also where other versions lie on it: those stay, and are merged into the line below
    #[arg(long)]
    despite_others: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    /// An object of which something goes.
    Goes {
        path: String,
        /// Whether nobody selected it, but it cannot stay.
        along: bool,
    },
    #[serde(untagged)]
    Done(Done),
}

impl SiteCommand for Discard {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let version = site.version(&self.name)?;
        match self.only.is_empty() {
            true => self.whole(&version, asker),
            false => self.part(&version, asker),
        }
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row)? {
            Row::Goes { path, along: false } => screen.line(&format!("  {path}")),
            Row::Goes { path, along: true } => {
                screen.line(&format!("  {path} (cannot stay without the others)"))
            }
            Row::Done(done) => done.print(screen),
        }
    }
}

impl Discard {
    fn whole(&self, version: &Version, asker: &mut dyn Asker) -> Result<(), Failure> {
        let name = &self.name;
        let places = Places::of(version)?;
        let changes = version.changes()?;
        let objects = counted(changes.len() as u64, "object", "objects");
        if self.preview {
            for delta in &changes {
                asker.row(&Row::Goes { path: places.path(delta.oid), along: false })?;
            }
            let text = format!("Nothing was thrown away. {name} would go, with what it changed of {objects}");
            return asker.row(&self.undone(text));
        }
        if !self.yes {
            return Err(self.unsure(&format!("all of {name}, with what it changed of {objects}")));
        }
        let sentence = format!("Discarded version {name}");
        match version.database().discard(self.despite_others, asker.note(&sentence)) {
            Ok(tid) => {
                let done = Done::new(Some(tid), format!("{sentence}, with what it changed of {objects}"));
                asker
                    .row(&done.next("until it is packed, get it back with", format!("version reopen {name}")))
            }
            Err(error @ VersionError::HasVersions(_)) => {
                let again = format!("bough version discard {name} --yes --despite-others");
                Err(Failure::from(error).advise(again))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn part(&self, version: &Version, asker: &mut dyn Asker) -> Result<(), Failure> {
        let name = &self.name;
        let places = Places::of(version)?;
        let picks = picks(version, &self.only)?;
        let sentence = format!("Discarded {} of version {name}", self.only.join(", "));
        let planned = version.database().discard_part(&picks, true, asker.note(&sentence));
        let planned = planned.map_err(|error| match error {
            VersionError::NothingSelected => {
                Failure::from(error).advise(format!("bough version diff {name}"))
            }
            error => places.in_words(error.into()),
        })?;
        let objects = counted(planned.objects.len() as u64, "object", "objects");
        if !self.preview && !self.yes {
            return Err(self.unsure(&format!("what {name} changed of {objects}")));
        }
        let discarded = match self.preview {
            true => planned,
            false => version.database().discard_part(&picks, false, asker.note(&sentence))?,
        };
        for oid in &discarded.objects {
            asker.row(&Row::Goes { path: places.path(*oid), along: discarded.along.contains(oid) })?;
        }
        let Some(tid) = discarded.tid else {
            return asker.row(&self.undone(format!("Nothing was thrown away. It would be: {objects}")));
        };
        let done = Done::new(Some(tid), format!("{sentence}: {objects}"));
        asker.row(&done.next("undo with", format!("undo {tid}{}", on_line(Some(name)))))
    }

    fn undone(&self, text: String) -> Done {
        Done::new(None, text)
            .next("do it with", format!("version discard {}{} --yes", self.name, only_text(&self.only)))
    }

    fn unsure(&self, what: &str) -> Failure {
        let command = format!("bough version discard {}{}", self.name, only_text(&self.only));
        Failure::usage(format!("that throws away {what}; nothing was changed"))
            .advise(format!("{command} --preview"))
            .advise(format!("{command} --yes"))
    }
}
