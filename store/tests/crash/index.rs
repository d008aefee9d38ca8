//! Takes the index away, cuts, flips and replaces it: the log has everything, and the next opening says so.

use std::fs;
use std::path::{Path, PathBuf};

use bough_core::Snapshot as _;
use bough_store::{Database, OpenReport};

use crate::chance::{Chance, is_full, seed};
use crate::picture::{assert_sound, copy_folder, must, picture};
use crate::writer::options;

/// A site with some history, of which the index on disk knows all but the newest.
struct Site {
    folder: tempfile::TempDir,
    picture: String,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (database, _) = must(Database::open(&folder.path().join("data"), options()), "opening");
        write(&database, 0..60);
        must(database.settle(), "settling");
        write(&database, 60..80);
        let picture = picture(&database.snapshot()).unwrap();
        Self { folder, picture }
    }

    /// A copy of the data folder.
    fn copy(&self, name: &str) -> PathBuf {
        let copy = self.folder.path().join(name);
        let _ = fs::remove_dir_all(&copy);
        copy_folder(&self.folder.path().join("data"), &copy);
        copy
    }

    /// Opens: nothing is lost, and one can go on writing.
    fn assert_whole(&self, data: &Path, when: &str) -> OpenReport {
        let (database, report) = must(Database::open(data, options()), when);
        assert_eq!(picture(&database.snapshot()).as_ref(), Ok(&self.picture), "{when}");
        assert_eq!(report.damage, [], "{when}");
        let history = must(database.commits(None, 1_000), when);
        assert_eq!(history.len(), 2 + 80, "{when}");
        database.set("/f0/p0", "title", "later");
        assert_sound(&database, when);
        assert_eq!(database.snapshot().tid(), database.head(), "{when}");
        must(database.close(), when);
        report
    }

    fn assert_rebuilt(&self, data: &Path, when: &str) {
        let report = self.assert_whole(data, when);
        assert!(report.index_rebuilt.is_some(), "{when}: it does not say that the index was rebuilt");
        let again = must(Database::open(data, options()), when).1;
        assert_eq!(again.index_rebuilt, None, "{when}: a second time");
    }
}

fn write(database: &Database, numbers: std::ops::Range<usize>) {
    for number in numbers {
        match number % 10 {
            0 => database.add_text(&format!("/f{number}")),
            9 => database.delete(&format!("/f{}/p4", number - 9)),
            8 => database.move_path(&format!("/f{}/p6", number - 8), &format!("/moved{number}")),
            _ => database.add_text(&format!("/f{}/p{} title={number}", number / 10 * 10, number % 10 - 1)),
        };
        if number == 0 {
            database.set("/f0", "title", "first");
        }
    }
}

/// The files of the index.
fn files(data: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![data.join("index")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let into = if entry.file_type().unwrap().is_dir() { &mut folders } else { &mut found };
            into.push(entry.path());
        }
    }
    found.sort();
    found
}

#[test]
fn an_index_that_is_gone_is_built_again_and_said_to_be() {
    let site = Site::new();
    let report = site.assert_whole(&site.copy("untouched"), "untouched");
    assert_eq!(report.index_rebuilt, None);
    let data = site.copy("gone");
    fs::remove_dir_all(data.join("index")).unwrap();
    site.assert_rebuilt(&data, "without its folder");
    let data = site.copy("gone");
    fs::remove_dir_all(data.join("index/sled")).unwrap();
    site.assert_rebuilt(&data, "without the folder of its engine");
}

/// Some files it can do without; nothing is lost either way.
#[test]
fn an_index_that_lost_a_file_or_the_end_of_one_loses_nothing_of_the_site() {
    let site = Site::new();
    let mut rebuilt = 0;
    let names: Vec<PathBuf> = files(&site.copy("original"));
    for (nth, file) in names.iter().enumerate() {
        let relative = file.strip_prefix(site.folder.path().join("original")).unwrap();
        let bytes = fs::metadata(file).unwrap().len();
        for left in [None, Some(0), Some(bytes / 2), Some(bytes.saturating_sub(1))] {
            let data = site.copy(&format!("cut{nth}"));
            let victim = data.join(relative);
            match left {
                None => fs::remove_file(victim).unwrap(),
                Some(left) => fs::File::options().write(true).open(victim).unwrap().set_len(left).unwrap(),
            }
            let when = format!("{}: {left:?} of {bytes} bytes left", relative.display());
            rebuilt += usize::from(site.assert_whole(&data, &when).index_rebuilt.is_some());
        }
    }
    assert!(rebuilt >= names.len(), "only {rebuilt} rebuilt");
}

#[test]
fn an_index_of_garbage_is_built_again() {
    let site = Site::new();
    let mut chance = Chance::new(seed());
    let names = files(&site.copy("original"));
    for file in &names {
        let relative = file.strip_prefix(site.folder.path().join("original")).unwrap();
        let data = site.copy("garbage");
        let garbage: Vec<u8> = fs::read(file).unwrap().iter().map(|_| chance.below(256) as u8).collect();
        fs::write(data.join(relative), garbage).unwrap();
        site.assert_whole(&data, &format!("seed {}: {} is garbage", seed(), relative.display()));
    }
    let data = site.copy("garbage");
    for file in files(&data) {
        let garbage: Vec<u8> = fs::read(&file).unwrap().iter().map(|_| chance.below(256) as u8).collect();
        fs::write(file, garbage).unwrap();
    }
    site.assert_rebuilt(&data, "all is garbage");
}

/// A flipped bit shows at opening, later, or never. Where it shows later, the error is clear and the next opening
/// builds the index again.
#[test]
fn a_flipped_bit_in_the_index_loses_nothing() {
    let site = Site::new();
    let mut chance = Chance::new(seed());
    let (mut at_opening, mut later) = (0, 0);
    let names = files(&site.copy("original"));
    let flips = if is_full() { 60 } else { 12 };
    for file in &names {
        let relative = file.strip_prefix(site.folder.path().join("original")).unwrap();
        let mut bytes = fs::read(file).unwrap();
        // Behind its last byte that is not zero, sled's file is only room.
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        for _ in 0..flips.min(used) {
            let (at, bit) = (chance.below(used), chance.below(8));
            let when = format!("seed {}: bit {bit} of byte {at} of {}", seed(), relative.display());
            bytes[at] ^= 1 << bit;
            let data = site.copy("flipped");
            fs::write(data.join(relative), &bytes).unwrap();
            bytes[at] ^= 1 << bit;
            let (database, report) = must(Database::open(&data, options()), &when);
            at_opening += usize::from(report.index_rebuilt.is_some());
            let seen = picture(&database.snapshot());
            drop(database);
            match seen {
                Ok(seen) => assert_eq!(seen, site.picture, "{when}"),
                Err(_) => {
                    later += 1;
                    site.assert_rebuilt(&data, &when);
                    continue;
                }
            }
            site.assert_whole(&data, &when);
        }
    }
    eprintln!("{at_opening} flips shown at opening, {later} later");
    assert!(at_opening > 0);
}

#[test]
fn an_index_of_another_store_or_time_is_not_believed() {
    let (site, other) = (Site::new(), Site::new());
    let data = site.copy("foreign");
    fs::remove_dir_all(data.join("index")).unwrap();
    copy_folder(&other.copy("original").join("index"), &data.join("index"));
    site.assert_rebuilt(&data, "with the index of another store");

    // An older one of the same store lacks what came later; the log has it.
    let (early, late) = (site.copy("early"), site.copy("late"));
    let (database, _) = must(Database::open(&late, options()), "going on");
    database.add_text("/later");
    database.delete("/f0");
    must(database.close(), "going on");
    let now = picture(&database.snapshot()).unwrap();
    drop(database);
    let behind = site.folder.path().join("behind");
    copy_folder(&late, &behind);
    fs::remove_dir_all(behind.join("index")).unwrap();
    copy_folder(&early.join("index"), &behind.join("index"));
    let (database, report) = must(Database::open(&behind, options()), "with an older index");
    assert_eq!((picture(&database.snapshot()), report.damage), (Ok(now), Vec::new()));

    // A newer one knows of commits that this log never had.
    fs::remove_dir_all(early.join("index")).unwrap();
    copy_folder(&late.join("index"), &early.join("index"));
    site.assert_rebuilt(&early, "with an index from later");
}
