//! sled as the base index, with what keeps it from lying.
//!
//! sled's own flush does not sync, it may lose its newest batches, refuse to open, or panic, at open and later. None of
//! that loses anything, as the log has it all; but nobody may be told that it is there when it is not. So:
//!
//! - Only a position recorded after a sync of our own counts as confirmed. Each recorded position has a serial number,
//!   in sled and in the file `confirmed`: a sled that shows an older one than was confirmed has lost something.
//! - Every call catches panics. After the first failure the index answers nothing more, and unless it was only for want
//!   of space it is set aside at the next open.
//! - One tree. Keys and values so small that no node of it comes near 128 KiB, which sled puts into files it never
//!   syncs: a node, not a value, so that 16 values of 8 KiB are too much already.
//! - sled's files are only ever made with its default `segment_size`, `mode` and no compression.
//!
//! sled has one lock for the whole process: while a batch is applied, all readers wait.

use std::fs::File;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::fs::{FlockOperation, flock};
use uuid::Uuid;

use super::folder::{Confirmed, Folder, io_error, parse_confirmed};
use super::layers::End;
use super::{Entry, FIRST_BYTE_RESERVED, Index, IndexError, Key, Value, Visit, check_batch, panic_text};

/// Where sled keeps the position it covers: the serial number, then the position.
const POSITION_KEY: &[u8] = &[FIRST_BYTE_RESERVED, b'p'];

/// How often sled writes and collects garbage; it does the latter nowhere else.
const FLUSH_EVERY_MS: u64 = 500;

/// Least page cache. sled panics below 256 bytes, and a wrong setting must not look like a damaged index.
const CACHE_BYTES_MIN: u64 = 1 << 20;

/// How long a close waits for sled, whose drop never ends if one of its threads has panicked.
const CLOSE_WAIT: Duration = Duration::from_secs(60);

/// The same for a sled that failed: there is nothing to wait for.
const CLOSE_WAIT_FAILED: Duration = Duration::from_secs(1);

/// How often a close looks whether the file is free.
const UNLOCK_POLL: Duration = Duration::from_millis(1);

/// What an index belongs to. One with another identity is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The store whose log this is the index of.
    pub store: Uuid,
    /// Number of the layout of keys and values.
    pub format: u32,
}

/// How a [`SledIndex`] is opened.
#[derive(Clone, Copy, Debug)]
pub struct SledOptions {
    /// What the index must belong to.
    pub identity: Identity,
    /// Bytes that sled's page cache may take. The process grows by more than that.
    /// At least 1 MiB is used.
    pub cache_bytes: u64,
}

/// A [`SledIndex`], and how it was come by.
#[derive(Debug)]
pub enum Opened {
    /// It was there. Replay the log from [`Index::confirmed`].
    Found(SledIndex),
    /// There was none. Replay the whole log.
    Created(SledIndex),
    /// The one that was there is of no use. Replay the whole log into this empty one, and say so.
    Rebuilt {
        /// A fresh one.
        index: SledIndex,
        /// What was wrong with the old one.
        reason: String,
        /// Where the old one is now.
        aside: PathBuf,
    },
}

impl Opened {
    /// Returns the index.
    pub fn into_index(self) -> SledIndex {
        match self {
            Opened::Found(index) | Opened::Created(index) | Opened::Rebuilt { index, .. } => index,
        }
    }
}

/// The index in a sled database.
#[derive(Debug)]
pub struct SledIndex {
    folder: Folder,
    /// `None` only while it is dropped.
    db: Option<sled::Db>,
    /// Our own handle of sled's log, for the sync that sled leaves out.
    db_file: File,
    /// What sled shows; the lock keeps writers in order.
    position: Mutex<Option<Confirmed>>,
    /// What is recorded as durable; the lock is held while that changes.
    confirmed: Mutex<Option<Confirmed>>,
    failure: OnceLock<String>,
}

/// Why an existing folder was not opened.
enum Refusal {
    /// It is of no use.
    Useless(String),
    /// It may be good, and cannot be opened now.
    NotNow(IndexError),
}

impl From<IndexError> for Refusal {
    fn from(error: IndexError) -> Refusal {
        Refusal::NotNow(error)
    }
}

impl SledIndex {
    /// Opens the index in the folder `dir`, or makes one; sets aside what does not open, has lost confirmed entries,
    /// or belongs elsewhere.
    ///
    /// # Errors
    /// [`IndexError::InUse`] if another process has it open; [`IndexError::Io`] if the file system refuses.
    pub fn open(dir: &Path, options: SledOptions) -> Result<Opened, IndexError> {
        let folder = Folder::new(dir);
        if !folder.db().exists() && folder.identity()?.is_none() {
            return Ok(Opened::Created(SledIndex::create(folder, options)?));
        }
        let reason = match SledIndex::open_existing(folder.clone(), options) {
            Ok(index) => return Ok(Opened::Found(index)),
            Err(Refusal::NotNow(error)) => return Err(error),
            Err(Refusal::Useless(reason)) => reason,
        };
        let aside = folder.set_aside()?;
        tracing::warn!(%reason, aside = %aside.display(), "index set aside; it is rebuilt from the log");
        Ok(Opened::Rebuilt { index: SledIndex::create(folder, options)?, reason, aside })
    }

    /// Renames the folder of a closed index out of the way, to `NAME.damaged-N` beside it, keeps the two newest of
    /// those, and returns where it went. For the caller who finds that index and log disagree.
    ///
    /// # Errors
    /// [`IndexError::InUse`] if a process has it open; [`IndexError::Io`] if the file system refuses.
    pub fn set_aside(dir: &Path) -> Result<PathBuf, IndexError> {
        let folder = Folder::new(dir);
        folder.check_not_in_use()?;
        folder.set_aside()
    }

    /// Returns the position that the index shows: at or past [`Index::confirmed`], not necessarily durable. One beyond
    /// the end of the log means that they disagree: close, [`set_aside`](SledIndex::set_aside), open.
    pub fn covered(&self) -> Option<Box<[u8]>> {
        self.position.lock().as_ref().map(|position| position.covered.clone())
    }

    /// Returns the names of the files that sled wrote beside its log, where it never syncs them. `check` wants none.
    pub fn stray_blobs(&self) -> Result<Vec<String>, IndexError> {
        self.folder.stray_blobs()
    }

    /// Returns why the index answers nothing more, if it failed.
    pub fn failure(&self) -> Option<String> {
        self.failure.get().cloned()
    }

    fn create(folder: Folder, options: SledOptions) -> Result<SledIndex, IndexError> {
        folder.create(options.identity)?;
        SledIndex::start(folder, options, None).map_err(|refusal| match refusal {
            Refusal::NotNow(error) => error,
            Refusal::Useless(reason) => IndexError::Engine { attempt: "create an index", reason },
        })
    }

    fn open_existing(folder: Folder, options: SledOptions) -> Result<SledIndex, Refusal> {
        folder.check_not_in_use()?;
        if let Some(reason) = folder.damage() {
            return Err(Refusal::Useless(reason));
        }
        match folder.identity()? {
            Some(identity) if identity == options.identity => {}
            Some(Identity { store, format }) => {
                let Identity { store: wanted, format: wanted_format } = options.identity;
                return Err(Refusal::Useless(format!(
                    "it is of store {store}, format {format}; wanted {wanted}, format {wanted_format}"
                )));
            }
            None => return Err(Refusal::Useless("it does not say whose it is".into())),
        }
        let confirmed = folder.confirmed()?;
        SledIndex::start(folder, options, confirmed)
    }

    fn start(
        folder: Folder,
        options: SledOptions,
        confirmed: Option<Confirmed>,
    ) -> Result<SledIndex, Refusal> {
        let config = sled::Config::default()
            .path(folder.sled())
            .cache_capacity(options.cache_bytes.max(CACHE_BYTES_MIN))
            .flush_every_ms(Some(FLUSH_EVERY_MS));
        let db = match caught(|| config.open()) {
            Ok(db) => db,
            Err(failure) => return Err(judge(&folder, failure)),
        };
        let db_path = folder.db();
        let db_file = File::open(&db_path).map_err(io_error("open", &db_path))?;
        let mut index = SledIndex {
            folder,
            db: Some(db),
            db_file,
            position: Mutex::new(None),
            confirmed: Mutex::new(confirmed),
            failure: OnceLock::new(),
        };
        index.look_inside()?;
        index.folder.sync_engine_files()?;
        Ok(index)
    }

    /// Reads the position, and compares it with what was confirmed.
    fn look_inside(&mut self) -> Result<(), Refusal> {
        let stored =
            caught(|| self.db().get(POSITION_KEY)).map_err(|failure| judge(&self.folder, failure))?;
        let shown = match stored {
            Some(bytes) => {
                let torn = || Refusal::Useless("the position it shows cannot be read".into());
                Some(parse_confirmed(&bytes).ok_or_else(torn)?)
            }
            None => None,
        };
        let serial = |position: &Option<Confirmed>| position.as_ref().map_or(0, |position| position.serial);
        let (shows, confirmed) = (serial(&shown), serial(self.confirmed.get_mut()));
        if shows < confirmed {
            return Err(Refusal::Useless(format!(
                "it lost confirmed entries: it shows position number {shows}, and number {confirmed} was confirmed"
            )));
        }
        *self.position.get_mut() = shown;
        Ok(())
    }

    fn db(&self) -> &sled::Db {
        let Some(db) = &self.db else { unreachable!("BUG: sled is used while it is dropped") };
        db
    }

    /// Runs one call of the engine; its failure or panic is that of the whole index.
    fn engine<T>(
        &self,
        attempt: &'static str,
        call: impl FnOnce() -> sled::Result<T>,
    ) -> Result<T, IndexError> {
        self.check_sound()?;
        caught(call).map_err(|failure| self.fail(attempt, failure))
    }

    fn check_sound(&self) -> Result<(), IndexError> {
        match self.failure.get() {
            Some(reason) => Err(IndexError::Failed { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Latches the failure, and leaves word of it for the next open.
    fn fail(&self, attempt: &'static str, failure: Failure) -> IndexError {
        let reason = failure.to_string();
        if self.failure.set(format!("{attempt}: {reason}")).is_ok() && !failure.is_want_of_space() {
            // Best effort: without the word, the serial number and the engine's own checks remain.
            let _ = self.folder.record_damage(&reason);
        }
        IndexError::Engine { attempt, reason }
    }

    /// Waits until sled's threads have let go of the file, which they do a moment after the drop.
    fn is_unlocked_before(&self, until: Instant) -> bool {
        while flock(&self.db_file, FlockOperation::NonBlockingLockExclusive).is_err() {
            if Instant::now() > until {
                return false;
            }
            thread::sleep(UNLOCK_POLL);
        }
        flock(&self.db_file, FlockOperation::Unlock).is_ok()
    }

    fn walk(&self, range: (&[u8], &[u8]), end: End, visit: Visit<'_>) -> Result<(), IndexError> {
        let (from, below) = (range.0, range.1.min(&[FIRST_BYTE_RESERVED]));
        if from >= below {
            return self.check_sound();
        }
        let mut entries = self.engine("scan", || Ok(self.db().range(from..below)))?;
        loop {
            let next = self.engine("scan", || match end {
                End::First => entries.next().transpose(),
                End::Last => entries.next_back().transpose(),
            })?;
            let Some((key, value)) = next else { return Ok(()) };
            if visit(&key, &value).is_break() {
                return Ok(());
            }
        }
    }

    fn one(&self, from: &[u8], below: &[u8], end: End) -> Result<Option<(Key, Value)>, IndexError> {
        let mut found = None;
        self.walk((from, below), end, &mut |key, value| {
            found = Some((key.into(), value.into()));
            ControlFlow::Break(())
        })?;
        Ok(found)
    }
}

impl Index for SledIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, IndexError> {
        if key.first() == Some(&FIRST_BYTE_RESERVED) {
            return self.check_sound().map(|()| None);
        }
        Ok(self.engine("get", || self.db().get(key))?.map(|value| Value::from(&*value)))
    }

    fn first(&self, from: &[u8], below: &[u8]) -> Result<Option<(Key, Value)>, IndexError> {
        self.one(from, below, End::First)
    }

    fn last(&self, from: &[u8], below: &[u8]) -> Result<Option<(Key, Value)>, IndexError> {
        self.one(from, below, End::Last)
    }

    fn scan(&self, from: &[u8], below: &[u8], visit: Visit<'_>) -> Result<(), IndexError> {
        self.walk((from, below), End::First, visit)
    }

    fn scan_back(&self, from: &[u8], below: &[u8], visit: Visit<'_>) -> Result<(), IndexError> {
        self.walk((from, below), End::Last, visit)
    }

    fn apply(&self, entries: &[Entry], covered: Option<&[u8]>) -> Result<(), IndexError> {
        check_batch(entries, covered)?;
        let mut batch = sled::Batch::default();
        for Entry { key, value } in entries {
            match value {
                Some(value) => batch.insert(&**key, &**value),
                None => batch.remove(&**key),
            }
        }
        let mut position = self.position.lock();
        let next = covered.map(|covered| Confirmed {
            serial: position.as_ref().map_or(0, |position| position.serial) + 1,
            covered: covered.into(),
        });
        if let Some(next) = &next {
            batch.insert(POSITION_KEY, [&next.serial.to_be_bytes()[..], &next.covered].concat());
        }
        self.engine("apply a batch", || self.db().apply_batch(batch))?;
        free_replaced_nodes(entries.len());
        if next.is_some() {
            *position = next;
        }
        Ok(())
    }

    fn confirm(&self) -> Result<(), IndexError> {
        self.check_sound()?;
        let mut confirmed = self.confirmed.lock();
        let position = self.position.lock().clone();
        self.engine("flush", || self.db().flush())?;
        self.engine("sync", || Ok(self.db_file.sync_data()?))?;
        let Some(position) = position else { return Ok(()) };
        if confirmed.as_ref() != Some(&position) {
            self.folder.record_confirmed(&position)?;
            *confirmed = Some(position);
        }
        Ok(())
    }

    fn confirmed(&self) -> Option<Box<[u8]>> {
        self.confirmed.lock().as_ref().map(|confirmed| confirmed.covered.clone())
    }

    fn faults(&self) -> Result<Vec<String>, IndexError> {
        let stray = self.stray_blobs()?;
        Ok(stray
            .iter()
            .map(|name| format!("the index engine keeps `{name}`, which it never makes durable"))
            .collect())
    }

    fn bytes_on_disk(&self) -> u64 {
        self.folder.bytes()
    }
}

impl Drop for SledIndex {
    /// Closes sled, on a thread of its own: where sled's own threads have panicked its drop never returns.
    fn drop(&mut self) {
        let db = self.db.take();
        let (done, closed) = mpsc::channel::<()>();
        let close = move || {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
            drop(done);
        };
        let wait = if self.failure.get().is_some() { CLOSE_WAIT_FAILED } else { CLOSE_WAIT };
        let until = Instant::now() + wait;
        let spawned = thread::Builder::new().name("bough-index-close".into()).spawn(close);
        let timeout = spawned.is_ok() && closed.recv_timeout(wait) == Err(mpsc::RecvTimeoutError::Timeout);
        if timeout || !self.is_unlocked_before(until) {
            tracing::warn!(dir = %self.folder.dir().display(), "index engine does not close; left behind");
        }
    }
}

/// How a call of the engine went wrong.
enum Failure {
    Error(sled::Error),
    Panic(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Error(error) => write!(f, "{error}"),
            Failure::Panic(text) => write!(f, "it panicked: {text}"),
        }
    }
}

impl Failure {
    fn kind(&self) -> Option<ErrorKind> {
        match self {
            Failure::Error(sled::Error::Io(error)) => Some(error.kind()),
            _ => None,
        }
    }

    fn is_want_of_space(&self) -> bool {
        matches!(
            self.kind(),
            Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::OutOfMemory)
        )
    }
}

fn caught<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Failure::Error(error)),
        Err(panic) => Err(Failure::Panic(panic_text(&*panic))),
    }
}

/// Frees what a batch of so many entries replaced.
///
/// sled leaves that to crossbeam-epoch, which frees 512 objects every 128 calls of sled: enough where each call replaces
/// one, but a batch is one call, and 4 million entries took 18 GB. A flush frees up to 512 as well; a batch leaves a few
/// objects for each entry.
fn free_replaced_nodes(entries: usize) {
    const ENTRIES_A_FLUSH: usize = 100;
    /// The epoch has to advance twice before the first is freed.
    const FLUSHES_MIN: usize = 3;
    for _ in 0..FLUSHES_MIN + entries / ENTRIES_A_FLUSH {
        sled::crossbeam_pin().flush();
    }
}

/// Tells a useless folder from one that cannot be opened just now.
fn judge(folder: &Folder, failure: Failure) -> Refusal {
    use ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    /// How sled 0.34.7 says that the file is locked; it has no variant for it.
    const LOCKED: &str = "could not acquire lock";
    let too_many_open_files = |error: &std::io::Error| matches!(error.raw_os_error(), Some(23 | 24));
    match failure {
        Failure::Error(sled::Error::Io(source)) if source.to_string().contains(LOCKED) => {
            Refusal::NotNow(folder.in_use())
        }
        Failure::Error(sled::Error::Io(source))
            if matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem)
                || too_many_open_files(&source) =>
        {
            Refusal::NotNow(IndexError::Io { attempt: "open index", path: folder.dir().into(), source })
        }
        failure if failure.is_want_of_space() => {
            Refusal::NotNow(IndexError::Engine { attempt: "open the index", reason: failure.to_string() })
        }
        failure => Refusal::Useless(format!("it does not open: {failure}")),
    }
}
