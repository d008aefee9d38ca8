//! Merges, updates, decisions about conflicts, and what is thrown away.

use std::collections::BTreeSet;

use bough_core::merge::plan::{ConflictKind, Plan, Resolution, Side};
use bough_core::{CellKey, Content, Oid, Value};
use bough_store::LineStatus;
use bough_store::version::{Management, MergeChoice, Pick, VersionConflict, VersionError};

use super::same::{assert_plan, assert_same};
use super::{Commit, Line, Play, note};

impl Play {
    fn plan(&self, line: usize, only: Option<&BTreeSet<Oid>>) -> Plan {
        let parent = self.tree(self.open_parent(line));
        let Line { version, resolutions, .. } = &self.lines[line];
        version.plan(&parent, only, &self.options.types, resolutions)
    }

    /// The objects that a version holds something of.
    fn held(&self, line: usize) -> Vec<Oid> {
        let mut held: Vec<Oid> = self.lines[line].version.own.keys().map(|(oid, _)| *oid).collect();
        held.dedup();
        held
    }

    fn picks(&mut self, line: usize) -> BTreeSet<Oid> {
        let held = self.held(line);
        let count = if held.is_empty() { 0 } else { 1 + self.chance.below(held.len().min(4)) };
        (0..count).map(|_| held[self.chance.below(held.len())]).collect()
    }

    pub(super) fn merge(&mut self, line: usize, in_part: bool) {
        self.doing = format!("merge {line}, in part: {in_part}");
        let parent = self.open_parent(line);
        let picks = if in_part { self.picks(line) } else { BTreeSet::new() };
        let choice = MergeChoice {
            only: in_part.then(|| picks.iter().copied().map(Pick::Object).collect()),
            close: false,
        };
        let found = self.on(line).merge(&choice, note());
        if self.lines[line].status != LineStatus::Open {
            found.unwrap_err();
            return;
        }
        if in_part && picks.is_empty() {
            assert!(matches!(found, Err(VersionError::NothingSelected)), "{found:?}");
            return;
        }
        let only = in_part.then(|| self.lines[line].version.closure(&picks, &self.tree(parent)));
        let plan = self.plan(line, only.as_ref());
        match found {
            Err(VersionError::Conflicts(found)) => {
                assert_plan(&found, &plan);
                self.count.conflicts += 1;
            }
            // What it becomes on the parent line cannot be shown over the version's base: an update has to come first.
            Err(VersionError::Incomplete(_)) if in_part => {}
            Err(error) => panic!("{error}: {error:?}"),
            Ok(done) => {
                assert_plan(&done.plan, &plan);
                assert_eq!(done.tid.is_none(), plan.writes.is_empty());
                let Some(tid) = done.tid else {
                    if !in_part && !self.lines[line].version.own.is_empty() {
                        let (tree, tid) = (self.tree(parent), self.database().head());
                        self.lines[line].version.updated(tid, parent, &tree, &plan.writes);
                        self.lines[line].resolutions.clear();
                    }
                    return;
                };
                self.write(parent, tid, cells_of(&plan), Some(line));
                let tree = self.tree(parent);
                match only {
                    None => {
                        self.lines[line].version.merged(parent, &tree);
                        self.lines[line].resolutions.clear();
                        self.count.merges += 1;
                    }
                    Some(only) => {
                        self.lines[line].version.merged_part(tid, &only, &tree);
                        self.count.parts += 1;
                    }
                }
            }
        }
        self.doing.push_str(", looking at the parent line");
        assert_same(&self.on(parent).snapshot(), &self.tree(parent), &mut self.chance);
    }

    pub(super) fn update(&mut self, line: usize) {
        self.doing = format!("update {line}");
        let parent = self.open_parent(line);
        let found = self.on(line).update(None, note());
        if self.lines[line].status != LineStatus::Open {
            found.unwrap_err();
            return;
        }
        let plan = self.plan(line, None);
        match found {
            Err(VersionError::Conflicts(found)) => assert_plan(&found, &plan),
            Err(error) => panic!("{error}: {error:?}"),
            Ok(done) => {
                assert_plan(&done.plan, &plan);
                if let Some(tid) = done.tid {
                    let tree = self.tree(parent);
                    self.lines[line].version.updated(tid, parent, &tree, &plan.writes);
                    self.lines[line].resolutions.clear();
                    self.count.updates += 1;
                }
            }
        }
    }

    /// Decides about a conflict by chance.
    pub(super) fn decide(&mut self, line: usize) {
        self.doing = format!("decide on {line}");
        let plan = self.plan(line, None);
        let database = self.on(line);
        let mut conflicts = database.conflicts().unwrap();
        let number = plan.conflicts.len() + plan.settled.len();
        assert_eq!(conflicts.len(), number, "what was kept of the last look is as it is now");
        conflicts.retain(|conflict| conflict.resolution.is_none());
        if conflicts.is_empty() {
            assert!(plan.conflicts.is_empty());
            return;
        }
        let conflict = &conflicts[self.chance.below(conflicts.len())];
        let resolution = self.resolution(line, conflict);
        self.doing = format!("decide on {line}: {resolution:?} for {:?}", conflict.conflict.key);
        let Line { version, resolutions, .. } = &self.lines[line];
        let mut decided = resolutions.clone();
        let key = conflict.conflict.key.clone();
        decided.insert(key.clone(), (conflict.conflict.fingerprint, resolution.clone()));
        let parent = self.tree(self.open_parent(line));
        let then = version.plan(&parent, None, &self.options.types, &decided);
        let settles = then.settled.iter().any(|(conflict, _)| conflict.key == key);
        match database.resolve(&conflict.id, Some(resolution), "rosa") {
            Ok(()) => {
                assert!(settles);
                self.lines[line].resolutions = decided;
                self.count.decisions += 1;
            }
            Err(VersionError::DoesNotSettle(_)) => assert!(!settles),
            Err(error) => panic!("{error}: {error:?}"),
        }
    }

    fn resolution(&mut self, line: usize, conflict: &VersionConflict) -> Resolution {
        let side = if self.chance.below(2) == 0 { Resolution::Version } else { Resolution::Parent };
        match &conflict.conflict.kind {
            ConflictKind::Cell { .. } if self.chance.below(4) == 0 => match self.chance.below(2) {
                0 => Resolution::Value(Some(Content::Value(Value::Int(77)))),
                _ => Resolution::Value(None),
            },
            ConflictKind::Name { rename, suggested, .. } => match self.chance.below(4) {
                0 => Resolution::Both { rename: *rename, to: suggested.clone() },
                1 => Resolution::Both { rename: Side::Parent, to: suggested.clone() },
                2 => Resolution::Same,
                _ => side,
            },
            ConflictKind::Deleted { inner, container, .. } if self.chance.below(3) == 0 => {
                let live = self.tree(self.open_parent(line)).live();
                let rescued = &inner[self.chance.below(inner.len())];
                let into =
                    if self.chance.below(2) == 0 { *container } else { live[self.chance.below(live.len())] };
                Resolution::Rescue(vec![(rescued.oid, into)])
            }
            _ => side,
        }
    }

    pub(super) fn discard_part(&mut self, line: usize) {
        let picks = self.picks(line);
        self.doing = format!("discard {picks:?} of {line}");
        if picks.is_empty() || self.lines[line].status != LineStatus::Open {
            return;
        }
        let before = (self.tree(line), self.lines[line].version.own.clone());
        let all: Vec<Pick> = picks.iter().copied().map(Pick::Object).collect();
        let done = self.on(line).discard_part(&all, false, note()).unwrap();
        let Line { version, history, .. } = &mut self.lines[line];
        version.discard(&picks);
        let after = version.tree();
        if let Some(tid) = done.tid {
            let own_after = version.own.clone();
            let (before, own_before) = before;
            history.push(Commit { tid, before, after, own_before, own_after, merged: None });
        }
        self.count.discards += 1;
    }

    pub(super) fn manage(&mut self, line: usize) {
        self.doing = format!("close, discard or open {line}");
        let to = [LineStatus::Open, LineStatus::Closed, LineStatus::Open, LineStatus::Discarded]
            [self.chance.below(4)];
        let now = self.lines[line].status;
        match to {
            LineStatus::Discarded if now == LineStatus::Discarded => return,
            LineStatus::Discarded => _ = self.on(line).discard(true, note()).unwrap(),
            to => {
                let change = Management { status: Some(to), ..Management::default() };
                let managed = self.on(line).manage_version(&change, note());
                let holds = !self.lines[line].version.own.is_empty();
                if to == LineStatus::Closed
                    && now == LineStatus::Open
                    && holds
                    && self.has_open_versions(line)
                {
                    assert!(matches!(managed, Err(VersionError::HasVersions(_))), "{managed:?}");
                    return;
                }
                managed.unwrap();
            }
        }
        self.lines[line].status = to;
    }
}

fn cells_of(plan: &Plan) -> Vec<(Oid, CellKey, Option<Content>)> {
    let cells = plan.writes.iter().flat_map(|change| {
        change.cells.iter().map(|(key, content)| (change.oid, key.clone(), content.clone()))
    });
    cells.collect()
}
