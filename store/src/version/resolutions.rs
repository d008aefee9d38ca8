//! What people decided about the conflicts of a version: kept as soon as it is decided, one by one or many together.
//!
//! A decision counts as long as the conflict is the one that it was made about. It is a side record: undo does not
//! take it back, and nothing else of the version changes by it.
//!
//! However many are decided together, that is planned once: each plan costs as much as the whole version.

use std::collections::{HashMap, HashSet};

use bough_core::merge::plan::{ConflictKey, ConflictKind, Plan, Resolution, Resolutions};

use crate::commit::CommitError;
use crate::database::Database;
use crate::engine::StoreError;
use crate::format::resolution::{Decision, decode_decision, encode_conflict_key, encode_decision};
use crate::line::LineId;
use crate::side::{self, OWN_SPACE, SideWrite};
use crate::version::known::Known;
use crate::version::own_cells::ThreeSides;
use crate::version::{VersionConflict, VersionError};

/// What the keys of decisions begin with, before the number of the version.
const PREFIX: &[u8] = b"decision ";
/// More decisions than this are not looked at.
const DECISIONS_MAX: usize = 100_000;
/// How often what does not settle is left out and the rest tried again: what is left out can be what another needs.
const ROUNDS_MAX: usize = 20;

/// A decision about a conflict, as that was when it was found; none takes back what was decided.
#[derive(Clone, Debug)]
pub struct Decided<'c> {
    /// What it is about.
    pub conflict: &'c VersionConflict,
    /// What is to be.
    pub resolution: Option<Resolution>,
}

/// What becomes of conflicts about which something is decided together. Ids are in the order of the decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The conflicts that are settled, or open again where a decision was taken back.
    pub settled: Vec<String>,
    /// The conflicts that are none any more by what else is decided: they need no decision, and none is kept.
    pub moot: Vec<String>,
    /// The conflicts that would not be settled, and why.
    pub not_settled: Vec<NotSettled>,
    /// How many conflicts are open then, those among them.
    pub open: usize,
}

/// A conflict that a decision does not settle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotSettled {
    /// Its id.
    pub id: String,
    /// Why not.
    pub why: WhyNot,
}

/// Why a decision does not settle a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// Nothing like that can be decided about a conflict of its kind.
    DoesNotFit,
    /// It is about other values by now.
    Changed,
    /// The same conflict would come of it again, as where a name is taken, or types are not the same.
    StaysOpen,
}

impl WhyNot {
    /// The reason in words that go behind the conflict's id.
    pub fn text(self) -> &'static str {
        match self {
            Self::DoesNotFit => "that cannot be chosen for it",
            Self::Changed => "it is about other values by now",
            Self::StaysOpen => "it would stay open, or come again",
        }
    }
}

/// A short text that stands for a conflict, the same in every plan.
pub fn conflict_id(key: &ConflictKey) -> String {
    blake3::hash(&encode_conflict_key(key)).to_hex()[..8].to_owned()
}

fn prefix(line: LineId) -> Vec<u8> {
    [PREFIX, &line.0.to_be_bytes()].concat()
}

fn side_key(line: LineId, key: &ConflictKey) -> Vec<u8> {
    let digest = blake3::hash(&encode_conflict_key(key));
    [&prefix(line)[..], &digest.as_bytes()[..16]].concat()
}

/// Whether such a thing can be decided about such a conflict at all.
fn fits(kind: &ConflictKind, resolution: &Resolution) -> bool {
    match resolution {
        Resolution::Version | Resolution::Parent => true,
        Resolution::Value(_) => matches!(kind, ConflictKind::Cell { .. }),
        Resolution::Both { .. } | Resolution::Same => matches!(kind, ConflictKind::Name { .. }),
        Resolution::Rescue(_) => matches!(kind, ConflictKind::Deleted { .. }),
    }
}

impl Database {
    /// Keeps what was decided about a conflict, by its id; none takes the decision back.
    ///
    /// # Errors
    /// When there is no such conflict (any more), or that does not settle it; then nothing is kept.
    pub fn resolve(
        &self,
        id: &str,
        resolution: Option<Resolution>,
        principal: &str,
    ) -> Result<(), VersionError> {
        let all = self.conflicts()?;
        let missing = || VersionError::NoSuchConflict(id.chars().take(40).collect());
        let conflict = all.iter().find(|found| found.id == id).ok_or_else(missing)?;
        let decided = Decided { conflict, resolution };
        let resolved = self.resolve_many(std::slice::from_ref(&decided), principal)?;
        // Alone it makes nothing else so that there is no such conflict.
        match resolved.moot.is_empty() {
            true => Ok(()),
            false => Err(VersionError::DoesNotSettle(vec![NotSettled {
                id: conflict.id.clone(),
                why: WhyNot::StaysOpen,
            }])),
        }
    }

    /// Keeps what was decided about conflicts of [`Self::conflicts`], all of it or nothing. However many they are, that
    /// is planned once.
    ///
    /// # Errors
    /// [`VersionError::DoesNotSettle`] with each that would not be settled, and why; then nothing is kept.
    pub fn resolve_many(&self, decided: &[Decided<'_>], principal: &str) -> Result<Resolved, VersionError> {
        let tried = self.try_decisions(decided)?;
        if !tried.resolved.not_settled.is_empty() {
            return Err(VersionError::DoesNotSettle(tried.resolved.not_settled));
        }
        let time_micros = self.now_micros();
        let moot: HashSet<&str> = tried.resolved.moot.iter().map(String::as_str).collect();
        let mut writes = Vec::new();
        for Decided { conflict, resolution } in decided {
            // What was moot comes back where another decision is taken back: nobody decided about it then.
            if resolution.is_some() && moot.contains(conflict.id.as_str()) {
                continue;
            }
            let found = &conflict.conflict;
            let value = resolution.as_ref().map(|resolution| {
                encode_decision(&Decision {
                    key: found.key.clone(),
                    fingerprint: found.fingerprint,
                    resolution: resolution.clone(),
                    principal: principal.into(),
                    time_micros,
                })
            });
            let key = side_key(self.line, &found.key);
            writes.push(SideWrite { space: OWN_SPACE, key, value, expires_micros: 0 });
        }
        if !writes.is_empty() {
            self.write_side(&writes)?;
            let engine = &self.inner.engine;
            if let Some(known) = tried.known.after(engine.known.decided()) {
                // It is decided in any case: what cannot be read is told to whoever looks next.
                drop(engine.know_conflicts(&tried.sides, &tried.plan, known));
            }
        }
        Ok(tried.resolved)
    }

    /// What deciding all of that would do. What would not be settled is left out, and the rest is right without it: all
    /// that is said to be settled can be kept by [`Self::resolve_many`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn resolve_preview(&self, decided: &[Decided<'_>]) -> Result<Resolved, VersionError> {
        let mut left = decided.to_vec();
        let mut not_settled = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let mut resolved = self.try_decisions(&left)?.resolved;
            let refused = std::mem::take(&mut resolved.not_settled);
            if refused.is_empty() {
                resolved.not_settled = not_settled;
                return Ok(resolved);
            }
            let ids: HashSet<&str> = refused.iter().map(|one| one.id.as_str()).collect();
            left.retain(|one| !ids.contains(one.conflict.id.as_str()));
            not_settled.extend(refused);
        }
        // What goes round in circles for so long is better looked at one by one.
        let why = WhyNot::StaysOpen;
        not_settled.extend(left.iter().map(|one| NotSettled { id: one.conflict.id.clone(), why }));
        let open = self.try_decisions(&[])?.resolved.open;
        Ok(Resolved { not_settled, open, ..Resolved::default() })
    }

    /// Plans once with these decisions over those that are kept.
    fn try_decisions(&self, decided: &[Decided<'_>]) -> Result<Tried<'_>, VersionError> {
        let engine = &self.inner.engine;
        let sides = ThreeSides::new(engine, self.line, None)?;
        let known = Known::of(engine, &sides)?;
        let mut resolutions = self.resolutions()?;
        let mut resolved = Resolved::default();
        for Decided { conflict, resolution } in decided {
            let found = &conflict.conflict;
            match resolution {
                None => drop(resolutions.remove(&found.key)),
                Some(resolution) if fits(&found.kind, resolution) => {
                    resolutions.insert(found.key.clone(), (found.fingerprint, resolution.clone()));
                }
                Some(_) => {}
            }
        }
        let plan = sides.plan(&sides.cells, &resolutions)?;
        let settled = plan.settled.iter().map(|(conflict, _)| (&conflict.key, (conflict.fingerprint, true)));
        let open = plan.conflicts.iter().map(|conflict| (&conflict.key, (conflict.fingerprint, false)));
        let then: HashMap<&ConflictKey, (u128, bool)> = settled.chain(open).collect();
        resolved.open = plan.conflicts.len();
        for Decided { conflict, resolution } in decided {
            let (id, found) = (conflict.id.clone(), &conflict.conflict);
            let why = match (resolution, then.get(&found.key)) {
                (None, _) => None,
                (Some(resolution), _) if !fits(&found.kind, resolution) => Some(WhyNot::DoesNotFit),
                (Some(_), None) => {
                    resolved.moot.push(id);
                    continue;
                }
                (Some(_), Some((fingerprint, _))) if *fingerprint != found.fingerprint => {
                    Some(WhyNot::Changed)
                }
                (Some(_), Some((_, is_settled))) => (!is_settled).then_some(WhyNot::StaysOpen),
            };
            match why {
                None => resolved.settled.push(id),
                Some(why) => resolved.not_settled.push(NotSettled { id, why }),
            }
        }
        Ok(Tried { sides, plan, known, resolved })
    }

    /// What was decided about conflicts of this version, whether they are still there or not.
    pub(crate) fn resolutions(&self) -> Result<Resolutions, StoreError> {
        let mut resolutions = Resolutions::new();
        for key in self.side_keys(OWN_SPACE, &prefix(self.line), DECISIONS_MAX)? {
            if let Some(bytes) = self.side(OWN_SPACE, &key)? {
                let decision = decode_decision(&bytes)?;
                resolutions.insert(decision.key, (decision.fingerprint, decision.resolution));
            }
        }
        Ok(resolutions)
    }

    /// Forgets all decisions: what they were about is done. That it cannot is no failure of what was done: they count
    /// for no other conflict. Only the leader may.
    pub(crate) fn forget_resolutions(&self) {
        if let Err(error) = self.try_forgetting() {
            tracing::warn!(%error, "decisions about conflicts that are settled could not be removed");
        }
        self.inner.engine.known.decided();
    }

    fn try_forgetting(&self) -> Result<(), CommitError> {
        let keys = self.side_keys(OWN_SPACE, &prefix(self.line), DECISIONS_MAX);
        let keys = keys.map_err(|error| CommitError::Store(std::sync::Arc::new(error)))?;
        if keys.is_empty() {
            return Ok(());
        }
        let forget = |key| SideWrite { space: OWN_SPACE, key, value: None, expires_micros: 0 };
        side::write(&self.inner.engine, &keys.into_iter().map(forget).collect::<Vec<_>>())
    }
}

/// What decisions come to.
struct Tried<'a> {
    sides: ThreeSides<'a>,
    plan: Plan,
    known: Known,
    resolved: Resolved,
}
