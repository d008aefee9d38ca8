//! A type that got another form, and the objects that were made before.

use std::ops::ControlFlow;

use bough_core::Value;
use bough_core::migration::Attributes;
use bough_core::object_type::{ObjectType, TypeSchema};

use super::*;

/// People: in edition 2, `name` became `first` and `last`.
struct Person(TypeSchema);

impl ObjectType for Person {
    fn schema(&self) -> &TypeSchema {
        &self.0
    }

    fn migrate(&self, from: u32, attributes: &Attributes) -> Result<Attributes, MigrationError> {
        assert_eq!(from, 1);
        let mut attributes = attributes.clone();
        let whole = attributes.remove("name").unwrap_or_else(|| "".into());
        let parts = whole.as_text().and_then(|whole| whole.split_once(' '));
        let (first, last) =
            parts.ok_or_else(|| MigrationError::Refused("its name has no two parts".into()))?;
        for (name, part) in [("first", first), ("last", last)] {
            attributes.insert(Name::new(name).unwrap(), part.into());
        }
        Ok(attributes)
    }
}

fn open(folder: &std::path::Path, edition: u32) -> Site {
    let schema = TypeSchema { edition, ..TypeSchema::new("person", "Person").unwrap() };
    Site::builder().register(Person(schema)).open(folder).unwrap()
}

/// A site of edition 1 with so many people in `/people`, opened again with edition 2.
fn grown(folder: &std::path::Path, people: usize) -> Site {
    let site = open(folder, 1);
    site.write("Add people", |tx| {
        tx.add("/people", "folder")?;
        for nth in 0..people {
            tx.add_with(&format!("/people/p{nth}"), "person", [("name", format!("Ann {nth}").into())])?;
        }
        Ok(())
    })
    .unwrap();
    site.close().unwrap();
    drop(site);
    open(folder, 2)
}

fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn text(site: &Site, path: &str, attribute: &str) -> Option<String> {
    let value = site.get(path).unwrap().value(attribute).unwrap();
    value.as_ref().and_then(Value::as_text).map(str::to_owned)
}

#[test]
fn a_migration_is_done_in_batches_goes_on_where_it_stopped_and_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let site = grown(folder.path(), BATCH + 5);
    assert_eq!(
        text(&site, "/people/p0", "name").as_deref(),
        Some("Ann 0"),
        "nothing is rewritten by reading"
    );
    let person = (Name::new("person").unwrap(), 2);
    let preview = Migration { is_preview: true, ..Migration::default() };
    let seen = site.migrate(&preview, &mut go_on).unwrap();
    assert_eq!((seen.objects[&person], seen.commits.len()), (BATCH as u64 + 5, 0));

    // Stopped in the middle, what is done is done.
    let stop = |looked: u64| if looked < 500 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
    let mut stop = stop;
    let part = site.migrate(&Migration::default(), &mut stop).unwrap();
    let done = part.objects[&person];
    assert!((1..500).contains(&done), "{done}");
    let rest = site.migrate(&Migration::default(), &mut go_on).unwrap();
    assert_eq!((rest.objects[&person] + done, rest.commits.len()), (BATCH as u64 + 5, 1));
    assert_eq!(site.migrate(&Migration::default(), &mut go_on).unwrap(), Migrated::default());
    let sentence = site.history(1).unwrap()[0].sentence.clone();
    assert_eq!(sentence, format!("Migrated {} objects of type person to edition 2", BATCH as u64 + 5 - done));
    let last = format!("/people/p{}", BATCH + 4);
    assert_eq!((text(&site, &last, "first"), text(&site, &last, "name")), (Some("Ann".into()), None));

    site.undo(rest.commits).unwrap();
    assert_eq!((text(&site, &last, "first"), text(&site, &last, "name").is_some()), (None, true));
    let again = site.migrate(&Migration::default(), &mut go_on).unwrap();
    assert_eq!((again.objects[&person], again.commits.len()), (BATCH as u64 + 5 - done, 1));
}

#[test]
fn what_cannot_be_migrated_is_named_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let site = grown(folder.path(), 3);
    site.write("Spoil some", |tx| {
        tx.set("/people/p0", "name", "Ann")?;
        tx.set("/people/p1", "_edition", 7)
    })
    .unwrap();
    let wanted =
        Migration { path: "/people".into(), type_name: Some("person".into()), ..Migration::default() };
    let done = site.migrate(&wanted, &mut go_on).unwrap();
    let failures: Vec<String> = done.failures.iter().map(|(path, why)| format!("{path}: {why}")).collect();
    assert_eq!(
        failures,
        [
            "/people/p0: its name has no two parts",
            "/people/p1: edition 7 is newer than this program knows: that is 2"
        ]
    );
    assert_eq!((done.failed, done.objects.values().sum::<u64>()), (2, 1));
    assert_eq!(text(&site, "/people/p0", "name").as_deref(), Some("Ann"));
    let strange = Migration { type_name: Some("stranger".into()), ..Migration::default() };
    assert!(site.migrate(&strange, &mut go_on).is_err());
}

/// An edit in a version of what the public site migrated meanwhile arrives under the new names, and the other way round.
#[test]
fn case_18_a_version_and_a_migration_go_together() {
    let folder = tempfile::tempdir().unwrap();
    let site = grown(folder.path(), 2);
    let version = site.create_version("v").unwrap();
    version.write("Rename", |tx| tx.set("/people/p0", "name", "Eve Ray")).unwrap();
    version.migrate(&Migration { path: "/people/p1".into(), ..Migration::default() }, &mut go_on).unwrap();
    site.migrate(&Migration { path: "/people/p0".into(), ..Migration::default() }, &mut go_on).unwrap();
    site.write("Rename", |tx| tx.set("/people/p1", "name", "Kim Lee")).unwrap();
    version.merge().unwrap();
    let names = |path| (text(&site, path, "first"), text(&site, path, "last"), text(&site, path, "name"));
    assert_eq!(names("/people/p0"), (Some("Eve".into()), Some("Ray".into()), None));
    assert_eq!(names("/people/p1"), (Some("Kim".into()), Some("Lee".into()), None));
}
