//! What pages answer, and what they fail with.

use axum::http::StatusCode;
use bough_core::snapshot::ReadError;
use bough_store::Body;
use bytes::Bytes;

use crate::error::PublishError;
use crate::problem::{Code, Problem};

/// What a page answers.
pub enum PageAnswer {
    /// A page.
    Html {
        /// The status.
        status: StatusCode,
        /// The whole of it.
        html: String,
    },
    /// "Look there": a path of this site, which the browser asks for by GET.
    SeeOther(String),
    /// A value, for the scripts of pages.
    Json(serde_json::Value),
    /// A file that is the same for ever at its URL.
    Asset {
        /// Its media type.
        media_type: &'static str,
        /// Its bytes.
        bytes: Bytes,
    },
    /// A file to be saved.
    Download {
        /// What it is to be called.
        name: String,
        /// Its bytes.
        body: Body,
    },
}

impl PageAnswer {
    /// A page that was found.
    pub fn html(html: String) -> Self {
        Self::Html { status: StatusCode::OK, html }
    }
}

/// Why a page could not be shown, or a form not be carried out.
#[derive(Debug)]
pub struct PageError(pub(super) PublishError);

impl PageError {
    /// Whoever asks has to say who he is.
    pub fn log_in() -> Self {
        Self(PublishError::LogIn)
    }

    /// Nothing is there, or nothing that may be seen.
    pub fn not_found() -> Self {
        Self(PublishError::NotFound)
    }

    /// It takes this permission.
    pub fn forbidden(permission: &str) -> Self {
        Self(PublishError::Forbidden(permission.to_owned()))
    }

    /// What was sent cannot be used: a whole sentence that says what was expected, and what to do.
    pub fn refused(sentence: impl Into<String>) -> Self {
        Self(Problem::new(Code::Argument, sentence).into())
    }

    /// Whoever asks may not do that, for a reason that is no permission by itself: a whole sentence that says who may.
    pub fn denied(sentence: impl Into<String>) -> Self {
        Self(Problem::new(Code::Denied, sentence).into())
    }

    /// The form was shown too long ago, or to another browser.
    pub fn form_expired() -> Self {
        let detail = "this form was shown too long ago, or your browser takes no cookies";
        Self(
            Problem::new(Code::Denied, detail)
                .advise("go back, load the page again, and send it once more")
                .into(),
        )
    }

    /// The status of a response that says so.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// What to tell people.
    pub fn message(&self) -> String {
        self.0.message()
    }

    /// Whether only logging in helps.
    pub fn is_log_in(&self) -> bool {
        self.0.status() == StatusCode::UNAUTHORIZED
    }

    /// The whole story, for the log; not for people.
    pub fn story(&self) -> String {
        self.0.story()
    }

    /// Whether the server is at fault, which belongs in the log.
    pub fn is_internal(&self) -> bool {
        self.0.is_internal()
    }
}

/// Everything that the store and the core fail with has its message and status from the one table of errors.
macro_rules! from {
    ($($error:ty),* $(,)?) => { $(
        impl From<$error> for PageError {
            fn from(error: $error) -> Self {
                Self(error.into())
            }
        }
    )* };
}

from!(
    ReadError,
    bough_core::transaction::TransactionError,
    bough_store::StoreError,
    bough_store::CommitError,
    bough_store::BlobError,
    bough_store::HistoryError,
    bough_store::UndoError,
    bough_store::version::VersionError,
    crate::auth::AccountError,
    crate::preview::PreviewError,
    crate::survey::SurveyError,
);

impl From<PublishError> for PageError {
    fn from(error: PublishError) -> Self {
        Self(error)
    }
}
