//! Strict JSON: what could be read in two ways is refused.
//!
//! An object that names a member twice, a number that no `f64` can hold and text that is no UTF-8 are errors, with the
//! line and the column. So is what is nested deeper than anything that is asked for here.

use std::fmt;

use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json};

use crate::problem::{Code, Problem};

/// Reads a body as `T`.
///
/// # Errors
/// When it is no JSON, names a member twice, or is not what is expected.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let refused = |error: serde_json::Error| {
        Problem::new(Code::Json, format!("cannot read the body: {}", in_words(&error.to_string())))
            .with("line", error.line())
            .with("column", error.column())
    };
    // The first pass refuses what the second would read in one of two ways.
    serde_json::from_slice::<Strict>(bytes).map_err(refused)?;
    serde_json::from_slice(bytes).map_err(refused)
}

/// What is wrong, without the names of our types.
fn in_words(text: &str) -> String {
    for what in ["expected struct ", "expected internally tagged enum ", "expected enum "] {
        if let Some((before, after)) = text.split_once(what) {
            let after = after.trim_start_matches(|char: char| char.is_alphanumeric() || char == '_');
            let kind = if what.contains("enum") { "a text" } else { "an object" };
            return format!("{before}expected {kind}{after}");
        }
    }
    text.to_owned()
}

/// Any JSON in which no member is named twice.
pub(super) struct Strict(Json);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict(Json::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
        let mut all = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Strict(all.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Strict, A::Error> {
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if all.contains_key(&name) {
                let shown: String = name.chars().take(60).collect();
                return Err(A::Error::custom(format!("the member `{shown}` is there twice")));
            }
            let Strict(value) = members.next_value()?;
            all.insert(name, value);
        }
        Ok(Strict(all.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_json_is_refused_with_its_place() {
        let deep = "[".repeat(100_000);
        let deep_objects = "{\"a\":".repeat(100_000);
        for (text, place) in [
            (&b"{\"a\": 1, \"a\": 2}"[..], "twice"),
            (b"{\"a\": {\"b\": 1, \"b\": 2}}", "twice"),
            (b"{\"a\": NaN}", "line 1 column 7"),
            (b"{\"a\": 1e999}", "line 1 column"),
            (b"{\"a\": \"\xff\"}", "line 1 column"),
            (b"{\"a\": \"\\ud800\"}", "line 1 column"),
            (b"\xef\xbb\xbf{}", "line 1 column"),
            (b"", "line 1 column 0"),
            (b"{} x", "line 1 column 4"),
            (deep.as_bytes(), "line 1 column"),
            (deep_objects.as_bytes(), "line 1 column"),
        ] {
            let problem = read::<Json>(text).unwrap_err();
            assert!(problem.detail().contains(place), "{problem}");
        }
        assert_eq!(read::<Json>(b"{\"a\": [1, -2.5, \"x\", null, true]}").unwrap()["a"][1], -2.5);
    }
}
