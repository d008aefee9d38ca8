//! What taking commits back would do, and what stands against it, with the ways out.

use std::collections::HashSet;
use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use bough_core::{CellKey, Content, Object, Oid, Snapshot as _, Tid};
use bough_store::{Blocker, BlockerReason, CellDelta, CommitError, Kind, Snapshot, UndoError, UndoPlan};
use bough_web::auth::local_path;
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::wanted::Wanted;
use crate::diff::{CellDiff, Deed, Layout, ObjectDiff, Room, State, Teller};
use crate::frame::Frame;
use crate::message::Message;
use crate::past::{CommitRow, Rows, before, last_path, snapshot_at};
use crate::{page, text};

/// How many objects and blockers are shown one by one.
const OBJECTS_MAX: usize = 40;
const BLOCKERS_MAX: usize = 60;
const URLS_MAX: usize = 60;
/// How many of the commits are shown one by one.
const COMMITS_MAX: usize = 50;

/// Something that stands against it.
struct Against {
    /// What it is about.
    what: String,
    /// Why it stands against it.
    why: String,
    /// What is there now and what it would go back to.
    cells: Vec<CellDiff>,
    /// The later change that is the cause.
    later: Option<CommitRow>,
    /// The ways out: what the link says, and where it leads.
    ways: Vec<(&'static str, String)>,
}

struct Kept {
    what: String,
    /// Where it is not kept any more.
    change_url: String,
}

#[derive(Template)]
#[template(path = "undo_preview.html")]
struct PreviewPage {
    frame: Frame,
    heading: String,
    commits: Vec<CommitRow>,
    commits_more: usize,
    against: Vec<Against>,
    against_more: usize,
    /// Take the later changes back, too, all of them; keep all that they changed.
    all_too: Option<String>,
    keep_all: Option<String>,
    denied: Vec<String>,
    kept: Vec<Kept>,
    urls: Vec<(String, String)>,
    urls_more: usize,
    objects: Vec<ObjectDiff>,
    objects_total: String,
    objects_more: u64,
    hidden: usize,
    /// Whether there is anything to be done, and nothing against it.
    can_be_done: bool,
    is_merge: bool,
    for_good: bool,
    fields: Vec<(&'static str, String)>,
    button: String,
    undo_url: String,
    back_url: String,
    layout_url: String,
    is_inline: bool,
}

/// `undo/preview`.
pub(super) fn page(request: &PageRequest, wanted: &Wanted) -> Result<PageAnswer, PageError> {
    super::require_undo(request, &wanted.of)?;
    page::show(&preview(request, wanted)?)
}

/// What a form sees that could not be carried out as it was sent.
pub(super) fn blocked(request: &PageRequest, wanted: &Wanted) -> Result<PageAnswer, PageError> {
    let mut preview = preview(request, wanted)?;
    let text = match preview.against.len() {
        0 => {
            "Nothing was changed yet: somebody else changed the same meanwhile. This is what undoing would do now."
        }
        _ => "Nothing was changed yet: something stands against it. Choose what shall become of it.",
    };
    preview.frame = preview.frame.saying(Message { mood: "warn", text: text.into(), undo: None });
    page::show_as(StatusCode::CONFLICT, &preview)
}

fn preview(request: &PageRequest, wanted: &Wanted) -> Result<PreviewPage, PageError> {
    let database = request.database();
    let mut denials = Vec::new();
    let plan = match database.undo_preview_under(&wanted.of, &wanted.choices, Some(request.warrant())) {
        Ok(plan) => plan,
        Err(UndoError::Commit(CommitError::Denied(denied))) => {
            denials = denied;
            database.undo_preview(&wanted.of, &wanted.choices)?
        }
        Err(error) => return Err(request.told(error)),
    };
    let layout = Layout::of_query(request.query("show"));
    let now = database.snapshot();
    // What comes back can be seen as it was before the oldest of the commits.
    let oldest = wanted.of.iter().min().copied().unwrap_or(Tid::MAX);
    let then = snapshot_at(request, before(oldest)).unwrap_or_else(|_| now.clone());
    let teller = Teller {
        request,
        before: State::new(request, &now, "Now"),
        after: State::new(request, &then, "Then"),
        layout,
        room: Room::default(),
    };
    let told = Told { request, wanted, teller: &teller, now: &now };
    let rows = Rows::new(request)?;
    let mut commits = Vec::new();
    let mut kinds = Vec::new();
    for tid in plan.of.iter().take(COMMITS_MAX) {
        let record = database.commit_record(*tid)?;
        commits.push(rows.row(&record)?);
        kinds.push(record.kind);
    }
    let (objects, hidden) = told.objects(&plan)?;
    let urls = told.urls(&plan)?;
    let groups = grouped(&plan.blockers);
    let against: Vec<Against> =
        groups.iter().take(BLOCKERS_MAX).map(|group| told.against(group, &rows)).collect::<Result<_, _>>()?;
    let denied = told.denied(&denials)?;
    let is_redo = commits.iter().all(|row| row.kind == "undo");
    let count = plan.of.len() as u64;
    let verb = if is_redo { "Redo" } else { "Undo" };
    let what = if count == 1 { "this change".into() } else { text::counted(count, "change", "changes") };
    let heading = format!("{verb} {what}?");
    let preview_url = request.page_url(request.object()?.oid(), &["undo", "preview"])?;
    let other_layout = if layout == Layout::Inline { "" } else { "&show=inline" };
    let back = wanted.back.as_deref().and_then(local_path);
    let undo_url = request.page_url(request.object()?.oid(), &["undo"])?;
    Ok(PreviewPage {
        frame: Frame::new(request, request.object()?, &heading)?,
        heading,
        commits_more: plan.of.len().saturating_sub(COMMITS_MAX),
        commits,
        against_more: groups.len().saturating_sub(BLOCKERS_MAX),
        all_too: told.all_too(&plan),
        keep_all: told.keep_all(&plan),
        against,
        can_be_done: plan.blockers.is_empty() && denied.is_empty() && plan.objects > 0,
        denied,
        kept: told.kept()?,
        urls_more: urls.len().saturating_sub(URLS_MAX),
        urls: urls.into_iter().take(URLS_MAX).collect(),
        objects_more: plan.objects.saturating_sub((objects.len() + hidden) as u64),
        objects_total: text::counted(plan.objects, "object", "objects"),
        objects,
        hidden,
        is_merge: kinds.iter().any(|kind| matches!(kind, Kind::Merge { .. })),
        for_good: !wanted.choices.reopen,
        fields: wanted.fields().into_iter().filter(|(key, _)| *key != "for_good").collect(),
        button: format!("{verb} {what}"),
        back_url: back.map_or_else(|| undo_url.clone(), str::to_owned),
        undo_url,
        layout_url: format!("{preview_url}?{}{other_layout}", wanted.query()),
        is_inline: layout == Layout::Inline,
    })
}

struct Told<'a> {
    request: &'a PageRequest,
    wanted: &'a Wanted,
    teller: &'a Teller<'a>,
    now: &'a Snapshot,
}

impl Told<'_> {
    fn url(&self, wanted: &Wanted) -> String {
        let oid = self.request.object().map_or(Oid::ROOT, |object| object.oid());
        let url = self.request.page_url(oid, &["undo", "preview"]).unwrap_or_default();
        format!("{url}?{}", wanted.query())
    }

    /// The object as it is or, where it is not there, as it would be.
    fn object(&self, oid: Oid) -> Result<Arc<Object>, PageError> {
        let is_whole = |object: &Arc<Object>| object.type_name().is_some();
        let now = self.now.object(oid)?.filter(is_whole);
        let then = match now {
            Some(now) => return Ok(now),
            None => self.teller.after.snapshot.object(oid)?.filter(is_whole),
        };
        Ok(then.unwrap_or_else(|| Arc::new(Object::new(oid, Tid::ZERO, Vec::new()))))
    }

    fn path(&self, oid: Oid) -> Result<String, PageError> {
        if !self.teller.may_see(oid) {
            return Ok("something that you may not see".into());
        }
        if let Some(path) = self.request.path_in(self.now, oid)? {
            return Ok(path.to_string());
        }
        Ok(last_path(self.request, self.now, oid)?.unwrap_or_else(|| oid.to_string()))
    }

    /// What becomes of each object, and of how many nothing is said.
    fn objects(&self, plan: &UndoPlan) -> Result<(Vec<ObjectDiff>, usize), PageError> {
        let (mut shown, mut hidden) = (Vec::new(), 0);
        for cells in plan.cells.chunk_by(|a, b| a.oid == b.oid) {
            if shown.len() >= OBJECTS_MAX {
                break;
            }
            let oid = cells[0].oid;
            let object = self.object(oid)?;
            let found: Vec<_> = cells
                .iter()
                .map(|delta| (&delta.cell, delta.before.as_ref(), delta.after.as_ref()))
                .collect();
            match self.teller.told(oid, deed(cells), &object, &found)? {
                Some(diff) => shown.push(diff),
                None => hidden += 1,
            }
        }
        Ok((shown, hidden))
    }

    /// The addresses that change, as far as they may be known.
    fn urls(&self, plan: &UndoPlan) -> Result<Vec<(String, String)>, PageError> {
        let mut seen = HashSet::new();
        let visible: HashSet<_> = plan
            .cells
            .iter()
            .filter(|cell| self.teller.may_see(cell.oid))
            .filter_map(|cell| cell.path.clone())
            .collect();
        let mut urls = Vec::new();
        for url in plan.urls.iter().filter(|url| url.before != url.after) {
            let Some(shown) = url.before.as_ref().or(url.after.as_ref()) else { continue };
            if visible.contains(shown) && seen.insert(shown.clone()) {
                let text = |path: &Option<bough_core::ObjectPath>| {
                    path.as_ref().map_or_else(|| "nothing".into(), ToString::to_string)
                };
                urls.push((text(&url.before), text(&url.after)));
            }
        }
        Ok(urls)
    }

    /// What the same later change has to do with one object.
    fn against(&self, group: &[&Blocker], rows: &Rows<'_>) -> Result<Against, PageError> {
        let Some(blocker) = group.first() else { return Err(PageError::not_found()) };
        let oid = blocker.oid;
        let mut cells = Vec::new();
        let mut ways = Vec::new();
        if let Some(later) = &blocker.later
            && !self.wanted.of.contains(&later.tid)
        {
            ways.push(("Undo that change, too", self.url(&self.wanted.with_commits([later.tid]))));
        }
        let keys: Vec<_> =
            group.iter().filter_map(|blocker| Some((oid, kept_key(&blocker.reason)?))).collect();
        if !keys.is_empty() {
            ways.push(("Keep this as it is now", self.url(&self.wanted.keeping(keys))));
        }
        let mut labels = Vec::new();
        for blocker in group {
            if let BlockerReason::Cell(blocked) = &blocker.reason {
                let object = self.object(oid)?;
                labels.push(self.teller.label(&object, &blocked.cell));
                if self.teller.may_see(oid) {
                    // As it really is, not as it would be once the newer ones of the commits are taken back.
                    let is = object.content(&blocked.cell).or(blocked.now.as_ref());
                    let differing = (&blocked.cell, is, blocked.before.as_ref());
                    cells.push(self.teller.cell(&object, differing)?);
                }
            }
        }
        let why = match &blocker.reason {
            BlockerReason::Cell(_) => format!("Changed again later: {}", labels.join(", ")),
            BlockerReason::NameTaken { name, by } => {
                format!("Its name “{name}” is taken by another object now: {}", self.path(*by)?)
            }
            BlockerReason::Child { name, oid } if self.teller.may_see(*oid) => {
                format!("“{name}” stands in it by now, and would have no place any more")
            }
            BlockerReason::Child { .. } => {
                "Something stands in it by now, and would have no place any more".into()
            }
            BlockerReason::Referenced { by } => {
                ways.push((
                    "Undo all the same, and let such references lead nowhere",
                    self.url(&self.wanted.despite_references()),
                ));
                format!("It would go away, and {} refers to it", self.path(*by)?)
            }
            BlockerReason::Deleted => "It was deleted later".into(),
            BlockerReason::ParentGone => "The place to which it would go back is not there any more".into(),
            BlockerReason::Cycle => "It would come to stand in itself".into(),
            other => other.to_string(),
        };
        let later = blocker.later.as_ref().map(|record| rows.row(record)).transpose()?;
        Ok(Against { what: self.path(oid)?, why, cells, later, ways })
    }

    /// Everything that the later changes are, too.
    fn all_too(&self, plan: &UndoPlan) -> Option<String> {
        let later: Vec<Tid> = plan
            .blockers
            .iter()
            .filter_map(|blocker| blocker.later.as_ref().map(|record| record.tid))
            .collect();
        let more = self.wanted.with_commits(later);
        (plan.blockers.len() > 1 && more.of.len() > self.wanted.of.len()).then(|| self.url(&more))
    }

    fn keep_all(&self, plan: &UndoPlan) -> Option<String> {
        let cells =
            plan.blockers.iter().filter_map(|blocker| Some((blocker.oid, kept_key(&blocker.reason)?)));
        let kept = self.wanted.keeping(cells);
        (plan.blockers.len() > 1 && kept != *self.wanted).then(|| self.url(&kept))
    }

    fn kept(&self) -> Result<Vec<Kept>, PageError> {
        let mut kept = Vec::new();
        for (nth, (oid, key)) in self.wanted.choices.skip.iter().enumerate() {
            let label = self.teller.label(&*self.object(*oid)?, key);
            let what = format!("{label} of {}", self.path(*oid)?);
            kept.push(Kept { what, change_url: self.url(&self.wanted.not_keeping(nth)) });
        }
        Ok(kept)
    }

    /// What of it whoever asks may not change.
    fn denied(&self, denials: &[bough_core::security::Denial]) -> Result<Vec<String>, PageError> {
        let mut said = Vec::new();
        for denial in denials.iter().take(BLOCKERS_MAX) {
            let sentence = if self.teller.may_see(denial.oid) {
                let label = self.teller.label(&*self.object(denial.oid)?, &denial.key);
                format!(
                    "{label} of {}: this takes the permission “{}”",
                    self.path(denial.oid)?,
                    denial.permission
                )
            } else {
                "something that you may not see".into()
            };
            if !said.contains(&sentence) {
                said.push(sentence);
            }
        }
        Ok(said)
    }
}

/// The blockers, those together that the same later change made of the cells of one object. Where several of the undone
/// commits wrote a cell, the oldest says what it would go back to.
fn grouped(blockers: &[Blocker]) -> Vec<Vec<&Blocker>> {
    let cell = |blocker: &Blocker| match &blocker.reason {
        BlockerReason::Cell(blocked) => Some(blocked.cell.clone()),
        _ => None,
    };
    let later = |blocker: &Blocker| blocker.later.as_ref().map(|record| record.tid);
    let mut groups: Vec<Vec<&Blocker>> = Vec::new();
    for blocker in blockers {
        let same_cell = |other: &&Blocker| other.oid == blocker.oid && cell(other) == cell(blocker);
        if cell(blocker).is_some() {
            if let Some(known) = groups.iter_mut().flatten().find(|other| same_cell(other)) {
                *known = blocker;
                continue;
            }
            let together = groups.iter_mut().find(|group| {
                group.iter().all(|other| {
                    other.oid == blocker.oid && cell(other).is_some() && later(other) == later(blocker)
                })
            });
            if let Some(together) = together {
                together.push(blocker);
                continue;
            }
        } else if groups
            .iter()
            .flatten()
            .any(|other| other.oid == blocker.oid && other.reason == blocker.reason)
        {
            continue;
        }
        groups.push(vec![blocker]);
    }
    groups
}

/// The cell that can be kept so that this does not stand against it any more.
fn kept_key(reason: &BlockerReason) -> Option<CellKey> {
    match reason {
        BlockerReason::Cell(blocked) => Some(blocked.cell.clone()),
        BlockerReason::NameTaken { .. } | BlockerReason::ParentGone | BlockerReason::Cycle => {
            Some(CellKey::Place)
        }
        _ => None,
    }
}

/// What would become of an object, by the cells that would change.
fn deed(cells: &[CellDelta]) -> Deed {
    let change = |key: &CellKey| cells.iter().find(|delta| delta.cell == *key);
    let place = change(&CellKey::Place).map(|delta| (&delta.before, &delta.after));
    match place {
        Some((Some(_), None)) if change(&CellKey::Type).is_some_and(|delta| delta.after.is_none()) => {
            Deed::Unmade
        }
        Some((Some(_), None)) => Deed::Deleted,
        Some((None, Some(_))) if change(&CellKey::Type).is_none() => Deed::Returned,
        Some((None, Some(_))) => Deed::Added,
        Some((Some(Content::Place(was)), Some(Content::Place(is))))
            if (was.parent, &was.name) != (is.parent, &is.name) =>
        {
            Deed::Moved
        }
        _ => Deed::Changed,
    }
}
