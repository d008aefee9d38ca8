//! Folders and files: what stands where they go, and what of them differs.

use std::collections::BTreeSet;
use std::io::Read;

use bough::core::Snapshot as _;
use bough::core::snapshot::{ChildOrder, ChildrenPage};
use bough::core::traversal::FILES;
use bough::core::value::{BlobRef, Digest};
use bough::core::{Name, Object, Oid, OrderKey, Value};

use super::{CHILDREN_BATCH, COMPARED_BYTES_MAX, Importer, OpenFolder, Standing};
use crate::cli::asker::{Asker, Contents};
use crate::cli::failure::{Failure, quoted};
use crate::cli::sidecar::Sidecar;
use crate::cli::source::{Item, is_excluded_anywhere};
use crate::cli::value;

impl Importer<'_> {
    /// Finds or makes the folder that everything goes into.
    pub(super) fn open_top(&mut self) -> Result<(), Failure> {
        let Some((above, name)) = self.top.split_last() else {
            return self.push(String::new(), Oid::ROOT, false);
        };
        let parent = match self.site.now().get(&above.to_string()) {
            Ok(parent) => parent.oid(),
            Err(error) => {
                let failure = Failure::from(error);
                return Err(failure.advise(format!("bough mkdir -p {}", quoted(&above.to_string()))));
            }
        };
        match self.standing(parent, name, false)? {
            Standing::Container(oid) => {
                self.unmarked = Some(oid);
                self.push(String::new(), oid, false)
            }
            Standing::Leaf(oid) if self.command.delete => {
                self.draft.delete(oid)?;
                self.add_folder(parent, &name.clone(), String::new())
            }
            Standing::Leaf(_) => {
                let message = format!("cannot import to `{}`: it is there and contains nothing", self.top);
                Err(Failure::refused(message).advise("another path, or --delete to replace it by a folder"))
            }
            Standing::Nothing => self.add_folder(parent, &name.clone(), String::new()),
        }
    }

    fn add_folder(&mut self, parent: Oid, name: &Name, path: String) -> Result<(), Failure> {
        let mark = if path.is_empty() { vec![(Name::new(FILES)?, Value::Bool(true))] } else { Vec::new() };
        let oid = self.draft.add(parent, name, &Name::new("folder")?, mark)?;
        self.summary.added += 1;
        self.push(path, oid, true)
    }

    fn push(&mut self, path: String, oid: Oid, is_new: bool) -> Result<(), Failure> {
        self.into.get_or_insert((oid, is_new));
        self.open.push(OpenFolder { path, oid, is_new, sidecar: None, seen: BTreeSet::new() });
        Ok(())
    }

    pub(super) fn standing(&self, parent: Oid, name: &Name, is_new: bool) -> Result<Standing, Failure> {
        let found = if is_new { None } else { self.base.child(parent, name.as_str())? };
        let Some(oid) = found else { return Ok(Standing::Nothing) };
        let object = self.base.object(oid)?;
        let type_name = object.as_deref().and_then(Object::type_name).map_or("", Name::as_str);
        let is_container = match self.draft.types().schema(type_name) {
            Some(schema) => schema.container,
            None => !self.base.children(oid, &ChildrenPage::first(1))?.is_empty(),
        };
        Ok(if is_container { Standing::Container(oid) } else { Standing::Leaf(oid) })
    }

    fn here(&self) -> (Oid, bool) {
        self.open.last().map_or((Oid::ROOT, false), |folder| (folder.oid, folder.is_new))
    }

    pub(super) fn take_folder(
        &mut self,
        item: &Item,
        name: &Name,
        asker: &mut dyn Asker,
    ) -> Result<(), Failure> {
        let (parent, is_new) = self.here();
        match self.standing(parent, name, is_new)? {
            Standing::Container(oid) => {
                self.summary.left += 1;
                return self.push(item.path.clone(), oid, false);
            }
            Standing::Leaf(oid) => {
                if !self.command.delete {
                    self.problem(&item.path, "is a folder, and what stands there is not");
                }
                self.draft.delete(oid)?;
                self.summary.deleted += 1;
                self.say("delete", &item.path, asker)?;
            }
            Standing::Nothing => {}
        }
        self.say("add", &item.path, asker)?;
        self.add_folder(parent, name, item.path.clone())
    }

    pub(super) fn take_file(
        &mut self,
        item: &Item,
        name: &Name,
        asker: &mut dyn Asker,
    ) -> Result<(), Failure> {
        let (parent, is_new) = self.here();
        let described = self.described(name).filter(|described| described.file).cloned();
        let old = match self.standing(parent, name, is_new)? {
            Standing::Nothing => None,
            Standing::Leaf(oid) => self.base.object(oid)?,
            Standing::Container(oid) => {
                if !self.command.delete {
                    self.problem(&item.path, "is a file, and a folder stands there");
                }
                self.draft.delete(oid)?;
                self.summary.deleted += 1;
                self.say("delete", &item.path, asker)?;
                None
            }
        };
        let type_name =
            described.as_ref().map_or_else(|| bough::file_type(name.as_str()), |it| it.type_name.as_str());
        let Some(old) = old else {
            let value = self.value(item, None, asker)?;
            let data = value.map(|value| (Name::new("data"), value));
            let data = data.map(|(name, value)| Ok::<_, Failure>((name?, value))).transpose()?;
            let oid = self.draft.add(parent, name, &Name::new(type_name)?, data)?;
            self.summary.added += 1;
            self.say("add", &item.path, asker)?;
            if let Some(described) = described {
                self.describe(oid, &item.path, &described, true)?;
            }
            return Ok(());
        };
        let is_file = old.is_a("file") || old.is_a("image") || described.is_some();
        if !is_file && !self.command.delete {
            let found = old.type_name().map_or("unknown", Name::as_str).to_owned();
            self.problem(&item.path, &format!("is a file, and a {found} stands there"));
        }
        let oid = old.oid();
        let mut is_changed = false;
        if !is_file {
            self.draft.set_type(oid, &Name::new(type_name)?)?;
            is_changed = true;
        }
        let now = bough::core::snapshot::attribute(&self.base, &old, "data")?;
        if let Some(value) = self.value(item, now.as_ref(), asker)? {
            self.draft.set(oid, &Name::new("data")?, Some(value))?;
            is_changed = true;
        }
        if let Some(described) = described {
            is_changed |= self.describe(oid, &item.path, &described, false)?;
        }
        self.count(is_changed, &item.path, asker)
    }

    /// Takes the content; none where it is what is there already, or nothing shall be written.
    fn value(
        &mut self,
        item: &Item,
        now: Option<&Value>,
        asker: &mut dyn Asker,
    ) -> Result<Option<Value>, Failure> {
        let mut contents = Contents::of(asker);
        let mut start = Vec::new();
        let read = contents.by_ref().take(COMPARED_BYTES_MAX + 1).read_to_end(&mut start);
        if let Some(failure) = contents.failure.take() {
            return Err(failure);
        }
        read.map_err(|error| Failure::because("cannot take a file", &error))?;
        let is_small = start.len() as u64 <= COMPARED_BYTES_MAX;
        if is_small && value::same_bytes(now, &start) {
            return Ok(None);
        }
        let mut from = start.as_slice().chain(&mut contents);
        let (value, bytes) = if self.command.dry_run {
            let digested = digest(&mut from);
            (digested.map_err(|error| Failure::because("cannot take a file", &error)), item.bytes)
        } else {
            (self.draft.blob(&mut from).map_err(Failure::from), item.bytes)
        };
        if let Some(failure) = contents.failure.take() {
            return Err(failure);
        }
        let value = value?;
        if Some(&value) == now {
            return Ok(None);
        }
        self.summary.files += 1;
        self.summary.bytes += bytes;
        Ok(Some(value))
    }

    /// Deletes what the source does not have, where that is wanted, and puts the children in their order.
    pub(super) fn close_folder(&mut self, asker: &mut dyn Asker) -> Result<(), Failure> {
        let Some(folder) = self.open.pop() else { return Ok(()) };
        if self.command.delete && !folder.is_new {
            self.delete_others(&folder, asker)?;
        }
        match &folder.sidecar {
            Some(sidecar) => self.put_in_order(&folder, sidecar),
            None => Ok(()),
        }
    }

    fn delete_others(&mut self, folder: &OpenFolder, asker: &mut dyn Asker) -> Result<(), Failure> {
        let mut page = ChildrenPage { by: ChildOrder::Name, ..ChildrenPage::first(CHILDREN_BATCH) };
        loop {
            let children = self.base.children(folder.oid, &page)?;
            for child in &children {
                let path = match folder.path.as_str() {
                    "" => child.name.to_string(),
                    above => format!("{above}/{}", child.name),
                };
                if folder.seen.contains(&child.name) || is_excluded_anywhere(&self.command.exclude, &path) {
                    continue;
                }
                self.draft.delete(child.oid)?;
                self.summary.deleted += 1;
                self.say("delete", &path, asker)?;
            }
            match children.last() {
                Some(last) if children.len() == page.limit => page = page.following(last),
                _ => return Ok(()),
            }
        }
    }

    /// Gives the described children new order keys where they do not stand as described.
    fn put_in_order(&mut self, folder: &OpenFolder, sidecar: &Sidecar) -> Result<(), Failure> {
        let names: Vec<&str> = match &sidecar.order {
            Some(order) => order.iter().map(String::as_str).collect(),
            None => folder.seen.iter().map(Name::as_str).collect(),
        };
        let mut standing = Vec::new();
        for name in names {
            let Some(oid) = self.draft.child(folder.oid, name)? else { continue };
            let object = self.draft.object(oid)?;
            let order = object.as_deref().and_then(Object::place).map(|place| place.order.clone());
            standing.push((oid, order.unwrap_or_default(), name));
        }
        if standing.is_sorted_by_key(|(_, order, name)| (order, *name)) {
            return Ok(());
        }
        let now = self.site.database().now_micros();
        for (oid, ..) in standing {
            self.reordered += 1;
            self.draft.reorder(oid, OrderKey::at(now, self.reordered))?;
        }
        Ok(())
    }
}

/// What bytes would be if they were stored.
pub(super) fn digest(from: &mut dyn Read) -> std::io::Result<Value> {
    let mut hasher = blake3::Hasher::new();
    let bytes = std::io::copy(from, &mut hasher)?;
    Ok(Value::Blob(BlobRef { digest: Digest(*hasher.finalize().as_bytes()), bytes }))
}
