//! The frames of a commit in the making.

use bough_core::Tid;
use bough_core::value::Digest;

use super::Woven;
use crate::format::body::{BodyBuilder, FactsDisk, Head, MetaDisk};
use crate::line::LineId;
use crate::log::{FrameKind, NewFrame};

/// The frames of one commit in the making: as many as its size asks for.
pub(super) struct FramesBuilder {
    pub(super) line: LineId,
    pub(super) tid: Tid,
    pub(super) frame_bytes_max: u64,
    pub(super) frames: Vec<(NewFrame, Head)>,
    pub(super) body: BodyBuilder,
}

impl FramesBuilder {
    pub(super) fn new(line: LineId, tid: Tid, frame_bytes_max: u64) -> Self {
        Self { line, tid, frame_bytes_max, frames: Vec::new(), body: BodyBuilder::default() }
    }

    pub(super) fn object(&mut self, facts: FactsDisk, record: Option<&[u8]>) {
        self.make_room(record.map_or(0, <[u8]>::len));
        self.body.push_object(facts, record);
    }

    pub(super) fn item(&mut self, digest: &Digest, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.body.push_item(digest.0, bytes);
    }

    pub(super) fn make_room(&mut self, bytes: usize) {
        if self.body.is_full(bytes, self.frame_bytes_max) {
            let (body, content, head) = std::mem::take(&mut self.body).finish(None);
            let frame = NewFrame { kind: FrameKind::Part, tid: self.tid, line: self.line.0, content, body };
            self.frames.push((frame, head));
        }
    }

    pub(super) fn finish(mut self, mut meta: MetaDisk) -> Woven {
        meta.parts = self.frames.len() as u32;
        let (body, content, head) = self.body.finish(Some(meta));
        let frame = NewFrame { kind: FrameKind::Commit, tid: self.tid, line: self.line.0, content, body };
        self.frames.push((frame, head));
        Woven { tid: self.tid, frames: self.frames, written: Vec::new(), changes_rights: false }
    }
}
