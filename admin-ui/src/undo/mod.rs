//! Undo: what was done on the site, and taking any of it back.
//!
//! `@@manage/undo` lists the commits (`list`), `undo/TID` shows one of them whole (`commit`), `undo/preview` says what
//! taking some back would do and what stands against it (`preview`). The button of every message posts to
//! `@@manage/undo`, which takes back at once where nothing stands against it, and shows the preview where something
//! does.

mod commit;
mod list;
mod preview;
mod wanted;

use bough_core::name::PATH_STEPS_MAX;
use bough_core::security::permission::UNDO;
use bough_core::snapshot::{Chain, chain};
use bough_core::{ObjectPath, Oid, Snapshot as _, Tid};
use bough_store::{Kind, UndoError};
use bough_web::auth::local_path;
use bough_web::pages::{PageAnswer, PageError, PageRequest};
use percent_encoding::percent_decode_str;

use self::wanted::Wanted;
use crate::past::may_undo;
use crate::{message, past};

/// How many objects of a commit are read at a time.
const BATCH: usize = 256;

/// `@@manage/undo` and what is behind it.
pub(crate) fn answer(request: &PageRequest, steps: &[&str]) -> Result<PageAnswer, PageError> {
    match steps {
        [] if request.is_post() => take_back(request),
        [] => list::page(request),
        ["preview"] if request.query_all("commit").is_empty() => list::nothing_ticked(request),
        ["preview"] => preview::page(request, &Wanted::of_query(request)?),
        [tid] => commit::page(request, tid.parse().map_err(|_| PageError::not_found())?),
        _ => Err(PageError::not_found()),
    }
}

/// Takes commits back, as a form asks.
fn take_back(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let wanted = Wanted::of_form(request)?;
    require_undo(request, &wanted.of)?;
    let note = request.note(sentence(request, &wanted.of)?, Kind::Edit);
    match request.database().undo(&wanted.of, &wanted.choices, note) {
        Ok(tid) => Ok(message::done(&back_to(request, &wanted)?, tid)),
        Err(UndoError::Blocked { .. }) => preview::blocked(request, &wanted),
        Err(error) => Err(request.told(error)),
    }
}

/// Refuses to take back what happened to objects where whoever asks may not undo.
fn require_undo(request: &PageRequest, of: &[Tid]) -> Result<(), PageError> {
    if request.access().allows_at(UNDO, Oid::ROOT)? {
        return Ok(());
    }
    for &tid in of {
        let mut skip = 0;
        loop {
            request.check_time()?;
            let changes = request.database().changes(tid, skip, BATCH)?;
            for delta in &changes {
                if !may_undo(request, delta)? {
                    return Err(PageError::forbidden(UNDO));
                }
            }
            skip += changes.len();
            if changes.len() < BATCH {
                break;
            }
        }
    }
    Ok(())
}

/// What the new commit is called.
fn sentence(request: &PageRequest, of: &[Tid]) -> Result<String, PageError> {
    let database = request.database();
    let &[only] = of else {
        let mut takes_back = true;
        for tid in of {
            takes_back &= past::takes_back(database, &database.commit_record(*tid)?);
        }
        return Ok(format!("{} {} changes", if takes_back { "Redid" } else { "Undid" }, of.len()));
    };
    let record = database.commit_record(only)?;
    let verb = if past::takes_back(database, &record) { "Redid" } else { "Undid" };
    let original = past::original(database, &record).map_or(record, |(original, _)| original);
    Ok(match original.kind {
        Kind::Undo { of } => format!("{verb} {} changes", of.len()),
        _ => format!("{verb}: {}", original.sentence),
    })
}

/// Where the browser goes then: the page that it came from, about the same object wherever that is now, or about the
/// nearest container that is left of where it was.
fn back_to(request: &PageRequest, wanted: &Wanted) -> Result<String, PageError> {
    let undo_page = || request.page_url(request.object()?.oid(), &["undo"]);
    let Some(back) = wanted.back.as_deref().and_then(local_path) else { return undo_page() };
    let view = format!("/@@{}", crate::VIEW);
    let before = request.top_url(&[]).trim_end_matches(&view).to_owned();
    let Some((place, behind)) = back.split_once(&view) else { return Ok(back.to_owned()) };
    let Some(path) = place.strip_prefix(&before) else { return Ok(back.to_owned()) };
    let Some(way) = walked(request, path)? else { return Ok(back.to_owned()) };
    let now = request.database().snapshot();
    for (nth, oid) in way.iter().rev().enumerate() {
        let Chain::Live(_) = chain(&now, *oid)? else { continue };
        let Some(path) = request.path_in(&now, *oid)? else { continue };
        let place: String =
            path.names().iter().map(|name| format!("/{}", past::encoded(name.as_str()))).collect();
        // Of another object than the page was about, only that it is there is of interest.
        return Ok(if nth == 0 {
            format!("{before}{place}{view}{behind}")
        } else {
            format!("{before}{place}{view}")
        });
    }
    undo_page()
}

/// The objects on a path as it led before; none where it led nowhere.
fn walked(request: &PageRequest, path: &str) -> Result<Option<Vec<Oid>>, PageError> {
    let Ok(path) = percent_decode_str(path.trim_end_matches('/')).decode_utf8() else { return Ok(None) };
    let path = if path.is_empty() { "/" } else { &*path };
    let Ok(path) = ObjectPath::parse(path) else { return Ok(None) };
    let mut way = vec![request.top().oid()];
    for name in path.names().iter().take(PATH_STEPS_MAX) {
        let last = way.last().copied().unwrap_or(Oid::ROOT);
        match request.snapshot().child(last, name.as_str())? {
            Some(child) => way.push(child),
            None => return Ok(None),
        }
    }
    Ok(Some(way))
}
