//! `mail send`: says that a message shall be sent which is held, or failed.

use bough::Site;
use bough::web::mail::{MESSAGE, release};
use serde::{Deserialize, Serialize};

use super::failed;
use crate::cli::asker::Asker;
use crate::cli::failure::{Failure, quoted};
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::Screen;

/// Have a message sent that is held, or try one again that failed
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Send {
    /// Path of the message
    path: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    path: String,
    /// Whether a server is there that sends it.
    is_served: bool,
}

impl SiteCommand for Send {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let message = site.get(&self.path)?;
        if !message.object().is_a(MESSAGE) {
            let failure = Failure::refused(format!("{} is no message", self.path));
            return Err(failure.advise(format!("bough mail list {}", quoted(&self.path))));
        }
        release(site.database(), message.oid()).map_err(|error| failed(&error))?;
        asker.row(&Row { path: self.path.clone(), is_served: asker.is_served() })
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let Row { path, is_served } = typed(row)?;
        let when = if is_served { "in a moment" } else { "as soon as the site is served" };
        screen.line(&format!("{path} will be sent {when}"))
    }
}
