//! The conflict desk: everything that stands against a merge or an update, what was decided about it, and how far one
//! has come.

use askama::Template;
use bough_core::merge::plan::{ConflictKey, ConflictKind, Resolution, Side};
use bough_core::{CellKey, Content, Oid};
use bough_store::version::VersionConflict;
use bough_web::pages::{PageAnswer, PageError};

use super::at::{At, Head};
use super::shown;
use crate::frame::{Frame, Link};
use crate::message::Message;
use crate::page;
use crate::text::{self, Time};

/// How many conflicts a page has.
const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "versions_desk.html")]
struct DeskPage {
    frame: Frame,
    head: Head,
    rows: Vec<Row>,
    total: usize,
    settled: usize,
    first_open_url: Option<String>,
    next_url: Option<String>,
    previous_url: Option<String>,
    url: String,
    /// The kinds of conflicts that there are, where there is more than one.
    kinds: Vec<Link>,
    /// The one that is shown; empty for all.
    kind: String,
    open_text: String,
    open_of_kind: usize,
    settled_of_kind: usize,
    alike_url: String,
}

struct Row {
    id: String,
    may_settle: bool,
    path: String,
    what: String,
    by: String,
    time: Option<Time>,
    decision: Option<String>,
    url: String,
}

/// `@@manage/versions/NAME/conflicts`.
pub(super) fn answer(at: &At<'_>) -> Result<PageAnswer, PageError> {
    let all = conflicts(at)?;
    let kind = at.request.query("kind").filter(|kind| ConflictKind::WORDS.contains(kind)).unwrap_or_default();
    let of_kind: Vec<&VersionConflict> =
        all.iter().filter(|found| kind.is_empty() || found.conflict.kind.word() == kind).collect();
    let skip = at.request.query("skip").and_then(|skip| skip.parse().ok()).unwrap_or(0_usize);
    let end = skip.saturating_add(PAGE);
    let mut rows = Vec::new();
    for found in of_kind.iter().skip(skip).take(PAGE) {
        rows.push(row(at, found)?);
    }
    let settled = all.iter().filter(|found| found.resolution.is_some()).count();
    let first_open = first_open(at, &all)?;
    let desk_url = at.url(&["conflicts"]);
    let and_kind = if kind.is_empty() { String::new() } else { format!("&kind={kind}") };
    let page_url = |skip: usize| format!("{desk_url}?skip={skip}{and_kind}");
    let open_of_kind = of_kind.iter().filter(|found| found.resolution.is_none()).count();
    let frame = at.frame("Conflicts")?;
    let page = DeskPage {
        frame: match told(at, &all)? {
            Some(message) => frame.saying(message),
            None => frame,
        },
        head: at.head("conflicts")?,
        rows,
        total: all.len(),
        settled,
        first_open_url: first_open.map(|id| at.url(&["conflicts", id])),
        next_url: (of_kind.len() > end).then(|| page_url(end)),
        previous_url: (skip > 0).then(|| page_url(skip.saturating_sub(PAGE))),
        url: at.url(&[]),
        kinds: kinds(&all, kind, &desk_url),
        kind: kind.to_owned(),
        open_text: match open_of_kind {
            1 => "The one that is open".into(),
            many => format!("All {} that are open", text::grouped(many as u64)),
        },
        open_of_kind,
        settled_of_kind: of_kind.len() - open_of_kind,
        alike_url: at.url(&["conflicts", "alike"]),
    };
    page::show(&page)
}

fn kinds(all: &[VersionConflict], here: &str, desk_url: &str) -> Vec<Link> {
    let names = [
        ("cell", "Changed by both"),
        ("deleted", "Deleted and changed"),
        ("name", "Names"),
        ("cycle", "Moves"),
        ("type", "Types"),
    ];
    let number = |kind: &str| all.iter().filter(|found| found.conflict.kind.word() == kind).count();
    let link = |text: &str, kind: &str, number: usize| Link {
        text: format!("{text} ({})", text::grouped(number as u64)),
        url: if kind.is_empty() { desk_url.to_owned() } else { format!("{desk_url}?kind={kind}") },
        is_here: kind == here,
    };
    let found: Vec<Link> = names
        .into_iter()
        .filter(|(kind, _)| number(kind) > 0)
        .map(|(kind, text)| link(text, kind, number(kind)))
        .collect();
    if found.len() < 2 && here.is_empty() {
        return Vec::new();
    }
    std::iter::once(link("All", "", all.len())).chain(found).collect()
}

/// What the address says was done, or refused.
pub(super) fn told(at: &At<'_>, all: &[VersionConflict]) -> Result<Option<Message>, PageError> {
    let request = at.request;
    let open = all.iter().filter(|found| found.resolution.is_none()).count() as u64;
    if let Some(refused) = request.query("refused").filter(|_| open > 0) {
        let what = if refused == "update" { "updated" } else { "merged" };
        let number = text::counted(open, "conflict has", "conflicts have");
        return Ok(Some(Message::bad(format!("Nothing was {what} yet: {number} to be settled first."))));
    }
    if let Some(id) = request.query("settled") {
        let found = all.iter().find(|found| found.id == id && found.resolution.is_some());
        return Ok(match found {
            Some(found) => Some(Message::good(format!("Settled: {}.", path(at, found)?))),
            None => None,
        });
    }
    if request.query("ticked").is_some() {
        return Ok(Some(Message::bad("Tick the conflicts that you mean first, or take all that are open.")));
    }
    let number = |key: &str| request.query(key).and_then(|number| number.parse::<u64>().ok());
    if let Some(back) = number("back") {
        let number = text::counted(back, "decision is", "decisions are");
        return Ok(Some(Message::good(format!("{number} taken back."))));
    }
    Ok(match (number("done"), number("left")) {
        (Some(done), Some(0) | None) => {
            Some(Message::good(format!("{} settled.", text::counted(done, "conflict", "conflicts"))))
        }
        (Some(done), Some(left)) => Some(Message::bad(format!(
            "{} settled; {} cannot be settled like that: look at each.",
            text::counted(done, "conflict", "conflicts"),
            text::grouped(left)
        ))),
        _ => None,
    })
}

/// All conflicts in an order that stays the same while they are settled.
pub(super) fn conflicts(at: &At<'_>) -> Result<Vec<VersionConflict>, PageError> {
    let mut all = at.database.conflicts().map_err(|error| at.request.told(error))?;
    all.sort_by_cached_key(|found| (found.path.as_ref().map(ToString::to_string), found.id.clone()));
    Ok(all)
}

/// The object that a conflict is about.
pub(super) fn object_of(key: &ConflictKey) -> Option<Oid> {
    match key {
        ConflictKey::Cell(oid, _) | ConflictKey::Deleted(oid) | ConflictKey::Type(oid) => Some(*oid),
        ConflictKey::Name { oid, .. } => Some(*oid),
        ConflictKey::Cycle(oids) => oids.first().copied(),
    }
}

/// Whether whoever asks may decide a conflict: he has to see all that it is about.
pub(super) fn may_settle(at: &At<'_>, found: &VersionConflict) -> Result<bool, PageError> {
    let about = match &found.conflict.key {
        ConflictKey::Cycle(oids) => oids.clone(),
        key => object_of(key).into_iter().collect(),
    };
    for oid in &about {
        if at.path(*oid)?.is_none() {
            return Ok(false);
        }
    }
    Ok(!about.is_empty())
}

/// The first of these that nobody settled yet and that whoever asks may.
pub(super) fn first_open<'c>(
    at: &At<'_>,
    all: impl IntoIterator<Item = &'c VersionConflict>,
) -> Result<Option<&'c str>, PageError> {
    for found in all {
        if found.resolution.is_none() && may_settle(at, found)? {
            return Ok(Some(&found.id));
        }
    }
    Ok(None)
}

/// Where that is, for people.
pub(super) fn path(at: &At<'_>, found: &VersionConflict) -> Result<String, PageError> {
    match object_of(&found.conflict.key) {
        Some(oid) => Ok(at.path(oid)?.unwrap_or_else(|| "Something that you may not see".into())),
        None => Ok("Something that you may not see".into()),
    }
}

fn row(at: &At<'_>, found: &VersionConflict) -> Result<Row, PageError> {
    let made = found.parent.as_ref();
    Ok(Row {
        id: found.id.clone(),
        may_settle: may_settle(at, found)?,
        path: path(at, found)?,
        what: what(at, found)?,
        by: made.map(|made| made.principal.clone()).unwrap_or_default(),
        time: made.map(|made| Time::of_micros(made.time_micros)),
        decision: found.resolution.as_ref().map(|chosen| decision(at, found, chosen)).transpose()?,
        url: at.url(&["conflicts", &found.id]),
    })
}

/// What a conflict is about, in words that go behind its path.
pub(super) fn what(at: &At<'_>, found: &VersionConflict) -> Result<String, PageError> {
    let parent = at.parent_text();
    if object_of(&found.conflict.key).map(|oid| at.path(oid)).transpose()?.flatten().is_none() {
        return Ok("both changed it".into());
    }
    Ok(match (&found.conflict.key, &found.conflict.kind) {
        _ if found.conflict.is_about_standing() => {
            "both gave it another place in the order, which matters there".into()
        }
        (ConflictKey::Cell(_, CellKey::Place), _) => "both moved or renamed it".into(),
        (ConflictKey::Cell(oid, key), _) => format!("both changed its {}", shown::cell_name(at, *oid, key)?),
        (_, ConflictKind::Deleted { by: Side::Version, .. }) => {
            format!("deleted here, changed on {parent}")
        }
        (_, ConflictKind::Deleted { by: Side::Parent, .. }) => {
            format!("changed here, deleted on {parent}")
        }
        (ConflictKey::Name { name, .. }, ConflictKind::Name { other, .. }) => {
            match at.path_in(&at.parent, *other)? {
                Some(_) => format!("{parent} has another one of the name {name} there"),
                None => format!("something else would have the name {name} there, too"),
            }
        }
        (_, ConflictKind::Cycle { .. }) => "was moved so that two things would contain each other".into(),
        (_, ConflictKind::Type { .. }) => "its type was changed, and what does not go with that".into(),
        (_, ConflictKind::Edition { .. }) => {
            "both changed it, in editions of its type that cannot be brought to one".into()
        }
        _ => "both changed it".into(),
    })
}

/// What was decided, in words.
pub(super) fn decision(
    at: &At<'_>,
    found: &VersionConflict,
    chosen: &Resolution,
) -> Result<String, PageError> {
    let parent = at.parent_text();
    Ok(match (chosen, &found.conflict.kind) {
        (Resolution::Version, ConflictKind::Deleted { by: Side::Version, .. })
        | (Resolution::Parent, ConflictKind::Deleted { by: Side::Parent, .. }) => "it is deleted".into(),
        (Resolution::Version | Resolution::Parent, ConflictKind::Deleted { .. }) => "it stays".into(),
        (Resolution::Version, _) => "as it is here".into(),
        (Resolution::Parent, _) => format!("as it is on {parent}"),
        (Resolution::Value(None), _) => "it has none".into(),
        (Resolution::Value(Some(Content::Value(value))), _) if value.as_text().is_none() => {
            "a value of your own".into()
        }
        (Resolution::Value(_), _) => "a text of your own".into(),
        (Resolution::Both { rename: Side::Version, to }, _) => format!("both stay, ours is called {to}"),
        (Resolution::Both { rename: Side::Parent, to }, _) => format!("both stay, theirs is called {to}"),
        (Resolution::Same, _) => "both are the same thing".into(),
        (Resolution::Rescue(moves), _) => {
            format!(
                "it is deleted, but {} moved out",
                text::counted(moves.len() as u64, "object is", "objects are")
            )
        }
    })
}
