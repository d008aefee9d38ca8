//! Tasks over HTTP: who may run them, and how.

use bough_core::Oid;
use bough_store::Note;
use bough_store::version::NewVersion;

use crate::site::{TestSite, name};

#[tokio::test]
async fn a_task_is_run_by_post_on_the_public_site_by_those_who_may() {
    let site = TestSite::new();
    site.put("/t", "task", &[("run", "set")]);
    site.database.open_version(&NewVersion::named("v"), Note::edit("Opened")).unwrap();
    // As long as nobody can log in, whoever sits at the machine may write; visitors see no tasks.
    for (method, uri, status, said) in [
        ("GET", "/t/run", 401, "log in"),
        ("POST", "/t/run", 400, "it is nobody"),
        ("POST", "/@v/v/t/run", 400, "merge the version first"),
    ] {
        let answer = site.send(method, uri, &[], "").await;
        assert!(answer.status == status && answer.text().contains(said), "{uri}: {}", answer.text());
    }
    let head = site.change(|draft| {
        let users = draft.add(Oid::ROOT, &name("_users"), &name("users"), [])?;
        draft.add(users, &name("ann"), &name("user"), []).map(drop)
    });
    for uri in ["/t/run", "/@v/v/t/run"] {
        let answer = site.send_far("POST", uri, &[], "").await;
        assert!([401, 404].contains(&answer.status.as_u16()), "{uri}: {} {}", answer.status, answer.text());
    }
    assert_eq!(site.database.head(), head);
}
