//! Values as JSON and back, without loss.

use std::collections::{BTreeMap, BTreeSet};

use bough_core::value::{BlobRef, VALUE_DEPTH_MAX};
use bough_core::{Content, Object, ObjectPath, Oid, Snapshot, Value};
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::dto::Attribute;

/// The kinds that a client can name.
const KINDS: &str =
    "null, bool, int, float, text, bytes, time, list, map, set, counter, reference, blob, block or kept";

/// How objects and bytes elsewhere are named.
pub(super) trait Names {
    /// Path and URL of an object, as far as it has them.
    fn place(&self, oid: Oid) -> (Option<String>, Option<String>);
}

/// Names nothing.
impl Names for () {
    fn place(&self, _: Oid) -> (Option<String>, Option<String>) {
        (None, None)
    }
}

/// The value with its kind. `href` leads to its bytes.
pub(super) fn shown(value: &Value, names: &dyn Names, href: Option<&str>) -> Attribute {
    let list = |items: &mut dyn Iterator<Item = &Value>| {
        Json::Array(items.map(|item| nested(item, names, href)).collect())
    };
    let (mut path, mut link) = (None, None);
    let json = match value {
        Value::Null | Value::Block => Json::Null,
        Value::Bool(truth) => json!(truth),
        Value::Int(number) | Value::Counter(number) => json!(number),
        Value::Float(number) if number.is_finite() => json!(number),
        Value::Float(number) => json!(format!("{:016x}", number.to_bits())),
        Value::Text(text) => json!(&**text),
        Value::Bytes(bytes) => json!(hex(bytes)),
        Value::Time(micros) => time(*micros),
        Value::List(items) => list(&mut items.iter()),
        Value::Set(items) => list(&mut items.iter()),
        Value::Map(map) => {
            let entries = map.iter().map(|(key, item)| (key.to_string(), nested(item, names, href)));
            Json::Object(entries.collect())
        }
        Value::Reference(oid) => {
            (path, link) = names.place(*oid);
            json!(oid.to_string())
        }
        Value::Blob(blob) => {
            let mut json = json!({ "digest": blob.digest.to_string(), "bytes": blob.bytes });
            if let Some(href) = href {
                json["href"] = href.into();
            }
            json
        }
    };
    Attribute { kind: value.kind(), value: json, path, href: link }
}

/// A value in another: plain where JSON says its kind by itself.
fn nested(value: &Value, names: &dyn Names, href: Option<&str>) -> Json {
    let Attribute { kind, value: json, path, href: link } = shown(value, names, href);
    if matches!(value, Value::Null | Value::Bool(_) | Value::Int(_) | Value::Text(_) | Value::List(_)) {
        return json;
    }
    let mut members = Map::from_iter([("kind".to_owned(), kind.into()), ("value".to_owned(), json)]);
    members.extend(path.map(|path| ("path".to_owned(), path.into())));
    members.extend(link.map(|link| ("href".to_owned(), link.into())));
    Json::Object(members)
}

/// RFC 3339, or the number for what lies outside of that.
fn time(micros: i64) -> Json {
    match Timestamp::from_microsecond(micros) {
        Ok(moment) => format!("{moment:.6}").into(),
        Err(_) => micros.into(),
    }
}

/// RFC 3339 of a time that a commit was made at, in microseconds since 1970.
pub(super) fn rfc3339(micros: u64) -> String {
    let moment = i64::try_from(micros).ok().and_then(|micros| Timestamp::from_microsecond(micros).ok());
    moment.map_or_else(|| micros.to_string(), |moment| format!("{moment:.6}"))
}

/// What a client wants an attribute to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    Value(Value),
    /// As it is.
    Kept,
}

/// Reads what clients send.
pub(super) struct Reader<'a> {
    /// Where references by path are looked up.
    pub(super) snapshot: &'a dyn Snapshot,
    /// What `/` names.
    pub(super) top: Oid,
    /// The blobs that may be named by their digests: those that the object holds.
    pub(super) blobs: Vec<BlobRef>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(snapshot: &'a dyn Snapshot, top: Oid, object: Option<&Object>) -> Self {
        let mut blobs = Vec::new();
        for (_, cell) in object.into_iter().flat_map(Object::attributes) {
            match &cell.content {
                Content::Value(value) => value.blobs(&mut |blob| blobs.push(blob)),
                Content::Large(large) => blobs.extend(large.blobs.iter().copied()),
                _ => {}
            }
        }
        Self { snapshot, top, blobs }
    }

    /// The value that a client sends for an attribute; `declared` is the kind that the type gives it.
    pub(super) fn read(&self, json: &Json, declared: Option<&str>) -> Result<Wanted, String> {
        if let Json::Object(map) = json
            && map.get("kind").and_then(Json::as_str) == Some("kept")
        {
            return Ok(Wanted::Kept);
        }
        self.value(json, declared, 0).map(Wanted::Value)
    }

    fn value(&self, json: &Json, declared: Option<&str>, depth: usize) -> Result<Value, String> {
        if depth > VALUE_DEPTH_MAX {
            return Err(format!("it is nested deeper than {VALUE_DEPTH_MAX} levels"));
        }
        match json {
            Json::Object(map) => self.said(map, depth),
            Json::Null => Ok(Value::Null),
            Json::Bool(truth) => Ok(Value::Bool(*truth)),
            json => match (declared, json) {
                (Some(kind @ ("float" | "counter" | "time")), Json::Number(_)) => {
                    self.kind(kind, json, depth)
                }
                (Some(kind @ ("time" | "reference")), Json::String(_)) => self.kind(kind, json, depth),
                (Some("set"), Json::Array(_)) => self.kind("set", json, depth),
                (_, Json::String(text)) => Ok(Value::text(text.as_str())),
                (_, Json::Array(_)) => self.kind("list", json, depth),
                (_, Json::Number(number)) => match number.as_i64() {
                    Some(whole) => Ok(Value::Int(whole)),
                    None if number.is_f64() => self.kind("float", json, depth),
                    None => Err(format!("{number} is no whole number of 64 bits")),
                },
                _ => Err("it is no value".to_owned()),
            },
        }
    }

    /// A value that says its kind.
    fn said(&self, map: &Map<String, Json>, depth: usize) -> Result<Value, String> {
        let known = ["kind", "value", "path", "href"];
        if let Some(unknown) = map.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!(
                "it has the member `{}`: expected `kind` and `value`; a map is `{{\"kind\": \"map\", \"value\": {{...}}}}`",
                unknown.chars().take(60).collect::<String>()
            ));
        }
        let kind =
            map.get("kind").and_then(Json::as_str).ok_or_else(|| format!("its `kind` is none of {KINDS}"))?;
        self.kind(kind, map.get("value").unwrap_or(&Json::Null), depth)
    }

    fn kind(&self, kind: &str, json: &Json, depth: usize) -> Result<Value, String> {
        let expected = |what: &str| format!("a {kind} is {what}");
        let text = |what: &str| json.as_str().ok_or_else(|| expected(what));
        let whole = || match json {
            Json::Number(number) => number.as_i64(),
            Json::String(text) => text.parse().ok(),
            _ => None,
        };
        let whole = || whole().ok_or_else(|| expected("a whole number of 64 bits"));
        match kind {
            "null" | "block" if !json.is_null() => Err(expected("null")),
            "null" => Ok(Value::Null),
            "block" => Ok(Value::Block),
            "bool" => json.as_bool().map(Value::Bool).ok_or_else(|| expected("true or false")),
            "int" => whole().map(Value::Int),
            "counter" => whole().map(Value::Counter),
            "float" => float(json).map(Value::Float).ok_or_else(|| expected("a number")),
            "text" => text("a text").map(Value::text),
            "bytes" => {
                let bytes =
                    unhex(text("hexadecimal digits")?).ok_or_else(|| expected("hexadecimal digits"))?;
                Ok(Value::Bytes(bytes.into()))
            }
            "time" => match json {
                Json::Number(_) => whole().map(Value::Time),
                _ => {
                    let what = "RFC 3339 as in `2026-11-22T10:30:00Z`, or microseconds since 1970";
                    let moment: Timestamp = text(what)?.parse().map_err(|_| expected(what))?;
                    Ok(Value::Time(moment.as_microsecond()))
                }
            },
            "list" => self.items::<Vec<_>>(json, depth).map(Value::List),
            "set" => self.items::<BTreeSet<_>>(json, depth).map(Value::Set),
            "map" => {
                let map = json.as_object().ok_or_else(|| expected("an object of values"))?;
                let entries = map
                    .iter()
                    .map(|(key, item)| Ok((key.as_str().into(), self.value(item, None, depth + 1)?)));
                entries.collect::<Result<BTreeMap<_, _>, String>>().map(Value::Map)
            }
            "reference" => self.reference(text("an oid or a path")?).map(Value::Reference),
            "blob" => self.blob(json),
            "kept" => Err("only a whole attribute can be kept".to_owned()),
            _ => Err(format!("`{}` is no kind: expected {KINDS}", kind.chars().take(60).collect::<String>())),
        }
    }

    fn items<B: FromIterator<Value>>(&self, json: &Json, depth: usize) -> Result<B, String> {
        let items = json.as_array().ok_or("it is no list")?;
        items.iter().map(|item| self.value(item, None, depth + 1)).collect()
    }

    fn reference(&self, text: &str) -> Result<Oid, String> {
        if let Ok(oid) = text.parse() {
            return Ok(oid);
        }
        let path = ObjectPath::parse(text).map_err(|error| error.to_string())?;
        let found = find_from(self.snapshot, self.top, &path).map_err(|error| error.to_string())?;
        found.ok_or_else(|| format!("there is nothing at `{path}`"))
    }

    fn blob(&self, json: &Json) -> Result<Value, String> {
        let digest = json.get("digest").and_then(Json::as_str).ok_or("a blob has a `digest`")?;
        let found = self.blobs.iter().find(|blob| blob.digest.to_string() == digest);
        let found = found.ok_or("the object does not hold a blob of that digest: put the bytes instead")?;
        Ok(Value::Blob(*found))
    }
}

/// The object at a path from `top`.
pub(super) fn find_from(
    snapshot: &(impl Snapshot + ?Sized),
    top: Oid,
    path: &ObjectPath,
) -> Result<Option<Oid>, bough_core::snapshot::ReadError> {
    let mut at = top;
    for name in path.names() {
        match snapshot.child(at, name.as_str())? {
            Some(child) => at = child,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

fn float(json: &Json) -> Option<f64> {
    match json {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            digits if digits.len() == 16 => u64::from_str_radix(digits, 16).ok().map(f64::from_bits),
            _ => None,
        },
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use bough_core::value::Digest;
    use bough_store::{Database, Options};

    use super::*;

    #[test]
    fn every_value_reads_back_from_json_as_it_was() {
        let database = Database::in_memory(Options::new(crate::built_in_types())).unwrap();
        let snapshot = database.snapshot();
        let blob = BlobRef { digest: Digest([7; 32]), bytes: 5_000 };
        let reader = Reader { snapshot: &snapshot, top: Oid::ROOT, blobs: vec![blob] };
        let plain = [
            Value::Null,
            true.into(),
            Value::Int(i64::MIN),
            Value::Int(i64::MAX),
            Value::Float(1.5),
            Value::Float(2.0),
            Value::Float(f64::NAN),
            Value::Float(f64::from_bits(0x7ff8_0000_0000_0001)),
            Value::Float(-0.0),
            Value::Float(f64::INFINITY),
            Value::Float(5e-324),
            "text".into(),
            Value::Bytes([0, 255].into()),
            Value::Time(-1),
            Value::Time(i64::MAX),
            Value::Time(1_795_000_000_000_001),
            Value::Counter(3),
            Value::Reference(Oid::from_u128(7)),
            Value::Block,
            Value::Blob(blob),
        ];
        let map =
            Value::Map(BTreeMap::from([("kind".into(), Value::Int(1)), ("x".into(), Value::Float(0.1))]));
        let nested = [
            Value::List(plain.to_vec()),
            Value::Set(plain.iter().cloned().collect()),
            Value::List(vec![map.clone(), Value::List(vec![Value::Set([Value::Block].into())])]),
            map,
        ];
        for value in plain.iter().chain(&nested) {
            let json = serde_json::to_string(&shown(value, &(), Some("/x"))).unwrap();
            let read = reader.read(&serde_json::from_str(&json).unwrap(), None);
            assert_eq!(read, Ok(Wanted::Value(value.clone())), "{json}");
        }
    }

    #[test]
    fn plain_values_become_what_the_type_declares() {
        let database = Database::in_memory(Options::new(crate::built_in_types())).unwrap();
        let snapshot = database.snapshot();
        let reader = Reader { snapshot: &snapshot, top: Oid::ROOT, blobs: Vec::new() };
        for (declared, json, expected) in [
            ("float", json!(2), Value::Float(2.0)),
            ("counter", json!(2), Value::Counter(2)),
            ("time", json!("1970-01-01T00:00:01Z"), Value::Time(1_000_000)),
            ("reference", json!("/"), Value::Reference(Oid::ROOT)),
            ("set", json!([1, 1]), Value::Set([Value::Int(1)].into())),
            ("text", json!(2), Value::Int(2)),
            ("float", json!("x"), Value::text("x")),
        ] {
            assert_eq!(reader.read(&json, Some(declared)), Ok(Wanted::Value(expected)), "{declared} {json}");
        }
    }

    #[test]
    fn json_that_is_no_value_is_refused() {
        let database = Database::in_memory(Options::new(crate::built_in_types())).unwrap();
        let snapshot = database.snapshot();
        let reader = Reader { snapshot: &snapshot, top: Oid::ROOT, blobs: Vec::new() };
        let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
        for bad in [
            json!({}),
            json!({ "x": 1 }),
            json!({ "kind": "int", "value": 1.5 }),
            json!({ "kind": "int", "value": 1, "other": 2 }),
            json!({ "kind": "bytes", "value": "é" }),
            json!({ "kind": "bytes", "value": "abc" }),
            json!({ "kind": "reference", "value": "/x" }),
            json!({ "kind": "blob", "value": { "digest": "07", "bytes": 1 } }),
            json!({ "kind": "time", "value": "yesterday" }),
            json!({ "kind": "what" }),
            json!([{ "kind": "kept" }]),
            json!(18_446_744_073_709_551_615_u64),
            deep,
        ] {
            assert!(reader.read(&bad, None).is_err(), "{bad} was taken");
        }
    }
}
