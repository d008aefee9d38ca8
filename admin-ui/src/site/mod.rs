//! The site as a whole: how it stands, its upkeep, what went wrong, and what goes on in the background.
//!
//! Code map: `pack` (forgetting history), `backups` (copies beside the site), `import` (archives).

mod backups;
pub(crate) mod import;
mod pack;

use askama::Template;
use bough_core::Tid;
use bough_core::security::permission::SITE;
use bough_store::{CheckReport, LineStatus};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use self::backups::{Backup, BackupForm};
use self::pack::PackForm;
use crate::frame::Frame;
use crate::tasks::{About, Failed, Job, Outcome, Task};
use crate::text::{self, Time};
use crate::{AdminUi, page, tasks};

/// How many tasks and errors the page shows; the others are behind it.
const ERRORS_SHOWN: usize = 5;
const TASKS_SHOWN: usize = 12;
/// How many faults are named.
const FAULTS_MAX: usize = 100;
/// Most versions that are counted.
const VERSIONS_MAX: usize = 20_000;

/// How the site stands.
struct Facts {
    title: String,
    /// Where the title is changed, for those who may.
    title_url: Option<String>,
    /// Why nothing can be written, if so.
    failure: Option<String>,
    changed: Time,
    /// From when on states are kept; none where all are.
    horizon: Option<Time>,
    log: String,
    versions: String,
    versions_url: String,
    cache: String,
    tail: String,
    snapshots: String,
    program: &'static str,
}

/// One row of what goes on, or went on.
struct TaskRow {
    url: String,
    title: String,
    who: String,
    started: Time,
    state: (&'static str, &'static str),
    says: String,
    done: u64,
    total: u64,
    is_running: bool,
}

/// One row of what went wrong.
struct ErrorRow {
    at: Time,
    id: String,
    path: String,
    story: String,
}

#[derive(Template)]
#[template(path = "site.html")]
struct SitePage {
    frame: Frame,
    facts: Facts,
    tasks: Vec<TaskRow>,
    check_url: String,
    pack: PackForm,
    /// None where there is no folder for them.
    backups: Option<Vec<Backup>>,
    backup: BackupForm,
    import_url: Option<String>,
    errors: Vec<ErrorRow>,
    errors_more: usize,
    errors_url: String,
}

#[derive(Template)]
#[template(path = "site_errors.html")]
struct ErrorsPage {
    frame: Frame,
    site_url: String,
    errors: Vec<ErrorRow>,
}

/// `@@manage/site` and what is behind it.
pub(crate) fn answer(ui: &AdminUi, request: &PageRequest, steps: &[&str]) -> Result<PageAnswer, PageError> {
    if !request.access().allows_at(SITE, bough_core::Oid::ROOT)? {
        return Err(PageError::forbidden(SITE));
    }
    match (request.is_post(), steps) {
        (false, []) => show(ui, request, PackForm::new(request, None), BackupForm::new(request, None)),
        (false, ["errors"]) => show_errors(request),
        (true, ["check"]) => check(ui, request),
        (true, ["pack"]) => pack::look(ui, request),
        (true, ["pack", "do"]) => pack::pack(ui, request),
        (true, ["backup"]) => backups::back_up(ui, request),
        (_, ["import"]) => import::answer(ui, request),
        (_, ["tasks", task @ ..]) => tasks::answer(request, &ui.tasks, task),
        _ => Err(PageError::not_found()),
    }
}

/// The page, with forms as they were filled in.
fn show(
    ui: &AdminUi,
    request: &PageRequest,
    pack: PackForm,
    backup: BackupForm,
) -> Result<PageAnswer, PageError> {
    let errors = errors(request);
    let status = match pack.error.is_some() || backup.error.is_some() {
        true => axum::http::StatusCode::UNPROCESSABLE_ENTITY,
        false => axum::http::StatusCode::OK,
    };
    let shown = SitePage {
        frame: Frame::new(request, request.top(), "Upkeep and backups")?,
        facts: facts(request)?,
        tasks: ui.tasks.all().iter().take(TASKS_SHOWN).map(|task| task_row(request, task)).collect(),
        check_url: request.top_url(&["site", "check"]),
        pack,
        backups: ui.operations.as_deref().map(|operations| backups::list(operations.data_folder())),
        backup,
        import_url: ui.operations.is_some().then(|| request.top_url(&["site", "import"])),
        errors_more: errors.len().saturating_sub(ERRORS_SHOWN),
        errors: errors.into_iter().take(ERRORS_SHOWN).collect(),
        errors_url: request.top_url(&["site", "errors"]),
    };
    page::show_as(status, &shown)
}

fn show_errors(request: &PageRequest) -> Result<PageAnswer, PageError> {
    page::show(&ErrorsPage {
        frame: Frame::new(request, request.top(), "Errors")?,
        site_url: request.top_url(&["site"]),
        errors: errors(request),
    })
}

fn errors(request: &PageRequest) -> Vec<ErrorRow> {
    let failures = request.internal_failures().into_iter();
    let row = |failure: bough_web::pages::InternalFailure| ErrorRow {
        at: Time::of_micros(failure.at_micros),
        id: failure.id,
        path: failure.path,
        story: failure.story,
    };
    failures.map(row).collect()
}

fn facts(request: &PageRequest) -> Result<Facts, PageError> {
    let trunk = request.trunk();
    let status = trunk.status();
    let versions = trunk.versions()?;
    let open =
        versions.iter().take(VERSIONS_MAX).filter(|version| version.status == LineStatus::Open).count();
    let closed = versions.len().min(VERSIONS_MAX) - open;
    let top = request.top();
    let may_edit = request.access().allows(request.types().guards(top.type_name()).edit, top)?;
    Ok(Facts {
        title: text::title(request.snapshot(), top),
        title_url: may_edit.then(|| request.top_url(&["edit"])),
        failure: status.failure,
        changed: Time::of_micros(status.head.as_micros()),
        horizon: (status.horizon != Tid::ZERO).then(|| Time::of_micros(status.horizon.as_micros())),
        log: text::bytes(status.log_bytes),
        versions: match (open, closed) {
            (0, 0) => "none".into(),
            (open, 0) => format!("{} open", text::grouped(open as u64)),
            (open, closed) => {
                format!("{} open, {} closed", text::grouped(open as u64), text::grouped(closed as u64))
            }
        },
        versions_url: request.top_url(&["versions"]),
        cache: text::bytes(status.cache_bytes),
        tail: format!(
            "{} in memory that are not in its files yet ({})",
            text::counted(status.tail_entries, "entry", "entries"),
            text::bytes(status.tail_bytes)
        ),
        snapshots: text::counted(status.open_snapshots as u64, "state", "states"),
        program: env!("CARGO_PKG_VERSION"),
    })
}

fn task_row(request: &PageRequest, task: &Task) -> TaskRow {
    let (done, total) = task.progress.counts();
    TaskRow {
        url: request.top_url(&["site", "tasks", &task.id]),
        title: task.about.title.clone(),
        who: task.about.who.clone(),
        started: Time::of_micros(task.started_micros),
        state: task.state(),
        says: task.says().unwrap_or_default(),
        done,
        total,
        is_running: task.end().is_none(),
    }
}

/// A task of whoever asks, on the whole site.
fn about(request: &PageRequest, job: Job, title: impl Into<String>) -> About {
    About { job, title: title.into(), who: request.actor().name().to_owned(), version: None }
}

/// What time it is, for tasks.
fn clock(request: &PageRequest) -> impl Fn() -> u64 + Send + 'static {
    let database = request.trunk().clone();
    move || database.now_micros()
}

fn check(ui: &AdminUi, request: &PageRequest) -> Result<PageAnswer, PageError> {
    request.form()?;
    let database = request.trunk().clone();
    let begun =
        ui.tasks.start(about(request, Job::Check, "Check of the site"), clock(request), move |progress| {
            let checked = database.check(&mut |done, total| progress.tell(done, total));
            let report =
                checked.map_err(|error| Failed::because("The site could not be checked.", &error))?;
            Ok(checked_outcome(&report))
        });
    tasks::begun(request, begun)
}

fn checked_outcome(report: &CheckReport) -> Outcome {
    let fault = |fault: &bough_store::Fault| match fault.paths.is_empty() {
        true => fault.what.clone(),
        false => format!("{}: {}", fault.what, fault.paths.join(", ")),
    };
    let mut list: Vec<String> = report.faults.iter().take(FAULTS_MAX).map(fault).collect();
    let more = report.faults_total.saturating_sub(list.len() as u64);
    if more > 0 {
        list.push(format!("and {} more", text::grouped(more)));
    }
    let sentence = match report.faults_total {
        0 => "Everything is as it must be.".to_owned(),
        faults => format!(
            "{} not as it must be. What is not named here is sound. If you have a backup, restore it beside this site with `bough restore-backup` and compare.",
            text::counted(faults, "thing is", "things are")
        ),
    };
    Outcome {
        sentence,
        is_bad: report.faults_total > 0,
        facts: vec![
            ("Objects", text::grouped(report.objects)),
            ("Changes", text::grouped(report.commits)),
            ("States of objects", text::grouped(report.records)),
            ("Contents", text::grouped(report.items + report.blobs)),
            ("Compared with their digests", text::bytes(report.bytes)),
        ],
        list,
        ..Outcome::default()
    }
}
