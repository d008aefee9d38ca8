//! One conflict: what it was, what each side made of it, and the ways out. A decision is kept as soon as it is made.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use askama::Template;
use axum::http::StatusCode;
use bough_core::merge::plan::{ConflictKey, ConflictKind, Deed, Resolution, Side};
use bough_core::rank::Rank;
use bough_core::{Content, Name, ObjectPath, Oid, Value};
use bough_store::version::{Made, VersionConflict, VersionError};
use bough_web::pages::{PageAnswer, PageError};

use super::at::{At, Head, State};
use super::own::{self, Own};
use super::{desk, shown, shown::Pair};
use crate::diff::CellDiff;
use crate::diff::three::{self, Piece};
use crate::edit::OwnField;
use crate::frame::Frame;
use crate::page;
use crate::text::{self, Time};

/// How many objects in something deleted are named.
const INNER_MAX: usize = 50;
/// How many lines of what is settled are shown before and behind an open part.
const CONTEXT_LINES: usize = 3;
/// How many open parts are settled one by one.
const OPEN_MAX: usize = 100;
/// How many bytes of comparisons a page has, each side by itself.
const SHOWN_BYTES_MAX: usize = 300_000;

#[derive(Template)]
#[template(path = "versions_conflict.html")]
struct ConflictPage {
    frame: Frame,
    head: Head,
    path: String,
    object_url: Option<String>,
    what: String,
    is_settled: bool,
    decision: String,
    base: String,
    sides: Vec<SideShown>,
    inner: Vec<Inner>,
    more_inner: usize,
    choices: Vec<Choice>,
    parts: Vec<Part>,
    /// The text that is to be, where it is one.
    result: Option<String>,
    result_rows: usize,
    /// A field for a value that is no text.
    own: Option<OwnField>,
    names: Option<Names>,
    rescue: Option<String>,
    place: usize,
    total: usize,
    settled: usize,
    next_open_url: Option<String>,
    may_settle: bool,
    wrong: Option<String>,
    /// Stands for what is decided, and for what it is about.
    mark: String,
    url: String,
    desk_url: String,
}

/// What one side made of it.
struct SideShown {
    title: String,
    words: String,
    cell: Option<CellDiff>,
    made: Option<(String, Time, String)>,
}

/// A way out.
struct Choice {
    value: &'static str,
    text: String,
    hint: String,
    is_chosen: bool,
}

/// Part of a text: what is settled around an open part, or that part with what can be put there.
struct Part {
    before: Vec<String>,
    behind: Vec<String>,
    skipped: usize,
    open: Option<OpenPart>,
}

struct OpenPart {
    field: String,
    nth: usize,
    options: Vec<LineChoice>,
}

struct LineChoice {
    value: &'static str,
    title: &'static str,
    lines: String,
    is_chosen: bool,
}

struct Inner {
    oid: String,
    path: String,
    deed: &'static str,
    cells: String,
}

/// Names for two objects of one name.
struct Names {
    to: String,
    renames_ours: bool,
    ours: String,
    theirs: String,
}

/// What was typed and not kept yet.
#[derive(Default)]
struct Typed {
    choice: Option<String>,
    result: Option<String>,
    lines: Vec<(usize, String)>,
    to: Option<String>,
    renames_theirs: Option<bool>,
    rescue: Option<String>,
    wrong: Option<String>,
    /// What the form was made of, as long as nobody was told that this changed.
    mark: Option<String>,
    /// What happened since the form was shown.
    meanwhile: Option<String>,
}

/// The texts of a conflict about one.
struct Texts {
    base: String,
    ours: String,
    theirs: String,
}

/// `@@manage/versions/NAME/conflicts/ID`.
pub(super) fn answer(at: &At<'_>, id: &str) -> Result<PageAnswer, PageError> {
    let all = desk::conflicts(at)?;
    let Some(place) = all.iter().position(|found| found.id == id) else {
        // Settled by what happened since, or another one now: what there is, is at the desk.
        return Ok(PageAnswer::SeeOther(at.url(&["conflicts"])));
    };
    if at.request.is_post() {
        return settle(at, &all, place);
    }
    show(at, &all, place, Typed::default())
}

fn texts(at: &At<'_>, found: &VersionConflict) -> Result<Option<Texts>, PageError> {
    let ConflictKind::Cell { base, parent, version } = &found.conflict.kind else { return Ok(None) };
    if own::attribute(at, found)?.is_none() {
        return Ok(None);
    }
    let text = |content: &Option<Content>, state: &State| match content {
        None => Ok(Some(String::new())),
        some => shown::whole_text(some.as_ref(), state),
    };
    let (base, ours, theirs) =
        (text(base, &at.base)?, text(version, &at.version)?, text(parent, &at.parent)?);
    Ok(ours.zip(theirs).map(|(ours, theirs)| Texts { base: base.unwrap_or_default(), ours, theirs }))
}

fn show(at: &At<'_>, all: &[VersionConflict], place: usize, typed: Typed) -> Result<PageAnswer, PageError> {
    let found = &all[place];
    let oid = desk::object_of(&found.conflict.key);
    let texts = texts(at, found)?;
    let pieces = texts.as_ref().and_then(|texts| three::pieces(&texts.base, &texts.ours, &texts.theirs));
    let open = |piece: &Piece| matches!(piece, Piece::Open { .. });
    let pieces = pieces.filter(|pieces| {
        let number = pieces.iter().filter(|piece| open(piece)).count();
        number <= OPEN_MAX && (pieces.len() > 1 || texts.as_ref().is_some_and(|t| t.ours.contains('\n')))
    });
    let result = texts.as_ref().map(|texts| match (&typed.result, &found.resolution) {
        (Some(result), _) => result.clone(),
        (None, Some(Resolution::Value(value))) => {
            shown::whole_text(value.as_ref(), &at.version).ok().flatten().unwrap_or_default()
        }
        (None, Some(Resolution::Parent)) => texts.theirs.clone(),
        (None, Some(Resolution::Version)) => texts.ours.clone(),
        _ => {
            let merged = pieces.as_ref().and_then(|pieces| three::text(pieces, |_| Some("ours".into())));
            merged.unwrap_or_else(|| texts.ours.clone())
        }
    });
    let own = if texts.is_none() { Own::of(at, found)? } else { None };
    let word = |by: &Resolution| if own.is_some() && word(by) == "text" { "value" } else { word(by) };
    let chosen = typed.choice.clone().or_else(|| found.resolution.as_ref().map(|by| word(by).to_owned()));
    let form = if at.request.is_post() { Some(at.request.form()?) } else { None };
    let own = own.and_then(|own| own.field(at, form));
    let (sides, base) = sides(at, found)?;
    let (inner, more_inner) = inner(at, found)?;
    let settled = all.iter().filter(|found| found.resolution.is_some()).count();
    let names = match &found.conflict.kind {
        ConflictKind::Name { rename, suggested, version, other } => {
            let (saved_to, saved_side) = match &found.resolution {
                Some(Resolution::Both { rename, to }) => (Some(to.to_string()), Some(*rename)),
                _ => (None, None),
            };
            let side = saved_side.unwrap_or(*rename);
            Some(Names {
                to: typed.to.clone().or(saved_to).unwrap_or_else(|| suggested.to_string()),
                renames_ours: !typed.renames_theirs.unwrap_or(side == Side::Parent),
                ours: at.name(*version)?,
                theirs: at.name(*other)?,
            })
        }
        _ => None,
    };
    let rescue = match &found.conflict.kind {
        ConflictKind::Deleted { container, inner, .. } if !inner.is_empty() => {
            Some(typed.rescue.clone().unwrap_or(at.path(*container)?.unwrap_or_else(|| "/".into())))
        }
        _ => None,
    };
    let has_lines = pieces.is_some();
    let choices = choices(at, found, (texts.is_some(), has_lines, own.is_some()), chosen.as_deref());
    let parts = pieces.map_or_else(Vec::new, |pieces| parts(&pieces, &typed.lines));
    let status = match &typed {
        Typed { meanwhile: Some(_), .. } => StatusCode::CONFLICT,
        Typed { wrong: Some(_), .. } => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    let frame = at.frame("Conflict")?;
    let page = ConflictPage {
        frame: match desk::told(at, all)?.filter(|_| !at.request.is_post()) {
            Some(message) => frame.saying(message),
            None => frame,
        },
        head: at.head("conflicts")?,
        path: desk::path(at, found)?,
        object_url: oid.map(|oid| at.object_url(oid)).transpose()?.flatten(),
        what: desk::what(at, found)?,
        is_settled: found.resolution.is_some(),
        decision: found
            .resolution
            .as_ref()
            .map(|by| desk::decision(at, found, by))
            .transpose()?
            .unwrap_or_default(),
        base,
        sides,
        inner,
        more_inner,
        choices,
        parts,
        result_rows: result.as_ref().map_or(0, |text| text.lines().count().clamp(2, 30)),
        result,
        own,
        names,
        rescue,
        place: place + 1,
        total: all.len(),
        settled,
        may_settle: desk::may_settle(at, found)?,
        next_open_url: next_open(at, all, place)?.map(|id| at.url(&["conflicts", id])),
        wrong: typed.meanwhile.or(typed.wrong),
        mark: typed.mark.unwrap_or_else(|| mark(found)),
        url: at.url(&["conflicts", &found.id]),
        desk_url: at.url(&["conflicts"]),
    };
    page::show_as(status, &page)
}

/// The next one behind a place that is still to be settled, from the beginning again where there is none behind.
fn next_open<'c>(
    at: &At<'_>,
    all: &'c [VersionConflict],
    place: usize,
) -> Result<Option<&'c str>, PageError> {
    let (before, behind) = all.split_at(place);
    desk::first_open(at, behind.iter().skip(1).chain(before))
}

/// Stands for what a conflict is about, and for what is decided about it.
pub(super) fn mark(found: &VersionConflict) -> String {
    let mut hasher = DefaultHasher::new();
    (found.conflict.fingerprint, format!("{:?}", found.resolution)).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// What happened to a conflict since a form was shown, for whoever sends it.
fn meanwhile(at: &At<'_>, found: &VersionConflict) -> Result<String, PageError> {
    let what = match &found.resolution {
        Some(by) => format!("This was settled meanwhile: {}.", desk::decision(at, found, by)?),
        None => "This changed meanwhile: look at both sides again.".into(),
    };
    Ok(format!("{what} Nothing of yours was kept yet; it is still below, and one click decides so."))
}

fn word(by: &Resolution) -> &'static str {
    match by {
        Resolution::Version => "ours",
        Resolution::Parent => "theirs",
        Resolution::Value(_) => "text",
        Resolution::Both { .. } => "names",
        Resolution::Same => "same",
        Resolution::Rescue(_) => "rescue",
    }
}

/// What each side made of it, and what it was.
fn sides(at: &At<'_>, found: &VersionConflict) -> Result<(Vec<SideShown>, String), PageError> {
    let made = |made: &Option<Made>| -> Result<_, PageError> {
        let Some(made) = made else { return Ok(None) };
        let sentence = at.told(made.line, made.tid, &made.sentence)?;
        Ok(Some((made.principal.clone(), Time::of_micros(made.time_micros), sentence)))
    };
    let titles = ["Ours, in this version".to_owned(), format!("Theirs, on {}", at.parent_text())];
    let [ours_title, theirs_title] = titles;
    let nothing = || "nothing".to_owned();
    let (mut ours, mut theirs, mut base) = ((String::new(), None), (String::new(), None), String::new());
    let is_seen =
        desk::object_of(&found.conflict.key).map(|oid| at.path(oid)).transpose()?.flatten().is_some();
    match (&found.conflict.key, &found.conflict.kind) {
        _ if !is_seen => {}
        (ConflictKey::Cell(oid, _), _) if found.conflict.is_about_standing() => {
            base = standing(at, &at.base, *oid)?;
            ours = (standing(at, &at.version, *oid)?, None);
            theirs = (standing(at, &at.parent, *oid)?, None);
        }
        (ConflictKey::Cell(oid, key), ConflictKind::Cell { base: was, parent, version }) => {
            let cell = |now: &Option<Content>, state, label| {
                let mut pair = Pair::new(at, (&at.base, "Before"), (state, label), SHOWN_BYTES_MAX);
                pair.cell(*oid, (key, was.as_ref(), now.as_ref())).map(Some)
            };
            let or_nothing = |now: &Option<Content>| now.as_ref().map_or_else(nothing, |_| String::new());
            ours = (or_nothing(version), cell(version, &at.version, "Ours")?);
            theirs = (or_nothing(parent), cell(parent, &at.parent, "Theirs")?);
        }
        (_, ConflictKind::Deleted { by, .. }) => {
            let deleted = ("Deleted".to_owned(), None);
            let worked = ("There, with what was done in it".to_owned(), None);
            (ours, theirs) = if *by == Side::Version { (deleted, worked) } else { (worked, deleted) };
        }
        (_, ConflictKind::Name { version, other, .. }) => {
            ours = (at.name(*version)?, None);
            theirs = (at.path_in(&at.parent, *other)?.unwrap_or(at.name(*other)?), None);
        }
        (_, ConflictKind::Cycle { version_moves, parent_moves }) => {
            let moves = |oids: &[Oid], state: &State| -> Result<String, PageError> {
                let mut paths = Vec::new();
                for oid in oids.iter().take(INNER_MAX) {
                    paths.push(
                        at.path_in(state, *oid)?.unwrap_or_else(|| "something that you may not see".into()),
                    );
                }
                Ok(format!("Moved to {}", paths.join(", ")))
            };
            ours = (moves(version_moves, &at.version)?, None);
            theirs = (moves(parent_moves, &at.parent)?, None);
        }
        (_, ConflictKind::Type { base: was, parent, version, attributes }) => {
            let name = |name: &Option<Name>| name.as_ref().map_or("no type", Name::as_str).to_owned();
            let names: Vec<&str> = attributes.iter().map(Name::as_str).collect();
            base = format!("{} (what does not go with the new type: {})", name(was), names.join(", "));
            ours = (name(version), None);
            theirs = (name(parent), None);
        }
        (_, ConflictKind::Edition { parent, version, why }) => {
            let name = |edition: &Option<u32>| match edition {
                Some(edition) => format!("Edition {edition}"),
                None => "No edition that there is".into(),
            };
            base = format!("What was made for one edition cannot be brought to the other: {why}");
            ours = (name(version), None);
            theirs = (name(parent), None);
        }
        _ => {}
    }
    let side =
        |title, (words, cell): (String, Option<CellDiff>), made| SideShown { title, words, cell, made };
    let (ours_made, theirs_made) = match is_seen {
        true => (made(&found.version)?, made(&found.parent)?),
        false => (None, None),
    };
    Ok((vec![side(ours_title, ours, ours_made), side(theirs_title, theirs, theirs_made)], base))
}

/// Where a state has an object among its siblings, as far as these may be seen.
fn standing(at: &At<'_>, state: &State, oid: Oid) -> Result<String, PageError> {
    let Some(mut rank) = Rank::of(&state.snapshot, oid)? else { return Ok("Not there".into()) };
    if let Some(sibling) = &rank.sibling
        && at.path_in(state, sibling.oid)?.is_none()
    {
        rank.sibling = None;
    }
    let rank = rank.to_string();
    let (first, rest) = rank.split_at(1);
    Ok(first.to_uppercase() + rest)
}

fn inner(at: &At<'_>, found: &VersionConflict) -> Result<(Vec<Inner>, usize), PageError> {
    let ConflictKind::Deleted { inner, .. } = &found.conflict.kind else { return Ok((Vec::new(), 0)) };
    let mut shown = Vec::new();
    for inner in inner.iter().take(INNER_MAX) {
        let Some(path) = at.path(inner.oid)? else { continue };
        let cells = inner.cells.iter().map(|key| shown::cell_name(at, inner.oid, key));
        shown.push(Inner {
            oid: inner.oid.to_string(),
            path,
            deed: match inner.deed {
                Deed::Edited => "changed",
                Deed::Added => "added",
                Deed::MovedIn => "moved in",
                Deed::Moved => "moved",
            },
            cells: cells.collect::<Result<Vec<_>, _>>()?.join(", "),
        });
    }
    let more = inner.len() - shown.len();
    Ok((shown, more))
}

fn choices(
    at: &At<'_>,
    found: &VersionConflict,
    (is_text, has_lines, has_value): (bool, bool, bool),
    chosen: Option<&str>,
) -> Vec<Choice> {
    let parent = at.parent_text();
    let mut all: Vec<(&'static str, String, String)> = Vec::new();
    let mut add = |value, text: String, hint: String| all.push((value, text, hint));
    match &found.conflict.kind {
        ConflictKind::Deleted { by, inner, .. } => {
            let deleted =
                ("It is deleted".to_owned(), "What was done in it meanwhile goes with it.".to_owned());
            let kept = ("It stays".to_owned(), "With what was done in it meanwhile.".to_owned());
            let (ours, theirs) = if *by == Side::Version { (deleted, kept) } else { (kept, deleted) };
            add("ours", ours.0, ours.1);
            add("theirs", theirs.0, theirs.1);
            if !inner.is_empty() {
                let hint = "What you tick below is moved out first, with all that is in it.".to_owned();
                add("rescue", "It is deleted, but some of it is kept".into(), hint);
            }
        }
        ConflictKind::Name { .. } => {
            add("names", "Both stay".into(), "One of them gets another name, which you choose below.".into());
            add(
                "ours",
                "Ours has the name".into(),
                "The other one goes back to where this version has it, or away.".into(),
            );
            add(
                "theirs",
                "Theirs has the name".into(),
                "Ours goes back to where it is there, or away.".into(),
            );
            let hint =
                "Ours goes into theirs: values are merged, what is in it moves over. Only for the same type.";
            add("same", "Both are the same thing".into(), hint.into());
        }
        ConflictKind::Cycle { .. } => {
            add("ours", "Our move".into(), format!("What was moved on {parent} goes back."));
            add("theirs", "Their move".into(), "What was moved in this version goes back.".into());
        }
        _ => {
            add("ours", "Keep ours".into(), "As it is in this version.".into());
            add("theirs", "Take theirs".into(), format!("As it is on {parent}."));
            if has_lines {
                add(
                    "lines",
                    "Line by line".into(),
                    "Choose for each place below; the rest goes together by itself.".into(),
                );
            }
            if is_text {
                add("text", "A text of your own".into(), "As it stands in the field Result below.".into());
            }
            if has_value {
                add("value", "A value of your own".into(), "As it stands in the field below.".into());
            }
        }
    }
    let all = all.into_iter();
    all.map(|(value, text, hint)| Choice { value, text, hint, is_chosen: chosen == Some(value) }).collect()
}

fn parts(pieces: &[Piece], typed: &[(usize, String)]) -> Vec<Part> {
    let mut nth = 0;
    let mut parts = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Settled(text) => {
                let lines: Vec<String> = text.lines().map(|line| text::shortened(line, 600)).collect();
                let part = match lines.len() > 2 * CONTEXT_LINES {
                    true => Part {
                        before: lines[..CONTEXT_LINES].to_vec(),
                        behind: lines[lines.len() - CONTEXT_LINES..].to_vec(),
                        skipped: lines.len() - 2 * CONTEXT_LINES,
                        open: None,
                    },
                    false => Part { before: lines, behind: Vec::new(), skipped: 0, open: None },
                };
                parts.push(part);
            }
            Piece::Open { base, ours, theirs } => {
                let chosen = typed.iter().find(|(at, _)| *at == nth).map(|(_, by)| by.as_str());
                let option = |value, title, lines: &str| LineChoice {
                    value,
                    title,
                    lines: lines.trim_end_matches('\n').to_owned(),
                    is_chosen: chosen == Some(value),
                };
                let options = vec![
                    option("ours", "Ours", ours),
                    option("theirs", "Theirs", theirs),
                    option("both", "Ours, then theirs", ""),
                    option("turned", "Theirs, then ours", ""),
                    option("base", "As it was", base),
                ];
                let open = Some(OpenPart { field: format!("part{nth}"), nth: nth + 1, options });
                parts.push(Part { before: Vec::new(), behind: Vec::new(), skipped: 0, open });
                nth += 1;
            }
        }
    }
    parts
}

fn settle(at: &At<'_>, all: &[VersionConflict], place: usize) -> Result<PageAnswer, PageError> {
    let found = &all[place];
    let form = at.request.form()?;
    if !desk::may_settle(at, found)? {
        let sentence = "only those who may see what a conflict is about can decide it";
        return Err(PageError::denied(sentence));
    }
    let texts = texts(at, found)?;
    let lines: Vec<(usize, String)> = form
        .fields()
        .iter()
        .filter_map(|(field, value)| Some((field.strip_prefix("part")?.parse().ok()?, value.clone())))
        .collect();
    let typed = |wrong: Option<&str>, result: Option<String>| Typed {
        choice: form.find("choice").map(str::to_owned),
        result: result.or_else(|| form.find("result").map(unix_lines)),
        lines: lines.clone(),
        to: form.find("to").map(str::to_owned),
        renames_theirs: form.find("rename").map(|side| side == "theirs"),
        rescue: form.find("container").map(str::to_owned),
        wrong: wrong.map(str::to_owned),
        mark: form.find("mark").map(str::to_owned),
        meanwhile: None,
    };
    let by_line = || {
        let pieces = texts.as_ref().and_then(|t| three::pieces(&t.base, &t.ours, &t.theirs))?;
        let chosen = |nth: usize| lines.iter().find(|(at, _)| *at == nth).map(|(_, by)| by.clone());
        three::text(&pieces, chosen)
    };
    if form.get("action") == "try" {
        return match by_line() {
            Some(text) => show(at, all, place, typed(None, Some(text))),
            None => show(at, all, place, typed(Some("Choose for each place first."), None)),
        };
    }
    let wrong = |why: &str| show(at, all, place, typed(Some(why), None));
    if form.get("mark") != mark(found) {
        let meanwhile = Some(meanwhile(at, found)?);
        return show(at, all, place, Typed { meanwhile, mark: None, ..typed(None, None) });
    }
    let own = |text: String| -> Result<Resolution, &'static str> {
        let value = Value::text(text);
        match value.check() {
            Ok(()) => Ok(Resolution::Value(Some(Content::Value(value)))),
            Err(_) => Err("The text is too long."),
        }
    };
    let chosen = match (form.get("action"), form.get("choice")) {
        ("forget", _) => None,
        (_, "ours") => Some(Resolution::Version),
        (_, "theirs") => Some(Resolution::Parent),
        (_, "same") => Some(Resolution::Same),
        (_, "lines") => match by_line().map(own) {
            Some(Ok(by)) => Some(by),
            Some(Err(why)) => return wrong(why),
            None => return wrong("Choose for each place, or one of the other ways."),
        },
        (_, "text") if texts.is_some() => {
            let text = unix_lines(form.get("result"));
            let has_carriage = texts.as_ref().is_some_and(|texts| texts.ours.contains("\r\n"));
            match own(if has_carriage { text.replace('\n', "\r\n") } else { text }) {
                Ok(by) => Some(by),
                Err(why) => return wrong(why),
            }
        }
        (_, "value") => match Own::of(at, found)?.map(|own| own.read(at, form)) {
            Some(Ok(by)) => Some(by),
            Some(Err(why)) => return wrong(&why),
            None => return wrong("Choose one of the ways out."),
        },
        (_, "names") => match Name::new(form.get("to").trim()) {
            Ok(to) => {
                let rename = if form.get("rename") == "theirs" { Side::Parent } else { Side::Version };
                Some(Resolution::Both { rename, to })
            }
            Err(error) => return wrong(&super::list::sentence(&error)),
        },
        (_, "rescue") => match rescue(at, form)? {
            Ok(by) => Some(by),
            Err(why) => return wrong(&why),
        },
        _ => return wrong("Choose one of the ways out."),
    };
    let is_taken_back = chosen.is_none();
    match at.database.resolve(&found.id, chosen, at.request.actor().name()) {
        Ok(()) if is_taken_back => Ok(PageAnswer::SeeOther(at.url(&["conflicts", &found.id]))),
        Ok(()) => {
            let next = match next_open(at, all, place)? {
                Some(id) => at.url(&["conflicts", id]),
                None => at.url(&["conflicts"]),
            };
            Ok(PageAnswer::SeeOther(format!("{next}?settled={}", found.id)))
        }
        Err(VersionError::DoesNotSettle(_)) => wrong(match form.get("choice") {
            "names" => "That name is taken there, too: choose another one.",
            "same" => {
                "They cannot become one: they are of different types, or something else about them is open."
            }
            _ => "That does not settle it, or would make a new conflict: choose another way.",
        }),
        Err(VersionError::NoSuchConflict(_)) => Ok(PageAnswer::SeeOther(at.url(&["conflicts"]))),
        Err(error) => Err(at.request.told(error)),
    }
}

fn rescue(at: &At<'_>, form: &bough_web::pages::PageForm) -> Result<Result<Resolution, String>, PageError> {
    let ticked: Vec<Oid> = form.all("rescue").filter_map(|oid| oid.parse().ok()).take(INNER_MAX).collect();
    if ticked.is_empty() {
        return Ok(Err("Tick what is to be kept.".into()));
    }
    let path = form.get("container").trim();
    let parsed = match ObjectPath::parse(path) {
        Ok(parsed) => parsed,
        Err(error) => return Ok(Err(super::list::sentence(&error))),
    };
    Ok(match at.find(&parsed)? {
        Some(container) => Ok(Resolution::Rescue(ticked.into_iter().map(|oid| (oid, container)).collect())),
        None => Err(format!("There is nothing at {path} to move it into.")),
    })
}

/// Browsers send lines ended by two characters.
fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}
