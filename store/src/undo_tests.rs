//! Undo as its users see it, and as it was recorded.

use std::collections::BTreeMap;
use std::sync::Arc;

use bough_core::{CellKey, Content, Oid, Tid, Value};
use serde_json::Value as Json;

use crate::disk::MemoryDisk;
use crate::testing::{StepError, name, open_on, path, seed, seeded};
use crate::{BlockerReason, Database, Kind, Note, UndoChoices, UndoError};

fn undo(database: &Database, of: &[Tid]) -> Result<Option<Tid>, UndoError> {
    database.undo(of, &UndoChoices::default(), Note::edit("Undid"))
}

fn undone(database: &Database, of: &[Tid]) -> Tid {
    undo(database, of).unwrap().expect("something to undo")
}

fn blockers(result: Result<Option<Tid>, UndoError>) -> Vec<crate::Blocker> {
    match result {
        Err(UndoError::Blocked { blockers }) => blockers,
        other => panic!("expected blockers, found {other:?}"),
    }
}

#[test]
fn undo_keeps_what_was_written_later() {
    let database = seeded("/page title=A body=one");
    let renamed = database.set("/page", "title", "B");
    database.set("/page", "body", "two");
    let undo = undone(&database, &[renamed]);
    assert_eq!(database.text(), "/page body=two title=A\n");
    assert_eq!(database.commit_record(undo).unwrap().kind, Kind::Undo { of: vec![renamed] });
}

#[test]
fn redo_is_the_undo_of_the_undo_however_often() {
    let disk = MemoryDisk::new();
    let database = open_on(Arc::new(disk.clone()));
    seed(&database, "/page title=A body=x");
    let mut last = database.set("/page", "title", "B");
    for round in 0..40 {
        last = undone(&database, &[last]);
        let expected = if round % 2 == 0 { "A" } else { "B" };
        assert_eq!(database.text(), format!("/page body=x title={expected}\n"), "round {round}");
        let object = database.object_at(database.oid_at("/page"), last).unwrap().unwrap();
        assert_eq!(object.attribute("title").unwrap().tid, last, "the undo is to blame");
        assert!(object.attribute("body").unwrap().tid < last, "an untouched cell keeps its tid");
    }
    drop(database);
    assert_eq!(open_on(Arc::new(disk)).text(), "/page body=x title=B\n", "after a replay");
}

#[test]
fn structure_comes_back_with_everything_in_it() {
    let site = "/a\n/a/x\n/a/x/deep title=D\n/b\n";
    let database = seeded(site);
    let deleted = database.delete("/a");
    assert_eq!(database.text(), "/b\n");
    let back = undone(&database, &[deleted]);
    assert_eq!(database.text(), site);
    undone(&database, &[back]);
    assert_eq!(database.text(), "/b\n");

    let database = seeded(site);
    let moved = database.move_path("/a/x", "/b/y");
    database.set("/b/y/deep", "title", "E");
    undone(&database, &[moved]);
    assert_eq!(database.text(), site.replace("title=D", "title=E"));
}

#[test]
fn an_import_is_taken_back_and_brought_back_whole() {
    let disk = MemoryDisk::new();
    let database = open_on(Arc::new(disk.clone()));
    let empty = database.text();
    let body = "text ".repeat(2_000);
    let ((), import) = database
        .write::<_, StepError>(Note::edit("Imported").of_kind(Kind::Import), |draft| {
            for folder in 0..20 {
                let parent = draft.add(Oid::ROOT, &name(&format!("f{folder}")), &name("folder"), [])?;
                for page in 0..50 {
                    let attributes = [(name("body"), Value::from(body.as_str()))];
                    draft.add(parent, &name(&format!("p{page}")), &name("page"), attributes)?;
                }
            }
            Ok(())
        })
        .unwrap();
    let full = database.text();
    let undo = undone(&database, &[import.unwrap()]);
    assert_eq!(database.text(), empty);
    assert_eq!(database.commit_record(undo).unwrap().objects, 1_020);
    undone(&database, &[undo]);
    assert_eq!(database.text(), full);
    drop(database);
    assert_eq!(open_on(Arc::new(disk)).text(), full, "after a replay");
}

#[test]
fn a_blocker_names_the_later_commit_and_undoing_that_too_removes_it() {
    let database = seeded("/page title=A");
    let first = database.set("/page", "title", "B");
    let second = database.set("/page", "title", "C");
    let found = blockers(undo(&database, &[first]));
    assert_eq!(found.len(), 1);
    let later = found[0].later.as_ref().unwrap();
    assert_eq!((later.tid, later.principal.as_str()), (second, "tess"));
    assert_eq!(found[0].path, Some(path("/page")));
    assert!(matches!(&found[0].reason, BlockerReason::Cell(blocked) if blocked.cell == title()));
    assert_eq!(database.text(), "/page title=C\n", "a refused undo changes nothing");
    undone(&database, &[first, second]);
    assert_eq!(database.text(), "/page title=A\n");
}

fn title() -> CellKey {
    CellKey::Attribute(name("title"))
}

#[test]
fn a_blocked_cell_can_be_skipped_or_given_a_value() {
    let database = seeded("/page title=A body=x");
    let oid = database.oid_at("/page");
    let both = database.doing(|draft| {
        draft.set(oid, &name("title"), Some("B".into()))?;
        draft.set(oid, &name("body"), Some("y".into()))
    });
    database.set("/page", "title", "C");
    let skip = UndoChoices { skip: vec![(oid, title())], ..UndoChoices::default() };
    let plan = database.undo_preview(&[both], &skip).unwrap();
    assert_eq!((plan.blockers.len(), plan.cells.len()), (0, 1));
    let tid = database.undo(&[both], &skip, Note::edit("Undid")).unwrap().unwrap();
    assert_eq!(database.text(), "/page body=x title=C\n");
    undone(&database, &[tid]);
    let chosen = Some(Content::Value("D".into()));
    let choose = UndoChoices { choose: vec![(oid, title(), chosen)], ..UndoChoices::default() };
    database.undo(&[both], &choose, Note::edit("Undid")).unwrap();
    assert_eq!(database.text(), "/page body=x title=D\n");
}

#[test]
fn what_stands_against_an_undo_is_said() {
    let add = |database: &Database, line: &str| database.add_text(line);
    // The making of a folder in which somebody else put something.
    let database = seeded("");
    let made = add(&database, "/a");
    let inside = add(&database, "/a/b");
    let found = blockers(undo(&database, &[made]));
    assert!(matches!(&found[0].reason, BlockerReason::Child { name, .. } if *name == "b"), "{found:?}");
    assert_eq!(found[0].later.as_ref().map(|record| record.tid), Some(inside));
    undone(&database, &[made, inside]);
    assert_eq!(database.text(), "");
    // A deletion whose name was taken.
    let database = seeded("/a title=A");
    let deleted = database.delete("/a");
    let taken = add(&database, "/a title=B");
    let found = blockers(undo(&database, &[deleted]));
    assert!(matches!(&found[0].reason, BlockerReason::NameTaken { name, .. } if *name == "a"), "{found:?}");
    assert_eq!(found[0].later.as_ref().map(|record| record.tid), Some(taken));
    // A move out of a folder that is gone.
    let database = seeded("/f\n/f/a");
    let moved = database.move_path("/f/a", "/a");
    database.delete("/f");
    let found = blockers(undo(&database, &[moved]));
    assert!(matches!(found[0].reason, BlockerReason::ParentGone), "{found:?}");
    // An edit of what is gone, itself or with its folder.
    for (gone, deleted) in [("/f/a", BlockerReason::Deleted), ("/f", BlockerReason::ParentGone)] {
        let database = seeded("/f\n/f/a title=A");
        let edited = database.set("/f/a", "title", "B");
        database.delete(gone);
        let found = blockers(undo(&database, &[edited]));
        assert_eq!(found[0].reason, deleted);
    }
    // Something that others refer to.
    let database = seeded("/b");
    let made = add(&database, "/a");
    let a = database.oid_at("/a");
    database.set("/b", "see", Value::Reference(a));
    let found = blockers(undo(&database, &[made]));
    assert_eq!(found[0].reason, BlockerReason::Referenced { by: database.oid_at("/b") });
    let anyway = UndoChoices { allow_dangling: true, ..UndoChoices::default() };
    database.undo(&[made], &anyway, Note::edit("Undid")).unwrap();
    // The making of the site, and nothing.
    let first = database.commits(None, 100).unwrap().pop().unwrap().tid;
    assert!(matches!(undo(&database, &[first]), Err(UndoError::Creation(_))));
    assert!(matches!(undo(&database, &[]), Err(UndoError::Nothing)));
}

/// The children that others had added meanwhile were left without a container: with the newest commit among those to be
/// taken back, only what these commits had placed was looked for.
#[test]
fn an_undo_of_the_newest_and_an_older_commit_sees_what_came_in_between() {
    let database = seeded("");
    let made = database.add_text("/f");
    let inside = database.add_text("/f/a");
    let newest = database.add_text("/b");
    let found = blockers(undo(&database, &[made, newest]));
    assert!(matches!(&found[0].reason, BlockerReason::Child { name, .. } if *name == "a"), "{found:?}");
    assert_eq!(found[0].later.as_ref().map(|record| record.tid), Some(inside));
}

#[test]
fn a_preview_says_exactly_what_the_undo_then_does() {
    let database = seeded("/a\n/a/p title=A\n/b");
    let tid = database.doing(|draft| {
        let (p, b) = (draft.at(&path("/a/p"))?, draft.at(&path("/b"))?);
        draft.set(p, &name("title"), Some("B".into()))?;
        draft.move_to(p, b, &name("q"))
    });
    let plan = database.undo_preview(&[tid], &UndoChoices::default()).unwrap();
    assert_eq!(plan.objects, 1);
    assert_eq!(plan.urls.len(), 1);
    assert_eq!(
        (plan.urls[0].before.clone(), plan.urls[0].after.clone()),
        (Some(path("/b/q")), Some(path("/a/p")))
    );
    let cells: Vec<String> = plan.cells.iter().map(|cell| cell.cell.to_string()).collect();
    assert_eq!(cells, ["place", "title"]);
    undone(&database, &[tid]);
    assert_eq!(database.text(), "/a\n/a/p title=A\n/b\n");
}

#[test]
fn counters_and_texts_merge_in_an_undo() {
    let database = seeded("/page");
    database.set("/page", "count", Value::Counter(0));
    let plus = database.set("/page", "count", Value::Counter(5));
    database.set("/page", "count", Value::Counter(7));
    undone(&database, &[plus]);
    let object = database.object_at(database.oid_at("/page"), database.head()).unwrap().unwrap();
    assert_eq!(object.value("count"), Some(&Value::Counter(2)));

    let long = |first: &str, last: &str| format!("{first}\n{}{last}\n", "middle\n".repeat(1_500));
    database.set("/page", "text", long("a", "z"));
    let first = database.set("/page", "text", long("b", "z"));
    database.set("/page", "text", long("b", "y"));
    undone(&database, &[first]);
    let object = database.object_at(database.oid_at("/page"), database.head()).unwrap().unwrap();
    assert_eq!(database.attribute(&object, "text").unwrap(), Some(long("a", "y").into()));
}

/// The recorded cases: every answer of the kind `merged`.
#[test]
fn every_recorded_undo_answers_as_recorded() {
    let recorded: Json = serde_json::from_str(include_str!("../tests/fixtures/undo.json")).unwrap();
    for case in recorded["cases"].as_array().unwrap() {
        let mut run = Recorded::start(case);
        for (nth, (step, expected)) in list(&case["steps"]).iter().zip(list(&case["merged"])).enumerate() {
            if expected["outcome"] == "skipped" {
                run.steps.push(None);
                continue;
            }
            let found = run.step(step);
            let place = format!("{} step {nth}: {step}", case["id"]);
            match expected["outcome"].as_str().unwrap() {
                "ok" => {
                    assert!(found, "{place}: expected it to be done");
                    assert_eq!(run.state(case), expected["state"], "{place}");
                }
                _ => assert!(!found, "{place}: expected it to be refused"),
            }
        }
    }
}

fn list(json: &Json) -> &Vec<Json> {
    json.as_array().unwrap()
}

/// One recorded history on a database.
struct Recorded {
    database: Database,
    transactions: Vec<Tid>,
    steps: Vec<Option<Tid>>,
    objects: BTreeMap<String, Oid>,
}

impl Recorded {
    fn start(case: &Json) -> Self {
        let database = seeded("");
        let mut run =
            Self { database, transactions: Vec::new(), steps: Vec::new(), objects: BTreeMap::new() };
        if case["kind"] == "attributes" {
            for (object, attributes) in case["initial"].as_object().unwrap() {
                run.add("", object, object, attributes);
            }
        } else {
            run.add("", "f1", "f1", &Json::Null);
            run.add("", "f2", "f2", &Json::Null);
            run.transaction(list(&case["initial"]));
        }
        for transaction in list(&case["transactions"]) {
            let tid = run.transaction(list(&transaction["ops"]));
            run.transactions.push(tid);
        }
        run
    }

    fn add(&mut self, parent: &str, own: &str, object: &str, attributes: &Json) {
        let parent = self.objects.get(parent).copied().unwrap_or(Oid::ROOT);
        let attributes = attributes.as_object().into_iter().flatten();
        let attributes: Vec<_> = attributes.map(|(key, value)| (name(key), value_of(value))).collect();
        let kind = if own.starts_with('f') { "folder" } else { "page" };
        let mut made = Oid::ROOT;
        self.database
            .write::<_, StepError>(Note::edit("Added"), |draft| {
                made = draft.add(parent, &name(own), &name(kind), attributes.clone())?;
                Ok(())
            })
            .unwrap();
        self.objects.insert(object.to_owned(), made);
    }

    /// All ops in one commit. A commit without a net effect is given the tid of the head, and never undone.
    fn transaction(&mut self, ops: &[Json]) -> Tid {
        let mut draft = self.database.begin();
        for op in ops {
            let text = |at: usize| op[at].as_str().unwrap();
            match text(0) {
                "add" => {
                    let attributes = op[4].as_object().unwrap();
                    let attributes: Vec<_> =
                        attributes.iter().map(|(key, value)| (name(key), value_of(value))).collect();
                    let parent = self.objects[text(1)];
                    let oid = draft.add(parent, &name(text(2)), &name("page"), attributes).unwrap();
                    self.objects.insert(text(3).to_owned(), oid);
                }
                "delete" => {
                    let oid = draft.at(&path(&format!("/{}/{}", text(1), text(2)))).unwrap();
                    draft.delete(oid).unwrap();
                }
                "set" if op.as_array().unwrap().len() == 5 => {
                    let oid = draft.at(&path(&format!("/{}/{}", text(1), text(2)))).unwrap();
                    draft.set(oid, &name(text(3)), Some(value_of(&op[4]))).unwrap();
                }
                "set" => draft.set(self.objects[text(1)], &name(text(2)), Some(value_of(&op[3]))).unwrap(),
                "del" => draft.set(self.objects[text(1)], &name(text(2)), None).unwrap(),
                other => panic!("unknown op {other}"),
            }
        }
        self.database.commit(draft, Note::edit("Did")).unwrap().unwrap_or(Tid::ZERO)
    }

    /// Whether the step was done.
    fn step(&mut self, step: &Json) -> bool {
        let of: Vec<Tid> = match step.get("undo") {
            Some(numbers) => {
                list(numbers).iter().map(|n| self.transactions[n.as_u64().unwrap() as usize - 1]).collect()
            }
            None => self.steps[step["redo_step"].as_u64().unwrap() as usize].into_iter().collect(),
        };
        let of: Vec<Tid> = of.into_iter().filter(|tid| *tid != Tid::ZERO).collect();
        let result = if of.is_empty() { Ok(None) } else { undo(&self.database, &of) };
        self.steps.push(result.as_ref().ok().copied().flatten());
        result.is_ok()
    }

    fn state(&self, case: &Json) -> Json {
        let snapshot = self.database.snapshot();
        let attributes = |oid: Oid| {
            let object = bough_core::Snapshot::object(&snapshot, oid).unwrap().unwrap();
            let pairs = object.attributes().map(|(key, cell)| (key.to_string(), json_of(&cell.content)));
            Json::Object(pairs.collect())
        };
        if case["kind"] == "attributes" {
            let objects = self.objects.iter().map(|(object, oid)| (object.clone(), attributes(*oid)));
            return Json::Object(objects.collect());
        }
        let boxes = ["f1", "f2"].map(|own| {
            let page = bough_core::snapshot::ChildrenPage::first(1_000);
            let children = bough_core::Snapshot::children(&snapshot, self.objects[own], &page).unwrap();
            let children = children.into_iter().map(|child| {
                let (object, _) = self.objects.iter().find(|(_, oid)| **oid == child.oid).unwrap();
                let found = serde_json::json!({ "object": object, "attrs": attributes(child.oid) });
                (child.name.to_string(), found)
            });
            (own.to_owned(), Json::Object(children.collect()))
        });
        Json::Object(boxes.into_iter().collect())
    }
}

fn value_of(json: &Json) -> Value {
    match json {
        Json::String(text) => text.as_str().into(),
        Json::Number(number) => Value::Int(number.as_i64().unwrap()),
        other => panic!("unknown value {other}"),
    }
}

fn json_of(content: &Content) -> Json {
    match content {
        Content::Value(Value::Text(text)) => Json::String(text.to_string()),
        Content::Value(Value::Int(number)) => Json::Number((*number).into()),
        other => panic!("unknown content {other:?}"),
    }
}

#[test]
fn a_counter_is_counted_down_once_however_often_its_commit_is_undone() {
    let database = seeded("/page");
    database.set("/page", "count", Value::Counter(5));
    let plus = database.set("/page", "count", Value::Counter(7));
    undone(&database, &[plus]);
    assert_eq!(undo(&database, &[plus]).unwrap(), None);
    let object = database.object_at(database.oid_at("/page"), database.head()).unwrap().unwrap();
    assert_eq!(object.value("count"), Some(&Value::Counter(5)));
}
