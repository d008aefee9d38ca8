//! One process owns the folder; everybody else asks it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use crate::support::{Site, frame, wait_until};

#[test]
fn a_second_server_is_told_who_has_the_folder() {
    let site = Site::new();
    let server = site.serve();
    let error = site.fails(5, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(error.contains(&format!("in use by process {}", server.pid())), "{error}");
    let error = site.fails(5, &["serve", "--listen", &server.address]);
    assert!(
        error.contains(&format!("process {}", server.pid())) && error.contains("where it serves"),
        "{error}"
    );
}

#[test]
fn a_taken_port_is_said_by_whom_and_another_is_proposed() {
    let site = Site::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = site.fails(1, &["serve", "--listen", &taken.local_addr().unwrap().to_string()]);
    let who = format!("process {} ", std::process::id());
    assert!(error.contains(&who) && error.contains("serve --listen 127.0.0.1:"), "{error}");
    assert!(!site.data().exists(), "and nothing was made");
}

#[test]
fn only_this_machine_is_served() {
    let site = Site::new();
    for address in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
        assert!(site.fails(2, &["serve", "--listen", address]).contains("only loopback"), "{address}");
    }
    assert!(site.fails(2, &["serve", "--listen", "nonsense"]).contains("expected ADDRESS:PORT"));
}

#[test]
fn a_server_that_is_asked_to_stop_leaves_the_folder_free() {
    let site = Site::new();
    let server = site.serve();
    let socket = site.data().join("socket");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(site.rows(&["status"])[0]["pid"], server.pid());
    site.ok(&["mkdir", "/a"]);
    assert_eq!(server.stop(), Some(0));
    assert!(!socket.exists());
    assert!(site.ls("/").ends_with("a/"));
}

#[test]
fn a_socket_that_nobody_answers_is_stale() {
    let site = Site::new();
    site.ok(&["mkdir", "/a"]);
    drop(UnixListener::bind(site.data().join("socket")).unwrap());
    assert!(site.ls("/").ends_with("a/"));
    let server = site.serve();
    site.ok(&["mkdir", "/b"]);
    server.kill();
    assert!(site.data().join("socket").exists(), "a killed server leaves its socket");
    assert!(site.ls("/").ends_with("a/ b/"));
    let server = site.serve();
    assert_eq!(site.rows(&["status"])[0]["pid"], server.pid());
}

#[test]
fn a_lost_index_is_built_anew_and_that_is_said() {
    let site = Site::new();
    site.ok(&["mkdir", "/a"]);
    std::fs::remove_dir_all(site.data().join("index")).unwrap();
    let server = site.serve();
    assert!(site.ls("/").ends_with("a/"));
    assert_eq!(server.get("/").0, 200);
    drop(server);

    for entry in walkdir::WalkDir::new(site.data().join("index")) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            std::fs::write(entry.path(), vec![0xff; 5_000]).unwrap();
        }
    }
    let answer = site.run(&["ls", "/"]);
    assert!(answer.code == 0 && answer.out.ends_with("a/\n"), "{answer:?}");
    assert!(answer.err.contains("index was built anew"), "{answer:?}");
}

#[test]
fn a_log_that_cannot_be_read_is_said_with_its_folder() {
    let site = Site::new();
    site.write("data", "a file where the folder should be");
    let error = site.fails(5, &["mkdir", "/a"]);
    assert!(error.contains("cannot open the site") && error.contains("--data"), "{error}");
}

#[test]
fn many_commands_at_once_all_get_through_with_and_without_a_server() {
    let site = Site::new();
    site.ok(&["mkdir", "/all"]);
    let at_once = |prefix: &str| {
        thread::scope(|scope| {
            for nth in 0..8 {
                let (site, name) = (&site, format!("/all/{prefix}{nth}"));
                scope.spawn(move || {
                    site.ok(&["mkdir", &name]);
                    site.ok(&["set", &name, "title=x"]);
                });
            }
        });
    };
    at_once("alone");
    let server = site.serve();
    at_once("served");
    assert_eq!(site.rows(&["ls", "/all"]).len(), 16);
    assert_eq!(server.stop(), Some(0));
    assert_eq!(site.rows(&["find", "/all", "--with", "title=x"]).len(), 16);
}

#[test]
fn a_folder_with_a_path_longer_than_a_sockets_name_works() {
    let site = Site::at(&format!("{}/data", "long-name/".repeat(20)));
    assert!(site.data().as_os_str().len() > 200);
    let server = site.serve();
    site.ok(&["mkdir", "/a"]);
    assert_eq!(site.rows(&["status"])[0]["pid"], server.pid());
    assert_eq!(server.stop(), Some(0));
    assert!(site.ls("/").ends_with("a/"));
}

#[test]
fn whatever_comes_through_the_socket_the_server_goes_on() {
    let site = Site::new();
    let server = site.serve();
    let opening = |protocol: u32, request: &str| {
        frame(
            1,
            format!(r#"{{"protocol": {protocol}, "principal": "eve", "request": {request}}}"#).as_bytes(),
        )
    };
    let hostile = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xff; 5],
        frame(1, b"not json"),
        frame(99, b""),
        opening(3, r#"{"nothing": {}}"#),
        opening(
            3,
            r#"{"ls": {"version": null, "command":
                {"path": "/", "long": false, "by_name": false, "at": {"at": {"Tid": 18446744073709551615}}}}}"#,
        ),
        opening(
            3,
            r#"{"du": {"version": "nowhere", "command": {"path": "/", "summarize": true, "at": {}}}}"#,
        ),
        opening(1, "{}"),
    ];
    for bytes in &hostile {
        let mut stream = UnixStream::connect(site.data().join("socket")).unwrap();
        // The server may have turned it away before all was sent.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
    }
    assert_eq!(site.rows(&["status"])[0]["pid"], server.pid());
    assert_eq!(server.get("/").0, 200);
}

#[test]
fn a_command_of_another_release_is_told_so() {
    let site = Site::new();
    let _server = site.serve();
    let mut stream = UnixStream::connect(site.data().join("socket")).unwrap();
    stream.write_all(&frame(1, br#"{"protocol": 77, "what": "ever"}"#)).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("different releases"), "{answer}");
}

#[test]
fn requests_are_recorded_where_that_is_wanted() {
    let site = Site::new();
    let log = site.beside("access.log");
    let mut child = site
        .command(&["serve", "--json", "--listen", "127.0.0.1:0", "--access-log", log.to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
        .unwrap();
    let row: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = row["url"].as_str().unwrap().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    write!(stream, "GET /about HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    wait_until("the request is in the log", || {
        std::fs::read_to_string(&log).is_ok_and(|log| log.contains("GET /about"))
    });
    child.kill().unwrap();
    child.wait().unwrap();
}
