//! HTTP connections: requests to what lies below one address, and nowhere else.
//!
//! # Invariants
//! - A path cannot leave the base address: no `..` in any spelling, no other host. Redirects are not followed.
//! - Every request has a bound of time and its answer one of length.
//! - The secret of a connection goes over TLS, or to this machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri};
use bough_core::outside::{Answer, Intent, OutsideError, Question};
use bough_core::snapshot::attribute;
use bough_core::{Object, Snapshot, Value};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::secret::secret;

/// The name of the type.
pub(crate) const TYPE: &str = "http_connection";
/// The port of HTTP over TLS.
const PORT: u16 = 443;
/// How long a request takes at most where the connection does not say, in seconds, and where it says more.
pub(crate) const SECS_DEFAULT: i64 = 10;
const SECS_MAX: i64 = 60;
/// How long an answer is at most where the connection does not say, in bytes, and where it says more.
pub(crate) const BYTES_DEFAULT: i64 = 1 << 20;
const BYTES_MAX: i64 = 16 << 20;
/// Longest path with its query.
const TARGET_BYTES_MAX: usize = 4 << 10;
/// How often a path is decoded until nothing changes any more: no honest one needs that many.
const DECODINGS_MAX: usize = 5;
/// Longest body of a request.
const BODY_BYTES_MAX: usize = 16 << 20;
/// Most header lines that a connection adds.
const HEADERS_MAX: usize = 20;
/// Longest head of an answer.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// The header lines that belong to the way of sending.
const OURS: [&str; 8] =
    ["host", "content-length", "content-type", "connection", "transfer-encoding", "upgrade", "te", "expect"];

/// What a method of HTTP is for.
pub(crate) fn intent(verb: &str) -> Intent {
    if verb == "GET" || verb == "HEAD" { Intent::Read } else { Intent::Write }
}

/// What a connection says.
pub(crate) struct Settings {
    base: Uri,
    scheme: Scheme,
    authority: Authority,
    headers: Vec<(HeaderName, HeaderValue)>,
    timeout: Duration,
    bytes_max: usize,
}

fn wrong(problem: impl Into<String>) -> OutsideError {
    OutsideError::Wrong(problem.into())
}

impl Settings {
    /// Reads a connection.
    pub(crate) fn of(head: &(impl Snapshot + ?Sized), connection: &Object) -> Result<Self, OutsideError> {
        let text = |name| {
            let value = attribute(head, connection, name);
            value.map(|value| value.and_then(|value| value.as_text().map(str::to_owned)))
        };
        let (base, scheme, authority) = base(text("url")?.as_deref().unwrap_or_default())?;
        let mut headers = headers(attribute(head, connection, "headers")?)?;
        let variable = text("token_variable")?.filter(|variable| !variable.is_empty());
        if let Some(variable) = variable {
            if scheme != Scheme::HTTPS && !is_here(authority.host()) {
                return Err(wrong("a connection with a token needs an address that begins with `https://`"));
            }
            let port = port(&scheme, &authority);
            let token = secret(&variable, authority.host(), port, PORT).map_err(wrong)?;
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut value =
                value.map_err(|_| wrong(format!("the token in {variable} cannot be sent in a header")))?;
            value.set_sensitive(true);
            headers.push((AUTHORIZATION, value));
        }
        let whole = |name, default: i64, max: i64| match connection.value(name) {
            Some(Value::Int(number)) => (*number).clamp(1, max),
            _ => default,
        };
        let secs = whole("timeout_secs", SECS_DEFAULT, SECS_MAX);
        let bytes_max = whole("bytes_max", BYTES_DEFAULT, BYTES_MAX);
        let timeout = Duration::from_secs(secs.unsigned_abs());
        let bytes_max = usize::try_from(bytes_max).unwrap_or_default();
        Ok(Self { base, scheme, authority, headers, timeout, bytes_max })
    }

    /// The request for a question.
    pub(crate) fn request(&self, question: &Question<'_>) -> Result<Request<Full<Bytes>>, OutsideError> {
        let method: Method = question
            .verb
            .parse()
            .ok()
            .filter(|method| *method != Method::CONNECT && *method != Method::TRACE)
            .ok_or_else(|| wrong("this is no method of HTTP that can be sent"))?;
        if question.body.len() > BODY_BYTES_MAX {
            return Err(wrong(format!("what is to be sent has more than {BODY_BYTES_MAX} bytes")));
        }
        let target = target(self.base.path(), question.target)?;
        let mut request = Request::builder().method(method).uri(target);
        request = request.header(HOST, self.authority.as_str()).header(CONNECTION, "close");
        request = request.header(USER_AGENT, "Bough");
        if !question.media_type.is_empty() {
            request = request.header(CONTENT_TYPE, question.media_type);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let body = Full::new(Bytes::copy_from_slice(question.body));
        request.body(body).map_err(|error| wrong(format!("the request cannot be sent: {error}")))
    }

    /// Sends a request and waits for the answer, on a thread of its own: whoever calls may be part of a runtime that must
    /// not wait.
    pub(crate) fn ask(&self, request: Request<Full<Bytes>>, deadline: Instant) -> Result<Answer, String> {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = self.timeout.min(left);
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            let answer = runtime.block_on(async {
                let late = || format!("it took longer than {} seconds", timeout.as_secs_f32());
                tokio::time::timeout(timeout, self.exchange(request)).await.unwrap_or_else(|_| Err(late()))
            });
            // A look-up of a name may still be under way.
            runtime.shutdown_background();
            answer
        };
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("outside".into()).spawn_scoped(scope, work);
            let thread = thread.map_err(|error| format!("no thread could be had: {error}"))?;
            thread.join().unwrap_or_else(|_| Err("the request failed inside of this server".into()))
        })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let host = self.authority.host().trim_matches(['[', ']']);
        let is_tls = self.scheme == Scheme::HTTPS;
        let stream = TcpStream::connect((host, port(&self.scheme, &self.authority))).await;
        let stream = stream.map_err(|error| format!("{}: {error}", self.authority))?;
        if !is_tls {
            return self.speak(stream, request).await;
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(tls_config()?));
        let stream = connector.connect(name, stream).await;
        self.speak(stream.map_err(|error| format!("{}: {error}", self.authority))?, request).await
    }

    async fn speak<S>(&self, stream: S, request: Request<Full<Bytes>>) -> Result<Answer, String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut client = hyper::client::conn::http1::Builder::new();
        client.max_buf_size(HEAD_BYTES_MAX);
        let (mut sender, connection) =
            client.handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        let connection = tokio::spawn(connection);
        let answer = async {
            let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
            let status = response.status().as_u16();
            let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let media_type = media_type.unwrap_or_default().to_owned();
            let body = Limited::new(response.into_body(), self.bytes_max).collect().await;
            let body = body.map_err(|error| match error.is::<http_body_util::LengthLimitError>() {
                true => format!("the answer has more than {} bytes", self.bytes_max),
                false => error.to_string(),
            })?;
            Ok(Answer { status, media_type, body: body.to_bytes().to_vec() })
        };
        let answer = answer.await;
        connection.abort();
        answer
    }
}

/// The port of an address.
fn port(scheme: &Scheme, authority: &Authority) -> u16 {
    authority.port_u16().unwrap_or(if *scheme == Scheme::HTTPS { PORT } else { 80 })
}

/// The address that everything lies below.
fn base(url: &str) -> Result<(Uri, Scheme, Authority), OutsideError> {
    let not =
        |why: &str| wrong(format!("its address {why}: expected one as in `https://api.example.org/v1/`"));
    if url.is_empty() {
        return Err(not("is not set"));
    }
    let uri: Uri = url.parse().map_err(|_| not("cannot be read"))?;
    let scheme = uri.scheme().cloned().filter(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
    let (Some(scheme), Some(authority)) = (scheme, uri.authority().cloned()) else {
        return Err(not("names no host"));
    };
    if authority.as_str().contains('@') {
        return Err(not("has a user in it: a secret stands in a variable of the server"));
    }
    if uri.query().is_some() || url.contains('#') {
        return Err(not("has a query or a fragment"));
    }
    Ok((uri, scheme, authority))
}

/// The path and query of what lies at `target` below `base`.
fn target(base: &str, target: &str) -> Result<Uri, OutsideError> {
    let outside = || wrong("the path has to lie below the address of the connection, as in `people/7?all=1`");
    if target.len() > TARGET_BYTES_MAX {
        return Err(wrong(format!("the path has more than {TARGET_BYTES_MAX} bytes")));
    }
    let target = target.strip_prefix('/').unwrap_or(target);
    let path = target.split('?').next().unwrap_or_default();
    let readings = readings(path).ok_or_else(outside)?;
    if path.starts_with('/')
        || path.contains(['\\', '#'])
        || target.contains('#')
        || target.bytes().any(|byte| !(0x21..0x7f).contains(&byte))
        || readings.iter().any(|text| is_step_up(text) || text.contains(char::is_control))
    {
        return Err(outside());
    }
    format!("{}/{target}", base.trim_end_matches('/')).parse().map_err(|_| outside())
}

/// What servers may take a path for, since they differ in how often they decode; none where that has no end, or is no
/// text.
fn readings(path: &str) -> Option<Vec<String>> {
    let mut readings = vec![path.to_owned()];
    for _ in 0..=DECODINGS_MAX {
        let last = readings.last()?;
        let decoded = percent_encoding::percent_decode_str(last).decode_utf8().ok()?.into_owned();
        if decoded == *last {
            return Some(readings);
        }
        readings.push(decoded);
    }
    None
}

/// Whether a step of a path stays or goes up. Servers differ in what they take for a slash, and some drop `;` and what
/// follows it in a step before they look.
fn is_step_up(path: &str) -> bool {
    let mut steps = path.split(['/', '\\']).filter_map(|step| step.split(';').next());
    steps.any(|step| step == ".." || step == ".")
}

/// The header lines that a connection adds to each request.
fn headers(said: Option<Value>) -> Result<Vec<(HeaderName, HeaderValue)>, OutsideError> {
    let said = match said {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Map(said)) if said.len() <= HEADERS_MAX => said,
        Some(_) => {
            return Err(wrong(format!("its `headers` have to be a map of at most {HEADERS_MAX} texts")));
        }
    };
    let header = |(name, value): (&Arc<str>, &Value)| {
        let not = || wrong(format!("its header `{name}` cannot be sent"));
        let name: HeaderName = name.parse().map_err(|_| not())?;
        let value = value.as_text().and_then(|text| HeaderValue::from_str(text).ok()).ok_or_else(not)?;
        if OURS.contains(&name.as_str()) { Err(not()) } else { Ok((name, value)) }
    };
    said.iter().map(header).collect()
}

/// Whether a host is this machine.
pub(crate) fn is_here(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn tls_config() -> Result<rustls::ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = config.map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_base_in_every_spelling() {
        for (below, path, expected) in [
            ("/v1/", "people/7?all=1", "/v1/people/7?all=1"),
            ("/v1", "/people", "/v1/people"),
            ("/", "", "/"),
            ("", "x", "/x"),
            ("/v1", "a..b/.c", "/v1/a..b/.c"),
            ("/v1", "a?to=../x", "/v1/a?to=../x"),
            ("/v1", "a;v=1..2/100%25", "/v1/a;v=1..2/100%25"),
        ] {
            let found = target(below, path).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(found.to_string(), expected);
            assert!(found.host().is_none(), "{path}");
        }
        for wrong in [
            "..",
            "../x",
            "a/../../x",
            "a/..",
            ".",
            "./x",
            "%2e%2e/x",
            "a/%2E%2e",
            ".%2e/x",
            "%252e%252e/x",
            "%25252e%25252e/x",
            "..;/x",
            "..;v=1/x",
            ".;/x",
            "a/..;",
            "a/%2e%2e;x/y",
            "%2e%2e%3b/x",
            "%252e%252e%253bv/x",
            "a%253b/%252e%252e%252fx",
            "..%2fx",
            "..%5cx",
            "a\\..\\x",
            "//evil.example/",
            "/%zz\u{7f}",
            "a b",
            "a\r\nHost: x",
            "a%0d%0aHost:%20x",
            "a#b",
            "é",
        ] {
            assert!(target("/v1/", wrong).is_err(), "{wrong} was taken");
        }
        assert!(target("/", &"x".repeat(TARGET_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn a_base_is_an_address_without_a_secret_in_it() {
        for fine in ["http://h", "https://h:8443/v1/", "http://[::1]:80/"] {
            assert!(base(fine).is_ok(), "{fine}");
        }
        for wrong in [
            "",
            "h",
            "/v1",
            "ftp://h/",
            "https://user:secret@h/",
            "https://h/?key=1",
            "https://h/#x",
            "https://",
        ] {
            assert!(base(wrong).is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn headers_that_belong_to_the_sending_are_refused() {
        let map = |name: &str, value: &str| Some(Value::Map([(name.into(), value.into())].into()));
        assert_eq!(headers(map("Accept", "text/plain")).unwrap().len(), 1);
        for (name, value) in [("Host", "evil"), ("content-length", "0"), ("a b", "c"), ("x", "a\r\nb: c")] {
            assert!(headers(map(name, value)).is_err(), "{name}: {value}");
        }
    }
}
