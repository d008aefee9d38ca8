//! Objects brought from one edition to the next, and those that cannot be.

use super::*;
use crate::object_type::{ObjectType, TypeSchema};
use crate::snapshot::Snapshot;
use crate::testing::{MemoryTree, name, oid_at, show};
use crate::transaction::{ChangeSet, ObjectChange};
use crate::{Oid, Tid};

/// People: edition 2 has `first` and `last` instead of `name`, edition 3 a `greeting`.
pub(crate) struct Person(TypeSchema);

impl Person {
    pub(crate) fn of(edition: u32) -> Self {
        Self(TypeSchema { edition, ..TypeSchema::new("person", "Person").unwrap() })
    }
}

impl ObjectType for Person {
    fn schema(&self) -> &TypeSchema {
        &self.0
    }

    fn migrate(&self, from: u32, attributes: &Attributes) -> Result<Attributes, MigrationError> {
        let mut attributes = attributes.clone();
        match from {
            1 => {
                let Some(whole) = attributes.remove("name") else { return Ok(attributes) };
                let parts = whole.as_text().and_then(|whole| whole.split_once('-'));
                let (first, last) =
                    parts.ok_or_else(|| MigrationError::Refused("its name has no two parts".into()))?;
                attributes.insert(name("first"), first.into());
                attributes.insert(name("last"), last.into());
            }
            _ => _ = attributes.insert(name("greeting"), "hello".into()),
        }
        Ok(attributes)
    }
}

pub(crate) fn types(edition: u32) -> TypeRegistry {
    let mut types = TypeRegistry::default();
    types.register(Person::of(edition));
    types
}

fn check(edition: u32, before: &str, expected: Result<&str, &str>) {
    let mut tree = MemoryTree::seeded(before);
    let oid = oid_at(&tree, "/p");
    let object = tree.object(oid).unwrap().unwrap();
    let found = migrated(&object, &types(edition), &|large| tree.large(large)).unwrap();
    let found = found.map_err(|error| error.to_string()).map(|cells| {
        let objects = vec![ObjectChange { oid, cells }];
        tree.apply(&ChangeSet { base: Tid::ZERO, objects, unchanged: Vec::new() }, Tid::from_micros(9));
        show(&tree).unwrap().trim().to_owned()
    });
    assert_eq!(found.as_deref().map_err(String::as_str), expected, "{before}");
}

#[test]
fn an_object_is_brought_step_by_step_to_the_edition_of_its_type() {
    check(1, "/p :person name=a-b", Ok("/p :person name=a-b"));
    check(2, "/p :person name=a-b x=1", Ok("/p :person _edition=2 first=a last=b x=1"));
    check(3, "/p :person name=a-b", Ok("/p :person _edition=3 first=a greeting=hello last=b"));
    check(3, "/p :person _edition=2 name=a-b", Ok("/p :person _edition=3 greeting=hello name=a-b"));
    check(3, "/p :person _edition=3 name=a-b", Ok("/p :person _edition=3 name=a-b"));
    check(2, "/p :stranger name=a-b", Ok("/p :stranger name=a-b"));
}

#[test]
fn what_cannot_be_brought_there_says_why() {
    check(2, "/p :person name=whole", Err("its name has no two parts"));
    check(2, "/p :person _edition=3", Err("edition 3 is newer than this program knows: that is 2"));
    for nonsense in ["0", "-1", "9999999999", "two", "true", "!block"] {
        let before = format!("/p :person _edition={nonsense}");
        check(2, &before, Err("its edition is no whole number from 1 on"));
    }
    check(u32::MAX, "/p :person", Err("edition 1 is too far back"));
}

#[test]
fn what_is_made_or_turned_into_another_type_is_of_its_present_edition() {
    let tree = std::sync::Arc::new(MemoryTree::seeded("/p :person name=a-b\n/q :other"));
    let ids = std::sync::Arc::new(crate::testing::CountingIds::after(1_000));
    let mut work = crate::transaction::Transaction::new(tree, std::sync::Arc::new(types(2)), ids, 7);
    work.add(Oid::ROOT, &name("r"), &name("person"), []).unwrap();
    work.add(Oid::ROOT, &name("s"), &name("person"), [(name(EDITION), 1.into())]).unwrap();
    work.set_type(oid_at(&work, "/q"), &name("person")).unwrap();
    work.set_type(oid_at(&work, "/p"), &name("person")).unwrap();
    let made = "/p :person name=a-b\n/q :person _edition=2\n/r :person _edition=2\n/s :person _edition=1\n";
    assert_eq!(show(&work).unwrap(), made);
    work.set_type(oid_at(&work, "/r"), &name("other")).unwrap();
    assert!(show(&work).unwrap().contains("/r :other\n"));
}
