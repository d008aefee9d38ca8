//! `acquire`: where a value comes from.

use bough::core::Content;
use bough::core::acquisition::{Acquired, Found};
use bough::{Handle, Site};
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::failure::{Failure, quoted};
use super::log::{CommitRow, row};
use super::moment::{At, local};
use super::request::{SiteCommand, typed};
use super::screen::{Screen, counted};
use super::value::{content_text, paths_in, text};

/// Explain what an object finds under a name: the answer, where it is, who set it, and what it hides
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Acquire {
    /// Path of the object that asks
    path: String,
    /// The name that it asks for
    name: String,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    /// `answer`, `hidden`, or `blocked`: the place where the search ends.
    role: String,
    /// The object that holds it.
    at: String,
    /// How many containers up that is.
    steps: Option<usize>,
    /// `attribute`, `default`, `method` or `child`.
    kind: Option<String>,
    value: Option<String>,
    /// The commit that set it.
    commit: Option<CommitRow>,
    /// Whether the object sees it only when it asks on purpose.
    only_when_asked: bool,
}

impl SiteCommand for Acquire {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let object = self.at.view(site)?.get(&self.path)?;
        let explained = object.explain(&self.name)?;
        let kept_back = explained.only_when_asked || self.name.starts_with('_');
        let blocked = explained.blocked_at.map(|oid| paths_in(object.view().snapshot())(oid));
        let Some(answer) = &explained.answer else {
            let ends = blocked.map_or_else(String::new, |at| format!("; `{at}` blocks the search"));
            let message = format!("`{}` finds nothing under the name `{}`{ends}", object.path(), self.name);
            let shown = quoted(&object.path().to_string());
            return Err(Failure::not_found(message).advise(format!("bough cat --json {shown}")));
        };
        let only_when_asked = kept_back && answer.steps > 0;
        asker.row(&found_row(site, &object, answer, "answer", only_when_asked)?)?;
        for hidden in &explained.hidden {
            asker.row(&found_row(site, &object, hidden, "hidden", false)?)?;
        }
        match blocked {
            Some(at) => asker.row(&Row {
                role: "blocked".into(),
                at,
                steps: None,
                kind: None,
                value: None,
                commit: None,
                only_when_asked: false,
            }),
            None => Ok(()),
        }
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let row: Row = typed(row)?;
        match row.role.as_str() {
            "answer" => {
                screen.line(&format!("{} = {}", self.name, row.value.as_deref().unwrap_or("(none)")))?
            }
            "hidden" => screen.line(&format!("hides {}", row.value.as_deref().unwrap_or("(none)")))?,
            _ => return screen.line(&format!("the search ends at {}, which blocks it", row.at)),
        }
        let steps = match row.steps {
            None | Some(0) => "the object itself".to_owned(),
            Some(steps) => format!("{} up", counted(steps as u64, "container", "containers")),
        };
        screen.line(&format!("  {} of {} ({steps})", row.kind.as_deref().unwrap_or("value"), row.at))?;
        if let Some(commit) = &row.commit {
            let by =
                if commit.principal.is_empty() { String::new() } else { format!(" by {}", commit.principal) };
            screen.line(&format!(
                "  set{by} at {} in {}: {}",
                local(&commit.time),
                commit.tid,
                commit.sentence
            ))?;
        }
        if row.only_when_asked {
            screen.line("  kept back: only found when it is asked for on purpose, as here")?;
        }
        Ok(())
    }
}

fn found_row(
    site: &Site,
    asks: &Handle,
    acquired: &Acquired,
    role: &str,
    only_when_asked: bool,
) -> Result<Row, Failure> {
    let snapshot = asks.view().snapshot();
    let paths = paths_in(snapshot);
    let (kind, value, tid) = match &acquired.found {
        Found::Attribute { content, tid } => {
            ("attribute", attribute_text(asks, content, &paths)?, Some(*tid))
        }
        Found::Default(value) => ("default of the type", text(value, &paths), None),
        Found::Method(name) => ("method of the type", format!("{name}()"), None),
        Found::Child(oid) => {
            let made = bough::core::Snapshot::object(snapshot, *oid)?;
            let placed = made.and_then(|made| made.cell(&bough::core::CellKey::Place).map(|cell| cell.tid));
            ("child", paths(*oid), placed)
        }
    };
    let commit =
        tid.and_then(|tid| site.database().commit_record_below(tid).ok()).map(|commit| row(site, &commit));
    Ok(Row {
        role: role.to_owned(),
        at: paths(acquired.at),
        steps: Some(acquired.steps),
        kind: Some(kind.to_owned()),
        value: Some(value),
        commit,
        only_when_asked,
    })
}

fn attribute_text(
    asks: &Handle,
    content: &Content,
    paths: &super::value::PathOf<'_>,
) -> Result<String, Failure> {
    match content {
        Content::Large(large) => {
            let value = bough::core::Snapshot::large(asks.view().snapshot(), large)?;
            Ok(text(&value, paths))
        }
        other => Ok(content_text(Some(other), paths)),
    }
}
