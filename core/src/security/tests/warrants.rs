//! What each kind of change takes: refused to whoever lacks any of it, and allowed to whoever has just that.

use super::*;
use crate::security::permission::{
    ADD, DELETE, EDIT, HISTORY, MANAGER, OWNER, PERMISSIONS, POLICY, PROPERTIES, TAKE_OWNERSHIP, TEMPLATES,
    USERS as MANAGE_USERS,
};
use crate::{Name, ObjectPath, OrderKey};

type Work = fn(&Site, &mut Transaction) -> Result<(), TransactionError>;

/// A site with users: Ann, whose some of it is, and Tess, who tries everything.
fn site() -> (Site, Oid) {
    let mut site = Site::new(
        "/a/x :page\n/a/sub/deep\n/b\n/t :template\n/run :template\n/people\n/set\n/mine/page :page\n/gone/x :page",
    );
    let ann = site.user("/", "ann", "Editor");
    let tess = site.user("/", "tess", "Tester");
    site.own("/mine", ann).say("/set", "Read", "Reader!");
    for permission in EVERY {
        site.say("/", permission, "Manager!");
    }
    // Owners may nothing that others may not; what it takes where they do, see `attacks`.
    site.say("/", HISTORY, "Manager!");
    let run = site.oid("/run");
    site.change(|draft| draft.set_proxy_roles(run, Some(roles("Tester"))));
    site.delete("/gone/x");
    (site, tess)
}

const EVERY: [&str; 8] = [ADD, DELETE, EDIT, PERMISSIONS, POLICY, PROPERTIES, TAKE_OWNERSHIP, TEMPLATES];

fn at(draft: &Transaction, path: &str) -> Oid {
    draft.at(&ObjectPath::parse(path).unwrap()).unwrap()
}

fn gone(site: &Site) -> Arc<crate::Object> {
    let deleted = site.tree.objects().find(|object| object.oid() != Oid::ROOT && object.place().is_none());
    Arc::clone(deleted.unwrap())
}

fn n(text: &str) -> Name {
    name(text)
}

#[expect(clippy::too_many_lines, reason = "one table")]
fn table() -> Vec<(&'static str, Work, &'static [&'static str])> {
    vec![
        ("add", |_, t| t.add(at(t, "/a"), &n("new"), &n("page"), []).map(drop), &["Add objects at /a"]),
        (
            "add a template",
            |_, t| t.add(at(t, "/a"), &n("new"), &n("template"), []).map(drop),
            &["Change templates at /a"],
        ),
        (
            "add users",
            |_, t| t.add(at(t, "/a"), &n(USERS_NAME), &n(USERS), []).map(drop),
            &["Manage users at /a"],
        ),
        (
            "add a user",
            |_, t| t.add(at(t, "/_users"), &n("new"), &n(USER), []).map(drop),
            &["Manage users at /_users"],
        ),
        (
            "add a group",
            |_, t| t.add(at(t, "/_users"), &n("new"), &n(GROUP), []).map(drop),
            &["Manage users at /_users"],
        ),
        (
            "add below what is new",
            |_, t| {
                let folder = t.add(at(t, "/a"), &n("new"), &n(FOLDER), [])?;
                let below = t.add(folder, &n("new"), &n(FOLDER), [])?;
                t.add(below, &n("t"), &n("template"), []).map(drop)
            },
            &["Add objects at /a", "Change templates at /a"],
        ),
        (
            "add with settings",
            |_, t| t.add(at(t, "/a"), &n("new"), &n("page"), [(n("_explicit"), true.into())]).map(drop),
            &["Add objects at /a", "Manage properties at /a"],
        ),
        (
            "add with a content policy",
            |_, t| t.add(at(t, "/a"), &n("new"), &n("page"), [(n("_content_policy"), "".into())]).map(drop),
            &["Add objects at /a", "Change content policy at /a"],
        ),
        (
            "add and give roles",
            |_, t| {
                let new = t.add(at(t, "/a"), &n("new"), &n("page"), [])?;
                t.set_local_roles(new, Subject::Name(n("tess")), roles(MANAGER))
            },
            &["Add objects at /a", "Change permissions at /a"],
        ),
        (
            "add below what is new and say who may",
            |_, t| {
                let folder = t.add(at(t, "/a"), &n("new"), &n(FOLDER), [])?;
                let below = t.add(folder, &n("new"), &n(FOLDER), [])?;
                t.set_permission(below, &n(EDIT), Some(Setting { roles: roles(OWNER), acquire: true }))
            },
            &["Add objects at /a", "Change permissions at /a"],
        ),
        (
            "add a template with roles",
            |_, t| {
                let new = t.add(at(t, "/a"), &n("new"), &n("template"), [])?;
                t.set_proxy_roles(new, Some(roles("Tester")))
            },
            &["Change permissions at /a", "Change templates at /a"],
        ),
        (
            "add for somebody else",
            |_, t| {
                let new = t.add(at(t, "/a"), &n("new"), &n("page"), [])?;
                t.set_owner(new, Some(at(t, "/_users/ann")))
            },
            &["Add objects at /a"],
        ),
        (
            "add a template for somebody else",
            |_, t| {
                let new = t.add(at(t, "/a"), &n("new"), &n("template"), [])?;
                t.set_owner(new, Some(at(t, "/_users/ann")))
            },
            &["Change permissions at /a", "Change templates at /a"],
        ),
        ("delete", |_, t| t.delete(at(t, "/a/x")), &["Delete objects at /a/x"]),
        ("delete a template", |_, t| t.delete(at(t, "/t")), &["Change templates at /t"]),
        ("delete a user", |_, t| t.delete(at(t, "/_users/ann")), &["Manage users at /_users/ann"]),
        ("delete all users", |_, t| t.delete(at(t, "/_users")), &["Manage users at /_users"]),
        (
            "move",
            |_, t| t.move_to(at(t, "/a/x"), at(t, "/b"), &n("x")),
            &["Add objects at /b", "Delete objects at /a/x"],
        ),
        (
            "move and rename",
            |_, t| t.move_to(at(t, "/a/x"), at(t, "/b"), &n("y")),
            &["Add objects at /b", "Delete objects at /a/x"],
        ),
        (
            "move into what is new",
            |_, t| {
                let folder = t.add(at(t, "/b"), &n("new"), &n(FOLDER), [])?;
                t.move_to(at(t, "/a/x"), folder, &n("x"))
            },
            &["Add objects at /b", "Delete objects at /a/x"],
        ),
        (
            "move into where settings are",
            |_, t| t.move_to(at(t, "/a/x"), at(t, "/set"), &n("x")),
            &["Add objects at /set", "Change permissions at /a/x", "Delete objects at /a/x"],
        ),
        (
            "move settings along",
            |_, t| t.move_to(at(t, "/set"), at(t, "/b"), &n("set")),
            &["Add objects at /b", "Delete objects at /set"],
        ),
        (
            "move settings to where somebody is the owner",
            |_, t| t.move_to(at(t, "/set"), at(t, "/mine"), &n("set")),
            &["Add objects at /mine", "Change permissions at /set", "Delete objects at /set"],
        ),
        (
            "move from where somebody is the owner",
            |_, t| t.move_to(at(t, "/mine/page"), at(t, "/b"), &n("page")),
            &["Add objects at /b", "Delete objects at /mine/page"],
        ),
        (
            "move a template",
            |_, t| t.move_to(at(t, "/t"), at(t, "/b"), &n("t")),
            &["Change templates at /b", "Change templates at /t"],
        ),
        (
            "rename",
            |_, t| t.move_to(at(t, "/a/x"), at(t, "/a"), &n("y")),
            &["Add objects at /a", "Edit content at /a/x"],
        ),
        (
            "rename a user",
            |_, t| t.move_to(at(t, "/_users/ann"), at(t, "/_users"), &n("anne")),
            &["Manage users at /_users", "Manage users at /_users/ann"],
        ),
        (
            "rename the users away",
            |_, t| t.move_to(at(t, "/_users"), Oid::ROOT, &n("users")),
            &["Manage users at /", "Manage users at /_users"],
        ),
        ("reorder", |_, t| t.reorder(at(t, "/a/x"), OrderKey::at(9, 9)), &["Edit content at /a"]),
        (
            "reorder users",
            |_, t| t.reorder(at(t, "/_users/ann"), OrderKey::at(9, 9)),
            &["Manage users at /_users"],
        ),
        ("edit", |_, t| t.set(at(t, "/a/x"), &n("title"), Some("T".into())), &["Edit content at /a/x"]),
        (
            "edit a template",
            |_, t| t.set(at(t, "/t"), &n("source"), Some("T".into())),
            &["Change templates at /t"],
        ),
        (
            "edit roles of a user",
            |_, t| t.set(at(t, "/_users/tess"), &n(ROLES), Some(Value::Set([MANAGER.into()].into()))),
            &["Manage users at /_users/tess"],
        ),
        (
            "edit a setting",
            |_, t| t.set(at(t, "/a/x"), &n("_explicit"), Some(true.into())),
            &["Manage properties at /a/x"],
        ),
        (
            "edit a setting of a template",
            |_, t| t.set(at(t, "/t"), &n("_explicit"), Some(true.into())),
            &["Change templates at /t", "Manage properties at /t"],
        ),
        (
            "edit a setting of a user",
            |_, t| t.set(at(t, "/_users/ann"), &n("_locked"), Some(true.into())),
            &["Manage properties at /_users/ann", "Manage users at /_users/ann"],
        ),
        (
            "edit a content policy",
            |_, t| t.set(at(t, "/a/x"), &n("_content_policy"), Some("".into())),
            &["Change content policy at /a/x"],
        ),
        (
            "change the type",
            |_, t| t.set_type(at(t, "/b"), &n("page")),
            &["Edit content at /b", "Manage properties at /b"],
        ),
        (
            "make a page a template",
            |_, t| t.set_type(at(t, "/a/x"), &n("template")),
            &["Change templates at /a/x", "Edit content at /a/x", "Manage properties at /a/x"],
        ),
        (
            "make a template a page",
            |_, t| t.set_type(at(t, "/t"), &n("page")),
            &["Change templates at /t", "Edit content at /t", "Manage properties at /t"],
        ),
        (
            "make a folder one of users",
            |_, t| t.set_type(at(t, "/people"), &n(USERS)),
            &["Edit content at /people", "Manage properties at /people", "Manage users at /people"],
        ),
        (
            "say who may",
            |_, t| {
                let setting = Setting { roles: roles("Anonymous"), acquire: true };
                t.set_permission(at(t, "/a"), &n(EDIT), Some(setting))
            },
            &["Change permissions at /a"],
        ),
        (
            "say no more who may",
            |_, t| t.set_permission(at(t, "/set"), &n("Read"), None),
            &["Change permissions at /set"],
        ),
        (
            "give roles",
            |_, t| t.set_local_roles(at(t, "/a"), Subject::Name(n("tess")), roles(MANAGER)),
            &["Change permissions at /a"],
        ),
        (
            "make oneself the owner",
            |_, t| t.set_owner(at(t, "/a"), Some(at(t, "/_users/tess"))),
            &["Take ownership at /a"],
        ),
        (
            "make another the owner",
            |_, t| t.set_owner(at(t, "/a"), Some(at(t, "/_users/ann"))),
            &["Change permissions at /a"],
        ),
        ("make nobody the owner", |_, t| t.set_owner(at(t, "/mine"), None), &["Change permissions at /mine"]),
        (
            "give roles to a template",
            |_, t| t.set_proxy_roles(at(t, "/t"), Some(roles("Tester"))),
            &["Change permissions at /t", "Change templates at /t"],
        ),
        (
            "take the roles of a template",
            |_, t| t.set_proxy_roles(at(t, "/run"), None),
            &["Change permissions at /run", "Change templates at /run"],
        ),
        (
            "edit a template with roles",
            |_, t| t.set(at(t, "/run"), &n("source"), Some("T".into())),
            &["Change templates at /run"],
        ),
        ("bring back", |site, t| t.restore(&gone(site), at(t, "/gone"), &n("x")), &["Add objects at /gone"]),
        (
            "bring back under another name",
            |site, t| t.restore(&gone(site), at(t, "/gone"), &n("y")),
            &["Add objects at /gone"],
        ),
        (
            "bring back elsewhere",
            |site, t| t.restore(&gone(site), at(t, "/b"), &n("x")),
            &["Add objects at /b", "Delete objects at /gone/x"],
        ),
        (
            "bring back to where settings are",
            |site, t| t.restore(&gone(site), at(t, "/set"), &n("x")),
            &["Add objects at /set", "Change permissions at /gone/x", "Delete objects at /gone/x"],
        ),
        (
            "bring back as it was never",
            |site, t| {
                t.restore(&gone(site), at(t, "/gone"), &n("x"))?;
                t.set(gone(site).oid(), &n("title"), Some("T".into()))
            },
            &["Add objects at /gone", "Edit content at /gone/x"],
        ),
        (
            "bring back and say who may",
            |site, t| {
                t.restore(&gone(site), at(t, "/gone"), &n("x"))?;
                t.set_permission(gone(site).oid(), &n("Read"), None)?;
                t.set_local_roles(gone(site).oid(), Subject::Name(n("tess")), roles(MANAGER))
            },
            &["Add objects at /gone", "Change permissions at /gone/x"],
        ),
        ("copy", |_, t| t.copy(at(t, "/a"), at(t, "/b"), &n("a")).map(drop), &["Add objects at /b"]),
        (
            "copy settings along",
            |_, t| t.copy(at(t, "/set"), at(t, "/b"), &n("set")).map(drop),
            &["Add objects at /b", "Change permissions at /b"],
        ),
        (
            "copy a template with roles, which the copy has not",
            |_, t| t.copy(at(t, "/run"), at(t, "/b"), &n("run")).map(drop),
            &["Change templates at /b"],
        ),
        (
            "copy users",
            |_, t| t.copy(at(t, "/_users"), at(t, "/b"), &n(USERS_NAME)).map(drop),
            &["Manage users at /b"],
        ),
    ]
}

/// `/gone/x` is nowhere, so its denials name it by its oid.
fn named(site: &Site, told: Vec<String>) -> Vec<String> {
    let oid = gone(site).oid().to_string();
    told.into_iter().map(|denial| denial.replace(&oid, "/gone/x")).collect()
}

#[test]
fn each_kind_of_change_takes_what_the_table_says_and_nothing_else() {
    let (site, tess) = site();
    for (what, work, needed) in table() {
        let refused = |site: &Site| named(site, site.refused(&site.actor(tess), |draft| work(site, draft)));
        // Roles of templates are no permission, so Tess has them; without, see below.
        assert_eq!(refused(&site), needed, "{what}, with no right");
        let permissions: Vec<&str> = needed.iter().map(|need| need.split(" at ").next().unwrap()).collect();
        let with = |given: &dyn Fn(&str) -> bool| {
            let mut site = site.clone();
            for permission in permissions.iter().filter(|permission| given(permission)) {
                site.say("/", permission, "Manager Tester!");
            }
            site
        };
        assert_eq!(refused(&with(&|_| true)), [""; 0], "{what}, with all that it takes");
        for missing in &permissions {
            let expected: Vec<&&str> = needed.iter().filter(|need| need.starts_with(missing)).collect();
            let refused = refused(&with(&|permission| permission != *missing));
            assert_eq!(
                refused.iter().map(|r| &**r).collect::<Vec<_>>(),
                expected.into_iter().copied().collect::<Vec<_>>(),
                "{what}, without {missing}"
            );
        }
    }
}

#[test]
fn whoever_owns_the_machine_may_everything_and_nobody_in_particular_nothing() {
    let (site, _) = site();
    for (what, work, needed) in table() {
        for actor in [Actor::system(), Actor::new(Principal::Emergency(name("root")))] {
            assert_eq!(site.refused(&actor, |draft| work(&site, draft)), [""; 0], "{what}");
        }
        let refused = site.refused(&Actor::anonymous(), |draft| work(&site, draft));
        let refused = named(&site, refused);
        for need in needed {
            let need = need.replace("Take ownership", "Change permissions");
            assert!(refused.contains(&need), "{what}: {need}, and only {refused:?}");
        }
    }
}

#[test]
fn a_token_changes_only_where_and_what_it_is_good_for() {
    let (mut site, tess) = site();
    for permission in EVERY.into_iter().chain([MANAGE_USERS]) {
        site.say("/", permission, "Tester!");
    }
    let within = |subtree, permissions| {
        let within = Within { subtree, permissions };
        Actor { within: Some(Arc::new(within)), ..site.actor(tess) }
    };
    let inside = within(Some(site.oid("/a")), None);
    let editing = within(None, Some(Roles::named([EDIT])));
    for (what, work, needed) in table() {
        // Whether somebody has roles does not depend on the token; what he needs to use them does.
        let refused = |actor| named(&site, site.refused(actor, |draft| work(&site, draft)));
        let outside = |need: &&&str| !need.contains(" at /a");
        let expected: Vec<&&str> = needed.iter().filter(outside).collect();
        assert_eq!(refused(&inside).iter().collect::<Vec<_>>(), expected, "{what}, with a token for /a");
        let expected: Vec<&&str> = needed.iter().filter(|need| !need.starts_with(EDIT)).collect();
        assert_eq!(
            refused(&editing).iter().collect::<Vec<_>>(),
            expected,
            "{what}, with a token for editing"
        );
    }
}

#[test]
fn roles_of_templates_are_written_only_by_those_who_have_them_where_they_count() {
    let (mut site, tess) = site();
    for permission in EVERY {
        site.say("/", permission, "Tester!");
    }
    let give: Work = |_, t| t.set_proxy_roles(at(t, "/t"), Some(roles("Manager")));
    let add: Work = |_, t| {
        let new = t.add(at(t, "/a"), &n("new"), &n("template"), [])?;
        t.set_proxy_roles(new, Some(roles("Manager")))
    };
    for (site, work, at) in [(&site, give, "/"), (&site, add, "/a")] {
        let refused = site.refused(&site.actor(tess), |draft| work(site, draft));
        assert_eq!(refused, [format!("Change permissions at {at}")]);
    }
    let run = site.oid("/run");
    site.change(|draft| draft.set_proxy_roles(run, Some(roles("Manager"))));
    let table: [(&str, Work, &str); 5] = [
        ("edited", |_, t| t.set(at(t, "/run"), &n("source"), Some("T".into())), "/"),
        ("of another type", |_, t| t.set_type(at(t, "/run"), &n("page")), "/"),
        ("moved", |_, t| t.move_to(at(t, "/run"), at(t, "/a"), &n("run")), "/a"),
        ("set otherwise", |_, t| t.set_proxy_roles(at(t, "/run"), Some(roles("Manager Tester"))), "/"),
        ("edited in a setting", |_, t| t.set(at(t, "/run"), &n("_explicit"), Some(true.into())), "/"),
    ];
    for (what, work, at) in table {
        let refused = site.refused(&site.actor(tess), |draft| work(&site, draft));
        assert_eq!(refused, [format!("Change permissions at {at}")], "{what}");
        // To have them at the template alone is not enough: they count in its container.
        let mut site = site.clone();
        site.give("/run", Subject::Principal(tess), MANAGER);
        let refused = site.refused(&site.actor(tess), |draft| work(&site, draft));
        assert_eq!(refused, [format!("Change permissions at {at}")], "{what}, with the role at the template");
        site.give("/", Subject::Principal(tess), MANAGER);
        assert_eq!(site.refused(&site.actor(tess), |draft| work(&site, draft)), [""; 0], "{what}");
    }
}
