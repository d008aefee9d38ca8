//! Patterns for names and paths: `*` and `?` stay within a step, `**` does not.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1_000;

/// A pattern. With a `/` in it, it is for the whole path below the top; without, for any name on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Glob(String);

impl FromStr for Glob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > PATTERN_BYTES_MAX {
            return Err(format!("expected a pattern of 1 to {PATTERN_BYTES_MAX} bytes, as in `*.html`"));
        }
        Ok(Self(text.trim_matches('/').to_owned()))
    }
}

impl Glob {
    /// Whether a single name fits.
    pub(crate) fn fits_name(&self, name: &str) -> bool {
        fits(self.0.as_bytes(), name.as_bytes())
    }

    /// Whether what stands at these steps is meant; what is in it is left to the caller.
    pub(crate) fn fits_path<'a>(&self, steps: impl Iterator<Item = &'a str> + Clone) -> bool {
        if self.0.contains('/') {
            let path = steps.collect::<Vec<_>>().join("/");
            return fits(self.0.as_bytes(), path.as_bytes());
        }
        steps.last().is_some_and(|name| self.fits_name(name))
    }
}

/// Follows pattern and text, and goes back to the last star where they part: at most pattern times text steps.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on after a star has taken one more byte: behind the star, and in the text.
    let mut star: Option<(usize, usize)> = None;
    let mut double: Option<(usize, usize)> = None;
    loop {
        if pattern[p..].starts_with(b"**") {
            // `**/` also stands for no step at all.
            let behind = if pattern[p..].starts_with(b"**/") { p + 3 } else { p + 2 };
            (double, star, p) = (Some((behind, t)), None, behind);
            continue;
        }
        match (pattern.get(p), text.get(t)) {
            (Some(b'*'), _) => {
                star = Some((p + 1, t));
                p += 1;
            }
            (None, None) => return true,
            (Some(b'?'), Some(&byte)) if byte != b'/' => {
                p += 1;
                t += 1;
                // One character, however many bytes it has.
                while text.get(t).is_some_and(|byte| byte & 0xc0 == 0x80) {
                    t += 1;
                }
            }
            (Some(a), Some(b)) if a == b => (p, t) = (p + 1, t + 1),
            _ => match (star, double) {
                (Some((behind, at)), _) if at < text.len() && text[at] != b'/' => {
                    star = Some((behind, at + 1));
                    (p, t) = (behind, at + 1);
                }
                (_, Some((behind, at))) if at < text.len() => {
                    double = Some((behind, at + 1));
                    (star, p, t) = (None, behind, at + 1);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_what_they_say() {
        for (pattern, path, expected) in [
            ("*.html", "a/b.html", true),
            ("*.html", "a/b.htm", false),
            ("?", "é", true),
            ("a/*", "a/b", true),
            ("a/*", "a/b/c", false),
            ("a/**", "a/b/c", true),
            ("**/c", "c", true),
            ("**/c", "a/b/c", true),
            ("a/**/c", "a/c", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("/target/", "target", true),
        ] {
            let glob: Glob = pattern.parse().unwrap();
            assert_eq!(glob.fits_path(path.split('/')), expected, "{pattern} and {path}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let glob: Glob = "a*".repeat(400).parse().unwrap();
        assert!(!glob.fits_name(&"a".repeat(255)));
    }
}
