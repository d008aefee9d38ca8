//! Why a command failed: what a person is told, and the exit code that a script sees.

use bough::core::transaction::TransactionError;
use bough::store::version::VersionError;
use bough::store::{BlobError, CommitError, Conflict, ConflictReason, HistoryError, OpenError, UndoError};
use serde::{Deserialize, Serialize};

use super::moment::{local, rfc3339};

/// What the exit code of a failed command means. Said in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    /// It was refused, or something broke.
    Refused = 1,
    /// It was not asked for rightly.
    Usage = 2,
    /// Something that it names is not there.
    NotFound = 3,
    /// Others changed the same, or later commits stand against it.
    Conflict = 4,
    /// The data folder is in use, not there or damaged.
    Folder = 5,
}

/// A failed command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    /// What was attempted, on what, what was expected and what was found.
    pub(crate) message: String,
    /// The causes, the nearest first.
    pub(crate) causes: Vec<String>,
    /// What to type next.
    pub(crate) advice: Vec<String>,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), causes: Vec::new(), advice: Vec::new() }
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(Code::Refused, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// A failure with the error that caused it.
    pub(crate) fn because(message: impl Into<String>, cause: &(dyn std::error::Error + 'static)) -> Self {
        let causes = std::iter::successors(Some(cause), |cause| cause.source());
        Self { causes: causes.map(ToString::to_string).collect(), ..Self::refused(message) }
    }

    #[must_use]
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice.push(advice.into());
        self
    }

    #[must_use]
    pub(crate) fn with_code(self, code: Code) -> Self {
        Self { code, ..self }
    }

    /// The same with advice for the version that the command worked in.
    #[must_use]
    pub(crate) fn in_version(mut self, name: &str) -> Self {
        for advice in &mut self.advice {
            if advice.starts_with("bough ") && !advice.starts_with("bough version ") {
                advice.push_str(&format!(" --version {name}"));
            }
        }
        self
    }

    /// The failure that an error stands for: its message, then its causes.
    pub(crate) fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut texts = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
        let message = texts.next().unwrap_or_default();
        // A transparent error repeats its source.
        let causes = texts.filter(|text| *text != message).collect();
        Self { causes, ..Self::refused(message) }
    }
}

impl From<bough::Error> for Failure {
    fn from(error: bough::Error) -> Self {
        let failure = Self::of(&error);
        match &error {
            bough::Error::NothingAt { reached, .. } => {
                failure.with_code(Code::NotFound).advise(format!("bough ls {}", quoted(&reached.to_string())))
            }
            bough::Error::NoAttribute { path, .. } => failure
                .with_code(Code::NotFound)
                .advise(format!("bough cat --json {}", quoted(&path.to_string()))),
            bough::Error::NoAccount { .. } => {
                failure.with_code(Code::NotFound).advise("bough user list --all")
            }
            bough::Error::Path(_) | bough::Error::Name(_) | bough::Error::UnknownType { .. } => {
                failure.with_code(Code::Usage)
            }
            bough::Error::Commit(error) => Self::from_commit(failure, error),
            bough::Error::History(error) => from_history(failure, error),
            bough::Error::Undo(error) => from_undo(failure, error),
            bough::Error::Refused(error) => from_refusal(failure, error),
            bough::Error::Version(error) => from_version(failure, error),
            bough::Error::Open(error) => from_open(failure, error),
            _ => failure,
        }
    }
}

impl Failure {
    fn from_commit(mut failure: Self, error: &CommitError) -> Self {
        if let CommitError::VersionClosed { name, .. } = error {
            return failure.advise(format!("bough version reopen {name}"));
        }
        let CommitError::Conflict { conflicts, .. } = error else { return failure };
        failure.causes.extend(conflicts.iter().take(20).map(conflict_text));
        failure
            .with_code(Code::Conflict)
            .advise("the same command again: others changed the same things meanwhile")
    }
}

/// What stands against a change, in words.
fn conflict_text(conflict: &Conflict) -> String {
    let what = match &conflict.reason {
        ConflictReason::Cell(cell) => format!("`{}` was changed meanwhile", cell.cell),
        ConflictReason::Deleted => "it was deleted meanwhile".to_owned(),
        ConflictReason::Changed(cell) => format!("`{cell}` had to stay as it was and was changed meanwhile"),
        ConflictReason::Structure(violation) => violation.to_string(),
        ConflictReason::TooManyCells => "it would have too many attributes".to_owned(),
        other => format!("{other:?}"),
    };
    let since = conflict.since.map_or_else(String::new, |tid| format!(" in {tid}"));
    format!("object {}: {what}{since}", conflict.oid)
}

fn from_history(failure: Failure, error: &HistoryError) -> Failure {
    match error {
        HistoryError::NoSuchCommit(_) => failure.with_code(Code::NotFound).advise("bough log"),
        HistoryError::BeforeSite { first } => {
            let at = local(&rfc3339(first.as_micros()));
            let mut failure = failure.with_code(Code::NotFound);
            failure.message.push_str(&format!(", of {at}"));
            failure
        }
        HistoryError::Packed { .. } | HistoryError::Future { .. } | HistoryError::NotOpened { .. } => {
            failure.with_code(Code::NotFound)
        }
        _ => failure,
    }
}

fn from_undo(failure: Failure, error: &UndoError) -> Failure {
    match error {
        UndoError::Blocked { .. } => failure.with_code(Code::Conflict),
        UndoError::History(error) => from_history(failure, error),
        UndoError::Commit(error) => Failure::from_commit(failure, error),
        _ => failure,
    }
}

fn from_version(mut failure: Failure, error: &VersionError) -> Failure {
    match error {
        VersionError::NoSuchVersion { similar, .. } if similar.is_empty() => {
            failure.with_code(Code::NotFound).advise("bough version create NAME")
        }
        VersionError::NoSuchVersion { .. } => failure.with_code(Code::NotFound).advise("bough version list"),
        VersionError::NoSuchConflict(_) => failure.with_code(Code::NotFound),
        VersionError::BadName(_)
        | VersionError::TooLong { .. }
        | VersionError::DoesNotSettle(_)
        | VersionError::NothingSelected => failure.with_code(Code::Usage),
        VersionError::NameTaken(name) => failure.advise(format!("bough version show {name}")),
        VersionError::HasVersions(on_it) => match on_it.first() {
            Some(first) => failure.advise(format!("bough version show {first}")),
            None => failure,
        },
        VersionError::PackedAway { .. } => {
            failure.with_code(Code::NotFound).advise("bough version list --all")
        }
        VersionError::Status { name, .. } => failure.advise(format!("bough version show {name}")),
        VersionError::Conflicts(_) => failure.with_code(Code::Conflict),
        VersionError::Incomplete(conflicts) | VersionError::DoesNotFit(conflicts) => {
            failure.causes.extend(conflicts.iter().take(20).map(conflict_text));
            failure.with_code(Code::Conflict)
        }
        VersionError::History(error) => from_history(failure, error),
        VersionError::Commit(error) => Failure::from_commit(failure, error),
        _ => failure,
    }
}

fn from_refusal(failure: Failure, error: &TransactionError) -> Failure {
    match error {
        TransactionError::NoSuchObject(_) | TransactionError::NoSuchPath(_) => {
            failure.with_code(Code::NotFound)
        }
        _ => failure,
    }
}

pub(crate) fn from_open(failure: Failure, error: &OpenError) -> Failure {
    let failure = failure.with_code(Code::Folder);
    match error {
        OpenError::Locked { holder: Some(pid), .. } => {
            let what = command_line(*pid).map_or_else(String::new, |line| format!(" ({line})"));
            failure.advise(format!("wait for process {pid}{what} to end, or stop it: kill {pid}"))
        }
        OpenError::Locked { .. } => failure.advise("wait for the other process to end"),
        _ => failure.advise("another site with --data FOLDER"),
    }
}

/// What a process was started as, where the system tells.
pub(crate) fn command_line(pid: u32) -> Option<String> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(&line).replace('\0', " ");
    let shown: String = text.trim().chars().filter(|c| !c.is_control()).take(200).collect();
    (!shown.is_empty()).then_some(shown)
}

/// The argument as a shell takes it.
pub(crate) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Makes a [`Failure`] of every error that has a place in [`bough::Error`].
macro_rules! failures {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                bough::Error::from(error).into()
            }
        })*
    };
}
failures!(
    CommitError,
    HistoryError,
    UndoError,
    VersionError,
    TransactionError,
    BlobError,
    OpenError,
    bough::web::auth::AccountError,
    bough::core::snapshot::ReadError,
    bough::core::name::NameError,
    bough::core::name::PathError,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_can_be_pasted_into_a_shell() {
        for (text, expected) in
            [("/a/b.html", "/a/b.html"), ("/a b", "'/a b'"), ("it's", r"'it'\''s'"), ("", "''")]
        {
            assert_eq!(quoted(text), expected);
        }
    }
}
