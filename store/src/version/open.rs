//! Making a version, finding it, and what it is.

use std::sync::Arc;

use bough_core::Tid;

use crate::commit::{append_and_show, next_tid};
use crate::database::Database;
use crate::draft::Stage;
use crate::engine::Engine;
use crate::history::HistoryError;
use crate::line::{Epoch, LineId, LineState, LineStatus};
use crate::log::Log;
use crate::note::{Kind, Note};
use crate::own::Own;
use crate::version::own_cells::ThreeSides;
use crate::version::{VersionError, VersionInfo};
use crate::weave::{Origin, Overlay, Woven};
use bough_core::Oid;

/// How many versions may lie on each other.
pub const DEPTH_MAX: usize = 8;
/// Longest name of a version in bytes: it is a label of a host name, too.
pub const VERSION_NAME_BYTES_MAX: usize = 40;
/// Longest title of a version, and longest name of its owner, in bytes: the index holds both.
pub const VERSION_TEXT_BYTES_MAX: usize = 500;
/// What the public site is called where versions are named: no version may be called so.
pub const TRUNK_NAME: &str = "trunk";

/// A version that is to be made.
#[derive(Clone, Debug, Default)]
pub struct NewVersion {
    /// What it is called: lower-case letters, digits and hyphens.
    pub name: String,
    /// What it is for.
    pub title: String,
    /// Who is answerable for it.
    pub owner: String,
    /// As of which commit of the line it shows that; none for now.
    pub at: Option<Tid>,
}

impl NewVersion {
    /// One of that name, of the line as it is now.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The same, with what it is for.
    #[must_use]
    pub fn titled(self, title: impl Into<String>) -> Self {
        Self { title: title.into(), ..self }
    }

    /// The same, with who is answerable for it.
    #[must_use]
    pub fn owned_by(self, owner: impl Into<String>) -> Self {
        Self { owner: owner.into(), ..self }
    }

    /// The same, of the line as it was.
    #[must_use]
    pub fn as_of(self, tid: Tid) -> Self {
        Self { at: Some(tid), ..self }
    }
}

impl From<&str> for NewVersion {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

/// What shall become of a version, apart from what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Management {
    /// Another name.
    pub name: Option<String>,
    /// Another title.
    pub title: Option<String>,
    /// Another owner.
    pub owner: Option<String>,
    /// Closed or opened again.
    pub status: Option<LineStatus>,
}

impl Database {
    /// All versions that there are, by number, also closed and discarded ones.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn versions(&self) -> Result<Vec<VersionInfo>, VersionError> {
        let engine = &self.inner.engine;
        let all = engine.lines.all(engine.head());
        all.into_iter().map(|(line, epoch)| engine.version_info(line, &epoch)).collect()
    }

    /// A handle on the version of that name: an open one, else the newest that had it.
    ///
    /// # Errors
    /// When there is none; [`VersionError::PackedAway`] when nothing is left of what it held.
    pub fn version(&self, name: &str) -> Result<Self, VersionError> {
        let engine = &self.inner.engine;
        let all = engine.lines.all(engine.head());
        let named = all.iter().filter(|(_, epoch)| epoch.state.name == name);
        let found = named.max_by_key(|(line, epoch)| (epoch.state.status == LineStatus::Open, *line));
        match found {
            Some((line, _)) => self.numbered_version(*line),
            None => {
                let open = all.iter().filter(|(_, epoch)| epoch.state.status == LineStatus::Open);
                let similar = open.map(|(_, epoch)| epoch.state.name.clone()).take(20).collect();
                Err(VersionError::NoSuchVersion { name: name.into(), similar })
            }
        }
    }

    /// A handle on the version of that number, which no other has.
    ///
    /// # Errors
    /// When there is none; [`VersionError::PackedAway`] when nothing is left of what it held.
    pub fn numbered_version(&self, line: LineId) -> Result<Self, VersionError> {
        let engine = &self.inner.engine;
        let LineState { name, status, .. } = LineState::clone(&engine.epoch(line)?.state);
        if status != LineStatus::Open && engine.view(line, engine.head())?.ground < engine.horizon() {
            // It would show objects as of a time of which nothing is left.
            return Err(VersionError::PackedAway { name, status });
        }
        Ok(self.on(line)?)
    }

    /// What this version is.
    ///
    /// # Errors
    /// [`VersionError::Trunk`] on the trunk.
    pub fn version_info(&self) -> Result<VersionInfo, VersionError> {
        let engine = &self.inner.engine;
        let epoch = engine.epoch(self.line)?;
        engine.version_info(self.line, &epoch)
    }

    /// Makes a version on this line. It takes the same time whatever the size of the site.
    ///
    /// # Errors
    /// When the name cannot be had, or the state that it shall show is packed away or in the future.
    pub fn open_version(&self, new: &NewVersion, note: Note) -> Result<Self, VersionError> {
        let engine = &self.inner.engine;
        check_name(&new.name)?;
        check_text("title", &new.title)?;
        check_text("owner", &new.owner)?;
        engine.wait_for_index()?;
        let lead = self.inner.committer.lead();
        engine.check_free(&new.name)?;
        crate::commit::check_open(engine, self.line)?;
        let base = match new.at {
            None => engine.head(),
            Some(at) => bough_core::Snapshot::tid(&self.snapshot_at(at)?),
        };
        let below = engine.view(self.line, base)?;
        if below.depth() >= DEPTH_MAX {
            return Err(VersionError::TooDeep { parent: self.version_info()?.name });
        }
        let line = engine.lines.next_id();
        let state = LineState {
            name: new.name.clone(),
            title: new.title.clone(),
            owner: new.owner.clone(),
            parent: self.line,
            base,
            floor: Tid::ZERO,
            status: LineStatus::Open,
        };
        let note = note.of_kind(Kind::Open { parent: self.line, base });
        let (tid, now) = next_tid(engine, engine.log.last_tid());
        let mut stage = Stage::new(Arc::clone(engine));
        let origin = Origin::new(&mut stage, &note, (tid, now)).unjudged().making(state.to_disk(line));
        let woven = Overlay::opening(engine, line, &below).weave_opening(origin)?;
        append_and_show(engine, vec![woven], &mut [stage]).map_err(|failure| failure.to_error())?;
        drop(lead);
        Ok(self.on(line)?)
    }

    /// Changes a version's name, title, owner or status. None if it is so already.
    ///
    /// # Errors
    /// When the name cannot be had; [`VersionError::HasVersions`] when it is to be closed while it holds what is not
    /// merged and others lie on it; when it is to be opened again and what it lies on is packed away.
    pub fn manage_version(&self, change: &Management, note: Note) -> Result<Option<Tid>, VersionError> {
        let engine = &self.inner.engine;
        change.name.as_deref().map_or(Ok(()), check_name)?;
        change.title.as_deref().map_or(Ok(()), |title| check_text("title", title))?;
        change.owner.as_deref().map_or(Ok(()), |owner| check_text("owner", owner))?;
        engine.wait_for_index()?;
        let _lead = self.inner.committer.lead();
        let now = engine.epoch(self.line)?.state;
        let mut state = LineState::clone(&now);
        for (to, from) in [
            (&mut state.name, &change.name),
            (&mut state.title, &change.title),
            (&mut state.owner, &change.owner),
        ] {
            if let Some(from) = from {
                to.clone_from(from);
            }
        }
        state.status = change.status.unwrap_or(state.status);
        let comes_back = state.status == LineStatus::Open && now.status != LineStatus::Open;
        if state.status == LineStatus::Open && (state.name != now.name || comes_back) {
            engine.check_free(&state.name)?;
        }
        if comes_back {
            // Only open versions hold pack back.
            engine.check_shown(engine.view(self.line, engine.head())?.ground)?;
        }
        if state == *now {
            return Ok(None);
        }
        let closes = state.status == LineStatus::Closed && now.status == LineStatus::Open;
        if closes && engine.holds_anything(self.line)? {
            engine.check_nothing_lies_on(self.line)?;
        }
        let note = note.of_kind(Kind::Manage);
        Ok(Some(engine.commit_own(self.line, Vec::new(), Some(state), &note)?))
    }
}

fn check_name(name: &str) -> Result<(), VersionError> {
    let is_fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let ends = bytes.first().zip(bytes.last());
    let is_name = bytes.len() <= VERSION_NAME_BYTES_MAX
        && bytes.iter().all(|&byte| is_fine(byte) || byte == b'-')
        && ends.is_some_and(|(&first, &last)| is_fine(first) && is_fine(last));
    let is_free = name != TRUNK_NAME;
    if is_name && is_free { Ok(()) } else { Err(VersionError::BadName(name.chars().take(60).collect())) }
}

fn check_text(what: &'static str, text: &str) -> Result<(), VersionError> {
    let bytes = text.len();
    if bytes <= VERSION_TEXT_BYTES_MAX { Ok(()) } else { Err(VersionError::TooLong { what, bytes }) }
}

impl Engine {
    /// Waits until a commit has room in the index.
    pub(crate) fn wait_for_index(&self) -> Result<(), crate::commit::CommitError> {
        self.index.wait_for_room().map_err(|error| crate::commit::CommitError::Index(Arc::new(error)))
    }

    /// What a version is now.
    pub(crate) fn epoch(&self, line: LineId) -> Result<Epoch, VersionError> {
        let epoch = self.lines.known(line).and_then(|found| found.epoch_at(self.head()));
        epoch.ok_or(VersionError::Trunk)
    }

    fn check_free(&self, name: &str) -> Result<(), VersionError> {
        if self.is_taken(name) { Err(VersionError::NameTaken(name.into())) } else { Ok(()) }
    }

    fn is_taken(&self, name: &str) -> bool {
        let is_it =
            |(_, epoch): &(LineId, Epoch)| epoch.state.name == name && epoch.state.status == LineStatus::Open;
        self.lines.all(self.head()).iter().any(is_it)
    }

    /// That name, or where an open version has it by now or it is among those that were `given` just now, one made from it
    /// that none has.
    pub(crate) fn free_name(&self, name: &str, given: &[String]) -> String {
        let numbered = (2..).map(|number: u32| {
            let behind = format!("-{number}");
            let room = VERSION_NAME_BYTES_MAX.saturating_sub(behind.len()).min(name.len());
            // A name is ASCII.
            format!("{}{behind}", &name[..room])
        });
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(|name| !self.is_taken(name) && !given.contains(name)).unwrap_or_default()
    }

    /// The names of the open versions that lie on a line.
    pub(crate) fn lying_on(&self, line: LineId) -> Vec<String> {
        let all = self.lines.all(self.head()).into_iter();
        let on_it = all.filter(|(_, epoch)| {
            epoch.state.status == LineStatus::Open && self.open_parent(&epoch.state) == line
        });
        on_it.map(|(_, epoch)| epoch.state.name.clone()).collect()
    }

    /// Refuses to close a version that holds what is not merged while others lie on it: those would be merged past it.
    pub(crate) fn check_nothing_lies_on(&self, line: LineId) -> Result<(), VersionError> {
        let on_it = self.lying_on(line);
        if on_it.is_empty() { Ok(()) } else { Err(VersionError::HasVersions(on_it)) }
    }

    /// Whether a version holds anything that is not merged.
    fn holds_anything(self: &Arc<Self>, line: LineId) -> Result<bool, VersionError> {
        let mut sides = ThreeSides::without_own(self, line, None)?;
        for oid in self.lines.get(line, &self.index)?.all_touched() {
            sides.read_own(oid)?;
            if sides.cells.drain(..).any(|cell| cell.is_change()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The line that a version is merged into: the nearest below it that is open.
    pub(crate) fn open_parent(&self, state: &LineState) -> LineId {
        let mut parent = state.parent;
        while let Some(epoch) = self.lines.known(parent).and_then(|line| line.epoch_at(self.head()))
            && epoch.state.status != LineStatus::Open
        {
            parent = epoch.state.parent;
        }
        parent
    }

    /// Whether a version is not open now.
    pub(crate) fn is_closed(&self, line: LineId) -> bool {
        let epoch = self.lines.known(line).and_then(|found| found.epoch_at(Tid::MAX));
        epoch.is_none_or(|epoch| epoch.state.status != LineStatus::Open)
    }

    /// The oldest commit of the trunk that each version needs which is open, or closed and not merged.
    pub(crate) fn needed_by_versions(self: &Arc<Self>) -> Result<Vec<(String, Tid)>, VersionError> {
        let mut needed = Vec::new();
        for (line, epoch) in self.lines.all(self.head()) {
            let ground = self.view(line, self.head())?.ground;
            let needs = match epoch.state.status {
                LineStatus::Open => true,
                // What is packed away already is not held by anything that is left of it.
                LineStatus::Closed => ground >= self.horizon() && self.holds_anything(line)?,
                LineStatus::Discarded => false,
            };
            if needs {
                needed.push((epoch.state.name.clone(), ground));
            }
        }
        Ok(needed)
    }

    /// The name of a version; none for the trunk.
    pub(crate) fn line_name(&self, line: LineId) -> Option<String> {
        Some(self.lines.known(line)?.epoch_at(Tid::MAX)?.state.name.clone())
    }

    fn version_info(&self, line: LineId, epoch: &Epoch) -> Result<VersionInfo, VersionError> {
        let state = &epoch.state;
        let parent = self.open_parent(state);
        let changed = self.newest_commit(line, self.head())?;
        Ok(VersionInfo {
            line,
            name: state.name.clone(),
            title: state.title.clone(),
            owner: state.owner.clone(),
            parent,
            parent_name: self.line_name(parent),
            base: state.base,
            status: state.status,
            opened: self.lines.opened(line).unwrap_or_default(),
            changed,
            needs: self.view(line, self.head())?.ground,
        })
    }

    /// Writes what a version shall hold of objects, and what it shall be. Only the leader may.
    pub(crate) fn commit_own(
        self: &Arc<Self>,
        line: LineId,
        own: Vec<(Oid, Own)>,
        state: Option<LineState>,
        note: &Note,
    ) -> Result<Tid, VersionError> {
        let moment = next_tid(self, self.log.last_tid());
        let mut stage = Stage::new(Arc::clone(self));
        let woven = self.weave_own(line, own, state, Origin::new(&mut stage, note, moment).unjudged())?;
        append_and_show(self, vec![woven], &mut [stage]).map_err(|failure| failure.to_error())?;
        Ok(moment.0)
    }

    /// Makes the frames of that.
    pub(crate) fn weave_own(
        &self,
        line: LineId,
        own: Vec<(Oid, Own)>,
        state: Option<LineState>,
        origin: Origin<'_>,
    ) -> Result<Woven, VersionError> {
        let mut overlay = Overlay::new(self, line)?;
        let woven = overlay.weave_own(own, state, origin)?;
        let missing =
            || HistoryError::from(crate::engine::StoreError::Missing { what: "what to write".into() });
        woven.map_err(VersionError::Incomplete)?.ok_or_else(|| missing().into())
    }
}
