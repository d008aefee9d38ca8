//! Two versions of a text over a third, line by line: where they agree, and where somebody has to choose.

use std::ops::Range;

/// Longer texts are shown whole.
const LINES_MAX: usize = 5_000;
/// Lines that are shown around what differs.
const AROUND: usize = 2;

/// Who changed a piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    Nobody,
    They,
    You,
    BothAlike,
    /// Both, and not alike.
    Clash,
}

/// A piece of the text as it was, as they have it, and as you have it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'t> {
    pub(super) changed: Changed,
    pub(super) base: Vec<&'t str>,
    pub(super) theirs: Vec<&'t str>,
    pub(super) yours: Vec<&'t str>,
}

/// What one side put in the place of these lines of the base.
struct Edit<'t> {
    of: Range<usize>,
    put: Vec<&'t str>,
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn edits<'t>(base: &str, side: &'t str) -> Vec<Edit<'t>> {
    let patch = diffy::DiffOptions::new().set_context_len(0).create_patch(base, side);
    let side = lines(side);
    // A range without lines is given by the line before it, any other by its first line; both count from 1.
    let range = |start: usize, len: usize| if len == 0 { start..start } else { start - 1..start - 1 + len };
    let hunks = patch.hunks().iter().map(|hunk| {
        let (old, new) = (hunk.old_range(), hunk.new_range());
        let put = side.get(range(new.start(), new.len())).unwrap_or_default().to_vec();
        Edit { of: range(old.start(), old.len()), put }
    });
    hunks.collect()
}

/// The lines that one side has for `region`.
fn side_of<'t>(base: &[&'t str], edits: &[Edit<'t>], region: &Range<usize>) -> Vec<&'t str> {
    let mut out = Vec::new();
    let mut at = region.start;
    for edit in edits.iter().filter(|edit| edit.of.start >= region.start && edit.of.end <= region.end) {
        out.extend(&base[at..edit.of.start]);
        out.extend(&edit.put);
        at = edit.of.end;
    }
    out.extend(&base[at..region.end]);
    out
}

/// The text in pieces; none where it is too long for that.
pub(super) fn pieces<'t>(base: &'t str, theirs: &'t str, yours: &'t str) -> Option<Vec<Piece<'t>>> {
    let base_lines = lines(base);
    if [base, theirs, yours].iter().any(|text| text.lines().count() > LINES_MAX) {
        return None;
    }
    let (their_edits, your_edits) = (edits(base, theirs), edits(base, yours));
    let mut regions: Vec<Range<usize>> = Vec::new();
    let mut all: Vec<&Range<usize>> = their_edits.iter().chain(&your_edits).map(|edit| &edit.of).collect();
    all.sort_by_key(|of| (of.start, of.end));
    for of in all {
        match regions.last_mut() {
            // Changes that touch each other are one, as in a merge.
            Some(last) if of.start <= last.end => last.end = last.end.max(of.end),
            _ => regions.push(of.clone()),
        }
    }
    let mut pieces = Vec::new();
    let mut at = 0;
    let untouched = |from: usize, to: usize| {
        let same = base_lines[from..to].to_vec();
        Piece { changed: Changed::Nobody, base: same.clone(), theirs: same.clone(), yours: same }
    };
    for region in regions {
        if at < region.start {
            pieces.push(untouched(at, region.start));
        }
        at = region.end;
        let was = base_lines[region.clone()].to_vec();
        let theirs = side_of(&base_lines, &their_edits, &region);
        let yours = side_of(&base_lines, &your_edits, &region);
        let changed = match (theirs == was, yours == was) {
            (true, true) => Changed::Nobody,
            (false, true) => Changed::They,
            (true, false) => Changed::You,
            (false, false) if theirs == yours => Changed::BothAlike,
            (false, false) => Changed::Clash,
        };
        pieces.push(Piece { changed, base: was, theirs, yours });
    }
    if at < base_lines.len() {
        pieces.push(untouched(at, base_lines.len()));
    }
    Some(pieces)
}

/// Both sides together; yours where they exclude each other.
pub(super) fn together(pieces: &[Piece<'_>]) -> String {
    let lines = pieces.iter().flat_map(|piece| match piece.changed {
        Changed::They | Changed::BothAlike => &piece.theirs,
        Changed::Nobody | Changed::You | Changed::Clash => &piece.yours,
    });
    lines.copied().collect()
}

/// A row of the three texts side by side.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// So many lines are left out here; none where the row has text.
    pub(super) left_out: Option<usize>,
    pub(super) base: String,
    pub(super) theirs: String,
    pub(super) yours: String,
    pub(super) changed: Changed,
}

impl Row {
    pub(super) fn is_theirs(&self) -> bool {
        matches!(self.changed, Changed::They | Changed::BothAlike | Changed::Clash)
    }

    pub(super) fn is_yours(&self) -> bool {
        matches!(self.changed, Changed::You | Changed::BothAlike | Changed::Clash)
    }

    pub(super) fn is_clash(&self) -> bool {
        self.changed == Changed::Clash
    }
}

/// The pieces as rows; what nobody changed only near to what somebody did.
pub(super) fn rows(pieces: &[Piece<'_>]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (nth, piece) in pieces.iter().enumerate() {
        let whole = |lines: &[&str]| lines.concat().trim_end_matches('\n').to_owned();
        let row = |changed, base: &[&str], theirs: &[&str], yours: &[&str]| Row {
            left_out: None,
            base: whole(base),
            theirs: whole(theirs),
            yours: whole(yours),
            changed,
        };
        if piece.changed != Changed::Nobody {
            rows.push(row(piece.changed, &piece.base, &piece.theirs, &piece.yours));
            continue;
        }
        let head = if nth == 0 { 0 } else { AROUND };
        let tail = if nth + 1 == pieces.len() { 0 } else { AROUND };
        let same = &piece.base;
        if same.len() <= head + tail + 1 {
            rows.push(row(Changed::Nobody, same, same, same));
            continue;
        }
        let (head, tail) = (&same[..head], &same[same.len() - tail..]);
        if !head.is_empty() {
            rows.push(row(Changed::Nobody, head, head, head));
        }
        let left_out = Some(same.len() - head.len() - tail.len());
        rows.push(Row { left_out, ..row(Changed::Nobody, &[], &[], &[]) });
        if !tail.is_empty() {
            rows.push(row(Changed::Nobody, tail, tail, tail));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: &str) -> String {
        lines.split(' ').filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn what_only_one_side_changed_is_taken_and_of_what_both_changed_yours() {
        for (base, theirs, yours, expected, clashes) in [
            ("a b c d e", "x b c d e", "a b c d y", "x b c d y", 0),
            ("a b c", "a x c", "a y c", "a y c", 1),
            ("a b c", "a x c", "a x c", "a x c", 0),
            ("a b c d", "a c d", "a b c d e", "a c d e", 0),
            ("a b c", "a b c x", "a b c y", "a b c y", 1),
            ("a b c d e f", "a x c d e f", "a y c d z f", "a y c d z f", 1),
            ("", "a", "b", "b", 1),
            ("a b", "", "a y", "a y", 1),
            ("a", "a", "a", "a", 0),
        ] {
            let (b, t, y) = (text(base), text(theirs), text(yours));
            let pieces = pieces(&b, &t, &y).unwrap();
            assert_eq!(together(&pieces), text(expected), "{base} / {theirs} / {yours}");
            let found = pieces.iter().filter(|piece| piece.changed == Changed::Clash).count();
            assert_eq!(found, clashes, "{base} / {theirs} / {yours}");
            let all = |side: fn(&Piece<'_>) -> String| pieces.iter().map(side).collect::<String>();
            assert_eq!(all(|piece| piece.theirs.concat()), t);
            assert_eq!(all(|piece| piece.yours.concat()), y);
        }
        let pieces = pieces("a", "b", "c\nd").unwrap();
        assert_eq!(together(&pieces), "c\nd", "without a line end at the end");
    }

    #[test]
    fn of_what_nobody_changed_only_what_is_near_is_shown() {
        let (base, theirs) = (text("1 2 3 4 5 6 7 8 9 a b c"), text("1 2 3 4 5 6 x 8 9 a b c"));
        let pieces = pieces(&base, &theirs, &base).unwrap();
        let rows = rows(&pieces);
        let seen: Vec<_> = rows.iter().map(|row| (row.left_out, row.theirs.as_str())).collect();
        assert_eq!(seen, [(Some(4), ""), (None, "5\n6"), (None, "x"), (None, "8\n9"), (Some(3), "")]);
    }
}
