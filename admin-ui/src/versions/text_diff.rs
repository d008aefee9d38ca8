//! What differs between two texts, line by line, for people.

/// Texts longer than this are not compared: it takes time that grows with the product of what differs.
const LINES_MAX: usize = 5_000;
const BYTES_MAX: usize = 400_000;
/// How many lines of one comparison are shown.
const SHOWN_MAX: usize = 400;
/// How much of a line is shown.
const LINE_CHARS: usize = 600;
const CONTEXT_LINES: usize = 2;

/// One line of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// `old`, `new`, `same` or `gap`.
    pub(super) kind: &'static str,
    /// What it begins with: the meaning does not lie in the colour alone.
    pub(super) sign: &'static str,
    /// The part before what differs within the line, that, and the part behind it.
    pub(super) before: String,
    pub(super) marked: String,
    pub(super) behind: String,
}

impl Row {
    fn plain(kind: &'static str, line: &str) -> Self {
        let sign = match kind {
            "old" => "−",
            "new" => "+",
            _ => " ",
        };
        Self { kind, sign, before: cut(line), marked: String::new(), behind: String::new() }
    }

    fn gap(text: String) -> Self {
        Self { before: text, ..Self::plain("gap", "") }
    }
}

fn cut(line: &str) -> String {
    let line = line.trim_end_matches(['\n', '\r']);
    match line.char_indices().nth(LINE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// The lines that went and came, with some around them. None for texts that are too long to compare.
pub(super) fn rows(before: &str, after: &str) -> Option<Vec<Row>> {
    let is_long = |text: &str| text.len() > BYTES_MAX || text.lines().count() > LINES_MAX;
    if is_long(before) || is_long(after) {
        return None;
    }
    let mut options = diffy::DiffOptions::new();
    let patch = options.set_context_len(CONTEXT_LINES).create_patch(before, after);
    let (before_lines, hunks) = (before.lines().count(), patch.hunks());
    let (mut rows, mut shown_to) = (Vec::new(), 0);
    for hunk in hunks {
        let old = hunk.old_range();
        let start = if old.is_empty() { old.start() } else { old.start() - 1 };
        push_gap(&mut rows, start.saturating_sub(shown_to));
        shown_to = start + old.len();
        let (mut went, mut came): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        for line in hunk.lines() {
            match line {
                diffy::Line::Delete(line) => went.push(line),
                diffy::Line::Insert(line) => came.push(line),
                diffy::Line::Context(line) => {
                    push_changed(&mut rows, &mut went, &mut came);
                    rows.push(Row::plain("same", line));
                }
            }
        }
        push_changed(&mut rows, &mut went, &mut came);
    }
    if !hunks.is_empty() {
        push_gap(&mut rows, before_lines.saturating_sub(shown_to));
    }
    if rows.len() > SHOWN_MAX {
        let more = rows.len() - SHOWN_MAX;
        rows.truncate(SHOWN_MAX);
        rows.push(Row::gap(format!("{} more", crate::text::counted(more as u64, "line", "lines"))));
    }
    Some(rows)
}

fn push_gap(rows: &mut Vec<Row>, lines: usize) {
    if lines > 0 {
        rows.push(Row::gap(format!("{} the same", crate::text::counted(lines as u64, "line", "lines"))));
    }
}

/// Puts the lines that went before those that came; where as many came, with what differs within each marked.
fn push_changed(rows: &mut Vec<Row>, went: &mut Vec<&str>, came: &mut Vec<&str>) {
    let pairs = went.len() == came.len();
    let marked = |kind: &'static str, line: &str, other: Option<&&str>| match other {
        Some(other) if pairs => mark(kind, &cut(line), &cut(other)),
        _ => Row::plain(kind, line),
    };
    rows.extend(went.iter().enumerate().map(|(at, line)| marked("old", line, came.get(at))));
    rows.extend(came.iter().enumerate().map(|(at, line)| marked("new", line, went.get(at))));
    went.clear();
    came.clear();
}

/// A line with the part marked in which it differs from another.
pub(super) fn mark(kind: &'static str, line: &str, other: &str) -> Row {
    let alike: usize =
        line.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (rest, other) = (&line[alike..], &other[alike..]);
    let behind: usize = rest
        .chars()
        .rev()
        .zip(other.chars().rev())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum();
    let end = line.len() - behind;
    if alike + behind == 0 {
        return Row::plain(kind, line);
    }
    Row {
        before: line[..alike].to_owned(),
        marked: line[alike..end].to_owned(),
        behind: line[end..].to_owned(),
        ..Row::plain(kind, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rows: &[Row]) -> Vec<String> {
        let line = |row: &Row| match row.marked.as_str() {
            "" => format!("{}{}", row.sign, row.before),
            marked => format!("{}{}[{marked}]{}", row.sign, row.before, row.behind),
        };
        rows.iter().map(line).collect()
    }

    #[test]
    fn a_comparison_shows_what_differs_with_some_lines_around_it() {
        let before = "1\n2\n3\n4\nold line\n6\n7\n8\n9\n";
        let after = "1\n2\n3\n4\nnew line\n6\n7\n8\n9\nten\n";
        assert_eq!(
            text(&rows(before, after).unwrap()),
            [
                " 2 lines the same",
                " 3",
                " 4",
                "−[old] line",
                "+[new] line",
                " 6",
                " 7",
                " 8",
                " 9",
                "+ten"
            ]
        );
        assert!(rows("a", "a").unwrap().is_empty());
        assert_eq!(text(&rows("", "a\nb").unwrap()), ["+a", "+b"]);
    }

    #[test]
    fn what_is_too_long_is_not_compared_and_no_page_becomes_too_long() {
        assert_eq!(rows(&"x\n".repeat(LINES_MAX + 1), ""), None);
        let many: String = (0..LINES_MAX).map(|n| format!("{n}\n")).collect();
        let shown = rows("", &many).unwrap();
        assert_eq!(shown.len(), SHOWN_MAX + 1);
        assert_eq!(shown.last().unwrap().before, "4,600 lines more");
        assert!(rows("", &"x".repeat(10_000)).unwrap()[0].before.chars().count() == LINE_CHARS + 1);
    }

    #[test]
    fn what_differs_within_a_line_is_marked_between_characters() {
        let row = mark("old", "caffè è", "caffé è");
        assert_eq!((&*row.before, &*row.marked, &*row.behind), ("caff", "è", " è"));
        let row = mark("old", "aa", "aaa");
        assert_eq!((&*row.before, &*row.marked, &*row.behind), ("aa", "", ""));
    }
}
