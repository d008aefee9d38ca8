//! `backup`: a copy of the site, consistent at one commit, while it is in use.
//!
//! The client says which files its folder has; the site's process sends the others. So only the client opens the
//! folder, and a second backup into it brings what is new.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use bough::Site;
use bough::store::{BackupFolder, BackupTarget};
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::progress;
use super::protocol::Reply;
use super::request::{Receiver, SiteCommand, typed};
use super::screen::{Form, Screen, counted, size_text};

/// Back the site up into a folder; again into the same folder, only what is new is copied
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Backup {
    /// The folder for the backup: made if it is not there
    #[arg(value_name = "DIR")]
    #[serde(skip)]
    folder: PathBuf,
    /// What the folder has.
    #[arg(skip)]
    there: HashMap<String, u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    File { path: String, bytes: u64 },
    Manifest { text: String, kept: Vec<String> },
    Report { head: String, files_copied: u64, bytes_copied: u64, files_kept: u64 },
}

fn failed(folder: &std::path::Path) -> impl Fn(&(dyn std::error::Error + 'static)) -> Failure + use<> {
    let folder = folder.display().to_string();
    move |error| Failure::because(format!("cannot back up into `{folder}`"), error)
}

impl SiteCommand for Backup {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let mut target = Sender { there: &self.there, asker, failure: None };
        let backed_up = site.database().backup(&mut target, &mut bough::store::unwatched);
        if let Some(failure) = target.failure.take() {
            return Err(failure);
        }
        let report = backed_up.map_err(|error| Failure::because("cannot back the site up", &error))?;
        asker.row(&Row::Report {
            head: report.head.to_string(),
            files_copied: report.files_copied,
            bytes_copied: report.bytes_copied,
            files_kept: report.files_kept,
        })
    }

    fn print(&self, _: serde_json::Value, _: &mut Screen) -> Result<(), Failure> {
        Ok(())
    }

    fn prepare(&mut self) -> Result<(), Failure> {
        let failed = failed(&self.folder);
        let folder = BackupFolder::open(&self.folder).map_err(|error| failed(&error))?;
        self.there = folder.files().map_err(|error| failed(&error))?.into_iter().collect();
        Ok(())
    }

    fn receiver(&self) -> Result<Option<Box<dyn Receiver>>, Failure> {
        let target = BackupFolder::open(&self.folder).map_err(|error| failed(&self.folder)(&error))?;
        let folder = self.folder.clone();
        Ok(Some(Box::new(Keeper { folder, target, left: 0, bar: progress::count("Backing up") })))
    }
}

/// Sends the backup to the client.
struct Sender<'a> {
    there: &'a HashMap<String, u64>,
    asker: &'a mut dyn Asker,
    failure: Option<Failure>,
}

impl Sender<'_> {
    fn send(&mut self, reply: Result<Reply, serde_json::Error>) -> io::Result<()> {
        self.asker.send(reply?).map_err(|failure| {
            let error = io::Error::other(failure.message.clone());
            self.failure = Some(failure);
            error
        })
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        self.send(serde_json::to_value(row).map(Reply::Row))
    }
}

impl BackupTarget for Sender<'_> {
    fn has(&mut self, path: &str, bytes: u64) -> io::Result<bool> {
        Ok(self.there.get(path) == Some(&bytes))
    }

    fn begin(&mut self, path: &str, bytes: u64) -> io::Result<()> {
        self.row(&Row::File { path: path.to_owned(), bytes })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.send(Ok(Reply::Chunk(bytes.to_vec())))
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, manifest: &[u8], kept: &[String]) -> io::Result<()> {
        let text = String::from_utf8_lossy(manifest).into_owned();
        self.row(&Row::Manifest { text, kept: kept.to_vec() })
    }
}

/// Writes what comes into the folder.
struct Keeper {
    folder: PathBuf,
    target: BackupFolder,
    /// Bytes of the present file that have not come yet.
    left: u64,
    bar: ProgressBar,
}

impl Receiver for Keeper {
    fn take(&mut self, reply: Reply, screen: &mut Screen) -> Result<(), Failure> {
        let failed = failed(&self.folder);
        match reply {
            Reply::Row(row) => match typed::<Row>(row.clone())? {
                Row::File { path, bytes } => {
                    self.left = bytes;
                    self.bar.inc(1);
                    self.target.begin(&path, bytes).map_err(|error| failed(&error))?;
                    self.end_if_whole()
                }
                Row::Manifest { text, kept } => {
                    self.target.finish(text.as_bytes(), &kept).map_err(|error| failed(&error))
                }
                Row::Report { .. } if screen.form == Form::Json => screen.json(&row),
                Row::Report { head, files_copied, bytes_copied, files_kept } => {
                    self.bar.finish_and_clear();
                    let (copied, kept) =
                        (counted(files_copied, "file", "files"), counted(files_kept, "was", "were"));
                    screen.line(&format!("Backed up to {} as of {head}", self.folder.display()))?;
                    screen
                        .line(&format!("{copied} copied ({}), {kept} there already", size_text(bytes_copied)))
                }
            },
            Reply::Chunk(bytes) => {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                self.target.write(&bytes).map_err(|error| failed(&error))?;
                self.end_if_whole()
            }
            Reply::Remark(text) => {
                screen.remark(&text);
                Ok(())
            }
            Reply::Done => screen.flush(),
            Reply::Failed(failure) => Err(failure),
        }
    }
}

impl Keeper {
    fn end_if_whole(&mut self) -> Result<(), Failure> {
        if self.left > 0 {
            return Ok(());
        }
        self.target.end().map_err(|error| failed(&self.folder)(&error))
    }
}
