//! Users and groups by path: made, changed and found.
//!
//! They are objects like others, in the `_users` of a folder: what is done to them is a commit, is undone and has a
//! history. Passwords, sessions and tokens are no part of the tree.

use bough_core::security::{GROUP, GROUPS, ROLES, Roles, Subject, USER, USERS, USERS_NAME, users_named};
use bough_core::{Name, ObjectPath, Oid, Value};

use crate::read::resolve;
use crate::{Error, Handle, Tx, View};

/// Whether it is a user or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountKind {
    /// Somebody who may log in.
    User,
    /// Users who have roles together.
    Group,
}

/// A user or a group, as a view shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Who it is, for life.
    pub oid: Oid,
    /// The log-in name, or that of the group.
    pub name: Name,
    /// Which of both.
    pub kind: AccountKind,
    /// Where the object is.
    pub path: ObjectPath,
    /// The folder in which, and below which, the account counts.
    pub folder: ObjectPath,
    /// The roles that it says itself.
    pub roles: Roles,
    /// The groups of a user.
    pub groups: Vec<Oid>,
    /// The full name of a user, the title of a group; empty for none.
    pub title: String,
    /// The e-mail address; empty for none.
    pub email: String,
    /// Whether the user may not log in.
    pub disabled: bool,
}

impl Account {
    fn of(object: &Handle) -> Result<Option<Self>, Error> {
        let (kind, title) = match object.type_name() {
            USER => (AccountKind::User, "full_name"),
            GROUP => (AccountKind::Group, "title"),
            _ => return Ok(None),
        };
        let Some((users, name)) = object.path().split_last() else { return Ok(None) };
        let Some((folder, users)) = users.split_last() else { return Ok(None) };
        if *users != USERS_NAME {
            return Ok(None);
        }
        let text = |attribute: &str| -> Result<String, Error> {
            let value = object.value(attribute)?;
            Ok(value.as_ref().and_then(Value::as_text).unwrap_or_default().to_owned())
        };
        let roles = items(object.value(ROLES)?);
        let groups = items(object.value(GROUPS)?);
        Ok(Some(Self {
            oid: object.oid(),
            name: name.clone(),
            kind,
            path: object.path().clone(),
            folder,
            roles: Roles::named(roles.iter().filter_map(Value::as_text)),
            groups: groups.iter().filter_map(reference).collect(),
            title: text(title)?,
            email: text("email")?,
            disabled: object.object().flag("disabled"),
        }))
    }

    /// Whether it is a user.
    pub fn is_user(&self) -> bool {
        self.kind == AccountKind::User
    }
}

fn items(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Set(items)) => items.into_iter().collect(),
        Some(Value::List(items)) => items,
        _ => Vec::new(),
    }
}

fn reference(value: &Value) -> Option<Oid> {
    match value {
        Value::Reference(oid) => Some(*oid),
        _ => None,
    }
}

/// The path of the users of a folder.
///
/// # Errors
/// When the text is no path.
pub fn users_path(folder: &str) -> Result<ObjectPath, Error> {
    Ok(ObjectPath::parse(folder)?.join(&Name::new(USERS_NAME)?))
}

impl View {
    /// The users and groups of a folder, in their order; none where it has no `_users`.
    ///
    /// # Errors
    /// When the folder is not there.
    pub fn accounts(&self, folder: &str) -> Result<Vec<Account>, Error> {
        self.get(folder)?;
        let Some(users) = self.find(&users_path(folder)?.to_string())? else { return Ok(Vec::new()) };
        if users.type_name() != USERS {
            return Ok(Vec::new());
        }
        users.children().filter_map(|child| child.and_then(|child| Account::of(&child)).transpose()).collect()
    }

    /// The folders that have users, in the order of the tree. Looks at every object.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn user_folders(&self) -> Result<Vec<ObjectPath>, Error> {
        let mut found = Vec::new();
        let mut waiting = vec![self.get("/")?];
        while let Some(object) = waiting.pop() {
            let mut children = object.children().collect::<Result<Vec<_>, _>>()?;
            if children.iter().any(|child| child.name() == USERS_NAME && child.type_name() == USERS) {
                found.push(object.path().clone());
            }
            children.retain(|child| child.type_name() != USERS);
            waiting.extend(children.into_iter().rev());
        }
        Ok(found)
    }

    /// The user or group that a text names: by its path, or by its name in the `_users` of the folder at `near`, or of
    /// the nearest folder around that.
    ///
    /// # Errors
    /// When there is none, or nothing is at `near`.
    pub fn account(&self, text: &str, near: &str) -> Result<Account, Error> {
        let missing = || Error::NoAccount { name: text.chars().take(80).collect(), near: near.to_owned() };
        if text.starts_with('/') {
            return Account::of(&self.get(text)?)?.ok_or_else(missing);
        }
        self.get(near)?;
        let mut folder = Some(ObjectPath::parse(near)?);
        while let Some(at) = folder {
            let found = self.find(&users_path(&at.to_string())?.to_string())?;
            if let Some(users) = found.filter(|users| users.type_name() == USERS)
                && let Some(found) = users.child(&Name::new(text)?)?
                && let Some(account) = Account::of(&found)?
            {
                return Ok(account);
            }
            folder = at.split_last().map(|(above, _)| above);
        }
        Err(missing())
    }

    /// The user or group with this oid, if it stands where one counts.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn account_of(&self, oid: Oid) -> Result<Option<Account>, Error> {
        match self.by_oid(oid)? {
            Some(object) => Account::of(&object),
            None => Ok(None),
        }
    }

    /// All users of that name who count at the object at a path and may log in, those of the nearest folder first.
    ///
    /// # Errors
    /// When nothing is at the path.
    pub fn users_named(&self, path: &str, name: &str) -> Result<Vec<bough_core::security::User>, Error> {
        Ok(users_named(self.snapshot(), self.get(path)?.oid(), name)?)
    }
}

impl Tx<'_> {
    /// Adds a user to the folder at a path: he counts there and below. Without a password nobody can log in as him.
    ///
    /// # Errors
    /// When the folder is not there, or the name is taken.
    pub fn add_user(
        &mut self,
        folder: &str,
        name: &str,
        roles: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Oid, Error> {
        self.add_account(USER, folder, name, roles)
    }

    /// Adds a group to the folder at a path: it counts for users of that folder and of those below.
    ///
    /// # Errors
    /// As [`Tx::add_user`].
    pub fn add_group(
        &mut self,
        folder: &str,
        name: &str,
        roles: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Oid, Error> {
        self.add_account(GROUP, folder, name, roles)
    }

    fn add_account(
        &mut self,
        type_name: &str,
        folder: &str,
        name: &str,
        roles: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Oid, Error> {
        let users = users_path(folder)?.to_string();
        if !self.exists(&users)? {
            self.add(&users, USERS)?;
        }
        let path = ObjectPath::parse(&users)?.join(&Name::new(name)?);
        self.add_with(&path.to_string(), type_name, [(ROLES, role_set(roles)?)])
    }

    /// Gives a user or a group exactly these roles.
    ///
    /// # Errors
    /// When neither is at the path, or a role is no name.
    pub fn set_roles(
        &mut self,
        account: &str,
        roles: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<(), Error> {
        self.require_account(account, &[USER, GROUP])?;
        self.set(account, ROLES, role_set(roles)?)
    }

    /// Puts a user into exactly these groups, which are named by their paths.
    ///
    /// # Errors
    /// When no user, or no group, is at such a path.
    pub fn set_groups(
        &mut self,
        user: &str,
        groups: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<(), Error> {
        self.require_account(user, &[USER])?;
        let group = |path: &str| self.require_account(path, &[GROUP]).map(Value::Reference);
        let groups = groups.into_iter().map(|path| group(path.as_ref()));
        let groups = groups.collect::<Result<_, Error>>()?;
        self.set(user, GROUPS, Value::Set(groups))
    }

    /// Says whether a user may not log in. What he did, has and owns stays.
    ///
    /// # Errors
    /// When no user is at the path.
    pub fn set_disabled(&mut self, user: &str, disabled: bool) -> Result<(), Error> {
        self.require_account(user, &[USER])?;
        if disabled { self.set(user, "disabled", true) } else { self.unset(user, "disabled") }
    }

    /// Whom a text names at the object at a path: a user or a group by its path, or by its name in the nearest `_users`.
    ///
    /// # Errors
    /// When there is none.
    pub fn subject(&self, path: &str, who: &str) -> Result<Subject, Error> {
        if who.starts_with('/') {
            return Ok(Subject::Principal(self.require_account(who, &[USER, GROUP])?));
        }
        let mut folder = Some(ObjectPath::parse(path)?);
        let name = Name::new(who)?;
        while let Some(at) = folder {
            let account = users_path(&at.to_string())?.join(&name).to_string();
            if self.exists(&account)? {
                return Ok(Subject::Principal(self.require_account(&account, &[USER, GROUP])?));
            }
            folder = at.split_last().map(|(above, _)| above);
        }
        Err(Error::NoAccount { name: who.to_owned(), near: path.to_owned() })
    }

    fn require_account(&self, path: &str, types: &[&str]) -> Result<Oid, Error> {
        let at = ObjectPath::parse(path)?;
        let oid = resolve(&***self, &at)?;
        let object = bough_core::Snapshot::object(&***self, oid)?;
        if object.as_ref().is_some_and(|object| types.iter().any(|of| object.is_a(of))) {
            return Ok(oid);
        }
        let found = match object.as_deref().and_then(bough_core::Object::type_name) {
            Some(found) => found.clone(),
            None => Name::new("unknown")?,
        };
        Err(Error::OtherType { path: at, expected: Name::new(types[0])?, found })
    }
}

fn role_set(roles: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Value, Error> {
    let name = |role: &str| Name::new(role).map(|name| Value::text(name.as_str()));
    let roles = roles.into_iter().map(|role| Ok(name(role.as_ref())?));
    Ok(Value::Set(roles.collect::<Result<_, Error>>()?))
}
