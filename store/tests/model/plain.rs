//! The model: each commit is a copy of the whole tree, each rule is written as plainly as can be.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bough_core::{CellKey, Content, Name, Oid, OrderKey, Place, Tid, Value};

/// The cells of an object, each with the commit that wrote it. Large values are in them like any other.
pub(crate) type Cells = BTreeMap<CellKey, (Tid, Content)>;

/// All objects, also the deleted ones, which have no place.
#[derive(Clone, Default)]
pub(crate) struct Tree(pub(crate) BTreeMap<Oid, Rc<Cells>>);

/// A commit and the tree that it left.
pub(crate) struct Commit {
    pub(crate) tid: Tid,
    pub(crate) sentence: String,
    pub(crate) tree: Tree,
    pub(crate) names: BTreeMap<(Oid, Name), Oid>,
}

/// What stands against a change, as text that can be compared.
pub(crate) type Conflicts = BTreeSet<String>;

impl Tree {
    pub(crate) fn content(&self, oid: Oid, key: &CellKey) -> Option<&Content> {
        self.0.get(&oid)?.get(key).map(|(_, content)| content)
    }

    pub(crate) fn value(&self, oid: Oid, name: &Name) -> Option<&Value> {
        match self.content(oid, &CellKey::Attribute(name.clone())) {
            Some(Content::Value(value)) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn place(&self, oid: Oid) -> Option<&Place> {
        match self.content(oid, &CellKey::Place) {
            Some(Content::Place(place)) => Some(place),
            _ => None,
        }
    }

    pub(crate) fn is_a(&self, oid: Oid, kind: &str) -> bool {
        matches!(self.content(oid, &CellKey::Type), Some(Content::Type(name)) if *name == kind)
    }

    /// The object and what it stands in, up to the root; none where that is not reached.
    pub(crate) fn chain(&self, oid: Oid) -> Option<Vec<Oid>> {
        let mut chain = vec![oid];
        while let Some(&last) = chain.last()
            && last != Oid::ROOT
        {
            let parent = self.place(last)?.parent;
            if chain.contains(&parent) {
                return None;
            }
            chain.push(parent);
        }
        self.0.contains_key(&Oid::ROOT).then_some(chain)
    }

    pub(crate) fn is_live(&self, oid: Oid) -> bool {
        self.chain(oid).is_some()
    }

    pub(crate) fn live(&self) -> Vec<Oid> {
        self.0.keys().copied().filter(|oid| self.is_live(*oid)).collect()
    }

    /// The children in the order of their places.
    pub(crate) fn children(&self, parent: Oid) -> Vec<(OrderKey, Name, Oid)> {
        let places = self.0.keys().filter_map(|oid| Some((self.place(*oid)?, *oid)));
        let inside = places.filter(|(place, _)| place.parent == parent);
        let mut children: Vec<_> =
            inside.map(|(place, oid)| (place.order.clone(), place.name.clone(), oid)).collect();
        children.sort();
        children
    }

    pub(crate) fn child(&self, parent: Oid, name: &Name) -> Option<Oid> {
        let is_it = |oid: &Oid| self.place(*oid).is_some_and(|at| at.parent == parent && at.name == *name);
        self.0.keys().copied().find(is_it)
    }

    pub(crate) fn names(&self) -> BTreeMap<(Oid, Name), Oid> {
        let places = self.0.keys().filter_map(|oid| Some((self.place(*oid)?, *oid)));
        places.map(|(place, oid)| ((place.parent, place.name.clone()), oid)).collect()
    }

    /// Sets or clears a cell; one that keeps its content keeps who wrote it.
    pub(crate) fn put(&mut self, oid: Oid, key: CellKey, content: Option<Content>, tid: Tid) {
        if self.content(oid, &key) == content.as_ref() && self.0.contains_key(&oid) {
            return;
        }
        let cells = Rc::make_mut(self.0.entry(oid).or_default());
        match content {
            Some(content) => _ = cells.insert(key, (tid, content)),
            None => _ = cells.remove(&key),
        }
    }

    /// The cells in which an object differs from what it is in another tree, with what it holds there.
    pub(crate) fn changes_to(&self, other: &Self, oid: Oid) -> Vec<(CellKey, Option<Content>)> {
        let none = Rc::default();
        let (here, there) = (self.0.get(&oid).unwrap_or(&none), other.0.get(&oid).unwrap_or(&none));
        let keys: BTreeSet<&CellKey> = here.keys().chain(there.keys()).collect();
        let content = |cells: &Cells, key| cells.get(key).map(|(_, content)| content.clone());
        let changes = keys.into_iter().map(|key| (key.clone(), content(here, key), content(there, key)));
        changes.filter(|(_, here, there)| here != there).map(|(key, _, there)| (key, there)).collect()
    }

    /// The objects that are not the same in another tree.
    pub(crate) fn differing(&self, other: &Self) -> BTreeSet<Oid> {
        let all = self.0.keys().chain(other.0.keys()).copied();
        all.filter(|oid| {
            self.0.contains_key(oid) != other.0.contains_key(oid) || !self.changes_to(other, *oid).is_empty()
        })
        .collect()
    }
}

/// What a draft of `base` that ended as `now` changes. Of what is dead in the end, what was made in the draft leaves
/// nothing; what a deleted container took with it is as it was; what was moved into one is deleted itself.
fn net(base: &Tree, now: &Tree) -> Tree {
    let mut net = now.clone();
    for oid in now.0.keys().filter(|oid| !now.is_live(**oid)) {
        let stood = base.place(*oid).is_some_and(|place| now.is_live(place.parent));
        match base.0.get(oid) {
            None => _ = net.0.remove(oid),
            Some(_) if now.place(*oid).is_none() => {}
            Some(_) if stood => net.put(*oid, CellKey::Place, None, Tid::MAX),
            Some(before) => _ = net.0.insert(*oid, before.clone()),
        }
    }
    net
}

/// A draft over what the head has become: the new head, none where it changes nothing, or what stands against it.
pub(crate) fn commit(
    base: &Tree,
    now: &Tree,
    unchanged: &[(Oid, CellKey)],
    head: &Tree,
    tid: Tid,
) -> Result<Option<Tree>, Conflicts> {
    let now = net(base, now);
    let touched = base.differing(&now);
    if touched.is_empty() {
        return Ok(None);
    }
    let mut conflicts = Conflicts::new();
    for (oid, key) in unchanged {
        if base.content(*oid, key) != head.content(*oid, key) {
            conflicts.insert(format!("changed {oid} {key}"));
        }
    }
    let mut after = head.clone();
    for &oid in &touched {
        let changes = base.changes_to(&now, oid);
        let deletes = changes.contains(&(CellKey::Place, None));
        let is_there = oid == Oid::ROOT || head.place(oid).is_some();
        let is_gone = base.0.contains_key(&oid) && !head.0.contains_key(&oid);
        if is_gone && deletes {
            continue;
        }
        if is_gone || (base.place(oid).is_some() && !is_there && !deletes) {
            conflicts.insert(format!("deleted {oid}"));
            continue;
        }
        for (key, right) in changes {
            match merge(base.content(oid, &key), head.content(oid, &key), right.as_ref()) {
                Some(content) => after.put(oid, key, content, tid),
                None => _ = conflicts.insert(format!("cell {oid} {key}")),
            }
        }
    }
    if !conflicts.is_empty() {
        return Err(conflicts);
    }
    // An object without a cell is none.
    after.0.retain(|_, cells| !cells.is_empty());
    let edited = head.differing(&after);
    if edited.is_empty() {
        return Ok(None);
    }
    let conflicts = structure(head, &after, &edited);
    if conflicts.is_empty() { Ok(Some(after)) } else { Err(conflicts) }
}

/// What makes `after` no tree, as far as the objects that were edited are concerned.
fn structure(before: &Tree, after: &Tree, edited: &BTreeSet<Oid>) -> Conflicts {
    let mut conflicts = Conflicts::new();
    let moved: Vec<Oid> =
        edited.iter().copied().filter(|oid| before.place(*oid) != after.place(*oid)).collect();
    let mut names = before.names();
    let key = |place: &Place| (place.parent, place.name.clone());
    for place in moved.iter().filter_map(|oid| before.place(*oid)) {
        names.remove(&key(place));
    }
    for &oid in &moved {
        let Some(place) = after.place(oid) else { continue };
        if *names.entry(key(place)).or_insert(oid) != oid {
            conflicts.insert(format!("name {oid}"));
        }
    }
    for &oid in edited {
        let mut walked = vec![];
        let mut at = oid;
        while at != Oid::ROOT {
            if walked.contains(&at) {
                conflicts.insert(format!("cycle {oid}"));
                break;
            }
            walked.push(at);
            match after.place(at) {
                Some(place) => at = place.parent,
                None if at == oid => break,
                None if !after.0.contains_key(&at) => {
                    conflicts.insert(format!("orphan {oid}"));
                    break;
                }
                // What is deleted together with its container may stand in it.
                None if before.place(at).is_some() && edited.contains(&at) => break,
                None => {
                    conflicts.insert(format!("below {oid}"));
                    break;
                }
            }
        }
    }
    conflicts
}

/// Takes back commits, given as their places in the history: the new head, or something that stands against it.
pub(crate) fn undo(history: &[Commit], of: &BTreeSet<usize>, tid: Tid) -> Result<Tree, String> {
    let head = &history[history.len() - 1].tree;
    let mut after = head.clone();
    let touched: BTreeSet<Oid> =
        of.iter().flat_map(|at| history[at - 1].tree.differing(&history[*at].tree)).collect();
    for &oid in &touched {
        let mut working = head.clone();
        let mut hidden = false;
        for &at in of.iter().rev() {
            let (before, undone) = (&history[at - 1].tree, &history[at].tree);
            let changes = undone.changes_to(before, oid);
            let is_placed = oid == Oid::ROOT || working.place(oid).is_some();
            let was_hidden = !is_placed && before.place(oid) == undone.place(oid);
            let is_gone = working.0.get(&oid).is_none_or(|cells| cells.is_empty());
            let went_later = is_gone && before.0.contains_key(&oid) && undone.0.contains_key(&oid);
            if went_later && !changes.is_empty() {
                return Err(format!("{oid} is gone"));
            }
            for (key, back) in changes {
                let now = working.content(oid, &key);
                let merged = match now == back.as_ref() {
                    true => Some(back.clone()),
                    false => merge(undone.content(oid, &key), now, back.as_ref()),
                };
                let back = merged.ok_or_else(|| format!("{key} of {oid} was changed again"))?;
                hidden |= was_hidden && working.content(oid, &key) != back.as_ref();
                working.put(oid, key, back, tid);
            }
        }
        let changes = head.changes_to(&working, oid);
        // Where nothing else was done to the object since, it goes back to what it was in any case.
        if hidden && !changes.is_empty() && !are_newest(history, of, oid) {
            return Err(format!("{oid} is deleted"));
        }
        let vanishes = !changes.is_empty() && working.content(oid, &CellKey::Type).is_none();
        if vanishes && working.0.get(&oid).is_some_and(|cells| !cells.is_empty()) {
            return Err(format!("something of {oid} would be left"));
        }
        changes.into_iter().for_each(|(key, content)| after.put(oid, key, content, tid));
    }
    after.0.retain(|_, cells| !cells.is_empty());
    let edited = head.differing(&after);
    let vanished = |oid: &Oid| head.0.contains_key(oid) && !after.0.contains_key(oid);
    let left = |oid: &&Oid| after.place(**oid).is_some_and(|place| vanished(&place.parent));
    if let Some(child) = after.0.keys().find(left) {
        return Err(format!("{child} would be left without its container"));
    }
    let conflicts = structure(head, &after, &edited);
    if conflicts.is_empty() { Ok(after) } else { Err(format!("{conflicts:?}")) }
}

/// Whether nobody else changed the object since the first of these commits that did.
fn are_newest(history: &[Commit], of: &BTreeSet<usize>, oid: Oid) -> bool {
    let changed = |at: &usize| !history[at - 1].tree.changes_to(&history[*at].tree, oid).is_empty();
    let place = |at: usize| history[at].tree.place(oid);
    let first = of.iter().copied().find(changed).unwrap_or(history.len());
    let moves = of.iter().any(|at| place(at - 1) != place(*at));
    let stands = oid == Oid::ROOT || place(history.len() - 1).is_some();
    (first..history.len()).filter(changed).all(|at| of.contains(&at)) && (moves || stands)
}

/// What two sides made of a cell, merged; none where they exclude each other.
#[expect(clippy::option_option, reason = "an absent cell is a content like any other")]
fn merge(base: Option<&Content>, left: Option<&Content>, right: Option<&Content>) -> Option<Option<Content>> {
    let number = |content: Option<&Content>| match content {
        Some(Content::Value(Value::Counter(number))) => Some(*number),
        _ => None,
    };
    if let (Some(l), Some(r)) = (number(left), number(right))
        && (base.is_none() || number(base).is_some())
        && left != base
        && right != base
    {
        return Some(Some(Content::Value(Value::Counter(l + r - number(base).unwrap_or(0)))));
    }
    if left == right || right == base {
        return Some(left.cloned());
    }
    if left == base {
        return Some(right.cloned());
    }
    match (base, left?, right?) {
        (Some(Content::Place(base)), Content::Place(left), Content::Place(right)) => {
            let parent = either(&base.parent, &left.parent, &right.parent)?;
            let name = either(&base.name, &left.name, &right.name)?;
            // In another container a standing means nothing.
            let order = match parent {
                _ if left.parent == right.parent => {
                    either(&base.order, &left.order, &right.order).unwrap_or_else(|| left.order.clone())
                }
                parent if parent == left.parent => left.order.clone(),
                _ => right.order.clone(),
            };
            Some(Some(Content::Place(Place { parent, name, order })))
        }
        (Some(Content::Value(base)), Content::Value(left), Content::Value(right)) => {
            merge_values(Some(base), left, right).map(|value| Some(Content::Value(value)))
        }
        (None, Content::Value(left), Content::Value(right)) => {
            merge_values(None, left, right).map(|value| Some(Content::Value(value)))
        }
        _ => None,
    }
}

fn either<T: PartialEq + Clone>(base: &T, left: &T, right: &T) -> Option<T> {
    if left == right || right == base { Some(left.clone()) } else { (left == base).then(|| right.clone()) }
}

fn merge_values(base: Option<&Value>, left: &Value, right: &Value) -> Option<Value> {
    match (base, left, right) {
        (base, Value::Set(left), Value::Set(right)) => {
            let base = if let Some(Value::Set(base)) = base { base.clone() } else { BTreeSet::new() };
            let in_one = |element: &&Value| left.contains(*element) != right.contains(*element);
            let taken = |element: &&Value| !in_one(element) || !base.contains(*element);
            Some(Value::Set(left.union(right).filter(taken).cloned().collect()))
        }
        (Some(Value::Text(base)), Value::Text(left), Value::Text(right)) => merge_lines(base, left, right),
        _ => None,
    }
}

/// Texts of equally many lines, each with its number in it: what was changed apart goes together.
fn merge_lines(base: &str, left: &str, right: &str) -> Option<Value> {
    let lines = |text: &str| text.split_inclusive('\n').map(str::to_owned).collect::<Vec<_>>();
    let (base, mut merged, right) = (lines(base), lines(left), lines(right));
    let (lefts, rights) = (runs(&base, &merged), runs(&base, &right));
    for (from, to) in rights {
        for &(start, end) in &lefts {
            let same = (start, end) == (from, to) && merged[start..end] == right[from..to];
            if !same && start <= to && from <= end {
                return None;
            }
        }
        merged[from..to].clone_from_slice(&right[from..to]);
    }
    Some(merged.concat().into())
}

/// Where lines next to each other differ.
fn runs(base: &[String], side: &[String]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for at in (0..base.len()).filter(|at| base[*at] != side[*at]) {
        match runs.last_mut() {
            Some((_, end)) if *end == at => *end += 1,
            _ => runs.push((at, at + 1)),
        }
    }
    runs
}
