//! `task list`.

use bough::Site;
use bough::web::tasks::Next;
use serde::{Deserialize, Serialize};

use super::RunRow;
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::moment::{in_zone, rfc3339};
use crate::cli::protocol::Reply;
use crate::cli::request::{SiteCommand, typed};
use crate::cli::rights::account_shown;
use crate::cli::screen::Screen;

/// List the tasks with when they run next
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct List {}

/// A task.
#[derive(Debug, Serialize, Deserialize)]
struct TaskRow {
    path: String,
    run: String,
    /// What that is called on; none where that is not there.
    on: Option<String>,
    when: String,
    zone: String,
    owner: Option<String>,
    /// `at`, `again`, `running`, `paused`, `on_demand`, `over` or `unclear`.
    next: String,
    /// When that is.
    at: Option<String>,
    /// Why its times are unclear.
    problem: Option<String>,
    last: Option<RunRow>,
}

impl SiteCommand for List {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let tasks = site.tasks();
        let mut rows = Vec::new();
        for oid in tasks.all().map_err(|error| Failure::of(&error))? {
            let Some(status) = tasks.status(oid).map_err(|error| Failure::of(&error))? else { continue };
            let (next, at, problem) = match &status.next {
                Next::Running(since) => ("running", Some(*since), None),
                Next::At(at) => ("at", Some(*at), None),
                Next::Again(at) => ("again", Some(*at), None),
                Next::OnDemand => ("on_demand", None, None),
                Next::Paused => ("paused", None, None),
                Next::Over => ("over", None, None),
                Next::Unclear(why) => ("unclear", None, Some(why.clone())),
            };
            rows.push(TaskRow {
                path: status.path.to_string(),
                run: status.method,
                on: status.on.map(|on| on.to_string()),
                when: status.when,
                owner: status.owner.map(|owner| account_shown(site, owner)).transpose()?,
                next: next.to_owned(),
                at: at.map(rfc3339),
                problem,
                last: status.runs.first().map(|run| RunRow::of(run, &status.zone)),
                zone: status.zone,
            });
        }
        if rows.is_empty() {
            let remark = "There are no tasks\n  try: bough add /tonight --type task --set run=set --set when='at 20:00'";
            return asker.send(Reply::Remark(remark.to_owned()));
        }
        rows.sort_by(|a, b| a.path.cmp(&b.path));
        rows.iter().try_for_each(|row| asker.row(row))
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let row: TaskRow = typed(row)?;
        let at = row.at.as_deref().map_or_else(String::new, |at| in_zone(at, &row.zone));
        let next = match row.next.as_str() {
            "at" => format!("next {at}"),
            "again" => format!("failed; again {at}"),
            "running" => format!("running since {at}"),
            "on_demand" => "on demand".to_owned(),
            "over" => "its time is over".to_owned(),
            "unclear" => row.problem.unwrap_or_default(),
            other => other.to_owned(),
        };
        let on = row.on.unwrap_or_else(|| "something that is not there".to_owned());
        let owner = row
            .owner
            .map_or_else(|| "nobody's, so it does not run".to_owned(), |owner| format!("of {owner}"));
        screen.line(&format!("{}  {} on {on}, {owner}: {next}", row.path, row.run))?;
        match row.last {
            Some(last) => screen.line(&format!("    {}", last.text())),
            None => Ok(()),
        }
    }
}
