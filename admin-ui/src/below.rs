//! Which commits touched an object or anything in it.

use std::collections::HashMap;

use bough_core::Oid;
use bough_core::snapshot::{Chain, chain};
use bough_store::CommitRecord;
use bough_web::pages::{PageError, PageRequest};

/// How many objects of one commit are looked at.
const OBJECTS_OF_ONE_MAX: usize = 500;

/// Finds what touched an object or anything in it.
pub(crate) struct Below {
    top: Oid,
    known: HashMap<Oid, bool>,
    /// How many objects of commits were looked at.
    pub(crate) looked_at: usize,
}

impl Below {
    pub(crate) fn of(top: Oid) -> Self {
        Self { top, known: HashMap::new(), looked_at: 0 }
    }

    /// The object.
    pub(crate) fn top(&self) -> Oid {
        self.top
    }

    /// Whether a commit touched it.
    pub(crate) fn touched_by(
        &mut self,
        request: &PageRequest,
        record: &CommitRecord,
    ) -> Result<bool, PageError> {
        if self.top == Oid::ROOT || self.has(request, record.container)? {
            return Ok(true);
        }
        // What it touched lies in the container: where that is elsewhere, nothing of it is here.
        let (Chain::Live(above) | Chain::Deleted(above)) = chain(request.snapshot(), self.top)? else {
            return Ok(record.container == Oid::ROOT);
        };
        let is_above = above.iter().any(|object| object.oid() == record.container);
        if !is_above && record.container != Oid::ROOT {
            return Ok(false);
        }
        let database = crate::past::database_of(request, record.tid);
        let changes = database.changes(record.tid, 0, OBJECTS_OF_ONE_MAX).unwrap_or_default();
        self.looked_at += changes.len();
        for delta in changes {
            if self.has(request, delta.oid)? {
                return Ok(true);
            }
            for object in [&delta.before, &delta.after].into_iter().flatten() {
                if let Some(place) = object.place()
                    && self.has(request, place.parent)?
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn has(&mut self, request: &PageRequest, oid: Oid) -> Result<bool, PageError> {
        if oid == self.top {
            return Ok(true);
        }
        if let Some(known) = self.known.get(&oid) {
            return Ok(*known);
        }
        let is_below = match chain(request.snapshot(), oid)? {
            Chain::Live(chain) | Chain::Deleted(chain) => chain.iter().any(|object| object.oid() == self.top),
            _ => false,
        };
        self.known.insert(oid, is_below);
        Ok(is_below)
    }
}
