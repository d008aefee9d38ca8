//! Three texts side by side: what both sides left alone, what one of them changed, and where a person has to choose.
//!
//! The parts in which both sides changed the same or neighbouring lines are those that a merge leaves open
//! (`bough_core::merge::value`).

/// Longer texts are settled as a whole.
const LINES_MAX: usize = 5_000;

/// Part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As both sides have it, or as the only side that changed it has it.
    Settled(String),
    /// Both changed it.
    Open {
        /// What both started from.
        base: String,
        ours: String,
        theirs: String,
    },
}

/// What one side put in the place of `start..end` of the base's lines.
struct Edit {
    start: usize,
    end: usize,
    put: String,
    is_ours: bool,
}

/// The parts of a text that two sides changed; none where texts are too long.
pub(crate) fn pieces(base: &str, ours: &str, theirs: &str) -> Option<Vec<Piece>> {
    if [base, ours, theirs].iter().any(|text| text.lines().count() > LINES_MAX) {
        return None;
    }
    let lines: Vec<&str> = base.split_inclusive('\n').collect();
    let mut edits = edits(base, ours, true);
    edits.extend(self::edits(base, theirs, false));
    edits.sort_by_key(|edit| (edit.start, edit.end, !edit.is_ours));
    let mut pieces = Vec::new();
    let mut copied = 0;
    let mut rest = edits.into_iter().peekable();
    while let Some(first) = rest.next() {
        let (start, mut end) = (first.start, first.end);
        let mut group = vec![first];
        while let Some(next) = rest.next_if(|next| next.start <= end) {
            end = end.max(next.end);
            group.push(next);
        }
        push_settled(&mut pieces, lines[copied..start].concat());
        copied = end;
        let side =
            |is_ours| side_of(&lines, (start, end), group.iter().filter(|edit| edit.is_ours == is_ours));
        let (ours, theirs) = (side(true), side(false));
        let touched = |is_ours| group.iter().any(|edit| edit.is_ours == is_ours);
        match (touched(true), touched(false)) {
            (true, true) if ours != theirs => {
                pieces.push(Piece::Open { base: lines[start..end].concat(), ours, theirs });
            }
            (true, _) => push_settled(&mut pieces, ours),
            (false, _) => push_settled(&mut pieces, theirs),
        }
    }
    push_settled(&mut pieces, lines[copied..].concat());
    Some(pieces)
}

fn push_settled(pieces: &mut Vec<Piece>, text: String) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Settled(before)) => before.push_str(&text),
        _ => pieces.push(Piece::Settled(text)),
    }
}

/// What a side made of some lines of the base.
fn side_of<'e>(
    lines: &[&str],
    (start, end): (usize, usize),
    edits: impl Iterator<Item = &'e Edit>,
) -> String {
    let mut text = String::new();
    let mut copied = start;
    for edit in edits {
        text.push_str(&lines[copied..edit.start].concat());
        text.push_str(&edit.put);
        copied = edit.end;
    }
    text + &lines[copied..end].concat()
}

fn edits(base: &str, side: &str, is_ours: bool) -> Vec<Edit> {
    let patch = diffy::DiffOptions::new().set_context_len(0).create_patch(base, side);
    let edit = |hunk: &diffy::Hunk<'_, str>| {
        let old = hunk.old_range();
        // A range without lines is given by the line before it, any other by its first line; both count from 1.
        let start = if old.is_empty() { old.start() } else { old.start() - 1 };
        let put = hunk.lines().iter().filter_map(|line| match line {
            diffy::Line::Insert(line) => Some(*line),
            _ => None,
        });
        Edit { start, end: start + old.len(), put: put.collect(), is_ours }
    };
    patch.hunks().iter().map(edit).collect()
}

/// The whole text, with what was chosen for each open part: `ours`, `theirs`, `both`, `turned` (both, theirs first) or
/// `base`. None where one is missing.
pub(crate) fn text(pieces: &[Piece], chosen: impl Fn(usize) -> Option<String>) -> Option<String> {
    let mut text = String::new();
    let mut nth = 0;
    for piece in pieces {
        match piece {
            Piece::Settled(same) => text.push_str(same),
            Piece::Open { base, ours, theirs } => {
                match chosen(nth).as_deref() {
                    Some("ours") => text.push_str(ours),
                    Some("theirs") => text.push_str(theirs),
                    Some("base") => text.push_str(base),
                    Some("both") => text.push_str(&after_each_other(ours, theirs)),
                    Some("turned") => text.push_str(&after_each_other(theirs, ours)),
                    _ => return None,
                }
                nth += 1;
            }
        }
    }
    Some(text)
}

fn after_each_other(first: &str, second: &str) -> String {
    let between = if first.is_empty() || first.ends_with('\n') || second.is_empty() { "" } else { "\n" };
    format!("{first}{between}{second}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(text: &str) -> Piece {
        Piece::Settled(text.into())
    }

    fn open(base: &str, ours: &str, theirs: &str) -> Piece {
        Piece::Open { base: base.into(), ours: ours.into(), theirs: theirs.into() }
    }

    #[test]
    fn texts_fall_into_what_goes_together_and_what_a_person_chooses() {
        for (base, ours, theirs, expected) in [
            ("a\nb\nc\nd\ne\n", "A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\n", vec![settled("A\nb\nc\nd\nE\n")]),
            (
                "a\nb\nc\n",
                "a\nx\nc\n",
                "a\ny\nc\n",
                vec![settled("a\n"), open("b\n", "x\n", "y\n"), settled("c\n")],
            ),
            ("a\nb\n", "x\nb\n", "a\ny\n", vec![open("a\nb\n", "x\nb\n", "a\ny\n")]),
            (
                "a\nb\n",
                "a\nx\nb\n",
                "a\ny\nb\n",
                vec![settled("a\n"), open("", "x\n", "y\n"), settled("b\n")],
            ),
            ("", "x", "y", vec![open("", "x", "y")]),
            ("a\nb\nc\n", "b\nc\n", "a\nb\nX\n", vec![settled("b\nX\n")]),
            ("a\n", "b\n", "b\n", vec![settled("b\n")]),
        ] {
            assert_eq!(pieces(base, ours, theirs).unwrap(), expected, "{base:?} {ours:?} {theirs:?}");
        }
    }

    #[test]
    fn taking_one_side_everywhere_with_nothing_else_changed_gives_that_side() {
        let (base, ours, theirs) = ("a\nb\nc\nd\n", "a\nB\nc\nD", "a\nβ\nc\nδ\nε");
        let pieces = pieces(base, ours, theirs).unwrap();
        assert_eq!(text(&pieces, |_| Some("ours".into())).unwrap(), ours);
        assert_eq!(text(&pieces, |_| Some("theirs".into())).unwrap(), theirs);
        assert_eq!(text(&pieces, |_| Some("base".into())).unwrap(), base);
        assert_eq!(text(&pieces, |_| Some("both".into())).unwrap(), "a\nB\nβ\nc\nD\nδ\nε");
        assert_eq!(text(&pieces, |nth| (nth == 0).then(|| "ours".into())), None, "one is not chosen");
    }
}
