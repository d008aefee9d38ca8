//! One object: shown, made or replaced, changed, deleted.

use std::collections::BTreeMap;

use axum::http::HeaderValue;
use bough_core::migration::EDITION;
use bough_core::object_type::TypeRegistry;
use bough_core::{Content, Name, Object, Oid, Snapshot as _, Value};
use bough_store::Draft;
use serde_json::Value as Json;

use super::call::{Answer, Call, parse_name, type_name};
use super::dto;
use super::value::{Reader, Wanted, shown};
use super::{call, content};
use crate::error::PublishError;
use crate::problem::{Code, Problem};
use crate::publisher::deliver::{Document, Payload};
use crate::publisher::links::is_container;
use crate::publisher::receive::media_essence;
use crate::tasks::{TASK, times_problem};

/// What all attributes of an object may take in one answer; those behind that are left out, with a link.
const SHOWN_BYTES_MAX: usize = 8 << 20;

/// `GET`.
pub(super) fn get(call: &Call<'_>) -> Result<Answer, PublishError> {
    let object = call.object;
    let (path, url) = call.path_in(call.snapshot(), object.oid())?.ok_or(PublishError::NotFound)?;
    let is_top = object.oid() == call.visit.top.oid();
    let place = object.place().filter(|_| !is_top);
    let children = is_container(call.snapshot(), call.types(), object)?;
    let dto = dto::Object {
        oid: object.oid().to_string(),
        path,
        url,
        type_name: type_name(object).to_owned(),
        revision: object.revision().to_string(),
        commit: call.snapshot().tid().to_string(),
        name: place.map(|place| place.name.to_string()),
        order: place.map(|place| place.order.to_string()),
        container: place.map(|place| call.link(place.parent)).transpose()?,
        attributes: attributes(call, object)?,
        children: if children { Some(call.view_url(object.oid(), "children")?) } else { None },
    };
    Ok(Answer::ok(&dto)?.tagged(object.revision()))
}

fn attributes(call: &Call<'_>, object: &Object) -> Result<BTreeMap<String, dto::Attribute>, PublishError> {
    let names = call::Places::of(call, call.snapshot());
    let mut bytes = 0;
    let mut all = BTreeMap::new();
    for (name, cell) in object.attributes() {
        if !call.may_read(object, name.as_str())? {
            continue;
        }
        let href = attribute_url(call, object, name)?;
        let attribute = match &cell.content {
            Content::Value(value) => {
                bytes += inline_bytes(value);
                shown(value, &names, Some(&href))
            }
            Content::Large(large) if bytes + large.bytes as usize > SHOWN_BYTES_MAX => {
                dto::Attribute { kind: "kept", value: Json::Null, path: None, href: Some(href) }
            }
            Content::Large(large) => {
                bytes += large.bytes as usize;
                shown(&call.snapshot().large(large)?, &names, Some(&href))
            }
            _ => continue,
        };
        all.insert(name.to_string(), attribute);
    }
    Ok(all)
}

/// About what a value in a record takes; those are short.
fn inline_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len() * 2,
        _ => 64,
    }
}

/// Where the bytes of an attribute are: of a file at its own URL.
fn attribute_url(call: &Call<'_>, object: &Object, name: &Name) -> Result<String, PublishError> {
    if *name == "data" && (object.is_a("file") || object.is_a("image")) {
        return call.url();
    }
    let name = percent_encoding::utf8_percent_encode(name.as_str(), percent_encoding::NON_ALPHANUMERIC);
    Ok(format!("{}?name={name}", call.view_url(object.oid(), "attribute")?))
}

/// `GET @@attribute`: the text or the bytes of one attribute, never as something that a browser runs.
pub(super) fn get_attribute(call: &Call<'_>) -> Result<Answer, PublishError> {
    let missing = || Problem::new(Code::Argument, "`name` is the name of an attribute");
    let name = call.query("name").ok_or_else(missing)?;
    let may_read = call.may_read(call.object, name)?;
    let value = bough_core::snapshot::attribute(call.snapshot(), call.object, name)?.filter(|_| may_read);
    let none = || Problem::new(Code::NotFound, format!("there is no attribute `{name:.60}`"));
    let value = value.ok_or_else(none)?;
    let media_type = match &value {
        Value::Text(_) => HeaderValue::from_static("text/plain; charset=utf-8"),
        Value::Bytes(_) | Value::Blob(_) => HeaderValue::from_static("application/octet-stream"),
        other => {
            let names = call::Places::of(call, call.snapshot());
            return Answer::ok(&shown(other, &names, None));
        }
    };
    let payload = match call.snapshot().bytes(&value)? {
        bough_store::Body::Bytes(bytes) => Payload::Bytes(bytes),
        bough_store::Body::File(file) => Payload::File(file),
    };
    Ok(Answer::Document(Document::new(media_type, payload)))
}

/// `PUT`.
pub(super) fn put(call: &Call<'_>) -> Result<Answer, PublishError> {
    match media_essence(call.headers()).as_str() {
        "application/json" | "application/merge-patch+json" => put_json(call),
        _ => content::put(call),
    }
}

fn put_json(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::PutObject = call.json()?;
    let type_name = known_type(call.types(), &wanted.type_name)?;
    let path = target_path(call)?;
    let sentence = match call.new {
        Some(_) => format!("Added {type_name} {path}"),
        None => format!("Changed {path}"),
    };
    let ((oid, is_new), tid) = call.write(&sentence, |draft| {
        let there = there(call, draft)?;
        call.check_preconditions(there.as_deref())?;
        let Some(object) = there else {
            let name = call.new.ok_or(PublishError::NotFound)?;
            return Ok((add(call, draft, name, &type_name, &wanted.attributes)?, true));
        };
        let oid = object.oid();
        if !object.is_a(type_name.as_str()) {
            draft.set_type(oid, &type_name)?;
        }
        let values = read_all(call, draft, Some(&object), &type_name, &wanted.attributes)?;
        for (name, _) in object.attributes() {
            // What he could not read he did not leave out, nor does he know of editions.
            if *name != EDITION
                && !wanted.attributes.contains_key(name.as_str())
                && call.may_read(&object, name.as_str())?
            {
                draft.set(oid, name, None)?;
            }
        }
        for (name, value) in values {
            if let Wanted::Value(value) = value {
                draft.set(oid, &name, Some(value))?;
            }
        }
        Ok((oid, false))
    })?;
    call.wrote(tid, &sentence, oid, is_new)
}

/// Adds a child of the addressed container.
pub(super) fn add(
    call: &Call<'_>,
    draft: &mut Draft,
    name: &Name,
    type_name: &Name,
    attributes: &BTreeMap<String, Json>,
) -> Result<Oid, PublishError> {
    let values = read_all(call, draft, None, type_name, attributes)?;
    let values = values.into_iter().filter_map(|(name, wanted)| match wanted {
        Wanted::Value(value) => Some((name, value)),
        Wanted::Kept => None,
    });
    Ok(draft.add(call.object.oid(), name, type_name, values.collect::<Vec<_>>())?)
}

/// `PATCH`.
pub(super) fn patch(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::PatchObject = call.json()?;
    let oid = call.object.oid();
    let names: Vec<&str> = wanted.attributes.keys().map(String::as_str).collect();
    let sentence = format!("Set {} of {}", names.join(", "), call.path_text(oid)?);
    let cleared = wanted.attributes.iter().filter(|(_, json)| json.is_null());
    let cleared = cleared.map(|(name, _)| parse_name(name)).collect::<Result<Vec<_>, _>>()?;
    let set: BTreeMap<String, Json> = wanted
        .attributes
        .iter()
        .filter(|(_, json)| !json.is_null())
        .map(|(n, j)| (n.clone(), j.clone()))
        .collect();
    let ((), tid) = call.write(&sentence, |draft| {
        let object = there(call, draft)?.ok_or(PublishError::NotFound)?;
        call.check_preconditions(Some(&object))?;
        let type_name = object.type_name().cloned();
        let type_name = type_name.map_or_else(|| parse_name("unknown"), Ok)?;
        for (name, value) in read_all(call, draft, Some(&object), &type_name, &set)? {
            if let Wanted::Value(value) = value {
                draft.set(oid, &name, Some(value))?;
            }
        }
        cleared.iter().try_for_each(|name| draft.set(oid, name, None))?;
        Ok(())
    })?;
    call.wrote(tid, &sentence, oid, false)
}

/// `DELETE`.
pub(super) fn delete(call: &Call<'_>) -> Result<Answer, PublishError> {
    let oid = call.object.oid();
    if oid == call.visit.top.oid() {
        let detail = "what `/` names cannot be deleted over HTTP";
        return Err(Problem::new(Code::Place, detail).into());
    }
    let sentence = format!("Deleted {}", call.path_text(oid)?);
    let ((), tid) = call.write(&sentence, |draft| {
        let object = there(call, draft)?.ok_or(PublishError::NotFound)?;
        call.check_preconditions(Some(&object))?;
        Ok(draft.delete(oid)?)
    })?;
    let (mut written, _) = call.written(tid, sentence, &[])?;
    if let Some(tid) = tid {
        written.overrun = super::history::overrun(call, tid)?;
    }
    Answer::ok(&written)
}

/// What is addressed, as the draft has it; none where it shall be made.
pub(super) fn there(call: &Call<'_>, draft: &Draft) -> Result<Option<std::sync::Arc<Object>>, PublishError> {
    let oid = match call.new {
        None => Some(call.object.oid()),
        // Somebody may have been quicker.
        Some(name) => draft.child(call.object.oid(), name.as_str())?,
    };
    let Some(oid) = oid else { return Ok(None) };
    if !bough_core::snapshot::is_live(&**draft, oid)? {
        return Ok(None);
    }
    Ok(draft.object(oid)?)
}

/// The path of what is addressed, also where nothing is yet.
pub(super) fn target_path(call: &Call<'_>) -> Result<String, PublishError> {
    let path = call.path_text(call.object.oid())?;
    Ok(match call.new {
        Some(name) => format!("{}/{name}", path.trim_end_matches('/')),
        None => path,
    })
}

/// The name, if somebody registered a type of it.
pub(super) fn known_type(types: &TypeRegistry, name: &str) -> Result<Name, Problem> {
    if types.get(name).is_some() {
        return parse_name(name);
    }
    let known: Vec<&str> = types.names().map(Name::as_str).collect();
    let found: String = name.chars().take(60).collect();
    Err(Problem::new(Code::UnknownType, "nobody registered a type of that name")
        .expected(known.join(", "))
        .found(found))
}

/// Reads attributes for an object of a type.
fn read_all(
    call: &Call<'_>,
    draft: &Draft,
    object: Option<&Object>,
    type_name: &Name,
    attributes: &BTreeMap<String, Json>,
) -> Result<Vec<(Name, Wanted)>, PublishError> {
    let reader = Reader::new(&**draft, call.visit.top.oid(), object);
    let schema = call.types().schema(type_name.as_str());
    let mut values = Vec::with_capacity(attributes.len());
    for (name, json) in attributes {
        let attribute = parse_name(name)?;
        let declared = schema.and_then(|schema| schema.attribute(name)).map(|spec| spec.kind);
        let refused = |problem: String| {
            let pointer = format!("/attributes/{}", name.replace('~', "~0").replace('/', "~1"));
            Problem::new(Code::Value, format!("cannot set `{name}`: {problem}")).with("pointer", pointer)
        };
        let value = reader.read(json, declared).map_err(refused)?;
        if type_name.as_str() == TASK
            && let Wanted::Value(value) = &value
            && let Some(problem) = times_problem(name, value)
        {
            return Err(refused(problem).into());
        }
        values.push((attribute, value));
    }
    Ok(values)
}
