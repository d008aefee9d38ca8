//! Methods of the application's own types, called from Rust as the publisher calls them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bough_core::object_type::{Call, Effect, MethodError, MethodSpec, ObjectType, Reply, Site as CallSite};
use bough_core::{Name, ObjectPath, Oid, Snapshot, Tid, Value};
use bough_store::{Draft, Note};
use bough_web::outside::Way;

use crate::read::resolve;
use crate::{Error, Site};

/// What a called method answered, and the commit of what it wrote, if it did.
#[derive(Debug)]
pub struct Called {
    /// The answer.
    pub reply: Reply,
    /// The commit; none for a method that only reads or changed nothing.
    pub tid: Option<Tid>,
}

impl Called {
    /// The document that was answered, as text; empty for any other answer.
    pub fn document(&self) -> String {
        match &self.reply {
            Reply::Document { body, .. } => String::from_utf8_lossy(body).into_owned(),
            _ => String::new(),
        }
    }
}

impl Site {
    /// Calls a published method of the object at a path: one that reads on the site as it is, one that writes in a
    /// transaction that is committed afterwards.
    ///
    /// # Errors
    /// When nothing is there, its type has no such method, the method refuses, or the commit fails.
    pub fn call<'v>(
        &self,
        path: &str,
        method: &str,
        arguments: impl IntoIterator<Item = (&'v str, Value)>,
    ) -> Result<Called, Error> {
        let path = ObjectPath::parse(path)?;
        let arguments = arguments.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let asked = Asked { site: self, path, method, arguments };
        let way_out = Way::of_program(self.database())?;
        let snapshot = self.database().snapshot();
        let target = asked.target(&snapshot)?;
        match target.method.effect {
            Effect::Reads => {
                let reply = asked.call(&target, CallSite::Snapshot(&snapshot), &way_out)?;
                Ok(Called { reply, tid: None })
            }
            Effect::Writes => {
                let note = Note::edit(format!("Called {} of {}", target.method.name, asked.path));
                let (reply, tid) = self.database().write(note, |draft: &mut Draft| {
                    way_out.begin_try();
                    let target = asked.target(&**draft)?;
                    asked.call(&target, CallSite::Transaction(draft), &way_out)
                })?;
                Ok(Called { reply, tid })
            }
        }
    }
}

struct Asked<'a> {
    site: &'a Site,
    path: ObjectPath,
    method: &'a str,
    arguments: BTreeMap<String, Value>,
}

struct Target {
    oid: Oid,
    object_type: Arc<dyn ObjectType>,
    method: MethodSpec,
}

impl Asked<'_> {
    fn target(&self, snapshot: &impl Snapshot) -> Result<Target, Error> {
        let oid = resolve(snapshot, &self.path)?;
        let object = snapshot.object(oid)?;
        let unknown = Name::new("unknown")?;
        let type_name = object.as_deref().and_then(|object| object.type_name()).unwrap_or(&unknown);
        let types = self.site.database().types();
        let found = types.get(type_name.as_str()).and_then(|object_type| {
            let method = object_type.schema().method(self.method)?.clone();
            Some(Target { oid, object_type: Arc::clone(object_type), method })
        });
        found.ok_or_else(|| {
            let (type_name, method) = (type_name.clone(), self.method.to_owned());
            self.refused(MethodError::NoSuchMethod { type_name, method })
        })
    }

    fn call(&self, target: &Target, site: CallSite<'_>, way_out: &Way) -> Result<Reply, Error> {
        let now_micros = self.site.database().now_micros();
        let mut call = Call {
            object: target.oid,
            site,
            arguments: &self.arguments,
            now_micros,
            actor: &bough_core::security::Actor::system(),
            way_out,
        };
        target.object_type.call(&target.method.name, &mut call).map_err(|source| self.refused(source))
    }

    fn refused(&self, source: MethodError) -> Error {
        Error::Method { path: self.path.clone(), method: self.method.to_owned(), source }
    }
}
