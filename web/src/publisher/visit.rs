//! What was asked, and the site as the answer will show it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::http::HeaderMap;
use axum::http::request::Parts;
use bough_core::Object;
use bough_core::object_type::TypeRegistry;
use bough_store::Snapshot;

use super::links::Links;
use crate::hosts::Origin;
use crate::template::{RequestFacts, Scene};

/// Most pairs of a query that are read; the rest is left out.
const QUERY_PAIRS_MAX: usize = 1_000;

/// One request.
pub(crate) struct Asked {
    pub(crate) parts: Parts,
    pub(crate) origin: Origin,
    pub(crate) id: u64,
    /// When the answer has to be ready.
    pub(crate) deadline: Instant,
}

impl Asked {
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The query by key, decoded.
    pub(crate) fn query(&self) -> BTreeMap<String, Vec<String>> {
        let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let pairs = self.parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        for pair in pairs.take(QUERY_PAIRS_MAX) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            query.entry(form_text(key)).or_default().push(form_text(value));
        }
        query
    }

    /// The URL with the query of this request.
    pub(crate) fn with_query(&self, url: String) -> String {
        match self.parts.uri.query() {
            Some(query) => format!("{url}?{query}"),
            None => url,
        }
    }

    fn facts(&self) -> RequestFacts {
        RequestFacts {
            method: self.parts.method.to_string(),
            path: percent_encoding::percent_decode_str(self.parts.uri.path())
                .decode_utf8_lossy()
                .into_owned(),
            host: self.origin.authority.clone(),
            scheme: if self.origin.is_https { "https" } else { "http" },
            query: self.query(),
        }
    }
}

/// Decodes a key or value of a query; what is not UTF-8 becomes a mark that shows so.
fn form_text(text: &str) -> String {
    let spaced: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// The site at the moment that was asked for, as the host that was asked for shows it.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) snapshot: Snapshot,
    pub(super) types: Arc<TypeRegistry>,
    /// What `/` names.
    pub(crate) top: Arc<Object>,
    pub(crate) links: Links,
    /// Whether a commit was named, so that the answer is the same for ever.
    pub(crate) is_fixed: bool,
}

impl Visit {
    pub(crate) fn types(&self) -> &Arc<TypeRegistry> {
        &self.types
    }

    /// The same for templates.
    pub(crate) fn scene(&self, asked: &Asked) -> Arc<Scene> {
        Arc::new(Scene {
            snapshot: Arc::new(self.snapshot.clone()),
            types: Arc::clone(self.types()),
            links: self.links.clone(),
            request: asked.facts(),
            deadline: asked.deadline,
        })
    }
}
