//! `owner`: whose an object is.

use bough::Site;
use bough::core::acquisition::containers;
use bough::core::security::CellAt;
use bough::core::{CellKey, Content};
use serde::{Deserialize, Serialize};

use super::asker::{Asker, Wrote};
use super::failure::{Failure, quoted};
use super::protocol::Reply;
use super::request::{SiteCommand, print_wrote, typed};
use super::rights::{SaidRow, account_shown};
use super::screen::Screen;

const ABOUT: &str = "\
  bough owner /docs/plan          whose it is
  bough owner /docs/plan ann      give it to ann
  bough owner /docs/plan --nobody

The owner has the role `Owner` at the object and below. A template does for nobody what its owner may not do.";

/// Show or say whose an object is
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = ABOUT)]
pub(crate) struct Owner {
    /// Path of the object
    path: String,
    /// The new owner: a user, by name or path
    new: Option<String>,
    /// Nobody
    #[arg(long, conflicts_with = "new")]
    nobody: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Owner {
        owner: String,
        said: SaidRow,
    },
    #[serde(untagged)]
    Wrote(Wrote),
}

impl SiteCommand for Owner {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let object = site.get(&self.path)?;
        if self.new.is_none() && !self.nobody {
            return show(site, &object, asker);
        }
        let (owner, sentence) = match &self.new {
            None => (None, format!("Left {} without an owner", self.path)),
            Some(new) => {
                let head = site.head()?;
                let near = if head.find(&self.path)?.is_some() { self.path.as_str() } else { "/" };
                let account = head.account(new, near)?;
                if !account.is_user() {
                    return Err(Failure::usage(format!("`{new}` is a group: an owner is a user")));
                }
                (Some(account.oid), format!("Gave {} to {new}", self.path))
            }
        };
        let written = site.write_noted(asker.note(&sentence), |tx| tx.set_owner(&self.path, owner))?;
        asker.wrote(written.tid, sentence)
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row.clone())? {
            Row::Owner { owner, said } => screen.line(&format!("{owner}  {}", said.text())),
            Row::Wrote(_) => print_wrote(row, "undo", screen),
        }
    }
}

/// The owner of the object, then those of what it stands in.
fn show(site: &Site, object: &bough::Handle, asker: &mut dyn Asker) -> Result<(), Failure> {
    let mut is_owned = false;
    for container in containers(object.view().snapshot(), object.oid())? {
        let Some(cell) = container.cell(&CellKey::Owner) else { continue };
        let Content::Owner(owner) = &cell.content else { continue };
        let at = CellAt { oid: container.oid(), key: CellKey::Owner, tid: Some(cell.tid) };
        let said = SaidRow::of(site, object.view(), &at);
        asker.row(&Row::Owner { owner: account_shown(site, *owner)?, said })?;
        is_owned = true;
    }
    if is_owned {
        return Ok(());
    }
    let path = quoted(&object.path().to_string());
    asker.send(Reply::Remark(format!("{path} is nobody's\n  try: bough owner {path} USER")))
}
