//! What people decided about conflicts, as side records keep it.

use bough_core::Oid;
use bough_core::merge::plan::{ConflictKey, Resolution, Side};
use serde::{Deserialize, Serialize};

use super::record::{
    CellKeyDisk, ContentDisk, cell_key_core, cell_key_disk, content_core, content_disk, legal,
};
use super::{FormatError, decode, encode};

const WHAT: &str = "a decision about a conflict";

/// Which conflict. Variants are only added at the end.
#[derive(Serialize, Deserialize)]
enum ConflictKeyDisk {
    Cell([u8; 16], CellKeyDisk),
    Deleted([u8; 16]),
    Name { parent: [u8; 16], name: String, oid: [u8; 16] },
    Cycle(Vec<[u8; 16]>),
    Type([u8; 16]),
}

/// What was chosen. Variants are only added at the end.
#[derive(Serialize, Deserialize)]
enum ResolutionDisk {
    Version,
    Parent,
    Value(Option<ContentDisk>),
    Both { rename_version: bool, to: String },
    Same,
    Rescue(Vec<([u8; 16], [u8; 16])>),
}

#[derive(Serialize, Deserialize)]
struct DecisionDisk {
    key: ConflictKeyDisk,
    fingerprint: u128,
    resolution: ResolutionDisk,
    principal: String,
    time_micros: u64,
}

/// A decision about a conflict.
pub(crate) struct Decision {
    pub(crate) key: ConflictKey,
    /// The conflict as it was seen.
    pub(crate) fingerprint: u128,
    pub(crate) resolution: Resolution,
    pub(crate) principal: String,
    pub(crate) time_micros: u64,
}

fn key_disk(key: &ConflictKey) -> ConflictKeyDisk {
    match key {
        ConflictKey::Cell(oid, key) => ConflictKeyDisk::Cell(oid.to_bytes(), cell_key_disk(key)),
        ConflictKey::Deleted(oid) => ConflictKeyDisk::Deleted(oid.to_bytes()),
        ConflictKey::Name { parent, name, oid } => {
            ConflictKeyDisk::Name { parent: parent.to_bytes(), name: name.to_string(), oid: oid.to_bytes() }
        }
        ConflictKey::Cycle(oids) => ConflictKeyDisk::Cycle(oids.iter().map(|oid| oid.to_bytes()).collect()),
        ConflictKey::Type(oid) => ConflictKeyDisk::Type(oid.to_bytes()),
    }
}

fn key_core(disk: ConflictKeyDisk) -> Result<ConflictKey, FormatError> {
    let oid = Oid::from_bytes;
    Ok(match disk {
        ConflictKeyDisk::Cell(of, key) => ConflictKey::Cell(oid(of), cell_key_core(key)?),
        ConflictKeyDisk::Deleted(of) => ConflictKey::Deleted(oid(of)),
        ConflictKeyDisk::Name { parent, name, oid: of } => {
            ConflictKey::Name { parent: oid(parent), name: legal(WHAT, &name)?, oid: oid(of) }
        }
        ConflictKeyDisk::Cycle(oids) => ConflictKey::Cycle(oids.into_iter().map(oid).collect()),
        ConflictKeyDisk::Type(of) => ConflictKey::Type(oid(of)),
    })
}

fn resolution_disk(resolution: &Resolution) -> ResolutionDisk {
    match resolution {
        Resolution::Version => ResolutionDisk::Version,
        Resolution::Parent => ResolutionDisk::Parent,
        Resolution::Value(content) => ResolutionDisk::Value(content.as_ref().map(content_disk)),
        Resolution::Both { rename, to } => {
            ResolutionDisk::Both { rename_version: *rename == Side::Version, to: to.to_string() }
        }
        Resolution::Same => ResolutionDisk::Same,
        Resolution::Rescue(moves) => {
            ResolutionDisk::Rescue(moves.iter().map(|(oid, to)| (oid.to_bytes(), to.to_bytes())).collect())
        }
    }
}

fn resolution_core(disk: ResolutionDisk) -> Result<Resolution, FormatError> {
    Ok(match disk {
        ResolutionDisk::Version => Resolution::Version,
        ResolutionDisk::Parent => Resolution::Parent,
        ResolutionDisk::Value(content) => Resolution::Value(content.map(content_core).transpose()?),
        ResolutionDisk::Both { rename_version, to } => Resolution::Both {
            rename: if rename_version { Side::Version } else { Side::Parent },
            to: legal(WHAT, &to)?,
        },
        ResolutionDisk::Same => Resolution::Same,
        ResolutionDisk::Rescue(moves) => {
            let pair = |(oid, to)| (Oid::from_bytes(oid), Oid::from_bytes(to));
            Resolution::Rescue(moves.into_iter().map(pair).collect())
        }
    })
}

/// The bytes that stand for a conflict, the same in every release.
pub(crate) fn encode_conflict_key(key: &ConflictKey) -> Vec<u8> {
    encode(&key_disk(key))
}

pub(crate) fn encode_decision(decision: &Decision) -> Vec<u8> {
    encode(&DecisionDisk {
        key: key_disk(&decision.key),
        fingerprint: decision.fingerprint,
        resolution: resolution_disk(&decision.resolution),
        principal: decision.principal.clone(),
        time_micros: decision.time_micros,
    })
}

pub(crate) fn decode_decision(bytes: &[u8]) -> Result<Decision, FormatError> {
    let disk: DecisionDisk = decode(WHAT, bytes)?;
    Ok(Decision {
        key: key_core(disk.key)?,
        fingerprint: disk.fingerprint,
        resolution: resolution_core(disk.resolution)?,
        principal: disk.principal,
        time_micros: disk.time_micros,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bough_core::{CellKey, Content, Name, Value};

    #[test]
    fn decisions_are_read_back_as_they_were_written() {
        let (a, b) = (Oid::from_u128(1), Oid::from_u128(2));
        let name = |text| Name::new(text).unwrap();
        let keys = [
            ConflictKey::Cell(a, CellKey::Attribute(name("title"))),
            ConflictKey::Deleted(a),
            ConflictKey::Name { parent: a, name: name("x"), oid: b },
            ConflictKey::Cycle(vec![a, b]),
            ConflictKey::Type(b),
        ];
        let resolutions = [
            Resolution::Version,
            Resolution::Parent,
            Resolution::Value(Some(Content::Value(Value::from("text")))),
            Resolution::Value(None),
            Resolution::Both { rename: Side::Version, to: name("x-2") },
            Resolution::Both { rename: Side::Parent, to: name("x-2") },
            Resolution::Same,
            Resolution::Rescue(vec![(a, b)]),
        ];
        for key in &keys {
            for resolution in &resolutions {
                let decision = Decision {
                    key: key.clone(),
                    fingerprint: u128::MAX - 3,
                    resolution: resolution.clone(),
                    principal: "ann".into(),
                    time_micros: 5,
                };
                let read = decode_decision(&encode_decision(&decision)).unwrap();
                assert_eq!((&read.key, &read.resolution), (key, resolution));
                assert_eq!((read.fingerprint, &*read.principal, read.time_micros), (u128::MAX - 3, "ann", 5));
            }
        }
    }
}
