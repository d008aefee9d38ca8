//! What is around every page: the bar with the line and the user, the tree, the way to the object, tabs, and the message.

use bough_core::security::permission::{
    ADD, EDIT, HISTORY, LIST, PERMISSIONS, SITE, TASKS, UNDO, USERS, VERSIONS,
};
use bough_core::snapshot::{Chain, chain};
use bough_core::{Object, Oid};
use bough_web::pages::{PageError, PageRequest};

use crate::message::Message;
use crate::tree::{self, Node};
use crate::versions::{Standing, ended, open_conflicts, parent_text};
use crate::{assets, outbox, text};

/// Up to how many objects of a version, and commits of its parent line, are counted.
const CHANGES_MAX: usize = 500;
const BEHIND_MAX: usize = 1_000;

/// One step of the way to an object, one tab, one entry of a menu.
pub(crate) struct Link {
    pub(crate) text: String,
    pub(crate) url: String,
    pub(crate) is_here: bool,
}

/// The version in which somebody works.
pub(crate) struct VersionBar {
    pub(crate) name: String,
    pub(crate) changes: String,
    pub(crate) behind: String,
    pub(crate) is_behind: bool,
    /// How many of those objects others changed, too; empty where there are none.
    pub(crate) overlap: String,
    /// How many conflicts stand open, where that is known; empty where there are none.
    pub(crate) conflicts: String,
    /// What it is called that it is not open, and where it can be opened again.
    pub(crate) ended: Option<(&'static str, String)>,
    /// Its own page, what it changed, where it is updated and merged.
    pub(crate) url: String,
    /// The same object on the public line.
    pub(crate) leave_url: String,
}

/// What is around every page.
pub(crate) struct Frame {
    /// What the page is, for the title of the window and as its heading.
    pub(crate) heading: String,
    /// The name of the object, for the title of the window.
    pub(crate) about: String,
    pub(crate) icon: &'static str,
    pub(crate) assets: String,
    pub(crate) nonce: String,
    /// What every form carries as `code`.
    pub(crate) code: String,
    pub(crate) home_url: String,
    /// The object's own URL: the page that visitors see.
    pub(crate) view_url: String,
    pub(crate) crumbs: Vec<Link>,
    pub(crate) tabs: Vec<Link>,
    pub(crate) places: Vec<Link>,
    pub(crate) tree: Node,
    pub(crate) version: Option<VersionBar>,
    pub(crate) versions_url: Option<String>,
    pub(crate) user: String,
    pub(crate) account_url: String,
    pub(crate) logout_url: String,
    pub(crate) find_url: String,
    pub(crate) undo_url: String,
    /// Where the browser comes back to when a message's undo is done: this page, without what it was told.
    pub(crate) back_url: String,
    pub(crate) message: Option<Message>,
}

impl Frame {
    /// The frame of a page about an object. `heading`: what the page is, in a few words.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn new(request: &PageRequest, object: &Object, heading: &str) -> Result<Self, PageError> {
        let account = |view: &str| format!("{}/@@{view}", request.prefix());
        let may_use_versions = request.access().allows_at(VERSIONS, Oid::ROOT)?;
        let place = request.behind().first().map_or("", String::as_str);
        Ok(Self {
            heading: heading.to_owned(),
            about: text::title(request.snapshot(), object),
            icon: text::icon(object.type_name().map(|name| name.as_str())),
            assets: assets::folder(request),
            nonce: request.nonce().to_owned(),
            code: request.form_code(),
            home_url: request.top_url(&[]),
            view_url: request.url(object.oid())?.unwrap_or_default(),
            crumbs: crumbs(request, object)?,
            tabs: tabs(request, object, place)?,
            places: places(request, place)?,
            tree: tree::to(request, object)?,
            version: version_bar(request, object.oid())?,
            versions_url: may_use_versions.then(|| request.top_url(&["versions"])),
            user: request.actor().name().to_string(),
            account_url: account("account"),
            logout_url: account("logout"),
            find_url: request.top_url(&["find"]),
            // Of the object, where whoever asks may be who may not even look at the top.
            undo_url: request.page_url(object.oid(), &["undo"])?,
            back_url: back_url(request, object.oid())?,
            message: Message::of_request(request),
        })
    }

    /// The same, with a message of its own.
    #[must_use]
    pub(crate) fn saying(self, message: Message) -> Self {
        Self { message: Some(message), ..self }
    }
}

/// This page without what it was told to say.
fn back_url(request: &PageRequest, oid: Oid) -> Result<String, PageError> {
    let behind: Vec<&str> = request.behind().iter().map(String::as_str).collect();
    let url = request.page_url(oid, &behind)?;
    let told =
        |pair: &&str| !["did=", "nothing="].iter().any(|told| pair.starts_with(told)) && !pair.is_empty();
    let query: Vec<&str> = request.query_text().split('&').filter(told).collect();
    Ok(if query.is_empty() { url } else { format!("{url}?{}", query.join("&")) })
}

fn crumbs(request: &PageRequest, object: &Object) -> Result<Vec<Link>, PageError> {
    let Chain::Live(chain) = chain(request.snapshot(), object.oid())? else { return Ok(Vec::new()) };
    let depth = chain.iter().position(|object| object.oid() == request.top().oid()).unwrap_or(0);
    let mut crumbs = Vec::new();
    for at in chain[..=depth].iter().rev() {
        let text = match at.place() {
            Some(place) if at.oid() != request.top().oid() => place.name.to_string(),
            _ => text::title(request.snapshot(), at),
        };
        crumbs.push(Link { text, url: request.page_url(at.oid(), &[])?, is_here: at.oid() == object.oid() });
    }
    Ok(crumbs)
}

/// The pages about one object that whoever asks may use.
fn tabs(request: &PageRequest, object: &Object, place: &str) -> Result<Vec<Link>, PageError> {
    let access = request.access();
    let schema = object.type_name().and_then(|name| request.types().schema(name.as_str()));
    let is_container = object.oid() == Oid::ROOT || schema.is_none_or(|schema| schema.container);
    let guards = request.types().guards(object.type_name());
    let mut tabs = Vec::new();
    let mut tab = |name: &str, text: &str, also: &[&str], is_shown: bool| -> Result<(), PageError> {
        if is_shown {
            let is_here = place == name || also.contains(&place);
            let url = request.page_url(object.oid(), &[name])?;
            tabs.push(Link { text: text.to_owned(), url, is_here });
        }
        Ok(())
    };
    let contents = ["", "add", "upload", "delete", "move", "copy", "rename", "deleted", "paste"];
    tab("contents", "Contents", &contents, is_container && access.allows(LIST, object)?)?;
    let sending = outbox::tab(request, object)?;
    tab("outbox", sending.unwrap_or_default(), &[], sending.is_some())?;
    tab("edit", "Edit", &[], access.allows(guards.edit, object)? || access.allows(EDIT, object)?)?;
    tab("history", "History", &["diff", "blame"], access.allows(HISTORY, object)?)?;
    let is_task = object.is_a(bough_web::tasks::TASK);
    tab("schedule", "Schedule", &[], is_task && access.allows(TASKS, object)?)?;
    tab("acquisition", "Acquisition", &[], true)?;
    tab("security", "Security", &["why"], access.allows(PERMISSIONS, object)?)?;
    let _ = ADD;
    tabs.extend(outbox::try_link(request, object)?);
    Ok(tabs)
}

/// The pages about the whole site that whoever asks may use.
fn places(request: &PageRequest, place: &str) -> Result<Vec<Link>, PageError> {
    let access = request.access();
    let mut places = Vec::new();
    for (name, text, permission) in [
        ("undo", "History and undo", HISTORY),
        ("versions", "Versions", VERSIONS),
        ("schedule", "Tasks", TASKS),
        ("users", "Users", USERS),
        ("site", "Upkeep and backups", SITE),
    ] {
        if access.allows_at(permission, Oid::ROOT)? {
            let url = request.top_url(&[name]);
            places.push(Link { text: text.to_owned(), url, is_here: place == name });
        }
    }
    let _ = UNDO;
    Ok(places)
}

fn version_bar(request: &PageRequest, oid: Oid) -> Result<Option<VersionBar>, PageError> {
    let Some(name) = request.version_name() else { return Ok(None) };
    let database = request.database();
    let info = database.version_info()?;
    let standing = Standing::of(database, &info, CHANGES_MAX, BEHIND_MAX)?;
    Ok(Some(VersionBar {
        name: name.to_owned(),
        changes: standing.changes_text(),
        behind: standing.behind_text(),
        is_behind: standing.behind > 0,
        overlap: standing.overlap_text(&parent_text(&info)),
        conflicts: match open_conflicts(database)? {
            Some(number) if number > 0 && info.status == bough_store::LineStatus::Open => {
                format!("{} to settle", text::counted(number as u64, "conflict", "conflicts"))
            }
            _ => String::new(),
        },
        ended: ended(request)?.map(|(status, settings)| (status.word(), settings)),
        url: request.top_url(&["versions", name]),
        leave_url: request.page_url_on((None, request.trunk()), oid, &[])?,
    }))
}
