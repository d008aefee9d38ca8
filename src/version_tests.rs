//! What an application may count on with private versions.

use bough_core::Tid;
use bough_core::merge::plan::Resolution;
use bough_store::version::VersionError;
use bough_store::{LineStatus, Note};

use crate::{Error, Management, MergeChoice, NewVersion, Site};

fn site() -> Site {
    let site = Site::in_memory().unwrap();
    site.write("Seed", |tx| {
        tx.add("/docs", "folder")?;
        tx.add_with("/docs/a", "page", [("title", "A".into())])?;
        tx.add_with("/docs/b", "page", [("title", "B".into())])
    })
    .unwrap();
    site
}

fn title(site: &Site, path: &str) -> String {
    site.get(path).unwrap().title().unwrap()
}

#[test]
fn a_version_is_read_written_and_undone_like_the_site() {
    let site = site();
    let v = site.create_version("v").unwrap();
    let set = v.write("Set", |tx| tx.set("/docs/a", "title", "mine")).unwrap();
    v.write("Move", |tx| tx.move_to("/docs/b", "/b")).unwrap();
    assert_eq!((title(&v, "/docs/a"), title(&v, "/b")), ("mine".into(), "B".into()));
    assert_eq!((title(&site, "/docs/a"), title(&site, "/docs/b")), ("A".into(), "B".into()));
    v.undo(set.tid).unwrap();
    assert_eq!(title(&v, "/docs/a"), "A");
    assert_eq!(site.version("v").unwrap().changes().unwrap().len(), 1, "found again by its name");
}

#[test]
fn an_update_and_a_merge_wait_for_who_settles_what_both_changed() {
    let site = site();
    let v = site.create_version(NewVersion::named("v").owned_by("ann")).unwrap();
    v.write("Set", |tx| tx.set("/docs/a", "title", "mine")).unwrap();
    site.write_noted(Note::edit("Set").by("ben"), |tx| tx.set("/docs/a", "title", "theirs")).unwrap();
    for refused in [v.update().map(|_| ()), v.merge().map(|_| ())] {
        assert!(
            matches!(&refused, Err(Error::Version(VersionError::Conflicts(plan))) if plan.conflicts.len() == 1),
            "{refused:?}"
        );
    }
    let conflicts = v.conflicts().unwrap();
    assert_eq!(conflicts[0].parent.as_ref().map(|made| made.principal.as_str()), Some("ben"));
    v.resolve(&conflicts[0].id, Resolution::Version).unwrap();
    assert!(v.update_preview().unwrap().conflicts.is_empty());
    v.resolve(&conflicts[0].id, None).unwrap();
    assert_eq!(v.update_preview().unwrap().conflicts.len(), 1, "the decision was taken back");
    v.resolve(&conflicts[0].id, Resolution::Version).unwrap();
    v.update().unwrap().tid.unwrap();
    let tid: Tid = v.merge().unwrap().tid.unwrap();
    assert_eq!(title(&site, "/docs/a"), "mine");
    let record = &site.history(1).unwrap()[0];
    assert_eq!((record.tid, record.principal.as_str()), (tid, "ann"));
    assert_eq!(record.sentence, "Merged version v");
    site.undo([tid]).unwrap();
    assert_eq!((title(&site, "/docs/a"), title(&v, "/docs/a")), ("theirs".into(), "mine".into()));
}

#[test]
fn a_part_is_merged_or_thrown_away_also_what_was_deleted() {
    let site = site();
    let v = site.create_version("v").unwrap();
    v.write("Work", |tx| {
        tx.set("/docs/a", "title", "mine")?;
        tx.delete("/docs/b")
    })
    .unwrap();
    let only = Some(vec![v.part("/docs/b").unwrap()]);
    let choice = MergeChoice { only, close: false };
    assert_eq!(v.merge_preview_with(&choice).unwrap().objects, 1);
    v.merge_with(&choice).unwrap().tid.unwrap();
    assert!(site.get("/docs/b").is_err());
    assert_eq!(title(&site, "/docs/a"), "A");
    assert!(matches!(v.part("/nowhere"), Err(Error::NothingAt { .. })));
    v.discard_part(&[v.part("/docs/a").unwrap()]).unwrap();
    assert_eq!(title(&v, "/docs/a"), "A");
}

#[test]
fn a_version_is_closed_opened_again_and_thrown_away() {
    let site = site();
    let v = site.create_version("v").unwrap().by("ann");
    let closed = Management { status: Some(LineStatus::Closed), ..Management::default() };
    v.manage(&closed).unwrap().unwrap();
    assert!(v.write("Set", |tx| tx.set("/docs/a", "title", "x")).is_err());
    let open = Management { status: Some(LineStatus::Open), ..Management::default() };
    v.manage(&open).unwrap().unwrap();
    v.write("Set", |tx| tx.set("/docs/a", "title", "x")).unwrap();
    v.discard().unwrap();
    assert_eq!(site.versions().unwrap()[0].status, LineStatus::Discarded);
    assert!(matches!(site.version("w"), Err(Error::Version(VersionError::NoSuchVersion { .. }))));
}
