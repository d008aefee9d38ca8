//! How what a cell holds is written for people, and how it differs from what it held.

use askama::Template;
use bough_core::security::{Setting, Subject};
use bough_core::{CellKey, Content, Object, Oid, Snapshot as _, Value};
use bough_web::pages::PageError;

use super::at::{At, State};
use super::text_diff::{self, Row};
use crate::text;

/// How much of a value is shown where a line is all there is.
const WORDS_CHARS: usize = 300;
/// Values kept aside that are longer than this are not fetched to be shown.
const LARGE_BYTES_MAX: u64 = 400_000;
/// What stands for what whoever asks may not read.
const HIDDEN: &str = "(you may not read this)";

/// One cell that differs.
#[derive(Template)]
#[template(path = "versions_cell.html")]
pub(super) struct CellShown {
    pub(super) name: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    /// Of texts: line by line.
    pub(super) rows: Vec<Row>,
}

// What the template makes is HTML already.
impl askama::filters::HtmlSafe for CellShown {}

/// A cell of an object as it was in one state and is in another.
pub(super) fn cell(
    at: &At<'_>,
    key: &CellKey,
    (before, before_in): (Option<&Content>, &State),
    (after, after_in): (Option<&Content>, &State),
    oid: Oid,
) -> Result<CellShown, PageError> {
    let name = cell_name(at, key)?;
    if !may_read(key, oid, before_in)? || !may_read(key, oid, after_in)? {
        let hidden = |content: Option<&Content>| content.map(|_| HIDDEN.to_owned());
        return Ok(CellShown { name, before: hidden(before), after: hidden(after), rows: Vec::new() });
    }
    if let (CellKey::Place, Some(Content::Place(was)), Some(Content::Place(is))) = (key, before, after)
        && (was.parent, &was.name) == (is.parent, &is.name)
    {
        let after = Some("another standing among its neighbours".into());
        return Ok(CellShown { name: "order".into(), before: None, after, rows: Vec::new() });
    }
    let texts = (whole_text(before, before_in)?, whole_text(after, after_in)?);
    let is_long = |text: &str| text.contains('\n') || text.chars().count() > 60;
    let rows = match &texts {
        (Some(was), Some(is)) if is_long(was) || is_long(is) => text_diff::rows(was, is),
        (None, Some(is)) if before.is_none() && is_long(is) => text_diff::rows("", is),
        (Some(was), None) if after.is_none() && is_long(was) => text_diff::rows(was, ""),
        _ => None,
    };
    Ok(CellShown {
        name,
        before: before.map(|content| words(at, content, before_in)).transpose()?,
        after: after.map(|content| words(at, content, after_in)).transpose()?,
        rows: rows.unwrap_or_default(),
    })
}

/// Whether whoever asks may read that cell of an object in a state; of one that is not there, there is nothing to hide.
fn may_read(key: &CellKey, oid: Oid, state: &State) -> Result<bool, PageError> {
    let (CellKey::Attribute(name), Some(object)) = (key, state.snapshot.object(oid)?) else { return Ok(true) };
    state.may_read(&object, name.as_str())
}

/// What a cell is called.
pub(super) fn cell_name(at: &At<'_>, key: &CellKey) -> Result<String, PageError> {
    Ok(match key {
        CellKey::Type => "type".into(),
        CellKey::Place => "place".into(),
        CellKey::Owner => "owner".into(),
        CellKey::ProxyRoles => "roles that it runs with".into(),
        CellKey::Permission(name) => format!("who has “{name}”"),
        CellKey::LocalRoles(Subject::Principal(oid)) => format!("roles of {}", at.name(*oid)?),
        CellKey::LocalRoles(Subject::Name(name)) => format!("roles of any user {name}"),
        other => other.to_string(),
    })
}

/// The text that a cell holds, if it is one that can be shown.
pub(super) fn whole_text(content: Option<&Content>, state: &State) -> Result<Option<String>, PageError> {
    Ok(match content {
        Some(Content::Value(Value::Text(text))) => Some(text.to_string()),
        Some(Content::Large(large)) if u64::from(large.bytes) <= LARGE_BYTES_MAX => {
            state.snapshot.large(large)?.as_text().map(str::to_owned)
        }
        _ => None,
    })
}

/// What a cell holds, in a line.
pub(super) fn words(at: &At<'_>, content: &Content, state: &State) -> Result<String, PageError> {
    Ok(match content {
        Content::Type(name) => name.to_string(),
        Content::Place(place) => {
            match at.path_in(state, place.parent)?.as_deref() {
                Some("/") => format!("/{}", place.name),
                Some(container) => format!("{container}/{}", place.name),
                None => format!("…/{}", place.name),
            }
        }
        Content::Value(value) => value_words(at, value)?,
        Content::Large(large) => match whole_text(Some(content), state)? {
            Some(text) => text::shortened(&text, WORDS_CHARS),
            None => format!("{} in one value", text::bytes(large.bytes.into())),
        },
        Content::Owner(owner) => at.name(*owner)?,
        Content::Roles(roles) => roles.to_string(),
        Content::Setting(setting) => setting_words(setting),
        _ => "something of another release".into(),
    })
}

fn setting_words(setting: &Setting) -> String {
    match (setting.acquire, setting.roles.is_empty()) {
        (true, true) => "as above".into(),
        (true, false) => format!("{}, and who has it above", setting.roles),
        (false, true) => "nobody".into(),
        (false, false) => format!("only {}", setting.roles),
    }
}

fn value_words(at: &At<'_>, value: &Value) -> Result<String, PageError> {
    let many = |items: &mut dyn Iterator<Item = &Value>| -> Result<String, PageError> {
        let mut shown = String::new();
        for item in items {
            if !shown.is_empty() {
                shown.push_str(", ");
            }
            shown.push_str(&value_words(at, item)?);
            if shown.len() > WORDS_CHARS {
                break;
            }
        }
        Ok(text::shortened(&shown, WORDS_CHARS))
    };
    Ok(match value {
        Value::Null => "nothing".into(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Int(number) | Value::Counter(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Text(words) if words.is_empty() => "(empty)".into(),
        Value::Text(words) => text::shortened(words, WORDS_CHARS),
        Value::Bytes(bytes) => text::bytes(bytes.len() as u64),
        Value::Blob(blob) => format!("a file of {} ({:.8})", text::bytes(blob.bytes), blob.digest.to_string()),
        Value::Time(micros) => match u64::try_from(*micros) {
            Ok(micros) => format!("{} UTC", text::Time::of_micros(micros).utc),
            Err(_) => "before 1970".into(),
        },
        Value::List(items) => format!("[{}]", many(&mut items.iter())?),
        Value::Set(items) => format!("{{{}}}", many(&mut items.iter())?),
        Value::Map(map) => {
            let mut shown = String::new();
            for (key, item) in map {
                if shown.len() > WORDS_CHARS {
                    break;
                }
                shown.push_str(&format!("{key}: {}; ", value_words(at, item)?));
            }
            format!("{{{}}}", text::shortened(shown.trim_end_matches("; "), WORDS_CHARS))
        }
        Value::Reference(oid) => format!("→ {}", at.name(*oid)?),
        Value::Block => "nothing, and nothing from above".into(),
    })
}

/// What became of an object, in a word.
pub(super) fn deed(before: Option<&Object>, after: Option<&Object>) -> &'static str {
    let stands = |object: Option<&Object>| {
        object.is_some_and(|object| object.place().is_some() || object.oid() == Oid::ROOT)
    };
    match (stands(before), stands(after)) {
        (false, true) => "added",
        (true, false) => "deleted",
        (false, false) => "gone",
        (true, true) => {
            let place = |object: Option<&Object>| object.and_then(|object| object.place().cloned());
            let (was, is) = (place(before), place(after));
            let names = |place: Option<bough_core::Place>| place.map(|place| (place.parent, place.name));
            match (names(was), names(is)) {
                (Some((a, _)), Some((b, _))) if a != b => "moved",
                (Some((_, a)), Some((_, b))) if a != b => "renamed",
                _ => "changed",
            }
        }
    }
}
