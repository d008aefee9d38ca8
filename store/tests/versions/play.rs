//! Random steps on the trunk and on versions of it and of each other, on the store and on the model.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;

use bough_core::merge::plan::{ConflictKind, Plan, Resolution, Resolutions, Side};
use bough_core::merge::{Merge, MergePolicy, merge_contents};
use bough_core::snapshot::{ChildOrder, ChildrenPage};
use bough_core::transaction::TransactionError;
use bough_core::{CellKey, Content, Name, Oid, Place, Snapshot as _, Tid, Value};
use bough_store::disk::MemoryDisk;
use bough_store::testing::{FixedClock, StepError, name, small_options};
use bough_store::version::{
    Management, MergeChoice, MergePlan, NewVersion, Pick, VersionConflict, VersionError,
};
use bough_store::{Database, Draft, LineId, LineStatus, Note, Options, Snapshot, UndoChoices, UndoError};

use crate::chance::{Chance, is_full, seed};
use crate::plain::{Held, Own, Tree, Version, order_between};
use crate::security::{assert_scope, random_cell, write_cell};

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
                _ => self.lines[line].version.write(oid, key, content),
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

    fn edit(&mut self, line: usize) {
        let tree = self.tree(line);
        let live = tree.live();
        let (oid, parent) = (live[self.chance.below(live.len())], live[self.chance.below(live.len())]);
        let own = self.name();
        let room = |moved: Option<Oid>| {
            let chain = tree.chain(parent).unwrap_or_default();
            let is_taken = tree.child(parent, own.as_str()).is_some_and(|other| Some(other) != moved);
            tree.is_folder(parent) && !is_taken && !moved.is_some_and(|moved| chain.contains(&moved))
        };
        let crowded = live.len() > LIVE_WANTED;
        let place = tree.place(oid).cloned();
        let database = self.on(line);
        let is_open = self.lines[line].status == LineStatus::Open;
        let attempt = |work: &dyn Fn(&mut Draft) -> Result<Oid, TransactionError>| {
            let written = database.write::<_, StepError>(note(), |draft| Ok(work(draft)?));
            match written {
                Ok((oid, Some(tid))) if is_open => Some((oid, tid)),
                Ok((_, None)) => None,
                Ok(_) => panic!("a version that is not open was written to"),
                Err(StepError::Commit(_)) if !is_open => None,
                Err(error) => panic!("{error}: {error:?}"),
            }
        };
        let place_of = |oid: Oid| {
            let object = database.snapshot().object(oid).unwrap().unwrap();
            (CellKey::Place, object.place().cloned().map(Content::Place))
        };
        let roll = self.chance.below(100);
        self.doing = format!("edit {roll} of {oid} in {parent} as {own} on {line}");
        let number = self.chance.below(4) as i64;
        let mut changes = Vec::new();
        let tid = match roll {
            0..25 if !crowded && room(None) => {
                let kind = name(if number == 0 { "page" } else { "folder" });
                let made =
                    attempt(&|draft| draft.add(parent, &own, &kind, [(name("n"), Value::Int(number))]));
                made.map(|(made, tid)| {
                    let (key, place) = place_of(made);
                    changes.push((made, CellKey::Type, Some(Content::Type(kind.clone()))));
                    let number = Content::Value(Value::Int(number));
                    changes.push((made, CellKey::Attribute(name("n")), Some(number)));
                    changes.push((made, key, place));
                    tid
                })
            }
            25..55 => {
                let attribute = name(["n", "c", "t"][self.chance.below(3)]);
                let key = CellKey::Attribute(attribute.clone());
                let value = match (attribute.as_str(), tree.content(oid, &key)) {
                    _ if self.chance.below(10) == 0 => None,
                    ("c", Some(Content::Value(Value::Counter(now)))) => {
                        Some(Value::Counter(now + 1 + number))
                    }
                    ("c", _) => Some(Value::Counter(number)),
                    ("t", now) => {
                        let now = match now {
                            Some(Content::Value(Value::Text(text))) => text.to_string(),
                            _ => "0\n1\n2\n3\n4\n5\n".into(),
                        };
                        let mut lines: Vec<String> = now.lines().map(str::to_owned).collect();
                        let at = self.chance.below(lines.len());
                        lines[at] = format!("{at} {number}");
                        Some(Value::from(lines.join("\n") + "\n"))
                    }
                    _ => Some(Value::Int(number)),
                };
                let done = attempt(&|draft| draft.set(oid, &attribute, value.clone()).map(|()| oid));
                changes.push((oid, key, value.map(Content::Value)));
                done.map(|(_, tid)| tid)
            }
            55..72 if oid != Oid::ROOT && room(Some(oid)) => {
                let done = attempt(&|draft| draft.move_to(oid, parent, &own).map(|()| oid));
                done.map(|(_, tid)| {
                    let (key, place) = place_of(oid);
                    changes.push((oid, key, place));
                    tid
                })
            }
            72..80 if oid != Oid::ROOT => {
                let Some(place) = place else { return };
                let siblings = tree.children(place.parent);
                let order = order_between(&siblings, self.chance.below(siblings.len() + 1));
                let done = attempt(&|draft| draft.reorder(oid, order.clone()).map(|()| oid));
                changes.push((oid, CellKey::Place, Some(Content::Place(Place { order, ..place }))));
                done.map(|(_, tid)| tid)
            }
            80..88 if oid != Oid::ROOT => {
                let done = attempt(&|draft| draft.delete(oid).map(|()| oid));
                changes.push((oid, CellKey::Place, None));
                done.map(|(_, tid)| tid)
            }
            88.. => {
                let (key, content) = random_cell(&mut self.chance);
                let done = attempt(&|draft| write_cell(draft, oid, &key, content.as_ref()).map(|()| oid));
                changes.push((oid, key, content));
                done.map(|(_, tid)| tid)
            }
            _ => None,
        };
        if let Some(tid) = tid {
            self.count.edits += 1;
            self.write(line, tid, changes, None);
        }
    }

    fn plan(&self, line: usize, only: Option<&BTreeSet<Oid>>) -> Plan {
        let parent = self.tree(self.open_parent(line));
        let Line { version, resolutions, .. } = &self.lines[line];
        version.plan(&parent, only, &self.options.types, resolutions)
    }

    /// The objects that a version holds something of.
    fn held(&self, line: usize) -> Vec<Oid> {
        let mut held: Vec<Oid> = self.lines[line].version.own.keys().map(|(oid, _)| *oid).collect();
        held.dedup();
        held
    }

    fn picks(&mut self, line: usize) -> BTreeSet<Oid> {
        let held = self.held(line);
        let count = if held.is_empty() { 0 } else { 1 + self.chance.below(held.len().min(4)) };
        (0..count).map(|_| held[self.chance.below(held.len())]).collect()
    }

    fn merge(&mut self, line: usize, in_part: bool) {
        self.doing = format!("merge {line}, in part: {in_part}");
        let parent = self.open_parent(line);
        let picks = if in_part { self.picks(line) } else { BTreeSet::new() };
        let choice = MergeChoice {
            only: in_part.then(|| picks.iter().copied().map(Pick::Object).collect()),
            close: false,
        };
        let found = self.on(line).merge(&choice, note());
        if self.lines[line].status != LineStatus::Open {
            found.unwrap_err();
            return;
        }
        if in_part && picks.is_empty() {
            assert!(matches!(found, Err(VersionError::NothingSelected)), "{found:?}");
            return;
        }
        let only = in_part.then(|| self.lines[line].version.closure(&picks, &self.tree(parent)));
        let plan = self.plan(line, only.as_ref());
        match found {
            Err(VersionError::Conflicts(found)) => {
                assert_plan(&found, &plan);
                self.count.conflicts += 1;
            }
            // What it becomes on the parent line cannot be shown over the version's base: an update has to come first.
            Err(VersionError::Incomplete(_)) if in_part => {}
            Err(error) => panic!("{error}: {error:?}"),
            Ok(done) => {
                assert_plan(&done.plan, &plan);
                assert_eq!(done.tid.is_none(), plan.writes.is_empty());
                let Some(tid) = done.tid else {
                    if !in_part && !self.lines[line].version.own.is_empty() {
                        let tree = self.tree(parent);
                        self.lines[line].version.updated(parent, &tree, &plan.writes);
                        self.lines[line].resolutions.clear();
                    }
                    return;
                };
                self.write(parent, tid, cells_of(&plan), Some(line));
                let tree = self.tree(parent);
                match only {
                    None => {
                        self.lines[line].version.merged(parent, &tree);
                        self.lines[line].resolutions.clear();
                        self.count.merges += 1;
                    }
                    Some(only) => {
                        self.lines[line].version.merged_part(&only, &tree);
                        self.count.parts += 1;
                    }
                }
            }
        }
        self.doing.push_str(", looking at the parent line");
        assert_same(&self.on(parent).snapshot(), &self.tree(parent), &mut self.chance);
    }

    fn update(&mut self, line: usize) {
        self.doing = format!("update {line}");
        let parent = self.open_parent(line);
        let found = self.on(line).update(None, note());
        if self.lines[line].status != LineStatus::Open {
            found.unwrap_err();
            return;
        }
        let plan = self.plan(line, None);
        match found {
            Err(VersionError::Conflicts(found)) => assert_plan(&found, &plan),
            Err(error) => panic!("{error}: {error:?}"),
            Ok(done) => {
                assert_plan(&done.plan, &plan);
                if done.tid.is_some() {
                    let tree = self.tree(parent);
                    self.lines[line].version.updated(parent, &tree, &plan.writes);
                    self.lines[line].resolutions.clear();
                    self.count.updates += 1;
                }
            }
        }
    }

    /// Decides about a conflict by chance.
    fn decide(&mut self, line: usize) {
        self.doing = format!("decide on {line}");
        let plan = self.plan(line, None);
        let database = self.on(line);
        let mut conflicts = database.conflicts().unwrap();
        conflicts.retain(|conflict| conflict.resolution.is_none());
        if conflicts.is_empty() {
            assert!(plan.conflicts.is_empty());
            return;
        }
        let conflict = &conflicts[self.chance.below(conflicts.len())];
        let resolution = self.resolution(line, conflict);
        self.doing = format!("decide on {line}: {resolution:?} for {:?}", conflict.conflict.key);
        let Line { version, resolutions, .. } = &self.lines[line];
        let mut decided = resolutions.clone();
        let key = conflict.conflict.key.clone();
        decided.insert(key.clone(), (conflict.conflict.fingerprint, resolution.clone()));
        let parent = self.tree(self.open_parent(line));
        let then = version.plan(&parent, None, &self.options.types, &decided);
        let settles = then.settled.iter().any(|(conflict, _)| conflict.key == key);
        match database.resolve(&conflict.id, Some(resolution), "rosa") {
            Ok(()) => {
                assert!(settles);
                self.lines[line].resolutions = decided;
                self.count.decisions += 1;
            }
            Err(VersionError::DoesNotSettle) => assert!(!settles),
            Err(error) => panic!("{error}: {error:?}"),
        }
    }

    fn resolution(&mut self, line: usize, conflict: &VersionConflict) -> Resolution {
        let side = if self.chance.below(2) == 0 { Resolution::Version } else { Resolution::Parent };
        match &conflict.conflict.kind {
            ConflictKind::Cell { .. } if self.chance.below(4) == 0 => match self.chance.below(2) {
                0 => Resolution::Value(Some(Content::Value(Value::Int(77)))),
                _ => Resolution::Value(None),
            },
            ConflictKind::Name { rename, suggested, .. } => match self.chance.below(4) {
                0 => Resolution::Both { rename: *rename, to: suggested.clone() },
                1 => Resolution::Both { rename: Side::Parent, to: suggested.clone() },
                2 => Resolution::Same,
                _ => side,
            },
            ConflictKind::Deleted { inner, container, .. } if self.chance.below(3) == 0 => {
                let live = self.tree(self.open_parent(line)).live();
                let rescued = &inner[self.chance.below(inner.len())];
                let into =
                    if self.chance.below(2) == 0 { *container } else { live[self.chance.below(live.len())] };
                Resolution::Rescue(vec![(rescued.oid, into)])
            }
            _ => side,
        }
    }

    fn discard_part(&mut self, line: usize) {
        let picks = self.picks(line);
        self.doing = format!("discard {picks:?} of {line}");
        if picks.is_empty() || self.lines[line].status != LineStatus::Open {
            return;
        }
        let before = (self.tree(line), self.lines[line].version.own.clone());
        let all: Vec<Pick> = picks.iter().copied().map(Pick::Object).collect();
        let done = self.on(line).discard_part(&all, false, note()).unwrap();
        let Line { version, history, .. } = &mut self.lines[line];
        version.discard(&picks);
        let after = version.tree();
        if let Some(tid) = done.tid {
            let own_after = version.own.clone();
            let (before, own_before) = before;
            history.push(Commit { tid, before, after, own_before, own_after, merged: None });
        }
        self.count.discards += 1;
    }

    fn manage(&mut self, line: usize) {
        self.doing = format!("close, discard or open {line}");
        let to = [LineStatus::Open, LineStatus::Closed, LineStatus::Open, LineStatus::Discarded]
            [self.chance.below(4)];
        let now = self.lines[line].status;
        match to {
            LineStatus::Discarded if now == LineStatus::Discarded => return,
            LineStatus::Discarded => _ = self.on(line).discard(true, note()).unwrap(),
            to => {
                let change = Management { status: Some(to), ..Management::default() };
                self.on(line).manage_version(&change, note()).unwrap();
            }
        }
        self.lines[line].status = to;
    }

    fn undo(&mut self, line: usize) {
        let history = &self.lines[line].history;
        if history.is_empty() {
            return;
        }
        let nth = history.len() - 1 - self.chance.below(history.len().min(5));
        let commit = &history[nth];
        let (tid, merged) = (commit.tid, commit.merged);
        self.doing = format!("undo {tid} on {line}, which merged {merged:?}");
        let found = self.on(line).undo(&[tid], &UndoChoices::default(), note());
        let now = self.tree(line);
        let undone = match found {
            Ok(undone) => undone,
            Err(UndoError::Blocked { blockers }) => {
                assert!(!blockers.is_empty());
                self.count.blocked += 1;
                return;
            }
            Err(UndoError::History(_)) => return,
            Err(_) if self.lines[line].status != LineStatus::Open => return,
            Err(error) => panic!("{error}: {error:?}"),
        };
        let commit = &self.lines[line].history[nth];
        let changes = commit.after.changes_to(&commit.before);
        let (before, after) = (commit.before.clone(), commit.after.clone());
        if line == 0 {
            let Some(undone) = undone else {
                return;
            };
            let mut back = Vec::new();
            for (oid, key, was) in &changes {
                let (now, after) = (now.content(*oid, key), after.content(*oid, key));
                back.push((*oid, key.clone(), taken_back(now, after, was.as_ref())));
            }
            self.write(0, undone, back, None);
        } else {
            self.undo_in_version(line, nth, undone);
            if undone.is_none() {
                return;
            }
        }
        self.count.undos += 1;
        if let Some(version) = merged.filter(|version| !self.lines[*version].is_packed) {
            self.count.merge_undos += 1;
            self.give_back(line, version, (&before, &after), &now);
        }
    }

    fn undo_in_version(&mut self, line: usize, nth: usize, undone: Option<Tid>) {
        let now = self.tree(line);
        let Line { version, history, .. } = &mut self.lines[line];
        let Commit { before, after, own_before, own_after, .. } = &history[nth];
        let own_was = version.own.clone();
        let keys: BTreeSet<_> = own_before.keys().chain(own_after.keys()).cloned().collect();
        for (oid, key) in keys {
            let at = (oid, key.clone());
            let (was, became) = (own_before.get(&at), own_after.get(&at));
            if was.map(|held| &held.content) == became.map(|held| &held.content) {
                continue;
            }
            let (now, after) = (now.content(oid, &key), after.content(oid, &key));
            let before = before.content(oid, &key);
            let compared = version.own.get(&at).and_then(|held| held.compared.clone());
            let content = match was {
                None if now == after && compared.is_none() => {
                    version.own.remove(&at);
                    continue;
                }
                None if now == after => before.cloned(),
                Some(was) if now == after => was.content.clone(),
                _ if now == before => continue,
                _ => taken_back(now, after, before),
            };
            version.own.insert(at, Held { content, compared });
        }
        if let Some(tid) = undone {
            let (own_after, after) = (version.own.clone(), version.tree());
            history.push(Commit { tid, before: now, after, own_before: own_was, own_after, merged: None });
        } else {
            assert_eq!(own_was, version.own, "it did nothing");
        }
    }

    /// The undo of a merge gives the version back what it had merged.
    fn give_back(&mut self, line: usize, version: usize, (before, after): (&Tree, &Tree), was: &Tree) {
        let then = self.tree(line);
        let seen = self.tree(version);
        let Line { version, status, .. } = &mut self.lines[version];
        for (oid, key, back) in after.changes_to(before) {
            let content = match version.own.get(&(oid, key.clone())) {
                Some(held) => held.content.clone(),
                None => seen.content(oid, &key).cloned(),
            };
            let is_plain = was.content(oid, &key) == after.content(oid, &key);
            let compared = if is_plain { then.content(oid, &key).cloned() } else { back };
            version.own.insert((oid, key), Held { content, compared: Some(compared) });
        }
        *status = LineStatus::Open;
    }
}

fn taken_back(now: Option<&Content>, after: Option<&Content>, before: Option<&Content>) -> Option<Content> {
    if now == before {
        return now.cloned();
    }
    let never = |large: &bough_core::object::Large| panic!("nothing here is large: {large:?}");
    match merge_contents(MergePolicy::ByKind, after, now, before, &never).unwrap() {
        Merge::Settled(content) => content,
        Merge::Conflict => panic!("it should be blocked: {after:?}, {now:?}, {before:?}"),
    }
}

fn cells_of(plan: &Plan) -> Vec<(Oid, CellKey, Option<Content>)> {
    let cells = plan.writes.iter().flat_map(|change| {
        change.cells.iter().map(|(key, content)| (change.oid, key.clone(), content.clone()))
    });
    cells.collect()
}

fn assert_plan(found: &MergePlan, plan: &Plan) {
    let conflicts: Vec<_> = found.conflicts.iter().map(|one| &one.conflict).collect();
    let settled: Vec<_> = found.settled.iter().map(|one| (&one.conflict, one.resolution.as_ref())).collect();
    assert_eq!(conflicts, plan.conflicts.iter().collect::<Vec<_>>());
    assert_eq!(settled, plan.settled.iter().map(|(one, by)| (one, Some(by))).collect::<Vec<_>>());
    assert_eq!(found.notices, plan.notices);
    assert_eq!(found.objects, plan.writes.len() as u64, "{:?}, {:?}", found.cells, plan.writes);
}

/// Looks at everything that is reachable, in both orders, page by page, and at some of what is not.
fn assert_same(snapshot: &Snapshot, tree: &Tree, chance: &mut Chance) {
    let mut live = tree.live().len();
    let mut waiting = vec![Oid::ROOT];
    while let Some(parent) = waiting.pop() {
        live -= 1;
        assert_cells(snapshot, parent, tree);
        assert_scope(snapshot, parent);
        for by in [ChildOrder::Place, ChildOrder::Name] {
            let mut page = ChildrenPage { by, after: None, limit: 1 + chance.below(5) };
            let mut found = Vec::new();
            loop {
                let children = snapshot.children(parent, &page).unwrap();
                assert!(children.len() <= page.limit);
                let Some(last) = children.last() else { break };
                page = page.following(last);
                found.extend(children.into_iter().map(|child| (child.name, child.oid)));
            }
            let all = ChildrenPage { by, after: None, limit: usize::MAX };
            let expected = bough_core::Snapshot::children(tree, parent, &all).unwrap();
            let expected: Vec<_> = expected.into_iter().map(|child| (child.name, child.oid)).collect();
            assert_eq!(found, expected, "the children of {parent} {by:?}");
            if by == ChildOrder::Name {
                for (name, oid) in found {
                    assert_eq!(snapshot.child(parent, name.as_str()).unwrap(), Some(oid));
                    waiting.push(oid);
                }
            }
        }
        for name in ["a", "b", "c", "d", "a-2"] {
            assert_eq!(snapshot.child(parent, name).unwrap(), tree.child(parent, name), "{name} in {parent}");
        }
    }
    assert_eq!(live, 0, "so many live objects are not reached");
    for oid in tree.0.keys().skip(chance.below(tree.0.len())).take(3) {
        assert_cells(snapshot, *oid, tree);
        assert_scope(snapshot, *oid);
    }
}

fn assert_cells(snapshot: &Snapshot, oid: Oid, tree: &Tree) {
    let object = snapshot.object(oid).unwrap();
    let found = object
        .as_ref()
        .map(|object| object.cells().iter().map(|(key, cell)| (key, &cell.content)).collect::<Vec<_>>());
    if found.is_none() && !tree.is_live(oid) {
        // It may be packed away.
        return;
    }
    let expected = tree.0.get(&oid).map(|cells| cells.iter().collect::<Vec<_>>());
    assert_eq!(found.unwrap_or_default(), expected.unwrap_or_default(), "the cells of {oid}");
}
