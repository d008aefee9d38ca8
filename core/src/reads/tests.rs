use proptest::prelude::*;

use super::*;
use crate::acquisition::{acquire, explain};
use crate::object::Large;
use crate::object_type::TypeRegistry;
use crate::security::{Roles, Scope, Setting};
use crate::snapshot::{Child, ChildOrder, ChildrenPage, is_live, path_of};
use crate::testing::{FOLDER, FixedClock, MemoryTree, name};
use crate::transaction::{SharedSnapshot, Transaction};
use crate::{OrderKey, Place, Tid, Value};

/// A site of which it is noted what is read.
struct Watched(MemoryTree, Reads);

impl Snapshot for Watched {
    fn tid(&self) -> Tid {
        self.0.tid()
    }
    fn object(&self, oid: Oid) -> Result<Option<Arc<Object>>, ReadError> {
        Ok(self.1.object(oid, self.0.object(oid)?))
    }
    fn child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        self.1.note(Fact::Child(parent, name));
        self.0.child(parent, name)
    }
    fn children(&self, parent: Oid, page: &ChildrenPage) -> Result<Vec<Child>, ReadError> {
        self.1.note(Fact::Children(parent));
        self.0.children(parent, page)
    }
    fn former_child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        self.1.note(Fact::Child(parent, name));
        self.0.former_child(parent, name)
    }
    fn last_place(&self, oid: Oid) -> Result<Option<Place>, ReadError> {
        self.1.note(Fact::Object(oid));
        self.0.last_place(oid)
    }
    fn large(&self, large: &Large) -> Result<Value, ReadError> {
        self.0.large(large)
    }
}

/// What to do or to ask, and three choices in it.
type Step = (u8, u8, u8, u8);

const NAMES: [&str; 4] = ["a", "b", "c", "title"];

fn pick<T: Clone>(from: &[T], choice: u8) -> T {
    from[usize::from(choice) % from.len()].clone()
}

fn oids(tree: &MemoryTree) -> Vec<Oid> {
    // One that never was, too.
    tree.objects().map(|object| object.oid()).chain([Oid::from_u128(999)]).collect()
}

fn change(tree: &mut MemoryTree, step: Step) {
    let (what, first, second, third) = step;
    let all = oids(tree);
    let (oid, other, name) = (pick(&all, first), pick(&all, second), name(pick(&NAMES, third)));
    let tid = Tid::from_micros(tree.tid().as_micros() + 1);
    let ids = Arc::new(crate::testing::CountingIds::after(tree.objects().count() as u64));
    let clock = FixedClock::at(tid.as_micros());
    let base: SharedSnapshot = Arc::new(tree.clone());
    let types = Arc::new(TypeRegistry::default());
    let mut work = Transaction::new(base, types, ids, crate::clock::Clock::now_micros(&clock));
    // What is refused changes nothing.
    let _ = match what % 12 {
        0..3 => work.add(oid, &name, &self::name(FOLDER), []).map(drop),
        3..6 => work.set(oid, &name, Some(Value::Int(i64::from(second % 3)))),
        6 => work.set(oid, &name, None),
        7 => work.move_to(oid, other, &name),
        8 => work.reorder(oid, OrderKey::at(u64::from(second), u64::from(third))),
        9 => work.set_type(oid, &self::name(pick(&[FOLDER, "page"], second))),
        10 => {
            let setting = Setting {
                roles: Roles::named([pick(&["Manager", "Anonymous"], second)]),
                acquire: second % 2 == 0,
            };
            work.set_permission(oid, &self::name("View"), Some(setting))
        }
        _ => work.delete(oid),
    };
    tree.apply(&work.finish().unwrap(), tid);
}

/// The answer to a question, in full.
fn ask(tree: &dyn Snapshot, all: &[Oid], (what, first, second, third): Step) -> String {
    let (oid, name) = (pick(all, first), pick(&NAMES, second));
    let types = TypeRegistry::default();
    let page = ChildrenPage {
        by: pick(&[ChildOrder::Place, ChildOrder::Name], third),
        after: None,
        limit: usize::from(third % 3) + 1,
    };
    let object = tree.object(oid).unwrap();
    let told = |cell: Option<&crate::object::Cell>| format!("{:?}", cell.map(|cell| &cell.content));
    match what % 14 {
        0 => told(object.as_ref().and_then(|object| object.attribute(name))),
        1 => told(object.as_ref().and_then(|object| object.cell(&CellKey::Attribute(self::name(name))))),
        2 => format!("{:?}", object.as_ref().and_then(|object| object.type_name())),
        3 => format!("{:?}", object.as_ref().and_then(|object| object.place())),
        4 => format!("{:?}", object.as_ref().map(|object| object.revision())),
        5 => format!("{:?}", object.as_ref().map(|object| object.attributes().count())),
        6 => format!("{:?}", tree.child(oid, name).unwrap()),
        7 => format!("{:?}", tree.children(oid, &page).unwrap()),
        8 => format!("{:?}", is_live(tree, oid).unwrap()),
        9 => format!("{:?}", path_of(tree, oid).unwrap()),
        10 => {
            let found = acquire(tree, &types, oid, name).unwrap();
            format!("{:?}", found.map(|acquired| (acquired.at, acquired.steps)))
        }
        11 => format!("{:?}", explain(tree, &types, oid, name).unwrap().hidden.len()),
        12 => format!("{:?}", Scope::read(tree, oid).unwrap()),
        _ => format!("{:?}", object.as_ref().map(|object| object.cells().len())),
    }
}

fn cases() -> u32 {
    if std::env::var("BOUGH_TEST_SCALE").is_ok_and(|scale| scale == "full") { 100_000 } else { 2_000 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// What was made from nothing that changed would be made again just so.
    #[test]
    fn an_answer_changes_only_with_a_fact_that_it_was_made_from(
        made in prop::collection::vec(any::<Step>(), 1..12),
        changed in prop::collection::vec(any::<Step>(), 1..4),
        asked in prop::collection::vec(any::<Step>(), 1..4),
    ) {
        let mut before = MemoryTree::new();
        made.iter().for_each(|step| change(&mut before, (step.0 % 10, step.1, step.2, step.3)));
        let mut after = before.clone();
        changed.iter().for_each(|step| change(&mut after, *step));
        let mut differing = HashSet::new();
        differing_facts(&before, &after, oids(&after), &mut |fact, _| differing.extend([fact])).unwrap();
        let all = oids(&before);
        for question in asked {
            let reads = Reads::default();
            let was = ask(&Watched(before.clone(), reads.clone()), &all, question);
            prop_assert_eq!(&was, &ask(&before, &all, question), "watching changes nothing");
            if reads.facts().iter().all(|fact| !differing.contains(fact)) {
                prop_assert_eq!(was, ask(&after, &all, question), "{:?}", question);
            }
        }
    }
}

#[test]
fn a_change_touches_what_was_made_from_it_and_nothing_else() {
    let before = MemoryTree::seeded("/a title=A body=x\n/b title=B");
    let mut after = before.clone();
    let a = before.child(Oid::ROOT, "a").unwrap().unwrap();
    let b = before.child(Oid::ROOT, "b").unwrap().unwrap();
    let mut work = Transaction::new(
        Arc::new(before.clone()),
        Arc::default(),
        Arc::new(crate::testing::CountingIds::after(50)),
        9,
    );
    work.set(a, &name("title"), Some("C".into())).unwrap();
    work.move_to(b, a, &name("c")).unwrap();
    after.apply(&work.finish().unwrap(), Tid::from_micros(9));
    let mut differing = HashSet::new();
    differing_facts(&before, &after, [a, b], &mut |fact, _| differing.extend([fact])).unwrap();
    for (fact, is_touched) in [
        (Fact::Attribute(a, "title"), true),
        (Fact::Attribute(a, "body"), false),
        (Fact::Attribute(b, "title"), false),
        (Fact::Object(a), true),
        (Fact::Cell(b, &CellKey::Place), true),
        (Fact::Cell(a, &CellKey::Place), false),
        (Fact::Child(Oid::ROOT, "b"), true),
        (Fact::Child(a, "c"), true),
        (Fact::Child(a, "b"), false),
        (Fact::Children(Oid::ROOT), true),
        (Fact::Children(a), true),
        (Fact::Children(b), false),
        (Fact::Security(a), false),
    ] {
        assert_eq!(differing.contains(&fact.id()), is_touched, "{fact:?}");
    }
}
