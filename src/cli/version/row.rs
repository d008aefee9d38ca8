//! What several commands say of versions.

use bough::core::{Oid, Tid};
use bough::store::version::Made;
use bough::store::{CommitRecord, LineId, LineStatus, Snapshot};
use bough::web::{first_unchanged, no_version_owner, version_key};
use bough::{Pick, Site, Version, VersionInfo};
use serde::{Deserialize, Serialize};

use crate::cli::failure::{Code, Failure, quoted};
use crate::cli::moment::{local, rfc3339};
pub(super) use crate::cli::next::{Next, next, print_next};
use crate::cli::request::typed;
use crate::cli::screen::{Screen, counted};
use crate::cli::value::{in_words, paths_in};

/// More commits of the parent line than this are not counted.
pub(super) const BEHIND_MAX: usize = 10_000;

/// No more objects than this are looked at to say how many a version changed.
const OBJECTS_MAX: usize = 1_000;

/// A version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct VersionRow {
    pub(super) name: String,
    /// Its number, which no other version ever has.
    pub(super) number: u32,
    /// What names it for certain: its name, or `NAME~NUMBER` where others have that, too.
    pub(super) key: String,
    pub(super) title: String,
    pub(super) owner: String,
    pub(super) status: String,
    /// The version that it is merged into; none for the public site.
    pub(super) parent: Option<String>,
    /// The commit of the line below that it shows where it changed nothing.
    pub(super) base: String,
    pub(super) base_time: String,
    pub(super) opened: Option<MadeRow>,
    pub(super) changed: Option<MadeRow>,
    /// How many objects it changed, counted up to a bound.
    pub(super) objects: u64,
    /// Whether there may be more of them.
    pub(super) has_more_objects: bool,
    /// How many commits the parent line has got since the base.
    pub(super) behind: u64,
}

/// Who made something, and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct MadeRow {
    pub(super) tid: String,
    pub(super) time: String,
    pub(super) principal: String,
    pub(super) sentence: String,
}

impl VersionRow {
    /// `all` are the versions that there are.
    pub(super) fn of(site: &Site, info: &VersionInfo, all: &[VersionInfo]) -> Result<Self, Failure> {
        let database = site.database().on(info.line).map_err(bough::store::version::VersionError::from)?;
        let part = database.own_part(None, OBJECTS_MAX)?;
        let made = |tid: Tid| database.commit_record(tid).ok().map(|record| MadeRow::of_commit(&record));
        Ok(Self {
            name: info.name.clone(),
            number: info.line.0,
            key: version_key(all, info),
            title: info.title.clone(),
            owner: info.owner.clone(),
            status: info.status.word().to_owned(),
            parent: info.parent_name.clone(),
            base: info.base.to_string(),
            base_time: rfc3339(info.base.as_micros()),
            opened: made(info.opened),
            changed: made(info.changed),
            objects: part.objects.len() as u64,
            has_more_objects: part.next.is_some(),
            behind: database.commits_behind(BEHIND_MAX)? as u64,
        })
    }

    /// How many objects it changed, for people.
    pub(super) fn objects_text(&self, one: &str, many: &str) -> String {
        let least = if self.has_more_objects { "at least " } else { "" };
        format!("{least}{}", counted(self.objects, one, many))
    }

    /// The line that it is merged into, for people.
    pub(super) fn parent_text(&self) -> String {
        line_text(self.parent.as_deref())
    }
}

impl MadeRow {
    pub(super) fn of(made: &Made) -> Self {
        Self {
            tid: made.tid.to_string(),
            time: rfc3339(made.time_micros),
            principal: made.principal.clone(),
            sentence: made.sentence.clone(),
        }
    }

    fn of_commit(record: &CommitRecord) -> Self {
        Self {
            tid: record.tid.to_string(),
            time: rfc3339(record.time_micros),
            principal: record.principal.clone(),
            sentence: record.sentence.clone(),
        }
    }

    /// `by ana at 2026-11-22 10:30:00+00:00 in t66...: Set title of /a`.
    pub(super) fn text(&self) -> String {
        let by = if self.principal.is_empty() { String::new() } else { format!("by {} ", self.principal) };
        format!("{by}at {} in {}: {}", local(&self.time), self.tid, self.sentence)
    }
}

/// A line as people call it.
pub(super) fn line_text(version: Option<&str>) -> String {
    version.map_or_else(|| "the public site".to_owned(), |name| format!("version {name}"))
}

/// The line with that number: its name; none for the public site.
pub(super) fn line_name(site: &Site, line: LineId) -> Result<Option<String>, Failure> {
    if line == LineId::TRUNK {
        return Ok(None);
    }
    let found = site.versions()?.into_iter().find(|info| info.line == line);
    Ok(found.map(|info| info.name))
}

/// The option that makes a command work on that line.
pub(super) fn on_line(version: Option<&str>) -> String {
    version.map_or_else(String::new, |name| format!(" --version {name}"))
}

/// What was done, and what to type next.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Done {
    /// The commit; none if nothing changed.
    pub(super) tid: Option<String>,
    pub(super) sentence: String,
    pub(super) next: Vec<Next>,
}

impl Done {
    pub(super) fn new(tid: Option<Tid>, sentence: impl Into<String>) -> Self {
        Self { tid: tid.map(|tid| tid.to_string()), sentence: sentence.into(), next: Vec::new() }
    }

    #[must_use]
    pub(super) fn next(mut self, what_for: &str, command: String) -> Self {
        self.next.push(next(what_for, command));
        self
    }

    pub(super) fn print(&self, screen: &mut Screen) -> Result<(), Failure> {
        let tid = self.tid.as_ref().map_or_else(String::new, |tid| format!(" ({tid})"));
        screen.line(&format!("{}{tid}", self.sentence))?;
        print_next(&self.next, screen)
    }
}

/// Shows the row of a command that answers with nothing but what was done.
pub(super) fn print_done(row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
    typed::<Done>(row)?.print(screen)
}

/// The states in which objects of a version are looked for by people: the version, its parent line, its base.
pub(super) struct Places {
    states: [Snapshot; 3],
}

impl Places {
    pub(super) fn of(version: &Version) -> Result<Self, Failure> {
        let database = version.database();
        let parent =
            database.on(version.info()?.parent).map_err(bough::store::version::VersionError::from)?;
        Ok(Self { states: [database.snapshot(), parent.snapshot(), database.base_snapshot()?] })
    }

    pub(super) fn version(&self) -> &Snapshot {
        &self.states[0]
    }

    pub(super) fn parent(&self) -> &Snapshot {
        &self.states[1]
    }

    pub(super) fn base(&self) -> &Snapshot {
        &self.states[2]
    }

    /// Where the object is, or was.
    pub(super) fn path(&self, oid: Oid) -> String {
        let found = self.states.iter().map(|state| paths_in(state)(oid)).find(|path| path.starts_with('/'));
        found.unwrap_or_else(|| oid.to_string())
    }

    /// The failure with paths where its causes name objects by their oids.
    pub(super) fn in_words(&self, mut failure: Failure) -> Failure {
        for cause in &mut failure.causes {
            *cause = in_words(cause, &|oid| self.path(oid));
        }
        failure
    }

    /// The object at a path, or of an oid, in any of the states.
    pub(super) fn find(&self, text: &str) -> Option<Oid> {
        self.states.iter().find_map(|state| crate::cli::value::find(state, text))
    }
}

/// What was selected on the command line: `PATH`, or `PATH:CELL` where nothing is at the whole of it.
///
/// # Errors
/// When something names nothing, or nothing that the version changed.
pub(super) fn picks(version: &Version, only: &[String]) -> Result<Vec<Pick>, Failure> {
    let picks: Vec<Pick> = only
        .iter()
        .map(|text| match version.part(text) {
            Ok(pick) => Ok(pick),
            Err(error) => match text.rsplit_once(':').map(|_| crate::cli::undo::parse_cell(version, text)) {
                Some(Ok((oid, key))) => Ok(Pick::Cell(oid, key)),
                _ => Err(Failure::from(error).in_version(&version.info()?.name)),
            },
        })
        .collect::<Result<_, Failure>>()?;
    match first_unchanged(version.database(), &picks)? {
        None => Ok(picks),
        Some(nth) => {
            let name = version.info()?.name;
            let message = format!("version {name} changed nothing of {}", only[nth]);
            Err(Failure::usage(message).advise(format!("bough version diff {name}")))
        }
    }
}

/// What names a version after it was closed.
pub(super) fn closed_key(version: &Version) -> Result<String, Failure> {
    let info = VersionInfo { status: LineStatus::Closed, ..version.info()? };
    Ok(version_key(&version.versions()?, &info))
}

/// Refuses an owner who is nobody.
pub(super) fn check_owner(site: &Site, name: &str) -> Result<(), Failure> {
    match no_version_owner(site.database(), name).map_err(bough::Error::from)? {
        None => Ok(()),
        Some(why) => Err(Failure::new(Code::NotFound, why).advise("bough user list")),
    }
}

/// `--only A --only B`, as it was typed.
pub(super) fn only_text(only: &[String]) -> String {
    if only.is_empty() {
        return String::new();
    }
    let paths: Vec<String> = only.iter().map(|path| quoted(path)).collect();
    format!(" --only {}", paths.join(" "))
}
