//! Reads through a snapshot: of warm and cold objects, by path, of pages of children, by acquisition. See
//! `benches/README.md`.

mod harness;

use std::hint::black_box;
use std::time::{Duration, Instant};

use bough_core::acquisition;
use bough_core::snapshot::{ChildrenPage, find};
use bough_core::{ObjectPath, Oid, Snapshot as _, Value};
use bough_store::Database;

use harness::site::{self, add_folder, add_page, fill, write};
use harness::{Bench, Random, Target, median, percentile, rate};

/// How many objects are read again and again: they fit the cache.
const WARM: usize = 10_000;
/// How many folders lie over each other.
const DEPTH: usize = 10;

fn main() -> anyhow::Result<()> {
    harness::run("reads", &[("warm", warm), ("acquisition", acquire), ("cold", cold)], harness::no_child)
}

/// The median rate of five slices, each of many steps.
fn steps_per_second(
    bench: &Bench,
    steps: usize,
    mut step: impl FnMut(usize) -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let slice = Duration::from_millis(bench.size(300, 2_000));
    let rates = (0..5).map(|_| rate(slice, || (0..steps).try_for_each(&mut step)));
    let rates: Vec<f64> = rates.collect::<Result<_, _>>()?;
    Ok(median(rates) * steps as f64)
}

fn shuffled(oids: &[Oid], count: usize) -> Vec<Oid> {
    let mut random = Random::new(7);
    (0..count).map(|_| oids[random.below(oids.len())]).collect()
}

fn warm(bench: &mut Bench) -> anyhow::Result<()> {
    let database = site::open(&bench.place("store")?)?;
    let pages = fill(&database, bench.size(50_000, 1_000_000))?;
    database.settle()?;
    let snapshot = database.snapshot();
    let chosen = shuffled(&pages[..WARM], WARM);
    let read = |nth: usize| -> anyhow::Result<()> {
        anyhow::ensure!(black_box(snapshot.object(chosen[nth])?).is_some(), "no object");
        Ok(())
    };
    (0..WARM).try_for_each(read)?;
    let objects = steps_per_second(bench, WARM, read)?;
    bench.figure("warm objects, one thread", objects, "/s", Target::Min(2_000_000.0));

    let paths: Vec<ObjectPath> =
        (0..1_000).map(|number| ObjectPath::parse(&format!("/f0/p{number}"))).collect::<Result<_, _>>()?;
    let by_path = steps_per_second(bench, paths.len(), |nth| {
        anyhow::ensure!(black_box(find(&snapshot, &paths[nth])?).is_some(), "no object");
        Ok(())
    })?;
    bench.figure("warm paths of two names", by_path, "/s", Target::None);

    let snapshots = steps_per_second(bench, 1_000, |_| {
        black_box(database.snapshot());
        Ok(())
    })?;
    bench.figure("snapshots taken", snapshots, "/s", Target::None);

    let folder = find(&snapshot, &ObjectPath::parse("/f0")?)?.unwrap_or(Oid::ROOT);
    let page = ChildrenPage::first(100);
    let listed = steps_per_second(bench, 10, |_| {
        anyhow::ensure!(black_box(snapshot.children(folder, &page)?).len() == 100, "not a whole page");
        Ok(())
    })?;
    bench.figure("pages of 100 children", listed, "/s", Target::None);

    write(&database, "Set the numbers", |draft| {
        pages[..WARM]
            .iter()
            .try_for_each(|&oid| Ok(draft.set(oid, &site::name("n"), Some(Value::Int(-1)))?))
    })?;
    // The snapshot is old now. Whoever reads at the head takes the place of what was the newest.
    let head = database.snapshot();
    for &oid in &chosen {
        anyhow::ensure!(head.object(oid)?.is_some(), "no object");
    }
    (0..WARM).try_for_each(read)?;
    let past = steps_per_second(bench, WARM, read)?;
    bench.figure("warm objects at an old tid, each changed since", past, "/s", Target::None);
    Ok(database.close()?)
}

fn acquire(bench: &mut Bench) -> anyhow::Result<()> {
    let database = site::open(&bench.place("store")?)?;
    let mut folder = Oid::ROOT;
    for depth in 1..DEPTH {
        folder = add_folder(&database, folder, &format!("d{depth}"))?;
    }
    let (page, _) = write(&database, "Added a page", |draft| {
        draft.set(Oid::ROOT, &site::name("style"), Some("blue".into()))?;
        add_page(draft, folder, "page", 0)
    })?;
    let snapshot = database.snapshot();
    let look = || acquisition::get(&snapshot, database.types(), page, "style");
    let found = look()?.ok_or_else(|| anyhow::anyhow!("nothing acquired"))?;
    anyhow::ensure!(found.steps == DEPTH, "acquired over {} steps", found.steps);
    let mut micros = Vec::new();
    for _ in 0..bench.size(200_000, 2_000_000) {
        let start = Instant::now();
        black_box(look()?);
        micros.push(start.elapsed().as_secs_f64() * 1e6);
    }
    bench.figure("acquisition over 10 steps, median", percentile(&mut micros, 0.5), "us", Target::None);
    bench.figure("acquisition over 10 steps, p99", percentile(&mut micros, 0.99), "us", Target::Max(5.0));
    Ok(database.close()?)
}

/// Nothing in our caches; the files are in the system's.
fn cold(bench: &mut Bench) -> anyhow::Result<()> {
    let folder = bench.place("store")?;
    let database = site::open(&folder)?;
    let pages = fill(&database, bench.size(50_000, 1_000_000))?;
    database.close()?;
    drop(database);
    let database: Database = site::open(&folder)?;
    let snapshot = database.snapshot();
    let mut micros = Vec::new();
    for oid in shuffled(&pages, bench.size(20_000, 100_000)) {
        let start = Instant::now();
        anyhow::ensure!(black_box(snapshot.object(oid)?).is_some(), "no object");
        micros.push(start.elapsed().as_secs_f64() * 1e6);
    }
    bench.figure("cold objects, median", percentile(&mut micros, 0.5), "us", Target::None);
    bench.figure("cold objects, p99", percentile(&mut micros, 0.99), "us", Target::None);
    Ok(database.close()?)
}
