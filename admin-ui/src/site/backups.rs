//! Backups beside the site.
//!
//! # Invariants
//! - A backup goes to `backups/NAME` in the folder of the site and nowhere else: what a person writes is a name, no path.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bough_store::BackupFolder;
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::{about, clock};
use crate::site::pack::PackForm;
use crate::tasks::{Failed, Job, Outcome};
use crate::text::{self, Time};
use crate::{AdminUi, tasks};

/// Where they are, in the folder of the site.
const FOLDER: &str = "backups";
/// What makes a folder a backup; it is written last.
const MANIFEST: &str = "log/manifest";
const NAME_DEFAULT: &str = "site";
const NAME_CHARS_MAX: usize = 60;
const SHOWN_MAX: usize = 100;
/// Most files that are looked at for how long they are.
const FILES_MAX: usize = 20_000;

/// One backup.
pub(super) struct Backup {
    pub(super) name: String,
    /// When it was last brought up to date; none where it was never whole.
    pub(super) made: Option<Time>,
    pub(super) size: String,
}

/// The form for a new one.
pub(super) struct BackupForm {
    pub(super) url: String,
    pub(super) name: String,
    pub(super) error: Option<String>,
}

impl BackupForm {
    pub(super) fn new(request: &PageRequest, refused: Option<(String, String)>) -> Self {
        let (name, error) = refused.map_or((NAME_DEFAULT.into(), None), |(name, error)| (name, Some(error)));
        Self { url: request.top_url(&["site", "backup"]), name, error }
    }
}

/// Whether it is a name that is a folder of its own, whatever the disk makes of upper case and dots.
fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.chars().all(is_plain) && !name.starts_with('-')
}

/// What there is, the newest first.
pub(super) fn list(data: &Path) -> Vec<Backup> {
    let Ok(entries) = fs::read_dir(data.join(FOLDER)) else { return Vec::new() };
    let mut files_left = FILES_MAX;
    let mut found = Vec::new();
    for entry in entries.flatten().take(SHOWN_MAX) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !is_name(&name) || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let written = fs::metadata(entry.path().join(MANIFEST)).and_then(|found| found.modified()).ok();
        let written = written.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let written = written.and_then(|since| u64::try_from(since.as_micros()).ok());
        let (bytes, is_whole) = size(&entry.path(), &mut files_left);
        let size = if is_whole { text::bytes(bytes) } else { format!("more than {}", text::bytes(bytes)) };
        found.push((written, Backup { name, made: written.map(Time::of_micros), size }));
    }
    found.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.name.cmp(&other.name)));
    found.into_iter().map(|(_, backup)| backup).collect()
}

/// The bytes of all files in a folder, and whether all were looked at.
fn size(folder: &Path, files_left: &mut usize) -> (u64, bool) {
    let mut bytes = 0;
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if *files_left == 0 {
                return (bytes, false);
            }
            *files_left -= 1;
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) => bytes += found.len(),
                Err(_) => {}
            }
        }
    }
    (bytes, true)
}

/// Makes one, or brings it up to date.
pub(super) fn back_up(ui: &AdminUi, request: &PageRequest) -> Result<PageAnswer, PageError> {
    let name = request.form()?.get("name").trim().to_owned();
    let operations = ui.operations.as_deref().ok_or_else(PageError::not_found)?;
    if !is_name(&name) {
        let error = format!(
            "A backup is called by a word of at most {NAME_CHARS_MAX} letters from a to z, digits, - and _."
        );
        let form = BackupForm::new(request, Some((name, error)));
        return super::show(ui, request, PackForm::new(request, None), form);
    }
    let folder = operations.data_folder().join(FOLDER).join(&name);
    let database = request.trunk().clone();
    let begun = ui.tasks.start(
        about(request, Job::BackUp, format!("Backup “{name}”")),
        clock(request),
        move |progress| {
            let failed =
                |error: &bough_store::BackupError| Failed::because("The site could not be backed up.", error);
            let parent = folder.parent().unwrap_or(&folder);
            fs::create_dir_all(parent)
                .map_err(|error| Failed::because("The folder for backups cannot be made.", &error))?;
            let mut target = BackupFolder::open(&folder).map_err(|error| failed(&error))?;
            let report = database
                .backup(&mut target, &mut |done, total| progress.tell(done, total))
                .map_err(|error| failed(&error))?;
            Ok(Outcome {
                sentence: format!(
                    "“{name}” holds the site as it was at {} UTC.",
                    Time::of_micros(report.head.as_micros()).utc
                ),
                facts: vec![
                    (
                        "Copied",
                        format!(
                            "{} ({})",
                            text::counted(report.files_copied, "file", "files"),
                            text::bytes(report.bytes_copied)
                        ),
                    ),
                    ("There already", text::counted(report.files_kept, "file", "files")),
                    ("On the server in", folder.display().to_string()),
                ],
                ..Outcome::default()
            })
        },
    );
    tasks::begun(request, begun)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_has_a_name_and_no_path() {
        assert!(["site", "2026-11-22", "a_b"].into_iter().all(is_name));
        let long = "a".repeat(NAME_CHARS_MAX + 1);
        for wrong in
            ["", ".", "..", "../x", "a/b", "/etc", "A", "a b", "a.b", "-a", "ä", "a\\b", "a\0", &long]
        {
            assert!(!is_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn what_is_in_the_folder_is_listed_newest_first_and_strange_things_are_not() {
        let data = tempfile::tempdir().unwrap();
        assert!(list(data.path()).is_empty());
        for name in ["whole", "begun", "..strange"] {
            fs::create_dir_all(data.path().join(FOLDER).join(name).join("log")).unwrap();
        }
        fs::write(data.path().join(FOLDER).join("whole").join(MANIFEST), vec![0; 1_500]).unwrap();
        fs::write(data.path().join(FOLDER).join("file"), "x").unwrap();
        let found: Vec<_> =
            list(data.path()).into_iter().map(|it| (it.name, it.made.is_some(), it.size)).collect();
        let expected = [
            ("whole".to_owned(), true, "1.5 KB".to_owned()),
            ("begun".to_owned(), false, "0 bytes".to_owned()),
        ];
        assert_eq!(found, expected);
    }
}
