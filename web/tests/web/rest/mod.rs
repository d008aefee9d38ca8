//! The interface for programs, as one of them sees it.

mod api;
mod objects;
mod past;
mod refusals;
mod version_rights;
mod versions;

use serde_json::Value as Json;

use crate::site::{Answer, TestSite};

pub(super) const ACCEPT: (&str, &str) = ("accept", "application/json");
pub(super) const JSON: (&str, &str) = ("content-type", "application/json");

impl TestSite {
    /// Reads JSON.
    pub(super) async fn read(&self, uri: &str) -> Json {
        let answer = self.send("GET", uri, &[ACCEPT], "").await;
        assert_eq!(answer.status, 200, "{uri}: {}", answer.text());
        answer.json()
    }

    /// Sends JSON.
    pub(super) async fn tell(&self, method: &str, uri: &str, body: Json) -> Answer {
        self.send(method, uri, &[JSON], body.to_string()).await
    }

    /// The same, and it must be done.
    pub(super) async fn done(&self, method: &str, uri: &str, body: Json) -> Json {
        let answer = self.tell(method, uri, body).await;
        assert!(answer.status.is_success(), "{method} {uri}: {}", answer.text());
        answer.json()
    }
}
