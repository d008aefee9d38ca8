//! Stops the disk at every operation of a history, takes the power away, and looks at what is there.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::contract::{SeenFrame, commit};
use super::tests::{all, options};
use super::*;
use crate::disk::{CrashMode, FaultyDisk};

/// A step of the history.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many commits in one call.
    Append(u64),
    Sync,
    Roll,
    Close,
    /// Ends the process without closing and opens again.
    Reopen,
    RewriteAndComplete,
    RewriteAndAbandon,
}

const HISTORY: &[Step] = &[
    Step::Append(1),
    Step::Sync,
    Step::Append(2),
    Step::Append(1),
    Step::Sync,
    Step::Append(3),
    Step::Roll,
    Step::Append(2),
    Step::Sync,
    Step::Close,
    Step::Append(2),
    Step::Sync,
    Step::Append(1),
    Step::Reopen,
    Step::Append(9),
    Step::Append(1),
    Step::Sync,
    Step::RewriteAndComplete,
    Step::Append(2),
    Step::Sync,
    Step::Close,
    Step::Reopen,
    Step::RewriteAndAbandon,
    Step::Append(4),
    Step::Reopen,
    Step::RewriteAndComplete,
    Step::Append(1),
    Step::Sync,
    Step::Append(1),
    Step::Close,
];

/// Plays the history until the disk fails.
struct Play {
    disk: FaultyDisk,
    log: Option<SegmentLog>,
    /// The last tid that was given to an append, which may have failed.
    tried: u64,
    /// The last tid that was acknowledged as durable.
    acknowledged: u64,
}

impl Play {
    fn until_the_disk_fails(disk: FaultyDisk) -> Self {
        let mut play = Self { disk, log: None, tried: 0, acknowledged: 0 };
        let finished = play.reopen().is_some() && HISTORY.iter().all(|step| play.step(*step).is_some());
        play.log = play.log.filter(|_| finished);
        play
    }

    fn finished(&self) -> bool {
        self.log.is_some()
    }

    fn step(&mut self, step: Step) -> Option<()> {
        match step {
            Step::Append(commits) => self.append(commits),
            Step::Sync => self.acknowledge(SegmentLog::sync),
            Step::Close => self.acknowledge(SegmentLog::close),
            Step::Roll => self.log.as_ref()?.roll().ok(),
            Step::Reopen => self.reopen(),
            Step::RewriteAndComplete => {
                self.rewrite().and_then(|()| self.log.as_ref()?.complete_rewrite().ok())
            }
            Step::RewriteAndAbandon => {
                self.rewrite().and_then(|()| self.log.as_ref()?.abandon_rewrite().ok())
            }
        }
    }

    fn append(&mut self, commits: u64) -> Option<()> {
        let new: Vec<NewFrame> = (self.tried + 1..=self.tried + commits).map(new_commit).collect();
        let after = Tid::from_micros(self.tried);
        self.tried += commits;
        self.log.as_ref()?.append(&new, after).ok().map(drop)
    }

    fn acknowledge(&mut self, sync: fn(&SegmentLog) -> Result<(), LogError>) -> Option<()> {
        sync(self.log.as_ref()?).ok()?;
        self.acknowledged = self.tried;
        Some(())
    }

    fn reopen(&mut self) -> Option<()> {
        self.log = None;
        let log = SegmentLog::open(Arc::new(self.disk.clone()), options()).ok()?.0;
        // Whoever opens a log may rely on all that it reads.
        self.acknowledged = log.last_tid().as_micros();
        self.log = Some(log);
        Some(())
    }

    /// Rewrites all closed segments, with other bodies.
    fn rewrite(&mut self) -> Option<()> {
        let log = self.log.as_ref()?;
        let old: Vec<SegmentId> =
            log.segments().iter().filter(|one| !one.is_head).map(|one| one.id).collect();
        let mut rewrite = log.begin_rewrite(&old).ok()?;
        for frame in all(log).iter().filter(|frame| old.contains(&frame.at.segment)) {
            let packed = commit(frame.header.tid.as_micros(), PACKED);
            rewrite.push(&frame.header, packed.body).ok()?;
        }
        rewrite.finish().ok().map(drop)
    }
}

const PACKED: &[u8] = b"packed";

fn new_commit(tid: u64) -> NewFrame {
    commit(tid, &payload(tid))
}

fn payload(tid: u64) -> Vec<u8> {
    vec![tid as u8; (tid as usize * 131) % 700]
}

/// Opens what the crash left: a prefix of the history with all that was acknowledged, chained, without damage. Returns
/// the log and its last tid.
fn assert_whole(disk: &FaultyDisk, tried: u64, acknowledged: u64, when: &str) -> (SegmentLog, u64) {
    let opened = SegmentLog::open(Arc::new(disk.clone()), options());
    let (log, report) = opened.unwrap_or_else(|error| panic!("{when}: {error}"));
    assert_eq!(report.damage, [], "{when}");
    let frames = frames(&log, when);
    let tids: Vec<u64> = frames.iter().map(|frame| frame.header.tid.as_micros()).collect();
    let last = tids.len() as u64;
    assert_eq!(tids, (1..=last).collect::<Vec<_>>(), "{when}: not a prefix");
    assert!(acknowledged <= last && last <= tried, "{when}: {acknowledged} acknowledged, {last} found");
    assert_eq!(log.last_tid(), Tid::from_micros(last), "{when}");
    let mut previous = NO_DIGEST;
    for frame in &frames {
        assert_eq!(frame.header.previous, previous, "{when}: the chain breaks at {}", frame.header.tid);
        assert_eq!(frame.header.content, new_commit(frame.header.tid.as_micros()).content, "{when}");
        let found = log.read(frame.at).unwrap_or_else(|error| panic!("{when}: {error}"));
        assert!(
            found == PACKED || found == payload(frame.header.tid.as_micros()),
            "{when}: {}",
            frame.header.tid
        );
        previous = frame.digest;
    }
    assert_eq!(log.last_digest(), previous, "{when}");
    (log, last)
}

fn frames(log: &SegmentLog, when: &str) -> Vec<SeenFrame> {
    let undamaged = log.frames_after(log.start(), &mut |visited| {
        assert!(matches!(visited, Visited::Frame(_)), "{when}: {visited:?}");
        ControlFlow::Continue(())
    });
    undamaged.unwrap_or_else(|error| panic!("{when}: {error}"));
    all(log)
}

/// Looks at what is left, then goes on in it: ends the rewrite, appends, loses power again.
fn assert_whole_and_usable(disk: &FaultyDisk, tried: u64, acknowledged: u64, seed: u64, when: &str) {
    let (log, last) = assert_whole(disk, tried, acknowledged, when);
    if log.unfinished_rewrite().is_some() {
        let ended = if seed.is_multiple_of(2) { log.complete_rewrite() } else { log.abandon_rewrite() };
        ended.unwrap_or_else(|error| panic!("{when}: {error}"));
    }
    // What was once read stays, also without another sync.
    assert_whole(&disk.after_crash(seed, CrashMode::LoseUnsynced), last, last, when);
    log.append(&[new_commit(last + 1)], Tid::from_micros(last))
        .unwrap_or_else(|error| panic!("{when}: {error}"));
    log.sync().unwrap_or_else(|error| panic!("{when}: {error}"));
    assert_whole(&disk.after_crash(seed, CrashMode::Arbitrary), last + 1, last + 1, when);
}

const MODES: [(CrashMode, u64); 3] =
    [(CrashMode::LoseUnsynced, 1), (CrashMode::KeepAll, 1), (CrashMode::Arbitrary, 12)];

#[test]
fn what_was_acknowledged_survives_a_crash_at_every_operation() {
    for operations in 0.. {
        let disk = FaultyDisk::new();
        disk.stop_after(operations);
        let play = Play::until_the_disk_fails(disk);
        for (mode, seeds) in MODES {
            for seed in 0..seeds {
                let when = format!("stopped after {operations} operations, {mode:?}, seed {seed}");
                let left = play.disk.after_crash(seed + operations, mode);
                assert_whole_and_usable(&left, play.tried, play.acknowledged, seed, &when);
            }
        }
        if play.finished() {
            assert!(operations > 100, "the history is too short: {operations} operations");
            break;
        }
    }
}

/// One operation fails and the disk goes on: what the log does about the failure must not make it worse.
#[test]
fn what_was_acknowledged_survives_a_failure_of_any_single_operation() {
    for operations in 0.. {
        let disk = FaultyDisk::new();
        disk.fail_once_after(operations);
        let play = Play::until_the_disk_fails(disk);
        for (mode, seeds) in MODES {
            for seed in 0..seeds {
                let when = format!("failed once after {operations} operations, {mode:?}, seed {seed}");
                let left = play.disk.after_crash(seed + operations, mode);
                assert_whole_and_usable(&left, play.tried, play.acknowledged, seed, &when);
            }
        }
        // Some failures do no harm, such as that to give back space; past the end there is none.
        if play.finished() && play.disk.operations() <= operations {
            break;
        }
    }
}

/// A crash, then another at each operation of the open that follows it.
#[test]
fn a_crash_while_opening_after_a_crash_loses_nothing() {
    for operations in (0..).step_by(3) {
        let disk = FaultyDisk::new();
        disk.stop_after(operations);
        let play = Play::until_the_disk_fails(disk);
        let left = play.disk.after_crash(operations, CrashMode::Arbitrary);
        for more in 0..20 {
            let disk = left.after_crash(0, CrashMode::KeepAll);
            disk.stop_after(more);
            let opened = SegmentLog::open(Arc::new(disk.clone()), options());
            let when = format!("stopped after {operations} and {more} operations");
            let known = opened.as_ref().map_or(play.acknowledged, |(log, _)| log.last_tid().as_micros());
            assert!(known >= play.acknowledged, "{when}");
            let again = disk.after_crash(more, CrashMode::Arbitrary);
            assert_whole_and_usable(&again, play.tried, known, more, &when);
        }
        if play.finished() {
            break;
        }
    }
}

/// The bytes of an unfinished end may be anything, up to what looks like a good frame behind a hole.
#[test]
fn a_lost_frame_in_the_unsynced_end_takes_the_later_ones_with_it() {
    let disk = FaultyDisk::new();
    let log = SegmentLog::open(Arc::new(disk.clone()), options()).unwrap().0;
    // They fit one segment: a roll would have synced them.
    for tid in 1..=4 {
        log.append(&[new_commit(tid)], Tid::from_micros(tid - 1)).unwrap();
        if tid == 2 {
            log.sync().unwrap();
        }
    }
    let third = u64::from(all(&log)[2].at.offset);
    disk.damage("log/00000001.seg", third, 1);
    let (_, last) = assert_whole(&disk.after_crash(0, CrashMode::KeepAll), 4, 2, "a hole at the third");
    assert_eq!(last, 2);
}
