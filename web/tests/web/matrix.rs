//! Who sees what, by every route: random trees and policies with words planted in every object, and no answer may hold a
//! word of an object that whoever asks may not see.
//!
//! What may be seen is asked of `bough_core::security` alone; how an answer comes about plays no part.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use bough_core::security::permission::{HISTORY, LIST, VERSIONS, VIEW};
use bough_core::security::{Access, Actor, Principal, Roles, Setting, Subject, user};
use bough_core::transaction::SharedSnapshot;
use bough_core::{Oid, Snapshot as _, Tid, Value};
use bough_store::version::NewVersion;
use bough_store::{Database, Note};
use bough_web::auth::{Accounts, NewToken, PasswordCost};

use crate::site::{Answer, TestSite, name};

/// How many sites are made; `BOUGH_TEST_SCALE=full` makes many.
fn sites() -> u64 {
    if std::env::var("BOUGH_TEST_SCALE").is_ok_and(|scale| scale == "full") { 60 } else { 6 }
}

/// Numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

const ROLES: [&str; 6] = ["Anonymous", "Authenticated", "Editor", "Manager", "Owner", "Reviewer"];
const USERS: [&str; 4] = ["ann", "bob", "cid", "dee"];
/// What templates try to show of what is around them, each by itself, since one denial ends a page.
const PROBES: [(&str, &str); 6] = [
    (
        "t_children",
        "{% for c in here.children %}{{ c.title }} {{ c.body|default('') }} {{ c.name }}|{% endfor %}",
    ),
    ("t_parent", "{% if here.parent %}{{ here.parent.title }} {{ here.parent.body|default('') }}{% endif %}"),
    ("t_site", "{% if site %}{{ site.title }} {{ site.body|default('') }}{% endif %}"),
    ("t_title", "{{ title|default('') }} {{ body|default('') }} {{ note|default('') }}"),
    ("t_crumbs", "{% for c in here.breadcrumbs %}{{ c.title }}|{% endfor %}"),
    (
        "t_below",
        "{% if site %}{% for c in site.children %}{% for d in c.children %}{{ d.title }}|{% endfor %}{% endfor %}{% endif %}",
    ),
];

/// A word that is found in one object only, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    /// Before rights were narrowed.
    Before,
    /// On the trunk now.
    Now,
    /// In the version.
    InVersion,
}

struct World {
    site: TestSite,
    version: Database,
    /// The commit after which everything still was as it was planted.
    before: Tid,
    /// Every object but users, with its path.
    objects: Vec<(Oid, String)>,
    /// The commits that were made, the newest last.
    commits: Vec<Tid>,
    words: BTreeMap<String, (Oid, When)>,
    /// Who asks, and the header by which he does.
    askers: Vec<(Option<Oid>, Option<String>)>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let site = TestSite::new();
        let mut objects = vec![(Oid::ROOT, "/".to_owned())];
        let mut words = BTreeMap::new();
        let mut commits = Vec::new();
        for (probe, source) in PROBES {
            commits.push(site.put(&format!("/{probe}"), "template", &[("source", source)]));
        }
        site.set("/", "_acquire_steps", Value::Bool(true));
        for nth in 0..24 {
            let folders: Vec<String> = objects
                .iter()
                .filter(|(_, path)| !path.contains('p'))
                .map(|(_, path)| path.clone())
                .collect();
            let parent = dice.one_of(&folders).trim_end_matches('/').to_owned();
            let is_page = dice.below(3) == 0;
            let at = format!("{parent}/{}{nth}", if is_page { "p" } else { "f" });
            commits.push(site.put(&at, if is_page { "page" } else { "folder" }, &[]));
            objects.push((site.oid(&at), at));
        }
        for (oid, at) in &objects {
            for attribute in ["title", "body", "note"] {
                let word = format!("wordb{}x{attribute}", words.len());
                words.insert(word.clone(), (*oid, When::Before));
                commits.push(site.set(at, attribute, word.as_str()));
            }
        }
        let before = site.database.head();
        let mut world = Self {
            version: site.database.clone(),
            site,
            before,
            objects,
            commits,
            words,
            askers: Vec::new(),
        };
        world.people(&mut dice);
        world.settle(&world.site.database.clone(), &mut dice, When::Now);
        world.version =
            world.site.database.open_version(&NewVersion::named("draft"), Note::edit("")).unwrap();
        world.settle(&world.version.clone(), &mut dice, When::InVersion);
        // Once more on the trunk, so that the version is behind it.
        world.narrow(&mut dice);
        world
    }

    /// Users, at the root and in a folder, with tokens.
    fn people(&mut self, dice: &mut Dice) {
        self.askers.push((None, None));
        let folders: Vec<Oid> =
            self.objects.iter().filter(|(_, at)| !at.contains('p')).map(|(oid, _)| *oid).collect();
        let accounts = Accounts::new(&self.site.database, PasswordCost::default());
        for who in USERS {
            let folder = if who == "dee" { *dice.one_of(&folders) } else { Oid::ROOT };
            let roles: Vec<Value> =
                ROLES.iter().filter(|_| dice.below(4) == 0).map(|role| (*role).into()).collect();
            let mut oid = Oid::ROOT;
            self.site.change(|draft| {
                let users = match draft.child(folder, "_users")? {
                    Some(users) => users,
                    None => draft.add(folder, &name("_users"), &name("users"), [])?,
                };
                let roles = Value::Set(roles.iter().cloned().collect());
                oid = draft.add(users, &name(who), &name("user"), [(name("roles"), roles)])?;
                Ok(())
            });
            let new =
                NewToken { name: "test".into(), subtree: None, permissions: None, expires_micros: None };
            let (_, token) = accounts.make_token(oid, new).unwrap();
            self.askers.push((Some(oid), Some(format!("Bearer {token}"))));
        }
    }

    /// Rights at random, and new words.
    fn settle(&mut self, line: &Database, dice: &mut Dice, when: When) {
        let mark = if when == When::Now { "wordn" } else { "wordv" };
        for (oid, _) in self.objects.clone() {
            let mut draft = line.begin();
            for permission in [VIEW, LIST, HISTORY, VERSIONS] {
                if dice.below(4) == 0 {
                    let roles = Roles::named(ROLES.iter().copied().filter(|_| dice.below(3) == 0));
                    let setting = Setting { roles, acquire: dice.below(2) == 0 };
                    draft.set_permission(oid, &name(permission), Some(setting)).unwrap();
                }
            }
            if dice.below(5) == 0 {
                let whose = Subject::Name(name(dice.one_of::<&str>(&USERS)));
                draft.set_local_roles(oid, whose, Roles::named([*dice.one_of(&ROLES)])).unwrap();
            }
            if dice.below(5) == 0 {
                draft.set_owner(oid, self.askers[1 + dice.below(USERS.len())].0).unwrap();
            }
            for attribute in ["title", "body"] {
                if dice.below(2) == 0 {
                    let word = format!("{mark}{}x{attribute}", self.words.len());
                    self.words.insert(word.clone(), (oid, when));
                    draft.set(oid, &name(attribute), Some(word.as_str().into())).unwrap();
                }
            }
            let tid = line.commit(draft, Note::edit("settled")).unwrap();
            self.commits.extend(tid);
        }
    }

    fn narrow(&mut self, dice: &mut Dice) {
        for (oid, _) in self.objects.clone() {
            if dice.below(6) == 0 {
                let mut draft = self.site.database.begin();
                let setting = Setting { roles: Roles::named(["Manager"]), acquire: false };
                draft.set_permission(oid, &name(VIEW), Some(setting)).unwrap();
                self.commits.extend(self.site.database.commit(draft, Note::edit("narrowed")).unwrap());
            }
        }
    }

    fn actor(&self, asks: Option<Oid>) -> Actor {
        let who = asks.and_then(|oid| user(&self.site.database.snapshot(), oid).unwrap());
        Actor::new(who.map_or(Principal::Anonymous, |user| Principal::User(Arc::new(user))))
    }

    /// Whether somebody may see an object as it was, is, or is in the version.
    fn may_see(&self, asks: Option<Oid>, oid: Oid, when: When) -> bool {
        let types = Arc::clone(self.site.database.types());
        let head: SharedSnapshot = Arc::new(self.site.database.snapshot());
        let now = Access::new(self.actor(asks), Arc::clone(&types), Arc::clone(&head), None);
        match when {
            When::Before | When::Now => now.allows_at(VIEW, oid).unwrap(),
            When::InVersion => {
                let here: SharedSnapshot = Arc::new(self.version.snapshot());
                let there = Access::new(self.actor(asks), types, here, Some(head));
                now.allows_at(VERSIONS, Oid::ROOT).unwrap() && there.allows_at(VIEW, oid).unwrap()
            }
        }
    }

    /// Every route to an object.
    fn routes(&self, at: &str) -> Vec<(&'static str, String, &'static str)> {
        let slash = at.trim_end_matches('/');
        let html = "text/html,application/xhtml+xml,*/*;q=0.8";
        let json = "application/json";
        let mut routes = Vec::new();
        for before in [String::new(), format!("/@at/{}", self.before), "/@v/draft".to_owned()] {
            for url in [at.to_owned(), format!("{slash}/")] {
                routes.push(("GET", format!("{before}{url}"), html));
                routes.push(("GET", format!("{before}{url}"), json));
            }
            for (probe, _) in PROBES {
                routes.push(("GET", format!("{before}{slash}/{probe}"), html));
            }
            for view in [
                "children",
                "children?by=name",
                "history",
                "history?of=subtree",
                "blame",
                "find?text=word",
                "find?name=*",
                "acquire?name=title",
                "acquire?name=note",
                "attribute?name=body",
                "diff?from=t1",
                "diff?from=t1&limit=500",
            ] {
                routes.push(("GET", format!("{before}{slash}/@@{view}"), json));
            }
            for (_, other) in self.objects.iter().step_by(5) {
                let last = other.rsplit('/').next().unwrap_or_default();
                routes.push(("GET", format!("{before}{slash}/@@acquire?name={last}"), json));
                routes.push(("GET", format!("{before}{slash}/{last}"), html));
            }
        }
        routes
    }

    async fn ask(&self, method: &str, url: &str, accept: &str, header: Option<&str>, body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(url).header("accept", accept);
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        self.site.send_request(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// No word in the answer may be of something that whoever asks may not see.
    fn check(&self, asks: Option<Oid>, answer: &Answer, what: &str) -> usize {
        let mut text = answer.text();
        for value in answer.headers.values() {
            text.push('\n');
            text.push_str(&String::from_utf8_lossy(value.as_bytes()));
        }
        let mut seen = 0;
        for part in text.split(|c: char| !c.is_ascii_alphanumeric()) {
            let Some((oid, when)) = self.words.get(part) else { continue };
            seen += 1;
            assert!(
                self.may_see(asks, *oid, *when),
                "{what} shows `{part}` of {oid} ({when:?}): {}",
                answer.status
            );
        }
        assert!(answer.status.as_u16() < 500, "{what}: {} {}", answer.status, answer.text());
        seen
    }
}

#[tokio::test]
async fn no_route_shows_anybody_a_word_of_what_he_may_not_see() {
    let mut seen = 0;
    for seed in 1..=sites() {
        let world = World::new(seed);
        for (asks, header) in &world.askers {
            for (oid, at) in &world.objects {
                for (method, url, accept) in world.routes(at) {
                    let answer = world.ask(method, &url, accept, header.as_deref(), "").await;
                    seen += world.check(
                        *asks,
                        &answer,
                        &format!("site {seed}, {asks:?}: {method} {url} ({accept})"),
                    );
                    let is_plain = url == at.as_str() && !url.contains('@');
                    if is_plain && !world.may_see(*asks, *oid, When::Now) {
                        assert!(!answer.status.is_success(), "site {seed}, {asks:?}: {url}");
                    }
                }
            }
            for (url, body) in [
                ("/@@versions/draft/diff", ""),
                ("/@@versions/draft/conflicts", ""),
                ("/@@versions/draft", ""),
                ("/@@versions", ""),
                ("/@@versions/draft/merge", r#"{"preview": true}"#),
                ("/@@versions/draft/update", r#"{"preview": true}"#),
            ] {
                let method = if body.is_empty() { "GET" } else { "POST" };
                let answer = world.ask(method, url, "application/json", header.as_deref(), body).await;
                seen += world.check(*asks, &answer, &format!("site {seed}, {asks:?}: {method} {url}"));
            }
            for tid in world.commits.iter().rev().step_by(7) {
                let url = format!("/@@commits/{tid}");
                let answer = world.ask("GET", &url, "application/json", header.as_deref(), "").await;
                seen += world.check(*asks, &answer, &format!("site {seed}, {asks:?}: {url}"));
                let body = format!(r#"{{"commits": ["{tid}"], "preview": true}}"#);
                let answer = world.ask("POST", "/@@undo", "application/json", header.as_deref(), &body).await;
                seen += world.check(*asks, &answer, &format!("site {seed}, {asks:?}: undo of {tid}"));
            }
        }
    }
    assert!(seen > 1_000, "only {seen} words were shown at all: the routes lead nowhere");
}
