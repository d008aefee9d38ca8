//! The commands, one file each.
//!
//! Code map: `request` (what a command is), `protocol` (what travels), `asker` (the one who asked, as the command's
//! work sees it), `client` and `socket` (the two ends), `opening` (the data folder), `screen` and `failure` (what a
//! person sees), `in_version` (`--version NAME`), `examples` (what stands below the help), `managing` (what the management pages ask of the program); `moment`, `next`, `value`, `excerpt`, `glob`, `progress`, `sidecar` and
//! `source` are what several commands share; `account`, `password` and `rights` what those
//! about users and permissions do.

mod account;
mod asker;
mod client;
mod examples;
mod excerpt;
mod failure;
mod glob;
mod in_version;
mod listener;
mod managing;
mod moment;
mod next;
mod opening;
mod password;
mod progress;
mod protocol;
mod request;
mod rights;
mod screen;
mod sidecar;
mod socket;
mod source;
mod value;

mod acquire;
mod add;
mod audit;
mod backup;
mod blame;
mod can;
mod cat;
mod check;
mod cp;
mod diff;
mod du;
mod export;
mod find;
mod group;
mod import;
mod log;
mod ls;
mod mail;
mod migrate;
mod mkdir;
mod mv;
mod overrun;
mod owner;
mod pack;
mod permission;
mod proxy;
mod put;
mod restore;
mod restore_backup;
mod rm;
mod role;
mod serve;
mod set;
mod show;
mod status;
mod task;
mod undo;
mod user;
mod version;
mod who;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};

use examples::with_examples;
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
  bough user add ann --role Editor        let somebody in; bough why ann 'Edit content' /docs
  bough version create redesign           change things in private: --version redesign
  bough task list                         what runs by itself, and when

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
#[command(name = "bough", version, disable_version_flag = true, about = ABOUT, after_help = AFTER_HELP)]
#[command(max_term_width = 110)]
struct Cli {
    /// The folder that the site lives in
    #[arg(long, global = true, value_name = "DIR", env = "BOUGH_DATA", default_value = DATA_DEFAULT)]
    data: PathBuf,
    /// Answer with one JSON object a line
    #[arg(long, global = true)]
    json: bool,
    /// Do what the command says in this private version; without a name and a command: print the program's version
    #[arg(id = "in_version", long = "version", value_name = "NAME", num_args = 0..=1)]
    version: Option<Option<String>>,
    /// Print the program's version
    #[arg(id = "program_version", short = 'V', action = ArgAction::Version)]
    program_version: Option<bool>,
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
    let parsed =
        with_examples(Cli::command()).try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
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
    let done = cli.in_version().and_then(|cli| match cli.command {
        None if cli.version.is_some() => screen.line(Cli::command().render_version().trim_end()),
        None => serve::Serve::default().run(&cli.data, &mut screen),
        Some(Command::Serve(serve)) => serve.run(&cli.data, &mut screen),
        Some(Command::RestoreBackup(restore)) => restore.run(&mut screen),
        Some(Command::Site(mut request)) => {
            if let (Request::Cat(cat), true) = (&mut request, cli.json) {
                cat.command.whole();
            }
            client::run(&cli.data, request, &mut screen)
        }
    });
    finish(done, &mut screen)
}

impl Cli {
    /// Hands a version that was named before the command on to the command.
    fn in_version(mut self) -> Result<Self, Failure> {
        let Some(name) = self.version.clone() else { return Ok(self) };
        let takes_it = match (&mut self.command, &name) {
            (None, None) => true,
            (Some(Command::Site(request)), Some(name)) => request.command_mut().choose_version(name),
            _ => false,
        };
        if takes_it {
            return Ok(self);
        }
        let name = name.map_or_else(String::new, |name| format!(" {name}"));
        let message = format!("`--version{name}` goes with a command that reads or writes objects");
        Err(Failure::usage(message).advise("bough --version NAME ls").advise("bough version --help"))
    }
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
