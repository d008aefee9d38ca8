//! The socket in the data folder: how it is found, made and guarded.
//!
//! # Invariants
//! - Only the holder of the folder's lock makes or removes the socket, so a socket that it did not make is stale.
//! - It has mode 0600 from the moment at which it can be found. Both sides check who the other is (`SO_PEERCRED`): a
//!   server takes its own user and root, a client its own user and, being root, the folder's owner.
//! - Paths of any length work: a socket's name is at most 107 bytes, so a longer folder is named by an open
//!   descriptor (`/proc/self/fd/N/socket`).

use std::fs::{self, File, Permissions};
use std::io::{self, BufReader, BufWriter, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bough::Site;

use super::asker::There;
use super::client::owner;
use super::failure::{Code, Failure};
use super::protocol::{Opening, PROTOCOL, Reply};

const NAME: &str = "socket";
const NAME_NEW: &str = "socket.new";
/// What `sun_path` holds, with its closing zero.
const PATH_BYTES_MAX: usize = 107;
/// How many commands may be at work in one server; more wait in the socket's queue.
const COMMANDS_MAX: usize = 32;
/// How long a client may take to say what it wants.
const OPENING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may be silent, or take nothing, in the midst of a command: as long as a person looks at a pager.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(600);
/// How long commands that are at work may take to end once the server was asked to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The folder's name for as long as this lives, short enough for a socket.
struct Reachable {
    path: PathBuf,
    _folder: Option<File>,
}

fn reachable(folder: &Path, name: &str) -> io::Result<Reachable> {
    let path = folder.join(name);
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return Ok(Reachable { path, _folder: None });
    }
    let open = File::open(folder)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", open.as_raw_fd()));
    Ok(Reachable { path, _folder: Some(open) })
}

/// The server of this folder; none if there is none.
pub(crate) fn connect(folder: &Path) -> Result<Option<UnixStream>, Failure> {
    let found = match reachable(folder, NAME) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(folder, &error)),
    };
    let stream = match UnixStream::connect(&found.path) {
        Ok(stream) => stream,
        // No folder at all: opening it says what is wrong.
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Ok(None),
        // Nobody listens: whether it is stale, the lock says.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(unusable(folder, &error)),
    };
    let peer = peer_uid(&stream).map_err(|error| unusable(folder, &error))?;
    let own = rustix::process::geteuid().as_raw();
    if peer != own && !(own == 0 && owner(folder) == Some(peer)) {
        let message = format!(
            "the server of data folder `{}` runs as user {peer}: expected user {own}",
            folder.display()
        );
        return Err(Failure::new(Code::Folder, message));
    }
    Ok(Some(stream))
}

fn unusable(folder: &Path, error: &io::Error) -> Failure {
    let message = format!("cannot reach the server of data folder `{}`", folder.display());
    Failure::because(message, error).with_code(Code::Folder)
}

fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    Ok(rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw())
}

/// Takes commands for a site until it is dropped.
pub(crate) struct SocketServer {
    folder: PathBuf,
    shared: Arc<Shared>,
}

struct Shared {
    site: Site,
    is_stopping: AtomicBool,
    at_work: Mutex<usize>,
    changed: Condvar,
}

impl SocketServer {
    /// Makes the socket. The folder's lock must be held.
    pub(crate) fn start(folder: &Path, site: Site) -> io::Result<Self> {
        let new = reachable(folder, NAME_NEW)?;
        remove_if_there(&new.path)?;
        let listener = UnixListener::bind(&new.path)?;
        fs::set_permissions(&new.path, Permissions::from_mode(0o600))?;
        // Replaces a stale one in the same step.
        fs::rename(&new.path, reachable(folder, NAME)?.path)?;
        let shared = Arc::new(Shared {
            site,
            is_stopping: AtomicBool::new(false),
            at_work: Mutex::new(0),
            changed: Condvar::new(),
        });
        let for_thread = Arc::clone(&shared);
        thread::Builder::new().name("commands".into()).spawn(move || for_thread.accept(&listener))?;
        Ok(Self { folder: folder.to_owned(), shared })
    }
}

impl Drop for SocketServer {
    fn drop(&mut self) {
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        if let Ok(found) = reachable(&self.folder, NAME) {
            // Wakes the thread that waits for a connection; if that fails it ends with the process.
            let _ = UnixStream::connect(&found.path);
            let _ = remove_if_there(&found.path);
        }
        self.shared.wait_for_commands();
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &UnixListener) {
        loop {
            let place = Place::take(self);
            let stream = listener.accept();
            if self.is_stopping.load(Ordering::SeqCst) {
                return;
            }
            match stream {
                Ok((stream, _)) => {
                    let spawned = thread::Builder::new().name("command".into()).spawn(move || {
                        if let Err(error) = place.shared.serve(stream) {
                            tracing::debug!(%error, "a command's client went away");
                        }
                        drop(place);
                    });
                    if let Err(error) = spawned {
                        tracing::warn!(%error, "a command was turned away");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot take a command");
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }

    fn serve(&self, stream: UnixStream) -> io::Result<()> {
        let peer = peer_uid(&stream)?;
        if peer != rustix::process::geteuid().as_raw() && peer != 0 {
            tracing::warn!(uid = peer, "a command of another user was turned away");
            return Ok(());
        }
        stream.set_read_timeout(Some(OPENING_TIMEOUT))?;
        stream.set_write_timeout(Some(SILENCE_TIMEOUT))?;
        let mut writer = BufWriter::with_capacity(256 << 10, stream.try_clone()?);
        let mut reader = BufReader::with_capacity(256 << 10, stream);
        let opening = match Opening::read(&mut reader)? {
            Ok(opening) => opening,
            Err(protocol) => {
                let message = format!(
                    "the server speaks protocol {PROTOCOL}, this command {protocol}: they are of different releases"
                );
                let failure = Failure::new(Code::Folder, message).advise("restarting the server");
                Reply::Failed(failure).write(&mut writer)?;
                return io::Write::flush(&mut writer);
            }
        };
        reader.get_ref().set_read_timeout(Some(SILENCE_TIMEOUT))?;
        let mut there = There::new(opening.principal, reader, writer);
        let executed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            opening.request.command().execute(&self.site, &mut there)
        }));
        let reply = match executed {
            Ok(Ok(())) => Reply::Done,
            Ok(Err(failure)) => Reply::Failed(failure),
            Err(_) => {
                Reply::Failed(Failure::refused("BUG: the command panicked; the server's log says where"))
            }
        };
        there.end(&reply)
    }

    fn wait_for_commands(&self) {
        let until = Instant::now() + STOP_TIMEOUT;
        let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        while *at_work > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                tracing::warn!(commands = *at_work, "commands were cut off");
                return;
            }
            let waited = self.changed.wait_timeout(at_work, left);
            at_work = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The right to be at work, one of [`COMMANDS_MAX`].
struct Place {
    shared: Arc<Shared>,
}

impl Place {
    fn take(shared: &Arc<Shared>) -> Self {
        let mut at_work = shared.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        while *at_work >= COMMANDS_MAX {
            at_work = shared.changed.wait(at_work).unwrap_or_else(PoisonError::into_inner);
        }
        *at_work += 1;
        Self { shared: Arc::clone(shared) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.shared.at_work.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.shared.changed.notify_all();
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
