//! Quick open: objects by path, name or title, and what one worked on last.
//!
//! A text that begins with `/` is a path that is being written: what is in the last container on it is offered. Any other
//! is looked for in names and titles, nearest to the root first, within bounds.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use askama::Template;
use bough_core::security::permission::LIST;
use bough_core::snapshot::{ChildOrder, ChildrenPage, Snapshot as _};
use bough_core::{Object, ObjectPath, Oid};
use bough_web::pages::{PageAnswer, PageError, PageRequest};
use serde_json::json;

use crate::frame::Frame;
use crate::{page, text};

/// Most objects that are looked at for one answer.
const LOOKED_AT_MAX: usize = 20_000;
/// Longest time for one answer: whoever types sees what was found until then.
const TIME_MAX: Duration = Duration::from_millis(80);
const FOUND_MAX: usize = 40;
/// Most commits that are looked at for what somebody worked on last.
const COMMITS_MAX: usize = 300;
const RECENT_MAX: usize = 12;
const BATCH: usize = 500;

/// One object that was found.
struct Found {
    title: String,
    path: String,
    type_title: String,
    icon: &'static str,
    url: String,
}

/// What was found, and whether all was looked at.
struct Answer {
    found: Vec<Found>,
    is_whole: bool,
    is_recent: bool,
}

#[derive(Template)]
#[template(path = "find.html")]
struct FindPage {
    frame: Frame,
    text: String,
    answer: Answer,
    looked_at_max: String,
}

/// `@@manage/find?q=TEXT`: a page, or JSON for the scripts.
pub(crate) fn answer(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let text: String = request.query("q").unwrap_or_default().trim().chars().take(200).collect();
    let answer = look(request, &text)?;
    if request.query("json").is_some() {
        let found = answer.found.iter().map(|found| {
            json!({ "title": found.title, "path": found.path, "type": found.type_title, "icon": found.icon, "url": found.url })
        });
        let (is_whole, is_recent) = (answer.is_whole, answer.is_recent);
        return Ok(PageAnswer::Json(json!({
            "found": found.collect::<Vec<_>>(), "whole": is_whole, "recent": is_recent,
        })));
    }
    let frame = Frame::new(request, request.top(), "Find")?;
    page::show(&FindPage { frame, text, answer, looked_at_max: text::grouped(LOOKED_AT_MAX as u64) })
}

fn look(request: &PageRequest, text: &str) -> Result<Answer, PageError> {
    if text.is_empty() {
        return Ok(Answer { found: recent(request)?, is_whole: true, is_recent: true });
    }
    if text.starts_with('/') {
        return Ok(Answer { found: by_path(request, text)?, is_whole: true, is_recent: false });
    }
    let (found, is_whole) = by_words(request, text)?;
    Ok(Answer { found, is_whole, is_recent: false })
}

fn found(request: &PageRequest, object: &Object) -> Result<Option<Found>, PageError> {
    let Some(path) = request.path_in(request.snapshot(), object.oid())? else { return Ok(None) };
    let type_name = object.type_name().map(|name| name.as_str());
    let schema = type_name.and_then(|name| request.types().schema(name));
    Ok(Some(Found {
        title: text::title(request.snapshot(), object),
        path: path.to_string(),
        type_title: schema
            .map_or_else(|| type_name.unwrap_or("unknown").to_owned(), |schema| schema.title.clone()),
        icon: text::icon(type_name),
        url: request.page_url(object.oid(), &[])?,
    }))
}

/// What is in the last container of a path that is being written, as far as it begins like that.
fn by_path(request: &PageRequest, text: &str) -> Result<Vec<Found>, PageError> {
    let (container, begun) = text.rsplit_once('/').unwrap_or(("", text));
    let container = if container.is_empty() { "/" } else { container };
    if ObjectPath::parse(container).is_err() {
        return Ok(Vec::new());
    }
    let Some(container) = request.find(container)? else { return Ok(Vec::new()) };
    if !request.access().allows(LIST, &container)? {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    if begun.is_empty() {
        all.extend(found(request, &container)?);
    }
    let snapshot = request.snapshot();
    // The one of exactly this name, however many stand before it.
    if let Some(oid) = snapshot.child(container.oid(), begun)?
        && let Some(object) = snapshot.object(oid)?
        && request.access().may_view(&object)?
    {
        all.extend(found(request, &object)?);
    }
    let started = Instant::now();
    let mut page = ChildrenPage { by: ChildOrder::Name, after: None, limit: BATCH };
    let mut looked_at = 0;
    while all.len() < FOUND_MAX && looked_at < LOOKED_AT_MAX && started.elapsed() < TIME_MAX {
        let children = snapshot.children(container.oid(), &page)?;
        let Some(last) = children.last() else { break };
        looked_at += children.len();
        let next = page.following(last);
        for child in &children {
            if !child.name.as_str().starts_with(begun)
                || child.name.as_str() == begun
                || all.len() == FOUND_MAX
            {
                continue;
            }
            let Ok(Some(object)) = snapshot.object(child.oid) else { continue };
            if request.access().may_view(&object)? {
                all.extend(found(request, &object)?);
            }
        }
        page = next;
    }
    Ok(all)
}

/// How well an object fits: 0 best; none where a word is in neither its name nor its title nor its type.
fn rank(words: &[String], name: &str, title: &str, type_title: &str) -> Option<u8> {
    let (name, title, type_title) = (name.to_lowercase(), title.to_lowercase(), type_title.to_lowercase());
    if !words.iter().all(|word| name.contains(word) || title.contains(word) || type_title == *word) {
        return None;
    }
    let first = words.first()?;
    Some(match () {
        () if name == *first || title == words.join(" ") => 0,
        () if name.starts_with(first.as_str()) || title.starts_with(first.as_str()) => 1,
        () => 2,
    })
}

/// What has all the words in its name, title or type, nearest to the root first; and whether all was looked at.
fn by_words(request: &PageRequest, text: &str) -> Result<(Vec<Found>, bool), PageError> {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let snapshot = request.snapshot();
    let started = Instant::now();
    let mut waiting: VecDeque<Oid> = [request.top().oid()].into();
    let mut fitting: Vec<(u8, usize, Arc<Object>)> = Vec::new();
    let mut looked_at = 0;
    while let Some(container) = waiting.pop_front() {
        if !request.access().allows_at(LIST, container)? {
            continue;
        }
        let mut page = ChildrenPage::first(BATCH);
        loop {
            if looked_at >= LOOKED_AT_MAX || started.elapsed() > TIME_MAX {
                return Ok((best(request, fitting)?, false));
            }
            let children = snapshot.children(container, &page)?;
            looked_at += children.len();
            for child in &children {
                let Ok(Some(object)) = snapshot.object(child.oid) else { continue };
                let type_name = object.type_name().map_or("", |name| name.as_str());
                let schema = request.types().schema(type_name);
                if schema.is_none_or(|schema| schema.container) {
                    waiting.push_back(child.oid);
                }
                let title = object.text("title").unwrap_or_default();
                let type_title = schema.map_or(type_name, |schema| schema.title.as_str());
                if let Some(rank) = rank(&words, child.name.as_str(), title, type_title)
                    && request.access().may_view(&object)?
                {
                    fitting.push((rank, fitting.len(), object));
                }
            }
            match children.last().filter(|_| children.len() == BATCH) {
                Some(last) => page = page.following(last),
                None => break,
            }
        }
    }
    Ok((best(request, fitting)?, true))
}

fn best(request: &PageRequest, mut fitting: Vec<(u8, usize, Arc<Object>)>) -> Result<Vec<Found>, PageError> {
    fitting.sort_by_key(|(rank, at, _)| (*rank, *at));
    let mut all = Vec::new();
    for (_, _, object) in fitting.into_iter().take(FOUND_MAX) {
        all.extend(found(request, &object)?);
    }
    Ok(all)
}

/// What whoever asks changed last and is still there.
fn recent(request: &PageRequest) -> Result<Vec<Found>, PageError> {
    let database = request.database();
    let mut oids: Vec<Oid> = Vec::new();
    for commit in database.commits(None, COMMITS_MAX)? {
        if oids.len() >= RECENT_MAX {
            break;
        }
        if commit.principal != request.actor().name() || commit.objects > 20 {
            continue;
        }
        // One whose state before is packed away names nothing any more.
        for delta in database.changes(commit.tid, 0, 3).unwrap_or_default() {
            if !oids.contains(&delta.oid) {
                oids.push(delta.oid);
            }
        }
    }
    let mut all = Vec::new();
    for oid in oids.into_iter().take(RECENT_MAX) {
        let Some(object) = request.snapshot().object(oid)? else { continue };
        if request.access().may_view(&object)? {
            all.extend(found(request, &object)?);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_best_comes_first_and_every_word_counts() {
        let rank = |text: &str, name, title| {
            let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
            rank(&words, name, title, "Page")
        };
        assert_eq!(rank("About", "about", "All about us"), Some(0));
        assert_eq!(rank("all about us", "x", "All About Us"), Some(0));
        assert_eq!(rank("abo", "about", ""), Some(1));
        assert_eq!(rank("us", "about", "All about us"), Some(2));
        assert_eq!(rank("us page", "about", "All about us"), Some(2), "a type is a word, too");
        assert_eq!(rank("us folder", "about", "All about us"), None);
        assert_eq!(rank("x", "about", "All about us"), None);
    }
}
