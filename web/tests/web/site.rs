//! A site in memory, and a client for it.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use bough_core::object_type::TypeRegistry;
use bough_core::transaction::TransactionError;
use bough_core::{Name, ObjectPath, Oid, Tid, Value};
use bough_store::{CommitError, Database, Draft, Note, Options};
use bough_web::{Config, app, built_in_types};
use http_body_util::BodyExt;
use tower::ServiceExt;

/// Whatever a change of a test site fails with.
#[derive(Debug)]
pub(crate) struct Failed(#[allow(dead_code)] String);

impl From<CommitError> for Failed {
    fn from(error: CommitError) -> Self {
        Self(error.to_string())
    }
}

impl From<TransactionError> for Failed {
    fn from(error: TransactionError) -> Self {
        Self(error.to_string())
    }
}

pub(crate) struct TestSite {
    pub(crate) database: Database,
    pub(crate) router: Router,
}

/// What a client got.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The JSON that it is.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The status and, of a problem, its code.
    pub(crate) fn problem(&self) -> (u16, String) {
        let code = self.json()["code"].as_str().unwrap_or_default().to_owned();
        assert!(self.header("content-type") == "application/problem+json", "{}", self.text());
        (self.status.as_u16(), code)
    }

    /// The status and, of a redirect, where it leads.
    pub(crate) fn outcome(&self) -> (u16, &str) {
        (self.status.as_u16(), self.header("location"))
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn path(text: &str) -> ObjectPath {
    ObjectPath::parse(text).unwrap()
}

impl TestSite {
    pub(crate) fn new() -> Self {
        Self::with(built_in_types(), Config::default())
    }

    pub(crate) fn with_config(config: Config) -> Self {
        Self::with(built_in_types(), config)
    }

    pub(crate) fn with(types: TypeRegistry, config: Config) -> Self {
        let database = Database::in_memory(Options::new(types)).unwrap();
        let router = app(database.clone(), config);
        Self { database, router }
    }

    pub(crate) fn change(&self, mut work: impl FnMut(&mut Draft) -> Result<(), TransactionError>) -> Tid {
        let written = self.database.write(Note::edit("test"), |draft| work(draft).map_err(Failed::from));
        let (_, tid) = written.unwrap();
        tid.expect("the change changes something")
    }

    pub(crate) fn oid(&self, at: &str) -> Oid {
        bough_core::snapshot::find(&self.database.snapshot(), &path(at)).unwrap().expect("it is there")
    }

    /// Adds an object of this type; its containers must be there.
    pub(crate) fn put(&self, at: &str, type_name: &str, attributes: &[(&str, &str)]) -> Tid {
        self.change(|draft| {
            let (parent, last) = path(at).split_last().map(|(parent, last)| (parent, last.clone())).unwrap();
            let parent = draft.at(&parent)?;
            let attributes = attributes.iter().map(|(key, text)| (name(key), Value::text(*text)));
            draft.add(parent, &last, &name(type_name), attributes).map(drop)
        })
    }

    pub(crate) fn put_file(&self, at: &str, data: &[u8]) -> Tid {
        self.change(|draft| {
            let (parent, last) = path(at).split_last().map(|(parent, last)| (parent, last.clone())).unwrap();
            let parent = draft.at(&parent)?;
            let data = draft.bytes(data).unwrap();
            draft.add(parent, &last, &name("file"), [(name("data"), data)]).map(drop)
        })
    }

    pub(crate) fn set(&self, at: &str, attribute: &str, value: impl Into<Value>) -> Tid {
        let value = value.into();
        self.change(|draft| {
            let oid = draft.at(&path(at))?;
            draft.set(oid, &name(attribute), Some(value.clone()))
        })
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> Tid {
        self.change(|draft| {
            let oid = draft.at(&path(from))?;
            let (parent, last) = path(to).split_last().map(|(parent, last)| (parent, last.clone())).unwrap();
            let parent = draft.at(&parent)?;
            draft.move_to(oid, parent, &last)
        })
    }

    pub(crate) fn delete(&self, at: &str) -> Tid {
        self.change(|draft| {
            let oid = draft.at(&path(at))?;
            draft.delete(oid)
        })
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.ask("GET", uri, &[]).await
    }

    pub(crate) async fn get_with(&self, uri: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", uri, headers).await
    }

    pub(crate) async fn ask(&self, method: &str, uri: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask_from("192.0.2.1:4000", method, uri, headers).await
    }

    pub(crate) async fn ask_from(
        &self,
        peer: &str,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.send_from(peer, method, uri, headers, Vec::new()).await
    }

    /// What a program at this machine sends.
    pub(crate) async fn send(
        &self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        let headers: Vec<(&str, &str)> =
            [("host", "localhost")].into_iter().chain(headers.iter().copied()).collect();
        self.send_from("127.0.0.1:4000", method, uri, &headers, body.into()).await
    }

    /// What a program elsewhere sends, which nobody knows.
    pub(crate) async fn send_far(
        &self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        self.send_from("192.0.2.1:4000", method, uri, headers, body.into()).await
    }

    async fn send_from(
        &self,
        peer: &str,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer_to(peer, request.body(Body::from(body)).unwrap()).await
    }

    /// What somebody elsewhere sends.
    pub(crate) async fn send_request(&self, request: Request<Body>) -> Answer {
        self.answer_to("192.0.2.1:4000", request).await
    }

    async fn answer_to(&self, peer: &str, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}
