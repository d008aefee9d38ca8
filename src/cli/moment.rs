//! Moments as people type them, and times as they are shown.

use bough::core::Tid;
use bough::{Moment, Site, View};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, Zoned, civil};
use serde::{Deserialize, Serialize};

use super::failure::Failure;

/// `--at`, for commands that read.
#[derive(Debug, Clone, Default, clap::Args, Serialize, Deserialize)]
pub(crate) struct At {
    /// Look at the site as it was: a TID, a time ("2026-11-22 10:30"), or how long ago ("2h ago")
    #[arg(long, value_name = "TID|TIME", value_parser = parse_past)]
    at: Option<When>,
}

/// A moment as it travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum When {
    Tid(u64),
    Micros(u64),
}

impl At {
    /// The site as of that moment; as it is now where none was named.
    pub(crate) fn view(&self, site: &Site) -> Result<View, Failure> {
        match self.at {
            None => Ok(site.now()),
            Some(when) => Ok(site.at(when.moment())?),
        }
    }
}

impl When {
    pub(crate) fn moment(self) -> Moment {
        match self {
            Self::Tid(micros) => Moment::Tid(Tid::from_micros(micros)),
            Self::Micros(micros) => Moment::Micros(micros),
        }
    }
}

/// Reads a tid, a time with or without its zone, a date, or "2h ago".
pub(crate) fn parse(text: &str) -> Result<When, String> {
    if let Ok(tid) = text.parse::<Tid>() {
        return Ok(When::Tid(tid.as_micros()));
    }
    let (_, moment) = parse_times(text).ok_or_else(|| {
        "expected a TID as in `t660db84039ed9`, a time as in `2026-11-22 10:30` or `2026-11-22T10:30:00Z`, \
         or how long ago as in `2h ago`"
            .to_owned()
    })?;
    Ok(When::Micros(u64::try_from(moment.as_microsecond()).unwrap_or(0)))
}

/// The same of what was: nothing that lies ahead.
pub(crate) fn parse_past(text: &str) -> Result<When, String> {
    let when = parse(text)?;
    let begins = parse_times(text).map(|(begins, _)| begins);
    let now = Timestamp::now();
    match begins {
        Some(begins) if begins > now => {
            Err(format!("that lies ahead: it is {} now", local(&format!("{now:.6}"))))
        }
        _ => Ok(when),
    }
}

/// When a text begins and ends: a day and a minute last.
fn parse_times(text: &str) -> Option<(Timestamp, Timestamp)> {
    let point = |moment: Timestamp| Some((moment, moment));
    if text == "now" {
        return point(Timestamp::now());
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return point(moment);
    }
    if let Some(ago) = text.strip_suffix("ago") {
        let span: Span = ago.trim().parse().ok()?;
        return point(Zoned::now().checked_sub(span).ok()?.timestamp());
    }
    let local = |time: civil::DateTime| time.to_zoned(TimeZone::system()).ok().map(|zoned| zoned.timestamp());
    if let Ok(time) = text.parse::<civil::DateTime>() {
        // A minute means its end: what happened in it is seen.
        let is_minute = text.matches(':').count() == 1;
        let is_day = !text.contains(':');
        let end = match (is_day, is_minute) {
            (true, _) => SignedDuration::from_secs(86_399),
            (_, true) => SignedDuration::from_secs(59),
            _ => SignedDuration::ZERO,
        };
        let has_fraction = text.contains('.');
        let end = if has_fraction { end } else { end + SignedDuration::from_micros(999_999) };
        return Some((local(time)?, local(time.checked_add(end).ok()?)?));
    }
    None
}

/// A time for programs: RFC 3339 in UTC.
pub(crate) fn rfc3339(micros: u64) -> String {
    let moment = i64::try_from(micros).ok().and_then(|micros| Timestamp::from_microsecond(micros).ok());
    moment.map_or_else(|| format!("{micros} microseconds after 1970"), |moment| format!("{moment:.6}"))
}

/// A time for people, from its form for programs: local, with the distance from UTC.
pub(crate) fn local(rfc3339: &str) -> String {
    match rfc3339.parse::<Timestamp>() {
        Ok(moment) => moment.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%:z").to_string(),
        Err(_) => rfc3339.to_owned(),
    }
}

/// The same in the zone of that name; in UTC where none is named.
pub(crate) fn in_zone(rfc3339: &str, zone: &str) -> String {
    let found = if zone.is_empty() { Ok(TimeZone::UTC) } else { TimeZone::get(zone) };
    match (rfc3339.parse::<Timestamp>(), found) {
        (Ok(moment), Ok(zone)) => moment.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S%:z").to_string(),
        _ => local(rfc3339),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tids_times_and_distances_are_moments_and_nothing_else() {
        assert_eq!(parse("t1f"), Ok(When::Tid(0x1f)));
        assert_eq!(parse("1970-01-01T00:00:01Z"), Ok(When::Micros(1_000_000)));
        for good in ["2026-11-22", "2026-11-22 10:30", "2026-11-22T10:30:05", "2h ago", "3 days ago", "now"] {
            assert!(parse(good).is_ok(), "`{good}` was refused");
        }
        for bad in ["", "yesterday-ish", "10:30", "t", "2h"] {
            assert!(parse(bad).is_err(), "`{bad}` was taken");
        }
    }

    #[test]
    fn a_day_and_a_minute_are_seen_from_their_ends() {
        let micros = |text| match parse(text) {
            Ok(When::Micros(micros)) => micros,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(micros("2026-11-22") % 1_000_000, 999_999);
        assert_eq!(micros("2026-11-22 23:59"), micros("2026-11-22"));
        assert_eq!(rfc3339(1_500_000), "1970-01-01T00:00:01.500000Z");
    }
}
