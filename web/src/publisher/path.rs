//! The path of a request: from the bytes of a URL to the steps of a traversal.
//!
//! Steps are split at `/` before they are decoded, so that an encoded slash never makes a step; it is refused, since
//! no name can hold one. `.` and `..`, encoded or not, are refused rather than followed: clients take them out
//! themselves, and what is left is an attempt to leave the tree. Two slashes in a row are answered with a redirect to
//! the path without them: they come from links put together by hand, and each thing keeps its one URL.

use bough_core::name::PATH_STEPS_MAX;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What a step must write as `%XX` (RFC 3986, `pchar`).
const IN_STEP: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The steps of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestPath {
    /// The decoded steps; none is empty.
    pub(crate) steps: Vec<String>,
    /// Whether a slash follows the last step. The root's path always has one.
    pub(crate) ends_in_slash: bool,
    /// Whether two slashes stood side by side.
    pub(crate) has_empty_steps: bool,
}

/// Why a path was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathProblem {
    #[error("The address is {bytes} bytes long; at most {max} are taken.")]
    TooLong { bytes: usize, max: usize },
    #[error("The address has {0} steps; at most {PATH_STEPS_MAX} are taken.")]
    TooManySteps(usize),
    #[error("The address does not begin with a slash.")]
    Relative,
    #[error("Part of the address is not encoded as it should be: `%` and two hexadecimal digits, in UTF-8.")]
    Encoding,
    #[error("The address holds a control character.")]
    Control,
    #[error("The address holds an encoded slash (%2F), which no name can have.")]
    EncodedSlash,
    #[error("The address holds a step `.` or `..`.")]
    Dots,
}

impl RequestPath {
    /// Reads the path of a URL.
    pub(crate) fn parse(path: &str, bytes_max: usize) -> Result<Self, PathProblem> {
        if path.len() > bytes_max {
            return Err(PathProblem::TooLong { bytes: path.len(), max: bytes_max });
        }
        let rest = path.strip_prefix('/').ok_or(PathProblem::Relative)?;
        let count = rest.bytes().filter(|&byte| byte == b'/').count() + 1;
        let mut read = Self { steps: Vec::with_capacity(count.min(16)), ..Self::default() };
        for (nth, raw) in rest.split('/').enumerate() {
            if raw.is_empty() {
                let is_last = nth + 1 == count;
                read.ends_in_slash |= is_last;
                read.has_empty_steps |= !is_last;
                continue;
            }
            read.steps.push(decode(raw)?);
        }
        if read.steps.len() > PATH_STEPS_MAX {
            return Err(PathProblem::TooManySteps(read.steps.len()));
        }
        Ok(read)
    }

    /// The same path written without empty steps.
    pub(crate) fn to_url(&self, prefix: &str) -> String {
        let mut url = prefix.to_owned();
        for step in &self.steps {
            push_step(&mut url, step);
        }
        if self.ends_in_slash || self.steps.is_empty() {
            url.push('/');
        }
        url
    }
}

/// Adds `/` and the encoded step.
pub(crate) fn push_step(url: &mut String, step: &str) {
    url.push('/');
    url.extend(utf8_percent_encode(step, IN_STEP));
}

fn decode(raw: &str) -> Result<String, PathProblem> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(PathProblem::Encoding);
        };
        let decoded = (high * 16 + low) as u8;
        if decoded == b'/' {
            return Err(PathProblem::EncodedSlash);
        }
        bytes.push(decoded);
    }
    let step = String::from_utf8(bytes).map_err(|_| PathProblem::Encoding)?;
    if step.chars().any(char::is_control) {
        return Err(PathProblem::Control);
    }
    if step == "." || step == ".." {
        return Err(PathProblem::Dots);
    }
    Ok(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_split_before_they_are_decoded() {
        for (path, steps, slash, empty) in [
            ("/", &[][..], true, false),
            ("/a", &["a"][..], false, false),
            ("/a/", &["a"], true, false),
            ("/a%20b/%C3%A9", &["a b", "é"], false, false),
            ("/a%5Cb", &["a\\b"], false, false),
            ("/@at/t1f/a", &["@at", "t1f", "a"], false, false),
            ("//a", &["a"], false, true),
            ("/a//b/", &["a", "b"], true, true),
            ("//", &[], true, true),
            ("/...", &["..."], false, false),
        ] {
            let read = RequestPath::parse(path, 8192).unwrap();
            assert_eq!(read.steps, steps, "{path}");
            assert_eq!((read.ends_in_slash, read.has_empty_steps), (slash, empty), "{path}");
        }
    }

    #[test]
    fn hostile_paths_are_refused_with_the_reason() {
        let long = format!("/{}", "a".repeat(8192));
        let deep = "/a".repeat(513);
        for (path, problem) in [
            ("a", PathProblem::Relative),
            ("*", PathProblem::Relative),
            ("/a%2Fb", PathProblem::EncodedSlash),
            ("/a%2fb", PathProblem::EncodedSlash),
            ("/%00", PathProblem::Control),
            ("/%0d%0aSet-Cookie", PathProblem::Control),
            ("/%7f", PathProblem::Control),
            ("/%C2%85", PathProblem::Control),
            ("/%", PathProblem::Encoding),
            ("/%4", PathProblem::Encoding),
            ("/%zz", PathProblem::Encoding),
            ("/%+1", PathProblem::Encoding),
            ("/%ff", PathProblem::Encoding),
            ("/%c0%af", PathProblem::Encoding),
            ("/..", PathProblem::Dots),
            ("/a/../b", PathProblem::Dots),
            ("/%2e%2E/etc", PathProblem::Dots),
            ("/.", PathProblem::Dots),
            (&long, PathProblem::TooLong { bytes: 8193, max: 8192 }),
            (&deep, PathProblem::TooManySteps(513)),
        ] {
            assert_eq!(RequestPath::parse(path, 8192), Err(problem), "{:.60}", path);
        }
    }

    #[test]
    fn a_path_written_again_reads_as_the_same_path() {
        for path in ["/", "/a b/é/", "/%25/x?y#z", "/a\\b", "/;:@&=+$,"] {
            let steps = path.split('/').filter(|step| !step.is_empty()).map(str::to_owned).collect();
            let made = RequestPath { steps, ends_in_slash: path.ends_with('/'), has_empty_steps: false };
            assert_eq!(RequestPath::parse(&made.to_url(""), 8192).as_ref(), Ok(&made), "{path}");
        }
    }
}
