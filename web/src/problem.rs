//! Problems: what a program is told when a request fails (RFC 9457, `application/problem+json`).
//!
//! Every problem has a code that stays the same over releases; this file is the one table of them.

use std::fmt;

use axum::http::StatusCode;
use serde_json::{Map, Value as Json};

/// The media type of a problem.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($variant:ident $code:literal $status:ident $title:literal)*) => {
        /// What kind of problem it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code { $($variant),* }

        impl Code {
            /// All of them, for the description of the interface.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code, its status and its title.
            pub(crate) fn facts(self) -> (&'static str, StatusCode, &'static str) {
                match self { $(Self::$variant => ($code, StatusCode::$status, $title)),* }
            }
        }
    };
}

codes! {
    Path "path" BAD_REQUEST "The address cannot be read"
    PathTooLong "path-too-long" URI_TOO_LONG "The address is too long"
    Argument "argument" BAD_REQUEST "The request cannot be answered as it is"
    Json "json" BAD_REQUEST "The JSON cannot be read"
    Form "form" BAD_REQUEST "The form cannot be read"
    Body "body" BAD_REQUEST "The body did not come to its end"
    BodyLate "body-late" REQUEST_TIMEOUT "The body did not come in time"
    TooLong "too-long" PAYLOAD_TOO_LARGE "The body is too long"
    MediaType "media-type" UNSUPPORTED_MEDIA_TYPE "Bodies of this media type are not taken here"
    Name "name" UNPROCESSABLE_ENTITY "Nothing can have this name"
    Value "value" UNPROCESSABLE_ENTITY "No attribute can hold this value"
    UnknownType "unknown-type" UNPROCESSABLE_ENTITY "There is no such type"
    NotTaken "not-taken" UNPROCESSABLE_ENTITY "The container does not take such an object"
    Host "host" MISDIRECTED_REQUEST "This server does not serve the host"
    NotFound "not-found" NOT_FOUND "Nothing is here"
    Gone "gone" GONE "It is gone"
    Method "method" METHOD_NOT_ALLOWED "This cannot be done here"
    LogIn "log-in" UNAUTHORIZED "Somebody has to log in first"
    Denied "denied" FORBIDDEN "This is not allowed"
    Outside "outside" FORBIDDEN "This does not leave the site from here"
    NoAnswer "no-answer" BAD_GATEWAY "What lies outside did not answer"
    Origin "origin" FORBIDDEN "The request comes from another site"
    TooMany "too-many" TOO_MANY_REQUESTS "Too many tries"
    Precondition "precondition" PRECONDITION_FAILED "It is not as the request says"
    Conflict "conflict" CONFLICT "Others changed the same"
    NameTaken "name-taken" CONFLICT "The name is taken"
    Place "place" CONFLICT "It cannot stand there"
    Blocked "blocked" CONFLICT "Later commits stand against it"
    Unsettled "unsettled" CONFLICT "Conflicts have to be settled first"
    VersionStatus "version-status" CONFLICT "The version is not in that state"
    VersionName "version-name" CONFLICT "The name is another version's"
    Choice "choice" UNPROCESSABLE_ENTITY "That cannot be chosen"
    Range "range" RANGE_NOT_SATISFIABLE "The range lies outside"
    Busy "busy" SERVICE_UNAVAILABLE "The server is busy"
    TooSlow "too-slow" SERVICE_UNAVAILABLE "It takes too long"
    Uncertain "uncertain" INTERNAL_SERVER_ERROR "It may not be durable"
    Internal "internal" INTERNAL_SERVER_ERROR "Something went wrong"
}

/// One problem, as the client is told of it.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    said: Box<Said>,
}

#[derive(Clone, Debug, Default)]
struct Said {
    detail: String,
    expected: Option<String>,
    found: Option<String>,
    advice: Option<String>,
    more: Map<String, Json>,
}

impl Problem {
    /// `detail` says what was attempted, on what, and why it was not done.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, said: Box::new(Said { detail: detail.into(), ..Said::default() }) }
    }

    /// What was attempted, and why it was not done.
    pub(crate) fn detail(&self) -> &str {
        &self.said.detail
    }

    /// The same with what was expected.
    #[must_use]
    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.said.expected = Some(expected.into());
        self
    }

    /// The same with what was found instead.
    #[must_use]
    pub(crate) fn found(mut self, found: impl Into<String>) -> Self {
        self.said.found = Some(found.into());
        self
    }

    /// The same with what to do about it.
    #[must_use]
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.said.advice = Some(advice.into());
        self
    }

    /// The same with a further member.
    #[must_use]
    pub(crate) fn with(mut self, member: &str, value: impl Into<Json>) -> Self {
        self.said.more.insert(member.to_owned(), value.into());
        self
    }

    /// As it is sent. `id` is the one under which the log knows the request.
    pub(crate) fn to_json(&self, id: &str) -> Json {
        let (code, status, title) = self.code.facts();
        let said = &self.said;
        let mut members = said.more.clone();
        let mut put = |member: &str, value: Json| members.insert(member.to_owned(), value);
        put("type", format!("urn:bough:problem:{code}").into());
        put("title", title.into());
        put("status", status.as_u16().into());
        put("detail", said.detail.as_str().into());
        put("code", code.into());
        put("id", id.into());
        for (member, text) in [("expected", &said.expected), ("found", &said.found), ("advice", &said.advice)]
        {
            if let Some(text) = text {
                put(member, text.as_str().into());
            }
        }
        Json::Object(members)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.facts().0, self.detail())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_codes_are_the_same() {
        let mut codes: Vec<_> = Code::ALL.iter().map(|code| code.facts().0).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Code::ALL.len());
    }
}
