//! How objects of a version are shown: what became of them, and what their cells hold on either side.

use bough_core::{CellKey, Content, Object, Oid, Snapshot as _};
use bough_web::pages::PageError;

use super::at::{At, State};
use crate::diff::{self, CellDiff, Layout, Line, Room, Row, Teller, TextDiff};
use crate::past::cell_text;

/// Values kept aside that are longer than this are not fetched to be shown.
pub(super) const LARGE_BYTES_MAX: u64 = 512 << 10;
/// What a line of a difference takes besides its text.
const ROW_BYTES: usize = 80;

/// Two states beside each other.
pub(super) struct Pair<'a> {
    at: &'a At<'a>,
    states: [&'a State; 2],
    teller: Teller<'a>,
    /// How many bytes may still be shown.
    room: usize,
}

impl<'a> Pair<'a> {
    /// Each state with what it is called; `bytes_max`: how much is shown in all.
    pub(super) fn new(
        at: &'a At<'a>,
        before: (&'a State, &str),
        after: (&'a State, &str),
        bytes_max: usize,
    ) -> Self {
        let side = |(state, label): (&'a State, &str)| diff::State::new(at.request, &state.snapshot, label);
        let teller = Teller {
            request: at.request,
            before: side(before),
            after: side(after),
            layout: Layout::Inline,
            room: Room::default(),
        };
        Self { at, states: [before.0, after.0], teller, room: bytes_max }
    }

    /// What became of a cell of an object.
    pub(super) fn cell(
        &mut self,
        oid: Oid,
        (key, before, after): (&CellKey, Option<&Content>, Option<&Content>),
    ) -> Result<CellDiff, PageError> {
        let Some(object) = self.at.object(oid)? else { return Err(PageError::not_found()) };
        // Two objects on a page may have cells of one name.
        let id = format!("{oid}-{}", cell_text(key));
        let said = |sentence: &str| CellDiff {
            label: self.teller.label(&object, key),
            key: id.clone(),
            sentence: Some(sentence.into()),
            text: None,
            images: None,
        };
        if !self.may_read(oid, key)? {
            return Ok(said("It was changed; you may not read it."));
        }
        let is_large = |content: Option<&Content>| matches!(content, Some(Content::Large(large)) if u64::from(large.bytes) > LARGE_BYTES_MAX);
        if is_large(before) || is_large(after) {
            return Ok(said("It was changed; it is too long to be shown here."));
        }
        let mut cell = CellDiff { key: id.clone(), ..self.teller.cell(&object, (key, before, after))? };
        if let Some((_, image)) = &mut cell.images
            && after.is_some()
        {
            *image = self.at.image_url(self.states[1], oid)?.or(image.take());
        }
        let size = cell.text.as_ref().map_or(0, size);
        if size > self.room {
            return Ok(said("It was changed; that is too long to be shown here: look at its history."));
        }
        self.room -= size;
        Ok(cell)
    }

    /// Whether whoever asks may read that cell in both; of an object that is not there, there is nothing to hide.
    fn may_read(&self, oid: Oid, key: &CellKey) -> Result<bool, PageError> {
        let CellKey::Attribute(name) = key else { return Ok(true) };
        for state in self.states {
            if let Some(object) = state.snapshot.object(oid)?
                && !state.may_read(&object, name.as_str())?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// About how many bytes a difference takes in a page.
fn size(text: &TextDiff) -> usize {
    let line = |line: &Line| ROW_BYTES + line.pieces.iter().map(|piece| piece.text.len()).sum::<usize>();
    let row = |row: &Row| match row {
        Row::Same { new, .. } => line(new),
        Row::Changed { old, new } => old.as_ref().map_or(0, line) + new.as_ref().map_or(0, line),
        Row::Gap { .. } => ROW_BYTES,
    };
    text.rows.iter().map(row).sum()
}

/// What a cell is called in a sentence.
pub(super) fn cell_name(at: &At<'_>, oid: Oid, key: &CellKey) -> Result<String, PageError> {
    let label = match at.object(oid)? {
        Some(object) => diff::label(at.request, &object, key),
        None => cell_text(key),
    };
    let mut chars = label.chars();
    let first = chars.next().map(|first| first.to_lowercase().collect::<String>());
    Ok(first.unwrap_or_default() + chars.as_str())
}

/// The text that a cell holds, if it is one that can be shown.
pub(super) fn whole_text(content: Option<&Content>, state: &State) -> Result<Option<String>, PageError> {
    Ok(match content {
        Some(Content::Value(value)) => value.as_text().map(str::to_owned),
        Some(Content::Large(large)) if u64::from(large.bytes) <= LARGE_BYTES_MAX => {
            state.snapshot.large(large)?.as_text().map(str::to_owned)
        }
        _ => None,
    })
}

/// What became of an object, in a word.
pub(super) fn deed(before: Option<&Object>, after: Option<&Object>) -> &'static str {
    let stands = |object: Option<&Object>| {
        object.is_some_and(|object| object.place().is_some() || object.oid() == Oid::ROOT)
    };
    match (stands(before), stands(after)) {
        (false, true) => "added",
        (true, false) => "deleted",
        (false, false) => "gone",
        (true, true) => {
            let place = |object: Option<&Object>| object.and_then(|object| object.place().cloned());
            match (place(before), place(after)) {
                (Some(was), Some(is)) if was.parent != is.parent => "moved",
                (Some(was), Some(is)) if was.name != is.name => "renamed",
                _ => "changed",
            }
        }
    }
}
