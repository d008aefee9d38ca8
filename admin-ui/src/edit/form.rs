//! The form: which attributes of an object it holds, what it was made of, and what was typed.

use std::collections::BTreeSet;
use std::sync::Arc;

use bough_core::name::NameError;
use bough_core::object_type::{AttributeSpec, Input, TypeSchema};
use bough_core::security::{GROUPS, USER, to_set};
use bough_core::snapshot::attribute;
use bough_core::{Content, Name, Object, Oid, Snapshot as _, Tid, Value};
use bough_store::Snapshot;
use bough_web::pages::{PageError, PageForm, PageRequest};

use super::shape::{Names, Rows, Shape, Simple, Typed};
use crate::sight;

/// Most properties besides those of the type that one page shows.
pub(super) const FREE_MAX: usize = 80;
/// How much text one page shows; longer values behind that stay as they are.
const TEXT_BYTES_MAX: usize = 4 << 20;
/// How many fields the rows of one page may be, so that it can be sent: a form has a bounded number of parts.
const ROW_FIELDS_MAX: usize = 300;

/// What is said of an attribute that somebody typed something for, and lost the right to set meanwhile.
const BARRED: &str = "You may not change this any more. What was in your form is here, so that you can keep it elsewhere; \
                      saving again leaves the attribute as it is.";

/// The state that a form is made of.
pub(super) struct Ground {
    /// The object then; now, where then is not to be had any more.
    pub(super) object: Arc<Object>,
    pub(super) snapshot: Snapshot,
    /// Whether that is the state that the form was made of. Else nobody knows what was changed in the form.
    pub(super) is_known: bool,
}

impl Ground {
    /// The object as it is now.
    pub(super) fn now(snapshot: Snapshot, object: Arc<Object>) -> Self {
        Self { object, snapshot, is_known: true }
    }

    /// What a form that was sent was made of.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn of_form(
        request: &PageRequest,
        form: &PageForm,
        now: &Arc<Object>,
    ) -> Result<Self, PageError> {
        let here =
            |is_known| Self { object: Arc::clone(now), snapshot: request.snapshot().clone(), is_known };
        if is_of_another_line(request, form) {
            return Ok(here(false));
        }
        let (Ok(base), Ok(revision)) = (form.get("base").parse::<Tid>(), form.get("revision").parse::<Tid>())
        else {
            return Ok(here(false));
        };
        let then = request.database().snapshot_at(base).ok();
        let found = then.and_then(|snapshot| Some((snapshot.object(now.oid()).ok()??, snapshot)));
        Ok(match found {
            Some((object, snapshot)) if object.revision() == revision => {
                Self { object, snapshot, is_known: true }
            }
            // What was then is packed away, but the object is still as it was.
            _ => here(now.revision() == revision),
        })
    }

    pub(super) fn names<'a>(&'a self, request: &'a PageRequest) -> SiteNames<'a> {
        SiteNames { request, snapshot: &self.snapshot }
    }
}

/// Whether a form was made on another line than the one that its address leads to now: versions change their names.
pub(super) fn is_of_another_line(request: &PageRequest, form: &PageForm) -> bool {
    form.find("line").is_some_and(|line| line != request.database().line().0.to_string())
}

/// Objects by their paths in one state of the site, as far as whoever asks may see them.
pub(super) struct SiteNames<'a> {
    request: &'a PageRequest,
    snapshot: &'a Snapshot,
}

impl Names for SiteNames<'_> {
    fn path(&self, oid: Oid) -> String {
        let seen = self.snapshot.object(oid).ok().flatten();
        let seen = seen.is_some_and(|object| self.request.access().may_view(&object).unwrap_or(false));
        let path = seen.then(|| self.request.path_in(self.snapshot, oid).ok().flatten()).flatten();
        path.map_or_else(|| oid.to_string(), |path| path.to_string())
    }

    fn find(&self, text: &str, base: Option<Oid>) -> Result<Oid, String> {
        if !text.starts_with('/') {
            let oid = text.parse::<Oid>().ok();
            let may_view = |oid: &Oid| {
                let object = self.request.snapshot().object(*oid).ok().flatten();
                object.is_some_and(|object| self.request.access().may_view(&object).unwrap_or(false))
            };
            return oid.filter(|oid| base == Some(*oid) || may_view(oid)).ok_or_else(|| {
                format!("Expected a path such as /news/today, not “{}”.", crate::text::shortened(text, 60))
            });
        }
        match self.request.find(text) {
            Ok(Some(object)) => Ok(object.oid()),
            Ok(None) => Err(format!("There is nothing at {}.", crate::text::shortened(text, 120))),
            Err(error) => Err(error.message()),
        }
    }
}

/// What shall become of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    /// Nothing else than it is.
    Same,
    /// This; none stands for no such attribute.
    Value(Option<Value>),
    /// The file of the form with this number.
    File(usize),
}

/// One attribute in the form.
pub(super) struct Entry {
    pub(super) name: Name,
    pub(super) spec: Option<AttributeSpec>,
    pub(super) shape: Shape,
    pub(super) base: Option<Value>,
    pub(super) typed: Typed,
    pub(super) wanted: Wanted,
    /// Whether it is to be taken away by its tick.
    pub(super) is_dropped: bool,
    pub(super) may_write: bool,
    pub(super) error: Option<String>,
}

impl Entry {
    pub(super) fn is_changed(&self) -> bool {
        self.wanted != Wanted::Same
    }

    /// Whether something was typed for it that may not be set any more.
    pub(super) fn is_barred(&self) -> bool {
        !self.may_write && self.error.is_some()
    }

    /// Whether the form asks for it.
    pub(super) fn is_asked(&self) -> bool {
        self.may_write && !matches!(self.shape, Shape::Fixed)
    }

    pub(super) fn label(&self) -> &str {
        self.spec.as_ref().map_or(self.name.as_str(), |spec| &spec.label)
    }
}

/// Whether an attribute may be seen in a form.
pub(super) fn may_read(request: &PageRequest, object: &Object, name: &Name) -> Result<bool, PageError> {
    sight::may_read(request.access(), object, name.as_str())
}

/// Whether an attribute may be set.
pub(super) fn may_write(request: &PageRequest, object: &Object, name: &Name) -> Result<bool, PageError> {
    let guards = request.types().guards(object.type_name());
    for permission in to_set(&guards, name) {
        if !request.access().allows(permission, object)? {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn schema<'a>(request: &'a PageRequest, object: &Object) -> Option<&'a TypeSchema> {
    object.type_name().and_then(|name| request.types().schema(name.as_str()))
}

/// The attributes of a form and, where there are more, the name with which those begin that are not in it.
pub(super) struct Entries {
    pub(super) all: Vec<Entry>,
    pub(super) next: Option<Name>,
}

/// The form of an object as its ground has it, and, where one was sent, what was typed. `from`: the name with which the
/// properties begin that are not of the type.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn entries(
    request: &PageRequest,
    ground: &Ground,
    form: Option<&PageForm>,
    from: &str,
) -> Result<Entries, PageError> {
    let object = &ground.object;
    let schema = schema(request, object);
    let specs = schema.map_or(&[][..], |schema| &schema.attributes);
    let mut names: Vec<(Name, Option<&AttributeSpec>)> =
        specs.iter().map(|spec| (spec.name.clone(), Some(spec))).collect();
    let is_free = |name: &Name| specs.iter().all(|spec| spec.name != *name);
    let mut free: BTreeSet<Name> = BTreeSet::new();
    let mut next = None;
    for (name, _) in object.attributes() {
        if name.as_str() < from || !is_free(name) || !may_read(request, object, name)? {
            continue;
        }
        if free.len() == FREE_MAX {
            next = Some(name.clone());
            break;
        }
        free.insert(name.clone());
    }
    let asked: Vec<&str> = form.map(|form| form.all("has").collect()).unwrap_or_default();
    for name in asked.iter().take(4 * FREE_MAX) {
        if let Ok(name) = Name::new(name)
            && is_free(&name)
        {
            free.insert(name);
        }
    }
    names.extend(free.into_iter().map(|name| (name, None)));
    let mut room = Room::default();
    let mut all = Vec::with_capacity(names.len());
    for (name, spec) in names {
        let at = asked.iter().position(|asked| name == **asked);
        if may_read(request, object, &name)? {
            let mut entry = entry(request, ground, name, spec, &mut room)?;
            if let (Some(form), Some(at)) = (form, at) {
                fill(&mut entry, form, at, &ground.names(request));
                bar(&mut entry);
            }
            all.push(entry);
        } else if let (Some(form), Some(at)) = (form, at) {
            all.extend(unseen(form, at, name, spec));
        }
    }
    Ok(Entries { all, next })
}

/// What of a page is taken already.
#[derive(Default)]
struct Room {
    bytes: usize,
    row_fields: usize,
}

fn entry(
    request: &PageRequest,
    ground: &Ground,
    name: Name,
    spec: Option<&AttributeSpec>,
    room: &mut Room,
) -> Result<Entry, PageError> {
    let object = &ground.object;
    let base = attribute(&ground.snapshot, object, name.as_str())?;
    let names = ground.names(request);
    let bytes = match object.attribute(name.as_str()).map(|cell| &cell.content) {
        Some(Content::Large(large)) => large.bytes as usize,
        _ => 0,
    };
    let mut shape = Shape::of(spec, base.as_ref(), &names);
    let mut typed = shape.typed(base.as_ref(), &names);
    // No type says what is in its sets. The groups of a user are objects.
    if let Shape::Rows(rows, Simple::Text) = shape
        && object.is_a(USER)
        && name == GROUPS
        && typed.texts.iter().all(String::is_empty)
    {
        shape = Shape::Rows(rows, Simple::Reference);
    }
    room.bytes += bytes;
    room.row_fields +=
        if matches!(shape, Shape::Rows(..)) { typed.texts.len() + typed.keys.len() } else { 0 };
    if room.bytes > TEXT_BYTES_MAX || room.row_fields > ROW_FIELDS_MAX {
        (shape, typed) = (Shape::Fixed, Typed::default());
    }
    let may_write = may_write(request, object, &name)?;
    Ok(Entry {
        name,
        spec: spec.cloned(),
        shape,
        base,
        typed,
        wanted: Wanted::Same,
        is_dropped: false,
        may_write,
        error: None,
    })
}

/// Refuses what was typed where the right to set it went meanwhile.
fn bar(entry: &mut Entry) {
    if !entry.may_write {
        let is_typed = entry.is_changed() || entry.error.is_some();
        entry.error = is_typed.then(|| BARRED.into());
        (entry.wanted, entry.is_dropped) = (Wanted::Same, false);
    }
}

/// What was typed for an attribute that may not even be seen any more: only that, whatever is there.
fn unseen(form: &PageForm, at: usize, name: Name, spec: Option<&AttributeSpec>) -> Option<Entry> {
    let typed = typed(form, at);
    let is_file = form.files().iter().any(|file| file.field() == format!("f.{at}"));
    if typed.texts.is_empty() && !is_file && form.find(&format!("drop.{at}")).is_none() {
        return None;
    }
    Some(Entry {
        name,
        spec: spec.cloned(),
        shape: Shape::Fixed,
        base: None,
        typed,
        wanted: Wanted::Same,
        is_dropped: false,
        may_write: false,
        error: Some(BARRED.into()),
    })
}

/// What the fields of the attribute hold that stands at `at` in the form.
pub(super) fn typed(form: &PageForm, at: usize) -> Typed {
    let all = |letter: &str| {
        let field = format!("{letter}.{at}");
        form.all(&field).map(|text| text.replace("\r\n", "\n").replace('\r', "\n")).collect::<Vec<_>>()
    };
    Typed { texts: all("v"), keys: all("k") }
}

/// What was typed for the attribute that stands at `at` in the form.
fn fill(entry: &mut Entry, form: &PageForm, at: usize, names: &dyn Names) {
    if form.get(&format!("take.{at}")) == "theirs" {
        return;
    }
    // One that others took away meanwhile is of the kind that it had.
    if entry.base.is_none() && entry.spec.is_none() {
        let kind = form.get(&format!("as.{at}"));
        if !kind.is_empty() {
            entry.shape = Shape::declared(kind, &Input::ByKind);
        }
    }
    if form.find(&format!("drop.{at}")).is_some() {
        entry.is_dropped = true;
        entry.wanted = if entry.base.is_some() { Wanted::Value(None) } else { Wanted::Same };
        check_required(entry);
        return;
    }
    if entry.shape == Shape::Fixed {
        return;
    }
    if entry.shape == Shape::File {
        let field = format!("f.{at}");
        if let Some(file) = form.files().iter().position(|file| file.field() == field) {
            entry.wanted = Wanted::File(file);
        }
        return;
    }
    let typed = typed(form, at);
    if typed.texts.is_empty() && !matches!(entry.shape, Shape::Rows(..)) {
        return;
    }
    let is_same = entry.shape.is_same(&typed, &entry.typed);
    let is_map = matches!(entry.shape, Shape::Rows(Rows::Map, _));
    if is_map && typed.keys.len() != typed.texts.len() {
        return;
    }
    entry.typed = typed;
    if is_same {
        return;
    }
    match entry.shape.parse(&entry.typed, entry.base.as_ref(), names) {
        Ok(value) if value == entry.base => {}
        Ok(value) => entry.wanted = Wanted::Value(value),
        Err(error) => entry.error = Some(error),
    }
    check_required(entry);
}

fn check_required(entry: &mut Entry) {
    if entry.wanted == Wanted::Value(None) && entry.spec.as_ref().is_some_and(|spec| spec.required) {
        entry.error = Some("This is needed.".into());
    }
}

/// The kinds that a new property may have, as forms call them and as people do.
pub(super) const NEW_KINDS: [(&str, &str); 13] = [
    ("line", "Text in one line"),
    ("text", "Text"),
    ("int", "Whole number"),
    ("float", "Number"),
    ("bool", "Yes or no"),
    ("time", "Date and time (UTC)"),
    ("reference", "Another object, by its path"),
    ("list", "List, one per line"),
    ("set", "Set, one per line"),
    ("map", "Map, key = value per line"),
    ("counter", "Counter"),
    ("file", "File"),
    ("block", "Stop: not to be had from above"),
];

/// A property that is to be added.
#[derive(Default)]
pub(super) struct NewProperty {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) text: String,
    pub(super) error: Option<String>,
    pub(super) wanted: Option<(Name, Wanted)>,
}

impl NewProperty {
    /// What the form says of it.
    pub(super) fn of_form(
        request: &PageRequest,
        ground: &Ground,
        form: &PageForm,
    ) -> Result<Self, PageError> {
        let mut new = Self {
            name: form.get("new.name").trim().to_owned(),
            kind: form.get("new.kind").to_owned(),
            text: form.get("new.value").replace("\r\n", "\n"),
            ..Self::default()
        };
        let file = form.files().iter().position(|file| file.field() == "new.file");
        if new.name.is_empty() && new.text.is_empty() && file.is_none() {
            return Ok(new);
        }
        match new.read(request, ground, file)? {
            Ok(wanted) => new.wanted = Some(wanted),
            Err(error) => new.error = Some(error),
        }
        Ok(new)
    }

    fn read(
        &self,
        request: &PageRequest,
        ground: &Ground,
        file: Option<usize>,
    ) -> Result<Result<(Name, Wanted), String>, PageError> {
        if self.name.is_empty() {
            return Ok(Err("It has no name.".into()));
        }
        let name = match Name::new(&self.name) {
            Ok(name) => name,
            Err(error) => return Ok(Err(bad_name(&self.name, &error))),
        };
        let object = &ground.object;
        let is_declared =
            schema(request, object).is_some_and(|schema| schema.attribute(name.as_str()).is_some());
        // One that may not be seen is not told of, but refused all the same.
        if is_declared || object.attribute(name.as_str()).is_some() {
            return Ok(Err(format!("There is a {name} already.")));
        }
        if !may_write(request, object, &name)? {
            return Ok(Err(format!("You may not set {name}.")));
        }
        let names = ground.names(request);
        let lines = || self.text.lines().map(|line| line.trim_end().to_owned());
        let (shape, typed) = match self.kind.as_str() {
            "block" => return Ok(Ok((name, Wanted::Value(Some(Value::Block))))),
            "file" => {
                return Ok(file
                    .map(|file| (name, Wanted::File(file)))
                    .ok_or_else(|| "Choose a file.".into()));
            }
            "list" | "set" => (
                Shape::declared(&self.kind, &Input::ByKind),
                Typed { texts: lines().collect(), keys: Vec::new() },
            ),
            "map" => {
                let pairs = lines().filter(|line| !line.is_empty()).map(|line| match line.split_once('=') {
                    Some((key, text)) => (key.trim().to_owned(), text.trim().to_owned()),
                    None => (String::new(), line),
                });
                let (keys, texts) = pairs.unzip();
                (Shape::declared("map", &Input::ByKind), Typed { texts, keys })
            }
            "text" => (Shape::Lines, Typed::one(self.text.clone())),
            "bool" => {
                let text = match self.text.trim().to_lowercase().as_str() {
                    "yes" | "true" => "true",
                    "no" | "false" => "false",
                    _ => "?",
                };
                (Shape::Bool, Typed::one(text))
            }
            kind @ ("int" | "float" | "time" | "reference" | "counter") => {
                (Shape::declared(kind, &Input::ByKind), Typed::one(self.text.trim()))
            }
            _ => (Shape::Line, Typed::one(self.text.trim_end_matches('\n'))),
        };
        Ok(match shape.parse(&typed, None, &names) {
            Ok(Some(value)) => Ok((name, Wanted::Value(Some(value)))),
            Ok(None) if matches!(shape, Shape::Line | Shape::Lines) => {
                Ok((name, Wanted::Value(Some(Value::text("")))))
            }
            Ok(None) => Err("It has no value.".into()),
            Err(error) => Err(error),
        })
    }
}

/// Why a name cannot be used, in a sentence.
fn bad_name(typed: &str, error: &NameError) -> String {
    match error {
        NameError::Character { found: '/', .. } => {
            "A name has no “/” in it: that stands between names.".into()
        }
        NameError::Character { .. } => "That name has a character in it that cannot be seen.".into(),
        NameError::At(_) => "A name does not begin with “@”.".into(),
        _ => format!("“{}” cannot be a name: {error}.", crate::text::shortened(typed, 40)),
    }
}

/// Another name for the object itself.
#[derive(Default)]
pub(super) struct Rename {
    pub(super) typed: String,
    pub(super) error: Option<String>,
    /// The name that it had, and the one that it shall have.
    pub(super) wanted: Option<(Name, Name)>,
}

impl Rename {
    /// The name as the ground has it.
    pub(super) fn of_ground(ground: &Ground) -> Self {
        let name = ground.object.place().map_or(String::new(), |place| place.name.to_string());
        Self { typed: name, ..Self::default() }
    }

    /// What the form says of it.
    pub(super) fn of_form(ground: &Ground, form: &PageForm) -> Self {
        let mut rename = Self::of_ground(ground);
        let (Some(typed), Some(place)) = (form.find("name"), ground.object.place()) else { return rename };
        if form.get("take.name") == "theirs" || place.name == *typed {
            return rename;
        }
        rename.typed = typed.to_owned();
        match Name::new(typed.trim()) {
            _ if typed.trim().is_empty() => rename.error = Some("This is needed.".into()),
            Ok(name) if name == place.name => {}
            Ok(name) => rename.wanted = Some((place.name.clone(), name)),
            Err(error) => rename.error = Some(bad_name(typed, &error)),
        }
        rename
    }
}
