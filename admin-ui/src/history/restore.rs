//! Bringing back what was: some or all of what an object held at a revision, or something that was deleted, with all
//! that stood in it.

use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use bough_core::object::differing_cells;
use bough_core::security::Roles;
use bough_core::security::permission::{ADD, EDIT};
use bough_core::snapshot::is_live;
use bough_core::{CellKey, Content, Object, ObjectPath, Oid, Snapshot as _, Tid, Value};
use bough_store::{Draft, Kind, Snapshot};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::subject::{Gone, Subject};
use crate::diff::{CellDiff, Layout, Room, State, Teller, label};
use crate::frame::Frame;
use crate::past::{cell_text, parse_cell, snapshot_at};
use crate::text::{self, Time};
use crate::{message, page};

/// How many objects in something deleted are counted.
const COUNTED_MAX: u64 = 10_000;
/// How many cells a form offers.
const CELLS_MAX: usize = 200;

struct Choice {
    key: String,
    diff: CellDiff,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "history_restore.html")]
struct RestorePage {
    frame: Frame,
    heading: String,
    choices: Vec<Choice>,
    from: String,
    when: Time,
    at_url: Option<String>,
    action: String,
    back_url: String,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "history_bring_back.html")]
struct BringBackPage {
    frame: Frame,
    heading: String,
    path: String,
    /// How many objects come back.
    objects: String,
    when: Time,
    at_url: Option<String>,
    by_url: String,
    from: String,
    oid: String,
    to: String,
    action: String,
    back_url: String,
    error: Option<String>,
}

/// Whether whoever asks may bring back anything of it.
pub(super) fn may_restore(request: &PageRequest, subject: &Subject) -> Result<bool, PageError> {
    let access = request.access();
    match &subject.gone {
        None => {
            let guards = request.types().guards(subject.object.type_name());
            Ok(access.allows(guards.edit, &subject.object)? || access.allows(EDIT, &subject.object)?)
        }
        Some(_) => {
            let parent = subject.object.place().map_or(Oid::ROOT, |place| place.parent);
            let is_there = is_live(request.snapshot(), parent)?;
            Ok(access.allows_at(ADD, if is_there { parent } else { request.top().oid() })?)
        }
    }
}

/// `history/restore`: `from` names the revision, `cell` what of it shall come back.
pub(super) fn answer(request: &PageRequest, subject: &Subject) -> Result<PageAnswer, PageError> {
    if !may_restore(request, subject)? {
        return Err(PageError::forbidden(if subject.gone.is_some() { ADD } else { EDIT }));
    }
    match (&subject.gone, request.is_post()) {
        (None, false) => {
            let cells = request.query_all("cell").iter().filter_map(|text| parse_cell(text)).collect();
            let from = from(request.query("from"))?.ok_or_else(|| PageError::refused("choose a revision"))?;
            page::show(&choose(request, subject, from, cells, None)?)
        }
        (None, true) => restore(request, subject),
        (Some(gone), false) => {
            let then = state(request, gone, request.query("from"))?;
            page::show(&offer(request, subject, gone, &then, &subject.path, None)?)
        }
        (Some(gone), true) => bring_back(request, subject, gone),
    }
}

fn from(text: Option<&str>) -> Result<Option<Tid>, PageError> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) => {
            text.parse().map(Some).map_err(|_| PageError::refused("the revision is not named as one"))
        }
        None => Ok(None),
    }
}

// Something that is there.

/// The form that says what would come back. Without a choice, everything that the object holds; its place and its rights
/// only where they are asked for.
fn choose(
    request: &PageRequest,
    subject: &Subject,
    from: Tid,
    cells: Vec<CellKey>,
    error: Option<String>,
) -> Result<RestorePage, PageError> {
    let then = snapshot_at(request, from)?;
    let was = revision(request, subject, &then)?;
    let now = request.snapshot();
    let teller = Teller {
        request,
        before: State::new(request, now, "Now"),
        after: State::new(request, &then, "As it was"),
        layout: Layout::Sides,
        room: Room::default(),
    };
    let is_usual = |key: &CellKey| matches!(key, CellKey::Attribute(_) | CellKey::Type);
    let mut choices = Vec::new();
    for (key, content, old) in differing_cells(Some(&subject.object), Some(&was)).into_iter().take(CELLS_MAX)
    {
        choices.push(Choice {
            key: cell_text(key),
            diff: teller.cell(&subject.object, (key, content, old))?,
            is_chosen: if cells.is_empty() { is_usual(key) } else { cells.contains(key) },
        });
    }
    if !cells.is_empty() {
        // What was asked for comes first.
        choices.sort_by_key(|choice| !choice.is_chosen);
    }
    let heading = format!("Put back {}?", subject.title);
    Ok(RestorePage {
        frame: subject.frame(request, &heading)?,
        heading,
        choices,
        from: from.to_string(),
        when: Time::of_micros(from.as_micros()),
        at_url: crate::past::at_url(request, &then, subject.oid)?,
        action: subject.url("restore", &[]),
        back_url: subject.url("", &[]),
        error,
    })
}

/// How the object was, as far as whoever asks may know that.
fn revision(request: &PageRequest, subject: &Subject, then: &Snapshot) -> Result<Arc<Object>, PageError> {
    let missing = || PageError::refused("it was not there at that time");
    let was = then.object(subject.oid)?.filter(|was| was.type_name().is_some()).ok_or_else(missing)?;
    let is_there = is_live(then, subject.oid)?;
    if is_there && !request.access_to(then).may_view(&was)? {
        return Err(PageError::not_found());
    }
    Ok(was)
}

fn restore(request: &PageRequest, subject: &Subject) -> Result<PageAnswer, PageError> {
    let form = request.form()?;
    let tid = from(form.find("from"))?.ok_or_else(|| PageError::refused("choose a revision"))?;
    let then = snapshot_at(request, tid)?;
    let was = revision(request, subject, &then)?;
    let keys: Vec<CellKey> = form.all("cell").filter_map(parse_cell).collect();
    if keys.is_empty() {
        let page = choose(request, subject, tid, Vec::new(), Some("Tick what shall come back.".into()))?;
        return page::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let when = Time::of_micros(tid.as_micros()).utc;
    let what = match &keys[..] {
        [only] => format!("{} of {}", label(request, &subject.object, only), subject.path),
        _ => subject.path.clone(),
    };
    let note = request.note(format!("Restored {what} as of {when} UTC"), Kind::Restore { from: tid });
    let written = request.database().write(note, |draft| {
        for key in &keys {
            put_back(draft, &then, &was, key)?;
        }
        Ok::<_, PageError>(())
    });
    match written {
        Ok(((), tid)) => Ok(message::done(&subject.url("", &[]), tid)),
        Err(error) => {
            let error = request.told(error);
            if error.is_internal() || error.is_log_in() {
                return Err(error);
            }
            let page = choose(request, subject, tid, keys, Some(error.message()))?;
            page::show_as(error.status(), &page)
        }
    }
}

/// Writes one cell as it was.
fn put_back(draft: &mut Draft, then: &Snapshot, was: &Object, key: &CellKey) -> Result<(), PageError> {
    let oid = was.oid();
    let content = was.content(key).cloned();
    match (key, content) {
        (CellKey::Attribute(name), content) => {
            let value: Option<Value> = match content {
                Some(Content::Value(value)) => Some(value),
                Some(Content::Large(large)) => Some(then.large(&large)?),
                _ => None,
            };
            draft.set(oid, name, value)?;
        }
        (CellKey::Type, Some(Content::Type(name))) => draft.set_type(oid, &name)?,
        (CellKey::Place, Some(Content::Place(place))) => {
            draft.move_to(oid, place.parent, &place.name)?;
            draft.reorder(oid, place.order)?;
        }
        (CellKey::Owner, content) => {
            let owner = if let Some(Content::Owner(owner)) = content { Some(owner) } else { None };
            draft.set_owner(oid, owner)?;
        }
        (CellKey::ProxyRoles, content) => {
            let roles = if let Some(Content::Roles(roles)) = content { Some(roles) } else { None };
            draft.set_proxy_roles(oid, roles)?;
        }
        (CellKey::Permission(permission), content) => {
            let setting = if let Some(Content::Setting(setting)) = content { Some(setting) } else { None };
            draft.set_permission(oid, permission, setting)?;
        }
        (CellKey::LocalRoles(whose), content) => {
            let roles = if let Some(Content::Roles(roles)) = content { roles } else { Roles::default() };
            draft.set_local_roles(oid, whose.clone(), roles)?;
        }
        _ => {}
    }
    Ok(())
}

// Something that was deleted.

/// The state that it comes back from: the last in which it stood, if no earlier one is asked for.
fn state(request: &PageRequest, gone: &Gone, text: Option<&str>) -> Result<Snapshot, PageError> {
    match from(text)? {
        Some(tid) if tid != gone.then.tid() => snapshot_at(request, tid),
        _ => Ok(gone.then.clone()),
    }
}

fn offer(
    request: &PageRequest,
    subject: &Subject,
    gone: &Gone,
    then: &Snapshot,
    to: &str,
    error: Option<String>,
) -> Result<BringBackPage, PageError> {
    if !is_live(then, subject.oid)? {
        return Err(PageError::refused("it was not there at that time"));
    }
    revision(request, subject, then)?;
    let heading = format!("Put back {}?", subject.title);
    let mut count = 0;
    then.visit_standing(subject.oid, &mut |_, _, _| {
        count += 1;
        Ok::<_, PageError>(count < COUNTED_MAX)
    })?;
    let many = if count >= COUNTED_MAX { "more than " } else { "" };
    Ok(BringBackPage {
        frame: subject.frame(request, &heading)?,
        heading,
        path: request
            .path_in(then, subject.oid)?
            .map_or_else(|| subject.path.clone(), |path| path.to_string()),
        objects: format!("{many}{}", text::counted(count, "object", "objects")),
        when: Time::of_micros(then.tid().as_micros()),
        at_url: crate::past::at_url(request, then, subject.oid)?,
        by_url: gone.by.url.clone(),
        from: then.tid().to_string(),
        oid: subject.oid_field().to_owned(),
        to: to.to_owned(),
        action: subject.url("restore", &[]),
        back_url: subject.url("", &[]),
        error,
    })
}

fn bring_back(request: &PageRequest, subject: &Subject, gone: &Gone) -> Result<PageAnswer, PageError> {
    let form = request.form()?;
    let then = state(request, gone, form.find("from"))?;
    let was = revision(request, subject, &then)?;
    let typed = form.get("to").trim();
    let refused = |status: StatusCode, sentence: String| {
        let page = offer(request, subject, gone, &then, typed, Some(sentence))?;
        page::show_as(status, &page)
    };
    let Some((above, name)) = ObjectPath::parse(typed)
        .ok()
        .and_then(|path| path.split_last().map(|(above, name)| (above, name.clone())))
    else {
        let sentence = "Write the path where it shall be, as in /news/autumn.";
        return refused(StatusCode::UNPROCESSABLE_ENTITY, sentence.into());
    };
    let Some(parent) = request.find(&above.to_string())?.map(|parent| parent.oid()) else {
        return refused(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("There is nothing at {above} to put it in."),
        );
    };
    let as_of = Time::of_micros(then.tid().as_micros()).utc;
    let to = above.join(&name);
    let sentence = match to.to_string() == subject.path {
        true => format!("Restored {to} as of {as_of} UTC"),
        false => format!("Restored {} as of {as_of} UTC to {to}", subject.path),
    };
    let note = request.note(sentence, Kind::Restore { from: then.tid() });
    let written = request.database().write(note, |draft| {
        draft.bring_back(&then, was.oid(), (parent, &name), &mut || request.check_time())
    });
    match written {
        Ok(((), tid)) => {
            let now = request.database().snapshot();
            let url = match request.path_in(&now, was.oid())? {
                Some(path) => {
                    let steps: String = path
                        .names()
                        .iter()
                        .map(|name| format!("/{}", crate::past::encoded(name.as_str())))
                        .collect();
                    let top = request.top_url(&["history"]);
                    let view = format!("/@@{}/history", crate::VIEW);
                    format!("{}{steps}{view}", top.trim_end_matches(&view))
                }
                None => subject.url("", &[]),
            };
            Ok(message::done(&url, tid))
        }
        Err(error) => {
            let error = request.told(error);
            if error.is_internal() || error.is_log_in() {
                return Err(error);
            }
            refused(error.status(), error.message())
        }
    }
}
