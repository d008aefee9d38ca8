//! A version and its parent line: brought together, and what stands against that.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bough_core::merge::plan::{ConflictKey, ConflictKind, Deed, Notice, Resolution, Side};
use bough_core::rank::Rank;
use bough_core::security::permission::VIEW;
use bough_core::{CellKey, Content, Oid, Snapshot as _};
use bough_store::version::{
    Decided, Made, MergeChoice, MergePlan, Merged, Pick, VersionConflict, VersionError,
};
use bough_store::{Database, Kind, LineId, Snapshot};

use super::call::{Answer, Call, cell_text, parse_cell, parse_name, parse_path};
use super::dto::{Attribute, UndoBody, UndoLink};
use super::dto_version as dto;
use super::undo::Sides;
use super::value::{Reader, Wanted, find_from, rfc3339};
use super::version::{addressed, part_url};
use crate::error::PublishError;
use crate::problem::{Code, Problem};
use crate::survey::{PageChange, Survey};
use crate::version_links::links_into_versions;
use crate::version_names::first_unchanged;
use crate::version_rights::{require_discard, require_management};

/// How long one answer looks at pages before it says where to go on.
const LOOKS_FOR: Duration = Duration::from_secs(5);
/// How many conflicts a plan tells.
const CONFLICTS_MAX: usize = 100;
/// How many changes that are not allowed are named.
const DENIALS_MAX: usize = 100;
/// How many objects inside a deleted one are named.
const INNER_MAX: usize = 100;
/// Most parts of a version that one request names.
const PICKS_MAX: usize = 1_000;

/// `POST /@@versions/NAME/update`.
pub(super) fn update(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::Update = call.json_or_default()?;
    let (database, info) = addressed(call)?;
    let shower = Shower::of(call, &database)?;
    let sentence = format!("Updated version {}", info.name);
    if wanted.preview {
        let plan = database.update_preview(None)?;
        return Answer::ok(&shower.plan(&plan, None, sentence)?);
    }
    let updated = database.update(None, call.note(&sentence, Kind::Edit));
    let nothing = format!("Nothing changed: version {} has all of its parent line", info.name);
    shower.done(updated, sentence, nothing)
}

/// `POST /@@versions/NAME/merge`.
pub(super) fn merge(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::Merge = call.json_or_default()?;
    let (database, info) = addressed(call)?;
    if wanted.close {
        require_management(&call.visit.access, &info)?;
    }
    let shower = Shower::of(call, &database)?;
    let only = wanted.only.as_deref().map(|only| shower.picks(only)).transpose()?;
    let sentence = match &only {
        None => format!("Merged version {}", info.name),
        Some(_) => format!("Merged a part of version {}", info.name),
    };
    if let Some(picks) = &only {
        require_changed(&database, picks)?;
    }
    let choice = MergeChoice { only, close: wanted.close };
    if wanted.preview {
        let plan = database.merge_preview_under(&choice, Some(&*call.warrant()))?;
        return Answer::ok(&shower.plan(&plan, None, sentence)?);
    }
    let merged = database.merge(&choice, call.note(&sentence, Kind::Edit));
    let nothing = match wanted.close {
        true => format!("Closed version {}: there was nothing to merge", info.name),
        false => "Nothing changed: there was nothing to merge".to_owned(),
    };
    shower.done(merged, sentence, nothing)
}

/// `GET /@@versions/NAME/pages`.
pub(super) fn pages(call: &Call<'_>) -> Result<Answer, PublishError> {
    let (database, _) = addressed(call)?;
    let limit = call.number("limit", 100, 1_000)?.max(1);
    let (actor, origin) = (call.visit.access.actor().clone(), call.asked.origin.clone());
    let mut survey = Survey::by(call.publisher, actor, origin, &database, &MergeChoice::default())?;
    if let Some(next) = call.query("next") {
        survey.resume(next)?;
    }
    let until = (Instant::now() + LOOKS_FOR).min(call.asked.deadline);
    let surveyed = survey.go_on(limit, until)?;
    let page = |change: PageChange| {
        let (how, to) = (change.how.word(), change.how.moved_to().map(str::to_owned));
        let because = change.because.iter().map(ToString::to_string).collect();
        dto::ChangedPage { url: change.url, how, to, is_direct: change.is_direct, because }
    };
    Answer::ok(&dto::ChangedPages {
        items: surveyed.changes.into_iter().map(page).collect(),
        looked_at: surveyed.looked_at,
        next: surveyed.next,
    })
}

/// `POST /@@versions/NAME/discard`.
pub(super) fn discard(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::Discard = call.json_or_default()?;
    let (database, info) = addressed(call)?;
    let shower = Shower::of(call, &database)?;
    let gone = |oid: Oid, along: bool| Ok(dto::Gone { oid: oid.to_string(), path: shower.path(oid)?, along });
    let Some(only) = &wanted.only else {
        require_management(&call.visit.access, &info)?;
        let sentence = format!("Discarded version {}", info.name);
        let changed = database.own_changes(0, PICKS_MAX)?.objects;
        let objects =
            changed.iter().map(|delta| gone(delta.oid, false)).collect::<Result<_, PublishError>>()?;
        let commit = match wanted.preview {
            true => None,
            false => {
                Some(database.discard(wanted.despite_others, call.note(&sentence, Kind::Edit))?.to_string())
            }
        };
        return Answer::ok(&dto::Discarded { commit, sentence, objects });
    };
    let sentence = format!("Discarded a part of version {}", info.name);
    let picks = shower.picks(only)?;
    require_changed(&database, &picks)?;
    require_discard(&call.visit.access, &database, &picks)?;
    let discarded = database.discard_part(&picks, wanted.preview, call.note(&sentence, Kind::Edit))?;
    let objects = discarded.objects.iter().map(|oid| gone(*oid, discarded.along.contains(oid)));
    let objects = objects.collect::<Result<_, PublishError>>()?;
    Answer::ok(&dto::Discarded { commit: discarded.tid.map(|tid| tid.to_string()), sentence, objects })
}

/// Refuses what names a part that the version did not change: it may be mistyped.
fn require_changed(database: &Database, picks: &[Pick]) -> Result<(), PublishError> {
    let Some(nth) = first_unchanged(database, picks)? else { return Ok(()) };
    let problem = Problem::new(Code::Choice, VersionError::NothingSelected.to_string());
    Err(problem.found(format!("`only[{nth}]`")).into())
}

/// `GET /@@versions/NAME/conflicts`.
pub(super) fn conflicts(call: &Call<'_>) -> Result<Answer, PublishError> {
    let (database, _) = addressed(call)?;
    let shower = Shower::of(call, &database)?;
    let limit = call.number("limit", 100, 500)?.max(1);
    let all = database.conflicts()?;
    let begin = match call.query("after") {
        None => 0,
        Some(after) => {
            let at = all.iter().position(|conflict| conflict.id == after);
            let gone = || Problem::new(Code::Argument, "`after` is no conflict any more: begin anew");
            at.ok_or_else(gone)? + 1
        }
    };
    let part: Vec<VersionConflict> = all[begin..].iter().take(limit).cloned().collect();
    let last = part.last().filter(|_| begin + part.len() < all.len());
    let next = last.map(|last| part_url(call, "conflicts", limit, &last.id)).transpose()?;
    Answer::ok(&dto::Conflicts { items: shower.conflicts(&part)?, next })
}

/// `PUT /@@versions/NAME/conflicts/ID`.
pub(super) fn resolve(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::Resolution = call.json()?;
    let (database, _) = addressed(call)?;
    let shower = Shower::of(call, &database)?;
    let id = call.steps[1];
    let all = database.conflicts()?;
    let found = all.iter().find(|conflict| conflict.id == id);
    let found = found.ok_or_else(|| VersionError::NoSuchConflict(id.chars().take(40).collect()))?;
    let chosen = shower.chosen(found, wanted)?;
    database.resolve(id, Some(chosen), &call.note("", Kind::Edit).principal)?;
    let now = database.conflicts()?;
    let now: Vec<VersionConflict> = now.into_iter().filter(|conflict| conflict.id == id).collect();
    Answer::ok(&dto::Conflicts { items: shower.conflicts(&now)?, next: None })
}

/// `POST /@@versions/NAME/conflicts`.
pub(super) fn resolve_many(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::Decisions = call.json()?;
    let (database, _) = addressed(call)?;
    let all = database.conflicts()?;
    let below = wanted.below.as_deref().map(parse_path).transpose()?;
    let is_below = |found: &VersionConflict| match (&below, &found.path) {
        (None, _) => true,
        (Some(below), Some(path)) => path.names().starts_with(below.names()),
        (Some(_), None) => false,
    };
    let named: Option<HashSet<&str>> =
        wanted.conflicts.as_ref().map(|ids| ids.iter().map(String::as_str).collect());
    if let Some(named) = &named {
        let known: HashSet<&str> = all.iter().map(|found| found.id.as_str()).collect();
        if let Some(id) = named.iter().find(|id| !known.contains(*id)) {
            return Err(VersionError::NoSuchConflict(id.chars().take(40).collect()).into());
        }
    }
    let is_meant = |found: &&VersionConflict| {
        let is_named = match &named {
            Some(named) => named.contains(found.id.as_str()),
            None => found.resolution.is_none(),
        };
        is_named
            && wanted.kind.is_none_or(|kind| kind.word() == found.conflict.kind.word())
            && is_below(found)
    };
    let decided = all.iter().filter(is_meant).map(|conflict| {
        let resolution = match (wanted.choice, &conflict.conflict.kind) {
            (dto::Alike::Version, _) => Resolution::Version,
            (dto::Alike::Parent, _) => Resolution::Parent,
            (dto::Alike::Same, _) => Resolution::Same,
            (dto::Alike::Rename, ConflictKind::Name { rename, suggested, .. }) => {
                Resolution::Both { rename: *rename, to: suggested.clone() }
            }
            (dto::Alike::Rename, _) => {
                let what = format!("the conflict {} is not about a name: name a `kind`", conflict.id);
                return Err(PublishError::from(Problem::new(Code::Choice, what)));
            }
        };
        Ok(Decided { conflict, resolution: Some(resolution) })
    });
    let decided = decided.collect::<Result<Vec<_>, _>>()?;
    let resolved = match wanted.preview {
        true => database.resolve_preview(&decided)?,
        false => database.resolve_many(&decided, &call.note("", Kind::Edit).principal)?,
    };
    let not_settled = resolved.not_settled.into_iter();
    Answer::ok(&dto::Decided {
        settled: resolved.settled,
        moot: resolved.moot,
        not_settled: not_settled.map(|one| dto::NotSettled { id: one.id, why: one.why.text() }).collect(),
        open: resolved.open,
    })
}

/// `DELETE /@@versions/NAME/conflicts/ID`.
pub(super) fn forget(call: &Call<'_>) -> Result<Answer, PublishError> {
    let (database, _) = addressed(call)?;
    database.resolve(call.steps[1], None, &call.note("", Kind::Edit).principal)?;
    Answer::ok(&dto::Done { commit: None, sentence: "The decision is taken back".to_owned() })
}

/// Those of many conflicts that a plan tells.
fn first(conflicts: &[VersionConflict]) -> &[VersionConflict] {
    &conflicts[..conflicts.len().min(CONFLICTS_MAX)]
}

/// Shows plans and conflicts with the states that bear on them.
struct Shower<'a> {
    call: &'a Call<'a>,
    database: Database,
    version: Snapshot,
    parent: Snapshot,
    base: Snapshot,
}

impl<'a> Shower<'a> {
    fn of(call: &'a Call<'a>, database: &Database) -> Result<Self, PublishError> {
        let parent = call.database().on(database.version_info()?.parent)?;
        let (version, parent, base) = (database.snapshot(), parent.snapshot(), database.base_snapshot()?);
        Ok(Self { call, database: database.clone(), version, parent, base })
    }

    /// Where the object is, or was.
    fn path(&self, oid: Oid) -> Result<Option<String>, PublishError> {
        for state in [&self.version, &self.parent, &self.base] {
            if let Some((path, _)) = self.call.path_in(state, oid)? {
                if !self.call.access_to(state).allows_at(VIEW, oid)? {
                    return Ok(None);
                }
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    fn picks(&self, only: &[dto::Pick]) -> Result<Vec<Pick>, PublishError> {
        if only.is_empty() || only.len() > PICKS_MAX {
            let problem = Problem::new(Code::Argument, format!("`only` names 1 to {PICKS_MAX} things"));
            return Err(problem.into());
        }
        only.iter().map(|pick| self.pick(pick)).collect()
    }

    fn pick(&self, pick: &dto::Pick) -> Result<Pick, PublishError> {
        let oid = match (&pick.path, &pick.oid) {
            (Some(path), None) => {
                let path = parse_path(path)?;
                let top = self.call.visit.top.oid();
                let found = match find_from(&self.version, top, &path)? {
                    Some(oid) => Some(oid),
                    None => find_from(&self.base, top, &path)?,
                };
                let missing = || Problem::new(Code::NotFound, format!("there is nothing at `{path}`"));
                let found = found.ok_or_else(missing)?;
                self.path(found)?.ok_or_else(missing)?;
                found
            }
            (None, Some(oid)) => self.call.oid(oid)?,
            _ => return Err(Problem::new(Code::Argument, "expected either `path` or `oid`").into()),
        };
        Ok(match &pick.cell {
            None => Pick::Below(oid),
            Some(cell) => Pick::Cell(oid, parse_cell(cell)?),
        })
    }

    /// `nothing` is what to say where the line was left as it is.
    fn done(
        &self,
        merged: Result<Merged, VersionError>,
        sentence: String,
        nothing: String,
    ) -> Result<Answer, PublishError> {
        match merged {
            Ok(merged) => {
                let tid = merged.tid.map(|tid| tid.to_string());
                let sentence = if tid.is_some() { sentence } else { nothing };
                Answer::ok(&self.plan(&merged.plan, tid, sentence)?)
            }
            Err(VersionError::Conflicts(plan)) => {
                let conflicts = serde_json::to_value(self.conflicts(first(&plan.conflicts))?);
                let conflicts = conflicts.map_err(|error| PublishError::Reply(error.to_string()))?;
                let detail = format!("{} conflict(s) have to be settled first", plan.conflicts.len());
                let problem = Problem::new(Code::Unsettled, detail).with("conflicts", conflicts);
                Err(problem.advise("settle each by PUT of a resolution").into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn plan(
        &self,
        plan: &MergePlan,
        commit: Option<String>,
        sentence: String,
    ) -> Result<dto::Plan, PublishError> {
        let after = vec![&self.version, &self.parent];
        let sides = Sides { call: self.call, before: vec![&self.parent], after };
        let (denied, denied_unseen) = self.denied(plan)?;
        let undo = commit.as_ref().map(|tid| UndoLink {
            method: "POST",
            href: self.call.top_url("undo"),
            body: UndoBody { commits: vec![tid.clone()] },
        });
        Ok(dto::Plan {
            commit,
            sentence,
            over: plan.over.to_string(),
            objects: plan.objects,
            cells: sides.cells(&plan.cells)?,
            urls: sides.urls(&plan.urls)?,
            denied,
            denied_unseen,
            conflicts: self.conflicts(first(&plan.conflicts))?,
            conflicts_total: plan.conflicts.len(),
            settled: self.conflicts(first(&plan.settled))?,
            notices: self.notices(plan)?,
            undo,
        })
    }

    /// What whoever asks may not do, as far as he may know of it, and how much else there is.
    fn denied(&self, plan: &MergePlan) -> Result<(Vec<dto::Denied>, usize), PublishError> {
        let mut denied = Vec::new();
        for denial in &plan.denied {
            if denied.len() == DENIALS_MAX {
                break;
            }
            if let Some(path) = self.path(denial.oid)? {
                denied.push(dto::Denied {
                    oid: denial.oid.to_string(),
                    path,
                    cell: cell_text(&denial.key),
                    permission: denial.permission,
                });
            }
        }
        let unseen = plan.denied.len() - denied.len();
        Ok((denied, unseen))
    }

    fn notices(&self, plan: &MergePlan) -> Result<Vec<dto::Notice>, PublishError> {
        let mut notices = Vec::new();
        let mut add = |oid: Oid, text: String| {
            notices.push(dto::Notice { oid: oid.to_string(), path: self.path(oid)?, text });
            Ok::<_, PublishError>(())
        };
        let name = |oid: Oid| Ok::<_, PublishError>(self.path(oid)?.unwrap_or_else(|| oid.to_string()));
        for oid in &plan.along {
            add(*oid, "comes along: what was selected stands in it".to_owned())?;
        }
        for notice in &plan.notices {
            match notice {
                Notice::Survived { oid, deleted, by } => {
                    let by = if *by == Side::Version { "the version" } else { "the parent line" };
                    add(*oid, format!("stays, although {by} deleted {}: it was moved out", name(*deleted)?))?;
                }
                Notice::OrderOfParent(oid) => {
                    add(*oid, "both gave it another standing: it has the parent line's".to_owned())?;
                }
            }
        }
        if plan.into == LineId::TRUNK {
            for link in links_into_versions(&self.database, plan, self.call.publisher.hosts())? {
                let text =
                    format!("its `{}` leads to {}, which visitors cannot follow", link.attribute, link.link);
                add(link.oid, text)?;
            }
        }
        for (from, to) in &plan.dangling {
            add(*from, format!("refers to {}, which goes away", name(*to)?))?;
        }
        Ok(notices)
    }

    fn conflicts(&self, conflicts: &[VersionConflict]) -> Result<Vec<dto::Conflict>, PublishError> {
        conflicts.iter().map(|found| self.conflict(found)).collect()
    }

    fn conflict(&self, found: &VersionConflict) -> Result<dto::Conflict, PublishError> {
        let (key, kind) = (&found.conflict.key, &found.conflict.kind);
        let oid = match key {
            ConflictKey::Cell(oid, _) | ConflictKey::Deleted(oid) | ConflictKey::Type(oid) => Some(*oid),
            ConflictKey::Name { oid, .. } => Some(*oid),
            ConflictKey::Cycle(oids) => oids.first().copied(),
        };
        let path = oid.map(|oid| self.path(oid)).transpose()?.flatten();
        let made = |made: &Made| Self::made(made, path.is_some());
        let sides = match kind {
            ConflictKind::Cell { base, version, parent } => [
                self.side(oid, base.as_ref(), &self.base)?,
                self.side(oid, version.as_ref(), &self.version)?,
                self.side(oid, parent.as_ref(), &self.parent)?,
            ],
            _ => [None, None, None],
        };
        let [base, version, parent] = sides;
        let standings = match oid {
            Some(oid) if found.conflict.is_about_standing() => Some(dto::Standings {
                base: self.standing(oid, &self.base)?,
                version: self.standing(oid, &self.version)?,
                parent: self.standing(oid, &self.parent)?,
            }),
            _ => None,
        };
        let choices: &[&str] = match kind {
            ConflictKind::Cell { .. } if matches!(key, ConflictKey::Cell(_, CellKey::Attribute(_))) => {
                &["version", "parent", "value"]
            }
            ConflictKind::Deleted { inner, .. } if !inner.is_empty() => &["version", "parent", "rescue"],
            ConflictKind::Name { .. } => &["rename", "version", "parent", "same"],
            _ => &["version", "parent"],
        };
        let suggested = match kind {
            ConflictKind::Name { suggested, .. } if path.is_some() => Some(suggested.to_string()),
            _ => None,
        };
        Ok(dto::Conflict {
            id: found.id.clone(),
            kind: kind.word(),
            path: path.clone(),
            oid: oid.map(|oid| oid.to_string()),
            cell: match key {
                ConflictKey::Cell(_, cell) => Some(cell_text(cell)),
                _ => None,
            },
            base,
            version,
            parent,
            standings,
            suggested,
            inner: self.inner(kind)?,
            by_version: found.version.as_ref().map(&made),
            by_parent: found.parent.as_ref().map(&made),
            choices: choices.to_vec(),
            resolution: found.resolution.as_ref().map(|chosen| match chosen {
                Resolution::Version => "version",
                Resolution::Parent => "parent",
                Resolution::Value(_) => "value",
                Resolution::Both { .. } => "rename",
                Resolution::Same => "same",
                Resolution::Rescue(_) => "rescue",
            }),
        })
    }

    /// What a side holds, where that may be seen.
    fn side(
        &self,
        oid: Option<Oid>,
        content: Option<&Content>,
        snapshot: &Snapshot,
    ) -> Result<Option<Attribute>, PublishError> {
        let Some(oid) = oid else { return Ok(None) };
        if !self.call.access_to(snapshot).allows_at(VIEW, oid)? {
            return Ok(None);
        }
        content.map(|content| self.call.shown(content, snapshot)).transpose()
    }

    /// Where a side has the object among its siblings, as far as that may be seen.
    fn standing(&self, oid: Oid, snapshot: &Snapshot) -> Result<Option<String>, PublishError> {
        let access = self.call.access_to(snapshot);
        if !access.allows_at(VIEW, oid)? {
            return Ok(None);
        }
        let Some(mut rank) = Rank::of(snapshot, oid)? else { return Ok(None) };
        if let Some(sibling) = &rank.sibling
            && !access.allows_at(VIEW, sibling.oid)?
        {
            rank.sibling = None;
        }
        Ok(Some(rank.to_string()))
    }

    fn inner(&self, kind: &ConflictKind) -> Result<Vec<dto::Inner>, PublishError> {
        let ConflictKind::Deleted { inner, .. } = kind else { return Ok(Vec::new()) };
        let shown = inner.iter().take(INNER_MAX).map(|inner| {
            Ok(dto::Inner {
                oid: inner.oid.to_string(),
                path: self.path(inner.oid)?,
                deed: match inner.deed {
                    Deed::Edited => "edited",
                    Deed::Added => "added",
                    Deed::MovedIn => "moved_in",
                    Deed::Moved => "moved",
                },
                cells: inner.cells.iter().map(cell_text).collect(),
            })
        });
        shown.collect()
    }

    fn chosen(&self, found: &VersionConflict, wanted: dto::Resolution) -> Result<Resolution, PublishError> {
        let does_not_fit = |what: &str| PublishError::from(Problem::new(Code::Choice, what));
        Ok(match wanted.choice {
            dto::Choice::Version => Resolution::Version,
            dto::Choice::Parent => Resolution::Parent,
            dto::Choice::Same => Resolution::Same,
            dto::Choice::Value => {
                let ConflictKey::Cell(oid, CellKey::Attribute(name)) = &found.conflict.key else {
                    return Err(does_not_fit("only a conflict about an attribute can be given a value"));
                };
                let json = wanted.value.ok_or_else(|| does_not_fit("`value` is missing"))?;
                let object = self.version.object(*oid)?;
                let reader = Reader::new(&self.version, self.call.visit.top.oid(), object.as_deref());
                let type_name = object.as_ref().and_then(|object| object.type_name());
                let schema = type_name.and_then(|name| self.call.types().schema(name.as_str()));
                let declared =
                    schema.and_then(|schema| schema.attribute(name.as_str())).map(|spec| spec.kind);
                let wrong =
                    |problem: String| Problem::new(Code::Value, format!("cannot set `{name}`: {problem}"));
                Resolution::Value(match json.filter(|json| !json.is_null()) {
                    None => None,
                    Some(json) => match reader.read(&json, declared).map_err(wrong)? {
                        Wanted::Value(value) => Some(Content::Value(value)),
                        Wanted::Kept => return Err(does_not_fit("choose `version` to keep what it has")),
                    },
                })
            }
            dto::Choice::Rename => {
                let ConflictKind::Name { rename, suggested, .. } = &found.conflict.kind else {
                    return Err(does_not_fit("only a conflict about a name can be settled by renaming"));
                };
                let to = wanted.name.as_deref().map_or_else(|| Ok(suggested.clone()), parse_name)?;
                Resolution::Both { rename: *rename, to }
            }
            dto::Choice::Rescue => {
                let moves =
                    wanted.moves.iter().map(|one| Ok((self.call.oid(&one.oid)?, self.call.oid(&one.to)?)));
                Resolution::Rescue(moves.collect::<Result<_, Problem>>()?)
            }
        })
    }

    /// Who made a side, and when; what was done is told where its object may be seen.
    fn made(made: &Made, may_know: bool) -> dto::Made {
        dto::Made {
            tid: made.tid.to_string(),
            time: rfc3339(made.time_micros),
            principal: made.principal.clone(),
            sentence: if may_know { made.sentence.clone() } else { String::new() },
        }
    }
}
