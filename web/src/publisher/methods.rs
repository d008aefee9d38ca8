//! Methods that types publish: called with what a request says, for reading or in a transaction.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Method, Response, StatusCode};
use bough_core::object_type::{Call, Effect, MethodError, MethodSpec, ObjectType, Reply, Site};
use bough_core::security::Warrant;
use bough_core::security::permission::VIEW;
use bough_core::{Name, Object, Value};
use bough_store::{LineId, Note};

use super::deliver::{Document, Payload, redirect};
use super::receive::media_essence;
use super::visit::{Asked, Visit};
use super::{Failure, Publisher, Step, entitle};
use crate::content::headers::Guard;
use crate::error::PublishError;
use crate::outside::Way;
use crate::tasks::{Outcome, TASK};
use crate::urlencoded;

/// Longest form with the arguments of a method.
const FORM_BYTES_MAX: u64 = 1 << 20;

/// The permission that a method takes.
fn needed(spec: &MethodSpec) -> &'static str {
    let is_view = spec.permission.is_empty() || spec.permission.eq_ignore_ascii_case(VIEW);
    if is_view { VIEW } else { spec.permission }
}

/// A method on its object.
struct Called {
    object: Arc<Object>,
    method: Name,
    of: Arc<dyn ObjectType>,
}

impl Publisher {
    /// Calls a method on a thread of its own. One that writes is asked for by POST, and committed before it is answered.
    pub(super) fn call_later(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        visit: Visit,
        object: Arc<Object>,
        method: Name,
    ) -> Result<Step, Failure> {
        let type_name = object.type_name().cloned().map_or_else(|| Name::new("unknown"), Ok);
        let type_name = type_name.map_err(|error| PublishError::Reply(error.to_string()))?;
        let of = visit.types().get(type_name.as_str()).cloned();
        let no_method =
            || MethodError::NoSuchMethod { type_name: type_name.clone(), method: method.to_string() };
        let of = of.ok_or_else(|| PublishError::from(no_method()))?;
        let writes = match of.schema().method(method.as_str()) {
            Some(spec) => {
                entitle::require(&visit, &object, Some(needed(spec)))?;
                spec.effect == Effect::Writes
            }
            None => false,
        };
        if writes && asked.parts.method != Method::POST {
            return Err(Failure::at(PublishError::Method { allow: "POST, OPTIONS".into() }, &visit, &object));
        }
        let (publisher, asked) = (Arc::clone(self), Arc::clone(asked));
        let called = Called { object, method, of };
        Ok(Step::Later(Box::new(move || {
            let answer = match writes {
                true if called.object.is_a(TASK) => publisher.run_task(&asked, &visit, &called),
                true => publisher.call_writing(&asked, &visit, &called),
                false => publisher.call_reading(&asked, &visit, &called),
            };
            answer.map_err(|error| match error {
                PublishError::Denied(_) | PublishError::Forbidden(_) if !visit.access.actor().is_known() => {
                    Failure::at(PublishError::LogIn, &visit, &called.object)
                }
                error => Failure::at(error, &visit, &called.object),
            })
        })))
    }

    fn call_reading(
        &self,
        asked: &Asked,
        visit: &Visit,
        called: &Called,
    ) -> Result<Response<Body>, PublishError> {
        let way_out = Way::of_visit(visit, asked.deadline).map_err(PublishError::Versions)?;
        let mut call = Call {
            object: called.object.oid(),
            site: Site::Snapshot(&visit.snapshot),
            arguments: &arguments(asked)?,
            now_micros: self.database.now_micros(),
            actor: visit.access.actor(),
            way_out: &way_out,
        };
        let reply = called.of.call(&called.method, &mut call)?;
        self.reply(asked, visit, called, reply)
    }

    fn call_writing(
        &self,
        asked: &Asked,
        visit: &Visit,
        called: &Called,
    ) -> Result<Response<Body>, PublishError> {
        let arguments = arguments(asked)?;
        let actor = visit.access.actor();
        let path = bough_core::snapshot::path_of(&visit.snapshot, called.object.oid())?;
        let path = path.map_or_else(|| called.object.oid().to_string(), |path| path.to_string());
        let warrant = Warrant::new(actor.clone(), Arc::clone(visit.types()));
        let note = Note::edit(format!("Called {} of {path}", called.method)).by(actor.name());
        let note = Note { request: format!("{:012x}", asked.id), ..note.under(Arc::new(warrant)) };
        let way_out = Way::of_visit(visit, asked.deadline).map_err(PublishError::Versions)?;
        let (reply, _) = visit.database.write(note, |draft| {
            way_out.begin_try();
            draft.set_maker(actor.user().map(|user| user.oid));
            let mut call = Call {
                object: called.object.oid(),
                site: Site::Transaction(draft),
                arguments: &arguments,
                now_micros: self.database.now_micros(),
                actor,
                way_out: &way_out,
            };
            called.of.call(&called.method, &mut call).map_err(PublishError::from)
        })?;
        // What was written may be where nothing was before.
        let mut now = visit.clone();
        now.snapshot = visit.database.snapshot();
        self.reply(asked, &now, called, reply)
    }

    /// Runs a task for whoever asks, with the rights of its owner. What a version says of it does not count.
    fn run_task(
        &self,
        asked: &Asked,
        visit: &Visit,
        called: &Called,
    ) -> Result<Response<Body>, PublishError> {
        if visit.database.line() != LineId::TRUNK {
            let why = "a task runs on the public site only: merge the version first";
            return Err(MethodError::Refused(why.into()).into());
        }
        let refused = |why: String| PublishError::from(MethodError::Refused(why));
        let run = self.tasks.run_now(called.object.oid(), visit.access.actor().name());
        let run = run.map_err(|error| refused(error.to_string()))?;
        let text = match &run.outcome {
            Outcome::Failed { why, .. } => return Err(refused(format!("the task failed: {why}"))),
            Outcome::Done { .. } => match run.tid() {
                Some(tid) => self.database.commit_record(tid)?.sentence + &format!(" ({tid})"),
                None => "The task ran and changed nothing".to_owned(),
            },
        };
        self.reply(asked, visit, called, Reply::Value(Value::from(text + "\n")))
    }

    fn reply(
        &self,
        asked: &Asked,
        visit: &Visit,
        called: &Called,
        reply: Reply,
    ) -> Result<Response<Body>, PublishError> {
        let guard = Guard::of_page(&visit.allowed(called.object.oid())?);
        let document = |media_type, body| Document {
            guard: guard.clone(),
            ..Document::new(media_type, Payload::Bytes(body))
        };
        match reply {
            Reply::Document { media_type, body } => {
                let media_type = HeaderValue::from_str(&media_type)
                    .map_err(|error| PublishError::Reply(format!("media type: {error}")))?;
                self.send_now(asked, visit, document(media_type, body.into()))
            }
            Reply::GoTo(oid) => {
                let url =
                    visit.links.url(&visit.snapshot, visit.types(), oid)?.ok_or(PublishError::NotFound)?;
                let is_safe = asked.parts.method.is_safe();
                redirect(if is_safe { StatusCode::FOUND } else { StatusCode::SEE_OTHER }, &url, false)
            }
            Reply::Value(Value::Text(text)) => {
                let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
                let body = text.as_bytes().to_vec().into();
                self.send_now(asked, visit, document(media_type, body))
            }
            Reply::Value(value) => {
                let media_type = HeaderValue::from_static("application/json");
                let body = crate::template::value_to_json(&value).to_string().into_bytes().into();
                self.send_now(asked, visit, document(media_type, body))
            }
        }
    }
}

/// What the query says, and a form where one was sent.
fn arguments(asked: &Asked) -> Result<BTreeMap<String, Value>, PublishError> {
    let mut said = asked.query();
    let bytes = asked.received.len();
    if bytes > 0 {
        let essence = media_essence(asked.headers());
        if essence != "application/x-www-form-urlencoded" {
            let problem = format!("a method takes its arguments as a form, not as `{essence}`");
            return Err(PublishError::Argument(problem.chars().take(200).collect()));
        }
        if bytes > FORM_BYTES_MAX {
            return Err(PublishError::Body { bytes, max: FORM_BYTES_MAX });
        }
        let mut form = Vec::with_capacity(bytes as usize);
        asked.received.reader().read_to_end(&mut form).map_err(PublishError::Spool)?;
        said.extend(urlencoded::pairs(&String::from_utf8_lossy(&form)));
    }
    let value = |mut values: Vec<String>| match values.len() {
        1 => Value::from(values.remove(0)),
        _ => Value::List(values.into_iter().map(Value::from).collect()),
    };
    Ok(said.into_iter().map(|(key, values)| (key, value(values))).collect())
}
