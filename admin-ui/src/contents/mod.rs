//! What is in a container: listed, added to, uploaded to, renamed, put in order, moved, copied, deleted, brought back.
//!
//! The pages are behind `@@manage` of the container. What a person chose there goes from page to page as oids (`of`), so
//! that it stays the same thing whatever others do to its name meanwhile.

mod add;
mod chosen;
mod delete;
mod deleted;
mod list;
mod naming;
mod order;
mod relocate;
mod rename;
mod upload;

use axum::http::StatusCode;
use bough_core::security::permission::LIST;
use bough_core::snapshot::ChildrenPage;
use bough_core::{Name, Object, Oid, Snapshot as _};
use bough_web::pages::{PageAnswer, PageError, PageRequest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// How many objects one request looks at.
const LOOKED_AT_MAX: usize = 20_000;
/// How many children are read at a time where all are wanted.
const BATCH: usize = 1_000;

/// What a step of a path may keep as it is.
const IN_STEP: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `@@manage` itself: what is in a container; what a leaf holds.
pub(crate) fn home(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let object = request.object()?;
    if is_container(request, object)? && request.access().allows(LIST, object)? {
        return list::answer(request);
    }
    let edit = request.page_url(object.oid(), &["edit"])?;
    Ok(PageAnswer::SeeOther(match request.query_text() {
        "" => edit,
        query => format!("{edit}?{query}"),
    }))
}

/// The pages of this family.
pub(crate) fn answer(request: &PageRequest, steps: &[&str]) -> Result<PageAnswer, PageError> {
    let object = request.object()?;
    if !is_container(request, object)? {
        return match steps {
            ["contents"] => home(request),
            _ => Err(PageError::not_found()),
        };
    }
    request.require(object, LIST)?;
    match steps {
        ["contents"] => list::answer(request),
        ["add"] => add::answer(request),
        ["upload"] => upload::answer(request),
        ["rename"] => rename::answer(request),
        ["move"] => relocate::answer(request, relocate::Mode::Move),
        ["copy"] => relocate::answer(request, relocate::Mode::Copy),
        ["paste"] => relocate::paste(request),
        ["delete"] => delete::answer(request),
        ["deleted"] => deleted::answer(request),
        _ => Err(PageError::not_found()),
    }
}

/// Whether there can be something in an object. One whose type nobody knows is what it looks like.
fn is_container(request: &PageRequest, object: &Object) -> Result<bool, PageError> {
    if object.oid() == Oid::ROOT {
        return Ok(true);
    }
    match object.type_name().and_then(|name| request.types().schema(name.as_str())) {
        Some(schema) => Ok(schema.container),
        None => Ok(!request.snapshot().children(object.oid(), &ChildrenPage::first(1))?.is_empty()),
    }
}

/// Whether an object of this type may be put into a container, as far as types say.
fn takes(request: &PageRequest, container: &Object, type_name: &Name) -> bool {
    let schema = container.type_name().and_then(|name| request.types().schema(name.as_str()));
    schema.is_none_or(|schema| schema.takes(type_name))
}

/// What people call a type.
fn type_title(request: &PageRequest, object: &Object) -> String {
    match object.type_name() {
        Some(name) => match request.types().schema(name.as_str()) {
            Some(schema) => schema.title.clone(),
            None => format!("{name} (unknown type)"),
        },
        None => "no type".into(),
    }
}

/// What the URLs of the children of a container begin with.
struct ChildUrls(String);

impl ChildUrls {
    fn of(request: &PageRequest, container: Oid) -> Result<Self, PageError> {
        let url = request.page_url(container, &[])?;
        Ok(Self(url.strip_suffix(&format!("@@{}", crate::VIEW)).unwrap_or(&url).to_owned()))
    }

    /// The management page of a child.
    fn page(&self, name: &str) -> String {
        format!("{}{}/@@{}", self.0, utf8_percent_encode(name, IN_STEP), crate::VIEW)
    }
}

/// A value as it stands in a query.
fn in_query(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, IN_STEP)
}

/// The path of a child, for sentences.
fn child_path(container: &str, name: &Name) -> String {
    format!("{}/{name}", container.trim_end_matches('/'))
}

/// Why a form was not carried out, for the page that shows it again; what no form can help is passed on.
fn refusal(error: PageError) -> Result<(StatusCode, String), PageError> {
    if error.is_internal() || error.is_log_in() {
        return Err(error);
    }
    let message = error.message();
    Ok((error.status(), format!("{}.", message.trim_end_matches('.'))))
}

/// Names in a sentence: the first few, and how many more.
fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 4;
    let more = names.len().saturating_sub(SHOWN);
    let mut text = names.take(SHOWN).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {} more", crate::text::grouped(more as u64)));
    }
    text
}
