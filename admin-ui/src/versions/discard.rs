//! Throwing away what a version changed: some of it, or all of it. First what goes, then the going.

use askama::Template;
use axum::http::StatusCode;
use bough_core::Oid;
use bough_store::LineStatus;
use bough_store::version::{Pick, VersionError};
use bough_web::pages::{PageAnswer, PageError};

use super::at::{At, Head};
use super::list::sentence;
use super::standing::Standing;
use crate::frame::Frame;
use crate::{message, page, text};

/// How many parts of a version one request names.
pub(super) const PICKS_MAX: usize = 500;
/// How many of the objects that go are named.
const NAMED_MAX: usize = 200;
/// How many are counted of a whole version.
const COUNTED_MAX: usize = 2_000;

#[derive(Template)]
#[template(path = "versions_discard.html")]
struct DiscardPage {
    frame: Frame,
    head: Head,
    wrong: Option<String>,
    /// What was ticked, as fields; none for the whole version.
    picks: Vec<(&'static str, String)>,
    what: String,
    gone: Vec<Gone>,
    more: usize,
    on_it: Vec<String>,
    url: String,
}

struct Gone {
    path: String,
    comes_along: bool,
}

/// What a form or an address names: objects (`pick`), and folders with all that changed in them (`below`).
pub(super) fn picked<'t>(
    objects: impl Iterator<Item = &'t str>,
    folders: impl Iterator<Item = &'t str>,
) -> Result<Vec<Pick>, PageError> {
    let oids = |texts: Vec<Oid>| texts.into_iter().collect::<std::collections::BTreeSet<Oid>>();
    let (objects, folders) = (
        oids(objects.filter_map(|text| text.parse().ok()).collect()),
        oids(folders.filter_map(|text| text.parse().ok()).collect()),
    );
    if objects.len() + folders.len() > PICKS_MAX {
        return Err(PageError::refused(format!("Tick {PICKS_MAX} objects at most, or whole folders.")));
    }
    Ok(folders.into_iter().map(Pick::Below).chain(objects.into_iter().map(Pick::Object)).collect())
}

/// The same as fields of a form.
pub(super) fn fields(picks: &[Pick]) -> Vec<(&'static str, String)> {
    let field = |pick: &Pick| match pick {
        Pick::Below(oid) => ("below", oid.to_string()),
        Pick::Object(oid) | Pick::Cell(oid, _) => ("pick", oid.to_string()),
    };
    picks.iter().map(field).collect()
}

/// What an address names; none where only some was to be, and nothing is ticked.
pub(super) fn asked(at: &At<'_>) -> Result<Option<Vec<Pick>>, PageError> {
    let all = |key: &str| at.request.query_all(key).iter().map(String::as_str);
    let picks = picked(all("pick"), all("below"))?;
    Ok((!picks.is_empty() || at.request.query("part").is_none()).then_some(picks))
}

/// "Look there": at the changes, to tick some.
pub(super) fn nothing_ticked(at: &At<'_>) -> PageAnswer {
    PageAnswer::SeeOther(at.url(&[]) + "?ticked=none")
}

/// `@@manage/versions/NAME/discard`.
pub(super) fn answer(at: &At<'_>) -> Result<PageAnswer, PageError> {
    let request = at.request;
    if request.is_post() {
        let form = request.form()?;
        let picks = picked(form.all("pick"), form.all("below"))?;
        return match picks.is_empty() {
            true => {
                at.require_management().and_then(|()| discard_whole(at, form.get("despite_others") == "yes"))
            }
            false => discard_part(at, &picks),
        };
    }
    match asked(at)? {
        Some(picks) => {
            if picks.is_empty() {
                at.require_management()?;
            }
            show(at, &picks, None, &[])
        }
        None => Ok(nothing_ticked(at)),
    }
}

fn show(
    at: &At<'_>,
    picks: &[Pick],
    wrong: Option<String>,
    on_it: &[String],
) -> Result<PageAnswer, PageError> {
    let (mut gone, mut more, mut what) = (Vec::new(), 0, String::new());
    let mut wrong = wrong;
    if picks.is_empty() {
        let standing = Standing::of(&at.database, &at.info, COUNTED_MAX, 1)?;
        what = standing.changes_text();
    } else {
        match at.database.discard_part(picks, true, at.note("")) {
            Ok(discarded) => {
                for oid in discarded.objects.iter().take(NAMED_MAX) {
                    let comes_along = discarded.along.contains(oid);
                    gone.push(Gone { path: at.name(*oid)?, comes_along });
                }
                more = discarded.objects.len().saturating_sub(NAMED_MAX);
                what = text::counted(discarded.objects.len() as u64, "object", "objects");
            }
            Err(
                error @ (VersionError::NothingSelected
                | VersionError::Incomplete(_)
                | VersionError::Status { .. }),
            ) => wrong = Some(sentence(&error)),
            Err(error) => return Err(at.request.told(error)),
        }
    }
    let status = if wrong.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    let page = DiscardPage {
        frame: at.frame("Discard")?,
        head: at.head(if picks.is_empty() { "settings" } else { "" })?,
        wrong,
        picks: fields(picks),
        what,
        gone,
        more,
        on_it: on_it.to_vec(),
        url: at.url(&[]),
    };
    page::show_as(status, &page)
}

fn discard_part(at: &At<'_>, picks: &[Pick]) -> Result<PageAnswer, PageError> {
    at.request.require_discard(&at.database, picks)?;
    let what = match picks {
        [Pick::Object(only) | Pick::Cell(only, _)] => format!("the changes of {}", at.name(*only)?),
        [Pick::Below(only)] => format!("all changes below {}", at.name(*only)?),
        many if many.iter().any(|pick| matches!(pick, Pick::Below(_))) => "a part of the changes".into(),
        many => format!("the changes of {}", text::counted(many.len() as u64, "object", "objects")),
    };
    let note = at.note(format!("Discarded {what} in version {}", at.info.name));
    match at.database.discard_part(picks, false, note) {
        Ok(discarded) => Ok(message::done(&at.url_in_version(&[])?, discarded.tid)),
        Err(error @ (VersionError::NothingSelected | VersionError::Incomplete(_))) => {
            show(at, picks, Some(sentence(&error)), &[])
        }
        Err(error) => Err(at.request.told(error)),
    }
}

fn discard_whole(at: &At<'_>, despite_others: bool) -> Result<PageAnswer, PageError> {
    if at.info.status == LineStatus::Discarded {
        return Ok(message::done(&at.url(&["settings"]), None));
    }
    match at.database.discard(despite_others, at.note(format!("Discarded version {}", at.info.name))) {
        // The version's own line is shown no more: the page is on the public one.
        Ok(tid) => {
            let line = (None, at.request.trunk());
            let key = super::at::key_of(at.request.trunk(), &at.info)?;
            let url = at.request.page_url_on(line, Oid::ROOT, &["versions", &key, "settings"])?;
            Ok(message::done(&url, Some(tid)))
        }
        Err(VersionError::HasVersions(on_it)) => {
            let wrong = "Other versions lie on this one. Discard or merge them first, or say that they stay.";
            show(at, &[], Some(wrong.into()), &on_it)
        }
        Err(error) => Err(at.request.told(error)),
    }
}
