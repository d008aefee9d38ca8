//! Who may do what, as an application asks it.

use bough_core::security::permission::{EDIT, EDITOR, MANAGER, VIEW};
use bough_core::security::{Actor, Reason, Roles, Setting, Subject};

use crate::{Error, Site};

fn only(role: &str) -> Option<Setting> {
    Some(Setting { roles: Roles::named([role]), acquire: false })
}

/// `/docs` with a private folder; ann edits everywhere, ben nothing, cay only in `/docs`.
fn site() -> Site {
    let site = Site::in_memory().unwrap();
    site.write("Seed", |tx| {
        tx.add("/docs", "folder")?;
        tx.add("/docs/open", "page")?;
        tx.add("/docs/private", "folder")?;
        tx.add("/docs/private/note", "page")?;
        tx.add_user("/", "ann", [EDITOR])?;
        tx.add_user("/", "ben", [""; 0])?;
        tx.add_user("/docs", "cay", [MANAGER])?;
        tx.set_permission("/docs/private", VIEW, only(MANAGER))
    })
    .unwrap();
    site
}

fn actor(site: &Site, user: &str) -> Actor {
    let near = if user == "cay" { "/docs" } else { "/" };
    site.actor(site.now().account(user, near).unwrap().oid).unwrap()
}

fn names(site: &Site, permission: &str, path: &str) -> Vec<String> {
    let found = site.who_can(permission, &site.get(path).unwrap(), 0, 100).unwrap();
    found.accounts.iter().map(|entitled| entitled.account.name.to_string()).collect()
}

#[test]
fn users_count_where_they_are_defined_and_below() {
    let site = site();
    assert_eq!(names(&site, EDIT, "/docs/open"), ["cay", "ann"], "the nearest folder first");
    assert_eq!(names(&site, EDIT, "/"), ["ann"]);
    assert_eq!(names(&site, VIEW, "/docs/private/note"), ["cay"]);
    let here = site.who_can(VIEW, &site.get("/docs/open").unwrap(), 1, 1).unwrap();
    assert!(here.everybody && here.more, "{here:?}");
}

#[test]
fn local_roles_and_groups_give_rights_and_a_disabled_user_has_none() {
    let site = site();
    site.write("Give", |tx| {
        tx.add_group("/", "staff", [""; 0])?;
        tx.set_groups("/_users/ben", ["/_users/staff"])?;
        let staff = tx.subject("/docs/private", "staff")?;
        tx.set_local_roles("/docs/private", staff, Roles::named([MANAGER]))
    })
    .unwrap();
    assert_eq!(names(&site, VIEW, "/docs/private/note"), ["cay", "ben", "staff"]);
    let note = site.get("/docs/private/note").unwrap();
    let why = site.why(actor(&site, "ben"), VIEW, &note).unwrap();
    assert_eq!((why.allowed, why.reason), (true, Reason::Role));

    let disabled = site.write("Leave", |tx| tx.set_disabled("/_users/ben", true)).unwrap();
    assert_eq!(names(&site, VIEW, "/docs/private/note"), ["cay", "staff"]);
    assert_eq!(site.why(actor(&site, "ben"), VIEW, &note).unwrap().reason, Reason::NotLoggedIn);
    site.undo(disabled.tid).unwrap();
    assert_eq!(names(&site, VIEW, "/docs/private/note"), ["cay", "ben", "staff"]);
}

#[test]
fn what_somebody_can_is_told_only_where_it_is_other_than_around() {
    let site = site();
    let top = site.get("/").unwrap();
    let told = |user: &str, skip, limit| {
        let found = site.what_can(actor(&site, user), &top, skip, limit).unwrap();
        let paths: Vec<String> = found.scopes.iter().map(|scope| scope.path.to_string()).collect();
        (paths, found.more)
    };
    assert_eq!(told("ann", 0, 10), (vec!["/".into(), "/docs/private".into()], false));
    assert_eq!(told("ann", 1, 10), (vec!["/".into()], false));
    assert_eq!(told("ann", 0, 0), (vec!["/".into()], true));
    let ann = site.what_can(actor(&site, "ann"), &top, 0, 10).unwrap();
    assert_eq!(ann.scopes[1].lost, Roles::named([VIEW]));
}

#[test]
fn in_the_past_and_in_a_version_nobody_may_more_than_now() {
    let site = site();
    let before = site.now().tid();
    let version = site.create_version("try").unwrap();
    site.write("Close", |tx| tx.set_permission("/docs", VIEW, only(MANAGER))).unwrap();
    let ben = actor(&site, "ben");
    let then = site.at(before).unwrap();
    for object in [then.get("/docs/open").unwrap(), version.get("/docs/open").unwrap()] {
        let why = site.why(ben.clone(), VIEW, &object).unwrap();
        assert!(!why.allowed && matches!(why.reason, Reason::AtHead(_)), "{why:?}");
    }
    let told = version.what_can(ben, &version.get("/").unwrap(), 0, 10).unwrap();
    let paths: Vec<String> = told.scopes.iter().map(|scope| scope.path.to_string()).collect();
    assert_eq!(paths, ["/", "/docs"], "the version itself says nothing of it");
}

#[test]
fn users_are_refused_where_they_would_not_count() {
    let site = site();
    let error = site.write("Try", |tx| tx.add("/docs/people", "users")).unwrap_err();
    assert!(matches!(error, Error::UsersElsewhere { .. }), "{error}");
    let error = site.write("Try", |tx| tx.add("/docs/_users/page", "page")).unwrap_err();
    assert!(error.to_string().contains("cannot contain a page"), "{error}");
    let error = site.write("Try", |tx| tx.set_roles("/docs/open", [EDITOR])).unwrap_err();
    assert!(matches!(error, Error::OtherType { .. }), "{error}");
    let error = site.write("Try", |tx| tx.subject("/docs", "nobody")).unwrap_err();
    assert_eq!(error.to_string(), "there is no user or group `nobody` that counts at `/docs`");
    let by_name = Subject::Name(bough_core::Name::new("dan").unwrap());
    let roles = Roles::named([EDITOR]);
    site.write("Give", |tx| tx.set_local_roles("/docs", by_name.clone(), roles.clone())).unwrap();
    site.write("See", |tx| {
        assert_eq!(tx.local_roles("/docs", &by_name)?, roles);
        Ok(())
    })
    .unwrap();
}
