//! The bytes of a frame's header, of a chunk, and the digest that joins a frame to the one before.
//!
//! # Invariants
//! - A frame begins at a multiple of [`FRAME_ALIGNMENT_BYTES`] and is padded with zeros to one.
//! - The checksum of a header also covers the store and the place it was written for. So bytes that only look like a
//!   frame (one that a user uploaded, one that the disk put in the wrong place) are none.

use bough_core::Tid;

use super::{FrameKind, LOG_FORMAT, Position, SegmentId};

/// Bytes of a frame before its body.
pub const FRAME_HEADER_BYTES: u32 = 104;

/// Frames begin at multiples of this.
pub const FRAME_ALIGNMENT_BYTES: u32 = 8;

/// Bytes of a chunk before its payload.
pub const CHUNK_OVERHEAD_BYTES: u32 = 4;

/// The first bytes of every frame.
pub(super) const FRAME_MAGIC: [u8; 4] = *b"BgFr";

/// Where in a header its own checksum lies: behind all that it covers.
const HEADER_CRC_AT: usize = 100;

/// What stands before a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// What the frame is for.
    pub kind: FrameKind,
    /// The tid it belongs to; of items, the last tid before them.
    pub tid: Tid,
    /// The number of its line.
    pub line: u32,
    /// Length of the body.
    pub body_bytes: u32,
    /// The position known to be synced when the frame was written.
    pub synced: Position,
    /// Digest of the frame before, as it was when this one was appended.
    pub previous: [u8; 32],
    /// Digest of what the frame proves.
    pub content: [u8; 32],
    /// Checksum of the body and its padding.
    pub body_crc: u32,
}

impl FrameHeader {
    /// The digest of the frame. It covers neither the place nor the bytes of the body, which pack may change.
    pub fn digest(&self) -> [u8; 32] {
        frame_digest(&self.previous, self.kind, self.tid, self.line, &self.content)
    }

    /// Length of header, body and padding.
    pub fn frame_bytes(&self) -> u64 {
        frame_bytes(u64::from(self.body_bytes))
    }

    /// The bytes of the header at `place`.
    pub(super) fn encode(&self, place: Place) -> [u8; FRAME_HEADER_BYTES as usize] {
        let mut bytes = [0; FRAME_HEADER_BYTES as usize];
        bytes[0..4].copy_from_slice(&FRAME_MAGIC);
        bytes[4..6].copy_from_slice(&LOG_FORMAT.to_le_bytes());
        bytes[6] = self.kind as u8;
        bytes[8..12].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.line.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.tid.as_micros().to_le_bytes());
        bytes[24..28].copy_from_slice(&self.synced.segment.0.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.synced.offset.to_le_bytes());
        bytes[32..64].copy_from_slice(&self.previous);
        bytes[64..96].copy_from_slice(&self.content);
        bytes[96..100].copy_from_slice(&self.body_crc.to_le_bytes());
        let crc = place.crc(&bytes[..HEADER_CRC_AT]);
        bytes[HEADER_CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header in `bytes`, if they are one that was written for this place.
    pub(super) fn decode(bytes: &[u8], place: Place) -> Option<Self> {
        let bytes: &[u8; FRAME_HEADER_BYTES as usize] = bytes.first_chunk()?;
        let known = bytes.starts_with(&FRAME_MAGIC)
            && read_u32(bytes, HEADER_CRC_AT) == place.crc(&bytes[..HEADER_CRC_AT])
            && bytes[4..6] == LOG_FORMAT.to_le_bytes()
            && bytes[7] == 0;
        if !known {
            return None;
        }
        Some(Self {
            kind: FrameKind::from_byte(bytes[6])?,
            tid: Tid::from_micros(read_u64(bytes, 16)),
            line: read_u32(bytes, 12),
            body_bytes: read_u32(bytes, 8),
            synced: Position { segment: SegmentId(read_u32(bytes, 24)), offset: read_u32(bytes, 28) },
            previous: read_digest(bytes, 32),
            content: read_digest(bytes, 64),
            body_crc: read_u32(bytes, 96),
        })
    }
}

/// Where a header is written; part of its checksum.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// See [`segment_seed`].
    pub(super) seed: u32,
    pub(super) offset: u32,
}

impl Place {
    fn crc(self, bytes: &[u8]) -> u32 {
        let mut crc = crc32fast::Hasher::new_with_initial(self.seed);
        crc.update(&self.offset.to_le_bytes());
        crc.update(bytes);
        crc.finalize()
    }
}

/// The beginning of the checksum of every header of one segment: that of the store's id and the segment's.
pub(super) fn segment_seed(store: &[u8; 16], segment: SegmentId) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(store);
    crc.update(&segment.0.to_le_bytes());
    crc.finalize()
}

/// The digest of a frame with these fields.
pub fn frame_digest(
    previous: &[u8; 32],
    kind: FrameKind,
    tid: Tid,
    line: u32,
    content: &[u8; 32],
) -> [u8; 32] {
    let mut digest = blake3::Hasher::new();
    digest.update(previous);
    digest.update(&[kind as u8]);
    digest.update(&tid.as_micros().to_le_bytes());
    digest.update(&line.to_le_bytes());
    digest.update(content);
    *digest.finalize().as_bytes()
}

/// Adds a chunk with `payload` to `body`; returns where in the body it begins and how long it is.
///
/// # Panics
/// When the body would not fit a location. No frame is that large.
pub fn push_chunk(body: &mut Vec<u8>, payload: &[u8]) -> (u32, u32) {
    let start = body.len();
    body.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    body.extend_from_slice(payload);
    assert!(u32::try_from(body.len()).is_ok(), "BUG: a frame's body of {} bytes", body.len());
    (start as u32, (body.len() - start) as u32)
}

/// The payload of a chunk, if it matches its checksum.
pub fn chunk_payload(chunk: &[u8]) -> Option<&[u8]> {
    let (crc, payload) = chunk.split_first_chunk()?;
    (u32::from_le_bytes(*crc) == crc32fast::hash(payload)).then_some(payload)
}

/// Length of a frame with a body of this length.
pub(super) fn frame_bytes(body_bytes: u64) -> u64 {
    (u64::from(FRAME_HEADER_BYTES) + body_bytes).next_multiple_of(u64::from(FRAME_ALIGNMENT_BYTES))
}

pub(super) fn read_u32(bytes: &[u8], at: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(field)
}

pub(super) fn read_u64(bytes: &[u8], at: usize) -> u64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(field)
}

pub(super) fn read_digest(bytes: &[u8], at: usize) -> [u8; 32] {
    let mut field = [0; 32];
    field.copy_from_slice(&bytes[at..at + 32]);
    field
}
