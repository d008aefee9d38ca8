//! Preview: the text of a form as visitors would get it, before it is saved.

use std::sync::Arc;

use askama::Template;
use bough_core::{Object, Value};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::form::{Ground, entries};
use super::shape::Shape;
use crate::frame::Frame;
use crate::{assets, page};

/// The page in the frame: it has an origin of its own and may do nothing.
#[derive(Template)]
#[template(path = "edit_preview_frame.html")]
struct Framed<'a> {
    style: String,
    html: Clean<'a>,
}

/// HTML that was sanitised as that of the public page.
struct Clean<'a>(&'a str);

impl std::fmt::Display for Clean<'_> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(self.0)
    }
}

// Sanitised, and shown in a frame without scripts.
impl askama::filters::HtmlSafe for Clean<'_> {}

#[derive(Template)]
#[template(path = "edit_preview.html")]
struct PreviewPage {
    frame: Frame,
    label: String,
    framed: String,
}

/// `POST .../edit/preview`: the text of the field that `preview` names, as JSON for the script of the form, else as a page.
pub(super) fn answer(request: &PageRequest, object: &Arc<Object>) -> Result<PageAnswer, PageError> {
    let form = request.form()?;
    let ground = Ground::of_form(request, form, object)?;
    let all = entries(request, &ground, Some(form), form.get("from"))?.all;
    let wanted = form.get("preview");
    let entry = all.iter().find(|entry| entry.name == *wanted);
    let (entry, format) = match entry.map(|entry| (entry, entry.shape)) {
        Some((entry, Shape::Markup(format))) => (entry, format),
        _ => return Err(PageError::refused("there is no text of that name to preview")),
    };
    let format = all.iter().find(|entry| entry.name == *format);
    let format = format.map_or("", |entry| match entry.typed.text() {
        "" => entry
            .spec
            .as_ref()
            .and_then(|spec| spec.default.as_ref())
            .and_then(Value::as_text)
            .unwrap_or_default(),
        typed => typed,
    });
    let html = request.markup(object.oid(), entry.typed.text(), format == "markdown")?;
    let style = format!("{}preview.css", assets::folder(request));
    let framed = Framed { style, html: Clean(&html) };
    let framed =
        framed.render().map_err(|error| PageError::refused(format!("the page cannot be made: {error}")))?;
    if request.query("live").is_some() {
        return Ok(PageAnswer::Json(serde_json::json!({ "page": framed })));
    }
    let label = entry.label().to_owned();
    page::show(&PreviewPage { frame: Frame::new(request, object, "Preview")?, label, framed })
}
