//! What happened: the commits of an object or of a subtree, who wrote each cell, what differs between two states.

use std::collections::HashMap;

use bough_core::object::{Object, differing_cells};
use bough_core::security::Access;
use bough_core::security::permission::{HISTORY, VIEW};
use bough_core::snapshot::{Chain, chain};
use bough_core::{CellKey, Content, Oid, Snapshot as _, Tid};
use bough_store::{CommitRecord, ObjectDelta, Snapshot};

use super::call::{Answer, Call, cell_text, parse_tid};
use super::dto;
use crate::error::PublishError;
use crate::problem::{Code, Problem};

/// How many commits a part of a history has, if nobody says, and at most.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 500;
/// How many commits are looked at for one part of a subtree's history.
const LOOKED_AT_MAX: usize = 5_000;
/// How many objects of a commit are looked at to see whether it touched a subtree.
const OBJECTS_LOOKED_AT_MAX: usize = 1_000;
/// How many objects are compared at a time.
const BATCH: usize = 10_000;

/// `GET @@history`.
pub(super) fn history(call: &Call<'_>) -> Result<Answer, PublishError> {
    let limit = call.number("limit", LIMIT, LIMIT_MAX)?.max(1);
    let before = call.tid("before")?;
    let (records, next) = match call.query("of") {
        None | Some("object") => {
            let records = call.database().commits_of(call.object.oid(), before, limit)?;
            let next = records.last().filter(|_| records.len() == limit).map(|last| last.tid);
            (records, next)
        }
        Some("subtree") => subtree(call, before, limit)?,
        Some(_) => return Err(Problem::new(Code::Argument, "`of` is `object` or `subtree`").into()),
    };
    let url = call.view_url(call.object.oid(), "history")?;
    let of = call.query("of").unwrap_or("object");
    let next = next.map(|tid| format!("{url}?of={of}&limit={limit}&before={tid}"));
    Answer::ok(&dto::Commits { items: records.iter().map(|record| call.commit(record)).collect(), next })
}

/// The commits that touched the object or anything in it.
fn subtree(
    call: &Call<'_>,
    before: Option<Tid>,
    limit: usize,
) -> Result<(Vec<CommitRecord>, Option<Tid>), PublishError> {
    let top = call.object.oid();
    let mut found = Vec::new();
    let mut looked_at = 0;
    let mut before = before;
    while looked_at < LOOKED_AT_MAX {
        call.check_time()?;
        let batch = call.database().commits(before, LIMIT_MAX)?;
        let is_last = batch.len() < LIMIT_MAX;
        for record in batch {
            looked_at += 1;
            before = Some(record.tid);
            if top == Oid::ROOT || touches(call, &record, top)? {
                found.push(record);
            }
            if found.len() == limit {
                return Ok((found, before));
            }
        }
        if is_last {
            return Ok((found, None));
        }
    }
    Ok((found, before))
}

fn touches(call: &Call<'_>, record: &CommitRecord, top: Oid) -> Result<bool, PublishError> {
    if is_below(call.snapshot(), record.container, top)? {
        return Ok(true);
    }
    // What it touched lies in the container: where that is elsewhere, nothing of it is here.
    if !is_below(call.snapshot(), top, record.container)? {
        return Ok(false);
    }
    let changes = match call.database().changes(record.tid, 0, OBJECTS_LOOKED_AT_MAX) {
        Ok(changes) => changes,
        // What it did is packed away.
        Err(_) => return Ok(false),
    };
    let then = call.database().snapshot_at(record.tid).ok();
    for delta in changes {
        let now = is_below(call.snapshot(), delta.oid, top)?;
        if now || then.as_ref().is_some_and(|then| is_below(then, delta.oid, top).unwrap_or(false)) {
            return Ok(true);
        }
        let place = delta.before.as_ref().and_then(|object| object.place().map(|place| place.parent));
        if let Some(parent) = place
            && is_below(call.snapshot(), parent, top)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an object is `top` or stands in it, deleted or not.
pub(super) fn is_below(snapshot: &Snapshot, oid: Oid, top: Oid) -> Result<bool, PublishError> {
    Ok(match chain(snapshot, oid)? {
        Chain::Live(chain) | Chain::Deleted(chain) => chain.iter().any(|object| object.oid() == top),
        _ => false,
    })
}

/// `GET @@blame`.
pub(super) fn blame(call: &Call<'_>) -> Result<Answer, PublishError> {
    let mut commits: HashMap<Tid, Option<dto::Commit>> = HashMap::new();
    let cells = call.object.cells().iter().map(|(key, cell)| {
        let record = || call.database().commit_record(cell.tid).ok().map(|record| call.commit(&record));
        dto::Blamed {
            cell: cell_text(key),
            tid: cell.tid.to_string(),
            commit: commits.entry(cell.tid).or_insert_with(record).clone(),
        }
    });
    Answer::ok(&dto::Blame { cells: cells.collect() })
}

/// `GET @@diff`.
pub(super) fn diff(call: &Call<'_>) -> Result<Answer, PublishError> {
    let state = |key: &str| {
        let missing = || Problem::new(Code::Argument, format!("`{key}` is a commit or a time"));
        call.moment(call.query(key).ok_or_else(missing)?)
    };
    let from = call.database().snapshot_at(state("from")?)?;
    let to = match call.query("to") {
        Some(_) => call.database().snapshot_at(state("to")?)?,
        None => call.snapshot().clone(),
    };
    differences(call, &from, &to, "diff")
}

/// Part of what differs between two states in the addressed object and below.
pub(super) fn differences(
    call: &Call<'_>,
    from: &Snapshot,
    to: &Snapshot,
    view: &str,
) -> Result<Answer, PublishError> {
    let limit = call.number("limit", LIMIT, LIMIT_MAX)?.max(1);
    let mut skip = call.number("skip", 0, usize::MAX >> 1)?;
    let top = call.object.oid();
    let later = if from.tid() > to.tid() { from } else { to };
    let accesses = [call.access_to(from), call.access_to(to)];
    let mut items = Vec::new();
    let mut is_whole = false;
    while items.len() < limit && !is_whole {
        call.check_time()?;
        let found =
            call.database().differences(from, to, skip, if top == Oid::ROOT { limit } else { BATCH })?;
        is_whole = skip + found.objects.len() >= found.total;
        for delta in &found.objects {
            skip += 1;
            let is_here =
                top == Oid::ROOT || is_below(from, delta.oid, top)? || is_below(to, delta.oid, top)?;
            if is_here && may_know(&accesses, delta.oid)? {
                items.push(difference(call, delta, later)?);
            }
            if items.len() == limit {
                is_whole = skip >= found.total;
                break;
            }
        }
    }
    let next = (!is_whole).then(|| next_url(call, view, limit, skip)).transpose()?;
    Answer::ok(&dto::Differences { items, next })
}

/// Whether whoever asks may know how an object was, in any of these states.
fn may_know(accesses: &[Access], oid: Oid) -> Result<bool, PublishError> {
    for access in accesses {
        if access.allows_at(HISTORY, oid)? && access.allows_at(VIEW, oid)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The URL of a view with what was asked for, but for where to begin.
pub(super) fn next_url(
    call: &Call<'_>,
    view: &str,
    limit: usize,
    skip: usize,
) -> Result<String, PublishError> {
    let mut url = format!("{}?limit={limit}&skip={skip}", call.view_url(call.object.oid(), view)?);
    for key in ["from", "to"] {
        if let Some(text) = call.query(key) {
            let text = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
            url.push_str(&format!("&{key}={text}"));
        }
    }
    Ok(url)
}

/// One object before and after.
pub(super) fn difference(
    call: &Call<'_>,
    delta: &ObjectDelta,
    snapshot: &Snapshot,
) -> Result<dto::Difference, PublishError> {
    let (before, after) = (delta.before.as_deref(), delta.after.as_deref());
    let stands = |object: Option<&Object>| {
        object.is_some_and(|object| object.place().is_some() || object.oid() == Oid::ROOT)
    };
    let change = match (stands(before), stands(after)) {
        (false, true) => "added",
        (true, false) => "deleted",
        _ => "changed",
    };
    let shown = |content: Option<&Content>| content.map(|content| call.shown(content, snapshot)).transpose();
    let cells = differing_cells(before, after).into_iter().map(|(key, before, after)| {
        Ok(dto::CellDifference { cell: cell_text(key), before: shown(before)?, after: shown(after)? })
    });
    let place = |object: Option<&Object>| object.and_then(|object| object.content(&CellKey::Place)).cloned();
    let path = match call.path_in(snapshot, delta.oid)? {
        Some((path, _)) => Some(path),
        None => match place(after).or_else(|| place(before)) {
            Some(place) => call.shown(&place, snapshot)?.value.as_str().map(str::to_owned),
            None => None,
        },
    };
    Ok(dto::Difference {
        oid: delta.oid.to_string(),
        path,
        change,
        cells: cells.collect::<Result<_, PublishError>>()?,
    })
}

/// `GET /@@commits/TID`.
pub(super) fn commit(call: &Call<'_>) -> Result<Answer, PublishError> {
    let tid = parse_tid(call.steps[0])?;
    let limit = call.number("limit", LIMIT, LIMIT_MAX)?.max(1);
    let skip = call.number("skip", 0, usize::MAX >> 1)?;
    let record = call.database().commit_record(tid)?;
    let then = call.database().snapshot_at(tid)?;
    let deltas = call.database().changes(tid, skip, limit + 1)?;
    let has_more = deltas.len() > limit;
    let before = call.database().snapshot_at(Tid::from_micros(tid.as_micros().saturating_sub(1)));
    let mut accesses = vec![call.access_to(&then)];
    accesses.extend(before.ok().map(|before| call.access_to(&before)));
    let mut items = Vec::new();
    for delta in deltas.iter().take(limit) {
        if may_know(&accesses, delta.oid)? {
            items.push(difference(call, delta, &then)?);
        }
    }
    let view = format!("commits/{tid}");
    let next = has_more.then(|| next_url(call, &view, limit, skip + limit)).transpose()?;
    let overrun = overrun(call, tid)?;
    Answer::ok(&dto::CommitShown { commit: call.commit(&record), items, next, overrun })
}

/// What others had committed meanwhile in what a commit took away.
pub(super) fn overrun(call: &Call<'_>, tid: Tid) -> Result<Vec<dto::Overrun>, PublishError> {
    let named = match call.database().overrun(tid) {
        Ok(overruns) => overruns.named,
        // It is packed away, or cannot be said: what was done is done all the same.
        Err(error) => {
            tracing::debug!(%error, %tid, "cannot say what a commit overran");
            Vec::new()
        }
    };
    Ok(named
        .into_iter()
        .map(|overrun| dto::Overrun { path: overrun.path.to_string(), by: call.commit(&overrun.by) })
        .collect())
}
