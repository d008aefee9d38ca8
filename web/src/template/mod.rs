//! Templates: objects whose source makes pages of other objects.
//!
//! `namespace` is what a template sees of the site; `jinja` compiles and runs it within bounds, some of
//! which `guard` writes into its source.

mod guard;
mod jinja;
mod namespace;

pub(crate) use jinja::{Bounds, Chosen, Page, TemplateError, Templates};
pub(crate) use namespace::{RequestFacts, Scene, value_to_json};
