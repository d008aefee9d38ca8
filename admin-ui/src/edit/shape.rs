//! Shapes: what a value is put into in a form, and how what was typed becomes a value again.
//!
//! # Invariants
//! - What a form showed and nobody touched is never written: a field counts as changed only if what it carries differs
//!   from what the form was filled with. So a value that a form cannot carry whole stays as it is.
//! - What cannot be typed (values in values, mixed lists, times far off) has the shape [`Shape::Fixed`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bough_core::object_type::{AttributeSpec, Input};
use bough_core::{Oid, Value};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Most rows that one list, set or map is shown with; what is longer stays as it is.
pub(super) const ROWS_MAX: usize = 100;

/// What a value is put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A text in one line.
    Line,
    /// A text of several lines.
    Lines,
    /// The same with marks in it; the attribute of this name says which.
    Markup(&'static str),
    /// A program in this language.
    Code(&'static str),
    /// One of these.
    Choice(&'static [(&'static str, &'static str)]),
    /// The name of a child.
    Child,
    Bool,
    Int,
    Float,
    Counter,
    /// A moment, in UTC to the millisecond.
    Time,
    /// A path.
    Reference,
    /// Bytes, that is a file to choose.
    File,
    /// Simple values, a row each.
    Rows(Rows, Simple),
    /// Nothing: it is shown as it is.
    Fixed,
}

/// What the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    List,
    Set,
    Map,
}

/// What is in one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Simple {
    Text,
    Int,
    Float,
    Time,
    Reference,
}

/// What stands in the fields of one value: a text, or a text for each row, with its key where rows have keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Typed {
    pub(super) texts: Vec<String>,
    pub(super) keys: Vec<String>,
}

impl Typed {
    pub(super) fn one(text: impl Into<String>) -> Self {
        Self { texts: vec![text.into()], keys: Vec::new() }
    }

    /// The only text, or the first.
    pub(super) fn text(&self) -> &str {
        self.texts.first().map_or("", String::as_str)
    }

    /// All of it as one text.
    pub(super) fn whole(&self) -> String {
        let line = |(key, text): (&str, &str)| {
            if key.is_empty() { text.to_owned() } else { format!("{key} = {text}") }
        };
        self.rows().map(line).collect::<Vec<_>>().join("\n")
    }

    /// What the rows hold that are not empty, with their keys.
    fn rows(&self) -> impl Iterator<Item = (&str, &str)> {
        let keys = self.keys.iter().map(String::as_str).chain(std::iter::repeat(""));
        keys.zip(self.texts.iter().map(String::as_str))
            .filter(|(key, text)| !(key.is_empty() && text.is_empty()))
    }
}

/// How objects are written in a form.
pub(crate) trait Names {
    /// The path of an object, else its oid.
    fn path(&self, oid: Oid) -> String;

    /// The object at a path, or with an oid; a sentence where there is none. `base`: what stood there before.
    fn find(&self, text: &str, base: Option<Oid>) -> Result<Oid, String>;
}

impl Shape {
    /// The shape for an attribute: as its type says, unless it holds something else.
    pub(super) fn of(spec: Option<&AttributeSpec>, value: Option<&Value>, names: &dyn Names) -> Self {
        let declared = spec.map(|spec| Self::declared(spec.kind, &spec.input));
        let Some(value) = value else { return declared.unwrap_or(Self::Line) };
        let shape = match (declared, value) {
            (Some(Self::File), Value::Bytes(_) | Value::Blob(_) | Value::Text(_)) => Self::File,
            // A field of one line would take the line ends away.
            (Some(Self::Line | Self::Child | Self::Choice(_)) | None, Value::Text(text))
                if text.contains(['\n', '\r']) =>
            {
                Self::Lines
            }
            (
                Some(
                    shape @ (Self::Line
                    | Self::Lines
                    | Self::Markup(_)
                    | Self::Code(_)
                    | Self::Choice(_)
                    | Self::Child),
                ),
                Value::Text(_),
            ) => shape,
            (_, Value::Text(_)) => Self::Line,
            (_, Value::Bool(_)) => Self::Bool,
            (_, Value::Int(_)) => Self::Int,
            (_, Value::Float(_)) => Self::Float,
            (_, Value::Counter(_)) => Self::Counter,
            (_, Value::Time(_)) => Self::Time,
            (_, Value::Reference(_)) => Self::Reference,
            (_, Value::Bytes(_) | Value::Blob(_)) => Self::File,
            (_, Value::List(items)) => Self::rows(Rows::List, items.iter()),
            (_, Value::Set(items)) => Self::rows(Rows::Set, items.iter()),
            (_, Value::Map(map)) => Self::rows(Rows::Map, map.values()),
            (_, Value::Null | Value::Block) => Self::Fixed,
        };
        if shape.carries(value, names) { shape } else { Self::Fixed }
    }

    pub(super) fn declared(kind: &str, input: &Input) -> Self {
        match (kind, input) {
            ("text", Input::Lines) => Self::Lines,
            ("text", Input::Markup { format }) => Self::Markup(format),
            ("text", Input::Code(language)) => Self::Code(language),
            ("text", Input::Choice(choices)) => Self::Choice(choices),
            ("text", Input::Child) => Self::Child,
            ("text", _) => Self::Line,
            ("bool", _) => Self::Bool,
            ("int", _) => Self::Int,
            ("float", _) => Self::Float,
            ("counter", _) => Self::Counter,
            ("time", _) => Self::Time,
            ("reference", _) => Self::Reference,
            ("bytes" | "blob", _) => Self::File,
            ("list", _) => Self::Rows(Rows::List, Simple::Text),
            ("set", _) => Self::Rows(Rows::Set, Simple::Text),
            ("map", _) => Self::Rows(Rows::Map, Simple::Text),
            _ => Self::Fixed,
        }
    }

    fn rows<'v>(rows: Rows, values: impl Iterator<Item = &'v Value>) -> Self {
        let mut of = None;
        for value in values {
            let simple = match value {
                Value::Text(_) => Simple::Text,
                Value::Int(_) => Simple::Int,
                Value::Float(_) => Simple::Float,
                Value::Time(_) => Simple::Time,
                Value::Reference(_) => Simple::Reference,
                _ => return Self::Fixed,
            };
            if *of.get_or_insert(simple) != simple {
                return Self::Fixed;
            }
        }
        Self::Rows(rows, of.unwrap_or(Simple::Text))
    }

    /// Whether a form can carry a value of this shape there and back.
    fn carries(self, value: &Value, names: &dyn Names) -> bool {
        let count = match value {
            Value::List(items) => items.len(),
            Value::Set(items) => items.len(),
            Value::Map(map) => map.len(),
            // Line ends may be written differently; a zero character comes back as another one.
            Value::Text(text) => return !text.contains('\0'),
            // Given back to the millisecond.
            Value::Time(micros) => return time_text(*micros).is_some(),
            Value::Reference(_) | Value::Bytes(_) | Value::Blob(_) => return true,
            _ => 0,
        };
        let typed = self.typed(Some(value), names);
        let clean = typed.texts.iter().chain(&typed.keys).all(|text| !text.contains(['\0', '\r']));
        count <= ROWS_MAX
            && clean
            && self.parse(&typed, Some(value), names).as_ref() == Ok(&Some(value.clone()))
    }

    /// What the form is filled with.
    pub(super) fn typed(self, value: Option<&Value>, names: &dyn Names) -> Typed {
        match value {
            None => Typed::one(""),
            Some(Value::List(items)) => {
                Typed { texts: items.iter().map(|item| simple_text(item, names)).collect(), keys: Vec::new() }
            }
            Some(Value::Set(items)) => {
                Typed { texts: items.iter().map(|item| simple_text(item, names)).collect(), keys: Vec::new() }
            }
            Some(Value::Map(map)) => Typed {
                texts: map.values().map(|item| simple_text(item, names)).collect(),
                keys: map.keys().map(ToString::to_string).collect(),
            },
            Some(_) if matches!(self, Self::File | Self::Fixed) => Typed::default(),
            Some(value) => Typed::one(simple_text(value, names)),
        }
    }

    /// Whether two fillings say the same.
    pub(super) fn is_same(self, a: &Typed, b: &Typed) -> bool {
        match self {
            Self::Rows(..) => a.rows().eq(b.rows()),
            // Browsers leave out seconds that are none.
            Self::Time => {
                a.text() == b.text() || moment(a.text()).is_some_and(|a| Some(a) == moment(b.text()))
            }
            Self::File | Self::Fixed => true,
            _ => a.text() == b.text(),
        }
    }

    /// The value of what was typed; none where the field was left empty, which is to have no such attribute. `base`: what
    /// the form was made of.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub(super) fn parse(
        self,
        typed: &Typed,
        base: Option<&Value>,
        names: &dyn Names,
    ) -> Result<Option<Value>, String> {
        let text = typed.text();
        let trimmed = text.trim();
        match self {
            Self::Line | Self::Child | Self::Choice(_) if text.is_empty() => Ok(None),
            // A long text that was emptied is an empty text: nothing from above shall show through.
            Self::Lines | Self::Markup(_) | Self::Code(_) if text.is_empty() && base.is_none() => Ok(None),
            Self::Line | Self::Child | Self::Choice(_) | Self::Lines | Self::Markup(_) | Self::Code(_) => {
                let had_returns = base.and_then(Value::as_text).is_some_and(|base| base.contains("\r\n"));
                Ok(Some(Value::text(if had_returns { text.replace('\n', "\r\n") } else { text.to_owned() })))
            }
            Self::Rows(rows, of) => of_rows(rows, of, typed, base, names).map(Some),
            Self::File | Self::Fixed => Ok(base.cloned()),
            _ if trimmed.is_empty() => Ok(None),
            Self::Bool => match trimmed {
                "true" => Ok(Some(Value::Bool(true))),
                "false" => Ok(Some(Value::Bool(false))),
                _ => Err("Expected yes or no.".into()),
            },
            Self::Int => whole(trimmed).map(|number| Some(Value::Int(number))),
            Self::Counter => whole(trimmed).map(|number| Some(Value::Counter(number))),
            Self::Float => simple(Simple::Float, trimmed, None, names).map(Some),
            Self::Time => simple(Simple::Time, trimmed, base, names).map(Some),
            Self::Reference => simple(Simple::Reference, trimmed, base, names).map(Some),
        }
    }
}

fn of_rows(
    rows: Rows,
    of: Simple,
    typed: &Typed,
    base: Option<&Value>,
    names: &dyn Names,
) -> Result<Value, String> {
    // A moment of which the form shows the milliseconds only, and an object that is gone, are found again in the base.
    let known: Vec<&Value> = match base {
        Some(Value::List(items)) => items.iter().collect(),
        Some(Value::Set(items)) => items.iter().collect(),
        Some(Value::Map(map)) => map.values().collect(),
        _ => Vec::new(),
    };
    let read =
        |text: &str| match known.iter().find(|value| of != Simple::Text && simple_text(value, names) == text)
        {
            Some(value) => Ok((*value).clone()),
            None => simple(of, if of == Simple::Text { text } else { text.trim() }, None, names),
        };
    match rows {
        Rows::List => typed.rows().map(|(_, text)| read(text)).collect::<Result<_, _>>().map(Value::List),
        Rows::Set => {
            typed.rows().map(|(_, text)| read(text)).collect::<Result<BTreeSet<_>, _>>().map(Value::Set)
        }
        Rows::Map => {
            let mut map: BTreeMap<Arc<str>, Value> = BTreeMap::new();
            for (key, text) in typed.rows() {
                if key.is_empty() {
                    return Err(format!("“{}” has no key.", crate::text::shortened(text, 40)));
                }
                if map.insert(key.into(), read(text)?).is_some() {
                    return Err(format!("The key “{}” is there twice.", crate::text::shortened(key, 40)));
                }
            }
            Ok(Value::Map(map))
        }
    }
}

fn simple(of: Simple, text: &str, base: Option<&Value>, names: &dyn Names) -> Result<Value, String> {
    match of {
        Simple::Text => Ok(Value::text(text)),
        Simple::Int => whole(text).map(Value::Int),
        Simple::Float => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => Err(format!("Expected a number such as 2.5, not “{}”.", crate::text::shortened(text, 40))),
        },
        Simple::Time => {
            let micros = moment(text).ok_or_else(|| {
                format!(
                    "Expected a date and a time such as 2026-11-22T10:30, not “{}”.",
                    crate::text::shortened(text, 40)
                )
            })?;
            Ok(match base {
                Some(Value::Time(base)) if to_millis(*base) == micros => Value::Time(*base),
                _ => Value::Time(micros),
            })
        }
        Simple::Reference => {
            let base = if let Some(Value::Reference(oid)) = base { Some(*oid) } else { None };
            names.find(text, base).map(Value::Reference)
        }
    }
}

fn whole(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("Expected a whole number, not “{}”.", crate::text::shortened(text, 40)))
}

fn to_millis(micros: i64) -> i64 {
    micros.div_euclid(1_000) * 1_000
}

/// A moment as fields for times take it; none where they cannot.
fn time_text(micros: i64) -> Option<String> {
    let moment = Timestamp::from_microsecond(to_millis(micros)).ok()?.to_zoned(TimeZone::UTC).datetime();
    if !(1..=9999).contains(&moment.year()) {
        return None;
    }
    let seconds = moment.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    Some(match moment.millisecond() {
        0 => seconds,
        millis => format!("{seconds}.{millis:03}"),
    })
}

/// Microseconds since 1970, to the millisecond; without a zone, in UTC.
fn moment(text: &str) -> Option<i64> {
    let text = text.trim();
    let moment = match text.parse::<Timestamp>() {
        Ok(moment) => moment,
        Err(_) => text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
    };
    Some(to_millis(moment.as_microsecond()))
}

/// A simple value as text.
pub(super) fn simple_text(value: &Value, names: &dyn Names) -> String {
    match value {
        Value::Text(text) => text.replace("\r\n", "\n").replace('\r', "\n"),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) | Value::Counter(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Time(micros) => time_text(*micros).unwrap_or_else(|| micros.to_string()),
        Value::Reference(oid) => names.path(*oid),
        _ => String::new(),
    }
}

/// Any value in words, for where it is only shown.
pub(super) fn in_words(value: &Value, names: &dyn Names) -> String {
    let many = |count: usize, values: &mut dyn Iterator<Item = String>| {
        let shown: Vec<String> = values.take(20).map(|text| crate::text::shortened(&text, 200)).collect();
        let more =
            if count > shown.len() { format!("\n… {} more", count - shown.len()) } else { String::new() };
        format!("{}{more}", shown.join("\n"))
    };
    match value {
        Value::Null => "Nothing, on purpose".into(),
        Value::Block => "Stops acquisition: the name is not to be had from above".into(),
        Value::Bool(truth) => if *truth { "Yes" } else { "No" }.into(),
        Value::Bytes(bytes) => crate::text::bytes(bytes.len() as u64),
        Value::Blob(blob) => crate::text::bytes(blob.bytes),
        Value::Time(micros) => {
            format!("{} UTC", time_text(*micros).unwrap_or_else(|| micros.to_string()).replace('T', " "))
        }
        Value::List(items) => many(items.len(), &mut items.iter().map(|item| in_words(item, names))),
        Value::Set(items) => many(items.len(), &mut items.iter().map(|item| in_words(item, names))),
        Value::Map(map) => {
            many(map.len(), &mut map.iter().map(|(key, item)| format!("{key}: {}", in_words(item, names))))
        }
        value => simple_text(value, names),
    }
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
