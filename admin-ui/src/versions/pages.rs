//! The pages that a merge makes different: also those that only show what it changes.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use askama::Template;
use bough_store::version::{Pick, VersionError};
use bough_web::pages::{PageAnswer, PageError};
use bough_web::survey::{Difference, PageChange, SurveyError};

use super::at::{At, Head};
use super::discard::{asked, fields, nothing_ticked};
use super::plan::{choice, closed, nothing_selected};
use crate::frame::Frame;
use crate::{page, text};

/// How many different pages are shown at a time.
const CHANGES_MAX: usize = 100;
/// How long one answer looks, before it says where to go on.
const TIME: Duration = Duration::from_millis(1_500);

#[derive(Template)]
#[template(path = "versions_pages.html")]
struct PagesPage {
    frame: Frame,
    head: Head,
    rows: Vec<Row>,
    /// How many pages were looked at, and how many of them are different, from the first answer on.
    looked: String,
    found: String,
    is_none: bool,
    is_open: bool,
    next_url: Option<String>,
    merge_url: String,
    is_parent_public: bool,
}

struct Row {
    url: String,
    /// Whether there is something to look at now.
    is_there: bool,
    how: &'static str,
    to: Option<String>,
    is_bad: bool,
    is_direct: bool,
    because: Vec<String>,
}

/// `@@manage/versions/NAME/pages`.
pub(super) fn answer(at: &At<'_>) -> Result<PageAnswer, PageError> {
    if !at.is_open() {
        return Err(closed(at));
    }
    let request = at.request;
    let Some(picks) = asked(at)? else { return Ok(nothing_ticked(at)) };
    let failed = |error: SurveyError| match error {
        SurveyError::Version(VersionError::NothingSelected) => nothing_selected(),
        error => request.told(error),
    };
    let mut survey = request.survey(&at.database, &choice(&picks, false)).map_err(failed)?;
    if let Some(next) = request.query("next") {
        survey.resume(next).map_err(failed)?;
    }
    let until = (Instant::now() + TIME).min(request.deadline());
    let surveyed = survey.go_on(CHANGES_MAX, until).map_err(failed)?;
    let before = |key: &str| request.query(key).and_then(|count| count.parse().ok()).unwrap_or(0_u64);
    let looked = before("looked").saturating_add(surveyed.looked_at);
    let found = before("found").saturating_add(surveyed.changes.len() as u64);
    let picked = query(&picks);
    let next_url = surveyed.next.map(|next| {
        let next = percent_encoding::utf8_percent_encode(&next, percent_encoding::NON_ALPHANUMERIC);
        format!("{}?next={next}&looked={looked}&found={found}{picked}", at.url(&["pages"]))
    });
    let page = PagesPage {
        frame: at.frame("Pages that change")?,
        head: at.head("merge")?,
        rows: surveyed.changes.iter().map(row).collect(),
        looked: text::counted(looked, "page", "pages"),
        found: text::grouped(found),
        is_none: found == 0 && next_url.is_none(),
        is_open: !survey.outlook().plan.conflicts.is_empty(),
        next_url,
        merge_url: at.url(&["merge"]) + &picked.replacen('&', "?", 1),
        is_parent_public: at.info.parent == bough_store::LineId::TRUNK,
    };
    page::show(&page)
}

/// What an address says of what was ticked.
pub(super) fn query(picks: &[Pick]) -> String {
    fields(picks).into_iter().fold(String::new(), |mut query, (name, value)| {
        let _ = write!(query, "&{name}={value}");
        query
    })
}

fn row(change: &PageChange) -> Row {
    let (how, to) = match &change.how {
        Difference::Otherwise => ("looks different", None),
        Difference::New => ("is new", None),
        Difference::Gone => ("is gone", None),
        Difference::Moved(to) => ("is at another address", Some(to.clone())),
        Difference::Fails => ("fails", None),
        Difference::Mended => ("works again", None),
    };
    Row {
        url: change.url.clone(),
        is_there: change.how != Difference::New,
        how,
        to,
        is_bad: change.how == Difference::Fails,
        is_direct: change.is_direct,
        because: change.because.iter().map(ToString::to_string).collect(),
    }
}
