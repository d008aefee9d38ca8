//! Random steps, on the store and on the model.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;

use bough_core::transaction::Savepoint;
use bough_core::{CellKey, Content, Name, Oid, OrderKey, Place, Snapshot as _, Tid, Value};
use bough_store::disk::MemoryDisk;
use bough_store::testing::{FixedClock, name, small_options};
use bough_store::{
    CommitError, Conflict, ConflictReason, Database, Draft, Kind, Note, Options, Snapshot, UndoChoices,
    UndoError,
};

use crate::chance::{Chance, is_full, seed};
use crate::compare::{assert_history, assert_same};
use crate::plain::{Commit, Conflicts, Tree, commit, undo};
use crate::security::{random_cell, write_cell};

/// Steps on one database: long enough for a history, short enough to be kept whole as often as there are commits.
const STEPS_EACH: usize = 2_500;
/// Beyond so many live objects more is deleted than added.
const LIVE_WANTED: usize = 40;
/// How many drafts are open at once.
const DRAFTS_MAX: usize = 4;
/// How many snapshots are kept to see whether they go on answering the same.
const SNAPSHOTS_KEPT: usize = 20;
const LINES: usize = 8;

/// Work in progress on both sides.
struct Work {
    draft: Draft,
    /// The commit that it looks at.
    base: usize,
    now: Tree,
    began_micros: u64,
    /// How many orders it gave out.
    orders: u64,
    unchanged: Vec<(Oid, CellKey)>,
    savepoint: Option<(Savepoint, Tree, usize)>,
}

struct Play {
    chance: Chance,
    clock: Arc<FixedClock>,
    micros: u64,
    disk: MemoryDisk,
    options: Options,
    /// None only while it is opened again.
    database: Option<Database>,
    history: Vec<Commit>,
    drafts: Vec<Work>,
    snapshots: Vec<(Snapshot, usize)>,
    names: Vec<Name>,
    count: Count,
    seed: u64,
    step: usize,
}

/// What came about, so that a run in which nothing happens does not pass for one.
#[derive(Debug, Default)]
struct Count {
    commits: usize,
    conflicts: usize,
    merges: usize,
    refusals: usize,
    undos: usize,
    blocked: usize,
    redos: usize,
}

/// Says which steps these were, should one of them fail.
impl Drop for Play {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("BOUGH_TEST_SEED={} fails at step {}", self.seed, self.step);
        }
    }
}

#[test]
fn the_store_and_a_plain_model_agree_after_every_step() {
    let steps = if is_full() { 100_000 } else { 10_000 };
    for run in 0..steps / STEPS_EACH {
        let mut play = Play::new(seed() + run as u64);
        for step in 0..STEPS_EACH {
            play.step = step;
            play.step();
        }
        play.assert_at_last();
    }
}

impl Play {
    fn new(seed: u64) -> Self {
        let clock = Arc::new(FixedClock::default());
        clock.set(1_000_000);
        let options = Options { clock: clock.clone(), cache_bytes: 64 << 10, ..small_options() };
        let disk = MemoryDisk::new();
        let database = Database::on_disk(Arc::new(disk.clone()), options.clone()).unwrap().0;
        let mut tree = Tree::default();
        tree.put(Oid::ROOT, CellKey::Type, Some(Content::Type(name("folder"))), database.head());
        let made =
            Commit { tid: database.head(), sentence: "Made the site".into(), names: tree.names(), tree };
        Self {
            chance: Chance::new(seed),
            clock,
            micros: 1_000_000,
            disk,
            options,
            database: Some(database),
            history: vec![made],
            drafts: Vec::new(),
            snapshots: Vec::new(),
            names: ["a", "b", "c", "d", "e", "f"].map(name).into(),
            count: Count::default(),
            seed,
            step: 0,
        }
    }

    fn database(&self) -> &Database {
        self.database.as_ref().expect("it is open")
    }

    fn head(&self) -> &Commit {
        self.history.last().expect("the making of the site")
    }

    fn name(&mut self) -> Name {
        self.names[self.chance.below(self.names.len())].clone()
    }

    /// The tid of the next commit: the time, or one more than the last where the clock did not go on.
    fn next_tid(&self) -> Tid {
        Tid::from_micros(self.micros.max(self.head().tid.as_micros() + 1))
    }

    fn step(&mut self) {
        if self.chance.below(3) > 0 {
            self.micros += self.chance.below(5_000) as u64;
            self.clock.set(self.micros);
        }
        match self.chance.below(1_000) {
            0..3 => self.reopen(),
            3..60 => self.undo(),
            60..300 if !self.drafts.is_empty() => self.commit(),
            300..500 if self.drafts.len() < DRAFTS_MAX => self.begin(),
            _ if self.drafts.is_empty() => self.begin(),
            _ => self.change(),
        }
        self.look_back();
    }

    fn begin(&mut self) {
        let draft = self.database().begin();
        assert_eq!(draft.tid(), self.head().tid);
        self.drafts.push(Work {
            draft,
            base: self.history.len() - 1,
            now: self.head().tree.clone(),
            began_micros: self.micros,
            orders: 0,
            unchanged: Vec::new(),
            savepoint: None,
        });
    }

    fn commit(&mut self) {
        let work = self.drafts.swap_remove(self.chance.below(self.drafts.len()));
        let tid = self.next_tid();
        let base = &self.history[work.base].tree;
        let expected = commit(base, &work.now, &work.unchanged, &self.head().tree, tid);
        let sentence = format!("Step {}", self.step);
        let found = self.database().commit(work.draft, Note::edit(&sentence));
        match (found, expected) {
            (Ok(Some(found)), Ok(Some(tree))) => {
                assert_eq!(found, tid);
                self.count.merges += usize::from(work.base + 1 < self.history.len());
                self.push(tid, sentence, tree);
            }
            (Ok(None), Ok(None)) => {}
            (Err(CommitError::Conflict { base, conflicts }), Err(expected)) => {
                assert_eq!(base, self.history[work.base].tid);
                assert_eq!(told(&conflicts), expected);
                self.count.conflicts += 1;
            }
            (found, expected) => {
                panic!("found {found:?}, expected {:?}", expected.map(|tree| tree.is_some()))
            }
        }
    }

    fn push(&mut self, tid: Tid, sentence: String, tree: Tree) {
        self.count.commits += 1;
        self.history.push(Commit { tid, sentence, names: tree.names(), tree });
        assert_eq!(self.database().head(), tid);
        let snapshot = self.database().snapshot();
        let (tree, chance) = (&self.history[self.history.len() - 1].tree, &mut self.chance);
        assert_same(&snapshot, tree, chance);
        let database = self.database.as_ref().expect("it is open");
        assert_history(database, &self.history, &self.names, chance);
        if self.snapshots.len() < SNAPSHOTS_KEPT {
            self.snapshots.push((snapshot, self.history.len() - 1));
        } else if self.chance.below(10) == 0 {
            let nth = self.chance.below(SNAPSHOTS_KEPT);
            self.snapshots[nth] = (snapshot, self.history.len() - 1);
        }
    }

    fn undo(&mut self) {
        let commits = self.history.len();
        if commits < 2 {
            return;
        }
        let mut of = BTreeSet::new();
        let span = if self.chance.below(3) == 0 { commits - 1 } else { (commits - 1).min(8) };
        for _ in 0..1 + self.chance.below(3) {
            of.insert(commits - 1 - self.chance.below(span));
        }
        let tids: Vec<Tid> = of.iter().map(|at| self.history[*at].tid).collect();
        let tid = self.next_tid();
        let expected = undo(&self.history, &of, tid);
        let (sentence, choices) = (format!("Undo at {}", self.step), UndoChoices::default());
        let plan = self.database().undo_preview(&tids, &choices).unwrap();
        let blockers = &plan.blockers;
        assert_eq!(blockers.is_empty(), expected.is_ok(), "{blockers:?}, {:?}", expected.as_ref().err());
        let was_undo = |at: &usize| self.history[*at].sentence.starts_with("Undo");
        let redoes = of.iter().any(was_undo);
        match (self.database().undo(&tids, &choices, Note::edit(&sentence)), expected) {
            (Ok(Some(found)), Ok(tree)) => {
                assert_eq!(found, tid);
                let record = self.database().commit_record(tid).unwrap();
                assert_eq!(record.kind, Kind::Undo { of: tids.iter().rev().copied().collect() });
                self.count.undos += 1;
                self.count.redos += usize::from(redoes);
                self.push(tid, sentence, tree);
            }
            (Ok(None), Ok(tree)) => assert!(self.head().tree.differing(&tree).is_empty(), "it did nothing"),
            (Err(UndoError::Blocked { blockers }), Err(_)) => {
                assert!(!blockers.is_empty());
                self.count.blocked += 1;
            }
            (found, expected) => panic!("found {found:?}, expected {:?}", expected.err()),
        }
    }

    /// Ends the process, with or without closing, and opens again. What was not committed is gone.
    fn reopen(&mut self) {
        self.drafts.clear();
        let kept: Vec<usize> = self.snapshots.drain(..).map(|(_, at)| at).collect();
        if self.chance.below(2) == 0 {
            self.database().close().unwrap();
        }
        self.database = None;
        let opened = Database::on_disk(Arc::new(self.disk.clone()), self.options.clone());
        let (database, report) = opened.unwrap();
        assert_eq!((report.damage, report.is_new), (Vec::new(), false));
        assert_eq!(database.head(), self.head().tid);
        self.snapshots
            .extend(kept.into_iter().map(|at| (database.snapshot_at(self.history[at].tid).unwrap(), at)));
        self.database = Some(database);
    }

    /// Looks at a snapshot that was kept, or at any tid.
    fn look_back(&mut self) {
        match self.chance.below(8) {
            0 if !self.snapshots.is_empty() => {
                let (snapshot, at) = &self.snapshots[self.chance.below(self.snapshots.len())];
                assert_same(snapshot, &self.history[*at].tree, &mut self.chance);
            }
            1 => {
                let at = self.chance.below(self.history.len());
                let snapshot = self.database().snapshot_at(self.history[at].tid).unwrap();
                assert_same(&snapshot, &self.history[at].tree, &mut self.chance);
            }
            _ => {}
        }
    }

    fn assert_at_last(&mut self) {
        for (snapshot, at) in &self.snapshots {
            assert_same(snapshot, &self.history[*at].tree, &mut self.chance);
        }
        let report = self.database().check(&mut bough_store::unwatched).unwrap();
        assert!(report.is_sound(), "{:?}", report.faults);
        self.reopen();
        let snapshot = self.database().snapshot();
        assert_same(&snapshot, &self.history[self.history.len() - 1].tree, &mut self.chance);
        let Count { commits, conflicts, merges, refusals, undos, blocked, redos } = self.count;
        let all = [commits, conflicts, merges, refusals, undos, blocked, redos];
        assert!(all.iter().all(|count| *count > 5), "hardly anything happened: {:?}", self.count);
    }

    /// Does something in a draft, on both sides, or sees it refused by both.
    fn change(&mut self) {
        let at = self.chance.below(self.drafts.len());
        let mut work = self.drafts.swap_remove(at);
        if work.draft.tid() != self.history[work.base].tid {
            panic!("a draft does not look at its base any more");
        }
        let is_done = self.change_in(&mut work);
        self.count.refusals += usize::from(!is_done);
        self.drafts.push(work);
    }

    /// Any object, live ones mostly.
    fn object(&mut self, tree: &Tree) -> Oid {
        let live = tree.live();
        if self.chance.below(20) == 0 {
            let known: Vec<Oid> = self.head().tree.0.keys().copied().collect();
            return known[self.chance.below(known.len())];
        }
        live[self.chance.below(live.len())]
    }

    fn change_in(&mut self, work: &mut Work) -> bool {
        let oid = self.object(&work.now);
        let parent = self.object(&work.now);
        let own = self.name();
        let is_crowded = work.now.live().len() > LIVE_WANTED;
        match self.chance.below(100) {
            0..25 if !is_crowded => self.add(work, parent, &own),
            0..34 => self.set(work, oid),
            34..40 => self.say(work, oid),
            40..50 => self.move_to(work, oid, parent, &own),
            50..56 => match work.now.place(oid).cloned() {
                Some(place) => self.move_to(work, oid, place.parent, &own),
                None => true,
            },
            56..64 => self.reorder(work, oid),
            64..70 => delete(work, oid),
            70..80 if is_crowded => delete(work, oid),
            70..76 => self.copy(work, oid, parent, &own),
            76..88 => self.restore(work, &own),
            88..92 => {
                let key = CellKey::Attribute(name(["n", "c", "t"][self.chance.below(3)]));
                work.draft.require_unchanged(oid, key.clone());
                work.unchanged.push((oid, key));
                true
            }
            92..97 => {
                work.savepoint = Some((work.draft.savepoint(), work.now.clone(), work.unchanged.len()));
                true
            }
            _ => {
                if let Some((savepoint, then, unchanged)) = work.savepoint.take() {
                    work.draft.roll_back(savepoint);
                    work.now = then;
                    work.unchanged.truncate(unchanged);
                }
                true
            }
        }
    }

    fn add(&mut self, work: &mut Work, parent: Oid, own: &Name) -> bool {
        let kind = name(if self.chance.below(4) == 0 { "page" } else { "folder" });
        let number = Value::Int(self.chance.below(5) as i64);
        let made = work.draft.add(parent, own, &kind, [(name("n"), number.clone())]);
        if !work.has_room(parent, own, None) {
            made.unwrap_err();
            return false;
        }
        let oid = made.unwrap();
        let place = Place { parent, name: own.clone(), order: work.next_order() };
        work.put(oid, CellKey::Type, Some(Content::Type(kind)));
        work.put(oid, CellKey::Attribute(name("n")), Some(Content::Value(number)));
        work.put(oid, CellKey::Place, Some(Content::Place(place)));
        true
    }

    fn set(&mut self, work: &mut Work, oid: Oid) -> bool {
        let attribute = name(["n", "c", "s", "t", "t", "big"][self.chance.below(6)]);
        let now = work.now.value(oid, &attribute).cloned();
        let value = match self.chance.below(12) {
            0 => None,
            _ => Some(self.value(attribute.as_str(), now)),
        };
        let done = work.draft.set(oid, &attribute, value.clone());
        if !work.now.is_live(oid) {
            done.unwrap_err();
            return false;
        }
        done.unwrap();
        work.put(oid, CellKey::Attribute(attribute), value.map(Content::Value));
        true
    }

    /// Says something of who may do what.
    fn say(&mut self, work: &mut Work, oid: Oid) -> bool {
        let (key, content) = random_cell(&mut self.chance);
        let done = write_cell(&mut work.draft, oid, &key, content.as_ref());
        if !work.now.is_live(oid) {
            done.unwrap_err();
            return false;
        }
        done.unwrap();
        work.put(oid, key, content);
        true
    }

    /// A new value of the attribute's kind, near the one it has.
    fn value(&mut self, attribute: &str, now: Option<Value>) -> Value {
        match (attribute, now) {
            ("n", _) => Value::Int(self.chance.below(5) as i64),
            ("c", Some(Value::Counter(count))) => Value::Counter(count + 1 + self.chance.below(9) as i64),
            ("c", _) => Value::Counter(self.chance.below(9) as i64),
            ("s", now) => {
                let mut set = if let Some(Value::Set(set)) = now { set } else { BTreeSet::new() };
                let element = Value::Int(self.chance.below(9) as i64);
                if !set.remove(&element) {
                    set.insert(element);
                }
                Value::Set(set)
            }
            (attribute, now) => {
                let filling = if attribute == "big" { 1_000 } else { 1 };
                let new = (0..LINES).map(|line| format!("{line} {}\n", "x".repeat(filling))).collect();
                let text = now.as_ref().and_then(Value::as_text).map_or(new, str::to_owned);
                let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
                for _ in 0..1 + self.chance.below(2) {
                    let (line, word) = (self.chance.below(LINES), self.chance.below(4));
                    lines[line] = format!("{line} {}\n", word.to_string().repeat(filling));
                }
                lines.concat().into()
            }
        }
    }

    fn move_to(&mut self, work: &mut Work, oid: Oid, parent: Oid, own: &Name) -> bool {
        let done = work.draft.move_to(oid, parent, own);
        let Some(old) = work.now.place(oid).cloned().filter(|_| work.now.is_live(oid)) else {
            done.unwrap_err();
            return false;
        };
        if !work.has_room(parent, own, Some(oid)) {
            done.unwrap_err();
            return false;
        }
        done.unwrap();
        // Back in its container it has its standing again.
        let before = self.history[work.base].tree.place(oid).cloned();
        let known = [Some(old), before].into_iter().flatten().find(|place| place.parent == parent);
        let order = known.map_or_else(|| work.next_order(), |place| place.order);
        work.put(oid, CellKey::Place, Some(Content::Place(Place { parent, name: own.clone(), order })));
        true
    }

    /// Puts an object before, between or behind its siblings.
    fn reorder(&mut self, work: &mut Work, oid: Oid) -> bool {
        let place = work.now.place(oid).cloned();
        let siblings = place.as_ref().map_or(Vec::new(), |place| work.now.children(place.parent));
        let at = self.chance.below(siblings.len() + 1);
        let low = at.checked_sub(1).map(|below| &siblings[below].0);
        let order = OrderKey::between(low, siblings.get(at).map(|above| &above.0));
        let done = work.draft.reorder(oid, order.clone());
        let Some(place) = place.filter(|_| work.now.is_live(oid)) else {
            done.unwrap_err();
            return false;
        };
        done.unwrap();
        work.put(oid, CellKey::Place, Some(Content::Place(Place { order, ..place })));
        true
    }

    fn copy(&mut self, work: &mut Work, oid: Oid, parent: Oid, own: &Name) -> bool {
        if oid == Oid::ROOT {
            return true;
        }
        let source = work.now.clone();
        let done = work.draft.copy(oid, parent, own);
        if !work.now.is_live(oid) || !work.has_room(parent, own, None) {
            done.unwrap_err();
            return false;
        }
        let (top, count) = done.unwrap();
        let mut copied = 0;
        let mut waiting = vec![(oid, top, Place { parent, name: own.clone(), order: work.next_order() })];
        while let Some((original, copy, place)) = waiting.pop() {
            copied += 1;
            // Whose it is and who has roles there does not go along.
            let goes_along =
                |key: &CellKey| !matches!(key, CellKey::Place | CellKey::Owner | CellKey::LocalRoles(_));
            for (key, (_, content)) in source.0[&original].iter().filter(|(key, _)| goes_along(key)) {
                work.put(copy, key.clone(), Some(content.clone()));
            }
            work.put(copy, CellKey::Place, Some(Content::Place(place)));
            for (order, name, child) in source.children(original) {
                let made = work.draft.child(copy, name.as_str()).unwrap().expect("it was copied, too");
                waiting.push((child, made, Place { parent: copy, name, order }));
            }
        }
        assert_eq!(count, copied);
        true
    }

    /// Brings back an object as it was at some commit, to where it was or anywhere.
    fn restore(&mut self, work: &mut Work, own: &Name) -> bool {
        let at = self.chance.below(work.base + 1);
        let then = &self.history[at].tree;
        let known: Vec<Oid> = then.0.keys().copied().collect();
        let oid = known[self.chance.below(known.len())];
        let was = self.database().object_at(oid, self.history[at].tid).unwrap().unwrap();
        let place = self.history[at].tree.place(oid).cloned();
        let (parent, own) = match &place {
            Some(place) if self.chance.below(2) == 0 => (place.parent, place.name.clone()),
            _ => (self.object(&work.now), own.clone()),
        };
        let done = work.draft.restore(&was, parent, &own);
        let kind_fits = work.has_room(parent, &own, Some(oid));
        if oid == Oid::ROOT || !kind_fits {
            done.unwrap_err();
            return false;
        }
        done.unwrap();
        let order = match place {
            Some(place) if place.parent == parent => place.order,
            _ => work.next_order(),
        };
        for (key, content) in work.now.changes_to(&self.history[at].tree, oid) {
            if key != CellKey::Place {
                work.put(oid, key, content);
            }
        }
        work.put(oid, CellKey::Place, Some(Content::Place(Place { parent, name: own, order })));
        true
    }
}

fn delete(work: &mut Work, oid: Oid) -> bool {
    let done = work.draft.delete(oid);
    if oid == Oid::ROOT || !work.now.is_live(oid) {
        done.unwrap_err();
        return false;
    }
    done.unwrap();
    work.put(oid, CellKey::Place, None);
    true
}

impl Work {
    fn put(&mut self, oid: Oid, key: CellKey, content: Option<Content>) {
        self.now.put(oid, key, content, Tid::MAX);
    }

    fn next_order(&mut self) -> OrderKey {
        self.orders += 1;
        OrderKey::at(self.began_micros, self.orders)
    }

    /// Whether something may be put there.
    fn has_room(&self, parent: Oid, own: &Name, moved: Option<Oid>) -> bool {
        let Some(chain) = self.now.chain(parent) else { return false };
        let taken = self.now.child(parent, own).is_some_and(|other| Some(other) != moved);
        !taken && !self.now.is_a(parent, "page") && !moved.is_some_and(|moved| chain.contains(&moved))
    }
}

/// Conflicts as the model tells them.
fn told(conflicts: &[Conflict]) -> Conflicts {
    use bough_core::merge::structure::Violation;
    let tell = |conflict: &Conflict| {
        let oid = conflict.oid;
        match &conflict.reason {
            ConflictReason::Cell(cell) => format!("cell {oid} {}", cell.cell),
            ConflictReason::Deleted => format!("deleted {oid}"),
            ConflictReason::Changed(key) => format!("changed {oid} {key}"),
            ConflictReason::Structure(Violation::NameTaken { .. }) => format!("name {oid}"),
            ConflictReason::Structure(Violation::BelowDeleted { .. }) => format!("below {oid}"),
            ConflictReason::Structure(Violation::Cycle(_)) => format!("cycle {oid}"),
            ConflictReason::Structure(Violation::Orphan { .. }) => format!("orphan {oid}"),
            other => panic!("{other:?}"),
        }
    };
    conflicts.iter().map(tell).collect()
}
