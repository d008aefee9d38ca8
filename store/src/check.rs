//! Check: every invariant of FORMAT.md, walked while the database is in use.
//!
//! The log is read from end to end and proves itself; the index must say exactly what the log says; the tree of the
//! head must be a tree. What is found is said in paths, for people who have to decide what to restore.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use bough_core::merge::structure::{Checker, Violation};
use bough_core::object::Content;
use bough_core::value::{BlobRef, Digest};
use bough_core::{CellKey, Oid, Tid};

use crate::blob::ITEM_BYTES_MAX;
use crate::commit::index_frame;
use crate::database::Database;
use crate::engine::{Engine, StoreError};
use crate::format::body::{ChangeDisk, EntryDisk, Head, HeadAt};
use crate::frames::{Parts, try_walk};
use crate::index::{self, Key};
use crate::keys;
use crate::line::{LineId, LineStatus};
use crate::log::{Damage, FrameKind, FrameView, Log, Visit, Visited, chunk_payload};
use crate::snapshot::Snapshot;

/// How many faults are named one by one.
const FAULTS_MAX: usize = 1_000;

/// Watches work that takes long: called with how much of it is done, and with all of it. Where it breaks off, the work
/// stops, safely.
pub type Watch<'a> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'a;

/// Watches nothing: the work goes on to its end.
pub fn unwatched(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

type GoOn<'a> = dyn FnMut() -> Result<(), StoreError> + 'a;

fn go_on(watched: ControlFlow<()>) -> Result<(), StoreError> {
    if watched.is_break() { Err(StoreError::Stopped) } else { Ok(()) }
}

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, and where.
    pub what: String,
    /// The paths of the objects that it concerns, as far as that can be told.
    pub paths: Vec<String>,
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct CheckReport {
    /// The commit up to which it looked.
    pub head: Tid,
    /// Frames of the log.
    pub frames: u64,
    /// Commits.
    pub commits: u64,
    /// Records of objects, over all of the history that is kept.
    pub records: u64,
    /// Objects that are there now.
    pub objects: u64,
    /// Contents kept in the log.
    pub items: u64,
    /// Contents kept as files.
    pub blobs: u64,
    /// Bytes of the log.
    pub bytes: u64,
    /// What is wrong: the first 1,000.
    pub faults: Vec<Fault>,
    /// How much is wrong.
    pub faults_total: u64,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.faults_total == 0
    }

    fn fault(&mut self, what: impl Into<String>, paths: Vec<String>) {
        self.faults_total += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault { what: what.into(), paths });
        }
    }
}

impl Database {
    /// Checks everything, while others read and write. `progress` is called with the bytes of the log read so far and
    /// their total; where it breaks off, so does the check, with [`StoreError::Stopped`].
    ///
    /// # Errors
    /// When the store cannot be read at all; what is wrong with single things is in the report.
    pub fn check(&self, progress: &mut Watch<'_>) -> Result<CheckReport, StoreError> {
        let _maintenance = self.inner.maintenance.lock();
        let engine = &self.inner.engine;
        // Whatever line this handle is on: all of them are checked. Between two commits, so that the index knows everything up to the last tid.
        let (snapshot, last) = {
            let _lead = self.inner.committer.lead();
            (Snapshot::at_head(engine, LineId::TRUNK)?, engine.log.last_tid())
        };
        let head = bough_core::Snapshot::tid(&snapshot);
        let mut check = Check {
            engine,
            snapshot: &snapshot,
            last,
            report: CheckReport { head, bytes: engine.log.bytes(), ..CheckReport::default() },
            previous: None,
            blobs: HashMap::new(),
            parts: Parts::default(),
        };
        check.log(progress)?;
        let total = check.report.bytes;
        let mut go_on = || go_on(progress(total, total));
        check.revisions(&mut go_on)?;
        check.tree(&mut go_on)?;
        check.versions()?;
        check.blobs(&mut go_on)?;
        Ok(check.report)
    }
}

struct Check<'a> {
    engine: &'a Arc<Engine>,
    snapshot: &'a Snapshot,
    /// The last tid of the log when the check began; what comes behind is another check's.
    last: Tid,
    report: CheckReport,
    previous: Option<[u8; 32]>,
    /// Blobs that records name, with one object that does.
    blobs: HashMap<BlobRef, Oid>,
    parts: Parts,
}

impl Check<'_> {
    fn log(&mut self, progress: &mut Watch<'_>) -> Result<(), StoreError> {
        let log = Arc::clone(&self.engine.log);
        let last = self.last;
        let (mut bytes, total) = (0, self.report.bytes);
        let walk = |visit: Visit<'_>| log.frames_after(log.start(), visit);
        try_walk(walk, |visited| {
            match visited {
                Visited::Damage(damage) => {
                    self.parts.damage(&damage);
                    self.damage(&damage)?;
                }
                Visited::Frame(frame) if frame.header.tid > last => return Ok(ControlFlow::Break(())),
                Visited::Frame(frame) => {
                    bytes += frame.header.frame_bytes();
                    go_on(progress(bytes, total))?;
                    self.frame(&frame)?;
                }
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Says which objects lie in a damaged stretch of the log.
    fn damage(&mut self, damage: &Damage) -> Result<(), StoreError> {
        let (from, below) = keys::all_revisions();
        let range = damage.offset..damage.offset.saturating_add(damage.length);
        let mut paths = Vec::new();
        let mut oids = Vec::new();
        self.engine.index.scan(&from, &below, &mut |key, value| {
            if let (Some((oid, _, tid)), Some(keys::RevisionAt::Record(at))) =
                (keys::parse_revision(key), keys::RevisionAt::from_bytes(value))
                && at.segment == damage.segment
                && range.contains(&at.offset)
            {
                oids.push((oid, tid));
            }
            if oids.len() < FAULTS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        for (oid, tid) in oids {
            paths.push(format!("{} as of {tid}", self.path(oid)));
        }
        let what = format!("segment {} at byte {}: {}", damage.segment, damage.offset, damage.what);
        self.report.fault(what, paths);
        self.previous = damage.header.map(|header| header.digest());
        Ok(())
    }

    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), StoreError> {
        self.report.frames += 1;
        let name = format!("frame {} of {}", frame.at.segment, frame.header.tid);
        if self.previous.is_some_and(|previous| previous != frame.header.previous) {
            self.report.fault(format!("{name} does not follow the frame before it"), Vec::new());
        }
        self.previous = Some(frame.digest);
        let head = match Head::of_body(frame.body) {
            Ok(head) => head,
            Err(error) => {
                self.report.fault(format!("{name}: {error}"), Vec::new());
                return Ok(());
            }
        };
        if head.content() != frame.header.content {
            self.report.fault(format!("{name} does not prove what its header says"), Vec::new());
        }
        let at = head.location(frame.at);
        self.chunks(frame, &head, at);
        let (part, must_be_indexed) = match frame.header.kind {
            FrameKind::Part => (self.parts.part(frame.header.tid), false),
            FrameKind::Commit => {
                self.report.commits += 1;
                let is_whole = self.parts.is_whole(frame.header.tid, &head);
                if !is_whole {
                    self.damage(&frame.incomplete())?;
                }
                // What is newer than the head could not be made durable and was never shown.
                (0, is_whole && frame.header.tid <= self.report.head)
            }
            FrameKind::Items | FrameKind::Side => (0, true),
        };
        // Of parts without a closing frame the index knows nothing; a commit that lost a part it may have met whole.
        if must_be_indexed || self.knows_commit(frame)? {
            self.indexed(&name, frame, part, &head, at)?;
        }
        Ok(())
    }

    fn knows_commit(&self, frame: &FrameView<'_>) -> Result<bool, StoreError> {
        let closing = keys::commit(LineId(frame.header.line), frame.header.tid, 0);
        Ok(self.engine.index.get(&closing)?.is_some())
    }

    /// Compares every record and item of a frame with its digest.
    fn chunks(&mut self, frame: &FrameView<'_>, head: &Head, at: HeadAt) {
        let payload = |chunk: (u32, u32)| {
            let location = Head::chunk_after(at.head, chunk);
            let start = (location.offset - frame.at.offset) as usize;
            frame.body.get(start..start + location.length as usize).and_then(chunk_payload)
        };
        for entry in &head.disk.entries {
            let EntryDisk::Kept { facts, record } = entry else { continue };
            self.report.records += 1;
            let sound = match (&facts.change, record) {
                (ChangeDisk::Record { digest }, Some(chunk)) => {
                    payload(*chunk).is_some_and(|bytes| blake3::hash(bytes).as_bytes() == digest)
                }
                (ChangeDisk::Record { .. }, None) => false,
                _ => true,
            };
            if !sound {
                let path = format!("{} as of {}", self.path(facts.oid()), frame.header.tid);
                self.report.fault("a record does not match its digest", vec![path]);
            }
        }
        for item in &head.disk.items {
            self.report.items += 1;
            if payload(item.chunk).is_none_or(|bytes| *blake3::hash(bytes).as_bytes() != item.digest) {
                self.report
                    .fault(format!("content {} does not match its digest", Digest(item.digest)), Vec::new());
            }
        }
    }

    /// Compares what the index holds of a frame with what it must hold.
    fn indexed(
        &mut self,
        name: &str,
        frame: &FrameView<'_>,
        part: u32,
        head: &Head,
        at: HeadAt,
    ) -> Result<(), StoreError> {
        let mut expected = Vec::new();
        let line = LineId(frame.header.line);
        if index_frame(line, frame.header.tid, part, head, at, &mut expected).is_err() {
            self.report.fault(format!("{name} holds an entry that cannot be indexed"), Vec::new());
            return Ok(());
        }
        for entry in expected {
            // Of items and side records the last write counts; of a draft that was given up nothing does.
            let may_differ = keys::is_last_write(&entry.key);
            let found = self.engine.index.get(&entry.key)?;
            if !may_differ && found != entry.value {
                let paths =
                    keys::parse_revision(&entry.key).map(|(oid, ..)| self.path(oid)).into_iter().collect();
                self.report.fault(format!("{name}: the index says otherwise"), paths);
            }
        }
        Ok(())
    }

    /// Reads every revision that the index knows: all must be in the log, and all they name must be there.
    fn revisions(&mut self, go_on: &mut GoOn<'_>) -> Result<(), StoreError> {
        let engine = self.engine;
        let (mut from, below) = (keys::all_revisions().0.to_vec(), keys::all_revisions().1);
        loop {
            let mut batch: Vec<(Key, index::Value)> = Vec::new();
            engine.index.scan(&from, &below, &mut |key, value| {
                batch.push((key.into(), value.into()));
                if batch.len() < 1_000 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            let Some((last, _)) = batch.last() else { return Ok(()) };
            go_on()?;
            from = [&last[..], &[0]].concat();
            for (key, value) in &batch {
                let parsed = keys::parse_revision(key).zip(keys::RevisionAt::from_bytes(value));
                let Some(((oid, line, tid), at)) = parsed else {
                    self.report.fault("the index holds an entry that says nothing", Vec::new());
                    continue;
                };
                if tid > self.report.head {
                    continue;
                }
                match engine.contents_of(line, oid, crate::engine::Revision { tid, at }) {
                    Ok(contents) => self.contents(oid, tid, &contents)?,
                    Err(error) => {
                        let path = format!("{} as of {tid}", self.path(oid));
                        self.report
                            .fault(format!("a record cannot be read: {}", chain_text(&error)), vec![path]);
                    }
                }
            }
        }
    }

    fn contents(&mut self, oid: Oid, tid: Tid, contents: &[(CellKey, Content)]) -> Result<(), StoreError> {
        let mut blobs = Vec::new();
        for (key, content) in contents {
            kept_by(content, &mut |blob| blobs.push(blob));
            for blob in blobs.drain(..) {
                if blob.bytes > ITEM_BYTES_MAX {
                    self.blobs.entry(blob).or_insert(oid);
                } else if self.engine.item_location(&blob.digest)?.is_none() {
                    let path = format!("{} as of {tid}", self.path(oid));
                    self.report.fault(format!("the content of `{key}` is missing"), vec![path]);
                }
            }
        }
        Ok(())
    }

    /// Walks what each version touched: it stands in a tree, and its name leads to it.
    fn versions(&mut self) -> Result<(), StoreError> {
        let engine = self.engine;
        let head = self.report.head;
        for (line, epoch) in engine.lines.all(head) {
            if epoch.state.status != LineStatus::Open {
                continue;
            }
            let snapshot = Snapshot::at(engine, line, head)?;
            let mut checker = Checker::default();
            for oid in engine.lines.get(line, &engine.index)?.all_touched() {
                let Some(object) = bough_core::Snapshot::object(&snapshot, oid)? else { continue };
                let name = &epoch.state.name;
                match checker.check(&snapshot, oid)? {
                    Some(Violation::BelowDeleted { .. }) => continue,
                    None => {}
                    Some(violation) => {
                        let path = self.path(oid);
                        self.report.fault(format!("in version `{name}`: {violation}"), vec![path]);
                        continue;
                    }
                }
                let Some(place) = object.place() else { continue };
                if bough_core::Snapshot::child(&snapshot, place.parent, place.name.as_str())? != Some(oid) {
                    let path = self.path(oid);
                    let what = format!("in version `{name}` the object is not found in its folder");
                    self.report.fault(what, vec![path]);
                }
            }
        }
        Ok(())
    }

    /// Walks every object that stands somewhere at the head, and every name that leads to one.
    fn tree(&mut self, go_on: &mut GoOn<'_>) -> Result<(), StoreError> {
        let mut checker = Checker::default();
        let (mut from, below) = (keys::all_revisions().0.to_vec(), keys::all_revisions().1);
        let head = bough_core::Snapshot::tid(self.snapshot);
        while let Some((key, _)) = self.engine.index.first(&from, &below)? {
            let Some((oid, line, _)) = keys::parse_revision(&key) else { break };
            from = keys::revisions_end(oid, line).into();
            go_on()?;
            if line != self.snapshot.line() {
                continue;
            }
            let Ok(Some(object)) = self.engine.object(line, oid, head) else { continue };
            match checker.check(self.snapshot, oid)? {
                Some(Violation::BelowDeleted { .. }) => continue,
                None => {}
                Some(violation) => {
                    let path = self.path(oid);
                    self.report.fault(violation.to_string(), vec![path]);
                    continue;
                }
            }
            let Some(place) = object.place() else { continue };
            self.report.objects += 1;
            let by_name = self.engine.child(line, place.parent, place.name.as_str(), head)?;
            let order_key = keys::by_order(place.parent, &place.order, &place.name, line, head);
            let order_end = keys::behind(&keys::by_order_prefix(place.parent, &place.order, &place.name));
            let by_order = self.engine.index.first(&order_key, &order_end)?;
            let by_order = by_order.and_then(|(_, value)| crate::engine::oid_of(&value));
            if by_name != Some(oid) || by_order != Some(oid) {
                let path = self.path(oid);
                self.report.fault("the object is not found in its folder", vec![path]);
            }
        }
        self.names(head)
    }

    /// Every name that leads somewhere leads to an object that stands there. In what is packed away, names may be left.
    fn names(&mut self, head: Tid) -> Result<(), StoreError> {
        let (mut from, below) = (keys::all_names().0.to_vec(), keys::all_names().1);
        let line = self.snapshot.line();
        while let Some((key, _)) = self.engine.index.first(&from, &below)? {
            let Some((parent, name)) = keys::parse_named(&key) else { break };
            from = keys::behind(&keys::by_name_prefix(parent, name)).into();
            let Some(child) = self.engine.child(line, parent, name, head)? else { continue };
            let object = self.engine.object(line, child, head)?;
            let stands = object
                .as_ref()
                .and_then(|o| o.place())
                .is_some_and(|p| p.parent == parent && p.name == *name);
            if !stands && (object.is_some() || self.engine.object(line, parent, head)?.is_some()) {
                let above = self.path(parent);
                let what = format!(
                    "the name `{}` leads to an object that does not stand there",
                    name.escape_debug()
                );
                self.report.fault(what, vec![above]);
            }
        }
        Ok(())
    }

    fn blobs(&mut self, go_on: &mut GoOn<'_>) -> Result<(), StoreError> {
        for (blob, oid) in std::mem::take(&mut self.blobs) {
            go_on()?;
            self.report.blobs += 1;
            if let Err(error) = self.blob(&blob) {
                let path = self.path(oid);
                self.report.fault(format!("blob {}: {error}", blob.digest), vec![path]);
            }
        }
        let strays = self.engine.index.faults()?;
        for stray in strays {
            self.report.fault(stray, Vec::new());
        }
        Ok(())
    }

    fn blob(&self, blob: &BlobRef) -> std::io::Result<()> {
        let file = self.engine.blobs.open(blob)?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 256 << 10];
        let mut at = 0;
        while at < blob.bytes {
            let length = buffer.len().min((blob.bytes - at) as usize);
            file.read_at(&mut buffer[..length], at)?;
            hasher.update(&buffer[..length]);
            at += length as u64;
        }
        if *hasher.finalize().as_bytes() == blob.digest.0 {
            return Ok(());
        }
        Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "its bytes do not match its digest"))
    }

    /// The path of an object, or who it is where no path leads to it.
    fn path(&self, oid: Oid) -> String {
        match bough_core::snapshot::path_of(self.snapshot, oid) {
            Ok(Some(path)) => path.to_string(),
            _ => oid.to_string(),
        }
    }
}

fn chain_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Calls `visit` with everything that a content keeps aside.
pub(crate) fn kept_by(content: &Content, visit: &mut dyn FnMut(BlobRef)) {
    match content {
        Content::Large(large) => {
            large.blobs.iter().copied().for_each(&mut *visit);
            visit(BlobRef { digest: large.digest, bytes: 0 });
        }
        Content::Value(value) => value.blobs(visit),
        _ => {}
    }
}
