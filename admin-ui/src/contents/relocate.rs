//! Moving and copying: to a place that is named, or, from the clipboard of the browser, to the page that one is on.

use std::collections::HashSet;
use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use bough_core::snapshot::ChildrenPage;
use bough_core::{Name, Object, Oid, Snapshot as _};
use bough_store::Draft;
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::chosen::{Choice, Chosen};
use super::{BATCH, child_path, is_container, naming, refusal};
use crate::frame::Frame;
use crate::{message, page, text};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Move,
    Copy,
}

struct Item {
    oid: String,
    name: String,
    title: String,
    icon: &'static str,
}

#[derive(Template)]
#[template(path = "contents_relocate.html")]
struct RelocatePage {
    frame: Frame,
    url: String,
    back_url: String,
    /// What paths to choose from are written after.
    top_url: String,
    is_copy: bool,
    items: Vec<Item>,
    gone: Option<String>,
    to: String,
    numbers: bool,
    wrong: Option<String>,
    is_taken: bool,
}

/// Why something cannot go there.
struct Wrong {
    status: StatusCode,
    text: String,
    /// Whether numbers behind the names help.
    is_taken: bool,
}

impl Wrong {
    fn new(text: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, text: text.into(), is_taken: false }
    }
}

/// `@@manage/move` and `@@manage/copy`.
pub(super) fn answer(request: &PageRequest, mode: Mode) -> Result<PageAnswer, PageError> {
    let folder = request.object()?;
    if !request.is_post() {
        let to = request.path_text(folder.oid())?;
        return show(request, mode, &Choice::asked(request)?, &to, false, None);
    }
    let form = request.form()?;
    // What was pasted first, and did not fit, comes from elsewhere.
    let choice = Choice::of(request, form.all("of"), None)?;
    let to = form.get("to").trim();
    let numbers = !form.get("numbers").is_empty();
    let destination = match find(request, to) {
        Ok(Some(object)) => object,
        Ok(None) => {
            let wrong = Wrong::new(format!("There is nothing at “{}”.", text::shortened(to, 200)));
            return show(request, mode, &choice, to, numbers, Some(wrong));
        }
        Err(error) => {
            let (status, text) = refusal(error)?;
            return show(request, mode, &choice, to, numbers, Some(Wrong { status, ..Wrong::new(text) }));
        }
    };
    carry_out(request, mode, &choice, &destination, to, numbers)
}

/// `@@manage/paste`: what was cut or copied, as the browser remembers it.
pub(super) fn paste(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let folder = request.object()?;
    if !request.is_post() {
        return Ok(PageAnswer::SeeOther(request.page_url(folder.oid(), &["contents"])?));
    }
    let form = request.form()?;
    let mode = if form.get("mode") == "move" { Mode::Move } else { Mode::Copy };
    let choice = Choice::of(request, form.all("of"), None)?;
    let to = request.path_text(folder.oid())?;
    carry_out(request, mode, &choice, folder, &to, false)
}

fn find(request: &PageRequest, to: &str) -> Result<Option<Arc<Object>>, PageError> {
    request.find(if to.is_empty() { "/" } else { to })
}

fn carry_out(
    request: &PageRequest,
    mode: Mode,
    choice: &Choice,
    destination: &Arc<Object>,
    to: &str,
    numbers: bool,
) -> Result<PageAnswer, PageError> {
    let again = |wrong| show(request, mode, choice, to, numbers, Some(wrong));
    if choice.objects.is_empty() {
        let line = request.version_name().map_or("here".into(), |name| format!("in the version {name}"));
        return again(Wrong::new(format!("What you chose is not there {line}.")));
    }
    if !is_container(request, destination)? {
        let type_title = super::type_title(request, destination);
        return again(Wrong::new(format!("“{to}” is a {type_title}: nothing can be put into it.")));
    }
    let path = request.path_text(destination.oid())?;
    let names = match names(request, mode, choice, destination.oid(), numbers)? {
        Ok(names) => names,
        Err(taken) => {
            let names = super::listed(taken.iter().map(Name::as_str));
            let text = format!("In {path} there is already something called {names}.");
            return again(Wrong { status: StatusCode::CONFLICT, is_taken: true, ..Wrong::new(text) });
        }
    };
    let sentence = sentence(request, mode, choice, &names, &path)?;
    let moved: Vec<(&Chosen, &Name)> = choice.objects.iter().zip(&names).collect();
    let done = request.write(sentence, |draft| {
        for (chosen, name) in &moved {
            match mode {
                Mode::Move => draft.move_to(chosen.oid, destination.oid(), name)?,
                Mode::Copy => {
                    require_all_seen(request, draft, chosen.oid)?;
                    draft.copy(chosen.oid, destination.oid(), name)?;
                }
            }
        }
        Ok(())
    });
    match done {
        Ok(((), tid)) => {
            let url = request.page_url(request.object()?.oid(), &["contents"])?;
            Ok(message::done(&url, tid))
        }
        Err(error) => {
            let (status, text) = refusal(error)?;
            again(Wrong { status, ..Wrong::new(text) })
        }
    }
}

/// Under which name each comes to stand, or those that are taken. Copies always get a name of their own.
fn names(
    request: &PageRequest,
    mode: Mode,
    choice: &Choice,
    destination: Oid,
    numbers: bool,
) -> Result<Result<Vec<Name>, Vec<Name>>, PageError> {
    let (mut names, mut taken): (Vec<Name>, Vec<Name>) = (Vec::new(), Vec::new());
    let mut given: HashSet<Name> = HashSet::new();
    for chosen in &choice.objects {
        if mode == Mode::Move && chosen.container == destination {
            given.insert(chosen.name.clone());
            names.push(chosen.name.clone());
            continue;
        }
        let is_taken = |name: &Name| {
            let there = request.snapshot().child(destination, name.as_str())?;
            Ok::<_, PageError>(given.contains(name) || there.is_some())
        };
        let is_numbered = numbers || mode == Mode::Copy;
        let name = match is_numbered {
            true => naming::free(&chosen.name, is_taken)?,
            false => (!is_taken(&chosen.name)?).then(|| chosen.name.clone()),
        };
        match name {
            Some(name) => {
                given.insert(name.clone());
                names.push(name);
            }
            None => taken.push(chosen.name.clone()),
        }
    }
    Ok(if taken.is_empty() { Ok(names) } else { Err(taken) })
}

fn sentence(
    request: &PageRequest,
    mode: Mode,
    choice: &Choice,
    names: &[Name],
    path: &str,
) -> Result<String, PageError> {
    let done = if mode == Mode::Move { "Moved" } else { "Copied" };
    if let ([chosen], [name]) = (&choice.objects[..], names) {
        let from = request.path_text(chosen.oid)?;
        return Ok(format!("{done} {from} to {}", child_path(path, name)));
    }
    let objects = text::counted(choice.objects.len() as u64, "object", "objects");
    Ok(format!("{done} {objects} to {path}: {}", super::listed(names.iter().map(Name::as_str))))
}

fn show(
    request: &PageRequest,
    mode: Mode,
    choice: &Choice,
    to: &str,
    numbers: bool,
    wrong: Option<Wrong>,
) -> Result<PageAnswer, PageError> {
    let folder = request.object()?;
    let is_copy = mode == Mode::Copy;
    let items = choice.objects.iter().map(|chosen| Item {
        oid: chosen.oid.to_string(),
        name: chosen.name.to_string(),
        title: chosen.title.clone(),
        icon: chosen.icon,
    });
    let is_taken = wrong.as_ref().is_some_and(|wrong| wrong.is_taken);
    let status = wrong.as_ref().map_or(StatusCode::OK, |wrong| wrong.status);
    page::show_as(
        status,
        &RelocatePage {
            frame: Frame::new(request, folder, if is_copy { "Copy" } else { "Move" })?,
            url: request.page_url(folder.oid(), &[if is_copy { "copy" } else { "move" }])?,
            back_url: request.page_url(folder.oid(), &["contents"])?,
            top_url: request.top_url(&[]),
            is_copy,
            items: items.collect(),
            gone: choice.gone_text(),
            to: to.to_owned(),
            numbers: numbers || is_taken,
            wrong: wrong.map(|wrong| wrong.text),
            is_taken,
        },
    )
}

/// Refuses to copy what whoever asks may not see: the copy would be his.
fn require_all_seen(request: &PageRequest, draft: &Draft, top: Oid) -> Result<(), PageError> {
    let mut waiting = vec![top];
    while let Some(oid) = waiting.pop() {
        request.check_time()?;
        let mut page = ChildrenPage::first(BATCH);
        loop {
            let children = draft.children(oid, &page)?;
            for child in &children {
                let Some(object) = draft.object(child.oid)? else { continue };
                if !request.access().may_view(&object)? {
                    return Err(PageError::refused("something in it may not be seen, and so not be copied"));
                }
                waiting.push(child.oid);
            }
            match children.last().filter(|_| children.len() == BATCH) {
                Some(last) => page = page.following(last),
                None => break,
            }
        }
    }
    Ok(())
}
