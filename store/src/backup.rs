//! Backup: a copy of everything that cannot be made again, consistent at one commit, while the database is in use.
//!
//! What is copied are the closed segments of the log, the files of large contents and, last of all, the manifest. Both
//! kinds of file never change once they are closed, so that a backup to the same place again copies only what is new.
//! A backup is itself a data folder without an index: restored and opened, it builds that from the log.

use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bough_core::Tid;

use crate::check::Watch;
use crate::database::Database;
use crate::disk::{Disk, DiskFile, FolderDisk, read_whole, replace_whole};
use crate::log::{AppendError, Packable};

const COPY_BYTES: usize = 256 << 10;
const LOG_FOLDER: &str = "log";
const MANIFEST: &str = "log/manifest";
const BLOB_FOLDER: &str = "blobs";
/// What a new head of the log consists of.
const SEGMENT_HEADER_BYTES: u64 = 128;

/// What a backup or a restore copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// The commit that the copy ends with.
    pub head: Tid,
    /// Files that were copied.
    pub files_copied: u64,
    /// Their bytes.
    pub bytes_copied: u64,
    /// Files that were there already.
    pub files_kept: u64,
}

/// Why a backup or a restore stopped. The copy that was there before is still whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A file could not be copied.
    #[error("cannot copy `{path}`")]
    Copy {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The log could not close its newest segment.
    #[error("cannot close the newest segment of the log")]
    Roll(#[from] AppendError),
    /// The folder to restore to is not empty.
    #[error("cannot restore to `{}`: the folder is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// The folder to restore from is no backup.
    #[error("`{}` is no backup: there is no `{MANIFEST}` in it", .0.display())]
    NoBackup(PathBuf),
    /// A backup into a data folder.
    #[error("cannot back up into `{}`: it is a data folder", .0.display())]
    DataFolder(PathBuf),
    /// Whoever watched it said so.
    #[error("it was stopped")]
    Stopped,
}

fn copy_error(path: &str) -> impl FnOnce(io::Error) -> BackupError + use<> {
    let path = path.to_owned();
    move |source| BackupError::Copy { path, source }
}

fn folder_error(folder: &Path) -> impl FnOnce(io::Error) -> BackupError + use<> {
    copy_error(&folder.display().to_string())
}

/// Something that a backup is written to: a folder, or the other end of a connection.
///
/// Its methods fail when what it stands for does; then the backup stops.
pub trait BackupTarget {
    /// Whether a file with this length is there already.
    ///
    /// # Errors
    /// When the target cannot tell.
    fn has(&mut self, path: &str, bytes: u64) -> io::Result<bool>;

    /// Begins a file of this length; what was there under its path goes.
    ///
    /// # Errors
    /// When the target cannot.
    fn begin(&mut self, path: &str, bytes: u64) -> io::Result<()>;

    /// Adds to the file that was begun last.
    ///
    /// # Errors
    /// When the target cannot.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Ends it. It is durable when `finish` returns, at the latest.
    ///
    /// # Errors
    /// When the target cannot.
    fn end(&mut self) -> io::Result<()>;

    /// Writes the manifest, which makes all of it a backup, and drops segments that are not among `kept`.
    ///
    /// # Errors
    /// When the target cannot.
    fn finish(&mut self, manifest: &[u8], kept: &[String]) -> io::Result<()>;
}

/// A backup in a folder.
pub struct BackupFolder {
    disk: FolderDisk,
    file: Option<(Arc<dyn DiskFile>, u64)>,
    folders: BTreeSet<String>,
}

impl BackupFolder {
    /// A backup in this folder, which is made where it is not there.
    ///
    /// # Errors
    /// When the folder cannot be used, or is a data folder.
    pub fn open(folder: &Path) -> Result<Self, BackupError> {
        if folder.join("lock").exists() {
            return Err(BackupError::DataFolder(folder.to_owned()));
        }
        let disk = FolderDisk::open(folder).map_err(folder_error(folder))?;
        Ok(Self { disk, file: None, folders: BTreeSet::new() })
    }

    /// The files that are there, with their lengths in bytes.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn files(&self) -> Result<Vec<(String, u64)>, BackupError> {
        let with_length = |path: String| {
            let bytes = self.disk.open(&path).and_then(|file| file.len()).map_err(copy_error(&path))?;
            Ok((path, bytes))
        };
        files_of(&self.disk)?.into_iter().map(with_length).collect()
    }
}

impl BackupTarget for BackupFolder {
    fn has(&mut self, path: &str, bytes: u64) -> io::Result<bool> {
        match self.disk.open(path) {
            Ok(file) => Ok(file.len()? == bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn begin(&mut self, path: &str, _: u64) -> io::Result<()> {
        match self.disk.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.folders.extend(path.rsplit_once('/').map(|(folder, _)| folder.to_owned()));
        self.file = Some((self.disk.create(path, 0)?, 0));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some((file, at)) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        file.write_at(bytes, *at)?;
        *at += bytes.len() as u64;
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.file.take().map_or(Ok(()), |(file, _)| file.sync())
    }

    fn finish(&mut self, manifest: &[u8], kept: &[String]) -> io::Result<()> {
        self.folders.iter().try_for_each(|folder| self.disk.sync_folder(folder))?;
        replace_whole(&self.disk, MANIFEST, manifest)?;
        for name in self.disk.list(LOG_FOLDER)? {
            let path = format!("{LOG_FOLDER}/{name}");
            if name.ends_with(".seg") && !kept.contains(&path) {
                self.disk.remove(&path)?;
            }
        }
        Ok(())
    }
}

/// The paths of all files that belong to a backup, but the manifest.
fn files_of(disk: &dyn Disk) -> Result<Vec<String>, BackupError> {
    let mut folders = vec![LOG_FOLDER.to_owned()];
    folders.extend((0..=u8::MAX).map(|first| format!("{BLOB_FOLDER}/{first:02x}")));
    let mut files = Vec::new();
    for folder in folders {
        let names = disk.list(&folder).map_err(copy_error(&folder))?;
        files.extend(names.iter().map(|name| format!("{folder}/{name}")).filter(|path| path != MANIFEST));
    }
    Ok(files)
}

impl Database {
    /// Copies everything that the target does not have of an earlier backup of this database. `progress` is called with
    /// the files looked at so far and their number; where it breaks off, so does the backup, and the next one goes on there.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub fn backup(
        &self,
        to: &mut dyn BackupTarget,
        progress: &mut Watch<'_>,
    ) -> Result<BackupReport, BackupError> {
        let _maintenance = self.inner.maintenance.lock();
        let engine = &self.inner.engine;
        let (manifest, segments, head) = {
            // Nothing is committed between the closing of the segment and the reading of the manifest.
            let _lead = self.inner.committer.lead();
            engine.log.roll()?;
            let manifest = read_whole(&*engine.disk, MANIFEST).map_err(copy_error(MANIFEST))?;
            (manifest.unwrap_or_default(), engine.log.segments(), engine.head())
        };
        let mut files: Vec<(String, Option<u64>)> = Vec::new();
        for segment in &segments {
            let bytes = if segment.is_head { SEGMENT_HEADER_BYTES } else { segment.bytes };
            files.push((format!("{LOG_FOLDER}/{}.seg", segment.id), Some(bytes)));
        }
        let blobs = engine.blobs.all().map_err(copy_error(BLOB_FOLDER))?;
        files
            .extend(blobs.iter().map(|digest| (format!("{BLOB_FOLDER}/{:02x}/{digest}", digest.0[0]), None)));
        let report = BackupReport { head, ..BackupReport::default() };
        copy_all(&*engine.disk, to, files, &manifest, report, progress)
    }
}

/// Copies a backup into a new data folder, which must not be there or be empty.
///
/// # Errors
/// See [`BackupError`].
pub fn restore_backup(from: &Path, to: &Path, progress: &mut Watch<'_>) -> Result<BackupReport, BackupError> {
    if !from.join(MANIFEST).is_file() {
        return Err(BackupError::NoBackup(from.to_owned()));
    }
    std::fs::create_dir_all(to).map_err(folder_error(to))?;
    if std::fs::read_dir(to).map_err(folder_error(to))?.next().is_some() {
        return Err(BackupError::NotEmpty(to.to_owned()));
    }
    let source = FolderDisk::open(from).map_err(folder_error(from))?;
    let files = files_of(&source)?.into_iter().map(|path| (path, None)).collect();
    let manifest = read_whole(&source, MANIFEST).map_err(copy_error(MANIFEST))?.unwrap_or_default();
    copy_all(&source, &mut BackupFolder::open(to)?, files, &manifest, BackupReport::default(), progress)
}

/// Copies the first bytes of each file, or all of it, unless the target has it with that length; then the manifest.
fn copy_all(
    from: &dyn Disk,
    to: &mut dyn BackupTarget,
    files: Vec<(String, Option<u64>)>,
    manifest: &[u8],
    mut report: BackupReport,
    progress: &mut Watch<'_>,
) -> Result<BackupReport, BackupError> {
    let total = files.len() as u64;
    for (done, (path, bytes)) in files.iter().enumerate() {
        let mut go_on = || progress(done as u64, total);
        if go_on().is_break() {
            return Err(BackupError::Stopped);
        }
        let copied = copy_one(from, to, (path, *bytes), &mut report, &mut go_on);
        if copied.map_err(copy_error(path))?.is_break() {
            return Err(BackupError::Stopped);
        }
    }
    // All is copied: to stop now would spare nothing.
    let _ = progress(total, total);
    let kept: Vec<String> = files.into_iter().map(|(path, _)| path).collect();
    to.finish(manifest, &kept).map_err(copy_error(MANIFEST))?;
    Ok(report)
}

fn copy_one(
    from: &dyn Disk,
    to: &mut dyn BackupTarget,
    (path, bytes): (&str, Option<u64>),
    report: &mut BackupReport,
    go_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let source = from.open(path)?;
    let bytes = bytes.map_or_else(|| source.len(), Ok)?;
    if to.has(path, bytes)? {
        report.files_kept += 1;
        return Ok(ControlFlow::Continue(()));
    }
    to.begin(path, bytes)?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut at = 0;
    while at < bytes {
        let length = buffer.len().min((bytes - at) as usize);
        source.read_at(&mut buffer[..length], at)?;
        to.write(&buffer[..length])?;
        at += length as u64;
        if at < bytes && go_on().is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    to.end()?;
    report.files_copied += 1;
    report.bytes_copied += bytes;
    Ok(ControlFlow::Continue(()))
}
