//! Files in a folder.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::{Disk, DiskFile, folder_of};

/// The files of a folder that only its owner may enter.
pub struct FolderDisk {
    root: PathBuf,
}

impl FolderDisk {
    /// Opens the folder, and makes it durably when there is none. Its container must exist.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        match DirBuilder::new().mode(0o700).create(&root) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !root.is_dir() => {
                return Err(error);
            }
            _ => {}
        }
        // Also where it was there: who made it may have been stopped before this. A container that may not be read is
        // that of a folder made by somebody else.
        match sync_names_of(container_of(&root)) {
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
            _ => {}
        }
        Ok(Self { root })
    }

    fn path(&self, path: &str) -> io::Result<PathBuf> {
        let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || path.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{path}` is not a relative path"),
            ));
        }
        Ok(self.root.join(path))
    }

    fn folder(&self, folder: &str) -> io::Result<PathBuf> {
        if folder.is_empty() { Ok(self.root.clone()) } else { self.path(folder) }
    }
}

impl Disk for FolderDisk {
    fn create(&self, path: &str, preallocate_bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        let full = self.path(path)?;
        make_folder(&self.folder(folder_of(path))?)?;
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&full)?;
        if let Err(error) = preallocate(&file, preallocate_bytes) {
            fs::remove_file(&full)?;
            return Err(error);
        }
        Ok(Arc::new(FolderFile { file }))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.path(path)?)?;
        Ok(Arc::new(FolderFile { file }))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.folder(folder)?) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                names.extend(entry.file_name().into_string().ok());
            }
        }
        names.sort();
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        make_folder(&self.folder(folder_of(to))?)?;
        fs::rename(self.path(from)?, self.path(to)?)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.path(path)?)
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        let mut full = self.folder(folder)?;
        loop {
            sync_names_of(&full)?;
            if full == self.root || !full.pop() {
                return Ok(());
            }
        }
    }
}

struct FolderFile {
    file: File,
}

impl DiskFile for FolderFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(into, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }
}

fn preallocate(file: &File, bytes: u64) -> io::Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(bytes),
        Err(error) => Err(error.into()),
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn container_of(folder: &Path) -> &Path {
    match folder.parent() {
        Some(container) if !container.as_os_str().is_empty() => container,
        _ => Path::new("."),
    }
}

fn sync_names_of(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
