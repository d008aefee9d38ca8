//! `mail`: the messages of mail hosts.

mod list;
mod send;

use serde::{Deserialize, Serialize};

use super::in_version::In;
use super::request::{SiteCommand, acts, commands};

const AFTER_HELP: &str = "\
A mail host is an object that names a mail server; its messages are objects in it. `bough serve` sends those that were
queued on the public site. What came there by a merge, an undo, a restore, an import or by hand is held:
  bough add /mail --type mail_host --set server=mail.example.org --set from=site@example.org
  bough mail list /mail                      how its messages stand
  bough --version draft mail list /mail      those of a version, from which nothing is sent
  bough mail send /mail/NAME                 send one that is held, or try one again that failed

The password of a mail server is never in the site: set `user` and `password_variable`, and start the server with that
variable, as in BOUGH_SECRET_MAIL='mail.example.org:587 PASSWORD'. docs/outside.md is a walk through it.";

/// List messages of mail hosts, and send those that are held
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Mail {
    #[command(subcommand)]
    action: Action,
}

commands! {
    /// What is done with messages.
    Action:
    /// List the messages of a mail host, newest first, and how they stand
    List(In<list::List>),
    /// Have a message sent that is held, or that failed
    Send(In<send::Send>),
}

acts!(Mail);

/// What went wrong with mail.
fn failed(error: &bough::web::mail::MailError) -> super::failure::Failure {
    super::failure::Failure::of(error)
}
