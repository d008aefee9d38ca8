//! Two revisions of an object beside each other.

use askama::Template;
use bough_core::object::differing_cells;
use bough_core::{CellKey, Snapshot as _, Tid};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::subject::Subject;
use crate::diff::{CellDiff, Layout, Room, State, Teller};
use crate::frame::Frame;
use crate::page;
use crate::past::{CommitRow, Rows, at_url, before, cell_text, snapshot_at};
use crate::text::Time;

/// How many cells and commits are shown.
const CELLS_MAX: usize = 200;
const COMMITS_MAX: usize = 50;

struct Compared {
    diff: CellDiff,
    restore_url: Option<String>,
    blame_url: Option<String>,
}

#[derive(Template)]
#[template(path = "history_compare.html")]
struct ComparePage {
    frame: Frame,
    cells: Vec<Compared>,
    more: usize,
    /// The commits that led from the one to the other.
    commits: Vec<CommitRow>,
    has_more_commits: bool,
    was: Time,
    is: Time,
    /// Whether the later one is how it is now.
    is_now: bool,
    /// Whether it was made between the two.
    is_new: bool,
    /// Whether one commit led from the one to the other.
    is_one: bool,
    was_url: Option<String>,
    is_url: Option<String>,
    restore_url: Option<String>,
    layout_url: String,
    is_inline: bool,
    history_url: String,
}

/// `history/compare`: `from` and `to` name revisions; without `from`, what `to` changed; without `to`, how it is now.
pub(super) fn page(request: &PageRequest, subject: &Subject) -> Result<PageAnswer, PageError> {
    let tid = |key| match request.query(key).filter(|text| !text.is_empty()) {
        Some(text) => {
            text.parse().map(Some).map_err(|_| PageError::refused("a revision is not named as one"))
        }
        None => Ok(None),
    };
    let (from, to): (Option<Tid>, Option<Tid>) = (tid("from")?, tid("to")?);
    let now = request.snapshot().tid();
    let (from, to) = match (from, to) {
        (Some(from), Some(to)) if from > to => (to, from),
        (Some(from), to) => (from, to.unwrap_or(now)),
        (None, Some(to)) => (before(to), to),
        (None, None) => return Err(PageError::refused("choose two revisions to be compared")),
    };
    let is = snapshot_at(request, to)?;
    // Before the very first, there was nothing.
    let was = snapshot_at(request, from)
        .or_else(|error| if from == before(to) { Ok(is.clone()) } else { Err(error) })?;
    let layout = Layout::of_query(request.query("show"));
    let teller = Teller {
        request,
        before: State::new(request, &was, "Before"),
        after: State::new(request, &is, "After"),
        layout,
        room: Room::default(),
    };
    if !teller.may_see(subject.oid) {
        return Err(PageError::not_found());
    }
    let old = was.object(subject.oid)?.filter(|_| was.tid() != is.tid());
    let new = is.object(subject.oid)?;
    let differing = differing_cells(old.as_deref(), new.as_deref());
    let may_restore = super::restore::may_restore(request, subject)? && subject.gone.is_none();
    let from_text = from.to_string();
    let mut cells = Vec::new();
    for (key, old_content, new_content) in differing.iter().take(CELLS_MAX) {
        let is_text = matches!(key, CellKey::Attribute(_));
        let name = cell_text(key);
        let still_there = subject.object.cell(key).is_some();
        cells.push(Compared {
            diff: teller.cell(&subject.object, (key, *old_content, *new_content))?,
            restore_url: (may_restore && old.is_some())
                .then(|| subject.url("restore", &[("from", &from_text), ("cell", &name)])),
            blame_url: (is_text && still_there && subject.gone.is_none())
                .then(|| subject.url("blame", &[("attribute", &name)])),
        });
    }
    let rows = Rows::new(request)?;
    let behind = Tid::from_micros(to.as_micros().saturating_add(1));
    let mut records = request.database().commits_of(subject.oid, Some(behind), COMMITS_MAX + 1)?;
    records.retain(|record| record.tid > from);
    let has_more_commits = records.len() > COMMITS_MAX;
    records.truncate(COMMITS_MAX);
    let commits: Vec<CommitRow> = records.iter().map(|record| rows.row(record)).collect::<Result<_, _>>()?;
    let other = if layout == Layout::Inline { "" } else { "inline" };
    let to_text = to.to_string();
    let from_query = if request.query("from").is_some() { from_text.as_str() } else { "" };
    page::show(&ComparePage {
        frame: subject.frame(request, "Compare")?,
        more: differing.len().saturating_sub(CELLS_MAX),
        cells,
        is_one: commits.len() == 1 && !has_more_commits,
        commits,
        has_more_commits,
        was: Time::of_micros(from.as_micros()),
        is: Time::of_micros(to.as_micros()),
        is_now: to == now,
        is_new: old.as_ref().is_none_or(|old| old.type_name().is_none()),
        was_url: at_url(request, &was, subject.oid)?.filter(|_| old.is_some()),
        is_url: at_url(request, &is, subject.oid)?,
        restore_url: (may_restore && old.is_some()).then(|| subject.url("restore", &[("from", &from_text)])),
        layout_url: subject.url("compare", &[("from", from_query), ("to", &to_text), ("show", other)]),
        is_inline: layout == Layout::Inline,
        history_url: subject.url("", &[]),
    })
}
