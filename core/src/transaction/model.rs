//! Random transactions on a transaction and on nested maps, which must agree after every step.

use std::collections::{BTreeMap, BTreeSet};

use super::tests::{begin, committed, list_by_pages};
use super::*;
use crate::snapshot::ChildOrder;
use crate::testing::{CountingIds, FOLDER, MemoryTree, name};

/// How many steps: enough to meet every pair of calls, or with `BOUGH_TEST_SCALE=full` most triples.
fn steps() -> u64 {
    if std::env::var("BOUGH_TEST_SCALE").is_ok_and(|scale| scale == "full") { 100_000 } else { 5_000 }
}
/// Steps on one site, so that its history stays small.
const STEPS_PER_SITE: u64 = 1_000;
/// Beyond this nothing is copied, and more is deleted than made.
const OBJECTS_MAX: usize = 60;
const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "_g"];
const PAGE: &str = "page";

#[derive(Clone, Debug, PartialEq)]
struct Node {
    oid: Oid,
    of: Name,
    attributes: BTreeMap<Name, Value>,
    order: OrderKey,
    children: BTreeMap<Name, Node>,
}

/// The site as nested maps. What is deleted lies aside, with what is in it, by its topmost object.
#[derive(Clone, Debug, PartialEq)]
struct Model {
    root: Node,
    deleted: BTreeMap<Oid, Node>,
}

/// An object of a model without its children, and where it stands.
type Flat<'a> = BTreeMap<Oid, (Option<(Oid, &'a Name)>, &'a Node)>;
type Refused = &'static str;
/// What the transaction said to a call and what the model says.
type Answers = (Result<(), TransactionError>, Result<(), Refused>);

impl Node {
    fn with_all(&self, visit: &mut impl FnMut(&Node)) {
        visit(self);
        self.children.values().for_each(|child| child.with_all(visit));
    }

    fn oids(&self) -> Vec<Oid> {
        let mut oids = Vec::new();
        self.with_all(&mut |node| oids.push(node.oid));
        oids
    }

    fn find(&mut self, oid: Oid) -> Option<&mut Self> {
        if self.oid == oid {
            Some(self)
        } else {
            self.children.values_mut().find_map(|child| child.find(oid))
        }
    }

    fn take(&mut self, oid: Oid) -> Option<Self> {
        let found = self.children.iter().find(|(_, child)| child.oid == oid).map(|(name, _)| name.clone());
        match found {
            Some(name) => self.children.remove(&name),
            None => self.children.values_mut().find_map(|child| child.take(oid)),
        }
    }

    fn flatten<'a>(&'a self, place: Option<(Oid, &'a Name)>, flat: &mut Flat<'a>) {
        flat.insert(self.oid, (place, self));
        self.children.iter().for_each(|(name, child)| child.flatten(Some((self.oid, name)), flat));
    }
}

impl Model {
    fn new() -> Self {
        let (of, order) = (name(FOLDER), OrderKey::default());
        let root = Node { oid: Oid::ROOT, of, attributes: BTreeMap::new(), order, children: BTreeMap::new() };
        Self { root, deleted: BTreeMap::new() }
    }

    fn flat(&self) -> Flat<'_> {
        let mut flat = BTreeMap::new();
        self.root.flatten(None, &mut flat);
        self.deleted.values().for_each(|top| top.flatten(None, &mut flat));
        flat
    }

    fn live(&mut self, oid: Oid) -> Result<&mut Node, Refused> {
        self.root.find(oid).ok_or("not there")
    }

    /// Takes the object out of wherever it is, with all that is in it.
    fn take(&mut self, oid: Oid) -> Option<Node> {
        let deleted = self.deleted.remove(&oid);
        deleted
            .or_else(|| self.root.take(oid))
            .or_else(|| self.deleted.values_mut().find_map(|top| top.take(oid)))
    }

    fn require_room(&mut self, parent: Oid, name: &Name, moved: Option<Oid>) -> Result<(), Refused> {
        let container = self.live(parent)?.clone();
        if moved.is_some_and(|oid| self.root.find(oid).is_some_and(|moved| moved.oids().contains(&parent))) {
            return Err("into itself");
        }
        if container.of == PAGE {
            return Err("not allowed");
        }
        match container.children.get(name) {
            Some(other) if Some(other.oid) != moved => Err("taken"),
            _ => Ok(()),
        }
    }

    /// Puts the node there; without an order it must be the last child, and gets that which it has in `snapshot`.
    fn put(
        &mut self,
        parent: Oid,
        name: &Name,
        mut node: Node,
        order: Option<OrderKey>,
        snapshot: &dyn Snapshot,
    ) {
        let siblings = &mut self.root.find(parent).unwrap().children;
        node.order = order.unwrap_or_else(|| {
            let made = snapshot.object(node.oid).unwrap().unwrap().place().unwrap().order.clone();
            assert!(
                siblings.values().all(|sibling| sibling.order < made),
                "`{name}` is not the last child: {made} in {siblings:?}"
            );
            made
        });
        siblings.insert(name.clone(), node);
    }

    /// What remains of what was deleted once the transaction that began at `base` is committed: of that which lies
    /// in something deleted, what it was at `base`, unless it then stood where something still stands.
    fn buried(self, base: &Self) -> Self {
        let live: BTreeSet<Oid> = self.root.oids().into_iter().collect();
        let (before, now) = (base.flat(), self.flat());
        let mut tops = BTreeMap::new();
        let mut inner: BTreeMap<Oid, Vec<(Name, Node)>> = BTreeMap::new();
        for (oid, (place, was)) in before.iter().filter(|(oid, _)| !live.contains(oid)) {
            let from_live = place.is_some_and(|(parent, _)| live.contains(&parent));
            let is_top = self.deleted.contains_key(oid) || from_live;
            let node = if is_top { now[oid].1 } else { was };
            let node = Node { children: BTreeMap::new(), ..node.clone() };
            match place {
                Some((parent, name)) if !is_top => {
                    inner.entry(*parent).or_default().push(((*name).clone(), node))
                }
                _ => {
                    tops.insert(*oid, node);
                }
            }
        }
        tops.values_mut().for_each(|top| fill(top, &inner));
        Self { root: self.root.clone(), deleted: tops }
    }
}

fn fill(node: &mut Node, inner: &BTreeMap<Oid, Vec<(Name, Node)>>) {
    node.children = inner.get(&node.oid).cloned().unwrap_or_default().into_iter().collect();
    node.children.values_mut().for_each(|child| fill(child, inner));
}

/// Xorshift, after Marsaglia, "Xorshift RNGs", 2003. Says with which seed it began when a test fails.
struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    fn new(seed: u64) -> Self {
        Self { seed, state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        ((self.state >> 11) % bound as u64) as usize
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with seed {}: run again with BOUGH_TEST_SEED={}", self.seed, self.seed);
        }
    }
}

fn word(error: &TransactionError) -> Refused {
    match error {
        TransactionError::NoSuchObject(_) => "not there",
        TransactionError::NameTaken { .. } => "taken",
        TransactionError::NotAllowedHere { .. } => "not allowed",
        TransactionError::IntoItself(_) => "into itself",
        TransactionError::Root => "root",
        other => panic!("{other}"),
    }
}

/// One transaction and the model of what it sees.
struct Pair<'a> {
    random: &'a mut Random,
    transaction: Transaction,
    model: Model,
    base: &'a Model,
    savepoints: Vec<(Savepoint, Model)>,
    /// Objects as they were at some time, to be restored.
    past: Vec<Arc<Object>>,
}

impl Pair<'_> {
    /// Mostly a live object, sometimes one that is deleted or was never there.
    fn some_oid(&mut self) -> Oid {
        let dead: Vec<Oid> = self.model.deleted.values().flat_map(Node::oids).collect();
        match self.random.below(20) {
            0 => Oid::from_u128(u128::MAX),
            1 if !dead.is_empty() => self.random.pick(&dead),
            _ => self.random.pick(&self.model.root.oids()),
        }
    }

    fn some_name(&mut self) -> Name {
        name(self.random.pick(&NAMES))
    }

    fn some_value(&mut self) -> Value {
        let number = self.random.below(4) as i64;
        self.random.pick(&[Value::Int(number), Value::from("text"), Value::Block])
    }

    /// Does one call on both and compares what they say to it.
    fn step(&mut self) {
        let (oid, parent, name) = (self.some_oid(), self.some_oid(), self.some_name());
        let is_full = self.model.root.oids().len() > OBJECTS_MAX;
        let (said, expected) = match self.random.below(100) {
            0..25 if !is_full => self.add(parent, &name),
            0..45 => self.set(oid, &name),
            45..49 => self.set_type(oid),
            49..67 => self.move_to(oid, parent, &name),
            67..75 => self.reorder(oid),
            75..83 => self.delete(oid),
            83..91 => self.restore(parent, &name),
            91..94 if !is_full => self.copy(oid, parent, &name),
            94..97 => return self.savepoints.push((self.transaction.savepoint(), self.model.clone())),
            _ => return self.roll_back(),
        };
        assert_eq!(said.map_err(|error| word(&error)), expected, "{oid} {parent} {name}");
    }

    fn add(&mut self, parent: Oid, name: &Name) -> Answers {
        let expected = self.model.require_room(parent, name, None);
        let of = self.random.pick(&[FOLDER, FOLDER, FOLDER, PAGE]).parse::<Name>().unwrap();
        let attributes = BTreeMap::from([(self.some_name(), self.some_value())]);
        let said = self.transaction.add(parent, name, &of, attributes.clone());
        if let Ok(oid) = said {
            let node = Node { oid, of, attributes, order: OrderKey::default(), children: BTreeMap::new() };
            self.model.put(parent, name, node, None, &self.transaction);
        }
        (said.map(drop), expected)
    }

    fn set(&mut self, oid: Oid, attribute: &Name) -> Answers {
        let value = (self.random.below(4) > 0).then(|| self.some_value());
        let expected = self.model.live(oid).map(|node| match &value {
            Some(value) => drop(node.attributes.insert(attribute.clone(), value.clone())),
            None => drop(node.attributes.remove(attribute)),
        });
        (self.transaction.set(oid, attribute, value), expected)
    }

    fn set_type(&mut self, oid: Oid) -> Answers {
        let of = name(self.random.pick(&[FOLDER, FOLDER, PAGE]));
        let above = self.model.flat().get(&oid).and_then(|(place, _)| place.map(|place| place.0));
        let is_in_page = above.is_some_and(|above| self.model.live(above).is_ok_and(|node| node.of == PAGE));
        let expected = match self.model.live(oid) {
            Ok(node) if is_in_page || (of == PAGE && !node.children.is_empty()) => Err("not allowed"),
            node => node.map(|node| node.of = of.clone()),
        };
        (self.transaction.set_type(oid, &of), expected)
    }

    fn move_to(&mut self, oid: Oid, parent: Oid, to: &Name) -> Answers {
        let expected = match self.model.live(oid) {
            Ok(_) if oid == Oid::ROOT => Err("root"),
            Ok(_) => self.model.require_room(parent, to, Some(oid)),
            Err(refused) => Err(refused),
        };
        let said = self.transaction.move_to(oid, parent, to);
        if said.is_ok() {
            let found_in = |model: &Model| {
                let (place, node) = model.flat().get(&oid).copied()?;
                place.is_some_and(|place| place.0 == parent).then(|| node.order.clone())
            };
            let order = found_in(&self.model).or_else(|| found_in(self.base));
            let node = self.model.take(oid).unwrap();
            self.model.put(parent, to, node, order, &self.transaction);
        }
        (said, expected)
    }

    fn reorder(&mut self, oid: Oid) -> Answers {
        let orders: Vec<OrderKey> = self.model.flat().values().map(|(_, node)| node.order.clone()).collect();
        let (low, high) = (self.random.pick(&orders), self.random.pick(&orders));
        let order = match self.random.below(4) {
            0 => OrderKey::between(None, Some(&high)),
            1 => OrderKey::between(Some(&low), None),
            2 => low,
            _ => OrderKey::between(Some(&low), Some(&high)),
        };
        let expected = match self.model.live(oid) {
            Ok(_) if oid == Oid::ROOT => Err("root"),
            found => found.map(|node| node.order = order.clone()),
        };
        (self.transaction.reorder(oid, order), expected)
    }

    fn delete(&mut self, oid: Oid) -> Answers {
        self.past.extend(self.transaction.object(oid).unwrap().filter(|_| oid != Oid::ROOT));
        let expected = match self.model.live(oid) {
            Ok(_) if oid == Oid::ROOT => Err("root"),
            Ok(_) => {
                let node = self.model.take(oid).unwrap();
                self.model.deleted.insert(oid, node);
                Ok(())
            }
            Err(refused) => Err(refused),
        };
        (self.transaction.delete(oid), expected)
    }

    fn restore(&mut self, parent: Oid, to: &Name) -> Answers {
        if self.past.is_empty() {
            return (Ok(()), Ok(()));
        }
        let was = self.random.pick(&self.past);
        // Half of the time to where it was.
        let (parent, to) = match was.place().filter(|_| self.random.below(2) == 0) {
            Some(place) => (place.parent, place.name.clone()),
            None => (parent, to.clone()),
        };
        let has_children =
            self.model.flat().get(&was.oid()).is_some_and(|(_, node)| !node.children.is_empty());
        let expected = self.model.require_room(parent, &to, Some(was.oid())).and_then(|()| {
            if as_node(&was).of == PAGE && has_children { Err("not allowed") } else { Ok(()) }
        });
        let said = self.transaction.restore(&was, parent, &to);
        if said.is_ok() {
            let children = self.model.take(was.oid()).map(|node| node.children).unwrap_or_default();
            let order = was.place().filter(|place| place.parent == parent).map(|place| place.order.clone());
            let node = Node { children, ..as_node(&was) };
            self.model.put(parent, &to, node, order, &self.transaction);
        }
        (said, expected)
    }

    fn copy(&mut self, oid: Oid, parent: Oid, to: &Name) -> Answers {
        let source = self.model.live(oid).cloned();
        let expected = match &source {
            Ok(_) => self.model.require_room(parent, to, None),
            Err(refused) => Err(*refused),
        };
        let said = self.transaction.copy(oid, parent, to);
        if let (Ok((copy, count)), Ok(mut source)) = (&said, source) {
            assert_eq!(*count as usize, source.oids().len());
            rename_oids(&mut source, *copy, &self.transaction);
            self.model.put(parent, to, source, None, &self.transaction);
        }
        (said.map(drop), expected)
    }

    fn roll_back(&mut self) {
        if !self.savepoints.is_empty() {
            let at = self.random.below(self.savepoints.len());
            self.savepoints.truncate(at + 1);
            self.transaction.roll_back(self.savepoints[at].0);
            self.model = self.savepoints[at].1.clone();
        }
    }
}

fn as_node(object: &Object) -> Node {
    let attributes = object.attributes().map(|(name, cell)| match &cell.content {
        Content::Value(value) => (name.clone(), value.clone()),
        other => panic!("{other:?} is no value"),
    });
    Node {
        oid: object.oid(),
        of: object.type_name().unwrap().clone(),
        attributes: attributes.collect(),
        order: object.place().map(|place| place.order.clone()).unwrap_or_default(),
        children: BTreeMap::new(),
    }
}

/// Gives the nodes of a copy the oids that were made for them.
fn rename_oids(node: &mut Node, oid: Oid, snapshot: &dyn Snapshot) {
    node.oid = oid;
    for (name, child) in &mut node.children {
        let copy = snapshot.child(oid, name.as_str()).unwrap().unwrap();
        assert_ne!(copy, child.oid, "a copy is another object");
        rename_oids(child, copy, snapshot);
    }
}

/// Every way of reading gives what the model says.
fn assert_agrees(snapshot: &(impl Snapshot + ?Sized), model: &Model, random: &mut Random) {
    let mut waiting = vec![(&model.root, ObjectPath::ROOT)];
    while let Some((node, path)) = waiting.pop() {
        assert_eq!(snapshot::find(snapshot, &path).unwrap(), Some(node.oid), "{path}");
        assert_eq!(snapshot::path_of(snapshot, node.oid).unwrap().as_ref(), Some(&path));
        let found = as_node(&snapshot.object(node.oid).unwrap().unwrap());
        assert_eq!(found, Node { children: BTreeMap::new(), ..node.clone() }, "{path}");
        for absent in NAMES.map(name).iter().filter(|name| !node.children.contains_key(*name)) {
            assert_eq!(snapshot.child(node.oid, absent.as_str()).unwrap(), None, "{absent} in {path}");
        }
        let by_name: Vec<_> = node.children.iter().map(|(name, child)| (child.oid, name.clone())).collect();
        let mut by_place = by_name.clone();
        by_place.sort_by_key(|(_, name)| (&node.children[name].order, name.clone()));
        for (by, expected) in [(ChildOrder::Name, by_name), (ChildOrder::Place, by_place)] {
            let limit = random.below(6) + 1;
            assert_eq!(list_by_pages(snapshot, node.oid, by, limit), expected, "{path} {by:?} by {limit}");
        }
        waiting.extend(node.children.iter().map(|(name, child)| (child, path.join(name))));
    }
    for top in model.deleted.keys() {
        assert!(!snapshot::is_live(snapshot, *top).unwrap(), "{top} is deleted");
    }
}

/// The committed tree holds what the model holds, the deleted included.
fn assert_holds(tree: &MemoryTree, model: &Model) {
    let flat = model.flat();
    assert_eq!(tree.objects().count(), flat.len());
    for object in tree.objects() {
        let (place, node) = flat[&object.oid()];
        let stands = object.place().map(|place| (place.parent, &place.name));
        assert_eq!(stands, place, "{}", object.oid());
        let found = as_node(object);
        assert_eq!((&found.of, &found.attributes), (&node.of, &node.attributes), "{}", object.oid());
    }
}

/// The names under which nothing stands any more, with what stood there.
fn former_children(snapshot: &dyn Snapshot, model: &Model) -> Vec<(Oid, &'static str, Option<Oid>)> {
    let mut former = Vec::new();
    model.root.with_all(&mut |node| {
        for absent in NAMES.iter().filter(|absent| !node.children.contains_key(**absent)) {
            former.push((node.oid, *absent, snapshot.former_child(node.oid, absent).unwrap()));
        }
    });
    former
}

fn run(seed: u64) {
    let mut random = Random::new(seed);
    let ids = Arc::new(CountingIds::default());
    let (mut tree, mut base) = (MemoryTree::new(), Model::new());
    let mut step = 0;
    while step < STEPS_PER_SITE {
        let past = (0..10).filter_map(|_| {
            let tid = Tid::from_micros(random.below(tree.tid().as_micros() as usize + 1) as u64);
            let earlier: Vec<Arc<Object>> = tree.at(tid).objects().skip(1).cloned().collect();
            (!earlier.is_empty()).then(|| random.pick(&earlier))
        });
        let past = past.collect();
        let transaction = begin(&tree, &ids);
        let (model, savepoints) = (base.clone(), Vec::new());
        let mut pair = Pair { random: &mut random, transaction, model, base: &base, savepoints, past };
        for _ in 0..pair.random.below(40) + 1 {
            pair.step();
            assert_agrees(&pair.transaction, &pair.model, pair.random);
            step += 1;
        }
        let Pair { transaction, model, .. } = pair;
        if random.below(8) == 0 {
            continue;
        }
        let former = former_children(&transaction, &model);
        let unchanged = transaction.is_unchanged();
        let after = committed(&tree, transaction);
        assert_eq!(unchanged, tree.objects().eq(after.objects()), "it says whether anything changed");
        assert_eq!(former_children(&after, &model), former);
        assert_agrees(&after, &model, &mut random);
        let model = model.buried(&base);
        assert_holds(&after, &model);
        (tree, base) = (after, model);
    }
}

#[test]
fn random_transactions_agree_with_nested_maps() {
    match std::env::var("BOUGH_TEST_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => run(seed),
        None => (1..=steps() / STEPS_PER_SITE).for_each(run),
    }
}
