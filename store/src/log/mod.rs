//! The log: the commits of a site in order, as checksummed frames.
//!
//! A frame is a header and a body. To the log a body is opaque, but what is to be found one by one lies in it as
//! *chunks* (checksum, payload) that are read through their [`Location`]. Each header names the digest of the frame
//! before, so the history proves itself, and the position known synced when it was written, so that after a crash
//! damage can be told from an unfinished end.
//!
//! # Invariants
//! - Frames are only added at the end. After a crash there is a prefix of what was appended, with all that was synced.
//! - The digest of a frame does not depend on where it lies nor on the bytes of its body, so pack may move it and drop
//!   bytes.
//!
//! Not here: what a body says (`format`), when to sync (`commit`), what may be packed away (`pack`).

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use bough_core::Tid;
use bytes::Bytes;

#[cfg(any(test, feature = "testing"))]
pub mod contract;
#[cfg(test)]
mod crash_tests;
mod frame;
mod manifest;
mod recovery;
mod rewrite;
mod segment_file;
mod segments;
#[cfg(test)]
mod tests;
mod walk;

pub use frame::{
    CHUNK_OVERHEAD_BYTES, FRAME_ALIGNMENT_BYTES, FRAME_HEADER_BYTES, FrameHeader, chunk_payload,
    frame_digest, push_chunk,
};
pub use recovery::{OpenError, OpenReport};
pub use rewrite::{Packable, Rewrite, RewriteError, SegmentInfo, UnfinishedRewrite};
pub use segments::{LogOptions, SegmentLog};

/// The number of the layout of segments, frames and manifest that this code writes.
pub const LOG_FORMAT: u16 = 1;

/// The digest before the first frame of a log.
pub const NO_DIGEST: [u8; 32] = [0; 32];

/// The commits of a site, in order, on some medium: the one thing that must not be lost.
///
/// An implementation is right when it passes `contract::log_contract`.
pub trait Log: Send + Sync {
    /// Appends the frames in order and returns where each body lies. Not yet durable: a crash may leave a prefix of
    /// them, never a later frame without an earlier.
    ///
    /// An [`FrameKind::Items`] frame carries `after` as its tid and leaves the last tid as it is. Every other frame
    /// has a tid greater than the last one and becomes the last; only the parts and the closing frame of one commit
    /// share a tid, and nothing but items comes between them.
    ///
    /// # Errors
    /// Nothing was written, unless it is [`AppendError::Disk`], after which the frames may or may not be there when
    /// the log is opened again. [`AppendError::Behind`] when `after` is not the last tid.
    fn append(&self, frames: &[NewFrame], after: Tid) -> Result<Vec<Location>, AppendError>;

    /// Returns when everything appended before the call would survive a power cut.
    ///
    /// # Errors
    /// After any error it is unknown whether what was appended since the last success survives.
    fn sync(&self) -> Result<(), LogError>;

    /// Returns the payload of the chunk at `at` (which covers checksum and payload), checked.
    fn read(&self, at: Location) -> Result<Bytes, LogError>;

    /// Calls `visit` with each frame that lies after `position`, oldest first, until it breaks or the log ends.
    ///
    /// Damage does not end the walk: it is visited in its place. A position behind the end of its segment stands for
    /// that end.
    ///
    /// # Errors
    /// [`LogError::Gone`] when the segment of `position` was packed away.
    fn frames_after(&self, position: Position, visit: Visit<'_>) -> Result<(), LogError>;

    /// The greatest tid in the log.
    fn last_tid(&self) -> Tid;

    /// The digest of the last frame; [`NO_DIGEST`] when there is none.
    fn last_digest(&self) -> [u8; 32];

    /// The position before the first frame.
    fn start(&self) -> Position;

    /// The position after the last frame.
    fn end(&self) -> Position;

    /// Bytes in use by the log, without what is only set aside.
    fn bytes(&self) -> u64;
}

/// What [`Log::frames_after`] calls.
pub type Visit<'a> = &'a mut dyn FnMut(Visited<'_>) -> ControlFlow<()>;

/// Names a segment of the log; never used again when the segment is gone. The order of segments is the manifest's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SegmentId(pub u32);

/// Prints as in the name of its file.
impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}", self.0)
    }
}

/// Where some bytes lie: a body, or a chunk in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// The segment.
    pub segment: SegmentId,
    /// Bytes before it in the segment.
    pub offset: u32,
    /// Its length in bytes.
    pub length: u32,
}

impl Location {
    /// The 12 bytes by which an index keeps it: three big-endian numbers.
    pub fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.segment.0.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.offset.to_be_bytes());
        bytes[8..].copy_from_slice(&self.length.to_be_bytes());
        bytes
    }

    /// The location that [`Location::to_bytes`] made these of.
    pub fn from_bytes(bytes: [u8; 12]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
        Self {
            segment: SegmentId(u32::from_be_bytes([a, b, c, d])),
            offset: u32::from_be_bytes([e, f, g, h]),
            length: u32::from_be_bytes([i, j, k, l]),
        }
    }

    /// The part of it that begins `start` bytes in and has `length` bytes, or `None` when that is not inside.
    pub fn part(self, start: u32, length: u32) -> Option<Self> {
        let inside = start.checked_add(length).is_some_and(|end| end <= self.length);
        let offset = self.offset.checked_add(start)?;
        inside.then_some(Self { segment: self.segment, offset, length })
    }
}

/// A place between two frames. Positions in two segments are ordered by the manifest, so this is not `Ord`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The segment.
    pub segment: SegmentId,
    /// Bytes before it in the segment.
    pub offset: u32,
}

impl Position {
    /// The 8 bytes by which an index keeps it: two big-endian numbers.
    pub fn to_bytes(self) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&self.segment.0.to_be_bytes());
        bytes[4..].copy_from_slice(&self.offset.to_be_bytes());
        bytes
    }

    /// The position that [`Position::to_bytes`] made these of.
    pub fn from_bytes(bytes: [u8; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = bytes;
        Self {
            segment: SegmentId(u32::from_be_bytes([a, b, c, d])),
            offset: u32::from_be_bytes([e, f, g, h]),
        }
    }
}

/// Prints as `00000001+128`.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.segment, self.offset)
    }
}

/// What a frame is for. The numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// A commit, or what closes a commit that came in parts.
    Commit = 1,
    /// A part of the commit whose closing frame follows with the same tid; without that frame it counts for nothing.
    Part = 2,
    /// Bytes found by their digest, on no tid of their own.
    Items = 3,
    /// Records on no line.
    Side = 4,
}

impl FrameKind {
    /// The kind with this number on disk.
    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Commit),
            2 => Some(Self::Part),
            3 => Some(Self::Items),
            4 => Some(Self::Side),
            _ => None,
        }
    }
}

/// A frame to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFrame {
    /// What it is for.
    pub kind: FrameKind,
    /// The tid it belongs to; of items, the last tid before the append.
    pub tid: Tid,
    /// The number of its line.
    pub line: u32,
    /// Digest of what the frame proves, which stays when pack drops bytes of the body.
    pub content: [u8; 32],
    /// The bytes.
    pub body: Vec<u8>,
}

/// What a walk over the log comes to.
#[derive(Debug)]
pub enum Visited<'a> {
    /// A frame that is as it was written.
    Frame(FrameView<'a>),
    /// Bytes that are not.
    Damage(Damage),
}

/// A frame as read, header and body checked.
#[derive(Debug)]
pub struct FrameView<'a> {
    /// Its header.
    pub header: &'a FrameHeader,
    /// Its digest, which the next frame names as `previous`.
    pub digest: [u8; 32],
    /// Its body.
    pub body: &'a Bytes,
    /// Where the body lies.
    pub at: Location,
    /// The position after the frame.
    pub end: Position,
}

impl FrameView<'_> {
    /// That the commit which this frame closes is not whole.
    pub fn incomplete(&self) -> Damage {
        Damage {
            segment: self.at.segment,
            offset: self.at.offset - FRAME_HEADER_BYTES,
            length: self.header.frame_bytes() as u32,
            what: Flaw::Incomplete,
            header: Some(*self.header),
        }
    }
}

/// A stretch of a segment that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub segment: SegmentId,
    /// Bytes before it in the segment.
    pub offset: u32,
    /// How many bytes the walk had to leave out.
    pub length: u32,
    /// What is wrong.
    pub what: Flaw,
    /// The header of the damaged frame, where only its body is bad: it names the tid and keeps the chain of digests.
    pub header: Option<FrameHeader>,
}

/// What is wrong with some bytes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// The header of the segment does not match its checksum or the manifest.
    SegmentHeader,
    /// No frame begins where one should.
    FrameHeader,
    /// The body of a frame does not match its checksum.
    Body,
    /// A chunk does not match its checksum.
    Chunk,
    /// The file ends before.
    Missing,
    /// The closing frame of a commit without all of its parts.
    Incomplete,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SegmentHeader => "the segment's header is damaged",
            Self::FrameHeader => "expected a frame, found damaged bytes",
            Self::Body => "the frame's body does not match its checksum",
            Self::Chunk => "the chunk does not match its checksum",
            Self::Missing => "the file ends before",
            Self::Incomplete => "the commit that ends here lacks a part",
        })
    }
}

/// Why frames were not appended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Somebody else appended since; nothing was written.
    #[error("cannot append after {after}: the last commit of the log is {last}")]
    Behind {
        /// The tid the frames were to follow.
        after: Tid,
        /// The last tid of the log.
        last: Tid,
    },

    /// The tids of the frames are not in order; nothing was written.
    #[error("cannot append a {kind:?} frame with {tid}: the frames before it end at {last}")]
    Disordered {
        /// The kind of the frame.
        kind: FrameKind,
        /// Its tid.
        tid: Tid,
        /// The last tid before it.
        last: Tid,
    },

    /// A frame, or all frames of the call together, are above a limit; nothing was written.
    #[error("cannot append {bytes} bytes at once: the limit is {max}")]
    TooLarge {
        /// How large it would be on disk.
        bytes: u64,
        /// The limit.
        max: u64,
    },

    /// There is no room for another segment; nothing was written, and a retry may help when there is room again.
    #[error("cannot append: no space left on the disk for `{path}`")]
    DiskFull {
        /// The file that did not fit.
        path: String,
        /// What the disk said.
        source: io::Error,
    },

    /// The disk failed: whether the frames survive is unknown. The log takes no more until it is reopened.
    #[error("cannot append to `{path}`")]
    Disk {
        /// The file.
        path: String,
        /// What the disk said.
        source: io::Error,
    },

    /// An earlier write or sync failed; nothing was written.
    #[error("the log takes no more commits until it is reopened, because {reason}")]
    Latched {
        /// What failed.
        reason: Arc<str>,
    },
}

impl AppendError {
    /// Whether the same append may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::DiskFull { .. })
    }
}

/// Why the log could not do what was asked, other than append.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The bytes are there and are not what was written.
    #[error("damage in segment {segment} at byte {offset}: {what}")]
    Damaged {
        /// The segment.
        segment: SegmentId,
        /// Bytes before it in the segment.
        offset: u32,
        /// What is wrong.
        what: Flaw,
    },

    /// The segment was packed away, or never reached so far: the location or position is out of date.
    #[error("segment {segment} holds nothing at byte {offset} any more")]
    Gone {
        /// The segment.
        segment: SegmentId,
        /// Bytes before it in the segment.
        offset: u32,
    },

    /// A write or sync failed earlier; reads go on.
    #[error("the log can promise nothing until it is reopened, because {reason}")]
    Latched {
        /// What failed.
        reason: Arc<str>,
    },

    /// There is no room for what the log keeps beside the frames; nothing was changed.
    #[error("no space left on the disk for `{path}`")]
    DiskFull {
        /// The file.
        path: String,
        /// What the disk said.
        source: io::Error,
    },

    /// The disk failed.
    #[error("cannot {attempt} `{path}`")]
    Disk {
        /// What was attempted.
        attempt: &'static str,
        /// The file.
        path: String,
        /// What the disk said.
        source: io::Error,
    },
}
