//! Uploading: several files in one commit, each streamed. What has a name already is replaced or kept, as people say.

use std::collections::HashSet;

use askama::Template;
use axum::http::StatusCode;
use bough_core::security::permission::ADD;
use bough_core::{Name, Object, Oid, Snapshot as _, Value};
use bough_store::Draft;
use bough_web::pages::{PageAnswer, PageError, PageFile, PageRequest};

use super::{child_path, naming, refusal};
use crate::frame::Frame;
use crate::{message, page, text};

/// Most files of one upload.
const FILES_MAX: usize = 500;

#[derive(Template)]
#[template(path = "contents_upload.html")]
struct UploadPage {
    frame: Frame,
    url: String,
    back_url: String,
    replaces: bool,
    wrong: Option<String>,
}

/// Where a file goes.
struct Incoming<'a> {
    file: &'a PageFile,
    name: Name,
    replaces: Option<Oid>,
}

/// `@@manage/upload`.
pub(super) fn answer(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let folder = request.object()?;
    request.require(folder, ADD)?;
    if !request.is_post() {
        return show(request, StatusCode::OK, false, None);
    }
    let form = request.form()?;
    let replaces = form.get("clash") == "replace";
    match upload(request, folder.oid(), form.files(), replaces) {
        Ok(answer) => Ok(answer),
        Err(error) => {
            let (status, wrong) = refusal(error)?;
            show(request, status, replaces, Some(format!("Nothing was uploaded: {wrong}")))
        }
    }
}

fn show(
    request: &PageRequest,
    status: StatusCode,
    replaces: bool,
    wrong: Option<String>,
) -> Result<PageAnswer, PageError> {
    let folder = request.object()?;
    page::show_as(
        status,
        &UploadPage {
            frame: Frame::new(request, folder, "Upload")?,
            url: request.page_url(folder.oid(), &["upload"])?,
            back_url: request.page_url(folder.oid(), &["contents"])?,
            replaces,
            wrong,
        },
    )
}

fn upload(
    request: &PageRequest,
    folder: Oid,
    files: &[PageFile],
    replaces: bool,
) -> Result<PageAnswer, PageError> {
    if files.is_empty() {
        return Err(PageError::refused("no file was chosen"));
    }
    if files.len() > FILES_MAX {
        let count = text::grouped(files.len() as u64);
        return Err(PageError::refused(format!("{count} files are too many: at most {FILES_MAX} at a time")));
    }
    let incoming = plan(request, folder, files, replaces)?;
    let path = request.path_text(folder)?;
    let replaced = incoming.iter().filter(|incoming| incoming.replaces.is_some()).count() as u64;
    let sentence = match &incoming[..] {
        [one] if one.replaces.is_some() => format!("Replaced {} by a file", child_path(&path, &one.name)),
        [one] => format!("Uploaded {}", child_path(&path, &one.name)),
        all => {
            let names = super::listed(all.iter().map(|incoming| incoming.name.as_str()));
            let files = text::counted(all.len() as u64, "file", "files");
            let replaced = match replaced {
                0 => String::new(),
                replaced => format!(" ({} replaced)", text::grouped(replaced)),
            };
            format!("Uploaded {files} to {path}{replaced}: {names}")
        }
    };
    let ((), tid) = request.write(sentence, |draft| {
        for incoming in &incoming {
            request.check_time()?;
            take(request, draft, folder, incoming)?;
        }
        Ok(())
    })?;
    Ok(message::done(&request.page_url(folder, &["contents"])?, tid))
}

/// Under which name each file comes, and what it replaces.
fn plan<'a>(
    request: &PageRequest,
    folder: Oid,
    files: &'a [PageFile],
    replaces: bool,
) -> Result<Vec<Incoming<'a>>, PageError> {
    let snapshot = request.snapshot();
    let mut given: HashSet<Name> = HashSet::new();
    let mut incoming = Vec::with_capacity(files.len());
    for file in files {
        let wanted = naming::of_file(file.name());
        let there = snapshot.child(folder, wanted.as_str())?.filter(|_| replaces && !given.contains(&wanted));
        let (name, replaces) = match there {
            Some(there) => {
                let object = snapshot.object(there)?;
                if !object.as_ref().is_some_and(|object| holds_bytes(request, object)) {
                    return Err(PageError::refused(format!(
                        "“{wanted}” is there and no file, so that no file can replace it; choose to keep both"
                    )));
                }
                (wanted, Some(there))
            }
            None => {
                let free = naming::free(&wanted, |name| {
                    Ok::<_, PageError>(
                        given.contains(name) || snapshot.child(folder, name.as_str())?.is_some(),
                    )
                })?;
                (free.ok_or_else(|| PageError::refused(format!("“{wanted}” is taken")))?, None)
            }
        };
        given.insert(name.clone());
        incoming.push(Incoming { file, name, replaces });
    }
    Ok(incoming)
}

fn holds_bytes(request: &PageRequest, object: &Object) -> bool {
    let schema = object.type_name().and_then(|name| request.types().schema(name.as_str()));
    schema.and_then(|schema| schema.attribute("data")).is_some_and(|spec| spec.kind == "blob")
}

fn take(
    request: &PageRequest,
    draft: &mut Draft,
    folder: Oid,
    incoming: &Incoming<'_>,
) -> Result<(), PageError> {
    let (data, content_type) = (attribute("data")?, attribute("content_type")?);
    let declared = declared(incoming.file.media_type(), &incoming.name);
    let bytes = draft.blob(&mut incoming.file.reader())?;
    match incoming.replaces {
        Some(oid) => {
            draft.set(oid, &data, Some(bytes))?;
            draft.set(oid, &content_type, declared.map(Value::text))?;
        }
        None => {
            let type_name = file_type(type_of(incoming.file.media_type(), &incoming.name))?;
            let mut attributes = vec![(data, bytes)];
            attributes.extend(declared.map(|declared| (content_type, Value::text(declared))));
            // Somebody may have been quicker with that name.
            let name = naming::free(&incoming.name, |name| {
                Ok::<_, PageError>(draft.child(folder, name.as_str())?.is_some())
            })?;
            draft.add(folder, &name.unwrap_or_else(|| incoming.name.clone()), &type_name, attributes)?;
        }
    }
    request.check_time()
}

fn attribute(name: &str) -> Result<Name, PageError> {
    Ok(Name::new(name).map_err(bough_core::transaction::TransactionError::from)?)
}

pub(super) fn file_type(name: &str) -> Result<Name, PageError> {
    attribute(name)
}

/// What the browser says that it is, where that says something.
fn essence(media_type: Option<&str>) -> Option<String> {
    let essence = media_type?.split(';').next()?.trim().to_ascii_lowercase();
    (!essence.is_empty() && essence != "application/octet-stream").then_some(essence)
}

fn by_name(name: &Name) -> Option<&'static str> {
    mime_guess::from_path(name.as_str()).first_raw()
}

fn type_of(media_type: Option<&str>, name: &Name) -> &'static str {
    let essence = essence(media_type);
    let media_type = essence.as_deref().or_else(|| by_name(name)).unwrap_or_default();
    if media_type.starts_with("image/") { "image" } else { "file" }
}

/// The media type to be kept: where it is not the one that the name stands for.
fn declared(media_type: Option<&str>, name: &Name) -> Option<String> {
    essence(media_type).filter(|essence| by_name(name) != Some(essence.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_become_images_and_only_what_the_name_does_not_say_is_kept() {
        for (media_type, name, type_name, kept) in [
            (Some("image/png"), "a.png", "image", None),
            (Some("IMAGE/SVG+XML"), "logo", "image", Some("image/svg+xml")),
            (None, "a.jpg", "image", None),
            (Some("application/octet-stream"), "a.jpg", "image", None),
            (Some("text/markdown; charset=utf-8"), "a.md", "file", None),
            (Some("application/pdf"), "report", "file", Some("application/pdf")),
            (None, "report", "file", None),
        ] {
            let of = Name::new(name).unwrap();
            assert_eq!(
                (type_of(media_type, &of), declared(media_type, &of).as_deref()),
                (type_name, kept),
                "{name}"
            );
        }
    }
}
