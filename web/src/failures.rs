//! What went wrong inside of the server, of late: for those who run the site and do not read its log.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// How many are kept.
const KEPT_MAX: usize = 100;
/// Longest text that is kept of one, in characters.
const CHARS_MAX: usize = 2_000;

/// One request that failed because of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternalFailure {
    /// When, in microseconds since 1970.
    pub at_micros: u64,
    /// The id that its page showed.
    pub id: String,
    /// The path that was asked for.
    pub path: String,
    /// The whole story.
    pub story: String,
}

/// The last of them.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<VecDeque<InternalFailure>>);

impl Failures {
    pub(crate) fn add(&self, failure: InternalFailure) {
        let cut = |text: String| match text.char_indices().nth(CHARS_MAX) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        };
        let failure = InternalFailure { path: cut(failure.path), story: cut(failure.story), ..failure };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT_MAX {
            kept.pop_back();
        }
        kept.push_front(failure);
    }

    /// All that are kept, the newest first.
    pub(crate) fn all(&self) -> Vec<InternalFailure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_kept_newest_first_and_none_takes_much_room() {
        let failures = Failures::default();
        for nth in 0..KEPT_MAX as u64 + 3 {
            failures.add(InternalFailure {
                at_micros: nth,
                id: nth.to_string(),
                path: "/ä".into(),
                story: "ä".repeat(5_000),
            });
        }
        let all = failures.all();
        assert_eq!((all.len(), all[0].at_micros, all[KEPT_MAX - 1].at_micros), (KEPT_MAX, 102, 3));
        assert_eq!((all[0].path.as_str(), all[0].story.chars().count()), ("/ä", CHARS_MAX + 1));
    }
}
