//! What became of the cells of an object, told to people.

use askama::Template;
use bough_core::object::{Large, Place, differing_cells};
use bough_core::security::{Access, Roles, Setting, Subject};
use bough_core::{CellKey, Content, Object, Oid, Snapshot as _, Value};
use bough_store::{Body, Snapshot};
use bough_web::pages::{PageError, PageRequest};

use super::text::{Layout, TextDiff};
use super::value::readable;
use crate::past::{at_url, cell_text};
use crate::{sight, text};

/// How many bytes of texts one page shows beside each other.
const TEXT_BYTES_MAX: usize = 300_000;
/// How many cells of one object are shown.
const CELLS_MAX: usize = 100;
/// Files up to this length in bytes are compared as text, where they are text.
const FILE_BYTES_MAX: u64 = 256 << 10;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Added,
    Changed,
    Moved,
    Deleted,
    /// It had been deleted, and is there again.
    Returned,
    /// It was as if it had never been made.
    Unmade,
}

impl Deed {
    fn of(before: Option<&Object>, after: Option<&Object>) -> Self {
        let place = |object: Option<&Object>| object.and_then(|object| object.place().cloned());
        let stands = |object: Option<&Object>| {
            object.is_some_and(|object| object.place().is_some() || object.oid() == Oid::ROOT)
        };
        match (stands(before), stands(after)) {
            (true, false) if after.is_none_or(|after| after.type_name().is_none()) => Self::Unmade,
            (true, false) => Self::Deleted,
            (false, true) if before.is_some_and(|before| before.type_name().is_some()) => Self::Returned,
            (false, true) => Self::Added,
            _ => match (place(before), place(after)) {
                (Some(before), Some(after))
                    if (before.parent, &before.name) != (after.parent, &after.name) =>
                {
                    Self::Moved
                }
                _ => Self::Changed,
            },
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Moved => "moved",
            Self::Deleted => "deleted",
            Self::Returned => "back again",
            Self::Unmade => "taken away",
        }
    }

    pub(crate) fn mood(self) -> &'static str {
        match self {
            Self::Added | Self::Returned => "good",
            Self::Changed | Self::Moved => "",
            Self::Deleted | Self::Unmade => "bad",
        }
    }
}

/// One object before and after: a template of its own.
#[derive(Template)]
#[template(path = "diff_object.html")]
pub(crate) struct ObjectDiff {
    pub(crate) title: String,
    pub(crate) path: String,
    pub(crate) history_url: String,
    pub(crate) deed: Deed,
    pub(crate) cells: Vec<CellDiff>,
    /// How many cells more were changed than are shown.
    pub(crate) more: usize,
}

impl askama::filters::HtmlSafe for ObjectDiff {}

/// One cell before and after: a template of its own.
#[derive(Template)]
#[template(path = "diff_cell.html")]
pub(crate) struct CellDiff {
    /// What people call it.
    pub(crate) label: String,
    /// What it is called in addresses and forms.
    pub(crate) key: String,
    /// A move or a right.
    pub(crate) sentence: Option<String>,
    pub(crate) text: Option<TextDiff>,
    /// The addresses of both images.
    pub(crate) images: Option<(Option<String>, Option<String>)>,
}

impl askama::filters::HtmlSafe for CellDiff {}

/// One of two states that are compared.
pub(crate) struct State<'a> {
    pub(crate) snapshot: &'a Snapshot,
    /// What people call it.
    pub(crate) label: String,
    access: Access,
}

impl<'a> State<'a> {
    pub(crate) fn new(request: &PageRequest, snapshot: &'a Snapshot, label: impl Into<String>) -> Self {
        Self { snapshot, label: label.into(), access: request.access_to(snapshot) }
    }

    /// Whether an object may be seen as it was in it.
    pub(crate) fn may_see(&self, oid: Oid) -> bool {
        sight::may_see(&self.access, self.snapshot, oid).unwrap_or(false)
    }

    /// Whether a cell of an object may be read as it is in it; none where the object is not there.
    fn may_read(&self, oid: Oid, key: &CellKey) -> Result<Option<bool>, PageError> {
        let object = self.snapshot.object(oid)?.filter(|object| object.type_name().is_some());
        let Some(object) = object else { return Ok(None) };
        Ok(Some(match key {
            _ if !self.may_see(oid) => false,
            CellKey::Attribute(name) => sight::may_read(&self.access, &object, name.as_str())?,
            _ => true,
        }))
    }
}

/// Tells what differs between two states.
pub(crate) struct Teller<'a> {
    pub(crate) request: &'a PageRequest,
    pub(crate) before: State<'a>,
    pub(crate) after: State<'a>,
    pub(crate) layout: Layout,
    /// How many bytes of texts may still be shown beside each other on the page.
    pub(crate) room: Room,
}

/// What a page may hold of texts: when it is used up, further texts are only named.
pub(crate) struct Room(std::cell::Cell<usize>);

impl Default for Room {
    fn default() -> Self {
        Self(std::cell::Cell::new(TEXT_BYTES_MAX))
    }
}

impl Room {
    /// Whether there is room for a text, which is then used. The last one may be longer than what was left.
    fn take(&self, bytes: usize) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(bytes));
        left > 0
    }
}

/// A cell that differs, with what both sides hold.
pub(crate) type Differing<'a> = (&'a CellKey, Option<&'a Content>, Option<&'a Content>);

impl Teller<'_> {
    /// Whether whoever asks may know of the object in either state.
    pub(crate) fn may_see(&self, oid: Oid) -> bool {
        self.before.may_see(oid) || self.after.may_see(oid)
    }

    /// What became of an object; none where he may know nothing of it.
    pub(crate) fn object(
        &self,
        oid: Oid,
        before: Option<&Object>,
        after: Option<&Object>,
    ) -> Result<Option<ObjectDiff>, PageError> {
        let Some(object) = after.filter(|after| after.type_name().is_some()).or(before) else {
            return Ok(None);
        };
        let cells = differing_cells(before, after);
        self.told(oid, Deed::of(before, after), object, &cells)
    }

    /// The same of cells that were found elsewhere.
    pub(crate) fn told(
        &self,
        oid: Oid,
        deed: Deed,
        object: &Object,
        cells: &[Differing<'_>],
    ) -> Result<Option<ObjectDiff>, PageError> {
        if !self.may_see(oid) {
            return Ok(None);
        }
        let shown: Vec<_> = match deed {
            // Nothing is left to compare.
            Deed::Unmade => Vec::new(),
            // It is new as a whole; what is worth reading is what it holds.
            Deed::Added => {
                let says = |key: &CellKey| matches!(key, CellKey::Attribute(_)) || key.is_security();
                let place = |key: &CellKey| *key == CellKey::Place && cells.len() == 1;
                cells
                    .iter()
                    .filter(|(key, ..)| (says(key) && *key != &CellKey::Owner) || place(key))
                    .collect()
            }
            _ => cells.iter().collect(),
        };
        let more = shown.len().saturating_sub(CELLS_MAX);
        let cells = shown.into_iter().take(CELLS_MAX);
        let path = self.path(oid)?;
        Ok(Some(ObjectDiff {
            title: self.title(object, &path),
            path,
            history_url: crate::history::url_of(self.request, oid)?,
            deed,
            cells: cells.map(|cell| self.cell(object, *cell)).collect::<Result<_, _>>()?,
            more,
        }))
    }

    /// What people call an object: of one without a place, what it was called there.
    fn title(&self, object: &Object, path: &str) -> String {
        let is_nameless =
            object.place().is_none() && object.oid() != Oid::ROOT && object.text("title").is_none();
        match path.rsplit_once('/') {
            Some((_, name)) if is_nameless => name.to_owned(),
            _ => text::title(self.after.snapshot, object),
        }
    }

    /// Where an object is, or was.
    fn path(&self, oid: Oid) -> Result<String, PageError> {
        for state in [&self.after, &self.before] {
            if let Some(path) = self.request.path_in(state.snapshot, oid)? {
                return Ok(path.to_string());
            }
        }
        Ok(crate::past::last_path(self.request, self.before.snapshot, oid)?.unwrap_or_default())
    }

    /// What became of one cell of an object.
    pub(crate) fn cell(
        &self,
        object: &Object,
        (key, before, after): Differing<'_>,
    ) -> Result<CellDiff, PageError> {
        let mut told = CellDiff {
            label: self.label(object, key),
            key: cell_text(key),
            sentence: None,
            text: None,
            images: None,
        };
        let may_read = (self.before.may_read(object.oid(), key)?, self.after.may_read(object.oid(), key)?);
        // What would be in a state that it never was in, as an undo may make it, is as the other state says.
        let may_read_old = before.is_none() || may_read.0.or(may_read.1).unwrap_or(false);
        let may_read_new = after.is_none() || may_read.1.or(may_read.0).unwrap_or(false);
        if !may_read_old || !may_read_new {
            told.sentence = Some("Changed; you may not read what it holds or held.".into());
            return Ok(told);
        }
        match key {
            CellKey::Attribute(name) => {
                if name.as_str() == "data" && is_image(object) {
                    let image = |state: &State<'_>, content: Option<&Content>| {
                        content.map(|content| self.image(state, object.oid(), content)).transpose()
                    };
                    told.images =
                        Some((image(&self.before, before)?.flatten(), image(&self.after, after)?.flatten()));
                } else {
                    let (old, new) = (self.read(&self.before, before)?, self.read(&self.after, after)?);
                    if !self.room.take(old.len() + new.len()) {
                        let bytes = text::bytes(new.len() as u64);
                        told.sentence = Some(format!(
                            "Changed: a text, now of {bytes}. The history of the object shows it."
                        ));
                        return Ok(told);
                    }
                    let labels = (self.before.label.as_str(), self.after.label.as_str());
                    let diff = TextDiff::new(&old, &new, self.layout).between(labels.0, labels.1);
                    told.text = Some(diff);
                }
            }
            key => {
                let sentence = self.sentence(key, before, after);
                let goes_or_comes = *key == CellKey::Place && before.is_some() != after.is_some();
                told.sentence = Some(match goes_or_comes && self.is_container(object) {
                    true => format!("{}, with everything in it.", sentence.trim_end_matches('.')),
                    false => sentence,
                });
            }
        }
        Ok(told)
    }

    fn is_container(&self, object: &Object) -> bool {
        let schema = object.type_name().and_then(|name| self.request.types().schema(name.as_str()));
        schema.is_none_or(|schema| schema.container)
    }

    /// What people call a cell.
    pub(crate) fn label(&self, object: &Object, key: &CellKey) -> String {
        label(self.request, object, key)
    }

    /// What a cell holds in the later state, as a text.
    pub(crate) fn shown(&self, oid: Oid, key: &CellKey, content: &Content) -> Result<String, PageError> {
        if self.after.may_read(oid, key)? != Some(true) {
            return Ok("you may not read this".into());
        }
        Ok(match content {
            Content::Value(_) | Content::Large(_) => self.read(&self.after, Some(content))?,
            Content::Place(place) => self.place(&self.after, place),
            content => self.said(&self.after, key, Some(content)),
        })
    }

    /// What an attribute held before and after, where both are in one line of at most `chars` characters and may be read.
    pub(crate) fn in_short(
        &self,
        oid: Oid,
        (key, before, after): Differing<'_>,
        chars: usize,
    ) -> Result<Option<(String, String)>, PageError> {
        let mut shown = Vec::new();
        for (state, content) in [(&self.before, before), (&self.after, after)] {
            let text = match content {
                None => "not set".to_owned(),
                Some(Content::Value(value)) if matches!(key, CellKey::Attribute(_)) => {
                    if state.may_read(oid, key)? != Some(true)
                        || matches!(value, Value::Bytes(_) | Value::Blob(_))
                    {
                        return Ok(None);
                    }
                    match readable(value, &|oid| self.named(state, oid)) {
                        empty if empty.is_empty() => "empty".to_owned(),
                        text => text,
                    }
                }
                Some(_) => return Ok(None),
            };
            if text.contains('\n') || text.chars().count() > chars {
                return Ok(None);
            }
            shown.push(text);
        }
        Ok(shown.pop().and_then(|new| Some((shown.pop()?, new))))
    }

    /// An attribute as a text.
    fn read(&self, state: &State<'_>, content: Option<&Content>) -> Result<String, PageError> {
        let Some(content) = content else { return Ok(String::new()) };
        let value = match content {
            Content::Value(value) => value.clone(),
            Content::Large(large) => self.large(state, large)?,
            _ => return Ok(String::new()),
        };
        self.read_value(state, &value)
    }

    fn large(&self, state: &State<'_>, large: &Large) -> Result<Value, PageError> {
        Ok(state.snapshot.large(large)?)
    }

    fn read_value(&self, state: &State<'_>, value: &Value) -> Result<String, PageError> {
        let is_short = match value {
            Value::Bytes(_) => true,
            Value::Blob(blob) => blob.bytes <= FILE_BYTES_MAX,
            _ => false,
        };
        if is_short
            && let Body::Bytes(bytes) = state.snapshot.bytes(value)?
            && let Ok(text) = std::str::from_utf8(&bytes)
            && !text.contains('\0')
        {
            return Ok(text.to_owned());
        }
        Ok(readable(value, &|oid| self.named(state, oid)))
    }

    /// Where an image can be had as it is in a state, if that state holds it.
    fn image(&self, state: &State<'_>, oid: Oid, content: &Content) -> Result<Option<String>, PageError> {
        let held = state.snapshot.object(oid)?;
        let holds = held.as_ref().and_then(|object| object.attribute("data")).map(|cell| &cell.content);
        if holds == Some(content) { at_url(self.request, state.snapshot, oid) } else { Ok(None) }
    }

    /// What an object is called in a state.
    fn named(&self, state: &State<'_>, oid: Oid) -> String {
        if !state.may_see(oid) {
            return "something that is not there, or not for you".into();
        }
        let path = self.request.path_in(state.snapshot, oid).ok().flatten();
        path.map_or_else(|| "something that was deleted".into(), |path| path.to_string())
    }

    fn place(&self, state: &State<'_>, place: &Place) -> String {
        let container = self.named(state, place.parent);
        if container.starts_with('/') {
            format!("{}/{}", container.trim_end_matches('/'), place.name)
        } else {
            format!("“{}” in {container}", place.name)
        }
    }

    /// Moves, types and rights in words.
    fn sentence(&self, key: &CellKey, before: Option<&Content>, after: Option<&Content>) -> String {
        let (old, new) = (&self.before, &self.after);
        match (before, after) {
            (Some(Content::Place(was)), Some(Content::Place(is))) if was.parent != is.parent => {
                format!("Moved from {} to {}.", self.place(old, was), self.place(new, is))
            }
            (Some(Content::Place(was)), Some(Content::Place(is))) if was.name != is.name => {
                format!("Renamed from {} to {}.", was.name, is.name)
            }
            (Some(Content::Place(_)), Some(Content::Place(_))) => {
                "Put at another position among its neighbours.".into()
            }
            (None, Some(Content::Place(is))) => format!("Put at {}.", self.place(new, is)),
            (Some(Content::Place(was)), None) => format!("Deleted from {}.", self.place(old, was)),
            _ => {
                let was = self.said(old, key, before);
                let is = self.said(new, key, after);
                format!("{is}; before: {was}.")
            }
        }
    }

    fn said(&self, state: &State<'_>, key: &CellKey, content: Option<&Content>) -> String {
        let roles = |roles: &Roles| if roles.is_empty() { "nobody".into() } else { roles.to_string() };
        match content {
            Some(Content::Type(name)) => self.type_title(name.as_str()),
            Some(Content::Owner(owner)) => self.named(state, *owner),
            Some(Content::Setting(Setting { roles: held, acquire: true })) => {
                format!("{}, and all who have it in the containers", roles(held))
            }
            Some(Content::Setting(Setting { roles: held, acquire: false })) => {
                format!("only {}", roles(held))
            }
            Some(Content::Roles(held)) => held.to_string(),
            _ => match key {
                CellKey::Permission(_) => "as in the containers".into(),
                CellKey::Owner => "nobody".into(),
                _ => "none".into(),
            },
        }
    }

    fn type_title(&self, name: &str) -> String {
        self.request.types().schema(name).map_or_else(|| name.to_owned(), |schema| schema.title.clone())
    }
}

/// What people call a cell.
pub(crate) fn label(request: &PageRequest, object: &Object, key: &CellKey) -> String {
    match key {
        CellKey::Type => "Type".into(),
        CellKey::Place => "Place".into(),
        CellKey::Owner => "Owner".into(),
        CellKey::ProxyRoles => "Proxy roles".into(),
        CellKey::Permission(permission) => format!("Who has “{permission}”"),
        CellKey::LocalRoles(Subject::Name(name)) => format!("Roles of users called {name}"),
        CellKey::LocalRoles(Subject::Principal(oid)) => {
            let head = request.trunk().snapshot();
            let user = head.object(*oid).ok().flatten();
            let name = user.as_ref().and_then(|user| user.place()).map(|place| place.name.to_string());
            format!("Roles of {}", name.unwrap_or_else(|| "a user who is gone".into()))
        }
        CellKey::Attribute(name) => {
            let schema = object.type_name().and_then(|of| request.types().schema(of.as_str()));
            let spec = schema.and_then(|schema| schema.attribute(name.as_str()));
            spec.map_or_else(|| name.to_string(), |spec| spec.label.clone())
        }
        _ => key.to_string(),
    }
}

/// Whether an object's bytes are an image.
pub(crate) fn is_image(object: &Object) -> bool {
    let name = object.place().map(|place| place.name.as_str().to_ascii_lowercase()).unwrap_or_default();
    let endings = [".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg"];
    object.is_a("image")
        || object.text("content_type").is_some_and(|of| of.starts_with("image/"))
        || endings.iter().any(|ending| name.ends_with(ending))
}
