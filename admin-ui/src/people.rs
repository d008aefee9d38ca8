//! Users and groups as pages name, find and link them. Who exists is always asked of the public site as it is now.

use std::sync::Arc;

use bough_core::acquisition::containers;
use bough_core::security::permission::USERS;
use bough_core::security::{GROUP, GROUPS, ROLES, Roles, Scope, Subject, USER, User, user, user_folder};
use bough_core::snapshot::{ChildOrder, ChildrenPage, ReadError, attribute};
use bough_core::{Name, Object, Oid, Snapshot, Value};
use bough_web::pages::{PageError, PageRequest};

use crate::text;

/// How many users are looked at for one answer.
pub(crate) const LOOKED_AT_MAX: usize = 20_000;
const BATCH: usize = 256;
/// Most roles that are taken at once.
const ROLES_MAX: usize = 100;

/// A user or a group, as a snapshot has it.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) oid: Oid,
    pub(crate) name: Name,
    pub(crate) is_group: bool,
    /// The full name of a user, the title of a group; empty for none.
    pub(crate) title: String,
    pub(crate) email: String,
    /// What the object itself says; a user has those of his groups, too.
    pub(crate) roles: Roles,
    pub(crate) groups: Vec<Oid>,
    pub(crate) is_disabled: bool,
}

impl Account {
    /// The account that an object is, if it is one.
    pub(crate) fn of(snapshot: &dyn Snapshot, object: &Object) -> Result<Option<Self>, ReadError> {
        let is_group = object.is_a(GROUP);
        let Some(place) = object.place().filter(|_| is_group || object.is_a(USER)) else { return Ok(None) };
        let text = |name: &str| -> Result<String, ReadError> {
            let value = attribute(snapshot, object, name)?;
            Ok(value.as_ref().and_then(Value::as_text).unwrap_or_default().to_owned())
        };
        let roles = items(attribute(snapshot, object, ROLES)?);
        let groups = items(attribute(snapshot, object, GROUPS)?);
        let reference = |value: &Value| if let Value::Reference(oid) = value { Some(*oid) } else { None };
        let is_enabled = matches!(
            object.attribute("disabled").map(|cell| &cell.content),
            None | Some(bough_core::Content::Value(Value::Bool(false) | Value::Null))
        );
        Ok(Some(Self {
            oid: object.oid(),
            name: place.name.clone(),
            is_group,
            title: text(if is_group { "title" } else { "full_name" })?,
            email: text("email")?,
            roles: Roles::named(roles.iter().filter_map(Value::as_text)),
            groups: groups.iter().filter_map(reference).collect(),
            is_disabled: !is_enabled,
        }))
    }

    /// Whether one of the names holds the text, which is in small letters.
    pub(crate) fn fits(&self, text: &str, with_email: bool) -> bool {
        let holds = |own: &str| own.to_lowercase().contains(text);
        holds(self.name.as_str()) || holds(&self.title) || (with_email && holds(&self.email))
    }
}

fn items(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Set(items)) => items.into_iter().collect(),
        Some(Value::List(items)) => items,
        _ => Vec::new(),
    }
}

/// Whom a page names: what to show, and where he is managed by those who may.
#[derive(Clone)]
pub(crate) struct Who {
    pub(crate) oid: Option<Oid>,
    pub(crate) name: String,
    /// The full name or the title; empty for none.
    pub(crate) title: String,
    pub(crate) is_group: bool,
    /// What is to be said besides: that he is deleted, or may not log in.
    pub(crate) remark: &'static str,
    pub(crate) url: Option<String>,
}

impl Who {
    /// The user or group of an oid, deleted or not.
    pub(crate) fn of(request: &PageRequest, oid: Oid) -> Result<Self, PageError> {
        let head = &**request.access().head();
        let nobody = |name: String| Self {
            oid: Some(oid),
            name,
            title: String::new(),
            is_group: false,
            remark: "deleted",
            url: None,
        };
        let account = match head.object(oid)? {
            Some(object) => Account::of(head, &object)?,
            None => None,
        };
        match account {
            Some(account) => Self::of_account(request, &account),
            None => Ok(nobody(match head.last_place(oid)? {
                Some(place) => place.name.to_string(),
                None => "somebody unknown".into(),
            })),
        }
    }

    pub(crate) fn of_account(request: &PageRequest, account: &Account) -> Result<Self, PageError> {
        let remark = if account.is_disabled { "may not log in" } else { "" };
        Ok(Self {
            oid: Some(account.oid),
            name: account.name.to_string(),
            title: text::shortened(&account.title, 80),
            is_group: account.is_group,
            remark,
            url: url(request, account)?,
        })
    }

    /// In one line, as in `ann (Ann Example)`.
    pub(crate) fn text(&self) -> String {
        if self.title.is_empty() { self.name.clone() } else { format!("{} ({})", self.name, self.title) }
    }
}

/// The page of an account, for those who may manage it.
fn url(request: &PageRequest, account: &Account) -> Result<Option<String>, PageError> {
    if !request.access().allows_at(USERS, account.oid)? {
        return Ok(None);
    }
    let around = containers(request.snapshot(), account.oid)?;
    let Some(folder) = around.get(2) else { return Ok(None) };
    if request.url(folder.oid())?.is_none() {
        return Ok(None);
    }
    let kind = if account.is_group { "group" } else { "user" };
    Ok(Some(request.page_url(folder.oid(), &["users", kind, account.name.as_str()])?))
}

/// The folders of users that count at an object, that of the nearest folder first.
pub(crate) fn user_folders(request: &PageRequest, object: Oid) -> Result<Vec<Oid>, PageError> {
    let head = &**request.access().head();
    let mut found = Vec::new();
    for container in containers(request.snapshot(), object)? {
        found.extend(user_folder(head, container.oid())?);
    }
    Ok(found)
}

/// Where a count of those looked at begins, that not many are looked at for roles to offer: others can be typed.
pub(crate) const FOR_OFFERS: usize = LOOKED_AT_MAX - 1_000;

/// What a walk through accounts came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walked {
    All,
    /// `visit` wanted no more.
    Stopped,
    /// There are more than are looked at.
    Cut,
}

/// Shows the accounts of a folder of users by name, after one of them, until `visit` says no. `looked_at` counts.
pub(crate) fn walk(
    request: &PageRequest,
    snapshot: &dyn Snapshot,
    users: Oid,
    after: Option<&Name>,
    looked_at: &mut usize,
    visit: &mut dyn FnMut(Account) -> Result<bool, PageError>,
) -> Result<Walked, PageError> {
    let after = after.map(|name| (bough_core::OrderKey::default(), name.clone()));
    let mut page = ChildrenPage { by: ChildOrder::Name, after, limit: BATCH };
    loop {
        request.check_time()?;
        let children = snapshot.children(users, &page)?;
        for child in &children {
            if *looked_at == LOOKED_AT_MAX {
                return Ok(Walked::Cut);
            }
            *looked_at += 1;
            // One that cannot be read is a row of the contents page of `_users`.
            let Ok(Some(object)) = snapshot.object(child.oid) else { continue };
            let Some(account) = Account::of(snapshot, &object)? else { continue };
            if !visit(account)? {
                return Ok(Walked::Stopped);
            }
        }
        match children.last().filter(|_| children.len() == BATCH) {
            Some(last) => page = page.following(last),
            None => return Ok(Walked::All),
        }
    }
}

/// Users and groups that count at an object and whose name or full name holds the text: the one of exactly that name
/// first, then by folder and name.
pub(crate) fn search(
    request: &PageRequest,
    object: Oid,
    text: &str,
    with_groups: bool,
    limit: usize,
) -> Result<(Vec<Account>, bool), PageError> {
    let head = Arc::clone(request.access().head());
    let wanted = text.trim().to_lowercase();
    let mut found: Vec<Account> = Vec::new();
    let mut looked_at = 0;
    let mut has_more = false;
    for users in user_folders(request, object)? {
        if let Ok(name) = Name::new(text.trim())
            && let Some(oid) = head.child(users, name.as_str())?
            && let Some(object) = head.object(oid)?
            && let Some(account) = Account::of(&*head, &object)?
            && (with_groups || !account.is_group)
        {
            found.push(account);
        }
        let exact = found.len();
        let walked = walk(request, &*head, users, None, &mut looked_at, &mut |account| {
            let is_known = found[..exact].iter().any(|known| known.oid == account.oid);
            if !is_known && (with_groups || !account.is_group) && account.fits(&wanted, false) {
                if found.len() >= limit {
                    has_more = true;
                    return Ok(false);
                }
                found.push(account);
            }
            Ok(true)
        })?;
        if walked != Walked::All {
            has_more = true;
            break;
        }
    }
    found.truncate(limit);
    Ok((found, has_more))
}

/// The roles that were ticked in fields `role`, and those that were typed in `others`, one after the other.
pub(crate) fn roles_typed<'a>(
    ticked: impl Iterator<Item = &'a str>,
    others: &'a str,
) -> Result<Roles, String> {
    let mut roles = Vec::new();
    for role in ticked.chain(others.split(',')).map(str::trim).filter(|role| !role.is_empty()) {
        roles.push(Name::new(role).map_err(|error| format!("That is no role: {error}."))?);
        if roles.len() > ROLES_MAX {
            return Err(format!("That is too many roles: at most {ROLES_MAX} are taken."));
        }
    }
    Ok(Roles::new(roles))
}

/// All roles that a user has at an object with this scope; none where he does not count there.
pub(crate) fn held(scope: &Scope, user: &User) -> Roles {
    use bough_core::security::permission::{ANONYMOUS, AUTHENTICATED};
    if !scope.containers().contains(&user.folder) {
        return Roles::default();
    }
    let subjects = [Subject::Principal(user.oid), Subject::Name(user.name.clone())];
    let groups = user.groups.iter().map(|group| Subject::Principal(*group));
    let mut roles = user.roles.with(&Roles::named([ANONYMOUS, AUTHENTICATED]));
    for subject in subjects.into_iter().chain(groups) {
        if let Some(local) = scope.local(&subject) {
            roles = roles.with(local);
        }
    }
    roles
}

/// Shows all users who count at an object and may log in. Answers whether there were more than are looked at.
pub(crate) fn each_user(
    request: &PageRequest,
    object: Oid,
    visit: &mut dyn FnMut(&Account, &User) -> Result<bool, PageError>,
) -> Result<Walked, PageError> {
    let head = Arc::clone(request.access().head());
    let mut looked_at = 0;
    for users in user_folders(request, object)? {
        let walked = walk(request, &*head, users, None, &mut looked_at, &mut |account| {
            if account.is_group {
                return Ok(true);
            }
            match user(&*head, account.oid)? {
                Some(user) => visit(&account, &user),
                None => Ok(true),
            }
        })?;
        if walked != Walked::All {
            return Ok(walked);
        }
    }
    Ok(Walked::All)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ticked_or_typed() {
        let typed = |others| roles_typed(["Editor", ""].into_iter(), others).map(|roles| roles.to_string());
        assert_eq!(typed(""), Ok("Editor".into()));
        assert_eq!(typed(" Reviewer,, Chief editor "), Ok("Chief editor, Editor, Reviewer".into()));
        assert!(typed("a/b").is_err_and(|wrong| wrong.contains("no role")));
        let many = "x,".repeat(5) + &(0..100).map(|nth| format!("r{nth},")).collect::<String>();
        assert!(roles_typed([].into_iter(), &many).is_err());
    }
}
