//! Pack: forgetting history that nothing needs, while the database is in use.
//!
//! What is kept: the state at the horizon and at every later commit, all commits' metadata and proofs, all former
//! places of objects that are still there. What goes: records of states before the horizon, objects that were deleted
//! before it and never came back, contents that no kept record names.
//!
//! Each closed segment is rewritten by itself, safely at every byte: the new one is written and made durable, the index
//! is moved over and made durable while both can be read, then the new one takes the old one's place.
//!
//! # Invariants
//! - No open snapshot is older than the horizon, and none is given out before it once pack began.
//! - A content that a draft counts on, or that was counted on since pack began, is kept.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bough_core::value::Digest;
use bough_core::{Oid, Tid};

use crate::check::{Watch, kept_by};
use crate::commit::CommitError;
use crate::database::Database;
use crate::engine::{Engine, Revision, StoreError};
use crate::format::body::{BodyBuilder, EntryDisk, FactsDisk, Head};
use crate::frames::{Gathered, try_walk};
use crate::index::{self, Entry, IndexError, Key};
use crate::keys::{self, RevisionAt};
use crate::line::{LineId, LineStatus};
use crate::log::{
    AppendError, FrameHeader, Location, Log, LogError, Packable, RewriteError, SegmentId, Visit, Visited,
    chunk_payload,
};
use crate::side;
use crate::version::VersionError;

/// A segment from which no record goes is rewritten when that frees at least this share of it: a sixteenth.
const WORTH_SHARE: u64 = 16;

/// What a pack did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackReport {
    /// The earliest state that is kept.
    pub horizon: Tid,
    /// Bytes of log and blobs before.
    pub bytes_before: u64,
    /// Bytes that are freed.
    pub bytes_freed: u64,
    /// Earlier states of objects that go.
    pub records_dropped: u64,
    /// Objects that go for good, deleted before the horizon.
    pub objects_dropped: u64,
    /// Contents that go.
    pub contents_dropped: u64,
    /// Segments of the log that are rewritten.
    pub segments_rewritten: u64,
    /// The versions, open or closed and not merged, that need what lies before the time that was asked for, with the
    /// commit from which on each needs it.
    pub held_by: Vec<(String, Tid)>,
}

/// Why a pack stopped. What it did so far is done; nothing that is needed is lost.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The log could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What versions need could not be read.
    #[error(transparent)]
    Versions(#[from] VersionError),
    /// The horizon could not be recorded.
    #[error("cannot record the horizon")]
    Horizon(#[from] CommitError),
    /// The log could not close its newest segment.
    #[error("cannot close the newest segment of the log")]
    Roll(#[from] AppendError),
    /// A segment could not be rewritten.
    #[error("cannot rewrite a segment of the log")]
    Rewrite(#[from] RewriteError),
    /// A content's file could not be removed.
    #[error("cannot remove the file of a content")]
    Blob(#[source] std::io::Error),
    /// Whoever watched it said so.
    #[error("it was stopped")]
    Stopped,
}

impl From<LogError> for PackError {
    fn from(error: LogError) -> Self {
        StoreError::from(error).into()
    }
}

impl From<IndexError> for PackError {
    fn from(error: IndexError) -> Self {
        StoreError::from(error).into()
    }
}

impl Database {
    /// Forgets what only states before `before` need. With `dry_run` it only says what it would do, exactly.
    /// `progress` is called with the segments looked at so far and their number; where it breaks off, so does the pack.
    ///
    /// # Errors
    /// See [`PackError`].
    pub fn pack(
        &self,
        before: Tid,
        dry_run: bool,
        progress: &mut Watch<'_>,
    ) -> Result<PackReport, PackError> {
        let _maintenance = self.inner.maintenance.lock();
        let engine = &self.inner.engine;
        let mut held_by = engine.needed_by_versions()?;
        held_by.retain(|(_, needed)| *needed < before.min(engine.head()));
        let horizon = self.move_horizon(before, dry_run)?;
        engine.watch_pins(true);
        let packed = Pack::mark(self, engine, horizon, dry_run, progress).and_then(|pack| pack.run(progress));
        engine.watch_pins(false);
        Ok(PackReport { held_by, ..packed? })
    }

    /// The horizon that can be had; unless it is only asked for, nothing before it is shown from now on.
    fn move_horizon(&self, before: Tid, dry_run: bool) -> Result<Tid, PackError> {
        let engine = &self.inner.engine;
        let _lead = self.inner.committer.lead();
        let horizon = {
            let needed = engine.needed_by_versions()?;
            let needed = needed.iter().map(|(_, tid)| *tid).min().unwrap_or(Tid::MAX);
            let open = engine.open_snapshots.lock();
            let oldest = open.keys().next().copied().unwrap_or(Tid::MAX);
            let horizon = before.min(oldest).min(needed).min(engine.head()).max(engine.horizon());
            if !dry_run {
                engine.horizon.store(horizon.as_micros(), Ordering::SeqCst);
            }
            horizon
        };
        if !dry_run {
            side::set_horizon(engine, horizon)?;
            engine.log.roll()?;
        }
        Ok(horizon)
    }

    /// Ends a rewrite that a crash interrupted: both segments can be read, the index may name either.
    pub(crate) fn finish_rewrite(&self) -> Result<(), PackError> {
        let engine = &self.inner.engine;
        if engine.log.unfinished_rewrite().is_some() && self.move_index()? {
            engine.log.complete_rewrite()?;
        }
        Ok(())
    }

    /// Lets the index name the new segments of a rewrite instead of the old ones, durably. Answers false, and leaves
    /// everything as it was, if a draft has come to count on a content that the new ones leave out.
    fn move_index(&self) -> Result<bool, PackError> {
        let engine = &self.inner.engine;
        let Some(rewrite) = engine.log.unfinished_rewrite() else { return Ok(true) };
        let (mut old, mut new) = (Gathered::default(), Gathered::default());
        rewrite.old.iter().try_for_each(|segment| index_segment(engine, *segment, &mut old))?;
        rewrite.new.iter().try_for_each(|segment| index_segment(engine, *segment, &mut new))?;
        let (old, new) = (old.entries, new.entries);
        let old: HashMap<Key, Option<index::Value>> =
            old.into_iter().map(|entry| (entry.key, entry.value)).collect();
        let kept: HashSet<Key> = new.iter().map(|entry| entry.key.clone()).collect();
        engine.index.wait_for_room()?;
        // Nobody may append between what is put in here and the position that it is said to cover.
        let _lead = self.inner.committer.lead();
        // Of what was written again elsewhere the index names that, and goes on to.
        let is_from_old = |key: &Key| -> Result<bool, PackError> {
            Ok(!keys::is_last_write(key) || old.get(key).cloned().flatten() == engine.index.get(key)?)
        };
        let mut entries = Vec::new();
        for entry in new {
            if is_from_old(&entry.key)? {
                entries.push(entry);
            }
        }
        let mut left_out = Vec::new();
        // What a version touched is said by many frames: that one of them says it no more means nothing.
        for key in old.keys().filter(|key| !kept.contains(*key) && keys::parse_touched(key).is_none()) {
            if is_from_old(key)? {
                left_out.extend(keys::parse_item(key));
                entries.push(Entry::delete(key.clone()));
            }
        }
        {
            // A draft pins a content before it looks whether the index has it: so it is pinned, or not found.
            let pins = engine.pins.lock();
            if left_out.iter().any(|digest| pins.holds(digest)) {
                return Ok(false);
            }
            engine.index.insert(entries)?;
        }
        left_out.iter().for_each(|digest| engine.cache.forget_item(digest));
        engine.index.publish(&engine.indexed_up_to().to_bytes());
        engine.index.settle()?;
        Ok(true)
    }
}

/// Everything that the index holds of one segment.
fn index_segment(engine: &Engine, segment: SegmentId, into: &mut Gathered) -> Result<(), PackError> {
    let walk = |visit: Visit<'_>| engine.log.frames_in(segment, visit);
    try_walk::<StoreError>(walk, |visited| {
        match visited {
            Visited::Frame(frame) => _ = into.frame(&frame)?,
            Visited::Damage(damage) => into.damage(&damage),
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(())
}

struct Pack<'a> {
    database: &'a Database,
    engine: &'a Arc<Engine>,
    dry_run: bool,
    /// The revisions that are needed, of objects that have others; of all others every revision is.
    needed: HashMap<(Oid, LineId), HashSet<Tid>>,
    /// Objects that nobody can come to any more.
    dead: HashSet<(Oid, LineId)>,
    /// The contents that needed records name.
    contents: HashSet<Digest>,
    report: PackReport,
}

fn go_on(watched: ControlFlow<()>) -> Result<(), PackError> {
    if watched.is_break() { Err(PackError::Stopped) } else { Ok(()) }
}

/// What becomes of one frame.
struct Rewritten {
    header: FrameHeader,
    body: Vec<u8>,
    /// How many contents it leaves out.
    contents: u64,
    /// Whether it leaves out records, which may name contents that go.
    drops_records: bool,
}

impl<'a> Pack<'a> {
    /// Finds out what is needed.
    fn mark(
        database: &'a Database,
        engine: &'a Arc<Engine>,
        horizon: Tid,
        dry_run: bool,
        progress: &mut Watch<'_>,
    ) -> Result<Self, PackError> {
        let report = PackReport { horizon, bytes_before: engine.log.bytes(), ..PackReport::default() };
        let mut pack = Self {
            database,
            engine,
            dry_run,
            needed: HashMap::new(),
            dead: HashSet::new(),
            contents: HashSet::new(),
            report,
        };
        let mut reach = Reach { engine, horizon, known: HashMap::new(), held: HashSet::new() };
        let (mut now, mut then) = (HashSet::new(), HashSet::new());
        let mut containers = reach.hold_what_versions_touched()?;
        let segments = engine.log.segments().len() as u64;
        each_object(engine, &mut |oid, line, newest| {
            go_on(progress(0, segments))?;
            if line == LineId::TRUNK && (newest > horizon || reach.held.contains(&oid)) {
                reach.containers((line, Tid::MAX), oid, &mut now)?;
                reach.containers((line, horizon), oid, &mut then)?;
            }
            Ok(())
        })?;
        containers.extend(now.into_iter().chain(then));
        each_object(engine, &mut |oid, line, _| {
            go_on(progress(0, segments))?;
            let stands_in_it = line == LineId::TRUNK && containers.contains(&oid);
            pack.mark_object(line, oid, stands_in_it, &mut reach)
        })?;
        Ok(pack)
    }

    fn mark_object(
        &mut self,
        line: LineId,
        oid: Oid,
        is_container: bool,
        reach: &mut Reach<'_>,
    ) -> Result<(), PackError> {
        let horizon = self.report.horizon;
        let revisions = all_revisions(self.engine, line, oid)?;
        let later = revisions.iter().take_while(|revision| revision.tid > horizon).count();
        let is_lost = match line {
            LineId::TRUNK => later == 0 && !is_container && !reach.is_reachable(oid)?,
            // What an open version holds may hide what the parent line has: it stays, also where it says "deleted".
            _ => later == 0 && self.is_over(line)?,
        };
        if is_lost {
            self.report.objects_dropped += 1;
            self.report.records_dropped += revisions.len() as u64;
            self.dead.insert((oid, line));
            return Ok(());
        }
        // The newest at the horizon and all later ones; and what those that point back stand on.
        let mut needed: HashSet<Tid> = HashSet::new();
        let mut waiting: Vec<usize> = (0..revisions.len().min(later + 1)).collect();
        while let Some(at) = waiting.pop() {
            let Some(revision) = revisions.get(at) else { continue };
            if !needed.insert(revision.tid) {
                continue;
            }
            if let RevisionAt::BackTo { tid, .. } = revision.at {
                waiting.push(at + 1);
                waiting.extend(revisions.iter().position(|state| state.tid == tid));
            }
        }
        for revision in revisions.iter().filter(|revision| needed.contains(&revision.tid)) {
            for (_, content) in self.engine.contents_of(line, oid, *revision)? {
                kept_by(&content, &mut |blob| {
                    self.contents.insert(blob.digest);
                });
            }
        }
        if needed.len() < revisions.len() {
            self.report.records_dropped += (revisions.len() - needed.len()) as u64;
            self.needed.insert((oid, line), needed);
        }
        Ok(())
    }

    /// Whether a version was closed or thrown away before the horizon, and cannot be opened again.
    fn is_over(&self, line: LineId) -> Result<bool, PackError> {
        let epoch = self.engine.lines.known(line).and_then(|found| found.epoch_at(self.report.horizon));
        let was_over = epoch.is_none_or(|epoch| epoch.state.status != LineStatus::Open);
        Ok(was_over
            && self.engine.is_closed(line)
            && self.engine.view(line, self.engine.head())?.ground < self.report.horizon)
    }

    fn run(mut self, progress: &mut Watch<'_>) -> Result<PackReport, PackError> {
        let segments = self.engine.log.segments();
        // Items of drafts under way are in no record yet.
        let staging = self.engine.staging.lock().values().next().map(|position| position.segment);
        let closed: Vec<(SegmentId, u64)> = segments
            .iter()
            .take_while(|segment| Some(segment.id) != staging)
            // A pack closes the head before it begins; when it is only asked, the head counts as if it had been.
            .filter(|segment| self.dry_run || !segment.is_head)
            .map(|segment| (segment.id, segment.bytes))
            .collect();
        let total = closed.len() as u64;
        // The newest first: a record comes after the contents that it names, and must go before them.
        for (done, (segment, bytes)) in closed.into_iter().rev().enumerate() {
            go_on(progress(done as u64, total))?;
            self.segment(segment, bytes)?;
        }
        self.blobs(&mut || go_on(progress(total, total)))?;
        Ok(self.report)
    }

    fn segment(&mut self, segment: SegmentId, bytes: u64) -> Result<(), PackError> {
        let frames = self.rewritten(segment)?;
        let Some(frames) = frames else { return Ok(()) };
        let after: u64 = frames.iter().map(|frame| frame.header.frame_bytes()).sum();
        let before = bytes.saturating_sub(SEGMENT_OVERHEAD_BYTES);
        let freed = before.saturating_sub(after);
        // A record that stays although nothing needs it would name contents that go.
        let drops_records = frames.iter().any(|frame| frame.drops_records);
        if !drops_records && (freed == 0 || freed < before / WORTH_SHARE) {
            return Ok(());
        }
        self.report.segments_rewritten += 1;
        self.report.bytes_freed += freed;
        self.report.contents_dropped += frames.iter().map(|frame| frame.contents).sum::<u64>();
        if self.dry_run {
            return Ok(());
        }
        self.replace(segment, frames)
    }

    /// The frames of a segment without what is not needed; none if the segment is damaged, which is left as it is.
    fn rewritten(&mut self, segment: SegmentId) -> Result<Option<Vec<Rewritten>>, PackError> {
        let engine = Arc::clone(self.engine);
        let mut frames = Vec::new();
        let mut damaged = false;
        try_walk::<PackError>(
            |visit| engine.log.frames_in(segment, visit),
            |visited| {
                let Visited::Frame(frame) = visited else {
                    damaged = true;
                    return Ok(ControlFlow::Break(()));
                };
                frames.push(self.frame(frame.header, frame.body, frame.at)?);
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok((!damaged).then_some(frames))
    }

    fn frame(&mut self, header: &FrameHeader, body: &[u8], at: Location) -> Result<Rewritten, PackError> {
        let head = Head::of_body(body).map_err(StoreError::from)?;
        let head_at = head.location(at).head;
        let payload = |chunk: (u32, u32)| {
            let start = (Head::chunk_after(head_at, chunk).offset - at.offset) as usize;
            body.get(start..start + chunk.1 as usize).and_then(chunk_payload)
        };
        let missing = || StoreError::Missing { what: format!("a chunk of the frame of {}", header.tid) };
        let (line, tid) = (LineId(header.line), header.tid);
        let mut builder = BodyBuilder::default();
        let (mut contents, mut drops_records) = (0, false);
        for item in &head.disk.items {
            let digest = Digest(item.digest);
            let here = Head::chunk_after(head_at, item.chunk);
            if self.engine.item_location(&digest)? == Some(here) && self.is_needed(&digest) {
                builder.push_item(item.digest, payload(item.chunk).ok_or_else(missing)?);
            } else {
                contents += 1;
            }
        }
        for entry in &head.disk.entries {
            match entry {
                EntryDisk::Kept { facts, record } => match self.fate(line, tid, facts) {
                    Fate::Kept => {
                        let record = record.map(|chunk| payload(chunk).ok_or_else(missing)).transpose()?;
                        builder.push_object(facts.clone(), record);
                    }
                    Fate::Stripped => {
                        drops_records = true;
                        builder.push_packed(EntryDisk::Stripped { facts: facts.clone() });
                    }
                    Fate::Left => {
                        drops_records = true;
                        builder.push_packed(EntryDisk::Left { facts: facts.clone() });
                    }
                    Fate::Packed => {
                        drops_records = true;
                        builder.push_packed(EntryDisk::Packed { oid: facts.oid, digest: facts.digest() });
                    }
                },
                EntryDisk::Stripped { facts } => match self.fate(line, tid, facts) {
                    Fate::Packed => {
                        builder.push_packed(EntryDisk::Packed { oid: facts.oid, digest: facts.digest() });
                    }
                    Fate::Left => builder.push_packed(EntryDisk::Left { facts: facts.clone() }),
                    Fate::Kept | Fate::Stripped => builder.push_packed(entry.clone()),
                },
                other => builder.push_packed(other.clone()),
            }
        }
        for side in &head.disk.side {
            let value = side.chunk.map(|chunk| payload(chunk).ok_or_else(missing)).transpose()?;
            builder.push_side(side.space, &side.key, value, side.expires_micros);
        }
        head.disk.lines.iter().cloned().for_each(|line| builder.push_line(line));
        let (body, content, _) = builder.finish(head.meta.clone());
        if content != header.content {
            let what = format!("the proof of the frame of {tid}, which packing must not change,");
            return Err(StoreError::Missing { what }.into());
        }
        let header = FrameHeader { body_bytes: body.len() as u32, ..*header };
        Ok(Rewritten { header, body, contents, drops_records })
    }

    fn is_needed(&self, digest: &Digest) -> bool {
        self.contents.contains(digest) || self.engine.pins.lock().holds(digest)
    }

    fn fate(&self, line: LineId, tid: Tid, facts: &FactsDisk) -> Fate {
        let of = (facts.oid(), line);
        if self.dead.contains(&of) {
            // That it left a name must stay known as long as it may be known elsewhere that it came to it.
            let left = facts.place.as_ref().is_some_and(|place| place.before.is_some());
            return if left { Fate::Left } else { Fate::Packed };
        }
        match self.needed.get(&of) {
            Some(needed) if tid <= self.report.horizon && !needed.contains(&tid) => Fate::Stripped,
            _ => Fate::Kept,
        }
    }

    fn replace(&mut self, segment: SegmentId, frames: Vec<Rewritten>) -> Result<(), PackError> {
        let log = &self.engine.log;
        let mut rewrite = log.begin_rewrite(&[segment])?;
        for frame in frames {
            rewrite.push(&frame.header, frame.body)?;
        }
        rewrite.finish()?;
        if self.database.move_index()? { Ok(log.complete_rewrite()?) } else { Ok(log.abandon_rewrite()?) }
    }

    /// Removes the files of contents that no record names.
    fn blobs(&mut self, go_on: &mut dyn FnMut() -> Result<(), PackError>) -> Result<(), PackError> {
        for digest in self.engine.blobs.all().map_err(PackError::Blob)? {
            go_on()?;
            // Held while the file goes: a draft pins a content before it looks whether its file is there.
            let pins = self.engine.pins.lock();
            if self.contents.contains(&digest) || pins.holds(&digest) {
                continue;
            }
            let bytes = self.engine.blobs.bytes(&digest).map_err(PackError::Blob)?;
            self.report.bytes_before += bytes;
            self.report.bytes_freed += bytes;
            self.report.contents_dropped += 1;
            if !self.dry_run {
                self.engine.blobs.remove(&digest).map_err(PackError::Blob)?;
            }
        }
        Ok(())
    }
}

/// Bytes of a segment before its first frame.
const SEGMENT_OVERHEAD_BYTES: u64 = 128;

#[derive(PartialEq)]
enum Fate {
    Kept,
    Stripped,
    Left,
    Packed,
}

fn all_revisions(engine: &Engine, line: LineId, oid: Oid) -> Result<Vec<Revision>, StoreError> {
    let mut revisions = Vec::new();
    let from = keys::revision(oid, line, Tid::MAX);
    engine.index.scan(&from, &keys::revisions_end(oid, line), &mut |key, value| {
        if let (Some(tid), Some(at)) = (keys::tid_of(key), RevisionAt::from_bytes(value)) {
            revisions.push(Revision { tid, at });
        }
        ControlFlow::Continue(())
    })?;
    Ok(revisions)
}

/// Calls `visit` with each object on each line, and the tid of its newest revision there.
fn each_object(
    engine: &Engine,
    visit: &mut dyn FnMut(Oid, LineId, Tid) -> Result<(), PackError>,
) -> Result<(), PackError> {
    let (mut from, below) = (keys::all_revisions().0.to_vec(), keys::all_revisions().1);
    while let Some((key, _)) = engine.index.first(&from, &below)? {
        let Some((oid, line, newest)) = keys::parse_revision(&key) else { break };
        from = keys::revisions_end(oid, line).into();
        visit(oid, line, newest)?;
    }
    Ok(())
}

/// Which objects of the trunk some state from the horizon on leads to, or may.
struct Reach<'a> {
    engine: &'a Engine,
    horizon: Tid,
    known: HashMap<Oid, bool>,
    /// What versions wrote to that are open, or were at the horizon or later: they may have it, and all that stands in it,
    /// where the trunk deleted it.
    held: HashSet<Oid>,
}

impl Reach<'_> {
    /// Answers what that stands in, as the versions show it.
    fn hold_what_versions_touched(&mut self) -> Result<HashSet<Oid>, PackError> {
        let (engine, head) = (self.engine, self.engine.head());
        let mut containers = HashSet::new();
        for (line, epoch) in engine.lines.all(head) {
            // One that is closed can be opened again, unless its base is packed away.
            if epoch.state.status != LineStatus::Open && engine.view(line, head)?.ground < self.horizon {
                continue;
            }
            let mut seen = HashSet::new();
            for oid in engine.lines.get(line, &engine.index)?.all_touched() {
                self.held.insert(oid);
                self.containers((line, head), oid, &mut seen)?;
            }
            containers.extend(seen);
        }
        Ok(containers)
    }

    /// Everything that an object stands in on a line at a tid, deleted or not. `seen` is of that line and tid alone.
    fn containers(
        &self,
        (line, tid): (LineId, Tid),
        oid: Oid,
        seen: &mut HashSet<Oid>,
    ) -> Result<(), PackError> {
        let mut at = oid;
        while let Some(place) = self.engine.object(line, at, tid)?.and_then(|object| object.place().cloned())
            && seen.insert(place.parent)
        {
            at = place.parent;
        }
        Ok(())
    }

    /// Whether a path leads to the object at the horizon, or might at a later time: an ancestor that was touched
    /// later may have come back.
    fn is_reachable(&mut self, oid: Oid) -> Result<bool, StoreError> {
        let line = LineId::TRUNK;
        let mut walked = Vec::new();
        let mut at = oid;
        let reachable = loop {
            if at == Oid::ROOT || self.held.contains(&at) {
                break true;
            }
            if let Some(known) = self.known.get(&at) {
                break *known;
            }
            if walked.contains(&at) {
                break false;
            }
            walked.push(at);
            let newest = self.engine.revision(line, at, Tid::MAX)?;
            if newest.is_some_and(|newest| newest.tid > self.horizon) {
                break true;
            }
            let object = self.engine.object(line, at, self.horizon)?;
            match object.as_ref().and_then(|object| object.place()) {
                Some(place) => at = place.parent,
                None => break false,
            }
        };
        for oid in walked {
            self.known.insert(oid, reachable);
        }
        Ok(reachable)
    }
}
