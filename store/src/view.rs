//! Views: one line as of one commit, with every line that lies below it.
//!
//! A version is read as its own cells over what its parent line held at its base. What a version never touched is
//! asked of the line below at once; names and listings of a version come from both, and count only where the object
//! that they lead to stands there: so nothing has to be written to a version when what lies below it changes.

use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bough_core::object::Object;
use bough_core::snapshot::{Child, ChildOrder, ChildrenPage};
use bough_core::{Name, Oid, OrderKey, Place, Tid};

use crate::cache::Answer;
use crate::engine::{Engine, Revision, StoreError, oid_of};
use crate::format::own::decode_own;
use crate::keys::{self, RevisionAt};
use crate::line::{Line, LineId, LineState};
use crate::log::Log;
use crate::own::Own;

/// How many children are asked for at a time where it is not known how many of them count.
const CHILDREN_BATCH: usize = 64;
/// How many revisions are looked up at a time.
const REVISIONS_BATCH: usize = 16;
/// Marks shelves of which nobody else knows.
const NOWHERE: u64 = 1 << 63;

/// Under what the cache keeps things: a line, and for a version also how often it got another base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shelf(u64);

impl Shelf {
    pub(crate) const TRUNK: Self = Self(0);

    pub(crate) fn of(line: LineId, epoch: u32) -> Self {
        Self(u64::from(line.0) << 32 | u64::from(epoch))
    }

    /// A number that tells the shelf apart from all others of the store; 0 is the trunk.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// One version as of one commit, without what lies below it.
#[derive(Clone)]
pub(crate) struct Layer {
    pub(crate) line: Arc<Line>,
    pub(crate) tid: Tid,
    pub(crate) shelf: Shelf,
    /// Since when the version has the base that it has.
    since: Tid,
    /// Own cells up to here do not count any more.
    floor: Tid,
}

/// One line as of one commit.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) line: LineId,
    pub(crate) tid: Tid,
    /// The versions, the uppermost first; none for the trunk.
    layers: Option<Arc<[Layer]>>,
    /// As of which commit the trunk lies below them all.
    pub(crate) ground: Tid,
}

impl View {
    fn layers(&self) -> &[Layer] {
        self.layers.as_deref().unwrap_or_default()
    }

    /// The same under the number of a version that is only being opened.
    pub(crate) fn opened_as(&self, line: LineId) -> Self {
        Self { line, ..self.clone() }
    }

    /// The uppermost version; none for the trunk.
    pub(crate) fn top(&self) -> Option<&Layer> {
        self.layers().first()
    }

    pub(crate) fn shelf(&self) -> Shelf {
        self.top().map_or(Shelf::TRUNK, |layer| layer.shelf)
    }

    /// The lines from the uppermost down to the trunk, each with the last commit of it that is shown.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (LineId, Tid)> {
        let layers = self.layers().iter().map(|layer| (layer.line.id, layer.tid));
        layers.chain([(LineId::TRUNK, self.ground)])
    }

    /// How many versions lie on each other.
    pub(crate) fn depth(&self) -> usize {
        self.layers().len()
    }

    /// The line below the uppermost version, as that sees it.
    pub(crate) fn below(&self) -> Option<Self> {
        let (_, below) = self.layers().split_first()?;
        let (line, tid) = below.first().map_or((LineId::TRUNK, self.ground), |next| (next.line.id, next.tid));
        let layers = (!below.is_empty()).then(|| below.into());
        Some(Self { line, tid, layers, ground: self.ground })
    }
}

impl Engine {
    /// The line as of `tid`.
    pub(crate) fn view(&self, line: LineId, tid: Tid) -> Result<View, StoreError> {
        let mut layers = Vec::new();
        let (mut at, mut ground) = (line, tid);
        while at != LineId::TRUNK {
            let found = self.lines.get(at, &self.index)?;
            let epoch = found.epoch_at(ground).ok_or_else(|| StoreError::Missing {
                what: format!("version number {} as of {ground}, before which it was opened,", at.0),
            })?;
            layers.push(Layer {
                line: found,
                tid: ground,
                shelf: Shelf::of(at, epoch.number),
                since: epoch.since,
                floor: epoch.state.floor,
            });
            (at, ground) = (epoch.state.parent, epoch.state.base);
        }
        let layers = (!layers.is_empty()).then(|| layers.into());
        Ok(View { line, tid, layers, ground })
    }

    /// The version of a view as it would be in another state.
    pub(crate) fn view_as(&self, view: &View, state: &LineState) -> Result<View, StoreError> {
        let below = self.view(state.parent, state.base)?;
        let layer = view.top().map(|layer| Layer {
            // What is read that way is no state of the site, and nobody else may find it in the cache.
            shelf: Shelf(NOWHERE | self.nowhere.fetch_add(1, Relaxed)),
            since: Tid::ZERO,
            floor: state.floor,
            ..layer.clone()
        });
        let layers = layer.into_iter().chain(below.layers().iter().cloned()).collect();
        Ok(View { line: view.line, tid: view.tid, layers: Some(layers), ground: below.ground })
    }

    /// The object as of `tid` on that line.
    pub(crate) fn object(&self, line: LineId, oid: Oid, tid: Tid) -> Result<Option<Arc<Object>>, StoreError> {
        if line == LineId::TRUNK {
            return self.ground_object(oid, tid);
        }
        self.seen(&self.view(line, tid)?, oid)
    }

    /// The object as the view shows it.
    pub(crate) fn seen(&self, view: &View, oid: Oid) -> Result<Option<Arc<Object>>, StoreError> {
        self.seen_in(view.layers(), view.ground, oid)
    }

    fn seen_in(&self, layers: &[Layer], ground: Tid, oid: Oid) -> Result<Option<Arc<Object>>, StoreError> {
        let Some(nth) = layers.iter().position(|layer| layer.line.touched(oid)) else {
            return self.ground_object(oid, ground);
        };
        let layer = &layers[nth];
        match self.cache.object(layer.shelf, oid, layer.tid) {
            Answer::Known(object) => Ok(object),
            Answer::Replaced | Answer::Unknown => self.retried(|| self.compose(&layers[nth..], ground, oid)),
        }
    }

    fn compose(&self, layers: &[Layer], ground: Tid, oid: Oid) -> Result<Option<Arc<Object>>, StoreError> {
        let Some((layer, below)) = layers.split_first() else { return self.ground_object(oid, ground) };
        let witness = self.cache.witness_object(layer.shelf, oid);
        let newest = self.revision(layer.line.id, oid, Tid::MAX)?;
        let is_newest = newest.is_none_or(|newest| newest.tid <= layer.tid);
        let own = if is_newest { newest } else { self.revision(layer.line.id, oid, layer.tid)? };
        let own = own.filter(|own| own.tid > layer.floor);
        let below = self.seen_in(below, ground, oid)?;
        let object = match own {
            None => below,
            Some(own) => self.decode_own(own)?.over(oid, below.as_deref(), own.tid).map(Arc::new),
        };
        if is_newest {
            let from = own.map_or(layer.since, |own| own.tid.max(layer.since));
            self.cache.keep_object(layer.shelf, oid, from, object.clone(), witness);
        } else {
            self.cache.keep_past_object(layer.shelf, oid, layer.tid, object.clone());
        }
        Ok(object)
    }

    /// What the uppermost version of the view holds of the object itself, and the commit that wrote it.
    pub(crate) fn own(&self, view: &View, oid: Oid) -> Result<Option<(Tid, Own)>, StoreError> {
        let Some(layer) = view.top().filter(|layer| layer.line.touched(oid)) else { return Ok(None) };
        self.retried(|| {
            let own = self.revision(layer.line.id, oid, layer.tid)?.filter(|own| own.tid > layer.floor);
            own.map(|own| Ok((own.tid, self.decode_own(own)?))).transpose()
        })
    }

    pub(crate) fn decode_own(&self, revision: Revision) -> Result<Own, StoreError> {
        match revision.at {
            RevisionAt::Record(location) => Ok(decode_own(&self.log.read(location)?)?),
            RevisionAt::BackTo { .. } | RevisionAt::Gone => Ok(Own::default()),
        }
    }

    /// The child of that name as of `tid` on that line.
    pub(crate) fn child(
        &self,
        line: LineId,
        parent: Oid,
        name: &str,
        tid: Tid,
    ) -> Result<Option<Oid>, StoreError> {
        if line == LineId::TRUNK {
            return self.ground_child(parent, name, tid);
        }
        self.seen_child(&self.view(line, tid)?, parent, name)
    }

    /// The child of that name as the view shows it.
    pub(crate) fn seen_child(&self, view: &View, parent: Oid, name: &str) -> Result<Option<Oid>, StoreError> {
        self.seen_child_in(view.layers(), view.ground, parent, name)
    }

    fn seen_child_in(
        &self,
        layers: &[Layer],
        ground: Tid,
        parent: Oid,
        name: &str,
    ) -> Result<Option<Oid>, StoreError> {
        let Some((layer, below)) = layers.split_first() else {
            return self.ground_child(parent, name, ground);
        };
        let stands = |oid: Oid| {
            let object = self.seen_in(layers, ground, oid)?;
            let place = object.as_ref().and_then(|object| object.place());
            Ok::<_, StoreError>(place.is_some_and(|place| place.parent == parent && place.name == *name))
        };
        let from_below = || match self.seen_child_in(below, ground, parent, name)? {
            // The version may have it elsewhere, also in folders of which it names nothing itself.
            Some(oid) if layer.line.touched(oid) && !stands(oid)? => Ok::<_, StoreError>(None),
            child => Ok(child),
        };
        if !layer.line.touched_folder(parent) {
            return from_below();
        }
        if let Answer::Known(child) = self.cache.name(layer.shelf, parent, name, layer.tid) {
            return Ok(child);
        }
        let witness = self.cache.witness_name(layer.shelf, parent, name);
        let newest = self.named(layer.line.id, parent, name, Tid::MAX)?;
        let is_newest = newest.is_none_or(|(since, _)| since <= layer.tid);
        let own = if is_newest { newest } else { self.named(layer.line.id, parent, name, layer.tid)? };
        let own = own.filter(|(since, _)| *since > layer.floor);
        let mut child = None;
        if let Some(oid) = own.and_then(|(_, oid)| oid)
            && stands(oid)?
        {
            child = Some(oid);
        }
        if child.is_none() {
            child = from_below()?;
        }
        if is_newest {
            let from = own.map_or(layer.since, |(since, _)| since.max(layer.since));
            self.cache.keep_name(layer.shelf, parent, name, from, child, witness);
        } else {
            self.cache.keep_past_name(layer.shelf, parent, name, layer.tid, child);
        }
        Ok(child)
    }

    /// A page of children as the view shows them.
    pub(crate) fn seen_children(
        &self,
        view: &View,
        parent: Oid,
        page: &ChildrenPage,
    ) -> Result<Vec<Child>, StoreError> {
        self.seen_children_in(view.layers(), view.ground, parent, page)
    }

    fn seen_children_in(
        &self,
        layers: &[Layer],
        ground: Tid,
        parent: Oid,
        page: &ChildrenPage,
    ) -> Result<Vec<Child>, StoreError> {
        let Some((layer, lower)) = layers.split_first() else {
            return self.children_of_line(LineId::TRUNK, (Tid::ZERO, ground), parent, page);
        };
        if !layer.line.touched_folder(parent) {
            let children = self.seen_children_in(lower, ground, parent, page)?;
            // The version may have some of them elsewhere.
            if !children.iter().any(|child| layer.line.touched(child.oid)) {
                return Ok(children);
            }
        }
        let stands = |child: &Child| {
            if !layer.line.touched(child.oid) {
                return Ok(true);
            }
            let object = self.seen_in(layers, ground, child.oid)?;
            let place = object.as_ref().and_then(|object| object.place());
            Ok::<_, StoreError>(place.is_some_and(|place| {
                let same_order = page.by == ChildOrder::Name || place.order == child.order;
                place.parent == parent && place.name == child.name && same_order
            }))
        };
        let mut own = Source::new(page);
        let mut below = Source::new(page);
        let mut children: Vec<Child> = Vec::with_capacity(page.limit.min(1_000));
        while children.len() < page.limit {
            let since = (layer.floor, layer.tid);
            own.fill(&stands, |page| self.children_of_line(layer.line.id, since, parent, page))?;
            below.fill(&stands, |page| self.seen_children_in(lower, ground, parent, page))?;
            let next = match (own.waiting.front(), below.waiting.front()) {
                (None, None) => break,
                (Some(_), None) => &mut own,
                (None, Some(_)) => &mut below,
                (Some(a), Some(b)) => match page.by.compare(a, b) {
                    // One object, which both lines have there.
                    Ordering::Equal => {
                        below.waiting.pop_front();
                        &mut own
                    }
                    Ordering::Less => &mut own,
                    Ordering::Greater => &mut below,
                },
            };
            children.extend(next.waiting.pop_front());
        }
        Ok(children)
    }

    /// The children that one line names by itself, by entries later than the first and not later than the second tid.
    fn children_of_line(
        &self,
        line: LineId,
        (floor, tid): (Tid, Tid),
        parent: Oid,
        page: &ChildrenPage,
    ) -> Result<Vec<Child>, StoreError> {
        let folder = match page.by {
            ChildOrder::Place => keys::by_order_folder(parent),
            ChildOrder::Name => keys::by_name_folder(parent),
        };
        let from = match &page.after {
            None => folder.clone(),
            Some((order, name)) => keys::behind(&match page.by {
                ChildOrder::Place => keys::by_order_prefix(parent, order, name),
                ChildOrder::Name => keys::by_name_prefix(parent, name.as_str()),
            }),
        };
        let mut children = Vec::with_capacity(page.limit.min(1_000));
        // Each name has its history here, newest first: the first entry of a name at or before our tid decides it.
        let mut decided: Vec<u8> = Vec::new();
        let mut visit = |key: &[u8], value: &[u8]| {
            let of = &key[..key.len().saturating_sub(12)];
            let written = keys::tid_of(key);
            let ours = keys::line_of(key) == Some(line) && written <= Some(tid);
            if !ours || of == decided {
                return ControlFlow::Continue(());
            }
            decided.clear();
            decided.extend_from_slice(of);
            if let Some(oid) = oid_of(value)
                && (written > Some(floor) || line == LineId::TRUNK)
                && let Some((order, name)) = parse_child(page.by, key)
            {
                children.push(Child { oid, name, order });
            }
            if children.len() >= page.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        if page.limit > 0 {
            self.index.scan(&from, &keys::behind(&folder), &mut visit)?;
        }
        Ok(children)
    }

    /// The object that last stood under that name before the present one or none did.
    pub(crate) fn seen_former(
        &self,
        view: &View,
        parent: Oid,
        name: &str,
    ) -> Result<Option<Oid>, StoreError> {
        let now = self.seen_child(view, parent, name)?;
        for (line, tid) in view.lines() {
            let from = keys::by_name(parent, name, line, tid);
            let below = keys::by_name(parent, name, LineId(line.0 + 1), Tid::MAX);
            let mut former = None;
            let mut visit = |_: &[u8], value: &[u8]| {
                former = oid_of(value).filter(|&oid| Some(oid) != now);
                if former.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            self.index.scan(&from, &below, &mut visit)?;
            if former.is_some() {
                return Ok(former);
            }
        }
        Ok(None)
    }

    /// Where an object that has no place in the view stood last; none where that is packed away.
    pub(crate) fn last_place(&self, view: &View, oid: Oid) -> Result<Option<Place>, StoreError> {
        for (line, tid) in view.lines() {
            let mut before = Some(Tid::from_micros(tid.as_micros().saturating_add(1)));
            loop {
                let tids = self.revisions(line, oid, before, REVISIONS_BATCH)?;
                for tid in &tids {
                    let object = self.object(line, oid, *tid)?;
                    if let Some(place) = object.as_ref().and_then(|object| object.place()) {
                        return Ok(Some(place.clone()));
                    }
                }
                match tids.last().filter(|_| tids.len() == REVISIONS_BATCH) {
                    Some(last) => before = Some(*last),
                    None => break,
                }
            }
        }
        Ok(None)
    }

    /// Who refers to `target` as the view shows it: `limit` of them, by oid.
    pub(crate) fn referring(&self, view: &View, target: Oid, limit: usize) -> Result<Vec<Oid>, StoreError> {
        let mut sources = BTreeSet::new();
        let lines: Vec<(LineId, Tid)> = view.lines().collect();
        let prefix = keys::references_to(target);
        let mut decided = None;
        let mut visit = |key: &[u8], value: &[u8]| {
            let (source, of, written) = (keys::parse_reference(key), keys::line_of(key), keys::tid_of(key));
            let ours = lines.iter().any(|(line, tid)| of == Some(*line) && written <= Some(*tid));
            if ours && (source, of) != decided.unwrap_or_default() {
                decided = Some((source, of));
                if value == [1] {
                    sources.extend(source);
                }
            }
            ControlFlow::Continue(())
        };
        self.index.scan(&prefix, &keys::behind(&prefix), &mut visit)?;
        let mut found = Vec::new();
        for source in sources {
            if found.len() >= limit {
                break;
            }
            if view.layers().is_empty() || self.refers(view, source, target)? {
                found.push(source);
            }
        }
        Ok(found)
    }

    fn refers(&self, view: &View, source: Oid, target: Oid) -> Result<bool, StoreError> {
        let object = self.seen(view, source)?;
        let mut refers = false;
        for (_, cell) in object.as_deref().map_or(&[][..], Object::cells) {
            cell.content.references(&mut |oid| refers |= oid == target);
        }
        Ok(refers)
    }
}

/// One of two sequences of children that are merged into a page.
struct Source {
    waiting: VecDeque<Child>,
    page: ChildrenPage,
    is_at_end: bool,
}

impl Source {
    fn new(page: &ChildrenPage) -> Self {
        let page = ChildrenPage { limit: page.limit.clamp(CHILDREN_BATCH, 1_000), ..page.clone() };
        Self { waiting: VecDeque::new(), page, is_at_end: false }
    }

    /// Sees to it that something waits, unless there is nothing more.
    fn fill(
        &mut self,
        counts: &dyn Fn(&Child) -> Result<bool, StoreError>,
        fetch: impl Fn(&ChildrenPage) -> Result<Vec<Child>, StoreError>,
    ) -> Result<(), StoreError> {
        while self.waiting.is_empty() && !self.is_at_end {
            let children = fetch(&self.page)?;
            self.is_at_end = children.len() < self.page.limit;
            if let Some(last) = children.last() {
                self.page = self.page.following(last);
            }
            for child in children {
                if counts(&child)? {
                    self.waiting.push_back(child);
                }
            }
        }
        Ok(())
    }
}

fn parse_child(by: ChildOrder, key: &[u8]) -> Option<(OrderKey, Name)> {
    match by {
        ChildOrder::Place => {
            let (order, name) = keys::parse_by_order(key)?;
            Some((OrderKey::parse(order)?, Name::new(name).ok()?))
        }
        ChildOrder::Name => Some((OrderKey::default(), Name::new(keys::parse_by_name(key)?).ok()?)),
    }
}
