//! What a person chose in a listing.

use std::collections::HashSet;
use std::sync::Arc;

use bough_core::snapshot::is_live;
use bough_core::{Name, Object, Oid, Snapshot as _};
use bough_web::pages::{PageError, PageRequest};

use crate::text;

/// How many objects one form may be about.
pub(super) const CHOSEN_MAX: usize = 500;

/// One object that was chosen.
pub(super) struct Chosen {
    pub(super) oid: Oid,
    pub(super) object: Arc<Object>,
    pub(super) container: Oid,
    pub(super) name: Name,
    pub(super) title: String,
    pub(super) icon: &'static str,
}

/// All of them that are there and may be seen, and how many are not.
#[derive(Default)]
pub(super) struct Choice {
    pub(super) objects: Vec<Chosen>,
    pub(super) gone: usize,
}

impl Choice {
    /// Those with these oids, in this container if one is named; each once, in their order.
    pub(super) fn of<'a>(
        request: &PageRequest,
        oids: impl Iterator<Item = &'a str>,
        within: Option<Oid>,
    ) -> Result<Self, PageError> {
        let mut choice = Self::default();
        let mut seen = HashSet::new();
        for text in oids {
            let oid: Oid = text.parse().map_err(|_| PageError::refused("what was chosen is no object"))?;
            if !seen.insert(oid) {
                continue;
            }
            if seen.len() > CHOSEN_MAX {
                let sentence = format!("too much was chosen: at most {CHOSEN_MAX} objects at a time");
                return Err(PageError::refused(sentence));
            }
            match found(request, oid, within)? {
                Some(chosen) => choice.objects.push(chosen),
                None => choice.gone += 1,
            }
        }
        Ok(choice)
    }

    /// Those that the query names, in the container that the page is about.
    pub(super) fn asked(request: &PageRequest) -> Result<Self, PageError> {
        let oids = request.query_all("of").iter().map(String::as_str);
        Self::of(request, oids, Some(request.object()?.oid()))
    }

    /// Their names, for sentences.
    pub(super) fn names(&self) -> String {
        super::listed(self.objects.iter().map(|chosen| chosen.name.as_str()))
    }

    /// What to say of those that are not there.
    pub(super) fn gone_text(&self) -> Option<String> {
        let objects = text::counted(self.gone as u64, "object", "objects");
        let are = if self.gone == 1 { "is" } else { "are" };
        (self.gone > 0).then(|| format!("{objects} that you chose {are} not here (any more), and left out."))
    }
}

fn found(request: &PageRequest, oid: Oid, within: Option<Oid>) -> Result<Option<Chosen>, PageError> {
    let snapshot = request.snapshot();
    let Some(object) = snapshot.object(oid)? else { return Ok(None) };
    let Some(place) = object.place() else { return Ok(None) };
    if within.is_some_and(|within| place.parent != within)
        || !is_live(snapshot, oid)?
        || request.path_in(snapshot, oid)?.is_none()
        || !request.access().may_view(&object)?
    {
        return Ok(None);
    }
    Ok(Some(Chosen {
        oid,
        container: place.parent,
        name: place.name.clone(),
        title: text::title(snapshot, &object),
        icon: text::icon(object.type_name().map(|name| name.as_str())),
        object,
    }))
}
