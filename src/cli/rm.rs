//! `rm`: deletes.

use bough::Site;
use bough::core::Tid;
use serde::{Deserialize, Serialize};

use super::asker::{Asker, Wrote};
use super::failure::Failure;
use super::overrun::{OverrunRow, overrun_row, print_overrun};
use super::protocol::Reply;
use super::request::{SiteCommand, print_wrote, typed};
use super::screen::Screen;

/// Delete objects with everything in them, in one commit; `bough undo` brings them back
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Rm {
    /// What to delete
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Overrun(OverrunRow),
    #[serde(untagged)]
    Wrote(Wrote),
}

impl SiteCommand for Rm {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let sentence = format!("Deleted {}", self.paths.join(", "));
        let written = site.write_noted(asker.note(&sentence), |tx| {
            self.paths.iter().try_for_each(|path| tx.delete(path))
        })?;
        answer(site, written.tid, sentence, asker)
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row.clone())? {
            Row::Overrun(row) => print_overrun(&row, screen),
            Row::Wrote(_) => print_wrote(row, "undo", screen),
        }
    }

    fn writes(&self) -> bool {
        true
    }
}

/// Says what was overrun, then, as the last row of every writing command, what was done and how to undo it.
fn answer(site: &Site, tid: Option<Tid>, sentence: String, asker: &mut dyn Asker) -> Result<(), Failure> {
    match tid.map(|tid| overrun_row(site, tid)).transpose() {
        Ok(row) => row.flatten().map_or(Ok(()), |row| asker.row(&Row::Overrun(row)))?,
        // It is deleted all the same.
        Err(error) => {
            asker.send(Reply::Remark(format!("cannot say what others wrote meanwhile: {error}")))?
        }
    }
    asker.wrote(tid, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::asker::Here;
    use bough::store::Note;

    /// A delete went over the work of others without a word.
    #[test]
    fn who_deletes_is_told_what_others_wrote_meanwhile() {
        let site = Site::in_memory().unwrap();
        site.write("Made", |tx| tx.add("/docs", "folder").and_then(|_| tx.add("/docs/a", "page"))).unwrap();
        let docs = site.get("/docs").unwrap().oid();
        let mut draft = site.database().begin();
        draft.delete(docs).unwrap();
        let edit = Note::edit("Set title of /docs/a").by("ben");
        let edited = site.write_noted(edit, |tx| tx.set("/docs/a", "title", "B")).unwrap();
        let tid = site.database().commit(draft, Note::edit("Deleted /docs")).unwrap();

        let mut rows = Vec::new();
        let mut show = |reply| {
            let Reply::Row(row) = reply else { panic!("{reply:?}") };
            rows.push(row);
            Ok(())
        };
        let mut asker = Here { principal: "ana".into(), show: &mut show, brought: None, rights: None };
        answer(&site, tid, "Deleted /docs".into(), &mut asker).unwrap();

        let overrun = &rows[0]["overrun"];
        assert_eq!(overrun["total"], 1);
        assert_eq!(overrun["named"][0]["path"], "/docs/a");
        assert_eq!(overrun["named"][0]["by"]["principal"], "ben");
        assert_eq!(overrun["named"][0]["by"]["tid"], edited.tid.unwrap().to_string());
        assert_eq!(rows[1]["tid"], tid.unwrap().to_string(), "the last row names the commit");
    }
}
