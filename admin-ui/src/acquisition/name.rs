//! One name: what an object finds under it and why; set, blocked or removed here.

use std::cell::Cell;
use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use bough_core::acquisition::{self, Acquired, Explanation, Found};
use bough_core::security::permission::{EDIT, POLICY, PROPERTIES};
use bough_core::{CellKey, Name, Object, Snapshot as _, Tid, Value};
use bough_web::pages::{PageAnswer, PageError, PageForm, PageRequest};

use super::{At, Finding};
use crate::frame::{Frame, Link};
use crate::text::{Time, counted};
use crate::{message, page};

/// Texts longer than this are changed where there is room for them; here they are copied.
const TYPED_CHARS_MAX: usize = 20_000;

/// Who set something, and when.
struct Commit {
    time: Time,
    by: String,
    sentence: String,
}

/// The form that sets a value here.
struct Form {
    /// The kind of the value, as far as it can be typed: `text`, `lines`, `int`, `float` or `bool`.
    kind: &'static str,
    text: String,
    /// Whether there is a value to be copied as it is, which cannot be typed here.
    is_copy: bool,
}

#[derive(Template)]
#[template(path = "acquisition_name.html")]
struct NamePage {
    frame: Frame,
    url: String,
    list_url: String,
    path: String,
    name: String,
    answer: Option<Finding>,
    is_secret: bool,
    steps: String,
    commit: Option<Commit>,
    hidden: Vec<Finding>,
    blocked: Option<At>,
    is_private: bool,
    only_when_asked: bool,
    may_set: bool,
    is_set_here: bool,
    is_blocked_here: bool,
    /// What is found when what is set here is removed.
    below: Option<Finding>,
    form: Form,
    base: String,
    wrong: String,
}

/// `acquisition/NAME`.
pub(super) fn answer(
    request: &PageRequest,
    object: &Arc<Object>,
    name: &Name,
) -> Result<PageAnswer, PageError> {
    if request.is_post() {
        return change(request, object, name);
    }
    page::show(&shown(request, object, name)?)
}

/// What changing the attribute takes.
fn needed(request: &PageRequest, object: &Object, name: &Name) -> Vec<&'static str> {
    let guards = request.types().guards(object.type_name());
    let special = match name.as_str() {
        "_content_policy" | "_csp" => Some(POLICY),
        _ if name.is_private() => Some(PROPERTIES),
        _ => None,
    };
    let edit = (special.is_none() || guards.edit != EDIT).then_some(guards.edit);
    edit.into_iter().chain(special).collect()
}

fn base(object: &Object, name: &Name) -> String {
    let cell = object.cell(&CellKey::Attribute(name.clone()));
    cell.map_or_else(|| "none".into(), |cell| cell.tid.to_string())
}

fn explained(request: &PageRequest, object: &Object, name: &Name) -> Result<Explanation, PageError> {
    Ok(acquisition::explain(request.snapshot(), request.types(), object.oid(), name.as_str())?)
}

fn shown(request: &PageRequest, object: &Arc<Object>, name: &Name) -> Result<NamePage, PageError> {
    let oid = object.oid();
    let found = explained(request, object, name)?;
    let finding = |acquired: &Acquired| Finding::of(request, oid, name.as_str(), acquired);
    let answer = found.answer.as_ref().map(finding).transpose()?.flatten();
    let is_secret = found.answer.is_some() && answer.is_none();
    let hidden = Finding::of_all(request, oid, name.as_str(), &found.hidden)?;
    let may_read_here = super::may_read(request, object, name.as_str())?;
    let is_set_here = may_read_here && object.attribute(name.as_str()).is_some();
    let mut may_set = may_read_here;
    for permission in needed(request, object, name) {
        may_set &= request.access().allows(permission, object)?;
    }
    let below = match (is_set_here, found.hidden.first()) {
        (true, Some(next)) => finding(next)?,
        _ => None,
    };
    // What is not to be read above is not to be copied from there.
    let value = match (&found.answer, is_secret) {
        (Some(acquired), false) => value_of(request, acquired, name)?,
        _ => None,
    };
    let declared = object.type_name().and_then(|of| request.types().schema(of.as_str()));
    let declared = declared.and_then(|schema| schema.attribute(name.as_str())).map(|spec| spec.kind);
    let blocked = match found.blocked_at {
        Some(at) => match request.snapshot().object(at)? {
            Some(holder) if super::may_read(request, &holder, name.as_str())? => {
                Some(At::of(request, oid, at)?)
            }
            _ => None,
        },
        None => None,
    };
    let list_url = request.page_url(oid, &["acquisition"])?;
    let mut frame = Frame::new(request, object, &format!("Acquired: {name}"))?;
    frame.crumbs.push(Link { text: "Acquisition".into(), url: list_url.clone(), is_here: false });
    Ok(NamePage {
        frame,
        url: request.page_url(oid, &["acquisition", name.as_str()])?,
        list_url,
        path: request.path_text(oid)?,
        steps: match found.answer.as_ref().map(|acquired| acquired.steps) {
            None | Some(0) => String::new(),
            Some(steps) => format!("{} up", counted(steps as u64, "container", "containers")),
        },
        commit: match (&answer, &found.answer) {
            (Some(_), Some(acquired)) => commit(request, acquired)?,
            _ => None,
        },
        answer,
        is_secret,
        hidden,
        is_blocked_here: blocked.as_ref().is_some_and(|at| at.is_here),
        blocked,
        is_private: name.is_private(),
        only_when_asked: found.only_when_asked
            && found.answer.as_ref().is_some_and(|acquired| acquired.steps > 0),
        may_set,
        is_set_here,
        below,
        form: form_for(value.as_ref(), declared),
        base: base(object, name),
        wrong: String::new(),
        name: name.to_string(),
    })
}

fn value_of(request: &PageRequest, acquired: &Acquired, name: &Name) -> Result<Option<Value>, PageError> {
    Ok(match &acquired.found {
        Found::Attribute { .. } => match request.snapshot().object(acquired.at)? {
            Some(holder) => bough_core::snapshot::attribute(request.snapshot(), &holder, name.as_str())?,
            None => None,
        },
        Found::Default(value) => Some(value.clone()),
        Found::Method(_) | Found::Child(_) => None,
    })
}

fn commit(request: &PageRequest, acquired: &Acquired) -> Result<Option<Commit>, PageError> {
    let tid: Option<Tid> = match &acquired.found {
        Found::Attribute { tid, .. } => Some(*tid),
        Found::Child(oid) => {
            let child = request.snapshot().object(*oid)?;
            child.and_then(|child| child.cell(&CellKey::Place).map(|cell| cell.tid))
        }
        Found::Default(_) | Found::Method(_) => None,
    };
    let record = tid.and_then(|tid| request.database().commit_record(tid).ok());
    Ok(record.map(|record| Commit {
        time: Time::of_micros(record.time_micros),
        by: record.principal,
        sentence: record.sentence,
    }))
}

/// The form that fits a value, or what the type says of the attribute.
fn form_for(value: Option<&Value>, declared: Option<&str>) -> Form {
    let form = |kind, text: String| Form { kind, text, is_copy: false };
    match value {
        Some(Value::Text(text)) if text.chars().count() > TYPED_CHARS_MAX => {
            Form { is_copy: true, ..form("text", String::new()) }
        }
        Some(Value::Text(text)) if text.contains('\n') || text.len() > 100 => form("lines", text.to_string()),
        Some(Value::Text(text)) => form("text", text.to_string()),
        Some(Value::Int(number)) => form("int", number.to_string()),
        Some(Value::Float(number)) => form("float", number.to_string()),
        Some(Value::Bool(truth)) => form("bool", if *truth { "yes" } else { "no" }.into()),
        Some(Value::Null | Value::Block) | None => match declared {
            Some("int") => form("int", String::new()),
            Some("float") => form("float", String::new()),
            Some("bool") => form("bool", "no".into()),
            _ => form("text", String::new()),
        },
        Some(_) => Form { is_copy: true, ..form("text", String::new()) },
    }
}

/// The value that a form holds.
fn typed(kind: &str, text: &str) -> Result<Value, String> {
    let trimmed = text.trim();
    match kind {
        "int" => trimmed.parse().map(Value::Int).map_err(|_| "Please type a whole number.".into()),
        "float" => match trimmed.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => Err("Please type a number.".into()),
        },
        "bool" => Ok(Value::Bool(trimmed == "yes")),
        // Browsers send line ends as two characters.
        _ => Ok(Value::text(text.replace("\r\n", "\n"))),
    }
}

fn change(request: &PageRequest, object: &Arc<Object>, name: &Name) -> Result<PageAnswer, PageError> {
    let form = request.form()?;
    let oid = object.oid();
    let path = request.path_text(oid)?;
    let page = shown(request, object, name)?;
    let (value, sentence) = match form.get("do") {
        "set" => match typed(form.get("kind"), form.get("value")) {
            Ok(value) => (Some(value), format!("Set {name} of {path}")),
            Err(wrong) => return again(page, form, wrong, StatusCode::UNPROCESSABLE_ENTITY),
        },
        "copy" => {
            let found = explained(request, object, name)?.answer.filter(|_| !page.is_secret);
            let value = found.map(|acquired| value_of(request, &acquired, name)).transpose()?.flatten();
            let value = value.ok_or_else(|| PageError::refused("There is no value to copy any more."))?;
            (Some(value), format!("Set {name} of {path} to what it acquired"))
        }
        "block" => (Some(Value::Block), format!("Blocked {name} at {path}")),
        "remove" => (None, format!("Removed {name} of {path}")),
        _ => return Err(PageError::refused("The form says not what is to be done.")),
    };
    let stale = Cell::new(false);
    let written = request.write(sentence, |draft| {
        let now = draft.object(oid)?.ok_or_else(PageError::not_found)?;
        if base(&now, name) != form.get("base") {
            stale.set(true);
            return Err(PageError::refused("stale"));
        }
        Ok(draft.set(oid, name, value.clone())?)
    });
    if stale.get() {
        let wrong = "Somebody else changed this meanwhile: what is shown above is how it is now.";
        return again(page, form, wrong.into(), StatusCode::CONFLICT);
    }
    let ((), tid) = written?;
    Ok(message::done(&page.url, tid))
}

/// The page with what was typed.
fn again(
    page: NamePage,
    form: &PageForm,
    wrong: String,
    status: StatusCode,
) -> Result<PageAnswer, PageError> {
    let typed = form.find("value").map(str::to_owned);
    let form = Form { text: typed.unwrap_or_else(|| page.form.text.clone()), ..page.form };
    page::show_as(status, &NamePage { form, wrong, ..page })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_typed_as_what_it_is() {
        for (value, kind, text) in [
            (Value::from("green"), "text", "green"),
            (Value::from("a\nb"), "lines", "a\nb"),
            (Value::Int(-3), "int", "-3"),
            (Value::Float(0.5), "float", "0.5"),
            (Value::Bool(true), "bool", "yes"),
        ] {
            let form = form_for(Some(&value), None);
            assert_eq!((form.kind, &form.text[..], form.is_copy), (kind, text, false));
            assert_eq!(typed(form.kind, &form.text), Ok(value));
        }
        assert!(form_for(Some(&Value::List(Vec::new())), None).is_copy);
        assert_eq!(form_for(None, Some("int")).kind, "int");
        assert_eq!(typed("lines", "a\r\nb"), Ok(Value::from("a\nb")));
        assert!(typed("int", "1.5").is_err() && typed("float", "inf").is_err());
    }
}
