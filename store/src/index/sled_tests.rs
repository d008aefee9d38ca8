//! sled as the index: what it must not lose, and what it must own up to.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use uuid::Uuid;

use super::contract::{Seeded, entries, index_contract, put};
use super::{
    Entry, Identity, Index, IndexError, KEY_BYTES_MAX, Key, Opened, SledIndex, SledOptions, VALUE_BYTES_MAX,
    Value,
};

const OPTIONS: SledOptions =
    SledOptions { identity: Identity { store: Uuid::from_u128(1), format: 1 }, cache_bytes: 4 << 20 };

fn open(dir: &Path) -> Opened {
    SledIndex::open(dir, OPTIONS).unwrap()
}

fn found(dir: &Path) -> SledIndex {
    match open(dir) {
        Opened::Found(index) => index,
        other => panic!("not found: {other:?}"),
    }
}

/// Opens what must be set aside, and returns the reason and where it went.
fn rebuilt(dir: &Path) -> (String, PathBuf) {
    match open(dir) {
        Opened::Rebuilt { index, reason, aside } => {
            assert_eq!(entries(&index), [], "a rebuilt index is empty");
            assert_eq!(index.confirmed(), None, "the whole log is to be replayed");
            (reason, aside)
        }
        other => panic!("not set aside: {other:?}"),
    }
}

/// A closed index with entries, all of them confirmed, and those entries.
fn confirmed_index(dir: &Path, count: u64) -> Vec<(Key, Value)> {
    let index = open(dir).into_index();
    let mut seeded = Seeded::new(count);
    for number in 0..count.div_ceil(500) {
        let batch: Vec<Entry> = (0..500)
            .map(|_| Entry::put([seeded.next().to_be_bytes(); 4].concat()[1..].to_vec(), [7; 40]))
            .collect();
        let batch: Vec<Entry> = batch.into_iter().filter(|entry| entry.check().is_ok()).collect();
        index.apply(&batch, Some(&number.to_be_bytes())).unwrap();
    }
    index.confirm().unwrap();
    entries(&index)
}

#[test]
fn an_index_in_sled_keeps_the_contract() {
    let place = TempDir::new().unwrap();
    let made = AtomicU64::new(0);
    index_contract(&|| {
        let number = made.fetch_add(1, Ordering::SeqCst);
        Arc::new(open(&place.path().join(number.to_string())).into_index())
    });
}

#[test]
fn a_confirmed_index_is_whole_after_a_reopen() {
    let place = TempDir::new().unwrap();
    let dir = place.path().join("index");
    assert!(matches!(open(&dir), Opened::Created(_)));
    let kept = confirmed_index(&dir, 20_000);

    let index = found(&dir);
    assert_eq!(entries(&index), kept);
    assert_eq!(index.confirmed().as_deref(), Some(&39_u64.to_be_bytes()[..]));
    assert_eq!(index.covered(), index.confirmed());
    assert!(index.bytes_on_disk() > 20_000 * 50);
}

#[test]
fn a_position_that_was_not_confirmed_is_shown_apart() {
    let place = TempDir::new().unwrap();
    let index = open(place.path()).into_index();
    index.apply(&[put("a", "1")], Some(b"one")).unwrap();
    index.confirm().unwrap();
    index.apply(&[put("b", "1")], Some(b"two")).unwrap();
    drop(index);

    let index = found(place.path());
    assert_eq!(index.confirmed().as_deref(), Some(&b"one"[..]));
    assert_eq!(index.covered().as_deref(), Some(&b"two"[..]));
}

#[test]
fn a_torn_or_absent_confirmation_is_none() {
    let place = TempDir::new().unwrap();
    let kept = confirmed_index(place.path(), 1_000);
    let file = place.path().join("confirmed");
    let whole = fs::read(&file).unwrap();
    for len in 0..whole.len() {
        fs::write(&file, &whole[..len]).unwrap();
        let index = found(place.path());
        assert_eq!(index.confirmed(), None, "cut after {len} bytes");
        assert_eq!(entries(&index), kept, "cut after {len} bytes");
        if len % 8 != 0 {
            continue;
        }
        index.confirm().unwrap();
        assert!(index.confirmed().is_some(), "confirmed anew after a cut after {len} bytes");
    }
    fs::remove_file(&file).unwrap();
    assert_eq!(found(place.path()).confirmed(), None);
}

#[test]
fn an_index_of_another_store_or_layout_is_set_aside() {
    let place = TempDir::new().unwrap();
    let dir = place.path().join("index");
    for identity in
        [Identity { store: Uuid::from_u128(2), format: 1 }, Identity { store: Uuid::from_u128(1), format: 2 }]
    {
        drop(SledIndex::open(&dir, SledOptions { identity, ..OPTIONS }).unwrap());
        let (reason, aside) = rebuilt(&dir);
        assert!(
            reason.contains(&format!("of store {}, format {}", identity.store, identity.format)),
            "{reason}"
        );
        assert!(aside.join("sled/db").exists());
    }
    fs::write(dir.join("identity"), "torn").unwrap();
    assert_eq!(rebuilt(&dir).0, "it does not say whose it is");
    drop(found(&dir));
}

#[test]
fn the_two_newest_of_those_set_aside_are_kept() {
    let place = TempDir::new().unwrap();
    let dir = place.path().join("index");
    for _ in 0..11 {
        drop(open(&dir).into_index());
        SledIndex::set_aside(&dir).unwrap();
    }
    let mut names: Vec<_> =
        fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["index.damaged-10", "index.damaged-11"]);
    assert!(matches!(open(&dir), Opened::Created(_)));
}

#[test]
fn an_index_in_use_is_refused_and_names_the_holder() {
    let place = TempDir::new().unwrap();
    let dir = place.path().join("index");
    let index = open(&dir).into_index();
    let refused = SledIndex::open(&dir, OPTIONS).unwrap_err();
    assert!(matches!(refused, IndexError::InUse { .. }), "{refused:?}");
    assert!(refused.to_string().contains(&format!("process {} (", std::process::id())), "{refused}");
    assert!(matches!(SledIndex::set_aside(&dir), Err(IndexError::InUse { .. })));
    assert_eq!(entries(&index), [], "the one that has it goes on");
}

/// sled's own words for a locked file are all that tells it from a damaged one, should two processes race.
#[test]
fn a_lock_met_inside_sled_is_told_from_damage() {
    let place = TempDir::new().unwrap();
    let _first = sled::Config::default().path(place.path()).open().unwrap();
    let second = sled::Config::default().path(place.path()).open().unwrap_err();
    assert!(second.to_string().contains("could not acquire lock"), "{second}");
}

/// sled puts a node above 128 KiB into such a file, and has up to 256 keys in an inner node: the greatest keys there are,
/// in every order, with the greatest values, and then thinned out so that nodes merge.
#[test]
fn no_file_is_written_beside_sleds_log() {
    let place = TempDir::new().unwrap();
    let index = open(place.path()).into_index();
    let key = |number: u64| {
        let mut key = vec![0; KEY_BYTES_MAX];
        key[KEY_BYTES_MAX - 4..].copy_from_slice(&(number as u32).to_be_bytes());
        key[0] = (number % 2) as u8;
        key
    };
    let mut seeded = Seeded::new(9);
    for round in 0..40_u64 {
        let value_bytes = if round % 8 == 0 { VALUE_BYTES_MAX } else { 8 };
        let batch: Vec<Entry> = (0..500)
            .map(|n| match round % 5 {
                0..=2 => Entry::put(key(round * 500 + n), vec![1; value_bytes]),
                3 => Entry::put(key(seeded.below(20_000)), vec![2; value_bytes]),
                _ => Entry::delete(key(seeded.below(20_000))),
            })
            .collect();
        index.apply(&batch, Some(b"here")).unwrap();
        index.confirm().unwrap();
        assert_eq!(index.stray_blobs().unwrap(), Vec::<String>::new(), "after round {round}");
    }
    fs::write(place.path().join("sled/blobs/12"), "stray").unwrap();
    assert_eq!(index.stray_blobs().unwrap(), ["12"]);
}

#[test]
fn an_index_that_lost_what_was_confirmed_is_set_aside() {
    let place = TempDir::new().unwrap();
    let dir = place.path().join("index");
    confirmed_index(&dir, 20_000);
    let db = fs::OpenOptions::new().write(true).open(dir.join("sled/db")).unwrap();
    db.set_len(512 * 1024).unwrap();
    let (reason, aside) = rebuilt(&dir);
    assert!(!reason.is_empty());
    assert_eq!(aside, place.path().join("index.damaged-1"));

    confirmed_index(&dir, 1_000);
    fs::remove_dir_all(dir.join("sled")).unwrap();
    assert!(rebuilt(&dir).0.starts_with("it lost confirmed entries"));
}

/// Damages the files in many ways. Whatever opens must hold every confirmed entry, or say that it fails.
#[test]
fn a_damaged_index_is_set_aside_or_whole_or_says_that_it_fails() {
    let place = TempDir::new().unwrap();
    let sound = place.path().join("sound");
    let kept = confirmed_index(&sound, 20_000);
    drop(found(&sound));
    let (mut aside, mut whole, mut failing) = (0, 0, 0);
    for seed in 0..40 {
        let dir = place.path().join(format!("{seed}/index"));
        copy_index(&sound, &dir);
        damage(&dir.join("sled"), &mut Seeded::new(seed));
        match open(&dir) {
            Opened::Rebuilt { .. } => aside += 1,
            Opened::Created(_) => panic!("seed {seed}: a damaged index taken for none"),
            Opened::Found(index) => match try_entries(&index) {
                Ok(entries) => {
                    assert!(entries == kept, "seed {seed}: {} of {} entries", entries.len(), kept.len());
                    whole += 1;
                }
                Err(_) => {
                    drop(index);
                    rebuilt(&dir);
                    failing += 1;
                }
            },
        }
    }
    assert!(aside > 0 && failing > 0, "{aside} set aside, {whole} whole, {failing} failing");
}

/// Flips bits, cuts, overwrites or removes in one of sled's files.
fn damage(sled: &Path, seeded: &mut Seeded) {
    let mut files: Vec<PathBuf> = fs::read_dir(sled).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    let db = sled.join("db");
    let path = if seeded.below(4) == 0 { &files[seeded.below(files.len() as u64) as usize] } else { &db };
    let len = fs::metadata(path).unwrap().len();
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    match seeded.below(6) {
        0 => file.set_len(seeded.below(len)).unwrap(),
        1 => file.write_all_at(&[0; 3000], seeded.below(len)).unwrap(),
        2 => fs::remove_file(path).unwrap(),
        _ => {
            for _ in 0..1 + seeded.below(3) {
                let (at, bit) = (seeded.below(len), seeded.below(8));
                let mut byte = [0];
                file.read_exact_at(&mut byte, at).unwrap();
                file.write_all_at(&[byte[0] ^ (1 << bit)], at).unwrap();
            }
        }
    }
}

fn try_entries(index: &SledIndex) -> Result<Vec<(Key, Value)>, IndexError> {
    let mut entries = Vec::new();
    index.scan(b"", &[255], &mut |key, value| {
        entries.push((key.into(), value.into()));
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(entries)
}

fn copy_index(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy_index(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

#[test]
fn an_engine_that_fails_while_running_answers_nothing_more_and_is_set_aside() {
    let place = TempDir::new().unwrap();
    let dir = place.path().join("index");
    confirmed_index(&dir, 50_000);
    let index = SledIndex::open(&dir, SledOptions { cache_bytes: 1, ..OPTIONS }).unwrap().into_index();
    let sound = fs::read(dir.join("sled/db")).unwrap();
    let db = fs::OpenOptions::new().write(true).open(dir.join("sled/db")).unwrap();
    db.write_all_at(&vec![0x55; sound.len()], 0).unwrap();

    let first = try_entries(&index).unwrap_err();
    assert!(matches!(first, IndexError::Engine { .. }), "{first:?}");
    assert!(index.failure().is_some());
    assert!(matches!(index.get(b"a"), Err(IndexError::Failed { .. })));
    assert!(matches!(index.first(b"a", b"b"), Err(IndexError::Failed { .. })));
    assert!(matches!(index.apply(&[put("a", "1")], None), Err(IndexError::Failed { .. })));
    assert!(matches!(index.confirm(), Err(IndexError::Failed { .. })));
    db.write_all_at(&sound, 0).unwrap();
    drop(index);
    rebuilt(&dir);
}

/// Copies the files while a writer goes on, as a crash of the process might leave them.
#[test]
fn a_crash_keeps_what_was_confirmed_before_it() {
    let place = TempDir::new().unwrap();
    let dir = place.path().join("index");
    let index = open(&dir).into_index();
    let mut seeded = Seeded::new(3);
    let mut found_whole = 0;
    for round in 0..12_u64 {
        let batches = 1 + seeded.below(5);
        for _ in 0..batches {
            let batch: Vec<Entry> = (0..400)
                .map(|_| {
                    Entry::put([&round.to_be_bytes()[..], &seeded.next().to_be_bytes()].concat(), [1; 30])
                })
                .collect();
            index.apply(&batch, Some(&round.to_be_bytes())).unwrap();
        }
        index.confirm().unwrap();
        let confirmed = entries(&index);
        index.apply(&[Entry::put([254, round as u8], [0; 300])], Some(b"later")).unwrap();

        let crashed = place.path().join(format!("{round}/index"));
        copy_index(&dir, &crashed);
        if let Opened::Found(crashed) = open(&crashed) {
            let kept = entries(&crashed);
            assert!(confirmed.iter().all(|entry| kept.binary_search(entry).is_ok()), "round {round}");
            assert_eq!(crashed.confirmed().as_deref(), Some(&round.to_be_bytes()[..]));
            found_whole += 1;
        }
    }
    assert!(found_whole > 6, "only {found_whole} of 12 copies opened");
}

/// The engine's threads hold its file for a moment after it was dropped, and with it the lock.
#[test]
fn a_closed_index_can_be_opened_at_once() {
    let place = TempDir::new().unwrap();
    drop(open(place.path()).into_index());
    for number in 0..300_u64 {
        let index = found(place.path());
        index.apply(&[Entry::put(number.to_be_bytes(), [0; 3_000])], Some(b"here")).unwrap();
        index.confirm().unwrap();
    }
}

/// Puts a wrong page table, under a right checksum, into sled's snapshot: sled trusts it, and panics.
#[test]
fn an_index_that_panics_at_open_is_set_aside() {
    let place = TempDir::new().unwrap();
    let sound = place.path().join("sound");
    confirmed_index(&sound, 2_000);
    drop(found(&sound));
    let mut panics = 0;
    for seed in 0..20 {
        let dir = place.path().join(format!("{seed}/index"));
        copy_index(&sound, &dir);
        falsify_snapshot(&dir.join("sled"), &mut Seeded::new(seed));
        if let Opened::Rebuilt { index, reason, .. } = open(&dir) {
            assert_eq!(entries(&index), [], "seed {seed}");
            panics += usize::from(reason.contains("it panicked"));
        }
    }
    assert!(panics > 0, "no panic met");
}

/// Overwrites some of the page table. The file ends in eight bytes of length and four of checksum.
fn falsify_snapshot(sled: &Path, seeded: &mut Seeded) {
    let files = fs::read_dir(sled).unwrap().map(|entry| entry.unwrap().path());
    let is_snapshot = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("snap.");
    for path in files.filter(is_snapshot) {
        let mut bytes = fs::read(&path).unwrap();
        let body = bytes.len() - 12;
        for _ in 0..3 {
            bytes[seeded.below(body as u64) as usize] ^= 1 << seeded.below(8);
        }
        let sum = crc32fast::hash(&bytes[..body]);
        bytes[body + 8..].copy_from_slice(&sum.to_le_bytes());
        fs::write(&path, bytes).unwrap();
    }
}
