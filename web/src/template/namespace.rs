//! What templates see: the object shown, what it acquires, and the site around it.
//!
//! A name on its own (`{{ title }}`) is what the object shown has or acquires. `here` is that object itself, `site` the
//! top of what this host shows, `container` where the object stands, `request` what was asked. Objects offer their own
//! attributes only; `object.acquire("name")` asks the containers, too.
//!
//! # Invariants
//! - Nothing is read before a template asks for it, and never more than a bounded number of children.
//! - An error of the store ends the rendering: it is a value that cannot be used, so no template can swallow it.
//! - Names that begin with `_` are not seen.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bough_core::acquisition::{self, Acquired, Found};
use bough_core::object_type::TypeRegistry;
use bough_core::security::Access;
use bough_core::security::permission::LIST;
use bough_core::snapshot::{Chain, ChildOrder, ChildrenPage, ReadError, attribute, chain, chain_path};
use bough_core::transaction::SharedSnapshot;
use bough_core::{Content, Object, Oid, Value as Stored};
use minijinja::value::{Enumerator, Kwargs, Object as TemplateObject, ObjectRepr, Value, from_args};
use minijinja::{Error, ErrorKind, State};
use parking_lot::RwLock;

use super::TemplateError;
use crate::publisher::links::Links;

/// Most children that a loop sees; a template that wants more asks for pages.
const CHILDREN_MAX: usize = 1_000;
/// Most children that are looked at to find so many that may be seen.
const CHILDREN_SEEN_MAX: usize = 10_000;
/// How many children are read at a time.
const CHILDREN_BATCH: usize = 100;
/// Names that belong to the language: no object can take them away.
const LANGUAGE: [&str; 9] =
    ["range", "dict", "namespace", "loop", "self", "super", "caller", "true", "false"];

/// What a template may know of the request.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestFacts {
    pub(crate) method: String,
    /// The decoded path, as the client wrote it.
    pub(crate) path: String,
    pub(crate) host: String,
    pub(crate) scheme: &'static str,
    /// The query by key; of a key that stands there several times, all values.
    pub(crate) query: BTreeMap<String, Vec<String>>,
}

/// The site as one request sees it.
pub(crate) struct Scene {
    pub(crate) snapshot: SharedSnapshot,
    /// What whoever asks may see; less where templates of others take part in the page.
    pub(crate) access: RwLock<Access>,
    pub(crate) types: Arc<TypeRegistry>,
    pub(crate) links: Links,
    pub(crate) request: RequestFacts,
    /// When rendering has to be over.
    pub(crate) deadline: Instant,
}

impl fmt::Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scene").field("tid", &self.snapshot.tid()).finish_non_exhaustive()
    }
}

/// An error of the store as a template error.
pub(crate) fn unreadable(error: ReadError) -> Error {
    Error::new(ErrorKind::InvalidOperation, "the site could not be read").with_source(error)
}

/// What an error says that comes of a denial, so that it is known again.
pub(super) const DENIED: &str = "not for whoever asks";

/// The error of a template that shows what it may not.
pub(super) fn not_for_you() -> Error {
    Error::new(ErrorKind::InvalidOperation, DENIED)
}

impl Scene {
    /// The object as templates see it; none where there is no such object, or none for whoever asks.
    pub(crate) fn object(self: &Arc<Self>, oid: Oid) -> Result<Value, ReadError> {
        Ok(match self.snapshot.object(oid)? {
            Some(object) if self.may_view(&object)? => self.shown(object),
            _ => Value::from(()),
        })
    }

    /// Whether the object may be seen.
    pub(crate) fn may_view(&self, object: &Object) -> Result<bool, ReadError> {
        self.access.read().may_view(object)
    }

    /// Whether what is in the object may be listed.
    fn may_list(&self, oid: Oid) -> Result<bool, ReadError> {
        self.access.read().allows_at(LIST, oid)
    }

    /// From now on this template makes the page.
    pub(super) fn run(&self, template: &Object) -> Result<(), ReadError> {
        let mut access = self.access.write();
        *access = access.running(template)?;
        Ok(())
    }

    /// From now on this template takes part in the page.
    pub(super) fn run_part(&self, template: &Object) -> Result<(), ReadError> {
        let mut access = self.access.write();
        *access = access.limited_by(template)?;
        Ok(())
    }

    /// The error of a page that shows what it may not.
    pub(super) fn denied(&self) -> TemplateError {
        TemplateError::Denied { asks: self.access.read().actor().is_known() }
    }

    /// What was acquired, where whoever asks may see where it comes from. What is nearer and denied is not skipped.
    fn acquired(self: &Arc<Self>, acquired: Option<Acquired>) -> Result<Option<Value>, ReadError> {
        let Some(Acquired { found, at, .. }) = acquired else { return Ok(None) };
        let from = match &found {
            Found::Child(oid) => *oid,
            _ => at,
        };
        let is_shown = match self.snapshot.object(from)? {
            Some(object) => self.may_view(&object)?,
            None => true,
        };
        if is_shown { self.found(Some(found)) } else { Ok(Some(Value::from(not_for_you()))) }
    }

    pub(crate) fn shown(self: &Arc<Self>, object: Arc<Object>) -> Value {
        Value::from_object(Shown { scene: Arc::clone(self), object })
    }

    fn value(self: &Arc<Self>, value: &Stored) -> Result<Value, ReadError> {
        Ok(match value {
            Stored::Null | Stored::Block => Value::from(()),
            Stored::Bool(truth) => Value::from(*truth),
            Stored::Int(number) | Stored::Counter(number) => Value::from(*number),
            Stored::Float(number) => Value::from(*number),
            Stored::Text(text) => Value::from(Arc::clone(text)),
            Stored::Bytes(bytes) => Value::from_bytes(bytes.to_vec()),
            Stored::Time(micros) => Value::from(time_text(*micros)),
            Stored::Reference(oid) => self.object(*oid)?,
            Stored::Blob(blob) => Value::from_pairs([
                ("bytes", Value::from(blob.bytes)),
                ("digest", Value::from(blob.digest.to_string())),
            ]),
            Stored::List(items) => {
                Value::from(items.iter().map(|item| self.value(item)).collect::<Result<Vec<_>, _>>()?)
            }
            Stored::Set(items) => {
                Value::from(items.iter().map(|item| self.value(item)).collect::<Result<Vec<_>, _>>()?)
            }
            Stored::Map(map) => {
                let pairs = map.iter().map(|(key, item)| Ok((key.to_string(), self.value(item)?)));
                Value::from(pairs.collect::<Result<BTreeMap<String, Value>, ReadError>>()?)
            }
        })
    }

    fn content(self: &Arc<Self>, content: &Content) -> Result<Option<Value>, ReadError> {
        Ok(match content {
            Content::Value(value) => Some(self.value(value)?),
            Content::Large(large) => Some(self.value(&self.snapshot.large(large)?)?),
            _ => None,
        })
    }

    /// What `get` or `acquire` found, as templates see it. Methods are not called from here.
    fn found(self: &Arc<Self>, found: Option<Found>) -> Result<Option<Value>, ReadError> {
        match found {
            Some(Found::Attribute { content, .. }) => self.content(&content),
            Some(Found::Default(value)) => self.value(&value).map(Some),
            Some(Found::Child(oid)) => self.object(oid).map(Some),
            Some(Found::Method(_)) | None => Ok(None),
        }
    }
}

/// A moment as people and machines read it.
pub(crate) fn time_text(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |time| time.to_string())
}

/// A stored value as JSON.
pub(crate) fn value_to_json(value: &Stored) -> serde_json::Value {
    match value {
        Stored::Null | Stored::Block => serde_json::Value::Null,
        Stored::Bool(truth) => (*truth).into(),
        Stored::Int(number) | Stored::Counter(number) => (*number).into(),
        Stored::Float(number) => (*number).into(),
        Stored::Text(text) => (&**text).into(),
        Stored::Bytes(bytes) => serde_json::json!({ "bytes": bytes.len() }),
        Stored::Time(micros) => time_text(*micros).into(),
        Stored::Reference(oid) => oid.to_string().into(),
        Stored::Blob(blob) => {
            serde_json::json!({ "bytes": blob.bytes, "digest": blob.digest.to_string() })
        }
        Stored::List(items) => items.iter().map(value_to_json).collect(),
        Stored::Set(items) => items.iter().map(value_to_json).collect(),
        Stored::Map(map) => {
            let pairs = map.iter().map(|(key, item)| (key.to_string(), value_to_json(item)));
            serde_json::Value::Object(pairs.collect())
        }
    }
}

/// The names that stand on their own in a template.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) scene: Arc<Scene>,
    /// The object shown.
    pub(crate) here: Arc<Object>,
    /// What the publisher adds, as the content of a page for its layout.
    pub(crate) added: Vec<(&'static str, Value)>,
}

impl Names {
    fn look_up(&self, name: &str) -> Result<Option<Value>, ReadError> {
        if let Some((_, value)) = self.added.iter().find(|(added, _)| *added == name) {
            return Ok(Some(value.clone()));
        }
        let scene = &self.scene;
        match name {
            "here" | "context" => Ok(Some(scene.shown(Arc::clone(&self.here)))),
            "container" => parent(scene, &self.here).map(Some),
            "site" => scene.object(scene.links.top).map(Some),
            "request" => Ok(Some(Value::from_object(Request(Arc::clone(scene))))),
            _ if LANGUAGE.contains(&name) || name.starts_with('_') => Ok(None),
            _ => {
                let acquired = acquisition::get(&*scene.snapshot, &scene.types, self.here.oid(), name)?;
                scene.acquired(acquired)
            }
        }
    }
}

impl TemplateObject for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        self.look_up(name).unwrap_or_else(|error| Some(Value::from(unreadable(error))))
    }
}

/// What was asked, as templates see it.
#[derive(Debug)]
struct Request(Arc<Scene>);

impl TemplateObject for Request {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let facts = &self.0.request;
        Some(match key.as_str()? {
            "method" => Value::from(&facts.method),
            "path" => Value::from(&facts.path),
            "host" => Value::from(&facts.host),
            "scheme" => Value::from(facts.scheme),
            // The last value of a key; all of them are in `query_all`.
            "query" => {
                let last = |(key, values): (&String, &Vec<String>)| {
                    (key.clone(), Value::from(values.last().map_or("", String::as_str)))
                };
                Value::from(facts.query.iter().map(last).collect::<BTreeMap<_, _>>())
            }
            "query_all" => {
                let all = facts.query.iter().map(|(key, values)| (key.clone(), Value::from(values.clone())));
                Value::from(all.collect::<BTreeMap<_, _>>())
            }
            _ => return None,
        })
    }
}

/// An object of the site.
struct Shown {
    scene: Arc<Scene>,
    object: Arc<Object>,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "object {}", self.object.oid())
    }
}

fn title(scene: &Scene, object: &Object) -> Result<String, ReadError> {
    let own = attribute(&*scene.snapshot, object, "title")?;
    let title = own.as_ref().and_then(Stored::as_text).filter(|title| !title.trim().is_empty());
    Ok(match (title, object.place()) {
        (Some(title), _) => title.to_owned(),
        (None, Some(place)) => place.name.to_string(),
        (None, None) => "Site".to_owned(),
    })
}

fn parent(scene: &Arc<Scene>, object: &Object) -> Result<Value, ReadError> {
    match object.place() {
        Some(place) if object.oid() != scene.links.top => scene.object(place.parent),
        _ => Ok(Value::from(())),
    }
}

impl Shown {
    fn field(&self, name: &str) -> Result<Option<Value>, ReadError> {
        let (scene, object) = (&self.scene, &*self.object);
        Ok(Some(match name {
            "name" => Value::from(object.place().map_or("", |place| place.name.as_str())),
            "title" => Value::from(title(scene, object)?),
            "type" => Value::from(object.type_name().map_or("", |name| name.as_str())),
            "oid" => Value::from(object.oid().to_string()),
            "url" => Value::from(scene.links.url(&*scene.snapshot, &scene.types, object.oid())?),
            "path" => self.path()?,
            "parent" => parent(scene, object)?,
            "breadcrumbs" => self.breadcrumbs()?,
            "children" => Value::from_object(Children::all(scene, object.oid())),
            "modified" => {
                Value::from(time_text(i64::try_from(object.revision().as_micros()).unwrap_or(i64::MAX)))
            }
            _ if name.starts_with('_') => return Ok(None),
            _ => {
                if let Some(cell) = object.attribute(name) {
                    return scene.content(&cell.content);
                }
                let schema = object.type_name().and_then(|of| scene.types.schema(of.as_str()));
                let default = schema.and_then(|schema| schema.attribute(name)?.default.clone());
                return default.map(|value| scene.value(&value)).transpose();
            }
        }))
    }

    /// The path below the top; none for what lies elsewhere.
    fn path(&self) -> Result<Value, ReadError> {
        let Chain::Live(mut chain) = chain(&*self.scene.snapshot, self.object.oid())? else {
            return Ok(Value::from(()));
        };
        let top = self.scene.links.top;
        let Some(depth) = chain.iter().position(|object| object.oid() == top) else {
            return Ok(Value::from(()));
        };
        chain.truncate(depth);
        Ok(Value::from(chain_path(&chain).to_string()))
    }

    /// From the top to this object.
    fn breadcrumbs(&self) -> Result<Value, ReadError> {
        let mut crumbs = Vec::new();
        for object in acquisition::containers(&*self.scene.snapshot, self.object.oid())? {
            let is_top = object.oid() == self.scene.links.top;
            if self.scene.may_view(&object)? {
                crumbs.push(self.scene.shown(object));
            }
            if is_top {
                break;
            }
        }
        crumbs.reverse();
        Ok(Value::from(crumbs))
    }

    fn children(&self, args: &[Value]) -> Result<Value, Error> {
        let (limit, after, options): (Option<usize>, Option<String>, Kwargs) = from_args(args)?;
        let limit = limit.or(options.get("limit")?).unwrap_or(CHILDREN_MAX).min(CHILDREN_MAX);
        let after: Option<String> = after.or(options.get("after")?);
        let by: Option<String> = options.get("by")?;
        options.assert_all_used()?;
        let by = match by.as_deref() {
            None | Some("place") => ChildOrder::Place,
            Some("name") => ChildOrder::Name,
            Some(other) => {
                let problem = format!("children by `{other}`: expected `place` or `name`");
                return Err(Error::new(ErrorKind::InvalidOperation, problem));
            }
        };
        let after = match after {
            Some(name) => Some(self.cursor(&name)?),
            None => None,
        };
        let page = ChildrenPage { by, after, limit };
        Ok(Value::from_object(Children { scene: Arc::clone(&self.scene), of: self.object.oid(), page }))
    }

    /// Where the listing goes on after the child of that name.
    fn cursor(&self, name: &str) -> Result<(bough_core::OrderKey, bough_core::Name), Error> {
        let wrong = |problem: String| Error::new(ErrorKind::InvalidOperation, problem);
        let name = bough_core::Name::new(name).map_err(|error| wrong(format!("children after: {error}")))?;
        let snapshot = &self.scene.snapshot;
        let child = snapshot.child(self.object.oid(), name.as_str()).map_err(unreadable)?;
        let object = match child {
            Some(child) => snapshot.object(child).map_err(unreadable)?,
            None => None,
        };
        let order = object.and_then(|object| object.place().map(|place| place.order.clone()));
        Ok((order.unwrap_or_default(), name))
    }
}

impl TemplateObject for Shown {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        self.field(name).unwrap_or_else(|error| Some(Value::from(unreadable(error))))
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "children" => self.children(args),
            "child" => {
                let (name,): (&str,) = from_args(args)?;
                if name.starts_with('_') {
                    return Ok(Value::from(()));
                }
                let child = self.scene.snapshot.child(self.object.oid(), name).map_err(unreadable)?;
                child.map_or(Ok(Value::from(())), |oid| self.scene.object(oid)).map_err(unreadable)
            }
            "acquire" => {
                let (name,): (&str,) = from_args(args)?;
                if name.starts_with('_') {
                    return Ok(Value::from(()));
                }
                let (snapshot, types) = (&*self.scene.snapshot, &self.scene.types);
                let acquired =
                    acquisition::acquire(snapshot, types, self.object.oid(), name).map_err(unreadable)?;
                let found = self.scene.acquired(acquired).map_err(unreadable)?;
                Ok(found.unwrap_or(Value::from(())))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&title(&self.scene, &self.object).map_err(|_| fmt::Error)?)
    }

    fn custom_cmp(self: &Arc<Self>, other: &minijinja::value::DynObject) -> Option<std::cmp::Ordering> {
        Some(self.object.oid().cmp(&other.downcast_ref::<Self>()?.object.oid()))
    }
}

/// Children of an object, for a loop.
#[derive(Debug)]
struct Children {
    scene: Arc<Scene>,
    of: Oid,
    page: ChildrenPage,
}

impl Children {
    fn all(scene: &Arc<Scene>, of: Oid) -> Self {
        Self { scene: Arc::clone(scene), of, page: ChildrenPage::first(CHILDREN_MAX) }
    }

    /// Those of the children that may be seen. All at once, since a loop visits all and wants to know which is the last.
    /// None where whoever asks may not list them.
    fn read(&self) -> Result<Option<Vec<Value>>, ReadError> {
        if !self.scene.may_list(self.of)? {
            return Ok(None);
        }
        let mut found = Vec::new();
        let mut looked_at = 0;
        let mut page = ChildrenPage { limit: CHILDREN_BATCH, ..self.page.clone() };
        while found.len() < self.page.limit && looked_at < CHILDREN_SEEN_MAX {
            let children = self.scene.snapshot.children(self.of, &page)?;
            looked_at += children.len();
            for child in children.iter().filter(|child| !child.name.is_private()) {
                if let Some(object) = self.scene.snapshot.object(child.oid)?
                    && self.scene.may_view(&object)?
                {
                    found.push(self.scene.shown(object));
                }
            }
            match children.last() {
                Some(last) if children.len() == page.limit => page = page.following(last),
                _ => break,
            }
        }
        found.truncate(self.page.limit);
        Ok(Some(found))
    }
}

impl TemplateObject for Children {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.read() {
            Ok(None) => Enumerator::Values(vec![Value::from(not_for_you())]),
            Ok(Some(children)) => Enumerator::Values(children),
            Err(error) => Enumerator::Values(vec![Value::from(unreadable(error))]),
        }
    }

    fn is_true(self: &Arc<Self>) -> bool {
        let page = ChildrenPage { limit: 1, ..self.page.clone() };
        let first = Self { scene: Arc::clone(&self.scene), of: self.of, page };
        first.read().is_ok_and(|children| children.is_none_or(|children| !children.is_empty()))
    }
}
