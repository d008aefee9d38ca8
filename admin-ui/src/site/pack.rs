//! Forgetting history: looked at first, then confirmed.
//!
//! # Invariants
//! - Nothing is forgotten but what a look at it, which is still there, has shown.

use bough_core::Tid;
use bough_store::PackReport;
use bough_web::pages::{PageAnswer, PageError, PageRequest};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::{about, clock};
use crate::site::backups::BackupForm;
use crate::tasks::{End, Failed, Job, Outcome, Packed};
use crate::{AdminUi, tasks, text};

/// How far back a site can be seen and undone, where nobody says otherwise, in days.
const DAYS_KEPT: i64 = 90;

/// The form that asks what a pack would do.
pub(super) struct PackForm {
    pub(super) url: String,
    /// The day, as browsers write it.
    pub(super) day: String,
    pub(super) today: String,
    pub(super) error: Option<String>,
}

impl PackForm {
    pub(super) fn new(request: &PageRequest, refused: Option<(String, String)>) -> Self {
        let today = today(request);
        let default = today.checked_sub(DAYS_KEPT.days()).unwrap_or(today).to_string();
        let (day, error) = refused.map_or((default, None), |(day, error)| (day, Some(error)));
        Self { url: request.top_url(&["site", "pack"]), day, today: today.to_string(), error }
    }
}

fn today(request: &PageRequest) -> Date {
    let now = i64::try_from(request.trunk().now_micros()).ok();
    let now = now.and_then(|micros| Timestamp::from_microsecond(micros).ok()).unwrap_or_default();
    now.to_zoned(TimeZone::UTC).date()
}

/// The beginning of a day, in microseconds since 1970.
fn beginning(day: &str, today: Date) -> Result<u64, &'static str> {
    let day: Date = day.parse().map_err(|_| "Choose a day, as in 2026-03-31.")?;
    if day > today {
        return Err("Choose a day that is not in the future.");
    }
    let zoned = day.to_zoned(TimeZone::UTC).map_err(|_| "Choose a day after 1970.")?;
    u64::try_from(zoned.timestamp().as_microsecond()).map_err(|_| "Choose a day after 1970.")
}

/// Finds out what a pack would do.
pub(super) fn look(ui: &AdminUi, request: &PageRequest) -> Result<PageAnswer, PageError> {
    let day = request.form()?.get("before").trim().to_owned();
    let micros = match beginning(&day, today(request)) {
        Ok(micros) => micros,
        Err(error) => {
            let form = PackForm::new(request, Some((day, error.to_owned())));
            return super::show(ui, request, form, BackupForm::new(request, None));
        }
    };
    let database = request.trunk().clone();
    let before = database.tid_at(micros)?;
    let about = about(request, Job::LookAtPack, format!("What forgetting history before {day} would do"));
    let begun = ui.tasks.start(about, clock(request), move |progress| {
        let looked = database.pack(before, true, &mut |done, total| progress.tell(done, total));
        let report = looked.map_err(|error| Failed::because("It could not be found out.", &error))?;
        Ok(outcome(before, report, true))
    });
    tasks::begun(request, begun)
}

/// Does what a look at it has shown.
pub(super) fn pack(ui: &AdminUi, request: &PageRequest) -> Result<PageAnswer, PageError> {
    let looked = ui.tasks.find(request.form()?.get("task"));
    let packed = looked.as_deref().and_then(|task| match task.end() {
        Some(End::Done(outcome)) if task.about.job == Job::LookAtPack => outcome.packed.clone(),
        _ => None,
    });
    let Some(Packed { before, report: promised }) = packed else {
        return Err(PageError::refused(
            "look first at what would be forgotten: what was shown is not there any more",
        ));
    };
    let database = request.trunk().clone();
    let about = about(request, Job::Pack, "Forgetting history");
    let begun = ui.tasks.start(about, clock(request), move |progress| {
        // Not more than was shown, also where a version that held something back was closed meanwhile.
        let before = before.min(promised.horizon);
        let packed = database.pack(before, false, &mut |done, total| progress.tell(done, total));
        let report = packed.map_err(|error| Failed::because("Not all of it could be forgotten.", &error))?;
        Ok(outcome(before, report, false))
    });
    tasks::begun(request, begun)
}

fn outcome(before: Tid, report: PackReport, is_look: bool) -> Outcome {
    let is_nothing = report.records_dropped == 0 && report.bytes_freed == 0;
    let sentence = match (is_nothing, is_look) {
        (true, _) => "There is nothing to forget.".to_owned(),
        (false, true) => format!(
            "It would free {} of {}.",
            text::bytes(report.bytes_freed),
            text::bytes(report.bytes_before)
        ),
        (false, false) => {
            format!("It freed {} of {}.", text::bytes(report.bytes_freed), text::bytes(report.bytes_before))
        }
    };
    Outcome {
        sentence,
        facts: if is_nothing {
            Vec::new()
        } else {
            vec![
                ("Earlier states of objects that go", text::grouped(report.records_dropped)),
                ("Deleted objects that go for good", text::grouped(report.objects_dropped)),
                ("Contents that go", text::grouped(report.contents_dropped)),
                ("Space that becomes free", text::bytes(report.bytes_freed)),
            ]
        },
        packed: Some(Packed { before, report }),
        ..Outcome::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_beginning_and_not_in_the_future() {
        let today: Date = "2026-11-22".parse().unwrap();
        assert_eq!(beginning("1970-01-02", today), Ok(86_400_000_000));
        assert!(beginning("2026-11-22", today).is_ok());
        for wrong in ["2026-11-23", "1969-12-31", "", "yesterday", "2026-02-30", "-9999-01-01"] {
            assert!(beginning(wrong, today).is_err(), "{wrong}");
        }
    }
}
