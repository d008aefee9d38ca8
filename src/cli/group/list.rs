//! `group list`.

use bough::{AccountKind, Site};
use serde::{Deserialize, Serialize};

use crate::cli::account::{AccountRow, InFolder, send_accounts};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::protocol::Reply;
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::Screen;

/// List groups, with their roles
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct List {
    #[command(flatten)]
    folder: InFolder,
    /// Those of all folders
    #[arg(short, long, conflicts_with = "folder")]
    all: bool,
}

impl SiteCommand for List {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let folder = (!self.all).then_some(self.folder.folder.as_str());
        if send_accounts(site, AccountKind::Group, folder, asker)? > 0 {
            return Ok(());
        }
        let remark = match folder {
            Some(folder) => format!("There are no groups in {folder}\n  try: bough group list --all"),
            None => "There are no groups\n  try: bough group add NAME --role Editor".to_owned(),
        };
        asker.send(Reply::Remark(remark))
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        typed::<AccountRow>(row)?.print(screen)
    }
}
