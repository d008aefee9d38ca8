//! Overruns: what others had written, since its maker looked, in something that a commit deletes.
//!
//! A delete succeeds over edits and additions that were committed below it meanwhile. They are not lost, as undoing the
//! delete brings everything back as it was just before; but somebody must be told. A commit keeps its base, so that the
//! log tells it at any later time: the commits between the base and the delete, and of what they wrote that which went
//! away with it.

use std::collections::{HashMap, HashSet};

use bough_core::snapshot::{ReadError, path_of};
use bough_core::{ObjectPath, Oid, Snapshot as _, Tid};

use crate::database::Database;
use crate::engine::StoreError;
use crate::format::body::EntryDisk;
use crate::history::HistoryError;
use crate::note::CommitRecord;
use crate::snapshot::Snapshot;

/// How many overruns are named one by one.
pub const OVERRUNS_MAX: usize = 100;
/// How many commits are read at a time.
const COMMITS_BATCH: usize = 200;

/// What one commit had written in one object that a later one took away without having seen it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overrun {
    /// The object: deleted, or in something that was.
    pub oid: Oid,
    /// Where it was just before.
    pub path: ObjectPath,
    /// Who had written it meanwhile, when and what for.
    pub by: CommitRecord,
}

/// Everything that a commit overran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overruns {
    /// The first [`OVERRUNS_MAX`], newest first.
    pub named: Vec<Overrun>,
    /// How many there are.
    pub total: u64,
}

impl Database {
    /// What others had committed between the base of a commit and the commit itself in objects that it took away.
    /// Undoing the commit brings that back. Costs by the commits in between, and nothing where there are none.
    ///
    /// # Errors
    /// When there is no such commit or it is packed.
    pub fn overrun(&self, tid: Tid) -> Result<Overruns, HistoryError> {
        let (engine, line) = (&self.inner.engine, self.line);
        let commit = engine.commit_record(line, tid)?;
        // Open before it is asked what is packed, so that pack leaves what is needed.
        let before = Snapshot::at(engine, line, Tid::from_micros(tid.as_micros().saturating_sub(1)))?;
        let mut overruns = Overruns::default();
        let mut taken: Option<Taken> = None;
        let mut newest = tid;
        loop {
            let between = engine.commits(line, Some(newest), COMMITS_BATCH)?;
            for by in between.iter().take_while(|by| by.tid > commit.base) {
                let taken = match &mut taken {
                    Some(taken) => taken,
                    none => {
                        engine.check_undoable(tid)?;
                        none.insert(Taken::by(self, tid)?)
                    }
                };
                if taken.deleted.is_empty() {
                    return Ok(overruns);
                }
                engine.heads_of(line, by.tid, &mut |head| {
                    for entry in &head.entries {
                        taken.look_at(entry.oid(), by, &before, &mut overruns).map_err(StoreError::from)?;
                    }
                    Ok(())
                })?;
            }
            match between.last() {
                Some(last) if last.tid > commit.base => newest = last.tid,
                _ => return Ok(overruns),
            }
        }
    }
}

/// What a commit took away.
struct Taken {
    after: Snapshot,
    deleted: HashSet<Oid>,
    known: HashMap<Oid, bool>,
}

impl Taken {
    fn by(database: &Database, tid: Tid) -> Result<Self, HistoryError> {
        let (engine, line) = (&database.inner.engine, database.line);
        let mut deleted = HashSet::new();
        engine.heads_of(line, tid, &mut |head| {
            for entry in &head.entries {
                let (EntryDisk::Kept { facts, .. } | EntryDisk::Stripped { facts }) = entry else { continue };
                if let (Some(_), None) = facts.places().map_err(StoreError::from)? {
                    deleted.insert(facts.oid());
                }
            }
            Ok(())
        })?;
        Ok(Self { after: Snapshot::at(engine, line, tid)?, deleted, known: HashMap::new() })
    }

    fn look_at(
        &mut self,
        oid: Oid,
        by: &CommitRecord,
        before: &Snapshot,
        overruns: &mut Overruns,
    ) -> Result<(), ReadError> {
        // What was not there just before was taken away by somebody else.
        if !self.holds(oid)? || !bough_core::snapshot::is_live(before, oid)? {
            return Ok(());
        }
        overruns.total += 1;
        if overruns.named.len() < OVERRUNS_MAX
            && let Some(path) = path_of(before, oid)?
        {
            overruns.named.push(Overrun { oid, path, by: by.clone() });
        }
        Ok(())
    }

    /// Whether the commit deleted the object or something that it lies in.
    fn holds(&mut self, oid: Oid) -> Result<bool, ReadError> {
        let (mut walked, mut at) = (Vec::new(), oid);
        let is_taken = loop {
            if let Some(known) = self.known.get(&at) {
                break *known;
            }
            if self.deleted.contains(&at) {
                break true;
            }
            if at == Oid::ROOT || walked.contains(&at) {
                break false;
            }
            walked.push(at);
            match self.after.object(at)?.as_ref().and_then(|object| object.place()) {
                Some(place) => at = place.parent,
                None => break false,
            }
        };
        self.known.extend(walked.into_iter().map(|oid| (oid, is_taken)));
        Ok(is_taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{name, path, seeded};
    use crate::{Draft, Note};

    const SITE: &str = "/news\n/news/old\n/news/old/two title=Two\n/news/one title=One\n/other title=Other\n";

    fn draft_deleting(database: &Database, at: &[&str]) -> Draft {
        let mut draft = database.begin();
        for at in at {
            let oid = draft.at(&path(at)).unwrap();
            draft.delete(oid).unwrap();
        }
        draft
    }

    fn commit(database: &Database, draft: Draft) -> Tid {
        database.commit(draft, Note::edit("Deleted").by("dora")).unwrap().unwrap()
    }

    /// What was overrun, as path and commit.
    fn named(database: &Database, tid: Tid) -> Vec<(String, Tid)> {
        let overruns = database.overrun(tid).unwrap();
        assert_eq!(overruns.total, overruns.named.len() as u64);
        overruns.named.into_iter().map(|overrun| (overrun.path.to_string(), overrun.by.tid)).collect()
    }

    /// A delete went over the work of others without a word.
    #[test]
    fn a_delete_succeeds_over_what_was_committed_below_it_and_names_it() {
        let database = seeded(SITE);
        let (base, draft) = (database.head(), draft_deleting(&database, &["/news"]));
        let edited = database.set("/news/old/two", "title", "Zwei");
        database.set("/other", "title", "Else");
        let added = database.add_text("/news/three title=Three");
        let own = database.set("/news", "title", "News");
        let before = database.text();

        let deleted = commit(&database, draft);

        let record = database.commit_record(deleted).unwrap();
        assert_eq!((record.base, record.principal.as_str()), (base, "dora"));
        assert_eq!(database.text(), "/other title=Else\n");
        assert_eq!(
            named(&database, deleted),
            [
                ("/news".to_owned(), own),
                ("/news/three".to_owned(), added),
                ("/news/old/two".to_owned(), edited)
            ]
        );
        assert_eq!(database.overrun(deleted).unwrap().named[2].by.principal, "tess");

        let undone = database.undo(&[deleted], &crate::UndoChoices::default(), Note::edit("Undid")).unwrap();
        assert_eq!(database.text(), before, "with the edits, as it was just before");
        assert!(named(&database, undone.unwrap()).is_empty());
    }

    #[test]
    fn a_delete_names_only_what_it_took_away_itself() {
        let database = seeded(SITE);
        database.set("/news/one", "title", "seen by who deletes");
        let draft = draft_deleting(&database, &["/news"]);
        database.set("/news/one", "title", "moved out later");
        database.move_path("/news/one", "/one");
        database.set("/news/old/two", "title", "deleted by somebody else");
        database.delete("/news/old");
        let moved_in = database.move_path("/other", "/news/other");
        let deleted = commit(&database, draft);
        database.set("/one", "title", "later");

        assert_eq!(named(&database, deleted), [("/news/other".to_owned(), moved_in)]);
    }

    #[test]
    fn what_the_same_commit_moved_out_is_not_taken_away() {
        let database = seeded(SITE);
        let mut draft = database.begin();
        let old = draft.at(&path("/news/old")).unwrap();
        draft.move_to(old, Oid::ROOT, &name("kept")).unwrap();
        let news = draft.at(&path("/news")).unwrap();
        draft.delete(news).unwrap();
        database.set("/news/old/two", "title", "kept");
        let lost = database.set("/news/one", "title", "lost");
        let deleted = commit(&database, draft);

        assert_eq!(named(&database, deleted), [("/news/one".to_owned(), lost)]);
        assert!(database.exists("/kept/two"));
    }

    #[test]
    fn a_commit_that_nobody_came_before_or_that_deletes_nothing_overruns_nothing() {
        let database = seeded(SITE);
        assert!(named(&database, database.head()).is_empty());
        let deleted = database.delete("/news/old");
        assert!(named(&database, deleted).is_empty());
        let mut draft = database.begin();
        let one = draft.at(&path("/news/one")).unwrap();
        draft.set(one, &name("body"), Some("x".into())).unwrap();
        database.set("/news/one", "title", "Eins");
        let edited = commit(&database, draft);
        assert!(named(&database, edited).is_empty());
        let unknown = database.overrun(Tid::from_micros(7));
        assert!(matches!(unknown, Err(HistoryError::NoSuchCommit(_))), "{unknown:?}");
    }

    #[test]
    fn of_many_overruns_the_newest_are_named_and_all_are_counted() {
        let database = seeded(SITE);
        let draft = draft_deleting(&database, &["/news"]);
        let edits = COMMITS_BATCH + 50;
        let mut newest = Tid::ZERO;
        for number in 0..edits {
            newest = database.set("/news/one", "title", format!("{number}"));
        }
        let deleted = commit(&database, draft);
        let overruns = database.overrun(deleted).unwrap();
        assert_eq!((overruns.total, overruns.named.len()), (edits as u64, OVERRUNS_MAX));
        assert_eq!(overruns.named[0].by.tid, newest);
    }
}
