//! What every disk does, and what the faulty one does on purpose.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// The rules of the seam; `disk` is empty.
fn disk_contract(disk: &dyn Disk) {
    let file = disk.create("a/b/one", 1000).unwrap();
    let mut bytes = [1; 1000];
    file.read_at(&mut bytes, 0).unwrap();
    assert_eq!(bytes, [0; 1000], "bytes set aside are zero");
    assert_eq!(disk.create("a/b/one", 0).err().unwrap().kind(), ErrorKind::AlreadyExists);

    file.write_at(b"hello", 998).unwrap();
    assert_eq!(file.len().unwrap(), 1003);
    let again = disk.open("a/b/one").unwrap();
    let mut found = [0; 5];
    again.read_at(&mut found, 998).unwrap();
    assert_eq!(&found, b"hello");
    assert_eq!(again.read_at(&mut found, 999).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(again.read_at(&mut found, u64::from(u32::MAX)).unwrap_err().kind(), ErrorKind::UnexpectedEof);

    file.set_len(4).unwrap();
    file.set_len(6).unwrap();
    file.sync().unwrap();
    disk.sync_folder("a/b").unwrap();
    assert_eq!(read_whole(disk, "a/b/one").unwrap(), Some(vec![0; 6]));
    assert_eq!(read_whole(disk, "a/b/none").unwrap(), None);
    assert_eq!(disk.open("a/b/none").err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(disk.remove("a/b/none").unwrap_err().kind(), ErrorKind::NotFound);

    replace_whole(disk, "a/b/two", b"first").unwrap();
    replace_whole(disk, "a/b/two", b"2nd").unwrap();
    assert_eq!(read_whole(disk, "a/b/two").unwrap().unwrap(), b"2nd");
    disk.rename("a/b/one", "a/b/two").unwrap();
    assert_eq!(disk.list("a/b").unwrap(), ["two"]);
    disk.create("a/b/one", 0).unwrap();
    assert_eq!(disk.list("a/b").unwrap(), ["one", "two"]);
    assert_eq!(disk.list("a").unwrap(), Vec::<String>::new(), "a folder is no file");
    assert_eq!(disk.list("none").unwrap(), Vec::<String>::new());

    disk.remove("a/b/two").unwrap();
    assert!(disk.open("a/b/two").is_err());
    assert_eq!(file.len().unwrap(), 6, "who has it open reads on");
}

#[test]
fn all_disks_keep_the_contract() {
    disk_contract(&MemoryDisk::new());
    disk_contract(&FaultyDisk::new());
    let folder = tempfile::tempdir().unwrap();
    disk_contract(&FolderDisk::open(folder.path().join("site")).unwrap());
}

#[test]
fn only_the_owner_may_read_what_is_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("site");
    FolderDisk::open(&root).unwrap().create("log/one", 10).unwrap();
    let mode = |path: &str| root.join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("log"), mode("log/one")), (0o700, 0o700, 0o600));
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FolderDisk::open(folder.path().join("site")).unwrap();
    for path in ["../x", "/tmp/x", "a/../../x", "", ".", "./x"] {
        assert_eq!(disk.create(path, 0).err().unwrap().kind(), ErrorKind::InvalidInput, "`{path}`");
    }
}

#[test]
fn bytes_last_from_the_sync_of_the_file_and_names_from_that_of_the_folder() {
    let disk = FaultyDisk::new();
    let file = disk.create("f/one", 0).unwrap();
    file.write_at(b"synced", 0).unwrap();
    file.sync().unwrap();
    let after = |mode| read_whole(&disk.after_crash(0, mode), "f/one").unwrap();
    assert_eq!(after(CrashMode::LoseUnsynced), None);
    disk.sync_folder("f").unwrap();
    file.write_at(b"SYN", 0).unwrap();
    assert_eq!(after(CrashMode::LoseUnsynced).unwrap(), b"synced");
    assert_eq!(after(CrashMode::KeepAll).unwrap(), b"SYNced");

    disk.rename("f/one", "f/two").unwrap();
    assert_eq!(disk.after_crash(0, CrashMode::LoseUnsynced).list("f").unwrap(), ["one"]);
    disk.sync_folder("f").unwrap();
    assert_eq!(disk.after_crash(0, CrashMode::LoseUnsynced).list("f").unwrap(), ["two"]);
    disk.remove("f/two").unwrap();
    assert_eq!(disk.after_crash(0, CrashMode::LoseUnsynced).list("f").unwrap(), ["two"]);
}

#[test]
fn an_arbitrary_crash_keeps_some_sectors_and_some_names() {
    let disk = FaultyDisk::new();
    let file = disk.create("f/one", 0).unwrap();
    disk.sync_folder("f").unwrap();
    file.write_at(&[1; 2048], 0).unwrap();
    disk.create("f/two", 0).unwrap();
    disk.create("f/three", 0).unwrap();
    let mut kept = std::collections::BTreeSet::new();
    let mut names = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let after = disk.after_crash(seed, CrashMode::Arbitrary);
        let mut content = read_whole(&after, "f/one").unwrap().unwrap();
        content.resize(2048, 0);
        for sector in content.chunks(512) {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is kept or lost as a whole");
        }
        kept.insert(content.chunks(512).map(|sector| sector[0]).collect::<Vec<_>>());
        names.insert(after.list("f").unwrap());
    }
    assert_eq!(kept.len(), 16, "every combination of four sectors");
    assert_eq!(names.len(), 3, "the first so many changes: {names:?}");
}

#[test]
fn bytes_of_a_failed_sync_read_back_and_no_later_sync_keeps_them() {
    let disk = FaultyDisk::new();
    let file = disk.create("one", 0).unwrap();
    disk.sync_folder("").unwrap();
    file.write_at(b"lost", 0).unwrap();
    disk.fail_syncs(true);
    assert!(file.sync().is_err());
    disk.fail_syncs(false);
    file.write_at(b"kept", 4).unwrap();
    file.sync().unwrap();
    assert_eq!(read_whole(&disk, "one").unwrap().unwrap(), b"lostkept");
    let after = disk.after_crash(0, CrashMode::LoseUnsynced);
    assert_eq!(read_whole(&after, "one").unwrap().unwrap(), b"\0\0\0\0kept");
}

#[test]
fn a_faulty_disk_stops_fills_and_damages_as_told() {
    let disk = FaultyDisk::new();
    disk.disk_full_after(10);
    assert_eq!(disk.create("big", 11).err().unwrap().kind(), ErrorKind::StorageFull);
    assert_eq!(disk.list("").unwrap(), Vec::<String>::new());
    let file = disk.create("one", 8).unwrap();
    assert_eq!(file.write_at(&[1; 11], 0).unwrap_err().kind(), ErrorKind::StorageFull);
    file.write_at(&[1; 10], 0).unwrap();

    disk.damage("one", 3, 0x81);
    disk.truncate("one", 5);
    assert_eq!(read_whole(&disk, "one").unwrap().unwrap(), [1, 1, 1, 0x80, 1]);

    disk.stop_after(1);
    file.sync().unwrap();
    assert!(file.write_at(&[2], 0).is_err() && file.sync().is_err() && file.set_len(0).is_err());
    assert!(
        disk.create("two", 0).is_err() && disk.remove("one").is_err() && disk.rename("one", "two").is_err()
    );
    assert!(disk.sync_folder("").is_err());
    assert_eq!(read_whole(&disk, "one").unwrap().unwrap(), [1, 1, 1, 0x80, 1], "reads go on");
}

/// Stops at every operation: the former content or the new one, and after a success the new one.
#[test]
fn replacing_a_file_is_whole_or_absent_wherever_it_stops() {
    for operations in 0.. {
        let disk = FaultyDisk::new();
        replace_whole(&disk, "f/one", b"former").unwrap();
        disk.stop_after(operations);
        let done = replace_whole(&disk, "f/one", b"new").is_ok();
        for seed in 0..20 {
            let left = read_whole(&disk.after_crash(seed, CrashMode::Arbitrary), "f/one").unwrap().unwrap();
            assert!(
                left == b"new" || (!done && left == b"former"),
                "after {operations} operations: {left:?}"
            );
        }
        if done {
            break;
        }
    }
}
