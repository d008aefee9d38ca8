//! What the log in segment files does beyond the contract.

use std::ops::ControlFlow;
use std::sync::Arc;

use bough_core::Tid;
use uuid::Uuid;

use super::contract::{SeenFrame, commit, frame, frames_after, log_contract};
use super::segment_file::{SEGMENT_HEADER_BYTES, segment_path};
use super::*;
use crate::disk::{CrashMode, Disk, FaultyDisk, FolderDisk, MemoryDisk};

/// Small, so that a short history has several segments.
pub(super) fn options() -> LogOptions {
    LogOptions { segment_bytes: 2048, frame_bytes_max: 8192, new_store: Uuid::from_bytes([5; 16]) }
}

pub(super) fn open(disk: &FaultyDisk) -> (SegmentLog, OpenReport) {
    SegmentLog::open(Arc::new(disk.clone()), options()).unwrap()
}

fn refused(disk: &FaultyDisk) -> String {
    SegmentLog::open(Arc::new(disk.clone()), options()).err().expect("it must not open").to_string()
}

/// Appends a commit with the next tid and syncs.
fn add(log: &SegmentLog, payload: &[u8]) -> Location {
    let last = log.last_tid();
    let at = log.append(&[commit(last.as_micros() + 1, payload)], last).unwrap()[0];
    log.sync().unwrap();
    at
}

/// A disk that holds a log of `commits` synced commits, and their log.
fn holding(commits: u64) -> (FaultyDisk, SegmentLog) {
    let disk = FaultyDisk::new();
    let log = open(&disk).0;
    for tid in 1..=commits {
        add(&log, &payload(tid));
    }
    (disk, log)
}

fn payload(tid: u64) -> Vec<u8> {
    vec![tid as u8; 100 + (tid as usize * 37) % 200]
}

pub(super) fn all(log: &dyn Log) -> Vec<SeenFrame> {
    frames_after(log, log.start())
}

/// The tids of the frames that can be read, and the damage between them.
fn survey(log: &dyn Log) -> (Vec<u64>, Vec<Damage>) {
    let (mut tids, mut damages) = (Vec::new(), Vec::new());
    let mut visit = |visited: Visited<'_>| {
        match visited {
            Visited::Frame(frame) => tids.push(frame.header.tid.as_micros()),
            Visited::Damage(damage) => damages.push(damage),
        }
        ControlFlow::Continue(())
    };
    log.frames_after(log.start(), &mut visit).unwrap();
    (tids, damages)
}

#[test]
fn the_log_keeps_its_contract_in_memory_and_in_a_folder() {
    for segment_bytes in [300, 2048, 1 << 20] {
        let options = || LogOptions { segment_bytes, ..options() };
        log_contract(&|| Arc::new(SegmentLog::open(Arc::new(MemoryDisk::new()), options()).unwrap().0));
        let folder = tempfile::tempdir().unwrap();
        let count = std::cell::Cell::new(0);
        log_contract(&|| {
            count.set(count.get() + 1);
            let disk = FolderDisk::open(folder.path().join(count.get().to_string())).unwrap();
            Arc::new(SegmentLog::open(Arc::new(disk), options()).unwrap().0)
        });
    }
}

#[test]
fn a_closed_log_opens_clean_and_goes_on_where_it_ended() {
    let (disk, log) = holding(20);
    let (end, digest) = (log.end(), log.last_digest());
    log.close().unwrap();
    let (log, report) = open(&disk.after_crash(0, CrashMode::LoseUnsynced));
    assert_eq!(report, OpenReport { clean: true, ..OpenReport::default() });
    assert_eq!((log.end(), log.last_tid(), log.last_digest()), (end, Tid::from_micros(20), digest));
    add(&log, b"more");
    assert_eq!(all(&log).len(), 21);
    assert_eq!(all(&log)[20].header.previous, digest);
}

/// Had the note stayed, the next open would end the log at it and lose the commit.
#[test]
fn an_append_first_takes_back_the_note_of_a_clean_end() {
    let (disk, log) = holding(2);
    log.close().unwrap();
    add(&log, b"after the close");
    let (log, report) = open(&disk.after_crash(0, CrashMode::LoseUnsynced));
    assert!(!report.clean);
    assert_eq!(log.last_tid(), Tid::from_micros(3));
}

#[test]
fn opening_an_empty_log_again_and_again_makes_no_segments() {
    let (disk, log) = holding(0);
    drop(log);
    for _ in 0..3 {
        assert!(open(&disk).1.clean);
    }
    assert_eq!(disk.list("log").unwrap(), ["00000001.seg", "manifest"]);
}

#[test]
fn what_was_not_known_to_be_synced_moves_to_a_new_segment() {
    let (disk, log) = holding(3);
    let before = all(&log);
    log.append(&[commit(4, b"not synced")], Tid::from_micros(3)).unwrap();
    drop(log);

    let disk = disk.after_crash(0, CrashMode::KeepAll);
    let (log, report) = open(&disk);
    // Frame 4 says that 3 was synced; frame 3 could not yet say so of itself.
    assert_eq!((report.recovered_frames, report.dropped_bytes), (1, 0));
    let after = all(&log);
    assert_eq!(after[..3], before[..]);
    assert_eq!(after[3].at.segment, SegmentId(2));
    assert_eq!(log.segments()[0].bytes, u64::from(before[2].end.offset));
    assert_eq!(log.read(after[3].at).unwrap(), b"not synced".as_slice());

    // An index may have seen it at its former place: what follows that is everything that was moved.
    let former = Position { offset: before[2].end.offset + 200, ..before[2].end };
    assert_eq!(frames_after(&log, former), after[3..]);
    let gone = Location { segment: SegmentId(1), offset: before[2].end.offset + 104, length: 14 };
    assert!(matches!(log.read(gone), Err(LogError::Gone { .. })));

    let again = open(&disk.after_crash(0, CrashMode::LoseUnsynced)).0;
    assert_eq!(all(&again).len(), 4, "what was once readable stays");
}

#[test]
fn a_part_whose_commit_never_came_cannot_get_one_after_a_crash() {
    let (disk, log) = holding(1);
    log.append(&[frame(FrameKind::Part, 2, b"part")], Tid::from_micros(1)).unwrap();
    log.sync().unwrap();
    let (log, _) = open(&disk.after_crash(0, CrashMode::KeepAll));
    assert_eq!(log.last_tid(), Tid::from_micros(2));
    let late = log.append(&[commit(2, b"late")], Tid::from_micros(2));
    assert!(matches!(late, Err(AppendError::Disordered { .. })));
}

/// Flips a bit of every byte of every segment in turn.
#[test]
fn damage_to_what_was_synced_is_reported_and_the_rest_is_visited() {
    let (disk, log) = holding(12);
    log.close().unwrap();
    let frames = all(&log);
    assert!(log.segments().len() > 1);
    for segment in log.segments() {
        let path = segment_path(segment.id);
        for offset in 0..segment.bytes {
            disk.damage(&path, offset, 1 << (offset % 8));
            let (log, report) = open(&disk);
            let (tids, damages) = survey(&log);
            let hit = |frame: &&SeenFrame| {
                let start = frame.at.offset - FRAME_HEADER_BYTES;
                frame.at.segment == segment.id
                    && u64::from(start) <= offset
                    && offset < u64::from(frame.end.offset)
            };
            let expected: Vec<u64> =
                frames.iter().filter(|frame| !hit(frame)).map(|frame| frame.header.tid.as_micros()).collect();
            assert_eq!(tids, expected, "byte {offset} of {path}");
            assert_eq!(damages.len(), 1, "byte {offset} of {path}");
            let span = u64::from(damages[0].offset)..u64::from(damages[0].offset + damages[0].length);
            assert!(span.contains(&offset), "byte {offset} of {path} is not in {:?}", damages[0]);
            assert_eq!(report.damage, if segment.is_head { damages } else { vec![] });
            assert_eq!((log.last_tid(), log.last_digest()), (Tid::from_micros(12), frames[11].digest));
            disk.damage(&path, offset, 1 << (offset % 8));
        }
    }
}

/// The same without a clean end: only frame 5 says that 1 to 4 were synced.
#[test]
fn after_a_crash_damage_before_the_synced_position_is_kept_and_behind_it_ends_the_log() {
    let disk = FaultyDisk::new();
    let log = open(&disk).0;
    for tid in 1..=5 {
        add(&log, &[tid; 60]);
    }
    log.append(&[commit(6, b"six"), commit(7, b"seven")], Tid::from_micros(5)).unwrap();
    let frames = all(&log);
    let synced = frames[4].end.offset;
    let path = segment_path(SegmentId(1));
    for offset in SEGMENT_HEADER_BYTES..frames[6].end.offset {
        let disk = disk.after_crash(0, CrashMode::KeepAll);
        disk.damage(&path, u64::from(offset), 0x10);
        let (log, report) = open(&disk);
        let (tids, damages) = survey(&log);
        let hit = frames.iter().position(|frame| offset < frame.end.offset).unwrap();
        let tid = hit as u64 + 1;
        if offset < synced {
            assert_eq!(tids, (1..=7).filter(|other| *other != tid).collect::<Vec<_>>(), "byte {offset}");
            assert_eq!((damages.len(), &report.damage), (1, &damages), "byte {offset}");
            assert_eq!(report.dropped_bytes, 0);
        } else {
            assert_eq!(tids, (1..tid).collect::<Vec<_>>(), "byte {offset}");
            assert_eq!((damages, report.damage), (vec![], vec![]), "byte {offset}");
            assert!(report.dropped_bytes > 0);
        }
    }
}

#[test]
fn a_truncated_segment_is_reported_and_the_others_are_visited() {
    for bytes in [0, 1, 100, 128, 200, 700, 1500] {
        let (disk, log) = holding(12);
        log.close().unwrap();
        let frames = all(&log);
        let first = log.segments()[0];
        disk.truncate(&segment_path(first.id), bytes);
        let (tids, damages) = survey(&open(&disk).0);
        let kept = |frame: &&SeenFrame| frame.at.segment != first.id || u64::from(frame.end.offset) <= bytes;
        let expected: Vec<u64> =
            frames.iter().filter(kept).map(|frame| frame.header.tid.as_micros()).collect();
        assert_eq!(tids, expected, "cut to {bytes} bytes");
        assert!(!damages.is_empty(), "cut to {bytes} bytes");
    }
}

#[test]
fn a_log_whose_files_are_wrong_says_which() {
    let (disk, log) = holding(12);
    log.close().unwrap();
    let with = |change: fn(&FaultyDisk)| {
        let disk = disk.after_crash(0, CrashMode::KeepAll);
        change(&disk);
        refused(&disk)
    };
    assert_eq!(
        with(|disk| disk.remove("log/00000001.seg").unwrap()),
        "cannot open the log: the manifest names `log/00000001.seg`, and there is no such file"
    );
    assert_eq!(
        with(|disk| disk.damage("log/manifest", 40, 4)),
        "cannot open the log: `log/manifest` is damaged: it does not match its checksum"
    );
    assert_eq!(
        with(|disk| disk.truncate("log/manifest", 0)),
        "cannot open the log: `log/manifest` is damaged: there is no checksum"
    );
    assert_eq!(
        with(|disk| disk.remove("log/manifest").unwrap()),
        "cannot open the log: there is no `log/manifest`, but there is `log/00000001.seg`"
    );
    let newer = b"bough-log 2\n";
    let newer = format!("bough-log 2\nchecksum {:08x}\n", crc32fast::hash(newer));
    let disk = disk.after_crash(0, CrashMode::KeepAll);
    crate::disk::replace_whole(&disk, "log/manifest", newer.as_bytes()).unwrap();
    assert_eq!(refused(&disk), "cannot open the log: its format is 2, this program knows formats up to 1");
}

#[test]
fn a_segment_that_the_manifest_does_not_name_is_removed() {
    let (disk, log) = holding(1);
    log.close().unwrap();
    disk.create("log/00000009.seg", 10).unwrap();
    disk.create("log/notes.txt", 10).unwrap();
    assert_eq!(open(&disk).1.removed, ["log/00000009.seg"]);
    assert_eq!(disk.list("log").unwrap(), ["00000001.seg", "manifest", "notes.txt"]);
}

#[test]
fn after_a_failed_sync_the_log_takes_nothing_more_and_reads_go_on() {
    let (disk, log) = holding(3);
    let at = log.append(&[commit(4, b"four")], Tid::from_micros(3)).unwrap()[0];
    disk.fail_syncs(true);
    assert!(matches!(log.sync(), Err(LogError::Disk { attempt: "sync", .. })));

    disk.fail_syncs(false);
    let reason = "cannot sync `log/00000001.seg`: the disk was told to fail this sync";
    assert!(matches!(log.sync(), Err(LogError::Latched { reason: found }) if &*found == reason));
    assert!(matches!(log.close(), Err(LogError::Latched { .. })));
    assert!(matches!(log.roll(), Err(AppendError::Latched { .. })));
    let refused = log.append(&[commit(5, b"five")], Tid::from_micros(4));
    assert!(matches!(refused, Err(AppendError::Latched { reason: found }) if &*found == reason));
    assert_eq!(log.read(at).unwrap(), b"four".as_slice());
    assert_eq!(all(&log).len(), 4);

    // The bytes are in the cache only; whoever reads them after a reopen must be able to rely on them.
    let (log, _) = open(&disk);
    assert_eq!(all(&log).len(), 4);
    assert_eq!(all(&open(&disk.after_crash(0, CrashMode::LoseUnsynced)).0).len(), 4);
}

#[test]
fn a_failed_write_latches() {
    let (disk, log) = holding(1);
    disk.stop_after(0);
    let failed = log.append(&[commit(2, b"two")], Tid::from_micros(1));
    assert!(matches!(failed, Err(AppendError::Disk { .. })));
    disk.stop_after(u64::MAX);
    let refused = log.append(&[commit(2, b"two")], Tid::from_micros(1));
    assert!(matches!(refused, Err(AppendError::Latched { .. })));
    assert_eq!(all(&log).len(), 1);
}

#[test]
fn a_full_disk_refuses_the_append_and_the_next_one_may_succeed() {
    for room in [0, 100, 2048, 2100] {
        let (disk, log) = holding(1);
        disk.disk_full_after(room);
        let mut tids = 2..;
        let error = loop {
            let last = log.last_tid();
            match log.append(&[commit(tids.next().unwrap(), &[1; 300])], last) {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(matches!(&error, AppendError::DiskFull { .. }) && error.is_transient(), "{room}: {error}");
        let count = all(&log).len();
        disk.disk_full_after(u64::MAX);
        add(&log, b"there is room again");
        assert_eq!(all(&log).len(), count + 1);
        let (log, _) = open(&disk.after_crash(0, CrashMode::LoseUnsynced));
        assert_eq!(all(&log).len(), count + 1);
    }
}

#[test]
fn a_full_disk_does_not_keep_a_log_from_opening_after_a_crash() {
    let (disk, log) = holding(3);
    log.append(&[commit(4, b"not synced")], Tid::from_micros(3)).unwrap();
    let disk = disk.after_crash(0, CrashMode::KeepAll);
    // Enough for what is copied and for a manifest, and not for a segment.
    disk.disk_full_after(1500);
    let log = open(&disk).0;
    assert_eq!(all(&log).len(), 4);
    let full = log.append(&[commit(5, &[5; 300])], Tid::from_micros(4));
    assert!(matches!(full, Err(AppendError::DiskFull { .. })), "{full:?}");
    disk.disk_full_after(u64::MAX);
    add(&log, b"there is room again");
}

#[test]
fn a_frame_may_be_larger_than_a_segment_but_not_than_the_limit() {
    let (disk, log) = holding(1);
    add(&log, &[1; 5000]);
    let max = options().frame_bytes_max as usize - FRAME_HEADER_BYTES as usize - 4;
    add(&log, &vec![2; max]);
    let end = log.end();
    let refused = log.append(&[commit(4, &vec![3; max + 1])], Tid::from_micros(3));
    assert!(matches!(refused, Err(AppendError::TooLarge { bytes: 8200, max: 8192 })), "{refused:?}");
    assert_eq!(log.end(), end);
    log.close().unwrap();
    assert_eq!(all(&open(&disk).0).len(), 3);
}

#[test]
fn a_thousand_segments_need_few_open_files() {
    let log = SegmentLog::open(Arc::new(MemoryDisk::new()), options()).unwrap().0;
    let mut locations = Vec::new();
    for _ in 0..1000 {
        locations.push(add(&log, b"x"));
        log.roll().unwrap();
    }
    for at in &locations {
        assert_eq!(log.read(*at).unwrap(), b"x".as_slice());
    }
    assert_eq!(all(&log).len(), 1000);
    assert!(log.shared.files.count() <= 256, "{} files are open", log.shared.files.count());
}

/// What looks like a frame inside a body was written for another place, or by somebody who does not know the store.
#[test]
fn a_frame_inside_a_body_is_not_taken_for_one() {
    let (disk, log) = holding(2);
    let path = segment_path(SegmentId(1));
    let mut copied = vec![0; 400];
    disk.open(&path).unwrap().read_at(&mut copied, u64::from(SEGMENT_HEADER_BYTES)).unwrap();
    // Behind the checksum of the chunk, at a multiple of 8 in the segment.
    let inner = [&[0; 4], copied.as_slice()].concat();
    let at = add(&log, &inner);
    log.close().unwrap();
    disk.damage(&path, u64::from(at.offset - FRAME_HEADER_BYTES), 1);
    let (tids, damages) = survey(&open(&disk).0);
    assert_eq!((tids, damages.len()), (vec![1, 2], 1));
}

/// Fills segments and manifests with noise that has frames' marks in it, and does everything a log does.
#[test]
fn hostile_bytes_never_panic() {
    for seed in 0..300u64 {
        let (disk, log) = holding(6);
        if seed % 2 == 0 {
            log.close().unwrap();
        }
        drop(log);
        let mut state = seed;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        for _ in 0..1 + noise() % 20 {
            let names = disk.list("log").unwrap();
            let path = format!("log/{}", names[noise() % (names.len() - 1)]);
            let file = disk.open(&path).unwrap();
            let at = noise() % 2048;
            let bytes: Vec<u8> = match noise() % 3 {
                0 => b"BgFr\x01\x00\x01\x00\xff\xff\xff\xff".to_vec(),
                1 => vec![0xff; noise() % 300],
                _ => (0..noise() % 300).map(|_| noise() as u8).collect(),
            };
            file.write_at(&bytes, at as u64).unwrap();
        }
        let log = open(&disk).0;
        survey(&log);
        for segment in log.segments() {
            for _ in 0..20 {
                let at =
                    Location { segment: segment.id, offset: noise() as u32, length: noise() as u32 % 4096 };
                let near = Location { offset: at.offset % 4096, ..at };
                let _ = (log.read(at), log.read(near));
                let from = Position { segment: segment.id, offset: near.offset };
                log.frames_after(from, &mut |_| ControlFlow::Continue(())).unwrap();
            }
        }
        add(&log, b"on it goes");
    }
}

#[test]
fn a_rewrite_puts_smaller_segments_in_place_and_readers_read_on() {
    let (disk, log) = holding(30);
    let before = all(&log);
    let old: Vec<SegmentId> = log.segments()[1..3].iter().map(|segment| segment.id).collect();
    let in_old = |frame: &&SeenFrame| old.contains(&frame.at.segment);

    let mut rewrite = log.begin_rewrite(&old).unwrap();
    let mut moved = Vec::new();
    for frame in before.iter().filter(in_old) {
        moved.push(rewrite.push(&frame.header, Vec::new()).unwrap());
    }
    let unfinished = rewrite.finish().unwrap();
    assert_eq!((&unfinished.old, unfinished.new.len()), (&old, 1));
    assert_eq!(all(&log), before, "the old ones are still the log");
    let mut seen = 0;
    log.frames_in(unfinished.new[0], &mut |visited| {
        seen += usize::from(matches!(visited, Visited::Frame(frame) if moved.contains(&frame.at)));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(seen, moved.len());

    // A walk that has begun ends in the old segments.
    let mut walked = 0;
    log.frames_after(log.start(), &mut |_| {
        if walked == 0 {
            log.complete_rewrite().unwrap();
        }
        walked += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(walked, 30);

    let after = all(&log);
    let digests =
        |frames: &[SeenFrame]| -> Vec<[u8; 32]> { frames.iter().map(|frame| frame.digest).collect() };
    assert_eq!(digests(&after), digests(&before));
    let first = before.iter().find(in_old).unwrap();
    assert!(matches!(log.read(first.at), Err(LogError::Gone { .. })));
    let from_old = log.frames_after(first.end, &mut |_| ControlFlow::Continue(()));
    assert!(matches!(from_old, Err(LogError::Gone { .. })));
    for id in &old {
        assert!(!disk.list("log").unwrap().contains(&format!("{id}.seg")), "segment {id} is still there");
    }
    add(&log, b"on it goes");
    assert_eq!(all(&open(&disk.after_crash(0, CrashMode::LoseUnsynced)).0).len(), 31);
}

#[test]
fn an_unfinished_rewrite_is_reported_and_can_be_completed_or_abandoned() {
    let (disk, log) = holding(30);
    let before = all(&log);
    let old = vec![log.segments()[0].id];
    let mut rewrite = log.begin_rewrite(&old).unwrap();
    rewrite.push(&before[0].header, before[0].body.clone()).unwrap();
    let unfinished = rewrite.finish().unwrap();
    let left = before.iter().filter(|frame| frame.at.segment != old[0]).count() + 1;
    drop(log);
    for complete in [true, false] {
        let disk = disk.after_crash(0, CrashMode::LoseUnsynced);
        let (log, report) = open(&disk);
        assert_eq!(report.unfinished_rewrite, Some(unfinished.clone()));
        assert_eq!(log.unfinished_rewrite(), Some(unfinished.clone()));
        assert!(matches!(log.begin_rewrite(&old), Err(RewriteError::Unfinished { .. })));
        if complete {
            log.complete_rewrite().unwrap()
        } else {
            log.abandon_rewrite().unwrap()
        }
        assert_eq!(log.unfinished_rewrite(), None);
        assert!(matches!(log.complete_rewrite(), Err(RewriteError::NothingToFinish)));
        let expected = if complete { left } else { 30 };
        assert_eq!(all(&log).len(), expected);
        let gone = if complete { &unfinished.old } else { &unfinished.new };
        assert!(gone.iter().all(|id| disk.open(&segment_path(*id)).is_err()), "complete: {complete}");
        let (log, report) = open(&disk.after_crash(0, CrashMode::LoseUnsynced));
        assert_eq!((all(&log).len(), report.unfinished_rewrite), (expected, None));
    }
}

#[test]
fn a_rewrite_that_is_dropped_leaves_nothing() {
    let (disk, log) = holding(30);
    let (before, files) = (all(&log), disk.list("log").unwrap());
    let old = [log.segments()[0].id];
    let mut rewrite = log.begin_rewrite(&old).unwrap();
    rewrite.push(&before[0].header, before[0].body.clone()).unwrap();
    assert!(matches!(log.begin_rewrite(&old), Err(RewriteError::Unfinished { .. })));
    drop(rewrite);
    assert_eq!(disk.list("log").unwrap(), files);
    assert_eq!(all(&log), before);
    drop(log.begin_rewrite(&old).unwrap());
}

#[test]
fn only_closed_segments_that_follow_each_other_are_rewritten() {
    let (_, log) = holding(30);
    let ids: Vec<SegmentId> = log.segments().iter().map(|segment| segment.id).collect();
    let head = ids[ids.len() - 1];
    for asked in [vec![], vec![head], vec![ids[0], ids[2]], vec![ids[1], ids[0]], vec![SegmentId(99)]] {
        assert!(matches!(log.begin_rewrite(&asked), Err(RewriteError::NotContiguous { .. })), "{asked:?}");
    }
}

#[test]
fn segments_say_what_is_in_them() {
    let (_, log) = holding(30);
    let segments = log.segments();
    assert_eq!(segments[0].after, Tid::ZERO);
    assert_eq!(segments.last().map(|last| (last.is_head, last.last_tid)), Some((true, Tid::from_micros(30))));
    for pair in segments.windows(2) {
        assert_eq!((pair[0].last_tid, pair[0].is_head), (pair[1].after, false));
    }
    assert_eq!(segments.iter().map(|segment| segment.bytes).sum::<u64>(), log.bytes());
}

/// The bytes on disk: whoever changes one of these changes the format and its number.
#[test]
fn the_bytes_on_disk_are_these() {
    let (disk, log) = holding(0);
    log.append(&[commit(0x1234, b"hello")], Tid::ZERO).unwrap();
    log.close().unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut bytes = vec![0; log.end().offset as usize];
    disk.open("log/00000001.seg").unwrap().read_at(&mut bytes, 0).unwrap();
    assert_eq!(hex(&bytes), GOLDEN_SEGMENT.concat());
    let manifest = crate::disk::read_whole(&disk, "log/manifest").unwrap().unwrap();
    assert_eq!(String::from_utf8(manifest).unwrap(), GOLDEN_MANIFEST);
}

/// Field by field.
#[rustfmt::skip]
const GOLDEN_SEGMENT: &[&str] = &[
    "426f756768536567",
    "01000000",
    "01000000",
    "05050505050505050505050505050505",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000",
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
    "a93f36f2",
    "42674672",
    "01000100",
    "09000000",
    "07000000",
    "3412000000000000",
    "0100000080000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f",
    "d9dfdbb1",
    "6b89f4c8",
    "86a61036",
    "68656c6c6f",
    "00000000000000",
];

const GOLDEN_MANIFEST: &str = "\
bough-log 1
store 05050505-0505-0505-0505-050505050505
next 2
head 00000001 after t0 digest 0000000000000000000000000000000000000000000000000000000000000000
clean 248 last t1234 digest e18a7b6484d9ab5d801aa11efa4084e0d112e24a0a9cc8d562fed87b4f924d9b
checksum 37c10f85
";

/// A commit is one write and one sync; what is already durable costs nothing.
#[test]
fn an_append_is_one_write_and_a_sync_without_news_is_none() {
    let (disk, log) = holding(1);
    let before = disk.operations();
    log.append(&[commit(2, b"two"), commit(3, b"three"), commit(4, b"four")], Tid::from_micros(1)).unwrap();
    assert_eq!(disk.operations() - before, 1);
    log.sync().unwrap();
    assert_eq!(disk.operations() - before, 2);
    log.sync().unwrap();
    assert_eq!(disk.operations() - before, 2);
}
