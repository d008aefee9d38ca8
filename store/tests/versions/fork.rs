//! A site and a version of it that went apart.

use bough_core::merge::plan::{ConflictKind, Resolution};
use bough_core::snapshot::ChildrenPage;
use bough_core::{Oid, Snapshot as _, Tid, Value};
use bough_store::testing::{name, path, seeded};
use bough_store::version::{MergeChoice, Merged, NewVersion, VersionConflict, VersionError};
use bough_store::{Database, Note, UndoChoices};

/// What was done on one line.
pub(crate) type Work = fn(&Database);

/// What a version and the trunk did since the version's base.
#[derive(Clone, Copy)]
pub(crate) struct Fork {
    pub(crate) site: &'static str,
    pub(crate) version: Work,
    pub(crate) trunk: Work,
}

impl Fork {
    /// The trunk and the version.
    pub(crate) fn make(&self) -> (Database, Database) {
        let trunk = seeded(self.site);
        let v = version(&trunk, "v");
        (self.version)(&v);
        (self.trunk)(&trunk);
        (trunk, v)
    }

    /// The merge asks nothing and gives that, and so does an update before it.
    pub(crate) fn merges_to(&self, expected: &str) {
        let (trunk, v) = self.make();
        assert_merges(&trunk, &v, expected);
        let (trunk, v) = self.make();
        assert_updates(&trunk, &v, expected);
    }

    /// There is nothing to write: both did the same.
    pub(crate) fn converges(&self, expected: &str) {
        let (trunk, v) = self.make();
        assert_eq!(merge(&v).unwrap().tid, None);
        assert_eq!((trunk.text().as_str(), v.text().as_str()), (expected, expected));
        update(&v).unwrap();
        assert!(v.own_changes(0, 9).unwrap().objects.is_empty(), "it holds nothing that the trunk has not");
        assert_eq!(v.text(), expected);
        assert_sound(&trunk);
    }

    /// The merge asks one thing, and changes nothing before that is answered; with this answer it gives that, and so
    /// does an update.
    pub(crate) fn settles(&self, answer: impl Fn(&Database, &VersionConflict) -> Resolution, expected: &str) {
        let (trunk, v) = self.make();
        settle(&v, &answer);
        assert_merges(&trunk, &v, expected);
        let (trunk, v) = self.make();
        settle(&v, answer);
        assert_updates(&trunk, &v, expected);
    }

    /// The only conflict.
    pub(crate) fn conflict(&self) -> VersionConflict {
        only_conflict(&self.make().1)
    }
}

pub(crate) fn version(database: &Database, own: &str) -> Database {
    let new = NewVersion { name: own.into(), ..NewVersion::default() };
    database.open_version(&new, Note::edit("Opened a version").by("vera")).unwrap()
}

pub(crate) fn merge(version: &Database) -> Result<Merged, VersionError> {
    version.merge(&MergeChoice::default(), Note::edit("Merged").by("mia"))
}

pub(crate) fn merged(version: &Database) -> Tid {
    merge(version).unwrap().tid.expect("something to merge")
}

pub(crate) fn update(version: &Database) -> Result<Merged, VersionError> {
    version.update(None, Note::edit("Updated").by("vera"))
}

pub(crate) fn undo(database: &Database, tid: Tid) -> Tid {
    let undone = database.undo(&[tid], &UndoChoices::default(), Note::edit("Undid").by("una"));
    undone.unwrap().expect("something to undo")
}

/// The only thing that stands against a merge; that it does, the merge says, too, and changes nothing.
pub(crate) fn only_conflict(v: &Database) -> VersionConflict {
    let parent = v.on(v.version_info().unwrap().parent).unwrap();
    let before = (parent.head(), parent.text(), v.text());
    let stands = match merge(v) {
        Err(VersionError::Conflicts(plan)) => plan.conflicts,
        other => panic!("it should ask: {other:?}"),
    };
    assert_eq!((parent.head(), parent.text(), v.text()), before, "a refused merge changes nothing");
    assert_eq!(stands.len(), 1, "{stands:#?}");
    stands.into_iter().next().unwrap()
}

/// Answers the only thing that stands against a merge.
pub(crate) fn settle(v: &Database, answer: impl Fn(&Database, &VersionConflict) -> Resolution) {
    let conflict = only_conflict(v);
    let shown = v.text();
    v.resolve(&conflict.id, Some(answer(v, &conflict)), "rosa").unwrap();
    assert_eq!(v.text(), shown, "an answer changes nothing by itself");
}

/// Merges; takes that back, and merges again, once at once and once after an update: it is the same each time, and
/// nothing is asked again.
pub(crate) fn assert_merges(trunk: &Database, v: &Database, expected: &str) {
    let before = trunk.text();
    let tid = merged(v);
    assert_eq!((trunk.text().as_str(), v.text().as_str()), (expected, expected), "after the merge");
    assert_eq!(merge(v).unwrap().tid, None, "there is nothing more to merge");
    undo(trunk, tid);
    assert_eq!(trunk.text(), before, "after the undo of the merge");
    assert_eq!(v.text(), expected, "the version has it still");
    let tid = merged(v);
    assert_eq!((trunk.text().as_str(), v.text().as_str()), (expected, expected), "merged again");
    undo(trunk, tid);
    update(v).unwrap();
    assert_eq!(trunk.text(), before, "undone again");
    assert_eq!(v.text(), expected, "after the undo of the merge and an update");
    merged(v);
    assert_eq!((trunk.text().as_str(), v.text().as_str()), (expected, expected), "updated and merged again");
    assert_sound(trunk);
}

/// Updates and merges: the version shows at once what the trunk becomes.
fn assert_updates(trunk: &Database, v: &Database, expected: &str) {
    let before = trunk.text();
    update(v).unwrap();
    assert_eq!((trunk.text(), v.text().as_str()), (before, expected), "after the update");
    merged(v);
    assert_eq!((trunk.text().as_str(), v.text().as_str()), (expected, expected), "merged after the update");
    assert_sound(trunk);
}

pub(crate) fn assert_sound(database: &Database) {
    let report = database.check(&mut bough_store::unwatched).unwrap();
    assert!(report.is_sound(), "{:?}", report.faults);
}

/// The names in a folder in the order that people gave them.
pub(crate) fn listed(database: &Database, at: &str) -> Vec<String> {
    let parent = database.oid_at(at);
    let children = database.snapshot().children(parent, &ChildrenPage::first(usize::MAX)).unwrap();
    children.iter().map(|child| child.name.to_string()).collect()
}

/// Clears an attribute.
pub(crate) fn clear(database: &Database, at: &str, attribute: &str) -> Tid {
    database.doing(|draft| {
        let oid = draft.at(&path(at))?;
        draft.set(oid, &name(attribute), None)
    })
}

/// The value of an attribute.
pub(crate) fn value(database: &Database, at: &str, attribute: &str) -> Option<Value> {
    let object = database.snapshot().object(database.oid_at(at)).unwrap()?;
    database.attribute(&object, attribute).unwrap()
}

/// Keeps both of two objects of one name, as it is suggested.
pub(crate) fn as_suggested(_: &Database, conflict: &VersionConflict) -> Resolution {
    match &conflict.conflict.kind {
        ConflictKind::Name { rename, suggested, .. } => {
            Resolution::Both { rename: *rename, to: suggested.clone() }
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn the_versions(_: &Database, _: &VersionConflict) -> Resolution {
    Resolution::Version
}

pub(crate) fn the_parents(_: &Database, _: &VersionConflict) -> Resolution {
    Resolution::Parent
}

/// What stood at a name last.
pub(crate) fn former(database: &Database, own: &str) -> Option<Oid> {
    database.snapshot().former_child(Oid::ROOT, own).unwrap()
}
