//! Taking back commits, and bringing back what was.

use bough_core::security::permission::{HISTORY, UNDO, VIEW};
use bough_core::snapshot::is_live;
use bough_core::{CellKey, Content, Oid, Snapshot as _, Tid};
use bough_store::{Kind, Snapshot, UndoChoices};

use super::call::{Answer, COMMITS_MAX, Call, cell_text, commit, parse_cell, parse_path, parse_tid};
use super::dto;
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
    let tid = call.database().undo(&of, &choices, note)?;
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
    let snapshot = call.database().snapshot();
    let cells = plan.cells.iter().map(|cell| planned_cell(call, cell, &snapshot));
    let blockers = plan.blockers.iter().map(|blocker| dto::Blocker {
        oid: blocker.oid.to_string(),
        path: blocker.path.as_ref().map(ToString::to_string),
        reason: blocker.reason.to_string(),
        cell: match &blocker.reason {
            bough_store::BlockerReason::Cell(blocked) => Some(cell_text(&blocked.cell)),
            bough_store::BlockerReason::NameTaken { .. } => Some("(place)".to_owned()),
            _ => None,
        },
        later: blocker.later.as_ref().map(commit),
    });
    Answer::ok(&dto::UndoPlan {
        commits: plan.of.iter().map(Tid::to_string).collect(),
        objects: plan.objects,
        cells: cells.collect::<Result<_, _>>()?,
        urls: planned_urls(&plan.urls),
        blockers: blockers.collect(),
    })
}

/// A cell as it is and as it would be.
pub(super) fn planned_cell(
    call: &Call<'_>,
    delta: &bough_store::CellDelta,
    snapshot: &Snapshot,
) -> Result<dto::PlannedCell, PublishError> {
    // Whose values are not for whoever asks, of that only the name of the cell is said.
    let may_see = call.access_to(snapshot).allows_at(VIEW, delta.oid)?;
    let shown = |content: &Option<Content>| {
        content.as_ref().filter(|_| may_see).map(|content| call.shown(content, snapshot)).transpose()
    };
    Ok(dto::PlannedCell {
        oid: delta.oid.to_string(),
        path: delta.path.as_ref().map(ToString::to_string),
        cell: cell_text(&delta.cell),
        before: shown(&delta.before)?,
        after: shown(&delta.after)?,
    })
}

/// The paths that change.
pub(super) fn planned_urls(urls: &[bough_store::UrlDelta]) -> Vec<dto::PlannedUrl> {
    let text = |path: &Option<bough_core::ObjectPath>| path.as_ref().map(ToString::to_string);
    urls.iter()
        .filter(|url| url.before != url.after)
        .map(|url| dto::PlannedUrl { before: text(&url.before), after: text(&url.after) })
        .collect()
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
