//! A disk that stops, loses and damages on purpose.
//!
//! It keeps apart what was written and what would survive a power cut: bytes become durable by the file's sync, names
//! by the folder's. After a failed sync the bytes read back as written, but no later sync makes them durable, as on
//! Linux ("fsyncgate").

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::memory::{copy_out, names_in, overwrite};
use super::{Disk, DiskFile, folder_of};

/// The unit in which a medium keeps or loses a write.
const SECTOR_BYTES: usize = 512;

/// What a crash leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashMode {
    /// Nothing.
    LoseUnsynced,
    /// Everything, as when only the process ends.
    KeepAll,
    /// Of each write any sectors, of each folder the first so many changes, as the seed has it.
    Arbitrary,
}

/// A disk in memory that fails when told to. A clone is another handle on the same disk.
#[derive(Clone, Default)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    files: Vec<FileState>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pending_names: Vec<NameChange>,
    operations: u64,
    operations_max: Option<u64>,
    fails_at: Option<u64>,
    bytes_left: Option<u64>,
    syncs_fail: bool,
}

#[derive(Clone, Default)]
struct FileState {
    current: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// So many of the pending changes met a failed sync: no later one makes them durable.
    abandoned: usize,
}

#[derive(Clone)]
enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Length(u64),
}

#[derive(Clone)]
enum NameChange {
    Put { path: String, file: usize },
    Move { from: String, to: String, file: usize },
    Remove { path: String },
}

impl FaultyDisk {
    /// An empty disk that does as it is told.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets so many more operations through (write, set length, sync, create, rename, remove, sync of a folder), then
    /// fails all.
    pub fn stop_after(&self, operations: u64) {
        let mut state = self.state.lock();
        state.operations_max = Some(state.operations.saturating_add(operations));
    }

    /// Lets so many more operations through, fails one, and lets all that follow through.
    pub fn fail_once_after(&self, operations: u64) {
        let mut state = self.state.lock();
        state.fails_at = Some(state.operations.saturating_add(operations));
    }

    /// How many operations got through.
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// Whether syncs of files fail from now on.
    pub fn fail_syncs(&self, fail: bool) {
        self.state.lock().syncs_fail = fail;
    }

    /// Lets files grow by so many more bytes, then the disk is full. `u64::MAX` is room for everything.
    pub fn disk_full_after(&self, bytes: u64) {
        self.state.lock().bytes_left = Some(bytes);
    }

    /// Flips the bits of `mask` in one byte, durably.
    ///
    /// # Panics
    /// When there is no such byte.
    pub fn damage(&self, path: &str, offset: u64, mask: u8) {
        let mut state = self.state.lock();
        let file = state.names[path];
        let file = &mut state.files[file];
        file.current[offset as usize] ^= mask;
        if let Some(byte) = file.durable.get_mut(offset as usize) {
            *byte ^= mask;
        }
    }

    /// Cuts a file, durably.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn truncate(&self, path: &str, bytes: u64) {
        let mut state = self.state.lock();
        let file = state.names[path];
        let file = &mut state.files[file];
        file.current.truncate(bytes as usize);
        file.durable.truncate(bytes as usize);
    }

    /// What the disk is after a crash now: a disk of its own, all of it durable, that does as it is told.
    pub fn after_crash(&self, seed: u64, mode: CrashMode) -> Self {
        let state = self.state.lock();
        let mut chance = Chance(seed);
        let names = match mode {
            CrashMode::KeepAll => state.names.clone(),
            CrashMode::LoseUnsynced => state.durable_names.clone(),
            CrashMode::Arbitrary => state.some_names(&mut chance),
        };
        let mut left = State::default();
        for (path, file) in names {
            let content = state.files[file].after_crash(&mut chance, mode);
            left.names.insert(path, left.files.len());
            left.files.push(FileState { current: content.clone(), durable: content, ..FileState::default() });
        }
        left.durable_names = left.names.clone();
        Self { state: Arc::new(Mutex::new(left)) }
    }
}

impl State {
    fn begin_operation(&mut self) -> io::Result<()> {
        if self.operations_max.is_some_and(|max| self.operations >= max) {
            return Err(io::Error::other("the disk was told to stop"));
        }
        if self.fails_at == Some(self.operations) {
            self.fails_at = None;
            return Err(io::Error::other("the disk was told to fail this operation"));
        }
        self.operations += 1;
        Ok(())
    }

    fn find(&self, path: &str) -> io::Result<usize> {
        self.names.get(path).copied().ok_or(io::ErrorKind::NotFound.into())
    }

    fn take_room(&mut self, bytes: u64) -> io::Result<()> {
        if let Some(left) = &mut self.bytes_left {
            *left = left.checked_sub(bytes).ok_or(io::ErrorKind::StorageFull)?;
        }
        Ok(())
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push(change);
    }

    fn some_names(&self, chance: &mut Chance) -> BTreeMap<String, usize> {
        let mut names = self.durable_names.clone();
        let mut kept: BTreeMap<&str, u64> = BTreeMap::new();
        for change in &self.pending_names {
            let left = kept.entry(change.folder()).or_insert_with(|| {
                let all = self.pending_names.iter().filter(|other| other.folder() == change.folder()).count();
                chance.below(all as u64 + 1)
            });
            if *left > 0 {
                *left -= 1;
                change.apply(&mut names);
            }
        }
        names
    }
}

impl NameChange {
    fn folder(&self) -> &str {
        match self {
            Self::Put { path, .. } | Self::Remove { path } | Self::Move { to: path, .. } => folder_of(path),
        }
    }

    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Put { path, file } => {
                names.insert(path.clone(), *file);
            }
            Self::Move { from, to, file } => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
            Self::Remove { path } => {
                names.remove(path);
            }
        }
    }
}

impl FileState {
    fn change(&mut self, change: Change) -> io::Result<()> {
        change.apply(&mut self.current)?;
        self.pending.push(change);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        for change in self.pending.drain(self.abandoned..) {
            change.apply(&mut self.durable)?;
        }
        Ok(())
    }

    fn after_crash(&self, chance: &mut Chance, mode: CrashMode) -> Vec<u8> {
        match mode {
            CrashMode::KeepAll => self.current.clone(),
            CrashMode::LoseUnsynced => self.durable.clone(),
            CrashMode::Arbitrary => self.some_changes(chance),
        }
    }

    fn some_changes(&self, chance: &mut Chance) -> Vec<u8> {
        let mut content = self.durable.clone();
        let kept_in_4 = chance.below(5);
        for change in &self.pending {
            for part in change.sectors() {
                if chance.below(4) < kept_in_4 {
                    part.apply(&mut content).expect("it fits memory, as it did before");
                }
            }
        }
        content
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Write { offset, bytes } => overwrite(content, bytes, *offset),
            Self::Length(bytes) => {
                content.resize(*bytes as usize, 0);
                Ok(())
            }
        }
    }

    fn sectors(&self) -> Vec<Self> {
        let Self::Write { offset, bytes } = self else { return vec![self.clone()] };
        let mut parts = Vec::new();
        let mut start = 0;
        while start < bytes.len() {
            let at = offset + start as u64;
            let room = SECTOR_BYTES - (at % SECTOR_BYTES as u64) as usize;
            let end = bytes.len().min(start + room);
            parts.push(Self::Write { offset: at, bytes: bytes[start..end].to_vec() });
            start = end;
        }
        parts
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &str, preallocate_bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.take_room(preallocate_bytes)?;
        let file = state.files.len();
        let mut content = FileState::default();
        content.change(Change::Length(preallocate_bytes))?;
        state.files.push(content);
        state.change_names(NameChange::Put { path: path.to_owned(), file });
        Ok(Arc::new(FaultyFile { state: self.state.clone(), file }))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.state.lock().find(path)?;
        Ok(Arc::new(FaultyFile { state: self.state.clone(), file }))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        Ok(names_in(folder, self.state.lock().names.keys()))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        let file = state.find(from)?;
        state.change_names(NameChange::Move { from: from.to_owned(), to: to.to_owned(), file });
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.find(path)?;
        state.begin_operation()?;
        state.change_names(NameChange::Remove { path: path.to_owned() });
        Ok(())
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        let pending = std::mem::take(&mut state.pending_names);
        let (synced, rest): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|change| change.folder() == folder);
        for change in synced {
            change.apply(&mut state.durable_names);
        }
        state.pending_names = rest;
        Ok(())
    }
}

struct FaultyFile {
    state: Arc<Mutex<State>>,
    file: usize,
}

impl DiskFile for FaultyFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        let length = state.files[self.file].current.len() as u64;
        state.take_room((offset + bytes.len() as u64).saturating_sub(length))?;
        state.files[self.file].change(Change::Write { offset, bytes: bytes.to_vec() })
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        copy_out(&self.state.lock().files[self.file].current, into, offset)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        let begun = state.begin_operation();
        let told_to_fail = io::Error::other("the disk was told to fail this sync");
        let begun = if state.syncs_fail { begun.and(Err(told_to_fail)) } else { begun };
        let file = &mut state.files[self.file];
        if begun.is_err() {
            file.abandoned = file.pending.len();
            return begun;
        }
        file.sync()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.state.lock().files[self.file].current.len() as u64)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        let length = state.files[self.file].current.len() as u64;
        state.take_room(bytes.saturating_sub(length))?;
        state.files[self.file].change(Change::Length(bytes))
    }
}

/// Numbers that look random and follow from a seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
