//! Pages: families of pages that an application adds, behind a view of their own at every object.
//!
//! `/news/@@manage/history` asks the [`Pages`] whose view is `manage`, about the object at `/news`, for its page
//! `history`. What they are handed is a [`PageRequest`]: the object, the line and the state it is in, what whoever asks may
//! do, what his form carried, and how links are written. They answer on a thread of their own, within the deadline of
//! all requests.
//!
//! # Invariants
//! - A form counts only with the code of the browser that it was shown to; what is got by GET changes nothing.
//! - No page may run a script that is not a file of the site.
//! - What was, and what preview links show, has no such pages.

mod answer;
mod form;
mod request;

use std::fmt;
use std::sync::Arc;

use axum::http::Method;
use bough_core::traversal::{Address, Target, resolve};

pub use self::answer::{PageAnswer, PageError};
pub use self::form::{PageFile, PageForm};
pub use self::request::{PagePlace, PageRequest};
use crate::error::PublishError;
pub use crate::failures::InternalFailure;
use crate::publisher::visit::{Asked, Visit};
use crate::publisher::{Failure, Publisher, Step, entitle};

/// A family of pages.
pub trait Pages: fmt::Debug + Send + Sync {
    /// The view behind which they are, without the `@@`.
    fn view(&self) -> &str;

    /// Answers a request for one of them, or what a form of one of them sent. Nothing was asked of whoever asks but that
    /// he may see the object, where there is one: the rest is theirs to ask ([`PageRequest::require`]).
    ///
    /// # Errors
    /// What the publisher shows an error page for; [`PageError::log_in`] leads to the form to log in.
    fn answer(&self, request: &PageRequest) -> Result<PageAnswer, PageError>;

    /// Which of the pages of `/` whoever set the site up sees first: the steps behind the view, where there is one.
    fn first_page(&self) -> Option<&[&str]> {
        None
    }
}

impl Publisher {
    /// Finds the pages that a path asks for; none where it asks for something else.
    pub(crate) fn pages(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        visit: &Visit,
        address: &Address<'_>,
    ) -> Result<Option<Step>, Failure> {
        let at = address.steps.iter().position(|step| step.starts_with("@@"));
        let Some((at, view)) = at.and_then(|at| Some((at, address.steps[at].strip_prefix("@@")?))) else {
            return Ok(None);
        };
        let Some(pages) = self.added.iter().find(|pages| pages.view() == view) else { return Ok(None) };
        if visit.only_below.is_some() || address.moment.is_some() {
            return Err(Failure::at(PublishError::NotFound, visit, visit.entry()));
        }
        match asked.parts.method {
            Method::GET | Method::HEAD | Method::POST => {}
            _ => {
                let allow = "GET, HEAD, POST, OPTIONS".into();
                return Err(Failure::at(PublishError::Method { allow }, visit, visit.entry()));
            }
        }
        let (steps, behind) = (&address.steps[..at], address.steps[at + 1..].to_vec());
        let target = resolve(&visit.snapshot, visit.types(), &visit.top, steps)
            .map_err(|error| Failure::at(error, visit, visit.entry()))?;
        let place = match entitle::permitted(visit, target, steps) {
            Ok(Target::Object(object)) => PagePlace::Object(object),
            Ok(Target::Moved(oid)) => PagePlace::Moved(oid),
            Ok(Target::Missing { reached, .. }) => match entitle::missing(visit, &reached) {
                failure if failure.is_missing() => PagePlace::Missing(reached),
                failure => PagePlace::Refused(failure.into()),
            },
            Ok(_) => PagePlace::Missing(Arc::clone(&visit.top)),
            Err(failure) if failure.is_missing() => PagePlace::Missing(Arc::clone(&visit.top)),
            Err(failure) => PagePlace::Refused(failure.into()),
        };
        let (publisher, asked, visit, pages) =
            (Arc::clone(self), Arc::clone(asked), visit.clone(), Arc::clone(pages));
        Ok(Some(Step::Later(Box::new(move || {
            let request = PageRequest::new(publisher, asked, visit, place, behind)?;
            let answer = pages.answer(&request);
            request.respond(answer)
        }))))
    }
}
