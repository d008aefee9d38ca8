//! Records: one whole object as one commit left it on the trunk.
//!
//! Each cell names the commit that last wrote it, by its number in a short list, so that blame is a read.

use std::sync::Arc;

use bough_core::object::{Cell, Large};
use bough_core::security::{Roles, Setting, Subject};
use bough_core::value::{BlobRef, Digest};
use bough_core::{CellKey, Content, Name, Object, Oid, Place, Tid};
use serde::{Deserialize, Serialize};

use super::value::{PlaceDisk, ValueDisk};
use super::{FormatError, rule};

const WHAT: &str = "a record";

/// The key of a cell. Variants are only added at the end.
#[derive(Serialize, Deserialize)]
pub(super) enum CellKeyDisk {
    Type,
    Place,
    Attribute(String),
    Owner,
    ProxyRoles,
    Permission(String),
    LocalRoles(SubjectDisk),
}

/// Who has local roles. Variants are only added at the end.
#[derive(Serialize, Deserialize)]
pub(super) enum SubjectDisk {
    Principal([u8; 16]),
    Name(String),
}

/// What a cell holds. Variants are only added at the end.
#[derive(Serialize, Deserialize)]
pub(super) enum ContentDisk {
    Type(String),
    Place(PlaceDisk),
    Value(ValueDisk),
    Large(LargeDisk),
    Owner([u8; 16]),
    Roles(Vec<String>),
    Setting { roles: Vec<String>, acquire: bool },
}

#[derive(Serialize, Deserialize)]
pub(super) struct LargeDisk {
    digest: [u8; 32],
    bytes: u32,
    blobs: Vec<([u8; 32], u64)>,
    references: Vec<[u8; 16]>,
}

#[derive(Serialize, Deserialize)]
struct CellDisk {
    key: CellKeyDisk,
    /// Index into the record's list of tids.
    written: u16,
    content: ContentDisk,
}

#[derive(Serialize, Deserialize)]
struct RecordDisk {
    tids: Vec<u64>,
    cells: Vec<CellDisk>,
}

/// Encodes a whole object.
pub(crate) fn encode_record(object: &Object) -> Vec<u8> {
    let mut tids: Vec<u64> = object.cells().iter().map(|(_, cell)| cell.tid.as_micros()).collect();
    tids.sort_unstable();
    tids.dedup();
    let cells = object.cells().iter().map(|(key, cell)| CellDisk {
        key: cell_key_disk(key),
        written: tids.binary_search(&cell.tid.as_micros()).unwrap_or_default() as u16,
        content: content_disk(&cell.content),
    });
    let cells = cells.collect();
    super::encode(&RecordDisk { tids, cells })
}

/// Decodes a whole object.
pub(crate) fn decode_record(oid: Oid, revision: Tid, bytes: &[u8]) -> Result<Object, FormatError> {
    let record: RecordDisk = super::decode(WHAT, bytes)?;
    let mut cells = Vec::with_capacity(record.cells.len());
    for cell in record.cells {
        let key = cell_key_core(cell.key)?;
        let micros =
            record.tids.get(usize::from(cell.written)).ok_or_else(|| rule(WHAT, "a cell names no commit"))?;
        cells.push((key, Cell { tid: Tid::from_micros(*micros), content: content_core(cell.content)? }));
    }
    Ok(Object::new(oid, revision, cells))
}

pub(super) fn cell_key_disk(key: &CellKey) -> CellKeyDisk {
    match key {
        CellKey::Attribute(name) => CellKeyDisk::Attribute(name.to_string()),
        CellKey::Place => CellKeyDisk::Place,
        CellKey::Type => CellKeyDisk::Type,
        CellKey::Owner => CellKeyDisk::Owner,
        CellKey::ProxyRoles => CellKeyDisk::ProxyRoles,
        CellKey::Permission(name) => CellKeyDisk::Permission(name.to_string()),
        CellKey::LocalRoles(Subject::Principal(oid)) => {
            CellKeyDisk::LocalRoles(SubjectDisk::Principal(oid.to_bytes()))
        }
        CellKey::LocalRoles(Subject::Name(name)) => {
            CellKeyDisk::LocalRoles(SubjectDisk::Name(name.to_string()))
        }
        other => unreachable!("BUG: {other:?} has no form on disk"),
    }
}

pub(super) fn cell_key_core(disk: CellKeyDisk) -> Result<CellKey, FormatError> {
    Ok(match disk {
        CellKeyDisk::Type => CellKey::Type,
        CellKeyDisk::Place => CellKey::Place,
        CellKeyDisk::Attribute(name) => CellKey::Attribute(legal(WHAT, &name)?),
        CellKeyDisk::Owner => CellKey::Owner,
        CellKeyDisk::ProxyRoles => CellKey::ProxyRoles,
        CellKeyDisk::Permission(name) => CellKey::Permission(legal(WHAT, &name)?),
        CellKeyDisk::LocalRoles(SubjectDisk::Principal(oid)) => {
            CellKey::LocalRoles(Subject::Principal(Oid::from_bytes(oid)))
        }
        CellKeyDisk::LocalRoles(SubjectDisk::Name(name)) => {
            CellKey::LocalRoles(Subject::Name(legal(WHAT, &name)?))
        }
    })
}

fn roles_disk(roles: &Roles) -> Vec<String> {
    roles.iter().map(Name::to_string).collect()
}

fn roles_core(roles: &[String]) -> Result<Roles, FormatError> {
    Ok(Roles::new(roles.iter().map(|role| legal(WHAT, role)).collect::<Result<Vec<_>, _>>()?))
}

pub(super) fn legal(what: &'static str, name: &str) -> Result<Name, FormatError> {
    Name::new(name).map_err(|error| rule(what, error))
}

pub(super) fn content_disk(content: &Content) -> ContentDisk {
    match content {
        Content::Type(name) => ContentDisk::Type(name.to_string()),
        Content::Place(place) => ContentDisk::Place(place.into()),
        Content::Large(large) => ContentDisk::Large(LargeDisk {
            digest: large.digest.0,
            bytes: large.bytes,
            blobs: large.blobs.iter().map(|blob| (blob.digest.0, blob.bytes)).collect(),
            references: large.references.iter().map(|oid| oid.to_bytes()).collect(),
        }),
        Content::Value(value) => ContentDisk::Value(value.into()),
        Content::Owner(owner) => ContentDisk::Owner(owner.to_bytes()),
        Content::Roles(roles) => ContentDisk::Roles(roles_disk(roles)),
        Content::Setting(Setting { roles, acquire }) => {
            ContentDisk::Setting { roles: roles_disk(roles), acquire: *acquire }
        }
        other => unreachable!("BUG: {other:?} has no form on disk"),
    }
}

pub(super) fn content_core(disk: ContentDisk) -> Result<Content, FormatError> {
    Ok(match disk {
        ContentDisk::Type(name) => Content::Type(legal(WHAT, &name)?),
        ContentDisk::Place(place) => Content::Place(Place::try_from(place)?),
        ContentDisk::Value(value) => Content::Value(value.into()),
        ContentDisk::Owner(owner) => Content::Owner(Oid::from_bytes(owner)),
        ContentDisk::Roles(roles) => Content::Roles(roles_core(&roles)?),
        ContentDisk::Setting { roles, acquire } => {
            Content::Setting(Setting { roles: roles_core(&roles)?, acquire })
        }
        ContentDisk::Large(large) => {
            let blob = |(digest, bytes)| BlobRef { digest: Digest(digest), bytes };
            let blobs: Arc<[BlobRef]> = large.blobs.into_iter().map(blob).collect();
            let references: Arc<[Oid]> = large.references.into_iter().map(Oid::from_bytes).collect();
            Content::Large(Large { digest: Digest(large.digest), bytes: large.bytes, blobs, references })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bough_core::{OrderKey, Value};
    use proptest::prelude::*;

    fn attribute(name: &str, micros: u64, value: Value) -> (CellKey, Cell) {
        let content = Content::Value(value);
        (CellKey::Attribute(Name::new(name).unwrap()), Cell { tid: Tid::from_micros(micros), content })
    }

    fn every_kind_of_cell() -> Object {
        let digest = Digest([7; 32]);
        let cell = |micros, content| Cell { tid: Tid::from_micros(micros), content };
        let place = Place {
            parent: Oid::ROOT,
            name: Name::new("page").unwrap(),
            order: OrderKey::at(1_795_000_000_000_000, 3),
        };
        let large = Large {
            digest,
            bytes: 5_000,
            blobs: [BlobRef { digest, bytes: 9 }].into(),
            references: [Oid::ROOT].into(),
        };
        let list = Value::List(vec![Value::Null, Value::Bool(true), Value::Float(0.5), Value::Block]);
        let map = Value::Map([("key".into(), Value::Time(-1))].into());
        let set = Value::Set([Value::Reference(Oid::ROOT), Value::Counter(-4)].into());
        let blob = Value::Blob(BlobRef { digest, bytes: 1 << 40 });
        Object::new(
            Oid::from_u128(9),
            Tid::from_micros(20),
            vec![
                (CellKey::Type, cell(10, Content::Type(Name::new("page").unwrap()))),
                (CellKey::Place, cell(20, Content::Place(place))),
                (CellKey::Attribute(Name::new("body").unwrap()), cell(10, Content::Large(large))),
                attribute("list", 10, list),
                attribute("map", 10, map),
                attribute("set", 20, set),
                attribute("blob", 10, blob),
                attribute("int", 10, Value::Int(i64::MIN)),
                attribute("text", 10, "A".into()),
                attribute("bytes", 10, Value::Bytes([0, 255].into())),
            ],
        )
    }

    #[test]
    fn a_record_reads_back_as_it_was_and_its_bytes_never_change() {
        let object = every_kind_of_cell();
        let bytes = encode_record(&object);
        assert_eq!(decode_record(object.oid(), object.revision(), &bytes).unwrap(), object);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            include_str!("golden/record-1.hex").trim(),
            "a database of this format would not read"
        );
    }

    #[test]
    fn what_says_who_may_do_what_reads_back_as_it_was_and_its_bytes_never_change() {
        let name = |text| Name::new(text).unwrap();
        let cell = |content| Cell { tid: Tid::from_micros(10), content };
        let roles = Roles::named(["Editor", "Manager"]);
        let object = Object::new(
            Oid::from_u128(9),
            Tid::from_micros(20),
            vec![
                (CellKey::Owner, cell(Content::Owner(Oid::from_u128(7)))),
                (CellKey::ProxyRoles, cell(Content::Roles(roles.clone()))),
                (
                    CellKey::Permission(name("View")),
                    cell(Content::Setting(Setting { roles: roles.clone(), acquire: true })),
                ),
                (
                    CellKey::Permission(name("Edit content")),
                    cell(Content::Setting(Setting { roles: Roles::default(), acquire: false })),
                ),
                (
                    CellKey::LocalRoles(Subject::Principal(Oid::from_u128(8))),
                    cell(Content::Roles(roles.clone())),
                ),
                (CellKey::LocalRoles(Subject::Name(name("ann"))), cell(Content::Roles(roles))),
            ],
        );
        let bytes = encode_record(&object);
        assert_eq!(decode_record(object.oid(), object.revision(), &bytes).unwrap(), object);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            include_str!("golden/record-1-security.hex").trim(),
            "a database of this format would not read"
        );
    }

    #[test]
    fn a_value_nested_deeper_than_the_stack_is_an_error() {
        // One cell whose value is a list in a list in a list ...
        let mut bytes = vec![1, 10, 1, 2, 1, b'a', 0, 2];
        bytes.extend([7, 1].repeat(20_000));
        bytes.push(0);
        let error = decode_record(Oid::ROOT, Tid::ZERO, &bytes).unwrap_err();
        assert!(matches!(error, FormatError::Codec { .. }), "{error:?}");
    }

    proptest! {
        #[test]
        fn damaged_records_are_errors_or_other_objects_and_never_panic(at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>()) {
            let mut bytes = encode_record(&every_kind_of_cell());
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = decode_record(Oid::ROOT, Tid::ZERO, &bytes);
            bytes.truncate(cut.index(bytes.len()));
            prop_assert!(decode_record(Oid::ROOT, Tid::ZERO, &bytes).is_err());
        }

        #[test]
        fn any_bytes_end_in_an_error_or_an_object(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_record(Oid::ROOT, Tid::ZERO, &bytes);
        }
    }
}
