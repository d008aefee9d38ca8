//! The history of an object, there or deleted: who did what to it and when, how it was, and how to get that back.
//!
//! `history` lists its commits (`list`), `history/compare` shows two of its revisions beside each other (`compare`),
//! `history/blame` says who wrote what it holds (`blame`), `history/restore` brings a revision back, or some of it
//! (`restore`). What was deleted has no page of its own: it is asked for by `?oid=` (`subject`).

mod blame;
mod compare;
mod list;
mod restore;
mod subject;

use bough_core::Oid;
use bough_core::security::permission::HISTORY;
use bough_core::snapshot::is_live;
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use self::subject::Subject;

/// `@@manage/history` and what is behind it.
pub(crate) fn answer(request: &PageRequest, steps: &[&str]) -> Result<PageAnswer, PageError> {
    let subject = Subject::of(request)?;
    match steps {
        [] => list::page(request, &subject),
        ["compare"] => compare::page(request, &subject),
        ["blame"] => blame::page(request, &subject),
        ["restore"] => restore::answer(request, &subject),
        _ => Err(PageError::not_found()),
    }
}

/// Where the history of an object is; empty where whoever asks may not see it. One that was deleted is asked for by oid.
pub(crate) fn url_of(request: &PageRequest, oid: Oid) -> Result<String, PageError> {
    if is_live(request.snapshot(), oid)? {
        let may_see = request.access().allows_at(HISTORY, oid)?;
        return if may_see { request.page_url(oid, &["history"]) } else { Ok(String::new()) };
    }
    Ok(format!("{}?oid={oid}", request.page_url(request.object()?.oid(), &["history"])?))
}
