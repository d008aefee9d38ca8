//! How things are written for people: times, sizes, counts, kinds.

use bough_core::{Object, Snapshot, Value};
use jiff::Timestamp;

/// A time as pages write it: for the machine, and for people in UTC. A script shows it in the reader's own zone.
pub(crate) struct Time {
    pub(crate) iso: String,
    pub(crate) utc: String,
}

impl Time {
    /// Of microseconds since 1970.
    pub(crate) fn of_micros(micros: u64) -> Self {
        let time = i64::try_from(micros).ok().and_then(|micros| Timestamp::from_microsecond(micros).ok());
        match time {
            Some(time) => Self {
                iso: time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                utc: time.strftime("%Y-%m-%d %H:%M").to_string(),
            },
            None => Self { iso: String::new(), utc: "at an unknown time".into() },
        }
    }
}

/// A length in bytes, as people write it: three digits at most.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["bytes", "KB", "MB", "GB"] {
        if size < 999.5 {
            return match unit {
                "bytes" if bytes == 1 => "1 byte".into(),
                "bytes" => format!("{bytes} bytes"),
                _ if size < 9.95 => format!("{size:.1} {unit}"),
                _ => format!("{size:.0} {unit}"),
            };
        }
        size /= 1000.0;
    }
    format!("{size:.1} TB")
}

/// `1 object`, `2 objects`, `12,345 objects`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// A number with its digits in threes.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// What people call an object: its title, else its name; the root without either is the site.
pub(crate) fn title(snapshot: &impl Snapshot, object: &Object) -> String {
    let title = bough_core::snapshot::attribute(snapshot, object, "title").ok().flatten();
    match (title.as_ref().and_then(Value::as_text).filter(|title| !title.trim().is_empty()), object.place()) {
        (Some(title), _) => shortened(title, 120),
        (None, Some(place)) => place.name.to_string(),
        (None, None) => "Site".into(),
    }
}

/// A text in one line of at most so many characters.
pub(crate) fn shortened(text: &str, chars_max: usize) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = chars.by_ref().take(chars_max).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// A text of at most so many characters, in its lines.
pub(crate) fn shortened_lines(text: &str, chars_max: usize) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(chars_max).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// The icon that stands for objects of a type.
pub(crate) fn icon(type_name: Option<&str>) -> &'static str {
    match type_name.unwrap_or_default() {
        "folder" => "folder",
        "page" => "page",
        "template" => "template",
        "image" => "image",
        "link" => "link",
        "users" | "group" => "users",
        "user" => "user",
        "file" => "file",
        _ => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_counts_and_times_read_well() {
        for (size, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 KB"),
            (9_940, "9.9 KB"),
            (12_300, "12 KB"),
            (999_400, "999 KB"),
            (999_600, "1.0 MB"),
            (5_000_000_000, "5.0 GB"),
            (7_000_000_000_000, "7.0 TB"),
        ] {
            assert_eq!(bytes(size), text);
        }
        assert_eq!(counted(1, "object", "objects"), "1 object");
        assert_eq!(counted(1_234_567, "object", "objects"), "1,234,567 objects");
        assert_eq!((grouped(0), grouped(999), grouped(1000)), ("0".into(), "999".into(), "1,000".into()));
        assert_eq!(Time::of_micros(0).utc, "1970-01-01 00:00");
        assert_eq!(Time::of_micros(u64::MAX).utc, "at an unknown time");
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_have_one_line() {
        assert_eq!(shortened("a\nb", 9), "a b");
        assert_eq!(shortened("äöüß", 3), "äöü…");
        assert_eq!(shortened("äöü", 3), "äöü");
    }
}
