//! Versions where people do things in an order that nobody has in mind: undo after a merge or an update, detach over
//! moves, names and closed versions that others rely on.

use bough_core::merge::plan::Resolution;
use bough_core::{CellKey, Content, Tid, Value};

use crate::testing::{open_on, seed, seeded};
use crate::version::{Management, MergeChoice, NewVersion, Pick, VersionError};
use crate::{Database, LineStatus, Note, UndoChoices};

fn version(database: &Database, name: &str) -> Database {
    database.open_version(&NewVersion::named(name), Note::edit("Opened a version")).unwrap()
}

fn merge(version: &Database) -> Tid {
    version.merge(&MergeChoice::default(), Note::edit("Merged")).unwrap().tid.expect("something to merge")
}

fn update(version: &Database) {
    version.update(None, Note::edit("Updated")).unwrap().tid.expect("something to update");
}

fn undo(database: &Database, tid: Tid) {
    database.undo(&[tid], &UndoChoices::default(), Note::edit("Undid")).unwrap().expect("something to undo");
}

fn manage(version: &Database, change: &Management) -> Result<Option<Tid>, VersionError> {
    version.manage_version(change, Note::edit("Managed"))
}

fn close(version: &Database) -> Result<Option<Tid>, VersionError> {
    manage(version, &Management { status: Some(LineStatus::Closed), ..Management::default() })
}

#[test]
fn a_version_is_not_detached_where_its_moves_would_go_round_in_a_circle() {
    let trunk = seeded("/x\n/y\n");
    let v = version(&trunk, "v");
    v.move_path("/x", "/y/x");
    trunk.move_path("/y", "/x/y");
    let before = v.text();
    let refused = v.detach(None, Note::edit("Detached")).unwrap_err();
    assert!(matches!(&refused, VersionError::DoesNotFit(found) if !found.is_empty()), "{refused:?}");
    assert!(refused.to_string().contains("update it instead"), "{refused}");
    assert_eq!(v.text(), before, "nothing was changed");
    assert_eq!(v.conflicts().unwrap().len(), 1, "the merge asks about the moves");
    assert_eq!(trunk.text(), "/x\n/x/y\n");
}

#[test]
fn a_version_is_not_detached_where_two_children_would_have_one_name() {
    let trunk = seeded("/h\n/dead\n");
    let v = version(&trunk, "v");
    seed(&v, "/h/new title=mine\n/dead/x title=v\n");
    v.delete("/dead");
    seed(&trunk, "/dead/x title=trunk\n");
    assert!(v.detach(None, Note::edit("Detached")).unwrap().is_some(), "what is deleted takes no name");
    seed(&trunk, "/h/new title=theirs\n");
    assert!(matches!(v.detach(None, Note::edit("Detached")), Err(VersionError::DoesNotFit(_))));
    assert_eq!(v.text(), "/h\n/h/new title=mine\n");
}

/// Adds and changes something in a version, and deletes it there. How the version looked before that, and the deletions.
fn make_and_delete(v: &Database) -> (String, [Tid; 2]) {
    seed(v, "/h/made title=made\n");
    v.set("/h/old", "title", "mine");
    (v.text(), ["/h/made", "/h/old"].map(|at| v.delete(at)))
}

#[test]
fn what_a_version_deleted_is_whole_again_when_that_is_undone_after_an_update() {
    let trunk = seeded("/h\n/h/old title=one body=b\n");
    let v = version(&trunk, "v");
    let (before, gone) = make_and_delete(&v);
    seed(&trunk, "/more\n");
    update(&v);
    gone.into_iter().for_each(|tid| undo(&v, tid));
    assert_eq!(v.text(), format!("{before}/more\n"));
    merge(&v);
    assert_eq!(trunk.text(), v.text());
    assert!(trunk.check(&mut crate::unwatched).unwrap().is_sound());
}

#[test]
fn what_both_sides_wrote_is_asked_about_although_it_was_deleted_when_the_version_was_updated() {
    let trunk = seeded("/a title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    let gone = v.delete("/a");
    trunk.set("/a", "title", "theirs");
    let conflicts = v.conflicts().unwrap();
    v.resolve(&conflicts[0].id, Some(Resolution::Version), "ann").unwrap();
    update(&v);
    undo(&v, gone);
    assert_eq!(v.text(), "/a title=mine\n");
    assert_eq!(v.conflicts().unwrap().len(), 1, "nobody decided between the two titles");
}

#[test]
fn what_a_version_deleted_is_whole_again_when_that_is_undone_after_a_merge() {
    let trunk = seeded("/h\n/h/old title=one body=b\n");
    let v = version(&trunk, "v");
    let (before, gone) = make_and_delete(&v);
    merge(&v);
    assert_eq!(trunk.text(), "/h\n");
    gone.into_iter().for_each(|tid| undo(&v, tid));
    assert_eq!(v.text(), before);
    merge(&v);
    assert_eq!(trunk.text(), before);
}

#[test]
fn what_was_merged_is_undone_in_the_version_one_commit_after_the_other() {
    let trunk = seeded("/a title=A\n");
    let v = version(&trunk, "v");
    let first = v.set("/a", "title", "X");
    let second = v.set("/a", "title", "Y");
    merge(&v);
    undo(&v, second);
    assert_eq!(v.text(), "/a title=X\n");
    undo(&v, first);
    assert_eq!(v.text(), "/a title=A\n", "not what was merged");
    merge(&v);
    assert_eq!(trunk.text(), "/a title=A\n");
}

#[test]
fn a_single_change_that_was_merged_is_undone_in_the_version() {
    for updates in [false, true] {
        let trunk = seeded("/a title=A\n");
        let v = version(&trunk, "v");
        let set = v.set("/a", "title", "X");
        if updates {
            let only = Some(vec![Pick::Object(v.oid_at("/a"))]);
            v.merge(&MergeChoice { only, close: false }, Note::edit("Merged a part")).unwrap();
            seed(&trunk, "/b\n");
            update(&v);
        } else {
            merge(&v);
        }
        undo(&v, set);
        assert!(v.text().starts_with("/a title=A\n"), "{}", v.text());
        merge(&v);
        assert!(trunk.text().starts_with("/a title=A\n"), "{}", trunk.text());
    }
}

#[test]
fn a_merge_between_versions_is_undone_although_it_was_merged_further() {
    let trunk = seeded("/a title=A\n");
    let v = version(&trunk, "v");
    let w = version(&v, "w");
    w.set("/a", "title", "W");
    let merged = merge(&w);
    merge(&v);
    undo(&v, merged);
    assert_eq!(v.text(), "/a title=A\n");
    assert_eq!(w.text(), "/a title=W\n");
    assert_eq!(w.own_changes(0, 10).unwrap().total, 1, "it is w's change again");
}

#[test]
fn what_is_chosen_for_an_undo_in_a_version_is_compared_with_what_it_was_compared_with_before() {
    let trunk = seeded("/a title=A\n/b title=B\n");
    let v = version(&trunk, "v");
    let at = v.oid_at("/a");
    v.set("/a", "title", "X");
    let only = Some(vec![Pick::Object(at)]);
    v.merge(&MergeChoice { only, close: false }, Note::edit("Merged a part")).unwrap();
    let set = v.set("/a", "title", "Y");
    let title = CellKey::Attribute("title".parse().unwrap());
    let chosen = Some(Content::Value(Value::Text("Z".into())));
    let choices = UndoChoices { choose: vec![(at, title, chosen)], ..UndoChoices::default() };
    v.undo(&[set], &choices, Note::edit("Undid")).unwrap().expect("something to undo");
    assert_eq!(v.text(), "/a title=Z\n/b title=B\n");
    assert!(v.conflicts().unwrap().is_empty(), "nobody else changed it");
}

#[test]
fn a_version_that_comes_back_when_its_merge_is_undone_takes_no_other_versions_name() {
    let trunk = seeded("/a title=A\n");
    let first = version(&trunk, "spring");
    first.set("/a", "title", "first");
    let closing = MergeChoice { only: None, close: true };
    let merged = first.merge(&closing, Note::edit("Merged")).unwrap().tid.unwrap();
    let second = version(&trunk, "spring");
    undo(&trunk, merged);
    assert_eq!(first.version_info().unwrap().name, "spring-2");
    assert_eq!(first.text(), "/a title=first\n");
    assert_eq!(trunk.version("spring").unwrap().line(), second.line());
    assert_eq!(trunk.version("spring-2").unwrap().line(), first.line());
}

#[test]
fn a_closed_version_that_was_not_merged_is_kept_by_pack() {
    let trunk = seeded("/a title=A\n");
    let (merged, kept, gone) = (version(&trunk, "merged"), version(&trunk, "kept"), version(&trunk, "gone"));
    kept.set("/a", "title", "kept");
    gone.set("/a", "title", "gone");
    seed(&merged, "/m\n");
    merge(&merged);
    close(&merged).unwrap();
    close(&kept).unwrap();
    gone.discard(false, Note::edit("Discarded")).unwrap();
    for round in 0..5 {
        trunk.set("/a", "title", format!("trunk {round}"));
    }
    let packed = trunk.pack(trunk.head(), false, &mut crate::unwatched).unwrap();
    assert_eq!(packed.held_by.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["kept"]);
    let kept = trunk.version("kept").unwrap();
    assert_eq!(kept.text(), "/a title=kept\n");
    kept.discard(false, Note::edit("Discarded")).unwrap();
    trunk.pack(trunk.head(), false, &mut crate::unwatched).unwrap();
    for name in ["kept", "gone"] {
        let Err(refused) = trunk.version(name) else { panic!("`{name}` shows what is packed away") };
        let told = format!("version `{name}` is discarded, and what it held is packed away");
        assert_eq!(refused.to_string(), told);
    }
    assert!(trunk.check(&mut crate::unwatched).unwrap().is_sound());
}

#[test]
fn a_version_that_others_lie_on_is_not_closed_before_it_is_merged() {
    let trunk = seeded("/a title=A\n/b title=B\n");
    let p = version(&trunk, "p");
    p.set("/a", "title", "p");
    p.set("/b", "title", "p");
    let c = version(&p, "c");
    c.set("/b", "title", "c");
    assert!(matches!(close(&p), Err(VersionError::HasVersions(on_it)) if on_it == ["c"]));
    let only = Some(vec![Pick::Object(p.oid_at("/a"))]);
    let part = p.merge(&MergeChoice { only, close: true }, Note::edit("Merged a part"));
    assert!(matches!(part, Err(VersionError::HasVersions(on_it)) if on_it == ["c"]));
    assert_eq!(trunk.text(), "/a title=A\n/b title=B\n", "nothing was merged");
    trunk.set("/a", "title", "p");
    let only = Some(vec![Pick::Object(p.oid_at("/a"))]);
    let had = p.merge(&MergeChoice { only, close: true }, Note::edit("Merged what is there"));
    assert!(matches!(had, Err(VersionError::HasVersions(_))), "also where there is nothing to write");
    merge(&p);
    close(&p).unwrap().expect("it is closed");
    merge(&c);
    assert_eq!(trunk.text(), "/a title=p\n/b title=c\n");
}

#[test]
fn a_title_that_cannot_be_kept_is_refused_before_anything_is_written() {
    let disk = crate::disk::MemoryDisk::new();
    {
        let trunk = open_on(std::sync::Arc::new(disk.clone()));
        seed(&trunk, "/a title=A\n");
        let long = "x".repeat(5_000);
        let named = NewVersion::named("v");
        for new in [named.clone().titled(long.clone()), named.clone().owned_by(long.clone())] {
            let Err(refused) = trunk.open_version(&new, Note::edit("Opened")) else {
                panic!("it was opened")
            };
            assert!(matches!(refused, VersionError::TooLong { bytes: 5_000, .. }), "{refused}");
        }
        let v = version(&trunk, "v");
        for change in [
            Management { title: Some(long.clone()), ..Management::default() },
            Management { owner: Some(long.clone()), ..Management::default() },
        ] {
            assert!(matches!(manage(&v, &change), Err(VersionError::TooLong { .. })));
        }
        trunk.set("/a", "title", "B");
        assert!(trunk.check(&mut crate::unwatched).unwrap().is_sound());
    }
    assert_eq!(open_on(std::sync::Arc::new(disk)).text(), "/a title=B\n", "it opens again");
}

#[test]
fn no_version_is_called_as_the_public_site_is() {
    let trunk = seeded("/a\n");
    let Err(refused) = trunk.open_version(&NewVersion::named("trunk"), Note::edit("Opened")) else {
        panic!("it was opened")
    };
    assert!(refused.to_string().ends_with("and not `trunk`, which stands for the public site"), "{refused}");
    let v = version(&trunk, "v");
    let change = Management { name: Some("trunk".into()), ..Management::default() };
    assert!(matches!(manage(&v, &change), Err(VersionError::BadName(_))));
}

#[test]
fn what_was_decided_about_later_changes_counts_after_an_update_to_earlier_ones() {
    let trunk = seeded("/a title=A\n/b title=B\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "mine");
    let earlier = trunk.set("/b", "title", "later");
    trunk.set("/a", "title", "theirs");
    let conflicts = v.conflicts().unwrap();
    v.resolve(&conflicts[0].id, Some(Resolution::Version), "ann").unwrap();
    v.update(Some(earlier), Note::edit("Updated")).unwrap().tid.expect("something to update");
    merge(&v);
    assert_eq!(trunk.text(), "/a title=mine\n/b title=later\n");
}

#[test]
fn only_asking_what_a_discard_would_do_waits_for_nobody() {
    let trunk = seeded("/f\n");
    let v = version(&trunk, "v");
    seed(&v, "/f/a\n/f/a/b\n/f/a/b/c\n");
    let _lead = trunk.inner.committer.lead();
    let asked = v.discard_part(&[Pick::Object(v.oid_at("/f/a"))], true, Note::edit("Asked")).unwrap();
    assert_eq!((asked.tid, asked.objects.len(), asked.along.len()), (None, 3, 2));
    assert!(v.exists("/f/a/b/c"));
}

#[test]
fn what_was_merged_part_by_part_is_held_no_more() {
    let trunk = seeded("/a title=A\n/b title=B\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "v");
    v.set("/b", "title", "v");
    let w = version(&v, "w");
    for at in ["/a", "/b"] {
        let only = Some(vec![Pick::Object(v.oid_at(at))]);
        let choice = MergeChoice { only, close: at == "/b" };
        v.merge(&choice, Note::edit("Merged a part")).unwrap().tid.unwrap();
    }
    assert_eq!(v.version_info().unwrap().status, LineStatus::Closed, "nothing of it would be lost");
    w.discard(false, Note::edit("Discarded")).unwrap();
    trunk.set("/a", "title", "later");
    let packed = trunk.pack(trunk.head(), false, &mut crate::unwatched).unwrap();
    assert_eq!(packed.held_by, []);
}

#[test]
fn versions_that_come_back_together_get_different_names() {
    let trunk = seeded("/a title=A\n/b title=B\n");
    let merged = ["/a", "/b"].map(|at| {
        let v = version(&trunk, "spring");
        v.set(at, "title", "spring");
        let closing = MergeChoice { only: None, close: true };
        v.merge(&closing, Note::edit("Merged")).unwrap().tid.unwrap()
    });
    trunk.undo(&merged, &UndoChoices::default(), Note::edit("Undid")).unwrap().expect("something to undo");
    let open = trunk.versions().unwrap().into_iter().filter(|info| info.status == LineStatus::Open);
    let mut names: Vec<String> = open.map(|info| info.name).collect();
    names.sort();
    assert_eq!(names, ["spring", "spring-2"]);
}
