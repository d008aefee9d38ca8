//! Passwords: read where the person is, never from the command line, and never shown.

use std::fmt;
use std::io::{self, IsTerminal};

use bough::Site;
use bough::core::Oid;
use bough::web::auth::{Invite, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::screen::remark;

/// A password on its way.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Where a new password comes from.
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct NewPassword {
    /// Read the password from the standard input, up to the end of the line; without it, it is asked for
    #[arg(long)]
    password_stdin: bool,
    /// Make a one-time link by which the user sets the password
    #[arg(long, conflicts_with = "password_stdin")]
    invite: bool,
    #[arg(skip)]
    typed: Option<Secret>,
}

impl NewPassword {
    /// Reads the password, where the person is. None where nobody can be asked.
    pub(crate) fn read(&mut self, user: &str) -> Result<(), Failure> {
        let typed = if self.invite {
            None
        } else if self.password_stdin {
            Some(line()?)
        } else if io::stdin().is_terminal() {
            Some(asked(user)?)
        } else {
            None
        };
        if let Some(typed) = &typed {
            check(typed)?;
        }
        self.typed = typed.map(Secret);
        Ok(())
    }

    /// Whether nothing says what the password shall be.
    pub(crate) fn is_left_open(&self) -> bool {
        !self.invite && self.typed.is_none()
    }

    /// Sets the password, or answers the path of a link that does.
    pub(crate) fn set(&self, site: &Site, user: Oid) -> Result<Option<String>, Failure> {
        if self.invite {
            return Ok(Some(site.accounts().invite(Invite::SetPassword(user))?));
        }
        if let Some(Secret(password)) = &self.typed {
            site.accounts().set_password(user, password)?;
        }
        Ok(None)
    }
}

fn check(password: &str) -> Result<(), Failure> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        let message = format!("the password is too short: expected at least {PASSWORD_CHARS_MIN} characters");
        return Err(Failure::refused(message));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        let message = format!("the password is too long: at most {PASSWORD_BYTES_MAX} bytes are taken");
        return Err(Failure::refused(message));
    }
    Ok(())
}

fn line() -> Result<String, Failure> {
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line);
    read.map_err(|error| Failure::because("cannot read the password", &error))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks twice, without showing what is typed.
fn asked(user: &str) -> Result<String, Failure> {
    let terminal = io::stdin();
    let shown = tcgetattr(&terminal);
    let shown = shown.map_err(|error| Failure::because("cannot ask for the password", &error))?;
    let mut hidden = shown.clone();
    hidden.local_modes -= LocalModes::ECHO;
    // Where it cannot be hidden, it is not asked for.
    tcsetattr(&terminal, OptionalActions::Now, &hidden)
        .map_err(|error| Failure::because("cannot hide the password", &error))?;
    remark(&format!("New password of {user}:"));
    let first = line();
    remark("The same again:");
    let again = line();
    // The terminal is as it was whatever was typed; that it cannot be is nothing to do anything about.
    let _ = tcsetattr(&terminal, OptionalActions::Now, &shown);
    let (first, again) = (first?, again?);
    if first == again { Ok(first) } else { Err(Failure::refused("the two passwords differ")) }
}
