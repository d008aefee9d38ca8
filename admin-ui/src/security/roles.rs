//! What people have at an object: roles given and taken, whose it is, and the roles that a program runs with.

use std::cell::Cell;
use std::sync::Arc;

use axum::http::StatusCode;
use bough_core::security::permission::PERMISSIONS;
use bough_core::security::{Access, Roles, Setting, Subject, judge, user};
use bough_core::transaction::{ObjectChange, SharedSnapshot};
use bough_core::{CellKey, Content, Name, Object, Oid, Snapshot as _};
use bough_store::Draft;
use bough_web::pages::{PageAnswer, PageError, PageForm, PageRequest};

use super::{overview, whose};
use crate::message::{self, Message};
use crate::page;
use crate::people::roles_typed;

/// What is said before somebody takes his own right away.
pub(super) const LOCKED_OUT: &str = "After this you could not change permissions here yourself any more, nor take it \
     back. Nothing was changed yet.";

/// What a form of the page wants.
enum Wanted {
    /// Exactly these roles, or these besides those there are.
    Roles {
        whose: Subject,
        roles: Roles,
        adds: bool,
    },
    Owner(Option<Oid>),
    Proxy(Option<Roles>),
}

/// A form of the security page.
pub(super) fn change(request: &PageRequest, object: &Arc<Object>) -> Result<PageAnswer, PageError> {
    let form = request.form()?;
    let wanted = match wanted(request, form) {
        Ok(wanted) => wanted,
        Err(Wrong::Failed(error)) => return Err(error),
        Err(Wrong::Typed(wrong)) => {
            let page = overview(request, object, form.get("search"), &wrong)?;
            return page::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page);
        }
    };
    let oid = object.oid();
    let sentence = sentence(request, &wanted, &request.path_text(oid)?)?;
    let is_sure = form.get("sure") == "yes";
    let locked = Cell::new(false);
    let written = request.write(sentence, |draft| {
        work(draft, oid, &wanted)?;
        if !is_sure && locks_out(request, draft, oid)? {
            locked.set(true);
            return Err(PageError::refused("locked out"));
        }
        Ok(())
    });
    if locked.get() {
        let mut page = overview(request, object, form.get("search"), "")?;
        page.sure = form
            .fields()
            .iter()
            .filter(|(name, _)| !["code", "sure"].contains(&name.as_str()))
            .cloned()
            .collect();
        page.frame = page.frame.saying(Message::bad(LOCKED_OUT));
        return page::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let ((), tid) = written?;
    Ok(message::done(&next_url(request, oid)?, tid))
}

enum Wrong {
    Typed(String),
    Failed(PageError),
}

impl<E: Into<PageError>> From<E> for Wrong {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

fn wanted(request: &PageRequest, form: &PageForm) -> Result<Wanted, Wrong> {
    let typed = |text: &str| Wrong::Typed(text.to_owned());
    let roles = || roles_typed(form.all("role"), form.get("others")).map_err(Wrong::Typed);
    Ok(match form.get("do") {
        "give" => {
            let whose =
                subject(form.get("whose")).ok_or_else(|| typed("Please choose who shall have the roles."))?;
            let roles = roles()?;
            if roles.is_empty() {
                return Err(typed("Please tick at least one role to give."));
            }
            Wanted::Roles { whose, roles, adds: true }
        }
        "set" => {
            let whose =
                subject(form.get("whose")).ok_or_else(|| typed("Please choose whose roles are meant."))?;
            Wanted::Roles { whose, roles: roles()?, adds: false }
        }
        "take" => {
            let whose =
                subject(form.get("whose")).ok_or_else(|| typed("Please choose whose roles are meant."))?;
            Wanted::Roles { whose, roles: Roles::default(), adds: false }
        }
        "own" => {
            let Some(Subject::Principal(oid)) = subject(form.get("whose")) else {
                return Err(typed("Please choose who shall own it."));
            };
            if user(&**request.access().head(), oid)?.is_none() {
                return Err(typed("Only a user who may log in can own something, not a group."));
            }
            Wanted::Owner(Some(oid))
        }
        "own-myself" => {
            let user =
                request.actor().user().ok_or_else(|| typed("You are no user who can own something."))?;
            Wanted::Owner(Some(user.oid))
        }
        "own-nobody" => Wanted::Owner(None),
        "proxy" => Wanted::Proxy(Some(roles()?)),
        "no-proxy" => Wanted::Proxy(None),
        _ => return Err(PageError::refused("The form says not what is to be done.").into()),
    })
}

fn subject(text: &str) -> Option<Subject> {
    match text.parse::<Oid>() {
        Ok(oid) => Some(Subject::Principal(oid)),
        Err(_) => Name::new(text).ok().map(Subject::Name),
    }
}

fn sentence(request: &PageRequest, wanted: &Wanted, at: &str) -> Result<String, PageError> {
    Ok(match wanted {
        Wanted::Roles { whose, roles, adds } => {
            let name = self::whose(request, whose)?.name;
            let word = if roles.len() == 1 { "role" } else { "roles" };
            match (roles.is_empty(), adds) {
                (true, _) => format!("Took the roles of {name} at {at}"),
                (false, true) => format!("Gave {name} the {word} {roles} at {at}"),
                (false, false) => format!("Gave {name} exactly the {word} {roles} at {at}"),
            }
        }
        Wanted::Owner(None) => format!("Made {at} nobody's"),
        Wanted::Owner(Some(oid)) => {
            format!("Made {} the owner of {at}", self::whose(request, &Subject::Principal(*oid))?.name)
        }
        Wanted::Proxy(None) => format!("Let {at} run with the roles of whoever calls it"),
        Wanted::Proxy(Some(roles)) => format!("Let {at} run with the roles {roles}"),
    })
}

fn work(draft: &mut Draft, oid: Oid, wanted: &Wanted) -> Result<(), PageError> {
    match wanted {
        Wanted::Roles { whose, roles, adds } => {
            let key = CellKey::LocalRoles(whose.clone());
            let had = match draft.object(oid)?.as_ref().and_then(|object| object.content(&key)) {
                Some(Content::Roles(had)) if *adds => had.clone(),
                _ => Roles::default(),
            };
            draft.set_local_roles(oid, whose.clone(), had.with(roles))?;
        }
        Wanted::Owner(owner) => draft.set_owner(oid, *owner)?,
        Wanted::Proxy(roles) => draft.set_proxy_roles(oid, roles.clone())?,
    }
    Ok(())
}

/// Whether whoever asks could not change permissions at an object any more after what a draft does.
pub(super) fn locks_out(request: &PageRequest, draft: &Draft, oid: Oid) -> Result<bool, PageError> {
    let Ok(permission) = Name::new(PERMISSIONS) else { return Ok(false) };
    let nothing = Setting { roles: Roles::default(), acquire: true };
    let next = [(CellKey::Permission(permission), Some(Content::Setting(nothing)))];
    let changes = [ObjectChange { oid, cells: next.into() }];
    let head = request.version_name().map(|_| &**request.access().head() as &dyn bough_core::Snapshot);
    Ok(!judge(request.types(), request.actor(), &**draft, head, &changes)?.is_empty())
}

/// Where the browser goes after a change: to the page, if whoever asked may still see it.
pub(super) fn next_url(request: &PageRequest, oid: Oid) -> Result<String, PageError> {
    let now: SharedSnapshot = Arc::new(request.database().snapshot());
    let head = request.version_name().map(|_| Arc::clone(request.access().head()));
    let access = Access::new(request.actor().clone(), Arc::clone(request.types()), now, head);
    Ok(match access.allows_at(PERMISSIONS, oid)? {
        true => request.page_url(oid, &["security"])?,
        false => request.top_url(&[]),
    })
}
