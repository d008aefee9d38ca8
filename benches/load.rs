//! Loading many small objects, opening after a crash, building the index anew. See `benches/README.md`.

mod harness;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bough_core::snapshot::find;
use bough_core::{ObjectPath, Oid};
use bough_store::Database;

use harness::site::{self, fill, set_number};
use harness::{Bench, Target, memory_mib, timed};

/// The caches that a database may fill: its own and its index's, by default.
const BUDGET_MIB: f64 = 256.0 + 64.0;

fn main() -> anyhow::Result<()> {
    harness::run("load", &[("load, crash, open, rebuild", load)], child)
}

fn load(bench: &mut Bench) -> anyhow::Result<()> {
    let folder = bench.place("store")?;
    let objects = bench.size(100_000, 1_000_000);
    let path = folder.to_string_lossy().into_owned();

    let loaded = figures(bench, "load", &[&path, &objects.to_string()])?;
    let [committed, complete, memory, entries] = loaded[..] else { anyhow::bail!("the load told nothing") };
    bench.figure("loaded objects, committed", objects as f64 / committed, "/s", Target::None);
    bench.figure("loaded objects, index complete", objects as f64 / complete, "/s", Target::Min(10_000.0));
    bench.figure("index entries an object", entries / objects as f64, "", Target::None);
    bench.figure("most memory", memory, "MiB", Target::Max(BUDGET_MIB + 200.0));
    let files = |folder: &Path| -> f64 { folder_bytes(folder).unwrap_or(0) as f64 / objects as f64 };
    bench.figure("log, an object", files(&folder.join("log")), "bytes", Target::None);
    bench.figure("index, an object", files(&folder.join("index")), "bytes", Target::None);

    let mut writer = bench.child("write", &[&path])?;
    let mut line = String::new();
    BufReader::new(writer.stdout.take().ok_or_else(|| anyhow::anyhow!("no output"))?).read_line(&mut line)?;
    std::thread::sleep(Duration::from_secs(2));
    writer.kill()?;
    writer.wait()?;
    let opened = figures(bench, "open", &[&path])?;
    let [seconds, commits, memory] = opened[..] else { anyhow::bail!("the opening told nothing") };
    bench.figure("open after kill -9", seconds, "s", Target::Max(1.0));
    bench.figure("open after kill -9: commits replayed", commits, "", Target::None);
    bench.figure("open after kill -9: memory", memory, "MiB", Target::None);

    fs::remove_dir_all(folder.join("index"))?;
    let rebuilt = figures(bench, "rebuild", &[&path])?;
    let [seconds, entries, memory, reports] = rebuilt[..] else { anyhow::bail!("the rebuild told nothing") };
    bench.figure("index rebuilt from the log", entries / seconds, "entries/s", Target::Min(20_000.0));
    bench.figure("rebuild: most memory", memory, "MiB", Target::Max(BUDGET_MIB + 200.0));
    bench.figure("rebuild: reports of progress", reports, "", Target::Min(10.0));
    Ok(())
}

/// Runs a task in a process of its own; returns the numbers that it printed.
fn figures(bench: &Bench, task: &str, arguments: &[&str]) -> anyhow::Result<Vec<f64>> {
    let mut child = bench.child(task, arguments)?;
    let mut text = String::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_string(&mut text)?;
    }
    anyhow::ensure!(child.wait()?.success(), "{task} failed");
    Ok(text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}

fn child(task: &str, arguments: &[String]) -> anyhow::Result<()> {
    let [folder, rest @ ..] = arguments else { anyhow::bail!("which folder?") };
    let folder = Path::new(folder);
    let numbers = match (task, rest) {
        ("load", [objects]) => load_child(folder, objects.parse()?)?,
        ("write", []) => return write_child(folder),
        ("open", []) => open_child(folder)?,
        ("rebuild", []) => rebuild_child(folder)?,
        _ => anyhow::bail!("no such task: {task}"),
    };
    let texts: Vec<String> = numbers.iter().map(f64::to_string).collect();
    Ok(writeln!(std::io::stdout(), "{}", texts.join(" "))?)
}

fn load_child(folder: &Path, objects: usize) -> anyhow::Result<Vec<f64>> {
    let database = site::open(folder)?;
    let (committed, all) = timed(|| {
        let (_, committed) = timed(|| fill(&database, objects))?;
        database.settle()?;
        Ok(committed)
    })?;
    let entries = database.status().index_entries_moved;
    database.close()?;
    Ok(vec![committed, all, memory_mib("VmHWM"), entries as f64])
}

/// Writes until it is killed.
fn write_child(folder: &Path) -> anyhow::Result<()> {
    let database = site::open(folder)?;
    let page = find(&database.snapshot(), &ObjectPath::parse("/f0/p0")?)?.unwrap_or(Oid::ROOT);
    writeln!(std::io::stdout(), "writing")?;
    for number in 0.. {
        set_number(&database, page, number)?;
    }
    Ok(())
}

fn open_child(folder: &Path) -> anyhow::Result<Vec<f64>> {
    let ((database, report), seconds) = timed(|| {
        let (database, report) = site::open_reporting(folder)?;
        let page = find(&database.snapshot(), &ObjectPath::parse("/f0/p0")?)?;
        anyhow::ensure!(page.is_some(), "the page is gone");
        Ok((database, report))
    })?;
    anyhow::ensure!(
        !report.was_closed && report.index_rebuilt.is_none(),
        "not what a kill leaves: {report:?}"
    );
    let memory = memory_mib("VmRSS");
    database.close()?;
    Ok(vec![seconds, report.commits_replayed as f64, memory])
}

fn rebuild_child(folder: &Path) -> anyhow::Result<Vec<f64>> {
    let reports = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&reports);
    let mut options = site::options();
    options.progress = Some(Arc::new(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    }));
    let (database, seconds) = timed(|| {
        let (database, _) = Database::open(folder, options)?;
        database.settle()?;
        Ok(database)
    })?;
    let entries = database.status().index_entries_moved;
    database.close()?;
    Ok(vec![seconds, entries as f64, memory_mib("VmHWM"), reports.load(Ordering::Relaxed) as f64])
}

fn folder_bytes(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes +=
            if entry.file_type()?.is_dir() { folder_bytes(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}
