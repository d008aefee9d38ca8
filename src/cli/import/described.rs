//! What an exported folder says of what is in it.

use std::io::Read as _;

use bough::core::Snapshot as _;
use bough::core::{Name, Object, ObjectPath, Oid, Value};
use bough::web::{CONTENT_POLICY, ContentPolicy};

use super::files::digest;
use super::{Importer, PROBLEMS_SHOWN, Standing};
use crate::cli::asker::{Asker, Contents};
use crate::cli::failure::Failure;
use crate::cli::screen::size_text;
use crate::cli::sidecar::{Deferred, Described, Sidecar};
use crate::cli::source::Item;
use crate::cli::value::Reader;
use crate::cli::{sidecar, value};

impl Importer<'_> {
    pub(super) fn take_blob(&mut self, digest_text: &str, asker: &mut dyn Asker) -> Result<(), Failure> {
        let mut contents = Contents::of(asker);
        let stored = if self.command.dry_run {
            digest(&mut contents).map_err(|error| Failure::because("cannot take a blob", &error))
        } else {
            self.draft.blob(&mut contents).map_err(Failure::from)
        };
        if let Some(failure) = contents.failure.take() {
            return Err(failure);
        }
        contents.skip()?;
        self.blobs.insert(digest_text.to_owned(), stored?);
        Ok(())
    }

    pub(super) fn take_sidecar(&mut self, item: &Item, asker: &mut dyn Asker) -> Result<(), Failure> {
        let mut contents = Contents::of(asker);
        let mut bytes = Vec::new();
        let read = contents.by_ref().take(sidecar::BYTES_MAX + 1).read_to_end(&mut bytes);
        if let Some(failure) = contents.failure.take() {
            return Err(failure);
        }
        read.map_err(|error| Failure::because("cannot take a folder's description", &error))?;
        contents.skip()?;
        let parsed = match bytes.len() as u64 <= sidecar::BYTES_MAX {
            true => Sidecar::parse(&bytes),
            false => Err(format!("it is longer than {}", size_text(sidecar::BYTES_MAX))),
        };
        match parsed {
            Ok(sidecar) => self.apply_sidecar(sidecar, asker),
            Err(problem) => {
                self.problem(&item.path, &format!("describes no folder: {problem}"));
                Ok(())
            }
        }
    }

    fn apply_sidecar(&mut self, sidecar: Sidecar, asker: &mut dyn Asker) -> Result<(), Failure> {
        let Some(folder) = self.open.last_mut() else { return Ok(()) };
        let (oid, path, is_new) = (folder.oid, folder.path.clone(), folder.is_new);
        folder.seen.extend(sidecar.children.keys().filter_map(|name| Name::new(name).ok()));
        folder.sidecar = Some(sidecar.clone());
        if let Some(described) = &sidecar.folder {
            self.unmarked = self.unmarked.filter(|top| *top != oid);
            let is_changed = self.describe(oid, &path, described, is_new)?;
            if is_changed && !is_new {
                self.summary.changed += 1;
            }
        }
        for (name, described) in sidecar.children.iter().filter(|(_, described)| !described.file) {
            let child_path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            self.take_described(oid, is_new, &Name::new(name)?, &child_path, described, asker)?;
        }
        Ok(())
    }

    /// A child that is described and has no file.
    fn take_described(
        &mut self,
        parent: Oid,
        is_new: bool,
        name: &Name,
        path: &str,
        described: &Described,
        asker: &mut dyn Asker,
    ) -> Result<(), Failure> {
        match self.standing(parent, name, is_new)? {
            Standing::Leaf(oid) => {
                let is_changed = self.describe(oid, path, described, false)?;
                return self.count(is_changed, path, asker);
            }
            Standing::Container(oid) => {
                if !self.command.delete {
                    self.problem(path, &format!("is a {}, and a folder stands there", described.type_name));
                }
                self.draft.delete(oid)?;
                self.summary.deleted += 1;
            }
            Standing::Nothing => {}
        }
        let oid = self.draft.add(parent, name, &Name::new(&described.type_name)?, [])?;
        self.summary.added += 1;
        self.say("add", path, asker)?;
        self.describe(oid, path, described, true).map(|_| ())
    }

    /// Makes the object what is described: its type and all its attributes, but for the content of a plain file.
    pub(super) fn describe(
        &mut self,
        oid: Oid,
        path: &str,
        described: &Described,
        is_new: bool,
    ) -> Result<bool, Failure> {
        let object = self.draft.object(oid)?;
        let mut is_changed = false;
        if let Some(rights) = &described.rights {
            self.rights.push((oid, path.to_owned(), rights.clone()));
        }
        if object
            .as_deref()
            .and_then(Object::type_name)
            .is_none_or(|name| *name != described.type_name.as_str())
        {
            self.draft.set_type(oid, &Name::new(&described.type_name)?)?;
            is_changed = true;
        }
        for (name, json) in &described.attributes {
            let attribute = Name::new(name)?;
            if name == CONTENT_POLICY && !path.is_empty() {
                let said = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
                let is_told = said != ContentPolicy::Clean.to_string();
                if is_told && self.summary.policies.len() < PROBLEMS_SHOWN {
                    self.summary.policies.push((path.to_owned(), said));
                }
            }
            if sidecar::has_reference(json) {
                self.deferred.push(Deferred { oid, path: path.to_owned(), attribute, json: json.clone() });
                continue;
            }
            let blobs = &self.blobs;
            let reader = Reader { reference: &|_| None, blob: &|digest| blobs.get(digest).cloned() };
            match reader.read(json) {
                Ok(value) => is_changed |= self.set(oid, &attribute, value, is_new)?,
                Err(problem) => self.problem(path, &format!("its attribute `{name}`: {problem}")),
            }
        }
        let Some(object) = object else { return Ok(is_changed) };
        for (name, _) in object.attributes() {
            let is_content = described.file && name == "data";
            if !is_content && !described.attributes.contains_key(name.as_str()) {
                self.draft.set(oid, name, None)?;
                is_changed = true;
            }
        }
        Ok(is_changed)
    }

    /// Sets what differs.
    pub(super) fn set(
        &mut self,
        oid: Oid,
        attribute: &Name,
        value: Value,
        is_new: bool,
    ) -> Result<bool, Failure> {
        if !is_new
            && let Some(object) = self.draft.object(oid)?
            && bough::core::snapshot::attribute(&*self.draft, &object, attribute.as_str())?
                == Some(value.clone())
        {
            return Ok(false);
        }
        self.draft.set(oid, attribute, Some(value))?;
        Ok(true)
    }

    pub(super) fn described(&self, name: &Name) -> Option<&Described> {
        self.open.last()?.sidecar.as_ref()?.children.get(name.as_str())
    }

    /// Sets the attributes that name other objects, now that all are there.
    pub(super) fn resolve_deferred(&mut self) -> Result<(), Failure> {
        for deferred in std::mem::take(&mut self.deferred) {
            let (top, draft, blobs) = (&self.top, &self.draft, &self.blobs);
            let reference = |text: &str| match text.strip_prefix('.') {
                Some(below) => value::find(&**draft, &join(top, below)),
                None => value::find(&**draft, text),
            };
            let reader = Reader { reference: &reference, blob: &|digest| blobs.get(digest).cloned() };
            match reader.read(&deferred.json) {
                Ok(value) => {
                    self.set(deferred.oid, &deferred.attribute, value, false)?;
                }
                Err(problem) => {
                    self.problem(
                        &deferred.path,
                        &format!("its attribute `{}`: {problem}", deferred.attribute),
                    );
                }
            }
        }
        Ok(())
    }
}

/// The path below the top that a text such as `/a/b` names.
pub(super) fn join(top: &ObjectPath, below: &str) -> String {
    if top.is_root() { format!("/{}", below.trim_start_matches('/')) } else { format!("{top}{below}") }
}
