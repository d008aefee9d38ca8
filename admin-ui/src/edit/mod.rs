//! The edit page: a form from the type's schema, and the properties that an object has besides.
//!
//! A form carries the state that it was made of; what is sent comes together with what others did meanwhile (`save`), and
//! what nobody can put together is shown side by side. What was typed is shown again whatever happens.
//!
//! Code map: `form` (which attributes, what was typed), `shape` (values as fields and back), `save`, `view` (what the templates show), `preview`, `pick` (paths for references),
//! `own` (a field for one value, on other pages).

mod form;
mod own;
mod pick;
mod preview;
mod save;
mod shape;
mod view;

use std::sync::Arc;

use axum::http::StatusCode;
use bough_core::security::permission::{EDIT, MANAGE, PROPERTIES, VERSIONS};
use bough_core::snapshot::{Chain, attribute, chain};
use bough_core::{Name, Object, Oid, Snapshot as _, Value};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use self::form::{Entry, Ground, NewProperty, Rename, Wanted, entries};
pub(crate) use self::own::{Names, OwnField, OwnValue};
use self::save::{Changes, Saved, Where};
use self::shape::Shape;
use self::view::{Draft, Trouble};
use crate::message;

/// `@@manage/edit` and what is behind it.
pub(crate) fn answer(request: &PageRequest, steps: &[&str]) -> Result<PageAnswer, PageError> {
    let object = request.object()?;
    require(request, object)?;
    match (steps, request.is_post()) {
        ([], false) => show(request, object),
        ([], true) => match request.form()?.get("oid").parse::<Oid>() {
            Ok(oid) if oid != object.oid() => astray(request),
            _ => send(request, object),
        },
        (["preview"], true) => preview::answer(request, object),
        (["preview"], false) => Ok(PageAnswer::SeeOther(request.page_url(object.oid(), &["edit"])?)),
        (["paths"], false) => pick::answer(request),
        (["file"], false) => download(request, object),
        _ => Err(PageError::not_found()),
    }
}

/// A form whose object does not stand any more where the form was sent.
pub(crate) fn astray(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let oid: Oid = request.form()?.get("oid").parse().map_err(|_| PageError::not_found())?;
    let object = request.snapshot().object(oid)?.ok_or_else(PageError::not_found)?;
    request.require(&object, MANAGE)?;
    if !request.access().may_view(&object)? {
        return Err(PageError::not_found());
    }
    require(request, &object)?;
    send(request, &object)
}

/// Refuses whoever may set nothing of an object.
fn require(request: &PageRequest, object: &Object) -> Result<(), PageError> {
    let edit = request.types().guards(object.type_name()).edit;
    if edit == EDIT && request.access().allows(PROPERTIES, object)? {
        return Ok(());
    }
    request.require(object, edit)
}

fn show(request: &PageRequest, object: &Arc<Object>) -> Result<PageAnswer, PageError> {
    let ground = Ground::now(request.snapshot().clone(), Arc::clone(object));
    let entries = entries(request, &ground, None, request.query("from").unwrap_or_default())?;
    let rename = Rename::of_ground(&ground);
    let new = NewProperty::default();
    view::page(
        request,
        &Draft { ground: &ground, entries, rename, new, version: String::new() },
        Trouble::None,
    )
}

fn send(request: &PageRequest, object: &Arc<Object>) -> Result<PageAnswer, PageError> {
    let form = request.form()?;
    let ground = Ground::of_form(request, form, object)?;
    let mut asked = entries(request, &ground, Some(form), form.get("from"))?;
    let may_rename = may_rename(request, object);
    let rename = if may_rename { Rename::of_form(&ground, form) } else { Rename::of_ground(&ground) };
    let new = NewProperty::of_form(request, &ground, form)?;
    let version = form.get("version").trim().to_owned();
    // Enter in the field of the version's name presses no button, and means that version.
    let is_version = match form.get("act") {
        "" => !version.is_empty(),
        act => act == "version",
    };
    if let Some((name, wanted)) = &new.wanted {
        asked.all.push(new_entry(name.clone(), wanted.clone()));
    }
    let draft = Draft { ground: &ground, entries: asked, rename, new, version };
    let is_wrong = draft.entries.all.iter().any(|entry| entry.error.is_some())
        || draft.rename.error.is_some()
        || draft.new.error.is_some();
    let barred = match Rename::of_form(&ground, form).typed {
        typed if !may_rename && typed != draft.rename.typed => {
            Some(format!("You may not rename this any more, to “{typed}”."))
        }
        _ if draft.entries.all.iter().any(Entry::is_barred) => {
            Some("You may not change some of this any more: see what is marked below.".into())
        }
        _ => None,
    };
    if let Some(sentence) = barred {
        return view::page(request, &draft, Trouble::Refused(StatusCode::FORBIDDEN, sentence));
    }
    if is_wrong {
        return view::page(request, &draft, Trouble::Wrong);
    }
    let place = match is_version {
        true if !request.access().allows_at(VERSIONS, Oid::ROOT)? => {
            return Err(PageError::forbidden(VERSIONS));
        }
        true if draft.version.is_empty() => {
            let sentence = "Say what the version is to be called: lower-case letters, digits and hyphens.";
            return view::page(request, &draft, Trouble::Version(sentence.into()));
        }
        true => Where::NewVersion(&draft.version),
        false => Where::Here,
    };
    let path = path_then(request, &ground)?;
    let sentence = save::sentence(&draft.entries.all, &draft.rename, &path);
    let changes =
        Changes { ground: &ground, entries: &draft.entries.all, rename: draft.rename.wanted.as_ref(), form };
    match save::save(request, object.oid(), &changes, &place, &sentence) {
        Ok((Saved::Done(tid), version)) => {
            let url = match &version {
                Some(database) => {
                    request.page_url_on((Some(&draft.version), database), object.oid(), &["edit"])?
                }
                None => {
                    let here = (request.version_name(), request.database());
                    request.page_url_on(here, object.oid(), &["edit"])?
                }
            };
            let from = form.get("from");
            let url = match from {
                "" => url,
                from => format!(
                    "{url}?from={}",
                    percent_encoding::utf8_percent_encode(from, percent_encoding::NON_ALPHANUMERIC)
                ),
            };
            Ok(message::done(&url, tid))
        }
        Ok((Saved::Clashes { now, clashes, settled }, _)) => clash(request, &draft, &now, clashes, settled),
        Ok((Saved::Gone(object), _)) => {
            let deleted = match chain(request.snapshot(), object.oid())? {
                Chain::Deleted(chain) => chain.last().map(|object| object.revision()),
                _ => None,
            };
            view::page(request, &draft, Trouble::Gone(deleted))
        }
        Err(error) if error.is_internal() || error.is_log_in() => Err(error),
        Err(error) if is_version => view::page(request, &draft, Trouble::Version(sentence_of(&error))),
        Err(error) => view::page(request, &draft, Trouble::Refused(error.status(), sentence_of(&error))),
    }
}

/// The same form on the ground of what is there now: with all that was typed, and the two sides where they clash.
fn clash(
    request: &PageRequest,
    draft: &Draft<'_>,
    now: &Ground,
    clashes: Vec<save::Clash>,
    settled: Vec<(Name, Wanted)>,
) -> Result<PageAnswer, PageError> {
    let form = request.form()?;
    let mut fresh = entries(request, now, None, form.get("from"))?;
    let names = now.names(request);
    let mut new = NewProperty::default();
    for old in draft.entries.all.iter().filter(|old| old.is_changed()) {
        let is_new = draft.new.wanted.as_ref().is_some_and(|(name, _)| *name == old.name);
        if is_new && fresh.all.iter().all(|entry| entry.name != old.name) {
            new = NewProperty {
                name: draft.new.name.clone(),
                kind: draft.new.kind.clone(),
                text: draft.new.text.clone(),
                ..NewProperty::default()
            };
            continue;
        }
        let at = fresh.all.iter().position(|entry| entry.name == old.name).unwrap_or_else(|| {
            let spec = old.spec.clone();
            fresh.all.push(Entry { spec, ..new_entry(old.name.clone(), Wanted::Same) });
            fresh.all.len() - 1
        });
        let entry = &mut fresh.all[at];
        let is_clash = clashes.iter().any(|clash| clash.name.as_ref() == Some(&old.name));
        let wanted = match settled.iter().find(|(name, _)| *name == old.name) {
            Some((_, wanted)) if !is_clash => wanted.clone(),
            _ => old.wanted.clone(),
        };
        match wanted {
            Wanted::Same => {}
            Wanted::File(_) => {
                entry.error = Some("Choose the file once more: browsers do not keep it.".into())
            }
            Wanted::Value(None) => {
                entry.is_dropped = old.is_dropped;
                entry.typed = Shape::typed(entry.shape, None, &names);
            }
            Wanted::Value(Some(value)) => {
                entry.shape = Shape::of(entry.spec.as_ref(), Some(&value), &names);
                entry.typed = entry.shape.typed(Some(&value), &names);
            }
        }
        entry.wanted = Wanted::Value(None);
    }
    let rename_clash = clashes.iter().any(|clash| clash.name.is_none());
    let mut rename = Rename::of_ground(now);
    if rename_clash || draft.rename.wanted.is_some() {
        rename.typed.clone_from(&draft.rename.typed);
    }
    let version = draft.version.clone();
    let fresh = Draft { ground: now, entries: fresh, rename, new, version };
    view::page(
        request,
        &fresh,
        Trouble::Clash { clashes, typed: &draft.entries.all, is_known: draft.ground.is_known },
    )
}

fn new_entry(name: Name, wanted: Wanted) -> Entry {
    Entry {
        name,
        spec: None,
        shape: Shape::Line,
        base: None,
        typed: shape::Typed::default(),
        wanted,
        is_dropped: false,
        may_write: true,
        error: None,
    }
}

/// Whether the form asks for the name of the object.
fn may_rename(request: &PageRequest, object: &Object) -> bool {
    let is_top = object.oid() == request.top().oid() || object.oid() == Oid::ROOT;
    let edit = request.types().guards(object.type_name()).edit;
    !is_top && request.access().allows(edit, object).unwrap_or(false)
}

/// Where the object stands; where it stood, if it was deleted.
fn path_then(request: &PageRequest, ground: &Ground) -> Result<String, PageError> {
    let oid = ground.object.oid();
    match request.path_in(request.snapshot(), oid)? {
        Some(path) => Ok(path.to_string()),
        None => Ok(request
            .path_in(&ground.snapshot, oid)?
            .map_or_else(|| oid.to_string(), |path| path.to_string())),
    }
}

/// A message of an error as a sentence.
fn sentence_of(error: &PageError) -> String {
    let message = error.message();
    let mut chars = message.chars();
    let first = chars.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    let end = if message.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

/// `GET .../edit/file?name=data`: the bytes of an attribute.
fn download(request: &PageRequest, object: &Arc<Object>) -> Result<PageAnswer, PageError> {
    let name = Name::new(request.query("name").unwrap_or_default()).map_err(|_| PageError::not_found())?;
    if !form::may_read(request, object, &name)? {
        return Err(PageError::not_found());
    }
    match attribute(request.snapshot(), object, name.as_str())? {
        Some(value @ (Value::Bytes(_) | Value::Blob(_) | Value::Text(_))) => {
            let own = object.place().map_or("site", |place| place.name.as_str());
            let name = if name == "data" { own.to_owned() } else { format!("{own}-{name}") };
            Ok(PageAnswer::Download { name, body: request.snapshot().bytes(&value)? })
        }
        _ => Err(PageError::not_found()),
    }
}

/// The status of a form that is shown again.
fn status(trouble: &Trouble<'_>) -> StatusCode {
    match trouble {
        Trouble::None => StatusCode::OK,
        Trouble::Wrong | Trouble::Version(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Trouble::Clash { .. } | Trouble::Gone(_) => StatusCode::CONFLICT,
        Trouble::Refused(status, _) => *status,
    }
}
