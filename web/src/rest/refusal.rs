//! What the store refuses, as problems.

use bough_core::transaction::TransactionError;
use bough_store::version::VersionError;
use bough_store::{BlobError, CommitError, Conflict, ConflictReason, StoreError, UndoError};
use serde_json::{Value as Json, json};

use super::call::cell_text;
use super::value::shown;
use crate::error::PublishError;
use crate::preview::PreviewError;
use crate::problem::{Code, Problem};
use crate::publisher::form::FormError;

/// How many things that stand in the way are named one by one.
pub(super) const NAMED_MAX: usize = 100;

impl From<TransactionError> for PublishError {
    fn from(error: TransactionError) -> Self {
        let code = match &error {
            TransactionError::NoSuchObject(_) | TransactionError::NoSuchPath(_) => Code::NotFound,
            TransactionError::NameTaken { .. } => Code::NameTaken,
            TransactionError::NotAllowedHere { .. } => Code::NotTaken,
            TransactionError::IntoItself(_) | TransactionError::Root | TransactionError::TooDeep(_) => {
                Code::Place
            }
            TransactionError::TooManyCells | TransactionError::Value { .. } => Code::Value,
            TransactionError::Name(_) => Code::Name,
            TransactionError::Read(error) => return Self::Read(error.clone()),
            _ => Code::Internal,
        };
        Problem::new(code, error.to_string()).into()
    }
}

impl From<BlobError> for PublishError {
    fn from(error: BlobError) -> Self {
        internal("the bytes could not be stored: nothing was changed", error)
    }
}

impl From<StoreError> for PublishError {
    fn from(error: StoreError) -> Self {
        internal("the site could not be read", error)
    }
}

impl From<CommitError> for PublishError {
    fn from(error: CommitError) -> Self {
        if let CommitError::Denied(denials) = error {
            return Self::Denied(denials);
        }
        match &error {
            CommitError::Conflict { base, conflicts } => {
                let detail = format!("others changed the same after {base}, and both do not go together");
                let problem = Problem::new(Code::Conflict, detail).with("base", base.to_string());
                let problem = problem.with("conflicts", conflict_list(conflicts));
                problem.advise("look at what others did, and send the request again").into()
            }
            CommitError::VersionClosed { .. } => {
                Problem::new(Code::VersionStatus, error.to_string()).advise("open the version again").into()
            }
            CommitError::Uncertain { .. } => {
                let detail =
                    "the disk failed: whether it was written is not known, and nothing more is written";
                Self::Failed(Problem::new(Code::Uncertain, detail), Box::new(error))
            }
            _ => internal("it could not be written: nothing was changed", error),
        }
    }
}

impl From<UndoError> for PublishError {
    fn from(error: UndoError) -> Self {
        match error {
            UndoError::Blocked { blockers } => {
                let named = blockers.iter().take(NAMED_MAX);
                let named = named.map(|blocker| json!({ "oid": blocker.oid.to_string() }));
                blocked(blockers.len(), named.collect()).into()
            }
            UndoError::History(error) => error.into(),
            UndoError::Commit(error) => error.into(),
            error => Problem::new(Code::Choice, error.to_string()).into(),
        }
    }
}

impl From<VersionError> for PublishError {
    fn from(error: VersionError) -> Self {
        let code = match &error {
            VersionError::NoSuchVersion { .. } | VersionError::NoSuchConflict(_) => Code::NotFound,
            VersionError::BadName(_) => Code::Name,
            VersionError::TooLong { .. } => Code::Value,
            VersionError::PackedAway { .. } => Code::Gone,
            VersionError::NameTaken(_) => Code::VersionName,
            VersionError::Status { .. } | VersionError::HasVersions(_) => Code::VersionStatus,
            VersionError::Conflicts(_) => Code::Unsettled,
            VersionError::Incomplete(conflicts) | VersionError::DoesNotFit(conflicts) => {
                let problem = Problem::new(Code::Choice, error.to_string());
                return problem.with("conflicts", conflict_list(conflicts)).into();
            }
            VersionError::DoesNotSettle(refused) => {
                let list = refused.iter().map(|one| json!({ "id": one.id, "why": one.why.text() }));
                let problem = Problem::new(Code::Choice, error.to_string());
                return problem.with("not_settled", list.collect::<Json>()).into();
            }
            VersionError::History(_) | VersionError::Commit(_) => {
                return match error {
                    VersionError::History(error) => error.into(),
                    VersionError::Commit(error) => error.into(),
                    other => Self::Versions(other),
                };
            }
            _ => Code::Choice,
        };
        Problem::new(code, error.to_string()).into()
    }
}

impl From<PreviewError> for PublishError {
    fn from(error: PreviewError) -> Self {
        match error {
            PreviewError::Version(error) => error.into(),
            PreviewError::Store(error) => error.into(),
            PreviewError::Commit(error) => error.into(),
            error => Problem::new(Code::Choice, error.to_string()).into(),
        }
    }
}

impl From<FormError> for PublishError {
    fn from(error: FormError) -> Self {
        match error {
            FormError::Wrong(_) => Problem::new(Code::Form, error.to_string()).into(),
            FormError::Read(error) => Self::Spool(error),
        }
    }
}

fn internal(detail: &str, error: impl std::error::Error + Send + Sync + 'static) -> PublishError {
    PublishError::Failed(Problem::new(Code::Internal, detail), Box::new(error))
}

/// What is told of an undo that is not done; `named` is what stands in the way, the first of it.
pub(super) fn blocked(count: usize, named: Json) -> Problem {
    let detail = format!("cannot undo: {count} thing(s) stand against it");
    let problem = Problem::new(Code::Blocked, detail).with("blockers", named);
    problem.advise("undo the later commits, too, or name the cells in `choices.skip`")
}

/// What stands in the way, with both sides where it is about a cell.
fn conflict_list(conflicts: &[Conflict]) -> Vec<Json> {
    conflicts.iter().take(NAMED_MAX).map(conflict_json).collect()
}

fn conflict_json(conflict: &Conflict) -> Json {
    let since = conflict.since.map(|tid| tid.to_string());
    let mut json = json!({ "oid": conflict.oid.to_string(), "since": since });
    match &conflict.reason {
        ConflictReason::Cell(cell) => {
            json["reason"] = "it was changed meanwhile".into();
            json["cell"] = cell_text(&cell.cell).into();
            for (side, content) in [("base", &cell.base), ("theirs", &cell.left), ("yours", &cell.right)] {
                json[side] = content.as_ref().map_or(Json::Null, content_json);
            }
        }
        ConflictReason::Changed(cell) => {
            json["reason"] = "it had to stay as it was and was changed meanwhile".into();
            json["cell"] = cell_text(cell).into();
        }
        ConflictReason::Deleted => json["reason"] = "it was deleted meanwhile".into(),
        ConflictReason::Structure(violation) => json["reason"] = violation.to_string().into(),
        ConflictReason::TooManyCells => json["reason"] = "it would have too many attributes".into(),
        _ => json["reason"] = "it cannot stand beside what others did".into(),
    }
    json
}

/// A side of a conflict; what is kept aside is not fetched for it.
fn content_json(content: &bough_core::Content) -> Json {
    use bough_core::Content;
    match content {
        Content::Value(value) => serde_json::to_value(shown(value, &(), None)).unwrap_or(Json::Null),
        Content::Type(name) => json!({ "kind": "text", "value": name.as_str() }),
        Content::Place(place) => {
            json!({ "kind": "place", "container": place.parent.to_string(), "name": place.name.as_str() })
        }
        Content::Large(large) => json!({ "kind": "kept", "value": null, "bytes": large.bytes }),
        _ => Json::Null,
    }
}
