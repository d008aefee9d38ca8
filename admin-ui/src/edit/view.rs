//! What the templates of the edit page show.

use askama::Template;
use axum::http::StatusCode;
use bough_core::acquisition::{Found, get};
use bough_core::migration::edition_of;
use bough_core::object_type::AttributeSpec;
use bough_core::security::permission::{HISTORY, LIST, VERSIONS};
use bough_core::snapshot::ChildrenPage;
use bough_core::{Content, Object, Oid, Snapshot as _, Tid, Value};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::form::{
    Entries, Entry, Ground, NEW_KINDS, NewProperty, Rename, Wanted, is_of_another_line, may_read, schema,
};
use super::save::Clash;
use super::shape::{Names, ROWS_MAX, Rows, Shape, Simple, Typed, in_words, simple_text};
use crate::diff::{Layout, TextDiff, three};
use crate::frame::Frame;
use crate::message::Message;
use crate::text::{self, Time};
use crate::{assets, outbox, page};

/// Most children that are offered to choose from.
const CHILDREN_MAX: usize = 200;
/// Rows that wait for more where there are no scripts.
const EMPTY_ROWS: usize = 2;

/// A form as it is to be shown.
pub(super) struct Draft<'a> {
    pub(super) ground: &'a Ground,
    pub(super) entries: Entries,
    pub(super) rename: Rename,
    pub(super) new: NewProperty,
    pub(super) version: String,
}

/// Why it is shown again.
pub(super) enum Trouble<'a> {
    None,
    /// Something cannot be used as it was typed.
    Wrong,
    /// Others were at it, too. `typed`: what was asked for.
    Clash {
        clashes: Vec<Clash>,
        typed: &'a [Entry],
        is_known: bool,
    },
    /// It was deleted, by this commit.
    Gone(Option<Tid>),
    /// The version could not be made, or not be written to.
    Version(String),
    Refused(StatusCode, String),
}

struct Option_ {
    value: String,
    text: String,
    is_chosen: bool,
}

struct RowView {
    key: String,
    text: String,
}

struct FileView {
    size: String,
    media_type: String,
    image_url: Option<String>,
    download_url: String,
}

/// The sides of a clash.
struct ClashView {
    /// Who wrote the other side, and when; none where that is not to be told.
    who: Option<String>,
    when: Option<Time>,
    sentence: String,
    is_known: bool,
    /// What each side made of it, with whose it is.
    sides: Vec<(&'static str, TextDiff)>,
}

struct FieldView {
    /// The number of its fields in the form; none where it is only shown.
    at: Option<usize>,
    id: String,
    name: String,
    label: String,
    widget: &'static str,
    /// Its kind, where nothing in the site says it.
    kind: Option<&'static str>,
    text: String,
    rows: Vec<RowView>,
    options: Vec<Option_>,
    language: &'static str,
    placeholder: String,
    hint: String,
    fixed: String,
    error: Option<String>,
    is_dropped: bool,
    may_drop: bool,
    file: Option<FileView>,
    clash: Option<ClashView>,
}

struct NameView {
    text: String,
    error: Option<String>,
    clash: Option<ClashView>,
}

struct NewView {
    name: String,
    text: String,
    error: Option<String>,
    kinds: Vec<Option_>,
    is_open: bool,
}

#[derive(Template)]
#[template(path = "edit_form.html")]
struct FormPage {
    frame: Frame,
    /// Where it is sent: nowhere else than where it came from, where its object is gone.
    action: Option<String>,
    preview_url: String,
    paths_url: String,
    base: String,
    revision: String,
    oid: String,
    /// The line that it was made on.
    line: String,
    from: String,
    type_title: String,
    type_name: String,
    is_known_type: bool,
    /// How a message stands: the look of that, the word, and the page that says more.
    sending: Option<(&'static str, &'static str, String)>,
    /// That it was made for another edition of its type.
    edition: Option<String>,
    name: Option<NameView>,
    fields: Vec<FieldView>,
    free: Vec<FieldView>,
    first_url: Option<String>,
    next_url: Option<String>,
    new: Option<NewView>,
    may_version: bool,
    version: String,
    version_error: Option<String>,
    undo_url: Option<String>,
    is_again: bool,
    editor: Option<String>,
}

/// The page of a form.
pub(super) fn page(
    request: &PageRequest,
    draft: &Draft<'_>,
    trouble: Trouble<'_>,
) -> Result<PageAnswer, PageError> {
    let object = &*draft.ground.object;
    let frame = Frame::new(request, object, "Edit")?;
    let frame = match alert(request, &trouble)? {
        Some(text) => frame.saying(Message::bad(text)),
        None => frame,
    };
    let (mut fields, mut free) = (Vec::new(), Vec::new());
    let mut at = 0;
    for entry in &draft.entries.all {
        if entry.wanted != Wanted::Same
            && entry.base.is_none()
            && entry.spec.is_none()
            && is_new(draft, entry)
        {
            continue;
        }
        let field = field(request, draft, entry, &trouble, &mut at)?;
        if entry.spec.is_some() { fields.push(field) } else { free.push(field) }
    }
    let url = |from: Option<&str>| -> Result<String, PageError> {
        let here = request.page_url(object.oid(), &["edit"])?;
        let encoded = |from: &str| {
            percent_encoding::utf8_percent_encode(from, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        Ok(from.map_or_else(|| here.clone(), |from| format!("{here}?from={}", encoded(from))))
    };
    let is_gone = matches!(trouble, Trouble::Gone(_));
    let from = from(request)?;
    let type_schema = schema(request, object);
    let type_name = object.type_name().map_or("", |name| name.as_str());
    let view = FormPage {
        action: if is_gone { None } else { Some(url_now(request, object, &["edit"])?) },
        preview_url: url_now(request, object, &["edit", "preview"])?,
        paths_url: request.top_url(&["edit", "paths"]),
        base: draft.ground.snapshot.tid().to_string(),
        revision: object.revision().to_string(),
        oid: object.oid().to_string(),
        line: line(request, &trouble)?,
        type_title: type_schema.map_or_else(|| type_name.to_owned(), |schema| schema.title.clone()),
        type_name: type_name.to_owned(),
        is_known_type: type_schema.is_some(),
        sending: outbox::stands(request, object)?,
        edition: type_schema.and_then(|schema| edition_text(schema.edition, object)),
        name: name_view(request, draft, &trouble)?,
        fields,
        free,
        first_url: if from.is_empty() { None } else { Some(url(None)?) },
        next_url: draft.entries.next.as_ref().map(|next| url(Some(next.as_str()))).transpose()?,
        new: new_view(request, draft)?,
        may_version: request.access().allows_at(VERSIONS, Oid::ROOT)?,
        version: draft.version.clone(),
        version_error: if let Trouble::Version(error) = &trouble { Some(error.clone()) } else { None },
        undo_url: is_gone.then(|| request.top_url(&["undo"])),
        is_again: !matches!(trouble, Trouble::None),
        editor: assets::editor().map(|entry| format!("{}vendor/{entry}", frame.assets)),
        from,
        frame,
    };
    page::show_as(super::status(&trouble), &view)
}

/// Of what edition of its type an object is, where that is not the present one.
fn edition_text(present: u32, object: &Object) -> Option<String> {
    match edition_of(object) {
        Ok(found) if found == present => None,
        Ok(found) if found < present => {
            Some(format!("made for edition {found} of this type: “bough migrate” brings it to {present}"))
        }
        Ok(found) => {
            Some(format!("made for edition {found} of this type, which this program does not know yet"))
        }
        Err(_) => Some("its edition is no whole number from 1 on".into()),
    }
}

/// The page of an object where it stands now, be it another place than when this was asked.
fn url_now(request: &PageRequest, object: &Object, behind: &[&str]) -> Result<String, PageError> {
    request.page_url_on((request.version_name(), request.database()), object.oid(), behind)
}

/// The line that a form is of. One of another line stays that until the two sides were shown.
fn line(request: &PageRequest, trouble: &Trouble<'_>) -> Result<String, PageError> {
    if request.is_post() && !matches!(trouble, Trouble::Clash { .. }) {
        let form = request.form()?;
        if is_of_another_line(request, form) {
            return Ok(form.get("line").to_owned());
        }
    }
    Ok(request.database().line().0.to_string())
}

fn from(request: &PageRequest) -> Result<String, PageError> {
    Ok(match request.is_post() {
        true => request.form()?.get("from").to_owned(),
        false => request.query("from").unwrap_or_default().to_owned(),
    })
}

fn is_new(draft: &Draft<'_>, entry: &Entry) -> bool {
    draft.new.wanted.as_ref().is_some_and(|(name, _)| *name == entry.name)
}

fn alert(request: &PageRequest, trouble: &Trouble<'_>) -> Result<Option<String>, PageError> {
    Ok(Some(match trouble {
        Trouble::None => return Ok(None),
        Trouble::Wrong => "Nothing is saved yet: see what is marked below.".into(),
        Trouble::Version(_) => "Nothing is saved yet: see what is marked at the end of the form.".into(),
        Trouble::Clash { clashes, is_known: true, .. } => format!(
            "Nothing is saved yet: others changed {} while you did. What you typed is below, beside theirs. \
             Choose, and save again.",
            text::counted(clashes.len() as u64, "thing", "things")
        ),
        Trouble::Clash { is_known: false, .. } if is_of_another_line(request, request.form()?) => {
            let here = request.version_name().map_or("the public site".into(), |name| format!("version {name}"));
            format!(
                "Nothing is saved yet: this form was opened in another version, and its address leads to {here} now. \
                 What you typed is below, beside what is there. Choose, and save again to have it there."
            )
        }
        Trouble::Clash { is_known: false, .. } => {
            "Nothing is saved yet: the state that you began with is packed away, so it cannot be told what others \
             changed meanwhile. What you typed is below, beside what is there now. Choose, and save again."
                .into()
        }
        Trouble::Gone(by) => {
            let who = match by.map(|by| request.database().commit_record(by)) {
                Some(Ok(record)) if !record.principal.is_empty() => {
                    format!(" by {} ({} UTC)", record.principal, Time::of_micros(record.time_micros).utc)
                }
                _ => String::new(),
            };
            format!(
                "Nothing is saved: this was deleted meanwhile{who}. What you typed is below. Bring the object back on \
                 the undo page, and then save here."
            )
        }
        Trouble::Refused(_, sentence) => format!("Nothing is saved. {sentence}"),
    }))
}

fn name_view(
    request: &PageRequest,
    draft: &Draft<'_>,
    trouble: &Trouble<'_>,
) -> Result<Option<NameView>, PageError> {
    if !super::may_rename(request, &draft.ground.object) {
        return Ok(None);
    }
    let clash = match trouble {
        Trouble::Clash { clashes, .. } => clashes.iter().find(|clash| clash.name.is_none()),
        _ => None,
    };
    let yours = Value::text(draft.rename.typed.as_str());
    let clash = clash.map(|clash| clash_view(request, draft, clash, Some(&yours))).transpose()?;
    Ok(Some(NameView { text: draft.rename.typed.clone(), error: draft.rename.error.clone(), clash }))
}

fn new_view(request: &PageRequest, draft: &Draft<'_>) -> Result<Option<NewView>, PageError> {
    let object = &draft.ground.object;
    let edit = request.types().guards(object.type_name()).edit;
    let properties = bough_core::security::permission::PROPERTIES;
    if !request.access().allows(edit, object)? && !request.access().allows(properties, object)? {
        return Ok(None);
    }
    let new = &draft.new;
    let kinds = NEW_KINDS.iter().map(|(value, text)| Option_ {
        value: (*value).into(),
        text: (*text).into(),
        is_chosen: *value == new.kind,
    });
    let is_open = !(new.name.is_empty() && new.text.is_empty() && new.error.is_none());
    let (name, text, error) = (new.name.clone(), new.text.clone(), new.error.clone());
    Ok(Some(NewView { name, text, error, kinds: kinds.collect(), is_open }))
}

fn field(
    request: &PageRequest,
    draft: &Draft<'_>,
    entry: &Entry,
    trouble: &Trouble<'_>,
    at: &mut usize,
) -> Result<FieldView, PageError> {
    let object = &*draft.ground.object;
    let names = draft.ground.names(request);
    let is_asked = entry.is_asked() || (entry.may_write && entry.base.is_some());
    let number = is_asked.then(|| {
        *at += 1;
        *at - 1
    });
    let clash = match trouble {
        Trouble::Clash { clashes, typed, .. } => {
            let clash = clashes.iter().find(|clash| clash.name.as_ref() == Some(&entry.name));
            let yours = typed.iter().find(|typed| typed.name == entry.name).map(|typed| &typed.wanted);
            clash.map(|clash| {
                (clash, if let Some(Wanted::Value(Some(value))) = yours { Some(value) } else { None })
            })
        }
        _ => None,
    };
    let mut text = entry.typed.text().to_owned();
    // Of texts of lines the result begins with all that could be put together.
    if let Some((clash, Some(yours))) = clash
        && let (Some(Some(base)), Some(theirs)) = (&clash.base, &clash.theirs)
        && let (Some(base), Some(theirs), Some(yours)) = (base.as_text(), theirs.as_text(), yours.as_text())
        && matches!(entry.shape, Shape::Lines | Shape::Markup(_) | Shape::Code(_))
        && let Some(pieces) = three::pieces(base, yours, theirs)
        && let Some(together) = three::text(&pieces, |_| Some("ours".into()))
    {
        text = together.replace("\r\n", "\n");
    }
    let shape = if entry.may_write { entry.shape } else { Shape::Fixed };
    let fixed = match (shape, &entry.base) {
        _ if entry.is_barred() => entry.typed.whole(),
        (Shape::Fixed, Some(value)) => text::shortened_lines(&in_words(value, &names), 4_000),
        (Shape::Fixed, None) => "Not set here".into(),
        _ => String::new(),
    };
    let seen = seen(request, draft, entry)?;
    let widget = widget(shape);
    let has_placeholder = matches!(widget, "line" | "number" | "reference" | "markup" | "lines" | "child");
    let (placeholder, mut hint) = match seen {
        Some((value, place)) if has_placeholder && !value.is_empty() => {
            (text::shortened(&value, 100), format!("Not set here; seen from {place}."))
        }
        Some((value, place)) if !value.is_empty() => {
            (String::new(), format!("Not set here; {} is seen from {place}.", text::shortened(&value, 100)))
        }
        _ => (String::new(), String::new()),
    };
    let held = held_reference(request, entry, &names);
    for more in [shape_hint(shape, entry), held] {
        if !more.is_empty() {
            hint = if hint.is_empty() { more } else { format!("{more} {hint}") };
        }
    }
    Ok(FieldView {
        at: number,
        id: number.map_or_else(String::new, |at| format!("f{at}")),
        name: entry.name.to_string(),
        label: entry.label().to_owned(),
        widget,
        kind: (entry.base.is_none() && entry.spec.is_none()).then(|| kind(shape)),
        rows: rows(shape, &entry.typed),
        options: options(request, object, shape, entry)?,
        language: language(shape, draft),
        placeholder,
        hint,
        fixed,
        error: entry.error.clone(),
        is_dropped: entry.is_dropped,
        may_drop: entry.may_write
            && entry.base.is_some()
            && (entry.spec.is_none() || matches!(shape, Shape::Fixed | Shape::Rows(..) | Shape::File))
            && !entry.spec.as_ref().is_some_and(|spec| spec.required),
        file: file_view(request, object, entry)?,
        clash: clash.map(|(clash, yours)| clash_view(request, draft, clash, yours)).transpose()?,
        text,
    })
}

/// A field by itself, on another page: a template of its own.
#[derive(Template)]
#[template(path = "edit_field.html")]
pub(crate) struct OwnField {
    field: FieldView,
    preview_url: &'static str,
}

impl askama::filters::HtmlSafe for OwnField {}

/// Such a field, with the number that it has in its form, and its label.
pub(super) fn own_field(
    (at, label): (usize, &str),
    spec: Option<&AttributeSpec>,
    shape: Shape,
    typed: &Typed,
    error: Option<String>,
) -> OwnField {
    let field = FieldView {
        at: Some(at),
        id: "own".into(),
        name: String::new(),
        label: label.to_owned(),
        widget: widget(shape),
        kind: None,
        text: typed.text().to_owned(),
        rows: rows(shape, typed),
        options: own_options(shape, typed, spec),
        language: "",
        placeholder: String::new(),
        hint: kind_hint(shape).to_owned(),
        fixed: String::new(),
        error,
        is_dropped: false,
        may_drop: false,
        file: None,
        clash: None,
    };
    OwnField { field, preview_url: "" }
}

fn widget(shape: Shape) -> &'static str {
    match shape {
        Shape::Line => "line",
        Shape::Lines => "lines",
        Shape::Markup(_) => "markup",
        Shape::Code(_) => "code",
        Shape::Choice(_) | Shape::Bool => "choice",
        Shape::Child => "child",
        Shape::Int | Shape::Float | Shape::Counter => "number",
        Shape::Time => "time",
        Shape::Reference => "reference",
        Shape::File => "file",
        Shape::Rows(Rows::Map, _) => "map",
        Shape::Rows(..) => "rows",
        Shape::Fixed => "fixed",
    }
}

/// The kind of values that a shape is for.
fn kind(shape: Shape) -> &'static str {
    match shape {
        Shape::Bool => "bool",
        Shape::Int => "int",
        Shape::Float => "float",
        Shape::Counter => "counter",
        Shape::Time => "time",
        Shape::Reference => "reference",
        Shape::File => "blob",
        Shape::Rows(Rows::List, _) => "list",
        Shape::Rows(Rows::Set, _) => "set",
        Shape::Rows(Rows::Map, _) => "map",
        _ => "text",
    }
}

/// What is to be known of a shape, whatever the attribute.
fn kind_hint(shape: Shape) -> &'static str {
    match shape {
        Shape::Time => "In UTC.",
        Shape::Rows(Rows::Set, _) => "In no order, each once.",
        Shape::Rows(_, Simple::Reference) => "Paths such as /news/today.",
        Shape::Rows(_, Simple::Time) => "Dates and times such as 2026-11-22T10:30, in UTC.",
        _ => "",
    }
}

fn shape_hint(shape: Shape, entry: &Entry) -> String {
    match shape {
        Shape::Counter => "A counter: what others count meanwhile is added to what you do.".into(),
        Shape::Fixed if entry.may_write && entry.base.as_ref().is_some_and(is_long) => {
            format!("More than {ROWS_MAX} entries: change it by a program or over REST.")
        }
        Shape::Fixed if entry.may_write && !matches!(entry.base, None | Some(Value::Null | Value::Block)) => {
            "A form cannot hold it: it stays as it is.".into()
        }
        Shape::Fixed if !entry.may_write && !entry.is_barred() => {
            "You may see this, but not change it.".into()
        }
        shape => kind_hint(shape).into(),
    }
}

fn is_long(value: &Value) -> bool {
    match value {
        Value::List(items) => items.len() > ROWS_MAX,
        Value::Set(items) => items.len() > ROWS_MAX,
        Value::Map(map) => map.len() > ROWS_MAX,
        _ => false,
    }
}

/// What is to be said of an object that is referred to: its title, or that it is not there.
fn held_reference(request: &PageRequest, entry: &Entry, names: &dyn Names) -> String {
    let Some(Value::Reference(oid)) = &entry.base else { return String::new() };
    match names.path(*oid) {
        path if path.starts_with('/') => match request.snapshot().object(*oid) {
            Ok(Some(object)) => format!("Now: {}.", text::title(request.snapshot(), &object)),
            _ => String::new(),
        },
        _ => "What it refers to is deleted, or not to be seen by you.".into(),
    }
}

fn rows(shape: Shape, typed: &Typed) -> Vec<RowView> {
    if !matches!(shape, Shape::Rows(..)) {
        return Vec::new();
    }
    let keys = typed.keys.iter().cloned().chain(std::iter::repeat_with(String::new));
    let mut rows: Vec<RowView> =
        keys.zip(typed.texts.iter().cloned()).map(|(key, text)| RowView { key, text }).collect();
    rows.retain(|row| !(row.key.is_empty() && row.text.is_empty()));
    rows.extend((0..EMPTY_ROWS).map(|_| RowView { key: String::new(), text: String::new() }));
    rows
}

fn options(
    request: &PageRequest,
    object: &Object,
    shape: Shape,
    entry: &Entry,
) -> Result<Vec<Option_>, PageError> {
    let mut options = own_options(shape, &entry.typed, entry.spec.as_ref());
    if shape == Shape::Child && request.access().allows(LIST, object)? {
        for child in request.snapshot().children(object.oid(), &ChildrenPage::first(CHILDREN_MAX))? {
            let Ok(Some(found)) = request.snapshot().object(child.oid) else { continue };
            if request.access().may_view(&found)? {
                let (value, text) = (child.name.to_string(), text::title(request.snapshot(), &found));
                options.push(Option_ { is_chosen: value == entry.typed.text(), value, text });
            }
        }
    }
    Ok(options)
}

/// What can be chosen wherever the attribute is.
fn own_options(shape: Shape, typed: &Typed, spec: Option<&AttributeSpec>) -> Vec<Option_> {
    let typed = typed.text();
    let mut options: Vec<Option_> = Vec::new();
    let mut option = |value: &str, text: String| {
        options.push(Option_ { value: value.to_owned(), text, is_chosen: value == typed });
    };
    let default = spec.and_then(|spec| spec.default.as_ref());
    match shape {
        Shape::Choice(choices) => {
            let called = |value: &str| choices.iter().find(|(of, _)| *of == value).map(|(_, text)| *text);
            match default.and_then(Value::as_text).and_then(called) {
                Some(default) => option("", format!("Not set: {default}")),
                None => option("", "Not set".into()),
            }
            choices.iter().for_each(|(value, text)| option(value, (*text).to_owned()));
            if !typed.is_empty() && called(typed).is_none() {
                option(typed, format!("{typed} (not one of these)"));
            }
        }
        Shape::Bool => {
            match default {
                Some(Value::Bool(default)) => {
                    option("", format!("Not set: {}", if *default { "yes" } else { "no" }))
                }
                _ => option("", "Not set".into()),
            }
            option("true", "Yes".into());
            option("false", "No".into());
        }
        _ => {}
    }
    options
}

/// What the editor is to take a text for.
fn language(shape: Shape, draft: &Draft<'_>) -> &'static str {
    match shape {
        Shape::Code(language) => language,
        Shape::Markup(format) => {
            let format = draft.entries.all.iter().find(|other| other.name == *format);
            let is_markdown = format.is_some_and(|format| format.typed.text() == "markdown");
            if is_markdown { "markdown" } else { "html" }
        }
        _ => "",
    }
}

/// What is seen under a name that is not set, and from where: as far as it may be seen.
fn seen(
    request: &PageRequest,
    draft: &Draft<'_>,
    entry: &Entry,
) -> Result<Option<(String, String)>, PageError> {
    if entry.base.is_some()
        || entry.is_barred()
        || matches!(entry.shape, Shape::Choice(_) | Shape::Bool | Shape::File | Shape::Fixed)
    {
        return Ok(None);
    }
    let snapshot = request.snapshot();
    let Some(found) = get(snapshot, request.types(), draft.ground.object.oid(), entry.name.as_str())? else {
        return Ok(None);
    };
    let names = draft.ground.names(request);
    Ok(match found.found {
        Found::Default(value) => Some((simple_text(&value, &names), "the type's default".into())),
        Found::Attribute { content: Content::Value(value), .. } => {
            let Some(at) = snapshot.object(found.at)? else { return Ok(None) };
            if !request.access().may_view(&at)? || !may_read(request, &at, &entry.name)? {
                return Ok(None);
            }
            Some((simple_text(&value, &names), request.path_text(found.at)?))
        }
        _ => None,
    })
}

fn file_view(request: &PageRequest, object: &Object, entry: &Entry) -> Result<Option<FileView>, PageError> {
    if entry.shape != Shape::File {
        return Ok(None);
    }
    let bytes = match &entry.base {
        Some(Value::Blob(blob)) => blob.bytes,
        Some(Value::Bytes(bytes)) => bytes.len() as u64,
        Some(Value::Text(text)) => text.len() as u64,
        _ => return Ok(None),
    };
    let is_own = entry.name == "data";
    let name = object.place().map_or("", |place| place.name.as_str());
    let by_name = if is_own { mime_guess::from_path(name).first_raw() } else { None };
    let declared = object.text("content_type").filter(|_| is_own);
    let media_type = declared.or(by_name).unwrap_or_default().to_owned();
    let is_image = is_own && object.is_a("image") && media_type.starts_with("image/");
    let image_url = if is_image { request.url(object.oid())? } else { None };
    let encoded =
        percent_encoding::utf8_percent_encode(entry.name.as_str(), percent_encoding::NON_ALPHANUMERIC);
    let download_url = format!("{}?name={encoded}", request.page_url(object.oid(), &["edit", "file"])?);
    Ok(Some(FileView {
        size: text::bytes(bytes),
        media_type: text::shortened(&media_type, 100),
        image_url,
        download_url,
    }))
}

fn clash_view(
    request: &PageRequest,
    draft: &Draft<'_>,
    clash: &Clash,
    yours: Option<&Value>,
) -> Result<ClashView, PageError> {
    let names = draft.ground.names(request);
    let may_know = request.access().allows(HISTORY, &draft.ground.object)?;
    let record = clash.by.filter(|_| may_know).and_then(|by| request.database().commit_record(by).ok());
    let words = |value: Option<&Value>| {
        value.map_or_else(
            || "Not set".to_owned(),
            |value| text::shortened_lines(&in_words(value, &names), 4_000),
        )
    };
    let base = clash.base.as_ref().and_then(Option::as_ref);
    let side = |value: Option<&Value>| match value.and_then(Value::as_text) {
        Some(text) => text.replace("\r\n", "\n"),
        None => words(value),
    };
    let (was, theirs, yours) = (side(base), side(clash.theirs.as_ref()), side(yours));
    let diff = |(old, old_label): (&str, &str), (new, new_label): (&str, &str)| {
        TextDiff::new(old, new, Layout::Inline).between(old_label, new_label)
    };
    let sides = match clash.base.is_some() {
        true => vec![
            ("Theirs", diff((&was, "Before"), (&theirs, "Theirs"))),
            ("Yours", diff((&was, "Before"), (&yours, "Yours"))),
        ],
        // Without a base, what differs is all that can be shown.
        false => vec![("Theirs and yours", diff((&theirs, "Theirs"), (&yours, "Yours")))],
    };
    Ok(ClashView {
        who: record.as_ref().map(|record| record.principal.clone()).filter(|who| !who.is_empty()),
        when: record.as_ref().map(|record| Time::of_micros(record.time_micros)),
        sentence: record.map_or(String::new(), |record| text::shortened(&record.sentence, 200)),
        is_known: clash.base.is_some(),
        sides,
    })
}
