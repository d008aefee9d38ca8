//! All versions, and the form that makes one.

use askama::Template;
use axum::http::StatusCode;
use bough_core::{Oid, Tid};
use bough_store::version::{NewVersion, VERSION_NAME_BYTES_MAX, VersionError, VersionInfo};
use bough_store::{Database, HistoryError, Kind, LineId, LineStatus};
use bough_web::pages::{PageAnswer, PageError, PageRequest};
use bough_web::version_key;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::naming;
use super::standing::{Standing, parent_text};
use crate::frame::{Frame, Link};
use crate::text::{self, Time};
use crate::{message, page};

/// How many versions a page has.
const PAGE: usize = 50;
/// How many objects and commits of each are counted: with a page of them, 20,000 in all.
const COUNTED_MAX: usize = 200;

#[derive(Template)]
#[template(path = "versions_list.html")]
struct ListPage {
    frame: Frame,
    shows: Vec<Link>,
    rows: Vec<Row>,
    next_url: Option<String>,
    is_first_use: bool,
    is_empty: bool,
    form: Form,
    url: String,
    name_bytes_max: usize,
}

struct Row {
    name: String,
    title: String,
    owner: String,
    parent: Option<String>,
    status: &'static str,
    is_open: bool,
    is_here: bool,
    url: String,
    enter_url: Option<String>,
    changes: String,
    behind: String,
    is_behind: bool,
    overlap: String,
    opened: Time,
    changed: Time,
}

/// What was typed to make a version.
#[derive(Default)]
struct Form {
    name: String,
    title: String,
    lines: Vec<Line>,
    at: String,
    /// The field that is wrong, and why.
    wrong: Option<(&'static str, String)>,
    is_open: bool,
}

struct Line {
    value: String,
    text: String,
    is_chosen: bool,
}

impl Form {
    fn wrong_of(&self, field: &str) -> Option<&str> {
        self.wrong.as_ref().filter(|(of, _)| *of == field).map(|(_, why)| why.as_str())
    }
}

/// `@@manage/versions`.
pub(super) fn answer(request: &PageRequest) -> Result<PageAnswer, PageError> {
    if request.is_post() {
        return create(request);
    }
    let form = Form {
        name: request.query("name").unwrap_or_default().to_owned(),
        title: request.query("title").unwrap_or_default().to_owned(),
        is_open: request.query("new").is_some(),
        ..Form::default()
    };
    show(request, form, request.query("from").unwrap_or_default().to_owned())
}

fn show(request: &PageRequest, form: Form, from: String) -> Result<PageAnswer, PageError> {
    let mut all = request.trunk().versions()?;
    all.reverse();
    let open: Vec<&VersionInfo> = all.iter().filter(|info| info.status == LineStatus::Open).collect();
    let lines = std::iter::once(("", "the public site".to_owned()))
        .chain(open.iter().map(|info| (info.name.as_str(), format!("version {}", info.name))));
    let lines = lines.map(|(value, text)| Line { value: value.into(), text, is_chosen: value == from });
    let lines = lines.collect();
    let is_open = request.query("show") != Some("closed");
    let closed = all.iter().filter(|info| info.status != LineStatus::Open);
    let shown: Vec<&VersionInfo> = if is_open { open.clone() } else { closed.collect() };
    let (opens, ends) = (open.len(), all.len() - open.len());
    let before: Option<u32> = request.query("before").and_then(|number| number.parse().ok());
    let part: Vec<&VersionInfo> = shown
        .into_iter()
        .filter(|info| before.is_none_or(|before| info.line.0 < before))
        .take(PAGE + 1)
        .collect();
    let url = request.top_url(&["versions"]);
    let next = part.get(PAGE).and_then(|_| part.get(PAGE - 1));
    let next_url = next.map(|last| {
        let show = if is_open { "open" } else { "closed" };
        format!("{url}?show={show}&before={}", last.line.0)
    });
    let rows = part.iter().take(PAGE).map(|info| row(request, &all, info)).collect::<Result<Vec<_>, _>>()?;
    let link = |text: String, show: &str, is_here| Link { text, url: format!("{url}?show={show}"), is_here };
    let shows = vec![
        link(format!("Open ({})", text::grouped(opens as u64)), "open", is_open),
        link(format!("Closed and discarded ({})", text::grouped(ends as u64)), "closed", !is_open),
    ];
    let status = if form.wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = ListPage {
        frame: Frame::new(request, request.top(), "Versions")?,
        shows: if ends > 0 { shows } else { Vec::new() },
        is_first_use: all.is_empty(),
        is_empty: rows.is_empty(),
        rows,
        next_url,
        form: Form { lines, is_open: form.is_open || form.wrong.is_some() || opens == 0, ..form },
        url,
        name_bytes_max: VERSION_NAME_BYTES_MAX,
    };
    page::show_as(status, &page)
}

fn row(request: &PageRequest, all: &[VersionInfo], info: &VersionInfo) -> Result<Row, PageError> {
    let database = request.trunk().on(info.line)?;
    let key = version_key(all, info);
    // What a version that was closed long ago lies on may be packed away: it is listed all the same.
    let standing = Standing::of(&database, info, COUNTED_MAX, COUNTED_MAX).ok();
    let standing = standing.as_ref();
    let is_open = info.status == LineStatus::Open;
    let is_here = request.database().line() == info.line;
    let enter = || request.page_url_on((Some(&info.name), &database), Oid::ROOT, &[]);
    Ok(Row {
        name: info.name.clone(),
        title: text::shortened(&info.title, 120),
        owner: info.owner.clone(),
        parent: info.parent_name.clone(),
        status: info.status.word(),
        is_open,
        is_here,
        url: request.top_url(&["versions", &key]),
        enter_url: (is_open && !is_here).then(enter).transpose()?,
        changes: standing.map_or_else(|| "cannot be read any more".into(), Standing::changes_text),
        behind: standing.map_or_else(String::new, |standing| {
            standing.behind_text().trim_end_matches(" behind").to_owned()
        }),
        is_behind: standing.is_some_and(|standing| standing.behind > 0),
        overlap: standing.map_or_else(String::new, |standing| standing.overlap_text(&parent_text(info))),
        opened: Time::of_micros(info.opened.as_micros()),
        changed: Time::of_micros(info.changed.as_micros()),
    })
}

fn create(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let sent = request.form()?;
    let typed = |field: &str| sent.get(field).trim().to_owned();
    let (title, from, at) = (typed("title"), typed("from"), typed("at"));
    let name = match typed("name") {
        name if name.is_empty() && !title.is_empty() => {
            let all = request.trunk().versions()?;
            naming::free(&title, |name| all.iter().any(|info| info.name == name))
        }
        name => name,
    };
    let wrong = |field, why: String| {
        let form = Form {
            name: typed("name"),
            title: title.clone(),
            at: at.clone(),
            wrong: Some((field, why)),
            ..Form::default()
        };
        show(request, form, from.clone())
    };
    if name.is_empty() {
        return wrong("name", "Give the version a name.".into());
    }
    let line = match from.as_str() {
        "" => request.trunk().on(LineId::TRUNK)?,
        from => match request.trunk().version(from) {
            Ok(line) => line,
            Err(VersionError::NoSuchVersion { .. }) => {
                return wrong("from", "There is no such version any more.".into());
            }
            Err(error) => return Err(error.into()),
        },
    };
    let as_of = match at.as_str() {
        "" => None,
        at => match moment(&line, at)? {
            Ok(tid) => Some(tid),
            Err(why) => return wrong("at", why),
        },
    };
    let owner = request.actor().name().to_owned();
    let new = NewVersion { name: name.clone(), title: title.clone(), owner, at: as_of };
    let note = request.note(format!("Opened version {name}"), Kind::Edit);
    let made = match line.open_version(&new, note) {
        Ok(made) => made,
        Err(VersionError::BadName(_)) => return wrong("name", NAME_RULE.into()),
        Err(VersionError::NameTaken(name)) => {
            return wrong("name", format!("There is an open version {name} already: take another name."));
        }
        Err(error @ VersionError::TooDeep { .. }) => return wrong("from", sentence(&error)),
        Err(error @ VersionError::Status { .. }) => return wrong("from", sentence(&error)),
        Err(VersionError::History(error))
            if matches!(
                error,
                HistoryError::Packed { .. }
                    | HistoryError::Future { .. }
                    | HistoryError::NotOpened { .. }
                    | HistoryError::BeforeSite { .. }
            ) =>
        {
            return wrong("at", sentence(&error));
        }
        Err(error) => return Err(request.told(error)),
    };
    let opened = made.version_info()?.opened;
    let url = request.page_url_on((Some(&name), &made), Oid::ROOT, &["versions", &name])?;
    Ok(message::done(&url, Some(opened)))
}

/// What names may be, for people.
pub(super) const NAME_RULE: &str = "A name has 1 to 40 lower-case letters (a to z), digits and hyphens, and begins and ends with a letter or digit.";

/// What went wrong, as a sentence.
pub(super) fn sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().collect::<String>());
    format!("{}{}.", first.unwrap_or_default(), chars.as_str().trim_end_matches('.'))
}

/// The commit that was meant: named itself, by a time in UTC, or by how long ago that is.
///
/// # Errors
/// What is wrong with it, for people.
fn moment(line: &Database, text: &str) -> Result<Result<Tid, String>, PageError> {
    if let Ok(tid) = text.parse() {
        return Ok(Ok(tid));
    }
    let now = line.now_micros();
    let Some((from, to)) = span(text, now) else {
        return Ok(Err(format!(
            "Expected a time as in 2026-11-22 10:30, how long ago as in 2h ago, or a change as in {}.",
            line.head()
        )));
    };
    Ok(match from > now {
        true => Err("That time is still to come.".into()),
        false => match line.state_at(to.min(now)) {
            Err(error @ HistoryError::BeforeSite { .. }) => Err(sentence(&error)),
            found => Ok(found?),
        },
    })
}

/// From when to when a time lasts, in microseconds since 1970: a minute and a day mean their ends.
fn span(text: &str, now: u64) -> Option<(u64, u64)> {
    let micros = |time: Timestamp| u64::try_from(time.as_microsecond()).ok();
    if let Some(ago) = text.strip_suffix("ago") {
        let now = Timestamp::from_microsecond(i64::try_from(now).ok()?).ok()?;
        let span: Span = ago.trim().parse().ok()?;
        let then = now.to_zoned(TimeZone::UTC).checked_sub(span).ok()?;
        return micros(then.timestamp()).map(|then| (then, then));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return micros(time).map(|time| (time, time));
    }
    let time: DateTime = text.replace(' ', "T").parse().ok()?;
    let from = micros(time.to_zoned(TimeZone::UTC).ok()?.timestamp())?;
    let secs = match text.matches(':').count() {
        0 => 86_400,
        1 => 60,
        _ => 1,
    };
    Some((from, from + secs * 1_000_000 - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_on_the_command_line() {
        const DAY: u64 = 86_400_000_000;
        for (text, expected) in [
            ("1970-01-02", Some((DAY, 2 * DAY - 1))),
            ("1970-01-01 00:01", Some((60_000_000, 119_999_999))),
            ("1970-01-01T00:00:01", Some((1_000_000, 1_999_999))),
            ("1970-01-01T01:00:00+01:00", Some((0, 0))),
            ("2h ago", Some((10 * DAY - 7_200_000_000, 10 * DAY - 7_200_000_000))),
            ("3 days ago", Some((7 * DAY, 7 * DAY))),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(span(text, 10 * DAY), expected, "{text}");
        }
    }
}
