//! What changed in a long text, in a few lines.

use bough::core::{Content, Snapshot, Value};

use super::screen::short;

/// How many lines of each side of a text are shown.
const EXCERPT_LINES_MAX: usize = 4;
/// How much of a line is shown.
const EXCERPT_CHARS: usize = 90;
/// How much is shown of a line before the first difference.
const EXCERPT_BEFORE_CHARS: usize = 30;
/// What differs between two texts that cells hold; none where either is no text, or one line says it all. The snapshot
/// is where long ones are fetched from.
pub(crate) fn excerpt_of(
    before: Option<&Content>,
    after: Option<&Content>,
    snapshot: &(impl Snapshot + ?Sized),
) -> Vec<String> {
    let whole = |content: Option<&Content>| match content {
        None => Some(Value::text("")),
        Some(Content::Value(value)) => Some(value.clone()),
        Some(Content::Large(large)) => snapshot.large(large).ok(),
        Some(_) => None,
    };
    let (before, after) = (whole(before), whole(after));
    let texts = before.as_ref().and_then(Value::as_text).zip(after.as_ref().and_then(Value::as_text));
    texts.map_or_else(Vec::new, |(before, after)| excerpt(before, after))
}

/// What differs between two texts: the first of the lines that went, with `-`, and of those that came, with `+`. None
/// where one line says it all.
fn excerpt(before: &str, after: &str) -> Vec<String> {
    let is_long = |text: &str| text.contains('\n') || text.chars().count() > 60;
    if before == after || !(is_long(before) || is_long(after)) {
        return Vec::new();
    }
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let alike = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let (before, after) = (&before[alike..], &after[alike..]);
    let behind = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
    let (before, after) = (&before[..before.len() - behind], &after[..after.len() - behind]);
    // Where one line became another, only the place where they differ is of interest.
    let from = match (before.first(), after.first()) {
        (Some(a), Some(b)) => a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count(),
        _ => 0,
    };
    let from = from.saturating_sub(EXCERPT_BEFORE_CHARS);
    let mut shown = vec![format!("@ line {}", alike + 1)];
    for (sign, lines) in [('-', before), ('+', after)] {
        for (nth, line) in lines.iter().take(EXCERPT_LINES_MAX).enumerate() {
            let skip = if nth == 0 { from } else { 0 };
            let rest: String = line.chars().skip(skip).collect();
            let dots = if skip > 0 { "..." } else { "" };
            shown.push(format!("{sign} {dots}{}", short(&rest, EXCERPT_CHARS)));
        }
        if lines.len() > EXCERPT_LINES_MAX {
            shown.push(format!("{sign} ... and {} more", lines.len() - EXCERPT_LINES_MAX));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_shows_the_lines_that_differ_and_where_a_long_one_does() {
        assert!(excerpt("short", "other").is_empty());
        assert_eq!(excerpt("a\nb\nc\n", "a\nx\ny\nc\n"), ["@ line 2", "- b", "+ x", "+ y"]);
        let (before, after) = ("word ".repeat(40) + "old", "word ".repeat(40) + "new");
        let shown = excerpt(&before, &after);
        assert!(shown[1].starts_with("- ...") && shown[1].ends_with("old"), "{shown:?}");
        let many: String = (0..10).map(|nth| format!("{nth}\n")).collect();
        assert_eq!(excerpt("", &many).last().unwrap(), "+ ... and 6 more");
    }
}
