//! `proxy`: with which roles a template runs.

use bough::Site;
use bough::core::security::CellAt;
use bough::core::{CellKey, Content};
use serde::{Deserialize, Serialize};

use super::account::{listed, names};
use super::asker::{Asker, Wrote};
use super::failure::{Failure, quoted};
use super::protocol::Reply;
use super::request::{SiteCommand, print_wrote, typed};
use super::rights::{SaidRow, role_names, roles_text};
use super::screen::Screen;

const ABOUT: &str = "\
A template sees what its caller may see, and never more than its owner may. With proxy roles it sees what these roles
may see instead of what its caller may.
  bough proxy /news/teaser.html
  bough proxy /news/teaser.html --roles Editor
  bough proxy /news/teaser.html --none";

/// Show or say with which roles a template runs
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = ABOUT)]
pub(crate) struct Proxy {
    /// Path of the template
    path: String,
    /// The roles, with commas
    #[arg(long, value_name = "ROLES", value_delimiter = ',')]
    roles: Vec<String>,
    /// Its caller's own again
    #[arg(long, conflicts_with = "roles")]
    none: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Proxy {
        roles: Vec<String>,
        said: SaidRow,
    },
    #[serde(untagged)]
    Wrote(Wrote),
}

impl SiteCommand for Proxy {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let object = site.get(&self.path)?;
        if self.roles.is_empty() && !self.none {
            return show(site, &object, asker);
        }
        let is_template = object.view().types().schema(object.type_name()).is_some_and(|of| of.applicable);
        if !is_template && !self.none {
            let message = format!("`{}` is a {}: only templates run", self.path, object.type_name());
            return Err(Failure::refused(message).advise("bough find / --type template"));
        }
        let roles = (!self.none).then(|| role_names(&self.roles)).transpose()?;
        let sentence = match &roles {
            Some(roles) => format!("Let {} run with {}", self.path, roles_text(roles)),
            None => format!("Let {} run with its caller's roles", self.path),
        };
        let written =
            site.write_noted(asker.note(&sentence), |tx| tx.set_proxy_roles(&self.path, roles.clone()))?;
        asker.wrote(written.tid, sentence)
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row.clone())? {
            Row::Proxy { roles, said } => screen.line(&format!("{}  {}", listed(&roles), said.text())),
            Row::Wrote(_) => print_wrote(row, "undo", screen),
        }
    }
}

fn show(site: &Site, object: &bough::Handle, asker: &mut dyn Asker) -> Result<(), Failure> {
    let cell = object.object().cell(&CellKey::ProxyRoles);
    if let Some(cell) = cell
        && let Content::Roles(roles) = &cell.content
    {
        let at = CellAt { oid: object.oid(), key: CellKey::ProxyRoles, tid: Some(cell.tid) };
        return asker.row(&Row::Proxy { roles: names(roles), said: SaidRow::of(site, object.view(), &at) });
    }
    let path = quoted(&object.path().to_string());
    asker.send(Reply::Remark(format!(
        "{path} runs with its caller's roles\n  try: bough proxy {path} --roles ROLES"
    )))
}
