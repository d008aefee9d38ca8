//! The first administrator: who makes the others.

use bough_core::security::permission::MANAGER;
use bough_core::security::{ROLES, USER, USERS, USERS_NAME, user, user_folder};
use bough_core::snapshot::{ChildrenPage, Snapshot as _};
use bough_core::{Name, Oid, Value};
use bough_store::{Database, Note};

use super::{AccountError, Accounts, Invite};

/// How many users are looked at for an administrator.
const USERS_MAX: usize = 10_000;
/// Longest name in characters.
const NAME_CHARS_MAX: usize = 100;

/// The name of a new user, if it can be one: as that of any object, but not one that is hidden or looks like a view.
///
/// # Errors
/// When it cannot.
pub(crate) fn user_name(text: &str) -> Result<Name, AccountError> {
    let text = text.trim();
    if text.starts_with(['_', '@', '.']) || text.contains(':') || text.chars().count() > NAME_CHARS_MAX {
        return Err(AccountError::UserName);
    }
    Name::new(text).map_err(|_| AccountError::UserName)
}

fn own(name: &str) -> Name {
    Name::new(name).unwrap_or_else(|error| unreachable!("BUG: a built-in name is illegal: {error}"))
}

impl Accounts {
    /// The path of a new one-time link for the first administrator; none where somebody can log in who may do
    /// everything. Earlier links for that work no more.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn first_administrator_link(&self) -> Result<Option<String>, AccountError> {
        let head = self.0.database.snapshot();
        if let Some(users) = user_folder(&head, Oid::ROOT)? {
            for child in head.children(users, &ChildrenPage::first(USERS_MAX))? {
                let user = user(&head, child.oid)?;
                if user.is_some_and(|user| user.roles.contains(MANAGER)) && self.has_password(child.oid)? {
                    return Ok(None);
                }
            }
        }
        self.invite(Invite::FirstAdministrator).map(Some)
    }

    /// Makes a user of the whole site who may do everything. One who was left without a password, because making him
    /// was cut short, is taken.
    ///
    /// # Errors
    /// When the name cannot be one or is taken, or the store cannot be read or written.
    pub(crate) fn make_administrator(&self, database: &Database, name: &str) -> Result<Oid, AccountError> {
        let name = user_name(name)?;
        let made = database.write(Note::edit("Make the first administrator"), |draft| {
            let users = match user_folder(&**draft, Oid::ROOT)? {
                Some(users) => users,
                None => draft.add(Oid::ROOT, &own(USERS_NAME), &own(USERS), [])?,
            };
            let Some(there) = draft.child(users, name.as_str())? else {
                let roles = Value::Set([Value::text(MANAGER)].into());
                return Ok(draft.add(users, &name, &own(USER), [(own(ROLES), roles)])?);
            };
            let is_left = !self.has_password(there)?
                && user(&**draft, there)?.is_some_and(|user| user.roles.contains(MANAGER));
            if is_left { Ok(there) } else { Err(AccountError::UserTaken) }
        });
        made.map(|(user, _)| user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::PasswordCost;
    use crate::auth::testing::store;

    #[test]
    fn the_first_administrator_may_do_everything_and_takes_nobodys_place() {
        let (database, _) = store();
        let accounts = Accounts::new(&database, PasswordCost { memory_kib: 8, passes: 1 });
        let ana = accounts.make_administrator(&database, " ana ").unwrap();
        let made = user(&database.snapshot(), ana).unwrap().unwrap();
        assert_eq!((made.name.as_str(), made.folder), ("ana", Oid::ROOT));
        assert!(made.roles.contains(MANAGER));
        assert_eq!(accounts.make_administrator(&database, "ana").unwrap(), ana, "still without a password");
        accounts.set_password(ana, "correct horse").unwrap();
        assert!(matches!(accounts.make_administrator(&database, "ana"), Err(AccountError::UserTaken)));
        assert_ne!(accounts.make_administrator(&database, "bo").unwrap(), ana);
    }

    #[test]
    fn somebody_who_is_no_administrator_is_not_made_one() {
        let (database, _) = store();
        let accounts = Accounts::new(&database, PasswordCost { memory_kib: 8, passes: 1 });
        let ana = accounts.make_administrator(&database, "ana").unwrap();
        let write = database.write(Note::edit("test"), |draft| {
            draft.set(ana, &Name::new(ROLES).unwrap(), None).map_err(AccountError::from)
        });
        write.unwrap();
        assert!(matches!(accounts.make_administrator(&database, "ana"), Err(AccountError::UserTaken)));
    }

    #[test]
    fn there_is_a_link_until_an_administrator_can_log_in() {
        let (database, _) = store();
        let accounts = Accounts::new(&database, PasswordCost { memory_kib: 8, passes: 1 });
        assert!(accounts.first_administrator_link().unwrap().is_some());
        let ana = accounts.make_administrator(&database, "ana").unwrap();
        assert!(accounts.first_administrator_link().unwrap().is_some(), "without a password");
        accounts.set_password(ana, "correct horse").unwrap();
        assert_eq!(accounts.first_administrator_link().unwrap(), None);
    }

    #[test]
    fn names_that_hide_or_cannot_be_typed_are_refused() {
        for wrong in ["", " ", "_ana", "@@ana", ".ana", "a/b", "a:b", "..", "a\nb", &"x".repeat(101)] {
            assert!(matches!(user_name(wrong), Err(AccountError::UserName)), "{wrong}");
        }
        assert!(
            ["ana", "Ana María", "ana@example.org", "o'neill"].iter().all(|name| user_name(name).is_ok())
        );
    }
}
