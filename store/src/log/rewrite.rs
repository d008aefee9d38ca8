//! Rewriting closed segments: how pack takes bytes out of the log, safely at every byte.
//!
//! New segments are written beside the old ones; while both are readable the index moves its locations over; then one
//! replacement of the manifest puts the new in place of the old. A reader that has an old segment open reads on.

use std::io;
use std::mem::replace;
use std::ops::Range;
use std::sync::Arc;

use bough_core::Tid;

use super::frame::frame_bytes;
use super::manifest::ListedSegment;
use super::segment_file::{LOG_FOLDER, SEGMENT_HEADER_BYTES, Segment, SegmentWriter};
use super::segments::{Listing, SegmentLog, Shared, take_id};
use super::{AppendError, FrameHeader, Location, Log, LogError, SegmentId, Visit};

/// A log whose closed segments can be listed and rewritten: what pack and backup need.
pub trait Packable: Log {
    /// The segments in the order of the log; the last one is the head.
    fn segments(&self) -> Vec<SegmentInfo>;

    /// Visits the frames of one segment, also of a new one of an unfinished rewrite.
    fn frames_in(&self, segment: SegmentId, visit: Visit<'_>) -> Result<(), LogError>;

    /// Closes the head early and begins another.
    fn roll(&self) -> Result<(), AppendError>;

    /// Begins to rewrite closed segments that follow each other in the log. One rewrite at a time.
    fn begin_rewrite(&self, old: &[SegmentId]) -> Result<Rewrite, RewriteError>;

    /// The rewrite whose new segments are readable while the old ones are still the log.
    fn unfinished_rewrite(&self) -> Option<UnfinishedRewrite>;

    /// Puts the new segments in place of the old ones and removes these.
    fn complete_rewrite(&self) -> Result<(), RewriteError>;

    /// Removes the new segments of the unfinished rewrite; the old ones stay the log.
    fn abandon_rewrite(&self) -> Result<(), RewriteError>;
}

/// A segment as listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its name.
    pub id: SegmentId,
    /// Bytes in use.
    pub bytes: u64,
    /// The last tid before it.
    pub after: Tid,
    /// The last tid in it, or `after` when it holds none of its own.
    pub last_tid: Tid,
    /// Whether frames are still appended to it.
    pub is_head: bool,
}

/// New segments that are readable, and the old ones that are still the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfinishedRewrite {
    /// In the order of the log.
    pub old: Vec<SegmentId>,
    /// In the order they will have.
    pub new: Vec<SegmentId>,
}

/// How far a rewrite is.
pub(super) enum RewriteState {
    None,
    /// The new segments are being written; nobody reads them, and the manifest says nothing of them.
    Writing(Vec<SegmentId>),
    /// Both are readable.
    Readable(UnfinishedRewrite),
}

/// A rewrite being written. Dropped before [`Rewrite::finish`], it leaves nothing.
pub struct Rewrite {
    shared: Arc<Shared>,
    old: Vec<SegmentId>,
    done: Vec<Arc<Segment>>,
    writer: Option<SegmentWriter>,
    last_tid: Tid,
    finished: bool,
}

impl Rewrite {
    /// Writes a frame with the fields of `header` and another body; returns where the body lies, which can be read
    /// after [`Rewrite::finish`]. The frame proves what it proved: its digest stays.
    pub fn push(&mut self, header: &FrameHeader, new_body: Vec<u8>) -> Result<Location, RewriteError> {
        let bytes = frame_bytes(new_body.len() as u64);
        let max = self.shared.frame_bytes_max;
        if bytes > max {
            return Err(RewriteError::TooLarge { bytes, max });
        }
        let room = self.shared.segment_bytes;
        if self.writer.as_ref().is_some_and(|writer| u64::from(writer.end()) + bytes > room) {
            self.close_segment()?;
        }
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.begin_segment(header)?,
        };
        let pushed = writer.push(header, &new_body);
        let path = writer.segment.path.clone();
        self.writer = Some(writer);
        self.last_tid = self.last_tid.max(header.tid);
        pushed.map_err(|source| RewriteError::Disk { path, source })
    }

    /// Makes the new segments durable and readable; the old ones stay the log until
    /// [`Packable::complete_rewrite`].
    pub fn finish(mut self) -> Result<UnfinishedRewrite, RewriteError> {
        self.close_segment()?;
        let synced = self.shared.disk.sync_folder(LOG_FOLDER);
        synced.map_err(|source| RewriteError::Disk { path: LOG_FOLDER.to_owned(), source })?;

        let shared = self.shared.clone();
        let mut appender = shared.appender.lock();
        let new = self.done.iter().map(|segment| segment.id()).collect();
        let unfinished = UnfinishedRewrite { old: self.old.clone(), new };
        let former = shared.listing.load_full();
        let listing = Listing::new(former.closed.clone(), former.head.clone(), self.done.clone());
        let writing = replace(&mut appender.rewrite, RewriteState::Readable(unfinished.clone()));
        if let Err(error) = shared.put_manifest(&appender, &listing) {
            appender.rewrite = writing;
            // Latched, the manifest may already name the new segments.
            self.finished = shared.is_latched();
            return Err(error.into());
        }
        shared.listing.store(Arc::new(listing));
        self.finished = true;
        Ok(unfinished)
    }

    fn begin_segment(&self, first: &FrameHeader) -> Result<SegmentWriter, RewriteError> {
        let id = SegmentId(take_id(&mut self.shared.appender.lock().next));
        let listed = ListedSegment { id, after: self.last_tid, previous: first.previous };
        let segment = Segment::new(&self.shared.disk, self.shared.store, listed, 0);
        SegmentWriter::create(&*self.shared.disk, self.shared.store, segment.clone(), 0).map_err(|source| {
            segment.doom();
            RewriteError::Disk { path: segment.path.clone(), source }
        })
    }

    fn close_segment(&mut self) -> Result<(), RewriteError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let written = writer.finish_closed();
        written.map_err(|source| RewriteError::Disk { path: writer.segment.path.clone(), source })?;
        self.done.push(writer.segment.clone());
        self.writer = None;
        Ok(())
    }
}

impl Drop for Rewrite {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let unfinished = self.writer.iter().map(|writer| &writer.segment);
        self.done.iter().chain(unfinished).for_each(|segment| segment.doom());
        self.shared.appender.lock().rewrite = RewriteState::None;
    }
}

impl Packable for SegmentLog {
    fn segments(&self) -> Vec<SegmentInfo> {
        let appender = self.shared.appender.lock();
        let listing = self.shared.listing.load();
        let next = listing.in_order().skip(1).map(|segment| segment.listed.after).chain([appender.last_tid]);
        let info = |(segment, last_tid): (&Arc<Segment>, Tid)| SegmentInfo {
            id: segment.id(),
            bytes: u64::from(segment.end()),
            after: segment.listed.after,
            last_tid,
            is_head: Arc::ptr_eq(segment, &listing.head),
        };
        listing.in_order().zip(next).map(info).collect()
    }

    fn frames_in(&self, segment: SegmentId, visit: Visit<'_>) -> Result<(), LogError> {
        let listing = self.shared.listing.load_full();
        let gone = LogError::Gone { segment, offset: 0 };
        let segment = listing.find(segment).ok_or(gone)?;
        self.shared.walk(segment, 0, visit).map(drop)
    }

    fn roll(&self) -> Result<(), AppendError> {
        let mut appender = self.shared.appender.lock();
        if self.shared.listing.load().head.end() == SEGMENT_HEADER_BYTES {
            return Ok(());
        }
        self.shared.roll(&mut appender, 0)
    }

    fn begin_rewrite(&self, old: &[SegmentId]) -> Result<Rewrite, RewriteError> {
        let mut appender = self.shared.appender.lock();
        match &appender.rewrite {
            RewriteState::None => {}
            RewriteState::Writing(old) | RewriteState::Readable(UnfinishedRewrite { old, .. }) => {
                return Err(RewriteError::Unfinished { old: old.clone() });
            }
        }
        self.shared.refuse_latched()?;
        let listing = self.shared.listing.load();
        let run = run_of(&listing.closed, old).filter(|run| !run.is_empty());
        let Some(run) = run else { return Err(RewriteError::NotContiguous { asked: old.to_vec() }) };
        appender.rewrite = RewriteState::Writing(old.to_vec());
        Ok(Rewrite {
            shared: self.shared.clone(),
            old: old.to_vec(),
            done: Vec::new(),
            writer: None,
            last_tid: listing.closed[run.start].listed.after,
            finished: false,
        })
    }

    fn unfinished_rewrite(&self) -> Option<UnfinishedRewrite> {
        match &self.shared.appender.lock().rewrite {
            RewriteState::Readable(unfinished) => Some(unfinished.clone()),
            RewriteState::None | RewriteState::Writing(_) => None,
        }
    }

    fn complete_rewrite(&self) -> Result<(), RewriteError> {
        self.end_rewrite(|listing, run| {
            let mut closed = listing.closed.clone();
            let old = closed.splice(run, listing.new.iter().cloned()).collect();
            (closed, old)
        })
    }

    fn abandon_rewrite(&self) -> Result<(), RewriteError> {
        self.end_rewrite(|listing, _| (listing.closed.clone(), listing.new.clone()))
    }
}

impl SegmentLog {
    /// Has the manifest list, of the old and the new segments, only those that `choose` keeps; it returns the closed
    /// segments to keep and those to remove.
    fn end_rewrite(
        &self,
        choose: impl Fn(&Listing, Range<usize>) -> (Vec<Arc<Segment>>, Vec<Arc<Segment>>),
    ) -> Result<(), RewriteError> {
        let mut appender = self.shared.appender.lock();
        let former = self.shared.listing.load_full();
        let unfinished = match replace(&mut appender.rewrite, RewriteState::None) {
            RewriteState::Readable(unfinished) => unfinished,
            other => {
                appender.rewrite = other;
                return Err(RewriteError::NothingToFinish);
            }
        };
        let run = run_of(&former.closed, &unfinished.old);
        assert!(run.is_some(), "BUG: segments {:?} are being rewritten and not listed", unfinished.old);
        let (kept, removed) = choose(&former, run.unwrap_or_default());
        let listing = Listing::new(kept, former.head.clone(), Vec::new());
        if let Err(error) = self.shared.put_manifest(&appender, &listing) {
            appender.rewrite = RewriteState::Readable(unfinished);
            return Err(error.into());
        }
        self.shared.listing.store(Arc::new(listing));
        for segment in removed {
            self.shared.files.remove(segment.id());
            segment.doom();
        }
        Ok(())
    }
}

/// Where in `closed` the segments `ids` lie, if they follow each other there.
fn run_of(closed: &[Arc<Segment>], ids: &[SegmentId]) -> Option<Range<usize>> {
    let start = closed.iter().position(|segment| Some(&segment.id()) == ids.first())?;
    let run = start..start + ids.len();
    let found = closed.get(run.clone())?.iter().map(|segment| segment.id());
    found.eq(ids.iter().copied()).then_some(run)
}

/// Why segments were not rewritten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// The segments are not closed ones that follow each other in the log.
    #[error("cannot rewrite segments {asked:?}: expected closed ones that follow each other in the log")]
    NotContiguous {
        /// The segments asked for.
        asked: Vec<SegmentId>,
    },

    /// There is one already.
    #[error("cannot begin a rewrite before the one of segments {old:?} is completed or abandoned")]
    Unfinished {
        /// The segments being rewritten.
        old: Vec<SegmentId>,
    },

    /// There is none to complete or abandon.
    #[error("there is no unfinished rewrite")]
    NothingToFinish,

    /// A frame is above the limit.
    #[error("cannot write a frame of {bytes} bytes: the limit is {max}")]
    TooLarge {
        /// How large it would be on disk.
        bytes: u64,
        /// The limit.
        max: u64,
    },

    /// The log takes no changes, or the manifest could not be replaced.
    #[error("cannot change the manifest of the log")]
    Log(#[from] LogError),

    /// The new segments could not be written; the log is as before.
    #[error("cannot write `{path}`")]
    Disk {
        /// The file.
        path: String,
        /// What the disk said.
        source: io::Error,
    },
}
