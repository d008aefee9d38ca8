//! What a version is called, whose it is, and whether it is open.

use askama::Template;
use axum::http::StatusCode;
use bough_core::Oid;
use bough_store::version::{Management, VersionError, VersionInfo};
use bough_store::{HistoryError, LineStatus};
use bough_web::no_version_owner;
use bough_web::pages::{PageAnswer, PageError};

use super::at::{At, Head};
use super::list::{NAME_RULE, sentence};
use super::standing::Standing;
use crate::frame::Frame;
use crate::message::Message;
use crate::{message, page};

/// Longest title in bytes.
const TITLE_BYTES_MAX: usize = 500;
/// How many objects are counted.
const COUNTED_MAX: usize = 500;

#[derive(Template)]
#[template(path = "versions_settings.html")]
struct SettingsPage {
    frame: Frame,
    head: Head,
    name: String,
    title: String,
    owner: String,
    wrong: Option<(&'static str, String)>,
    is_closed: bool,
    is_discarded: bool,
    /// Who may change these, where whoever asks may not.
    not_for: Option<String>,
    changes: String,
    has_changes: bool,
    /// The open versions that lie on it.
    on_it: Vec<String>,
    url: String,
}

impl SettingsPage {
    fn wrong_of(&self, field: &str) -> Option<&str> {
        self.wrong.as_ref().filter(|(of, _)| *of == field).map(|(_, why)| why.as_str())
    }
}

/// `@@manage/versions/NAME/settings`.
pub(super) fn answer(at: &At<'_>) -> Result<PageAnswer, PageError> {
    let info = &at.info;
    if !at.request.is_post() {
        return show(at, &info.name, &info.title, &info.owner, None);
    }
    let form = at.request.form()?;
    at.require_management()?;
    let typed = |field: &str| form.find(field).map(|text| text.trim().to_owned());
    match form.get("action") {
        "name" => {
            let (name, title) = (typed("name").unwrap_or_default(), typed("title").unwrap_or_default());
            rename(at, name, title)
        }
        "owner" => transfer(at, &typed("owner").unwrap_or_default()),
        "close" => turn(at, LineStatus::Closed, format!("Closed version {}", info.name)),
        "reopen" => turn(at, LineStatus::Open, format!("Opened version {} again", info.name)),
        _ => Err(PageError::refused("The form does not say what to do.")),
    }
}

fn show(
    at: &At<'_>,
    name: &str,
    title: &str,
    owner: &str,
    wrong: Option<(&'static str, String)>,
) -> Result<PageAnswer, PageError> {
    let standing = Standing::of(&at.database, &at.info, COUNTED_MAX, 1)?;
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = SettingsPage {
        frame: match at.request.query("gone") {
            Some(_) if at.info.status == LineStatus::Discarded => {
                let text = format!("Version {} was thrown away: nobody can work in it now.", at.info.name);
                at.frame("Settings")?.saying(Message::bad(text))
            }
            _ => at.frame("Settings")?,
        },
        head: at.head("settings")?,
        name: name.into(),
        title: title.into(),
        owner: owner.into(),
        wrong,
        is_closed: at.info.status == LineStatus::Closed,
        not_for: if at.may_manage()? { None } else { Some(at.managers_text()) },
        is_discarded: at.info.status == LineStatus::Discarded,
        on_it: on_it(at)?,
        has_changes: standing.changes > 0 || standing.is_part,
        changes: standing.changes_text(),
        url: at.url(&[]),
    };
    page::show_as(status, &page)
}

/// The open versions that lie on this one.
fn on_it(at: &At<'_>) -> Result<Vec<String>, PageError> {
    let all = at.request.trunk().versions()?.into_iter();
    let lies = |info: &VersionInfo| info.parent == at.info.line && info.status == LineStatus::Open;
    Ok(all.filter(lies).map(|info| info.name).collect())
}

fn rename(at: &At<'_>, name: String, title: String) -> Result<PageAnswer, PageError> {
    let info = &at.info;
    let wrong = |field, why: String| show(at, &name, &title, &info.owner, Some((field, why)));
    if title.len() > TITLE_BYTES_MAX {
        return wrong("title", format!("A title has {TITLE_BYTES_MAX} bytes at most."));
    }
    let change = Management {
        name: (name != info.name).then(|| name.clone()),
        title: (title != info.title).then(|| title.clone()),
        ..Management::default()
    };
    let text = match &change.name {
        Some(to) => format!("Renamed version {} to {to}", info.name),
        None => format!("Changed the title of version {}", info.name),
    };
    match at.database.manage_version(&change, at.note(text)) {
        Ok(tid) => go_on(at, tid),
        Err(VersionError::BadName(_)) => wrong("name", NAME_RULE.into()),
        Err(VersionError::NameTaken(name)) => {
            wrong("name", format!("There is an open version {name} already: take another name."))
        }
        Err(error) => Err(at.request.told(error)),
    }
}

/// The page where a version may have another name now.
fn go_on(at: &At<'_>, tid: Option<bough_core::Tid>) -> Result<PageAnswer, PageError> {
    let info = at.database.version_info()?;
    let trunk = at.request.trunk();
    let key = super::at::key_of(trunk, &info)?;
    let is_inside = at.request.database().line() == info.line;
    let line = match is_inside && info.status != LineStatus::Discarded {
        true => (Some(info.name.as_str()), &at.database),
        false => (None, trunk),
    };
    let url = at.request.page_url_on(line, Oid::ROOT, &["versions", &key, "settings"])?;
    Ok(message::done(&url, tid))
}

fn transfer(at: &At<'_>, owner: &str) -> Result<PageAnswer, PageError> {
    let info = &at.info;
    let wrong = |why: String| show(at, &info.name, &info.title, owner, Some(("owner", why)));
    if let Some(why) = no_version_owner(at.request.trunk(), owner)? {
        return wrong(why);
    }
    let change = Management { owner: Some(owner.to_owned()), ..Management::default() };
    let text = format!("Gave version {} to {owner}", info.name);
    let tid = at.database.manage_version(&change, at.note(text)).map_err(|error| at.request.told(error))?;
    go_on(at, tid)
}

fn turn(at: &At<'_>, status: LineStatus, text: String) -> Result<PageAnswer, PageError> {
    let info = &at.info;
    let change = Management { status: Some(status), ..Management::default() };
    let wrong = |why: String| show(at, &info.name, &info.title, &info.owner, Some(("status", why)));
    match at.database.manage_version(&change, at.note(text)) {
        Ok(tid) => go_on(at, tid),
        Err(VersionError::NameTaken(name)) => {
            wrong(format!("Another open version is called {name} now: give this one another name first."))
        }
        Err(VersionError::HasVersions(on_it)) => wrong(format!(
            "Other versions lie on it, which would lose what is not merged: {}. Merge this one, or close or discard \
             those first.",
            on_it.join(", ")
        )),
        Err(VersionError::History(error @ HistoryError::Packed { .. })) => {
            wrong(format!("It cannot be opened again. {}", sentence(&error)))
        }
        Err(error) => Err(at.request.told(error)),
    }
}
