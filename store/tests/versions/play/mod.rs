//! Random steps on the trunk and on versions of it and of each other, on the store and on the model.

mod edit;
mod merging;
mod same;
mod undoing;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;

use bough_core::merge::plan::Resolutions;
use bough_core::{CellKey, Content, Name, Oid, Snapshot as _, Tid};
use bough_store::disk::MemoryDisk;
use bough_store::testing::{FixedClock, name, small_options};
use bough_store::version::{Management, NewVersion};
use bough_store::{Database, LineId, LineStatus, Note, Options, Snapshot};

use crate::chance::{Chance, is_full, seed};
use crate::plain::{Own, Tree, Version};
use same::{assert_holds, assert_same};

/// Steps on one database, and how many versions it has.
const STEPS_EACH: usize = 1_000;

const VERSIONS: usize = 5;

/// Beyond so many live objects more is deleted than added.
const LIVE_WANTED: usize = 25;

const SNAPSHOTS_KEPT: usize = 12;

/// A line: the trunk first.
struct Line {
    id: LineId,
    /// The tree of the trunk; what a version is.
    tree: Tree,
    version: Version,
    status: LineStatus,
    resolutions: Resolutions,
    history: Vec<Commit>,
    /// It is not open, and what it lies on is packed away.
    is_packed: bool,
}

/// A commit on a line that can be taken back.
struct Commit {
    tid: Tid,
    before: Tree,
    after: Tree,
    own_before: Own,
    own_after: Own,
    /// The version that it merged.
    merged: Option<usize>,
}

#[derive(Debug, Default)]
struct Count {
    edits: usize,
    merges: usize,
    parts: usize,
    updates: usize,
    conflicts: usize,
    decisions: usize,
    undos: usize,
    merge_undos: usize,
    blocked: usize,
    discards: usize,
    packs: usize,
}

struct Play {
    chance: Chance,
    clock: Arc<FixedClock>,
    micros: u64,
    disk: MemoryDisk,
    options: Options,
    database: Option<Database>,
    lines: Vec<Line>,
    snapshots: Vec<(Snapshot, Tree)>,
    names: Vec<Name>,
    count: Count,
    seed: u64,
    step: usize,
    doing: String,
}

impl Drop for Play {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("BOUGH_TEST_SEED={} fails at step {}: {}", self.seed, self.step, self.doing);
        }
    }
}

#[test]
fn the_store_and_a_plain_model_of_versions_agree_after_every_step() {
    let steps = if is_full() { 100_000 } else { 5_000 };
    let mut total = Count::default();
    for run in 0..steps / STEPS_EACH {
        let mut play = Play::new(seed() + run as u64);
        for step in 0..STEPS_EACH {
            play.step = step;
            play.step();
        }
        play.assert_at_last();
        let done = std::mem::take(&mut play.count);
        for (sum, more) in total.all().into_iter().zip(done.all_values()) {
            *sum += more;
        }
    }
    eprintln!("{total:?}");
    assert!(total.all_values().into_iter().all(|count| count > 5), "hardly anything happened: {total:?}");
}

impl Count {
    fn all(&mut self) -> [&mut usize; 11] {
        let Self {
            edits,
            merges,
            parts,
            updates,
            conflicts,
            decisions,
            undos,
            merge_undos,
            blocked,
            discards,
            packs,
        } = self;
        [edits, merges, parts, updates, conflicts, decisions, undos, merge_undos, blocked, discards, packs]
    }

    fn all_values(&self) -> [usize; 11] {
        [
            self.edits,
            self.merges,
            self.parts,
            self.updates,
            self.conflicts,
            self.decisions,
            self.undos,
            self.merge_undos,
            self.blocked,
            self.discards,
            self.packs,
        ]
    }
}

fn note() -> Note {
    Note::edit("Played")
}

impl Play {
    fn new(seed: u64) -> Self {
        let clock = Arc::new(FixedClock::default());
        clock.set(1_000_000);
        let options = Options { clock: clock.clone(), cache_bytes: 64 << 10, ..small_options() };
        let disk = MemoryDisk::new();
        let database = Database::on_disk(Arc::new(disk.clone()), options.clone()).unwrap().0;
        let mut tree = Tree::default();
        tree.put(Oid::ROOT, CellKey::Type, Some(Content::Type(name("folder"))));
        let trunk = Line {
            id: LineId::TRUNK,
            tree,
            version: Version::default(),
            status: LineStatus::Open,
            resolutions: Resolutions::new(),
            history: Vec::new(),
            is_packed: false,
        };
        let mut play = Self {
            chance: Chance::new(seed),
            clock,
            micros: 1_000_000,
            disk,
            options,
            database: Some(database),
            lines: vec![trunk],
            snapshots: Vec::new(),
            names: ["a", "b", "c", "d"].map(name).into(),
            count: Count::default(),
            seed,
            step: 0,
            doing: String::new(),
        };
        for _ in 0..12 {
            play.edit(0);
        }
        play
    }

    fn database(&self) -> &Database {
        self.database.as_ref().expect("it is open")
    }

    fn on(&self, line: usize) -> Database {
        self.database().on(self.lines[line].id).unwrap()
    }

    fn tree(&self, line: usize) -> Tree {
        if line == 0 { self.lines[0].tree.clone() } else { self.lines[line].version.tree() }
    }

    /// The line that a version is merged into.
    fn open_parent(&self, line: usize) -> usize {
        let mut parent = self.lines[line].version.parent;
        while self.lines[parent].status != LineStatus::Open {
            parent = self.lines[parent].version.parent;
        }
        parent
    }

    /// Whether open versions would be merged into that one.
    fn has_open_versions(&self, line: usize) -> bool {
        let mut others = (1..self.lines.len()).filter(|other| *other != line);
        others.any(|other| self.lines[other].status == LineStatus::Open && self.open_parent(other) == line)
    }

    fn step(&mut self) {
        if self.chance.below(3) > 0 {
            self.micros += self.chance.below(5_000) as u64;
            self.clock.set(self.micros);
        }
        let line = self.chance.below(self.lines.len());
        if self.lines[line].is_packed {
            let again = Management { status: Some(LineStatus::Open), ..Management::default() };
            self.on(line).manage_version(&again, note()).unwrap_err();
            return;
        }
        let kind = self.chance.below(1_000);
        match kind {
            0..4 => self.reopen(),
            4..8 => self.pack(),
            8..60 if self.lines.iter().filter(|line| !line.is_packed).count() <= VERSIONS => self.open(line),
            60..130 if line > 0 => self.merge(line, false),
            130..190 if line > 0 => self.merge(line, true),
            190..250 if line > 0 => self.update(line),
            250..350 if line > 0 => self.decide(line),
            350..370 if line > 0 => self.discard_part(line),
            370..380 if line > 0 => self.manage(line),
            380..470 => self.undo(line),
            _ => self.edit(line),
        }
        if self.lines[line].is_packed {
            return;
        }
        assert_same(&self.on(line).snapshot(), &self.tree(line), &mut self.chance);
        if self.step.is_multiple_of(8) || kind < 60 {
            self.assert_all();
        }
        self.look_back(line);
    }

    fn assert_all(&mut self) {
        for line in (0..self.lines.len()).filter(|line| !self.lines[*line].is_packed).collect::<Vec<_>>() {
            self.doing = format!("{}; looking at {line}", self.doing);
            assert_same(&self.on(line).snapshot(), &self.tree(line), &mut self.chance);
            if line > 0 {
                assert_holds(&self.on(line), &self.lines[line].version);
            }
        }
    }

    fn look_back(&mut self, line: usize) {
        if self.chance.below(6) == 0 {
            let kept = (self.on(line).snapshot(), self.tree(line));
            if self.snapshots.len() < SNAPSHOTS_KEPT {
                self.snapshots.push(kept);
            } else {
                let nth = self.chance.below(SNAPSHOTS_KEPT);
                self.snapshots[nth] = kept;
            }
        }
        if !self.snapshots.is_empty() && self.chance.below(4) == 0 {
            let (snapshot, tree) = &self.snapshots[self.chance.below(self.snapshots.len())];
            assert_same(snapshot, tree, &mut self.chance);
        }
        let history = &self.lines[line].history;
        if !history.is_empty() && self.chance.below(4) == 0 {
            let commit = &history[self.chance.below(history.len())];
            if let Ok(snapshot) = self.on(line).snapshot_at(commit.tid) {
                assert_same(&snapshot, &commit.after, &mut self.chance);
            }
        }
    }

    fn assert_at_last(&mut self) {
        self.assert_all();
        let report = self.database().check(&mut bough_store::unwatched).unwrap();
        assert!(report.is_sound(), "{:?}", report.faults);
        self.reopen();
        self.assert_all();
    }

    fn reopen(&mut self) {
        self.doing = "reopen".into();
        self.snapshots.clear();
        if self.chance.below(2) == 0 {
            self.database().close().unwrap();
        }
        self.database = None;
        let opened = Database::on_disk(Arc::new(self.disk.clone()), self.options.clone());
        let (database, report) = opened.unwrap();
        assert_eq!((report.damage, report.is_new), (Vec::new(), false));
        self.database = Some(database);
    }

    fn pack(&mut self) {
        self.doing = "pack".into();
        if self.chance.below(2) == 0 {
            self.snapshots.clear();
        }
        let report = self.database().pack(Tid::MAX, false, &mut bough_store::unwatched).unwrap();
        for line in (1..self.lines.len()).filter(|line| self.lines[*line].status == LineStatus::Open) {
            assert!(report.horizon <= self.on(line).version_info().unwrap().needs);
        }
        self.count.packs += 1;
        for line in 1..self.lines.len() {
            let needs = self.on(line).version_info().unwrap().needs;
            self.lines[line].is_packed |=
                self.lines[line].status != LineStatus::Open && needs < report.horizon;
        }
        self.snapshots.retain(|(snapshot, _)| {
            self.lines.iter().all(|line| line.id != snapshot.line() || !line.is_packed)
        });
        self.forget_packed();
        let report = self.database().check(&mut bough_store::unwatched).unwrap();
        assert!(report.is_sound(), "{:?}", report.faults);
    }

    /// Objects that were deleted before the horizon are gone.
    fn forget_packed(&mut self) {
        for line in (0..self.lines.len()).filter(|line| !self.lines[*line].is_packed).collect::<Vec<_>>() {
            let snapshot = self.on(line).snapshot();
            let tree = self.tree(line);
            let is_gone = |oid: Oid| !tree.is_live(oid) && snapshot.object(oid).unwrap().is_none();
            let gone: BTreeSet<Oid> = tree.0.keys().copied().filter(|oid| is_gone(*oid)).collect();
            let Line { tree, version, .. } = &mut self.lines[line];
            tree.0.retain(|oid, _| !gone.contains(oid));
            version.base.0.retain(|oid, _| !gone.contains(oid));
        }
    }

    fn open(&mut self, line: usize) {
        self.doing = format!("open on {line}");
        let new = NewVersion { name: format!("v{}", self.lines.len()), ..NewVersion::default() };
        let opened = self.on(line).open_version(&new, note());
        if self.lines[line].status != LineStatus::Open {
            opened.unwrap_err();
            return;
        }
        let version = Version { parent: line, base: self.tree(line), own: Own::new() };
        self.lines.push(Line {
            id: opened.unwrap().line(),
            tree: Tree::default(),
            version,
            status: LineStatus::Open,
            resolutions: Resolutions::new(),
            history: Vec::new(),
            is_packed: false,
        });
    }

    /// Writes cells on a line of the model, and remembers the commit.
    fn write(
        &mut self,
        line: usize,
        tid: Tid,
        changes: Vec<(Oid, CellKey, Option<Content>)>,
        merged: Option<usize>,
    ) {
        let (before, own_before) = (self.tree(line), self.lines[line].version.own.clone());
        for (oid, key, content) in changes {
            match line {
                0 => self.lines[0].tree.put(oid, key, content),
                _ => self.lines[line].version.write(tid, oid, key, content),
            }
        }
        self.lines[0].tree.0.retain(|_, cells| !cells.is_empty());
        let (after, own_after) = (self.tree(line), self.lines[line].version.own.clone());
        self.lines[line].history.push(Commit { tid, before, after, own_before, own_after, merged });
        if self.lines[line].history.len() > 12 {
            self.lines[line].history.remove(0);
        }
    }

    fn name(&mut self) -> Name {
        self.names[self.chance.below(self.names.len())].clone()
    }
}
