//! Snapshots: reads of one line as of one commit.
//!
//! A snapshot is a line and a tid. It holds nothing else, blocks nobody and costs a lookup to take; while it is open,
//! pack keeps what it needs.

use std::collections::HashMap;
use std::sync::Arc;

use bough_core::merge::plan::{Plan, Planned};
use bough_core::object::{Large, Object};
use bough_core::reads::{Fact, Reads};
use bough_core::security::Scope;
use bough_core::snapshot::{Child, ChildrenPage, ReadError};
use bough_core::{Oid, Place, Tid, Value};
use bytes::Bytes;
use parking_lot::Mutex;

use crate::blob::ITEM_BYTES_MAX;
use crate::disk::DiskFile;
use crate::engine::{Engine, StoreError, read_error};
use crate::line::LineId;
use crate::view::View;

/// One line of the site as of one commit: immutable, and cheap to clone.
#[derive(Clone)]
pub struct Snapshot {
    open: Arc<OpenSnapshot>,
    view: View,
    /// What is planned to come over it, where that is what is shown.
    outlook: Option<Arc<Outlook>>,
    /// Where it is noted what is read.
    reads: Option<Reads>,
}

/// The state after a plan that nobody has carried out.
struct Outlook {
    planned: Planned<Snapshot>,
    /// Nobody else may take these for what holds.
    scopes: Mutex<HashMap<Oid, Arc<Scope>>>,
}

/// Tells pack what is still needed, as long as it lives.
struct OpenSnapshot {
    engine: Arc<Engine>,
    /// The oldest commit that it reads.
    ground: Tid,
}

impl Drop for OpenSnapshot {
    fn drop(&mut self) {
        let mut open = self.engine.open_snapshots.lock();
        if let Some(count) = open.get_mut(&self.ground) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.ground);
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
    pub(crate) fn at_head(engine: &Arc<Engine>, line: LineId) -> Result<Self, StoreError> {
        // The head is read under the lock, so that pack cannot move its horizon over it in between.
        let mut open = engine.open_snapshots.lock();
        let view = engine.view(line, engine.head())?;
        *open.entry(view.ground).or_default() += 1;
        drop(open);
        Ok(Self::of(engine, view))
    }

    /// The state as of `tid`, which must be neither packed nor in the future.
    pub(crate) fn at(engine: &Arc<Engine>, line: LineId, tid: Tid) -> Result<Self, StoreError> {
        let view = engine.view(line, tid)?;
        *engine.open_snapshots.lock().entry(view.ground).or_default() += 1;
        Ok(Self::of(engine, view))
    }

    fn of(engine: &Arc<Engine>, view: View) -> Self {
        let open = Arc::new(OpenSnapshot { engine: Arc::clone(engine), ground: view.ground });
        Self { open, view, outlook: None, reads: None }
    }

    /// The same; what is read through it and through its clones is noted.
    #[must_use]
    pub fn noting(&self, reads: &Reads) -> Self {
        Self { reads: Some(reads.clone()), ..self.clone() }
    }

    /// The state as it would be after `plan`, which was made for this one. What the plan writes has [`Tid::MAX`].
    pub(crate) fn after(&self, plan: &Plan) -> Result<Self, ReadError> {
        let planned = Planned::new(self.clone(), plan)?;
        let outlook = Outlook { planned, scopes: Mutex::default() };
        Ok(Self { outlook: Some(Arc::new(outlook)), ..self.clone() })
    }

    fn note(&self, fact: Fact<'_>) {
        if let Some(reads) = &self.reads {
            reads.note(fact);
        }
    }

    /// The line that it shows.
    pub fn line(&self) -> LineId {
        self.view.line
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// A number that differs between two lines, and for a version from one base to the next; 0 on the trunk. Together
    /// with an object's revision it tells whether that can have changed.
    pub fn shelf(&self) -> u64 {
        self.view.shelf().number()
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
}

impl bough_core::Snapshot for Snapshot {
    fn tid(&self) -> Tid {
        self.view.tid
    }

    fn object(&self, oid: Oid) -> Result<Option<Arc<Object>>, ReadError> {
        let found = match &self.outlook {
            Some(outlook) => outlook.planned.object(oid)?,
            None => {
                let found = self.engine().seen(&self.view, oid);
                found.map_err(|error| ReadError::new(format!("object {oid}"), error))?
            }
        };
        Ok(match &self.reads {
            Some(reads) => reads.object(oid, found),
            None => found,
        })
    }

    fn child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        self.note(Fact::Child(parent, name));
        if let Some(outlook) = &self.outlook {
            return outlook.planned.child(parent, name);
        }
        let found = self.engine().seen_child(&self.view, parent, name);
        found.map_err(|error| ReadError::new(format!("child `{}` of {parent}", name.escape_debug()), error))
    }

    fn children(&self, parent: Oid, page: &ChildrenPage) -> Result<Vec<Child>, ReadError> {
        self.note(Fact::Children(parent));
        if let Some(outlook) = &self.outlook {
            return outlook.planned.children(parent, page);
        }
        let found = self.engine().seen_children(&self.view, parent, page);
        found.map_err(|error| ReadError::new(format!("the children of {parent}"), error))
    }

    fn former_child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        self.note(Fact::Child(parent, name));
        if let Some(outlook) = &self.outlook {
            return outlook.planned.former_child(parent, name);
        }
        let found = self.engine().seen_former(&self.view, parent, name);
        found
            .map_err(|error| ReadError::new(format!("what was `{}` in {parent}", name.escape_debug()), error))
    }

    fn last_place(&self, oid: Oid) -> Result<Option<Place>, ReadError> {
        self.note(Fact::Object(oid));
        if let Some(outlook) = &self.outlook {
            return outlook.planned.last_place(oid);
        }
        self.engine().last_place(&self.view, oid).map_err(read_error("where something stood last"))
    }

    fn large(&self, large: &Large) -> Result<Value, ReadError> {
        self.engine().large(large).map_err(read_error("a large value"))
    }

    fn known_scope(&self, oid: Oid) -> Option<Arc<Scope>> {
        // What a scope is made from is noted once, by making it.
        if self.reads.as_ref().is_some_and(|reads| !reads.knows_scope(oid)) {
            return None;
        }
        match &self.outlook {
            Some(outlook) => outlook.scopes.lock().get(&oid).cloned(),
            None => self.engine().scopes.get(self.view.shelf(), oid, self.view.tid),
        }
    }

    fn keep_scope(&self, oid: Oid, scope: &Arc<Scope>) {
        if let Some(reads) = &self.reads {
            reads.note_scope(oid);
        }
        match &self.outlook {
            Some(outlook) => drop(outlook.scopes.lock().insert(oid, Arc::clone(scope))),
            None => self.engine().scopes.keep(self.view.shelf(), oid, self.view.tid, scope),
        }
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({}, {:?})", self.view.tid, self.view.line)
    }
}
