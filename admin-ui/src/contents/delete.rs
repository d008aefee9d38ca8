//! Deleting: says beforehand how much goes and what refers to it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use askama::Template;
use axum::http::StatusCode;
use bough_core::security::USERS;
use bough_core::security::permission::LIST;
use bough_core::snapshot::{ChildrenPage, is_live};
use bough_core::{Object, Oid, Snapshot as _, Value};
use bough_web::pages::{PageAnswer, PageError, PageRequest};
use percent_encoding::percent_decode_str;

use super::chosen::Choice;
use super::{BATCH, LOOKED_AT_MAX, child_path, refusal};
use crate::frame::Frame;
use crate::{message, page, text};

/// How many that refer to something are shown.
const REFERRING_SHOWN: usize = 20;
/// How many that refer to something are looked at: those that go along and those that are gone are among them.
const REFERRING_LOOKED_AT_MAX: usize = 20_000;
/// How many objects are searched for links in texts, and how long at most.
const SEARCHED_MAX: usize = 5_000;
const SEARCH_TIME_MAX: Duration = Duration::from_secs(2);

struct Item {
    oid: String,
    name: String,
    title: String,
    icon: &'static str,
}

struct Referring {
    path: String,
    title: String,
    icon: &'static str,
    url: String,
}

#[derive(Template)]
#[template(path = "contents_delete.html")]
struct DeletePage {
    frame: Frame,
    url: String,
    back_url: String,
    items: Vec<Item>,
    gone: Option<String>,
    question: String,
    /// Whether accounts go.
    has_accounts: bool,
    referring: Vec<Referring>,
    /// What there is to say of those that refer to it.
    refers: String,
    searched: String,
    wrong: Option<String>,
}

/// `@@manage/delete`.
pub(super) fn answer(request: &PageRequest) -> Result<PageAnswer, PageError> {
    if !request.is_post() {
        return show(request, StatusCode::OK, &Choice::asked(request)?, None);
    }
    let folder = request.object()?.oid();
    let choice = Choice::of(request, request.form()?.all("of"), Some(folder))?;
    let path = request.path_text(folder)?;
    let sentence = match &choice.objects[..] {
        [] => {
            let wrong = "What you chose is not here any more.".to_owned();
            return show(request, StatusCode::CONFLICT, &choice, Some(wrong));
        }
        [one] => format!("Deleted {}", child_path(&path, &one.name)),
        all => {
            let objects = text::counted(all.len() as u64, "object", "objects");
            format!("Deleted {objects} from {path}: {}", choice.names())
        }
    };
    let done = request.write(sentence, |draft| {
        for chosen in &choice.objects {
            draft.delete(chosen.oid)?;
        }
        Ok(())
    });
    match done {
        Ok(((), tid)) => Ok(message::done(&request.page_url(folder, &["contents"])?, tid)),
        Err(error) => {
            let (status, wrong) = refusal(error)?;
            show(request, status, &choice, Some(format!("Nothing was deleted: {wrong}")))
        }
    }
}

fn show(
    request: &PageRequest,
    status: StatusCode,
    choice: &Choice,
    wrong: Option<String>,
) -> Result<PageAnswer, PageError> {
    let folder = request.object()?;
    let inside = Inside::of(request, choice)?;
    let names: HashSet<&str> = choice.objects.iter().map(|chosen| chosen.name.as_str()).collect();
    let mut found = Found::default();
    found.by_reference(request, &inside)?;
    let searched = found.by_text(request, &inside, &request.path_text(folder.oid())?, &names)?;
    let items = choice.objects.iter().map(|chosen| Item {
        oid: chosen.oid.to_string(),
        name: chosen.name.to_string(),
        title: chosen.title.clone(),
        icon: chosen.icon,
    });
    page::show_as(
        status,
        &DeletePage {
            frame: Frame::new(request, folder, "Delete")?,
            url: request.page_url(folder.oid(), &["delete"])?,
            back_url: request.page_url(folder.oid(), &["contents"])?,
            items: items.collect(),
            gone: choice.gone_text(),
            question: inside.question(choice),
            has_accounts: choice.objects.iter().any(|chosen| chosen.object.is_a(USERS)),
            refers: found.text(inside.is_more),
            referring: found.shown(request)?,
            searched,
            wrong,
        },
    )
}

/// What goes: what was chosen, and what is in it.
struct Inside {
    oids: HashSet<Oid>,
    /// How many of those in it whoever asks may see.
    seen: usize,
    /// Whether there are others.
    has_hidden: bool,
    is_more: bool,
}

impl Inside {
    fn of(request: &PageRequest, choice: &Choice) -> Result<Self, PageError> {
        let mut oids: HashSet<Oid> = choice.objects.iter().map(|chosen| chosen.oid).collect();
        let most = oids.len() + LOOKED_AT_MAX;
        let (mut seen, mut has_hidden) = (0, false);
        // Each with whether whoever asks may see what is in it.
        let mut waiting: Vec<(Oid, bool)> = Vec::with_capacity(oids.len());
        for chosen in &choice.objects {
            waiting.push((chosen.oid, request.access().allows(LIST, &chosen.object)?));
        }
        while let Some((oid, may_list)) = waiting.pop() {
            let mut page = ChildrenPage::first(BATCH);
            loop {
                request.check_time()?;
                let children = request.snapshot().children(oid, &page)?;
                for child in &children {
                    if oids.len() >= most {
                        return Ok(Self { oids, seen, has_hidden, is_more: true });
                    }
                    oids.insert(child.oid);
                    let (is_seen, may_list_it) = match request.snapshot().object(child.oid) {
                        Ok(Some(object)) if may_list => {
                            (request.access().may_view(&object)?, request.access().allows(LIST, &object)?)
                        }
                        // One that cannot be read is a row in the listing, too.
                        _ => (may_list, false),
                    };
                    seen += usize::from(is_seen);
                    has_hidden |= !is_seen;
                    waiting.push((child.oid, may_list_it));
                }
                match children.last().filter(|_| children.len() == BATCH) {
                    Some(last) => page = page.following(last),
                    None => break,
                }
            }
        }
        Ok(Self { oids, seen, has_hidden, is_more: false })
    }

    fn question(&self, choice: &Choice) -> String {
        let what = match &choice.objects[..] {
            [one] => format!("“{}”", one.name),
            all => text::counted(all.len() as u64, "object", "objects"),
        };
        let more = if self.is_more { "more than " } else { "" };
        let seen = format!("{more}{}", text::counted(self.seen as u64, "object", "objects"));
        let with = match (self.seen, self.has_hidden) {
            (0, false) => String::new(),
            (0, true) => " with what you may not see inside".into(),
            (_, false) => format!(" with {seen} inside"),
            (_, true) => format!(" with {seen} and what you may not see inside"),
        };
        format!("Delete {what}{with}?")
    }
}

/// Who refers to what goes.
#[derive(Default)]
struct Found {
    by_oid: BTreeMap<Oid, Arc<Object>>,
    /// Whether there are more than are shown.
    is_more: bool,
    /// Whether not all that refer to it were looked at.
    is_cut: bool,
}

impl Found {
    /// Those whose values name an object that goes: the store knows them.
    fn by_reference(&mut self, request: &PageRequest, inside: &Inside) -> Result<(), PageError> {
        let snapshot = request.snapshot();
        let mut left = REFERRING_LOOKED_AT_MAX;
        for target in &inside.oids {
            request.check_time()?;
            let sources = snapshot.referring(*target, left + 1)?;
            self.is_cut = sources.len() > left;
            for source in sources.into_iter().take(left) {
                left -= 1;
                if !inside.oids.contains(&source) && is_live(snapshot, source)? {
                    self.add(request, source)?;
                }
                if self.is_more {
                    return Ok(());
                }
                if left.is_multiple_of(BATCH) {
                    request.check_time()?;
                }
            }
            if self.is_cut {
                break;
            }
        }
        Ok(())
    }

    fn add(&mut self, request: &PageRequest, source: Oid) -> Result<(), PageError> {
        if self.by_oid.contains_key(&source) {
            return Ok(());
        }
        if let Some(object) = request.snapshot().object(source)?
            && request.access().may_view(&object)?
        {
            if self.by_oid.len() >= REFERRING_SHOWN {
                self.is_more = true;
            } else {
                self.by_oid.insert(source, object);
            }
        }
        Ok(())
    }

    /// Those whose texts hold the address of one that goes, as far as a bounded search finds them. Says how far it went.
    fn by_text(
        &mut self,
        request: &PageRequest,
        inside: &Inside,
        folder: &str,
        names: &HashSet<&str>,
    ) -> Result<String, PageError> {
        let until = Instant::now() + SEARCH_TIME_MAX;
        let before = format!("{}/", folder.trim_end_matches('/'));
        let snapshot = request.snapshot();
        let mut waiting = vec![request.top().oid()];
        let mut searched = 0_usize;
        let so_far = |searched: usize| {
            let objects = text::grouped(searched as u64);
            format!(
                "Links in texts were looked for in the first {objects} objects of the site; there may be others."
            )
        };
        while let Some(oid) = waiting.pop() {
            let mut page = ChildrenPage::first(BATCH);
            loop {
                let children = snapshot.children(oid, &page)?;
                for child in &children {
                    if inside.oids.contains(&child.oid) {
                        continue;
                    }
                    if searched == SEARCHED_MAX || self.is_more || Instant::now() > until {
                        return Ok(so_far(searched));
                    }
                    searched += 1;
                    let Ok(Some(object)) = snapshot.object(child.oid) else { continue };
                    if !request.access().may_view(&object)? {
                        continue;
                    }
                    if links(request, &object, &before, names)? {
                        self.add(request, child.oid)?;
                    }
                    if request.access().allows(LIST, &object)? {
                        waiting.push(child.oid);
                    }
                }
                match children.last().filter(|_| children.len() == BATCH) {
                    Some(last) => page = page.following(last),
                    None => break,
                }
            }
        }
        Ok(String::new())
    }

    fn text(&self, is_cut: bool) -> String {
        let count = self.by_oid.len() as u64;
        let is_cut = is_cut || self.is_cut;
        let more = if self.is_more || is_cut { "At least " } else { "" };
        match count {
            0 if is_cut => "Nothing was found that refers to what was looked at.".into(),
            0 => "Nothing was found that refers to it.".into(),
            1 => format!("{more}1 object refers to it; its link will lead nowhere:"),
            count => {
                format!("{more}{} objects refer to it; their links will lead nowhere:", text::grouped(count))
            }
        }
    }

    fn shown(&self, request: &PageRequest) -> Result<Vec<Referring>, PageError> {
        let mut shown = Vec::with_capacity(self.by_oid.len());
        for (oid, object) in &self.by_oid {
            shown.push(Referring {
                path: request.path_text(*oid)?,
                title: text::title(request.snapshot(), object),
                icon: text::icon(object.type_name().map(|name| name.as_str())),
                url: request.page_url(*oid, &[])?,
            });
        }
        shown.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(shown)
    }
}

/// Whether a text of an object holds the address of one of these children of a container.
fn links(
    request: &PageRequest,
    object: &Object,
    before: &str,
    names: &HashSet<&str>,
) -> Result<bool, PageError> {
    let attributes: BTreeSet<&str> = object
        .attributes()
        .filter(|(_, cell)| {
            matches!(cell.content, bough_core::Content::Value(Value::Text(_)) | bough_core::Content::Large(_))
        })
        .map(|(name, _)| name.as_str())
        .collect();
    for name in attributes {
        let value = bough_core::snapshot::attribute(request.snapshot(), object, name)?;
        if value.as_ref().and_then(Value::as_text).is_some_and(|text| holds_address(text, before, names)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a text holds `before` and one of the names, not in the middle of some longer address.
fn holds_address(text: &str, before: &str, names: &HashSet<&str>) -> bool {
    text.match_indices(before).any(|(at, _)| {
        let is_start = !text[..at].ends_with(|c: char| c.is_alphanumeric() || "/.-_~:@%".contains(c));
        let rest = &text[at + before.len()..];
        let end =
            rest.find(|c: char| c.is_whitespace() || "/\"'#?)<>&]`|\\".contains(c)).unwrap_or(rest.len());
        let step = percent_decode_str(&rest[..end]).decode_utf8_lossy();
        is_start
            && (names.contains(step.as_ref()) || names.contains(step.trim_end_matches(['.', ',', ';', '!'])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_texts_and_nothing_that_only_looks_like_one() {
        let names = HashSet::from(["team", "our news"]);
        for text in [
            r#"<a href="/about/team">"#,
            r#"<a href="/about/team/ana#top">"#,
            "see /about/team.",
            "[news](/about/our%20news?x=1)",
            "/about/team",
        ] {
            assert!(holds_address(text, "/about/", &names), "{text}");
        }
        for text in
            ["/about/teamwork", "/old/about/team", "https://example.org/about/team", "about/team", "/about/"]
        {
            assert!(!holds_address(text, "/about/", &names), "{text}");
        }
        assert!(holds_address(r#"href="/team/""#, "/", &names) && !holds_address("either/team", "/", &names));
    }
}
