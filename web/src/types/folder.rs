//! Folder: shows its default document, or lists what is in it.
//!
//! A listing is read by the page with a cursor (the order key and name of the last child), so that a folder of a
//! million children is as quick as one of ten.

use std::sync::Arc;

use bough_core::acquisition;
use bough_core::object::Content;
use bough_core::snapshot::{Child, ChildOrder, ChildrenPage, ReadError, attribute};
use bough_core::traversal::FILES;
use bough_core::{Name, Object, OrderKey, Snapshot, Value};
use minijinja::Value as Shown;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::PublishError;
use crate::publisher::links::is_container;
use crate::publisher::visit::{Asked, Visit};

/// How many children a page of a listing shows.
const PER_PAGE: usize = 100;
/// The attribute that names the default document.
const DEFAULT: &str = "default";
/// What is shown for a folder that does not say.
const DEFAULT_NAMES: [&str; 2] = ["index.html", "index"];

/// The child that is shown at the folder's URL.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn default_document(visit: &Visit, folder: &Object) -> Result<Option<Arc<Object>>, ReadError> {
    let named = folder.text(DEFAULT);
    for name in named.into_iter().chain(DEFAULT_NAMES) {
        let Some(oid) = visit.snapshot.child(folder.oid(), name)? else { continue };
        let Some(child) = visit.snapshot.object(oid)? else { continue };
        if !is_container(&visit.snapshot, visit.types(), &child)? {
            return Ok(Some(child));
        }
    }
    Ok(None)
}

/// The folder that shows this object at its own URL, if one does.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn shown_by(visit: &Visit, object: &Object) -> Result<Option<Arc<Object>>, ReadError> {
    let Some(place) = object.place() else { return Ok(None) };
    if object.oid() == visit.top.oid() {
        return Ok(None);
    }
    let Some(folder) = visit.snapshot.object(place.parent)? else { return Ok(None) };
    let may_be =
        DEFAULT_NAMES.contains(&place.name.as_str()) || folder.text(DEFAULT) == Some(place.name.as_str());
    if !may_be {
        return Ok(None);
    }
    let default = default_document(visit, &folder)?;
    Ok(default.is_some_and(|default| default.oid() == object.oid()).then_some(folder))
}

/// One page of a listing, as templates see it.
pub(crate) struct Listing {
    pub(crate) entries: Shown,
    pub(crate) about: Shown,
}

/// Reads the page that the query asks for.
pub(crate) fn list(visit: &Visit, asked: &Asked, folder: &Object) -> Result<Listing, PublishError> {
    let query = asked.query();
    let last = |key: &str| query.get(key).and_then(|values| values.last()).map(String::as_str);
    let by = match last("by") {
        None | Some("place") => ChildOrder::Place,
        Some("name") => ChildOrder::Name,
        Some(_) => return Err(PublishError::Argument("`by` is `name` or `place`".into())),
    };
    let after = cursor(last("after"), last("order"), by)?;
    let is_first = after.is_none();
    let page = ChildrenPage { by, after, limit: PER_PAGE + 1 };
    let mut children = visit.snapshot.children(folder.oid(), &page)?;
    let has_more = children.len() > PER_PAGE;
    children.truncate(PER_PAGE);

    let own_url = visit.links.url(&visit.snapshot, visit.types(), folder.oid())?.unwrap_or_default();
    let first = if by == ChildOrder::Name { format!("{own_url}?by=name") } else { own_url.clone() };
    let next = children.last().filter(|_| has_more).map(|last| next_url(&own_url, by, last));
    let shows_private = shows_private(visit, folder)?;
    let mut entries = Vec::with_capacity(children.len());
    for child in children.iter().filter(|child| shows_private || !child.name.is_private()) {
        entries.extend(entry(visit, &own_url, child)?);
    }
    let about = Shown::from_pairs([
        ("by", Shown::from(if by == ChildOrder::Name { "name" } else { "place" })),
        ("is_first", Shown::from(is_first)),
        ("first", Shown::from(first)),
        ("next", Shown::from(next)),
    ]);
    Ok(Listing { entries: Shown::from(entries), about })
}

fn cursor(
    name: Option<&str>,
    order: Option<&str>,
    by: ChildOrder,
) -> Result<Option<(OrderKey, Name)>, PublishError> {
    let wrong = || PublishError::Argument("`after` does not name a place in this listing".into());
    let Some(name) = name else { return Ok(None) };
    let name = Name::new(name).map_err(|_| wrong())?;
    match (order, by) {
        (Some(order), _) => Ok(Some((OrderKey::parse(order).ok_or_else(wrong)?, name))),
        (None, ChildOrder::Name) => Ok(Some((OrderKey::default(), name))),
        (None, ChildOrder::Place) => Err(wrong()),
    }
}

fn next_url(own_url: &str, by: ChildOrder, last: &Child) -> String {
    let name = utf8_percent_encode(last.name.as_str(), NON_ALPHANUMERIC);
    match by {
        ChildOrder::Name => format!("{own_url}?by=name&after={name}"),
        ChildOrder::Place => format!("{own_url}?order={}&after={name}", last.order),
    }
}

/// Whether names that begin with `_` have URLs here: only among imported files.
pub(crate) fn shows_private(visit: &Visit, folder: &Object) -> Result<bool, ReadError> {
    let mark = acquisition::acquire(&visit.snapshot, visit.types(), folder.oid(), FILES)?;
    Ok(matches!(
        mark.map(|mark| mark.found),
        Some(acquisition::Found::Attribute { content: Content::Value(Value::Bool(true)), .. })
    ))
}

fn entry(visit: &Visit, own_url: &str, child: &Child) -> Result<Option<Shown>, ReadError> {
    let Some(object) = visit.snapshot.object(child.oid)? else { return Ok(None) };
    if !visit.access.may_view(&object)? {
        return Ok(None);
    }
    let mut url = own_url.trim_end_matches('/').to_owned();
    crate::publisher::path::push_step(&mut url, child.name.as_str());
    if is_container(&visit.snapshot, visit.types(), &object)? {
        url.push('/');
    }
    let title = attribute(&visit.snapshot, &object, "title")?;
    let bytes = match object.value("data") {
        Some(Value::Bytes(bytes)) => Some(bytes.len() as u64),
        Some(Value::Blob(blob)) => Some(blob.bytes),
        _ => None,
    };
    Ok(Some(Shown::from_pairs([
        ("name", Shown::from(child.name.as_str())),
        ("title", Shown::from(title.as_ref().and_then(Value::as_text).unwrap_or_default())),
        ("type", Shown::from(object.type_name().map_or("", |name| name.as_str()))),
        ("size", Shown::from(bytes.map(size_text).unwrap_or_default())),
        ("bytes", Shown::from(bytes)),
        ("url", Shown::from(url)),
    ])))
}

/// A length as people read it, in units of 1024.
fn size_text(bytes: u64) -> String {
    let mut amount = bytes as f64;
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if amount < 1024.0 {
            return if unit == "bytes" { format!("{bytes} bytes") } else { format!("{amount:.1} {unit}") };
        }
        amount /= 1024.0;
    }
    format!("{amount:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_in_the_unit_that_fits() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1536, "1.5 KiB"),
            (5 << 20, "5.0 MiB"),
            (1 << 40, "1.0 TiB"),
        ] {
            assert_eq!(size_text(bytes), text);
        }
    }
}
