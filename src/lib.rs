//! Bough: a web framework whose site is a tree of live objects.
//!
//! This crate is the face that applications depend on. A [`Site`] is opened on a folder or in memory; everything is
//! read through handles, and every change is a transaction that can be undone at any later time:
//!
//! ```
//! use bough::prelude::*;
//!
//! # fn main() -> Result<(), bough::Error> {
//! let site = Site::in_memory()?;
//! site.write("Make a page", |tx| {
//!     tx.add("/hello", "page")?;
//!     tx.set("/hello", "title", "Hello")
//! })?;
//! let renamed = site.write("Say it louder", |tx| tx.set("/hello", "title", "HELLO"))?;
//! assert_eq!(site.get("/hello")?.title()?, "HELLO");
//!
//! site.undo(renamed.tid)?;
//! assert_eq!(site.get("/hello")?.title()?, "Hello");
//! # Ok(())
//! # }
//! ```
//!
//! Code map: `site` (opening, writing, history), `read` (views and handles), `tx` (changes by path), `version`
//! (private versions), `users` (users and groups), `rights` (who may do what, and why), `call` (methods of one's own types), `migrate` (objects of earlier editions), `error`. The command line (`main.rs`, `cli/`) is an ordinary user of this crate.
//!
//! Below it: [`core`] is the object model, [`store`] the database, [`web`] the publisher, [`admin_ui`] the management pages.

mod call;
mod error;
mod migrate;
mod read;
mod rights;
mod site;
mod tx;
mod users;
mod version;

pub use bough_admin_ui as admin_ui;
pub use bough_core as core;
pub use bough_core::merge::plan::Resolution;
pub use bough_store as store;
pub use bough_store::version::{Management, MergeChoice, NewVersion, Pick, VersionInfo};
pub use bough_web as web;
pub use call::Called;
pub use error::Error;
pub use migrate::{Migrated, Migration};
pub use read::{Children, Handle, Moment, View};
pub use rights::{Entitled, Scoped, WhatCan, WhoCan};
pub use site::{Site, SiteBuilder, Written};
pub use tx::{Tx, file_type};
pub use users::{Account, AccountKind, users_path};
pub use version::Version;

/// The names that an application begins with.
pub mod prelude {
    pub use bough_core::object_type::{
        AttributeSpec, Call, Effect, MethodError, MethodSpec, ObjectType, Reply, TypeSchema,
    };
    pub use bough_core::{Name, Oid, Tid, Value};

    pub use crate::{Error, Handle, Moment, Site, Tx, Version, View};
}
