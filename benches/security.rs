//! Decisions about who may do what: one at a time, and as part of a listing. See `benches/README.md`.

mod harness;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bough_core::security::permission::{EDIT, TEMPLATES, VIEW};
use bough_core::security::{
    Access, Actor, Principal, Roles, Setting, Subject, USER, USERS, USERS_NAME, user,
};
use bough_core::snapshot::ChildrenPage;
use bough_core::{Object, Oid, Snapshot as _};
use bough_store::version::NewVersion;
use bough_store::{Database, Note};

use harness::site::{self, add_folder, add_page, name, write};
use harness::{Bench, Pairs, Target, median, rate};

/// How many folders lie over each other.
const DEPTH: usize = 10;
/// How many users have a role at each of them.
const USERS_EACH: usize = 10;
/// How many decisions are made between two looks at the clock.
const STEPS: usize = 1_000;
const CHILDREN: usize = 100;

fn main() -> anyhow::Result<()> {
    harness::run("security", &[("decisions", decisions), ("listing", listing)], harness::no_child)
}

struct Site {
    database: Database,
    /// The innermost folder, with so many pages.
    folder: Oid,
    page: Arc<Object>,
    asks: Actor,
}

fn site(bench: &Bench) -> anyhow::Result<Site> {
    let database = site::open(&bench.place("store")?)?;
    let mut folder = Oid::ROOT;
    let mut folders = Vec::new();
    for depth in 0..DEPTH {
        folder = add_folder(&database, folder, &format!("d{depth}"))?;
        folders.push(folder);
    }
    let ((asks, page), _) = write(&database, "Gave roles", |draft| {
        let users = draft.add(Oid::ROOT, &name(USERS_NAME), &name(USERS), [])?;
        let mut oids = Vec::new();
        for number in 0..DEPTH * USERS_EACH {
            oids.push(draft.add(users, &name(&format!("u{number}")), &name(USER), [])?);
        }
        for (depth, folder) in folders.iter().enumerate() {
            for whose in &oids[depth * USERS_EACH..(depth + 1) * USERS_EACH] {
                draft.set_local_roles(*folder, Subject::Principal(*whose), Roles::named(["Editor"]))?;
            }
            let setting = Setting { roles: Roles::named([["Writer", "Reviewer"][depth % 2]]), acquire: true };
            draft.set_permission(*folder, &name(EDIT), Some(setting))?;
        }
        let mut page = Oid::ROOT;
        for number in 0..CHILDREN {
            page = add_page(draft, folder, &format!("p{number}"), number)?;
        }
        Ok((oids[0], page))
    })?;
    let snapshot = database.snapshot();
    let asks = user(&snapshot, asks)?.ok_or_else(|| anyhow::anyhow!("no user"))?;
    let page = snapshot.object(page)?.ok_or_else(|| anyhow::anyhow!("no page"))?;
    Ok(Site { database, folder, page, asks: Actor::new(Principal::User(Arc::new(asks))) })
}

fn nanos_each(
    bench: &Bench,
    access: &Access,
    permission: &str,
    page: &Object,
    expected: bool,
) -> anyhow::Result<f64> {
    let slice = Duration::from_millis(bench.size(200, 2_000));
    let step = || {
        for _ in 0..STEPS {
            anyhow::ensure!(black_box(access.allows(permission, page)?) == expected, "another decision");
        }
        Ok(())
    };
    step()?;
    let rates: Vec<f64> = (0..5).map(|_| rate(slice, step)).collect::<Result<_, _>>()?;
    Ok(1e9 / (median(rates) * STEPS as f64))
}

fn decisions(bench: &mut Bench) -> anyhow::Result<()> {
    let Site { database, page, asks, .. } = site(bench)?;
    let types = database.types();
    let access = Access::new(asks.clone(), Arc::clone(types), Arc::new(database.snapshot()), None);
    let version = database.open_version(&NewVersion::named("v"), Note::edit("Opened"))?;
    let shown = Arc::new(version.snapshot());
    let there = Access::new(asks, Arc::clone(types), shown, Some(Arc::new(database.snapshot())));
    let asked = [("a local role", EDIT, true), ("everybody", VIEW, true), ("denied", TEMPLATES, false)];
    for (access, at) in [(&access, ""), (&there, ", in a version")] {
        for (what, permission, expected) in asked {
            let nanos = nanos_each(bench, access, permission, &page, expected)?;
            bench.figure(format!("one decision, {what}{at}"), nanos, "ns", Target::None);
        }
    }
    Ok(database.close()?)
}

fn listing(bench: &mut Bench) -> anyhow::Result<()> {
    let Site { database, folder, asks, .. } = site(bench)?;
    let snapshot = database.snapshot();
    let access = Access::new(asks, Arc::clone(database.types()), Arc::new(snapshot.clone()), None);
    let list = |checks: bool| {
        let slice = Duration::from_millis(bench.size(100, 1_000));
        rate(slice, || {
            let mut shown = 0;
            for child in snapshot.children(folder, &ChildrenPage::first(CHILDREN))? {
                let Some(object) = snapshot.object(child.oid)? else { continue };
                shown += usize::from(!checks || access.may_view(black_box(&object))?);
            }
            anyhow::ensure!(shown == CHILDREN, "only {shown}");
            Ok(())
        })
    };
    let pairs = Pairs::take(7, || list(true), || list(false))?;
    bench.ratio("a page of 100 children", &pairs, "pages/s", Target::Min(0.5));
    Ok(database.close()?)
}
