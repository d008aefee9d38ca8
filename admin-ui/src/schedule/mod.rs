//! Tasks in the browser: when one runs next, what its last runs did, running it now, pausing it; and all tasks in a folder.
//!
//! What runs is the public site's task, whatever line is shown: on a version the page says so, and changes nothing.

mod list;

use askama::Template;
use bough_core::security::permission::{TASKS, VIEW};
use bough_core::security::user;
use bough_core::{Name, Object, Oid, Value};
use bough_web::pages::{PageAnswer, PageError, PageRequest};
use bough_web::tasks::{Next, Outcome, Run, TASK, TaskError, TaskStatus};

use crate::frame::Frame;
use crate::message::{self, Message};
use crate::page;
use crate::past::{CommitRow, Rows};
use crate::text::{self, Time};

/// `@@manage/schedule` of a task, or of what may hold tasks.
pub(crate) fn answer(request: &PageRequest, steps: &[&str]) -> Result<PageAnswer, PageError> {
    let object = request.object()?;
    request.require(object, TASKS)?;
    match steps {
        [] if object.is_a(TASK) => show(request, object),
        [] => list::answer(request, object),
        ["run"] if request.is_post() && object.is_a(TASK) => run(request, object),
        ["pause"] if request.is_post() && object.is_a(TASK) => pause(request, object),
        _ => Err(PageError::not_found()),
    }
}

/// When a task runs next: a few words, and the moment where there is one.
pub(crate) struct NextRun {
    text: String,
    at: Option<Time>,
    mood: &'static str,
}

impl NextRun {
    pub(crate) fn of(status: &TaskStatus) -> Self {
        let (text, at, mood) = match &status.next {
            _ if status.owner.is_none() => ("never, as it is nobody's".into(), None, "warn"),
            Next::Running(since) => ("running since".into(), Some(*since), "good"),
            Next::At(at) => (String::new(), Some(*at), ""),
            Next::Again(at) => ("again, as it failed,".into(), Some(*at), "warn"),
            Next::OnDemand => ("only when somebody runs it".into(), None, ""),
            Next::Paused => ("not as long as it is paused".into(), None, "warn"),
            Next::Over => ("never again: its time is over".into(), None, ""),
            Next::Unclear(why) => (why.clone(), None, "bad"),
        };
        Self { text, at: at.map(Time::of_micros), mood }
    }
}

struct RunRow {
    started: Time,
    took: String,
    by: String,
    /// What the commit did, where there is one.
    commit: Option<CommitRow>,
    /// Why it failed, or why there is none.
    text: String,
    mood: &'static str,
}

impl RunRow {
    fn of(request: &PageRequest, rows: &Rows<'_>, run: &Run) -> Result<Self, PageError> {
        let commit = match run.tid().and_then(|tid| request.trunk().commit_record(tid).ok()) {
            Some(record) => Some(rows.row(&record)?),
            None => None,
        };
        let (text, mood) = match &run.outcome {
            Outcome::Failed { why, again } => (why.clone(), if *again { "warn" } else { "bad" }),
            Outcome::Done { commit: None } => ("There was nothing to change".into(), ""),
            Outcome::Done { .. } if commit.is_none() => ("Its change is packed away".into(), ""),
            Outcome::Done { .. } => (String::new(), ""),
        };
        let by = match run.due_micros {
            Some(_) => "its schedule".to_owned(),
            None if run.by.is_empty() => "nobody in particular".to_owned(),
            None => run.by.clone(),
        };
        let millis = run.took_micros / 1_000;
        let took = if millis < 1_000 {
            format!("{millis} ms")
        } else {
            format!("{} s", text::grouped(millis / 1_000))
        };
        Ok(Self { started: Time::of_micros(run.started_micros), took, by, commit, text, mood })
    }
}

#[derive(Template)]
#[template(path = "schedule_task.html")]
struct TaskPage {
    frame: Frame,
    url: String,
    method: String,
    on: String,
    on_url: Option<String>,
    when: String,
    zone: String,
    owner: String,
    next: NextRun,
    is_paused: bool,
    is_running: bool,
    in_version: bool,
    runs: Vec<RunRow>,
}

fn show(request: &PageRequest, object: &Object) -> Result<PageAnswer, PageError> {
    let url = request.page_url(object.oid(), &["schedule"])?;
    let mut frame = Frame::new(request, object, "Schedule")?;
    let said = match request.query("ran") {
        Some("well") => Some(Message::good("The task ran.")),
        Some("badly") => Some(Message::bad("The task failed. The first line below says why.")),
        Some("already") => Some(Message::bad("The task is running already.")),
        _ => None,
    };
    if let Some(said) = said {
        frame = frame.saying(said);
    }
    let in_version = request.version_name().is_some();
    let Some(status) = request.tasks().status(object.oid()).map_err(failed)? else {
        // It is in this version only, and does nothing yet.
        return page::show(&NewPage { frame });
    };
    let rows = Rows::new(request)?;
    let runs = status.runs.iter().map(|run| RunRow::of(request, &rows, run)).collect::<Result<_, _>>()?;
    let may_see = request.access().allows_at(VIEW, status.on_oid)?;
    let on = match &status.on {
        Some(path) if may_see => path.to_string(),
        Some(_) => "something that you may not see".into(),
        None => "something that is not there".into(),
    };
    page::show(&TaskPage {
        next: NextRun::of(&status),
        is_running: matches!(status.next, Next::Running(_)),
        on_url: if may_see && status.on.is_some() {
            Some(request.page_url(status.on_oid, &[])?)
        } else {
            None
        },
        owner: owner_text(request, status.owner)?,
        zone: if status.zone.is_empty() { "UTC".into() } else { text::shortened(&status.zone, 100) },
        when: text::shortened(&status.when, 200),
        method: text::shortened(&status.method, 100),
        is_paused: status.is_paused,
        frame,
        url,
        on,
        in_version,
        runs,
    })
}

#[derive(Template)]
#[template(path = "schedule_new.html")]
struct NewPage {
    frame: Frame,
}

/// Whose a task is.
fn owner_text(request: &PageRequest, owner: Option<Oid>) -> Result<String, PageError> {
    let Some(owner) = owner else { return Ok("nobody".into()) };
    let known = user(&request.trunk().snapshot(), owner)?;
    Ok(known.map_or_else(|| "somebody who is no user any more".into(), |user| user.name.to_string()))
}

fn failed(error: TaskError) -> PageError {
    PageError::refused(error.to_string())
}

fn refuse_in_version(request: &PageRequest) -> Result<(), PageError> {
    match request.version_name() {
        Some(_) => Err(PageError::refused("a task runs on the public site only: merge the version first")),
        None => Ok(()),
    }
}

fn run(request: &PageRequest, object: &Object) -> Result<PageAnswer, PageError> {
    request.form()?;
    refuse_in_version(request)?;
    let ran = match request.tasks().run_now(object.oid(), request.actor().name()) {
        Ok(Run { outcome: Outcome::Done { .. }, .. }) => "well",
        Ok(_) => "badly",
        Err(TaskError::Running) => "already",
        Err(error) => return Err(failed(error)),
    };
    let url = request.page_url(object.oid(), &["schedule"])?;
    Ok(PageAnswer::SeeOther(format!("{url}?ran={ran}")))
}

fn pause(request: &PageRequest, object: &Object) -> Result<PageAnswer, PageError> {
    let to = request.form()?.get("to") == "paused";
    let paused = Name::new("paused").map_err(|error| PageError::refused(error.to_string()))?;
    let path = request.path_text(object.oid())?;
    let sentence = if to { format!("Paused the task {path}") } else { format!("Let the task {path} go on") };
    let work =
        |draft: &mut bough_store::Draft| Ok(draft.set(object.oid(), &paused, Some(Value::Bool(to)))?);
    let ((), tid) = request.write(sentence, work)?;
    Ok(message::done(&request.page_url(object.oid(), &["schedule"])?, tid))
}
