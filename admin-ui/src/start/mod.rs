//! The first start: from nobody to an administrator to a site.

use askama::Template;
use axum::http::StatusCode;
use bough_core::Oid;
use bough_core::security::permission::SITE;
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use crate::frame::Frame;
use crate::site::import::{ImportForm, may_import};
use crate::{AdminUi, assets, page};

#[derive(Template)]
#[template(path = "start.html")]
struct StartPage {
    frame: Frame,
    user: String,
    site_url: String,
    contents_url: String,
    has_import: bool,
    form: ImportForm,
}

#[derive(Template)]
#[template(path = "start_nobody.html")]
struct NobodyPage {
    assets: String,
    /// Where whoever sits at the machine goes on.
    here: Option<String>,
}

/// What everybody gets as long as nobody can log in: whoever sits at the machine, a link with which he becomes the
/// administrator.
pub(crate) fn first(request: &PageRequest) -> Result<PageAnswer, PageError> {
    // A page from elsewhere that a browser here shows must not spend the links that the server makes.
    let is_asked_by_a_person =
        request.header("sec-fetch-site").is_none_or(|site| ["none", "same-origin"].contains(&site));
    if request.is_local()
        && is_asked_by_a_person
        && let Some(link) = request.accounts().first_administrator_link()?
    {
        return Ok(PageAnswer::SeeOther(format!("{}{link}", request.prefix())));
    }
    let here = request.is_local().then(|| request.top_url(&[]));
    page::show_as(StatusCode::FORBIDDEN, &NobodyPage { assets: assets::folder(request), here })
}

/// `@@manage/start`: what a new administrator does first.
pub(crate) fn answer(ui: &AdminUi, request: &PageRequest) -> Result<PageAnswer, PageError> {
    if !request.access().allows_at(SITE, Oid::ROOT)? {
        return Err(PageError::forbidden(SITE));
    }
    show(ui, request, ImportForm::new(request, "start", "/", "clean"))
}

/// The page, with the form as it was filled in.
pub(crate) fn show(ui: &AdminUi, request: &PageRequest, form: ImportForm) -> Result<PageAnswer, PageError> {
    let status = if form.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let shown = StartPage {
        frame: Frame::new(request, request.top(), "Welcome")?,
        user: request.actor().name().to_owned(),
        site_url: request.url(request.top().oid())?.unwrap_or_else(|| "/".into()),
        contents_url: request.top_url(&[]),
        has_import: may_import(ui, request)?,
        form,
    };
    page::show_as(status, &shown)
}
