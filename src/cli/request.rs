//! The commands that work on the site, each written once: the same code runs in the process that has the site open,
//! whether that is the command itself or a server.

use clap::Subcommand;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use bough::Site;

use super::asker::{Asker, Wrote};
use super::failure::{Failure, quoted};
use super::protocol::{Brought, Reply};
use super::screen::{Form, Screen};
use super::{
    acquire, add, backup, blame, cat, check, cp, diff, du, export, find, import, log, ls, mkdir, mv, pack,
    put, restore, rm, set, show, status, undo, version_link,
};

/// Where a command sends what it brings.
pub(crate) type Feed<'a> = dyn FnMut(Brought) -> Result<(), Failure> + 'a;

/// A command on the site.
pub(crate) trait SiteCommand: Sync {
    /// Does the work, where the site is open. Opens no file but the site's.
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure>;

    /// Shows one row of the answer to a person: what was done and how to undo it, unless the command answers otherwise.
    fn print(&self, row: Json, screen: &mut Screen) -> Result<(), Failure> {
        print_wrote(row, "undo", screen)
    }

    /// Whether it changes the site; such a command makes the data folder where there is none.
    fn writes(&self) -> bool {
        false
    }

    /// Whether it brings contents.
    fn brings(&self) -> bool {
        false
    }

    /// Looks at what is to be brought before anybody is asked to take it.
    fn prepare(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Sends what the command brings, where its user is.
    fn feed(&self, feed: &mut Feed<'_>) -> Result<(), Failure> {
        feed(Brought::End)
    }

    /// What takes the answer, where that is not the screen.
    fn receiver(&self) -> Result<Option<Box<dyn Receiver>>, Failure> {
        Ok(None)
    }
}

/// Takes an answer in place of the screen.
pub(crate) trait Receiver {
    fn take(&mut self, reply: Reply, screen: &mut Screen) -> Result<(), Failure>;
}

/// Shows a part of the answer: JSON as it came, or as the command prints it.
pub(crate) fn show(command: &dyn SiteCommand, reply: Reply, screen: &mut Screen) -> Result<(), Failure> {
    match reply {
        Reply::Row(row) if screen.form == Form::Json => screen.json(&row),
        Reply::Row(row) => command.print(row, screen),
        Reply::Chunk(bytes) => screen.bytes(&bytes),
        Reply::Remark(text) => {
            screen.remark(&super::screen::plain(&text));
            Ok(())
        }
        Reply::Done => screen.flush(),
        Reply::Failed(failure) => Err(failure),
    }
}

/// The row as the type that the command answers with.
pub(crate) fn typed<T: serde::de::DeserializeOwned>(row: Json) -> Result<T, Failure> {
    serde_json::from_value(row).map_err(|error| Failure::because("cannot read the answer", &error))
}

/// Shows the row of a writing command: what was done, and how to `undo` (or `redo`) it.
pub(crate) fn print_wrote(row: Json, verb: &str, screen: &mut Screen) -> Result<(), Failure> {
    let wrote: Wrote = typed(row)?;
    match wrote.tid {
        Some(tid) => {
            screen.line(&format!("{} ({tid})", wrote.sentence))?;
            let program = screen.program.clone();
            screen.line(&format!("{verb} with: {program} undo {tid}"))
        }
        None => screen.line("Nothing changed"),
    }
}

/// The program with the data folder as it was given, for commands that are shown as advice.
pub(crate) fn program(data: &std::path::Path) -> String {
    match data.to_str() {
        Some(super::DATA_DEFAULT) => "bough".to_owned(),
        Some(text) => format!("bough --data {}", quoted(text)),
        None => "bough --data ...".to_owned(),
    }
}

macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident($command:ty)),* $(,)?) => {
        /// The commands that work on the site.
        #[derive(Debug, Clone, Subcommand, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum Request {
            $($(#[$doc])* $name($command)),*
        }

        impl Request {
            pub(crate) fn command(&self) -> &dyn SiteCommand {
                match self { $(Self::$name(command) => command),* }
            }

            pub(crate) fn command_mut(&mut self) -> &mut dyn SiteCommand {
                match self { $(Self::$name(command) => command),* }
            }
        }
    };
}
requests! {
    /// Import a folder of files, or a ZIP archive, in one commit
    Import(import::Import),
    /// Export a part of the site into an empty folder; importing that gives the same tree again
    Export(export::Export),
    /// List what an object contains
    Ls(ls::Ls),
    /// Print an object's content, or one of its attributes
    Cat(cat::Cat),
    /// Find objects by name, type or attribute
    Find(find::Find),
    /// Count objects and bytes
    Du(du::Du),
    /// Add an object of any type, with its content from a file
    Add(add::Add),
    /// Put a file's content at a path, new or not
    Put(put::Put),
    /// Make a folder
    Mkdir(mkdir::Mkdir),
    /// Set or clear attributes
    Set(set::Set),
    /// Copy an object and everything in it
    Cp(cp::Cp),
    /// Move or rename an object
    Mv(mv::Mv),
    /// Delete objects with everything in them (it can be undone)
    Rm(rm::Rm),
    /// List commits, newest first
    Log(log::Log),
    /// Show what a commit changed
    Show(show::Show),
    /// Say of each cell of an object who wrote it, and when
    Blame(blame::Blame),
    /// Show what changed between two commits
    Diff(diff::Diff),
    /// Take back commits, whatever happened since
    Undo(undo::Undo),
    /// Bring back an object with everything in it as it was
    Restore(restore::Restore),
    /// Explain where a value comes from
    Acquire(acquire::Acquire),
    /// Say how the data folder stands
    Status(status::Status),
    /// Check everything that is stored, while the site is in use
    Check(check::Check),
    /// Forget history that is no longer wanted
    Pack(pack::Pack),
    /// Back the site up into a folder, while it is in use
    Backup(backup::Backup),
    /// Preview links of versions
    #[command(name = "version", hide = true)]
    VersionLinks(version_link::VersionLinks),
}
