//! History: the commits of a line, what each changed, and the state at any time.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bough_core::object::Object;
use bough_core::{Oid, Tid};

use crate::engine::{Engine, IsMoved, StoreError};
use crate::format::body::{EntryDisk, HeadAt, HeadDisk, decode_head, decode_meta};
use crate::keys;
use crate::line::LineId;
use crate::log::Log;
use crate::note::CommitRecord;
use crate::view::View;

/// Why the past did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// There is no such commit on the line.
    #[error("there is no commit {0}")]
    NoSuchCommit(Tid),
    /// What was then is packed away.
    #[error("cannot show or undo {asked}: the history before {horizon} is packed away")]
    Packed {
        /// What was asked for.
        asked: Tid,
        /// The earliest state that is kept.
        horizon: Tid,
    },
    /// It has not happened yet.
    #[error("cannot show {asked}: the last commit is {head}")]
    Future {
        /// What was asked for.
        asked: Tid,
        /// The newest state.
        head: Tid,
    },
    /// The site was not made yet.
    #[error("the site was not made yet at that time: its history begins with {first}")]
    BeforeSite {
        /// The first commit.
        first: Tid,
    },
    /// The version was not there yet.
    #[error("cannot show the version as of {asked}: it was opened later, by {opened}")]
    NotOpened {
        /// What was asked for.
        asked: Tid,
        /// The commit that opened it.
        opened: Tid,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IsMoved for HistoryError {
    fn is_moved(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_moved())
    }
}

/// One object before and after a commit.
#[derive(Clone, Debug)]
pub struct ObjectDelta {
    /// Who it is.
    pub oid: Oid,
    /// As it was before; none if it was made.
    pub before: Option<Arc<Object>>,
    /// As it was after; none if the making was undone.
    pub after: Option<Arc<Object>>,
}

/// The tid just before.
fn before(tid: Tid) -> Tid {
    Tid::from_micros(tid.as_micros().saturating_sub(1))
}

impl Engine {
    /// The earliest tid whose state is kept.
    pub(crate) fn horizon(&self) -> Tid {
        Tid::from_micros(self.horizon.load(Ordering::SeqCst))
    }

    /// Refuses tids whose state cannot be shown.
    pub(crate) fn check_shown(&self, asked: Tid) -> Result<(), HistoryError> {
        let (horizon, head) = (self.horizon(), self.head());
        if asked > head {
            return Err(HistoryError::Future { asked, head });
        }
        if asked < horizon {
            return Err(HistoryError::Packed { asked, horizon });
        }
        Ok(())
    }

    /// Refuses commits of which the state before is packed away.
    pub(crate) fn check_undoable(&self, asked: Tid) -> Result<(), HistoryError> {
        let horizon = self.horizon();
        if asked <= horizon && horizon != Tid::ZERO {
            return Err(HistoryError::Packed { asked, horizon });
        }
        Ok(())
    }

    /// The last commit at or before a time.
    pub(crate) fn tid_at(&self, line: LineId, micros: u64) -> Result<Tid, HistoryError> {
        let by_tid = self.newest_commit(line, Tid::from_micros(micros))?;
        let (from, below) = keys::late_until(micros);
        let late = self.index.last(&from, &below).map_err(StoreError::from)?;
        let late = late.and_then(|(_, tid)| Some(u64::from_be_bytes(tid[..].try_into().ok()?)));
        Ok(by_tid.max(late.map_or(Tid::ZERO, Tid::from_micros)).min(self.head()))
    }

    /// The same for a state that is to be shown: before the first commit there is none.
    pub(crate) fn state_at(&self, line: LineId, micros: u64) -> Result<Tid, HistoryError> {
        let found = self.tid_at(line, micros)?;
        if found != Tid::ZERO || line != LineId::TRUNK || self.horizon() != Tid::ZERO {
            return Ok(found);
        }
        let (from, below) = (keys::commit(line, Tid::ZERO, 0), keys::commit(line, self.head(), u32::MAX));
        let first = self.index.first(&from, &below).map_err(StoreError::from)?;
        let first = first.and_then(|(key, _)| keys::parse_commit(&key)).map_or(Tid::ZERO, |(tid, _)| tid);
        Err(HistoryError::BeforeSite { first })
    }

    pub(crate) fn newest_commit(&self, line: LineId, at: Tid) -> Result<Tid, StoreError> {
        let found = self.index.last(&keys::commit(line, Tid::ZERO, 0), &keys::commit(line, at, u32::MAX))?;
        Ok(found.and_then(|(key, _)| keys::parse_commit(&key)).map_or(Tid::ZERO, |(tid, _)| tid))
    }

    pub(crate) fn commit_record(&self, line: LineId, tid: Tid) -> Result<CommitRecord, HistoryError> {
        self.retried(|| self.read_commit_record(line, tid))
    }

    fn read_commit_record(&self, line: LineId, tid: Tid) -> Result<CommitRecord, HistoryError> {
        let found = self.index.get(&keys::commit(line, tid, 0)).map_err(StoreError::from)?;
        let value = found.filter(|_| tid <= self.head()).ok_or(HistoryError::NoSuchCommit(tid))?;
        Ok(self.record_at(tid, &value)?)
    }

    fn record_at(&self, tid: Tid, value: &[u8]) -> Result<CommitRecord, StoreError> {
        let missing = || StoreError::Missing { what: format!("the record of commit {tid}") };
        let at = keys::parse_commit_at(value).ok_or_else(missing)?;
        let meta = decode_meta(&self.log.read(at.meta)?)?;
        Ok(CommitRecord::from_disk(tid, &meta))
    }

    /// Commits of a line, newest first.
    pub(crate) fn commits(
        &self,
        line: LineId,
        before: Option<Tid>,
        limit: usize,
    ) -> Result<Vec<CommitRecord>, StoreError> {
        self.retried(|| self.read_commits(line, before, limit))
    }

    fn read_commits(
        &self,
        line: LineId,
        before: Option<Tid>,
        limit: usize,
    ) -> Result<Vec<CommitRecord>, StoreError> {
        let head_end = Tid::from_micros(self.head().as_micros() + 1);
        let below = keys::commit(line, before.map_or(head_end, |before| before.min(head_end)), 0);
        let mut found: Vec<(Tid, Box<[u8]>)> = Vec::new();
        let mut visit = |key: &[u8], value: &[u8]| {
            if let Some((tid, 0)) = keys::parse_commit(key) {
                found.push((tid, value.into()));
            }
            if found.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        if limit > 0 {
            self.index.scan_back(&keys::commit(line, Tid::ZERO, 0), &below, &mut visit)?;
        }
        found.iter().map(|(tid, value)| self.record_at(*tid, value)).collect()
    }

    /// The commits that wrote an object, newest first.
    pub(crate) fn revisions(
        &self,
        line: LineId,
        oid: Oid,
        before: Option<Tid>,
        limit: usize,
    ) -> Result<Vec<Tid>, StoreError> {
        let newest = match before {
            Some(before) if before.as_micros() == 0 => return Ok(Vec::new()),
            Some(before) => Tid::from_micros(before.as_micros() - 1).min(self.head()),
            None => self.head(),
        };
        let mut tids = Vec::new();
        let mut visit = |key: &[u8], _: &[u8]| {
            tids.extend(keys::tid_of(key));
            if tids.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        if limit > 0 {
            let from = keys::revision(oid, line, newest);
            self.index.scan(&from, &keys::revisions_end(oid, line), &mut visit)?;
        }
        Ok(tids)
    }

    /// The same of a view: on the uppermost line, and on each below up to where it is shown.
    pub(crate) fn shown_revisions(
        &self,
        view: &View,
        oid: Oid,
        before: Option<Tid>,
        limit: usize,
    ) -> Result<Vec<(LineId, Tid)>, StoreError> {
        let mut found = Vec::new();
        for (line, shown) in view.lines() {
            let behind = Tid::from_micros(shown.as_micros().saturating_add(1));
            let before = before.map_or(behind, |before| before.min(behind));
            let tids = self.revisions(line, oid, Some(before), limit)?;
            found.extend(tids.into_iter().map(|tid| (line, tid)));
        }
        found.sort_by_key(|(_, tid)| std::cmp::Reverse(*tid));
        found.truncate(limit);
        Ok(found)
    }

    /// What a commit says of itself that a view shows, and on which of its lines it is.
    pub(crate) fn shown_record(&self, view: &View, tid: Tid) -> Result<(LineId, CommitRecord), HistoryError> {
        for (line, shown) in view.lines() {
            match self.commit_record(line, tid) {
                Ok(record) if tid <= shown => return Ok((line, record)),
                Ok(_) | Err(HistoryError::NoSuchCommit(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(HistoryError::NoSuchCommit(tid))
    }

    /// Calls `visit` with the head of each frame of a commit.
    pub(crate) fn heads_of(
        &self,
        line: LineId,
        tid: Tid,
        visit: &mut dyn FnMut(HeadDisk) -> Result<(), HistoryError>,
    ) -> Result<(), HistoryError> {
        self.heads_until(line, tid, &mut |head| visit(head).map(ControlFlow::Continue))
    }

    /// The same until `visit` says that it is enough.
    fn heads_until(
        &self,
        line: LineId,
        tid: Tid,
        visit: &mut dyn FnMut(HeadDisk) -> Result<ControlFlow<()>, HistoryError>,
    ) -> Result<(), HistoryError> {
        let count = self.head_places(line, tid)?.len();
        if count == 0 || tid > self.head() {
            return Err(HistoryError::NoSuchCommit(tid));
        }
        for nth in 0..count {
            if visit(self.retried(|| self.read_head(line, tid, nth))?)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn read_head(&self, line: LineId, tid: Tid, nth: usize) -> Result<HeadDisk, StoreError> {
        let places = self.head_places(line, tid)?;
        let missing = || StoreError::Missing { what: format!("a part of commit {tid}") };
        let at = places.get(nth).ok_or_else(missing)?;
        Ok(decode_head(&self.log.read(at.head)?)?)
    }

    /// Where the heads of a commit's frames lie.
    fn head_places(&self, line: LineId, tid: Tid) -> Result<Vec<HeadAt>, StoreError> {
        let mut places = Vec::new();
        let next = Tid::from_micros(tid.as_micros().saturating_add(1));
        self.index.scan(&keys::commit(line, tid, 0), &keys::commit(line, next, 0), &mut |_, value| {
            places.extend(keys::parse_commit_at(value));
            ControlFlow::Continue(())
        })?;
        Ok(places)
    }

    /// What a commit did to objects: `limit` of them after the first `skip`.
    pub(crate) fn changes(
        &self,
        line: LineId,
        tid: Tid,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<ObjectDelta>, HistoryError> {
        let mut deltas = Vec::new();
        if limit > 0 {
            self.each_change(line, tid, skip, &mut |delta| {
                deltas.push(delta);
                if deltas.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
        }
        Ok(deltas)
    }

    /// Calls `visit` with what a commit did to each object after the first `skip`, until it says that it is enough.
    pub(crate) fn each_change(
        &self,
        line: LineId,
        tid: Tid,
        mut skip: usize,
        visit: &mut dyn FnMut(ObjectDelta) -> ControlFlow<()>,
    ) -> Result<(), HistoryError> {
        self.check_undoable(tid)?;
        self.heads_until(line, tid, &mut |head| {
            for entry in &head.entries {
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                let EntryDisk::Kept { facts, .. } = entry else {
                    return Err(HistoryError::Packed { asked: tid, horizon: self.horizon() });
                };
                if visit(self.delta(line, facts.oid(), tid, facts.replaces())?).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    pub(crate) fn delta(
        &self,
        line: LineId,
        oid: Oid,
        tid: Tid,
        replaces: Option<Tid>,
    ) -> Result<ObjectDelta, StoreError> {
        let before = match replaces {
            // On a version the line below shows through what it did not touch, and may have been another before.
            _ if line != LineId::TRUNK => self.object(line, oid, before(tid))?,
            Some(replaces) => self.object(line, oid, replaces)?,
            None => None,
        };
        Ok(ObjectDelta { oid, before, after: self.object(line, oid, tid)? })
    }
}
