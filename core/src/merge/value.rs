//! Typed mergers: how two changes of one cell come together, by the kind of what it holds.
//!
//! # Laws
//! - `left == base` gives right, `right == base` gives left, `left == right` gives either; only then the kind counts.
//!   Counters alone are different: two who each added one have added two.
//! - Settled answers do not depend on which side is left, but for the order of children, where left wins.
//! - Text and lists merge like diff3, but changes that touch each other are a conflict, not only those that overlap:
//!   two people who wrote neighbouring lines should look at the result.
//!
//! Idea of the text merge: Khanna, Kunal and Pierce, "A Formal Investigation of Diff3", FSTTCS 2007.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::merge::{FetchLarge, Merge, MergePolicy};
use crate::object::{Content, Place};
use crate::snapshot::ReadError;
use crate::value::Value;

/// More lines or elements than this on one side are not compared one by one, but as a whole: comparing takes time
/// that grows with their product where the sides have little in common.
const MERGE_LINES_MAX: usize = 10_000;

use Merge::{Conflict, Settled};

/// Merges what two sides made of one cell; `None` is an absent cell, which is a value like any other.
///
/// # Errors
/// When a value that is kept aside cannot be fetched.
pub fn merge_contents(
    policy: MergePolicy,
    base: Option<&Content>,
    left: Option<&Content>,
    right: Option<&Content>,
    fetch: FetchLarge<'_>,
) -> Result<Merge<Option<Content>>, ReadError> {
    if let (Some(Content::Value(left)), Some(Content::Value(right))) = (left, right)
        && let Some(sum) = merge_counters(base.and_then(in_record), left, right)
    {
        return Ok(Settled(Some(Content::Value(sum))));
    }
    if let Some(simple) = by_equality(&base, &left, &right) {
        return Ok(Settled(simple.cloned()));
    }
    if policy == MergePolicy::Whole {
        return Ok(Conflict);
    }
    match (base, left, right) {
        (Some(Content::Place(base)), Some(Content::Place(left)), Some(Content::Place(right))) => {
            Ok(merge_places(base, left, right).map(Content::Place))
        }
        (_, Some(Content::Value(_) | Content::Large(_)), Some(Content::Value(_) | Content::Large(_))) => {
            let base = base.map(|content| value_of(content, fetch)).transpose()?.flatten();
            let (ours, theirs) = (value_of_side(left, fetch)?, value_of_side(right, fetch)?);
            Ok(match merge_values(base.as_ref(), &ours, &theirs) {
                // As that side holds it, be it aside: a merge that changes nothing must look like it.
                Settled(value) if value == ours => Settled(left.cloned()),
                Settled(value) if value == theirs => Settled(right.cloned()),
                merged => merged.map(Content::Value),
            })
        }
        _ => Ok(Conflict),
    }
}

impl<T> Merge<T> {
    fn map<U>(self, into: impl FnOnce(T) -> U) -> Merge<Option<U>> {
        match self {
            Settled(value) => Settled(Some(into(value))),
            Conflict => Conflict,
        }
    }
}

fn in_record(content: &Content) -> Option<&Value> {
    if let Content::Value(value) = content { Some(value) } else { None }
}

/// What both sides counted, where both did; a counter that was not there counts from nothing.
fn merge_counters(base: Option<&Value>, left: &Value, right: &Value) -> Option<Value> {
    let (Value::Counter(l), Value::Counter(r)) = (left, right) else { return None };
    let b = match base {
        Some(Value::Counter(b)) => *b,
        None => 0,
        Some(_) => return None,
    };
    let both = base != Some(left) && base != Some(right);
    both.then(|| Value::Counter(l.wrapping_add(*r).wrapping_sub(b)))
}

fn value_of(content: &Content, fetch: FetchLarge<'_>) -> Result<Option<Value>, ReadError> {
    match content {
        Content::Value(value) => Ok(Some(value.clone())),
        Content::Large(large) => fetch(large).map(Some),
        Content::Type(_)
        | Content::Place(_)
        | Content::Owner(_)
        | Content::Roles(_)
        | Content::Setting(_) => Ok(None),
    }
}

fn value_of_side(content: Option<&Content>, fetch: FetchLarge<'_>) -> Result<Value, ReadError> {
    let value = content.map(|content| value_of(content, fetch)).transpose()?.flatten();
    Ok(value.unwrap_or(Value::Null))
}

/// The law that holds for every kind. `None` where it does not decide.
fn by_equality<T: PartialEq + Copy>(base: &T, left: &T, right: &T) -> Option<T> {
    if left == right || right == base {
        Some(*left)
    } else if left == base {
        Some(*right)
    } else {
        None
    }
}

/// Container, name and standing each for itself: one side may rename what the other moves. The standing goes with the
/// container: in another one it means nothing.
fn merge_places(base: &Place, left: &Place, right: &Place) -> Merge<Place> {
    let parent = by_equality(&base.parent, &left.parent, &right.parent);
    let name = by_equality(&&base.name, &&left.name, &&right.name);
    let order = if left.parent == right.parent {
        by_equality(&&base.order, &&left.order, &&right.order).unwrap_or(&left.order)
    } else if parent == Some(left.parent) {
        &left.order
    } else {
        &right.order
    };
    match (parent, name) {
        (Some(parent), Some(name)) => Settled(Place { parent, name: name.clone(), order: order.clone() }),
        _ => Conflict,
    }
}

/// Merges two values that differ from each other and from the base.
pub fn merge_values(base: Option<&Value>, left: &Value, right: &Value) -> Merge<Value> {
    if let Some(sum) = merge_counters(base, left, right) {
        return Settled(sum);
    }
    if let Some(simple) = by_equality(&base, &Some(left), &Some(right)) {
        return simple.map_or(Conflict, |value| Settled(value.clone()));
    }
    match (base, left, right) {
        (Some(Value::Set(base)), Value::Set(left), Value::Set(right)) => {
            Settled(Value::Set(merge_sets(base, left, right)))
        }
        (None, Value::Set(left), Value::Set(right)) => {
            Settled(Value::Set(merge_sets(&BTreeSet::new(), left, right)))
        }
        (Some(Value::Map(base)), Value::Map(left), Value::Map(right)) => merge_maps(base, left, right),
        (Some(Value::List(base)), Value::List(left), Value::List(right)) => {
            merge_sequences(base, left, right).map_or(Conflict, |merged| Settled(Value::List(merged)))
        }
        (Some(Value::Text(base)), Value::Text(left), Value::Text(right)) => {
            merge_texts(base, left, right).map_or(Conflict, |merged| Settled(Value::Text(merged.into())))
        }
        _ => Conflict,
    }
}

fn merge_sets(base: &BTreeSet<Value>, left: &BTreeSet<Value>, right: &BTreeSet<Value>) -> BTreeSet<Value> {
    let kept = |element: &&Value| {
        let (l, r) = (left.contains(*element), right.contains(*element));
        if base.contains(*element) { l && r } else { l || r }
    };
    left.union(right).filter(kept).cloned().collect()
}

fn merge_maps(
    base: &BTreeMap<Arc<str>, Value>,
    left: &BTreeMap<Arc<str>, Value>,
    right: &BTreeMap<Arc<str>, Value>,
) -> Merge<Value> {
    let keys: BTreeSet<&Arc<str>> = left.keys().chain(right.keys()).collect();
    let mut merged = BTreeMap::new();
    for key in keys {
        let (b, l, r) = (base.get(key), left.get(key), right.get(key));
        let value = match (l, r) {
            (Some(l), Some(r)) => match merge_values(b, l, r) {
                Settled(value) => Some(value),
                Conflict => return Conflict,
            },
            _ => match by_equality(&b, &l, &r) {
                Some(simple) => simple.cloned(),
                None => return Conflict,
            },
        };
        if let Some(value) = value {
            merged.insert(Arc::clone(key), value);
        }
    }
    Settled(Value::Map(merged))
}

fn merge_texts(base: &str, left: &str, right: &str) -> Option<String> {
    let lines = |text: &'_ str| text.split_inclusive('\n').map(str::to_owned).collect::<Vec<_>>();
    merge_sequences(&lines(base), &lines(left), &lines(right)).map(|lines| lines.concat())
}

/// What one side put in the place of `start..end` of the base.
#[derive(Debug, PartialEq)]
struct Edit {
    start: usize,
    end: usize,
    put: Vec<usize>,
}

impl Edit {
    /// Whether nothing of the base lies between the two.
    fn touches(&self, other: &Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }
}

/// Three-way merge of sequences; `None` where both sides changed the same or neighbouring elements.
fn merge_sequences<T: Ord + Clone>(base: &[T], left: &[T], right: &[T]) -> Option<Vec<T>> {
    if base.len().max(left.len()).max(right.len()) > MERGE_LINES_MAX {
        return None;
    }
    let mut elements: Vec<&T> = base.iter().chain(left).chain(right).collect();
    elements.sort();
    elements.dedup();
    let numbers = |side: &[T]| -> Vec<usize> {
        side.iter().filter_map(|element| elements.binary_search(&element).ok()).collect()
    };
    let base_numbers = numbers(base);
    let left = edits(&base_numbers, &numbers(left));
    let right = edits(&base_numbers, &numbers(right));
    if left.iter().any(|l| right.iter().any(|r| l != r && l.touches(r))) {
        return None;
    }
    let mut all: Vec<&Edit> = left.iter().chain(&right).collect();
    all.sort_by_key(|edit| (edit.start, edit.end));
    all.dedup();
    let mut merged = Vec::with_capacity(base_numbers.len());
    let mut copied = 0;
    for edit in all {
        merged.extend_from_slice(base_numbers.get(copied..edit.start)?);
        merged.extend_from_slice(&edit.put);
        copied = edit.end;
    }
    merged.extend_from_slice(base_numbers.get(copied..)?);
    Some(merged.into_iter().map(|number| elements[number].clone()).collect())
}

/// The edits that make `side` of `base`, in order.
fn edits(base: &[usize], side: &[usize]) -> Vec<Edit> {
    let text = |numbers: &[usize]| numbers.iter().map(|number| format!("{number}\n")).collect::<String>();
    let (base_text, side_text) = (text(base), text(side));
    let patch = diffy::DiffOptions::new().set_context_len(0).create_patch(&base_text, &side_text);
    let edit = |hunk: &diffy::Hunk<'_, str>| {
        let old = hunk.old_range();
        // A range without lines is given by the line before it, any other by its first line; both count from 1.
        let start = if old.is_empty() { old.start() } else { old.start() - 1 };
        let put = hunk.lines().iter().filter_map(|line| match line {
            diffy::Line::Insert(number) => number.trim_end().parse().ok(),
            _ => None,
        });
        Edit { start, end: start + old.len(), put: put.collect() }
    };
    patch.hunks().iter().map(edit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Name, Oid, OrderKey};
    use proptest::prelude::*;

    fn never(_: &crate::object::Large) -> Result<Value, ReadError> {
        unreachable!("nothing large in these tests")
    }

    fn merge(base: Option<&Value>, left: Option<&Value>, right: Option<&Value>) -> Merge<Option<Value>> {
        let content = |value: Option<&Value>| value.cloned().map(Content::Value);
        let (base, left, right) = (content(base), content(left), content(right));
        let merged =
            merge_contents(MergePolicy::ByKind, base.as_ref(), left.as_ref(), right.as_ref(), &never)
                .unwrap();
        match merged {
            Settled(None) => Settled(None),
            Settled(Some(Content::Value(value))) => Settled(Some(value)),
            Settled(other) => panic!("{other:?} came of values"),
            Conflict => Conflict,
        }
    }

    /// Every pattern of equality among three sides, each of which may be absent.
    #[test]
    fn the_table_of_equal_and_different_sides() {
        let (a, b, c) = (Value::Int(1), Value::Int(2), Value::Int(3));
        let (a, b, c, none) = (Some(&a), Some(&b), Some(&c), None);
        for (base, left, right, expected) in [
            (a, a, a, Some(a)),
            (a, b, a, Some(b)),
            (a, a, b, Some(b)),
            (a, b, b, Some(b)),
            (a, b, c, None),
            (none, none, none, Some(none)),
            (none, a, none, Some(a)),
            (none, none, a, Some(a)),
            (none, a, a, Some(a)),
            (none, a, b, None),
            (a, none, a, Some(none)),
            (a, a, none, Some(none)),
            (a, none, none, Some(none)),
            (a, none, b, None),
            (a, b, none, None),
        ] {
            let expected = expected.map_or(Conflict, |value| Settled(value.cloned()));
            assert_eq!(merge(base, left, right), expected, "{base:?} {left:?} {right:?}");
        }
    }

    fn text(lines: &str) -> Value {
        lines
            .split(' ')
            .filter(|line| !line.is_empty())
            .map(|line| format!("{line}\n"))
            .collect::<String>()
            .into()
    }

    fn list(elements: &str) -> Value {
        Value::List(elements.split(' ').filter(|e| !e.is_empty()).map(Value::from).collect())
    }

    fn set(elements: &str) -> Value {
        Value::Set(elements.split(' ').filter(|e| !e.is_empty()).map(Value::from).collect())
    }

    fn map(entries: &str) -> Value {
        let entries = entries.split(' ').filter_map(|entry| entry.split_once('='));
        Value::Map(entries.map(|(key, value)| (key.into(), value.into())).collect())
    }

    #[test]
    fn the_table_of_kinds() {
        let counter = Value::Counter;
        let settled = |value| Settled(Some(value));
        for (base, left, right, expected) in [
            (counter(5), counter(7), counter(4), settled(counter(6))),
            (counter(5), counter(6), counter(6), settled(counter(7))),
            (counter(i64::MAX), counter(i64::MIN), counter(0), settled(counter(1))),
            (set("a b"), set("a b c"), set("b d"), settled(set("b c d"))),
            (map("a=1 b=1"), map("a=2 b=1 c=3"), map("a=1"), settled(map("a=2 c=3"))),
            (map("a=1"), map("a=2"), map("a=3"), Conflict),
            (map("a=1"), map("a=2"), map(""), Conflict),
            (list("a b c d"), list("x b c d"), list("a b c y"), settled(list("x b c y"))),
            (list("a b c"), list("a x c"), list("a y c"), Conflict),
            (text("a b c d e"), text("x b c d e"), text("a b c d y"), settled(text("x b c d y"))),
            (text("a b c d e"), text("a b c d e f"), text("z a b c d e"), settled(text("z a b c d e f"))),
            (text("a b c"), text("x b c"), text("a y c"), Conflict),
            (text("a b c"), text("a b c x"), text("a b c y"), Conflict),
            (text("a b c"), text("a x c"), text("a x c d"), settled(text("a x c d"))),
            (text("a b c d e"), text("a x c d e"), text("a x c d y"), settled(text("a x c d y"))),
            ("one".into(), "two".into(), "three".into(), Conflict),
            (Value::Int(1), counter(1), text("a"), Conflict),
        ] {
            assert_eq!(
                merge(Some(&base), Some(&left), Some(&right)),
                expected,
                "{base:?} {left:?} {right:?}"
            );
        }
    }

    #[test]
    fn a_place_merges_by_container_and_name_and_the_left_order_wins() {
        let place = |parent, name: &str, order| Place {
            parent: Oid::from_u128(parent),
            name: Name::new(name).unwrap(),
            order: OrderKey::at(order, 0),
        };
        let base = place(1, "a", 1);
        let merge = |left: &Place, right: &Place| merge_places(&base, left, right);
        assert_eq!(merge(&place(2, "a", 1), &place(1, "b", 1)), Settled(place(2, "b", 1)));
        assert_eq!(merge(&place(1, "a", 2), &place(1, "a", 3)), Settled(place(1, "a", 2)));
        assert_eq!(merge(&place(1, "a", 1), &place(1, "a", 3)), Settled(place(1, "a", 3)));
        assert_eq!(merge(&place(2, "a", 1), &place(3, "a", 1)), Conflict);
        assert_eq!(merge(&place(1, "b", 1), &place(1, "c", 1)), Conflict);
    }

    fn values() -> impl Strategy<Value = Value> {
        let word = prop::sample::select(vec!["a", "b", "c", "d"]);
        let words = prop::collection::vec(word, 0..8).prop_map(|words| words.join(" "));
        prop_oneof![
            (-3i64..3).prop_map(Value::Counter),
            (0i64..3).prop_map(Value::Int),
            words.clone().prop_map(|words| text(&words)),
            words.clone().prop_map(|words| list(&words)),
            words.clone().prop_map(|words| set(&words)),
            words.prop_map(|words| map(&words.replace(' ', "=1 "))),
        ]
    }

    proptest! {
        #[test]
        fn a_merge_does_not_depend_on_the_side(base in values(), left in values(), right in values()) {
            let (b, l, r) = (Some(&base), Some(&left), Some(&right));
            prop_assert_eq!(merge(b, l, r), merge(b, r, l));
        }

        #[test]
        fn an_untouched_side_changes_nothing(base in values(), side in values()) {
            let (b, s) = (Some(&base), Some(&side));
            prop_assert_eq!(merge(b, b, s), Settled(Some(side.clone())));
            if base == side || !matches!(side, Value::Counter(_)) {
                prop_assert_eq!(merge(b, s, s), Settled(Some(side.clone())));
            }
        }

        #[test]
        fn edits_make_the_side_of_the_base(base in prop::collection::vec(0usize..4, 0..12), side in prop::collection::vec(0usize..4, 0..12)) {
            let mut made = Vec::new();
            let mut copied = 0;
            for edit in edits(&base, &side) {
                made.extend_from_slice(&base[copied..edit.start]);
                made.extend(edit.put);
                copied = edit.end;
            }
            made.extend_from_slice(&base[copied..]);
            prop_assert_eq!(made, side);
        }
    }
}
