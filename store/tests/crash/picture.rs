//! A site as text, and on the way whether it is a sound tree.

use std::error::Error;
use std::fmt::{Display, Write as _};
use std::fs;
use std::path::Path;

use bough_core::snapshot::{Chain, Child, ChildOrder, ChildrenPage, chain, find};
use bough_core::{Content, Object, ObjectPath, Oid, Snapshot as _, Value};
use bough_store::{Body, Database, Snapshot};

/// Everything that a snapshot shows, but for oids and the bytes of blobs.
///
/// # Errors
/// When it cannot be read, or is no sound tree.
pub(crate) fn picture(snapshot: &Snapshot) -> Result<String, String> {
    let mut text = String::new();
    visit(snapshot, Oid::ROOT, &ObjectPath::from(Vec::new()), &mut |path, object| {
        let order = object.place().map_or("", |place| place.order.as_str());
        let _ = write!(text, "{path} {} {order}", object.type_name().map_or("?", |name| name.as_str()));
        for (name, cell) in object.attributes() {
            let value = match &cell.content {
                Content::Large(large) => &snapshot.large(large).map_err(full_text)?,
                Content::Value(value) => value,
                other => return Err(format!("{path} has an attribute {other:?}")),
            };
            let _ = match value.as_text().filter(|text| text.len() > 100) {
                Some(long) => write!(text, " {name}={}", blake3::hash(long.as_bytes())),
                None => write!(text, " {name}={value:?}"),
            };
        }
        text.push('\n');
        Ok(())
    })?;
    Ok(text)
}

/// Reads all blobs and compares them with their digests; answers how many there are.
pub(crate) fn whole_blobs(snapshot: &Snapshot) -> Result<usize, String> {
    let mut count = 0;
    visit(snapshot, Oid::ROOT, &ObjectPath::from(Vec::new()), &mut |path, object| {
        for (_, cell) in object.attributes() {
            if let Content::Value(value @ Value::Blob(blob)) = &cell.content {
                count += 1;
                let found = bytes_of(snapshot, value)?;
                if *blake3::hash(&found).as_bytes() != blob.digest.0 {
                    return Err(format!("the blob of {path} has other bytes than its digest says"));
                }
            }
        }
        Ok(())
    })?;
    Ok(count)
}

/// Checks every invariant of the format.
pub(crate) fn assert_sound(database: &Database, when: impl Display) {
    let report = must(database.check(&mut bough_store::unwatched), &when);
    assert!(report.is_sound(), "{when}: {:?}", report.faults);
}

fn bytes_of(snapshot: &Snapshot, value: &Value) -> Result<Vec<u8>, String> {
    match snapshot.bytes(value).map_err(full_text)? {
        Body::Bytes(bytes) => Ok(bytes.to_vec()),
        Body::File(file) => {
            let mut bytes = vec![0; file.len() as usize];
            file.read_at(&mut bytes, 0).map_err(full_text)?;
            Ok(bytes)
        }
    }
}

type Visit<'a> = &'a mut dyn FnMut(&ObjectPath, &Object) -> Result<(), String>;

fn visit(snapshot: &Snapshot, parent: Oid, above: &ObjectPath, act: Visit<'_>) -> Result<(), String> {
    let by_place = children(snapshot, parent, ChildOrder::Place, 3)?;
    let mut by_name = children(snapshot, parent, ChildOrder::Name, 1_000)?;
    by_name.sort_by_key(|child| by_place.iter().position(|other| other.oid == child.oid));
    let same = by_name.iter().zip(&by_place).all(|(a, b)| (a.oid, &a.name) == (b.oid, &b.name));
    ensure(same && by_name.len() == by_place.len(), || {
        format!("{above}: by place {by_place:?}, by name {by_name:?}")
    })?;
    for child in by_place {
        let names = above.names().iter().cloned().chain([child.name.clone()]);
        let path = ObjectPath::from(names.collect::<Vec<_>>());
        let found = find(snapshot, &path).map_err(full_text)?;
        ensure(found == Some(child.oid), || format!("{path} leads to {found:?} and lists {}", child.oid))?;
        let object = snapshot.object(child.oid).map_err(full_text)?;
        let object = object.ok_or_else(|| format!("{path} is listed and is not there"))?;
        let place = object.place().ok_or_else(|| format!("{path} is listed and has no place"))?;
        let stands = (place.parent, &place.name, &place.order) == (parent, &child.name, &child.order);
        ensure(stands, || format!("{path} stands at {place:?}"))?;
        let chain = chain(snapshot, child.oid).map_err(full_text)?;
        ensure(matches!(chain, Chain::Live(_)), || format!("{path} has the chain {chain:?}"))?;
        act(&path, &object)?;
        visit(snapshot, child.oid, &path, act)?;
    }
    Ok(())
}

fn children(snapshot: &Snapshot, parent: Oid, by: ChildOrder, limit: usize) -> Result<Vec<Child>, String> {
    let mut all: Vec<Child> = Vec::new();
    let mut page = ChildrenPage { by, after: None, limit };
    loop {
        let found = snapshot.children(parent, &page).map_err(full_text)?;
        let Some(last) = found.last() else { return Ok(all) };
        page = page.following(last);
        all.extend(found);
    }
}

fn ensure(holds: bool, else_say: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(else_say()) }
}

/// An error with all its causes.
pub(crate) fn full_text(error: impl Error + 'static) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// The answer, or a failed test that says everything about why not.
pub(crate) fn must<T>(result: Result<T, impl Error + 'static>, when: impl Display) -> T {
    result.unwrap_or_else(|error| panic!("{when}: {}", full_text(error)))
}

/// Copies a folder with all that is in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
