//! Whose history it is: the object at the address, or one that was deleted and is named by its oid.

use std::sync::Arc;

use bough_core::security::permission::HISTORY;
use bough_core::snapshot::{Chain, chain, is_live};
use bough_core::{Object, Oid, Snapshot as _};
use bough_store::Snapshot;
use bough_web::pages::{PageError, PageRequest};

use crate::frame::Frame;
use crate::past::{CommitRow, Rows, before, last_path, snapshot_at, with_query};
use crate::text;

/// How many commits of what was deleted are looked at to find where it stood last.
const COMMITS_MAX: usize = 100;

/// The object whose history is shown.
pub(super) struct Subject {
    pub(super) oid: Oid,
    /// As it is or, deleted, as it was last.
    pub(super) object: Arc<Object>,
    pub(super) title: String,
    pub(super) path: String,
    /// How it went, where it is not there any more.
    pub(super) gone: Option<Gone>,
    base: String,
    oid_text: String,
}

/// What is known of something that is not there any more.
pub(super) struct Gone {
    /// The last state in which it stood.
    pub(super) then: Snapshot,
    /// The commit that took it away.
    pub(super) by: CommitRow,
}

impl Subject {
    /// The object that a request is about.
    ///
    /// # Errors
    /// When it was never there, or its history is not for whoever asks.
    pub(super) fn of(request: &PageRequest) -> Result<Self, PageError> {
        let here = request.object()?;
        let form_oid = if request.is_post() { request.form()?.find("oid") } else { None };
        let oid = match form_oid.or_else(|| request.query("oid")).filter(|text| !text.is_empty()) {
            Some(text) => text.parse().map_err(|_| PageError::not_found())?,
            None => here.oid(),
        };
        let base = request.page_url(here.oid(), &["history"])?;
        if is_live(request.snapshot(), oid)? {
            let object = request.snapshot().object(oid)?.ok_or_else(PageError::not_found)?;
            if !request.access().may_view(&object)? {
                return Err(PageError::not_found());
            }
            request.require(&object, HISTORY)?;
            let base = if oid == here.oid() { base } else { request.page_url(oid, &["history"])? };
            let title = text::title(request.snapshot(), &object);
            let path = request.path_text(oid)?;
            return Ok(Self { oid, object, title, path, gone: None, base, oid_text: String::new() });
        }
        let (then, object, by) = last_standing(request, oid)?.ok_or_else(PageError::not_found)?;
        let access = request.access_to(&then);
        if !access.may_view(&object)? || !access.allows(HISTORY, &object)? {
            return Err(PageError::not_found());
        }
        let title = text::title(&then, &object);
        let path = match request.path_in(&then, oid)? {
            Some(path) => path.to_string(),
            None => last_path(request, request.snapshot(), oid)?.unwrap_or_default(),
        };
        let gone = Some(Gone { then, by });
        Ok(Self { oid, object, title, path, gone, base, oid_text: oid.to_string() })
    }

    /// The address of one of the pages about it.
    pub(super) fn url(&self, step: &str, pairs: &[(&str, &str)]) -> String {
        let url = if step.is_empty() { self.base.clone() } else { format!("{}/{step}", self.base) };
        with_query(&with_query(&url, &[("oid", &self.oid_text)]), pairs)
    }

    /// Its oid for forms; empty where the address says it.
    pub(super) fn oid_field(&self) -> &str {
        &self.oid_text
    }

    /// The frame of a page about it.
    pub(super) fn frame(&self, request: &PageRequest, heading: &str) -> Result<Frame, PageError> {
        let mut frame = Frame::new(request, request.object()?, heading)?;
        if self.gone.is_some() {
            frame.about = format!("{} (deleted)", self.title);
            frame.view_url.clear();
            frame.tabs.clear();
        }
        Ok(frame)
    }
}

/// The last state in which an object stood, how it was then, and the commit that took it away.
fn last_standing(
    request: &PageRequest,
    oid: Oid,
) -> Result<Option<(Snapshot, Arc<Object>, CommitRow)>, PageError> {
    // What went is the object or, deleted with all in it, one of its containers.
    let gone = match chain(request.snapshot(), oid)? {
        Chain::Deleted(chain) => chain.last().map_or(oid, |object| object.oid()),
        Chain::Orphan { missing, .. } => missing,
        _ => oid,
    };
    let rows = Rows::new(request)?;
    for record in request.database().commits_of(gone, None, COMMITS_MAX)? {
        let Ok(then) = snapshot_at(request, before(record.tid)) else { break };
        if is_live(&then, oid)?
            && let Some(object) = then.object(oid)?
        {
            return Ok(Some((then, object, rows.row(&record)?)));
        }
    }
    Ok(None)
}
