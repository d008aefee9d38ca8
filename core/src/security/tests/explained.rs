//! What explanations say.

use super::*;
use crate::security::permission::{EDIT, VIEW};
use crate::security::{Explanation, HeldBy, Reason, explain};

fn explained(site: &Site, actor: &Actor, permission: &str, path: &str) -> Explanation {
    let object = site.tree.object(site.oid(path)).unwrap().unwrap();
    explain(&site.access(actor), permission, &object).unwrap()
}

#[test]
fn the_reason_names_what_stands_against_it() {
    let mut site = Site::new("/a/b\n/c");
    let (ann, ina) = (site.user("/", "ann", "Reader"), site.user("/a", "ina", "Manager"));
    let (a, b) = (site.oid("/a"), site.oid("/a/b"));
    site.say("/a", "Read", "Reader!").say("/a/b", VIEW, "!");
    let [ann, ina] = [ann, ina].map(|oid| site.actor(oid));
    let within = |within| Actor { within: Some(Arc::new(within)), ..ann.clone() };
    let table = [
        (&Actor::anonymous(), VIEW, "/c", Reason::Everybody),
        (&Actor::system(), "Read", "/c", Reason::Omnipotent),
        (&Actor::system(), VIEW, "/c", Reason::Omnipotent),
        (&ann, "Read", "/a/b", Reason::Role),
        (&ann, VIEW, "/a/b", Reason::Private),
        (&Actor::anonymous(), "Read", "/a", Reason::NotLoggedIn),
        (&ina, "Read", "/c", Reason::Outside { folder: a }),
        (&ann, "Read", "/c", Reason::NoRole),
        (&within(Within { subtree: Some(b), permissions: None }), "Read", "/a", Reason::Within),
        (&within(Within { subtree: None, permissions: Some(roles("Write")) }), "Read", "/a", Reason::Within),
    ];
    for (actor, permission, path, reason) in table {
        assert_eq!(explained(&site, actor, permission, path).reason, reason, "{permission} {path} {actor:?}");
    }
    site.delete("/a/b");
    let object = site.tree.object(b).unwrap().unwrap();
    assert_eq!(explain(&site.access(&ann), VIEW, &object).unwrap().reason, Reason::Deleted);
}

#[test]
fn it_names_every_cell_that_gives_the_permission_and_the_roles() {
    let mut site = Site::new("/a/b");
    let ann = site.user("/", "ann", "Reader");
    site.say("/a", EDIT, "Writer!").say("/a/b", EDIT, "Reader").own("/a", ann);
    site.give("/a/b", Subject::Name(name("ann")), "Writer");
    let found = explained(&site, &site.actor(ann), EDIT, "/a/b");
    let granted: Vec<_> =
        found.granted.iter().map(|g| (g.role.as_str(), g.by.as_ref().unwrap().oid)).collect();
    let (a, b) = (site.oid("/a"), site.oid("/a/b"));
    assert_eq!(granted, [("Reader", b), ("Writer", a)]);
    assert_eq!(found.stopped_by.unwrap().oid, a);
    let held: Vec<_> = found.held.iter().map(|held| (held.role.as_str(), held.by.clone())).collect();
    assert_eq!(held[2], ("Reader", HeldBy::User(ann)));
    assert!(matches!(&held[3], ("Writer", HeldBy::Local(at)) if at.oid == b && at.tid.is_some()));
    assert!(matches!(&held[4], ("Owner", HeldBy::Owner(at)) if at.oid == a));
}

#[test]
fn what_to_change_is_a_role_of_his_own_and_no_more_than_it_takes() {
    let mut site = Site::new("/a/b");
    let ann = site.user("/", "ann", "Reader");
    let found = explained(&site, &site.actor(ann), EDIT, "/a/b");
    let [because] = &found.because[..] else { panic!("{found:?}") };
    assert_eq!((because.cell.oid, because.cell.tid), (site.oid("/a/b"), None));
    let setting = Setting { roles: roles("Reader"), acquire: true };
    assert_eq!(because.instead, Some(crate::Content::Setting(setting)));
}
