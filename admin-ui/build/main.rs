//! Gathers what browsers get: the files of `assets`, and the code editor where npm is there, in a folder named by what
//! is in them.
//!
//! The name lets browsers keep them for ever, and lets modules import each other by their plain names.

#![allow(clippy::print_stdout, reason = "so a build script speaks to cargo")]

mod editor;

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=assets");
    println!("cargo::rerun-if-changed=build");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?);
    let assets = out.join("assets");
    if assets.exists() {
        fs::remove_dir_all(&assets)?;
    }
    let mut hasher = blake3::Hasher::new();
    copy(Path::new("assets"), &assets, &mut hasher)?;
    let editor = editor::bundle(&out)?;
    if let Some(bundle) = &editor {
        copy(&bundle.folder, &assets.join("vendor"), &mut hasher)?;
    }
    fs::write(out.join("vendor.txt"), editor.map_or(String::new(), |bundle| bundle.entry))?;
    let mark: String = hasher.finalize().to_hex().chars().take(12).collect();
    println!("cargo::rustc-env=BOUGH_ASSETS_MARK={mark}");
    Ok(())
}

/// Copies a folder, in the order of its names, so that the same files have the same mark.
fn copy(from: &Path, to: &Path, hasher: &mut blake3::Hasher) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let mut entries = fs::read_dir(from)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&path, &to, hasher)?;
            continue;
        }
        let bytes = fs::read(&path)?;
        hasher
            .update(entry.file_name().as_encoded_bytes())
            .update(&[0])
            .update(blake3::hash(&bytes).as_bytes());
        fs::write(to, bytes)?;
    }
    Ok(())
}
