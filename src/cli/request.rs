//! The commands that work on the site, each written once: the same code runs in the process that has the site open,
//! whether that is the command itself or a server.

use serde_json::Value as Json;

use bough::Site;

use super::asker::{Asker, Wrote};
use super::failure::{Failure, quoted};
use super::in_version::In;
use super::protocol::{Brought, Reply};
use super::screen::{Form, Screen};
use super::{
    acquire, add, audit, backup, blame, can, cat, check, cp, diff, du, export, find, group, import, log, ls,
    mail, migrate, mkdir, mv, owner, pack, permission, proxy, put, restore, rm, role, set, show, status,
    task, undo, user, version, who, why,
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

    /// Lets the command do its work in a private version. Whether it can; one that names a version itself keeps that.
    fn choose_version(&mut self, _name: &str) -> bool {
        false
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
            // Commands are written with the plain program name where they come from.
            let text = text.replace("\n  try: bough ", &format!("\n  try: {} ", screen.program));
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
            let undo = screen.command(&format!("undo {tid}"));
            screen.line(&format!("{verb} with: {undo}"))
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

/// Makes an enum of commands.
macro_rules! commands {
    ($(#[$about:meta])* $commands:ident: $($(#[$doc:meta])* $name:ident($command:ty)),* $(,)?) => {
        $(#[$about])*
        #[derive(Debug, Clone, clap::Subcommand, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum $commands {
            $($(#[$doc])* $name($command)),*
        }

        impl $commands {
            pub(crate) fn command(&self) -> &dyn SiteCommand {
                match self { $(Self::$name(command) => command),* }
            }

            pub(crate) fn command_mut(&mut self) -> &mut dyn SiteCommand {
                match self { $(Self::$name(command) => command),* }
            }
        }
    };
}
pub(crate) use commands;

/// Lets a command that is one of several actions do what its action does.
macro_rules! acts {
    ($command:ty) => {
        impl $crate::cli::request::SiteCommand for $command {
            fn execute(
                &self,
                site: &bough::Site,
                asker: &mut dyn $crate::cli::asker::Asker,
            ) -> Result<(), $crate::cli::failure::Failure> {
                self.action.command().execute(site, asker)
            }

            fn print(
                &self,
                row: serde_json::Value,
                screen: &mut $crate::cli::screen::Screen,
            ) -> Result<(), $crate::cli::failure::Failure> {
                self.action.command().print(row, screen)
            }

            fn choose_version(&mut self, name: &str) -> bool {
                self.action.command_mut().choose_version(name)
            }

            fn writes(&self) -> bool {
                self.action.command().writes()
            }

            fn brings(&self) -> bool {
                self.action.command().brings()
            }

            fn prepare(&mut self) -> Result<(), $crate::cli::failure::Failure> {
                self.action.command_mut().prepare()
            }

            fn feed(
                &self,
                feed: &mut $crate::cli::request::Feed<'_>,
            ) -> Result<(), $crate::cli::failure::Failure> {
                self.action.command().feed(feed)
            }

            fn receiver(
                &self,
            ) -> Result<Option<Box<dyn $crate::cli::request::Receiver>>, $crate::cli::failure::Failure> {
                self.action.command().receiver()
            }
        }
    };
}
pub(crate) use acts;

commands! {
    /// The commands that work on the site.
    Request:
    /// Import a folder of files, or a ZIP archive, in one commit
    Import(In<import::Import>),
    /// Export a part of the site into an empty folder; importing that gives the same tree again
    Export(In<export::Export>),
    /// List what an object contains
    Ls(In<ls::Ls>),
    /// Print an object's content, or one of its attributes
    Cat(In<cat::Cat>),
    /// Find objects by name, type or attribute
    Find(In<find::Find>),
    /// Count objects and bytes
    Du(In<du::Du>),
    /// Add an object of any type, with its content from a file
    Add(In<add::Add>),
    /// Put a file's content at a path, new or not
    Put(In<put::Put>),
    /// Make a folder
    Mkdir(In<mkdir::Mkdir>),
    /// Set or clear attributes
    Set(In<set::Set>),
    /// Copy an object and everything in it
    Cp(In<cp::Cp>),
    /// Move or rename an object
    Mv(In<mv::Mv>),
    /// Delete objects with everything in them (it can be undone)
    Rm(In<rm::Rm>),
    /// List commits, newest first
    Log(In<log::Log>),
    /// Show what a commit changed
    Show(In<show::Show>),
    /// Say of each cell of an object who wrote it, and when
    Blame(In<blame::Blame>),
    /// Show what changed between two commits
    Diff(In<diff::Diff>),
    /// Take back commits, whatever happened since
    Undo(In<undo::Undo>),
    /// Bring back an object with everything in it as it was
    Restore(In<restore::Restore>),
    /// Explain where a value comes from
    Acquire(In<acquire::Acquire>),
    /// Add, list and change users
    User(user::User),
    /// Add, list and change groups of users
    Group(group::Group),
    /// List what happened to accounts: log-ins, failures, passwords, sessions, tokens
    Audit(audit::Audit),
    /// Show and say who may do what
    Permission(permission::Permission),
    /// Give a user or a group a role in one part of the site
    Role(role::Role),
    /// Show or say whose an object is
    Owner(In<owner::Owner>),
    /// Show or say with which roles a template runs
    Proxy(In<proxy::Proxy>),
    /// Explain why somebody may or may not do something
    Why(In<why::Why>),
    /// List everybody who may do something
    Who(In<who::Who>),
    /// List what somebody may do, and where that changes
    Can(In<can::Can>),
    /// List messages of mail hosts, and send those that are held
    Mail(mail::Mail),
    /// Make private versions of the site; compare, update, merge and discard them
    Version(version::Version),
    /// List the tasks of the site, run one now, and see what they did
    Task(task::Task),
    /// Say how the data folder stands
    Status(status::Status),
    /// Check everything that is stored, while the site is in use
    Check(check::Check),
    /// Bring objects of earlier editions to the present ones of their types
    Migrate(In<migrate::Migrate>),
    /// Forget history that is no longer wanted
    Pack(pack::Pack),
    /// Back the site up into a folder, while it is in use
    Backup(backup::Backup),
}
