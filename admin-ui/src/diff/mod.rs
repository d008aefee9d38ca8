//! Differences: what was and what is, as people read it.
//!
//! `text` shows two texts by line with the changed words marked; `cell` says what became of one cell of an object:
//! a text by line, an image beside the other, a move or a right as a sentence. `three` finds where two sides changed the same
//! lines of a text. Reading order: `text`, `value`, `cell`, `three`.

mod cell;
mod text;
pub(crate) mod three;
mod value;

pub(crate) use cell::{CellDiff, Deed, ObjectDiff, Room, State, Teller, label};
pub(crate) use text::{Layout, Line, Row, TextDiff, lines};
