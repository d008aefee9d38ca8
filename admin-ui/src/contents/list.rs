//! The listing: by place or by name as the store has it, a page at a time however many there are; otherwise as far as
//! one request can read.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use bough_core::acquisition::{self, Found};
use bough_core::object::differing_cells;
use bough_core::security::permission::{ADD, DELETE, EDIT, HISTORY, SITE};
use bough_core::security::{USERS, USERS_NAME};
use bough_core::snapshot::{Child, ChildOrder, ChildrenPage};
use bough_core::traversal::FILES;
use bough_core::{Content, Name, Object, Oid, OrderKey, Snapshot as _, Tid, Value};
use bough_store::Snapshot;
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::add::{self, AddChoice};
use super::{BATCH, ChildUrls, LOOKED_AT_MAX, in_query, order, type_title};
use crate::frame::Frame;
use crate::message::Message;
use crate::page;
use crate::text::{self, Time};

/// How many rows a page has.
const ROWS: usize = 100;
/// How many children are looked at to count those that may be seen.
const COUNTED_MAX: usize = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Place,
    Name,
    Title,
    Type,
    Size,
    Changed,
}

const SORTS: [(Sort, &str, &str); 6] = [
    (Sort::Place, "place", "Order"),
    (Sort::Name, "name", "Name"),
    (Sort::Title, "title", "Title"),
    (Sort::Type, "type", "Type"),
    (Sort::Size, "size", "Size"),
    (Sort::Changed, "changed", "Changed"),
];

/// What the query asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    sort: Sort,
    is_down: bool,
    text: String,
    type_name: String,
    /// Where the page begins in an order that the store has.
    after: Option<(OrderKey, Name)>,
    /// Where it begins otherwise.
    from: usize,
    all: bool,
}

impl Asked {
    fn of(request: &PageRequest) -> Self {
        let query = |key| request.query(key).unwrap_or_default().to_owned();
        let sort = SORTS.iter().find(|(_, name, _)| Some(*name) == request.query("sort"));
        Self {
            sort: sort.map_or(Sort::Place, |(sort, ..)| *sort),
            is_down: request.query("down").is_some(),
            text: query("q").trim().to_owned(),
            type_name: query("type"),
            after: request.query("after").and_then(|name| {
                let order = request.query("order").map_or(Some(OrderKey::default()), OrderKey::parse)?;
                Some((order, Name::new(name).ok()?))
            }),
            from: request.query("from").and_then(|from| from.parse().ok()).unwrap_or(0),
            all: request.query("all").is_some(),
        }
    }

    /// Whether the store has the order.
    fn is_native(&self) -> bool {
        matches!(self.sort, Sort::Place | Sort::Name) && !self.is_down
    }

    fn is_filtered(&self) -> bool {
        !self.text.is_empty() || !self.type_name.is_empty()
    }

    /// The same list from its beginning.
    fn start(&self) -> Self {
        Self { after: None, from: 0, all: false, ..self.clone() }
    }

    fn query(&self) -> String {
        let mut pairs: Vec<String> = Vec::new();
        if let Some((_, name, _)) = SORTS.iter().find(|(sort, ..)| *sort == self.sort && *sort != Sort::Place)
        {
            pairs.push(format!("sort={name}"));
        }
        if self.is_down {
            pairs.push("down=1".into());
        }
        for (key, value) in [("q", &self.text), ("type", &self.type_name)] {
            if !value.is_empty() {
                pairs.push(format!("{key}={}", in_query(value)));
            }
        }
        if let Some((order, name)) = &self.after {
            if self.sort == Sort::Place {
                pairs.push(format!("order={order}"));
            }
            pairs.push(format!("after={}", in_query(name.as_str())));
        }
        if self.from > 0 {
            pairs.push(format!("from={}", self.from));
        }
        if self.all {
            pairs.push("all=1".into());
        }
        pairs.join("&")
    }
}

struct Column {
    text: &'static str,
    url: String,
    /// `ascending`, `descending` or empty, as ARIA has it.
    sorted: &'static str,
    class: &'static str,
}

struct TypeChoice {
    name: String,
    title: String,
    is_chosen: bool,
}

struct Row {
    oid: String,
    name: String,
    title: String,
    type_title: String,
    icon: &'static str,
    size: String,
    changed: Option<Time>,
    who: String,
    /// None where it has no URL.
    url: Option<String>,
    /// What the version did to it.
    mark: Option<&'static str>,
    is_broken: bool,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "contents_list.html")]
struct ListPage {
    frame: Frame,
    /// Where the list is, and with what was asked.
    list_url: String,
    query: String,
    count: String,
    rows: Vec<Row>,
    columns: Vec<Column>,
    text: String,
    sort_name: &'static str,
    is_down: bool,
    is_filtered: bool,
    /// Whether the rows stand as the children stand.
    is_in_order: bool,
    is_empty_folder: bool,
    is_paged: bool,
    types: Vec<TypeChoice>,
    notes: Vec<String>,
    first_url: Option<String>,
    previous_url: Option<String>,
    next_url: Option<(String, &'static str)>,
    start_url: String,
    all_url: String,
    is_all: bool,
    add: Vec<AddChoice>,
    upload_url: Option<String>,
    paste_url: Option<String>,
    deleted_url: Option<String>,
    may_change: bool,
    may_order: bool,
    may_delete: bool,
    has_private: bool,
}

/// `@@manage/contents`.
pub(super) fn answer(request: &PageRequest) -> Result<PageAnswer, PageError> {
    if request.is_post() {
        return act(request);
    }
    show(request, StatusCode::OK, None)
}

fn show(request: &PageRequest, status: StatusCode, say: Option<Message>) -> Result<PageAnswer, PageError> {
    let folder = request.object()?;
    let asked = Asked::of(request);
    let listing = Listing::read(request, folder.oid(), &asked)?;
    let asked = listing.asked.clone();
    let mut frame = Frame::new(request, folder, "Contents")?;
    if let Some(message) = say {
        frame = frame.saying(message);
    }
    let list_url = request.page_url(folder.oid(), &["contents"])?;
    let url = |asked: &Asked| match asked.query() {
        query if query.is_empty() => list_url.clone(),
        query => format!("{list_url}?{query}"),
    };
    let access = request.access();
    let (mut may_edit, mut may_delete) = (access.allows(EDIT, folder)?, access.allows(DELETE, folder)?);
    for entry in &listing.entries {
        // Owners may what others may not.
        if let Some(object) = &entry.object {
            may_edit = may_edit || access.allows(EDIT, object)?;
            may_delete = may_delete || access.allows(DELETE, object)?;
        }
    }
    let may_add = access.allows(ADD, folder)?;
    let add = add::choices(request, folder)?;
    let takes_files = super::takes(request, folder, &super::upload::file_type("file")?);
    let page_of = |step: &str| request.page_url(folder.oid(), &[step]);
    let columns = SORTS.iter().map(|(sort, name, text)| {
        let is_this = asked.sort == *sort;
        let is_down = is_this && !asked.is_down && *sort != Sort::Place;
        Column {
            text,
            url: url(&Asked { sort: *sort, is_down, ..asked.start() }),
            sorted: match (is_this, asked.is_down) {
                (false, _) => "",
                (true, false) => "ascending",
                (true, true) => "descending",
            },
            class: match *name {
                "size" => "number wide-only size",
                "type" => "wide-only type",
                "title" => "wide-only",
                "place" => "place",
                _ => "",
            },
        }
    });
    let mut types: Vec<TypeChoice> = request
        .types()
        .names()
        .filter_map(|name| request.types().schema(name.as_str()))
        .map(|schema| TypeChoice {
            name: schema.name.to_string(),
            title: schema.title.clone(),
            is_chosen: schema.name == asked.type_name.as_str(),
        })
        .collect();
    types.sort_by(|a, b| a.title.cmp(&b.title));
    let rows = rows(request, folder, &listing)?;
    let is_first = asked.after.is_none() && asked.from == 0;
    let page = ListPage {
        count: count(request, folder.oid(), &asked, &listing)?,
        is_empty_folder: rows.is_empty() && is_first && !asked.is_filtered() && listing.next.is_none(),
        is_paged: !is_first || listing.next.is_some(),
        has_private: rows.iter().any(|row| row.url.is_none() && !row.is_broken),
        rows,
        columns: columns.collect(),
        text: asked.text.clone(),
        sort_name: SORTS.iter().find(|(sort, ..)| *sort == asked.sort).map_or("place", |(_, name, _)| name),
        is_down: asked.is_down,
        is_filtered: asked.is_filtered(),
        is_in_order: asked.sort == Sort::Place && !asked.is_filtered(),
        types,
        first_url: (!is_first).then(|| url(&asked.start())),
        previous_url: (asked.from > 0)
            .then(|| url(&Asked { from: asked.from.saturating_sub(ROWS), ..asked.start() })),
        next_url: listing
            .next
            .as_ref()
            .map(|next| (url(next), if listing.is_cut { "Continue" } else { "Next" })),
        start_url: url(&Asked { text: String::new(), type_name: String::new(), ..asked.start() }),
        all_url: url(&Asked { all: !asked.all, ..asked.clone() }),
        is_all: asked.all,
        query: asked.query(),
        notes: listing.notes,
        upload_url: (may_add && takes_files).then(|| page_of("upload")).transpose()?,
        paste_url: may_add.then(|| page_of("paste")).transpose()?,
        deleted_url: access.allows(HISTORY, folder)?.then(|| page_of("deleted")).transpose()?,
        may_change: may_edit || may_delete || may_add,
        may_order: may_edit,
        may_delete,
        add,
        list_url,
        frame,
    };
    page::show_as(status, &page)
}

/// How many there are that may be seen, as far as they are counted.
fn count(request: &PageRequest, folder: Oid, asked: &Asked, listing: &Listing) -> Result<String, PageError> {
    let is_whole = listing.next.is_none() && asked.after.is_none() && asked.from == 0;
    let (count, is_more) = match listing.total {
        Some(total) => (total, false),
        None if is_whole => (listing.entries.len(), false),
        None if asked.is_filtered() => return Ok(String::new()),
        None => {
            let page = ChildrenPage { by: ChildOrder::Name, ..ChildrenPage::first(COUNTED_MAX + 1) };
            let children = request.snapshot().children(folder, &page)?;
            let is_more = children.len() > COUNTED_MAX;
            let mut seen = 0;
            for child in children.into_iter().take(COUNTED_MAX) {
                seen += usize::from(Entry::of(request, child)?.is_some());
            }
            (seen, is_more)
        }
    };
    let objects = text::counted(count as u64, "object", "objects");
    Ok(if is_more { format!("more than {objects}") } else { objects })
}

/// One child as it was read.
struct Entry {
    child: Child,
    /// None where it cannot be read.
    object: Option<Arc<Object>>,
    title: String,
}

impl Entry {
    /// A child, if it may be seen.
    fn of(request: &PageRequest, child: Child) -> Result<Option<Self>, PageError> {
        let broken = |child| Ok(Some(Self { child, object: None, title: String::new() }));
        let snapshot = request.snapshot();
        let object = match snapshot.object(child.oid) {
            Ok(Some(object)) => object,
            Ok(None) => return broken(child),
            Err(error) => {
                tracing::error!(%error, oid = %child.oid, "a child cannot be listed");
                return broken(child);
            }
        };
        match request.access().may_view(&object) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(_) => return broken(child),
        }
        let title = bough_core::snapshot::attribute(snapshot, &object, "title").ok().flatten();
        let title =
            title.as_ref().and_then(Value::as_text).map_or_else(String::new, |t| text::shortened(t, 120));
        Ok(Some(Self { child, object: Some(object), title }))
    }

    fn fits(&self, asked: &Asked, wanted: &str) -> bool {
        let Some(object) = &self.object else { return !asked.is_filtered() };
        let by_type = asked.type_name.is_empty() || object.is_a(&asked.type_name);
        by_type
            && (wanted.is_empty()
                || self.child.name.as_str().to_lowercase().contains(wanted)
                || self.title.to_lowercase().contains(wanted))
    }

    fn size(&self) -> Option<u64> {
        let object = self.object.as_ref()?;
        ["data", "body", "source"].iter().find_map(|name| match &object.attribute(name)?.content {
            Content::Value(Value::Bytes(bytes)) => Some(bytes.len() as u64),
            Content::Value(Value::Text(text)) => Some(text.len() as u64),
            Content::Value(Value::Blob(blob)) => Some(blob.bytes),
            Content::Large(large) => Some(u64::from(large.bytes)),
            _ => None,
        })
    }

    fn revision(&self) -> Tid {
        self.object.as_ref().map_or(Tid::ZERO, |object| object.revision())
    }
}

/// A part of what is in a container.
struct Listing {
    /// What was asked for, or what is shown instead.
    asked: Asked,
    entries: Vec<Entry>,
    /// How many there are, where all were read.
    total: Option<usize>,
    /// Where it goes on.
    next: Option<Asked>,
    /// Whether it stopped because one request looks at no more.
    is_cut: bool,
    notes: Vec<String>,
}

impl Listing {
    fn read(request: &PageRequest, folder: Oid, asked: &Asked) -> Result<Self, PageError> {
        if asked.is_native() {
            return Self::by_the_store(request, folder, asked, Vec::new());
        }
        let page = ChildrenPage { by: ChildOrder::Name, ..ChildrenPage::first(LOOKED_AT_MAX + 1) };
        let children = request.snapshot().children(folder, &page)?;
        if children.len() > LOOKED_AT_MAX {
            let most = text::grouped(LOOKED_AT_MAX as u64);
            let (sort, order) = match asked.sort {
                Sort::Name => (Sort::Name, "by name"),
                _ => (Sort::Place, "in their order"),
            };
            let note = format!(
                "More than {most} objects are in here: too many to sort like that. They are shown {order}; they can also be \
                 found by name or title."
            );
            let asked = Asked { sort, is_down: false, from: 0, ..asked.clone() };
            return Self::by_the_store(request, folder, &asked, vec![note]);
        }
        let wanted = asked.text.to_lowercase();
        let mut entries = Vec::with_capacity(children.len());
        for (nth, child) in children.into_iter().enumerate() {
            if nth % BATCH == 0 {
                request.check_time()?;
            }
            entries.extend(Entry::of(request, child)?.filter(|entry| entry.fits(asked, &wanted)));
        }
        sort(request, &mut entries, asked);
        let total = entries.len();
        let entries: Vec<Entry> = entries.into_iter().skip(asked.from).take(ROWS).collect();
        let end = asked.from.saturating_add(ROWS);
        let next = (end < total).then(|| Asked { from: end, all: false, ..asked.clone() });
        Ok(Self { asked: asked.clone(), entries, total: Some(total), next, is_cut: false, notes: Vec::new() })
    }

    fn by_the_store(
        request: &PageRequest,
        folder: Oid,
        asked: &Asked,
        mut notes: Vec<String>,
    ) -> Result<Self, PageError> {
        let by = if asked.sort == Sort::Name { ChildOrder::Name } else { ChildOrder::Place };
        let batch = if asked.is_filtered() { BATCH } else { ROWS + 1 };
        let mut page = ChildrenPage { by, after: asked.after.clone(), limit: batch };
        let wanted = asked.text.to_lowercase();
        let (mut entries, mut looked_at, mut is_cut): (Vec<Entry>, usize, bool) = (Vec::new(), 0, false);
        let mut last = None;
        let next = 'read: loop {
            request.check_time()?;
            let children = request.snapshot().children(folder, &page)?;
            let is_last = children.len() < batch;
            if let Some(last) = children.last() {
                page = page.following(last);
            }
            for child in children {
                if looked_at == LOOKED_AT_MAX {
                    is_cut = true;
                    break 'read last;
                }
                looked_at += 1;
                let place = (child.order.clone(), child.name.clone());
                if let Some(entry) = Entry::of(request, child)?
                    && entry.fits(asked, &wanted)
                {
                    if entries.len() == ROWS {
                        break 'read last;
                    }
                    entries.push(entry);
                }
                last = Some(place);
            }
            if is_last {
                break None;
            }
        };
        if is_cut {
            notes.push(format!(
                "{} objects were looked at, and there are more: continue below.",
                text::grouped(LOOKED_AT_MAX as u64)
            ));
        }
        let next = next.map(|after| Asked { after: Some(after), all: false, ..asked.clone() });
        Ok(Self { asked: asked.clone(), entries, total: None, next, is_cut, notes })
    }
}

fn sort(request: &PageRequest, entries: &mut [Entry], asked: &Asked) {
    let title = |entry: &Entry| match entry.title.trim() {
        "" => entry.child.name.as_str().to_lowercase(),
        title => title.to_lowercase(),
    };
    match asked.sort {
        Sort::Title => entries.sort_by_cached_key(title),
        Sort::Type => entries.sort_by_cached_key(|entry| {
            entry.object.as_ref().map_or_else(String::new, |object| type_title(request, object))
        }),
        Sort::Size => entries.sort_by_key(|entry| entry.size()),
        Sort::Changed => entries.sort_by_key(Entry::revision),
        Sort::Place => entries.sort_by(|a, b| ChildOrder::Place.compare(&a.child, &b.child)),
        Sort::Name => entries.sort_by(|a, b| a.child.name.cmp(&b.child.name)),
    }
    if asked.is_down {
        entries.reverse();
    }
    // What cannot be read has nothing to be sorted by.
    entries.sort_by(|a, b| match (a.object.is_some(), b.object.is_some()) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        _ => Ordering::Equal,
    });
}

/// The rows of a page, with who changed what, and what the version did.
fn rows(request: &PageRequest, folder: &Object, listing: &Listing) -> Result<Vec<Row>, PageError> {
    let snapshot = request.snapshot();
    let urls = ChildUrls::of(request, folder.oid())?;
    let has_private_urls = listing.entries.iter().any(|entry| entry.child.name.is_private())
        && matches!(
            acquisition::acquire(snapshot, request.types(), folder.oid(), FILES)?.map(|mark| mark.found),
            Some(Found::Attribute { content: Content::Value(Value::Bool(true)), .. })
        );
    let base = match request.version_name() {
        Some(_) => request.database().base_snapshot().ok(),
        None => None,
    };
    let runs_the_site = request.access().allows_at(SITE, Oid::ROOT)?;
    let mut told: HashMap<Tid, (Time, String)> = HashMap::new();
    let mut rows = Vec::with_capacity(listing.entries.len());
    for entry in &listing.entries {
        let name = &entry.child.name;
        let Some(object) = &entry.object else {
            rows.push(Row {
                oid: entry.child.oid.to_string(),
                // Whether it may be seen cannot be told either.
                name: if runs_the_site { name.to_string() } else { "An object".into() },
                title: String::new(),
                type_title: String::new(),
                icon: "object",
                size: String::new(),
                changed: None,
                who: String::new(),
                url: None,
                mark: None,
                is_broken: true,
                is_chosen: false,
            });
            continue;
        };
        let has_url = !name.is_private() || has_private_urls || (*name == USERS_NAME && object.is_a(USERS));
        let is_known = request.access().allows(HISTORY, object)?;
        let (changed, who) = match is_known {
            true => told
                .entry(object.revision())
                .or_insert_with(|| changed(request, object.revision()))
                .clone_told(),
            false => (None, String::new()),
        };
        rows.push(Row {
            oid: entry.child.oid.to_string(),
            name: name.to_string(),
            title: entry.title.clone(),
            type_title: type_title(request, object),
            icon: text::icon(object.type_name().map(|name| name.as_str())),
            size: entry.size().map(text::bytes).unwrap_or_default(),
            changed,
            who,
            url: has_url.then(|| urls.page(name.as_str())),
            mark: base.as_ref().map(|base| mark(base, object)).transpose()?.flatten(),
            is_broken: false,
            is_chosen: listing.asked.all,
        });
    }
    Ok(rows)
}

/// When a commit was made, and by whom.
fn changed(request: &PageRequest, tid: Tid) -> (Time, String) {
    match request.database().commit_record(tid) {
        Ok(record) => (Time::of_micros(record.time_micros), record.principal),
        // It is packed away.
        Err(_) => (Time::of_micros(tid.as_micros()), String::new()),
    }
}

trait Told {
    fn clone_told(&self) -> (Option<Time>, String);
}

impl Told for (Time, String) {
    fn clone_told(&self) -> (Option<Time>, String) {
        (Some(Time { iso: self.0.iso.clone(), utc: self.0.utc.clone() }), self.1.clone())
    }
}

/// What a version did to an object.
fn mark(base: &Snapshot, object: &Object) -> Result<Option<&'static str>, PageError> {
    let before = base.object(object.oid())?;
    Ok(match before {
        Some(before) if before.place().is_some() => {
            (!differing_cells(Some(&before), Some(object)).is_empty()).then_some("changed")
        }
        _ => Some("added"),
    })
}

/// What is done with what was chosen.
fn act(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let form = request.form()?;
    let folder = request.object()?.oid();
    let chosen: Vec<&str> = form.all("of").collect();
    let nothing = || Message::bad("Nothing was chosen: tick what you mean, then press the button again.");
    let what = form.get("do");
    let step = match what {
        "rename" | "move" | "copy" | "delete" => what,
        "up" | "down" | "first" | "last" | "after" => {
            if chosen.is_empty() {
                return show(request, StatusCode::UNPROCESSABLE_ENTITY, Some(nothing()));
            }
            return match order::put(request, what) {
                Ok(answer) => Ok(answer),
                Err(error) => {
                    let (status, message) = super::refusal(error)?;
                    show(request, status, Some(Message::bad(message)))
                }
            };
        }
        _ => return Err(PageError::refused("the form does not say what is to be done")),
    };
    if chosen.is_empty() {
        return show(request, StatusCode::UNPROCESSABLE_ENTITY, Some(nothing()));
    }
    let of: Vec<String> = chosen.iter().map(|oid| format!("of={}", in_query(oid))).collect();
    let url = request.page_url(folder, &[step])?;
    Ok(PageAnswer::SeeOther(format!("{url}?{}", of.join("&"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_list_was_asked_for_stands_in_its_address() {
        let asked = Asked {
            sort: Sort::Size,
            is_down: true,
            text: "a & b".into(),
            type_name: "page".into(),
            after: None,
            from: 100,
            all: false,
        };
        assert_eq!(asked.query(), "sort=size&down=1&q=a%20%26%20b&type=page&from=100");
        let order = OrderKey::at(1, 1);
        let after = Some((order.clone(), Name::new("ä b").unwrap()));
        let by_place = Asked { sort: Sort::Place, is_down: false, after, ..asked.clone() }.start();
        assert_eq!(by_place.query(), "q=a%20%26%20b&type=page");
        assert!(by_place.is_native() && !asked.is_native() && asked.is_filtered());
    }
}
