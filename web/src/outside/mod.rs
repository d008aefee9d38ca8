//! The way out of the site for methods of types: what one call may have connections do.
//!
//! Whether something may leave the site, `bough_core::outside` decides; how it is sent, a file for each type of connection
//! says (`http`). A connection that is used is the one at the trunk's head, also within a version and at an earlier moment.
//!
//! # Invariants
//! - Nothing is sent while a lock of the store is held: methods run before their commit.
//! - A write that a method asks for again, since its commit has to be tried again, is answered as the first time, also
//!   where it failed: whether it was done is not known then.

pub(crate) mod http;
pub mod secret;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bough_core::outside::{
    Answer, Intent, Origin, Outside, OutsideError, Question, USE_CONNECTIONS, VersionOrigin, decide,
};
use bough_core::security::{Access, Actor};
use bough_core::snapshot::path_of;
use bough_core::transaction::SharedSnapshot;
use bough_core::{Oid, Tid};
use bough_store::version::VersionError;
use bough_store::{Database, LineId};
use parking_lot::Mutex;

use crate::publisher::visit::Visit;

/// How long a call without a deadline of its own may wait for everything outside together.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// What one call may have connections do.
pub struct Way {
    access: Access,
    /// The name of the version, and when it was opened.
    version: Option<(String, Tid)>,
    is_past: bool,
    deadline: Instant,
    done: Mutex<Done>,
}

/// The writes of a call, in their order, those that failed too, and how many of them this try has asked for.
#[derive(Default)]
struct Done {
    writes: Vec<Write>,
    asked: usize,
}

impl Done {
    fn add(&mut self, write: Write) {
        self.writes.push(write);
        self.asked = self.writes.len();
    }
}

struct Write {
    connection: Oid,
    /// The digest of the question.
    question: blake3::Hash,
    answer: Outcome,
}

/// What came back, or why nothing did.
type Outcome = Result<Answer, String>;

impl Way {
    /// The way out of the site for a program that holds it, on the line of this handle.
    ///
    /// # Errors
    /// When there is no such version any more, or the store cannot be read.
    pub fn of_program(database: &Database) -> Result<Self, VersionError> {
        let here: SharedSnapshot = Arc::new(database.snapshot());
        let (version, head) = match database.line() {
            LineId::TRUNK => (None, None),
            _ => {
                let trunk = database.on(LineId::TRUNK)?.snapshot();
                let head: SharedSnapshot = Arc::new(trunk);
                (Some(version(database)?), Some(head))
            }
        };
        let actor = Actor::system();
        let access = Access::new(actor, Arc::clone(database.types()), here, head);
        let deadline = Instant::now() + CALL_TIMEOUT;
        Ok(Self { access, version, is_past: false, deadline, done: Mutex::default() })
    }

    /// The way out for whoever asks, from what he is shown.
    pub(crate) fn of_visit(visit: &Visit, deadline: Instant) -> Result<Self, VersionError> {
        let version = match visit.database.line() {
            LineId::TRUNK => None,
            _ => Some(version(&visit.database)?),
        };
        // What is only looked at to see what it would be like changes nothing outside, as the past does not.
        let is_past = visit.now.is_some() || visit.is_looked_at;
        Ok(Self { access: visit.access.clone(), version, is_past, deadline, done: Mutex::default() })
    }

    /// The way out of the public site for somebody for whom the site does something by itself.
    pub(crate) fn of_owner(access: &Access) -> Self {
        let deadline = Instant::now() + CALL_TIMEOUT;
        Self { access: access.clone(), version: None, is_past: false, deadline, done: Mutex::default() }
    }

    /// Says that the work of the call begins, for the first time or again.
    pub fn begin_try(&self) {
        self.done.lock().asked = 0;
    }

    /// What the same write was answered before, where this try asks for it again.
    fn answered_before(
        &self,
        connection: Oid,
        question: blake3::Hash,
    ) -> Result<Option<Outcome>, OutsideError> {
        let mut done = self.done.lock();
        match done.writes.get(done.asked) {
            None => Ok(None),
            Some(write) if write.connection == connection && write.question == question => {
                let answer = write.answer.clone();
                done.asked += 1;
                Ok(Some(answer))
            }
            // Not passed by: whatever was sent stays so, and is not sent again by what is asked next.
            Some(_) => Err(OutsideError::Wrong(
                "something else was sent before others changed what this depends on: it cannot be done again"
                    .into(),
            )),
        }
    }
}

impl Outside for Way {
    fn ask(&self, connection: Oid, question: &Question<'_>) -> Result<Answer, OutsideError> {
        let intent = http::intent(question.verb);
        let head = &**self.access.head();
        let version = self.version.as_ref().map(|(name, opened)| VersionOrigin { name, opened: *opened });
        let origin = Origin { version, is_past: self.is_past };
        // Who may use it is asked at the connection that is named, there and at the head; only then is anything told of it.
        if !self.access.allows_at(USE_CONNECTIONS, connection)? {
            return Err(OutsideError::Denied(USE_CONNECTIONS));
        }
        let decided = decide(self.access.types(), head, origin, connection, intent)?;
        let used = decided.map_err(|blocked| OutsideError::Blocked(Box::new(blocked)))?;
        if !used.is_a(http::TYPE) {
            let type_name = used.type_name().map_or("unknown", |name| name.as_str());
            return Err(OutsideError::NotConnected(type_name.to_owned()));
        }
        let path = path_of(head, used.oid())?;
        let path = path.map_or_else(|| used.oid().to_string(), |path| path.to_string());
        let settings = http::Settings::of(head, &used)?;
        let request = settings.request(question)?;
        let failed = |reason| OutsideError::Failed { connection: path, reason };
        if intent == Intent::Read {
            return settings.ask(request, self.deadline).map_err(failed);
        }
        let question = fingerprint(question);
        if let Some(answer) = self.answered_before(connection, question)? {
            return answer.map_err(failed);
        }
        let answer = settings.ask(request, self.deadline);
        self.done.lock().add(Write { connection, question, answer: answer.clone() });
        answer.map_err(failed)
    }
}

/// The name of a version, and when it was opened.
fn version(database: &Database) -> Result<(String, Tid), VersionError> {
    let info = database.version_info()?;
    Ok((info.name, info.opened))
}

/// Tells questions from one another.
fn fingerprint(question: &Question<'_>) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for part in
        [question.verb.as_bytes(), question.target.as_bytes(), question.media_type.as_bytes(), question.body]
    {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize()
}
