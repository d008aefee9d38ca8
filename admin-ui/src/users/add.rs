//! A new user or group.

use std::cell::Cell;

use askama::Template;
use axum::http::StatusCode;
use bough_core::security::{GROUP, GROUPS, ROLES, Roles, USER, user};
use bough_core::{Name, Object, Oid, Snapshot as _, Value};
use bough_web::auth::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use bough_web::pages::{PageAnswer, PageError, PageForm, PageRequest};

use super::user::{Made, show_link};
use super::{
    Choice, Shell, frame, group_choices, group_set, groups_typed, in_folder, name_typed, own, role_choices,
    role_set, text_value, users_of,
};
use crate::frame::Frame;
use crate::people::roles_typed;
use crate::{message, page};

/// What was typed.
#[derive(Default)]
struct Typed {
    name: String,
    title: String,
    email: String,
    others: String,
    way: String,
}

#[derive(Template)]
#[template(path = "users_add.html")]
struct AddPage {
    frame: Frame,
    shell: Shell,
    is_group: bool,
    url: String,
    list_url: String,
    typed: Typed,
    roles: Vec<Choice>,
    groups: Vec<Choice>,
    password_min: usize,
    wrong_name: String,
    wrong_roles: String,
    wrong_password: String,
}

/// What is wrong with what was typed, by field.
#[derive(Default)]
struct Wrong {
    name: String,
    roles: String,
    password: String,
}

impl Wrong {
    fn is_nothing(&self) -> bool {
        self.name.is_empty() && self.roles.is_empty() && self.password.is_empty()
    }
}

/// `users/add` and `users/groups/add`.
pub(super) fn answer(
    request: &PageRequest,
    folder: &Object,
    is_group: bool,
) -> Result<PageAnswer, PageError> {
    if request.is_post() {
        return add(request, folder, is_group, request.form()?);
    }
    let typed = Typed { way: "link".into(), ..Typed::default() };
    page::show(&shown(request, folder, is_group, typed, (&Roles::default(), &[]), Wrong::default())?)
}

fn shown(
    request: &PageRequest,
    folder: &Object,
    is_group: bool,
    typed: Typed,
    (roles, groups): (&Roles, &[Oid]),
    wrong: Wrong,
) -> Result<AddPage, PageError> {
    let heading = if is_group { "Add a group" } else { "Add a user" };
    let steps: &[&str] = if is_group { &["users", "groups", "add"] } else { &["users", "add"] };
    Ok(AddPage {
        frame: frame(request, folder, heading)?,
        shell: Shell::new(request, folder, heading, if is_group { "groups" } else { "users" })?,
        is_group,
        url: request.page_url(folder.oid(), steps)?,
        list_url: request.page_url(folder.oid(), &steps[..steps.len() - 1])?,
        typed,
        roles: role_choices(request, folder.oid(), roles)?,
        groups: if is_group { Vec::new() } else { group_choices(request, folder.oid(), groups)? },
        password_min: PASSWORD_CHARS_MIN,
        wrong_name: wrong.name,
        wrong_roles: wrong.roles,
        wrong_password: wrong.password,
    })
}

/// Whether a password can be one.
pub(super) fn password_typed(password: &str) -> Result<(), String> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Err(format!("The password is too short: it needs at least {PASSWORD_CHARS_MIN} characters."));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err("The password is too long.".into());
    }
    Ok(())
}

fn add(
    request: &PageRequest,
    folder: &Object,
    is_group: bool,
    form: &PageForm,
) -> Result<PageAnswer, PageError> {
    let typed = Typed {
        name: form.get("name").trim().to_owned(),
        title: form.get("title").to_owned(),
        email: form.get("email").to_owned(),
        others: form.get("others").to_owned(),
        way: form.get("way").to_owned(),
    };
    let mut wrong = Wrong::default();
    let mut take = |result: Result<Name, String>| result.map_err(|text| wrong.name = text).ok();
    let name = take(name_typed(&typed.name));
    let roles = match roles_typed(form.all("role"), &typed.others) {
        Ok(roles) => roles,
        Err(text) => {
            wrong.roles = text;
            Roles::named(form.all("role"))
        }
    };
    let groups = groups_typed(request.snapshot(), form.all("group"))?;
    let is_public = request.version_name().is_none();
    let wants_password = !is_group && is_public && typed.way == "password";
    if wants_password {
        wrong.password = password_typed(form.get("password")).err().unwrap_or_default();
    }
    let (Some(name), true) = (name, wrong.is_nothing()) else {
        let page = shown(request, folder, is_group, typed, (&roles, &groups), wrong)?;
        return page::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page);
    };
    let place = in_folder(request, folder)?;
    let with = match roles.len() {
        0 => String::new(),
        1 => format!(", with the role {roles}"),
        _ => format!(", with the roles {roles}"),
    };
    let kind = if is_group { "group" } else { "user" };
    let is_taken = Cell::new(false);
    let written = request.write(format!("Added {kind} {name}{place}{with}"), |draft| {
        let users = users_of(draft, folder.oid())?;
        if draft.child(users, name.as_str())?.is_some() {
            is_taken.set(true);
            return Err(PageError::refused("the name is taken"));
        }
        let title = if is_group { "title" } else { "full_name" };
        let mut attributes: Vec<(Name, Value)> = Vec::new();
        let mut set = |name: &str, value: Option<Value>| {
            attributes.extend(value.map(|value| (own(name), value)));
        };
        set(ROLES, role_set(&roles));
        set(title, text_value(&typed.title));
        if !is_group {
            set("email", text_value(&typed.email));
            set(GROUPS, group_set(&groups));
        }
        Ok(draft.add(users, &name, &own(if is_group { GROUP } else { USER }), attributes)?)
    });
    if is_taken.get() {
        let wrong =
            Wrong { name: "There is a user or group of this name already.".into(), ..Wrong::default() };
        let page = shown(request, folder, is_group, typed, (&roles, &groups), wrong)?;
        return page::show_as(StatusCode::CONFLICT, &page);
    }
    let (oid, tid) = written?;
    let url = request.page_url(folder.oid(), &["users", kind, name.as_str()])?;
    if is_group || !is_public {
        return Ok(message::done(&url, tid));
    }
    // Who is a user is asked of the public site as it is now.
    let is_there = user(&request.trunk().snapshot(), oid)?.is_some();
    match &typed.way[..] {
        "password" if is_there => {
            request.accounts().set_password(oid, form.get("password"))?;
            Ok(message::done(&url, tid))
        }
        "link" if is_there => show_link(request, folder, &name, Made { user: oid, url, tid, is_new: true }),
        _ => Ok(message::done(&url, tid)),
    }
}
