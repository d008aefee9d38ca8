//! `version pages`.

use std::time::{Duration, Instant};

use bough::web::survey::PageChange;
use bough::{MergeChoice, Site};
use serde::{Deserialize, Serialize};

use super::row::{Next, line_name, line_text, next, only_text, picks, print_next};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::protocol::Reply;
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::{Screen, counted};

/// How often it is said how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// Show which pages merging a version makes different, also those that only show what it changes
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Pages {
    /// The version
    name: String,
    /// Only what merging these objects and what is in them would make different, or one cell (PATH:CELL)
    #[arg(long, value_name = "PATH", num_args = 1..)]
    only: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Page(PageRow),
    Looked {
        looked_at: u64,
        different: u64,
        /// The version that is merged into; none for the public site.
        into: Option<String>,
        /// How many conflicts are still to be settled.
        conflicts: u64,
    },
    Next(Vec<Next>),
}

#[derive(Debug, Serialize, Deserialize)]
struct PageRow {
    url: String,
    /// `otherwise`, `new`, `gone`, `moved`, `fails` or `mended`.
    how: String,
    /// Of a moved one: where it is then.
    to: Option<String>,
    is_direct: bool,
    because: Vec<String>,
}

impl From<&PageChange> for PageRow {
    fn from(change: &PageChange) -> Self {
        Self {
            url: change.url.clone(),
            how: change.how.word().to_owned(),
            to: change.how.moved_to().map(str::to_owned),
            is_direct: change.is_direct,
            because: change.because.iter().map(ToString::to_string).collect(),
        }
    }
}

impl SiteCommand for Pages {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let version = site.version(&self.name)?;
        let only = match self.only.is_empty() {
            true => None,
            false => Some(picks(&version, &self.only)?),
        };
        let mut survey = version.merge_survey(&MergeChoice { only, close: false })?;
        let (mut looked_at, mut different) = (0, 0);
        loop {
            let surveyed = survey.go_on(1_000, Instant::now() + TOLD_EVERY).map_err(bough::Error::from)?;
            looked_at += surveyed.looked_at;
            different += surveyed.changes.len() as u64;
            for change in &surveyed.changes {
                asker.row(&Row::Page(change.into()))?;
            }
            if surveyed.next.is_none() {
                break;
            }
            asker.send(Reply::Remark(format!("{} looked at", counted(looked_at, "page", "pages"))))?;
        }
        let plan = &survey.outlook().plan;
        let (name, what, conflicts) = (&self.name, only_text(&self.only), plan.conflicts.len() as u64);
        let into = line_name(&version, plan.into)?;
        asker.row(&Row::Looked { looked_at, different, into, conflicts })?;
        let after = match conflicts {
            0 => next("see the changes with", format!("version merge {name} --preview{what}")),
            _ => next("see what stands against it with", format!("version conflicts {name}")),
        };
        asker.row(&Row::Next(vec![after]))
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row)? {
            Row::Page(page) => {
                let how = match (page.how.as_str(), &page.to) {
                    ("moved", Some(to)) => format!("moves to {to}"),
                    ("otherwise", _) => "looks different".to_owned(),
                    ("mended", _) => "works again".to_owned(),
                    ("new" | "gone", _) => format!("is {}", page.how),
                    _ => page.how.clone(),
                };
                let because = match (page.is_direct, page.because.join(", ")) {
                    (true, _) => String::new(),
                    (false, because) if because.is_empty() => String::new(),
                    (false, because) => format!("  (by {because})"),
                };
                screen.line(&format!("  {}  {how}{because}", page.url))
            }
            Row::Looked { looked_at, different, into, conflicts } => {
                let line = line_text(into.as_deref());
                let looked = counted(looked_at, "page", "pages");
                let unsettled = match conflicts {
                    0 => String::new(),
                    many => format!("; {} count as {line} has it", counted(many, "conflict", "conflicts")),
                };
                let different = match different {
                    0 => "none of them becomes different".to_owned(),
                    1 => "1 of them becomes different".to_owned(),
                    many => format!("{many} of them become different"),
                };
                screen.line(&format!("Looked at {looked} of {line}: {different}{unsettled}"))
            }
            Row::Next(all) => print_next(&all, screen),
        }
    }
}
