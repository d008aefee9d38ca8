//! How a command gets at the site: through the server that has the folder open, else by opening it itself.
//!
//! A folder belongs to one process, which holds its lock. So a socket that nobody answers is stale if, and only if,
//! the lock can be had; and a folder whose lock is held is waited for a while, because other commands hold it briefly.

use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use bough::Site;
use bough::store::OpenReport;

use super::asker::Here;
use super::failure::{Code, Failure};
use super::protocol::{Brought, Opening, PROTOCOL, Reply};
use super::request::{Feed, Request, SiteCommand, show};
use super::screen::{Screen, remark};
use super::{opening, socket};

/// How long to wait for another command to give the folder free.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);
const LOCK_POLL: Duration = Duration::from_millis(20);
/// After how long the person is told what is waited for.
const LOCK_REMARK_AFTER: Duration = Duration::from_secs(1);
/// How many messages with contents may wait in memory: with pieces of 256 KiB at most 8 MiB.
const BROUGHT_MAX: usize = 32;

/// Does what is asked, wherever the site is open.
pub(crate) fn run(data: &Path, mut request: Request, screen: &mut Screen) -> Result<(), Failure> {
    request.command_mut().prepare()?;
    if !data.exists() && !request.command().writes() {
        let message = format!("there is no data folder `{}`", data.display());
        let failure = Failure::new(Code::Folder, message);
        return Err(failure.advise("bough serve").advise("another folder with --data FOLDER"));
    }
    match reach(data)? {
        Reached::Server(stream) => ask(stream, &request, screen),
        Reached::Folder(site, report) => {
            opening::welcome(data, &site, &report)?;
            let done = work(&site, &request, screen);
            let closed = site.close().map_err(Failure::from);
            done.and(closed)
        }
    }
}

/// How the site was reached.
pub(crate) enum Reached {
    /// A server has it open.
    Server(UnixStream),
    /// It is open here.
    Folder(Site, Box<OpenReport>),
}

/// Finds the server of a folder, or opens the folder; waits for other commands, not for ever.
pub(crate) fn reach(data: &Path) -> Result<Reached, Failure> {
    let began = Instant::now();
    let mut is_said = false;
    loop {
        if let Some(stream) = socket::connect(data)? {
            return Ok(Reached::Server(stream));
        }
        let held = match opening::open(data, None) {
            Ok((site, report)) => return Ok(Reached::Folder(site, Box::new(report))),
            Err(error) if opening::is_held(&error) => error,
            Err(error) => return Err(opening::refused(data, error)),
        };
        if began.elapsed() > LOCK_TIMEOUT {
            return Err(opening::refused(data, held));
        }
        if began.elapsed() > LOCK_REMARK_AFTER && !is_said {
            remark(&format!("waiting: {held}"));
            is_said = true;
        }
        thread::sleep(LOCK_POLL);
    }
}

/// Does the work here. What the command brings is read by a thread of its own, a little ahead.
fn work(site: &Site, request: &Request, screen: &mut Screen) -> Result<(), Failure> {
    let command = request.command();
    let mut receiver = command.receiver()?;
    let mut show = |reply| match &mut receiver {
        Some(receiver) => receiver.take(reply, screen),
        None => show(command, reply, screen),
    };
    let here = Here { principal: principal(), show: &mut show, brought: None, rights: None };
    match command.brings() {
        true => work_with(site, command, here, &|feed| command.feed(feed))?,
        false => command.execute(site, &mut { here })?,
    }
    show(Reply::Done)
}

/// Does the work of a command that brings contents. What `bring` feeds is read by a thread of its own, a little ahead.
pub(crate) fn work_with(
    site: &Site,
    command: &dyn SiteCommand,
    here: Here<'_>,
    bring: &(dyn Fn(&mut Feed<'_>) -> Result<(), Failure> + Sync),
) -> Result<(), Failure> {
    thread::scope(|scope| {
        let (sender, brought) = sync_channel::<Result<Brought, Failure>>(BROUGHT_MAX);
        scope.spawn(move || {
            let ended = || Failure::refused("the work ended before all was read");
            let fed = bring(&mut |brought| sender.send(Ok(brought)).map_err(|_| ended()));
            if let Err(failure) = fed {
                // Nobody listens any more if the work failed first; that is then what is told.
                let _ = sender.send(Err(failure));
            }
        });
        command.execute(site, &mut Here { brought: Some(brought), ..here })
    })
}

/// Lets the server do the work.
fn ask(stream: UnixStream, request: &Request, screen: &mut Screen) -> Result<(), Failure> {
    let lost = |error: io::Error| Failure::because("the server went away before it was done", &error);
    let command = request.command();
    let mut receiver = command.receiver()?;
    let mut writer = BufWriter::with_capacity(256 << 10, stream.try_clone().map_err(lost)?);
    let mut reader = BufReader::with_capacity(256 << 10, stream);
    let opening = Opening { protocol: PROTOCOL, principal: principal(), request: request.clone() };
    opening.write(&mut writer).and_then(|()| writer.flush()).map_err(lost)?;
    thread::scope(|scope| {
        let feeder = command.brings().then(|| {
            scope.spawn(move || {
                let fed = command.feed(&mut |brought| brought.write(&mut writer).map_err(lost));
                let fed = fed.and_then(|()| writer.flush().map_err(lost));
                if fed.is_err() {
                    // Whoever takes the contents must not wait for more. It is told nothing: it drops what it has.
                    let _ = writer.get_ref().shutdown(std::net::Shutdown::Both);
                }
                fed
            })
        });
        let answered = loop {
            let reply = match Reply::read(&mut reader) {
                Ok(reply) => reply,
                Err(error) => break Err(lost(error)),
            };
            let is_last = matches!(reply, Reply::Done | Reply::Failed(_));
            let shown = match (&mut receiver, reply) {
                (_, Reply::Failed(failure)) => Err(failure),
                (Some(receiver), reply) => receiver.take(reply, screen),
                (None, reply) => show(command, reply, screen),
            };
            if shown.is_err() || is_last {
                break shown;
            }
        };
        if answered.is_err() {
            let _ = reader.get_ref().shutdown(std::net::Shutdown::Both);
        }
        let fed = feeder.map_or(Ok(()), |feeder| {
            feeder
                .join()
                .unwrap_or_else(|_| Err(Failure::refused("BUG: reading what was to be sent panicked")))
        });
        match (answered, fed) {
            (Ok(()), fed) => fed,
            // What the feeder says is the cause where the server only says that the client went away.
            (Err(answered), Err(fed))
                if answered.message.contains("went away") && !fed.message.contains("went away") =>
            {
                Err(fed)
            }
            (Err(answered), _) => Err(answered),
        }
    })
}

/// Who types: goes into the commits.
pub(crate) fn principal() -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .or_else(|| account_name(&std::fs::read_to_string("/etc/passwd").ok()?))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

/// The owner of a path, where it is there.
pub(crate) fn owner(path: &Path) -> Option<u32> {
    std::fs::metadata(path).ok().map(|found| found.uid())
}

/// The name of this process's user in a file of accounts.
fn account_name(accounts: &str) -> Option<String> {
    let uid = rustix::process::getuid().as_raw().to_string();
    let mut fields = accounts.lines().map(|line| line.split(':'));
    fields.find_map(|mut fields| {
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}
