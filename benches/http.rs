//! One imported page over HTTP, against a bare handler that has its bytes in memory; and a rendered page that is kept, against
//! the same made each time. See `benches/README.md`.

mod harness;

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

use harness::{Bench, Pairs, Target};

const PAGE_BYTES: usize = 4_096;
const PAGE_URL: &str = "site/page.html";
const PAIRS: usize = 5;
/// How long a server may take until it answers.
const START_TIMEOUT: Duration = Duration::from_secs(20);

fn main() -> anyhow::Result<()> {
    harness::run("http", &[("one page", one_page)], child)
}

/// A server in a process of its own, ended with this.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts it on a free port and waits until it takes connections.
    fn start(start: impl FnOnce(SocketAddr) -> anyhow::Result<Child>) -> anyhow::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let server = Self { process: start(address)?, address };
        let until = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(address).is_err() {
            anyhow::ensure!(Instant::now() < until, "no server at {address}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// Requests a second for a URL, as `wrk` counts them.
    fn load(&self, path: &str, seconds: u32) -> anyhow::Result<f64> {
        let url = format!("http://{}/{path}", self.address);
        let output = Command::new("wrk")
            .args(["-t1", "-c32", &format!("-d{seconds}s"), &url])
            .output()
            .context("starting `wrk`, which has to be installed")?;
        let text = String::from_utf8_lossy(&output.stdout);
        anyhow::ensure!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{url}: {text}");
        let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
        Ok(rate.with_context(|| format!("what `wrk` says: {text}"))?.trim().parse()?)
    }
}

fn one_page(bench: &mut Bench) -> anyhow::Result<()> {
    let source = bench.place("source")?;
    fs::create_dir(&source)?;
    let start = "<!DOCTYPE html><html><head><title>A page</title></head><body><p>";
    let page = format!("{start}{}", "some text ".repeat(PAGE_BYTES));
    let file = source.join("page.html");
    fs::write(&file, &page[..PAGE_BYTES])?;
    let (data, access_log) = (bench.place("data")?, bench.place("access.log")?);
    let imported = bough(&data).arg("import").arg(&source).arg("/site").stdout(Stdio::null()).status()?;
    anyhow::ensure!(imported.success(), "the import failed");

    let ours = Server::start(|address| {
        let mut serve = bough(&data);
        serve.args(["serve", "--listen", &address.to_string(), "--access-log"]).arg(&access_log);
        Ok(serve.stdout(Stdio::null()).spawn()?)
    })?;
    let bare =
        Server::start(|address| bench.child("bare", &[&file.to_string_lossy(), &address.to_string()]))?;
    let seconds = bench.size(2, 10);
    // The site may still be opening.
    ours.load(PAGE_URL, 1).or_else(|_| ours.load(PAGE_URL, 1))?;
    bare.load(PAGE_URL, 1)?;
    let pairs = Pairs::take(PAIRS, || ours.load(PAGE_URL, seconds), || bare.load(PAGE_URL, seconds))?;
    bench.ratio("one page of 4 KiB", &pairs, "/s", Target::Min(0.7));
    // What is asked with a query is not kept.
    let pairs = Pairs::take(PAIRS, || ours.load("about", seconds), || ours.load("about?made", seconds))?;
    bench.ratio("a rendered page, kept against made", &pairs, "/s", Target::Min(1.5));
    let logged = fs::read_to_string(&access_log)?.lines().count();
    anyhow::ensure!(logged > 0, "nothing in the access log");
    Ok(())
}

fn bough(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bough"));
    command.arg("--data").arg(data);
    command
}

fn child(task: &str, arguments: &[String]) -> anyhow::Result<()> {
    let ("bare", [file, address]) = (task, arguments) else { anyhow::bail!("no such task: {task}") };
    let page = Bytes::from(fs::read(file)?);
    let answer = move || {
        let page = page.clone();
        async move { ([(CONTENT_TYPE, "text/html; charset=utf-8")], page) }
    };
    let router = Router::new().route(&format!("/{PAGE_URL}"), get(answer));
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await?;
        axum::serve(listener, router).await
    })?;
    Ok(())
}
