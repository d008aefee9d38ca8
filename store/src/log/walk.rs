//! Walking over the frames of a segment, past whatever is damaged.

use std::io;
use std::ops::ControlFlow;

use bytes::Bytes;

use super::frame::{FRAME_MAGIC, Place};
use super::segment_file::{SEGMENT_HEADER_BYTES, Segment};
use super::{
    Damage, FRAME_ALIGNMENT_BYTES, FRAME_HEADER_BYTES, Flaw, FrameHeader, FrameView, Location, Position,
    Visit, Visited,
};
use crate::disk::DiskFile;

/// Bytes read at once, unless a frame needs more.
const WINDOW_BYTES: u64 = 256 << 10;

/// Visits what lies in `segment` from `from` to `to`, where a frame begins and one ends unless there is damage.
pub(super) fn walk(
    file: &dyn DiskFile,
    segment: &Segment,
    from: u32,
    to: u32,
    visit: Visit<'_>,
) -> io::Result<ControlFlow<()>> {
    let mut walk = Walk { window: Window::over(file, to)?, segment, to };
    let mut at = from.max(SEGMENT_HEADER_BYTES);
    while at < to {
        let (end, flow) = match walk.frame_at(at)? {
            Some(header) => walk.visit_frame(at, &header, visit)?,
            None => walk.visit_damage(at, visit)?,
        };
        if flow.is_break() {
            return Ok(flow);
        }
        at = end;
    }
    Ok(ControlFlow::Continue(()))
}

struct Walk<'a> {
    window: Window<'a>,
    segment: &'a Segment,
    to: u32,
}

impl Walk<'_> {
    /// The header at `at`, if there is a frame that fits.
    fn frame_at(&mut self, at: u32) -> io::Result<Option<FrameHeader>> {
        if !at.is_multiple_of(FRAME_ALIGNMENT_BYTES) {
            return Ok(None);
        }
        let bytes = self.window.get(at, u64::from(FRAME_HEADER_BYTES))?;
        Ok(bytes.and_then(|bytes| self.header_in(&bytes, at)))
    }

    fn header_in(&self, bytes: &[u8], at: u32) -> Option<FrameHeader> {
        let header = FrameHeader::decode(bytes, Place { seed: self.segment.seed, offset: at })?;
        let fits = u64::from(at) + header.frame_bytes() <= u64::from(self.to);
        let knew_the_past = header.synced.segment != self.segment.id() || header.synced.offset <= at;
        (fits && knew_the_past).then_some(header)
    }

    fn visit_frame(
        &mut self,
        at: u32,
        header: &FrameHeader,
        visit: Visit<'_>,
    ) -> io::Result<(u32, ControlFlow<()>)> {
        let length = header.frame_bytes();
        let end = at + length as u32;
        let offset = at + FRAME_HEADER_BYTES;
        let padded = self.window.get(offset, length - u64::from(FRAME_HEADER_BYTES))?;
        let body = match padded {
            Some(padded) if crc32fast::hash(&padded) == header.body_crc => {
                padded.slice(..header.body_bytes as usize)
            }
            padded => {
                let what = if padded.is_some() { Flaw::Body } else { Flaw::Missing };
                let damage = Damage { header: Some(*header), ..self.damage(at, end, what) };
                return Ok((end, visit(Visited::Damage(damage))));
            }
        };
        let view = FrameView {
            header,
            digest: header.digest(),
            body: &body,
            at: Location { segment: self.segment.id(), offset, length: header.body_bytes },
            end: Position { segment: self.segment.id(), offset: end },
        };
        Ok((end, visit(Visited::Frame(view))))
    }

    /// Reports what lies before the next frame.
    fn visit_damage(&mut self, at: u32, visit: Visit<'_>) -> io::Result<(u32, ControlFlow<()>)> {
        let end = self.next_frame(at)?.unwrap_or(self.to);
        let missing = u64::from(at) >= self.window.bytes_max;
        let what = if missing { Flaw::Missing } else { Flaw::FrameHeader };
        Ok((end, visit(Visited::Damage(self.damage(at, end, what)))))
    }

    fn damage(&self, at: u32, end: u32, what: Flaw) -> Damage {
        Damage { segment: self.segment.id(), offset: at, length: end - at, what, header: None }
    }

    /// Where the next header lies behind `at`.
    fn next_frame(&mut self, at: u32) -> io::Result<Option<u32>> {
        let mut at = (u64::from(at) + 1).next_multiple_of(u64::from(FRAME_ALIGNMENT_BYTES));
        while at + u64::from(FRAME_HEADER_BYTES) <= self.window.bytes_max {
            let bytes = self.window.rest(at)?;
            let marks = bytes.chunks(FRAME_ALIGNMENT_BYTES as usize).enumerate();
            for (index, _) in marks.filter(|(_, mark)| mark.starts_with(&FRAME_MAGIC)) {
                let start = at as u32 + index as u32 * FRAME_ALIGNMENT_BYTES;
                if self.frame_at(start)?.is_some() {
                    return Ok(Some(start));
                }
            }
            at = (at + bytes.len() as u64).next_multiple_of(u64::from(FRAME_ALIGNMENT_BYTES));
        }
        Ok(None)
    }
}

/// A stretch of the file in memory, moved along as the walk goes.
pub(super) struct Window<'a> {
    file: &'a dyn DiskFile,
    start: u64,
    bytes: Bytes,
    /// No byte at or behind this is read.
    bytes_max: u64,
}

impl<'a> Window<'a> {
    pub(super) fn over(file: &'a dyn DiskFile, to: u32) -> io::Result<Self> {
        let bytes_max = file.len()?.min(u64::from(to));
        Ok(Self { file, start: 0, bytes: Bytes::new(), bytes_max })
    }

    /// The bytes at `offset`, or `None` when the file ends before.
    fn get(&mut self, offset: u32, length: u64) -> io::Result<Option<Bytes>> {
        let offset = u64::from(offset);
        if offset + length > self.bytes_max {
            return Ok(None);
        }
        if offset < self.start || offset + length > self.start + self.bytes.len() as u64 {
            self.load(offset, length.max(WINDOW_BYTES))?;
        }
        let start = (offset - self.start) as usize;
        Ok(Some(self.bytes.slice(start..start + length as usize)))
    }

    /// Some bytes at `offset`: as many as are at hand, and at least one where the file has one.
    pub(super) fn rest(&mut self, offset: u64) -> io::Result<Bytes> {
        if offset < self.start || offset >= self.start + self.bytes.len() as u64 {
            self.load(offset, WINDOW_BYTES)?;
        }
        Ok(self.bytes.slice((offset - self.start) as usize..))
    }

    fn load(&mut self, offset: u64, length: u64) -> io::Result<()> {
        let length = length.min(self.bytes_max.saturating_sub(offset));
        let mut bytes = vec![0; length as usize];
        self.file.read_at(&mut bytes, offset)?;
        self.start = offset;
        self.bytes = bytes.into();
        Ok(())
    }
}

/// The end of the last bytes from `from` to `to` that are not zero; `from` when all are.
pub(super) fn end_of_bytes(file: &dyn DiskFile, from: u32, to: u32) -> io::Result<u32> {
    let mut window = Window::over(file, to)?;
    let mut end = from;
    let mut at = u64::from(from);
    while at < window.bytes_max {
        let bytes = window.rest(at)?;
        end = end_of_bytes_in(&bytes).map_or(end, |last| (at + last as u64) as u32);
        at += bytes.len() as u64;
    }
    Ok(end)
}

/// The end of the last bytes that are not zero. Looks at blocks before it looks at bytes: room set aside for a segment
/// is much, and nearly all of it zero.
fn end_of_bytes_in(bytes: &[u8]) -> Option<usize> {
    const BLOCK_BYTES: usize = 4_096;
    let is_used = |block: &[u8]| block.iter().fold(0, |all, byte| all | byte) != 0;
    let block = bytes.chunks(BLOCK_BYTES).rposition(is_used)? * BLOCK_BYTES;
    let used = bytes[block..].iter().take(BLOCK_BYTES).rposition(|byte| *byte != 0)?;
    Some(block + used + 1)
}

#[cfg(test)]
mod tests {
    use super::end_of_bytes_in;

    #[test]
    fn the_last_byte_that_is_not_zero_is_found_wherever_it_is() {
        for length in [0, 1, 4_095, 4_096, 4_097, 9_000] {
            assert_eq!(end_of_bytes_in(&vec![0; length]), None);
            for at in [0, 1, 4_095, 4_096, 8_191, 8_999] {
                if at < length {
                    let mut bytes = vec![0; length];
                    (bytes[0], bytes[at]) = (1, 0x80);
                    assert_eq!(end_of_bytes_in(&bytes), Some(at + 1), "of {length} bytes");
                }
            }
        }
    }
}
