//! Looking: what somebody would be shown at a URL, in a state of the site that need not be any line's.
//!
//! The answer is made as for a request over HTTP, by the same code; only that nobody waits for it. Of long files it is
//! enough to know their tag.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::http::header::{ACCEPT_RANGES, CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderName, Method, Request, Response, StatusCode};
use bough_core::reads::Reads;
use bough_core::security::Actor;
use bough_store::{Database, LineId, Snapshot};

use super::line::Shown;
use super::receive::Received;
use super::visit::Asked;
use super::{Failure, Publisher, Step};
use crate::content::headers::Guard;
use crate::error::PublishError;
use crate::hosts::Origin;

/// What of the head of an answer people notice.
const NOTICED: [HeaderName; 2] = [CONTENT_TYPE, LOCATION];

/// Who looks, from where, at what.
#[derive(Clone)]
pub(crate) struct Onlooker {
    pub(crate) actor: Actor,
    pub(crate) origin: Origin,
    /// The line to which the states belong.
    pub(crate) line: Database,
}

/// Which state of the line is looked at.
#[derive(Clone, Copy)]
pub(crate) enum State<'a> {
    /// As it is.
    Head(&'a Snapshot),
    /// As it would be. Nobody is shown there what he may not see as it is.
    Planned(&'a Snapshot),
}

/// What was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    /// Where the answer leads to.
    pub(crate) location: Option<String>,
    /// Stands for all that there was to see.
    pub(crate) digest: [u8; 32],
}

impl Publisher {
    /// What is shown at `url` in `state`. What is read for that is noted on `reads`.
    pub(crate) fn look(
        self: &Arc<Self>,
        onlooker: &Onlooker,
        state: State<'_>,
        url: &str,
        reads: Option<&Reads>,
    ) -> Result<Seen, PublishError> {
        let request = Request::builder().method(Method::GET).uri(url).body(());
        let (parts, ()) = request.map_err(|error| PublishError::Reply(error.to_string()))?.into_parts();
        let (state, is_planned) = match state {
            State::Head(state) => (state, false),
            State::Planned(state) => (state, true),
        };
        let state = reads.map_or_else(|| state.clone(), |reads| state.noting(reads));
        let shown = OnceLock::new();
        if onlooker.line.line() != LineId::TRUNK {
            let _ = shown.set(Shown::by_path(onlooker.line.clone()).map_err(PublishError::Versions)?);
        }
        let asked = Arc::new(Asked {
            parts,
            peer: None,
            origin: onlooker.origin.clone(),
            version_host: None,
            shown,
            state: Some(state),
            is_planned,
            actor: OnceLock::from(onlooker.actor.clone()),
            received: Received::Nothing,
            // The same for every look, as error pages show it.
            id: 0,
            deadline: Instant::now() + self.limits.request_timeout,
        });
        let path = super::path::RequestPath::parse(asked.parts.uri.path(), self.limits.path_bytes_max)?;
        let step = match self.publish_path(&asked, &path) {
            Ok(step) => step,
            Err(failure) => self.error_step(&asked, failure),
        };
        let response = match step {
            Step::Ready(response) => response,
            Step::Later(job) => job().unwrap_or_else(|failure| self.error_now(&asked, failure)),
            Step::Awaited(_) => {
                let error = PublishError::Reply("what is looked at does not wait".into());
                self.error_now(&asked, Failure::from(error))
            }
        };
        seen(response)
    }
}

fn seen(response: Response<Body>) -> Result<Seen, PublishError> {
    let mut hash = blake3::Hasher::new();
    hash.update(&response.status().as_u16().to_be_bytes());
    let headers = response.headers();
    for name in &NOTICED {
        let value = headers.get(name).map_or(&[][..], |value| value.as_bytes());
        hash.update(&(value.len() as u64).to_be_bytes()).update(value);
    }
    if let Some(mark) = response.extensions().get::<Guard>().and_then(Guard::mark) {
        hash.update(&mark);
    }
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let status = response.status();
    match headers.get(ETAG).filter(|_| headers.contains_key(ACCEPT_RANGES)) {
        // What can be asked for in parts is known by its tag.
        Some(tag) => drop(hash.update(tag.as_bytes())),
        None => drain(response.into_body(), &mut hash)?,
    }
    Ok(Seen { status, location, digest: *hash.finalize().as_bytes() })
}

/// Takes in what a body that is in memory holds.
fn drain(mut body: Body, hash: &mut blake3::Hasher) -> Result<(), PublishError> {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match Pin::new(&mut body).poll_frame(&mut context) {
            Poll::Ready(None) => return Ok(()),
            Poll::Ready(Some(Ok(frame))) => {
                if let Ok(bytes) = frame.into_data() {
                    hash.update(&bytes);
                }
            }
            Poll::Ready(Some(Err(error))) => return Err(PublishError::Reply(error.to_string())),
            Poll::Pending => return Err(PublishError::Reply("an answer that is not all there".into())),
        }
    }
}
