//! The model: whole copies of maps, every rule as plainly as can be. Only plans come from the core.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bough_core::merge::plan::{OwnCell, Plan, Resolutions, Sides, plan};
use bough_core::object::Cell;
use bough_core::object_type::TypeRegistry;
use bough_core::snapshot::{Child, ChildrenPage, ReadError};
use bough_core::transaction::ObjectChange;
use bough_core::{CellKey, Content, Name, Object, Oid, OrderKey, Place, Snapshot, Tid, Value};

pub(crate) type Cells = BTreeMap<CellKey, Content>;

/// All objects of a line, also the deleted ones, which have no place.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tree(pub(crate) BTreeMap<Oid, Cells>);

impl Tree {
    pub(crate) fn content(&self, oid: Oid, key: &CellKey) -> Option<&Content> {
        self.0.get(&oid)?.get(key)
    }

    pub(crate) fn place(&self, oid: Oid) -> Option<&Place> {
        match self.content(oid, &CellKey::Place) {
            Some(Content::Place(place)) => Some(place),
            _ => None,
        }
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
        Some(chain)
    }

    pub(crate) fn is_live(&self, oid: Oid) -> bool {
        self.chain(oid).is_some()
    }

    pub(crate) fn live(&self) -> Vec<Oid> {
        self.0.keys().copied().filter(|oid| self.is_live(*oid)).collect()
    }

    /// The children in the order of their places.
    pub(crate) fn children(&self, parent: Oid) -> Vec<Child> {
        let places = self.0.keys().filter_map(|oid| Some((self.place(*oid)?, *oid)));
        let inside = places.filter(|(place, _)| place.parent == parent);
        let child =
            |(place, oid): (&Place, Oid)| Child { oid, name: place.name.clone(), order: place.order.clone() };
        let mut children: Vec<Child> = inside.map(child).collect();
        children.sort_by(|a, b| (&a.order, &a.name).cmp(&(&b.order, &b.name)));
        children
    }

    pub(crate) fn child(&self, parent: Oid, name: &str) -> Option<Oid> {
        self.children(parent).into_iter().find(|child| child.name == *name).map(|child| child.oid)
    }

    pub(crate) fn is_folder(&self, oid: Oid) -> bool {
        matches!(self.content(oid, &CellKey::Type), Some(Content::Type(name)) if *name == "folder")
    }

    pub(crate) fn put(&mut self, oid: Oid, key: CellKey, content: Option<Content>) {
        match content {
            Some(content) => _ = self.0.entry(oid).or_default().insert(key, content),
            None => _ = self.0.entry(oid).or_default().remove(&key),
        }
    }

    /// The cells that are not the same in another tree, with what they are there.
    pub(crate) fn changes_to(&self, other: &Self) -> Vec<(Oid, CellKey, Option<Content>)> {
        let keys = |tree: &Self| {
            tree.0
                .iter()
                .flat_map(|(oid, cells)| cells.keys().map(|key| (*oid, key.clone())))
                .collect::<BTreeSet<_>>()
        };
        let all: BTreeSet<_> = keys(self).union(&keys(other)).cloned().collect();
        let differ = all.into_iter().filter(|(oid, key)| self.content(*oid, key) != other.content(*oid, key));
        differ.map(|(oid, key)| (oid, key.clone(), other.content(oid, &key).cloned())).collect()
    }

    /// Whether names are unique and all that has a place and is not below something deleted reaches the root.
    pub(crate) fn violations(&self) -> BTreeSet<Oid> {
        let mut found = BTreeSet::new();
        let mut names: BTreeMap<(Oid, Name), Oid> = BTreeMap::new();
        for oid in self.live() {
            let Some(place) = self.place(oid) else { continue };
            if let Some(other) = names.insert((place.parent, place.name.clone()), oid) {
                found.extend([oid, other]);
            }
        }
        found
    }
}

impl Snapshot for Tree {
    fn tid(&self) -> Tid {
        Tid::ZERO
    }

    fn object(&self, oid: Oid) -> Result<Option<Arc<Object>>, ReadError> {
        let cells = |cells: &Cells| {
            let cell = |content: &Content| Cell { tid: Tid::ZERO, content: content.clone() };
            cells.iter().map(|(key, content)| (key.clone(), cell(content))).collect()
        };
        let found = self.0.get(&oid).filter(|cells| !cells.is_empty());
        Ok(found.map(|found| Arc::new(Object::new(oid, Tid::ZERO, cells(found)))))
    }

    fn child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        Ok(Tree::child(self, parent, name))
    }

    fn children(&self, parent: Oid, page: &ChildrenPage) -> Result<Vec<Child>, ReadError> {
        let mut all = Tree::children(self, parent);
        all.sort_by(|a, b| page.by.compare(a, b));
        if let Some((order, name)) = &page.after {
            let after = Child { oid: Oid::ROOT, name: name.clone(), order: order.clone() };
            all.retain(|child| page.by.compare(child, &after).is_gt());
        }
        all.truncate(page.limit);
        Ok(all)
    }

    fn former_child(&self, _: Oid, _: &str) -> Result<Option<Oid>, ReadError> {
        Ok(None)
    }

    fn large(&self, large: &bough_core::object::Large) -> Result<Value, ReadError> {
        panic!("nothing here is large: {large:?}")
    }
}

/// A cell that a version holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) content: Option<Content>,
    /// With what it is compared, where that is not what the base holds.
    pub(crate) compared: Option<Option<Content>>,
    /// The commit of the version that wrote it.
    pub(crate) written: Tid,
}

pub(crate) type Own = BTreeMap<(Oid, CellKey), Held>;

/// What a version is: its own cells over a copy of what it lies on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version {
    pub(crate) parent: usize,
    pub(crate) base: Tree,
    pub(crate) own: Own,
}

impl Version {
    pub(crate) fn tree(&self) -> Tree {
        let mut tree = self.base.clone();
        for ((oid, key), held) in &self.own {
            tree.put(*oid, key.clone(), held.content.clone());
        }
        tree.0.retain(|oid, cells| !cells.is_empty() || self.base.0.contains_key(oid));
        tree
    }

    /// Writes cells, as a commit on the version does.
    pub(crate) fn write(&mut self, tid: Tid, oid: Oid, key: CellKey, content: Option<Content>) {
        if self.tree().content(oid, &key) == content.as_ref() {
            return;
        }
        let compared = self.own.get(&(oid, key.clone())).and_then(|held| held.compared.clone());
        self.own.insert((oid, key), Held { content, compared, written: tid });
    }

    fn compared(&self, oid: Oid, key: &CellKey) -> Option<Content> {
        match self.own.get(&(oid, key.clone())) {
            Some(Held { compared: Some(compared), .. }) => compared.clone(),
            _ => self.base.content(oid, key).cloned(),
        }
    }

    /// With what its cells are compared: its base, but for those that were merged or taken back since.
    pub(crate) fn compared_with(&self) -> Tree {
        let mut base = self.base.clone();
        for ((oid, key), held) in &self.own {
            if let Some(compared) = &held.compared {
                base.put(*oid, key.clone(), compared.clone());
            }
        }
        base.0.retain(|_, cells| !cells.is_empty());
        base
    }

    /// What bringing these objects' cells together with the parent line does.
    pub(crate) fn plan(
        &self,
        parent: &Tree,
        only: Option<&BTreeSet<Oid>>,
        types: &TypeRegistry,
        resolutions: &Resolutions,
    ) -> Plan {
        let (base, version) = (self.compared_with(), self.tree());
        let cells: Vec<OwnCell> = self
            .own
            .iter()
            .filter(|((oid, _), _)| only.is_none_or(|only| only.contains(oid)))
            .map(|((oid, key), held)| OwnCell {
                oid: *oid,
                key: key.clone(),
                base: self.compared(*oid, key),
                version: held.content.clone(),
            })
            .collect();
        let changed = || Ok(base.0.keys().chain(parent.0.keys()).copied().collect());
        let sides = Sides { base: &base, parent, version: &version, types, changed_in_parent: &changed };
        plan(&sides, &cells, resolutions).unwrap()
    }

    /// What it cannot merge these objects without: what they stand in, where the parent line has never had that.
    pub(crate) fn closure(&self, picks: &BTreeSet<Oid>, parent: &Tree) -> BTreeSet<Oid> {
        let (mut all, tree) = (picks.clone(), self.tree());
        let mut waiting: Vec<Oid> =
            picks.iter().copied().filter(|oid| self.own.keys().any(|(of, _)| of == oid)).collect();
        while let Some(oid) = waiting.pop() {
            if let Some(place) = tree.place(oid)
                && !parent.0.contains_key(&place.parent)
                && all.insert(place.parent)
            {
                waiting.push(place.parent);
            }
        }
        all
    }

    /// After a merge of everything.
    pub(crate) fn merged(&mut self, parent: usize, tree: &Tree) {
        (self.parent, self.base) = (parent, tree.clone());
        self.own.clear();
    }

    /// After a merge of parts by `tid`, which gave the parent line this tree.
    pub(crate) fn merged_part(&mut self, tid: Tid, only: &BTreeSet<Oid>, tree: &Tree) {
        for ((oid, key), held) in self.own.iter_mut().filter(|((oid, _), _)| only.contains(oid)) {
            let there = tree.content(*oid, key).cloned();
            if (*key == CellKey::Place || tree.is_live(*oid)) && held.content != there {
                (held.content, held.written) = (there.clone(), tid);
            }
            held.compared = Some(there);
        }
    }

    /// After an update by `tid`, by this plan.
    pub(crate) fn updated(&mut self, tid: Tid, parent: usize, tree: &Tree, writes: &[ObjectChange]) {
        let mut own = Own::new();
        // What it deleted stays whole, so that it can come back.
        let was = self.tree();
        for ((oid, key), held) in &self.own {
            if *key != CellKey::Place && !was.is_live(*oid) {
                let compared = self.compared(*oid, key);
                let compared = (tree.content(*oid, key) != compared.as_ref()).then_some(compared);
                own.insert((*oid, key.clone()), Held { compared, ..held.clone() });
            }
        }
        for (oid, (key, to)) in
            writes.iter().flat_map(|change| change.cells.iter().map(|cell| (change.oid, cell)))
        {
            let at = (oid, key.clone());
            let same = self.own.get(&at).filter(|held| held.content == *to);
            let written = same.map_or(tid, |held| held.written);
            own.insert(at, Held { content: to.clone(), compared: None, written });
        }
        (self.parent, self.base, self.own) = (parent, tree.clone(), own);
    }

    /// Throws away everything of these objects, and what cannot stay without that.
    pub(crate) fn discard(&mut self, picks: &BTreeSet<Oid>) {
        let was = self.tree();
        let mut gone: BTreeSet<(Oid, CellKey)> =
            self.own.keys().filter(|(oid, _)| picks.contains(oid)).cloned().collect();
        loop {
            let before = gone.len();
            let made_here = |oid: Oid| !self.base.0.contains_key(&oid);
            // What was made here goes as a whole, and what stands in it goes out of it.
            let tops: BTreeSet<Oid> = gone
                .iter()
                .filter(|(oid, key)| made_here(*oid) && matches!(key, CellKey::Place | CellKey::Type))
                .map(|(oid, _)| *oid)
                .collect();
            gone.extend(self.own.keys().filter(|(oid, _)| tops.contains(oid)).cloned());
            let inside = |key: &&(Oid, CellKey)| {
                key.1 == CellKey::Place && was.place(key.0).is_some_and(|place| tops.contains(&place.parent))
            };
            gone.extend(self.own.keys().filter(inside).cloned());
            if gone.len() > before {
                continue;
            }
            // Then the tree must be one.
            let mut after = self.clone();
            after.own.retain(|key, _| !gone.contains(key));
            let after = after.tree();
            let mut in_the_way = after.violations();
            let objects: BTreeSet<Oid> = gone.iter().map(|(oid, _)| *oid).collect();
            let objects = objects.into_iter().filter(|oid| was.place(*oid) != after.place(*oid));
            for oid in objects {
                let mut walked = Vec::new();
                let mut at = oid;
                while at != Oid::ROOT && !walked.contains(&at) {
                    walked.push(at);
                    match after.place(at) {
                        Some(place) => at = place.parent,
                        None if at == oid => at = Oid::ROOT,
                        None => {
                            in_the_way.insert(at);
                            at = Oid::ROOT;
                        }
                    }
                }
                if at != Oid::ROOT {
                    in_the_way.extend(walked);
                }
            }
            gone.extend(
                self.own
                    .keys()
                    .filter(|(oid, key)| *key == CellKey::Place && in_the_way.contains(oid))
                    .cloned(),
            );
            if gone.len() == before {
                break;
            }
        }
        self.own.retain(|key, _| !gone.contains(key));
    }
}

/// The next place behind all others.
pub(crate) fn order_between(siblings: &[Child], at: usize) -> OrderKey {
    let low = at.checked_sub(1).and_then(|below| siblings.get(below)).map(|child| &child.order);
    OrderKey::between(low, siblings.get(at).map(|child| &child.order))
}
