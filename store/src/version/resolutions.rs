//! What people decided about the conflicts of a version: kept one by one, as soon as it is decided.
//!
//! A decision counts as long as the conflict is the one that it was made about. It is a side record: undo does not
//! take it back, and nothing else of the version changes by it.

use bough_core::merge::plan::{Conflict, ConflictKey, Resolution, Resolutions};

use crate::commit::CommitError;
use crate::database::Database;
use crate::engine::StoreError;
use crate::format::resolution::{Decision, decode_decision, encode_conflict_key, encode_decision};
use crate::line::LineId;
use crate::side::{self, OWN_SPACE, SideWrite};
use crate::version::own_cells::ThreeSides;
use crate::version::{VersionConflict, VersionError};

/// What the keys of decisions begin with, before the number of the version.
const PREFIX: &[u8] = b"decision ";
/// More decisions than this are not looked at.
const DECISIONS_MAX: usize = 100_000;

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

impl Database {
    /// What stands against a merge of this version now, and what was settled of that.
    ///
    /// # Errors
    /// [`VersionError::Trunk`] on the trunk.
    pub fn conflicts(&self) -> Result<Vec<VersionConflict>, VersionError> {
        let plan = self.merge_preview(&super::reconcile::MergeChoice::default())?;
        Ok(plan.conflicts.into_iter().chain(plan.settled).collect())
    }

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
        let engine = &self.inner.engine;
        let sides = ThreeSides::new(engine, self.line, None)?;
        let mut resolutions = self.resolutions()?;
        let plan = sides.plan(&sides.cells, &resolutions)?;
        let all = plan.conflicts.iter().chain(plan.settled.iter().map(|(conflict, _)| conflict));
        let found = all.into_iter().find(|conflict| conflict_id(&conflict.key) == id);
        let Some(Conflict { key, fingerprint, .. }) = found else {
            return Err(VersionError::NoSuchConflict(id.chars().take(40).collect()));
        };
        let value = match resolution {
            None => None,
            Some(resolution) => {
                resolutions.insert(key.clone(), (*fingerprint, resolution.clone()));
                let then = sides.plan(&sides.cells, &resolutions)?;
                if !then.settled.iter().any(|(conflict, _)| conflict.key == *key) {
                    return Err(VersionError::DoesNotSettle);
                }
                let decision = Decision {
                    key: key.clone(),
                    fingerprint: *fingerprint,
                    resolution,
                    principal: principal.into(),
                    time_micros: self.now_micros(),
                };
                Some(encode_decision(&decision))
            }
        };
        let key = side_key(self.line, key);
        Ok(self.write_side(&[SideWrite { space: OWN_SPACE, key, value, expires_micros: 0 }])?)
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
