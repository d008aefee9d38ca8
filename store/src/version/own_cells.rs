//! What a version holds, and what it is compared with: the three sides of a merge.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bough_core::merge::plan::{OwnCell as PlanCell, Plan, Resolutions, Sides, plan};
use bough_core::object::{CellChange, Large};
use bough_core::snapshot::{Child, ChildrenPage, ReadError};
use bough_core::{CellKey, Content, Object, Oid, Place, Tid, Value};

use crate::engine::{Engine, StoreError, read_error};
use crate::line::{LineId, LineState};
use crate::own::{Own, OwnBase, OwnCell};
use crate::snapshot::Snapshot;
use crate::version::VersionError;

/// A version, what it lies on, and the line that it is brought together with.
pub(crate) struct ThreeSides<'a> {
    pub(crate) engine: &'a Arc<Engine>,
    pub(crate) state: Arc<LineState>,
    /// What the version shows where it changed nothing.
    pub(crate) base: Snapshot,
    /// Objects of which some cells are compared with something later than the base.
    compared: HashMap<Oid, Option<Arc<Object>>>,
    /// The line that it is brought together with.
    pub(crate) parent: Snapshot,
    pub(crate) version: Snapshot,
    /// What the version holds, by object.
    pub(crate) own: HashMap<Oid, (Tid, Own)>,
    /// The same in the order of the objects, with what each cell is compared with.
    pub(crate) cells: Vec<PlanCell>,
}

impl<'a> ThreeSides<'a> {
    /// The version at its head, and its parent line as of `to`; none for its head.
    pub(crate) fn new(engine: &'a Arc<Engine>, line: LineId, to: Option<Tid>) -> Result<Self, VersionError> {
        let mut sides = Self::without_own(engine, line, to)?;
        let touched = engine.lines.get(line, &engine.index)?.all_touched();
        touched.into_iter().try_for_each(|oid| sides.read_own(oid).map(drop))?;
        Ok(sides)
    }

    /// The same, before anything that the version holds was read.
    pub(super) fn without_own(
        engine: &'a Arc<Engine>,
        line: LineId,
        to: Option<Tid>,
    ) -> Result<Self, VersionError> {
        let state = engine.epoch(line)?.state;
        let parent = engine.open_parent(&state);
        let version = Snapshot::at_head(engine, line)?;
        let parent = match to {
            None => Snapshot::at_head(engine, parent)?,
            Some(to) => {
                let parent = Snapshot::at(engine, parent, to)?;
                // A base in the future would change under the version.
                engine.check_shown(to)?;
                parent
            }
        };
        let base = Snapshot::at(engine, state.parent, state.base)?;
        Ok(Self {
            engine,
            state,
            base,
            parent,
            version,
            compared: HashMap::new(),
            own: HashMap::new(),
            cells: Vec::new(),
        })
    }

    /// Takes in what the version holds of an object. Whether it holds anything.
    pub(super) fn read_own(&mut self, oid: Oid) -> Result<bool, StoreError> {
        let Some((tid, own)) = self.engine.own(self.version.view(), oid)? else { return Ok(false) };
        let base = self.engine.seen(self.base.view(), oid)?;
        let mut later: Vec<CellChange> = Vec::new();
        for (key, cell) in own.cells() {
            let compared = self.base_of(oid, base.as_deref(), key, cell)?;
            if cell.base != OwnBase::Line {
                later.push((key.clone(), compared.clone()));
            }
            let version = cell.content.clone();
            self.cells.push(PlanCell { oid, key: key.clone(), base: compared, version });
        }
        if !later.is_empty() {
            let was = base.as_deref().cloned().unwrap_or_else(|| Object::new(oid, Tid::ZERO, Vec::new()));
            let object = was.with(&later, self.state.base);
            let is_there = !object.cells().is_empty();
            self.compared.insert(oid, is_there.then(|| Arc::new(object)));
        }
        self.own.insert(oid, (tid, own));
        Ok(true)
    }

    /// With what a cell of the version is compared.
    fn base_of(
        &self,
        oid: Oid,
        base: Option<&Object>,
        key: &CellKey,
        cell: &OwnCell,
    ) -> Result<Option<Content>, StoreError> {
        match &cell.base {
            OwnBase::Kept(content) => Ok(content.clone()),
            OwnBase::At(tid) if *tid > self.state.base => {
                let object = self.engine.object(self.state.parent, oid, *tid)?;
                Ok(object.as_ref().and_then(|object| object.content(key)).cloned())
            }
            OwnBase::At(_) | OwnBase::Line => Ok(base.and_then(|object| object.content(key)).cloned()),
        }
    }

    /// With what a cell that the version goes on holding is to be compared over the parent line as it is here.
    pub(super) fn base_over(&self, oid: Oid, key: &CellKey, cell: &OwnCell) -> Result<OwnBase, StoreError> {
        let base = self.engine.seen(self.base.view(), oid)?;
        let base = self.base_of(oid, base.as_deref(), key, cell)?;
        let parent = self.engine.seen(self.parent.view(), oid)?;
        let is_same = parent.as_ref().and_then(|object| object.content(key)) == base.as_ref();
        Ok(if is_same { OwnBase::Line } else { OwnBase::Kept(base) })
    }

    /// What the version is compared with.
    pub(crate) fn compared_with(&self) -> Compared<'_> {
        Compared { base: &self.base, objects: &self.compared }
    }

    /// What bringing these cells together with the parent line does, and what stands against it.
    pub(crate) fn plan(&self, cells: &[PlanCell], resolutions: &Resolutions) -> Result<Plan, VersionError> {
        let changed = || {
            let found = self.engine.touched_between(self.base.view(), self.parent.view());
            // What is compared with something else than the base may differ from that without any commit since.
            found.map(|found| found.into_iter().chain(self.compared.keys().copied()).collect()).map_err(
                |error| match error {
                    crate::history::HistoryError::Store(error) => {
                        read_error("what the parent line changed")(error)
                    }
                    other => ReadError::new("what the parent line changed", other),
                },
            )
        };
        self.engine.known.plans.fetch_add(1, Ordering::Relaxed);
        let base = self.compared_with();
        let sides = Sides {
            base: &base,
            parent: &self.parent,
            version: &self.version,
            types: &self.engine.types,
            changed_in_parent: &changed,
        };
        Ok(plan(&sides, cells, resolutions)?)
    }
}

/// What the version is compared with: its base, with what was merged or taken back since as it was then.
pub(crate) struct Compared<'a> {
    base: &'a Snapshot,
    objects: &'a HashMap<Oid, Option<Arc<Object>>>,
}

impl bough_core::Snapshot for Compared<'_> {
    fn tid(&self) -> Tid {
        self.base.tid()
    }

    fn object(&self, oid: Oid) -> Result<Option<Arc<Object>>, ReadError> {
        match self.objects.get(&oid) {
            Some(object) => Ok(object.clone()),
            None => self.base.object(oid),
        }
    }

    fn child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        self.base.child(parent, name)
    }

    fn children(&self, parent: Oid, page: &ChildrenPage) -> Result<Vec<Child>, ReadError> {
        self.base.children(parent, page)
    }

    fn former_child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        self.base.former_child(parent, name)
    }

    fn last_place(&self, oid: Oid) -> Result<Option<Place>, ReadError> {
        self.base.last_place(oid)
    }

    fn large(&self, large: &Large) -> Result<Value, ReadError> {
        self.base.large(large)
    }
}
