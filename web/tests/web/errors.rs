//! Error pages.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bough_core::Name;
use bough_core::object_type::{Call, Effect, MethodError, MethodSpec, ObjectType, Reply, TypeSchema};
use bough_web::{Config, Limits, built_in_types};

use crate::site::{TestSite, name};

#[tokio::test]
async fn the_nearest_error_page_is_shown_with_what_it_may_say() {
    let site = TestSite::new();
    site.put("/a", "folder", &[]);
    site.put("/a/b", "folder", &[]);
    site.put(
        "/error.html",
        "template",
        &[("source", "any {{ status }} {{ reason }}: {{ message }} ({{ error_id }})")],
    );
    site.put("/a/error-404.html", "template", &[("source", "mine {{ status }} for {{ here.name }}")]);
    let answer = site.get("/missing").await;
    assert_eq!(answer.status, 404);
    assert!(
        answer.text().starts_with("any 404 Not found: There is nothing at this address."),
        "{}",
        answer.text()
    );
    assert!(answer.text().contains(answer.header("x-request-id")));
    assert_eq!(site.get("/a/b/missing").await.text(), "mine 404 for b");
    assert!(site.get("/a/%00").await.text().starts_with("any 400 Bad request"));
    let refused = site.ask("TRACE", "/a/b/", &[("accept", "text/html")]).await;
    assert!(refused.status == 405 && refused.text().starts_with("any 405"), "{}", refused.text());
}

#[tokio::test]
async fn an_error_in_an_error_page_ends_at_the_page_that_is_always_there() {
    let site = TestSite::new();
    site.put("/error-404.html", "template", &[("source", "{{ nothing.of.the.kind }}")]);
    let answer = site.get("/missing").await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("<h1>Not found</h1>"), "{}", answer.text());
}

#[tokio::test]
async fn a_client_learns_an_id_and_nothing_from_inside() {
    let site = TestSite::new();
    site.put("/broken", "template", &[("source", "<p>secret words</p>{{ inner_name }}")]);
    let answer = site.get("/broken").await;
    assert_eq!(answer.status, 500);
    assert!(
        answer.text().contains(answer.header("x-request-id")) && !answer.header("x-request-id").is_empty()
    );
    for inside in ["inner_name", "secret words", "undefined", "/broken", "template"] {
        assert!(!answer.text().contains(inside), "{inside}: {}", answer.text());
    }
}

/// Holds what the method that does not come to an end by itself waits for.
struct Faulty(TypeSchema, Mutex<Receiver<()>>);

impl Faulty {
    fn new(gate: Receiver<()>) -> Self {
        let method = |text, effect, permission| MethodSpec { name: name(text), effect, permission };
        let methods = vec![
            method("panics", Effect::Reads, "view"),
            method("sleeps", Effect::Reads, "view"),
            method("refuses", Effect::Reads, ""),
            method("writes", Effect::Writes, "view"),
            method("guarded", Effect::Reads, "manage"),
        ];
        Self(TypeSchema { methods, ..TypeSchema::new("faulty", "Faulty").unwrap() }, Mutex::new(gate))
    }
}

impl ObjectType for Faulty {
    fn schema(&self) -> &TypeSchema {
        &self.0
    }

    fn call(&self, method: &Name, _: &mut Call<'_>) -> Result<Reply, MethodError> {
        match method.as_str() {
            "panics" => panic!("inside"),
            "sleeps" => drop(self.1.lock().unwrap().recv()),
            "refuses" => return Err(MethodError::Refused("not today".into())),
            _ => {}
        }
        Ok(Reply::html("done"))
    }
}

#[tokio::test]
async fn whatever_a_method_does_the_request_is_answered() {
    let (open, gate) = channel();
    let mut types = built_in_types();
    types.register(Faulty::new(gate));
    let limits =
        Limits { request_timeout: Duration::from_secs(1), blocking_jobs_max: 1, ..Limits::default() };
    let site = TestSite::with(types, Config { limits, ..Config::default() });
    site.put("/f", "faulty", &[]);
    for (uri, status, part) in [
        ("/f/panics", 500, "Something went wrong"),
        ("/f/refuses", 400, "not today"),
        ("/f/writes", 405, "cannot be done at this address"),
        ("/f/guarded", 401, "Please log in"),
        ("/f/sleeps", 503, "takes longer"),
        ("/f/refuses", 503, "more to do than it can"),
    ] {
        let answer = site.get(uri).await;
        assert_eq!(answer.status, status, "{uri}");
        assert!(answer.text().contains(part), "{uri}: {}", answer.text());
        assert!(!answer.text().contains("inside"), "{uri}");
    }
    assert_eq!(site.get("/f/refuses").await.header("retry-after"), "5");
    drop(open);
}
