//! Who may do what, as the store keeps it and as commits, undos and restores are judged by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bough_core::security::permission::{EDIT, PERMISSIONS, VIEW};
use bough_core::security::{
    Access, Actor, Principal, Roles, Scope, Setting, Subject, USER, USERS, USERS_NAME, Warrant, user,
};
use bough_core::transaction::{Transaction, TransactionError};
use bough_core::{CellKey, Content, Oid, Snapshot as _, Tid, Value};

use crate::disk::MemoryDisk;
use crate::testing::{StepError, name, open_on, path, seed, seeded};
use crate::{CommitError, Database, Draft, Note, UndoChoices, UndoError};

fn roles(text: &str) -> Roles {
    Roles::named(text.split_whitespace())
}

fn say(line: &Database, at: &str, permission: &str, who: &str) -> Tid {
    let setting = Setting { roles: roles(who.trim_end_matches('!')), acquire: !who.ends_with('!') };
    line.doing(|draft| {
        let oid = draft.at(&path(at))?;
        draft.set_permission(oid, &name(permission), Some(setting.clone()))
    })
}

/// Adds Ed, who edits, and Mia, who manages.
fn add_users(database: &Database) -> [Oid; 2] {
    database.doing(|draft| {
        let users = draft.add(Oid::ROOT, &name(USERS_NAME), &name(USERS), [])?;
        for (login, has) in [("ed", "Editor"), ("mia", "Manager")] {
            let has = Value::Set([has.into()].into());
            draft.add(users, &name(login), &name(USER), [(name("roles"), has)])?;
        }
        Ok(())
    });
    ["/_users/ed", "/_users/mia"].map(|at| database.oid_at(at))
}

fn actor(database: &Database, who: Oid) -> Actor {
    let user = user(&database.snapshot(), who).unwrap();
    Actor::new(user.map_or(Principal::Anonymous, |user| Principal::User(Arc::new(user))))
}

fn by(database: &Database, who: Oid) -> Note {
    Note::edit("Did").under(Arc::new(Warrant::new(actor(database, who), Arc::clone(database.types()))))
}

fn write(
    database: &Database,
    who: Oid,
    work: impl Fn(&mut Draft) -> Result<(), TransactionError>,
) -> Result<Option<Tid>, CommitError> {
    match database.write::<_, StepError>(by(database, who), |draft| Ok(work(draft)?)) {
        Ok(((), tid)) => Ok(tid),
        Err(StepError::Commit(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

/// What was denied, as in `Edit content`, and that nothing was written.
fn denied<T: std::fmt::Debug>(
    database: &Database,
    work: impl FnOnce() -> Result<T, CommitError>,
) -> Vec<&'static str> {
    let before = (database.head(), database.text());
    let found = work();
    assert_eq!((database.head(), database.text()), before, "what is denied writes nothing");
    match found {
        Err(CommitError::Denied(denials)) => denials.iter().map(|denial| denial.permission).collect(),
        other => panic!("it should be denied: {other:?}"),
    }
}

fn undo(database: &Database, who: Oid, of: Tid) -> Result<Option<Tid>, CommitError> {
    match database.undo(&[of], &UndoChoices::default(), by(database, who)) {
        Ok(tid) => Ok(tid),
        Err(UndoError::Commit(error)) => Err(error),
        Err(other) => panic!("{other}: {other:?}"),
    }
}

fn retitle(draft: &mut Draft, at: &str, title: &str) -> Result<(), TransactionError> {
    let oid = draft.at(&path(at))?;
    draft.set(oid, &name("title"), Some(title.into()))
}

#[test]
fn a_commit_is_denied_whole_with_all_that_it_may_not_do() {
    let database = seeded("/a title=one\n/b title=one");
    let [ed, mia] = add_users(&database);
    say(&database, "/a", EDIT, "Manager!");
    let both = |draft: &mut Draft| {
        retitle(draft, "/a", "two")?;
        retitle(draft, "/b", "two")
    };
    assert_eq!(denied(&database, || write(&database, ed, both)), [EDIT]);
    write(&database, ed, |draft| retitle(draft, "/b", "two")).unwrap().unwrap();
    write(&database, mia, both).unwrap().unwrap();
}

#[test]
fn a_right_that_was_taken_between_the_draft_and_the_commit_is_gone() {
    let database = seeded("/a title=one");
    let [ed, _] = add_users(&database);
    let note = by(&database, ed);
    let drafted = || {
        let mut draft = database.begin();
        retitle(&mut draft, "/a", "two").unwrap();
        draft
    };
    let draft = drafted();
    let taken = say(&database, "/", EDIT, "Manager!");
    assert_eq!(denied(&database, || database.commit(draft, note.clone())), [EDIT]);
    database.undo(&[taken], &UndoChoices::default(), Note::edit("")).unwrap();
    let draft = drafted();
    database.set("/_users/ed", "disabled", true);
    assert_eq!(denied(&database, || database.commit(draft, note.clone())), [EDIT]);
    database.set("/_users/ed", "disabled", false);
    let draft = drafted();
    database.commit(draft, note).unwrap().unwrap();
}

/// Commits that wait for each other are judged one after the other: one that is refused harms none of the others.
#[test]
fn writers_at_once_are_judged_each_for_himself() {
    let database = seeded("/a title=one\n/b title=one\n/c title=one");
    let [ed, mia] = add_users(&database);
    say(&database, "/b", EDIT, "Manager!");
    thread::scope(|scope| {
        let mut writers = Vec::new();
        for (who, at, may) in [(ed, "/a", true), (ed, "/b", false), (mia, "/b", true), (mia, "/c", true)] {
            let database = &database;
            writers.push(scope.spawn(move || {
                for round in 0..25 {
                    let title = format!("{who} {round}");
                    let written = write(database, who, |draft| retitle(draft, at, &title));
                    assert_eq!(written.is_ok(), may, "{at} by {who}: {written:?}");
                }
            }));
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
    let expected = format!("title={mia} 24");
    assert!(database.text().contains(&expected), "{}", database.text());
    assert!(database.check(&mut crate::unwatched).unwrap().is_sound());
}

#[test]
fn an_undo_takes_what_the_change_would_take_and_says_so_before() {
    let database = seeded("/a\n/a/x title=one\n/b");
    let [ed, mia] = add_users(&database);
    let edited = database.set("/a", "title", "two");
    let restricted = say(&database, "/a", VIEW, "Manager!");
    let moved = database.move_path("/a/x", "/b/x");
    let deleted = database.delete("/a");
    // What was deleted comes back for those who may add it there.
    let back = undo(&database, ed, deleted).unwrap().unwrap();
    assert_eq!(denied(&database, || undo(&database, ed, restricted)), [PERMISSIONS]);
    assert_eq!(denied(&database, || undo(&database, ed, moved)), [PERMISSIONS], "back into what is hidden");
    let choices = UndoChoices::default();
    let preview = database.undo_preview_under(&[restricted], &choices, by(&database, ed).authority);
    let Err(UndoError::Commit(CommitError::Denied(denials))) = preview else { panic!("{preview:?}") };
    assert_eq!((denials[0].permission, denials[0].at), (PERMISSIONS, database.oid_at("/a")));
    database.undo_preview_under(&[restricted], &choices, by(&database, mia).authority).unwrap();

    undo(&database, ed, edited).unwrap().unwrap();
    let redone = undo(&database, ed, back).unwrap().unwrap();
    assert!(!database.exists("/a"));
    undo(&database, ed, redone).unwrap().unwrap();
    undo(&database, mia, restricted).unwrap().unwrap();
    undo(&database, ed, moved).unwrap().unwrap();
    assert!(database.text().ends_with("/a\n/a/x title=one\n/b\n"), "{}", database.text());
}

#[test]
fn an_editor_takes_back_what_he_added_and_brings_it_again() {
    let database = seeded("/a");
    let [ed, _] = add_users(&database);
    let add = |draft: &mut Draft| {
        draft.set_maker(Some(ed));
        let parent = draft.at(&path("/a"))?;
        draft.add(parent, &name("x"), &name("page"), []).map(drop)
    };
    let added = write(&database, ed, add).unwrap().unwrap();
    let undone = undo(&database, ed, added).unwrap().unwrap();
    assert!(!database.exists("/a/x"));
    undo(&database, ed, undone).unwrap().unwrap();
    let object = database.snapshot().object(database.oid_at("/a/x")).unwrap().unwrap();
    assert_eq!(object.owner(), Some(ed));
}

#[test]
fn what_was_hidden_and_deleted_is_restored_only_where_it_was() {
    let database = seeded("/secret\n/secret/x title=one\n/public");
    let [ed, mia] = add_users(&database);
    say(&database, "/secret", VIEW, "Manager!");
    let was = database.snapshot().object(database.oid_at("/secret/x")).unwrap().unwrap();
    database.delete("/secret/x");
    database.set("/public", "title", "later");
    let restore = |who, to: &str| {
        write(&database, who, |draft| {
            let parent = draft.at(&path(to))?;
            draft.restore(&was, parent, &name("x"))
        })
    };
    assert_eq!(denied(&database, || restore(ed, "/public")), [PERMISSIONS]);
    restore(ed, "/secret").unwrap().unwrap();
    database.delete("/secret/x");
    restore(mia, "/public").unwrap().unwrap();
}

#[test]
fn settings_have_a_history_a_blame_and_go_through_a_pack() {
    let disk = MemoryDisk::new();
    let database = open_on(Arc::new(disk.clone()));
    seed(&database, "/a title=one");
    let ann = Oid::from_u128(77);
    let first = say(&database, "/a", VIEW, "A");
    let second = database.doing(|draft| {
        let oid = draft.at(&path("/a"))?;
        draft.set_permission(oid, &name(VIEW), Some(Setting { roles: roles("B"), acquire: false }))?;
        draft.set_local_roles(oid, Subject::Principal(ann), roles("Editor"))?;
        draft.set_owner(oid, Some(ann))?;
        draft.set_proxy_roles(oid, Some(roles("Editor")))
    });
    let a = database.oid_at("/a");
    let third = database.set("/a", "title", "two");
    let keys = |tid| {
        let deltas = database.changes(tid, 0, 10).unwrap();
        let [delta] = &deltas[..] else { panic!("{deltas:?}") };
        let cells = bough_core::object::differing_cells(delta.before.as_deref(), delta.after.as_deref());
        cells.into_iter().map(|(key, ..)| key.clone()).collect::<Vec<_>>()
    };
    let (permission, subject) =
        (CellKey::Permission(name(VIEW)), CellKey::LocalRoles(Subject::Principal(ann)));
    assert_eq!(keys(second), [CellKey::Owner, CellKey::ProxyRoles, permission.clone(), subject.clone()]);
    let blame = |database: &Database| {
        let object = database.snapshot().object(a).unwrap().unwrap();
        let of = |key: &CellKey| object.cell(key).unwrap().tid;
        [&CellKey::Owner, &CellKey::ProxyRoles, &permission, &subject].map(of)
    };
    assert_eq!(blame(&database), [second; 4]);
    let past = database.object_at(a, first).unwrap().unwrap();
    let setting = Setting { roles: roles("A"), acquire: true };
    assert_eq!(past.content(&permission), Some(&Content::Setting(setting)));

    database.pack(third, false, &mut crate::unwatched).unwrap();
    assert!(database.check(&mut crate::unwatched).unwrap().is_sound());
    assert_eq!(blame(&database), [second; 4]);
    drop(database);
    let database = open_on(Arc::new(disk));
    assert_eq!(blame(&database), [second; 4], "after a replay");
    let object = database.snapshot().object(a).unwrap().unwrap();
    assert_eq!((object.owner(), object.security().len()), (Some(ann), 4));
}

/// A page's rights were kept when somebody asked for them, and stayed when it was moved.
#[test]
fn what_is_kept_of_rights_does_not_outlive_a_move_or_a_deletion() {
    let database = seeded("/a\n/a/x title=one\n/b");
    say(&database, "/b", VIEW, "Manager!");
    let x = database.oid_at("/a/x");
    let scope = |database: &Database| database.snapshot().scope(x).unwrap();
    assert!(scope(&database).effective(VIEW).is_none());
    database.move_path("/a/x", "/b/x");
    assert!(scope(&database).effective(VIEW).is_some());
    let deleted = database.delete("/b/x");
    assert!(!scope(&database).is_live());
    database.undo(&[deleted], &UndoChoices::default(), Note::edit("")).unwrap();
    assert!(scope(&database).is_live());
}

/// What was kept of a deleted object held on when that was unmade, and counted again when it was made again.
#[test]
fn what_is_kept_of_rights_does_not_outlive_the_undo_of_the_making() {
    let database = seeded("");
    let v = database.open_version(&crate::version::NewVersion::named("v"), Note::edit("")).unwrap();
    let undo = |of| v.undo(&[of], &UndoChoices::default(), Note::edit("")).unwrap().unwrap();
    let made = v.add_text("/x");
    let x = v.oid_at("/x");
    let deleted = v.delete("/x");
    assert!(!v.snapshot().scope(x).unwrap().is_live());
    let unmade = v.undo(&[deleted, made], &UndoChoices::default(), Note::edit("")).unwrap().unwrap();
    let undeleted = undo(unmade);
    undo(undeleted);
    undo(deleted);
    assert!(v.exists("/x"));
    assert!(v.snapshot().scope(x).unwrap().is_live());
}

/// Writers change settings and move folders, while readers compare what is kept with what they put together anew.
#[test]
fn no_reader_meets_rights_that_are_kept_from_another_time() {
    let database = seeded("/a\n/a/f\n/a/f/g\n/a/f/g/x title=one\n/b");
    let v = database.open_version(&crate::version::NewVersion::named("v"), Note::edit("")).unwrap();
    say(&database, "/b", VIEW, "Manager!");
    let oids = ["/a", "/a/f", "/a/f/g", "/a/f/g/x", "/b"].map(|at| database.oid_at(at));
    let [a, f, g, x, b] = oids;
    let is_done = AtomicBool::new(false);
    let looks = thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|nth| {
                let (database, v, is_done) = (&database, &v, &is_done);
                scope.spawn(move || {
                    let mut looks = 0;
                    let mut kept = Vec::new();
                    while !is_done.load(Ordering::Relaxed) || looks < 50 {
                        let line = if (looks + nth) % 3 == 0 { v } else { database };
                        kept.push(line.snapshot());
                        if kept.len() > 6 {
                            kept.remove(looks % 6);
                        }
                        for snapshot in &kept {
                            for oid in [x, g, f] {
                                assert_eq!(
                                    snapshot.scope(oid).unwrap(),
                                    fresh(snapshot, oid),
                                    "{oid} in {snapshot:?}"
                                );
                            }
                        }
                        looks += 1;
                    }
                    looks
                })
            })
            .collect();
        for round in 0..120 {
            let line = if round % 4 == 3 { &v } else { &database };
            line.doing(|draft| match round % 3 {
                0 => {
                    let stands_in =
                        draft.object(f)?.and_then(|object| object.place().map(|place| place.parent));
                    draft.move_to(f, if stands_in == Some(a) { b } else { a }, &name("f"))
                }
                1 => {
                    let setting = Setting { roles: roles(&format!("R{round}")), acquire: round % 2 == 0 };
                    draft.set_permission([a, f, g][round % 3], &name(VIEW), Some(setting))
                }
                _ => {
                    let whose = Subject::Principal(Oid::from_u128(900 + (round % 5) as u128));
                    draft.set_local_roles([f, x][round % 2], whose, roles(&format!("R{round}")))
                }
            });
        }
        is_done.store(true, Ordering::Relaxed);
        readers.into_iter().map(|reader| reader.join().unwrap()).sum::<usize>()
    });
    assert!(looks >= 100);
}

/// The scope put together without what is kept: a transaction keeps nothing of that.
fn fresh(snapshot: &crate::Snapshot, oid: Oid) -> Arc<Scope> {
    let ids = Arc::new(crate::testing::CountingIds::default());
    Transaction::new(Arc::new(snapshot.clone()), Arc::default(), ids, 0).scope(oid).unwrap()
}

#[test]
fn a_decision_in_a_version_asks_the_head_that_is_there_now() {
    let database = seeded("/a\n/a/x title=one");
    let v = database.open_version(&crate::version::NewVersion::named("v"), Note::edit("")).unwrap();
    let x = database.oid_at("/a/x");
    let may = |line: &Database| {
        let head = Some(Arc::new(database.snapshot()) as _);
        let access =
            Access::new(Actor::anonymous(), Arc::clone(database.types()), Arc::new(line.snapshot()), head);
        access.allows_at(VIEW, x).unwrap()
    };
    assert!(may(&v));
    let hidden = say(&database, "/a", VIEW, "Manager!");
    assert!(!may(&v));
    database.undo(&[hidden], &UndoChoices::default(), Note::edit("")).unwrap();
    assert!(may(&v));
    say(&v, "/a", VIEW, "Manager!");
    assert!(!may(&v) && may(&database));
}
