//! A folder of very many children against one of a thousand. See `benches/README.md`.

mod harness;

use std::hint::black_box;
use std::time::Duration;

use bough_core::snapshot::{ChildOrder, ChildrenPage};
use bough_core::{Name, Oid, OrderKey, Snapshot as _, Tid};
use bough_store::{Database, Snapshot};

use harness::site::{self, add_folder, add_page, name, write};
use harness::{Bench, Pairs, Random, Target, rate};

const FEW: usize = 1_000;
/// Children added or renamed in one commit.
const AT_ONCE: usize = 1_000;
/// How long a page of a listing is.
const PAGE: usize = 100;
/// From how many places pages are listed, and how many names are looked up again and again.
const CHOSEN: usize = 500;
const ROUNDS: usize = 5;

fn main() -> anyhow::Result<()> {
    harness::run("folder", &[("many children", many_children)], harness::no_child)
}

/// A database with one folder, and the oids of its children, which are called by a letter and their number.
struct Site {
    database: Database,
    folder: Oid,
    children: Vec<Oid>,
}

fn many_children(bench: &mut Bench) -> anyhow::Result<()> {
    let many = bench.size(30_000, 1_000_000);
    let large = Site::filled(bench, "large", many)?;
    let small = Site::filled(bench, "small", FEW)?;
    let sites = [&large, &small];
    let filled = sites.map(|site| site.database.head());
    compare(bench, "", sites, [None; 2], 'a', 2.0)?;
    for letter in ['b', 'c'] {
        large.rename(letter)?;
        small.rename(letter)?;
    }
    large.database.settle()?;
    small.database.settle()?;
    compare(bench, ", each renamed twice", sites, [None; 2], 'c', 3.0)?;
    compare(bench, ", at an old tid", sites, filled.map(Some), 'a', 3.0)?;
    // Last, as it makes the small folder larger.
    add(bench, sites)?;
    large.database.close()?;
    Ok(small.database.close()?)
}

impl Site {
    fn filled(bench: &Bench, named: &str, count: usize) -> anyhow::Result<Self> {
        let database = site::open(&bench.place(named)?)?;
        let folder = add_folder(&database, Oid::ROOT, "folder")?;
        let mut site = Self { database, folder, children: Vec::with_capacity(count) };
        for first in (0..count).step_by(AT_ONCE) {
            let added = site.add('a', first, AT_ONCE.min(count - first))?;
            site.children.extend(added);
        }
        site.database.settle()?;
        Ok(site)
    }

    /// Adds so many pages in one commit.
    fn add(&self, letter: char, first: usize, count: usize) -> anyhow::Result<Vec<Oid>> {
        let added = write(&self.database, "Added pages", |draft| {
            (first..first + count)
                .map(|number| add_page(draft, self.folder, &format!("{letter}{number}"), number))
                .collect::<Result<Vec<_>, _>>()
        });
        Ok(added?.0)
    }

    fn rename(&self, letter: char) -> anyhow::Result<()> {
        for first in (0..self.children.len()).step_by(AT_ONCE) {
            write(&self.database, "Renamed pages", |draft| {
                for number in first..self.children.len().min(first + AT_ONCE) {
                    draft.move_to(self.children[number], self.folder, &name(&format!("{letter}{number}")))?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// What is asked of a folder, and the answers it has to give.
struct Questions<'a> {
    site: &'a Site,
    snapshot: Snapshot,
    /// Children by name, with their standing.
    chosen: Vec<(Oid, OrderKey, Name)>,
    letter: char,
    random: Random,
    asked: u64,
    slice: Duration,
}

impl<'a> Questions<'a> {
    fn new(bench: &Bench, site: &'a Site, at: Option<Tid>, letter: char) -> anyhow::Result<Self> {
        let snapshot = match at {
            Some(tid) => site.database.snapshot_at(tid)?,
            None => site.database.snapshot(),
        };
        let mut random = Random::new(3);
        let mut chosen = Vec::new();
        // Far enough from the end that a whole page follows.
        while chosen.len() < CHOSEN {
            let number = random.below(site.children.len() * 7 / 10);
            let oid = site.children[number];
            let object = snapshot.object(oid)?.ok_or_else(|| anyhow::anyhow!("no child {number}"))?;
            let order = object.place().map(|place| place.order.clone()).unwrap_or_default();
            let wanted = name(&format!("{letter}{number}"));
            anyhow::ensure!(
                object.place().is_some_and(|place| place.name == wanted),
                "{number} is not {wanted}"
            );
            chosen.push((oid, order, wanted));
        }
        let slice = Duration::from_millis(bench.size(150, 1_000));
        Ok(Self { site, snapshot, chosen, letter, random, asked: 0, slice })
    }

    fn look_up(&mut self) -> anyhow::Result<f64> {
        rate(self.slice, || {
            let (oid, _, name) = &self.chosen[self.random.below(CHOSEN)];
            let found = self.snapshot.child(self.site.folder, name.as_str())?;
            anyhow::ensure!(black_box(found) == Some(*oid), "not the child {name}");
            Ok(())
        })
    }

    /// Names that are not there, another one each time, so that no cache knows them.
    fn look_up_absent(&mut self) -> anyhow::Result<f64> {
        rate(self.slice, || {
            self.asked += 1;
            let name =
                format!("{}{}x{}", self.letter, self.random.below(self.site.children.len()), self.asked);
            let found = self.snapshot.child(self.site.folder, &name)?;
            anyhow::ensure!(black_box(found).is_none(), "there is a child {name}");
            Ok(())
        })
    }

    fn list(&mut self, by: ChildOrder) -> anyhow::Result<f64> {
        rate(self.slice, || {
            let (_, order, name) = &self.chosen[self.random.below(CHOSEN)];
            let page = ChildrenPage { by, after: Some((order.clone(), name.clone())), limit: PAGE };
            let children = self.snapshot.children(self.site.folder, &page)?;
            // By name a chosen one may be near the end.
            anyhow::ensure!(children.len() == PAGE || by == ChildOrder::Name, "{} of a page", children.len());
            black_box(children);
            Ok(())
        })
    }
}

/// Look-ups and pages in both folders, each at its tid or at the head, when the children had that letter; `most` is how
/// much slower the large one may be.
fn compare(
    bench: &mut Bench,
    when: &str,
    [large, small]: [&Site; 2],
    [large_at, small_at]: [Option<Tid>; 2],
    letter: char,
    most: f64,
) -> anyhow::Result<()> {
    let mut large = Questions::new(bench, large, large_at, letter)?;
    let mut small = Questions::new(bench, small, small_at, letter)?;
    let least = Target::Min(1.0 / most);
    let looked_up = Pairs::take(ROUNDS, || large.look_up(), || small.look_up())?;
    bench.ratio(&format!("look up{when}"), &looked_up, "/s", least);
    let absent = Pairs::take(ROUNDS, || large.look_up_absent(), || small.look_up_absent())?;
    bench.ratio(&format!("look up what is not there{when}"), &absent, "/s", least);
    for (by, order) in [(ChildOrder::Place, "by place"), (ChildOrder::Name, "by name")] {
        let listed = Pairs::take(ROUNDS, || large.list(by), || small.list(by))?;
        bench.ratio(&format!("page of {PAGE} from the middle, {order}{when}"), &listed, "/s", least);
    }
    Ok(())
}

fn add(bench: &mut Bench, [large, small]: [&Site; 2]) -> anyhow::Result<()> {
    for (count, rounds, letter) in [(1, bench.size(200, 1_000), 'd'), (AT_ONCE, bench.size(5, 15), 'e')] {
        let (mut in_large, mut in_small) = (0, 0);
        let add = |site: &Site, number: &mut usize| {
            let (_, seconds) = harness::timed(|| site.add(letter, *number * count, count))?;
            *number += 1;
            Ok(count as f64 / seconds)
        };
        let pairs = Pairs::take(rounds, || add(large, &mut in_large), || add(small, &mut in_small))?;
        bench.ratio(&format!("children added, {count} a commit"), &pairs, "/s", Target::Min(0.5));
    }
    Ok(())
}
