//! `role list`.

use bough::Site;
use bough::core::acquisition::containers;
use bough::core::security::CellAt;
use bough::core::{CellKey, Content};
use serde::{Deserialize, Serialize};

use crate::cli::account::{listed, names};
use crate::cli::asker::Asker;
use crate::cli::failure::{Failure, quoted};
use crate::cli::moment::At;
use crate::cli::protocol::Reply;
use crate::cli::request::{SiteCommand, typed};
use crate::cli::rights::SaidRow;
use crate::cli::screen::Screen;
use crate::cli::value::{account_text, last_paths, subject_text};

/// List who was given roles at an object and around it, nearest first
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct List {
    /// Path of the object
    path: String,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    who: String,
    roles: Vec<String>,
    said: SaidRow,
}

impl SiteCommand for List {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let object = self.at.view(site)?.get(&self.path)?;
        let head = site.head()?;
        let paths = last_paths(site, head.snapshot());
        let mut sent = 0;
        for container in containers(object.view().snapshot(), object.oid())? {
            for (key, cell) in container.security() {
                let (who, roles) = match (key, &cell.content) {
                    (CellKey::LocalRoles(whose), Content::Roles(roles)) => {
                        (subject_text(whose, &paths), names(roles))
                    }
                    (CellKey::Owner, Content::Owner(owner)) => {
                        (account_text(*owner, &paths), vec!["Owner".to_owned()])
                    }
                    _ => continue,
                };
                let at = CellAt { oid: container.oid(), key: key.clone(), tid: Some(cell.tid) };
                asker.row(&Row { who, roles, said: SaidRow::of(site, object.view(), &at) })?;
                sent += 1;
            }
        }
        if sent > 0 {
            return Ok(());
        }
        let path = quoted(&self.path);
        let advice = format!("bough role grant {path} USER ROLE");
        asker.send(Reply::Remark(format!("Nobody was given a role at {path} or around it\n  try: {advice}")))
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let row: Row = typed(row)?;
        screen.line(&format!("{:<16} {:<20} {}", row.who, listed(&row.roles), row.said.text()))
    }
}
