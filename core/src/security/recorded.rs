//! What Zope's security machinery answers, and that ours answers the same.

use std::sync::Arc;

use serde_json::Value as Json;

use super::permission::{LIST, VIEW};
use super::{
    Access, Actor, Principal, ROLES, Roles, Setting, Subject, USER, USERS, USERS_NAME, explain, users_named,
};
use crate::acquisition::{self, Found};
use crate::object_type::TypeRegistry;
use crate::snapshot::{find, path_of};
use crate::testing::{CountingIds, MemoryTree, name};
use crate::transaction::Transaction;
use crate::{Object, ObjectPath, Oid, Snapshot as _, Tid, Value};

/// A site planted from a recorded tree, with its users.
fn planted(tree: &Json) -> MemoryTree {
    let mut site = MemoryTree::new();
    let mut transaction = Transaction::new(
        Arc::new(site.clone()),
        Arc::new(TypeRegistry::default()),
        Arc::new(CountingIds::default()),
        1,
    );
    plant_node(&mut transaction, Oid::ROOT, tree);
    site.apply(&transaction.finish().unwrap(), Tid::from_micros(1));
    site
}

fn plant_node(site: &mut Transaction, oid: Oid, node: &Json) {
    let roles =
        |list: &Json| Roles::named(list.as_array().unwrap().iter().map(|role| role.as_str().unwrap()));
    for (permission, setting) in node["permissions"].as_object().unwrap() {
        let setting =
            Setting { roles: roles(&setting["roles"]), acquire: setting["acquire"].as_bool().unwrap() };
        site.set_permission(oid, &name(permission), Some(setting)).unwrap();
    }
    for (user, given) in node["local_roles"].as_object().unwrap() {
        site.set_local_roles(oid, Subject::Name(name(user)), roles(given)).unwrap();
    }
    let users = node["users"].as_array().unwrap();
    if !users.is_empty() {
        let folder = site.add(oid, &name(USERS_NAME), &name(USERS), []).unwrap();
        for user in users {
            let own = Value::Set(roles(&user["roles"]).iter().map(|role| role.as_str().into()).collect());
            let login = name(user["name"].as_str().unwrap());
            site.add(folder, &login, &name(USER), [(name(ROLES), own)]).unwrap();
        }
    }
    for child in node["children"].as_array().unwrap() {
        let kind = name(child["kind"].as_str().unwrap());
        let oid = site.add(oid, &name(child["id"].as_str().unwrap()), &kind, []).unwrap();
        plant_node(site, oid, child);
    }
}

fn types(meta: &Json) -> Arc<TypeRegistry> {
    let mut types = TypeRegistry::default();
    for (permission, roles) in meta["root_default_roles"].as_object().unwrap() {
        let roles = roles.as_array().unwrap().iter().map(|role| role.as_str().unwrap());
        types.permissions_mut().declare(permission, "", roles);
    }
    Arc::new(types)
}

fn at(site: &MemoryTree, path: &Json) -> Option<Arc<Object>> {
    let oid = find(site, &ObjectPath::parse(path.as_str().unwrap()).unwrap()).unwrap()?;
    site.object(oid).unwrap()
}

fn access(site: &MemoryTree, types: &Arc<TypeRegistry>, asks: &Json) -> Access {
    let who = if asks.is_null() {
        Principal::Anonymous
    } else {
        let folder = at(site, &asks["folder"]).unwrap();
        let users = users_named(site, folder.oid(), asks["name"].as_str().unwrap()).unwrap();
        Principal::User(Arc::new(users.into_iter().find(|user| user.folder == folder.oid()).unwrap()))
    };
    Access::new(Actor::new(who), Arc::clone(types), Arc::new(site.clone()), None)
}

#[test]
fn every_recorded_decision_is_ours() {
    let recorded: Json = serde_json::from_str(include_str!("../../tests/fixtures/security.json")).unwrap();
    let types = types(&recorded["meta"]);
    let mut asked = 0;
    for case in recorded["cases"].as_array().unwrap() {
        let site = planted(&case["tree"]);
        for query in case["queries"].as_array().unwrap() {
            let access = access(&site, &types, &query["user"]);
            let says = format!("{}: {query}", case["id"]);
            match query["kind"].as_str().unwrap() {
                "permission" => {
                    let object = at(&site, &query["path"]).unwrap();
                    let permission = query["permission"].as_str().unwrap();
                    let allowed = access.allows(permission, &object).unwrap();
                    assert_eq!(allowed, query["allowed"].as_bool().unwrap(), "{says}");
                    let explained = explain(&access, permission, &object).unwrap();
                    assert_eq!(explained.allowed, allowed, "{says}: {explained:?}");
                }
                "traverse" => assert_eq!(walk(&site, &access, &query["url"]), outcome(query), "{says}"),
                other => panic!("what is a `{other}`?"),
            }
            asked += 1;
        }
    }
    assert!(asked > 300, "only {asked} questions");
}

fn outcome(query: &Json) -> String {
    match query["outcome"].as_str().unwrap() {
        "ok" => query["path"].as_str().unwrap().to_owned(),
        other => other.to_owned(),
    }
}

/// Asks at every step, as `restrictedTraverse` does, which also acquires steps.
fn walk(site: &MemoryTree, access: &Access, url: &Json) -> String {
    let mut at = site.object(Oid::ROOT).unwrap().unwrap();
    let mut steps = url.as_str().unwrap().split('/').filter(|step| !step.is_empty());
    loop {
        let permission = if at.is_a("document") { VIEW } else { LIST };
        if !access.allows(permission, &at).unwrap() {
            return "unauthorized".to_owned();
        }
        let Some(step) = steps.next() else { break };
        match acquisition::get(site, access.types(), at.oid(), step).unwrap().map(|acquired| acquired.found) {
            Some(Found::Child(child)) => at = site.object(child).unwrap().unwrap(),
            _ => return "not_found".to_owned(),
        }
    }
    path_of(site, at.oid()).unwrap().unwrap().to_string()
}
