//! What is in a container: listed by parts, and added to.

use bough_core::snapshot::{ChildOrder, ChildrenPage};
use bough_core::{Name, OrderKey, Snapshot as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::call::{Answer, Call, counted, parse_name};
use super::content::{self, Incoming};
use super::{dto, object};
use crate::error::PublishError;
use crate::problem::{Code, Problem};
use crate::publisher::form;
use crate::publisher::links::is_container;
use crate::publisher::path::push_step;
use crate::publisher::receive::media_essence;
use crate::types::folder::shows_private;

/// How many children a part of a listing has, if nobody says, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;
/// Most files of one upload.
const FILES_MAX: usize = 500;

/// `GET @@children`.
pub(super) fn children(call: &Call<'_>) -> Result<Answer, PublishError> {
    let by = match call.query("by") {
        None | Some("place") => ChildOrder::Place,
        Some("name") => ChildOrder::Name,
        Some(_) => return Err(Problem::new(Code::Argument, "`by` is `place` or `name`").into()),
    };
    let limit = call.number("limit", LIMIT, LIMIT_MAX)?.max(1);
    let after = call.query("after").map(parse_cursor).transpose()?;
    let page = ChildrenPage { by, after, limit: limit + 1 };
    let mut children = call.snapshot().children(call.object.oid(), &page)?;
    let has_more = children.len() > limit;
    children.truncate(limit);
    let own_url = call.view_url(call.object.oid(), "children")?;
    let next = children.last().filter(|_| has_more).map(|last| {
        let by = if by == ChildOrder::Name { "name" } else { "place" };
        format!("{own_url}?by={by}&limit={limit}&after={}", cursor(&last.order, &last.name))
    });
    let shows_private = shows_private(call.visit, call.object)?;
    let (path, url) = call.path_in(call.snapshot(), call.object.oid())?.ok_or(PublishError::NotFound)?;
    let (path, url) = (path.trim_end_matches('/'), url.trim_end_matches('/'));
    let mut items = Vec::with_capacity(children.len());
    for child in children.iter().filter(|child| shows_private || !child.name.is_private()) {
        let Some(object) = call.snapshot().object(child.oid)? else { continue };
        if !call.visit.access.may_view(&object)? {
            continue;
        }
        let mut url = url.to_owned();
        push_step(&mut url, child.name.as_str());
        if is_container(call.snapshot(), call.types(), &object)? {
            url.push('/');
        }
        items.push(call.entry(&object, format!("{path}/{}", child.name), url)?);
    }
    Answer::ok(&dto::Entries { items, next })
}

fn cursor(order: &OrderKey, name: &Name) -> String {
    format!("{order}~{}", utf8_percent_encode(name.as_str(), NON_ALPHANUMERIC))
}

fn parse_cursor(text: &str) -> Result<(OrderKey, Name), Problem> {
    let wrong = || Problem::new(Code::Argument, "`after` is no place in a listing: take it from `next`");
    let (order, name) = text.split_once('~').ok_or_else(wrong)?;
    let name = Name::new(name).map_err(|_| wrong())?;
    Ok((OrderKey::parse(order).ok_or_else(wrong)?, name))
}

/// `POST`: a child from JSON, or files from a form.
pub(super) fn post(call: &Call<'_>) -> Result<Answer, PublishError> {
    match media_essence(call.headers()).as_str() {
        "multipart/form-data" => upload(call),
        _ => add(call),
    }
}

fn add(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::NewChild = call.json()?;
    let name = parse_name(&wanted.name)?;
    let type_name = object::known_type(call.types(), &wanted.type_name)?;
    let path = call.path_text(call.object.oid())?;
    let sentence = format!("Added {type_name} {}/{name}", path.trim_end_matches('/'));
    let (oid, tid) = call.write(&sentence, |draft| {
        let container = draft.object(call.object.oid())?;
        call.check_preconditions(container.as_deref())?;
        object::add(call, draft, &name, &type_name, &wanted.attributes)
    })?;
    call.wrote(tid, &sentence, oid, true)
}

fn upload(call: &Call<'_>) -> Result<Answer, PublishError> {
    let parts = form::parts(call.headers(), &call.asked.received)?;
    let files: Vec<_> = parts.iter().filter(|part| part.file_name.is_some()).collect();
    if files.is_empty() || files.len() > FILES_MAX {
        let problem = Problem::new(Code::Form, "the form brings no files, or too many");
        return Err(problem.expected(format!("1 to {FILES_MAX}")).found(files.len().to_string()).into());
    }
    if let Some(field) = parts.iter().find(|part| part.file_name.is_none()) {
        let name: String = field.name.chars().take(60).collect();
        return Err(Problem::new(
            Code::Form,
            format!("the field `{name}` is no file, and means nothing here"),
        )
        .into());
    }
    let may_replace = match call.query("replace") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::new(Code::Argument, "`replace` is `true` or `false`").into()),
    };
    let names = files.iter().map(|file| parse_name(file.file_name.as_deref().unwrap_or_default()));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let container = call.object.oid();
    let path = call.path_text(container)?;
    let sentence = match &names[..] {
        [name] => format!("Added {}/{name}", path.trim_end_matches('/')),
        names => format!("Added {} to {path}", counted(names.len() as u64, "file", "files")),
    };
    let (oids, tid) = call.write(&sentence, |draft| {
        call.check_preconditions(draft.object(container)?.as_deref())?;
        let mut oids = Vec::with_capacity(files.len());
        for (file, name) in files.iter().zip(&names) {
            call.check_time()?;
            let mut reader = file.reader(&call.asked.received);
            let media_type = file.media_type.as_deref().unwrap_or_default();
            let incoming = Incoming { media_type, reader: &mut reader };
            let there = if may_replace { draft.child(container, name.as_str())? } else { None };
            let there = there.map(|oid| draft.object(oid)).transpose()?.flatten();
            oids.push(match there {
                Some(object) => {
                    content::replace(call, draft, &object, None, incoming)?;
                    object.oid()
                }
                None => {
                    let as_file = file_type(call, media_type, name)?;
                    content::add(call, draft, container, name, Some(&as_file), incoming)?
                }
            });
        }
        Ok(oids)
    })?;
    if let [oid] = oids[..] {
        return call.wrote(tid, &sentence, oid, true);
    }
    let (written, _) = call.written(tid, sentence, &oids)?;
    Ok(Answer::ok(&written)?.created(None))
}

/// What is uploaded is a file, also where it is a text that a page could hold.
fn file_type(call: &Call<'_>, media_type: &str, name: &Name) -> Result<Name, Problem> {
    object::known_type(call.types(), content::file_type(media_type, name))
}
