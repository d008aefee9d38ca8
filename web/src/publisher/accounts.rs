//! The views of accounts: `@@login`, `@@logout`, `@@account` and `@@welcome`, at any address of the public site.
//!
//! Where they stand says whose users are asked: those of the user folders from there outward. They answer at every
//! address alike, also where nothing is, so that they tell nobody what there is.
//!
//! # Invariants
//! - Reading changes nothing: everything is done by forms that carry a code of the browser's (`auth::form`).
//! - A form leads to a path of this site.

use std::io::Read as _;
use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE, USER_AGENT,
};
use axum::http::{HeaderValue, Method, Response, StatusCode};
use bough_core::security::{Access, Actor, Principal, Roles, User, Within, user};
use bough_core::transaction::SharedSnapshot;
use bough_core::traversal::{Address, Target, resolve};
use bough_core::{Object, ObjectPath, Oid, Snapshot as _};
use bough_store::Snapshot;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::deliver::redirect;
use super::line::HEADER;
use super::path::{RequestPath, push_step};
use super::receive::{Received, media_essence};
use super::visit::{Asked, Visit};
use super::{Failure, Publisher, Step};
use crate::auth::cookie::Cookies;
use crate::auth::form::{Form, FormSecret};
use crate::auth::pages::{
    AccountPage, DeviceRow, Frame, LogInPage, LogOutPage, Notice, STYLE, STYLE_VIEW, TokenRow, WelcomeForm,
    WelcomePage,
};
use crate::auth::{
    AccountError, Accounts, Basic, Browser, Identity, Invite, LogIn, LogInError, May, NewToken,
    PASSWORD_CHARS_MIN, Secret, SessionKey, Wait, candidates, local_path,
};
use crate::error::PublishError;

/// What can be done with the views of accounts.
const ALLOWED: &str = "GET, HEAD, POST, OPTIONS";
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Microseconds of a day.
const DAY: u64 = 24 * 3_600_000_000;
/// Most days after which a token expires.
const TOKEN_DAYS_MAX: u64 = 3_650;
/// How long to wait when too many log in, in seconds.
const BUSY: Wait = Wait { secs: 5 };

#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    LogIn,
    LogOut,
    Account,
    Welcome,
    Style,
}

impl View {
    fn of(step: &str) -> Option<Self> {
        Some(match step.strip_prefix("@@")? {
            "login" => Self::LogIn,
            "logout" => Self::LogOut,
            "account" => Self::Account,
            "welcome" => Self::Welcome,
            STYLE_VIEW => Self::Style,
            _ => return None,
        })
    }
}

/// Who asks, as far as that is known without hashing a password.
pub(super) enum Asker {
    Known(Actor),
    /// Whose name and password this is has to be found out ([`Publisher::ask_basic`]).
    Basic(Basic),
}

/// Somebody at one of the views.
struct Caller {
    publisher: Arc<Publisher>,
    asked: Arc<Asked>,
    visit: Visit,
    /// Where the view stands, or the last object on the way to there.
    here: Arc<Object>,
    prefix: String,
    session: Option<(SessionKey, User)>,
    secret: FormSecret,
}

impl Publisher {
    /// What a path to one of the views leads to; none for all other paths.
    pub(super) fn account_step(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        path: &RequestPath,
    ) -> Result<Option<Step>, Failure> {
        let Some((last, before)) = path.steps.split_last() else { return Ok(None) };
        let Some(view) = View::of(last) else { return Ok(None) };
        let address = Address::of(before);
        let is_public = asked.version_host.is_none() && !asked.headers().contains_key(HEADER);
        if !is_public || address.version.is_some() || address.moment.is_some() {
            return Ok(None);
        }
        match asked.parts.method {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => return Ok(None),
            Method::POST if view != View::Style => {}
            _ => return Err(PublishError::Method { allow: ALLOWED.into() }.into()),
        }
        if view == View::Style {
            return Ok(Some(Step::Ready(style(asked))));
        }
        let visit = self.visit(asked, None)?;
        let here = last_on_the_way(resolve(&visit.snapshot, visit.types(), &visit.top, before)?);
        let here = here.unwrap_or_else(|| Arc::clone(&visit.top));
        let cookies = Cookies::new(asked.headers(), asked.origin.is_https);
        let session = match self.accounts.identify(asked.headers(), asked.origin.is_https)? {
            Identity::Session(key) => user(&visit.snapshot, key.user)?.map(|user| (key, user)),
            _ => None,
        };
        let secret = FormSecret::of(session.as_ref().map(|(key, _)| &key.secret), cookies);
        let prefix = self.prefix(asked);
        let (publisher, asked) = (Arc::clone(self), Arc::clone(asked));
        let caller = Caller { publisher, asked, visit, here, prefix, session, secret };
        Ok(Some(Step::Awaited(Box::pin(async move { caller.answer(view).await.map(Step::Ready) }))))
    }

    /// Who asks, as far as that is known without hashing a password. Somebody whose session or token does not stand
    /// any more is nobody.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn asker(&self, asked: &Asked) -> Result<Asker, AccountError> {
        let known = |oid, within| -> Result<_, AccountError> {
            let head = self.database.snapshot();
            let who = user(&head, oid)?.map_or(Principal::Anonymous, |user| Principal::User(Arc::new(user)));
            Ok(Asker::Known(Actor { who, within }))
        };
        match self.accounts.identify(asked.headers(), asked.origin.is_https)? {
            Identity::Nobody | Identity::Wrong => Ok(Asker::Known(Actor::anonymous())),
            Identity::Session(key) => known(key.user, None),
            Identity::Token(token) => {
                let permissions = token.about.permissions.as_ref();
                let permissions = permissions.map(|all| Roles::named(all.iter().map(String::as_str)));
                let within = Within { subtree: token.about.subtree, permissions };
                known(token.user, Some(Arc::new(within)))
            }
            Identity::Basic(basic) => Ok(Asker::Basic(basic)),
        }
    }

    /// Publishes what a path leads to for whoever's name and password a request holds; for nobody where they are wrong,
    /// which is no error where everybody may have it.
    pub(super) fn ask_basic(self: &Arc<Self>, asked: &Arc<Asked>, basic: Basic, path: RequestPath) -> Step {
        let (publisher, asked) = (Arc::clone(self), Arc::clone(asked));
        Step::Awaited(Box::pin(async move {
            let (actor, wait) = match publisher.basic_actor(&asked, &basic, &path).await? {
                Ok(actor) => (actor, None),
                Err(wait) => (Actor::anonymous(), Some(wait)),
            };
            let _ = asked.actor.set(actor);
            publisher.publish_path(&asked, &path).map_err(|failure| match (&failure.error, wait) {
                (PublishError::LogIn, Some(wait)) => PublishError::TooMany(wait).into(),
                _ => failure,
            })
        }))
    }

    /// Whose name and password these are, of those who count where the path leads to on the trunk; or how long to wait
    /// until that may be asked again.
    async fn basic_actor(
        &self,
        asked: &Asked,
        basic: &Basic,
        path: &RequestPath,
    ) -> Result<Result<Actor, Wait>, PublishError> {
        let head = self.database.snapshot();
        let object = match self.host(asked) {
            Some(host) => match bough_core::snapshot::find(&head, &host.subtree)? {
                Some(top) => self.nearest(&head, top, Address::of(&path.steps).steps)?,
                None => Oid::ROOT,
            },
            None => Oid::ROOT,
        };
        let candidates = candidates(&head, object, &basic.name)?;
        let may = self.may_view(Arc::new(head.clone()), object);
        let user_oid = match self.accounts.verify_basic(basic, asked.origin.client, candidates, may).await {
            Ok(found) => found,
            Err(LogInError::TooMany(wait)) => return Ok(Err(wait)),
            Err(LogInError::Wrong) => None,
            Err(LogInError::Account(error)) => return Err(error.into()),
        };
        let emergency = self.emergency_user.as_ref().filter(|_| user_oid.is_none());
        if let Some(name) = emergency.and_then(|user| user.is_meant(&basic.name, &basic.password)) {
            return Ok(Ok(Actor::new(Principal::Emergency(name))));
        }
        let found = user_oid.map(|oid| user(&head, oid)).transpose()?.flatten();
        Ok(Ok(Actor::new(found.map_or(Principal::Anonymous, |user| Principal::User(Arc::new(user))))))
    }

    /// The object that steps lead to, or the last one on the way.
    fn nearest(&self, head: &Snapshot, top: Oid, steps: &[String]) -> Result<Oid, PublishError> {
        let Some(top) = head.object(top)? else { return Ok(Oid::ROOT) };
        Ok(last_on_the_way(resolve(head, self.database.types(), &top, steps)?)
            .map_or(top.oid(), |at| at.oid()))
    }

    /// Leads people to the form where they can log in, if that is what an answer should ask for.
    pub(super) fn ask_to_log_in(&self, asked: &Asked, error: &PublishError) -> Option<Response<Body>> {
        let headers = asked.headers();
        let is_page = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        let is_browser = is_page.is_some_and(|accept| accept.contains("text/html"))
            && matches!(asked.parts.method, Method::GET | Method::HEAD)
            && !headers.contains_key(AUTHORIZATION);
        if error.status() != StatusCode::UNAUTHORIZED || !is_browser || asked.shown.get().is_some() {
            return None;
        }
        self.to_log_in(asked).ok()
    }

    /// Leads to the form where people can log in, and from there back to what was asked for.
    pub(super) fn to_log_in(&self, asked: &Asked) -> Result<Response<Body>, PublishError> {
        let path = RequestPath::parse(asked.parts.uri.path(), self.limits.path_bytes_max)?;
        let prefix = self.prefix(asked);
        let next = asked.with_query(path.to_url(&prefix));
        let mut url = prefix;
        for step in Address::of(&path.steps).steps {
            push_step(&mut url, step);
        }
        push_step(&mut url, "@@login");
        redirect_no_store(&with_next(url, &next))
    }

    /// Whether a user may see an object.
    fn may_view(&self, head: SharedSnapshot, object: Oid) -> May {
        let types = Arc::clone(self.database.types());
        Box::new(move |oid| {
            let (Some(user), Some(object)) = (user(&*head, oid)?, head.object(object)?) else {
                return Ok(false);
            };
            let actor = Actor::new(Principal::User(Arc::new(user)));
            Access::new(actor, Arc::clone(&types), Arc::clone(&head), None).may_view(&object)
        })
    }
}

type Answer = Result<Response<Body>, Failure>;

impl Caller {
    async fn answer(self, view: View) -> Answer {
        let form = match self.asked.parts.method {
            Method::POST => Some(self.form()?),
            _ => None,
        };
        match (view, form) {
            (View::LogIn, None) => self.show_log_in(),
            (View::LogIn, Some(form)) => self.log_in(form).await,
            (View::LogOut, None) => self.show_log_out(),
            (View::LogOut, Some(form)) => self.log_out(form).await,
            (View::Account, None) => self.show_account(StatusCode::OK, self.said_before(), None),
            (View::Account, Some(form)) => self.change_account(form).await,
            (View::Welcome, None) => {
                let key = self.query("key");
                self.show_welcome(StatusCode::OK, &key, "", None)
            }
            (View::Welcome, Some(form)) => self.redeem(form).await,
            (View::Style, _) => Ok(style(&self.asked)),
        }
    }

    // What is asked.

    fn form(&self) -> Result<Form, PublishError> {
        if media_essence(self.asked.headers()) != "application/x-www-form-urlencoded" {
            return Err(PublishError::Argument("a form is expected here".into()));
        }
        let received: &Received = &self.asked.received;
        let mut bytes = Vec::new();
        let read = received.reader().take(64 << 10).read_to_end(&mut bytes);
        read.map_err(|error| PublishError::Argument(format!("the form cannot be read: {error}")))?;
        Ok(Form::parse(&bytes))
    }

    fn query(&self, key: &str) -> String {
        self.asked.query().remove(key).and_then(|mut values| values.pop()).unwrap_or_default()
    }

    /// What was done before this page was opened.
    fn said_before(&self) -> Option<Notice> {
        Notice::of_query(&self.query("done"))
    }

    fn cookies(&self) -> Cookies<'_> {
        Cookies::new(self.asked.headers(), self.asked.origin.is_https)
    }

    fn browser(&self) -> Browser {
        let agent = self.asked.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        Browser { agent: agent.unwrap_or_default().to_owned(), address: self.asked.origin.client }
    }

    /// The URL of a view where this one stands.
    fn url(&self, view: &str) -> Result<String, PublishError> {
        let here = self.visit.links.url(&self.visit.snapshot, self.visit.types(), self.here.oid())?;
        let mut url = here.unwrap_or_else(|| self.prefix.clone()).trim_end_matches('/').to_owned();
        push_step(&mut url, view);
        Ok(url)
    }

    /// Where to go after logging in: where the address or the form says, if that is here, else where the form stands.
    fn next(&self, wanted: &str) -> Result<String, PublishError> {
        if let Some(next) = local_path(wanted) {
            return Ok(next.to_owned());
        }
        let here = self.visit.links.url(&self.visit.snapshot, self.visit.types(), self.here.oid())?;
        Ok(here.unwrap_or_else(|| format!("{}/", self.prefix)))
    }

    fn frame(&self, title: &'static str, notice: Option<Notice>) -> Frame {
        Frame::new(title, &self.prefix, notice)
    }

    // Logging in and out.

    fn show_log_in(&self) -> Answer {
        let next = self.next(&self.query("next"))?;
        self.log_in_page(StatusCode::OK, self.said_before(), String::new(), next)
    }

    fn log_in_page(&self, status: StatusCode, notice: Option<Notice>, name: String, next: String) -> Answer {
        let name = name.chars().take(255).collect();
        self.page(
            status,
            &LogInPage { frame: self.frame("Log in", notice), code: self.secret.code(), name, next },
        )
    }

    async fn log_in(&self, form: Form) -> Answer {
        let (name, next) = (form.get("name").to_owned(), self.next(form.get("next"))?);
        if !self.secret.accepts(&form) {
            return self.log_in_page(StatusCode::FORBIDDEN, Some(Notice::FormExpired), name, next);
        }
        let object = self.here.oid();
        let log_in = LogIn {
            candidates: candidates(&self.visit.snapshot, object, &name)?,
            may: self.publisher.may_view(Arc::new(self.visit.snapshot.clone()), object),
            name: name.clone(),
            password: form.get("password").to_owned(),
            browser: self.browser(),
        };
        match self.publisher.accounts.log_in(self.cookies(), log_in).await {
            Ok(logged_in) => {
                tracing::info!(user = %logged_in.user, id = self.asked.id, "logged in");
                go_to(&next, &logged_in.cookies)
            }
            Err(error) => {
                let (status, notice) = refusal(error)?;
                let mut response = self.log_in_page(status, Some(notice), name, next)?;
                say_when(&mut response, notice);
                Ok(response)
            }
        }
    }

    fn show_log_out(&self) -> Answer {
        let Some((_, user)) = &self.session else { return go_to(&self.url("@@login")?, &[]) };
        let frame = self.frame("Log out", None);
        self.page(
            StatusCode::OK,
            &LogOutPage { frame, code: self.secret.code(), name: user.name.to_string() },
        )
    }

    async fn log_out(&self, form: Form) -> Answer {
        if !self.secret.accepts(&form) {
            return self.show_log_out();
        }
        let (asked, address) = (Arc::clone(&self.asked), self.asked.origin.client);
        let work = move |accounts: &Accounts| {
            accounts.log_out(Cookies::new(asked.headers(), asked.origin.is_https), address)
        };
        let cookies = self.blocking(work).await??;
        go_to(&(self.url("@@login")? + "?done=logged-out"), &cookies)
    }

    // The account.

    fn show_account(&self, status: StatusCode, notice: Option<Notice>, made_token: Option<String>) -> Answer {
        let Some((key, user)) = &self.session else {
            return go_to(&with_next(self.url("@@login")?, &self.url("@@account")?), &[]);
        };
        let accounts = &self.publisher.accounts;
        let this = key.id();
        let devices = accounts.sessions(user.oid)?.into_iter().map(|session| DeviceRow::of(session, &this));
        let mut tokens = Vec::new();
        for token in accounts.tokens(user.oid)? {
            let place = match token.about.subtree {
                Some(oid) => self.visit.links.url(&self.visit.snapshot, self.visit.types(), oid)?,
                None => None,
            };
            tokens.push(TokenRow::of(token, |oid| place.unwrap_or_else(|| oid.to_string())));
        }
        let page = AccountPage {
            frame: self.frame("Your account", notice),
            code: self.secret.code(),
            name: user.name.to_string(),
            logout_url: self.url("@@logout")?,
            devices: devices.collect(),
            tokens,
            made_token,
            password_min: PASSWORD_CHARS_MIN,
        };
        self.page(status, &page)
    }

    async fn change_account(&self, form: Form) -> Answer {
        let Some((key, user)) = &self.session else { return self.show_account(StatusCode::OK, None, None) };
        if !self.secret.accepts(&form) {
            return self.show_account(StatusCode::FORBIDDEN, Some(Notice::FormExpired), None);
        }
        let (oid, id) = (user.oid, form.get("id").to_owned());
        match form.get("do") {
            "revoke-session" => {
                self.blocking(move |accounts| accounts.revoke_session(oid, &id)).await??;
                self.done("sessions")
            }
            "revoke-others" => {
                let key = key.clone();
                self.blocking(move |accounts| accounts.revoke_other_sessions(oid, Some(&key))).await??;
                self.done("sessions")
            }
            "revoke-token" => {
                self.blocking(move |accounts| accounts.revoke_token(oid, &id)).await??;
                self.done("token-revoked")
            }
            "make-token" => self.make_token(oid, &form).await,
            "set-password" => self.change_password(key, user, &form).await,
            _ => Err(PublishError::Argument("the form does not say what to do".into()).into()),
        }
    }

    async fn make_token(&self, user: Oid, form: &Form) -> Answer {
        let refused = |notice| self.show_account(StatusCode::UNPROCESSABLE_ENTITY, Some(notice), None);
        let Some(subtree) = self.place(form.get("in"))? else { return refused(Notice::NoSuchPlace) };
        let days = form.get("days").parse::<u64>().ok();
        let now = self.publisher.database.now_micros();
        let look = ["View", "Access contents information"].map(str::to_owned);
        let new = NewToken {
            name: form.get("name").to_owned(),
            subtree: Some(subtree).filter(|oid| *oid != Oid::ROOT),
            permissions: (form.get("may") != "all").then(|| look.into()),
            expires_micros: days.map(|days| now + days.clamp(1, TOKEN_DAYS_MAX) * DAY),
        };
        match self.blocking(move |accounts| accounts.make_token(user, new)).await? {
            Ok((_, text)) => self.show_account(StatusCode::OK, None, Some(text)),
            Err(AccountError::TokenName) => refused(Notice::TokenName),
            Err(AccountError::TooManyTokens) => refused(Notice::TooManyTokens),
            Err(error) => Err(error.into()),
        }
    }

    /// The object that a path of this host names, where the user may see it.
    fn place(&self, path: &str) -> Result<Option<Oid>, Failure> {
        let path = if path.trim().is_empty() { "/" } else { path.trim() };
        let Ok(path) = ObjectPath::parse(path) else { return Ok(None) };
        let snapshot = &self.visit.snapshot;
        let mut at = self.visit.top.oid();
        for step in path.names() {
            match snapshot.child(at, step.as_str())? {
                Some(child) => at = child,
                None => return Ok(None),
            }
        }
        let may = self.publisher.may_view(Arc::new(snapshot.clone()), at);
        let Some((_, user)) = &self.session else { return Ok(None) };
        Ok(may(user.oid)?.then_some(at))
    }

    async fn change_password(&self, key: &SessionKey, user: &User, form: &Form) -> Answer {
        let refused = |status, notice| {
            let mut response = self.show_account(status, Some(notice), None)?;
            say_when(&mut response, notice);
            Ok(response)
        };
        if form.get("new") != form.get("again") {
            return refused(StatusCode::UNPROCESSABLE_ENTITY, Notice::PasswordsDiffer);
        }
        let (old, new) = (form.get("old").to_owned(), form.get("new").to_owned());
        let address = self.asked.origin.client;
        let accounts = &self.publisher.accounts;
        match accounts.change_password(key, user.name.as_str(), old, new, address).await {
            Ok(()) => self.done("password"),
            Err(LogInError::Wrong) => refused(StatusCode::FORBIDDEN, Notice::PasswordWrong),
            Err(error) => {
                let (status, notice) = refusal(error)?;
                refused(status, notice)
            }
        }
    }

    fn done(&self, what: &str) -> Answer {
        go_to(&format!("{}?done={what}", self.url("@@account")?), &[])
    }

    // One-time links.

    fn show_welcome(&self, status: StatusCode, key: &str, name: &str, notice: Option<Notice>) -> Answer {
        let invite = match Secret::parse(key) {
            Some(secret) => self.publisher.accounts.invited(&secret)?,
            None => None,
        };
        let user = match invite {
            Some(Invite::SetPassword(oid)) => {
                user(&self.visit.snapshot, oid)?.map(|user| user.name.to_string())
            }
            _ => None,
        };
        // A link for a user who is not there any more is none.
        let stands = invite == Some(Invite::FirstAdministrator) || user.is_some();
        let form = stands.then(|| WelcomeForm {
            code: self.secret.code(),
            key: key.to_owned(),
            user,
            name: name.chars().take(255).collect(),
            password_min: PASSWORD_CHARS_MIN,
        });
        let status = if stands { status } else { StatusCode::GONE };
        self.page(status, &WelcomePage { frame: self.frame("Welcome", notice), form })
    }

    async fn redeem(&self, form: Form) -> Answer {
        let (key, name) = (form.get("key"), form.get("name").to_owned());
        let refused = |notice| {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            self.show_welcome(status, key, &name, Some(notice))
        };
        if !self.secret.accepts(&form) {
            return refused(Notice::FormExpired);
        }
        let Some(secret) = Secret::parse(key) else {
            return self.show_welcome(StatusCode::GONE, "", "", None);
        };
        if form.get("password") != form.get("again") {
            return refused(Notice::PasswordsDiffer);
        }
        let password = form.get("password").to_owned();
        let accounts = &self.publisher.accounts;
        let is_first = accounts.invited(&secret)? == Some(Invite::FirstAdministrator);
        let (database, theirs, wanted) = (self.publisher.database.clone(), accounts.clone(), name.clone());
        let make = move || theirs.make_administrator(&database, &wanted);
        let redeemed = accounts.redeem(secret, password.clone(), self.asked.origin.client, make).await;
        let user = match redeemed {
            Ok(user) => user,
            Err(AccountError::InviteGone) => return self.show_welcome(StatusCode::GONE, "", "", None),
            Err(AccountError::UserName) => return refused(Notice::NameWrong),
            Err(AccountError::UserTaken) => return refused(Notice::NameTaken),
            Err(error) => {
                let (_, notice) = refusal(error.into())?;
                return refused(notice);
            }
        };
        let log_in = LogIn {
            name,
            password,
            browser: self.browser(),
            candidates: vec![Some(user)],
            may: Box::new(|_| Ok(true)),
        };
        let cookies = match accounts.log_in(self.cookies(), log_in).await {
            Ok(logged_in) => logged_in.cookies,
            Err(LogInError::Account(error)) if !matches!(error, AccountError::Busy) => {
                return Err(error.into());
            }
            // The password is set; the form to log in says what is the matter.
            Err(_) => return go_to(&self.url("@@login")?, &[]),
        };
        go_to(&self.url_to_begin_at(is_first), &cookies)
    }

    /// Where somebody goes who just came to the site: whoever set it up, to where that goes on.
    fn url_to_begin_at(&self, is_first: bool) -> String {
        let mut url = self.prefix.clone();
        let mut added = self.publisher.added.iter();
        match added.find_map(|pages| Some((pages.view(), pages.first_page()?))).filter(|_| is_first) {
            Some((view, steps)) => {
                push_step(&mut url, &format!("@@{view}"));
                steps.iter().for_each(|step| push_step(&mut url, step));
            }
            None => url.push('/'),
        }
        url
    }

    // Answering.

    /// Does what writes, or waits for a disk.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Accounts) -> T + Send + 'static,
    ) -> Result<T, PublishError> {
        let accounts = self.publisher.accounts.clone();
        let done = tokio::task::spawn_blocking(move || work(&accounts)).await;
        done.map_err(|error| PublishError::Panicked(error.to_string()))
    }

    fn page(&self, status: StatusCode, page: &impl Template) -> Answer {
        let html = page.render().map_err(|error| PublishError::Reply(error.to_string()))?;
        let mut response = sent(&self.asked, "text/html; charset=utf-8", NO_STORE, html);
        *response.status_mut() = status;
        if let Some(cookie) = &self.secret.cookie {
            response.headers_mut().append(SET_COOKIE, cookie.clone());
        }
        Ok(response)
    }
}

/// Why somebody was refused, as the page says it; what is the server's fault stays an error.
fn refusal(error: LogInError) -> Result<(StatusCode, Notice), Failure> {
    let unusable = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(match error {
        LogInError::Wrong => (StatusCode::FORBIDDEN, Notice::Wrong),
        LogInError::TooMany(wait) => (StatusCode::TOO_MANY_REQUESTS, Notice::TooMany { secs: wait.secs }),
        LogInError::Account(AccountError::Busy) => (StatusCode::SERVICE_UNAVAILABLE, Notice::Busy),
        LogInError::Account(AccountError::PasswordShort) => (unusable, Notice::PasswordShort),
        LogInError::Account(AccountError::PasswordLong) => (unusable, Notice::PasswordLong),
        LogInError::Account(error) => return Err(error.into()),
    })
}

/// Says when to come again.
fn say_when(response: &mut Response<Body>, notice: Notice) {
    let wait = match notice {
        Notice::TooMany { secs } => Wait { secs },
        Notice::Busy => BUSY,
        _ => return,
    };
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.secs));
}

/// The object that steps lead to, or the last one on the way; none where that is not known.
fn last_on_the_way(target: Target) -> Option<Arc<Object>> {
    match target {
        Target::Object(object)
        | Target::Method { object, .. }
        | Target::Applied { object, .. }
        | Target::View { object, .. } => Some(object),
        Target::Missing { reached, .. } => Some(reached),
        Target::Moved(_) => None,
    }
}

fn with_next(mut url: String, next: &str) -> String {
    url += "?next=";
    url.extend(utf8_percent_encode(next, NON_ALPHANUMERIC));
    url
}

fn redirect_no_store(url: &str) -> Result<Response<Body>, PublishError> {
    let mut response = redirect(StatusCode::SEE_OTHER, url, false)?;
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    Ok(response)
}

fn go_to(url: &str, cookies: &[HeaderValue]) -> Answer {
    let mut response = redirect_no_store(url)?;
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    Ok(response)
}

fn style(asked: &Asked) -> Response<Body> {
    sent(asked, "text/css; charset=utf-8", FOR_EVER, STYLE.to_owned())
}

fn sent(asked: &Asked, media_type: &'static str, cache: HeaderValue, text: String) -> Response<Body> {
    let bytes = text.len();
    let is_head = asked.parts.method == Method::HEAD;
    let mut response = Response::new(if is_head { Body::empty() } else { Body::from(text) });
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    headers.insert(CACHE_CONTROL, cache);
    response
}
