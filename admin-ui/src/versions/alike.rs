//! Many conflicts settled alike: first what that would do, then the doing, of all that was said or of nothing.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use askama::Template;
use axum::http::StatusCode;
use bough_core::merge::plan::{ConflictKind, Resolution, Side};
use bough_store::version::{Decided, Resolved, VersionConflict, VersionError, WhyNot};
use bough_web::pages::{PageAnswer, PageError};

use super::at::{At, Head};
use super::desk;
use crate::frame::Frame;
use crate::{message, page, text};

/// How many conflicts are named one by one.
const NAMED_MAX: usize = 100;
/// How many ticked ones one address or form names; those of a page are fewer.
const TICKED_MAX: usize = 200;

#[derive(Template)]
#[template(path = "versions_alike.html")]
struct AlikePage {
    frame: Frame,
    head: Head,
    wrong: Option<String>,
    asked: Asked,
    /// What is done, with the number of conflicts.
    deed: String,
    number: usize,
    rows: Vec<Row>,
    moot: usize,
    deleted: usize,
    refused: Vec<Refused>,
    more_refused: usize,
    open: usize,
    mark: String,
    url: String,
    desk_url: String,
}

struct Row {
    path: String,
    what: String,
}

struct Refused {
    row: Row,
    why: &'static str,
    url: String,
}

/// What is to be done, with which conflicts.
#[derive(Clone, Default)]
struct Asked {
    action: String,
    is_all: bool,
    kind: String,
    ticked: Vec<String>,
}

impl Asked {
    fn of<'t>(find: impl Fn(&str) -> &'t str, ticked: impl Iterator<Item = &'t str>) -> Self {
        Self {
            action: find("action").to_owned(),
            is_all: find("of") == "all",
            kind: find("kind").to_owned(),
            ticked: ticked.take(TICKED_MAX).map(str::to_owned).collect(),
        }
    }

    /// What each becomes; none to take decisions back.
    fn resolution(&self) -> Result<Option<Resolution>, PageError> {
        Ok(match self.action.as_str() {
            "ours" => Some(Resolution::Version),
            "theirs" => Some(Resolution::Parent),
            "forget" => None,
            _ => return Err(PageError::refused("The form does not say what to do.")),
        })
    }

    /// The conflicts that are meant, as far as whoever asks may decide them.
    fn meant<'c>(
        &self,
        at: &At<'_>,
        all: &'c [VersionConflict],
    ) -> Result<Vec<&'c VersionConflict>, PageError> {
        let is_taken_back = self.action == "forget";
        let ticked: HashSet<&str> = self.ticked.iter().map(String::as_str).collect();
        let mut meant = Vec::new();
        for found in all {
            let is_meant = match self.is_all {
                true => {
                    found.resolution.is_some() == is_taken_back
                        && (self.kind.is_empty() || self.kind == found.conflict.kind.word())
                }
                false => ticked.contains(found.id.as_str()),
            };
            if is_meant && desk::may_settle(at, found)? {
                meant.push(found);
            }
        }
        Ok(meant)
    }
}

/// `@@manage/versions/NAME/conflicts/alike`.
pub(super) fn answer(at: &At<'_>) -> Result<PageAnswer, PageError> {
    let request = at.request;
    let all = desk::conflicts(at)?;
    if !request.is_post() {
        let ticked = request.query_all("pick").iter().map(String::as_str);
        let asked = Asked::of(|key| request.query(key).unwrap_or_default(), ticked);
        return show(at, &all, asked, None);
    }
    let form = request.form()?;
    let asked = Asked::of(|key| form.get(key), form.all("pick"));
    let resolution = asked.resolution()?;
    let meant = asked.meant(at, &all)?;
    let mut decided = decisions(&meant, resolution.as_ref());
    let would = at.database.resolve_preview(&decided).map_err(|error| request.told(error))?;
    // What was said beforehand is what is done.
    if form.get("mark") != mark(&would, &all) {
        return show(
            at,
            &all,
            asked,
            Some("Something changed meanwhile. Nothing was settled: look again.".into()),
        );
    }
    let settled: HashSet<&str> = would.settled.iter().map(String::as_str).collect();
    decided.retain(|one| settled.contains(one.conflict.id.as_str()));
    match at.database.resolve_many(&decided, request.actor().name()) {
        Ok(resolved) => {
            let (number, left) = (resolved.settled.len(), would.not_settled.len());
            let url = at.url(&["conflicts"]);
            Ok(match resolution {
                _ if number + left == 0 => message::done(&url, None),
                Some(_) => PageAnswer::SeeOther(format!("{url}?done={number}&left={left}")),
                None => PageAnswer::SeeOther(format!("{url}?back={number}")),
            })
        }
        Err(VersionError::DoesNotSettle(_)) => {
            let all = desk::conflicts(at)?;
            show(
                at,
                &all,
                asked,
                Some("Something changed meanwhile. Nothing was settled: look again.".into()),
            )
        }
        Err(error) => Err(request.told(error)),
    }
}

fn decisions<'c>(meant: &[&'c VersionConflict], resolution: Option<&Resolution>) -> Vec<Decided<'c>> {
    meant.iter().map(|conflict| Decided { conflict, resolution: resolution.cloned() }).collect()
}

/// Stands for what would be settled, with what it is about and what was decided about it before.
fn mark(would: &Resolved, all: &[VersionConflict]) -> String {
    let settled: HashSet<&str> = would.settled.iter().map(String::as_str).collect();
    let mut hasher = DefaultHasher::new();
    for found in all.iter().filter(|found| settled.contains(found.id.as_str())) {
        (&found.id, super::conflict::mark(found)).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

fn show(
    at: &At<'_>,
    all: &[VersionConflict],
    asked: Asked,
    wrong: Option<String>,
) -> Result<PageAnswer, PageError> {
    let resolution = asked.resolution()?;
    let meant = asked.meant(at, all)?;
    let desk_url = at.url(&["conflicts"]);
    if meant.is_empty() {
        return Ok(PageAnswer::SeeOther(format!("{desk_url}?ticked=none")));
    }
    let would = at.database.resolve_preview(&decisions(&meant, resolution.as_ref()));
    let would = would.map_err(|error| at.request.told(error))?;
    let by_id: HashMap<&str, &VersionConflict> =
        meant.iter().map(|found| (found.id.as_str(), *found)).collect();
    let row = |id: &str| -> Result<Option<Row>, PageError> {
        let Some(found) = by_id.get(id) else { return Ok(None) };
        Ok(Some(Row { path: desk::path(at, found)?, what: desk::what(at, found)? }))
    };
    let mut rows = Vec::new();
    for id in would.settled.iter().take(NAMED_MAX) {
        rows.extend(row(id)?);
    }
    let mut refused = Vec::new();
    for one in would.not_settled.iter().take(NAMED_MAX) {
        let why = match one.why {
            WhyNot::Changed => "it changed meanwhile",
            WhyNot::DoesNotFit | WhyNot::StaysOpen => "something else would stand against it",
        };
        let url = at.url(&["conflicts", &one.id]);
        refused.extend(row(&one.id)?.map(|row| Refused { row, why, url }));
    }
    let deletes = |found: &VersionConflict| {
        matches!(
            (&found.conflict.kind, &resolution),
            (ConflictKind::Deleted { by: Side::Version, .. }, Some(Resolution::Version))
                | (ConflictKind::Deleted { by: Side::Parent, .. }, Some(Resolution::Parent))
        )
    };
    let settled = would.settled.iter().filter_map(|id| by_id.get(id.as_str()));
    let counted = text::counted(would.settled.len() as u64, "conflict", "conflicts");
    let page = AlikePage {
        frame: at.frame("Settle many alike")?,
        head: at.head("conflicts")?,
        deed: match asked.action.as_str() {
            "ours" => format!("Keep ours for {counted}"),
            "theirs" => format!("Take theirs for {counted}"),
            _ => format!("Take back what was decided about {counted}"),
        },
        number: would.settled.len(),
        deleted: settled.filter(|found| deletes(found)).count(),
        rows,
        moot: would.moot.len(),
        more_refused: would.not_settled.len().saturating_sub(NAMED_MAX),
        refused,
        open: would.open,
        mark: mark(&would, all),
        asked,
        url: at.url(&["conflicts", "alike"]),
        desk_url,
        wrong,
    };
    let status = if page.wrong.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    page::show_as(status, &page)
}
