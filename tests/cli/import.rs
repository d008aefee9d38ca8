//! Bringing files in: what is taken, what is refused, and that it is all or nothing.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use crate::support::{Site, frame, in_both_ways, wait_until};

#[test]
fn every_file_comes_in_as_it_is_in_one_commit() {
    in_both_ways(|site| {
        let large: Vec<u8> = (0..3_000_000_u32).map(|nth| (nth / 7) as u8).collect();
        site.write("html/index.html", "<h1>Hi");
        site.write("html/sub/_private.css", "p {}");
        site.write("html/sub/pic.PNG", vec![7; 100_000]);
        site.write("html/large.bin", &large);
        site.write("html/empty", "");
        site.ok(&["mkdir", "/other"]);
        let commits = site.rows(&["log"]).len();
        let out = site.ok(&["import", "html", "/docs"]);
        assert!(out.contains("Imported 5 files (3.1 MB) from html to /docs"), "{out}");
        assert_eq!(site.rows(&["log"]).len(), commits + 1);
        assert_eq!(site.ls("/docs"), "empty index.html large.bin sub/");
        assert_eq!(site.rows(&["ls", "/docs/sub"])[1]["type"], "image");
        let output = site.command(&["cat", "/docs/large.bin"]).output().unwrap();
        assert!(output.stdout == large, "3 MB came back otherwise");
        assert_eq!(site.ok(&["cat", "/docs", "_files"]), "true\n");
    });
}

#[test]
fn onto_what_is_there_only_differences_are_written_and_identities_stay() {
    in_both_ways(|site| {
        site.write("html/a", "1");
        site.write("html/b", "2");
        site.write("html/c", vec![1; 2_000_000]);
        site.ok(&["import", "html", "/docs"]);
        let oid = |path: &str| site.rows(&["cat", path])[0]["oid"].clone();
        let (a, b) = (oid("/docs/a"), oid("/docs/b"));
        assert!(site.ok(&["import", "html", "/docs"]).contains("Nothing changed"));

        site.write("html/a", "changed");
        site.write("html/new/d", "4");
        std::fs::remove_file(site.beside("html/b")).unwrap();
        let dry = site.ok(&["import", "html", "/docs", "--dry-run", "--delete"]);
        for line in [
            "change  a",
            "add     new",
            "add     new/d",
            "delete  b",
            "2 objects added, 1 changed, 1 deleted, 1 left",
        ] {
            assert!(dry.contains(line), "{line} is not in: {dry}");
        }
        assert_eq!(site.ok(&["cat", "/docs/a"]), "1", "nothing was written");
        site.ok(&["import", "html", "/docs"]);
        assert_eq!((oid("/docs/a"), oid("/docs/b")), (a, b), "objects stay who they are");
        assert_eq!(site.ok(&["cat", "/docs/a"]), "changed");
        site.ok(&["import", "html", "/docs", "--delete", "--exclude", "new"]);
        assert_eq!(site.ls("/docs"), "a c new/", "what is left out is not deleted");
    });
}

#[test]
fn a_file_does_not_take_a_folders_place_unless_told_to() {
    in_both_ways(|site| {
        site.write("one/x/y", "in a folder");
        site.write("two/x", "a file");
        site.ok(&["import", "one", "/docs"]);
        let error = site.fails(1, &["import", "two", "/docs"]);
        assert!(
            error.contains("x: is a file, and a folder stands there") && error.contains("--delete"),
            "{error}"
        );
        assert_eq!(site.ok(&["cat", "/docs/x/y"]), "in a folder");
        site.ok(&["import", "two", "/docs", "--delete"]);
        assert_eq!(site.ok(&["cat", "/docs/x"]), "a file");
        assert!(site.fails(1, &["import", "one", "/docs"]).contains("x: is a folder"));
        site.ok(&["import", "one", "/docs", "--delete"]);
        assert_eq!(site.ok(&["cat", "/docs/x/y"]), "in a folder");
        assert!(site.fails(1, &["import", "one", "/docs/x/y"]).contains("contains nothing"));
    });
}

#[test]
fn what_cannot_be_imported_is_named_and_the_rest_comes_only_when_told_to() {
    in_both_ways(|site| {
        site.write("bad/good.txt", "good");
        site.write("bad/@view", "x");
        site.write("bad/a\nb", "x");
        std::fs::write(site.beside("bad").join(OsStr::from_bytes(b"\xff\xfe")), "x").unwrap();
        symlink("..", site.beside("bad/loop")).unwrap();
        symlink("good.txt", site.beside("bad/link")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(site.beside("bad/special")).unwrap();
        drop(socket);
        let error = site.fails(1, &["import", "bad", "/docs"]);
        for says in [
            "@view` begins with `@`",
            "a\\nb",
            "is no UTF-8",
            "loop: is a symbolic link",
            "link: is a symbolic link",
            "special: is neither a file nor a folder",
            "--skip-bad",
        ] {
            assert!(error.contains(says), "{says} is not in: {error}");
        }
        assert!(!site.data().exists() || !site.ls("/").contains("docs"), "nothing was changed");
        site.ok(&["import", "bad", "/docs", "--skip-bad"]);
        assert_eq!(site.ls("/docs"), "good.txt");
    });
}

#[test]
fn of_many_problems_the_first_are_named_and_all_are_counted() {
    let site = Site::new();
    for nth in 0..50 {
        site.write(&format!("bad/@{nth}"), "x");
    }
    let error = site.fails(1, &["import", "bad", "/docs"]);
    assert_eq!(error.matches("begins with").count(), 20);
    assert!(error.contains("... and 30 more (50 in all)"), "{error}");
}

/// Files that only their owner may read. The superuser may read them all: then they come in.
#[test]
fn an_unreadable_file_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    let path = site.write("html/secret", "x");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let answer = site.run(&["import", "html", "/docs"]);
    if std::fs::File::open(&path).is_ok() {
        assert_eq!(answer.code, 0, "{answer:?}");
    } else {
        assert!(answer.code == 1 && answer.err.contains("secret: cannot be read"), "{answer:?}");
    }
}

#[test]
fn what_is_imported_runs_no_scripts_unless_it_is_asked_for_and_either_is_said() {
    in_both_ways(|site| {
        site.write("html/index.html", "<script>1</script>");
        let out = site.ok(&["import", "html", "/default"]);
        assert!(out.contains("HTML in it is clean, as nothing else was asked for"), "{out}");
        assert!(out.contains(" set /default _content_policy=trusted\n"), "{out}");
        assert!(out.lines().last().unwrap().starts_with("undo with"), "{out}");
        for chosen in ["trusted", "sandbox", "clean"] {
            let (path, flag) = (format!("/{chosen}"), format!("--{chosen}"));
            let out = site.ok(&["import", "html", &path, &flag]);
            assert!(out.contains(&format!("HTML in it is {chosen}, as asked for")), "{out}");
        }
        assert_eq!(site.ok(&["cat", "/trusted", "_content_policy"]), "trusted");
        let out = site.ok(&["import", "html", "/trusted/inner"]);
        assert!(out.contains("HTML in it is clean"), "{out}");
        assert_eq!(
            site.ok(&["cat", "/trusted/inner", "_content_policy"]),
            "clean",
            "not because of the one above"
        );

        site.write("html/more.html", "x");
        let out = site.ok(&["import", "html", "/trusted"]);
        assert!(out.contains("HTML in it is trusted, as it is where it went"), "{out}");
        site.ok(&["import", "html", "/trusted", "--clean"]);
        assert_eq!(site.ok(&["cat", "/trusted", "_content_policy"]), "clean");
        site.fails(2, &["import", "html", "/x", "--clean", "--trusted"]);
    });
}

#[test]
fn a_source_that_says_of_itself_that_it_is_trusted_is_told_of() {
    let site = Site::new();
    site.write("html/in/page.html", "x");
    site.ok(&["import", "html", "/docs", "--trusted"]);
    site.ok(&["set", "/docs/in", "_content_policy=sandbox"]);
    site.ok(&["export", "/docs", "out"]);
    let out = site.ok(&["import", "out", "/again"]);
    assert!(out.contains("HTML in it is trusted, as it is where it went"), "{out}");
    assert!(out.contains("but the source says of `in`: sandbox"), "{out}");
    let out = site.ok(&["import", "out", "/safe", "--clean"]);
    assert!(out.contains("HTML in it is clean, as asked for"), "{out}");
    assert_eq!(site.ok(&["cat", "/safe", "_content_policy"]), "clean");
}

type Entry<'a> = (&'a str, &'a [u8]);

fn archive(site: &Site, name: &str, entries: &[Entry<'_>]) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(site.beside(name)).unwrap());
    for (path, content) in entries {
        zip.start_as_is(path);
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
}

/// Starts a file whose name is taken as it is.
trait StartFile {
    fn start_as_is(&mut self, name: &str);
}

impl StartFile for zip::ZipWriter<std::fs::File> {
    fn start_as_is(&mut self, name: &str) {
        let options =
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        self.start_file(name, options).unwrap();
    }
}

#[test]
fn an_archive_comes_in_like_a_folder() {
    in_both_ways(|site| {
        archive(site, "site.zip", &[("z/deep/file.txt", b"deep"), ("index.html", b"<h1>"), ("a.txt", b"a")]);
        let out = site.ok(&["import", "site.zip", "/zip"]);
        assert!(out.contains("Imported 3 files") && out.contains("from site.zip to /zip"), "{out}");
        assert_eq!(site.ls("/zip"), "a.txt index.html z/");
        assert_eq!(site.ok(&["cat", "/zip/z/deep/file.txt"]), "deep");
    });
}

#[test]
fn hostile_archives_are_refused_and_leave_nothing() {
    let site = Site::new();
    site.ok(&["mkdir", "/x"]);
    let before = site.rows(&["log"]).len();
    let zeros = vec![0_u8; 40 << 20];
    let cases: [(&[Entry<'_>], &str); 6] = [
        (&[("../evil", b"x")], "means a place in a path"),
        (&[("/etc/evil", b"x")], "absolute path"),
        (&[("a/../../evil", b"x")], "means a place in a path"),
        (&[("a//b", b"x")], "must not be empty"),
        (&[("a", b"x"), ("a/b", b"y")], "is a file and a folder"),
        (&[("bomb", &zeros)], "200 times as large"),
    ];
    for (entries, says) in cases {
        archive(&site, "bad.zip", entries);
        let error = site.fails(1, &["import", "bad.zip", "/bad"]);
        assert!(error.contains(says), "{says} is not in: {error}");
    }
    site.write("not.zip", "no archive");
    assert!(site.fails(1, &["import", "not.zip", "/bad"]).contains("expected a folder or a ZIP archive"));
    assert!(site.fails(3, &["import", "nowhere", "/bad"]).contains("nowhere"));
    assert_eq!(site.rows(&["log"]).len(), before);
}

/// A file of 64 GiB, of which no byte is on the disk: an import that is certainly under way when it is killed.
#[test]
fn an_import_that_is_killed_leaves_nothing() {
    let site = Site::new();
    let server = site.serve();
    site.write("huge/first.txt", "first");
    std::fs::File::create(site.beside("huge/second")).unwrap().set_len(64 << 30).unwrap();
    let before = site.ls("/");
    let staged = site.data().join("blobs/staged");
    let count = || std::fs::read_dir(&staged).map_or(0, Iterator::count);
    let mut child = site.command(&["import", "huge", "/huge"]).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the large file is on its way", || count() > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("what was brought is gone", || count() == 0);
    assert_eq!(site.ls("/"), before);
    site.ok(&["mkdir", "/huge"]);
    assert_eq!(server.stop(), Some(0));
    assert!(site.ls("/").ends_with("huge/"), "and the site works on");
}

#[test]
fn a_client_that_ends_before_it_said_that_it_is_done_changes_nothing() {
    let site = Site::new();
    let _server = site.serve();
    let import = serde_json::json!({
        "path": "/docs", "dry_run": false, "delete": false, "exclude": [], "skip_bad": false, "source_name": "x"
    });
    let request = serde_json::json!({ "import": { "command": import, "version": null } });
    let opening = serde_json::json!({ "protocol": 3, "principal": "eve", "request": request });
    let top = br#"{"kind": "folder", "path": "", "bytes": 0}"#;
    let file = br#"{"kind": "file", "path": "a", "bytes": 1}"#;
    let messages = [
        frame(1, opening.to_string().as_bytes()),
        frame(2, top),
        frame(2, file),
        frame(3, b"x"),
        frame(4, b""),
        frame(5, b""),
    ];
    for sent in 0..messages.len() {
        let mut stream = UnixStream::connect(site.data().join("socket")).unwrap();
        stream.write_all(&messages[..sent].concat()).unwrap();
        drop(stream);
        assert!(!site.ls("/").contains("docs"), "after {sent} messages");
    }
    let mut stream = UnixStream::connect(site.data().join("socket")).unwrap();
    stream.write_all(&messages.concat()).unwrap();
    wait_until("all messages together are an import", || site.ls("/").contains("docs"));
    assert_eq!(site.ok(&["cat", "/docs/a"]), "x");
}
