//! Files in memory, for tests and for sites that need not last.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::{Disk, DiskFile};

/// Files in memory. A clone is another handle on the same files.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    files: Arc<Mutex<BTreeMap<String, Arc<MemoryFile>>>>,
}

impl MemoryDisk {
    /// A disk without files.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Disk for MemoryDisk {
    fn create(&self, path: &str, preallocate_bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        let mut files = self.files.lock();
        if files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = Arc::new(MemoryFile { content: RwLock::new(vec![0; in_memory(preallocate_bytes)?]) });
        files.insert(path.to_owned(), file.clone());
        Ok(file)
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.files.lock().get(path).cloned();
        Ok(file.ok_or(io::ErrorKind::NotFound)?)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        Ok(names_in(folder, self.files.lock().keys()))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files.lock();
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let removed = self.files.lock().remove(path);
        removed.map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn sync_folder(&self, _folder: &str) -> io::Result<()> {
        Ok(())
    }
}

struct MemoryFile {
    content: RwLock<Vec<u8>>,
}

impl DiskFile for MemoryFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        overwrite(&mut self.content.write(), bytes, offset)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        copy_out(&self.content.read(), into, offset)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.content.read().len() as u64)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.content.write().resize(in_memory(bytes)?, 0);
        Ok(())
    }
}

/// The names of those `paths` that lie directly in `folder`, in the order of the paths.
pub(super) fn names_in<'a>(folder: &str, paths: impl Iterator<Item = &'a String>) -> Vec<String> {
    let inside = |path: &'a String| match folder {
        "" => Some(path.as_str()),
        folder => path.strip_prefix(folder)?.strip_prefix('/'),
    };
    paths.filter_map(inside).filter(|name| !name.contains('/')).map(str::to_owned).collect()
}

/// Writes `bytes` into `content` at `offset`, which becomes longer where needed.
pub(super) fn overwrite(content: &mut Vec<u8>, bytes: &[u8], offset: u64) -> io::Result<()> {
    let start = in_memory(offset)?;
    let end = start.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
    if content.len() < end {
        content.resize(end, 0);
    }
    content[start..end].copy_from_slice(bytes);
    Ok(())
}

/// Fills `into` from `content` at `offset`.
pub(super) fn copy_out(content: &[u8], into: &mut [u8], offset: u64) -> io::Result<()> {
    let rest = usize::try_from(offset).ok().and_then(|start| content.get(start..));
    let found = rest.and_then(|rest| rest.get(..into.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
    into.copy_from_slice(found);
    Ok(())
}

fn in_memory(bytes: u64) -> io::Result<usize> {
    usize::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge.into())
}
