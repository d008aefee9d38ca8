//! Which tasks there are: found by one walk over the site, and from then on by what commits change.

use std::collections::{BTreeSet, HashSet};

use bough_core::snapshot::{ChildrenPage, ReadError, Snapshot as _};
use bough_core::{Object, Oid, Tid};
use bough_store::{Database, HistoryError, ObjectDelta, Snapshot};

use super::{TASK, TaskError, Tasks};

/// How many children and commits are read at a time.
const BATCH: usize = 500;
/// After more commits than this the site is walked again, which costs less.
const FOLLOWED_MAX: usize = 5_000;

#[derive(Default)]
pub(super) struct List {
    tasks: BTreeSet<Oid>,
    /// About which something changed that nobody was told of yet.
    changed: BTreeSet<Oid>,
    /// The commit up to which the list is right; none before the first walk.
    seen: Option<Tid>,
}

impl Tasks {
    /// All tasks of the trunk. The first time, the whole site is walked; later only what was committed meanwhile is looked
    /// at. A task in something that was deleted may stay in the list.
    pub(super) fn listed(&self) -> Result<Vec<Oid>, TaskError> {
        let mut list = self.inner.list.lock();
        list.catch_up(self.database())?;
        Ok(list.tasks.iter().copied().collect())
    }

    /// The tasks about which something changed since this was asked last.
    pub(super) fn changed(&self) -> Result<BTreeSet<Oid>, TaskError> {
        let mut list = self.inner.list.lock();
        list.catch_up(self.database())?;
        Ok(std::mem::take(&mut list.changed))
    }
}

impl List {
    fn catch_up(&mut self, database: &Database) -> Result<(), TaskError> {
        let snapshot = database.snapshot();
        let is_followed = match self.seen {
            None => false,
            Some(seen) if seen == snapshot.tid() => return Ok(()),
            Some(seen) => match self.follow(database, &snapshot, seen) {
                Err(TaskError::History(HistoryError::Packed { .. })) => false,
                followed => followed?,
            },
        };
        if !is_followed {
            let mut found = BTreeSet::new();
            walk(database, &snapshot, Oid::ROOT, &mut HashSet::new(), &mut found)?;
            self.changed.extend(std::mem::replace(&mut self.tasks, found));
            self.changed.extend(&self.tasks);
        }
        self.seen = Some(snapshot.tid());
        Ok(())
    }

    /// Takes in what the commits behind `seen` changed, unless there are too many.
    fn follow(&mut self, database: &Database, snapshot: &Snapshot, seen: Tid) -> Result<bool, TaskError> {
        let mut commits = Vec::new();
        let mut before = None;
        loop {
            let batch = database.commits(before, BATCH)?;
            before = batch.last().map(|commit| commit.tid);
            let new = batch.into_iter().map(|commit| commit.tid);
            commits.extend(new.filter(|tid| *tid > seen && *tid <= snapshot.tid()));
            if before.is_none_or(|before| before <= seen) {
                break;
            }
            if commits.len() > FOLLOWED_MAX {
                return Ok(false);
            }
        }
        let mut walked = HashSet::new();
        for tid in commits.into_iter().rev() {
            database.each_change(tid, |delta| self.take(database, snapshot, &delta, &mut walked))?;
        }
        Ok(true)
    }

    fn take(
        &mut self,
        database: &Database,
        snapshot: &Snapshot,
        delta: &ObjectDelta,
        walked: &mut HashSet<Oid>,
    ) -> Result<(), TaskError> {
        let (before, after) = (delta.before.as_deref(), delta.after.as_deref());
        let is_task = |object: Option<&Object>| object.is_some_and(|object| object.is_a(TASK));
        if is_task(before) || is_task(after) {
            self.changed.insert(delta.oid);
            match is_task(after) {
                true => self.tasks.insert(delta.oid),
                false => self.tasks.remove(&delta.oid),
            };
        }
        // What was deleted with its folder comes back without a word of its own.
        let stands = |object: Option<&Object>| object.is_some_and(|object| object.place().is_some());
        if !stands(before) && stands(after) {
            let mut found = BTreeSet::new();
            walk(database, snapshot, delta.oid, walked, &mut found)?;
            self.changed.extend(&found);
            self.tasks.extend(found);
        }
        Ok(())
    }
}

/// Finds the tasks in a subtree. What was walked before is left out.
fn walk(
    database: &Database,
    snapshot: &Snapshot,
    top: Oid,
    walked: &mut HashSet<Oid>,
    found: &mut BTreeSet<Oid>,
) -> Result<(), ReadError> {
    let mut waiting = vec![top];
    while let Some(oid) = waiting.pop() {
        let Some(object) = snapshot.object(oid)?.filter(|_| walked.insert(oid)) else { continue };
        if object.is_a(TASK) {
            found.insert(oid);
        }
        let schema = object.type_name().and_then(|name| database.types().schema(name.as_str()));
        if oid != Oid::ROOT && schema.is_some_and(|schema| !schema.container) {
            continue;
        }
        let mut page = ChildrenPage::first(BATCH);
        loop {
            let children = snapshot.children(oid, &page)?;
            waiting.extend(children.iter().map(|child| child.oid));
            match children.last() {
                Some(last) if children.len() == BATCH => page = page.following(last),
                _ => break,
            }
        }
    }
    Ok(())
}
