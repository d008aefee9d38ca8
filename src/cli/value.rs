//! Values as JSON, without loss, and as people type and read them.
//!
//! Null, bool, int, text and list are themselves in JSON; every other kind is an object with the kind as its only key:
//! `{"float": 1.5}`, `{"map": {...}}`, `{"reference": "/a/b"}`, `{"bytes": "00ff"}`.

use std::collections::BTreeMap;

use bough::Site;
use bough::core::object_type::TypeRegistry;
use bough::core::security::{Setting, Subject, USERS_NAME};
use bough::core::snapshot::path_of;
use bough::core::value::{BlobRef, Digest, VALUE_DEPTH_MAX};
use bough::core::{CellKey, Content, Name, ObjectPath, Oid, Snapshot, Value};
use serde_json::{Map, Value as Json, json};

use super::failure::Failure;
use super::moment::{self, When, rfc3339};
use super::screen::{short, size_text};

/// How much of a value is shown where a line is all there is.
const SHORT_CHARS: usize = 60;

/// What the roles of all users of a name are called with.
pub(crate) const ANY_USER: &str = "any user ";

/// How references are written: as paths where the object has one.
pub(crate) type PathOf<'a> = dyn Fn(Oid) -> String + 'a;

/// References by the paths that they have in a snapshot.
pub(crate) fn paths_in(snapshot: &(impl Snapshot + ?Sized)) -> impl Fn(Oid) -> String {
    move |oid| match path_of(snapshot, oid) {
        Ok(Some(path)) => path.to_string(),
        _ => oid.to_string(),
    }
}

/// The same; users and groups that are gone, by where they were.
pub(crate) fn last_paths<'a>(
    site: &'a Site,
    snapshot: &'a bough::store::Snapshot,
) -> impl Fn(Oid) -> String + 'a {
    let paths = paths_in(snapshot);
    move |oid| {
        let path = paths(oid);
        if path.starts_with('/') {
            return path;
        }
        let commits = site.database().commits_of(oid, None, 2).unwrap_or_default();
        let was = commits.last().and_then(|commit| site.database().object_at(oid, commit.tid).ok().flatten());
        match was.as_ref().and_then(|object| object.place()) {
            Some(place) => format!("{}/{} (deleted)", paths(place.parent).trim_end_matches('/'), place.name),
            None => path,
        }
    }
}

/// The value as JSON.
pub(crate) fn to_json(value: &Value, path_of: &PathOf<'_>) -> Json {
    let list = |items: &mut dyn Iterator<Item = &Value>| {
        Json::Array(items.map(|item| to_json(item, path_of)).collect())
    };
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => json!(truth),
        Value::Int(number) => json!(number),
        Value::Float(number) if number.is_finite() => json!({ "float": number }),
        Value::Float(number) => json!({ "float": format!("{:016x}", number.to_bits()) }),
        Value::Text(text) => json!(&**text),
        Value::Bytes(bytes) => json!({ "bytes": hex(bytes) }),
        Value::Time(micros) => json!({ "time": micros }),
        Value::List(items) => list(&mut items.iter()),
        Value::Set(items) => json!({ "set": list(&mut items.iter()) }),
        Value::Map(map) => {
            let entries = map.iter().map(|(key, item)| (key.to_string(), to_json(item, path_of)));
            json!({ "map": Json::Object(entries.collect::<Map<_, _>>()) })
        }
        Value::Counter(number) => json!({ "counter": number }),
        Value::Reference(oid) => json!({ "reference": path_of(*oid) }),
        Value::Blob(blob) => json!({ "blob": blob.digest.to_string(), "bytes": blob.bytes }),
        Value::Block => json!({ "block": true }),
    }
}

/// Reads what [`to_json`] writes. `reference` finds objects by path, `blob` takes bytes that were brought.
pub(crate) struct Reader<'a> {
    pub(crate) reference: &'a dyn Fn(&str) -> Option<Oid>,
    pub(crate) blob: &'a dyn Fn(&str) -> Option<Value>,
}

impl Reader<'_> {
    pub(crate) fn read(&self, json: &Json) -> Result<Value, String> {
        self.at_depth(json, 0)
    }

    fn at_depth(&self, json: &Json, depth: usize) -> Result<Value, String> {
        if depth > VALUE_DEPTH_MAX {
            return Err(format!("it is nested deeper than {VALUE_DEPTH_MAX} levels"));
        }
        match json {
            Json::Null => Ok(Value::Null),
            Json::Bool(truth) => Ok(Value::Bool(*truth)),
            Json::String(text) => Ok(Value::text(text.as_str())),
            Json::Number(number) => {
                let int = number.as_i64().map(Value::Int);
                int.ok_or_else(|| format!("{number} is no whole number: write {{\"float\": {number}}}"))
            }
            Json::Array(items) => self.items(items, depth).map(Value::List),
            Json::Object(map) => self.tagged(map, depth),
        }
    }

    fn items<B: FromIterator<Value>>(&self, items: &[Json], depth: usize) -> Result<B, String> {
        items.iter().map(|item| self.at_depth(item, depth + 1)).collect()
    }

    fn tagged(&self, map: &Map<String, Json>, depth: usize) -> Result<Value, String> {
        let wrong =
            || "expected one of float, bytes, time, set, map, counter, reference, blob or block".to_owned();
        let (kind, inner) = match map.get("blob") {
            Some(blob) => ("blob", blob),
            None if map.len() == 1 => {
                map.iter().next().map(|(kind, inner)| (kind.as_str(), inner)).ok_or_else(wrong)?
            }
            None => return Err(wrong()),
        };
        let whole = || inner.as_i64().ok_or_else(|| format!("`{kind}` is no whole number"));
        let text = || inner.as_str().ok_or_else(|| format!("`{kind}` is no text"));
        match kind {
            "float" => match inner.as_f64() {
                Some(number) => Ok(Value::Float(number)),
                None => u64::from_str_radix(text()?, 16)
                    .map(|bits| Value::Float(f64::from_bits(bits)))
                    .map_err(|_| "`float` is neither a number nor 16 hexadecimal digits".to_owned()),
            },
            "bytes" => unhex(text()?).map(|bytes| Value::Bytes(bytes.into())),
            "time" => whole().map(Value::Time),
            "counter" => whole().map(Value::Counter),
            "set" => {
                let items = inner.as_array().ok_or("`set` is no list")?;
                self.items(items, depth).map(Value::Set)
            }
            "map" => {
                let map = inner.as_object().ok_or("`map` is no object")?;
                let entries =
                    map.iter().map(|(key, item)| Ok((key.as_str().into(), self.at_depth(item, depth + 1)?)));
                entries.collect::<Result<BTreeMap<_, _>, String>>().map(Value::Map)
            }
            "reference" => {
                let found = (self.reference)(text()?);
                found.map(Value::Reference).ok_or_else(|| format!("there is nothing at `{inner}`"))
            }
            "blob" => (self.blob)(text()?).ok_or_else(|| format!("the bytes of {inner} are not there")),
            "block" => Ok(Value::Block),
            _ => Err(wrong()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let wrong = || "`bytes` are no hexadecimal digits".to_owned();
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let pairs = (0..text.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())).collect()
}

/// What a cell holds, on one line.
pub(crate) fn content_text(content: Option<&Content>, path_of: &PathOf<'_>) -> String {
    match content {
        None => "(none)".to_owned(),
        Some(Content::Type(name)) => name.to_string(),
        Some(Content::Place(place)) => {
            let parent = path_of(place.parent);
            if parent == "/" { format!("/{}", place.name) } else { format!("{parent}/{}", place.name) }
        }
        Some(Content::Value(value)) => text(value, path_of),
        Some(Content::Large(large)) => format!("({} in one value)", size_text(large.bytes.into())),
        Some(Content::Owner(owner)) => account_text(*owner, path_of),
        Some(Content::Roles(roles)) => roles.to_string(),
        Some(Content::Setting(setting)) => setting_text(setting),
        Some(_) => "(unknown)".to_owned(),
    }
}

/// What a cell is called: users and groups by their names, where they have one.
pub(crate) fn cell_text(key: &CellKey, path_of: &PathOf<'_>) -> String {
    match key {
        CellKey::LocalRoles(subject) => format!("roles of {}", subject_text(subject, path_of)),
        other => other.to_string(),
    }
}

/// Whose roles these are.
pub(crate) fn subject_text(subject: &Subject, path_of: &PathOf<'_>) -> String {
    match subject {
        Subject::Principal(oid) => account_text(*oid, path_of),
        Subject::Name(name) => format!("{ANY_USER}{name}"),
    }
}

/// A user or a group: by the name where it counts everywhere, else by the path.
pub(crate) fn account_text(oid: Oid, path_of: &PathOf<'_>) -> String {
    let path = path_of(oid);
    let name = path.strip_prefix('/').and_then(|path| path.strip_prefix(USERS_NAME)?.strip_prefix('/'));
    match name {
        Some(name) if !name.contains('/') => name.to_owned(),
        _ => path,
    }
}

/// Where an account is, or was, that [`account_text`] names so.
pub(crate) fn account_path(text: &str) -> String {
    if text.starts_with('/') { text.to_owned() } else { format!("/{USERS_NAME}/{text}") }
}

/// Who has a permission, in words.
pub(crate) fn setting_text(setting: &Setting) -> String {
    match (setting.acquire, setting.roles.is_empty()) {
        (true, true) => "as above".to_owned(),
        (true, false) => format!("{}, and who has it above", setting.roles),
        (false, true) => "nobody".to_owned(),
        (false, false) => format!("only {}", setting.roles),
    }
}

/// The text with names where it names objects by their oids.
pub(crate) fn in_words(text: &str, name_of: &dyn Fn(Oid) -> String) -> String {
    let words = text.split(' ').map(|word| {
        let is_part = |c: char| c.is_ascii_alphanumeric();
        let from = word.find(is_part).unwrap_or(0);
        let end = word[from..].find(|c| !is_part(c)).map_or(word.len(), |end| from + end);
        match word[from..end].parse() {
            Ok(oid) => format!("{}{}{}", &word[..from], name_of(oid), &word[end..]),
            Err(_) => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A value on one line.
pub(crate) fn text(value: &Value, path_of: &PathOf<'_>) -> String {
    match value {
        Value::Text(text) => format!("\"{}\"", short(text, SHORT_CHARS)),
        Value::Bytes(bytes) => format!("({})", size_text(bytes.len() as u64)),
        Value::Blob(blob) => format!("({}, {:.12}...)", size_text(blob.bytes), blob.digest.to_string()),
        Value::Time(micros) => u64::try_from(*micros).map_or_else(|_| micros.to_string(), rfc3339),
        Value::Reference(oid) => format!("-> {}", path_of(*oid)),
        Value::Counter(number) => number.to_string(),
        Value::Block => "(blocks acquisition)".to_owned(),
        other => short(&to_json(other, path_of).to_string(), SHORT_CHARS),
    }
}

/// One `NAME=VALUE` or `NAME:KIND=VALUE` as it was typed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) kind: Option<String>,
    pub(crate) text: String,
}

/// The kinds that can be typed.
const KINDS: &str = "text, int, float, bool, time, counter, reference, null, block or json";

/// Reads `NAME=VALUE` or `NAME:KIND=VALUE`.
pub(crate) fn parse_assignment(text: &str) -> Result<Assignment, String> {
    let (left, value) = text
        .split_once('=')
        .ok_or("expected NAME=VALUE as in `title=Hello`, or NAME:KIND=VALUE as in `views:int=3`")?;
    let (name, kind) =
        left.split_once(':').map_or((left, None), |(name, kind)| (name, Some(kind.to_owned())));
    Name::check(name).map_err(|error| error.to_string())?;
    if let Some(kind) = &kind
        && !KINDS.split([',', ' ']).any(|known| known == kind && known != "or")
    {
        return Err(format!("`{kind}` is no kind of value: expected {KINDS}"));
    }
    Ok(Assignment { name: name.to_owned(), kind, text: value.to_owned() })
}

impl Assignment {
    /// The value that was meant: of the kind that was typed, else of the one that the type declares, else a text.
    pub(crate) fn value(
        &self,
        snapshot: &(impl Snapshot + ?Sized),
        types: &TypeRegistry,
        type_name: &str,
    ) -> Result<Value, Failure> {
        let declared =
            types.schema(type_name).and_then(|schema| schema.attribute(&self.name)).map(|spec| spec.kind);
        let reads_as_bool = self.kind.is_none() && declared.is_none() && self.name.starts_with('_');
        let kind = match (&self.kind, declared) {
            (Some(kind), _) => kind.as_str(),
            // Marks such as `_files` are true or false.
            _ if reads_as_bool && matches!(self.text.as_str(), "true" | "false") => "bool",
            (None, Some(declared @ ("int" | "float" | "bool" | "time" | "counter" | "reference"))) => {
                declared
            }
            (None, Some("list" | "map" | "set")) => "json",
            _ => "text",
        };
        let expected = |what: &str| {
            Failure::usage(format!(
                "cannot set `{}`: expected {what}, found `{}`",
                self.name,
                short(&self.text, SHORT_CHARS)
            ))
        };
        let reference = |text: &str| find(snapshot, text);
        match kind {
            "int" => self.text.parse().map(Value::Int).map_err(|_| expected("a whole number")),
            "counter" => self.text.parse().map(Value::Counter).map_err(|_| expected("a whole number")),
            "float" => self.text.parse().map(Value::Float).map_err(|_| expected("a number")),
            "bool" => self.text.parse().map(Value::Bool).map_err(|_| expected("`true` or `false`")),
            "time" => match moment::parse(&self.text) {
                Ok(When::Micros(micros) | When::Tid(micros)) => Ok(Value::Time(micros as i64)),
                Err(_) => Err(expected("a time as in `2026-11-22 10:30`")),
            },
            "reference" => reference(&self.text).map(Value::Reference).ok_or_else(|| {
                Failure::not_found(format!("cannot set `{}`: there is nothing at `{}`", self.name, self.text))
            }),
            "null" => Ok(Value::Null),
            "block" => Ok(Value::Block),
            "json" => {
                let json: Json = serde_json::from_str(&self.text).map_err(|_| expected("JSON"))?;
                let reader = Reader { reference: &reference, blob: &|_| None };
                reader
                    .read(&json)
                    .map_err(|problem| Failure::usage(format!("cannot set `{}`: {problem}", self.name)))
            }
            _ => Ok(Value::text(self.text.as_str())),
        }
    }
}

/// The object that a text names by its path or its oid.
pub(crate) fn find(snapshot: &(impl Snapshot + ?Sized), text: &str) -> Option<Oid> {
    if let Ok(path) = ObjectPath::parse(text) {
        return bough::core::snapshot::find(snapshot, &path).ok().flatten();
    }
    text.parse().ok()
}

/// What bytes are as a value, without storing them: as the store would keep them.
pub(crate) fn same_bytes(value: Option<&Value>, bytes: &[u8]) -> bool {
    match value {
        Some(Value::Bytes(old)) => **old == *bytes,
        Some(Value::Text(old)) => old.as_bytes() == bytes,
        Some(Value::Blob(BlobRef { digest, bytes: length })) => {
            *length == bytes.len() as u64 && *digest == Digest(*blake3::hash(bytes).as_bytes())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_reads_back_from_json_as_it_was() {
        let oid = Oid::from_u128(7);
        let blob = Value::Blob(BlobRef { digest: Digest([7; 32]), bytes: 5_000 });
        let reader = Reader { reference: &|text| text.parse().ok(), blob: &|_| Some(blob.clone()) };
        let plain = [
            Value::Null,
            true.into(),
            Value::Int(i64::MIN),
            Value::Float(1.5),
            Value::Float(f64::NAN),
            Value::Float(-0.0),
            Value::Float(f64::INFINITY),
            "text".into(),
            Value::Bytes([0, 255].into()),
            Value::Time(-1),
            Value::Counter(3),
            Value::Reference(oid),
            Value::Block,
            blob.clone(),
        ];
        let map = Value::Map(BTreeMap::from([("float".into(), Value::Int(1))]));
        let nested = [Value::List(plain.to_vec()), Value::Set(plain.iter().cloned().collect()), map];
        for value in plain.iter().chain(&nested) {
            let json = to_json(value, &|oid| oid.to_string()).to_string();
            let read = reader.read(&serde_json::from_str(&json).unwrap());
            assert_eq!(read.as_ref(), Ok(value), "{json}");
        }
    }

    #[test]
    fn json_that_is_no_value_is_refused() {
        let reader = Reader { reference: &|_| None, blob: &|_| None };
        let deep = "[".repeat(40) + &"]".repeat(40);
        for bad in [
            "1.5",
            "{}",
            r#"{"x": 1}"#,
            r#"{"float": 1, "int": 2}"#,
            r#"{"bytes": "é"}"#,
            r#"{"reference": "/x"}"#,
            &deep,
        ] {
            assert!(reader.read(&serde_json::from_str(bad).unwrap()).is_err(), "{bad} was taken");
        }
    }
}
