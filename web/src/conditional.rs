//! Conditional requests and ranges: what part of a document a client still needs (RFC 9110, sections 13 and 14).
//!
//! A document in the compressed form has an ETag of its own: the plain one with `-gz` before the closing quote. Either
//! is taken in `If-None-Match`. Ranges are of the plain form only. Several ranges at once are answered with the whole.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE};
use axum::http::{HeaderMap, HeaderValue};

/// What the tag of a compressed form ends with.
const COMPRESSED: &str = "-gz\"";

/// A strong entity tag, with its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Etag(String);

impl Etag {
    /// The tag of these bytes in hexadecimal.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut tag = String::with_capacity(bytes.len() * 2 + 6);
        tag.push('"');
        for byte in bytes {
            tag.push(char::from(HEX[usize::from(byte >> 4)]));
            tag.push(char::from(HEX[usize::from(byte & 15)]));
        }
        tag.push('"');
        Self(tag)
    }

    /// The tag of the compressed form.
    pub(crate) fn compressed(&self) -> Self {
        Self(format!("{}{COMPRESSED}", self.0.trim_end_matches('"')))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn to_header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }

    /// Weak comparison with one entry of a list, compressed or not.
    fn is_matched_by(&self, entry: &str) -> bool {
        let entry = entry.trim();
        let entry = entry.strip_prefix("W/").unwrap_or(entry);
        let plain = entry.strip_suffix(COMPRESSED).map(|start| (start, true)).unwrap_or((entry, false));
        match plain {
            (start, true) => self.0.strip_suffix('"') == Some(start),
            (whole, false) => self.0 == whole,
        }
    }
}

/// What tells one state of a document from another.
#[derive(Clone, Debug)]
pub(crate) struct Validators {
    pub(crate) etag: Etag,
    /// When it last changed, in seconds since 1970; none where the time is not the whole truth, as for pages that
    /// show what they acquire.
    pub(crate) modified_secs: Option<u64>,
}

/// Which part to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    /// From the first byte to the last, both included.
    Range(u64, u64),
    /// The range lies outside of the document.
    Unsatisfiable,
}

/// Whether the client already has this state (304).
pub(crate) fn is_fresh(headers: &HeaderMap, validators: &Validators) -> bool {
    if headers.contains_key(IF_NONE_MATCH) {
        let entries = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        return entries
            .flat_map(|value| value.split(','))
            .any(|entry| entry.trim() == "*" || validators.etag.is_matched_by(entry));
    }
    let (Some(since), Some(modified)) = (headers.get(IF_MODIFIED_SINCE), validators.modified_secs) else {
        return false;
    };
    since.to_str().ok().and_then(parse_date).is_some_and(|since| modified <= since)
}

/// Which part of `bytes` the client wants.
pub(crate) fn part(headers: &HeaderMap, validators: &Validators, bytes: u64) -> Part {
    let Some(range) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else { return Part::Whole };
    if let Some(condition) = headers.get(IF_RANGE) {
        let holds = condition.to_str().is_ok_and(|condition| match parse_date(condition) {
            Some(date) => validators.modified_secs == Some(date),
            None => condition == validators.etag.as_str(),
        });
        if !holds {
            return Part::Whole;
        }
    }
    parse_range(range, bytes)
}

fn parse_range(text: &str, bytes: u64) -> Part {
    let number = |digits: &str| -> Option<u64> {
        let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    let Some(spec) = text.trim().strip_prefix("bytes=").map(str::trim) else { return Part::Whole };
    // A list has a comma; what is not understood is ignored, as the standard asks.
    let Some((first, last)) = spec.split_once('-') else { return Part::Whole };
    match (number(first), number(last), first.is_empty(), last.is_empty()) {
        (None, Some(0), true, _) => Part::Unsatisfiable,
        (None, Some(count), true, _) if bytes > 0 => Part::Range(bytes.saturating_sub(count), bytes - 1),
        (None, Some(_), true, _) => Part::Unsatisfiable,
        (Some(first), None, _, true) if first < bytes => Part::Range(first, bytes - 1),
        (Some(first), Some(last), _, _) if first > last => Part::Whole,
        (Some(first), Some(last), _, _) if first < bytes => Part::Range(first, last.min(bytes - 1)),
        (Some(_), None, _, true) | (Some(_), Some(_), _, _) => Part::Unsatisfiable,
        _ => Part::Whole,
    }
}

fn parse_date(text: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(text).ok()?;
    time.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

/// A time as HTTP writes it.
pub(crate) fn http_date(secs: u64) -> Option<HeaderValue> {
    // The year 9999 is the last that the format can write.
    let time: SystemTime = UNIX_EPOCH.checked_add(Duration::from_secs(secs.min(253_402_300_799)))?;
    HeaderValue::from_str(&httpdate::fmt_http_date(time)).ok()
}

/// Whether the client takes gzip: named with a weight above 0, or by `*`.
pub(crate) fn accepts_gzip(accept_encoding: Option<&HeaderValue>) -> bool {
    let Some(list) = accept_encoding.and_then(|value| value.to_str().ok()) else { return false };
    let mut by_star = false;
    for entry in list.split(',') {
        let (name, weight) = entry.split_once(';').unwrap_or((entry, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        let wanted = weight.parse::<f32>().is_ok_and(|weight| weight > 0.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
                return wanted;
            }
            "*" => by_star = wanted,
            _ => {}
        }
    }
    by_star
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validators() -> Validators {
        Validators { etag: Etag::of_bytes(&[0xab]), modified_secs: Some(784_111_777) }
    }

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_client_is_fresh_if_it_names_the_tag_or_a_time_not_before_the_change() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let before = "Sun, 06 Nov 1994 08:49:36 GMT";
        for (list, fresh) in [
            (&[][..], false),
            (&[("if-none-match", "\"ab\"")][..], true),
            (&[("if-none-match", "W/\"ab\"")], true),
            (&[("if-none-match", "\"ab-gz\"")], true),
            (&[("if-none-match", "\"x\", \"ab\"")], true),
            (&[("if-none-match", "*")], true),
            (&[("if-none-match", "\"abc\"")], false),
            (&[("if-none-match", "ab")], false),
            (&[("if-modified-since", date)], true),
            (&[("if-modified-since", before)], false),
            (&[("if-modified-since", "soon")], false),
            (&[("if-none-match", "\"x\""), ("if-modified-since", date)], false),
        ] {
            assert_eq!(is_fresh(&headers(list), &validators()), fresh, "{list:?}");
        }
    }

    #[test]
    fn one_range_is_served_and_what_is_not_understood_is_the_whole() {
        for (range, expected) in [
            ("bytes=0-0", Part::Range(0, 0)),
            ("bytes=2-5", Part::Range(2, 5)),
            ("bytes=5-", Part::Range(5, 9)),
            ("bytes=5-99", Part::Range(5, 9)),
            ("bytes=-3", Part::Range(7, 9)),
            ("bytes=-99", Part::Range(0, 9)),
            ("bytes=99999999999999999999-", Part::Unsatisfiable),
            ("bytes=10-", Part::Unsatisfiable),
            ("bytes=10-20", Part::Unsatisfiable),
            ("bytes=-0", Part::Unsatisfiable),
            ("bytes=5-2", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("items=0-1", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(part(&headers(&[("range", range)]), &validators(), 10), expected, "{range}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Part::Unsatisfiable);
        assert_eq!(parse_range("bytes=-5", 0), Part::Unsatisfiable);
    }

    #[test]
    fn a_range_under_a_condition_that_fails_is_the_whole() {
        for (condition, expected) in [
            ("\"ab\"", Part::Range(0, 1)),
            ("W/\"ab\"", Part::Whole),
            ("\"ab-gz\"", Part::Whole),
            ("\"x\"", Part::Whole),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Part::Range(0, 1)),
            ("Sun, 06 Nov 1994 08:49:38 GMT", Part::Whole),
        ] {
            let headers = headers(&[("range", "bytes=0-1"), ("if-range", condition)]);
            assert_eq!(part(&headers, &validators(), 10), expected, "{condition}");
        }
    }

    #[test]
    fn gzip_is_taken_where_it_is_named_with_a_weight_or_covered_by_the_star() {
        for (list, accepted) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("br", false),
            ("identity", false),
            ("gzip;q=x", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(Some(&list.parse().unwrap())), accepted, "{list}");
        }
    }
}
