//! Names of versions that are made of titles.
//!
//! Such a name is a label of a host name, so it has the letters `a` to `z` only: what stands on or in other letters of
//! the Latin alphabet is left out, and other alphabets say nothing.

use bough_store::version::VERSION_NAME_BYTES_MAX;

/// What a version is called whose title says nothing.
const NAMELESS: &str = "version";
/// How many numbers are tried behind a name that is taken.
const NUMBERS_MAX: u32 = 10_000;

/// Letters, and what is written for them.
const LETTERS: &[(&str, &str)] = &[
    ("àáâãäåāăąǎạảấầẩẫậắằẳẵặª", "a"),
    ("çćĉċč", "c"),
    ("ďđð", "d"),
    ("èéêëēĕėęěẹẻẽếềểễệ", "e"),
    ("ĝğġģǧ", "g"),
    ("ĥħ", "h"),
    ("ìíîïĩīĭįıǐỉị", "i"),
    ("ĵ", "j"),
    ("ķĸ", "k"),
    ("ĺļľŀł", "l"),
    ("ñńņňŋ", "n"),
    ("òóôõöøōŏőǒọỏốồổỗộơớờởỡợº", "o"),
    ("ŕŗř", "r"),
    ("śŝşšșſ", "s"),
    ("ţťŧț", "t"),
    ("ùúûüũūŭůűųǔụủưứừửữự", "u"),
    ("ŵ", "w"),
    ("ýÿŷỳỵỷỹ", "y"),
    ("źżž", "z"),
    ("ß", "ss"),
    ("æǽ", "ae"),
    ("œ", "oe"),
    ("ĳ", "ij"),
    ("þ", "th"),
];

/// A name made of a title: its letters and digits, with hyphens between the words. Empty where there are none.
pub(super) fn of_title(title: &str) -> String {
    let mut name = String::new();
    for char in title.chars().flat_map(char::to_lowercase) {
        // What stands on a letter, written for itself, and what stands within words.
        if matches!(char, '\u{300}'..='\u{36f}' | '\'' | '’') {
            continue;
        }
        let found = LETTERS.iter().find(|(letters, _)| letters.contains(char));
        match found {
            Some((_, written)) => name.push_str(written),
            None if char.is_ascii_alphanumeric() => name.push(char),
            None if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            None => {}
        }
        if name.len() >= VERSION_NAME_BYTES_MAX {
            break;
        }
    }
    name.truncate(VERSION_NAME_BYTES_MAX);
    name.trim_end_matches('-').to_owned()
}

/// The first name for a title that is free.
pub(super) fn free(title: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let name = match of_title(title) {
        name if name.is_empty() => NAMELESS.to_owned(),
        name => name,
    };
    let numbered = |number: u32| {
        let behind = format!("-{number}");
        let room = name.len().min(VERSION_NAME_BYTES_MAX - behind.len());
        format!("{}{behind}", name[..room].trim_end_matches('-'))
    };
    let mut all = std::iter::once(name.clone()).chain((2..NUMBERS_MAX).map(numbered));
    all.find(|name| !is_taken(name)).unwrap_or_else(|| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_a_title() {
        for (title, name) in [
            ("New look", "new-look"),
            ("  Summer, 2027! ", "summer-2027"),
            ("Ünïcödé Größe", "unicode-grosse"),
            ("Łódź, smørrebrød & œuvre", "lodz-smorrebrod-oeuvre"),
            ("Cafe\u{301} Tiếng Việt", "cafe-tieng-viet"),
            ("What's new", "whats-new"),
            ("日本語", ""),
            ("…", ""),
            (
                "a very long title that nobody would ever want to type",
                "a-very-long-title-that-nobody-would-ever",
            ),
        ] {
            assert_eq!(of_title(title), name);
        }
        assert_eq!(of_title(&"ß".repeat(30)).len(), VERSION_NAME_BYTES_MAX);
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let taken = ["version", "version-2", "new-look"];
        let free = |title: &str| free(title, |name| taken.contains(&name));
        assert_eq!(free("日本語"), "version-3");
        assert_eq!(free("New look"), "new-look-2");
        assert_eq!(free("Old look"), "old-look");
    }
}
