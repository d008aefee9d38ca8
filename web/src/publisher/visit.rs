//! What was asked, and the site as the answer will show it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use bough_core::object_type::TypeRegistry;
use bough_core::reads::Reads;
use bough_core::security::{Access, Actor};
use bough_core::snapshot::ReadError;
use bough_core::transaction::SharedSnapshot;
use bough_core::{Object, Oid, Snapshot as _};
use bough_store::{Database, Snapshot};
use parking_lot::RwLock;
use percent_encoding::percent_decode_str;

use super::line::{Shown, VersionHost, push_version};
use super::links::Links;
use super::receive::Received;
use crate::auth::WELCOME;
use crate::content::policy::Allowed;
use crate::hosts::Origin;
use crate::preview;
use crate::template::{RequestFacts, Scene};
use crate::urlencoded;

/// One request.
pub(crate) struct Asked {
    pub(crate) parts: Parts,
    /// The address at the other end of the connection.
    pub(crate) peer: Option<IpAddr>,
    pub(crate) origin: Origin,
    /// What the host says where it is a version's.
    pub(crate) version_host: Option<VersionHost>,
    /// The version that is shown, as soon as it is known and allowed; none for the public line.
    pub(crate) shown: OnceLock<Shown>,
    /// The state that is shown instead of the line's head, where nobody asked over HTTP.
    pub(crate) state: Option<Snapshot>,
    /// Whether that is a state which nobody made yet, where nobody may more than he may at the trunk's head.
    pub(crate) is_planned: bool,
    /// Who asks, as soon as that is known.
    pub(crate) actor: OnceLock<Actor>,
    /// What it carried.
    pub(crate) received: Received,
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
        urlencoded::pairs(self.parts.uri.query().unwrap_or_default())
    }

    /// The URL with the query of this request.
    pub(crate) fn with_query(&self, url: String) -> String {
        match self.parts.uri.query() {
            Some(query) => format!("{url}?{query}"),
            None => url,
        }
    }

    /// The address as logs may have it: without the secrets of preview links and one-time links.
    pub(crate) fn logged_uri(&self) -> Cow<'_, Uri> {
        let path = self.parts.uri.path();
        if self.version_host.is_some() && path.contains(preview::STEP) {
            return Cow::Owned(Uri::from_static("/@@preview/..."));
        }
        if self.parts.uri.query().is_some() && percent_decode_str(path).decode_utf8_lossy().contains(WELCOME)
        {
            return Cow::Owned(Uri::from_static("/@@welcome?key=..."));
        }
        Cow::Borrowed(&self.parts.uri)
    }

    /// The start page of the line that is shown; none where nothing is shown.
    pub(crate) fn home(&self, prefix: &str) -> Option<String> {
        if self.version_host.is_some() && self.shown.get().is_none() {
            return None;
        }
        let mut home = prefix.to_owned();
        push_version(&mut home, self.shown.get());
        Some(home + "/")
    }

    fn facts(&self) -> RequestFacts {
        RequestFacts {
            method: self.parts.method.to_string(),
            path: percent_decode_str(self.parts.uri.path()).decode_utf8_lossy().into_owned(),
            host: self.origin.authority.clone(),
            scheme: if self.origin.is_https { "https" } else { "http" },
            query: self.query(),
        }
    }
}

/// The site at the moment that was asked for, as the host that was asked for shows it.
#[derive(Clone)]
pub(crate) struct Visit {
    /// The line that is shown, and written to.
    pub(crate) database: Database,
    pub(crate) snapshot: Snapshot,
    /// What whoever asks may do with it.
    pub(crate) access: Access,
    /// The site as it is, where another moment is shown.
    pub(crate) now: Option<Snapshot>,
    pub(super) types: Arc<TypeRegistry>,
    /// What `/` names.
    pub(crate) top: Arc<Object>,
    pub(crate) links: Links,
    /// The object outside of which nothing can be reached, where that is not all.
    pub(crate) only_below: Option<Arc<Object>>,
    /// Whether a commit was named, so that the answer is the same for ever.
    pub(crate) is_fixed: bool,
    /// Whether it is only found out what would be shown.
    pub(crate) is_looked_at: bool,
}

impl Visit {
    pub(crate) fn types(&self) -> &Arc<TypeRegistry> {
        &self.types
    }

    /// The same; what is read through it is noted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn noting(&self, reads: &Reads) -> Result<Self, ReadError> {
        let snapshot = self.snapshot.noting(reads);
        let here: SharedSnapshot = Arc::new(snapshot.clone());
        let access = Access::new(self.access.actor().clone(), Arc::clone(&self.types), here, None);
        let top = snapshot.object(self.top.oid())?.unwrap_or_else(|| Arc::clone(&self.top));
        Ok(Self { snapshot, access, top, ..self.clone() })
    }

    /// What an object may do in a browser.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn allowed(&self, oid: Oid) -> Result<Allowed, ReadError> {
        Allowed::of(&self.snapshot, self.now.as_ref(), &self.types, oid)
    }

    /// Where error pages are acquired for what has no place.
    pub(crate) fn entry(&self) -> &Arc<Object> {
        self.only_below.as_ref().unwrap_or(&self.top)
    }

    /// The same for templates.
    pub(crate) fn scene(&self, asked: &Asked) -> Arc<Scene> {
        Arc::new(Scene {
            snapshot: Arc::clone(self.access.here()),
            access: RwLock::new(self.access.clone()),
            types: Arc::clone(self.types()),
            links: self.links.clone(),
            request: asked.facts(),
            deadline: asked.deadline,
        })
    }
}
