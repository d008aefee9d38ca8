//! When a task is due: a text, a time zone, and the next moment after another.
//!
//! | text | due |
//! |---|---|
//! | empty | never by itself |
//! | `once 2026-12-01T08:00` | at that time |
//! | `at 08:00` | every day at that time |
//! | `every 10m` | at each multiple of that since the beginning of 1970, in UTC; also `90s`, `2h`, `7d` |
//! | `cron 0 8 * * 1` | as cron has it: minute, hour, day, month, day of the week |
//!
//! Times are local to the zone. A time that a day leaves out, as clocks go forward, is taken as that much later; one
//! that comes twice is its first. A schedule by cron that names hours keeps to that, too; one with `*` as its hour goes by
//! the clock on the wall.
//!
//! Pure: no clock is asked here.

use std::str::FromStr as _;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// Longest text.
const TEXT_BYTES_MAX: usize = 200;
/// The closest that two runs may be due: each is a commit.
const EVERY_SECS_MIN: u64 = 10;
const EVERY_SECS_MAX: u64 = 366 * 86_400;
/// What the fields of a schedule by cron hold.
const CRON_FIELDS: &str = "minute 0-59, hour 0-23, day 1-31, month 1-12, day of the week 0-7; each a number, `*`, `1,2`, \
     `1-5` or `*/10`";
/// How far ahead is looked for a time by cron, in years: a leap day can be eight years away.
const YEARS_AHEAD: i64 = 9;

/// When a task is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Only when somebody says so.
    OnDemand,
    Once(DateTime),
    Daily(Time),
    /// Each time that so many seconds went by.
    EverySecs(u64),
    Cron(Box<Cron>),
}

/// Why a text says no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WhenError {
    #[error(
        "`{0}` is no time for a task: write `at 08:00`, `every 10m`, `once 2026-12-01T08:00` or `cron 0 8 * * 1`"
    )]
    Unknown(String),
    #[error("`{0}` comes too often or too seldom: every 10s to 366d")]
    Interval(String),
    #[error("`{text}` is no schedule of cron: {problem}")]
    Cron { text: String, problem: String },
    #[error("there is no time zone `{0}`: it is written as in Europe/Berlin")]
    Zone(String),
}

impl When {
    /// Reads a text; spaces at its ends do not count.
    pub(crate) fn parse(text: &str) -> Result<Self, WhenError> {
        let text = text.trim();
        let unknown = || WhenError::Unknown(text.chars().take(60).collect());
        if text.is_empty() {
            return Ok(Self::OnDemand);
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(unknown());
        }
        let (word, rest) = text.split_once(char::is_whitespace).ok_or_else(unknown)?;
        let rest = rest.trim();
        match word {
            "once" => time(rest, DateTime::from_str).map(Self::Once).ok_or_else(unknown),
            "at" => time(rest, Time::from_str).map(Self::Daily).ok_or_else(unknown),
            "every" => every(rest).ok_or_else(unknown)?,
            "cron" => cron(rest),
            _ => Err(unknown()),
        }
    }

    /// The first moment after `after`, both in microseconds since 1970; none where there is none any more.
    pub(crate) fn next(&self, zone: &TimeZone, after: u64) -> Option<u64> {
        let from = Timestamp::from_microsecond(i64::try_from(after).ok()?).ok()?;
        let found = match self {
            Self::OnDemand => return None,
            Self::Once(time) => zone.to_timestamp(*time).ok()?,
            Self::Daily(time) => {
                let today = zone.to_datetime(from).date();
                // A zone can leave a whole day out, which then begins with the next.
                let days = [Ok(today), today.tomorrow(), today.checked_add(2.days())];
                let at =
                    days.into_iter().filter_map(|day| zone.to_timestamp(day.ok()?.to_datetime(*time)).ok());
                at.into_iter().find(|at| *at > from)?
            }
            Self::EverySecs(secs) => {
                let micros = secs * 1_000_000;
                return (after / micros).checked_add(1)?.checked_mul(micros);
            }
            Self::Cron(cron) => {
                let from = from.to_zoned(zone.clone());
                let found = cron.find_next_occurrence(&from, false).ok()?;
                if found > from.checked_add(YEARS_AHEAD.years()).ok()? {
                    return None;
                }
                found.timestamp()
            }
        };
        (found > from).then(|| u64::try_from(found.as_microsecond()).ok())?
    }
}

/// A time as people write it: in digits, with nothing behind.
fn time<T, E>(text: &str, parse: impl Fn(&str) -> Result<T, E>) -> Option<T> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || b":-T ".contains(&byte));
    // A date alone would be read as its midnight.
    (is_plain && text.contains(':')).then(|| parse(text).ok())?
}

fn every(text: &str) -> Option<Result<When, WhenError>> {
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_lowercase());
    let number: u64 =
        Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let secs = number.checked_mul(unit).filter(|secs| (EVERY_SECS_MIN..=EVERY_SECS_MAX).contains(secs));
    Some(secs.map(When::EverySecs).ok_or_else(|| WhenError::Interval(format!("every {text}"))))
}

fn cron(text: &str) -> Result<When, WhenError> {
    let refused = |problem: String| WhenError::Cron { text: text.chars().take(60).collect(), problem };
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    if text.split_whitespace().count() != 5 {
        return Err(refused("it has five fields: minute, hour, day, month, day of the week".into()));
    }
    let cron = parser.parse(text).map_err(|_| refused(CRON_FIELDS.into()))?;
    Ok(When::Cron(Box::new(cron)))
}

/// The time zone of that name; UTC where there is none.
pub(crate) fn zone(name: &str) -> Result<TimeZone, WhenError> {
    let name = name.trim();
    let is_plain =
        name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte));
    match name {
        "" => Ok(TimeZone::UTC),
        _ if is_plain => TimeZone::get(name).map_err(|_| WhenError::Zone(name.to_owned())),
        _ => Err(WhenError::Zone(name.chars().take(64).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: &str = "Europe/Berlin";

    fn micros(text: &str) -> u64 {
        text.parse::<Timestamp>().unwrap().as_microsecond() as u64
    }

    /// The moments after one another, in UTC; fewer than asked for where there are no more.
    fn following(text: &str, zone_name: &str, after: &str, count: usize) -> Vec<String> {
        let (when, zone) = (When::parse(text).unwrap(), zone(zone_name).unwrap());
        let mut at = micros(after);
        let mut found = Vec::new();
        while found.len() < count
            && let Some(next) = when.next(&zone, at)
        {
            assert!(next > at, "{text}");
            found.push(Timestamp::from_microsecond(next as i64).unwrap().to_string());
            at = next;
        }
        found
    }

    #[test]
    fn each_kind_of_schedule_has_its_next_moments() {
        for (text, zone, after, expected) in [
            ("", BERLIN, "2026-06-01T00:00:00Z", &[][..]),
            ("once 2026-12-01T08:00", BERLIN, "2026-06-01T00:00:00Z", &["2026-12-01T07:00:00Z"]),
            ("once 2026-12-01 08:00:30", "", "2026-06-01T00:00:00Z", &["2026-12-01T08:00:30Z"]),
            ("once 2026-12-01T08:00", "", "2026-12-01T08:00:00Z", &[]),
            ("at 08:00", BERLIN, "2026-06-01T05:59:59Z", &["2026-06-01T06:00:00Z", "2026-06-02T06:00:00Z"]),
            ("at 08:00", BERLIN, "2026-06-01T06:00:00Z", &["2026-06-02T06:00:00Z", "2026-06-03T06:00:00Z"]),
            // Their day is another than that of UTC.
            (
                "at 01:00",
                "Pacific/Auckland",
                "2026-06-01T12:30:00Z",
                &["2026-06-01T13:00:00Z", "2026-06-02T13:00:00Z"],
            ),
            (
                "every 10m",
                BERLIN,
                "2026-06-01T00:09:59.5Z",
                &["2026-06-01T00:10:00Z", "2026-06-01T00:20:00Z"],
            ),
            ("every 1d", BERLIN, "2026-06-01T00:00:00Z", &["2026-06-02T00:00:00Z", "2026-06-03T00:00:00Z"]),
            ("cron 0 8 * * 1", "", "2026-06-01T08:00:00Z", &["2026-06-08T08:00:00Z", "2026-06-15T08:00:00Z"]),
            (
                "cron */20 9-10 * * MON-FRI",
                BERLIN,
                "2026-06-05T08:20:00Z",
                &["2026-06-05T08:40:00Z", "2026-06-08T07:00:00Z"],
            ),
            // The ends of months, and leap days.
            (
                "cron 0 0 31 * *",
                "",
                "2026-01-31T00:00:00Z",
                &["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"],
            ),
            ("cron 0 0 L * *", "", "2026-01-31T00:00:00Z", &["2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"]),
            (
                "cron 0 0 29 2 *",
                "",
                "2026-06-01T00:00:00Z",
                &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"],
            ),
            ("cron 0 0 30 2 *", "", "2026-06-01T00:00:00Z", &[]),
        ] {
            assert_eq!(following(text, zone, after, 2), expected, "{text} in `{zone}` after {after}");
        }
    }

    /// Clocks in Berlin went from 02:00 to 03:00 on 29 March 2026, and from 03:00 to 02:00 on 25 October.
    #[test]
    fn what_clocks_leave_out_comes_later_and_what_comes_twice_is_done_once() {
        for (text, after, expected) in [
            ("at 02:30", "2026-03-28T12:00:00Z", ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]),
            ("at 02:30", "2026-10-24T12:00:00Z", ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
            ("at 03:00", "2026-10-24T12:00:00Z", ["2026-10-25T02:00:00Z", "2026-10-26T02:00:00Z"]),
            ("once 2026-03-29T02:30", "2026-03-28T12:00:00Z", ["2026-03-29T01:30:00Z", ""]),
            ("once 2026-10-25T02:30", "2026-03-28T12:00:00Z", ["2026-10-25T00:30:00Z", ""]),
            ("every 1h", "2026-10-25T00:30:00Z", ["2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"]),
            ("cron 30 2 * * *", "2026-10-24T12:00:00Z", ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
            ("cron 30 * * * *", "2026-10-25T00:00:00Z", ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]),
            ("cron 30 2 * * *", "2026-03-28T12:00:00Z", ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]),
        ] {
            let expected: Vec<&str> = expected.into_iter().filter(|moment| !moment.is_empty()).collect();
            assert_eq!(following(text, BERLIN, after, 2), expected, "{text} after {after}");
        }
    }

    #[test]
    fn a_text_that_says_no_time_is_refused_whatever_it_is() {
        let long = "9".repeat(5_000);
        for text in [
            "08:00",
            "at",
            "at 8",
            "at 25:00",
            "at 08:00+02:00",
            "at 08:00[UTC]",
            "once",
            "once 08:00",
            "once 2026-12-01",
            "once 2026-13-01T08:00",
            "once 99999-01-01T08:00",
            "every",
            "every 10",
            "every m",
            "every 0m",
            "every -1m",
            "every 9s",
            "every 367d",
            "every 99999999999999999999d",
            "every 1.5h",
            "cron",
            "cron * * * *",
            "cron * * * * * *",
            "cron 60 * * * *",
            "cron */0 * * * *",
            "cron @daily",
            "cron ? # L W 9",
            "weekly",
            "at\u{0}08:00",
            "é ü",
            "at é",
            &format!("every {long}s"),
            &format!("cron {long} * * * *"),
            &long,
        ] {
            let said = When::parse(text).expect_err(text).to_string();
            assert!(said.len() < 300 && said.contains('`'), "{said}");
        }
        for name in ["Nowhere/Town", "../../etc/passwd", "/etc/localtime", "UTC0", &long, "Europe/\u{0}"] {
            assert!(zone(name).is_err(), "{name}");
        }
    }

    #[test]
    fn moments_at_the_ends_of_time_are_none_or_later_ones() {
        for text in
            ["once 9999-12-30T08:00", "at 08:00", "every 366d", "cron 0 8 * * 1", "cron 59 23 31 12 *"]
        {
            let when = When::parse(text).unwrap();
            for after in [0, 1, u64::MAX, i64::MAX as u64, 253_402_207_200_000_000, 253_402_207_199_000_000] {
                assert!(
                    when.next(&TimeZone::UTC, after).is_none_or(|next| next > after),
                    "{text} after {after}"
                );
            }
        }
    }
}
