//! Looking for things: what an object acquires, and objects below a place.

use std::sync::Arc;

use bough_core::acquisition::{self, Acquired, Found};
use bough_core::security::permission::LIST;
use bough_core::snapshot::{Chain, ChildrenPage, chain};
use bough_core::{CellKey, Object, Oid, Snapshot as _, Value};

use super::call::{Answer, Call, Places, parse_name, type_name};
use super::dto;
use super::value::{Reader, Wanted, shown};
use crate::error::PublishError;
use crate::problem::{Code, Problem};
use crate::types::folder::shows_private;

/// How many objects an answer names, if nobody says, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;
/// How many objects are looked at for one answer.
const LOOKED_AT_MAX: usize = 20_000;
/// How many children are read at a time.
const BATCH: usize = 256;
/// Longest text and pattern.
const PATTERN_CHARS_MAX: usize = 200;

/// `GET @@acquire`.
pub(super) fn acquire(call: &Call<'_>) -> Result<Answer, PublishError> {
    let missing = || Problem::new(Code::Argument, "`name` is the name that the object asks for");
    let name = call.query("name").ok_or_else(missing)?;
    parse_name(name)?;
    let explained = acquisition::explain(call.snapshot(), call.types(), call.object.oid(), name)?;
    let shown = |acquired: &Acquired| match may_see(call, acquired, name)? {
        true => finding(call, acquired).map(Some),
        false => Ok(None),
    };
    let beyond = explained.answer.as_ref().is_some_and(|answer| answer.steps > 0);
    let hidden = explained.hidden.iter().filter_map(|acquired| shown(acquired).transpose());
    Answer::ok(&dto::Acquired {
        only_when_asked: explained.only_when_asked && beyond,
        hidden: hidden.collect::<Result<_, _>>()?,
        answer: explained.answer.as_ref().map(shown).transpose()?.flatten(),
        blocked_at: explained.blocked_at.map(|oid| call.link(oid)).transpose()?,
    })
}

/// Whether what was found may be seen where it is.
fn may_see(call: &Call<'_>, acquired: &Acquired, name: &str) -> Result<bool, PublishError> {
    let access = &call.visit.access;
    let Some(holder) = call.snapshot().object(acquired.at)? else { return Ok(false) };
    if !access.may_view(&holder)? {
        return Ok(false);
    }
    match &acquired.found {
        Found::Child(oid) => match call.snapshot().object(*oid)? {
            Some(child) => Ok(access.may_view(&child)?),
            None => Ok(false),
        },
        _ => call.may_read(&holder, name),
    }
}

fn finding(call: &Call<'_>, acquired: &Acquired) -> Result<dto::Finding, PublishError> {
    let names = Places::of(call, call.snapshot());
    let (what, value, tid) = match &acquired.found {
        Found::Attribute { content, tid } => {
            ("attribute", Some(call.shown(content, call.snapshot())?), Some(*tid))
        }
        Found::Default(value) => ("default", Some(shown(value, &names, None)), None),
        Found::Method(name) => ("method", Some(shown(&Value::text(name.as_str()), &names, None)), None),
        Found::Child(oid) => {
            let object = call.snapshot().object(*oid)?;
            let placed = object.and_then(|object| object.cell(&CellKey::Place).map(|cell| cell.tid));
            ("child", Some(shown(&Value::Reference(*oid), &names, None)), placed)
        }
    };
    let record = tid.and_then(|tid| call.database().commit_record(tid).ok());
    Ok(dto::Finding {
        at: call.link(acquired.at)?,
        steps: acquired.steps,
        what,
        value,
        commit: record.map(|record| call.commit(&record)),
    })
}

/// `GET @@find`.
pub(super) fn find(call: &Call<'_>) -> Result<Answer, PublishError> {
    let limit = call.number("limit", LIMIT, LIMIT_MAX)?.max(1);
    let wanted = Query::of(call)?;
    let mut walk = match call.query("after") {
        Some(after) => Walk::after(call, call.oid(after)?)?,
        None => Walk::from_top(call),
    };
    let mut items = Vec::new();
    let mut last = None;
    let mut has_more = false;
    for looked_at in 0.. {
        if items.len() == limit || looked_at == LOOKED_AT_MAX {
            has_more = true;
            break;
        }
        if looked_at % BATCH == 0 {
            call.check_time()?;
        }
        let Some(object) = walk.next(call)? else { break };
        last = Some(object.oid());
        if call.visit.access.may_view(&object)?
            && wanted.fits(call, &object)?
            && let Some((path, url)) = call.path_in(call.snapshot(), object.oid())?
        {
            items.push(call.entry(&object, path, url)?);
        }
    }
    let next = match last.filter(|_| has_more) {
        None => None,
        Some(last) => {
            let url = call.view_url(call.object.oid(), "find")?;
            let mut next = format!("{url}?limit={limit}&after={last}");
            for key in ["name", "type", "text", "with"] {
                for text in call.query_all(key) {
                    let text =
                        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
                    next.push_str(&format!("&{key}={text}"));
                }
            }
            Some(next)
        }
    };
    Answer::ok(&dto::Entries { items, next })
}

/// What is looked for.
struct Query<'a> {
    name: Option<&'a str>,
    type_name: Option<&'a str>,
    text: Option<String>,
    with: Vec<(&'a str, &'a str)>,
}

impl<'a> Query<'a> {
    fn of(call: &'a Call<'_>) -> Result<Self, Problem> {
        let too_long = |key: &str| {
            Problem::new(Code::Argument, format!("`{key}` is longer than {PATTERN_CHARS_MAX} characters"))
        };
        for key in ["name", "type", "text", "with"] {
            if call.query_all(key).iter().any(|text| text.chars().count() > PATTERN_CHARS_MAX) {
                return Err(too_long(key));
            }
        }
        let wrong = || Problem::new(Code::Argument, "`with` is NAME=VALUE, as in `with=format=markdown`");
        let with = call.query_all("with").iter().map(|text| text.split_once('=').ok_or_else(wrong));
        Ok(Self {
            name: call.query("name"),
            type_name: call.query("type"),
            text: call.query("text").map(str::to_lowercase),
            with: with.collect::<Result<_, _>>()?,
        })
    }

    fn fits(&self, call: &Call<'_>, object: &Object) -> Result<bool, PublishError> {
        let name = object.place().map_or("", |place| place.name.as_str());
        let by_name = self.name.is_none_or(|pattern| fits_pattern(pattern, name));
        if !by_name || self.type_name.is_some_and(|wanted| wanted != type_name(object)) {
            return Ok(false);
        }
        for (attribute, text) in &self.with {
            if !call.may_read(object, attribute)? || !holds(call, object, attribute, text)? {
                return Ok(false);
            }
        }
        let Some(wanted) = &self.text else { return Ok(true) };
        if name.to_lowercase().contains(wanted) {
            return Ok(true);
        }
        for (attribute, _) in object.attributes() {
            if !call.may_read(object, attribute.as_str())? {
                continue;
            }
            let value = bough_core::snapshot::attribute(call.snapshot(), object, attribute.as_str())?;
            if value
                .as_ref()
                .and_then(Value::as_text)
                .is_some_and(|text| text.to_lowercase().contains(wanted))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether an attribute has the value that a text stands for, as a text or as JSON.
fn holds(call: &Call<'_>, object: &Object, attribute: &str, text: &str) -> Result<bool, PublishError> {
    let own = bough_core::snapshot::attribute(call.snapshot(), object, attribute)?;
    let spec = call.types().schema(type_name(object)).and_then(|schema| schema.attribute(attribute));
    let Some(value) = own.or_else(|| spec.and_then(|spec| spec.default.clone())) else { return Ok(false) };
    if let Value::Text(held) = &value {
        return Ok(**held == *text);
    }
    let Ok(json) = serde_json::from_str(text) else { return Ok(false) };
    let reader = Reader::new(call.snapshot(), call.visit.top.oid(), Some(object));
    Ok(reader.read(&json, Some(value.kind())) == Ok(Wanted::Value(value)))
}

/// Whether a name fits a pattern with `*` and `?`.
fn fits_pattern(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last star was, and how much it took up to now.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                (p, n) = (at + 1, taken + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// A walk through a subtree in the order of the tree, which can go on later where it stopped.
struct Walk {
    /// One listing for each container on the way: as deep as the tree, which is bounded.
    open: Vec<Open>,
    /// The top, while it was not visited.
    top: Option<Arc<Object>>,
}

struct Open {
    container: Oid,
    page: ChildrenPage,
    /// Read and not visited yet, the next one last.
    children: Vec<bough_core::snapshot::Child>,
    shows_private: bool,
    is_ended: bool,
}

impl Walk {
    fn from_top(call: &Call<'_>) -> Self {
        Self { open: Vec::new(), top: Some(Arc::clone(call.object)) }
    }

    /// The walk from behind an object that was visited.
    fn after(call: &Call<'_>, oid: Oid) -> Result<Self, PublishError> {
        let gone = || Problem::new(Code::Argument, "`after` is not in what is looked through: begin again");
        let Chain::Live(chain) = chain(call.snapshot(), oid)? else { return Err(gone().into()) };
        let depth = chain.iter().position(|object| object.oid() == call.object.oid()).ok_or_else(gone)?;
        let mut walk = Self { open: Vec::new(), top: None };
        for at in (0..=depth).rev() {
            let mut open = Open::of(&chain[at]);
            if let Some(next) = at.checked_sub(1).and_then(|below| chain[below].place()) {
                open.page.after = Some((next.order.clone(), next.name.clone()));
            }
            walk.open.push(open);
        }
        Ok(walk)
    }

    fn next(&mut self, call: &Call<'_>) -> Result<Option<Arc<Object>>, PublishError> {
        if let Some(top) = self.top.take() {
            self.open.push(Open::of(&top));
            return Ok(Some(top));
        }
        while let Some(open) = self.open.last_mut() {
            match open.next(call)? {
                None => drop(self.open.pop()),
                Some(object) => {
                    if call.visit.access.allows(LIST, &object)? {
                        self.open.push(Open::of(&object));
                    }
                    return Ok(Some(object));
                }
            }
        }
        Ok(None)
    }
}

impl Open {
    fn of(container: &Object) -> Self {
        let page = ChildrenPage::first(BATCH);
        Self { container: container.oid(), page, children: Vec::new(), shows_private: false, is_ended: false }
    }

    fn next(&mut self, call: &Call<'_>) -> Result<Option<Arc<Object>>, PublishError> {
        loop {
            if self.children.is_empty() && !self.is_ended {
                self.children = call.snapshot().children(self.container, &self.page)?;
                self.is_ended = self.children.len() < BATCH;
                if let Some(last) = self.children.last() {
                    self.page = self.page.following(last);
                }
                if self.children.iter().any(|child| child.name.is_private()) {
                    let container = call.snapshot().object(self.container)?;
                    self.shows_private =
                        container.map(|container| shows_private(call.visit, &container)).transpose()?
                            == Some(true);
                }
                self.children.reverse();
            }
            let Some(child) = self.children.pop() else { return Ok(None) };
            if child.name.is_private() && !self.shows_private {
                continue;
            }
            if let Some(object) = call.snapshot().object(child.oid)? {
                return Ok(Some(object));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names_and_take_no_longer_than_they_must() {
        for (pattern, name, fits) in [
            ("*", "", true),
            ("*.html", "a.html", true),
            ("*.html", "a.htm", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("", "a", false),
            ("é*", "été", true),
        ] {
            assert_eq!(fits_pattern(pattern, name), fits, "{pattern} {name}");
        }
        assert!(!fits_pattern(&"a*".repeat(100), &"a".repeat(99)));
    }
}
