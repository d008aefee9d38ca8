//! What can go wrong for an application, in one type, so that `?` works all through it.

use bough_core::name::{NameError, PathError};
use bough_core::object_type::MethodError;
use bough_core::snapshot::ReadError;
use bough_core::transaction::TransactionError;
use bough_core::{Name, ObjectPath};
use bough_store::version::VersionError;
use bough_store::{BlobError, CommitError, HistoryError, OpenError, StoreError};

/// Why the site did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that is no path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A text that is no name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Nothing is at the path.
    #[error("there is nothing at `{path}`: `{reached}` has no child `{missing}`")]
    NothingAt {
        /// What was asked for.
        path: ObjectPath,
        /// How far the path leads.
        reached: ObjectPath,
        /// The first step that leads nowhere.
        missing: Name,
    },
    /// The root was to be made, moved or deleted.
    #[error("`/` cannot be made, moved or deleted")]
    Root,
    /// The object has no such attribute.
    #[error("`{path}` has no attribute `{attribute}`")]
    NoAttribute {
        /// The object.
        path: ObjectPath,
        /// What was asked for.
        attribute: String,
    },
    /// The attribute holds something else.
    #[error("attribute `{attribute}` of `{path}`: expected {expected}, found {found}")]
    OtherKind {
        /// The object.
        path: ObjectPath,
        /// The attribute.
        attribute: String,
        /// The kind that was asked for.
        expected: &'static str,
        /// The kind that it holds.
        found: &'static str,
    },
    /// The object is of another type.
    #[error("`{path}`: expected an object of type `{expected}`, found one of type `{found}`")]
    OtherType {
        /// The object.
        path: ObjectPath,
        /// The type that was asked for.
        expected: Name,
        /// The type that it has.
        found: Name,
    },
    /// Nobody registered a type of that name.
    #[error("there is no type `{name}`: expected one of {known}")]
    UnknownType {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// There is no such user or group.
    #[error("there is no user or group `{name}` that counts at `{near}`")]
    NoAccount {
        /// What was asked for.
        name: String,
        /// Where.
        near: String,
    },
    /// A folder of users would be called something else than `_users`, and so count nowhere.
    #[error("users count only in a folder called `_users`: `{path}` is called otherwise")]
    UsersElsewhere {
        /// Where it was to go.
        path: ObjectPath,
    },
    /// Something could not be done with a password, a session or a token.
    #[error(transparent)]
    Account(#[from] bough_web::auth::AccountError),
    /// A change was refused.
    #[error(transparent)]
    Refused(#[from] TransactionError),
    /// A method refused, or there is none.
    #[error("cannot call `{method}` of `{path}`")]
    Method {
        /// The object.
        path: ObjectPath,
        /// The method.
        method: String,
        /// Why.
        source: MethodError,
    },
    /// The transaction did not become a commit.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Bytes could not be put aside.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The past did not answer.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The commits could not be undone.
    #[error(transparent)]
    Undo(#[from] bough_store::UndoError),
    /// Something could not be done with a version.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// It could not be found out which pages a merge makes different.
    #[error(transparent)]
    Survey(#[from] bough_web::survey::SurveyError),
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The site could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The site could not be closed properly; nothing is lost by that.
    #[error("cannot close the site")]
    Close(#[source] StoreError),
    /// The server could not be started.
    #[error("cannot serve on {address}")]
    Serve {
        /// Where it was to listen.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// What the application itself says inside a transaction; nothing is written.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// Whether the same work, done again, may succeed: others were quicker.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Commit(error) | Self::Version(VersionError::Commit(error)) => error.is_transient(),
            _ => false,
        }
    }
}
