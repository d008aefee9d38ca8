//! One segment: its file, the header of that, and which files are kept open.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use parking_lot::Mutex;
use uuid::Uuid;

use super::frame::{Place, frame_bytes, read_digest, read_u32, read_u64, segment_seed};
use super::manifest::ListedSegment;
use super::{FrameHeader, LOG_FORMAT, Location, Position, SegmentId};
use crate::disk::{Disk, DiskFile};

/// Bytes of a segment before its first frame.
pub(super) const SEGMENT_HEADER_BYTES: u32 = 128;

/// Where the segments and the manifest lie.
pub(super) const LOG_FOLDER: &str = "log";

/// The first bytes of every segment.
const SEGMENT_MAGIC: [u8; 8] = *b"BoughSeg";

/// Where in a header its checksum lies: behind all that it covers.
const HEADER_CRC_AT: usize = 124;

/// Files kept open for reading: a log has thousands of segments, a process often but 1,024 file descriptors.
const OPEN_FILES_MAX: usize = 256;

/// The file of a segment.
pub(super) fn segment_path(id: SegmentId) -> String {
    format!("{LOG_FOLDER}/{id}.seg")
}

/// A segment that is part of the log or will be. A doomed one removes its file when nobody reads it any more.
pub(super) struct Segment {
    pub(super) listed: ListedSegment,
    pub(super) path: String,
    /// Begins the checksum of each frame header in it.
    pub(super) seed: u32,
    /// Bytes in use; grows while it is the head.
    end: AtomicU32,
    doomed: AtomicBool,
    disk: Arc<dyn Disk>,
}

impl Segment {
    pub(super) fn new(disk: &Arc<dyn Disk>, store: Uuid, listed: ListedSegment, end: u32) -> Arc<Self> {
        Arc::new(Self {
            listed,
            path: segment_path(listed.id),
            seed: segment_seed(store.as_bytes(), listed.id),
            end: AtomicU32::new(end),
            doomed: AtomicBool::new(false),
            disk: disk.clone(),
        })
    }

    pub(super) fn id(&self) -> SegmentId {
        self.listed.id
    }

    pub(super) fn end(&self) -> u32 {
        self.end.load(Ordering::Acquire)
    }

    /// Lets readers see the bytes up to `end`, which were written before.
    pub(super) fn set_end(&self, end: u32) {
        self.end.store(end, Ordering::Release);
    }

    /// Has the file removed as soon as nobody reads it. A file that stays nevertheless is removed at the next open.
    pub(super) fn doom(&self) {
        self.doomed.store(true, Ordering::Release);
    }

    pub(super) fn place(&self, offset: u32) -> Place {
        Place { seed: self.seed, offset }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if self.doomed.load(Ordering::Acquire) {
            let _ = self.disk.remove(&self.path);
        }
    }
}

/// The bytes at the start of a segment's file.
pub(super) fn encode_segment_header(
    store: Uuid,
    listed: &ListedSegment,
) -> [u8; SEGMENT_HEADER_BYTES as usize] {
    let mut bytes = [0; SEGMENT_HEADER_BYTES as usize];
    bytes[0..8].copy_from_slice(&SEGMENT_MAGIC);
    bytes[8..10].copy_from_slice(&LOG_FORMAT.to_le_bytes());
    bytes[12..16].copy_from_slice(&listed.id.0.to_le_bytes());
    bytes[16..32].copy_from_slice(store.as_bytes());
    bytes[32..64].copy_from_slice(&listed.previous);
    bytes[64..72].copy_from_slice(&listed.after.as_micros().to_le_bytes());
    let crc = crc32fast::hash(&bytes[..HEADER_CRC_AT]);
    bytes[HEADER_CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The store and the segment that a header names, if it is one.
pub(super) fn decode_segment_header(bytes: &[u8]) -> Option<(Uuid, ListedSegment)> {
    let bytes: &[u8; SEGMENT_HEADER_BYTES as usize] = bytes.first_chunk()?;
    let known = bytes.starts_with(&SEGMENT_MAGIC)
        && bytes[8..10] == LOG_FORMAT.to_le_bytes()
        && read_u32(bytes, HEADER_CRC_AT) == crc32fast::hash(&bytes[..HEADER_CRC_AT]);
    if !known {
        return None;
    }
    let store: [u8; 16] = *bytes[16..].first_chunk()?;
    let listed = ListedSegment {
        id: SegmentId(read_u32(bytes, 12)),
        after: bough_core::Tid::from_micros(read_u64(bytes, 64)),
        previous: read_digest(bytes, 32),
    };
    Some((Uuid::from_bytes(store), listed))
}

/// Adds a frame to `bytes`, whose first byte lies at `base` in the segment; returns where the body will lie.
pub(super) fn push_frame(
    bytes: &mut Vec<u8>,
    base: u32,
    segment: &Segment,
    header: &FrameHeader,
    body: &[u8],
) -> Location {
    let offset = base + bytes.len() as u32;
    let padding = frame_bytes(body.len() as u64) as usize - super::FRAME_HEADER_BYTES as usize - body.len();
    let mut crc = crc32fast::Hasher::new();
    crc.update(body);
    crc.update(&[0; 8][..padding]);
    let header = FrameHeader { body_bytes: body.len() as u32, body_crc: crc.finalize(), ..*header };
    bytes.extend_from_slice(&header.encode(segment.place(offset)));
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len() + padding, 0);
    Location { segment: segment.id(), offset: offset + super::FRAME_HEADER_BYTES, length: body.len() as u32 }
}

/// A segment written from start to end before it becomes part of the log.
pub(super) struct SegmentWriter {
    pub(super) segment: Arc<Segment>,
    pub(super) file: Arc<dyn DiskFile>,
    /// What is not written yet, and where it will begin.
    buffer: Vec<u8>,
    written: u32,
}

impl SegmentWriter {
    /// Bytes gathered before a write.
    const BUFFER_BYTES: usize = 1 << 20;

    /// Makes the file, with its header.
    pub(super) fn create(
        disk: &dyn Disk,
        store: Uuid,
        segment: Arc<Segment>,
        bytes: u64,
    ) -> io::Result<Self> {
        let file = disk.create(&segment.path, bytes)?;
        let buffer = encode_segment_header(store, &segment.listed).to_vec();
        Ok(Self { segment, file, buffer, written: 0 })
    }

    /// Bytes of the segment so far.
    pub(super) fn end(&self) -> u32 {
        self.written + self.buffer.len() as u32
    }

    /// Adds a frame, known synced up to its segment's start: nobody reads the segment before all of it is.
    pub(super) fn push(&mut self, header: &FrameHeader, body: &[u8]) -> io::Result<Location> {
        let synced = Position { segment: self.segment.id(), offset: SEGMENT_HEADER_BYTES };
        let header = FrameHeader { synced, ..*header };
        let at = push_frame(&mut self.buffer, self.written, &self.segment, &header, body);
        if self.buffer.len() >= Self::BUFFER_BYTES {
            self.write()?;
        }
        Ok(at)
    }

    /// Makes the bytes durable; the name becomes so with the folder's.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.write()?;
        self.file.sync()?;
        self.segment.set_end(self.written);
        Ok(())
    }

    /// As [`SegmentWriter::finish`], and gives back what was set aside behind the end.
    pub(super) fn finish_closed(&mut self) -> io::Result<()> {
        self.write()?;
        self.file.set_len(u64::from(self.written))?;
        self.finish()
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_at(&self.buffer, u64::from(self.written))?;
        self.written += self.buffer.len() as u32;
        self.buffer.clear();
        Ok(())
    }
}

/// The files that are open, at most [`OPEN_FILES_MAX`] besides those in use.
#[derive(Default)]
pub(super) struct OpenFiles {
    files: Mutex<Files>,
}

#[derive(Default)]
struct Files {
    by_id: HashMap<SegmentId, (Arc<dyn DiskFile>, u64)>,
    uses: u64,
}

impl OpenFiles {
    /// The file of a segment, opened if it is not.
    pub(super) fn get(&self, segment: &Segment) -> io::Result<Arc<dyn DiskFile>> {
        let mut files = self.files.lock();
        files.uses += 1;
        let uses = files.uses;
        if let Some((file, used)) = files.by_id.get_mut(&segment.id()) {
            *used = uses;
            return Ok(file.clone());
        }
        drop(files);
        let file = segment.disk.open(&segment.path)?;
        self.insert(segment.id(), file.clone());
        Ok(file)
    }

    pub(super) fn insert(&self, id: SegmentId, file: Arc<dyn DiskFile>) {
        let mut files = self.files.lock();
        if files.by_id.len() >= OPEN_FILES_MAX {
            let oldest = files.by_id.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id);
            oldest.and_then(|oldest| files.by_id.remove(&oldest));
        }
        let uses = files.uses;
        files.by_id.insert(id, (file, uses));
    }

    pub(super) fn remove(&self, id: SegmentId) {
        self.files.lock().by_id.remove(&id);
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.files.lock().by_id.len()
    }
}
