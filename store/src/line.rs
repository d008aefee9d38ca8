//! Lines: the trunk and the private versions of the site.
//!
//! A version holds only its *own cells*, over its parent line as that was at the version's base. What a version is
//! (its name, its parent line, its base) changes with commits, like everything else: so the base is a function of the
//! line and the tid, and a snapshot of a version as it was shows it over the base that it had then.
//!
//! # Invariants
//! - The states of a line are in the order of their tids; the first one opened it.
//! - `touched` names at least everything that the line ever wrote to; what it does not name is read from below
//!   without a look at the index.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bough_core::{Oid, Tid};
use parking_lot::RwLock;

use crate::engine::StoreError;
use crate::format::body::{LineDisk, LineStateDisk, LineStatusDisk};
use crate::index::TailedIndex;
use crate::keys;
use crate::spread::Spread;

/// The number of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId(pub u32);

impl LineId {
    /// The public line.
    pub const TRUNK: Self = Self(0);
}

/// What can be done with a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineStatus {
    /// It can be written to.
    Open,
    /// It can be looked at, and opened again: also after a pack, unless all of it was merged.
    Closed,
    /// It was thrown away; it can be opened again until pack takes it.
    Discarded,
}

impl LineStatus {
    /// The status in one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Discarded => "discarded",
        }
    }
}

/// What a version is, from one commit on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LineState {
    /// What it is called: a label of a host name, unique among the open versions.
    pub name: String,
    /// What it is for.
    pub title: String,
    /// Who is answerable for it.
    pub owner: String,
    /// The line that it lies on.
    pub parent: LineId,
    /// The commit of the parent line that it lies on.
    pub base: Tid,
    /// Own cells written up to this commit do not count any more: they were merged.
    pub floor: Tid,
    /// What can be done with it.
    pub status: LineStatus,
}

impl LineState {
    pub(crate) fn to_disk(&self, line: LineId) -> LineDisk {
        let state = LineStateDisk {
            name: self.name.clone(),
            title: self.title.clone(),
            owner: self.owner.clone(),
            parent: self.parent.0,
            base: self.base.as_micros(),
            floor: self.floor.as_micros(),
            status: match self.status {
                LineStatus::Open => LineStatusDisk::Open,
                LineStatus::Closed => LineStatusDisk::Closed,
                LineStatus::Discarded => LineStatusDisk::Discarded,
            },
        };
        LineDisk { line: line.0, state }
    }

    fn from_disk(disk: LineStateDisk) -> Self {
        Self {
            name: disk.name,
            title: disk.title,
            owner: disk.owner,
            parent: LineId(disk.parent),
            base: Tid::from_micros(disk.base),
            floor: Tid::from_micros(disk.floor),
            status: match disk.status {
                LineStatusDisk::Open => LineStatus::Open,
                LineStatusDisk::Closed => LineStatus::Closed,
                LineStatusDisk::Discarded => LineStatus::Discarded,
            },
        }
    }
}

/// A state of a line, its number among the states, and the commit that made it.
#[derive(Clone)]
pub(crate) struct Epoch {
    pub(crate) number: u32,
    pub(crate) since: Tid,
    pub(crate) state: Arc<LineState>,
}

/// Everything that a line ever wrote to.
#[derive(Default)]
struct Touched {
    objects: HashSet<Oid, Spread>,
    folders: HashSet<Oid, Spread>,
}

/// One version.
pub(crate) struct Line {
    pub(crate) id: LineId,
    states: RwLock<Vec<(Tid, Arc<LineState>)>>,
    touched: RwLock<Touched>,
    is_loaded: AtomicBool,
}

impl Line {
    fn new(id: LineId) -> Self {
        Self { id, states: RwLock::default(), touched: RwLock::default(), is_loaded: AtomicBool::new(false) }
    }

    /// What the line was at `tid`; none before it was opened.
    pub(crate) fn epoch_at(&self, tid: Tid) -> Option<Epoch> {
        let states = self.states.read();
        let count = states.partition_point(|(since, _)| *since <= tid);
        let (since, state) = states.get(count.checked_sub(1)?)?;
        Some(Epoch { number: count as u32, since: *since, state: Arc::clone(state) })
    }

    /// Whether the line ever wrote to that object.
    pub(crate) fn touched(&self, oid: Oid) -> bool {
        self.touched.read().objects.contains(&oid)
    }

    /// Whether the line ever put a child into that folder, or took one out.
    pub(crate) fn touched_folder(&self, oid: Oid) -> bool {
        self.touched.read().folders.contains(&oid)
    }

    /// Everything that the line ever wrote to, by oid.
    pub(crate) fn all_touched(&self) -> Vec<Oid> {
        let mut all: Vec<Oid> = self.touched.read().objects.iter().copied().collect();
        all.sort_unstable();
        all
    }

    /// The first `limit` objects that the line ever wrote to, after one of them, by oid.
    pub(crate) fn touched_after(&self, after: Option<Oid>, limit: usize) -> Vec<Oid> {
        let touched = self.touched.read();
        let behind = touched.objects.iter().copied().filter(|oid| after.is_none_or(|after| *oid > after));
        let mut first: Vec<Oid> = behind.collect();
        drop(touched);
        // A line may have touched far more than anybody looks at: only the first are brought into order.
        if first.len() > limit {
            first.select_nth_unstable(limit);
            first.truncate(limit);
        }
        first.sort_unstable();
        first
    }

    /// Reads what the line touched, the first time that it is needed.
    fn load(&self, index: &TailedIndex) -> Result<(), StoreError> {
        if self.is_loaded.load(Ordering::Acquire) {
            return Ok(());
        }
        // A commit puts what it touches into the index first and then waits for this lock: nothing is missed.
        let mut touched = self.touched.write();
        let (from, below) = keys::all_touched(self.id);
        index.scan(&from, &below, &mut |key, _| {
            match keys::parse_touched(key) {
                Some((keys::Touch::Object, oid)) => touched.objects.insert(oid),
                Some((keys::Touch::Folder, oid)) => touched.folders.insert(oid),
                None => false,
            };
            ControlFlow::Continue(())
        })?;
        self.is_loaded.store(true, Ordering::Release);
        Ok(())
    }

    /// Takes in what a commit touched; to be called after the index has it and before its tid is shown.
    pub(crate) fn touch(&self, entries: impl Iterator<Item = (keys::Touch, Oid)>) {
        let mut touched = self.touched.write();
        for (touch, oid) in entries {
            match touch {
                keys::Touch::Object => touched.objects.insert(oid),
                keys::Touch::Folder => touched.folders.insert(oid),
            };
        }
    }
}

/// All versions.
#[derive(Default)]
pub(crate) struct Lines {
    lines: RwLock<BTreeMap<LineId, Arc<Line>>>,
}

impl Lines {
    /// Reads what the index knows of them.
    pub(crate) fn read(index: &TailedIndex) -> Result<Self, StoreError> {
        let lines = Self::default();
        let (from, below) = keys::all_lines();
        let mut failed = None;
        index.scan(&from, &below, &mut |key, value| {
            let Some((line, since)) = keys::parse_line(key) else { return ControlFlow::Continue(()) };
            match crate::format::decode("the state of a version", value) {
                Ok(state) => lines.put(line, since, LineState::from_disk(state)),
                Err(error) => failed = Some(error),
            }
            ControlFlow::Continue(())
        })?;
        failed.map_or(Ok(lines), |error| Err(error.into()))
    }

    fn put(&self, id: LineId, since: Tid, state: LineState) {
        let mut lines = self.lines.write();
        let line = lines.entry(id).or_insert_with(|| Arc::new(Line::new(id)));
        let mut states = line.states.write();
        let at = states.partition_point(|(tid, _)| *tid < since);
        states.insert(at, (since, Arc::new(state)));
    }

    /// Takes in what a commit made of lines.
    pub(crate) fn take_in(&self, tid: Tid, changed: &[LineDisk]) {
        for LineDisk { line, state } in changed {
            self.put(LineId(*line), tid, LineState::from_disk(state.clone()));
        }
    }

    /// The version of that number, ready to be read.
    pub(crate) fn get(&self, id: LineId, index: &TailedIndex) -> Result<Arc<Line>, StoreError> {
        let line = self.lines.read().get(&id).map(Arc::clone);
        let line = line.ok_or_else(|| StoreError::Missing { what: format!("version number {}", id.0) })?;
        line.load(index)?;
        Ok(line)
    }

    /// The version of that number, if it is in memory, to be told what a commit touched.
    pub(crate) fn known(&self, id: LineId) -> Option<Arc<Line>> {
        self.lines.read().get(&id).map(Arc::clone)
    }

    /// All that there are at `tid`, by number.
    pub(crate) fn all(&self, tid: Tid) -> Vec<(LineId, Epoch)> {
        let lines = self.lines.read();
        lines.values().filter_map(|line| Some((line.id, line.epoch_at(tid)?))).collect()
    }

    /// The version that last took another name than this one.
    pub(crate) fn once_named(&self, name: &str) -> Option<LineId> {
        let lines = self.lines.read();
        let renamed = lines.values().filter_map(|line| {
            let states = line.states.read();
            let changes = states.windows(2).rev();
            let mut leaving = changes.filter(|pair| pair[0].1.name == name && pair[1].1.name != name);
            Some((leaving.next()?[1].0, line.id))
        });
        renamed.max().map(|(_, id)| id)
    }

    /// The numbers of all versions.
    pub(crate) fn ids(&self) -> Vec<LineId> {
        self.lines.read().keys().copied().collect()
    }

    /// The number that the next version gets.
    pub(crate) fn next_id(&self) -> LineId {
        LineId(self.lines.read().keys().next_back().map_or(0, |last| last.0) + 1)
    }

    /// When the version was opened.
    pub(crate) fn opened(&self, id: LineId) -> Option<Tid> {
        self.known(id)?.states.read().first().map(|(tid, _)| *tid)
    }
}
