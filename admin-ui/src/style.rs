//! The design system on a page of its own: every component as it is to be used, with its markup.

use askama::Template;
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use crate::diff::{Layout, TextDiff};
use crate::frame::Frame;
use crate::page;

#[derive(Template)]
#[template(path = "style.html")]
struct StylePage {
    frame: Frame,
    icons: &'static [&'static str],
    diffs: [TextDiff; 2],
}

/// `@@manage/style`.
pub(crate) fn answer(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let icons = &["folder", "page", "template", "file", "image", "link", "user", "users", "object"];
    let (old, new) = ("It was a mild autumn.\nThe end.\n", "It was a golden autumn.\nThe end.\n");
    let diffs = [Layout::Sides, Layout::Inline].map(|layout| TextDiff::new(old, new, layout));
    page::show(&StylePage { frame: Frame::new(request, request.top(), "Components")?, icons, diffs })
}
