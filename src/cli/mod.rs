//! The commands, one file each.
//!
//! Code map: `request` (what a command is), `protocol` (what travels), `asker` (the one who asked, as the command's
//! work sees it), `client` and `socket` (the two ends), `opening` (the data folder), `screen` and `failure` (what a
//! person sees); `moment`, `value`, `glob`, `progress`, `sidecar` and `source` are what several commands share.

mod asker;
mod client;
mod failure;
mod glob;
mod listener;
mod moment;
mod opening;
mod progress;
mod protocol;
mod request;
mod screen;
mod sidecar;
mod socket;
mod source;
mod value;

mod acquire;
mod add;
mod backup;
mod blame;
mod cat;
mod check;
mod cp;
mod diff;
mod du;
mod export;
mod find;
mod import;
mod log;
mod ls;
mod mkdir;
mod mv;
mod overrun;
mod pack;
mod put;
mod restore;
mod restore_backup;
mod rm;
mod serve;
mod set;
mod show;
mod status;
mod undo;
mod version_link;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use failure::Failure;
use request::{Request, program};
use screen::{Form, Screen, is_gone};

const DATA_DEFAULT: &str = "./bough-data";

const ABOUT: &str = "Bough serves a site that is a tree of live objects. \
Every change is a commit, and any commit can be taken back at any later time.";

const AFTER_HELP: &str = "\
A first tour:
  bough serve                             start a site and open the address it prints
  bough import ~/html /docs               bring a folder of files in, as one commit
  bough ls /docs                          look around
  bough set /docs title='The manual'      change something
  bough log                               see what happened
  bough undo t660db84039ed9               take one of these commits back
  bough acquire /docs title               ask where a value comes from

Commands work with and without a running server: the one that runs is asked.
PATH is a path in the site, as in /docs/index.html; TID names a commit, as `bough log` prints it.

Exit codes:
  0  done
  1  refused or failed
  2  the command was not written rightly
  3  not found
  4  conflict: others changed the same, or later commits stand against it
  5  the data folder is in use, missing or damaged";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "bough", version, about = ABOUT, after_help = AFTER_HELP, max_term_width = 110)]
struct Cli {
    /// The folder that the site lives in
    #[arg(long, global = true, value_name = "DIR", env = "BOUGH_DATA", default_value = DATA_DEFAULT)]
    data: PathBuf,
    /// Answer with one JSON object a line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the site over HTTP (also without any command)
    Serve(serve::Serve),
    #[command(flatten)]
    Site(Request),
    /// Restore a backup into a new data folder, and check it
    RestoreBackup(restore_backup::RestoreBackup),
}

/// Reads the command line, does what it says, and answers with the exit code.
pub(crate) fn run() -> ExitCode {
    let parsed = Cli::command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Printing fails only where nobody reads.
            let _ = error.print();
            let is_asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if is_asked_for { 0 } else { 2 });
        }
    };
    let mut screen = Screen::new(if cli.json { Form::Json } else { Form::Text }, program(&cli.data));
    let done = match cli.command {
        None => serve::Serve::default().run(&cli.data, &mut screen),
        Some(Command::Serve(serve)) => serve.run(&cli.data, &mut screen),
        Some(Command::RestoreBackup(restore)) => restore.run(&mut screen),
        Some(Command::Site(mut request)) => {
            if let (Request::Cat(cat), true) = (&mut request, cli.json) {
                cat.whole();
            }
            client::run(&cli.data, request, &mut screen)
        }
    };
    finish(done, &mut screen)
}

fn finish(done: Result<(), Failure>, screen: &mut Screen) -> ExitCode {
    match done.and_then(|()| screen.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if is_gone(&failure) => ExitCode::SUCCESS,
        Err(failure) => {
            screen.failure(&failure);
            ExitCode::from(failure.code as u8)
        }
    }
}
