//! Where contents come from: a folder, a ZIP archive, a single file.
//!
//! A source is looked at as a whole first, so that what cannot be imported is said before anything is sent.
//!
//! # Invariants
//! - Everything is in the order of its path, step by step and byte by byte; a container comes before what is in it,
//!   and a folder's description before its other files.
//! - Symbolic links are not followed: what they lead to may lie outside, or above.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bough::core::Name;
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;
use zip::ZipArchive;

use super::failure::Failure;
use super::glob::Glob;
use super::protocol::{Brought, CHUNK_BYTES};
use super::request::Feed;
use super::sidecar;

/// Most entries of an archive.
const ARCHIVE_ENTRIES_MAX: usize = 1_000_000;
/// How much larger than the archive its contents may be, once they are larger than [`ARCHIVE_BYTES_FREE`].
const ARCHIVE_RATIO_MAX: u64 = 200;
const ARCHIVE_BYTES_FREE: u64 = 16 << 20;

/// What comes next, as it travels. A file's bytes follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) kind: ItemKind,
    /// Its names from the top, with `/` between them; empty for the top itself.
    pub(crate) path: String,
    pub(crate) bytes: u64,
}

/// What something in a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ItemKind {
    Folder,
    File,
}

/// Everything that a source holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) items: Vec<Planned>,
    /// What cannot be imported, with its path and the reason.
    pub(crate) problems: Vec<String>,
    pub(crate) bytes_total: u64,
    source: PathBuf,
    /// The archive that it is, if it is one.
    archive: Option<Arc<File>>,
}

/// One thing that a source holds.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    item: Item,
    /// Its number in an archive.
    entry: usize,
}

impl Plan {
    /// Looks at a folder or an archive.
    pub(crate) fn of(source: &Path, exclude: &[Glob]) -> Result<Self, Failure> {
        let found = fs::metadata(source).map_err(|error| {
            Failure::because(format!("cannot import `{}`", source.display()), &error)
                .with_code(super::failure::Code::NotFound)
        })?;
        if !found.is_dir() {
            let file = File::open(source)
                .map_err(|error| Failure::because(format!("cannot import `{}`", source.display()), &error))?;
            return Self::of_archive(file, source, exclude);
        }
        let mut plan = Self { source: source.to_owned(), ..Self::default() };
        plan.push("", ItemKind::Folder, 0, 0);
        plan.look_at_folder(exclude);
        plan.items.sort_by_cached_key(|planned| order_key(&planned.item.path));
        Ok(plan)
    }

    /// Looks at an archive that is open and nobody else's; `source` is what it is called.
    pub(crate) fn of_archive(file: File, source: &Path, exclude: &[Glob]) -> Result<Self, Failure> {
        let mut plan = Self { source: source.to_owned(), archive: Some(Arc::new(file)), ..Self::default() };
        plan.push("", ItemKind::Folder, 0, 0);
        plan.look_at_archive(exclude)?;
        plan.items.sort_by_cached_key(|planned| order_key(&planned.item.path));
        Ok(plan)
    }

    /// Whether there are files that a browser would run scripts in.
    pub(crate) fn has_html(&self) -> bool {
        let is_html = |path: &str| {
            let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
            ["html", "htm", "xhtml", "svg"].iter().any(|known| extension.eq_ignore_ascii_case(known))
        };
        self.items.iter().any(|planned| planned.item.kind == ItemKind::File && is_html(&planned.item.path))
    }

    fn push(&mut self, path: &str, kind: ItemKind, bytes: u64, entry: usize) {
        self.bytes_total += bytes;
        self.items.push(Planned { item: Item { kind, path: path.to_owned(), bytes }, entry });
    }

    fn look_at_folder(&mut self, exclude: &[Glob]) {
        let source = self.source.clone();
        let is_wanted = |entry: &walkdir::DirEntry| {
            let below = entry.path().strip_prefix(&source).unwrap_or(entry.path());
            let steps: Vec<_> = below.iter().map(|step| step.to_string_lossy()).collect();
            entry.depth() == 0 || !is_excluded(exclude, steps.iter().map(|step| &**step))
        };
        for entry in WalkDir::new(&source).min_depth(1).into_iter().filter_entry(is_wanted) {
            match entry {
                Ok(entry) => self.look_at_entry(&entry),
                Err(error) => {
                    let path = error.path().unwrap_or(&source).to_string_lossy().into_owned();
                    self.problems.push(format!("{path}: cannot be read: {error}"));
                }
            }
        }
    }

    fn look_at_entry(&mut self, entry: &walkdir::DirEntry) {
        let below = entry.path().strip_prefix(&self.source).unwrap_or(entry.path());
        let shown = entry.path().display().to_string();
        let mut names = Vec::new();
        for step in below {
            match step.to_str() {
                None => return self.problems.push(format!("{}: the name is no UTF-8", escaped(&shown))),
                Some(name) => names.push(name),
            }
        }
        let path = names.join("/");
        // Its containers were looked at before.
        if let Err(error) = Name::check(names.last().unwrap_or(&"")) {
            return self.problems.push(format!("{}: {error}", escaped(&shown)));
        }
        let kind = entry.file_type();
        if kind.is_dir() {
            self.push(&path, ItemKind::Folder, 0, 0);
        } else if kind.is_symlink() {
            self.problems.push(format!("{shown}: is a symbolic link, which is not followed"));
        } else if !kind.is_file() {
            self.problems.push(format!("{shown}: is neither a file nor a folder"));
        } else {
            match File::open(entry.path()).and_then(|file| file.metadata()) {
                Ok(found) => self.push(&path, ItemKind::File, found.len(), 0),
                Err(error) => self.problems.push(format!("{shown}: cannot be read: {error}")),
            }
        }
    }

    fn look_at_archive(&mut self, exclude: &[Glob]) -> Result<(), Failure> {
        let Some(mut archive) = self.open_archive()? else { return Ok(()) };
        let refused = |problem: String| {
            Failure::refused(format!("cannot import `{}`: {problem}", self.source.display()))
        };
        if archive.len() > ARCHIVE_ENTRIES_MAX {
            let problem =
                format!("it has {} entries, at most {ARCHIVE_ENTRIES_MAX} are taken", archive.len());
            return Err(refused(problem));
        }
        let length =
            self.archive.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |found| found.len());
        let mut bytes_total = 0_u64;
        let mut kinds: HashMap<String, ItemKind> = HashMap::new();
        let mut found = Vec::new();
        let mut problems = Vec::new();
        for nth in 0..archive.len() {
            let looked = look_at_archived(&mut archive, nth);
            let (path, kind, bytes) = match looked {
                Ok(looked) => looked,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            if path.is_empty() || is_excluded_anywhere(exclude, &path) {
                continue;
            }
            bytes_total = bytes_total.saturating_add(bytes);
            if bytes_total > ARCHIVE_BYTES_FREE && bytes_total / ARCHIVE_RATIO_MAX > length {
                let problem =
                    format!("its contents would be more than {ARCHIVE_RATIO_MAX} times as large as it is");
                return Err(refused(problem));
            }
            for (at, _) in path.match_indices('/') {
                if kinds.insert(path[..at].to_owned(), ItemKind::Folder) == Some(ItemKind::File) {
                    problems.push(format!("{}: is a file and a folder", &path[..at]));
                }
            }
            match (kinds.insert(path.clone(), kind), kind) {
                (None, ItemKind::File) => found.push((path, bytes, nth)),
                (None | Some(ItemKind::Folder), ItemKind::Folder) => {}
                (Some(_), _) => problems.push(format!("{path}: is in the archive twice")),
            }
        }
        for (path, kind) in kinds {
            if kind == ItemKind::Folder {
                self.push(&path, ItemKind::Folder, 0, 0);
            }
        }
        found.iter().for_each(|(path, bytes, nth)| self.push(path, ItemKind::File, *bytes, *nth));
        self.problems.extend(problems);
        Ok(())
    }

    /// Sends everything, with the bytes of the files.
    pub(crate) fn feed(&self, bar: &ProgressBar, feed: &mut Feed<'_>) -> Result<(), Failure> {
        let mut archive = self.open_archive()?;
        for Planned { item, entry } in &self.items {
            feed(Brought::Item(json(item)?))?;
            if item.kind == ItemKind::Folder {
                continue;
            }
            let failed = |error: &(dyn std::error::Error + 'static)| {
                Failure::because(format!("cannot read `{}` of `{}`", item.path, self.source.display()), error)
            };
            match &mut archive {
                None => {
                    let mut file =
                        File::open(self.source.join(&item.path)).map_err(|error| failed(&error))?;
                    send(&mut file, bar, feed, &failed)?;
                }
                Some(archive) => {
                    let file = archive.by_index(*entry).map_err(|error| failed(&error))?;
                    // No more than it said: that is what was counted.
                    send(&mut file.take(item.bytes), bar, feed, &failed)?;
                }
            }
        }
        bar.finish_and_clear();
        feed(Brought::End)
    }

    /// The archive that it is, if it is one. Only one reading of it may be under way.
    fn open_archive(&self) -> Result<Option<ZipArchive<File>>, Failure> {
        let Some(file) = &self.archive else { return Ok(None) };
        let message = || format!("cannot import `{}`", self.source.display());
        let file = file.try_clone().map_err(|error| Failure::because(message(), &error))?;
        let archive = ZipArchive::new(file).map_err(|error| {
            let problem = format!("{}: expected a folder or a ZIP archive", message());
            Failure::because(problem, &error).advise("bough put PATH FILE for a single file")
        })?;
        Ok(Some(archive))
    }
}

fn look_at_archived(archive: &mut ZipArchive<File>, nth: usize) -> Result<(String, ItemKind, u64), String> {
    const SYMLINK: u32 = 0o120_000;
    const KIND: u32 = 0o170_000;
    let entry = archive.by_index_raw(nth).map_err(|error| format!("entry {nth}: cannot be read: {error}"))?;
    let shown = escaped(&String::from_utf8_lossy(entry.name_raw()));
    let name = std::str::from_utf8(entry.name_raw()).map_err(|_| format!("{shown}: the name is no UTF-8"))?;
    if name.starts_with('/') {
        return Err(format!("{shown}: is an absolute path"));
    }
    if entry.encrypted() {
        return Err(format!("{shown}: is encrypted"));
    }
    if entry.unix_mode().is_some_and(|mode| mode & KIND == SYMLINK) {
        return Err(format!("{shown}: is a symbolic link, which is not followed"));
    }
    let path = name.strip_suffix('/').unwrap_or(name);
    for step in path.split('/') {
        Name::check(step).map_err(|error| format!("{shown}: {error}"))?;
    }
    let kind = if name.ends_with('/') { ItemKind::Folder } else { ItemKind::File };
    Ok((path.to_owned(), kind, entry.size()))
}

/// Sends the content of one file; `-` is the standard input.
pub(crate) fn feed_one(file: &Path, feed: &mut Feed<'_>) -> Result<(), Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| {
        Failure::because(format!("cannot read `{}`", file.display()), error)
    };
    let item = Item { kind: ItemKind::File, path: String::new(), bytes: 0 };
    let bar = ProgressBar::hidden();
    if file == Path::new("-") {
        feed(Brought::Item(json(&item)?))?;
        send(&mut io::stdin().lock(), &bar, feed, &failed)?;
    } else {
        let mut open = File::open(file).map_err(|error| failed(&error))?;
        feed(Brought::Item(json(&item)?))?;
        send(&mut open, &bar, feed, &failed)?;
    }
    feed(Brought::End)
}

fn send(
    from: &mut dyn Read,
    bar: &ProgressBar,
    feed: &mut Feed<'_>,
    failed: &dyn Fn(&(dyn std::error::Error + 'static)) -> Failure,
) -> Result<(), Failure> {
    loop {
        let mut chunk = Vec::new();
        (&mut *from).take(CHUNK_BYTES as u64).read_to_end(&mut chunk).map_err(|error| failed(&error))?;
        let count = chunk.len();
        bar.inc(count as u64);
        if count > 0 {
            feed(Brought::Chunk(chunk))?;
        }
        if count < CHUNK_BYTES {
            return feed(Brought::ItemEnd);
        }
    }
}

fn json(item: &Item) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(item).map_err(|error| Failure::because("cannot describe a file", &error))
}

fn is_excluded<'a>(exclude: &[Glob], steps: impl Iterator<Item = &'a str> + Clone) -> bool {
    exclude.iter().any(|glob| glob.fits_path(steps.clone()))
}

/// Whether the path, or a container on the way, is excluded.
pub(crate) fn is_excluded_anywhere(exclude: &[Glob], path: &str) -> bool {
    let steps: Vec<&str> = path.split('/').collect();
    !exclude.is_empty() && (1..=steps.len()).any(|upto| is_excluded(exclude, steps[..upto].iter().copied()))
}

/// Step by step; in each folder the blobs, the description, then everything else by its bytes. The top comes first.
fn order_key(path: &str) -> Vec<(u8, String)> {
    let rank = |name: &str| match name {
        _ if sidecar::blob_digest(name).is_some() => 0,
        sidecar::NAME => 1,
        _ => 2,
    };
    path.split('/').filter(|name| !name.is_empty()).map(|name| (rank(name), name.to_owned())).collect()
}

fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_comes_before_what_is_in_it_and_a_description_before_the_rest() {
        let mut paths = vec!["b", "a/z", "a.b", "a/!x", "a/.bough.json", "a", ""];
        paths.sort_by_key(|path| order_key(path));
        assert_eq!(paths, ["", "a", "a/.bough.json", "a/!x", "a/z", "a.b", "b"]);
    }
}
