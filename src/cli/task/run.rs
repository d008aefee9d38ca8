//! `task run`.

use bough::Site;
use bough::web::tasks::Outcome;
use serde::{Deserialize, Serialize};

use super::{failed, task_at};
use crate::cli::asker::Asker;
use crate::cli::failure::{Failure, quoted};
use crate::cli::request::SiteCommand;

/// Run a task now, with the rights of its owner, in one commit
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Path of the task
    path: String,
}

impl SiteCommand for Run {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let (oid, path) = task_at(site, &self.path)?;
        let by = asker.principal().to_owned();
        let run = site.tasks().run_now(oid, &by).map_err(|error| failed(&path, &error))?;
        if let Outcome::Failed { why, .. } = &run.outcome {
            let failure = Failure::refused(format!("the task {path} failed: {why}"));
            let path = quoted(&path.to_string());
            return Err(match why.contains("nobody's") {
                true => failure.advise(format!("bough owner {path} USER")),
                false => failure.advise(format!("bough task history {path}")),
            });
        }
        let sentence = match run.tid() {
            Some(tid) => site.database().commit_record(tid).map_err(bough::Error::from)?.sentence,
            None => String::new(),
        };
        asker.wrote(run.tid(), sentence)
    }

    fn writes(&self) -> bool {
        true
    }
}
