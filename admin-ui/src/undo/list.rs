//! The undo page: what was done on the line that is shown, newest first, and looking for some of it.
//!
//! A page is found by the commit that it begins behind, so it costs the same however many came before. A search looks at
//! a bounded number of commits, shows what it found, and goes on from there when asked to.

use std::time::{Duration, Instant};

use askama::Template;
use axum::http::StatusCode;
use bough_core::security::permission::HISTORY;
use bough_core::{ObjectPath, Oid, Snapshot as _, Tid};
use bough_store::CommitRecord;
use bough_web::pages::{PageAnswer, PageError, PageRequest};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::wanted::COMMITS_MAX;
use crate::below::Below;
use crate::frame::Frame;
use crate::message::Message;
use crate::past::{CommitRow, Rows, with_query};
use crate::text::Time;
use crate::{page, sight, text};

/// How many commits a page shows.
const PAGE: usize = 50;
/// How many commits are looked at for one answer to a search.
const LOOKED_AT_MAX: usize = 20_000;
/// How many objects of commits are looked at for one answer, to see whether they are in a subtree.
const OBJECTS_LOOKED_AT_MAX: usize = 50_000;
/// How long one answer to a search may take.
const PATIENCE: Duration = Duration::from_millis(1_500);
const BATCH: usize = 500;

/// The kinds that can be looked for: in the address, and for people.
const KINDS: [(&str, &str); 7] = [
    ("edit", "Edits"),
    ("import", "Imports"),
    ("undo", "Undone and redone"),
    ("restore", "Restored"),
    ("merge", "Merged versions"),
    ("update", "Updates of the version"),
    ("discard", "Thrown away"),
];

struct KindChoice {
    word: &'static str,
    text: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "undo_list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<CommitRow>,
    search: Search,
    kinds: Vec<KindChoice>,
    shows_line: bool,
    /// What of the search cannot be used, in a sentence.
    wrong: Option<String>,
    /// How many commits were looked at, and back to when, where that is not all.
    looked_at: Option<(String, Time)>,
    next: Option<String>,
    /// Behind which commit the list begins, where not with the newest.
    at: Option<String>,
    is_first: bool,
    /// Commits that were ticked on other pages.
    carried: Vec<String>,
    list_url: String,
    first_url: String,
    preview_url: String,
    back: String,
    can_undo: bool,
    line_name: String,
}

/// What is looked for, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Search {
    words: String,
    user: String,
    path: String,
    since: String,
    until: String,
    kind: String,
}

impl Search {
    fn of(request: &PageRequest) -> Self {
        let field = |key| request.query(key).unwrap_or_default().trim().chars().take(500).collect();
        Self {
            words: field("words"),
            user: field("user"),
            path: field("path"),
            since: field("since"),
            until: field("until"),
            kind: field("kind"),
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn pairs(&self) -> [(&'static str, &str); 6] {
        [
            ("words", &self.words),
            ("user", &self.user),
            ("path", &self.path),
            ("since", &self.since),
            ("until", &self.until),
            ("kind", &self.kind),
        ]
    }
}

/// `@@manage/undo`.
pub(super) fn page(request: &PageRequest) -> Result<PageAnswer, PageError> {
    page::show(&listed(request)?)
}

/// The same list again for somebody who wanted to undo something, but said not what.
pub(super) fn nothing_ticked(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let mut list = listed(request)?;
    let text = "Nothing was ticked. Tick what you want to undo.".into();
    list.frame = list.frame.saying(Message { mood: "warn", text, undo: None });
    page::show_as(StatusCode::UNPROCESSABLE_ENTITY, &list)
}

fn listed(request: &PageRequest) -> Result<ListPage, PageError> {
    if !request.access().allows_at(HISTORY, Oid::ROOT)? {
        return Err(PageError::forbidden(HISTORY));
    }
    let object = request.object()?;
    let search = Search::of(request);
    // `at` is where the list was that a form was sent from.
    let before = request.query("before").or_else(|| request.query("at"));
    let before: Option<Tid> = before.and_then(|text| text.parse().ok());
    let rows = Rows::new(request)?;
    let (found, wrong) = match Filter::new(request, &search) {
        Ok(mut filter) => (filter.look(request, &rows, before)?, None),
        Err(Wrong::Said(sentence)) => (Found::default(), Some(sentence)),
        Err(Wrong::Failed(error)) => return Err(error),
    };
    let chosen: Vec<String> = request
        .query_all("commit")
        .iter()
        .filter(|text| text.parse::<Tid>().is_ok())
        .take(COMMITS_MAX)
        .cloned()
        .collect();
    let mut shown = Vec::new();
    for record in &found.records {
        let mut row = rows.row(record)?;
        row.is_chosen = row.can_be_undone && chosen.contains(&row.tid);
        shown.push(row);
    }
    let carried = chosen.into_iter().filter(|tid| !shown.iter().any(|row| row.tid == *tid)).collect();
    let list_url = request.page_url(object.oid(), &["undo"])?;
    let first_url = with_query(&list_url, &search.pairs());
    let back = match before {
        Some(before) => with_query(&first_url, &[("before", &before.to_string())]),
        None => first_url.clone(),
    };
    let kinds = KINDS.iter().map(|(word, text)| KindChoice { word, text, is_chosen: search.kind == *word });
    let mut frame = Frame::new(request, object, "History and undo")?;
    frame.tabs.clear();
    Ok(ListPage {
        frame,
        can_undo: shown.iter().any(|row| row.can_be_undone),
        rows: shown,
        kinds: kinds.collect(),
        shows_line: false,
        wrong,
        looked_at: found
            .looked_at
            .map(|(count, tid)| (text::grouped(count), Time::of_micros(tid.as_micros()))),
        next: found.next.map(|tid| tid.to_string()),
        at: before.map(|tid| tid.to_string()),
        is_first: before.is_none(),
        carried,
        preview_url: request.page_url(object.oid(), &["undo", "preview"])?,
        list_url,
        first_url,
        back,
        search,
        line_name: request
            .version_name()
            .map_or_else(|| "the public site".into(), |name| format!("the version {name}")),
    })
}

/// What a search found.
#[derive(Default)]
struct Found {
    records: Vec<CommitRecord>,
    /// Behind which commit it goes on, if there may be more.
    next: Option<Tid>,
    /// How many commits were looked at, down to which, where the search ended before the page was full.
    looked_at: Option<(u64, Tid)>,
}

/// Why a search cannot be done.
enum Wrong {
    Said(String),
    Failed(PageError),
}

impl<E: Into<PageError>> From<E> for Wrong {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Says which commits are looked for.
struct Filter {
    words: Vec<String>,
    user: String,
    kind: String,
    below: Option<Below>,
    /// What alone is looked for, where nothing can be in it: its commits are known without looking at others.
    leaf: Option<Oid>,
    /// Commits are looked for before the one and not before the other.
    until: Option<Tid>,
    since: Option<Tid>,
    is_empty: bool,
}

impl Filter {
    fn new(request: &PageRequest, search: &Search) -> Result<Self, Wrong> {
        let day = |text: &str, plus: i64| match text {
            "" => Ok(None),
            text => start_of_day(text, plus).map(Some).ok_or_else(|| {
                Wrong::Said(format!("“{}” is no day: write it as in 2026-11-22.", text::shortened(text, 40)))
            }),
        };
        let below = match search.path.as_str() {
            "" | "/" => None,
            path => Some(below_path(request, path)?),
        };
        let leaf = below.as_ref().map(|below| below.top()).filter(|top| is_leaf(request, *top));
        Ok(Self {
            leaf,
            below: below.filter(|_| leaf.is_none()),
            words: search.words.split_whitespace().map(str::to_lowercase).collect(),
            user: search.user.to_lowercase(),
            kind: search.kind.clone(),
            since: day(&search.since, 0)?,
            // The whole of the last day counts.
            until: day(&search.until, 1)?,
            is_empty: search.is_empty(),
        })
    }

    /// Looks for a page of commits.
    fn look(
        &mut self,
        request: &PageRequest,
        rows: &Rows<'_>,
        before: Option<Tid>,
    ) -> Result<Found, PageError> {
        let database = request.database();
        let mut at = match (before, self.until) {
            (Some(before), Some(until)) => Some(before.min(until)),
            (before, until) => before.or(until),
        };
        if self.is_empty {
            let mut records = database.commits(at, PAGE + 1)?;
            let has_more = records.len() > PAGE;
            records.truncate(PAGE);
            let next = records.last().filter(|_| has_more).map(|record| record.tid);
            return Ok(Found { records, next, looked_at: None });
        }
        let begun = Instant::now();
        let mut found = Found::default();
        let mut looked_at = 0;
        loop {
            let batch = match self.leaf {
                Some(oid) => database.commits_of(oid, at, BATCH)?,
                None => database.commits(at, BATCH)?,
            };
            let is_last = batch.len() < BATCH;
            for record in batch {
                if self.since.is_some_and(|since| record.tid < since) {
                    return Ok(found);
                }
                if found.records.len() == PAGE {
                    found.next = at;
                    return Ok(found);
                }
                looked_at += 1;
                at = Some(record.tid);
                if self.fits(request, rows, &record)? {
                    found.records.push(record);
                }
            }
            if is_last {
                return Ok(found);
            }
            let tired = self.below.as_ref().is_some_and(|below| below.looked_at > OBJECTS_LOOKED_AT_MAX);
            if looked_at >= LOOKED_AT_MAX || tired || begun.elapsed() > PATIENCE {
                found.next = at;
                found.looked_at = at.map(|at| (looked_at as u64, at));
                return Ok(found);
            }
        }
    }

    fn fits(
        &mut self,
        request: &PageRequest,
        rows: &Rows<'_>,
        record: &CommitRecord,
    ) -> Result<bool, PageError> {
        if !self.kind.is_empty() && record.kind.word() != self.kind {
            return Ok(false);
        }
        if !self.user.is_empty() && !record.principal.to_lowercase().contains(&self.user) {
            return Ok(false);
        }
        if !self.words.is_empty() {
            let sentence = record.sentence.to_lowercase();
            if !self.words.iter().all(|word| sentence.contains(word)) {
                return Ok(false);
            }
        }
        if let Some(below) = &mut self.below
            && !below.touched_by(request, record)?
        {
            return Ok(false);
        }
        // Otherwise words could be tried out on what nobody shows.
        rows.may_know(record, &rows.touched(record.tid))
    }
}

/// Whether nothing can stand in an object, on the line that has all its commits.
fn is_leaf(request: &PageRequest, oid: Oid) -> bool {
    let object = request.snapshot().object(oid).ok().flatten();
    let schema = object.as_ref().and_then(|object| request.types().schema(object.type_name()?.as_str()));
    request.version_name().is_none() && schema.is_some_and(|schema| !schema.container)
}

/// The first moment of a day in UTC, or of one some days later.
fn start_of_day(text: &str, plus: i64) -> Option<Tid> {
    let date: Date = text.parse().ok()?;
    let date = date.checked_add(jiff::Span::new().days(plus)).ok()?;
    let start = date.to_datetime(jiff::civil::Time::midnight()).to_zoned(TimeZone::UTC).ok()?;
    Some(Tid::from_micros(u64::try_from(start.timestamp().as_microsecond()).unwrap_or(0)))
}

/// Of the object at a path, or of the one that stood there last.
fn below_path(request: &PageRequest, path: &str) -> Result<Below, Wrong> {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let missing = || Wrong::Said(format!("Nothing is or was at {}.", text::shortened(&path, 200)));
    let names = ObjectPath::parse(path.trim_end_matches('/')).map_err(|_| missing())?;
    let snapshot = request.snapshot();
    let mut at = request.top().oid();
    for name in names.names() {
        at = match snapshot.child(at, name.as_str())? {
            Some(child) => child,
            None => snapshot.former_child(at, name.as_str())?.ok_or_else(missing)?,
        };
    }
    // What was deleted counts where it stood last.
    match sight::may_see(request.access(), snapshot, at)? {
        true => Ok(Below::of(at)),
        false => Err(missing()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_midnight_in_utc_and_nothing_else_is_a_day() {
        assert_eq!(start_of_day("1970-01-02", 0), Some(Tid::from_micros(86_400_000_000)));
        assert_eq!(start_of_day("1970-01-01", 1), Some(Tid::from_micros(86_400_000_000)));
        assert_eq!(start_of_day("1960-01-01", 0), Some(Tid::ZERO));
        for text in ["", "yesterday", "2026-13-01", "2026-02-30", "9999-12-31x"] {
            assert_eq!(start_of_day(text, 0), None, "{text}");
        }
    }
}
