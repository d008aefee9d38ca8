//! The publisher: answers a request by showing what its path names.
//!
//! The steps: which host and so which part of the tree (`hosts`); the path's steps (`path`); which line, and whether
//! it may be seen (`line`); which moment (`moment`); which object (`bough_core::traversal`); at its one URL, else a redirect (`links`); what it shows (`types`); which
//! part of that the client needs (`deliver`). Whatever goes wrong ends in `error`.
//!
//! What takes microseconds is answered at once. What renders runs on a thread of its own, of which there are a bounded
//! number, within a deadline.
//!
//! # Invariants
//! - Nothing here writes, other than the forms of `accounts`, and `rest` in jobs of its own: every answer comes from one snapshot.
//! - Every request is answered: a panic, too, becomes a page with an id that the log knows.

mod accounts;
pub(crate) mod compress;
pub(crate) mod deliver;
pub(crate) mod entitle;
mod failing;
pub(crate) mod form;
pub(crate) mod kept;
pub(crate) mod line;
pub(crate) mod links;
pub(crate) mod look;
mod methods;
pub(crate) mod moment;
pub(crate) mod path;
pub(crate) mod receive;
mod render;
pub(crate) mod visit;

use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{ALLOW, CONTENT_LENGTH};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use bough_core::security::Access;
use bough_core::security::permission::LIST;
use bough_core::transaction::SharedSnapshot;
use bough_core::traversal::{AT, Address, Target, resolve};
use bough_core::{Name, Object, Oid, Snapshot as _};
use bough_store::Database;
use tokio::sync::Semaphore;

use self::accounts::Asker;
use self::compress::Compressed;
use self::deliver::{Delivery, Document, Place, canonical_link, deliver, redirect};
pub(crate) use self::failing::Failure;
use self::kept::Kept;
use self::links::{Links, is_container};
use self::moment::Moment;
use self::path::{RequestPath, push_step};
use self::receive::{Received, Receiver, announced_bytes};
use self::render::Content;
use self::visit::{Asked, Visit};
use crate::access_log::{Entry, Recorder};
use crate::auth::{Accounts, EmergencyUser};
use crate::config::{Config, Limits};
use crate::content::headers;
use crate::content::same_origin::same_origin;
use crate::content::sanitise::Sanitised;
use crate::error::PublishError;
use crate::failures::Failures;
use crate::hosts::{AddressRange, HostTable, NO_HOST, Origin, host_name, is_local, named_host, origin};
use crate::pages::Pages;
use crate::rest::prefers_json;
use crate::serve::OwnTls;
use crate::tasks::Tasks;
use crate::template::{Bounds, Templates};
use crate::types::{file, folder, link};

/// What can be done at the address of an object.
const ALLOWED: &str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";
/// What can be done on the host of a version, as far as everybody may know.
const ALLOWED_IN_VERSIONS: &str = "GET, HEAD";
const HTML: &str = "text/html; charset=utf-8";
/// Slower than this is worth a line in the log.
const SLOW_SECS: f64 = 1.0;

/// A site over HTTP.
pub(crate) struct Publisher {
    pub(crate) database: Database,
    hosts: HostTable,
    trusted_proxies: Vec<AddressRange>,
    limits: Limits,
    pub(crate) accounts: Accounts,
    emergency_user: Option<EmergencyUser>,
    /// The pages that the application adds.
    pub(crate) added: Vec<Arc<dyn Pages>>,
    /// What runs by itself.
    pub(crate) tasks: Tasks,
    templates: Templates,
    compressed: Compressed,
    sanitised: Sanitised,
    kept: Kept,
    blocking_jobs: Arc<Semaphore>,
    receiver: Receiver,
    log: Option<Recorder>,
    pub(crate) failures: Failures,
    requests: AtomicU64,
    /// Makes the tags of this run differ from those of others, which may have had other code and other templates.
    run: [RandomState; 2],
}

/// What is left to do for an answer.
pub(crate) enum Step {
    Ready(Response<Body>),
    /// On a thread of its own.
    Later(Job),
    /// When something else is done, which finds its threads itself.
    Awaited(Work),
}

type Work = Pin<Box<dyn Future<Output = Result<Step, Failure>> + Send>>;

pub(crate) type Job = Box<dyn FnOnce() -> Result<Response<Body>, Failure> + Send>;

impl Publisher {
    pub(crate) fn new(database: Database, config: Config) -> Self {
        let limits = config.limits;
        let bounds = Bounds { fuel: limits.template_fuel, page_bytes_max: limits.page_bytes_max };
        let run = [RandomState::new(), RandomState::new()];
        let kept = Kept::new(limits.kept_bytes_max, database.head());
        Self {
            accounts: config.accounts.unwrap_or_else(|| Accounts::new(&database, config.password_cost)),
            emergency_user: config.emergency_user,
            tasks: config.tasks.unwrap_or_else(|| Tasks::new(&database)),
            database,
            hosts: config.hosts,
            trusted_proxies: config.trusted_proxies,
            added: config.pages,
            templates: Templates::new(bounds),
            compressed: Compressed::new(limits.compressed_bytes_max),
            sanitised: Sanitised::new(limits.sanitised_bytes_max),
            kept,
            blocking_jobs: Arc::new(Semaphore::new(limits.blocking_jobs_max.max(1))),
            receiver: Receiver::new(&limits, config.upload_folder),
            log: Recorder::start(config.access_log),
            failures: Failures::default(),
            requests: AtomicU64::new(run[0].hash_one("first request") >> 16),
            limits,
            run,
        }
    }

    /// Another one for the same site, with caches of its own: for states that are none of any line.
    pub(crate) fn beside(&self) -> Self {
        let config = Config {
            hosts: self.hosts.clone(),
            limits: self.limits.clone(),
            accounts: Some(self.accounts.clone()),
            ..Config::default()
        };
        Self::new(self.database.clone(), config)
    }

    /// Answers a request.
    async fn answer(self: Arc<Self>, request: Request<Body>) -> Response<Body> {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let is_own_tls = parts.extensions.get::<OwnTls>().is_some();
        // A request that names two hosts is refused as soon as it can be answered.
        let authority = named_host(&parts.uri, &parts.headers).unwrap_or(NO_HOST);
        let direct = Origin { client: peer, authority: authority.to_owned(), is_https: is_own_tls };
        let origin = origin(&self.trusted_proxies, direct, &parts.headers);
        let id = self.requests.fetch_add(1, Ordering::Relaxed);
        let version_host = self.version_host(&origin.authority);
        let mut deadline = started + self.limits.request_timeout;
        let may_be_long = || {
            let is_ours = is_local(&self.trusted_proxies, peer, &parts.headers, &origin.authority);
            let is_known = self.accounts.is_known(&parts.headers, origin.is_https);
            is_known || (is_ours && self.has_no_users().unwrap_or(false))
        };
        let (received, problem) = match self.receive(&parts, body, deadline, may_be_long).await {
            Ok(received) => (received, None),
            Err(problem) => (Received::Nothing, Some(problem)),
        };
        if received.is_spooled() {
            // The work with it has all its time, however long it was on the way.
            deadline = Instant::now() + self.limits.request_timeout;
        }
        let shown = OnceLock::new();
        let asked = Arc::new(Asked {
            parts,
            peer,
            origin,
            version_host,
            shown,
            state: None,
            is_planned: false,
            actor: OnceLock::new(),
            received,
            id,
            deadline,
        });

        let step = catch_unwind(AssertUnwindSafe(|| match problem {
            Some(problem) => self.error_step(&asked, problem.into()),
            None => self.begin(&asked),
        }));
        let step = step.unwrap_or_else(|panic| {
            Step::Ready(self.last_resort(&asked, &PublishError::Panicked(panic_text(&*panic))))
        });
        let step = match step {
            Step::Awaited(work) => self.wait(&asked, work).await,
            step => step,
        };
        let mut response = match step {
            Step::Ready(response) => response,
            Step::Later(job) => self.run_later(&asked, job).await,
            Step::Awaited(_) => self.last_resort(&asked, &PublishError::Reply("put off twice".into())),
        };
        headers::secure(&mut response, is_own_tls);
        line::label(&asked, &mut response);
        self.record(&asked, &response, started);
        response
    }

    /// Takes what a request carries, where its method says that this matters.
    async fn receive(
        &self,
        parts: &Parts,
        body: Body,
        deadline: Instant,
        may_be_long: impl FnOnce() -> bool,
    ) -> Result<Received, PublishError> {
        let headers = &parts.headers;
        match parts.method {
            Method::POST | Method::PUT | Method::PATCH | Method::DELETE => {
                // Room for something long is for those who said who they are, and for the machine's owner.
                let long = self.receiver.bytes_max(&parts.method, headers);
                let bytes_max = if may_be_long() { long } else { long.min(self.limits.body_bytes_max) };
                self.receiver.receive(headers, body, bytes_max, deadline).await
            }
            _ => {
                let max = self.limits.body_bytes_max;
                match announced_bytes(headers) {
                    Some(bytes) if bytes > max => Err(PublishError::Body { bytes, max }),
                    _ => Ok(Received::Nothing),
                }
            }
        }
    }

    async fn run_later(self: &Arc<Self>, asked: &Arc<Asked>, job: Job) -> Response<Body> {
        let deadline = asked.deadline.into();
        let permit = tokio::time::timeout_at(deadline, Arc::clone(&self.blocking_jobs).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return self.last_resort(asked, &PublishError::Busy) };
        let (publisher, theirs) = (Arc::clone(self), Arc::clone(asked));
        let work = tokio::task::spawn_blocking(move || {
            let response = job().unwrap_or_else(|failure| publisher.error_now(&theirs, failure));
            // Held until the thread is free again, also when nobody waits for the answer any more.
            drop(permit);
            response
        });
        match tokio::time::timeout_at(deadline, work).await {
            Ok(Ok(response)) => response,
            Ok(Err(panic)) => {
                let text = match panic.try_into_panic() {
                    Ok(panic) => panic_text(&*panic),
                    Err(cancelled) => cancelled.to_string(),
                };
                self.last_resort(asked, &PublishError::Panicked(text))
            }
            Err(_) => self.last_resort(asked, &PublishError::TooSlow),
        }
    }

    /// Waits on a task of its own, which comes to its end also when the client is gone.
    async fn wait(self: &Arc<Self>, asked: &Arc<Asked>, work: Work) -> Step {
        let error = match tokio::time::timeout_at(asked.deadline.into(), tokio::spawn(work)).await {
            Ok(Ok(Ok(step))) => return step,
            Ok(Ok(Err(failure))) => return self.error_step(asked, failure),
            Ok(Err(panic)) => {
                let text = panic.try_into_panic().map(|panic| panic_text(&*panic));
                PublishError::Panicked(text.unwrap_or_default())
            }
            Err(_) => PublishError::TooSlow,
        };
        Step::Ready(self.last_resort(asked, &error))
    }

    fn record(&self, asked: &Asked, response: &Response<Body>, started: Instant) {
        let took = started.elapsed();
        if took.as_secs_f64() > SLOW_SECS {
            tracing::warn!(id = asked.id, path = asked.logged_uri().path(), ?took, "a slow request");
        }
        let Some(log) = &self.log else { return };
        let is_head = asked.parts.method == Method::HEAD;
        let length =
            response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        log.record(&Entry {
            id: asked.id,
            client: asked.origin.client,
            method: &asked.parts.method,
            uri: &asked.logged_uri(),
            version: asked.parts.version,
            headers: &asked.parts.headers,
            status: response.status(),
            bytes: if is_head { 0 } else { length.unwrap_or(0) },
            took,
        });
    }

    /// Does what takes microseconds.
    fn begin(self: &Arc<Self>, asked: &Arc<Asked>) -> Step {
        match self.publish(asked) {
            Ok(step) => step,
            Err(failure) => self.error_step(asked, failure),
        }
    }

    fn publish(self: &Arc<Self>, asked: &Arc<Asked>) -> Result<Step, Failure> {
        if named_host(&asked.parts.uri, asked.headers()).is_none() {
            return Err(PublishError::TwoHosts.into());
        }
        if !asked.parts.method.is_safe() {
            same_origin(asked)?;
        }
        let path = RequestPath::parse(asked.parts.uri.path(), self.limits.path_bytes_max)
            .map_err(PublishError::from)?;
        if let Some(step) = self.account_step(asked, &path)? {
            return Ok(step);
        }
        match self.asker(asked)? {
            Asker::Basic(basic) => Ok(self.ask_basic(asked, basic, path)),
            Asker::Known(actor) => {
                let _ = asked.actor.set(actor);
                self.publish_path(asked, &path)
            }
        }
    }

    /// Publishes what a path leads to, once it is known who asks.
    fn publish_path(self: &Arc<Self>, asked: &Arc<Asked>, path: &RequestPath) -> Result<Step, Failure> {
        match asked.parts.method {
            Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE => {}
            // Whether there is a version is not for everybody.
            _ if asked.version_host.is_some() => {
                return Err(PublishError::Method { allow: ALLOWED_IN_VERSIONS.into() }.into());
            }
            Method::OPTIONS => return Ok(Step::Ready(options())),
            _ => return Err(PublishError::Method { allow: ALLOWED.into() }.into()),
        }
        let address = Address::of(&path.steps);
        if let Some(response) = self.enter(asked, &address)? {
            return Ok(Step::Ready(response));
        }
        if path.has_empty_steps {
            let prefix = self.prefix(asked);
            let url = asked.with_query(path.to_url(&prefix));
            return Ok(Step::Ready(redirect(StatusCode::PERMANENT_REDIRECT, &url, false)?));
        }
        if let [only] = address.steps
            && only == AT
        {
            return Err(PublishError::Moment(String::new()).into());
        }
        let is_safe = asked.parts.method.is_safe();
        let mut visit = self.visit(asked, address.moment)?;
        if let Some(step) = self.pages(asked, &visit, &address)? {
            return Ok(step);
        }
        if let Some(step) = self.rest(asked, &visit, &address)? {
            return Ok(step);
        }
        if !is_safe {
            if address.moment.is_some() || visit.only_below.is_some() {
                // What was cannot be changed, and preview links are for people who look.
                let error = PublishError::Method { allow: "GET, HEAD".into() };
                return Err(Failure::at(error, &visit, visit.entry()));
            }
            visit = self.as_owner(asked, &visit)?;
        }
        let target = resolve(&visit.snapshot, visit.types(), &visit.top, address.steps)
            .map_err(|error| Failure::at(error, &visit, visit.entry()))?;
        if let Some(object) = self.dress(asked, &visit, &target)? {
            return self.show(asked, visit, object, None);
        }
        let target =
            line::within(&visit, target).map_err(|error| Failure::at(error, &visit, visit.entry()))?;
        let target = entitle::permitted(&visit, target, address.steps)?;
        self.answer_target(asked, visit, target, path.ends_in_slash)
    }

    fn host(&self, asked: &Asked) -> Option<&Arc<crate::hosts::Host>> {
        if asked.version_host.is_some() {
            return Some(self.hosts.of_versions());
        }
        self.host_of(&asked.origin.authority)
    }

    /// What the host of that name shows.
    pub(crate) fn host_of(&self, authority: &str) -> Option<&Arc<crate::hosts::Host>> {
        let name = if authority.is_empty() { "" } else { host_name(authority)? };
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            self.hosts.find(&name.to_ascii_lowercase())
        } else {
            self.hosts.find(name)
        }
    }

    /// The hosts of the site.
    pub(crate) fn hosts(&self) -> &HostTable {
        &self.hosts
    }

    /// What every path of this host begins with.
    pub(crate) fn prefix(&self, asked: &Asked) -> String {
        self.host(asked).map(|host| host.prefix.clone()).unwrap_or_default()
    }

    /// The site as this host shows it at this moment.
    fn visit(&self, asked: &Asked, moment: Option<&str>) -> Result<Visit, PublishError> {
        let host = self.host(asked).ok_or_else(|| PublishError::Host(asked.origin.authority.clone()))?;
        let shown = asked.shown.get();
        let database = match shown {
            Some(shown) => &shown.database,
            // Whether there is a version, and what its error pages look like, is not for everybody.
            None if asked.version_host.is_some() => return Err(PublishError::NotFound),
            None => &self.database,
        };
        let mut before = host.prefix.clone();
        line::push_version(&mut before, shown);
        let (mut is_fixed, mut now) = (false, None);
        let snapshot = match moment {
            None => asked.state.clone().unwrap_or_else(|| database.snapshot()),
            Some(text) => {
                let moment = Moment::parse(text).ok_or_else(|| PublishError::Moment(text.to_owned()))?;
                push_step(&mut before, AT);
                push_step(&mut before, text);
                let tid = match moment {
                    Moment::Commit(tid) => tid,
                    Moment::Time(micros) => database.state_at(micros)?,
                };
                if let Some(shown) = shown.filter(|shown| tid < shown.opened) {
                    return Err(PublishError::NotOpened { name: shown.name.clone(), opened: shown.opened });
                }
                is_fixed = matches!(moment, Moment::Commit(_)) && shown.is_none();
                now = Some(database.snapshot());
                database.snapshot_at(tid)?
            }
        };
        let top = match bough_core::snapshot::find(&snapshot, &host.subtree)? {
            Some(oid) => snapshot.object(oid)?,
            None => None,
        };
        let top = top.ok_or_else(|| PublishError::NoSubtree(host.subtree.to_string()))?;
        let only_below = match shown.and_then(|shown| shown.only_below) {
            Some(oid) => Some(snapshot.object(oid)?.ok_or(PublishError::NotFound)?),
            None => None,
        };
        // The base URL is the public site's.
        let base_url = host.base_url.clone().filter(|_| asked.version_host.is_none());
        let links = Links { base_url, before, top: top.oid() };
        let types = Arc::clone(self.database.types());
        let here: SharedSnapshot = Arc::new(snapshot.clone());
        let is_elsewhere = shown.is_some() || moment.is_some() || asked.is_planned;
        let head = is_elsewhere.then(|| Arc::new(self.database.snapshot()) as SharedSnapshot);
        let actor = match shown.and_then(|shown| shown.actor.clone()) {
            Some(actor) => actor,
            None => self.actor(asked),
        };
        // What somebody sees who said who he is, nobody keeps for others, nor for ever.
        let is_fixed = is_fixed && !actor.is_known();
        let access = Access::new(actor, Arc::clone(&types), here, head);
        Ok(Visit {
            database: database.clone(),
            snapshot,
            now,
            access,
            types,
            top,
            links,
            only_below,
            is_fixed,
            is_looked_at: asked.state.is_some(),
        })
    }

    fn answer_target(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        visit: Visit,
        target: Target,
        ends_in_slash: bool,
    ) -> Result<Step, Failure> {
        let moved_to = |url: String| {
            let url = asked.with_query(url);
            redirect(StatusCode::PERMANENT_REDIRECT, &url, visit.is_fixed).map(Step::Ready)
        };
        match target {
            Target::Object(object) => {
                let wants_slash = object.oid() == visit.top.oid()
                    || is_container(&visit.snapshot, visit.types(), &object)
                        .map_err(|error| Failure::at(error, &visit, &object))?;
                if wants_slash != ends_in_slash
                    && let Some(url) = visit.links.url(&visit.snapshot, visit.types(), object.oid())?
                {
                    return Ok(moved_to(url)?);
                }
                if prefers_json(asked.headers()) {
                    return self.rest_object(asked, &visit, &object);
                }
                self.show(asked, visit, object, None)
            }
            Target::Method { object, .. } | Target::Applied { object, .. } if ends_in_slash => {
                let _ = object;
                let path = asked.parts.uri.path().trim_end_matches('/').to_owned();
                let path =
                    RequestPath::parse(&path, self.limits.path_bytes_max).map_err(PublishError::from)?;
                let prefix = self.prefix(asked);
                Ok(moved_to(path.to_url(&prefix))?)
            }
            Target::Method { object, method } => self.call_later(asked, visit, object, method),
            Target::Applied { object, template } => {
                let canonical = self.canonical(&visit, object.oid())?;
                self.render_later(asked, visit, object, Content::Template(template), canonical)
            }
            Target::Moved(oid) => match visit.links.url(&visit.snapshot, visit.types(), oid)? {
                Some(url) => Ok(moved_to(url)?),
                None => Err(Failure::at(PublishError::NotFound, &visit, visit.entry())),
            },
            Target::View { object, .. } => Err(Failure::at(PublishError::NotFound, &visit, &object)),
            Target::Missing { reached, .. } => Err(entitle::missing(&visit, &reached)),
        }
    }

    fn canonical(&self, visit: &Visit, oid: Oid) -> Result<Option<HeaderValue>, PublishError> {
        let url = visit.links.url(&visit.snapshot, visit.types(), oid)?;
        Ok(url.and_then(|url| canonical_link(&visit.links.absolute(url))))
    }

    /// Shows an object as its type does. `folder`: the one at whose URL it is shown, if that is not its own.
    fn show(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        visit: Visit,
        object: Arc<Object>,
        shown_for: Option<&Object>,
    ) -> Result<Step, Failure> {
        // Also a default document, which no path named.
        entitle::require(&visit, &object, None)?;
        let here = Arc::clone(&object);
        let failing = visit.clone();
        self.show_by_type(asked, visit, object, shown_for).map_err(|failure| match failure.at {
            Some(_) => failure,
            None => Failure::at(failure.error, &failing, &here),
        })
    }

    fn show_by_type(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        visit: Visit,
        object: Arc<Object>,
        shown_for: Option<&Object>,
    ) -> Result<Step, Failure> {
        let type_name = object.type_name().cloned();
        let known = type_name.as_ref().and_then(|name| visit.types().get(name.as_str()));
        if let Some(method) = known.and_then(|known| known.default_method()).cloned() {
            return self.call_later(asked, visit, object, method);
        }
        let type_name = type_name.as_ref().map_or("", Name::as_str);
        if object.oid() == visit.top.oid() || is_container(&visit.snapshot, visit.types(), &object)? {
            let Some(document) = folder::default_document(&visit, &object)? else {
                entitle::require(&visit, &object, Some(LIST))?;
                return self.render_later(asked, visit, object, Content::Listing, None);
            };
            return self.show(asked, visit, document, Some(&object));
        }
        let canonical = match shown_for {
            Some(folder) => self.canonical(&visit, folder.oid())?,
            None => match folder::shown_by(&visit, &object)? {
                Some(folder) => self.canonical(&visit, folder.oid())?,
                None => None,
            },
        };
        match type_name {
            "file" | "image" => {
                let document = file::show(&visit, &object)?;
                self.send(asked, visit, Document { canonical, ..document })
            }
            "link" => {
                let (url, is_permanent) = link::target(&visit, &object)?;
                let status = if is_permanent { StatusCode::PERMANENT_REDIRECT } else { StatusCode::FOUND };
                Ok(Step::Ready(redirect(status, &url, visit.is_fixed)?))
            }
            "page" => self.render_later(asked, visit, object, Content::Page, canonical),
            "template" => {
                // A template at its own URL makes a page of the place where it stands.
                let here = match object.place() {
                    Some(place) => visit.snapshot.object(place.parent)?,
                    None => None,
                };
                let here = here.unwrap_or_else(|| Arc::clone(&object));
                self.render_later(asked, visit, here, Content::Template(object), canonical)
            }
            _ => self.render_later(asked, visit, object, Content::Unknown, canonical),
        }
    }

    fn send(self: &Arc<Self>, asked: &Arc<Asked>, visit: Visit, document: Document) -> Result<Step, Failure> {
        match deliver(&self.compressed, asked, &visit, document, Place::Async)? {
            Delivery::Ready(response) => Ok(Step::Ready(response)),
            Delivery::ToCompress(document) => {
                let (publisher, asked) = (Arc::clone(self), Arc::clone(asked));
                Ok(Step::Later(Box::new(move || {
                    publisher.send_now(&asked, &visit, document).map_err(Failure::from)
                })))
            }
        }
    }

    pub(crate) fn send_now(
        &self,
        asked: &Asked,
        visit: &Visit,
        document: Document,
    ) -> Result<Response<Body>, PublishError> {
        match deliver(&self.compressed, asked, visit, document, Place::Blocking)? {
            Delivery::Ready(response) => Ok(response),
            Delivery::ToCompress(_) => Err(PublishError::Reply("compression was put off twice".into())),
        }
    }
}

fn options() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(ALLOWED));
    response
}

pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "something that is no text".to_owned(),
    }
}

/// The publisher as axum takes it.
#[derive(Clone)]
pub(crate) struct Publish(pub(crate) Arc<Publisher>);

impl tower::Service<Request<Body>> for Publish {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let publisher = Arc::clone(&self.0);
        Box::pin(async move { Ok(publisher.answer(request).await) })
    }
}
