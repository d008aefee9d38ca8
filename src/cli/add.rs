//! `add`: a new object of any type.

use std::path::PathBuf;

use bough::Site;
use bough::core::Name;
use serde::{Deserialize, Serialize};

use super::asker::{Asker, Contents};
use super::cat::CONTENT;
use super::failure::Failure;
use super::request::{Feed, SiteCommand};
use super::source::feed_one;
use super::task::{check_times, tell_obstacles};
use super::value::{Assignment, parse_assignment};

/// Add an object of any type, with its content from a file
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Add {
    /// Path of the new object
    path: String,
    /// Its type, as in page, folder, template, link
    #[arg(long = "type", short, value_name = "TYPE")]
    type_name: String,
    /// The file that its content is in; `-` is the standard input
    #[arg(value_name = "FILE")]
    #[serde(skip)]
    file: Option<PathBuf>,
    /// An attribute; may be given several times
    #[arg(long = "set", short, value_name = "NAME=VALUE", value_parser = parse_assignment)]
    set: Vec<Assignment>,
}

impl SiteCommand for Add {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let mut draft = site.database().begin();
        let mut tx = bough::Tx::over(&mut draft);
        tx.add(&self.path, &self.type_name)?;
        for wanted in &self.set {
            let value = wanted.value(&**tx, tx.types(), &self.type_name)?;
            check_times(&self.type_name, &self.path, &wanted.name, &value)?;
            tx.set(&self.path, &wanted.name, value)?;
        }
        if asker.item()?.is_some() {
            put_content(&mut tx, &self.type_name, &self.path, asker)?;
            asker.item()?;
        }
        let sentence = format!("Added {} {}", self.type_name, self.path);
        let tid = site.database().commit(draft, asker.note(&sentence))?;
        tell_obstacles(site, &self.path, asker)?;
        asker.wrote(tid, sentence)
    }

    fn writes(&self) -> bool {
        true
    }

    fn brings(&self) -> bool {
        true
    }

    fn feed(&self, feed: &mut Feed<'_>) -> Result<(), Failure> {
        match &self.file {
            Some(file) => feed_one(file, feed),
            None => feed(super::protocol::Brought::End),
        }
    }
}

/// Puts the bytes that come into the attribute where objects of this type have their content.
pub(crate) fn put_content(
    tx: &mut bough::Tx<'_>,
    type_name: &str,
    path: &str,
    asker: &mut dyn Asker,
) -> Result<(), Failure> {
    let schema = tx.types().schema(type_name);
    let declared = CONTENT.into_iter().find_map(|name| schema.and_then(|schema| schema.attribute(name)));
    let (attribute, is_text) = match declared {
        Some(spec) => (spec.name.clone(), spec.kind == "text"),
        None if schema.is_none() => (Name::new("data")?, false),
        None => {
            let message = format!("`{path}` is a {type_name}, which has no content");
            return Err(Failure::refused(message).advise("bough set PATH NAME=VALUE for attributes"));
        }
    };
    let mut contents = Contents::of(asker);
    let value = if is_text {
        text_of(&mut contents, path)?
    } else {
        let stored = tx.blob(&mut contents);
        if let Some(failure) = contents.failure.take() {
            return Err(failure);
        }
        stored?
    };
    contents.skip()?;
    Ok(tx.set(path, attribute.as_str(), value)?)
}

fn text_of(contents: &mut Contents<'_>, path: &str) -> Result<bough::core::Value, Failure> {
    use std::io::Read;
    let bytes_max = bough::core::value::VALUE_BYTES_MAX as u64;
    let mut bytes = Vec::new();
    let read = contents.by_ref().take(bytes_max + 1).read_to_end(&mut bytes);
    if let Some(failure) = contents.failure.take() {
        return Err(failure);
    }
    read.map_err(|error| Failure::because("cannot take the content", &error))?;
    let refused = |problem: &str| Failure::refused(format!("cannot set the text of `{path}`: {problem}"));
    if bytes.len() as u64 > bytes_max {
        return Err(refused("expected at most 1 MiB: add it as a file"));
    }
    let text = String::from_utf8(bytes).map_err(|_| refused("expected UTF-8, found other bytes"))?;
    Ok(text.into())
}
