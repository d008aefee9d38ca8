//! Who may do what: settings, roles and users on both sides, and who may merge.

use std::sync::Arc;

use bough_core::merge::plan::{ConflictKey, ConflictKind, Resolution};
use bough_core::security::permission::{EDIT, VIEW};
use bough_core::security::{
    Access, Actor, Principal, Roles, Setting, Subject, USER, USERS, USERS_NAME, Warrant, user,
};
use bough_core::{CellKey, Content, Oid, Snapshot as _, Tid, Value};
use bough_store::testing::{name, path, seeded};
use bough_store::version::{Management, MergeChoice, NewVersion, Pick, RightsNotice, VersionError};
use bough_store::{CommitError, Database, LineStatus, Note, UndoChoices};

use crate::fork::{
    assert_merges, assert_sound, merge, merged, only_conflict, settle, the_parents, the_versions, undo,
    update, value, version,
};

fn roles(text: &str) -> Roles {
    Roles::named(text.split_whitespace())
}

/// Says which roles have a permission; with a `!` behind them, and nobody else.
fn say(line: &Database, at: &str, permission: &str, who: &str) -> Tid {
    let setting = Setting { roles: roles(who.trim_end_matches('!')), acquire: !who.ends_with('!') };
    line.doing(|draft| {
        let oid = draft.at(&path(at))?;
        draft.set_permission(oid, &name(permission), Some(setting.clone()))
    })
}

fn unsay(line: &Database, at: &str, permission: &str) -> Tid {
    line.doing(|draft| {
        let oid = draft.at(&path(at))?;
        draft.set_permission(oid, &name(permission), None)
    })
}

fn give(line: &Database, at: &str, whose: Oid, has: &str) -> Tid {
    line.doing(|draft| {
        let oid = draft.at(&path(at))?;
        draft.set_local_roles(oid, Subject::Principal(whose), roles(has))
    })
}

/// What a cell says, in the way that [`say`] is told.
fn said(line: &Database, at: &str, permission: &str) -> String {
    let object = line.snapshot().object(line.oid_at(at)).unwrap().unwrap();
    match object.content(&CellKey::Permission(name(permission))) {
        Some(Content::Setting(setting)) => {
            let roles: Vec<_> = setting.roles.iter().map(|role| role.to_string()).collect();
            roles.join(" ") + if setting.acquire { "" } else { "!" }
        }
        _ => "nothing".into(),
    }
}

/// Adds a user of the whole site.
fn add_user(trunk: &Database, login: &str, has: &str) -> Oid {
    trunk.doing(|draft| {
        let users = match draft.child(Oid::ROOT, USERS_NAME)? {
            Some(users) => users,
            None => draft.add(Oid::ROOT, &name(USERS_NAME), &name(USERS), [])?,
        };
        let has = Value::Set(has.split_whitespace().map(Value::from).collect());
        draft.add(users, &name(login), &name(USER), [(name("roles"), has)]).map(drop)
    });
    trunk.oid_at(&format!("/{USERS_NAME}/{login}"))
}

fn actor(trunk: &Database, who: Oid) -> Actor {
    let user = user(&trunk.snapshot(), who).unwrap();
    Actor::new(user.map_or(Principal::Anonymous, |user| Principal::User(Arc::new(user))))
}

/// A note of what somebody does, as whom he is now.
fn by(trunk: &Database, who: Oid) -> Note {
    under(trunk, actor(trunk, who))
}

fn under(trunk: &Database, actor: Actor) -> Note {
    let who = actor.name().to_owned();
    Note::edit("Did").by(who).under(Arc::new(Warrant::new(actor, Arc::clone(trunk.types()))))
}

/// What somebody may with what a line shows.
fn may(trunk: &Database, line: &Database, actor: &Actor, permission: &str, at: &str) -> bool {
    let head = (trunk.line() != line.line()).then(|| Arc::new(trunk.snapshot()) as _);
    let access = Access::new(actor.clone(), Arc::clone(trunk.types()), Arc::new(line.snapshot()), head);
    access.allows_at(permission, line.oid_at(at)).unwrap()
}

/// The permissions that were denied.
fn denied<T: std::fmt::Debug>(result: Result<T, VersionError>) -> Vec<&'static str> {
    match result {
        Err(VersionError::Commit(CommitError::Denied(denials))) => {
            denials.iter().map(|denial| denial.permission).collect()
        }
        other => panic!("it should be denied: {other:?}"),
    }
}

#[test]
fn case_15_different_permissions_are_both_kept() {
    let trunk = seeded("/a\n");
    let v = version(&trunk, "v");
    say(&v, "/a", EDIT, "Reviewer");
    say(&trunk, "/a", VIEW, "Reviewer!");
    assert_merges(&trunk, &v, "/a\n");
    assert_eq!((said(&trunk, "/a", EDIT), said(&trunk, "/a", VIEW)), ("Reviewer".into(), "Reviewer!".into()));
}

#[test]
fn case_15_the_same_permission_is_asked_about_and_never_united() {
    let table = [("A", "B", "nothing"), ("A", "A!", "nothing"), ("A B", "A", "B"), ("A!", "unsay", "B")];
    for (in_version, on_trunk, before) in table {
        let make = || {
            let trunk = seeded("/a\n");
            if before != "nothing" {
                say(&trunk, "/a", EDIT, before);
            }
            let v = version(&trunk, "v");
            say(&v, "/a", EDIT, in_version);
            if on_trunk == "unsay" {
                unsay(&trunk, "/a", EDIT)
            } else {
                say(&trunk, "/a", EDIT, on_trunk)
            };
            (trunk, v)
        };
        let (trunk, v) = make();
        let conflict = only_conflict(&v);
        let key = ConflictKey::Cell(trunk.oid_at("/a"), CellKey::Permission(name(EDIT)));
        assert_eq!(conflict.conflict.key, key);
        assert!(matches!(conflict.conflict.kind, ConflictKind::Cell { .. }));
        settle(&v, the_versions);
        assert_merges(&trunk, &v, "/a\n");
        assert_eq!(said(&trunk, "/a", EDIT), in_version);

        let (trunk, v) = make();
        settle(&v, the_parents);
        assert_eq!(merge(&v).unwrap().tid, None);
        assert_eq!(said(&trunk, "/a", EDIT), on_trunk.replace("unsay", "nothing"));
    }
}

#[test]
fn case_15_the_same_setting_on_both_sides_is_one() {
    let trunk = seeded("/a\n");
    let v = version(&trunk, "v");
    for line in [&v, &trunk] {
        say(line, "/a", EDIT, "A");
    }
    assert_eq!(merge(&v).unwrap().tid, None);
}

#[test]
fn case_16_what_is_added_below_what_was_narrowed_has_the_narrower_rights() {
    let trunk = seeded("/f\n/g\n");
    let v = version(&trunk, "v");
    for line in ["/f/new title=n", "/f/sub", "/f/sub/deep title=n", "/g/new title=n"] {
        v.add_text(line);
    }
    assert!(may(&trunk, &v, &Actor::anonymous(), VIEW, "/f/new"));
    say(&trunk, "/f", VIEW, "Manager!");
    for path in ["/f/new", "/f/sub/deep"] {
        assert!(!may(&trunk, &v, &Actor::anonymous(), VIEW, path), "{path}, from the moment of narrowing on");
    }
    let plan = v.merge_preview(&MergeChoice::default()).unwrap();
    assert_eq!(plan.conflicts.len(), 0);
    let changed = |oid, container| RightsNotice::Changed { oid, container };
    let container = trunk.oid_at("/f");
    assert_eq!(plan.rights, [changed(v.oid_at("/f/new"), container), changed(v.oid_at("/f/sub"), container)]);
    assert_merges(&trunk, &v, "/f\n/f/new title=n\n/f/sub\n/f/sub/deep title=n\n/g\n/g/new title=n\n");
    assert!(!may(&trunk, &trunk, &Actor::anonymous(), VIEW, "/f/new"));
    assert!(may(&trunk, &trunk, &Actor::anonymous(), VIEW, "/g/new"));
}

#[test]
fn case_17_a_user_who_was_deleted_is_asked_about_only_where_the_version_touched_him() {
    let make = |touched: bool| {
        let trunk = seeded("/a title=one\n");
        add_user(&trunk, "ann", "Editor");
        let v = version(&trunk, "v");
        v.set("/a", "title", "two");
        if touched {
            v.set("/_users/ann", "full_name", "Ann");
        }
        trunk.delete("/_users/ann");
        (trunk, v)
    };
    let (trunk, v) = make(false);
    merged(&v);
    assert!(!trunk.exists("/_users/ann"));
    let (_, v) = make(true);
    assert!(matches!(only_conflict(&v).conflict.kind, ConflictKind::Deleted { .. }));
}

#[test]
fn case_17_roles_that_were_taken_are_asked_about_only_where_the_version_touched_them() {
    for touched in [false, true] {
        let trunk = seeded("/a title=one\n");
        let ann = add_user(&trunk, "ann", "");
        give(&trunk, "/a", ann, "Editor");
        let v = version(&trunk, "v");
        v.set("/a", "title", "two");
        if touched {
            give(&v, "/a", ann, "Editor Reviewer");
        }
        give(&trunk, "/a", ann, "");
        if touched {
            let key = ConflictKey::Cell(trunk.oid_at("/a"), CellKey::LocalRoles(Subject::Principal(ann)));
            assert_eq!(only_conflict(&v).conflict.key, key);
            settle(&v, the_parents);
        }
        merged(&v);
        assert!(!may(&trunk, &trunk, &actor(&trunk, ann), EDIT, "/a"));
        assert_eq!(value(&trunk, "/a", "title"), Some("two".into()));
    }
}

#[test]
fn case_17_what_belongs_to_a_deleted_user_is_nobodys_and_not_public() {
    let trunk = seeded("/f\n");
    let (ann, mia) = (add_user(&trunk, "ann", "Editor"), add_user(&trunk, "mia", "Manager"));
    let v = version(&trunk, "v");
    v.write::<_, bough_store::testing::StepError>(by(&trunk, ann), |draft| {
        draft.set_maker(Some(ann));
        let parent = draft.at(&path("/f"))?;
        draft.add(parent, &name("x"), &name("page"), [])?;
        Ok(())
    })
    .unwrap();
    say(&v, "/f/x", VIEW, "Owner!");
    trunk.delete("/_users/ann");
    let plan = v.merge_preview(&MergeChoice::default()).unwrap();
    assert_eq!(plan.rights, [RightsNotice::Unowned { oid: v.oid_at("/f/x"), owner: ann }]);
    v.merge(&MergeChoice::default(), by(&trunk, mia)).unwrap();
    let again = add_user(&trunk, "ann", "");
    for (who, sees) in
        [(Actor::anonymous(), false), (actor(&trunk, again), false), (actor(&trunk, mia), false)]
    {
        assert_eq!(may(&trunk, &trunk, &who, VIEW, "/f/x"), sees, "{who:?}");
    }
    assert!(may(&trunk, &trunk, &Actor::system(), VIEW, "/f/x"));
}

#[test]
fn case_35_a_version_stays_when_its_owner_goes_and_he_cannot_merge_it() {
    for lost in ["user", "role"] {
        let trunk = seeded("/a title=one\n");
        let (ann, mia) = (add_user(&trunk, "ann", "Editor"), add_user(&trunk, "mia", "Manager"));
        let new = NewVersion::named("v").owned_by("ann");
        let v = trunk.open_version(&new, by(&trunk, ann)).unwrap();
        v.set("/a", "title", "two");
        // He asked while he was somebody still.
        let note = by(&trunk, ann);
        match lost {
            "user" => _ = trunk.delete("/_users/ann"),
            _ => _ = trunk.set("/_users/ann", "roles", Value::Null),
        }
        let before = (trunk.head(), trunk.text(), v.text());
        let choice = MergeChoice::default();
        assert_eq!(denied(v.merge(&choice, note.clone())), [EDIT], "{lost}");
        assert_eq!((trunk.head(), trunk.text(), v.text()), before, "{lost}");
        let plan = v.merge_preview_under(&choice, note.authority.as_deref()).unwrap();
        assert_eq!(plan.denied.iter().map(|denial| denial.permission).collect::<Vec<_>>(), [EDIT]);
        let info = v.version_info().unwrap();
        assert_eq!((info.status, info.owner.as_str()), (LineStatus::Open, "ann"));

        let change = Management { owner: Some("mia".into()), ..Management::default() };
        v.manage_version(&change, by(&trunk, mia)).unwrap();
        let plan = v.merge_preview_under(&choice, by(&trunk, mia).authority.as_deref()).unwrap();
        assert_eq!(plan.denied, []);
        v.merge(&choice, by(&trunk, mia)).unwrap();
        assert_eq!(value(&trunk, "/a", "title"), Some("two".into()));
    }
}

#[test]
fn a_merge_is_judged_by_what_held_on_the_parent_line_before_it() {
    let trunk = seeded("/a title=one\n/b title=one\n");
    let (ann, mia) = (add_user(&trunk, "ann", "Editor"), add_user(&trunk, "mia", "Manager"));
    say(&trunk, "/a", EDIT, "Manager!");
    let v = version(&trunk, "v");
    // Somebody widens it in the version, for Ann to use.
    v.doing(|draft| {
        let oid = draft.at(&path("/a"))?;
        draft.set_permission(oid, &name(EDIT), None)?;
        draft.set_local_roles(oid, Subject::Principal(ann), roles("Manager"))?;
        draft.set(oid, &name("title"), Some("two".into()))
    });
    v.set("/b", "title", "two");
    let choice = MergeChoice::default();
    let mut all = denied(v.merge(&choice, by(&trunk, ann)));
    all.sort_unstable();
    assert_eq!(all, ["Change permissions", "Change permissions", EDIT]);
    let plan = v.merge_preview_under(&choice, by(&trunk, ann).authority.as_deref()).unwrap();
    assert_eq!(plan.denied.len(), 3);
    assert!(plan.denied.iter().all(|denial| denial.at == trunk.oid_at("/a")));
    assert_eq!(trunk.text(), v.base_snapshot().map(|base| bough_store::testing::site_text(&base)).unwrap());
    let title = Pick::Cell(v.oid_at("/a"), CellKey::Attribute(name("title")));
    let only_title = MergeChoice { only: Some(vec![title]), close: false };
    assert_eq!(denied(v.merge(&only_title, by(&trunk, ann))), [EDIT], "not even without the widening");
    let rest = MergeChoice { only: Some(vec![Pick::Object(v.oid_at("/b"))]), close: false };
    v.merge(&rest, by(&trunk, ann)).unwrap();
    v.merge(&choice, by(&trunk, mia)).unwrap();
    assert_eq!(said(&trunk, "/a", EDIT), "nothing");
}

#[test]
fn an_editor_merges_what_others_made_in_the_version_and_they_stay_its_owners() {
    let trunk = seeded("/f\n");
    let (ann, ed) = (add_user(&trunk, "ann", "Editor"), add_user(&trunk, "ed", "Editor"));
    let v = version(&trunk, "v");
    v.write::<_, bough_store::testing::StepError>(by(&trunk, ann), |draft| {
        draft.set_maker(Some(ann));
        let parent = draft.at(&path("/f"))?;
        draft.add(parent, &name("x"), &name("page"), [])?;
        Ok(())
    })
    .unwrap();
    v.merge(&MergeChoice::default(), by(&trunk, ed)).unwrap();
    let object = trunk.snapshot().object(trunk.oid_at("/f/x")).unwrap().unwrap();
    assert_eq!(object.owner(), Some(ann));
}

#[test]
fn commits_and_undos_in_a_version_are_judged_there_and_at_the_head() {
    let trunk = seeded("/a title=one\n/b title=one\n");
    let ed = add_user(&trunk, "ed", "Editor");
    let v = version(&trunk, "v");
    let edit = |line: &Database, at: &str| {
        line.write::<_, bough_store::testing::StepError>(by(&trunk, ed), |draft| {
            let oid = draft.at(&path(at))?;
            Ok(draft.set(oid, &name("title"), Some("mine".into()))?)
        })
    };
    let tid = edit(&v, "/a").unwrap().1.unwrap();
    say(&v, "/b", EDIT, "Manager!");
    edit(&v, "/b").unwrap_err();
    let narrowed = say(&trunk, "/a", EDIT, "Manager!");
    let undone = v.undo(&[tid], &UndoChoices::default(), by(&trunk, ed));
    assert!(matches!(undone, Err(bough_store::UndoError::Commit(CommitError::Denied(_)))), "{undone:?}");
    undo(&trunk, narrowed);
    v.undo(&[tid], &UndoChoices::default(), by(&trunk, ed)).unwrap().unwrap();
    assert_eq!(value(&v, "/a", "title"), Some("one".into()));
}

#[test]
fn an_update_takes_in_what_the_parent_line_says_of_rights() {
    let trunk = seeded("/a title=one\n");
    let v = version(&trunk, "v");
    v.set("/a", "title", "two");
    say(&trunk, "/a", VIEW, "Manager!");
    assert_eq!(said(&v, "/a", VIEW), "nothing");
    update(&v).unwrap();
    assert_eq!(said(&v, "/a", VIEW), "Manager!");
    assert!(!may(&trunk, &v, &Actor::anonymous(), VIEW, "/a"));
    assert_sound(&trunk);
}

#[test]
fn a_value_that_settles_a_conflict_takes_the_right_to_write_it() {
    let trunk = seeded("/a title=one\n");
    let (ed, mia) = (add_user(&trunk, "ed", "Editor"), add_user(&trunk, "mia", "Manager"));
    say(&trunk, "/a", EDIT, "Manager!");
    let v = version(&trunk, "v");
    v.set("/a", "title", "two");
    trunk.set("/a", "title", "three");
    settle(&v, |_, _| Resolution::Value(Some(Content::Value("ed's".into()))));
    assert_eq!(denied(v.update(None, by(&trunk, ed))), [EDIT]);
    assert_eq!(value(&v, "/a", "title"), Some("two".into()));
    v.update(None, by(&trunk, mia)).unwrap();
    assert_eq!(value(&v, "/a", "title"), Some("ed's".into()));
}

/// What was hidden when it was deleted is not found in a version that shows it from before.
#[test]
fn what_was_moved_and_deleted_counts_where_it_stood_last() {
    let trunk = seeded("/public\n/public/x title=one\n/private\n");
    say(&trunk, "/private", VIEW, "Manager!");
    let v = version(&trunk, "v");
    assert!(may(&trunk, &v, &Actor::anonymous(), VIEW, "/public/x"));
    trunk.move_path("/public/x", "/private/x");
    assert!(!may(&trunk, &v, &Actor::anonymous(), VIEW, "/public/x"));
    trunk.delete("/private/x");
    assert!(!may(&trunk, &v, &Actor::anonymous(), VIEW, "/public/x"), "deleted, it is hidden still");
    trunk.delete("/private");
    assert!(!may(&trunk, &v, &Actor::anonymous(), VIEW, "/public/x"), "with its folder");
    let past = trunk.snapshot_at(v.version_info().unwrap().base).unwrap();
    let access = Access::new(
        Actor::anonymous(),
        Arc::clone(trunk.types()),
        Arc::new(past),
        Some(Arc::new(trunk.snapshot())),
    );
    assert!(!access.allows_at(VIEW, v.oid_at("/public/x")).unwrap(), "nor in the past");
}
