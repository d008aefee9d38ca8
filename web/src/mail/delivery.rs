//! Delivery: finds the messages that stand on the public site, and sends them.
//!
//! New messages are found by following the commits of the trunk, so that it costs what changed and not what is there.
//! Only ordinary changes are looked at: what comes otherwise has no record, and is held.
//!
//! A message is sent at least once: the record that it was sent is written after the server took it. Where that is lost
//! by a crash, it goes again, with the same `Message-ID`.
//!
//! # Invariants
//! - Nothing is sent while nothing can be written: that a message is tried, and when the next time, is written before.
//! - What is wrong with one message keeps no other from going.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bough_core::{Oid, Tid};
use bough_store::{CommitRecord, Database, HistoryError, Kind, LineId, SideWrite};
use parking_lot::{Condvar, Mutex};

use super::compose::{compose, of_object};
use super::ledger::{self, Is, Record};
use super::smtp::{Outgoing, SendError, Server, Transport};
use super::standing::{Standing, standing};
use super::{MESSAGE, MailError};

/// How often a message is tried: the last time some 18 to 22 hours after the first.
pub(super) const TRIES_MAX: u32 = 8;
const FIRST_WAIT_MICROS: u64 = 60_000_000;
/// How many commits are looked at where nobody ever looked: what is older is held.
const FIRST_LOOK: usize = 10_000;
/// How many commits are read at a time.
const PAGE: usize = 500;
/// How many messages are tried before the commits are looked at again.
const ROUND_MAX: usize = 50;
/// After how many commits without a message it is recorded that they were looked at.
const SEEN_STEP: usize = 1_000;
/// How often it is looked whether there is something to send.
const POLL: Duration = Duration::from_secs(1);
/// What a message says while it is tried, and where nothing was heard of that again.
const BROKEN_OFF: &str = "the try is under way, or was broken off";
/// How long the end of a message that is on its way is waited for.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What sends the messages of a site. One at a time.
pub struct Deliveries {
    trunk: Database,
    transport: Arc<dyn Transport>,
    /// The last commit that was looked at, and how many were since that was recorded.
    seen: Option<Tid>,
    unrecorded: usize,
    /// What came of a message, where that could not be written yet.
    owed: Vec<SideWrite>,
}

/// What came of a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// How many messages a server took.
    pub sent: usize,
    /// How many it did not.
    pub failed: usize,
    /// Whether more may be due already.
    pub is_full: bool,
}

impl Deliveries {
    /// What sends the messages of this site through `transport`; goes on where an earlier one was.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(database: &Database, transport: Arc<dyn Transport>) -> Result<Self, MailError> {
        let trunk = database.on(LineId::TRUNK)?;
        let seen = ledger::seen(&trunk)?;
        Ok(Self { trunk, transport, seen, unrecorded: 0, owed: Vec::new() })
    }

    /// Takes up new messages, and tries those that are due, until `is_stopped`.
    ///
    /// # Errors
    /// When the store cannot be written, or not be read as a whole: what is wrong with one message counts as a try.
    pub fn round(&mut self, is_stopped: &dyn Fn() -> bool) -> Result<Round, MailError> {
        self.settle(Vec::new())?;
        // What is due goes also where no new ones are found.
        let followed = self.follow();
        let mut round = Round::default();
        let now = self.trunk.now_micros();
        let due = ledger::due(&self.trunk, ROUND_MAX)?;
        round.is_full = due.len() == ROUND_MAX && due.iter().all(|(at, _)| *at <= now);
        for (at, oid) in due.into_iter().filter(|(at, _)| *at <= now) {
            if is_stopped() {
                break;
            }
            match self.attempt(at, oid)? {
                Some(true) => round.sent += 1,
                Some(false) => round.failed += 1,
                None => {}
            }
        }
        followed.map(|()| round)
    }

    /// Looks at the commits since the last time.
    fn follow(&mut self) -> Result<(), MailError> {
        let head = self.trunk.head();
        if self.seen.is_some_and(|seen| seen >= head) {
            return Ok(());
        }
        let new = self.new_commits(head)?;
        let mut writes = Vec::new();
        for commit in new.iter().rev() {
            for oid in self.messages_made_in(commit)? {
                if self.is_to_be_taken_up(oid) {
                    writes.extend(ledger::put(oid, None, Some(&Record::waiting(self.trunk.now_micros()))));
                }
            }
        }
        self.unrecorded += new.len();
        // A commit without mail costs no write of its own; the next start looks at a few again.
        if !writes.is_empty() || self.unrecorded >= SEEN_STEP || self.seen.is_none() {
            self.write_seen(head, writes)?;
        }
        self.seen = Some(head);
        Ok(())
    }

    /// Whether a message is new and goes by itself. One that cannot be looked at is taken up, too: its tries say why.
    fn is_to_be_taken_up(&self, oid: Oid) -> bool {
        // A record that cannot be read is one.
        if ledger::record(&self.trunk, oid).map_or(true, |record| record.is_some()) {
            return false;
        }
        let look = || standing(&self.trunk, &self.trunk.snapshot(), oid, None);
        let looked = catch_unwind(AssertUnwindSafe(look));
        !matches!(looked, Ok(Ok(Standing::Gone | Standing::Held(_))))
    }

    fn write_seen(&mut self, seen: Tid, mut writes: Vec<SideWrite>) -> Result<(), MailError> {
        writes.push(ledger::put_seen(seen));
        self.trunk.write_side(&writes)?;
        self.unrecorded = 0;
        Ok(())
    }

    /// The ordinary changes since the last look up to `head`, the newest first.
    fn new_commits(&self, head: Tid) -> Result<Vec<CommitRecord>, MailError> {
        let mut found = Vec::new();
        let mut before = Some(Tid::from_micros(head.as_micros() + 1));
        let mut looked_at = 0;
        loop {
            let page = self.trunk.commits(before, PAGE)?;
            for commit in &page {
                if self.seen.is_some_and(|seen| commit.tid <= seen) {
                    return Ok(found);
                }
                if commit.kind == Kind::Edit {
                    found.push(commit.clone());
                }
            }
            looked_at += page.len();
            let is_enough = self.seen.is_none() && looked_at >= FIRST_LOOK;
            match page.last() {
                Some(last) if page.len() == PAGE && !is_enough => before = Some(last.tid),
                _ => return Ok(found),
            }
        }
    }

    /// The messages that a commit made.
    fn messages_made_in(&self, commit: &CommitRecord) -> Result<Vec<Oid>, MailError> {
        let mut found = Vec::new();
        let looked = self.trunk.each_change(commit.tid, |delta| {
            let is_made = delta.before.is_none() && delta.after.is_some_and(|after| after.is_a(MESSAGE));
            found.extend(is_made.then_some(delta.oid));
            Ok(())
        });
        match looked {
            // Packed meanwhile: what it made is held.
            Ok(()) | Err(HistoryError::Packed { .. } | HistoryError::NoSuchCommit(_)) => Ok(found),
            Err(error) => Err(error.into()),
        }
    }

    /// Tries a message. Answers whether it went; none where it is not to be sent any more.
    fn attempt(&mut self, at: u64, oid: Oid) -> Result<Option<bool>, MailError> {
        let now = self.trunk.now_micros();
        let old = match ledger::record(&self.trunk, oid) {
            Ok(old) => old.filter(|old| old.is == Is::Waiting && old.at == at),
            Err(error) => {
                // How often it was tried is lost: people have to say that it shall go.
                let reason = format!("how it stands could not be read: {error}");
                let new = Record { is: Is::Failed, reason, ..Record::waiting(now) };
                let mut writes = ledger::put(oid, None, Some(&new));
                writes.push(ledger::forget_due(at, oid));
                self.settle(writes)?;
                return Ok(Some(false));
            }
        };
        let Some(old) = old else {
            self.settle(vec![ledger::forget_due(at, oid)])?;
            return Ok(None);
        };
        if old.tries >= TRIES_MAX {
            let new = Record { is: Is::Failed, at: now, ..old.clone() };
            self.settle(ledger::put(oid, Some(&old), Some(&new)))?;
            return Ok(Some(false));
        }
        let tries = old.tries + 1;
        let next = now + wait_micros(tries, oid);
        let begun = Record { at: next, tries, reason: BROKEN_OFF.into(), ..old.clone() };
        self.trunk.write_side(&ledger::put(oid, Some(&old), Some(&begun)))?;
        let sent = match catch_unwind(AssertUnwindSafe(|| self.send(oid, old.said()))) {
            Ok(Ok(sent)) => sent,
            Ok(Err(error)) => Some(Err(later(format!("it could not be read: {error}")))),
            Err(_) => Some(Err(later("the try failed inside of this server".into()))),
        };
        let Some(sent) = sent else {
            self.settle(ledger::put(oid, Some(&begun), None))?;
            return Ok(None);
        };
        let now = self.trunk.now_micros();
        let new = match &sent {
            Ok(()) => Record { is: Is::Sent, at: now, reason: String::new(), ..begun.clone() },
            Err(error) if error.is_permanent || tries >= TRIES_MAX => {
                Record { is: Is::Failed, at: now, reason: error.reason.clone(), ..begun.clone() }
            }
            Err(error) => {
                Record { at: now + wait_micros(tries, oid), reason: error.reason.clone(), ..begun.clone() }
            }
        };
        if let Err(error) = &sent {
            tracing::warn!(message = %oid, tries, %error, "a message was not sent");
        }
        self.settle(ledger::put(oid, Some(&begun), Some(&new)))?;
        Ok(Some(sent.is_ok()))
    }

    /// Sends a message; answers none where it is not to be sent any more.
    fn send(&self, oid: Oid, said: Option<Tid>) -> Result<Option<Result<(), SendError>>, MailError> {
        let head = self.trunk.snapshot();
        let Standing::Ready { message, host } = standing(&self.trunk, &head, oid, said)? else {
            return Ok(None);
        };
        let made_micros = message.revision().as_micros();
        Ok(Some(Server::of(&host).map_err(later).and_then(|server| {
            let from = host.text("from").unwrap_or_default();
            if from.is_empty() {
                return Err(later("the mail host has no address to send from".into()));
            }
            let message = of_object(&head, &message).map_err(|error| later(error.to_string()))?;
            let composed = compose(&message, from, oid, made_micros);
            let composed = composed.map_err(|reason| SendError { reason, is_permanent: true })?;
            let (from, to, bytes) = (composed.from, composed.to, composed.bytes);
            self.transport.send(&Outgoing { server, from, to, bytes })
        })))
    }

    /// Writes what came of a message, and before it what could not be written earlier.
    fn settle(&mut self, writes: Vec<SideWrite>) -> Result<(), MailError> {
        self.owed.extend(writes);
        if !self.owed.is_empty() {
            self.trunk.write_side(&self.owed)?;
            self.owed.clear();
        }
        Ok(())
    }

    /// Records how far it came, so that the next start need not look again.
    fn finish(&mut self) {
        if let Err(error) = self.settle(Vec::new()) {
            tracing::warn!(%error, "what came of a message could not be recorded: it may be sent again");
        }
        if let Some(seen) = self.seen.filter(|_| self.unrecorded > 0)
            && let Err(error) = self.write_seen(seen, Vec::new())
        {
            tracing::warn!(%error, "how far mail was looked for could not be recorded");
        }
    }
}

fn later(reason: String) -> SendError {
    SendError { reason, is_permanent: false }
}

/// How long to wait after the try of that number: 1, 3, 9 ... minutes, and up to a fifth more, so that messages that
/// failed together do not come back together.
fn wait_micros(tries: u32, oid: Oid) -> u64 {
    let wait = FIRST_WAIT_MICROS * 3_u64.pow(tries.saturating_sub(1).min(TRIES_MAX));
    let mixed = blake3::hash(&[&oid.to_bytes()[..], &tries.to_le_bytes()].concat());
    wait + wait / 5 * u64::from(mixed.as_bytes()[0]) / 255
}

/// A thread that sends the messages of a site, until it is stopped or dropped.
#[derive(Debug)]
pub struct Deliverer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<Stage>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Stage {
    is_stopped: bool,
    is_ended: bool,
}

/// Sends the messages of a site on a thread of its own.
///
/// # Errors
/// When the store cannot be read, or no thread can be had.
pub fn deliver(database: &Database, transport: Arc<dyn Transport>) -> Result<Deliverer, MailError> {
    let mut deliveries = Deliveries::new(database, transport)?;
    let shared = Arc::new(Shared::default());
    let theirs = Arc::clone(&shared);
    let work = move || {
        theirs.run(&mut deliveries);
        theirs.state.lock().is_ended = true;
        theirs.changed.notify_all();
    };
    let thread = std::thread::Builder::new().name("mail".into()).spawn(work);
    let thread = thread.map_err(|error| MailError::NotNow(format!("cannot be sent: {error}")))?;
    Ok(Deliverer { shared, thread: Some(thread) })
}

impl Shared {
    fn run(&self, deliveries: &mut Deliveries) {
        let is_stopped = || self.state.lock().is_stopped;
        let mut told = String::new();
        while !is_stopped() {
            let round = catch_unwind(AssertUnwindSafe(|| deliveries.round(&is_stopped)));
            let problem = match round {
                Ok(Ok(round)) if round.is_full => continue,
                Ok(Ok(_)) => String::new(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "BUG: sending mail panicked".to_owned(),
            };
            if !problem.is_empty() && problem != told {
                tracing::error!(%problem, "mail is not sent for now");
            }
            told = problem;
            let mut state = self.state.lock();
            if !state.is_stopped {
                self.changed.wait_for(&mut state, POLL);
            }
        }
        deliveries.finish();
    }
}

impl Deliverer {
    /// Sends nothing more, and waits a little for what is on its way.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        let mut state = self.shared.state.lock();
        state.is_stopped = true;
        self.shared.changed.notify_all();
        let timeout = std::time::Instant::now() + STOP_TIMEOUT;
        while !state.is_ended {
            if self.shared.changed.wait_until(&mut state, timeout).timed_out() {
                tracing::warn!(
                    "a mail server takes long: the message may be sent again after the next start"
                );
                return;
            }
        }
        drop(state);
        // It has ended.
        let _ = thread.join();
    }
}

impl Drop for Deliverer {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_over_most_of_a_day_and_never_twice_at_the_same_time_as_all_others() {
        let oids = || (0..100).map(Oid::from_u128);
        for tries in 1..TRIES_MAX {
            let least = FIRST_WAIT_MICROS * 3_u64.pow(tries - 1);
            let waits: std::collections::BTreeSet<u64> = oids().map(|oid| wait_micros(tries, oid)).collect();
            assert!(
                waits.len() > 50 && waits.iter().all(|wait| (least..=least / 5 * 6).contains(wait)),
                "{tries}"
            );
        }
        let hours = |oid| (1..TRIES_MAX).map(|tries| wait_micros(tries, oid)).sum::<u64>() / 3_600_000_000;
        assert!(oids().all(|oid| (18..=22).contains(&hours(oid))));
    }
}
