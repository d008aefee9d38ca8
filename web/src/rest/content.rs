//! Contents: bytes and texts that become, or come into, objects by their media types.

use std::io::Read;

use bough_core::value::VALUE_BYTES_MAX;
use bough_core::{Name, Object, Oid, Value};
use bough_store::Draft;

use super::call::{Answer, Call, parse_name, type_name};
use super::object::{known_type, target_path, there};
use crate::error::PublishError;
use crate::problem::{Code, Problem};
use crate::types::file;

/// Where objects have their content: in the first of these that the type declares.
const CONTENT: [&str; 3] = ["data", "body", "source"];

/// What comes.
pub(super) struct Incoming<'a> {
    /// As it was sent; empty where none was.
    pub(super) media_type: &'a str,
    pub(super) reader: &'a mut dyn Read,
}

impl Incoming<'_> {
    /// The media type without its parameters, in lower case; empty where it says nothing about what comes.
    fn essence(&self) -> String {
        let essence = self.media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            // What clients say that were not told.
            "application/octet-stream" | "application/x-www-form-urlencoded" => String::new(),
            _ => essence,
        }
    }
}

/// `PUT` of anything but JSON.
pub(super) fn put(call: &Call<'_>) -> Result<Answer, PublishError> {
    let path = target_path(call)?;
    let sentence = format!("{} {path}", if call.new.is_some() { "Added" } else { "Changed" });
    let as_type = call.query("type").map(|name| known_type(call.types(), name)).transpose()?;
    let media_type = call.headers().get(axum::http::header::CONTENT_TYPE);
    let media_type = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let ((oid, is_new), tid) = call.write(&sentence, |draft| {
        let there = there(call, draft)?;
        call.check_preconditions(there.as_deref())?;
        let mut reader = call.asked.received.reader();
        let incoming = Incoming { media_type, reader: &mut reader };
        match (there, call.new) {
            (Some(object), _) => {
                replace(call, draft, &object, as_type.as_ref(), incoming)?;
                Ok((object.oid(), false))
            }
            (None, Some(name)) => {
                Ok((add(call, draft, call.object.oid(), name, as_type.as_ref(), incoming)?, true))
            }
            (None, None) => Err(PublishError::NotFound),
        }
    })?;
    call.wrote(tid, &sentence, oid, is_new)
}

/// Adds an object with what comes: a page for texts that people read, else a file or an image.
pub(super) fn add(
    call: &Call<'_>,
    draft: &mut Draft,
    container: Oid,
    name: &Name,
    as_type: Option<&Name>,
    incoming: Incoming<'_>,
) -> Result<Oid, PublishError> {
    let essence = incoming.essence();
    let type_name = match (as_type, essence.as_str()) {
        (Some(type_name), _) => type_name.clone(),
        (None, "text/html" | "text/markdown") => parse_name("page")?,
        (None, _) => parse_name(file_type(&essence, name))?,
    };
    let mut attributes = Vec::new();
    let (attribute, is_text) = content_of(call, type_name.as_str())?;
    attributes.extend(format(&type_name, &essence)?);
    if !is_text && let Some(declared) = declared(&incoming, &essence, name) {
        attributes.push((parse_name("content_type")?, declared));
    }
    let value = taken(draft, is_text, incoming)?;
    attributes.push((attribute, value));
    Ok(draft.add(container, name, &type_name, attributes)?)
}

/// Puts what comes into an object that is there.
pub(super) fn replace(
    call: &Call<'_>,
    draft: &mut Draft,
    object: &Object,
    as_type: Option<&Name>,
    incoming: Incoming<'_>,
) -> Result<(), PublishError> {
    let essence = incoming.essence();
    let oid = object.oid();
    if let Some(type_name) = as_type.filter(|name| !object.is_a(name.as_str())) {
        draft.set_type(oid, type_name)?;
    }
    let type_name = as_type.map_or_else(|| type_name(object), Name::as_str);
    let (attribute, is_text) = content_of(call, type_name)?;
    if let Some((name, value)) = format(&parse_name(type_name)?, &essence)? {
        draft.set(oid, &name, Some(value))?;
    }
    if let Some(place) = object.place().filter(|_| !is_text && !essence.is_empty()) {
        draft.set(oid, &parse_name("content_type")?, declared(&incoming, &essence, &place.name))?;
    }
    let value = taken(draft, is_text, incoming)?;
    Ok(draft.set(oid, &attribute, Some(value))?)
}

/// The attribute in which objects of a type have their content, and whether that is a text.
fn content_of(call: &Call<'_>, type_name: &str) -> Result<(Name, bool), PublishError> {
    let schema = call.types().schema(type_name);
    let declared = CONTENT.into_iter().find_map(|name| schema.and_then(|schema| schema.attribute(name)));
    match declared {
        Some(spec) => Ok((spec.name.clone(), spec.kind == "text")),
        None if schema.is_none() => Ok((parse_name("data")?, false)),
        None => {
            let detail = format!("a {type_name} has no content: only its attributes can be set");
            Err(Problem::new(Code::MediaType, detail).expected("application/json").into())
        }
    }
}

/// What the media type says of a page.
fn format(type_name: &Name, essence: &str) -> Result<Option<(Name, Value)>, PublishError> {
    let format = match essence {
        "text/html" => "html",
        "text/markdown" => "markdown",
        _ => return Ok(None),
    };
    if *type_name != "page" {
        return Ok(None);
    }
    Ok(Some((parse_name("format")?, Value::text(format))))
}

/// The media type to be kept, where it is not the one that the name stands for.
fn declared(incoming: &Incoming<'_>, essence: &str, name: &Name) -> Option<Value> {
    if essence.is_empty() {
        return None;
    }
    let by_name = file::media_type(None, name.as_str(), "application/octet-stream");
    let by_name = by_name.to_str().unwrap_or_default();
    let same = by_name.split(';').next() == Some(essence);
    (!same).then(|| Value::text(incoming.media_type))
}

/// The built-in type of a file.
pub(super) fn file_type(essence: &str, name: &Name) -> &'static str {
    let by_name = file::media_type(None, name.as_str(), "application/octet-stream");
    let is_image = match essence {
        "" => by_name.to_str().is_ok_and(|name| name.starts_with("image/")),
        essence => essence.starts_with("image/"),
    };
    if is_image { "image" } else { "file" }
}

fn taken(draft: &mut Draft, is_text: bool, incoming: Incoming<'_>) -> Result<Value, PublishError> {
    if !is_text {
        return Ok(draft.blob(incoming.reader)?);
    }
    let essence = incoming.essence();
    if !(essence.is_empty() || essence.starts_with("text/")) {
        let problem = Problem::new(Code::MediaType, "the content of this type is a text");
        return Err(problem.expected("text/*").found(essence).into());
    }
    let mut bytes = Vec::new();
    let read = incoming.reader.take(VALUE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(PublishError::Spool)?;
    if bytes.len() > VALUE_BYTES_MAX {
        return Err(PublishError::Body { bytes: bytes.len() as u64, max: VALUE_BYTES_MAX as u64 });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let problem = Problem::new(Code::Value, "the content of this type is a text");
        problem.expected("UTF-8").found(format!("other bytes from byte {at} on"))
    })?;
    Ok(Value::text(text))
}
