//! `user add`.

use bough::Site;
use serde::{Deserialize, Serialize};

use crate::cli::account::InFolder;
use crate::cli::asker::{Asker, Wrote};
use crate::cli::failure::{Failure, quoted};
use crate::cli::password::NewPassword;
use crate::cli::protocol::Reply;
use crate::cli::request::{SiteCommand, print_wrote, typed};
use crate::cli::rights::{role_names, roles_text};
use crate::cli::screen::Screen;

const EXAMPLES: &str = "\
  bough user add ann --role Editor --full-name 'Ann Example' --email ann@example.org
  bough user add ben --in /docs --role Manager --group staff";

/// Add a user
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Add {
    /// The log-in name
    name: String,
    #[command(flatten)]
    folder: InFolder,
    /// A role; may be given several times
    #[arg(long = "role", value_name = "ROLE", value_delimiter = ',')]
    roles: Vec<String>,
    /// A group, by its name or path; may be given several times
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// The full name
    #[arg(long, value_name = "TEXT")]
    full_name: Option<String>,
    /// The e-mail address
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    #[command(flatten)]
    password: NewPassword,
}

/// A one-time link.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct InviteRow {
    pub(super) user: String,
    /// The path of its URL on the site.
    pub(super) path: String,
}

pub(super) fn print_invite(row: &InviteRow, screen: &mut Screen) -> Result<(), Failure> {
    screen.line(&format!(
        "{} sets the password here, once, within 7 days, at the address of the site:",
        row.user
    ))?;
    screen.line(&row.path)
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Invite(InviteRow),
    #[serde(untagged)]
    Wrote(Wrote),
}

impl SiteCommand for Add {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let folder = &self.folder.folder;
        let roles = role_names(&self.roles)?;
        let view = site.now();
        view.get(folder)?;
        let mut groups = Vec::new();
        for group in &self.groups {
            groups.push(view.account(group, folder)?.path.to_string());
        }
        let place = if folder == "/" { String::new() } else { format!(" in {folder}") };
        let with = if roles.is_empty() { String::new() } else { format!(", with {}", roles_text(&roles)) };
        let sentence = format!("Added user {}{place}{with}", self.name);
        let written = site.write_noted(asker.note(&sentence), |tx| {
            let oid = tx.add_user(folder, &self.name, roles.iter().map(bough::core::Name::as_str))?;
            let path = bough::users_path(folder)?.join(&bough::core::Name::new(&self.name)?).to_string();
            for (attribute, text) in [("full_name", &self.full_name), ("email", &self.email)] {
                text.as_ref().map_or(Ok(()), |text| tx.set(&path, attribute, text.as_str()))?;
            }
            if !groups.is_empty() {
                tx.set_groups(&path, &groups)?;
            }
            Ok(oid)
        })?;
        let oid = written.value;
        match self.password.set(site, oid)? {
            Some(path) => asker.row(&Row::Invite(InviteRow { user: self.name.clone(), path }))?,
            None if self.password.is_left_open() => {
                let path = match folder.as_str() {
                    "/" => quoted(&self.name),
                    folder => format!("{} --in {}", quoted(&self.name), quoted(folder)),
                };
                let advice = format!("bough user password {path} --invite");
                let remark = format!("{} has no password, and cannot log in\n  try: {advice}", self.name);
                asker.send(Reply::Remark(remark))?;
            }
            None => {}
        }
        asker.wrote(written.tid, sentence)
    }

    fn prepare(&mut self) -> Result<(), Failure> {
        self.password.read(&self.name)
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row.clone())? {
            Row::Invite(row) => print_invite(&row, screen),
            Row::Wrote(_) => print_wrote(row, "undo", screen),
        }
    }

    fn writes(&self) -> bool {
        true
    }
}
