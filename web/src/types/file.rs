//! File and image: bytes of a media type, as they are.

use axum::http::HeaderValue;
use bough_core::snapshot::attribute;
use bough_core::{Object, Value};
use bytes::Bytes;

use crate::conditional::{Etag, Validators};
use crate::content::headers::Guard;
use crate::error::PublishError;
use crate::publisher::deliver::{Document, Payload};
use crate::publisher::visit::Visit;

/// The file as it is sent.
pub(crate) fn show(visit: &Visit, object: &Object) -> Result<Document, PublishError> {
    let data = attribute(&visit.snapshot, object, "data")?;
    let name = object.place().map_or("", |place| place.name.as_str());
    let media_type = media_type(object.text("content_type"), name, "application/octet-stream");
    let guard = Guard::of_file(&media_type, || visit.allowed(object.oid()))?;
    let payload = match &data {
        Some(value @ (Value::Bytes(_) | Value::Blob(_) | Value::Text(_))) => {
            match visit.snapshot.bytes(value)? {
                bough_store::Body::Bytes(bytes) => Payload::Bytes(bytes),
                bough_store::Body::File(file) => Payload::File(file),
            }
        }
        _ => Payload::Bytes(Bytes::new()),
    };
    let written = object.attribute("data").map_or(object.revision(), |cell| cell.tid);
    let mut identity = match &data {
        Some(Value::Blob(blob)) => blob.digest.0[..16].to_vec(),
        _ => [&object.oid().to_bytes()[..], &written.as_micros().to_be_bytes()].concat(),
    };
    // What a version shows never has a tag of the public line's, whatever it is made of.
    if visit.snapshot.shelf() != 0 {
        identity.extend(visit.snapshot.shelf().to_be_bytes());
    }
    identity.extend(guard.mark().into_iter().flatten());
    let etag = Etag::of_bytes(&identity);
    let modified_secs = Some(written.as_micros() / 1_000_000);
    Ok(Document {
        validators: Some(Validators { etag, modified_secs }),
        is_named_by_its_tag: true,
        guard,
        ..Document::new(media_type, payload)
    })
}

/// The media type that an object says it has, else the one its name stands for, else `other`.
pub(crate) fn media_type(declared: Option<&str>, name: &str, other: &'static str) -> HeaderValue {
    if let Some(declared) = declared
        && declared.contains('/')
        && let Ok(value) = HeaderValue::from_str(declared)
    {
        return value;
    }
    match mime_guess::from_path(name).first_raw() {
        Some("text/html") => HeaderValue::from_static("text/html; charset=utf-8"),
        Some("text/css") => HeaderValue::from_static("text/css; charset=utf-8"),
        Some("text/plain") => HeaderValue::from_static("text/plain; charset=utf-8"),
        Some("application/javascript" | "text/javascript") => {
            HeaderValue::from_static("text/javascript; charset=utf-8")
        }
        Some(text) if text.starts_with("text/") => HeaderValue::from_str(&format!("{text}; charset=utf-8"))
            .unwrap_or(HeaderValue::from_static("text/plain; charset=utf-8")),
        Some(known) => HeaderValue::from_static(known),
        None => HeaderValue::from_static(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_is_what_is_declared_else_what_the_name_stands_for() {
        for (declared, name, expected) in [
            (Some("text/x-own"), "a.html", "text/x-own"),
            (Some("nonsense"), "a.html", "text/html; charset=utf-8"),
            (Some("text/a\r\nX: y"), "a.png", "image/png"),
            (None, "a.css", "text/css; charset=utf-8"),
            (None, "A.CSS", "text/css; charset=utf-8"),
            (None, "a.js", "text/javascript; charset=utf-8"),
            (None, "a.csv", "text/csv; charset=utf-8"),
            (None, "a.svg", "image/svg+xml"),
            (None, "noextension", "x/y"),
        ] {
            assert_eq!(media_type(declared, name, "x/y"), expected, "{name}");
        }
    }
}
