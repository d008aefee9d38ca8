//! Users and groups of a folder: found, added, changed, deleted, and what proves who they are.
//!
//! They are objects in the `_users` of a folder, so that what is done to them is a commit. Passwords, one-time links,
//! log-ins and tokens are no part of the tree: nothing of them is undone.
//!
//! Code map: `list`, `add`, `user` and `group` (one of them each), `elsewhere` (other folders with users), `log` (what
//! happened to accounts), `tree` (all objects below one).

mod add;
mod elsewhere;
mod group;
mod list;
mod log;
mod tree;
mod user;

use std::sync::Arc;

use bough_core::security::permission::{ANONYMOUS, AUTHENTICATED, EDITOR, MANAGER, OWNER, SITE, USERS};
use bough_core::security::{GROUP, Roles, USERS as USERS_TYPE, USERS_NAME, user_folder};
use bough_core::snapshot::ReadError;
use bough_core::{Name, Object, Oid, Snapshot, Value};
use bough_store::Draft;
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use crate::frame::{Frame, Link};
use crate::people::{self, Account};

/// How many groups are offered to be ticked.
const GROUPS_OFFERED_MAX: usize = 200;

/// Everything below `users`.
pub(crate) fn answer(request: &PageRequest, steps: &[&str]) -> Result<PageAnswer, PageError> {
    let folder = request.object()?;
    if let (true, Some(place)) = (folder.is_a(USERS_TYPE), folder.place()) {
        let steps: Vec<&str> = std::iter::once("users").chain(steps.iter().copied()).collect();
        return Ok(PageAnswer::SeeOther(request.page_url(place.parent, &steps)?));
    }
    if !tree::may_contain(request.types(), folder) {
        return Err(PageError::not_found());
    }
    request.require(folder, USERS)?;
    match steps {
        [] => list::answer(request, folder, false),
        ["groups"] => list::answer(request, folder, true),
        ["add"] => add::answer(request, folder, false),
        ["groups", "add"] => add::answer(request, folder, true),
        ["user", name, rest @ ..] => user::answer(request, folder, name, rest),
        ["group", name, rest @ ..] => group::answer(request, folder, name, rest),
        ["elsewhere"] => elsewhere::answer(request, folder),
        ["log"] => log::answer(request, folder),
        _ => Err(PageError::not_found()),
    }
}

/// What is around each of these pages, besides the frame.
struct Shell {
    heading: String,
    /// The folder in which these users count.
    place: String,
    is_whole_site: bool,
    tabs: Vec<Link>,
    /// Whether a version is shown, in which nobody becomes a user of the site yet.
    in_version: bool,
}

impl Shell {
    fn new(request: &PageRequest, folder: &Object, heading: &str, place: &str) -> Result<Self, PageError> {
        let at = |steps: &[&str]| request.page_url(folder.oid(), steps);
        let link = |text: &str, url: String, is_here: bool| Link { text: text.to_owned(), url, is_here };
        let mut tabs = vec![
            link("Users", at(&["users"])?, place == "users"),
            link("Groups", at(&["users", "groups"])?, place == "groups"),
            link("Users of other folders", at(&["users", "elsewhere"])?, place == "elsewhere"),
        ];
        if request.access().allows_at(SITE, Oid::ROOT)? {
            tabs.push(link("What happened", at(&["users", "log"])?, place == "log"));
        }
        Ok(Self {
            heading: heading.to_owned(),
            place: request.path_text(folder.oid())?,
            is_whole_site: folder.oid() == request.top().oid(),
            tabs,
            in_version: request.version_name().is_some(),
        })
    }
}

fn frame(request: &PageRequest, folder: &Object, heading: &str) -> Result<Frame, PageError> {
    Frame::new(request, folder, heading)
}

/// The user or group of a folder by its name.
fn account(
    request: &PageRequest,
    folder: &Object,
    name: &str,
    is_group: bool,
) -> Result<(Arc<Object>, Account), PageError> {
    let snapshot = request.snapshot();
    let users = user_folder(snapshot, folder.oid())?.ok_or_else(PageError::not_found)?;
    let oid = snapshot.child(users, name)?.ok_or_else(PageError::not_found)?;
    let object = snapshot.object(oid)?.ok_or_else(PageError::not_found)?;
    let account = Account::of(snapshot, &object)?.filter(|account| account.is_group == is_group);
    let account = account.ok_or_else(PageError::not_found)?;
    request.require(&object, USERS)?;
    Ok((object, account))
}

/// The folder of users, made if it is not there.
fn users_of(draft: &mut Draft, folder: Oid) -> Result<Oid, PageError> {
    match user_folder(&**draft, folder)? {
        Some(users) => Ok(users),
        None => Ok(draft.add(folder, &own(USERS_NAME), &own(USERS_TYPE), [])?),
    }
}

fn own(name: &str) -> Name {
    Name::new(name).unwrap_or_else(|error| unreachable!("BUG: a built-in name is illegal: {error}"))
}

/// A role or a group that can be ticked.
#[derive(Clone)]
struct Choice {
    value: String,
    text: String,
    note: String,
    is_chosen: bool,
}

/// The roles to offer to users of a folder.
fn role_choices(request: &PageRequest, folder: Oid, chosen: &Roles) -> Result<Vec<Choice>, PageError> {
    let mut roles = chosen.with(&Roles::named([MANAGER, EDITOR]));
    for (_, spec) in request.types().permissions().iter() {
        roles = roles.with(&spec.roles);
    }
    let mut found: Vec<Name> = Vec::new();
    let scope = request.snapshot().scope(folder)?;
    for (_, local) in scope.all_local() {
        found.extend(local.iter().cloned());
    }
    for permission in scope.permissions() {
        found.extend(scope.effective(permission.as_str()).iter().flat_map(|all| all.roles.iter().cloned()));
    }
    if let Some(users) = user_folder(request.snapshot(), folder)? {
        let mut looked_at = people::FOR_OFFERS;
        people::walk(request, request.snapshot(), users, None, &mut looked_at, &mut |account| {
            found.extend(account.roles.iter().cloned());
            Ok(true)
        })?;
    }
    let all = roles.with(&Roles::new(found));
    let everybodys = [ANONYMOUS, AUTHENTICATED, OWNER];
    let offered =
        all.iter().filter(|role| !everybodys.contains(&role.as_str()) || chosen.contains(role.as_str()));
    Ok(offered
        .map(|role| Choice {
            value: role.to_string(),
            text: role.to_string(),
            note: match role.as_str() {
                MANAGER => "everything".into(),
                EDITOR => "add, change, delete, undo, work in versions".into(),
                _ => String::new(),
            },
            is_chosen: chosen.contains(role.as_str()),
        })
        .collect())
}

/// The groups that count for users of a folder: its own and those of the folders above.
fn group_choices(request: &PageRequest, folder: Oid, chosen: &[Oid]) -> Result<Vec<Choice>, PageError> {
    let mut choices = Vec::new();
    let mut looked_at = 0;
    for container in bough_core::acquisition::containers(request.snapshot(), folder)? {
        let Some(users) = user_folder(request.snapshot(), container.oid())? else { continue };
        let note = match container.oid() == folder {
            true => String::new(),
            false => format!("of {}", request.path_text(container.oid())?),
        };
        people::walk(request, request.snapshot(), users, None, &mut looked_at, &mut |account| {
            if account.is_group {
                choices.push(Choice {
                    is_chosen: chosen.contains(&account.oid),
                    value: account.oid.to_string(),
                    text: if account.title.is_empty() {
                        account.name.to_string()
                    } else {
                        format!("{} ({})", account.name, account.title)
                    },
                    note: note.clone(),
                });
            }
            Ok(choices.len() < GROUPS_OFFERED_MAX)
        })?;
    }
    for group in chosen {
        let value = group.to_string();
        if !choices.iter().any(|choice| choice.value == value) {
            let text = name_of(request, *group)?.unwrap_or_else(|| "a group that is gone".into());
            choices.push(Choice { value, text, note: "does not count here".into(), is_chosen: true });
        }
    }
    Ok(choices)
}

fn name_of(request: &PageRequest, oid: Oid) -> Result<Option<String>, ReadError> {
    let object = request.snapshot().object(oid)?;
    Ok(object.and_then(|object| object.place().map(|place| place.name.to_string())))
}

fn role_set(roles: &Roles) -> Option<Value> {
    let items = roles.iter().map(|role| Value::text(role.as_str()));
    (!roles.is_empty()).then(|| Value::Set(items.collect()))
}

/// The groups that were ticked: only what is a group.
fn groups_typed<'a>(
    snapshot: &dyn Snapshot,
    ticked: impl Iterator<Item = &'a str>,
) -> Result<Vec<Oid>, PageError> {
    let mut groups = Vec::new();
    for text in ticked {
        let Ok(oid) = text.parse::<Oid>() else { continue };
        if snapshot.object(oid)?.is_some_and(|object| object.is_a(GROUP)) {
            groups.push(oid);
        }
    }
    Ok(groups)
}

fn group_set(groups: &[Oid]) -> Option<Value> {
    (!groups.is_empty()).then(|| Value::Set(groups.iter().map(|group| Value::Reference(*group)).collect()))
}

/// Writes what is other than it was.
fn set_if_other(draft: &mut Draft, oid: Oid, name: &str, value: Option<Value>) -> Result<(), PageError> {
    let object = draft.object(oid)?.ok_or_else(PageError::not_found)?;
    if bough_core::snapshot::attribute(&**draft, &object, name)? != value {
        draft.set(oid, &own(name), value)?;
    }
    Ok(())
}

fn text_value(text: &str) -> Option<Value> {
    let text = text.trim();
    (!text.is_empty()).then(|| Value::text(text))
}

/// Whether a text can be the name of a user, or what is wrong with it.
fn name_typed(text: &str) -> Result<Name, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("Please type a name.".into());
    }
    if text.starts_with(['_', '@', '.']) || text.contains(':') || text.chars().count() > 100 {
        return Err("This cannot be a name: it has at most 100 characters, no colon, and begins with neither _ nor @ nor a dot.".into());
    }
    Name::new(text).map_err(|error| format!("This cannot be a name: {error}."))
}

/// Where users are, for sentences: nothing for the whole site.
fn in_folder(request: &PageRequest, folder: &Object) -> Result<String, PageError> {
    Ok(match folder.oid() == request.top().oid() {
        true => String::new(),
        false => format!(" in {}", request.path_text(folder.oid())?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_hide_or_cannot_be_typed_at_the_log_in_are_refused() {
        for wrong in ["", "  ", "_ann", "@ann", ".ann", "a:b", "a/b", &"x".repeat(101)] {
            assert!(name_typed(wrong).is_err(), "{wrong}");
        }
        assert!([" ann ", "ann@example.org", "Ana María"].iter().all(|name| name_typed(name).is_ok()));
    }

    #[test]
    fn nothing_ticked_is_no_value() {
        assert_eq!((role_set(&Roles::default()), group_set(&[])), (None, None));
        assert_eq!(role_set(&Roles::named(["a"])), Some(Value::Set([Value::text("a")].into())));
        assert_eq!((text_value("  "), text_value(" a ")), (None, Some(Value::text("a"))));
    }
}
