//! Whether whoever makes a commit may change what it changes.

use std::sync::Arc;

use bough_core::object::{Large, Object, differing_cells};
use bough_core::security::{Authority, Denial};
use bough_core::snapshot::{Child, ChildrenPage, ReadError, Snapshot};
use bough_core::transaction::ObjectChange;
use bough_core::{Name, Oid, Place, Tid, Value};

use super::edit::{Edit, GoBack};
use super::{Conflict, ConflictReason, Overlay};
use crate::engine::read_error;
use crate::line::LineId;
use crate::note::Note;

impl Overlay<'_> {
    /// What may not be changed, judged by what the overlay holds so far.
    pub(super) fn denied(
        &self,
        edits: &[Edit],
        back: &[GoBack],
        note: &Note,
    ) -> Result<Vec<Conflict>, ReadError> {
        let Some(authority) = &note.authority else { return Ok(Vec::new()) };
        let mut changes = Vec::with_capacity(edits.len() + back.len());
        for edit in edits {
            changes.push(change(edit.after.oid(), edit.before.as_deref(), Some(&edit.after)));
        }
        for go in back {
            let before = self.object(go.oid)?;
            let after = match go.to {
                Some((tid, _)) => self.base_object(tid, go.oid)?,
                None => None,
            };
            changes.push(change(go.oid, before.as_deref(), after.as_deref()));
        }
        self.ask(&**authority, &changes)
    }

    fn ask(&self, authority: &dyn Authority, changes: &[ObjectChange]) -> Result<Vec<Conflict>, ReadError> {
        let head = match self.view.line {
            LineId::TRUNK => None,
            _ => Some(Overlay::new(self.engine, LineId::TRUNK).map_err(read_error("the trunk"))?),
        };
        let head = head.as_ref().map(Before);
        let head = head.as_ref().map(|head| head as &dyn Snapshot);
        let denied = authority.refuses(&Before(self), head, changes)?;
        let conflict = |denial: Denial| Conflict {
            oid: denial.oid,
            reason: ConflictReason::Denied(denial),
            since: None,
        };
        Ok(denied.into_iter().map(conflict).collect())
    }
}

fn change(oid: Oid, before: Option<&Object>, after: Option<&Object>) -> ObjectChange {
    let cells = differing_cells(before, after);
    ObjectChange { oid, cells: cells.into_iter().map(|(key, _, to)| (key.clone(), to.cloned())).collect() }
}

/// The overlay as those who judge see it.
struct Before<'a>(&'a Overlay<'a>);

impl Snapshot for Before<'_> {
    fn tid(&self) -> Tid {
        self.0.view.tid
    }

    fn object(&self, oid: Oid) -> Result<Option<Arc<Object>>, ReadError> {
        self.0.object(oid)
    }

    fn child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        match Name::new(name) {
            Ok(name) => self.0.child(parent, &name),
            Err(_) => Ok(None),
        }
    }

    fn children(&self, parent: Oid, page: &ChildrenPage) -> Result<Vec<Child>, ReadError> {
        let found = self.0.engine.seen_children(&self.0.view, parent, page);
        found.map_err(read_error("the children of a folder"))
    }

    fn former_child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        self.0.engine.seen_former(&self.0.view, parent, name).map_err(read_error("a former child"))
    }

    fn last_place(&self, oid: Oid) -> Result<Option<Place>, ReadError> {
        // What an earlier change set of the batch deleted stands in what was committed.
        match self.0.head_object(oid)?.and_then(|object| object.place().cloned()) {
            Some(place) => Ok(Some(place)),
            None => {
                let found = self.0.engine.last_place(&self.0.view, oid);
                found.map_err(read_error("where something stood last"))
            }
        }
    }

    fn large(&self, large: &Large) -> Result<Value, ReadError> {
        self.0.large(large).map_err(read_error("a large value"))
    }
}
