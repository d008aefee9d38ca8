//! The server under TLS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use bough_web::{Ended, Limits, Listener, Tls, serve};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::site::TestSite;

/// A certificate and its key in a folder.
struct Files(TempDir);

impl Files {
    fn new() -> (Self, String) {
        let files = Self(tempfile::tempdir().unwrap());
        let certificate = files.renew();
        (files, certificate)
    }

    fn paths(&self) -> [PathBuf; 2] {
        ["cert", "key"].map(|name| self.0.path().join(name))
    }

    fn renew(&self) -> String {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let [certificate, key] = self.paths();
        std::fs::write(certificate, made.cert.pem()).unwrap();
        std::fs::write(key, made.signing_key.serialize_pem()).unwrap();
        made.cert.pem()
    }
}

struct Running {
    files: Files,
    certificate: String,
    tls: Arc<Tls>,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<Ended>,
}

async fn start(limits: Limits) -> Running {
    let site = TestSite::new();
    site.put("/scheme", "template", &[("source", "{{ request.scheme }} {{ request.host }}")]);
    let (files, certificate) = Files::new();
    let [cert, key] = files.paths();
    let tls = Arc::new(Tls::read(&cert, &key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = Listener::from(listener).with_tls(Arc::clone(&tls));
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(async move {
        let stopped = async move { stopped.await.unwrap_or_default() };
        serve(listener, site.router, &limits, stopped).await
    });
    Running { files, certificate, tls, address, stop, server }
}

/// Connects as a client that trusts this certificate only.
async fn connect(
    running: &Running,
    certificate: &str,
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let stream = TcpStream::connect(running.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

async fn get(running: &Running, certificate: &str) -> std::io::Result<String> {
    let mut stream = connect(running, certificate, "http/1.1").await?;
    stream.write_all(b"GET /scheme HTTP/1.1\r\nhost: localhost:8443\r\nconnection: close\r\n\r\n").await?;
    let mut said = String::new();
    stream.read_to_string(&mut said).await?;
    Ok(said)
}

#[tokio::test]
async fn a_page_that_comes_by_tls_knows_it_and_tells_the_browser_to_stay_there() {
    let running = start(Limits::default()).await;
    let said = get(&running, &running.certificate).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("https localhost:8443"), "{said}");
    assert!(said.contains("strict-transport-security: max-age="), "{said}");
    running.stop.send(()).unwrap();
    assert_eq!(running.server.await.unwrap(), Ended::Complete);
}

#[tokio::test]
async fn http_2_is_spoken_with_those_who_ask_for_it() {
    let limits = Limits { header_bytes_max: 8 << 10, ..Limits::default() };
    let running = start(limits).await;
    let stream = connect(&running, &running.certificate, "h2").await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    for (padding, status) in [(1, StatusCode::OK), (12_000, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)] {
        let request = Request::get("https://localhost:8443/scheme").header("x", "y".repeat(padding));
        let answer = client.send_request(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), status);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.is_empty(), status != StatusCode::OK);
        assert!(body.is_empty() || body == "https localhost:8443", "{body:?}");
    }
    let request = Request::post("https://localhost:8443/").header("origin", "https://localhost:8443");
    let answer = client.send_request(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 415, "it is the same origin");
    running.stop.send(()).unwrap();
    assert_eq!(running.server.await.unwrap(), Ended::Complete);
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_certificate_that_is_renewed_is_shown_to_those_who_come_then() {
    let running = start(Limits::default()).await;
    let renewed = running.files.renew();
    assert!(get(&running, &renewed).await.is_err(), "it is not read yet");
    assert!(running.tls.reload().unwrap());
    assert!(get(&running, &renewed).await.unwrap().starts_with("HTTP/1.1 200"));
    assert!(get(&running, &running.certificate).await.is_err());
}

#[tokio::test]
async fn who_does_not_agree_on_tls_in_time_is_let_go_and_keeps_nobody_waiting() {
    let limits = Limits { handshake_timeout: Duration::from_millis(200), ..Limits::default() };
    let running = start(limits).await;
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    let mut plain = TcpStream::connect(running.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(get(&running, &running.certificate).await.unwrap().starts_with("HTTP/1.1 200"));
    let mut said = Vec::new();
    for stream in [&mut silent, &mut plain] {
        let closed = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut said)).await;
        assert!(closed.is_ok(), "it is never let go");
    }
    assert!(!said.starts_with(b"HTTP"));
}

#[tokio::test]
async fn an_end_does_not_wait_for_those_who_have_not_agreed_on_tls() {
    let limits = Limits { handshake_timeout: Duration::from_secs(3600), ..Limits::default() };
    let running = start(limits).await;
    let silent = TcpStream::connect(running.address).await.unwrap();
    get(&running, &running.certificate).await.unwrap();
    running.stop.send(()).unwrap();
    assert_eq!(running.server.await.unwrap(), Ended::Complete);
    drop(silent);
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_said_is_let_go() {
    let limits = Limits { idle_timeout: Duration::from_millis(200), ..Limits::default() };
    let running = start(limits).await;
    let stream = connect(&running, &running.certificate, "h2").await.unwrap();
    let (_client, connection) =
        hyper::client::conn::http2::handshake::<_, _, Body>(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(30), connection).await;
    assert!(ended.is_ok(), "it is never let go");
}
