//! From a message as an object to the bytes that a mail server takes.

use std::time::{Duration, UNIX_EPOCH};

use bough_core::snapshot::{ReadError, attribute};
use bough_core::{Object, Oid, Snapshot};
use lettre::address::Envelope;
use lettre::message::{Mailbox, Mailboxes, MultiPart, SinglePart};

use super::{Message, RECIPIENTS_MAX, SUBJECT_CHARS_MAX, TEXT_BYTES_MAX};

/// A message in the form in which it travels.
pub(super) struct Composed {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) bytes: Vec<u8>,
}

/// The message that an object is.
pub(super) fn of_object(snapshot: &(impl Snapshot + ?Sized), object: &Object) -> Result<Message, ReadError> {
    let text = |name| {
        let value = attribute(snapshot, object, name)?;
        Ok(value.as_ref().and_then(|value| value.as_text()).unwrap_or_default().to_owned())
    };
    Ok(Message {
        to: text("to")?,
        reply_to: text("reply_to")?,
        subject: text("subject")?,
        text: text("text")?,
        html: text("html")?,
    })
}

/// Refuses what cannot be sent to anybody, in a sentence for people.
pub(super) fn check(message: &Message) -> Result<(), String> {
    compose(message, "somebody@example.org", Oid::ROOT, 0).map(drop)
}

/// The bytes of a message, made at `made_micros`, which goes out as from `from`. They are the same each time but for
/// what separates parts; the `Message-ID` is made of the oid, so that whoever gets it twice can tell.
pub(super) fn compose(message: &Message, from: &str, oid: Oid, made_micros: u64) -> Result<Composed, String> {
    let from: Mailbox = mailbox("the mail host's own address", from)?;
    let to: Mailboxes = single_line("the addresses", &message.to)?.parse().map_err(|_| {
        "the addresses cannot be read: expected `Ann <ann@example.org>, ben@example.org`".to_owned()
    })?;
    let to: Vec<Mailbox> = to.into_iter().collect();
    if to.is_empty() || to.len() > RECIPIENTS_MAX {
        return Err(format!("it goes to {} addresses: expected 1 to {RECIPIENTS_MAX}", to.len()));
    }
    let subject = single_line("the subject", &message.subject)?;
    if subject.chars().count() > SUBJECT_CHARS_MAX {
        return Err(format!("the subject has more than {SUBJECT_CHARS_MAX} characters"));
    }
    for (what, text) in [("text", &message.text), ("HTML", &message.html)] {
        if text.len() > TEXT_BYTES_MAX {
            return Err(format!("the {what} has more than {TEXT_BYTES_MAX} bytes"));
        }
    }
    if message.text.is_empty() && message.html.is_empty() {
        return Err("it says nothing: it has no text".to_owned());
    }
    let id = format!("<{oid}@{}>", from.email.domain());
    let mut builder = lettre::Message::builder()
        .message_id(Some(id))
        .date(UNIX_EPOCH + Duration::from_micros(made_micros))
        .from(from.clone())
        .subject(subject);
    for mailbox in &to {
        builder = builder.to(mailbox.clone());
    }
    if !message.reply_to.is_empty() {
        builder = builder.reply_to(mailbox("the address for answers", &message.reply_to)?);
    }
    let addresses: Vec<_> = to.into_iter().map(|mailbox| mailbox.email).collect();
    let envelope =
        Envelope::new(Some(from.email.clone()), addresses.clone()).map_err(|error| error.to_string())?;
    let (text, html) = (message.text.clone(), message.html.clone());
    let builder = builder.envelope(envelope);
    let composed = match (text.is_empty(), html.is_empty()) {
        (_, true) => builder.singlepart(SinglePart::plain(text)),
        (true, false) => builder.singlepart(SinglePart::html(html)),
        (false, false) => builder.multipart(MultiPart::alternative_plain_html(text, html)),
    };
    let bytes = composed.map_err(|error| error.to_string())?.formatted();
    let to = addresses.into_iter().map(|address| address.to_string()).collect();
    Ok(Composed { from: from.email.to_string(), to, bytes })
}

fn mailbox(what: &str, text: &str) -> Result<Mailbox, String> {
    let text = single_line(what, text)?;
    text.parse().map_err(|_| format!("{what} `{}` is none", text.chars().take(100).collect::<String>()))
}

/// Refuses whatever a program could take for the end of a line.
fn single_line<'t>(what: &str, text: &'t str) -> Result<&'t str, String> {
    let is_break = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    if text.contains(is_break) {
        Err(format!("{what} must be one line without control characters"))
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(to: &str, subject: &str) -> Message {
        Message {
            to: to.into(),
            subject: subject.into(),
            text: "Hello\nBcc: x@evil.example".into(),
            ..Message::default()
        }
    }

    #[test]
    fn nobody_adds_header_lines_or_addressees() {
        let injected = [
            message("ann@example.org\r\nBcc: x@evil.example", "s"),
            message("ann@example.org\nBcc: x@evil.example", "s"),
            message("ann@example.org", "s\r\nBcc: x@evil.example"),
            message("ann@example.org", "s\rBcc: x@evil.example"),
            message("ann@example.org", "s\0"),
            message("ann@example.org", "s\u{2028}Bcc: x@evil.example"),
            Message { reply_to: "a@b.c\r\nBcc: x@evil.example".into(), ..message("ann@example.org", "s") },
        ];
        for one in injected {
            assert!(check(&one).is_err(), "{one:?} was taken");
        }
        assert!(compose(&message("ann@example.org", "s"), "a@b.c\r\nBcc: x@d.e", Oid::ROOT, 0).is_err());
        // What the text says stays text.
        let composed = compose(&message("ann@example.org", "s"), "site@example.org", Oid::ROOT, 0).unwrap();
        let bytes = String::from_utf8(composed.bytes).unwrap();
        let head = bytes.split("\r\n\r\n").next().unwrap();
        assert!(!head.contains("evil") && bytes.contains("Bcc: x@evil.example"), "{bytes}");
        assert_eq!(composed.to, ["ann@example.org"]);
    }

    #[test]
    fn a_message_names_its_oid_and_whom_it_goes_to_in_every_language() {
        let said = message("Änn Ö <ann@example.org>, ben@example.org", "Grüße");
        let composed = compose(&said, "The site <site@example.org>", Oid::from_u128(0x2a), 0).unwrap();
        assert_eq!((composed.from.as_str(), composed.to.len()), ("site@example.org", 2));
        let bytes = String::from_utf8(composed.bytes).unwrap();
        assert!(bytes.is_ascii() && bytes.contains("Message-ID: <o2a@example.org>"), "{bytes}");
    }

    #[test]
    fn what_goes_to_nobody_or_to_too_many_or_is_too_long_is_refused() {
        let many =
            |count: usize| (0..count).map(|nth| format!("a{nth}@example.org")).collect::<Vec<_>>().join(",");
        assert_eq!(check(&message(&many(RECIPIENTS_MAX), "s")), Ok(()));
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        for wrong in [
            message("", "s"),
            message("ann", "s"),
            message("@example.org", "s"),
            message(&many(RECIPIENTS_MAX + 1), "s"),
            message("ann@example.org", &"x".repeat(SUBJECT_CHARS_MAX + 1)),
            Message { text: String::new(), ..message("ann@example.org", "s") },
            Message { text: long.clone(), ..message("ann@example.org", "s") },
            Message { html: long, ..message("ann@example.org", "s") },
        ] {
            assert!(check(&wrong).is_err(), "{:?} was taken", wrong.to);
        }
    }
}
