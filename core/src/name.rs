//! Names and paths: what a step of a URL may be called.
//!
//! # Invariants
//! - A [`Name`] is 1 to [`NAME_BYTES_MAX`] bytes of UTF-8 without `/`, control characters or marks that turn the
//!   direction of writing; it is neither `.` nor `..` and does not begin with `@`, which is kept for the publisher.
//! - A name that begins with `_` is legal, but never acquired unless asked for, and served by URL only below a
//!   folder that is marked as imported files.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest name in bytes: what file systems allow, so that every name can be exported as a file.
pub const NAME_BYTES_MAX: usize = 255;
/// Longest path in steps that is taken from a request or a command line.
pub const PATH_STEPS_MAX: usize = 512;

/// The name of a child in its container, of an attribute, a method or a type.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Why a text cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// No character at all.
    #[error("a name must not be empty")]
    Empty,
    /// Longer than [`NAME_BYTES_MAX`].
    #[error("`{start}...` is {bytes} bytes long: a name has at most {NAME_BYTES_MAX}")]
    TooLong {
        /// How it begins.
        start: String,
        /// How long it is.
        bytes: usize,
    },
    /// `.` or `..`, which mean places in a path.
    #[error("`{0}` is not a name: it means a place in a path")]
    Dots(String),
    /// It begins with `@`.
    #[error("`{0}` begins with `@`, which is reserved for views, versions and moments")]
    At(String),
    /// It holds a character that no name may hold.
    #[error("`{}` holds the character U+{:04X}, which no name may hold", .name.escape_debug(), *.found as u32)]
    Character {
        /// The whole text.
        name: String,
        /// The first such character.
        found: char,
    },
}

impl Name {
    /// Takes `text` as a name.
    ///
    /// # Errors
    /// Each way in which it breaks the invariants of this module.
    pub fn new(text: &str) -> Result<Self, NameError> {
        Self::check(text).map(|()| Self(text.into()))
    }

    /// Says whether `text` could be a name, without making one.
    ///
    /// # Errors
    /// As [`Name::new`].
    pub fn check(text: &str) -> Result<(), NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong { start: text.chars().take(40).collect(), bytes: text.len() });
        }
        if text == "." || text == ".." {
            return Err(NameError::Dots(text.into()));
        }
        if text.starts_with('@') {
            return Err(NameError::At(text.into()));
        }
        match text.chars().find(|&c| c == '/' || c.is_control() || turns_writing(c)) {
            Some(found) => Err(NameError::Character { name: text.into(), found }),
            None => Ok(()),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it begins with `_`: kept out of acquisition and of URLs.
    pub fn is_private(&self) -> bool {
        self.0.starts_with('_')
    }
}

/// Marks that make `exe.txt` show as `txt.exe`.
fn turns_writing(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

/// Names from the root to an object; the root's own path is empty and prints as `/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectPath(Vec<Name>);

/// Why a text cannot be a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// It does not begin at the root.
    #[error("`{0}` is not a path: expected it to begin with `/`")]
    Relative(String),
    /// One of its steps is no name.
    #[error("step {step} of the path is wrong: {source}")]
    Step {
        /// Which, from 1.
        step: usize,
        /// Why.
        source: NameError,
    },
    /// More than [`PATH_STEPS_MAX`] steps.
    #[error("a path of {steps} steps: at most {PATH_STEPS_MAX} are taken")]
    TooDeep {
        /// How many it has.
        steps: usize,
    },
}

impl ObjectPath {
    /// The path of the root.
    pub const ROOT: Self = Self(Vec::new());

    /// Reads `/a/b`; a slash at the end is allowed and means nothing.
    ///
    /// # Errors
    /// Each way in which `text` is no path.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let rest =
            text.strip_prefix('/').ok_or_else(|| PathError::Relative(text.chars().take(80).collect()))?;
        if rest.is_empty() {
            return Ok(Self::ROOT);
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let steps = rest.bytes().filter(|&byte| byte == b'/').count() + 1;
        if steps > PATH_STEPS_MAX {
            return Err(PathError::TooDeep { steps });
        }
        let names = rest
            .split('/')
            .enumerate()
            .map(|(at, step)| Name::new(step).map_err(|source| PathError::Step { step: at + 1, source }));
        names.collect::<Result<_, _>>().map(Self)
    }

    /// The names from the root.
    pub fn names(&self) -> &[Name] {
        &self.0
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The container's path and the last name; none for the root.
    pub fn split_last(&self) -> Option<(Self, &Name)> {
        let (last, rest) = self.0.split_last()?;
        Some((Self(rest.to_vec()), last))
    }

    /// The path of the child `name`.
    #[must_use]
    pub fn join(&self, name: &Name) -> Self {
        let mut names = self.0.clone();
        names.push(name.clone());
        Self(names)
    }

    /// Whether this is `other` or lies below it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl From<Vec<Name>> for ObjectPath {
    fn from(names: Vec<Name>) -> Self {
        Self(names)
    }
}

impl FromStr for ObjectPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|name| write!(f, "/{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_legal_name_is_taken_and_every_illegal_one_refused() {
        for good in ["a", "index.html", "_private", "...", "a b", "é", "<b>", "primitive.!", &"x".repeat(255)]
        {
            assert_eq!(Name::new(good).map(|name| name.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            ".",
            "..",
            "@v",
            "@@view",
            "a/b",
            "a\0",
            "a\nb",
            "\u{7f}",
            "\u{85}",
            "x\u{202e}y",
            &"x".repeat(256),
        ] {
            assert!(Name::new(bad).is_err(), "`{}` was taken for a name", bad.escape_debug());
        }
    }

    #[test]
    fn a_path_reads_back_as_it_prints_and_hostile_ones_are_refused() {
        for (text, printed) in [("/", "/"), ("/a", "/a"), ("/a/", "/a"), ("/a/b c", "/a/b c")] {
            assert_eq!(ObjectPath::parse(text).unwrap().to_string(), printed);
        }
        let long = format!("/{}", "a/".repeat(10_000));
        for bad in ["", "a", "//", "/a//b", "/../a", "/a/./b", "/@at/b", "/a\0b", &long] {
            assert!(ObjectPath::parse(bad).is_err(), "{:.40} was taken for a path", bad.escape_debug());
        }
    }

    #[test]
    fn a_path_is_within_itself_and_its_containers_but_not_its_namesakes() {
        let path = |text| ObjectPath::parse(text).unwrap();
        assert!(path("/a/b").is_within(&path("/a")) && path("/a").is_within(&path("/a")));
        assert!(path("/a").is_within(&ObjectPath::ROOT));
        assert!(!path("/ab").is_within(&path("/a")) && !path("/a").is_within(&path("/a/b")));
    }
}
