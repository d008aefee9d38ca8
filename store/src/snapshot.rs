//! Snapshots: reads of one line as of one commit.
//!
//! A snapshot is a line and a tid. It holds nothing else, blocks nobody and costs a lookup to take; while it is open,
//! pack keeps what it needs.

use std::ops::ControlFlow;
use std::sync::Arc;

use bough_core::object::{Large, Object};
use bough_core::snapshot::{Child, ChildOrder, ChildrenPage, ReadError};
use bough_core::{Name, Oid, OrderKey, Tid, Value};
use bytes::Bytes;

use crate::blob::ITEM_BYTES_MAX;
use crate::disk::DiskFile;
use crate::engine::{Engine, StoreError, oid_of, read_error};
use crate::keys::{self, LineId};

/// One line of the site as of one commit: immutable, and cheap to clone.
#[derive(Clone)]
pub struct Snapshot {
    open: Arc<OpenSnapshot>,
    line: LineId,
    tid: Tid,
}

/// Tells pack what is still needed, as long as it lives.
struct OpenSnapshot {
    engine: Arc<Engine>,
    tid: Tid,
}

impl Drop for OpenSnapshot {
    fn drop(&mut self) {
        let mut open = self.engine.open_snapshots.lock();
        if let Some(count) = open.get_mut(&self.tid) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.tid);
            }
        }
    }
}

/// The bytes of a value, in memory or as a file.
#[derive(Clone)]
pub enum Body {
    /// Up to 1 MiB: in memory.
    Bytes(Bytes),
    /// More: a file, to be read piece by piece.
    File(BlobFile),
}

impl Body {
    /// How many bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) => file.bytes,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A blob's file, open for reading.
#[derive(Clone)]
pub struct BlobFile {
    file: Arc<dyn DiskFile>,
    bytes: u64,
}

impl BlobFile {
    /// How many bytes it has.
    pub fn len(&self) -> u64 {
        self.bytes
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Fills `into` with the bytes from `offset`.
    ///
    /// # Errors
    /// When the disk cannot, or the file ends before.
    pub fn read_at(&self, into: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.file.read_at(into, offset)
    }
}

impl Snapshot {
    /// The state at the head of the line, as of now.
    pub(crate) fn at_head(engine: &Arc<Engine>, line: LineId) -> Self {
        // The head is read under the lock, so that pack cannot move its horizon over it in between.
        let mut open = engine.open_snapshots.lock();
        let tid = engine.head();
        *open.entry(tid).or_default() += 1;
        drop(open);
        Self { open: Arc::new(OpenSnapshot { engine: Arc::clone(engine), tid }), line, tid }
    }

    /// The state as of `tid`, which must be neither packed nor in the future.
    pub(crate) fn at(engine: &Arc<Engine>, line: LineId, tid: Tid) -> Self {
        *engine.open_snapshots.lock().entry(tid).or_default() += 1;
        Self { open: Arc::new(OpenSnapshot { engine: Arc::clone(engine), tid }), line, tid }
    }

    /// The line that it shows.
    pub fn line(&self) -> LineId {
        self.line
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.open.engine
    }

    /// The bytes of a text, of bytes or of a blob.
    ///
    /// # Errors
    /// When the store cannot read them; any other kind of value has no bytes and gives none.
    pub fn bytes(&self, value: &Value) -> Result<Body, ReadError> {
        match value {
            Value::Text(text) => Ok(Body::Bytes(Bytes::copy_from_slice(text.as_bytes()))),
            Value::Bytes(bytes) => Ok(Body::Bytes(Bytes::copy_from_slice(bytes))),
            Value::Blob(blob) if blob.bytes > ITEM_BYTES_MAX => {
                let error = |source| StoreError::Blob { digest: blob.digest, source };
                let file = self.engine().blobs.open(blob).map_err(error).map_err(read_error("a file"))?;
                Ok(Body::File(BlobFile { file, bytes: blob.bytes }))
            }
            Value::Blob(blob) => {
                self.engine().item(&blob.digest).map(Body::Bytes).map_err(read_error("a file"))
            }
            _ => Ok(Body::Bytes(Bytes::new())),
        }
    }

    fn list(&self, parent: Oid, page: &ChildrenPage) -> Result<Vec<Child>, StoreError> {
        let folder = match page.by {
            ChildOrder::Place => keys::by_order_folder(parent),
            ChildOrder::Name => keys::by_name_folder(parent),
        };
        let from = match &page.after {
            None => folder.clone(),
            Some((order, name)) => keys::behind(&match page.by {
                ChildOrder::Place => keys::by_order_prefix(parent, order, name),
                ChildOrder::Name => keys::by_name_prefix(parent, name.as_str()),
            }),
        };
        let mut children = Vec::with_capacity(page.limit.min(1_000));
        // Each name has its history here, newest first: the first entry of a name at or before our tid decides it.
        let mut decided: Vec<u8> = Vec::new();
        let mut visit = |key: &[u8], value: &[u8]| {
            let of = &key[..key.len().saturating_sub(12)];
            let ours = keys::line_of(key) == Some(self.line) && keys::tid_of(key) <= Some(self.tid);
            if !ours || of == decided {
                return ControlFlow::Continue(());
            }
            decided.clear();
            decided.extend_from_slice(of);
            if let Some(oid) = oid_of(value)
                && let Some((order, name)) = parse_child(page.by, key)
            {
                children.push(Child { oid, name, order });
            }
            if children.len() >= page.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        if page.limit > 0 {
            self.engine().index.scan(&from, &keys::behind(&folder), &mut visit)?;
        }
        Ok(children)
    }

    fn former(&self, parent: Oid, name: &str) -> Result<Option<Oid>, StoreError> {
        let now = self.engine().child(self.line, parent, name, self.tid)?;
        let from = keys::by_name(parent, name, self.line, self.tid);
        let below = keys::by_name(parent, name, LineId(self.line.0 + 1), Tid::MAX);
        let mut former = None;
        let mut visit = |_: &[u8], value: &[u8]| {
            former = oid_of(value).filter(|&oid| Some(oid) != now);
            if former.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        self.engine().index.scan(&from, &below, &mut visit)?;
        Ok(former)
    }
}

fn parse_child(by: ChildOrder, key: &[u8]) -> Option<(OrderKey, Name)> {
    match by {
        ChildOrder::Place => {
            let (order, name) = keys::parse_by_order(key)?;
            Some((OrderKey::parse(order)?, Name::new(name).ok()?))
        }
        ChildOrder::Name => Some((OrderKey::default(), Name::new(keys::parse_by_name(key)?).ok()?)),
    }
}

impl bough_core::Snapshot for Snapshot {
    fn tid(&self) -> Tid {
        self.tid
    }

    fn object(&self, oid: Oid) -> Result<Option<Arc<Object>>, ReadError> {
        let found = self.engine().object(self.line, oid, self.tid);
        found.map_err(|error| ReadError::new(format!("object {oid}"), error))
    }

    fn child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        let found = self.engine().child(self.line, parent, name, self.tid);
        found.map_err(|error| ReadError::new(format!("child `{}` of {parent}", name.escape_debug()), error))
    }

    fn children(&self, parent: Oid, page: &ChildrenPage) -> Result<Vec<Child>, ReadError> {
        self.list(parent, page).map_err(|error| ReadError::new(format!("the children of {parent}"), error))
    }

    fn former_child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        let found = self.former(parent, name);
        found
            .map_err(|error| ReadError::new(format!("what was `{}` in {parent}", name.escape_debug()), error))
    }

    fn large(&self, large: &Large) -> Result<Value, ReadError> {
        self.engine().large(large).map_err(read_error("a large value"))
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({}, {:?})", self.tid, self.line)
    }
}
