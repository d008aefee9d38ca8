//! The parts of an open database together, and how a revision is found and decoded.
//!
//! Everything else in this crate works on an [`Engine`]: snapshots read through it, the committer writes through it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bough_core::clock::{Clock, IdSource};
use bough_core::object::{Cell, Large, Object};
use bough_core::object_type::TypeRegistry;
use bough_core::snapshot::ReadError;
use bough_core::value::{BlobRef, Digest};
use bough_core::{CellKey, Content, Oid, Tid, Value};
use bytes::Bytes;
use parking_lot::Mutex;

use crate::blob::{Blobs, ITEM_BYTES_MAX};
use crate::cache::{Answer, Cache};
use crate::disk::Disk;
use crate::format::FormatError;
use crate::format::record::decode_record;
use crate::format::value::decode_value;
use crate::index::{IndexError, TailedIndex};
use crate::keys::{self, RevisionAt};
use crate::line::{LineId, Lines};
use crate::log::{Location, Log, LogError, Position, SegmentLog};
use crate::own::OwnBase;
use crate::scopes::Scopes;
use crate::version::KnownConflicts;
use crate::view::Shelf;

/// How many undos and redos of one object may lie on each other before it is written as a record of its own again:
/// each costs a reader one more step.
pub(crate) const BACK_DEPTH_MAX: u8 = 8;

/// Why the store could not read what it holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The log.
    #[error("the log cannot be read")]
    Log(#[from] LogError),
    /// The index.
    #[error("the index cannot be read")]
    Index(#[from] IndexError),
    /// Bytes that do not say what they should.
    #[error("the log holds what this program cannot read")]
    Format(#[from] FormatError),
    /// A blob's file.
    #[error("blob {digest} cannot be read")]
    Blob {
        /// Which.
        digest: Digest,
        /// Why.
        source: std::io::Error,
    },
    /// A read seam said no.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The index names something that the log does not have.
    #[error("{what} is missing: run `check`, which says what is damaged")]
    Missing {
        /// What.
        what: String,
    },
    /// Whoever watched long work said so.
    #[error("it was stopped")]
    Stopped,
}

/// How often something can be moved while it is read before that is an error.
const MOVES_MAX: usize = 5;

/// Tells errors that come of pack's moving things from all others.
pub(crate) trait IsMoved {
    /// Whether reading again may succeed.
    fn is_moved(&self) -> bool;
}

impl IsMoved for StoreError {
    fn is_moved(&self) -> bool {
        matches!(self, Self::Log(LogError::Gone { .. }))
    }
}

/// The parts of an open database.
pub(crate) struct Engine {
    pub(crate) types: Arc<TypeRegistry>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) log: Arc<SegmentLog>,
    pub(crate) index: Arc<TailedIndex>,
    pub(crate) blobs: Blobs,
    pub(crate) cache: Cache,
    pub(crate) lines: Lines,
    pub(crate) scopes: Scopes,
    pub(crate) known: KnownConflicts,
    /// Counts views that are no state of the site.
    pub(crate) nowhere: AtomicU64,
    pub(crate) head: AtomicU64,
    pub(crate) horizon: AtomicU64,
    pub(crate) open_snapshots: Mutex<BTreeMap<Tid, usize>>,
    /// Where the items of each draft under way begin in the log: the index knows them only when it is committed.
    pub(crate) staging: Mutex<BTreeMap<u64, Position>>,
    /// Digests that a draft counts on: pack must not take them away.
    pub(crate) pins: Mutex<Pins>,
}

/// What drafts count on.
#[derive(Default)]
pub(crate) struct Pins {
    now: HashMap<Digest, usize>,
    /// Everything counted on since pack began, while it runs: a commit may name it by now.
    since: Option<HashSet<Digest>>,
}

impl Pins {
    /// Whether a draft counts on it, or did since pack began.
    pub(crate) fn holds(&self, digest: &Digest) -> bool {
        self.now.contains_key(digest) || self.since.as_ref().is_some_and(|since| since.contains(digest))
    }
}

/// A revision as the index knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Revision {
    pub(crate) tid: Tid,
    pub(crate) at: RevisionAt,
}

impl Engine {
    pub(crate) fn head(&self) -> Tid {
        Tid::from_micros(self.head.load(Ordering::SeqCst))
    }

    /// The newest revision at or before `tid`.
    pub(crate) fn revision(&self, line: LineId, oid: Oid, tid: Tid) -> Result<Option<Revision>, StoreError> {
        let found = self.index.first(&keys::revision(oid, line, tid), &keys::revisions_end(oid, line))?;
        found.map(|(key, value)| parse_revision(oid, &key, &value)).transpose()
    }

    /// The revision that this very commit wrote, if it wrote one.
    pub(crate) fn revision_by(
        &self,
        line: LineId,
        oid: Oid,
        tid: Tid,
    ) -> Result<Option<Revision>, StoreError> {
        let key = keys::revision(oid, line, tid);
        let found = self.index.get(&key)?;
        found.map(|value| parse_revision(oid, &key, &value)).transpose()
    }

    /// The newest revision before `tid`.
    pub(crate) fn revision_before(
        &self,
        line: LineId,
        oid: Oid,
        tid: Tid,
    ) -> Result<Option<Revision>, StoreError> {
        match tid.as_micros() {
            0 => Ok(None),
            micros => self.revision(line, oid, Tid::from_micros(micros - 1)),
        }
    }

    /// Reads again where pack moved what was being read, between the look into the index and that into the log.
    pub(crate) fn retried<T, E: IsMoved>(&self, read: impl Fn() -> Result<T, E>) -> Result<T, E> {
        for _ in 0..MOVES_MAX {
            match read() {
                Err(error) if error.is_moved() => {}
                result => return result,
            }
        }
        read()
    }

    /// The object as of `tid` on the trunk, from the cache where it is there.
    pub(crate) fn ground_object(&self, oid: Oid, tid: Tid) -> Result<Option<Arc<Object>>, StoreError> {
        match self.cache.object(Shelf::TRUNK, oid, tid) {
            Answer::Known(object) => Ok(object),
            Answer::Replaced => self.retried(|| self.read_past_object(oid, tid)),
            Answer::Unknown => self.retried(|| self.read_object(oid, tid)),
        }
    }

    fn read_object(&self, oid: Oid, tid: Tid) -> Result<Option<Arc<Object>>, StoreError> {
        let line = LineId::TRUNK;
        let witness = self.cache.witness_object(Shelf::TRUNK, oid);
        let newest = self.revision(line, oid, Tid::MAX)?;
        if newest.is_some_and(|newest| newest.tid > tid) {
            return self.read_past_object(oid, tid);
        }
        let object = newest.map(|newest| self.decode(line, oid, newest)).transpose()?.flatten();
        let since = newest.map_or(Tid::ZERO, |newest| newest.tid);
        self.cache.keep_object(Shelf::TRUNK, oid, since, object.clone(), witness);
        Ok(object)
    }

    /// For an object of which there is a newer revision.
    fn read_past_object(&self, oid: Oid, tid: Tid) -> Result<Option<Arc<Object>>, StoreError> {
        let line = LineId::TRUNK;
        let revision = self.revision(line, oid, tid)?;
        let object = revision.map(|revision| self.decode(line, oid, revision)).transpose()?.flatten();
        self.cache.keep_past_object(Shelf::TRUNK, oid, tid, object.clone());
        Ok(object)
    }

    /// The object that a revision stands for; none where it is gone.
    pub(crate) fn decode(
        &self,
        line: LineId,
        oid: Oid,
        revision: Revision,
    ) -> Result<Option<Arc<Object>>, StoreError> {
        match revision.at {
            RevisionAt::Gone => Ok(None),
            RevisionAt::Record(location) => {
                let record = self.log.read(location)?;
                Ok(Some(Arc::new(decode_record(oid, revision.tid, &record)?)))
            }
            RevisionAt::BackTo { tid, .. } => {
                let state = self.revision_by(line, oid, tid)?;
                let state = state.map(|state| self.decode(line, oid, state)).transpose()?.flatten();
                let state = state.ok_or_else(|| StoreError::Missing {
                    what: format!("the record of {oid} by {tid}, to which {} went back,", revision.tid),
                })?;
                let replaced = match self.revision_before(line, oid, revision.tid)? {
                    Some(replaced) => self.decode(line, oid, replaced)?,
                    None => None,
                };
                Ok(Some(Arc::new(brought_back(&state, replaced.as_deref(), revision.tid))))
            }
        }
    }

    /// Everything that a record holds by itself; nothing where it only points back.
    pub(crate) fn contents_of(
        &self,
        line: LineId,
        oid: Oid,
        revision: Revision,
    ) -> Result<Vec<(CellKey, Content)>, StoreError> {
        let RevisionAt::Record(_) = revision.at else {
            // Whether what it points back to is there.
            return self.decode(line, oid, revision).map(|_| Vec::new());
        };
        if line == LineId::TRUNK {
            let object = self.decode(line, oid, revision)?;
            let cells = object.as_deref().map_or(&[][..], Object::cells);
            return Ok(cells.iter().map(|(key, cell)| (key.clone(), cell.content.clone())).collect());
        }
        let mut contents = Vec::new();
        for (key, cell) in self.decode_own(revision)?.cells() {
            contents.extend(cell.content.iter().map(|content| (key.clone(), content.clone())));
            if let OwnBase::Kept(Some(content)) = &cell.base {
                contents.push((key.clone(), content.clone()));
            }
        }
        Ok(contents)
    }

    /// The child of that name as of `tid` on the trunk, from the cache where it is there.
    pub(crate) fn ground_child(&self, parent: Oid, name: &str, tid: Tid) -> Result<Option<Oid>, StoreError> {
        let line = LineId::TRUNK;
        match self.cache.name(Shelf::TRUNK, parent, name, tid) {
            Answer::Known(child) => return Ok(child),
            Answer::Replaced => return self.past_child(parent, name, tid),
            Answer::Unknown => {}
        }
        let witness = self.cache.witness_name(Shelf::TRUNK, parent, name);
        let newest = self.named(line, parent, name, Tid::MAX)?;
        let (since, child) = newest.unwrap_or((Tid::ZERO, None));
        if since > tid {
            return self.past_child(parent, name, tid);
        }
        self.cache.keep_name(Shelf::TRUNK, parent, name, since, child, witness);
        Ok(child)
    }

    /// For a name that led elsewhere since.
    fn past_child(&self, parent: Oid, name: &str, tid: Tid) -> Result<Option<Oid>, StoreError> {
        let child = self.named(LineId::TRUNK, parent, name, tid)?.and_then(|(_, child)| child);
        self.cache.keep_past_name(Shelf::TRUNK, parent, name, tid, child);
        Ok(child)
    }

    /// What the name led to at `tid`, and since when.
    pub(crate) fn named(
        &self,
        line: LineId,
        parent: Oid,
        name: &str,
        tid: Tid,
    ) -> Result<Option<(Tid, Option<Oid>)>, StoreError> {
        if name.contains('\0') {
            return Ok(None);
        }
        let from = keys::by_name(parent, name, line, tid);
        let below = keys::by_name(parent, name, LineId(line.0 + 1), Tid::MAX);
        let found = self.index.first(&from, &below)?;
        Ok(found.and_then(|(key, value)| Some((keys::tid_of(&key)?, oid_of(&value)))))
    }

    /// The bytes with this digest that lie in the log.
    pub(crate) fn item(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        match self.cache.item(digest) {
            Some(bytes) => Ok(bytes),
            None => self.retried(|| self.read_item(digest)),
        }
    }

    fn read_item(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        let location = self.item_location(digest)?;
        let location = location.ok_or_else(|| StoreError::Missing { what: format!("item {digest}") })?;
        let bytes = self.log.read(location)?;
        self.cache.keep_item(*digest, bytes.clone());
        Ok(bytes)
    }

    /// Where the item with this digest lies, if the log has it.
    pub(crate) fn item_location(&self, digest: &Digest) -> Result<Option<Location>, StoreError> {
        let found = self.index.get(&keys::item(digest))?;
        Ok(found.and_then(|bytes| Some(Location::from_bytes(bytes[..].try_into().ok()?))))
    }

    /// The value that was kept aside.
    pub(crate) fn large(&self, large: &Large) -> Result<Value, StoreError> {
        Ok(decode_value(&self.item(&large.digest)?)?)
    }

    /// Whether the bytes of a blob are kept already.
    pub(crate) fn has_blob(&self, blob: &BlobRef) -> Result<bool, StoreError> {
        if blob.bytes > ITEM_BYTES_MAX {
            let kept = self.blobs.is_kept(blob);
            return kept.map_err(|source| StoreError::Blob { digest: blob.digest, source });
        }
        Ok(self.item_location(&blob.digest)?.is_some())
    }

    /// The position up to which the index knows everything that the log holds, apart from what nobody committed.
    pub(crate) fn indexed_up_to(&self) -> Position {
        // In this order: a draft says where its items begin before it appends them.
        let end = self.log.end();
        self.staging.lock().values().next().copied().unwrap_or(end)
    }

    pub(crate) fn pin(&self, digest: Digest) {
        let mut pins = self.pins.lock();
        *pins.now.entry(digest).or_default() += 1;
        if let Some(since) = &mut pins.since {
            since.insert(digest);
        }
    }

    pub(crate) fn unpin(&self, digests: &[Digest]) {
        let mut pins = self.pins.lock();
        for digest in digests {
            if let Some(count) = pins.now.get_mut(digest) {
                *count -= 1;
                if *count == 0 {
                    pins.now.remove(digest);
                }
            }
        }
    }

    /// Begins or ends remembering everything that drafts count on, from now on.
    pub(crate) fn watch_pins(&self, watch: bool) {
        let mut pins = self.pins.lock();
        pins.since = watch.then(|| pins.now.keys().copied().collect());
    }
}

/// The oid in the value of a child's entry; none where the name was given up.
pub(crate) fn oid_of(value: &[u8]) -> Option<Oid> {
    value.try_into().ok().map(Oid::from_bytes)
}

fn parse_revision(oid: Oid, key: &[u8], value: &[u8]) -> Result<Revision, StoreError> {
    let revision = keys::tid_of(key).zip(RevisionAt::from_bytes(value)).map(|(tid, at)| Revision { tid, at });
    revision.ok_or_else(|| StoreError::Missing { what: format!("the index entry of {oid}") })
}

/// The object as `state` was, brought back by `tid` over `replaced`: what did not change by that keeps who wrote it.
pub(crate) fn brought_back(state: &Object, replaced: Option<&Object>, tid: Tid) -> Object {
    let cell = |(key, cell): &(CellKey, Cell)| {
        let kept = replaced.and_then(|replaced| replaced.cell(key)).filter(|was| was.content == cell.content);
        let written = kept.map_or(tid, |was| was.tid);
        (key.clone(), Cell { tid: written, content: cell.content.clone() })
    };
    Object::new(state.oid(), tid, state.cells().iter().map(cell).collect())
}

/// A [`StoreError`] as the read seam carries it.
pub(crate) fn read_error(what: impl Into<String>) -> impl FnOnce(StoreError) -> ReadError {
    let what = what.into();
    move |error| ReadError::new(what, error)
}
