//! The baselines for commits: what the disk gives when nothing is kept but bytes.
//!
//! Both append frames to a file whose space is set aside and call fdatasync, as the log does, and begin a new file when
//! that is full. Neither encodes, checks, indexes or shows anything.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use parking_lot::{Condvar, Mutex};
use rustix::fs::{FallocateFlags, fallocate};

/// As much as a segment of the log.
const FILE_BYTES: u64 = 64 << 20;

/// A file that is appended to.
pub(crate) struct RawLog {
    path: PathBuf,
    file: File,
    end: u64,
}

impl RawLog {
    /// Makes the file.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        Ok(Self { path: path.to_owned(), file: preallocated(path)?, end: 0 })
    }

    fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if self.end + bytes.len() as u64 > FILE_BYTES {
            std::fs::remove_file(&self.path)?;
            *self = Self::create(&self.path)?;
        }
        self.file.write_all_at(bytes, self.end)?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// One durable frame.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn commit(&mut self, frame: &[u8]) -> anyhow::Result<()> {
        self.append(frame)?;
        Ok(self.file.sync_data()?)
    }
}

fn preallocated(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, FILE_BYTES)?;
    file.sync_all()?;
    Ok(file)
}

/// The same for many threads: one of them leads, writes what all have brought with one write, and syncs once for all.
pub(crate) struct RawGroup {
    state: Mutex<State>,
    synced: Condvar,
    log: Mutex<RawLog>,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    brought: u64,
    durable: u64,
    is_led: bool,
}

impl RawGroup {
    /// Makes the file.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        Ok(Self { state: Mutex::default(), synced: Condvar::new(), log: Mutex::new(RawLog::create(path)?) })
    }

    /// One durable frame.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn commit(&self, frame: &[u8]) -> anyhow::Result<()> {
        let mut state = self.state.lock();
        state.waiting.extend_from_slice(frame);
        state.brought += 1;
        let own = state.brought;
        while state.durable < own {
            if state.is_led {
                self.synced.wait(&mut state);
                continue;
            }
            state.is_led = true;
            let (bytes, brought) = (std::mem::take(&mut state.waiting), state.brought);
            drop(state);
            let written = self.log.lock().commit(&bytes);
            state = self.state.lock();
            state.is_led = false;
            state.durable = brought;
            self.synced.notify_all();
            written?;
        }
        Ok(())
    }
}
