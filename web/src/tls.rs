//! TLS: the certificate and the key that this server shows itself with, read again when they change.
//!
//! # Invariants
//! - A connection is made with a certificate and a key that belong together, always: what cannot be used is not taken,
//!   and what was there before stays.
//!
//! Not here: connections (`serve`), getting certificates.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Longest file that is read. A chain of certificates takes some kilobytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// What can be spoken, the better first.
const PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];
/// What a client calls HTTP/2 while the connection is made.
pub(crate) const HTTP2: &[u8] = b"h2";

/// Why a certificate and a key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("`{}` holds no {expected}: {found}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// What was found instead.
        found: String,
    },
    /// The key is not the certificate's.
    #[error("the key `{}` does not belong to the certificate `{}`", .key.display(), .certificate.display())]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The certificate or the key is of a kind that cannot be used.
    #[error("cannot use the certificate `{}` with its key", .certificate.display())]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
}

/// A certificate with its key, from two files in PEM.
#[derive(Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    /// What the files held.
    read: [Vec<u8>; 2],
    config: Arc<ServerConfig>,
    expires_secs: Option<i64>,
}

impl Tls {
    /// Reads the certificate, with those between it and its authority behind it, and its key.
    ///
    /// # Errors
    /// When a file cannot be read or holds something else, and when the two do not belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let current = Mutex::new(load(certificate, key, read_both(certificate, key)?)?);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), current })
    }

    /// Reads the files again. Connections that are made from then on use what they hold; answers whether that is new.
    ///
    /// # Errors
    /// As for [`Tls::read`]; then everything stays as it was.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let read = read_both(&self.certificate, &self.key)?;
        if self.current.lock().read == read {
            return Ok(false);
        }
        let current = load(&self.certificate, &self.key, read)?;
        *self.current.lock() = current;
        Ok(true)
    }

    /// Until when the certificate is valid, in seconds since 1970; none where that cannot be read.
    pub fn expires_secs(&self) -> Option<i64> {
        self.current.lock().expires_secs
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.lock().config))
    }
}

fn read_both(certificate: &Path, key: &Path) -> Result<[Vec<u8>; 2], TlsError> {
    Ok([read_file(certificate)?, read_file(key)?])
}

fn read_file(path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|source| TlsError::Read { path: path.to_owned(), source })?;
    Ok(bytes)
}

fn load(certificate: &Path, key: &Path, read: [Vec<u8>; 2]) -> Result<Current, TlsError> {
    let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&read[0]).collect();
    let chain = match chain {
        Ok(chain) if !chain.is_empty() => chain,
        Ok(_) => return Err(otherwise(certificate, "certificate", &read[0], &pem::Error::NoItemsFound)),
        Err(error) => return Err(otherwise(certificate, "certificate", &read[0], &error)),
    };
    let private = PrivateKeyDer::from_pem_slice(&read[1])
        .map_err(|error| otherwise(key, "private key", &read[1], &error))?;
    let expires_secs = expires_secs(&chain[0]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private));
    let mut config = config.map_err(|source| match source {
        rustls::Error::InconsistentKeys(_) => {
            TlsError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() }
        }
        source => TlsError::Unusable { certificate: certificate.to_owned(), source },
    })?;
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    Ok(Current { read, config: Arc::new(config), expires_secs })
}

/// What a file holds in place of what was expected.
fn otherwise(path: &Path, expected: &'static str, bytes: &[u8], error: &pem::Error) -> TlsError {
    let text = String::from_utf8_lossy(bytes);
    let found = if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        "its key is encrypted, and nobody is asked for the password".to_owned()
    } else if expected == "certificate" && text.contains("PRIVATE KEY-----") {
        "it holds a private key; were the two files exchanged?".to_owned()
    } else if expected != "certificate" && text.contains("-----BEGIN CERTIFICATE-----") {
        "it holds a certificate; were the two files exchanged?".to_owned()
    } else if text.contains("-----BEGIN ") {
        error.to_string()
    } else {
        "it is not in PEM, which begins with `-----BEGIN`".to_owned()
    };
    TlsError::Format { path: path.to_owned(), expected, found }
}

/// The end of a certificate's validity (RFC 5280, 4.1): `Certificate { tbs { [version], serial, algorithm, issuer,
/// validity { from, to }, ...`.
fn expires_secs(certificate: &[u8]) -> Option<i64> {
    let (_, certificate, _) = element(certificate)?;
    let (_, mut rest, _) = element(certificate)?;
    if rest.first() == Some(&0xa0) {
        rest = element(rest)?.2;
    }
    for _ in ["serial", "algorithm", "issuer"] {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, after) = element(validity)?;
    let (tag, time, _) = element(after)?;
    let text = std::str::from_utf8(time).ok()?.strip_suffix('Z')?;
    let text = match tag {
        // Two digits of the year: from 1950 to 2049.
        0x17 if text.len() == 12 => format!("{}{text}", if text >= "5" { "19" } else { "20" }),
        0x18 if text.len() == 14 => text.to_owned(),
        _ => return None,
    };
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i8>().ok();
    let time = jiff::civil::DateTime::new(
        text.get(..4)?.parse().ok()?,
        number(4, 6)?,
        number(6, 8)?,
        number(8, 10)?,
        number(10, 12)?,
        number(12, 14)?,
        0,
    );
    let time = time.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(time.timestamp().as_second())
}

/// The first element of DER: its tag, what it holds, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut bytes = usize::from(first);
    if first & 0x80 != 0 {
        let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        bytes = digits.iter().fold(0, |bytes, &digit| bytes << 8 | usize::from(digit));
        rest = after;
    }
    let (held, after) = rest.split_at_checked(bytes)?;
    Some((tag, held, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Files(tempfile::TempDir);

    impl Files {
        fn new(certificate: &str, key: &str) -> Self {
            let files = Self(tempfile::tempdir().unwrap());
            files.write(certificate, key);
            files
        }

        fn write(&self, certificate: &str, key: &str) {
            std::fs::write(self.0.path().join("cert"), certificate).unwrap();
            std::fs::write(self.0.path().join("key"), key).unwrap();
        }

        fn read(&self) -> Result<Tls, TlsError> {
            Tls::read(&self.0.path().join("cert"), &self.0.path().join("key"))
        }
    }

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let (certificate, key) = made();
        let (_, other) = made();
        for (certificate, key, says) in [
            (&*certificate, &*other, "does not belong to the certificate"),
            (&key, &certificate, "were the two files exchanged?"),
            (&certificate, &certificate, "key` holds no private key: it holds a certificate"),
            (&certificate, "", "it is not in PEM"),
            ("\u{30}\u{1}", &key, "cert` holds no certificate: it is not in PEM"),
            (
                &certificate,
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
                "encrypted",
            ),
            ("-----BEGIN CERTIFICATE-----\nAAAA", &key, "cert` holds no certificate"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                &key,
                "cannot use the certificate",
            ),
            (
                &certificate,
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "cannot use the certificate",
            ),
        ] {
            let error = Files::new(certificate, key).read().unwrap_err().to_string();
            assert!(error.contains(says), "{says} is not in: {error}");
        }
        let missing = Tls::read(Path::new("/nowhere/cert"), Path::new("/nowhere/key")).unwrap_err();
        assert_eq!(missing.to_string(), "cannot read `/nowhere/cert`");
    }

    #[test]
    fn what_changes_is_taken_if_it_can_be_used() {
        let (certificate, key) = made();
        let files = Files::new(&certificate, &key);
        let tls = files.read().unwrap();
        let config = || Arc::clone(&tls.current.lock().config);
        let first = config();
        assert!(!tls.reload().unwrap() && Arc::ptr_eq(&first, &config()), "nothing changed");

        let (renewed, its_key) = made();
        files.write(&renewed, &key);
        assert!(matches!(tls.reload(), Err(TlsError::Mismatch { .. })), "the key is still the old one");
        assert!(Arc::ptr_eq(&first, &config()), "what was there before stays");
        files.write(&renewed, &its_key);
        assert!(tls.reload().unwrap() && !Arc::ptr_eq(&first, &config()));
    }

    #[test]
    fn the_end_of_a_certificate_is_read_in_both_ways_of_writing_it() {
        for year in [1999, 2020, 2049, 2050] {
            let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
            parameters.not_before = rcgen::date_time_ymd(1990, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(year, 4, 1);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = parameters.self_signed(&key).unwrap();
            let tls = Files::new(&certificate.pem(), &key.serialize_pem()).read().unwrap();
            let midnight = jiff::civil::date(year as i16, 4, 1).to_zoned(jiff::tz::TimeZone::UTC).unwrap();
            assert_eq!(tls.expires_secs(), Some(midnight.timestamp().as_second()), "{year}");
        }
    }

    #[test]
    fn no_bytes_make_the_reader_of_certificates_panic() {
        let (certificate, _) = made();
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        assert!(expires_secs(&der).is_some());
        for cut in 0..der.len() {
            expires_secs(&der[..cut]);
            let mut changed = der.to_vec();
            for byte in [0, 0x7f, 0x80, 0xff] {
                changed[cut] = byte;
                expires_secs(&changed);
            }
        }
    }
}
