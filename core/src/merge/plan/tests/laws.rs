//! What holds of every merge, on random sites, work and decisions.

use proptest::prelude::*;

use super::*;
use crate::merge::structure::Checker;
use crate::order::ORDERED;
use crate::snapshot::{ChildOrder, ChildrenPage, is_live};
use crate::{Object, Value};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// How many merges are tried.
pub(super) fn cases() -> u32 {
    if std::env::var("BOUGH_TEST_SCALE").is_ok_and(|scale| scale == "full") { 50_000 } else { 500 }
}

/// What to do, and three choices in doing it.
pub(super) type Step = (u8, u8, u8, u8);

pub(super) fn steps(number: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any::<Step>(), number)
}

fn pick<T: Clone>(from: &[T], choice: u8) -> T {
    from[usize::from(choice) % from.len()].clone()
}

fn live(tree: &dyn Snapshot, objects: impl Iterator<Item = Oid>) -> Vec<Oid> {
    objects.filter(|oid| is_live(tree, *oid).unwrap()).collect()
}

fn oids(tree: &MemoryTree) -> Vec<Oid> {
    tree.objects().map(|object| object.oid()).collect()
}

/// Does what the step says, if that can be done.
pub(super) fn step(fork: &mut Fork, side: Side, (what, first, second, third): Step) {
    let tree = fork.side(side).clone();
    let here = live(&tree, tree.objects().map(|object| object.oid()));
    let (oid, other, name) = (pick(&here, first), pick(&here, second), name(pick(&NAMES, third)));
    if what % 16 == 15 && side == Side::Parent && oid != Oid::ROOT {
        return unmake(fork, oid);
    }
    fork.work(side, |work| {
        // What is refused changes nothing.
        let _ = match what % 16 {
            0..3 => work.add(oid, &name, &self::name(FOLDER), []).map(drop),
            3..5 => work.set(oid, &name, Some(Value::Int(i64::from(second % 3)))),
            5 => work.set(oid, &name, None),
            6..11 => work.move_to(oid, other, &name),
            11 => {
                let kept = work.object(oid).unwrap().unwrap().place().map(|place| place.name.clone());
                work.move_to(oid, other, &kept.unwrap_or(name))
            }
            12 => work.reorder(oid, OrderKey::at(u64::from(second), u64::from(third))),
            13 => work.set_type(oid, &self::name(pick(&[FOLDER, "page"], second))),
            14 if second % 3 == 0 => work.set(oid, &self::name(ORDERED), Some(Value::Bool(third % 4 > 0))),
            _ => work.delete(oid),
        };
    });
}

/// Leaves nothing of an object and what is in it.
fn unmake(fork: &mut Fork, top: Oid) {
    let gone: Vec<Arc<Object>> = fork.parent.objects().cloned().collect();
    let is_below = |object: &Arc<Object>| match crate::snapshot::chain(&fork.parent, object.oid()).unwrap() {
        crate::snapshot::Chain::Live(chain) => chain.iter().any(|container| container.oid() == top),
        _ => false,
    };
    let writes = gone.iter().filter(|object| is_below(object)).map(|object| ObjectChange {
        oid: object.oid(),
        cells: object.cells().iter().map(|(key, _)| (key.clone(), None)).collect(),
    });
    let plan = Plan { writes: writes.collect(), ..Plan::default() };
    apply(&mut fork.parent, &plan);
}

pub(super) fn site(types: Arc<TypeRegistry>, made: &[Step]) -> MemoryTree {
    let mut fork = Fork { types, ..Fork::of(MemoryTree::new()) };
    for (_, first, second, third) in made {
        step(&mut fork, Side::Version, (*first % 5, *second, *third, first.wrapping_mul(7)));
    }
    fork.version
}

fn fork(made: &[Step], version: &[Step], parent: &[Step]) -> Fork {
    worked(Fork::of(site(Arc::default(), made)), version, parent)
}

/// The fork after these steps on either side.
pub(super) fn worked(mut fork: Fork, version: &[Step], parent: &[Step]) -> Fork {
    version.iter().for_each(|done| step(&mut fork, Side::Version, *done));
    parent.iter().for_each(|done| step(&mut fork, Side::Parent, *done));
    fork
}

/// That the tree is one, that the plan shows it as it becomes, and that everything written is there or deleted.
pub(super) fn assert_sound(fork: &Fork, plan: &Plan) {
    let merged = fork.merged(plan);
    let planned = Planned::new(&fork.parent, plan).unwrap();
    let mut checker = Checker::default();
    for write in &plan.writes {
        assert_eq!(checker.check(&merged, write.oid).unwrap(), None, "{write:?} in {plan:?}");
        let was = fork.parent.object(write.oid).unwrap();
        for (key, content) in &write.cells {
            let was = was.as_ref().and_then(|object| object.content(key));
            assert_ne!(was, content.as_ref(), "{} {key} is written and is so", write.oid);
        }
    }
    assert_eq!(show(&planned).unwrap(), show(&merged).unwrap());
    for oid in live(&merged, oids(&merged).into_iter()) {
        assert!(merged.object(oid).unwrap().unwrap().type_name().is_some(), "{oid} has no type");
        for by in [ChildOrder::Name, ChildOrder::Place] {
            let page = ChildrenPage { by, after: None, limit: usize::MAX };
            let children = merged.children(oid, &page).unwrap();
            let names: BTreeSet<&Name> = children.iter().map(|child| &child.name).collect();
            assert_eq!(names.len(), children.len(), "{children:?} in {plan:?}");
            let mut page = ChildrenPage { limit: 2, ..page };
            let mut listed = Vec::new();
            loop {
                let part = planned.children(oid, &page).unwrap();
                let Some(last) = part.last() else { break };
                page = page.following(last);
                listed.extend(part);
            }
            assert_eq!(listed, children);
            for child in &children {
                assert_eq!(planned.child(oid, child.name.as_str()).unwrap(), Some(child.oid));
            }
        }
    }
}

/// What somebody might say to a conflict, sense or nonsense.
fn answer(fork: &Fork, conflict: &Conflict, (what, first, second, third): Step) -> Resolution {
    let mut everything = oids(&fork.parent);
    everything.extend(oids(&fork.version));
    let (oid, other, name) = (pick(&everything, first), pick(&everything, second), name(pick(&NAMES, third)));
    match what % 12 {
        0..3 => Resolution::Version,
        3..6 => Resolution::Parent,
        6 => Resolution::Same,
        7 => Resolution::Both {
            rename: if first % 2 == 0 { Side::Version } else { Side::Parent },
            to: match &conflict.kind {
                ConflictKind::Name { suggested, .. } if second % 2 == 0 => suggested.clone(),
                _ => name,
            },
        },
        8 => Resolution::Value(match first % 4 {
            0 => None,
            1 => Some(Content::Value(Value::Int(i64::from(second)))),
            2 => Some(Content::Type(name)),
            _ => Some(Content::Place(Place { parent: other, name, order: OrderKey::default() })),
        }),
        _ => Resolution::Rescue(match &conflict.kind {
            ConflictKind::Deleted { inner, .. } if what % 12 > 9 => inner
                .iter()
                .map(|inner| (inner.oid, if first % 2 == 0 { Oid::ROOT } else { other }))
                .collect(),
            _ => vec![(oid, other), (other, oid)],
        }),
    }
}

/// The three trees, with their objects' ids.
pub(super) fn told(fork: &Fork) -> String {
    let tree = |(called, tree): (&str, &MemoryTree)| {
        let line = |object: &Arc<Object>| {
            let path = path_of(tree, object.oid()).unwrap();
            let place = object.place().map(|place| (place.parent, place.name.clone()));
            let path = path.map_or_else(|| format!("dead {place:?}"), |path| path.to_string());
            let cells: Vec<String> =
                object.attributes().map(|(name, cell)| format!("{name}={:?}", cell.content)).collect();
            format!("  {} {path} {}\n", object.oid(), cells.join(" "))
        };
        format!("{called}\n{}", tree.objects().map(line).collect::<String>())
    };
    [("base", &fork.base), ("version", &fork.version), ("parent", &fork.parent)].map(tree).concat()
}

/// Says the same to every conflict that comes up; answers those that it does not settle.
pub(super) fn settle_all(fork: &Fork, resolution: &Resolution) -> Vec<Conflict> {
    let mut resolutions = Resolutions::new();
    // Each round may bring to light what lay below.
    for _ in 0..30 {
        let plan = fork.plan(&resolutions);
        assert_sound(fork, &plan);
        let before = resolutions.clone();
        for conflict in &plan.conflicts {
            resolutions.insert(conflict.key.clone(), (conflict.fingerprint, resolution.clone()));
        }
        if resolutions == before {
            return plan.conflicts;
        }
    }
    panic!("there is no end of it: {}{resolutions:#?}", told(fork));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn where_one_side_did_nothing_the_other_is_the_result(made in steps(4..14), done in steps(0..14)) {
        let fork = fork(&made, &done, &[]);
        let plan = fork.plan(&Resolutions::new());
        prop_assert_eq!((&plan.conflicts, &plan.notices), (&vec![], &vec![]));
        prop_assert_eq!(show(&fork.merged(&plan)).unwrap(), show(&fork.version).unwrap());
        let fork = self::fork(&made, &[], &done);
        prop_assert_eq!(fork.plan(&Resolutions::new()), Plan::default());
    }

    #[test]
    fn a_merge_leaves_a_tree_whatever_people_decide(
        made in steps(4..14),
        version in steps(0..14),
        parent in steps(0..14),
        answers in prop::collection::vec(any::<Step>(), 1..12),
    ) {
        let fork = fork(&made, &version, &parent);
        let mut resolutions = Resolutions::new();
        let mut answers = answers.iter().copied().cycle();
        for _ in 0..5 {
            let plan = fork.plan(&resolutions);
            assert_sound(&fork, &plan);
            for conflict in plan.conflicts {
                let said = answer(&fork, &conflict, answers.next().unwrap());
                resolutions.insert(conflict.key, (conflict.fingerprint, said));
            }
        }
    }

    #[test]
    fn taking_the_parent_lines_side_everywhere_settles_everything(made in steps(4..14), version in steps(0..14), parent in steps(0..14)) {
        let fork = fork(&made, &version, &parent);
        let open = settle_all(&fork, &Resolution::Parent);
        prop_assert!(open.is_empty(), "{}{open:#?}", told(&fork));
        // The version's does but where the place to which it would have something back is gone.
        for conflict in settle_all(&fork, &Resolution::Version) {
            let alone = matches!(conflict.kind, ConflictKind::Cell { .. } | ConflictKind::Type { .. });
            prop_assert!(!alone, "{}{conflict:#?}", told(&fork));
        }
    }

    /// What somebody made or worked on and still has is there, or a conflict says that it is not.
    #[test]
    fn nothing_is_lost_in_silence(made in steps(4..14), version in steps(0..14), parent in steps(0..14)) {
        let fork = fork(&made, &version, &parent);
        let plan = fork.plan(&Resolutions::new());
        if plan.conflicts.is_empty() {
            let merged = fork.merged(&plan);
            for side in [Side::Version, Side::Parent] {
                let tree = fork.side(side);
                for oid in live(tree, oids(tree).into_iter()) {
                    let (was, is) = (fork.base.object(oid).unwrap(), tree.object(oid).unwrap());
                    let differing = differing_cells(was.as_deref(), is.as_deref());
                    let changed = differing.iter().any(|(_, was, is)| cells::is_change(*was, *is));
                    prop_assert!(!changed || is_live(&merged, oid).unwrap(), "{}{oid}", told(&fork));
                    let other = fork.side(if side == Side::Version { Side::Parent } else { Side::Version });
                    let (other, merged) = (other.object(oid).unwrap(), merged.object(oid).unwrap());
                    let content = |object: &Option<Arc<Object>>, key| object.as_ref().and_then(|o| o.content(key).cloned());
                    for (key, was, is) in differing.into_iter().filter(|(_, was, is)| cells::is_change(*was, *is)) {
                        if content(&other, key).as_ref() == was {
                            let kept = content(&merged, key);
                            prop_assert_eq!(kept.as_ref(), is, "{}{} {}", told(&fork), oid, key);
                        }
                    }
                }
            }
        }
    }

    /// Where deletions are undone and both of a name are kept, everything is there that somebody has; and where they
    /// stand, what is not there was listed.
    #[test]
    fn nothing_is_lost_that_was_not_listed(
        made in steps(4..14),
        version in steps(0..14),
        parent in steps(0..14),
        stands in any::<[bool; 4]>(),
    ) {
        let fork = fork(&made, &version, &parent);
        let mut resolutions = Resolutions::new();
        let mut plan = fork.plan(&resolutions);
        for round in 0..12 {
            for conflict in &plan.conflicts {
                let pick = |side: Side| if side == Side::Version { Resolution::Version } else { Resolution::Parent };
                let said = match &conflict.kind {
                    ConflictKind::Deleted { by, .. } => pick(if stands[round % 4] { *by } else { by.other() }),
                    ConflictKind::Name { rename, suggested, .. } => {
                        Resolution::Both { rename: *rename, to: suggested.clone() }
                    }
                    _ => pick(if stands[(round + 1) % 4] { Side::Version } else { Side::Parent }),
                };
                resolutions.insert(conflict.key.clone(), (conflict.fingerprint, said));
            }
            plan = fork.plan(&resolutions);
        }
        if plan.conflicts.is_empty() {
            let merged = fork.merged(&plan);
            let listed = plan.settled.iter().flat_map(|(conflict, _)| match &conflict.kind {
                ConflictKind::Deleted { inner, .. } => inner.as_slice(),
                _ => &[],
            });
            let listed: BTreeSet<Oid> = listed.map(|inner| inner.oid).collect();
            for side in [Side::Version, Side::Parent] {
                let tree = fork.side(side);
                for oid in live(tree, oids(tree).into_iter()) {
                    let (was, is) = (fork.base.object(oid).unwrap(), tree.object(oid).unwrap());
                    let differing = differing_cells(was.as_deref(), is.as_deref());
                    let changed = differing.iter().any(|(_, was, is)| cells::is_change(*was, *is));
                    let kept = is_live(&merged, oid).unwrap();
                    prop_assert!(!changed || kept || listed.contains(&oid), "{}{oid} {resolutions:#?}", told(&fork));
                }
            }
        }
    }

    #[test]
    fn two_versions_that_do_not_conflict_may_come_in_either_order(
        made in steps(4..14),
        first in steps(0..6),
        second in steps(0..6),
    ) {
        let fork = fork(&made, &first, &second);
        // What is made on the two sides must not have the same ids; so the second version is the fork's parent line.
        let (one, two) = (&fork.version, &fork.parent);
        // What was changed and then went away with its container leaves no trace in a version, but does on a line.
        let is_plain = |tree: &MemoryTree| {
            let own = own_cells(&fork.base, tree);
            own.iter().all(|cell| (cell.key == CellKey::Place && cell.version.is_none()) || is_live(tree, cell.oid).unwrap())
        };
        let is_plain = is_plain(one) && is_plain(two);
        let merge = |onto: &MemoryTree, version: &MemoryTree| {
            let own = own_cells(&fork.base, version);
            let plan = plan_of(&fork.base, onto, version, &fork.types, &own, &Resolutions::new());
            let mut merged = onto.clone();
            apply(&mut merged, &plan);
            (plan, merged)
        };
        let ((left, one_last), (right, two_last)) = (merge(two, one), merge(one, two));
        let differ = left.conflicts.is_empty() != right.conflicts.is_empty();
        prop_assert!(!is_plain || !differ, "{}{left:#?}{right:#?}", told(&fork));
        if is_plain && left.conflicts.is_empty() && left.notices.is_empty() && right.notices.is_empty() {
            prop_assert_eq!(show(&one_last).unwrap(), show(&two_last).unwrap());
        }
    }

    /// Bringing a version up to date and then merging it is merging it.
    #[test]
    fn an_update_changes_nothing_about_the_merge(made in steps(4..14), version in steps(0..14), parent in steps(0..14)) {
        let fork = fork(&made, &version, &parent);
        let plan = fork.plan(&Resolutions::new());
        if plan.conflicts.is_empty() {
            let updated = fork.merged(&plan);
            let own = own_cells(&fork.parent, &updated);
            let again = plan_of(&fork.parent, &fork.parent, &updated, &fork.types, &own, &Resolutions::new());
            prop_assert_eq!((again.writes, again.conflicts), (plan.writes, plan.conflicts));
        }
    }
}
