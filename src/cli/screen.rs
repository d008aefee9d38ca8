//! The one place that prints: rows and bytes to the standard output, the rest to the standard error.
//!
//! # Invariants
//! - A reader that goes away (`bough log | head`) ends the command quietly.
//! - Text of the site is printed without control characters, so that no title can steer a terminal. Bytes that were
//!   asked for as bytes (`cat`) go out as they are.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::failure::{Code, Failure};

/// Rows for people, or one JSON object a line for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Json,
}

/// Where a command's answer goes.
pub(crate) struct Screen {
    pub(crate) form: Form,
    /// What every command that is shown as advice begins with: `bough`, and the data folder if it is not the usual.
    pub(crate) program: String,
    /// The private version that the command works in.
    pub(crate) version: Option<String>,
    out: io::BufWriter<io::Stdout>,
}

impl Screen {
    pub(crate) fn new(form: Form, program: String) -> Self {
        Self { form, program, version: None, out: io::BufWriter::with_capacity(64 << 10, io::stdout()) }
    }

    /// A command of this program as advice: with the data folder, and the version that this one works in.
    pub(crate) fn command(&self, command: &str) -> String {
        match &self.version {
            Some(name) => format!("{} {command} --version {name}", self.program),
            None => format!("{} {command}", self.program),
        }
    }

    /// One line for people.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.out, "{}", plain(text)).map_err(gone)
    }

    /// One JSON object on a line.
    pub(crate) fn json(&mut self, row: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.out, row).map_err(|error| gone(error.into()))?;
        self.out.write_all(b"\n").map_err(gone)
    }

    /// Bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).map_err(gone)
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(gone)
    }

    /// A remark that is no part of the answer.
    pub(crate) fn remark(&self, text: &str) {
        remark(text);
    }

    /// Says why the command failed, and what to do.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        // What was answered before it failed comes first; if nobody reads that any more, so be it.
        let _ = self.out.flush();
        if is_gone(failure) {
            return;
        }
        if self.form == Form::Json {
            let text = serde_json::json!({ "error": failure }).to_string();
            return remark(&text);
        }
        remark(&format!("error: {}", plain(&failure.message)));
        failure.causes.iter().for_each(|cause| remark(&format!("  because: {}", plain(cause))));
        for advice in &failure.advice {
            // Commands are written with the plain program name where they come from.
            let advice = match advice.strip_prefix("bough ") {
                Some(rest) => format!("{} {rest}", self.program),
                None => advice.clone(),
            };
            remark(&format!("  try: {}", plain(&advice)));
        }
    }
}

/// Prints to the standard error; nobody listening is no error.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether a person watches what goes to the standard error.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Whether a person can be asked: one who sees the question, and whose answer comes from the keyboard.
pub(crate) fn is_dialogue() -> bool {
    is_watched() && io::stdin().is_terminal()
}

const GONE: &str = "nobody reads the answer any more";

fn gone(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::new(Code::Refused, GONE),
        _ => Failure::because("cannot print the answer", &error),
    }
}

/// Whether the command ended because its reader went away.
pub(crate) fn is_gone(failure: &Failure) -> bool {
    failure.message == GONE
}

/// The text without characters that steer a terminal; tabs and ends of lines stay.
pub(crate) fn plain(text: &str) -> String {
    let steers = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.contains(steers) {
        return text.to_owned();
    }
    text.chars().flat_map(|c| if steers(c) { c.escape_default().collect() } else { vec![c] }).collect()
}

/// The first `chars_max` characters on one line.
pub(crate) fn short(text: &str, chars_max: usize) -> String {
    let mut chars = text.chars();
    let mut shown = String::new();
    for c in chars.by_ref().take(chars_max) {
        match c {
            '\n' => shown.push_str("\\n"),
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    if chars.next().is_some() {
        shown.push_str("...");
    }
    shown
}

/// A number with its thousands set apart: `51,906`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `1 file`, `51,906 files`.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A length as people read it, in units of 1000: `782 MB`.
pub(crate) fn size_text(bytes: u64) -> String {
    let mut amount = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if amount < 999.5 {
            let decimals = usize::from(unit != "B" && amount < 9.95);
            return format!("{amount:.decimals$} {unit}");
        }
        amount /= 1000.0;
    }
    format!("{amount:.1} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_the_site_steers_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\nc");
        assert_eq!(short("a\nb\u{7}cd", 4), "a\\nb\\u{7}...");
    }

    #[test]
    fn numbers_and_sizes_are_written_as_people_read_them() {
        assert_eq!(
            (grouped(7), grouped(1234), grouped(51_906_000)),
            ("7".into(), "1,234".into(), "51,906,000".into())
        );
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (782_000_000, "782 MB"), (1 << 40, "1.1 TB")]
        {
            assert_eq!(size_text(bytes), text);
        }
    }
}
