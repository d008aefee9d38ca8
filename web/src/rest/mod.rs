//! REST: objects, their history and versions for programs, each at its own URL.
//!
//! A request asks for an operation of the table (`operation`) by its method, by `Accept` or by a view (`@@name`). It runs
//! on a thread of its own as all that renders does; what it answers is JSON (`dto`, `dto_version`), what fails is a
//! problem (`crate::problem`).
//!
//! Code map: `call` (one request), `json` and `value` (what is sent and taken), `object`, `content`, `container`, `place`
//! (objects), `history`, `search`, `undo` (what was), `version`, `merge` (versions), `openapi` (the description),
//! `refusal` (what the store refuses), `negotiate` (in which form).
//!
//! # Invariants
//! - Every write is one commit, and says how to take it back.
//! - Lists are bounded: what goes on has a `next`.

mod account;
mod call;
mod container;
mod content;
mod dto;
mod dto_account;
mod dto_rights;
mod dto_version;
mod history;
mod json;
mod merge;
mod negotiate;
mod object;
mod openapi;
mod operation;
mod place;
mod refusal;
mod rights;
mod search;
mod undo;
mod value;
mod version;

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, ETAG, LOCATION};
use axum::http::{HeaderValue, Method, Response};
use bough_core::security::permission::UNDO;
use bough_core::security::{Access, Actor};
use bough_core::traversal::{Address, Target, resolve};
use bough_core::{Name, Object, Oid, Snapshot as _};

use self::call::{Answer, Call};
pub(crate) use self::negotiate::{prefers_json, wants_problem};
use self::operation::{At, OPERATIONS, Operation};
use crate::content::same_origin::same_origin;
use crate::error::PublishError;
use crate::problem::{Code, Problem};
use crate::publisher::deliver::{Document, Payload};
use crate::publisher::visit::{Asked, Visit};
use crate::publisher::{Failure, Publisher, Step, entitle, line};

/// How many denied cells are named one by one.
const DENIALS_MAX: usize = 20;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Whether a path asks for a view that programs use.
fn is_view(path: &str) -> bool {
    let view = path.split('/').find_map(|step| step.strip_prefix("@@"));
    view.is_some_and(operation::is_view)
}

/// The steps to the object, the view behind them, and what follows that.
fn split(steps: &[String]) -> (&[String], Option<&str>, &[String]) {
    let at = steps.iter().position(|step| step.starts_with("@@"));
    match at.and_then(|at| Some((at, steps[at].strip_prefix("@@")?))) {
        Some((at, view)) => (&steps[..at], Some(view), &steps[at + 1..]),
        None => (steps, None, &[]),
    }
}

/// What is addressed.
struct Addressed {
    object: Arc<Object>,
    /// The name of what shall be made in it.
    new: Option<Name>,
}

impl Publisher {
    /// Finds the operation that a request asks for; none where it is for people.
    pub(crate) fn rest(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        visit: &Visit,
        address: &Address<'_>,
    ) -> Result<Option<Step>, Failure> {
        let (steps, view, behind) = split(address.steps);
        let method = match &asked.parts.method {
            &Method::HEAD => &Method::GET,
            method => method,
        };
        let is_ours = match view {
            Some(view) => operation::is_view(view),
            None => *method != Method::GET,
        };
        if !is_ours || *method == Method::OPTIONS {
            return Ok(None);
        }
        let there = OPERATIONS.iter().filter_map(|found| Some((found, found.arguments(view, behind)?)));
        let found = there.clone().find(|(found, _)| found.method == *method);
        let Some((operation, arguments)) = found else {
            let allow = operation::allowed(view, behind);
            let nothing = allow.is_empty();
            let error =
                if nothing { PublishError::NotFound } else { PublishError::Method { allow: allow.into() } };
            return Err(Failure::at(error, visit, visit.entry()));
        };
        if !operation.is_safe() && address.moment.is_some() {
            return Err(Problem::new(Code::Method, "what was cannot be changed").into());
        }
        if *method == Method::POST && view.is_none() {
            let target = resolve(&visit.snapshot, visit.types(), &visit.top, steps)?;
            if matches!(target, Target::Method { .. }) {
                return Ok(None);
            }
        }
        let visit = &self.as_owner(asked, visit)?;
        let addressed = addressed(visit, operation, steps)?;
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        self.run(asked, visit, operation, addressed, arguments).map(Some)
    }

    /// Shows an object as JSON.
    pub(crate) fn rest_object(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        visit: &Visit,
        object: &Arc<Object>,
    ) -> Result<Step, Failure> {
        let shows = |operation: &&Operation| operation.is_safe() && operation.view.is_none();
        let operation = OPERATIONS.iter().find(shows).ok_or(PublishError::NotFound)?;
        let visit = &self.as_owner(asked, visit)?;
        let addressed = Addressed { object: Arc::clone(object), new: None };
        self.run(asked, visit, operation, addressed, Vec::new())
    }

    /// As long as nobody can log in, whoever sits at this machine is its owner. A page that a browser there shows is
    /// not: what it sends is refused before (`content::same_origin`).
    pub(crate) fn as_owner(&self, asked: &Asked, visit: &Visit) -> Result<Visit, PublishError> {
        let mut visit = visit.clone();
        let is_nobody = !visit.access.actor().is_known() && visit.access.actor().within.is_none();
        if is_nobody && self.is_local(asked) && same_origin(asked).is_ok() && self.has_no_users()? {
            let head = Some(Arc::clone(visit.access.head()));
            let here = Arc::clone(visit.access.here());
            visit.access = Access::new(Actor::system(), Arc::clone(visit.types()), here, head);
        }
        Ok(visit)
    }

    fn run(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        visit: &Visit,
        operation: &'static Operation,
        addressed: Addressed,
        arguments: Vec<String>,
    ) -> Result<Step, Failure> {
        let refused = |error: PublishError| Failure::at(error, visit, visit.entry());
        if visit.only_below.is_some() {
            // Preview links are for people who look.
            let reads_only = PublishError::Method { allow: "GET, HEAD".into() };
            return Err(refused(if operation.is_safe() { PublishError::NotFound } else { reads_only }));
        }
        if let Some(permission) = operation.needs {
            let root = match operation.at {
                At::Top if permission != UNDO => visit.snapshot.object(Oid::ROOT)?,
                _ => None,
            };
            let object = root.as_ref().unwrap_or(&addressed.object);
            entitle::require(visit, object, Some(permission))?;
        }
        let (publisher, asked, mut visit) = (Arc::clone(self), Arc::clone(asked), visit.clone());
        visit.links.before = line::followed(&visit.links.before, &self.prefix(&asked), &asked);
        Ok(Step::Later(Box::new(move || {
            let Addressed { object, new } = &addressed;
            let arguments = arguments.iter().map(String::as_str).collect();
            let call = Call::new((&asked, &visit, &publisher), object, new.as_ref(), arguments);
            let answer = (operation.run)(&call);
            let answer = answer.map_err(|error| told(&visit, error));
            let response = answer.and_then(|answer| publisher.respond(&asked, &visit, operation, answer));
            response.map_err(|error| Failure::at(error, &visit, object))
        })))
    }

    fn respond(
        &self,
        asked: &Asked,
        visit: &Visit,
        operation: &Operation,
        answer: Answer,
    ) -> Result<Response<Body>, PublishError> {
        let (document, etag, location) = match answer {
            Answer::Json { status, json, etag, location } => {
                let body = json.to_string().into_bytes();
                let document = Document { status, ..Document::new(JSON, Payload::Bytes(body.into())) };
                (document, etag, location)
            }
            Answer::Document(document) => (document, None, None),
        };
        let is_json = document.media_type == JSON;
        let mut response = self.send_now(asked, visit, document)?;
        let headers = response.headers_mut();
        for (name, value) in [(ETAG, etag), (LOCATION, location)] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                headers.insert(name, value);
            }
        }
        if !operation.is_safe() {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if !is_json {
            // Whatever it holds, no browser runs it.
            headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
        }
        Ok(response)
    }
}

/// The object that the steps lead to; for what makes one, also the place where it shall be.
fn addressed(visit: &Visit, operation: &Operation, steps: &[String]) -> Result<Addressed, Failure> {
    let find = |steps: &[String]| {
        let target = resolve(&visit.snapshot, visit.types(), &visit.top, steps);
        let target = target.and_then(|target| line::within(visit, target)).map_err(PublishError::from)?;
        entitle::permitted(visit, target, steps)
    };
    let makes = operation.method == Method::PUT && operation.view.is_none();
    match (find(steps)?, steps.split_last()) {
        (Target::Object(object), _) => Ok(Addressed { object, new: None }),
        (Target::Missing { reached, .. }, Some((last, above))) if makes => {
            let Target::Object(container) = find(above)? else {
                let problem = Problem::new(Code::NotFound, "the container is not there");
                return Err(Failure::at(
                    PublishError::from(problem.advise("make it first")),
                    visit,
                    &reached,
                ));
            };
            make_at(visit, container, last)
        }
        (Target::Moved(_) | Target::Applied { .. }, Some((last, above))) if makes => match find(above)? {
            Target::Object(container) => make_at(visit, container, last),
            _ => Err(PublishError::NotFound.into()),
        },
        (Target::Method { object, .. }, _) => {
            let allow = "GET, HEAD, OPTIONS".into();
            Err(Failure::at(PublishError::Method { allow }, visit, &object))
        }
        (Target::Missing { reached, .. }, _) => Err(entitle::missing(visit, &reached)),
        _ => Err(Failure::at(PublishError::NotFound, visit, visit.entry())),
    }
}

fn make_at(visit: &Visit, container: Arc<Object>, last: &str) -> Result<Addressed, Failure> {
    let refused = |problem: Problem| Failure::at(PublishError::from(problem), visit, &container);
    let name = call::parse_name(last).map_err(refused)?;
    if name.is_private() && !crate::types::folder::shows_private(visit, &container)? {
        let detail = "a name that begins with `_` has no URL, but below a folder of imported files";
        return Err(refused(Problem::new(Code::Name, detail).found(last)));
    }
    Ok(Addressed { object: container, new: Some(name) })
}

/// What who asks is told of a refused write: nothing of what he may not know of.
pub(crate) fn told(visit: &Visit, error: PublishError) -> PublishError {
    let PublishError::Denied(denials) = error else { return error };
    let mut worst = None;
    for denial in &denials {
        let refusal = match visit.snapshot.object(denial.at) {
            Ok(Some(object)) => entitle::refusal(&visit.access, &object, denial.permission),
            Ok(None) => Ok(PublishError::Forbidden(denial.permission.to_owned())),
            Err(error) => Err(error),
        };
        match refusal {
            Ok(PublishError::NotFound) => return PublishError::NotFound,
            Ok(refusal) => worst = worst.or(Some(refusal)),
            Err(error) => return error.into(),
        }
    }
    match worst {
        Some(refusal @ PublishError::Forbidden(_)) => {
            let cells = denials.iter().take(DENIALS_MAX).map(|denial| {
                serde_json::json!({
                    "oid": denial.oid.to_string(),
                    "cell": call::cell_text(&denial.key),
                    "permission": denial.permission,
                })
            });
            refusal.problem().with("denials", cells.collect::<Vec<_>>()).into()
        }
        Some(refusal) => refusal,
        None => PublishError::Denied(denials),
    }
}
