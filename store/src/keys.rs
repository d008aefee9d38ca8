//! The keys of the index, byte by byte, and what a frame puts under them.
//!
//! Numbers in keys are big-endian. A tid in a key is inverted, so that the newest entry comes first and the first
//! entry at or behind a tid is the state as of that tid.
//!
//! ```text
//! 01 revisions    oid 16, line 4, !tid 8              -> a RevisionAt
//! 02 by name      parent 16, name, 00, line 4, !tid 8 -> oid 16, or nothing
//! 03 by order     parent 16, order, 00, name, 00, line 4, !tid 8 -> oid 16, or nothing
//! 04 commits      line 4, tid 8, part 4               -> locations 12 + 12 of meta and head; part 0 closes
//! 05 items        digest 32                           -> location 12
//! 06 references   target 16, source 16, line 4, !tid 8 -> 1 or 0
//! 07 side         space 1, key                        -> tid 8, expires 8, location 12; nothing when deleted
//! 08 late         time 8                              -> tid 8: commits made while the clock stood behind
//! 09 lines        line 4, !tid 8                      -> the state of a version
//! 0a touched      line 4, 0 object or 1 folder, oid 16 -> empty: what a version ever wrote to
//! ```
//!
//! On a version an empty value by name or by order says nothing of its own: what the parent line has shows through.

use bough_core::name::NAME_BYTES_MAX;
use bough_core::order::ORDER_KEY_BYTES_MAX;
use bough_core::value::Digest;
use bough_core::{Name, Oid, OrderKey, Tid};

use crate::format::FormatError;
use crate::format::body::{ChangeDisk, EntryDisk, FactsDisk, Head, HeadAt};
use crate::index::{Entry, KEY_BYTES_MAX};
use crate::line::LineId;
use crate::log::Location;

/// The number of the layout of the keys: another one, and the index is built anew from the log.
pub(crate) const KEYS_FORMAT: u32 = 2;

/// The value of a name that was given up.
const NOTHING: &[u8] = &[];

const REVISIONS: u8 = 1;
const BY_NAME: u8 = 2;
const BY_ORDER: u8 = 3;
const COMMITS: u8 = 4;
const ITEMS: u8 = 5;
const REFERENCES: u8 = 6;
const SIDE: u8 = 7;
const LATE: u8 = 8;
const LINES: u8 = 9;
const TOUCHED: u8 = 10;

/// How far a tid must run ahead of the clock for its commit to be found by its own time.
pub(crate) const LATE_MICROS: u64 = 1_000_000;

/// The longest key is that of a standing. One that the index refused would be in the log already.
const _: () = assert!(1 + 16 + ORDER_KEY_BYTES_MAX + 1 + NAME_BYTES_MAX + 1 + 4 + 8 <= KEY_BYTES_MAX);

fn key(parts: &[&[u8]]) -> Box<[u8]> {
    parts.concat().into()
}

fn inverted(tid: Tid) -> [u8; 8] {
    (!tid.as_micros()).to_be_bytes()
}

/// The tid at the end of a key.
pub(crate) fn tid_of(key: &[u8]) -> Option<Tid> {
    key.last_chunk::<8>().map(|bytes| Tid::from_micros(!u64::from_be_bytes(*bytes)))
}

/// The key of one revision.
pub(crate) fn revision(oid: Oid, line: LineId, tid: Tid) -> Box<[u8]> {
    key(&[&[REVISIONS], &oid.to_bytes(), &line.0.to_be_bytes(), &inverted(tid)])
}

/// What lies behind all revisions of one object on one line.
pub(crate) fn revisions_end(oid: Oid, line: LineId) -> Box<[u8]> {
    key(&[&[REVISIONS], &oid.to_bytes(), &line.0.to_be_bytes(), &[0xff; 9]])
}

/// The range of all revisions.
pub(crate) fn all_revisions() -> ([u8; 1], [u8; 1]) {
    ([REVISIONS], [REVISIONS + 1])
}

/// The oid, line and tid of a revision's key.
pub(crate) fn parse_revision(key: &[u8]) -> Option<(Oid, LineId, Tid)> {
    let oid = key.get(1..17)?.first_chunk::<16>()?;
    let line = key.get(17..21)?.first_chunk::<4>()?;
    Some((Oid::from_bytes(*oid), LineId(u32::from_be_bytes(*line)), tid_of(key)?))
}

/// The key of a child by its name, at a tid.
pub(crate) fn by_name(parent: Oid, name: &str, line: LineId, tid: Tid) -> Box<[u8]> {
    key(&[&by_name_prefix(parent, name), &line.0.to_be_bytes(), &inverted(tid)])
}

/// What the keys of one name in one folder begin with.
pub(crate) fn by_name_prefix(parent: Oid, name: &str) -> Box<[u8]> {
    key(&[&[BY_NAME], &parent.to_bytes(), name.as_bytes(), &[0]])
}

/// What the keys of a folder begin with, by name.
pub(crate) fn by_name_folder(parent: Oid) -> Box<[u8]> {
    key(&[&[BY_NAME], &parent.to_bytes()])
}

/// The name in a key of [`by_name`].
pub(crate) fn parse_by_name(key: &[u8]) -> Option<&str> {
    let middle = key.get(17..key.len().checked_sub(13)?)?;
    std::str::from_utf8(middle).ok()
}

/// The range of all names.
pub(crate) fn all_names() -> ([u8; 1], [u8; 1]) {
    ([BY_NAME], [BY_NAME + 1])
}

/// The folder and the name in a key of [`by_name`].
pub(crate) fn parse_named(key: &[u8]) -> Option<(Oid, &str)> {
    let parent = key.get(1..17)?.first_chunk::<16>()?;
    Some((Oid::from_bytes(*parent), parse_by_name(key)?))
}

/// Whether the key is one of those under which the last write counts, whatever its tid.
pub(crate) fn is_last_write(key: &[u8]) -> bool {
    matches!(key.first(), Some(&(ITEMS | SIDE)))
}

/// The key of a child by its standing, at a tid.
pub(crate) fn by_order(parent: Oid, order: &OrderKey, name: &Name, line: LineId, tid: Tid) -> Box<[u8]> {
    key(&[&by_order_prefix(parent, order, name), &line.0.to_be_bytes(), &inverted(tid)])
}

/// What the keys of one standing and name in one folder begin with.
pub(crate) fn by_order_prefix(parent: Oid, order: &OrderKey, name: &Name) -> Box<[u8]> {
    let (order, name) = (order.as_str().as_bytes(), name.as_str().as_bytes());
    key(&[&[BY_ORDER], &parent.to_bytes(), order, &[0], name, &[0]])
}

/// What the keys of a folder begin with, by standing.
pub(crate) fn by_order_folder(parent: Oid) -> Box<[u8]> {
    key(&[&[BY_ORDER], &parent.to_bytes()])
}

/// The standing and the name in a key of [`by_order`].
pub(crate) fn parse_by_order(key: &[u8]) -> Option<(&str, &str)> {
    let middle = std::str::from_utf8(key.get(17..key.len().checked_sub(13)?)?).ok()?;
    middle.split_once('\0')
}

/// The range that holds every key beginning with `prefix`: what comes first behind them.
pub(crate) fn behind(prefix: &[u8]) -> Box<[u8]> {
    let mut end = prefix.to_vec();
    end.extend_from_slice(&[0xff; 9]);
    end.into()
}

/// The line of a key that ends in line and tid.
pub(crate) fn line_of(key: &[u8]) -> Option<LineId> {
    let line = key.get(key.len().checked_sub(12)?..)?.first_chunk::<4>()?;
    Some(LineId(u32::from_be_bytes(*line)))
}

/// The key of a commit's head.
pub(crate) fn commit(line: LineId, tid: Tid, part: u32) -> Box<[u8]> {
    key(&[&[COMMITS], &line.0.to_be_bytes(), &tid.as_micros().to_be_bytes(), &part.to_be_bytes()])
}

/// The range of all commits of a line.
pub(crate) fn all_commits(line: LineId) -> (Box<[u8]>, Box<[u8]>) {
    (commit(line, Tid::ZERO, 0), commit(LineId(line.0 + 1), Tid::ZERO, 0))
}

/// The tid and part of a commit's key.
pub(crate) fn parse_commit(key: &[u8]) -> Option<(Tid, u32)> {
    let tid = key.get(5..13)?.first_chunk::<8>()?;
    let part = key.get(13..17)?.first_chunk::<4>()?;
    Some((Tid::from_micros(u64::from_be_bytes(*tid)), u32::from_be_bytes(*part)))
}

/// The locations in a commit's entry.
pub(crate) fn parse_commit_at(value: &[u8]) -> Option<HeadAt> {
    let (meta, head) = value.split_first_chunk::<12>()?;
    let head = head.try_into().ok()?;
    Some(HeadAt { meta: Location::from_bytes(*meta), head: Location::from_bytes(head) })
}

/// The key of an item.
pub(crate) fn item(digest: &Digest) -> Box<[u8]> {
    key(&[&[ITEMS], &digest.0])
}

/// The digest in an item's key.
pub(crate) fn parse_item(key: &[u8]) -> Option<Digest> {
    match key {
        [ITEMS, digest @ ..] => digest.try_into().ok().map(Digest),
        _ => None,
    }
}

/// The range of all references.
pub(crate) fn all_references() -> ([u8; 1], [u8; 1]) {
    ([REFERENCES], [REFERENCES + 1])
}

/// What the keys of all references to an object begin with.
pub(crate) fn references_to(target: Oid) -> Box<[u8]> {
    key(&[&[REFERENCES], &target.to_bytes()])
}

/// The source of a reference's key.
pub(crate) fn parse_reference(key: &[u8]) -> Option<Oid> {
    key.get(17..33)?.first_chunk::<16>().map(|bytes| Oid::from_bytes(*bytes))
}

fn reference(target: &[u8; 16], source: &[u8; 16], line: LineId, tid: Tid) -> Box<[u8]> {
    key(&[&[REFERENCES], target, source, &line.0.to_be_bytes(), &inverted(tid)])
}

/// The key of a side record.
pub(crate) fn side(space: u8, name: &[u8]) -> Box<[u8]> {
    key(&[&[SIDE, space], name])
}

/// The range of commits made while the clock stood behind, up to a time.
pub(crate) fn late_until(time_micros: u64) -> (Box<[u8]>, Box<[u8]>) {
    (key(&[&[LATE]]), key(&[&[LATE], &time_micros.to_be_bytes(), &[0xff]]))
}

/// The key of a version's state from `tid` on.
fn line_state(line: LineId, tid: Tid) -> Box<[u8]> {
    key(&[&[LINES], &line.0.to_be_bytes(), &inverted(tid)])
}

/// The range of all states of versions.
pub(crate) fn all_lines() -> ([u8; 1], [u8; 1]) {
    ([LINES], [LINES + 1])
}

/// The line and the tid in a key of a version's state.
pub(crate) fn parse_line(key: &[u8]) -> Option<(LineId, Tid)> {
    Some((line_at(key, 1)?, tid_of(key)?))
}

fn line_at(key: &[u8], at: usize) -> Option<LineId> {
    let line = key.get(at..at + 4)?.first_chunk::<4>()?;
    Some(LineId(u32::from_be_bytes(*line)))
}

/// In what way a version touched an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touch {
    /// It wrote to it.
    Object,
    /// It put a child into it, or took one out.
    Folder,
}

fn touched(line: LineId, touch: Touch, oid: &[u8; 16]) -> Box<[u8]> {
    let kind = match touch {
        Touch::Object => 0,
        Touch::Folder => 1,
    };
    key(&[&[TOUCHED], &line.0.to_be_bytes(), &[kind], oid])
}

/// The range of what a version touched.
pub(crate) fn all_touched(line: LineId) -> (Box<[u8]>, Box<[u8]>) {
    (key(&[&[TOUCHED], &line.0.to_be_bytes()]), key(&[&[TOUCHED], &(line.0 + 1).to_be_bytes()]))
}

/// What a key of [`all_touched`] names.
pub(crate) fn parse_touched(key: &[u8]) -> Option<(Touch, Oid)> {
    if key.first() != Some(&TOUCHED) {
        return None;
    }
    let touch = match key.get(5)? {
        0 => Touch::Object,
        1 => Touch::Folder,
        _ => return None,
    };
    Some((touch, Oid::from_bytes(*key.get(6..22)?.first_chunk::<16>()?)))
}

/// What a version touched by one object of a commit.
pub(crate) fn touches(facts: &FactsDisk) -> impl Iterator<Item = (Touch, Oid)> {
    let places = facts.place.iter().flat_map(|change| change.before.iter().chain(&change.after));
    let folders = places.map(|place| (Touch::Folder, Oid::from_bytes(place.parent)));
    std::iter::once((Touch::Object, facts.oid())).chain(folders)
}

/// What the index says of one revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RevisionAt {
    /// Its record lies there.
    Record(Location),
    /// It is as the record of that commit says.
    BackTo { tid: Tid, depth: u8 },
    /// There is no such object.
    Gone,
}

impl RevisionAt {
    fn to_bytes(self) -> Box<[u8]> {
        match self {
            Self::Record(location) => key(&[&[0], &location.to_bytes()]),
            Self::BackTo { tid, depth } => key(&[&[1], &tid.as_micros().to_be_bytes(), &[depth]]),
            Self::Gone => key(&[&[2]]),
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0, location @ ..] => Some(Self::Record(Location::from_bytes(location.try_into().ok()?))),
            [1, tid @ .., depth] => {
                let tid = Tid::from_micros(u64::from_be_bytes(tid.try_into().ok()?));
                Some(Self::BackTo { tid, depth: *depth })
            }
            [2] => Some(Self::Gone),
            _ => None,
        }
    }
}

/// The entries of one object of a commit.
pub(crate) fn object_entries(
    line: LineId,
    tid: Tid,
    entry: &EntryDisk,
    head: Location,
    into: &mut Vec<Entry>,
) -> Result<(), FormatError> {
    let (facts, record) = match entry {
        EntryDisk::Kept { facts, record } => (facts, record),
        EntryDisk::Stripped { facts } => {
            touched_entries(line, facts, into);
            return standing_entries(line, tid, facts, into);
        }
        EntryDisk::Left { facts } => return left_entries(line, tid, facts, into),
        EntryDisk::Packed { .. } => return Ok(()),
    };
    let at = match (&facts.change, record) {
        (ChangeDisk::Record { .. }, Some(chunk)) => RevisionAt::Record(Head::chunk_after(head, *chunk)),
        (ChangeDisk::BackTo { tid, depth }, _) => {
            RevisionAt::BackTo { tid: Tid::from_micros(*tid), depth: *depth }
        }
        (ChangeDisk::Gone, _) => RevisionAt::Gone,
        (ChangeDisk::Record { .. }, None) => {
            return Err(crate::format::rule("an entry", "its record is not in the frame"));
        }
    };
    touched_entries(line, facts, into);
    into.push(Entry::put(revision(facts.oid(), line, tid), at.to_bytes()));
    standing_entries(line, tid, facts, into)
}

fn touched_entries(line: LineId, facts: &FactsDisk, into: &mut Vec<Entry>) {
    if line != LineId::TRUNK {
        for (touch, oid) in touches(facts) {
            into.push(Entry::put(touched(line, touch, &oid.to_bytes()), NOTHING));
        }
    }
}

/// The entries of where an object stands and whom it refers to.
pub(crate) fn standing_entries(
    line: LineId,
    tid: Tid,
    facts: &FactsDisk,
    into: &mut Vec<Entry>,
) -> Result<(), FormatError> {
    place_entries(line, tid, facts, into)?;
    for target in &facts.references_dropped {
        into.push(Entry::put(reference(target, &facts.oid, line, tid), key(&[&[0]])));
    }
    for target in &facts.references_added {
        into.push(Entry::put(reference(target, &facts.oid, line, tid), key(&[&[1]])));
    }
    Ok(())
}

fn place_entries(
    line: LineId,
    tid: Tid,
    facts: &FactsDisk,
    into: &mut Vec<Entry>,
) -> Result<(), FormatError> {
    let (_, after) = facts.places()?;
    left_entries(line, tid, facts, into)?;
    if let Some(after) = &after {
        let oid = &facts.oid[..];
        into.push(Entry::put(by_name(after.parent, after.name.as_str(), line, tid), oid));
        into.push(Entry::put(by_order(after.parent, &after.order, &after.name, line, tid), oid));
    }
    Ok(())
}

/// The entries of the place that an object gave up.
fn left_entries(line: LineId, tid: Tid, facts: &FactsDisk, into: &mut Vec<Entry>) -> Result<(), FormatError> {
    let (before, after) = facts.places()?;
    let name_taken = facts.place.as_ref().is_some_and(|change| change.name_taken);
    let order_taken = facts.place.as_ref().is_some_and(|change| change.order_taken);
    let same_name =
        matches!((&before, &after), (Some(b), Some(a)) if b.parent == a.parent && b.name == a.name);
    if let Some(before) = &before {
        if !name_taken && !same_name {
            let name = by_name(before.parent, before.name.as_str(), line, tid);
            into.push(Entry::put(name, NOTHING));
        }
        let same_order = same_name && after.as_ref().is_some_and(|after| after.order == before.order);
        if !order_taken && !same_order {
            let order = by_order(before.parent, &before.order, &before.name, line, tid);
            into.push(Entry::put(order, NOTHING));
        }
    }
    Ok(())
}

/// The entry of a commit's head, and one more where the clock stood behind.
pub(crate) fn commit_entries(
    line: LineId,
    tid: Tid,
    part: u32,
    at: HeadAt,
    head: &Head,
    into: &mut Vec<Entry>,
) {
    into.push(Entry::put(commit(line, tid, part), key(&[&at.meta.to_bytes(), &at.head.to_bytes()])));
    if let Some(meta) = &head.meta
        && tid.as_micros().saturating_sub(meta.time_micros) > LATE_MICROS
    {
        let late = key(&[&[LATE], &meta.time_micros.to_be_bytes()]);
        into.push(Entry::put(late, tid.as_micros().to_be_bytes()));
    }
}

/// The entries of what a frame makes of versions.
pub(crate) fn line_entries(tid: Tid, head: &Head, into: &mut Vec<Entry>) {
    for line in &head.disk.lines {
        into.push(Entry::put(line_state(LineId(line.line), tid), crate::format::encode(&line.state)));
    }
}

/// The entries of a frame's items.
pub(crate) fn item_entries(head_at: Location, head: &Head, into: &mut Vec<Entry>) {
    for found in &head.disk.items {
        let location = Head::chunk_after(head_at, found.chunk);
        into.push(Entry::put(item(&Digest(found.digest)), location.to_bytes()));
    }
}

/// The entries of a frame's side records.
pub(crate) fn side_entries(tid: Tid, head_at: Location, head: &Head, into: &mut Vec<Entry>) {
    for record in &head.disk.side {
        let name = side(record.space, &record.key);
        let value = record.chunk.map(|chunk| {
            let location = Head::chunk_after(head_at, chunk).to_bytes();
            key(&[&tid.as_micros().to_be_bytes(), &record.expires_micros.to_be_bytes(), &location])
        });
        into.push(Entry { key: name, value });
    }
}
