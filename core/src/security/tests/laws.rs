//! Laws, on random sites that random people look at.

use proptest::prelude::*;

use super::*;
use crate::object::CellChange;
use crate::security::permission::VIEW;
use crate::security::{Because, CellAt, Explanation, HeldBy, Reason, explain};
use crate::transaction::{ChangeSet, ObjectChange};
use crate::{CellKey, Content, Object};

const PERMISSIONS: [&str; 2] = [VIEW, "Read"];
const ROLES: [&str; 4] = ["Anonymous", "Authenticated", "Manager", "Reader"];

/// One step in the making of a site. Numbers pick an object, a user and so on, among as many as there are.
#[derive(Clone, Debug)]
enum Step {
    Add(usize),
    Say(usize, usize, u8, bool),
    Unsay(usize, usize),
    Give(usize, usize, u8),
    Own(usize, usize),
    Run(usize, u8),
    Move(usize, usize),
    Delete(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0usize..8;
    prop_oneof![
        3 => n.clone().prop_map(Step::Add),
        4 => (n.clone(), 0usize..2, 0u8..16, any::<bool>()).prop_map(|(a, b, c, d)| Step::Say(a, b, c, d)),
        1 => (n.clone(), 0usize..2).prop_map(|(a, b)| Step::Unsay(a, b)),
        3 => (n.clone(), 0usize..5, 0u8..16).prop_map(|(a, b, c)| Step::Give(a, b, c)),
        1 => (n.clone(), 0usize..3).prop_map(|(a, b)| Step::Own(a, b)),
        1 => (n.clone(), 0u8..16).prop_map(|(a, b)| Step::Run(a, b)),
        2 => (n.clone(), n.clone()).prop_map(|(a, b)| Step::Move(a, b)),
        1 => n.prop_map(Step::Delete),
    ]
}

fn chosen(bits: u8) -> Roles {
    Roles::named(ROLES.iter().enumerate().filter(|(nth, _)| bits & (1 << nth) != 0).map(|(_, role)| *role))
}

#[derive(Clone)]
struct Random {
    site: Site,
    /// The root, /a, and what was added.
    objects: Vec<Oid>,
    /// Ann with a role, Bob with a group that has one, and Cy, who manages /a.
    users: [Oid; 3],
    group: Oid,
}

fn random(steps: &[Step]) -> Random {
    let mut site = Site::new("/a");
    let group = site.add_somebody("/", "staff", GROUP, "Reader", &[]);
    let ann = site.user("/", "ann", "Reader");
    let bob = site.add_somebody("/", "bob", USER, "", &[group]);
    let cy = site.user("/a", "cy", "Manager");
    let objects = vec![Oid::ROOT, site.oid("/a")];
    let mut random = Random { site, objects, users: [ann, bob, cy], group };
    random.play(steps);
    random
}

impl Random {
    fn play(&mut self, steps: &[Step]) {
        for step in steps {
            let mut draft = self.site.draft();
            let pick = |nth: &usize| self.objects[nth % self.objects.len()];
            let mut added = None;
            // What cannot be done is left out.
            let _ = match step {
                Step::Add(at) => {
                    let called = name(&format!("o{}", self.objects.len()));
                    draft.add(pick(at), &called, &name(FOLDER), []).map(|oid| added = Some(oid))
                }
                Step::Say(at, permission, bits, acquire) => {
                    let setting = Setting { roles: chosen(*bits), acquire: *acquire };
                    draft.set_permission(pick(at), &name(PERMISSIONS[*permission]), Some(setting))
                }
                Step::Unsay(at, permission) => {
                    draft.set_permission(pick(at), &name(PERMISSIONS[*permission]), None)
                }
                Step::Give(at, whose, bits) => {
                    let whose = match whose {
                        3 => Subject::Principal(self.group),
                        4 => Subject::Name(name("ann")),
                        user => Subject::Principal(self.users[*user]),
                    };
                    draft.set_local_roles(pick(at), whose, chosen(*bits))
                }
                Step::Own(at, user) => draft.set_owner(pick(at), Some(self.users[*user])),
                Step::Run(at, bits) => draft.set_proxy_roles(pick(at), Some(chosen(*bits))),
                Step::Move(at, to) => {
                    let called = name(&format!("m{}", self.site.tree.tid().as_micros()));
                    draft.move_to(pick(at), pick(to), &called)
                }
                Step::Delete(at) => draft.delete(pick(at)),
            };
            let tid = Tid::from_micros(self.site.tree.tid().as_micros() + 1);
            self.site.tree.apply(&draft.finish().unwrap(), tid);
            self.objects.extend(added);
        }
    }

    /// Everybody, by what the users are in the tree of `self`.
    fn actors(&self) -> Vec<Actor> {
        let a = self.objects[1];
        let mut actors = vec![Actor::anonymous(), Actor::system()];
        for user in self.users {
            let actor = self.site.actor(user);
            let within = [
                Within { subtree: Some(a), permissions: None },
                Within { subtree: None, permissions: Some(roles("Read")) },
            ];
            actors.extend(within.map(|within| Actor { within: Some(Arc::new(within)), ..actor.clone() }));
            actors.push(actor);
        }
        actors
    }
}

/// All questions that can be asked: who, what, of which object that `shown` knows.
fn questions<'a>(
    head: &'a Random,
    shown: &'a Random,
) -> impl Iterator<Item = (Actor, &'static str, Arc<Object>)> + 'a {
    head.actors().into_iter().flat_map(move |actor| {
        PERMISSIONS.into_iter().flat_map(move |permission| {
            let actor = actor.clone();
            let objects = shown.objects.iter().filter_map(|oid| shown.site.tree.object(*oid).unwrap());
            objects.map(move |object| (actor.clone(), permission, object))
        })
    })
}

fn with_cells(tree: &MemoryTree, changes: Vec<(Oid, CellChange)>) -> MemoryTree {
    let mut tree = tree.clone();
    for (oid, cell) in changes {
        let objects = vec![ObjectChange { oid, cells: vec![cell] }];
        let tid = Tid::from_micros(tree.tid().as_micros() + 1);
        tree.apply(&ChangeSet { base: tree.tid(), objects, unchanged: Vec::new() }, tid);
    }
    tree
}

fn changed(tree: &MemoryTree, because: &[Because], at_head: bool) -> MemoryTree {
    let changes = because.iter().filter(|because| because.at_head == at_head);
    let changes =
        changes.map(|because| (because.cell.oid, (because.cell.key.clone(), because.instead.clone())));
    with_cells(tree, changes.collect())
}

/// Every security cell that the explanation does not name is taken away.
fn only_cited(tree: &MemoryTree, found: &Explanation) -> MemoryTree {
    let mut cited: Vec<&CellAt> = found.granted.iter().filter_map(|granted| granted.by.as_ref()).collect();
    cited.extend(&found.stopped_by);
    cited.extend(found.held.iter().filter_map(|held| match &held.by {
        HeldBy::Local(at) | HeldBy::Owner(at) => Some(at),
        _ => None,
    }));
    let is_cited = |oid: Oid, key: &CellKey| cited.iter().any(|cell| cell.oid == oid && cell.key == *key);
    let mut removed = Vec::new();
    for object in tree.objects() {
        let idle = object.security().iter().filter(|(key, _)| !is_cited(object.oid(), key));
        removed.extend(idle.map(|(key, _)| (object.oid(), (key.clone(), None))));
    }
    with_cells(tree, removed)
}

fn asked(access: &Access, tree: &MemoryTree, permission: &str, oid: Oid) -> bool {
    access.allows(permission, &tree.object(oid).unwrap().unwrap()).unwrap()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_explained_is_what_is_decided(before in steps(), here in steps(), then in steps()) {
        let base = random(&before);
        let mut head = base.clone();
        head.play(&then);
        let mut version = base.clone();
        version.site.line = 1;
        version.play(&here);
        for shown in [&base, &version] {
            for (actor, permission, object) in questions(&head, shown) {
                let access = head.site.access_to(&shown.site.tree, &actor);
                let allowed = access.allows(permission, &object).unwrap();
                let explained = explain(&access, permission, &object).unwrap();
                prop_assert_eq!(explained.allowed, allowed, "{} {} {:?} {:?}", permission, object.oid(), actor, explained);
                let without = Access::new(actor, Arc::clone(access.types()), Arc::clone(access.here()), None);
                let there = without.allows(permission, &object).unwrap();
                prop_assert_eq!(explain(&without, permission, &object).unwrap().allowed, there);
                prop_assert!(there || !allowed, "the head widens {} at {}", permission, object.oid());
            }
        }
    }

    #[test]
    fn what_is_said_to_change_the_decision_does_and_less_does_not(before in steps(), here in steps(), then in steps()) {
        let base = random(&before);
        let mut head = base.clone();
        head.play(&then);
        let mut version = base.clone();
        version.site.line = 1;
        version.play(&here);
        for (actor, permission, object) in questions(&head, &version) {
            let access = head.site.access_to(&version.site.tree, &actor);
            let found = explain(&access, permission, &object).unwrap();
            let is_after = |because: &[Because]| {
                let shown = changed(&version.site.tree, because, false);
                let head = Site { tree: changed(&head.site.tree, because, true), ..head.site.clone() };
                asked(&head.access_to(&shown, &actor), &shown, permission, object.oid())
            };
            if found.because.is_empty() {
                continue;
            }
            prop_assert_eq!(is_after(&found.because), !found.allowed, "{} {} {:?} {:?}", permission, object.oid(), actor, found);
            for nth in 0..found.because.len() {
                let mut fewer = found.because.clone();
                fewer.remove(nth);
                prop_assert_eq!(is_after(&fewer), found.allowed, "without {}: {} {} {:?} {:?}", nth, permission, object.oid(), actor, found);
            }
        }
    }

    #[test]
    fn cells_that_are_not_named_play_no_part(before in steps()) {
        let site = random(&before);
        for (actor, permission, object) in questions(&site, &site) {
            let found = explain(&site.site.access(&actor), permission, &object).unwrap();
            let bare = Site { tree: only_cited(&site.site.tree, &found), ..site.site.clone() };
            prop_assert_eq!(asked(&bare.access(&actor), &bare.tree, permission, object.oid()), found.allowed, "{:?}", found);
            let can_change = !matches!(found.reason, Reason::Omnipotent | Reason::Within | Reason::Deleted);
            prop_assert!(!can_change || !found.because.is_empty() || !crate::snapshot::is_live(&site.site.tree, object.oid()).unwrap());
        }
    }

    #[test]
    fn roles_that_are_added_and_settings_that_acquire_take_nothing_away(before in steps(), at in 0usize..8, what in 0usize..5, bits in 0u8..16) {
        let less = random(&before);
        let mut more = less.clone();
        let oid = less.objects[at % less.objects.len()];
        let object = less.site.tree.object(oid).unwrap().unwrap();
        let added = chosen(bits);
        let mut draft = more.site.draft();
        let done = match what {
            0 | 1 => {
                let key = CellKey::Permission(name(PERMISSIONS[what]));
                let setting = match object.content(&key) {
                    Some(Content::Setting(old)) => Setting { roles: old.roles.with(&added), ..old.clone() },
                    _ => Setting { roles: added, acquire: true },
                };
                draft.set_permission(oid, &name(PERMISSIONS[what]), Some(setting))
            }
            2 => {
                let key = CellKey::Permission(name(PERMISSIONS[0]));
                match object.content(&key) {
                    Some(Content::Setting(old)) => {
                        let setting = Setting { acquire: true, ..old.clone() };
                        draft.set_permission(oid, &name(PERMISSIONS[0]), Some(setting))
                    }
                    _ => Ok(()),
                }
            }
            _ => {
                let whose = Subject::Principal(less.users[what - 3]);
                let had = match object.content(&CellKey::LocalRoles(whose.clone())) {
                    Some(Content::Roles(had)) => had.clone(),
                    _ => Roles::default(),
                };
                draft.set_local_roles(oid, whose, had.with(&added))
            }
        };
        if done.is_ok() {
            more.site.tree.apply(&draft.finish().unwrap(), Tid::from_micros(1_000));
        }
        for (actor, permission, object) in questions(&less, &less) {
            let had = less.site.access(&actor).allows(permission, &object).unwrap();
            let has = asked(&more.site.access(&actor), &more.site.tree, permission, object.oid());
            prop_assert!(has || !had, "{} at {} was taken from {:?}", permission, object.oid(), actor);
        }
    }

    #[test]
    fn running_templates_are_explained_as_they_are_decided_and_show_no_more_than_their_owners_see(before in steps(), nested in prop::collection::vec(0usize..8, 1..3)) {
        let site = random(&before);
        for (actor, permission, object) in questions(&site, &site) {
            let mut access = site.site.access(&actor);
            for nth in &nested {
                let template = site.site.tree.object(site.objects[nth % site.objects.len()]).unwrap().unwrap();
                access = access.running(&template).unwrap();
                let allowed = access.allows(permission, &object).unwrap();
                let explained = explain(&access, permission, &object).unwrap();
                prop_assert_eq!(explained.allowed, allowed, "{:?}", explained);
                if let Some(owner) = template.owner() {
                    let owner = site.site.access(&site.site.actor(owner));
                    prop_assert!(!allowed || owner.allows(permission, &object).unwrap() || owner.actor().user().map(|u| u.oid) == actor.user().map(|u| u.oid));
                }
            }
        }
    }
}
