//! The commits of an object, or of everything in it.

use std::time::{Duration, Instant};

use askama::Template;
use bough_core::object::differing_cells;
use bough_core::{Snapshot as _, Tid};
use bough_store::CommitRecord;
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::subject::Subject;
use crate::below::Below;
use crate::diff::{Layout, Room, State, Teller, label};
use crate::frame::Frame;
use crate::page;
use crate::past::{CommitRow, Rows, at_url, before, snapshot_at};
use crate::text::{Time, grouped};

/// How many commits a page shows.
const PAGE: usize = 50;
/// How many commits are looked at for one part of a subtree's history.
const LOOKED_AT_MAX: usize = 20_000;
/// How many objects of commits.
const OBJECTS_LOOKED_AT_MAX: usize = 50_000;
const PATIENCE: Duration = Duration::from_millis(1_500);
const BATCH: usize = 500;
/// How many changed parts a row names.
const PARTS_MAX: usize = 5;
/// Values of more characters are not shown in a row.
const VALUE_CHARS: usize = 40;

struct Revision {
    row: CommitRow,
    /// What of the object it changed; small values with what they were and what they became.
    parts: Vec<Part>,
    /// Where that is shown.
    changed_url: String,
    /// The page of the object as it was.
    at_url: Option<String>,
    restore_url: Option<String>,
    is_from: bool,
    is_to: bool,
}

/// Something of an object that a commit changed.
struct Part {
    label: String,
    /// What it was and what it became, where both are short.
    values: Option<(String, String)>,
}

impl Part {
    fn named(label: impl Into<String>) -> Self {
        Self { label: label.into(), values: None }
    }
}

#[derive(Template)]
#[template(path = "history_list.html")]
struct ListPage {
    frame: Frame,
    subject_path: String,
    gone_by: Option<(String, String, Time, String)>,
    restore_url: String,
    revisions: Vec<Revision>,
    is_below: bool,
    can_be_below: bool,
    shows_line: bool,
    own_url: String,
    below_url: String,
    blame_url: Option<String>,
    compare_url: String,
    oid: String,
    next_url: Option<String>,
    first_url: Option<String>,
    looked_at: Option<(String, Time)>,
}

/// `history`.
pub(super) fn page(request: &PageRequest, subject: &Subject) -> Result<PageAnswer, PageError> {
    let at: Option<Tid> = request.query("before").and_then(|text| text.parse().ok());
    let is_below = request.query("below") == Some("1");
    let rows = Rows::new(request)?;
    let found = if is_below { below(request, subject, &rows, at)? } else { own(request, subject, at)? };
    let may_restore = super::restore::may_restore(request, subject)?;
    let mut revisions = Vec::new();
    for (nth, record) in found.records.iter().enumerate() {
        let row = rows.row(record)?;
        let tid = row.tid.clone();
        let then = snapshot_at(request, record.tid).ok();
        let at_url = match &then {
            Some(then) => at_url(request, then, subject.oid)?,
            None => None,
        };
        let is_newest = at.is_none() && nth == 0 && subject.gone.is_none();
        revisions.push(Revision {
            parts: match &then {
                Some(then) if !is_below => parts(request, subject, then, record.tid)?,
                _ => Vec::new(),
            },
            changed_url: subject.url("compare", &[("to", &tid)]),
            restore_url: (may_restore && !is_below && !is_newest && at_url.is_some())
                .then(|| subject.url("restore", &[("from", &tid)])),
            at_url,
            is_from: nth == 1,
            is_to: nth == 0,
            row,
        });
    }
    let types = request.types();
    let schema = subject.object.type_name().and_then(|name| types.schema(name.as_str()));
    let below_text = if is_below { "1" } else { "" };
    let gone = subject.gone.as_ref();
    page::show(&ListPage {
        frame: subject.frame(request, "History")?,
        subject_path: subject.path.clone(),
        gone_by: gone.map(|gone| {
            let by = &gone.by;
            (
                by.who.clone(),
                by.sentence.clone(),
                Time { iso: by.time.iso.clone(), utc: by.time.utc.clone() },
                by.url.clone(),
            )
        }),
        restore_url: if may_restore { subject.url("restore", &[]) } else { String::new() },
        revisions,
        is_below,
        can_be_below: schema.is_none_or(|schema| schema.container),
        shows_line: request.version_name().is_some(),
        own_url: subject.url("", &[]),
        below_url: subject.url("", &[("below", "1")]),
        blame_url: gone.is_none().then(|| subject.url("blame", &[])),
        compare_url: subject.url("compare", &[]).split('?').next().unwrap_or_default().to_owned(),
        oid: subject.oid_field().to_owned(),
        next_url: found
            .next
            .map(|tid| subject.url("", &[("below", below_text), ("before", &tid.to_string())])),
        first_url: at.map(|_| subject.url("", &[("below", below_text)])),
        looked_at: found.looked_at.map(|(count, tid)| (grouped(count), Time::of_micros(tid.as_micros()))),
    })
}

#[derive(Default)]
struct Found {
    records: Vec<CommitRecord>,
    next: Option<Tid>,
    looked_at: Option<(u64, Tid)>,
}

/// The commits that wrote the object.
fn own(request: &PageRequest, subject: &Subject, at: Option<Tid>) -> Result<Found, PageError> {
    let mut records = request.database().commits_of(subject.oid, at, PAGE + 1)?;
    let has_more = records.len() > PAGE;
    records.truncate(PAGE);
    let next = records.last().filter(|_| has_more).map(|record| record.tid);
    Ok(Found { records, next, looked_at: None })
}

/// The commits that touched it or anything in it.
fn below(
    request: &PageRequest,
    subject: &Subject,
    rows: &Rows<'_>,
    mut at: Option<Tid>,
) -> Result<Found, PageError> {
    let begun = Instant::now();
    let mut below = Below::of(subject.oid);
    let mut found = Found::default();
    let mut looked_at = 0;
    loop {
        let batch = request.database().commits(at, BATCH)?;
        let is_last = batch.len() < BATCH;
        for record in batch {
            if found.records.len() == PAGE {
                found.next = at;
                return Ok(found);
            }
            looked_at += 1;
            at = Some(record.tid);
            if below.touched_by(request, &record)? && rows.may_know(&record, &rows.touched(record.tid))? {
                found.records.push(record);
            }
        }
        if is_last {
            return Ok(found);
        }
        if looked_at >= LOOKED_AT_MAX || below.looked_at > OBJECTS_LOOKED_AT_MAX || begun.elapsed() > PATIENCE
        {
            found.next = at;
            found.looked_at = at.map(|at| (looked_at as u64, at));
            return Ok(found);
        }
    }
}

/// What of the object a commit changed, in a few words.
fn parts(
    request: &PageRequest,
    subject: &Subject,
    then: &bough_store::Snapshot,
    tid: Tid,
) -> Result<Vec<Part>, PageError> {
    let after = then.object(subject.oid)?;
    let earlier = snapshot_at(request, before(tid)).ok();
    let was = match &earlier {
        Some(earlier) => earlier.object(subject.oid)?.map(|was| (earlier, was)),
        None => None,
    };
    let Some((earlier, was)) = was.filter(|(_, was)| was.type_name().is_some()) else {
        return Ok(vec![Part::named("made")]);
    };
    if after.as_ref().is_none_or(|after| after.place().is_none() && was.place().is_some()) {
        return Ok(vec![Part::named("deleted")]);
    }
    let differing = differing_cells(Some(&was), after.as_deref());
    let teller = Teller {
        request,
        before: State::new(request, earlier, ""),
        after: State::new(request, then, ""),
        layout: Layout::Inline,
        room: Room::default(),
    };
    let mut parts = Vec::new();
    for cell in differing.iter().take(PARTS_MAX) {
        let label = label(request, &subject.object, cell.0);
        parts.push(Part { label, values: teller.in_short(subject.oid, *cell, VALUE_CHARS)? });
    }
    if differing.len() > PARTS_MAX {
        parts.push(Part::named(format!("{} more", differing.len() - PARTS_MAX)));
    }
    Ok(parts)
}
