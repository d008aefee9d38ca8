//! Bough's publisher: the tree over HTTP.
//!
//! [`app`] makes an axum router that answers every URL with the object it names; [`serve`] runs it on a listener. An
//! application merges its own routes in before, or nests the site below one.
//!
//! Code map: `publisher` (the steps of an answer), `hosts` and `version_hosts` (which host shows what), `preview` (links
//! that show a version to those who hold them), `auth` (who somebody is, and how he proves it), `version_names` (versions and parts of them by their names), `version_rights` (who may settle what becomes of a version), `types` (what the built-in types
//! show), `rest` (the interface for programs), `pages` (families of pages that applications add), `template` (Jinja and what templates see), `conditional` and `stream` (what is sent), `error` and `problem` (the one place
//! where errors become responses), `content` (what people's content may do in a browser), `outside` (the way out of the site, through connections), `mail` (messages, and how they are sent), `access_log`, `serve`, `tls` and `patience` (connections, encrypted, and how slow they may be), `survey` (which pages a merge makes different), `starter` (the site that a new folder begins with).
//!
//! Not here: the tree (`bough-core`), where it is kept (`bough-store`), what is done on the command line.

mod access_log;
pub mod auth;
mod conditional;
mod config;
mod content;
mod error;
mod failures;
mod hosts;
pub mod mail;
pub mod outside;
pub mod pages;
mod patience;
mod preview;
mod problem;
mod publisher;
mod rest;
mod serve;
pub mod starter;
mod stream;
pub mod survey;
pub mod tasks;
mod template;
mod tls;
mod types;
mod urlencoded;
mod version_hosts;
mod version_links;
mod version_names;
mod version_rights;

use std::sync::Arc;

pub use access_log::AccessLog;
use axum::Router;
use bough_store::Database;
pub use config::{Config, Limits};
pub use content::headers::secure;
pub use content::policy::{CONTENT_POLICY, CONTENT_SECURITY_POLICY, ContentPolicy, ParseContentPolicyError};
pub use hosts::{AddressRange, Host, HostError, HostTable, ParseAddressRangeError, UnknownHost};
pub use preview::{
    NewPreviewLink, PREVIEW_LABEL_BYTES_MAX, PREVIEW_LINKS_MAX, PreviewError, PreviewLink, make_preview_link,
    preview_links, revoke_preview_link,
};
pub use serve::{Ended, Listener, OwnTls, serve};
pub use tls::{Tls, TlsError};
pub use types::built_in_types;
pub use version_hosts::VersionHosts;
pub use version_links::{VersionLink, links_into_versions};
pub use version_names::{
    first_unchanged, version_key, version_key_with_number, version_of_key, versions_to_reopen,
};
pub use version_rights::{may_manage_version, no_version_owner, version_managers};

/// A router that shows the site at every URL that it has no other route for.
///
/// The access log is closed, and so complete, when the last clone of the router is dropped.
pub fn app(database: Database, config: Config) -> Router {
    let publisher = publisher::Publisher::new(database, config);
    Router::new().fallback_service(publisher::Publish(Arc::new(publisher)))
}
