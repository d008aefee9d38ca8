//! Saving: what was typed comes together with what others did meanwhile, and is written, or somebody has to choose.
//!
//! Three states meet, attribute by attribute: the one that the form was made of, the one that is there now, and what was
//! typed. Only what was changed in the form is written. What nobody can put together goes back to whoever typed it, on
//! the ground of what is there now; nothing was written then.

use std::sync::Arc;

use bough_core::merge::{Merge, MergePolicy, merge_contents};
use bough_core::object::Cell;
use bough_core::object_type::AttributeSpec;
use bough_core::snapshot::{attribute, is_live};
use bough_core::{CellKey, Content, Name, Object, Oid, Snapshot as _, Tid, Value};
use bough_store::version::NewVersion;
use bough_store::{Database, Draft, Kind, Snapshot};
use bough_web::pages::{PageError, PageForm, PageRequest};

use super::form::{Entry, Ground, Rename, Wanted};

/// How often a form is put together again with what came in between.
const TRIES: usize = 4;

/// What a form asks for.
pub(super) struct Changes<'a> {
    pub(super) ground: &'a Ground,
    pub(super) entries: &'a [Entry],
    pub(super) rename: Option<&'a (Name, Name)>,
    pub(super) form: &'a PageForm,
}

/// An attribute, or the name of the object, that others changed, too.
pub(super) struct Clash {
    /// None stands for the name of the object.
    pub(super) name: Option<Name>,
    /// What the form was made of; none where that is not known any more.
    pub(super) base: Option<Option<Value>>,
    pub(super) theirs: Option<Value>,
    /// The commit that made it so, where it is known.
    pub(super) by: Option<Tid>,
}

/// An attribute, and what is there of both sides.
type Settled = (Name, Wanted);

/// What came of it.
pub(super) enum Saved {
    /// It is written, or nothing was to be.
    Done(Option<Tid>),
    /// Somebody has to choose. All is as this state has it; `settled` is what would have been written.
    Clashes { now: Ground, clashes: Vec<Clash>, settled: Vec<Settled> },
    /// It was deleted.
    Gone(Arc<Object>),
}

/// Where it is to be written.
pub(super) enum Where<'a> {
    Here,
    /// In a version of that name, which is made.
    NewVersion(&'a str),
}

/// Saves what a form asks for.
///
/// # Errors
/// When it may not be, or cannot be written: then nothing was, but the version that was asked for may be there.
pub(super) fn save(
    request: &PageRequest,
    oid: Oid,
    changes: &Changes<'_>,
    place: &Where<'_>,
    sentence: &str,
) -> Result<(Saved, Option<Database>), PageError> {
    let mut version = None;
    for _ in 0..TRIES {
        let database = version.as_ref().unwrap_or_else(|| request.database()).clone();
        let snapshot = database.snapshot();
        let object = snapshot.object(oid)?.ok_or_else(PageError::not_found)?;
        if !is_live(&snapshot, oid)? {
            return Ok((Saved::Gone(object), version));
        }
        let (clashes, settled) = weave(changes, &snapshot, &object)?;
        let rename = weave_name(changes, &object);
        if !clashes.is_empty() || rename.is_err() {
            let clashes = clashes.into_iter().chain(rename.err().map(|clash| *clash)).collect();
            return Ok((Saved::Clashes { now: Ground::now(snapshot, object), clashes, settled }, version));
        }
        if let (Where::NewVersion(name), None) = (place, &version) {
            let new = NewVersion::named(*name).owned_by(request.actor().name());
            let note = request.note(format!("Opened version {name}"), Kind::Edit);
            let made = request.database().open_version(&new, note).map_err(|error| request.told(error))?;
            version = Some(made);
            continue;
        }
        let rename = rename.ok().flatten();
        let written = write(request, &database, &object, sentence, |draft| {
            apply(draft, &object, changes, &settled, rename.as_ref())
        })?;
        if let Some(tid) = written {
            return Ok((Saved::Done(tid), version));
        }
    }
    Err(PageError::refused("others change this again and again: wait a moment, and save once more"))
}

/// Writes, unless the object is not as it was when the form was put together with it; that is then to be done again.
fn write(
    request: &PageRequest,
    database: &Database,
    object: &Object,
    sentence: &str,
    work: impl Fn(&mut Draft) -> Result<(), PageError>,
) -> Result<Option<Option<Tid>>, PageError> {
    let maker = request.actor().user().map(|user| user.oid);
    let done = database.write(request.note(sentence, Kind::Edit), |draft| {
        draft.set_maker(maker);
        let is_same = draft.object(object.oid())?.is_some_and(|there| there.revision() == object.revision());
        if !is_same || !is_live(&**draft, object.oid())? {
            return Ok(false);
        }
        work(draft).map(|()| true)
    });
    let (is_same, tid) = done.map_err(|error| request.told(error))?;
    Ok(is_same.then_some(tid))
}

/// What is to be written over `object`, and what clashes with it.
fn weave(
    changes: &Changes<'_>,
    snapshot: &Snapshot,
    object: &Object,
) -> Result<(Vec<Clash>, Vec<Settled>), PageError> {
    let (mut clashes, mut settled) = (Vec::new(), Vec::new());
    for entry in changes.entries.iter().filter(|entry| entry.is_changed()) {
        let key = CellKey::Attribute(entry.name.clone());
        let base = changes.ground.object.content(&key);
        let now = object.content(&key);
        let policy = entry.spec.as_ref().map_or(MergePolicy::ByKind, |spec: &AttributeSpec| spec.merge);
        let outcome = match &entry.wanted {
            Wanted::Same => continue,
            _ if !changes.ground.is_known => None,
            Wanted::File(_) => (base == now).then(|| entry.wanted.clone()),
            Wanted::Value(wanted) => {
                let right = wanted.clone().map(Content::Value);
                let fetch = |large: &_| snapshot.large(large);
                match merge_contents(policy, base, now, right.as_ref(), &fetch)? {
                    Merge::Conflict => None,
                    Merge::Settled(content) if content.as_ref() == now => Some(Wanted::Same),
                    Merge::Settled(Some(Content::Large(large))) => {
                        Some(Wanted::Value(Some(snapshot.large(&large)?)))
                    }
                    Merge::Settled(Some(Content::Value(value))) => Some(Wanted::Value(Some(value))),
                    Merge::Settled(_) => Some(Wanted::Value(None)),
                }
            }
        };
        match outcome {
            Some(wanted) => settled.push((entry.name.clone(), wanted)),
            None => clashes.push(Clash {
                base: changes.ground.is_known.then(|| entry.base.clone()),
                theirs: attribute(snapshot, object, entry.name.as_str())?,
                by: Some(object.cell(&key).map_or(object.revision(), |cell: &Cell| cell.tid)),
                name: Some(entry.name.clone()),
            }),
        }
    }
    Ok((clashes, settled))
}

/// The name that the object gets, if another.
fn weave_name(changes: &Changes<'_>, object: &Object) -> Result<Option<Name>, Box<Clash>> {
    let (Some((base, wanted)), Some(now)) = (changes.rename, object.place()) else { return Ok(None) };
    if now.name == *wanted {
        return Ok(None);
    }
    if now.name == *base && changes.ground.is_known {
        return Ok(Some(wanted.clone()));
    }
    Err(Box::new(Clash {
        name: None,
        base: changes.ground.is_known.then(|| Some(Value::text(base.as_str()))),
        theirs: Some(Value::text(now.name.as_str())),
        by: object.cell(&CellKey::Place).map(|cell| cell.tid),
    }))
}

fn apply(
    draft: &mut Draft,
    object: &Object,
    changes: &Changes<'_>,
    settled: &[Settled],
    rename: Option<&Name>,
) -> Result<(), PageError> {
    let oid = object.oid();
    for (name, wanted) in settled {
        match wanted {
            Wanted::Same => {}
            Wanted::Value(value) => draft.set(oid, name, value.clone())?,
            Wanted::File(number) => {
                let Some(file) = changes.form.files().get(*number) else { continue };
                let data = draft.blob(&mut file.reader())?;
                draft.set(oid, name, Some(data))?;
                let final_name = rename.or(object.place().map(|place| &place.name));
                if let Some((of, media_type)) = media_type(changes, name, file.media_type(), final_name) {
                    draft.set(oid, &of, media_type)?;
                }
            }
        }
    }
    if let (Some(name), Some(place)) = (rename, object.place()) {
        draft.move_to(oid, place.parent, name)?;
    }
    Ok(())
}

/// What becomes of the attribute that says the media type of a new file, unless somebody typed it: nothing is said where
/// the name of the object says it already.
fn media_type(
    changes: &Changes<'_>,
    attribute: &Name,
    sent: Option<&str>,
    name: Option<&Name>,
) -> Option<(Name, Option<Value>)> {
    let of = changes.entries.iter().find(|entry| entry.name == "content_type")?;
    if *attribute != "data" || of.is_changed() || of.spec.is_none() || !of.may_write {
        return None;
    }
    let sent = sent.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let by_name = name.and_then(|name| mime_guess::from_path(name.as_str()).first_raw());
    let says_nothing =
        sent.is_empty() || sent == "application/octet-stream" || by_name == Some(sent.as_str());
    Some((of.name.clone(), (!says_nothing).then(|| Value::text(sent))))
}

/// What the commit says: `Changed title and body of /news`.
pub(super) fn sentence(entries: &[Entry], rename: &Rename, path: &str) -> String {
    let named = |is_in: &dyn Fn(&Entry) -> bool| -> Vec<&str> {
        entries
            .iter()
            .filter(|entry| entry.is_changed() && is_in(entry))
            .map(|entry| entry.name.as_str())
            .collect()
    };
    let gone = named(&|entry| entry.wanted == Wanted::Value(None));
    let set = named(&|entry| entry.wanted != Wanted::Value(None));
    let mut parts = Vec::new();
    if let Some((_, to)) = &rename.wanted {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        parts.push(format!("renamed {path} to {parent}/{to}"));
    }
    // Where it was renamed, the path is said already.
    let of =
        |parts: &[String], word| if parts.is_empty() { format!(" {word} {path}") } else { String::new() };
    if !set.is_empty() {
        parts.push(format!("changed {}{}", listed(&set), of(&parts, "of")));
    }
    if !gone.is_empty() {
        parts.push(format!("took {} away{}", listed(&gone), of(&parts, "from")));
    }
    let sentence = parts.join(", ");
    let mut chars = sentence.chars();
    chars.next().map_or_else(
        || format!("Changed {path}"),
        |first| first.to_uppercase().collect::<String>() + chars.as_str(),
    )
}

/// `a`, `a and b`, `a, b and c`, `a, b, c and 4 more`.
fn listed(names: &[&str]) -> String {
    let short = |name: &&str| crate::text::shortened(name, 60);
    match names {
        [] => String::new(),
        [one] => short(one),
        [first @ .., last] if names.len() <= 4 => {
            format!("{} and {}", first.iter().map(short).collect::<Vec<_>>().join(", "), short(last))
        }
        _ => format!(
            "{} and {} more",
            names[..3].iter().map(short).collect::<Vec<_>>().join(", "),
            names.len() - 3
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::shape::{Shape, Typed};

    fn entry(name: &str, wanted: Wanted) -> Entry {
        Entry {
            name: Name::new(name).unwrap(),
            spec: None,
            shape: Shape::Line,
            base: None,
            typed: Typed::default(),
            wanted,
            is_dropped: false,
            may_write: true,
            error: None,
        }
    }

    #[test]
    fn a_commit_says_what_was_done_to_what() {
        let set = |name| entry(name, Wanted::Value(Some("x".into())));
        let gone = |name| entry(name, Wanted::Value(None));
        let renamed = || Rename {
            wanted: Some((Name::new("b").unwrap(), Name::new("c").unwrap())),
            ..Rename::default()
        };
        let none = Rename::default;
        for (entries, rename, expected) in [
            (vec![set("title")], none(), "Changed title of /a/b"),
            (
                vec![set("title"), entry("same", Wanted::Same), set("body")],
                none(),
                "Changed title and body of /a/b",
            ),
            (
                vec![set("a"), set("b"), set("c"), set("d"), set("e")],
                none(),
                "Changed a, b, c and 2 more of /a/b",
            ),
            (vec![gone("title")], none(), "Took title away from /a/b"),
            (vec![set("a"), gone("b")], none(), "Changed a of /a/b, took b away"),
            (vec![], renamed(), "Renamed /a/b to /a/c"),
            (vec![set("a")], renamed(), "Renamed /a/b to /a/c, changed a"),
        ] {
            assert_eq!(sentence(&entries, &rename, "/a/b"), expected);
        }
    }
}
