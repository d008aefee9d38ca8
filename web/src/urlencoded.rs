//! Names and values as queries and forms write them (`application/x-www-form-urlencoded`).

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Most pairs that are read; the rest is left out.
const PAIRS_MAX: usize = 1_000;

/// The values by name, decoded, in the order in which they were written.
pub(crate) fn pairs(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()).take(PAIRS_MAX) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        all.entry(decode(key)).or_default().push(decode(value));
    }
    all
}

/// The names and values, decoded, as they were written.
pub(crate) fn list(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(PAIRS_MAX);
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(key, value)| (decode(key), decode(value))).collect()
}

/// Decodes a name or value; what is not UTF-8 becomes a mark that shows so.
fn decode(text: &str) -> String {
    let spaced: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}
