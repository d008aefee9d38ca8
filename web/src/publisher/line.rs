//! Which line a request is answered from: the public one, or a version, and whether whoever asks may see that.
//!
//! A version is asked for by its own host, by `/@v/NAME/` before a path, or by the header `Bough-Version`. Until
//! people can log in, versions are shown to those who sit at this machine; to others, on the version's host, by a preview link.
//! To everybody else a version looks like a page that is not there, whether there is one of that name or not; at the
//! pages that people work with, whoever is not known yet is asked to log in, at every name alike.
//!
//! # Invariants
//! - Which line a public URL shows, no cookie decides: cookies are read on the hosts of versions only.
//! - What a version shows is kept by nobody, not by the browser either, so that a link taken back shows nothing more.
//! - Every answer of a host that other lines may answer from, too, says so (`Vary`).

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{ACCEPT, CACHE_CONTROL, COOKIE, SET_COOKIE, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use bough_core::acquisition::containers;
use bough_core::security::permission::{LIST, VERSIONS, VIEW};
use bough_core::security::{Access, Actor, Principal, Roles, Within, user};
use bough_core::snapshot::{Chain, ReadError, chain};
use bough_core::transaction::SharedSnapshot;
use bough_core::traversal::{Address, Target, VERSION};
use bough_core::{Object, Oid, Snapshot, Tid};
use bough_store::version::{VersionError, VersionInfo};
use bough_store::{Database, HistoryError, LineId, LineStatus};

use super::Publisher;
use super::deliver::redirect;
use super::path::RequestPath;
use super::visit::{Asked, Visit};
use crate::error::PublishError;
use crate::hosts::{host_name, is_local};
use crate::preview::{PreviewLink, STEP, Verdict, judge};
use crate::rest::{prefers_json, wants_problem};
use crate::types::file;
use crate::version_hosts::VersionHosts;

/// The header by which a client asks for a version, and by which an answer says which one it shows.
pub(super) const HEADER: HeaderName = HeaderName::from_static("bough-version");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
const FOR_ONE: HeaderValue = HeaderValue::from_static("private, no-cache");
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");
/// The cookie that holds the token of a preview link.
const COOKIE_NAME: &str = "bough-preview";
/// How much of a name that is no version's is repeated, in characters.
const NAME_SHOWN_MAX: usize = 60;

/// What a request for the host of a version says about that.
pub(crate) struct VersionHost {
    /// As it stands in the name of the host.
    pub(crate) name: String,
    /// Whether browsers come by TLS.
    is_https: bool,
}

/// By what a version was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Host,
    Path,
    Header,
}

/// A version that may be shown in answer to a request.
pub(crate) struct Shown {
    pub(crate) database: Database,
    pub(crate) name: String,
    pub(crate) opened: Tid,
    pub(crate) way: Way,
    /// The object outside of which nothing has a URL, for those who came by a preview link.
    pub(crate) only_below: Option<Oid>,
    /// As whom the version is seen, where that is not whoever asks.
    pub(crate) actor: Option<Actor>,
}

impl Shown {
    /// A version that somebody looks at without asking over HTTP.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn by_path(database: Database) -> Result<Self, VersionError> {
        let info = database.version_info()?;
        Ok(Self::of(database, info, Way::Path, None))
    }

    fn of(database: Database, info: VersionInfo, way: Way, actor: Option<Actor>) -> Self {
        Self { database, name: info.name, opened: info.opened, way, only_below: None, actor }
    }
}

/// What became of a version that is not called so any more.
enum Renamed {
    Known(Database, VersionInfo),
    Elsewhere(Response<Body>),
}

impl Publisher {
    /// Whether the host that was asked for is a version's.
    pub(super) fn version_host(&self, authority: &str) -> Option<VersionHost> {
        let name = host_name(authority)?.to_ascii_lowercase();
        let (version, hosts) = self.hosts.version(&name)?;
        Some(VersionHost { name: version.to_owned(), is_https: hosts.is_https() })
    }

    /// Finds the version that a request asks for, if it does, and whether it may have it; from then on the request is
    /// answered from there. Answers at once where a preview link was opened.
    pub(super) fn enter(
        &self,
        asked: &Asked,
        address: &Address<'_>,
    ) -> Result<Option<Response<Body>>, PublishError> {
        let header = asked.headers().get(HEADER).map(|name| name.to_str().unwrap_or("?"));
        let shown = match &asked.version_host {
            Some(host) => {
                if let [mark, token] = address.steps
                    && mark == STEP
                {
                    return self.open_preview(asked, host, token).map(Some);
                }
                let shown = match self.enter_host(asked, host) {
                    Err(PublishError::NotFound) if is_browser(asked) && !self.actor(asked).is_known() => {
                        let url = self.url_on_public_host(asked)?.ok_or(PublishError::NotFound)?;
                        return redirect(StatusCode::SEE_OTHER, &url, false).map(Some);
                    }
                    shown => shown?,
                };
                if address.version.is_some() || header.is_some_and(|header| header != shown.name) {
                    return Err(PublishError::VersionTwice);
                }
                if shown.only_below.is_some() && address.moment.is_some() {
                    // The link is to what the version shows, not to what was taken out of it before.
                    return Err(PublishError::NotFound);
                }
                shown
            }
            None => {
                let Some(name) = address.version.or(header) else { return Ok(None) };
                let Some(actor) = self.version_actor(asked)? else {
                    return self.keep_out(asked, address);
                };
                if address.version.is_some() && header.is_some_and(|header| header != name) {
                    return Err(PublishError::VersionTwice);
                }
                let way = if address.version.is_some() { Way::Path } else { Way::Header };
                let (database, info) = match self.version(name) {
                    Err(error @ PublishError::NoVersion { .. })
                        if way == Way::Path && !wants_problem(asked) =>
                    {
                        match self.renamed(asked, address, name)? {
                            None => return Err(error),
                            Some(Renamed::Known(database, info)) => (database, info),
                            Some(Renamed::Elsewhere(response)) => return Ok(Some(response)),
                        }
                    }
                    Err(PublishError::Discarded(_)) if way == Way::Path && self.are_pages(address) => {
                        let database = self.database.version(name).map_err(PublishError::Versions)?;
                        let info = database.version_info().map_err(PublishError::Versions)?;
                        (database, info)
                    }
                    found => found?,
                };
                Shown::of(database, info, way, actor)
            }
        };
        let _ = asked.shown.set(shown);
        Ok(None)
    }

    /// What somebody gets who may not see versions. A browser, and whoever asks for the pages that people work with, is
    /// asked to log in where nobody is known yet: at every name alike, so that nobody learns which versions there are.
    fn keep_out(&self, asked: &Asked, address: &Address<'_>) -> Result<Option<Response<Body>>, PublishError> {
        let asks = self.are_pages(address) || (address.version.is_some() && is_browser(asked));
        if self.actor(asked).is_known() || !asks {
            return Err(PublishError::NotFound);
        }
        match asked.parts.method {
            // What was typed into the form is kept by the browser, at the address that it comes back to.
            Method::POST => self.to_log_in(asked).map(Some),
            _ => Err(PublishError::LogIn),
        }
    }

    /// Where people find on the site's own host what they asked the host of a version for: nobody can log in on that, as
    /// a session is one host's. At every name alike. None where it is not known which host that is.
    pub(crate) fn url_on_public_host(&self, asked: &Asked) -> Result<Option<String>, PublishError> {
        let Some(version) = &asked.version_host else { return Ok(None) };
        let authority = &asked.origin.authority;
        let base = match &self.hosts.of_versions().base_url {
            Some(base) => base.to_string(),
            None if VersionHosts::LOCAL.version_in(&host_name_in_small(authority)).is_some() => {
                let scheme = if asked.origin.is_https { "https" } else { "http" };
                let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
                let port = if port.is_empty() { String::new() } else { format!(":{port}") };
                format!("{scheme}://localhost{port}")
            }
            None => return Ok(None),
        };
        let mut path = RequestPath::parse(asked.parts.uri.path(), self.limits.path_bytes_max)?;
        if path.steps.last().is_some_and(|last| last.starts_with("@@") && last.len() > 2)
            && !self.are_pages(&Address::of(&path.steps))
        {
            // A view of the site's own, as to log in, leads to the page that it stands at.
            path.steps.pop();
        }
        path.steps.splice(0..0, [VERSION.to_owned(), version.name.clone()]);
        path.ends_in_slash |= path.steps.len() == 2;
        Ok(Some(base + &asked.with_query(path.to_url(&self.prefix(asked)))))
    }

    /// Whether an address is one of the pages that the application adds.
    fn are_pages(&self, address: &Address<'_>) -> bool {
        let view = address.steps.iter().find_map(|step| step.strip_prefix("@@"));
        view.is_some_and(|view| self.added.iter().any(|pages| pages.view() == view))
    }

    /// Where a version is that has another name by now. What is read is read there; a form is taken as if it had been
    /// sent there, so that what was typed is not lost.
    fn renamed(
        &self,
        asked: &Asked,
        address: &Address<'_>,
        name: &str,
    ) -> Result<Option<Renamed>, PublishError> {
        let renamed = self.database.version_once_named(name).map_err(HistoryError::from)?;
        let Some(renamed) = renamed else { return Ok(None) };
        let now = renamed.version_info().map_err(PublishError::Versions)?;
        // What has the name by now may be another one.
        let is_it = self.database.version(&now.name).is_ok_and(|named| named.line() == renamed.line());
        if !is_it {
            return Ok(None);
        }
        if asked.parts.method == Method::POST && self.are_pages(address) {
            return Ok(Some(Renamed::Known(renamed, now)));
        }
        let mut path = RequestPath::parse(asked.parts.uri.path(), self.limits.path_bytes_max)?;
        match path.steps.iter_mut().skip_while(|step| *step != VERSION).nth(1) {
            Some(step) => step.clone_from(&now.name),
            None => return Err(PublishError::NotFound),
        }
        let url = asked.with_query(path.to_url(&self.prefix(asked)));
        // The name may be another version's some day.
        let mut response = redirect(StatusCode::SEE_OTHER, &url, false)?;
        response.headers_mut().insert(CACHE_CONTROL, PRIVATE);
        Ok(Some(Renamed::Elsewhere(response)))
    }

    /// As whom a request may see versions, none where it may not. Whoever asks may, by his permission; and as long as
    /// nobody can log in, whoever sits at this machine may, as its owner.
    fn version_actor(&self, asked: &Asked) -> Result<Option<Option<Actor>>, PublishError> {
        if self.is_local(asked) && self.has_no_users()? {
            return Ok(Some(Some(Actor::system())));
        }
        let actor = self.actor(asked);
        let head: SharedSnapshot = Arc::new(self.database.snapshot());
        let access = Access::new(actor, Arc::clone(self.database.types()), head, None);
        Ok(access.allows_at(VERSIONS, Oid::ROOT)?.then_some(None))
    }

    pub(crate) fn is_local(&self, asked: &Asked) -> bool {
        is_local(&self.trusted_proxies, asked.peer, asked.headers(), &asked.origin.authority)
    }

    fn enter_host(&self, asked: &Asked, host: &VersionHost) -> Result<Shown, PublishError> {
        if let Some(actor) = self.version_actor(asked)? {
            let (database, info) = self.version(&host.name)?;
            return Ok(Shown::of(database, info, Way::Host, actor));
        }
        let mut is_gone = false;
        for token in cookies(asked.headers()) {
            match self.follow(host, token) {
                Ok((shown, _)) => return Ok(shown),
                Err(PublishError::LinkGone) => is_gone = true,
                Err(PublishError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Err(if is_gone { PublishError::LinkGone } else { PublishError::NotFound })
    }

    /// The version of that name, for those who may know which there are.
    fn version(&self, name: &str) -> Result<(Database, VersionInfo), PublishError> {
        let database = self.database.version(name).map_err(|error| match error {
            VersionError::NoSuchVersion { name, similar } => {
                PublishError::NoVersion { name: name.chars().take(NAME_SHOWN_MAX).collect(), open: similar }
            }
            VersionError::PackedAway { name, .. } => PublishError::Discarded(name),
            other => PublishError::Versions(other),
        })?;
        let info = database.version_info().map_err(PublishError::Versions)?;
        match info.status {
            LineStatus::Discarded => Err(PublishError::Discarded(info.name)),
            LineStatus::Open | LineStatus::Closed => Ok((database, info)),
        }
    }

    /// What a preview link shows on this host.
    fn follow(&self, host: &VersionHost, token: &str) -> Result<(Shown, PreviewLink), PublishError> {
        let link = match judge(&self.database, token).map_err(HistoryError::from)? {
            Verdict::Forged => return Err(PublishError::NotFound),
            Verdict::Gone => return Err(PublishError::LinkGone),
            Verdict::Stands(link) => link,
        };
        // A version that was thrown away and packed is not there at all any more.
        let database = self.database.on(link.line).map_err(|_| PublishError::LinkGone)?;
        let info = database.version_info().map_err(PublishError::Versions)?;
        if info.status != LineStatus::Open || info.name != host.name {
            return Err(PublishError::LinkGone);
        }
        // The link shows what whoever made it may see, there and in nothing else.
        let who = match link.maker {
            None => Principal::System,
            Some(maker) => match user(&self.database.snapshot(), maker)? {
                Some(maker) => Principal::User(Arc::new(maker)),
                None => return Err(PublishError::LinkGone),
            },
        };
        let permissions = Some(Roles::named([VIEW, LIST]));
        let within = Within { subtree: Some(link.subtree), permissions };
        let actor = Actor { who, within: Some(Arc::new(within)) };
        let shown =
            Shown { only_below: Some(link.subtree), ..Shown::of(database, info, Way::Host, Some(actor)) };
        Ok((shown, link))
    }

    /// What a preview link's page is dressed with, where that lies outside of what the link shows: files and images that
    /// everybody may see in the version. Style sheets, scripts and fonts come as the version has them, like the
    /// templates that the page acquires; images only where the public site shows the very same at that address, so that
    /// no picture is seen before it is published. All else, pages above all, is not there.
    pub(super) fn dress(
        &self,
        asked: &Asked,
        visit: &Visit,
        target: &Target,
    ) -> Result<Option<Arc<Object>>, PublishError> {
        let (Some(top), Target::Object(object)) = (&visit.only_below, target) else { return Ok(None) };
        let is_file = object.is_a("file") || object.is_a("image");
        if !is_file || prefers_json(asked.headers()) || is_below(&visit.snapshot, object.oid(), top)? {
            return Ok(None);
        }
        // Outside of the part the holder has the rights of everybody, on every step of the way.
        for step in containers(&visit.snapshot, object.oid())? {
            if !visit.access.may_view(&step)? {
                return Ok(None);
            }
        }
        let name = object.place().map_or("", |place| place.name.as_str());
        let media_type = file::media_type(object.text("content_type"), name, "application/octet-stream");
        let is_dress = match Dress::of(&media_type) {
            Dress::Design => true,
            Dress::Image => self.is_public_as_it_is(visit, object)?,
            Dress::None => false,
        };
        Ok(is_dress.then(|| Arc::clone(object)))
    }

    /// Whether the public site shows everybody the very same object at the same address.
    fn is_public_as_it_is(&self, visit: &Visit, object: &Object) -> Result<bool, PublishError> {
        let trunk = self.database.snapshot();
        let Some(there) = trunk.object(object.oid())? else { return Ok(false) };
        if ["data", "content_type"].iter().any(|name| there.attribute(name) != object.attribute(name)) {
            return Ok(false);
        }
        let url = |snapshot: &_| visit.links.url(snapshot, visit.types(), object.oid());
        if url(&trunk)? != url(&visit.snapshot)? {
            return Ok(false);
        }
        let here: SharedSnapshot = Arc::new(trunk.clone());
        let access = Access::new(Actor::anonymous(), Arc::clone(self.database.types()), here, None);
        for step in containers(&trunk, object.oid())? {
            if !access.may_view(&step)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Lets the holder of a preview link in: with a cookie for this host, to what the link shows.
    fn open_preview(
        &self,
        asked: &Asked,
        host: &VersionHost,
        token: &str,
    ) -> Result<Response<Body>, PublishError> {
        let (shown, link) = self.follow(host, token)?;
        let _ = asked.shown.set(shown);
        let visit = self.visit(asked, None)?;
        let url = visit.links.url(&visit.snapshot, visit.types(), link.subtree)?;
        let mut response = redirect(StatusCode::SEE_OTHER, &url.ok_or(PublishError::NotFound)?, false)?;
        let secs = link.expires_micros.saturating_sub(self.database.now_micros()) / 1_000_000;
        let secure = if host.is_https || asked.origin.is_https { "; Secure" } else { "" };
        let cookie = format!("{COOKIE_NAME}={token}; Path=/; Max-Age={secs}; HttpOnly; SameSite=Lax{secure}");
        let cookie =
            HeaderValue::from_str(&cookie).map_err(|error| PublishError::Reply(error.to_string()))?;
        response.headers_mut().insert(SET_COOKIE, cookie);
        Ok(response)
    }
}

/// What a file can be to a page that uses it.
enum Dress {
    Design,
    Image,
    None,
}

impl Dress {
    fn of(media_type: &HeaderValue) -> Self {
        let essence = media_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        match essence.trim().to_ascii_lowercase().as_str() {
            "text/css" | "text/javascript" | "application/javascript" => Self::Design,
            font if font.starts_with("font/") => Self::Design,
            image if image.starts_with("image/") => Self::Image,
            _ => Self::None,
        }
    }
}

/// Whether somebody wants to see a page.
fn is_browser(asked: &Asked) -> bool {
    let accept = asked.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    matches!(asked.parts.method, Method::GET | Method::HEAD)
        && accept.is_some_and(|accept| accept.contains("text/html"))
        && !prefers_json(asked.headers())
}

fn host_name_in_small(authority: &str) -> String {
    host_name(authority).unwrap_or_default().to_ascii_lowercase()
}

/// The tokens that the client holds for this host. Another host beside it may have set one, too, so all are tried.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(';')).filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (name.trim() == COOKIE_NAME).then(|| value.trim())
    })
}

/// What a visitor may reach, where that is not all: what lies elsewhere is not there.
pub(crate) fn within(visit: &Visit, target: Target) -> Result<Target, ReadError> {
    let Some(top) = &visit.only_below else { return Ok(target) };
    let oid = match &target {
        Target::Object(object)
        | Target::Method { object, .. }
        | Target::View { object, .. }
        | Target::Applied { object, .. } => object.oid(),
        Target::Moved(oid) => *oid,
        Target::Missing { reached, .. } => reached.oid(),
    };
    let is_below = is_below(&visit.snapshot, oid, top)?;
    Ok(if is_below { target } else { Target::Missing { reached: top.clone(), step: String::new() } })
}

fn is_below(snapshot: &impl Snapshot, oid: Oid, top: &Object) -> Result<bool, ReadError> {
    Ok(match chain(snapshot, oid)? {
        Chain::Live(chain) => chain.iter().any(|object| object.oid() == top.oid()),
        _ => false,
    })
}

/// What the address of a version begins with where it was asked for by its path.
pub(super) fn push_version(before: &mut String, shown: Option<&Shown>) {
    if let Some(shown) = shown.filter(|shown| shown.way == Way::Path) {
        super::path::push_step(before, VERSION);
        super::path::push_step(before, &shown.name);
    }
}

/// What paths begin with in answers to programs, who shall be able to follow them as they are: also where the version
/// was asked for by the header. `prefix` is the host's.
pub(crate) fn followed(before: &str, prefix: &str, asked: &Asked) -> String {
    match (asked.shown.get().filter(|shown| shown.way == Way::Header), before.strip_prefix(prefix)) {
        (Some(shown), Some(behind)) => {
            let mut before = prefix.to_owned();
            super::path::push_step(&mut before, VERSION);
            super::path::push_step(&mut before, &shown.name);
            before + behind
        }
        _ => before.to_owned(),
    }
}

/// The same for a version at which nobody looks by a request; nothing for the trunk.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn push_line(before: &mut String, line: &Database) -> Result<(), VersionError> {
    if line.line() != LineId::TRUNK {
        push_version(before, Some(&Shown::by_path(line.clone())?));
    }
    Ok(())
}

/// Says whose content an answer is and who may keep it.
pub(super) fn label(asked: &Asked, response: &mut Response<Body>) {
    let headers = response.headers_mut();
    if let Some(shown) = asked.shown.get() {
        headers.insert(CACHE_CONTROL, PRIVATE);
        if let Ok(name) = HeaderValue::from_str(&shown.name) {
            headers.insert(HEADER, name);
        }
    }
    if asked.shown.get().is_some() || asked.version_host.is_some() {
        headers.insert(ROBOTS, HeaderValue::from_static("noindex"));
    }
    if asked.version_host.is_none() {
        headers.append(VARY, HeaderValue::from_name(HEADER));
        // A page that was made for somebody is not for others; one that was made for nobody may be kept for nobody.
        let is_known = asked.actor.get().is_some_and(Actor::is_known);
        let is_kept = headers.get(CACHE_CONTROL).is_none_or(|kept| kept != "no-store");
        if is_known && is_kept && asked.shown.get().is_none() {
            headers.insert(CACHE_CONTROL, FOR_ONE);
        }
    }
    // Objects are shown as JSON to those who ask for it.
    headers.append(VARY, HeaderValue::from_name(ACCEPT));
}
