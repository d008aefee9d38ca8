//! Replay: bringing the index up to what the log holds, when a database is opened.
//!
//! The index confirms now and then how far it is durable; what the log holds behind that position is put into it
//! again. An index that was lost, set aside or made for another layout starts from the beginning of the log: the same
//! work, only more of it.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::engine::StoreError;
use crate::frames::{Gathered, try_walk};
use crate::index::TailedIndex;
use crate::log::{Damage, FrameKind, FrameView, Log, Position, Visit, Visited};

/// How many entries go into the tail at a time.
const ENTRIES_AT_ONCE: usize = 8_000;
/// How much of the log is read between two reports: a few hundredths of a second.
const PROGRESS_BYTES: u64 = 1 << 20;

/// How far a replay is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Bytes of the log read so far.
    pub bytes: u64,
    /// Bytes to read in all.
    pub bytes_total: u64,
    /// Commits found so far.
    pub commits: u64,
}

/// Called now and then during a replay.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// What a replay found.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    pub(crate) commits: u64,
    pub(crate) entries: u64,
    pub(crate) damage: Vec<Damage>,
}

/// Puts everything behind `from` into the index.
pub(crate) fn replay(
    log: &dyn Log,
    index: &TailedIndex,
    from: Position,
    progress: Option<&ProgressSink>,
) -> Result<Replayed, StoreError> {
    let mut replay =
        Replay { index, replayed: Replayed::default(), gathered: Gathered::default(), up_to: from };
    let (mut bytes, mut reported, bytes_total) = (0, 0, log.bytes());
    let walk = |visit: Visit<'_>| log.frames_after(from, visit);
    try_walk::<StoreError>(walk, |visited| {
        match visited {
            Visited::Damage(damage) => replay.damage(damage),
            Visited::Frame(frame) => {
                bytes += frame.header.frame_bytes();
                replay.frame(&frame)?;
            }
        }
        if let Some(report) = progress
            && bytes >= reported + PROGRESS_BYTES
        {
            reported = bytes;
            report(Progress { bytes, bytes_total, commits: replay.replayed.commits });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    replay.send()?;
    Ok(replay.replayed)
}

struct Replay<'a> {
    index: &'a TailedIndex,
    replayed: Replayed,
    gathered: Gathered,
    up_to: Position,
}

impl Replay<'_> {
    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), StoreError> {
        let is_whole = self.gathered.frame(frame)?;
        if !is_whole {
            self.replayed.damage.push(frame.incomplete());
        } else if frame.header.kind == FrameKind::Commit {
            self.replayed.commits += 1;
        }
        // Between the parts of a commit nothing may be called covered.
        if !self.gathered.is_between_parts() {
            self.up_to = frame.end;
            if self.gathered.entries.len() >= ENTRIES_AT_ONCE {
                self.send()?;
            }
        }
        Ok(())
    }

    fn damage(&mut self, damage: Damage) {
        self.gathered.damage(&damage);
        self.replayed.damage.push(damage);
    }

    fn send(&mut self) -> Result<(), StoreError> {
        self.replayed.entries += self.gathered.entries.len() as u64;
        self.index.wait_for_room()?;
        self.index.insert(std::mem::take(&mut self.gathered.entries))?;
        self.index.publish(&self.up_to.to_bytes());
        Ok(())
    }
}
