//! `cat`: the content of an object, or one of its attributes.

use bough::core::{Name, Value};
use bough::store::Body;
use bough::{Error, Handle, Site};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::asker::Asker;
use super::failure::Failure;
use super::moment::At;
use super::protocol::{CHUNK_BYTES, Reply};
use super::request::SiteCommand;
use super::screen::Screen;
use super::value;

/// Where the types keep their content, in the order in which it is looked for.
pub(crate) const CONTENT: [&str; 4] = ["data", "body", "source", "target"];

/// Print an object's content as it is; with --json the whole object
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Cat {
    /// Path of the object
    path: String,
    /// Print this attribute
    #[arg(value_name = "ATTRIBUTE")]
    attribute: Option<String>,
    #[command(flatten)]
    at: At,
    /// Set from --json.
    #[arg(skip)]
    whole: bool,
}

impl SiteCommand for Cat {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let object = self.at.view(site)?.get(&self.path)?;
        if self.whole {
            return asker.row(&whole(&object)?);
        }
        let attribute = match &self.attribute {
            Some(name) => name.as_str(),
            None => content_of(&object)?,
        };
        let value = object.value(attribute)?.ok_or_else(|| Error::NoAttribute {
            path: object.path().clone(),
            attribute: attribute.to_owned(),
        })?;
        match &value {
            Value::Text(_) | Value::Bytes(_) | Value::Blob(_) => send(&object.bytes(attribute)?, asker),
            other => {
                let snapshot = object.view().snapshot();
                let json = value::to_json(other, &value::paths_in(snapshot)).to_string() + "\n";
                asker.send(Reply::Chunk(json.into_bytes()))
            }
        }
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        screen.json(&row)
    }
}

impl Cat {
    /// Asks for the whole object, as JSON.
    pub(crate) fn whole(&mut self) {
        self.whole = self.attribute.is_none();
    }
}

fn content_of(object: &Handle) -> Result<&'static str, Failure> {
    for name in CONTENT {
        if object.value(name)?.is_some() {
            return Ok(name);
        }
    }
    let names: Vec<&str> = object.object().attributes().map(|(name, _)| name.as_str()).collect();
    let (path, type_name) = (object.path(), object.type_name());
    let message =
        format!("`{path}` is a {type_name} without content: its attributes are {}", names.join(", "));
    let names = if names.is_empty() { format!("`{path}` is a {type_name} without content") } else { message };
    Err(Failure::refused(names).advise(format!("bough ls {}", super::failure::quoted(&path.to_string()))))
}

/// Sends bytes in pieces.
pub(crate) fn send(body: &Body, asker: &mut dyn Asker) -> Result<(), Failure> {
    match body {
        Body::Bytes(bytes) => {
            bytes.chunks(CHUNK_BYTES).try_for_each(|chunk| asker.send(Reply::Chunk(chunk.to_vec())))
        }
        Body::File(file) => {
            let mut at = 0;
            while at < file.len() {
                let mut chunk = vec![0; CHUNK_BYTES.min((file.len() - at) as usize)];
                let read = file.read_at(&mut chunk, at);
                read.map_err(|error| Failure::because("cannot read the content", &error))?;
                at += chunk.len() as u64;
                asker.send(Reply::Chunk(chunk))?;
            }
            Ok(())
        }
    }
}

/// The whole object as JSON.
fn whole(object: &Handle) -> Result<serde_json::Value, Failure> {
    let paths = value::paths_in(object.view().snapshot());
    let names: Vec<&Name> = object.object().attributes().map(|(name, _)| name).collect();
    let mut attributes = Map::new();
    for name in names {
        if let Some(value) = object.value(name.as_str())? {
            attributes.insert(name.to_string(), value::to_json(&value, &paths));
        }
    }
    Ok(json!({
        "path": object.path().to_string(),
        "oid": object.oid().to_string(),
        "type": object.type_name(),
        "tid": object.object().revision().to_string(),
        "attributes": attributes,
    }))
}
