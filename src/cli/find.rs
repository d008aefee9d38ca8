//! `find`: objects by name, type or attribute.

use bough::{Handle, Site};
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::glob::Glob;
use super::moment::At;
use super::request::{SiteCommand, typed};
use super::screen::Screen;
use super::value::{Assignment, parse_assignment};

/// Find objects below a path, in the order of the tree
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Find {
    /// Where to begin
    #[arg(default_value = "/")]
    path: String,
    /// Only names that fit this pattern, as in '*.html'
    #[arg(long, value_name = "GLOB")]
    name: Option<Glob>,
    /// Only objects of this type
    #[arg(long = "type", value_name = "TYPE")]
    type_name: Option<String>,
    /// Only objects whose attribute has this value; may be given several times
    #[arg(long = "with", value_name = "NAME=VALUE", value_parser = parse_assignment)]
    with: Vec<Assignment>,
    /// Only objects with a text that contains this, whatever the case
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    path: String,
    oid: String,
    #[serde(rename = "type")]
    type_name: String,
    title: String,
}

impl SiteCommand for Find {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let top = self.at.view(site)?.get(&self.path)?;
        walk(&top, &mut |object| {
            if !self.fits(object)? {
                return Ok(());
            }
            asker.row(&Row {
                path: object.path().to_string(),
                oid: object.oid().to_string(),
                type_name: object.type_name().to_owned(),
                title: object.title()?,
            })
        })
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        screen.line(&typed::<Row>(row)?.path)
    }
}

impl Find {
    fn fits(&self, object: &Handle) -> Result<bool, Failure> {
        let by_name = self.name.as_ref().is_none_or(|glob| glob.fits_name(object.name()));
        let by_type = self.type_name.as_deref().is_none_or(|name| name == object.type_name());
        if !by_name || !by_type {
            return Ok(false);
        }
        for wanted in &self.with {
            let view = object.view();
            let value = wanted.value(view.snapshot(), view.types(), object.type_name())?;
            if object.value(&wanted.name)? != Some(value) {
                return Ok(false);
            }
        }
        match &self.text {
            Some(wanted) => holds_text(object, &wanted.to_lowercase()),
            None => Ok(true),
        }
    }
}

fn holds_text(object: &Handle, wanted: &str) -> Result<bool, Failure> {
    for (name, _) in object.object().attributes() {
        if let Ok(found) = object.text(name.as_str())
            && found.to_lowercase().contains(wanted)
        {
            return Ok(true);
        }
    }
    Ok(object.name().to_lowercase().contains(wanted))
}

/// Visits an object and everything in it, in the order of the tree.
pub(crate) fn walk(
    top: &Handle,
    visit: &mut dyn FnMut(&Handle) -> Result<(), Failure>,
) -> Result<(), Failure> {
    visit(top)?;
    // One open listing for each container on the way: as deep as the tree, which is bounded.
    let mut open = vec![top.children()];
    while let Some(listing) = open.last_mut() {
        match listing.next() {
            Some(child) => {
                let child = child?;
                visit(&child)?;
                open.push(child.children());
            }
            None => {
                open.pop();
            }
        }
    }
    Ok(())
}
