//! `task`: objects that run a method at their times.

mod history;
mod list;
mod run;

use bough::core::{ObjectPath, Oid, Value};
use bough::web::tasks::{Obstacles, Outcome, Run as Ran, TASK, TaskError, obstacles, times_problem};
use bough::{Handle, Site};
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::{Failure, quoted};
use super::moment::{in_zone, rfc3339};
use super::protocol::Reply;
use super::request::{SiteCommand, acts, commands};

const AFTER_HELP: &str = "\
  bough add /tonight --type task --set run=set --set on:reference=/news --set when='at 20:00'
  bough set /tonight zone=Europe/Berlin
  bough owner /tonight ann          it runs with the rights of its owner, as they are then
  bough task run /tonight           run it now
  bough task history /tonight       what its last runs did, and how to undo that

Tasks are run by `bough serve`, on the public site: those in a version begin when it is merged. docs/tasks.md tells more.";

/// List the tasks of the site, run one now, and see what they did
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Task {
    #[command(subcommand)]
    action: Action,
}

commands! {
    /// What is done with tasks.
    Action:
    /// List the tasks with when they run next
    List(list::List),
    /// Run a task now, with the rights of its owner, in one commit
    Run(run::Run),
    /// Show the last runs of a task, the newest first
    History(history::History),
}

acts!(Task);

/// Refuses times that no task can have.
pub(super) fn check_times(
    type_name: &str,
    path: &str,
    attribute: &str,
    value: &Value,
) -> Result<(), Failure> {
    if type_name != TASK {
        return Ok(());
    }
    match times_problem(attribute, value) {
        None => Ok(()),
        Some(why) => Err(Failure::usage(format!("cannot set `{attribute}` of {path}: {why}"))),
    }
}

/// Says what keeps the task at a path from running; nothing where that is no task.
pub(super) fn tell_obstacles(site: &Site, path: &str, asker: &mut dyn Asker) -> Result<(), Failure> {
    // It is written, whatever became of it since.
    let Ok(object) = site.get(path) else { return Ok(()) };
    let Obstacles { is_nobodys, problem } = obstacles(site.database(), object.oid())?;
    if let Some(problem) = problem {
        asker.send(Reply::Remark(format!("{path} will not run as it is: {problem}")))?;
    }
    if is_nobodys && object.type_name() == TASK {
        let owner = format!("bough owner {} USER", quoted(path));
        asker.send(Reply::Remark(format!("{path} will not run until somebody owns it\n  try: {owner}")))?;
    }
    Ok(())
}

/// A run, as every command shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RunRow {
    /// When it began.
    started: String,
    /// The time zone of the task; empty for UTC.
    zone: String,
    took_micros: u64,
    /// When it was due; none where somebody asked for it.
    due: Option<String>,
    /// Who asked for it.
    by: String,
    /// The commit that it made.
    tid: Option<String>,
    /// Why it failed.
    failed: Option<String>,
    /// Whether it is tried again.
    again: bool,
}

impl RunRow {
    /// `zone` is the task's.
    pub(super) fn of(run: &Ran, zone: &str) -> Self {
        let (failed, again) = match &run.outcome {
            Outcome::Failed { why, again } => (Some(why.clone()), *again),
            Outcome::Done { .. } => (None, false),
        };
        Self {
            started: rfc3339(run.started_micros),
            zone: zone.to_owned(),
            took_micros: run.took_micros,
            due: run.due_micros.map(rfc3339),
            by: run.by.clone(),
            tid: run.tid().map(|tid| tid.to_string()),
            failed,
            again,
        }
    }

    pub(super) fn text(&self) -> String {
        let came = match (&self.failed, &self.tid) {
            (Some(why), _) if self.again => format!("failed, and is tried again: {why}"),
            (Some(why), _) => format!("failed: {why}"),
            (None, Some(tid)) => format!("done ({tid})"),
            (None, None) => "done, and changed nothing".to_owned(),
        };
        let by = if self.by.is_empty() { String::new() } else { format!(", asked for by {}", self.by) };
        format!("{}  {came}, in {} ms{by}", in_zone(&self.started, &self.zone), self.took_micros / 1_000)
    }
}

/// The task at a path.
fn task_at(site: &Site, path: &str) -> Result<(Oid, ObjectPath), Failure> {
    let object: Handle = site.get(path)?;
    if object.type_name() != TASK {
        let found = object.type_name();
        let message = format!("cannot run `{path}`: expected a task, found a {found}");
        return Err(Failure::usage(message).advise("bough task list"));
    }
    Ok((object.oid(), object.path().clone()))
}

fn failed(path: &ObjectPath, error: &TaskError) -> Failure {
    Failure::because(format!("cannot run the task {path}"), error)
        .advise(format!("bough task history {}", quoted(&path.to_string())))
}
