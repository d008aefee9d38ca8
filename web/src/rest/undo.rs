//! Taking back commits, and bringing back what was.

use bough_core::security::permission::{HISTORY, UNDO};
use bough_core::snapshot::is_live;
use bough_core::{CellKey, Content, ObjectPath, Oid, Snapshot as _, Tid};
use bough_store::{Blocker, BlockerReason, CellDelta, Kind, Snapshot, UndoChoices, UndoError, UrlDelta};

use super::call::{Answer, COMMITS_MAX, Call, cell_text, commit, parse_cell, parse_path, parse_tid};
use super::dto;
use super::refusal::{NAMED_MAX, blocked};
use super::value::{Reader, Wanted, find_from};
use crate::error::PublishError;
use crate::problem::{Code, Problem};

/// `POST @@undo`.
pub(super) fn undo(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::Undo = call.json()?;
    if wanted.commits.is_empty() || wanted.commits.len() > COMMITS_MAX {
        let problem = Problem::new(Code::Argument, format!("`commits` names 1 to {COMMITS_MAX} commits"));
        return Err(problem.into());
    }
    let of = wanted.commits.iter().map(|text| parse_tid(text)).collect::<Result<Vec<_>, _>>()?;
    let choices = choices(call, &wanted.choices)?;
    require_undo(call, &of)?;
    if wanted.preview {
        return preview(call, &of, &choices);
    }
    let sentence = sentence(call, &of)?;
    let note = call.note(&sentence, Kind::Edit);
    let tid = match call.database().undo(&of, &choices, note) {
        Err(UndoError::Blocked { blockers }) => {
            let now = call.database().snapshot();
            let sides = Sides { call, before: vec![&now], after: Vec::new() };
            let named = serde_json::to_value(sides.blockers(blockers.iter().take(NAMED_MAX))?);
            let named = named.map_err(|error| PublishError::Reply(error.to_string()))?;
            return Err(blocked(blockers.len(), named).into());
        }
        undone => undone?,
    };
    let (written, _) = call.written(tid, sentence, &[])?;
    Answer::ok(&written)
}

/// Refuses to take back what happened to objects where whoever asks may not undo.
fn require_undo(call: &Call<'_>, of: &[Tid]) -> Result<(), PublishError> {
    let access = &call.visit.access;
    if access.allows_at(UNDO, Oid::ROOT)? {
        return Ok(());
    }
    for &tid in of {
        call.database().each_change(tid, |delta| -> Result<(), PublishError> {
            call.check_time()?;
            let place = delta.before.as_ref().and_then(|object| object.place().map(|place| place.parent));
            let is_live = is_live(call.snapshot(), delta.oid)?;
            let at = if is_live { Some(delta.oid) } else { place };
            match at.map(|at| access.allows_at(UNDO, at)).transpose()? {
                Some(true) => Ok(()),
                _ => Err(PublishError::Forbidden(UNDO.to_owned())),
            }
        })?;
    }
    Ok(())
}

fn choices(call: &Call<'_>, wanted: &dto::UndoChoices) -> Result<UndoChoices, PublishError> {
    let skip = wanted.skip.iter().map(|name| Ok((call.oid(&name.oid)?, parse_cell(&name.cell)?)));
    let choose = wanted.choose.iter().map(|choice| {
        let oid = call.oid(&choice.oid)?;
        let key = parse_cell(&choice.cell)?;
        let CellKey::Attribute(name) = &key else {
            let problem = Problem::new(Code::Choice, "only attributes can be given a value");
            return Err(PublishError::from(problem.found(choice.cell.clone())));
        };
        let object = call.snapshot().object(oid)?;
        let reader = Reader::new(call.snapshot(), call.visit.top.oid(), object.as_deref());
        let wrong = |problem| Problem::new(Code::Value, format!("cannot set `{name}`: {problem}"));
        let content = match &choice.value {
            serde_json::Value::Null => None,
            json => match reader.read(json, None).map_err(wrong)? {
                Wanted::Value(value) => Some(Content::Value(value)),
                Wanted::Kept => {
                    return Err(Problem::new(Code::Value, "to keep a cell, name it in `skip`").into());
                }
            },
        };
        Ok((oid, key, content))
    });
    Ok(UndoChoices {
        skip: skip.collect::<Result<_, Problem>>()?,
        choose: choose.collect::<Result<_, PublishError>>()?,
        allow_dangling: wanted.allow_dangling,
        reopen: !wanted.for_good,
    })
}

fn sentence(call: &Call<'_>, of: &[Tid]) -> Result<String, PublishError> {
    let &[only] = of else {
        let names: Vec<String> = of.iter().map(Tid::to_string).collect();
        return Ok(format!("Undid {}", names.join(", ")));
    };
    let record = call.database().commit_record(only)?;
    if let Kind::Undo { of } = &record.kind
        && let [original] = of[..]
    {
        let original = call.database().commit_record(original)?;
        return Ok(format!("Redid: {}", original.sentence));
    }
    Ok(format!("Undid: {}", record.sentence))
}

fn preview(call: &Call<'_>, of: &[Tid], choices: &UndoChoices) -> Result<Answer, PublishError> {
    let plan = call.database().undo_preview_under(of, choices, Some(call.warrant()))?;
    let now = call.database().snapshot();
    // What is deleted may be known by who could see it where it stood.
    let oldest = of.iter().min().map_or(0, |tid| tid.as_micros().saturating_sub(1));
    let then = call.database().snapshot_at(Tid::from_micros(oldest)).unwrap_or_else(|_| now.clone());
    let sides = Sides { call, before: vec![&now], after: vec![&now, &then] };
    Answer::ok(&dto::UndoPlan {
        commits: plan.of.iter().map(Tid::to_string).collect(),
        objects: plan.objects,
        cells: sides.cells(&plan.cells)?,
        urls: sides.urls(&plan.urls)?,
        blockers: sides.blockers(plan.blockers.iter())?,
    })
}

/// What a plan starts from and what it makes of that, as far as whoever asks may see either.
pub(super) struct Sides<'a> {
    pub(super) call: &'a Call<'a>,
    /// The state in which objects are before; of several, the first in which an object stands.
    pub(super) before: Vec<&'a Snapshot>,
    /// The same for afterwards.
    pub(super) after: Vec<&'a Snapshot>,
}

impl Sides<'_> {
    /// The first state in which an object stands, if it may be seen there.
    fn seen<'s>(&self, states: &[&'s Snapshot], oid: Oid) -> Result<Option<&'s Snapshot>, PublishError> {
        for state in states {
            if is_live(*state, oid)? {
                let object = state.object(oid)?;
                let access = self.call.access_to(state);
                let may_view = object.map(|object| access.may_view(&object)).transpose()?.unwrap_or(false);
                return Ok(may_view.then_some(*state));
            }
        }
        Ok(None)
    }

    /// A path of an object that may be seen before or, where it does not stand then, afterwards.
    pub(super) fn known(&self, oid: Oid, path: Option<&ObjectPath>) -> Result<Option<String>, PublishError> {
        let states: Vec<&Snapshot> = self.before.iter().chain(&self.after).copied().collect();
        let is_seen = self.seen(&states, oid)?.is_some();
        Ok(path.filter(|_| is_seen).map(ToString::to_string))
    }

    /// The cells that change. Whose values are not for whoever asks, of that only the name of the cell is said.
    pub(super) fn cells(&self, deltas: &[CellDelta]) -> Result<Vec<dto::PlannedCell>, PublishError> {
        let shown = |content: &Option<Content>, states: &[&Snapshot], oid| {
            let Some(content) = content else { return Ok::<_, PublishError>(None) };
            self.seen(states, oid)?.map(|state| self.call.shown(content, state)).transpose()
        };
        let planned = deltas.iter().map(|delta| {
            Ok(dto::PlannedCell {
                oid: delta.oid.to_string(),
                path: self.known(delta.oid, delta.path.as_ref())?,
                cell: cell_text(&delta.cell),
                before: shown(&delta.before, &self.before, delta.oid)?,
                after: shown(&delta.after, &self.after, delta.oid)?,
            })
        });
        planned.collect()
    }

    /// The paths that change.
    pub(super) fn urls(&self, deltas: &[UrlDelta]) -> Result<Vec<dto::PlannedUrl>, PublishError> {
        let mut urls = Vec::new();
        for delta in deltas.iter().filter(|delta| delta.before != delta.after) {
            let text = |path: &Option<ObjectPath>, states: &[&Snapshot]| {
                let is_seen = path.is_some() && self.seen(states, delta.oid)?.is_some();
                Ok::<_, PublishError>(path.as_ref().filter(|_| is_seen).map(ToString::to_string))
            };
            let url = dto::PlannedUrl {
                before: text(&delta.before, &self.before)?,
                after: text(&delta.after, &self.after)?,
            };
            if url.before.is_some() || url.after.is_some() {
                urls.push(url);
            }
        }
        Ok(urls)
    }

    /// What stands against an undo.
    fn blockers<'b>(
        &self,
        blockers: impl Iterator<Item = &'b Blocker>,
    ) -> Result<Vec<dto::Blocker>, PublishError> {
        let told = blockers.map(|blocker| {
            Ok(dto::Blocker {
                oid: blocker.oid.to_string(),
                path: self.known(blocker.oid, blocker.path.as_ref())?,
                reason: self.reason(&blocker.reason)?,
                cell: match &blocker.reason {
                    BlockerReason::Cell(blocked) => Some(cell_text(&blocked.cell)),
                    BlockerReason::NameTaken { .. } => Some("(place)".to_owned()),
                    _ => None,
                },
                later: blocker.later.as_ref().map(commit),
            })
        });
        told.collect()
    }

    /// Why something cannot be undone; what stands in the way is named where it may be seen.
    fn reason(&self, reason: &BlockerReason) -> Result<String, PublishError> {
        let (other, hidden) = match reason {
            BlockerReason::NameTaken { by, .. } => (*by, "the name is taken by another object"),
            BlockerReason::Child { oid, .. } => {
                (*oid, "something stands in it, which would have no place any more")
            }
            _ => return Ok(reason.to_string()),
        };
        let may_know = self.seen(&self.before, other)?.is_some();
        Ok(if may_know { reason.to_string() } else { hidden.to_owned() })
    }
}

/// `POST @@restore`: the same objects again, with everything that was in them then.
pub(super) fn restore(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::Restore = call.json()?;
    let then = call.database().snapshot_at(call.moment(&wanted.at)?)?;
    let top = call.visit.top.oid();
    let path = match &wanted.path {
        Some(path) => parse_path(path)?,
        None => parse_path(&call.path_text(call.object.oid())?)?,
    };
    let missing = || {
        let detail = format!("there was nothing at `{path}` as of {}", then.tid());
        PublishError::from(Problem::new(Code::NotFound, detail))
    };
    let was = match &wanted.path {
        Some(_) => find_from(&then, top, &path)?.ok_or_else(missing)?,
        None => call.object.oid(),
    };
    let was = then.object(was)?.ok_or_else(missing)?;
    let access = call.access_to(&then);
    if !access.may_view(&was)? || !access.allows(HISTORY, &was)? {
        return Err(missing());
    }
    let to = wanted.to.as_deref().map(parse_path).transpose()?;
    let (above, name) = to
        .as_ref()
        .unwrap_or(&path)
        .split_last()
        .map(|(above, name)| (above, name.clone()))
        .ok_or_else(|| {
            Problem::new(Code::Place, "what `/` names cannot be brought back as a whole: name what is in it")
        })?;
    let sentence = match &to {
        None => format!("Restored {path} as of {}", then.tid()),
        Some(to) => format!("Restored {path} as of {} to {to}", then.tid()),
    };
    let old_parent = was.place().map(|place| place.parent).filter(|_| to.is_none());
    let note = call.note(&sentence, Kind::Restore { from: then.tid() });
    let ((), tid) = call.write_noted(note, |draft| {
        let parent = match old_parent {
            // The same container, wherever that is today.
            Some(parent) if is_live(&**draft, parent)? => parent,
            _ => find_from(&**draft, top, &above)?.ok_or_else(|| {
                let problem = Problem::new(Code::NotFound, format!("there is nothing at `{above}`"));
                problem.advise("name another place in `to`")
            })?,
        };
        draft.bring_back(&then, was.oid(), (parent, &name), &mut || call.check_time())
    })?;
    call.wrote(tid, &sentence, was.oid(), false)
}
