//! The starter site: what a new data folder begins with.
//!
//! Small enough to be read in one sitting, and it shows the three ideas: a layout that is acquired, a template that is
//! applied to any page below it, an error page that any folder may have its own of.

use bough_core::name::NameError;
use bough_core::transaction::TransactionError;
use bough_core::traversal::ACQUIRE_STEPS;
use bough_core::{Name, Oid, Value};
use bough_store::Draft;

const STYLE: &str = include_str!("starter/style.css");
// Up to here the store keeps bytes in the object itself; a longer style sheet would have to be a blob.
const _: () = assert!(STYLE.len() <= 4_096);

/// Puts the starter site into an empty tree, in the draft's transaction.
///
/// # Errors
/// When one of its names is taken, or the store cannot be read.
pub fn plant(draft: &mut Draft) -> Result<(), TransactionError> {
    set(draft, "title", "My site".into())?;
    set(draft, ACQUIRE_STEPS, true.into())?;
    let page = |title: &str, body: &str| -> Result<_, NameError> {
        Ok(vec![
            (Name::new("title")?, Value::text(title)),
            (Name::new("body")?, Value::text(body)),
            (Name::new("format")?, Value::text("markdown")),
        ])
    };
    let template =
        |source: &str| -> Result<_, NameError> { Ok(vec![(Name::new("source")?, Value::text(source))]) };
    add(draft, "layout.html", "template", template(include_str!("starter/layout.html"))?)?;
    let style = vec![(Name::new("data")?, Value::Bytes(STYLE.as_bytes().into()))];
    add(draft, "style.css", "file", style)?;
    add(draft, "index", "page", page("Welcome", include_str!("starter/index.md"))?)?;
    add(draft, "about", "page", page("About", include_str!("starter/about.md"))?)?;
    add(draft, "print", "template", template(include_str!("starter/print.html"))?)?;
    add(draft, "error-404.html", "template", template(include_str!("starter/error-404.html"))?)
}

fn set(draft: &mut Draft, attribute: &str, value: Value) -> Result<(), TransactionError> {
    draft.set(Oid::ROOT, &Name::new(attribute)?, Some(value))
}

fn add(
    draft: &mut Draft,
    name: &str,
    type_name: &str,
    attributes: Vec<(Name, Value)>,
) -> Result<(), TransactionError> {
    draft.add(Oid::ROOT, &Name::new(name)?, &Name::new(type_name)?, attributes).map(drop)
}
