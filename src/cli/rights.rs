//! Permissions and roles, as several commands read and show them.

use bough::core::acquisition::containers;
use bough::core::security::permission::{ANONYMOUS, AUTHENTICATED, EDITOR, MANAGER, OWNER};
use bough::core::security::{Actor, CellAt, Held, HeldBy, Roles, Setting};
use bough::core::{CellKey, Content, Name};
use bough::{Account, Error, Handle, Site, View};
use serde::{Deserialize, Serialize};

use super::failure::{Failure, quoted};
use super::log::{CommitRow, row};
use super::moment::local;
use super::value::{account_text, cell_text, last_paths, paths_in};

/// The roles that every site has.
const BUILT_IN: [&str; 5] = [ANONYMOUS, AUTHENTICATED, EDITOR, MANAGER, OWNER];
/// What nobody in particular is called where a user is named.
pub(crate) const NOBODY: &str = "anonymous";

/// Where something is said about rights, by whom and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SaidRow {
    /// The object.
    pub(crate) path: String,
    /// What is said there.
    pub(crate) cell: String,
    /// The commit that said it; none for what is not said, or is packed away.
    pub(crate) commit: Option<CommitRow>,
}

impl SaidRow {
    pub(crate) fn of(site: &Site, view: &View, at: &CellAt) -> Self {
        let paths = paths_in(view.snapshot());
        let commit = at.tid.and_then(|tid| site.database().commit_record(tid).ok());
        Self {
            path: paths(at.oid),
            cell: cell_text(&at.key, &paths),
            commit: commit.map(|commit| row(site, &commit)),
        }
    }

    /// `at /docs, set by ana at 2026-11-22 10:30:00+00:00 in t66...: Set title of /a`.
    pub(crate) fn text(&self) -> String {
        let Some(commit) = &self.commit else { return format!("at {}", self.path) };
        let by = match commit.principal.as_str() {
            "" => String::new(),
            principal => format!(" by {principal}"),
        };
        let time = local(&commit.time);
        format!("at {}, set{by} at {time} in {}: {}", self.path, commit.tid, commit.sentence)
    }
}

/// A role, and where somebody has it from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HeldRow {
    pub(crate) role: String,
    /// `everybody`, `own`, `group`, `local` or `owner`.
    pub(crate) from: String,
    /// The group, or whom a local role was given to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) whose: Option<String>,
    pub(crate) said: Option<SaidRow>,
}

impl HeldRow {
    pub(crate) fn of(site: &Site, view: &View, held: &Held, who: &Account) -> Result<Self, Failure> {
        let role = held.role.to_string();
        let said = |cell: &CellAt| Some(SaidRow::of(site, view, cell));
        Ok(match &held.by {
            HeldBy::Everybody => Self { role, from: "everybody".into(), whose: None, said: None },
            HeldBy::User(_) if who.roles.contains(&role) => {
                Self { role, from: "own".into(), whose: None, said: None }
            }
            HeldBy::User(_) => {
                let head = site.head()?;
                let mut group = None;
                for oid in &who.groups {
                    group = group.or(head.account_of(*oid)?.filter(|group| group.roles.contains(&role)));
                }
                let whose = group.map(|group| super::account::account_name(&group));
                Self { role, from: "group".into(), whose, said: None }
            }
            HeldBy::Local(cell) => {
                let whose = match &cell.key {
                    CellKey::LocalRoles(subject) => {
                        let head = site.head()?;
                        Some(super::value::subject_text(subject, &paths_in(head.snapshot())))
                    }
                    _ => None,
                };
                Self { role, from: "local".into(), whose, said: said(cell) }
            }
            HeldBy::Owner(cell) => Self { role, from: "owner".into(), whose: None, said: said(cell) },
        })
    }

    /// `Editor (own role)`.
    pub(crate) fn text(&self, who: &str) -> String {
        let said = self.said.as_ref();
        let at = said.map_or_else(String::new, |said| format!(" at {}", said.path));
        let through = match self.whose.as_deref() {
            Some(whose) if whose != who => format!(", through {whose}"),
            _ => String::new(),
        };
        let from = match self.from.as_str() {
            "own" => "own role".to_owned(),
            "group" => format!("of group {}", self.whose.as_deref().unwrap_or("(gone)")),
            "local" => format!("given{at}{through}"),
            "owner" => format!("as owner{at}"),
            _ => return self.role.clone(),
        };
        format!("{} ({from})", self.role)
    }
}

/// The permission that was typed, whatever its case.
pub(crate) fn permission_name(site: &Site, text: &str) -> Result<Name, Failure> {
    let table = site.database().types().permissions();
    let known = || table.iter().map(|(name, _)| name);
    if let Some(found) = known().find(|name| name.as_str().eq_ignore_ascii_case(text)) {
        return Ok(found.clone());
    }
    let word = text.to_ascii_lowercase();
    let near: Vec<String> = known()
        .filter(|name| name.as_str().to_ascii_lowercase().contains(&word))
        .map(|name| format!("`{name}`"))
        .collect();
    let near = if near.is_empty() { String::new() } else { format!(" (there is {})", near.join(", ")) };
    let message = format!("there is no permission `{}`{near}", super::screen::short(text, 60));
    Err(Failure::usage(message).advise("bough permission list"))
}

/// The roles that were typed. One that differs from a built-in one only in its case is a slip.
pub(crate) fn role_names(texts: &[String]) -> Result<Roles, Failure> {
    let mut roles = Vec::new();
    for text in texts {
        let meant = BUILT_IN.into_iter().find(|role| role.eq_ignore_ascii_case(text));
        if let Some(meant) = meant.filter(|meant| meant != text) {
            return Err(Failure::usage(format!("there is no role `{text}`: `{meant}` is written so")));
        }
        roles.push(Name::new(text)?);
    }
    Ok(Roles::new(roles))
}

/// `the role Editor`, `the roles Editor, Manager`.
pub(crate) fn roles_text(roles: &Roles) -> String {
    format!("the {} {roles}", if roles.len() == 1 { "role" } else { "roles" })
}

/// Who would ask.
pub(crate) struct Asks {
    pub(crate) actor: Actor,
    /// None for nobody in particular.
    pub(crate) account: Option<Account>,
}

impl Asks {
    /// The user that was typed: by path, or by name in the nearest `_users` around the object; or `anonymous`.
    pub(crate) fn typed(site: &Site, text: &str, near: &Handle) -> Result<Self, Failure> {
        if text == NOBODY {
            return Ok(Self { actor: Actor::anonymous(), account: None });
        }
        let head = site.head()?;
        // Where a version or the past has it may not be where the public site has it now.
        let mut around = None;
        for container in containers(near.view().snapshot(), near.oid())? {
            around = around.or(head.by_oid(container.oid())?);
        }
        let around = around.map_or_else(|| "/".to_owned(), |around| around.path().to_string());
        let account = match head.account(text, &around) {
            Err(Error::NoAccount { .. }) => {
                let message = format!("there is no user `{text}` that counts at {}", near.path());
                let failure = Failure::not_found(message).advise("bough user list --all");
                return Err(failure.advise("the path of a user in another folder, as in /docs/_users/ann"));
            }
            found => found?,
        };
        if !account.is_user() {
            let message = format!("`{}` is a group: expected a user", account.path);
            return Err(Failure::usage(message).advise(format!("bough group members {}", account.name)));
        }
        Ok(Self { actor: site.actor(account.oid)?, account: Some(account) })
    }

    /// What he is called.
    pub(crate) fn name(&self) -> String {
        self.account.as_ref().map_or_else(|| NOBODY.to_owned(), super::account::account_name)
    }
}

/// What the object and its containers say about a permission, nearest first, up to where nothing more is acquired.
pub(crate) fn settings(object: &Handle, permission: &Name) -> Result<Vec<(CellAt, Setting)>, Failure> {
    let key = CellKey::Permission(permission.clone());
    let mut found = Vec::new();
    for container in containers(object.view().snapshot(), object.oid())? {
        let Some(cell) = container.cell(&key) else { continue };
        let Content::Setting(setting) = &cell.content else { continue };
        let at = CellAt { oid: container.oid(), key: key.clone(), tid: Some(cell.tid) };
        found.push((at, setting.clone()));
        if !setting.acquire {
            break;
        }
    }
    Ok(found)
}

/// Whom a role or an owner is meant for, as it is shown.
pub(crate) fn account_shown(site: &Site, oid: bough::core::Oid) -> Result<String, Failure> {
    Ok(account_text(oid, &last_paths(site, site.head()?.snapshot())))
}

/// A permission as an argument of a command that is shown as advice.
pub(crate) fn argument(permission: &str) -> String {
    quoted(permission)
}
