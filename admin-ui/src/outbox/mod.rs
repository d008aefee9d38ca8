//! `outbox`: the messages of a mail host, what came of them, and what can be done about them.
//!
//! In a version the same page is the version's outbox: nothing is sent from there.

use askama::Template;
use bough_core::{CellKey, Object, Oid, Snapshot as _};
use bough_store::LineId;
use bough_web::mail::{MAIL_HOST, MESSAGE, MailError, State, USE_MAIL_HOSTS, messages_in, release, state};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use crate::frame::{Frame, Link};
use crate::message::{self, Message};
use crate::page;
use crate::text::{self, Time, counted};

/// How many messages are on a page.
const ROWS_MAX: usize = 100;
/// How much of a text is shown, in characters.
const SHOWN_CHARS_MAX: usize = 200;

#[derive(Template)]
#[template(path = "outbox.html")]
struct OutboxPage {
    frame: Frame,
    url: String,
    rows: Vec<Row>,
    is_version: bool,
    /// What is said of the version's own messages.
    own: String,
    next_url: Option<String>,
    first_url: Option<String>,
}

struct Row {
    oid: Oid,
    to: String,
    subject: String,
    who: String,
    made: Option<Time>,
    /// The look of the state, and its words.
    state: (&'static str, &'static str),
    /// When that was or will be.
    when: Option<Time>,
    /// What is to be known besides.
    why: String,
    url: String,
    may_send: bool,
    may_try: bool,
    may_delete: bool,
}

/// `@@manage/outbox` of a mail host.
pub(crate) fn answer(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let host = request.object()?;
    if !host.is_a(MAIL_HOST) {
        return Err(PageError::not_found());
    }
    request.require(host, USE_MAIL_HOSTS)?;
    if request.is_post() { act(request, host) } else { show(request, host) }
}

/// Whether an object has an outbox that whoever asks may see.
pub(crate) fn is_for(request: &PageRequest, object: &Object) -> Result<bool, PageError> {
    Ok(object.is_a(MAIL_HOST) && request.access().allows(USE_MAIL_HOSTS, object)?)
}

/// The tab that leads to what an HTTP connection fetches, for those who may have it do that.
pub(crate) fn try_link(request: &PageRequest, object: &Object) -> Result<Option<Link>, PageError> {
    let types = request.types();
    let schema = object.type_name().and_then(|name| types.schema(name.as_str()));
    let method = schema.filter(|schema| schema.connection).and_then(|schema| schema.method("fetch"));
    let Some(method) = method else { return Ok(None) };
    if !request.access().allows(method.permission, object)? {
        return Ok(None);
    }
    let url = request.url(object.oid())?.unwrap_or_default();
    let url = format!("{}/{}", url.trim_end_matches('/'), method.name);
    Ok(Some(Link { text: "Try".to_owned(), url, is_here: false }))
}

fn act(request: &PageRequest, host: &Object) -> Result<PageAnswer, PageError> {
    let form = request.form()?;
    let url = request.page_url(host.oid(), &["outbox"])?;
    let chosen = |field| form.find(field).and_then(|text| text.parse::<Oid>().ok());
    if let Some(oid) = chosen("send") {
        let message = message_of(request, host, oid)?;
        request.require(&message, USE_MAIL_HOSTS)?;
        release(request.database(), oid).map_err(told)?;
        return Ok(PageAnswer::SeeOther(format!("{url}?said=1")));
    }
    if let Some(oid) = chosen("delete") {
        let message = message_of(request, host, oid)?;
        let subject = text::shortened(message.text("subject").unwrap_or_default(), SHOWN_CHARS_MAX);
        let sentence = format!("Deleted the message \"{subject}\" from {}", request.path_text(host.oid())?);
        let (_, tid) = request.write(sentence, |draft| Ok(draft.delete(oid)?))?;
        return Ok(message::done(&url, tid));
    }
    Err(PageError::refused("Nothing was chosen. Go back and press a button beside a message."))
}

/// The message of that oid, where it is in this mail host and may be seen.
fn message_of(request: &PageRequest, host: &Object, oid: Oid) -> Result<std::sync::Arc<Object>, PageError> {
    let message = request.snapshot().object(oid)?.filter(|object| object.is_a(MESSAGE));
    let is_here = |object: &Object| object.place().is_some_and(|place| place.parent == host.oid());
    let message = message.filter(|object| is_here(object)).ok_or_else(PageError::not_found)?;
    if request.access().may_view(&message)? { Ok(message) } else { Err(PageError::not_found()) }
}

fn show(request: &PageRequest, host: &Object) -> Result<PageAnswer, PageError> {
    let skip = request.query("from").and_then(|from| from.parse().ok()).unwrap_or(0);
    let (messages, has_more) = messages_in(request.database(), host.oid(), skip, ROWS_MAX).map_err(told)?;
    let is_version = request.database().line() != LineId::TRUNK;
    let mut rows = Vec::new();
    let mut own = 0;
    for message in &messages {
        if !request.access().may_view(message)? {
            continue;
        }
        let row = row(request, message, is_version)?;
        own += u64::from(row.state.1 == IN_VERSION);
        rows.push(row);
    }
    let frame = Frame::new(request, host, "Outbox")?;
    let frame = match request.query("said") {
        Some(_) => frame.saying(Message::good("It will be sent in a moment.")),
        None => frame,
    };
    let url = request.page_url(host.oid(), &["outbox"])?;
    page::show(&OutboxPage {
        frame,
        rows,
        is_version,
        own: own_text(own),
        next_url: has_more.then(|| format!("{url}?from={}", skip.saturating_add(ROWS_MAX))),
        first_url: (skip > 0).then(|| url.clone()),
        url,
    })
}

fn own_text(own: u64) -> String {
    if own == 0 {
        return String::new();
    }
    let stay = if own == 1 {
        "stays here; after the merge it is held"
    } else {
        "stay here; after the merge they are held"
    };
    let them = if own == 1 { "it" } else { "them" };
    format!("{} {stay} until you send {them}.", counted(own, "message", "messages"))
}

const IN_VERSION: &str = "stays in the version";

fn row(request: &PageRequest, message: &Object, is_version: bool) -> Result<Row, PageError> {
    let database = request.database();
    let made = message.cell(&CellKey::Place).and_then(|cell| database.commit_record(cell.tid).ok());
    let shown = |name| text::shortened(message.text(name).unwrap_or_default(), SHOWN_CHARS_MAX);
    let stands = state(database, message.oid()).map_err(told)?;
    let (state, when, why) = match &stands {
        State::Waiting { next_micros, tries: 0, .. } => {
            (("", "waiting"), next_micros.map(Time::of_micros), String::new())
        }
        State::Waiting { next_micros, tries, reason } => {
            let tried = format!("(tried {}: {reason})", counted(u64::from(*tries), "time", "times"));
            (("warn", "next try"), next_micros.map(Time::of_micros), tried)
        }
        State::Sent { at_micros } => (("good", "sent"), Some(Time::of_micros(*at_micros)), String::new()),
        State::Failed { at_micros, reason } => {
            (("bad", "failed"), Some(Time::of_micros(*at_micros)), reason.clone())
        }
        State::Held(held) => (("warn", "held"), None, held.words().to_owned()),
        State::InVersion => (("", IN_VERSION), None, String::new()),
        _ => (("", "unknown"), None, String::new()),
    };
    let guards = request.types().guards(message.type_name());
    let may_use = !is_version && request.access().allows(USE_MAIL_HOSTS, message)?;
    let may_delete = request.access().allows(guards.delete, message)?;
    Ok(Row {
        oid: message.oid(),
        to: shown("to"),
        subject: shown("subject"),
        who: made.as_ref().map(|made| made.principal.clone()).unwrap_or_default(),
        made: made.map(|made| Time::of_micros(made.time_micros)),
        state,
        when,
        why: text::shortened(&why, SHOWN_CHARS_MAX),
        url: request.page_url(message.oid(), &["edit"])?,
        may_send: may_use && matches!(stands, State::Held(_)),
        may_try: may_use && matches!(stands, State::Failed { .. }),
        may_delete: may_delete && !matches!(stands, State::Sent { .. }),
    })
}

fn told(error: MailError) -> PageError {
    match error {
        MailError::Read(error) => error.into(),
        MailError::Store(error) => error.into(),
        MailError::History(error) => error.into(),
        MailError::Commit(error) => error.into(),
        MailError::Write(error) => error.into(),
        other => {
            let text = other.to_string();
            let text =
                text.strip_prefix("the message ").map_or(text.clone(), |rest| format!("The message {rest}"));
            PageError::refused(format!("{text}."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::own_text;

    #[test]
    fn a_version_says_what_becomes_of_its_messages() {
        assert_eq!(own_text(0), "");
        assert_eq!(own_text(1), "1 message stays here; after the merge it is held until you send it.");
        assert_eq!(own_text(2), "2 messages stay here; after the merge they are held until you send them.");
    }
}
