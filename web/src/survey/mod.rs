//! Surveys: which pages a merge makes different.
//!
//! A page is made from more than the object that it shows: from templates, settings, names and rights of the places
//! around it. So every URL of the parent line is looked at as it is now, and it is noted what that was made from. Where
//! the merge changes nothing of that, it would be the same; else it is made once more as after the merge, and compared.
//! Last come the URLs that only the merge makes.
//!
//! # Invariants
//! - Both looks are those of whoever asks, so nothing is told that he may not see.
//! - What is told to be different is different: both answers were made, by the code that answers requests.
//! - A survey goes on behind where it was. Where that is, is said by numbers of objects, which tell nobody what they are called.
//!
//! Not looked at: what acquired templates and methods show under further names below an object, and queries.

mod walk;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use axum::http::StatusCode;
use bough_core::reads::{FactId, Reads, differing_facts};
use bough_core::security::{Access, Actor, USERS_NAME};
use bough_core::snapshot::{Chain, ReadError, chain, chain_path, find, is_live};
use bough_core::transaction::SharedSnapshot;
use bough_core::{Name, Object, ObjectPath, Oid, Snapshot as _};
use bough_store::version::{MergeChoice, MergeOutlook, VersionError};
use bough_store::{Database, Snapshot, StoreError};

use self::walk::{Stop, Walk};
use crate::config::Config;
use crate::error::PublishError;
use crate::hosts::Origin;
use crate::publisher::Publisher;
use crate::publisher::look::{Onlooker, Seen, State};

/// How many reasons are named for one page.
const REASONS_MAX: usize = 3;

/// How a page differs after a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It looks otherwise, or leads elsewhere.
    Otherwise,
    /// There is one where there was none.
    New,
    /// There is none any more.
    Gone,
    /// It is at another URL.
    Moved(String),
    /// It fails where it did not.
    Fails,
    /// It fails now, and not any more then.
    Mended,
}

impl Difference {
    /// How it differs in one word: `otherwise`, `new`, `gone`, `moved`, `fails` or `mended`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Otherwise => "otherwise",
            Self::New => "new",
            Self::Gone => "gone",
            Self::Moved(_) => "moved",
            Self::Fails => "fails",
            Self::Mended => "mended",
        }
    }

    /// Of a moved one: where it is then.
    pub fn moved_to(&self) -> Option<&str> {
        match self {
            Self::Moved(to) => Some(to),
            _ => None,
        }
    }
}

/// A page that is different after a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageChange {
    /// Where it is shown, or was.
    pub url: String,
    /// How it differs.
    pub how: Difference,
    /// Whether the merge changes the very object that is shown there.
    pub is_direct: bool,
    /// The changed objects that it was made from, the first of them that whoever asks may see, each where it is after the
    /// merge, else before.
    pub because: Vec<ObjectPath>,
}

/// How far a survey has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surveyed {
    /// The pages that differ, in the order of their paths; those that only the merge makes at the end.
    pub changes: Vec<PageChange>,
    /// How many URLs were looked at that show something to whoever asks.
    pub looked_at: u64,
    /// How many of them had to be made twice.
    pub compared: u64,
    /// Where to go on; none at the end.
    pub next: Option<String>,
}

/// Why there is no survey.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SurveyError {
    /// The merge cannot be planned.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The site cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The site is not published on this host.
    #[error("nothing is published on host `{0}`")]
    Host(String),
    /// There is no such place to go on from.
    #[error("`{0}` is no place to go on from: expected what an earlier answer gave as `next`")]
    Cursor(String),
    /// An answer could not be made.
    #[error("cannot look at {url}")]
    Look {
        /// Where.
        url: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<SurveyError> for PublishError {
    fn from(error: SurveyError) -> Self {
        match error {
            SurveyError::Version(error) => Self::Versions(error),
            SurveyError::Read(error) => error.into(),
            SurveyError::Host(host) => Self::Host(host),
            SurveyError::Cursor(_) => Self::Argument(error.to_string()),
            SurveyError::Look { url, source } => Self::Reply(format!("cannot look at {url}: {source}")),
        }
    }
}

impl From<StoreError> for SurveyError {
    fn from(error: StoreError) -> Self {
        Self::Version(error.into())
    }
}

/// A survey of one planned merge.
pub struct Survey {
    /// Answers for the parent line, and for that as it would be: what either keeps is right for it alone.
    publishers: [Arc<Publisher>; 2],
    onlooker: Onlooker,
    outlook: MergeOutlook,
    /// What the merge changes, each with the object of which that is so.
    differing: HashMap<FactId, Vec<Oid>>,
    changed: HashSet<Oid>,
    /// What stands elsewhere after the merge, or only then.
    placed: Vec<Oid>,
    top: Oid,
    top_url: String,
    part: Part,
}

/// What is being looked at.
enum Part {
    /// What is on the parent line.
    Present(Walk),
    /// What the merge puts there: which of `placed`, and what is in it.
    Coming(usize, Option<Walk>),
    Done,
}

impl Survey {
    /// A survey of what merging `version` would make of the pages of its parent line, for somebody who asks as the
    /// owner of the site.
    ///
    /// # Errors
    /// When the merge cannot be planned.
    pub fn of_merge(version: &Database, choice: &MergeChoice) -> Result<Self, SurveyError> {
        let publisher = Arc::new(Publisher::new(version.on(bough_store::LineId::TRUNK)?, Config::default()));
        let origin = Origin { authority: "localhost".into(), ..Origin::default() };
        Self::by(&publisher, Actor::system(), origin, version, choice)
    }

    /// The same on a host, for somebody.
    pub(crate) fn by(
        publisher: &Publisher,
        actor: Actor,
        origin: Origin,
        version: &Database,
        choice: &MergeChoice,
    ) -> Result<Self, SurveyError> {
        let outlook = version.merge_outlook(choice)?;
        let line = version.on(outlook.before.line())?;
        let host = publisher.host_of(&origin.authority);
        let host = host.ok_or_else(|| SurveyError::Host(origin.authority.clone()))?;
        let top = find(&outlook.before, &host.subtree)?;
        let top = top.ok_or_else(|| SurveyError::Host(origin.authority.clone()))?;
        let mut top_url = host.prefix.clone();
        crate::publisher::line::push_line(&mut top_url, &line)?;
        top_url.push('/');
        let mut differing: HashMap<FactId, Vec<Oid>> = HashMap::new();
        differing_facts(
            &outlook.before,
            &outlook.after,
            outlook.changed.iter().copied(),
            &mut |fact, oid| {
                let because = differing.entry(fact).or_default();
                if because.len() < REASONS_MAX && !because.contains(&oid) {
                    because.push(oid);
                }
            },
        )?;
        let changed: HashSet<Oid> = outlook.changed.iter().copied().collect();
        let placed = placed(&outlook, top)?;
        let part = Part::Present(Walk::from(top, top_url.clone()));
        let publishers = [publisher.beside(), publisher.beside()].map(Arc::new);
        let onlooker = Onlooker { actor, origin, line };
        Ok(Self { publishers, onlooker, outlook, differing, changed, placed, top, top_url, part })
    }

    /// What the merge would do.
    pub fn outlook(&self) -> &MergeOutlook {
        &self.outlook
    }

    /// Goes on from where an earlier survey of the same merge was.
    ///
    /// # Errors
    /// [`SurveyError::Cursor`] where that is no place, or none any more.
    pub fn resume(&mut self, next: &str) -> Result<(), SurveyError> {
        let wrong = || SurveyError::Cursor(next.chars().take(200).collect());
        let oid = |text: &str| text.parse::<Oid>().map_err(|_| wrong());
        let types = Arc::clone(self.publishers[0].database.types());
        let steps: Vec<&str> = next.split(':').collect();
        self.part = match *steps {
            ["present", last] => {
                let state = &self.outlook.before;
                let names = names_below(state, oid(last)?, self.top)?.ok_or_else(wrong)?;
                Part::Present(Walk::behind(state, &types, self.top, self.top_url.clone(), &names)?)
            }
            ["coming"] => Part::Coming(0, None),
            ["coming", placed, ref rest @ ..] => {
                let placed = oid(placed)?;
                let nth = self.placed.iter().position(|one| *one == placed).ok_or_else(wrong)?;
                let walk = match (rest, self.coming(nth)?) {
                    ([], _) => None,
                    ([last], Some((_, url))) => {
                        let state = &self.outlook.after;
                        let names = names_below(state, oid(last)?, placed)?.ok_or_else(wrong)?;
                        Some(Walk::behind(state, &types, placed, url, &names)?)
                    }
                    _ => return Err(wrong()),
                };
                Part::Coming(nth, walk)
            }
            _ => return Err(wrong()),
        };
        Ok(())
    }

    /// Looks at pages until `changes_max` were found that differ, the time is over, or all were looked at. At least one is
    /// looked at.
    ///
    /// # Errors
    /// When the site cannot be read.
    pub fn go_on(&mut self, changes_max: usize, until: Instant) -> Result<Surveyed, SurveyError> {
        let mut surveyed = Surveyed::default();
        loop {
            let Some(next) = self.step(&mut surveyed)? else {
                self.part = Part::Done;
                return Ok(surveyed);
            };
            if surveyed.changes.len() >= changes_max || Instant::now() >= until {
                surveyed.next = Some(next);
                return Ok(surveyed);
            }
        }
    }

    /// Looks at one page. Where to go on behind it; none at the end.
    fn step(&mut self, surveyed: &mut Surveyed) -> Result<Option<String>, SurveyError> {
        let types = Arc::clone(self.publishers[0].database.types());
        match &mut self.part {
            Part::Done => Ok(None),
            Part::Present(walk) => {
                let Some(stop) = walk.next(&self.outlook.before, &types)? else {
                    self.part = Part::Coming(0, None);
                    return Ok(Some("coming".to_owned()));
                };
                if is_internal(&stop) {
                    walk.skip_inside();
                } else {
                    self.look_at_present(&stop, surveyed)?;
                }
                Ok(Some(format!("present:{}", stop.oid)))
            }
            Part::Coming(nth, walk) => {
                let nth = *nth;
                let mut walk = match walk.take() {
                    Some(walk) => walk,
                    None => match self.coming(nth)? {
                        Some((oid, url)) => Walk::from(oid, url),
                        None => return Ok(None),
                    },
                };
                let Some(stop) = walk.next(&self.outlook.after, &types)? else {
                    self.part = Part::Coming(nth + 1, None);
                    return Ok(self.placed.get(nth + 1).map(|placed| format!("coming:{placed}")));
                };
                if is_internal(&stop) {
                    walk.skip_inside();
                } else {
                    self.look_at_coming(&stop, self.placed[nth], surveyed)?;
                }
                self.part = Part::Coming(nth, Some(walk));
                Ok(Some(format!("coming:{}:{}", self.placed[nth], stop.oid)))
            }
        }
    }

    /// What the merge puts somewhere, and its URL there.
    fn coming(&self, nth: usize) -> Result<Option<(Oid, String)>, SurveyError> {
        let Some(oid) = self.placed.get(nth).copied() else { return Ok(None) };
        let types = self.publishers[0].database.types();
        let links = crate::publisher::links::Links {
            base_url: None,
            before: self.top_url.trim_end_matches('/').to_owned(),
            top: self.top,
        };
        let url = links.url(&self.outlook.after, types, oid)?;
        Ok(url.map(|url| (oid, url)))
    }

    fn look_at_present(&self, stop: &Stop, surveyed: &mut Surveyed) -> Result<(), SurveyError> {
        let reads = Reads::default();
        let before = self.look(&stop.url, Some(&reads))?;
        surveyed.looked_at += u64::from(is_something(&before));
        let because = self.because(&reads);
        if because.is_empty() {
            return Ok(());
        }
        let after = self.look_ahead(&stop.url)?;
        surveyed.compared += 1;
        if let Some(how) = difference(&before, &after) {
            let is_direct = self.changed.contains(&stop.oid);
            let because = self.paths(&because)?;
            surveyed.changes.push(PageChange { url: stop.url.clone(), how, is_direct, because });
        }
        Ok(())
    }

    /// `placed`: what the merge puts there, in which this one is.
    fn look_at_coming(&self, stop: &Stop, placed: Oid, surveyed: &mut Surveyed) -> Result<(), SurveyError> {
        // What stood there before was looked at when that was.
        let names = self.names_of(&self.outlook.after, stop.oid)?;
        let stood = find_below(&self.outlook.before, self.top, &names)?;
        if stood.is_some() {
            return Ok(());
        }
        let before = self.look(&stop.url, None)?;
        let after = self.look_ahead(&stop.url)?;
        surveyed.looked_at += u64::from(is_something(&after));
        surveyed.compared += 1;
        if let Some(how) = difference(&before, &after) {
            let is_direct = self.changed.contains(&stop.oid);
            let because = self.paths(&[placed])?;
            surveyed.changes.push(PageChange { url: stop.url.clone(), how, is_direct, because });
        }
        Ok(())
    }

    fn look(&self, url: &str, reads: Option<&Reads>) -> Result<Seen, SurveyError> {
        let look = self.publishers[0].look(&self.onlooker, State::Head(&self.outlook.before), url, reads);
        look.map_err(|error| failed(url, error))
    }

    fn look_ahead(&self, url: &str) -> Result<Seen, SurveyError> {
        let look = self.publishers[1].look(&self.onlooker, State::Planned(&self.outlook.after), url, None);
        look.map_err(|error| failed(url, error))
    }

    /// The changed objects that an answer was made from, the first of them.
    fn because(&self, reads: &Reads) -> Vec<Oid> {
        let mut because: Vec<Oid> = Vec::new();
        for oid in reads.facts().iter().filter_map(|fact| self.differing.get(fact)).flatten() {
            if !because.contains(oid) {
                because.push(*oid);
            }
        }
        because.sort_unstable();
        because.truncate(REASONS_MAX);
        because
    }

    fn paths(&self, oids: &[Oid]) -> Result<Vec<ObjectPath>, SurveyError> {
        let publisher = &self.publishers[0];
        let head: SharedSnapshot = Arc::new(publisher.database.snapshot());
        let mut paths = Vec::with_capacity(oids.len());
        for oid in oids {
            let is_left = is_live(&self.outlook.after, *oid)?;
            let state = if is_left { &self.outlook.after } else { &self.outlook.before };
            let actor = self.onlooker.actor.clone();
            let types = Arc::clone(publisher.database.types());
            let access = Access::new(actor, types, Arc::new(state.clone()), Some(Arc::clone(&head)));
            if let Some(object) = state.object(*oid)?
                && access.may_view(&object)?
            {
                paths.push(ObjectPath::from(self.names_of(state, *oid)?));
            }
        }
        Ok(paths)
    }

    /// The names from the top to an object; all that there are where it lies elsewhere.
    fn names_of(&self, state: &Snapshot, oid: Oid) -> Result<Vec<Name>, ReadError> {
        Ok(match chain(state, oid)? {
            Chain::Live(mut chain) | Chain::Deleted(mut chain) => {
                if let Some(depth) = chain.iter().position(|object| object.oid() == self.top) {
                    chain.truncate(depth);
                }
                chain_path(&chain).names().to_vec()
            }
            _ => Vec::new(),
        })
    }
}

fn failed(url: &str, error: PublishError) -> SurveyError {
    SurveyError::Look { url: url.to_owned(), source: Box::new(error) }
}

/// Users are no pages.
fn is_internal(stop: &Stop) -> bool {
    stop.names.iter().any(|name| *name == *USERS_NAME)
}

fn is_something(seen: &Seen) -> bool {
    sight(seen) != Sight::Refused
}

/// The objects that stand elsewhere after the merge, or only then, without those inside others of them.
fn placed(outlook: &MergeOutlook, top: Oid) -> Result<Vec<Oid>, ReadError> {
    let mut placed = Vec::new();
    for oid in &outlook.changed {
        let (was, is) = (outlook.before.object(*oid)?, outlook.after.object(*oid)?);
        let place = |object: &Option<Arc<Object>>| object.as_ref().and_then(|object| object.place().cloned());
        let (was, is) = (place(&was), place(&is));
        let stands = |place: &Option<bough_core::Place>| {
            place.as_ref().map(|place| (place.parent, place.name.clone()))
        };
        if is.is_some() && stands(&was) != stands(&is) {
            placed.push(*oid);
        }
    }
    let all: HashSet<Oid> = placed.iter().copied().collect();
    let mut outermost = Vec::new();
    for oid in placed {
        if let Chain::Live(chain) = chain(&outlook.after, oid)?
            && chain.iter().any(|object| object.oid() == top)
            && !chain[1..].iter().any(|container| all.contains(&container.oid()))
        {
            outermost.push((chain_path(&chain), oid));
        }
    }
    outermost.sort();
    Ok(outermost.into_iter().map(|(_, oid)| oid).collect())
}

/// The names from a container to something in it; none where it is not in there.
fn names_below(state: &Snapshot, oid: Oid, container: Oid) -> Result<Option<Vec<Name>>, ReadError> {
    let Chain::Live(mut chain) = chain(state, oid)? else { return Ok(None) };
    let Some(depth) = chain.iter().position(|object| object.oid() == container) else { return Ok(None) };
    chain.truncate(depth);
    Ok(Some(chain_path(&chain).names().to_vec()))
}

fn find_below(state: &Snapshot, top: Oid, names: &[Name]) -> Result<Option<Oid>, ReadError> {
    let mut at = top;
    for name in names {
        match state.child(at, name.as_str())? {
            Some(child) => at = child,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

/// What somebody makes of an answer.
#[derive(PartialEq)]
enum Sight {
    There,
    Refused,
    Failing,
}

fn sight(seen: &Seen) -> Sight {
    match seen.status {
        status if status.is_server_error() => Sight::Failing,
        status if status.is_client_error() => Sight::Refused,
        _ => Sight::There,
    }
}

fn difference(before: &Seen, after: &Seen) -> Option<Difference> {
    if before == after {
        return None;
    }
    Some(match (sight(before), sight(after)) {
        (Sight::Refused, Sight::Refused) | (Sight::Failing, Sight::Failing) => return None,
        (_, Sight::Failing) => Difference::Fails,
        (_, Sight::Refused) => Difference::Gone,
        (Sight::Refused, Sight::There) => Difference::New,
        (Sight::Failing, Sight::There) => Difference::Mended,
        (Sight::There, Sight::There) => match &after.location {
            Some(to) if after.status == StatusCode::PERMANENT_REDIRECT && before.status.is_success() => {
                Difference::Moved(to.clone())
            }
            _ => Difference::Otherwise,
        },
    })
}
