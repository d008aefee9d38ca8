//! The management pages where there is very much. See `benches/README.md`.

mod harness;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use bough::admin_ui::AdminUi;
use bough::core::security::permission::MANAGER;
use bough::core::security::{ROLES, USER, USERS, USERS_NAME};
use bough::core::{Oid, Value};
use bough::store::{Database, Options};
use bough::web::auth::{Accounts, NewToken};
use bough::web::pages::Pages;
use bough::web::{Config, built_in_types};

use harness::site::{add_folder, add_page, name, write};
use harness::{Bench, Target};

/// Children added in one commit.
const AT_ONCE: usize = 1_000;
/// How often each page is asked for; the first time counts by itself, as then nothing is in memory.
const TIMES: usize = 21;
/// What every page has to keep to.
const MILLIS_MAX: f64 = 100.0;
const KILOBYTES_MAX: f64 = 200.0;

fn main() -> anyhow::Result<()> {
    harness::run("manage", &[("pages", pages)], harness::no_child)
}

/// A site with its management pages, and a token for them.
struct Site {
    router: Router,
    token: String,
}

fn pages(bench: &mut Bench) -> anyhow::Result<()> {
    let (children, commits) = (bench.size(30_000, 1_000_000), bench.size(5_000, 100_000));
    let (database, _) = Database::open(&bench.place("store")?, Options::new(built_in_types()))?;
    let folder = add_folder(&database, Oid::ROOT, "folder")?;
    for first in (0..children).step_by(AT_ONCE) {
        write(&database, "Added pages", |draft| {
            for number in first..children.min(first + AT_ONCE) {
                add_page(draft, folder, &format!("a{number}"), number)?;
            }
            Ok(())
        })?;
    }
    let page = add_folder(&database, Oid::ROOT, "other")?;
    for number in 0..commits {
        write(&database, "Changed the title of /other", |draft| {
            Ok(draft.set(page, &name("title"), Some(Value::text(format!("Title {number}"))))?)
        })?;
    }
    database.settle()?;
    let site = Site::open(&database)?;
    let far = format!("/folder/@@manage/contents?sort=name&after=a{}", children / 2);
    for (what, path) in [
        ("contents of a folder", "/folder/@@manage/contents"),
        ("... by name, from the middle", far.as_str()),
        ("... filtered", "/folder/@@manage/contents?q=nowhere"),
        ("undo page over the commits", "/@@manage/undo"),
        ("... searched for what is not there", "/@@manage/undo?words=nowhere"),
        ("... searched by path", "/@@manage/undo?path=/other"),
        ("everything below the root", "/@@manage/history?below=1"),
        ("who wrote what", "/other/@@manage/history/blame"),
        ("tree opened at the folder", "/folder/@@manage/tree"),
        ("find by words", "/@@manage/find?q=a29999"),
        ("edit page of a child", "/folder/a0/@@manage/edit"),
        ("history of a page", "/other/@@manage/history"),
    ] {
        let (first, median, bytes) = site.measure(path)?;
        bench.figure(format!("{what}, first"), first * 1e3, "ms", Target::None);
        bench.figure(format!("{what}, median"), median * 1e3, "ms", Target::Max(MILLIS_MAX));
        bench.figure(format!("{what}, sent"), bytes as f64 / 1e3, "KB", Target::Max(KILOBYTES_MAX));
    }
    drop(site);
    Ok(database.close()?)
}

impl Site {
    fn open(database: &Database) -> anyhow::Result<Self> {
        let (user, _) = write(database, "Added a user", |draft| {
            let users = draft.add(Oid::ROOT, &name(USERS_NAME), &name(USERS), [])?;
            let roles = Value::Set([Value::text(MANAGER)].into());
            Ok(draft.add(users, &name("admin"), &name(USER), [(name(ROLES), roles)])?)
        })?;
        let accounts = Accounts::new(database, Default::default());
        let new = NewToken { name: "bench".into(), subtree: None, permissions: None, expires_micros: None };
        let (_, token) = accounts.make_token(user, new)?;
        let pages: Vec<Arc<dyn Pages>> = vec![Arc::new(AdminUi::default())];
        let config = Config { accounts: Some(accounts), pages, ..Config::default() };
        Ok(Self { router: bough::web::app(database.clone(), config), token })
    }

    /// The time of the first answer and the median one in seconds, and the bytes that are sent, compressed.
    fn measure(&self, path: &str) -> anyhow::Result<(f64, f64, usize)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut times = Vec::new();
        let mut bytes = 0;
        for _ in 0..TIMES {
            let request = Request::get(path)
                .header("host", "localhost")
                .header("accept-encoding", "gzip")
                .header("authorization", format!("Bearer {}", self.token))
                .body(Body::empty())?;
            let started = Instant::now();
            let body = runtime.block_on(async {
                let response = tower::ServiceExt::oneshot(self.router.clone(), request).await?;
                anyhow::ensure!(response.status() == StatusCode::OK, "{path}: {}", response.status());
                Ok(to_bytes(response.into_body(), usize::MAX).await?)
            })?;
            times.push(started.elapsed());
            bytes = body.len();
        }
        let first = times[0];
        times.sort();
        let secs = |time: Duration| time.as_secs_f64();
        Ok((secs(first), secs(times[TIMES / 2]), bytes))
    }
}
