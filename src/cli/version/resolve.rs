//! `version resolve`: what is decided about a conflict.

use std::collections::HashSet;
use std::path::PathBuf;

use bough::core::merge::plan::{ConflictKey, ConflictKind};
use bough::core::{CellKey, Content, Name, ObjectPath, Value};
use bough::store::version::{Decided, VersionConflict, VersionError};
use bough::{Resolution, Site, Version};
use clap::ArgGroup;
use serde::{Deserialize, Serialize};

use super::conflict::{ConflictRow, conflict_rows};
use super::row::{Done, Places};
use crate::cli::asker::Asker;
use crate::cli::failure::{Code, Failure, quoted};
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::{Screen, counted};
use crate::cli::value::Assignment;

/// How often all conflicts are gone through: settling one may make another.
const ROUNDS_MAX: usize = 20;

/// Settle a conflict. The decision is kept, and counts as long as both sides stay as they are
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(override_usage = "bough version resolve NAME <ID|--all> <CHOICE>, one of the options below")]
#[command(group = ArgGroup::new("choice").required(true))]
#[command(group = ArgGroup::new("which").required(true))]
pub(crate) struct Resolve {
    /// The version
    name: String,
    /// The conflict, as `bough version conflicts NAME` names it
    #[arg(group = "which")]
    id: Option<String>,
    /// All conflicts that are not settled yet
    #[arg(long, group = "which", conflicts_with_all = ["value", "value_file", "rescue"])]
    all: bool,
    /// With --all: only conflicts of this kind
    #[arg(long, requires = "all", value_name = "KIND", value_parser = ConflictKind::WORDS)]
    kind: Option<String>,
    /// With --all: only conflicts about this object and what is in it
    #[arg(long, requires = "all", value_name = "PATH")]
    below: Option<String>,
    /// As the version has it
    #[arg(id = "as_version", long = "version", group = "choice")]
    version: bool,
    /// As the parent line has it
    #[arg(long, group = "choice")]
    parent: bool,
    /// This value instead
    #[arg(long, value_name = "TEXT", group = "choice")]
    value: Option<String>,
    /// The text in this file instead
    #[arg(long, value_name = "FILE", group = "choice")]
    #[serde(skip)]
    value_file: Option<PathBuf>,
    /// Keep both objects, and call one of them so; as proposed if no name is given
    #[arg(long, value_name = "NEWNAME", group = "choice", num_args = 0..=1, default_missing_value = "")]
    rename: Option<String>,
    /// Both objects are the same thing: the version's goes into the other one
    #[arg(long, group = "choice")]
    same: bool,
    /// Let the deletion stand, but put this object into that container
    #[arg(long, value_name = "PATH=FOLDER", group = "choice", num_args = 1..)]
    rescue: Vec<String>,
    /// Take the decision back
    #[arg(long, group = "choice")]
    forget: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Settled(Box<ConflictRow>),
    #[serde(untagged)]
    Done(Done),
}

impl SiteCommand for Resolve {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let version = site.version(&self.name)?.by(asker.principal());
        let settled = match &self.id {
            Some(id) => {
                self.one(&version, id)?;
                vec![id.clone()]
            }
            None => self.every(&version)?,
        };
        let now = version.conflicts()?;
        let ours: Vec<VersionConflict> =
            now.iter().filter(|conflict| settled.contains(&conflict.id)).cloned().collect();
        for row in conflict_rows(&version, &Places::of(&version)?, &ours)? {
            if row.resolution.is_some() {
                asker.row(&Row::Settled(Box::new(row)))?;
            }
        }
        let below = self.below()?;
        let is_left =
            |conflict: &&VersionConflict| conflict.resolution.is_none() && self.is_meant(conflict, &below);
        let left = now.iter().filter(is_left).count() as u64;
        let name = &self.name;
        if self.all && left > 0 && !self.forget {
            let message =
                format!("{} of {name} cannot be settled so", counted(left, "conflict", "conflicts"));
            let failure = Failure::new(Code::Conflict, message);
            return Err(failure.advise(format!("bough version conflicts {name}")));
        }
        let done = match left {
            0 => Done::new(None, "Nothing stands against an update or a merge any more")
                .next("look at what it would do with", format!("version merge {name} --preview")),
            left => Done::new(None, format!("{} left", counted(left, "conflict is", "conflicts are")))
                .next("see what is left with", format!("version conflicts {name}")),
        };
        asker.row(&Row::Done(done))
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row)? {
            Row::Settled(row) => {
                let resolution = row.resolution.as_deref().unwrap_or("");
                screen.line(&format!("settled {}  {}: {resolution}", row.id, row.path))
            }
            Row::Done(done) => done.print(screen),
        }
    }

    fn prepare(&mut self) -> Result<(), Failure> {
        let Some(file) = &self.value_file else { return Ok(()) };
        let unreadable = |error| Failure::because(format!("cannot read `{}`", file.display()), &error);
        let bytes = std::fs::read(file).map_err(unreadable)?;
        let no_text = |_| {
            let message =
                format!("`{}` holds no text in UTF-8, and only a text can be given", file.display());
            let put = format!("bough put PATH {} --version {}", quoted(&file.to_string_lossy()), self.name);
            Failure::usage(message).advise(format!("{put}, then settle it with --version"))
        };
        self.value = Some(String::from_utf8(bytes).map_err(no_text)?);
        Ok(())
    }
}

impl Resolve {
    fn one(&self, version: &Version, id: &str) -> Result<(), Failure> {
        let name = &self.name;
        let missing = || {
            let failure = Failure::from(VersionError::NoSuchConflict(id.chars().take(40).collect()));
            failure.advise(format!("bough version conflicts {name}"))
        };
        let conflicts = version.conflicts()?;
        let found = conflicts.iter().find(|conflict| conflict.id == id).ok_or_else(missing)?;
        let chosen = self.chosen(version, found)?;
        version.database().resolve(id, chosen, version.principal()).map_err(|error| match error {
            VersionError::DoesNotSettle(_) => self.does_not_settle(version, found),
            VersionError::NoSuchConflict(_) => missing(),
            error => error.into(),
        })
    }

    /// Says what would settle it.
    fn does_not_settle(&self, version: &Version, found: &VersionConflict) -> Failure {
        let one = std::slice::from_ref(found);
        let rows = Places::of(version).and_then(|places| conflict_rows(version, &places, one));
        let rows = rows.unwrap_or_default();
        let failure = Failure::usage(format!("that does not settle the conflict {}", found.id));
        rows.iter().flat_map(|row| &row.choices).fold(failure, |failure, choice| {
            failure.advise(format!("bough version resolve {} {} {choice}", self.name, found.id))
        })
    }

    /// Settles all that can be settled so, each round in one go; answers which.
    fn every(&self, version: &Version) -> Result<Vec<String>, Failure> {
        let below = self.below()?;
        let mut settled: Vec<String> = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let found = version.conflicts()?;
            let mut decided = Vec::new();
            for conflict in found.iter().filter(|found| self.is_meant(found, &below)) {
                let is_done = conflict.resolution.is_some() != self.forget || settled.contains(&conflict.id);
                // A new name is nothing for a conflict that is not about one.
                if is_done || (self.rename.is_some() && !is_about_names(conflict)) {
                    continue;
                }
                decided.push(Decided { conflict, resolution: self.chosen(version, conflict)? });
            }
            let would = version.database().resolve_preview(&decided)?;
            let fits: HashSet<&str> = would.settled.iter().map(String::as_str).collect();
            decided.retain(|one| fits.contains(one.conflict.id.as_str()));
            if decided.is_empty() {
                break;
            }
            settled.extend(version.database().resolve_many(&decided, version.principal())?.settled);
        }
        Ok(settled)
    }

    /// Whether a conflict is among those that --all is about.
    fn is_meant(&self, found: &VersionConflict, below: &ObjectPath) -> bool {
        let is_kind = self.kind.as_deref().is_none_or(|kind| kind == found.conflict.kind.word());
        let names = found.path.as_ref().map_or(&[][..], ObjectPath::names);
        is_kind && names.starts_with(below.names())
    }

    fn below(&self) -> Result<ObjectPath, Failure> {
        match &self.below {
            Some(path) => Ok(ObjectPath::parse(path).map_err(bough::Error::from)?),
            None => Ok(ObjectPath::ROOT),
        }
    }

    fn chosen(&self, version: &Version, found: &VersionConflict) -> Result<Option<Resolution>, Failure> {
        Ok(match self {
            Self { forget: true, .. } => None,
            Self { version: true, .. } => Some(Resolution::Version),
            Self { parent: true, .. } => Some(Resolution::Parent),
            Self { same: true, .. } => Some(Resolution::Same),
            Self { value: Some(text), .. } => Some(value(version, found, text)?),
            Self { rename: Some(to), .. } => {
                let ConflictKind::Name { rename, suggested, .. } = &found.conflict.kind else {
                    return Err(self.does_not_settle(version, found));
                };
                let to = if to.is_empty() { suggested.clone() } else { Name::new(to)? };
                Some(Resolution::Both { rename: *rename, to })
            }
            Self { rescue, .. } => Some(rescued(version, rescue)?),
        })
    }
}

fn is_about_names(found: &VersionConflict) -> bool {
    matches!(found.conflict.kind, ConflictKind::Name { .. })
}

/// The value that was typed, of the kind that the cell has.
fn value(version: &Version, found: &VersionConflict, text: &str) -> Result<Resolution, Failure> {
    let (
        ConflictKey::Cell(oid, CellKey::Attribute(name)),
        ConflictKind::Cell { version: ours, parent, base },
    ) = (&found.conflict.key, &found.conflict.kind)
    else {
        let message =
            format!("the conflict {} is not about an attribute, which could have a value", found.id);
        return Err(Failure::usage(message));
    };
    let view = version.now();
    let object = bough::core::Snapshot::object(view.snapshot(), *oid)?;
    let type_name = object.as_ref().and_then(|object| object.type_name()).map_or("", Name::as_str);
    let is_declared =
        view.types().schema(type_name).is_some_and(|schema| schema.attribute(name.as_str()).is_some());
    let held = [ours, parent, base].into_iter().find_map(|content| match content {
        Some(Content::Value(value)) => Some(value),
        _ => None,
    });
    if let Some(Value::Bytes(_) | Value::Blob(_)) = held {
        let message = format!("`{name}` holds bytes, which cannot be given as text");
        let put = format!("bough put PATH FILE --version {}", version.info()?.name);
        return Err(Failure::usage(message).advise(format!("{put}, then settle it with --version")));
    }
    let kind = match held.map(Value::kind) {
        _ if is_declared => None,
        Some(kind @ ("int" | "float" | "bool" | "time" | "counter" | "reference")) => Some(kind),
        Some("list" | "map" | "set") => Some("json"),
        _ => None,
    };
    let wanted = Assignment { name: name.to_string(), kind: kind.map(str::to_owned), text: text.to_owned() };
    let value = wanted.value(view.snapshot(), view.types(), type_name)?;
    Ok(Resolution::Value(Some(Content::Value(value))))
}

fn rescued(version: &Version, rescue: &[String]) -> Result<Resolution, Failure> {
    let places = Places::of(version)?;
    let find = |text: &str| {
        places.find(text).ok_or_else(|| Failure::not_found(format!("there is nothing at `{text}`")))
    };
    let moves = rescue.iter().map(|text| {
        let wrong =
            || Failure::usage(format!("`{text}` is no rescue: expected PATH=FOLDER as in /old/page=/kept"));
        let (from, to) = text.split_once('=').ok_or_else(wrong)?;
        Ok((find(from)?, find(to)?))
    });
    Ok(Resolution::Rescue(moves.collect::<Result<_, Failure>>()?))
}
