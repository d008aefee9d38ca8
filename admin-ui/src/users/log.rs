//! What happened to accounts: log-ins, failures, passwords, links and tokens.

use askama::Template;
use bough_core::security::permission::SITE;
use bough_core::{Object, Oid};
use bough_web::auth::{Event, EventPlace};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::{Shell, frame};
use crate::frame::Frame;
use crate::page;
use crate::people::Who;
use crate::text::{Time, counted};

const ROWS_MAX: usize = 100;

struct Row {
    time: Time,
    text: String,
    mood: &'static str,
    who: Option<Who>,
    address: String,
}

#[derive(Template)]
#[template(path = "users_log.html")]
struct LogPage {
    frame: Frame,
    shell: Shell,
    rows: Vec<Row>,
    first_url: Option<String>,
    next_url: Option<String>,
}

/// `users/log`: for those who manage the site.
pub(super) fn answer(request: &PageRequest, folder: &Object) -> Result<PageAnswer, PageError> {
    if !request.access().allows_at(SITE, Oid::ROOT)? {
        return Err(PageError::forbidden(SITE));
    }
    let before: Option<EventPlace> = request.query("before").and_then(|text| text.parse().ok());
    let events = request.accounts().events(before, ROWS_MAX)?;
    let url = request.page_url(folder.oid(), &["users", "log"])?;
    let next_url =
        events.last().filter(|_| events.len() == ROWS_MAX).map(|last| format!("{url}?before={}", last.place));
    let mut rows = Vec::with_capacity(events.len());
    for event in &events {
        let (text, mood) = told(&event.event);
        rows.push(Row {
            time: Time::of_micros(event.micros),
            text,
            mood,
            who: event.user.map(|oid| Who::of(request, oid)).transpose()?,
            address: event.address.map(|address| address.to_string()).unwrap_or_default(),
        });
    }
    page::show(&LogPage {
        frame: frame(request, folder, "What happened")?,
        shell: Shell::new(request, folder, "What happened to accounts", "log")?,
        rows,
        first_url: before.is_some().then_some(url),
        next_url,
    })
}

/// An event as people say it, and its mood.
fn told(event: &Event) -> (String, &'static str) {
    match event {
        Event::LogIn => ("Logged in".into(), "good"),
        Event::Failed { name } => (format!("Failed to log in as \u{201c}{name}\u{201d}"), "warn"),
        Event::MoreFailed { count } => {
            (format!("{} more failed", counted(*count, "log-in", "log-ins")), "warn")
        }
        Event::LockedOut { name } => {
            (format!("Refused after too many tries as \u{201c}{name}\u{201d}"), "bad")
        }
        Event::LogOut => ("Logged out".into(), ""),
        Event::SessionsRevoked { count } => {
            (format!("{} ended from elsewhere", counted(*count, "log-in was", "log-ins were")), "")
        }
        Event::PasswordSet => ("Got a new password".into(), ""),
        Event::PasswordRemoved => ("Lost the password".into(), ""),
        Event::TokenMade { name } => (format!("Made the token \u{201c}{name}\u{201d}"), ""),
        Event::TokenRevoked { name } => (format!("The token \u{201c}{name}\u{201d} was revoked"), ""),
        Event::InviteMade => ("Was given a one-time link".into(), ""),
        Event::InviteUsed => ("Used the one-time link".into(), ""),
        _ => ("Something else".into(), ""),
    }
}
