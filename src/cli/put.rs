//! `put`: a file's content at a path.

use std::path::PathBuf;

use bough::{Handle, Site, Tx};
use serde::{Deserialize, Serialize};

use super::add::put_content;
use super::asker::{Asker, Contents};
use super::failure::Failure;
use super::request::{Feed, SiteCommand};
use super::source::feed_one;

/// Put a file's content at a path: into the object that is there, else into a new file
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Put {
    /// Path of the object
    path: String,
    /// The file; the standard input if none is named
    #[arg(value_name = "FILE", default_value = "-")]
    #[serde(skip)]
    file: PathBuf,
}

impl SiteCommand for Put {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let mut draft = site.database().begin();
        let mut tx = Tx::over(&mut draft);
        let there = site.now().find(&self.path)?;
        asker.item()?;
        let verb = match there.as_ref().map(Handle::type_name) {
            None => {
                let mut contents = Contents::of(asker);
                let stored = tx.file_from(&self.path, &mut contents);
                if let Some(failure) = contents.failure.take() {
                    return Err(failure);
                }
                stored?;
                contents.skip()?;
                "Added"
            }
            Some(type_name) => {
                put_content(&mut tx, type_name, &self.path, asker)?;
                "Changed"
            }
        };
        asker.item()?;
        let sentence = format!("{verb} {}", self.path);
        let tid = site.database().commit(draft, asker.note(&sentence))?;
        asker.wrote(tid, sentence)
    }

    fn writes(&self) -> bool {
        true
    }

    fn brings(&self) -> bool {
        true
    }

    fn feed(&self, feed: &mut Feed<'_>) -> Result<(), Failure> {
        feed_one(&self.file, feed)
    }
}
