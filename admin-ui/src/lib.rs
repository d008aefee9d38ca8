//! The management pages: the site run from a browser, at `@@manage` of every object.
//!
//! Pages come from the server and work without scripts; the modules in `assets` make them better. Each page is a
//! function of the request; all that lasts is in the site or in the URL. What a form does is one commit, after which the
//! browser is sent to a page that says what was done, with the way back ([`message`]).
//!
//! Code map: `frame` (what is around every page: bar, tree, crumbs, tabs, message), `page` (how a page is answered),
//! `text` (how things are written for people), `diff` (what was beside what is), `past` (commits as rows), `assets`, and a module for each family of pages.
//!
//! # Invariants
//! - Nothing is changed by GET. A form is believed only with its code (`bough_web::pages`).
//! - All that anybody wrote is escaped by the templates; no template marks a value as safe.
//! - Every list is bounded.

mod acquisition;
mod assets;
mod below;
mod contents;
mod diff;
mod edit;
mod find;
mod frame;
mod history;
mod message;
mod operations;
mod outbox;
mod page;
mod past;
mod people;
mod schedule;
mod security;
mod sight;
mod site;
mod start;
mod style;
mod tasks;
mod text;
mod tree;
mod undo;
mod users;
mod versions;

use std::sync::Arc;

use bough_core::security::permission::MANAGE;
use bough_store::LineStatus;
use bough_web::pages::{PageAnswer, PageError, PagePlace, PageRequest, Pages};

pub use crate::operations::{ArchiveImport, Imported, OperationError, Operations};
pub use crate::tasks::Progress;
use crate::tasks::Tasks;

/// The view behind which the pages are.
pub const VIEW: &str = "manage";

/// The management pages of a site.
#[derive(Clone, Debug, Default)]
pub struct AdminUi {
    tasks: Arc<Tasks>,
    operations: Option<Arc<dyn Operations>>,
}

impl AdminUi {
    /// The pages of a site that a program serves from a folder.
    pub fn new(operations: Arc<dyn Operations>) -> Self {
        Self { operations: Some(operations), ..Self::default() }
    }

    /// Asks the work in the background to stop, as the server does before it ends.
    pub fn stop(&self) {
        self.tasks.cancel_all();
    }
}

impl Pages for AdminUi {
    fn view(&self) -> &str {
        VIEW
    }

    fn first_page(&self) -> Option<&[&str]> {
        Some(&["start"])
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
            if !request.is_post()
                && let Some(url) = request.url_on_public_host()?
            {
                return Ok(PageAnswer::SeeOther(url));
            }
            return Err(PageError::refused(
                "the management pages are on the site's own host: there, a version is managed below /@v/NAME/",
            ));
        }
        if !request.actor().is_known() && request.has_no_users()? {
            return start::first(request);
        }
        // A form is refused where it is sent, with all that was typed.
        if !request.is_post()
            && let Some((LineStatus::Discarded, settings)) = versions::ended(request)?
        {
            return Ok(PageAnswer::SeeOther(settings + "?gone=1"));
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
            ["find"] => find::answer(request),
            ["tree"] => tree::branch(request),
            ["history", rest @ ..] => history::answer(request, rest),
            ["edit", behind @ ..] => edit::answer(request, behind),
            [] => contents::home(request),
            ["contents" | "add" | "upload" | "rename" | "move" | "copy" | "paste" | "delete" | "deleted"] => {
                contents::answer(request, steps)
            }
            ["style"] => style::answer(request),
            ["undo", rest @ ..] => undo::answer(request, rest),
            ["versions", steps @ ..] => versions::answer(request, steps),
            ["acquisition", steps @ ..] => acquisition::answer(request, steps),
            ["security", steps @ ..] => security::answer(request, steps),
            ["schedule", steps @ ..] => schedule::answer(request, steps),
            ["users", steps @ ..] => users::answer(request, steps),
            ["site", behind @ ..] => site::answer(self, request, behind),
            ["outbox"] => outbox::answer(request),
            ["start"] => start::answer(self, request),
            _ => Err(PageError::not_found()),
        }
    }
}
