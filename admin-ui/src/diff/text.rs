//! Two texts, line by line.
//!
//! Lines are compared first, then the words of those that were changed. However long or different the texts are, the
//! answer comes in time: what cannot be compared in full is compared roughly, and the rest is counted.

use std::time::{Duration, Instant};

use askama::Template;
use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

/// Texts are compared up to this length in bytes.
const BYTES_MAX: usize = 512 << 10;
/// How many lines are shown.
const ROWS_MAX: usize = 1_500;
/// How many unchanged lines are shown around a changed one.
const CONTEXT: usize = 3;
/// Words are compared in lines up to this length in bytes.
const LINE_BYTES_MAX: usize = 8 << 10;
/// How long comparing may take before it becomes rough.
const PATIENCE: Duration = Duration::from_millis(300);

/// How a difference is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Layout {
    /// What was on the left, what is on the right.
    #[default]
    Sides,
    /// One below the other.
    Inline,
}

impl Layout {
    /// Of the key `show` of a query.
    pub(crate) fn of_query(show: Option<&str>) -> Self {
        if show == Some("inline") { Self::Inline } else { Self::Sides }
    }
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) is_changed: bool,
}

/// A line of one of the two texts, with its number there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) pieces: Vec<Piece>,
}

/// One row of the difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// The same in both.
    Same { old: Line, new: Line },
    /// In one of them, or in both and not the same.
    Changed { old: Option<Line>, new: Option<Line> },
    /// So many lines that are the same are left out.
    Gap { lines: String },
}

/// Two texts compared: a template of its own, to be put into others as `{{ diff }}`.
#[derive(Template)]
#[template(path = "diff_text.html")]
pub(crate) struct TextDiff {
    pub(crate) rows: Vec<Row>,
    pub(crate) is_inline: bool,
    /// Whether both have at most one line, so that numbers say nothing.
    pub(crate) is_short: bool,
    pub(crate) old_label: String,
    pub(crate) new_label: String,
    /// What is not shown, in a sentence.
    pub(crate) note: Option<&'static str>,
    pub(crate) added: usize,
    pub(crate) removed: usize,
}

// What its template makes is HTML already.
impl askama::filters::HtmlSafe for TextDiff {}

impl TextDiff {
    /// Compares two texts.
    pub(crate) fn new(old: &str, new: &str, layout: Layout) -> Self {
        let deadline = Instant::now() + PATIENCE;
        let (old_cut, new_cut) = (cut(old), cut(new));
        let mut note = (old_cut.len() < old.len() || new_cut.len() < new.len())
            .then_some("They are too long to be compared in full: this is the beginning.");
        let (old_lines, new_lines) = (lines(old_cut), lines(new_cut));
        let ops = capture_diff_slices_deadline(Algorithm::Myers, &old_lines, &new_lines, Some(deadline));
        let mut made = Rows { rows: Vec::new(), added: 0, removed: 0, layout, deadline };
        let count = ops.len();
        for (nth, op) in ops.iter().enumerate() {
            if made.rows.len() > ROWS_MAX {
                note = Some("There is more: only the first lines that differ are shown.");
                break;
            }
            match *op {
                DiffOp::Equal { old_index, new_index, len } => {
                    let (before, after) = (nth > 0, nth + 1 < count);
                    made.same(&old_lines[old_index..old_index + len], old_index, new_index, (before, after));
                }
                DiffOp::Delete { old_index, old_len, .. } => {
                    made.changed(&old_lines[old_index..old_index + old_len], old_index, &[], 0);
                }
                DiffOp::Insert { new_index, new_len, .. } => {
                    made.changed(&[], 0, &new_lines[new_index..new_index + new_len], new_index);
                }
                DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                    let old = &old_lines[old_index..old_index + old_len];
                    let new = &new_lines[new_index..new_index + new_len];
                    made.changed(old, old_index, new, new_index);
                }
            }
        }
        let is_same = made.added + made.removed == 0;
        if is_same && old != new && note.is_none() {
            note = Some("Only the line break at the end differs.");
        }
        Self {
            rows: made.rows,
            is_inline: layout == Layout::Inline,
            is_short: old_lines.len() <= 1 && new_lines.len() <= 1,
            old_label: "Before".into(),
            new_label: "After".into(),
            note,
            added: made.added,
            removed: made.removed,
        }
    }

    /// The same with other words above the two sides.
    #[must_use]
    pub(crate) fn between(self, old: impl Into<String>, new: impl Into<String>) -> Self {
        Self { old_label: old.into(), new_label: new.into(), ..self }
    }
}

struct Rows {
    rows: Vec<Row>,
    added: usize,
    removed: usize,
    layout: Layout,
    deadline: Instant,
}

impl Rows {
    /// Lines that are the same, but for those far from any change.
    fn same(&mut self, lines: &[&str], old: usize, new: usize, (before, after): (bool, bool)) {
        let head = if before { CONTEXT } else { 0 };
        let tail = if after { CONTEXT } else { 0 };
        let left_out = lines.len().saturating_sub(head + tail);
        for (nth, text) in lines.iter().enumerate() {
            // A gap of one line would take as much room as the line.
            if left_out > 1 && nth >= head && nth < head + left_out {
                if nth == head {
                    self.rows
                        .push(Row::Gap { lines: crate::text::counted(left_out as u64, "line", "lines") });
                }
                continue;
            }
            let line = |number| Line { number, pieces: vec![plain(text)] };
            self.rows.push(Row::Same { old: line(old + nth + 1), new: line(new + nth + 1) });
        }
    }

    /// Lines that were changed: in pairs as far as there are two.
    fn changed(&mut self, old: &[&str], old_at: usize, new: &[&str], new_at: usize) {
        self.removed += old.len();
        self.added += new.len();
        let mut lines: (Vec<Line>, Vec<Line>) = (Vec::new(), Vec::new());
        for nth in 0..old.len().max(new.len()).min(ROWS_MAX) {
            let (old_pieces, new_pieces) = match (old.get(nth), new.get(nth)) {
                (Some(old), Some(new)) => words(old, new, self.deadline),
                (old, new) => {
                    let whole = |text: Option<&&str>| text.map(|text| vec![plain(text)]).unwrap_or_default();
                    (whole(old), whole(new))
                }
            };
            if nth < old.len() {
                lines.0.push(Line { number: old_at + nth + 1, pieces: old_pieces });
            }
            if nth < new.len() {
                lines.1.push(Line { number: new_at + nth + 1, pieces: new_pieces });
            }
        }
        let (old, new) = lines;
        if self.layout == Layout::Inline {
            self.rows.extend(old.into_iter().map(|line| Row::Changed { old: Some(line), new: None }));
            self.rows.extend(new.into_iter().map(|line| Row::Changed { old: None, new: Some(line) }));
            return;
        }
        let (mut old, mut new) = (old.into_iter(), new.into_iter());
        loop {
            match (old.next(), new.next()) {
                (None, None) => break,
                (old, new) => self.rows.push(Row::Changed { old, new }),
            }
        }
    }
}

/// The beginning that is compared.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(BYTES_MAX)]
}

/// The lines of a text; a break at its end begins none.
pub(crate) fn lines(text: &str) -> Vec<&str> {
    if text.is_empty() {
        return Vec::new();
    }
    text.strip_suffix('\n').unwrap_or(text).split('\n').collect()
}

fn plain(text: &str) -> Piece {
    Piece { text: visible(text.strip_suffix('\r').unwrap_or(text)), is_changed: false }
}

/// What browsers would take for the end of a line is shown as what it is.
fn visible(text: &str) -> String {
    text.replace('\r', "␍")
}

/// The words of a line, the space between them, and every other character for itself.
fn tokens(line: &str) -> Vec<&str> {
    let kind = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 0,
        c if c.is_whitespace() => 1,
        _ => 2,
    };
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (at, c) in line.char_indices() {
        let this = kind(c);
        if last.is_some_and(|last| last != this || this == 2) {
            tokens.push(&line[start..at]);
            start = at;
        }
        last = Some(this);
    }
    if start < line.len() {
        tokens.push(&line[start..]);
    }
    tokens
}

/// The parts of two lines, those marked that are not in both. Lines with little in common are not compared by word.
fn words(old: &str, new: &str, deadline: Instant) -> (Vec<Piece>, Vec<Piece>) {
    if old.len().max(new.len()) > LINE_BYTES_MAX || Instant::now() > deadline {
        return (vec![plain(old)], vec![plain(new)]);
    }
    let (old_tokens, new_tokens) = (tokens(old), tokens(new));
    let ops = capture_diff_slices_deadline(Algorithm::Myers, &old_tokens, &new_tokens, Some(deadline));
    let (mut left, mut right): (Vec<Piece>, Vec<Piece>) = (Vec::new(), Vec::new());
    let mut common = 0;
    let push = |to: &mut Vec<Piece>, tokens: &[&str], is_changed: bool| {
        if tokens.is_empty() {
            return;
        }
        let text = visible(&tokens.concat());
        match to.last_mut() {
            Some(last) if last.is_changed == is_changed => last.text.push_str(&text),
            _ => to.push(Piece { text, is_changed }),
        }
    };
    for op in ops {
        let (old_range, new_range) = (op.old_range(), op.new_range());
        let is_changed = !matches!(op, DiffOp::Equal { .. });
        if !is_changed {
            common += old_tokens[old_range.clone()].iter().map(|token| token.trim().len()).sum::<usize>();
        }
        push(&mut left, &old_tokens[old_range], is_changed);
        push(&mut right, &new_tokens[new_range], is_changed);
    }
    let longer = old.trim().len().max(new.trim().len());
    if common * 4 < longer {
        return (vec![plain(old)], vec![plain(new)]);
    }
    (left, right)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows as text: `=` same, `-` and `+` changed with `[marked]` words, `~` a gap.
    fn drawn(old: &str, new: &str, layout: Layout) -> Vec<String> {
        let line = |line: &Line| {
            let pieces = line.pieces.iter().map(|piece| match piece.is_changed {
                true => format!("[{}]", piece.text),
                false => piece.text.clone(),
            });
            pieces.collect::<String>()
        };
        let rows = TextDiff::new(old, new, layout).rows;
        let drawn = rows.iter().map(|row| match row {
            Row::Same { old, new } => format!("= {}:{} {}", old.number, new.number, line(new)),
            Row::Changed { old, new } => {
                let side = |sign: &str, side: &Option<Line>| {
                    side.as_ref().map(|side| format!("{sign}{}", line(side))).unwrap_or_default()
                };
                format!("{} {}", side("-", old), side("+", new)).trim().to_owned()
            }
            Row::Gap { lines } => format!("~ {lines}"),
        });
        drawn.collect()
    }

    #[test]
    fn changed_words_are_marked_and_what_is_far_from_a_change_is_left_out() {
        let old = "one\ntwo\nthree\nfour\nfive\nsix\nThe red fox jumps over it.\nlast\n";
        let new = "one\ntwo\nthree\nfour\nfive\nsix\nThe brown fox jumps over it!\nlast\n";
        assert_eq!(
            drawn(old, new, Layout::Sides),
            [
                "~ 3 lines",
                "= 4:4 four",
                "= 5:5 five",
                "= 6:6 six",
                "-The [red] fox jumps over it[.] +The [brown] fox jumps over it[!]",
                "= 8:8 last",
            ]
        );
        assert_eq!(
            drawn("a x\nb x\n", "a y\nb y\n", Layout::Inline),
            ["-a [x]", "-b [x]", "+a [y]", "+b [y]"]
        );
    }

    #[test]
    fn lines_without_anything_in_common_are_not_compared_by_word() {
        assert_eq!(drawn("abc def", "uvw xyz", Layout::Sides), ["-abc def +uvw xyz"]);
        assert_eq!(drawn("", "new", Layout::Sides), ["+new"]);
        assert_eq!(drawn("old", "", Layout::Sides), ["-old"]);
    }

    #[test]
    fn a_difference_that_nobody_sees_is_said() {
        let note = |old, new| TextDiff::new(old, new, Layout::Sides).note;
        assert_eq!(note("a", "a\n"), Some("Only the line break at the end differs."));
        assert_eq!(note("a\n", "a\n"), None);
        assert_eq!(drawn("a\r\nb", "a\nb", Layout::Sides), ["-a[␍] +a", "= 2:2 b"]);
    }

    #[test]
    fn long_and_entirely_different_texts_are_answered_in_bounds() {
        let text = |seed: u64| {
            let mut state = seed;
            let mut word = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                format!("{:x}", state >> 40)
            };
            (0..200_000).map(|_| word()).collect::<Vec<_>>().join("\n")
        };
        let diff = TextDiff::new(&text(1), &text(2), Layout::Sides);
        assert!(diff.rows.len() <= ROWS_MAX * 3, "{}", diff.rows.len());
        assert!(diff.note.is_some());
    }
}
