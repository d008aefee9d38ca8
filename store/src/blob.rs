//! Blobs: bytes too large for the log, as files by their digest.
//!
//! A blob is written to a file of its own under `blobs/staged/`, made durable, and renamed to its digest before the
//! commit that names it is appended. So a commit never names a blob that is not there; a crash in between leaves a
//! file that nobody names, which pack removes.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bough_core::value::{BlobRef, Digest};
use parking_lot::Mutex;

use crate::disk::{Disk, DiskFile};

/// Values up to this size lie in the log as items, larger ones are files. In bytes.
pub(crate) const ITEM_BYTES_MAX: u64 = 1 << 20;

const FOLDER: &str = "blobs";
const STAGED: &str = "blobs/staged";

/// The blobs of a database.
pub(crate) struct Blobs {
    disk: Arc<dyn Disk>,
    staged: AtomicU64,
    session: u64,
    names: Mutex<Names>,
}

/// Which names would survive a crash: a file that is there under its digest may still lose it.
#[derive(Default)]
struct Names {
    /// Given, and their folder not yet synced since, or without success.
    doubtful: HashSet<Digest>,
    /// The folders in which all other names are durable. What an earlier process left is synced when it is first met.
    settled_folders: HashSet<String>,
}

/// A blob that is written and that no commit names yet; dropped without being kept, its file is removed.
pub(crate) struct StagedBlob {
    disk: Arc<dyn Disk>,
    path: String,
    file: Arc<dyn DiskFile>,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Blobs {
    /// The blobs on this disk. `session` tells the staged files of this opening from older ones.
    pub(crate) fn new(disk: Arc<dyn Disk>, session: u64) -> Self {
        Self { disk, staged: AtomicU64::new(0), session, names: Mutex::default() }
    }

    /// Removes what a crash left half written.
    pub(crate) fn clear_staged(&self) -> io::Result<usize> {
        let left = self.disk.list(STAGED)?;
        left.iter().try_for_each(|name| self.disk.remove(&format!("{STAGED}/{name}")))?;
        Ok(left.len())
    }

    /// Begins a blob.
    pub(crate) fn stage(&self) -> io::Result<StagedBlob> {
        let number = self.staged.fetch_add(1, Ordering::Relaxed);
        let path = format!("{STAGED}/{:x}-{number:x}", self.session);
        let file = self.disk.create(&path, 0)?;
        let disk = Arc::clone(&self.disk);
        Ok(StagedBlob { disk, path, file, hasher: blake3::Hasher::new(), bytes: 0 })
    }

    /// Makes staged blobs durable under their digests: all files first, then their folders.
    pub(crate) fn keep(&self, staged: Vec<(StagedBlob, Digest)>) -> io::Result<()> {
        for (blob, _) in &staged {
            blob.file.sync()?;
        }
        let digests: Vec<Digest> = staged.iter().map(|(_, digest)| *digest).collect();
        self.names.lock().doubtful.extend(&digests);
        for (blob, digest) in staged {
            self.disk.rename(&blob.path, &path_of(&digest))?;
        }
        let mut folders: Vec<String> = digests.iter().map(folder_of).collect();
        folders.sort();
        folders.dedup();
        self.sync_folders(&folders)?;
        let mut names = self.names.lock();
        digests.iter().for_each(|digest| _ = names.doubtful.remove(digest));
        Ok(())
    }

    fn sync_folders(&self, folders: &[String]) -> io::Result<()> {
        folders.iter().try_for_each(|folder| self.disk.sync_folder(folder))?;
        if folders.is_empty() { Ok(()) } else { self.disk.sync_folder(FOLDER) }
    }

    /// Opens a kept blob.
    pub(crate) fn open(&self, blob: &BlobRef) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.open(&path_of(&blob.digest))?;
        let found = file.len()?;
        if found == blob.bytes {
            return Ok(file);
        }
        let problem = format!("blob {} has {found} bytes, expected {}", blob.digest, blob.bytes);
        Err(io::Error::new(io::ErrorKind::InvalidData, problem))
    }

    /// Whether this blob is kept, durably and with all its bytes: a commit may name it.
    pub(crate) fn is_kept(&self, blob: &BlobRef) -> io::Result<bool> {
        let mut names = self.names.lock();
        if names.doubtful.contains(&blob.digest) || self.open(blob).is_err() {
            return Ok(false);
        }
        let folder = folder_of(&blob.digest);
        if !names.settled_folders.contains(&folder) {
            self.sync_folders(std::slice::from_ref(&folder))?;
            names.settled_folders.insert(folder);
        }
        Ok(true)
    }

    /// The digests of all kept blobs.
    pub(crate) fn all(&self) -> io::Result<Vec<Digest>> {
        let mut digests = Vec::new();
        for first in 0..=u8::MAX {
            for name in self.disk.list(&format!("{FOLDER}/{first:02x}"))? {
                digests.extend(parse_digest(&name));
            }
        }
        Ok(digests)
    }

    /// How long a kept blob is, in bytes.
    pub(crate) fn bytes(&self, digest: &Digest) -> io::Result<u64> {
        self.disk.open(&path_of(digest))?.len()
    }

    /// Removes a blob that nothing names any more.
    pub(crate) fn remove(&self, digest: &Digest) -> io::Result<()> {
        self.disk.remove(&path_of(digest))
    }
}

impl StagedBlob {
    /// Adds bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(bytes, self.bytes)?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// What it is.
    pub(crate) fn blob(&self) -> BlobRef {
        BlobRef { digest: Digest(*self.hasher.finalize().as_bytes()), bytes: self.bytes }
    }
}

impl Drop for StagedBlob {
    fn drop(&mut self) {
        // Renamed away when it was kept; then there is nothing to remove.
        let _ = self.disk.remove(&self.path);
    }
}

fn folder_of(digest: &Digest) -> String {
    format!("{FOLDER}/{:02x}", digest.0[0])
}

fn path_of(digest: &Digest) -> String {
    format!("{}/{digest}", folder_of(digest))
}

fn parse_digest(name: &str) -> Option<Digest> {
    let mut digest = [0; 32];
    if name.len() != 64 || !name.is_ascii() {
        return None;
    }
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&name[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(Digest(digest))
}
