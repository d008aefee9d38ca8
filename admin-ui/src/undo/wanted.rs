//! What somebody wants to take back, as a form or an address says it.

use bough_core::{CellKey, Oid, Tid};
use bough_store::UndoChoices;
use bough_web::pages::{PageError, PageRequest};

use crate::past::{cell_text, encoded, parse_cell};

/// How many commits are taken back at a time.
pub(super) const COMMITS_MAX: usize = 500;
/// How many cells can be kept as they are.
const KEPT_MAX: usize = 500;

/// What somebody wants to take back, and what he chose about what stands against it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wanted {
    /// The commits, each once.
    pub(super) of: Vec<Tid>,
    pub(super) choices: UndoChoices,
    /// Where the browser goes afterwards.
    pub(super) back: Option<String>,
}

impl Wanted {
    pub(super) fn of_form(request: &PageRequest) -> Result<Self, PageError> {
        let form = request.form()?;
        Self::read(|key| form.all(key).map(str::to_owned).collect())
    }

    pub(super) fn of_query(request: &PageRequest) -> Result<Self, PageError> {
        Self::read(|key| request.query_all(key).to_vec())
    }

    /// `commit` names a commit, `keep` a cell (`OID CELL`) that stays as it is, `dangling` allows references to nothing,
    /// `for_good` leaves a merged version as it is.
    fn read(all: impl Fn(&str) -> Vec<String>) -> Result<Self, PageError> {
        let mut of = Vec::new();
        for text in all("commit") {
            let tid =
                text.parse().map_err(|_| PageError::refused("a commit to be undone is not named as one"))?;
            if !of.contains(&tid) {
                of.push(tid);
            }
        }
        if of.is_empty() {
            return Err(PageError::refused("nothing was selected: tick the changes to be undone"));
        }
        let mut skip = Vec::new();
        for text in all("keep") {
            let cell =
                text.split_once(' ').and_then(|(oid, cell)| Some((oid.parse().ok()?, parse_cell(cell)?)));
            skip.push(
                cell.ok_or_else(|| PageError::refused("what is to be kept is not named as it should be"))?,
            );
        }
        skip.dedup();
        if of.len() > COMMITS_MAX || skip.len() > KEPT_MAX {
            let sentence =
                format!("this is too much at a time: at most {COMMITS_MAX} changes can be undone together");
            return Err(PageError::refused(sentence));
        }
        let is_set = |key| all(key).last().is_some_and(|value| value == "1");
        let choices = UndoChoices {
            skip,
            choose: Vec::new(),
            allow_dangling: is_set("dangling"),
            reopen: !is_set("for_good"),
        };
        Ok(Self { of, choices, back: all("back").pop().filter(|back| !back.is_empty()) })
    }

    /// The fields that say the same, for a form.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields: Vec<(&'static str, String)> =
            self.of.iter().map(|tid| ("commit", tid.to_string())).collect();
        fields.extend(self.choices.skip.iter().map(|(oid, key)| ("keep", kept_text(*oid, key))));
        if self.choices.allow_dangling {
            fields.push(("dangling", "1".into()));
        }
        if !self.choices.reopen {
            fields.push(("for_good", "1".into()));
        }
        fields.extend(self.back.clone().map(|back| ("back", back)));
        fields
    }

    /// The query that says the same.
    pub(super) fn query(&self) -> String {
        let pairs = self.fields().into_iter().map(|(key, value)| format!("{key}={}", encoded(&value)));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// The same with further commits.
    pub(super) fn with_commits(&self, more: impl IntoIterator<Item = Tid>) -> Self {
        let mut of = self.of.clone();
        of.extend(more);
        let mut seen = std::collections::HashSet::new();
        of.retain(|tid| seen.insert(*tid));
        Self { of, ..self.clone() }
    }

    /// The same with further cells that stay as they are.
    pub(super) fn keeping(&self, more: impl IntoIterator<Item = (Oid, CellKey)>) -> Self {
        let mut wanted = self.clone();
        for kept in more {
            if !wanted.choices.skip.contains(&kept) {
                wanted.choices.skip.push(kept);
            }
        }
        wanted
    }

    /// The same without one of these.
    pub(super) fn not_keeping(&self, nth: usize) -> Self {
        let mut wanted = self.clone();
        wanted.choices.skip.remove(nth);
        wanted
    }

    /// The same where objects may go although others refer to them.
    pub(super) fn despite_references(&self) -> Self {
        let mut wanted = self.clone();
        wanted.choices.allow_dangling = true;
        wanted
    }
}

fn kept_text(oid: Oid, key: &CellKey) -> String {
    format!("{oid} {}", cell_text(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_reads_back_from_its_own_fields() {
        let name = bough_core::Name::new("title").unwrap();
        let wanted = Wanted {
            of: vec![Tid::from_micros(3), Tid::from_micros(1)],
            back: Some("/a?b=c".into()),
            ..Wanted::default()
        }
        .keeping([(Oid::from_u128(7), CellKey::Attribute(name)), (Oid::from_u128(7), CellKey::Place)])
        .despite_references();
        let fields = wanted.fields();
        let read = Wanted::read(|key| {
            fields.iter().filter(|(of, _)| *of == key).map(|(_, value)| value.clone()).collect()
        });
        assert_eq!(read.unwrap(), wanted);
        assert_eq!(
            wanted.not_keeping(0).query(),
            "commit=t3&commit=t1&keep=o7%20%28place%29&dangling=1&back=%2Fa%3Fb%3Dc"
        );
    }

    #[test]
    fn nothing_and_nonsense_are_refused() {
        let read = |key: &'static str, value: &'static str| {
            Wanted::read(|of| {
                let mut fields = vec![("commit", "t1")];
                fields.retain(|(name, _)| *name != key);
                fields.push((key, value));
                fields.iter().filter(|(name, _)| *name == of).map(|(_, value)| (*value).to_owned()).collect()
            })
        };
        assert!(read("commit", "x").is_err());
        assert!(read("keep", "title").is_err());
        assert!(read("keep", "o1 a/b").is_err());
        assert!(Wanted::read(|_| Vec::new()).is_err());
        assert_eq!(read("commit", "t1f").unwrap().of, [Tid::from_micros(0x1f)]);
    }
}
