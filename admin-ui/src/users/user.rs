//! One user: who it is, what he may, how he proves it, and where he is logged in.

use std::cell::Cell;
use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use bough_core::security::{Actor, GROUPS, Principal, ROLES, Roles, Subject, judge};
use bough_core::transaction::ObjectChange;
use bough_core::{CellKey, Content, Name, Object, Oid, Snapshot as _, Tid, Value};
use bough_store::Draft;
use bough_web::auth::{Invite, PASSWORD_CHARS_MIN};
use bough_web::pages::{PageAnswer, PageError, PageForm, PageRequest};

use super::add::password_typed;
use super::tree::Tree;
use super::{
    Choice, Shell, account, frame, group_choices, group_set, groups_typed, in_folder, own, role_choices,
    role_set, set_if_other, text_value,
};
use crate::frame::Frame;
use crate::message::{self, Message};
use crate::page;
use crate::people::{Account, LOOKED_AT_MAX, roles_typed};
use crate::text::{Time, counted, shortened};

/// Where somebody is logged in.
struct Device {
    id: String,
    browser: String,
    address: String,
    made: Time,
    seen: Time,
    is_this: bool,
}

struct TokenRow {
    id: String,
    name: String,
    limits: String,
    made: Time,
    used: Option<Time>,
    expires: Option<Time>,
}

struct Fields {
    title: String,
    email: String,
    others: String,
    is_disabled: bool,
}

#[derive(Template)]
#[template(path = "users_user.html")]
struct UserPage {
    frame: Frame,
    shell: Shell,
    name: String,
    url: String,
    list_url: String,
    delete_url: String,
    can_url: Option<String>,
    account_url: Option<String>,
    is_oneself: bool,
    /// Whether the public site has the user, who else can have no password.
    is_there: bool,
    base: String,
    fields: Fields,
    roles: Vec<Choice>,
    groups: Vec<Choice>,
    wrong: String,
    wrong_password: String,
    needs_sure: bool,
    has_password: bool,
    password_min: usize,
    devices: Vec<Device>,
    tokens: Vec<TokenRow>,
}

/// What is shown instead of what is there: what was typed.
struct Typed {
    fields: Fields,
    roles: Roles,
    groups: Vec<Oid>,
}

/// `users/user/NAME`.
pub(super) fn answer(
    request: &PageRequest,
    folder: &Object,
    name: &str,
    rest: &[&str],
) -> Result<PageAnswer, PageError> {
    let (object, account) = account(request, folder, name, false)?;
    match rest {
        [] if request.is_post() => change(request, folder, &object, &account),
        [] => page::show(&shown(request, folder, &object, &account, None)?),
        ["delete"] => delete(request, folder, &account),
        _ => Err(PageError::not_found()),
    }
}

fn shown(
    request: &PageRequest,
    folder: &Object,
    object: &Object,
    account: &Account,
    typed: Option<Typed>,
) -> Result<UserPage, PageError> {
    let oid = account.oid;
    let accounts = request.accounts();
    let typed = typed.unwrap_or_else(|| Typed {
        fields: Fields {
            title: account.title.clone(),
            email: account.email.clone(),
            others: String::new(),
            is_disabled: account.is_disabled,
        },
        roles: account.roles.clone(),
        groups: account.groups.clone(),
    });
    let is_oneself = request.actor().user().is_some_and(|user| user.oid == oid);
    let devices = accounts.sessions(oid)?.into_iter().map(|session| Device {
        is_this: request.session() == Some(&session.id),
        browser: session.browser(),
        address: session.address.map(|address| address.to_string()).unwrap_or_default(),
        made: Time::of_micros(session.made_micros),
        seen: Time::of_micros(session.seen_micros),
        id: session.id,
    });
    let mut tokens = Vec::new();
    for token in accounts.tokens(oid)? {
        let mut limits = Vec::new();
        if let Some(subtree) = token.about.subtree {
            limits.push(format!("only below {}", request.path_text(subtree)?));
        }
        if let Some(permissions) = &token.about.permissions {
            let permissions: Vec<&str> = permissions.iter().map(String::as_str).collect();
            limits.push(format!("only {}", permissions.join(", ")));
        }
        tokens.push(TokenRow {
            name: shortened(&token.about.name, 100),
            limits: shortened(&limits.join("; "), 200),
            made: Time::of_micros(token.made_micros),
            used: token.used_micros.map(Time::of_micros),
            expires: token.about.expires_micros.map(Time::of_micros),
            id: token.id,
        });
    }
    let name = account.name.as_str();
    let url = request.page_url(folder.oid(), &["users", "user", name])?;
    let mut frame = frame(request, folder, &format!("User {name}"))?;
    if let Some(said) = request.query("said").and_then(|what| said(what, name)) {
        frame = frame.saying(Message::good(said));
    }
    let may_ask = request.access().allows(bough_core::security::permission::PERMISSIONS, folder)?;
    let can_url = request.page_url(folder.oid(), &["security", "why"])?;
    Ok(UserPage {
        frame,
        shell: Shell::new(request, folder, &format!("User {name}"), "users")?,
        list_url: request.page_url(folder.oid(), &["users"])?,
        delete_url: request.page_url(folder.oid(), &["users", "user", name, "delete"])?,
        can_url: may_ask.then(|| format!("{can_url}?who={oid}")),
        account_url: is_oneself.then(|| format!("{}/@@account", request.prefix())),
        is_oneself,
        is_there: request.trunk().snapshot().object(oid)?.is_some_and(|there| there.place().is_some()),
        base: object.revision().to_string(),
        roles: role_choices(request, folder.oid(), &typed.roles)?,
        groups: group_choices(request, folder.oid(), &typed.groups)?,
        fields: typed.fields,
        wrong: String::new(),
        wrong_password: String::new(),
        needs_sure: false,
        has_password: accounts.has_password(oid)?,
        password_min: PASSWORD_CHARS_MIN,
        devices: devices.collect(),
        tokens,
        name: name.to_owned(),
        url,
    })
}

/// What was done that is no commit.
fn said(what: &str, name: &str) -> Option<String> {
    let said = match what {
        "all-ended" => return Some(format!("{name} is logged out on all devices.")),
        "password" => "The password is set, and all log-ins of before have ended.",
        "no-password" => "The password is removed, and all log-ins have ended.",
        "ended" => "Logged out there.",
        "revoked" => "The token is revoked.",
        _ => return None,
    };
    Some(said.to_owned())
}

fn change(
    request: &PageRequest,
    folder: &Object,
    object: &Arc<Object>,
    account: &Account,
) -> Result<PageAnswer, PageError> {
    let form = request.form()?;
    let oid = account.oid;
    let accounts = request.accounts();
    let url = request.page_url(folder.oid(), &["users", "user", account.name.as_str()])?;
    let done = |said: &str| Ok(PageAnswer::SeeOther(format!("{url}?said={said}")));
    match form.get("do") {
        "save" => save(request, folder, object, account, form),
        "link" => {
            let made = Made { user: oid, url: url.clone(), tid: None, is_new: false };
            show_link(request, folder, &account.name, made)
        }
        "password" => match password_typed(form.get("password")) {
            Ok(()) => {
                accounts.set_password(oid, form.get("password"))?;
                done("password")
            }
            Err(wrong) => {
                let page =
                    UserPage { wrong_password: wrong, ..shown(request, folder, object, account, None)? };
                page::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
            }
        },
        "no-password" => {
            accounts.remove_password(oid)?;
            done("no-password")
        }
        "end" => {
            accounts.revoke_session(oid, form.get("id"))?;
            done("ended")
        }
        "end-all" => {
            accounts.revoke_sessions(oid)?;
            done("all-ended")
        }
        "revoke" => {
            accounts.revoke_token(oid, form.get("id"))?;
            done("revoked")
        }
        _ => Err(PageError::refused("The form says not what is to be done.")),
    }
}

fn save(
    request: &PageRequest,
    folder: &Object,
    object: &Arc<Object>,
    account: &Account,
    form: &PageForm,
) -> Result<PageAnswer, PageError> {
    let oid = account.oid;
    let mut typed = Typed {
        fields: Fields {
            title: form.get("title").to_owned(),
            email: form.get("email").to_owned(),
            others: form.get("others").to_owned(),
            is_disabled: form.get("disabled") == "yes",
        },
        roles: Roles::named(form.all("role")),
        groups: groups_typed(request.snapshot(), form.all("group"))?,
    };
    let again = |typed: Typed, wrong: String, needs_sure: bool, status: StatusCode| {
        let page = shown(request, folder, object, account, Some(typed))?;
        page::show_as(status, &UserPage { wrong, needs_sure, ..page })
    };
    match roles_typed(form.all("role"), form.get("others")) {
        Ok(roles) => typed.roles = roles,
        Err(wrong) => return again(typed, wrong, false, StatusCode::UNPROCESSABLE_ENTITY),
    }
    let place = in_folder(request, folder)?;
    let name = &account.name;
    let sentence = match (account.is_disabled, typed.fields.is_disabled) {
        (false, true) => format!("Let user {name}{place} log in no more"),
        (true, false) => format!("Let user {name}{place} log in again"),
        _ if typed.roles != account.roles => format!("Gave user {name}{place} the roles {}", typed.roles),
        _ => format!("Changed user {name}{place}"),
    };
    let (stale, locked) = (Cell::new(false), Cell::new(false));
    let is_sure = form.get("sure") == "yes";
    let written = request.write(sentence, |draft| {
        let now = draft.object(oid)?.ok_or_else(PageError::not_found)?;
        if now.revision().to_string() != form.get("base") {
            stale.set(true);
            return Err(PageError::refused("stale"));
        }
        set_if_other(draft, oid, "full_name", text_value(&typed.fields.title))?;
        set_if_other(draft, oid, "email", text_value(&typed.fields.email))?;
        if typed.roles != account.roles {
            set_if_other(draft, oid, ROLES, role_set(&typed.roles))?;
        }
        if typed.groups != account.groups {
            set_if_other(draft, oid, GROUPS, group_set(&typed.groups))?;
        }
        if typed.fields.is_disabled != account.is_disabled {
            let disabled = typed.fields.is_disabled.then_some(Value::Bool(true));
            set_if_other(draft, oid, "disabled", disabled)?;
        }
        if !is_sure && locks_out(request, draft, oid)? {
            locked.set(true);
            return Err(PageError::refused("locked out"));
        }
        Ok(())
    });
    if stale.get() {
        let wrong = "Somebody else changed this user meanwhile. What you typed is still here: look at it once more, \
             then save again.";
        return again(typed, wrong.into(), false, StatusCode::CONFLICT);
    }
    if locked.get() {
        let wrong = "After this you could not manage users here yourself any more. Nothing was changed yet.";
        typed.fields.others = String::new();
        return again(typed, wrong.into(), true, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let ((), tid) = written?;
    let url = request.page_url(folder.oid(), &["users", "user", name.as_str()])?;
    Ok(message::done(&url, tid))
}

/// Whether whoever asks changes himself so that he could not change himself any more.
fn locks_out(request: &PageRequest, draft: &Draft, oid: Oid) -> Result<bool, PageError> {
    if request.version_name().is_some() || request.actor().user().is_none_or(|user| user.oid != oid) {
        return Ok(false);
    }
    let Some(after) = bough_core::security::user(&**draft, oid)? else { return Ok(true) };
    let actor = Actor::new(Principal::User(Arc::new(after)));
    let cells = vec![(CellKey::Attribute(own("email")), Some(Content::Value(Value::Null)))];
    let changes = [ObjectChange { oid, cells }];
    Ok(!judge(request.types(), &actor, &**draft, None, &changes)?.is_empty())
}

/// Whose one-time link is to be shown.
pub(super) struct Made {
    pub(super) user: Oid,
    /// The page of the user.
    pub(super) url: String,
    /// The commit that added him.
    pub(super) tid: Option<Tid>,
    pub(super) is_new: bool,
}

#[derive(Template)]
#[template(path = "users_link.html")]
struct LinkPage {
    frame: Frame,
    shell: Shell,
    name: String,
    link: String,
    url: String,
    add_url: String,
    is_new: bool,
}

/// Makes a one-time link and shows it, once.
pub(super) fn show_link(
    request: &PageRequest,
    folder: &Object,
    name: &Name,
    made: Made,
) -> Result<PageAnswer, PageError> {
    let link = format!("{}{}", request.prefix(), request.accounts().invite(Invite::SetPassword(made.user))?);
    let mut frame = frame(request, folder, &format!("One-time link for {name}"))?;
    frame.back_url = made.url.clone();
    let said = match made.is_new {
        true => format!("Added user {name}{}.", in_folder(request, folder)?),
        false => format!("Made a one-time link for {name}. Earlier ones work no more."),
    };
    let undo = made.tid.map(|tid| (tid.to_string(), "Undo"));
    let frame = frame.saying(Message { undo, ..Message::good(said) });
    page::show(&LinkPage {
        frame,
        shell: Shell::new(request, folder, &format!("One-time link for {name}"), "users")?,
        name: name.to_string(),
        link,
        url: made.url,
        add_url: request.page_url(folder.oid(), &["users", "add"])?,
        is_new: made.is_new,
    })
}

#[derive(Template)]
#[template(path = "users_delete.html")]
struct DeletePage {
    frame: Frame,
    shell: Shell,
    name: String,
    kind: &'static str,
    url: String,
    back_url: String,
    is_oneself: bool,
    facts: Vec<String>,
}

fn delete(request: &PageRequest, folder: &Object, account: &Account) -> Result<PageAnswer, PageError> {
    let devices = request.accounts().sessions(account.oid)?.len();
    let mut facts = Vec::new();
    if devices > 0 {
        facts.push(format!(
            "Is logged in on {}: logged out there at once.",
            counted(devices as u64, "device", "devices")
        ));
    }
    delete_account(request, folder, account, facts)
}

/// Asks, and then deletes a user or a group.
pub(super) fn delete_account(
    request: &PageRequest,
    folder: &Object,
    account: &Account,
    mut facts: Vec<String>,
) -> Result<PageAnswer, PageError> {
    let kind = if account.is_group { "group" } else { "user" };
    let name = &account.name;
    let list: &[&str] = if account.is_group { &["users", "groups"] } else { &["users"] };
    if request.is_post() {
        request.form()?;
        let sentence = format!("Deleted {kind} {name}{}", in_folder(request, folder)?);
        let ((), tid) = request.write(sentence, |draft| Ok(draft.delete(account.oid)?))?;
        return Ok(message::done(&request.page_url(folder.oid(), list)?, tid));
    }
    facts.extend(left_behind(request, account)?);
    let heading = format!("Delete the {kind} {name}?");
    page::show(&DeletePage {
        frame: frame(request, folder, &heading)?,
        shell: Shell::new(request, folder, &heading, if account.is_group { "groups" } else { "users" })?,
        kind,
        url: request.page_url(folder.oid(), &["users", kind, name.as_str(), "delete"])?,
        back_url: request.page_url(folder.oid(), &["users", kind, name.as_str()])?,
        is_oneself: request.actor().user().is_some_and(|user| user.oid == account.oid),
        name: name.to_string(),
        facts,
    })
}

/// What of an account stays behind in the tree.
fn left_behind(request: &PageRequest, account: &Account) -> Result<Vec<String>, PageError> {
    let snapshot = request.snapshot();
    let (mut owned, mut with_roles, mut looked_at) = (0, 0, 0);
    let roles = CellKey::LocalRoles(Subject::Principal(account.oid));
    let mut count = |object: &Object| {
        owned += u64::from(object.owner() == Some(account.oid));
        with_roles += u64::from(object.cell(&roles).is_some());
    };
    count(request.top());
    let mut tree = Tree::below(request.top().oid());
    while let Some(object) = tree.next(snapshot, request.types())? {
        if looked_at % 256 == 0 {
            request.check_time()?;
        }
        looked_at += 1;
        count(&object);
        if looked_at == LOOKED_AT_MAX {
            break;
        }
    }
    let more = if looked_at == LOOKED_AT_MAX { "more than " } else { "" };
    let mut facts = Vec::new();
    if owned > 0 {
        let stay = if owned == 1 && more.is_empty() { "which stays" } else { "which stay" };
        let objects = counted(owned, "object", "objects");
        facts.push(format!("Owns {more}{objects}, {stay} with an owner who is gone."));
    }
    if with_roles > 0 {
        let places = counted(with_roles, "place", "places");
        facts.push(format!(
            "Was given roles at {more}{places}: they stay there, and count again if this is undone."
        ));
    }
    if owned + with_roles == 0 {
        facts.push(match more.is_empty() {
            true => "Owns nothing and was given no roles in folders.".into(),
            false => "Owns nothing among the first 20,000 objects of the site.".into(),
        });
    }
    Ok(facts)
}
