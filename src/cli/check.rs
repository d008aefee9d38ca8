//! `check`: whether everything is as it must be.

use bough::Site;
use bough::store::Fault;
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::{Code, Failure};
use super::progress::Told;
use super::request::{SiteCommand, typed};
use super::screen::{Screen, counted, size_text};

/// Check everything that is stored: the log, the index and the tree, while the site is in use
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Check {}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Fault { what: String, paths: Vec<String> },
    Sound { head: String, commits: u64, records: u64, objects: u64, contents: u64, log_bytes: u64 },
}

impl SiteCommand for Check {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let mut told = Told::new("checked", asker);
        let report = site.database().check(&mut |bytes, total| told.tell(bytes, total));
        let report = report.map_err(|error| Failure::because("cannot check the site", &error))?;
        for Fault { what, paths } in &report.faults {
            asker.row(&Row::Fault { what: what.clone(), paths: paths.clone() })?;
        }
        if report.is_sound() {
            return asker.row(&Row::Sound {
                head: report.head.to_string(),
                commits: report.commits,
                records: report.records,
                objects: report.objects,
                contents: report.items + report.blobs,
                log_bytes: report.bytes,
            });
        }
        let faults = counted(report.faults_total, "thing is", "things are");
        Err(Failure::new(Code::Folder, format!("{faults} not as it must be"))
            .advise("bough restore-backup BACKUP DIR, if you have a backup; what is not named here is sound"))
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row)? {
            Row::Fault { what, paths } => {
                screen.line(&what)?;
                paths.iter().try_for_each(|path| screen.line(&format!("  {path}")))
            }
            Row::Sound { head, commits, records, objects, contents, log_bytes } => {
                let objects = counted(objects, "object", "objects");
                screen.line(&format!("Sound up to {head}: {objects} in the tree"))?;
                let commits = counted(commits, "commit", "commits");
                let records = counted(records, "record", "records");
                let contents = counted(contents, "content", "contents");
                let log = size_text(log_bytes);
                screen.line(&format!(
                    "{commits}, {records}, {contents}, {log} of log compared with their digests"
                ))
            }
        }
    }
}
