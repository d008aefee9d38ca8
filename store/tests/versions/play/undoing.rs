//! Undo on any line, and of merges.

use std::collections::BTreeSet;

use bough_core::merge::{Merge, MergePolicy, merge_contents};
use bough_core::{Content, Oid, Tid};
use bough_store::{LineStatus, UndoChoices, UndoError};

use super::{Commit, Line, Play, note};
use crate::plain::{Held, Tree};

impl Play {
    pub(super) fn undo(&mut self, line: usize) {
        let history = &self.lines[line].history;
        if history.is_empty() {
            return;
        }
        let nth = history.len() - 1 - self.chance.below(history.len().min(5));
        let commit = &history[nth];
        let (tid, merged) = (commit.tid, commit.merged);
        self.doing = format!("undo {tid} on {line}, which merged {merged:?}");
        let found = self.on(line).undo(&[tid], &UndoChoices::default(), note());
        let now = self.tree(line);
        let undone = match found {
            Ok(_) if self.lines[line].status != LineStatus::Open => {
                panic!("undone in a version that is not open")
            }
            Ok(undone) => undone,
            Err(UndoError::Blocked { blockers }) => {
                assert!(!blockers.is_empty());
                self.count.blocked += 1;
                return;
            }
            Err(UndoError::History(_)) => return,
            Err(_) if self.lines[line].status != LineStatus::Open => return,
            Err(error) => panic!("{error}: {error:?}"),
        };
        let commit = &self.lines[line].history[nth];
        let changes = commit.after.changes_to(&commit.before);
        let (before, after) = (commit.before.clone(), commit.after.clone());
        if line == 0 {
            let Some(undone) = undone else {
                return;
            };
            let mut back = Vec::new();
            for (oid, key, was) in &changes {
                let (now, after) = (now.content(*oid, key), after.content(*oid, key));
                back.push((*oid, key.clone(), taken_back(now, after, was.as_ref())));
            }
            self.write(0, undone, back, None);
        } else {
            self.undo_in_version(line, nth, undone);
            if undone.is_none() {
                return;
            }
        }
        self.count.undos += 1;
        if let Some(version) = merged.filter(|version| !self.lines[*version].is_packed) {
            self.count.merge_undos += 1;
            let tid = self.database().head();
            self.give_back(line, version, tid, (&before, &after), &now);
        }
    }

    fn undo_in_version(&mut self, line: usize, nth: usize, undone: Option<Tid>) {
        let tree = self.tree(line);
        let now = &tree;
        let Line { version, history, .. } = &mut self.lines[line];
        let Commit { before, after, own_before, own_after, .. } = &history[nth];
        let own_was = version.own.clone();
        let (tid, written) = (history[nth].tid, undone.unwrap_or(Tid::MAX));
        let keys: BTreeSet<_> = own_before.keys().chain(own_after.keys()).cloned().collect();
        let oids: BTreeSet<Oid> = keys.iter().map(|(oid, _)| *oid).collect();
        for (oid, key) in keys {
            let at = (oid, key.clone());
            let (was, became) = (own_before.get(&at), own_after.get(&at));
            if was.map(|held| &held.content) == became.map(|held| &held.content) {
                continue;
            }
            let (now, after) = (now.content(oid, &key), after.content(oid, &key));
            let before = before.content(oid, &key);
            let compared = version.own.get(&at).and_then(|held| held.compared.clone());
            let is_as_written = version.own.get(&at).is_some_and(|held| held.written == tid);
            let follows = compared.is_none() && (is_as_written || version.base.content(oid, &at.1) == before);
            let content = match was {
                None if now == after && follows => {
                    version.own.remove(&at);
                    continue;
                }
                None if now == after => before.cloned(),
                Some(was) if now == after => was.content.clone(),
                _ if now == before => continue,
                _ => taken_back(now, after, before),
            };
            version.own.insert(at, Held { content, compared, written });
        }
        let stands = version.tree();
        for ((oid, key), held) in own_before.iter().filter(|((oid, _), _)| oids.contains(oid)) {
            let comes_back = tree.place(*oid).is_none() && stands.place(*oid).is_some();
            let at = (*oid, key.clone());
            let is_lost =
                !version.own.contains_key(&at) && version.base.content(*oid, key) != held.content.as_ref();
            if comes_back && is_lost {
                version.own.insert(at, Held { content: held.content.clone(), compared: None, written });
            }
        }
        if let Some(tid) = undone {
            let (own_after, after) = (version.own.clone(), version.tree());
            history.push(Commit { tid, before: tree, after, own_before: own_was, own_after, merged: None });
        } else {
            assert_eq!(own_was, version.own, "it did nothing");
        }
    }

    /// The undo of a merge gives the version back what it had merged.
    fn give_back(
        &mut self,
        line: usize,
        version: usize,
        tid: Tid,
        (before, after): (&Tree, &Tree),
        was: &Tree,
    ) {
        let then = self.tree(line);
        let seen = self.tree(version);
        let Line { version, status, .. } = &mut self.lines[version];
        for (oid, key, back) in after.changes_to(before) {
            let (content, written) = match version.own.get(&(oid, key.clone())) {
                Some(held) => (held.content.clone(), held.written),
                None => (seen.content(oid, &key).cloned(), tid),
            };
            let is_plain = was.content(oid, &key) == after.content(oid, &key);
            let compared = if is_plain { then.content(oid, &key).cloned() } else { back };
            version.own.insert((oid, key), Held { content, compared: Some(compared), written });
        }
        *status = LineStatus::Open;
    }
}

fn taken_back(now: Option<&Content>, after: Option<&Content>, before: Option<&Content>) -> Option<Content> {
    if now == before {
        return now.cloned();
    }
    let never = |large: &bough_core::object::Large| panic!("nothing here is large: {large:?}");
    match merge_contents(MergePolicy::ByKind, after, now, before, &never).unwrap() {
        Merge::Settled(content) => content,
        Merge::Conflict => panic!("it should be blocked: {after:?}, {now:?}, {before:?}"),
    }
}
