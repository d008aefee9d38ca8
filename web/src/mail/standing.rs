//! Whether a message may be sent as the public site is now.

use std::sync::Arc;

use bough_core::snapshot::{Chain, chain};
use bough_core::{Object, Oid, Tid};
use bough_store::{Database, HistoryError, Kind, Snapshot};

use super::ledger::Held;
use super::{MAIL_HOST, MESSAGE, MailError, QUEUED_AS};

/// How many commits of a message are looked at; one with more was no ordinary message for long.
const COMMITS_MAX: usize = 100;

/// How a message stands on the public site.
pub(super) enum Standing {
    /// It is not there, or nothing that could be sent.
    Gone,
    /// It is there, and nobody has said that it shall be sent.
    Held(Held),
    /// It may be sent, through this mail host.
    Ready { message: Arc<Object>, host: Arc<Object> },
}

/// Looks at a message. `said` is the commit as of which somebody said that it shall be sent.
pub(super) fn standing(
    trunk: &Database,
    head: &Snapshot,
    oid: Oid,
    said: Option<Tid>,
) -> Result<Standing, MailError> {
    let Chain::Live(way) = chain(head, oid)? else { return Ok(Standing::Gone) };
    let mut way = way.into_iter();
    let Some(message) = way.next().filter(|object| object.is_a(MESSAGE)) else { return Ok(Standing::Gone) };
    let Some(host) = way.next().filter(|object| object.is_a(MAIL_HOST)) else {
        return Ok(Standing::Held(Held::NotInHost));
    };
    if let Some(held) = held(trunk, &message, said)? {
        return Ok(Standing::Held(held));
    }
    Ok(Standing::Ready { message, host })
}

/// Why a message does not go by itself.
fn held(trunk: &Database, message: &Object, said: Option<Tid>) -> Result<Option<Held>, MailError> {
    let after = said.unwrap_or(Tid::ZERO);
    let commits = match trunk.commits_of(message.oid(), None, COMMITS_MAX) {
        Ok(commits) => commits,
        // Who cannot be asked any more has not said that it shall be sent.
        Err(HistoryError::Packed { .. } | HistoryError::NoSuchCommit(_)) => return Ok(Some(Held::Unknown)),
        Err(error) => return Err(error.into()),
    };
    if commits.len() >= COMMITS_MAX && said.is_none() {
        return Ok(Some(Held::Unknown));
    }
    for commit in commits.into_iter().filter(|commit| commit.tid > after) {
        match commit.kind {
            Kind::Edit => {}
            Kind::Merge { .. } => return Ok(Some(Held::Merged)),
            Kind::Undo { .. } | Kind::Restore { .. } => return Ok(Some(Held::BroughtBack)),
            Kind::Import => return Ok(Some(Held::Imported)),
            _ => return Ok(Some(Held::Unknown)),
        }
    }
    let is_queued = message.text(QUEUED_AS) == Some(&message.oid().to_string());
    Ok((said.is_none() && !is_queued).then_some(Held::NotQueued))
}
