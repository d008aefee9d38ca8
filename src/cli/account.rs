//! Users and groups, as several commands find, show and change them.

use bough::core::security::Roles;
use bough::{Account, AccountKind, Error, Site, View};
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::{Code, Failure, quoted};
use super::rights::{role_names, roles_text};
use super::screen::Screen;
use super::value::{account_text, paths_in};

/// The folder whose users are meant.
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct InFolder {
    /// The folder in which, and below which, they count
    #[arg(id = "folder", long = "in", value_name = "PATH", default_value = "/")]
    pub(crate) folder: String,
}

/// A user or a group, as it is typed.
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Named {
    /// The name, or the path as in /docs/_users/NAME
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) folder: InFolder,
}

impl Named {
    /// The account in exactly that folder.
    pub(crate) fn find(&self, view: &View, kind: AccountKind) -> Result<Account, Failure> {
        let word = word(kind);
        let missing = || {
            let (name, folder) = (&self.name, &self.folder.folder);
            Failure::new(Code::NotFound, format!("there is no {word} `{name}` in {folder}"))
        };
        let found = match view.account(&self.name, &self.folder.folder) {
            Ok(found) => found,
            Err(Error::NoAccount { .. }) => {
                return Err(missing().advise(format!("bough {word} list --all")));
            }
            Err(error) => return Err(error.into()),
        };
        if found.kind != kind {
            let other = super::account::word(found.kind);
            let message = format!("`{}` is a {other}, not a {word}", found.path);
            return Err(Failure::refused(message).advise(format!("bough {other} show {}", found.path)));
        }
        let folder = bough::core::ObjectPath::parse(&self.folder.folder).map_err(Error::from)?;
        if !self.name.starts_with('/') && found.folder != folder {
            let there = quoted(&found.folder.to_string());
            return Err(missing().advise(format!("the same with --in {there}: there is one of that name")));
        }
        Ok(found)
    }
}

/// What an account is called.
pub(crate) fn word(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::User => "user",
        AccountKind::Group => "group",
    }
}

/// A user or a group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AccountRow {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) oid: String,
    pub(crate) path: String,
    /// Where it counts.
    pub(crate) folder: String,
    /// The full name or the title.
    pub(crate) title: String,
    pub(crate) email: String,
    pub(crate) roles: Vec<String>,
    /// The groups of a user, by name where they count everywhere, else by path.
    pub(crate) groups: Vec<String>,
    pub(crate) disabled: bool,
}

impl AccountRow {
    pub(crate) fn of(account: &Account, view: &View) -> Self {
        let paths = paths_in(view.snapshot());
        Self {
            name: account.name.to_string(),
            kind: word(account.kind).to_owned(),
            oid: account.oid.to_string(),
            path: account.path.to_string(),
            folder: account.folder.to_string(),
            title: account.title.clone(),
            email: account.email.clone(),
            roles: names(&account.roles),
            groups: account.groups.iter().map(|group| account_text(*group, &paths)).collect(),
            disabled: account.disabled,
        }
    }

    pub(crate) fn print(&self, screen: &mut Screen) -> Result<(), Failure> {
        let mut line = format!("{:<16} {:<24}", self.name, listed(&self.roles));
        if !self.groups.is_empty() {
            line.push_str(&format!(" in {}", self.groups.join(", ")));
        }
        for text in [&self.title, &self.email].into_iter().filter(|text| !text.is_empty()) {
            line.push_str(&format!("  {text}"));
        }
        if self.folder != "/" {
            line.push_str(&format!("  counts in {}", self.folder));
        }
        if self.disabled {
            line.push_str("  (disabled)");
        }
        screen.line(line.trim_end())
    }
}

/// The names of roles.
pub(crate) fn names(roles: &Roles) -> Vec<String> {
    roles.iter().map(ToString::to_string).collect()
}

/// Names one after the other; `-` for none.
pub(crate) fn listed(names: &[String]) -> String {
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

/// Sends all accounts of a kind in a folder, or in the whole site.
pub(crate) fn send_accounts(
    site: &Site,
    kind: AccountKind,
    folder: Option<&str>,
    asker: &mut dyn Asker,
) -> Result<usize, Failure> {
    let view = site.now();
    let folders = match folder {
        Some(folder) => vec![folder.to_owned()],
        None => view.user_folders()?.iter().map(ToString::to_string).collect(),
    };
    let mut sent = 0;
    for folder in folders {
        for account in view.accounts(&folder)?.iter().filter(|account| account.kind == kind) {
            asker.row(&AccountRow::of(account, &view))?;
            sent += 1;
        }
    }
    Ok(sent)
}

/// Adds roles to an account and takes some away, in one commit.
pub(crate) fn change_roles(
    site: &Site,
    account: &Account,
    add: &[String],
    remove: &[String],
    asker: &mut dyn Asker,
) -> Result<(), Failure> {
    let (add, remove) = (role_names(add)?, role_names(remove)?);
    if let Some(role) = remove.iter().find(|role| !account.roles.contains(role.as_str())) {
        let has = listed(&names(&account.roles));
        let message = format!("{} `{}` has no role `{role}`", word(account.kind), account.name);
        return Err(Failure::refused(format!("{message}: it has {has}")));
    }
    let kept = account.roles.iter().filter(|role| !remove.contains(role.as_str())).cloned();
    let roles = Roles::new(kept.chain(add.iter().cloned()));
    let path = account.path.to_string();
    let sentence = format!("Gave {} {} {}", word(account.kind), account_name(account), roles_text(&roles));
    let sentence = if roles.is_empty() {
        format!("Took all roles from {} {}", word(account.kind), account_name(account))
    } else {
        sentence
    };
    let written = site.write_noted(asker.note(&sentence), |tx| {
        tx.set_roles(&path, roles.iter().map(bough::core::Name::as_str))
    })?;
    asker.wrote(written.tid, sentence)
}

/// Deletes an account.
pub(crate) fn remove(site: &Site, account: &Account, asker: &mut dyn Asker) -> Result<(), Failure> {
    let sentence = format!("Deleted {} {}", word(account.kind), account_name(account));
    let path = account.path.to_string();
    let written = site.write_noted(asker.note(&sentence), |tx| tx.delete(&path))?;
    asker.wrote(written.tid, sentence)
}

/// What an account is called in sentences: by the path where the name says too little.
pub(crate) fn account_name(account: &Account) -> String {
    if account.folder.names().is_empty() { account.name.to_string() } else { account.path.to_string() }
}
