//! Deleted here: what was in a container when it was deleted, with the way back.

use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use bough_core::security::permission::HISTORY;
use bough_core::{CellKey, Content, Name, Object, Oid, Place, Snapshot as _, Tid};
use bough_store::{Kind, Snapshot};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::{LOOKED_AT_MAX, child_path, in_query, is_container, naming, refusal};
use crate::frame::Frame;
use crate::message::Message;
use crate::text::{self, Time};
use crate::{message, page};

/// How many rows a page has.
const ROWS: usize = 100;

struct Row {
    oid: String,
    name: String,
    title: String,
    icon: &'static str,
    type_title: String,
    when: Time,
    who: String,
    is_taken: bool,
    elsewhere_url: String,
}

struct Elsewhere {
    oid: String,
    old: String,
    name: String,
    to: String,
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "contents_deleted.html")]
struct DeletedPage {
    frame: Frame,
    url: String,
    back_url: String,
    top_url: String,
    path: String,
    rows: Vec<Row>,
    notes: Vec<String>,
    previous_url: Option<String>,
    next_url: Option<(String, &'static str)>,
    elsewhere: Option<Elsewhere>,
}

/// One that was deleted, as it was.
struct Gone {
    oid: Oid,
    place: Place,
    was: Object,
    tid: Tid,
}

/// `@@manage/deleted`.
pub(super) fn answer(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let folder = request.object()?;
    request.require(folder, HISTORY)?;
    if request.is_post() {
        return restore(request, folder);
    }
    let elsewhere = match request.query("of").map(str::parse::<Oid>) {
        Some(Ok(oid)) => {
            gone(request, folder.oid(), oid)?.map(|gone| to_fill_in(request, &gone)).transpose()?
        }
        _ => None,
    };
    show(request, StatusCode::OK, None, elsewhere)
}

/// Where something may be restored to: where it was, under a free name.
fn to_fill_in(request: &PageRequest, gone: &Gone) -> Result<Elsewhere, PageError> {
    let free = naming::free(&gone.place.name, |name| {
        Ok::<_, PageError>(request.snapshot().child(gone.place.parent, name.as_str())?.is_some())
    })?;
    Ok(Elsewhere {
        oid: gone.oid.to_string(),
        old: gone.place.name.to_string(),
        name: free.unwrap_or_else(|| gone.place.name.clone()).to_string(),
        to: request.path_text(gone.place.parent)?,
        wrong: None,
    })
}

fn show(
    request: &PageRequest,
    status: StatusCode,
    say: Option<Message>,
    elsewhere: Option<Elsewhere>,
) -> Result<PageAnswer, PageError> {
    let folder = request.object()?;
    let url = request.page_url(folder.oid(), &["deleted"])?;
    let after = request.query("after").and_then(|name| Name::new(name).ok());
    let part = request.snapshot().deleted_children(folder.oid(), after.as_ref(), LOOKED_AT_MAX)?;
    let mut all = Vec::with_capacity(part.found.len().min(ROWS));
    for (nth, (_, oid)) in part.found.iter().enumerate() {
        if nth % 100 == 0 {
            request.check_time()?;
        }
        if let Ok(Some(object)) = request.snapshot().object(*oid) {
            all.push((object.revision(), *oid));
        }
    }
    // The newest first: mostly, that is what is missed.
    all.sort_by(|a, b| b.cmp(a));
    let from: usize = request.query("from").and_then(|from| from.parse().ok()).unwrap_or(0);
    let address = |from: usize, after: Option<&Name>| {
        let mut pairs = Vec::new();
        pairs.extend(after.map(|name| format!("after={}", in_query(name.as_str()))));
        pairs.extend((from > 0).then(|| format!("from={from}")));
        if pairs.is_empty() { url.clone() } else { format!("{url}?{}", pairs.join("&")) }
    };
    let mut rows = Vec::new();
    for (_, oid) in all.iter().skip(from).take(ROWS) {
        let Some(gone) = gone(request, folder.oid(), *oid)? else { continue };
        rows.push(row(request, &gone, &url)?);
    }
    let end = from.saturating_add(ROWS);
    let mut notes = Vec::new();
    if part.after.is_some() {
        let most = text::grouped(LOOKED_AT_MAX as u64);
        notes.push(format!("{most} names that were used in here were looked at, and there are more."));
    }
    let next_url = match &part.after {
        _ if end < all.len() => Some((address(end, after.as_ref()), "Next")),
        Some(last) => Some((address(0, Some(last)), "Continue")),
        None => None,
    };
    let mut frame = Frame::new(request, folder, "Deleted here")?;
    if let Some(message) = say {
        frame = frame.saying(message);
    }
    page::show_as(
        status,
        &DeletedPage {
            frame,
            back_url: request.page_url(folder.oid(), &["contents"])?,
            top_url: request.top_url(&[]),
            path: request.path_text(folder.oid())?,
            rows,
            notes,
            previous_url: (from > 0).then(|| address(from.saturating_sub(ROWS), after.as_ref())),
            next_url,
            elsewhere,
            url,
        },
    )
}

fn row(request: &PageRequest, gone: &Gone, url: &str) -> Result<Row, PageError> {
    let (when, who) = match request.database().commit_record(gone.tid) {
        Ok(record) => (Time::of_micros(record.time_micros), record.principal),
        Err(_) => (Time::of_micros(gone.tid.as_micros()), String::new()),
    };
    let name = &gone.place.name;
    let title = gone.was.text("title").map_or_else(String::new, |title| text::shortened(title, 120));
    Ok(Row {
        oid: gone.oid.to_string(),
        name: name.to_string(),
        title,
        icon: text::icon(gone.was.type_name().map(|name| name.as_str())),
        type_title: super::type_title(request, &gone.was),
        when,
        who,
        is_taken: request.snapshot().child(gone.place.parent, name.as_str())?.is_some(),
        elsewhere_url: format!("{url}?of={}#elsewhere", gone.oid),
    })
}

/// An object that was deleted in a folder, if whoever asks could see it there.
fn gone(request: &PageRequest, folder: Oid, oid: Oid) -> Result<Option<Gone>, PageError> {
    let snapshot = request.snapshot();
    let Some(object) = snapshot.object(oid)?.filter(|object| object.place().is_none()) else {
        return Ok(None);
    };
    let Some(place) = snapshot.last_place(oid)?.filter(|place| place.parent == folder) else {
        return Ok(None);
    };
    let tid = object.revision();
    let Some(then) = state_before(request, tid) else { return Ok(None) };
    let access = request.access_to(&then);
    let seen = match then.object(oid)? {
        Some(was) => access.may_view(&was)? && access.allows(HISTORY, &was)?,
        None => false,
    };
    let was = object.with(&[(CellKey::Place, Some(Content::Place(place.clone())))], tid);
    Ok(seen.then_some(Gone { oid, place, was, tid }))
}

/// The site just before a commit; of a version that was opened later, what it was opened on.
fn state_before(request: &PageRequest, tid: Tid) -> Option<Snapshot> {
    let before = Tid::from_micros(tid.as_micros().saturating_sub(1));
    let here = request.database().snapshot_at(before);
    here.or_else(|_| request.trunk().snapshot_at(before)).ok()
}

fn restore(request: &PageRequest, folder: &Arc<Object>) -> Result<PageAnswer, PageError> {
    let form = request.form()?;
    let url = request.page_url(folder.oid(), &["contents"])?;
    let oid: Oid = form.get("of").parse().map_err(|_| PageError::refused("what was chosen is no object"))?;
    let Some(gone) = gone(request, folder.oid(), oid)? else {
        let say = Message::bad("It is not deleted any more, or was not deleted here.");
        return show(request, StatusCode::CONFLICT, Some(say), None);
    };
    let name = form.find("name").map_or(gone.place.name.as_str(), str::trim);
    let to = form.find("to").map(str::trim);
    let again = |status, wrong: String| {
        let elsewhere = to_fill_in(request, &gone)?;
        let name = if form.find("name").is_some() { name.to_owned() } else { elsewhere.name.clone() };
        let to = to.map_or_else(|| elsewhere.to.clone(), str::to_owned);
        show(request, status, None, Some(Elsewhere { name, to, wrong: Some(wrong), ..elsewhere }))
    };
    let destination = match to {
        None => Some(Arc::clone(folder)),
        Some(to) => match request.find(to) {
            Ok(found) => found,
            Err(error) => {
                let (status, wrong) = refusal(error)?;
                return again(status, wrong);
            }
        },
    };
    let Some(destination) = destination else {
        let wrong = format!("There is nothing at “{}”.", text::shortened(to.unwrap_or_default(), 200));
        return again(StatusCode::UNPROCESSABLE_ENTITY, wrong);
    };
    if !is_container(request, &destination)? {
        let wrong = format!("Nothing can be put into a {}.", super::type_title(request, &destination));
        return again(StatusCode::UNPROCESSABLE_ENTITY, wrong);
    }
    let name = match Name::new(name) {
        Ok(name) => name,
        Err(error) => return again(StatusCode::UNPROCESSABLE_ENTITY, format!("{error}.")),
    };
    let at = child_path(&request.path_text(destination.oid())?, &name);
    if request.snapshot().child(destination.oid(), name.as_str())?.is_some() {
        let wrong =
            format!("There is something at {at} by now: put it back under another name or in another place.");
        return again(StatusCode::CONFLICT, wrong);
    }
    let was_at = child_path(&request.path_text(folder.oid())?, &gone.place.name);
    let sentence = if at == was_at { format!("Restored {at}") } else { format!("Restored {was_at} as {at}") };
    let maker = request.actor().user().map(|user| user.oid);
    let before = Tid::from_micros(gone.tid.as_micros().saturating_sub(1));
    let note = request.note(sentence, Kind::Restore { from: before });
    let done = request.database().write(note, |draft| {
        draft.set_maker(maker);
        draft.restore(&gone.was, destination.oid(), &name)?;
        Ok::<_, PageError>(())
    });
    match done.map_err(|error| request.told(error)) {
        Ok(((), tid)) => Ok(message::done(&url, tid)),
        Err(error) => {
            let (status, wrong) = refusal(error)?;
            again(status, wrong)
        }
    }
}
