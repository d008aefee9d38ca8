//! The database: the face of this crate.
//!
//! A [`Database`] is a cheap handle on an open data folder. It gives snapshots to read and drafts to write, commits
//! them, and answers for the past.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bough_core::clock::{Clock, IdSource};
use bough_core::object::{Content, Object};
use bough_core::object_type::TypeRegistry;
use bough_core::transaction::{ChangeSet, ObjectChange, Transaction};
use bough_core::{CellKey, Name, Oid, Snapshot as _, Tid, Value};
use parking_lot::Mutex;

use crate::blob::Blobs;
use crate::cache::Cache;
use crate::commit::{CommitError, Committer};
use crate::disk::{Disk, FolderDisk, MemoryDisk};
use crate::draft::{Draft, Stage};
use crate::engine::{Engine, StoreError};
use crate::history::{HistoryError, ObjectDelta};
use crate::index::{
    Identity, Index, IndexError, MemoryIndex, Opened, SledIndex, SledOptions, TailOptions, TailedIndex,
};
use crate::keys::{self, KEYS_FORMAT};
use crate::line::{LineId, Lines};
use crate::log::{self, Damage, Log, LogError, LogOptions, Position, SegmentLog};
use crate::note::{CommitRecord, Kind, Note};
use crate::replay::{ProgressSink, Replayed, replay};
use crate::scopes::Scopes;
use crate::snapshot::Snapshot;
use crate::version::KnownConflicts;

/// How often work is done again over a new head before the conflict is shown to its maker.
const RETRIES: usize = 3;
const LOCK_FILE: &str = "lock";
const INDEX_FOLDER: &str = "index";

/// How a database is opened.
#[derive(Clone)]
pub struct Options {
    /// The types that the objects may have.
    pub types: Arc<TypeRegistry>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where new oids come from.
    pub ids: Arc<dyn IdSource>,
    /// Memory for decoded objects, names and contents, in bytes.
    pub cache_bytes: usize,
    /// Memory that the index engine keeps its pages in, in bytes.
    pub index_cache_bytes: u64,
    /// How the newest part of the index is kept in memory.
    pub tail: TailOptions,
    /// How the log is laid out.
    pub log: LogOptions,
    /// Called now and then while the index is brought up to the log.
    pub progress: Option<ProgressSink>,
}

impl Options {
    /// The system's clock, UUID v7 for ids, 256 MiB of cache.
    pub fn new(types: TypeRegistry) -> Self {
        Self {
            types: Arc::new(types),
            clock: Arc::new(SystemClock),
            ids: Arc::new(UuidSource),
            cache_bytes: 256 << 20,
            index_cache_bytes: 64 << 20,
            tail: TailOptions::default(),
            log: LogOptions::default(),
            progress: None,
        }
    }
}

/// The system's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_micros(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
    }
}

/// UUID v7: objects made one after the other have neighbouring oids.
pub struct UuidSource;

impl IdSource for UuidSource {
    fn next_oid(&self) -> Oid {
        Oid::from_u128(uuid::Uuid::now_v7().as_u128())
    }
}

/// What opening a database found.
#[derive(Debug, Default)]
pub struct OpenReport {
    /// Whether the data folder was empty and a site was made.
    pub is_new: bool,
    /// Whether the process before closed it properly.
    pub was_closed: bool,
    /// Why the index was built anew from the log, if it was.
    pub index_rebuilt: Option<String>,
    /// How many commits were put into the index.
    pub commits_replayed: u64,
    /// What of the log cannot be read.
    pub damage: Vec<Damage>,
    /// How far the clock stands behind the last commit, in microseconds.
    pub clock_behind_micros: u64,
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open.
    #[error("data folder `{}` is in use by {}", .folder.display(), holder_text(.holder))]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// The process that holds it, where that is known.
        holder: Option<u32>,
    },
    /// The folder cannot be used.
    #[error("cannot use data folder `{}`", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The log.
    #[error("cannot open the log")]
    Log(#[from] log::OpenError),
    /// The index.
    #[error("cannot open the index")]
    Index(#[from] IndexError),
    /// The index could not be brought up to the log.
    #[error("cannot bring the index up to the log")]
    Replay(#[from] StoreError),
    /// A new site could not be made.
    #[error("cannot make a new site")]
    Create(#[from] CommitError),
}

fn holder_text(holder: &Option<u32>) -> String {
    holder.map_or_else(|| "another process".into(), |pid| format!("process {pid}"))
}

/// How a database stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// The newest commit.
    pub head: Tid,
    /// The earliest state that is kept.
    pub horizon: Tid,
    /// Bytes of the log.
    pub log_bytes: u64,
    /// Memory in use by the cache, in bytes.
    pub cache_bytes: u64,
    /// Entries of the index that are still in memory only.
    pub tail_entries: u64,
    /// Memory that they take, in bytes.
    pub tail_bytes: u64,
    /// Entries moved to the index engine since the database was opened.
    pub index_entries_moved: u64,
    /// Snapshots that are open.
    pub open_snapshots: usize,
    /// Why nothing can be written, if so.
    pub failure: Option<String>,
}

/// An open database; clones are handles on the same.
#[derive(Clone)]
pub struct Database {
    pub(crate) inner: Arc<Inner>,
    /// The line that this handle reads and writes.
    pub(crate) line: LineId,
}

pub(crate) struct Inner {
    pub(crate) engine: Arc<Engine>,
    pub(crate) committer: Committer,
    /// One at a time: check, pack, backup.
    pub(crate) maintenance: Mutex<()>,
    /// Held as long as the database is open.
    lock: Mutex<Option<File>>,
}

impl Database {
    /// Opens the database in `folder`, making both where they are not there. One process at a time.
    ///
    /// # Errors
    /// When another process has it, or it cannot be read.
    pub fn open(folder: &Path, options: Options) -> Result<(Self, OpenReport), OpenError> {
        let unusable = |source| OpenError::Folder { folder: folder.to_owned(), source };
        let disk: Arc<dyn Disk> = Arc::new(FolderDisk::open(folder).map_err(unusable)?);
        let lock = take_lock(folder)?;
        let place = SledPlace { folder: folder.join(INDEX_FOLDER), cache_bytes: options.index_cache_bytes };
        let (database, report) = Self::assemble(disk, &place, options)?;
        *database.inner.lock.lock() = Some(lock);
        Ok((database, report))
    }

    /// A database in memory, which is gone with its last handle.
    ///
    /// # Errors
    /// When its first commit cannot be made.
    pub fn in_memory(options: Options) -> Result<Self, OpenError> {
        Self::on_disk(Arc::new(MemoryDisk::new()), options).map(|(database, _)| database)
    }

    /// A database on any disk, with its index in memory: built from the log at each opening.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn on_disk(disk: Arc<dyn Disk>, options: Options) -> Result<(Self, OpenReport), OpenError> {
        Self::assemble(disk, &MemoryPlace, options)
    }

    fn assemble(
        disk: Arc<dyn Disk>,
        place: &dyn IndexPlace,
        options: Options,
    ) -> Result<(Self, OpenReport), OpenError> {
        let (log, log_report) = SegmentLog::open(Arc::clone(&disk), options.log.clone())?;
        let log = Arc::new(log);
        let (base, mut index_rebuilt) = place.open(&log)?;
        let confirmed = base.confirmed();
        let mut index = TailedIndex::new(base, options.tail);
        let progress = options.progress.as_ref();
        let replayed = match bring_up(&log, &index, confirmed.as_deref(), progress)? {
            Ok(replayed) => replayed,
            Err(reason) => {
                index.close()?;
                drop(index);
                place.set_aside()?;
                let (base, _) = place.open(&log)?;
                index = TailedIndex::new(base, options.tail);
                index_rebuilt = Some(reason);
                replay(&*log, &index, log.start(), progress)?
            }
        };
        let blobs = Blobs::new(Arc::clone(&disk), options.clock.now_micros());
        if let Err(error) = blobs.clear_staged() {
            tracing::warn!(%error, "half-written blobs could not be removed");
        }
        let lines = Lines::read(&index)?;
        // Not the last tid of the log, which may be that of a side record or of a commit that a crash cut short.
        let head = newest_commit(&index, &lines)?;
        let engine = Engine {
            scopes: Scopes::new(head),
            disk,
            types: options.types,
            clock: options.clock,
            ids: options.ids,
            head: AtomicU64::new(head.as_micros()),
            horizon: AtomicU64::new(0),
            index,
            blobs,
            cache: Cache::new(options.cache_bytes),
            lines,
            known: KnownConflicts::default(),
            nowhere: AtomicU64::new(0),
            open_snapshots: Mutex::default(),
            staging: Mutex::default(),
            pins: Mutex::default(),
            log,
        };
        // Where damage took the newest commits, what is left of the site is shown all the same.
        let horizon = crate::side::horizon(&engine)?.min(head);
        engine.horizon.store(horizon.as_micros(), Ordering::SeqCst);
        let is_new = engine.log.last_tid() == Tid::ZERO;
        let inner = Inner {
            engine: Arc::new(engine),
            committer: Committer::default(),
            maintenance: Mutex::default(),
            lock: Mutex::new(None),
        };
        let database = Self { inner: Arc::new(inner), line: LineId::TRUNK };
        if let Err(error) = database.finish_rewrite() {
            tracing::warn!(%error, "a pack that was interrupted could not be ended; it is tried again at the next start");
        }
        if is_new {
            database.create_root("Made the site")?;
        } else if database
            .inner
            .engine
            .object(LineId::TRUNK, Oid::ROOT, Tid::MAX)
            .is_ok_and(|root| root.is_none())
            && let Err(error) =
                database.create_root("Made the root again, as the commit that made it is damaged")
        {
            tracing::warn!(%error, "the root is damaged and could not be made again");
        }
        let report = database.report(is_new, log_report, index_rebuilt, replayed);
        Ok((database, report))
    }

    fn report(
        &self,
        is_new: bool,
        log: log::OpenReport,
        index_rebuilt: Option<String>,
        replayed: Replayed,
    ) -> OpenReport {
        // The replay meets what the index does not cover yet, the log looked at all of its newest segment.
        let mut damage = replayed.damage;
        let met = |damage: &[Damage], one: &Damage| {
            damage.iter().any(|other| (other.segment, other.offset) == (one.segment, one.offset))
        };
        let others: Vec<Damage> = log.damage.into_iter().filter(|one| !met(&damage, one)).collect();
        damage.extend(others);
        let behind = self.head().as_micros().saturating_sub(self.now_micros());
        OpenReport {
            is_new,
            was_closed: log.clean,
            index_rebuilt,
            commits_replayed: replayed.commits,
            damage,
            clock_behind_micros: behind,
        }
    }

    fn create_root(&self, sentence: &str) -> Result<(), CommitError> {
        let folder = Name::new("folder").map(Content::Type).ok();
        let cells = vec![(CellKey::Type, folder)];
        let changes = ChangeSet {
            base: self.head(),
            objects: vec![ObjectChange { oid: Oid::ROOT, cells }],
            unchanged: Vec::new(),
        };
        let note = Note::edit(sentence).of_kind(Kind::Create);
        let stage = Stage::new(Arc::clone(&self.inner.engine));
        self.inner.committer.commit(&self.inner.engine, self.line, changes, stage, note).map(|_| ())
    }

    /// Puts everything in order and ends the writing. Snapshots that are open go on reading. The folder stays taken
    /// until the last handle is dropped.
    ///
    /// # Errors
    /// When the index or the log cannot be brought in order; nothing that was committed is lost by that.
    pub fn close(&self) -> Result<(), StoreError> {
        let _lead = self.inner.committer.lead();
        let engine = &self.inner.engine;
        engine.index.publish(&engine.indexed_up_to().to_bytes());
        let index_closed = engine.index.close();
        engine.log.close_for_good()?;
        Ok(index_closed?)
    }

    /// The types that the objects may have.
    pub fn types(&self) -> &Arc<TypeRegistry> {
        &self.inner.engine.types
    }

    /// The time, in microseconds since 1970.
    pub fn now_micros(&self) -> u64 {
        self.inner.engine.clock.now_micros()
    }

    /// The newest commit.
    pub fn head(&self) -> Tid {
        self.inner.engine.head()
    }

    /// The site as it is.
    pub fn snapshot(&self) -> Snapshot {
        match Snapshot::at_head(&self.inner.engine, self.line) {
            Ok(snapshot) => snapshot,
            // What a version touched is in memory since there is a handle on it, and all below it.
            Err(error) => unreachable!("BUG: a version that was taken up cannot be viewed: {error}"),
        }
    }

    /// A handle on another line: everything that it reads and writes is there.
    ///
    /// # Errors
    /// When there is no such version, or the store cannot be read.
    pub fn on(&self, line: LineId) -> Result<Self, StoreError> {
        self.inner.engine.view(line, self.inner.engine.head())?;
        Ok(Self { inner: Arc::clone(&self.inner), line })
    }

    /// A handle on the version that had a name before it took another one; the one that did so last.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn version_once_named(&self, name: &str) -> Result<Option<Self>, StoreError> {
        self.inner.engine.lines.once_named(name).map(|line| self.on(line)).transpose()
    }

    /// The line that this handle reads and writes.
    pub fn line(&self) -> LineId {
        self.line
    }

    /// The site as it was at `tid`, or as the last commit before left it.
    ///
    /// # Errors
    /// When that is in the future, packed away, or before the version was opened.
    pub fn snapshot_at(&self, tid: Tid) -> Result<Snapshot, HistoryError> {
        if let Some(opened) = self.inner.engine.lines.opened(self.line).filter(|opened| tid < *opened) {
            return Err(HistoryError::NotOpened { asked: tid, opened });
        }
        let snapshot = Snapshot::at(&self.inner.engine, self.line, tid)?;
        // Asked only now that pack knows of the snapshot.
        self.inner.engine.check_shown(tid)?;
        self.inner.engine.check_shown(snapshot.view().ground)?;
        Ok(snapshot)
    }

    /// The last commit at or before a time, in microseconds since 1970.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn tid_at(&self, micros: u64) -> Result<Tid, HistoryError> {
        self.inner.engine.tid_at(self.line, micros)
    }

    /// The same for a state that is to be shown.
    ///
    /// # Errors
    /// [`HistoryError::BeforeSite`] where nothing was there yet; when the store cannot be read.
    pub fn state_at(&self, micros: u64) -> Result<Tid, HistoryError> {
        self.inner.engine.state_at(self.line, micros)
    }

    /// Begins a transaction over the head.
    pub fn begin(&self) -> Draft {
        let engine = &self.inner.engine;
        let base = Arc::new(self.snapshot());
        let now = engine.clock.now_micros();
        let transaction = Transaction::new(base, Arc::clone(&engine.types), Arc::clone(&engine.ids), now);
        Draft::new(transaction, Arc::clone(engine))
    }

    /// Commits a draft: durable when this returns. None if it changed nothing.
    ///
    /// # Errors
    /// See [`CommitError`]; the draft is gone, the site as it was, unless it is [`CommitError::Uncertain`].
    pub fn commit(&self, draft: Draft, note: Note) -> Result<Option<Tid>, CommitError> {
        let base = Arc::clone(draft.base());
        let (changes, stage) = draft.finish()?;
        if changes.objects.is_empty() {
            return Ok(None);
        }
        let result = self.inner.committer.commit(&self.inner.engine, self.line, changes, stage, note);
        drop(base);
        result
    }

    /// Does `work` in a transaction and commits it; after a conflict again over the new head, up to three times.
    ///
    /// # Errors
    /// What `work` says, or why the commit failed.
    pub fn write<T, E: From<CommitError>>(
        &self,
        note: Note,
        mut work: impl FnMut(&mut Draft) -> Result<T, E>,
    ) -> Result<(T, Option<Tid>), E> {
        let mut tries = 0;
        loop {
            let mut draft = self.begin();
            let answer = work(&mut draft)?;
            match self.commit(draft, note.clone()) {
                Ok(tid) => return Ok((answer, tid)),
                Err(error) if error.is_transient() && tries < RETRIES => tries += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What a commit says of itself. On a version also commits of the lines below that it shows are found.
    ///
    /// # Errors
    /// When there is no such commit.
    pub fn commit_record(&self, tid: Tid) -> Result<CommitRecord, HistoryError> {
        let engine = &self.inner.engine;
        Ok(engine.shown_record(&engine.view(self.line, engine.head())?, tid)?.1)
    }

    /// Commits before `before` (all if none), newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn commits(&self, before: Option<Tid>, limit: usize) -> Result<Vec<CommitRecord>, HistoryError> {
        Ok(self.inner.engine.commits(self.line, before, limit)?)
    }

    /// The commits before `before` that wrote an object, newest first; on a version also those of the lines below
    /// that it shows.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn commits_of(
        &self,
        oid: Oid,
        before: Option<Tid>,
        limit: usize,
    ) -> Result<Vec<CommitRecord>, HistoryError> {
        let engine = &self.inner.engine;
        let view = engine.view(self.line, engine.head())?;
        let tids = engine.shown_revisions(&view, oid, before, limit)?;
        tids.into_iter().map(|(line, tid)| engine.commit_record(line, tid)).collect()
    }

    /// What a commit did to objects: `limit` of them after the first `skip`.
    ///
    /// # Errors
    /// When there is no such commit or it is packed.
    pub fn changes(&self, tid: Tid, skip: usize, limit: usize) -> Result<Vec<ObjectDelta>, HistoryError> {
        self.inner.engine.changes(self.line, tid, skip, limit)
    }

    /// Calls `visit` with what a commit did to each object, in one walk over the commit, up to the first error.
    ///
    /// # Errors
    /// When there is no such commit or it is packed, and those of `visit`.
    pub fn each_change<E: From<HistoryError>>(
        &self,
        tid: Tid,
        mut visit: impl FnMut(ObjectDelta) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut visited = Ok(());
        self.inner.engine.each_change(self.line, tid, 0, &mut |delta| {
            visited = visit(delta);
            if visited.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        visited
    }

    /// The object as it was at `tid`, deleted or not.
    ///
    /// # Errors
    /// When that is in the future or packed away.
    pub fn object_at(&self, oid: Oid, tid: Tid) -> Result<Option<Arc<Object>>, HistoryError> {
        self.inner.engine.check_shown(tid)?;
        Ok(self.inner.engine.object(self.line, oid, tid)?)
    }

    /// The value of an attribute of an object that any snapshot gave.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn attribute(&self, object: &Object, name: &str) -> Result<Option<Value>, StoreError> {
        Ok(bough_core::snapshot::attribute(&self.snapshot(), object, name)?)
    }

    /// How the database stands.
    pub fn status(&self) -> Status {
        let engine = &self.inner.engine;
        let tail = engine.index.stats();
        Status {
            head: engine.head(),
            horizon: engine.horizon(),
            log_bytes: engine.log.bytes(),
            cache_bytes: engine.cache.bytes(),
            tail_entries: tail.entries,
            tail_bytes: tail.bytes,
            index_entries_moved: tail.moved_entries_total,
            open_snapshots: engine.open_snapshots.lock().values().sum(),
            failure: engine.index.failure().or_else(|| engine.log.failure().map(|reason| reason.to_string())),
        }
    }

    /// Moves everything that is committed from memory to the index engine, and makes it durable there. Never needed
    /// for safety; benchmarks and `pack` want it.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn settle(&self) -> Result<(), StoreError> {
        Ok(self.inner.engine.index.settle()?)
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database(head {})", self.snapshot().tid())
    }
}

/// Where the index of a database is kept.
trait IndexPlace {
    /// Opens it, and says why it was made anew if what was there could not be used.
    fn open(&self, log: &SegmentLog) -> Result<OpenedIndex, IndexError>;

    /// Puts what is there out of the way.
    fn set_aside(&self) -> Result<(), IndexError>;
}

type OpenedIndex = (Arc<dyn Index>, Option<String>);

struct SledPlace {
    folder: PathBuf,
    cache_bytes: u64,
}

impl IndexPlace for SledPlace {
    fn open(&self, log: &SegmentLog) -> Result<OpenedIndex, IndexError> {
        let identity = Identity { store: log.store(), format: KEYS_FORMAT };
        let options = SledOptions { identity, cache_bytes: self.cache_bytes };
        Ok(match SledIndex::open(&self.folder, options)? {
            Opened::Rebuilt { index, reason, .. } => (Arc::new(index), Some(reason.to_string())),
            Opened::Created(index) if log.last_tid() != Tid::ZERO => {
                (Arc::new(index), Some("there was none".into()))
            }
            opened => (Arc::new(opened.into_index()), None),
        })
    }

    fn set_aside(&self) -> Result<(), IndexError> {
        SledIndex::set_aside(&self.folder).map(|_| ())
    }
}

struct MemoryPlace;

impl IndexPlace for MemoryPlace {
    fn open(&self, _: &SegmentLog) -> Result<OpenedIndex, IndexError> {
        Ok((Arc::new(MemoryIndex::new()), None))
    }

    fn set_aside(&self) -> Result<(), IndexError> {
        Ok(())
    }
}

/// Brings the index up to the log, or says why it belongs to another state of this folder.
fn bring_up(
    log: &SegmentLog,
    index: &TailedIndex,
    confirmed: Option<&[u8]>,
    progress: Option<&ProgressSink>,
) -> Result<Result<Replayed, String>, StoreError> {
    let position = confirmed.and_then(|bytes| Some(Position::from_bytes(bytes.try_into().ok()?)));
    let replayed = match replay(log, index, position.unwrap_or_else(|| log.start()), progress) {
        Err(StoreError::Log(LogError::Gone { segment, offset })) => {
            let reason = format!("it covers byte {offset} of segment {segment}, which the log does not have");
            return Ok(Err(reason));
        }
        replayed => replayed?,
    };
    // A commit reaches the index on disk only after its sync: the log cannot have lost it in a crash.
    let (newest, last) = (newest_commit(index, &Lines::read(index)?)?, log.last_tid());
    Ok(if newest > last {
        Err(format!("it knows of {newest}, and the log ends with {last}"))
    } else {
        Ok(replayed)
    })
}

/// The newest commit that the index knows, which knows whole ones only.
fn newest_commit(index: &TailedIndex, lines: &Lines) -> Result<Tid, IndexError> {
    let mut newest = Tid::ZERO;
    for line in lines.ids().into_iter().chain([LineId::TRUNK]) {
        let (from, below) = keys::all_commits(line);
        let last = index.last(&from, &below)?.and_then(|(key, _)| keys::parse_commit(&key));
        newest = newest.max(last.map_or(Tid::ZERO, |(tid, _)| tid));
    }
    Ok(newest)
}

fn take_lock(folder: &Path) -> Result<File, OpenError> {
    let unusable = |source| OpenError::Folder { folder: folder.to_owned(), source };
    let path = folder.join(LOCK_FILE);
    let mut options = File::options();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).open(path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(OpenError::Locked { folder: folder.to_owned(), holder: holder.trim().parse().ok() });
        }
        Err(TryLockError::Error(source)) => return Err(unusable(source)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| write!(file, "{}", std::process::id()))
        .map_err(unusable)?;
    Ok(file)
}
