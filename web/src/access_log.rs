//! The access log: one line a request, written by a thread of its own.
//!
//! A request only appends to a buffer. The buffer goes to the writer every [`FLUSH_EVERY`] and when the site's router
//! is dropped. A writer that does not keep up loses lines, never memory; how many is said in the log itself.

use std::fmt::Write as _;
use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, Method, StatusCode, Version, header};
use parking_lot::{Condvar, Mutex};

const FLUSH_EVERY: Duration = Duration::from_millis(100);
/// A second of full speed; past that lines are dropped.
const BUFFER_BYTES_MAX: usize = 16 << 20;

/// Whether and how requests are recorded.
#[derive(Default)]
pub enum AccessLog {
    /// Not at all.
    #[default]
    Off,
    /// In the combined format that Apache and nginx write.
    Combined(Box<dyn Write + Send>),
    /// As one JSON object a line.
    Json(Box<dyn Write + Send>),
}

impl std::fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::Combined(_) => "Combined",
            Self::Json(_) => "Json",
        })
    }
}

/// What is recorded about a request.
pub(crate) struct Entry<'a> {
    pub(crate) id: u64,
    pub(crate) client: Option<IpAddr>,
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a axum::http::Uri,
    pub(crate) version: Version,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) status: StatusCode,
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Combined,
    Json,
}

#[derive(Default)]
struct Buffer {
    lines: String,
    lost: u64,
    is_closing: bool,
    /// The second that `time` is the text of.
    second: u64,
    time: String,
}

#[derive(Default)]
struct Shared {
    buffer: Mutex<Buffer>,
    closing: Condvar,
}

/// The open log.
pub(crate) struct Recorder {
    form: Form,
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts the log; none where it is off.
    pub(crate) fn start(log: AccessLog) -> Option<Self> {
        let (form, into) = match log {
            AccessLog::Off => return None,
            AccessLog::Combined(into) => (Form::Combined, into),
            AccessLog::Json(into) => (Form::Json, into),
        };
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("bough-access-log".into());
        match thread.spawn(move || write_out(&theirs, into)) {
            Ok(writer) => Some(Self { form, shared, writer: Some(writer) }),
            Err(error) => {
                tracing::error!(%error, "cannot start the thread of the access log: it stays off");
                None
            }
        }
    }

    /// Adds a line.
    pub(crate) fn record(&self, entry: &Entry<'_>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut buffer = self.shared.buffer.lock();
        if buffer.lines.len() > BUFFER_BYTES_MAX {
            buffer.lost += 1;
            return;
        }
        if buffer.second != now || buffer.time.is_empty() {
            buffer.second = now;
            buffer.time = time_text(self.form, now);
        }
        let Buffer { lines, time, .. } = &mut *buffer;
        // Writing to a string cannot fail.
        let _ = match self.form {
            Form::Combined => combined(lines, time, entry),
            Form::Json => json(lines, time, entry),
        };
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.buffer.lock().is_closing = true;
        self.shared.closing.notify_all();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has said so already.
            let _ = writer.join();
        }
    }
}

fn write_out(shared: &Shared, mut into: Box<dyn Write + Send>) {
    let mut lines = String::new();
    let mut has_failed = false;
    loop {
        let (lost, is_closing) = {
            let mut buffer = shared.buffer.lock();
            if !buffer.is_closing {
                shared.closing.wait_for(&mut buffer, FLUSH_EVERY);
            }
            std::mem::swap(&mut lines, &mut buffer.lines);
            (std::mem::take(&mut buffer.lost), buffer.is_closing)
        };
        if lost > 0 {
            tracing::warn!(lost, "the access log is written too slowly: lines were dropped");
        }
        if !lines.is_empty() {
            let written = into.write_all(lines.as_bytes()).and_then(|()| into.flush());
            if let Err(error) = &written
                && !has_failed
            {
                tracing::error!(%error, "cannot write the access log");
            }
            has_failed = written.is_err();
            lines.clear();
        }
        if is_closing {
            return;
        }
    }
}

fn time_text(form: Form, secs: u64) -> String {
    let secs = i64::try_from(secs).unwrap_or(0);
    let time = jiff::Timestamp::from_second(secs).unwrap_or_default();
    match form {
        Form::Combined => time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        Form::Json => time.to_string(),
    }
}

fn target(uri: &axum::http::Uri) -> &str {
    uri.path_and_query().map_or("/", |both| both.as_str())
}

fn combined(line: &mut String, time: &str, entry: &Entry<'_>) -> std::fmt::Result {
    match entry.client {
        Some(client) => write!(line, "{client}")?,
        None => line.push('-'),
    }
    write!(line, " - - [{time}] \"{} ", entry.method)?;
    push_escaped(line, target(entry.uri).as_bytes());
    write!(line, " {:?}\" {} {} \"", entry.version, entry.status.as_u16(), entry.bytes)?;
    for (name, end) in [(header::REFERER, "\" \""), (header::USER_AGENT, "\"\n")] {
        match entry.headers.get(name) {
            Some(value) => push_escaped(line, value.as_bytes()),
            None => line.push('-'),
        }
        line.push_str(end);
    }
    Ok(())
}

fn json(line: &mut String, time: &str, entry: &Entry<'_>) -> std::fmt::Result {
    write!(line, "{{\"time\":\"{time}\",\"id\":\"{:x}\",\"client\":", entry.id)?;
    match entry.client {
        Some(client) => write!(line, "\"{client}\"")?,
        None => line.push_str("null"),
    }
    write!(line, ",\"method\":\"{}\",\"target\":", entry.method)?;
    push_json(line, target(entry.uri));
    let micros = entry.took.as_micros();
    write!(line, ",\"status\":{},\"bytes\":{},\"micros\":{micros}", entry.status.as_u16(), entry.bytes)?;
    for (key, name) in [("host", header::HOST), ("referer", header::REFERER), ("agent", header::USER_AGENT)] {
        if let Some(value) = entry.headers.get(name) {
            write!(line, ",\"{key}\":")?;
            push_json(line, &String::from_utf8_lossy(value.as_bytes()));
        }
    }
    line.push_str("}\n");
    Ok(())
}

/// What a client sent must not end a line or a quoted text.
fn push_escaped(line: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        if (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\' {
            line.push(char::from(byte));
        } else {
            let _ = write!(line, "\\x{byte:02x}");
        }
    }
}

fn push_json(line: &mut String, text: &str) {
    line.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn recorded(log: impl Fn(Box<dyn Write + Send>) -> AccessLog) -> String {
        let sink = Sink::default();
        let recorder = Recorder::start(log(Box::new(sink.clone()))).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("user-agent", axum::http::HeaderValue::from_bytes(b"a\"b\\\xff").unwrap());
        recorder.record(&Entry {
            id: 31,
            client: Some([127, 0, 0, 1].into()),
            method: &Method::GET,
            uri: &"/a?b=\"c".parse().unwrap_or_default(),
            version: Version::HTTP_11,
            headers: &headers,
            status: StatusCode::OK,
            bytes: 7,
            took: Duration::from_micros(12),
        });
        drop(recorder);
        let bytes = sink.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_is_complete_when_the_log_is_closed_and_no_client_can_break_it() {
        let line = recorded(AccessLog::Combined);
        assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
        assert!(line.contains(" HTTP/1.1\" 200 7 \"-\" \"a\\x22b\\x5c\\xff\"\n"), "{line}");
        assert_eq!(line.lines().count(), 1);

        let line: serde_json::Value = serde_json::from_str(&recorded(AccessLog::Json)).unwrap();
        assert_eq!((&line["status"], &line["micros"], &line["id"]), (&200.into(), &12.into(), &"1f".into()));
        assert_eq!(line["agent"], "a\"b\\\u{fffd}");
    }
}
