//! Connections: what leaves the site, from where, and that nothing else does. The other side is a real listener.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bough_core::object_type::{Call, Effect, MethodError, MethodSpec, ObjectType, Reply, TypeSchema};
use bough_core::outside::OutsideError;
use bough_core::{Name, Value};
use bough_store::version::NewVersion;
use bough_store::{Database, Note};
use bough_web::auth::EmergencyUser;
use bough_web::{Config, built_in_types};

use crate::site::{TestSite, name, path};
use crate::versions::open;

/// An HTTP server that remembers the heads of all requests, and says whose it is.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start(says: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1/", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), says, &theirs);
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        let heads = self.asked.lock().unwrap();
        heads.iter().map(|head| head.split(" HTTP/").next().unwrap().to_owned()).collect()
    }
}

fn answer(mut stream: TcpStream, says: &str, asked: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .to_lowercase()
        .split("content-length: ")
        .nth(1)
        .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse::<usize>().unwrap());
    stream.read_exact(&mut vec![0; length]).unwrap();
    asked.lock().unwrap().push(head.clone());
    let (status, more, body) = match head.split(' ').nth(1).unwrap() {
        "/v1/away" => ("302 Found", "Location: http://127.0.0.1:9/\r\n", String::new()),
        "/v1/long" => ("200 OK", "", "x".repeat(100_000)),
        "/v1/endless" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            while stream.write_all(&[b'x'; 8192]).is_ok() {}
            return;
        }
        _ => ("200 OK", "Content-Type: text/html\r\n", format!("<script>{says}</script>")),
    };
    let _ = write!(stream, "HTTP/1.1 {status}\r\n{more}Content-Length: {}\r\n\r\n{body}", body.len());
}

/// A site with a connection at `/api`.
fn site_with(server: &Server) -> TestSite {
    let site = TestSite::with_config(with_manager());
    site.put("/api", "http_connection", &[("url", &server.url)]);
    site
}

/// A site that somebody manages.
pub(crate) fn with_manager() -> Config {
    Config { emergency_user: Some(EmergencyUser::new("root", "correct horse").unwrap()), ..Config::default() }
}

/// What the one who manages it sends: `root:correct horse`.
pub(crate) const MANAGER: (&str, &str) = ("authorization", "Basic cm9vdDpjb3JyZWN0IGhvcnNl");

async fn fetch(site: &TestSite, uri: &str) -> crate::site::Answer {
    site.send("GET", uri, &[MANAGER], "").await
}

#[tokio::test]
async fn a_connection_fetches_what_lies_below_its_address_as_text_that_does_nothing() {
    let server = Server::start("real");
    let site = site_with(&server);
    let answer = fetch(&site, "/api/fetch?path=people/7%3Fall=1").await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "<script>real</script>"));
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(server.asked(), ["GET /v1/people/7?all=1"]);
    for wrong in ["../secret", "%2e%2e/secret", "//127.0.0.1:9/", "a%0d%0aHost:%20x"] {
        let answer = fetch(&site, &format!("/api/fetch?path={}", wrong.replace('%', "%25"))).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
    }
    assert_eq!(server.asked().len(), 1, "nothing else was asked");
}

#[tokio::test]
async fn a_connection_keeps_its_bounds_and_follows_nobody_elsewhere() {
    let server = Server::start("real");
    let site = site_with(&server);
    site.set("/api", "bytes_max", Value::Int(99_999));
    for path in ["long", "endless"] {
        let answer = fetch(&site, &format!("/api/fetch?path={path}")).await;
        assert_eq!(answer.status, 502, "{path}");
        assert!(answer.text().contains("the answer has more than 99999 bytes"), "{}", answer.text());
    }
    let away = fetch(&site, "/api/fetch?path=away").await;
    assert!(away.text().contains("answered with the status 302"), "{}", away.text());

    // Nobody accepts here: the time is over before anything is said.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    site.set("/api", "url", format!("http://{}/", silent.local_addr().unwrap()));
    site.set("/api", "timeout_secs", Value::Int(1));
    let late = fetch(&site, "/api/fetch").await;
    assert_eq!(late.status, 502);
    assert!(late.text().contains("took longer than 1"), "{}", late.text());
}

#[tokio::test]
async fn a_connection_is_for_those_who_may_use_it() {
    let server = Server::start("real");
    let site = site_with(&server);
    for uri in ["/api", "/api/fetch"] {
        assert!([401, 404].contains(&site.get(uri).await.status.as_u16()), "{uri}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn case_33_a_connection_does_in_a_version_what_the_public_site_says() {
    let (real, test) = (Server::start("real"), Server::start("test"));
    let site = site_with(&real);
    site.put("/test", "http_connection", &[("url", &test.url)]);
    open(&site, "draft");
    let in_draft = "/@v/draft/api/fetch";

    let refused = fetch(&site, in_draft).await;
    assert_eq!(refused.status, 403);
    let page = refused.text();
    for said in ["/api", "`draft`", "in_versions", "nothing leaves the site", "after the merge"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let problem = site.send("GET", in_draft, &[MANAGER, ("accept", "application/json")], "").await;
    assert_eq!(problem.problem(), (403, "outside".into()));

    site.set("/api", "in_versions", "read-only");
    assert!(fetch(&site, in_draft).await.text().contains("real"));
    site.set("/api", "in_versions", "other");
    assert_eq!(fetch(&site, in_draft).await.status, 403, "nothing is named");
    site.set("/api", "in_versions_use", Value::Reference(site.oid("/test")));
    assert!(fetch(&site, in_draft).await.text().contains("test"));
    assert!(fetch(&site, "/api/fetch").await.text().contains("real"), "the public site goes where it went");
    let single = Value::Map([("draft".into(), "block".into())].into());
    site.set("/api", "in_version", single);
    assert_eq!(fetch(&site, in_draft).await.status, 403, "what is said for one version wins");
    assert_eq!((real.asked().len(), test.asked().len()), (2, 1), "what was refused asked nobody");
}

#[tokio::test]
async fn case_33_nothing_that_a_version_changes_in_a_connection_counts() {
    let (real, other) = (Server::start("real"), Server::start("other"));
    let site = site_with(&real);
    let draft = open(&site, "draft");
    draft.set("/api", "in_versions", "read-only");
    draft.set("/api", "in_version", Value::Map([("draft".into(), "read-only".into())].into()));
    draft.put("/new", "http_connection", &[("url", &other.url), ("in_versions", "read-only")]);
    assert_eq!(fetch(&site, "/@v/draft/api/fetch").await.status, 403);
    let new = fetch(&site, "/@v/draft/new/fetch").await;
    assert!(new.text().contains("no such connection on the public site"), "{}", new.text());

    // Nor does where it leads to, which would carry its headers elsewhere.
    site.set("/api", "in_versions", "read-only");
    draft.set("/api", "url", other.url.as_str());
    assert!(fetch(&site, "/@v/draft/api/fetch").await.text().contains("real"));
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn a_later_version_of_the_same_name_has_none_of_the_rights_of_the_earlier_one() {
    let server = Server::start("real");
    let site = site_with(&server);
    let rule = |text: &str| Value::Map([("draft".into(), text.into())].into());
    site.set("/api", "in_version", rule("read-only"));
    open(&site, "draft");
    assert_eq!(fetch(&site, "/@v/draft/api/fetch").await.status, 403);
    assert!(server.asked().is_empty());
    site.set("/api", "in_version", Value::Null);
    site.set("/api", "in_version", rule("read-only"));
    assert_eq!(fetch(&site, "/@v/draft/api/fetch").await.status, 200);
}

/// A type that asks outside, and counts how often it was called.
struct Robot {
    schema: TypeSchema,
    calls: Arc<AtomicUsize>,
    /// Changes what a call depends on behind its back, the first time.
    meddler: Arc<Mutex<Option<Database>>>,
}

impl Robot {
    fn new(calls: &Arc<AtomicUsize>, meddler: &Arc<Mutex<Option<Database>>>) -> Self {
        let method = |text, effect| MethodSpec { name: name(text), effect, permission: "View" };
        let schema = TypeSchema {
            methods: vec![method("post", Effect::Writes), method("post_now", Effect::Reads)],
            ..TypeSchema::new("robot", "Robot").unwrap()
        };
        Self { schema, calls: Arc::clone(calls), meddler: Arc::clone(meddler) }
    }
}

impl ObjectType for Robot {
    fn schema(&self) -> &TypeSchema {
        &self.schema
    }

    fn call(&self, method: &Name, call: &mut Call<'_>) -> Result<Reply, MethodError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(down) = bough_core::snapshot::find(call.snapshot(), &path("/down"))? {
            let failed = call.outside().request(down, "POST", "orders", "text/plain", b"one");
            assert!(matches!(failed, Err(OutsideError::Failed { .. })), "{failed:?}");
        }
        let api = bough_core::snapshot::find(call.snapshot(), &path("/api"))?.expect("it is there");
        let answer = call.outside().request(api, "POST", "orders", "text/plain", b"one")?;
        if let Some(database) = self.meddler.lock().unwrap().take() {
            let written = database.write(Note::edit("meddled"), |draft| {
                let robot = draft.at(&path("/robot")).unwrap();
                draft.set(robot, &name("count"), Some(Value::Int(7))).unwrap();
                Ok::<_, bough_store::CommitError>(())
            });
            written.unwrap();
        }
        if method == "post" {
            let robot = call.object;
            call.transaction(method)?.set(robot, &name("count"), Some(Value::Int(1)))?;
        }
        Ok(Reply::Value(Value::Int(answer.status.into())))
    }
}

fn robot_site(server: &Server) -> (TestSite, Arc<AtomicUsize>, Arc<Mutex<Option<Database>>>) {
    let (calls, meddler) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
    let mut types = built_in_types();
    types.register(Robot::new(&calls, &meddler));
    let site = TestSite::with(types, with_manager());
    site.put("/api", "http_connection", &[("url", &server.url)]);
    site.put("/robot", "robot", &[]);
    (site, calls, meddler)
}

#[tokio::test]
async fn case_33_a_connection_that_versions_may_read_is_not_written_from_one_nor_from_the_past() {
    let server = Server::start("real");
    let (site, _, _) = robot_site(&server);
    site.set("/api", "in_versions", "read-only");
    let new = NewVersion { name: "draft".into(), ..NewVersion::default() };
    site.database.open_version(&new, Note::edit("test")).unwrap();
    let refused = fetch(&site, "/@v/draft/robot/post_now").await;
    assert!(refused.status == 403 && refused.text().contains("only read"), "{}", refused.text());
    let past = fetch(&site, &format!("/@at/{}/robot/post_now", site.database.head())).await;
    assert!(past.status == 403 && past.text().contains("earlier moment"), "{} {}", past.status, past.text());
    assert!(server.asked().is_empty());
    assert_eq!(fetch(&site, "/robot/post_now").await.text(), "200");
    assert_eq!(server.asked(), ["POST /v1/orders"]);
}

#[tokio::test]
async fn what_was_sent_is_not_sent_again_when_its_commit_is_tried_again() {
    let server = Server::start("real");
    let (site, calls, meddler) = robot_site(&server);
    site.set("/robot", "count", Value::Int(0));
    *meddler.lock().unwrap() = Some(site.database.clone());
    let answer = site.send("POST", "/robot/post", &[MANAGER], "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(calls.load(Ordering::Relaxed), 2, "the first try met the meddler");
    assert_eq!(server.asked(), ["POST /v1/orders"]);
}

/// What failed was not counted when the commit was tried again, so that what came after it was sent twice.
#[tokio::test]
async fn neither_what_was_sent_nor_what_failed_before_it_is_sent_again() {
    let server = Server::start("real");
    let (site, calls, meddler) = robot_site(&server);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    site.put("/down", "http_connection", &[("url", &format!("http://{}/", silent.local_addr().unwrap()))]);
    let accepted = Arc::new(AtomicUsize::new(0));
    let theirs = Arc::clone(&accepted);
    std::thread::spawn(move || {
        for stream in silent.incoming() {
            theirs.fetch_add(1, Ordering::Relaxed);
            drop(stream);
        }
    });
    site.set("/robot", "count", Value::Int(0));
    *meddler.lock().unwrap() = Some(site.database.clone());
    let answer = site.send("POST", "/robot/post", &[MANAGER], "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(calls.load(Ordering::Relaxed), 2, "the first try met the meddler");
    assert_eq!(server.asked(), ["POST /v1/orders"]);
    assert_eq!(
        accepted.load(Ordering::Relaxed),
        1,
        "what failed is not known to be undone: it is not asked again"
    );
}
