//! Where errors become responses and log lines, and nowhere else.
//!
//! A client gets the acquired template `error-404.html` (or whatever the status is), else `error.html`, else a page
//! that is always there. It is told what it can do about it and an id, never what went on inside; the log line with
//! the same id tells that.
//!
//! # Invariants
//! - An error in an error page ends at the page that is always there.
//! - Nothing that a client sent, and nothing from inside, gets into a page unescaped.

use std::borrow::Cow;
use std::fmt::Write as _;

use axum::http::StatusCode;
use bough_core::Tid;
use bough_core::object_type::MethodError;
use bough_core::outside::OutsideError;
use bough_core::security::Denial;
use bough_core::snapshot::ReadError;
use bough_store::HistoryError;
use bough_store::version::VersionError;

use crate::auth::{AccountError, Wait};
use crate::problem::{Code, Problem};
use crate::publisher::moment::FORMS;
use crate::publisher::path::PathProblem;
use crate::template::TemplateError;

/// Why a request was not answered with what it asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    #[error("the path was refused: {0}")]
    Path(#[from] PathProblem),
    #[error("the host `{0}` is not served here")]
    Host(String),
    #[error("the request names two hosts")]
    TwoHosts,
    #[error("the body of {bytes} bytes is longer than {max}")]
    Body { bytes: u64, max: u64 },
    #[error("the body did not come to its end: {0}")]
    BodyCut(String),
    #[error("the body did not come in time")]
    BodyLate,
    #[error("cannot keep the body until it is worked with")]
    Spool(#[source] std::io::Error),
    #[error("nothing is there")]
    NotFound,
    #[error("the host's place `{0}` is not in the tree")]
    NoSubtree(String),
    #[error("`{0}` is no moment")]
    Moment(String),
    #[error("the moment lies after the head {head}")]
    Future { head: Tid },
    #[error("the moment lies before {horizon}, to where the history was packed")]
    Packed { horizon: Tid },
    #[error("there is no version `{name}`")]
    NoVersion { name: String, open: Vec<String> },
    #[error("version `{0}` was discarded")]
    Discarded(String),
    #[error("the moment lies before {opened}, when version `{name}` was opened")]
    NotOpened { name: String, opened: Tid },
    #[error("the request names two versions")]
    VersionTwice,
    #[error("the preview link is expired or was taken back")]
    LinkGone,
    #[error("cannot look for a version")]
    Versions(#[source] VersionError),
    #[error("a page of another site made the request")]
    CrossSite,
    #[error("the method is not allowed")]
    Method { allow: Cow<'static, str> },
    #[error("somebody has to log in first")]
    LogIn,
    #[error("too many tries to log in: wait {} s", .0.secs)]
    TooMany(Wait),
    #[error("not allowed: it takes the permission `{0}`")]
    Forbidden(String),
    /// What the store says; who asks is told less.
    #[error("not allowed to change {} thing(s)", .0.len())]
    Denied(Vec<Denial>),
    #[error("argument: {0}")]
    Argument(String),
    #[error("the link's target is not usable: {0}")]
    Link(String),
    #[error("the range lies outside of the {bytes} bytes")]
    Range { bytes: u64 },
    #[error("all places for rendering were taken until the time was over")]
    Busy,
    #[error("rendering took longer than it may")]
    TooSlow,
    #[error("panicked: {0}")]
    Panicked(String),
    #[error("cannot read the site")]
    Read(#[from] ReadError),
    #[error("cannot read the history")]
    History(#[source] HistoryError),
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error("the method failed")]
    Call(#[source] MethodError),
    #[error("the answer cannot be sent: {0}")]
    Reply(String),
    #[error("cannot look after the accounts")]
    Accounts(#[source] AccountError),
    /// What only programs ask for.
    #[error("{0}")]
    Problem(Problem),
    /// The same, with what the log should know.
    #[error("{0}")]
    Failed(Problem, #[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<Problem> for PublishError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<AccountError> for PublishError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Busy => Self::Busy,
            AccountError::Read(error) => Self::Read(error),
            other => Self::Accounts(other),
        }
    }
}

impl From<HistoryError> for PublishError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Packed { horizon, .. } => Self::Packed { horizon },
            HistoryError::Future { head, .. } => Self::Future { head },
            HistoryError::NoSuchCommit(_) | HistoryError::BeforeSite { .. } => {
                Problem::new(Code::NotFound, error.to_string()).into()
            }
            other => Self::History(other),
        }
    }
}

impl From<MethodError> for PublishError {
    fn from(error: MethodError) -> Self {
        match error {
            MethodError::NoSuchMethod { .. } => Self::NotFound,
            MethodError::ReadOnly(_) => Self::Method { allow: "GET, HEAD, OPTIONS".into() },
            MethodError::Argument { argument, problem } => Self::Argument(format!("`{argument}` {problem}")),
            MethodError::Refused(why) => Self::Argument(why),
            MethodError::Read(error) => Self::Read(error),
            MethodError::Outside(error) => error.into(),
            other => Self::Call(other),
        }
    }
}

impl From<OutsideError> for PublishError {
    fn from(error: OutsideError) -> Self {
        match error {
            OutsideError::Read(error) => Self::Read(error),
            OutsideError::Denied(permission) => Self::Forbidden(permission.to_owned()),
            OutsideError::Blocked(blocked) => {
                let advice = blocked.advice();
                // People are shown the detail alone.
                let detail = format!("Nothing has left the site: {blocked}. What helps: {advice}.");
                Self::Problem(Problem::new(Code::Outside, detail).advise(advice))
            }
            OutsideError::Failed { .. } => Self::Problem(Problem::new(Code::NoAnswer, format!("{error}."))),
            other => Self::Argument(other.to_string()),
        }
    }
}

impl PublishError {
    /// The status of the response.
    pub(crate) fn status(&self) -> StatusCode {
        self.code().facts().1
    }

    /// What the client is told.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Path(problem) => problem.to_string(),
            Self::Problem(problem) | Self::Failed(problem, _) => problem.detail().to_owned(),
            Self::Host(_) => "This server does not serve the host that was asked for.".into(),
            Self::TwoHosts => "The request names more than one host: only one can answer it.".into(),
            Self::Body { max, .. } => format!("What was sent is too long: at most {max} bytes are taken."),
            Self::BodyCut(_) => "What was sent did not come to its end.".into(),
            Self::BodyLate => "What was sent did not come in time.".into(),
            Self::NotFound | Self::NoSubtree(_) => {
                "There is nothing at this address. It may have been mistyped, or what was here was deleted."
                    .into()
            }
            Self::Moment(_) => {
                format!(
                    "What follows `@at/` in the address is not a moment. These forms are understood: {FORMS}."
                )
            }
            Self::Future { head } => {
                format!("There is no such commit yet: the newest is {head}. Understood are {FORMS}.")
            }
            Self::Packed { horizon } => {
                format!("The history of that time was packed away: it now begins with {horizon}.")
            }
            Self::NoVersion { name, open } if open.is_empty() => {
                format!("There is no version `{name}`, and no other one is open.")
            }
            Self::NoVersion { name, open } => {
                format!("There is no version `{name}`. These are open: {}.", open.join(", "))
            }
            Self::Discarded(name) => {
                format!(
                    "Version `{name}` was thrown away. It can be opened again as long as it is not packed."
                )
            }
            Self::NotOpened { name, opened } => {
                format!("Version `{name}` was opened with {opened}: before, there was nothing of it.")
            }
            Self::VersionTwice => {
                "The request names one version inside of another: only one can be shown.".into()
            }
            Self::LinkGone => "This preview link has expired or was taken back. \
                 Please ask whoever gave it to you for a new one."
                .into(),
            Self::Method { .. } => "That cannot be done at this address.".into(),
            Self::LogIn | Self::Template(TemplateError::Denied { asks: false }) => {
                "This is not for everybody. Please log in.".into()
            }
            Self::TooMany(_) => {
                "There were too many tries to log in. Please wait a moment, then try again.".into()
            }
            Self::Forbidden(permission) => {
                format!(
                    "You are logged in, but this takes the permission \"{permission}\" here, which you do not have."
                )
            }
            Self::Denied(_) => "You are logged in, but you may not change that.".into(),
            Self::Template(TemplateError::Denied { asks: true }) => {
                "You are logged in, but this page shows something that you may not see.".into()
            }
            Self::CrossSite => {
                "A page of another site made this request, or the browser does not say which page did. \
                 Please go to this site's own page and try again there."
                    .into()
            }
            Self::Argument(problem) => format!("The request cannot be answered: {problem}."),
            Self::Link(_) => "This link leads nowhere: its target is gone or is not an address.".into(),
            Self::Range { bytes } => format!("The range lies outside of the document: it has {bytes} bytes."),
            Self::Busy => "The server has more to do than it can. Please try again in a moment.".into(),
            Self::TooSlow | Self::Template(TemplateError::OutOfTime { .. }) => {
                "This page takes longer to make than it may. Please try again later.".into()
            }
            _ => {
                "Something went wrong while making this page. It was recorded; the id below helps to find it."
                    .into()
            }
        }
    }

    /// The same for programs.
    pub(crate) fn problem(&self) -> Problem {
        match self {
            Self::Problem(problem) | Self::Failed(problem, _) => problem.clone(),
            _ => Problem::new(self.code(), self.message()),
        }
    }

    /// What kind of failure it is: the one table from which people and programs get the status.
    fn code(&self) -> Code {
        match self {
            Self::Problem(problem) | Self::Failed(problem, _) => problem.code,
            Self::Path(PathProblem::TooLong { .. } | PathProblem::TooManySteps(_)) => Code::PathTooLong,
            Self::Path(_) => Code::Path,
            Self::Host(_) => Code::Host,
            Self::Body { .. } => Code::TooLong,
            Self::BodyCut(_) => Code::Body,
            Self::BodyLate => Code::BodyLate,
            Self::NotFound
            | Self::NoSubtree(_)
            | Self::Future { .. }
            | Self::NoVersion { .. }
            | Self::NotOpened { .. }
            | Self::Link(_) => Code::NotFound,
            Self::Packed { .. } | Self::Discarded(_) | Self::LinkGone => Code::Gone,
            Self::Moment(_) | Self::Argument(_) | Self::VersionTwice | Self::TwoHosts => Code::Argument,
            Self::CrossSite => Code::Origin,
            Self::TooMany(_) => Code::TooMany,
            Self::Method { .. } => Code::Method,
            Self::LogIn | Self::Template(TemplateError::Denied { asks: false }) => Code::LogIn,
            Self::Forbidden(_) | Self::Denied(_) | Self::Template(TemplateError::Denied { asks: true }) => {
                Code::Denied
            }
            Self::Range { .. } => Code::Range,
            Self::Busy => Code::Busy,
            Self::TooSlow | Self::Template(TemplateError::OutOfTime { .. }) => Code::TooSlow,
            Self::Panicked(_)
            | Self::Spool(_)
            | Self::Read(_)
            | Self::History(_)
            | Self::Versions(_)
            | Self::Template(_)
            | Self::Call(_)
            | Self::Accounts(_)
            | Self::Reply(_) => Code::Internal,
        }
    }

    /// Whether the fault is the server's, so that it belongs in the log.
    pub(crate) fn is_internal(&self) -> bool {
        self.status().is_server_error() || matches!(self, Self::NoSubtree(_) | Self::Link(_))
    }

    /// The whole story, for the log.
    pub(crate) fn story(&self) -> String {
        let mut story = self.to_string();
        let mut source = std::error::Error::source(self);
        // A chain of causes longer than this tells nobody more.
        for _ in 0..16 {
            let Some(cause) = source else { break };
            let _ = write!(story, ": {cause}");
            source = cause.source();
        }
        story
    }
}

/// What an error page is made of.
#[derive(Clone, Debug)]
pub(crate) struct ErrorPage {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    pub(crate) error_id: String,
}

impl ErrorPage {
    /// A few words for the status, as in "Not found".
    pub(crate) fn reason(&self) -> String {
        let reason = self.status.canonical_reason().unwrap_or("Error").to_lowercase();
        let mut letters = reason.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    }

    /// The page that is always there, with a link to the start page where there is one.
    pub(crate) fn fallback(&self, home: Option<&str>) -> String {
        let (reason, message) = (self.reason(), escape(&self.message));
        let home = home.map_or_else(String::new, |home| {
            format!("<p><a href=\"{}\">To the start page</a></p>", escape(home))
        });
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{reason}</title>\
             <style>:root{{color-scheme:light dark}}body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:36rem;\
             margin:15vh auto;padding:0 1.5rem}}small{{opacity:.7}}</style></head>\
             <body><main><h1>{reason}</h1><p>{message}</p>{home}<p><small>{} &middot; {}</small></p></main></body></html>\n",
            self.status.as_u16(),
            self.error_id,
        )
    }
}

/// Text as HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fallback_page_escapes_what_it_is_given() {
        let page = ErrorPage {
            status: StatusCode::NOT_FOUND,
            message: "<script>\"&'".into(),
            error_id: "1f".into(),
        };
        assert_eq!(page.reason(), "Not found");
        assert!(page.fallback(Some("/")).contains("&lt;script&gt;&quot;&amp;&#39;"));
    }

    #[test]
    fn each_failure_has_its_status() {
        for (error, status) in [
            (PublishError::NotFound, 404),
            (PublishError::Busy, 503),
            (PublishError::LinkGone, 410),
            (PublishError::Argument("x".into()), 400),
            (PublishError::Body { bytes: 2, max: 1 }, 413),
            (PublishError::BodyLate, 408),
            (PublishError::Reply("x".into()), 500),
            (PublishError::Path(PathProblem::Dots), 400),
            (PublishError::Path(PathProblem::TooLong { bytes: 2, max: 1 }), 414),
            (PublishError::LogIn, 401),
            (PublishError::Forbidden("View".into()), 403),
            (PublishError::CrossSite, 403),
            (PublishError::Host("x".into()), 421),
            (PublishError::Method { allow: "GET".into() }, 405),
            (PublishError::Range { bytes: 1 }, 416),
            (PublishError::TooMany(Wait { secs: 1 }), 429),
        ] {
            assert_eq!(error.status().as_u16(), status, "{error}");
        }
    }

    #[test]
    fn a_client_is_not_told_what_went_on_inside_and_the_log_is() {
        let inside = std::io::Error::other("disk 7 is on fire");
        let error = PublishError::Read(ReadError::new("segment 12", inside));
        assert!(!error.message().contains("segment") && !error.message().contains("fire"));
        assert!(error.story().contains("segment 12") && error.story().contains("fire"), "{}", error.story());
    }
}
