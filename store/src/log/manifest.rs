//! The manifest: which segments are the log, in which order, and how long the closed ones are.
//!
//! A small text, replaced as a whole. A segment is part of the log from the replacement that lists it to the one that
//! no longer does; everything else about a crash follows from that.
//!
//! # Invariants
//! - The last segment is the head, and the only one without a length.
//! - No number of a segment is used twice: all are below `next`.
//! - What is being rewritten is a run of closed segments.

use std::fmt::Write as _;
use std::str::FromStr;

use bough_core::Tid;
use uuid::Uuid;

use super::segment_file::SEGMENT_HEADER_BYTES;
use super::{LOG_FORMAT, SegmentId};

/// Where it lies.
pub(super) const MANIFEST_PATH: &str = "log/manifest";

/// The first word of the text.
const NAME: &str = "bough-log";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) store: Uuid,
    /// The number of the next segment.
    pub(super) next: u32,
    pub(super) closed: Vec<ClosedSegment>,
    pub(super) head: ListedSegment,
    pub(super) rewrite: Option<ListedRewrite>,
    pub(super) clean: Option<CleanEnd>,
}

/// A segment, and what came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListedSegment {
    pub(super) id: SegmentId,
    /// The last tid before its first frame.
    pub(super) after: Tid,
    /// The digest before its first frame.
    pub(super) previous: [u8; 32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClosedSegment {
    pub(super) listed: ListedSegment,
    pub(super) bytes: u32,
}

/// Both the old and the new segments are readable; the old ones are the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedRewrite {
    pub(super) old: Vec<SegmentId>,
    pub(super) new: Vec<ClosedSegment>,
}

/// How the log ended when it was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CleanEnd {
    pub(super) bytes: u32,
    pub(super) last_tid: Tid,
    pub(super) last_digest: [u8; 32],
}

/// Why a text is no manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ManifestError {
    Damaged(String),
    UnknownFormat(u32),
}

impl Manifest {
    pub(super) fn to_text(&self) -> String {
        let mut text = format!("{NAME} {LOG_FORMAT}\nstore {}\nnext {}\n", self.store, self.next);
        for segment in &self.closed {
            push_closed(&mut text, "segment", segment);
        }
        push_line(&mut text, format_args!("head {} {}", self.head.id, before(&self.head)));
        if let Some(rewrite) = &self.rewrite {
            let old: Vec<String> = rewrite.old.iter().map(SegmentId::to_string).collect();
            push_line(&mut text, format_args!("rewrite {}", old.join(" ")));
            for segment in &rewrite.new {
                push_closed(&mut text, "new", segment);
            }
        }
        if let Some(clean) = &self.clean {
            let digest = blake3::Hash::from(clean.last_digest);
            push_line(
                &mut text,
                format_args!("clean {} last {} digest {digest}", clean.bytes, clean.last_tid),
            );
        }
        let crc = crc32fast::hash(text.as_bytes());
        push_line(&mut text, format_args!("checksum {crc:08x}"));
        text
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let mut lines = Lines { rest: checked_lines(bytes)?, number: 1 };
        let format = lines.fields(NAME).and_then(|fields| lines.number(fields.first()))?;
        if format != u32::from(LOG_FORMAT) {
            return Err(ManifestError::UnknownFormat(format));
        }
        let manifest = Self {
            store: lines.fields("store").and_then(|fields| lines.number(fields.first()))?,
            next: lines.fields("next").and_then(|fields| lines.number(fields.first()))?,
            closed: lines.closed("segment")?,
            head: lines.fields("head").and_then(|fields| lines.listed(fields[0], &fields[1..]))?,
            rewrite: lines.rewrite()?,
            clean: lines.clean()?,
        };
        lines.end()?;
        manifest.check().map_err(|what| ManifestError::Damaged(what.to_owned()))?;
        Ok(manifest)
    }

    /// Every segment it names, with the new ones of a rewrite.
    pub(super) fn ids(&self) -> impl Iterator<Item = SegmentId> {
        let new = self.rewrite.iter().flat_map(|rewrite| &rewrite.new);
        self.closed.iter().chain(new).map(|segment| segment.listed.id).chain([self.head.id])
    }

    fn check(&self) -> Result<(), &'static str> {
        let mut ids: Vec<u32> = self.ids().map(|id| id.0).collect();
        ids.sort_unstable();
        let new = self.rewrite.iter().flat_map(|rewrite| &rewrite.new);
        let short = |segment: &ClosedSegment| segment.bytes < SEGMENT_HEADER_BYTES;
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            Err("a segment is listed twice")
        } else if ids.last().is_some_and(|last| *last >= self.next) {
            Err("a segment has a number that was not yet given")
        } else if self.closed.iter().chain(new).any(short) {
            Err("a segment is shorter than its header")
        } else if self.clean.is_some_and(|clean| clean.bytes < SEGMENT_HEADER_BYTES) {
            Err("the log ends inside the header of its head")
        } else if self.rewrite.as_ref().is_some_and(|rewrite| run_of(&self.closed, &rewrite.old).is_none()) {
            Err("the segments being rewritten do not follow each other")
        } else {
            Ok(())
        }
    }
}

/// Where in `closed` the segments `ids` begin, if they follow each other there.
fn run_of(closed: &[ClosedSegment], ids: &[SegmentId]) -> Option<usize> {
    let start = closed.iter().position(|segment| Some(&segment.listed.id) == ids.first())?;
    let run = closed[start..].get(..ids.len())?;
    run.iter().map(|segment| segment.listed.id).eq(ids.iter().copied()).then_some(start)
}

fn push_closed(text: &mut String, word: &str, segment: &ClosedSegment) {
    let listed = &segment.listed;
    push_line(text, format_args!("{word} {} {} bytes {}", listed.id, before(listed), segment.bytes));
}

fn before(segment: &ListedSegment) -> String {
    format!("after {} digest {}", segment.after, blake3::Hash::from(segment.previous))
}

fn push_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

/// The lines before the last one, which is their checksum.
fn checked_lines(bytes: &[u8]) -> Result<&str, ManifestError> {
    let damaged = |what: &str| ManifestError::Damaged(what.to_owned());
    let text = std::str::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
    let at = text.rfind("checksum ").ok_or_else(|| damaged("there is no checksum"))?;
    let (lines, checksum) = text.split_at(at);
    let expected = format!("checksum {:08x}\n", crc32fast::hash(lines.as_bytes()));
    if checksum == expected { Ok(lines) } else { Err(damaged("it does not match its checksum")) }
}

/// The lines not yet read.
struct Lines<'a> {
    rest: &'a str,
    number: usize,
}

impl<'a> Lines<'a> {
    /// The words behind `word` on the next line, if it begins with that.
    fn optional(&mut self, word: &str) -> Option<Vec<&'a str>> {
        let (line, rest) = self.rest.split_once('\n')?;
        let fields = line.strip_prefix(word)?.strip_prefix(' ')?;
        self.rest = rest;
        self.number += 1;
        Some(fields.split(' ').collect())
    }

    fn fields(&mut self, word: &str) -> Result<Vec<&'a str>, ManifestError> {
        let missing = self.damaged(word);
        self.optional(word).ok_or(missing)
    }

    fn end(&self) -> Result<(), ManifestError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.damaged("nothing more")) }
    }

    fn damaged(&self, expected: &str) -> ManifestError {
        ManifestError::Damaged(format!("line {}: expected {expected}", self.number))
    }

    fn number<T: FromStr>(&self, field: Option<&&str>) -> Result<T, ManifestError> {
        field.and_then(|field| field.parse().ok()).ok_or_else(|| self.damaged("a number"))
    }

    fn digest(&self, field: &str) -> Result<[u8; 32], ManifestError> {
        blake3::Hash::from_hex(field).map(Into::into).map_err(|_| self.damaged("a digest"))
    }

    fn id(&self, field: &str) -> Result<SegmentId, ManifestError> {
        self.number(Some(&field)).map(SegmentId)
    }

    fn listed(&self, id: &str, before: &[&str]) -> Result<ListedSegment, ManifestError> {
        let ["after", after, "digest", digest] = before else {
            return Err(self.damaged("`after` and `digest`"));
        };
        Ok(ListedSegment {
            id: self.id(id)?,
            after: self.number(Some(after))?,
            previous: self.digest(digest)?,
        })
    }

    fn closed(&mut self, word: &str) -> Result<Vec<ClosedSegment>, ManifestError> {
        let mut segments = Vec::new();
        while let Some(fields) = self.optional(word) {
            let [id, before @ .., "bytes", bytes] = fields.as_slice() else {
                return Err(self.damaged("a closed segment"));
            };
            let listed = self.listed(id, before)?;
            segments.push(ClosedSegment { listed, bytes: self.number(Some(bytes))? });
        }
        Ok(segments)
    }

    fn rewrite(&mut self) -> Result<Option<ListedRewrite>, ManifestError> {
        let Some(fields) = self.optional("rewrite") else { return Ok(None) };
        let old = fields.iter().map(|field| self.id(field)).collect::<Result<_, _>>()?;
        Ok(Some(ListedRewrite { old, new: self.closed("new")? }))
    }

    fn clean(&mut self) -> Result<Option<CleanEnd>, ManifestError> {
        let Some(fields) = self.optional("clean") else { return Ok(None) };
        let [bytes, "last", tid, "digest", digest] = fields.as_slice() else {
            return Err(self.damaged("where the log ends"));
        };
        Ok(Some(CleanEnd {
            bytes: self.number(Some(bytes))?,
            last_tid: self.number(Some(tid))?,
            last_digest: self.digest(digest)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let listed = |id, after| ListedSegment {
            id: SegmentId(id),
            after: Tid::from_micros(after),
            previous: [id as u8; 32],
        };
        let closed = |id, after| ClosedSegment { listed: listed(id, after), bytes: 1000 + id };
        Manifest {
            store: Uuid::from_bytes([7; 16]),
            next: 8,
            closed: vec![closed(3, 0), closed(1, 5), closed(4, 9)],
            head: listed(6, 12),
            rewrite: Some(ListedRewrite {
                old: vec![SegmentId(1), SegmentId(4)],
                new: vec![closed(5, 5), closed(7, 7)],
            }),
            clean: Some(CleanEnd { bytes: 4096, last_tid: Tid::from_micros(31), last_digest: [9; 32] }),
        }
    }

    #[test]
    fn a_manifest_reads_back_as_it_was_written() {
        let mut manifest = sample();
        assert_eq!(Manifest::parse(manifest.to_text().as_bytes()), Ok(manifest.clone()));
        manifest.rewrite = None;
        manifest.clean = None;
        manifest.closed.clear();
        assert_eq!(Manifest::parse(manifest.to_text().as_bytes()), Ok(manifest));
    }

    #[test]
    fn no_changed_or_cut_manifest_is_taken_for_one() {
        let text = sample().to_text().into_bytes();
        for at in 0..text.len() {
            let mut changed = text.clone();
            changed[at] ^= 1;
            assert!(Manifest::parse(&changed).is_err(), "byte {at} changed");
            assert!(Manifest::parse(&text[..at]).is_err(), "cut to {at} bytes");
        }
    }

    /// The checksum only guards against damage; what a program wrote wrongly must not get in either.
    #[test]
    fn a_manifest_that_breaks_a_rule_is_refused() {
        let refused = |change: fn(&mut Manifest)| {
            let mut manifest = sample();
            change(&mut manifest);
            Manifest::parse(manifest.to_text().as_bytes()).is_err()
        };
        assert!(refused(|manifest| manifest.next = 7));
        assert!(refused(|manifest| manifest.closed[0].listed.id = SegmentId(6)));
        assert!(refused(|manifest| manifest.closed[0].bytes = 8));
        assert!(refused(|manifest| manifest.clean = Some(CleanEnd { bytes: 1, ..manifest.clean.unwrap() })));
        assert!(refused(|manifest| manifest.rewrite.as_mut().unwrap().old.swap(0, 1)));
        assert!(refused(|manifest| manifest.rewrite.as_mut().unwrap().old.push(SegmentId(6))));
    }
}
