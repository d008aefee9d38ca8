//! The folder of an index on disk: whose it is, how far it is durable, and setting it aside.
//!
//! ```text
//! index/identity     whose index this is: store, layout
//! index/confirmed    serial number and log position of the last confirmation
//! index/damaged      there if the engine failed while running, and why
//! index/sled/        the engine's own files: db, conf, snap.*, blobs/
//! index.damaged-N/   one that was set aside, whole; the two newest are kept
//! ```
//!
//! # Invariants
//! - `identity` is durable before the engine makes its first file, so a folder without one holds nothing of worth.
//! - `confirmed` is replaced by rename, only after what it speaks of was synced. A torn one counts as none.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::sled::Identity;
use super::{COVERED_BYTES_MAX, IndexError};

const IDENTITY_MAGIC: &[u8; 8] = b"BOUGHIX1";
const CONFIRMED_MAGIC: &[u8; 8] = b"BOUGHCF1";

/// How many folders that were set aside are kept: enough to look into what happened, not enough to fill a disk.
const ASIDE_KEPT: usize = 2;

/// What is known to be durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Confirmed {
    /// Counts the positions that were ever recorded, so that an engine which lost some is found out.
    pub(super) serial: u64,
    /// The log position.
    pub(super) covered: Box<[u8]>,
}

/// The folder `index/`.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    dir: PathBuf,
}

impl Folder {
    pub(super) fn new(dir: &Path) -> Folder {
        Folder { dir: dir.into() }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn sled(&self) -> PathBuf {
        self.dir.join("sled")
    }

    pub(super) fn db(&self) -> PathBuf {
        self.dir.join("sled/db")
    }

    /// Makes the folder durable and whose it is; an existing one must have held nothing.
    pub(super) fn create(&self, identity: Identity) -> Result<(), IndexError> {
        let sled = self.sled();
        fs::create_dir_all(&sled).map_err(io_error("create folder", &sled))?;
        self.replace("identity", &identity_bytes(identity))?;
        sync_dir(parent(&self.dir))
    }

    /// Syncs what the engine created and does not sync itself, apart from its log.
    pub(super) fn sync_engine_files(&self) -> Result<(), IndexError> {
        for path in [self.dir.join("sled/conf"), self.db()] {
            File::open(&path).and_then(|file| file.sync_all()).map_err(io_error("sync", &path))?;
        }
        sync_dir(&self.sled())?;
        sync_dir(&self.dir)
    }

    /// Returns whose index it is; `None` if nobody's: absent, or torn.
    pub(super) fn identity(&self) -> Result<Option<Identity>, IndexError> {
        Ok(self.read_checked("identity", IDENTITY_MAGIC)?.and_then(|body| parse_identity(&body)))
    }

    /// Returns the last confirmation; `None` if there is none: absent, or torn.
    pub(super) fn confirmed(&self) -> Result<Option<Confirmed>, IndexError> {
        Ok(self.read_checked("confirmed", CONFIRMED_MAGIC)?.and_then(|body| parse_confirmed(&body)))
    }

    /// Replaces the last confirmation; durable when it returns.
    pub(super) fn record_confirmed(&self, confirmed: &Confirmed) -> Result<(), IndexError> {
        let mut body = confirmed.serial.to_be_bytes().to_vec();
        body.extend_from_slice(&confirmed.covered);
        self.replace("confirmed", &checked(CONFIRMED_MAGIC, &body))
    }

    /// Returns why the engine failed while it ran last time, if it did.
    pub(super) fn damage(&self) -> Option<String> {
        let text = fs::read(self.dir.join("damaged")).ok()?;
        Some(String::from_utf8_lossy(&text).into_owned())
    }

    /// Leaves word that this index is to be set aside at the next open.
    pub(super) fn record_damage(&self, reason: &str) -> Result<(), IndexError> {
        self.replace("damaged", reason.as_bytes())
    }

    /// Refuses if another process has the engine's file open.
    pub(super) fn check_not_in_use(&self) -> Result<(), IndexError> {
        let db = self.db();
        let file = match File::open(&db) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(IndexError::Io { attempt: "open", path: db, source }),
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => Err(self.in_use()),
            Err(error) => Err(IndexError::Io { attempt: "lock", path: db, source: error.into() }),
            Ok(()) => Ok(()),
        }
    }

    /// The error that says who has it open.
    pub(super) fn in_use(&self) -> IndexError {
        IndexError::InUse { dir: self.dir.clone(), holder: lock_holder(&self.db()) }
    }

    /// Renames the folder to `NAME.damaged-N`, N counting up, keeps the newest of those, and returns its new path.
    pub(super) fn set_aside(&self) -> Result<PathBuf, IndexError> {
        let former = self.former()?;
        let number = former.last().map_or(1, |(number, _)| number + 1);
        let aside = parent(&self.dir).join(self.aside_name(&number.to_string()));
        fs::rename(&self.dir, &aside).map_err(io_error("set aside", &self.dir))?;
        for (_, path) in former.iter().rev().skip(ASIDE_KEPT - 1) {
            fs::remove_dir_all(path).map_err(io_error("remove", path))?;
        }
        sync_dir(parent(&self.dir))?;
        Ok(aside)
    }

    /// The folders that were set aside before, by their numbers.
    fn former(&self) -> Result<Vec<(u64, PathBuf)>, IndexError> {
        let place = parent(&self.dir);
        let prefix = self.aside_name("");
        let prefix = prefix.to_string_lossy();
        let number = |path: &Path| path.file_name()?.to_string_lossy().strip_prefix(&*prefix)?.parse().ok();
        let mut former: Vec<(u64, PathBuf)> =
            list(place)?.into_iter().filter_map(|path| Some((number(&path)?, path))).collect();
        former.sort();
        Ok(former)
    }

    fn aside_name(&self, number: &str) -> OsString {
        let mut name = self.dir.file_name().unwrap_or_default().to_owned();
        name.push(".damaged-");
        name.push(number);
        name
    }

    /// Names of the files in the engine's folder for values too large for its log.
    pub(super) fn stray_blobs(&self) -> Result<Vec<String>, IndexError> {
        let blobs = self.dir.join("sled/blobs");
        let name = |path: PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(list(&blobs)?.into_iter().map(name).collect())
    }

    /// Bytes of all files; what cannot be looked at counts as nothing.
    pub(super) fn bytes(&self) -> u64 {
        let files = [list(&self.dir), list(&self.sled()), list(&self.dir.join("sled/blobs"))];
        let files = files.into_iter().flatten().flatten();
        files
            .filter_map(|path| path.metadata().ok())
            .filter(|meta| meta.is_file())
            .map(|meta| meta.len())
            .sum()
    }

    fn read_checked(&self, name: &str, magic: &[u8; 8]) -> Result<Option<Vec<u8>>, IndexError> {
        let path = self.dir.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(unchecked(magic, &bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(IndexError::Io { attempt: "read", path, source }),
        }
    }

    /// Replaces a file: a temporary one, synced, renamed; then the folder synced.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), IndexError> {
        let path = self.dir.join(name);
        let temporary = self.dir.join(format!("{name}.new"));
        let write = || {
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        write().map_err(io_error("replace", &path))?;
        sync_dir(&self.dir)
    }
}

/// `magic`, `body`, and a checksum of both.
fn checked(magic: &[u8; 8], body: &[u8]) -> Vec<u8> {
    let mut bytes = [magic, body].concat();
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

/// The body of what [`checked`] made.
fn unchecked(magic: &[u8; 8], bytes: &[u8]) -> Option<Vec<u8>> {
    let (content, sum) = bytes.split_last_chunk::<4>()?;
    let sound = crc32fast::hash(content) == u32::from_be_bytes(*sum);
    let body = content.strip_prefix(magic)?;
    sound.then(|| body.to_vec())
}

fn identity_bytes(identity: Identity) -> Vec<u8> {
    let mut body = identity.store.as_bytes().to_vec();
    body.extend_from_slice(&identity.format.to_be_bytes());
    checked(IDENTITY_MAGIC, &body)
}

fn parse_identity(body: &[u8]) -> Option<Identity> {
    let (store, format) = body.split_first_chunk::<16>()?;
    let format = u32::from_be_bytes(format.try_into().ok()?);
    Some(Identity { store: uuid::Uuid::from_bytes(*store), format })
}

/// Splits a serial number from the position behind it: the form in the file and in the engine alike.
pub(super) fn parse_confirmed(body: &[u8]) -> Option<Confirmed> {
    let (serial, covered) = body.split_first_chunk::<8>()?;
    let fits = covered.len() <= COVERED_BYTES_MAX;
    fits.then(|| Confirmed { serial: u64::from_be_bytes(*serial), covered: covered.into() })
}

/// Who has a lock on the file, as Linux tells it.
fn lock_holder(path: &Path) -> Option<String> {
    let inode = path.metadata().ok()?.ino();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let pid = locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let place = fields.iter().position(|field| field.matches(':').count() == 2)?;
        let same = fields[place].rsplit(':').next()?.parse() == Ok(inode);
        same.then(|| fields.get(place.wrapping_sub(1)).copied()).flatten()
    })?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(format!("process {pid} ({})", name.trim()))
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, IndexError> {
    let paths = fs::read_dir(dir).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    paths.map_err(io_error("list", dir))
}

/// Syncs a folder, so that the names in it last.
fn sync_dir(dir: &Path) -> Result<(), IndexError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_error("sync folder", dir))
}

/// The folder that `dir` lies in.
fn parent(dir: &Path) -> &Path {
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes an [`IndexError::Io`] of what the file system said.
pub(super) fn io_error(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> IndexError {
    move |source| IndexError::Io { attempt, path: path.into(), source }
}
