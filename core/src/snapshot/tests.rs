use super::*;
use crate::Place;
use crate::object::{Cell, CellKey};
use crate::testing::{MemoryTree, name};

/// A tree, sound or not, from pairs of an object and its container; one without a container is deleted.
fn tree(places: impl IntoIterator<Item = (u128, Option<u128>)>) -> MemoryTree {
    MemoryTree::holding(places.into_iter().map(|(oid, parent)| {
        let place = parent.map(|parent| Place {
            parent: Oid::from_u128(parent),
            name: name(&format!("n{oid}")),
            order: OrderKey::default(),
        });
        let cell =
            place.map(|place| (CellKey::Place, Cell { tid: Tid::ZERO, content: Content::Place(place) }));
        Object::new(Oid::from_u128(oid), Tid::ZERO, cell.into_iter().collect())
    }))
}

fn printed(chain: &Chain) -> String {
    let walked = |chain: &[Arc<Object>]| {
        chain.iter().map(|object| object.oid().to_string()).collect::<Vec<_>>().join(" ")
    };
    match chain {
        Chain::Live(chain) => format!("live {}", walked(chain)),
        Chain::Deleted(chain) => format!("deleted {}", walked(chain)),
        Chain::Orphan { child, missing } => format!("orphan {child} in {missing}"),
        Chain::Cycle(oids) => {
            format!("cycle {}", oids.iter().map(Oid::to_string).collect::<Vec<_>>().join(" "))
        }
        Chain::Absent => "absent".into(),
    }
}

#[test]
fn a_chain_ends_at_the_root_at_a_deleted_object_or_where_the_tree_is_broken() {
    let tree = tree([
        (0, None),
        (1, Some(0)),
        (2, Some(1)),
        (3, None),
        (4, Some(3)),
        (5, Some(4)),
        (6, Some(99)),
        (7, Some(6)),
        (8, Some(8)),
        (9, Some(10)),
        (10, Some(11)),
        (11, Some(10)),
    ]);
    for (oid, expected) in [
        (0, "live o0"),
        (1, "live o1 o0"),
        (2, "live o2 o1 o0"),
        (3, "deleted o3"),
        (5, "deleted o5 o4 o3"),
        (6, "orphan o6 in o63"),
        (7, "orphan o6 in o63"),
        (8, "cycle o8 o8"),
        (9, "cycle o9 oa ob oa"),
        (11, "cycle ob oa ob"),
        (99, "absent"),
    ] {
        let oid = Oid::from_u128(oid);
        assert_eq!(printed(&chain(&tree, oid).unwrap()), expected, "chain of {oid}");
        assert_eq!(is_live(&tree, oid).unwrap(), expected.starts_with("live"), "{oid}");
        assert_eq!(path_of(&tree, oid).unwrap().is_some(), expected.starts_with("live"), "{oid}");
    }
}

/// Ten thousand containers deep, with the end of the chain at every depth around that where the way of looking for
/// cycles changes.
#[test]
fn deep_chains_end_as_shallow_ones_do() {
    for depth in [14, 15, 16, 17, 18, 33, 10_000] {
        let steps = |top: Option<u128>| (1..depth).map(|at| (at + 1, Some(at))).chain([(0, None), (1, top)]);
        let deepest = Oid::from_u128(depth);
        let live = tree(steps(Some(0)));
        let Chain::Live(found) = chain(&live, deepest).unwrap() else { panic!("not live at {depth}") };
        assert_eq!(found.len() as u128, depth + 1);
        assert_eq!(path_of(&live, deepest).unwrap().unwrap().names().len() as u128, depth);

        let Chain::Deleted(found) = chain(&tree(steps(None)), deepest).unwrap() else {
            panic!("live at {depth}")
        };
        assert_eq!(found.len() as u128, depth);

        let orphan = Chain::Orphan { child: Oid::from_u128(1), missing: Oid::from_u128(u128::MAX) };
        assert_eq!(chain(&tree(steps(Some(u128::MAX))), deepest).unwrap(), orphan);

        for back_to in [1, 2, depth / 2, depth] {
            let Chain::Cycle(found) = chain(&tree(steps(Some(back_to))), deepest).unwrap() else {
                panic!("no cycle at {depth}")
            };
            assert_eq!(found.len() as u128, depth + 1, "from {depth} back to {back_to}");
            assert_eq!(found.last(), Some(&Oid::from_u128(back_to)));
        }
    }
}

#[test]
fn a_path_is_found_step_by_step_and_reads_back() {
    let tree = MemoryTree::seeded("/a/b/c\n/a/c\n/c");
    for (path, found) in
        [("/", true), ("/a/b/c", true), ("/a/c", true), ("/c", true), ("/b", false), ("/a/b/c/d", false)]
    {
        let path = ObjectPath::parse(path).unwrap();
        let oid = find(&tree, &path).unwrap();
        assert_eq!(oid.is_some(), found, "{path}");
        if let Some(oid) = oid {
            assert_eq!(path_of(&tree, oid).unwrap(), Some(path));
        }
    }
}
