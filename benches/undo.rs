//! Undo and redo of a large commit, and of a small one among many later ones. See `benches/README.md`.

mod harness;

use bough_core::snapshot::find;
use bough_core::{ObjectPath, Oid, Snapshot as _, Tid};
use bough_store::{Database, Note, UndoChoices};

use harness::site::{self, add_folder, add_page, import, set_number, write};
use harness::{Bench, Target, median, timed, timed_on_cpu};

/// What an imported file has on average.
const FILE_BYTES: usize = 15_000;

fn main() -> anyhow::Result<()> {
    harness::run("undo", &[("large commit", large_commit), ("old commit", old_commit)], harness::no_child)
}

fn undo(database: &Database, of: Tid) -> anyhow::Result<Tid> {
    let undone = database.undo(&[of], &UndoChoices::default(), Note::edit("Undid").by("bench"))?;
    undone.ok_or_else(|| anyhow::anyhow!("nothing to undo"))
}

fn undo_large(
    bench: &mut Bench,
    name: &str,
    database: &Database,
    of: Tid,
    most: Target,
) -> anyhow::Result<Tid> {
    let (undone, seconds, on_cpu) = timed_on_cpu(|| undo(database, of))?;
    bench.figure(name, seconds, "s", most);
    bench.figure(format!("{name}: on a CPU"), on_cpu, "s", Target::None);
    Ok(undone)
}

fn large_commit(bench: &mut Bench) -> anyhow::Result<()> {
    let folder = bench.place("store")?;
    let database = site::open(&folder)?;
    let files = bench.size(5_000, 50_000);
    let most = Target::Max(bench.size(0.1, 1.0));
    let (imported, seconds) = timed(|| import(&database, files, FILE_BYTES))?;
    bench.figure("import", files as f64 / seconds, "files/s", Target::None);
    database.settle()?;
    let last = format!("/import/f{}/p{}", (files - 1) / 100 * 100, files - 1);
    let is_there =
        || -> anyhow::Result<bool> { Ok(find(&database.snapshot(), &ObjectPath::parse(&last)?)?.is_some()) };
    let undone = undo_large(bench, "undo of the import", &database, imported, most)?;
    anyhow::ensure!(!is_there()?, "it is still there");
    let redone = undo_large(bench, "redo", &database, undone, most)?;
    anyhow::ensure!(is_there()?, "it is not there again");
    database.close()?;
    drop(database);

    // Nothing in memory.
    let database = site::open(&folder)?;
    undo_large(bench, "undo of the redo, after a restart", &database, redone, most)?;
    let (plan, seconds) = timed(|| Ok(database.undo_preview(&[database.head()], &UndoChoices::default())?))?;
    anyhow::ensure!(plan.blockers.is_empty(), "{} blockers", plan.blockers.len());
    bench.figure("preview of a redo", seconds, "s", Target::None);
    Ok(database.close()?)
}

/// One cell, then many commits to other pages, among them some to other cells of the same page.
fn old_commit(bench: &mut Bench) -> anyhow::Result<()> {
    const PAGES: usize = 1_000;
    const TRIES: usize = 21;
    let folder = bench.place("store")?;
    let database = site::open(&folder)?;
    let parent = add_folder(&database, Oid::ROOT, "pages")?;
    let pages = write(&database, "Added pages", |draft| {
        (0..PAGES)
            .map(|number| add_page(draft, parent, &format!("p{number}"), number))
            .collect::<Result<Vec<_>, _>>()
    });
    let pages = pages?.0;
    let titled: Vec<Tid> = pages[..TRIES]
        .iter()
        .map(|&page| {
            let set = write(&database, "Gave a title", |draft| {
                Ok(draft.set(page, &site::name("title"), Some("Another title".into()))?)
            });
            Ok(set?.1)
        })
        .collect::<anyhow::Result<_>>()?;
    for number in 0..bench.size(5_000, 100_000) {
        set_number(&database, pages[number % PAGES], -(number as i64))?;
    }
    database.close()?;
    drop(database);

    let database = site::open(&folder)?;
    let mut millis = Vec::new();
    for (tid, page) in titled.into_iter().zip(pages) {
        let (_, seconds) = timed(|| {
            let plan = database.undo_preview(&[tid], &UndoChoices::default())?;
            anyhow::ensure!(plan.blockers.is_empty() && plan.cells.len() == 1, "not one cell to undo");
            undo(&database, tid)
        })?;
        let title =
            database.snapshot().object(page)?.and_then(|object| object.text("title").map(str::to_owned));
        anyhow::ensure!(title.is_some_and(|title| title.starts_with("The page")), "the title is not back");
        millis.push(seconds * 1e3);
    }
    let first = millis[0];
    bench.figure("undo of one cell among later commits, with preview: first", first, "ms", Target::Max(10.0));
    bench.figure(
        "undo of one cell among later commits, with preview: median",
        median(millis),
        "ms",
        Target::Max(10.0),
    );
    Ok(database.close()?)
}
