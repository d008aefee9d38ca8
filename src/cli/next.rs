//! What to type next.

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::screen::Screen;

/// A command that may come next.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Next {
    /// What it is for.
    #[serde(rename = "for")]
    what_for: String,
    /// All of it but the name of the program.
    command: String,
}

pub(crate) fn next(what_for: &str, command: String) -> Next {
    Next { what_for: what_for.to_owned(), command }
}

pub(crate) fn print_next(all: &[Next], screen: &mut Screen) -> Result<(), Failure> {
    for Next { what_for, command } in all {
        let command = screen.command(command);
        screen.line(&format!("{what_for}: {command}"))?;
    }
    Ok(())
}
