//! The server on a real socket, and the access log.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bough_web::{AccessLog, Config, Ended, Limits, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::site::TestSite;

struct Running {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<Ended>,
}

async fn start(limits: Limits) -> Running {
    let site = TestSite::new();
    site.put_file("/f.txt", b"four");
    start_with(site.router, limits).await
}

async fn start_with(router: Router, limits: Limits) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(async move {
        let stopped = async move { stopped.await.unwrap_or_default() };
        serve(listener, router, &limits, stopped).await
    });
    Running { address, stop, server }
}

/// Everything that the server says to these bytes until it closes.
async fn say(address: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may close before everything is written: then what it said still counts.
    let _ = stream.write_all(bytes).await;
    let mut said = Vec::new();
    let _ =
        tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut said)).await.expect("it closes");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn requests_are_answered_over_a_socket_and_the_server_ends_when_asked() {
    let running = start(Limits::default()).await;
    let said = say(running.address, b"GET /f.txt HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.ends_with("\r\n\r\nfour"), "{said}");
    assert!(said.contains("date: "));
    running.stop.send(()).unwrap();
    assert_eq!(running.server.await.unwrap(), Ended::Complete);
}

#[tokio::test]
async fn every_way_of_writing_a_path_means_one_thing_or_is_refused() {
    let site = TestSite::new();
    site.put("/in", "folder", &[]);
    for path in ["/f.txt", "/in/f.txt", "/in/a;b", "/in/back\\slash", "/in/%2e%2e"] {
        site.put_file(path, b"four");
    }
    site.put_file("/in/_private", b"four");
    let running = start_with(site.router, Limits::default()).await;
    for (target, expected) in [
        (&b"/f.txt"[..], "200"),
        (b"/%66.txt", "200"),
        (b"/f.txt?/../x", "200"),
        (b"/in/a;b", "200"),
        (b"/in/a%3bb", "200"),
        (b"/in/back%5cslash", "200"),
        (b"/in/%252e%252e", "200"),
        // Nothing is what it is not.
        (b"/F.TXT", "404"),
        (b"/f.txt%20", "404"),
        (b"/f.txt.", "404"),
        (b"/f.txt;x=1", "404"),
        (b"/in;x=1/f.txt", "404"),
        (b"/;/f.txt", "404"),
        (b"/..;/f.txt", "404"),
        (b"/in/..;/f.txt", "404"),
        (b"/in%5cf.txt", "404"),
        (b"/in/..%5cf.txt", "404"),
        (b"/in/%252e%252e/f.txt", "404"),
        (b"/in/_private", "404"),
        (b"/in/%5fprivate", "404"),
        (b"/in/%EF%BC%8E%EF%BC%8E/f.txt", "404"),
        // One thing has one address.
        (b"//f.txt", "308 /f.txt"),
        (b"///f.txt", "308 /f.txt"),
        (b"/in//f.txt", "308 /in/f.txt"),
        (b"/f.txt/", "308 /f.txt"),
        (b"//evil.example/f.txt", "308 /evil.example/f.txt"),
        // Nothing leads up.
        (b"/../f.txt", "400"),
        (b"/in/../f.txt", "400"),
        (b"/in/./f.txt", "400"),
        (b"/in/%2e%2e/f.txt", "400"),
        (b"/in/%2E%2e/f.txt", "400"),
        (b"/in/.%2e/f.txt", "400"),
        (b"/in/%2e/f.txt", "400"),
        (b"/in/..", "400"),
        (b"/@at/../f.txt", "400"),
        (b"/in%2ff.txt", "400"),
        (b"/in%2Ff.txt", "400"),
        (b"/in/..%2ff.txt", "400"),
        // What is no text, or none that can be seen.
        (b"/f.txt%00", "400"),
        (b"/%00/f.txt", "400"),
        (b"/f.txt%00.html", "400"),
        (b"/f.txt%0a", "400"),
        (b"/f.txt%0d%0aX:%20y", "400"),
        (b"/%7f", "400"),
        (b"/in/%c0%ae%c0%ae/f.txt", "400"),
        (b"/in/%e0%80%ae/f.txt", "400"),
        (b"/in%c0%aff.txt", "400"),
        (b"/in%e0%80%aff.txt", "400"),
        (b"/in/%f0%80%80%af", "400"),
        (b"/%ed%a0%80", "400"),
        (b"/%u002e%u002e/f.txt", "400"),
        (b"/%", "400"),
        (b"/%2", "400"),
        (b"/f.txt\0", "400"),
        (b"/in/\xc0\xae\xc0\xae/f.txt", "400"),
        (b"/in\xc0\xaff.txt", "400"),
        (b"f.txt", "400"),
        (b"*", "400"),
    ] {
        let request = [b"GET ", target, b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"].concat();
        let said = say(running.address, &request).await;
        let status = said.split(' ').nth(1).unwrap_or_default();
        let location = said.lines().find_map(|line| line.strip_prefix("location: "));
        let found = location.map_or(status.to_owned(), |location| format!("{status} {location}"));
        let target = String::from_utf8_lossy(target);
        // What is no HTTP at all may be answered with nothing.
        let found = if found.is_empty() { "400" } else { &found };
        assert_eq!(found, expected, "{target}");
        assert_eq!(said.ends_with("four"), status == "200", "{target}");
    }
}

#[tokio::test]
async fn of_two_hosts_none_is_served() {
    let running = start(Limits::default()).await;
    for (request, status) in [
        ("GET /f.txt HTTP/1.1\r\nhost: x", "200"),
        ("GET http://x/f.txt HTTP/1.1\r\nhost: x", "200"),
        ("GET /f.txt HTTP/1.0", "200"),
        ("GET /f.txt HTTP/1.1\r\nhost: x\r\nhost: x", "400"),
        ("GET /f.txt HTTP/1.1\r\nhost: x\r\nHost: y", "400"),
        ("GET http://x/f.txt HTTP/1.1\r\nhost: y", "400"),
        ("GET http://u:p@x/f.txt HTTP/1.1", "421"),
        ("GET http://u@x/f.txt HTTP/1.1\r\nhost: x", "400"),
        ("GET /f.txt HTTP/1.1\r\nhost: u@x", "421"),
        ("GET /f.txt HTTP/1.1\r\nhost: x y", "421"),
        ("GET /f.txt HTTP/1.1\r\nhost: x/y", "421"),
        ("GET /f.txt HTTP/1.1\r\nhost: [::1", "421"),
        ("CONNECT x:80 HTTP/1.1\r\nhost: x:80", "400"),
    ] {
        let said = say(running.address, format!("{request}\r\nconnection: close\r\n\r\n").as_bytes()).await;
        assert_eq!(said.split(' ').nth(1), Some(status), "{request}");
        assert_eq!(said.ends_with("four"), status == "200", "{request}");
    }
}

#[tokio::test]
async fn a_client_that_sends_too_much_or_too_slowly_is_let_go() {
    let limits = Limits {
        header_bytes_max: 8 << 10,
        headers_max: 20,
        header_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let running = start(limits).await;
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(30));
    for request in [long, many] {
        let said = say(running.address, request.as_bytes()).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");
    }
    let slow = say(running.address, b"GET / HTTP/1.1\r\nhost:").await;
    assert!(slow.is_empty() || slow.starts_with("HTTP/1.1 408"), "{slow}");
    let silent = say(running.address, b"").await;
    assert!(silent.is_empty() || silent.starts_with("HTTP/1.1 408"), "{silent}");
}

/// Answers how many bytes came, or that they did not.
async fn count(body: Body) -> String {
    match axum::body::to_bytes(body, 1 << 20).await {
        Ok(bytes) => format!("{} bytes", bytes.len()),
        Err(error) => format!("gave up: {error:?}"),
    }
}

#[tokio::test]
async fn a_body_that_comes_by_drops_is_given_up() {
    let limits = Limits { body_timeout: Duration::from_millis(200), ..Limits::default() };
    let running = start_with(Router::new().fallback(count), limits.clone()).await;
    let head = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4\r\n\r\n";
    let whole = say(running.address, format!("{head}four").as_bytes()).await;
    assert!(whole.ends_with("4 bytes"), "{whole}");
    let part = say(running.address, format!("{head}fou").as_bytes()).await;
    assert!(part.contains("gave up") && part.contains("too slowly"), "{part}");

    // What came quickly pays for what comes later.
    let limits = Limits { body_rate_min: 1, ..limits };
    let running = start_with(Router::new().fallback(count), limits).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(format!("{head}fou").as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    stream.write_all(b"r").await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert!(said.ends_with("4 bytes"), "{said}");
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answer_does_not_keep_its_place() {
    let limits =
        Limits { connections_max: 1, write_timeout: Duration::from_millis(100), ..Limits::default() };
    let large = Router::new().fallback(async || vec![b'x'; 64 << 20]);
    let running = start_with(large, limits).await;
    let mut stalled = TcpStream::connect(running.address).await.unwrap();
    stalled.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut next = TcpStream::connect(running.address).await.unwrap();
    next.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    let answered = tokio::time::timeout(Duration::from_secs(30), next.read_exact(&mut first)).await;
    assert!(answered.is_ok(), "the only place was never free again");
    drop(stalled);
}

#[tokio::test]
async fn an_idle_connection_does_not_keep_the_server_from_ending() {
    let running = start(Limits { shutdown_timeout: Duration::from_secs(2), ..Limits::default() }).await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    idle.write_all(b"GET /f.txt HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.unwrap();
    running.stop.send(()).unwrap();
    assert_eq!(running.server.await.unwrap(), Ended::Complete);
}

#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_request_is_in_the_access_log() {
    let sink = Sink::default();
    let config = Config {
        access_log: AccessLog::Combined(Box::new(sink.clone())),
        trusted_proxies: vec!["192.0.2.1".parse().unwrap()],
        ..Config::default()
    };
    let site = TestSite::with_config(config);
    site.put_file("/f.txt", b"four");
    site.get("/f.txt?a=b").await;
    site.get_with("/missing", &[("x-forwarded-for", "203.0.113.9"), ("user-agent", "me")]).await;
    drop(site);
    let log = sink.text();
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(
        lines[0].starts_with("192.0.2.1 - - [")
            && lines[0].ends_with("\"GET /f.txt?a=b HTTP/1.1\" 200 4 \"-\" \"-\"")
    );
    assert!(
        lines[1].starts_with("203.0.113.9 ") && lines[1].contains(" 404 ") && lines[1].ends_with("\"me\"")
    );
}
