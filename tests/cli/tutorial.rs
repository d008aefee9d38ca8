//! `docs/versions.md` and `docs/security.md` stay true: their commands are run, and what they answer is compared with
//! what they say.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use crate::support::Site;

/// The blocks of the page: each command with the lines that it says the command answers.
fn steps(page: &str) -> Vec<(&str, Vec<&str>)> {
    let mut steps: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut is_inside = false;
    for line in page.lines() {
        match (is_inside, line) {
            (false, "```console") => is_inside = true,
            (true, "```") => is_inside = false,
            (true, line) => match line.strip_prefix("$ ") {
                Some(command) => steps.push((command, Vec::new())),
                None => steps.last_mut().expect("a command comes first").1.push(line),
            },
            _ => {}
        }
    }
    steps
}

/// Words and what is between them: numbers of commits and of conflicts, and times, differ from run to run.
fn words(line: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric();
    let mut words = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_part(c) != is_part(first)).unwrap_or(rest.len());
        words.push(&rest[..end]);
        rest = &rest[end..];
    }
    words
}

fn differs_from_run_to_run(word: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_tid = word.strip_prefix('t').is_some_and(|digits| digits.len() >= 12 && is_hex(digits));
    let is_conflict = word.len() == 8 && is_hex(word);
    is_tid || is_conflict
}

/// Whether a line says what the page says, and what its names of this run are.
fn agrees(said: &str, found: &str, names: &mut HashMap<String, String>) -> bool {
    let (said, found) = (words(said), words(found));
    // A time is two dozen digits and signs: each of its words is a number.
    let is_number = |word: &str| word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_digit());
    said.len() == found.len()
        && said.iter().zip(&found).all(|(said, found)| {
            if differs_from_run_to_run(said) && differs_from_run_to_run(found) {
                return names.entry((*said).to_owned()).or_insert_with(|| (*found).to_owned()) == found;
            }
            said == found || (is_number(said) && is_number(found))
        })
}

#[test]
fn the_walk_through_versions_does_what_it_says() {
    walk("docs/versions.md");
}

#[test]
fn the_walk_through_users_and_rights_does_what_it_says() {
    walk("docs/security.md");
}

fn walk(page: &str) {
    let site = Site::new();
    for page in ["index", "guide/first", "guide/second", "about/team", "about/contact"] {
        site.write(&format!("handbook/{page}.html"), format!("<h1>{page}</h1>\n<p>Text.\n"));
    }
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_bough")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut names: HashMap<String, String> = HashMap::new();
    let steps = steps(&page);
    assert!(steps.len() > 20, "only {} commands were found", steps.len());
    for (command, said) in steps {
        let typed: String =
            words(command).iter().map(|word| names.get(*word).map_or(*word, String::as_str)).collect();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{{ {typed}\n}} 2>&1")]).current_dir(site.beside("."));
        shell.env("PATH", &path).env("USER", "ana").env("TZ", "UTC");
        shell.env_remove("BOUGH_DATA").env_remove("SUDO_USER");
        let answer = shell.output().unwrap();
        let found = String::from_utf8(answer.stdout).unwrap();
        let found: Vec<&str> = found.lines().collect();
        assert_eq!(found.len(), said.len(), "`{typed}` says {found:#?}, the page {said:#?}");
        for (said, found) in said.iter().zip(&found) {
            assert!(agrees(said, found, &mut names), "`{typed}` says\n  {found}\nthe page says\n  {said}");
        }
    }
}
