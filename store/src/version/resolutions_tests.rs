//! Decisions about many conflicts, and how often that is planned.

use bough_core::merge::plan::{ConflictKey, ConflictKind, Resolution, Side};
use bough_core::{Content, Value};

use crate::testing::{name, seed, seeded};
use crate::version::{Decided, MergeChoice, NewVersion, NotSettled, VersionConflict, VersionError, WhyNot};
use crate::{Database, Note};

fn version(database: &Database) -> Database {
    let new = NewVersion { name: "v".into(), ..NewVersion::default() };
    database.open_version(&new, Note::edit("Opened a version")).unwrap()
}

/// A trunk and a version of it that both gave `pages` pages another title.
fn both_changed(pages: usize) -> (Database, Database) {
    let text: String = (0..pages).map(|page| format!("/p{page:02} title=one\n")).collect();
    let trunk = seeded(&text);
    let v = version(&trunk);
    for page in 0..pages {
        v.set(&format!("/p{page:02}"), "title", "mine");
        trunk.set(&format!("/p{page:02}"), "title", "theirs");
    }
    (trunk, v)
}

fn decide(all: &[VersionConflict], by: Option<Resolution>) -> Vec<Decided<'_>> {
    all.iter().map(|conflict| Decided { conflict, resolution: by.clone() }).collect()
}

fn not_settled(error: VersionError) -> Vec<NotSettled> {
    match error {
        VersionError::DoesNotSettle(refused) => refused,
        other => panic!("{other:?}"),
    }
}

#[test]
fn many_decisions_are_planned_once_and_looking_again_plans_nothing() {
    let (trunk, v) = both_changed(30);
    let all = v.conflicts().unwrap();
    let before = v.plans();
    let resolved = v.resolve_many(&decide(&all, Some(Resolution::Version)), "ann").unwrap();
    assert_eq!((resolved.settled.len(), resolved.open), (30, 0));
    let now = v.conflicts().unwrap();
    assert!(now.iter().all(|found| found.resolution == Some(Resolution::Version)));
    assert_eq!(v.plans() - before, 1);
    v.resolve_many(&decide(&now[..10], None), "ann").unwrap();
    assert_eq!(v.open_conflicts(0, 0).unwrap(), Some(10));
    v.resolve(&now[3].id, Some(Resolution::Parent), "ann").unwrap();
    assert_eq!(v.plans() - before, 3, "one for each time that something is decided");
    v.resolve_many(&decide(&all[..10], Some(Resolution::Parent)), "ann").unwrap();
    v.merge(&MergeChoice::default(), Note::edit("Merged")).unwrap();
    let theirs = trunk.text().lines().filter(|line| line.ends_with("title=theirs")).count();
    assert_eq!(theirs, 10);
}

#[test]
fn of_decisions_that_do_not_all_settle_none_is_kept_and_each_that_does_not_is_named() {
    let (trunk, v) = both_changed(2);
    seed(&v, "/fresh title=ours\n");
    seed(&trunk, "/fresh title=theirs\n");
    let all = v.conflicts().unwrap();
    let is_name = |found: &&VersionConflict| matches!(found.conflict.kind, ConflictKind::Name { .. });
    let fresh = all.iter().find(is_name).unwrap();
    for (by, why) in [
        (Resolution::Value(Some(Content::Value(Value::Int(1)))), WhyNot::DoesNotFit),
        (Resolution::Both { rename: Side::Version, to: name("p00") }, WhyNot::StaysOpen),
    ] {
        let mut decided = decide(&all, Some(Resolution::Version));
        decided.iter_mut().filter(|one| one.conflict.id == fresh.id).for_each(|one| {
            one.resolution = Some(by.clone());
        });
        let refused = not_settled(v.resolve_many(&decided, "ann").unwrap_err());
        assert_eq!(refused, [NotSettled { id: fresh.id.clone(), why }]);
        assert_eq!(v.open_conflicts(9, 9).unwrap(), Some(3), "nothing was kept");
        let preview = v.resolve_preview(&decided).unwrap();
        assert_eq!((preview.settled.len(), preview.open), (2, 1), "the rest would be settled");
        assert_eq!(preview.not_settled, refused);
    }
}

#[test]
fn a_decision_about_other_values_than_there_are_now_is_refused() {
    let (trunk, v) = both_changed(2);
    let seen = v.conflicts().unwrap();
    trunk.set("/p01", "title", "theirs again");
    let decided = decide(&seen, Some(Resolution::Version));
    let refused = not_settled(v.resolve_many(&decided, "ann").unwrap_err());
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].why, WhyNot::Changed);
    let preview = v.resolve_preview(&decided).unwrap();
    assert_eq!((preview.settled.len(), preview.open), (1, 1));
}

#[test]
fn what_another_decision_makes_needless_is_not_kept() {
    let trunk = seeded("/a\n/x title=one\n");
    let v = version(&trunk);
    v.delete("/a");
    v.set("/x", "title", "mine");
    trunk.set("/x", "title", "theirs");
    trunk.move_path("/x", "/a/x");
    let [deleted] = &v.conflicts().unwrap()[..] else { panic!("what is deleted is in no conflict itself") };
    v.resolve(&deleted.id, Some(Resolution::Parent), "ann").unwrap();
    let both = v.conflicts().unwrap();
    let is_cell = |found: &&VersionConflict| matches!(found.conflict.key, ConflictKey::Cell(..));
    let title = &both.iter().find(is_cell).expect("it stays now, so its title counts").id;
    let resolved = v.resolve_many(&decide(&both, Some(Resolution::Version)), "ann").unwrap();
    assert_eq!((resolved.settled, resolved.moot), (vec![deleted.id.clone()], vec![title.clone()]));
    v.resolve(&deleted.id, Some(Resolution::Parent), "ann").unwrap();
    assert_eq!(v.open_conflicts(9, 9).unwrap(), Some(1), "nobody decided about the title");
}

#[test]
fn open_conflicts_are_counted_where_that_costs_little_or_is_known_and_never_out_of_date() {
    let (trunk, v) = both_changed(3);
    assert_eq!(v.open_conflicts(2, 9).unwrap(), None, "more objects than shall be looked at");
    assert_eq!(v.open_conflicts(3, 2).unwrap(), None, "more commits than shall be looked at");
    assert_eq!(v.open_conflicts(3, 3).unwrap(), Some(3));
    assert_eq!(v.open_conflicts(0, 0).unwrap(), Some(3), "that is known now");
    trunk.set("/p00", "title", "mine");
    assert_eq!(v.open_conflicts(0, 0).unwrap(), None, "that was before");
    assert_eq!(v.conflicts().unwrap().len(), 2);
    v.set("/p01", "title", "theirs");
    assert_eq!(v.open_conflicts(9, 9).unwrap(), Some(1));
    let id = v.conflicts().unwrap()[0].id.clone();
    v.resolve(&id, Some(Resolution::Version), "ann").unwrap();
    assert_eq!(v.open_conflicts(0, 0).unwrap(), Some(0));
    v.update(None, Note::edit("Updated")).unwrap();
    assert!(v.conflicts().unwrap().is_empty());
}
