//! The walls between the crates: what a file may not name.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a source folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

/// The lines of code that hold one of the words, with their files. Comments and tests may say what they like.
fn naming(folder: &str, words: &[&str], but_not_in: &[&str]) -> Vec<String> {
    let mut naming = Vec::new();
    for path in sources(folder) {
        let name = path.display().to_string();
        if but_not_in.iter().any(|allowed| name.contains(allowed))
            || name.contains("test")
            || name.ends_with("model.rs")
        {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap_or_default();
            naming.extend(
                words
                    .iter()
                    .filter(|word| line.contains(**word))
                    .map(|_| format!("{name}:{}: {line}", number + 1)),
            );
        }
    }
    naming
}

fn assert_absent(folder: &str, words: &[&str], but_not_in: &[&str], why: &str) {
    let found = naming(folder, words, but_not_in);
    assert!(found.is_empty(), "{why}:\n{}", found.join("\n"));
}

#[test]
fn the_core_does_no_io_and_knows_no_clock_and_no_chance() {
    let words = [
        "std::fs",
        "std::io",
        "std::net",
        "std::process",
        "std::thread",
        "std::time",
        "SystemTime",
        "rand::",
        "Uuid",
    ];
    assert_absent("core/src", &words, &[], "core is pure");
}

#[test]
fn core_and_store_are_synchronous() {
    for folder in ["core/src", "store/src"] {
        assert_absent(folder, &["async fn", ".await", "tokio"], &[], "only web and above are asynchronous");
    }
}

#[test]
fn only_the_index_names_a_storage_engine() {
    assert_absent(
        "store/src",
        &["sled::"],
        &["store/src/index/"],
        "engines stay behind the seam of the index",
    );
    for folder in ["core/src", "web/src", "src"] {
        assert_absent(folder, &["sled"], &[], "engines stay in the store");
    }
}

#[test]
fn only_the_format_knows_the_codec() {
    assert_absent("store/src", &["bincode"], &["store/src/format/"], "records are encoded in one place");
    assert_absent("core/src", &["bincode", "Serialize"], &[], "no core type is a disk record");
}

#[test]
fn only_web_and_above_know_http() {
    for folder in ["core/src", "store/src"] {
        assert_absent(folder, &["axum", "hyper", "http::", "StatusCode"], &[], "HTTP stays in web");
    }
}

#[test]
fn the_walls_would_be_seen_to_fall() {
    assert!(!naming("web/src", &["axum"], &[]).is_empty(), "this test cannot fail");
    assert!(!naming("store/src", &["sled::"], &[]).is_empty(), "this test cannot fail");
}
