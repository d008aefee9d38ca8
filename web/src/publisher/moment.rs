//! Moments: what may stand behind `@at/`.

use bough_core::Tid;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// The forms that [`Moment::parse`] takes, for people.
pub(crate) const FORMS: &str = "a commit (t652a7c1f9d3e0), a day (2026-11-22, from its first moment, UTC), \
     a time (2026-11-22T10:30 or 2026-11-22T10:30:00, UTC) or a time with its zone (2026-11-22T10:30:00+01:00)";

/// A point in the site's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A commit: what is shown there never changes.
    Commit(Tid),
    /// A time, in microseconds since 1970.
    Time(u64),
}

impl Moment {
    /// Reads a moment in one of the [`FORMS`].
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Ok(tid) = text.parse() {
            return Some(Self::Commit(tid));
        }
        let timestamp = match text.len() {
            10 => midnight(text.parse().ok()?)?,
            16 | 19 if has_t(text) => utc(text.parse().ok()?)?,
            20..=40 if has_t(text) => text.parse().ok()?,
            _ => return None,
        };
        Some(Self::Time(u64::try_from(timestamp.as_microsecond()).unwrap_or(0)))
    }
}

fn has_t(text: &str) -> bool {
    text.as_bytes().get(10) == Some(&b'T')
}

fn midnight(date: Date) -> Option<Timestamp> {
    utc(date.to_datetime(jiff::civil::Time::midnight()))
}

fn utc(time: DateTime) -> Option<Timestamp> {
    time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_days_and_times_are_moments_and_nothing_else_is() {
        let second = 1_000_000;
        for (text, moment) in [
            ("t1f", Some(Moment::Commit(Tid::from_micros(0x1f)))),
            ("1970-01-02", Some(Moment::Time(86_400 * second))),
            ("1970-01-01T00:01", Some(Moment::Time(60 * second))),
            ("1970-01-01T00:00:07", Some(Moment::Time(7 * second))),
            ("1970-01-01T01:00:00Z", Some(Moment::Time(3_600 * second))),
            ("1970-01-01T01:00:00+01:00", Some(Moment::Time(0))),
            ("1970-01-01T00:00:00.5Z", Some(Moment::Time(second / 2))),
            ("1960-01-01", Some(Moment::Time(0))),
            ("", None),
            ("yesterday", None),
            ("2026-13-01", None),
            ("2026-02-30", None),
            ("2026-11-22T25:00", None),
            ("2026-11-22 10:30", None),
            ("t", None),
            ("tzz", None),
        ] {
            assert_eq!(Moment::parse(text), moment, "{text}");
        }
    }
}
