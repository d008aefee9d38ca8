//! What a version holds of one object, and how that lies over what the parent line has.

use bough_core::object::{Cell, CellChange, Object};
use bough_core::{CellKey, Content, Oid, Tid};

/// With what a cell is compared when it is merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnBase {
    /// What the parent line held at the version's base.
    Line,
    /// What the parent line held at that commit, if that is later than the version's base: it was merged there, or a
    /// merge was taken back there.
    At(Tid),
    /// This: the commit that held it may be packed.
    Kept(Option<Content>),
}

/// One cell of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnCell {
    /// The commit of the version that last wrote it.
    pub(crate) tid: Tid,
    pub(crate) base: OwnBase,
    /// What it holds; none hides what the parent line has.
    pub(crate) content: Option<Content>,
}

/// What a version holds of one object: cells by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Own {
    cells: Vec<(CellKey, OwnCell)>,
}

impl Own {
    pub(crate) fn new(mut cells: Vec<(CellKey, OwnCell)>) -> Self {
        cells.sort_by(|a, b| a.0.cmp(&b.0));
        cells.dedup_by(|later, earlier| later.0 == earlier.0);
        Self { cells }
    }

    pub(crate) fn cells(&self) -> &[(CellKey, OwnCell)] {
        &self.cells
    }

    pub(crate) fn cell(&self, key: &CellKey) -> Option<&OwnCell> {
        let at = self.cells.binary_search_by(|(own, _)| own.cmp(key)).ok()?;
        self.cells.get(at).map(|(_, cell)| cell)
    }

    /// With these changes, written by `tid`; a cell that was there before keeps what it is compared with.
    #[must_use]
    pub(crate) fn with(&self, changes: &[CellChange], tid: Tid) -> Self {
        let mut own = self.clone();
        for (key, content) in changes {
            let base = own.cell(key).map_or(OwnBase::Line, |cell| cell.base.clone());
            own.put(key.clone(), OwnCell { tid, base, content: content.clone() });
        }
        own
    }

    pub(crate) fn put(&mut self, key: CellKey, cell: OwnCell) {
        match self.cells.binary_search_by(|(own, _)| own.cmp(&key)) {
            Ok(at) => self.cells[at].1 = cell,
            Err(at) => self.cells.insert(at, (key, cell)),
        }
    }

    /// Lets what was not written yet be written by `tid`.
    pub(crate) fn written_by(&mut self, tid: Tid) {
        for (_, cell) in &mut self.cells {
            cell.tid = cell.tid.min(tid);
        }
    }

    /// Without that cell: as the parent line has it.
    pub(crate) fn drop_cell(&mut self, key: &CellKey) {
        self.cells.retain(|(own, _)| own != key);
    }

    /// The object as the version shows it, over what lies below it; `revision` is the commit that wrote these cells.
    /// It counts also where it left no cells: the object is then not what it was before at what lies below.
    pub(crate) fn over(&self, oid: Oid, below: Option<&Object>, revision: Tid) -> Option<Object> {
        let below_cells = below.map_or(&[][..], Object::cells);
        let mut cells: Vec<(CellKey, Cell)> =
            below_cells.iter().filter(|(key, _)| self.cell(key).is_none()).cloned().collect();
        for (key, cell) in &self.cells {
            if let Some(content) = &cell.content {
                cells.push((key.clone(), Cell { tid: cell.tid, content: content.clone() }));
            }
        }
        let is_there = below.is_some() || !cells.is_empty();
        let revision = below.map_or(revision, |below| below.revision().max(revision));
        is_there.then(|| Object::new(oid, revision, cells))
    }
}
