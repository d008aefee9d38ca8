//! The order of children: up, down, first, last, after another.

use std::collections::{HashMap, HashSet};

use bough_core::snapshot::{Child, ChildrenPage};
use bough_core::{Oid, OrderKey, Snapshot as _};
use bough_store::Draft;
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::chosen::Choice;
use super::{LOOKED_AT_MAX, listed};
use crate::{message, text};

/// Gives what the form chose its new standing.
pub(super) fn put(request: &PageRequest, what: &str) -> Result<PageAnswer, PageError> {
    let form = request.form()?;
    let folder = request.object()?.oid();
    let choice = Choice::of(request, form.all("of"), Some(folder))?;
    if choice.objects.is_empty() {
        return Err(PageError::refused("what you chose is not here any more"));
    }
    let name = form.get("after").trim();
    let path = request.path_text(folder)?;
    let names = listed(choice.objects.iter().map(|chosen| chosen.name.as_str()));
    let sentence = match what {
        "up" => format!("Put {names} in {path} one further up"),
        "down" => format!("Put {names} in {path} one further down"),
        "first" => format!("Put {names} at the beginning of {path}"),
        "last" => format!("Put {names} at the end of {path}"),
        _ => format!("Put {names} in {path} after {}", text::shortened(name, 60)),
    };
    let mut moved: Vec<(OrderKey, Oid)> = choice
        .objects
        .iter()
        .filter_map(|chosen| Some((chosen.object.place()?.order.clone(), chosen.oid)))
        .collect();
    // Among themselves they stay as they stand.
    moved.sort();
    let moved: Vec<Oid> = moved.into_iter().map(|(_, oid)| oid).collect();
    let ((), tid) = request.write(sentence, |draft| match what {
        "up" | "down" => step(request, draft, folder, &moved, what == "up"),
        "first" => {
            let mut next = first_but(draft, folder, &moved)?;
            for oid in moved.iter().rev() {
                let order = OrderKey::between(None, next.as_ref());
                draft.reorder(*oid, order.clone())?;
                next = Some(order);
            }
            Ok(())
        }
        "last" => {
            let now = request.database().now_micros();
            for (nth, oid) in moved.iter().enumerate() {
                draft.reorder(*oid, OrderKey::at(now, nth as u64))?;
            }
            Ok(())
        }
        _ => after(draft, folder, &moved, name),
    })?;
    let url = request.page_url(folder, &["contents"])?;
    let at: String = form.get("at").chars().filter(|c| c.is_ascii_graphic() && *c != '#').collect();
    Ok(message::done(&if at.is_empty() { url } else { format!("{url}?{at}") }, tid))
}

/// The standing of the first child that does not move.
fn first_but(draft: &Draft, folder: Oid, moved: &[Oid]) -> Result<Option<OrderKey>, PageError> {
    let children = draft.children(folder, &ChildrenPage::first(moved.len() + 1))?;
    Ok(children.into_iter().find(|child| !moved.contains(&child.oid)).map(|child| child.order))
}

fn after(draft: &mut Draft, folder: Oid, moved: &[Oid], name: &str) -> Result<(), PageError> {
    if name.is_empty() {
        return Err(PageError::refused("say after which object: write its name into the field"));
    }
    let missing = || {
        let name = text::shortened(name, 60);
        PageError::refused(format!("there is no “{name}” in here to stand behind"))
    };
    let oid = draft.child(folder, name)?.ok_or_else(missing)?;
    if moved.contains(&oid) {
        return Err(PageError::refused(format!("“{name}” cannot stand behind itself: untick it")));
    }
    let object = draft.object(oid)?.ok_or_else(missing)?;
    let place = object.place().ok_or_else(missing)?;
    let before = Child { oid, name: place.name.clone(), order: place.order.clone() };
    let page = ChildrenPage::first(moved.len() + 1).following(&before);
    let next = draft.children(folder, &page)?.into_iter().find(|child| !moved.contains(&child.oid));
    let mut low = before.order;
    for oid in moved {
        let order = OrderKey::between(Some(&low), next.as_ref().map(|child| &child.order));
        draft.reorder(*oid, order.clone())?;
        low = order;
    }
    Ok(())
}

/// Moves each one further up or down; those that stand together go together. Listings go forward only, so all children
/// are read.
fn step(
    request: &PageRequest,
    draft: &mut Draft,
    folder: Oid,
    moved: &[Oid],
    is_up: bool,
) -> Result<(), PageError> {
    request.check_time()?;
    let children = draft.children(folder, &ChildrenPage::first(LOOKED_AT_MAX + 1))?;
    if children.len() > LOOKED_AT_MAX {
        let most = text::grouped(LOOKED_AT_MAX as u64);
        return Err(PageError::refused(format!(
            "more than {most} objects are in here: say after which one it shall stand"
        )));
    }
    let moved: HashSet<Oid> = moved.iter().copied().collect();
    for (oid, order) in stepped(&children, &moved, is_up) {
        draft.reorder(oid, order)?;
    }
    Ok(())
}

/// The new standings of those that move.
fn stepped(children: &[Child], moved: &HashSet<Oid>, is_up: bool) -> Vec<(Oid, OrderKey)> {
    let is_moved = |child: &Child| moved.contains(&child.oid);
    let mut order: Vec<&Child> = children.iter().collect();
    let swaps: Vec<usize> = if is_up { (1..order.len()).collect() } else { (1..order.len()).rev().collect() };
    for at in swaps {
        let (first, second) = (is_moved(order[at - 1]), is_moved(order[at]));
        if (is_up && second && !first) || (!is_up && first && !second) {
            order.swap(at - 1, at);
        }
    }
    let was: HashMap<Oid, usize> = children.iter().enumerate().map(|(at, child)| (child.oid, at)).collect();
    let mut standings = Vec::new();
    let mut low: Option<OrderKey> = None;
    for (at, child) in order.iter().enumerate() {
        if is_moved(child) && was.get(&child.oid) != Some(&at) {
            let high = order[at + 1..].iter().find(|next| !is_moved(next) || was.get(&next.oid) == Some(&at));
            let key = OrderKey::between(low.as_ref(), high.map(|next| &next.order));
            standings.push((child.oid, key.clone()));
            low = Some(key);
        } else {
            low = Some(child.order.clone());
        }
    }
    standings
}

#[cfg(test)]
mod tests {
    use bough_core::Name;

    use super::*;

    fn after_step(moved: &[u128], is_up: bool) -> Vec<u128> {
        let child = |n: u128| Child {
            oid: Oid::from_u128(n),
            name: Name::new(&n.to_string()).unwrap(),
            order: OrderKey::at(1, n as u64),
        };
        let mut children: Vec<Child> = (1..=5).map(child).collect();
        let moved: HashSet<Oid> = moved.iter().map(|n| Oid::from_u128(*n)).collect();
        for (oid, order) in stepped(&children.clone(), &moved, is_up) {
            children
                .iter_mut()
                .filter(|child| child.oid == oid)
                .for_each(|child| child.order = order.clone());
        }
        children.sort_by(|a, b| bough_core::snapshot::ChildOrder::Place.compare(a, b));
        children.iter().map(|child| child.name.as_str().parse().unwrap()).collect()
    }

    #[test]
    fn each_goes_one_further_and_those_together_stay_together() {
        assert_eq!(after_step(&[3], true), [1, 3, 2, 4, 5]);
        assert_eq!(after_step(&[3], false), [1, 2, 4, 3, 5]);
        assert_eq!(after_step(&[3, 4], true), [1, 3, 4, 2, 5]);
        assert_eq!(after_step(&[2, 3], false), [1, 4, 2, 3, 5]);
        assert_eq!(after_step(&[2, 5], true), [2, 1, 3, 5, 4]);
        // What stands at the end already stays there.
        assert_eq!(after_step(&[1, 2], true), [1, 2, 3, 4, 5]);
        assert_eq!(after_step(&[1, 3], true), [1, 3, 2, 4, 5]);
        assert_eq!(after_step(&[5, 1], false), [2, 1, 3, 4, 5]);
    }
}
