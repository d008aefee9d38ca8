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
use crate::version_names::{version_key, version_key_with_number, version_of_key, versions_to_reopen};
use crate::version_rights::{no_version_owner, require_management};

/// No more objects than this are looked at to say how many a version changed.
const OBJECTS_MAX: usize = 1_000;
/// More commits of the parent line than this are not counted.
const BEHIND_MAX: usize = 10_000;
/// How many versions of one name are told.
const KEYS_MAX: usize = 20;
/// Longest time that a preview link may stand.
const LINK_SECS_MAX: u64 = 366 * 86_400;

/// The version that the address names.
pub(super) fn addressed(call: &Call<'_>) -> Result<(Database, VersionInfo), PublishError> {
    let database = version_of_key(call.database(), call.steps[0])?;
    let info = database.version_info()?;
    Ok((database, info))
}

/// `all` are the versions that there are.
fn described(call: &Call<'_>, info: &VersionInfo, all: &[VersionInfo]) -> Result<dto::Version, PublishError> {
    let database = call.database().on(info.line)?;
    let part = database.own_part(None, OBJECTS_MAX)?;
    let mut href = call.top_url("versions");
    push_step(&mut href, &version_key(all, info));
    Ok(dto::Version {
        name: info.name.clone(),
        number: info.line.0,
        title: info.title.clone(),
        owner: info.owner.clone(),
        status: info.status.word().to_owned(),
        parent: info.parent_name.clone(),
        base: info.base.to_string(),
        opened: info.opened.to_string(),
        changed: info.changed.to_string(),
        objects: part.objects.len(),
        has_more_objects: part.next.is_some(),
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
    let known = call.database().versions()?;
    let infos = known.iter().filter(|info| all || info.status == LineStatus::Open);
    let items = infos.map(|info| described(call, info, &known)).collect::<Result<_, _>>()?;
    Answer::ok(&dto::Versions { items })
}

/// `POST /@@versions`.
pub(super) fn create(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::NewVersion = call.json()?;
    let at = wanted.at.as_deref().map(|text| call.moment(text)).transpose()?;
    let note = call.note(format!("Opened version {}", wanted.name), Kind::Edit);
    let owner = match wanted.owner.is_empty() {
        true => note.principal.clone(),
        false => owner(call, wanted.owner)?,
    };
    let new = NewVersion { name: wanted.name, title: wanted.title, owner, at };
    let made = call.database().open_version(&new, note)?;
    let described = described(call, &made.version_info()?, &call.database().versions()?)?;
    Ok(Answer::ok(&described)?.created(Some(described.href)))
}

/// `GET /@@versions/NAME`.
pub(super) fn show(call: &Call<'_>) -> Result<Answer, PublishError> {
    Answer::ok(&described(call, &addressed(call)?.1, &call.database().versions()?)?)
}

/// `PATCH /@@versions/NAME`.
pub(super) fn change(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::Particulars = call.json()?;
    if wanted.name.is_none() && wanted.title.is_none() && wanted.owner.is_none() {
        let problem = Problem::new(Code::Argument, "nothing is said of the version");
        return Err(problem.expected("`name`, `title` or `owner`").into());
    }
    let (_, info) = addressed(call)?;
    require_management(&call.visit.access, &info)?;
    let new = |wanted: Option<String>, now: &str| wanted.filter(|wanted| wanted != now);
    let change = Management {
        name: new(wanted.name, &info.name),
        title: new(wanted.title, &info.title),
        owner: new(wanted.owner, &info.owner).map(|name| owner(call, name)).transpose()?,
        status: None,
    };
    manage(call, &change, &sentence(&info.name, &change), "so")
}

/// The name of somebody who can be answerable for a version.
fn owner(call: &Call<'_>, name: String) -> Result<String, PublishError> {
    match no_version_owner(call.database(), &name)? {
        None => Ok(name),
        Some(why) => Err(Problem::new(Code::Value, why).into()),
    }
}

/// What becomes of a version, in a sentence.
fn sentence(name: &str, change: &Management) -> String {
    let (title, owner) = (&change.title, &change.owner);
    let first = match (&change.name, title, owner) {
        (Some(to), _, _) => format!("Renamed version {name} to {to}"),
        (None, Some(_), _) => format!("Changed the title of version {name}"),
        (None, None, Some(owner)) => return format!("Gave version {name} to {owner}"),
        (None, None, None) => return String::new(),
    };
    let title = title.as_ref().filter(|_| change.name.is_some()).map(|_| "changed its title".to_owned());
    let owner = owner.as_ref().map(|owner| format!("gave it to {owner}"));
    match (title, owner) {
        (Some(title), Some(owner)) => format!("{first}, {title} and {owner}"),
        (Some(last), None) | (None, Some(last)) => format!("{first} and {last}"),
        (None, None) => first,
    }
}

/// `POST /@@versions/NAME/close`.
pub(super) fn close(call: &Call<'_>) -> Result<Answer, PublishError> {
    let sentence = format!("Closed version {}", addressed(call)?.1.name);
    let change = Management { status: Some(LineStatus::Closed), ..Management::default() };
    manage(call, &change, &sentence, "closed")
}

/// `POST /@@versions/NAME/reopen`.
pub(super) fn reopen(call: &Call<'_>) -> Result<Answer, PublishError> {
    let closed = versions_to_reopen(call.database(), call.steps[0])?;
    if !closed.is_empty() {
        let keys: Vec<String> = closed.iter().take(KEYS_MAX).map(version_key_with_number).collect();
        let detail = format!("several versions have that name; not open: {}", keys.join(", "));
        return Err(Problem::new(Code::VersionStatus, detail)
            .advise("name one of them by its number")
            .into());
    }
    let sentence = format!("Opened version {} again", addressed(call)?.1.name);
    let change = Management { status: Some(LineStatus::Open), ..Management::default() };
    manage(call, &change, &sentence, "open")
}

/// `so` is how the version is where nothing changes.
fn manage(call: &Call<'_>, change: &Management, sentence: &str, so: &str) -> Result<Answer, PublishError> {
    let (database, info) = addressed(call)?;
    require_management(&call.visit.access, &info)?;
    match database.manage_version(change, call.note(sentence, Kind::Edit))? {
        Some(tid) => done(Some(tid.to_string()), sentence),
        None => done(None, &format!("Nothing changed: version {} is {so} already", info.name)),
    }
}

fn done(commit: Option<String>, sentence: &str) -> Result<Answer, PublishError> {
    Answer::ok(&dto::Done { commit, sentence: sentence.to_owned() })
}

/// `GET /@@versions/NAME/diff`.
pub(super) fn diff(call: &Call<'_>) -> Result<Answer, PublishError> {
    let (database, _) = addressed(call)?;
    let limit = call.number("limit", 50, 500)?.max(1);
    let after = call.query("after").map(|text| call.oid(text)).transpose()?;
    let found = database.own_part(after, limit)?;
    let snapshot = database.snapshot();
    let access = call.access_to(&snapshot);
    let mut items = Vec::new();
    for delta in &found.objects {
        if access.allows_at(VIEW, delta.oid)? {
            items.push(history::difference(call, delta, &snapshot)?);
        }
    }
    let url = |oid: Oid| part_url(call, "diff", limit, &oid.to_string());
    let next = found.next.map(url).transpose()?;
    Answer::ok(&super::dto::Differences { items, next })
}

/// Where a list about the version goes on.
pub(super) fn part_url(
    call: &Call<'_>,
    list: &str,
    limit: usize,
    after: &str,
) -> Result<String, PublishError> {
    let url = call.view_url(call.object.oid(), &format!("versions/{}/{list}", call.steps[0]))?;
    Ok(format!("{url}?limit={limit}&after={after}"))
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
