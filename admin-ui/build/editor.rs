//! The code editor: fetched by npm as the lock file says, and bundled.
//!
//! `ADMIN_UI_NPM` is `auto` (the default: without npm or network there is a warning and no editor), `off`, or `require`.
//! What was bundled is kept until its files change, and so is that it failed: a build is not to wait for a network that
//! is not there each time.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

/// What it is made of, in `npm`.
const FILES: [&str; 4] = ["package.json", "package-lock.json", ".npmrc", "vendor.js"];
const INSTALL_TIME_MAX: Duration = Duration::from_secs(120);
const BUNDLE_TIME_MAX: Duration = Duration::from_secs(60);

/// The editor as browsers get it.
pub(crate) struct Bundle {
    pub(crate) folder: PathBuf,
    /// The file with which it begins.
    pub(crate) entry: String,
}

/// The editor; none where it is not wanted, or cannot be made and need not be.
pub(crate) fn bundle(out: &Path) -> io::Result<Option<Bundle>> {
    println!("cargo::rerun-if-env-changed=ADMIN_UI_NPM");
    for file in FILES {
        println!("cargo::rerun-if-changed=npm/{file}");
    }
    let wanted = env::var("ADMIN_UI_NPM").unwrap_or_else(|_| "auto".into());
    let is_required = match wanted.as_str() {
        "off" => return Ok(None),
        "auto" => false,
        "require" => true,
        other => {
            return Err(io::Error::other(format!(
                "ADMIN_UI_NPM is `{other}`: expected auto, off or require"
            )));
        }
    };
    let (mark, tried) = (mark()?, out.join("vendor-tried.txt"));
    let folder = out.join("vendor");
    match fs::read_to_string(&tried) {
        Ok(text) if text == format!("made {mark}") => return Ok(Some(found(folder)?)),
        Ok(text) if text == format!("failed {mark}") && !is_required => {
            println!(
                "cargo::warning=no code editor: it could not be fetched before; ADMIN_UI_NPM=require tries again"
            );
            return Ok(None);
        }
        _ => {}
    }
    match make(out, &folder) {
        Ok(bundle) => {
            fs::write(&tried, format!("made {mark}"))?;
            Ok(Some(bundle))
        }
        Err(error) if is_required => Err(error),
        Err(error) => {
            println!("cargo::warning=no code editor, text areas instead: {error}");
            fs::write(&tried, format!("failed {mark}"))?;
            Ok(None)
        }
    }
}

/// Changes with any of the files.
fn mark() -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    for file in FILES {
        hasher.update(blake3::hash(&fs::read(Path::new("npm").join(file))?).as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn make(out: &Path, folder: &Path) -> io::Result<Bundle> {
    let npm = out.join("npm");
    fs::create_dir_all(&npm)?;
    for file in FILES {
        fs::copy(Path::new("npm").join(file), npm.join(file))?;
    }
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let fetched =
        ["ci", "--ignore-scripts", "--prefer-offline", "--fetch-retries=1", "--fetch-timeout=20000"];
    run(Command::new(program).args(fetched).current_dir(&npm), INSTALL_TIME_MAX)?;
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let bundled = ["--bundle", "--minify", "--format=esm", "--splitting", "--legal-comments=linked"];
    let mut esbuild = Command::new("node");
    esbuild
        .args(["node_modules/esbuild/bin/esbuild", "vendor.js"])
        .args(bundled)
        .arg("--entry-names=[name]-[hash]")
        .arg(format!("--outdir={}", folder.display()))
        .current_dir(&npm);
    run(&mut esbuild, BUNDLE_TIME_MAX)?;
    found(folder.to_owned())
}

/// The bundle in a folder, whose entry has a hash in its name.
fn found(folder: PathBuf) -> io::Result<Bundle> {
    for entry in fs::read_dir(&folder)? {
        let name = entry?.file_name().into_string().unwrap_or_default();
        if name.starts_with("vendor-") && name.ends_with(".js") {
            return Ok(Bundle { folder, entry: name });
        }
    }
    Err(io::Error::other("the bundle has no entry"))
}

/// Runs a program to its end, which it has to reach in time.
fn run(command: &mut Command, time_max: Duration) -> io::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |what: String| io::Error::other(format!("{name} {what}"));
    // What it says would be taken for orders to cargo.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| failed(format!("cannot be started: {error}")))?;
    let until = Instant::now() + time_max;
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(failed(format!("failed ({status})"))),
            None if Instant::now() > until => {
                child.kill()?;
                child.wait()?;
                return Err(failed(format!("took more than {} seconds", time_max.as_secs())));
            }
            None => thread::sleep(Duration::from_millis(50)),
        }
    }
}
