//! What tests are written with: small sites as text, a clock that stands still, oids that count.
//!
//! A site's text has a line for each object: its path, its type unless it is a folder, and its attributes, as in
//! `/news/today page title=A body=one`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bough_core::clock::{Clock, IdSource};
use bough_core::object_type::{PlainType, TypeRegistry, TypeSchema};
use bough_core::snapshot::{ChildOrder, ChildrenPage};
use bough_core::transaction::TransactionError;
use bough_core::{Content, Name, ObjectPath, Oid, Snapshot as _, Tid, Value};

use crate::disk::Disk;
use crate::log::LogOptions;
use crate::{CommitError, Database, Draft, Note, Options, Snapshot};

/// A clock that stands still until it is set; every commit then moves its tid on by one.
#[derive(Default)]
pub struct FixedClock(AtomicU64);

impl FixedClock {
    /// Sets the time, in microseconds since 1970.
    pub fn set(&self, micros: u64) {
        self.0.store(micros, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now_micros(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Oids 1, 2, 3 ...
#[derive(Default)]
pub struct CountingIds(AtomicU64);

impl IdSource for CountingIds {
    fn next_oid(&self) -> Oid {
        Oid::from_u128(u128::from(self.0.fetch_add(1, Ordering::SeqCst) + 1))
    }
}

/// Folders, which take everything, and pages.
///
/// # Panics
/// Never: the names are legal.
pub fn small_types() -> TypeRegistry {
    let mut types = TypeRegistry::default();
    for (name, container) in [("folder", true), ("page", false)] {
        if let Ok(schema) = TypeSchema::new(name, name) {
            types.register(PlainType(TypeSchema { container, ..schema }));
        }
    }
    types
}

/// Options for tests: counting oids, a clock that stands at 1,000, little memory, small segments.
pub fn small_options() -> Options {
    let clock = FixedClock::default();
    clock.set(1_000);
    Options {
        clock: Arc::new(clock),
        ids: Arc::new(CountingIds::default()),
        cache_bytes: 4 << 20,
        log: LogOptions { segment_bytes: 1 << 20, ..LogOptions::default() },
        ..Options::new(small_types())
    }
}

/// Why a step of a test did not work.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The change was refused.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// The commit was.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// A site in memory that holds what the text says.
///
/// # Panics
/// When the text is no site.
pub fn seeded(text: &str) -> Database {
    let database = Database::in_memory(small_options());
    let database = database.unwrap_or_else(|error| panic!("no database: {error}"));
    seed(&database, text);
    database
}

/// The same on a disk of the test's.
///
/// # Panics
/// When the disk fails.
pub fn open_on(disk: Arc<dyn Disk>) -> Database {
    let opened = Database::on_disk(disk, small_options());
    opened.unwrap_or_else(|error| panic!("cannot open: {error} {:?}", std::error::Error::source(&error))).0
}

/// Adds what the text says, in one commit.
///
/// # Panics
/// When the text is no site.
pub fn seed(database: &Database, text: &str) {
    let written = database.write::<_, StepError>(Note::edit("Seeded"), |draft| {
        text.lines().filter(|line| !line.trim().is_empty()).try_for_each(|line| add_line(draft, line))
    });
    written.unwrap_or_else(|error| panic!("cannot seed: {error}"));
}

fn add_line(draft: &mut Draft, line: &str) -> Result<(), StepError> {
    let mut words = line.split_whitespace().peekable();
    let path = path(words.next().unwrap_or_default());
    let (above, own) = path.split_last().unwrap_or_else(|| panic!("`{line}` is the root"));
    let is_page = words.peek().is_some();
    let type_name = match words.peek() {
        Some(word) if !word.contains('=') => words.next().unwrap_or_default(),
        _ if is_page => "page",
        _ => "folder",
    };
    let attributes: Vec<(Name, Value)> = words
        .map(|word| word.split_once('=').unwrap_or_else(|| panic!("`{word}` is no attribute")))
        .map(|(key, value)| (name(key), Value::from(value)))
        .collect();
    let parent = draft.at(&above)?;
    draft.add(parent, own, &name(type_name), attributes)?;
    Ok(())
}

/// A legal name.
///
/// # Panics
/// When it is none.
pub fn name(text: &str) -> Name {
    Name::new(text).unwrap_or_else(|error| panic!("{error}"))
}

/// A legal path.
///
/// # Panics
/// When it is none.
pub fn path(text: &str) -> ObjectPath {
    ObjectPath::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The whole site as text, by name.
///
/// # Panics
/// When it cannot be read.
pub fn site_text(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    write_children(snapshot, Oid::ROOT, "", &mut text);
    text
}

fn write_children(snapshot: &Snapshot, parent: Oid, above: &str, text: &mut String) {
    let page = ChildrenPage { by: ChildOrder::Name, after: None, limit: usize::MAX };
    let children = snapshot.children(parent, &page).unwrap_or_else(|error| panic!("{error:?}"));
    for child in children {
        let path = format!("{above}/{}", child.name);
        let object = snapshot.object(child.oid).unwrap_or_else(|error| panic!("{error:?}"));
        let object = object.unwrap_or_else(|| panic!("{path} is listed and is not there"));
        text.push_str(&path);
        match object.type_name() {
            Some(found) if *found == "folder" || *found == "page" => {}
            found => {
                let _ = write!(text, " {found:?}");
            }
        }
        for (key, cell) in object.attributes() {
            let value = match &cell.content {
                Content::Value(value) => value.clone(),
                Content::Large(large) => snapshot.large(large).unwrap_or_else(|error| panic!("{error:?}")),
                other => panic!("{other:?}"),
            };
            match value.as_text() {
                Some(value) => _ = write!(text, " {key}={value}"),
                None => _ = write!(text, " {key}={value:?}"),
            }
        }
        text.push('\n');
        write_children(snapshot, child.oid, &path, text);
    }
}

/// Short ways to change and look at a site in a test. They panic where a test would.
impl Database {
    /// Does something in a transaction of its own.
    ///
    /// # Panics
    /// When it is refused or changes nothing.
    pub fn doing(&self, work: impl Fn(&mut Draft) -> Result<(), TransactionError>) -> Tid {
        let written = self.write::<_, StepError>(Note::edit("Did").by("tess"), |draft| Ok(work(draft)?));
        let (_, tid) = written.unwrap_or_else(|error| panic!("{error}: {error:?}"));
        tid.unwrap_or_else(|| panic!("nothing changed"))
    }

    /// Sets an attribute.
    ///
    /// # Panics
    /// As [`Database::doing`].
    pub fn set(&self, at: &str, attribute: &str, value: impl Into<Value>) -> Tid {
        let value = value.into();
        self.doing(|draft| {
            let oid = draft.at(&path(at))?;
            draft.set(oid, &name(attribute), Some(value.clone()))
        })
    }

    /// Deletes.
    ///
    /// # Panics
    /// As [`Database::doing`].
    pub fn delete(&self, at: &str) -> Tid {
        self.doing(|draft| {
            let oid = draft.at(&path(at))?;
            draft.delete(oid)
        })
    }

    /// Moves and renames.
    ///
    /// # Panics
    /// As [`Database::doing`].
    pub fn move_path(&self, from: &str, to: &str) -> Tid {
        self.doing(|draft| {
            let oid = draft.at(&path(from))?;
            let to = path(to);
            let (above, own) = to.split_last().unwrap_or_else(|| panic!("moved to the root"));
            let parent = draft.at(&above)?;
            draft.move_to(oid, parent, own)
        })
    }

    /// Adds what a line of a site's text says.
    ///
    /// # Panics
    /// As [`Database::doing`].
    pub fn add_text(&self, line: &str) -> Tid {
        let written =
            self.write::<_, StepError>(Note::edit("Added").by("tess"), |draft| add_line(draft, line));
        let (_, tid) = written.unwrap_or_else(|error| panic!("{error}: {error:?}"));
        tid.unwrap_or_else(|| panic!("nothing changed"))
    }

    /// The site as text.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn text(&self) -> String {
        site_text(&self.snapshot())
    }

    /// Whether something is at a path.
    ///
    /// # Panics
    /// When the site cannot be read.
    pub fn exists(&self, at: &str) -> bool {
        let found = bough_core::snapshot::find(&self.snapshot(), &path(at));
        found.unwrap_or_else(|error| panic!("{error:?}")).is_some()
    }

    /// The oid of what is at a path.
    ///
    /// # Panics
    /// When nothing is.
    pub fn oid_at(&self, at: &str) -> Oid {
        let found = bough_core::snapshot::find(&self.snapshot(), &path(at));
        found.unwrap_or_else(|error| panic!("{error:?}")).unwrap_or_else(|| panic!("nothing at {at}"))
    }
}
