//! Forms: the fields and the files of a body, as browsers send them.
//!
//! A form with files (`multipart/form-data`, RFC 7578) is not copied: each part is named by where it lies in what was
//! received, and read from there.

use std::io::{self, Read as _};

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;

use super::receive::{Reader, Received, media_essence};

/// Most parts of a form.
const PARTS_MAX: usize = 1_000;
/// Longest head of a part.
const HEAD_BYTES_MAX: usize = 8 << 10;
/// Longest boundary (RFC 2046).
const BOUNDARY_BYTES_MAX: usize = 70;
const READ_BYTES: usize = 64 << 10;

/// Why a body is no form.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormError {
    #[error("the body is no form: {0}")]
    Wrong(String),
    #[error("the body cannot be read")]
    Read(#[from] io::Error),
}

/// One field or file of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// As the client calls it, without the folders that some send with it; none for what is no file.
    pub(crate) file_name: Option<String>,
    pub(crate) media_type: Option<String>,
    start: u64,
    end: u64,
}

impl Part {
    /// How many bytes it has.
    pub(crate) fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Its bytes.
    pub(crate) fn reader<'a>(&self, received: &'a Received) -> Reader<'a> {
        received.part(self.start, self.end)
    }
}

/// The parts of a `multipart/form-data` body, in their order.
///
/// # Errors
/// When it is none, has too many parts or cannot be read.
pub(crate) fn parts(headers: &HeaderMap, received: &Received) -> Result<Vec<Part>, FormError> {
    let wrong = |problem: &str| FormError::Wrong(problem.to_owned());
    if media_essence(headers) != "multipart/form-data" {
        return Err(wrong("expected `multipart/form-data`"));
    }
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = parameter(value, "boundary").ok_or_else(|| wrong("it names no boundary"))?;
    if boundary.is_empty() || boundary.len() > BOUNDARY_BYTES_MAX {
        return Err(wrong("its boundary is no boundary"));
    }
    let mut scan = Scan { reader: received.reader(), window: Vec::new(), start: 0, is_ended: false };
    // The first boundary may stand at the very beginning, without a line end before it.
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let mut parts = Vec::new();
    scan.fill(delimiter.len())?;
    if scan.window.starts_with(&delimiter[2..]) {
        scan.skip(delimiter.len() - 2);
    } else {
        scan.find(&delimiter)?.ok_or_else(|| wrong("its boundary is nowhere"))?;
    }
    loop {
        scan.fill(2)?;
        match scan.window.get(..2) {
            Some(b"--") => return Ok(parts),
            Some(b"\r\n") => scan.skip(2),
            _ => return Err(wrong("a boundary is followed by neither a line end nor `--`")),
        }
        if parts.len() == PARTS_MAX {
            return Err(FormError::Wrong(format!("it has more than {PARTS_MAX} parts")));
        }
        let head = scan.head()?;
        let start = scan.start;
        let end = scan.find(&delimiter)?.ok_or_else(|| wrong("its last part has no end"))?;
        parts.push(part(&head, start, end)?);
    }
}

fn part(head: &[u8], start: u64, end: u64) -> Result<Part, FormError> {
    let wrong = |problem: &str| FormError::Wrong(problem.to_owned());
    let head = std::str::from_utf8(head).map_err(|_| wrong("the head of a part is no UTF-8"))?;
    let mut disposition = None;
    let mut media_type = None;
    for line in head.split("\r\n").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(|| wrong("a part has a head without `:`"))?;
        match name.trim().to_ascii_lowercase().as_str() {
            "content-disposition" => disposition = Some(value.trim()),
            "content-type" => media_type = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let disposition = disposition.ok_or_else(|| wrong("a part has no `Content-Disposition`"))?;
    if !disposition.to_ascii_lowercase().starts_with("form-data") {
        return Err(wrong("a part is no `form-data`"));
    }
    let name = parameter(disposition, "name").ok_or_else(|| wrong("a part has no name"))?;
    let file_name = parameter(disposition, "filename");
    let file_name = file_name.map(|name| name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned());
    Ok(Part { name, file_name, media_type, start, end })
}

/// A parameter of a header, quoted or not. Browsers write `%22` for a quote in a name.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        rest = rest.trim_start();
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => match after.split_once(';') {
                Some((value, _)) => (value.trim().to_owned(), &after[value.len()..]),
                None => (after.trim().to_owned(), ""),
            },
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after.trim_start().strip_prefix(';')?;
    }
}

/// The text up to the closing quote, and what follows.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value.replace("%22", "\""), &text[at + 1..])),
            '\\' if matches!(text[at + 1..].chars().next(), Some('"' | '\\')) => {
                value.extend(chars.next().map(|(_, c)| c));
            }
            c => value.push(c),
        }
    }
    None
}

/// A walk over what was received, with a window of it in memory.
struct Scan<'a> {
    reader: Reader<'a>,
    window: Vec<u8>,
    /// Where the window begins.
    start: u64,
    is_ended: bool,
}

impl Scan<'_> {
    /// Sees to it that the window has so many bytes, as far as there are any.
    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        while self.window.len() < bytes && !self.is_ended {
            let read = (&mut self.reader).take(READ_BYTES as u64).read_to_end(&mut self.window)?;
            self.is_ended = read == 0;
        }
        Ok(())
    }

    fn skip(&mut self, bytes: usize) {
        self.window.drain(..bytes);
        self.start += bytes as u64;
    }

    /// Goes behind the next `wanted`, and answers where that begins.
    fn find(&mut self, wanted: &[u8]) -> io::Result<Option<u64>> {
        loop {
            self.fill(READ_BYTES)?;
            let first = |&at: &usize| self.window[at..].starts_with(wanted);
            let mut from = 0;
            while let Some(at) = memchr(wanted[0], &self.window[from..]).map(|at| at + from) {
                if first(&at) {
                    let found = self.start + at as u64;
                    self.skip(at + wanted.len());
                    return Ok(Some(found));
                }
                from = at + 1;
            }
            if self.is_ended {
                return Ok(None);
            }
            // What may be the beginning of it stays.
            self.skip(self.window.len().saturating_sub(wanted.len() - 1));
            let before = self.window.len();
            self.fill(before + 1)?;
        }
    }

    /// The head of a part, without the empty line behind it.
    fn head(&mut self) -> Result<Vec<u8>, FormError> {
        self.fill(HEAD_BYTES_MAX)?;
        if self.window.starts_with(b"\r\n") {
            self.skip(2);
            return Ok(Vec::new());
        }
        let bounded = &self.window[..self.window.len().min(HEAD_BYTES_MAX)];
        let end = bounded.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.ok_or_else(|| FormError::Wrong("the head of a part has no end".to_owned()))?;
        let head = self.window[..end].to_vec();
        // The empty line's end may be the beginning of a boundary, where the part is empty.
        self.skip(end + 4);
        Ok(head)
    }
}

fn memchr(wanted: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(body: &[u8]) -> Received {
        Received::of_bytes(body.to_vec())
    }

    fn read(boundary: &str, body: &[u8]) -> Result<Vec<(Part, Vec<u8>)>, String> {
        let mut headers = HeaderMap::new();
        let media_type = format!("multipart/form-data; boundary={boundary}");
        headers.insert(CONTENT_TYPE, media_type.parse().unwrap());
        let received = received(body);
        let parts = parts(&headers, &received).map_err(|error| error.to_string())?;
        let read = |part: Part| {
            let mut bytes = Vec::new();
            part.reader(&received).read_to_end(&mut bytes).unwrap();
            (part, bytes)
        };
        Ok(parts.into_iter().map(read).collect())
    }

    #[test]
    fn fields_and_files_come_with_their_names_and_bytes() {
        let long = b"\r\n--X\r\n-x-\r".repeat(40_000);
        let mut body = b"--Xy\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--Xy\r\n".to_vec();
        body.extend(
            b"content-disposition: form-data; name=files; filename=\"C:\\\\x\\\\b %22c.txt\"\r\n\
              Content-Type: text/plain\r\n\r\n",
        );
        body.extend(&long);
        body.extend(b"\r\n--Xy\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--Xy--\r\n");
        let parts = read("\"Xy\"", &body).unwrap();
        let names: Vec<_> =
            parts.iter().map(|(part, _)| (part.name.as_str(), part.file_name.as_deref())).collect();
        assert_eq!(names, [("a", None), ("files", Some("b \"c.txt")), ("empty", None)]);
        assert_eq!(parts[0].1, b"one");
        assert!(parts[1].1 == long);
        assert_eq!(parts[1].0.media_type.as_deref(), Some("text/plain"));
        assert_eq!(parts[2].1, b"");
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for body in [
            &b""[..],
            b"nothing",
            b"--X\r\n",
            b"--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nno end",
            b"--X\r\nContent-Disposition: form-data\r\n\r\n\r\n--X--",
            b"--X\r\nX: y\r\n\r\n\r\n--X--",
            b"--X\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n\r\n--X--",
            b"--Xx\r\n\r\n--X--",
        ] {
            assert!(read("X", body).is_err(), "{}", String::from_utf8_lossy(body));
        }
        assert!(read("", b"--\r\n").is_err());
        let many = b"--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n".repeat(PARTS_MAX + 1);
        assert!(read("X", &[&many[..], b"--X--"].concat()).unwrap_err().contains("more than"));
        let long = [b"--X\r\n".as_slice(), &b"A: b\r\n".repeat(10_000), b"\r\n--X--"].concat();
        assert!(read("X", &long).unwrap_err().contains("no end"));
    }
}
