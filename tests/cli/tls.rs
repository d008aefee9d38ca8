//! Serving by TLS, as whoever starts the server sees it.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::Site;

/// Writes a certificate that is valid until then, and its key.
fn make(site: &Site, year: i32) {
    let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    site.write("cert.pem", parameters.self_signed(&key).unwrap().pem());
    site.write("key.pem", key.serialize_pem());
}

const SERVE: [&str; 8] =
    ["--json", "serve", "--listen", "127.0.0.1:0", "--tls-cert", "cert.pem", "--tls-key", "key.pem"];

#[test]
fn a_server_by_tls_says_its_address_and_reads_its_certificate_again_when_told_to() {
    let site = Site::new();
    make(&site, 2001);
    let mut child = site.command(&SERVE).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut err = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let row: serde_json::Value = serde_json::from_str(&out.next().unwrap().unwrap()).unwrap();
    let url = row["url"].as_str().unwrap();
    assert!(url.starts_with("https://127.0.0.1:"), "{row}");
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap();
    assert_eq!(row["versions"], format!("https://*.v.localhost:{port}"));
    assert!(err.any(|line| line.contains("cert.pem` expired at 2001-01-01")), "it says so at once");

    let hang_up = || kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    site.write("key.pem", "no key");
    hang_up();
    let warning = err.find(|line| line.contains("the one before stays")).unwrap();
    assert!(warning.contains("key.pem` holds no private key"), "{warning}");
    make(&site, 2999);
    hang_up();
    assert!(err.any(|line| line.contains("the certificate was read again")));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_before_anything_is_opened() {
    let site = Site::new();
    make(&site, 2999);
    site.fails(2, &SERVE[..6]);
    let error = site.fails(1, &["serve", "--tls-cert", "key.pem", "--tls-key", "key.pem"]);
    assert!(error.contains("holds no certificate") && error.contains("exchanged"), "{error}");
    let missing = site.fails(1, &["serve", "--tls-cert", "none.pem", "--tls-key", "key.pem"]);
    assert!(missing.contains("cannot read `none.pem`"), "{missing}");
    site.write("other.pem", std::fs::read(site.beside("key.pem")).unwrap());
    make(&site, 2999);
    let mismatch = site.fails(1, &["serve", "--tls-cert", "cert.pem", "--tls-key", "other.pem"]);
    assert!(mismatch.contains("does not belong to the certificate"), "{mismatch}");
    assert!(!site.data().exists());
}
