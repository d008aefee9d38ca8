//! What an undo would do, as people are shown it before.

use std::collections::{HashMap, HashSet};

use bough_core::object::differing_cells;
use bough_core::snapshot::path_of;
use bough_core::{CellKey, Content, Object, ObjectPath, Oid, Place, Tid};

use super::UndoError;
use super::blocker::Blocker;
use super::plan::Plan;
use crate::engine::Engine;
use crate::snapshot::Snapshot;

/// How many cells and URLs a preview names one by one.
pub const PREVIEW_MAX: usize = 1_000;

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
    /// Whose.
    pub oid: Oid,
    /// Now; none where it is not there.
    pub before: Option<ObjectPath>,
    /// Then; none where it would not be there.
    pub after: Option<ObjectPath>,
}

impl Plan {
    pub(super) fn preview(self, engine: &Engine, snapshot: &Snapshot) -> Result<UndoPlan, UndoError> {
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
            let url = UrlDelta {
                oid: back.oid,
                before: path_of(snapshot, back.oid)?,
                after: path_after(back.oid)?,
            };
            for (key, before, after) in differing_cells(now.as_deref(), then.as_deref()) {
                push_cell(&mut cells, &url, back.oid, key, before, after);
            }
            urls.push(url);
        }
        for change in self.merged.iter().take(PREVIEW_MAX - urls.len()) {
            let now = bough_core::Snapshot::object(snapshot, change.oid)?;
            let url = UrlDelta {
                oid: change.oid,
                before: path_of(snapshot, change.oid)?,
                after: path_after(change.oid)?,
            };
            for (key, after) in &change.cells {
                let before = now.as_ref().and_then(|object| object.content(key));
                push_cell(&mut cells, &url, change.oid, key, before, after.as_ref());
            }
            urls.push(url);
        }
        for back in self.own.iter().take(PREVIEW_MAX - urls.len()) {
            let url = UrlDelta {
                oid: back.oid,
                before: path_of(snapshot, back.oid)?,
                after: path_after(back.oid)?,
            };
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
