//! How a page is answered: rendered, or, where something went wrong, with what went wrong in the same frame.

use askama::Template;
use axum::http::StatusCode;
use bough_web::pages::{PageAnswer, PageError, PagePlace, PageRequest};

use crate::frame::Frame;

/// A page that was found.
pub(crate) fn show(page: &impl Template) -> Result<PageAnswer, PageError> {
    show_as(StatusCode::OK, page)
}

/// A page with a status of its own.
pub(crate) fn show_as(status: StatusCode, page: &impl Template) -> Result<PageAnswer, PageError> {
    let html =
        page.render().map_err(|error| PageError::refused(format!("the page cannot be made: {error}")))?;
    Ok(PageAnswer::Html { status, html })
}

/// Asks whoever sent a form to log in first, and leads back to the page of the form: where the session ended meanwhile.
pub(crate) fn log_in(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let behind: Vec<&str> = request.behind().iter().map(String::as_str).collect();
    let page = match request.place() {
        PagePlace::Object(object) => request.page_url(object.oid(), &behind)?,
        _ => request.top_url(&[]),
    };
    let page = percent_encoding::utf8_percent_encode(&page, percent_encoding::NON_ALPHANUMERIC);
    Ok(PageAnswer::SeeOther(format!("{}/@@login?next={page}", request.prefix())))
}

#[derive(Template)]
#[template(path = "failed.html")]
struct FailedPage {
    frame: Frame,
    heading: &'static str,
    message: String,
    is_missing: bool,
    undo_url: String,
}

/// The page that says what went wrong: in the frame, as far as that can be shown.
pub(crate) fn failed(request: &PageRequest, error: PageError) -> Result<PageAnswer, PageError> {
    if error.is_internal() {
        request.record_failure(&error);
    }
    let object = match request.place() {
        PagePlace::Object(object) | PagePlace::Missing(object) => object,
        _ => request.top(),
    };
    let may_manage = request.actor().is_known() && request.access().may_view(object).unwrap_or(false);
    let status = error.status();
    let heading = match status.as_u16() {
        403 => "This is not for you",
        404 => "Nothing is here",
        409 => "Somebody else was quicker",
        status if status < 500 => "This cannot be done",
        _ => "Something went wrong",
    };
    let frame = match may_manage.then(|| Frame::new(request, object, heading)) {
        Some(Ok(frame)) => frame,
        _ => return Err(error),
    };
    let page = FailedPage {
        frame,
        heading,
        message: error.message(),
        is_missing: status == StatusCode::NOT_FOUND,
        undo_url: request.top_url(&["undo"]),
    };
    show_as(status, &page)
}
