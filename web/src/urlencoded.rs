//! Names and values as queries and forms write them (`application/x-www-form-urlencoded`).

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Most pairs that are read of a query; the rest is left out.
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

/// The names and values, decoded, as they were written; none where there are more than `most`.
pub(crate) fn list(text: &str, most: usize) -> Option<Vec<(String, String)>> {
    let pairs = || text.split('&').filter(|pair| !pair.is_empty());
    if pairs().nth(most).is_some() {
        return None;
    }
    let pairs = pairs().map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    Some(pairs.map(|(key, value)| (decode(key), decode(value))).collect())
}

/// Decodes a name or value; what is not UTF-8 becomes a mark that shows so.
fn decode(text: &str) -> String {
    let spaced: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}
