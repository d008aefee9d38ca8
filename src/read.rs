//! Reading: a view is the site as of one commit, a handle one object in it.
//!
//! # Invariants
//! - A view never changes. Everything reached from one handle is of the same commit.
//! - Reading waits for nobody.

use std::collections::VecDeque;
use std::sync::Arc;

use bough_core::acquisition::{self, Explanation, Found};
use bough_core::object_type::TypeRegistry;
use bough_core::snapshot::{self, ChildrenPage};
use bough_core::{Content, Name, Object, ObjectPath, Oid, Snapshot as _, Tid, Value};
use bough_store::{Body, Snapshot};

use crate::Error;

/// How many children are read at a time.
const CHILDREN_BATCH: usize = 256;

/// A moment of the site's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// As this commit left it.
    Tid(Tid),
    /// As it was at this time, in microseconds since 1970.
    Micros(u64),
}

impl From<Tid> for Moment {
    fn from(tid: Tid) -> Self {
        Self::Tid(tid)
    }
}

impl From<std::time::SystemTime> for Moment {
    fn from(time: std::time::SystemTime) -> Self {
        let since = time.duration_since(std::time::UNIX_EPOCH);
        Self::Micros(since.map_or(0, |since| since.as_micros() as u64))
    }
}

/// The site as of one commit.
#[derive(Clone)]
pub struct View {
    snapshot: Snapshot,
    types: Arc<TypeRegistry>,
}

impl View {
    pub(crate) fn new(snapshot: Snapshot, types: Arc<TypeRegistry>) -> Self {
        Self { snapshot, types }
    }

    /// The commit whose state this is.
    pub fn tid(&self) -> Tid {
        self.snapshot.tid()
    }

    /// The snapshot below, for what this view does not offer.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The types of the site.
    pub fn types(&self) -> &Arc<TypeRegistry> {
        &self.types
    }

    /// The object at a path.
    ///
    /// # Errors
    /// When nothing is there, or `path` is none.
    pub fn get(&self, path: &str) -> Result<Handle, Error> {
        let path = ObjectPath::parse(path)?;
        let oid = resolve(&self.snapshot, &path)?;
        self.require(oid, path)
    }

    /// The object at a path, if there is one.
    ///
    /// # Errors
    /// When `path` is none or the store cannot be read.
    pub fn find(&self, path: &str) -> Result<Option<Handle>, Error> {
        match self.get(path) {
            Err(Error::NothingAt { .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    /// The object with this oid, if it stands anywhere.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn by_oid(&self, oid: Oid) -> Result<Option<Handle>, Error> {
        match snapshot::path_of(&self.snapshot, oid)? {
            Some(path) => self.require(oid, path).map(Some),
            None => Ok(None),
        }
    }

    fn require(&self, oid: Oid, path: ObjectPath) -> Result<Handle, Error> {
        let object = self.snapshot.object(oid)?;
        let object = object.unwrap_or_else(|| Arc::new(Object::new(oid, Tid::ZERO, Vec::new())));
        Ok(Handle { view: self.clone(), object, path })
    }
}

/// Follows a path and says how far it leads.
pub(crate) fn resolve(
    snapshot: &(impl bough_core::Snapshot + ?Sized),
    path: &ObjectPath,
) -> Result<Oid, Error> {
    let mut at = Oid::ROOT;
    for (nth, name) in path.names().iter().enumerate() {
        match snapshot.child(at, name.as_str())? {
            Some(child) => at = child,
            None => {
                let reached = ObjectPath::from(path.names()[..nth].to_vec());
                return Err(Error::NothingAt { path: path.clone(), reached, missing: name.clone() });
            }
        }
    }
    Ok(at)
}

/// One object as of one commit.
#[derive(Clone)]
pub struct Handle {
    view: View,
    object: Arc<Object>,
    path: ObjectPath,
}

impl Handle {
    /// Where it stands.
    pub fn path(&self) -> &ObjectPath {
        &self.path
    }

    /// Who it is, for life.
    pub fn oid(&self) -> Oid {
        self.object.oid()
    }

    /// What it is called there; `/` for the root.
    pub fn name(&self) -> &str {
        self.path.names().last().map_or("/", Name::as_str)
    }

    /// The name of its type.
    pub fn type_name(&self) -> &str {
        self.object.type_name().map_or("unknown", Name::as_str)
    }

    /// Its cells.
    pub fn object(&self) -> &Arc<Object> {
        &self.object
    }

    /// The view that it belongs to.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Its title, or its name where it has none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn title(&self) -> Result<String, Error> {
        let title = self.value("title")?;
        Ok(title.as_ref().and_then(Value::as_text).unwrap_or_else(|| self.name()).to_owned())
    }

    /// What the object itself holds under that name, or its type's default.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn value(&self, attribute: &str) -> Result<Option<Value>, Error> {
        let own = snapshot::attribute(&self.view.snapshot, &self.object, attribute)?;
        let default = || {
            let schema = self.view.types.schema(self.type_name())?;
            schema.attribute(attribute)?.default.clone()
        };
        Ok(own.or_else(default))
    }

    /// The text that the object holds under that name.
    ///
    /// # Errors
    /// When it has no such attribute, or that is no text.
    pub fn text(&self, attribute: &str) -> Result<String, Error> {
        match self.value(attribute)? {
            Some(Value::Text(text)) => Ok(text.to_string()),
            Some(other) => Err(Error::OtherKind {
                path: self.path.clone(),
                attribute: attribute.to_owned(),
                expected: "text",
                found: other.kind(),
            }),
            None => Err(Error::NoAttribute { path: self.path.clone(), attribute: attribute.to_owned() }),
        }
    }

    /// The bytes of a text, of bytes or of a blob; large ones as a file.
    ///
    /// # Errors
    /// When it has no such attribute, or that has no bytes.
    pub fn bytes(&self, attribute: &str) -> Result<Body, Error> {
        match self.value(attribute)? {
            Some(value @ (Value::Text(_) | Value::Bytes(_) | Value::Blob(_))) => {
                Ok(self.view.snapshot.bytes(&value)?)
            }
            Some(other) => Err(Error::OtherKind {
                path: self.path.clone(),
                attribute: attribute.to_owned(),
                expected: "bytes",
                found: other.kind(),
            }),
            None => Err(Error::NoAttribute { path: self.path.clone(), attribute: attribute.to_owned() }),
        }
    }

    /// What the object or the nearest of its containers holds under that name; a child is given as a reference.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn acquire(&self, name: &str) -> Result<Option<Value>, Error> {
        let view = &self.view;
        let Some(acquired) = acquisition::get(&view.snapshot, &view.types, self.oid(), name)? else {
            return Ok(None);
        };
        Ok(match acquired.found {
            Found::Attribute { content: Content::Value(value), .. } | Found::Default(value) => Some(value),
            Found::Attribute { content: Content::Large(large), .. } => Some(view.snapshot.large(&large)?),
            Found::Child(oid) => Some(Value::Reference(oid)),
            Found::Attribute { .. } | Found::Method(_) => None,
        })
    }

    /// Where the answer to [`Handle::acquire`] comes from, and what it hides.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn explain(&self, name: &str) -> Result<Explanation, Error> {
        Ok(acquisition::explain(&self.view.snapshot, &self.view.types, self.oid(), name)?)
    }

    /// The child of that name, if there is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn child(&self, name: &Name) -> Result<Option<Self>, Error> {
        match self.view.snapshot.child(self.oid(), name.as_str())? {
            Some(oid) => self.view.require(oid, self.path.join(name)).map(Some),
            None => Ok(None),
        }
    }

    /// Its children in their order, read as they are asked for.
    pub fn children(&self) -> Children {
        self.children_from(ChildrenPage::first(CHILDREN_BATCH))
    }

    /// Its children from a place in a listing on; `page.limit` is how many are read at a time.
    pub fn children_from(&self, page: ChildrenPage) -> Children {
        let page = ChildrenPage { limit: page.limit.clamp(1, CHILDREN_BATCH), ..page };
        Children { of: self.clone(), next: Some(page), ready: VecDeque::new() }
    }

    /// Whether its type may contain objects, or it does although nobody knows its type.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_container(&self) -> Result<bool, Error> {
        if let Some(schema) = self.view.types.schema(self.type_name()) {
            return Ok(schema.container);
        }
        Ok(!self.view.snapshot.children(self.oid(), &ChildrenPage::first(1))?.is_empty())
    }

    /// The length of its content, for files and images.
    pub fn content_bytes(&self) -> Option<u64> {
        match self.object.value("data") {
            Some(Value::Bytes(bytes)) => Some(bytes.len() as u64),
            Some(Value::Blob(blob)) => Some(blob.bytes),
            _ => None,
        }
    }
}

/// The children of an object, in their order.
pub struct Children {
    of: Handle,
    next: Option<ChildrenPage>,
    ready: VecDeque<Handle>,
}

impl Children {
    fn fill(&mut self) -> Result<(), Error> {
        let Some(page) = self.next.take() else { return Ok(()) };
        let children = self.of.view.snapshot.children(self.of.oid(), &page)?;
        if let Some(last) = children.last()
            && children.len() == page.limit
        {
            self.next = Some(page.following(last));
        }
        for child in children {
            self.ready.push_back(self.of.view.require(child.oid, self.of.path.join(&child.name))?);
        }
        Ok(())
    }
}

impl Iterator for Children {
    type Item = Result<Handle, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty()
            && let Err(error) = self.fill()
        {
            return Some(Err(error));
        }
        self.ready.pop_front().map(Ok)
    }
}
