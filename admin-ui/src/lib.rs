//! The management pages: the site run from a browser, at `@@manage` of every object.
//!
//! Pages come from the server and work without scripts; the modules in `assets` make them better. Each page is a
//! function of the request; all that lasts is in the site or in the URL. What a form does is one commit, after which the
//! browser is sent to a page that says what was done, with the way back ([`message`]).
//!
//! Code map: `frame` (what is around every page: bar, tree, crumbs, tabs, message), `page` (how a page is answered),
//! `text` (how things are written for people), `assets`, and a module for each family of pages.
//!
//! # Invariants
//! - Nothing is changed by GET. A form is believed only with its code (`bough_web::pages`).
//! - All that anybody wrote is escaped by the templates; no template marks a value as safe.
//! - Every list is bounded.

mod assets;
mod edit;
mod frame;
mod message;
mod page;
mod style;
mod text;
mod tree;

use bough_core::security::permission::MANAGE;
use bough_web::pages::{PageAnswer, PageError, PagePlace, PageRequest, Pages};

/// The view behind which the pages are.
pub const VIEW: &str = "manage";

/// The management pages of a site.
#[derive(Debug, Default)]
pub struct AdminUi {}

impl Pages for AdminUi {
    fn view(&self) -> &str {
        VIEW
    }

    fn answer(&self, request: &PageRequest) -> Result<PageAnswer, PageError> {
        let steps: Vec<&str> = request.behind().iter().map(String::as_str).collect();
        if let ["assets", mark, file @ ..] = &steps[..] {
            return assets::answer(mark, file);
        }
        match self.route(request, &steps) {
            Err(error) if !error.is_log_in() => page::failed(request, error),
            Err(_) if request.is_post() => page::log_in(request),
            answer => answer,
        }
    }
}

impl AdminUi {
    /// Which page a request is for.
    fn route(&self, request: &PageRequest, steps: &[&str]) -> Result<PageAnswer, PageError> {
        if request.is_version_host() {
            return Err(PageError::refused(
                "the management pages are on the site's own host: there, a version is managed below /@v/NAME/",
            ));
        }
        let object = match request.place() {
            PagePlace::Object(object) => object,
            PagePlace::Refused(error) if error.is_log_in() => return Err(PageError::log_in()),
            _ if !request.actor().is_known() => return Err(PageError::log_in()),
            // What was typed is not lost because its object was moved or deleted meanwhile.
            PagePlace::Moved(_) | PagePlace::Missing(_) if request.is_post() && steps == ["edit"] => {
                return edit::astray(request);
            }
            PagePlace::Moved(oid) if !request.is_post() => {
                return Ok(PageAnswer::SeeOther(request.page_url(*oid, steps)?));
            }
            PagePlace::Refused(_) => {
                return Err(PageError::forbidden(bough_core::security::permission::VIEW));
            }
            _ => return Err(PageError::not_found()),
        };
        request.require(object, MANAGE)?;
        match steps {
            ["tree"] => tree::branch(request),
            ["edit", behind @ ..] => edit::answer(request, behind),
            ["style"] => style::answer(request),
            _ => Err(PageError::not_found()),
        }
    }
}
