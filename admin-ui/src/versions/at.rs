//! The version that a page is about, with the states that bear on it.

use std::sync::Arc;

use bough_core::security::Access;
use bough_core::security::permission::HISTORY;
use bough_core::{Object, ObjectPath, Oid, Snapshot as _, Tid};
use bough_store::version::VersionInfo;
use bough_store::{Database, LineId, LineStatus, Note, Snapshot};
use bough_web::pages::{PageError, PageRequest};
use bough_web::{may_manage_version, version_key, version_managers, version_of_key};

use super::standing::{open_conflicts, parent_text};
use crate::frame::{Frame, Link};
use crate::message::Message;
use crate::{sight, text};

/// How many objects of a commit are looked at to say whether it may be told.
const TOUCHED_MAX: usize = 5;

/// One state of the site, and what whoever asks may do with it.
pub(super) struct State {
    pub(super) snapshot: Snapshot,
    pub(super) access: Access,
}

impl State {
    fn new(request: &PageRequest, snapshot: Snapshot) -> Self {
        let access = request.access_to(&snapshot);
        Self { snapshot, access }
    }

    /// Whether an attribute of an object that may be seen may be read as it is: settings, and what programs are made
    /// of, are for those who may change them.
    pub(super) fn may_read(&self, object: &Object, attribute: &str) -> Result<bool, PageError> {
        sight::may_read(&self.access, object, attribute)
    }
}

/// A version, and its parent line.
pub(super) struct At<'a> {
    pub(super) request: &'a PageRequest,
    pub(super) database: Database,
    pub(super) info: VersionInfo,
    pub(super) parent_database: Database,
    pub(super) version: State,
    pub(super) parent: State,
    pub(super) base: State,
    key: String,
}

/// What stands on top of every page about a version.
pub(super) struct Head {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) status: &'static str,
    pub(super) is_open: bool,
    pub(super) list_url: String,
    pub(super) url: String,
    pub(super) tabs: Vec<Link>,
    /// Where one works in it; none while one does, or where one cannot.
    pub(super) enter_url: Option<String>,
    pub(super) leave_url: Option<String>,
    pub(super) parent: String,
}

/// What stands in an address for a version: its name, and its number where another one has that name, too.
pub(super) fn key_of(trunk: &Database, info: &VersionInfo) -> Result<String, PageError> {
    Ok(version_key(&trunk.versions()?, info))
}

impl<'a> At<'a> {
    /// The version of that name, or of the name and number with a `~` between them.
    pub(super) fn of(request: &'a PageRequest, key: &str) -> Result<Self, PageError> {
        let trunk = request.trunk();
        let database = version_of_key(trunk, key)?;
        let info = database.version_info()?;
        let parent_database = database.on(info.parent)?;
        let state = |snapshot| State::new(request, snapshot);
        Ok(Self {
            request,
            version: state(database.snapshot()),
            parent: state(parent_database.snapshot()),
            base: state(database.base_snapshot()?),
            key: version_key(&trunk.versions()?, &info),
            database,
            info,
            parent_database,
        })
    }

    pub(super) fn is_open(&self) -> bool {
        self.info.status == LineStatus::Open
    }

    /// Whether whoever asks may settle what becomes of the version as such: its owner may, and who manages the site.
    pub(super) fn may_manage(&self) -> Result<bool, PageError> {
        Ok(may_manage_version(self.request.access(), &self.info)?)
    }

    /// Refuses whoever may not.
    pub(super) fn require_management(&self) -> Result<(), PageError> {
        if self.may_manage()? { Ok(()) } else { Err(PageError::denied(self.managers_text())) }
    }

    /// Who may, for people.
    pub(super) fn managers_text(&self) -> String {
        version_managers(&self.info)
    }

    /// A page about this version, on the line that is shown.
    pub(super) fn url(&self, behind: &[&str]) -> String {
        self.request.top_url(&[&["versions", &self.key], behind].concat())
    }

    /// The same on the line that it is merged into, where a merge can be taken back.
    pub(super) fn url_on_parent(&self, behind: &[&str]) -> Result<String, PageError> {
        let steps = [&["versions", self.key.as_str()], behind].concat();
        let line = (self.info.parent_name.as_deref(), &self.parent_database);
        self.request.page_url_on(line, Oid::ROOT, &steps)
    }

    /// The same in the version itself, where what was done in it can be taken back.
    pub(super) fn url_in_version(&self, behind: &[&str]) -> Result<String, PageError> {
        if !self.can_be_entered() {
            return Ok(self.url(behind));
        }
        let steps = [&["versions", self.key.as_str()], behind].concat();
        self.request.page_url_on((Some(&self.info.name), &self.database), Oid::ROOT, &steps)
    }

    /// The management page of an object in the version; none where the version cannot be entered or does not
    /// show it to whoever asks.
    pub(super) fn object_url(&self, oid: Oid) -> Result<Option<String>, PageError> {
        if !self.can_be_entered() || self.path_in(&self.version, oid)?.is_none() {
            return Ok(None);
        }
        let line = (Some(self.info.name.as_str()), &self.database);
        self.request.page_url_on(line, oid, &[]).map(Some)
    }

    /// Whether its name leads to it: another version may have it now.
    fn can_be_entered(&self) -> bool {
        self.info.status != LineStatus::Discarded && self.key == self.info.name
    }

    /// Whether the page is shown on this version's own line.
    fn is_inside(&self) -> bool {
        self.request.database().line() == self.database.line()
    }

    /// Where an object is, or was, where that may be seen.
    pub(super) fn path(&self, oid: Oid) -> Result<Option<String>, PageError> {
        for state in [&self.version, &self.parent, &self.base] {
            if self.request.path_in(&state.snapshot, oid)?.is_some() {
                return self.path_in(state, oid);
            }
        }
        Ok(None)
    }

    /// Where an object is in a state, where that may be seen.
    pub(super) fn path_in(&self, state: &State, oid: Oid) -> Result<Option<String>, PageError> {
        let Some(path) = self.request.path_in(&state.snapshot, oid)? else { return Ok(None) };
        let object = state.snapshot.object(oid)?;
        let may_see = object.map(|object| state.access.may_view(&object)).transpose()?;
        Ok(may_see.unwrap_or(false).then(|| path.to_string()))
    }

    /// What a commit says of itself, where all may be seen that it did, as far as its first objects tell.
    pub(super) fn told(&self, line: LineId, tid: Tid, sentence: &str) -> Result<String, PageError> {
        let touched = self.database.on(line)?.changes(tid, 0, TOUCHED_MAX).unwrap_or_default();
        let mut may_know = !touched.is_empty();
        for delta in touched {
            // What is nowhere any more counts where it stood last.
            let may_see = self.path(delta.oid)?.is_some()
                || sight::may_see(&self.parent.access, &self.parent.snapshot, delta.oid)?;
            may_know = may_know && may_see;
        }
        Ok(if may_know { text::shortened(sentence, 300) } else { "Something that you may not see".into() })
    }

    /// The object at a path in the version, else on the parent line, where it may be seen.
    pub(super) fn find(&self, path: &ObjectPath) -> Result<Option<Oid>, PageError> {
        for state in [&self.version, &self.parent] {
            let mut found = Some(self.request.top().oid());
            for name in path.names() {
                found = match found {
                    Some(oid) => state.snapshot.child(oid, name.as_str())?,
                    None => None,
                };
            }
            if let Some(oid) = found
                && self.path_in(state, oid)?.is_some()
            {
                return Ok(Some(oid));
            }
        }
        Ok(None)
    }

    /// Where an object is, or was, for sentences.
    pub(super) fn name(&self, oid: Oid) -> Result<String, PageError> {
        Ok(self.path(oid)?.unwrap_or_else(|| "something that is gone or that you may not see".into()))
    }

    /// An object as it is in the version, else on the parent line, else in the base.
    pub(super) fn object(&self, oid: Oid) -> Result<Option<Arc<Object>>, PageError> {
        for state in [&self.version, &self.parent, &self.base] {
            // What is left of a deleted object says little.
            if let Some(object) = state.snapshot.object(oid)?.filter(|object| object.type_name().is_some()) {
                return Ok(Some(object));
            }
        }
        Ok(self.version.snapshot.object(oid)?)
    }

    /// Where an object shows itself as it is in the version, if that is the state.
    pub(super) fn image_url(&self, state: &State, oid: Oid) -> Result<Option<String>, PageError> {
        if state.snapshot.line() != self.database.line() || !self.can_be_entered() {
            return Ok(None);
        }
        Ok(self.object_url(oid)?.map(|url| url.trim_end_matches(&format!("/@@{}", crate::VIEW)).to_owned()))
    }

    /// The history of an object in the version; none where whoever asks may not see that.
    pub(super) fn history_url(&self, oid: Oid) -> Result<Option<String>, PageError> {
        if self.object_url(oid)?.is_none() || !self.version.access.allows_at(HISTORY, oid)? {
            return Ok(None);
        }
        let line = (Some(self.info.name.as_str()), &self.database);
        self.request.page_url_on(line, oid, &["history"]).map(Some)
    }

    /// All commits in the version, one by one.
    pub(super) fn commits_url(&self) -> Result<Option<String>, PageError> {
        if !self.can_be_entered() || !self.version.access.allows_at(HISTORY, Oid::ROOT)? {
            return Ok(None);
        }
        let line = (Some(self.info.name.as_str()), &self.database);
        self.request.page_url_on(line, Oid::ROOT, &["undo"]).map(Some)
    }

    /// The line that it is merged into, for people.
    pub(super) fn parent_text(&self) -> String {
        parent_text(&self.info)
    }

    /// The note of a commit by whoever asks, as far as he may.
    pub(super) fn note(&self, sentence: impl Into<String>) -> Note {
        self.request.note(sentence, bough_store::Kind::Edit)
    }

    /// The frame of a page about the version.
    pub(super) fn frame(&self, heading: &str) -> Result<Frame, PageError> {
        let frame = Frame::new(self.request, self.request.top(), heading)?;
        if frame.message.is_some() {
            return Ok(frame);
        }
        Ok(match self.said()? {
            Some(message) => frame.saying(message),
            None => frame,
        })
    }

    /// What the address says was done to the version itself: that is on its own line, and can be changed again but not
    /// undone.
    fn said(&self) -> Result<Option<Message>, PageError> {
        let Some(tid) = self.request.query("did").and_then(|tid| tid.parse::<Tid>().ok()) else {
            return Ok(None);
        };
        let Ok(record) = self.database.commit_record(tid) else { return Ok(None) };
        let is_own = record.principal == self.request.actor().name();
        Ok(is_own.then(|| Message::good(format!("{}.", record.sentence.trim_end_matches('.')))))
    }

    /// What stands on top of a page; `here` is the tab that it belongs to.
    pub(super) fn head(&self, here: &str) -> Result<Head, PageError> {
        let is_open = self.is_open();
        let tab = |name: &str, text: &str, is_shown: bool| {
            let steps: &[&str] = if name.is_empty() { &[] } else { &[name] };
            let link = Link { text: text.into(), url: self.url(steps), is_here: name == here };
            is_shown.then_some(link)
        };
        let conflicts = match is_open {
            true => open_conflicts(&self.database)?.filter(|number| *number > 0),
            false => None,
        };
        let conflicts = conflicts
            .map_or_else(|| "Conflicts".to_owned(), |n| format!("Conflicts ({})", text::grouped(n as u64)));
        let tabs = [
            tab("", "Changes", true),
            tab("update", "Update", is_open),
            tab("conflicts", &conflicts, is_open),
            tab("merge", "Publish", is_open),
            tab("links", "Preview links", is_open),
            tab("settings", "Settings", true),
        ];
        let line = (Some(self.info.name.as_str()), &self.database);
        let enter = || self.request.page_url_on(line, Oid::ROOT, &[]);
        let leave = || self.request.page_url_on((None, self.request.trunk()), Oid::ROOT, &[]);
        Ok(Head {
            name: self.info.name.clone(),
            title: text::shortened(&self.info.title, 120),
            status: self.info.status.word(),
            is_open,
            list_url: self.request.top_url(&["versions"]),
            url: self.url(&[]),
            tabs: tabs.into_iter().flatten().collect(),
            enter_url: (self.can_be_entered() && !self.is_inside()).then(enter).transpose()?,
            leave_url: self.is_inside().then(leave).transpose()?,
            parent: self.parent_text(),
        })
    }
}
