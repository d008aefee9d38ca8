//! The log in segment files.
//!
//! Frames are appended to the head, a file with room set aside; when that is full the head is closed and another
//! begun ("roll"). Three locks, taken in this order: `appender` (who adds frames or changes the manifest), `flush` (one
//! fdatasync of the head at a time, so that no other one takes its error), `tail` (for moments only).
//!
//! # Invariants
//! - A closed segment is synced before the manifest says that it is closed, a new one before the manifest names it.
//! - The note of a clean end is durably gone before the first append.
//! - After a failed write or sync, or a replacement of the manifest that may or may not have happened, the log is
//!   latched: it takes and promises nothing more.

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bough_core::Tid;
use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use uuid::Uuid;

use super::frame::{chunk_payload, frame_bytes};
use super::manifest::{CleanEnd, ClosedSegment, ListedRewrite, ListedSegment, MANIFEST_PATH, Manifest};
use super::recovery::{OpenError, OpenReport};
use super::rewrite::RewriteState;
use super::segment_file::{
    LOG_FOLDER, OpenFiles, SEGMENT_HEADER_BYTES, Segment, SegmentWriter, decode_segment_header, push_frame,
};
use super::walk::walk;
use super::{
    AppendError, CHUNK_OVERHEAD_BYTES, Damage, Flaw, FrameHeader, FrameKind, Location, Log, LogError,
    NewFrame, Position, SegmentId, Visit, Visited,
};
use crate::disk::{Disk, DiskFile, publish_whole, stage_whole, staged_path};

/// How a log is opened.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Bytes set aside for a segment. An append larger than this gets a segment of its own size.
    pub segment_bytes: u64,
    /// The largest frame, with header and padding.
    pub frame_bytes_max: u64,
    /// Names the store, if it has to be made; else it has its name.
    pub new_store: Uuid,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, frame_bytes_max: 16 << 20, new_store: Uuid::new_v4() }
    }
}

/// The log in segment files on a disk.
pub struct SegmentLog {
    pub(super) shared: Arc<Shared>,
}

/// What the log, its readers and a rewrite share.
pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) store: Uuid,
    pub(super) segment_bytes: u64,
    pub(super) frame_bytes_max: u64,
    pub(super) files: OpenFiles,
    pub(super) listing: ArcSwap<Listing>,
    pub(super) appender: Mutex<Appender>,
    flush: Mutex<()>,
    tail: Mutex<Tail>,
}

/// The segments, as the manifest has them.
pub(super) struct Listing {
    pub(super) closed: Vec<Arc<Segment>>,
    pub(super) head: Arc<Segment>,
    /// New segments of an unfinished rewrite: readable, and not yet in the order of the log.
    pub(super) new: Vec<Arc<Segment>>,
    by_id: HashMap<SegmentId, Arc<Segment>>,
}

impl Listing {
    pub(super) fn new(closed: Vec<Arc<Segment>>, head: Arc<Segment>, new: Vec<Arc<Segment>>) -> Self {
        let all = closed.iter().chain([&head]).chain(&new);
        let by_id = all.map(|segment| (segment.id(), segment.clone())).collect();
        Self { closed, head, new, by_id }
    }

    pub(super) fn find(&self, id: SegmentId) -> Option<&Arc<Segment>> {
        self.by_id.get(&id)
    }

    /// The segments in the order of the log.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &Arc<Segment>> {
        self.closed.iter().chain([&self.head])
    }
}

/// What only who appends may change.
pub(super) struct Appender {
    pub(super) file: Arc<dyn DiskFile>,
    /// Bytes set aside for the head.
    pub(super) capacity: u64,
    pub(super) last_tid: Tid,
    pub(super) last_digest: [u8; 32],
    /// The tid of the last frame, if that is a part: its closing frame may follow.
    pub(super) open_part: Option<Tid>,
    pub(super) next: u32,
    /// Whether the manifest says where the log ends.
    pub(super) clean: bool,
    pub(super) rewrite: RewriteState,
    /// Kept for the next append, while it is small.
    pub(super) buffer: Vec<u8>,
}

/// How far the log is appended and synced.
struct Tail {
    file: Arc<dyn DiskFile>,
    end: Position,
    last_tid: Tid,
    last_digest: [u8; 32],
    /// Counts appends, also over segments.
    appends: u64,
    appends_synced: u64,
    synced: Position,
    latched: Option<Arc<str>>,
}

/// The buffer of an append is kept up to this size.
const BUFFER_KEPT_BYTES: usize = 1 << 20;

impl SegmentLog {
    /// Opens the log on `disk`, and makes an empty one where there is none. What was not known to be synced before a
    /// crash is synced when this returns.
    pub fn open(disk: Arc<dyn Disk>, options: LogOptions) -> Result<(Self, OpenReport), OpenError> {
        let (shared, report) = super::recovery::open(disk, options)?;
        Ok((Self { shared: Arc::new(shared) }, report))
    }

    /// Names the store; given when it was made.
    pub fn store(&self) -> Uuid {
        self.shared.store
    }

    /// The largest frame that it takes, with header and padding, in bytes.
    pub fn frame_bytes_max(&self) -> u64 {
        self.shared.frame_bytes_max
    }

    /// Syncs, and notes durably that the log ends here, so that the next open need not recover it. A later append
    /// takes the note back.
    pub fn close(&self) -> Result<(), LogError> {
        self.close_as(&mut self.shared.appender.lock())
    }

    /// The same, and nothing is appended any more.
    pub fn close_for_good(&self) -> Result<(), LogError> {
        let mut appender = self.shared.appender.lock();
        self.close_as(&mut appender)?;
        self.shared.tail.lock().latched.get_or_insert_with(|| "it was closed".into());
        Ok(())
    }

    /// Why nothing more is appended, if so.
    pub fn failure(&self) -> Option<Arc<str>> {
        self.shared.tail.lock().latched.clone()
    }

    fn close_as(&self, appender: &mut Appender) -> Result<(), LogError> {
        self.shared.flush_head()?;
        if appender.clean {
            return Ok(());
        }
        appender.clean = true;
        let listing = self.shared.listing.load_full();
        let noted = self.shared.put_manifest(appender, &listing);
        appender.clean = noted.is_ok();
        noted
    }
}

impl Log for SegmentLog {
    fn append(&self, frames: &[NewFrame], after: Tid) -> Result<Vec<Location>, AppendError> {
        let mut appender = self.shared.appender.lock();
        self.shared.refuse_latched().map_err(AppendError::from)?;
        let bytes = self.shared.check(&appender, frames, after)?;
        if frames.is_empty() {
            return Ok(Vec::new());
        }
        self.shared.make_room(&mut appender, bytes)?;
        self.shared.write(&mut appender, frames)
    }

    fn sync(&self) -> Result<(), LogError> {
        let appends = self.shared.tail.lock().appends;
        let flushing = self.shared.flush.lock();
        // Who waited here was often served by the sync it waited for.
        self.shared.refuse_latched()?;
        if self.shared.tail.lock().appends_synced >= appends {
            return Ok(());
        }
        self.shared.flush_as(flushing)
    }

    fn read(&self, at: Location) -> Result<Bytes, LogError> {
        let listing = self.shared.listing.load();
        let gone = LogError::Gone { segment: at.segment, offset: at.offset };
        let Some(segment) = listing.find(at.segment) else { return Err(gone) };
        let damaged = |what| LogError::Damaged { segment: at.segment, offset: at.offset, what };
        if at.offset.checked_add(at.length).is_none_or(|end| end > segment.end()) {
            return Err(gone);
        }
        if at.length < CHUNK_OVERHEAD_BYTES {
            return Err(damaged(Flaw::Chunk));
        }
        let file = self.shared.file(segment)?;
        let mut chunk = vec![0; at.length as usize];
        match file.read_at(&mut chunk, u64::from(at.offset)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(damaged(Flaw::Missing)),
            Err(source) => return Err(failed("read", &segment.path, source)),
        }
        let good = chunk_payload(&chunk).is_some();
        if !good {
            return Err(damaged(Flaw::Chunk));
        }
        Ok(Bytes::from(chunk).slice(CHUNK_OVERHEAD_BYTES as usize..))
    }

    fn frames_after(&self, position: Position, visit: Visit<'_>) -> Result<(), LogError> {
        let listing = self.shared.listing.load_full();
        let mut from = Some(position);
        let later = listing.in_order().skip_while(|segment| segment.id() != position.segment);
        for segment in later {
            let offset = from.take().map_or(0, |position| position.offset);
            if self.shared.walk(segment, offset, visit)?.is_break() {
                return Ok(());
            }
        }
        match from {
            None => Ok(()),
            Some(Position { segment, offset }) => Err(LogError::Gone { segment, offset }),
        }
    }

    fn last_tid(&self) -> Tid {
        self.shared.tail.lock().last_tid
    }

    fn last_digest(&self) -> [u8; 32] {
        self.shared.tail.lock().last_digest
    }

    fn start(&self) -> Position {
        let listing = self.shared.listing.load();
        let first = listing.closed.first().unwrap_or(&listing.head);
        Position { segment: first.id(), offset: SEGMENT_HEADER_BYTES }
    }

    fn end(&self) -> Position {
        self.shared.tail.lock().end
    }

    fn bytes(&self) -> u64 {
        let listing = self.shared.listing.load();
        listing.by_id.values().map(|segment| u64::from(segment.end())).sum()
    }
}

impl Shared {
    /// Joins what was opened; everything in it is synced.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        store: Uuid,
        options: &LogOptions,
        listing: Listing,
        appender: Appender,
    ) -> Self {
        let end = Position { segment: listing.head.id(), offset: listing.head.end() };
        let tail = Tail {
            file: appender.file.clone(),
            end,
            last_tid: appender.last_tid,
            last_digest: appender.last_digest,
            appends: 0,
            appends_synced: 0,
            synced: end,
            latched: None,
        };
        let files = OpenFiles::default();
        files.insert(listing.head.id(), appender.file.clone());
        Self {
            disk,
            store,
            segment_bytes: options.segment_bytes,
            frame_bytes_max: options.frame_bytes_max,
            files,
            listing: ArcSwap::from_pointee(listing),
            appender: Mutex::new(appender),
            flush: Mutex::new(()),
            tail: Mutex::new(tail),
        }
    }

    pub(super) fn refuse_latched(&self) -> Result<(), LogError> {
        match &self.tail.lock().latched {
            Some(reason) => Err(LogError::Latched { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Refuses everything from now on; the first reason stays.
    fn latch(&self, error: LogError) -> LogError {
        let reason = match &error {
            LogError::Disk { source, .. } => format!("{error}: {source}"),
            error => error.to_string(),
        };
        self.tail.lock().latched.get_or_insert_with(|| reason.into());
        error
    }

    pub(super) fn is_latched(&self) -> bool {
        self.tail.lock().latched.is_some()
    }

    /// Whether the frames may follow; returns the bytes they take.
    fn check(&self, appender: &Appender, frames: &[NewFrame], after: Tid) -> Result<u64, AppendError> {
        if after != appender.last_tid {
            return Err(AppendError::Behind { after, last: appender.last_tid });
        }
        let mut last = after;
        let mut part = appender.open_part;
        let mut bytes = 0;
        for frame in frames {
            let follows = match frame.kind {
                FrameKind::Items => frame.tid == after,
                FrameKind::Commit | FrameKind::Part => frame.tid > last || part == Some(frame.tid),
                FrameKind::Side => frame.tid > last,
            };
            if !follows {
                return Err(AppendError::Disordered { kind: frame.kind, tid: frame.tid, last });
            }
            if frame.kind != FrameKind::Items {
                last = frame.tid;
                part = (frame.kind == FrameKind::Part).then_some(frame.tid);
            }
            bytes += limited(frame_bytes(frame.body.len() as u64), self.frame_bytes_max)?;
        }
        limited(bytes, u64::from(u32::MAX - SEGMENT_HEADER_BYTES))
    }

    /// Has the head take so many more bytes, durably no longer noted as closed.
    fn make_room(&self, appender: &mut Appender, bytes: u64) -> Result<(), AppendError> {
        let used = u64::from(self.listing.load().head.end());
        if used + bytes > appender.capacity {
            self.roll(appender, bytes)?;
        }
        if appender.clean {
            appender.clean = false;
            let taken_back = self.put_manifest(appender, &self.listing.load());
            appender.clean = taken_back.is_err();
            taken_back?;
        }
        Ok(())
    }

    /// Writes the frames at the end of the head, where there is room for them.
    fn write(&self, appender: &mut Appender, frames: &[NewFrame]) -> Result<Vec<Location>, AppendError> {
        let listing = self.listing.load();
        let head = &listing.head;
        let start = head.end();
        let synced = self.tail.lock().synced;
        let mut bytes = std::mem::take(&mut appender.buffer);
        let mut locations = Vec::with_capacity(frames.len());
        let (mut last_tid, mut last_digest, mut open_part) =
            (appender.last_tid, appender.last_digest, appender.open_part);
        for frame in frames {
            let header = new_header(frame, synced, last_digest);
            locations.push(push_frame(&mut bytes, start, head, &header, &frame.body));
            last_digest = header.digest();
            if frame.kind != FrameKind::Items {
                last_tid = frame.tid;
                open_part = (frame.kind == FrameKind::Part).then_some(frame.tid);
            }
        }
        let written = appender.file.write_at(&bytes, u64::from(start));
        let end = start + bytes.len() as u32;
        bytes.clear();
        bytes.shrink_to(BUFFER_KEPT_BYTES);
        appender.buffer = bytes;
        written.map_err(|source| self.latch(failed("write", &head.path, source)))?;

        head.set_end(end);
        (appender.last_tid, appender.last_digest, appender.open_part) = (last_tid, last_digest, open_part);
        let mut tail = self.tail.lock();
        tail.end.offset = end;
        tail.appends += 1;
        (tail.last_tid, tail.last_digest) = (last_tid, last_digest);
        Ok(locations)
    }

    /// Closes the head, and begins another that has room for `bytes` of frames.
    pub(super) fn roll(&self, appender: &mut Appender, bytes: u64) -> Result<(), AppendError> {
        self.refuse_latched()?;
        let capacity = self.segment_bytes.max(u64::from(SEGMENT_HEADER_BYTES) + bytes);
        let writer = self.begin_segment(appender, capacity).map_err(|error| match error {
            LogError::DiskFull { .. } => error,
            error => self.latch(error),
        })?;
        let head = writer.segment.clone();
        let former = self.listing.load_full();
        let listing = Listing::new(former.in_order().cloned().collect(), head.clone(), former.new.clone());
        let was_clean = std::mem::take(&mut appender.clean);
        let listed = self.flush_head().and_then(|()| self.put_manifest(appender, &listing));
        if let Err(error) = listed {
            appender.clean = was_clean;
            // Latched, the manifest may already name it.
            if !self.is_latched() {
                head.doom();
            }
            return Err(error.into());
        }
        self.files.insert(head.id(), writer.file.clone());
        appender.capacity = capacity;
        let closed = std::mem::replace(&mut appender.file, writer.file.clone());
        let mut tail = self.tail.lock();
        tail.file = writer.file;
        tail.end = Position { segment: head.id(), offset: head.end() };
        tail.synced = tail.end;
        drop(tail);
        self.listing.store(Arc::new(listing));
        // Gives back what was set aside; that it stays does no harm.
        let _ = closed.set_len(u64::from(former.head.end()));
        Ok(())
    }

    /// Makes the file of an empty segment that follows the last frame, durably; it is not listed yet.
    fn begin_segment(&self, appender: &mut Appender, capacity: u64) -> Result<SegmentWriter, LogError> {
        let listed = ListedSegment {
            id: SegmentId(take_id(&mut appender.next)),
            after: appender.last_tid,
            previous: appender.last_digest,
        };
        let segment = Segment::new(&self.disk, self.store, listed, 0);
        let made = SegmentWriter::create(&*self.disk, self.store, segment.clone(), capacity)
            .and_then(|mut writer| writer.finish().map(|()| writer))
            .and_then(|writer| self.disk.sync_folder(LOG_FOLDER).map(|()| writer));
        made.map_err(|source| {
            segment.doom();
            failed_or_full("create", &segment.path, source)
        })
    }

    /// Makes everything appended durable. The caller holds the appender, or does not care for what comes next.
    pub(super) fn flush_head(&self) -> Result<(), LogError> {
        let flushing = self.flush.lock();
        self.refuse_latched()?;
        self.flush_as(flushing)
    }

    fn flush_as(&self, _flushing: MutexGuard<'_, ()>) -> Result<(), LogError> {
        let tail = self.tail.lock();
        let (file, end, appends) = (tail.file.clone(), tail.end, tail.appends);
        if tail.appends_synced == appends {
            return Ok(());
        }
        drop(tail);
        file.sync().map_err(|source| {
            let path = super::segment_file::segment_path(end.segment);
            self.latch(failed("sync", &path, source))
        })?;
        let mut tail = self.tail.lock();
        tail.appends_synced = appends;
        // The head may have been closed meanwhile; then it was synced too.
        if tail.end.segment == end.segment {
            tail.synced = end;
        }
        Ok(())
    }

    /// Replaces the manifest by what `listing` and `appender` say.
    pub(super) fn put_manifest(&self, appender: &Appender, listing: &Listing) -> Result<(), LogError> {
        self.refuse_latched()?;
        let text = self.manifest(appender, listing).to_text();
        if let Err(source) = stage_whole(&*self.disk, MANIFEST_PATH, text.as_bytes()) {
            let error = failed_or_full("write", &staged_path(MANIFEST_PATH), source);
            return Err(if matches!(error, LogError::DiskFull { .. }) { error } else { self.latch(error) });
        }
        publish_whole(&*self.disk, MANIFEST_PATH)
            .map_err(|source| self.latch(failed("replace", MANIFEST_PATH, source)))
    }

    fn manifest(&self, appender: &Appender, listing: &Listing) -> Manifest {
        let clean = CleanEnd {
            bytes: listing.head.end(),
            last_tid: appender.last_tid,
            last_digest: appender.last_digest,
        };
        let rewrite = match &appender.rewrite {
            RewriteState::Readable(rewrite) => Some(ListedRewrite {
                old: rewrite.old.clone(),
                new: listing.new.iter().map(as_closed).collect(),
            }),
            RewriteState::None | RewriteState::Writing(_) => None,
        };
        Manifest {
            store: self.store,
            next: appender.next,
            closed: listing.closed.iter().map(as_closed).collect(),
            head: listing.head.listed,
            rewrite,
            clean: appender.clean.then_some(clean),
        }
    }

    /// The open file of a segment.
    pub(super) fn file(&self, segment: &Segment) -> Result<Arc<dyn DiskFile>, LogError> {
        self.files.get(segment).map_err(|source| failed("open", &segment.path, source))
    }

    /// Visits what lies in a segment from `offset` on, its header first when that is 0.
    pub(super) fn walk(
        &self,
        segment: &Segment,
        offset: u32,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, LogError> {
        let file = self.file(segment)?;
        if offset <= SEGMENT_HEADER_BYTES {
            let damage = damaged_segment_header(&*file, segment, self.store)
                .map_err(|source| failed("read", &segment.path, source))?;
            if let Some(damage) = damage
                && visit(Visited::Damage(damage)).is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        walk(&*file, segment, offset, segment.end(), visit)
            .map_err(|source| failed("read", &segment.path, source))
    }
}

/// What is wrong with the header of a segment, if anything is.
pub(super) fn damaged_segment_header(
    file: &dyn DiskFile,
    segment: &Segment,
    store: Uuid,
) -> io::Result<Option<Damage>> {
    let mut header = [0; SEGMENT_HEADER_BYTES as usize];
    let what = match file.read_at(&mut header, 0) {
        Ok(()) if decode_segment_header(&header) == Some((store, segment.listed)) => return Ok(None),
        Ok(()) => Flaw::SegmentHeader,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Flaw::Missing,
        Err(error) => return Err(error),
    };
    let length = SEGMENT_HEADER_BYTES;
    Ok(Some(Damage { segment: segment.id(), offset: 0, length, what, header: None }))
}

/// The header of a frame that follows `previous`, but for what depends on its body.
fn new_header(frame: &NewFrame, synced: Position, previous: [u8; 32]) -> FrameHeader {
    FrameHeader {
        kind: frame.kind,
        tid: frame.tid,
        line: frame.line,
        body_bytes: frame.body.len() as u32,
        synced,
        previous,
        content: frame.content,
        body_crc: 0,
    }
}

/// The next number of a segment, which is then taken.
pub(super) fn take_id(next: &mut u32) -> u32 {
    let id = *next;
    assert!(id < u32::MAX, "BUG: four billion segments");
    *next = id + 1;
    id
}

fn as_closed(segment: &Arc<Segment>) -> ClosedSegment {
    ClosedSegment { listed: segment.listed, bytes: segment.end() }
}

fn limited(bytes: u64, max: u64) -> Result<u64, AppendError> {
    if bytes > max { Err(AppendError::TooLarge { bytes, max }) } else { Ok(bytes) }
}

pub(super) fn failed(attempt: &'static str, path: &str, source: io::Error) -> LogError {
    LogError::Disk { attempt, path: path.to_owned(), source }
}

pub(super) fn failed_or_full(attempt: &'static str, path: &str, source: io::Error) -> LogError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            LogError::DiskFull { path: path.to_owned(), source }
        }
        _ => failed(attempt, path, source),
    }
}

/// What the steps of an append other than the write may run into.
impl From<LogError> for AppendError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Latched { reason } => Self::Latched { reason },
            LogError::DiskFull { path, source } => Self::DiskFull { path, source },
            LogError::Disk { path, source, .. } => Self::Disk { path, source },
            LogError::Damaged { .. } | LogError::Gone { .. } => {
                unreachable!("BUG: an append read a location: {error}")
            }
        }
    }
}
