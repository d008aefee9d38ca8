//! What a form of a page carried: its fields, and its files by where they lie in what was received.

use std::io::{self, Read};
use std::sync::Arc;

use crate::publisher::form::Part;
use crate::publisher::visit::Asked;

/// The fields and files of a form, in their order.
#[derive(Debug, Default)]
pub struct PageForm {
    pub(super) fields: Vec<(String, String)>,
    pub(super) files: Vec<PageFile>,
}

impl PageForm {
    /// The last value of a field; empty where it has none.
    pub fn get(&self, field: &str) -> &str {
        self.find(field).unwrap_or_default()
    }

    /// The last value of a field that was sent, be it empty.
    pub fn find(&self, field: &str) -> Option<&str> {
        self.fields.iter().rev().find(|(name, _)| name == field).map(|(_, value)| value.as_str())
    }

    /// All values of a field.
    pub fn all<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(name, _)| name == field).map(|(_, value)| value.as_str())
    }

    /// All fields.
    pub fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The files that a person chose.
    pub fn files(&self) -> &[PageFile] {
        &self.files
    }
}

/// A file of a form.
pub struct PageFile {
    pub(super) part: Part,
    pub(super) asked: Arc<Asked>,
}

impl std::fmt::Debug for PageFile {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("PageFile").field("part", &self.part).finish_non_exhaustive()
    }
}

impl PageFile {
    /// The field that it was chosen in.
    pub fn field(&self) -> &str {
        &self.part.name
    }

    /// What the person's machine calls it, without folders; empty where it says nothing.
    pub fn name(&self) -> &str {
        self.part.file_name.as_deref().unwrap_or_default()
    }

    /// What the browser takes it for.
    pub fn media_type(&self) -> Option<&str> {
        self.part.media_type.as_deref()
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.part.len()
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads it from the beginning; any number of readers may do so.
    pub fn reader(&self) -> impl Read {
        self.part.reader(&self.asked.received)
    }
}

/// The text of a part that is no file.
pub(super) fn text_of(part: &Part, asked: &Asked) -> io::Result<String> {
    let mut bytes = Vec::new();
    part.reader(&asked.received).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
