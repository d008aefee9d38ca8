//! Who has one permission: chosen, looked at beforehand, and said.

use std::cell::Cell;
use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use bough_core::acquisition::containers;
use bough_core::security::{Roles, Setting};
use bough_core::{CellKey, Name, Object, Snapshot as _};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::effect::{self, Effect};
use super::{Choice, Row, choices, encoded, known_roles, roles};
use crate::frame::{Frame, Link};
use crate::message::{self, Message};
use crate::page;
use crate::people::roles_typed;

#[derive(Template)]
#[template(path = "security_permission.html")]
struct PermissionPage {
    frame: Frame,
    url: String,
    security_url: String,
    path: String,
    row: Row,
    /// `above`, `beside` or `only`.
    way: &'static str,
    choices: Vec<Choice>,
    others: String,
    /// Who has it where nothing is said here.
    above: String,
    base: String,
    wrong: String,
    effect: Option<Effect>,
    /// The roles of the change that is looked at.
    chosen: Vec<String>,
    after: String,
    needs_sure: bool,
}

/// What is wanted: nothing said here, roles beside those above, or only these.
struct Wanted {
    way: &'static str,
    roles: Roles,
    others: String,
}

impl Wanted {
    fn setting(&self) -> Option<Setting> {
        match self.way {
            "above" => None,
            way => Some(Setting { roles: self.roles.clone(), acquire: way == "beside" }),
        }
    }

    fn sentence(&self, permission: &Name, at: &str) -> String {
        match self.way {
            "above" => format!("Left \"{permission}\" at {at} to what holds above"),
            "beside" => {
                format!("Gave \"{permission}\" at {at} to {}, beside those who have it above", self.roles)
            }
            _ => format!("Gave \"{permission}\" at {at} to exactly {}", self.roles),
        }
    }
}

fn way(text: &str) -> Option<&'static str> {
    ["above", "beside", "only"].into_iter().find(|way| *way == text)
}

pub(super) fn answer(
    request: &PageRequest,
    object: &Arc<Object>,
    name: &str,
) -> Result<PageAnswer, PageError> {
    let permission = Name::new(name).map_err(|_| PageError::not_found())?;
    if request.is_post() {
        return save(request, object, &permission);
    }
    let wanted = match request.query("way").and_then(way) {
        None => None,
        Some(way) => {
            let others = request.query("others").unwrap_or_default();
            let ticked = request.query_all("role").iter().map(String::as_str);
            match roles_typed(ticked, others) {
                Ok(roles) => Some(Wanted { way, roles, others: others.to_owned() }),
                Err(wrong) => {
                    let roles = Roles::named(request.query_all("role").iter().map(String::as_str));
                    let wanted = Wanted { way, roles, others: others.to_owned() };
                    let page = shown(request, object, &permission, Some(&wanted), wrong, false)?;
                    return page::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page);
                }
            }
        }
    };
    page::show(&shown(request, object, &permission, wanted.as_ref(), String::new(), false)?)
}

fn shown(
    request: &PageRequest,
    object: &Arc<Object>,
    permission: &Name,
    wanted: Option<&Wanted>,
    wrong: String,
    needs_sure: bool,
) -> Result<PermissionPage, PageError> {
    let oid = object.oid();
    let around = containers(request.snapshot(), oid)?;
    let defaults = request.types().permissions().defaults(permission.as_str()).clone();
    let said: Vec<Option<Setting>> =
        around.iter().map(|container| effect::setting(container, permission).cloned()).collect();
    let now = effect::effective(said.iter().map(Option::as_ref), &defaults);
    let above = effect::effective(said.iter().skip(1).map(Option::as_ref), &defaults);
    let here = said.first().cloned().flatten();
    let setting = wanted.map_or_else(|| here.clone(), Wanted::setting);
    let after = effect::effective(
        std::iter::once(setting.as_ref()).chain(said.iter().skip(1).map(Option::as_ref)),
        &defaults,
    );
    let effect = match wanted {
        Some(_) if wrong.is_empty() && setting != here => Some(Effect::of(request, object, &now, &after)?),
        Some(_) if wrong.is_empty() => {
            Some(Effect { sentences: Vec::new(), takes_from_oneself: false, is_nothing: true })
        }
        _ => None,
    };
    // Nothing said yet: whoever goes over to "only these" begins with those who have it.
    let ticked = match (wanted, &here) {
        (Some(wanted), _) => wanted.roles.clone(),
        (None, Some(here)) => here.roles.clone(),
        (None, None) => above.clone(),
    };
    let security_url = request.page_url(oid, &["security"])?;
    let mut frame = Frame::new(request, object, &format!("Who may: {permission}"))?;
    if needs_sure {
        frame = frame.saying(Message::bad(roles::LOCKED_OUT));
    }
    frame.crumbs.push(Link { text: "Security".into(), url: security_url.clone(), is_here: false });
    let known = known_roles(request, object)?;
    let way = wanted.map_or_else(
        || match &here {
            None => "above",
            Some(here) if here.acquire => "beside",
            Some(_) => "only",
        },
        |wanted| wanted.way,
    );
    Ok(PermissionPage {
        frame,
        url: request.page_url(oid, &["security", "permission", permission.as_str()])?,
        security_url,
        path: request.path_text(oid)?,
        row: super::row(request, object, permission)?,
        way,
        choices: choices(&known, &ticked, &[]),
        others: wanted.map(|wanted| wanted.others.clone()).filter(|_| !wrong.is_empty()).unwrap_or_default(),
        above: above.to_string(),
        base: base(object, permission),
        wrong,
        effect,
        chosen: wanted.map(|wanted| wanted.roles.iter().map(Name::to_string).collect()).unwrap_or_default(),
        after: after.to_string(),
        needs_sure,
    })
}

/// Which state of the setting a form was shown with.
fn base(object: &Object, permission: &Name) -> String {
    let cell = object.cell(&CellKey::Permission(permission.clone()));
    cell.map_or_else(|| "none".into(), |cell| cell.tid.to_string())
}

fn save(request: &PageRequest, object: &Arc<Object>, permission: &Name) -> Result<PageAnswer, PageError> {
    let form = request.form()?;
    let way = way(form.get("way")).ok_or_else(|| PageError::refused("Please choose who shall have it."))?;
    let roles = roles_typed(form.all("role"), form.get("others")).map_err(PageError::refused)?;
    let wanted = Wanted { way, roles, others: String::new() };
    let is_sure = form.get("sure") == "yes";
    let oid = object.oid();
    let sentence = wanted.sentence(permission, &request.path_text(oid)?);
    let (stale, locked) = (Cell::new(false), Cell::new(false));
    let written = request.write(sentence, |draft| {
        let now = draft.object(oid)?.ok_or_else(PageError::not_found)?;
        if base(&now, permission) != form.get("base") {
            stale.set(true);
            return Err(PageError::refused("stale"));
        }
        draft.set_permission(oid, permission, wanted.setting())?;
        if !is_sure && roles::locks_out(request, draft, oid)? {
            locked.set(true);
            return Err(PageError::refused("locked out"));
        }
        Ok(())
    });
    if stale.get() {
        let wrong = "Somebody else changed this meanwhile: what is shown above is how it is now.";
        let page = shown(request, object, permission, Some(&wanted), wrong.into(), false)?;
        return page::show_as(StatusCode::CONFLICT, &page);
    }
    if locked.get() {
        let page = shown(request, object, permission, Some(&wanted), String::new(), true)?;
        return page::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let ((), tid) = written?;
    Ok(message::done(&roles::next_url(request, oid)?, tid))
}

/// The address of this page with a change to look at.
pub(super) fn url_with(
    request: &PageRequest,
    object: bough_core::Oid,
    permission: &str,
    setting: &Setting,
) -> Result<String, PageError> {
    let mut url = request.page_url(object, &["security", "permission", permission])?;
    url.push_str(if setting.acquire { "?way=beside" } else { "?way=only" });
    for role in setting.roles.iter() {
        url.push_str(&format!("&role={}", encoded(role.as_str())));
    }
    Ok(url)
}
