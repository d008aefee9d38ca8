//! One request for an operation: what it addresses, what it carries, and how it is answered.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use bough_core::object_type::TypeRegistry;
use bough_core::security::permission::{EDIT, PROPERTIES, VIEW};
use bough_core::security::{Access, Authority, Roles, Subject, Warrant};
use bough_core::snapshot::{Chain, attribute, chain};
use bough_core::transaction::SharedSnapshot;
use bough_core::{CellKey, Content, Name, Object, ObjectPath, Oid, Snapshot as _, Tid, Value};
use bough_store::{CommitRecord, Database, Draft, Kind, Note, Snapshot};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::dto;
use super::json;
use super::value::{Names, find_from, rfc3339, shown};
use crate::error::PublishError;
use crate::problem::{Code, Problem};
use crate::publisher::Publisher;
use crate::publisher::deliver::Document;
use crate::publisher::links::is_container;
use crate::publisher::moment::Moment;
use crate::publisher::receive::media_essence;
use crate::publisher::visit::{Asked, Visit};

/// Longest JSON that is read.
const JSON_BYTES_MAX: u64 = 16 << 20;
/// Most commits that one request may name.
pub(super) const COMMITS_MAX: usize = 1_000;

/// A request for an operation.
pub(super) struct Call<'a> {
    pub(super) asked: &'a Asked,
    pub(super) visit: &'a Visit,
    pub(super) publisher: &'a Publisher,
    /// The object that is addressed; where nothing is yet, its container.
    pub(super) object: &'a Arc<Object>,
    /// The name of what shall be made there.
    pub(super) new: Option<&'a Name>,
    /// What stands in the places of the operation's steps.
    pub(super) steps: Vec<&'a str>,
    query: BTreeMap<String, Vec<String>>,
}

/// What an operation answers.
pub(super) enum Answer {
    Json { status: StatusCode, json: Json, etag: Option<String>, location: Option<String> },
    Document(Document),
}

impl Answer {
    pub(super) fn ok(dto: &impl Serialize) -> Result<Self, PublishError> {
        let json = serde_json::to_value(dto).map_err(|error| PublishError::Reply(error.to_string()))?;
        Ok(Self::Json { status: StatusCode::OK, json, etag: None, location: None })
    }

    #[must_use]
    pub(super) fn tagged(self, revision: Tid) -> Self {
        match self {
            Self::Json { status, json, location, .. } => {
                Self::Json { status, json, etag: Some(etag(revision)), location }
            }
            document => document,
        }
    }

    #[must_use]
    pub(super) fn created(self, at: Option<String>) -> Self {
        match self {
            Self::Json { json, etag, .. } => {
                Self::Json { status: StatusCode::CREATED, json, etag, location: at }
            }
            document => document,
        }
    }
}

/// The tag of an object's revision.
pub(super) fn etag(revision: Tid) -> String {
    format!("\"{revision}\"")
}

impl<'a> Call<'a> {
    pub(super) fn new(
        (asked, visit, publisher): (&'a Asked, &'a Visit, &'a Publisher),
        object: &'a Arc<Object>,
        new: Option<&'a Name>,
        steps: Vec<&'a str>,
    ) -> Self {
        Self { asked, visit, publisher, object, new, steps, query: asked.query() }
    }

    /// The line that is read and written.
    pub(super) fn database(&self) -> &'a Database {
        &self.visit.database
    }

    pub(super) fn snapshot(&self) -> &'a Snapshot {
        &self.visit.snapshot
    }

    pub(super) fn types(&self) -> &'a Arc<TypeRegistry> {
        self.visit.types()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.asked.headers()
    }

    // The query.

    /// The last value of a key.
    pub(super) fn query(&self, key: &str) -> Option<&str> {
        self.query.get(key)?.last().map(String::as_str)
    }

    /// All values of a key.
    pub(super) fn query_all(&self, key: &str) -> &[String] {
        self.query.get(key).map_or(&[], Vec::as_slice)
    }

    /// A number of the query, at most `max`.
    pub(super) fn number(&self, key: &str, default: usize, max: usize) -> Result<usize, Problem> {
        let Some(text) = self.query(key) else { return Ok(default) };
        let wrong = || {
            Problem::new(Code::Argument, format!("`{key}` is a whole number from 0 to {max}"))
                .found(text.chars().take(60).collect::<String>())
        };
        let number: usize = text.parse().map_err(|_| wrong())?;
        if number > max { Err(wrong()) } else { Ok(number) }
    }

    /// The commit that the query names.
    pub(super) fn tid(&self, key: &str) -> Result<Option<Tid>, Problem> {
        self.query(key).map(parse_tid).transpose()
    }

    /// The commit that a text names, or the last one at the time that it names.
    pub(super) fn moment(&self, text: &str) -> Result<Tid, PublishError> {
        let tid = match Moment::parse(text).ok_or_else(|| PublishError::Moment(text.to_owned()))? {
            Moment::Commit(tid) => tid,
            Moment::Time(micros) => {
                let now = self.database().now_micros();
                if micros > now {
                    let detail = format!("`{text}` lies ahead: it is {} now", rfc3339(now));
                    return Err(Problem::new(Code::Argument, detail).into());
                }
                self.database().state_at(micros)?
            }
        };
        match self.asked.shown.get().filter(|shown| tid < shown.opened) {
            Some(shown) => Err(PublishError::NotOpened { name: shown.name.clone(), opened: shown.opened }),
            None => Ok(tid),
        }
    }

    // The body.

    /// The body as JSON of the media types that are taken.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, PublishError> {
        let essence = media_essence(self.headers());
        let is_json = essence == "application/json" || essence.ends_with("+json");
        if !is_json {
            let problem = Problem::new(Code::MediaType, "this takes JSON").expected("application/json");
            return Err(problem.found(essence).into());
        }
        json::read(&self.body(JSON_BYTES_MAX)?).map_err(PublishError::from)
    }

    /// The same where there may be no body at all.
    pub(super) fn json_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, PublishError> {
        if self.asked.received.len() == 0 { Ok(T::default()) } else { self.json() }
    }

    /// All of the body.
    pub(super) fn body(&self, bytes_max: u64) -> Result<Vec<u8>, PublishError> {
        let bytes = self.asked.received.len();
        if bytes > bytes_max {
            return Err(PublishError::Body { bytes, max: bytes_max });
        }
        let mut body = Vec::with_capacity(bytes as usize);
        self.asked.received.reader().read_to_end(&mut body).map_err(PublishError::Spool)?;
        Ok(body)
    }

    // Where things are.

    /// Where an object stands, from what `/` names here; none where that is elsewhere.
    pub(super) fn path_in(
        &self,
        snapshot: &Snapshot,
        oid: Oid,
    ) -> Result<Option<(String, String)>, PublishError> {
        let Chain::Live(chain) = chain(snapshot, oid)? else { return Ok(None) };
        let Some(url) = self.visit.links.url_of_chain(snapshot, self.types(), &chain)? else {
            return Ok(None);
        };
        let depth = chain.iter().position(|object| object.oid() == self.visit.top.oid()).unwrap_or(0);
        let names = chain[..depth].iter().rev().filter_map(|object| object.place());
        let path = ObjectPath::from(names.map(|place| place.name.clone()).collect::<Vec<_>>());
        Ok(Some((path.to_string(), url)))
    }

    /// The same in what is shown.
    pub(super) fn path(&self, oid: Oid) -> Result<Option<String>, PublishError> {
        Ok(self.path_in(self.snapshot(), oid)?.map(|(path, _)| path))
    }

    /// The path for sentences: an oid where it has none.
    pub(super) fn path_text(&self, oid: Oid) -> Result<String, PublishError> {
        Ok(self.path(oid)?.unwrap_or_else(|| oid.to_string()))
    }

    /// The URL of the addressed object, or of what shall be made.
    pub(super) fn url(&self) -> Result<String, PublishError> {
        Ok(self.path_in(self.snapshot(), self.object.oid())?.map(|(_, url)| url).unwrap_or_default())
    }

    /// The URL of a view of an object.
    pub(super) fn view_url(&self, oid: Oid, view: &str) -> Result<String, PublishError> {
        let url = self.path_in(self.snapshot(), oid)?.map(|(_, url)| url).unwrap_or_default();
        Ok(format!("{}/@@{view}", url.trim_end_matches('/')))
    }

    /// The URL of a view of what `/` names, on the line that is shown.
    pub(super) fn top_url(&self, view: &str) -> String {
        format!("{}/@@{view}", self.visit.links.before)
    }

    /// An object, and where it is, as far as it may be seen.
    pub(super) fn link(&self, oid: Oid) -> Result<dto::Link, PublishError> {
        let may_see = self.visit.access.allows_at(VIEW, oid)?;
        let place = if may_see { self.path_in(self.snapshot(), oid)? } else { None };
        let (path, url) = place.unzip();
        Ok(dto::Link { oid: oid.to_string(), path, url })
    }

    /// The object at a path from what `/` names, where it may be seen.
    pub(super) fn require(&self, path: &str) -> Result<Oid, PublishError> {
        let path = parse_path(path)?;
        let missing = || Problem::new(Code::NotFound, format!("there is nothing at `{path}`"));
        let oid = find_from(self.snapshot(), self.visit.top.oid(), &path)?.ok_or_else(missing)?;
        let object = self.snapshot().object(oid)?.ok_or_else(missing)?;
        if self.visit.access.may_view(&object)? { Ok(oid) } else { Err(missing().into()) }
    }

    /// An object by its oid, as something that may be looked at.
    pub(super) fn oid(&self, text: &str) -> Result<Oid, Problem> {
        text.parse().map_err(|_| {
            let found: String = text.chars().take(60).collect();
            Problem::new(Code::Argument, "this is no oid").expected("`o` and hexadecimal digits").found(found)
        })
    }

    // Values.

    /// An attribute as JSON; what is kept aside is fetched.
    pub(super) fn shown(
        &self,
        content: &Content,
        snapshot: &Snapshot,
    ) -> Result<dto::Attribute, PublishError> {
        let names = Places::of(self, snapshot);
        Ok(match content {
            Content::Value(value) => shown(value, &names, None),
            Content::Large(large) => shown(&snapshot.large(large)?, &names, None),
            Content::Type(name) => shown(&Value::text(name.as_str()), &names, None),
            Content::Place(place) => {
                let container = names.place(place.parent).0.unwrap_or_else(|| place.parent.to_string());
                let path = format!("{}/{}", container.trim_end_matches('/'), place.name);
                shown(&Value::text(path), &names, None)
            }
            Content::Owner(owner) => shown(&Value::Reference(*owner), &names, None),
            Content::Roles(roles) => shown(&role_set(roles), &names, None),
            Content::Setting(setting) => {
                let map = [("roles", role_set(&setting.roles)), ("acquire", Value::Bool(setting.acquire))];
                let map = map.into_iter().map(|(key, value)| (key.into(), value)).collect();
                shown(&Value::Map(map), &names, None)
            }
            _ => shown(&Value::Null, &names, None),
        })
    }

    /// The title of an object; empty where it has none.
    pub(super) fn title(&self, object: &Object) -> Result<String, PublishError> {
        let title = attribute(self.snapshot(), object, "title")?;
        Ok(title.as_ref().and_then(Value::as_text).unwrap_or_default().to_owned())
    }

    pub(super) fn entry(
        &self,
        object: &Object,
        path: String,
        url: String,
    ) -> Result<dto::Entry, PublishError> {
        let bytes = match object.value("data") {
            Some(Value::Bytes(bytes)) => Some(bytes.len() as u64),
            Some(Value::Blob(blob)) => Some(blob.bytes),
            _ => None,
        };
        Ok(dto::Entry {
            oid: object.oid().to_string(),
            name: object.place().map(|place| place.name.to_string()),
            path,
            url,
            type_name: type_name(object).to_owned(),
            title: self.title(object)?,
            revision: object.revision().to_string(),
            order: object.place().map(|place| place.order.to_string()),
            is_container: is_container(self.snapshot(), self.types(), object)?,
            bytes,
        })
    }

    pub(super) fn commit(&self, record: &CommitRecord) -> dto::Commit {
        commit(record)
    }

    // Writing.

    /// What lets whoever asks change what he may.
    pub(super) fn warrant(&self) -> Arc<dyn Authority> {
        Arc::new(Warrant::new(self.visit.access.actor().clone(), Arc::clone(self.types())))
    }

    /// The note of a commit by whoever asks.
    pub(super) fn note(&self, sentence: impl Into<String>, kind: Kind) -> Note {
        let actor = self.visit.access.actor();
        let note = Note::edit(sentence).of_kind(kind).by(actor.name()).under(self.warrant());
        Note { request: format!("{:012x}", self.asked.id), ..note }
    }

    /// Does `work` in a transaction and commits it.
    pub(super) fn write<T>(
        &self,
        sentence: &str,
        work: impl FnMut(&mut Draft) -> Result<T, PublishError>,
    ) -> Result<(T, Option<Tid>), PublishError> {
        self.write_noted(self.note(sentence, Kind::Edit), work)
    }

    /// The same with a note of another kind. What is added belongs to whoever asks.
    pub(super) fn write_noted<T>(
        &self,
        note: Note,
        mut work: impl FnMut(&mut Draft) -> Result<T, PublishError>,
    ) -> Result<(T, Option<Tid>), PublishError> {
        let maker = self.visit.access.actor().user().map(|user| user.oid);
        self.database().write(note, |draft| {
            draft.set_maker(maker);
            work(draft)
        })
    }

    // Rights.

    /// What whoever asks may do with another state of the site.
    pub(super) fn access_to(&self, snapshot: &Snapshot) -> Access {
        let access = &self.visit.access;
        let here: SharedSnapshot = Arc::new(snapshot.clone());
        Access::new(access.actor().clone(), Arc::clone(self.types()), here, Some(Arc::clone(access.head())))
    }

    /// Whether an attribute of an object that may be seen may be read as it is. Settings, and what programs are made of,
    /// are for those who may change them.
    pub(super) fn may_read(&self, object: &Object, attribute: &str) -> Result<bool, PublishError> {
        let guards = self.types().guards(object.type_name());
        let access = &self.visit.access;
        if attribute.starts_with('_') && !access.allows(PROPERTIES, object)? {
            return Ok(false);
        }
        Ok(guards.edit == EDIT || access.allows(guards.edit, object)?)
    }

    /// Refuses what does not go with the state that the client expects (RFC 9110, section 13). `object` is what is
    /// there, with a tag of what its URL shows.
    pub(super) fn check_preconditions(&self, object: Option<&Object>) -> Result<(), PublishError> {
        let headers = self.headers();
        let listed = |name| {
            let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
            values.flat_map(|value| value.split(',')).map(str::trim).collect::<Vec<_>>()
        };
        let failed = |detail: &str| {
            let mut problem = Problem::new(Code::Precondition, detail);
            if let Some(object) = object {
                let current = etag(object.revision());
                problem = problem.found(&current).with("etag", current);
            }
            Err(problem.advise("read it again, and send the request with its present tag").into())
        };
        let matches = |object: &Object, tag: &str| {
            tag == "*"
                || tag == etag(object.revision())
                || self.shown_tag(object).is_some_and(|shown| shown == tag)
        };
        if headers.contains_key(IF_MATCH) {
            let wanted = listed(IF_MATCH);
            let Some(object) = object else { return failed("`If-Match` is given, and nothing is there") };
            if !wanted.iter().any(|tag| matches(object, tag)) {
                return failed("it was changed since: its tag is none of those in `If-Match`");
            }
        }
        if headers.contains_key(IF_NONE_MATCH) {
            let wanted = listed(IF_NONE_MATCH);
            if let Some(object) = object
                && wanted.iter().any(|tag| matches(object, tag))
            {
                return failed("`If-None-Match` is given, and it is there");
            }
        }
        Ok(())
    }

    /// The tag under which the bytes of a file were sent.
    fn shown_tag(&self, object: &Object) -> Option<String> {
        if !object.is_a("file") && !object.is_a("image") {
            return None;
        }
        let document = crate::types::file::show(self.visit, object).ok()?;
        document.validators.map(|validators| validators.etag.as_str().to_owned())
    }

    /// Says what a commit did. Of a commit that changed nothing, the objects are as they are.
    pub(super) fn written(
        &self,
        tid: Option<Tid>,
        sentence: impl Into<String>,
        oids: &[Oid],
    ) -> Result<(dto::Written, Option<Tid>), PublishError> {
        let snapshot = match tid {
            Some(tid) => self.database().snapshot_at(tid)?,
            None => self.database().snapshot(),
        };
        let mut objects = Vec::new();
        let mut revision = None;
        for &oid in oids {
            let Some(object) = snapshot.object(oid)? else { continue };
            let Some((path, url)) = self.path_in(&snapshot, oid)? else { continue };
            revision = revision.or(Some(object.revision()));
            objects.push(dto::WrittenObject {
                oid: oid.to_string(),
                path: Some(path),
                url: Some(url),
                etag: etag(object.revision()),
            });
        }
        let object = if oids.len() == 1 { objects.pop() } else { None };
        let undo = tid.map(|tid| dto::UndoLink {
            method: "POST",
            href: self.top_url("undo"),
            body: dto::UndoBody { commits: vec![tid.to_string()] },
        });
        let commit = tid.map(|tid| tid.to_string());
        let sentence = sentence.into();
        let overrun = Vec::new();
        Ok((dto::Written { commit, sentence, object, objects, undo, overrun }, revision))
    }

    /// The answer to a write of one object: made by it, or changed.
    pub(super) fn wrote(
        &self,
        tid: Option<Tid>,
        sentence: &str,
        oid: Oid,
        is_new: bool,
    ) -> Result<Answer, PublishError> {
        let (written, revision) = self.written(tid, sentence, &[oid])?;
        let mut answer = Answer::ok(&written)?;
        if let Some(revision) = revision {
            answer = answer.tagged(revision);
        }
        let location = written.object.and_then(|object| object.url);
        Ok(if is_new { answer.created(location) } else { answer })
    }

    /// Refuses to go on when the time for the answer is over.
    pub(super) fn check_time(&self) -> Result<(), PublishError> {
        if std::time::Instant::now() > self.asked.deadline { Err(PublishError::TooSlow) } else { Ok(()) }
    }
}

fn role_set(roles: &Roles) -> Value {
    Value::Set(roles.iter().map(|role| Value::text(role.as_str())).collect())
}

/// Names objects by where they are in one state, as far as they may be seen there.
pub(super) struct Places<'a> {
    call: &'a Call<'a>,
    snapshot: &'a Snapshot,
    access: Access,
}

impl<'a> Places<'a> {
    pub(super) fn of(call: &'a Call<'a>, snapshot: &'a Snapshot) -> Self {
        Self { call, snapshot, access: call.access_to(snapshot) }
    }
}

impl Names for Places<'_> {
    fn place(&self, oid: Oid) -> (Option<String>, Option<String>) {
        // A reference that cannot be followed still says whom it is to.
        let may_see = self.access.allows_at(VIEW, oid).unwrap_or(false);
        if !may_see {
            return (None, None);
        }
        self.call.path_in(self.snapshot, oid).ok().flatten().unzip()
    }
}

pub(super) fn type_name(object: &Object) -> &str {
    object.type_name().map_or("unknown", Name::as_str)
}

/// The cell as clients name it.
pub(super) fn cell_text(key: &CellKey) -> String {
    match key {
        CellKey::Attribute(name) => name.to_string(),
        other => format!("({other})"),
    }
}

/// The cell that a client names.
pub(super) fn parse_cell(text: &str) -> Result<CellKey, Problem> {
    match text {
        "(place)" => Ok(CellKey::Place),
        "(type)" => Ok(CellKey::Type),
        "(owner)" => Ok(CellKey::Owner),
        "(proxy roles)" => Ok(CellKey::ProxyRoles),
        text if text.starts_with('(') && text.ends_with(')') => {
            let inner = &text[1..text.len() - 1];
            if let Some(permission) = inner.strip_prefix("permission ") {
                return Ok(CellKey::Permission(parse_name(permission)?));
            }
            match inner.strip_prefix("roles of ") {
                Some(whose) => Ok(CellKey::LocalRoles(match whose.parse() {
                    Ok(oid) => Subject::Principal(oid),
                    Err(_) => Subject::Name(parse_name(whose)?),
                })),
                None => Ok(CellKey::Attribute(parse_name(text)?)),
            }
        }
        name => Ok(CellKey::Attribute(parse_name(name)?)),
    }
}

pub(super) fn parse_name(text: &str) -> Result<Name, Problem> {
    Name::new(text).map_err(|error| Problem::new(Code::Name, error.to_string()))
}

pub(super) fn parse_path(text: &str) -> Result<ObjectPath, Problem> {
    ObjectPath::parse(text).map_err(|error| {
        Problem::new(Code::Name, error.to_string()).expected("a path from `/`, as in `/news/autumn`")
    })
}

pub(super) fn parse_tid(text: &str) -> Result<Tid, Problem> {
    text.parse().map_err(|error| Problem::new(Code::Argument, format!("{error}")))
}

pub(super) fn commit(record: &CommitRecord) -> dto::Commit {
    let of = match &record.kind {
        Kind::Undo { of } => of.iter().map(Tid::to_string).collect(),
        Kind::Restore { from } => vec![from.to_string()],
        _ => Vec::new(),
    };
    dto::Commit {
        tid: record.tid.to_string(),
        time: rfc3339(record.time_micros),
        kind: record.kind.word().to_owned(),
        principal: record.principal.clone(),
        sentence: record.sentence.clone(),
        objects: record.objects,
        of,
    }
}

/// `1 object`, `2 objects`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
