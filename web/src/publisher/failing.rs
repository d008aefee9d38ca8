//! Failing: what is answered when something went wrong.
//!
//! The error page is the nearest one that the object in question acquires, made by its template; else one that is always
//! there. Programs get a problem instead.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use bough_core::acquisition::{self, Found};
use bough_core::{Object, Snapshot as _};

use super::visit::{Asked, Visit};
use super::{HTML, Publisher, Step};
use crate::error::{ErrorPage, PublishError};
use crate::failures::InternalFailure;
use crate::pages::PageError;
use crate::problem;
use crate::rest::wants_problem;
use crate::template::{Chosen, Page};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What went wrong, and where: there error pages are acquired.
pub(crate) struct Failure {
    pub(super) error: PublishError,
    pub(super) at: Option<Box<(Visit, Arc<Object>)>>,
}

impl<E: Into<PublishError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), at: None }
    }
}

impl Failure {
    pub(crate) fn at(error: impl Into<PublishError>, visit: &Visit, object: &Arc<Object>) -> Self {
        Self { error: error.into(), at: Some(Box::new((visit.clone(), Arc::clone(object)))) }
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self.error, PublishError::NotFound)
    }
}

impl From<Failure> for PageError {
    fn from(failure: Failure) -> Self {
        failure.error.into()
    }
}

impl Publisher {
    /// Answers with an error page: at once where it is the one that is always there.
    pub(super) fn error_step(self: &Arc<Self>, asked: &Arc<Asked>, failure: Failure) -> Step {
        if let Some(response) = self.ask_to_log_in(asked, &failure.error) {
            return Step::Ready(response);
        }
        if wants_problem(asked) {
            return Step::Ready(self.last_resort(asked, &failure.error));
        }
        let at = match failure.at {
            Some(at) => Some(at),
            // What failed had no place: the start page's error pages are the next best.
            None => self.visit(asked, None).ok().map(|visit| {
                let entry = Arc::clone(visit.entry());
                Box::new((visit, entry))
            }),
        };
        let template = at.as_ref().and_then(|at| error_template(&at.0, &at.1, failure.error.status()));
        match (template, at) {
            (Some(template), Some(at)) => {
                let (publisher, asked) = (Arc::clone(self), Arc::clone(asked));
                Step::Later(Box::new(move || {
                    Ok(publisher.error_with(&asked, &failure.error, &at.0, &at.1, &template))
                }))
            }
            _ => Step::Ready(self.last_resort(asked, &failure.error)),
        }
    }

    /// The same on a thread where rendering is allowed.
    pub(super) fn error_now(&self, asked: &Asked, failure: Failure) -> Response<Body> {
        if let Some(response) = self.ask_to_log_in(asked, &failure.error) {
            return response;
        }
        let at = failure.at.as_ref().filter(|_| !wants_problem(asked));
        let template = at.and_then(|at| {
            error_template(&at.0, &at.1, failure.error.status()).map(|template| (at, template))
        });
        match template {
            Some((at, template)) => self.error_with(asked, &failure.error, &at.0, &at.1, &template),
            None => self.last_resort(asked, &failure.error),
        }
    }

    fn error_with(
        &self,
        asked: &Asked,
        error: &PublishError,
        visit: &Visit,
        here: &Arc<Object>,
        template: &Object,
    ) -> Response<Body> {
        use minijinja::Value as Shown;
        let facts = error_page(asked, error);
        let added = vec![
            ("page_title", Shown::from(facts.reason())),
            ("status", Shown::from(facts.status.as_u16())),
            ("reason", Shown::from(facts.reason())),
            ("message", Shown::from(&facts.message)),
            ("error_id", Shown::from(&facts.error_id)),
        ];
        let page = Page {
            scene: visit.scene(asked),
            here: Arc::clone(here),
            added,
            template: Chosen::Object(template),
        };
        match self.templates.render(page) {
            Ok(page) => {
                self.log_error(asked, error);
                error_response(asked, error, page, HTML)
            }
            Err(problem) => {
                tracing::error!(
                    id = facts.error_id,
                    error = PublishError::from(problem).story(),
                    "in an error page"
                );
                self.last_resort(asked, error)
            }
        }
    }

    /// Answers with the page that is always there.
    pub(super) fn last_resort(&self, asked: &Asked, error: &PublishError) -> Response<Body> {
        self.log_error(asked, error);
        if wants_problem(asked) {
            let problem = error.problem().to_json(&format!("{:012x}", asked.id)).to_string();
            return error_response(asked, error, problem, problem::MEDIA_TYPE);
        }
        let prefix = self.host(asked).map_or("", |host| &host.prefix);
        let home = asked.home(prefix);
        let page = error_page(asked, error).fallback(home.as_deref());
        error_response(asked, error, page, HTML)
    }

    /// Says in the log why a request failed; what the server is to blame for is kept for those who run the site.
    pub(crate) fn log_error(&self, asked: &Asked, error: &PublishError) {
        let id = format!("{:012x}", asked.id);
        let uri = asked.logged_uri();
        let path: String = uri.path().chars().take(500).collect();
        let story = error.story();
        if asked.state.is_some() {
            // Nobody asked for it: whoever looks says himself what became of that.
            tracing::debug!(id, path, error = story, "what was looked at fails");
        } else if error.is_internal() {
            tracing::error!(id, path, error = story, "a request failed");
            let at_micros = self.database.now_micros();
            self.failures.add(InternalFailure { at_micros, id, path, story });
        } else {
            tracing::debug!(id, path, error = story, "a request was refused");
        }
    }
}

/// The template for this status that an object acquires.
fn error_template(visit: &Visit, here: &Object, status: StatusCode) -> Option<Arc<Object>> {
    let find = |name: &str| {
        let acquired = acquisition::get(&visit.snapshot, visit.types(), here.oid(), name);
        let Ok(Some(Found::Child(oid))) = acquired.map(|found| found.map(|acquired| acquired.found)) else {
            return None;
        };
        visit.snapshot.object(oid).ok().flatten().filter(|object| object.is_a("template"))
    };
    find(&format!("error-{}.html", status.as_u16())).or_else(|| find("error.html"))
}

fn error_page(asked: &Asked, error: &PublishError) -> ErrorPage {
    ErrorPage { status: error.status(), message: error.message(), error_id: format!("{:012x}", asked.id) }
}

fn error_response(
    asked: &Asked,
    error: &PublishError,
    page: String,
    media_type: &'static str,
) -> Response<Body> {
    let bytes = page.len() as u64;
    let is_head = asked.parts.method == Method::HEAD;
    let mut response = Response::new(if is_head { Body::empty() } else { Body::from(page) });
    *response.status_mut() = error.status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&format!("{:012x}", asked.id)) {
        headers.insert(REQUEST_ID, id);
    }
    match error {
        PublishError::Method { allow } => {
            if let Ok(allow) = HeaderValue::from_str(allow) {
                headers.insert(ALLOW, allow);
            }
        }
        PublishError::Busy | PublishError::TooSlow => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        PublishError::TooMany(wait) => {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.secs));
        }
        _ if error.status() == StatusCode::UNAUTHORIZED => {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"Bough\", charset=\"UTF-8\""),
            );
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Bough\""));
        }
        PublishError::Range { bytes } => {
            if let Ok(range) = HeaderValue::from_str(&format!("bytes */{bytes}")) {
                headers.insert(CONTENT_RANGE, range);
            }
        }
        _ => {}
    }
    response
}
