//! Versions: making one, reading in one, merging one. See `benches/README.md`.

mod harness;

use std::hint::black_box;
use std::time::Duration;

use bough_core::{Oid, Snapshot as _, Value};
use bough_store::version::{MergeChoice, Merged, NewVersion};
use bough_store::{Database, Note, Snapshot};

use harness::site::{self, fill, import, set_number, write};
use harness::{Bench, Pairs, Random, Target, median, rate, timed};

/// Cells that a merge brings.
const CELLS: usize = 1_000;
/// Objects that are read again and again: they fit the cache.
const WARM: usize = 10_000;
const ROUNDS: usize = 9;

fn main() -> anyhow::Result<()> {
    harness::run(
        "versions",
        &[
            ("make", make),
            ("read", read),
            ("cold read", cold_read),
            ("merge", merge),
            ("far behind", far_behind),
        ],
        harness::no_child,
    )
}

fn version(database: &Database, name: String) -> anyhow::Result<Database> {
    let new = NewVersion { name, ..NewVersion::default() };
    Ok(database.open_version(&new, Note::edit("Opened a version").by("bench"))?)
}

fn make(bench: &mut Bench) -> anyhow::Result<()> {
    let database = site::open(&bench.place("store")?)?;
    import(&database, bench.size(5_000, 50_000), 15_000)?;
    let mut millis = Vec::new();
    for nth in 0..101 {
        millis.push(timed(|| version(&database, format!("v{nth}")))?.1 * 1e3);
    }
    bench.figure(
        "a version made on an imported site, durably: median",
        median(millis),
        "ms",
        Target::Max(5.0),
    );
    Ok(database.close()?)
}

/// The rate of reads of objects chosen at random.
fn reads(bench: &Bench, snapshot: &Snapshot, oids: &[Oid], random: &mut Random) -> anyhow::Result<f64> {
    rate(Duration::from_millis(bench.size(150, 1_000)), || {
        anyhow::ensure!(black_box(snapshot.object(oids[random.below(oids.len())])?).is_some(), "no object");
        Ok(())
    })
}

/// A version that changed every hundredth page, against the trunk.
fn read(bench: &mut Bench) -> anyhow::Result<()> {
    let database = site::open(&bench.place("store")?)?;
    let pages = fill(&database, bench.size(20_000, 500_000))?;
    let changed: Vec<Oid> = pages[..WARM].iter().copied().step_by(100).collect();
    let untouched: Vec<Oid> = pages[..WARM].iter().copied().filter(|oid| !changed.contains(oid)).collect();
    let mut random = Random::new(1);
    let mut below = database.clone();
    for depth in 1..=4 {
        let v = version(&below, format!("v{depth}"))?;
        change(&v, &changed, depth)?;
        let (in_version, on_trunk) = (v.snapshot(), database.snapshot());
        for (what, oids, least) in [
            ("untouched", &untouched, Target::Min(if depth == 1 { 1.0 / 1.2 } else { 0.0 })),
            ("changed", &changed, Target::None),
        ] {
            let mut other = Random::new(2);
            let pairs = Pairs::take(
                ROUNDS,
                || reads(bench, &in_version, oids, &mut random),
                || reads(bench, &on_trunk, oids, &mut other),
            )?;
            bench.ratio(
                &format!("warm {what} objects, version of depth {depth} against the trunk"),
                &pairs,
                "/s",
                least,
            );
        }
        below = v;
    }
    // The trunk goes on: what a version shows is past there.
    write(&database, "Set all", |draft| {
        untouched.iter().try_for_each(|&oid| Ok(draft.set(oid, &site::name("n"), Some(Value::Int(-7)))?))
    })?;
    let v = database.version("v1")?;
    let (in_version, on_trunk) = (v.snapshot(), database.snapshot());
    let mut other = Random::new(2);
    let pairs = Pairs::take(
        ROUNDS,
        || reads(bench, &in_version, &untouched, &mut random),
        || reads(bench, &on_trunk, &untouched, &mut other),
    )?;
    bench.ratio("warm untouched objects that the trunk changed since", &pairs, "/s", Target::Min(1.0 / 1.2));
    Ok(database.close()?)
}

fn change(version: &Database, oids: &[Oid], to: i64) -> anyhow::Result<()> {
    write(version, "Set the numbers", |draft| {
        oids.iter().try_for_each(|&oid| Ok(draft.set(oid, &site::name("n"), Some(Value::Int(-to)))?))
    })?;
    Ok(())
}

/// Nothing in our caches: each object for the first time after an open, on the trunk and in versions that changed it.
fn cold_read(bench: &mut Bench) -> anyhow::Result<()> {
    let folder = bench.place("store")?;
    let database = site::open(&folder)?;
    let pages = fill(&database, bench.size(20_000, 500_000))?;
    let mut random = Random::new(3);
    let chosen: Vec<Oid> = (0..bench.size(2_000, 20_000)).map(|_| pages[random.below(pages.len())]).collect();
    let mut below = database.clone();
    for depth in 1..=3 {
        let v = version(&below, format!("v{depth}"))?;
        change(&v, &chosen, depth)?;
        below = v;
    }
    drop(below);
    database.close()?;
    drop(database);
    let mut last = 0.0;
    for depth in 0..=3 {
        let database = site::open(&folder)?;
        let line = if depth == 0 { database.clone() } else { database.version(&format!("v{depth}"))? };
        let snapshot = line.snapshot();
        let (_, seconds) = timed(|| {
            chosen.iter().try_for_each(|&oid| {
                anyhow::ensure!(black_box(snapshot.object(oid)?).is_some(), "no object");
                Ok(())
            })
        })?;
        let micros = seconds * 1e6 / chosen.len() as f64;
        bench.figure(format!("cold object, changed at each of {depth} levels"), micros, "us", Target::None);
        if depth > 0 {
            bench.figure(format!("  against one level less ({depth})"), micros / last, "x", Target::Max(2.0));
        }
        last = micros;
        drop((snapshot, line));
        database.close()?;
    }
    Ok(())
}

fn merged(version: &Database) -> anyhow::Result<(Merged, f64)> {
    let (merged, seconds) =
        timed(|| Ok(version.merge(&MergeChoice::default(), Note::edit("Merged").by("bench"))?))?;
    anyhow::ensure!(merged.tid.is_some() && merged.plan.objects == CELLS as u64, "not all was merged");
    Ok((merged, seconds))
}

/// The merge of a thousand cells, one of each page, into a small site and into a large one.
fn merge(bench: &mut Bench) -> anyhow::Result<()> {
    let sites = [("small", CELLS), ("large", bench.size(20_000, 500_000))];
    let mut opened = Vec::new();
    for (name, size) in sites {
        let database = site::open(&bench.place(name)?)?;
        let pages = fill(&database, size)?;
        database.settle()?;
        let every = pages.len() / CELLS;
        let chosen: Vec<Oid> = pages.into_iter().step_by(every).take(CELLS).collect();
        opened.push((version(&database, "v".into())?, chosen, database));
    }
    let mut number = 0;
    let mut once = |at: usize| -> anyhow::Result<f64> {
        let (v, chosen, _) = &opened[at];
        number += 1;
        change(v, chosen, number)?;
        Ok(1.0 / merged(v)?.1)
    };
    let first = 1.0 / once(1)?;
    bench.figure("first merge of 1,000 cells, large site", first, "s", Target::Max(1.0));
    once(0)?;
    let mut other = |at: usize| once(at);
    let cell = std::cell::RefCell::new(&mut other);
    let pairs = Pairs::take(ROUNDS, || (cell.borrow_mut())(1), || (cell.borrow_mut())(0))?;
    bench.ratio("merges of 1,000 cells, large site against small", &pairs, "/s", Target::Min(1.0 / 1.5));
    for (_, _, database) in opened {
        database.close()?;
    }
    Ok(())
}

/// A version of which the parent line has gone on by very many commits; it also deleted something, so that all of
/// these have to be looked at.
fn far_behind(bench: &mut Bench) -> anyhow::Result<()> {
    let database = site::open(&bench.place("store")?)?;
    let pages = fill(&database, 20_000)?;
    let (mine, theirs) = pages.split_at(CELLS + 1);
    let v = version(&database, "v".into())?;
    change(&v, &mine[1..], 1)?;
    for nth in 0..bench.size(5_000, 100_000) {
        set_number(&database, theirs[nth % theirs.len()], -(nth as i64))?;
    }
    let (_, seconds) = timed(|| Ok(v.merge_preview(&MergeChoice::default())?))?;
    bench.figure("preview of a merge far behind", seconds, "s", Target::Max(5.0));
    write(&v, "Deleted a page", |draft| Ok(draft.delete(mine[0])?))?;
    let (plan, seconds) = timed(|| Ok(v.merge(&MergeChoice::default(), Note::edit("Merged").by("bench"))?))?;
    anyhow::ensure!(plan.plan.objects == CELLS as u64 + 1, "not all was merged");
    bench.figure("merge far behind, with a deletion", seconds, "s", Target::Max(5.0));
    Ok(database.close()?)
}
