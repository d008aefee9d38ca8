//! What every log must do, as tests that its implementation calls.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;

use bough_core::Tid;

use super::{
    AppendError, FrameHeader, FrameKind, Location, Log, LogError, NO_DIGEST, NewFrame, Position, SegmentId,
    Visited, frame_digest, push_chunk,
};

/// Checks an implementation of [`Log`]; `open` makes a new empty log each time.
///
/// # Panics
/// When a rule is broken.
pub fn log_contract(open: &dyn Fn() -> Arc<dyn Log>) {
    an_empty_log_holds_nothing(&*open());
    frames_come_back_in_order_as_they_were_appended(&*open());
    a_walk_begins_behind_its_position_and_ends_when_told(&*open());
    a_chunk_is_read_by_its_location(&*open());
    a_location_that_holds_no_chunk_is_refused(&*open());
    an_append_after_another_tid_is_refused(&*open());
    tids_increase_but_for_items_and_the_parts_of_one_commit(&*open());
    each_frame_names_the_digest_of_the_one_before(&*open());
    what_many_threads_append_and_sync_is_all_there(open());
}

/// A frame as a walk saw it, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFrame {
    /// Its header.
    pub header: FrameHeader,
    /// Its digest.
    pub digest: [u8; 32],
    /// Its body.
    pub body: Vec<u8>,
    /// Where the body lies.
    pub at: Location,
    /// The position after it.
    pub end: Position,
}

/// The frames after `position`.
///
/// # Panics
/// When there is damage, or the log cannot be read.
pub fn frames_after(log: &dyn Log, position: Position) -> Vec<SeenFrame> {
    let mut seen = Vec::new();
    let mut visit = |visited: Visited<'_>| {
        match visited {
            Visited::Frame(frame) => seen.push(SeenFrame {
                header: *frame.header,
                digest: frame.digest,
                body: frame.body.to_vec(),
                at: frame.at,
                end: frame.end,
            }),
            Visited::Damage(damage) => panic!("unexpected damage: {damage:?}"),
        }
        ControlFlow::Continue(())
    };
    log.frames_after(position, &mut visit).expect("the log can be read");
    seen
}

/// A frame with `tid` whose body is one chunk.
pub fn frame(kind: FrameKind, tid: u64, payload: &[u8]) -> NewFrame {
    let mut body = Vec::new();
    push_chunk(&mut body, payload);
    let content = *blake3::hash(payload).as_bytes();
    NewFrame { kind, tid: Tid::from_micros(tid), line: 7, content, body }
}

/// A commit with `tid` whose body is one chunk.
pub fn commit(tid: u64, payload: &[u8]) -> NewFrame {
    frame(FrameKind::Commit, tid, payload)
}

fn tid(micros: u64) -> Tid {
    Tid::from_micros(micros)
}

fn an_empty_log_holds_nothing(log: &dyn Log) {
    assert_eq!(log.last_tid(), Tid::ZERO);
    assert_eq!(log.last_digest(), NO_DIGEST);
    assert_eq!(log.start(), log.end());
    assert_eq!(frames_after(log, log.start()), []);
    log.sync().expect("an empty log can be synced");
    assert_eq!(log.append(&[], Tid::ZERO).expect("no frames can be appended"), []);
}

fn frames_come_back_in_order_as_they_were_appended(log: &dyn Log) {
    let empty = NewFrame { body: Vec::new(), ..commit(8, b"") };
    let appended = [commit(3, b"three"), frame(FrameKind::Side, 5, &[1; 1000]), empty, commit(9, b"nine")];
    let mut locations = log.append(&appended[..3], Tid::ZERO).expect("frames in order");
    locations.extend(log.append(&appended[3..], tid(8)).expect("after the last"));
    log.sync().expect("a log can be synced");

    let seen = frames_after(log, log.start());
    assert_eq!(seen.len(), appended.len());
    for ((seen, new), at) in seen.iter().zip(&appended).zip(locations) {
        let found = (seen.header.kind, seen.header.tid, seen.header.line, seen.header.content, &seen.body);
        assert_eq!(found, (new.kind, new.tid, new.line, new.content, &new.body));
        assert_eq!(seen.at, at);
    }
    assert_eq!(log.last_tid(), tid(9));
    assert_eq!(seen.last().map(|frame| frame.end), Some(log.end()));
    assert!(log.bytes() > 1000, "{} bytes are too few", log.bytes());
}

fn a_walk_begins_behind_its_position_and_ends_when_told(log: &dyn Log) {
    let appended: Vec<NewFrame> = (1..=20).map(|tid| commit(tid, &[tid as u8; 50])).collect();
    log.append(&appended, Tid::ZERO).expect("frames in order");
    let all = frames_after(log, log.start());
    for (index, frame) in all.iter().enumerate() {
        assert_eq!(frames_after(log, frame.end), all[index + 1..]);
        let bytes = frame.end.to_bytes();
        assert_eq!(Position::from_bytes(bytes), frame.end);
    }
    let behind = Position { offset: u32::MAX, ..log.end() };
    assert_eq!(frames_after(log, behind), [], "behind the end is the end");

    let mut visited = 0;
    let mut three = |_: Visited<'_>| {
        visited += 1;
        if visited == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    log.frames_after(log.start(), &mut three).expect("the log can be read");
    assert_eq!(visited, 3);
}

fn a_chunk_is_read_by_its_location(log: &dyn Log) {
    let mut new = commit(1, b"first");
    let (start, length) = push_chunk(&mut new.body, b"second");
    let body = log.append(&[new], Tid::ZERO).expect("a frame")[0];
    let first = body.part(0, start).expect("inside");
    let second = body.part(start, length).expect("inside");
    for (at, payload) in [(first, b"first".as_slice()), (second, b"second")] {
        assert_eq!(log.read(at).expect("a chunk"), payload);
        assert_eq!(Location::from_bytes(at.to_bytes()), at);
    }
    assert_eq!(body.part(start, length + 1), None);
}

fn a_location_that_holds_no_chunk_is_refused(log: &dyn Log) {
    let body = log.append(&[commit(1, b"first")], Tid::ZERO).expect("a frame")[0];
    let shifted = Location { offset: body.offset + 1, length: body.length - 1, ..body };
    for at in [shifted, Location { length: 3, ..body }, Location { length: 0, ..body }] {
        assert!(matches!(log.read(at), Err(LogError::Damaged { .. })), "{at:?}");
    }
    let nowhere = SegmentId(u32::MAX);
    let beyond = Location { offset: u32::MAX, ..body };
    for at in [beyond, Location { length: u32::MAX, ..body }, Location { segment: nowhere, ..body }] {
        assert!(matches!(log.read(at), Err(LogError::Gone { .. })), "{at:?}");
    }
    let walked = log.frames_after(Position { segment: nowhere, offset: 0 }, &mut |_| {
        panic!("nothing is there to be seen")
    });
    assert!(matches!(walked, Err(LogError::Gone { .. })));
}

fn an_append_after_another_tid_is_refused(log: &dyn Log) {
    log.append(&[commit(5, b"five")], Tid::ZERO).expect("a frame");
    for after in [0, 4, 6] {
        let refused = log.append(&[commit(9, b"nine")], tid(after));
        assert!(matches!(refused, Err(AppendError::Behind { last, .. }) if last == tid(5)), "after {after}");
    }
    assert_eq!(frames_after(log, log.start()).len(), 1);
}

fn tids_increase_but_for_items_and_the_parts_of_one_commit(log: &dyn Log) {
    use FrameKind::{Commit, Items, Part, Side};
    let cases: &[(&[(FrameKind, u64)], bool)] = &[
        (&[(Commit, 10)], false),
        (&[(Side, 10)], false),
        (&[(Part, 10)], false),
        (&[(Commit, 9)], false),
        (&[(Items, 11)], false),
        (&[(Items, 9)], false),
        (&[(Commit, 11), (Commit, 11)], false),
        (&[(Commit, 11), (Part, 11)], false),
        (&[(Part, 11), (Side, 11)], false),
        (&[(Part, 11), (Commit, 12), (Commit, 11)], false),
        (&[(Items, 10), (Commit, 11), (Items, 10), (Side, 12)], true),
        (&[(Part, 13), (Items, 12), (Part, 13), (Commit, 13)], true),
        (&[(Part, 14)], true),
        (&[(Commit, 14)], true),
        (&[(Part, 15), (Commit, 16)], true),
        (&[(Commit, 16)], false),
    ];
    log.append(&[commit(10, b"ten")], Tid::ZERO).expect("a frame");
    let mut count = 1;
    for (frames, follow) in cases {
        let new: Vec<NewFrame> = frames.iter().map(|(kind, tid)| frame(*kind, *tid, b"x")).collect();
        let appended = log.append(&new, log.last_tid());
        assert_eq!(appended.is_ok(), *follow, "{frames:?}: {appended:?}");
        count += if *follow { frames.len() } else { 0 };
    }
    assert_eq!(frames_after(log, log.start()).len(), count, "what was refused was not written");
}

fn each_frame_names_the_digest_of_the_one_before(log: &dyn Log) {
    for tid in 1..=5 {
        let items = frame(FrameKind::Items, tid - 1, b"items");
        log.append(&[items, commit(tid, b"x")], log.last_tid()).expect("frames in order");
    }
    let mut last = NO_DIGEST;
    for frame in frames_after(log, log.start()) {
        let header = frame.header;
        assert_eq!(header.previous, last);
        last = frame_digest(&header.previous, header.kind, header.tid, header.line, &header.content);
        assert_eq!(frame.digest, last);
    }
    assert_eq!(log.last_digest(), last);
}

fn what_many_threads_append_and_sync_is_all_there(log: Arc<dyn Log>) {
    const THREADS: usize = 4;
    const COMMITS: usize = 50;
    let work = |log: Arc<dyn Log>| {
        let mut done = 0;
        while done < COMMITS {
            let last = log.last_tid();
            match log.append(&[commit(last.as_micros() + 1, &[done as u8; 40])], last) {
                Ok(locations) => {
                    log.sync().expect("a log can be synced");
                    assert_eq!(log.read(locations[0]).expect("what was appended")[..], [done as u8; 40]);
                    done += 1;
                }
                Err(AppendError::Behind { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            thread::spawn({
                let log = log.clone();
                move || work(log)
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no thread panicked");
    }
    let tids: Vec<u64> =
        frames_after(&*log, log.start()).iter().map(|frame| frame.header.tid.as_micros()).collect();
    assert_eq!(tids, (1..=(THREADS * COMMITS) as u64).collect::<Vec<_>>());
}
