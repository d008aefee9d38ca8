//! Links: the URL of an object, as the present request should write it.
//!
//! # Invariants
//! - An object has one URL: a container's ends in `/`, a leaf's does not.
//! - A link made while looking at a moment stays at that moment.
//! - What lies outside the host's part of the tree has no URL.

use std::sync::Arc;

use bough_core::object_type::TypeRegistry;
use bough_core::snapshot::{Chain, ChildrenPage, ReadError, chain};
use bough_core::{Object, Oid, Snapshot};

use super::path::push_step;

/// How links are written in answer to one request.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    /// What absolute links begin with.
    pub(crate) base_url: Option<Arc<str>>,
    /// What every path begins with: the host's prefix, and `/@at/MOMENT` where one was asked for.
    pub(crate) before: String,
    /// The object that `/` names.
    pub(crate) top: Oid,
}

impl Links {
    /// The path of an object's URL; none where it has none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn url(
        &self,
        snapshot: &(impl Snapshot + ?Sized),
        types: &TypeRegistry,
        oid: Oid,
    ) -> Result<Option<String>, ReadError> {
        match chain(snapshot, oid)? {
            Chain::Live(chain) => self.url_of_chain(snapshot, types, &chain),
            _ => Ok(None),
        }
    }

    /// The same for an object whose chain is at hand.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn url_of_chain(
        &self,
        snapshot: &(impl Snapshot + ?Sized),
        types: &TypeRegistry,
        chain: &[Arc<Object>],
    ) -> Result<Option<String>, ReadError> {
        let Some(depth) = chain.iter().position(|object| object.oid() == self.top) else { return Ok(None) };
        let mut url = self.before.clone();
        for place in chain[..depth].iter().rev().filter_map(|object| object.place()) {
            push_step(&mut url, place.name.as_str());
        }
        if depth == 0 || is_container(snapshot, types, &chain[0])? {
            url.push('/');
        }
        Ok(Some(url))
    }

    /// The absolute form of a path, where the host has a base URL.
    pub(crate) fn absolute(&self, url: String) -> String {
        match &self.base_url {
            Some(base_url) => format!("{base_url}{url}"),
            None => url,
        }
    }
}

/// Whether the object's URL ends in a slash. One whose type nobody knows is what it looks like.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn is_container(
    snapshot: &(impl Snapshot + ?Sized),
    types: &TypeRegistry,
    object: &Object,
) -> Result<bool, ReadError> {
    if object.oid() == Oid::ROOT {
        return Ok(true);
    }
    match object.type_name().and_then(|name| types.schema(name.as_str())) {
        Some(schema) => Ok(schema.container),
        None => Ok(!snapshot.children(object.oid(), &ChildrenPage::first(1))?.is_empty()),
    }
}
