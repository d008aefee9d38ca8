//! `mail list`: how the messages of a mail host stand.

use bough::Site;
use bough::core::ObjectPath;
use bough::core::snapshot::path_of;
use bough::web::mail::{MAIL_HOST, State, messages_in, state};
use serde::{Deserialize, Serialize};

use super::failed;
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::moment::{local, rfc3339};
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::Screen;

/// How many messages are read at a time.
const PAGE: usize = 500;

/// List the messages of a mail host, newest first, and how they stand
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct List {
    /// Path of the mail host
    path: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    path: String,
    to: String,
    subject: String,
    /// `waiting`, `sent`, `failed`, `held` or `in version`.
    state: String,
    /// When it is tried next, was sent, or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    /// Why it stands like that; empty where there is nothing to say.
    why: String,
}

impl SiteCommand for List {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let host = site.get(&self.path)?;
        if !host.object().is_a(MAIL_HOST) {
            return Err(Failure::refused(format!("{} is no mail host", self.path)));
        }
        let database = site.database();
        let mut skip = 0;
        loop {
            let (messages, has_more) =
                messages_in(database, host.oid(), skip, PAGE).map_err(|error| failed(&error))?;
            for message in &messages {
                let text = |name| message.text(name).unwrap_or_default().to_owned();
                let path = path_of(host.view().snapshot(), message.oid())?;
                let (state, micros, why) =
                    words(state(database, message.oid()).map_err(|error| failed(&error))?);
                asker.row(&Row {
                    path: path.unwrap_or_else(ObjectPath::default).to_string(),
                    to: text("to"),
                    subject: text("subject"),
                    state: state.to_owned(),
                    time: micros.map(rfc3339),
                    why,
                })?;
            }
            skip += messages.len();
            if !has_more || messages.is_empty() {
                return Ok(());
            }
        }
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let Row { path, to, subject, state, time, why } = typed(row)?;
        let is_again = state == "waiting" && !why.is_empty();
        let next = if is_again { ", next try" } else { "" };
        let time = time.map(|time| format!("{next} {}", local(&time))).unwrap_or_default();
        let why = if why.is_empty() { why } else { format!(": {why}") };
        screen.line(&format!("{path}  {state}{time}{why}  {subject}  to {to}"))
    }
}

fn words(state: State) -> (&'static str, Option<u64>, String) {
    match state {
        State::Waiting { next_micros, reason, .. } => ("waiting", next_micros, reason),
        State::Sent { at_micros } => ("sent", Some(at_micros), String::new()),
        State::Failed { at_micros, reason } => ("failed", Some(at_micros), reason),
        State::Held(held) => ("held", None, held.words().to_owned()),
        State::InVersion => ("in version", None, "nothing is sent from there".to_owned()),
        _ => ("unknown", None, String::new()),
    }
}
