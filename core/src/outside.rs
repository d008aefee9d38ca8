//! What leaves the site: through which connection, and from where that may be.
//!
//! A *connection* is an object whose type leads out of the site (`TypeSchema::connection`). On the public site it does
//! what the permissions say. A private version is a place to try things, so from there it does nothing, unless its
//! cells say otherwise: `in_versions` for all versions, `in_version` for single ones.
//!
//! # Invariants
//! - All that counts of a connection is what it says at the trunk's head: its rules, and also where it leads to. So a
//!   version cannot widen its own rights, nor send what is secret to another place.
//! - What is not understood blocks.
//! - What is said for a single version was said after that was opened: a later one of its name inherits nothing.
//! - A connection that is used instead of another is judged no further: there are no chains.
//!
//! Not here: how anything is sent (the web crate), who may use a connection on the public site (`security`).

use std::fmt;
use std::sync::Arc;

use crate::object_type::TypeRegistry;
use crate::snapshot::{self, Chain, ReadError, Snapshot, attribute};
use crate::value::Value;
use crate::{Object, ObjectPath, Oid, Tid};

/// The permission to have a connection do something.
pub const USE_CONNECTIONS: &str = "Use connections";
/// The permission to make, change and delete connections.
pub const CHANGE_CONNECTIONS: &str = "Change connections";

/// The attribute that says what a connection does in versions: one of [`BLOCK`], [`READ_ONLY`] and [`OTHER`].
pub const IN_VERSIONS: &str = "in_versions";
/// The attribute with the connection that is used instead, where [`IN_VERSIONS`] is [`OTHER`].
pub const IN_VERSIONS_USE: &str = "in_versions_use";
/// The attribute with what counts for single versions: by their names [`BLOCK`], [`READ_ONLY`], or another connection. It
/// counts for versions that were open when it was written.
pub const IN_VERSION: &str = "in_version";

/// Nothing leaves the site.
pub const BLOCK: &str = "block";
/// Reading is allowed, writing is not.
pub const READ_ONLY: &str = "read-only";
/// Another connection is used.
pub const OTHER: &str = "other";

/// Whether something is only asked for, or changed out there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Nothing is changed by it.
    Read,
    /// Something may be changed by it.
    Write,
}

/// From where something would leave the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The version; none for the public site.
    pub version: Option<VersionOrigin<'a>>,
    /// Whether an earlier moment is shown.
    pub is_past: bool,
}

/// A version from which something would leave the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionOrigin<'a> {
    /// Its name, which an earlier one may have had.
    pub name: &'a str,
    /// When it was opened.
    pub opened: Tid,
}

impl Origin<'static> {
    /// From the public site as it is.
    pub const TRUNK: Self = Self { version: None, is_past: false };
}

/// Why something does not leave the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// At the trunk's head there is no connection of that oid.
    NotOnTrunk,
    /// An earlier moment is shown, from which nothing is changed.
    Past,
    /// The connection's rule for this version, or for all, is to block; or it has none.
    Rule,
    /// The rule is something else than what is understood.
    NotUnderstood,
    /// Only reading is allowed.
    ReadOnly,
    /// Another connection is to be used that is not there, or is of another type, or is the same.
    NoOther,
}

/// Something that does not leave the site, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// What was attempted.
    pub intent: Intent,
    /// The path of the connection, or its oid where it has none.
    pub connection: String,
    /// The version from which it was attempted; none for the public site.
    pub version: Option<String>,
    /// The attribute that rules it.
    pub ruled_by: &'static str,
    /// Why not.
    pub because: Because,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connection, ruled_by, .. } = self;
        let verb = if self.intent == Intent::Read { "read" } else { "write" };
        write!(f, "cannot {verb} through {connection}")?;
        if let Some(version) = &self.version {
            write!(f, " from the version `{version}`")?;
        }
        match self.because {
            Because::NotOnTrunk => f.write_str(": there is no such connection on the public site"),
            Because::Past => f.write_str(" as of an earlier moment: nothing is changed from there"),
            Because::Rule => write!(f, ": its `{ruled_by}` says that nothing leaves the site from there"),
            Because::NotUnderstood => write!(f, ": its `{ruled_by}` says nothing that is understood"),
            Because::ReadOnly => write!(f, ": its `{ruled_by}` says that it is only read from there"),
            Because::NoOther => {
                write!(f, ": its `{ruled_by}` names no other connection of the same type on the public site")
            }
        }
    }
}

impl Blocked {
    /// What to do about it.
    pub fn advice(&self) -> String {
        let Self { connection, ruled_by, .. } = self;
        match self.because {
            Because::NotOnTrunk if self.version.is_some() => {
                "merge the version first: what a connection does is said on the public site".to_owned()
            }
            Because::NotOnTrunk => "name a connection that is there".to_owned(),
            Because::Past => "do it as of now".to_owned(),
            _ => format!(
                "do it after the merge, or have `{ruled_by}` of {connection} changed on the public site by those \
                 with the permission `{CHANGE_CONNECTIONS}`"
            ),
        }
    }
}

/// Which connection to use where `connection` is asked for: the object as it is at the trunk's head, with all its
/// settings, or why none.
///
/// # Errors
/// When the store cannot be read.
pub fn decide(
    types: &TypeRegistry,
    head: &(impl Snapshot + ?Sized),
    from: Origin<'_>,
    connection: Oid,
    intent: Intent,
) -> Result<Result<Arc<Object>, Blocked>, ReadError> {
    let path = snapshot::path_of(head, connection)?;
    let blocked = |ruled_by, because| {
        Ok(Err(Blocked {
            intent,
            connection: path.as_ref().map_or_else(|| connection.to_string(), ToString::to_string),
            version: from.version.map(|version| version.name.to_owned()),
            ruled_by,
            because,
        }))
    };
    let Some(object) = standing(types, head, connection)? else {
        return blocked(IN_VERSIONS, Because::NotOnTrunk);
    };
    if from.is_past && intent == Intent::Write {
        return blocked(IN_VERSIONS, Because::Past);
    }
    let Some(version) = from.version else { return Ok(Ok(object)) };
    let (ruled_by, rule) = rule_for(head, &object, version)?;
    match rule {
        Rule::Block => blocked(ruled_by, Because::Rule),
        Rule::NotUnderstood => blocked(ruled_by, Because::NotUnderstood),
        Rule::ReadOnly if intent == Intent::Write => blocked(ruled_by, Because::ReadOnly),
        Rule::ReadOnly => Ok(Ok(object)),
        Rule::Other(other) => {
            let other = other.map(|other| standing(types, head, other)).transpose()?.flatten();
            let is_like =
                |other: &Object| other.type_name() == object.type_name() && other.oid() != connection;
            match other.filter(|other| is_like(other)) {
                Some(other) => Ok(Ok(other)),
                None => blocked(ruled_by, Because::NoOther),
            }
        }
    }
}

/// The connection, where it stands.
fn standing(
    types: &TypeRegistry,
    head: &(impl Snapshot + ?Sized),
    oid: Oid,
) -> Result<Option<Arc<Object>>, ReadError> {
    let Chain::Live(chain) = snapshot::chain(head, oid)? else { return Ok(None) };
    let is_connection = |object: &Object| {
        let schema = object.type_name().and_then(|name| types.schema(name.as_str()));
        schema.is_some_and(|schema| schema.connection)
    };
    Ok(chain.into_iter().next().filter(|object| is_connection(object)))
}

enum Rule {
    Block,
    ReadOnly,
    /// Another; none where what is named is not there.
    Other(Option<Oid>),
    NotUnderstood,
}

/// What counts for a version, and the attribute that says so.
fn rule_for(
    head: &(impl Snapshot + ?Sized),
    connection: &Object,
    version: VersionOrigin<'_>,
) -> Result<(&'static str, Rule), ReadError> {
    match attribute(head, connection, IN_VERSION)? {
        Some(Value::Map(rules)) => {
            let written = connection.attribute(IN_VERSION).map(|cell| cell.tid);
            let is_of_its_time = written.is_some_and(|written| written > version.opened);
            if let Some(rule) = rules.get(version.name).filter(|_| is_of_its_time) {
                return Ok((IN_VERSION, single(head, rule)?));
            }
        }
        None | Some(Value::Null) => {}
        // It may have named just this version.
        Some(_) => return Ok((IN_VERSION, Rule::NotUnderstood)),
    }
    let said = attribute(head, connection, IN_VERSIONS)?;
    let rule = match said.as_ref() {
        None | Some(Value::Null) => Rule::Block,
        Some(value) => match value.as_text() {
            Some(BLOCK | "") => Rule::Block,
            Some(READ_ONLY) => Rule::ReadOnly,
            Some(OTHER) => match attribute(head, connection, IN_VERSIONS_USE)? {
                Some(Value::Reference(other)) => return Ok((IN_VERSIONS_USE, Rule::Other(Some(other)))),
                _ => return Ok((IN_VERSIONS_USE, Rule::Other(None))),
            },
            _ => Rule::NotUnderstood,
        },
    };
    Ok((IN_VERSIONS, rule))
}

/// What the rule for one version says.
fn single(head: &(impl Snapshot + ?Sized), rule: &Value) -> Result<Rule, ReadError> {
    let text = match rule {
        Value::Reference(other) => return Ok(Rule::Other(Some(*other))),
        Value::Text(text) => &**text,
        _ => return Ok(Rule::NotUnderstood),
    };
    Ok(match text {
        BLOCK => Rule::Block,
        READ_ONLY => Rule::ReadOnly,
        path if path.starts_with('/') => match ObjectPath::parse(path) {
            Ok(path) => Rule::Other(snapshot::find(head, &path)?),
            Err(_) => Rule::NotUnderstood,
        },
        oid => oid.parse().map_or(Rule::NotUnderstood, |oid| Rule::Other(Some(oid))),
    })
}

/// What is asked of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// What shall be done, in the words of what is at the other end, as in `GET`.
    pub verb: &'a str,
    /// With what, as in `people/7?all=1`: never outside of what the connection leads to.
    pub target: &'a str,
    /// What `body` is; empty where there is none.
    pub media_type: &'a str,
    /// What goes along.
    pub body: &'a [u8],
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How it went, in the numbers of what is at the other end.
    pub status: u16,
    /// What `body` is.
    pub media_type: String,
    /// What it said.
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutsideError {
    /// It does not leave the site from there.
    #[error("{0}")]
    Blocked(Box<Blocked>),
    /// Whoever asks may not use the connection.
    #[error("it takes the permission `{0}` at the connection")]
    Denied(&'static str),
    /// Nothing is connected where this runs, or nothing that knows this type.
    #[error("nothing connects objects of the type `{0}`")]
    NotConnected(String),
    /// The connection's settings, or the question, cannot be used.
    #[error("{0}")]
    Wrong(String),
    /// It was attempted, and failed. Whether it was done at the other end is not known.
    #[error("{connection} did not answer: {reason}")]
    Failed {
        /// The connection.
        connection: String,
        /// Why.
        reason: String,
    },
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The way out of the site, as methods of types see it.
///
/// One implementation serves a whole call. It has to, in this order: find out from the question alone whether it reads or
/// writes (never from what the caller says), ask [`decide`] with the trunk's head, use only the object that this answers,
/// ask for the permission [`USE_CONNECTIONS`], and keep its bounds of time and length. A write that a method asks for
/// again, because its commit met another and is tried again, is not made again. A connection to an SQL database is to do
/// just that: `verb` is then how its text is run, `target` the text with marks for parameters, `body` the parameters;
/// it reads only if the server was told so (`READ ONLY`), since no text says for certain what it does.
pub trait Outside: Send + Sync {
    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// When it does not leave the site, or nothing comes back.
    fn ask(&self, connection: Oid, question: &Question<'_>) -> Result<Answer, OutsideError>;
}

impl dyn Outside + '_ {
    /// Reads what is at a path of an HTTP connection.
    ///
    /// # Errors
    /// As [`Outside::ask`].
    pub fn get(&self, connection: Oid, path: &str) -> Result<Answer, OutsideError> {
        self.request(connection, "GET", path, "", &[])
    }

    /// Sends a request to a path of an HTTP connection. Everything but `GET` and `HEAD` counts as writing.
    ///
    /// # Errors
    /// As [`Outside::ask`].
    pub fn request(
        &self,
        connection: Oid,
        method: &str,
        path: &str,
        media_type: &str,
        body: &[u8],
    ) -> Result<Answer, OutsideError> {
        self.ask(connection, &Question { verb: method, target: path, media_type, body })
    }
}

/// Where nothing is connected.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Outside for Nowhere {
    fn ask(&self, connection: Oid, _: &Question<'_>) -> Result<Answer, OutsideError> {
        Err(OutsideError::NotConnected(connection.to_string()))
    }
}

#[cfg(test)]
mod tests;
