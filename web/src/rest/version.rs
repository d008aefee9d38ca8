//! Versions: listed, made, described, closed, and shown by preview links.

use bough_core::Oid;
use bough_core::security::permission::VIEW;
use bough_store::version::{Management, NewVersion, VersionInfo};
use bough_store::{Database, Kind, LineStatus};

use super::call::{Answer, Call, parse_path};
use super::dto_version as dto;
use super::history;
use super::value::{find_from, rfc3339};
use crate::error::PublishError;
use crate::preview::{self, make_preview_link, preview_links, revoke_preview_link};
use crate::problem::{Code, Problem};
use crate::publisher::path::push_step;
use crate::version_hosts::VersionHosts;

/// More commits of the parent line than this are not counted.
const BEHIND_MAX: usize = 10_000;
/// Longest time that a preview link may stand.
const LINK_SECS_MAX: u64 = 366 * 86_400;

/// The version that the address names.
pub(super) fn addressed(call: &Call<'_>) -> Result<(Database, VersionInfo), PublishError> {
    let database = call.database().version(call.steps[0])?;
    let info = database.version_info()?;
    Ok((database, info))
}

fn described(call: &Call<'_>, info: &VersionInfo) -> Result<dto::Version, PublishError> {
    let database = call.database().on(info.line)?;
    let mut href = call.top_url("versions");
    push_step(&mut href, &info.name);
    Ok(dto::Version {
        name: info.name.clone(),
        title: info.title.clone(),
        owner: info.owner.clone(),
        status: info.status.word().to_owned(),
        parent: info.parent_name.clone(),
        base: info.base.to_string(),
        opened: info.opened.to_string(),
        changed: info.changed.to_string(),
        objects: database.own_changes(0, 0)?.total,
        behind: database.commits_behind(BEHIND_MAX)?,
        href,
        site: format!("/@v/{}/", info.name),
    })
}

/// `GET /@@versions`.
pub(super) fn list(call: &Call<'_>) -> Result<Answer, PublishError> {
    let all = match call.query("all") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::new(Code::Argument, "`all` is `true` or `false`").into()),
    };
    let infos = call.database().versions()?;
    let infos = infos.iter().filter(|info| all || info.status == LineStatus::Open);
    Answer::ok(&dto::Versions { items: infos.map(|info| described(call, info)).collect::<Result<_, _>>()? })
}

/// `POST /@@versions`.
pub(super) fn create(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::NewVersion = call.json()?;
    let at = wanted.at.as_deref().map(|text| call.moment(text)).transpose()?;
    let note = call.note(format!("Opened version {}", wanted.name), Kind::Edit);
    let owner = if wanted.owner.is_empty() { note.principal.clone() } else { wanted.owner };
    let new = NewVersion { name: wanted.name, title: wanted.title, owner, at };
    let made = call.database().open_version(&new, note)?;
    let described = described(call, &made.version_info()?)?;
    Ok(Answer::ok(&described)?.created(Some(described.href)))
}

/// `GET /@@versions/NAME`.
pub(super) fn show(call: &Call<'_>) -> Result<Answer, PublishError> {
    Answer::ok(&described(call, &addressed(call)?.1)?)
}

/// `PATCH /@@versions/NAME`.
pub(super) fn change(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::Particulars = call.json()?;
    let name = addressed(call)?.1.name;
    let sentence = match (&wanted.name, &wanted.owner) {
        (Some(to), _) => format!("Renamed version {name} to {to}"),
        (None, Some(owner)) => format!("Gave version {name} to {owner}"),
        (None, None) => format!("Changed the title of version {name}"),
    };
    let change = Management { name: wanted.name, title: wanted.title, owner: wanted.owner, status: None };
    manage(call, &change, &sentence)
}

/// `POST /@@versions/NAME/close`.
pub(super) fn close(call: &Call<'_>) -> Result<Answer, PublishError> {
    let sentence = format!("Closed version {}", addressed(call)?.1.name);
    manage(call, &Management { status: Some(LineStatus::Closed), ..Management::default() }, &sentence)
}

/// `POST /@@versions/NAME/reopen`.
pub(super) fn reopen(call: &Call<'_>) -> Result<Answer, PublishError> {
    let sentence = format!("Opened version {} again", addressed(call)?.1.name);
    manage(call, &Management { status: Some(LineStatus::Open), ..Management::default() }, &sentence)
}

fn manage(call: &Call<'_>, change: &Management, sentence: &str) -> Result<Answer, PublishError> {
    let (database, _) = addressed(call)?;
    let tid = database.manage_version(change, call.note(sentence, Kind::Edit))?;
    done(tid.map(|tid| tid.to_string()), sentence)
}

fn done(commit: Option<String>, sentence: &str) -> Result<Answer, PublishError> {
    Answer::ok(&dto::Done { commit, sentence: sentence.to_owned() })
}

/// `GET /@@versions/NAME/diff`.
pub(super) fn diff(call: &Call<'_>) -> Result<Answer, PublishError> {
    let (database, info) = addressed(call)?;
    let limit = call.number("limit", 50, 500)?.max(1);
    let skip = call.number("skip", 0, usize::MAX >> 1)?;
    let found = database.own_changes(skip, limit)?;
    let snapshot = database.snapshot();
    let access = call.access_to(&snapshot);
    let mut items = Vec::new();
    for delta in &found.objects {
        if access.allows_at(VIEW, delta.oid)? {
            items.push(history::difference(call, delta, &snapshot)?);
        }
    }
    let has_more = skip + found.objects.len() < found.total;
    let view = format!("versions/{}/diff", info.name);
    let next = has_more.then(|| history::next_url(call, &view, limit, skip + limit)).transpose()?;
    Answer::ok(&super::dto::Differences { items, next })
}

/// `GET /@@versions/NAME/links`.
pub(super) fn links(call: &Call<'_>) -> Result<Answer, PublishError> {
    let (database, _) = addressed(call)?;
    let links = preview_links(&database)?;
    let items = links.iter().map(|link| link_dto(call, &database, link, None));
    Answer::ok(&dto::PreviewLinks { items: items.collect::<Result<_, _>>()? })
}

/// `POST /@@versions/NAME/links`.
pub(super) fn make_link(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::NewPreviewLink = call.json()?;
    let (database, info) = addressed(call)?;
    if wanted.expires_secs == 0 || wanted.expires_secs > LINK_SECS_MAX {
        let problem = Problem::new(Code::Argument, "`expires_secs` is out of its range");
        return Err(problem.expected(format!("1 to {LINK_SECS_MAX}")).into());
    }
    let path = parse_path(&wanted.path)?;
    let subtree = find_from(&database.snapshot(), call.visit.top.oid(), &path)?;
    let missing = || Problem::new(Code::NotFound, format!("there is nothing at `{path}` in the version"));
    let subtree = subtree.ok_or_else(missing)?;
    let actor = call.visit.access.actor();
    if !actor.is_known() {
        return Err(PublishError::LogIn);
    }
    // The link shows what its maker may see: he makes none to what he may not.
    if !call.access_to(&database.snapshot()).allows_at(VIEW, subtree)? {
        return Err(missing().into());
    }
    let new = preview::NewPreviewLink {
        maker: actor.user().map(|user| user.oid),
        subtree,
        expires_micros: database.now_micros() + wanted.expires_secs * 1_000_000,
        made_by: actor.name().to_owned(),
        label: wanted.label,
    };
    let (link, url_path) = make_preview_link(&database, &new)?;
    let url = format!("{}{url_path}", VersionHosts::remembered(&database)?.url(&info.name));
    Ok(Answer::ok(&link_dto(call, &database, &link, Some(url))?)?.created(None))
}

/// `DELETE /@@versions/NAME/links/ID`.
pub(super) fn take_link_back(call: &Call<'_>) -> Result<Answer, PublishError> {
    let (database, _) = addressed(call)?;
    if !revoke_preview_link(&database, call.steps[1])? {
        return Err(Problem::new(Code::NotFound, "the version has no such preview link").into());
    }
    done(None, "The link shows nothing any more")
}

fn link_dto(
    call: &Call<'_>,
    database: &Database,
    link: &preview::PreviewLink,
    url: Option<String>,
) -> Result<dto::PreviewLink, PublishError> {
    Ok(dto::PreviewLink {
        id: link.id.clone(),
        path: path(call, database, link.subtree)?,
        expires: rfc3339(link.expires_micros),
        made: rfc3339(link.made_micros),
        made_by: link.made_by.clone(),
        label: link.label.clone(),
        url,
    })
}

/// Where an object is on a line.
fn path(call: &Call<'_>, database: &Database, oid: Oid) -> Result<Option<String>, PublishError> {
    Ok(call.path_in(&database.snapshot(), oid)?.map(|(path, _)| path))
}
