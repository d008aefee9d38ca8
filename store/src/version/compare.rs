//! What differs between two lines, each at any time.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use bough_core::object::differing_cells;
use bough_core::{Oid, Snapshot as _, Tid};

use crate::database::Database;
use crate::engine::{Engine, StoreError};
use crate::format::body::{EntryDisk, HeadDisk, decode_head};
use crate::history::{HistoryError, ObjectDelta};
use crate::keys;
use crate::line::LineId;
use crate::log::Log;
use crate::snapshot::Snapshot;
use crate::version::VersionError;
use crate::version::own_cells::ThreeSides;
use crate::view::View;

/// How many commits are looked up at a time.
const COMMITS_BATCH: usize = 1_000;

/// Part of what differs between two states.
#[derive(Clone, Debug)]
pub struct Differences {
    /// The objects, each as it is in the one and in the other.
    pub objects: Vec<ObjectDelta>,
    /// How many there are in all.
    pub total: usize,
}

/// Part of what a version changed.
#[derive(Clone, Debug)]
pub struct OwnPart {
    /// The objects, each as it is in what the version is compared with and in the version, by oid.
    pub objects: Vec<ObjectDelta>,
    /// Where the next part begins; none where there is nothing more.
    pub next: Option<Oid>,
}

impl Differences {
    /// Counts the object, if it differs, and keeps it, if it is of the part.
    fn take(&mut self, delta: ObjectDelta, skip: usize, limit: usize) {
        if differing_cells(delta.before.as_deref(), delta.after.as_deref()).is_empty() {
            return;
        }
        self.total += 1;
        if self.total > skip && self.objects.len() < limit {
            self.objects.push(delta);
        }
    }
}

impl Database {
    /// What differs from one state of the site to another: `limit` objects after the first `skip`, by oid.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn differences(
        &self,
        from: &Snapshot,
        to: &Snapshot,
        skip: usize,
        limit: usize,
    ) -> Result<Differences, HistoryError> {
        let engine = &self.inner.engine;
        let mut found = Differences { objects: Vec::new(), total: 0 };
        for oid in engine.touched_between(from.view(), to.view())? {
            let (before, after) = (engine.seen(from.view(), oid)?, engine.seen(to.view(), oid)?);
            found.take(ObjectDelta { oid, before, after }, skip, limit);
        }
        Ok(found)
    }

    /// What this version changed against what it lies on, without what was merged already: `limit` objects after the
    /// first `skip`, by oid.
    ///
    /// # Errors
    /// [`VersionError::Trunk`] on the trunk, which lies on nothing.
    pub fn own_changes(&self, skip: usize, limit: usize) -> Result<Differences, VersionError> {
        let sides = ThreeSides::new(&self.inner.engine, self.line, None)?;
        let mut oids: Vec<Oid> = sides.own.keys().copied().collect();
        oids.sort_unstable();
        let mut found = Differences { objects: Vec::new(), total: 0 };
        for oid in oids {
            let (before, after) = (sides.compared_with().object(oid)?, sides.version.object(oid)?);
            found.take(ObjectDelta { oid, before, after }, skip, limit);
        }
        Ok(found)
    }

    /// The part of [`Self::own_changes`] after an object, or the first one. It costs by what is asked for: at most
    /// `looked_at_max` objects that the version ever wrote to are looked at, be it that it holds nothing of them now.
    ///
    /// # Errors
    /// [`VersionError::Trunk`] on the trunk, which lies on nothing.
    pub fn own_part(&self, after: Option<Oid>, looked_at_max: usize) -> Result<OwnPart, VersionError> {
        let engine = &self.inner.engine;
        let mut sides = ThreeSides::without_own(engine, self.line, None)?;
        let touched = engine.lines.get(self.line, &engine.index)?;
        let mut touched = touched.touched_after(after, looked_at_max.saturating_add(1));
        let has_more = touched.len() > looked_at_max;
        touched.truncate(looked_at_max);
        let mut found = Differences { objects: Vec::new(), total: 0 };
        for &oid in &touched {
            if sides.read_own(oid)? {
                let (before, after) = (sides.compared_with().object(oid)?, sides.version.object(oid)?);
                found.take(ObjectDelta { oid, before, after }, 0, usize::MAX);
            }
        }
        let next = touched.last().copied().filter(|_| has_more);
        Ok(OwnPart { objects: found.objects, next })
    }

    /// What this version lies on: the line below as of the version's base.
    ///
    /// # Errors
    /// [`VersionError::Trunk`] on the trunk, which lies on nothing.
    pub fn base_snapshot(&self) -> Result<Snapshot, VersionError> {
        let engine = &self.inner.engine;
        let state = engine.epoch(self.line)?.state;
        Ok(Snapshot::at(engine, state.parent, state.base)?)
    }

    /// Every object that the line changed after one commit of it and up to another; none where those are more than
    /// `most`, in more than `most` commits. Costs no more than that.
    ///
    /// # Errors
    /// When the store cannot be read, or no longer knows what lies between.
    pub fn touched(
        &self,
        after: Tid,
        up_to: Tid,
        most: usize,
    ) -> Result<Option<BTreeSet<Oid>>, HistoryError> {
        let engine = &self.inner.engine;
        let mut commits = Vec::new();
        engine.commits_from(self.line, (after, u32::MAX), up_to, &mut |at| {
            commits.push(at);
            if commits.len() <= most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let mut found = BTreeSet::new();
        for at in &commits {
            if commits.len() > most || found.len() > most {
                return Ok(None);
            }
            let head = engine.retried(|| engine.head_at(self.line, *at))?;
            found.extend(head.entries.iter().map(EntryDisk::oid));
        }
        Ok((found.len() <= most).then_some(found))
    }

    /// How many commits the parent line has got since this version's base, counted up to `limit`.
    ///
    /// # Errors
    /// [`VersionError::Trunk`] on the trunk.
    pub fn commits_behind(&self, limit: usize) -> Result<usize, VersionError> {
        let engine = &self.inner.engine;
        let state = engine.epoch(self.line)?.state;
        let parent = engine.open_parent(&state);
        let mut count = 0;
        let after = (state.base, u32::MAX);
        engine.commits_from(parent, after, engine.head(), &mut |(_, part)| {
            count += usize::from(part == 0);
            if count < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(count)
    }
}

impl Engine {
    /// Every object that may differ between two views; more than those do no harm. Costs by the commits between them
    /// and by what the versions touched that only one of them has.
    pub(crate) fn touched_between(&self, a: &View, b: &View) -> Result<BTreeSet<Oid>, HistoryError> {
        let mut found = BTreeSet::new();
        let mut pairs = vec![(a.clone(), b.clone())];
        while let Some((a, b)) = pairs.pop() {
            if a.line == b.line {
                let (from, to) = (a.tid.min(b.tid), a.tid.max(b.tid));
                self.touched_on(a.line, from, to, &mut found)?;
                if a.shelf() != b.shelf() {
                    // Merged meanwhile, all that it held before may have gone.
                    self.touched_by(&a, &mut found);
                }
                match (a.below(), b.below()) {
                    (Some(a), Some(b)) if (a.line, a.tid) != (b.line, b.tid) => pairs.push((a, b)),
                    _ => {}
                }
                continue;
            }
            // The higher one goes down until they stand on the same line.
            let (a_below, b_below) = (a.below(), b.below());
            let next = if a.depth() >= b.depth() {
                self.touched_by(&a, &mut found);
                a_below.map(|below| (below, b))
            } else {
                self.touched_by(&b, &mut found);
                b_below.map(|below| (a, below))
            };
            pairs.extend(next);
        }
        Ok(found)
    }

    /// Everything that the uppermost version of a view ever wrote to.
    fn touched_by(&self, view: &View, into: &mut BTreeSet<Oid>) {
        into.extend(view.top().map(|layer| layer.line.all_touched()).unwrap_or_default());
    }

    /// Everything that the commits of a line wrote to, after one tid and up to another.
    fn touched_on(
        &self,
        line: LineId,
        after: Tid,
        up_to: Tid,
        into: &mut BTreeSet<Oid>,
    ) -> Result<(), StoreError> {
        let mut after = (after, u32::MAX);
        loop {
            let mut batch: Vec<(Tid, u32)> = Vec::new();
            self.commits_from(line, after, up_to, &mut |at| {
                batch.push(at);
                if batch.len() < COMMITS_BATCH { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            for at in &batch {
                let head = self.retried(|| self.head_at(line, *at))?;
                into.extend(head.entries.iter().map(EntryDisk::oid));
            }
            match batch.last() {
                Some(last) if batch.len() == COMMITS_BATCH => after = *last,
                _ => return Ok(()),
            }
        }
    }

    /// What one frame of a commit did; looked up here, as pack may move it at any time.
    fn head_at(&self, line: LineId, (tid, part): (Tid, u32)) -> Result<HeadDisk, StoreError> {
        let found = self.index.get(&keys::commit(line, tid, part))?;
        let at = found.as_deref().and_then(keys::parse_commit_at);
        let missing = || StoreError::Missing { what: format!("a part of commit {tid}") };
        Ok(decode_head(&self.log.read(at.ok_or_else(missing)?.head)?)?)
    }

    /// Calls `visit` with each frame of a line's commits, after one of them and up to a tid.
    fn commits_from(
        &self,
        line: LineId,
        (tid, part): (Tid, u32),
        up_to: Tid,
        visit: &mut dyn FnMut((Tid, u32)) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let from = [&keys::commit(line, tid, part)[..], &[0]].concat();
        let below = keys::commit(line, up_to, u32::MAX);
        let mut each =
            |key: &[u8], _: &[u8]| keys::parse_commit(key).map_or(ControlFlow::Continue(()), &mut *visit);
        Ok(self.index.scan(&from, &below, &mut each)?)
    }
}
