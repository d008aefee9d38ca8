//! The frames of the log as commits, for what reads all of them: replay, check and pack.
//!
//! A large commit is parts and a closing frame that says how many. A crash may leave parts without their closing frame,
//! and damage a closing frame without one of its parts: neither is a commit.

use std::ops::ControlFlow;

use bough_core::Tid;

use crate::commit::index_frame;
use crate::format::FormatError;
use crate::format::body::Head;
use crate::index::Entry;
use crate::keys;
use crate::line::LineId;
use crate::log::{Damage, FrameKind, FrameView, LogError, Visit, Visited};

/// Walks over frames with a visitor that may fail; its first error ends the walk.
pub(crate) fn try_walk<E: From<LogError>>(
    walk: impl FnOnce(Visit<'_>) -> Result<(), LogError>,
    mut visit: impl FnMut(Visited<'_>) -> Result<ControlFlow<()>, E>,
) -> Result<(), E> {
    let mut outcome = Ok(());
    walk(&mut |visited| {
        visit(visited).unwrap_or_else(|error| {
            outcome = Err(error);
            ControlFlow::Break(())
        })
    })?;
    outcome
}

/// Numbers the parts of each commit as they come, and counts those that are good.
#[derive(Default)]
pub(crate) struct Parts {
    of: Tid,
    seen: u32,
    good: u32,
}

impl Parts {
    /// Takes in a part that is good and answers its number, the first being 1.
    pub(crate) fn part(&mut self, of: Tid) -> u32 {
        self.good = if self.of == of { self.good + 1 } else { 1 };
        self.next(of)
    }

    /// Takes in what is damaged: later parts keep their numbers where it is known to be one.
    pub(crate) fn damage(&mut self, damage: &Damage) {
        if let Some(header) = damage.header.filter(|header| header.kind == FrameKind::Part) {
            self.good = if self.of == header.tid { self.good } else { 0 };
            self.next(header.tid);
        }
    }

    fn next(&mut self, of: Tid) -> u32 {
        self.seen = if self.of == of { self.seen + 1 } else { 1 };
        self.of = of;
        self.seen
    }

    /// Takes in a closing frame and answers whether all parts that it counts came.
    pub(crate) fn is_whole(&mut self, of: Tid, closing: &Head) -> bool {
        let parts = std::mem::take(self);
        let good = if parts.of == of { parts.good } else { 0 };
        closing.meta.as_ref().is_some_and(|meta| meta.parts == good)
    }
}

/// Everything that the index holds because of the frames that came so far.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) entries: Vec<Entry>,
    /// Of parts whose closing frame has not come yet.
    waiting: Vec<Entry>,
    parts: Parts,
}

impl Gathered {
    /// Takes in a frame. Answers false for the end of a commit that is not whole, of which only its contents count:
    /// they prove themselves, and a later commit may name them.
    pub(crate) fn frame(&mut self, frame: &FrameView<'_>) -> Result<bool, FormatError> {
        let (tid, line) = (frame.header.tid, LineId(frame.header.line));
        let head = Head::of_body(frame.body)?;
        let at = head.location(frame.at);
        match frame.header.kind {
            FrameKind::Items | FrameKind::Side => {
                index_frame(line, tid, 0, &head, at, &mut self.entries)?;
            }
            FrameKind::Part => {
                if self.parts.of != tid {
                    self.waiting.clear();
                }
                let part = self.parts.part(tid);
                index_frame(line, tid, part, &head, at, &mut self.waiting)?;
            }
            FrameKind::Commit => {
                if self.parts.of != tid {
                    self.waiting.clear();
                }
                index_frame(line, tid, 0, &head, at, &mut self.waiting)?;
                if !self.parts.is_whole(tid, &head) {
                    let contents = self.waiting.drain(..).filter(|entry| keys::is_last_write(&entry.key));
                    self.entries.extend(contents);
                    return Ok(false);
                }
                self.entries.append(&mut self.waiting);
            }
        }
        Ok(true)
    }

    /// Takes in what is damaged.
    pub(crate) fn damage(&mut self, damage: &Damage) {
        self.parts.damage(damage);
    }

    /// Whether a closing frame is still to come.
    pub(crate) fn is_between_parts(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::disk::{CrashMode, Disk, FaultyDisk};
    use crate::log::Flaw;
    use crate::testing::{seed, small_options};
    use crate::{Database, OpenReport};

    const SEGMENT: &str = "log/00000001.seg";

    /// Opens with frames so small that a commit of some pages needs several.
    fn open(disk: &FaultyDisk) -> (Database, OpenReport) {
        let mut options = small_options();
        options.log.frame_bytes_max = 16 << 10;
        Database::on_disk(Arc::new(disk.clone()), options).unwrap()
    }

    fn in_parts(database: &Database, folder: &str) -> Tid {
        let page = |nth| format!("{folder}/p{nth} text={}", format!("{nth}in{folder},").repeat(200));
        let pages: Vec<String> = (0..40).map(page).collect();
        seed(database, &format!("{folder}\n{}\n", pages.join("\n")));
        database.head()
    }

    fn bytes_of(disk: &FaultyDisk) -> Vec<u8> {
        let file = disk.open(SEGMENT).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_at(&mut bytes, 0).unwrap();
        bytes
    }

    fn last_before(bytes: &[u8], end: usize, what: &[u8]) -> usize {
        bytes[..end].windows(what.len()).rposition(|found| found == what).unwrap()
    }

    /// A commit of which a part was lost was shown with what was left of it, and no word about that.
    #[test]
    fn a_commit_that_lost_a_part_is_damage_and_counts_for_nothing() {
        let disk = FaultyDisk::new();
        let (database, _) = open(&disk);
        seed(&database, "/before title=1");
        let before = database.text();
        let big = in_parts(&database, "/big");
        database.add_text("/after");
        let after = database.head();
        database.close().unwrap();
        let bytes = bytes_of(&disk);
        let body = last_before(&bytes, bytes.len(), b"17in/big,");
        for at in [body, last_before(&bytes, body, b"BgFr")] {
            let disk = disk.after_crash(0, CrashMode::KeepAll);
            disk.damage(SEGMENT, at as u64, 1);

            let (database, report) = open(&disk);

            let flaws: Vec<Flaw> = report.damage.iter().map(|damage| damage.what).collect();
            assert!(flaws.contains(&Flaw::Incomplete), "{flaws:?}");
            assert_eq!(database.text(), format!("/after\n{before}"));
            assert!(database.commit_record(big).is_err() && database.commit_record(after).is_ok());
            let faults = database.check(&mut crate::unwatched).unwrap().faults;
            assert!(faults.iter().any(|fault| fault.what.contains("lacks a part")), "{faults:?}");
            assert!(faults.iter().all(|fault| !fault.what.contains("the index")), "{faults:?}");
            in_parts(&database, "/big");
            assert!(database.exists("/big/p39"));
        }
    }

    /// Parts that a crash left without a closing frame were counted with those of the next commit, and put into the
    /// index by a pack.
    #[test]
    fn parts_without_a_closing_frame_count_for_nothing() {
        let disk = FaultyDisk::new();
        let (database, _) = open(&disk);
        seed(&database, "/page title=1");
        let (head, text) = (database.head(), database.text());
        in_parts(&database, "/big");
        let bytes = bytes_of(&disk);
        let closing = last_before(&bytes, bytes.len(), b"BgFr");
        disk.damage(SEGMENT, closing as u64, 1);
        let disk = disk.after_crash(0, CrashMode::KeepAll);

        let (database, report) = open(&disk);

        assert!(report.damage.is_empty(), "{:?}", report.damage);
        assert_eq!((database.head(), database.text().as_str()), (head, text.as_str()));
        let assert_sound = |database: &Database, when| {
            let report = database.check(&mut crate::unwatched).unwrap();
            assert!(report.is_sound(), "{when}: {:?}", report.faults);
        };
        assert_sound(&database, "after the crash");
        in_parts(&database, "/again");
        assert_sound(&database, "after another commit in parts");
        database.set("/again/p0", "text", "2");
        database.set("/again/p0", "text", "3");
        let text = database.text();
        let packed = database.pack(database.head(), false, &mut crate::unwatched).unwrap();
        assert!(packed.segments_rewritten > 0, "{packed:?}");
        assert_eq!(database.text(), text);
        assert_sound(&database, "after a pack");
        drop(database);
        let (database, _) = open(&disk);
        assert_eq!(database.text(), text);
        assert_sound(&database, "after reopening");
    }
}
