//! Where an object stands, and of what type it is: moved, copied, ordered, made another type.

use bough_core::snapshot::{Child, ChildrenPage};
use bough_core::{Name, Oid, OrderKey, Snapshot as _};
use bough_store::Draft;

use super::call::{Answer, Call, counted, parse_name};
use super::dto;
use super::object::{known_type, there};
use crate::error::PublishError;
use crate::problem::{Code, Problem};

/// How many children are read at a time.
const BATCH: usize = 1_000;

/// Where something goes: the container, the name, and the path for people.
struct Destination {
    container: Oid,
    name: Name,
    is_same_container: bool,
    path: String,
}

impl Destination {
    fn of(call: &Call<'_>, wanted: &dto::Target) -> Result<Self, PublishError> {
        let place = call.object.place().filter(|_| call.object.oid() != call.visit.top.oid());
        let place = place.ok_or_else(|| {
            Problem::new(Code::Place, "what `/` names can neither be moved nor copied over HTTP")
        })?;
        let container = match &wanted.to {
            Some(path) => call.require(path)?,
            None => place.parent,
        };
        let name = wanted.name.as_deref().map_or_else(|| Ok(place.name.clone()), parse_name)?;
        let path = format!("{}/{name}", call.path_text(container)?.trim_end_matches('/'));
        Ok(Self { container, name, is_same_container: container == place.parent, path })
    }
}

/// `POST @@move`.
pub(super) fn move_to(call: &Call<'_>) -> Result<Answer, PublishError> {
    let to = Destination::of(call, &call.json()?)?;
    let oid = call.object.oid();
    let from = call.path_text(oid)?;
    let sentence = match to.is_same_container {
        true => format!("Renamed {from} to {}", to.name),
        false => format!("Moved {from} to {}", to.path),
    };
    let ((), tid) = call.write(&sentence, |draft| {
        check(call, draft)?;
        Ok(draft.move_to(oid, to.container, &to.name)?)
    })?;
    call.wrote(tid, &sentence, oid, false)
}

/// `POST @@copy`.
pub(super) fn copy(call: &Call<'_>) -> Result<Answer, PublishError> {
    let to = Destination::of(call, &call.json()?)?;
    let oid = call.object.oid();
    let sentence = format!("Copied {} to {}", call.path_text(oid)?, to.path);
    let ((copy, count), tid) = call.write(&sentence, |draft| {
        check(call, draft)?;
        require_all_seen(call, draft)?;
        Ok(draft.copy(oid, to.container, &to.name)?)
    })?;
    let sentence = format!("{sentence}: {}", counted(count, "object", "objects"));
    call.wrote(tid, &sentence, copy, true)
}

/// `POST @@type`.
pub(super) fn set_type(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::NewType = call.json()?;
    let type_name = known_type(call.types(), &wanted.type_name)?;
    let oid = call.object.oid();
    let sentence = format!("Made {} a {type_name}", call.path_text(oid)?);
    let ((), tid) = call.write(&sentence, |draft| {
        check(call, draft)?;
        Ok(draft.set_type(oid, &type_name)?)
    })?;
    call.wrote(tid, &sentence, oid, false)
}

/// `POST @@order`.
pub(super) fn order(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: dto::Standing = call.json()?;
    let oid = call.object.oid();
    let path = call.path_text(oid)?;
    let sentence = match (&wanted.before, &wanted.after) {
        (Some(Some(name)), None) => format!("Put {path} before {name}"),
        (None, Some(Some(name))) => format!("Put {path} after {name}"),
        (Some(None), None) => format!("Put {path} at the end"),
        (None, Some(None)) => format!("Put {path} at the beginning"),
        _ => {
            let problem = Problem::new(Code::Argument, "expected either `before` or `after`");
            return Err(problem.into());
        }
    };
    let ((), tid) = call.write(&sentence, |draft| {
        check(call, draft)?;
        let place = draft.object(oid)?.and_then(|object| object.place().cloned());
        let container =
            place.ok_or_else(|| Problem::new(Code::Place, "what `/` names has no siblings"))?.parent;
        let key = match (&wanted.before, &wanted.after) {
            (Some(Some(name)), _) => {
                let next = sibling(call, draft, container, name)?;
                let before = standing_before(call, draft, (container, oid), &next)?;
                OrderKey::between(before.as_ref(), Some(&next.order))
            }
            (_, Some(Some(name))) => {
                let before = sibling(call, draft, container, name)?;
                let page = ChildrenPage::first(2).following(&before);
                let next = draft.children(container, &page)?.into_iter().find(|child| child.oid != oid);
                OrderKey::between(Some(&before.order), next.map(|child| child.order).as_ref())
            }
            (Some(None), _) => OrderKey::at(call.database().now_micros(), 0),
            _ => {
                let page = ChildrenPage::first(2);
                let first = draft.children(container, &page)?.into_iter().find(|child| child.oid != oid);
                OrderKey::between(None, first.map(|child| child.order).as_ref())
            }
        };
        Ok(draft.reorder(oid, key)?)
    })?;
    call.wrote(tid, &sentence, oid, false)
}

fn sibling(call: &Call<'_>, draft: &Draft, container: Oid, name: &str) -> Result<Child, PublishError> {
    let missing = || {
        let name: String = name.chars().take(60).collect();
        Problem::new(Code::NotFound, format!("there is no sibling `{name}`"))
    };
    let oid = draft.child(container, name)?.filter(|oid| *oid != call.object.oid()).ok_or_else(missing)?;
    let object = draft.object(oid)?.ok_or_else(missing)?;
    let place = object.place().ok_or_else(missing)?;
    Ok(Child { oid, name: place.name.clone(), order: place.order.clone() })
}

/// The standing of the last child before `next` that is not the one that moves. Listings go forward only, so all
/// before it are read, a part at a time.
fn standing_before(
    call: &Call<'_>,
    draft: &Draft,
    (container, moves): (Oid, Oid),
    next: &Child,
) -> Result<Option<OrderKey>, PublishError> {
    let mut page = ChildrenPage::first(BATCH);
    let mut before = None;
    loop {
        call.check_time()?;
        let children = draft.children(container, &page)?;
        for child in &children {
            if child.oid == next.oid {
                return Ok(before);
            }
            if child.oid != moves {
                before = Some(child.order.clone());
            }
        }
        match children.last() {
            Some(last) => page = page.following(last),
            None => return Ok(before),
        }
    }
}

/// Refuses what does not go with what the client expects of the object.
fn check(call: &Call<'_>, draft: &Draft) -> Result<(), PublishError> {
    let object = there(call, draft)?.ok_or(PublishError::NotFound)?;
    call.check_preconditions(Some(&object))
}

/// Refuses to copy what whoever asks may not see: the copy would be his.
fn require_all_seen(call: &Call<'_>, draft: &Draft) -> Result<(), PublishError> {
    let access = &call.visit.access;
    let mut waiting = vec![call.object.oid()];
    while let Some(oid) = waiting.pop() {
        call.check_time()?;
        let mut page = ChildrenPage::first(BATCH);
        loop {
            let children = draft.children(oid, &page)?;
            for child in &children {
                let Some(object) = draft.object(child.oid)? else { continue };
                if !access.may_view(&object)? {
                    let detail = "something in it may not be seen, and so not be copied";
                    return Err(Problem::new(Code::Denied, detail).into());
                }
                waiting.push(child.oid);
            }
            match children.last().filter(|_| children.len() == BATCH) {
                Some(last) => page = page.following(last),
                None => break,
            }
        }
    }
    Ok(())
}
