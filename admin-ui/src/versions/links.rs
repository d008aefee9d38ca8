//! Preview links: who holds one sees a part of the version for a while, and nothing else.

use askama::Template;
use axum::http::StatusCode;
use bough_core::ObjectPath;
use bough_store::LineStatus;
use bough_web::pages::{PageAnswer, PageError};
use bough_web::{
    NewPreviewLink, PREVIEW_LABEL_BYTES_MAX, PreviewError, VersionHosts, make_preview_link, preview_links,
    revoke_preview_link,
};

use super::at::{At, Head};
use super::list::sentence;
use crate::frame::Frame;
use crate::message::Message;
use crate::page;
use crate::text::{self, Time};

/// Longest time that a link may stand.
const DAYS_MAX: u64 = 366;
/// How many links are shown.
const SHOWN_MAX: usize = 200;

#[derive(Template)]
#[template(path = "versions_links.html")]
struct LinksPage {
    frame: Frame,
    head: Head,
    links: Vec<Row>,
    more: usize,
    /// The link that was just made, which is shown this once.
    made: Option<(String, Time)>,
    path: String,
    days: String,
    label: String,
    wrong: Option<(&'static str, String)>,
    url: String,
    days_max: u64,
}

impl LinksPage {
    fn wrong_of(&self, field: &str) -> Option<&str> {
        self.wrong.as_ref().filter(|(of, _)| *of == field).map(|(_, why)| why.as_str())
    }
}

struct Row {
    id: String,
    path: String,
    label: String,
    made_by: String,
    made: Time,
    expires: Time,
}

/// What was typed to make a link.
#[derive(Default)]
struct Typed {
    path: String,
    days: String,
    label: String,
    wrong: Option<(&'static str, String)>,
    made: Option<(String, Time)>,
}

/// `@@manage/versions/NAME/links`.
pub(super) fn answer(at: &At<'_>) -> Result<PageAnswer, PageError> {
    if !at.request.is_post() {
        let path = at.request.query("path").unwrap_or("/").to_owned();
        return show(at, Typed { path, days: "7".into(), ..Typed::default() });
    }
    let form = at.request.form()?;
    match form.find("revoke") {
        Some(id) => {
            let was_there = revoke_preview_link(&at.database, id)?;
            let told = if was_there { "gone=1" } else { "nothing=1" };
            Ok(PageAnswer::SeeOther(format!("{}?{told}", at.url(&["links"]))))
        }
        None => make(at),
    }
}

fn show(at: &At<'_>, typed: Typed) -> Result<PageAnswer, PageError> {
    let all = preview_links(&at.database)?;
    let mut links = Vec::new();
    for link in all.iter().take(SHOWN_MAX) {
        links.push(Row {
            id: link.id.clone(),
            path: at.path_in(&at.version, link.subtree)?.unwrap_or_else(|| "(nothing any more)".into()),
            label: text::shortened(&link.label, 200),
            made_by: link.made_by.clone(),
            made: Time::of_micros(link.made_micros),
            expires: Time::of_micros(link.expires_micros),
        });
    }
    let frame = at.frame("Preview links")?;
    let status = if typed.wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = LinksPage {
        frame: match at.request.query("gone").filter(|_| !at.request.is_post()) {
            Some(_) => frame.saying(Message::good("The link shows nothing any more.")),
            None => frame,
        },
        head: at.head("links")?,
        more: all.len().saturating_sub(SHOWN_MAX),
        links,
        made: typed.made,
        path: typed.path,
        days: typed.days,
        label: typed.label,
        wrong: typed.wrong,
        url: at.url(&[]),
        days_max: DAYS_MAX,
    };
    page::show_as(status, &page)
}

fn make(at: &At<'_>) -> Result<PageAnswer, PageError> {
    let form = at.request.form()?;
    let typed = |field: &str| form.get(field).trim().to_owned();
    let (path, days, label) = (typed("path"), typed("days"), typed("label"));
    let wrong = |field, why: String| {
        let wrong = Some((field, why));
        show(at, Typed { path: path.clone(), days: days.clone(), label: label.clone(), wrong, made: None })
    };
    if at.info.status != LineStatus::Open {
        return wrong("path", "Only open versions can be shown by links.".into());
    }
    let Some(for_days) = days.parse::<u64>().ok().filter(|days| (1..=DAYS_MAX).contains(days)) else {
        return wrong("days", format!("Expected a number of days from 1 to {DAYS_MAX}."));
    };
    if label.len() > PREVIEW_LABEL_BYTES_MAX {
        return wrong("label", format!("A label has {PREVIEW_LABEL_BYTES_MAX} bytes at most."));
    }
    let nothing = || format!("There is nothing at {path} in this version.");
    let subtree = match ObjectPath::parse(if path.is_empty() { "/" } else { &path }) {
        Ok(parsed) => at.find(&parsed)?,
        Err(error) => return wrong("path", sentence(&error)),
    };
    // The link shows what its maker may see: he makes none to what he may not.
    let Some(subtree) = subtree else { return wrong("path", nothing()) };
    if at.path_in(&at.version, subtree)?.is_none() {
        return wrong("path", nothing());
    }
    let actor = at.request.actor();
    let new = NewPreviewLink {
        subtree,
        expires_micros: at.database.now_micros() + for_days * 86_400_000_000,
        made_by: actor.name().to_owned(),
        maker: actor.user().map(|user| user.oid),
        label: label.clone(),
    };
    match make_preview_link(&at.database, &new) {
        Ok((link, url_path)) => {
            let url = format!("{}{url_path}", VersionHosts::remembered(&at.database)?.url(&at.info.name));
            let made = Some((url, Time::of_micros(link.expires_micros)));
            show(at, Typed { path: "/".into(), days: "7".into(), made, ..Typed::default() })
        }
        Err(error @ (PreviewError::TooMany | PreviewError::NoObject { .. })) => {
            wrong("path", sentence(&error))
        }
        Err(error) => Err(error.into()),
    }
}
