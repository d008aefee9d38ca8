//! `export`: a part of the site as files, so that importing them gives the same tree again.
//!
//! The site's process sends folders and files in the order of the tree; the client writes them. What plain files
//! cannot say is in each folder's [`sidecar`].

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use bough::core::traversal::FILES;
use bough::core::{Name, ObjectPath, Oid, Value};
use bough::{Handle, Site};
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::asker::Asker;
use super::cat::send;
use super::failure::Failure;
use super::moment::At;
use super::progress;
use super::protocol::{CHUNK_BYTES, Reply};
use super::request::{Receiver, SiteCommand, typed};
use super::screen::{Form, Screen, counted, size_text};
use super::sidecar::{self, Described, Rights, Sidecar, blob_name, is_reserved};
use super::source::{Item, ItemKind};
use super::value::to_json;

const ABOUT: &str = "\
Types, attributes, order, users, groups and what is said about rights go with it, in a file .bough.json beside the plain
files. Passwords, sessions and tokens do not, nor does history: for all of that, bough backup.";

/// Export a part of the site into an empty or new folder
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = ABOUT)]
pub(crate) struct Export {
    /// What to export
    path: String,
    /// The folder to write to: made if it is not there, refused if something is in it
    #[arg(value_name = "DIR")]
    #[serde(skip)]
    folder: PathBuf,
    #[command(flatten)]
    at: At,
}

impl SiteCommand for Export {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let top = self.at.view(site)?.get(&self.path)?;
        let mut exporter = Exporter { top: top.path().clone(), asker, sent: HashSet::new() };
        if is_folder(&top)? {
            return exporter.folder(&top, "");
        }
        exporter.item(ItemKind::Folder, "", 0)?;
        let mut sidecar = Sidecar::default();
        exporter.leaf(&top, "", &mut sidecar)?;
        exporter.sidecar(&sidecar, "")
    }

    fn print(&self, _: Json, _: &mut Screen) -> Result<(), Failure> {
        Ok(())
    }

    fn receiver(&self) -> Result<Option<Box<dyn Receiver>>, Failure> {
        let refused = |problem: &str| {
            Failure::refused(format!("cannot export to `{}`: {problem}", self.folder.display()))
        };
        match fs::read_dir(&self.folder) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(refused("expected an empty folder, found something in it"));
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(refused(&error.to_string())),
        }
        Ok(Some(Box::new(Writer {
            path: self.path.clone(),
            folder: self.folder.clone(),
            file: None,
            files: 0,
            bytes: 0,
            bar: progress::count("Exporting"),
        })))
    }
}

/// Writes what comes.
struct Writer {
    path: String,
    folder: PathBuf,
    file: Option<(PathBuf, BufWriter<File>)>,
    files: u64,
    bytes: u64,
    bar: ProgressBar,
}

impl Receiver for Writer {
    fn take(&mut self, reply: Reply, screen: &mut Screen) -> Result<(), Failure> {
        match reply {
            Reply::Row(row) => self.item(&typed(row)?),
            Reply::Chunk(bytes) => self.write(&bytes),
            Reply::Remark(text) => {
                screen.remark(&text);
                Ok(())
            }
            Reply::Done => {
                self.close()?;
                self.bar.finish_and_clear();
                self.summary(screen)
            }
            Reply::Failed(failure) => Err(failure),
        }
    }
}

impl Writer {
    fn item(&mut self, item: &Item) -> Result<(), Failure> {
        self.close()?;
        let steps: Vec<&str> = item.path.split('/').filter(|step| !step.is_empty()).collect();
        // Whoever answers is trusted with the site, not with this file system.
        steps.iter().try_for_each(|step| Name::check(step))?;
        let path = steps.iter().fold(self.folder.clone(), |path, step| path.join(step));
        let failed = |error| Failure::because(format!("cannot write `{}`", path.display()), &error);
        match item.kind {
            ItemKind::Folder if steps.is_empty() => fs::create_dir_all(&path).map_err(failed),
            ItemKind::Folder => fs::create_dir(&path).map_err(failed),
            ItemKind::File => {
                let file = File::create_new(&path).map_err(failed)?;
                self.file = Some((path, BufWriter::with_capacity(CHUNK_BYTES, file)));
                self.files += 1;
                self.bar.inc(1);
                Ok(())
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Some((path, file)) = &mut self.file else {
            return Err(Failure::refused("bytes came without a file"));
        };
        self.bytes += bytes.len() as u64;
        file.write_all(bytes)
            .map_err(|error| Failure::because(format!("cannot write `{}`", path.display()), &error))
    }

    fn close(&mut self) -> Result<(), Failure> {
        let Some((path, mut file)) = self.file.take() else { return Ok(()) };
        file.flush().map_err(|error| Failure::because(format!("cannot write `{}`", path.display()), &error))
    }

    fn summary(&self, screen: &mut Screen) -> Result<(), Failure> {
        let folder = self.folder.display().to_string();
        if screen.form == Form::Json {
            let row =
                json!({ "path": self.path, "folder": folder, "files": self.files, "bytes": self.bytes });
            screen.json(&row)?;
        } else {
            let (files, bytes) = (counted(self.files, "file", "files"), size_text(self.bytes));
            screen.line(&format!("Exported {files} ({bytes}) from {} to {folder}", self.path))?;
        }
        screen.flush()
    }
}

/// Whether it is exported as a folder.
fn is_folder(object: &Handle) -> Result<bool, Failure> {
    Ok(object.is_container()? || object.children().next().transpose()?.is_some())
}

struct Exporter<'a> {
    top: ObjectPath,
    asker: &'a mut dyn Asker,
    /// The blobs that lie in a folder already.
    sent: HashSet<String>,
}

impl Exporter<'_> {
    fn item(&mut self, kind: ItemKind, path: &str, bytes: u64) -> Result<(), Failure> {
        self.asker.row(&Item { kind, path: path.to_owned(), bytes })
    }

    /// Sends a container and everything in it. As deep as the tree, which is bounded.
    fn folder(&mut self, folder: &Handle, path: &str) -> Result<(), Failure> {
        self.item(ItemKind::Folder, path, 0)?;
        let mut sidecar = Sidecar::default();
        sidecar.folder = self.folder_itself(folder, path)?;
        let mut names: Vec<String> = Vec::new();
        for child in folder.children() {
            let child = child?;
            names.push(child.name().to_owned());
            if !is_folder(&child)? {
                self.leaf(&child, path, &mut sidecar)?;
            } else if is_reserved(child.name()) {
                let message =
                    format!("cannot export `{}`: no folder of this name can be exported", child.path());
                return Err(Failure::refused(message).advise("bough mv to rename it"));
            } else {
                self.folder(&child, &join(path, child.name()))?;
            }
        }
        if !names.is_sorted() {
            sidecar.order = Some(names);
        }
        self.sidecar(&sidecar, path)
    }

    fn sidecar(&mut self, sidecar: &Sidecar, path: &str) -> Result<(), Failure> {
        if sidecar.is_needless() {
            return Ok(());
        }
        let bytes =
            sidecar.to_bytes().map_err(|error| Failure::because("cannot describe a folder", &error))?;
        if bytes.len() as u64 > sidecar::BYTES_MAX {
            let message =
                format!("cannot export `{path}`: it takes {} to describe", size_text(bytes.len() as u64));
            return Err(Failure::refused(message));
        }
        self.item(ItemKind::File, &join(path, sidecar::NAME), bytes.len() as u64)?;
        bytes.chunks(CHUNK_BYTES).try_for_each(|chunk| self.asker.send(Reply::Chunk(chunk.to_vec())))
    }

    /// What an import would not make of the folder by itself.
    fn folder_itself(&mut self, folder: &Handle, path: &str) -> Result<Option<Described>, Failure> {
        let object = folder.object();
        let names: Vec<&str> = object.attributes().map(|(name, _)| name.as_str()).collect();
        let is_plain = match path {
            "" => names == [FILES] && object.flag(FILES),
            _ => names.is_empty(),
        };
        if is_plain && folder.type_name() == "folder" && object.security().is_empty() {
            return Ok(None);
        }
        self.describe(folder, path, false).map(Some)
    }

    /// Sends what contains nothing: as a plain file where it is one.
    fn leaf(&mut self, leaf: &Handle, path: &str, sidecar: &mut Sidecar) -> Result<(), Failure> {
        let data = leaf.value("data")?;
        let is_bytes = matches!(data, Some(Value::Bytes(_) | Value::Blob(_)));
        let is_file = is_bytes && !is_reserved(leaf.name()) && leaf.object().attribute("data").is_some();
        if is_file {
            let bytes = leaf.bytes("data")?;
            self.item(ItemKind::File, &join(path, leaf.name()), bytes.len())?;
            send(&bytes, self.asker)?;
        }
        let is_plain = is_file
            && leaf.type_name() == bough::file_type(leaf.name())
            && leaf.object().attributes().count() == 1
            && leaf.object().security().is_empty();
        if !is_plain {
            let described = self.describe(leaf, path, is_file)?;
            sidecar.children.insert(leaf.name().to_owned(), described);
        }
        Ok(())
    }

    /// The object's type and attributes; blobs are sent as files into the folder at `path`.
    fn describe(&mut self, object: &Handle, path: &str, file: bool) -> Result<Described, Failure> {
        let mut described =
            Described { type_name: object.type_name().to_owned(), file, ..Described::default() };
        described.rights = Rights::of(object.object(), &|oid| self.reference(object, oid));
        let names: Vec<Name> = object.object().attributes().map(|(name, _)| name.clone()).collect();
        for name in names.iter().filter(|name| !(file && **name == "data")) {
            let Some(value) = object.value(name.as_str())? else { continue };
            self.blobs(object, &value, path)?;
            let json = to_json(&value, &|oid| self.reference(object, oid));
            described.attributes.insert(name.to_string(), json);
        }
        Ok(described)
    }

    fn blobs(&mut self, object: &Handle, value: &Value, path: &str) -> Result<(), Failure> {
        let mut blobs = Vec::new();
        value.blobs(&mut |blob| blobs.push(blob));
        for blob in blobs {
            let name = join(path, &blob_name(&blob.digest.to_string()));
            if !self.sent.insert(name.clone()) {
                continue;
            }
            let body = object.view().snapshot().bytes(&Value::Blob(blob))?;
            self.item(ItemKind::File, &name, body.len())?;
            send(&body, self.asker)?;
        }
        Ok(())
    }

    /// Objects that are exported, too, are named from the top, as `./a/b`; others by their path, else by their oid.
    fn reference(&self, from: &Handle, oid: Oid) -> String {
        match from.view().by_oid(oid) {
            Ok(Some(object)) if object.path().is_within(&self.top) => {
                let below = &object.path().names()[self.top.names().len()..];
                below.iter().fold(".".to_owned(), |path, name| format!("{path}/{name}"))
            }
            Ok(Some(object)) => object.path().to_string(),
            _ => oid.to_string(),
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}
