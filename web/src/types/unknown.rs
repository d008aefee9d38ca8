//! Objects of a type that nobody knows: shown as the plain table of what they hold.

use bough_core::snapshot::{ReadError, attribute};
use bough_core::{Object, Value};
use minijinja::Value as Shown;

use crate::publisher::visit::Visit;
use crate::template::value_to_json;

/// How much of one value is shown, in characters.
const TEXT_CHARS_MAX: usize = 2_000;
/// How many attributes are shown.
const ATTRIBUTES_MAX: usize = 200;

/// The object's attributes, as templates see them; those whose names begin with `_` stay out.
pub(crate) fn attributes(visit: &Visit, object: &Object) -> Result<Shown, ReadError> {
    let names = object.attributes().map(|(name, _)| name).filter(|name| !name.is_private());
    let mut rows = Vec::new();
    for name in names.take(ATTRIBUTES_MAX) {
        let Some(value) = attribute(&visit.snapshot, object, name.as_str())? else { continue };
        rows.push(Shown::from_pairs([
            ("name", Shown::from(name.as_str())),
            ("kind", Shown::from(value.kind())),
            ("text", Shown::from(text(&value))),
        ]));
    }
    Ok(Shown::from(rows))
}

fn text(value: &Value) -> String {
    let whole = match value {
        Value::Text(text) => text.to_string(),
        other => value_to_json(other).to_string(),
    };
    let mut shown: String = whole.chars().take(TEXT_CHARS_MAX).collect();
    if shown.len() < whole.len() {
        shown.push_str(" ...");
    }
    shown
}
