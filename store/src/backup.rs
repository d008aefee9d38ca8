//! Backup: a copy of everything that cannot be made again, consistent at one commit, while the database is in use.
//!
//! What is copied are the closed segments of the log, the files of large contents and, last of all, the manifest. Both
//! kinds of file never change once they are closed, so that a backup into the same folder again copies only what is
//! new. A backup is itself a data folder without an index: opened, it builds that from the log.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bough_core::Tid;

use crate::database::Database;
use crate::disk::{Disk, FolderDisk, read_whole, replace_whole};
use crate::log::{AppendError, Packable};

const COPY_BYTES: usize = 1 << 20;
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
    /// The folder to copy to is not empty.
    #[error("cannot restore to `{}`: the folder is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// The folder to copy from is no backup.
    #[error("`{}` is no backup: there is no `{MANIFEST}` in it", .0.display())]
    NoBackup(PathBuf),
    /// A backup into the data folder itself.
    #[error("cannot back up into the data folder itself")]
    IntoItself,
}

fn copy_error(path: &str) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Copy { path, source }
}

impl Database {
    /// Copies everything into `to`, making the folder where it is not there; what it holds of an earlier backup of
    /// this database is kept. `progress` is called with the files looked at so far and their number.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub fn backup(&self, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<BackupReport, BackupError> {
        let _maintenance = self.inner.maintenance.lock();
        let engine = &self.inner.engine;
        let from = &engine.disk;
        let target = FolderDisk::open(to).map_err(copy_error(&to.display().to_string()))?;
        let into_itself = to.join("lock").exists();
        if into_itself {
            return Err(BackupError::IntoItself);
        }
        let (manifest, segments, head) = {
            // Nothing is committed between the closing of the segment and the reading of the manifest.
            let _lead = self.inner.committer.lead();
            engine.log.roll()?;
            let manifest = read_whole(&**from, MANIFEST).map_err(copy_error(MANIFEST))?.unwrap_or_default();
            (manifest, engine.log.segments(), engine.head())
        };
        let mut files: Vec<(String, Option<u64>)> = Vec::new();
        for segment in &segments {
            let bytes = if segment.is_head { SEGMENT_HEADER_BYTES } else { segment.bytes };
            files.push((format!("{LOG_FOLDER}/{}.seg", segment.id), Some(bytes)));
        }
        let blobs = engine.blobs.all().map_err(copy_error(BLOB_FOLDER))?;
        files
            .extend(blobs.iter().map(|digest| (format!("{BLOB_FOLDER}/{:02x}/{digest}", digest.0[0]), None)));
        let mut copy =
            Copy { from: Arc::clone(from), to: &target, report: BackupReport { head, ..Default::default() } };
        copy.all(&files, progress)?;
        replace_whole(&target, MANIFEST, &manifest).map_err(copy_error(MANIFEST))?;
        // Segments that were packed away since the last backup.
        for name in target.list(LOG_FOLDER).map_err(copy_error(LOG_FOLDER))? {
            let path = format!("{LOG_FOLDER}/{name}");
            if name.ends_with(".seg") && !files.iter().any(|(kept, _)| *kept == path) {
                target.remove(&path).map_err(copy_error(&path))?;
            }
        }
        Ok(copy.report)
    }
}

/// Copies a backup into a new data folder, which must not be there or be empty.
///
/// # Errors
/// See [`BackupError`].
pub fn restore_backup(
    from: &Path,
    to: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<BackupReport, BackupError> {
    if !from.join(MANIFEST).is_file() {
        return Err(BackupError::NoBackup(from.to_owned()));
    }
    let mut there = match std::fs::read_dir(to) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            std::fs::create_dir_all(to).map_err(copy_error(&to.display().to_string()))?;
            std::fs::read_dir(to).map_err(copy_error(&to.display().to_string()))?
        }
        Err(error) => return Err(copy_error(&to.display().to_string())(error)),
    };
    if there.next().is_some() {
        return Err(BackupError::NotEmpty(to.to_owned()));
    }
    let source: Arc<dyn Disk> =
        Arc::new(FolderDisk::open(from).map_err(copy_error(&from.display().to_string()))?);
    let target = FolderDisk::open(to).map_err(copy_error(&to.display().to_string()))?;
    let mut files: Vec<(String, Option<u64>)> = Vec::new();
    let mut folders = vec![LOG_FOLDER.to_owned()];
    folders.extend((0..=u8::MAX).map(|first| format!("{BLOB_FOLDER}/{first:02x}")));
    for folder in folders {
        let names = source.list(&folder).map_err(copy_error(&folder))?;
        let names = names.iter().map(|name| format!("{folder}/{name}")).filter(|path| path != MANIFEST);
        files.extend(names.map(|path| (path, None)));
    }
    let manifest = read_whole(&*source, MANIFEST).map_err(copy_error(MANIFEST))?.unwrap_or_default();
    let mut copy = Copy { from: source, to: &target, report: BackupReport::default() };
    copy.all(&files, progress)?;
    replace_whole(&target, MANIFEST, &manifest).map_err(copy_error(MANIFEST))?;
    Ok(copy.report)
}

struct Copy<'a> {
    from: Arc<dyn Disk>,
    to: &'a FolderDisk,
    report: BackupReport,
}

impl Copy<'_> {
    fn all(
        &mut self,
        files: &[(String, Option<u64>)],
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), BackupError> {
        let mut folders: Vec<&str> = Vec::new();
        for (done, (path, bytes)) in files.iter().enumerate() {
            progress(done as u64, files.len() as u64);
            self.one(path, *bytes).map_err(copy_error(path))?;
            folders.extend(path.rsplit_once('/').map(|(folder, _)| folder));
        }
        folders.sort_unstable();
        folders.dedup();
        folders.iter().try_for_each(|folder| self.to.sync_folder(folder).map_err(copy_error(folder)))?;
        progress(files.len() as u64, files.len() as u64);
        Ok(())
    }

    /// Copies the first `bytes` of a file, or all of it, unless it is there with that length.
    fn one(&mut self, path: &str, bytes: Option<u64>) -> io::Result<()> {
        let source = self.from.open(path)?;
        let bytes = bytes.map_or_else(|| source.len(), Ok)?;
        // The head of an earlier backup has the length of a header and was closed since.
        match self.to.open(path) {
            Ok(there) if there.len()? == bytes => {
                self.report.files_kept += 1;
                return Ok(());
            }
            Ok(_) => self.to.remove(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let target = self.to.create(path, 0)?;
        let mut buffer = vec![0; COPY_BYTES];
        let mut at = 0;
        while at < bytes {
            let length = buffer.len().min((bytes - at) as usize);
            source.read_at(&mut buffer[..length], at)?;
            target.write_at(&buffer[..length], at)?;
            at += length as u64;
        }
        target.sync()?;
        self.report.files_copied += 1;
        self.report.bytes_copied += bytes;
        Ok(())
    }
}
