//! `ls`: what an object contains.

use bough::core::snapshot::{ChildOrder, ChildrenPage};
use bough::{Handle, Site};
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::moment::{At, local, rfc3339};
use super::request::{SiteCommand, typed};
use super::screen::{Screen, size_text};

/// List what an object contains; an object that contains nothing is listed itself
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Ls {
    /// Path of the object
    #[arg(default_value = "/")]
    path: String,
    /// Also show type, length, time of the last change, and title
    #[arg(short, long)]
    long: bool,
    /// By name, not in the order that people gave
    #[arg(long)]
    by_name: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    path: String,
    name: String,
    oid: String,
    #[serde(rename = "type")]
    type_name: String,
    title: String,
    container: bool,
    bytes: Option<u64>,
    tid: String,
    time: String,
}

impl SiteCommand for Ls {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let object = self.at.view(site)?.get(&self.path)?;
        if !object.is_container()? {
            return asker.row(&row(&object)?);
        }
        let by = if self.by_name { ChildOrder::Name } else { ChildOrder::Place };
        for child in object.children_from(ChildrenPage { by, after: None, limit: 256 }) {
            asker.row(&row(&child?)?)?;
        }
        Ok(())
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let row: Row = typed(row)?;
        let slash = if row.container && row.name != "/" { "/" } else { "" };
        if !self.long {
            return screen.line(&format!("{}{slash}", row.name));
        }
        let bytes = row.bytes.map(size_text).unwrap_or_default();
        let title = if row.title == row.name { String::new() } else { format!("  {}", row.title) };
        let (time, name) = (local(&row.time), row.name);
        screen.line(&format!("{:<10} {bytes:>8}  {time}  {name}{slash}{title}", row.type_name))
    }
}

fn row(object: &Handle) -> Result<Row, Failure> {
    let tid = object.object().revision();
    Ok(Row {
        path: object.path().to_string(),
        name: object.name().to_owned(),
        oid: object.oid().to_string(),
        type_name: object.type_name().to_owned(),
        title: object.title()?,
        container: object.is_container()?,
        bytes: object.content_bytes(),
        tid: tid.to_string(),
        time: rfc3339(tid.as_micros()),
    })
}
