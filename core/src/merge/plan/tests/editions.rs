//! Case 18: a migration on one side or both, and work on the other.

use proptest::prelude::*;

use super::laws::{Step, site, steps, worked};
use super::*;
use crate::migration::tests::types;
use crate::migration::{Attributes, MigrationError};
use crate::object_type::{ObjectType, TypeSchema};

const BASE: &str = "/p :person name=ann-lee";

fn fork(version: &str, parent: &str) -> Fork {
    Fork::with_types(types(2), BASE, version, parent)
}

fn version(_: &Conflict) -> Resolution {
    Resolution::Version
}

fn parent(_: &Conflict) -> Resolution {
    Resolution::Parent
}

#[test]
fn case_18_an_edit_meets_a_migration_and_arrives_under_the_new_names() {
    let both = [
        ("set /p name ann-ray; set /p age 7", "migrate /p"),
        ("migrate /p", "set /p name ann-ray; set /p age 7"),
    ];
    for (v, p) in both {
        fork(v, p).check("", "/p :person _edition=2 age=7 first=ann last=ray");
    }
    // Of two edits of one attribute, those parts go together that it was split into.
    fork("set /p name ann-ray", "migrate /p; set /p first eve")
        .check("", "/p :person _edition=2 first=eve last=ray");
    fork("migrate /p; set /p first eve", "set /p name ann-ray")
        .check("", "/p :person _edition=2 first=eve last=ray");
    fork("migrate /p", "migrate /p").check("", "/p :person _edition=2 first=ann last=lee");
    fork("migrate /p; set /p first eve", "migrate /p; set /p last ray")
        .check("", "/p :person _edition=2 first=eve last=ray");
    fork("migrate /p", "").check("", "/p :person _edition=2 first=ann last=lee");
    fork("move /p /q", "migrate /p").check("", "/q :person _edition=2 first=ann last=lee");
}

#[test]
fn case_18_an_edit_that_meets_another_one_in_a_later_edition_is_asked_about_there() {
    for (v, p) in [
        ("set /p name ann-ray", "migrate /p; set /p last may"),
        ("migrate /p; set /p last may", "set /p name ann-ray"),
    ] {
        let fork = fork(v, p);
        let of_parent = if v.starts_with("set") { "may" } else { "ray" };
        let of_version = if v.starts_with("set") { "ray" } else { "may" };
        fork.check("cell /p last", &format!("/p :person _edition=2 first=ann last={of_parent}"));
        fork.check_settled(parent, &format!("/p :person _edition=2 first=ann last={of_parent}"));
        fork.check_settled(version, &format!("/p :person _edition=2 first=ann last={of_version}"));
    }
}

#[test]
fn case_18_what_cannot_be_migrated_is_one_conflict_about_the_whole_object() {
    let (whole, done) = ("/p :person age=7 name=whole", "/p :person _edition=2 first=ann last=lee");
    let why = "its name has no two parts";
    let fork = self::fork("set /p name whole; set /p age 7", "migrate /p");
    fork.check(&format!("edition /p: 1 against 2: {why}"), done);
    fork.check_settled(parent, done);
    fork.check_settled(version, whole);
    fork.check_refused(Resolution::Value(None));
    let fork = self::fork("migrate /p", "set /p name whole; set /p age 7");
    fork.check(&format!("edition /p: 2 against 1: {why}"), whole);
    fork.check_settled(parent, whole);
    fork.check_settled(version, done);
}

/// What somebody took back is not done again by a merge.
#[test]
fn case_18_editions_that_nothing_leads_between_are_one_conflict() {
    for (base, v, p, found) in [
        (
            "_edition=2 first=a",
            "set /p first b",
            "clear /p _edition; clear /p first; set /p name a-a",
            "2 against 1: it was taken back from edition 2 to 1",
        ),
        (
            "name=a-a",
            "set /p name b-b",
            "set /p _edition 9",
            "1 against 9: edition 9 is newer than this program knows: that is 2",
        ),
        (
            "name=a-a",
            "set /p name b-b",
            "set /p _edition much",
            "1 against none: its edition is no whole number from 1 on",
        ),
    ] {
        let fork = Fork::with_types(types(2), &format!("/p :person {base}"), v, p);
        let plan = fork.plan(&Resolutions::new());
        let conflicts: Vec<String> = plan.conflicts.iter().map(|conflict| fork.print(conflict)).collect();
        assert_eq!((conflicts, plan.writes), (vec![format!("edition /p: {found}")], vec![]), "{base}");
        let of = |side: Side| show(fork.side(side)).unwrap();
        fork.check_settled(version, &of(Side::Version));
        fork.check_settled(parent, &of(Side::Parent));
    }
    // Nobody asks where only one side did anything.
    let back = "clear /p _edition; clear /p first";
    let alone = Fork::with_types(types(2), "/p :person _edition=2 first=a\n/q", "set /q x 1", back);
    alone.check("", "/p :person\n/q x=1");
    Fork::with_types(types(2), "/p :person _edition=2 first=a", back, "").check("", "/p :person");
}

#[test]
fn case_18_a_migration_is_no_work_that_a_deletion_could_lose() {
    fork("delete /p", "migrate /p").check("", "");
    fork("delete /p", "migrate /p; set /p first eve").check("deleted /p by version: /p edited", "");
}

#[test]
fn case_18_another_type_on_one_side_and_a_migration_on_the_other_is_asked_about() {
    for (v, p) in [("type /p other", "migrate /p"), ("migrate /p", "type /p other")] {
        let fork = fork(v, p);
        let found: Vec<String> =
            fork.plan(&Resolutions::new()).conflicts.iter().map(|c| fork.print(c)).collect();
        assert!(found.len() == 1 && found[0].starts_with("type /p: [\"_edition\""), "{found:?}");
        fork.check_settled(version, &show(&fork.version).unwrap());
        fork.check_settled(parent, &show(&fork.parent).unwrap());
    }
}

#[test]
fn case_18_things_of_one_name_but_different_editions_are_not_the_same() {
    let fork = fork("add /q :person", "add /q :person; set /q _edition 1");
    assert_eq!(fork.plan(&Resolutions::new()).conflicts.len(), 1);
    fork.check_refused(Resolution::Same);
}

/// Pages of edition 2 hold as `b` what was `a`; both at once cannot be brought there.
struct Renaming(TypeSchema);

impl ObjectType for Renaming {
    fn schema(&self) -> &TypeSchema {
        &self.0
    }

    fn migrate(&self, _: u32, attributes: &Attributes) -> Result<Attributes, MigrationError> {
        let mut attributes = attributes.clone();
        let Some(value) = attributes.remove("a") else { return Ok(attributes) };
        match attributes.insert(name("b"), value) {
            None => Ok(attributes),
            Some(_) => Err(MigrationError::Refused("it has both".into())),
        }
    }
}

fn renaming(edition: u32) -> TypeRegistry {
    let mut types = TypeRegistry::default();
    types.register(Renaming(TypeSchema {
        edition,
        container: true,
        ..TypeSchema::new("page", "Page").unwrap()
    }));
    types
}

/// Brings everything that stands in the tree to edition 2; what cannot be brought there stays. Whether all was.
fn migrate_all(tree: &mut MemoryTree) -> bool {
    let (types, mut all, mut objects) = (renaming(2), true, Vec::new());
    for object in tree.objects() {
        if !crate::snapshot::is_live(tree, object.oid()).unwrap() {
            continue;
        }
        match migrated(object, &types, &|large| tree.large(large)).unwrap() {
            Ok(cells) if cells.is_empty() => {}
            Ok(cells) => objects.push(ObjectChange { oid: object.oid(), cells }),
            Err(_) => all = false,
        }
    }
    let plan = Plan { writes: objects, ..Plan::default() };
    apply(tree, &plan);
    all
}

/// The sides of a merge that began with pages of edition 1.
fn sides(made: &[Step], version: &[Step], parent: &[Step]) -> Fork {
    let types = || Arc::new(renaming(1));
    let mut base = Fork { types: types(), ..Fork::of(site(types(), made)) };
    let all: Vec<Oid> =
        base.version.objects().map(|object| object.oid()).filter(|oid| *oid != Oid::ROOT).collect();
    base.work(Side::Version, |work| {
        all.iter().for_each(|oid| work.set_type(*oid, &name("page")).unwrap());
    });
    let fork = worked(Fork { types: types(), ..Fork::of(base.version) }, version, parent);
    Fork { types: Arc::new(renaming(2)), ..fork }
}

/// Lists every object with its attributes in one edition, and none where there is none.
fn in_one(mut tree: MemoryTree) -> Option<String> {
    migrate_all(&mut tree).then(|| show(&tree).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(super::laws::cases()))]

    /// It makes no difference to a merge which of its sides was migrated before.
    #[test]
    fn a_merge_brings_the_same_whichever_side_was_migrated(
        made in steps(4..14),
        version in steps(0..8),
        parent in steps(0..8),
    ) {
        // An attribute that a page never had is not brought up with what becomes a page.
        let of_one_type = |work: &[Step]| work.iter().copied().filter(|step| step.0 % 16 != 13).collect::<Vec<_>>();
        let (version, parent) = (of_one_type(&version), of_one_type(&parent));
        let plain = sides(&made, &version, &parent);
        let merged = |fork: &Fork| {
            let plan = fork.plan(&Resolutions::new());
            super::laws::assert_sound(fork, &plan);
            (plan.conflicts.is_empty() && plan.notices.is_empty()).then(|| in_one(fork.merged(&plan)))
        };
        let Some(Some(expected)) = merged(&plain) else { return Ok(()) };
        for migrates in [Side::Version, Side::Parent] {
            let mut fork = sides(&made, &version, &parent);
            let tree = if migrates == Side::Version { &mut fork.version } else { &mut fork.parent };
            if migrate_all(tree)
                && let Some(found) = merged(&fork)
            {
                prop_assert_eq!(found.as_ref(), Some(&expected), "{}", super::laws::told(&fork));
            }
        }
    }

    /// One side or both migrated and worked on after that: settled by either side it is a tree, and an update changes
    /// nothing about the merge.
    #[test]
    fn editions_merge_to_a_tree_and_an_update_changes_nothing_about_that(
        made in steps(4..14),
        work in (steps(0..6), steps(0..6)),
        later in (steps(0..4), steps(0..4)),
        migrates in (any::<bool>(), any::<bool>()),
    ) {
        let mut fork = sides(&made, &work.0, &work.1);
        for (side, migrates, later) in [(Side::Version, migrates.0, &later.0), (Side::Parent, migrates.1, &later.1)] {
            if migrates {
                migrate_all(if side == Side::Version { &mut fork.version } else { &mut fork.parent });
                later.iter().for_each(|done| super::laws::step(&mut fork, side, *done));
            }
        }
        for chosen in [Resolution::Parent, Resolution::Version] {
            let open = super::laws::settle_all(&fork, &chosen);
            let alone = |conflict: &Conflict| matches!(conflict.key, ConflictKey::Cell(..) | ConflictKey::Type(_));
            prop_assert!(!open.iter().any(alone), "{}{open:#?}", super::laws::told(&fork));
        }
        let plan = fork.plan(&Resolutions::new());
        if plan.conflicts.is_empty() {
            let updated = fork.merged(&plan);
            let own = own_cells(&fork.parent, &updated);
            let again = plan_of(&fork.parent, &fork.parent, &updated, &fork.types, &own, &Resolutions::new());
            prop_assert_eq!((again.writes, again.conflicts), (plan.writes, plan.conflicts));
        }
    }
}
