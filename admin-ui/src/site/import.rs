//! Importing an archive into a folder.

use std::io::{self, Read as _, Seek as _};

use askama::Template;
use axum::http::StatusCode;
use bough_core::security::permission::{ADD, SITE};
use bough_core::{ObjectPath, Oid};
use bough_web::ContentPolicy;
use bough_web::pages::{PageAnswer, PageError, PageFile, PageForm, PageRequest};

use super::clock;
use crate::frame::Frame;
use crate::operations::{ArchiveImport, Imported};
use crate::tasks::{About, Failed, Job, Outcome};
use crate::{AdminUi, page, start, tasks, text};

/// What archives begin with: with a file, or, where nothing is in them, with their end.
const BEGINNINGS: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];
/// How much of what is left out is named.
const LEFT_OUT_MAX: usize = 100;

/// The form as it is shown.
pub(crate) struct ImportForm {
    pub(crate) url: String,
    /// The page from which it was sent: this, or the first start.
    pub(crate) from: &'static str,
    pub(crate) into: String,
    pub(crate) policy: String,
    pub(crate) delete: bool,
    pub(crate) skip_bad: bool,
    /// The field that is wrong, and why.
    pub(crate) error: Option<(&'static str, String)>,
}

impl ImportForm {
    pub(crate) fn new(request: &PageRequest, from: &'static str, into: &str, policy: &str) -> Self {
        Self {
            url: request.top_url(&["site", "import"]),
            from,
            into: into.to_owned(),
            policy: policy.to_owned(),
            delete: false,
            skip_bad: false,
            error: None,
        }
    }

    /// What is wrong with a field.
    pub(crate) fn wrong(&self, field: &str) -> Option<&str> {
        self.error.as_ref().filter(|(wrong, _)| *wrong == field).map(|(_, text)| text.as_str())
    }
}

#[derive(Template)]
#[template(path = "site_import.html")]
struct ImportPage {
    frame: Frame,
    site_url: String,
    form: ImportForm,
}

/// `@@manage/site/import?into=PATH`.
pub(crate) fn answer(ui: &AdminUi, request: &PageRequest) -> Result<PageAnswer, PageError> {
    if ui.operations.is_none() {
        return Err(PageError::not_found());
    }
    if request.is_post() {
        return import(ui, request);
    }
    let into = request.query("into").unwrap_or("/");
    show(request, ImportForm::new(request, "site", into, ""))
}

fn show(request: &PageRequest, form: ImportForm) -> Result<PageAnswer, PageError> {
    let status = if form.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let site_url = request.top_url(&["site"]);
    page::show_as(
        status,
        &ImportPage { frame: Frame::new(request, request.top(), "Import")?, site_url, form },
    )
}

fn import(ui: &AdminUi, request: &PageRequest) -> Result<PageAnswer, PageError> {
    let form = request.form()?;
    match begin(ui, request, form)? {
        Ok(answer) => Ok(answer),
        Err(error) => {
            let from = if form.get("from") == "start" { "start" } else { "site" };
            let filled = ImportForm {
                delete: !form.get("delete").is_empty(),
                skip_bad: !form.get("skip_bad").is_empty(),
                error: Some(error),
                ..ImportForm::new(request, from, form.get("into"), form.get("policy"))
            };
            if from == "start" { start::show(ui, request, filled) } else { show(request, filled) }
        }
    }
}

/// Begins the import; or says which field is wrong, and why.
fn begin(
    ui: &AdminUi,
    request: &PageRequest,
    form: &PageForm,
) -> Result<Result<PageAnswer, (&'static str, String)>, PageError> {
    let Some(operations) = ui.operations.clone() else { return Err(PageError::not_found()) };
    let into = form.get("into").trim();
    let into = if into.is_empty() { "/" } else { into };
    if let Some(wrong) = wrong_place(request, into)? {
        return Ok(Err(("into", wrong)));
    }
    let delete = !form.get("delete").is_empty();
    if delete && request.find(into)?.is_some_and(|object| object.oid() == Oid::ROOT) {
        let wrong =
            "The whole site, with its users, would be replaced. Choose a folder for that, or leave this off.";
        return Ok(Err(("delete", wrong.into())));
    }
    let policy = match form.get("policy") {
        "" => None,
        policy => {
            Some(policy.parse::<ContentPolicy>().map_err(|error| PageError::refused(error.to_string()))?)
        }
    };
    let Some(file) = form.files().iter().find(|file| file.field() == "archive") else {
        return Ok(Err(("archive", "Choose a ZIP archive.".into())));
    };
    if !is_archive(file) {
        return Ok(Err(("archive", format!("`{}` is no ZIP archive.", text::shortened(file.name(), 100)))));
    }
    let archive = own_file(file, operations.data_folder()).map_err(|error| {
        tracing::error!(%error, "an uploaded archive cannot be kept");
        PageError::refused("the archive cannot be kept: is there room on the disk?")
    })?;
    let name = text::shortened(if file.name().is_empty() { "archive" } else { file.name() }, 100);
    let import = ArchiveImport {
        archive,
        name: name.clone(),
        version: request.version_name().map(str::to_owned),
        into: into.to_owned(),
        policy,
        delete,
        skip_bad: !form.get("skip_bad").is_empty(),
        principal: request.actor().name().to_owned(),
        authority: request.warrant(),
        maker: request.actor().user().map(|user| user.oid),
    };
    let about = About {
        job: Job::Import,
        title: format!("Import of {name} into {into}"),
        who: request.actor().name().to_owned(),
        version: request.version_name().map(str::to_owned),
    };
    let into = into.to_owned();
    let begun = ui.tasks.start(about, clock(request), move |progress| {
        let imported = operations.import_archive(import, progress);
        let imported = imported.map_err(|error| Failed { message: error.message, causes: error.causes })?;
        Ok(outcome(into, imported))
    });
    tasks::begun(request, begun).map(Ok)
}

/// Why nothing can be imported to there, as far as whoever asks can see.
fn wrong_place(request: &PageRequest, into: &str) -> Result<Option<String>, PageError> {
    let Ok(path) = ObjectPath::parse(into) else {
        return Ok(Some("That is no path: write it as in /docs.".into()));
    };
    if request.top().oid() != Oid::ROOT {
        return Ok(Some("An archive is imported at the site's own host.".into()));
    }
    let (place, is_new) = match request.find(into)? {
        Some(object) => (object, false),
        None => {
            let above = path.split_last().map(|(above, _)| above.to_string());
            match request.find(above.as_deref().unwrap_or("/"))? {
                Some(object) => (object, true),
                None => return Ok(Some(format!("There is no {} to put it in.", above.unwrap_or_default()))),
            }
        }
    };
    let schema = place.type_name().and_then(|name| request.types().schema(name.as_str()));
    if place.oid() != Oid::ROOT && schema.is_some_and(|schema| !schema.container) {
        let what =
            if is_new { "Nothing can be put in what is there." } else { "What is there is no folder." };
        return Ok(Some(what.into()));
    }
    request.require(&place, ADD)?;
    Ok(None)
}

fn is_archive(file: &PageFile) -> bool {
    let mut start = Vec::new();
    let read = file.reader().take(4).read_to_end(&mut start);
    read.is_ok() && BEGINNINGS.contains(&start.as_slice())
}

/// Copies what was uploaded, which goes with the request, to a file that has no name and goes with the task.
fn own_file(file: &PageFile, folder: &std::path::Path) -> io::Result<std::fs::File> {
    let mut own = tempfile::tempfile_in(folder)?;
    io::copy(&mut file.reader(), &mut own)?;
    own.rewind()?;
    Ok(own)
}

fn outcome(path: String, imported: Imported) -> Outcome {
    let meaning = match imported.policy {
        ContentPolicy::Clean => "do not run",
        ContentPolicy::Sandbox => "run apart from the site",
        ContentPolicy::Trusted => "run with all that the site itself may do",
    };
    let more = imported.left_out.len().saturating_sub(LEFT_OUT_MAX);
    let mut list: Vec<String> = imported.left_out.into_iter().take(LEFT_OUT_MAX).collect();
    if more > 0 {
        list.push(format!("and {} more", text::grouped(more as u64)));
    }
    Outcome {
        sentence: match imported.commit {
            Some(_) => imported.sentence,
            None => "Nothing was changed: everything was there already".into(),
        },
        facts: vec![
            ("New", text::counted(imported.added, "object", "objects")),
            ("Changed", text::grouped(imported.changed)),
            ("Deleted", text::grouped(imported.deleted)),
            ("As they were", text::grouped(imported.left)),
            ("Scripts in it", meaning.into()),
        ],
        list,
        commit: imported.commit,
        path: Some(path),
        ..Outcome::default()
    }
}

/// Whether whoever asks may import.
pub(crate) fn may_import(ui: &AdminUi, request: &PageRequest) -> Result<bool, PageError> {
    Ok(ui.operations.is_some() && request.access().allows_at(SITE, Oid::ROOT)?)
}
