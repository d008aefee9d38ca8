//! `@@manage/site/tasks/ID`: the page of one task.

use askama::Template;
use bough_core::Oid;
use bough_core::Tid;
use bough_core::security::permission::VERSIONS;
use bough_web::pages::{PageAnswer, PageError, PageRequest};
use serde_json::json;

use super::{End, Job, Packed, Task, Tasks};
use crate::frame::Frame;
use crate::message::Message;
use crate::page;
use crate::text::Time;

/// How many versions that hold something back are named.
const HELD_MAX: usize = 20;

#[derive(Template)]
#[template(path = "tasks_task.html")]
struct TaskPage {
    frame: Frame,
    title: String,
    id: String,
    site_url: String,
    url: String,
    cancel_url: String,
    state: (&'static str, &'static str),
    who: String,
    started: Time,
    ended: Option<Time>,
    is_running: bool,
    is_stopping: bool,
    /// Whether stopping it leaves everything as it was.
    stop_note: &'static str,
    done: u64,
    total: u64,
    says: String,
    result: TaskResult,
    pack: Option<PackView>,
    pack_url: String,
    place: Option<PlaceView>,
}

#[derive(Default)]
struct TaskResult {
    mood: &'static str,
    sentence: String,
    facts: Vec<(&'static str, String)>,
    list_heading: &'static str,
    list: Vec<String>,
}

/// What is to be known before a pack.
struct PackView {
    /// Whether there is anything to confirm.
    is_open: bool,
    horizon: Time,
    held: Vec<Held>,
    held_more: usize,
    held_unnamed: usize,
    asked: Time,
}

struct Held {
    name: String,
    url: String,
    since: Time,
}

/// Where what a task made is.
struct PlaceView {
    path: String,
    view_url: String,
    contents_url: String,
}

/// `@@manage/site/tasks/ID`, and what can be done there.
pub(crate) fn answer(request: &PageRequest, tasks: &Tasks, steps: &[&str]) -> Result<PageAnswer, PageError> {
    let [id, action @ ..] = steps else { return Err(PageError::not_found()) };
    let task = tasks.find(id).ok_or_else(PageError::not_found)?;
    let url = request.top_url(&["site", "tasks", id]);
    match (request.is_post(), action) {
        (true, ["cancel"]) => {
            request.form()?;
            task.progress.cancel();
            Ok(PageAnswer::SeeOther(url))
        }
        (false, []) if request.query("json").is_some() => Ok(PageAnswer::Json(progress(&task))),
        (false, []) => show(request, &task, url),
        _ => Err(PageError::not_found()),
    }
}

fn progress(task: &Task) -> serde_json::Value {
    let (done, total) = task.progress.counts();
    json!({ "running": task.end().is_none(), "state": task.state().0, "done": done, "total": total, "says": task.says() })
}

fn show(request: &PageRequest, task: &Task, url: String) -> Result<PageAnswer, PageError> {
    let (done, total) = task.progress.counts();
    let mut frame = Frame::new(request, request.top(), &task.about.title)?;
    if frame.message.is_none() {
        frame.message = said(request, task);
    }
    let shown = TaskPage {
        title: task.about.title.clone(),
        id: task.id.clone(),
        site_url: request.top_url(&["site"]),
        cancel_url: request.top_url(&["site", "tasks", &task.id, "cancel"]),
        url,
        state: task.state(),
        who: task.about.who.clone(),
        started: Time::of_micros(task.started_micros),
        ended: task.ended_micros().map(Time::of_micros),
        is_running: task.end().is_none(),
        is_stopping: task.progress.is_cancelled(),
        stop_note: match task.about.job {
            Job::Pack => "What is forgotten until then stays forgotten; nothing that is needed goes.",
            Job::BackUp => {
                "What is copied until then stays; the next backup of this name goes on from there."
            }
            Job::Import => "Nothing is changed then.",
            Job::Check | Job::LookAtPack => "Nothing is changed by it in any case.",
        },
        done,
        total,
        says: task.says().unwrap_or_default(),
        result: result(task),
        pack: pack(request, task)?,
        pack_url: request.top_url(&["site", "pack", "do"]),
        place: place(request, task)?,
        frame,
    };
    page::show(&shown)
}

/// What is said on top where somebody comes who was not told before.
fn said(request: &PageRequest, task: &Task) -> Option<Message> {
    if request.query("busy").is_some() && task.end().is_none() {
        let text = "This has to end first: the site is checked, packed and backed up one at a time.";
        return Some(Message { mood: "warn", text: text.into(), undo: None });
    }
    let Some(End::Done(outcome)) = task.end() else { return None };
    let is_mine = task.about.who == request.actor().name();
    let is_here = task.about.version.as_deref() == request.version_name();
    let commit = outcome.commit.filter(|_| is_mine && is_here)?;
    Some(Message {
        undo: Some((commit.to_string(), "Undo")),
        ..Message::good(format!("{}.", outcome.sentence.trim_end_matches('.')))
    })
}

fn result(task: &Task) -> TaskResult {
    let list_heading = match task.about.job {
        Job::Check => "What is not as it must be",
        Job::Import => "What stands in the way, or was left out",
        _ => "Why",
    };
    match task.end() {
        None => TaskResult::default(),
        Some(End::Cancelled) => {
            TaskResult { mood: "warn", sentence: "It was stopped.".into(), ..TaskResult::default() }
        }
        Some(End::Failed(failed)) => TaskResult {
            mood: "bad",
            sentence: failed.message.clone(),
            list_heading,
            list: failed.causes.clone(),
            facts: Vec::new(),
        },
        Some(End::Done(outcome)) => TaskResult {
            mood: if outcome.is_bad { "bad" } else { "good" },
            sentence: outcome.sentence.clone(),
            facts: outcome.facts.clone(),
            list_heading,
            list: outcome.list.clone(),
        },
    }
}

fn pack(request: &PageRequest, task: &Task) -> Result<Option<PackView>, PageError> {
    let Some(End::Done(outcome)) = task.end() else { return Ok(None) };
    let Some(Packed { before, report }) = &outcome.packed else { return Ok(None) };
    let may_know = request.access().allows_at(VERSIONS, Oid::ROOT)?;
    let named = if may_know { &report.held_by[..] } else { &[] };
    let held = named.iter().take(HELD_MAX).map(|(name, needs)| Held {
        name: name.clone(),
        url: request.top_url(&["versions", name]),
        since: time_of(*needs),
    });
    Ok(Some(PackView {
        is_open: task.about.job == Job::LookAtPack && is_worth_it(outcome),
        horizon: time_of(report.horizon),
        held: held.collect(),
        held_more: named.len().saturating_sub(HELD_MAX),
        held_unnamed: report.held_by.len() - named.len(),
        asked: time_of(*before),
    }))
}

fn is_worth_it(outcome: &super::Outcome) -> bool {
    let report = outcome.packed.as_ref().map(|packed| &packed.report);
    report.is_some_and(|report| report.bytes_freed > 0 || report.records_dropped > 0)
}

fn time_of(tid: Tid) -> Time {
    Time::of_micros(tid.as_micros())
}

fn place(request: &PageRequest, task: &Task) -> Result<Option<PlaceView>, PageError> {
    let Some(End::Done(outcome)) = task.end() else { return Ok(None) };
    let Some(path) =
        outcome.path.as_deref().filter(|_| task.about.version.as_deref() == request.version_name())
    else {
        return Ok(None);
    };
    let Some(object) = request.find(path)? else { return Ok(None) };
    Ok(Some(PlaceView {
        path: path.to_owned(),
        view_url: request.url(object.oid())?.unwrap_or_default(),
        contents_url: request.page_url(object.oid(), &[])?,
    }))
}

/// Leads to the page of a task that was begun, or to that of the one for which it has to wait.
pub(crate) fn begun(
    request: &PageRequest,
    begun: Result<std::sync::Arc<Task>, super::Busy>,
) -> Result<PageAnswer, PageError> {
    let url = |task: &Task| request.top_url(&["site", "tasks", &task.id]);
    match begun {
        Ok(task) => Ok(PageAnswer::SeeOther(url(&task))),
        Err(super::Busy::With(other)) => Ok(PageAnswer::SeeOther(format!("{}?busy=1", url(&other)))),
        Err(super::Busy::TooMany) => {
            Err(PageError::refused("too much is under way: wait until something of it has ended"))
        }
    }
}
