//! Weaving: one change set over what the line has become, checked and turned into the frames of a commit.
//!
//! The committer weaves the change sets that wait, one after the other, over the head and over each other. Each either
//! fits, merged where the head moved under it, or is refused as a whole with everything that stands against it.
//!
//! # Invariants
//! - A refused change set leaves the overlay as it was.
//! - What is woven keeps the tree a tree: each touched object's whole chain reaches the root or a deleted object that
//!   this change set deleted, and names are unique.

mod edit;
mod frames;
mod judge;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bough_core::merge::structure::{Checker, Places, Standing, Violation};
use bough_core::merge::{CellConflict, merge_changes};
use bough_core::object::{CellChange, CellKey, Large, Object};
use bough_core::security::Denial;
use bough_core::snapshot::ReadError;
use bough_core::transaction::{CELLS_MAX, ChangeSet, ObjectChange};
use bough_core::value::Digest;
use bough_core::{Name, Oid, Place, Tid, Value};
use bytes::Bytes;

use crate::cache::Answer;
use crate::draft::Stage;
use crate::engine::{Engine, StoreError, read_error};
use crate::format::body::{ChangeDisk, Head, LineDisk};
use crate::format::own::encode_own;
use crate::format::record::encode_record;
use crate::format::value::decode_value;
use crate::line::{LineId, LineState};
use crate::log::{FrameKind, Location, Log, NewFrame};
use crate::note::Note;
use crate::own::Own;
use crate::view::{Shelf, View};

pub(crate) use edit::GoBack;
use edit::{Edit, Move, Taken};
use frames::FramesBuilder;

/// Why a change set cannot be committed as it is.
#[derive(Clone, Debug)]
pub struct Conflict {
    /// The object that stands in the way or is in question.
    pub oid: Oid,
    /// What stands against the change.
    pub reason: ConflictReason,
    /// The commit that came in between, where one cell tells.
    pub since: Option<Tid>,
}

/// What stands against a change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConflictReason {
    /// A cell was changed meanwhile in a way that does not go together.
    Cell(CellConflict),
    /// The object was deleted meanwhile.
    Deleted,
    /// A cell that had to stay as it was did not.
    Changed(CellKey),
    /// The result would be no tree.
    Structure(Violation),
    /// The object would have too many cells.
    TooManyCells,
    /// Whoever asks for it may not change that.
    Denied(Denial),
}

/// What was denied, where anything was.
pub(crate) fn denials(conflicts: &[Conflict]) -> Option<Vec<Denial>> {
    let denied = conflicts.iter().filter_map(|conflict| match &conflict.reason {
        ConflictReason::Denied(denial) => Some(denial.clone()),
        _ => None,
    });
    let denied: Vec<Denial> = denied.collect();
    (!denied.is_empty()).then_some(denied)
}

impl Conflict {
    pub(crate) fn is_below_deleted(&self) -> bool {
        matches!(&self.reason, ConflictReason::Structure(Violation::BelowDeleted { .. }))
    }
}

/// Where a commit comes from.
pub(crate) struct Origin<'a> {
    /// What it brings, and where merging puts aside what is large.
    pub(crate) stage: &'a mut Stage,
    /// What it says of itself.
    pub(crate) note: &'a Note,
    /// The tid that it gets.
    pub(crate) tid: Tid,
    /// The time at which it is made, in microseconds since 1970.
    pub(crate) now_micros: u64,
    /// What it makes of a version.
    pub(crate) makes: Option<LineDisk>,
    /// Whether it follows the plan of a merge, in which objects may be below deleted ones: as one side left them there.
    pub(crate) is_planned: bool,
    /// Whether whoever makes it is asked what may be changed: not where a version takes in what its parent line has.
    pub(crate) is_judged: bool,
    /// The frames of the same commit on other lines, which go before.
    pub(crate) together_with: Vec<(NewFrame, Head)>,
}

impl<'a> Origin<'a> {
    /// A commit at a moment: its tid, and the time in microseconds since 1970.
    pub(crate) fn new(stage: &'a mut Stage, note: &'a Note, (tid, now_micros): (Tid, u64)) -> Self {
        Self {
            stage,
            note,
            tid,
            now_micros,
            makes: None,
            is_planned: false,
            is_judged: true,
            together_with: Vec::new(),
        }
    }

    /// The same, as the plan of a merge has it.
    pub(crate) fn planned(self) -> Self {
        Self { is_planned: true, ..self }
    }

    /// The same, for what nobody needs a right to change.
    pub(crate) fn unjudged(self) -> Self {
        Self { is_judged: false, ..self }
    }

    /// The same, which makes that of a version.
    pub(crate) fn making(self, makes: LineDisk) -> Self {
        Self { makes: Some(makes), ..self }
    }

    /// The same, together with what it does on another line.
    pub(crate) fn together_with(mut self, woven: Woven) -> Self {
        // Without the last frame of the commit none of these counts.
        self.together_with.extend(woven.frames.into_iter().map(|(mut frame, head)| {
            frame.kind = FrameKind::Part;
            (frame, head)
        }));
        self
    }
}

/// A commit, or nothing to do, or everything that stands against it.
pub(crate) type Weaving = Result<Option<Woven>, Vec<Conflict>>;

/// A commit, ready to be appended.
pub(crate) struct Woven {
    pub(crate) tid: Tid,
    /// The frames with their heads; the last one is the closing frame.
    pub(crate) frames: Vec<(NewFrame, Head)>,
    /// What it wrote, where that is worth keeping in memory: few objects, which will soon be read or written again.
    pub(crate) written: Vec<Arc<Object>>,
    /// Whether it may change who may do what at objects that were there before.
    pub(crate) changes_rights: bool,
}

/// How many objects a commit may write that are kept in memory afterwards. More would push out what is read more often.
const WRITTEN_KEPT_MAX: usize = 64;

/// What one object is in the overlay.
#[derive(Clone)]
enum Over {
    /// As it is, and on a version what that holds of it itself.
    Object(Arc<Object>, Option<Own>),
    Back {
        place: Option<Place>,
        exists: bool,
    },
}

/// The object that a name leads to, if any.
type Named = Option<Oid>;

/// Where a large value is that the index does not know yet.
enum Brought {
    Waiting(Bytes),
    InLog(Location),
}

/// The head of a line with the change sets woven so far.
pub(crate) struct Overlay<'a> {
    engine: &'a Engine,
    /// The head of the line.
    view: View,
    objects: HashMap<Oid, Over>,
    names: HashMap<(Oid, Name), Named>,
    /// Large values that the change sets bring and the index does not know yet.
    brought: HashMap<Digest, Brought>,
    /// What the change set being woven put over: to take it back.
    replaced_names: Vec<((Oid, Name), Option<Named>)>,
    replaced_objects: Vec<(Oid, Option<Over>)>,
}

impl Places for Overlay<'_> {
    fn standing(&self, oid: Oid) -> Result<Standing, ReadError> {
        let standing =
            |place: Option<&Place>| place.map_or(Standing::Deleted, |place| Standing::At(place.clone()));
        Ok(match self.objects.get(&oid) {
            Some(Over::Object(object, _)) => standing(object.place()),
            Some(Over::Back { exists: false, .. }) => Standing::Absent,
            Some(Over::Back { place, .. }) => standing(place.as_ref()),
            None => match self.head_object(oid)? {
                Some(object) => standing(object.place()),
                None => Standing::Absent,
            },
        })
    }
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(engine: &'a Engine, line: LineId) -> Result<Self, StoreError> {
        Ok(Self::over(engine, engine.view(line, engine.head())?))
    }

    fn over(engine: &'a Engine, view: View) -> Self {
        Self {
            engine,
            view,
            objects: HashMap::new(),
            names: HashMap::new(),
            brought: HashMap::new(),
            replaced_names: Vec::new(),
            replaced_objects: Vec::new(),
        }
    }

    /// An overlay for the commit that opens a version, over what that lies on.
    pub(crate) fn opening(engine: &'a Engine, line: LineId, below: &View) -> Self {
        Self::over(engine, below.opened_as(line))
    }

    fn head_object(&self, oid: Oid) -> Result<Option<Arc<Object>>, ReadError> {
        self.engine.seen(&self.view, oid).map_err(read_error(format!("object {oid}")))
    }

    fn object(&self, oid: Oid) -> Result<Option<Arc<Object>>, ReadError> {
        match self.objects.get(&oid) {
            Some(Over::Object(object, _)) => Ok(Some(Arc::clone(object))),
            Some(Over::Back { .. }) => unreachable!("BUG: a change set was woven over an undo in one batch"),
            None => self.head_object(oid),
        }
    }

    fn child(&self, parent: Oid, name: &Name) -> Result<Option<Oid>, ReadError> {
        if let Some(child) = self.names.get(&(parent, name.clone())) {
            return Ok(*child);
        }
        let of = |error| read_error(format!("child `{name}` of {parent}"))(error);
        let child = self.engine.seen_child(&self.view, parent, name.as_str()).map_err(of)?;
        // An update may put elsewhere what its new base has there: no place that it gives up tells of that.
        if let Some(oid) = child
            && self.objects.contains_key(&oid)
            && !matches!(self.standing(oid)?, Standing::At(at) if at.parent == parent && at.name == *name)
        {
            return Ok(None);
        }
        Ok(child)
    }

    fn take_in(&mut self, stage: &Stage) {
        let waiting =
            stage.waiting().iter().map(|(digest, bytes)| (*digest, Brought::Waiting(bytes.clone())));
        let in_log = stage.in_log().iter().map(|(digest, location)| (*digest, Brought::InLog(*location)));
        self.brought.extend(in_log.chain(waiting));
    }

    fn large(&self, large: &Large) -> Result<Value, StoreError> {
        match self.brought.get(&large.digest) {
            Some(Brought::Waiting(bytes)) => Ok(decode_value(bytes)?),
            Some(Brought::InLog(location)) => Ok(decode_value(&self.engine.log.read(*location)?)?),
            None => self.engine.large(large),
        }
    }

    fn put_object(&mut self, oid: Oid, over: Over) {
        let replaced = self.objects.insert(oid, over);
        self.replaced_objects.push((oid, replaced));
    }

    fn put_name(&mut self, place: &Place, child: Option<Oid>) {
        let key = (place.parent, place.name.clone());
        let replaced = self.names.insert(key.clone(), child);
        self.replaced_names.push((key, replaced));
    }

    /// Keeps what was woven since the last call.
    fn settle(&mut self) {
        self.replaced_names.clear();
        self.replaced_objects.clear();
    }

    /// Takes back what was woven since.
    fn roll_back(&mut self) {
        while let Some((key, replaced)) = self.replaced_names.pop() {
            match replaced {
                Some(child) => self.names.insert(key, child),
                None => self.names.remove(&key),
            };
        }
        while let Some((oid, replaced)) = self.replaced_objects.pop() {
            match replaced {
                Some(over) => self.objects.insert(oid, over),
                None => self.objects.remove(&oid),
            };
        }
    }

    /// Weaves a change set in. Nothing to do gives none.
    pub(crate) fn weave(&mut self, changes: &ChangeSet, mut of: Origin<'_>) -> Result<Weaving, StoreError> {
        self.whole_or_not(|overlay| {
            overlay.take_in(of.stage);
            let mut conflicts = overlay.changed_meanwhile(changes)?;
            let edits = overlay.merge(changes.base, &changes.objects, &mut conflicts, &mut of)?;
            if conflicts.is_empty() {
                overlay.tie(changes.base, edits, &[], &mut of)
            } else {
                Ok(Err(conflicts))
            }
        })
    }

    /// Weaves in what undo found. It was planned over this very head, so that nothing can have moved.
    pub(crate) fn weave_back(
        &mut self,
        back: &[GoBack],
        merged: &[ObjectChange],
        mut of: Origin<'_>,
    ) -> Result<Weaving, StoreError> {
        self.whole_or_not(|overlay| {
            let mut conflicts = Vec::new();
            let edits = overlay.merge(overlay.view.tid, merged, &mut conflicts, &mut of)?;
            if conflicts.is_empty() {
                overlay.tie(overlay.view.tid, edits, back, &mut of)
            } else {
                Ok(Err(conflicts))
            }
        })
    }

    /// Weaves the commit that opens a version, which changes no object.
    pub(crate) fn weave_opening(&mut self, mut of: Origin<'_>) -> Result<Woven, StoreError> {
        let woven = self.tie(self.view.tid, Vec::new(), &[], &mut of)?;
        let missing = || StoreError::Missing { what: "what to open".into() };
        woven.ok().flatten().ok_or_else(missing)
    }

    /// Weaves in what a version shall hold of objects, and what it shall be from then on. Planned over this very head.
    pub(crate) fn weave_own(
        &mut self,
        own: Vec<(Oid, Own)>,
        state: Option<LineState>,
        mut of: Origin<'_>,
    ) -> Result<Weaving, StoreError> {
        let before = self.view.clone();
        if let Some(state) = state {
            of.makes = Some(state.to_disk(self.view.line));
            self.view = self.engine.view_as(&before, &state)?;
        }
        let below = self.view.below();
        self.whole_or_not(|overlay| {
            overlay.take_in(of.stage);
            let engine = overlay.engine;
            let mut edits = Vec::with_capacity(own.len());
            for (oid, mut own) in own {
                own.written_by(of.tid);
                let error = |error| read_error(format!("object {oid}"))(error);
                let (replaces, held) = engine.own(&before, oid).map_err(error)?.unzip();
                let place = |own: &Own| own.cell(&CellKey::Place).and_then(|cell| cell.content.clone());
                let own_place = place(&own);
                let takes_name = own_place.is_some() && own_place != held.as_ref().and_then(place);
                let was = engine.seen(&before, oid).map_err(error)?;
                let below = below.as_ref().map(|below| engine.seen(below, oid)).transpose().map_err(error)?;
                let after = own.over(oid, below.flatten().as_deref(), of.tid);
                let after = after.unwrap_or_else(|| Object::new(oid, of.tid, Vec::new()));
                if after.cells().len() > CELLS_MAX {
                    return Ok(Err(vec![Conflict {
                        oid,
                        reason: ConflictReason::TooManyCells,
                        since: None,
                    }]));
                }
                edits.push(Edit {
                    replaces,
                    before: was,
                    after: Arc::new(after),
                    own: Some(own),
                    takes_name,
                });
            }
            overlay.tie(overlay.view.tid, edits, &[], &mut of)
        })
    }

    fn whole_or_not(
        &mut self,
        weave: impl FnOnce(&mut Self) -> Result<Weaving, ReadError>,
    ) -> Result<Weaving, StoreError> {
        let woven = weave(self);
        match &woven {
            Ok(Ok(_)) => self.settle(),
            _ => self.roll_back(),
        }
        Ok(woven?)
    }

    fn merge(
        &self,
        base: Tid,
        changes: &[ObjectChange],
        conflicts: &mut Vec<Conflict>,
        of: &mut Origin<'_>,
    ) -> Result<Vec<Edit>, ReadError> {
        let mut edits = Vec::with_capacity(changes.len());
        let is_rebased = self.is_rebased_since(base)?;
        for change in changes {
            match self.merge_object(base, is_rebased, change, of)? {
                Ok(edit) => edits.extend(edit),
                Err(found) => conflicts.extend(found),
            }
        }
        Ok(edits)
    }

    /// Puts everything into the overlay, checks the tree, and makes the frames.
    fn tie(
        &mut self,
        base: Tid,
        edits: Vec<Edit>,
        back: &[GoBack],
        of: &mut Origin<'_>,
    ) -> Result<Weaving, ReadError> {
        if edits.is_empty() && back.is_empty() && of.makes.is_none() && of.together_with.is_empty() {
            return Ok(Ok(None));
        }
        if of.is_judged {
            let denied = self.denied(&edits, back, of.note)?;
            if !denied.is_empty() {
                return Ok(Err(denied));
            }
        }
        for edit in &edits {
            self.put_object(edit.after.oid(), Over::Object(Arc::clone(&edit.after), edit.own.clone()));
        }
        for go in back {
            // Where the place stays, the head's record tells it.
            if go.to.is_none() || go.as_move().is_some() {
                let over = Over::Back { place: go.place_after.clone(), exists: go.to.is_some() };
                self.put_object(go.oid, over);
            }
        }
        let moves = edits.iter().filter_map(Edit::as_move).chain(back.iter().filter_map(GoBack::as_move));
        let moves: Vec<Move<'_>> = moves.collect();
        let touched = edits.iter().map(|edit| edit.after.oid()).chain(back.iter().map(|go| go.oid));
        let mut conflicts = self.check_structure(&moves, touched)?;
        if of.is_planned {
            conflicts.retain(|conflict| !conflict.is_below_deleted());
        } else if self.view.line != LineId::TRUNK {
            let moved: HashSet<Oid> = moves.iter().map(|change| change.oid).collect();
            conflicts.retain(|conflict| !conflict.is_below_deleted() || moved.contains(&conflict.oid));
        }
        if !conflicts.is_empty() {
            return Ok(Err(conflicts));
        }
        let of_edits = edits.iter().flat_map(|edit| edit.places().into_iter().flatten());
        let of_back = back.iter().flat_map(|go| go.place_before.iter().chain(&go.place_after));
        let container = self.common_container(of_edits.chain(of_back).map(|place| place.parent))?;
        // What merging put aside, too: later change sets of the batch may meet it.
        self.take_in(of.stage);
        let taken = Taken::by(&moves);
        let mut frames = FramesBuilder::new(self.view.line, of.tid, self.engine.log.frame_bytes_max());
        let gives_back = !of.together_with.is_empty();
        frames.frames = std::mem::take(&mut of.together_with);
        if let Some(made) = of.makes.take() {
            frames.body.push_line(made);
        }
        for (digest, bytes) in of.stage.waiting() {
            frames.item(digest, bytes);
        }
        for go in back {
            frames.object(go.facts(&taken), None);
        }
        for edit in &edits {
            let record = match &edit.own {
                None => encode_record(&edit.after),
                Some(own) => encode_own(own),
            };
            let digest = *blake3::hash(&record).as_bytes();
            frames.object(edit.facts(ChangeDisk::Record { digest }, &taken), Some(&record));
        }
        let changes_rights = !back.is_empty()
            || gives_back
            || of.is_planned
            || !of.is_judged
            || edits.iter().any(Edit::changes_rights);
        let objects = (edits.len() + back.len()) as u64;
        let meta = of.note.to_disk(of.now_micros, base, container, objects);
        Ok(Ok(Some(Woven { written: worth_keeping(edits), changes_rights, ..frames.finish(meta) })))
    }

    /// The conflicts of cells that the change set's maker relied on.
    fn changed_meanwhile(&self, changes: &ChangeSet) -> Result<Vec<Conflict>, ReadError> {
        let mut conflicts = Vec::new();
        for (oid, key) in &changes.unchanged {
            let base = self.base_object(changes.base, *oid)?;
            let head = self.object(*oid)?;
            let content =
                |object: &Option<Arc<Object>>| object.as_ref().and_then(|o| o.content(key).cloned());
            if content(&base) != content(&head) {
                let since = head.as_ref().and_then(|object| object.cell(key)).map(|cell| cell.tid);
                conflicts.push(Conflict { oid: *oid, reason: ConflictReason::Changed(key.clone()), since });
            }
        }
        Ok(conflicts)
    }

    fn base_object(&self, base: Tid, oid: Oid) -> Result<Option<Arc<Object>>, ReadError> {
        let found = self.engine.object(self.view.line, oid, base);
        found.map_err(read_error(format!("object {oid} as of {base}")))
    }

    /// Whether the line got another base since: then anything on it may have changed, whoever wrote to it last.
    fn is_rebased_since(&self, base: Tid) -> Result<bool, ReadError> {
        if self.view.line == LineId::TRUNK {
            return Ok(false);
        }
        let before = self.engine.view(self.view.line, base).map_err(read_error("the version as it was"))?;
        Ok(before.shelf() != self.view.shelf())
    }

    /// One object of a change set over the head: what to write, or what stands against it.
    fn merge_object(
        &self,
        base: Tid,
        is_rebased: bool,
        change: &ObjectChange,
        of: &mut Origin<'_>,
    ) -> Result<Result<Option<Edit>, Vec<Conflict>>, ReadError> {
        let (oid, tid) = (change.oid, of.tid);
        let Newest { replaces, object: head, own } = self.newest(oid)?;
        let moved = is_rebased || replaces.is_some_and(|revision| revision > base);
        let merged;
        let cells: &[CellChange] = if moved {
            let before = self.base_object(base, oid)?;
            let was_there = before.as_ref().is_some_and(|object| object.place().is_some());
            let is_there = oid == Oid::ROOT || head.as_ref().is_some_and(|object| object.place().is_some());
            let deletes = change.cells.iter().any(|(key, to)| *key == CellKey::Place && to.is_none());
            // Its making was taken back meanwhile; there is nothing to write to, nor to delete.
            let is_gone = before.is_some() && head.is_none();
            if is_gone && deletes {
                return Ok(Ok(None));
            }
            if is_gone || (was_there && !is_there && !deletes) {
                return Ok(Err(vec![Conflict { oid, reason: ConflictReason::Deleted, since: replaces }]));
            }
            let type_name = head.as_ref().and_then(|object| object.type_name());
            let policy = |key: &CellKey| self.engine.types.merge_policy(type_name, key);
            let fetch = |large: &_| self.large(large).map_err(read_error("a large value"));
            match merge_changes(&policy, before.as_deref(), head.as_deref(), &change.cells, &fetch)? {
                Ok(mut cells) => {
                    for (_, content) in &mut cells {
                        let aside = of.stage.set_content_aside(content);
                        aside.map_err(|error| ReadError::new(format!("what was merged in {oid}"), error))?;
                    }
                    merged = cells;
                    &merged
                }
                Err(conflicts) => {
                    let conflict = |found: CellConflict| {
                        let cell = head.as_ref().and_then(|object| object.cell(&found.cell));
                        Conflict {
                            oid,
                            since: cell.map(|cell| cell.tid),
                            reason: ConflictReason::Cell(found),
                        }
                    };
                    return Ok(Err(conflicts.into_iter().map(conflict).collect()));
                }
            }
        } else {
            &change.cells
        };
        let after = match &head {
            Some(head) => head.with(cells, tid),
            None => Object::new(oid, tid, Vec::new()).with(cells, tid),
        };
        let is_same = head.as_ref().is_some_and(|head| {
            head.cells().len() == after.cells().len() && after.cells().iter().all(|(_, cell)| cell.tid != tid)
        });
        if is_same || (head.is_none() && after.cells().is_empty()) {
            return Ok(Ok(None));
        }
        if after.cells().len() > CELLS_MAX {
            return Ok(Err(vec![Conflict { oid, reason: ConflictReason::TooManyCells, since: None }]));
        }
        let own = (self.view.line != LineId::TRUNK).then(|| {
            let was = |key: &CellKey| head.as_ref().and_then(|object| object.content(key));
            let written = cells.iter().filter(|(key, content)| was(key) != content.as_ref());
            own.unwrap_or_default().with(&written.cloned().collect::<Vec<_>>(), tid)
        });
        Ok(Ok(Some(Edit { replaces, before: head, after: Arc::new(after), own, takes_name: false })))
    }

    /// What there is of an object. One look-up for a new one.
    fn newest(&self, oid: Oid) -> Result<Newest, ReadError> {
        if let Some(over) = self.objects.get(&oid) {
            let own = if let Over::Object(_, own) = over { own.clone() } else { None };
            let object = self.object(oid)?;
            return Ok(Newest { replaces: object.as_ref().map(|object| object.revision()), object, own });
        }
        let of = |error| read_error(format!("object {oid}"))(error);
        if self.view.line != LineId::TRUNK {
            let (replaces, own) = self.engine.own(&self.view, oid).map_err(of)?.unzip();
            return Ok(Newest { replaces, object: self.head_object(oid)?, own });
        }
        if let Answer::Known(Some(object)) = self.engine.cache.object(Shelf::TRUNK, oid, self.view.tid) {
            return Ok(Newest { replaces: Some(object.revision()), object: Some(object), own: None });
        }
        let replaces = match self.engine.revision(LineId::TRUNK, oid, self.view.tid).map_err(of)? {
            None => return Ok(Newest::default()),
            Some(revision) => Some(revision.tid),
        };
        Ok(Newest { replaces, object: self.head_object(oid)?, own: None })
    }

    fn check_structure(
        &mut self,
        moves: &[Move<'_>],
        touched: impl Iterator<Item = Oid>,
    ) -> Result<Vec<Conflict>, ReadError> {
        let mut conflicts = Vec::new();
        // All names that are given up first, so that two objects can exchange theirs. An object that has a place has
        // its name there: that need not be looked up.
        for change in moves {
            if let Some(before) = change.before {
                self.put_name(before, None);
            }
        }
        for change in moves {
            let Some(after) = change.after else { continue };
            match self.child(after.parent, &after.name)? {
                Some(other) if other != change.oid => {
                    let violation = Violation::NameTaken {
                        oid: change.oid,
                        parent: after.parent,
                        name: after.name.clone(),
                        other,
                    };
                    conflicts.push(structural(change.oid, violation));
                }
                _ => self.put_name(after, Some(change.oid)),
            }
        }
        let deleted_here: HashSet<Oid> =
            moves.iter().filter(|change| change.after.is_none()).map(|change| change.oid).collect();
        let mut checker = Checker::default();
        for oid in touched {
            match checker.check(self, oid)? {
                Some(Violation::BelowDeleted { deleted, .. }) if deleted_here.contains(&deleted) => {}
                Some(violation) => conflicts.push(structural(oid, violation)),
                None => {}
            }
        }
        Ok(conflicts)
    }

    /// The nearest container of everything that stands in one of `parents`.
    fn common_container(&self, parents: impl Iterator<Item = Oid>) -> Result<Oid, ReadError> {
        let mut seen = HashSet::new();
        let mut common: Option<Vec<Oid>> = None;
        for parent in parents {
            if !seen.insert(parent) {
                continue;
            }
            let mut chain = vec![parent];
            let mut walked = HashSet::new();
            while let Some(&last) = chain.last()
                && last != Oid::ROOT
                // What is damaged may go round in a circle.
                && walked.insert(last)
                && let Standing::At(place) = self.standing(last)?
            {
                chain.push(place.parent);
            }
            chain.reverse();
            common = Some(match common {
                None => chain,
                Some(common) => {
                    let same = common.iter().zip(&chain).take_while(|(a, b)| a == b).count();
                    common[..same].to_vec()
                }
            });
        }
        Ok(common.and_then(|chain| chain.last().copied()).unwrap_or(Oid::ROOT))
    }
}

fn worth_keeping(edits: Vec<Edit>) -> Vec<Arc<Object>> {
    if edits.len() > WRITTEN_KEPT_MAX {
        return Vec::new();
    }
    let written = edits.into_iter().map(|edit| edit.after);
    // Of what a version made and holds nothing of any more, a reader finds no object, not one without cells.
    written.filter(|object| !object.cells().is_empty()).collect()
}

fn structural(oid: Oid, violation: Violation) -> Conflict {
    Conflict { oid, reason: ConflictReason::Structure(violation), since: None }
}

/// What there is of an object.
#[derive(Default)]
struct Newest {
    /// The commit that wrote its newest record on the line, also one that says "gone".
    replaces: Option<Tid>,
    object: Option<Arc<Object>>,
    /// On a version: what that holds of it itself.
    own: Option<Own>,
}
