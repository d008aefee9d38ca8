//! Bodies of frames: who committed, a head that says what is there, and chunks that hold it.
//!
//! ```text
//! body  = length of the meta chunk (u32, 0 for none) | length of the head chunk (u32) | meta chunk | head chunk | area
//! area  = chunks: records and items, one after the other
//! ```
//! The head names each chunk by its offset in the area, so a single record can be read and checked by itself, and the
//! head without the rest. What the index needs stands in the head: replaying a log never reads a record. Who and when
//! stand apart, so that listing commits does not read what they did.

use bough_core::{Oid, Place, Tid};
use serde::{Deserialize, Serialize};

use super::value::PlaceDisk;
use super::{FormatError, rule};
use crate::log::{Location, chunk_payload, push_chunk};

const WHAT: &str = "the head of a frame";
/// How much of the log's largest frame, in sixteenths, the area of a part of a large commit takes.
const AREA_SIXTEENTHS_MAX: u64 = 12;
/// The same for its head, by estimate; with a full area it still fits the frame.
const HEAD_SIXTEENTHS_MAX: u64 = 3;

/// What kind of commit it is. Variants are only added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KindDisk {
    Create,
    Edit,
    Import,
    Undo { of: Vec<u64> },
    Restore { from: u64 },
    Open { parent: u32, base: u64 },
    Update { to: u64 },
    Merge { line: u32, through: u64, is_whole: bool },
    Discard,
    Manage,
}

/// Who committed, when and what for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MetaDisk {
    pub(crate) kind: KindDisk,
    pub(crate) time_micros: u64,
    /// The commit that its maker was looking at; 0 for none.
    pub(crate) base: u64,
    pub(crate) principal: String,
    pub(crate) sentence: String,
    pub(crate) request: String,
    pub(crate) container: [u8; 16],
    pub(crate) objects: u64,
    /// How many part frames come before this closing one.
    pub(crate) parts: u32,
}

/// What a commit made of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ChangeDisk {
    /// A record of its own, with this digest.
    Record { digest: [u8; 32] },
    /// The object as the record of this commit says, whose cells that differ from the replaced ones are this
    /// commit's. `depth`: how many such steps lead to a replaced record of its own.
    BackTo { tid: u64, depth: u8 },
    /// No such object any more: the commit that made it is undone.
    Gone,
}

/// How the place of an object changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlaceChangeDisk {
    pub(crate) before: Option<PlaceDisk>,
    /// Whether another object has the name from before now, by the same commit.
    pub(crate) name_taken: bool,
    /// The same, with the very same standing.
    pub(crate) order_taken: bool,
    pub(crate) after: Option<PlaceDisk>,
}

/// What the history proves of one object in one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FactsDisk {
    pub(crate) oid: [u8; 16],
    /// The commit that wrote the record before; 0 for none.
    pub(crate) replaces: u64,
    pub(crate) change: ChangeDisk,
    pub(crate) place: Option<PlaceChangeDisk>,
    pub(crate) references_dropped: Vec<[u8; 16]>,
    pub(crate) references_added: Vec<[u8; 16]>,
}

impl FactsDisk {
    pub(crate) fn oid(&self) -> Oid {
        Oid::from_bytes(self.oid)
    }

    pub(crate) fn replaces(&self) -> Option<Tid> {
        (self.replaces != 0).then(|| Tid::from_micros(self.replaces))
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        *blake3::hash(&super::encode(self)).as_bytes()
    }

    fn bytes_estimated(&self) -> usize {
        let references = self.references_dropped.len() + self.references_added.len();
        let place = |place: &Option<PlaceDisk>| place.as_ref().map_or(0, PlaceDisk::bytes_estimated);
        96 + references * 16
            + self.place.as_ref().map_or(0, |change| place(&change.before) + place(&change.after))
    }

    /// Where it stood before and stands after, where that changed.
    pub(crate) fn places(&self) -> Result<(Option<Place>, Option<Place>), FormatError> {
        let Some(change) = &self.place else { return Ok((None, None)) };
        let place = |disk: &Option<PlaceDisk>| disk.clone().map(Place::try_from).transpose();
        Ok((place(&change.before)?, place(&change.after)?))
    }
}

/// One object in the head of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EntryDisk {
    /// As it was committed, with the chunk of its record in the area.
    Kept { facts: FactsDisk, record: Option<(u32, u32)> },
    /// Packed, of an object that is still there: its record is dropped, its places and references are kept.
    Stripped { facts: FactsDisk },
    /// Packed, of an object that is gone for good: only the proof is left.
    Packed { oid: [u8; 16], digest: [u8; 32] },
    /// Packed, of an object that is gone for good, but here it left a place, which must stay known.
    Left { facts: FactsDisk },
}

impl EntryDisk {
    pub(crate) fn oid(&self) -> Oid {
        match self {
            Self::Kept { facts, .. } | Self::Stripped { facts } | Self::Left { facts } => facts.oid(),
            Self::Packed { oid, .. } => Oid::from_bytes(*oid),
        }
    }

    fn digest(&self) -> [u8; 32] {
        match self {
            Self::Kept { facts, .. } | Self::Stripped { facts } | Self::Left { facts } => facts.digest(),
            Self::Packed { digest, .. } => *digest,
        }
    }
}

/// Bytes that are found by their digest, with their chunk in the area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ItemDisk {
    pub(crate) digest: [u8; 32],
    pub(crate) chunk: (u32, u32),
}

/// A record on no line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SideDisk {
    pub(crate) space: u8,
    pub(crate) key: Vec<u8>,
    /// Its value's chunk; none deletes it.
    pub(crate) chunk: Option<(u32, u32)>,
    /// When it stops to count, in microseconds since 1970; 0 for never.
    pub(crate) expires_micros: u64,
}

/// What can be done with a version. Variants are only added at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LineStatusDisk {
    Open,
    Closed,
    Discarded,
}

/// What a version is from this commit on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LineStateDisk {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) owner: String,
    pub(crate) parent: u32,
    pub(crate) base: u64,
    /// Own cells written up to this commit do not count any more.
    pub(crate) floor: u64,
    pub(crate) status: LineStatusDisk,
}

/// The same, with the number of the version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LineDisk {
    pub(crate) line: u32,
    pub(crate) state: LineStateDisk,
}

/// The head of a frame of any kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeadDisk {
    pub(crate) entries: Vec<EntryDisk>,
    pub(crate) items: Vec<ItemDisk>,
    pub(crate) side: Vec<SideDisk>,
    pub(crate) lines: Vec<LineDisk>,
}

impl HeadDisk {
    /// What the frame proves: all of it but where in the area things lie, and items, which prove themselves.
    fn content(&self, meta: Option<&MetaDisk>) -> [u8; 32] {
        let mut digest = blake3::Hasher::new();
        digest.update(&super::encode(&meta));
        for entry in &self.entries {
            digest.update(&entry.digest());
        }
        for side in &self.side {
            digest.update(&[side.space]);
            digest.update(blake3::hash(&side.key).as_bytes());
        }
        for line in &self.lines {
            digest.update(blake3::hash(&super::encode(line)).as_bytes());
        }
        *digest.finalize().as_bytes()
    }
}

/// A body in the making.
#[derive(Default)]
pub(crate) struct BodyBuilder {
    head: HeadDisk,
    head_bytes: usize,
    area: Vec<u8>,
}

impl BodyBuilder {
    /// Adds an object with its own record, if it has one.
    pub(crate) fn push_object(&mut self, facts: FactsDisk, record: Option<&[u8]>) {
        let record = record.map(|bytes| push_chunk(&mut self.area, bytes));
        self.head_bytes += facts.bytes_estimated();
        self.head.entries.push(EntryDisk::Kept { facts, record });
    }

    /// Adds an object of which pack dropped the record, or all but the proof.
    pub(crate) fn push_packed(&mut self, entry: EntryDisk) {
        self.head_bytes += 64;
        self.head.entries.push(entry);
    }

    /// Adds bytes that are found by their digest.
    pub(crate) fn push_item(&mut self, digest: [u8; 32], bytes: &[u8]) {
        let chunk = push_chunk(&mut self.area, bytes);
        self.head_bytes += 48;
        self.head.items.push(ItemDisk { digest, chunk });
    }

    /// Adds a record on no line; without a value it deletes.
    pub(crate) fn push_side(&mut self, space: u8, key: &[u8], value: Option<&[u8]>, expires_micros: u64) {
        let chunk = value.map(|bytes| push_chunk(&mut self.area, bytes));
        self.head_bytes += key.len() + 32;
        self.head.side.push(SideDisk { space, key: key.to_vec(), chunk, expires_micros });
    }

    /// Adds what a version is from now on.
    pub(crate) fn push_line(&mut self, line: LineDisk) {
        self.head_bytes += line.state.name.len() + line.state.title.len() + line.state.owner.len() + 48;
        self.head.lines.push(line);
    }

    /// Whether a body with `more` bytes would be too large for one frame of at most `frame_bytes_max`.
    pub(crate) fn is_full(&self, more: usize, frame_bytes_max: u64) -> bool {
        let is_above = |bytes: usize, sixteenths| bytes as u64 > frame_bytes_max / 16 * sixteenths;
        let area_bytes = self.area.len() + more;
        !self.is_empty()
            && (is_above(area_bytes, AREA_SIXTEENTHS_MAX) || is_above(self.head_bytes, HEAD_SIXTEENTHS_MAX))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.entries.is_empty()
            && self.area.is_empty()
            && self.head.side.is_empty()
            && self.head.lines.is_empty()
    }

    /// The body, its content digest, and the head with what is needed to find things once the body has a location.
    pub(crate) fn finish(self, meta: Option<MetaDisk>) -> (Vec<u8>, [u8; 32], Head) {
        let content = self.head.content(meta.as_ref());
        let encoded = super::encode(&self.head);
        let mut body = Vec::with_capacity(encoded.len() + self.area.len() + 512);
        body.extend_from_slice(&[0; LENGTHS_BYTES]);
        let meta_bytes = meta.as_ref().map_or(0, |meta| push_chunk(&mut body, &super::encode(meta)).1);
        let (_, head_bytes) = push_chunk(&mut body, &encoded);
        body[..4].copy_from_slice(&meta_bytes.to_le_bytes());
        body[4..LENGTHS_BYTES].copy_from_slice(&head_bytes.to_le_bytes());
        body.extend_from_slice(&self.area);
        (body, content, Head { disk: self.head, meta, meta_bytes, head_bytes })
    }
}

/// The two lengths at the beginning of a body.
const LENGTHS_BYTES: usize = 8;

/// The head of a frame and what it says of itself, with what is needed to find the chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) disk: HeadDisk,
    pub(crate) meta: Option<MetaDisk>,
    meta_bytes: u32,
    head_bytes: u32,
}

/// Where the two first chunks of a body lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeadAt {
    /// Who and when; empty for a part.
    pub(crate) meta: Location,
    /// What.
    pub(crate) head: Location,
}

impl Head {
    /// Reads meta and head of a whole body.
    pub(crate) fn of_body(body: &[u8]) -> Result<Self, FormatError> {
        let short = || rule(WHAT, "it is longer than the body");
        let (lengths, rest) = body.split_first_chunk::<LENGTHS_BYTES>().ok_or_else(short)?;
        let [a, b, c, d, e, f, g, h] = *lengths;
        let (meta_bytes, head_bytes) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        let (meta, rest) = rest.split_at_checked(meta_bytes as usize).ok_or_else(short)?;
        let head = rest.get(..head_bytes as usize).ok_or_else(short)?;
        let payload =
            |chunk| chunk_payload(chunk).ok_or_else(|| rule(WHAT, "it does not match its checksum"));
        let meta = if meta.is_empty() { None } else { Some(decode_meta(payload(meta)?)?) };
        Ok(Self { disk: decode_head(payload(head)?)?, meta, meta_bytes, head_bytes })
    }

    /// Where meta and head lie in a body that lies at `body`.
    pub(crate) fn location(&self, body: Location) -> HeadAt {
        let meta = Location { offset: body.offset + LENGTHS_BYTES as u32, length: self.meta_bytes, ..body };
        let head = Location { offset: meta.offset + self.meta_bytes, length: self.head_bytes, ..body };
        HeadAt { meta, head }
    }

    /// Where a chunk of the area lies in a body whose head lies at `head`.
    pub(crate) fn chunk_after(head: Location, chunk: (u32, u32)) -> Location {
        let offset = head.offset.saturating_add(head.length).saturating_add(chunk.0);
        Location { segment: head.segment, offset, length: chunk.1 }
    }

    /// The digest that the frame's header must carry.
    pub(crate) fn content(&self) -> [u8; 32] {
        self.disk.content(self.meta.as_ref())
    }
}

/// Reads what the meta chunk holds.
pub(crate) fn decode_meta(payload: &[u8]) -> Result<MetaDisk, FormatError> {
    super::decode("who committed what", payload)
}

/// Reads what the head chunk holds.
pub(crate) fn decode_head(payload: &[u8]) -> Result<HeadDisk, FormatError> {
    super::decode(WHAT, payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::SegmentId;

    #[test]
    fn every_chunk_of_a_body_is_found_by_its_head() {
        let mut builder = BodyBuilder::default();
        let facts = FactsDisk {
            oid: [1; 16],
            replaces: 0,
            change: ChangeDisk::Record { digest: [2; 32] },
            place: None,
            references_dropped: Vec::new(),
            references_added: vec![[3; 16]],
        };
        builder.push_object(facts, Some(b"record"));
        builder.push_item([4; 32], b"item");
        builder.push_side(7, b"key", Some(b"value"), 0);
        let (body, content, head) = builder.finish(None);
        assert_eq!(Head::of_body(&body).unwrap(), head);
        assert_eq!(head.content(), content);

        let at = Location { segment: SegmentId(1), offset: 100, length: body.len() as u32 };
        let payload = |location: Location| {
            let start = (location.offset - at.offset) as usize;
            chunk_payload(&body[start..start + location.length as usize]).unwrap().to_vec()
        };
        let head_at = head.location(at).head;
        assert_eq!(decode_head(&payload(head_at)).unwrap(), head.disk);
        let EntryDisk::Kept { record: Some(record), .. } = head.disk.entries[0] else { panic!() };
        let chunks = [record, head.disk.items[0].chunk, head.disk.side[0].chunk.unwrap()];
        let found = chunks.map(|chunk| payload(Head::chunk_after(head_at, chunk)));
        assert_eq!(found, [&b"record"[..], b"item", b"value"]);
    }

    #[test]
    fn packing_an_entry_leaves_what_the_frame_proves() {
        let facts = FactsDisk {
            oid: [1; 16],
            replaces: 5,
            change: ChangeDisk::Gone,
            place: None,
            references_dropped: Vec::new(),
            references_added: Vec::new(),
        };
        let (mut kept, mut packed) = (BodyBuilder::default(), BodyBuilder::default());
        packed.push_packed(EntryDisk::Packed { oid: facts.oid, digest: facts.digest() });
        kept.push_object(facts, None);
        assert_eq!(kept.finish(None).1, packed.finish(None).1);
    }
}
