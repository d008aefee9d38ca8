//! The sites that benches measure with: folders and small pages on a real disk.

use std::path::Path;

use bough_core::object_type::{PlainType, TypeRegistry, TypeSchema};
use bough_core::transaction::TransactionError;
use bough_core::{Name, Oid, Tid, Value};
use bough_store::{BlobError, CommitError, Database, Draft, Note, OpenReport, Options};

/// How many children a folder of a filled site has.
pub(crate) const FOLDER_PAGES: usize = 1_000;

/// Why a write did not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// The change was refused.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// Its bytes were.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The commit was.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// The options that all benches open with: the defaults.
pub(crate) fn options() -> Options {
    let mut types = TypeRegistry::default();
    for (name, container) in [("folder", true), ("page", false)] {
        if let Ok(schema) = TypeSchema::new(name, name) {
            types.register(PlainType(TypeSchema { container, ..schema }));
        }
    }
    Options::new(types)
}

/// Opens the database in a folder, or makes it.
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn open(folder: &Path) -> anyhow::Result<Database> {
    Ok(open_reporting(folder)?.0)
}

/// The same, with what was found.
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn open_reporting(folder: &Path) -> anyhow::Result<(Database, OpenReport)> {
    Ok(Database::open(folder, options())?)
}

/// A legal name.
///
/// # Panics
/// When it is none.
pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap_or_else(|error| panic!("{error}"))
}

/// One commit.
///
/// # Errors
/// When it was refused.
pub(crate) fn write<T>(
    database: &Database,
    sentence: &str,
    work: impl FnMut(&mut Draft) -> Result<T, WriteError>,
) -> anyhow::Result<(T, Tid)> {
    let (result, tid) = database.write(Note::edit(sentence).by("bench"), work)?;
    Ok((result, tid.unwrap_or(Tid::ZERO)))
}

/// Adds a folder to another.
///
/// # Errors
/// When it was refused.
pub(crate) fn add_folder(database: &Database, parent: Oid, named: &str) -> anyhow::Result<Oid> {
    let added = write(database, "Added a folder", |draft| {
        Ok(draft.add(parent, &name(named), &name("folder"), [])?)
    });
    Ok(added?.0)
}

/// A small page: a title and a number.
///
/// # Errors
/// When it was refused.
pub(crate) fn add_page(
    draft: &mut Draft,
    parent: Oid,
    named: &str,
    number: usize,
) -> Result<Oid, WriteError> {
    let title = Value::from(format!("The page of number {number}").as_str());
    let attributes = [(name("title"), title), (name("n"), Value::Int(number as i64))];
    Ok(draft.add(parent, &name(named), &name("page"), attributes)?)
}

/// The commit that the figures of commits speak of: one small cell.
///
/// # Errors
/// When it was refused.
pub(crate) fn set_number(database: &Database, oid: Oid, number: i64) -> anyhow::Result<Tid> {
    let n = name("n");
    let set = write(database, "Set the number", |draft| Ok(draft.set(oid, &n, Some(Value::Int(number)))?));
    Ok(set?.1)
}

/// Adds small pages in folders of [`FOLDER_PAGES`], each folder in one commit. Returns the pages.
///
/// # Errors
/// When one was refused.
pub(crate) fn fill(database: &Database, pages: usize) -> anyhow::Result<Vec<Oid>> {
    let mut oids = Vec::with_capacity(pages);
    for first in (0..pages).step_by(FOLDER_PAGES) {
        let numbers = first..pages.min(first + FOLDER_PAGES);
        let added = write(database, "Added pages", |draft| {
            let folder = draft.add(Oid::ROOT, &name(&format!("f{first}")), &name("folder"), [])?;
            numbers
                .clone()
                .map(|number| add_page(draft, folder, &format!("p{number}"), number))
                .collect::<Result<Vec<_>, _>>()
        });
        oids.extend(added?.0);
    }
    Ok(oids)
}

/// Pages that each have the bytes of an imported file, in one commit as an import makes it.
///
/// # Errors
/// When it was refused.
pub(crate) fn import(database: &Database, files: usize, bytes_each: usize) -> anyhow::Result<Tid> {
    let mut content = vec![b' '; bytes_each];
    let imported = write(database, "Imported files", |draft| {
        let top = draft.add(Oid::ROOT, &name("import"), &name("folder"), [])?;
        let mut folder = top;
        for number in 0..files {
            if number.is_multiple_of(100) {
                folder = draft.add(top, &name(&format!("f{number}")), &name("folder"), [])?;
            }
            content[..8].copy_from_slice(&number.to_le_bytes());
            let data = draft.bytes(&content)?;
            draft.add(folder, &name(&format!("p{number}")), &name("page"), [(name("data"), data)])?;
        }
        Ok(())
    });
    Ok(imported?.1)
}
