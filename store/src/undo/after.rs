//! What cells hold after an undo: with that a version compares what it gets back.

use std::cell::OnceCell;
use std::collections::HashMap;

use bough_core::object::CellChange;
use bough_core::{CellKey, Content, Object, Oid};

use super::plan::Plan;
use crate::engine::{Engine, StoreError};
use crate::line::LineId;
use crate::weave::GoBack;

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
    pub(super) fn new(engine: &'p Engine, line: LineId, plan: &'p Plan) -> Self {
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

impl Plan {
    fn becoming(&self) -> HashMap<Oid, Becomes<'_>> {
        let back = self.back.iter().map(|back| (back.oid, Becomes::Back(back)));
        let merged = self.merged.iter().map(|change| (change.oid, Becomes::With(&change.cells)));
        let own = self.own.iter().map(|back| (back.oid, Becomes::Seen(back.then.as_ref())));
        back.chain(merged).chain(own).collect()
    }
}
