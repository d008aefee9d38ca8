//! From a document to a response: validators, ranges, compression, headers.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, LAST_MODIFIED, LINK, LOCATION, RANGE, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use bough_store::BlobFile;
use bytes::Bytes;

use super::compress::{self, Compressed};
use super::visit::{Asked, Visit};
use crate::conditional::{Etag, Part, Validators, accepts_gzip, http_date, is_fresh, part};
use crate::content::headers::Guard;
use crate::error::PublishError;
use crate::stream::Stream;

/// What a client may keep without asking again: nothing that the next commit can change.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The bytes of a document.
pub(crate) enum Payload {
    Bytes(Bytes),
    File(BlobFile),
}

/// A document, before it is known which part of it the client needs.
pub(crate) struct Document {
    pub(crate) status: StatusCode,
    pub(crate) media_type: HeaderValue,
    pub(crate) payload: Payload,
    /// None where two requests for the same state may get different answers.
    pub(crate) validators: Option<Validators>,
    /// Whether the tag alone says what the bytes are, whichever URL they came from.
    pub(crate) is_named_by_its_tag: bool,
    /// What it may do in a browser.
    pub(crate) guard: Guard,
    /// The one URL of what is also shown at others.
    pub(crate) canonical: Option<HeaderValue>,
}

impl Document {
    pub(crate) fn new(media_type: HeaderValue, payload: Payload) -> Self {
        Self {
            status: StatusCode::OK,
            media_type,
            payload,
            validators: None,
            is_named_by_its_tag: false,
            guard: Guard::default(),
            canonical: None,
        }
    }

    pub(crate) fn html(page: String) -> Self {
        Self::new(HeaderValue::from_static("text/html; charset=utf-8"), Payload::Bytes(page.into()))
    }
}

/// A document on its way: the response, or the bytes that are still to be compressed for it.
pub(crate) enum Delivery {
    Ready(Response<Body>),
    /// Too long to be compressed between two other requests.
    ToCompress(Document),
}

/// How much work may be done at once.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Place {
    /// On the thread that serves the other requests, too.
    Async,
    /// On a thread of its own.
    Blocking,
}

/// The response with the document, or with the part of it that the client needs.
pub(crate) fn deliver(
    compressed: &Compressed,
    asked: &Asked,
    visit: &Visit,
    document: Document,
    place: Place,
) -> Result<Delivery, PublishError> {
    let request = asked.headers();
    let is_head = asked.parts.method == Method::HEAD;
    let compressible = compress::is_compressible(&document.media_type);
    let wants_range = request.contains_key(RANGE);
    let wants_gzip = compressible && !wants_range && accepts_gzip(request.get(ACCEPT_ENCODING));

    if document.status == StatusCode::OK
        && let Some(validators) = &document.validators
        && is_fresh(request, validators)
    {
        let sent = if wants_gzip { validators.etag.compressed() } else { validators.etag.clone() };
        let guard = &document.guard;
        return Ok(Delivery::Ready(not_modified(
            visit,
            validators,
            &sent,
            compressible,
            guard,
            document.canonical,
        )));
    }

    let body = match &document.payload {
        Payload::Bytes(bytes) if wants_gzip && compress::is_worthwhile(&document.media_type, bytes.len()) => {
            let tag = document.validators.as_ref().filter(|_| document.is_named_by_its_tag);
            let tag = tag.map(|validators| validators.etag.as_str());
            match tag.and_then(|tag| compressed.get(tag)) {
                Some(bytes) => Some(bytes),
                None if place == Place::Async && bytes.len() > compress::INLINE_BYTES_MAX => {
                    return Ok(Delivery::ToCompress(document));
                }
                None => {
                    let shorter =
                        compress::gzip(bytes).map_err(|error| PublishError::Reply(error.to_string()))?;
                    if let Some(tag) = tag {
                        compressed.keep(tag, shorter.clone());
                    }
                    Some(shorter)
                }
            }
        }
        _ => None,
    };
    let mut headers = HeaderMap::with_capacity(16);
    // What has no validators may differ from one request to the next, also for the same commit.
    let is_fixed = visit.is_fixed && document.validators.is_some() && document.guard.may_be_kept();
    headers.insert(CACHE_CONTROL, if is_fixed { FOR_EVER } else { ASK_AGAIN });
    if compressible {
        headers.insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    }
    if let Some(canonical) = document.canonical {
        headers.insert(LINK, canonical);
    }
    if let Some(validators) = &document.validators {
        match &body {
            Some(_) => insert(&mut headers, ETAG, validators.etag.compressed().to_header()),
            None => insert(&mut headers, ETAG, validators.etag.to_header()),
        }
        insert(&mut headers, LAST_MODIFIED, validators.modified_secs.and_then(http_date));
    }
    let has_range_support = document.is_named_by_its_tag;
    if has_range_support {
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    headers.insert(CONTENT_TYPE, document.media_type);

    let mut status = document.status;
    let (body, bytes) = if let Some(shorter) = body {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let bytes = shorter.len() as u64;
        (Body::from(shorter), bytes)
    } else {
        let whole = match &document.payload {
            Payload::Bytes(bytes) => bytes.len() as u64,
            Payload::File(file) => file.len(),
        };
        let wanted = match &document.validators {
            Some(validators) if wants_range && has_range_support && !is_head => {
                part(request, validators, whole)
            }
            _ => Part::Whole,
        };
        let (first, bytes) = match wanted {
            Part::Whole => (0, whole),
            Part::Range(first, last) => {
                status = StatusCode::PARTIAL_CONTENT;
                let range = format!("bytes {first}-{last}/{whole}");
                insert(&mut headers, CONTENT_RANGE, HeaderValue::from_str(&range).ok());
                (first, last - first + 1)
            }
            Part::Unsatisfiable => return Err(PublishError::Range { bytes: whole }),
        };
        let body = match document.payload {
            _ if is_head => Body::empty(),
            Payload::Bytes(all) if bytes == whole => Body::from(all),
            Payload::Bytes(all) => Body::from(all.slice(first as usize..(first + bytes) as usize)),
            Payload::File(file) => Body::new(Stream::new(file, first, bytes)),
        };
        (body, bytes)
    };
    headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    let mut response = Response::new(if is_head { Body::empty() } else { body });
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.extensions_mut().insert(document.guard);
    Ok(Delivery::Ready(response))
}

fn insert(headers: &mut HeaderMap, name: axum::http::HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(name, value);
    }
}

/// Says whether the client has this state already, before anything is rendered.
pub(crate) fn already_there(
    asked: &Asked,
    visit: &Visit,
    validators: &Validators,
    guard: &Guard,
    canonical: Option<&HeaderValue>,
) -> Option<Response<Body>> {
    is_fresh(asked.headers(), validators).then(|| {
        let gzip = accepts_gzip(asked.headers().get(ACCEPT_ENCODING));
        let sent = if gzip { validators.etag.compressed() } else { validators.etag.clone() };
        not_modified(visit, validators, &sent, true, guard, canonical.cloned())
    })
}

fn not_modified(
    visit: &Visit,
    validators: &Validators,
    etag: &Etag,
    varies: bool,
    guard: &Guard,
    canonical: Option<HeaderValue>,
) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, if visit.is_fixed && guard.may_be_kept() { FOR_EVER } else { ASK_AGAIN });
    insert(headers, ETAG, etag.to_header());
    insert(headers, LAST_MODIFIED, validators.modified_secs.and_then(http_date));
    if varies {
        headers.insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    }
    insert(headers, LINK, canonical);
    response.extensions_mut().insert(guard.clone());
    response
}

/// Leads to another URL of this site, as long as the site stays as it is.
pub(crate) fn redirect(
    status: StatusCode,
    url: &str,
    is_fixed: bool,
) -> Result<Response<Body>, PublishError> {
    let location = HeaderValue::from_str(url).map_err(|error| PublishError::Reply(error.to_string()))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, if is_fixed { FOR_EVER } else { ASK_AGAIN });
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    Ok(response)
}

/// `<URL>; rel="canonical"`.
pub(crate) fn canonical_link(url: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("<{url}>; rel=\"canonical\"")).ok()
}
