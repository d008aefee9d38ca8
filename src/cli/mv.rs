//! `mv`: moves and renames.

use bough::core::ObjectPath;
use bough::{Error, Site};
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::request::SiteCommand;

/// Move or rename an object; its former URL leads to the new one
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Mv {
    /// What to move
    from: String,
    /// Its new path, or a folder to put it into
    to: String,
}

impl SiteCommand for Mv {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let to = destination(site, &self.from, &self.to)?;
        let sentence = match (parse(&self.from)?.split_last(), parse(&to)?.split_last()) {
            (Some((here, _)), Some((there, name))) if here == there => {
                format!("Renamed {} to {name}", self.from)
            }
            _ => format!("Moved {} to {to}", self.from),
        };
        let written = site.write_noted(asker.note(&sentence), |tx| tx.move_to(&self.from, &to))?;
        asker.wrote(written.tid, sentence)
    }

    fn writes(&self) -> bool {
        true
    }
}

fn parse(path: &str) -> Result<ObjectPath, Failure> {
    Ok(ObjectPath::parse(path).map_err(Error::from)?)
}

/// Where something goes: into `to` if that is a container, else there.
pub(crate) fn destination(site: &Site, from: &str, to: &str) -> Result<String, Failure> {
    let from = parse(from)?;
    let Some((_, name)) = from.split_last() else { return Err(Error::Root.into()) };
    let parsed = parse(to)?;
    match site.now().find(to)? {
        Some(there) if there.is_container()? && parsed != from => Ok(parsed.join(name).to_string()),
        _ => Ok(parsed.to_string()),
    }
}
