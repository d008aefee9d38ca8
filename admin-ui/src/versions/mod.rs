//! Versions: made, entered and left, looked through, brought up to date, merged, and shown by preview links.
//!
//! All of it is at `@@manage/versions` of `/`, on any line: the addresses name the version. Reading order: `at` (the
//! version that a page is about, and how things of it are named), `list`, `changes`, `plan` (update and merge), `pages`
//! (what a merge makes different), `desk`, `alike` and `conflict` (what stands against them, settled together or one by
//! one; `own`: by a value of one's own), `links`, `settings`.
//!
//! # Invariants
//! - Whoever asks may use versions (`VERSIONS` at `/`); what a merge writes is judged by his warrant.
//! - What he may not see is counted and not named.
//! - Nothing costs by the commits of the public site; what costs by all that a version holds are only the plans of an
//!   update and a merge, which need it.

mod alike;
mod at;
mod changes;
mod conflict;
mod desk;
mod discard;
mod links;
mod list;
mod naming;
mod own;
mod pages;
mod plan;
mod settings;
mod shown;
mod standing;

use axum::http::StatusCode;
use bough_core::Oid;
use bough_core::security::permission::VERSIONS;
use bough_store::LineStatus;
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use self::at::At;
pub(crate) use self::standing::{Standing, open_conflicts, parent_text};

/// What stands in addresses now for a version that was called so.
fn renamed(request: &PageRequest, name: &str) -> Result<Option<String>, PageError> {
    let Some(version) = request.trunk().version_once_named(name)? else { return Ok(None) };
    at::key_of(request.trunk(), &version.version_info()?).map(Some)
}

/// How the version stands in which somebody works, and where it can be opened again; none where it is open.
pub(crate) fn ended(request: &PageRequest) -> Result<Option<(LineStatus, String)>, PageError> {
    if request.version_name().is_none() {
        return Ok(None);
    }
    let info = request.database().version_info()?;
    if info.status == LineStatus::Open {
        return Ok(None);
    }
    let key = at::key_of(request.trunk(), &info)?;
    let line = (None, request.trunk());
    let settings = request.page_url_on(line, Oid::ROOT, &["versions", &key, "settings"])?;
    Ok(Some((info.status, settings)))
}

/// Below `@@manage/versions`.
pub(crate) fn answer(request: &PageRequest, steps: &[&str]) -> Result<PageAnswer, PageError> {
    if !request.access().allows_at(VERSIONS, Oid::ROOT)? {
        let is_known = request.actor().is_known();
        return Err(if is_known { PageError::forbidden(VERSIONS) } else { PageError::log_in() });
    }
    let [key, rest @ ..] = steps else { return list::answer(request) };
    let at = match At::of(request, key) {
        Err(error) if error.status() == StatusCode::NOT_FOUND => match renamed(request, key)? {
            Some(now) if request.is_post() => At::of(request, &now)?,
            Some(now) => {
                let rest: Vec<&str> = [&["versions", now.as_str()], rest].concat();
                let url = request.top_url(&rest);
                return Ok(PageAnswer::SeeOther(match request.query_text() {
                    "" => url,
                    query => format!("{url}?{query}"),
                }));
            }
            None => return Err(error),
        },
        at => at?,
    };
    match rest {
        [] => changes::answer(&at),
        ["discard"] => discard::answer(&at),
        ["update"] => plan::update(&at),
        ["merge"] => plan::merge(&at),
        ["pages"] => pages::answer(&at),
        ["conflicts"] => desk::answer(&at),
        ["conflicts", "alike"] => alike::answer(&at),
        ["conflicts", id] => conflict::answer(&at, id),
        ["links"] => links::answer(&at),
        ["settings"] => settings::answer(&at),
        _ => Err(PageError::not_found()),
    }
}
