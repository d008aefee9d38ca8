//! A request for a page: all that it is about.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::body::Body as HttpBody;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, SET_COOKIE};
use axum::http::{HeaderValue, Method, Response, StatusCode};
use base64::Engine as _;
use bough_core::object_type::TypeRegistry;
use bough_core::security::{Access, Actor, Authority, Warrant, user};
use bough_core::snapshot::{Chain, chain};
use bough_core::transaction::SharedSnapshot;
use bough_core::traversal::VERSION;
use bough_core::{Object, ObjectPath, Oid, Snapshot as _, Tid};
use bough_store::version::{MergeChoice, MergePlan, Pick};
use bough_store::{Body, Database, Draft, Kind, Note, Snapshot};

use super::form::text_of;
use super::{PageAnswer, PageError, PageFile, PageForm};
use crate::auth::cookie::Cookies;
use crate::auth::form::FormSecret;
use crate::auth::{Accounts, Identity};
use crate::conditional::{Etag, Validators};
use crate::content::headers::Guard;
use crate::content::sanitise::sanitise_for;
use crate::error::PublishError;
use crate::failures::InternalFailure;
use crate::publisher::deliver::{Document, Payload, redirect};
use crate::publisher::links::Links;
use crate::publisher::path::push_step;
use crate::publisher::receive::media_essence;
use crate::publisher::visit::{Asked, Visit};
use crate::publisher::{Failure, Publisher, form};
use crate::rest::told;
use crate::survey::{Survey, SurveyError};
use crate::tasks::Tasks;
use crate::types::page::markdown;
use crate::urlencoded;
use crate::version_links::{VersionLink, links_into_versions};
use crate::version_rights::require_discard;

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Most fields of one form.
const FIELDS_MAX: usize = 5_000;

/// What stands before the view in the path.
#[derive(Debug)]
pub enum PagePlace {
    /// This object.
    Object(Arc<Object>),
    /// Nothing any more: the object is elsewhere now.
    Moved(Oid),
    /// Nothing: this is how far the path leads.
    Missing(Arc<Object>),
    /// Something that whoever asks may not see.
    Refused(PageError),
}

/// A request for a page.
pub struct PageRequest {
    publisher: Arc<Publisher>,
    asked: Arc<Asked>,
    visit: Visit,
    place: PagePlace,
    behind: Vec<String>,
    query: BTreeMap<String, Vec<String>>,
    secret: FormSecret,
    session: Option<String>,
    nonce: String,
    form: OnceLock<PageForm>,
}

impl PageRequest {
    pub(super) fn new(
        publisher: Arc<Publisher>,
        asked: Arc<Asked>,
        visit: Visit,
        place: PagePlace,
        behind: Vec<String>,
    ) -> Result<Self, PublishError> {
        let cookies = Cookies::new(asked.headers(), asked.origin.is_https);
        let session = match publisher.accounts.identify(asked.headers(), asked.origin.is_https)? {
            Identity::Session(key) if user(&visit.snapshot, key.user)?.is_some() => Some(key),
            _ => None,
        };
        let secret = FormSecret::of(session.as_ref().map(|key| &key.secret), cookies);
        let session = session.map(|key| key.id());
        let query = asked.query();
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| PublishError::Reply(error.to_string()))?;
        let nonce = base64::engine::general_purpose::STANDARD.encode(random);
        let form = OnceLock::new();
        Ok(Self { publisher, asked, visit, place, behind, query, secret, session, nonce, form })
    }

    // What is asked.

    /// Whether something was sent that is to be done.
    pub fn is_post(&self) -> bool {
        self.asked.parts.method == Method::POST
    }

    /// The steps of the path behind the view.
    pub fn behind(&self) -> &[String] {
        &self.behind
    }

    /// The last value of a key of the query.
    pub fn query(&self, key: &str) -> Option<&str> {
        self.query.get(key)?.last().map(String::as_str)
    }

    /// All values of a key of the query.
    pub fn query_all(&self, key: &str) -> &[String] {
        self.query.get(key).map_or(&[], Vec::as_slice)
    }

    /// The query as it was written; empty where there is none.
    pub fn query_text(&self) -> &str {
        self.asked.parts.uri.query().unwrap_or_default()
    }

    /// A header of the request, if it is a text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.asked.headers().get(name)?.to_str().ok()
    }

    /// What the form carried.
    ///
    /// # Errors
    /// When it was not shown to this browser, or cannot be read.
    pub fn form(&self) -> Result<&PageForm, PageError> {
        if let Some(form) = self.form.get() {
            return Ok(form);
        }
        let form = self.read_form()?;
        if !self.secret.accepts_masked(form.get("code")) {
            return Err(PageError::form_expired());
        }
        Ok(self.form.get_or_init(|| form))
    }

    fn read_form(&self) -> Result<PageForm, PublishError> {
        let received = &self.asked.received;
        let refused = |error: &dyn std::fmt::Display| {
            PublishError::Argument(format!("the form cannot be read: {error}"))
        };
        match media_essence(self.asked.headers()).as_str() {
            "application/x-www-form-urlencoded" => {
                let mut text = Vec::new();
                std::io::Read::read_to_end(&mut received.reader(), &mut text)
                    .map_err(|error| refused(&error))?;
                let fields = urlencoded::list(&String::from_utf8_lossy(&text), FIELDS_MAX)
                    .ok_or_else(|| refused(&"it has more than 5,000 fields; send less at a time"))?;
                Ok(PageForm { fields, files: Vec::new() })
            }
            "multipart/form-data" => {
                let parts = form::parts(self.asked.headers(), received).map_err(|error| refused(&error))?;
                let mut read = PageForm::default();
                for part in parts {
                    if part.file_name.is_none() {
                        let text = text_of(&part, &self.asked).map_err(|error| refused(&error))?;
                        read.fields.push((part.name, text));
                    } else if part.len() > 0 || part.file_name.as_deref() != Some("") {
                        // A field for files in which none was chosen comes as one without a name.
                        read.files.push(PageFile { part, asked: Arc::clone(&self.asked) });
                    }
                }
                Ok(read)
            }
            other => Err(refused(&format_args!("`{other}` is no form"))),
        }
    }

    /// What every form of the page carries in its field `code`; each time another text.
    pub fn form_code(&self) -> String {
        self.secret.masked_code()
    }

    /// What allows a style sheet that a script makes, once.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// When the answer has to be ready.
    pub fn deadline(&self) -> Instant {
        self.asked.deadline
    }

    /// Refuses to go on when the time for the answer is over.
    ///
    /// # Errors
    /// When it is.
    pub fn check_time(&self) -> Result<(), PageError> {
        if Instant::now() > self.asked.deadline { Err(PublishError::TooSlow.into()) } else { Ok(()) }
    }

    // What it is about.

    /// What stands before the view.
    pub fn place(&self) -> &PagePlace {
        &self.place
    }

    /// The object before the view.
    ///
    /// # Errors
    /// When there is none.
    pub fn object(&self) -> Result<&Arc<Object>, PageError> {
        match &self.place {
            PagePlace::Object(object) => Ok(object),
            _ => Err(PageError::not_found()),
        }
    }

    /// The line that is shown and written to.
    pub fn database(&self) -> &Database {
        &self.visit.database
    }

    /// The public line.
    pub fn trunk(&self) -> &Database {
        &self.publisher.database
    }

    /// The line as it is: everything on the page is from this one state.
    pub fn snapshot(&self) -> &Snapshot {
        &self.visit.snapshot
    }

    /// The types of the site.
    pub fn types(&self) -> &Arc<TypeRegistry> {
        self.visit.types()
    }

    /// What `/` names here.
    pub fn top(&self) -> &Arc<Object> {
        &self.visit.top
    }

    /// The name of the version that is shown; none on the public line.
    pub fn version_name(&self) -> Option<&str> {
        self.asked.shown.get().map(|shown| shown.name.as_str())
    }

    /// Whether this is the host of a version, from which no other line can be reached.
    pub fn is_version_host(&self) -> bool {
        self.asked.version_host.is_some()
    }

    /// The same page on the site's own host, where this is the host of a version and that is known.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub fn url_on_public_host(&self) -> Result<Option<String>, PageError> {
        Ok(self.publisher.url_on_public_host(&self.asked)?)
    }

    // Who asks.

    /// What whoever asks may do.
    pub fn access(&self) -> &Access {
        &self.visit.access
    }

    /// Who asks.
    pub fn actor(&self) -> &Actor {
        self.visit.access.actor()
    }

    /// Refuses what whoever asks may not do with an object; asks him to log in where that may help.
    ///
    /// # Errors
    /// When he may not.
    pub fn require(&self, object: &Object, permission: &str) -> Result<(), PageError> {
        if self.access().allows(permission, object)? {
            return Ok(());
        }
        Err(if self.actor().is_known() { PageError::forbidden(permission) } else { PageError::log_in() })
    }

    /// What he may do with another state of the site.
    pub fn access_to(&self, snapshot: &Snapshot) -> Access {
        let access = self.access();
        let here: SharedSnapshot = Arc::new(snapshot.clone());
        Access::new(access.actor().clone(), Arc::clone(self.types()), here, Some(Arc::clone(access.head())))
    }

    /// Which pages a merge makes different, as whoever asks sees them on this host.
    ///
    /// # Errors
    /// When the merge cannot be planned.
    pub fn survey(&self, version: &Database, choice: &MergeChoice) -> Result<Survey, SurveyError> {
        Survey::by(&self.publisher, self.actor().clone(), self.asked.origin.clone(), version, choice)
    }

    /// The links into versions that a merge would publish.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn links_into_versions(
        &self,
        version: &Database,
        plan: &MergePlan,
    ) -> Result<Vec<VersionLink>, PageError> {
        Ok(links_into_versions(version, plan, self.publisher.hosts())?)
    }

    /// Whether nobody can log in yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn has_no_users(&self) -> Result<bool, PageError> {
        Ok(self.publisher.has_no_users()?)
    }

    /// Whether whoever asks sits at this machine.
    pub fn is_local(&self) -> bool {
        self.publisher.is_local(&self.asked)
    }

    /// The accounts of the site.
    pub fn accounts(&self) -> &Accounts {
        &self.publisher.accounts
    }

    /// The tasks of the site.
    pub fn tasks(&self) -> &Tasks {
        &self.publisher.tasks
    }

    /// What the session of this browser is called in lists, if it is logged in.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Records that a page could not be made, for one that answers with a page of its own about that.
    pub fn record_failure(&self, error: &PageError) {
        self.publisher.log_error(&self.asked, &error.0);
    }

    /// What went wrong inside of the server of late, the newest first: only for those who run the site.
    pub fn internal_failures(&self) -> Vec<InternalFailure> {
        self.publisher.failures.all()
    }

    // Links.

    /// The path of an object's own URL on this line; none where it has none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn url(&self, oid: Oid) -> Result<Option<String>, PageError> {
        Ok(self.visit.links.url(&self.visit.snapshot, self.types(), oid)?)
    }

    /// The path of a page of an object on this line; the same page of `/` where it has no URL.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn page_url(&self, oid: Oid, behind: &[&str]) -> Result<String, PageError> {
        let url = self.url(oid)?.unwrap_or_else(|| format!("{}/", self.visit.links.before));
        Ok(self.with_page(&url, behind))
    }

    /// The path of a page of `/` on this line.
    pub fn top_url(&self, behind: &[&str]) -> String {
        self.with_page(&self.visit.links.before, behind)
    }

    /// The path of a page of an object on another line: on the public one, where no version is named.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn page_url_on(
        &self,
        line: (Option<&str>, &Database),
        oid: Oid,
        behind: &[&str],
    ) -> Result<String, PageError> {
        let mut before = self.prefix();
        if let Some(version) = line.0 {
            push_step(&mut before, VERSION);
            push_step(&mut before, version);
        }
        let links = Links { base_url: None, before: before.clone(), top: self.visit.top.oid() };
        let url = links.url(&line.1.snapshot(), self.types(), oid)?;
        Ok(self.with_page(&url.unwrap_or(before), behind))
    }

    /// What every path of this host begins with; mostly nothing.
    pub fn prefix(&self) -> String {
        self.publisher.prefix(&self.asked)
    }

    fn with_page(&self, url: &str, behind: &[&str]) -> String {
        let mut url = url.trim_end_matches('/').to_owned();
        let view = self.asked.parts.uri.path().split('/').find(|step| step.starts_with("@@"));
        url.push('/');
        url.push_str(view.unwrap_or_default());
        for step in behind {
            push_step(&mut url, step);
        }
        url
    }

    /// Where an object stands in a state of this line, from what `/` names; none where that is elsewhere.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn path_in(&self, snapshot: &Snapshot, oid: Oid) -> Result<Option<ObjectPath>, PageError> {
        let Chain::Live(chain) = chain(snapshot, oid)? else { return Ok(None) };
        let Some(depth) = chain.iter().position(|object| object.oid() == self.visit.top.oid()) else {
            return Ok(None);
        };
        let names = chain[..depth].iter().rev().filter_map(|object| object.place());
        Ok(Some(ObjectPath::from(names.map(|place| place.name.clone()).collect::<Vec<_>>())))
    }

    /// Where an object stands, for sentences; its oid where that is elsewhere.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn path_text(&self, oid: Oid) -> Result<String, PageError> {
        let path = self.path_in(self.snapshot(), oid)?;
        Ok(path.map_or_else(|| oid.to_string(), |path| path.to_string()))
    }

    /// The object at a path from what `/` names here, where it is there and may be seen.
    ///
    /// # Errors
    /// When the path is none, or the store cannot be read.
    pub fn find(&self, path: &str) -> Result<Option<Arc<Object>>, PageError> {
        let path = ObjectPath::parse(path).map_err(|error| PageError::refused(error.to_string()))?;
        let mut at = Arc::clone(&self.visit.top);
        for name in path.names() {
            let child = self.visit.snapshot.child(at.oid(), name.as_str())?;
            match child.map(|oid| self.visit.snapshot.object(oid)).transpose()?.flatten() {
                Some(object) => at = object,
                None => return Ok(None),
            }
        }
        Ok(if self.access().may_view(&at)? { Some(at) } else { None })
    }

    /// A text of a page as visitors get it, as far as it does not act: HTML, or Markdown, as from the object's own URL.
    ///
    /// # Errors
    /// When it takes too long to make, or the store cannot be read.
    pub fn markup(&self, oid: Oid, text: &str, is_markdown: bool) -> Result<String, PageError> {
        let at = self.url(oid)?.unwrap_or_default();
        let html = if is_markdown { markdown(text) } else { text.to_owned() };
        Ok(sanitise_for(&html, &at).ok_or(PublishError::TooSlow)?)
    }

    /// Refuses to throw away what was done in a version to what whoever asks may not see or not change there, unless he
    /// may settle what becomes of the version.
    ///
    /// # Errors
    /// When he may not; when that cannot be thrown away by itself.
    pub fn require_discard(&self, version: &Database, picks: &[Pick]) -> Result<(), PageError> {
        require_discard(self.access(), version, picks).map_err(|error| self.told(PageError(error)))
    }

    // Writing.

    /// What lets whoever asks change what he may.
    pub fn warrant(&self) -> Arc<dyn Authority> {
        Arc::new(Warrant::new(self.actor().clone(), Arc::clone(self.types())))
    }

    /// The note of a commit by whoever asks, as far as he may.
    pub fn note(&self, sentence: impl Into<String>, kind: Kind) -> Note {
        let note = Note::edit(sentence).of_kind(kind).by(self.actor().name()).under(self.warrant());
        Note { request: format!("{:012x}", self.asked.id), ..note }
    }

    /// Does `work` in a transaction on this line and commits it, as far as whoever asks may. What is added belongs to him.
    /// Answers the commit, too; none where nothing changed.
    ///
    /// # Errors
    /// When `work` fails, when he may not, or when it cannot be written: then nothing was changed.
    pub fn write<T>(
        &self,
        sentence: impl Into<String>,
        mut work: impl FnMut(&mut Draft) -> Result<T, PageError>,
    ) -> Result<(T, Option<Tid>), PageError> {
        let maker = self.actor().user().map(|user| user.oid);
        let done = self.database().write(self.note(sentence, Kind::Edit), |draft| {
            draft.set_maker(maker);
            work(draft)
        });
        done.map_err(|error| self.told(error))
    }

    /// What whoever asks is told of a refused write: nothing of what he may not know of.
    pub fn told(&self, error: impl Into<PageError>) -> PageError {
        PageError(told(&self.visit, error.into().0))
    }

    // Answering.

    pub(super) fn respond(
        self,
        answer: Result<PageAnswer, PageError>,
    ) -> Result<Response<HttpBody>, Failure> {
        let at = match &self.place {
            PagePlace::Object(object) | PagePlace::Missing(object) => Arc::clone(object),
            PagePlace::Moved(_) | PagePlace::Refused(_) => Arc::clone(&self.visit.top),
        };
        let response = answer.map_err(|error| error.0).and_then(|answer| self.send(answer));
        let mut response = response.map_err(|error| Failure::at(error, &self.visit, &at))?;
        if let Some(cookie) = self.secret.cookie {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(response)
    }

    fn send(&self, answer: PageAnswer) -> Result<Response<HttpBody>, PublishError> {
        let mut kept = NO_STORE;
        let mut saved = None;
        let document = match answer {
            PageAnswer::Html { status, html } => {
                Document { status, guard: Guard::Own(self.policy()?), ..Document::html(html) }
            }
            PageAnswer::SeeOther(url) => {
                let mut response = redirect(StatusCode::SEE_OTHER, &url, false)?;
                response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
                return Ok(response);
            }
            PageAnswer::Json(json) => {
                let body = json.to_string().into_bytes();
                Document::new(HeaderValue::from_static("application/json"), Payload::Bytes(body.into()))
            }
            PageAnswer::Asset { media_type, bytes } => {
                kept = FOR_EVER;
                let etag = Etag::of_bytes(&blake3::hash(&bytes).as_bytes()[..16]);
                let validators = Some(Validators { etag, modified_secs: None });
                let media_type = HeaderValue::from_static(media_type);
                let document = Document::new(media_type, Payload::Bytes(bytes));
                Document { validators, is_named_by_its_tag: true, guard: Guard::Still, ..document }
            }
            PageAnswer::Download { name, body } => {
                let encoded =
                    percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
                saved = HeaderValue::from_str(&format!("attachment; filename*=UTF-8''{encoded}")).ok();
                let payload = match body {
                    Body::Bytes(bytes) => Payload::Bytes(bytes),
                    Body::File(file) => Payload::File(file),
                };
                let media_type = HeaderValue::from_static("application/octet-stream");
                Document { guard: Guard::Saved, ..Document::new(media_type, payload) }
            }
        };
        let mut response = self.publisher.send_now(&self.asked, &self.visit, document)?;
        response.headers_mut().insert(CACHE_CONTROL, kept);
        if let Some(saved) = saved {
            response.headers_mut().insert(CONTENT_DISPOSITION, saved);
        }
        Ok(response)
    }

    /// What the pages may do in a browser: nothing but what comes from here. A frame shows a page of the site.
    fn policy(&self) -> Result<HeaderValue, PublishError> {
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{}'; img-src 'self' data: blob:; \
             media-src 'self' blob:; font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'none'",
            self.nonce
        );
        HeaderValue::from_str(&policy).map_err(|error| PublishError::Reply(error.to_string()))
    }
}
