//! Ways to more rights than one has, all of which must end in a refusal.

use super::*;
use crate::security::permission::{ADD, DELETE, EDIT, PERMISSIONS, PROPERTIES, VIEW};
use crate::{Content, ObjectPath};

fn at(draft: &Transaction, path: &str) -> Oid {
    draft.at(&ObjectPath::parse(path).unwrap()).unwrap()
}

/// Mal edits the whole site, and manages /home/mal.
fn site() -> (Site, Oid) {
    let mut site = Site::new("/pages/x/deep\n/secret/s\n/home/mal/d\n/public");
    let mal = site.user("/", "mal", "Editor");
    site.user("/", "mia", "Manager");
    site.give("/home/mal", Subject::Principal(mal), "Manager").say("/secret", VIEW, "Manager!");
    (site, mal)
}

fn refused(
    site: &Site,
    who: Oid,
    work: impl FnOnce(&mut Transaction) -> Result<(), TransactionError>,
) -> Vec<String> {
    site.refused(&site.actor(who), work)
}

#[test]
fn moving_into_a_folder_that_one_manages_gives_no_rights_at_what_is_moved() {
    let (site, mal) = site();
    for to in ["/home/mal", "/home/mal/d"] {
        let found = refused(&site, mal, |t| t.move_to(at(t, "/pages/x"), at(t, to), &name("x")));
        assert_eq!(found, ["Change permissions at /pages/x"], "{to}");
    }
    let found = refused(&site, mal, |t| {
        let new = t.add(at(t, "/home/mal"), &name("new"), &name(FOLDER), [])?;
        t.move_to(at(t, "/pages/x"), new, &name("x"))
    });
    assert_eq!(found, ["Change permissions at /pages/x"], "into something new in it");
    let found = refused(&site, mal, |t| {
        t.move_to(at(t, "/pages/x"), at(t, "/public"), &name("x"))?;
        t.move_to(at(t, "/public"), at(t, "/home/mal"), &name("public"))
    });
    assert_eq!(found, ["Change permissions at /public"], "into something that is moved there at once");
}

#[test]
fn moving_out_of_what_is_hidden_shows_nothing() {
    let (mut site, mal) = site();
    let found = refused(&site, mal, |t| t.move_to(at(t, "/secret/s"), at(t, "/public"), &name("s")));
    assert_eq!(found, ["Change permissions at /secret/s"]);
    // It hides itself, so nothing changes; but what is hidden by its folder is shown by a move of that one's child.
    site.move_to("/secret", "/pages", "secret");
    let found = refused(&site, mal, |t| t.move_to(at(t, "/pages/secret"), at(t, "/public"), &name("s")));
    assert_eq!(found, [""; 0], "a folder that takes its settings along");
    let found = refused(&site, mal, |t| t.move_to(at(t, "/pages/secret/s"), at(t, "/pages"), &name("s")));
    assert_eq!(found, ["Change permissions at /pages/secret/s"]);
}

/// Owners may say who may do what, so a new folder of one's own made one the master of what was moved into it.
#[test]
fn moving_into_a_folder_of_ones_own_gives_no_more_than_one_had() {
    let (mut site, mal) = site();
    let into_new = |t: &mut Transaction| {
        let new = t.add(at(t, "/pages"), &name("new"), &name(FOLDER), [])?;
        t.move_to(at(t, "/pages/x"), new, &name("x"))
    };
    assert_eq!(refused(&site, mal, into_new), [""; 0], "owners may what editors may");
    site.say("/", PERMISSIONS, "Owner");
    assert_eq!(refused(&site, mal, into_new), ["Change permissions at /pages/x"]);
    site.own("/public", mal);
    let found = refused(&site, mal, |t| t.move_to(at(t, "/pages/x"), at(t, "/public"), &name("x")));
    assert_eq!(found, ["Change permissions at /pages/x"], "into one that is there already");
    site.own("/pages/x", mal);
    assert_eq!(refused(&site, mal, into_new), [""; 0], "what is one's own already");
}

/// A deleted folder kept its local roles, and came back around what was not meant for it.
#[test]
fn a_folder_that_is_brought_back_takes_nothing_in_at_once() {
    let (mut site, mal) = site();
    site.give("/public", Subject::Principal(mal), "Manager");
    let was = site.tree.object(site.oid("/public")).unwrap().unwrap();
    site.delete("/public");
    let found = refused(&site, mal, |t| {
        t.restore(&was, Oid::ROOT, &name("public"))?;
        t.move_to(at(t, "/pages/x"), was.oid(), &name("x"))
    });
    assert_eq!(found, ["Change permissions at /pages/x"]);

    site.change(|t| t.restore(&was, Oid::ROOT, &name("public")));
    site.say("/public", ADD, "Manager!").give("/public", Subject::Principal(mal), "").delete("/public");
    let was = site.tree.object(was.oid()).unwrap().unwrap();
    let found = refused(&site, mal, |t| {
        t.restore(&was, Oid::ROOT, &name("public"))?;
        t.add(was.oid(), &name("x"), &name("page"), []).map(drop)
    });
    assert_eq!(found, [format!("{ADD} at {}", was.oid())], "it did not let anybody add");
}

#[test]
fn what_was_hidden_and_deleted_is_not_brought_back_where_it_shows() {
    let (mut site, mal) = site();
    let was = site.tree.object(site.oid("/secret/s")).unwrap().unwrap();
    site.delete("/secret/s");
    let back = |site: &Site, to: &str| refused(site, mal, |t| t.restore(&was, at(t, to), &name("s")));
    assert_eq!(back(&site, "/secret"), [""; 0]);
    assert_eq!(back(&site, "/public"), [format!("{PERMISSIONS} at {}", was.oid())]);
    site.say("/secret", DELETE, "Manager!");
    let expected = [format!("{PERMISSIONS} at {}", was.oid()), format!("{DELETE} at {}", was.oid())];
    assert_eq!(back(&site, "/public"), expected);

    // Also where its container went, too, and where it stood elsewhere before.
    let (mut site, _) = self::site();
    let was = site.tree.object(site.oid("/pages/x")).unwrap().unwrap();
    site.move_to("/pages/x", "/secret/s", "x").delete("/secret/s").delete("/secret");
    let found = refused(&site, mal, |t| t.move_to(was.oid(), at(t, "/pages"), &name("x")).or(Ok(())));
    assert_eq!(found, [""; 0], "a transaction does not move what is not there");
    let found = refused(&site, mal, |t| t.restore(&was, at(t, "/pages"), &name("x")));
    assert_eq!(found, [format!("{PERMISSIONS} at {}", was.oid())]);
}

#[test]
fn restrictions_stay_with_what_comes_back() {
    let (mut site, mal) = site();
    let open = site.tree.object(site.oid("/pages/x")).unwrap().unwrap();
    site.say("/pages/x", VIEW, "Manager!").delete("/pages/x");
    let found = refused(&site, mal, |t| t.restore(&open, at(t, "/pages"), &name("x")));
    assert_eq!(found, [format!("{PERMISSIONS} at {}", open.oid())], "as it was before it was restricted");
    let closed = site.tree.object(open.oid()).unwrap().unwrap();
    assert_eq!(refused(&site, mal, |t| t.restore(&closed, at(t, "/pages"), &name("x"))), [""; 0]);
}

#[test]
fn a_change_that_widens_a_right_cannot_use_it() {
    let (mut site, mal) = site();
    site.say("/pages", EDIT, "Manager!");
    let found = refused(&site, mal, |t| {
        let setting = Setting { roles: roles("Editor"), acquire: true };
        t.set_permission(at(t, "/pages"), &name(EDIT), Some(setting))?;
        t.set(at(t, "/pages/x"), &name("title"), Some("mine".into()))
    });
    assert_eq!(found, ["Change permissions at /pages", "Edit content at /pages/x"]);
    site.say("/pages", PERMISSIONS, "Editor");
    let found = refused(&site, mal, |t| {
        t.set_permission(at(t, "/pages"), &name(EDIT), None)?;
        t.set(at(t, "/pages/x"), &name("title"), Some("mine".into()))
    });
    assert_eq!(found, ["Edit content at /pages/x"], "not even one that he may give himself");
}

#[test]
fn nobody_becomes_a_user_or_gets_roles_by_way_of_content() {
    let (mut site, mal) = site();
    site.say("/", PROPERTIES, "Editor");
    site.change(|t| {
        let folder = t.add(Oid::ROOT, &name("people"), &name(FOLDER), [])?;
        let has = Value::Set(["Manager".into()].into());
        t.add(folder, &name("eve"), &name("page"), [(name(ROLES), has)]).map(drop)
    });
    type Work = fn(&mut Transaction) -> Result<(), TransactionError>;
    let table: [(&str, Work, &[&str]); 9] = [
        (
            "a folder that is renamed and made one of users",
            |t| {
                let people = at(t, "/people");
                t.move_to(people, Oid::ROOT, &name("_people"))?;
                t.set_type(people, &name(USERS))
            },
            &["Manage users at /", "Manage users at /people"],
        ),
        (
            "a page that is made a user",
            |t| t.set_type(at(t, "/people/eve"), &name(USER)),
            &["Manage users at /people/eve"],
        ),
        (
            "a page that is moved into the users, and made one",
            |t| {
                let eve = at(t, "/people/eve");
                t.move_to(eve, at(t, "/_users"), &name("eve"))?;
                t.set_type(eve, &name(USER))
            },
            &["Manage users at /_users", "Manage users at /people/eve"],
        ),
        (
            "new users in a folder that is new",
            |t| {
                let folder = t.add(Oid::ROOT, &name("new"), &name(FOLDER), [])?;
                let users = t.add(folder, &name(USERS_NAME), &name(USERS), [])?;
                t.add(users, &name("eve"), &name(USER), []).map(drop)
            },
            &["Manage users at /"],
        ),
        (
            "another name",
            |t| t.move_to(at(t, "/_users/mal"), at(t, "/_users"), &name("mia2")),
            &["Manage users at /_users", "Manage users at /_users/mal"],
        ),
        (
            "roles of his own",
            |t| t.set(at(t, "/_users/mal"), &name(ROLES), Some(Value::Set(["Manager".into()].into()))),
            &["Manage users at /_users/mal"],
        ),
        (
            "a copy of all users where he adds",
            |t| t.copy(at(t, "/_users"), at(t, "/pages"), &name("_users")).map(drop),
            &["Manage users at /pages"],
        ),
        (
            "users made into a page and back",
            |t| t.set_type(at(t, "/_users/mia"), &name("page")),
            &["Manage users at /_users/mia"],
        ),
        (
            "the place of a user that goes",
            |t| {
                t.delete(at(t, "/_users/mia"))?;
                t.move_to(at(t, "/_users/mal"), at(t, "/_users"), &name("mia"))
            },
            &["Manage users at /_users", "Manage users at /_users/mal", "Manage users at /_users/mia"],
        ),
    ];
    for (what, work, expected) in table {
        assert_eq!(refused(&site, mal, work), expected, "{what}");
    }
}

#[test]
fn users_are_guarded_also_where_nobody_registered_their_types() {
    let (mut site, mal) = site();
    site.types = Arc::default();
    let found = refused(&site, mal, |t| {
        let users = t.add(at(t, "/pages"), &name(USERS_NAME), &name(USERS), [])?;
        t.add(users, &name("eve"), &name(USER), []).map(drop)
    });
    assert_eq!(found, ["Manage users at /pages"]);
}

#[test]
fn the_users_of_a_folder_are_managed_there_and_not_in_another() {
    let (mut site, mal) = site();
    site.user("/home/mal", "eve", "Manager");
    let eve = |t: &Transaction| at(t, "/home/mal/_users/eve");
    assert_eq!(refused(&site, mal, |t| t.set(eve(t), &name("title"), Some("E".into()))), [""; 0]);
    let found = refused(&site, mal, |t| t.move_to(eve(t), at(t, "/_users"), &name("eve")));
    assert_eq!(found, ["Manage users at /_users"]);
    let found = refused(&site, mal, |t| {
        t.copy(at(t, "/home/mal/_users"), at(t, "/pages"), &name("_users")).map(drop)
    });
    assert_eq!(found, ["Manage users at /pages"]);
    // The folder that holds them goes elsewhere with them; who is at home further up stays the same.
    let found = refused(&site, mal, |t| t.move_to(at(t, "/home/mal"), at(t, "/public"), &name("mal")));
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_member_of_another_folder_does_not_get_its_roles_by_moving_in_with_his_users() {
    let (mut site, mal) = site();
    site.user("/pages", "pia", "");
    let found = refused(&site, mal, |t| t.move_to(at(t, "/home/mal/d"), at(t, "/pages"), &name("d")));
    assert_eq!(found, [""; 0], "he manages it, so he may say who else counts in it");
    let found = refused(&site, mal, |t| t.move_to(at(t, "/public"), at(t, "/pages"), &name("p")));
    assert_eq!(found, ["Change permissions at /public"], "the users of /pages count in it then");
}

/// An object of which only the type was cleared passed for one that goes, and so did what else was changed.
#[test]
fn nothing_passes_for_a_deletion_that_is_none() {
    let (mut site, mal) = site();
    site.say("/pages/x", VIEW, "Manager!");
    let x = site.oid("/pages/x");
    let judged = |cells: Vec<crate::object::CellChange>| {
        let changes = [crate::transaction::ObjectChange { oid: x, cells }];
        let warrant = Warrant::new(site.actor(mal), Arc::clone(&site.types));
        site.told(&warrant.refuses(&site.tree, None, &changes).unwrap())
    };
    let permission = crate::CellKey::Permission(name(VIEW));
    let all = vec![(crate::CellKey::Type, None), (crate::CellKey::Place, None), (permission, None)];
    assert_eq!(judged(all.clone()), [""; 0], "its making is taken back");
    for left_out in 0..3 {
        let mut some = all.clone();
        some.remove(left_out);
        assert_ne!(judged(some.clone()), [""; 0], "{some:?}");
    }
    let mut other = all;
    other[0].1 = Some(Content::Type(name("page")));
    assert_ne!(judged(other), [""; 0]);
}

/// A merge can leave something below a folder that is gone, from where it would come back with that folder's rights.
#[test]
fn moving_to_where_nothing_stands_is_a_deletion_and_more() {
    let (site, mal) = site();
    let x = site.oid("/pages/x");
    let place =
        crate::Place { parent: Oid::from_u128(999), name: name("x"), order: crate::OrderKey::default() };
    let cells = vec![(crate::CellKey::Place, Some(Content::Place(place)))];
    for (oid, expected) in [(x, "/pages/x"), (Oid::from_u128(998), "/")] {
        let changes = [crate::transaction::ObjectChange { oid, cells: cells.clone() }];
        let warrant = Warrant::new(site.actor(mal), Arc::clone(&site.types));
        let told = site.told(&warrant.refuses(&site.tree, None, &changes).unwrap());
        assert_eq!(told, [format!("Change permissions at {expected}")]);
    }
}

#[test]
fn who_lost_his_rights_since_he_asked_is_refused() {
    let (mut site, mal) = site();
    let mut draft = site.draft();
    let (x, asked) = (site.oid("/pages/x"), site.actor(mal));
    draft.set(x, &name("title"), Some("T".into())).unwrap();
    let changes = draft.finish().unwrap();
    let judged = |site: &Site| {
        let warrant = Warrant::new(asked.clone(), Arc::clone(&site.types));
        site.told(&warrant.refuses(&site.tree, None, &changes.objects).unwrap())
    };
    assert_eq!(judged(&site), [""; 0]);
    let mut other = site.clone();
    other.change(|t| t.set(mal, &name(ROLES), None));
    assert_eq!(judged(&other), ["Edit content at /pages/x"]);
    site.delete("/_users/mal");
    assert_eq!(judged(&site), ["Edit content at /pages/x"]);
}

#[test]
fn what_a_version_widens_serves_for_no_change_in_it_and_what_it_narrows_does() {
    let (site, mal) = site();
    let mut version = site.clone();
    version.say("/secret", EDIT, "Editor").give("/secret", Subject::Principal(mal), "Manager");
    version.say("/public", EDIT, "Manager!");
    let mut head = site.clone();
    head.say("/secret", EDIT, "Manager!");
    let judged = |path: &str| {
        let mut draft = version.draft();
        draft.set(site.oid(path), &name("title"), Some("T".into())).unwrap();
        let warrant = Warrant::new(site.actor(mal), Arc::clone(&site.types));
        let changes = draft.finish().unwrap();
        site.told(&warrant.refuses(&version.tree, Some(&head.tree), &changes.objects).unwrap())
    };
    assert_eq!(judged("/secret/s"), ["Edit content at /secret/s"], "the head does not allow it");
    assert_eq!(judged("/public"), ["Edit content at /public"], "nor does the version");
    assert_eq!(judged("/pages/x"), [""; 0]);
}
