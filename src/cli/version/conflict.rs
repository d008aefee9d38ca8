//! `version conflicts`, and one conflict as a person reads it: what both sides did, who and when, and the ways out.

use bough::core::merge::plan::{ConflictKey, ConflictKind, Deed, Side};
use bough::core::rank::Rank;
use bough::core::{CellKey, Content, Name, Oid, Value};
use bough::store::Snapshot;
use bough::store::version::VersionConflict;
use bough::{Resolution, Site, Version};
use serde::{Deserialize, Serialize};

use super::row::{MadeRow, Places, line_text};
use crate::cli::asker::Asker;
use crate::cli::excerpt::excerpt_of;
use crate::cli::failure::{Code, Failure, quoted};
use crate::cli::protocol::Reply;
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::{Screen, counted};
use crate::cli::value::{cell_text, content_text, paths_in};

/// How many objects inside a deleted one are named.
const INNER_SHOWN: usize = 20;
/// How many conflicts a refused command names.
const CAUSES_SHOWN: usize = 20;

/// Show what both a version and its parent line changed, and how to settle it
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Conflicts {
    /// The version
    name: String,
}

/// A conflict.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ConflictRow {
    /// The version.
    pub(super) name: String,
    /// What it is merged into; none for the public site.
    pub(super) parent: Option<String>,
    pub(super) id: String,
    /// `cell`, `deleted`, `name`, `cycle`, `type` or `edition`.
    pub(super) kind: String,
    pub(super) path: String,
    /// What it is about, in words.
    pub(super) text: String,
    /// What both started from, and what each made of it, where that is a value.
    pub(super) values: Option<ValuesRow>,
    /// What is lost where a deletion stands.
    pub(super) inner: Vec<InnerRow>,
    pub(super) by_version: Option<MadeRow>,
    pub(super) by_parent: Option<MadeRow>,
    /// The options of `version resolve` that fit.
    pub(super) choices: Vec<String>,
    /// What was decided, in words; none while nothing is.
    pub(super) resolution: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ValuesRow {
    base: String,
    version: String,
    parent: String,
    /// For long texts, what each side changed, line by line.
    version_lines: Vec<String>,
    parent_lines: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct InnerRow {
    pub(super) path: String,
    /// What was done with it.
    deed: String,
    cells: Vec<String>,
}

impl SiteCommand for Conflicts {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let version = site.version(&self.name)?;
        let rows = conflict_rows(&version, &Places::of(&version)?, &version.conflicts()?)?;
        if rows.is_empty() {
            let name = &self.name;
            let text = format!("Nothing stands against a merge of {name}\n  try: bough version merge {name}");
            return asker.send(Reply::Remark(text));
        }
        rows.iter().try_for_each(|row| asker.row(row))
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        print_conflict(&typed(row)?, screen)
    }
}

/// The conflicts as rows. After a merge or an update `places` are those of before: what went is named by where it was.
pub(super) fn conflict_rows(
    version: &Version,
    places: &Places,
    conflicts: &[VersionConflict],
) -> Result<Vec<ConflictRow>, Failure> {
    if conflicts.is_empty() {
        return Ok(Vec::new());
    }
    let info = version.info()?;
    let about = About { places, parent: line_text(info.parent_name.as_deref()) };
    Ok(conflicts
        .iter()
        .map(|found| ConflictRow {
            name: info.name.clone(),
            parent: info.parent_name.clone(),
            ..about.row(found)
        })
        .collect())
}

/// Why a merge or an update was refused.
pub(super) fn refused(what: &str, rows: &[ConflictRow]) -> Failure {
    let number = counted(rows.len() as u64, "conflict", "conflicts");
    let mut failure =
        Failure::new(Code::Conflict, format!("cannot {what}: {number} to settle first; nothing was changed"));
    failure.causes = rows.iter().take(CAUSES_SHOWN).map(line).collect();
    if rows.len() > CAUSES_SHOWN {
        failure.causes.push(format!("... and {} more", rows.len() - CAUSES_SHOWN));
    }
    let Some(first) = rows.first() else { return failure };
    let choice = first.choices.first().map_or("--parent", String::as_str);
    failure
        .advise(format!("bough version conflicts {}", first.name))
        .advise(format!("bough version resolve {} {} {choice}", first.name, first.id))
}

fn line(row: &ConflictRow) -> String {
    let by = row.by_parent.as_ref().filter(|made| !made.principal.is_empty());
    let by = by.map_or_else(String::new, |made| format!(" (there last by {})", made.principal));
    format!("{}  {}: {}{by}", row.id, row.path, row.text)
}

pub(super) fn print_conflict(row: &ConflictRow, screen: &mut Screen) -> Result<(), Failure> {
    screen.line(&format!("{}  {}: {}", row.id, row.path, row.text))?;
    let parent = line_text(row.parent.as_deref());
    if let Some(values) = &row.values {
        screen.line(&format!("    before: {}", values.base))?;
    }
    let sides = [(format!("version {}", row.name), &row.by_version, true), (parent, &row.by_parent, false)];
    for (side, made, is_version) in sides {
        let value = row.values.as_ref().map(|values| match is_version {
            true => (&values.version, &values.version_lines),
            false => (&values.parent, &values.parent_lines),
        });
        let text = value.map_or_else(String::new, |(text, _)| format!(" {text} "));
        let made = made.as_ref().map_or_else(String::new, |made| format!(" {}", made.text()));
        screen.line(&format!("    {side}:{text}{made}"))?;
        for line in value.map_or(&[][..], |(_, lines)| lines) {
            screen.line(&format!("        {line}"))?;
        }
    }
    for inner in &row.inner {
        let cells =
            if inner.cells.is_empty() { String::new() } else { format!(" ({})", inner.cells.join(", ")) };
        screen.line(&format!("    {} {}{cells}", inner.deed, inner.path))?;
    }
    if let Some(resolution) = &row.resolution {
        screen.line(&format!("    settled: {resolution}"))?;
    }
    let what_for = if row.resolution.is_some() { "another way" } else { "settle with" };
    let resolve = screen.command(&format!("version resolve {} {}", row.name, row.id));
    screen.line(&format!("    {what_for}: {resolve} {}", row.choices.join(" | ")))
}

/// What a conflict is told with.
struct About<'a> {
    places: &'a Places,
    parent: String,
}

impl About<'_> {
    fn row(&self, found: &VersionConflict) -> ConflictRow {
        let choices: &[&str] = match &found.conflict.kind {
            ConflictKind::Cell { parent, version, .. } => match is_text(parent) || is_text(version) {
                true => &["--version", "--parent", "--value TEXT", "--value-file FILE"],
                false if matches!(found.conflict.key, ConflictKey::Cell(_, CellKey::Attribute(_))) => {
                    &["--version", "--parent", "--value TEXT"]
                }
                false => &["--version", "--parent"],
            },
            ConflictKind::Deleted { inner, .. } if !inner.is_empty() => {
                &["--version", "--parent", "--rescue PATH=FOLDER"]
            }
            ConflictKind::Name { .. } => &["--rename NEWNAME", "--version", "--parent", "--same"],
            _ => &["--version", "--parent"],
        };
        let mut choices: Vec<String> = choices.iter().map(ToString::to_string).collect();
        if let ConflictKind::Name { suggested, .. } = &found.conflict.kind {
            choices[0] = format!("--rename {}", quoted(suggested.as_str()));
        }
        let path = match (&found.path, &found.conflict.key) {
            (Some(path), _) => path.to_string(),
            (None, ConflictKey::Cycle(oids)) => {
                oids.first().map_or_else(String::new, |oid| self.places.path(*oid))
            }
            (None, key) => key_oid(key).map_or_else(String::new, |oid| self.places.path(oid)),
        };
        ConflictRow {
            name: String::new(),
            parent: None,
            id: found.id.clone(),
            kind: found.conflict.kind.word().to_owned(),
            path,
            text: match found.conflict.is_about_standing() {
                true => "both gave it another place in the order, which matters there".to_owned(),
                false => self.text(&found.conflict.key, &found.conflict.kind),
            },
            values: match &found.conflict.key {
                ConflictKey::Cell(oid, _) if found.conflict.is_about_standing() => Some(self.standings(*oid)),
                _ => self.values(&found.conflict.kind),
            },
            inner: self.inner(&found.conflict.kind),
            by_version: found.version.as_ref().map(MadeRow::of),
            by_parent: found.parent.as_ref().map(MadeRow::of),
            choices,
            resolution: found.resolution.as_ref().map(|chosen| self.resolution(chosen)),
        }
    }

    fn text(&self, key: &ConflictKey, kind: &ConflictKind) -> String {
        let parent = &self.parent;
        match (key, kind) {
            (ConflictKey::Cell(_, CellKey::Place), _) => "both moved or renamed it".to_owned(),
            (ConflictKey::Cell(_, cell), _) => {
                format!("both changed `{}`", cell_text(cell, &|oid| self.places.path(oid)))
            }
            (_, ConflictKind::Deleted { by, .. }) => match by {
                Side::Version => format!("the version deleted it, {parent} worked on it"),
                Side::Parent => format!("{parent} deleted it, the version worked on it"),
            },
            (ConflictKey::Name { name, .. }, ConflictKind::Name { other, .. }) => {
                let other = self.places.path(*other);
                format!("the version's object and another one ({other}) would both be called `{name}` there")
            }
            (_, ConflictKind::Cycle { version_moves, parent_moves }) => {
                let paths = |oids: &[Oid], state| {
                    oids.iter().map(|oid| paths_in(state)(*oid)).collect::<Vec<_>>().join(", ")
                };
                format!(
                    "the version moved something to {}, {parent} to {}: they would contain each other",
                    paths(version_moves, self.places.version()),
                    paths(parent_moves, self.places.parent())
                )
            }
            (_, ConflictKind::Type { base, parent: in_parent, version, attributes }) => {
                let name = |name: &Option<Name>| name.as_ref().map_or("none", Name::as_str).to_owned();
                let names: Vec<&str> = attributes.iter().map(Name::as_str).collect();
                format!(
                    "its type was {}, is {} in the version and {} there: {} changed and does not fit",
                    name(base),
                    name(version),
                    name(in_parent),
                    names.join(", ")
                )
            }
            (_, ConflictKind::Edition { parent: in_parent, version, why }) => format!(
                "it is of edition {} in the version and {} there, which cannot be brought to one: {why}",
                edition_text(*version),
                edition_text(*in_parent)
            ),
            _ => "both changed it".to_owned(),
        }
    }

    fn values(&self, kind: &ConflictKind) -> Option<ValuesRow> {
        let ConflictKind::Cell { base, parent, version } = kind else { return None };
        let show = |content: &Option<Content>, state| content_text(content.as_ref(), &paths_in(state));
        Some(ValuesRow {
            base: show(base, self.places.base()),
            version: show(version, self.places.version()),
            parent: show(parent, self.places.parent()),
            version_lines: excerpt_of(base.as_ref(), version.as_ref(), self.places.version()),
            parent_lines: excerpt_of(base.as_ref(), parent.as_ref(), self.places.parent()),
        })
    }

    /// Where each side has it among its siblings.
    fn standings(&self, oid: Oid) -> ValuesRow {
        let told = |state: &Snapshot| match Rank::of(state, oid) {
            Ok(Some(rank)) => rank.to_string(),
            _ => "nowhere".to_owned(),
        };
        ValuesRow {
            base: told(self.places.base()),
            version: told(self.places.version()),
            parent: told(self.places.parent()),
            version_lines: Vec::new(),
            parent_lines: Vec::new(),
        }
    }

    fn inner(&self, kind: &ConflictKind) -> Vec<InnerRow> {
        let ConflictKind::Deleted { inner, .. } = kind else { return Vec::new() };
        let deed = |deed| match deed {
            Deed::Edited => "edited",
            Deed::Added => "added",
            Deed::MovedIn => "moved in",
            Deed::Moved => "moved",
        };
        let shown = inner.iter().take(INNER_SHOWN);
        shown
            .map(|inner| InnerRow {
                path: self.places.path(inner.oid),
                deed: deed(inner.deed).to_owned(),
                cells: inner.cells.iter().map(|cell| cell_text(cell, &|oid| self.places.path(oid))).collect(),
            })
            .collect()
    }

    fn resolution(&self, chosen: &Resolution) -> String {
        match chosen {
            Resolution::Version => "as in the version".to_owned(),
            Resolution::Parent => format!("as on {}", self.parent),
            Resolution::Value(content) => content_text(content.as_ref(), &paths_in(self.places.version())),
            Resolution::Both { rename: Side::Version, to } => format!("the version's is called {to}"),
            Resolution::Both { rename: Side::Parent, to } => format!("the other one is called {to}"),
            Resolution::Same => "both are the same thing".to_owned(),
            Resolution::Rescue(moves) => {
                let moved = moves.iter().map(|(oid, to)| {
                    format!("{} goes into {}", self.places.path(*oid), self.places.path(*to))
                });
                format!("deleted, but {}", moved.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

fn edition_text(edition: Option<u32>) -> String {
    edition.map_or_else(|| "unknown".to_owned(), |edition| edition.to_string())
}

fn is_text(content: &Option<Content>) -> bool {
    matches!(content, Some(Content::Large(_))) || matches!(content, Some(Content::Value(Value::Text(_))))
}

fn key_oid(key: &ConflictKey) -> Option<Oid> {
    match key {
        ConflictKey::Cell(oid, _) | ConflictKey::Deleted(oid) | ConflictKey::Type(oid) => Some(*oid),
        ConflictKey::Name { oid, .. } => Some(*oid),
        ConflictKey::Cycle(oids) => oids.first().copied(),
    }
}
