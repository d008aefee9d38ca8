//! The design system on a page of its own: every component as it is to be used, with its markup.

use askama::Template;
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use crate::frame::Frame;
use crate::page;

#[derive(Template)]
#[template(path = "style.html")]
struct StylePage {
    frame: Frame,
    icons: &'static [&'static str],
}

/// `@@manage/style`.
pub(crate) fn answer(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let icons = &["folder", "page", "template", "file", "image", "link", "user", "users", "object"];
    page::show(&StylePage { frame: Frame::new(request, request.top(), "Components")?, icons })
}
