//! An edit by chance: something is added, set, moved, put in order, deleted, or given rights.

use bough_core::snapshot::Snapshot as _;
use bough_core::transaction::TransactionError;
use bough_core::{CellKey, Content, Oid, Place, Value};
use bough_store::testing::{StepError, name};
use bough_store::{Draft, LineStatus};

use super::{LIVE_WANTED, Play, note};
use crate::plain::order_between;
use crate::security::{random_cell, write_cell};

impl Play {
    pub(super) fn edit(&mut self, line: usize) {
        let tree = self.tree(line);
        let live = tree.live();
        let (oid, parent) = (live[self.chance.below(live.len())], live[self.chance.below(live.len())]);
        let own = self.name();
        let room = |moved: Option<Oid>| {
            let chain = tree.chain(parent).unwrap_or_default();
            let is_taken = tree.child(parent, own.as_str()).is_some_and(|other| Some(other) != moved);
            tree.is_folder(parent) && !is_taken && !moved.is_some_and(|moved| chain.contains(&moved))
        };
        let crowded = live.len() > LIVE_WANTED;
        let place = tree.place(oid).cloned();
        let database = self.on(line);
        let is_open = self.lines[line].status == LineStatus::Open;
        let attempt = |work: &dyn Fn(&mut Draft) -> Result<Oid, TransactionError>| {
            let written = database.write::<_, StepError>(note(), |draft| Ok(work(draft)?));
            match written {
                Ok((oid, Some(tid))) if is_open => Some((oid, tid)),
                Ok((_, None)) => None,
                Ok(_) => panic!("a version that is not open was written to"),
                Err(StepError::Commit(_)) if !is_open => None,
                Err(error) => panic!("{error}: {error:?}"),
            }
        };
        let place_of = |oid: Oid| {
            let object = database.snapshot().object(oid).unwrap().unwrap();
            (CellKey::Place, object.place().cloned().map(Content::Place))
        };
        let roll = self.chance.below(100);
        self.doing = format!("edit {roll} of {oid} in {parent} as {own} on {line}");
        let number = self.chance.below(4) as i64;
        let mut changes = Vec::new();
        let tid = match roll {
            0..25 if !crowded && room(None) => {
                let kind = name(if number == 0 { "page" } else { "folder" });
                let made =
                    attempt(&|draft| draft.add(parent, &own, &kind, [(name("n"), Value::Int(number))]));
                made.map(|(made, tid)| {
                    let (key, place) = place_of(made);
                    changes.push((made, CellKey::Type, Some(Content::Type(kind.clone()))));
                    let number = Content::Value(Value::Int(number));
                    changes.push((made, CellKey::Attribute(name("n")), Some(number)));
                    changes.push((made, key, place));
                    tid
                })
            }
            25..55 => {
                let attribute = name(["n", "c", "t"][self.chance.below(3)]);
                let key = CellKey::Attribute(attribute.clone());
                let value = match (attribute.as_str(), tree.content(oid, &key)) {
                    _ if self.chance.below(10) == 0 => None,
                    ("c", Some(Content::Value(Value::Counter(now)))) => {
                        Some(Value::Counter(now + 1 + number))
                    }
                    ("c", _) => Some(Value::Counter(number)),
                    ("t", now) => {
                        let now = match now {
                            Some(Content::Value(Value::Text(text))) => text.to_string(),
                            _ => "0\n1\n2\n3\n4\n5\n".into(),
                        };
                        let mut lines: Vec<String> = now.lines().map(str::to_owned).collect();
                        let at = self.chance.below(lines.len());
                        lines[at] = format!("{at} {number}");
                        Some(Value::from(lines.join("\n") + "\n"))
                    }
                    _ => Some(Value::Int(number)),
                };
                let done = attempt(&|draft| draft.set(oid, &attribute, value.clone()).map(|()| oid));
                changes.push((oid, key, value.map(Content::Value)));
                done.map(|(_, tid)| tid)
            }
            55..72 if oid != Oid::ROOT && room(Some(oid)) => {
                let done = attempt(&|draft| draft.move_to(oid, parent, &own).map(|()| oid));
                done.map(|(_, tid)| {
                    let (key, place) = place_of(oid);
                    changes.push((oid, key, place));
                    tid
                })
            }
            72..80 if oid != Oid::ROOT => {
                let Some(place) = place else { return };
                let siblings = tree.children(place.parent);
                let order = order_between(&siblings, self.chance.below(siblings.len() + 1));
                let done = attempt(&|draft| draft.reorder(oid, order.clone()).map(|()| oid));
                changes.push((oid, CellKey::Place, Some(Content::Place(Place { order, ..place }))));
                done.map(|(_, tid)| tid)
            }
            80..88 if oid != Oid::ROOT => {
                let done = attempt(&|draft| draft.delete(oid).map(|()| oid));
                changes.push((oid, CellKey::Place, None));
                done.map(|(_, tid)| tid)
            }
            88.. => {
                let (key, content) = random_cell(&mut self.chance);
                let done = attempt(&|draft| write_cell(draft, oid, &key, content.as_ref()).map(|()| oid));
                changes.push((oid, key, content));
                done.map(|(_, tid)| tid)
            }
            _ => None,
        };
        if let Some(tid) = tid {
            self.count.edits += 1;
            self.write(line, tid, changes, None);
        }
    }
}
