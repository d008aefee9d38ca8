//! Mail: messages are objects, and are sent from the public site only.
//!
//! Whoever wants to send adds a [`Message`] to a mail host ([`queue`]), in the very commit that is the reason for it. So
//! the message is undone with that commit, and in a private version it lies on the version's own line, where nothing
//! sends it: that is the version's outbox. `delivery` sends what stands on the public site; `ledger` keeps what came of
//! it; `smtp` speaks to servers.
//!
//! # Invariants
//! - A message goes by itself only if it was queued on the public site by an ordinary change. What came there by a
//!   merge, an undo, a restore, an import or a copy is held until somebody says so ([`release`]).
//! - What no longer stands there is not sent.
//! - Addresses and subjects hold no line ends, so nobody adds header lines of his own.

mod compose;
mod delivery;
mod ledger;
mod smtp;
mod standing;

use bough_core::name::NameError;
use bough_core::snapshot::ReadError;
use bough_core::transaction::{Transaction, TransactionError};
use bough_core::{Name, Oid, Snapshot as _, Value};
use bough_store::{CommitError, HistoryError, StoreError};

pub use self::delivery::{Deliverer, Deliveries, Round, deliver};
pub use self::ledger::{Held, State, messages_in, release, state};
pub use self::smtp::{Outgoing, Security, SendError, Server, Smtp, Transport};

/// The type of mail hosts.
pub const MAIL_HOST: &str = "mail_host";
/// The type of messages.
pub const MESSAGE: &str = "message";
/// The permission to queue messages, to see them, and to say that a held one shall be sent.
pub const USE_MAIL_HOSTS: &str = "Use mail hosts";

/// Most addresses that one message goes to.
pub const RECIPIENTS_MAX: usize = 50;
/// Longest subject, in characters.
pub const SUBJECT_CHARS_MAX: usize = 300;
/// Longest text, and longest HTML, in bytes.
pub const TEXT_BYTES_MAX: usize = 512 << 10;

/// The attribute that holds the oid under which a message was queued, as text: a copy has another.
const QUEUED_AS: &str = "queued_as";

/// A message to be sent. It goes out in the name of its mail host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The addresses, separated by commas, as in `Ann <ann@example.org>, ben@example.org`.
    pub to: String,
    /// Where answers shall go, if not to the mail host's own address; may be empty.
    pub reply_to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as HTML, for programs that show that; may be empty.
    pub html: String,
}

/// Why mail was not queued, or how it stands cannot be said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// The message cannot be sent to anybody as it is.
    #[error("the message cannot be sent: {0}")]
    Message(String),
    /// It is not in a state in which this can be said of it.
    #[error("the message {0}")]
    NotNow(String),
    /// The object is no mail host that is there.
    #[error("{0} is no mail host")]
    NoHost(Oid),
    /// The change was refused.
    #[error(transparent)]
    Write(#[from] TransactionError),
    /// A name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A snapshot could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The past could not be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// How it stands could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Queues a message: it is sent after the commit of this transaction, if that is one of the public site.
///
/// What the transaction's maker may do counts: it takes the permission [`USE_MAIL_HOSTS`] at the mail host.
///
/// # Errors
/// When the message cannot be sent to anybody, there is no such mail host, or it cannot be added.
pub fn queue(transaction: &mut Transaction, host: Oid, message: &Message) -> Result<Oid, MailError> {
    compose::check(message).map_err(MailError::Message)?;
    let is_host = transaction.object(host)?.is_some_and(|object| object.is_a(MAIL_HOST));
    if !is_host {
        return Err(MailError::NoHost(host));
    }
    // Names that nobody else makes, so that outboxes merge without a conflict.
    let name = Name::new(&uuid::Uuid::now_v7().simple().to_string())?;
    let said = [
        ("to", &message.to),
        ("reply_to", &message.reply_to),
        ("subject", &message.subject),
        ("text", &message.text),
        ("html", &message.html),
    ];
    let mut attributes = Vec::new();
    for (key, text) in said.into_iter().filter(|(_, text)| !text.is_empty()) {
        attributes.push((Name::new(key)?, Value::text(text.as_str())));
    }
    let oid = transaction.add(host, &name, &Name::new(MESSAGE)?, attributes)?;
    transaction.set(oid, &Name::new(QUEUED_AS)?, Some(Value::text(oid.to_string())))?;
    Ok(oid)
}
