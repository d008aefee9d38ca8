//! The small tables: settings, containment, roles, deletion, tokens, and what the head narrows.

use super::*;
use crate::security::permission::{EDIT, LIST, MANAGE, VIEW};

/// Every pattern of saying nothing, adding to and replacing what the containers say, at two places, for each kind of role.
#[test]
fn a_setting_adds_to_what_the_containers_say_or_replaces_it() {
    // What / and /a say of "Read", and who may read /a and /a/b by that: (m)anager, (r)eader, (a)nonymous.
    let table = [
        ("", "", "m"),
        ("", "R", "mr"),
        ("", "R!", "r"),
        ("", "!", ""),
        ("", "Anonymous", "mra"),
        ("", "Anonymous!", "mra"),
        ("", "Authenticated!", "mr"),
        ("R", "", "mr"),
        ("R!", "", "r"),
        ("R!", "Manager", "mr"),
        ("R!", "Manager!", "m"),
        ("!", "R", "r"),
        ("!", "", ""),
        ("Anonymous", "R!", "r"),
        ("Anonymous!", "", "mra"),
        ("Anonymous", "!", ""),
    ];
    for (at_root, at_folder, who) in table {
        let mut site = Site::new("/a/b\n/c");
        let manager = site.user("/", "mia", "Manager");
        let reader = site.user("/", "rob", "R");
        for (path, says) in [("/", at_root), ("/a", at_folder)] {
            if !says.is_empty() {
                site.say(path, "Read", says);
            }
        }
        let [manager, reader] = [manager, reader].map(|oid| site.actor(oid));
        for path in ["/a", "/a/b"] {
            let may = |actor: &Actor| site.may(actor, "Read", path);
            let mut found = String::new();
            for (letter, actor) in [('m', &manager), ('r', &reader), ('a', &Actor::anonymous())] {
                found.extend(may(actor).then_some(letter));
            }
            assert_eq!(found, who, "/ says `{at_root}`, /a says `{at_folder}`: {path}");
        }
    }
}

#[test]
fn a_user_counts_in_the_folder_of_the_users_and_below_and_nowhere_else() {
    let mut site = Site::new("/a/b/c\n/d");
    let inner = site.user("/a/b", "ann", "Manager");
    let ann = site.actor(inner);
    for (path, may) in [("/", false), ("/a", false), ("/a/b", true), ("/a/b/c", true), ("/d", false)] {
        assert_eq!(site.may(&ann, MANAGE, path), may, "{path}");
        assert!(site.may(&ann, VIEW, path), "what everybody may, he may at {path}");
    }
    // Logging in makes nobody known elsewhere, and roles that are given elsewhere do not count there.
    site.say("/d", "Read", "Authenticated").give("/d", Subject::Principal(inner), "Manager");
    assert!(!site.may(&ann, "Read", "/d") && !site.may(&ann, MANAGE, "/d"));
    site.move_to("/d", "/a/b", "d");
    assert!(site.may(&ann, "Read", "/a/b/d"), "what lies in the folder now, counts");
    site.move_to("/a/b/c", "/", "c");
    assert!(!site.may(&ann, MANAGE, "/c"), "what lies elsewhere now, does not");
}

#[test]
fn a_group_counts_for_the_users_of_its_folder_and_those_below() {
    for (group_in, counts) in [("/a", true), ("/", true), ("/a/b", false), ("/d", false)] {
        let mut site = Site::new("/a/b\n/d");
        let group = site.add_somebody(group_in, "staff", GROUP, "Editor", &[]);
        let ann = site.add_somebody("/a", "ann", USER, "", &[group]);
        site.give("/a/b", Subject::Principal(group), "Reader").say("/", "Read", "Reader");
        let ann = site.actor(ann);
        assert_eq!(site.may(&ann, EDIT, "/a/b"), counts, "a role of the group in {group_in}");
        assert_eq!(site.may(&ann, "Read", "/a/b"), counts, "a role given to the group in {group_in}");
        assert!(!site.may(&ann, EDIT, "/d") && !site.may(&ann, EDIT, "/"));
    }
}

#[test]
fn roles_are_given_locally_to_a_user_a_name_or_a_group_and_cascade() {
    let mut site = Site::new("/a/b/c");
    let group = site.add_somebody("/", "staff", GROUP, "", &[]);
    let ann = site.add_somebody("/", "ann", USER, "", &[group]);
    let other = site.user("/", "bob", "");
    for whose in [Subject::Principal(ann), Subject::Principal(group), Subject::Name(name("ann"))] {
        let mut site = site.clone();
        site.give("/a/b", whose.clone(), "Editor");
        let (ann, bob) = (site.actor(ann), site.actor(other));
        for (path, may) in [("/a", false), ("/a/b", true), ("/a/b/c", true)] {
            assert_eq!(site.may(&ann, EDIT, path), may, "{whose} at {path}");
            assert!(!site.may(&bob, EDIT, path) && !site.may(&Actor::anonymous(), EDIT, path));
        }
    }
}

#[test]
fn an_owner_has_the_role_at_what_is_his_and_in_it() {
    let mut site = Site::new("/a/b/c\n/a/d");
    let ann = site.user("/", "ann", "");
    site.own("/a/b", ann);
    let actor = site.actor(ann);
    for (path, may) in [("/a", false), ("/a/b", true), ("/a/b/c", true), ("/a/d", false)] {
        assert_eq!(site.may(&actor, EDIT, path), may, "{path}");
        assert!(!site.may(&Actor::anonymous(), EDIT, path), "{path}");
    }
    site.say("/a/b", EDIT, "Manager!");
    assert!(!site.may(&actor, EDIT, "/a/b/c"), "a setting that names others takes it from the owner, too");
}

#[test]
fn who_is_deleted_disabled_or_no_user_any_more_is_nobody() {
    type Ruin = fn(&mut Site, Oid) -> &mut Site;
    let ruin: [(&str, Ruin); 7] = [
        ("deleted", |site, _| site.delete("/_users/ann")),
        ("deleted with all users", |site, _| site.delete("/_users")),
        ("disabled", |site, ann| site.change(|t| t.set(ann, &name("disabled"), Some(true.into())))),
        ("disabled by a word", |site, ann| {
            site.change(|t| t.set(ann, &name("disabled"), Some("yes".into())))
        }),
        ("of another type", |site, ann| site.change(|t| t.set_type(ann, &name("page")))),
        ("of a folder of another type", |site, _| {
            let users = site.oid("/_users");
            site.change(|t| t.set_type(users, &name(FOLDER)))
        }),
        ("moved elsewhere", |site, _| site.move_to("/_users/ann", "/a", "ann")),
    ];
    for (what, ruin) in ruin {
        let mut site = Site::new("/a");
        let ann = site.user("/", "ann", "Manager");
        site.own("/a", ann);
        assert!(site.may(&site.actor(ann), EDIT, "/a"));
        ruin(&mut site, ann);
        assert_eq!(site.actor(ann), Actor::anonymous(), "{what}");
    }
    let mut site = Site::new("/a");
    let ann = site.user("/", "ann", "Manager");
    site.change(|t| t.set(ann, &name("disabled"), Some(false.into())));
    assert!(site.actor(ann).is_known(), "not disabled is not disabled");
}

#[test]
fn what_was_deleted_is_for_those_who_manage_the_whole_site() {
    let mut site = Site::new("/a/b/c");
    let (mia, ed, inner) =
        (site.user("/", "mia", "Manager"), site.user("/", "ed", "Editor"), site.user("/a", "ina", "Manager"));
    site.own("/a/b/c", ed).say("/a/b", VIEW, "Anonymous!");
    let [b, c] = ["/a/b", "/a/b/c"].map(|path| site.oid(path));
    site.delete("/a/b");
    let actors = [mia, ed, inner].map(|oid| site.actor(oid));
    for (actor, may) in actors.iter().zip([true, false, false]).chain([(&Actor::anonymous(), false)]) {
        for oid in [b, c] {
            assert_eq!(site.access(actor).allows_at(VIEW, oid).unwrap(), may, "{actor:?}");
        }
    }
    assert!(!site.access(&actors[0]).allows_at(VIEW, Oid::from_u128(999)).unwrap(), "what never was");
}

#[test]
fn a_token_is_good_for_its_subtree_and_its_permissions_beyond_what_everybody_may() {
    let mut site = Site::new("/a/b\n/c");
    let mia = site.user("/", "mia", "Manager");
    site.say("/c", LIST, "Manager!");
    let a = site.oid("/a");
    let table = [
        (None, None, [true, true, true, true]),
        (Some("/a"), None, [true, true, false, false]),
        (Some("/a"), Some(EDIT), [true, true, false, false]),
        (Some("/a"), Some(LIST), [false, false, false, false]),
        (None, Some(EDIT), [true, true, true, false]),
        (None, Some(LIST), [false, false, false, true]),
    ];
    for (subtree, permission, expected) in table {
        let within =
            Within { subtree: subtree.map(|_| a), permissions: permission.map(|p| Roles::named([p])) };
        let says = format!("{within:?}");
        let within = Some(Arc::new(within));
        for actor in [site.actor(mia), Actor::system(), Actor::new(Principal::Emergency(name("root")))] {
            let actor = Actor { within: within.clone(), ..actor };
            let asked = [("/a", EDIT), ("/a/b", EDIT), ("/c", EDIT), ("/c", LIST)];
            assert_eq!(asked.map(|(path, what)| site.may(&actor, what, path)), expected, "{says} {actor:?}");
            assert!(site.may(&actor, LIST, "/"), "what everybody may: {says}");
        }
        let link = Actor { within, ..Actor::anonymous() };
        assert!(!site.may(&link, EDIT, "/a"), "a link of nobody gives nothing: {says}");
    }
}

#[test]
fn the_head_narrows_what_is_shown_elsewhere_and_never_widens_it() {
    // What a version says of /a and what the head says, and whether a reader may.
    for (shown, head, may) in
        [("", "", false), ("R", "", false), ("", "R", false), ("R", "R", true), ("Anonymous", "R!", true)]
    {
        let mut site = Site::new("/a/b");
        let rob = site.user("/", "rob", "R");
        let mut version = site.clone();
        for (site, says) in [(&mut version, shown), (&mut site, head)] {
            if !says.is_empty() {
                site.say("/a", "Read", says);
            }
        }
        let rob = site.actor(rob);
        let b = site.oid("/a/b");
        let found = site.access_to(&version.tree, &rob).allows_at("Read", b).unwrap();
        assert_eq!(found, may, "shown `{shown}`, head `{head}`");
        assert!(!site.access_to(&version.tree, &Actor::anonymous()).allows_at("Read", b).unwrap());
    }
}

#[test]
fn roles_and_users_are_those_of_the_head() {
    let mut site = Site::new("/a");
    let ann = site.user("/", "ann", "");
    let mut version = site.clone();
    version.change(|t| t.set(ann, &name(ROLES), Some(Value::Set(["Manager".into()].into()))));
    assert!(!site.access_to(&version.tree, &site.actor(ann)).allows_at(MANAGE, site.oid("/a")).unwrap());

    site.delete("/_users/ann");
    assert_eq!(site.actor(ann), Actor::anonymous());
}

/// A hidden page that was deleted, or whose folder was, must not be found again in a version or in the past.
#[test]
fn what_has_no_place_at_the_head_counts_where_it_stood_last() {
    let before = {
        let mut site = Site::new("/public/x\n/private/in");
        site.say("/private", VIEW, "Manager!");
        site
    };
    let x = before.oid("/public/x");
    let may = |site: &Site, shown: &Site, oid: Oid| {
        site.access_to(&shown.tree, &Actor::anonymous()).allows_at(VIEW, oid).unwrap()
    };
    let mut site = before.clone();
    assert!(may(&site, &before, x));
    site.delete("/public/x");
    assert!(may(&site, &before, x), "it was public to the end");

    let mut site = before.clone();
    site.move_to("/public/x", "/private", "x");
    assert!(!may(&site, &before, x), "it is hidden now");
    site.delete("/private/x");
    assert!(!may(&site, &before, x), "it was hidden when it was deleted");

    let mut site = before.clone();
    site.move_to("/public/x", "/private/in", "x").delete("/private/in");
    assert!(!may(&site, &before, x), "it was hidden when its folder was deleted");
    let mut site = before.clone();
    site.say("/public/x", VIEW, "Manager!").delete("/public/x");
    assert!(!may(&site, &before, x), "it hid itself when it was deleted");
    let mut site = before.clone();
    site.move_to("/public", "/private", "public").delete("/private/public");
    assert!(!may(&site, &before, x), "its folder was hidden when it was deleted");
}

#[test]
fn what_is_new_in_a_version_has_the_rights_of_its_container_at_the_head() {
    let mut site = Site::new("/public\n/private");
    let [public, private] = ["/public", "/private"].map(|path| site.oid(path));
    let mut version = site.clone();
    let (mut folder, mut page) = (Oid::ROOT, Oid::ROOT);
    version.change(|draft| {
        folder = draft.add(public, &name("new"), &name(FOLDER), [])?;
        page = draft.add(folder, &name("page"), &name("page"), [])?;
        Ok(())
    });
    let may = |site: &Site, version: &Site| {
        let access = site.access_to(&version.tree, &Actor::anonymous());
        [folder, page].map(|oid| access.allows_at(VIEW, oid).unwrap())
    };
    assert_eq!(may(&site, &version), [true, true]);
    version.say("/public/new/page", VIEW, "Manager!");
    assert_eq!(may(&site, &version), [true, false], "the version narrows");
    site.say("/private", VIEW, "Manager!");
    let mut moved = site.clone();
    moved.change(|draft| draft.move_to(public, private, &name("public")));
    assert_eq!(may(&moved, &version), [false, false], "the container was moved into what is hidden");
    site.say("/public", VIEW, "Manager!");
    assert_eq!(may(&site, &version), [false, false], "the container was hidden");
    site.delete("/public");
    assert_eq!(may(&site, &version), [false, false], "and deleted");
}
