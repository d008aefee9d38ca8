//! `serve`: the site over HTTP, and for commands through the socket in its folder.
//!
//! The listener is up before the folder is opened: until the site is there, every URL answers 503 and says how far
//! the opening is. A folder that takes long to open (its index is built anew) so never looks like a server that hangs.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::Response;
use bough::Site;
use bough::admin_ui::{self, AdminUi};
use bough::store::{OpenReport, Progress};
use bough::web::auth::EmergencyUser;
use bough::web::mail::{self, Deliverer, Smtp};
use bough::web::pages::Pages;
use bough::web::tasks::Scheduler;
use bough::web::{AccessLog, AddressRange, Config, HostTable, OwnTls, Tls, VersionHosts};
use serde_json::json;
use tower::ServiceExt;
use tracing_subscriber::EnvFilter;

use super::failure::{Code, Failure};
use super::managing::Managing;
use super::screen::{Form, Screen, remark};
use super::socket::{self, SocketServer};
use super::{listener, opening, progress};

/// How many ports above the taken one are tried for advice.
const PORTS_TRIED: u16 = 50;
/// How long to wait for a command that has the folder open just now.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
const LOCK_POLL: Duration = Duration::from_millis(20);
/// How often the files of the certificate are looked at.
const RENEWAL_POLL: Duration = Duration::from_secs(60);
/// When a client shall try again while the site is being opened.
const RETRY_AFTER_SECS: u32 = 1;

/// Where the password of the emergency user may be: never among the arguments, which everybody on the machine can see.
const EMERGENCY_PASSWORD: &str = "BOUGH_EMERGENCY_PASSWORD";

const LISTEN_DEFAULT: &str = "127.0.0.1:8080";

/// Serve the site over HTTP until Ctrl-C; the first start plants a starter site
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Serve {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = LISTEN_DEFAULT)]
    listen: String,
    /// Append one line a request to this file; `-` is the standard output
    #[arg(long, value_name = "FILE")]
    access_log: Option<PathBuf>,
    /// Where versions have hosts of their own besides `*.v.localhost`; with `https://` if a proxy ends TLS
    #[arg(long, value_name = "*.HOST")]
    version_host: Option<VersionHosts>,
    /// A proxy, or a range of them, whose word about the client, the host and the scheme is taken; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    trusted_proxy: Vec<AddressRange>,
    /// Serve by TLS, with the certificate in this file (PEM, those that vouch for it behind it)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// A user of this name may everything while this server runs, with the password in BOUGH_EMERGENCY_PASSWORD or in
    /// --emergency-password-file, sent with each request (HTTP Basic)
    #[arg(long, value_name = "NAME")]
    emergency_user: Option<String>,
    /// The file with the password of the emergency user, in its first line
    #[arg(long, value_name = "FILE", requires = "emergency_user")]
    emergency_password_file: Option<PathBuf>,
    /// The private key of the certificate; both files are read again when they change, and on SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl Default for Serve {
    fn default() -> Self {
        Self {
            listen: LISTEN_DEFAULT.to_owned(),
            access_log: None,
            version_host: None,
            trusted_proxy: Vec::new(),
            emergency_user: None,
            emergency_password_file: None,
            tls_cert: None,
            tls_key: None,
        }
    }
}

impl Serve {
    /// Serves until the process is asked to stop.
    pub(crate) fn run(&self, data: &Path, screen: &mut Screen) -> Result<(), Failure> {
        trace();
        let address = self.address()?;
        let tls = self.tls()?;
        let listener = TcpListener::bind(address).map_err(|error| taken(data, address, &error))?;
        listener.set_nonblocking(true).map_err(|error| Failure::because("cannot listen", &error))?;
        let bound = listener.local_addr().map_err(|error| Failure::because("cannot listen", &error))?;
        let config = self.config(data)?;
        let versions = self.version_host.clone().unwrap_or(VersionHosts::LOCAL);
        let versions = match tls {
            Some(_) => versions.on_tls_port(bound.port()),
            None => versions.on_port(bound.port()),
        };
        let place = Place { data, bound, versions, tls };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::because("cannot start the server", &error))?;
        let done = runtime.block_on(serve(&place, listener, config, screen));
        // Nothing that renders now has anybody to answer to.
        runtime.shutdown_background();
        done
    }

    /// The address, if it is one that only this machine reaches.
    fn address(&self) -> Result<SocketAddr, Failure> {
        let text = self
            .listen
            .strip_prefix("localhost:")
            .map_or_else(|| self.listen.clone(), |port| format!("127.0.0.1:{port}"));
        let address: SocketAddr = text.parse().map_err(|_| {
            Failure::usage(format!("cannot listen on `{}`: expected ADDRESS:PORT", self.listen))
                .advise(format!("bough serve --listen {LISTEN_DEFAULT}"))
        })?;
        if !address.ip().is_loopback() {
            let message = format!(
                "cannot listen on `{address}`: only loopback addresses are accepted, because nobody has to log in yet"
            );
            let failure = Failure::usage(message);
            return Err(failure.advise(format!("bough serve --listen 127.0.0.1:{}", address.port())));
        }
        Ok(address)
    }

    fn tls(&self) -> Result<Option<Arc<Tls>>, Failure> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else { return Ok(None) };
        let tls =
            Tls::read(certificate, key).map_err(|error| Failure::because("cannot serve by TLS", &error))?;
        warn_of_expiry(certificate, &tls);
        Ok(Some(Arc::new(tls)))
    }

    fn config(&self, data: &Path) -> Result<Config, Failure> {
        let hosts = match &self.version_host {
            Some(hosts) => HostTable::default().with_versions(hosts.clone()),
            None => HostTable::default(),
        };
        let trusted_proxies = self.trusted_proxy.clone();
        // Beside the site, as the system's folder may be in memory.
        let upload_folder = Some(data.to_owned());
        let access_log = self.access_log()?;
        let emergency_user = self.emergency_user()?;
        Ok(Config { emergency_user, hosts, trusted_proxies, access_log, upload_folder, ..Config::default() })
    }

    fn emergency_user(&self) -> Result<Option<EmergencyUser>, Failure> {
        let Some(name) = &self.emergency_user else { return Ok(None) };
        let password = match (&self.emergency_password_file, std::env::var(EMERGENCY_PASSWORD)) {
            (Some(file), _) => {
                let text = std::fs::read_to_string(file);
                let message = || format!("cannot read the password in `{}`", file.display());
                text.map_err(|error| Failure::because(message(), &error))?
            }
            (None, Ok(password)) => password,
            (None, Err(_)) => {
                let message = format!("the emergency user `{name}` has no password");
                let failure =
                    Failure::usage(message).advise(format!("it in the variable {EMERGENCY_PASSWORD}"));
                return Err(failure.advise("a file with it: --emergency-password-file FILE"));
            }
        };
        let password = password.lines().next().unwrap_or_default();
        let user = EmergencyUser::new(name, password);
        let user = user.map_err(|error| Failure::because("cannot take the emergency user", &error))?;
        remark(&format!("warning: the emergency user `{name}` may everything while this server runs"));
        Ok(Some(user))
    }

    fn access_log(&self) -> Result<AccessLog, Failure> {
        match &self.access_log {
            None => Ok(AccessLog::Off),
            Some(path) if path == Path::new("-") => Ok(AccessLog::Combined(Box::new(io::stdout()))),
            Some(path) => {
                let file = std::fs::File::options().append(true).create(true).open(path);
                let message = || format!("cannot write the access log `{}`", path.display());
                let file = file.map_err(|error| Failure::because(message(), &error))?;
                Ok(AccessLog::Combined(Box::new(file)))
            }
        }
    }
}

/// Where the site is, and where it is shown.
struct Place<'a> {
    data: &'a Path,
    bound: SocketAddr,
    versions: VersionHosts,
    tls: Option<Arc<Tls>>,
}

fn warn_of_expiry(certificate: &Path, tls: &Tls) {
    let now = jiff::Timestamp::now();
    let Some(expires) = tls.expires_secs().and_then(|secs| jiff::Timestamp::from_second(secs).ok()) else {
        return;
    };
    if expires <= now {
        remark(&format!("warning: the certificate `{}` expired at {expires}", certificate.display()));
    }
}

/// Reads the certificate again when its files change, and on SIGHUP; what cannot be used is told of and not taken.
async fn renew(tls: Arc<Tls>) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut asked = match signal(SignalKind::hangup()) {
        Ok(asked) => asked,
        Err(error) => return remark(&format!("warning: the certificate is not renewed: {error}")),
    };
    let mut told = String::new();
    loop {
        let is_asked = tokio::select! {
            _ = asked.recv() => true,
            () = tokio::time::sleep(RENEWAL_POLL) => false,
        };
        let reading = Arc::clone(&tls);
        let reloaded = tokio::task::spawn_blocking(move || reading.reload()).await;
        match reloaded {
            Ok(Ok(false)) => told.clear(),
            Ok(Ok(true)) => {
                told.clear();
                remark("the certificate was read again");
            }
            Ok(Err(error)) => {
                let failure = Failure::because("cannot renew the certificate, the one before stays", &error);
                let text = [&[failure.message], &*failure.causes].concat().join(": ");
                // While a new certificate waits for its key, once is enough.
                if is_asked || text != told {
                    remark(&format!("warning: {text}"));
                    told = text;
                }
            }
            Err(_) => return,
        }
    }
}

/// What happens goes to the standard error; how much of it, `BOUGH_LOG` says.
fn trace() {
    let filter = EnvFilter::try_from_env("BOUGH_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    // A second subscriber is refused; there is none.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).try_init();
}

/// Why the port could not be had: this folder's own server, another process, or something else.
fn taken(data: &Path, address: SocketAddr, error: &io::Error) -> Failure {
    let failure = Failure::because(format!("cannot listen on {address}"), error);
    if error.kind() != ErrorKind::AddrInUse {
        return failure;
    }
    let holder = listener::find(address);
    if let Some(pid) = holder_of(data) {
        let failure = opening::locked(data, Some(pid));
        if holder.as_ref().is_some_and(|holder| holder.pid == pid) {
            return failure.advise(format!("open http://{address}/, where it serves this site"));
        }
        return failure;
    }
    let by = holder.map_or_else(
        || "another process".to_owned(),
        |holder| format!("process {} ({})", holder.pid, holder.name),
    );
    let failure = Failure::refused(format!("cannot listen on {address}: {by} does already"));
    let free = (1..=PORTS_TRIED)
        .filter_map(|more| address.port().checked_add(more))
        .find(|&port| TcpListener::bind(SocketAddr::new(address.ip(), port)).is_ok());
    let other = free.map_or_else(|| "0".to_owned(), |port| port.to_string());
    failure
        .advise(format!("bough serve --listen {}", SocketAddr::new(address.ip(), other.parse().unwrap_or(0))))
}

/// The process that holds the folder, if one does.
fn holder_of(data: &Path) -> Option<u32> {
    let path = data.join("lock");
    let lock = std::fs::File::open(&path).ok()?;
    match lock.try_lock_shared() {
        Err(std::fs::TryLockError::WouldBlock) => std::fs::read_to_string(&path).ok()?.trim().parse().ok(),
        _ => None,
    }
}

/// The site while it is being opened, and then for good.
#[derive(Default)]
struct Gate {
    router: OnceLock<Router>,
    bytes: AtomicU64,
    bytes_total: AtomicU64,
}

impl Gate {
    fn percent(&self) -> u64 {
        let total = self.bytes_total.load(Ordering::Relaxed).max(1);
        (self.bytes.load(Ordering::Relaxed) * 100 / total).min(100)
    }
}

async fn answer(gate: Arc<Gate>, request: Request) -> Response {
    let is_own_tls = request.extensions().get::<OwnTls>().is_some();
    if let Some(router) = gate.router.get() {
        return match router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
    }
    let page = format!(
        "<!doctype html><meta charset=utf-8><meta http-equiv=refresh content={RETRY_AFTER_SECS}>\
         <title>One moment</title><h1>One moment</h1><p>The site is being opened: {} %.</p>\n",
        gate.percent()
    );
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, header::HeaderValue::from(RETRY_AFTER_SECS));
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    bough::web::secure(&mut response, is_own_tls);
    response
}

async fn serve(
    place: &Place<'_>,
    listener: TcpListener,
    config: Config,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let failed = |error| Failure::because("cannot start the server", &error);
    let mut stop = Stop::listen().map_err(failed)?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
    let gate = Arc::new(Gate::default());
    let for_requests = Arc::clone(&gate);
    let router = Router::new().fallback(move |request: Request| answer(Arc::clone(&for_requests), request));
    let (ask_to_stop, asked) = tokio::sync::oneshot::channel::<()>();
    let limits = config.limits.clone();
    let mut listener = bough::web::Listener::from(listener);
    if let Some(tls) = &place.tls {
        listener = listener.with_tls(Arc::clone(tls));
        tokio::spawn(renew(Arc::clone(tls)));
    }
    let serving = tokio::spawn(async move {
        bough::web::serve(listener, router, &limits, async {
            let _ = asked.await;
        })
        .await
    });
    let folder = place.data.to_owned();
    let for_opening = Arc::clone(&gate);
    let opened = tokio::task::spawn_blocking(move || open(&folder, &for_opening));
    let opened = tokio::select! {
        opened = opened => opened.unwrap_or_else(|_| Err(Failure::refused("BUG: opening the site panicked"))),
        // What is being opened is in no danger: the log is only read.
        () = stop.wait() => return Ok(()),
    };
    let (site, report) = opened?;
    let started = start(place, &site, &report, &gate, config, screen);
    if started.is_ok() {
        stop.wait().await;
        remark("stopping");
    }
    // No sender waits for an answer: the receiver ends with the server.
    let _ = ask_to_stop.send(());
    if let Ok(bough::web::Ended::Cut { connections }) = serving.await {
        remark(&format!("{connections} connections were cut"));
    }
    let (commands, manage, mail, scheduler) = started?;
    manage.stop();
    tokio::task::spawn_blocking(move || {
        mail.stop();
        scheduler.stop();
        drop(commands);
        site.close().map_err(Failure::from)
    })
    .await
    .unwrap_or_else(|_| Err(Failure::refused("BUG: closing the site panicked")))
}

/// Lets requests and commands in, and says where.
fn start(
    place: &Place<'_>,
    site: &Site,
    report: &OpenReport,
    gate: &Gate,
    config: Config,
    screen: &mut Screen,
) -> Result<(SocketServer, AdminUi, Deliverer, Scheduler), Failure> {
    let Place { data, bound, versions, tls } = place;
    opening::welcome(data, site, report)?;
    versions.remember(site.database()).map_err(bough::Error::from)?;
    let welcome = site.accounts().first_administrator_link();
    let welcome = welcome.map_err(|error| Failure::because("cannot look for an administrator", &error))?;
    let manage = AdminUi::new(Arc::new(Managing::new(data, site.clone())));
    let pages: Vec<Arc<dyn Pages>> = vec![Arc::new(manage.clone())];
    let (accounts, tasks) = (Some(site.accounts().clone()), Some(site.tasks().clone()));
    let config = Config { accounts, tasks, pages, ..config };
    let _ = gate.router.set(bough::web::app(site.database().clone(), config));
    let commands = SocketServer::start(data, site.clone());
    let message = || format!("cannot take commands in `{}`", data.display());
    let commands = commands.map_err(|error| Failure::because(message(), &error).with_code(Code::Folder))?;
    let mail = mail::deliver(site.database(), Arc::new(Smtp));
    let mail = mail.map_err(|error| Failure::because("cannot send mail", &error))?;
    let scheduler = site.tasks().start();
    let scheduler =
        scheduler.map_err(|error| Failure::because("cannot run the tasks of the site", &error))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{bound}/");
    let manage_url = format!("{url}@@{}", admin_ui::VIEW);
    let welcome = welcome.map(|path| format!("{}{path}", url.trim_end_matches('/')));
    if screen.form == Form::Json {
        let (pid, data) = (std::process::id(), data.display().to_string());
        screen.json(&json!({ "url": url, "manage": manage_url, "versions": versions.url("*"), "welcome": welcome, "pid": pid, "data": data }))?;
        screen.flush()?;
        return Ok((commands, manage, mail, scheduler));
    }
    screen.line(&format!("Bough serves {} at {url}", data.display()))?;
    screen.line(&format!("and its versions at {}/", versions.url("NAME")))?;
    screen.line(&format!("Manage it at {manage_url}"))?;
    if let Some(welcome) = welcome {
        screen.line("It has no administrator yet; whoever opens this becomes it:")?;
        screen.line(&format!("  {welcome}"))?;
    }
    let program = screen.program.clone();
    if report.is_new {
        screen.line("Open it, and in another terminal try:")?;
        screen.line(&format!("  {program} ls /"))?;
        screen.line(&format!("  {program} import DIR /docs"))?;
        screen.line(&format!("  {program} log"))?;
    }
    screen.line("Stop with Ctrl-C")?;
    screen.flush()?;
    Ok((commands, manage, mail, scheduler))
}

/// Opens the folder; waits for a command that has it, not for another server.
fn open(data: &Path, gate: &Arc<Gate>) -> Result<(Site, OpenReport), Failure> {
    let began = Instant::now();
    loop {
        let bar = progress::bytes("Opening the site", 0);
        let (gate, shown) = (Arc::clone(gate), bar.clone());
        let sink = Arc::new(move |progress: Progress| {
            gate.bytes.store(progress.bytes, Ordering::Relaxed);
            gate.bytes_total.store(progress.bytes_total, Ordering::Relaxed);
            shown.set_length(progress.bytes_total);
            shown.set_position(progress.bytes);
        });
        let opened = opening::open(data, Some(sink));
        bar.finish_and_clear();
        match opened {
            Ok(opened) => return Ok(opened),
            Err(error) if opening::is_held(&error) => {
                let is_served = socket::connect(data)?.is_some();
                if is_served || began.elapsed() > LOCK_TIMEOUT {
                    return Err(opening::refused(data, error));
                }
                thread::sleep(LOCK_POLL);
            }
            Err(error) => return Err(opening::refused(data, error)),
        }
    }
}

/// Asked to stop: Ctrl-C, or a polite kill.
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn until_the_site_is_open_every_url_says_how_far_that_is() {
        let gate = Arc::new(Gate::default());
        gate.bytes.store(30, Ordering::Relaxed);
        gate.bytes_total.store(120, Ordering::Relaxed);
        let asked = || Request::builder().uri("/any").body(Body::empty()).unwrap();
        let response = answer(Arc::clone(&gate), asked()).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        let page = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        assert!(String::from_utf8_lossy(&page).contains("25 %"), "{page:?}");

        let open = Router::new().fallback(async || "open");
        gate.router.set(open).unwrap();
        assert_eq!(answer(gate, asked()).await.status(), StatusCode::OK);
    }
}
