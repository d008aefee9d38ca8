//! `du`: how many objects and bytes.

use bough::{Handle, Site};
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::Failure;
use super::find::walk;
use super::moment::At;
use super::request::{SiteCommand, typed};
use super::screen::{Screen, grouped, size_text};

/// Count objects and bytes: of what an object contains, and in all
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Du {
    /// Path of the object
    #[arg(default_value = "/")]
    path: String,
    /// Only the sum
    #[arg(short, long)]
    summarize: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    path: String,
    objects: u64,
    bytes: u64,
}

impl SiteCommand for Du {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let top = self.at.view(site)?.get(&self.path)?;
        let mut sum = Row { path: top.path().to_string(), objects: 1, bytes: bytes_of(&top) };
        for child in top.children() {
            let child = child?;
            let mut row = Row { path: child.path().to_string(), objects: 0, bytes: 0 };
            walk(&child, &mut |object| {
                row.objects += 1;
                row.bytes += bytes_of(object);
                Ok(())
            })?;
            sum.objects += row.objects;
            sum.bytes += row.bytes;
            if !self.summarize {
                asker.row(&row)?;
            }
        }
        asker.row(&sum)
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let row: Row = typed(row)?;
        screen.line(&format!("{:>9} {:>8}  {}", grouped(row.objects), size_text(row.bytes), row.path))
    }
}

/// What its attributes take, without what the store adds.
fn bytes_of(object: &Handle) -> u64 {
    use bough::core::{Content, Value};
    let cells = object.object().attributes().map(|(_, cell)| match &cell.content {
        Content::Value(Value::Text(text)) => text.len() as u64,
        Content::Value(Value::Bytes(bytes)) => bytes.len() as u64,
        Content::Value(Value::Blob(blob)) => blob.bytes,
        Content::Large(large) => u64::from(large.bytes),
        _ => 0,
    });
    cells.sum()
}
