//! Undo: taking back any set of commits at any later time, as a new commit.
//!
//! For each cell that the commits changed, from the newest to the oldest: where it still is as the commit left it, it
//! goes back to what it was before; where it is that already, it stays; else the values merge (base = after, left =
//! now, right = before), or stand as a *blocker* that names the later commit. Then the tree is checked. Redo is the
//! undo of the undo.
//!
//! Where the newest record of an object is one of the undone commits', nothing is compared or copied: the new record
//! only points back. So an import of any number of objects is taken back by reading its heads.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bough_core::merge::structure::Violation;
use bough_core::merge::{Merge, merge_contents};
use bough_core::object::{CellChange, differing_cells};
use bough_core::security::Authority;
use bough_core::snapshot::{Chain, ReadError, chain, chain_path};
use bough_core::transaction::ObjectChange;
use bough_core::{CellKey, Content, Name, Object, ObjectPath, Oid, Place, Tid};

use crate::commit::{CommitError, append_and_show, check_open, next_tid};
use crate::database::Database;
use crate::draft::Stage;
use crate::engine::{BACK_DEPTH_MAX, Engine, StoreError, read_error};
use crate::format::body::{ChangeDisk, EntryDisk, FactsDisk};
use crate::history::HistoryError;
use crate::keys::{self, RevisionAt};
use crate::line::LineId;
use crate::log::Log;
use crate::note::{CommitRecord, Kind, Note};
use crate::snapshot::Snapshot;
use crate::version::{OwnBack, own_back, reopening};
use crate::weave::{Conflict, ConflictReason, GoBack, Origin, Overlay, Weaving, denials};

/// How many cells and URLs a preview names one by one.
pub const PREVIEW_MAX: usize = 1_000;
/// How many blockers are named one by one.
const BLOCKERS_MAX: usize = 1_000;

/// What to do about blockers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoChoices {
    /// Cells that stay as they are.
    pub skip: Vec<(Oid, CellKey)>,
    /// Cells that get this content; none clears them.
    pub choose: Vec<(Oid, CellKey, Option<Content>)>,
    /// Whether objects may go away although others refer to them.
    pub allow_dangling: bool,
    /// Whether the undo of a merge gives the version back what it had merged, so that it can be merged again.
    pub reopen: bool,
}

impl UndoChoices {
    /// Whether something was chosen about that cell.
    pub(crate) fn decides(&self, oid: Oid, key: &CellKey) -> bool {
        self.skip.iter().any(|(of, skipped)| *of == oid && skipped == key)
            || self.choose.iter().any(|(of, chosen, _)| *of == oid && chosen == key)
    }
}

impl Default for UndoChoices {
    fn default() -> Self {
        Self { skip: Vec::new(), choose: Vec::new(), allow_dangling: false, reopen: true }
    }
}

/// What an undo would do.
#[derive(Clone, Debug)]
pub struct UndoPlan {
    /// The commits to take back, newest first.
    pub of: Vec<Tid>,
    /// How many objects change.
    pub objects: u64,
    /// The cells that change, the first [`PREVIEW_MAX`] of them.
    pub cells: Vec<CellDelta>,
    /// The URLs of the objects that change, the first [`PREVIEW_MAX`] of them.
    pub urls: Vec<UrlDelta>,
    /// What stands against it; with any, nothing is done.
    pub blockers: Vec<Blocker>,
}

/// A cell as it is now and as it would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellDelta {
    /// Whose.
    pub oid: Oid,
    /// Where that is now, or would be.
    pub path: Option<ObjectPath>,
    /// Which cell.
    pub cell: CellKey,
    /// What it holds now.
    pub before: Option<Content>,
    /// What it would hold.
    pub after: Option<Content>,
}

/// The path of an object as it is now and as it would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlDelta {
    /// Now; none where it is not there.
    pub before: Option<ObjectPath>,
    /// Then; none where it would not be there.
    pub after: Option<ObjectPath>,
}

/// Something that stands against an undo.
#[derive(Clone, Debug)]
pub struct Blocker {
    /// The object in question.
    pub oid: Oid,
    /// Where it is, or was last.
    pub path: Option<ObjectPath>,
    /// What stands against it.
    pub reason: BlockerReason,
    /// The later commit that is the cause, where one is: undoing that, too, removes the blocker.
    pub later: Option<CommitRecord>,
}

/// What stands against an undo.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockerReason {
    /// A cell was changed again later.
    #[error("`{}` was changed again later", .0.cell)]
    Cell(Box<BlockedCell>),
    /// The object was deleted later.
    #[error("it was deleted later")]
    Deleted,
    /// The container to which it would go back is not there.
    #[error("the place to which it would go back is not there any more")]
    ParentGone,
    /// The name to which it would go back is taken.
    #[error("the name `{name}` is taken by another object")]
    NameTaken {
        /// The name.
        name: Name,
        /// Who has it.
        by: Oid,
    },
    /// It would go away and others stand in it.
    #[error("`{name}` stands in it, which would have no place any more")]
    Child {
        /// One of them.
        name: Name,
        /// The same.
        oid: Oid,
    },
    /// It would go away and another refers to it.
    #[error("{by} refers to it")]
    Referenced {
        /// Who.
        by: Oid,
    },
    /// Objects would contain each other.
    #[error("objects would contain each other")]
    Cycle,
}

/// A cell that was changed again after the undone commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockedCell {
    /// Which.
    pub cell: CellKey,
    /// What it holds now.
    pub now: Option<Content>,
    /// What the undone commit made it.
    pub undone: Option<Content>,
    /// What it was before that.
    pub before: Option<Content>,
}

/// Why an undo was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UndoError {
    /// Something stands against it. Nothing was changed.
    #[error("cannot undo: {} thing(s) stand against it", .blockers.len())]
    Blocked {
        /// What.
        blockers: Vec<Blocker>,
    },
    /// No commit was named.
    #[error("cannot undo: no commit was named")]
    Nothing,
    /// The making of the site cannot be taken back.
    #[error("cannot undo {0}: it made the site")]
    Creation(Tid),
    /// A commit changed what a version is, not what is in it: there are other ways to change that.
    #[error("cannot undo {tid}: {}", of_version_text(.word))]
    OfVersion {
        /// Which commit.
        tid: Tid,
        /// Its kind.
        word: &'static str,
    },
    /// A commit is not there or packed away.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The undo could not be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

fn of_version_text(word: &str) -> &'static str {
    match word {
        "open" => "it opened the version; discard that instead",
        "update" => "it brought the version up to its parent line, of which it cannot be taken away again",
        "merge" => "it is the merge of this version; undo it on the line into which it was merged",
        _ => "it changed the name, owner or status of the version; change those again instead",
    }
}

impl From<StoreError> for UndoError {
    fn from(error: StoreError) -> Self {
        Self::History(error.into())
    }
}

impl From<ReadError> for UndoError {
    fn from(error: ReadError) -> Self {
        StoreError::from(error).into()
    }
}

impl Database {
    /// Says what taking back these commits would do, and what stands against it.
    ///
    /// # Errors
    /// When a commit is not there or packed away, or the store cannot be read.
    pub fn undo_preview(&self, of: &[Tid], choices: &UndoChoices) -> Result<UndoPlan, UndoError> {
        self.undo_preview_under(of, choices, None)
    }

    /// The same, asking somebody whether it may be done.
    ///
    /// # Errors
    /// As [`Database::undo_preview`], and [`CommitError::Denied`].
    pub fn undo_preview_under(
        &self,
        of: &[Tid],
        choices: &UndoChoices,
        authority: Option<Arc<dyn Authority>>,
    ) -> Result<UndoPlan, UndoError> {
        let engine = &self.inner.engine;
        let snapshot = self.snapshot();
        let mut plan = plan(engine, &snapshot, of, choices)?;
        if plan.blockers.is_empty() {
            let mut overlay = Overlay::new(engine, self.line)?;
            let note = Note { authority, ..Note::edit("") };
            let mut stage = Stage::new(Arc::clone(engine));
            let origin = Origin::new(&mut stage, &note, (Tid::MAX, 0));
            if let Err(conflicts) = plan.weave(&mut overlay, origin)? {
                refuse_denied(&conflicts)?;
                plan.block(engine, &snapshot, conflicts)?;
            }
        }
        plan.preview(engine, &snapshot)
    }

    /// Takes back these commits, in one new commit. None if they left no trace that could be taken back.
    ///
    /// # Errors
    /// [`UndoError::Blocked`] with everything that stands against it, [`CommitError::VersionClosed`] in a version that is
    /// not open; nothing was changed.
    pub fn undo(&self, of: &[Tid], choices: &UndoChoices, note: Note) -> Result<Option<Tid>, UndoError> {
        let engine = &self.inner.engine;
        engine.index.wait_for_room().map_err(|error| CommitError::Index(Arc::new(error)))?;
        // Planned while nobody else commits: what is checked is what is done.
        let _lead = self.inner.committer.lead();
        check_open(engine, self.line)?;
        let snapshot = self.snapshot();
        let mut plan = plan(engine, &snapshot, of, choices)?;
        let note = Note { kind: Kind::Undo { of: plan.of.clone() }, ..note };
        let mut stage = Stage::new(Arc::clone(engine));
        if plan.blockers.is_empty() {
            for (_, content) in plan.merged.iter_mut().flat_map(|change| &mut change.cells) {
                stage.set_content_aside(content).map_err(CommitError::from)?;
            }
            let (tid, now) = next_tid(engine, engine.log.last_tid());
            let mut overlay = Overlay::new(engine, self.line)?;
            let mut own_stage = Stage::new(Arc::clone(engine));
            let reopened = match choices.reopen {
                true => {
                    let origin = (&note, (tid, now));
                    let after = After::new(engine, self.line, &plan);
                    reopening(engine, self.line, &plan.of, choices, origin, &mut own_stage, &after)?
                }
                false => Vec::new(),
            };
            let origin = Origin::new(&mut stage, &note, (tid, now));
            let origin = reopened.into_iter().fold(origin, Origin::together_with);
            match plan.weave(&mut overlay, origin)? {
                Ok(None) => return Ok(None),
                Ok(Some(woven)) => {
                    let shown = append_and_show(engine, vec![woven], &mut [own_stage, stage]);
                    return shown.map(|()| Some(tid)).map_err(|failure| failure.to_error().into());
                }
                Err(conflicts) => {
                    refuse_denied(&conflicts)?;
                    plan.block(engine, &snapshot, conflicts)?;
                }
            }
        }
        Err(UndoError::Blocked { blockers: plan.blockers })
    }
}

fn refuse_denied(conflicts: &[Conflict]) -> Result<(), CommitError> {
    denials(conflicts).map_or(Ok(()), |denials| Err(CommitError::Denied(denials)))
}

/// One undone commit's part in an object.
pub(crate) struct Touch {
    pub(crate) tid: Tid,
    pub(crate) facts: FactsDisk,
}

/// What is to be done, and what stands against it.
struct Plan {
    of: Vec<Tid>,
    back: Vec<GoBack>,
    merged: Vec<ObjectChange>,
    /// The same in a version.
    own: Vec<OwnBack>,
    blockers: Vec<Blocker>,
}

/// What cells hold after an undo.
pub(crate) struct After<'p> {
    engine: &'p Engine,
    line: LineId,
    plan: &'p Plan,
    /// Gathered when it is asked for.
    becoming: OnceCell<HashMap<Oid, Becomes<'p>>>,
}

/// What an undo makes of one object.
enum Becomes<'p> {
    Back(&'p GoBack),
    With(&'p [CellChange]),
    /// In a version.
    Seen(Option<&'p Object>),
}

impl<'p> After<'p> {
    fn new(engine: &'p Engine, line: LineId, plan: &'p Plan) -> Self {
        Self { engine, line, plan, becoming: OnceCell::new() }
    }

    /// What a cell holds then that holds `now`.
    pub(crate) fn content(
        &self,
        oid: Oid,
        key: &CellKey,
        now: Option<&Content>,
    ) -> Result<Option<Content>, StoreError> {
        let becoming = self.becoming.get_or_init(|| self.plan.becoming());
        Ok(match becoming.get(&oid) {
            None => now.cloned(),
            Some(Becomes::Back(GoBack { to: None, .. })) => None,
            Some(Becomes::Back(GoBack { to: Some((tid, _)), .. })) => {
                let then = self.engine.object(self.line, oid, *tid)?;
                then.as_ref().and_then(|object| object.content(key)).cloned()
            }
            Some(Becomes::With(cells)) => match cells.iter().find(|(changed, _)| changed == key) {
                Some((_, content)) => content.clone(),
                None => now.cloned(),
            },
            Some(Becomes::Seen(then)) => then.and_then(|object| object.content(key)).cloned(),
        })
    }
}

fn plan(engine: &Engine, snapshot: &Snapshot, of: &[Tid], choices: &UndoChoices) -> Result<Plan, UndoError> {
    let of: BTreeSet<Tid> = of.iter().copied().collect();
    let of: Vec<Tid> = of.into_iter().rev().collect();
    if of.is_empty() {
        return Err(UndoError::Nothing);
    }
    let mut order = Vec::new();
    let mut touches: HashMap<Oid, Vec<Touch>> = HashMap::new();
    for &tid in &of {
        let kind = engine.commit_record(snapshot.line(), tid)?.kind;
        match &kind {
            Kind::Create => return Err(UndoError::Creation(tid)),
            Kind::Merge { line, .. } if *line != snapshot.line() => {}
            Kind::Open { .. } | Kind::Update { .. } | Kind::Merge { .. } | Kind::Manage => {
                return Err(UndoError::OfVersion { tid, word: kind.word() });
            }
            _ => {}
        }
        engine.check_undoable(tid)?;
        engine.heads_of(snapshot.line(), tid, &mut |head| {
            for entry in head.entries {
                let EntryDisk::Kept { facts, .. } = entry else {
                    return Err(HistoryError::Packed { asked: tid, horizon: engine.horizon() });
                };
                let of_object = touches.entry(facts.oid()).or_insert_with(|| {
                    order.push(facts.oid());
                    Vec::new()
                });
                of_object.push(Touch { tid, facts });
            }
            Ok(())
        })?;
    }
    let mut planner = Planner {
        engine,
        snapshot,
        choices,
        plan: Plan { of, back: Vec::new(), merged: Vec::new(), own: Vec::new(), blockers: Vec::new() },
    };
    for oid in order {
        if let Some(touches) = touches.get(&oid) {
            planner.object(oid, touches)?;
        }
    }
    // All of them: what came between them and is not taken back may stand in what they made.
    let newest = engine.commits(snapshot.line(), None, planner.plan.of.len())?;
    let are_newest = newest.iter().map(|record| record.tid).eq(planner.plan.of.iter().copied());
    planner.check_vanishing(are_newest)?;
    Ok(planner.plan)
}

struct Planner<'a> {
    engine: &'a Engine,
    snapshot: &'a Snapshot,
    choices: &'a UndoChoices,
    plan: Plan,
}

impl Planner<'_> {
    fn object(&mut self, oid: Oid, touches: &[Touch]) -> Result<(), UndoError> {
        if self.snapshot.line() != LineId::TRUNK {
            return self.own(oid, touches);
        }
        let chosen = self.choices.skip.iter().any(|(of, _)| *of == oid)
            || self.choices.choose.iter().any(|(of, ..)| *of == oid);
        if !chosen && let Some(back) = self.pointing_back(oid, touches)? {
            // A commit together with the undo of it may leave the object as it is.
            if touches.len() == 1 || self.changes(&back)? {
                self.plan.back.push(back);
            }
            return Ok(());
        }
        self.merging(oid, touches)
    }

    /// In a version: what that held of the object before.
    fn own(&mut self, oid: Oid, touches: &[Touch]) -> Result<(), UndoError> {
        let back = own_back(self.engine, self.snapshot.view(), oid, touches, self.choices)?;
        for (reason, later) in &back.blocked {
            let later = later.filter(|tid| *tid != Tid::MAX);
            let later = if later.is_some() { later } else { self.newest_commit_of(oid)? };
            self.block(oid, reason.clone(), later)?;
        }
        if back.changes {
            self.plan.own.push(back);
        }
        Ok(())
    }

    /// Whether the newest records of the object are the undone commits' own, and they or nobody took its place away.
    fn are_newest(&self, oid: Oid, touches: &[Touch]) -> Result<bool, UndoError> {
        let Some(first) = touches.first() else { return Ok(false) };
        let unbroken = touches.windows(2).all(|pair| pair[0].facts.replaces() == Some(pair[1].tid));
        // What the newest commit of all wrote need not be looked up.
        let head = bough_core::Snapshot::tid(self.snapshot);
        if !unbroken || !(first.tid == head || self.is_newest(oid, first.tid)?) {
            return Ok(false);
        }
        let moves = touches.iter().any(|touch| touch.facts.place.is_some());
        Ok(moves || self.stands(oid)?)
    }

    fn changes(&self, back: &GoBack) -> Result<bool, UndoError> {
        let now = bough_core::Snapshot::object(self.snapshot, back.oid)?;
        let then = match back.to {
            Some((tid, _)) => self.engine.object(self.snapshot.line(), back.oid, tid)?,
            None => None,
        };
        let differ = !differing_cells(now.as_deref(), then.as_deref()).is_empty();
        Ok(differ || now.is_some() != then.is_some())
    }

    /// The way back without comparing, where the newest records of the object are the undone commits' own.
    fn pointing_back(&self, oid: Oid, touches: &[Touch]) -> Result<Option<GoBack>, UndoError> {
        if !self.are_newest(oid, touches)? {
            return Ok(None);
        }
        let line = self.snapshot.line();
        let (Some(first), Some(last)) = (touches.first(), touches.last()) else { return Ok(None) };
        let depth = match first.facts.change {
            ChangeDisk::BackTo { depth, .. } => depth + 1,
            _ => 1,
        };
        if depth > BACK_DEPTH_MAX {
            return Ok(None);
        }
        let to = match last.facts.replaces() {
            None => None,
            Some(before) => match self.engine.revision_by(line, oid, before)? {
                Some(state) => match state.at {
                    RevisionAt::Record(_) => Some((before, depth)),
                    RevisionAt::BackTo { tid, .. } => Some((tid, depth)),
                    RevisionAt::Gone => None,
                },
                None => return Ok(None),
            },
        };
        let mut moves = touches.iter().filter(|touch| touch.facts.place.is_some());
        let (newest_move, oldest_move) = (moves.clone().next(), moves.next_back());
        let place_before =
            newest_move.map(|touch| touch.facts.places()).transpose().map_err(StoreError::from)?;
        let place_after =
            oldest_move.map(|touch| touch.facts.places()).transpose().map_err(StoreError::from)?;
        let (references_dropped, references_added) = net_references(touches);
        Ok(Some(GoBack {
            oid,
            replaces: first.tid,
            to,
            place_before: place_before.and_then(|(_, after)| after),
            place_after: place_after.and_then(|(before, _)| before),
            references_dropped,
            references_added,
        }))
    }

    /// Whether the object was last written by that commit.
    fn is_newest(&self, oid: Oid, tid: Tid) -> Result<bool, UndoError> {
        let (line, head) = (self.snapshot.line(), bough_core::Snapshot::tid(self.snapshot));
        Ok(self.engine.revision(line, oid, head)?.is_some_and(|newest| newest.tid == tid))
    }

    /// Whether the object has a place of its own.
    fn stands(&self, oid: Oid) -> Result<bool, UndoError> {
        let object = bough_core::Snapshot::object(self.snapshot, oid)?;
        Ok(oid == Oid::ROOT || object.is_some_and(|object| object.place().is_some()))
    }

    /// The way back cell by cell.
    fn merging(&mut self, oid: Oid, touches: &[Touch]) -> Result<(), UndoError> {
        let now = bough_core::Snapshot::object(self.snapshot, oid)?;
        let absent = Object::new(oid, Tid::MAX, Vec::new());
        let mut working = now.as_deref().cloned().unwrap_or(absent);
        let mut made_here = false;
        // Whether something changes that nobody sees, as the object was deleted later.
        let mut hidden = false;
        let is_placed = |object: &Object| oid == Oid::ROOT || object.place().is_some();
        for touch in touches {
            let was_hidden = !is_placed(&working) && touch.facts.place.is_none();
            let delta = self.engine.delta(self.snapshot.line(), oid, touch.tid, touch.facts.replaces())?;
            // It went away later, and not by one of the commits that are taken back.
            if working.cells().is_empty() && delta.before.is_some() && delta.after.is_some() {
                self.block(oid, BlockerReason::Deleted, self.newest_commit_of(oid)?)?;
                return Ok(());
            }
            made_here = delta.before.is_none();
            for (key, before, after) in differing_cells(delta.before.as_deref(), delta.after.as_deref()) {
                if let Some(content) = self.back(oid, &working, key, before, after)? {
                    working = working.with(&[(key.clone(), content)], Tid::MAX);
                    hidden |= was_hidden;
                }
            }
        }
        for (of, key, content) in &self.choices.choose {
            if *of == oid {
                working = working.with(&[(key.clone(), content.clone())], Tid::MAX);
                hidden |= !is_placed(&working);
            }
        }
        let cells: Vec<CellChange> = differing_cells(now.as_deref(), Some(&working))
            .into_iter()
            .map(|(key, _, to)| (key.clone(), to.cloned()))
            .collect();
        if cells.is_empty() {
            return Ok(());
        }
        if hidden && !self.are_newest(oid, touches)? {
            let place = now.as_ref().and_then(|object| object.cell(&CellKey::Place));
            let deleted_by = place.map(|cell| cell.tid);
            let later = if deleted_by.is_some() { deleted_by } else { self.newest_commit_of(oid)? };
            return self.block(oid, BlockerReason::Deleted, later);
        }
        if made_here && working.type_name().is_none() {
            return self.vanish(oid, now.as_deref(), &working, touches);
        }
        self.plan.merged.push(ObjectChange { oid, cells });
        Ok(())
    }

    /// What a cell shall hold, if the undo changes it.
    #[expect(clippy::option_option, reason = "an absent cell is a content like any other")]
    fn back(
        &mut self,
        oid: Oid,
        working: &Object,
        key: &CellKey,
        before: Option<&Content>,
        after: Option<&Content>,
    ) -> Result<Option<Option<Content>>, UndoError> {
        let decided = self.choices.skip.iter().any(|(of, skipped)| *of == oid && skipped == key)
            || self.choices.choose.iter().any(|(of, chosen, _)| *of == oid && chosen == key);
        if decided {
            return Ok(None);
        }
        let now = working.content(key);
        if now == before {
            // Taken back already: also a counter is not counted down twice.
            return Ok(None);
        }
        let fetch = |large: &_| self.engine.large(large).map_err(read_error("a large value"));
        let policy = self.engine.types.merge_policy(working.type_name(), key);
        match merge_contents(policy, after, now, before, &fetch)? {
            Merge::Settled(content) if content.as_ref() == now => Ok(None),
            Merge::Settled(content) => Ok(Some(content)),
            Merge::Conflict => {
                let later = working.cell(key).map(|cell| cell.tid).filter(|tid| *tid != Tid::MAX);
                let later = if later.is_some() { later } else { self.newest_commit_of(oid)? };
                let cell = BlockedCell {
                    cell: key.clone(),
                    now: now.cloned(),
                    undone: after.cloned(),
                    before: before.cloned(),
                };
                self.block(oid, BlockerReason::Cell(Box::new(cell)), later)?;
                Ok(None)
            }
        }
    }

    /// The making of an object is undone, and it was changed since: fine if nothing of that is left.
    fn vanish(
        &mut self,
        oid: Oid,
        now: Option<&Object>,
        working: &Object,
        touches: &[Touch],
    ) -> Result<(), UndoError> {
        for (key, cell) in working.cells() {
            let left = BlockedCell {
                cell: key.clone(),
                now: Some(cell.content.clone()),
                undone: None,
                before: None,
            };
            // What an earlier step of this undo brought back was written by no commit yet.
            let later = if cell.tid == Tid::MAX { self.newest_commit_of(oid)? } else { Some(cell.tid) };
            self.block(oid, BlockerReason::Cell(Box::new(left)), later)?;
        }
        if let Some(now) = now
            && working.cells().is_empty()
        {
            let (references_dropped, references_added) = net_references(touches);
            self.plan.back.push(GoBack {
                oid,
                replaces: now.revision(),
                to: None,
                place_before: now.place().cloned(),
                place_after: None,
                references_dropped,
                references_added,
            });
        }
        Ok(())
    }

    /// What goes away must not leave children or references behind.
    fn check_vanishing(&mut self, are_newest: bool) -> Result<(), UndoError> {
        let engine = self.engine;
        let gone = self.plan.back.iter().filter(|back| back.to.is_none()).map(|back| back.oid);
        let own_gone = self.plan.own.iter().filter(|back| back.then.is_none()).map(|back| back.oid);
        let vanishing: HashSet<Oid> = gone.chain(own_gone).collect();
        if vanishing.is_empty() {
            return Ok(());
        }
        let moved = self.plan.back.iter().filter(|back| back.moves()).map(|back| back.oid);
        let own_moved = self.plan.own.iter().filter(|back| back.moves()).map(|back| back.oid);
        let moved: HashSet<Oid> = moved.chain(own_moved).collect();
        let moved_by_merge = |oid: Oid| {
            let change = self.plan.merged.iter().find(|change| change.oid == oid);
            change.is_some_and(|change| change.cells.iter().any(|(key, _)| *key == CellKey::Place))
        };
        // Nothing was committed since: then only what these commits placed can stand in what they made.
        let parents: HashSet<Oid> = if are_newest && self.plan.own.is_empty() {
            let places = self.plan.back.iter().flat_map(|back| back.place_before.iter());
            places.map(|place| place.parent).filter(|parent| vanishing.contains(parent)).collect()
        } else {
            vanishing.clone()
        };
        let mut left = Vec::new();
        for &parent in &parents {
            if let Some((name, oid)) =
                self.first_child(parent, &|oid| moved.contains(&oid) || moved_by_merge(oid))?
            {
                left.push((parent, name, oid));
            }
        }
        for (parent, name, oid) in left {
            let later = self.newest_commit_of(oid)?;
            self.block(parent, BlockerReason::Child { name, oid }, later)?;
        }
        if self.choices.allow_dangling || !engine.has_references()? {
            return Ok(());
        }
        let mut referring = Vec::new();
        for &target in &vanishing {
            for source in engine.referring(self.snapshot.view(), target, BLOCKERS_MAX)? {
                if !vanishing.contains(&source) && bough_core::snapshot::is_live(self.snapshot, source)? {
                    referring.push((target, source));
                }
            }
        }
        for (target, by) in referring {
            let later = self.newest_commit_of(by)?;
            self.block(target, BlockerReason::Referenced { by }, later)?;
        }
        Ok(())
    }

    /// A child of `parent` that the undo leaves where it is.
    fn first_child(
        &self,
        parent: Oid,
        leaves: &dyn Fn(Oid) -> bool,
    ) -> Result<Option<(Name, Oid)>, UndoError> {
        let mut page = bough_core::snapshot::ChildrenPage::first(1_000);
        loop {
            let children = bough_core::Snapshot::children(self.snapshot, parent, &page)?;
            if let Some(child) = children.iter().find(|child| !leaves(child.oid)) {
                return Ok(Some((child.name.clone(), child.oid)));
            }
            match children.last() {
                Some(last) if children.len() == page.limit => page = page.following(last),
                _ => return Ok(None),
            }
        }
    }

    fn newest_commit_of(&self, oid: Oid) -> Result<Option<Tid>, UndoError> {
        Ok(self.engine.revisions(self.snapshot.line(), oid, None, 1)?.first().copied())
    }

    fn block(&mut self, oid: Oid, reason: BlockerReason, later: Option<Tid>) -> Result<(), UndoError> {
        self.plan.block_one(self.engine, self.snapshot, oid, reason, later)
    }
}

impl GoBack {
    fn moves(&self) -> bool {
        self.place_before != self.place_after
    }
}

/// The references that taking back all touches, newest first, drops and adds.
fn net_references(touches: &[Touch]) -> (Vec<[u8; 16]>, Vec<[u8; 16]>) {
    // Whether the newest and the oldest touch that mentions a target added it.
    let mut mentioned: HashMap<[u8; 16], (bool, bool)> = HashMap::new();
    for touch in touches {
        let added = touch.facts.references_added.iter().map(|target| (*target, true));
        let dropped = touch.facts.references_dropped.iter().map(|target| (*target, false));
        for (target, was_added) in added.chain(dropped) {
            mentioned
                .entry(target)
                .and_modify(|(_, oldest)| *oldest = was_added)
                .or_insert((was_added, was_added));
        }
    }
    let pick = |wanted: bool| {
        let alike = mentioned.iter().filter(|(_, ends)| **ends == (wanted, wanted));
        alike.map(|(target, _)| *target).collect()
    };
    (pick(true), pick(false))
}

impl Plan {
    fn weave(&self, overlay: &mut Overlay<'_>, origin: Origin<'_>) -> Result<Weaving, StoreError> {
        if self.own.is_empty() {
            return overlay.weave_back(&self.back, &self.merged, origin);
        }
        let own = self.own.iter().map(|back| (back.oid, back.own.clone())).collect();
        overlay.weave_own(own, None, origin)
    }

    fn becoming(&self) -> HashMap<Oid, Becomes<'_>> {
        let back = self.back.iter().map(|back| (back.oid, Becomes::Back(back)));
        let merged = self.merged.iter().map(|change| (change.oid, Becomes::With(&change.cells)));
        let own = self.own.iter().map(|back| (back.oid, Becomes::Seen(back.then.as_ref())));
        back.chain(merged).chain(own).collect()
    }

    fn block_one(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        oid: Oid,
        reason: BlockerReason,
        later: Option<Tid>,
    ) -> Result<(), UndoError> {
        if self.blockers.len() < BLOCKERS_MAX {
            let later = match later {
                Some(tid) => match engine.shown_record(snapshot.view(), tid) {
                    Ok((_, record)) => Some(record),
                    Err(HistoryError::NoSuchCommit(_)) => None,
                    Err(error) => return Err(error.into()),
                },
                None => None,
            };
            self.blockers.push(Blocker { oid, path: last_path(snapshot, oid)?, reason, later });
        }
        Ok(())
    }

    /// Turns what the structure check found into blockers.
    fn block(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        conflicts: Vec<Conflict>,
    ) -> Result<(), UndoError> {
        for conflict in conflicts {
            let newest = |oid| engine.revisions(snapshot.line(), oid, None, 1);
            let (reason, cause) = match conflict.reason {
                ConflictReason::Structure(Violation::NameTaken { name, other, .. }) => {
                    (BlockerReason::NameTaken { name, by: other }, Some(other))
                }
                ConflictReason::Structure(Violation::BelowDeleted { deleted, .. }) => {
                    (BlockerReason::ParentGone, Some(deleted))
                }
                ConflictReason::Structure(Violation::Orphan { missing, .. }) => {
                    (BlockerReason::ParentGone, Some(missing))
                }
                ConflictReason::Structure(Violation::Cycle(_)) => (BlockerReason::Cycle, None),
                _ => (BlockerReason::Deleted, None),
            };
            let later = match cause {
                Some(cause) => newest(cause)?.first().copied(),
                None => None,
            };
            self.block_one(engine, snapshot, conflict.oid, reason, later)?;
        }
        Ok(())
    }

    fn preview(self, engine: &Engine, snapshot: &Snapshot) -> Result<UndoPlan, UndoError> {
        let mut cells = Vec::new();
        let mut urls = Vec::new();
        let places: HashMap<Oid, Option<&Place>> = self.places();
        let path_after = |oid| path_in_plan(snapshot, &places, oid);
        for back in self.back.iter().take(PREVIEW_MAX) {
            let now = bough_core::Snapshot::object(snapshot, back.oid)?;
            let then = match back.to {
                Some((tid, _)) => engine.object(snapshot.line(), back.oid, tid)?,
                None => None,
            };
            let url = UrlDelta { before: live_path(snapshot, back.oid)?, after: path_after(back.oid)? };
            for (key, before, after) in differing_cells(now.as_deref(), then.as_deref()) {
                push_cell(&mut cells, &url, back.oid, key, before, after);
            }
            urls.push(url);
        }
        for change in self.merged.iter().take(PREVIEW_MAX - urls.len()) {
            let now = bough_core::Snapshot::object(snapshot, change.oid)?;
            let url = UrlDelta { before: live_path(snapshot, change.oid)?, after: path_after(change.oid)? };
            for (key, after) in &change.cells {
                let before = now.as_ref().and_then(|object| object.content(key));
                push_cell(&mut cells, &url, change.oid, key, before, after.as_ref());
            }
            urls.push(url);
        }
        for back in self.own.iter().take(PREVIEW_MAX - urls.len()) {
            let url = UrlDelta { before: live_path(snapshot, back.oid)?, after: path_after(back.oid)? };
            for (key, before, after) in differing_cells(back.now.as_deref(), back.then.as_ref()) {
                push_cell(&mut cells, &url, back.oid, key, before, after);
            }
            urls.push(url);
        }
        let objects = (self.back.len() + self.merged.len() + self.own.len()) as u64;
        Ok(UndoPlan { of: self.of, objects, cells, urls, blockers: self.blockers })
    }

    /// Where the objects would stand whose place the undo changes.
    fn places(&self) -> HashMap<Oid, Option<&Place>> {
        let back =
            self.back.iter().filter(|back| back.moves()).map(|back| (back.oid, back.place_after.as_ref()));
        let merged = self.merged.iter().flat_map(|change| {
            change.cells.iter().filter(|(key, _)| *key == CellKey::Place).map(|(_, content)| {
                let place = match content {
                    Some(Content::Place(place)) => Some(place),
                    _ => None,
                };
                (change.oid, place)
            })
        });
        let own = self.own.iter().map(|back| (back.oid, back.then.as_ref().and_then(Object::place)));
        back.chain(merged).chain(own).collect()
    }
}

fn push_cell(
    cells: &mut Vec<CellDelta>,
    url: &UrlDelta,
    oid: Oid,
    key: &CellKey,
    before: Option<&Content>,
    after: Option<&Content>,
) {
    if cells.len() < PREVIEW_MAX {
        let path = url.before.clone().or_else(|| url.after.clone());
        cells.push(CellDelta {
            oid,
            path,
            cell: key.clone(),
            before: before.cloned(),
            after: after.cloned(),
        });
    }
}

fn live_path(snapshot: &Snapshot, oid: Oid) -> Result<Option<ObjectPath>, ReadError> {
    bough_core::snapshot::path_of(snapshot, oid)
}

/// The path of a live object, or the last one of a deleted one as far as its containers tell.
fn last_path(snapshot: &Snapshot, oid: Oid) -> Result<Option<ObjectPath>, ReadError> {
    Ok(match chain(snapshot, oid)? {
        Chain::Live(chain) => Some(chain_path(&chain)),
        _ => former_place(snapshot, oid)?,
    })
}

/// The path that a deleted object had, by its last place and where that container is now.
fn former_place(snapshot: &Snapshot, oid: Oid) -> Result<Option<ObjectPath>, ReadError> {
    let engine = snapshot.engine();
    let error = |error: StoreError| read_error(format!("the history of {oid}"))(error);
    for tid in engine.revisions(snapshot.line(), oid, None, 20).map_err(error)? {
        let was = engine.object(snapshot.line(), oid, tid).map_err(error)?;
        if let Some(place) = was.as_ref().and_then(|object| object.place())
            && let Some(above) = live_path(snapshot, place.parent)?
        {
            return Ok(Some(above.join(&place.name)));
        }
    }
    Ok(None)
}

fn path_in_plan(
    snapshot: &Snapshot,
    places: &HashMap<Oid, Option<&Place>>,
    oid: Oid,
) -> Result<Option<ObjectPath>, UndoError> {
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    let mut at = oid;
    while at != Oid::ROOT {
        if !seen.insert(at) {
            return Ok(None);
        }
        let place = match places.get(&at) {
            Some(place) => place.cloned(),
            None => bough_core::Snapshot::object(snapshot, at)?.and_then(|object| object.place().cloned()),
        };
        let Some(place) = place else { return Ok(None) };
        names.push(place.name.clone());
        at = place.parent;
    }
    names.reverse();
    Ok(Some(ObjectPath::from(names)))
}

impl Engine {
    /// Whether any object ever referred to another.
    fn has_references(&self) -> Result<bool, StoreError> {
        let (from, below) = keys::all_references();
        Ok(self.index.first(&from, &below)?.is_some())
    }
}
