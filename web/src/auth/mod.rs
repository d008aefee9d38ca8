//! Accounts: who somebody is, and how he proves it.
//!
//! Users are objects of the tree (`bough_core::security`); what proves who somebody is are side records by their oids,
//! never undone, exported or shown. A request says who asks by the cookie of a session, a token, or a name and a
//! password; here it is found out whether that is right. What the user may then is not asked here.
//!
//! Code map: `credential` (passwords), `hashing` (where they are hashed), `session`, `token`, `basic` (what a request
//! carries), `cookie`, `device` and `throttle` (how often one may try), `invite` (one-time links), `administrator`
//! (the first one), `emergency` (the one of the command line), `audit` (what happened), `form` and `local_path` (what forms send and where they lead), `pages` (what people see), `secret`.
//!
//! # Invariants
//! - Kept of each secret is only its digest.
//! - Asking for a password costs a try before it costs a hash, and one hash for each user folder that is asked, whether
//!   it knows the name or not.
//! - A session that begins with a password does not outlive that password: it is looked at again when the session is
//!   written, and a new password ends the sessions of the old one.
//!
//! Second factors and passkeys will be asked between the password and the session (`Accounts::log_in`), and kept beside
//! the password. OpenID Connect and LDAP will be further kinds of user folders, asked where this one asks `credential`.

mod administrator;
mod audit;
mod basic;
pub(crate) mod cookie;
mod credential;
mod device;
mod emergency;
pub(crate) mod form;
mod hashing;
mod invite;
mod local_path;
pub(crate) mod pages;
mod secret;
mod session;
#[cfg(test)]
pub(crate) mod testing;
mod throttle;
mod token;

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue};
use bough_core::acquisition::containers;
use bough_core::security::{user, user_folder};
use bough_core::snapshot::{ReadError, Snapshot};
use bough_core::transaction::TransactionError;
use bough_core::{Name, Oid};
use bough_store::{CommitError, Database, SideWrite, StoreError};
use parking_lot::Mutex;

use self::audit::Audit;
pub use self::audit::{EVENTS_MAX, Event, EventPlace, ParseEventPlaceError, Recorded};
pub(crate) use self::basic::Basic;
use self::basic::{Authorization, NAME_BYTES_MAX, Remembered, authorization};
use self::cookie::{Cookies, FORM, SESSION};
use self::credential::{Credentials, Stamp};
pub use self::credential::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, PasswordCost};
use self::device::Devices;
pub use self::emergency::EmergencyUser;
use self::hashing::Hashing;
pub use self::invite::Invite;
use self::invite::Invites;
pub use self::local_path::local_path;
pub(crate) use self::secret::Secret;
pub use self::session::Session;
use self::session::Sessions;
pub(crate) use self::session::{Browser, SessionKey};
pub use self::throttle::Wait;
use self::throttle::{Throttle, Try};
use self::token::Tokens;
pub use self::token::{NewToken, TOKEN_NAME_CHARS_MAX, TOKENS_MAX, Token};

/// The view that one-time links lead to.
pub(crate) const WELCOME: &str = "@@welcome";
/// Most user folders that are asked for one name: each costs a hash.
const FOLDERS_MAX: usize = 8;

/// Why something could not be done to an account.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// A new password is too short.
    #[error("the password is too short: expected at least {PASSWORD_CHARS_MIN} characters")]
    PasswordShort,
    /// A new password is too long.
    #[error("the password is too long: at most {PASSWORD_BYTES_MAX} bytes are taken")]
    PasswordLong,
    /// A password that was to be imported is in no form that is known here.
    #[error("the imported password is neither `{{SSHA}}` nor `{{SHA}}` with base64")]
    PasswordForm,
    /// A token has no name, or one that is too long or not printable.
    #[error("a token needs a name of at most {TOKEN_NAME_CHARS_MAX} characters")]
    TokenName,
    /// A token would be expired when it is made.
    #[error("the token would expire before it was made")]
    TokenExpired,
    /// A token names too many permissions, or too long ones.
    #[error("the token names too many permissions")]
    TokenPermissions,
    /// A user has as many tokens as he may have.
    #[error("there are {TOKENS_MAX} tokens already: revoke some first")]
    TooManyTokens,
    /// There are as many one-time links as there may be.
    #[error("too many one-time links wait to be used")]
    TooManyInvites,
    /// A one-time link was used, is expired or was never made.
    #[error("the link was used already, or has expired")]
    InviteGone,
    /// What was to be the name of a new user cannot be one.
    #[error("the name of the user is no name")]
    UserName,
    /// Somebody has the name of a new user already.
    #[error("the name of the user is taken")]
    UserTaken,
    /// The user cannot be written.
    #[error("the user cannot be made")]
    Change(#[from] TransactionError),
    /// Too many wait for their password to be hashed.
    #[error("too many people are logging in at the moment")]
    Busy,
    /// The site cannot be read.
    #[error("the users cannot be read")]
    Read(#[from] ReadError),
    /// The store cannot be read.
    #[error("the accounts cannot be read")]
    Store(#[from] StoreError),
    /// The store cannot be written.
    #[error("the accounts cannot be written")]
    Commit(#[from] CommitError),
}

/// Why a name and a password let nobody in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogInError {
    /// No user who counts here has this name and this password, and may have what was asked for.
    #[error("the name or the password is wrong")]
    Wrong,
    /// There were too many tries.
    #[error("too many tries: wait {} s", .0.secs)]
    TooMany(Wait),
    #[error(transparent)]
    Account(#[from] AccountError),
}

/// What a request says about who asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Nothing.
    Nobody,
    /// A browser that is logged in.
    Session(SessionKey),
    /// A program with a token that stands.
    Token(Box<Token>),
    /// A name and a password, which are not verified yet ([`Accounts::verify_basic`]).
    Basic(Basic),
    /// Something that is not right, or no longer.
    Wrong,
}

/// Whether a user may have what was asked for.
pub(crate) type May = Box<dyn Fn(Oid) -> Result<bool, ReadError> + Send>;

/// Somebody who logs in.
pub(crate) struct LogIn {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) browser: Browser,
    /// Who it may be: see [`candidates`].
    pub(crate) candidates: Vec<Option<Oid>>,
    pub(crate) may: May,
}

/// A log-in that succeeded.
#[derive(Debug)]
pub(crate) struct LoggedIn {
    pub(crate) user: Oid,
    /// What the browser is to hold from now on.
    pub(crate) cookies: Vec<HeaderValue>,
}

/// The accounts of a site.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

/// Says nothing of what is in it.
impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Accounts")
    }
}

struct Inner {
    database: Database,
    credentials: Credentials,
    hashing: Hashing,
    sessions: Sessions,
    tokens: Tokens,
    remembered: Remembered,
    throttle: Throttle,
    devices: Devices,
    invites: Invites,
    audit: Audit,
    /// Held while a session begins with a password, and while a password is set.
    changing: Mutex<()>,
}

/// Who a name may stand for at an object: for each user folder from the object outward, its user of that name if there
/// is one who may log in.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn candidates(
    head: &(impl Snapshot + ?Sized),
    object: Oid,
    name: &str,
) -> Result<Vec<Option<Oid>>, ReadError> {
    let mut candidates = Vec::new();
    for container in containers(head, object)? {
        if let Some(users) = user_folder(head, container.oid())? {
            let oid = if Name::check(name).is_ok() { head.child(users, name)? } else { None };
            let found = oid.map(|oid| user(head, oid)).transpose()?.flatten();
            candidates.push(found.map(|user| user.oid));
        }
    }
    candidates.truncate(FOLDERS_MAX);
    Ok(candidates)
}

impl Accounts {
    /// The accounts in a store. All that belong to one site at work must be clones of one another: what one of them
    /// revokes, others would still remember.
    pub fn new(database: &Database, cost: PasswordCost) -> Self {
        Self(Arc::new(Inner {
            credentials: Credentials::new(database.clone(), cost),
            hashing: Hashing::new(),
            sessions: Sessions::new(database.clone()),
            tokens: Tokens::new(database.clone()),
            remembered: Remembered::new(),
            throttle: Throttle::new(),
            devices: Devices::new(database.clone()),
            invites: Invites::new(database.clone()),
            audit: Audit::new(database.clone()),
            changing: Mutex::new(()),
            database: database.clone(),
        }))
    }

    // What a request says.

    /// Whether a request carries a session or a token that stands. Names with passwords do not count before they were
    /// asked for, which is slow.
    pub(crate) fn is_known(&self, headers: &HeaderMap, is_https: bool) -> bool {
        let found = self.identify(headers, is_https);
        matches!(found, Ok(Identity::Session(_) | Identity::Token(_)))
    }

    /// Finds out what a request says about who asks. A header counts before a cookie: whoever wrote it meant it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn identify(&self, headers: &HeaderMap, is_https: bool) -> Result<Identity, AccountError> {
        match authorization(headers) {
            Authorization::None => {}
            Authorization::Unknown => return Ok(Identity::Wrong),
            Authorization::Basic(basic) => return Ok(Identity::Basic(basic)),
            Authorization::Bearer(text) => {
                let Some(token) = self.0.tokens.find(&text)? else { return Ok(Identity::Wrong) };
                if self.0.tokens.is_to_touch(&token) {
                    let token = token.clone();
                    self.later(move |inner| inner.tokens.touch(&token));
                }
                return Ok(Identity::Token(Box::new(token)));
            }
        }
        let mut identity = Identity::Nobody;
        for key in session_keys(Cookies::new(headers, is_https)) {
            identity = Identity::Wrong;
            if let Some(found) = self.0.sessions.find(&key)? {
                if found.is_to_touch {
                    let key = key.clone();
                    self.later(move |inner| inner.sessions.touch(&key));
                }
                return Ok(Identity::Session(key));
            }
        }
        Ok(identity)
    }

    /// Writes where nobody waits for it.
    fn later(&self, work: impl FnOnce(&Inner) -> Result<(), AccountError> + Send + 'static) {
        let inner = Arc::clone(&self.0);
        let work = move || {
            if let Err(error) = work(&inner) {
                tracing::error!(?error, "cannot record the use of a session or a token");
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(work)),
            Err(_) => work(),
        }
    }

    /// Whose name and password a header holds; none where they are wrong, which is no error where everybody may have
    /// what is asked for.
    ///
    /// # Errors
    /// When there were too many tries, or too many wait, or the store cannot be read.
    pub(crate) async fn verify_basic(
        &self,
        basic: &Basic,
        address: Option<IpAddr>,
        candidates: Vec<Option<Oid>>,
        may: May,
    ) -> Result<Option<Oid>, LogInError> {
        let candidates = if candidates.is_empty() { vec![None] } else { candidates };
        if let Some(known) = self.remembered(basic, &candidates, &may)? {
            return Ok(known);
        }
        let device = self.0.throttle.known_place(&candidates, address);
        let attempt = Try { address, name: basic.name.clone(), device };
        self.take_try(&attempt).await?;
        let (inner, basic) = (Arc::clone(&self.0), basic.clone());
        let spent = attempt.clone();
        let work = move || {
            let now = inner.database.now_micros();
            let age = inner.remembered.age();
            for candidate in candidates {
                let stamp = inner.credentials.verify(candidate, &basic.password)?;
                inner.remembered.remember(candidate, &basic, stamp.is_some(), now, age);
                if let (Some(user), Some(_)) = (candidate, stamp)
                    && may(user)?
                {
                    inner.throttle.give_back(&spent);
                    inner.throttle.know_place(user, spent.address);
                    return Ok(Some(user));
                }
            }
            inner.audit.record(Event::Failed { name: basic.name }, None, spent.address)?;
            Ok(None)
        };
        self.hash(&attempt, work).await
    }

    /// What is remembered of a header: for each that is asked in turn it must be.
    fn remembered(
        &self,
        basic: &Basic,
        candidates: &[Option<Oid>],
        may: &May,
    ) -> Result<Option<Option<Oid>>, AccountError> {
        let now = self.0.database.now_micros();
        for &candidate in candidates {
            match (self.0.remembered.knows(candidate, basic, now), candidate) {
                (None, _) => return Ok(None),
                (Some(true), Some(user)) if may(user)? => return Ok(Some(Some(user))),
                (Some(_), _) => {}
            }
        }
        Ok(Some(None))
    }

    // Logging in and out.

    /// Logs somebody in: makes a session with a new secret, and ends those that the browser had.
    ///
    /// # Errors
    /// When the name or the password is wrong, there were too many tries, or too many wait, or the store cannot be
    /// read or written.
    pub(crate) async fn log_in(&self, cookies: Cookies<'_>, log_in: LogIn) -> Result<LoggedIn, LogInError> {
        let LogIn { name, password, browser, candidates, may } = log_in;
        let candidates = if candidates.is_empty() { vec![None] } else { candidates };
        let address = browser.address;
        let known = self.known_device(cookies, &candidates)?;
        let place = self.0.throttle.known_place(&candidates, address);
        let name = if name.len() > NAME_BYTES_MAX { String::new() } else { name };
        let attempt = Try { address, name: name.clone(), device: known.map(|(_, device)| device).or(place) };
        self.take_try(&attempt).await?;
        let before: Vec<SessionKey> = session_keys(cookies).collect();
        let (inner, spent) = (Arc::clone(&self.0), attempt.clone());
        let work = move || {
            let Some((user, stamp)) = inner.first(&candidates, &password, &may)? else {
                inner.audit.record(Event::Failed { name }, None, address)?;
                return Ok(Err(LogInError::Wrong));
            };
            inner.throttle.give_back(&spent);
            if let Err(wait) = inner.throttle.log_in(user, inner.database.now_micros()) {
                return Ok(Err(LogInError::TooMany(wait)));
            }
            let Some(key) = inner.begin_session(user, stamp, &browser, &before)? else {
                return Ok(Err(LogInError::Wrong));
            };
            inner.throttle.know_place(user, address);
            let device = known.filter(|(of, _)| *of == user).map(|(_, device)| device);
            let device = inner.devices.make(user, device)?;
            inner.audit.record(Event::LogIn, Some(user), address)?;
            Ok(Ok((key, device)))
        };
        let (key, device) = self.hash(&attempt, work).await??;
        let cookies = vec![
            cookies.set(SESSION, &key.to_text(), session::LASTS / 1_000_000),
            cookies.set(&Devices::cookie_name(key.user), &device, device::LASTS / 1_000_000),
            cookies.set(FORM, "", 0),
        ];
        Ok(LoggedIn { user: key.user, cookies })
    }

    /// The browser, if one of those who may be meant has logged in with it before.
    fn known_device(
        &self,
        cookies: Cookies<'_>,
        candidates: &[Option<Oid>],
    ) -> Result<Option<(Oid, [u8; 16])>, AccountError> {
        for user in candidates.iter().flatten() {
            for text in cookies.all(&Devices::cookie_name(*user)) {
                if let Some(device) = self.0.devices.find(*user, text)? {
                    return Ok(Some((*user, device)));
                }
            }
        }
        Ok(None)
    }

    async fn take_try(&self, attempt: &Try) -> Result<(), LogInError> {
        let now = self.0.database.now_micros();
        let Err(wait) = self.0.throttle.take(attempt, now) else { return Ok(()) };
        let (inner, name, address) = (Arc::clone(&self.0), attempt.name.clone(), attempt.address);
        let record = move || inner.audit.record(Event::LockedOut { name }, None, address);
        match tokio::task::spawn_blocking(record).await {
            Ok(recorded) => recorded?,
            Err(error) => tracing::error!(%error, "cannot record a refused log-in"),
        }
        Err(LogInError::TooMany(wait))
    }

    /// Hashes when the turn comes; gives the try back where it never does.
    async fn hash<T: Send + 'static>(
        &self,
        attempt: &Try,
        work: impl FnOnce() -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, LogInError> {
        let done = self.0.hashing.run(work).await;
        if matches!(done, Err(AccountError::Busy)) {
            self.0.throttle.give_back(attempt);
        }
        Ok(done?)
    }

    /// Logs a browser out. Answers the headers that take its cookies away.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(crate) fn log_out(
        &self,
        cookies: Cookies<'_>,
        address: Option<IpAddr>,
    ) -> Result<Vec<HeaderValue>, AccountError> {
        for key in session_keys(cookies) {
            if self.0.sessions.end(&key)? {
                self.0.audit.record(Event::LogOut, Some(key.user), address)?;
            }
        }
        Ok(vec![cookies.set(SESSION, "", 0)])
    }

    // Passwords.

    /// Whether the user has a password.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn has_password(&self, user: Oid) -> Result<bool, AccountError> {
        self.0.credentials.has_password(user)
    }

    /// Sets a user's password and ends all of his sessions. Hashes: takes tens of milliseconds.
    ///
    /// # Errors
    /// When the password is too short or too long, or the store cannot be read or written.
    pub fn set_password(&self, user: Oid, password: &str) -> Result<(), AccountError> {
        self.0.set_password(user, password, None, None, None)
    }

    /// Takes over a password as Zope kept it: `{SSHA}` or `{SHA}` and base64. It is hashed anew when it is first used.
    ///
    /// # Errors
    /// When it has another form, or cannot be written.
    pub fn import_password(&self, user: Oid, password: &str) -> Result<(), AccountError> {
        let _changing = self.0.changing.lock();
        self.0.credentials.import(user, password)?;
        self.0.remembered.forget();
        Ok(())
    }

    /// Removes a user's password and ends all of his sessions.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn remove_password(&self, user: Oid) -> Result<(), AccountError> {
        let inner = &self.0;
        inner.replace_credential(user, vec![Credentials::to_remove(user)], None)?;
        inner.audit.record(Event::PasswordRemoved, Some(user), None)
    }

    /// Sets the password of somebody who knows the old one, and ends his other sessions.
    ///
    /// # Errors
    /// When the old password is wrong or was tried too often, the new one is too short or too long, or the store
    /// cannot be read or written.
    pub(crate) async fn change_password(
        &self,
        key: &SessionKey,
        name: &str,
        old: String,
        new: String,
        address: Option<IpAddr>,
    ) -> Result<(), LogInError> {
        // Whoever holds the session is asked as a browser of its own: he locks nobody else out.
        let device = key.secret.digest().as_bytes().first_chunk().copied();
        let attempt = Try { address, name: name.to_owned(), device };
        self.take_try(&attempt).await?;
        let (inner, key, spent) = (Arc::clone(&self.0), key.clone(), attempt.clone());
        let work = move || {
            if inner.credentials.verify(Some(key.user), &old)?.is_none() {
                inner.audit.record(Event::Failed { name: spent.name }, Some(key.user), address)?;
                return Ok(Err(LogInError::Wrong));
            }
            inner.throttle.give_back(&spent);
            inner.set_password(key.user, &new, Some(&key), None, address)?;
            Ok(Ok(()))
        };
        self.hash(&attempt, work).await?
    }

    // Sessions and tokens.

    /// A user's sessions, the last used first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sessions(&self, user: Oid) -> Result<Vec<Session>, AccountError> {
        self.0.sessions.list(user)
    }

    /// Ends one session of a user. False where there is none that is called so.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn revoke_session(&self, user: Oid, id: &str) -> Result<bool, AccountError> {
        let is_gone = self.0.sessions.revoke(user, id)?;
        if is_gone {
            self.0.audit.record(Event::SessionsRevoked { count: 1 }, Some(user), None)?;
        }
        Ok(is_gone)
    }

    /// Ends all sessions of a user. Says how many.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn revoke_sessions(&self, user: Oid) -> Result<usize, AccountError> {
        self.revoke_other_sessions(user, None)
    }

    pub(crate) fn revoke_other_sessions(
        &self,
        user: Oid,
        but: Option<&SessionKey>,
    ) -> Result<usize, AccountError> {
        let write = |writes: Vec<SideWrite>| match writes.is_empty() {
            true => Ok(()),
            false => Ok(self.0.database.write_side(&writes)?),
        };
        let count = self.0.sessions.revoke_others(user, but, write)?;
        if count > 0 {
            self.0.audit.record(Event::SessionsRevoked { count: count as u64 }, Some(user), None)?;
        }
        Ok(count)
    }

    /// Makes an API token. Answers it with its text, which is not shown again.
    ///
    /// # Errors
    /// When it has no usable name, would be expired, or there are too many, or the store cannot be read or written.
    pub fn make_token(&self, user: Oid, new: NewToken) -> Result<(Token, String), AccountError> {
        let made = self.0.tokens.make(user, new)?;
        self.0.audit.record(Event::TokenMade { name: made.0.about.name.clone() }, Some(user), None)?;
        Ok(made)
    }

    /// A user's tokens, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn tokens(&self, user: Oid) -> Result<Vec<Token>, AccountError> {
        self.0.tokens.list(user)
    }

    /// Takes a user's token back. False where there is none that is called so.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn revoke_token(&self, user: Oid, id: &str) -> Result<bool, AccountError> {
        let Some(token) = self.0.tokens.revoke(user, id)? else { return Ok(false) };
        self.0.audit.record(Event::TokenRevoked { name: token.about.name }, Some(user), None)?;
        Ok(true)
    }

    // One-time links and events.

    /// Makes a one-time link. Answers the path of its URL; earlier links for the same end work no more.
    ///
    /// # Errors
    /// When there are too many, or the store cannot be read or written.
    pub fn invite(&self, invite: Invite) -> Result<String, AccountError> {
        let secret = self.0.invites.make(invite)?;
        let user = match invite {
            Invite::FirstAdministrator => None,
            Invite::SetPassword(user) => Some(user),
        };
        self.0.audit.record(Event::InviteMade, user, None)?;
        Ok(format!("/{WELCOME}?key={}", secret.to_text()))
    }

    /// What a one-time link is for, if it still works.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn invited(&self, secret: &Secret) -> Result<Option<Invite>, AccountError> {
        self.0.invites.find(secret)
    }

    /// Uses a one-time link: sets the password of its user, whom `make` makes if he is to be the first administrator.
    /// Whether the link is used and the password set is one write; a user without a password may be left if that fails,
    /// and is taken when the link is opened again.
    ///
    /// # Errors
    /// When the link does not work any more, the password is too short or too long, too many wait, `make` fails, or
    /// the store cannot be read or written.
    pub(crate) async fn redeem(
        &self,
        secret: Secret,
        password: String,
        address: Option<IpAddr>,
        make: impl FnOnce() -> Result<Oid, AccountError> + Send + 'static,
    ) -> Result<Oid, AccountError> {
        if self.0.invites.find(&secret)?.is_none() {
            return Err(AccountError::InviteGone);
        }
        let inner = Arc::clone(&self.0);
        let work = move || {
            let redeemed = inner.invites.redeem(&secret, |invite, used| {
                credential::check_new(&password)?;
                let user = match invite {
                    Invite::SetPassword(user) => user,
                    Invite::FirstAdministrator => make()?,
                };
                inner.set_password(user, &password, None, Some(used), address)?;
                Ok(user)
            });
            let user = redeemed?;
            inner.audit.record(Event::InviteUsed, Some(user), address)?;
            Ok(user)
        };
        self.0.hashing.run(work).await
    }

    /// What happened to accounts, the newest first, at most `limit` (and [`EVENTS_MAX`]): all, or what was before one.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn events(&self, before: Option<EventPlace>, limit: usize) -> Result<Vec<Recorded>, AccountError> {
        self.0.audit.list(before, limit)
    }
}

impl Inner {
    /// The first who has this password and may have what was asked for. Hashes once for each that is asked.
    fn first(
        &self,
        candidates: &[Option<Oid>],
        password: &str,
        may: &May,
    ) -> Result<Option<(Oid, Stamp)>, AccountError> {
        for &candidate in candidates {
            if let (Some(stamp), Some(user)) = (self.credentials.verify(candidate, password)?, candidate)
                && may(user)?
            {
                return Ok(Some((user, stamp)));
            }
        }
        Ok(None)
    }

    /// None where the password was changed since it was verified.
    fn begin_session(
        &self,
        user: Oid,
        stamp: Stamp,
        browser: &Browser,
        before: &[SessionKey],
    ) -> Result<Option<SessionKey>, AccountError> {
        let _changing = self.changing.lock();
        if !self.credentials.is_still(user, stamp)? {
            return Ok(None);
        }
        self.sessions.begin(user, browser, before).map(Some)
    }

    fn set_password(
        &self,
        user: Oid,
        password: &str,
        keep: Option<&SessionKey>,
        used: Option<SideWrite>,
        address: Option<IpAddr>,
    ) -> Result<(), AccountError> {
        let mut writes = vec![self.credentials.to_set(user, password)?];
        writes.extend(used);
        self.replace_credential(user, writes, keep)?;
        self.audit.record(Event::PasswordSet, Some(user), address)
    }

    /// Writes another credential and ends the sessions that began with the old one: all or nothing.
    fn replace_credential(
        &self,
        user: Oid,
        mut writes: Vec<SideWrite>,
        keep: Option<&SessionKey>,
    ) -> Result<(), AccountError> {
        let _changing = self.changing.lock();
        self.sessions.revoke_others(user, keep, |removals| {
            writes.extend(removals);
            self.credentials.write(&writes)
        })?;
        self.remembered.forget();
        Ok(())
    }
}

fn session_keys<'a>(cookies: Cookies<'a>) -> impl Iterator<Item = SessionKey> + use<'a> {
    cookies.all(SESSION).filter_map(SessionKey::parse)
}

#[cfg(test)]
mod tests;
