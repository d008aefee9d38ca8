//! Drafts: transactions together with the bytes that they bring.
//!
//! Bytes are put aside while the draft is written, so that a draft of any size takes little memory: small ones wait in
//! it, larger ones go to the log as items, the largest to files. None of them counts before a commit names it.

use std::collections::HashSet;
use std::io::{self, Read};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bough_core::object::{Content, Large};
use bough_core::transaction::{ChangeSet, Transaction};
use bough_core::value::{BlobRef, Digest};
use bough_core::{Tid, Value};
use bytes::Bytes;

use crate::blob::{ITEM_BYTES_MAX, StagedBlob};
use crate::engine::{Engine, StoreError};
use crate::format::body::{BodyBuilder, Head};
use crate::format::value::encode_value;
use crate::log::{AppendError, FrameKind, Location, Log, LogError, NewFrame};

/// Values up to this many encoded bytes lie in the record of their object.
pub(crate) const INLINE_BYTES_MAX: usize = 4_096;
/// How much waits in memory before it goes to the log.
const WAITING_BYTES_MAX: usize = 4 << 20;
/// How much goes to the log before it is made durable, so that the commit in the end has little left to do.
const UNSYNCED_BYTES_MAX: usize = 32 << 20;
const READ_BYTES: usize = 256 << 10;
/// What encoding adds to a text or to bytes, at most.
const ENCODING_BYTES_MAX: usize = 16;

/// Why bytes could not be put aside.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// They could not be read from where they come from.
    #[error("cannot read what was to be stored")]
    Source(#[source] io::Error),
    /// They could not be written.
    #[error("cannot store {bytes} bytes")]
    Write {
        /// How many so far.
        bytes: u64,
        /// Why.
        source: io::Error,
    },
    /// The log did not take them.
    #[error("cannot store bytes in the log")]
    Append(#[from] AppendError),
    /// The log could not make them durable.
    #[error("cannot make bytes durable")]
    Sync(#[from] LogError),
    /// The store could not be asked whether it has them already.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Work in progress: a [`Transaction`] and the bytes that it brings.
pub struct Draft {
    transaction: Transaction,
    stage: Stage,
}

impl Draft {
    pub(crate) fn new(transaction: Transaction, engine: Arc<Engine>) -> Self {
        Self { transaction, stage: Stage::new(engine) }
    }

    /// Puts aside everything that `from` gives and answers the value to store: [`Value::Bytes`] where it is small,
    /// else [`Value::Blob`]. Takes little memory, whatever the size.
    ///
    /// # Errors
    /// When it cannot be read or stored; the transaction is as it was.
    pub fn blob(&mut self, from: &mut dyn Read) -> Result<Value, BlobError> {
        let mut bytes = Vec::new();
        from.take(ITEM_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(BlobError::Source)?;
        if bytes.len() as u64 <= ITEM_BYTES_MAX {
            self.stage.small(bytes)
        } else {
            self.stage.file(bytes, from)
        }
    }

    /// The same for bytes in memory.
    ///
    /// # Errors
    /// As [`Draft::blob`].
    pub fn bytes(&mut self, mut bytes: &[u8]) -> Result<Value, BlobError> {
        self.blob(&mut bytes)
    }

    /// Ends the transaction: what it changed, with large values put aside, and the bytes it brought.
    pub(crate) fn finish(self) -> Result<(ChangeSet, Stage), BlobError> {
        let Self { transaction, mut stage } = self;
        let mut changes = transaction.finish().map_err(StoreError::from)?;
        for (_, content) in changes.objects.iter_mut().flat_map(|object| &mut object.cells) {
            stage.set_content_aside(content)?;
        }
        Ok((changes, stage))
    }
}

impl Deref for Draft {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        &self.transaction
    }
}

impl DerefMut for Draft {
    fn deref_mut(&mut self) -> &mut Transaction {
        &mut self.transaction
    }
}

/// The bytes of a draft on their way into the store.
pub(crate) struct Stage {
    engine: Arc<Engine>,
    known: HashSet<Digest>,
    pinned: Vec<Digest>,
    waiting: Vec<(Digest, Bytes)>,
    waiting_bytes: usize,
    unsynced_bytes: usize,
    in_log: Vec<(Digest, Location)>,
    files: Vec<(StagedBlob, Digest)>,
    /// The number under which the engine knows where its items begin.
    number: Option<u64>,
}

impl Stage {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            known: HashSet::new(),
            pinned: Vec::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            unsynced_bytes: 0,
            in_log: Vec::new(),
            files: Vec::new(),
            number: None,
        }
    }

    /// To be called when the index knows what it brought.
    pub(crate) fn is_indexed(&mut self) {
        if let Some(number) = self.number.take() {
            self.engine.staging.lock().remove(&number);
        }
    }

    /// Items that wait to go into the commit itself.
    pub(crate) fn waiting(&self) -> &[(Digest, Bytes)] {
        &self.waiting
    }

    /// Items that are in the log already, and where.
    pub(crate) fn in_log(&self) -> &[(Digest, Location)] {
        &self.in_log
    }

    /// Makes the files durable, so that the commit may name them.
    pub(crate) fn keep_files(&mut self) -> io::Result<()> {
        self.engine.blobs.keep(std::mem::take(&mut self.files))
    }

    fn small(&mut self, bytes: Vec<u8>) -> Result<Value, BlobError> {
        if bytes.len() <= INLINE_BYTES_MAX {
            return Ok(Value::Bytes(bytes.into()));
        }
        let digest = Digest(*blake3::hash(&bytes).as_bytes());
        let blob = BlobRef { digest, bytes: bytes.len() as u64 };
        self.item(digest, bytes)?;
        Ok(Value::Blob(blob))
    }

    fn file(&mut self, start: Vec<u8>, rest: &mut dyn Read) -> Result<Value, BlobError> {
        let mut staged = self.engine.blobs.stage().map_err(|source| BlobError::Write { bytes: 0, source })?;
        let mut buffer = start;
        let mut bytes = 0;
        loop {
            staged.write(&buffer).map_err(|source| BlobError::Write { bytes, source })?;
            bytes += buffer.len() as u64;
            buffer.clear();
            rest.take(READ_BYTES as u64).read_to_end(&mut buffer).map_err(BlobError::Source)?;
            if buffer.is_empty() {
                break;
            }
        }
        let blob = staged.blob();
        if self.is_new(blob.digest, &blob)? {
            self.files.push((staged, blob.digest));
        }
        Ok(Value::Blob(blob))
    }

    /// Puts what a cell shall hold aside, if it is too large for a record.
    pub(crate) fn set_content_aside(&mut self, content: &mut Option<Content>) -> Result<(), BlobError> {
        if let Some(Content::Value(value)) = content
            && let Some(large) = self.set_aside(value)?
        {
            *content = Some(Content::Large(large));
        }
        Ok(())
    }

    /// The value put aside, if it is too large for a record.
    fn set_aside(&mut self, value: &Value) -> Result<Option<Large>, BlobError> {
        if !may_be_large(value) {
            return Ok(None);
        }
        let encoded = encode_value(value);
        if encoded.len() <= INLINE_BYTES_MAX + ENCODING_BYTES_MAX {
            return Ok(None);
        }
        let (mut blobs, mut references) = (Vec::new(), Vec::new());
        value.blobs(&mut |blob| blobs.push(blob));
        value.references(&mut |oid| references.push(oid));
        let digest = Digest(*blake3::hash(&encoded).as_bytes());
        let bytes = encoded.len() as u32;
        self.item(digest, encoded)?;
        Ok(Some(Large { digest, bytes, blobs: blobs.into(), references: references.into() }))
    }

    fn item(&mut self, digest: Digest, bytes: Vec<u8>) -> Result<(), BlobError> {
        if !self.is_new(digest, &BlobRef { digest, bytes: 0 })? {
            return Ok(());
        }
        self.waiting_bytes += bytes.len();
        self.waiting.push((digest, bytes.into()));
        if self.waiting_bytes > WAITING_BYTES_MAX { self.send() } else { Ok(()) }
    }

    /// Whether neither this draft nor the store has these bytes. Pinned first and looked for then, so that pack
    /// cannot take them away in between.
    fn is_new(&mut self, digest: Digest, blob: &BlobRef) -> Result<bool, BlobError> {
        if !self.known.insert(digest) {
            return Ok(false);
        }
        self.engine.pin(digest);
        self.pinned.push(digest);
        Ok(!self.engine.has_blob(blob)?)
    }

    /// Appends what waits as frames of items, as many as the log's largest frame asks for.
    fn send(&mut self) -> Result<(), BlobError> {
        let frame_bytes_max = self.engine.log.frame_bytes_max();
        while !self.waiting.is_empty() {
            let (mut items, mut count) = (BodyBuilder::default(), 0);
            for (digest, bytes) in &self.waiting {
                if items.is_full(bytes.len(), frame_bytes_max) {
                    break;
                }
                items.push_item(digest.0, bytes);
                count += 1;
            }
            self.send_frame(items)?;
            // Only now: what could not be sent goes on waiting.
            self.waiting_bytes -= self.waiting.drain(..count).map(|(_, bytes)| bytes.len()).sum::<usize>();
        }
        Ok(())
    }

    fn send_frame(&mut self, items: BodyBuilder) -> Result<(), BlobError> {
        let (body, content, head) = items.finish(None);
        let log = &self.engine.log;
        if self.number.is_none() {
            let mut staging = self.engine.staging.lock();
            let number = staging.keys().next_back().map_or(0, |last| last + 1);
            staging.insert(number, log.end());
            self.number = Some(number);
        }
        self.unsynced_bytes += body.len();
        let mut frame = [NewFrame { kind: FrameKind::Items, tid: Tid::ZERO, line: 0, content, body }];
        let body_at = loop {
            let after = log.last_tid();
            frame[0].tid = after;
            match log.append(&frame, after) {
                Err(AppendError::Behind { .. }) => {}
                Err(error) => return Err(error.into()),
                Ok(locations) => break locations[0],
            }
        };
        let head_at = head.location(body_at).head;
        for found in &head.disk.items {
            self.in_log.push((Digest(found.digest), Head::chunk_after(head_at, found.chunk)));
        }
        if self.unsynced_bytes > UNSYNCED_BYTES_MAX {
            self.unsynced_bytes = 0;
            log.sync()?;
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.is_indexed();
        self.engine.unpin(&self.pinned);
    }
}

/// Whether encoding the value might take more than a record holds; cheap, and never wrong about large ones.
fn may_be_large(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.len() > INLINE_BYTES_MAX,
        Value::Bytes(bytes) => bytes.len() > INLINE_BYTES_MAX,
        Value::List(_) | Value::Map(_) | Value::Set(_) => true,
        _ => false,
    }
}
