//! Changes by path: what an application does inside [`crate::Site::write`].
//!
//! # Invariants
//! - A refused call changes nothing; the transaction goes on.
//! - Nothing is seen by anybody before the commit.

use std::io::Read;
use std::ops::{Deref, DerefMut};

use bough_core::object_type::TypeRegistry;
use bough_core::security::{USERS, USERS_NAME};
use bough_core::{Name, ObjectPath, Oid, Value};
use bough_store::Draft;

use crate::Error;
use crate::read::resolve;

/// A transaction under way. What this offers goes by path; the [`Draft`] below it goes by oid.
pub struct Tx<'a> {
    draft: &'a mut Draft,
}

impl<'a> Tx<'a> {
    /// The draft with changes by path.
    pub fn over(draft: &'a mut Draft) -> Self {
        Self { draft }
    }

    /// The object at a path, with the changes made so far.
    ///
    /// # Errors
    /// When nothing is there.
    pub fn find(&self, path: &str) -> Result<Oid, Error> {
        resolve(&**self.draft, &ObjectPath::parse(path)?)
    }

    /// Whether something is at a path.
    ///
    /// # Errors
    /// When `path` is none or the store cannot be read.
    pub fn exists(&self, path: &str) -> Result<bool, Error> {
        match self.find(path) {
            Err(Error::NothingAt { .. }) => Ok(false),
            found => found.map(|_| true),
        }
    }

    /// What an object holds under a name.
    ///
    /// # Errors
    /// When nothing is at the path.
    pub fn value(&self, path: &str, attribute: &str) -> Result<Option<Value>, Error> {
        let oid = self.find(path)?;
        let object = bough_core::Snapshot::object(&**self.draft, oid)?;
        Ok(match object {
            Some(object) => bough_core::snapshot::attribute(&**self.draft, &object, attribute)?,
            None => None,
        })
    }

    /// Adds an object of this type at a path whose container is there.
    ///
    /// # Errors
    /// When the container is not there or does not take it, the name is taken, or nobody registered the type.
    pub fn add(&mut self, path: &str, type_name: &str) -> Result<Oid, Error> {
        self.add_with(path, type_name, [])
    }

    /// The same with attributes.
    ///
    /// # Errors
    /// As [`Tx::add`], and when a value cannot be stored.
    pub fn add_with<'v>(
        &mut self,
        path: &str,
        type_name: &str,
        attributes: impl IntoIterator<Item = (&'v str, Value)>,
    ) -> Result<Oid, Error> {
        let type_name = known_type(self.draft.types(), type_name)?;
        let (parent, name) = self.container_of(path)?;
        if type_name == USERS && name != USERS_NAME {
            return Err(Error::UsersElsewhere { path: ObjectPath::parse(path)? });
        }
        let named = attributes.into_iter().map(|(name, value)| Ok((Name::new(name)?, value)));
        let attributes = named.collect::<Result<Vec<_>, Error>>()?;
        Ok(self.draft.add(parent, &name, &type_name, attributes)?)
    }

    /// Sets an attribute.
    ///
    /// # Errors
    /// When nothing is at the path or the value cannot be stored.
    pub fn set(&mut self, path: &str, attribute: &str, value: impl Into<Value>) -> Result<(), Error> {
        let oid = self.find(path)?;
        Ok(self.draft.set(oid, &Name::new(attribute)?, Some(value.into()))?)
    }

    /// Clears an attribute.
    ///
    /// # Errors
    /// When nothing is at the path.
    pub fn unset(&mut self, path: &str, attribute: &str) -> Result<(), Error> {
        let oid = self.find(path)?;
        Ok(self.draft.set(oid, &Name::new(attribute)?, None)?)
    }

    /// Moves or renames an object: `to` is its new path.
    ///
    /// # Errors
    /// When nothing is at `from`, or `to` is taken, or its container does not take the object.
    pub fn move_to(&mut self, from: &str, to: &str) -> Result<(), Error> {
        let oid = self.find(from)?;
        let (parent, name) = self.container_of(to)?;
        Ok(self.draft.move_to(oid, parent, &name)?)
    }

    /// Copies an object and everything in it; answers how many objects that were.
    ///
    /// # Errors
    /// When nothing is at `from`, or `to` is taken, or its container does not take the object.
    pub fn copy(&mut self, from: &str, to: &str) -> Result<u64, Error> {
        let oid = self.find(from)?;
        let (parent, name) = self.container_of(to)?;
        Ok(self.draft.copy(oid, parent, &name)?.1)
    }

    /// Deletes an object and everything in it.
    ///
    /// # Errors
    /// When nothing is at the path.
    pub fn delete(&mut self, path: &str) -> Result<(), Error> {
        let oid = self.find(path)?;
        Ok(self.draft.delete(oid)?)
    }

    /// Puts bytes at a path: into the file or image that is there, else into a new one.
    ///
    /// # Errors
    /// When the container is not there, something else stands at the path, or the bytes cannot be stored.
    pub fn file(&mut self, path: &str, bytes: impl AsRef<[u8]>) -> Result<Oid, Error> {
        self.file_from(path, &mut bytes.as_ref())
    }

    /// The same with everything that `from` gives, whatever its size.
    ///
    /// # Errors
    /// As [`Tx::file`].
    pub fn file_from(&mut self, path: &str, from: &mut dyn Read) -> Result<Oid, Error> {
        let data = Name::new("data")?;
        let found = match self.find(path) {
            Err(Error::NothingAt { .. }) => None,
            found => Some(found?),
        };
        if let Some(oid) = found {
            self.require_file(path, oid)?;
            let value = self.draft.blob(from)?;
            self.draft.set(oid, &data, Some(value))?;
            return Ok(oid);
        }
        let (parent, name) = self.container_of(path)?;
        let type_name = known_type(self.draft.types(), file_type(name.as_str()))?;
        let value = self.draft.blob(from)?;
        Ok(self.draft.add(parent, &name, &type_name, [(data, value)])?)
    }

    fn require_file(&self, path: &str, oid: Oid) -> Result<(), Error> {
        let object = bough_core::Snapshot::object(&**self.draft, oid)?;
        let found = object.as_deref().and_then(bough_core::Object::type_name);
        match found {
            Some(name) if name != "file" && name != "image" => Err(Error::OtherType {
                path: ObjectPath::parse(path)?,
                expected: Name::new(file_type(path))?,
                found: name.clone(),
            }),
            _ => Ok(()),
        }
    }

    fn container_of(&self, path: &str) -> Result<(Oid, Name), Error> {
        let path = ObjectPath::parse(path)?;
        let (parent, name) = path.split_last().ok_or(Error::Root)?;
        Ok((resolve(&**self.draft, &parent)?, name.clone()))
    }
}

impl Deref for Tx<'_> {
    type Target = Draft;

    fn deref(&self) -> &Draft {
        self.draft
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut Draft {
        self.draft
    }
}

/// The built-in type of a new file of this name: `image` where its extension says so, else `file`.
pub fn file_type(name: &str) -> &'static str {
    const IMAGES: [&str; 10] = ["apng", "avif", "bmp", "gif", "ico", "jpeg", "jpg", "png", "svg", "webp"];
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    if IMAGES.contains(&extension.as_str()) { "image" } else { "file" }
}

/// The name, if somebody registered a type of it.
pub(crate) fn known_type(types: &TypeRegistry, name: &str) -> Result<Name, Error> {
    if types.get(name).is_some() {
        return Ok(Name::new(name)?);
    }
    let known: Vec<String> = types.names().map(|name| format!("`{name}`")).collect();
    Err(Error::UnknownType { name: name.chars().take(80).collect(), known: known.join(", ") })
}
