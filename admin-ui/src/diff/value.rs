//! Values as people read them: one text, in which every part of a list or a map has its own line.

use bough_core::{Oid, Value};
use jiff::Timestamp;

use crate::text;

/// The value as a text. `named` says what an object is called.
pub(crate) fn readable(value: &Value, named: &dyn Fn(Oid) -> String) -> String {
    let mut out = String::new();
    write(value, named, 0, &mut out);
    out
}

fn write(value: &Value, named: &dyn Fn(Oid) -> String, depth: usize, out: &mut String) {
    match value {
        Value::Null => out.push_str("nothing"),
        Value::Bool(true) => out.push_str("yes"),
        Value::Bool(false) => out.push_str("no"),
        Value::Int(number) | Value::Counter(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&number.to_string()),
        Value::Text(text) => out.push_str(text),
        Value::Bytes(bytes) => {
            let mark: String = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            out.push_str(&format!("{} ({mark}…)", text::bytes(bytes.len() as u64)));
        }
        Value::Blob(blob) => {
            let mark: String = blob.digest.to_string().chars().take(12).collect();
            out.push_str(&format!("a file of {} ({mark}…)", text::bytes(blob.bytes)));
        }
        Value::Time(micros) => match Timestamp::from_microsecond(*micros) {
            Ok(time) => out.push_str(&time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()),
            Err(_) => out.push_str(&format!("{micros} µs after 1970")),
        },
        Value::Reference(oid) => out.push_str(&named(*oid)),
        Value::Block => out.push_str("not acquired from here on"),
        Value::List(items) => parts(&mut items.iter(), named, depth, out),
        Value::Set(items) => parts(&mut items.iter(), named, depth, out),
        Value::Map(map) if map.is_empty() => out.push_str("empty"),
        Value::Map(map) => {
            for (nth, (key, item)) in map.iter().enumerate() {
                begin(nth, depth, out);
                out.push_str(&format!("{key}: "));
                inner(item, named, depth, out);
            }
        }
    }
}

fn parts(
    items: &mut dyn Iterator<Item = &Value>,
    named: &dyn Fn(Oid) -> String,
    depth: usize,
    out: &mut String,
) {
    let mut is_empty = true;
    for (nth, item) in items.enumerate() {
        is_empty = false;
        begin(nth, depth, out);
        out.push_str("- ");
        inner(item, named, depth, out);
    }
    if is_empty {
        out.push_str("empty");
    }
}

fn begin(nth: usize, depth: usize, out: &mut String) {
    if nth > 0 {
        out.push('\n');
    }
    out.push_str(&"  ".repeat(depth));
}

/// A part: what has parts itself begins on a line of its own.
fn inner(item: &Value, named: &dyn Fn(Oid) -> String, depth: usize, out: &mut String) {
    let has_parts = match item {
        Value::List(items) => !items.is_empty(),
        Value::Set(items) => !items.is_empty(),
        Value::Map(map) => !map.is_empty(),
        _ => false,
    };
    if has_parts {
        out.push('\n');
    }
    write(item, named, depth + 1, out);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_part_of_a_value_has_its_own_line() {
        let named = |oid: Oid| format!("/at/{oid}");
        let map = Value::Map(BTreeMap::from([
            ("list".into(), Value::List(vec![Value::Int(1), Value::List(vec![true.into()])])),
            ("to".into(), Value::Reference(Oid::from_u128(0x1f))),
        ]));
        assert_eq!(readable(&map, &named), "list: \n  - 1\n  - \n    - yes\nto: /at/o1f");
        assert_eq!(readable(&Value::List(Vec::new()), &named), "empty");
        assert_eq!(readable(&Value::Time(0), &named), "1970-01-01 00:00:00 UTC");
        assert_eq!(readable(&Value::Bytes([0, 255].into()), &named), "2 bytes (00ff…)");
    }
}
