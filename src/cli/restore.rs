//! `restore`: brings back what was.

use bough::core::ObjectPath;
use bough::store::{Kind, Note, Snapshot};
use bough::{Error, Handle, Site, Tx};
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::{Failure, quoted};
use super::moment::{When, parse_past};
use super::request::SiteCommand;

/// Bring back an object with everything that was in it, as it was; what was added in it since stays
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Restore {
    /// Its path as it was then
    path: String,
    /// When: a TID, a time ("2026-11-22 10:30"), or how long ago ("2h ago")
    #[arg(long, value_name = "TID|TIME", value_parser = parse_past)]
    at: When,
    /// Another place for it
    #[arg(long, value_name = "PATH")]
    to: Option<String>,
}

impl SiteCommand for Restore {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let then = site.at(self.at.moment())?;
        let was = then.get(&self.path)?;
        let to = ObjectPath::parse(self.to.as_deref().unwrap_or(&self.path)).map_err(Error::from)?;
        let sentence = match &self.to {
            None => format!("Restored {} as of {}", self.path, then.tid()),
            Some(to) => format!("Restored {} as of {} to {to}", self.path, then.tid()),
        };
        let note: Note = asker.note(&sentence).of_kind(Kind::Restore { from: then.tid() });
        let written = site.write_noted(note, |tx| self.restore(tx, then.snapshot(), &was, &to));
        let written = written.map_err(|error| {
            let is_gone = matches!(error, Error::NothingAt { .. });
            let failure = Failure::from(error);
            if !is_gone {
                return failure;
            }
            let at = then.tid();
            failure.advise(format!("bough restore {} --at {at} --to ANOTHER-PLACE", quoted(&self.path)))
        })?;
        asker.wrote(written.tid, sentence)
    }

    fn writes(&self) -> bool {
        true
    }
}

impl Restore {
    fn restore(&self, tx: &mut Tx<'_>, then: &Snapshot, was: &Handle, to: &ObjectPath) -> Result<(), Error> {
        let (above, name) = to.split_last().ok_or(Error::Root)?;
        let old_parent = was.object().place().map(|place| place.parent).filter(|_| self.to.is_none());
        let parent = match old_parent {
            // The same container, wherever that is today.
            Some(parent) if bough::core::snapshot::is_live(&***tx, parent)? => parent,
            _ => tx.find(&above.to_string())?,
        };
        tx.bring_back(then, was.oid(), (parent, name), &mut || Ok::<_, Error>(()))
    }
}
