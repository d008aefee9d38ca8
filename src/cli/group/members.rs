//! `group members`.

use bough::{Account, AccountKind, Site, View};
use serde::{Deserialize, Serialize};

use crate::cli::account::{AccountRow, Named, account_name};
use crate::cli::asker::{Asker, Wrote};
use crate::cli::failure::{Failure, quoted};
use crate::cli::protocol::Reply;
use crate::cli::request::{SiteCommand, print_wrote, typed};
use crate::cli::screen::Screen;

/// List the members of a group, or take some in or out: bough group members staff --add ann --remove ben
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Members {
    #[command(flatten)]
    group: Named,
    /// A user to take in, by name or path; may be given several times
    #[arg(long, value_name = "USER", value_delimiter = ',')]
    add: Vec<String>,
    /// A user to take out; may be given several times
    #[arg(long, value_name = "USER", value_delimiter = ',')]
    remove: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Member(AccountRow),
    #[serde(untagged)]
    Wrote(Wrote),
}

impl SiteCommand for Members {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let view = site.now();
        let group = self.group.find(&view, AccountKind::Group)?;
        if self.add.is_empty() && self.remove.is_empty() {
            return list(&view, &group, asker);
        }
        let near = group.folder.to_string();
        let users = |names: &[String]| -> Result<Vec<Account>, Failure> {
            names.iter().map(|name| user(&view, name, &near)).collect()
        };
        let (add, remove) = (users(&self.add)?, users(&self.remove)?);
        if let Some(user) = remove.iter().find(|user| !user.groups.contains(&group.oid)) {
            let message = format!("user `{}` is not in group `{}`", account_name(user), group.name);
            let shown = quoted(&group.path.to_string());
            return Err(Failure::refused(message).advise(format!("bough group members {shown}")));
        }
        let sentence = sentence(&group, &add, &remove);
        let written = site.write_noted(asker.note(&sentence), |tx| {
            for (users, is_in) in [(&add, true), (&remove, false)] {
                for user in users {
                    let mut groups = user.groups.clone();
                    groups.retain(|oid| *oid != group.oid);
                    groups.extend(is_in.then_some(group.oid));
                    let groups = groups.into_iter().map(bough::core::Value::Reference).collect();
                    let set = bough::core::Value::Set(groups);
                    tx.set(&user.path.to_string(), bough::core::security::GROUPS, set)?;
                }
            }
            Ok(())
        })?;
        asker.wrote(written.tid, sentence)
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row.clone())? {
            Row::Member(row) => row.print(screen),
            Row::Wrote(_) => print_wrote(row, "undo", screen),
        }
    }
}

fn user(view: &View, name: &str, near: &str) -> Result<Account, Failure> {
    let found = view.account(name, near)?;
    if found.is_user() {
        return Ok(found);
    }
    Err(Failure::usage(format!("`{name}` is a group: expected a user")))
}

fn sentence(group: &Account, add: &[Account], remove: &[Account]) -> String {
    let names = |users: &[Account]| users.iter().map(account_name).collect::<Vec<_>>().join(", ");
    let group = account_name(group);
    match (add.is_empty(), remove.is_empty()) {
        (false, true) => format!("Took {} into group {group}", names(add)),
        (true, _) => format!("Took {} out of group {group}", names(remove)),
        (false, false) => format!("Took {} into group {group}, and {} out of it", names(add), names(remove)),
    }
}

/// Members count in the group's folder and below: only users there are looked at.
fn list(view: &View, group: &Account, asker: &mut dyn Asker) -> Result<(), Failure> {
    let mut sent = 0;
    for folder in view.user_folders()?.iter().filter(|folder| folder.is_within(&group.folder)) {
        for user in view.accounts(&folder.to_string())?.iter().filter(|user| user.groups.contains(&group.oid))
        {
            asker.row(&Row::Member(AccountRow::of(user, view)))?;
            sent += 1;
        }
    }
    if sent > 0 {
        return Ok(());
    }
    let name = quoted(&account_name(group));
    let remark = format!("Group {name} has no members\n  try: bough group members {name} --add USER");
    asker.send(Reply::Remark(remark))
}
