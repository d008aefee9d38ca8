//! What an object sees through its containers: every name, where each comes from, and what hides what.
//!
//! Code map: here all names, a page at a time; `names` goes through them in their order; `name` explains one, and sets,
//! blocks or removes it here.

mod name;
mod names;

use askama::Template;
use bough_core::acquisition::{self, Acquired, Found};
use bough_core::security::permission::VIEW;
use bough_core::{Content, Name, Object, Oid, Snapshot as _, Value};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use self::names::Names;
use crate::frame::Frame;
use crate::security::encoded;
use crate::text::{self, counted};
use crate::{page, sight};

/// How many names are on a page, and how many are looked at for one.
const ROWS_MAX: usize = 100;
const LOOKED_AT_MAX: usize = 20_000;
/// How many characters of a value are shown in a list.
const VALUE_CHARS: usize = 80;

/// `acquisition` and `acquisition/NAME`.
pub(crate) fn answer(request: &PageRequest, steps: &[&str]) -> Result<PageAnswer, PageError> {
    let object = request.object()?;
    match steps {
        [] => list(request, object),
        [name] => {
            let name = Name::new(name).map_err(|_| PageError::not_found())?;
            name::answer(request, object, &name)
        }
        _ => Err(PageError::not_found()),
    }
}

/// Where something was found.
struct At {
    text: String,
    url: Option<String>,
    is_here: bool,
}

impl At {
    fn of(request: &PageRequest, here: Oid, oid: Oid) -> Result<Self, PageError> {
        let is_here = here == oid;
        if !request.access().allows_at(VIEW, oid)? || request.url(oid)?.is_none() {
            return Ok(Self { text: "a folder above".into(), url: None, is_here });
        }
        let url = if is_here { None } else { Some(request.page_url(oid, &["acquisition"])?) };
        Ok(Self { text: request.path_text(oid)?, url, is_here })
    }
}

/// What stands under a name somewhere.
struct Finding {
    /// `value`, `default`, `method` or `object`.
    kind: &'static str,
    text: String,
    /// The page of a child.
    url: Option<String>,
    at: At,
}

impl Finding {
    /// What may be shown of it; none where it may not be seen.
    fn of(
        request: &PageRequest,
        here: Oid,
        name: &str,
        acquired: &Acquired,
    ) -> Result<Option<Self>, PageError> {
        let snapshot = request.snapshot();
        let access = request.access();
        let Some(holder) = snapshot.object(acquired.at)? else { return Ok(None) };
        if !access.may_view(&holder)? {
            return Ok(None);
        }
        let (kind, text, url) = match &acquired.found {
            Found::Child(oid) => {
                let Some(child) = snapshot.object(*oid)? else { return Ok(None) };
                if !access.may_view(&child)? {
                    return Ok(None);
                }
                let title = text::title(snapshot, &child);
                let type_name = child.type_name().map_or("object", |name| name.as_str());
                ("object", format!("{title} ({type_name})"), Some(request.page_url(*oid, &[])?))
            }
            _ if !may_read(request, &holder, name)? => return Ok(None),
            Found::Attribute { content, .. } => ("value", content_text(request, content)?, None),
            Found::Default(value) => ("default", value_text(request, value)?, None),
            Found::Method(method) => ("method", format!("{method}()"), None),
        };
        Ok(Some(Self { kind, text, url, at: At::of(request, here, acquired.at)? }))
    }

    fn of_all(
        request: &PageRequest,
        here: Oid,
        name: &str,
        found: &[Acquired],
    ) -> Result<Vec<Self>, PageError> {
        let shown = found.iter().map(|acquired| Self::of(request, here, name, acquired));
        shown.filter_map(Result::transpose).collect()
    }
}

fn may_read(request: &PageRequest, object: &Object, name: &str) -> Result<bool, PageError> {
    sight::may_read(request.access(), object, name)
}

fn content_text(request: &PageRequest, content: &Content) -> Result<String, PageError> {
    match content {
        Content::Value(value) => value_text(request, value),
        Content::Large(large) => Ok(format!("a long value, {}", text::bytes(u64::from(large.bytes)))),
        _ => Ok(String::new()),
    }
}

/// A value in short.
fn value_text(request: &PageRequest, value: &Value) -> Result<String, PageError> {
    let items = |count: usize| counted(count as u64, "item", "items");
    Ok(match value {
        Value::Null => "nothing".into(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Int(number) | Value::Counter(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Text(text) if text.is_empty() => "an empty text".into(),
        Value::Text(text) => text::shortened(text, VALUE_CHARS),
        Value::Bytes(bytes) => text::bytes(bytes.len() as u64),
        Value::Blob(blob) => text::bytes(blob.bytes),
        Value::Time(micros) => match u64::try_from(*micros) {
            Ok(micros) => format!("{} UTC", text::Time::of_micros(micros).utc),
            Err(_) => "before 1970".into(),
        },
        Value::List(all) => format!("a list of {}", items(all.len())),
        Value::Set(all) => format!("a set of {}", items(all.len())),
        Value::Map(all) => format!("a map of {}", items(all.len())),
        Value::Reference(oid) if request.access().allows_at(VIEW, *oid)? => {
            format!("refers to {}", request.path_text(*oid)?)
        }
        Value::Reference(_) => "refers to an object".into(),
        Value::Block => "blocks".into(),
    })
}

struct Row {
    name: String,
    url: String,
    answer: Option<Finding>,
    /// Whether there is an answer that may not be seen.
    is_secret: bool,
    blocked: Option<At>,
    hidden: Vec<Finding>,
    only_when_asked: bool,
}

#[derive(Template)]
#[template(path = "acquisition.html")]
struct AcquisitionPage {
    frame: Frame,
    url: String,
    path: String,
    is_explicit: bool,
    search: String,
    kind: &'static str,
    from: &'static str,
    rows: Vec<Row>,
    first_url: Option<String>,
    next_url: Option<String>,
    is_cut: bool,
    exact_url: Option<String>,
}

fn one_of(text: Option<&str>, all: [&'static str; 4]) -> &'static str {
    all.into_iter().find(|one| Some(*one) == text).unwrap_or(all[0])
}

fn list(request: &PageRequest, object: &Object) -> Result<PageAnswer, PageError> {
    let oid = object.oid();
    let search = text::shortened(request.query("q").unwrap_or_default().trim(), 100);
    let wanted = search.to_lowercase();
    let kind = one_of(request.query("kind"), ["", "values", "objects", "methods"]);
    let from = one_of(request.query("from"), ["", "here", "above", "here"]);
    let after = request.query("after").and_then(|text| Name::new(text).ok());
    let mut names = Names::new(request, oid, after.clone())?;
    let (mut rows, mut looked_at) = (Vec::new(), 0);
    let (mut last, mut has_more, mut is_cut) = (None, false, false);
    while let Some(name) = names.next(request)? {
        if looked_at == LOOKED_AT_MAX {
            (has_more, is_cut) = (true, true);
            break;
        }
        looked_at += 1;
        if !wanted.is_empty() && !name.as_str().to_lowercase().contains(&wanted) {
            last = Some(name);
            continue;
        }
        let row = row(request, oid, &name)?.filter(|row| fits(row, kind, from));
        if row.is_some() && rows.len() == ROWS_MAX {
            has_more = true;
            break;
        }
        rows.extend(row);
        last = Some(name);
    }
    let url = request.page_url(oid, &["acquisition"])?;
    let with = |after: Option<&Name>| {
        let after = after.map(|name| format!("&after={}", encoded(name.as_str()))).unwrap_or_default();
        format!("{url}?q={}&kind={kind}&from={from}{after}", encoded(&search))
    };
    let exact_url = match Name::new(&search) {
        Ok(name) => Some(request.page_url(oid, &["acquisition", name.as_str()])?),
        Err(_) => None,
    };
    page::show(&AcquisitionPage {
        frame: Frame::new(request, object, "Acquisition")?,
        path: request.path_text(oid)?,
        is_explicit: object.flag(acquisition::EXPLICIT),
        kind,
        from,
        rows,
        first_url: after.is_some().then(|| with(None)),
        next_url: last.filter(|_| has_more).map(|last| with(Some(&last))),
        is_cut,
        exact_url,
        search,
        url,
    })
}

fn fits(row: &Row, kind: &str, from: &str) -> bool {
    let is_here = match (&row.answer, &row.blocked) {
        (Some(answer), _) => answer.at.is_here,
        (None, Some(at)) => at.is_here,
        (None, None) => false,
    };
    let fits_from = match from {
        "here" => is_here,
        "above" => !is_here,
        _ => true,
    };
    let found = row.answer.as_ref().map_or("", |answer| answer.kind);
    fits_from
        && match kind {
            "values" => ["value", "default", ""].contains(&found),
            "objects" => found == "object",
            "methods" => found == "method",
            _ => true,
        }
}

/// What an object finds under a name; none where nothing of it may be seen.
fn row(request: &PageRequest, oid: Oid, name: &Name) -> Result<Option<Row>, PageError> {
    let explained = acquisition::explain(request.snapshot(), request.types(), oid, name.as_str())?;
    let answer = match &explained.answer {
        Some(acquired) => Finding::of(request, oid, name.as_str(), acquired)?,
        None => None,
    };
    let hidden = Finding::of_all(request, oid, name.as_str(), &explained.hidden)?;
    let blocked = match explained.blocked_at {
        Some(at) => match request.snapshot().object(at)? {
            Some(holder) if may_read(request, &holder, name.as_str())? => Some(At::of(request, oid, at)?),
            _ => None,
        },
        None => None,
    };
    if answer.is_none() && hidden.is_empty() && (blocked.is_none() || explained.answer.is_some()) {
        return Ok(None);
    }
    Ok(Some(Row {
        url: request.page_url(oid, &["acquisition", name.as_str()])?,
        is_secret: explained.answer.is_some() && answer.is_none(),
        only_when_asked: explained.only_when_asked
            && explained.answer.as_ref().is_some_and(|acquired| acquired.steps > 0),
        name: name.to_string(),
        answer,
        blocked,
        hidden,
    }))
}
