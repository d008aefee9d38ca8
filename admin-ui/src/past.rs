//! The past, as several pages show it: commits as rows, what they are called, where what was can be looked at.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use bough_core::security::Subject;
use bough_core::security::permission::{SITE, UNDO, VIEW};
use bough_core::snapshot::is_live;
use bough_core::{CellKey, Name, Oid, Snapshot as _, Tid};
use bough_store::{CommitRecord, Database, HistoryError, Kind, ObjectDelta, Snapshot};
use bough_web::pages::{PageError, PageRequest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::sight;
use crate::text::{self, Time};

/// What of a path or a query need not be written as `%XX`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// How many objects of a commit are looked at to say whether it may be shown.
const LOOKED_AT: usize = 5;
/// How many of its further ones, for those who may not see everything.
const LOOKED_AT_OF_MANY: usize = 60;
/// How many later commits of an object are looked at to say whether one was taken back.
const LATER_MAX: usize = 500;
const LATER_BATCH: usize = 20;
/// How often undoing and redoing the same is followed back.
const UNDOS_MAX: usize = 50;
/// How far up a path is put together from where things stood last.
const STEPS_MAX: usize = 64;

/// The text, to stand in an address.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// An address with a query of these keys and values; those without a value are left out.
pub(crate) fn with_query(url: &str, pairs: &[(&str, &str)]) -> String {
    let mut url = url.to_owned();
    let mut between = if url.contains('?') { '&' } else { '?' };
    for (key, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        url.push(between);
        url.push_str(&format!("{key}={}", encoded(value)));
        between = '&';
    }
    url
}

/// The moment before a commit.
pub(crate) fn before(tid: Tid) -> Tid {
    Tid::from_micros(tid.as_micros().saturating_sub(1))
}

/// The cell as forms and addresses name it.
pub(crate) fn cell_text(key: &CellKey) -> String {
    match key {
        CellKey::Attribute(name) => name.to_string(),
        other => format!("({other})"),
    }
}

/// The cell that a form names.
pub(crate) fn parse_cell(text: &str) -> Option<CellKey> {
    match text {
        "(place)" => Some(CellKey::Place),
        "(type)" => Some(CellKey::Type),
        "(owner)" => Some(CellKey::Owner),
        "(proxy roles)" => Some(CellKey::ProxyRoles),
        text => {
            let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or_default();
            if let Some(permission) = inner.strip_prefix("permission ") {
                return Name::new(permission).ok().map(CellKey::Permission);
            }
            if let Some(whose) = inner.strip_prefix("roles of ") {
                let subject = match whose.parse() {
                    Ok(oid) => Subject::Principal(oid),
                    Err(_) => Subject::Name(Name::new(whose).ok()?),
                };
                return Some(CellKey::LocalRoles(subject));
            }
            Name::new(text).ok().map(CellKey::Attribute)
        }
    }
}

/// The line that holds a commit: the one that is shown, else the public one, which a version lies on.
pub(crate) fn database_of(request: &PageRequest, tid: Tid) -> &Database {
    if is_on(request.database(), tid) { request.database() } else { request.trunk() }
}

/// Whether the commit is on this very line.
fn is_on(database: &Database, tid: Tid) -> bool {
    let next = Tid::from_micros(tid.as_micros().saturating_add(1));
    let found = database.commits(Some(next), 1).unwrap_or_default();
    found.first().is_some_and(|record| record.tid == tid)
}

/// The state as of a tid: of the line that is shown or, before that was opened, of the public one.
pub(crate) fn snapshot_at(request: &PageRequest, tid: Tid) -> Result<Snapshot, PageError> {
    match request.database().snapshot_at(tid) {
        Err(HistoryError::NotOpened { .. }) => Ok(request.trunk().snapshot_at(tid)?),
        snapshot => Ok(snapshot?),
    }
}

/// Where the page of an object can be seen as it is in a state; none where it is not there.
pub(crate) fn at_url(
    request: &PageRequest,
    snapshot: &Snapshot,
    oid: Oid,
) -> Result<Option<String>, PageError> {
    if !sight::may_see(&request.access_to(snapshot), snapshot, oid)? {
        return Ok(None);
    }
    let Some(path) = request.path_in(snapshot, oid)? else { return Ok(None) };
    let mut url = match snapshot.line() == request.database().line() {
        true => request.top_url(&[]).trim_end_matches(&format!("/@@{}", crate::VIEW)).to_owned(),
        false => request.prefix(),
    };
    url.push_str(&format!("/@at/{}", snapshot.tid()));
    for name in path.names() {
        url.push('/');
        url.push_str(&encoded(name.as_str()));
    }
    let object = snapshot.object(oid)?;
    let schema = object.as_ref().and_then(|object| request.types().schema(object.type_name()?.as_str()));
    if path.is_root() || schema.is_some_and(|schema| schema.container) {
        url.push('/');
    }
    Ok(Some(url))
}

/// Where an object stood last, by where its containers stand or stood; none where that is elsewhere.
pub(crate) fn last_path(
    request: &PageRequest,
    snapshot: &Snapshot,
    oid: Oid,
) -> Result<Option<String>, PageError> {
    let mut names = Vec::new();
    let mut at = oid;
    while at != request.top().oid() {
        let held = snapshot.object(at)?.and_then(|object| object.place().cloned());
        let place = match held {
            Some(place) => Some(place),
            None => snapshot.last_place(at)?,
        };
        let Some(place) = place.filter(|_| names.len() < STEPS_MAX) else { return Ok(None) };
        at = place.parent;
        names.push(place.name);
    }
    Ok(Some(names.iter().rev().map(|name| format!("/{name}")).collect::<String>()))
}

/// One commit, in a list.
pub(crate) struct CommitRow {
    pub(crate) tid: String,
    /// The page about it.
    pub(crate) url: String,
    pub(crate) sentence: String,
    pub(crate) who: String,
    pub(crate) time: Time,
    pub(crate) kind: &'static str,
    pub(crate) objects: String,
    /// The line that it is on, where several are shown.
    pub(crate) line: Option<String>,
    /// Whether it was taken back since.
    pub(crate) is_undone: bool,
    pub(crate) can_be_undone: bool,
    /// Whether it did something that whoever asks may not see.
    pub(crate) is_hidden: bool,
    pub(crate) is_chosen: bool,
}

/// Which commits of an object were taken back, as far as its commits were looked at, newest first.
#[derive(Default)]
struct TakenBack {
    /// The oldest that was looked at.
    at: Option<Tid>,
    looked_at: usize,
    is_whole: bool,
    tids: HashSet<Tid>,
}

/// Makes rows of commits.
pub(crate) struct Rows<'a> {
    request: &'a PageRequest,
    /// The address of the undo page.
    undo_url: String,
    taken_back: RefCell<HashMap<Oid, TakenBack>>,
    visible: RefCell<HashMap<(Oid, Tid), bool>>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(request: &'a PageRequest) -> Result<Self, PageError> {
        let undo_url = request.page_url(request.object()?.oid(), &["undo"])?;
        Ok(Self { request, undo_url, taken_back: RefCell::default(), visible: RefCell::default() })
    }

    /// The first objects that a commit touched; none where that is packed away.
    pub(crate) fn touched(&self, tid: Tid) -> Vec<ObjectDelta> {
        database_of(self.request, tid).changes(tid, 0, LOOKED_AT).unwrap_or_default()
    }

    /// The row of a commit.
    pub(crate) fn row(&self, record: &CommitRecord) -> Result<CommitRow, PageError> {
        let touched = self.touched(record.tid);
        let is_hidden = !self.may_know(record, &touched)?;
        let is_here = self.request.version_name().is_none() || is_on(self.request.database(), record.tid);
        let may_undo = match touched.first() {
            Some(delta) => may_undo(self.request, delta)?,
            None => self.request.access().allows_at(UNDO, Oid::ROOT)?,
        };
        Ok(CommitRow {
            tid: record.tid.to_string(),
            url: format!("{}/{}", self.undo_url, record.tid),
            sentence: if is_hidden {
                "Changed something that you may not see".into()
            } else {
                text::shortened(&record.sentence, 300)
            },
            who: if record.principal.is_empty() {
                "nobody in particular".into()
            } else {
                record.principal.clone()
            },
            time: Time::of_micros(record.time_micros),
            kind: match &record.kind {
                Kind::Undo { .. } if !takes_back(self.request.database(), record) => "redo",
                kind => kind_word(kind),
            },
            objects: text::counted(record.objects, "object", "objects"),
            line: self.request.version_name().map(|name| match is_here {
                true => name.to_owned(),
                false => "public site".into(),
            }),
            is_undone: self.is_undone(record.tid, &touched)?,
            can_be_undone: is_here
                && !is_hidden
                && may_undo
                && can_be_undone(self.request.database(), &record.kind),
            is_hidden,
            is_chosen: false,
        })
    }

    /// Whether whoever asks may know what a commit did: all that it touched. Of a very large one, the first objects and the
    /// container of all tell.
    pub(crate) fn may_know(&self, record: &CommitRecord, touched: &[ObjectDelta]) -> Result<bool, PageError> {
        let is_all = record.objects <= touched.len() as u64;
        // Who manages the site has its backups, too.
        let more = match is_all || self.request.access().allows_at(SITE, Oid::ROOT)? {
            true => Vec::new(),
            false => {
                let database = database_of(self.request, record.tid);
                database.changes(record.tid, touched.len(), LOOKED_AT_OF_MANY).unwrap_or_default()
            }
        };
        for delta in touched.iter().chain(&more) {
            if !self.may_see(delta.oid, record.tid)? {
                return Ok(false);
            }
        }
        let is_more = record.objects > (touched.len() + more.len()) as u64;
        Ok(is_all || !is_more || self.request.access().allows_at(VIEW, record.container)?)
    }

    /// Whether an object may be seen as it was before a commit and as it is after it, as far as those states are kept.
    fn may_see(&self, oid: Oid, tid: Tid) -> Result<bool, PageError> {
        if let Some(known) = self.visible.borrow().get(&(oid, tid)) {
            return Ok(*known);
        }
        let request = self.request;
        let mut states = 0;
        let mut may_see = true;
        for then in [tid, before(tid)] {
            let Ok(then) = snapshot_at(request, then) else { continue };
            if then.object(oid)?.is_none_or(|object| object.type_name().is_none()) {
                continue;
            }
            states += 1;
            may_see = may_see && sight::may_see(&request.access_to(&then), &then, oid)?;
        }
        if states == 0 {
            may_see = sight::may_see(request.access(), request.snapshot(), oid)?;
        }
        self.visible.borrow_mut().insert((oid, tid), may_see);
        Ok(may_see)
    }

    /// Whether a commit was taken back, by what was done later to the first object that it touched.
    fn is_undone(&self, tid: Tid, touched: &[ObjectDelta]) -> Result<bool, PageError> {
        let Some(oid) = touched.first().map(|delta| delta.oid) else { return Ok(false) };
        let mut known = self.taken_back.borrow_mut();
        let known = known.entry(oid).or_default();
        // Newest first: whether an undo was itself undone is known before it counts.
        while known.at.is_none_or(|at| at > tid) && !known.is_whole && known.looked_at < LATER_MAX {
            let batch = self.request.database().commits_of(oid, known.at, LATER_BATCH)?;
            known.is_whole = batch.len() < LATER_BATCH;
            known.looked_at += batch.len();
            for record in batch {
                known.at = Some(record.tid);
                if let Kind::Undo { of } = record.kind
                    && !known.tids.contains(&record.tid)
                {
                    known.tids.extend(of);
                }
            }
        }
        Ok(known.tids.contains(&tid))
    }
}

/// Whether whoever asks may take back what was done to an object.
pub(crate) fn may_undo(request: &PageRequest, delta: &ObjectDelta) -> Result<bool, PageError> {
    let access = request.access();
    if access.allows_at(UNDO, Oid::ROOT)? {
        return Ok(true);
    }
    let place = delta.before.as_ref().and_then(|object| object.place().map(|place| place.parent));
    let at = if is_live(request.snapshot(), delta.oid)? { Some(delta.oid) } else { place };
    Ok(at.map(|at| access.allows_at(UNDO, at)).transpose()?.unwrap_or(false))
}

/// What an undo took back in the first place, and whether it is in force by this: an undo of an undo does it again, and an
/// undo of that takes it back once more. None for any other commit, and where several were taken back together.
pub(crate) fn original(database: &Database, record: &CommitRecord) -> Option<(CommitRecord, bool)> {
    let mut is_in_force = true;
    let mut at = record.clone();
    for _ in 0..UNDOS_MAX {
        let Kind::Undo { of } = &at.kind else { break };
        let [only] = of[..] else { break };
        at = database.commit_record(only).ok()?;
        is_in_force = !is_in_force;
    }
    (at.tid != record.tid).then_some((at, is_in_force))
}

/// Whether a commit takes something back that was in force, so that undoing it is to do that again.
pub(crate) fn takes_back(database: &Database, record: &CommitRecord) -> bool {
    match original(database, record) {
        Some((original, is_in_force)) => is_in_force == matches!(original.kind, Kind::Undo { .. }),
        None => matches!(record.kind, Kind::Undo { .. }),
    }
}

/// Whether commits of this kind can be taken back on that line.
pub(crate) fn can_be_undone(database: &Database, kind: &Kind) -> bool {
    match kind {
        Kind::Create | Kind::Open { .. } | Kind::Update { .. } | Kind::Manage => false,
        Kind::Merge { line, .. } => *line != database.line(),
        _ => true,
    }
}

/// A kind of commit, for people.
pub(crate) fn kind_word(kind: &Kind) -> &'static str {
    match kind {
        Kind::Create => "site made",
        Kind::Edit => "edit",
        Kind::Import => "import",
        Kind::Undo { .. } => "undo",
        Kind::Restore { .. } => "restore",
        Kind::Open { .. } => "version opened",
        Kind::Update { .. } => "update",
        Kind::Merge { .. } => "merge",
        Kind::Discard => "discard",
        Kind::Manage => "version changed",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_read_back_from_what_forms_call_them() {
        let name = |text: &str| Name::new(text).unwrap();
        for key in [
            CellKey::Type,
            CellKey::Place,
            CellKey::Owner,
            CellKey::ProxyRoles,
            CellKey::Permission(name("View")),
            CellKey::LocalRoles(Subject::Principal(Oid::from_u128(7))),
            CellKey::LocalRoles(Subject::Name(name("ed"))),
            CellKey::Attribute(name("title")),
            CellKey::Attribute(name("(odd)")),
        ] {
            assert_eq!(parse_cell(&cell_text(&key)), Some(key));
        }
        assert_eq!(parse_cell("a/b"), None);
    }

    #[test]
    fn a_query_is_added_behind_another_and_leaves_out_what_is_empty() {
        assert_eq!(with_query("/a", &[("x", "ä &"), ("y", ""), ("z", "1")]), "/a?x=%C3%A4%20%26&z=1");
        assert_eq!(with_query("/a?b=c", &[("x", "1")]), "/a?b=c&x=1");
    }
}
