//! Names: suggested from titles and files, and made free where they are taken.

use bough_core::Name;
use bough_core::name::NAME_BYTES_MAX;

/// Longest suggested name, in characters.
const SUGGESTED_CHARS_MAX: usize = 60;
/// How many numbers are tried behind a name that is taken.
const NUMBERS_MAX: u32 = 10_000;

/// The name that a title suggests: its letters and digits in small, with hyphens between.
pub(super) fn suggested(title: &str) -> String {
    let mut name = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') && !matches!(c, '\'' | '’') {
            name.push('-');
        }
    }
    let name: String = name.chars().take(SUGGESTED_CHARS_MAX).collect();
    name.trim_end_matches('-').to_owned()
}

/// The name of a file as it is, or as near to that as a name can be.
pub(super) fn of_file(file_name: &str) -> Name {
    let cleaned = || {
        let allowed = |c: char| if c.is_control() || "/\\".contains(c) { '-' } else { c };
        let text: String = file_name.trim_start_matches('@').chars().map(allowed).collect();
        text[..text.floor_char_boundary(NAME_BYTES_MAX)].to_owned()
    };
    let name = Name::new(file_name).or_else(|_| Name::new(&cleaned())).or_else(|_| Name::new("file"));
    name.unwrap_or_else(|error| unreachable!("BUG: `file` is no name: {error}"))
}

/// `photo.jpg` with 2 is `photo-2.jpg`.
pub(super) fn numbered(name: &Name, number: u32) -> Option<Name> {
    let text = name.as_str();
    let (stem, ending) = match text.rfind('.') {
        Some(dot) if dot > 0 => text.split_at(dot),
        _ => (text, ""),
    };
    let behind = format!("-{number}{ending}");
    let room = NAME_BYTES_MAX.checked_sub(behind.len())?;
    Name::new(&format!("{}{behind}", &stem[..stem.floor_char_boundary(room)])).ok()
}

/// The name, or the first with a number behind it that is free.
pub(super) fn free<E>(
    name: &Name,
    mut is_taken: impl FnMut(&Name) -> Result<bool, E>,
) -> Result<Option<Name>, E> {
    if !is_taken(name)? {
        return Ok(Some(name.clone()));
    }
    for number in 2..NUMBERS_MAX {
        let Some(other) = numbered(name, number) else { return Ok(None) };
        if !is_taken(&other)? {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_suggest_short_plain_names() {
        for (title, name) in [
            ("Our team", "our-team"),
            ("  What's new — in 2026?  ", "whats-new-in-2026"),
            ("Über uns", "über-uns"),
            ("../../@@x", "x"),
            ("!!!", ""),
        ] {
            assert_eq!(suggested(title), name);
        }
        assert_eq!(suggested(&"ab ".repeat(100)).chars().count(), 59);
    }

    #[test]
    fn files_keep_their_names_as_far_as_they_can() {
        for (file, name) in [
            ("Photo 1.JPG", "Photo 1.JPG"),
            ("@home.png", "home.png"),
            ("a\u{7}b", "a-b"),
            ("", "file"),
            ("..", "file"),
        ] {
            assert_eq!(of_file(file).as_str(), name);
        }
    }

    #[test]
    fn a_taken_name_gets_the_first_free_number_before_its_ending() {
        let taken = ["photo.jpg", "photo-2.jpg", ".profile"];
        let free = |name: &str| {
            let found = free(&Name::new(name).unwrap(), |name| Ok::<_, ()>(taken.contains(&name.as_str())));
            found.unwrap().unwrap().to_string()
        };
        assert_eq!(free("photo.jpg"), "photo-3.jpg");
        assert_eq!(free(".profile"), ".profile-2");
        assert_eq!(free("new"), "new");
        let long = Name::new(&format!("{}.txt", "ä".repeat(125))).unwrap();
        assert!(numbered(&long, 2).unwrap().as_str().ends_with("ä-2.txt"));
    }
}
