//! A data folder, the program, a server, and a client that speaks the socket's protocol by hand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(60);

/// What a command answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A site in a folder of its own.
pub(crate) struct Site {
    folder: TempDir,
    data: PathBuf,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Self { folder, data }
    }

    /// A site whose data folder has a path of its own.
    pub(crate) fn at(below: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join(below);
        std::fs::create_dir_all(data.parent().unwrap()).unwrap();
        Self { folder, data }
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// A path beside the data folder.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside the data folder, with the folders on the way.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.beside(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bough"));
        command.current_dir(self.folder.path()).env("BOUGH_DATA", &self.data).env("USER", "ana");
        command.env_remove("SUDO_USER").env("TZ", "UTC").args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        self.run_with(arguments, b"")
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Answer {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that takes no input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        Answer {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let answer = self.run(arguments);
        assert_eq!(answer.code, 0, "bough {arguments:?}: {answer:?}");
        answer.out
    }

    /// Runs a command that must fail with this code, and answers what it says.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let answer = self.run(arguments);
        assert_eq!(answer.code, code, "bough {arguments:?}: {answer:?}");
        answer.err
    }

    /// Runs a writing command and answers the tid of its commit.
    #[track_caller]
    pub(crate) fn tid(&self, arguments: &[&str]) -> String {
        let out = self.ok(&[&["--json"], arguments].concat());
        let row: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
        let tid = row.get("tid").or_else(|| row["summary"].get("tid")).unwrap();
        tid.as_str().unwrap_or_else(|| panic!("bough {arguments:?} wrote nothing: {out}")).to_owned()
    }

    /// Runs a command and answers its rows.
    #[track_caller]
    pub(crate) fn rows(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        let out = self.ok(&[&["--json"], arguments].concat());
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What `ls` lists, in one line.
    #[track_caller]
    pub(crate) fn ls(&self, path: &str) -> String {
        self.ok(&["ls", path]).lines().collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// A server with these arguments besides.
    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Server {
        let all = [&["--json", "serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut command = self.command(&all);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut err = String::new();
            child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
            let _ = child.wait();
            panic!("the server did not start: {err}");
        }
        let row: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address =
            row["url"].as_str().unwrap().trim_start_matches("http://").trim_end_matches('/').to_owned();
        Server { child, address }
    }
}

/// Runs a test twice: with commands that open the folder themselves, and with a server that does.
pub(crate) fn in_both_ways(test: impl Fn(&Site)) {
    test(&Site::new());
    let site = Site::new();
    let _server = site.serve();
    test(&site);
}

/// A running server; stopped when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop and answers its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let mut code = None;
        wait_until("the server ends", || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        code.and_then(|status| status.code())
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The status and body of a page.
    pub(crate) fn get(&self, url: &str) -> (u16, String) {
        let (status, _, body) = self.ask(url, &[("Host", &self.address)]);
        (status, body)
    }

    /// The status, the head and the body of the answer to a request with these headers.
    pub(crate) fn ask(&self, url: &str, headers: &[(&str, &str)]) -> (u16, String, String) {
        self.send("GET", url, headers, "")
    }

    /// The same for a request of any kind, with this body.
    pub(crate) fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        write!(stream, "{method} {url} HTTP/1.1\r\n{headers}{length}Connection: close\r\n\r\n{body}")
            .unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), format!("{head}\r\n"), body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for something that must happen soon.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < DEADLINE, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One message of the socket's protocol.
pub(crate) fn frame(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut frame = (bytes.len() as u32).to_le_bytes().to_vec();
    frame.push(kind);
    frame.extend_from_slice(bytes);
    frame
}

/// Every file below a folder with its content, by its path.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            found.push((path, std::fs::read(entry.path()).unwrap()));
        }
    }
    found
}
