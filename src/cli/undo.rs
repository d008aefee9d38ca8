//! `undo`: takes commits back.

use bough::core::security::Subject;
use bough::core::{CellKey, Name, Oid, Tid};
use bough::store::{Blocker, Kind, UndoChoices, UndoError, UndoPlan};
use bough::{Site, VersionInfo};
use serde::{Deserialize, Serialize};

use super::asker::{Asker, Wrote};
use super::failure::{Code, Failure, quoted};
use super::log::{CommitRow, now_or_last, row, tid};
use super::protocol::Reply;
use super::request::{SiteCommand, print_wrote, typed};
use super::screen::{Screen, counted};
use super::show::{CellRow, cell_row, print_cell};
use super::value::{ANY_USER, account_path, account_text, cell_text, in_words, paths_in};

/// How often blockers' commits are added before giving up: each round adds at least one.
const ROUNDS_MAX: usize = 1_000;
/// What the sentence of an undo of an undo begins with.
const REDID: &str = "Redid: ";
/// How many blockers a person is told of.
const BLOCKERS_SHOWN: usize = 20;

/// Take back commits, whatever happened since; undo the undo to redo
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Undo {
    /// The commits, as `bough log` names them
    #[arg(required = true, value_name = "TID")]
    tids: Vec<String>,
    /// Only show what would change and what stands against it
    #[arg(long)]
    preview: bool,
    /// Leave a cell as it is; may be given several times. The cell is an attribute, (place), (type), or one about rights as `bough blame` names it
    #[arg(long, value_name = "PATH:CELL")]
    skip: Vec<String>,
    /// Also take back the later commits that stand against it
    #[arg(long)]
    also_blockers: bool,
    /// Of the merge of a version: do not give the version back what it had merged
    #[arg(long)]
    for_good: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Plan {
        of: Vec<String>,
        objects: u64,
    },
    Cell {
        path: String,
        #[serde(flatten)]
        cell: CellRow,
    },
    Url {
        before: Option<String>,
        after: Option<String>,
    },
    Blocker(BlockerRow),
    #[serde(untagged)]
    Wrote(Wrote),
}

/// What stands against an undo.
#[derive(Debug, Serialize, Deserialize)]
struct BlockerRow {
    path: String,
    reason: String,
    later: Option<CommitRow>,
    /// What to give to `--skip`, where that helps.
    skip: Option<String>,
}

impl SiteCommand for Undo {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let mut of = self.tids.iter().map(|text| tid(text)).collect::<Result<Vec<_>, _>>()?;
        let skip = self.skip.iter().map(|text| parse_cell(site, text)).collect::<Result<_, _>>()?;
        let choices = UndoChoices { skip, reopen: !self.for_good, ..UndoChoices::default() };
        if self.also_blockers {
            add_blockers(site, &mut of, &choices)?;
        }
        if self.preview {
            let plan = site.database().undo_preview(&of, &choices)?;
            return preview(site, &plan, asker);
        }
        let sentence = sentence(site, &of)?;
        match site.database().undo(&of, &choices, asker.note(&sentence)) {
            Ok(tid) => {
                if choices.reopen {
                    tell_of_versions(site, &of, asker)?;
                }
                asker.wrote(tid, sentence)
            }
            Err(UndoError::Blocked { blockers }) => Err(self.blocked(site, &blockers)),
            Err(error) => Err(error.into()),
        }
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row.clone())? {
            Row::Plan { of, objects } => {
                let objects = counted(objects, "object", "objects");
                screen.line(&format!("Undoing {} would change {objects}:", of.join(", ")))
            }
            Row::Cell { path, cell } => {
                screen.line(&format!("  {path}"))?;
                print_cell(&cell, screen)
            }
            Row::Url { before, after } => {
                let none = || "(none)".to_owned();
                screen.line(&format!(
                    "  URL {} -> {}",
                    before.unwrap_or_else(none),
                    after.unwrap_or_else(none)
                ))
            }
            Row::Blocker(row) => screen.line(&format!("  stands against it: {}", blocker_line(&row))),
            Row::Wrote(wrote) => {
                let verb = if wrote.sentence.starts_with(REDID) { "undo" } else { "redo" };
                print_wrote(row, verb, screen)
            }
        }
    }

    fn writes(&self) -> bool {
        true
    }
}

impl Undo {
    fn blocked(&self, site: &Site, blockers: &[Blocker]) -> Failure {
        let tids = self.tids.join(" ");
        let number = counted(blockers.len() as u64, "thing stands", "things stand");
        let mut failure = Failure::new(
            Code::Conflict,
            format!("cannot undo {tids}: {number} against it; nothing was changed"),
        );
        let rows: Vec<BlockerRow> =
            blockers.iter().take(BLOCKERS_SHOWN).map(|found| blocker_row(site, found)).collect();
        failure.causes = rows.iter().map(blocker_line).collect();
        if blockers.len() > BLOCKERS_SHOWN {
            failure.causes.push(format!("... and {} more", blockers.len() - BLOCKERS_SHOWN));
        }
        if rows.iter().any(|row| row.later.is_some()) {
            failure = failure.advise(format!("bough undo {tids} --also-blockers"));
        }
        let skips: Vec<String> = rows
            .iter()
            .filter_map(|row| row.skip.as_deref())
            .map(|skip| format!("--skip {}", quoted(skip)))
            .collect();
        if !skips.is_empty() {
            failure = failure.advise(format!("bough undo {tids} {}", skips.join(" ")));
        }
        failure.advise(format!("bough undo {tids} --preview"))
    }
}

/// Says which versions hold again what one of these commits had merged.
fn tell_of_versions(site: &Site, of: &[Tid], asker: &mut dyn Asker) -> Result<(), Failure> {
    let versions = site.versions()?;
    for &tid in of {
        let Kind::Merge { line, .. } = site.database().commit_record(tid)?.kind else { continue };
        let found = versions.iter().find(|info| info.line == line && line != site.database().line());
        if let Some(VersionInfo { name, .. }) = found {
            let remark =
                format!("Version {name} holds again what was merged\n  try: bough version diff {name}");
            asker.send(Reply::Remark(remark))?;
        }
    }
    Ok(())
}

/// Adds the commits that stand against it until none does, or something else does.
fn add_blockers(site: &Site, of: &mut Vec<Tid>, choices: &UndoChoices) -> Result<(), Failure> {
    for _ in 0..ROUNDS_MAX {
        let plan = site.database().undo_preview(of, choices)?;
        let before = of.len();
        for later in plan.blockers.iter().filter_map(|blocker| blocker.later.as_ref()) {
            if !of.contains(&later.tid) {
                of.push(later.tid);
            }
        }
        if of.len() == before {
            break;
        }
    }
    Ok(())
}

fn sentence(site: &Site, of: &[Tid]) -> Result<String, Failure> {
    let &[only] = of else {
        let names: Vec<String> = of.iter().map(Tid::to_string).collect();
        return Ok(format!("Undid {}", names.join(", ")));
    };
    let record = site.database().commit_record(only)?;
    if let Kind::Undo { of } = &record.kind
        && let [original] = of[..]
    {
        let original = site.database().commit_record(original)?;
        return Ok(format!("{REDID}{}", original.sentence));
    }
    Ok(format!("Undid: {}", record.sentence))
}

fn preview(site: &Site, plan: &UndoPlan, asker: &mut dyn Asker) -> Result<(), Failure> {
    let snapshot = site.database().snapshot();
    let of = plan.of.iter().map(Tid::to_string).collect();
    asker.row(&Row::Plan { of, objects: plan.objects })?;
    for cell in &plan.cells {
        let path = cell.path.as_ref().map_or_else(|| cell.oid.to_string(), ToString::to_string);
        let cell = cell_row(&cell.cell, cell.before.as_ref(), cell.after.as_ref(), &snapshot);
        asker.row(&Row::Cell { path, cell })?;
    }
    for url in plan.urls.iter().filter(|url| url.before != url.after) {
        let text = |path: &Option<bough::core::ObjectPath>| path.as_ref().map(ToString::to_string);
        asker.row(&Row::Url { before: text(&url.before), after: text(&url.after) })?;
    }
    plan.blockers.iter().try_for_each(|blocker| asker.row(&Row::Blocker(blocker_row(site, blocker))))
}

fn blocker_row(site: &Site, blocker: &Blocker) -> BlockerRow {
    use bough::store::BlockerReason;
    let path = blocker.path.as_ref().map_or_else(|| blocker.oid.to_string(), ToString::to_string);
    let snapshot = site.database().snapshot();
    let paths = paths_in(&snapshot);
    let cell = match &blocker.reason {
        BlockerReason::Cell(blocked) => match &blocked.cell {
            CellKey::Attribute(name) => Some(name.to_string()),
            other => Some(format!("({})", cell_text(other, &paths))),
        },
        BlockerReason::NameTaken { .. } => Some("(place)".to_owned()),
        _ => None,
    };
    BlockerRow {
        skip: cell.map(|cell| format!("{path}:{cell}")),
        reason: in_words(&blocker.reason.to_string(), &|oid| account_text(oid, &paths)),
        later: blocker.later.as_ref().map(|commit| row(site, commit)),
        path,
    }
}

fn blocker_line(row: &BlockerRow) -> String {
    let later = row.later.as_ref().map_or_else(String::new, |commit| {
        let by =
            if commit.principal.is_empty() { String::new() } else { format!(" by {}", commit.principal) };
        format!(" in {}{by} ({})", commit.tid, commit.sentence)
    });
    format!("{}: {}{later}", row.path, row.reason)
}

/// The cell that `PATH:CELL` names.
pub(crate) fn parse_cell(site: &Site, text: &str) -> Result<(Oid, CellKey), Failure> {
    let wrong = || {
        Failure::usage(format!(
            "`{text}` is no cell: expected PATH:CELL as in `/news:title` or `/news:(place)`"
        ))
    };
    let (path, cell) = text.rsplit_once(':').ok_or_else(wrong)?;
    let key = match cell {
        "(place)" => CellKey::Place,
        "(type)" => CellKey::Type,
        "(owner)" => CellKey::Owner,
        "(proxy roles)" => CellKey::ProxyRoles,
        name => match name.strip_prefix('(').and_then(|name| name.strip_suffix(')')) {
            Some(name) => rights_cell(site, name).ok_or_else(wrong)?,
            None => CellKey::Attribute(Name::new(name).map_err(|_| wrong())?),
        },
    };
    let oid = match path.parse::<Oid>() {
        Ok(oid) => oid,
        Err(_) => now_or_last(site, path)?,
    };
    Ok((oid, key))
}

/// The cell that `permission NAME` or `roles of WHO` names.
fn rights_cell(site: &Site, text: &str) -> Option<CellKey> {
    if let Some(permission) = text.strip_prefix("permission ") {
        return Name::new(permission).ok().map(CellKey::Permission);
    }
    let who = text.strip_prefix("roles of ")?;
    let whose = match who.strip_prefix(ANY_USER) {
        Some(name) => Subject::Name(Name::new(name).ok()?),
        None => Subject::Principal(match who.parse::<Oid>() {
            Ok(oid) => oid,
            Err(_) => now_or_last(site, &account_path(who)).ok()?,
        }),
    };
    Some(CellKey::LocalRoles(whose))
}
