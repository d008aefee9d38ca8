//! Durable commits of one small cell, against what the disk gives for as many bytes. See `benches/README.md`.

mod harness;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bough_core::Oid;
use bough_store::Database;

use harness::raw::{RawGroup, RawLog};
use harness::site::{self, add_folder, add_page, fill, set_number, write};
use harness::{Bench, Pairs, Random, Target, rate, rate_of_many, timed_on_cpu};

const WRITERS: usize = 16;

fn main() -> anyhow::Result<()> {
    harness::run(
        "commits",
        &[
            ("one writer", one_writer),
            ("many writers", many_writers),
            ("on a large store", on_a_large_store),
            ("sustained", sustained),
        ],
        harness::no_child,
    )
}

/// How often each side is measured, and how long at a time: 30 s for each at full size.
fn slices(bench: &Bench) -> (usize, Duration) {
    (bench.size(5, 15), Duration::from_millis(bench.size(600, 2_000)))
}

/// A new database with one page for each writer.
fn open_with_pages(bench: &Bench, named: &str) -> anyhow::Result<(Database, Vec<Oid>)> {
    let database = site::open(&bench.place(named)?)?;
    let folder = add_folder(&database, Oid::ROOT, "pages")?;
    let pages = write(&database, "Added pages", |draft| {
        (0..WRITERS)
            .map(|number| add_page(draft, folder, &format!("p{number}"), number))
            .collect::<Result<_, _>>()
    });
    Ok((database, pages?.0))
}

/// Bytes that one commit takes in the log.
fn frame_bytes(database: &Database, page: Oid) -> anyhow::Result<usize> {
    const COMMITS: u64 = 100;
    let before = database.status().log_bytes;
    for number in 0..COMMITS {
        set_number(database, page, number as i64)?;
    }
    Ok(((database.status().log_bytes - before) / COMMITS) as usize)
}

fn one_writer(bench: &mut Bench) -> anyhow::Result<()> {
    let (database, pages) = open_with_pages(bench, "store")?;
    let frame = vec![0x5a; frame_bytes(&database, pages[0])?];
    bench.figure("a commit in the log", frame.len() as f64, "bytes", Target::None);
    let mut raw = RawLog::create(&bench.place("raw")?)?;
    let (rounds, slice) = slices(bench);
    let mut number = 0;
    let pairs = Pairs::take(
        rounds,
        || {
            rate(slice, || {
                number += 1;
                set_number(&database, pages[0], number).map(drop)
            })
        },
        || rate(slice, || raw.commit(&frame)),
    )?;
    bench.ratio("one writer", &pairs, "/s", Target::Min(0.7));
    const COUNTED: i64 = 1_000;
    let (_, _, ours) =
        timed_on_cpu(|| (0..COUNTED).try_for_each(|n| set_number(&database, pages[1], -n).map(drop)))?;
    let (_, _, baseline) = timed_on_cpu(|| (0..COUNTED).try_for_each(|_| raw.commit(&frame)))?;
    bench.figure("one writer: a commit on a CPU", ours * 1e6 / COUNTED as f64, "us", Target::None);
    bench.figure("one writer: baseline on a CPU", baseline * 1e6 / COUNTED as f64, "us", Target::None);
    Ok(database.close()?)
}

fn many_writers(bench: &mut Bench) -> anyhow::Result<()> {
    let (database, pages) = open_with_pages(bench, "store")?;
    let frame = vec![0x5a; frame_bytes(&database, pages[0])?];
    let raw = RawGroup::create(&bench.place("raw")?)?;
    let (rounds, slice) = slices(bench);
    let number = AtomicI64::new(1_000);
    let pairs = Pairs::take(
        rounds,
        || {
            rate_of_many(WRITERS, slice, |writer| {
                set_number(&database, pages[writer], number.fetch_add(1, Ordering::Relaxed)).map(drop)
            })
        },
        || rate_of_many(WRITERS, slice, |_| raw.commit(&frame)),
    )?;
    bench.ratio("16 writers", &pairs, "/s", Target::Min(0.35));
    Ok(database.close()?)
}

/// The same commit in a store of many objects and in an empty one; and, in the large one, on pages at random, each of
/// which has to be read from the disk first.
fn on_a_large_store(bench: &mut Bench) -> anyhow::Result<()> {
    let objects = bench.size(50_000, 1_000_000);
    let large = site::open(&bench.place("large")?)?;
    let pages = fill(&large, objects)?;
    large.settle()?;
    let (empty, own) = open_with_pages(bench, "empty")?;
    let (rounds, slice) = slices(bench);
    let mut random = Random::new(1);
    let (mut number, mut other) = (0, 0);
    for (name, pages, target) in [
        ("one writer, large against empty", &pages[..1], Target::Min(0.8)),
        ("one writer, large at random against empty", &pages[..], Target::None),
    ] {
        let pairs = Pairs::take(
            rounds,
            || {
                rate(slice, || {
                    number += 1;
                    set_number(&large, pages[random.below(pages.len())], -number).map(drop)
                })
            },
            || {
                rate(slice, || {
                    other += 1;
                    set_number(&empty, own[0], other).map(drop)
                })
            },
        )?;
        bench.ratio(name, &pairs, "/s", target);
    }
    large.close()?;
    Ok(empty.close()?)
}

/// As fast as 16 writers can go on pages at random, with all of it in the index at the end.
fn sustained(bench: &mut Bench) -> anyhow::Result<()> {
    let database = site::open(&bench.place("store")?)?;
    let pages = fill(&database, bench.size(50_000, 1_000_000))?;
    database.settle()?;
    let frame = vec![0x5a; frame_bytes(&database, pages[0])?];
    let raw = RawGroup::create(&bench.place("raw")?)?;
    let (_, slice) = slices(bench);
    let before = rate_of_many(WRITERS, slice, |_| raw.commit(&frame))?;

    let moved = database.status().index_entries_moved;
    let number = AtomicI64::new(1_000);
    let during = Duration::from_secs(bench.size(10, 600));
    let start = Instant::now();
    let taken = rate_of_many(WRITERS, during, |writer| {
        // Another page each time, far from the last; no two writers share one.
        let nth = number.fetch_add(1, Ordering::Relaxed);
        let page = (nth as usize).wrapping_mul(7_919) / WRITERS * WRITERS + writer;
        set_number(&database, pages[page % (pages.len() / WRITERS * WRITERS)], nth).map(drop)
    })?;
    let committed = start.elapsed();
    let waiting = database.status().tail_entries;
    database.settle()?;
    let rate = taken * committed.as_secs_f64() / start.elapsed().as_secs_f64();
    let after = rate_of_many(WRITERS, slice, |_| raw.commit(&frame))?;

    let commits = number.load(Ordering::Relaxed) - 1_000;
    let entries = (database.status().index_entries_moved - moved) as f64 / commits as f64;
    bench.figure("sustained, 16 writers: commits", rate, "/s", Target::None);
    bench.figure("sustained: entries waiting at the end", waiting as f64, "", Target::None);
    bench.figure("sustained: index entries per commit", entries, "", Target::None);
    bench.figure("sustained: raw group", (before + after) / 2.0, "/s", Target::None);
    bench.figure("sustained: ratio", rate / ((before + after) / 2.0), "x", Target::Min(0.15));
    Ok(database.close()?)
}
