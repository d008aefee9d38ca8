//! Update and merge: first what they would do, then the doing.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use askama::Template;
use axum::http::StatusCode;
use bough_core::merge::plan::{Notice, Side};
use bough_core::security::permission::HISTORY;
use bough_core::{CellKey, Oid};
use bough_store::version::{MergeChoice, MergePlan, Pick, RightsNotice, VersionError};
use bough_web::pages::{PageAnswer, PageError};

use super::at::{At, Head};
use super::discard::{asked, fields, nothing_ticked, picked};
use super::list::sentence;
use super::shown::{self, Pair};
use crate::diff::CellDiff;
use crate::frame::Frame;
use crate::text::{self, Time};
use crate::{message, page};

/// How many objects are shown one by one.
const OBJECTS_MAX: usize = 100;
/// How many bytes of comparisons a page has.
const SHOWN_BYTES_MAX: usize = 80_000;
/// With so many objects at most, what changes of them is shown at once.
const OPEN_MAX: usize = 8;
/// How many commits of the parent line are named.
const COMMITS_MAX: usize = 50;
/// How many are counted.
const BEHIND_MAX: usize = 1_000;
/// How many sentences of one kind are shown.
const NOTES_MAX: usize = 50;
/// Longest sentence that somebody gives a merge, in characters.
const WORDS_CHARS: usize = 400;

#[derive(Template)]
#[template(path = "versions_plan.html")]
struct PlanPage {
    frame: Frame,
    head: Head,
    is_merge: bool,
    wrong: Option<String>,
    /// What was ticked, as fields; none for all.
    picks: Vec<(&'static str, String)>,
    objects: String,
    /// How many objects the open conflicts are about that do not change otherwise.
    in_conflict: String,
    is_nothing: bool,
    open: usize,
    settled: usize,
    rows: Vec<Row>,
    more: usize,
    hidden: usize,
    urls: Vec<(String, String)>,
    /// What is worth knowing, by heading.
    notes: Vec<(&'static str, Vec<String>)>,
    denied: Vec<String>,
    commits: Vec<Commit>,
    behind_text: String,
    may_see_commits: bool,
    more_commits: bool,
    mark: String,
    words: String,
    close: bool,
    may_close: bool,
    is_parent_public: bool,
    url: String,
    desk_url: String,
    pages_url: String,
}

struct Row {
    path: String,
    cells: Vec<CellDiff>,
    is_unfolded: bool,
}

struct Commit {
    sentence: String,
    principal: String,
    time: Time,
}

/// What was typed, and what is wrong with it.
#[derive(Default)]
struct Typed {
    words: String,
    close: bool,
    wrong: Option<(StatusCode, String)>,
}

/// `@@manage/versions/NAME/update`.
pub(super) fn update(at: &At<'_>) -> Result<PageAnswer, PageError> {
    if !at.is_open() {
        return Err(closed(at));
    }
    if !at.request.is_post() {
        let plan = at.database.update_preview(None).map_err(|error| at.request.told(error))?;
        return show(at, false, &[], &plan, Typed::default());
    }
    let form = at.request.form()?;
    let plan = at.database.update_preview(None).map_err(|error| at.request.told(error))?;
    if !plan.conflicts.is_empty() {
        return Ok(PageAnswer::SeeOther(at.url(&["conflicts"]) + "?refused=update"));
    }
    // What was said beforehand is what is done.
    if form.get("mark") != mark(&plan) {
        let why = "Something changed meanwhile, and the update would do something else now. Nothing was updated: look again.";
        let typed = Typed { wrong: Some((StatusCode::CONFLICT, why.into())), ..Typed::default() };
        return show(at, false, &[], &plan, typed);
    }
    match at.database.update(None, at.note(format!("Updated version {}", at.info.name))) {
        Ok(updated) => Ok(message::done(&at.url(&[]), updated.tid)),
        Err(VersionError::Conflicts(_)) => {
            Ok(PageAnswer::SeeOther(at.url(&["conflicts"]) + "?refused=update"))
        }
        Err(error) => Err(at.request.told(error)),
    }
}

/// `@@manage/versions/NAME/merge`.
pub(super) fn merge(at: &At<'_>) -> Result<PageAnswer, PageError> {
    if !at.is_open() {
        return Err(closed(at));
    }
    let request = at.request;
    let warrant = request.warrant();
    if !request.is_post() {
        let Some(picks) = asked(at)? else { return Ok(nothing_ticked(at)) };
        return match at.database.merge_preview_under(&choice(&picks, false), Some(&*warrant)) {
            Ok(plan) => show(at, true, &picks, &plan, Typed::default()),
            Err(VersionError::NothingSelected) => Err(nothing_selected()),
            Err(error) => Err(request.told(error)),
        };
    }
    let form = request.form()?;
    let picks = picked(form.all("pick"), form.all("below"))?;
    let words = text::shortened(form.get("words").trim(), WORDS_CHARS);
    let close = form.get("close") == "yes";
    if close {
        at.require_management()?;
    }
    let typed = |status, why: &str| Typed { words: words.clone(), close, wrong: Some((status, why.into())) };
    let choice = choice(&picks, close);
    let plan = match at.database.merge_preview_under(&choice, Some(&*warrant)) {
        Ok(plan) => plan,
        Err(VersionError::NothingSelected) => return Err(nothing_selected()),
        Err(error) => return Err(request.told(error)),
    };
    if !plan.conflicts.is_empty() {
        return Ok(PageAnswer::SeeOther(at.url(&["conflicts"]) + "?refused=merge"));
    }
    if !plan.denied.is_empty() {
        let why = "Nothing was merged: there are changes that you may not make there.";
        return show(at, true, &picks, &plan, typed(StatusCode::FORBIDDEN, why));
    }
    // What was said beforehand is what is done.
    if form.get("mark") != mark(&plan) {
        let why = "Something changed meanwhile, and the merge would do something else now. Nothing was merged: look again.";
        return show(at, true, &picks, &plan, typed(StatusCode::CONFLICT, why));
    }
    let what = if picks.is_empty() { "" } else { "a part of " };
    let behind = if words.is_empty() { String::new() } else { format!(": {words}") };
    let told = format!("Merged {what}version {} into {}{behind}", at.info.name, at.parent_text());
    match at.database.merge(&choice, at.note(told)) {
        Ok(merged) => match merged.tid {
            Some(tid) => Ok(message::done(&at.url_on_parent(&[])?, Some(tid))),
            None => Ok(message::done(&at.url(&[]), None)),
        },
        Err(VersionError::Conflicts(_)) => {
            Ok(PageAnswer::SeeOther(at.url(&["conflicts"]) + "?refused=merge"))
        }
        Err(error @ (VersionError::Incomplete(_) | VersionError::HasVersions(_))) => {
            show(at, true, &picks, &plan, typed(StatusCode::CONFLICT, &sentence(&error)))
        }
        Err(error) => Err(request.told(error)),
    }
}

pub(super) fn closed(at: &At<'_>) -> PageError {
    let (name, status) = (&at.info.name, at.info.status.word());
    PageError::refused(format!("Version {name} is {status}: open it again in its settings first."))
}

pub(super) fn nothing_selected() -> PageError {
    PageError::refused(
        "The version changed nothing of what was ticked: it may have been merged or discarded meanwhile.",
    )
}

pub(super) fn choice(picks: &[Pick], close: bool) -> MergeChoice {
    MergeChoice { only: (!picks.is_empty()).then(|| picks.to_vec()), close }
}

/// Stands for what a plan does: another one has another mark.
fn mark(plan: &MergePlan) -> String {
    let mut hasher = DefaultHasher::new();
    format!("{:?}", (plan.objects, &plan.cells, &plan.urls, &plan.along, &plan.dangling, &plan.rights))
        .hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn show(
    at: &At<'_>,
    is_merge: bool,
    picks: &[Pick],
    plan: &MergePlan,
    typed: Typed,
) -> Result<PageAnswer, PageError> {
    let (rows, more, hidden) = rows(at, plan)?;
    let behind = at.database.commits_behind(BEHIND_MAX)?;
    let may_see_commits = at.parent.access.allows_at(HISTORY, Oid::ROOT)?;
    let commits = if is_merge || !may_see_commits { Vec::new() } else { commits(at)? };
    let (status, wrong) = typed.wrong.map_or((StatusCode::OK, None), |(status, why)| (status, Some(why)));
    let page = PlanPage {
        frame: at.frame(if is_merge { "Merge" } else { "Update" })?,
        head: at.head(if is_merge { "merge" } else { "update" })?,
        is_merge,
        wrong,
        picks: fields(picks),
        objects: text::counted(plan.objects, "object", "objects"),
        in_conflict: text::counted(in_conflict(plan), "object", "objects"),
        is_nothing: if is_merge { plan.objects == 0 && plan.conflicts.is_empty() } else { behind == 0 },
        open: plan.conflicts.len(),
        settled: plan.settled.len(),
        rows,
        more,
        hidden,
        urls: urls(at, plan)?,
        notes: notes(at, plan)?,
        denied: denied(at, plan)?,
        more_commits: behind > commits.len(),
        commits,
        behind_text: match behind {
            BEHIND_MAX => format!("at least {}", text::counted(behind as u64, "change", "changes")),
            behind => text::counted(behind as u64, "change", "changes"),
        },
        may_see_commits,
        mark: mark(plan),
        words: typed.words,
        close: typed.close,
        may_close: at.may_manage()?,
        is_parent_public: at.info.parent_name.is_none(),
        url: at.url(&[]),
        desk_url: at.url(&["conflicts"]),
        pages_url: at.url(&["pages"]) + &super::pages::query(picks).replacen('&', "?", 1),
    };
    page::show_as(status, &page)
}

/// How many objects have something open and are not among those that change anyway.
fn in_conflict(plan: &MergePlan) -> u64 {
    let mut open: HashSet<Oid> =
        plan.conflicts.iter().filter_map(|found| super::desk::object_of(&found.conflict.key)).collect();
    for delta in &plan.cells {
        open.remove(&delta.oid);
    }
    open.len() as u64
}

/// The objects that change with their cells, how many are not shown, and how many may not be seen.
fn rows(at: &At<'_>, plan: &MergePlan) -> Result<(Vec<Row>, usize, usize), PageError> {
    let (mut rows, mut hidden): (Vec<Row>, usize) = (Vec::new(), 0);
    // Where things go is known to the version, where a container may be new.
    let states = ((&at.parent, "Now"), (&at.version, "Then"));
    let mut pair = Pair::new(at, states.0, states.1, SHOWN_BYTES_MAX);
    let mut of = None;
    for delta in &plan.cells {
        if of != Some(delta.oid) {
            of = Some(delta.oid);
            match at.path(delta.oid)? {
                Some(path) if rows.len() < OBJECTS_MAX => {
                    rows.push(Row { path, cells: Vec::new(), is_unfolded: plan.objects <= OPEN_MAX as u64 });
                }
                Some(_) => break,
                None => {
                    hidden += 1;
                    continue;
                }
            }
        }
        let is_hidden = at.path(delta.oid)?.is_none();
        // Of what is new as a whole, what it is and whose says little.
        let is_told = delta.before.is_some() || !matches!(delta.cell, CellKey::Type | CellKey::Owner);
        if let Some(row) = rows.last_mut().filter(|_| !is_hidden && is_told) {
            row.cells.push(pair.cell(delta.oid, (&delta.cell, delta.before.as_ref(), delta.after.as_ref()))?);
        }
    }
    let more = usize::try_from(plan.objects).unwrap_or(usize::MAX).saturating_sub(rows.len() + hidden);
    Ok((rows, more, hidden))
}

/// The paths that change, of objects that may be seen.
fn urls(at: &At<'_>, plan: &MergePlan) -> Result<Vec<(String, String)>, PageError> {
    let oids: HashMap<String, Oid> = plan
        .cells
        .iter()
        .filter(|delta| delta.cell == CellKey::Place)
        .filter_map(|delta| Some((delta.path.as_ref()?.to_string(), delta.oid)))
        .collect();
    let mut urls = Vec::new();
    for url in plan.urls.iter().filter(|url| url.before != url.after) {
        let text = |path: &Option<bough_core::ObjectPath>| path.as_ref().map(ToString::to_string);
        let (before, after) = (text(&url.before), text(&url.after));
        let oid = before.as_ref().or(after.as_ref()).and_then(|path| oids.get(path));
        let may_see = oid.map(|oid| at.path(*oid)).transpose()?.flatten().is_some();
        if may_see && urls.len() < NOTES_MAX {
            let (before, after) =
                (before.unwrap_or_else(|| "new".into()), after.unwrap_or_else(|| "gone".into()));
            urls.push((before, after));
        }
    }
    Ok(urls)
}

/// What is worth knowing.
fn notes(at: &At<'_>, plan: &MergePlan) -> Result<Vec<(&'static str, Vec<String>)>, PageError> {
    let parent = at.parent_text();
    let mut along = Vec::new();
    for oid in plan.along.iter().take(NOTES_MAX) {
        along.push(format!("{}: what you ticked stands in it", at.name(*oid)?));
    }
    let mut dangling = Vec::new();
    for (from, to) in plan.dangling.iter().take(NOTES_MAX) {
        dangling.push(format!("{} refers to {}, which goes away", at.name(*from)?, at.name(*to)?));
    }
    let mut leading = Vec::new();
    if at.info.parent_name.is_none() {
        for link in at.request.links_into_versions(&at.database, plan)?.iter().take(NOTES_MAX) {
            let cell = shown::cell_name(at, link.oid, &CellKey::Attribute(link.attribute.clone()))?;
            leading.push(match at.path(link.oid)? {
                Some(path) => format!("{path}: its {cell} leads to {}", link.link),
                None => at.name(link.oid)?,
            });
        }
    }
    let mut rights = Vec::new();
    for notice in plan.rights.iter().take(NOTES_MAX) {
        rights.push(match notice {
            RightsNotice::Changed { oid, container } => format!(
                "Who may do what in {} was changed on {parent}: that holds for {}, too",
                at.name(*container)?,
                at.name(*oid)?
            ),
            RightsNotice::Unowned { oid, .. } => {
                format!(
                    "The owner of {} is no user any more: nobody has an owner's rights there",
                    at.name(*oid)?
                )
            }
        });
    }
    let mut others = Vec::new();
    for notice in plan.notices.iter().take(NOTES_MAX) {
        others.push(match notice {
            Notice::Survived { oid, deleted, by } => {
                let by = if *by == Side::Version { "this version" } else { parent.as_str() };
                format!(
                    "{} stays, although {by} deleted {}: it was moved out",
                    at.name(*oid)?,
                    at.name(*deleted)?
                )
            }
            Notice::OrderOfParent(oid) => {
                format!("{} keeps the standing that it has on {parent}", at.name(*oid)?)
            }
        });
    }
    let all = [
        ("Comes along", along),
        ("References that lead nowhere afterwards", dangling),
        ("Links into a version, which visitors cannot follow", leading),
        ("Who may do what", rights),
        ("Good to know", others),
    ];
    Ok(all.into_iter().filter(|(_, notes)| !notes.is_empty()).collect())
}

fn denied(at: &At<'_>, plan: &MergePlan) -> Result<Vec<String>, PageError> {
    let mut denied = Vec::new();
    for denial in plan.denied.iter().take(NOTES_MAX) {
        denied.push(format!(
            "{} of {}: that takes “{}” at {}",
            shown::cell_name(at, denial.oid, &denial.key)?,
            at.name(denial.oid)?,
            denial.permission,
            at.name(denial.at)?
        ));
    }
    let more = plan.denied.len().saturating_sub(NOTES_MAX);
    if more > 0 {
        denied.push(format!("and {} more", text::grouped(more as u64)));
    }
    Ok(denied)
}

/// The newest commits of the parent line since the base.
fn commits(at: &At<'_>) -> Result<Vec<Commit>, PageError> {
    let records = at.parent_database.commits(None, COMMITS_MAX)?;
    let since = records.into_iter().take_while(|record| record.tid > at.info.base);
    since
        .map(|record| {
            Ok(Commit {
                sentence: at.told(at.info.parent, record.tid, &record.sentence)?,
                principal: record.principal,
                time: Time::of_micros(record.time_micros),
            })
        })
        .collect()
}
