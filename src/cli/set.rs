//! `set`: attributes.

use bough::{Site, Tx};
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::request::SiteCommand;
use super::task::{check_times, tell_obstacles};
use super::value::{Assignment, parse_assignment};

const KINDS_HELP: &str = "\
A value is of the kind that the object's type declares for it, else a text. NAME:KIND=VALUE says the kind:
text, int, float, bool, time, counter, reference (a path), null, block (ends acquisition here), json.

  bough set /news title='All the news' views:int=3
  bough set /news --unset subtitle";

/// Set or clear attributes, in one commit
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = KINDS_HELP)]
pub(crate) struct Set {
    /// Path of the object
    path: String,
    /// What to set
    #[arg(value_name = "NAME=VALUE", value_parser = parse_assignment, required_unless_present = "unset")]
    set: Vec<Assignment>,
    /// An attribute to clear; may be given several times
    #[arg(long, value_name = "NAME")]
    unset: Vec<String>,
}

impl SiteCommand for Set {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let names =
            self.set.iter().map(|wanted| wanted.name.as_str()).chain(self.unset.iter().map(String::as_str));
        let sentence = format!("Set {} of {}", names.collect::<Vec<_>>().join(", "), self.path);
        let type_name = site.get(&self.path)?.type_name().to_owned();
        // The values are made once: a retry only sets them again.
        let snapshot = site.database().snapshot();
        let mut values = Vec::new();
        for wanted in &self.set {
            let value = wanted.value(&snapshot, site.database().types(), &type_name)?;
            check_times(&type_name, &self.path, &wanted.name, &value)?;
            values.push((wanted.name.as_str(), value));
        }
        let written = site.write_noted(asker.note(&sentence), |tx: &mut Tx<'_>| {
            for (name, value) in &values {
                tx.set(&self.path, name, value.clone())?;
            }
            self.unset.iter().try_for_each(|name| tx.unset(&self.path, name))
        })?;
        tell_obstacles(site, &self.path, asker)?;
        asker.wrote(written.tid, sentence)
    }

    fn writes(&self) -> bool {
        true
    }
}
