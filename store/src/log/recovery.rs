//! Opening a log: which segments it has, and where it ends after a crash.
//!
//! Of the head, what lies before the greatest position that any of its frames claims as synced was acknowledged: bad
//! bytes there are damage, reported and kept. Behind it the first bad frame ends the log. The good frames between
//! the two may be in a cache only, and a later crash might keep a later one and lose an earlier; so they are copied to
//! a new head and synced before anybody reads them.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use bough_core::Tid;

use super::manifest::{ClosedSegment, ListedSegment, MANIFEST_PATH, Manifest, ManifestError};
use super::rewrite::{RewriteState, UnfinishedRewrite};
use super::segment_file::{LOG_FOLDER, SEGMENT_HEADER_BYTES, Segment, SegmentWriter, segment_path};
use super::segments::{Appender, Listing, LogOptions, Shared, damaged_segment_header, take_id};
use super::walk::{end_of_bytes, walk};
use super::{Damage, FrameHeader, FrameKind, LOG_FORMAT, NO_DIGEST, SegmentId, Visited};
use crate::disk::{Disk, DiskFile, read_whole, replace_whole, staged_path};

/// A report names so many damaged stretches: each is a line somebody reads, and a hostile file has millions.
const DAMAGE_REPORTED_MAX: usize = 1_000;

/// What opening a log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// There was no log; an empty one was made.
    pub created: bool,
    /// The log had been closed, or nothing had been appended since.
    pub clean: bool,
    /// Damaged stretches of the head that had been synced, at most 1,000 of them. Nothing of them was cut. Damage in
    /// closed segments shows when they are read.
    pub damage: Vec<Damage>,
    /// Frames of the end that were whole, not known to be synced before, and are synced now.
    pub recovered_frames: u64,
    /// Bytes behind them, which are no longer in the log.
    pub dropped_bytes: u64,
    /// Files that were no part of the log and were removed.
    pub removed: Vec<String>,
    /// A rewrite that waits to be completed or abandoned.
    pub unfinished_rewrite: Option<UnfinishedRewrite>,
}

/// Why a log did not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The manifest is not as it was written.
    #[error("cannot open the log: `{path}` is damaged: {what}")]
    DamagedManifest {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
    },

    /// There are segments with frames and no manifest.
    #[error("cannot open the log: there is no `{path}`, but there is `{segment}`")]
    MissingManifest {
        /// The file.
        path: String,
        /// A segment that is there.
        segment: String,
    },

    /// A newer program wrote it.
    #[error("cannot open the log: its format is {found}, this program knows formats up to {known}")]
    UnknownFormat {
        /// The number found.
        found: u32,
        /// The greatest number known.
        known: u16,
    },

    /// A segment that the manifest names is not there.
    #[error("cannot open the log: the manifest names `{path}`, and there is no such file")]
    MissingSegment {
        /// The file.
        path: String,
    },

    /// The disk failed, or is full. Nothing that was acknowledged is lost by that; try again.
    #[error("cannot open the log: cannot {attempt} `{path}`")]
    Disk {
        /// What was attempted.
        attempt: &'static str,
        /// The file.
        path: String,
        /// What the disk said.
        source: io::Error,
    },
}

/// Opens the log on `disk`, and makes an empty one where there is none.
pub(super) fn open(disk: Arc<dyn Disk>, options: LogOptions) -> Result<(Shared, OpenReport), OpenError> {
    let options = LogOptions { segment_bytes: options.segment_bytes.min(u64::from(u32::MAX)), ..options };
    let mut opening = Opening { disk, options, report: OpenReport::default() };
    let content =
        read_whole(&*opening.disk, MANIFEST_PATH).map_err(|source| failed("read", MANIFEST_PATH, source))?;
    let manifest = match content {
        Some(content) => parse(&content)?,
        None => opening.create()?,
    };
    opening.check_files(&manifest)?;
    let shared = opening.open_segments(manifest)?;
    Ok((shared, opening.report))
}

fn parse(content: &[u8]) -> Result<Manifest, OpenError> {
    Manifest::parse(content).map_err(|error| match error {
        ManifestError::Damaged(what) => OpenError::DamagedManifest { path: MANIFEST_PATH.to_owned(), what },
        ManifestError::UnknownFormat(found) => OpenError::UnknownFormat { found, known: LOG_FORMAT },
    })
}

struct Opening {
    disk: Arc<dyn Disk>,
    options: LogOptions,
    report: OpenReport,
}

impl Opening {
    /// Makes an empty log. The manifest comes last: without it nothing else counts.
    fn create(&mut self) -> Result<Manifest, OpenError> {
        self.remove_unfinished_creation()?;
        let head = ListedSegment { id: SegmentId(1), after: Tid::ZERO, previous: NO_DIGEST };
        let manifest = Manifest {
            store: self.options.new_store,
            next: 2,
            closed: Vec::new(),
            head,
            rewrite: None,
            clean: None,
        };
        let segment = Segment::new(&self.disk, manifest.store, head, 0);
        self.finish_head(&mut self.begin(&manifest, segment, 0)?)?;
        self.put_manifest(&manifest)?;
        self.report.created = true;
        Ok(manifest)
    }

    /// Without a manifest there may be an empty first segment, whose making a crash cut short; nothing else.
    fn remove_unfinished_creation(&mut self) -> Result<(), OpenError> {
        for name in self.names()? {
            let path = format!("{LOG_FOLDER}/{name}");
            if !name.ends_with(".seg") {
                continue;
            }
            let file = self.disk.open(&path).map_err(|source| failed("open", &path, source))?;
            let end = end_of_bytes(&*file, SEGMENT_HEADER_BYTES, u32::MAX);
            if end.map_err(|source| failed("read", &path, source))? > SEGMENT_HEADER_BYTES {
                return Err(OpenError::MissingManifest { path: MANIFEST_PATH.to_owned(), segment: path });
            }
            self.remove(path)?;
        }
        Ok(())
    }

    /// Whether all segments are there; removes what is no part of the log.
    fn check_files(&mut self, manifest: &Manifest) -> Result<(), OpenError> {
        let listed: Vec<String> = manifest.ids().map(segment_path).collect();
        let present: Vec<String> = self.names()?.iter().map(|name| format!("{LOG_FOLDER}/{name}")).collect();
        if let Some(path) = listed.iter().find(|path| present.binary_search(path).is_err()) {
            return Err(OpenError::MissingSegment { path: path.clone() });
        }
        let staged = staged_path(MANIFEST_PATH);
        for path in present {
            if path == staged || (path.ends_with(".seg") && !listed.contains(&path)) {
                self.remove(path)?;
            }
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, OpenError> {
        self.disk.list(LOG_FOLDER).map_err(|source| failed("list", LOG_FOLDER, source))
    }

    fn remove(&mut self, path: String) -> Result<(), OpenError> {
        self.disk.remove(&path).map_err(|source| failed("remove", &path, source))?;
        self.report.removed.push(path);
        Ok(())
    }

    fn open_segments(&mut self, mut manifest: Manifest) -> Result<Shared, OpenError> {
        let found = self.scan_head(&manifest)?;
        if let Some(from) = found.unsettled_from {
            self.report.clean = false;
            let found = self.settle(&mut manifest, found, from)?;
            return Ok(self.join(manifest, found));
        }
        self.report.clean = true;
        Ok(self.join(manifest, found))
    }

    fn join(&mut self, manifest: Manifest, found: Head) -> Shared {
        let closed = |segments: &[ClosedSegment]| -> Vec<Arc<Segment>> {
            let open = |one: &ClosedSegment| Segment::new(&self.disk, manifest.store, one.listed, one.bytes);
            segments.iter().map(open).collect()
        };
        let new = manifest.rewrite.as_ref().map_or(Vec::new(), |rewrite| closed(&rewrite.new));
        let rewrite = manifest.rewrite.as_ref().map(|rewrite| UnfinishedRewrite {
            old: rewrite.old.clone(),
            new: new.iter().map(|segment| segment.id()).collect(),
        });
        self.report.unfinished_rewrite = rewrite.clone();
        let listing = Listing::new(closed(&manifest.closed), found.segment, new);
        let appender = Appender {
            file: found.file,
            capacity: found.capacity,
            last_tid: found.last.tid,
            last_digest: found.last.digest,
            open_part: None,
            next: manifest.next,
            clean: manifest.clean.is_some(),
            rewrite: rewrite.map_or(RewriteState::None, RewriteState::Readable),
            buffer: Vec::new(),
        };
        Shared::new(self.disk.clone(), manifest.store, &self.options, listing, appender)
    }

    /// Reads the head up to the last position known to be synced.
    fn scan_head(&mut self, manifest: &Manifest) -> Result<Head, OpenError> {
        let segment = Segment::new(&self.disk, manifest.store, manifest.head, 0);
        let path = segment.path.clone();
        let file = self.disk.open(&path).map_err(|source| failed("open", &path, source))?;
        let found = self.scan(manifest, segment, file);
        found.map_err(|source| failed("read", &path, source))
    }

    fn scan(
        &mut self,
        manifest: &Manifest,
        segment: Arc<Segment>,
        file: Arc<dyn DiskFile>,
    ) -> io::Result<Head> {
        let bytes = clamp(file.len()?);
        let synced = match &manifest.clean {
            Some(clean) => clean.bytes,
            None => greatest_synced(&*file, &segment, bytes)?,
        };
        self.report.damage.extend(damaged_segment_header(&*file, &segment, manifest.store)?);
        let mut last = Last { tid: manifest.head.after, digest: manifest.head.previous, digest_known: true };
        let damage = &mut self.report.damage;
        let _ = walk(&*file, &segment, SEGMENT_HEADER_BYTES, synced, &mut |visited| {
            last.follow(&visited);
            if let Visited::Damage(found) = visited
                && damage.len() < DAMAGE_REPORTED_MAX
            {
                damage.push(found);
            }
            ControlFlow::Continue(())
        })?;
        if let Some(clean) = &manifest.clean {
            last = Last { tid: clean.last_tid, digest: clean.last_digest, digest_known: true };
        }
        segment.set_end(synced);
        // Who finds only zeros behind a header can go on there: nothing was ever written that might be lost.
        let empty = synced == SEGMENT_HEADER_BYTES && end_of_bytes(&*file, synced, bytes)? == synced;
        let unsettled_from = (manifest.clean.is_none() && !empty).then_some(synced);
        Ok(Head { segment, file, capacity: u64::from(bytes.max(synced)), last, unsettled_from })
    }

    /// Copies what is good behind `from` to a new head, and closes the old one there.
    fn settle(&mut self, manifest: &mut Manifest, old: Head, from: u32) -> Result<Head, OpenError> {
        let bytes = clamp(old.capacity);
        let read_failed = |source| failed("read", &old.segment.path, source);
        let used = end_of_bytes(&*old.file, from, bytes).map_err(read_failed)?;
        let head = ListedSegment {
            id: SegmentId(take_id(&mut manifest.next)),
            after: old.last.tid,
            previous: old.last.digest,
        };
        let segment = Segment::new(&self.disk, manifest.store, head, 0);
        let mut writer = self.begin(manifest, segment.clone(), u64::from(used - from))?;
        let (last, end) = self.copy_good(&old, from, bytes, &mut writer)?;
        // The last frame may end in zeros.
        self.report.dropped_bytes = u64::from(used.saturating_sub(end));
        self.finish_head(&mut writer)?;

        manifest.closed.push(ClosedSegment { listed: manifest.head, bytes: from });
        manifest.head = head;
        self.put_manifest(manifest)?;
        // What lies behind the end was copied or is no longer in the log; that it stays does no harm.
        let _ = old.file.set_len(u64::from(from));
        let capacity = writer.file.len().map_err(|source| failed("read", &segment.path, source))?;
        Ok(Head { segment, file: writer.file, capacity, last, unsettled_from: None })
    }

    /// Copies frames up to the first that is bad or does not follow; returns the last one and where it ends.
    fn copy_good(
        &mut self,
        old: &Head,
        from: u32,
        to: u32,
        writer: &mut SegmentWriter,
    ) -> Result<(Last, u32), OpenError> {
        let (mut last, mut end, mut copied) = (old.last, from, Ok(()));
        let frames = &mut self.report.recovered_frames;
        let walked = walk(&*old.file, &old.segment, from, to, &mut |visited| {
            let Visited::Frame(frame) = &visited else { return ControlFlow::Break(()) };
            if !last.is_followed_by(frame.header) {
                return ControlFlow::Break(());
            }
            copied = writer.push(frame.header, frame.body).map(drop);
            if copied.is_err() {
                return ControlFlow::Break(());
            }
            last.follow(&visited);
            end = frame.end.offset;
            *frames += 1;
            ControlFlow::Continue(())
        });
        let _ = walked.map_err(|source| failed("read", &old.segment.path, source))?;
        copied.map_err(|source| failed("write", &writer.segment.path, source))?;
        Ok((last, end))
    }

    /// Begins a segment with room for `bytes` of frames, and more while the disk is not full: a full disk must not
    /// keep a site from being read.
    fn begin(
        &self,
        manifest: &Manifest,
        segment: Arc<Segment>,
        bytes: u64,
    ) -> Result<SegmentWriter, OpenError> {
        let path = segment.path.clone();
        let needed = (u64::from(SEGMENT_HEADER_BYTES) + bytes).min(u64::from(u32::MAX));
        let create = |bytes| SegmentWriter::create(&*self.disk, manifest.store, segment.clone(), bytes);
        let created = match create(self.options.segment_bytes.max(needed)) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => create(needed),
            created => created,
        };
        created.map_err(|source| failed("create", &path, source))
    }

    fn finish_head(&self, writer: &mut SegmentWriter) -> Result<(), OpenError> {
        let synced = writer.finish().and_then(|()| self.disk.sync_folder(LOG_FOLDER));
        synced.map_err(|source| failed("sync", &writer.segment.path, source))
    }

    fn put_manifest(&self, manifest: &Manifest) -> Result<(), OpenError> {
        replace_whole(&*self.disk, MANIFEST_PATH, manifest.to_text().as_bytes())
            .map_err(|source| failed("replace", MANIFEST_PATH, source))
    }
}

/// The head as found.
struct Head {
    segment: Arc<Segment>,
    file: Arc<dyn DiskFile>,
    capacity: u64,
    last: Last,
    /// Where what may not be durable begins, if there is such a thing.
    unsettled_from: Option<u32>,
}

/// The last frame.
#[derive(Clone, Copy)]
struct Last {
    tid: Tid,
    digest: [u8; 32],
    /// Not behind a frame whose header is damaged.
    digest_known: bool,
}

impl Last {
    fn is_followed_by(&self, header: &FrameHeader) -> bool {
        let in_order = header.kind == FrameKind::Items || header.tid >= self.tid;
        in_order && (!self.digest_known || header.previous == self.digest)
    }

    fn follow(&mut self, visited: &Visited<'_>) {
        let header = match visited {
            Visited::Frame(frame) => Some(frame.header),
            Visited::Damage(damage) => damage.header.as_ref(),
        };
        self.digest_known = header.is_some();
        if let Some(header) = header {
            self.digest = header.digest();
            // Of items it is the tid before them: never more.
            self.tid = self.tid.max(header.tid);
        }
    }
}

/// The greatest position in the head that any frame in it claims to be synced.
fn greatest_synced(file: &dyn DiskFile, segment: &Segment, to: u32) -> io::Result<u32> {
    let mut greatest = SEGMENT_HEADER_BYTES;
    let _ = walk(file, segment, SEGMENT_HEADER_BYTES, to, &mut |visited| {
        let synced = match visited {
            Visited::Frame(frame) => Some(frame.header.synced),
            Visited::Damage(damage) => damage.header.map(|header| header.synced),
        };
        let here = synced.filter(|synced| synced.segment == segment.id());
        greatest = greatest.max(here.map_or(0, |synced| synced.offset));
        ControlFlow::Continue(())
    })?;
    Ok(greatest)
}

fn clamp(bytes: u64) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn failed(attempt: &'static str, path: &str, source: io::Error) -> OpenError {
    OpenError::Disk { attempt, path: path.to_owned(), source }
}
