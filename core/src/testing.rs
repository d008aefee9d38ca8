//! Help for tests: a tree in memory, ids and a clock that tests decide about, and trees as text.
//!
//! [`MemoryTree`] says in the plainest way what a store has to answer, so that faster ones can be compared with it.
//!
//! # The text form
//! One object a line: its path, `:type` where that is not `folder`, and its attributes. Containers that are not
//! mentioned before are folders. Values are `true`, `false`, whole numbers, `!block`, and else texts without blanks.
//!
//! ```text
//! / motto=hello
//! /news/today :page title=A body=one
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::{Clock, IdSource};
use crate::object::{Cell, CellChange, Large};
use crate::snapshot::{self, Child, ChildOrder, ChildrenPage, ReadError, Snapshot};
use crate::transaction::{ChangeSet, ObjectChange};
use crate::{CellKey, Content, Name, Object, ObjectPath, Oid, OrderKey, Place, Tid, Value};

/// The type of an object whose line names none.
pub const FOLDER: &str = "folder";

/// Oids that count up: `o1`, `o2`, `o3` ...
#[derive(Debug, Default)]
pub struct CountingIds(AtomicU64);

impl CountingIds {
    /// Begins after `last`.
    pub fn after(last: u64) -> Self {
        Self(AtomicU64::new(last))
    }
}

impl IdSource for CountingIds {
    fn next_oid(&self) -> Oid {
        Oid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1))
    }
}

/// A clock that stands still until it is told to go on.
#[derive(Debug, Default)]
pub struct FixedClock(AtomicU64);

impl FixedClock {
    /// Stands at `micros` since 1970.
    pub fn at(micros: u64) -> Self {
        Self(AtomicU64::new(micros))
    }

    /// Goes on by `micros`.
    pub fn advance(&self, micros: u64) {
        self.0.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Clock for FixedClock {
    fn now_micros(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

type State = BTreeMap<Oid, Arc<Object>>;

/// A site in memory with all that it ever was; as a snapshot, it is its newest state.
#[derive(Clone, Debug)]
pub struct MemoryTree {
    states: BTreeMap<Tid, State>,
}

impl Default for MemoryTree {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryTree {
    /// A site with an empty root folder, at [`Tid::ZERO`].
    pub fn new() -> Self {
        let cell = Cell { tid: Tid::ZERO, content: Content::Type(name(FOLDER)) };
        Self::holding([Object::new(Oid::ROOT, Tid::ZERO, vec![(CellKey::Type, cell)])])
    }

    /// A site with just these objects, sound or not, at [`Tid::ZERO`].
    pub fn holding(objects: impl IntoIterator<Item = Object>) -> Self {
        let state = objects.into_iter().map(|object| (object.oid(), Arc::new(object))).collect();
        Self { states: BTreeMap::from([(Tid::ZERO, state)]) }
    }

    /// A site with the objects of a text, whose oids count from 1, committed as `t1`.
    pub fn seeded(text: &str) -> Self {
        let mut tree = Self::new();
        tree.apply(&plant(text, &CountingIds::default()), Tid::from_micros(1));
        tree
    }

    /// Commits a change set as `tid`, without asking what has changed since its base.
    ///
    /// # Panics
    /// When `tid` does not come after the newest one.
    pub fn apply(&mut self, changes: &ChangeSet, tid: Tid) {
        assert!(tid > self.tid(), "{tid} does not come after {}", self.tid());
        let mut state = self.newest().clone();
        for ObjectChange { oid, cells } in &changes.objects {
            let old =
                state.get(oid).map_or_else(|| Object::new(*oid, tid, Vec::new()), |old| (**old).clone());
            state.insert(*oid, Arc::new(old.with(cells, tid)));
        }
        self.states.insert(tid, state);
    }

    /// The site as it was at `tid`, with what it was before.
    #[must_use]
    pub fn at(&self, tid: Tid) -> Self {
        let states: BTreeMap<_, _> =
            self.states.range(..=tid).map(|(tid, state)| (*tid, state.clone())).collect();
        Self { states }
    }

    /// All objects that there are, also deleted ones, by oid.
    pub fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.newest().values()
    }

    fn newest(&self) -> &State {
        self.states.last_key_value().expect("there is always a first state").1
    }
}

fn child_in(state: &State, parent: Oid, name: &str) -> Option<Oid> {
    let stands = |object: &&Arc<Object>| {
        object.place().is_some_and(|place| place.parent == parent && place.name == name)
    };
    state.values().find(stands).map(|object| object.oid())
}

impl Snapshot for MemoryTree {
    fn tid(&self) -> Tid {
        *self.states.last_key_value().expect("there is always a first state").0
    }

    fn object(&self, oid: Oid) -> Result<Option<Arc<Object>>, ReadError> {
        Ok(self.newest().get(&oid).cloned())
    }

    fn child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        Ok(child_in(self.newest(), parent, name))
    }

    fn children(&self, parent: Oid, page: &ChildrenPage) -> Result<Vec<Child>, ReadError> {
        let as_child = |object: &Arc<Object>| {
            let place = object.place().filter(|place| place.parent == parent)?;
            Some(Child { oid: object.oid(), name: place.name.clone(), order: place.order.clone() })
        };
        let mut children: Vec<Child> = self.newest().values().filter_map(as_child).collect();
        match page.by {
            ChildOrder::Place => children.sort_by_key(|child| (child.order.clone(), child.name.clone())),
            ChildOrder::Name => children.sort_by_key(|child| child.name.clone()),
        }
        if let Some((order, name)) = &page.after {
            children.retain(|child| match page.by {
                ChildOrder::Place => (&child.order, &child.name) > (order, name),
                ChildOrder::Name => &child.name > name,
            });
        }
        children.truncate(page.limit);
        Ok(children)
    }

    fn former_child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        let now = child_in(self.newest(), parent, name);
        let earlier = self.states.values().rev().filter_map(|state| child_in(state, parent, name));
        Ok(earlier.into_iter().find(|was| Some(*was) != now))
    }

    fn last_place(&self, oid: Oid) -> Result<Option<Place>, ReadError> {
        let places = self.states.values().rev().filter_map(|state| state.get(&oid)?.place().cloned());
        Ok({ places }.next())
    }

    fn large(&self, large: &Large) -> Result<Value, ReadError> {
        Err(ReadError::new(
            large.digest.to_string(),
            std::io::Error::other("nothing is kept aside in memory"),
        ))
    }
}

/// The change set that adds the objects of a text to an empty site.
///
/// # Panics
/// When the text is none.
pub fn plant(text: &str, ids: &dyn IdSource) -> ChangeSet {
    let mut planted: BTreeMap<ObjectPath, ObjectChange> = BTreeMap::new();
    planted.insert(ObjectPath::ROOT, ObjectChange { oid: Oid::ROOT, cells: Vec::new() });
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let path = words.next().expect("a line that is not empty has a word");
        let path = ObjectPath::parse(path).unwrap_or_else(|error| panic!("`{line}`: {error}"));
        for steps in 1..=path.names().len() {
            let (above, at) =
                (ObjectPath::from(path.names()[..steps - 1].to_vec()), path.names()[..steps].to_vec());
            let order = OrderKey::at(1, planted.len() as u64);
            let parent = planted[&above].oid;
            planted.entry(at.into()).or_insert_with_key(|at| {
                let place = Place { parent, name: at.names()[steps - 1].clone(), order };
                let cells =
                    [(CellKey::Type, Content::Type(name(FOLDER))), (CellKey::Place, Content::Place(place))];
                ObjectChange {
                    oid: ids.next_oid(),
                    cells: cells.map(|(key, content)| (key, Some(content))).into(),
                }
            });
        }
        let cells = &mut planted.get_mut(&path).expect("it was planted above").cells;
        for word in words {
            let (key, content) = cell(word).unwrap_or_else(|| panic!("`{line}`: `{word}` is no attribute"));
            cells.retain(|(other, _)| *other != key);
            cells.push((key, Some(content)));
        }
    }
    let mut objects: Vec<ObjectChange> = planted.into_values().collect();
    objects.iter_mut().for_each(|object| object.cells.sort_by(|a: &CellChange, b| a.0.cmp(&b.0)));
    objects.retain(|object| !object.cells.is_empty());
    objects.sort_by_key(|object| object.oid);
    ChangeSet { base: Tid::ZERO, objects, unchanged: Vec::new() }
}

fn cell(word: &str) -> Option<(CellKey, Content)> {
    if let Some(of) = word.strip_prefix(':') {
        return Some((CellKey::Type, Content::Type(Name::new(of).ok()?)));
    }
    let (attribute, value) = word.split_once('=')?;
    Some((CellKey::Attribute(Name::new(attribute).ok()?), Content::Value(parse_value(value))))
}

/// A value as it stands in a line of the text form.
pub fn parse_value(text: &str) -> Value {
    match text {
        "true" => true.into(),
        "false" => false.into(),
        "!block" => Value::Block,
        _ => text.parse().map_or_else(|_| text.into(), Value::Int),
    }
}

fn show_value(content: &Content) -> String {
    match content {
        Content::Value(Value::Text(text)) => text.to_string(),
        Content::Value(Value::Bool(truth)) => truth.to_string(),
        Content::Value(Value::Int(number)) => number.to_string(),
        Content::Value(Value::Block) => "!block".into(),
        other => format!("{other:?}"),
    }
}

/// The tree as text: all live objects, children in the order of their places, attributes by name. The root has a
/// line only where it has attributes.
///
/// # Errors
/// When the snapshot cannot be read.
pub fn show(snapshot: &(impl Snapshot + ?Sized)) -> Result<String, ReadError> {
    let mut shown = String::new();
    let mut waiting = vec![(Oid::ROOT, ObjectPath::ROOT)];
    while let Some((oid, path)) = waiting.pop() {
        let Some(object) = snapshot.object(oid)? else { continue };
        let mut line = path.to_string();
        if let Some(of) = object.type_name().filter(|of| *of != FOLDER) {
            line.push_str(&format!(" :{of}"));
        }
        for (attribute, cell) in object.attributes() {
            line.push_str(&format!(" {attribute}={}", show_value(&cell.content)));
        }
        if line != "/" {
            shown.push_str(&line);
            shown.push('\n');
        }
        let children = snapshot.children(oid, &ChildrenPage::first(usize::MAX))?;
        waiting.extend(children.into_iter().rev().map(|child| (child.oid, path.join(&child.name))));
    }
    Ok(shown)
}

/// The oid at a path.
///
/// # Panics
/// When nothing is there.
pub fn oid_at(snapshot: &(impl Snapshot + ?Sized), path: &str) -> Oid {
    let found = ObjectPath::parse(path).map(|path| snapshot::find(snapshot, &path));
    match found {
        Ok(Ok(Some(oid))) => oid,
        other => panic!("nothing at `{path}`: {other:?}"),
    }
}

/// A name that is known to be legal.
///
/// # Panics
/// When it is not.
pub fn name(text: &str) -> Name {
    Name::new(text).unwrap_or_else(|error| panic!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "/ motto=hello\n/news\n/news/today :page body=one rank=3 title=A\n/about _explicit=true stop=!block\n";

    #[test]
    fn a_tree_reads_back_as_it_was_planted() {
        let tree = MemoryTree::seeded(SITE);
        assert_eq!(show(&tree).unwrap(), SITE);
        assert_eq!(show(&MemoryTree::seeded("/a/b/c\n/a title=A\n")).unwrap(), "/a title=A\n/a/b\n/a/b/c\n");
        assert_eq!(oid_at(&tree, "/news/today"), Oid::from_u128(2));
    }

    #[test]
    fn earlier_states_and_former_children_stay_readable() {
        let mut tree = MemoryTree::seeded("/a title=A\n/b");
        let (a, b) = (oid_at(&tree, "/a"), oid_at(&tree, "/b"));
        let first = tree.tid();
        let place = |place: Option<&str>| {
            let place =
                place.map(|at| Place { parent: Oid::ROOT, name: name(at), order: OrderKey::default() });
            vec![(CellKey::Place, place.map(Content::Place))]
        };
        let mut commit = |oid, cells, at| {
            let objects = vec![ObjectChange { oid, cells }];
            tree.apply(&ChangeSet { base: first, objects, unchanged: Vec::new() }, Tid::from_micros(at));
        };
        commit(a, place(Some("c")), 2);
        commit(b, place(Some("a")), 3);
        commit(b, place(None), 4);

        assert_eq!(show(&tree).unwrap(), "/c title=A\n");
        assert_eq!(show(&tree.at(Tid::from_micros(2))).unwrap(), "/c title=A\n/b\n");
        assert_eq!(show(&tree.at(first)).unwrap(), "/a title=A\n/b\n");
        let former =
            |at: u64, name: &str| tree.at(Tid::from_micros(at)).former_child(Oid::ROOT, name).unwrap();
        assert_eq!(
            [former(1, "a"), former(2, "a"), former(3, "a"), former(4, "a")],
            [None, Some(a), Some(a), Some(b)]
        );
        assert_eq!(former(3, "b"), Some(b));
    }
}
