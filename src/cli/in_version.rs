//! `--version NAME`: a command that does its work in a private version instead of on the public site.

use bough::Site;
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::request::{Feed, Receiver, SiteCommand};
use super::screen::Screen;

/// A command that reads or writes objects, with the version to do that in.
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct In<C: clap::Args> {
    #[command(flatten)]
    pub(crate) command: C,
    /// Do it in this private version
    #[arg(id = "in_version", long = "version", value_name = "NAME")]
    version: Option<String>,
}

impl<C: SiteCommand + clap::Args> SiteCommand for In<C> {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let Some(name) = &self.version else { return self.command.execute(site, asker) };
        let version = site.version(name)?;
        self.command.execute(&version, asker).map_err(|failure| failure.in_version(name))
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        screen.version.clone_from(&self.version);
        self.command.print(row, screen)
    }

    fn choose_version(&mut self, name: &str) -> bool {
        if self.version.is_none() {
            self.version = Some(name.to_owned());
        }
        true
    }

    fn writes(&self) -> bool {
        // A new data folder has no versions.
        self.version.is_none() && self.command.writes()
    }

    fn brings(&self) -> bool {
        self.command.brings()
    }

    fn prepare(&mut self) -> Result<(), Failure> {
        self.command.prepare()
    }

    fn feed(&self, feed: &mut Feed<'_>) -> Result<(), Failure> {
        self.command.feed(feed)
    }

    fn receiver(&self) -> Result<Option<Box<dyn Receiver>>, Failure> {
        self.command.receiver()
    }
}
