//! Who may do what at an object: what is said here, what is acquired and from where, and how it is changed.
//!
//! Code map: here the page of all that is said; `permission` changes who has one permission, `roles` what people have
//! here; `effect` says beforehand who gains and who loses; `why` answers questions.

mod effect;
mod permission;
mod roles;
mod why;

use std::sync::Arc;

use askama::Template;
use bough_core::acquisition::containers;
use bough_core::security::permission::{
    ANONYMOUS, AUTHENTICATED, EDITOR, MANAGER, OWNER, PERMISSIONS, TAKE_OWNERSHIP, USERS,
};
use bough_core::security::{Access, Actor, Explanation, Roles, Subject, explain};
use bough_core::{CellKey, Content, Name, Object, Oid, Snapshot as _};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use crate::frame::Frame;
use crate::people::{self, Who};
use crate::{page, text};

/// How many people a search shows.
const FOUND_MAX: usize = 20;
/// How many rows of people with roles are shown.
const LOCAL_MAX: usize = 200;

/// Everything below `security`.
pub(crate) fn answer(request: &PageRequest, steps: &[&str]) -> Result<PageAnswer, PageError> {
    let object = request.object()?;
    if steps == ["why"] {
        return why::answer(request, object);
    }
    request.require(object, PERMISSIONS)?;
    match steps {
        [] if request.is_post() => roles::change(request, object),
        [] => show(request, object),
        ["people"] => people_found(request, object),
        ["permission", name] => permission::answer(request, object, name),
        _ => Err(PageError::not_found()),
    }
}

/// An object by its path, linked to its page of this family where it may be seen.
#[derive(Clone)]
struct At {
    text: String,
    url: Option<String>,
    is_here: bool,
}

impl At {
    fn of(request: &PageRequest, here: Oid, oid: Oid) -> Result<Self, PageError> {
        let access = request.access();
        let is_here = here == oid;
        if !access.allows_at(bough_core::security::permission::VIEW, oid)? {
            return Ok(Self { text: "a folder above".into(), url: None, is_here });
        }
        let may_open = request.url(oid)?.is_some() && access.allows_at(PERMISSIONS, oid)?;
        let url = if may_open && !is_here { Some(request.page_url(oid, &["security"])?) } else { None };
        Ok(Self { text: request.path_text(oid)?, url, is_here })
    }
}

/// Roles that have a permission, all from one place.
struct Source {
    roles: String,
    /// None for what holds where nothing is said.
    at: Option<At>,
}

/// One permission.
struct Row {
    name: String,
    purpose: &'static str,
    sources: Vec<Source>,
    /// Where a setting keeps out what is said above; none where nothing does.
    stopped: Option<At>,
    is_set_here: bool,
    url: String,
    why_url: String,
}

/// Somebody with roles here.
struct Local {
    who: Who,
    /// What the form calls him.
    subject: String,
    kind: &'static str,
    roles: String,
    at: At,
    choices: Vec<Choice>,
    others: String,
}

/// A role that can be ticked.
#[derive(Clone)]
struct Choice {
    name: String,
    note: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "security.html")]
struct SecurityPage {
    frame: Frame,
    url: String,
    why_url: String,
    people_url: String,
    users_url: Option<String>,
    path: String,
    set_here: Vec<Row>,
    others: Vec<Row>,
    local: Vec<Local>,
    has_more_local: bool,
    owner: Option<(Who, At)>,
    may_take_ownership: bool,
    has_own_owner: bool,
    search: String,
    found: Vec<Who>,
    has_more_found: bool,
    choices: Vec<Choice>,
    /// The roles that a program runs with, where it is one.
    proxy: Option<Proxy>,
    wrong: String,
    /// What a form said that takes one's own right away, to be sent once more.
    sure: Vec<(String, String)>,
}

struct Proxy {
    is_set: bool,
    roles: String,
    choices: Vec<Choice>,
    others: String,
}

fn show(request: &PageRequest, object: &Arc<Object>) -> Result<PageAnswer, PageError> {
    page::show(&overview(request, object, request.query("who").unwrap_or_default(), "")?)
}

fn overview(
    request: &PageRequest,
    object: &Arc<Object>,
    search: &str,
    wrong: &str,
) -> Result<SecurityPage, PageError> {
    let oid = object.oid();
    let known = known_roles(request, object)?;
    let (mut set_here, mut others) = (Vec::new(), Vec::new());
    for name in permissions(request, object)? {
        let row = row(request, object, &name)?;
        if row.is_set_here { set_here.push(row) } else { others.push(row) }
    }
    let (found, has_more_found) = match search.trim() {
        "" => (Vec::new(), false),
        search => people::search(request, oid, search, true, FOUND_MAX)?,
    };
    let found = found.iter().map(|account| Who::of_account(request, account)).collect::<Result<_, _>>()?;
    let (local, has_more_local) = local(request, object, &known)?;
    let schema = object.type_name().and_then(|name| request.types().schema(name.as_str()));
    let proxy = schema.filter(|schema| schema.applicable).map(|_| {
        let roles = match object.content(&CellKey::ProxyRoles) {
            Some(Content::Roles(roles)) => Some(roles.clone()),
            _ => None,
        };
        let chosen = roles.clone().unwrap_or_default();
        Proxy {
            is_set: roles.is_some(),
            roles: chosen.to_string(),
            choices: choices(&known, &chosen, &[ANONYMOUS, AUTHENTICATED, OWNER]),
            others: String::new(),
        }
    });
    let is_container = schema.is_none_or(|schema| schema.container) || oid == Oid::ROOT;
    let users_url = if is_container && request.access().allows(USERS, object)? {
        Some(request.page_url(oid, &["users"])?)
    } else {
        None
    };
    Ok(SecurityPage {
        frame: Frame::new(request, object, "Security")?,
        url: request.page_url(oid, &["security"])?,
        why_url: request.page_url(oid, &["security", "why"])?,
        people_url: request.page_url(oid, &["security", "people"])?,
        users_url,
        path: request.path_text(oid)?,
        set_here,
        others,
        local,
        has_more_local,
        owner: owner(request, object)?,
        may_take_ownership: may_take(request, object)?,
        has_own_owner: object.owner().is_some(),
        search: search.to_owned(),
        found,
        has_more_found,
        choices: choices(&known, &Roles::default(), &[ANONYMOUS, AUTHENTICATED, OWNER]),
        proxy,
        wrong: wrong.to_owned(),
        sure: Vec::new(),
    })
}

fn may_take(request: &PageRequest, object: &Object) -> Result<bool, PageError> {
    let Some(user) = request.actor().user() else { return Ok(false) };
    Ok(object.owner() != Some(user.oid) && request.access().allows(TAKE_OWNERSHIP, object)?)
}

/// The permissions of the site, and those of which something is said here or above.
fn permissions(request: &PageRequest, object: &Object) -> Result<Vec<Name>, PageError> {
    let mut names: Vec<Name> = request.types().permissions().iter().map(|(name, _)| name.clone()).collect();
    let scope = request.snapshot().scope(object.oid())?;
    names.extend(scope.permissions().cloned());
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

fn purpose(request: &PageRequest, permission: &Name) -> &'static str {
    let known = request.types().permissions().iter().find(|(name, _)| *name == permission);
    known.map_or("No part of this site asks for it.", |(_, spec)| spec.purpose)
}

/// Why nobody in particular may or may not: what is said is the same for all.
fn explained(request: &PageRequest, object: &Object, permission: &str) -> Result<Explanation, PageError> {
    let access = Access::new(
        Actor::anonymous(),
        Arc::clone(request.types()),
        Arc::clone(request.access().here()),
        None,
    );
    Ok(explain(&access, permission, object)?)
}

fn row(request: &PageRequest, object: &Object, permission: &Name) -> Result<Row, PageError> {
    let found = explained(request, object, permission.as_str())?;
    let oid = object.oid();
    let name = permission.to_string();
    let stopped = match &found.stopped_by {
        Some(cell) => Some(At::of(request, oid, cell.oid)?),
        None => None,
    };
    let why = request.page_url(oid, &["security", "why"])?;
    Ok(Row {
        purpose: purpose(request, permission),
        sources: sources(request, oid, &found)?,
        stopped,
        is_set_here: effect::setting(object, permission).is_some(),
        url: request.page_url(oid, &["security", "permission", &name])?,
        why_url: format!("{why}?permission={}", encoded(&name)),
        name,
    })
}

fn sources(request: &PageRequest, oid: Oid, found: &Explanation) -> Result<Vec<Source>, PageError> {
    let mut sources: Vec<(Option<Oid>, Vec<Name>)> = Vec::new();
    for granted in &found.granted {
        let at = granted.by.as_ref().map(|cell| cell.oid);
        match sources.last_mut().filter(|(last, _)| *last == at) {
            Some((_, roles)) => roles.push(granted.role.clone()),
            None => sources.push((at, vec![granted.role.clone()])),
        }
    }
    let source = |(at, roles): (Option<Oid>, Vec<Name>)| -> Result<Source, PageError> {
        let at = at.map(|at| At::of(request, oid, at)).transpose()?;
        Ok(Source { roles: Roles::new(roles).to_string(), at })
    };
    sources.into_iter().map(source).collect()
}

/// All roles that are heard of here.
fn known_roles(request: &PageRequest, object: &Object) -> Result<Roles, PageError> {
    let mut roles = Roles::named([ANONYMOUS, AUTHENTICATED, EDITOR, MANAGER, OWNER]);
    for (_, spec) in request.types().permissions().iter() {
        roles = roles.with(&spec.roles);
    }
    for container in containers(request.snapshot(), object.oid())? {
        for (_, cell) in container.security() {
            match &cell.content {
                Content::Setting(setting) => roles = roles.with(&setting.roles),
                Content::Roles(own) => roles = roles.with(own),
                _ => {}
            }
        }
    }
    let head = &**request.access().head();
    let (mut looked_at, mut of_people) = (people::FOR_OFFERS, Vec::new());
    for users in people::user_folders(request, object.oid())? {
        people::walk(request, head, users, None, &mut looked_at, &mut |account| {
            of_people.extend(account.roles.iter().cloned());
            Ok(true)
        })?;
    }
    Ok(roles.with(&Roles::new(of_people)))
}

fn choices(known: &Roles, chosen: &Roles, without: &[&str]) -> Vec<Choice> {
    let all = known.with(chosen);
    let offered =
        all.iter().filter(|role| !without.contains(&role.as_str()) || chosen.contains(role.as_str()));
    offered
        .map(|role| Choice {
            name: role.to_string(),
            note: match role.as_str() {
                ANONYMOUS => "everybody, also without logging in",
                AUTHENTICATED => "let everybody who is logged in do it",
                OWNER => "whose the object is",
                EDITOR => "add, change, delete, undo, work in versions",
                MANAGER => "everything",
                _ => "",
            },
            is_chosen: chosen.contains(role.as_str()),
        })
        .collect()
}

/// Who has roles at an object, here and from above.
fn local(request: &PageRequest, object: &Object, known: &Roles) -> Result<(Vec<Local>, bool), PageError> {
    let mut rows = Vec::new();
    for container in containers(request.snapshot(), object.oid())? {
        for (key, cell) in container.security() {
            let (CellKey::LocalRoles(subject), Content::Roles(roles)) = (key, &cell.content) else {
                continue;
            };
            if rows.len() == LOCAL_MAX {
                return Ok((rows, true));
            }
            let who = whose(request, subject)?;
            rows.push(Local {
                kind: match subject {
                    Subject::Name(_) => "everybody of that name",
                    _ if who.is_group => "group",
                    _ => "",
                },
                subject: subject.to_string(),
                roles: roles.to_string(),
                at: At::of(request, object.oid(), container.oid())?,
                choices: choices(known, roles, &[ANONYMOUS, AUTHENTICATED, OWNER]),
                others: String::new(),
                who,
            });
        }
    }
    Ok((rows, false))
}

fn whose(request: &PageRequest, subject: &Subject) -> Result<Who, PageError> {
    match subject {
        Subject::Principal(oid) => Who::of(request, *oid),
        Subject::Name(name) => Ok(Who {
            oid: None,
            name: name.to_string(),
            title: String::new(),
            is_group: false,
            remark: "",
            url: None,
        }),
    }
}

/// Whose an object is, by itself or as what is in the nearest container that is somebody's.
fn owner(request: &PageRequest, object: &Object) -> Result<Option<(Who, At)>, PageError> {
    for container in containers(request.snapshot(), object.oid())? {
        if let Some(owner) = container.owner() {
            let at = At::of(request, object.oid(), container.oid())?;
            return Ok(Some((Who::of(request, owner)?, at)));
        }
    }
    Ok(None)
}

/// `people?q=`: for scripts that offer names while somebody types.
fn people_found(request: &PageRequest, object: &Object) -> Result<PageAnswer, PageError> {
    let text = text::shortened(request.query("q").unwrap_or_default(), 100);
    let (found, has_more) =
        people::search(request, object.oid(), &text, request.query("groups").is_some(), FOUND_MAX)?;
    let items = found.iter().map(|account| {
        serde_json::json!({ "name": account.name.as_str(), "title": account.title, "group": account.is_group })
    });
    Ok(PageAnswer::Json(serde_json::json!({ "items": items.collect::<Vec<_>>(), "more": has_more })))
}

/// A text for a query.
pub(crate) fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
