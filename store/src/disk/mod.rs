//! What bytes lie on: the seam under the log, its manifest and the blobs.
//!
//! The code above sees named files of bytes, what is durable only after a sync, and nothing else. So the same segment
//! code runs over a folder, over memory, and over a disk that stops, loses and damages on purpose.
//!
//! # Invariants
//! - A path is relative, its parts are joined by `/`, and no part is empty, `.` or `..`.
//! - Bytes written to a file may be lost until its [`DiskFile::sync`]; a name made, moved or removed may be lost until
//!   [`Disk::sync_folder`].
//!
//! Not here: what the bytes mean (`log`), who else uses the folder (one process owns it, see `database`).

use std::io;
use std::sync::Arc;

#[cfg(any(test, feature = "testing"))]
mod faulty;
mod files;
mod memory;
#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "testing"))]
pub use faulty::{CrashMode, FaultyDisk};
pub use files::FolderDisk;
pub use memory::MemoryDisk;

/// Named files on some medium.
pub trait Disk: Send + Sync {
    /// Makes a new file whose first `preallocate_bytes` read as zero and have their place on the medium.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when there is such a file, [`io::ErrorKind::StorageFull`] when the bytes do not
    /// fit; then no file is left behind.
    fn create(&self, path: &str, preallocate_bytes: u64) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens an existing file to read and write.
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Returns the names of the files directly in `folder`, sorted; none when there is no such folder.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Gives the file `from` the name `to`, in place of a file that may have it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a name. Who has the file open may go on reading it.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Returns when the names in `folder`, and the folder itself, would survive a power cut.
    fn sync_folder(&self, folder: &str) -> io::Result<()>;
}

/// One open file. Reads and writes name their offset, so a file has no cursor and may be shared.
pub trait DiskFile: Send + Sync {
    /// Writes all of `bytes` at `offset`; a write past the end makes the file longer.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Fills `into` from `offset`.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the file ends before.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;

    /// Returns when everything written so far would survive a power cut. After an error nothing is known of the bytes
    /// written since the last success, although they may read back as written; another sync proves nothing.
    fn sync(&self) -> io::Result<()>;

    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether there is no byte in it.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts the file or makes it longer by zeros.
    fn set_len(&self, bytes: u64) -> io::Result<()>;
}

/// Returns the whole content of a small file, or `None` when there is no such file.
pub fn read_whole(disk: &dyn Disk, path: &str) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let bytes = usize::try_from(file.len()?).map_err(io::Error::other)?;
    let mut content = vec![0; bytes];
    file.read_at(&mut content, 0)?;
    Ok(Some(content))
}

/// Replaces the whole content of a small file: after a crash it is the former content or the new one, never a mixture;
/// after a success it is durably the new one. After an error either may be there.
pub fn replace_whole(disk: &dyn Disk, path: &str, content: &[u8]) -> io::Result<()> {
    stage_whole(disk, path, content)?;
    publish_whole(disk, path)
}

/// The first half of [`replace_whole`]: the new content lies durably beside the file, which is still the former one.
pub(crate) fn stage_whole(disk: &dyn Disk, path: &str, content: &[u8]) -> io::Result<()> {
    let staged = staged_path(path);
    match disk.remove(&staged) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(&staged, 0)?;
    file.write_at(content, 0)?;
    file.sync()
}

/// The second half of [`replace_whole`]: the staged content takes the file's name.
pub(crate) fn publish_whole(disk: &dyn Disk, path: &str) -> io::Result<()> {
    disk.rename(&staged_path(path), path)?;
    disk.sync_folder(folder_of(path))
}

/// Where the next content of `path` lies until it takes its name.
pub(crate) fn staged_path(path: &str) -> String {
    format!("{path}.new")
}

/// The folder part of a path; empty for a file at the top.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}
