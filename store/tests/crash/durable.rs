//! Watches the system calls of a writing process: nobody is answered before his commit is on the disk.

use std::env;
use std::fs;
use std::process::Command;

use bough_store::Database;

use crate::picture::must;
use crate::writer::{Acknowledged, Process, Work, options, prepare, sentence};

/// A call as `strace` shows it, with the lines of its beginning and its end.
#[derive(Debug)]
struct Call {
    text: String,
    begins: usize,
    ends: usize,
}

#[test]
fn a_commit_is_answered_after_a_sync_that_followed_its_append() {
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!("skipped: there is no strace here, with which to see the order of writes and syncs");
        return;
    }
    for (writers, commits) in [(1, 40), (4, 40)] {
        let (acknowledged, calls) = watched(writers, commits);
        assert_eq!(acknowledged.len(), writers * commits);
        for Acknowledged { writer, number, .. } in acknowledged {
            let sentence = sentence(0, writer, number);
            let answer = find(&calls, 0, |text| {
                text.starts_with("write(1<") && text.contains(&format!("\"ack {writer} {number} "))
            });
            let answer = answer.unwrap_or_else(|| panic!("no answer to {sentence}"));
            let append = find(&calls, 0, |text| {
                text.starts_with("pwrite64(") && text.contains(".seg>") && text.contains(&sentence)
            });
            let append = append.unwrap_or_else(|| panic!("{sentence} was not appended"));
            let file = append.text.split(['<', '>']).nth(1).unwrap();
            let sync = find(&calls, append.ends + 1, |text| {
                text.starts_with("fdatasync(") && text.contains(file) && text.ends_with("= 0")
            });
            let sync = sync.unwrap_or_else(|| panic!("{sentence} was not synced"));
            assert!(sync.ends < answer.begins, "{sentence}: {append:?}, {sync:?}, {answer:?}");
        }
    }
}

/// Runs a writing process under `strace`.
fn watched(writers: usize, commits: usize) -> (Vec<Acknowledged>, Vec<Call>) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (database, _) = must(Database::open(&data, options()), "opening");
    prepare(&database, writers);
    must(database.close(), "closing");
    drop(database);
    let trace = folder.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-s", "4000000", "-e", "trace=fdatasync,write,pwrite64", "-o"]);
    strace.arg(&trace).arg(env::current_exe().unwrap());
    let mut process = Process::start_as(strace, Work { folder: &data, round: 0, writers, commits });
    let acknowledged = std::iter::from_fn(|| process.next()).collect();
    assert!(process.child.wait().unwrap().success());
    (acknowledged, calls(&fs::read_to_string(trace).unwrap()))
}

/// The calls in the order of their ends; those that others interrupted put together again.
fn calls(trace: &str) -> Vec<Call> {
    let mut begun: Vec<(&str, &str, usize)> = Vec::new();
    let mut calls = Vec::new();
    for (at, line) in trace.lines().enumerate() {
        let Some((thread, text)) = line.split_once(' ') else { continue };
        let text = text.trim_start();
        if let Some(beginning) = text.strip_suffix(" <unfinished ...>") {
            begun.push((thread, beginning, at));
        } else if text.starts_with("<... ") {
            let mine = begun.iter().position(|(other, ..)| *other == thread);
            let (_, beginning, begins) = begun.remove(mine.expect("it was begun"));
            let rest = text.split_once("resumed>").map_or("", |(_, rest)| rest);
            calls.push(Call { text: format!("{beginning}{rest}"), begins, ends: at });
        } else {
            calls.push(Call { text: text.to_owned(), begins: at, ends: at });
        }
    }
    calls
}

/// The call that satisfies and began first of those that begin at `from` or later.
fn find(calls: &[Call], from: usize, is_wanted: impl Fn(&str) -> bool) -> Option<&Call> {
    let wanted = calls.iter().filter(|call| call.begins >= from && is_wanted(&call.text));
    wanted.min_by_key(|call| call.ends)
}
