//! One commit whole: what was done, by whom and when, and what became of each object.

use askama::Template;
use bough_core::security::permission::HISTORY;
use bough_core::{Oid, Tid};
use bough_store::{HistoryError, Kind};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use crate::diff::{Layout, ObjectDiff, Room, State, Teller};
use crate::frame::Frame;
use crate::page;
use crate::past::{CommitRow, Rows, at_url, before, database_of, snapshot_at, with_query};

/// How many objects a page shows.
const PAGE: usize = 20;
/// How many commits are named that it took back.
const OF_MAX: usize = 20;

#[derive(Template)]
#[template(path = "undo_commit.html")]
struct CommitPage {
    frame: Frame,
    row: CommitRow,
    /// What it took back, or brought back the state of.
    of: Vec<CommitRow>,
    of_text: &'static str,
    objects: Vec<ObjectDiff>,
    hidden: usize,
    is_packed: bool,
    undo_url: Option<String>,
    then_url: Option<String>,
    next_url: Option<String>,
    first_url: Option<String>,
    layout_url: String,
    is_inline: bool,
    list_url: String,
}

/// `undo/TID`.
pub(super) fn page(request: &PageRequest, tid: Tid) -> Result<PageAnswer, PageError> {
    let database = database_of(request, tid);
    let record = database.commit_record(tid)?;
    let rows = Rows::new(request)?;
    let row = rows.row(&record)?;
    let skip = request.query("skip").and_then(|text| text.parse().ok()).unwrap_or(0);
    let deltas = match database.changes(tid, skip, PAGE + 1) {
        Ok(deltas) => Some(deltas),
        Err(HistoryError::Packed { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let is_packed = deltas.is_none();
    let deltas = deltas.unwrap_or_default();
    let sees_all = request.access().allows_at(HISTORY, Oid::ROOT)?;
    let sees_some = || {
        deltas.iter().try_fold(false, |sees, delta| {
            Ok::<_, PageError>(sees || request.access().allows_at(HISTORY, delta.oid)?)
        })
    };
    if row.is_hidden || !(sees_all || sees_some()?) {
        return Err(PageError::not_found());
    }
    let layout = Layout::of_query(request.query("show"));
    let then = snapshot_at(request, tid);
    let (mut objects, mut hidden) = (Vec::new(), 0);
    let mut then_url = None;
    if let Ok(then) = &then {
        // The making of the site has nothing before it.
        let was = snapshot_at(request, before(tid)).unwrap_or_else(|_| then.clone());
        let teller = Teller {
            request,
            before: State::new(request, &was, "Before"),
            after: State::new(request, then, "After"),
            layout,
            room: Room::default(),
        };
        for delta in deltas.iter().take(PAGE) {
            match teller.object(delta.oid, delta.before.as_deref(), delta.after.as_deref())? {
                Some(diff) => objects.push(diff),
                None => hidden += 1,
            }
        }
        then_url = at_url(request, then, request.object()?.oid())?;
    }
    let (of, of_text) = match &record.kind {
        Kind::Undo { of } => (of.clone(), "What it took back"),
        Kind::Restore { from } => {
            (vec![*from], "What it brought back is of this change, or of before the next one")
        }
        _ => (Vec::new(), ""),
    };
    let of: Vec<CommitRow> = of
        .iter()
        .take(OF_MAX)
        .filter_map(|tid| database.commit_record(*tid).ok())
        .map(|record| rows.row(&record))
        .collect::<Result<_, _>>()?;
    let object = request.object()?;
    let url = row.url.clone();
    let show = if layout == Layout::Inline { "inline" } else { "" };
    let other = if layout == Layout::Inline { "" } else { "inline" };
    let at = |skip: usize, show: &str| {
        let skip = if skip == 0 { String::new() } else { skip.to_string() };
        with_query(&url, &[("skip", &skip), ("show", show)])
    };
    let list_url = request.page_url(object.oid(), &["undo"])?;
    let mut frame = Frame::new(request, object, &row.sentence)?;
    frame.tabs.clear();
    page::show(&CommitPage {
        undo_url: row
            .can_be_undone
            .then(|| with_query(&format!("{list_url}/preview"), &[("commit", &row.tid), ("back", &url)])),
        of,
        of_text,
        hidden,
        is_packed,
        then_url,
        next_url: (deltas.len() > PAGE).then(|| at(skip + PAGE, show)),
        first_url: (skip > 0).then(|| at(0, show)),
        layout_url: at(skip, other),
        is_inline: layout == Layout::Inline,
        objects,
        list_url: if sees_all { list_url } else { String::new() },
        row,
        frame,
    })
}
