//! All tasks of the public site in a folder.

use askama::Template;
use bough_core::security::permission::TASKS;
use bough_core::snapshot::{Chain, chain};
use bough_core::{Object, Snapshot as _};
use bough_web::pages::{PageAnswer, PageError, PageRequest};
use bough_web::tasks::Outcome;

use super::{NextRun, failed, owner_text};
use crate::frame::Frame;
use crate::page;
use crate::text::{self, Time};

/// How many tasks are shown.
const SHOWN_MAX: usize = 200;

struct Row {
    path: String,
    url: String,
    method: String,
    owner: String,
    next: NextRun,
    last: Option<(Time, &'static str)>,
}

#[derive(Template)]
#[template(path = "schedule_list.html")]
struct ListPage {
    frame: Frame,
    in_version: bool,
    rows: Vec<Row>,
    is_cut: bool,
}

pub(super) fn answer(request: &PageRequest, here: &Object) -> Result<PageAnswer, PageError> {
    let trunk = request.trunk().snapshot();
    let access = request.access_to(&trunk);
    let (mut rows, mut is_cut) = (Vec::new(), false);
    for oid in request.tasks().all().map_err(failed)? {
        request.check_time()?;
        let Chain::Live(chain) = chain(&trunk, oid)? else { continue };
        let is_in = chain.iter().any(|object| object.oid() == here.oid());
        let Some(task) = trunk.object(oid)?.filter(|_| is_in) else { continue };
        if !access.may_view(&task)? || !access.allows(TASKS, &task)? {
            continue;
        }
        let Some(status) = request.tasks().status(oid).map_err(failed)? else { continue };
        if rows.len() == SHOWN_MAX {
            is_cut = true;
            break;
        }
        let last = status.runs.first().map(|run| {
            let came = if matches!(run.outcome, Outcome::Done { .. }) { "done" } else { "failed" };
            (Time::of_micros(run.started_micros), came)
        });
        rows.push(Row {
            url: request.page_url_on((None, request.trunk()), oid, &["schedule"])?,
            method: text::shortened(&status.method, 60),
            owner: owner_text(request, status.owner)?,
            next: NextRun::of(&status),
            path: status.path.to_string(),
            last,
        });
    }
    rows.sort_by(|a, b| a.path.cmp(&b.path));
    let in_version = request.version_name().is_some();
    page::show(&ListPage { frame: Frame::new(request, here, "Tasks")?, in_version, rows, is_cut })
}
